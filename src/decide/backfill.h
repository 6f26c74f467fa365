#pragma once

// The fold of a log through one version of a pack: what recovery does, what a snapshot is written
// of, and how the state of a version that shall decide is built beside the one that does.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/thread_annotations.h"
#include "decide/core.h"
#include "decide/records.h"
#include "decide/shadow.h"
#include "decide/versions.h"
#include "ledger/log.h"

namespace fuqi::decide {

// Publish records by their sequence numbers, as far as they were read.
using Publishes = std::map<uint64_t, std::shared_ptr<const PublishRecord>>;

// Reads the Publish record `seq` unless it is known.
Result<std::shared_ptr<const PublishRecord>> ReadPublish(const ledger::Log& log, uint64_t seq,
                                                         Publishes& publishes);

// The state after the records [0, seq) of a log. One thread.
struct LogFold {
  explicit LogFold(std::shared_ptr<const CompiledPack> pack) : core(std::move(pack)) {}

  // Folds the record `seq`. kConflict: an event of the log does not fit the pack's table.
  Result<void> Take(const ledger::Log& log, const ledger::StoredRecord& record);
  // The state as a snapshot has it, docs/formats/records.md.
  Bytes Save() const;
  // False where the bytes are of another version of the pack, by other zone data or by another
  // program: no error, but of no use, as all events must be folded anew. kIo, kCorrupt: the log.
  Result<bool> Restore(const ledger::Log& log, uint64_t snapshot_seq, ByteView bytes);

  Core core;
  uint64_t seq = 0;
  // From this record on the rules are evaluated, too: of the event folded last, what they gave.
  uint64_t decide_from = UINT64_MAX;
  std::optional<Decision> decided;
  Versions versions;
  Publishes publishes;  // that were needed
};

// The state of another version, on its way to the end of the log. Partition::BeginBackfill makes
// it, CatchUp brings it on while deciding goes on, Switch makes it the state that decides. Dropping
// it ends it. What it read stays right whatever becomes of it: it changes nothing.
//
// History is read from the log. What is decided in the last moments before the switch is not on
// disk yet: from a point near the end on, the partition keeps a copy of every record that it adds,
// the tail, for the backfill to take.
//
// A version that watches goes on catching up, and is compared with what was decided (shadow.h);
// once it is approved, it is at the end of the log already.
//
// Threads: one, but for `folded`, `Stop` and `report`.
class Backfill {
 public:
  // More records than these are not folded while deciding waits: Switch refuses, CatchUp goes on.
  static constexpr size_t kSwitchRecordsMax = 512;
  // After so many records whoever waits for the thread has a turn.
  static constexpr uint64_t kTurnRecords = 1024;
  // So near to the end of the log the tail begins to be kept.
  static constexpr uint64_t kTailRecords = 20'000;

  const CompiledPack& pack() const { return fold_.core.pack(); }
  uint64_t folded() const { return folded_.load(std::memory_order_relaxed); }  // events so far
  // Makes CatchUp return kCancelled soon.
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  // Beyond so many records in the tail it is let go, and the log is read instead.
  static constexpr size_t kTailRecordsMax = 200'000;

  // Compares its decisions with those of the log from this record on; before the first CatchUp.
  void CompareFrom(uint64_t record) { fold_.decide_from = record; }
  ShadowReport report() const FUQI_EXCLUDES(report_mutex_);

  // The state as a snapshot of the records before `seq`; before the switch.
  Bytes Save() const { return fold_.Save(); }
  uint64_t seq() const { return fold_.seq; }
  // Records that Switch folded while deciding waited.
  size_t folded_at_switch() const { return folded_at_switch_; }

 private:
  friend class Partition;
  explicit Backfill(std::shared_ptr<const CompiledPack> pack) : fold_(std::move(pack)) {}

  // Records that the partition added from `from` on and that were not folded yet. Its owner's lock
  // guards it.
  struct Tail {
    uint64_t from = 0;
    std::deque<ledger::OwnedRecord> records;
  };

  // `between` is called now and then.
  Result<void> Take(const ledger::Log& log, const ledger::StoredRecord& record,
                    const std::function<void()>& between = {});
  // Folds what is committed and lies before `end`.
  Result<void> ReadLog(const ledger::Log& log, uint64_t end, const std::function<void()>& between);

  Result<void> Compare(const ledger::Log& log, const ledger::StoredRecord& record)
      FUQI_EXCLUDES(report_mutex_);

  LogFold fold_;
  mutable Mutex report_mutex_;
  ShadowReport report_ FUQI_GUARDED_BY(report_mutex_);
  std::shared_ptr<Tail> tail_;
  std::atomic<uint64_t> folded_{0};
  std::atomic<bool> stop_{false};
  size_t folded_at_switch_ = 0;
};

}  // namespace fuqi::decide
