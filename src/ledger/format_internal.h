#pragma once

// The log's bytes, as docs/formats/log.md gives them. verify.cc does not use this: it is a second
// reader, written from the document.

#include <optional>
#include <string>

#include "ledger/log.h"

namespace fuqi::ledger::internal {

constexpr size_t kSegmentHeaderBytes = 44;
constexpr size_t kCommitHeaderBytes = 40;
constexpr size_t kFrameHeadBytes = 8;
constexpr uint32_t kFormatVersion = 1;
constexpr std::array<uint8_t, 4> kCommitMagic = {'F', 'Q', 'C', 'M'};

// What a commit carries of its log's id.
uint64_t LogTag(const LogId& id);

struct SegmentHeader {
  uint32_t chain = 0;  // CRC of the last commit's header before this segment; 0 for the first
  LogId id{};
  uint64_t first_seq = 0;
};

struct CommitHeader {
  uint32_t payload_bytes = 0;
  uint64_t first_seq = 0;
  uint64_t tag = 0;
  uint32_t count = 0;
  uint32_t chain = 0;  // CRC of the header before: of the last commit's or the segment's
  uint32_t payload_crc = 0;
};

// Both append the header with its CRC to `out` and give that CRC: what the next commit chains to.
uint32_t EncodeSegmentHeader(const SegmentHeader& header, Bytes& out);
uint32_t EncodeCommitHeader(const CommitHeader& header, Bytes& out);

// Empty unless `bytes` begin with a whole header whose magic and CRC are right. *crc gets its CRC.
// kUnsupported: a valid header of another format version.
Result<std::optional<SegmentHeader>> DecodeSegmentHeader(ByteView bytes, uint32_t* crc);
std::optional<CommitHeader> DecodeCommitHeader(ByteView bytes, uint32_t* crc);

void EncodeFrame(uint64_t seq, const Record& record, Bytes& out);

// The frame that starts `bytes`; empty unless it lies within them, its CRC is right and its record
// decodes.
std::optional<StoredRecord> DecodeFrame(uint64_t seq, ByteView bytes);

std::string SegmentPath(const std::string& dir, uint64_t first_seq);
// The first sequence numbers of the segments in `dir`, ascending; kCorrupt for a *.seg that is
// named otherwise. Other files are not looked at.
Result<std::vector<uint64_t>> ListSegments(Disk& disk, const std::string& dir);
// Files of `dir` named by twenty digits and `suffix`, ascending; others are in *strange if they
// have the suffix.
Result<std::vector<uint64_t>> ListNumbered(Disk& disk, const std::string& dir,
                                           std::string_view suffix,
                                           std::vector<std::string>* strange);

}  // namespace fuqi::ledger::internal
