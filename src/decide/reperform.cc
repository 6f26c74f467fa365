#include "decide/reperform.h"

#include <algorithm>
#include <map>
#include <optional>

#include "decide/core.h"
#include "decide/fold.h"
#include "ledger/log.h"
#include "table/binder.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;
using ledger::StoredRecord;

using Publishes = std::map<uint64_t, PublishRecord>;

Where PlaceOf(uint64_t seq) { return {.field = fmt::format("#{}", seq)}; }

Result<std::shared_ptr<const CompiledPack>> CompileOf(const PublishRecord& publish,
                                                      table::Binder& binder) {
  FUQI_ASSIGN_OR_RETURN(Pack pack, ParsePack(publish.files));
  return CompiledPack::Compile(std::move(pack), binder);
}

Result<const PublishRecord*> Find(const Publishes& publishes, uint64_t seq) {
  auto found = publishes.find(seq);
  if (found == publishes.end()) {
    return Err(ErrorCode::kCorrupt, "record {} is named as the pack's and is no Publish", seq);
  }
  return &found->second;
}

// Folds the log through one pack and compares the decisions of the records [from, to).
class Epoch {
 public:
  Epoch(const Publishes& publishes, std::shared_ptr<const CompiledPack> pack, uint64_t from,
        uint64_t to, Reperformance& out)
      : publishes_(publishes),
        pack_(std::move(pack)),
        core_(pack_),
        from_(from),
        to_(to),
        out_(out) {}

  Result<void> Visit(const StoredRecord& record) {
    if (record.type == RecordType::kEvent) {
      return Fold(record).At(PlaceOf(record.seq));
    }
    if (record.type == RecordType::kDecision && record.seq >= from_) {
      return Compare(record).At(PlaceOf(record.seq));
    }
    if (record.type == RecordType::kStandingChange || record.type == RecordType::kOutboxChange) {
      FUQI_RETURN_IF_ERROR(CompareChange(record).At(PlaceOf(record.seq)));
    }
    return ApplyRecord(record, core_).At(PlaceOf(record.seq));
  }

  // Before the next event and at the end: whether the decision before it set what was due, and no
  // less.
  void SettleChanges() {
    if (is_equal_ && (changes_differ_ || !due_.empty())) {
      --out_.equal;
      NoteDifferent(decision_->seq());
    }
    due_.clear();
    changes_differ_ = false;
    is_equal_ = false;
  }

 private:
  Result<void> Fold(const StoredRecord& record) {
    FUQI_ASSIGN_OR_RETURN(EventCore stored, DecodeEventCore(record));
    FUQI_ASSIGN_OR_RETURN(const PublishRecord* publish, Find(publishes_, stored.publish_seq));
    FUQI_ASSIGN_OR_RETURN(Event event, EventOf(record, *publish, *pack_));
    FUQI_RETURN_IF_ERROR(core_.Validate(event));
    SettleChanges();
    decision_ = core_.Decide(event, record.seq);
    if (record.seq >= from_) {
      for (const Change& change : core_.ChangesOf(event, *decision_)) {
        EncodedRecord& due = due_.emplace_back();
        EncodeChange(change, due);
      }
    }

    // The event's own core, said from its row.
    const table::Schema& schema = pack_->event_schema();
    EventCore core;
    core.publish_seq = stored.publish_seq;
    core.key_hash = KeyHash(schema[pack_->key_column()], event.columns[pack_->key_column()]);
    core.ts_us = static_cast<int64_t>(event.columns[pack_->time_column()].i);
    core.received_us = event.received_us;
    core.flags = decision_->flags & kOutOfBounds;
    encoded_.Clear();
    EncodeEvent(core, schema, event.columns, encoded_);
    event_is_as_stored_ = std::ranges::equal(encoded_.core, record.core);
    return {};
  }

  Result<void> Compare(const StoredRecord& record) {
    FUQI_ASSIGN_OR_RETURN(uint64_t publish_seq, DecodeDecisionPublish(record));
    if (!decision_ || decision_->seq() != record.seq || publish_seq >= to_) {
      return Err(ErrorCode::kCorrupt,
                 "a Decision that follows no Event, or names no pack before it");
    }
    encoded_.Clear();
    EncodeDecision(publish_seq, pack_->feature_schema(), *decision_, encoded_);
    ++out_.decisions;
    if (event_is_as_stored_ && std::ranges::equal(encoded_.core, record.core)) {
      ++out_.equal;
      is_equal_ = true;
      return {};
    }
    NoteDifferent(record.seq);
    return {};
  }

  // What a decision set or owed must be what it does now; what persons did is as it is.
  Result<void> CompareChange(const StoredRecord& record) {
    FUQI_ASSIGN_OR_RETURN(Change change, DecodeChange(record));
    const auto* standing = std::get_if<StandingChange>(&change);
    const bool by_decision = standing != nullptr
                                 ? standing->at_us != kSinceEver
                                 : std::get<OutboxChange>(change).op == OutboxChange::Op::kOwe;
    if (!by_decision || record.seq < from_) {
      return {};
    }
    const bool as_due = !due_.empty() && std::ranges::equal(due_.front().core, record.core) &&
                        std::ranges::equal(due_.front().payload, record.payload);
    changes_differ_ = changes_differ_ || !as_due;
    if (!due_.empty()) {
      due_.erase(due_.begin());
    }
    return {};
  }

  void NoteDifferent(uint64_t seq) {
    ++out_.different;
    if (out_.different_seqs.size() < Reperformance::kListedMax) {
      out_.different_seqs.push_back(seq);
    }
  }

