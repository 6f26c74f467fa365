#include "ledger/verify.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "ledger/merkle.h"
#include "ledger/proof.h"
#include "ledger/test_records.h"

namespace fuqi::ledger {
namespace {

constexpr std::string_view kOrigin = "fuqi/test/sha256";

LogOptions Options(uint8_t id) {
  LogOptions options;
  options.segment_bytes = 700;
  options.new_log_id = LogId{id, 2, 3};
  return options;
}

TestRecord Event(uint64_t i, std::string_view note = "") {
  const std::string text = fmt::format("event {} {}", i, note);
  return {.type = RecordType::kEvent, .core = Bytes(text.begin(), text.end())};
}
TestRecord Decision(uint64_t i) {
  return {.type = RecordType::kDecision, .core = Bytes(i % 7, static_cast<uint8_t>(i))};
}

// Commits of 1, 2 and 3 events with their decisions, over some segments; with its tree and a head
// at its end. `note` changes the record 14.
void WritePartition(Disk& disk, const std::string& dir, uint8_t id, std::string_view note = "",
                    uint64_t events = 24) {
  const auto log = Log::Open(disk, dir + "/log", Options(id)).value();
  const auto tree = Tree::Open(disk, dir, *log, kOrigin).value();
  uint64_t event = 0;
  for (uint64_t commit = 0; event < events; ++commit) {
    Batch batch(log->next_seq());
    for (uint64_t i = 0; i <= commit % 3; ++i, ++event) {
      ASSERT_TRUE(batch.Add(Event(event, event == 7 ? note : "").View()));
      ASSERT_TRUE(batch.Add(Decision(event).View()));
    }
    ASSERT_TRUE(log->Commit(batch));
    ASSERT_TRUE(tree->Append(batch));
  }
  ASSERT_TRUE(tree->SaveHead());
}

// Where the bytes of a segment belong, found without the code under test: by the document.
struct Place {
  std::string file;
  uint64_t commit = 0;  // offset of the commit's header
  uint64_t commit_bytes = 0;
  uint64_t first_seq = 0;
  uint32_t count = 0;
  std::vector<uint64_t> frames;  // offsets
};

uint64_t Little(ByteView bytes, size_t at, int size) {
  uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) {
    value = value << 8 | bytes[at + static_cast<size_t>(i)];
  }
  return value;
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    WritePartition(disk_, "p", 1);
    for (const std::string& name : disk_.List("p/log").value()) {
      const std::string file = "log/" + name;
      files_.push_back(file);
      const Bytes bytes = FileBytes(disk_, "p/" + file);
      for (uint64_t at = 44; at < bytes.size();) {
        Place place{.file = file,
                    .commit = at,
                    .commit_bytes = 40 + Little(bytes, at + 4, 4),
                    .first_seq = Little(bytes, at + 8, 8),
                    .count = static_cast<uint32_t>(Little(bytes, at + 24, 4))};
        for (uint64_t frame = at + 40; frame < at + place.commit_bytes;
             frame += 8 + Little(bytes, frame, 4)) {
          place.frames.push_back(frame);
        }
        at += place.commit_bytes;
        places_.push_back(place);
      }
    }
    ASSERT_GE(files_.size(), 4u);
    ASSERT_EQ(places_.size(), 12u);
    ASSERT_TRUE(Check().ok());
    ASSERT_EQ(Check().entries, 48u);
  }

  VerifyReport Check(std::span<const OutsideHead> heads = {}) {
    Result<VerifyReport> report = Verify(disk_, "p", heads);
    EXPECT_TRUE(report) << report.error().ToString();
    return report ? *std::move(report) : VerifyReport{};
  }
  Bytes Get(const std::string& file) { return FileBytes(disk_, "p/" + file); }
  void Put(const std::string& file, ByteView bytes) { PutFile(disk_, "p/" + file, bytes); }
  OutsideHead OwnHead() {
    return {.file = "outside", .head = ReadHead(disk_, "p/head").value().value()};
  }

  static std::string Told(const VerifyReport& report) {
    std::string text;
    for (const Finding& problem : report.problems) {
      text += fmt::format("{} {} {} {}: {}\n", ProblemKindName(problem.kind), problem.file,
                          problem.offset, problem.seq ? std::to_string(*problem.seq) : "-",
                          problem.detail.message());
    }
    return text;
  }
  static bool Has(const VerifyReport& report, ProblemKind kind, const std::string& file,
                  uint64_t offset, std::optional<uint64_t> seq) {
    return std::any_of(report.problems.begin(), report.problems.end(), [&](const Finding& found) {
      return found.kind == kind && found.file == file && found.offset == offset && found.seq == seq;
    });
  }

