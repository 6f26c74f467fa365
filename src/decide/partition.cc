#include "decide/partition.h"

#include <algorithm>
#include <atomic>
#include <deque>

#include "base/check.h"
#include "base/log.h"
#include "base/thread_annotations.h"
#include "decide/backfill.h"
#include "decide/fold.h"
#include "decide/version_change.h"
#include "ledger/snapshot.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;

// What one event and its decision may add to a batch: the event's row, a feature row of bounded
// texts, and their heads.
constexpr uint64_t kPairBytesMax = 4u << 20;

// What recovery does: newest valid snapshot of this pack version, then the records after it.
Result<LogFold> FoldLog(const ledger::Log& log, const ledger::SnapshotStore& snapshots,
                        const std::shared_ptr<const CompiledPack>& pack, Recovery& recovery) {
  LogFold folded(pack);
  FUQI_ASSIGN_OR_RETURN(ledger::LatestSnapshot latest, snapshots.Latest());
  recovery.damaged = std::move(latest.damaged);
  if (latest.snapshot && latest.snapshot->seq > log.next_seq()) {
    // Snapshots are written of committed records only.
    return Err(ErrorCode::kCorrupt,
               "a snapshot stands for {} records, but the log has {}: some were lost",
               latest.snapshot->seq, log.next_seq());
  }
  if (latest.snapshot) {
    FUQI_ASSIGN_OR_RETURN(bool restored,
                          folded.Restore(log, latest.snapshot->seq, latest.snapshot->bytes));
    recovery.snapshot_seq = restored ? folded.seq : 0;
  }
  const uint64_t events_before = folded.core.events();
  FUQI_RETURN_IF_ERROR(log.Scan(folded.seq, [&](const ledger::StoredRecord& record) {
    Result<void> good = folded.Take(log, record);
    return good ? good : std::move(good).At({.field = fmt::format("#{}", record.seq)});
  }));
  recovery.folded_events = folded.core.events() - events_before;
  return folded;
}

}  // namespace

struct Partition::Impl {
  Impl(Disk& disk_in, Clock& clock_in, std::shared_ptr<const CompiledPack> pack_in,
       const PartitionOptions& options_in)
      : disk(disk_in),
        clock(clock_in),
        options(options_in),
        pack(std::move(pack_in)),
        core(pack),
        open(0, options_in.log) {}

  mutable Mutex mutex;
  Mutex snapshot_mutex;  // held while a snapshot is made

  Result<void> Open(const std::string& dir);
  Result<void> Publish() FUQI_REQUIRES(mutex);
  Result<void> CheckOpen() const;
  Result<void> Write(const ledger::Batch& batch);
  Result<void> SaveHead();

  Result<std::shared_ptr<const PublishRecord>> PublishBy(uint64_t publish_seq) const
      FUQI_REQUIRES(mutex);
  Result<Decision> ReadDecision(const ledger::Record& record, uint64_t seq) const
      FUQI_EXCLUDES(mutex);
  // Adds `encoded` to the open batch, and to the tail of whoever is backfilling.
  Result<uint64_t> Add(RecordType type) FUQI_REQUIRES(mutex);
  Result<void> CheckRoom() const FUQI_REQUIRES(mutex);
  uint64_t publish_seq() const FUQI_REQUIRES(mutex) { return versions.published().back().seq; }
  // What waits to be committed was read by the table of the version before.
  void AdaptPending(const CompiledPack& from) FUQI_REQUIRES(mutex);
  // The outcome of an event whose key is taken by the event `seq`; nothing if that one's key only
  // has the same hash value.
  Result<std::optional<Outcome>> Repeated(uint64_t seq, const Digest& key_hash,
                                          const Bytes& content) const FUQI_REQUIRES(mutex);
  Result<void> WriteSnapshot(uint64_t seq, const Bytes& bytes) FUQI_REQUIRES(snapshot_mutex);

  // An event that was decided and is not committed: what a repetition is answered from.
  struct Pending {
    uint64_t event_seq;
    Digest key_hash;
    Bytes content;
    Decision decision;
  };

  Disk& disk;
  Clock& clock;
  const PartitionOptions options;
  std::unique_ptr<ledger::Log> log;
  std::unique_ptr<ledger::Tree> tree;
  Recovery recovery;
  uint64_t head_size = 0;  // records in the head saved last; the committing thread's

