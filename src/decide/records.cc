#include "decide/records.h"

#include <algorithm>
#include <bit>

#include "crypto/sha256.h"
#include "decide/records_internal.h"
#include "decide/screening.h"

namespace fuqi::decide {
namespace {

using ledger::Record;
using ledger::RecordType;

constexpr uint16_t kVersion = 1;

// Beside the action of what stood: what remained of its allowance follows.
constexpr uint8_t kWithRemains = 0x80;

Result<Action> ActionOf(uint8_t action) {
  if (action > static_cast<uint8_t>(Action::kFreeze)) {
    return Err(ErrorCode::kParse, "{} is no action", action);
  }
  return static_cast<Action>(action);
}

Result<Action> ReadAction(ByteReader& reader) { return ActionOf(reader.Fixed<uint8_t>()); }

constexpr std::string_view kScreeningMark = "+screening-";

std::string OwnScreening() { return std::string(kScreeningMark) + ScreeningVersion(); }

}  // namespace

Result<void> internal::ExpectRecord(const Record& record, RecordType type, std::string_view what) {
  if (record.type != type) {
    return Err(ErrorCode::kParse, "the record is of type {}, not {}",
               static_cast<uint16_t>(record.type), what);
  }
  if (record.version != kVersion) {
    return Err(ErrorCode::kUnsupported,
               "{} record of layout version {}: this program reads version {}", what,
               record.version, kVersion);
  }
  return {};
}

Digest internal::ReadDigest(ByteReader& reader) {
  Digest digest{};
  if (ByteView raw = reader.Raw(digest.size()); reader.ok()) {
    std::copy(raw.begin(), raw.end(), digest.begin());
  }
  return digest;
}

void internal::WriteSchema(const table::Schema& schema, ByteWriter& writer) {
  writer.Varint(schema.size());
  for (const table::Column& column : schema) {
    writer.Text(column.name);
    writer.Fixed(static_cast<uint8_t>(column.type.id));
    writer.Fixed(column.type.width);
    writer.Fixed(column.type.scale);
    writer.Fixed(static_cast<uint8_t>(column.nullable));
  }
}

Result<table::Schema> internal::ReadSchema(ByteReader& reader) {
  table::Schema schema;
  const uint64_t columns = reader.Varint();
  for (uint64_t i = 0; i < columns && reader.ok(); ++i) {
    table::Column column;
    column.name = reader.Text();
    const auto id = reader.Fixed<uint8_t>();
    column.type.id = static_cast<table::TypeId>(id);
    column.type.width = reader.Fixed<uint8_t>();
    column.type.scale = reader.Fixed<uint8_t>();
    const auto nullable = reader.Fixed<uint8_t>();
    column.nullable = nullable == 1;
    const bool is_decimal = column.type.id == table::TypeId::kDecimal;
    const bool has_digits = column.type.width >= 1 &&
                            column.type.width <= table::kMaxDecimalWidth &&
                            column.type.scale <= column.type.width;
    const bool has_none = column.type.width == 0 && column.type.scale == 0;
    if (id > static_cast<uint8_t>(table::TypeId::kInterval) ||
        !(is_decimal ? has_digits : has_none) || nullable > 1) {
      return Err(ErrorCode::kParse, "column {} of a stored schema has no type that Fuqi has", i);
    }
    schema.push_back(std::move(column));
  }
  return schema;
}

std::string SemanticsOf(const Pack& pack) {
  const bool screens = std::ranges::any_of(pack.lists, &List::is_screened);
  return std::string(kSemantics) + (screens ? OwnScreening() : "");
}

std::string OwnSemantics(std::string_view semantics) {
  const bool screens = semantics.find(kScreeningMark) != std::string_view::npos;
  return std::string(kSemantics) + (screens ? OwnScreening() : "");
}

void internal::WriteFiles(const PackFiles& files, ByteWriter& writer) {
  writer.Varint(files.size());
  for (const auto& [path, content] : files) {
    writer.Text(path);
    writer.Text(content);
  }
}

PackFiles internal::ReadFiles(ByteReader& reader) {
  PackFiles files;
  const uint64_t count = reader.Varint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    std::string path(reader.Text());
    files.emplace_back(std::move(path), reader.Text());
  }
  return files;
}

void EncodePublish(const PublishRecord& publish, EncodedRecord& out) {
  ByteWriter core(out.core);
  core.Text(publish.pack);
  core.Raw(publish.hash);
  core.Text(publish.semantics);
  core.Text(publish.zones);
  core.Text(publish.key);
  internal::WriteSchema(publish.events, core);
  internal::WriteSchema(publish.features, core);
  core.Varint(publish.rules.size());
  for (const std::string& rule : publish.rules) {
    core.Text(rule);
  }
  ByteWriter payload(out.payload);
  internal::WriteFiles(publish.files, payload);
}

