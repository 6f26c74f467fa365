#pragma once

// The life of a running pack's versions (decide/versions.h): compiles what is proposed, says what
// it would change, and carries out what was approved: builds the version's state from the log
// beside the one that decides, and switches. A thread of its own, so that nothing of it delays a
// decision.
//
// What was approved when the node died is carried out after its next start. What cannot be carried
// out (an event of the log does not fit the version) is recorded as failed, and the version that
// decides goes on.
//
// Threads: any.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/thread_annotations.h"
#include "decide/version_change.h"
#include "node/pack_runner.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::node {

// Who asks for what.
struct Proposing {
  std::string by;
  std::string reason;
  int64_t expires_in_us = 7 * kDayUs;
  bool shadow = false;
  // A version of the log, or else the files of one that is new.
  std::optional<Digest> hash;
  decide::PackFiles files;
};
inline constexpr int64_t kProposalTimeMaxUs = 90 * kDayUs;
// What waits for the thread; each may hold a pack, and costs a compilation.
inline constexpr size_t kPublisherTasksMax = 64;

struct Proposed {
  bool repeated = false;
  std::vector<decide::ChangedPart> changes;
};

// What is known of a pack's versions.
struct LifeStatus {
  std::shared_ptr<const decide::CompiledPack> pack;  // that decides: no older than `versions`
  decide::Versions versions;
  bool is_backfilling = false;
  uint64_t folded = 0;                         // events, by the version on its way
  uint64_t events = 0;                         // decided so far
  std::optional<decide::ShadowReport> shadow;  // of the version that watches
  std::optional<Error> shadow_error;           // why it cannot watch
};

class Publisher {
 public:
  // `agreed`: the only version that may decide. The runner and the clock must outlive it.
  Publisher(PackRunner& runner, std::optional<Digest> agreed, Clock& clock);
  ~Publisher();

  // `done` is called once, on another thread or on this one. kConfig and others with place: the
  // pack is wrong; kConflict, kPermissionDenied, kDeadlineExceeded, kNotFound, kAlreadyExists,
  // kOutOfRange: as Versions and CheckSuccessor; kUnavailable: stopping, or the log has failed;
  // kResourceExhausted: too much was asked and not yet answered.
  void Propose(Proposing proposing, const std::function<void(Result<Proposed>)>& done);
  // What the version of the newest proposal would change of the one that decides. kNotFound: the
  // newest proposal is of another version; kResourceExhausted as Propose.
  void Compare(const Digest& hash,
               const std::function<void(Result<std::vector<decide::ChangedPart>>)>& done);
  // Approves or withdraws the newest proposal, which must be of this version. Gives the record.
  void Step(decide::ProposalStep::Kind kind, const Digest& hash, const std::string& by,
            const std::string& reason, std::function<void(Result<decide::Applied>)> done);

  LifeStatus Status() const;

  // Answers what was asked and ends the thread; nothing may be asked any more. A backfill under way
  // is dropped, and begun anew after the next start.
  void Stop();

 private:
  using Compiled = std::shared_ptr<const decide::CompiledPack>;

  void Loop();
  // What was asked by now.
  void RunTasks() FUQI_EXCLUDES(mutex_);
  // False where too many wait.
  bool Enqueue(std::function<void()> task);
  Result<Compiled> Compile(decide::PackFiles files);
  Result<Compiled> CompileOf(const decide::ProposalStatus& proposal);
  // kConfig: shared.pack_hash names another version.
  Result<void> CheckAgreed(const Digest& hash) const;
  Result<std::pair<decide::Proposal, Compiled>> Prepare(Proposing& proposing);
  void SubmitOne(Job job);

  // Begins what the newest proposal asks for.
  void Look();
  void CarryOut(const decide::ProposalStatus& approved);
  Result<void> CatchUpAndSwitch(decide::Backfill& backfill);
  void BeginWatching(const decide::ProposalStatus& proposal);
  void NoteCannotWatch(const Error& error) FUQI_EXCLUDES(mutex_);
  void Follow();
  Result<void> Begin(const decide::ProposalStatus& proposal);
  void End() FUQI_EXCLUDES(mutex_);
  void WakeToLook() FUQI_EXCLUDES(mutex_);
  void NoteFailed(const decide::ProposalStatus& proposal, const Error& error);
  bool is_stopping() const FUQI_EXCLUDES(mutex_);

  PackRunner& runner_;
  const std::optional<Digest> agreed_;
  Clock& clock_;
  // The thread's own.
  std::unique_ptr<table::Binder> binder_;  // opened when it is needed first
  Compiled compiled_;                      // last

  mutable Mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::function<void()>> tasks_ FUQI_GUARDED_BY(mutex_);
  bool to_look_ FUQI_GUARDED_BY(mutex_) = true;  // something may be approved, or is to watch
  bool stopping_ FUQI_GUARDED_BY(mutex_) = false;
  // Of the proposal `of_`. The thread alone makes, brings on and ends it; under the lock, so that
  // others may look.
  std::shared_ptr<decide::Backfill> backfill_ FUQI_GUARDED_BY(mutex_);
  bool watches_ FUQI_GUARDED_BY(mutex_) = false;
  std::optional<Error> shadow_error_ FUQI_GUARDED_BY(mutex_);  // of the proposal `of_`
  uint64_t of_ = 0;  // the thread's own: the proposal's record

  std::thread thread_;
};

}  // namespace fuqi::node
