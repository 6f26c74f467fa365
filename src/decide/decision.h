#pragma once

// What was decided on one event, and the name by which a client asks for it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "decide/pack.h"
#include "table/datum.h"

namespace fuqi::decide {

// Why windows did not take an event, why rules could not be read, or what is not whole in what they
// read. Bits; stored.
enum Flag : uint32_t {
  kLate = 1,    // older than the newest event by more than the pack's lateness: kept out of windows
  kFuture = 2,  // further ahead than the pack allows: kept out of windows
  kEvaluationError = 4,  // a feature or rule could not be evaluated; `error` says which and why;
                         // the pack's default action was taken unless a rule asked for more
  kTruncated = 8,     // a search of a graph met a bound: what it gave is NULL, or leaves out what
                      // lies behind a hub; the pack's truncated_action was taken unless a rule
                      // asked for more
  kShadowError = 16,  // a shadow rule could not be evaluated; `error` says which and why; the
                      // action is what it would be without the rule
};
// "late", "future", "evaluation_error", "truncated", "shadow_error"
std::string_view FlagName(Flag flag);
inline constexpr uint32_t kAllFlags =
    kLate | kFuture | kEvaluationError | kTruncated | kShadowError;
inline constexpr Flag kLastFlag = kShadowError;
// Of each bit that is set, by rising value.
std::vector<std::string_view> FlagNames(uint32_t flags);
// An event with one of these does not enter windows, and no feature is computed for it.
inline constexpr uint32_t kOutOfBounds = kLate | kFuture;
// `error` says why.
inline constexpr uint32_t kFailed = kEvaluationError | kShadowError;

// A standing action (standing.h) that bound the event.
struct StandingHit {
  uint32_t kind = 0;    // index in the pack
  uint32_t column = 0;  // of the event: which named the subject
  Action action = Action::kFreeze;
  uint64_t record = 0;  // of the StandingChange that set it
  // What was left of its allowance before the event, in units of the amount's last digit; none
  // where it has no allowance, or the event's time is not to be trusted.
  std::optional<int128> remains;
  friend bool operator==(const StandingHit&, const StandingHit&) = default;
};

struct Decision {
  uint64_t event_seq = 0;  // of the Event record
  Action action = Action::kApprove;
  uint32_t flags = 0;
  std::vector<uint32_t> hits;         // indexes into the pack's rules, rising
  std::vector<StandingHit> standing;  // by rising kind, then column
  table::Row features;  // in the pack's feature order; NULL throughout when kept out of windows
  std::string error;    // English; empty unless kFailed

  uint64_t seq() const { return event_seq + 1; }  // of the Decision record
};

// What added up to the score of whose band `rule` is, by the decision's features; nothing for other
// rules.
std::vector<const Score::Points*> PointsGiven(const Pack& pack, const Rule& rule,
                                              const table::Row& features);

// "aml-00000000000000000017": pack and sequence number of the Decision record.
std::string DecisionId(std::string_view pack, uint64_t decision_seq);
struct DecisionRef {
  std::string pack;
  uint64_t seq = 0;
};
// kParse where `id` is not what DecisionId writes.
Result<DecisionRef> ParseDecisionId(std::string_view id);

// An event as admitted. `received_us` is -1 where events are read from a file.
struct Event {
  table::Row columns;
  int64_t received_us = -1;
};

}  // namespace fuqi::decide
