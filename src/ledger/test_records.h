#pragma once

// For tests: records that own their bytes, and oracles that share no code with what they judge.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "ledger/log.h"

namespace fuqi::ledger {

struct TestRecord {
  RecordType type = RecordType::kEvent;
  uint64_t bucket = 0;
  Bytes core;
  Bytes payload;

  Record View() const { return {.type = type, .bucket = bucket, .core = core, .payload = payload}; }
  // docs/formats/log.md, written out.
  Bytes Encoded() const {
    Bytes out = {static_cast<uint8_t>(type), 0, 1, 0};
    for (int i = 0; i < 4; ++i) {
      out.push_back(static_cast<uint8_t>(core.size() >> (8 * i)));
    }
    for (int i = 0; i < 8; ++i) {
      out.push_back(static_cast<uint8_t>(bucket >> (8 * i)));
    }
    out.insert(out.end(), core.begin(), core.end());
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
  }
};

inline Bytes RandomBytes(SeededRandom& random, uint64_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(random.Next());
  }
  return bytes;
}

// Sizes from 0 to about 1,200 bytes, small ones more often.
inline TestRecord RandomRecord(SeededRandom& random) {
  return {.type = random.Chance(0.5) ? RecordType::kEvent : RecordType::kPermit,
          .bucket = random.Below(3),
          .core = RandomBytes(random, random.Below(uint64_t{1} << random.Below(10))),
          .payload = RandomBytes(random, random.Below(uint64_t{1} << random.Below(10)))};
}

inline Batch MakeBatch(uint64_t first_seq, std::span<const TestRecord> records,
                       const LogOptions& options = {}) {
  Batch batch(first_seq, options);
  for (const TestRecord& record : records) {
    EXPECT_TRUE(batch.Add(record.View()));
  }
  return batch;
}

// MTH of RFC 6962 §2.1, as it stands there.
inline Digest NaiveRoot(std::span<const Bytes> leaves) {
  if (leaves.empty()) {
    return crypto::Sha256({});
  }
  Bytes input;
  if (leaves.size() == 1) {
    input.push_back(0x00);
    input.insert(input.end(), leaves[0].begin(), leaves[0].end());
    return crypto::Sha256(input);
  }
  size_t k = 1;
  while (k * 2 < leaves.size()) {
    k *= 2;
  }
  const Digest left = NaiveRoot(leaves.first(k));
  const Digest right = NaiveRoot(leaves.subspan(k));
  input.push_back(0x01);
  input.insert(input.end(), left.begin(), left.end());
  input.insert(input.end(), right.begin(), right.end());
  return crypto::Sha256(input);
}

inline std::vector<Bytes> EncodedAll(std::span<const TestRecord> records) {
  std::vector<Bytes> encoded;
  for (const TestRecord& record : records) {
    encoded.push_back(record.Encoded());
  }
  return encoded;
}

// Every record of the log in `dir`, by Scan.
inline std::vector<Bytes> ScanAll(Disk& disk, const std::string& dir) {
  std::vector<Bytes> all;
  const Result<ScanEnd> end = Scan(disk, dir, 0, [&](const StoredRecord& record) {
    EXPECT_EQ(record.seq, all.size());
    all.emplace_back(record.encoded.begin(), record.encoded.end());
    return Result<void>();
  });
  EXPECT_TRUE(end) << end.error().ToString();
  return all;
}

inline Bytes FileBytes(Disk& disk, const std::string& path) {
  return ReadFile(disk, path, uint64_t{1} << 30).value();
}

// Puts a file with these bytes in the place of another, durably.
inline void PutFile(Disk& disk, const std::string& path, ByteView bytes) {
  ASSERT_TRUE(WriteFileAtomically(disk, path, bytes));
}

}  // namespace fuqi::ledger
