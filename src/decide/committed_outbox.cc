// Changes of what is owed, as committed state takes them.

#include "decide/check_text.h"
#include "decide/committed.h"

namespace fuqi::decide {

Result<void> Committed::CheckForm(const OutboxChange& change) {
  if (!IsPackName(change.topic)) {
    return Err(ErrorCode::kInvalidArgument, "this is no name of an outbox topic")
        .At({.field = "topic"});
  }
  const bool by_person =
      change.op == OutboxChange::Op::kRetry || change.op == OutboxChange::Op::kDrop;
  if (by_person && change.why.empty()) {
    return Err(ErrorCode::kInvalidArgument, "a person says why").At({.field = "reason"});
  }
  FUQI_RETURN_IF_ERROR(CheckText(change.why, kOutboxWhyBytesMax, "reason"));
  if (!change.is_well_formed()) {
    return Err(ErrorCode::kInvalidArgument, "the change says what its operation does not take");
  }
  return {};
}

Result<void> Committed::CheckFits(const OutboxChange& change) const {
  using Op = OutboxChange::Op;
  if (change.op == Op::kOwe) {
    return Err(ErrorCode::kInvalidArgument, "what is owed is for decisions to say");
  }
  const bool by_person = change.op == Op::kRetry || change.op == Op::kDrop;
  if (by_person && change.decision_seq == 0) {
    return outbox_.Count(change.topic).dead > 0
               ? Result<void>()
               : Err(ErrorCode::kNotFound, "nothing of the topic '{}' was given up", change.topic);
  }
  const OutboxState::Item* item = outbox_.Find(change.topic, change.decision_seq);
  if (item == nullptr) {
    return Err(ErrorCode::kNotFound,
               "the topic '{}' is not owed this decision: it never was, or it was delivered or "
               "dropped",
               change.topic);
  }
  if (item->dead != (change.op == Op::kRetry) && change.op != Op::kDrop) {
    return item->dead ? Err(ErrorCode::kNotFound, "it was given up before")
                      : Err(ErrorCode::kAlreadyExists, "it is being delivered already");
  }
  return {};
}

void Committed::Make(const OutboxChange& change, uint64_t seq) {
  using Op = OutboxChange::Op;
  std::vector<uint64_t> decisions;
  if (change.decision_seq != 0) {
    decisions.push_back(change.decision_seq);
  } else {
    for (const OutboxState::Item& item : outbox_.Page(change.topic, true, 0, SIZE_MAX)) {
      decisions.push_back(item.decision_seq);
    }
  }
  for (uint64_t decision_seq : decisions) {
    switch (change.op) {
      case Op::kOwe:
        outbox_.Owe(change.topic, decision_seq, change.action, seq);
        break;
      case Op::kDelivered:
      case Op::kDrop:
        outbox_.Remove(change.topic, decision_seq);
        break;
      case Op::kGiveUp:
        outbox_.GiveUp(change.topic, decision_seq, change.attempts, change.why, seq);
        break;
      case Op::kRetry:
        outbox_.OweAgain(change.topic, decision_seq, seq);
        break;
    }
  }
}

}  // namespace fuqi::decide
