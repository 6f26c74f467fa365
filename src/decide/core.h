#pragma once

// The decision core of one partition: the fold of events into decisions. One thread.
//
// state = fold(events, changes): windows, graphs, anomalies, the id index and the newest event time
// depend on nothing but the pack, the events and what changed committed state between them
// (change.h), in their order. The same object serves live, replays a file, recovers from a log and
// re-performs decisions.
//
// Time. An event older than the newest one admitted by more than the pack's lateness is late; one
// further ahead of its receipt than the pack's `ahead`, or, where no receipt is known, of the
// newest event than its `gap`, is in the future. Neither enters windows nor counts as newest, and
// no feature is computed for it; its rules see NULL, and it gets at least the pack's default
// action.
//
// A search of a graph or a list that meets a bound flags its event as truncated. That is no failure
// (shops and tax offices are hubs on any day), so what it means is the pack's to say: it gets at
// least the pack's truncated_action, which is the default action where the pack is silent.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "decide/committed.h"
#include "decide/compiled_pack.h"
#include "decide/decision.h"

namespace fuqi::decide {

// Bounds of one text value of an event, of all its texts, and of all texts in a feature row.
inline constexpr size_t kEventTextBytesMax = size_t{64} << 10;
inline constexpr size_t kRowTextBytesMax = size_t{1} << 20;

// Checks what the table demands of an event. kInvalidArgument: number of values, a missing one, a
// kind that the pack does not have, a value that the event's kind lacks (CheckKind);
// kTypeMismatch: a value of another kind, or that its type cannot hold; kParse: text that is not
// UTF-8; kOutOfRange: a time before 0001 or after 9999, a DOUBLE that is not finite, a text too
// long. The error's field is the column.
Result<void> ValidateEvent(const CompiledPack& pack, const Event& event);
// The same for an event's key alone.
Result<void> ValidateKey(const CompiledPack& pack, const table::Datum& key);

class Core {
 public:
  explicit Core(std::shared_ptr<const CompiledPack> pack);
  ~Core();
  Core(Core&&) noexcept;
  Core& operator=(Core&&) noexcept;

  // As ValidateEvent.
  Result<void> Validate(const Event& event) const;

  // Sequence numbers of the Event records whose key may be this one: the 64-bit hash is equal, the
  // caller compares keys. Almost always none or one. O(1).
  std::vector<uint64_t> FindEvent(const table::Datum& key) const;

  // Decides and lets the event into state. Validate must have passed and the key be new.
  // `event_seq`: of its Event record; rising. Never fails: what cannot be evaluated gives the
  // pack's default action and kEvaluationError, and the event enters the windows all the same.
  Decision Decide(const Event& event, uint64_t event_seq);
  // What a decision lays on subjects for later events, and owes to the outbox: the changes that are
  // to be applied behind it, in this order, before the next event. Of the decision that Decide gave
  // last.
  std::vector<Change> ChangesOf(const Event& event, const Decision& decision) const;
  // Decides and applies its changes, where no log keeps them: nobody is told, and so nothing owed.
  Decision DecideAndApply(const Event& event, uint64_t event_seq);
  // What Decide does to the state, without the rules: for events whose decisions stand.
  void Fold(const Event& event, uint64_t event_seq);

  // Changes the committed state (Committed::Apply): the events that follow see it. `seq`: of the
  // change's record.
  Result<void> Apply(const Change& change, uint64_t seq);
  const Committed& committed() const;
  // Makes the names of its lists, and what rules out hits of them, ready for screening, which the
  // first event that is screened would else wait for.
  void PrepareScreening();

  // The rules alone, over the event's columns and a feature row as a Decision record keeps it:
  // `decision` holds flags, features and error; its action and hits are computed anew.
  // `rule_values`, if given, gets each rule's TRUE, FALSE or NULL. Touches no state.
  void DecideFromFeatures(const Event& event, Decision& decision,
                          std::vector<table::Datum>* rule_values = nullptr) const;

  const CompiledPack& pack() const;
  const std::shared_ptr<const CompiledPack>& shared_pack() const;
  uint64_t events() const;        // folded so far
  uint64_t state_bytes() const;   // of windows, graphs and anomalies, estimated
  uint64_t window_steps() const;  // that windows, graphs and anomalies took so far

  // The whole state in one form that depends only on the events and changes folded.
  void Save(Bytes& out) const;
  // kParse on anything that Save of a core of the same pack did not write; the core is then as new.
  Result<void> Restore(ByteView bytes);
  // SHA-256 of Save: equal states have equal digests.
  Digest StateDigest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
