#include "node/standing_json.h"

#include "base/decimal.h"
#include "base/time.h"
#include "decide/decision.h"
#include "node/json_members.h"

namespace fuqi::node {
namespace {

using decide::StandingChange;

Error Invalid(MessageTemplate message, std::string_view member) {
  return Err(ErrorCode::kInvalidArgument, message).At({.field = std::string(member)});
}

Result<decide::Bilingual> ReadReason(const BodyJson& json) {
  const auto found = json.find("reason");
  if (found != json.end() && found->is_string()) {
    const auto text = found->get<std::string>();
    return decide::Bilingual{text, text};
  }
  if (found != json.end() && CheckMembers(*found, {"zh", "en"})) {
    Result<std::optional<std::string>> zh = TextMember(*found, "zh");
    Result<std::optional<std::string>> en = TextMember(*found, "en");
    if (zh && *zh && en && *en) {
      return decide::Bilingual{**std::move(zh), **std::move(en)};
    }
  }
  return Invalid("a reason is a text, or a text as zh and one as en", "reason");
}

// A text that may be missing.
Result<void> Read(const BodyJson& json, const char* name, std::string& text) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> given, ValueMember(json, name));
  if (given && given->empty()) {
    return Invalid("the member is empty", name);
  }
  text = std::move(given).value_or("");
  return {};
}

Result<void> ReadSet(const BodyJson& json, StandingChange& change) {
  StandingTexts texts;
  FUQI_ASSIGN_OR_RETURN(texts.action, Required(TextMember(json, "action"), "action"));
  FUQI_RETURN_IF_ERROR(Read(json, "above", texts.above));
  FUQI_RETURN_IF_ERROR(Read(json, "allow", texts.allow));
  FUQI_RETURN_IF_ERROR(Read(json, "per", texts.per));
  FUQI_RETURN_IF_ERROR(Read(json, "from", texts.from));
  FUQI_RETURN_IF_ERROR(Read(json, "until", texts.until));
  return ReadStanding(texts, change);
}

Result<void> ReadRelease(const BodyJson& json, StandingChange& change) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> record, ValueMember(json, "record"));
  if (record) {
    Result<int128> number = ParseInt128(*record);
    if (!number || *number <= 0 || *number > INT64_MAX) {
      return Invalid("a record is named by its sequence number", "record");
    }
    change.record = static_cast<uint64_t>(*number);
  }
  return {};
}

Result<void> ReadUndo(const BodyJson& json, std::string_view pack, StandingChange& change) {
  FUQI_ASSIGN_OR_RETURN(std::string id, Required(TextMember(json, "decision_id"), "decision_id"));
  Result<decide::DecisionRef> reference = decide::ParseDecisionId(id);
  if (!reference || reference->pack != pack) {
    return Invalid("no decision of this pack has this id", "decision_id");
  }
  change.decision_seq = reference->seq;
  return {};
}

Result<int64_t> ReadTime(const std::string& text, std::string_view member) {
  Result<int64_t> time = ParseTimestamp(text);
  return time ? time : Invalid("write a time as 2024-01-31T12:00:00Z", member);
}

// What was used up of an allowance, and what remains.
OrderedJson UsedJson(const decide::StandingKind& kind, const decide::StandingState::Entry& entry) {
  OrderedJson json = OrderedJson::array();
  auto text = [&](int128 amount) {
    return table::ToText(table::Datum::Int(amount), kind.amount_type);
  };
  for (const auto& [period, used] : entry.used) {
    OrderedJson& one = json.emplace_back(OrderedJson::object());
    if (entry.allowance->per_us > 0) {
      const int128 begin =
          int128{entry.allowance->from_us} + int128{period} * entry.allowance->per_us;
      one["begins"] = Rfc3339(static_cast<int64_t>(begin));
    }
    one["used"] = text(used);
    one["remains"] = text(*entry.limit - used);
  }
  return json;
}

}  // namespace

