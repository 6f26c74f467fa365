#include "decide/partition.h"

#include <gtest/gtest.h>

#include <map>

#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "decide/small_pack_test.h"

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

  SimulatedDisk disk_;
  ManualClock clock_;
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
};

TEST_F(PartitionTest, BeginsWithThePackThatDecides) {
  Open();
  EXPECT_TRUE(partition_->recovery().published);
  EXPECT_EQ(partition_->committed(), 1u);
  EXPECT_EQ((*partition_->PublishedAt(1))->hash, SmallPack()->pack().hash);
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
  EXPECT_EQ(Partition::Open(disk_, clock_, kDir, other, options_).error().code(),
            ErrorCode::kConflict);
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
