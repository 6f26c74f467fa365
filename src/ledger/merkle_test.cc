#include "ledger/merkle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "ledger/proof.h"
#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

constexpr std::string_view kOrigin = "fuqi/test/sha256";

Bytes Hex(std::string_view hex) { return FromHex(hex).value(); }

// The leaves of RFC 6962's reference implementation.
std::vector<Bytes> ReferenceLeaves() {
  std::vector<Bytes> leaves;
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                          "606162636465666768696a6b6c6d6e6f"}) {
    leaves.push_back(Hex(hex));
  }
  return leaves;
}

// PATH of RFC 6962 §2.1.1 and SUBPROOF of §2.1.2, as they stand there.
using Path = std::vector<Digest>;

size_t NaiveSplit(size_t n) {
  size_t k = 1;
  while (k * 2 < n) {
    k *= 2;
  }
  return k;
}

Path NaivePath(size_t m, std::span<const Bytes> leaves) {
  if (leaves.size() == 1) {
    return {};
  }
  const size_t k = NaiveSplit(leaves.size());
  Path path = m < k ? NaivePath(m, leaves.first(k)) : NaivePath(m - k, leaves.subspan(k));
  path.push_back(m < k ? NaiveRoot(leaves.subspan(k)) : NaiveRoot(leaves.first(k)));
  return path;
}

Path NaiveSubproof(size_t m, std::span<const Bytes> leaves, bool known) {
  if (m == leaves.size()) {
    return known ? Path{} : Path{NaiveRoot(leaves)};
  }
  const size_t k = NaiveSplit(leaves.size());
  if (m <= k) {
    Path path = NaiveSubproof(m, leaves.first(k), known);
    path.push_back(NaiveRoot(leaves.subspan(k)));
    return path;
  }
  Path path = NaiveSubproof(m - k, leaves.subspan(k), false);
  path.push_back(NaiveRoot(leaves.first(k)));
  return path;
}

// A log with its tree, and what they should hold.
struct Sample {
  explicit Sample(uint64_t seed = 1) : disk(seed), random(seed) { Open(); }

  void Open() {
    tree.reset();
    log.reset();
    log = Log::Open(disk, "p/log", {}).value();
    Result<std::unique_ptr<Tree>> opened = Tree::Open(disk, "p", *log, kOrigin);
    ASSERT_TRUE(opened) << opened.error().ToString();
    tree = *std::move(opened);
  }
  Error OpenError() {
    tree.reset();
    log.reset();
    log = Log::Open(disk, "p/log", {}).value();
    return Tree::Open(disk, "p", *log, kOrigin).error();
  }
  void Add(size_t count) {
    std::vector<TestRecord> records(count);
    for (TestRecord& record : records) {
      record.core = RandomBytes(random, random.Below(40));
      leaves.push_back(record.Encoded());
    }
    const Batch batch = MakeBatch(log->next_seq(), records);
    ASSERT_TRUE(log->Commit(batch));
    ASSERT_TRUE(tree->Append(batch));
  }
  std::span<const Bytes> First(size_t n) const { return std::span(leaves).first(n); }

  SimulatedDisk disk;
  SeededRandom random;
  std::unique_ptr<Log> log;
  std::unique_ptr<Tree> tree;
  std::vector<Bytes> leaves;
};

