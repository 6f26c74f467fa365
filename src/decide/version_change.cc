#include "decide/version_change.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/toml.h"
#include "decide/fold.h"

namespace fuqi::decide {
namespace {

using Kind = ChangedPart::Kind;

// A named thing of a pack, and what is said of it, leaf by leaf: "then" → "block".
struct Part {
  Kind kind = Kind::kSetting;
  std::string name;
  std::vector<std::pair<std::string, std::string>> leaves;
};

// The text of a value that is no table, in the pack's words.
std::string ValueText(const TomlNode& node) {
  switch (node.kind()) {
    case TomlNode::Kind::kString:
      return *node.As<std::string>();
    case TomlNode::Kind::kInteger:
      return fmt::format("{}", *node.As<int64_t>());
    case TomlNode::Kind::kFloat:
      return fmt::format("{}", *node.As<double>());
    case TomlNode::Kind::kBoolean:
      return *node.As<bool>() ? "true" : "false";
    default:
      break;  // a pack has no times that are not texts
  }
  return "";
}

// Everything that a table, an array or a value says. `path` is that of the node in its part.
void AddLeaves(const TomlNode& node, const std::string& path, Part& part) {
  const std::string before = path.empty() ? "" : path + ".";
  if (node.is_table()) {
    for (const TomlNode::Entry& entry : *node.Entries()) {
      AddLeaves(entry.value, before + entry.key, part);
    }
    return;
  }
  if (!node.is_array()) {
    part.leaves.emplace_back(path, ValueText(node));
    return;
  }
  const auto items = *node.As<std::vector<TomlNode>>();
  for (size_t i = 0; i < items.size(); ++i) {
    // By its own name, where it has one: an item that is new in the middle changes no other.
    const bool is_named = items[i].is_table() && *items[i].Optional<TomlNode>("id");
    const std::string item =
        is_named ? *items[i].Required<std::string>("id") : fmt::format("{}", i + 1);
    AddLeaves(items[i], before + item, part);
  }
}

Part PartOf(Kind kind, std::string name, const TomlNode& node) {
  Part part{kind, std::move(name), {}};
  AddLeaves(node, "", part);
  return part;
}

void AddTable(const std::string& name, const TomlNode& table, std::vector<Part>& parts) {
  if (*table.Required<std::string>("kind") == "reference") {
    parts.push_back(PartOf(Kind::kReference, name, table));
    return;
  }
  for (const TomlNode::Entry& entry : *table.Entries()) {
    if (entry.key == "column") {
      for (const TomlNode::Entry& column : *entry.value.Entries()) {
        parts.push_back(PartOf(Kind::kColumn, name + "." + column.key, column.value));
      }
    } else {
      parts.push_back(
          PartOf(Kind::kSetting, fmt::format("table.{}.{}", name, entry.key), entry.value));
    }
  }
}

// What a pack.toml that was compiled says: every value of it in one part or another, so that none
// can change without being named.
std::vector<Part> PartsOf(const TomlNode& root) {
  static const std::map<std::string_view, Kind> kSections = {
      {"feature", Kind::kFeature},
      {"window", Kind::kWindow},
      {"list", Kind::kList},
      {"standing", Kind::kStanding},
      {"outbox", Kind::kOutbox},
      {"graph", Kind::kGraph},
      {"anomaly", Kind::kAnomaly},
      {"score", Kind::kScore},
      {"decision_table", Kind::kDecisionTable}};
  std::vector<Part> parts;
  for (const TomlNode::Entry& section : *root.Entries()) {
    if (section.value.is_array()) {  // rules
      for (const TomlNode& rule : *section.value.As<std::vector<TomlNode>>()) {
        parts.push_back(PartOf(Kind::kRule, *rule.Required<std::string>("id"), rule));
      }
      continue;
    }
    const auto known = kSections.find(section.key);
    for (const TomlNode::Entry& entry : *section.value.Entries()) {
      if (section.key == "table") {
        AddTable(entry.key, entry.value, parts);
      } else if (known != kSections.end()) {
        parts.push_back(PartOf(known->second, entry.key, entry.value));
      } else {
        parts.push_back(PartOf(Kind::kSetting, section.key + "." + entry.key, entry.value));
      }
    }
  }
  return parts;
}

std::vector<Part> PartsOf(const Pack& pack) {
  std::vector<Part> parts;
  for (const auto& [path, content] : pack.files) {
    if (path == "pack.toml") {
      const Result<TomlNode> root = TomlNode::Parse(content, path);
      FUQI_CHECK(root.has_value());  // it was compiled
      parts = PartsOf(*root);
    }
  }
  for (const auto& [path, content] : pack.files) {
    parts.push_back({Kind::kFile, path, {{"", ToHex(ContentHash({{path, content}}))}}});
  }
  return parts;
}

// The leaves of `part` that `other` has not, or says otherwise.
std::string Differing(const Part& part, const Part* other) {
  std::set<std::pair<std::string_view, std::string_view>> same;
  if (other != nullptr) {
    same.insert(other->leaves.begin(), other->leaves.end());
  }
  std::string text;
  for (const auto& [name, value] : part.leaves) {
    if (!same.contains({name, value})) {
      text += text.empty() ? "" : " · ";
      text += name.empty() ? value : fmt::format("{}: {}", name, value);
    }
  }
  return text;
}

Result<void> CheckColumns(const table::Schema& from, const table::Schema& to) {
  for (const table::Column& column : to) {
    const int old = table::FindColumn(from, column.name);
    if (old >= 0 && from[old].type != column.type) {
      return Err(ErrorCode::kConflict, "column '{}' is {} in the version that decides, not {}",
                 column.name, from[old].type.ToString(), column.type.ToString());
    }
    if (!column.nullable && (old < 0 || from[old].nullable)) {
      return Err(ErrorCode::kConflict,
                 "column '{}' needs a value, which events under way may not have", column.name);
    }
  }
  return {};
}

// That every event of each kind is one by the new version, too.
Result<void> CheckKinds(const Pack& from, const Pack& to) {
  if (from.kinds.size() == 1) {
    return {};  // its columns are all there are: CheckColumns
  }
  for (const EventKind& old : from.kinds) {
    const EventKind* kind = to.FindKind(old.name);
    if (kind == nullptr) {
      return Err(ErrorCode::kConflict,
                 "the version has no table '{}', of which events may be under way", old.name);
    }
    for (size_t i = 0; i < to.columns.size(); ++i) {
      const std::string& name = to.columns[i].name;
      const int before = table::FindColumn(from.schema(), name);
      using Has = EventKind::Has;
      const Has had = before < 0 ? Has::kLacks : old.columns[static_cast<size_t>(before)];
      if (kind->Lacks(i) && had != Has::kLacks) {
        return Err(ErrorCode::kConflict,
                   "table '{}' has no column '{}', which its events have and another table keeps",
                   old.name, name);
      }
      if (kind->columns[i] == Has::kValue && had != Has::kValue) {
        return Err(ErrorCode::kConflict,
                   "column '{}' needs a value, which events under way may not have", name)
            .At({.field = old.name});
      }
    }
  }
  return {};
}

Result<void> CheckCommitted(const Pack& from, const Pack& to) {
  for (const List& list : to.lists) {
    const List* old = from.FindList(list.name);
    if (old != nullptr && old->type != list.type) {
      return Err(ErrorCode::kConflict, "list '{}' holds {} in the version that decides, not {}",
                 list.name, old->type.ToString(), list.type.ToString());
    }
    if (old != nullptr && old->clears != list.clears && !list.clears.empty()) {
      return Err(ErrorCode::kConflict,
                 "list '{}' clears '{}', which its entries so far were not made for", list.name,
                 list.clears);
    }
  }
  for (const Reference& reference : to.references) {
    const Reference* old = from.FindReference(reference.name);
    if (old == nullptr) {
      continue;
    }
    bool same_keys = old->keys == reference.keys;
    for (const table::Column& column : reference.key_schema()) {
      same_keys = same_keys && table::FindColumn(old->key_schema(), column.name) >= 0;
    }
    if (!same_keys) {
      return Err(ErrorCode::kConflict, "reference '{}' has another key", reference.name);
    }
    FUQI_RETURN_IF_ERROR(CheckColumns(old->schema, reference.schema).At({.field = reference.name}));
  }
  for (const StandingKind& old : from.standing) {
    const auto kind = std::ranges::find(to.standing, old.name, &StandingKind::name);
    if (kind == to.standing.end()) {
      return Err(ErrorCode::kConflict,
                 "the version has no standing '{}': what stands would no longer bind", old.name);
    }
    if (kind->type != old.type) {
      return Err(ErrorCode::kConflict, "standing '{}' is of {} in the version that decides, not {}",
                 old.name, old.type.ToString(), kind->type.ToString());
    }
    if (old.amount >= 0 && (kind->amount < 0 || kind->amount_type != old.amount_type)) {
      return Err(ErrorCode::kConflict,
                 "standing '{}' has no amount of {}, against which limits are held", old.name,
                 old.amount_type.ToString());
    }
  }
  return {};
}

}  // namespace

std::string_view PartName(ChangedPart::Kind kind) {
  static constexpr std::array<std::string_view, 14> kNames = {
      "rule",   "feature", "decision_table", "score",    "window", "graph",   "anomaly",
      "column", "list",    "reference",      "standing", "outbox", "setting", "file"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<ChangedPart> CompareVersions(const Pack& from, const Pack& to) {
  const std::vector<Part> before = PartsOf(from);
  const std::vector<Part> after = PartsOf(to);
  std::map<std::pair<Kind, std::string_view>, const Part*> old;
  for (const Part& part : before) {
    old[{part.kind, part.name}] = &part;
  }
  std::vector<ChangedPart> out;
  for (const Part& part : after) {
    const auto found = old.find({part.kind, part.name});
    if (found == old.end()) {
      out.push_back({part.kind, part.name, std::nullopt, Differing(part, nullptr)});
      continue;
    }
    std::string was = Differing(*found->second, &part);
    std::string is = Differing(part, found->second);
    if (!was.empty() || !is.empty()) {
      out.push_back({part.kind, part.name, std::move(was), std::move(is)});
    }
    old.erase(found);
  }
  for (const Part& part : before) {
    if (old.contains({part.kind, part.name})) {
      out.push_back({part.kind, part.name, Differing(part, nullptr), std::nullopt});
    }
  }
  std::ranges::stable_sort(out, {}, &ChangedPart::kind);
  return out;
}

Result<void> CheckSuccessor(const CompiledPack& from, const CompiledPack& to) {
  FUQI_RETURN_IF_ERROR(CheckSamePack(PublishOf(from), to));
  if (from.pack().time != to.pack().time) {
    return Err(ErrorCode::kConflict,
               "the time of events is '{}' in the version that decides, not '{}'", from.pack().time,
               to.pack().time);
  }
  FUQI_RETURN_IF_ERROR(CheckColumns(from.event_schema(), to.event_schema()));
  FUQI_RETURN_IF_ERROR(CheckKinds(from.pack(), to.pack()));
  return CheckCommitted(from.pack(), to.pack());
}

}  // namespace fuqi::decide
