// Power loss at every sync point of seeded runs, on a disk that drops, tears and reorders what was
// not synced. What was acknowledged is there exactly once, in order, with its bytes; what was not
// is there as a whole commit or not at all; two readers that share no code agree.

#include <gtest/gtest.h>

#include <optional>

#include "base/seeds_for_test.h"
#include "ledger/merkle.h"
#include "ledger/snapshot.h"
#include "ledger/test_records.h"
#include "ledger/verify.h"

namespace fuqi::ledger {
namespace {

constexpr std::string_view kOrigin = "fuqi/crash/sha256";
const std::string kDir = "partition";

LogOptions SmallSegments() {
  LogOptions options;
  options.segment_bytes = 1500;
  options.new_log_id = LogId{7};
  return options;
}

// What the world was told, and what was under way when the power went.
struct Told {
  std::vector<Bytes> acknowledged;  // encoded records
  std::vector<Bytes> under_way;     // of the commit that did not return
  uint64_t snapshot = 0;            // the newest one acknowledged
  uint64_t head = 0;
};

Bytes StateOf(std::span<const Bytes> records) {
  Bytes state;
  for (const Bytes& record : records) {
    const Digest digest = crypto::Sha256(record);
    state.insert(state.end(), digest.begin(), digest.end());
  }
  return state;
}

struct Ledger {
  std::unique_ptr<Log> log;
  std::unique_ptr<Tree> tree;
  std::optional<SnapshotStore> snapshots;
};

Result<Ledger> OpenLedger(Disk& disk) {
  Ledger ledger;
  FUQI_ASSIGN_OR_RETURN(ledger.log, Log::Open(disk, kDir + "/log", SmallSegments()));
  FUQI_ASSIGN_OR_RETURN(ledger.tree, Tree::Open(disk, kDir, *ledger.log, kOrigin));
  FUQI_ASSIGN_OR_RETURN(ledger.snapshots,
                        SnapshotStore::Open(disk, kDir + "/snapshots", ledger.log->id()));
  return ledger;
}

// Writes until `steps` are done or the disk fails; deterministic by `random`.
Result<void> Write(Disk& disk, SeededRandom random, int steps, Told& told) {
  FUQI_ASSIGN_OR_RETURN(Ledger ledger, OpenLedger(disk));
  for (int step = 0; step < steps; ++step) {
    std::vector<TestRecord> records(1 + random.Below(4));
    for (TestRecord& record : records) {
      record = RandomRecord(random);
    }
    const Batch batch = MakeBatch(ledger.log->next_seq(), records);
    told.under_way = EncodedAll(records);
    FUQI_RETURN_IF_ERROR(ledger.log->Commit(batch));
    told.acknowledged.insert(told.acknowledged.end(), told.under_way.begin(), told.under_way.end());
    told.under_way.clear();
    FUQI_RETURN_IF_ERROR(ledger.tree->Append(batch));
    if (random.Chance(0.3)) {
      FUQI_RETURN_IF_ERROR(ledger.tree->SaveHead());
      told.head = told.acknowledged.size();
    }
    if (random.Chance(0.3)) {
      FUQI_RETURN_IF_ERROR(
          ledger.snapshots->Write(told.acknowledged.size(), StateOf(told.acknowledged)));
      told.snapshot = told.acknowledged.size();
    }
  }
  return {};
}

// Holds what the disk shows against what was told, and makes `told` the new truth.
void CheckAfterCrash(SimulatedDisk& disk, Told& told) {
  disk.LosePowerAtSync(0);  // what has not struck so far shall not
  disk.FailSync(0);
  disk.FailWrite(0);
  disk.FailRead(0);
  disk.LimitSpace(std::nullopt);
  // Before recovery: by the second reader, then by the first.
  const Result<VerifyReport> report = Verify(disk, kDir, {});
  const bool nothing_told = told.acknowledged.empty();
  if (!report) {
    ASSERT_TRUE(nothing_told) << report.error().ToString();
  } else {
    ASSERT_TRUE(report->ok()) << report->problems[0].file << " " << report->problems[0].offset
                              << ": " << report->problems[0].detail.ToString();
    ASSERT_EQ(report->entries, ScanAll(disk, kDir + "/log").size());
  }

  Result<Ledger> ledger = OpenLedger(disk);
  ASSERT_TRUE(ledger) << ledger.error().ToString();
  std::vector<Bytes> found = ScanAll(disk, kDir + "/log");
  ASSERT_EQ(found.size(), ledger->log->next_seq());
  if (report) {
    ASSERT_EQ(report->entries, found.size()) << "the two readers differ";
  }
  std::vector<Bytes> with_commit_under_way = told.acknowledged;
  with_commit_under_way.insert(with_commit_under_way.end(), told.under_way.begin(),
                               told.under_way.end());
  ASSERT_TRUE(found == told.acknowledged || found == with_commit_under_way)
      << found.size() << " records, " << told.acknowledged.size() << " acknowledged, "
      << told.under_way.size() << " under way";

  ASSERT_EQ(ledger->tree->size(), found.size());
  ASSERT_EQ(ledger->tree->CurrentHead()->root, NaiveRoot(found));
  const std::optional<Head> head = ReadHead(disk, kDir + "/head").value();
  ASSERT_GE(head ? head->size : 0, told.head);
  const LatestSnapshot latest = ledger->snapshots->Latest().value();
  ASSERT_GE(latest.snapshot ? latest.snapshot->seq : 0, told.snapshot);
  if (latest.snapshot) {
    ASSERT_LE(latest.snapshot->seq, found.size());
    ASSERT_EQ(latest.snapshot->bytes, StateOf(std::span(found).first(latest.snapshot->seq)));
  }
  const Result<VerifyReport> recovered = Verify(disk, kDir, {});
  ASSERT_TRUE(recovered) << recovered.error().ToString();
  ASSERT_TRUE(recovered->ok());
  ASSERT_TRUE(recovered->notes.empty()) << recovered->notes[0].detail.ToString();
  if (!found.empty()) {
    ASSERT_EQ(*recovered->root, NaiveRoot(found));
  }
  // Opening has made durable what it found; heads and snapshots only seen are promised to nobody.
  told.acknowledged = std::move(found);
  told.under_way.clear();
}

TEST(LogCrash, KeepsWhatWasAcknowledgedAtEverySyncPoint) {
  constexpr uint64_t kSeeds = SeedsForTest(1000);
  constexpr int kSteps = 5;
  uint64_t crashes = 0;
  uint64_t kept_under_way = 0;
  uint64_t torn = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    uint64_t syncs = 0;
    {
      SimulatedDisk disk(seed);
      Told told;
      ASSERT_TRUE(Write(disk, SeededRandom(seed), kSteps, told));
      syncs = disk.syncs();
    }
    for (uint64_t nth = 1; nth <= syncs; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, power lost at sync {} of {}", seed, nth, syncs));
      SimulatedDisk disk(seed * 1000 + nth);
      Told told;
      disk.LosePowerAtSync(nth);
      ASSERT_FALSE(Write(disk, SeededRandom(seed), kSteps, told));
      ASSERT_TRUE(disk.power_lost());
      const size_t acknowledged = told.acknowledged.size();
      const bool under_way = !told.under_way.empty();
      disk.Crash();
      CheckAfterCrash(disk, told);
      ++crashes;
      kept_under_way += told.acknowledged.size() > acknowledged ? 1 : 0;
      torn += under_way && told.acknowledged.size() == acknowledged ? 1 : 0;
      if (HasFatalFailure()) {
        return;
      }
      // Goes on where it was, and loses power again: in recovery, or later.
      disk.LosePowerAtSync(1 + nth % 7);
      (void)Write(disk, SeededRandom(seed + nth), 2, told);
      disk.Crash();
      CheckAfterCrash(disk, told);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
  fmt::print(
      "{} seeds, cut at each of their {} sync points and once more after recovery; of the commits "
      "under way {} were kept and {} lost\n",
      kSeeds, crashes, kept_under_way, torn);
  // The disk did both things to commits that were under way, often.
  EXPECT_GT(kept_under_way, kSeeds);
  EXPECT_GT(torn, kSeeds);
}

TEST(LogCrash, SurvivesFailingSyncsFollowedByPowerLoss) {
  constexpr uint64_t kSeeds = 300;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (uint64_t nth = 1; nth <= 20; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, sync {} fails", seed, nth));
      SimulatedDisk disk(seed * 100 + nth);
      Told told;
      disk.FailSync(nth);
      (void)Write(disk, SeededRandom(seed), 5, told);
      // The process starts again without a crash of the machine: the page cache still shows what
      // the failed sync lost.
      CheckAfterCrash(disk, told);
      (void)Write(disk, SeededRandom(seed + nth), 1, told);
      disk.Crash();
      CheckAfterCrash(disk, told);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

TEST(LogCrash, SurvivesFailingWrites) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t nth = 1; nth <= 20; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, write {} fails", seed, nth));
      SimulatedDisk disk(seed * 100 + nth);
      Told told;
      disk.FailWrite(nth);
      (void)Write(disk, SeededRandom(seed), 5, told);
      if (seed % 2 == 0) {
        disk.Crash();
      }
      CheckAfterCrash(disk, told);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

// A read that fails is an error, never a torn tail: nothing is cut for it.
TEST(LogCrash, SurvivesFailingReads) {
  uint64_t failures = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedDisk disk(seed);
    Told told;
    ASSERT_TRUE(Write(disk, SeededRandom(seed), 5, told));
    const std::vector<Bytes> before = ScanAll(disk, kDir + "/log");
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, read {} fails", seed, nth));
      disk.FailRead(nth);
      const Result<Ledger> ledger = OpenLedger(disk);
      const Result<LatestSnapshot> latest =
          ledger ? ledger->snapshots->Latest() : Result<LatestSnapshot>(LatestSnapshot());
      disk.FailRead(0);
      if (ledger && latest) {
        break;
      }
      ++failures;
      ASSERT_EQ((ledger ? latest.error() : ledger.error()).code(), ErrorCode::kIo);
      ASSERT_EQ(ScanAll(disk, kDir + "/log"), before);
    }
    CheckAfterCrash(disk, told);
    if (HasFatalFailure()) {
      return;
    }
  }
  EXPECT_GT(failures, 500u);
}

TEST(LogCrash, SurvivesAFullDisk) {
  uint64_t failures = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t room = 0;; room = room * 6 / 5 + 20) {
      SCOPED_TRACE(fmt::format("seed {}, room for {} bytes", seed, room));
      SimulatedDisk disk(seed * 1000 + room);
      Told told;
      disk.LimitSpace(room);
      const Result<void> written = Write(disk, SeededRandom(seed), 5, told);
      if (written) {
        break;
      }
      ++failures;
      ASSERT_EQ(written.error().code(), ErrorCode::kDiskFull);
      if (seed % 2 == 0) {
        disk.Crash();
      }
      CheckAfterCrash(disk, told);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
  EXPECT_GT(failures, 1000u);
}

// ---- one promise each, so that its removal is named

TEST(LogDurability, ACommitIsSyncedBeforeItIsAcknowledged) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    auto log = Log::Open(disk, "log", {}).value();
    const TestRecord record{.core = Bytes(300, 1)};
    ASSERT_TRUE(log->Commit(MakeBatch(0, {&record, 1})));
    disk.Crash();
    log.reset();
    ASSERT_EQ(ScanAll(disk, "log").size(), 1u) << "seed " << seed;
  }
}

TEST(LogDurability, ASegmentsNameIsSyncedBeforeTheSegmentIsUsed) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    auto log = Log::Open(disk, "log", SmallSegments()).value();
    const TestRecord record{.core = Bytes(1000, 1)};
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(log->Commit(MakeBatch(log->next_seq(), {&record, 1})));
    }
    ASSERT_EQ(disk.List("log")->size(), 3u);
    disk.Crash();
    log.reset();
    ASSERT_EQ(ScanAll(disk, "log").size(), 3u) << "seed " << seed;
  }
}

