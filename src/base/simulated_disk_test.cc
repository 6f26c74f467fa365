#include "base/simulated_disk.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "base/random.h"

namespace fuqi {
namespace {

constexpr uint64_t kSeeds = 300;

std::unique_ptr<File> Create(Disk& disk, const std::string& path) {
  return *disk.Open(path, OpenMode::kCreate);
}

std::string Content(Disk& disk, const std::string& path) {
  const Result<Bytes> bytes = ReadFile(disk, path, 1 << 20);
  return bytes ? std::string(AsText(*bytes)) : "(none)";
}

// What a run over many seeds can end with, and how often.
std::map<std::string, int> Outcomes(const std::function<std::string(SimulatedDisk&)>& run) {
  std::map<std::string, int> outcomes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedDisk disk(seed);
    ++outcomes[run(disk)];
  }
  return outcomes;
}

TEST(SimulatedDisk, AnUnsyncedWriteMayBeKeptLostOrLeaveOnlyItsSize) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    const auto file = Create(disk, "a");
    EXPECT_TRUE(disk.SyncDir("."));
    EXPECT_TRUE(file->Write(0, AsBytes("x")));
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_EQ(outcomes.size(), 3u);
  EXPECT_GT(outcomes.at(""), 0);
  EXPECT_GT(outcomes.at("x"), 0);
  EXPECT_GT(outcomes.at(std::string(1, '\0')), 0);
}

TEST(SimulatedDisk, ALaterWriteMayBeKeptWhereAnEarlierOneIsLost) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    const auto file = Create(disk, "a");
    EXPECT_TRUE(disk.SyncDir("."));
    EXPECT_TRUE(file->Write(0, AsBytes("-")));
    EXPECT_TRUE(file->Sync());
    EXPECT_TRUE(file->Write(0, AsBytes("1")));
    EXPECT_TRUE(file->Write(1, AsBytes("2")));
    disk.Crash();
    return Content(disk, "a");
  });
  for (const char* possible : {"-", "1", "-2", "12"}) {
    EXPECT_TRUE(outcomes.contains(possible)) << possible;
  }
}

TEST(SimulatedDisk, AWriteTearsAtSectorBordersOnly) {
  std::set<std::string> patterns;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedDisk disk(seed);
    const auto file = Create(disk, "a");
    ASSERT_TRUE(disk.SyncDir("."));
    ASSERT_TRUE(file->Write(0, Bytes(4 * 512, '-')));
    ASSERT_TRUE(file->Sync());
    ASSERT_TRUE(file->Write(100, Bytes(3 * 512, 'x')));  // bytes 100 … 1635: sectors 0 to 3
    disk.Crash();
    const std::string content = Content(disk, "a");
    ASSERT_EQ(content.size(), 4u * 512);
    std::string pattern;
    for (size_t i = 0; i < content.size(); ++i) {
      const bool written = i >= 100 && i < 100 + 3 * 512;
      const bool begins = i % 512 == 0 || i == 100 || i == 100 + 3 * 512;
      if (begins) {
        pattern += content[i];
      } else {
        ASSERT_EQ(content[i], content[i - 1]) << "torn within a sector at " << i;
      }
      ASSERT_TRUE(written || content[i] == '-');
    }
    patterns.insert(pattern);
  }
  EXPECT_TRUE(patterns.contains("-xxxx-"));  // whole
  EXPECT_TRUE(patterns.contains("------"));  // lost
  EXPECT_TRUE(patterns.contains("-xx---"));  // a prefix
  EXPECT_TRUE(patterns.contains("---x--"));  // any sectors
  EXPECT_GT(patterns.size(), 8u);
}

