#include "decide/change.h"

#include <array>

#include "crypto/sha256.h"
#include "decide/list.h"
#include "decide/records_internal.h"

namespace fuqi::decide {
namespace {

using ledger::Record;
using ledger::RecordType;

void WriteHead(const ChangeHead& head, ByteWriter& writer) {
  writer.Text(head.by);
  writer.Fixed(head.made_us);
  writer.Text(head.id);
}

ChangeHead ReadHead(ByteReader& reader) {
  ChangeHead head;
  head.by = reader.Text();
  head.made_us = reader.Fixed<int64_t>();
  head.id = reader.Text();
  return head;
}

// What the record does, which its payload holds: it may name persons.
void WriteContent(const ListChange& change, ByteWriter& writer) {
  writer.Varint(change.puts.size());
  for (const ListEntry& entry : change.puts) {
    WriteListEntry(entry, writer);
  }
  writer.Varint(change.removals.size());
  for (const ListRemoval& removal : change.removals) {
    writer.Text(removal.value);
    writer.Fixed(static_cast<uint8_t>((removal.source ? 1 : 0) | (removal.valid_from_us ? 2 : 0)));
    writer.Text(removal.source.value_or(""));
    writer.Fixed(removal.valid_from_us.value_or(0));
  }
}

// False where a removal says what it does not give.
bool ReadContent(ByteReader& reader, ListChange& change) {
  const uint64_t puts = reader.Varint();
  for (uint64_t i = 0; i < puts && reader.ok(); ++i) {
    change.puts.push_back(ReadListEntry(reader));
  }
  const uint64_t removals = reader.Varint();
  for (uint64_t i = 0; i < removals && reader.ok(); ++i) {
    ListRemoval& removal = change.removals.emplace_back();
    removal.value = reader.Text();
    const auto given = reader.Fixed<uint8_t>();
    const std::string_view source = reader.Text();
    const auto valid_from_us = reader.Fixed<int64_t>();
    if ((given & 1) != 0) {
      removal.source = source;
    }
    if ((given & 2) != 0) {
      removal.valid_from_us = valid_from_us;
    }
    if (given > 3 || (!removal.source && !source.empty()) ||
        (!removal.valid_from_us && valid_from_us != 0)) {
      return false;
    }
  }
  return true;
}

void WriteContent(const ReferenceChange& change, ByteWriter& writer) {
  internal::WriteSchema(change.schema, writer);
  writer.Varint(change.rows.size());
  Bytes encoded;
  for (const table::Row& row : change.rows) {
    encoded.clear();
    table::EncodeRow(change.schema, row.values(), encoded);
    writer.Blob(encoded);
  }
}

bool ReadContent(ByteReader& reader, ReferenceChange& change) {
  Result<table::Schema> schema = internal::ReadSchema(reader);
  if (!schema) {
    return false;
  }
  change.schema = *std::move(schema);
  const uint64_t rows = reader.Varint();
  for (uint64_t i = 0; i < rows && reader.ok(); ++i) {
    const ByteView encoded = reader.Blob();
    Result<table::Row> row = reader.ok() ? table::DecodeRow(change.schema, encoded) : table::Row();
    if (!row) {
      return false;
    }
    change.rows.push_back(*std::move(row));
  }
  return true;
}

// How the operations are stored; a set with an allowance is one of its own.
enum class StoredOp : uint8_t { kSet = 0, kRelease = 1, kUndo = 2, kAllow = 3, kSpend = 4 };

StoredOp StoredOpOf(const StandingChange& change) {
  switch (change.op) {
    case StandingChange::Op::kSet:
      return change.allowance ? StoredOp::kAllow : StoredOp::kSet;
    case StandingChange::Op::kRelease:
      return StoredOp::kRelease;
    case StandingChange::Op::kUndo:
      return StoredOp::kUndo;
    case StandingChange::Op::kSpend:
      return StoredOp::kSpend;
  }
  return StoredOp::kSet;
}

void WriteContent(const StandingChange& change, ByteWriter& writer) {
  writer.Fixed(static_cast<uint8_t>(StoredOpOf(change)));
  writer.Text(change.subject);
  writer.Fixed(static_cast<uint8_t>(change.action));
  writer.Text(change.limit);
  writer.Fixed(change.until_us);
  writer.Varint(change.decision_seq);
  writer.Varint(change.record);
  writer.Text(change.rule);
  writer.Fixed(change.at_us);
  writer.Text(change.reason.zh);
  writer.Text(change.reason.en);
  if (change.allowance) {
    writer.Fixed(change.allowance->per_us);
    writer.Fixed(change.allowance->from_us);
  }
}

// False for what is no operation or action, and for a period of less than nothing.
bool ReadContent(ByteReader& reader, StandingChange& change) {
  const auto op = reader.Fixed<uint8_t>();
  change.subject = reader.Text();
  const auto action = reader.Fixed<uint8_t>();
  change.limit = reader.Text();
  change.until_us = reader.Fixed<int64_t>();
  change.decision_seq = reader.Varint();
  change.record = reader.Varint();
  change.rule = reader.Text();
  change.at_us = reader.Fixed<int64_t>();
  change.reason.zh = reader.Text();
  change.reason.en = reader.Text();
  change.action = static_cast<Action>(action);
  static constexpr std::array kOps = {StandingChange::Op::kSet, StandingChange::Op::kRelease,
                                      StandingChange::Op::kUndo, StandingChange::Op::kSet,
                                      StandingChange::Op::kSpend};
  if (op >= kOps.size() || action > static_cast<uint8_t>(Action::kFreeze)) {
    return false;
  }
  change.op = kOps[op];
  if (op == static_cast<uint8_t>(StoredOp::kAllow)) {
    change.allowance.emplace();
    change.allowance->per_us = reader.Fixed<int64_t>();
    change.allowance->from_us = reader.Fixed<int64_t>();
  }
  return !change.allowance || change.allowance->per_us >= 0;
}

void WriteContent(const OutboxChange& change, ByteWriter& writer) {
  writer.Fixed(static_cast<uint8_t>(change.op));
  writer.Varint(change.decision_seq);
  writer.Fixed(static_cast<uint8_t>(change.action));
  writer.Varint(change.attempts);
  writer.Text(change.why);
}

// False for what is no operation or action, or says what its operation does not take.
bool ReadContent(ByteReader& reader, OutboxChange& change) {
  const auto op = reader.Fixed<uint8_t>();
  change.decision_seq = reader.Varint();
  const auto action = reader.Fixed<uint8_t>();
  change.attempts = reader.Varint();
  change.why = reader.Text();
  change.op = static_cast<OutboxChange::Op>(op);
  change.action = static_cast<Action>(action);
  return op <= static_cast<uint8_t>(OutboxChange::Op::kDrop) &&
         action <= static_cast<uint8_t>(Action::kFreeze) && change.is_well_formed();
}

// What the content is about, which the core names beside the head.
const std::string& TargetOf(const OutboxChange& change) { return change.topic; }
std::string& TargetOf(OutboxChange& change) { return change.topic; }
const std::string& TargetOf(const StandingChange& change) { return change.kind; }
std::string& TargetOf(StandingChange& change) { return change.kind; }
const std::string& TargetOf(const ListChange& change) { return change.list; }
std::string& TargetOf(ListChange& change) { return change.list; }
const std::string& TargetOf(const ReferenceChange& change) { return change.reference; }
std::string& TargetOf(ReferenceChange& change) { return change.reference; }

template <class T>
Result<Change> Decode(const Record& record, std::string_view what) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, record.type, what));
  T change;
  ByteReader core(record.core);
  change.head = ReadHead(core);
  TargetOf(change) = core.Text();
  FUQI_RETURN_IF_ERROR(core.Finish(what));
  ByteReader payload(record.payload);
  if (!ReadContent(payload, change)) {
    return Err(ErrorCode::kParse, "the payload of a {} record contradicts itself", what);
  }
  FUQI_RETURN_IF_ERROR(payload.Finish(what));
  return Change(std::move(change));
}

}  // namespace

