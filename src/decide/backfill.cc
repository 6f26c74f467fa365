#include "decide/backfill.h"

#include "base/time.h"
#include "decide/fold.h"

namespace fuqi::decide {

using ledger::RecordType;

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

Result<void> LogFold::Take(const ledger::Log& log, const ledger::StoredRecord& record) {
  const CompiledPack& pack = core.pack();
  seq = record.seq + 1;
  if (record.type == RecordType::kPublish) {
    FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
    FUQI_RETURN_IF_ERROR(CheckSamePack(publish, pack));
    versions.NotePublished(record.seq, publish.hash);
    publishes[record.seq] = std::make_shared<const PublishRecord>(std::move(publish));
    return {};
  }
  if (record.type == RecordType::kEvent) {
    FUQI_ASSIGN_OR_RETURN(EventCore event_core, DecodeEventCore(record));
    FUQI_ASSIGN_OR_RETURN(auto publish, ReadPublish(log, event_core.publish_seq, publishes));
    FUQI_ASSIGN_OR_RETURN(Event event, EventOf(record, *publish, pack));
    FUQI_RETURN_IF_ERROR(core.Validate(event));
    if (record.seq >= decide_from) {
      decided = core.Decide(event, record.seq);
    } else {
      core.Fold(event, record.seq);
    }
    return {};
  }
  FUQI_RETURN_IF_ERROR(versions.Fold(record));
  return ApplyRecord(record, core);
}

Bytes LogFold::Save() const {
  Bytes bytes;
  ByteWriter writer(bytes);
  versions.Save(writer);
  core.Save(bytes);
  return bytes;
}

Result<bool> LogFold::Restore(const ledger::Log& log, uint64_t snapshot_seq, ByteView bytes) {
  ByteReader reader(bytes);
  if (!versions.Restore(reader) || versions.published().empty() ||
      versions.published().back().seq >= snapshot_seq) {
    versions = {};
    return false;
  }
  FUQI_ASSIGN_OR_RETURN(auto publish, ReadPublish(log, versions.published().back().seq, publishes));
  if (publish->zones != TimeZoneDataVersion().value_or("") ||
      !core.Restore(reader.Raw(reader.remaining()))) {
    versions = {};
    return false;
  }
  seq = snapshot_seq;
  return true;
}

Result<void> Backfill::Take(const ledger::Log& log, const ledger::StoredRecord& record,
                            const std::function<void()>& between) {
  if (between && record.seq % kTurnRecords == 0) {
    between();
  }
  if (stop_.load(std::memory_order_relaxed)) {
    return Err(ErrorCode::kCancelled, "the work was stopped");
  }
  FUQI_RETURN_IF_ERROR(fold_.Take(log, record).At({.field = fmt::format("#{}", record.seq)}));
  folded_.store(fold_.core.events(), std::memory_order_relaxed);
  return fold_.decided && record.type == RecordType::kDecision ? Compare(log, record)
                                                               : Result<void>();
}

Result<void> Backfill::Compare(const ledger::Log& log, const ledger::StoredRecord& record) {
  FUQI_ASSIGN_OR_RETURN(uint64_t publish_seq, DecodeDecisionPublish(record));
  FUQI_ASSIGN_OR_RETURN(auto publish, ReadPublish(log, publish_seq, fold_.publishes));
  FUQI_ASSIGN_OR_RETURN(Decision stored, DecodeDecision(publish->features, publish->rules.size(),
                                                        record, record.seq));
  if (stored.seq() == fold_.decided->seq()) {
    MutexLock lock(report_mutex_);
    report_.Add(stored, publish->rules, *fold_.decided, pack().pack());
  }
  fold_.decided.reset();
  return {};
}

ShadowReport Backfill::report() const {
  MutexLock lock(report_mutex_);
  return report_;
}

Result<void> Backfill::ReadLog(const ledger::Log& log, uint64_t end,
                               const std::function<void()>& between) {
  if (fold_.seq >= end) {
    return {};  // a scan walks through the segment up to where it begins
  }
  bool ended = false;
  auto take = [&](const ledger::StoredRecord& record) -> Result<void> {
    ended = record.seq >= end;
    if (ended) {
      return Err(ErrorCode::kCancelled, "the records asked for end here");
    }
    return Take(log, record, between);
  };
  Result<void> scanned = log.Scan(fold_.seq, take);
  return ended ? Result<void>() : std::move(scanned);
}

}  // namespace fuqi::decide