  SimulatedDisk disk_{1};
  std::vector<std::string> files_;
  std::vector<Place> places_;
};

TEST_F(VerifyTest, AWholeLogIsVerifiedAndSelfAttested) {
  const VerifyReport report = Check();
  EXPECT_TRUE(report.notes.empty());
  EXPECT_FALSE(report.attested());
  EXPECT_EQ(report.root, OwnHead().head.root);
  ASSERT_EQ(report.heads.size(), 1u);
  EXPECT_EQ(report.heads[0].result, HeadResult::kMatched);
  const VerifyReport attested = Check(std::vector{OwnHead()});
  EXPECT_TRUE(attested.ok());
  EXPECT_TRUE(attested.attested());
}

// Every byte of every segment: one problem, at the record or header where the byte stands.
TEST_F(VerifyTest, EveryChangedByteIsFoundWhereItIs) {
  for (const std::string& file : files_) {
    const Bytes whole = Get(file);
    for (uint64_t at = 0; at < whole.size(); ++at) {
      Bytes changed = whole;
      changed[at] ^= static_cast<uint8_t>(1u << at % 8);
      Put(file, changed);
      const VerifyReport report = Check();
      SCOPED_TRACE(fmt::format("{} byte {}\n{}", file, at, Told(report)));
      ASSERT_GE(report.problems.size(), 1u);
      const Finding& found = report.problems[0];
      ASSERT_EQ(found.file, file);
      if (at < 44) {
        ASSERT_EQ(report.problems.size(), 1u);
        ASSERT_EQ(found.offset, 0u);
        ASSERT_EQ(found.kind, ProblemKind::kChanged);
        continue;
      }
      const Place& place = *std::find_if(places_.begin(), places_.end(), [&](const Place& each) {
        return each.file == file && at < each.commit + each.commit_bytes;
      });
      const bool last = &place == &places_.back();
      if (at < place.commit + 40) {
        ASSERT_EQ(report.problems.size(), 1u);
        ASSERT_EQ(found.kind, last ? ProblemKind::kTornTail : ProblemKind::kChanged);
        ASSERT_EQ(found.offset, place.commit);
        ASSERT_EQ(found.seq, place.first_seq);
        continue;
      }
      ASSERT_EQ(found.kind, ProblemKind::kChanged);
      const auto frame = std::upper_bound(place.frames.begin(), place.frames.end(), at) - 1;
      // A changed length also hides where the records behind it begin.
      ASSERT_LE(report.problems.size(), at < *frame + 4 ? 2u : 1u);
      ASSERT_EQ(found.offset, *frame);
      ASSERT_EQ(found.seq, place.first_seq + static_cast<uint64_t>(frame - place.frames.begin()));
    }
    Put(file, whole);
  }
}

TEST_F(VerifyTest, EveryDeletedByteIsFoundAtOrBeforeItsPlace) {
  for (const std::string& file : files_) {
    const Bytes whole = Get(file);
    for (uint64_t at = 0; at < whole.size(); ++at) {
      Bytes changed = whole;
      changed.erase(changed.begin() + static_cast<ptrdiff_t>(at));
      if (changed == whole) {
        continue;
      }
      Put(file, changed);
      const VerifyReport report = Check();
      SCOPED_TRACE(fmt::format("{} byte {}\n{}", file, at, Told(report)));
      ASSERT_FALSE(report.ok());
      ASSERT_EQ(report.problems[0].file, file);
      ASSERT_LE(report.problems[0].offset, at);
    }
    Put(file, whole);
  }
}

