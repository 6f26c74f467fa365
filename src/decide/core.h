#pragma once

// The decision core of one partition: the fold of events into decisions. One thread.
//
// state = fold(events): windows, the id index and the newest event time depend on nothing but the pack and the events in their order.
// The same object serves live, replays a file, recovers from a log and re-performs decisions.

#include <cstdint>
#include <memory>
#include <optional>

#include "decide/compiled_pack.h"
#include "decide/decision.h"

namespace fuqi::decide {

class Core {
 public:
  explicit Core(std::shared_ptr<const CompiledPack> pack);
  ~Core();

  // Checks what the table demands of an event: number and kinds of values, NOT NULL, key and time present, text UTF-8.
  Result<void> Validate(const Event& event) const;

  // The decision taken before on an event of this key, if any: the sequence number of its Event record. The caller compares contents.
  std::optional<uint64_t> FindEvent(const table::Datum& key) const;

  // Decides and lets the event into state. Validate must have passed and the key be new. `event_seq`: of its Event record; rising.
  // Never fails: what cannot be evaluated gives the pack's default action and kEvaluationError.
  Decision Decide(const Event& event, uint64_t event_seq);

  const CompiledPack& pack() const;
  uint64_t events() const;

  // The whole state in one form that depends only on the events folded.
  void Save(Bytes& out) const;
  Result<void> Restore(ByteView bytes);
  // SHA-256 of Save: equal states have equal digests.
  Digest StateDigest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