  const Publishes& publishes_;
  const std::shared_ptr<const CompiledPack> pack_;
  Core core_;
  const uint64_t from_;
  const uint64_t to_;
  Reperformance& out_;
  std::optional<Decision> decision_;  // of the event folded last
  std::vector<EncodedRecord> due_;    // changes that it makes and that were not met yet
  bool changes_differ_ = false;
  bool is_equal_ = false;  // the decision is as its record says
  bool event_is_as_stored_ = false;
  EncodedRecord encoded_;
};

}  // namespace

Result<Reperformance> Reperform(Disk& disk, const std::string& dir, table::Binder& binder,
                                const std::function<void(uint64_t, uint64_t)>& progress) {
  const std::string log = dir + "/log";
  Publishes publishes;
  std::map<uint64_t, uint64_t> decisions;  // by the Publish before them
  FUQI_ASSIGN_OR_RETURN(ledger::ScanEnd end,
                        ledger::Scan(disk, log, 0, [&](const StoredRecord& record) -> Result<void> {
                          if (record.type == RecordType::kPublish) {
                            FUQI_ASSIGN_OR_RETURN(PublishRecord publish,
                                                  DecodePublish(record).At(PlaceOf(record.seq)));
                            publishes.emplace(record.seq, std::move(publish));
                          } else if (publishes.empty()) {
                            return Err(ErrorCode::kCorrupt,
                                       "the log does not begin with a Publish record")
                                .At(PlaceOf(record.seq));
                          } else if (record.type == RecordType::kDecision) {
                            ++decisions[publishes.rbegin()->first];
                          }
                          return {};
                        }));

  Reperformance result;
  uint64_t done = 0;
  uint64_t to_do = 0;
  // A Publish whose pack, semantics and features are those of the one before (zone data alone
  // changed) continues its epoch.
  struct Span {
    const PublishRecord* publish;
    uint64_t from;
    uint64_t to;
  };
  std::vector<Span> spans;
  for (auto it = publishes.begin(); it != publishes.end(); ++it) {
    const uint64_t to = std::next(it) == publishes.end() ? end.next_seq : std::next(it)->first;
    const PublishRecord& publish = it->second;
    if (publish.semantics != OwnSemantics(publish.semantics)) {
      result.other_semantics += decisions[it->first];
    } else if (!spans.empty() && spans.back().to == it->first &&
               spans.back().publish->hash == publish.hash) {
      spans.back().to = to;
    } else if (decisions[it->first] > 0) {
      spans.push_back({&publish, it->first, to});
    }
  }
  for (const Span& span : spans) {
    to_do += span.to;
  }
  for (const Span& span : spans) {
    FUQI_ASSIGN_OR_RETURN(auto pack, CompileOf(*span.publish, binder).At(PlaceOf(span.from)));
    Epoch epoch(publishes, std::move(pack), span.from, span.to, result);
    bool ended = false;
    auto visit = [&](const StoredRecord& record) -> Result<void> {
      ended = record.seq >= span.to;
      if (ended) {
        return Err(ErrorCode::kCancelled, "the records asked for end here");
      }
      if (progress && (++done & 0xfff) == 0) {
        progress(done, to_do);
      }
      return epoch.Visit(record);
    };
    Result<ledger::ScanEnd> scanned = ledger::Scan(disk, log, 0, visit);
    if (!scanned && !ended) {
      return std::move(scanned).error();
    }
    epoch.SettleChanges();
  }
  if (progress) {
    progress(to_do, to_do);
  }
  return result;
}

Result<RulesReperformance> ReperformOne(Disk& disk, const std::string& dir, table::Binder& binder,
                                        uint64_t decision_seq) {
  Publishes publishes;
  std::optional<ledger::OwnedRecord> event_record;
  RulesReperformance result;
  std::shared_ptr<const CompiledPack> pack;
  bool ended = false;
  auto visit = [&](const StoredRecord& record) -> Result<void> {
    if (record.type == RecordType::kPublish) {
      FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
      publishes.emplace(record.seq, std::move(publish));
    } else if (record.seq + 1 == decision_seq) {
      event_record.emplace(record.seq, Bytes(record.encoded.begin(), record.encoded.end()));
    } else if (record.seq == decision_seq) {
      FUQI_ASSIGN_OR_RETURN(uint64_t publish_seq, DecodeDecisionPublish(record));
      FUQI_ASSIGN_OR_RETURN(const PublishRecord* publish, Find(publishes, publish_seq));
      if (publish->semantics != OwnSemantics(publish->semantics)) {
        return Err(ErrorCode::kUnsupported, "decided under semantics '{}'; this program has '{}'",
                   publish->semantics, OwnSemantics(publish->semantics));
      }
      FUQI_ASSIGN_OR_RETURN(pack, CompileOf(*publish, binder));
      FUQI_ASSIGN_OR_RETURN(result.stored, DecodeDecision(publish->features, publish->rules.size(),
                                                          record, decision_seq));
      ended = true;
      return Err(ErrorCode::kCancelled, "the records asked for end here");
    }
    return {};
  };
  Result<ledger::ScanEnd> scanned = ledger::Scan(disk, dir + "/log", 0, visit);
  if (!scanned && !ended) {
    return std::move(scanned).error().At(PlaceOf(decision_seq));
  }
  if (!ended || !event_record) {
    return Err(ErrorCode::kNotFound, "the log has no decision {}", decision_seq);
  }
  FUQI_ASSIGN_OR_RETURN(EventCore event_core, DecodeEventCore(**event_record));
  FUQI_ASSIGN_OR_RETURN(const PublishRecord* publish, Find(publishes, event_core.publish_seq));
  FUQI_ASSIGN_OR_RETURN(Event event, EventOf(**event_record, *publish, *pack));
  result.computed = result.stored;
  Core(pack).DecideFromFeatures(event, result.computed);
  return result;
}

}  // namespace fuqi::decide