TEST_F(VerifyTest, EveryTruncationIsFoundWhereTheFileEnds) {
  for (const std::string& file : files_) {
    const Bytes whole = Get(file);
    const bool last = file == files_.back();
    for (uint64_t size = 0; size < whole.size(); ++size) {
      Put(file, ByteView(whole).first(size));
      const VerifyReport report = Check();
      SCOPED_TRACE(fmt::format("{} cut to {}\n{}", file, size, Told(report)));
      ASSERT_FALSE(report.ok());
      if (last) {
        ASSERT_EQ(report.problems.size(), 1u);
        ASSERT_TRUE(report.problems[0].kind == ProblemKind::kTruncated ||
                    report.problems[0].kind == ProblemKind::kTornTail);
        ASSERT_EQ(report.problems[0].file, file);
        ASSERT_LE(report.problems[0].offset, size);
      } else {
        // Either the cut itself is seen, or the next file begins too late.
        ASSERT_TRUE(report.problems[0].file == file ||
                    report.problems[0].kind == ProblemKind::kMissing);
      }
    }
    Put(file, whole);
  }
}

TEST_F(VerifyTest, EveryRemovedCommitIsMissing) {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const Bytes whole = Get(place.file);
    Bytes changed = whole;
    const auto at = changed.begin() + static_cast<ptrdiff_t>(place.commit);
    changed.erase(at, at + static_cast<ptrdiff_t>(place.commit_bytes));
    Put(place.file, changed);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    ASSERT_EQ(report.problems.size(), 1u);
    if (i + 1 == places_.size()) {
      EXPECT_TRUE(Has(report, ProblemKind::kTruncated, place.file, place.commit, place.first_seq));
    } else {
      const Place& next = places_[i + 1];
      const bool same_file = next.file == place.file;
      EXPECT_TRUE(Has(report, ProblemKind::kMissing, next.file,
                      same_file ? place.commit : next.commit, place.first_seq));
    }
    Put(place.file, whole);
  }
}

TEST_F(VerifyTest, EveryRemovedSegmentIsMissing) {
  for (const std::string& file : files_) {
    const Bytes whole = Get(file);
    ASSERT_TRUE(disk_.Remove("p/" + file));
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    ASSERT_EQ(report.problems.size(), 1u);
    const auto first = std::find_if(places_.begin(), places_.end(),
                                    [&](const Place& place) { return place.file == file; });
    EXPECT_EQ(report.problems[0].seq, first->first_seq);
    EXPECT_EQ(report.problems[0].kind,
              file == files_.back() ? ProblemKind::kTruncated : ProblemKind::kMissing);
    Put(file, whole);
  }
  for (const std::string& file : files_) {
    ASSERT_TRUE(disk_.Remove("p/" + file));
  }
  EXPECT_TRUE(Has(Check(), ProblemKind::kTruncated, "log", 0, 0)) << Told(Check());
}

TEST_F(VerifyTest, EveryPairOfExchangedCommitsIsReordered) {
  for (size_t i = 0; i + 1 < places_.size(); ++i) {
    const Place& first = places_[i];
    const Place& second = places_[i + 1];
    if (first.file != second.file) {
      continue;
    }
    const Bytes whole = Get(first.file);
    Bytes changed = whole;
    std::rotate(changed.begin() + static_cast<ptrdiff_t>(first.commit),
                changed.begin() + static_cast<ptrdiff_t>(second.commit),
                changed.begin() + static_cast<ptrdiff_t>(second.commit + second.commit_bytes));
    Put(first.file, changed);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    ASSERT_EQ(report.problems.size(), 2u);
    EXPECT_TRUE(Has(report, ProblemKind::kReordered, first.file, first.commit, second.first_seq));
    EXPECT_TRUE(Has(report, ProblemKind::kReordered, first.file, first.commit + second.commit_bytes,
                    first.first_seq));
    Put(first.file, whole);
  }
}

TEST_F(VerifyTest, EveryPairOfExchangedRecordsIsReordered) {
  for (const Place& place : places_) {
    const Bytes whole = Get(place.file);
    for (size_t i = 0; i + 1 < place.frames.size(); ++i) {
      const uint64_t begin = place.frames[i];
      const uint64_t middle = place.frames[i + 1];
      const uint64_t end =
          i + 2 < place.frames.size() ? place.frames[i + 2] : place.commit + place.commit_bytes;
      Bytes changed = whole;
      std::rotate(changed.begin() + static_cast<ptrdiff_t>(begin),
                  changed.begin() + static_cast<ptrdiff_t>(middle),
                  changed.begin() + static_cast<ptrdiff_t>(end));
      Put(place.file, changed);
      const VerifyReport report = Check();
      SCOPED_TRACE(Told(report));
      ASSERT_EQ(report.problems.size(), 2u);
      const uint64_t seq = place.first_seq + i;
      EXPECT_TRUE(Has(report, ProblemKind::kReordered, place.file, begin, seq));
      EXPECT_TRUE(
          Has(report, ProblemKind::kReordered, place.file, begin + (end - middle), seq + 1));
    }
    Put(place.file, whole);
  }
}