TEST(SimulatedDisk, SyncedBytesSurviveEverySeed) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedDisk disk(seed);
    const auto file = Create(disk, "a");
    ASSERT_TRUE(disk.SyncDir("."));
    ASSERT_TRUE(file->Write(0, AsBytes("synced")));
    ASSERT_TRUE(file->Sync());
    ASSERT_TRUE(file->Write(6, AsBytes(" not")));
    disk.Crash();
    ASSERT_TRUE(Content(disk, "a").starts_with("synced"));
    disk.Crash();  // what a crash left is durable
    ASSERT_TRUE(Content(disk, "a").starts_with("synced"));
  }
}

TEST(SimulatedDisk, AFileWithoutDirectorySyncMayBeGoneThoughItsBytesWereSynced) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    const auto file = Create(disk, "a");
    EXPECT_TRUE(file->Write(0, AsBytes("x")));
    EXPECT_TRUE(file->Sync());
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_GT(outcomes.at("(none)"), 0);
  EXPECT_GT(outcomes.at("x"), 0);
}

TEST(SimulatedDisk, AnUnsyncedRenameAndRemovalMayBeUndone) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    EXPECT_TRUE(WriteFileAtomically(disk, "a", AsBytes("1")));
    EXPECT_TRUE(WriteFileAtomically(disk, "b", AsBytes("2")));
    EXPECT_TRUE(WriteFileAtomically(disk, "c", AsBytes("3")));
    EXPECT_TRUE(disk.Rename("a", "b"));
    EXPECT_TRUE(disk.Remove("c"));
    disk.Crash();
    return Content(disk, "a") + Content(disk, "b") + Content(disk, "c");
  });
  const std::map<std::string, int> expected = {
      {"123", 1}, {"12(none)", 1}, {"(none)13", 1}, {"(none)1(none)", 1}};
  EXPECT_EQ(outcomes.size(), expected.size());
  for (const auto& [outcome, unused] : expected) {
    EXPECT_TRUE(outcomes.contains(outcome)) << outcome;
  }
}

TEST(SimulatedDisk, ATruncationMayBeUndone) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    EXPECT_TRUE(WriteFileAtomically(disk, "a", AsBytes("1234")));
    const auto file = *disk.Open("a", OpenMode::kReadWrite);
    EXPECT_TRUE(file->Truncate(2));
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_TRUE(outcomes.contains("12") && outcomes.contains("1234"));
}

TEST(SimulatedDisk, WriteFileAtomicallyLeavesOldOrNewAtEveryCrashPoint) {
  uint64_t points = 0;
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (uint64_t point = 1;; ++point) {
      SimulatedDisk disk(seed);
      ASSERT_TRUE(WriteFileAtomically(disk, "a", AsBytes("old")));
      disk.LosePowerAtSync(point);
      const Result<void> written = WriteFileAtomically(disk, "a", AsBytes("new content"));
      ASSERT_EQ(written.has_value(), !disk.power_lost());
      disk.Crash();
      const std::string content = Content(disk, "a");
      seen.insert(content);
      if (written) {
        ASSERT_EQ(content, "new content");
        points = point - 1;
        break;
      }
      ASSERT_TRUE(content == "old" || content == "new content") << content;
    }
  }
  EXPECT_EQ(points, 2u);  // the file's sync and the directory's
  EXPECT_EQ(seen.size(), 2u);
}

// The simulation must be able to catch the fault that it is there for.
TEST(SimulatedDisk, AWriterThatForgetsToSyncIsCaught) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    EXPECT_TRUE(WriteFileAtomically(disk, "a", AsBytes("old")));
    const auto file = Create(disk, "a.tmp");
    EXPECT_TRUE(file->Write(0, AsBytes("new")));
    EXPECT_TRUE(disk.Rename("a.tmp", "a"));
    EXPECT_TRUE(disk.SyncDir("."));
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_GT(outcomes.at(""), 0);
}

