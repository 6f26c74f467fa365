#include "ledger/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/fault.h"
#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

const std::string kFirstSegment = "log/00000000000000000000.seg";

TestRecord Text(std::string_view core, std::string_view payload = "") {
  return {.core = Bytes(core.begin(), core.end()),
          .payload = Bytes(payload.begin(), payload.end())};
}

LogOptions SmallSegments(uint64_t bytes = 400) {
  LogOptions options;
  options.segment_bytes = bytes;
  options.new_log_id = LogId{};
  for (uint8_t i = 0; i < 16; ++i) {
    (*options.new_log_id)[i] = i;
  }
  return options;
}

std::unique_ptr<Log> OpenLog(Disk& disk, const LogOptions& options = {}) {
  Result<std::unique_ptr<Log>> log = Log::Open(disk, "log", options);
  EXPECT_TRUE(log) << log.error().ToString();
  return log ? *std::move(log) : nullptr;
}

Result<void> CommitAll(Log& log, std::span<const TestRecord> records) {
  return log.Commit(MakeBatch(log.next_seq(), records));
}

// A log of `commits` commits of two records; gives its records.
std::vector<TestRecord> WriteSample(Disk& disk, int commits, const LogOptions& options = {}) {
  std::vector<TestRecord> records;
  const std::unique_ptr<Log> log = OpenLog(disk, options);
  for (int i = 0; i < commits; ++i) {
    records.push_back(Text(fmt::format("core {}", i), "payload"));
    records.push_back(Text(fmt::format("second of {}", i)));
    EXPECT_TRUE(CommitAll(*log, std::span(records).last(2)));
  }
  return records;
}

TEST(Log, IsEmptyWhenCreated) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk);
  EXPECT_EQ(log->next_seq(), 0u);
  EXPECT_EQ(log->recovered_cut_bytes(), 0u);
  EXPECT_EQ(log->Read(0).error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(log->Scan(0, [](const StoredRecord&) { return Result<void>(); }));
}

TEST(Log, GivesBackWhatWasCommitted) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk);
  const Bytes core = {1, 2, 3};
  const Bytes payload = {4};
  Batch batch(0);
  EXPECT_EQ(batch.Add({.type = RecordType::kPublish, .version = 7, .core = core}).value(), 0u);
  EXPECT_EQ(batch.Add({.type = RecordType::kEvent, .bucket = 99, .payload = payload}).value(), 1u);
  EXPECT_EQ(log->Read(0).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(log->Commit(batch));
  EXPECT_EQ(log->next_seq(), 2u);

  const OwnedRecord first = log->Read(0).value();
  EXPECT_EQ(first->type, RecordType::kPublish);
  EXPECT_EQ(first->version, 7);
  EXPECT_EQ(first->seq, 0u);
  EXPECT_TRUE(std::ranges::equal(first->core, core));
  EXPECT_TRUE(first->payload.empty());
  const OwnedRecord second = log->Read(1).value();
  EXPECT_EQ(second->bucket, 99u);
  EXPECT_TRUE(second->core.empty());
  EXPECT_TRUE(std::ranges::equal(second->payload, payload));
  EXPECT_TRUE(std::ranges::equal(second->encoded, batch.encoded(1)));
}

TEST(Log, CommitsAnEmptyBatchAsNothing) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk);
  const uint64_t writes = disk.writes();
  EXPECT_TRUE(log->Commit(Batch(0)));
  EXPECT_TRUE(log->Commit(Batch(17)));
  EXPECT_EQ(disk.writes(), writes);
}

TEST(Log, RefusesABatchOfAnotherPlace) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk);
  const TestRecord record = Text("x");
  EXPECT_EQ(log->Commit(MakeBatch(1, {&record, 1})).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(log->Commit(MakeBatch(0, {&record, 1})));
  EXPECT_EQ(log->Commit(MakeBatch(0, {&record, 1})).error().code(), ErrorCode::kInvalidArgument);
}