OrderedJson StandingJson(const decide::Pack& pack, const decide::StandingKind& kind,
                         const std::string& subject, const decide::StandingState::Entry& entry) {
  OrderedJson json = {
      {"kind", kind.name}, {"subject", subject}, {"action", decide::ActionName(entry.action)}};
  if (entry.limit) {
    json[entry.allowance ? "allow" : "above"] =
        table::ToText(table::Datum::Int(*entry.limit), kind.amount_type);
  }
  if (entry.allowance) {
    if (entry.allowance->per_us > 0) {
      json["per"] = DurationToText(Duration{entry.allowance->per_us});
      json["from"] = Rfc3339(entry.allowance->from_us);
    }
    json["used"] = UsedJson(kind, entry);
  }
  if (entry.until_us != decide::kForEver) {
    json["until"] = Rfc3339(entry.until_us);
  }
  json["record"] = entry.record;
  if (entry.decision_seq != 0) {
    json["decision_id"] = decide::DecisionId(pack.name, entry.decision_seq);
    json["rule"] = entry.rule;
  }
  json["by"] = entry.by;
  json["reason"] = {{"zh", entry.reason.zh}, {"en", entry.reason.en}};
  return json;
}

Result<void> ReadStanding(const StandingTexts& texts, StandingChange& change) {
  Result<decide::Action> action = decide::ParseAction(texts.action);
  if (!action) {
    return std::move(action).At({.field = "action"}).error();
  }
  change.op = StandingChange::Op::kSet;
  change.action = *action;
  if (!texts.above.empty() && !texts.allow.empty()) {
    return Invalid(
        "'above' and 'allow' contradict each other: one limits each amount, the other "
        "their sum",
        "allow");
  }
  change.limit = texts.above.empty() ? texts.allow : texts.above;
  if (!texts.allow.empty()) {
    change.allowance.emplace();
  }
  if (!texts.per.empty()) {
    const Result<Duration> per = ParseDuration(texts.per);
    if (!change.allowance || !per || per->us <= 0) {
      return Invalid("the length of an allowance's periods is written as 1 day, beside 'allow'",
                     "per");
    }
    change.allowance->per_us = per->us;
  }
  if (!texts.from.empty()) {
    if (!change.allowance || change.allowance->per_us == 0) {
      return Invalid("'from' says where the periods of 'per' begin, which is missing", "from");
    }
    FUQI_ASSIGN_OR_RETURN(change.allowance->from_us, ReadTime(texts.from, "from"));
  }
  if (!texts.until.empty()) {
    FUQI_ASSIGN_OR_RETURN(change.until_us, ReadTime(texts.until, "until"));
  }
  return {};
}

Result<void> ParseStandingChange(std::string_view text, std::string_view pack,
                                 StandingChange& change) {
  FUQI_ASSIGN_OR_RETURN(const BodyJson json, ParseBody(text));
  FUQI_ASSIGN_OR_RETURN(std::string op, Required(TextMember(json, "op"), "op"));
  FUQI_ASSIGN_OR_RETURN(change.reason, ReadReason(json));
  if (op == "undo") {
    change.op = StandingChange::Op::kUndo;
    FUQI_RETURN_IF_ERROR(CheckMembers(json, {"op", "reason", "decision_id"}));
    return ReadUndo(json, pack, change);
  }
  if (op == "set") {
    FUQI_RETURN_IF_ERROR(CheckMembers(json, {"op", "reason", "kind", "subject", "action", "above",
                                             "allow", "per", "from", "until"}));
  } else if (op == "release") {
    change.op = StandingChange::Op::kRelease;
    FUQI_RETURN_IF_ERROR(CheckMembers(json, {"op", "reason", "kind", "subject", "record"}));
  } else {
    return Invalid("an operation is set, release or undo", "op");
  }
  FUQI_ASSIGN_OR_RETURN(change.kind, Required(TextMember(json, "kind"), "kind"));
  FUQI_ASSIGN_OR_RETURN(change.subject, Required(ValueMember(json, "subject"), "subject"));
  return op == "set" ? ReadSet(json, change) : ReadRelease(json, change);
}

}  // namespace fuqi::node
