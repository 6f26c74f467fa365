// A version of a pack that becomes the one that decides while deciding goes on: proposed, approved,
// backfilled beside the other, switched to at one sequence number.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/simulated_disk.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;
using Kind = ProposalStep::Kind;

constexpr char kDir[] = "/node/small";

// Another threshold, window and feature, and a column more.
const std::shared_ptr<const CompiledPack>& NewVersion() {
  static const auto kPack = [] {
    std::string text = SmallPackWith("INTERVAL 1 DAY", "INTERVAL 2 DAYS");
    text.replace(text.find("previous = \"lag(amount) OVER payer_all\""), 39, "");
    text.replace(text.find("amount >= 1000"), 14, "amount >= 300 ");
    text.replace(text.find("[window]"), 0, "note = { type = \"VARCHAR\", class = \"其他\" }\n");
    return MustCompile(text);
  }();
  return kPack;
}

Event Widened(Event event) {
  event.columns.Append(Datum::Null());
  return event;
}

class PublishTest : public testing::Test {
 protected:
  PublishTest() : disk_(7), clock_(kStartUs) { options_.log.new_log_id.emplace().fill(1); }

  void Open(std::shared_ptr<const CompiledPack> pack = SmallPack()) {
    partition_.reset();
    auto opened = Partition::Open(disk_, clock_, dir_, std::move(pack), options_);
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    partition_ = std::move(*opened);
  }
  Outcome Decide(const Event& event, const CompiledPack* read_by = nullptr) {
    Result<Outcome> outcome = partition_->Decide(event, read_by);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().ToString();
    return outcome ? std::move(*outcome) : Outcome();
  }
  void Commit() {
    Result<void> committed = partition_->Commit(partition_->TakeBatch());
    ASSERT_TRUE(committed.has_value()) << committed.error().ToString();
  }
  Applied Propose(const std::shared_ptr<const CompiledPack>& version,
                  const std::string& by = "anna") {
    Proposal proposal;
    proposal.by = by;
    proposal.made_us = clock_.NowUs();
    proposal.expires_us = proposal.made_us + kDayUs;
    proposal.hash = version->pack().hash;
    const Versions versions = partition_->versions();
    if (const auto* published = versions.Find(proposal.hash)) {
      proposal.published = published->seq;
    } else {
      proposal.files = version->pack().files;
    }
    Result<Applied> made = partition_->Propose(proposal);
    EXPECT_TRUE(made.has_value()) << made.error().ToString();
    return made.value_or(Applied());
  }
  Result<Applied> Step(Kind kind, const std::string& by = "bert") {
    return partition_->Step(
        {by, clock_.NowUs(), partition_->versions().newest()->record, kind, "seen"});
  }
  void ProposeAndApprove(const std::shared_ptr<const CompiledPack>& version) {
    Propose(version);
    ASSERT_TRUE(Step(Kind::kApproved).has_value());
  }
  std::unique_ptr<Backfill> Begin(const std::shared_ptr<const CompiledPack>& version) {
    auto begun = partition_->BeginBackfill(version);
    EXPECT_TRUE(begun.has_value()) << begun.error().ToString();
    return begun ? std::move(*begun) : nullptr;
  }
  // All of it, with nothing decided meanwhile.
  void Publish(const std::shared_ptr<const CompiledPack>& version) {
    ProposeAndApprove(version);
    Commit();
    const std::unique_ptr<Backfill> backfill = Begin(version);
    ASSERT_EQ(partition_->CatchUp(*backfill).value_or(1), 0u);
    ASSERT_TRUE(partition_->Switch(*backfill).has_value());
    Commit();
  }
  ProposalState State() { return partition_->versions().newest()->state; }

  SimulatedDisk disk_;
  ManualClock clock_;
  PartitionOptions options_;
  std::string dir_ = kDir;
  std::unique_ptr<Partition> partition_;
};