TEST_F(VerifyTest, ExchangedSegmentsAreFound) {
  for (size_t i = 0; i + 1 < files_.size(); ++i) {
    const Bytes first = Get(files_[i]);
    const Bytes second = Get(files_[i + 1]);
    Put(files_[i], second);
    Put(files_[i + 1], first);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    for (const size_t each : {i, i + 1}) {
      EXPECT_TRUE(std::any_of(report.problems.begin(), report.problems.end(), [&](const auto& p) {
        return p.kind == ProblemKind::kReordered && p.file == files_[each];
      }));
    }
    Put(files_[i], first);
    Put(files_[i + 1], second);
  }
}

TEST_F(VerifyTest, ACommitThatStandsTwiceIsSpliced) {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    const Bytes whole = Get(place.file);
    Bytes changed = whole;
    const uint64_t end = place.commit + place.commit_bytes;
    changed.insert(changed.begin() + static_cast<ptrdiff_t>(end),
                   whole.begin() + static_cast<ptrdiff_t>(place.commit),
                   whole.begin() + static_cast<ptrdiff_t>(end));
    Put(place.file, changed);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    EXPECT_TRUE(Has(report, ProblemKind::kSpliced, place.file, end, place.first_seq));
    Put(place.file, whole);
  }
}

TEST_F(VerifyTest, EveryCommitAndSegmentFromAnotherNodeIsSpliced) {
  // The same records at the same places, of a log with another id.
  WritePartition(disk_, "q", 9);
  for (const Place& place : places_) {
    const Bytes whole = Get(place.file);
    const Bytes other = FileBytes(disk_, "q/" + place.file);
    ASSERT_EQ(whole.size(), other.size());
    Bytes changed = whole;
    std::copy_n(other.begin() + static_cast<ptrdiff_t>(place.commit), place.commit_bytes,
                changed.begin() + static_cast<ptrdiff_t>(place.commit));
    Put(place.file, changed);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    EXPECT_TRUE(Has(report, ProblemKind::kSpliced, place.file, place.commit, place.first_seq));
    Put(place.file, whole);
  }
  for (const std::string& file : files_) {
    const Bytes whole = Get(file);
    Put(file, FileBytes(disk_, "q/" + file));
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    EXPECT_TRUE(std::any_of(report.problems.begin(), report.problems.end(), [&](const auto& p) {
      return p.kind == ProblemKind::kSpliced && p.file == file && p.offset == 16;
    }));
    Put(file, whole);
  }
}

TEST_F(VerifyTest, ACommitFromACopyThatWentAnotherWayIsSpliced) {
  // The same id, but another record 14: its commit and those after it chain differently.
  WritePartition(disk_, "q", 1, "other");
  for (const Place& place : places_) {
    const Bytes whole = Get(place.file);
    const Bytes other = FileBytes(disk_, "q/" + place.file);
    if (place.first_seq <= 14 || whole.size() != other.size()) {
      continue;
    }
    Bytes changed = whole;
    std::copy_n(other.begin() + static_cast<ptrdiff_t>(place.commit), place.commit_bytes,
                changed.begin() + static_cast<ptrdiff_t>(place.commit));
    Put(place.file, changed);
    const VerifyReport report = Check();
    SCOPED_TRACE(Told(report));
    EXPECT_TRUE(Has(report, ProblemKind::kSpliced, place.file, place.commit, place.first_seq));
    Put(place.file, whole);
  }
}

