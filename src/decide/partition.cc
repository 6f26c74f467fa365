#include "decide/partition.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>

#include "base/check.h"
#include "base/log.h"
#include "base/thread_annotations.h"
#include "base/time.h"
#include "decide/fold.h"
#include "ledger/snapshot.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;

// What one event and its decision may add to a batch: the event's row, a feature row of bounded
// texts, and their heads.
constexpr uint64_t kPairBytesMax = 4u << 20;

using Publishes = std::map<uint64_t, std::shared_ptr<const PublishRecord>>;

// The state after the records [0, seq) of a log.
struct Folded {
  Core core;
  uint64_t seq = 0;
  uint64_t publish_seq = 0;  // of the last Publish record
  Publishes publishes;       // that were needed
};

Result<std::shared_ptr<const PublishRecord>> ReadPublish(const ledger::Log& log, uint64_t seq,
                                                         Publishes& publishes) {
  if (auto found = publishes.find(seq); found != publishes.end()) {
    return found->second;
  }
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(seq));
  FUQI_ASSIGN_OR_RETURN(PublishRecord publish,
                        DecodePublish(*record).At({.field = fmt::format("#{}", seq)}));
  return publishes[seq] = std::make_shared<const PublishRecord>(std::move(publish));
}

Result<void> FoldRecord(const ledger::Log& log, const ledger::StoredRecord& record,
                        Folded& folded) {
  const CompiledPack& pack = folded.core.pack();
  folded.seq = record.seq + 1;
  if (record.type == RecordType::kPublish) {
    FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
    FUQI_RETURN_IF_ERROR(CheckSamePack(publish, pack));
    folded.publish_seq = record.seq;
    folded.publishes[record.seq] = std::make_shared<const PublishRecord>(std::move(publish));
  } else if (record.type == RecordType::kEvent) {
    FUQI_ASSIGN_OR_RETURN(EventCore event_core, DecodeEventCore(record));
    FUQI_ASSIGN_OR_RETURN(auto publish, ReadPublish(log, event_core.publish_seq, folded.publishes));
    FUQI_ASSIGN_OR_RETURN(Event event, EventOf(record, *publish, pack));
    FUQI_RETURN_IF_ERROR(folded.core.Validate(event));
    folded.core.Fold(event, record.seq);
  }
  return ApplyRecord(record, folded.core);
}

// What recovery does: newest valid snapshot of this pack version, then the records after it.
Result<Folded> FoldLog(const ledger::Log& log, const ledger::SnapshotStore& snapshots,
                       const std::shared_ptr<const CompiledPack>& pack, Recovery& recovery) {
  Folded folded{.core = Core(pack)};
  FUQI_ASSIGN_OR_RETURN(ledger::LatestSnapshot latest, snapshots.Latest());
  recovery.damaged = std::move(latest.damaged);
  if (latest.snapshot && latest.snapshot->seq > log.next_seq()) {
    // Snapshots are written of committed records only.
    return Err(ErrorCode::kCorrupt,
               "a snapshot stands for {} records, but the log has {}: some were lost",
               latest.snapshot->seq, log.next_seq());
  }
  if (latest.snapshot) {
    ByteReader reader(latest.snapshot->bytes);
    const uint64_t publish_seq = reader.Varint();
    // The state of another pack version, or by other zone data, is no error: it is of no use, as
    // all events must be folded anew.
    if (reader.ok()) {
      FUQI_ASSIGN_OR_RETURN(auto publish, ReadPublish(log, publish_seq, folded.publishes));
      if (publish->zones == TimeZoneDataVersion().value_or("") &&
          folded.core.Restore(reader.Raw(reader.remaining()))) {
        folded.publish_seq = publish_seq;
        folded.seq = latest.snapshot->seq;
        recovery.snapshot_seq = folded.seq;
      }
    }
  }
  const uint64_t events_before = folded.core.events();
  FUQI_RETURN_IF_ERROR(log.Scan(folded.seq, [&](const ledger::StoredRecord& record) {
    Result<void> good = FoldRecord(log, record, folded);
    return good ? good : std::move(good).At({.field = fmt::format("#{}", record.seq)});
  }));
  recovery.folded_events = folded.core.events() - events_before;
  return folded;
}

