// Power lost at every sync point of a run, over many seeds of what the disk then keeps: no decision
// that was acknowledged is lost, doubled or changed, and what follows is as if nothing had
// happened.

#include <gtest/gtest.h>

#include <set>

#include "base/simulated_disk.h"
#include "decide/partition.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

constexpr char kDir[] = "/node/small";
constexpr size_t kEvents = 24;
constexpr uint64_t kSeeds = 1200;

struct Oracle {
  std::vector<Event> events = RandomPayments(77, kEvents);
  std::vector<Bytes> bodies;
  Digest state{};

  Oracle() {
    Core core(SmallPack());
    for (size_t i = 0; i < events.size(); ++i) {
      bodies.push_back(Body(core.Decide(events[i], 1 + 2 * i)));
    }
    state = core.StateDigest();
  }
  static Bytes Body(const Decision& decision) {
    Bytes body;
    EncodeDecisionBody(SmallPack()->feature_schema(), decision, body);
    return body;
  }
};

class CrashRun {
 public:
  CrashRun(const Oracle& oracle, uint64_t seed)
      : oracle_(oracle), disk_(seed), random_(seed), clock_(kStartUs) {
    options_.log.new_log_id.emplace().fill(9);
    options_.log.segment_bytes = 2048;  // so that segments change in the run
    options_.snapshot_every = 7;
    options_.head_every = 10;
  }

  SimulatedDisk& disk() { return disk_; }
  uint64_t crashes() const { return crashes_; }

  // Sends all events, in order, until each has been acknowledged; after a power loss, those that
  // were not, again.
  void Run() {
    while (acknowledged_ < oracle_.events.size() || !TryOpenAnew()) {
      if ((acknowledged_ < oracle_.events.size() && Step()) || !disk_.power_lost()) {
        continue;
      }
      partition_.reset();
      disk_.Crash();
      ++crashes_;
      if (crashes_ < 4 && random_.Chance(0.3)) {
        disk_.LosePowerAtSync(1 + random_.Below(6));  // recovery may be cut too
      }
    }
    Check();
  }

 private:
  // One batch, or one opening; false when the disk failed.
  bool Step() {
    if (partition_ == nullptr) {
      return TryOpenAnew();
    }
    const size_t end = std::min(oracle_.events.size(), acknowledged_ + 1 + random_.Below(4));
    for (size_t i = acknowledged_; i < end; ++i) {
      Result<Outcome> outcome = partition_->Decide(oracle_.events[i]);
      EXPECT_TRUE(outcome.has_value()) << outcome.error().ToString();
      EXPECT_EQ(Oracle::Body(outcome->decision), oracle_.bodies[i]) << "event " << i;
    }
    if (!partition_->Commit(partition_->TakeBatch())) {
      return false;
    }
    acknowledged_ = end;
    if (!partition_->WriteDueSnapshot()) {
      return false;
    }
    if (random_.Chance(0.1)) {
      if (!partition_->Snapshot()) {
        return false;
      }
    }
    if (random_.Chance(0.1)) {
      partition_.reset();  // a restart without a loss of power
    }
    return true;
  }

  bool TryOpenAnew() {
    partition_.reset();
    auto opened = Partition::Open(disk_, clock_, kDir, SmallPack(), options_);
    EXPECT_TRUE(opened.has_value() || disk_.power_lost()) << opened.error().ToString();
    if (!opened) {
      return false;
    }
    partition_ = std::move(*opened);
    CheckAcknowledged();
    return true;
  }

  void CheckAcknowledged() {
    for (size_t i = 0; i < acknowledged_; ++i) {
      auto found = partition_->FindByEventKey(oracle_.events[i].columns[0]);
      ASSERT_TRUE(found.has_value()) << found.error().ToString();
      ASSERT_TRUE(found->has_value()) << "event " << i << " was acknowledged and is lost";
      ASSERT_EQ(Oracle::Body(**found), oracle_.bodies[i]) << "event " << i << " was changed";
    }
  }

  void Check() {
    EXPECT_EQ(partition_->core().StateDigest(), oracle_.state);
    std::set<Digest> keys;
    ASSERT_TRUE(partition_->log()
                    .Scan(0,
                          [&](const ledger::StoredRecord& record) -> Result<void> {
                            if (record.type == ledger::RecordType::kEvent) {
                              EXPECT_TRUE(keys.insert(DecodeEventCore(record)->key_hash).second)
                                  << "an event was admitted twice";
                            }
                            return {};
                          })
                    .has_value());
    EXPECT_EQ(keys.size(), oracle_.events.size());
  }

  const Oracle& oracle_;
  SimulatedDisk disk_;
  SeededRandom random_;
  ManualClock clock_;
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
  size_t acknowledged_ = 0;
  uint64_t crashes_ = 0;
};

TEST(PartitionCrash, KeepsWhatWasAcknowledgedWhereverPowerIsLost) {
  const Oracle oracle;
  std::set<uint64_t> points;
  uint64_t crashes = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    // How many sync points this seed's run has; then the same run, cut at one of them.
    CrashRun undisturbed(oracle, seed);
    undisturbed.Run();
    const uint64_t syncs = undisturbed.disk().syncs();
    CrashRun run(oracle, seed);
    const uint64_t point = 1 + seed % syncs;
    points.insert(point);
    run.disk().LosePowerAtSync(point);
    run.Run();
    crashes += run.crashes();
    if (testing::Test::HasFailure()) {
      FAIL() << "seed " << seed << ", power lost at sync " << point;
    }
  }
  EXPECT_GE(crashes, kSeeds) << "every run was cut";
  EXPECT_GE(points.size(), 40u);
}

}  // namespace
}  // namespace fuqi::decide