TEST(SimulatedDisk, AtThePowerLossTheSyncMayOrMayNotHaveTakenEffectAndAllFailsAfterIt) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    const auto file = Create(disk, "a");
    EXPECT_TRUE(disk.SyncDir("."));
    EXPECT_TRUE(file->Write(0, Bytes(512, 'x')));
    disk.LosePowerAtSync(1);
    EXPECT_EQ(file->Sync().error().code(), ErrorCode::kIo);
    EXPECT_TRUE(disk.power_lost());
    EXPECT_FALSE(file->Write(0, AsBytes("y")));
    EXPECT_FALSE(file->Size());
    EXPECT_FALSE(disk.Open("a", OpenMode::kRead));
    EXPECT_FALSE(disk.List("."));
    disk.Crash();
    EXPECT_FALSE(disk.power_lost());
    EXPECT_FALSE(file->Size()) << "a handle from before the crash";
    return Content(disk, "a") == std::string(512, 'x') ? "kept" : "not";
  });
  EXPECT_GT(outcomes.at("kept"), static_cast<int>(kSeeds / 2));  // half by the sync, some by chance
  EXPECT_GT(outcomes.at("not"), static_cast<int>(kSeeds / 8));
}

TEST(SimulatedDisk, AFailedSyncMayLoseBytesThatALaterSyncDoesNotBringBack) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    const auto file = Create(disk, "a");
    EXPECT_TRUE(disk.SyncDir("."));
    EXPECT_TRUE(file->Write(0, AsBytes("x")));
    disk.FailSync(1);
    EXPECT_EQ(file->Sync().error().code(), ErrorCode::kIo);
    EXPECT_TRUE(file->Sync()) << "the second call reports success, as Linux does";
    EXPECT_EQ(Content(disk, "a"), "x") << "reads still show it";
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_EQ(outcomes.size(), 2u);
  EXPECT_GT(outcomes.at(""), 0);
  EXPECT_GT(outcomes.at("x"), 0);
}

TEST(SimulatedDisk, BytesWrittenAgainAfterAFailedSyncAreSafeAgain) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedDisk disk(seed);
    const auto file = Create(disk, "a");
    ASSERT_TRUE(disk.SyncDir("."));
    ASSERT_TRUE(file->Write(0, AsBytes("x")));
    disk.FailSync(1);
    ASSERT_FALSE(file->Sync());
    ASSERT_TRUE(file->Write(0, AsBytes("x")));
    ASSERT_TRUE(file->Sync());
    disk.Crash();
    ASSERT_EQ(Content(disk, "a"), "x");
  }
}

TEST(SimulatedDisk, AFailedDirectorySyncMayLoseItsOperations) {
  const auto outcomes = Outcomes([](SimulatedDisk& disk) {
    Create(disk, "a");
    disk.FailSync(1);
    EXPECT_FALSE(disk.SyncDir("."));
    EXPECT_TRUE(disk.SyncDir("."));
    EXPECT_EQ(Content(disk, "a"), "");
    disk.Crash();
    return Content(disk, "a");
  });
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(SimulatedDisk, AFailedWriteMayLeaveAPrefix) {
  std::set<size_t> sizes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedDisk disk(seed);
    const auto file = Create(disk, "a");
    disk.FailWrite(2);
    ASSERT_TRUE(file->Write(0, AsBytes("ok")));
    ASSERT_EQ(file->Write(2, AsBytes("1234")).error().code(), ErrorCode::kIo);
    const std::string content = Content(disk, "a");
    ASSERT_TRUE(std::string("ok1234").starts_with(content));
    sizes.insert(content.size());
    ASSERT_TRUE(file->Write(2, AsBytes("!")));
  }
  EXPECT_EQ(sizes, (std::set<size_t>{2, 3, 4, 5, 6}));
}

TEST(SimulatedDisk, AReadFailsOnceWhereItIsTold) {
  SimulatedDisk disk(1);
  const auto file = Create(disk, "a");
  ASSERT_TRUE(file->Write(0, AsBytes("ok")));
  disk.FailRead(2);
  Bytes out(2);
  EXPECT_EQ(*file->Read(0, out), 2u);
  EXPECT_EQ(file->Read(0, out).error().code(), ErrorCode::kIo);
  EXPECT_EQ(*file->Read(0, out), 2u);
  EXPECT_EQ(disk.reads(), 3u);
}

