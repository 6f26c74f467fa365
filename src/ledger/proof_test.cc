#include "ledger/proof.h"

#include <gtest/gtest.h>

#include "ledger/merkle.h"
#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

constexpr std::string_view kOrigin = "fuqi/test/sha256";

struct Sample {
  Sample() {
    for (int i = 0; i < 70; ++i) {
      records.push_back({.core = Bytes(static_cast<size_t>(i), static_cast<uint8_t>(i))});
    }
    const Batch batch = MakeBatch(0, records);
    EXPECT_TRUE(log->Commit(batch));
    EXPECT_TRUE(tree->Append(batch));
  }
  Digest Leaf(size_t i) const { return LeafHash(records[i].Encoded()); }
  RecordProof Proof(uint64_t index, uint64_t size) const {
    return {.origin = std::string(kOrigin),
            .index = index,
            .size = size,
            .root = tree->Root(size).value(),
            .record = records[index].Encoded(),
            .path = tree->Inclusion(index, size).value()};
  }

  SimulatedDisk disk{1};
  std::unique_ptr<Log> log = Log::Open(disk, "p/log", {}).value();
  std::unique_ptr<Tree> tree = Tree::Open(disk, "p", *log, kOrigin).value();
  std::vector<TestRecord> records;
};

Digest Changed(Digest digest, size_t bit) {
  digest[bit / 8 % 32] ^= static_cast<uint8_t>(1u << bit % 8);
  return digest;
}

TEST(InclusionProof, IsRefusedWhenAnythingOfItIsChanged) {
  const Sample sample;
  for (uint64_t size = 1; size <= 70; ++size) {
    const Digest root = sample.tree->Root(size).value();
    for (uint64_t index = 0; index < size; ++index) {
      const std::vector<Digest> path = sample.tree->Inclusion(index, size).value();
      const Digest leaf = sample.Leaf(index);
      ASSERT_TRUE(VerifyInclusion(index, size, leaf, path, root));
      ASSERT_FALSE(VerifyInclusion(index, size, Changed(leaf, index), path, root));
      ASSERT_FALSE(VerifyInclusion(index, size, leaf, path, Changed(root, index)));
      for (size_t i = 0; i < path.size(); ++i) {
        std::vector<Digest> changed = path;
        changed[i] = Changed(changed[i], index + i);
        ASSERT_FALSE(VerifyInclusion(index, size, leaf, changed, root));
        changed.erase(changed.begin() + static_cast<ptrdiff_t>(i));
        ASSERT_FALSE(VerifyInclusion(index, size, leaf, changed, root));
      }
      std::vector<Digest> longer = path;
      longer.push_back(root);
      ASSERT_FALSE(VerifyInclusion(index, size, leaf, longer, root));
      for (uint64_t other = 0; other < size; ++other) {
        ASSERT_TRUE(other == index || !VerifyInclusion(other, size, leaf, path, root));
      }
      ASSERT_FALSE(VerifyInclusion(size, size, leaf, path, root));
      ASSERT_FALSE(VerifyInclusion(index + (uint64_t{1} << 63), ~uint64_t{0}, leaf, path, root));
    }
  }
  EXPECT_FALSE(VerifyInclusion(0, 0, EmptyRoot(), {}, EmptyRoot()));
}

TEST(ConsistencyProof, IsRefusedWhenAnythingOfItIsChanged) {
  const Sample sample;
  for (uint64_t second = 1; second <= 70; ++second) {
    const Digest second_root = sample.tree->Root(second).value();
    for (uint64_t first = 1; first <= second; ++first) {
      const Digest first_root = sample.tree->Root(first).value();
      const std::vector<Digest> path = sample.tree->Consistency(first, second).value();
      ASSERT_TRUE(VerifyConsistency(first, second, path, first_root, second_root));
      ASSERT_FALSE(VerifyConsistency(first, second, path, Changed(first_root, 3), second_root));
      ASSERT_FALSE(VerifyConsistency(first, second, path, first_root, Changed(second_root, 3)));
      for (size_t i = 0; i < path.size(); ++i) {
        std::vector<Digest> changed = path;
        changed[i] = Changed(changed[i], first + i);
        ASSERT_FALSE(VerifyConsistency(first, second, changed, first_root, second_root));
        changed.erase(changed.begin() + static_cast<ptrdiff_t>(i));
        ASSERT_FALSE(VerifyConsistency(first, second, changed, first_root, second_root));
      }
      std::vector<Digest> longer = path;
      longer.push_back(first_root);
      ASSERT_FALSE(VerifyConsistency(first, second, longer, first_root, second_root));
      ASSERT_TRUE(first == second ||
                  !VerifyConsistency(second, first, path, second_root, first_root));
    }
    ASSERT_FALSE(VerifyConsistency(0, second, {}, second_root, second_root));
    ASSERT_FALSE(
        VerifyConsistency(0, second, std::span(&second_root, 1), EmptyRoot(), second_root));
  }
}