TEST_F(PublishTest, DecidesEveryEventByTheOldVersionOrByTheNewOneAndNeverStops) {
  Open();
  const std::vector<Event> events = RandomPayments(4, 400);
  size_t next = 0;
  // Some are committed, some under way, some in the open batch.
  std::optional<ledger::Batch> under_way;
  auto decide_some = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Decide(events[next++], SmallPack().get());
    }
    if (under_way) {
      ASSERT_TRUE(partition_->Commit(*under_way).has_value());
    }
    under_way = partition_->TakeBatch();
  };
  decide_some(100);
  ProposeAndApprove(NewVersion());
  decide_some(20);
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  EXPECT_EQ(partition_->Switch(*backfill).error().code(), ErrorCode::kUnavailable)
      << "what is under way is not read yet";
  decide_some(30);
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  decide_some(50);
  EXPECT_EQ(backfill->folded(), 150u) << "what is not on disk yet included";
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  Decide(events[next++]);
  Decide(events[next++]);

  const Result<Applied> switched = partition_->Switch(*backfill);
  ASSERT_TRUE(switched.has_value()) << switched.error().ToString();
  EXPECT_EQ(backfill->folded_at_switch(), 4u) << "two events and their decisions";
  const size_t at = next;
  while (next < events.size()) {
    Decide(events[next++], SmallPack().get());  // read before the switch
  }
  if (under_way) {
    ASSERT_TRUE(partition_->Commit(*under_way).has_value());
  }
  Commit();

  // Each version by a core of its own, over all events.
  Core old_core(SmallPack());
  Core new_core(NewVersion());
  std::map<std::string, Bytes> due;
  uint64_t seq = 1;
  for (size_t i = 0; i < events.size(); ++i) {
    seq += i == 100 ? 2 : 0;  // Proposal and ProposalStep
    seq += i == at ? 1 : 0;   // Publish
    EXPECT_EQ(i < at, seq < switched->seq);
    const Decision before = old_core.Decide(events[i], seq);
    const Decision after = new_core.Decide(Widened(events[i]), seq);
    const bool is_new = i >= at;
    const auto found = partition_->FindBySeq(seq + 1);
    ASSERT_TRUE(found.has_value()) << found.error().ToString();
    Bytes expected;
    Bytes stored;
    const table::Schema& features = (is_new ? NewVersion() : SmallPack())->feature_schema();
    EncodeDecisionBody(features, is_new ? after : before, expected);
    EncodeDecisionBody(features, *found, stored);
    ASSERT_EQ(stored, expected) << i;
    ASSERT_EQ((*partition_->PublishedAt(seq))->hash,
              (is_new ? NewVersion() : SmallPack())->pack().hash);
    seq += 2;
  }
  EXPECT_EQ(partition_->core().StateDigest(), new_core.StateDigest());
  EXPECT_EQ(State(), ProposalState::kPublished);
  EXPECT_EQ(partition_->versions().newest()->publish_seq, switched->seq);

  Open(NewVersion());
  EXPECT_FALSE(partition_->recovery().published);
  EXPECT_EQ(partition_->core().StateDigest(), new_core.StateDigest());
  partition_.reset();
  const auto again = Reperform(disk_, kDir, TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again->equal, events.size());
  EXPECT_TRUE(again->holds());
}

