#include "node/standing_json.h"

#include <algorithm>

#include "base/decimal.h"
#include "base/time.h"
#include "decide/decision.h"

namespace fuqi::node {
namespace {

using decide::StandingChange;

Error Invalid(MessageTemplate message, std::string_view member) {
  return Err(ErrorCode::kInvalidArgument, message).At({.field = std::string(member)});
}

// The members of one change, each asked for once.
class Members {
 public:
  explicit Members(const OrderedJson& json) : json_(json) {}

  // Numbers by their own digits: a subject may be one.
  Result<std::optional<std::string>> Text(const char* name) {
    known_.emplace_back(name);
    const auto found = json_.find(name);
    if (found == json_.end()) {
      return std::optional<std::string>();
    }
    if (found->is_number_integer()) {
      return std::optional(found->dump());
    }
    if (!found->is_string()) {
      return Invalid("the member is no text", name);
    }
    return std::optional(found->get<std::string>());
  }

  Result<std::string> Required(const char* name) {
    FUQI_ASSIGN_OR_RETURN(std::optional<std::string> text, Text(name));
    if (!text) {
      return Invalid("the member is missing", name);
    }
    return *std::move(text);
  }

  Result<decide::Bilingual> Reason() {
    known_.emplace_back("reason");
    const auto found = json_.find("reason");
    if (found != json_.end() && found->is_string()) {
      const auto text = found->get<std::string>();
      return decide::Bilingual{text, text};
    }
    if (found == json_.end() || !found->is_object() || found->size() != 2 ||
        !found->contains("zh") || !found->contains("en") || !(*found)["zh"].is_string() ||
        !(*found)["en"].is_string()) {
      return Invalid("a reason is a text, or a text as zh and one as en", "reason");
    }
    return decide::Bilingual{(*found)["zh"].get<std::string>(), (*found)["en"].get<std::string>()};
  }

  Result<void> CheckNoOthers() const {
    for (const auto& [name, value] : json_.items()) {
      if (std::ranges::find(known_, name) == known_.end()) {
        return Err(ErrorCode::kInvalidArgument, "a member that is none of {}",
                   fmt::format("{}", fmt::join(known_, ", ")));
      }
    }
    return {};
  }

 private:
  const OrderedJson& json_;
  std::vector<std::string> known_;
};

// A text that may be missing.
Result<void> Read(Members& members, const char* name, std::string& text) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> given, members.Text(name));
  if (given && given->empty()) {
    return Invalid("the member is empty", name);
  }
  text = std::move(given).value_or("");
  return {};
}

Result<void> ReadSet(Members& members, StandingChange& change) {
  StandingTexts texts;
  FUQI_ASSIGN_OR_RETURN(texts.action, members.Required("action"));
  FUQI_RETURN_IF_ERROR(Read(members, "above", texts.above));
  FUQI_RETURN_IF_ERROR(Read(members, "allow", texts.allow));
  FUQI_RETURN_IF_ERROR(Read(members, "per", texts.per));
  FUQI_RETURN_IF_ERROR(Read(members, "from", texts.from));
  FUQI_RETURN_IF_ERROR(Read(members, "until", texts.until));
  return ReadStanding(texts, change);
}

Result<void> ReadRelease(Members& members, StandingChange& change) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> record, members.Text("record"));
  if (record) {
    Result<int128> number = ParseInt128(*record);
    if (!number || *number <= 0 || *number > INT64_MAX) {
      return Invalid("a record is named by its sequence number", "record");
    }
    change.record = static_cast<uint64_t>(*number);
  }
  return {};
}

Result<void> ReadUndo(Members& members, std::string_view pack, StandingChange& change) {
  FUQI_ASSIGN_OR_RETURN(std::string id, members.Required("decision_id"));
  Result<decide::DecisionRef> reference = decide::ParseDecisionId(id);
  if (!reference || reference->pack != pack || reference->seq == 0) {
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
  const OrderedJson json = OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Err(ErrorCode::kParse, "the body is no JSON object");
  }
  Members members(json);
  FUQI_ASSIGN_OR_RETURN(std::string op, members.Required("op"));
  if (op != "set" && op != "release" && op != "undo") {
    return Invalid("an operation is set, release or undo", "op");
  }
  FUQI_ASSIGN_OR_RETURN(change.reason, members.Reason());
  if (op == "undo") {
    change.op = StandingChange::Op::kUndo;
    FUQI_RETURN_IF_ERROR(ReadUndo(members, pack, change));
    return members.CheckNoOthers();
  }
  change.op = StandingChange::Op::kRelease;
  FUQI_ASSIGN_OR_RETURN(change.kind, members.Required("kind"));
  FUQI_ASSIGN_OR_RETURN(change.subject, members.Required("subject"));
  FUQI_RETURN_IF_ERROR(op == "set" ? ReadSet(members, change) : ReadRelease(members, change));
  return members.CheckNoOthers();
}

}  // namespace fuqi::node