// The bytes of a snapshot, docs/formats/records.md.
Bytes SnapshotBytes(uint64_t publish_seq, const Core& core) {
  Bytes bytes;
  ByteWriter(bytes).Varint(publish_seq);
  core.Save(bytes);
  return bytes;
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
  const std::shared_ptr<const CompiledPack> pack;
  std::unique_ptr<ledger::Log> log;
  std::unique_ptr<ledger::Tree> tree;
  Recovery recovery;
  uint64_t head_size = 0;  // records in the head saved last; the committing thread's

  enum class State : uint8_t { kOpen, kFailed, kClosed };
  std::atomic<State> state = State::kOpen;
  uint64_t publish_seq = 0;  // since Open

  std::optional<ledger::SnapshotStore> snapshots FUQI_GUARDED_BY(snapshot_mutex);
  uint64_t snapshot_seq FUQI_GUARDED_BY(snapshot_mutex) = 0;  // of the newest one

  Core core FUQI_GUARDED_BY(mutex);
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
  FUQI_ASSIGN_OR_RETURN(Folded folded, FoldLog(*log, *snapshots, pack, recovery));
  core = std::move(folded.core);
  core.PrepareScreening();
  publish_seq = folded.publish_seq;
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
    FUQI_ASSIGN_OR_RETURN(auto last, PublishBy(publish_seq));
    if (last->hash == publish.hash && last->semantics == publish.semantics &&
        last->zones == publish.zones && last->features == publish.features) {
      return {};
    }
  }
  encoded.Clear();
  EncodePublish(publish, encoded);
  ledger::Batch batch(log->next_seq(), options.log);
  FUQI_ASSIGN_OR_RETURN(publish_seq, batch.Add(encoded.As(RecordType::kPublish)));
  FUQI_RETURN_IF_ERROR(log->Commit(batch));
  FUQI_RETURN_IF_ERROR(tree->Append(batch));
  publishes[publish_seq] = std::make_shared<const PublishRecord>(std::move(publish));
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