  enum class State : uint8_t { kOpen, kFailed, kClosed };
  std::atomic<State> state = State::kOpen;

  std::optional<ledger::SnapshotStore> snapshots FUQI_GUARDED_BY(snapshot_mutex);
  uint64_t snapshot_seq FUQI_GUARDED_BY(snapshot_mutex) = 0;  // of the newest one

  std::shared_ptr<const CompiledPack> pack FUQI_GUARDED_BY(mutex);  // the core's
  Core core FUQI_GUARDED_BY(mutex);
  Versions versions FUQI_GUARDED_BY(mutex);
  std::weak_ptr<Backfill::Tail> tail FUQI_GUARDED_BY(mutex);
  ledger::Batch open FUQI_GUARDED_BY(mutex);
  std::deque<Pending> pending FUQI_GUARDED_BY(mutex);
  mutable Publishes publishes FUQI_GUARDED_BY(mutex);  // read so far
  EncodedRecord encoded FUQI_GUARDED_BY(mutex);
};

Partition::Partition(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Partition::~Partition() {
  if (impl_->state != Impl::State::kOpen) {
    return;
  }
  if (Result<void> closed = Close(); !closed) {
    LogWarn("decide", "a partition was closed without saving its head",
            {{"error", closed.error().ToString()}});
  }
}

Result<std::unique_ptr<Partition>> Partition::Open(Disk& disk, Clock& clock, const std::string& dir,
                                                   std::shared_ptr<const CompiledPack> pack,
                                                   const PartitionOptions& options) {
  if (options.log.commit_bytes_max < 2 * kPairBytesMax) {
    return Err(ErrorCode::kInvalidArgument, "commits of {} bytes are too small; {} are needed",
               options.log.commit_bytes_max, 2 * kPairBytesMax);
  }
  auto impl = std::make_unique<Impl>(disk, clock, std::move(pack), options);
  FUQI_RETURN_IF_ERROR(impl->Open(dir));
  return std::unique_ptr<Partition>(new Partition(std::move(impl)));
}

Result<void> Partition::Impl::Open(const std::string& dir) {
  MutexLock writing(snapshot_mutex);
  MutexLock lock(mutex);
  FUQI_ASSIGN_OR_RETURN(std::string origin, ledger::HeadOrigin(pack->pack().name));
  ledger::LogOptions log_options = options.log;
  if (const auto head = ledger::ReadHead(disk, dir + "/head");
      head && *head && (*head)->origin == origin) {
    log_options.vouched_records = (*head)->size;
  }
  FUQI_ASSIGN_OR_RETURN(log, ledger::Log::Open(disk, dir + "/log", log_options));
  recovery.cut_bytes = log->recovered_cut_bytes();
  FUQI_ASSIGN_OR_RETURN(tree, ledger::Tree::Open(disk, dir, *log, origin));
  FUQI_ASSIGN_OR_RETURN(snapshots,
                        ledger::SnapshotStore::Open(disk, dir + "/snapshots", log->id()));
  FUQI_ASSIGN_OR_RETURN(LogFold folded, FoldLog(*log, *snapshots, pack, recovery));
  core = std::move(folded.core);
  core.PrepareScreening();
  versions = std::move(folded.versions);
  publishes = std::move(folded.publishes);
  snapshot_seq = recovery.snapshot_seq;
  FUQI_RETURN_IF_ERROR(Publish());
  FUQI_RETURN_IF_ERROR(SaveHead());
  open = ledger::Batch(log->next_seq(), options.log);
  return {};
}

Result<void> Partition::Impl::CheckOpen() const {
  switch (state.load()) {
    case State::kOpen:
      break;
    case State::kFailed:
      return Err(ErrorCode::kUnavailable, "the log has failed; nothing is decided any more");
    case State::kClosed:
      return Err(ErrorCode::kUnavailable, "the log is closed; nothing is decided any more");
  }
  return {};
}

Result<void> Partition::Impl::SaveHead() {
  if (tree->size() > head_size) {
    FUQI_ASSIGN_OR_RETURN(ledger::Head head, tree->SaveHead());
    head_size = head.size;
  }
  return {};
}

Result<void> Partition::Impl::Publish() {
  PublishRecord publish = PublishOf(*pack);
  if (log->next_seq() > 0) {
    FUQI_ASSIGN_OR_RETURN(auto last, PublishBy(publish_seq()));
    if (last->hash == publish.hash && last->semantics == publish.semantics &&
        last->zones == publish.zones && last->features == publish.features) {
      return {};
    }
  }
  encoded.Clear();
  EncodePublish(publish, encoded);
  ledger::Batch batch(log->next_seq(), options.log);
  FUQI_ASSIGN_OR_RETURN(uint64_t seq, batch.Add(encoded.As(RecordType::kPublish)));
  FUQI_RETURN_IF_ERROR(log->Commit(batch));
  FUQI_RETURN_IF_ERROR(tree->Append(batch));
  versions.NotePublished(seq, publish.hash);
  publishes[seq] = std::make_shared<const PublishRecord>(std::move(publish));
  recovery.published = true;
  return {};
}

Result<std::shared_ptr<const PublishRecord>> Partition::Impl::PublishBy(uint64_t seq) const {
  return ReadPublish(*log, seq, publishes);
}

Result<Decision> Partition::Impl::ReadDecision(const ledger::Record& record, uint64_t seq) const {
  FUQI_ASSIGN_OR_RETURN(uint64_t publish_of, DecodeDecisionPublish(record));
  std::shared_ptr<const PublishRecord> publish;
  {
    MutexLock lock(mutex);
    FUQI_ASSIGN_OR_RETURN(publish, PublishBy(publish_of));
  }
  return DecodeDecision(publish->features, publish->rules.size(), record, seq);
}

Result<Outcome> Partition::Decide(const Event& given, const CompiledPack* read_by) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  const CompiledPack& pack = *impl.pack;
  std::optional<Event> adapted;
  if (read_by != nullptr && read_by != &pack) {
    adapted.emplace();
    adapted->received_us = given.received_us;
    FUQI_ASSIGN_OR_RETURN(adapted->columns,
                          AdaptRow(read_by->event_schema(), given.columns, pack.event_schema()));
  }
  const Event& event = adapted ? *adapted : given;
  FUQI_RETURN_IF_ERROR(ValidateEvent(pack, event));
  const table::Datum& key = event.columns[pack.key_column()];
  EventCore event_core;
  event_core.publish_seq = impl.publish_seq();
  event_core.key_hash = KeyHash(pack.event_schema()[pack.key_column()], key);
  event_core.ts_us = static_cast<int64_t>(event.columns[pack.time_column()].i);
  event_core.received_us = event.received_us;

  std::vector<uint64_t> candidates = impl.core.FindEvent(key);
  if (!candidates.empty()) {
    Bytes content;
    table::EncodeRow(pack.event_schema(), event.columns.values(), content);
    for (uint64_t seq : candidates) {
      FUQI_ASSIGN_OR_RETURN(std::optional<Outcome> outcome,
                            impl.Repeated(seq, event_core.key_hash, content));
      if (outcome) {
        return std::move(*outcome);
      }
    }
  }
  FUQI_RETURN_IF_ERROR(impl.CheckRoom());

  const uint64_t seq = impl.open.next_seq();
  Outcome outcome;
  outcome.pack = impl.pack;
  outcome.decision = impl.core.Decide(event, seq);
  event_core.flags = outcome.decision.flags & kOutOfBounds;

  // From here on nothing may fail: the event is in the state.
  impl.encoded.Clear();
  EncodeEvent(event_core, pack.event_schema(), event.columns, impl.encoded);
  Result<uint64_t> added = impl.Add(RecordType::kEvent);
  FUQI_CHECK(added.has_value() && *added == seq);
  impl.pending.push_back({seq, event_core.key_hash, impl.encoded.payload, outcome.decision});
  impl.encoded.Clear();
  EncodeDecision(impl.publish_seq(), pack.feature_schema(), outcome.decision, impl.encoded);
  added = impl.Add(RecordType::kDecision);
  FUQI_CHECK(added.has_value() && *added == outcome.decision.seq());
  for (const Change& change : impl.core.ChangesOf(event, outcome.decision)) {
    impl.encoded.Clear();
    EncodeChange(change, impl.encoded);
    added = impl.Add(TypeOf(change));
    FUQI_CHECK(added.has_value() && impl.core.Apply(change, *added).has_value());
  }
  return outcome;
}

