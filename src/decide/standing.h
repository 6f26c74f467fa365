#pragma once

// Standing actions: what an earlier decision, or a person, has laid on an account, a card or a
// person until it is released or expires in event time. A later event of that subject gets at least
// this action, whatever column of the kind names it.
//
// Several can stand for one subject: two rules, a rule and a person. Each stands for itself, so
// that one can be undone without the others; what binds an event is the strictest that holds for
// it. Contradictions are thereby settled: the stricter holds until somebody with a name releases
// it.
//
// Expiry is in event time: at an event of the time t binds what ends after t. A late event is bound
// by what stands when it arrives; one that is out of time bounds, by all that stands, since its
// time cannot be trusted to tell what has expired.
//
// An action may have a limit, and then binds amounts above it; or an allowance, and then binds an
// event whose amount goes beyond what remains of it. What counts against an allowance is what
// approved events used up while it stood, each by a change of its own (StandingChange::kSpend) in
// the period of its own time: so what remains is read from records like all that is committed, and
// an event that was reviewed, held or blocked uses up nothing. Amounts of zero or less use up
// nothing and give nothing back; an unknown amount is bound.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/change.h"
#include "decide/decision.h"
#include "decide/pack.h"

namespace fuqi::decide {

// As many may stand for one subject; what a decision sets beyond them makes the earliest to end
// stricter instead.
inline constexpr size_t kStandingMax = 100;

// Bounds of a subject and of a reason, in bytes.
inline constexpr size_t kSubjectBytesMax = 1'000;
inline constexpr size_t kStandingReasonBytesMax = 4'000;

// What an event's column is to a kind, as StandingChange writes it: as SQL prints it, or, of a text
// that is longer than a subject may be or holds NUL, "sha256:" and its hash. None for NULL.
std::optional<std::string> SubjectOf(const table::Datum& value, table::Type type);

class StandingState {
 public:
  struct Entry {
    uint64_t record = 0;  // of the StandingChange that set it
    Action action = Action::kFreeze;
    std::optional<int128> limit;         // binds amounts above it; in the kind's amount column
    std::optional<Allowance> allowance;  // there is a limit then, and it is held against sums
    std::map<int64_t, int128> used;      // by period, as late events may still ask for it
    int64_t until_us = kForEver;         // exclusive
    uint64_t decision_seq = 0;           // that set it; 0: a person did
    std::string rule;                    // that asked for it; empty: a person did
    std::string by;                      // who
    Bilingual reason;
    // Not weaker than `other`, set later, in anything.
    bool Covers(const Entry& other) const;
    // Of an allowance: the number of the period that holds this time, and what remains in it, which
    // is less than nothing where more was used up than this limit.
    int64_t PeriodOf(int64_t ts_us) const;
    int128 RemainsAt(int64_t ts_us) const;
  };

  // `lateness_us`: how long behind its end an entry is kept, as late events may ask for it.
  StandingState(const StandingKind& kind, int64_t lateness_us)
      : kind_(&kind), lateness_us_(lateness_us) {}

  // The strictest that binds an event of this subject, time and amount (NULL: unknown, which every
  // limit and allowance binds); `any_time`: whatever its end, and whatever its allowance. Of equals
  // the first that was set. O(entries of the subject).
  const Entry* Find(const std::string& subject, int64_t ts_us, const table::Datum& amount,
                    bool any_time) const;
  // All of a subject, in order of their records.
  std::vector<Entry> Of(const std::string& subject) const;
  // Up to `count` subjects behind `after`.
  std::vector<std::pair<std::string, std::vector<Entry>>> Page(const std::string& after,
                                                               size_t count) const;
  size_t size() const { return entries_; }
  const StandingKind& kind() const { return *kind_; }

  // `at_us`: what ended long before it is forgotten.
  void Set(const std::string& subject, Entry entry, int64_t at_us);
  // Takes away one entry, or with record 0 all. False if there is none.
  bool Release(const std::string& subject, uint64_t record);
  // Takes away what the decision set. False if nothing of it stands.
  bool Undo(uint64_t decision_seq);
  bool Stands(uint64_t decision_seq) const;
  // Whether the subject has an allowance at this time.
  bool HasAllowance(const std::string& subject, int64_t ts_us) const;
  // Uses up so much of all allowances that the subject has at this time.
  void Spend(const std::string& subject, int128 amount, int64_t ts_us);

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  using Subjects = std::map<std::string, std::vector<Entry>>;
  void Forget(int64_t at_us);
  template <class Pick>
  bool Erase(Subjects::iterator subject, const Pick& pick);

  const StandingKind* kind_;
  int64_t lateness_us_;
  Subjects subjects_;
  size_t entries_ = 0;
  size_t allowances_ = 0;                     // among them
  std::multimap<int64_t, std::string> ends_;  // of entries that end: when, whose
};

// The amount of a change's limit. kInvalidArgument: the kind names no amount; kTypeMismatch: it is
// none of the amount's type.
Result<int128> AmountOf(const StandingKind& kind, const StandingChange& change);
// The entry that a change of kSet makes. Errors as AmountOf; kInvalidArgument: an allowance without
// amount.
Result<StandingState::Entry> EntryOf(const StandingKind& kind, const StandingChange& change,
                                     uint64_t record);

}  // namespace fuqi::decide
