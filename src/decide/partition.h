#pragma once

// A core bound to its durable log: what `fuqi serve`, `fuqi decide` and `fuqi replay --log` run on.
//
// Directory:  <dir>/log/…  segments · <dir>/snapshots/…  · <dir>/tree/…  (derived; rebuilt when missing)
// Opening recovers: newest valid snapshot, then the log's records after it are folded in; decisions are read from their records, never
// recomputed into answers. A log of another pack version than the one given gets a new Publish record first.
//
// Threads: Decide and Flush from one thread ("decider"); CommitOne from one thread ("committer"; may be the same). Lookups from any.

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "decide/core.h"
#include "ledger/log.h"

namespace fuqi::decide {

struct PartitionOptions {
  ledger::LogOptions log;
  uint64_t snapshot_every = 200'000;  // events
};

// What the client gets.
struct Outcome {
  Decision decision;
  bool repeated = false;  // the same event had been decided before: this is that decision
};

class Partition {
 public:
  static Result<std::unique_ptr<Partition>> Open(Disk& disk, Clock& clock, const std::string& dir,
                                                 std::shared_ptr<const CompiledPack> pack, const PartitionOptions& options);
  ~Partition();

  // Decides one event into the open batch; the outcome may be told to anyone only after the batch's Commit has returned (a repeated
  // outcome too, unless its event was committed before). kConflict: the id is taken by another content. kInvalidArgument, kTypeMismatch:
  // the event is not of the table. kUnavailable: the log has failed.
  Result<Outcome> Decide(const Event& event);
  // Notes that the pack's default action was answered for an event without deciding it.
  Result<void> NoteDefault(const table::Datum& key, std::string_view why);

  // Takes the open batch (empty if nothing was decided) so that Commit can run while the decider goes on.
  ledger::Batch TakeBatch();
  // Writes, syncs, and feeds the tree. In the order of TakeBatch.
  Result<void> Commit(ledger::Batch batch);

  // Of committed records only.
  Result<std::optional<Decision>> FindByEventKey(const table::Datum& key) const;
  Result<Decision> FindBySeq(uint64_t decision_seq) const;
  Result<Event> ReadEvent(uint64_t event_seq) const;

  // Writes a snapshot of the state as of the last committed record.
  Result<void> Snapshot();

  const Core& core() const;
  uint64_t committed() const;  // records

 private:
  struct Impl;
  explicit Partition(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
