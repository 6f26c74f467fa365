#include "decide/partition.h"

#include <gtest/gtest.h>

#include <map>

#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "decide/fold.h"
#include "decide/small_pack_test.h"
#include "ledger/snapshot.h"
#include "ledger/verify.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;
using table::Datum;

constexpr char kDir[] = "/node/small";

class PartitionTest : public testing::Test {
 protected:
  PartitionTest() : disk_(7), clock_(kStartUs) { options_.log.new_log_id.emplace().fill(1); }

  void Open(std::shared_ptr<const CompiledPack> pack = SmallPack()) {
    partition_.reset();
    auto opened = Partition::Open(disk_, clock_, kDir, std::move(pack), options_);
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    partition_ = std::move(*opened);
  }
  Outcome Decide(const Event& event) {
    Result<Outcome> outcome = partition_->Decide(event);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().ToString();
    return outcome ? std::move(*outcome) : Outcome();
  }
  void Commit() {
    Result<void> committed = partition_->Commit(partition_->TakeBatch());
    ASSERT_TRUE(committed.has_value()) << committed.error().ToString();
  }
  Bytes Body(const Decision& decision) {
    Bytes body;
    EncodeDecisionBody(SmallPack()->feature_schema(), decision, body);
    return body;
  }
  std::map<RecordType, int> CountRecords() {
    std::map<RecordType, int> counts;
    EXPECT_TRUE(partition_->log()
                    .Scan(0,
                          [&](const ledger::StoredRecord& record) -> Result<void> {
                            ++counts[record.type];
                            return {};
                          })
                    .has_value());
    return counts;
  }

  // Decides and commits them.
  void Send(const std::vector<Event>& events) {
    for (const Event& event : events) {
      Decide(event);
    }
    Commit();
  }
  uint64_t SavedHeadSize() {
    auto head = ledger::ReadHead(disk_, std::string(kDir) + "/head");
    EXPECT_TRUE(head.has_value() && head->has_value());
    return head && *head ? (*head)->size : 0;
  }

  SimulatedDisk disk_;
  ManualClock clock_;
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
};

TEST_F(PartitionTest, BeginsWithThePackThatDecides) {
  Open();
  EXPECT_TRUE(partition_->recovery().published);
  EXPECT_EQ(partition_->committed(), 1u);
  EXPECT_EQ(DecodePublish(*partition_->log().Read(0).value())->hash, SmallPack()->pack().hash);
  Open();
  EXPECT_FALSE(partition_->recovery().published) << "the same pack is not published again";
  EXPECT_EQ(partition_->committed(), 1u);
}