TEST(Log, RefusesARecordThatWouldMakeACommitTooLargeAndKeepsTheOthers) {
  LogOptions options;
  options.commit_bytes_max = 100;
  Batch batch(5, options);
  const Bytes core(100 - 8 - 16 - 24);
  EXPECT_EQ(batch.Add({.core = core}).value(), 5u);
  EXPECT_EQ(batch.Add({.core = Bytes(1)}).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(batch.Add({}).value(), 6u);
  EXPECT_EQ(batch.bytes(), 100u);
  EXPECT_EQ(batch.Add({}).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(batch.count(), 2u);
}

TEST(Log, HoldsItsFolderAlone) {
  SimulatedDisk disk(1);
  auto log = OpenLog(disk);
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kUnavailable);
  log.reset();
  EXPECT_TRUE(Log::Open(disk, "log", {}));
}

TEST(Log, GoesOnAcrossSegmentsAndOpenings) {
  SimulatedDisk disk(1);
  std::vector<TestRecord> records = WriteSample(disk, 20, SmallSegments());
  EXPECT_GT(disk.List("log")->size(), 5u);
  for (int opening = 0; opening < 3; ++opening) {
    const auto log = OpenLog(disk, SmallSegments());
    EXPECT_EQ(log->id(), *SmallSegments().new_log_id);
    ASSERT_EQ(log->next_seq(), records.size());
    for (uint64_t seq = 0; seq < records.size(); ++seq) {
      const OwnedRecord record = log->Read(seq).value();
      ASSERT_TRUE(std::ranges::equal(record->encoded, records[seq].Encoded())) << seq;
    }
    records.push_back(Text(fmt::format("opening {}", opening)));
    ASSERT_TRUE(CommitAll(*log, std::span(records).last(1)));
  }
  EXPECT_EQ(ScanAll(disk, "log"), EncodedAll(records));
}

TEST(Log, GivesACommitLargerThanASegmentOneOfItsOwn) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk, SmallSegments());
  const TestRecord large{.core = Bytes(5000, 7)};
  const TestRecord small = Text("small");
  ASSERT_TRUE(CommitAll(*log, {&large, 1}));
  ASSERT_TRUE(CommitAll(*log, {&large, 1}));
  ASSERT_TRUE(CommitAll(*log, {&small, 1}));
  EXPECT_EQ(disk.List("log")->size(), 3u);
  EXPECT_EQ(log->Read(1).value()->core.size(), 5000u);
}

