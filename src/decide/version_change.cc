#include "decide/version_change.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/time.h"
#include "decide/fold.h"

namespace fuqi::decide {
namespace {

using Kind = ChangedPart::Kind;
using Parts = std::vector<std::pair<std::string, std::string>>;  // name → what it says

std::string TypeText(const table::Column& column) {
  return column.type.ToString() + (column.nullable ? "" : " NOT NULL");
}

std::string SchemaText(const table::Schema& schema) {
  std::string text;
  for (const table::Column& column : schema) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", column.name, TypeText(column));
  }
  return text;
}

std::string RuleText(const Pack& pack, const Rule& rule) {
  std::string text = fmt::format("{} → {}", rule.when.text, ActionName(rule.then));
  for (size_t kind : rule.on) {
    text += " · " + pack.kinds[kind].name;
  }
  text += rule.shadow ? " (shadow)" : "";
  if (rule.standing) {
    text += fmt::format(" · {} {}", pack.standing[rule.standing->kind].name,
                        pack.columns[rule.standing->column].name);
    text += rule.standing->for_us > 0 ? " " + DurationToText(Duration{rule.standing->for_us}) : "";
    text += rule.standing->limit.empty() ? "" : " > " + rule.standing->limit;
    if (const std::optional<Allowance>& allowance = rule.standing->allowance) {
      text +=
          allowance->per_us > 0 ? " per " + DurationToText(Duration{allowance->per_us}) : " in all";
    }
  }
  if (!rule.clause.empty()) {
    text += " · " + rule.clause;
  }
  return text;
}

Parts RulesOf(const CompiledPack& version) {
  Parts parts;
  for (const Rule& rule : version.pack().rules) {
    parts.emplace_back(rule.id, RuleText(version.pack(), rule));
  }
  return parts;
}

Parts FeaturesOf(const CompiledPack& version) {
  Parts parts;
  for (size_t i = 0; i < version.pack().features.size(); ++i) {
    const Feature& feature = version.pack().features[i];
    parts.emplace_back(feature.name, fmt::format("{} {}", feature.sql.text,
                                                 version.feature_schema()[i].type.ToString()));
  }
  return parts;
}

Parts WindowsOf(const CompiledPack& version) {
  Parts parts;
  for (const auto& [name, fragment] : version.pack().windows) {
    parts.emplace_back(name, fragment.text);
  }
  return parts;
}

Parts ColumnsOf(const CompiledPack& version) {
  Parts parts;
  for (const table::Column& column : version.event_schema()) {
    parts.emplace_back(column.name, TypeText(column));
  }
  return parts;
}

Parts ListsOf(const CompiledPack& version) {
  Parts parts;
  for (const List& list : version.pack().lists) {
    parts.emplace_back(list.name, list.type.ToString());
  }
  return parts;
}

Parts ReferencesOf(const CompiledPack& version) {
  Parts parts;
  for (const Reference& reference : version.pack().references) {
    parts.emplace_back(reference.name, SchemaText(reference.schema));
  }
  return parts;
}

Parts StandingOf(const CompiledPack& version) {
  Parts parts;
  for (const StandingKind& kind : version.pack().standing) {
    std::string columns;
    for (size_t column : kind.columns) {
      columns += (columns.empty() ? "" : ", ") + version.pack().columns[column].name;
    }
    parts.emplace_back(kind.name, fmt::format("{} {}", columns, kind.type.ToString()));
  }
  return parts;
}

Parts SettingsOf(const CompiledPack& version) {
  const Pack& pack = version.pack();
  return {{"partition", pack.partition},
          {"lateness", DurationToText(Duration{pack.lateness_us})},
          {"ahead", DurationToText(Duration{pack.ahead_us})},
          {"gap", DurationToText(Duration{pack.gap_us})},
          {"default_action", std::string(ActionName(pack.default_action))},
          {"truncated_action", std::string(ActionName(pack.truncated_action))}};
}

Parts FilesOf(const CompiledPack& version) {
  Parts parts;
  for (const auto& [path, content] : version.pack().files) {
    parts.emplace_back(path, ToHex(ContentHash({{path, content}})));
  }
  return parts;
}

void Compare(Kind kind, const Parts& from, const Parts& to, std::vector<ChangedPart>& out) {
  auto said = [](const Parts& parts, const std::string& name) {
    auto found = std::ranges::find(parts, name, &Parts::value_type::first);
    return found == parts.end() ? std::string() : found->second;
  };
  for (const auto& [name, after] : to) {
    std::string before = said(from, name);
    if (before != after) {
      out.push_back({kind, name, std::move(before), after});
    }
  }
  for (const auto& [name, before] : from) {
    if (said(to, name).empty()) {
      out.push_back({kind, name, before, ""});
    }
  }
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

Result<void> CheckCommitted(const Pack& from, const Pack& to) {
  for (const List& list : to.lists) {
    const List* old = from.FindList(list.name);
    if (old != nullptr && old->type != list.type) {
      return Err(ErrorCode::kConflict, "list '{}' holds {} in the version that decides, not {}",
                 list.name, old->type.ToString(), list.type.ToString());
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
  static constexpr std::array<std::string_view, 9> kNames = {
      "rule", "feature", "window", "column", "list", "reference", "standing", "setting", "file"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<ChangedPart> CompareVersions(const CompiledPack& from, const CompiledPack& to) {
  std::vector<ChangedPart> out;
  Compare(Kind::kRule, RulesOf(from), RulesOf(to), out);
  Compare(Kind::kFeature, FeaturesOf(from), FeaturesOf(to), out);
  Compare(Kind::kWindow, WindowsOf(from), WindowsOf(to), out);
  Compare(Kind::kColumn, ColumnsOf(from), ColumnsOf(to), out);
  Compare(Kind::kList, ListsOf(from), ListsOf(to), out);
  Compare(Kind::kReference, ReferencesOf(from), ReferencesOf(to), out);
  Compare(Kind::kStanding, StandingOf(from), StandingOf(to), out);
  Compare(Kind::kSetting, SettingsOf(from), SettingsOf(to), out);
  Compare(Kind::kFile, FilesOf(from), FilesOf(to), out);
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
  if (from.pack().kinds.size() > 1) {
    for (const EventKind& kind : from.pack().kinds) {
      if (to.pack().FindKind(kind.name) == nullptr) {
        return Err(ErrorCode::kConflict,
                   "the version has no table '{}', of which events may be under way", kind.name);
      }
    }
  }
  return CheckCommitted(from.pack(), to.pack());
}

}  // namespace fuqi::decide