Result<uint64_t> Partition::Impl::Add(RecordType type) {
  FUQI_ASSIGN_OR_RETURN(uint64_t seq, open.Add(encoded.As(type)));
  if (std::shared_ptr<Backfill::Tail> kept = tail.lock();
      kept && kept->records.size() < Backfill::kTailRecordsMax) {
    const ByteView bytes = open.encoded(open.count() - 1);
    kept->records.emplace_back(seq, Bytes(bytes.begin(), bytes.end()));
  }
  return seq;
}

Result<void> Partition::Impl::CheckRoom() const {
  if (open.bytes() + kPairBytesMax > options.log.commit_bytes_max) {
    return Err(ErrorCode::kResourceExhausted, "the open batch is full: {} bytes", open.bytes());
  }
  return {};
}

Result<std::optional<Outcome>> Partition::Impl::Repeated(uint64_t seq, const Digest& key_hash,
                                                         const Bytes& content) const {
  auto found = std::ranges::lower_bound(pending, seq, {}, &Pending::event_seq);
  const bool is_pending = found != pending.end() && found->event_seq == seq;
  Outcome outcome;
  outcome.repeated = true;
  bool same = false;
  if (is_pending) {
    if (found->key_hash != key_hash) {
      return std::optional<Outcome>();
    }
    same = found->content == content;
    outcome.decision = found->decision;
  } else {
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log->Read(seq));
    FUQI_ASSIGN_OR_RETURN(EventCore stored, DecodeEventCore(*record));
    if (stored.key_hash != key_hash) {
      return std::optional<Outcome>();
    }
    FUQI_ASSIGN_OR_RETURN(auto publish, PublishBy(stored.publish_seq));
    FUQI_ASSIGN_OR_RETURN(table::Row row, EventRow(*publish, *record, *pack));
    Bytes stored_content;
    table::EncodeRow(pack->event_schema(), row.values(), stored_content);
    same = stored_content == content;
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord decision, log->Read(seq + 1));
    FUQI_ASSIGN_OR_RETURN(uint64_t decided_under, DecodeDecisionPublish(*decision));
    FUQI_ASSIGN_OR_RETURN(publish, PublishBy(decided_under));
    FUQI_ASSIGN_OR_RETURN(outcome.decision, DecodeDecision(publish->features, publish->rules.size(),
                                                           *decision, seq + 1));
  }
  if (!same) {
    return Err(ErrorCode::kConflict,
               "an event of this '{}' was decided before, with another content", pack->pack().key);
  }
  return std::optional<Outcome>(std::move(outcome));
}