TEST_F(PartitionTest, AnswersARepetitionWithTheStoredDecision) {
  Open();
  const Event event = Payment("1", kStartUs, "a", "x", 200'000);
  const Outcome first = Decide(event);
  EXPECT_FALSE(first.repeated);
  Decide(Payment("2", kStartUs, "a", "x", 1));

  auto check = [&](std::string_view when) {
    const Outcome again = Decide(event);
    EXPECT_TRUE(again.repeated) << when;
    EXPECT_EQ(again.decision.event_seq, first.decision.event_seq) << when;
    EXPECT_EQ(Body(again.decision), Body(first.decision)) << when;
  };
  check("in the open batch");
  ledger::Batch batch = partition_->TakeBatch();
  check("in a batch under way");
  ASSERT_TRUE(partition_->Commit(batch).has_value());
  check("committed");
  Open();
  check("after a restart");
  EXPECT_TRUE(partition_->TakeBatch().empty()) << "nothing is recorded twice";
  Event later = event;
  later.received_us = 5;
  EXPECT_TRUE(Decide(later).repeated) << "when it was received is not its content";
}

TEST_F(PartitionTest, RefusesAnotherContentUnderTheSameKey) {
  Open();
  Decide(Payment("1", kStartUs, "a", "x", 100));
  const Event other = Payment("1", kStartUs, "a", "x", 101);
  const Digest before = partition_->core().StateDigest();
  EXPECT_EQ(partition_->Decide(other).error().code(), ErrorCode::kConflict);
  Commit();
  EXPECT_EQ(partition_->Decide(other).error().code(), ErrorCode::kConflict);
  Open();
  EXPECT_EQ(partition_->Decide(other).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(partition_->core().StateDigest(), before) << "nothing half-applied";
}

TEST_F(PartitionTest, RefusedEventsLeaveNoTrace) {
  Open();
  const Digest before = partition_->core().StateDigest();
  Event event = Payment("1", kStartUs, "a", "x", 100);
  event.columns.Set(2, Datum::Null());
  EXPECT_EQ(partition_->Decide(event).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(partition_->core().StateDigest(), before);
  EXPECT_TRUE(partition_->TakeBatch().empty());
}

TEST_F(PartitionTest, FindsOnlyWhatIsCommitted) {
  Open();
  const Event event = Payment("1", kStartUs, "a", "x", 100);
  const Decision decision = Decide(event).decision;
  EXPECT_FALSE((*partition_->FindByEventKey(event.columns[0])).has_value());
  EXPECT_EQ(partition_->FindBySeq(decision.seq()).error().code(), ErrorCode::kNotFound);
  Commit();
  auto found = partition_->FindByEventKey(event.columns[0]);
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ(Body(**found), Body(decision));
  EXPECT_EQ(Body(*partition_->FindBySeq(decision.seq())), Body(decision));
  EXPECT_EQ(partition_->FindBySeq(decision.event_seq).error().code(), ErrorCode::kNotFound);
  Result<Event> stored = partition_->ReadEvent(decision.event_seq);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->columns[2].text(), "a");
  EXPECT_FALSE((*partition_->FindByEventKey(Datum::Text("2"))).has_value());
  EXPECT_EQ(partition_->FindByEventKey(Datum::Int(2)).error().code(), ErrorCode::kTypeMismatch);
}

TEST_F(PartitionTest, RestartsAnywhereGiveTheSameDecisionsAndState) {
  const std::vector<Event> events = RandomPayments(21, 400);
  Core core(SmallPack());
  SeededRandom random(5);
  options_.snapshot_every = 60;
  Open();
  uint64_t restarts_from_snapshot = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const Decision expected = core.Decide(events[i], 1 + 2 * i);
    const Outcome outcome = Decide(events[i]);
    ASSERT_EQ(outcome.decision.event_seq, expected.event_seq);
    ASSERT_EQ(Body(outcome.decision), Body(expected)) << i;
    if (random.Chance(0.3)) {
      Commit();
      ASSERT_TRUE(partition_->WriteDueSnapshot().has_value());
    }
    if (random.Chance(0.05)) {
      Commit();
      Open();
      restarts_from_snapshot += partition_->recovery().snapshot_seq > 0;
      ASSERT_EQ(partition_->core().StateDigest(), core.StateDigest());
    }
  }
  EXPECT_GT(restarts_from_snapshot, 0u);
  EXPECT_EQ(partition_->core().StateDigest(), core.StateDigest());
}

TEST_F(PartitionTest, SnapshotHoldsWhatIsCommittedAndNoMore) {
  Open();
  Decide(Payment("1", kStartUs, "a", "x", 100));
  EXPECT_EQ(partition_->Snapshot().error().code(), ErrorCode::kUnavailable);
  Commit();
  EXPECT_TRUE(partition_->Snapshot().has_value());
  Open();
  EXPECT_EQ(partition_->recovery().snapshot_seq, 3u);
  EXPECT_EQ(partition_->recovery().folded_events, 0u);
  EXPECT_EQ(partition_->core().events(), 1u);
}

TEST_F(PartitionTest, DueSnapshotIsOfWhatIsCommittedWhileDecidingGoesOn) {
  options_.snapshot_every = 2;
  Open();
  const auto snapshots = [&] { return disk_.List(std::string(kDir) + "/snapshots")->size(); };
  Decide(Payment("1", kStartUs, "a", "x", 100));
  Commit();
  ASSERT_TRUE(partition_->WriteDueSnapshot().has_value());
  EXPECT_EQ(snapshots(), 0u) << "one event is not two";
  Decide(Payment("2", kStartUs, "a", "x", 100));
  ASSERT_TRUE(partition_->WriteDueSnapshot().has_value());
  EXPECT_EQ(snapshots(), 0u) << "not committed yet";
  Commit();
  Decide(Payment("3", kStartUs, "a", "x", 100));
  ASSERT_TRUE(partition_->WriteDueSnapshot().has_value()) << "with an event on its way";
  EXPECT_EQ(snapshots(), 1u);
  Open();
  EXPECT_EQ(partition_->recovery().snapshot_seq, 5u);
  EXPECT_EQ(partition_->core().events(), 2u) << "the third was never committed";
  EXPECT_FALSE(Decide(Payment("3", kStartUs, "a", "x", 100)).repeated);
}

TEST_F(PartitionTest, WithoutItsSnapshotFoldsTheLog) {
  Open();
  for (const Event& event : RandomPayments(2, 50)) {
    Decide(event);
  }
  Commit();
  ASSERT_TRUE(partition_->Snapshot().has_value());
  const Digest state = partition_->core().StateDigest();
  const std::string dir = std::string(kDir) + "/snapshots";
  const std::string file = dir + "/" + disk_.List(dir)->at(0);
  ASSERT_TRUE(disk_.FlipByte(file, 100).has_value());
  Open();
  EXPECT_EQ(partition_->recovery().damaged.size(), 1u);
  EXPECT_EQ(partition_->recovery().folded_events, 50u);
  EXPECT_EQ(partition_->core().StateDigest(), state);
}

// Local days of another release of the zone data may be other days.
TEST_F(PartitionTest, FoldsTheLogWhereTheZoneDataAreOthersThanTheSnapshots) {
  const std::vector<Event> events = RandomPayments(6, 30);
  Core core(SmallPack());
  {
    PublishRecord publish = PublishOf(*SmallPack());
    publish.zones = "1999z";
    auto log = *ledger::Log::Open(disk_, std::string(kDir) + "/log", options_.log);
    ledger::Batch batch(0);
    EncodedRecord record;
    EncodePublish(publish, record);
    ASSERT_TRUE(batch.Add(record.As(RecordType::kPublish)).has_value());
    for (const Event& event : events) {
      const Decision decision = core.Decide(event, batch.next_seq());
      EventCore event_core;
      event_core.key_hash = KeyHash(SmallPack()->event_schema()[0], event.columns[0]);
      event_core.ts_us = static_cast<int64_t>(event.columns[1].i);
      event_core.flags = decision.flags & kOutOfBounds;
      record.Clear();
      EncodeEvent(event_core, SmallPack()->event_schema(), event.columns, record);
      ASSERT_TRUE(batch.Add(record.As(RecordType::kEvent)).has_value());
      record.Clear();
      EncodeDecision(0, SmallPack()->feature_schema(), decision, record);
      ASSERT_TRUE(batch.Add(record.As(RecordType::kDecision)).has_value());
    }
    ASSERT_TRUE(log->Commit(batch).has_value());
    auto snapshots =
        ledger::SnapshotStore::Open(disk_, std::string(kDir) + "/snapshots", log->id());
    Bytes bytes;
    ByteWriter(bytes).Varint(0);
    core.Save(bytes);
    ASSERT_TRUE(snapshots->Write(batch.next_seq(), bytes).has_value());
  }
  Open();
  EXPECT_TRUE(partition_->recovery().published) << "with the zone data of now";
  EXPECT_EQ(partition_->recovery().snapshot_seq, 0u);
  EXPECT_EQ(partition_->recovery().folded_events, 30u);
  EXPECT_EQ(partition_->core().StateDigest(), core.StateDigest());
  ASSERT_TRUE(partition_->Snapshot().has_value());
  Open();
  EXPECT_FALSE(partition_->recovery().published);
  EXPECT_EQ(partition_->recovery().folded_events, 0u) << "this one is of now";
}

TEST_F(PartitionTest, DefaultIsRecordedAndAdmitsNothing) {
  Open();
  const Event event = Payment("1", kStartUs, "a", "x", 100);
  ASSERT_TRUE(partition_->NoteDefault(event.columns[0], "shed").has_value());
  EXPECT_EQ(partition_->NoteDefault(Datum::Null(), "shed").error().code(),
            ErrorCode::kInvalidArgument);
  Commit();
  EXPECT_EQ(CountRecords()[RecordType::kDefault], 1);
  EXPECT_EQ(partition_->core().events(), 0u);
  EXPECT_FALSE((*partition_->FindByEventKey(event.columns[0])).has_value());
  EXPECT_FALSE(Decide(event).repeated);
  Commit();
  Result<ledger::OwnedRecord> record = partition_->log().Read(1);
  ASSERT_TRUE(record.has_value());
  Result<DefaultRecord> read = DecodeDefault(**record);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->action, Action::kReview);
  EXPECT_EQ(read->answered_us, kStartUs);
  EXPECT_EQ(read->why, "shed");
}

