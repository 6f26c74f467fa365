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
  for (const ListEntryId& id : change.removals) {
    writer.Text(id.value);
    writer.Text(id.source);
    writer.Fixed(id.valid_from_us);
  }
}

void ReadContent(ByteReader& reader, ListChange& change) {
  const uint64_t puts = reader.Varint();
  for (uint64_t i = 0; i < puts && reader.ok(); ++i) {
    change.puts.push_back(ReadListEntry(reader));
  }
  const uint64_t removals = reader.Varint();
  for (uint64_t i = 0; i < removals && reader.ok(); ++i) {
    ListEntryId& id = change.removals.emplace_back();
    id.value = reader.Text();
    id.source = reader.Text();
    id.valid_from_us = reader.Fixed<int64_t>();
  }
}

// What the content is about, which the core names beside the head.
const std::string& TargetOf(const ListChange& change) { return change.list; }
std::string& TargetOf(ListChange& change) { return change.list; }

template <class T>
Result<Change> Decode(const Record& record, std::string_view what) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, record.type, what));
  T change;
  ByteReader core(record.core);
  change.head = ReadHead(core);
  TargetOf(change) = core.Text();
  FUQI_RETURN_IF_ERROR(core.Finish(what));
  ByteReader payload(record.payload);
  ReadContent(payload, change);
  FUQI_RETURN_IF_ERROR(payload.Finish(what));
  return Change(std::move(change));
}

}  // namespace

bool IsChange(RecordType type) { return type == RecordType::kListChange; }

RecordType TypeOf(const Change& change) {
  static constexpr std::array<RecordType, std::variant_size_v<Change>> kTypes = {
      RecordType::kListChange};
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