Result<PublishRecord> DecodePublish(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kPublish, "Publish"));
  PublishRecord publish;
  ByteReader core(record.core);
  publish.pack = core.Text();
  publish.hash = internal::ReadDigest(core);
  publish.semantics = core.Text();
  publish.zones = core.Text();
  publish.key = core.Text();
  FUQI_ASSIGN_OR_RETURN(publish.events, internal::ReadSchema(core));
  FUQI_ASSIGN_OR_RETURN(publish.features, internal::ReadSchema(core));
  const uint64_t rules = core.Varint();
  for (uint64_t i = 0; i < rules && core.ok(); ++i) {
    publish.rules.emplace_back(core.Text());
  }
  FUQI_RETURN_IF_ERROR(core.Finish("the core of a Publish record"));
  ByteReader payload(record.payload);
  publish.files = internal::ReadFiles(payload);
  FUQI_RETURN_IF_ERROR(payload.Finish("the payload of a Publish record"));
  if (ContentHash(publish.files) != publish.hash) {
    return Err(ErrorCode::kCorrupt,
               "the pack's content does not have the hash {} that its record states",
               ToHex(publish.hash));
  }
  publish.sole_table = SoleEventTable(publish.files);
  return publish;
}

void EncodeEvent(const EventCore& event, const table::Schema& schema, const table::Row& columns,
                 EncodedRecord& out) {
  ByteWriter core(out.core);
  core.Varint(event.publish_seq);
  core.Raw(event.key_hash);
  core.Fixed(event.ts_us);
  core.Fixed(event.received_us);
  core.Varint(event.flags);
  table::EncodeRow(schema, columns.values(), out.payload);
}

Result<EventCore> DecodeEventCore(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kEvent, "Event"));
  EventCore event;
  ByteReader core(record.core);
  event.publish_seq = core.Varint();
  event.key_hash = internal::ReadDigest(core);
  event.ts_us = core.Fixed<int64_t>();
  event.received_us = core.Fixed<int64_t>();
  const uint64_t flags = core.Varint();
  FUQI_RETURN_IF_ERROR(core.Finish("the core of an Event record"));
  if ((flags & ~uint64_t{kOutOfBounds}) != 0) {
    return Err(ErrorCode::kParse, "{} are no flags of an Event record", flags);
  }
  event.flags = static_cast<uint32_t>(flags);
  return event;
}

Result<table::Row> DecodeEventRow(const table::Schema& schema, const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kEvent, "Event"));
  return table::DecodeRow(schema, record.payload);
}

void EncodeDecisionBody(const table::Schema& features, const Decision& decision, Bytes& out) {
  ByteWriter writer(out);
  writer.Fixed(static_cast<uint8_t>(decision.action));
  writer.Varint(decision.flags);
  writer.Varint(decision.hits.size());
  for (uint32_t hit : decision.hits) {
    writer.Varint(hit);
  }
  writer.Varint(decision.standing.size());
  for (const StandingHit& hit : decision.standing) {
    writer.Varint(hit.kind);
    writer.Varint(hit.column);
    const auto action = static_cast<uint8_t>(hit.action);
    writer.Fixed(static_cast<uint8_t>(hit.remains ? action | kWithRemains : action));
    if (hit.remains) {
      writer.Fixed(*hit.remains);
    }
  }
  writer.Text(decision.error);
  table::EncodeRow(features, decision.features.values(), out);
}

void EncodeDecision(uint64_t publish_seq, const table::Schema& features, const Decision& decision,
                    EncodedRecord& out) {
  ByteWriter core(out.core);
  core.Varint(publish_seq);
  core.Varint(decision.standing.size());
  for (const StandingHit& hit : decision.standing) {
    core.Varint(hit.record);
  }
  EncodeDecisionBody(features, decision, out.core);
}

Result<uint64_t> DecodeDecisionPublish(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kDecision, "Decision"));
  ByteReader core(record.core);
  const uint64_t publish_seq = core.Varint();
  if (!core.ok()) {
    return Err(ErrorCode::kParse, "a Decision record ends before it names its pack");
  }
  return publish_seq;
}

