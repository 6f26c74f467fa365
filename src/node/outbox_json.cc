#include "node/outbox_json.h"

#include "decide/decision.h"
#include "node/json_members.h"

namespace fuqi::node {
namespace {

Error Invalid(MessageTemplate message, std::string_view member) {
  return Err(ErrorCode::kInvalidArgument, message).At({.field = std::string(member)});
}

}  // namespace

OrderedJson OutboxJson(const std::string& pack, const std::string& topic,
                       const decide::OutboxState::Item& item) {
  OrderedJson json = {{"topic", topic},
                      {"decision_id", decide::DecisionId(pack, item.decision_seq)},
                      {"action", decide::ActionName(item.action)}};
  if (item.dead) {
    json["dead"] = true;
    json["attempts"] = item.attempts;
    json["why"] = item.why;
  }
  json["record"] = item.record;
  return json;
}

Result<void> ParseOutboxChange(std::string_view text, std::string_view pack,
                               decide::OutboxChange& change) {
  FUQI_ASSIGN_OR_RETURN(const BodyJson json, ParseBody(text));
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"op", "topic", "decision_id", "reason"}));
  FUQI_ASSIGN_OR_RETURN(std::string op, Required(TextMember(json, "op"), "op"));
  FUQI_ASSIGN_OR_RETURN(change.topic, Required(TextMember(json, "topic"), "topic"));
  FUQI_ASSIGN_OR_RETURN(change.why, Required(TextMember(json, "reason"), "reason"));
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> decision_id, TextMember(json, "decision_id"));
  if (op != "retry" && op != "drop") {
    return Invalid("an operation is retry or drop", "op");
  }
  change.op = op == "retry" ? decide::OutboxChange::Op::kRetry : decide::OutboxChange::Op::kDrop;
  if (decision_id) {
    const Result<decide::DecisionRef> reference = decide::ParseDecisionId(*decision_id);
    if (!reference || reference->pack != pack) {
      return Invalid("no decision of this pack has this id", "decision_id");
    }
    change.decision_seq = reference->seq;
  }
  return {};
}

}  // namespace fuqi::node