TEST(Log, RefusesSegmentsThatReadersCannotHold) {
  SimulatedDisk disk(1);
  EXPECT_EQ(Log::Open(disk, "log", SmallSegments(kSegmentBytesMax + uint64_t{1})).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST(Log, ScansFromAnyRecord) {
  SimulatedDisk disk(1);
  const std::vector<TestRecord> records = WriteSample(disk, 10, SmallSegments());
  const auto log = OpenLog(disk);
  for (uint64_t from = 0; from <= records.size() + 1; ++from) {
    uint64_t next = from;
    const auto visit = [&](const StoredRecord& record) {
      EXPECT_EQ(record.seq, next);
      EXPECT_TRUE(std::ranges::equal(record.encoded, records[next].Encoded()));
      ++next;
      return Result<void>();
    };
    ASSERT_TRUE(log->Scan(from, visit));
    EXPECT_EQ(next, std::max<uint64_t>(from, records.size()));
    next = from;
    EXPECT_EQ(Scan(disk, "log", from, visit)->next_seq, records.size());
    EXPECT_EQ(next, std::max<uint64_t>(from, records.size()));
  }
}

TEST(Log, EndsAScanWithTheVisitorsError) {
  SimulatedDisk disk(1);
  WriteSample(disk, 3);
  int visited = 0;
  const auto visit = [&](const StoredRecord&) -> Result<void> {
    return ++visited == 2 ? Result<void>(Err(ErrorCode::kCancelled, "enough")) : Result<void>();
  };
  EXPECT_EQ(Scan(disk, "log", 0, visit).error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(visited, 2);
}

TEST(Log, IsNotFoundWhereThereIsNone) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.MakeDirs("log"));
  const auto visit = [](const StoredRecord&) { return Result<void>(); };
  EXPECT_EQ(Scan(disk, "log", 0, visit).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Scan(disk, "elsewhere", 0, visit).error().code(), ErrorCode::kNotFound);
}

// ---- recovery

TEST(LogRecovery, CutsATailTornAtAnyByte) {
  SimulatedDisk disk(1);
  WriteSample(disk, 2);
  const uint64_t whole = FileBytes(disk, kFirstSegment).size();
  const std::vector<TestRecord> records = WriteSample(disk, 1);
  const Bytes file = FileBytes(disk, kFirstSegment);
  for (uint64_t size = whole; size < file.size(); ++size) {
    PutFile(disk, kFirstSegment, ByteView(file).first(size));
    EXPECT_EQ(Scan(disk, "log", 0, [](const StoredRecord&) { return Result<void>(); })->torn_bytes,
              size - whole);
    const auto log = OpenLog(disk);
    ASSERT_EQ(log->next_seq(), 4u) << size;
    EXPECT_EQ(log->recovered_cut_bytes(), size - whole);
    ASSERT_EQ(FileBytes(disk, kFirstSegment).size(), whole);
    ASSERT_TRUE(CommitAll(*log, records));
    ASSERT_EQ(FileBytes(disk, kFirstSegment).size(), file.size());
  }
}

TEST(LogRecovery, CutsALastCommitWithAnyByteChanged) {
  SimulatedDisk disk(1);
  WriteSample(disk, 2);
  const uint64_t whole = FileBytes(disk, kFirstSegment).size();
  WriteSample(disk, 1);
  const Bytes file = FileBytes(disk, kFirstSegment);
  for (uint64_t at = whole; at < file.size(); ++at) {
    Bytes changed = file;
    changed[at] ^= 0x10;
    PutFile(disk, kFirstSegment, changed);
    EXPECT_EQ(OpenLog(disk)->next_seq(), 4u) << at;
  }
}

TEST(LogRecovery, RefusesAnyChangeBeforeTheLastCommitAndNamesThePlace) {
  SimulatedDisk disk(1);
  WriteSample(disk, 3);
  const uint64_t last = FileBytes(disk, kFirstSegment).size();
  WriteSample(disk, 1);
  const Bytes file = FileBytes(disk, kFirstSegment);
  for (uint64_t at = 0; at < last; ++at) {
    Bytes changed = file;
    changed[at] ^= 0x10;
    PutFile(disk, kFirstSegment, changed);
    const auto log = Log::Open(disk, "log", {});
    ASSERT_FALSE(log) << at;
    ASSERT_EQ(log.error().code(), ErrorCode::kCorrupt) << at;
    EXPECT_EQ(log.error().where()->file, kFirstSegment);
    EXPECT_EQ(FileBytes(disk, kFirstSegment), changed) << "nothing may be cut";
  }
}

TEST(LogRecovery, NamesTheOffsetAndRecordOfADamagedCommit) {
  SimulatedDisk disk(1);
  WriteSample(disk, 1);
  const uint64_t second = FileBytes(disk, kFirstSegment).size();
  WriteSample(disk, 2);
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, second + 60));
  const Error error = Log::Open(disk, "log", {}).error();
  EXPECT_NE(error.ToString().find(fmt::format("byte {} (record 2)", second)), std::string::npos)
      << error.ToString();
}

TEST(LogRecovery, RefusesADamagedCommitAtTheEndOfAnEarlierSegment) {
  SimulatedDisk disk(1);
  WriteSample(disk, 20, SmallSegments());
  const uint64_t size = FileBytes(disk, kFirstSegment).size();
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, size - 1));
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt);
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, size - 1));
  ASSERT_TRUE(Log::Open(disk, "log", {}));
  PutFile(disk, kFirstSegment, ByteView(FileBytes(disk, kFirstSegment)).first(size - 1));
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt);
}

TEST(LogRecovery, RefusesAMissingSegment) {
  for (const size_t missing : {0, 1, 2}) {
    SimulatedDisk disk(1);
    WriteSample(disk, 20, SmallSegments());
    ASSERT_TRUE(disk.Remove("log/" + disk.List("log").value()[missing]));
    EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt) << missing;
  }
}

