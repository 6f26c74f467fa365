// [standing.NAME] of a pack, and what a rule says of it.

#include <algorithm>

#include "base/nearest.h"
#include "base/time.h"
#include "decide/check_text.h"
#include "decide/pack_internal.h"
#include "decide/standing.h"

namespace fuqi::decide {
namespace {

Result<size_t> ReadColumn(const TomlNode& node, const Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  const auto found = std::ranges::find(pack.columns, name, &EventColumn::name);
  if (found == pack.columns.end()) {
    return node.Fail("table '{}' has no column '{}'", pack.event_table, name);
  }
  return static_cast<size_t>(found - pack.columns.begin());
}

Result<StandingKind> ReadKind(const TomlNode::Entry& entry, const Pack& pack) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  const TomlNode& node = entry.value;
  StandingKind kind;
  kind.name = entry.key;
  FUQI_ASSIGN_OR_RETURN(TomlNode columns, node.Required<TomlNode>("columns"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, columns.As<std::vector<TomlNode>>());
  if (nodes.empty()) {
    return columns.Fail("no event column is named that holds such a subject");
  }
  for (const TomlNode& one : nodes) {
    FUQI_ASSIGN_OR_RETURN(size_t column, ReadColumn(one, pack));
    const table::Type type = pack.columns[column].type;
    const table::Datum::Kind value = table::KindOf(type);
    if (value != table::Datum::Kind::kInt && value != table::Datum::Kind::kText) {
      return one.Fail("a subject is told by an exact value or a text, not by {}", type.ToString());
    }
    if (!kind.columns.empty() && type != kind.type) {
      return one.Fail("columns of one kind are of one type; here {} and {}", kind.type.ToString(),
                      type.ToString());
    }
    if (std::ranges::find(kind.columns, column) != kind.columns.end()) {
      return one.Fail("'{}' stands here a second time", pack.columns[column].name);
    }
    kind.type = type;
    kind.columns.push_back(column);
  }
  FUQI_ASSIGN_OR_RETURN(kind.on, internal::ReadOn(node, pack));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> amount, node.Optional<TomlNode>("amount"));
  if (amount) {
    FUQI_ASSIGN_OR_RETURN(size_t column, ReadColumn(*amount, pack));
    kind.amount_type = pack.columns[column].type;
    if (!kind.amount_type.is_exact_number()) {
      return amount->Fail("an amount is an exact number; this one is {}",
                          kind.amount_type.ToString());
    }
    kind.amount = static_cast<int>(column);
  }
  FUQI_ASSIGN_OR_RETURN(TomlNode reason, node.Required<TomlNode>("reason"));
  FUQI_ASSIGN_OR_RETURN(kind.reason, internal::ReadBilingual(reason));
  return kind;
}

// 'above', or 'allow' with 'per' and 'from'.
Result<void> ReadLimit(const TomlNode& node, const StandingKind& kind, const Pack& pack,
                       RuleStanding& standing) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> above, node.Optional<TomlNode>("above"));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> allow, node.Optional<TomlNode>("allow"));
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> from, node.Optional<TomlNode>("from"));
  Allowance allowance;
  FUQI_RETURN_IF_ERROR(internal::ReadSpan(node, "per", 0, allowance.per_us));
  if (above && allow) {
    return allow->Fail(
        "'above' and 'allow' contradict each other: one limits each amount, the "
        "other their sum");
  }
  if (!allow && allowance.per_us > 0) {
    return node.Fail("'per' says over what 'allow' is added up, which is missing");
  }
  if (from) {
    if (allowance.per_us == 0) {
      return from->Fail("'from' says where the periods of 'per' begin, which is missing");
    }
    FUQI_ASSIGN_OR_RETURN(std::string text, from->As<std::string>());
    Result<int64_t> time = ParseTimestamp(text);
    if (!time) {
      return from->Fail("write a time as 2024-01-31T12:00:00Z");
    }
    allowance.from_us = *time;
  }
  const std::optional<TomlNode>& limit = above ? above : allow;
  if (!limit) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(standing.limit, limit->As<std::string>());
  if (kind.amount < 0) {
    return limit->Fail("a limit, and the standing kind '{}' names no 'amount'", kind.name);
  }
  const Result<table::Datum> amount = table::ParseText(standing.limit, kind.amount_type);
  if (!amount) {
    return limit->Fail("'{}' is no value of type {}", standing.limit, kind.amount_type.ToString());
  }
  if (!allow) {
    return {};
  }
  if (amount->i < 0) {
    return limit->Fail("an allowance is nothing or more");
  }
  if (allowance.per_us > 0 && allowance.per_us < pack.lateness_us) {
    return node.Fail("a period is no shorter than the pack's lateness, {}; this one is {}",
                     DurationToText(Duration{pack.lateness_us}),
                     DurationToText(Duration{allowance.per_us}));
  }
  standing.allowance = allowance;
  return {};
}

}  // namespace

Result<void> internal::ReadStandingKinds(const TomlNode& root, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> kinds, root.Optional<TomlNode>("standing"));
  if (!kinds) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, kinds->Entries());
  if (entries.size() > kPackStandingMax) {
    return kinds->Fail("{} standing kinds; a pack may have {}", entries.size(), kPackStandingMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(StandingKind kind, ReadKind(entry, pack));
    pack.standing.push_back(std::move(kind));
  }
  return {};
}

Result<void> internal::ReadRuleStanding(const TomlNode& rule_node, const Pack& pack, Rule& rule) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, rule_node.Optional<TomlNode>("standing"));
  if (!node) {
    return {};
  }
  const auto before = std::ranges::count_if(
      pack.rules, [](const Rule& other) { return other.standing.has_value(); });
  if (static_cast<size_t>(before) == kPackStandingMax) {
    return node->Fail("more than {} rules lay an action on a subject", kPackStandingMax);
  }
  // A decision lays it down with its reason, as a change that must not fail.
  for (const std::string& reason : {rule.reason.zh, rule.reason.en}) {
    if (Result<void> fits = CheckText(reason, kStandingReasonBytesMax, "reason"); !fits) {
      return fits.error().WithCode(ErrorCode::kConfig).WithPlace(node->where());
    }
  }
  RuleStanding standing;
  FUQI_ASSIGN_OR_RETURN(TomlNode kind_node, node->Required<TomlNode>("kind"));
  FUQI_ASSIGN_OR_RETURN(std::string name, kind_node.As<std::string>());
  const auto kind = std::ranges::find(pack.standing, name, &StandingKind::name);
  if (kind == pack.standing.end()) {
    return kind_node.Fail("the pack has no [standing.{}]", name);
  }
  standing.kind = static_cast<size_t>(kind - pack.standing.begin());
  FUQI_ASSIGN_OR_RETURN(TomlNode subject, node->Required<TomlNode>("subject"));
  FUQI_ASSIGN_OR_RETURN(standing.column, ReadColumn(subject, pack));
  if (std::ranges::find(kind->columns, standing.column) == kind->columns.end()) {
    return subject.Fail("'{}' is none of the columns of the standing kind '{}'",
                        pack.columns[standing.column].name, name);
  }
  FUQI_RETURN_IF_ERROR(ReadSpan(*node, "for", 0, standing.for_us));
  FUQI_RETURN_IF_ERROR(ReadLimit(*node, *kind, pack, standing));
  rule.standing = std::move(standing);
  return {};
}

}  // namespace fuqi::decide
