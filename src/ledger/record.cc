#include "ledger/record.h"

#include <limits>

namespace fuqi::ledger {

size_t EncodedSize(const Record& record) {
  return kRecordHeadBytes + record.core.size() + record.payload.size();
}

void EncodeRecord(const Record& record, Bytes& out) {
  FUQI_CHECK(EncodedSize(record) <= std::numeric_limits<uint32_t>::max());
  ByteWriter writer(out);
  writer.Fixed(static_cast<uint16_t>(record.type));
  writer.Fixed(record.version);
  writer.Fixed(static_cast<uint32_t>(record.core.size()));
  writer.Fixed(record.bucket);
  writer.Raw(record.core);
  writer.Raw(record.payload);
}

Result<Record> DecodeRecord(ByteView encoded) {
  ByteReader reader(encoded);
  Record record;
  record.type = static_cast<RecordType>(reader.Fixed<uint16_t>());
  record.version = reader.Fixed<uint16_t>();
  const auto core_size = reader.Fixed<uint32_t>();
  record.bucket = reader.Fixed<uint64_t>();
  record.core = reader.Raw(core_size);
  record.payload = reader.Raw(reader.remaining());
  if (!reader.ok()) {
    return Err(ErrorCode::kParse,
               "a record of {} bytes is shorter than its head, or than the core it announces",
               encoded.size());
  }
  return record;
}

OwnedRecord::OwnedRecord(uint64_t seq, Bytes encoded) : bytes_(std::move(encoded)) {
  Result<Record> record = DecodeRecord(bytes_);
  FUQI_CHECK(record.has_value());
  record_ = StoredRecord{*record, seq, bytes_};
}

}  // namespace fuqi::ledger