TEST(LogRecovery, RefusesASegmentOfAnotherLog) {
  SimulatedDisk disk(1);
  WriteSample(disk, 20, SmallSegments());
  SimulatedDisk other(2);
  LogOptions other_options = SmallSegments();
  other_options.new_log_id = LogId{9};
  WriteSample(other, 20, other_options);
  const std::string name = "log/" + disk.List("log").value()[1];
  PutFile(disk, name, FileBytes(other, name));
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt);
}

TEST(LogRecovery, RefusesACommitPutInThePlaceOfTheLast) {
  // Two logs of one id that part after the first commit: only the chain tells them apart.
  SimulatedDisk disk(1);
  SimulatedDisk other(2);
  for (SimulatedDisk* each : {&disk, &other}) {
    const auto log = OpenLog(*each, SmallSegments(1 << 20));
    const TestRecord first = Text(each == &disk ? "ours" : "theirs");
    const TestRecord second = Text("the same");
    ASSERT_TRUE(CommitAll(*log, {&first, 1}));
    ASSERT_TRUE(CommitAll(*log, {&second, 1}));
  }
  Bytes ours = FileBytes(disk, kFirstSegment);
  const Bytes theirs = FileBytes(other, kFirstSegment);
  const size_t last = 40 + 8 + 16 + 8;
  std::copy(theirs.end() - last, theirs.end(), ours.end() - last);
  PutFile(disk, kFirstSegment, ours);
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt);
}

TEST(LogRecovery, TakesContentForNoCommit) {
  // Someone sends bytes that are a commit header of a later place: of their own log, since they
  // cannot know the tag of ours.
  SimulatedDisk theirs(2);
  LogOptions their_options;
  their_options.new_log_id = LogId{42};
  WriteSample(theirs, 50, their_options);
  const Bytes content = FileBytes(theirs, kFirstSegment);

  SimulatedDisk disk(1);
  WriteSample(disk, 1, SmallSegments(1 << 20));
  {
    const auto log = OpenLog(disk);
    const TestRecord record{.payload = content};
    ASSERT_TRUE(CommitAll(*log, {&record, 1}));
  }
  const Bytes file = FileBytes(disk, kFirstSegment);
  PutFile(disk, kFirstSegment, ByteView(file).first(file.size() - 1));
  EXPECT_EQ(OpenLog(disk)->next_seq(), 2u);
}

TEST(LogRecovery, RemovesASegmentThatWasOnlyBegun) {
  SimulatedDisk disk(1);
  std::vector<TestRecord> records = WriteSample(disk, 4, SmallSegments());
  const std::string begun = "log/00000000000000000008.seg";
  const Bytes first = FileBytes(disk, kFirstSegment);
  for (const size_t size : {0, 1, 43, 44}) {
    Bytes bytes = Bytes(first.begin(), first.begin() + static_cast<ptrdiff_t>(size));
    if (size == 44) {
      bytes[20] ^= 1;
    }
    PutFile(disk, begun, bytes);
    const auto log = OpenLog(disk, SmallSegments());
    EXPECT_EQ(log->next_seq(), 8u);
    EXPECT_EQ(log->recovered_cut_bytes(), size);
    EXPECT_EQ(disk.Open(begun, OpenMode::kRead).error().code(), ErrorCode::kNotFound);
  }
  EXPECT_EQ(ScanAll(disk, "log"), EncodedAll(records));
}

TEST(LogRecovery, KeepsTheIdOfALogWithoutRecords) {
  SimulatedDisk disk(1);
  const LogId id = OpenLog(disk)->id();
  EXPECT_EQ(OpenLog(disk)->id(), id);
  EXPECT_NE(OpenLog(*std::make_unique<SimulatedDisk>(2))->id(), id);
}

TEST(LogRecovery, RefusesAFormatOfALaterVersion) {
  SimulatedDisk disk(1);
  WriteSample(disk, 1);
  Bytes file = FileBytes(disk, kFirstSegment);
  file[8] = 2;
  const uint32_t crc = Crc32c(ByteView(file).first(40));
  std::memcpy(file.data() + 40, &crc, 4);
  PutFile(disk, kFirstSegment, file);
  const auto log = Log::Open(disk, "log", {});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code(), ErrorCode::kUnsupported);
}