TEST_F(PartitionTest, FailedSyncEndsDecidingAndLosesNothingAcknowledged) {
  Open();
  const Event first = Payment("1", kStartUs, "a", "x", 100);
  Decide(first);
  Commit();
  const Event second = Payment("2", kStartUs, "a", "x", 100);
  Decide(second);
  disk_.FailSync(1);
  EXPECT_FALSE(partition_->Commit(partition_->TakeBatch()).has_value());
  EXPECT_EQ(partition_->Decide(Payment("3", kStartUs, "a", "x", 1)).error().code(),
            ErrorCode::kUnavailable);
  EXPECT_EQ(partition_->NoteDefault(second.columns[0], "x").error().code(),
            ErrorCode::kUnavailable);
  EXPECT_EQ(partition_->Commit(partition_->TakeBatch()).error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE((*partition_->FindByEventKey(first.columns[0])).has_value()) << "can still be read";
  partition_.reset();
  disk_.Crash();
  Open();
  EXPECT_TRUE(Decide(first).repeated);
  Decide(second);
  Commit();
  EXPECT_EQ(CountRecords()[RecordType::kEvent], 2);
}

TEST_F(PartitionTest, FullDiskEndsDecidingAndSaysSo) {
  Open();
  disk_.LimitSpace(200);
  for (const Event& event : RandomPayments(3, 20)) {
    Decide(event);
  }
  EXPECT_EQ(partition_->Commit(partition_->TakeBatch()).error().code(), ErrorCode::kDiskFull);
  EXPECT_EQ(partition_->Decide(Payment("x", kStartUs, "a", "x", 1)).error().code(),
            ErrorCode::kUnavailable);
  disk_.LimitSpace(std::nullopt);
  Open();
  EXPECT_EQ(partition_->core().events(), 0u);
  for (const Event& event : RandomPayments(3, 20)) {
    Decide(event);
  }
  Commit();
  EXPECT_EQ(partition_->core().events(), 20u);
}

TEST_F(PartitionTest, NewPackFoldsAllEventsAndLeavesOldDecisions) {
  Open();
  const std::vector<Event> events = RandomPayments(4, 120);
  std::vector<Bytes> old_bodies;
  for (size_t i = 0; i < 80; ++i) {
    old_bodies.push_back(Body(Decide(events[i]).decision));
  }
  Commit();
  ASSERT_TRUE(partition_->Snapshot().has_value()) << "of no use to the new pack";

  // Another window, one feature less, one column more, another threshold.
  std::string text = SmallPackWith("INTERVAL 1 DAY", "INTERVAL 2 DAYS");
  text.replace(text.find("previous = \"lag(amount) OVER payer_all\""), 39, "");
  text.replace(text.find("[window]"), 0, "note = { type = \"VARCHAR\", class = \"其他\" }\n");
  auto pack = MustCompile(text);
  ASSERT_NE(pack, nullptr);
  Open(pack);
  EXPECT_TRUE(partition_->recovery().published);
  EXPECT_EQ(partition_->recovery().snapshot_seq, 0u);
  EXPECT_EQ(partition_->recovery().folded_events, 80u);

  auto widened = [](Event event) {
    event.columns.Append(Datum::Null());
    return event;
  };
  Core oracle(pack);
  for (size_t i = 0; i < 80; ++i) {
    oracle.Decide(widened(events[i]), 1 + 2 * i);
  }
  EXPECT_EQ(partition_->core().StateDigest(), oracle.StateDigest());
  for (size_t i = 80; i < events.size(); ++i) {
    const Decision expected = oracle.Decide(widened(events[i]), 2 + 2 * i);
    const Decision found = Decide(widened(events[i])).decision;
    ASSERT_EQ(found.event_seq, expected.event_seq) << "a Publish stands between";
    ASSERT_EQ(found.hits, expected.hits);
  }
  Commit();

  for (size_t i = 0; i < 80; ++i) {
    const Outcome again = Decide(widened(events[i]));
    ASSERT_TRUE(again.repeated);
    ASSERT_EQ(Body(again.decision), old_bodies[i]) << "decisions taken stand";
    ASSERT_EQ((*partition_->PublishedAt(again.decision.seq()))->hash, SmallPack()->pack().hash);
  }
  EXPECT_EQ((*partition_->PublishedAt(162))->hash, pack->pack().hash);
  Open(pack);
  EXPECT_EQ(partition_->core().StateDigest(), oracle.StateDigest());
}

TEST_F(PartitionTest, RefusesAPackWhoseEventsTheLogDoesNotHave) {
  Open();
  Decide(Payment("1", kStartUs, "a", "", 100));
  Commit();
  partition_.reset();
  auto open_with = [&](std::string_view old_text, std::string_view new_text) {
    auto opened = Partition::Open(disk_, clock_, kDir,
                                  MustCompile(SmallPackWith(old_text, new_text)), options_);
    EXPECT_FALSE(opened.has_value());
    return opened ? ErrorCode::kInternal : opened.error().code();
  };
  EXPECT_EQ(open_with("key = \"id\"", "key = \"payer\""), ErrorCode::kConflict);
  EXPECT_EQ(open_with("id = { type = \"VARCHAR\"", "id = { type = \"BIGINT\""),
            ErrorCode::kConflict);
  EXPECT_EQ(open_with("DECIMAL(18,2)", "DECIMAL(18,3)"), ErrorCode::kConflict);
  EXPECT_EQ(
      open_with("payee = { type = \"VARCHAR\",", "payee = { nullable = false, type = \"VARCHAR\","),
      ErrorCode::kConflict);
  Open();
  EXPECT_EQ(partition_->core().events(), 1u) << "refusing changed nothing";
}

TEST_F(PartitionTest, LogOfAnotherPackNameIsRefused) {
  Open();
  partition_.reset();
  auto other = MustCompile(SmallPackWith("name = \"small\"", "name = \"other\""));
  auto refused = [&] {
    return Partition::Open(disk_, clock_, kDir, other, options_).error().code();
  };
  EXPECT_EQ(refused(), ErrorCode::kConflict);
  ASSERT_TRUE(disk_.Remove(std::string(kDir) + "/head").has_value());
  EXPECT_EQ(refused(), ErrorCode::kConflict) << "the log itself names its pack";
}

TEST_F(PartitionTest, IsOpenOnlyOnce) {
  Open();
  EXPECT_EQ(Partition::Open(disk_, clock_, kDir, SmallPack(), options_).error().code(),
            ErrorCode::kUnavailable);
}

TEST_F(PartitionTest, FullBatchRefusesBeforeItDecides) {
  options_.log.commit_bytes_max = 8u << 20;
  Open();
  const std::string text(60'000, 'a');
  Result<Outcome> outcome = Outcome();
  uint64_t decided = 0;
  for (; decided < 1000; ++decided) {
    outcome = partition_->Decide(Payment(fmt::format("p{}", decided), kStartUs, text, text, 1));
    if (!outcome) {
      break;
    }
  }
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(partition_->core().events(), decided);
  Commit();
  EXPECT_FALSE(Decide(Payment(fmt::format("p{}", decided), kStartUs, text, text, 1)).repeated);
}

TEST_F(PartitionTest, TellsOfNoPackWhereThereIsNoRecord) {
  Open();
  const Decision decision = Decide(Payment("1", kStartUs, "a", "x", 100)).decision;
  EXPECT_EQ((*partition_->PublishedAt(decision.seq()))->hash, SmallPack()->pack().hash);
  EXPECT_EQ(partition_->PublishedAt(decision.seq() + 1).error().code(), ErrorCode::kNotFound);
  Commit();
  EXPECT_EQ(partition_->PublishedAt(decision.seq() + 1).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(partition_->PublishedAt(0).error().code(), ErrorCode::kNotFound) << "a Publish is none";
}

// ---- closing

TEST_F(PartitionTest, ClosingSavesTheHeadOfAllThatIsCommitted) {
  for (const bool by_destructor : {false, true}) {
    Open();
    const uint64_t before = partition_->committed();
    Send({Payment(fmt::format("a{}", by_destructor), kStartUs, "a", "x", 100)});
    const Event open_event = Payment("never committed", kStartUs, "a", "x", 100);
    Decide(open_event);
    EXPECT_EQ(SavedHeadSize(), before) << "of the opening";
    if (by_destructor) {
      partition_.reset();
    } else {
      ASSERT_TRUE(partition_->Close().has_value());
      EXPECT_TRUE(partition_->Close().has_value()) << "once more does nothing";
      EXPECT_EQ(partition_->Decide(open_event).error().code(), ErrorCode::kUnavailable);
      EXPECT_EQ(partition_->NoteDefault(open_event.columns[0], "x").error().code(),
                ErrorCode::kUnavailable);
      EXPECT_EQ(partition_->Commit(partition_->TakeBatch()).error().code(),
                ErrorCode::kUnavailable);
      EXPECT_TRUE((*partition_->FindByEventKey(Datum::Text("afalse"))).has_value()) << "lookups";
    }
    EXPECT_EQ(SavedHeadSize(), before + 2);
    Result<ledger::VerifyReport> report = ledger::Verify(disk_, kDir, {});
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->ok());
    EXPECT_EQ(report->entries, before + 2);
    ASSERT_EQ(report->heads.size(), 1u);
    EXPECT_EQ(report->heads[0].head.size, report->entries) << "nothing lies behind the head";
    EXPECT_EQ(report->heads[0].result, ledger::HeadResult::kMatched);
  }
  Open();
  EXPECT_EQ(partition_->core().events(), 2u);
}

TEST_F(PartitionTest, ClosingAfterAFailedCommitLeavesTheHeadAsItWas) {
  Open();
  Send(RandomPayments(1, 3));
  Decide(Payment("lost", kStartUs, "a", "x", 100));
  disk_.FailSync(1);
  ASSERT_FALSE(partition_->Commit(partition_->TakeBatch()).has_value());
  const uint64_t syncs = disk_.syncs();
  EXPECT_EQ(partition_->Close().error().code(), ErrorCode::kUnavailable);
  partition_.reset();
  EXPECT_EQ(disk_.syncs(), syncs) << "a disk that failed is not asked again";
  EXPECT_EQ(SavedHeadSize(), 1u);
}

// What remains of a commit that the head vouches for is no torn tail to be cut off.
TEST_F(PartitionTest, LeavesALogAsItIsThatHasLostWhatItsHeadVouchesFor) {
  Open();
  Send({Payment("1", kStartUs, "a", "x", 100)});
  Send({Payment("2", kStartUs, "a", "x", 100)});
  ASSERT_TRUE(partition_->Close().has_value());
  partition_.reset();
  const std::string segment =
      std::string(kDir) + "/log/" + disk_.List(std::string(kDir) + "/log")->front();
  const auto content = [&] {
    auto file = *disk_.Open(segment, OpenMode::kReadWrite);
    Bytes bytes(*file->Size());
    FUQI_CHECK(file->Read(0, bytes).has_value());
    return bytes;
  };
  const Bytes whole = content();
  for (size_t back = 1; back < 200; back += 7) {
    Bytes damaged = whole;
    damaged[whole.size() - back] ^= 1;
    ASSERT_TRUE((*disk_.Open(segment, OpenMode::kReadWrite))->Write(0, damaged).has_value());
    const auto opened = Partition::Open(disk_, clock_, kDir, SmallPack(), options_);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
    EXPECT_EQ(content(), damaged);
  }
}

TEST_F(PartitionTest, AHeadThatCannotBeSavedEndsDeciding) {
  options_.head_every = 1;
  uint64_t failures = 0;
  for (uint64_t nth = 2;; ++nth) {  // the first is the log's own
    Open();
    const Event event = Payment(fmt::format("p{}", nth), kStartUs, "a", "x", 100);
    Decide(event);
    disk_.FailSync(nth);
    const Result<void> committed = partition_->Commit(partition_->TakeBatch());
    disk_.FailSync(0);
    if (committed) {
      break;
    }
    ++failures;
    EXPECT_EQ(partition_->Decide(Payment("x", kStartUs, "a", "x", 1)).error().code(),
              ErrorCode::kUnavailable);
    partition_.reset();
    disk_.Crash();
    Open();
    EXPECT_TRUE(Decide(event).repeated) << "it was durable, though nobody was told";
  }
  EXPECT_GE(failures, 4u) << "two of the tree, two of the head";
}

TEST_F(PartitionTest, PowerLostWhileClosingLeavesTheOldHeadOrTheNew) {
  uint64_t cuts = 0;
  uint64_t old_heads = 0;
  uint64_t new_heads = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, power lost at sync {} of closing", seed, nth));
      SimulatedDisk disk(1000 * seed + nth);
      std::unique_ptr<Partition> partition;
      auto open = [&] {
        partition.reset();
        auto opened = Partition::Open(disk, clock_, kDir, SmallPack(), options_);
        ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
        partition = std::move(*opened);
      };
      open();
      const std::vector<Event> events = RandomPayments(seed, 4);
      for (const Event& event : events) {
        ASSERT_TRUE(partition->Decide(event).has_value());
      }
      ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
      disk.LosePowerAtSync(nth);
      const bool closed = partition->Close().has_value();
      ASSERT_EQ(closed, !disk.power_lost());
      partition.reset();
      disk.Crash();
      disk.LosePowerAtSync(0);
      const auto head = ledger::ReadHead(disk, std::string(kDir) + "/head");
      ASSERT_TRUE(head.has_value() && head->has_value()) << "whole, whichever it is";
      ASSERT_TRUE((*head)->size == 1 || (*head)->size == 9) << (*head)->size;
      ASSERT_TRUE(!closed || (*head)->size == 9) << "closed, and the head is lost";
      const auto report = ledger::Verify(disk, kDir, {});
      ASSERT_TRUE(report.has_value() && report->ok());
      ASSERT_EQ(report->entries, 9u);
      open();
      ASSERT_EQ(partition->core().events(), 4u);
      if (closed) {
        break;
      }
      ++cuts;
      ++((*head)->size == 1 ? old_heads : new_heads);
    }
  }
  fmt::print("200 seeds, {} cuts: {} left the old head, {} the new\n", cuts, old_heads, new_heads);
  EXPECT_GE(cuts, 200u * 4);
  EXPECT_GT(old_heads, 0u);
  EXPECT_GT(new_heads, 0u);
}

