#pragma once

// A core bound to its durable log: what `fuqi serve`, `fuqi decide` and `fuqi replay --log` run on.
//
// Directory:  <dir>/log/…  segments · <dir>/tree, <dir>/head  (derived) · <dir>/snapshots/…
//
// Opening recovers: newest valid snapshot, then the log's events after it are folded in; decisions
// are read from their records, never recomputed into answers. A log of another pack version than
// the one given gets a new Publish record, and its state is built by folding all events through the
// new pack, whatever snapshots there are of the old one; decisions taken stand. So does a log that
// was written with another release of the time-zone data.
//
// Promise: an outcome is final and survives a crash once the Commit of the batch that was open when
// Decide returned it has returned without error. After a failed Commit every call that would decide
// gives kUnavailable: the partition must be opened again, and knows then what was committed.
//
// Snapshots. State runs ahead of the log, and copying it stops deciding; therefore WriteDueSnapshot
// does not look at it: it folds the log from the last snapshot on, in a core of its own, as
// recovery does, while deciding goes on. Snapshot copies the state and is for moments when nothing
// is decided.
//
// Heads. The head file vouches for the log up to the moment when it was saved: at opening, every
// `head_every` records, and at closing, so that after an orderly end no record lies behind it.
//
// Threads: any. Decide, Apply, NoteDefault and TakeBatch wait for each other; Commit and Close are
// called by one thread at a time, Commit in the order of TakeBatch; WriteDueSnapshot and Snapshot
// by one thread at a time. Lookups wait for at most one Decide.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/disk.h"
#include "decide/backfill.h"
#include "decide/core.h"
#include "decide/records.h"
#include "decide/versions.h"
#include "ledger/log.h"
#include "ledger/merkle.h"

namespace fuqi::decide {

struct PartitionOptions {
  ledger::LogOptions log;
  uint64_t snapshot_every = 200'000;  // events; 0: only when Snapshot is called
  uint64_t head_every = 65'536;       // records between saved heads
};

// What the client gets.
struct Outcome {
  Decision decision;
  bool repeated = false;  // the same event had been decided before: this is that decision
  std::shared_ptr<const CompiledPack> pack;  // that decided; none where repeated
};

// What came of a change.
struct Applied {
  uint64_t seq = 0;       // of its record
  bool repeated = false;  // it had been made before, by that record
};

// What opening found and did.
struct Recovery {
  uint64_t snapshot_seq = 0;   // records that the snapshot stood for; 0: none
  uint64_t folded_events = 0;  // events folded beyond it
  uint64_t cut_bytes = 0;      // of a torn tail
  bool published = false;      // a Publish record was written
  std::vector<Error> damaged;  // snapshots that could not be used
};

class Partition {
 public:
  // kCorrupt: the log or its tree; kConflict: the log's events do not fit the pack's table (another
  // key, a column of another type, a missing value); kUnavailable: another process holds the log.
  static Result<std::unique_ptr<Partition>> Open(Disk& disk, Clock& clock, const std::string& dir,
                                                 std::shared_ptr<const CompiledPack> pack,
                                                 const PartitionOptions& options);
  // Closes; what Close would have said is logged.
  ~Partition();

  // Ends deciding and saves the head of what is committed; lookups go on. What was decided and not
  // committed is dropped, as a crash would drop it. kUnavailable if the log has failed: the head is
  // then left as it was. Once closed, closing does nothing.
  Result<void> Close();

  // Decides one event into the open batch; the outcome may be told to anyone only after the batch's
  // Commit has returned (a repeated outcome too, unless its event was committed before). `read_by`:
  // the version whose table the event was read by, if another may decide by now. kConflict:
  // the id is taken by another content. As Core::Validate: the event is not of the table.
  // kResourceExhausted: the open batch is full, commit it first. kUnavailable: the log has failed,
  // or the partition is closed. On error nothing has changed.
  Result<Outcome> Decide(const Event& event, const CompiledPack* read_by = nullptr);
  // Notes that the pack's default action was answered for an event without deciding it; gives it.
  Result<Action> NoteDefault(const table::Datum& key, std::string_view why);

