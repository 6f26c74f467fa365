#include "decide/feed.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <map>

#include "crypto/sha256.h"
#include "decide/core.h"
#include "decide/fold.h"
#include "ledger/log.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;
using ledger::StoredRecord;

// Tells events of one run apart: half of each SHA-256 is enough for that.
class Seen {
 public:
  // True if the event is new to this run; kConflict if its key came before with another content.
  Result<bool> Add(const CompiledPack& pack, const Event& event) {
    const Digest key_hash =
        KeyHash(pack.event_schema()[pack.key_column()], event.columns[pack.key_column()]);
    bytes_.clear();
    table::EncodeRow(pack.event_schema(), event.columns.values(), bytes_);
    const uint128 content = Half(crypto::Sha256(bytes_));
    auto [found, fresh] = contents_.try_emplace(Half(key_hash), content);
    if (!fresh && found->second != content) {
      return Err(ErrorCode::kConflict,
                 "an event of this '{}' was decided before, with another content", pack.pack().key);
    }
    return fresh;
  }

 private:
  static uint128 Half(const Digest& digest) {
    uint128 half;
    std::memcpy(&half, digest.data(), sizeof(half));
    return half;
  }
  struct Low {
    using is_avalanching = void;
    size_t operator()(uint128 value) const { return static_cast<size_t>(value); }
  };
  boost::unordered_flat_map<uint128, uint128, Low> contents_;
  Bytes bytes_;
};

Where PlaceOf(uint64_t seq) { return {.field = fmt::format("#{}", seq)}; }

}  // namespace

Result<uint64_t> FeedSource(SourceReader& reader, const CompiledPack& pack, const TakeEvent& take) {
  Seen seen;
  uint64_t repeated = 0;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(std::optional<Event> event, reader.Next());
    if (!event) {
      return repeated;
    }
    FUQI_ASSIGN_OR_RETURN(bool fresh, seen.Add(pack, *event).At(reader.where()));
    if (fresh) {
      FUQI_RETURN_IF_ERROR(take(*event).At(reader.where()));
    } else {
      ++repeated;
    }
  }
}

Result<void> FeedLog(Disk& disk, const std::string& dir, const CompiledPack& pack,
                     const TakeEvent& take, const TakeChange& change) {
  std::map<uint64_t, PublishRecord> publishes;
  auto visit = [&](const StoredRecord& record) -> Result<void> {
    if (record.type == RecordType::kPublish) {
      FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
      FUQI_RETURN_IF_ERROR(CheckSamePack(publish, pack));
      publishes.emplace(record.seq, std::move(publish));
    } else if (record.type == RecordType::kEvent) {
      FUQI_ASSIGN_OR_RETURN(EventCore core, DecodeEventCore(record));
      const auto publish = publishes.find(core.publish_seq);
      if (publish == publishes.end()) {
        return Err(ErrorCode::kCorrupt, "record {} is named as the pack's and is no Publish",
                   core.publish_seq);
      }
      FUQI_ASSIGN_OR_RETURN(Event event, EventOf(record, publish->second, pack));
      FUQI_RETURN_IF_ERROR(ValidateEvent(pack, event));
      return take(event);
    } else if (IsChange(record.type)) {
      FUQI_ASSIGN_OR_RETURN(Change made, DecodeChange(record));
      return change(made, record.seq);
    }
    return {};
  };
  FUQI_RETURN_IF_ERROR(ledger::Scan(disk, dir + "/log", 0, [&](const StoredRecord& record) {
    Result<void> visited = visit(record);
    return visited ? visited : std::move(visited).At(PlaceOf(record.seq));
  }));
  return {};
}

std::optional<Change> WithoutLoggedStanding(Change change) {
  if (auto* standing = std::get_if<StandingChange>(&change); standing != nullptr) {
    using Op = StandingChange::Op;
    if (standing->op == Op::kUndo || standing->op == Op::kSpend ||
        (standing->op == Op::kSet && standing->decision_seq != 0)) {
      return std::nullopt;
    }
    standing->record = 0;
  }
  if (std::holds_alternative<OutboxChange>(change)) {
    return std::nullopt;  // nothing is sent
  }
  return change;
}

Result<std::vector<LoggedVersion>> VersionsInLog(Disk& disk, const std::string& dir) {
  std::vector<LoggedVersion> versions;
  Versions fold;
  FUQI_RETURN_IF_ERROR(
      ledger::Scan(disk, dir + "/log", 0, [&](const StoredRecord& record) -> Result<void> {
        FUQI_RETURN_IF_ERROR(fold.Fold(record).At(PlaceOf(record.seq)));
        if (record.type == RecordType::kPublish) {
          FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
          LoggedVersion& version = versions.emplace_back();
          version.seq = record.seq;
          version.publish = std::move(publish);
          if (fold.newest() && fold.newest()->publish_seq == record.seq) {
            version.proposal = fold.newest();
          }
        } else if (record.type == RecordType::kDecision && !versions.empty()) {
          ++versions.back().decisions;
        }
        return {};
      }));
  return versions;
}

}  // namespace fuqi::decide