// ---- changes of committed state

std::shared_ptr<const CompiledPack> PackWithList(std::string_view section) {
  return MustCompile(std::string(kSmallPack) + std::string(section));
}
constexpr std::string_view kWatched = "[list.watched]\ntype = \"VARCHAR\"\n";

ListChange Watch(std::string value, std::string id = "") {
  return {{"officer", kStartUs, std::move(id)}, "watched", {{.value = std::move(value)}}, {}};
}

TEST_F(PartitionTest, AChangeIsFoldedWithOrWithoutASnapshot) {
  Open(PackWithList(kWatched));
  Send(RandomPayments(5, 3));
  const Result<Applied> applied = partition_->Apply(Watch("x", "key 1"));
  ASSERT_TRUE(applied.has_value());
  EXPECT_EQ(applied->seq, 7u);
  Commit();
  Send({Payment("after", kStartUs, "a", "x", 100)});
  const Digest state = partition_->core().StateDigest();
  auto check = [&](std::string_view when) {
    EXPECT_EQ(partition_->core().StateDigest(), state) << when;
    const Result<Applied> again = partition_->Apply(Watch("x", "key 1"));
    ASSERT_TRUE(again.has_value()) << when;
    EXPECT_TRUE(again->repeated) << when;
    EXPECT_EQ(again->seq, 7u) << when;
    EXPECT_TRUE(partition_->TakeBatch().empty()) << when;
    EXPECT_EQ(partition_->Apply(Watch("y", "key 1")).error().code(), ErrorCode::kConflict) << when;
  };
  check("live");
  Open(PackWithList(kWatched));
  check("folded from the log");
  options_.snapshot_every = 1;
  Open(PackWithList(kWatched));
  ASSERT_TRUE(partition_->WriteDueSnapshot().has_value());
  Open(PackWithList(kWatched));
  EXPECT_EQ(partition_->recovery().folded_events, 0u);
  check("from a snapshot");
}