// The records named before the body; the rest of each hit stands in it.
Result<std::vector<StandingHit>> ReadStandingRecords(ByteReader& core, uint64_t seq) {
  std::vector<StandingHit> hits;
  const uint64_t count = core.Varint();
  for (uint64_t i = 0; i < count && core.ok(); ++i) {
    StandingHit& hit = hits.emplace_back();
    hit.record = core.Varint();
    if (hit.record >= seq) {
      return Err(ErrorCode::kParse, "a Decision record is bound by record {}, which is behind it",
                 hit.record);
    }
  }
  return hits;
}

Result<void> ReadStandingHits(ByteReader& core, std::vector<StandingHit>& hits) {
  if (core.Varint() != hits.size()) {
    return Err(ErrorCode::kParse, "a Decision record's standing actions and their records differ");
  }
  for (size_t i = 0; i < hits.size(); ++i) {
    const uint64_t kind = core.Varint();
    const uint64_t column = core.Varint();
    const auto action = core.Fixed<uint8_t>();
    FUQI_ASSIGN_OR_RETURN(hits[i].action, ActionOf(action & ~kWithRemains));
    if ((action & kWithRemains) != 0) {
      hits[i].remains = core.Fixed<int128>();
    }
    if (kind >= kPackStandingMax || column >= kPackColumnsMax) {
      return Err(ErrorCode::kParse, "{} and {} are no standing kind and column", kind, column);
    }
    hits[i].kind = static_cast<uint32_t>(kind);
    hits[i].column = static_cast<uint32_t>(column);
    if (i > 0 && std::pair(hits[i - 1].kind, hits[i - 1].column) >=
                     std::pair(hits[i].kind, hits[i].column)) {
      return Err(ErrorCode::kParse, "a Decision record's standing actions do not rise");
    }
  }
  return {};
}

Result<Decision> DecodeDecision(const table::Schema& features, size_t rules, const Record& record,
                                uint64_t seq) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kDecision, "Decision"));
  if (seq == 0) {
    return Err(ErrorCode::kParse, "record 0 is no decision: no event stands before it");
  }
  Decision decision;
  decision.event_seq = seq - 1;
  ByteReader core(record.core);
  core.Varint();  // publish_seq
  FUQI_ASSIGN_OR_RETURN(decision.standing, ReadStandingRecords(core, seq));
  FUQI_ASSIGN_OR_RETURN(decision.action, ReadAction(core));
  const uint64_t flags = core.Varint();
  const uint64_t hits = core.Varint();
  if ((flags & ~uint64_t{kAllFlags}) != 0 || hits > rules) {
    return Err(ErrorCode::kParse, "a Decision record with flags {} and {} hits of {} rules", flags,
               hits, rules);
  }
  decision.flags = static_cast<uint32_t>(flags);
  for (uint64_t i = 0; i < hits; ++i) {
    const uint64_t hit = core.Varint();
    if (hit >= rules || (i > 0 && hit <= decision.hits.back())) {
      return Err(ErrorCode::kParse, "hit {} of a Decision record is no rising rule index below {}",
                 hit, rules);
    }
    decision.hits.push_back(static_cast<uint32_t>(hit));
  }
  FUQI_RETURN_IF_ERROR(ReadStandingHits(core, decision.standing));
  decision.error = core.Text();
  if (!core.ok() || decision.error.empty() != ((decision.flags & kFailed) == 0)) {
    return Err(ErrorCode::kParse, "a Decision record's error text does not go with its flags");
  }
  FUQI_ASSIGN_OR_RETURN(decision.features, table::DecodeRow(features, core.Raw(core.remaining())));
  return decision;
}

void EncodeDefault(const DefaultRecord& record, EncodedRecord& out) {
  ByteWriter core(out.core);
  core.Varint(record.publish_seq);
  core.Raw(record.key_hash);
  core.Fixed(record.answered_us);
  core.Fixed(static_cast<uint8_t>(record.action));
  core.Text(record.why);
}

Result<DefaultRecord> DecodeDefault(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kDefault, "Default"));
  DefaultRecord out;
  ByteReader core(record.core);
  out.publish_seq = core.Varint();
  out.key_hash = internal::ReadDigest(core);
  out.answered_us = core.Fixed<int64_t>();
  FUQI_ASSIGN_OR_RETURN(out.action, ReadAction(core));
  out.why = core.Text();
  FUQI_RETURN_IF_ERROR(core.Finish("the core of a Default record"));
  return out;
}

Digest KeyHash(const table::Column& column, const table::Datum& key) {
  Bytes bytes;
  table::EncodeRow({column}, {&key, 1}, bytes);
  return crypto::Sha256(bytes);
}

}  // namespace fuqi::decide