Result<Action> Partition::NoteDefault(const table::Datum& key, std::string_view why) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(ValidateKey(*impl.pack, key));
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  DefaultRecord record;
  record.publish_seq = impl.publish_seq();
  record.key_hash = KeyHash(impl.pack->event_schema()[impl.pack->key_column()], key);
  record.answered_us = impl.clock.NowUs();
  record.action = impl.pack->pack().default_action;
  record.why = why;
  impl.encoded.Clear();
  EncodeDefault(record, impl.encoded);
  if (!impl.Add(RecordType::kDefault)) {
    return Err(ErrorCode::kResourceExhausted, "the open batch is full: {} bytes",
               impl.open.bytes());
  }
  return record.action;
}

Result<Applied> Partition::Apply(const Change& change) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  FUQI_ASSIGN_OR_RETURN(std::optional<uint64_t> known, impl.core.committed().FindChange(change));
  if (known) {
    return Applied{*known, true};
  }
  FUQI_RETURN_IF_ERROR(impl.core.committed().Validate(change));
  impl.encoded.Clear();
  EncodeChange(change, impl.encoded);
  const uint64_t bytes = impl.encoded.core.size() + impl.encoded.payload.size();
  if (bytes > kChangeBytesMax) {
    return Err(ErrorCode::kOutOfRange, "a change of {} bytes; one may have {}", bytes,
               kChangeBytesMax);
  }
  FUQI_RETURN_IF_ERROR(impl.CheckRoom());
  Result<uint64_t> seq = impl.Add(TypeOf(change));
  FUQI_CHECK(seq.has_value());
  FUQI_CHECK(impl.core.Apply(change, *seq).has_value());  // Validate said so
  return Applied{*seq, false};
}

void Partition::ReadCommitted(const std::function<void(const Committed&)>& read) const {
  MutexLock lock(impl_->mutex);
  read(impl_->core.committed());
}

