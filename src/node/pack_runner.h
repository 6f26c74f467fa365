#pragma once

// The threads of one pack: events and changes of committed state in, durable outcomes out.
//
// Submit → queue → decider thread (Partition::Decide, one event after another) → committer thread
// (Partition::Commit: write and sync) → the job's `done`. While one batch is being synced the
// decider goes on and gathers the next: a group commit as large as the disk is slow. Nothing is
// answered before the batch that holds its record is on disk, refusals for a taken id included,
// since the record that took it must be safe first.
//
// Under overload an event is not decided: it gets the pack's default action, and that fact is
// recorded (Shed). The queue of those is bounded too; beyond both, an event is refused and leaves
// no trace. A change waits among the events and is never shed. A step in the life of the pack's
// versions waits likewise; the switch to another version goes before all that waits, so that what
// it has to fold is what was decided in the last moment only. When the log fails, everything that
// waits and all that comes is answered with kUnavailable for the rest of this process's life.
//
// Threads: Submit and lookups from any.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "base/thread_annotations.h"
#include "decide/partition.h"
#include "node/decision_json.h"
#include "node/metrics.h"

namespace fuqi::node {

// The pack's default action was given without a decision.
struct Defaulted {
  Shed why{};
  decide::Action action{};
};

// kResourceExhausted: both queues were full. kUnavailable: stopping, or the log has failed. Else
// what Partition::Decide, Apply, Propose, Step or Switch says.
using Answer = std::variant<decide::Outcome, decide::Applied, Defaulted, Error>;

// A version of a pack, and how its decisions are told.
struct PackVersion {
  std::shared_ptr<const decide::CompiledPack> pack;
  PackView view;

  static std::shared_ptr<const PackVersion> Of(std::shared_ptr<const decide::CompiledPack> pack);
};

// An event that is valid by the table of `version`, under which it was read.
struct EventJob {
  decide::Event event;
  std::shared_ptr<const PackVersion> version;
};
// Partition::Switch; nobody else touches the backfill until the job is done.
struct SwitchJob {
  decide::Backfill* backfill = nullptr;
};

struct Job {
  std::variant<EventJob, decide::Change, decide::Proposal, decide::ProposalStep, SwitchJob> what;
  int64_t started_ns = 0;            // MonotonicNs at the request's beginning
  int64_t deadline_ns = 0;           // an event not decided by then: shed
  std::function<void(Answer)> done;  // called once, on any thread, must not block
};

struct RunnerBounds {
  size_t queue = 4096;
  size_t shed_queue = 4096;
  size_t batch = 256;  // events of one commit
};

class PackRunner {
 public:
  PackRunner(std::unique_ptr<decide::Partition> partition, const RunnerBounds& bounds);
  ~PackRunner();

  void Submit(std::vector<Job> jobs) FUQI_EXCLUDES(mutex_);
  // Before all that waits, one at a time: the one before must be done.
  void SubmitFirst(Job job) FUQI_EXCLUDES(mutex_);

  // Whether the log takes records.
  bool ready() const FUQI_EXCLUDES(mutex_);
  size_t queue_depth() const FUQI_EXCLUDES(mutex_);
  const decide::Partition& partition() const { return *partition_; }
  decide::Partition& partition() { return *partition_; }
  // That decides now.
  std::shared_ptr<const PackVersion> version() const FUQI_EXCLUDES(mutex_);
  PackMetrics& metrics() { return metrics_; }

  // Takes no more events, decides and commits what waits, ends the threads, saves the head and
  // writes a snapshot. kUnavailable if the log had failed.
  Result<void> Stop() FUQI_EXCLUDES(mutex_);

 private:
  struct Settled {
    Job job;
    Answer answer;
  };
  // A batch and everyone who waits for it.
  struct Work {
    ledger::Batch batch;
    std::vector<Settled> settled;
  };

  void DeciderLoop() FUQI_EXCLUDES(mutex_);
  void CommitterLoop() FUQI_EXCLUDES(mutex_);
  void SnapshotLoop() FUQI_EXCLUDES(mutex_);
  Answer Settle(Job& job, bool shed);
  Answer SettleEvent(const Job& job, const EventJob& what, bool shed);
  Answer Switch(const SwitchJob& what) FUQI_EXCLUDES(mutex_);
  // What was submitted to be first, if there is any.
  void SettleFirst(std::vector<Settled>& open) FUQI_EXCLUDES(mutex_);
  void Deliver(std::vector<Settled> settled, const std::optional<Error>& failure);

  const std::unique_ptr<decide::Partition> partition_;
  const RunnerBounds bounds_;
  PackMetrics metrics_;

  mutable Mutex mutex_;
  std::condition_variable decider_wakes_;
  std::condition_variable committer_wakes_;
  std::condition_variable snapshots_wake_;
  std::deque<Job> queue_ FUQI_GUARDED_BY(mutex_);
  std::deque<Job> shed_queue_ FUQI_GUARDED_BY(mutex_);
  std::optional<Job> first_ FUQI_GUARDED_BY(mutex_);
  std::atomic<bool> has_first_ = false;  // so that looking costs no lock
  std::shared_ptr<const PackVersion> version_ FUQI_GUARDED_BY(mutex_);
  std::optional<Work> handed_over_ FUQI_GUARDED_BY(mutex_);
  bool committing_ FUQI_GUARDED_BY(mutex_) = false;  // from handing over until it is synced
  bool stopping_ FUQI_GUARDED_BY(mutex_) = false;
  bool decider_done_ FUQI_GUARDED_BY(mutex_) = false;
  bool dead_ FUQI_GUARDED_BY(mutex_) = false;  // the log has failed

  std::thread decider_;
  std::thread committer_;
  std::thread snapshots_;
};

}  // namespace fuqi::node