TEST_F(PublishTest, ARepetitionAcrossTheSwitchIsKnownWhetherItIsOnDiskOrNot) {
  Open();
  const Event committed = Payment("1", kStartUs, "a", "x", 100);
  const Event pending = Payment("2", kStartUs, "a", "x", 100);
  const Decision first = Decide(committed).decision;
  ProposeAndApprove(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  const Decision second = Decide(pending).decision;
  ASSERT_TRUE(partition_->Switch(*backfill).has_value());
  const Decision third = Decide(Widened(Payment("3", kStartUs, "a", "x", 100))).decision;
  for (const char* when : {"open", "committed"}) {
    for (const auto& [event, decision] :
         {std::pair(committed, first), std::pair(pending, second)}) {
      const Outcome again = Decide(event, SmallPack().get());
      EXPECT_TRUE(again.repeated) << when;
      EXPECT_EQ(again.decision.event_seq, decision.event_seq) << when;
      EXPECT_TRUE(Decide(Widened(event)).repeated) << when;
      EXPECT_EQ((*partition_->PublishedAt(again.decision.seq()))->hash, SmallPack()->pack().hash);
      Event other = event;
      other.columns.Set(4, Datum::Int(101));
      EXPECT_EQ(partition_->Decide(Widened(other)).error().code(), ErrorCode::kConflict) << when;
    }
    EXPECT_EQ((*partition_->PublishedAt(third.seq()))->hash, NewVersion()->pack().hash);
    Commit();
  }
}

TEST_F(PublishTest, NoMoreThanTheBoundIsFoldedWhileDecidingWaits) {
  Open();
  ProposeAndApprove(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  const size_t most = Backfill::kSwitchRecordsMax / 2;
  const std::vector<Event> events = RandomPayments(5, most + 1);
  for (const Event& event : events) {
    Decide(event);
  }
  EXPECT_EQ(partition_->Switch(*backfill).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(partition_->pack(), SmallPack()) << "nothing changed";
  EXPECT_EQ(partition_->CatchUp(*backfill).value_or(1), 0u);
  ASSERT_TRUE(partition_->Switch(*backfill).has_value());
  EXPECT_EQ(backfill->folded_at_switch(), 0u);
  EXPECT_EQ(partition_->pack(), NewVersion());
}

TEST_F(PublishTest, IsSwitchedToOnlyWhileItIsApproved) {
  Open();
  Propose(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  EXPECT_EQ(partition_->Switch(*backfill).error().code(), ErrorCode::kCancelled) << "proposed only";
  EXPECT_EQ(Step(Kind::kApproved, "anna").error().code(), ErrorCode::kPermissionDenied);
  ASSERT_TRUE(Step(Kind::kApproved).has_value());
  ASSERT_TRUE(Step(Kind::kWithdrawn, "anna").has_value());
  EXPECT_EQ(partition_->Switch(*backfill).error().code(), ErrorCode::kCancelled) << "withdrawn";
  EXPECT_EQ(partition_->pack(), SmallPack());
}

TEST_F(PublishTest, ASecondPublisherIsToldOfTheFirst) {
  Open();
  const Applied first = Propose(NewVersion());
  EXPECT_EQ(Propose(NewVersion()).seq, first.seq) << "the same, sent again";
  Proposal other;
  other.by = "carl";
  other.made_us = clock_.NowUs();
  other.expires_us = other.made_us + 1;
  other.files = MustCompile(SmallPackWith("amount >= 1000", "amount >= 7"))->pack().files;
  other.hash = ContentHash(other.files);
  const Result<Applied> second = partition_->Propose(other);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_NE(second.error().ToString().find("anna"), std::string::npos);
}

TEST_F(PublishTest, AnApprovalSurvivesARestartAndIsThenCarriedOut) {
  for (bool with_snapshot : {false, true}) {
    options_.snapshot_every = with_snapshot ? 1 : 0;
    dir_ = with_snapshot ? "/other/small" : kDir;
    Open();
    for (const Event& event : RandomPayments(6, 30)) {
      Decide(event);
    }
    ProposeAndApprove(NewVersion());
    Commit();
    ASSERT_TRUE(partition_->WriteDueSnapshot().has_value());
    Open();
    EXPECT_EQ(partition_->recovery().snapshot_seq > 0, with_snapshot);
    const Versions versions = partition_->versions();
    ASSERT_NE(versions.approved(), nullptr);
    EXPECT_EQ(versions.approved()->approval->by, "bert");
    const Result<PackFiles> files = partition_->FilesOf(*versions.approved());
    ASSERT_TRUE(files.has_value());
    EXPECT_EQ(*files, NewVersion()->pack().files);
    const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
    ASSERT_EQ(partition_->CatchUp(*backfill).value_or(1), 0u);
    ASSERT_TRUE(partition_->Switch(*backfill).has_value());
    EXPECT_EQ(State(), ProposalState::kPublished);
  }
}

TEST_F(PublishTest, RollsBackToAVersionOfTheLogAndWhatWasLaidDownStands) {
  const std::string list = "\n[list.watched]\ntype = \"VARCHAR\"\n";
  const auto first = MustCompile(std::string(kSmallPack) + list);
  const auto second = MustCompile(SmallPackWith("amount >= 1000", "amount >= 7") + list);
  Open(first);
  Decide(Payment("1", kStartUs, "a", "x", 5'000));
  Publish(second);
  ListChange change;
  change.head = {"officer", 1, "c1"};
  change.list = "watched";
  change.puts.push_back({.value = "x", .source = "officer"});
  ASSERT_TRUE(partition_->Apply(change).has_value());
  EXPECT_EQ(Decide(Payment("2", kStartUs, "a", "x", 5'000)).decision.action, Action::kBlock);
  Publish(first);
  EXPECT_EQ(*partition_->versions().newest()->proposal.published, 0u) << "no content is sent again";
  EXPECT_EQ(partition_->pack()->pack().hash, first->pack().hash);
  EXPECT_EQ(Decide(Payment("3", kStartUs, "b", "x", 5'000)).decision.action, Action::kApprove);
  EXPECT_TRUE(Decide(Payment("2", kStartUs, "a", "x", 5'000)).repeated) << "ids stand";
  EXPECT_EQ(partition_->core().committed().FindList("watched")->size(), 1u) << "lists stand";
  EXPECT_TRUE(partition_->Apply(change)->repeated);
  EXPECT_EQ(partition_->core().events(), 3u);
}

TEST_F(PublishTest, TheBackfilledStateServesAsASnapshotOfTheNewVersion) {
  Open();
  for (const Event& event : RandomPayments(7, 50)) {
    Decide(event);
  }
  ProposeAndApprove(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
  const Bytes saved = backfill->Save();
  const uint64_t seq = backfill->seq();
  Decide(Payment("x", kStartUs, "a", "x", 1));
  ASSERT_TRUE(partition_->Switch(*backfill).has_value());
  Commit();
  ASSERT_TRUE(partition_->WriteSnapshotOf(seq, saved).has_value());
  const Digest state = partition_->core().StateDigest();
  Open(NewVersion());
  EXPECT_EQ(partition_->recovery().snapshot_seq, seq);
  EXPECT_EQ(partition_->recovery().folded_events, 1u);
  EXPECT_EQ(partition_->core().StateDigest(), state);
  EXPECT_EQ(State(), ProposalState::kPublished);
  EXPECT_FALSE(partition_->recovery().published);
}

TEST_F(PublishTest, ABackfillThatIsDroppedOrStoppedLeavesNothingBehind) {
  Open();
  ProposeAndApprove(NewVersion());
  Decide(Payment("1", kStartUs, "a", "x", 1));
  Commit();
  {
    const std::unique_ptr<Backfill> dropped = Begin(NewVersion());
    ASSERT_TRUE(partition_->CatchUp(*dropped).has_value());
    const std::unique_ptr<Backfill> second = Begin(NewVersion());
    EXPECT_EQ(partition_->CatchUp(*second).error().code(), ErrorCode::kConflict);
  }
  const std::unique_ptr<Backfill> stopped = Begin(NewVersion());
  stopped->Stop();
  EXPECT_EQ(partition_->CatchUp(*stopped).error().code(), ErrorCode::kCancelled);
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  ASSERT_EQ(partition_->CatchUp(*backfill).value_or(1), 0u);
  EXPECT_TRUE(partition_->Switch(*backfill).has_value());
}

TEST_F(PublishTest, AnEventOfTheLogThatDoesNotFitEndsTheBackfillWithItsPlace) {
  // A column that was dropped comes back with another type: the version that decides has none of
  // it, but the log's first events do.
  Open(NewVersion());
  Decide(Widened(Payment("1", kStartUs, "a", "x", 1)));
  Publish(SmallPack());
  std::string text(kSmallPack);
  text.replace(text.find("[window]"), 0, "note = { type = \"BIGINT\", class = \"其他\" }\n");
  const std::unique_ptr<Backfill> backfill = Begin(MustCompile(text));
  const Result<uint64_t> caught = partition_->CatchUp(*backfill);
  ASSERT_FALSE(caught.has_value());
  EXPECT_EQ(caught.error().code(), ErrorCode::kConflict);
  EXPECT_NE(caught.error().ToString().find("note"), std::string::npos);
  EXPECT_NE(caught.error().ToString().find("#1"), std::string::npos);
}

TEST_F(PublishTest, AVersionThatWatchesIsComparedDecisionByDecisionFromItsProposalOn) {
  Open();
  const std::vector<Event> events = RandomPayments(9, 300);
  for (size_t i = 0; i < 100; ++i) {
    Decide(events[i]);
  }
  const Applied proposal = Propose(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> shadow = Begin(NewVersion());
  shadow->CompareFrom(proposal.seq);
  for (size_t i = 100; i < 250; ++i) {
    Decide(events[i]);
    if (i % 7 == 0) {
      ASSERT_TRUE(partition_->CatchUp(*shadow).has_value());
    }
    if (i % 20 == 0) {
      Commit();
    }
  }
  Commit();
  ASSERT_EQ(partition_->CatchUp(*shadow).value_or(1), 0u);

  Core old_core(SmallPack());
  Core new_core(NewVersion());
  ShadowReport due;
  std::vector<uint64_t> different;
  for (size_t i = 0; i < 250; ++i) {
    const uint64_t seq = 1 + 2 * i + (i >= 100 ? 1 : 0);
    const Decision before = old_core.Decide(events[i], seq);
    const Decision after = new_core.Decide(Widened(events[i]), seq);
    if (i < 100) {
      continue;
    }
    ++due.actions[static_cast<size_t>(before.action)][static_cast<size_t>(after.action)];
    if (before.action != after.action) {
      different.push_back(before.seq());
    }
    for (uint32_t hit : before.hits) {
      ++due.rules[SmallPack()->pack().rules[hit].id].first;
    }
    for (uint32_t hit : after.hits) {
      ++due.rules[NewVersion()->pack().rules[hit].id].second;
    }
  }
  const ShadowReport report = shadow->report();
  EXPECT_EQ(report.events, 150u);
  EXPECT_EQ(report.actions, due.actions);
  EXPECT_EQ(report.rules, due.rules);
  EXPECT_EQ(report.different, different.size());
  ASSERT_GT(different.size(), 10u) << "or there would be nothing to see";
  ASSERT_EQ(report.newest.size(), std::min(different.size(), ShadowReport::kExamplesMax));
  for (size_t i = 0; i < report.newest.size(); ++i) {
    EXPECT_EQ(report.newest[report.newest.size() - 1 - i].decision_seq,
              different[different.size() - 1 - i]);
  }
  EXPECT_EQ(partition_->core().StateDigest(), old_core.StateDigest()) << "it acts on nothing";

  // Approved, it is where it must be, and decides the next event.
  ASSERT_TRUE(Step(Kind::kApproved).has_value());
  ASSERT_TRUE(partition_->Switch(*shadow).has_value());
  for (size_t i = 250; i < events.size(); ++i) {
    const Outcome outcome = Decide(Widened(events[i]));
    const Decision expected = new_core.Decide(Widened(events[i]), outcome.decision.event_seq);
    ASSERT_EQ(outcome.decision.action, expected.action);
  }
  EXPECT_EQ(partition_->core().StateDigest(), new_core.StateDigest());
}

TEST_F(PublishTest, AWatchingVersionThatFallsFarBehindReadsTheLogAgain) {
  Open();
  const Applied proposal = Propose(NewVersion());
  Commit();
  const std::unique_ptr<Backfill> shadow = Begin(NewVersion());
  shadow->CompareFrom(proposal.seq);
  ASSERT_TRUE(partition_->CatchUp(*shadow).has_value());
  const size_t count = Backfill::kTailRecordsMax / 2 + 100;
  for (size_t i = 0; i < count; ++i) {
    Decide(Payment(fmt::format("e{}", i), kStartUs + static_cast<int64_t>(i) * kHourUs, "a", "x",
                   40'000));
    if (i % 5'000 == 0) {
      Commit();
    }
  }
  Commit();
  ASSERT_TRUE(partition_->CatchUp(*shadow).has_value());
  ASSERT_TRUE(partition_->CatchUp(*shadow).has_value());
  ASSERT_EQ(partition_->CatchUp(*shadow).value_or(1), 0u);
  EXPECT_EQ(shadow->report().events, count);
  EXPECT_EQ(shadow->report().different, count) << "400.00 is large by the one only";
}

TEST_F(PublishTest, DecidingGoesOnInAnotherThreadWhileHistoryIsFolded) {
  Open();
  const std::vector<Event> events = RandomPayments(8, 6'000);
  for (size_t i = 0; i < 3'000; ++i) {
    Decide(events[i]);
  }
  ProposeAndApprove(NewVersion());
  Commit();
  std::atomic<bool> switched{false};
  std::atomic<size_t> after{0};
  const auto newest_us = static_cast<int64_t>(events.back().columns[1].i);
  std::thread decider([&] {
    for (size_t i = 3'000; i < events.size() || !switched; ++i) {
      const Event event = i < events.size()
                              ? events[i]
                              : Payment(fmt::format("q{}", i), newest_us + static_cast<int64_t>(i),
                                        "a1", "b1", 100);
      const Outcome outcome = Decide(event, SmallPack().get());
      after += outcome.pack == NewVersion() ? 1 : 0;
      if (i % 16 == 0) {
        Commit();
      }
    }
    Decide(Payment("last", newest_us, "a1", "b1", 100), SmallPack().get());
    Commit();
  });
  const std::unique_ptr<Backfill> backfill = Begin(NewVersion());
  while (!switched) {
    ASSERT_TRUE(partition_->CatchUp(*backfill).has_value());
    const Result<Applied> done = partition_->Switch(*backfill);
    switched = done.has_value();
    ASSERT_TRUE(done.has_value() || done.error().code() == ErrorCode::kUnavailable);
  }
  decider.join();
  EXPECT_LE(backfill->folded_at_switch(), Backfill::kSwitchRecordsMax);
  partition_.reset();
  const auto again = Reperform(disk_, kDir, TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_TRUE(again->holds()) << again->different << " differ";
  EXPECT_GE(again->decisions, events.size() + 1);
}

}  // namespace
}  // namespace fuqi::decide