std::optional<OutboxState::Item> Partition::NextOwed(const std::string& topic) const {
  std::vector<OutboxState::Item> owed;
  ReadCommitted([&](const Committed& state) { owed = state.outbox().Page(topic, false, 0, 1); });
  // SECURITY: state runs ahead of the log. What is not on disk is not owed yet, and a crash would
  // take it back: OutboxCrash.AllThatWasAcknowledgedIsToldInOrderAndNothingThatPowerTookBack.
  if (owed.empty() || owed[0].record >= committed()) {
    return std::nullopt;
  }
  return owed[0];
}

ledger::Batch Partition::TakeBatch() {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  ledger::Batch batch(impl.open.next_seq(), impl.options.log);
  std::swap(batch, impl.open);
  return batch;
}

Result<void> Partition::Commit(const ledger::Batch& batch) {
  Impl& impl = *impl_;
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  Result<void> written = impl.Write(batch);
  if (!written) {
    // A batch that is lost, or whose tree or head is, ends the partition: state may be ahead of
    // what is durable, and a disk that refused once is not asked again.
    impl.state = Impl::State::kFailed;
  }
  return written;
}

Result<void> Partition::Impl::Write(const ledger::Batch& batch) {
  FUQI_RETURN_IF_ERROR(log->Commit(batch));
  FUQI_RETURN_IF_ERROR(tree->Append(batch));
  {
    MutexLock lock(mutex);
    while (!pending.empty() && pending.front().event_seq < batch.next_seq()) {
      pending.pop_front();
    }
  }
  return tree->size() - head_size >= options.head_every ? SaveHead() : Result<void>();
}

Result<void> Partition::Close() {
  Impl& impl = *impl_;
  if (impl.state == Impl::State::kClosed) {
    return {};
  }
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  impl.state = Impl::State::kClosed;
  Result<void> saved = impl.SaveHead();
  if (!saved) {
    impl.state = Impl::State::kFailed;
  }
  return saved;
}

Result<std::optional<Decision>> Partition::FindByEventKey(const table::Datum& key) const {
  const Impl& impl = *impl_;
  Digest key_hash{};
  std::vector<uint64_t> candidates;
  {
    MutexLock lock(impl.mutex);
    FUQI_RETURN_IF_ERROR(ValidateKey(*impl.pack, key));
    key_hash = KeyHash(impl.pack->event_schema()[impl.pack->key_column()], key);
    candidates = impl.core.FindEvent(key);
  }
  for (uint64_t seq : candidates) {
    if (seq + 1 >= impl.log->next_seq()) {
      continue;  // not committed yet
    }
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl.log->Read(seq));
    FUQI_ASSIGN_OR_RETURN(EventCore stored, DecodeEventCore(*record));
    if (stored.key_hash == key_hash) {
      FUQI_ASSIGN_OR_RETURN(Decision decision, FindBySeq(seq + 1));
      return std::optional<Decision>(std::move(decision));
    }
  }
  return std::optional<Decision>();
}

Result<Decision> Partition::FindBySeq(uint64_t decision_seq) const {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl_->log->Read(decision_seq));
  if (record->type != RecordType::kDecision) {
    return Err(ErrorCode::kNotFound, "record {} is no decision", decision_seq);
  }
  return impl_->ReadDecision(*record, decision_seq);
}

Result<Event> Partition::ReadEvent(uint64_t event_seq) const {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl_->log->Read(event_seq));
  if (record->type != RecordType::kEvent) {
    return Err(ErrorCode::kNotFound, "record {} is no event", event_seq);
  }
  FUQI_ASSIGN_OR_RETURN(EventCore core, DecodeEventCore(*record));
  MutexLock lock(impl_->mutex);
  FUQI_ASSIGN_OR_RETURN(auto publish, impl_->PublishBy(core.publish_seq));
  Event event;
  event.received_us = core.received_us;
  FUQI_ASSIGN_OR_RETURN(event.columns, DecodeEventRow(publish->events, *record));
  return event;
}

Result<std::shared_ptr<const PublishRecord>> Partition::PublishedAt(uint64_t seq) const {
  Impl& impl = *impl_;
  if (seq < impl.log->next_seq()) {
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl.log->Read(seq));
    if (record->type != RecordType::kDecision && record->type != RecordType::kEvent) {
      return Err(ErrorCode::kNotFound, "record {} is neither event nor decision", seq);
    }
  }
  MutexLock lock(impl.mutex);
  if (seq >= impl.open.next_seq()) {
    return Err(ErrorCode::kNotFound, "record {} is not in the log; its next one will be {}", seq,
               impl.open.next_seq());
  }
  return impl.PublishBy(impl.versions.At(seq)->seq);
}

