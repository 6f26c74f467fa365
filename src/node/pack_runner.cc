#include "node/pack_runner.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

namespace fuqi::node {
namespace {

Error LogHasFailed() {
  return Err(ErrorCode::kUnavailable,
             "the log has failed; nothing can be recorded until a restart");
}

// Moves up to `count` jobs from the front of `from` to the end of `to`.
void Take(std::deque<Job>& from, size_t count, std::vector<Job>& to) {
  count = std::min(count, from.size());
  std::move(from.begin(), from.begin() + static_cast<ptrdiff_t>(count), std::back_inserter(to));
  from.erase(from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
}

Error Stopping() { return Err(ErrorCode::kUnavailable, "the server is stopping"); }

}  // namespace

std::shared_ptr<const PackVersion> PackVersion::Of(
    std::shared_ptr<const decide::CompiledPack> pack) {
  PackView view = PackView::Of(pack);
  return std::make_shared<const PackVersion>(std::move(pack), std::move(view));
}

PackRunner::PackRunner(std::unique_ptr<decide::Partition> partition, const RunnerBounds& bounds)
    : partition_(std::move(partition)),
      bounds_(bounds),
      version_(PackVersion::Of(partition_->pack())) {
  decider_ = std::thread([this] { DeciderLoop(); });
  committer_ = std::thread([this] { CommitterLoop(); });
  snapshots_ = std::thread([this] { SnapshotLoop(); });
}

PackRunner::~PackRunner() {
  if (Result<void> stopped = Stop(); !stopped) {
    LogWarn("node", "a pack did not stop cleanly", {{"error", stopped.error().ToString()}});
  }
}

void PackRunner::Submit(std::vector<Job> jobs) {
  std::vector<std::pair<Job, Error>> refused;
  {
    MutexLock lock(mutex_);
    for (Job& job : jobs) {
      if (dead_) {
        refused.emplace_back(std::move(job), LogHasFailed());
      } else if (stopping_) {
        refused.emplace_back(std::move(job), Stopping());
      } else if (queue_.size() < bounds_.queue) {
        queue_.push_back(std::move(job));
      } else if (shed_queue_.size() < bounds_.shed_queue) {
        shed_queue_.push_back(std::move(job));
      } else {
        metrics_.refused.Add();
        refused.emplace_back(std::move(job),
                             Err(ErrorCode::kResourceExhausted, "the queue of events is full"));
      }
    }
    decider_wakes_.notify_one();
  }
  for (auto& [job, error] : refused) {
    job.done(std::move(error));
  }
}

void PackRunner::SubmitFirst(Job job) {
  std::optional<Error> refused;
  {
    MutexLock lock(mutex_);
    if (dead_) {
      refused = LogHasFailed();
    } else if (stopping_) {
      refused = Stopping();
    } else {
      FUQI_CHECK(!first_);
      first_ = std::move(job);
      has_first_ = true;
      decider_wakes_.notify_one();
      return;
    }
  }
  job.done(*std::move(refused));
}

std::shared_ptr<const PackVersion> PackRunner::version() const {
  MutexLock lock(mutex_);
  return version_;
}

bool PackRunner::ready() const {
  MutexLock lock(mutex_);
  return !dead_ && !stopping_;
}

size_t PackRunner::queue_depth() const {
  MutexLock lock(mutex_);
  return queue_.size() + shed_queue_.size();
}

Answer PackRunner::Settle(Job& job, bool shed) {
  const auto told = [](Result<decide::Applied> applied) {
    return applied ? Answer(*applied) : Answer(std::move(applied).error());
  };
  if (const auto* event = std::get_if<EventJob>(&job.what)) {
    return SettleEvent(job, *event, shed);
  }
  if (const auto* change = std::get_if<decide::Change>(&job.what)) {
    return told(partition_->Apply(*change));
  }
  if (auto* proposal = std::get_if<decide::Proposal>(&job.what)) {
    return told(partition_->Propose(std::move(*proposal)));
  }
  if (const auto* step = std::get_if<decide::ProposalStep>(&job.what)) {
    return told(partition_->Step(*step));
  }
  return Switch(std::get<SwitchJob>(job.what));
}

Answer PackRunner::SettleEvent(const Job& job, const EventJob& what, bool shed) {
  const decide::CompiledPack& read_by = *what.version->pack;
  const bool late = SystemClock().MonotonicNs() >= job.deadline_ns;
  if (!shed && !late) {
    Result<decide::Outcome> outcome = partition_->Decide(what.event, &read_by);
    if (outcome && !outcome->repeated) {
      metrics_.shadow_hits.Add(outcome->pack->pack(), outcome->decision);
    }
    return outcome ? Answer(*std::move(outcome)) : Answer(std::move(outcome).error());
  }
  const Shed why = shed ? Shed::kQueueFull : Shed::kDeadline;
  const auto key = static_cast<size_t>(read_by.key_column());
  Result<decide::Action> noted =
      partition_->NoteDefault(what.event.columns[key], kShedNames[static_cast<size_t>(why)]);
  return noted ? Answer(Defaulted{why, *noted}) : Answer(std::move(noted).error());
}

Answer PackRunner::Switch(const SwitchJob& what) {
  const int64_t begin = SystemClock().MonotonicNs();
  Result<decide::Applied> switched = partition_->Switch(*what.backfill);
  if (!switched) {
    return std::move(switched).error();
  }
  metrics_.switches.Add();
  metrics_.switch_ns.Observe(static_cast<uint64_t>(SystemClock().MonotonicNs() - begin));
  std::shared_ptr<const PackVersion> now = PackVersion::Of(partition_->pack());
  MutexLock lock(mutex_);
  version_ = std::move(now);
  return *switched;
}

void PackRunner::SettleFirst(std::vector<Settled>& open) {
  if (!has_first_.load(std::memory_order_relaxed)) {
    return;
  }
  std::optional<Job> job;
  {
    MutexLock lock(mutex_);
    job = std::move(first_);
    first_.reset();
    has_first_ = false;
  }
  Answer answer = Settle(*job, false);
  open.push_back({*std::move(job), std::move(answer)});
}

// Decides what comes, and hands the open batch over whenever the committer is free.
void PackRunner::DeciderLoop() {
  std::vector<Settled> open;  // who waits for the open batch
  std::vector<Job> shed;
  std::vector<Job> jobs;
  for (;;) {
    shed.clear();
    jobs.clear();
    {
      MutexLock lock(mutex_);
      auto room = [&] { return bounds_.batch - std::min(bounds_.batch, open.size()); };
      while (!dead_ && !first_ && !(room() > 0 && !(queue_.empty() && shed_queue_.empty())) &&
             !(!open.empty() && !committing_) && !(stopping_ && open.empty())) {
        lock.Wait(decider_wakes_);
      }
      if (dead_ || (stopping_ && open.empty() && queue_.empty() && shed_queue_.empty())) {
        Take(shed_queue_, shed_queue_.size(), jobs);
        Take(queue_, queue_.size(), jobs);
        if (first_) {
          jobs.push_back(*std::exchange(first_, std::nullopt));
        }
        decider_done_ = true;
        committer_wakes_.notify_one();
        break;
      }
      Take(shed_queue_, room(), shed);
      Take(queue_, room() - std::min(room(), shed.size()), jobs);
    }
    SettleFirst(open);
    for (Job& job : shed) {
      Answer answer = Settle(job, true);
      open.push_back({std::move(job), std::move(answer)});
    }
    for (Job& job : jobs) {
      SettleFirst(open);
      Answer answer = Settle(job, false);
      open.push_back({std::move(job), std::move(answer)});
    }
    MutexLock lock(mutex_);
    if (!open.empty() && !committing_ && !dead_) {
      handed_over_.emplace(Work{partition_->TakeBatch(), std::move(open)});
      open.clear();
      committing_ = true;
      committer_wakes_.notify_one();
    }
  }
  // Only a failed log leaves anyone here, or a switch that came when all was stopping.
  for (Job& job : jobs) {
    open.push_back({std::move(job), LogHasFailed()});
  }
  Deliver(std::move(open), LogHasFailed());
}

void PackRunner::CommitterLoop() {
  for (;;) {
    std::optional<Work> work;
    {
      MutexLock lock(mutex_);
      while (!handed_over_ && !decider_done_) {
        lock.Wait(committer_wakes_);
      }
      if (!handed_over_) {
        return;
      }
      work = std::move(handed_over_);
      handed_over_.reset();
    }
    std::optional<Error> failure;
    if (!work->batch.empty()) {
      const int64_t begin = SystemClock().MonotonicNs();
      Result<void> committed = partition_->Commit(work->batch);
      metrics_.commit_ns.Observe(static_cast<uint64_t>(SystemClock().MonotonicNs() - begin));
      metrics_.batch_events.Observe(work->settled.size());
      if (!committed) {
        failure = std::move(committed).error();
        LogError("node", "the log has failed; this pack answers nothing until a restart",
                 {{"error", failure->ToString()}});
      }
    }
    {
      MutexLock lock(mutex_);
      committing_ = false;
      dead_ = dead_ || failure.has_value();
      decider_wakes_.notify_one();
    }
    Deliver(std::move(work->settled), failure);
  }
}

// Apart from the committer, so that no commit waits for a snapshot being written.
void PackRunner::SnapshotLoop() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      while (!stopping_ && lock.WaitUntil(snapshots_wake_, next)) {
      }
      if (stopping_) {
        return;
      }
    }
    if (Result<void> written = partition_->WriteDueSnapshot(); !written) {
      LogWarn("node", "a snapshot could not be written; recovery would read more of the log",
              {{"error", written.error().ToString()}});
    }
  }
}