TEST_F(PartitionTest, AfterAFailedCommitTheListIsWhatTheLogSays) {
  uint64_t lost = 0;
  uint64_t kept = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    disk_ = SimulatedDisk(seed);
    Open(PackWithList(kWatched));
    ASSERT_TRUE(partition_->Apply(Watch("x", "key 1")).has_value());
    disk_.LosePowerAtSync(1);
    EXPECT_FALSE(partition_->Commit(partition_->TakeBatch()).has_value());
    EXPECT_EQ(partition_->Apply(Watch("y")).error().code(), ErrorCode::kUnavailable);
    partition_.reset();
    disk_.Crash();
    disk_.LosePowerAtSync(0);
    Open(PackWithList(kWatched));
    const size_t records = CountRecords()[RecordType::kListChange];
    EXPECT_EQ(partition_->core().committed().FindList("watched")->size(), records);
    EXPECT_EQ(partition_->Apply(Watch("x", "key 1"))->repeated, records == 1);
    ++(records == 0 ? lost : kept);
    partition_.reset();
  }
  EXPECT_GT(lost, 0u);
  EXPECT_GT(kept, 0u);
}

TEST_F(PartitionTest, AListFollowsThePackThroughItsVersions) {
  Open(PackWithList(kWatched));
  ASSERT_TRUE(partition_->Apply(Watch("12")).has_value());
  Commit();
  Open();
  EXPECT_EQ(partition_->core().committed().FindList("watched"), nullptr) << "dropped";
  Open(PackWithList("[list.watched]\ntype = \"BIGINT\"\n"));
  EXPECT_NE(partition_->core().committed().FindList("watched")->Find(Datum::Int(12), 0), nullptr)
      << "back, and its value is one of the new type too";
  ASSERT_TRUE(partition_->Apply(Watch("13")).has_value());
  Commit();
  partition_.reset();
  auto opened = Partition::Open(disk_, clock_, kDir,
                                PackWithList("[list.watched]\ntype = \"DATE\"\n"), options_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kTypeMismatch);
}

TEST_F(PartitionTest, RefusesAChangeTooLargeForOneRecord) {
  Open(PackWithList(kWatched));
  ListChange change = Watch("x");
  for (int i = 0; i < 1000; ++i) {
    change.puts.push_back({.value = fmt::format("v{}", i), .reason = std::string(3900, 'r')});
  }
  EXPECT_EQ(partition_->Apply(change).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(partition_->core().committed().FindList("watched")->size(), 0u);
  EXPECT_TRUE(partition_->TakeBatch().empty());
}

TEST_F(PartitionTest, TreeFollowsTheLog) {
  Open();
  for (const Event& event : RandomPayments(3, 20)) {
    Decide(event);
  }
  Commit();
  EXPECT_EQ(partition_->tree().size(), 41u);
  const Digest root = *partition_->tree().Root(41);
  Open();
  EXPECT_EQ(*partition_->tree().Root(41), root);
}

}  // namespace
}  // namespace fuqi::decide