Result<void> Partition::WriteDueSnapshot() {
  Impl& impl = *impl_;
  MutexLock writing(impl.snapshot_mutex);
  const uint64_t records = impl.log->next_seq() - impl.snapshot_seq;
  if (impl.options.snapshot_every == 0 || records / 2 < impl.options.snapshot_every) {
    return {};
  }
  const std::shared_ptr<const CompiledPack> of = pack();
  Recovery unused;
  FUQI_ASSIGN_OR_RETURN(LogFold folded, FoldLog(*impl.log, *impl.snapshots, of, unused));
  // Another version that decides by now would have no use for it.
  return of == pack() ? impl.WriteSnapshot(folded.seq, folded.Save()) : Result<void>();
}

Result<void> Partition::Snapshot() {
  Impl& impl = *impl_;
  MutexLock writing(impl.snapshot_mutex);
  uint64_t seq = 0;
  Bytes bytes;
  {
    MutexLock lock(impl.mutex);
    seq = impl.open.next_seq();
    if (seq != impl.log->next_seq()) {
      return Err(ErrorCode::kUnavailable,
                 "{} records are decided and not committed: commit them before the snapshot",
                 seq - impl.log->next_seq());
    }
    ByteWriter writer(bytes);
    impl.versions.Save(writer);
    impl.core.Save(bytes);
  }
  return impl.WriteSnapshot(seq, bytes);
}

Result<void> Partition::Impl::WriteSnapshot(uint64_t seq, const Bytes& bytes) {
  FUQI_RETURN_IF_ERROR(snapshots->Write(seq, bytes));
  snapshot_seq = seq;
  return {};
}

// ---- another version (backfill.h)

std::shared_ptr<const CompiledPack> Partition::pack() const {
  MutexLock lock(impl_->mutex);
  return impl_->pack;
}

Versions Partition::versions() const {
  MutexLock lock(impl_->mutex);
  return impl_->versions;
}

Result<Applied> Partition::Propose(Proposal proposal) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  FUQI_ASSIGN_OR_RETURN(std::optional<uint64_t> open, impl.versions.CheckProposal(proposal));
  if (open) {
    return Applied{*open, true};
  }
  FUQI_RETURN_IF_ERROR(impl.CheckRoom());
  impl.encoded.Clear();
  EncodeProposal(proposal, impl.encoded);
  FUQI_ASSIGN_OR_RETURN(uint64_t seq, impl.Add(RecordType::kProposal));
  impl.versions.NoteProposal(seq, std::move(proposal));
  return Applied{seq, false};
}

Result<Applied> Partition::Step(const ProposalStep& step) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  FUQI_ASSIGN_OR_RETURN(bool made, impl.versions.CheckStep(step));
  if (made) {
    return Applied{step.proposal, true};
  }
  FUQI_RETURN_IF_ERROR(impl.CheckRoom());
  impl.encoded.Clear();
  EncodeProposalStep(step, impl.encoded);
  FUQI_ASSIGN_OR_RETURN(uint64_t seq, impl.Add(RecordType::kProposalStep));
  impl.versions.NoteStep(step);
  return Applied{seq, false};
}

Result<PackFiles> Partition::FilesOf(const ProposalStatus& status) const {
  if (status.proposal.published) {
    MutexLock lock(impl_->mutex);
    FUQI_ASSIGN_OR_RETURN(auto publish, impl_->PublishBy(*status.proposal.published));
    return publish->files;
  }
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl_->log->Read(status.record));
  FUQI_ASSIGN_OR_RETURN(Proposal proposal, DecodeProposal(*record));
  return std::move(proposal.files);
}

Result<std::unique_ptr<Backfill>> Partition::BeginBackfill(
    std::shared_ptr<const CompiledPack> version) {
  FUQI_RETURN_IF_ERROR(CheckSuccessor(*pack(), *version));
  return std::unique_ptr<Backfill>(new Backfill(std::move(version)));
}