  // Changes committed state (change.h) for every event decided after it: writes its record into the
  // open batch, and may be told to anyone only after the batch's Commit, as an outcome. A change
  // whose id is known is not made again. Errors as Committed::Validate, kConflict: the id is taken
  // by another change; kOutOfRange, too: it is larger than kChangeBytesMax; kResourceExhausted: the
  // open batch is full; kUnavailable as Decide. On error nothing has changed.
  Result<Applied> Apply(const Change& change);

  // Another version of the pack, by two persons (versions.h). Each writes a record into the open
  // batch and may be told to anyone only after the batch's Commit. Errors as
  // Versions::CheckProposal and CheckStep; kResourceExhausted, kUnavailable as Apply. What was made
  // already is not made again; of a step, the record told is then the proposal's.
  Result<Applied> Propose(Proposal proposal);
  Result<Applied> Step(const ProposalStep& step);
  // The content of a proposal; of one that is committed.
  Result<PackFiles> FilesOf(const ProposalStatus& status) const;

  // Begins to build the state of a version; kConflict as CheckSuccessor (version_change.h).
  Result<std::unique_ptr<Backfill>> BeginBackfill(std::shared_ptr<const CompiledPack> version);
  // Folds what there is by now, while deciding goes on; gives how many records were added
  // meanwhile. `between` is called every Backfill::kTurnRecords, and may take its time. kConflict:
  // events of the log do not fit the version, or another is being caught up; kCancelled: stopped;
  // kIo, kCorrupt: the log.
  Result<uint64_t> CatchUp(Backfill& backfill, const std::function<void()>& between = {});
  // Folds the rest, at most kSwitchRecordsMax, and makes the version the one that decides every
  // later event, by a Publish record in the open batch. The backfill holds the old state
  // afterwards. kUnavailable: more is left, or the log has failed; kCancelled: the version is not
  // approved any more; kResourceExhausted as Decide. On error it goes on as before.
  Result<Applied> Switch(Backfill& backfill);
  // Keeps Backfill::Save of the version that decides now, so that a start need not fold all of
  // history anew. The records before `seq` must be committed.
  Result<void> WriteSnapshotOf(uint64_t seq, const Bytes& bytes);

  std::shared_ptr<const CompiledPack> pack() const;  // that decides now
  Versions versions() const;                         // what is not committed included

  // Takes the open batch (empty if nothing was decided) so that Commit can run while deciding goes
  // on.
  ledger::Batch TakeBatch();
  // Writes, syncs, feeds the tree, and saves the head when it is due. In the order of TakeBatch.
  Result<void> Commit(const ledger::Batch& batch);

  // Of committed records only. A decision may belong to an earlier pack version: PublishedAt tells
  // which.
  Result<std::optional<Decision>> FindByEventKey(const table::Datum& key) const;
  Result<Decision> FindBySeq(uint64_t decision_seq) const;
  // With the columns that the event table had then.
  Result<Event> ReadEvent(uint64_t event_seq) const;
  // The pack version that a decision was taken under, by the Decision's or its Event's sequence
  // number; events decided but not committed included. kNotFound for any other number.
  Result<std::shared_ptr<const PublishRecord>> PublishedAt(uint64_t seq) const;

  // Writes a snapshot of what is committed if `snapshot_every` events were committed since the
  // last; cheap otherwise. Folds those events once more and needs the memory of a second state
  // meanwhile: call it from a thread that may take its time.
  Result<void> WriteDueSnapshot();
  // Writes a snapshot of the state now. kUnavailable while anything decided is not committed.
  Result<void> Snapshot();

  // Runs `read` on the committed state, what is not committed to disk included, while nothing is
  // decided: it must be quick.
  void ReadCommitted(const std::function<void(const Committed&)>& read) const;
  // Of what is owed to a topic of the outbox and is on disk, the oldest.
  std::optional<OutboxState::Item> NextOwed(const std::string& topic) const;

  uint64_t events() const;  // decided so far
  // For the deciding thread.
  const Core& core() const;
  uint64_t committed() const;  // records
  const Recovery& recovery() const;
  const ledger::Log& log() const;
  const ledger::Tree& tree() const;

 private:
  struct Impl;
  explicit Partition(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
