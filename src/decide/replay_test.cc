#include "decide/replay.h"

#include <gtest/gtest.h>

#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

class ReplayTest : public SourceFiles {
 protected:
  Result<ReplaySummary> Run(const std::string& path, ReplayOptions options = {}) {
    FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenSource(access_, *pack_, "bank", path));
    FUQI_ASSIGN_OR_RETURN(SourceReader reader, SourceReader::Open(access_, *pack_, plan));
    return Replay(reader, pack_, options);
  }

  const std::shared_ptr<const CompiledPack> pack_ = SmallPackWithSources();
};

TEST_F(ReplayTest, CountsWhatTheCoreDecides) {
  const std::vector<Event> events = RandomPayments(4, 700);
  Core core(pack_);
  ReplaySummary expected;
  std::vector<uint64_t> hits(3);
  Bytes all;
  ByteWriter writer(all);
  for (const Event& event : events) {
    const Decision decision = core.Decide(event, 1 + 2 * core.events());
    expected.alerts += decision.action != Action::kApprove;
    expected.late += (decision.flags & kLate) != 0;
    for (uint32_t hit : decision.hits) {
      ++hits[hit];
    }
    Bytes body;
    EncodeDecisionBody(pack_->feature_schema(), decision, body);
    writer.Raw(KeyHash(pack_->event_schema()[0], event.columns[0]));
    writer.Blob(body);
  }
  Result<ReplaySummary> summary = Run(Write("a.csv", Csv(events)));
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->events, 700u);
  EXPECT_EQ(summary->alerts, expected.alerts);
  EXPECT_EQ(summary->late, expected.late);
  EXPECT_GT(summary->late, 0u);
  EXPECT_GT(summary->alerts, 0u);
  EXPECT_LT(summary->alerts, 700u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(summary->rules[i].hits, hits[i]);
    EXPECT_GT(hits[i], 0u);
  }
  EXPECT_EQ(ToHex(summary->digest), ToHex(crypto::Sha256(all)));
  EXPECT_GT(summary->decisions_per_s, 0);
  EXPECT_GE(summary->p99_us, summary->p50_us);
  EXPECT_FALSE(summary->ranking.has_value());
}

TEST_F(ReplayTest, GivesOneDigestWithAndWithoutALogAndAcrossRestarts) {
  const std::vector<Event> events = RandomPayments(5, 500);
  const std::string whole = Write("whole.csv", Csv(events));
  Result<ReplaySummary> in_memory = Run(whole);
  ASSERT_TRUE(in_memory.has_value());

  ManualClock clock(kStartUs);
  for (size_t per_commit : {1, 7, 100'000}) {
    SimulatedDisk disk(per_commit);
    PartitionOptions partition_options;
    partition_options.snapshot_every = 90;
    std::unique_ptr<Partition> partition;
    auto open = [&] {
      partition.reset();
      partition = *Partition::Open(disk, clock, "/p", pack_, partition_options);
    };
    // First some, then some more, then all: what is in the log is answered from it.
    for (size_t until : {0, 1, 180, 181, 400}) {
      open();
      const std::string part =
          Write("part.csv", Csv({events.begin(), events.begin() + static_cast<ptrdiff_t>(until)}));
      ASSERT_TRUE(
          Run(part, {.partition = partition.get(), .events_per_commit = per_commit}).has_value());
    }
    open();
    Result<ReplaySummary> logged =
        Run(whole, {.partition = partition.get(), .events_per_commit = per_commit});
    ASSERT_TRUE(logged.has_value()) << logged.error().ToString();
    EXPECT_EQ(ToHex(logged->digest), ToHex(in_memory->digest));
    EXPECT_EQ(logged->alerts, in_memory->alerts);
    EXPECT_EQ(partition->committed(), 1 + 2 * events.size());
  }
}

TEST_F(ReplayTest, CountsARepeatedRowOnceAndRefusesAContradiction) {
  std::vector<Event> events = RandomPayments(6, 50);
  Result<ReplaySummary> once = Run(Write("a.csv", Csv(events)));
  ASSERT_TRUE(once.has_value());
  events.push_back(events[3]);
  Result<ReplaySummary> twice = Run(Write("a.csv", Csv(events)));
  ASSERT_TRUE(twice.has_value());
  EXPECT_EQ(twice->repeated, 1u);
  EXPECT_EQ(twice->events, 50u);
  EXPECT_EQ(twice->digest, once->digest);
  events.back().columns.Set(4, table::Datum::Int(1));
  Result<ReplaySummary> other = Run(Write("a.csv", Csv(events)));
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code(), ErrorCode::kConflict);
  EXPECT_NE(other.error().ToString().find("#51"), std::string::npos) << other.error().ToString();
}