Result<Outcome> Partition::Decide(const Event& event) {
  Impl& impl = *impl_;
  const CompiledPack& pack = *impl.pack;
  FUQI_RETURN_IF_ERROR(ValidateEvent(pack, event));
  const table::Datum& key = event.columns[pack.key_column()];

  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  EventCore event_core;
  event_core.publish_seq = impl.publish_seq;
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
  if (impl.open.bytes() + kPairBytesMax > impl.options.log.commit_bytes_max) {
    return Err(ErrorCode::kResourceExhausted, "the open batch is full: {} bytes",
               impl.open.bytes());
  }

  const uint64_t seq = impl.open.next_seq();
  Outcome outcome;
  outcome.decision = impl.core.Decide(event, seq);
  event_core.flags = outcome.decision.flags & kOutOfBounds;

  // From here on nothing may fail: the event is in the state.
  impl.encoded.Clear();
  EncodeEvent(event_core, pack.event_schema(), event.columns, impl.encoded);
  Result<uint64_t> added = impl.open.Add(impl.encoded.As(RecordType::kEvent));
  FUQI_CHECK(added.has_value() && *added == seq);
  impl.pending.push_back({seq, event_core.key_hash, impl.encoded.payload, outcome.decision});
  impl.encoded.Clear();
  EncodeDecision(impl.publish_seq, pack.feature_schema(), outcome.decision, impl.encoded);
  added = impl.open.Add(impl.encoded.As(RecordType::kDecision));
  FUQI_CHECK(added.has_value() && *added == outcome.decision.seq());
  for (const Change& change : impl.core.ChangesOf(event, outcome.decision)) {
    impl.encoded.Clear();
    EncodeChange(change, impl.encoded);
    added = impl.open.Add(impl.encoded.As(TypeOf(change)));
    FUQI_CHECK(added.has_value() && impl.core.Apply(change, *added).has_value());
  }
  return outcome;
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

Result<void> Partition::NoteDefault(const table::Datum& key, std::string_view why) {
  Impl& impl = *impl_;
  FUQI_RETURN_IF_ERROR(ValidateKey(*impl.pack, key));
  MutexLock lock(impl.mutex);
  FUQI_RETURN_IF_ERROR(impl.CheckOpen());
  DefaultRecord record;
  record.publish_seq = impl.publish_seq;
  record.key_hash = KeyHash(impl.pack->event_schema()[impl.pack->key_column()], key);
  record.answered_us = impl.clock.NowUs();
  record.action = impl.pack->pack().default_action;
  record.why = why;
  impl.encoded.Clear();
  EncodeDefault(record, impl.encoded);
  return impl.open.Add(impl.encoded.As(RecordType::kDefault)).has_value()
             ? Result<void>()
             : Err(ErrorCode::kResourceExhausted, "the open batch is full: {} bytes",
                   impl.open.bytes());
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
  if (impl.open.bytes() + kPairBytesMax > impl.options.log.commit_bytes_max) {
    return Err(ErrorCode::kResourceExhausted, "the open batch is full: {} bytes",
               impl.open.bytes());
  }
  Result<uint64_t> seq = impl.open.Add(impl.encoded.As(TypeOf(change)));
  FUQI_CHECK(seq.has_value());
  FUQI_CHECK(impl.core.Apply(change, *seq).has_value());  // Validate said so
  return Applied{*seq, false};
}

void Partition::ReadCommitted(const std::function<void(const Committed&)>& read) const {
  MutexLock lock(impl_->mutex);
  read(impl_->core.committed());
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
  FUQI_RETURN_IF_ERROR(ValidateKey(*impl.pack, key));
  const Digest key_hash = KeyHash(impl.pack->event_schema()[impl.pack->key_column()], key);
  std::vector<uint64_t> candidates;
  {
    MutexLock lock(impl.mutex);
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
  uint64_t publish_seq = impl.publish_seq;
  if (seq < impl.log->next_seq()) {
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, impl.log->Read(seq));
    if (record->type == RecordType::kDecision) {
      FUQI_ASSIGN_OR_RETURN(publish_seq, DecodeDecisionPublish(*record));
    } else if (record->type == RecordType::kEvent) {
      FUQI_ASSIGN_OR_RETURN(EventCore core, DecodeEventCore(*record));
      publish_seq = core.publish_seq;
    } else {
      return Err(ErrorCode::kNotFound, "record {} is neither event nor decision", seq);
    }
  }
  MutexLock lock(impl.mutex);
  if (seq >= impl.open.next_seq()) {
    return Err(ErrorCode::kNotFound, "record {} is not in the log; its next one will be {}", seq,
               impl.open.next_seq());
  }
  return impl.PublishBy(publish_seq);
}

Result<void> Partition::WriteDueSnapshot() {
  Impl& impl = *impl_;
  MutexLock writing(impl.snapshot_mutex);
  const uint64_t records = impl.log->next_seq() - impl.snapshot_seq;
  if (impl.options.snapshot_every == 0 || records / 2 < impl.options.snapshot_every) {
    return {};
  }
  Recovery unused;
  FUQI_ASSIGN_OR_RETURN(Folded folded, FoldLog(*impl.log, *impl.snapshots, impl.pack, unused));
  return impl.WriteSnapshot(folded.seq, SnapshotBytes(folded.publish_seq, folded.core));
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
    bytes = SnapshotBytes(impl.publish_seq, impl.core);
  }
  return impl.WriteSnapshot(seq, bytes);
}

Result<void> Partition::Impl::WriteSnapshot(uint64_t seq, const Bytes& bytes) {
  FUQI_RETURN_IF_ERROR(snapshots->Write(seq, bytes));
  snapshot_seq = seq;
  return {};
}

const Core& Partition::core() const FUQI_NO_THREAD_SAFETY_ANALYSIS { return impl_->core; }
uint64_t Partition::committed() const { return impl_->log->next_seq(); }
uint64_t Partition::last_publish() const { return impl_->publish_seq; }
const Recovery& Partition::recovery() const { return impl_->recovery; }
const ledger::Log& Partition::log() const { return *impl_->log; }
const ledger::Tree& Partition::tree() const { return *impl_->tree; }

}  // namespace fuqi::decide