bool OutboxChange::is_well_formed() const {
  const bool by_person = op == Op::kRetry || op == Op::kDrop;
  const bool was_sent = op == Op::kDelivered || op == Op::kGiveUp;
  return (decision_seq != 0 || by_person) && (op == Op::kOwe || action == Action::kApprove) &&
         was_sent == (attempts != 0) && (by_person || op == Op::kGiveUp) == !why.empty();
}

bool IsChange(RecordType type) {
  return type == RecordType::kListChange || type == RecordType::kReferenceChange ||
         type == RecordType::kStandingChange || type == RecordType::kOutboxChange;
}

RecordType TypeOf(const Change& change) {
  static constexpr std::array<RecordType, std::variant_size_v<Change>> kTypes = {
      RecordType::kListChange, RecordType::kReferenceChange, RecordType::kStandingChange,
      RecordType::kOutboxChange};
  return kTypes[change.index()];
}

const ChangeHead& HeadOf(const Change& change) {
  return std::visit([](const auto& each) -> const ChangeHead& { return each.head; }, change);
}

void EncodeChange(const Change& change, EncodedRecord& out) {
  std::visit(
      [&](const auto& each) {
        ByteWriter core(out.core);
        WriteHead(each.head, core);
        core.Text(TargetOf(each));
        ByteWriter payload(out.payload);
        WriteContent(each, payload);
      },
      change);
}

Result<Change> DecodeChange(const Record& record) {
  switch (record.type) {
    case RecordType::kListChange:
      return Decode<ListChange>(record, "ListChange");
    case RecordType::kReferenceChange:
      return Decode<ReferenceChange>(record, "ReferenceChange");
    case RecordType::kStandingChange:
      return Decode<StandingChange>(record, "StandingChange");
    case RecordType::kOutboxChange:
      return Decode<OutboxChange>(record, "OutboxChange");
    default:
      return Err(ErrorCode::kParse, "a record of type {} changes no committed state",
                 static_cast<uint16_t>(record.type));
  }
}

Digest ContentOf(const Change& change) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Fixed(static_cast<uint16_t>(TypeOf(change)));
  std::visit(
      [&](const auto& each) {
        writer.Text(TargetOf(each));
        WriteContent(each, writer);
      },
      change);
  return crypto::Sha256(bytes);
}

}  // namespace fuqi::decide
