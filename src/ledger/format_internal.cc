#include "ledger/format_internal.h"

#include <algorithm>
#include <charconv>

namespace fuqi::ledger::internal {
namespace {

constexpr std::array<uint8_t, 8> kSegmentMagic = {'F', 'U', 'Q', 'I', 'S', 'E', 'G', '\n'};
constexpr size_t kNumberDigits = 20;

uint32_t SealWithCrc(Bytes& out, size_t from) {
  const uint32_t crc = Crc32c(ByteView(out).subspan(from));
  ByteWriter(out).Fixed(crc);
  return crc;
}

// The header without its CRC if magic and CRC are right.
template <size_t kMagicBytes>
std::optional<ByteReader> OpenSealed(ByteView bytes, size_t header_bytes,
                                     const std::array<uint8_t, kMagicBytes>& magic, uint32_t* crc) {
  if (bytes.size() < header_bytes || !std::equal(magic.begin(), magic.end(), bytes.begin())) {
    return std::nullopt;
  }
  const size_t sealed = header_bytes - sizeof(uint32_t);
  *crc = ByteReader(bytes.subspan(sealed)).Fixed<uint32_t>();
  if (*crc != Crc32c(bytes.first(sealed))) {
    return std::nullopt;
  }
  return ByteReader(bytes.subspan(kMagicBytes, sealed - kMagicBytes));
}

uint32_t FrameCrc(uint64_t seq, ByteView length_and_record) {
  const auto* seq_bytes = reinterpret_cast<const uint8_t*>(&seq);
  return Crc32c(
      length_and_record.subspan(kFrameHeadBytes),
      Crc32c(length_and_record.first(sizeof(uint32_t)), Crc32c({seq_bytes, sizeof(seq)})));
}

}  // namespace

uint64_t LogTag(const LogId& id) { return ByteReader(id).Fixed<uint64_t>(); }

uint32_t EncodeSegmentHeader(const SegmentHeader& header, Bytes& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.Raw(kSegmentMagic);
  writer.Fixed(kFormatVersion);
  writer.Fixed(header.chain);
  writer.Raw(header.id);
  writer.Fixed(header.first_seq);
  return SealWithCrc(out, start);
}

uint32_t EncodeCommitHeader(const CommitHeader& header, Bytes& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.Raw(kCommitMagic);
  writer.Fixed(header.payload_bytes);
  writer.Fixed(header.first_seq);
  writer.Fixed(header.tag);
  writer.Fixed(header.count);
  writer.Fixed(header.chain);
  writer.Fixed(header.payload_crc);
  return SealWithCrc(out, start);
}

Result<std::optional<SegmentHeader>> DecodeSegmentHeader(ByteView bytes, uint32_t* crc) {
  std::optional<ByteReader> reader = OpenSealed(bytes, kSegmentHeaderBytes, kSegmentMagic, crc);
  if (!reader) {
    return std::optional<SegmentHeader>();
  }
  if (const auto version = reader->Fixed<uint32_t>(); version != kFormatVersion) {
    return Err(ErrorCode::kUnsupported,
               "the log is of format version {}; this program knows version {}", version,
               kFormatVersion);
  }
  SegmentHeader header;
  header.chain = reader->Fixed<uint32_t>();
  const ByteView id = reader->Raw(header.id.size());
  std::copy(id.begin(), id.end(), header.id.begin());
  header.first_seq = reader->Fixed<uint64_t>();
  return std::optional(header);
}

std::optional<CommitHeader> DecodeCommitHeader(ByteView bytes, uint32_t* crc) {
  std::optional<ByteReader> reader = OpenSealed(bytes, kCommitHeaderBytes, kCommitMagic, crc);
  if (!reader) {
    return std::nullopt;
  }
  CommitHeader header;
  header.payload_bytes = reader->Fixed<uint32_t>();
  header.first_seq = reader->Fixed<uint64_t>();
  header.tag = reader->Fixed<uint64_t>();
  header.count = reader->Fixed<uint32_t>();
  header.chain = reader->Fixed<uint32_t>();
  header.payload_crc = reader->Fixed<uint32_t>();
  return header;
}

void EncodeFrame(uint64_t seq, const Record& record, Bytes& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.Fixed(static_cast<uint32_t>(EncodedSize(record)));
  writer.Fixed(uint32_t{0});
  EncodeRecord(record, out);
  const uint32_t crc = FrameCrc(seq, ByteView(out).subspan(start));
  std::memcpy(out.data() + start + sizeof(uint32_t), &crc, sizeof(crc));
}

std::optional<StoredRecord> DecodeFrame(uint64_t seq, ByteView bytes) {
  ByteReader reader(bytes);
  const auto length = reader.Fixed<uint32_t>();
  const auto crc = reader.Fixed<uint32_t>();
  const ByteView encoded = reader.Raw(length);
  if (!reader.ok() || crc != FrameCrc(seq, bytes.first(kFrameHeadBytes + length))) {
    return std::nullopt;
  }
  Result<Record> record = DecodeRecord(encoded);
  if (!record) {
    return std::nullopt;
  }
  return StoredRecord{*record, seq, encoded};
}

std::string SegmentPath(const std::string& dir, uint64_t first_seq) {
  return fmt::format("{}/{:020}.seg", dir, first_seq);
}

Result<std::vector<uint64_t>> ListNumbered(Disk& disk, const std::string& dir,
                                           std::string_view suffix,
                                           std::vector<std::string>* strange) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(dir));
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    if (!name.ends_with(suffix)) {
      continue;
    }
    uint64_t number = 0;
    const char* end = name.data() + kNumberDigits;
    if (name.size() == kNumberDigits + suffix.size()) {
      const auto [stop, error] = std::from_chars(name.data(), end, number);
      if (error == std::errc() && stop == end) {
        numbers.push_back(number);
        continue;
      }
    }
    strange->push_back(name);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::vector<uint64_t>> ListSegments(Disk& disk, const std::string& dir) {
  std::vector<std::string> strange;
  FUQI_ASSIGN_OR_RETURN(std::vector<uint64_t> segments, ListNumbered(disk, dir, ".seg", &strange));
  if (!strange.empty()) {
    return Err(ErrorCode::kCorrupt,
               "a segment is named by twenty digits, the number of its first record")
        .At({.file = dir + "/" + strange.front()});
  }
  return segments;
}

}  // namespace fuqi::ledger::internal
