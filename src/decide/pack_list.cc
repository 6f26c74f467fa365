#include <algorithm>

#include "base/csv.h"
#include "decide/list.h"
#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

constexpr std::string_view kListDir = "lists/";
constexpr std::string_view kExtension = ".csv";
constexpr int64_t kEntriesMost = 5'000'000;
constexpr int64_t kBytesMost = int64_t{2} << 30;

Result<void> ReadFileOf(const TomlNode& node, const PackFiles& files, const std::string& dir,
                        List& list) {
  FUQI_ASSIGN_OR_RETURN(list.file, node.As<std::string>());
  const auto found = std::ranges::find(files, list.file, &PackFiles::value_type::first);
  if (!internal::IsListPath(list.file) || found == files.end()) {
    return node.Fail("the pack has no file '{}'; a list's file lies at lists/NAME.csv", list.file);
  }
  CsvReader reader(dir.empty() ? list.file : fmt::format("{}/{}", dir, list.file),
                   MemorySource(found->second));
  Result<std::vector<ListEntry>> entries = ReadListCsv(reader, list);
  if (!entries) {
    return entries.error().WithCode(ErrorCode::kConfig);
  }
  list.entries = *std::move(entries);
  return {};
}

// What is said of names alone.
Result<void> ReadScreening(const TomlNode& node, List& list) {
  for (std::string_view key : {"threshold", "clears"}) {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> said, node.Optional<TomlNode>(key));
    if (said && list.type.id != table::TypeId::kVarchar) {
      return said->Fail("'{}' is said of a list of names, VARCHAR, not of {}", key,
                        list.type.ToString());
    }
  }
  FUQI_ASSIGN_OR_RETURN(const int64_t threshold,
                        internal::ReadWhole(node, "threshold", list.threshold, 1, 100));
  list.threshold = static_cast<int>(threshold);
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> clears, node.Optional<std::string>("clears"));
  list.clears = clears.value_or("");
  return {};
}

// Finds the list that each 'clears' names.
Result<void> ResolveClearing(std::vector<List>& lists) {
  for (size_t i = 0; i < lists.size(); ++i) {
    const List& list = lists[i];
    if (list.clears.empty()) {
      continue;
    }
    const auto found = std::ranges::find(lists, list.clears, &List::name);
    if (found == lists.end()) {
      return Err(ErrorCode::kConfig, "list '{}' clears hits of '{}', which the pack does not have",
                 list.name, list.clears)
          .At(list.where);
    }
    if (found->type.id != table::TypeId::kVarchar || !found->clears.empty()) {
      return Err(ErrorCode::kConfig,
                 "list '{}' clears hits of '{}', which is no list of names to screen for",
                 list.name, list.clears)
          .At(list.where);
    }
    if (found->cleared_by >= 0) {
      return Err(ErrorCode::kConfig, "lists '{}' and '{}' both clear hits of '{}'",
                 lists[static_cast<size_t>(found->cleared_by)].name, list.name, list.clears)
          .At(list.where);
    }
    found->cleared_by = static_cast<int>(i);
  }
  return {};
}

Result<List> ReadList(const TomlNode::Entry& entry, const PackFiles& files,
                      const std::string& dir) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  const TomlNode& node = entry.value;
  List list;
  list.name = entry.key;
  list.where = entry.where;
  FUQI_ASSIGN_OR_RETURN(TomlNode type, node.Required<TomlNode>("type"));
  FUQI_ASSIGN_OR_RETURN(list.type, internal::ReadType(type));
  const table::Datum::Kind kind = table::KindOf(list.type);
  if (kind != table::Datum::Kind::kInt && kind != table::Datum::Kind::kText) {
    return type.Fail("a list holds exact values or texts, not {}", list.type.ToString());
  }
  FUQI_RETURN_IF_ERROR(ReadScreening(node, list));
  FUQI_ASSIGN_OR_RETURN(list.title, internal::ReadTitle(node));
  FUQI_ASSIGN_OR_RETURN(list.entries_max, internal::ReadWhole(node, "entries_max", list.entries_max,
                                                              1, kEntriesMost));
  FUQI_ASSIGN_OR_RETURN(list.bytes_max,
                        internal::ReadWhole(node, "bytes_max", list.bytes_max, 1, kBytesMost));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> file, node.Optional<TomlNode>("file"));
  if (file) {
    FUQI_RETURN_IF_ERROR(ReadFileOf(*file, files, dir, list));
  }
  return list;
}

}  // namespace

bool internal::IsListPath(std::string_view path) {
  return path.starts_with(kListDir) && path.ends_with(kExtension) &&
         path.size() > kListDir.size() + kExtension.size() &&
         path.find('/', kListDir.size()) == std::string_view::npos;
}

Result<void> internal::ReadLists(const TomlNode& root, const PackFiles& files,
                                 const std::string& dir, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> lists, root.Optional<TomlNode>("list"));
  if (lists) {
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, lists->Entries());
    if (entries.size() > kPackListsMax) {
      return lists->Fail("{} lists; a pack may have {}", entries.size(), kPackListsMax);
    }
    for (const TomlNode::Entry& entry : entries) {
      FUQI_ASSIGN_OR_RETURN(List list, ReadList(entry, files, dir));
      pack.lists.push_back(std::move(list));
    }
    FUQI_RETURN_IF_ERROR(ResolveClearing(pack.lists));
  }
  for (const auto& [path, content] : files) {
    if (IsListPath(path) && std::ranges::find(pack.lists, path, &List::file) == pack.lists.end()) {
      return Err(ErrorCode::kConfig, "no list of the pack names this file")
          .At({.file = dir.empty() ? path : fmt::format("{}/{}", dir, path)});
    }
  }
  return {};
}

}  // namespace fuqi::decide
