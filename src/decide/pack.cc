#include "decide/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/nearest.h"
#include "crypto/sha256.h"
#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

constexpr std::array<std::string_view, 7> kActionNames = {"approve", "review", "step_up", "limit",
                                                          "hold",    "block",  "freeze"};
constexpr std::string_view kPackFile = "pack.toml";
constexpr std::string_view kSourcesFile = "sources.toml";
constexpr std::string_view kScenarioDir = "scenarios";

std::string JoinPath(const std::string& dir, std::string_view name) {
  return dir.empty() ? std::string(name) : fmt::format("{}/{}", dir, name);
}

// Reads the sections of one pack. Every member fills its part of `pack`.
class Reader {
 public:
  Reader(Pack& pack, const PackFiles& files, const std::string& dir)
      : pack_(pack), files_(files), dir_(dir) {}

  Result<void> ReadPackFile(const std::string& text);
  Result<void> ReadSourcesFile(const std::string& text);

 private:
  Result<void> ReadHead(const TomlNode& head);
  Result<void> ReadTables(const TomlNode& tables);
  Result<void> ReadWindows(const TomlNode& root);
  Result<void> ReadFeatures(const TomlNode& root);
  Result<void> ReadRules(const TomlNode& root);
  Result<void> ReadSource(const TomlNode::Entry& entry);
  Result<void> ReadLabel(const TomlNode::Entry& entry);

  Pack& pack_;
  const PackFiles& files_;
  const std::string& dir_;
  std::set<std::string> rule_ids_;
};

// The text of a string that must not be empty.
Result<std::string> NonEmpty(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::string text, node.As<std::string>());
  if (text.find_first_not_of(" \t\n") == std::string::npos) {
    return node.Fail("an empty text; write one or leave the key out");
  }
  return text;
}

Result<Action> ReadAction(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  Result<Action> action = ParseAction(name);
  if (!action) {
    return node.Fail("'{}' is no action: one of {}", name, ActionNames());
  }
  return action;
}

}  // namespace

namespace internal {

Result<void> CheckName(const TomlNode::Entry& entry) {
  if (!IsPackName(entry.key)) {
    return Err(ErrorCode::kConfig,
               "'{}' is no name: small letters, digits and _, a letter first, at most {} bytes",
               entry.key, kNameBytesMax)
        .At(entry.where);
  }
  return {};
}

Result<std::string> RequiredText(const TomlNode& table, std::string_view key) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>(key));
  return NonEmpty(node);
}

Result<std::string> RequiredName(const TomlNode& table, std::string_view key) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>(key));
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  if (!IsPackName(name)) {
    return node.Fail(
        "'{}' is no name: small letters, digits and _, a letter first, at most {} bytes", name,
        kNameBytesMax);
  }
  return name;
}

Result<Bilingual> ReadBilingual(const TomlNode& node) {
  Bilingual text;
  FUQI_ASSIGN_OR_RETURN(text.zh, RequiredText(node, "zh"));
  FUQI_ASSIGN_OR_RETURN(text.en, RequiredText(node, "en"));
  return text;
}

Result<Bilingual> ReadTitle(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> zh, node.Optional<TomlNode>("zh"));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> en, node.Optional<TomlNode>("en"));
  return zh || en ? ReadBilingual(node) : Bilingual();
}

Result<Fragment> ReadFragment(const TomlNode& node) {
  Fragment fragment;
  FUQI_ASSIGN_OR_RETURN(fragment.text, NonEmpty(node));
  fragment.where = node.where();
  fragment.node = node;
  return fragment;
}

Result<Fragment> RequiredFragment(const TomlNode& table, std::string_view key) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>(key));
  return ReadFragment(node);
}

Result<void> ReadSpan(const TomlNode& table, std::string_view key, int64_t more_than_us,
                      int64_t& out_us) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, table.Optional<TomlNode>(key));
  if (!node) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(Duration span, node->As<Duration>());
  if (span.us <= more_than_us) {
    return node->Fail("'{}' must be longer than {}", key, DurationToText(Duration{more_than_us}));
  }
  out_us = span.us;
  return {};
}

