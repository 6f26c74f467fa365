#include "ledger/snapshot.h"

#include <gtest/gtest.h>

#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

constexpr LogId kId = {1, 2, 3};

std::string Path(uint64_t seq) { return fmt::format("s/{:020}.snap", seq); }

TEST(Snapshot, IsAbsentAtFirst) {
  SimulatedDisk disk(1);
  const LatestSnapshot latest = SnapshotStore::Open(disk, "s", kId)->Latest().value();
  EXPECT_FALSE(latest.snapshot);
  EXPECT_TRUE(latest.damaged.empty());
}

TEST(Snapshot, GivesBackTheNewest) {
  SimulatedDisk disk(1);
  SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
  SeededRandom random(1);
  for (const uint64_t size : {0, 1, 511, 512, 513, 100'000}) {
    const uint64_t seq = 10 + size;
    const Bytes bytes = RandomBytes(random, size);
    ASSERT_TRUE(store.Write(seq, bytes));
    const LatestSnapshot latest = SnapshotStore::Open(disk, "s", kId)->Latest().value();
    ASSERT_TRUE(latest.snapshot);
    EXPECT_EQ(latest.snapshot->seq, seq);
    EXPECT_EQ(latest.snapshot->bytes, bytes);
    EXPECT_TRUE(latest.damaged.empty());
  }
}

TEST(Snapshot, KeepsTwo) {
  SimulatedDisk disk(1);
  SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
  for (const uint64_t seq : {5, 9, 12, 40}) {
    ASSERT_TRUE(store.Write(seq, Bytes(3)));
  }
  EXPECT_EQ(disk.List("s").value(),
            (std::vector<std::string>{Path(12).substr(2), Path(40).substr(2)}));
  ASSERT_TRUE(store.Write(20, Bytes(3)));
  EXPECT_EQ(disk.List("s").value(),
            (std::vector<std::string>{Path(12).substr(2), Path(20).substr(2)}))
      << "one that is newer than the one just written is of a log that no longer is";
  ASSERT_TRUE(store.Write(20, Bytes(4)));
  EXPECT_EQ(store.Latest()->snapshot->bytes.size(), 4u);
  EXPECT_EQ(disk.List("s")->size(), 2u);
}

TEST(Snapshot, FallsBackToTheOlderOneForAnyChangedByteAndSaysSo) {
  SimulatedDisk disk(1);
  SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
  ASSERT_TRUE(store.Write(5, Bytes(100, 5)));
  ASSERT_TRUE(store.Write(9, Bytes(100, 9)));
  const uint64_t size = FileBytes(disk, Path(9)).size();
  for (uint64_t at = 0; at < size; ++at) {
    ASSERT_TRUE(disk.FlipByte(Path(9), at));
    const LatestSnapshot latest = store.Latest().value();
    ASSERT_TRUE(latest.snapshot) << at;
    EXPECT_EQ(latest.snapshot->seq, 5u) << at;
    ASSERT_EQ(latest.damaged.size(), 1u);
    EXPECT_EQ(latest.damaged[0].code(), ErrorCode::kCorrupt);
    EXPECT_EQ(latest.damaged[0].where()->file, Path(9));
    ASSERT_TRUE(disk.FlipByte(Path(9), at));
  }
  EXPECT_EQ(store.Latest()->snapshot->seq, 9u);
}

TEST(Snapshot, FallsBackForAnyTruncationAndForBytesAppended) {
  SimulatedDisk disk(1);
  SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
  ASSERT_TRUE(store.Write(5, Bytes(100, 5)));
  ASSERT_TRUE(store.Write(9, Bytes(100, 9)));
  const Bytes whole = FileBytes(disk, Path(9));
  for (uint64_t size = 0; size < whole.size(); ++size) {
    PutFile(disk, Path(9), ByteView(whole).first(size));
    EXPECT_EQ(store.Latest()->snapshot->seq, 5u) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  PutFile(disk, Path(9), longer);
  EXPECT_EQ(store.Latest()->snapshot->seq, 5u);
  PutFile(disk, Path(5), {});
  const LatestSnapshot none = store.Latest().value();
  EXPECT_FALSE(none.snapshot);
  EXPECT_EQ(none.damaged.size(), 2u);
}

TEST(Snapshot, OfAnotherLogIsRefused) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(SnapshotStore::Open(disk, "s", kId)->Write(5, Bytes(10)));
  const LatestSnapshot latest = SnapshotStore::Open(disk, "s", LogId{9})->Latest().value();
  EXPECT_FALSE(latest.snapshot);
  EXPECT_EQ(latest.damaged.size(), 1u);
}

TEST(Snapshot, RenamedToAnotherNumberIsRefused) {
  SimulatedDisk disk(1);
  SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
  ASSERT_TRUE(store.Write(5, Bytes(10)));
  ASSERT_TRUE(disk.Rename(Path(5), Path(6)));
  EXPECT_FALSE(store.Latest()->snapshot);
}

TEST(Snapshot, KeepsTheOlderOneWhenWritingFails) {
  for (int kind = 0; kind < 3; ++kind) {
    SimulatedDisk disk(1);
    SnapshotStore store = SnapshotStore::Open(disk, "s", kId).value();
    ASSERT_TRUE(store.Write(5, Bytes(1000, 5)));
    if (kind == 0) {
      disk.FailWrite(2);
    } else if (kind == 1) {
      disk.FailSync(1);
    } else {
      disk.LimitSpace(500);
    }
    EXPECT_FALSE(store.Write(9, Bytes(1000, 9)));
    EXPECT_EQ(store.Latest()->snapshot->seq, 5u);
    disk.LimitSpace(std::nullopt);
    SnapshotStore again = SnapshotStore::Open(disk, "s", kId).value();
    EXPECT_EQ(disk.List("s")->size(), 1u) << "what was only begun is removed";
    ASSERT_TRUE(again.Write(9, Bytes(1000, 9)));
    EXPECT_EQ(again.Latest()->snapshot->seq, 9u);
  }
}

}  // namespace
}  // namespace fuqi::ledger