Result<uint64_t> Partition::CatchUp(Backfill& backfill, const std::function<void()>& between) {
  Impl& impl = *impl_;
  const uint64_t end = backfill.tail_ ? backfill.tail_->from : UINT64_MAX;
  FUQI_RETURN_IF_ERROR(backfill.ReadLog(*impl.log, end, between));
  backfill.fold_.core.PrepareScreening();
  std::deque<ledger::OwnedRecord> taken;
  {
    MutexLock lock(impl.mutex);
    const uint64_t behind = impl.open.next_seq() - backfill.fold_.seq;
    if (backfill.tail_ == nullptr && behind <= Backfill::kTailRecords) {
      if (!impl.tail.expired()) {
        return Err(ErrorCode::kConflict, "another version is being caught up with the log");
      }
      backfill.tail_ = std::make_shared<Backfill::Tail>();
      backfill.tail_->from = impl.open.next_seq();
      impl.tail = backfill.tail_;
    }
    if (backfill.tail_ == nullptr || backfill.fold_.seq < backfill.tail_->from) {
      return behind;
    }
    std::swap(taken, backfill.tail_->records);
    if (taken.size() >= Backfill::kTailRecordsMax) {
      backfill.tail_.reset();  // it was full, and is not whole
    }
  }
  for (const ledger::OwnedRecord& record : taken) {
    FUQI_RETURN_IF_ERROR(backfill.Take(*impl.log, *record, between));
  }
  MutexLock lock(impl.mutex);
  return impl.open.next_seq() - backfill.fold_.seq;
}

Result<Applied> Partition::Switch(Backfill& backfill) {
  Impl& impl = *impl_;
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  LogFold& fold = backfill.fold_;
  const ProposalStatus* approved = impl.versions.approved();
  if (approved == nullptr || approved->proposal.hash != backfill.pack().pack().hash) {
    return Err(ErrorCode::kCancelled, "this version is not approved any more");
  }
  if (backfill.tail_ == nullptr || fold.seq < backfill.tail_->from ||
      backfill.tail_->records.size() > Backfill::kSwitchRecordsMax) {
    return Err(ErrorCode::kUnavailable, "the version is {} records behind the log",
               impl.open.next_seq() - fold.seq);
  }
  FUQI_RETURN_IF_ERROR(impl.CheckRoom());
  backfill.folded_at_switch_ = backfill.tail_->records.size();
  for (const ledger::OwnedRecord& record : backfill.tail_->records) {
    FUQI_RETURN_IF_ERROR(backfill.Take(*impl.log, *record));
  }
  backfill.tail_.reset();
  FUQI_CHECK(fold.seq == impl.open.next_seq());

  const std::shared_ptr<const CompiledPack> before = impl.pack;
  PublishRecord publish = PublishOf(backfill.pack());
  impl.encoded.Clear();
  EncodePublish(publish, impl.encoded);
  FUQI_ASSIGN_OR_RETURN(uint64_t seq, impl.Add(RecordType::kPublish));
  impl.versions.NotePublished(seq, publish.hash);
  impl.publishes[seq] = std::make_shared<const PublishRecord>(std::move(publish));
  // What is let go of is large: whoever owns the backfill frees it.
  std::swap(impl.core, fold.core);
  impl.pack = impl.core.shared_pack();
  impl.AdaptPending(*before);
  return Applied{seq, false};
}

void Partition::Impl::AdaptPending(const CompiledPack& from) {
  const table::Schema& to = pack->event_schema();
  if (from.event_schema() == to) {
    return;
  }
  for (Pending& event : pending) {
    // Their own rows, and CheckSuccessor asked for no more than they have.
    Result<table::Row> row = table::DecodeRow(from.event_schema(), event.content);
    FUQI_CHECK(row.has_value());
    row = AdaptRow(from.event_schema(), *row, to);
    FUQI_CHECK(row.has_value());
    event.content.clear();
    table::EncodeRow(to, row->values(), event.content);
  }
}

Result<void> Partition::WriteSnapshotOf(uint64_t seq, const Bytes& bytes) {
  MutexLock writing(impl_->snapshot_mutex);
  return seq > impl_->snapshot_seq ? impl_->WriteSnapshot(seq, bytes) : Result<void>();
}

uint64_t Partition::events() const {
  MutexLock lock(impl_->mutex);
  return impl_->core.events();
}
const Core& Partition::core() const FUQI_NO_THREAD_SAFETY_ANALYSIS { return impl_->core; }
uint64_t Partition::committed() const { return impl_->log->next_seq(); }
const Recovery& Partition::recovery() const { return impl_->recovery; }
const ledger::Log& Partition::log() const { return *impl_->log; }
const ledger::Tree& Partition::tree() const { return *impl_->tree; }

}  // namespace fuqi::decide