Result<int64_t> ReadWhole(const TomlNode& table, std::string_view key, int64_t fallback,
                          int64_t least, int64_t most) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, table.Optional<TomlNode>(key));
  if (!node) {
    return fallback;
  }
  FUQI_ASSIGN_OR_RETURN(int64_t value, node->As<int64_t>());
  if (value < least || value > most) {
    return node->Fail("{} is not within {} and {}", value, least, most);
  }
  return value;
}

Result<table::Type> ReadType(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  Result<table::Type> type = table::ParseType(name);
  if (!type || type->id == table::TypeId::kNull) {
    return node.Fail(
        "'{}' is no type that Fuqi has, such as BIGINT, DECIMAL(18,2), VARCHAR or TIMESTAMP", name);
  }
  return type;
}

Result<void> ReadRuleBody(const TomlNode& node, const Pack& pack, Rule& rule) {
  FUQI_ASSIGN_OR_RETURN(TomlNode then, node.Required<TomlNode>("then"));
  FUQI_ASSIGN_OR_RETURN(rule.then, ReadAction(then));
  if (rule.then == Action::kApprove) {
    return then.Fail(
        "a rule that approves changes nothing; to watch a rule write the action that it would "
        "take, and shadow = true");
  }
  FUQI_ASSIGN_OR_RETURN(rule.shadow, node.Or("shadow", false));
  FUQI_ASSIGN_OR_RETURN(TomlNode reason, node.Required<TomlNode>("reason"));
  FUQI_ASSIGN_OR_RETURN(rule.reason, ReadBilingual(reason));
  FUQI_RETURN_IF_ERROR(ReadRuleKinds(node, pack, rule));
  FUQI_RETURN_IF_ERROR(ReadRuleStanding(node, pack, rule));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> clause, node.Optional<TomlNode>("clause"));
  if (clause) {
    FUQI_ASSIGN_OR_RETURN(rule.clause, NonEmpty(*clause));
  }
  return {};
}

}  // namespace internal

namespace {

using internal::CheckName;
using internal::ReadBilingual;
using internal::ReadFragment;
using internal::ReadSpan;
using internal::ReadType;
using internal::RequiredFragment;
using internal::RequiredName;
using internal::RequiredText;

Result<void> Reader::ReadPackFile(const std::string& text) {
  FUQI_ASSIGN_OR_RETURN(TomlNode root, TomlNode::Parse(text, JoinPath(dir_, kPackFile)));
  FUQI_ASSIGN_OR_RETURN(TomlNode head, root.Required<TomlNode>("pack"));
  FUQI_RETURN_IF_ERROR(ReadHead(head));
  FUQI_ASSIGN_OR_RETURN(TomlNode tables, root.Required<TomlNode>("table"));
  FUQI_RETURN_IF_ERROR(ReadTables(tables));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> partition, head.Optional<TomlNode>("partition"));
  if (partition) {
    FUQI_ASSIGN_OR_RETURN(pack_.partition, internal::ReadPartition(*partition, pack_));
  }
  FUQI_RETURN_IF_ERROR(ReadWindows(root));
  FUQI_RETURN_IF_ERROR(ReadFeatures(root));
  FUQI_RETURN_IF_ERROR(internal::ReadDecisionTables(root, files_, dir_, pack_));
  FUQI_RETURN_IF_ERROR(internal::ReadLists(root, files_, dir_, pack_));
  FUQI_RETURN_IF_ERROR(internal::ReadStandingKinds(root, pack_));
  FUQI_RETURN_IF_ERROR(internal::ReadOutbox(root, pack_));
  FUQI_RETURN_IF_ERROR(ReadRules(root));
  FUQI_RETURN_IF_ERROR(internal::ReadScores(root, pack_));
  FUQI_RETURN_IF_ERROR(internal::ReadGraphs(root, pack_));
  FUQI_RETURN_IF_ERROR(internal::ReadAnomalies(root, pack_));
  return root.CheckNoUnknownKeys();
}