TEST_F(ReplayTest, RefusesALogOfAnotherPackVersion) {
  const std::string path = Write("a.csv", Csv(RandomPayments(7, 5)));
  SimulatedDisk disk(1);
  ManualClock clock(kStartUs);
  {
    auto other = SmallPackWithSources(SmallPackWith("amount >= 1000", "amount >= 999"));
    auto partition = *Partition::Open(disk, clock, "/p", other, {});
    for (const Event& event : RandomPayments(7, 5)) {
      ASSERT_TRUE(partition->Decide(event).has_value());
    }
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  }
  auto partition = *Partition::Open(disk, clock, "/p", pack_, {});
  EXPECT_EQ(Run(path, {.partition = partition.get()}).error().code(), ErrorCode::kConflict);
}

TEST_F(ReplayTest, FlagsWhatIsFromTheFarFutureAndGoesOn) {
  std::vector<Event> events;
  for (int i = 0; i < 10; ++i) {
    const int64_t ts = i == 4 ? 4'070'908'800'000'000 : kStartUs + i;  // 2099 in the middle
    events.push_back(Payment(fmt::format("p{}", i), ts, "a", "x", 100));
  }
  Result<ReplaySummary> summary = Run(Write("a.csv", Csv(events)));
  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->future, 1u);
  EXPECT_EQ(summary->late, 0u);
}

TEST_F(ReplayTest, ScoresRulesAndTheRankingAgainstLabels) {
  // "large" hits one payment of the bad account a and one of the good account b; c is unknown.
  const std::vector<Event> events = {
      Payment("1", kStartUs, "a", "", 100'000), Payment("2", kStartUs, "b", "", 100'000),
      Payment("3", kStartUs, "c", "", 100'000), Payment("4", kStartUs, "a", "", 100),
      Payment("5", kStartUs, "b", "", 100),
  };
  Labels labels;
  labels.columns = {2, 3};
  labels.bad = {{"a", true}, {"b", false}, {"d", true}};
  Result<ReplaySummary> summary = Run(Write("a.csv", Csv(events)), {.labels = &labels});
  ASSERT_TRUE(summary.has_value());
  const RuleSummary& large = summary->rules[1];
  EXPECT_EQ(large.hits, 3u);
  EXPECT_EQ(large.events.alerted, 2u) << "nothing is known of c";
  EXPECT_EQ(large.events.bad_alerted, 1u);
  EXPECT_EQ(large.events.bad, 2u);
  EXPECT_DOUBLE_EQ(large.events.precision(), 0.5);
  EXPECT_DOUBLE_EQ(large.events.recall(), 0.5);
  EXPECT_EQ(large.entities.alerted, 2u);
  EXPECT_EQ(large.entities.bad_alerted, 1u);
  EXPECT_EQ(large.entities.bad, 2u) << "d, whom no event shows, counts";
  ASSERT_TRUE(summary->ranking.has_value());
  EXPECT_EQ(summary->ranking->known, 3u);
  EXPECT_DOUBLE_EQ(summary->ranking->base_rate(), 2.0 / 3);
  EXPECT_EQ(summary->ranking->first_percent.alerted, 1u) << "a hundredth of three, rounded up";
  EXPECT_EQ(summary->ranking->first_percent.bad_alerted, 1u) << "of equal weight, a comes first";
}

}  // namespace
}  // namespace fuqi::decide
