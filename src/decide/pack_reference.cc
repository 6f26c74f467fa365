#include <algorithm>

#include "base/csv.h"
#include "decide/pack_internal.h"
#include "decide/reference.h"

namespace fuqi::decide {
namespace {

constexpr std::string_view kReferenceDir = "references/";
constexpr std::string_view kExtension = ".csv";
constexpr int64_t kRowsMost = 5'000'000;
constexpr int64_t kBytesMost = int64_t{2} << 30;

Result<void> ReadColumns(const TomlNode& node, Reference& reference) {
  FUQI_ASSIGN_OR_RETURN(TomlNode key, node.Required<TomlNode>("key"));
  std::vector<std::string> keys;
  if (key.is_string()) {
    FUQI_ASSIGN_OR_RETURN(keys.emplace_back(), key.As<std::string>());
  } else {
    FUQI_ASSIGN_OR_RETURN(keys, key.As<std::vector<std::string>>());
  }
  FUQI_ASSIGN_OR_RETURN(TomlNode time, node.Required<TomlNode>("time"));
  FUQI_ASSIGN_OR_RETURN(std::string time_name, time.As<std::string>());
  FUQI_ASSIGN_OR_RETURN(TomlNode columns, node.Required<TomlNode>("column"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, columns.Entries());
  if (entries.size() > kPackColumnsMax) {
    return columns.Fail("{} columns; a table may have {}", entries.size(), kPackColumnsMax);
  }
  std::vector<EventColumn> all;
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
    FUQI_ASSIGN_OR_RETURN(TomlNode type, entry.value.Required<TomlNode>("type"));
    FUQI_ASSIGN_OR_RETURN(table::Type read, internal::ReadType(type));
    FUQI_ASSIGN_OR_RETURN(std::string class_path, internal::RequiredText(entry.value, "class"));
    if (read.id == table::TypeId::kInterval) {
      return type.Fail("a reference has no column of {}", read.ToString());
    }
    all.push_back({{entry.key, read, true}, std::move(class_path), entry.where});
  }
  // The keys, the time, then the values.
  keys.push_back(time_name);
  for (const std::string& name : keys) {
    const auto found = std::ranges::find(all, name, &EventColumn::name);
    const TomlNode& at = name == time_name ? time : key;
    if (found == all.end()) {
      return at.Fail("table '{}' has no column '{}'", reference.name, name);
    }
    const table::Datum::Kind kind = table::KindOf(found->type);
    if (name == time_name ? found->type.id != table::TypeId::kTimestamp
                          : kind != table::Datum::Kind::kInt && kind != table::Datum::Kind::kText) {
      return at.Fail("column '{}' of {}: the time is a TIMESTAMP, a key an exact value or a text",
                     name, found->type.ToString());
    }
    reference.schema.push_back({name, found->type, false});
    reference.class_paths.push_back(std::move(found->class_path));
    all.erase(found);
  }
  reference.keys = keys.size() - 1;
  if (reference.keys == 0 || all.empty()) {
    return node.Fail("a reference has a key, a time and at least one value");
  }
  for (EventColumn& value : all) {
    reference.class_paths.push_back(std::move(value.class_path));
    reference.schema.push_back(std::move(value));
  }
  return {};
}

}  // namespace

bool internal::IsReferencePath(std::string_view path) {
  return path.starts_with(kReferenceDir) && path.ends_with(kExtension) &&
         path.size() > kReferenceDir.size() + kExtension.size() &&
         path.find('/', kReferenceDir.size()) == std::string_view::npos;
}

Result<void> internal::ReadReference(const TomlNode::Entry& entry, const PackFiles& files,
                                     const std::string& dir, Pack& pack) {
  FUQI_RETURN_IF_ERROR(CheckName(entry));
  if (pack.references.size() == kPackReferencesMax) {
    return entry.value.Fail("more than {} references; a pack may have so many", kPackReferencesMax);
  }
  const TomlNode& node = entry.value;
  Reference reference;
  reference.name = entry.key;
  reference.where = entry.where;
  FUQI_RETURN_IF_ERROR(ReadColumns(node, reference));
  FUQI_ASSIGN_OR_RETURN(reference.title, ReadTitle(node));
  FUQI_ASSIGN_OR_RETURN(reference.rows_max,
                        ReadWhole(node, "rows_max", reference.rows_max, 1, kRowsMost));
  FUQI_ASSIGN_OR_RETURN(reference.bytes_max,
                        ReadWhole(node, "bytes_max", reference.bytes_max, 1, kBytesMost));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> file, node.Optional<TomlNode>("file"));
  if (file) {
    FUQI_ASSIGN_OR_RETURN(reference.file, file->As<std::string>());
    const auto found = std::ranges::find(files, reference.file, &PackFiles::value_type::first);
    if (!IsReferencePath(reference.file) || found == files.end()) {
      return file->Fail("the pack has no file '{}'; a reference's file lies at references/NAME.csv",
                        reference.file);
    }
    CsvReader reader(dir.empty() ? reference.file : fmt::format("{}/{}", dir, reference.file),
                     MemorySource(found->second));
    Result<std::vector<table::Row>> rows = ReadReferenceCsv(reader, reference);
    if (!rows) {
      return rows.error().WithCode(ErrorCode::kConfig);
    }
    reference.rows = *std::move(rows);
  }
  pack.references.push_back(std::move(reference));
  return {};
}

}  // namespace fuqi::decide
