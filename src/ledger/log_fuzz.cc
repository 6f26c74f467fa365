// Any bytes as the only segment of a log: through the reader that recovers, and through the one
// that verifies. They share no code and must say the same. The first byte tells whether the
// checksums are made right, so that what lies behind them is reached too.

#include <algorithm>
#include <cstdint>

#include "base/simulated_disk.h"
#include "ledger/log.h"
#include "ledger/verify.h"

namespace fuqi::ledger {
namespace {

uint32_t At(const Bytes& bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

void Put(Bytes& bytes, size_t at, uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

// Gives every header and frame that can be delimited the magic and the checksums it should have.
void Reseal(Bytes& bytes) {
  if (bytes.size() < 44) {
    return;
  }
  std::ranges::copy(std::string_view("FUQISEG\n"), bytes.begin());
  Put(bytes, 40, Crc32c(ByteView(bytes).first(40)));
  uint64_t seq = 0;
  for (size_t at = 44; at + 40 <= bytes.size();) {
    std::ranges::copy(std::string_view("FQCM"), bytes.begin() + static_cast<ptrdiff_t>(at));
    const size_t end = std::min(bytes.size(), at + 40 + At(bytes, at + 4));
    for (size_t frame = at + 40; frame + 8 <= end; ++seq) {
      const size_t length = std::min<size_t>(At(bytes, frame), end - frame - 8);
      const ByteView seq_bytes(reinterpret_cast<const uint8_t*>(&seq), 8);
      const uint32_t crc = Crc32c(ByteView(bytes).subspan(frame, 4), Crc32c(seq_bytes));
      Put(bytes, frame + 4, Crc32c(ByteView(bytes).subspan(frame + 8, length), crc));
      frame += 8 + length;
    }
    Put(bytes, at + 32, Crc32c(ByteView(bytes).subspan(at + 40, end - at - 40)));
    Put(bytes, at + 36, Crc32c(ByteView(bytes).subspan(at, 36)));
    at = end;
  }
}

// A decision without its event is no matter of the log's bytes.
bool IsOfTheBytes(const Finding& finding) {
  return finding.detail.message() != "a decision has no event just before it";
}

void Try(const Bytes& segment) {
  SimulatedDisk disk(1);
  FUQI_CHECK(disk.MakeDirs("p/log").has_value());
  FUQI_CHECK(WriteFileAtomically(disk, "p/log/00000000000000000000.seg", segment).has_value());
  uint64_t records = 0;
  const Result<ScanEnd> scanned = Scan(disk, "p/log", 0, [&](const StoredRecord& record) {
    FUQI_CHECK(record.seq == records);
    FUQI_CHECK(record.encoded.size() ==
               kRecordHeadBytes + record.core.size() + record.payload.size());
    ++records;
    return Result<void>();
  });
  const Result<VerifyReport> report = Verify(disk, "p", {});
  FUQI_CHECK(report.has_value() || report.error().code() == ErrorCode::kUnsupported);
  if (!report) {
    FUQI_CHECK(!scanned && scanned.error().code() == ErrorCode::kUnsupported);
    return;
  }
  const bool sound = std::ranges::none_of(report->problems, IsOfTheBytes);
  FUQI_CHECK(scanned.has_value() == sound);
  const Result<std::unique_ptr<Log>> log = Log::Open(disk, "p/log", {});
  FUQI_CHECK(log.has_value() == sound);
  if (sound) {
    FUQI_CHECK(scanned->next_seq == records);
    FUQI_CHECK(report->entries == records);
    FUQI_CHECK((*log)->next_seq() == records);
    FUQI_CHECK((*log)->recovered_cut_bytes() == scanned->torn_bytes);
    for (uint64_t seq = 0; seq < records; ++seq) {
      FUQI_CHECK((*log)->Read(seq).has_value());
    }
  }
}

}  // namespace
}  // namespace fuqi::ledger

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  fuqi::Bytes segment(data + 1, data + size);
  if (data[0] % 2 == 1) {
    fuqi::ledger::Reseal(segment);
  }
  fuqi::ledger::Try(segment);
  return 0;
}