// Whoever can compute CRCs rewrites the log from the changed record on: the tree names the record,
// and the head that the tree is right.
TEST_F(VerifyTest, ARewrittenLogIsFoundByTheHeadAndItsRecordByTheTree) {
  WritePartition(disk_, "q", 1, "other");
  for (const std::string& name : disk_.List("p/log").value()) {
    ASSERT_TRUE(disk_.Remove("p/log/" + name));
  }
  for (const std::string& name : disk_.List("q/log").value()) {
    Put("log/" + name, FileBytes(disk_, "q/log/" + name));
  }
  const Place& place = *std::find_if(places_.begin(), places_.end(), [](const Place& each) {
    return each.first_seq + each.count > 14;
  });
  const VerifyReport report = Check();
  SCOPED_TRACE(Told(report));
  EXPECT_EQ(report.problems.size(), 2u);
  EXPECT_TRUE(Has(report, ProblemKind::kWrongHead, "head", 0, std::nullopt));
  EXPECT_TRUE(
      Has(report, ProblemKind::kChanged, place.file, place.frames[14 - place.first_seq], 14));

  // With head and tree rewritten too only someone else's head tells.
  const OutsideHead outside = OwnHead();
  for (const char* file : {"head", "tree/0"}) {
    Put(file, FileBytes(disk_, std::string("q/") + file));
  }
  EXPECT_TRUE(Check().ok());
  const VerifyReport told = Check(std::vector{outside});
  EXPECT_TRUE(Has(told, ProblemKind::kWrongHead, "outside", 0, std::nullopt)) << Told(told);
  EXPECT_FALSE(told.attested());
}

TEST_F(VerifyTest, ALogCutWithItsTreeAndHeadIsFoundByAnOutsidersHead) {
  const OutsideHead outside = OwnHead();
  WritePartition(disk_, "q", 1, "", 21);
  for (const std::string& name : disk_.List("p/log").value()) {
    ASSERT_TRUE(disk_.Remove("p/log/" + name));
  }
  for (const std::string& name : disk_.List("q/log").value()) {
    Put("log/" + name, FileBytes(disk_, "q/log/" + name));
  }
  for (const char* file : {"head", "tree/0"}) {
    Put(file, FileBytes(disk_, std::string("q/") + file));
  }
  EXPECT_TRUE(Check().ok());
  const VerifyReport report = Check(std::vector{outside});
  ASSERT_EQ(report.problems.size(), 1u) << Told(report);
  EXPECT_EQ(report.problems[0].kind, ProblemKind::kTruncated);
  EXPECT_EQ(report.problems[0].seq, 42u);
}

TEST_F(VerifyTest, AHeadOfAnotherLogIsWrong) {
  OutsideHead outside = OwnHead();
  outside.head.origin = "fuqi/other/sha256";
  const VerifyReport report = Check(std::vector{outside});
  EXPECT_TRUE(Has(report, ProblemKind::kWrongHead, "outside", 0, std::nullopt));
  outside = OwnHead();
  outside.head.size = 3;
  EXPECT_TRUE(
      Has(Check(std::vector{outside}), ProblemKind::kWrongHead, "outside", 0, std::nullopt));
  Put("head", AsBytes("nonsense"));
  EXPECT_TRUE(Has(Check(), ProblemKind::kWrongHead, "head", 0, std::nullopt));
}

TEST_F(VerifyTest, HeadsOfEverySizeMatch) {
  const auto log = Log::Open(disk_, "p/log", Options(1)).value();
  const auto tree = Tree::Open(disk_, "p", *log, kOrigin).value();
  for (uint64_t size = 0; size <= 48; ++size) {
    const OutsideHead outside{
        .file = "outside",
        .head = {.origin = std::string(kOrigin), .size = size, .root = tree->Root(size).value()}};
    const VerifyReport report = Check(std::vector{outside});
    ASSERT_TRUE(report.ok()) << Told(report);
    ASSERT_TRUE(report.attested());
  }
}

TEST_F(VerifyTest, ATornTailIsANoteUnlessSomethingHasSeenIt) {
  // The same log with one commit more, of which the tree of `p` knows nothing.
  WritePartition(disk_, "q", 1, "", 25);
  const std::string file = files_.back();
  const uint64_t before = Get(file).size();
  const Bytes more = FileBytes(disk_, "q/" + file);
  ASSERT_GT(more.size(), before);
  for (size_t kept = before + 1; kept < more.size(); ++kept) {
    Put(file, ByteView(more).first(kept));
    const VerifyReport report = Check();
    ASSERT_TRUE(report.ok()) << Told(report);
    ASSERT_EQ(report.notes.size(), 1u);
    EXPECT_EQ(report.notes[0].kind, ProblemKind::kTornTail);
    EXPECT_EQ(report.notes[0].offset, before);
    EXPECT_EQ(report.notes[0].seq, 48u);
  }
  Put(file, more);
  EXPECT_EQ(Check().entries, 50u);
  Put(file, ByteView(more).first(before));

  const Place& place = places_.back();
  const Bytes whole = Get(place.file);
  for (size_t kept = place.commit + 1; kept < whole.size(); ++kept) {
    Put(place.file, ByteView(whole).first(kept));
    const VerifyReport report = Check();
    ASSERT_EQ(report.problems.size(), 1u) << Told(report);
    EXPECT_TRUE(Has(report, ProblemKind::kTornTail, place.file, place.commit, place.first_seq));
  }
}

