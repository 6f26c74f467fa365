#include "node/publisher.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "base/log.h"
#include "base/time.h"
#include "base/utf8.h"
#include "node/as_config.h"
#include "table/binder.h"

namespace fuqi::node {
namespace {

// So near to the log's end the switch is asked for.
constexpr uint64_t kNearRecords = 64;
// How far a version that watches may lag.
constexpr auto kFollow = std::chrono::milliseconds(20);
// Looks again for what is not on disk yet, and for room in a queue that was full.
constexpr auto kPause = std::chrono::milliseconds(1);

Error Stopping() { return Err(ErrorCode::kUnavailable, "the server is stopping"); }

Result<decide::Applied> ToldBy(Answer answer) {
  if (const auto* applied = std::get_if<decide::Applied>(&answer)) {
    return *applied;
  }
  return std::get<Error>(std::move(answer));
}

// Submits the job and waits for its answer.
template <class Submit>
Result<decide::Applied> AwaitAnswer(Job job, Submit submit) {
  std::promise<Result<decide::Applied>> told;
  job.done = [&told](Answer answer) { told.set_value(ToldBy(std::move(answer))); };
  submit(std::move(job));
  return told.get_future().get();
}

Error TooManyWait() {
  return Err(ErrorCode::kResourceExhausted, "too many questions about versions wait; ask again");
}

Error NoSuchProposal(const Digest& hash) {
  return Err(ErrorCode::kNotFound, "the newest proposal is not of version {}", ToHex(hash));
}

}  // namespace

Publisher::Publisher(PackRunner& runner, std::optional<Digest> agreed, Clock& clock)
    : runner_(runner), agreed_(agreed), clock_(clock) {
  thread_ = std::thread([this] { Loop(); });
}

Publisher::~Publisher() { Stop(); }

void Publisher::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    if (backfill_ != nullptr) {
      backfill_->Stop();
    }
    wakes_.notify_all();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool Publisher::is_stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

void Publisher::Loop() {
  for (;;) {
    bool to_look = false;
    bool watches = false;
    {
      MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + kFollow;
      while (tasks_.empty() && !to_look_ && !stopping_) {
        if (!watches_) {
          lock.Wait(wakes_);
        } else if (!lock.WaitUntil(wakes_, next)) {
          break;
        }
      }
    }
    // When stopping, too: whoever waits is answered by what is found.
    RunTasks();
    {
      MutexLock lock(mutex_);
      if (stopping_) {
        return;
      }
      to_look = std::exchange(to_look_, false);
      watches = watches_;
    }
    if (to_look) {
      Look();
    } else if (watches) {
      Follow();
    }
  }
}

void Publisher::RunTasks() {
  for (;;) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      if (tasks_.empty()) {
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

bool Publisher::Enqueue(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (tasks_.size() >= kPublisherTasksMax) {
    return false;
  }
  tasks_.push_back(std::move(task));
  wakes_.notify_one();
  return true;
}

void Publisher::SubmitOne(Job job) {
  std::vector<Job> jobs;
  jobs.push_back(std::move(job));
  runner_.Submit(std::move(jobs));
}

Result<Publisher::Compiled> Publisher::Compile(decide::PackFiles files) {
  if (compiled_ != nullptr && compiled_->pack().hash == decide::ContentHash(files)) {
    return compiled_;
  }
  if (binder_ == nullptr) {
    FUQI_ASSIGN_OR_RETURN(binder_, table::Binder::Open());
  }
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, decide::ParsePack(std::move(files)));
  FUQI_ASSIGN_OR_RETURN(compiled_, decide::CompiledPack::Compile(std::move(pack), *binder_));
  return compiled_;
}

Result<Publisher::Compiled> Publisher::CompileOf(const decide::ProposalStatus& proposal) {
  FUQI_ASSIGN_OR_RETURN(decide::PackFiles files, runner_.partition().FilesOf(proposal));
  return Compile(std::move(files));
}

Result<void> Publisher::CheckAgreed(const Digest& hash) const {
  return !agreed_ || *agreed_ == hash
             ? Result<void>()
             : Err(ErrorCode::kConfig, "the pack {} has the hash {}, not the one agreed on",
                   runner_.version()->pack->pack().name, ToHex(hash));
}

Result<std::pair<decide::Proposal, Publisher::Compiled>> Publisher::Prepare(Proposing& proposing) {
  if (proposing.expires_in_us < 1 || proposing.expires_in_us > kProposalTimeMaxUs) {
    return Err(ErrorCode::kOutOfRange, "a proposal may be open for at most {}",
               DurationToText(Duration{kProposalTimeMaxUs}));
  }
  decide::Partition& partition = runner_.partition();
  decide::Proposal proposal;
  proposal.by = proposing.by;
  proposal.reason = proposing.reason;
  proposal.made_us = clock_.NowUs();
  proposal.expires_us = proposal.made_us + proposing.expires_in_us;
  proposal.shadow = proposing.shadow;
  Compiled version;
  if (proposing.hash) {
    const decide::Versions versions = partition.versions();
    const decide::Versions::Published* published = versions.Find(*proposing.hash);
    if (published == nullptr) {
      return Err(ErrorCode::kNotFound, "the log has no version {}", ToHex(*proposing.hash));
    }
    proposal.hash = published->hash;
    proposal.published = published->seq;
    decide::ProposalStatus earlier;
    earlier.proposal = proposal;
    FUQI_ASSIGN_OR_RETURN(version, CompileOf(earlier));
  } else {
    std::ranges::sort(proposing.files);
    FUQI_ASSIGN_OR_RETURN(version, AsConfig(Compile(std::move(proposing.files))));
    proposal.hash = version->pack().hash;
    proposal.files = version->pack().files;
  }
  FUQI_RETURN_IF_ERROR(CheckAgreed(proposal.hash));
  FUQI_RETURN_IF_ERROR(AsConfig(decide::CheckSuccessor(*partition.pack(), *version)));
  return std::pair(std::move(proposal), std::move(version));
}

void Publisher::Propose(Proposing proposing, const std::function<void(Result<Proposed>)>& done) {
  const bool waits = Enqueue([this, proposing = std::move(proposing), done]() mutable {
    auto prepared = Prepare(proposing);
    if (!prepared) {
      return done(std::move(prepared).error());
    }
    auto& [proposal, version] = *prepared;
    Proposed proposed;
    proposed.changes = decide::CompareVersions(runner_.version()->pack->pack(), version->pack());
    Job job;
    job.what = std::move(proposal);
    job.done = [this, proposed = std::move(proposed), done](Answer answer) mutable {
      Result<decide::Applied> applied = ToldBy(std::move(answer));
      if (!applied) {
        return done(std::move(applied).error());
      }
      WakeToLook();
      proposed.repeated = applied->repeated;
      done(std::move(proposed));
    };
    SubmitOne(std::move(job));
  });
  if (!waits) {
    done(TooManyWait());
  }
}

void Publisher::Compare(const Digest& hash,
                        const std::function<void(Result<std::vector<decide::ChangedPart>>)>& done) {
  const bool waits = Enqueue([this, hash, done] {
    const decide::Versions versions = runner_.partition().versions();
    if (!versions.newest() || versions.newest()->proposal.hash != hash) {
      return done(NoSuchProposal(hash));
    }
    Result<Compiled> version = CompileOf(*versions.newest());
    if (!version) {
      return done(std::move(version).error());
    }
    done(decide::CompareVersions(runner_.version()->pack->pack(), (*version)->pack()));
  });
  if (!waits) {
    done(TooManyWait());
  }
}

void Publisher::Step(decide::ProposalStep::Kind kind, const Digest& hash, const std::string& by,
                     const std::string& reason, std::function<void(Result<decide::Applied>)> done) {
  const decide::Versions versions = runner_.partition().versions();
  if (!versions.newest() || versions.newest()->proposal.hash != hash) {
    return done(NoSuchProposal(hash));
  }
  Job job;
  job.what = decide::ProposalStep{by, clock_.NowUs(), versions.newest()->record, kind, reason};
  job.done = [this, kind, done = std::move(done)](Answer answer) {
    Result<decide::Applied> applied = ToldBy(std::move(answer));
    if (applied) {
      if (kind == decide::ProposalStep::Kind::kWithdrawn) {
        MutexLock lock(mutex_);
        if (backfill_ != nullptr) {
          backfill_->Stop();
        }
      }
      WakeToLook();
    }
    done(std::move(applied));
  };
  SubmitOne(std::move(job));
}

LifeStatus Publisher::Status() const {
  LifeStatus status;
  // In this order: what is told as published must not be told beside the version before it.
  status.versions = runner_.partition().versions();
  status.pack = runner_.partition().pack();
  status.events = runner_.partition().events();
  MutexLock lock(mutex_);
  status.is_backfilling = backfill_ != nullptr;
  status.folded = backfill_ == nullptr ? 0 : backfill_->folded();
  if (watches_) {
    status.shadow = backfill_->report();
  }
  status.shadow_error = shadow_error_;
  return status;
}

void Publisher::WakeToLook() {
  MutexLock lock(mutex_);
  to_look_ = true;
  wakes_.notify_one();
}

void Publisher::Look() {
  const decide::Versions versions = runner_.partition().versions();
  const decide::ProposalStatus* watching = versions.watching(clock_.NowUs());
  if (const decide::ProposalStatus* approved = versions.approved()) {
    CarryOut(*approved);
  } else if (watching != nullptr) {
    BeginWatching(*watching);
  } else {
    End();
  }
}

// The backfill of this proposal, where it was not begun yet.
Result<void> Publisher::Begin(const decide::ProposalStatus& proposal) {
  {
    MutexLock lock(mutex_);
    if (backfill_ != nullptr && of_ == proposal.record) {
      return {};
    }
  }
  End();
  FUQI_ASSIGN_OR_RETURN(Compiled version, CompileOf(proposal));
  FUQI_ASSIGN_OR_RETURN(std::shared_ptr<decide::Backfill> begun,
                        runner_.partition().BeginBackfill(version));
  if (proposal.proposal.shadow) {
    begun->CompareFrom(proposal.record);
  }
  of_ = proposal.record;
  MutexLock lock(mutex_);
  backfill_ = std::move(begun);
  return {};
}

void Publisher::End() {
  // Its state is large: it is freed without the lock.
  std::shared_ptr<decide::Backfill> ended;
  MutexLock lock(mutex_);
  ended = std::exchange(backfill_, nullptr);
  watches_ = false;
  shadow_error_.reset();
}

void Publisher::NoteCannotWatch(const Error& error) {
  LogWarn("node", "a version cannot watch", {{"error", error.ToString()}});
  End();
  MutexLock lock(mutex_);
  shadow_error_ = error;
}

void Publisher::BeginWatching(const decide::ProposalStatus& proposal) {
  if (Result<void> begun = Begin(proposal); !begun) {
    return NoteCannotWatch(begun.error());
  }
  MutexLock lock(mutex_);
  watches_ = true;
}

void Publisher::Follow() {
  const decide::Versions versions = runner_.partition().versions();
  const decide::ProposalStatus* watching = versions.watching(clock_.NowUs());
  std::shared_ptr<decide::Backfill> backfill;
  {
    MutexLock lock(mutex_);
    backfill = backfill_;
  }
  if (watching == nullptr || watching->record != of_) {
    // Approved and not yet on disk, it is waited for; else it is over.
    if (versions.approved() == nullptr) {
      End();
    }
    return;
  }
  Result<uint64_t> behind = runner_.partition().CatchUp(*backfill, [this] { RunTasks(); });
  if (behind) {
    return;
  }
  if (behind.error().code() == ErrorCode::kCancelled) {
    End();
  } else {
    NoteCannotWatch(behind.error());
  }
}

void Publisher::CarryOut(const decide::ProposalStatus& approved) {
  const std::string hash = ToHex(approved.proposal.hash);
  LogInfo("node", "an approved version is built from history",
          {{"pack", runner_.version()->pack->pack().name}, {"hash", hash}});
  // It may have been approved before this node was told what was agreed on.
  Result<void> done = CheckAgreed(approved.proposal.hash);
  if (done) {
    done = Begin(approved);
  }
  if (done) {
    std::shared_ptr<decide::Backfill> backfill;
    {
      MutexLock lock(mutex_);
      backfill = backfill_;
      watches_ = false;
    }
    done = CatchUpAndSwitch(*backfill);
  }
  End();
  if (done) {
    LogInfo("node", "another version decides now",
            {{"pack", runner_.version()->pack->pack().name}, {"hash", hash}});
  } else if (done.error().code() == ErrorCode::kCancelled ||
             done.error().code() == ErrorCode::kUnavailable) {
    LogInfo("node", "a version was not switched to",
            {{"hash", hash}, {"why", done.error().ToString()}});
  } else {
    NoteFailed(approved, done.error());
  }
}

void Publisher::NoteFailed(const decide::ProposalStatus& proposal, const Error& error) {
  LogWarn("node", "an approved version cannot decide", {{"error", error.ToString()}});
  std::string reason = error.ToString();
  while (reason.size() > decide::kVersionReasonBytesMax || !IsUtf8(reason)) {
    reason.pop_back();
  }
  const decide::ProposalStep failed{runner_.version()->pack->pack().name, clock_.NowUs(),
                                    proposal.record, decide::ProposalStep::Kind::kFailed,
                                    std::move(reason)};
  for (;;) {
    Job job;
    job.what = failed;
    const Result<decide::Applied> noted =
        AwaitAnswer(std::move(job), [this](Job one) { SubmitOne(std::move(one)); });
    if (noted || noted.error().code() != ErrorCode::kResourceExhausted || is_stopping()) {
      // Withdrawn meanwhile, there is nothing to note; stopping, it fails anew after the next
      // start.
      return;
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<void> Publisher::CatchUpAndSwitch(decide::Backfill& backfill) {
  decide::Partition& partition = runner_.partition();
  std::optional<Bytes> saved;
  uint64_t saved_seq = 0;
  for (;;) {
    if (is_stopping()) {
      return Stopping();
    }
    if (partition.versions().approved() == nullptr) {
      return Err(ErrorCode::kCancelled, "this version is not approved any more");
    }
    const uint64_t before = backfill.seq();
    FUQI_ASSIGN_OR_RETURN(uint64_t behind, partition.CatchUp(backfill, [this] { RunTasks(); }));
    if (behind > kNearRecords) {
      if (backfill.seq() == before) {
        std::this_thread::sleep_for(kPause);  // the disk has the rest
      }
      continue;
    }
    if (!saved) {
      // Kept before the last records, and written when they are on disk: a start then need not fold
      // all of history anew.
      saved = backfill.Save();
      saved_seq = backfill.seq();
      continue;
    }
    Job job;
    job.what = SwitchJob{&backfill};
    Result<decide::Applied> switched =
        AwaitAnswer(std::move(job), [this](Job one) { runner_.SubmitFirst(std::move(one)); });
    if (switched) {
      break;
    }
    const ErrorCode code = switched.error().code();
    const bool later = code == ErrorCode::kUnavailable || code == ErrorCode::kResourceExhausted;
    if (!later || !runner_.ready()) {
      return std::move(switched).error();
    }
  }
  if (Result<void> written = partition.WriteSnapshotOf(saved_seq, *saved); !written) {
    LogWarn("node", "a snapshot could not be written; recovery would read more of the log",
            {{"error", written.error().ToString()}});
  }
  return {};
}

}  // namespace fuqi::node