TEST(LogDurability, ASegmentsHeaderIsSyncedBeforeACommitIsWrittenToIt) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk(seed);
    const TestRecord record{.core = Bytes(1000, 1)};
    {
      auto log = Log::Open(disk, "log", SmallSegments()).value();
      ASSERT_TRUE(log->Commit(MakeBatch(0, {&record, 1})));
      disk.LosePowerAtSync(3);  // header, folder, commit
      ASSERT_FALSE(log->Commit(MakeBatch(1, {&record, 1})));
    }
    disk.Crash();
    const auto log = Log::Open(disk, "log", SmallSegments());
    ASSERT_TRUE(log) << "seed " << seed << ": " << log.error().ToString();
  }
}

TEST(LogDurability, TheTailThatOpeningKeepsIsSyncedBeforeAnythingElse) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    const TestRecord record{.core = Bytes(1000, 1)};
    uint64_t kept = 0;
    {
      auto log = Log::Open(disk, "log", {}).value();
      ASSERT_TRUE(log->Commit(MakeBatch(0, {&record, 1})));
      disk.FailSync(1);
      ASSERT_FALSE(log->Commit(MakeBatch(1, {&record, 1})));
      log.reset();
      log = Log::Open(disk, "log", {}).value();
      kept = log->next_seq();
    }
    disk.Crash();
    ASSERT_EQ(ScanAll(disk, "log").size(), kept) << "seed " << seed;
  }
}

}  // namespace
}  // namespace fuqi::ledger