TEST_F(VerifyTest, EveryDamageOfStoredHashesThatAHeadVouchesForIsFound) {
  const Bytes whole = Get("tree/0");
  for (uint64_t leaf = 0; leaf < 48; ++leaf) {
    ASSERT_TRUE(disk_.FlipByte("p/tree/0", leaf * 32 + leaf % 32));
    const VerifyReport report = Check();
    ASSERT_EQ(report.problems.size(), 1u);
    EXPECT_TRUE(Has(report, ProblemKind::kChanged, "tree/0", leaf * 32, leaf)) << Told(report);
    Put("tree/0", whole);
  }
  ASSERT_TRUE(disk_.Remove("p/head"));
  ASSERT_TRUE(disk_.FlipByte("p/tree/0", 7));
  const VerifyReport report = Check();
  EXPECT_TRUE(report.ok()) << "it is computed anew when the log is opened";
  EXPECT_EQ(report.notes.size(), 1u);
}

TEST_F(VerifyTest, SeveralDamagesAreAllTold) {
  const Place& a = places_[1];
  const Place& b = places_[6];
  const Place& c = places_[9];
  ASSERT_TRUE(disk_.FlipByte("p/" + a.file, a.frames[1] + 20));
  ASSERT_TRUE(disk_.FlipByte("p/" + b.file, b.commit + 9));
  ASSERT_TRUE(disk_.FlipByte("p/" + c.file, c.frames[0] + 9));
  const VerifyReport report = Check();
  EXPECT_EQ(report.problems.size(), 3u) << Told(report);
  EXPECT_TRUE(Has(report, ProblemKind::kChanged, a.file, a.frames[1], a.first_seq + 1));
  EXPECT_TRUE(Has(report, ProblemKind::kChanged, b.file, b.commit, b.first_seq));
  EXPECT_TRUE(Has(report, ProblemKind::kChanged, c.file, c.frames[0], c.first_seq));
  EXPECT_EQ(report.entries, 48u - 1 - b.count - 1);
}

TEST(Verify, ADecisionWithoutItsEventIsFound) {
  SimulatedDisk disk(1);
  const auto log = Log::Open(disk, "p/log", Options(1)).value();
  const std::vector<TestRecord> records = {Decision(0), Event(1), Decision(1), Decision(2)};
  ASSERT_TRUE(log->Commit(MakeBatch(0, records)));
  const VerifyReport report = Verify(disk, "p", {}).value();
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_EQ(report.problems[0].kind, ProblemKind::kMissing);
  EXPECT_EQ(report.problems[0].seq, 0u);
  EXPECT_EQ(report.problems[1].seq, 3u);
}

TEST(Verify, TreesOfSeveralLevelsAreCompared) {
  SimulatedDisk disk(1);
  LogOptions options;
  const auto log = Log::Open(disk, "p/log", options).value();
  const auto tree = Tree::Open(disk, "p", *log, kOrigin).value();
  const std::vector<TestRecord> records(700, Event(1));
  const Batch batch = MakeBatch(0, records);
  ASSERT_TRUE(log->Commit(batch));
  ASSERT_TRUE(tree->Append(batch));
  ASSERT_TRUE(tree->SaveHead());
  EXPECT_TRUE(Verify(disk, "p", {})->ok());
  ASSERT_TRUE(disk.FlipByte("p/tree/1", 32 + 3));
  const VerifyReport report = Verify(disk, "p", {}).value();
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].file, "tree/1");
  EXPECT_EQ(report.problems[0].offset, 32u);
  EXPECT_EQ(report.problems[0].seq, 256u);
}