TEST(LogRecovery, RefusesASegmentWithAnotherName) {
  SimulatedDisk disk(1);
  WriteSample(disk, 1);
  ASSERT_TRUE(disk.Rename(kFirstSegment, "log/1.seg"));
  EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kCorrupt);
}

TEST(Log, TellsOfARecordDamagedSinceItWasOpened) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk);
  std::vector<TestRecord> records = {Text("aaaa"), Text("bbbb"), Text("cccc")};
  ASSERT_TRUE(CommitAll(*log, records));
  const uint64_t second_core = 44 + 40 + 8 + 16 + 4 + 8 + 16;
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, second_core));
  EXPECT_TRUE(log->Read(0));
  EXPECT_EQ(log->Read(1).error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(log->Read(2));
  EXPECT_EQ(log->Scan(0, [](const StoredRecord&) { return Result<void>(); }).error().code(),
            ErrorCode::kCorrupt);
  // A length that leads anywhere: an error, and no memory of that size.
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, second_core));
  ASSERT_TRUE(disk.FlipByte(kFirstSegment, 44 + 40 + 3, 0x7f));
  EXPECT_EQ(log->Read(0).error().code(), ErrorCode::kCorrupt);
}

// ---- failing disks

TEST(LogFailure, IsDeadAfterAFailedWrite) {
  SimulatedDisk disk(3);
  auto log = OpenLog(disk);
  const TestRecord record = Text("x");
  ASSERT_TRUE(CommitAll(*log, {&record, 1}));
  disk.FailWrite(1);
  EXPECT_EQ(CommitAll(*log, {&record, 1}).error().code(), ErrorCode::kIo);
  const Result<void> later = CommitAll(*log, {&record, 1});
  EXPECT_EQ(later.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(later.error().ToString().find("the write fails"), std::string::npos);
  EXPECT_EQ(log->next_seq(), 1u);
  EXPECT_TRUE(log->Read(0));
  EXPECT_EQ(log->Read(1).error().code(), ErrorCode::kNotFound);
  log.reset();
  log = OpenLog(disk);
  EXPECT_EQ(log->next_seq(), 1u);
  EXPECT_TRUE(CommitAll(*log, {&record, 1}));
}

TEST(LogFailure, IsDeadAfterAFailedSyncThoughALaterOneWouldSucceed) {
  SimulatedDisk disk(3);
  const auto log = OpenLog(disk);
  const TestRecord record = Text("x");
  disk.FailSync(1);
  EXPECT_EQ(CommitAll(*log, {&record, 1}).error().code(), ErrorCode::kIo);
  const uint64_t syncs = disk.syncs();
  EXPECT_EQ(CommitAll(*log, {&record, 1}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(disk.syncs(), syncs) << "a failed sync is not tried again";
  EXPECT_EQ(log->next_seq(), 0u);
}

TEST(LogFailure, StopsOnAFullDiskAndKeepsWhatWasAcknowledged) {
  SimulatedDisk disk(3);
  auto log = OpenLog(disk, SmallSegments());
  const std::vector<TestRecord> records(7, Text("0123456789"));
  uint64_t acknowledged = 0;
  disk.LimitSpace(2000);
  Result<void> committed;
  while (committed) {
    committed = CommitAll(*log, records);
    acknowledged += committed ? records.size() : 0;
  }
  EXPECT_EQ(committed.error().code(), ErrorCode::kDiskFull);
  EXPECT_GT(acknowledged, 0u);
  EXPECT_EQ(CommitAll(*log, records).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(log->next_seq(), acknowledged);
  disk.LimitSpace(std::nullopt);
  log.reset();
  log = OpenLog(disk, SmallSegments());
  EXPECT_EQ(log->next_seq(), acknowledged);
  ASSERT_TRUE(CommitAll(*log, records));
  EXPECT_EQ(ScanAll(disk, "log").size(), acknowledged + records.size());
}

TEST(LogFailure, AcknowledgesNothingWhereAFaultPointStrikes) {
  for (const char* point : {"ledger.commit.before_write", "ledger.commit.before_sync",
                            "ledger.commit.after_sync", "ledger.segment.before_sync"}) {
    SimulatedDisk disk(3);
    auto log = OpenLog(disk, SmallSegments(100));
    const TestRecord record = Text("0123456789012345678901234567890");
    ASSERT_TRUE(CommitAll(*log, {&record, 1}));
    {
      const ScopedFault fault(point);
      EXPECT_EQ(CommitAll(*log, {&record, 1}).error().code(), ErrorCode::kIo) << point;
      EXPECT_EQ(FaultHits(point), 1u);
    }
    EXPECT_EQ(CommitAll(*log, {&record, 1}).error().code(), ErrorCode::kUnavailable) << point;
    EXPECT_EQ(log->next_seq(), 1u);
    log.reset();
    log = OpenLog(disk, SmallSegments(100));
    EXPECT_LE(log->next_seq(), 2u);
    EXPECT_TRUE(CommitAll(*log, {&record, 1}));
  }
}

TEST(LogFailure, FailsToOpenWhereTheTailCannotBeMadeDurable) {
  SimulatedDisk disk(3);
  WriteSample(disk, 2);
  for (const uint64_t nth : {1, 2}) {  // of the file, of the folder
    disk.FailSync(nth);
    EXPECT_EQ(Log::Open(disk, "log", {}).error().code(), ErrorCode::kIo);
  }
  EXPECT_TRUE(Log::Open(disk, "log", {}));
}

// ---- threads, on the machine's disk

TEST(LogThreads, ReadersSeeCommittedRecordsAndNothingElse) {
  const std::string dir = testing::TempDir() + "/fuqi_log_threads";
  std::filesystem::remove_all(dir);
  LogOptions options;
  options.segment_bytes = 20'000;
  options.sync = false;
  const auto log = Log::Open(SystemDisk(), dir, options).value();
  std::atomic<bool> done = false;
  std::atomic<uint64_t> scanned = 0;
  std::thread reader([&] {
    SeededRandom random(1);
    while (!done) {
      const uint64_t next = log->next_seq();
      if (next == 0) {
        continue;
      }
      const uint64_t seq = random.Below(next);
      const auto record = log->Read(seq);
      ASSERT_TRUE(record) << record.error().ToString();
      ASSERT_EQ(AsText((*record)->core), fmt::format("record {}", seq));
      ASSERT_LT(seq, log->next_seq());
    }
  });
  std::thread scanner([&] {
    while (!done || scanned == 0) {
      uint64_t next = 0;
      const auto end = log->Scan(0, [&](const StoredRecord& record) {
        EXPECT_EQ(record.seq, next);
        ++next;
        return Result<void>();
      });
      ASSERT_TRUE(end) << end.error().ToString();
      ++scanned;
    }
  });
  std::thread follower([&] {
    while (!done) {
      const auto end =
          Scan(SystemDisk(), dir, 0, [](const StoredRecord&) { return Result<void>(); });
      ASSERT_TRUE(end) << end.error().ToString();
    }
  });
  for (int commit = 0; commit < 1500; ++commit) {
    Batch batch(log->next_seq());
    for (int i = 0; i <= commit % 5; ++i) {
      const std::string text = fmt::format("record {}", batch.next_seq());
      ASSERT_TRUE(batch.Add({.type = RecordType::kEvent, .core = AsBytes(text)}));
    }
    ASSERT_TRUE(log->Commit(batch));
  }
  done = true;
  reader.join();
  scanner.join();
  follower.join();
  std::filesystem::remove_all(dir);
}

// ---- the format

TEST(FormatExample, IsTheFileInTheDocument) {
  SimulatedDisk disk(1);
  const auto log = OpenLog(disk, SmallSegments());
  const TestRecord record = Text("hi");
  ASSERT_TRUE(CommitAll(*log, {&record, 1}));
  const Bytes file = FileBytes(disk, kFirstSegment);
  std::string text;
  for (size_t at = 0; at < file.size(); at += 16) {
    text += ToHex(ByteView(file).subspan(at, std::min<size_t>(16, file.size() - at))) + "\n";
  }
  const Bytes document =
      ReadFile(SystemDisk(), FUQI_SOURCE_DIR "/docs/formats/log.md", 1 << 20).value();
  EXPECT_NE(AsText(document).find(text), std::string_view::npos) << text;
}

}  // namespace
}  // namespace fuqi::ledger
