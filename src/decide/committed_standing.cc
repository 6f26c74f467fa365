// Changes of what stands, as committed state takes them.

#include <algorithm>

#include "base/nearest.h"
#include "base/time.h"
#include "decide/check_text.h"
#include "decide/committed.h"

namespace fuqi::decide {
namespace {

// Written as SQL prints it, as the events' values are.
Result<void> CheckSubject(const StandingKind& kind, const std::string& subject) {
  Result<table::Datum> value = table::ParseText(subject, kind.type);
  if (!value || SubjectOf(*value, kind.type) != subject) {
    return Err(ErrorCode::kTypeMismatch, "this is no value of type {} as SQL prints it",
               kind.type.ToString())
        .At({.field = "subject"});
  }
  return {};
}

// Where a person writes the amount.
const char* LimitField(const StandingChange& change) {
  return change.allowance ? "allow" : "above";
}

}  // namespace

const StandingState* Committed::FindStanding(std::string_view kind) const {
  const auto found = std::ranges::find_if(
      standing_, [&](const StandingState& state) { return state.kind().name == kind; });
  return found == standing_.end() ? nullptr : &*found;
}

bool Committed::Has(const StandingChange& change) const {
  return change.op == StandingChange::Op::kUndo || FindStanding(change.kind) != nullptr;
}

Result<void> Committed::CheckForm(const StandingChange& change) const {
  FUQI_RETURN_IF_ERROR(CheckText(change.subject, kSubjectBytesMax, "subject"));
  FUQI_RETURN_IF_ERROR(CheckText(change.reason.zh, kStandingReasonBytesMax, "reason"));
  FUQI_RETURN_IF_ERROR(CheckText(change.reason.en, kStandingReasonBytesMax, "reason"));
  if (change.op == StandingChange::Op::kUndo) {
    return {};
  }
  const StandingState* state = FindStanding(change.kind);
  if (state == nullptr) {
    const auto near = NearestName(change.kind, pack_->standing, &StandingKind::name);
    return near ? Err(ErrorCode::kNotFound,
                      "the pack has no standing kind '{}'; did you mean '{}'?", change.kind, *near)
                : Err(ErrorCode::kNotFound, "the pack has no standing kind '{}'", change.kind);
  }
  FUQI_RETURN_IF_ERROR(CheckSubject(state->kind(), change.subject));
  if (change.op == StandingChange::Op::kSpend) {
    FUQI_RETURN_IF_ERROR(AmountOf(state->kind(), change).At({.field = LimitField(change)}));
    return {};
  }
  if (change.op == StandingChange::Op::kSet) {
    if (change.action == Action::kApprove) {
      return Err(ErrorCode::kInvalidArgument, "'approve' binds nothing; release what stands")
          .At({.field = "action"});
    }
    FUQI_RETURN_IF_ERROR(EntryOf(state->kind(), change, 0).At({.field = LimitField(change)}));
  }
  return {};
}

Result<void> Committed::CheckAllowance(const StandingChange& change) const {
  if (!change.allowance) {
    return {};
  }
  const StandingKind& kind = FindStanding(change.kind)->kind();
  FUQI_ASSIGN_OR_RETURN(int128 amount, AmountOf(kind, change).At({.field = "allow"}));
  if (amount < 0) {
    return Err(ErrorCode::kInvalidArgument, "an allowance is nothing or more")
        .At({.field = "allow"});
  }
  // So that late events ask for two periods at most.
  if (change.allowance->per_us != 0 && change.allowance->per_us < pack_->lateness_us) {
    return Err(ErrorCode::kInvalidArgument,
               "a period is no shorter than the pack's lateness, {}; this one is {}",
               DurationToText(Duration{pack_->lateness_us}),
               DurationToText(Duration{change.allowance->per_us}))
        .At({.field = "per"});
  }
  return {};
}

Result<void> Committed::CheckFits(const StandingChange& change) const {
  const bool by_person = change.at_us == kSinceEver;
  if (change.op == StandingChange::Op::kSpend) {
    return Err(ErrorCode::kInvalidArgument, "what is used up is for events to say");
  }
  if (by_person && change.reason.empty()) {
    return Err(ErrorCode::kInvalidArgument, "a person says why").At({.field = "reason"});
  }
  if (change.op == StandingChange::Op::kUndo) {
    const bool stands = std::ranges::any_of(
        standing_, [&](const StandingState& state) { return state.Stands(change.decision_seq); });
    return stands
               ? Result<void>()
               : Err(ErrorCode::kNotFound,
                     "nothing that this decision set stands: it set nothing, or it was released, "
                     "undone or has expired");
  }
  const StandingState& state = *FindStanding(change.kind);
  const std::vector<StandingState::Entry> entries = state.Of(change.subject);
  if (change.op == StandingChange::Op::kRelease) {
    const bool stands = std::ranges::any_of(entries, [&](const StandingState::Entry& entry) {
      return change.record == 0 || entry.record == change.record;
    });
    return stands ? Result<void>()
                  : Err(ErrorCode::kNotFound, "nothing like this stands for the subject");
  }
  if (by_person) {
    FUQI_RETURN_IF_ERROR(CheckAllowance(change));
    FUQI_ASSIGN_OR_RETURN(StandingState::Entry entry, EntryOf(state.kind(), change, 0));
    for (const StandingState::Entry& other : entries) {
      if (other.Covers(entry)) {
        return Err(ErrorCode::kAlreadyExists,
                   "'{}' stands already, as strict and as long or longer, by record {}: release "
                   "that first if it shall be less",
                   ActionName(other.action), other.record);
      }
    }
    if (entries.size() == kStandingMax) {
      return Err(ErrorCode::kOutOfRange, "{} actions stand for the subject; release some",
                 entries.size());
    }
  }
  return {};
}

void Committed::Make(const StandingChange& change, uint64_t seq) {
  if (change.op == StandingChange::Op::kUndo) {
    for (StandingState& state : standing_) {
      state.Undo(change.decision_seq);
    }
    return;
  }
  StandingState& state =
      standing_[static_cast<size_t>(FindStanding(change.kind) - standing_.data())];
  if (change.op == StandingChange::Op::kRelease) {
    state.Release(change.subject, change.record);
    return;
  }
  if (change.op == StandingChange::Op::kSpend) {
    state.Spend(change.subject, *AmountOf(state.kind(), change), change.at_us);
    return;
  }
  // CheckForm has read it.
  state.Set(change.subject, *EntryOf(state.kind(), change, seq), change.at_us);
}

}  // namespace fuqi::decide