TEST(SimulatedDisk, AFullDiskTakesThePrefixThatFitsAndOverwritesStillWork) {
  SimulatedDisk disk(1);
  const auto file = Create(disk, "a");
  ASSERT_TRUE(file->Write(0, AsBytes("12345")));
  disk.LimitSpace(3);
  EXPECT_EQ(file->Write(5, AsBytes("6789")).error().code(), ErrorCode::kDiskFull);
  EXPECT_EQ(Content(disk, "a"), "12345678");
  EXPECT_TRUE(file->Write(0, AsBytes("x")));
  EXPECT_EQ(Create(disk, "b")->Write(0, AsBytes("y")).error().code(), ErrorCode::kDiskFull);
  ASSERT_TRUE(disk.Remove("b"));
  ASSERT_TRUE(file->Truncate(4));
  EXPECT_TRUE(Create(disk, "c")->Write(0, AsBytes("wxyz")));
  disk.LimitSpace(std::nullopt);
  EXPECT_TRUE(file->Write(4, Bytes(10'000)));
}

TEST(SimulatedDisk, AFlippedByteIsDurable) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(WriteFileAtomically(disk, "a", AsBytes("abc")));
  ASSERT_TRUE(disk.FlipByte("a", 1, 0x20));
  EXPECT_EQ(Content(disk, "a"), "aBc");
  disk.Crash();
  EXPECT_EQ(Content(disk, "a"), "aBc");
  EXPECT_EQ(disk.FlipByte("a", 3).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(disk.FlipByte("b", 0).error().code(), ErrorCode::kNotFound);
}

TEST(SimulatedDisk, ACrashFreesLocksAndALockFromBeforeItFreesNothing) {
  SimulatedDisk disk(1);
  auto before = *disk.Lock(".");
  EXPECT_FALSE(disk.Lock("."));
  disk.Crash();
  auto after = disk.Lock(".");
  ASSERT_TRUE(after);
  before.reset();
  EXPECT_FALSE(disk.Lock("."));
}

TEST(SimulatedDisk, CountsSyncsAndWrites) {
  SimulatedDisk disk(1);
  const auto file = Create(disk, "a");
  ASSERT_TRUE(file->Write(0, AsBytes("x")));
  ASSERT_TRUE(file->Sync());
  ASSERT_TRUE(disk.SyncDir("."));
  EXPECT_EQ(disk.syncs(), 2u);
  EXPECT_EQ(disk.writes(), 1u);
}

TEST(SimulatedDisk, NamesOfOnePlaceAreOneFile) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.MakeDirs("x/y"));
  Create(disk, "x//y/./f");
  EXPECT_EQ(*disk.List("./x/y/"), std::vector<std::string>{"f"});
  EXPECT_TRUE(disk.Open("x/y/f", OpenMode::kRead));
}

// A random run replayed from its seed ends in the same bytes; another seed ends in others.
TEST(SimulatedDisk, TheSameSeedGivesTheSameOutcome) {
  const auto run = [](uint64_t seed) {
    SimulatedDisk disk(seed);
    SeededRandom random(99);
    std::string result;
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 20; ++i) {
        const std::string name(1, static_cast<char>('a' + random.Below(3)));
        auto file = disk.Open(name, OpenMode::kReadWrite);
        if (!file) {
          file = disk.Open(name, OpenMode::kCreate);
        }
        (void)(*file)->Write(random.Below(3000),
                             Bytes(random.Below(2000), static_cast<uint8_t>(i)));
        if (random.Chance(0.2)) {
          (void)(*file)->Sync();
        }
        if (random.Chance(0.1)) {
          (void)disk.SyncDir(".");
        }
      }
      disk.Crash();
      for (const std::string& name : *disk.List(".")) {
        result += name + Content(disk, name);
      }
    }
    return result;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

}  // namespace
}  // namespace fuqi