TEST(Verify, SaysWhereThereIsNoLog) {
  SimulatedDisk disk(1);
  EXPECT_EQ(Verify(disk, "p", {}).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(disk.MakeDirs("p/log"));
  EXPECT_EQ(Verify(disk, "p", {}).error().code(), ErrorCode::kNotFound);
}

// ---- the program

class FuqiVerify : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(dir_);
    WritePartition(SystemDisk(), dir_, 1);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // Its exit code; what it prints goes to output_.
  int Call(const std::string& arguments) {
    FILE* pipe = popen((std::string(FUQI_VERIFY) + " " + arguments + " 2>&1").c_str(), "r");
    output_.clear();
    std::array<char, 4096> buffer;
    for (size_t got; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
      output_.append(buffer.data(), got);
    }
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string dir_ = testing::TempDir() + "/fuqi_verify_test";
  std::string output_;
};

TEST_F(FuqiVerify, SaysWhatItFoundInBothLanguages) {
  EXPECT_EQ(Call(dir_ + " --lang en"), 0);
  EXPECT_NE(output_.find("48 records"), std::string::npos) << output_;
  EXPECT_NE(output_.find("self-attested"), std::string::npos);
  EXPECT_EQ(Call(dir_ + " --lang zh"), 0);
  EXPECT_NE(output_.find("自证"), std::string::npos) << output_;
  EXPECT_EQ(Call(dir_ + " --head " + dir_ + "/head --lang en"), 0);
  EXPECT_NE(output_.find("attested by a head from outside"), std::string::npos) << output_;
  EXPECT_EQ(Call("--help"), 0);
}

TEST_F(FuqiVerify, GivesJson) {
  EXPECT_EQ(Call(dir_ + " --json"), 0);
  nlohmann::json json = nlohmann::json::parse(output_);
  EXPECT_EQ(json["entries"], 48);
  EXPECT_EQ(json["ok"], true);
  EXPECT_TRUE(json["problems"].empty());

  const std::string file = "log/00000000000000000000.seg";
  Bytes bytes = FileBytes(SystemDisk(), dir_ + "/" + file);
  bytes[100] ^= 1;
  PutFile(SystemDisk(), dir_ + "/" + file, bytes);
  EXPECT_EQ(Call(dir_ + " --json --lang zh"), 4);
  json = nlohmann::json::parse(output_);
  EXPECT_EQ(json["ok"], false);
  ASSERT_EQ(json["problems"].size(), 1u);
  EXPECT_EQ(json["problems"][0]["kind"], "changed");
  EXPECT_EQ(json["problems"][0]["file"], file);
  EXPECT_EQ(json["problems"][0]["offset"], 84);
  EXPECT_EQ(json["problems"][0]["seq"], 0);
}

TEST_F(FuqiVerify, ChecksAProof) {
  const auto log = Log::Open(SystemDisk(), dir_ + "/log", {}).value();
  const auto tree = Tree::Open(SystemDisk(), dir_, *log, kOrigin).value();
  const OwnedRecord record = log->Read(14).value();
  RecordProof proof{.origin = std::string(kOrigin),
                    .index = 14,
                    .size = 48,
                    .root = tree->Root(48).value(),
                    .record = Bytes(record->encoded.begin(), record->encoded.end()),
                    .path = tree->Inclusion(14, 48).value()};
  PutFile(SystemDisk(), dir_ + "/proof", AsBytes(ToJson(proof)));
  EXPECT_EQ(Call("--proof " + dir_ + "/proof --head " + dir_ + "/head"), 0) << output_;
  proof.record[20] ^= 1;
  PutFile(SystemDisk(), dir_ + "/proof", AsBytes(ToJson(proof)));
  EXPECT_EQ(Call("--json --proof " + dir_ + "/proof"), 4) << output_;
  EXPECT_EQ(nlohmann::json::parse(output_)["ok"], false);
}

TEST_F(FuqiVerify, TellsWrongUsageFromWhatCannotBeRead) {
  for (const char* wrong : {"", "a b", "--head", "--lang fr a", "--nothing a", "a --proof b"}) {
    EXPECT_EQ(Call(wrong), 2) << wrong << output_;
  }
  EXPECT_EQ(Call(dir_ + "/nowhere"), 1);
  EXPECT_EQ(Call(dir_ + " --head " + dir_ + "/nowhere"), 1);
  EXPECT_EQ(Call("--proof " + dir_ + "/head"), 1) << "it is no proof";
}

}  // namespace
}  // namespace fuqi::ledger
