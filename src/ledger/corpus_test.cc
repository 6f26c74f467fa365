// The fuzzers' saved inputs are made here, so that they follow the format: run once with
// FUQI_WRITE_CORPUS=1 after changing it.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "ledger/merkle.h"
#include "ledger/proof.h"
#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

const std::string kSegment = "p/log/00000000000000000000.seg";

struct Sample {
  Sample() {
    for (const uint64_t size : {1, 3, 2}) {
      std::vector<TestRecord> records;
      for (uint64_t i = 0; i < size; ++i) {
        records.push_back({.type = i % 2 == 0 ? RecordType::kEvent : RecordType::kDecision,
                           .bucket = i,
                           .core = Bytes(i * 9, 'c'),
                           .payload = Bytes(i, 'p')});
      }
      const Batch batch = MakeBatch(log->next_seq(), records);
      EXPECT_TRUE(log->Commit(batch));
      EXPECT_TRUE(tree->Append(batch));
    }
  }
  static LogOptions Options() {
    LogOptions options;
    options.new_log_id = LogId{1, 2, 3};
    return options;
  }

  SimulatedDisk disk{1};
  std::unique_ptr<Log> log = Log::Open(disk, "p/log", Options()).value();
  std::unique_ptr<Tree> tree = Tree::Open(disk, "p", *log, "fuqi/p/sha256").value();
};

std::map<std::string, Bytes> Corpus() {
  Sample sample;
  std::map<std::string, Bytes> corpus;
  const Bytes segment = FileBytes(sample.disk, kSegment);
  const auto add_segment = [&](const std::string& name, Bytes bytes) {
    for (const uint8_t mode : {0, 1}) {
      Bytes input = {mode};
      input.insert(input.end(), bytes.begin(), bytes.end());
      corpus[fmt::format("log_fuzz/{}_{}", name, mode == 0 ? "raw" : "resealed")] = input;
    }
  };
  add_segment("whole", segment);
  add_segment("empty", Bytes(segment.begin(), segment.begin() + 44));
  add_segment("torn", Bytes(segment.begin(), segment.end() - 5));
  Bytes twice = segment;
  twice.insert(twice.end(), segment.begin() + 44, segment.end());
  add_segment("twice", twice);
  Bytes gap = segment;
  gap.erase(gap.begin() + 44, gap.begin() + 44 + 40 + 8 + 16);
  add_segment("gap", gap);

  for (const uint64_t index : {0, 3, 5}) {
    const OwnedRecord record = sample.log->Read(index).value();
    const RecordProof proof{.origin = "fuqi/p/sha256",
                            .index = index,
                            .size = 6,
                            .root = sample.tree->Root(6).value(),
                            .record = Bytes(record->encoded.begin(), record->encoded.end()),
                            .path = sample.tree->Inclusion(index, 6).value()};
    const std::string json = ToJson(proof);
    corpus[fmt::format("proof_fuzz/proof_{}", index)] = Bytes(json.begin(), json.end());
  }
  const std::string head = FormatHead(sample.tree->CurrentHead().value());
  corpus["proof_fuzz/head"] = Bytes(head.begin(), head.end());
  return corpus;
}

TEST(Corpus, IsWhatTheFormatGives) {
  const std::filesystem::path dir = FUQI_SOURCE_DIR "/src/ledger/corpus";
  const bool write = std::getenv("FUQI_WRITE_CORPUS") != nullptr;
  for (const auto& [name, bytes] : Corpus()) {
    const std::string path = dir / name;
    if (write) {
      std::filesystem::create_directories(std::filesystem::path(path).parent_path());
      PutFile(SystemDisk(), path, bytes);
    }
    EXPECT_EQ(FileBytes(SystemDisk(), path), bytes) << name;
  }
}

}  // namespace
}  // namespace fuqi::ledger