void PackRunner::Deliver(std::vector<Settled> settled, const std::optional<Error>& failure) {
  const int64_t now = SystemClock().MonotonicNs();
  for (Settled& s : settled) {
    if (failure) {
      s.job.done(LogHasFailed());
      continue;
    }
    if (const auto* outcome = std::get_if<decide::Outcome>(&s.answer)) {
      if (outcome->repeated) {
        metrics_.repeated.Add();
      } else {
        metrics_.CountDecision(outcome->decision.action);
        metrics_.decision_ns.Observe(static_cast<uint64_t>(now - s.job.started_ns));
      }
    } else if (const auto* applied = std::get_if<decide::Applied>(&s.answer)) {
      const auto* change = std::get_if<decide::Change>(&s.job.what);
      const bool counts = change != nullptr && !applied->repeated &&
                          !std::holds_alternative<decide::OutboxChange>(*change);
      metrics_.changes.Add(counts ? 1 : 0);
    } else if (const auto* defaulted = std::get_if<Defaulted>(&s.answer)) {
      metrics_.shed[static_cast<size_t>(defaulted->why)].Add();
    } else if (std::get<Error>(s.answer).code() == ErrorCode::kConflict &&
               std::holds_alternative<EventJob>(s.job.what)) {
      metrics_.conflicts.Add();
    }
    s.job.done(std::move(s.answer));
  }
}

Result<void> PackRunner::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    decider_wakes_.notify_one();
    snapshots_wake_.notify_one();
  }
  if (!decider_.joinable()) {
    return {};
  }
  decider_.join();
  committer_.join();
  snapshots_.join();
  MutexLock lock(mutex_);
  if (dead_) {
    return LogHasFailed();
  }
  FUQI_RETURN_IF_ERROR(partition_->Close());
  return partition_->Snapshot();
}

}  // namespace fuqi::node