TEST(RecordProof, ConvincesAHolderOfTheHead) {
  const Sample sample;
  const Head head{
      .origin = std::string(kOrigin), .size = 70, .root = sample.tree->Root(70).value()};
  for (const uint64_t index : {0, 1, 63, 64, 69}) {
    const RecordProof proof = sample.Proof(index, 70);
    const RecordProof read = ParseRecordProof(ToJson(proof)).value();
    EXPECT_EQ(read, proof);
    EXPECT_TRUE(CheckRecordProof(read, head));
    EXPECT_TRUE(CheckRecordProof(read, std::nullopt));
  }
}

TEST(RecordProof, IsRefusedForAnotherHead) {
  const Sample sample;
  const RecordProof proof = sample.Proof(5, 60);
  const Head right{.origin = proof.origin, .size = 60, .root = proof.root};
  ASSERT_TRUE(CheckRecordProof(proof, right));
  std::array<Head, 3> wrong = {right, right, right};
  wrong[0].origin = "fuqi/other/sha256";
  wrong[1].size = 61;
  wrong[2].root[0] ^= 1;
  for (const Head& head : wrong) {
    EXPECT_EQ(CheckRecordProof(proof, head).error().code(), ErrorCode::kCorrupt);
  }
  RecordProof other_record = proof;
  other_record.record = sample.records[6].Encoded();
  EXPECT_EQ(CheckRecordProof(other_record, right).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(CheckRecordProof(other_record, std::nullopt).error().code(), ErrorCode::kCorrupt);
}

TEST(RecordProof, NamesTheFieldThatIsWrong) {
  const Sample sample;
  const std::string json = ToJson(sample.Proof(1, 3));
  const auto field_at_fault = [&](std::string_view from, std::string_view to) {
    std::string changed = json;
    const size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    const Result<RecordProof> parsed = ParseRecordProof(changed);
    EXPECT_FALSE(parsed) << changed;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kParse);
    return parsed.error().where() ? parsed.error().where()->field : "";
  };
  EXPECT_EQ(field_at_fault("proof-1", "proof-2"), "format");
  EXPECT_EQ(field_at_fault("\"index\":1", "\"index\":-1"), "index");
  EXPECT_EQ(field_at_fault("\"index\":1", "\"index\":1.0"), "index");
  EXPECT_EQ(field_at_fault("\"index\":1", "\"index\":18446744073709551616"), "index");
  EXPECT_EQ(field_at_fault("\"size\":3", "\"size\":\"3\""), "size");
  EXPECT_EQ(field_at_fault("\"size\":3", "\"size\":3,\"size\":4"), "size");
  EXPECT_EQ(field_at_fault("\"size\":3,", ""), "size");
  EXPECT_EQ(field_at_fault("\"size\":3", "\"size\":3,\"extra\":4"), "extra");
  EXPECT_EQ(field_at_fault("\"root\":\"", "\"root\":\"AAAA"), "root");
  EXPECT_EQ(field_at_fault("\"record\":\"", "\"record\":\"*"), "record");
  EXPECT_EQ(field_at_fault("\"path\":[\"", "\"path\":[\"AA=="), "path");
  EXPECT_EQ(field_at_fault("\"path\":[", "\"path\":[7,"), "path");
  EXPECT_EQ(field_at_fault("\"origin\":", "\"origin\":null,\"o\":"), "o");
  EXPECT_EQ(field_at_fault("{", "[{"), "");
  EXPECT_FALSE(ParseRecordProof(""));
  EXPECT_FALSE(ParseRecordProof("[]"));
  EXPECT_FALSE(ParseRecordProof(std::string(100'000, '[')));
  EXPECT_FALSE(ParseRecordProof(json + "x"));
}

}  // namespace
}  // namespace fuqi::ledger