TEST(MerkleHashes, AreThoseOfTheReferenceImplementation) {
  EXPECT_EQ(ToHex(EmptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(LeafHash({})),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  const std::string l123456 = ToHex(LeafHash(AsBytes("L123456")));
  EXPECT_TRUE(l123456.starts_with("395aa064") && l123456.ends_with("4d56"));

  const std::vector<Bytes> leaves = ReferenceLeaves();
  constexpr std::string_view kRoot =
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
  std::vector<Digest> hashes;
  for (const Bytes& leaf : leaves) {
    hashes.push_back(LeafHash(leaf));
  }
  for (size_t n = 8; n > 1; n /= 2) {
    for (size_t i = 0; i < n / 2; ++i) {
      hashes[i] = NodeHash(hashes[2 * i], hashes[2 * i + 1]);
    }
  }
  EXPECT_EQ(ToHex(hashes[0]), kRoot);
  EXPECT_EQ(ToHex(NaiveRoot(leaves)), kRoot) << "the oracle of the other tests";
}

TEST(Merkle, GivesEveryRootAndProofThatTheDefinitionGives) {
  Sample sample;
  for (size_t size = 0; size <= 70; ++size) {
    ASSERT_EQ(sample.tree->size(), size);
    const Digest root = NaiveRoot(sample.leaves);
    ASSERT_EQ(sample.tree->Root(size).value(), root) << size;
    for (size_t index = 0; index < size; ++index) {
      const Path path = sample.tree->Inclusion(index, size).value();
      ASSERT_EQ(path, NaivePath(index, sample.leaves)) << index << " in " << size;
      ASSERT_TRUE(VerifyInclusion(index, size, LeafHash(sample.leaves[index]), path, root));
    }
    for (size_t first = 1; first <= size; ++first) {
      const Path path = sample.tree->Consistency(first, size).value();
      ASSERT_EQ(path, NaiveSubproof(first, sample.leaves, true)) << first << " in " << size;
      ASSERT_TRUE(VerifyConsistency(first, size, path, NaiveRoot(sample.First(first)), root));
    }
    ASSERT_TRUE(sample.tree->Consistency(0, size)->empty());
    ASSERT_TRUE(VerifyConsistency(0, size, {}, EmptyRoot(), root));
    sample.Add(1);
  }
}

TEST(Merkle, GivesProofsForEarlierSizes) {
  Sample sample;
  sample.Add(70);
  for (size_t size = 1; size <= 70; ++size) {
    ASSERT_EQ(sample.tree->Root(size).value(), NaiveRoot(sample.First(size)));
    for (const size_t index : {size_t{0}, size / 2, size - 1}) {
      ASSERT_EQ(sample.tree->Inclusion(index, size).value(), NaivePath(index, sample.First(size)));
      ASSERT_EQ(sample.tree->Consistency(index + 1, size).value(),
                NaiveSubproof(index + 1, sample.First(size), true));
    }
  }
}

TEST(Merkle, RefusesWhatLiesBeyond) {
  Sample sample;
  sample.Add(5);
  EXPECT_EQ(sample.tree->Root(6).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(sample.tree->Inclusion(0, 6).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(sample.tree->Inclusion(5, 5).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(sample.tree->Inclusion(0, 0).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(sample.tree->Consistency(1, 6).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(sample.tree->Consistency(3, 2).error().code(), ErrorCode::kOutOfRange);
}

TEST(Merkle, RefusesABatchOfAnotherPlace) {
  Sample sample;
  sample.Add(5);
  const TestRecord record;
  EXPECT_EQ(sample.tree->Append(MakeBatch(4, {&record, 1})).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(sample.tree->Append(Batch(0))) << "of nothing";
}

// The sizes around which tiles of height 8 fill, up to the third level.
TEST(Merkle, StoresTilesOfAllLevels) {
  Sample sample;
  std::vector<Digest> level_1;
  size_t size = 0;
  for (const size_t next : {255, 256, 257, 511, 512, 513, 65535, 65536, 65537}) {
    sample.Add(next - size);
    size = next;
    ASSERT_EQ(sample.tree->Root(size).value(), NaiveRoot(sample.leaves));
    for (int i = 0; i < 20; ++i) {
      const uint64_t index = sample.random.Below(size);
      ASSERT_EQ(sample.tree->Inclusion(index, size).value(), NaivePath(index, sample.leaves));
      const uint64_t first = sample.random.Below(size) + 1;
      ASSERT_TRUE(sample.tree->Consistency(first, size));
    }
  }
  const Bytes stored_0 = FileBytes(sample.disk, "p/tree/0");
  const Bytes stored_1 = FileBytes(sample.disk, "p/tree/1");
  const Bytes stored_2 = FileBytes(sample.disk, "p/tree/2");
  ASSERT_EQ(stored_0.size(), 65537u * 32);
  ASSERT_EQ(stored_1.size(), 256u * 32);
  ASSERT_EQ(stored_2.size(), 32u);
  EXPECT_TRUE(std::ranges::equal(NaiveRoot(sample.First(65536)), stored_2));
  for (const size_t tile : {0, 1, 100, 255}) {
    EXPECT_TRUE(std::ranges::equal(NaiveRoot(sample.First((tile + 1) * 256).subspan(tile * 256)),
                                   ByteView(stored_1).subspan(tile * 32, 32)));
  }
  // Openings from a head at an odd place, and from nothing.
  ASSERT_TRUE(sample.tree->SaveHead());
  sample.Add(100);
  const Digest root = NaiveRoot(sample.leaves);
  sample.Open();
  EXPECT_EQ(sample.tree->CurrentHead()->root, root);
  for (const char* file : {"p/tree/0", "p/tree/1", "p/tree/2"}) {
    sample.tree.reset();
    ASSERT_TRUE(sample.disk.Remove(file));
    sample.Open();
    EXPECT_EQ(sample.tree->CurrentHead()->root, root) << "without " << file;
  }
  EXPECT_EQ(FileBytes(sample.disk, "p/tree/1"), stored_1);
}

TEST(Merkle, ComputesAnewWhatNoHeadVouchesFor) {
  Sample sample;
  sample.Add(20);
  ASSERT_TRUE(sample.tree->SaveHead());
  sample.Add(10);
  for (const uint64_t leaf : {20, 25, 29}) {
    ASSERT_TRUE(sample.disk.FlipByte("p/tree/0", leaf * 32 + 5));
  }
  sample.Open();
  EXPECT_EQ(sample.tree->CurrentHead()->root, NaiveRoot(sample.leaves));
}

TEST(Merkle, ComputesAllAnewWhereStoredHashesDoNotLeadToTheHead) {
  Sample sample;
  sample.Add(20);
  ASSERT_TRUE(sample.tree->SaveHead());
  ASSERT_TRUE(sample.disk.FlipByte("p/tree/0", 3 * 32));
  sample.Open();
  EXPECT_EQ(sample.tree->CurrentHead()->root, NaiveRoot(sample.leaves));
}

TEST(Merkle, GivesNoProofFromADamagedHash) {
  Sample sample;
  sample.Add(600);
  ASSERT_TRUE(sample.tree->SaveHead());
  ASSERT_TRUE(sample.disk.FlipByte("p/tree/0", 3 * 32));  // hidden under a hash of tree/1
  EXPECT_EQ(sample.tree->Inclusion(2, 600).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(sample.tree->Inclusion(3, 600).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(sample.tree->Consistency(4, 600).error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(sample.tree->Inclusion(300, 600));
}

TEST(Merkle, FindsThatTheLogLostRecordsThatTheTreeHasSeen) {
  Sample sample;
  sample.Add(3);
  const std::string segment = "p/log/00000000000000000000.seg";
  const Bytes before = FileBytes(sample.disk, segment);
  sample.Add(1);
  PutFile(sample.disk, segment, before);
  EXPECT_EQ(sample.OpenError().code(), ErrorCode::kCorrupt);
}

TEST(Merkle, FindsThatTheLogLostRecordsThatTheHeadHasSeen) {
  Sample sample;
  sample.Add(3);
  const std::string segment = "p/log/00000000000000000000.seg";
  const Bytes before = FileBytes(sample.disk, segment);
  sample.Add(1);
  ASSERT_TRUE(sample.tree->SaveHead());
  PutFile(sample.disk, segment, before);
  ASSERT_TRUE(sample.disk.Remove("p/tree/0"));
  const Error error = sample.OpenError();
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_EQ(error.where()->file, "p/head");
}

TEST(Merkle, FindsThatTheLogIsAnother) {
  Sample sample(1);
  Sample other(2);
  sample.Add(5);
  other.Add(5);
  ASSERT_TRUE(sample.tree->SaveHead());
  const std::string segment = "p/log/00000000000000000000.seg";
  PutFile(sample.disk, segment, FileBytes(other.disk, segment));
  ASSERT_TRUE(sample.disk.Remove("p/tree/0"));
  EXPECT_EQ(sample.OpenError().code(), ErrorCode::kCorrupt);
}

TEST(Merkle, RefusesAHeadOfAnotherOrigin) {
  Sample sample;
  sample.Add(5);
  ASSERT_TRUE(sample.tree->SaveHead());
  EXPECT_EQ(Tree::Open(sample.disk, "p", *sample.log, "fuqi/other/sha256").error().code(),
            ErrorCode::kConflict);
}

TEST(Merkle, RefusesADamagedHead) {
  Sample sample;
  sample.Add(5);
  ASSERT_TRUE(sample.tree->SaveHead());
  ASSERT_TRUE(sample.disk.FlipByte("p/head", 19, 0x40));
  EXPECT_EQ(sample.OpenError().code(), ErrorCode::kCorrupt);
}

TEST(Merkle, IsDeadAfterAFailedWriteAndWholeAfterOpening) {
  Sample sample;
  sample.Add(5);
  const TestRecord record;
  const Batch batch = MakeBatch(5, {&record, 1});
  ASSERT_TRUE(sample.log->Commit(batch));
  sample.leaves.push_back(record.Encoded());
  sample.disk.FailWrite(1);
  EXPECT_EQ(sample.tree->Append(batch).error().code(), ErrorCode::kIo);
  EXPECT_EQ(sample.tree->Append(batch).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(sample.tree->SaveHead().error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(sample.tree->Root(5).value(), NaiveRoot(sample.First(5)));
  sample.Open();
  EXPECT_EQ(sample.tree->CurrentHead()->root, NaiveRoot(sample.leaves));
}

TEST(MerkleThreads, ProofsAreGivenWhileLeavesAreAdded) {
  const std::string dir = testing::TempDir() + "/fuqi_merkle_threads";
  std::filesystem::remove_all(dir);
  LogOptions options;
  options.sync = false;
  const auto log = Log::Open(SystemDisk(), dir + "/log", options).value();
  const auto tree = Tree::Open(SystemDisk(), dir, *log, kOrigin).value();
  std::atomic<bool> done = false;
  std::thread reader([&] {
    SeededRandom random(1);
    while (!done) {
      const Head head = tree->CurrentHead().value();
      if (head.size > 0) {
        const uint64_t index = random.Below(head.size);
        const auto path = tree->Inclusion(index, head.size);
        ASSERT_TRUE(path) << path.error().ToString();
        const Digest leaf = LeafHash(TestRecord{.bucket = index}.Encoded());
        ASSERT_TRUE(VerifyInclusion(index, head.size, leaf, *path, head.root));
        ASSERT_TRUE(tree->Consistency(index, tree->size()));
      }
    }
  });
  while (tree->size() < 66'000) {
    std::vector<TestRecord> records(300);
    for (size_t i = 0; i < records.size(); ++i) {
      records[i].bucket = tree->size() + i;
    }
    ASSERT_TRUE(tree->Append(MakeBatch(tree->size(), records)));
  }
  done = true;
  reader.join();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace fuqi::ledger