Result<void> Reader::ReadHead(const TomlNode& head) {
  FUQI_ASSIGN_OR_RETURN(pack_.name, RequiredName(head, "name"));
  FUQI_ASSIGN_OR_RETURN(pack_.purpose, RequiredText(head, "purpose"));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> title, head.Optional<TomlNode>("title"));
  if (title) {
    FUQI_ASSIGN_OR_RETURN(pack_.title, ReadBilingual(*title));
  }
  FUQI_RETURN_IF_ERROR(ReadSpan(head, "lateness", -1, pack_.lateness_us));
  FUQI_RETURN_IF_ERROR(ReadSpan(head, "ahead", 0, pack_.ahead_us));
  FUQI_RETURN_IF_ERROR(ReadSpan(head, "gap", 0, pack_.gap_us));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> action, head.Optional<TomlNode>("default_action"));
  if (action) {
    FUQI_ASSIGN_OR_RETURN(pack_.default_action, ReadAction(*action));
  }
  FUQI_ASSIGN_OR_RETURN(action, head.Optional<TomlNode>("truncated_action"));
  pack_.truncated_action = pack_.default_action;
  if (action) {
    FUQI_ASSIGN_OR_RETURN(pack_.truncated_action, ReadAction(*action));
  }
  return {};
}

Result<void> Reader::ReadTables(const TomlNode& tables) {
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, tables.Entries());
  std::vector<TomlNode::Entry> events;
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(TomlNode kind, entry.value.Required<TomlNode>("kind"));
    FUQI_ASSIGN_OR_RETURN(std::string name, kind.As<std::string>());
    if (name == "reference") {
      FUQI_RETURN_IF_ERROR(internal::ReadReference(entry, files_, dir_, pack_));
    } else if (name == "event") {
      events.push_back(entry);
    } else {
      return kind.Fail("'{}' is no kind of table: event or reference", name);
    }
  }
  if (events.empty()) {
    return tables.Fail("a pack has at least one table of events; here is none");
  }
  FUQI_RETURN_IF_ERROR(internal::ReadEventTables(events, pack_));
  for (const auto& [path, content] : files_) {
    if (internal::IsReferencePath(path) &&
        std::ranges::find(pack_.references, path, &Reference::file) == pack_.references.end()) {
      return Err(ErrorCode::kConfig, "no reference of the pack names this file")
          .At({.file = JoinPath(dir_, path)});
    }
  }
  return {};
}

Result<void> Reader::ReadWindows(const TomlNode& root) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> windows, root.Optional<TomlNode>("window"));
  if (!windows) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, windows->Entries());
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(CheckName(entry));
    FUQI_ASSIGN_OR_RETURN(Fragment fragment, ReadFragment(entry.value));
    pack_.windows.emplace_back(entry.key, std::move(fragment));
  }
  return {};
}

Result<void> Reader::ReadFeatures(const TomlNode& root) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> features, root.Optional<TomlNode>("feature"));
  if (!features) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, features->Entries());
  if (entries.size() > kPackFeaturesMax) {
    return features->Fail("{} features; a pack may have {}", entries.size(), kPackFeaturesMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(CheckName(entry));
    Feature feature;
    feature.name = entry.key;
    if (entry.value.is_string()) {
      FUQI_ASSIGN_OR_RETURN(feature.sql, ReadFragment(entry.value));
    } else {
      FUQI_ASSIGN_OR_RETURN(feature.sql, RequiredFragment(entry.value, "sql"));
      FUQI_ASSIGN_OR_RETURN(feature.title, internal::ReadTitle(entry.value));
    }
    pack_.features.push_back(std::move(feature));
  }
  return {};
}

