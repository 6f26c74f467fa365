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
// no trace. A change waits among the events and is never shed. When the log fails, everything that
// waits and all that comes is answered with kUnavailable for the rest of this process's life.
//
// Threads: Submit and lookups from any.

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
#include "node/metrics.h"

namespace fuqi::node {

// kResourceExhausted: both queues were full. kUnavailable: stopping, or the log has failed. Else
// what Partition::Decide or Apply says.
using Answer = std::variant<decide::Outcome, decide::Applied, Shed, Error>;

struct Job {
  std::variant<decide::Event, decide::Change> what;  // an event valid by Core::Validate
  int64_t started_ns = 0;                            // MonotonicNs at the request's beginning
  int64_t deadline_ns = 0;                           // an event not decided by then: shed
  std::function<void(Answer)> done;                  // called once, on any thread, must not block
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

  // Whether the log takes records.
  bool ready() const FUQI_EXCLUDES(mutex_);
  size_t queue_depth() const FUQI_EXCLUDES(mutex_);
  const decide::Partition& partition() const { return *partition_; }
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
  Answer Settle(const Job& job, bool shed);
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