Result<void> Reader::ReadRules(const TomlNode& root) {
  FUQI_ASSIGN_OR_RETURN(TomlNode array, root.Required<TomlNode>("rule"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, array.As<std::vector<TomlNode>>());
  if (nodes.empty() || nodes.size() > kPackRulesMax) {
    return array.Fail("{} rules; a pack has 1 to {}", nodes.size(), kPackRulesMax);
  }
  for (const TomlNode& node : nodes) {
    Rule rule;
    rule.where = node.where();
    FUQI_ASSIGN_OR_RETURN(rule.id, RequiredName(node, "id"));
    if (!rule_ids_.insert(rule.id).second) {
      return node.Fail("a second rule of the id '{}'", rule.id);
    }
    FUQI_ASSIGN_OR_RETURN(rule.when, RequiredFragment(node, "when"));
    FUQI_RETURN_IF_ERROR(internal::ReadRuleBody(node, pack_, rule));
    pack_.rules.push_back(std::move(rule));
  }
  return {};
}

Result<RawFile> ReadRawFile(const TomlNode& node) {
  RawFile file;
  FUQI_ASSIGN_OR_RETURN(TomlNode format, node.Required<TomlNode>("format"));
  FUQI_ASSIGN_OR_RETURN(file.format, format.As<std::string>());
  if (file.format != "csv" && file.format != "parquet" && file.format != "jsonl") {
    return format.Fail("'{}' is no format of a file: one of csv, parquet, jsonl", file.format);
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> delimiter, node.Optional<TomlNode>("delimiter"));
  if (delimiter) {
    FUQI_ASSIGN_OR_RETURN(file.delimiter, delimiter->As<std::string>());
    if (file.format != "csv") {
      return delimiter->Fail("only csv has a delimiter, not {}", file.format);
    }
    if (file.delimiter.size() != 1 || file.delimiter == "\"" || file.delimiter == "\n") {
      return delimiter->Fail("a delimiter is one character of one byte, no quote and no line end");
    }
  }
  FUQI_ASSIGN_OR_RETURN(TomlNode columns, node.Required<TomlNode>("columns"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, columns.Entries());
  if (entries.empty() || entries.size() > kPackColumnsMax) {
    return columns.Fail("{} columns; a file has 1 to {}", entries.size(), kPackColumnsMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(table::Type type, ReadType(entry.value));
    file.columns.push_back({entry.key, type, true});
  }
  return file;
}

Result<void> Reader::ReadSourcesFile(const std::string& text) {
  FUQI_ASSIGN_OR_RETURN(TomlNode root, TomlNode::Parse(text, JoinPath(dir_, kSourcesFile)));
  FUQI_ASSIGN_OR_RETURN(TomlNode sources, root.Required<TomlNode>("source"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, sources.Entries());
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(ReadSource(entry));
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> labels, root.Optional<TomlNode>("label"));
  if (labels) {
    FUQI_ASSIGN_OR_RETURN(entries, labels->Entries());
    for (const TomlNode::Entry& entry : entries) {
      FUQI_RETURN_IF_ERROR(ReadLabel(entry));
    }
  }
  return root.CheckNoUnknownKeys();
}

Result<void> Reader::ReadSource(const TomlNode::Entry& entry) {
  FUQI_RETURN_IF_ERROR(CheckName(entry));
  Source source;
  source.name = entry.key;
  source.where = entry.where;
  FUQI_ASSIGN_OR_RETURN(source.kind, internal::ReadSourceKind(entry, pack_));
  FUQI_ASSIGN_OR_RETURN(source.file, ReadRawFile(entry.value));
  FUQI_ASSIGN_OR_RETURN(source.sql, RequiredFragment(entry.value, "sql"));
  pack_.sources.push_back(std::move(source));
  return {};
}

Result<void> Reader::ReadLabel(const TomlNode::Entry& entry) {
  if (pack_.FindSource(entry.key) == nullptr) {
    return Err(ErrorCode::kConfig, "labels '{}' belong to a source of that name; there is none",
               entry.key)
        .At(entry.where);
  }
  Label label;
  label.name = entry.key;
  label.where = entry.where;
  FUQI_ASSIGN_OR_RETURN(label.complete, entry.value.Or("complete", false));
  FUQI_ASSIGN_OR_RETURN(TomlNode entities, entry.value.Required<TomlNode>("entity"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, entities.As<std::vector<TomlNode>>());
  if (nodes.empty()) {
    return entities.Fail("no event column is named whose value the labels tell about");
  }
  for (const TomlNode& node : nodes) {
    FUQI_ASSIGN_OR_RETURN(std::string column, internal::ReadColumnName(node, pack_));
    label.entities.push_back(std::move(column));
  }
  FUQI_ASSIGN_OR_RETURN(label.file, ReadRawFile(entry.value));
  FUQI_ASSIGN_OR_RETURN(label.sql, RequiredFragment(entry.value, "sql"));
  pack_.labels.push_back(std::move(label));
  return {};
}

// \r\n and lone \r become \n, so that a checkout on another system is the same pack.
std::string NormaliseLineEnds(std::string text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

bool IsScenarioPath(std::string_view path) {
  return path.starts_with(kScenarioDir) && path.size() > kScenarioDir.size() &&
         path[kScenarioDir.size()] == '/' && path.ends_with(".toml") &&
         path.find('/', kScenarioDir.size() + 1) == std::string_view::npos;
}

}  // namespace

std::string_view ActionName(Action action) { return kActionNames[static_cast<size_t>(action)]; }

std::string ActionNames() { return fmt::format("{}", fmt::join(kActionNames, ", ")); }

Result<Action> ParseAction(std::string_view name) {
  const auto* found = std::find(kActionNames.begin(), kActionNames.end(), name);
  if (found == kActionNames.end()) {
    return Err(ErrorCode::kInvalidArgument, "'{}' is no action: one of {}", name, ActionNames());
  }
  return static_cast<Action>(found - kActionNames.begin());
}

Where Fragment::At(int64_t offset) const {
  if (offset >= 0 && !parts.empty()) {
    auto after = std::ranges::upper_bound(parts, static_cast<size_t>(offset), {}, &Part::begin);
    const Part& part = after == parts.begin() ? *after : *(after - 1);
    return part.node ? part.node->At(static_cast<size_t>(offset) - part.begin) : part.where;
  }
  if (offset < 0 || !node) {
    return where;
  }
  Where place = node->At(static_cast<size_t>(offset));
  place.field = where.field;
  return place;
}

table::Schema Pack::schema() const { return {columns.begin(), columns.end()}; }

const EventKind* Pack::FindKind(std::string_view name) const {
  auto found = std::ranges::find(kinds, name, &EventKind::name);
  return found == kinds.end() ? nullptr : &*found;
}

const Source* Pack::FindSource(std::string_view name) const {
  auto found = std::ranges::find(sources, name, &Source::name);
  return found == sources.end() ? nullptr : &*found;
}

const List* Pack::FindList(std::string_view name) const {
  auto found = std::ranges::find(lists, name, &List::name);
  return found == lists.end() ? nullptr : &*found;
}

const Reference* Pack::FindReference(std::string_view name) const {
  auto found = std::ranges::find(references, name, &Reference::name);
  return found == references.end() ? nullptr : &*found;
}

const Label* Pack::FindLabel(std::string_view source) const {
  auto found = std::ranges::find(labels, source, &Label::name);
  return found == labels.end() ? nullptr : &*found;
}

Digest ContentHash(const PackFiles& files) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Varint(files.size());
  for (const auto& [path, content] : files) {
    writer.Text(path);
    writer.Text(content);
  }
  return crypto::Sha256(bytes);
}

bool IsPackName(std::string_view name) {
  auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && name.size() <= kNameBytesMax && is_small(name[0]) &&
         std::ranges::all_of(
             name, [&](char c) { return is_small(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<Pack> ParsePack(PackFiles files, const std::string& dir) {
  Pack pack;
  for (auto& [path, content] : files) {
    if (path != kPackFile && path != kSourcesFile && !IsScenarioPath(path) &&
        !internal::IsListPath(path) && !internal::IsTablePath(path) &&
        !internal::IsReferencePath(path)) {
      return Err(ErrorCode::kConfig,
                 "no file of a pack: a pack has pack.toml, sources.toml, scenarios/*.toml, "
                 "lists/*.csv, tables/*.csv and references/*.csv")
          .At({.file = JoinPath(dir, path)});
    }
    if (content.size() > kPackFileBytesMax) {
      return Err(ErrorCode::kConfig, "{} bytes; a pack's file may have {}", content.size(),
                 kPackFileBytesMax)
          .At({.file = JoinPath(dir, path)});
    }
    content = NormaliseLineEnds(std::move(content));
  }
  if (files.size() > kPackFilesMax) {
    return Err(ErrorCode::kConfig, "{} files; a pack may have {}", files.size(), kPackFilesMax)
        .At({.file = dir});
  }
  std::ranges::sort(files);
  auto same_path = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (auto twice = std::ranges::adjacent_find(files, same_path); twice != files.end()) {
    return Err(ErrorCode::kConfig, "the same file twice").At({.file = JoinPath(dir, twice->first)});
  }

  Reader reader(pack, files, dir);
  auto content_of = [&](std::string_view path) -> const std::string* {
    auto found = std::ranges::find(files, path, &PackFiles::value_type::first);
    return found == files.end() ? nullptr : &found->second;
  };
  const std::string* text = content_of(kPackFile);
  if (text == nullptr) {
    return Err(ErrorCode::kNotFound, "a pack needs a pack.toml, and there is none")
        .At({.file = JoinPath(dir, kPackFile)});
  }
  FUQI_RETURN_IF_ERROR(reader.ReadPackFile(*text));
  if (const std::string* sources = content_of(kSourcesFile); sources != nullptr) {
    FUQI_RETURN_IF_ERROR(reader.ReadSourcesFile(*sources));
  }
  pack.dir = dir;
  pack.hash = ContentHash(files);
  pack.files = std::move(files);
  return pack;
}

Result<Pack> LoadPack(Disk& disk, const std::string& dir) {
  PackFiles files;
  auto read = [&](const std::string& path) -> Result<void> {
    Result<Bytes> bytes = ReadFile(disk, JoinPath(dir, path), kPackFileBytesMax);
    if (!bytes) {
      if (bytes.error().code() == ErrorCode::kResourceExhausted) {
        return Err(ErrorCode::kConfig, "a pack's file may have {} bytes", kPackFileBytesMax)
            .At({.file = JoinPath(dir, path)});
      }
      return std::move(bytes).error().At({.file = JoinPath(dir, path)});
    }
    files.emplace_back(path, AsText(*bytes));
    return {};
  };
  // A file of this kind and another name is a slip (sources for source): ParsePack refuses it. What
  // is of another kind, a README say, is none of the pack.
  auto read_all = [&](const std::string& folder, std::string_view extension) -> Result<void> {
    const std::string path = folder.empty() ? dir : JoinPath(dir, folder);
    Result<std::vector<std::string>> names = disk.List(path);
    if (!names) {
      if (!folder.empty() && names.error().code() == ErrorCode::kNotFound) {
        return {};
      }
      return std::move(names).error().At({.file = path});
    }
    for (const std::string& name : *names) {
      if (name.ends_with(extension)) {
        FUQI_RETURN_IF_ERROR(read(JoinPath(folder, name)));
      }
    }
    return {};
  };
  FUQI_RETURN_IF_ERROR(read_all("", ".toml"));
  FUQI_RETURN_IF_ERROR(read_all(std::string(kScenarioDir), ".toml"));
  FUQI_RETURN_IF_ERROR(read_all("lists", ".csv"));
  FUQI_RETURN_IF_ERROR(read_all("tables", ".csv"));
  FUQI_RETURN_IF_ERROR(read_all("references", ".csv"));
  return ParsePack(std::move(files), dir);
}

}  // namespace fuqi::decide
