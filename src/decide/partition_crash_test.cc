// Disks that fail a partition. Power lost at every sync point of a run, over many seeds of what the
// disk then keeps: no decision and no change of a list that was acknowledged is lost, doubled or
// changed, an event that is sent again gets the decision that is stored, a change that is made
// again is known, and what follows is as if nothing had happened, whether or not a snapshot had
// been written or a head saved. A disk that refuses a write, a sync or a read, or is full: nothing
// more is acknowledged, and the caller is told.

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <set>
#include <variant>

#include "base/seeds_for_test.h"
#include "base/simulated_disk.h"
#include "decide/partition.h"
#include "decide/small_pack_test.h"
#include "ledger/verify.h"

namespace fuqi::decide {
namespace {

constexpr char kDir[] = "/node/small";
constexpr size_t kEvents = 9;
constexpr uint64_t kSeeds = SeedsForTest(1000);
constexpr uint64_t kFailureSeeds = SeedsForTest(100);

const std::shared_ptr<const CompiledPack>& PackWithAList() {
  static const auto kPack = MustCompile(SmallPackWith("id = \"burst\"", R"(id = "burst"
standing = { kind = "account", subject = "payer", for = "1 day" })") +
                                        R"toml(
[list.watched]
type = "VARCHAR"

[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }

[outbox.desk]
actions = ["review", "hold", "block"]
)toml");
  return kPack;
}

// What is sent, in this order: an event, or a change of the list.
using Item = std::variant<Event, Change>;

// Puts a payee, and takes away the one of the change before.
Change ChangeOfList(size_t i) {
  ListChange change;
  change.head = {"officer", static_cast<int64_t>(i), fmt::format("change {}", i)};
  change.list = "watched";
  change.puts.push_back({.value = fmt::format("b{}", i % 5), .source = "officer"});
  if (i > 0) {
    change.removals.push_back({fmt::format("b{}", (i - 1) % 5), "officer", kSinceEver});
  }
  return change;
}

// Allows a payer so much a day.
Change AllowanceOf(size_t i) {
  StandingChange change;
  change.head = {"officer", static_cast<int64_t>(i), fmt::format("allowance {}", i)};
  change.kind = "account";
  change.subject = fmt::format("a{}", i);
  change.action = Action::kHold;
  change.limit = "900.00";
  change.allowance = {kDayUs, 0};
  change.reason = {"限额", "a limit"};
  return change;
}

// A delivery of what the newest decision owes; nothing where it owes nothing.
std::optional<Change> DeliveryOf(const Decision& decision, const Committed& committed) {
  if (committed.outbox().Find("desk", decision.seq()) == nullptr) {
    return std::nullopt;
  }
  OutboxChange change;
  change.head = {"outbox", 1, fmt::format("delivery {}", decision.seq())};
  change.topic = "desk";
  change.op = OutboxChange::Op::kDelivered;
  change.decision_seq = decision.seq();
  change.attempts = 1;
  return change;
}

struct Oracle {
  std::vector<Item> items;
  std::vector<Bytes> bodies;  // of the item's decision; empty for a change
  Digest state{};
  size_t set = 0;    // standing actions that decisions set
  size_t bound = 0;  // and that bound later events
  size_t spent = 0;  // what approved events used up
  size_t owed = 0;   // messages to the desk
  size_t delivered = 0;

  Oracle() {
    Core core(PackWithAList());
    uint64_t seq = 1;
    for (size_t i = 0; i < 4; ++i) {
      items.emplace_back(AllowanceOf(i));
      EXPECT_TRUE(core.Apply(std::get<Change>(items.back()), seq++).has_value());
      bodies.emplace_back();
    }
    for (const Event& event : RandomPayments(77, kEvents)) {
      if (seq % 3 != 0) {
        items.emplace_back(ChangeOfList(items.size()));
        EXPECT_TRUE(core.Apply(std::get<Change>(items.back()), seq++).has_value());
        bodies.emplace_back();
      }
      items.emplace_back(event);
      const Decision decision = core.Decide(event, seq);
      bodies.push_back(Body(decision));
      bound += decision.standing.size();
      seq += 2;
      for (const Change& change : core.ChangesOf(event, decision)) {
        EXPECT_TRUE(core.Apply(change, seq++).has_value());
        const auto* standing = std::get_if<StandingChange>(&change);
        ++(standing == nullptr ? owed : standing->op == StandingChange::Op::kSpend ? spent : set);
      }
      // Every other message is delivered before the next event comes.
      if (const auto delivery = DeliveryOf(decision, core.committed()); delivery && owed % 2 == 0) {
        items.emplace_back(*delivery);
        EXPECT_TRUE(core.Apply(*delivery, seq++).has_value());
        bodies.emplace_back();
        ++delivered;
      }
    }
    EXPECT_GT(set, 0u);
    EXPECT_GT(bound, 0u);
    EXPECT_GT(spent, 0u);
    EXPECT_GT(delivered, 0u);
    EXPECT_GT(owed, delivered);
    state = core.StateDigest();
  }
  static Bytes Body(const Decision& decision) {
    Bytes body;
    EncodeDecisionBody(PackWithAList()->feature_schema(), decision, body);
    return body;
  }
};

// Sends all events in order, in batches, with snapshots, restarts and repetitions in between, until
// each has been acknowledged; what the disk refused, again. The seed gives the run, and how often
// snapshots and heads are written: never, sometimes, or after every commit.
class SeededRun {
 public:
  SeededRun(const Oracle& oracle, uint64_t seed)
      : oracle_(oracle), disk_(seed), random_(seed), clock_(kStartUs) {
    options_.log.new_log_id.emplace().fill(9);
    options_.log.segment_bytes = 2048;  // so that segments change in the run
    options_.snapshot_every = std::array<uint64_t, 3>{0, 1, 4}[seed % 3];
    options_.head_every = std::array<uint64_t, 3>{1000, 1, 7}[seed / 3 % 3];
  }

  SimulatedDisk& disk() { return disk_; }
  uint64_t failures() const { return failures_; }
  uint64_t repeated() const { return repeated_; }

  // `repair` makes a disk that failed work again, as a crash of the machine or of the process.
  void UntilAllIsAcknowledged(const std::function<void(SeededRun&)>& repair) {
    while (!testing::Test::HasFatalFailure()) {
      const bool all = acknowledged_ == oracle_.items.size();
      const bool good = partition_ == nullptr ? Open() : all || Step();
      if (good && all && partition_ != nullptr) {
        break;
      }
      if (!good) {
        ++failures_;
        CheckThatNothingMoreIsDecided();
        if (partition_ != nullptr) {
          (void)partition_->Close();  // which may fail too
        }
        partition_.reset();
        repair(*this);
        CheckBySecondReader();
      }
    }
    Check();
  }

 private:
  bool Open() {
    auto opened = Partition::Open(disk_, clock_, kDir, PackWithAList(), options_);
    if (!opened) {
      return false;
    }
    partition_ = std::move(*opened);
    for (size_t i = 0; i < acknowledged_; ++i) {
      const auto* event = std::get_if<Event>(&oracle_.items[i]);
      if (event == nullptr) {
        EXPECT_TRUE(IsMade(i)) << "change " << i << " was acknowledged and is lost";
        continue;
      }
      auto found = partition_->FindByEventKey(event->columns[0]);
      if (!found) {
        return false;  // a read that fails is told
      }
      EXPECT_TRUE(found->has_value()) << "event " << i << " was acknowledged and is lost";
      if (*found) {
        EXPECT_EQ(Oracle::Body(**found), oracle_.bodies[i]) << "event " << i << " was changed";
      }
    }
    return true;
  }

  // False when the disk failed.
  bool Step() {
    if (acknowledged_ > 0 && random_.Chance(0.3) && !Send(random_.Below(acknowledged_))) {
      return false;
    }
    const size_t end = std::min(oracle_.items.size(), acknowledged_ + 1 + random_.Below(3));
    for (size_t i = acknowledged_; i < end; ++i) {
      if (!Send(i)) {
        return false;
      }
    }
    if (!partition_->Commit(partition_->TakeBatch())) {
      commit_failed_ = true;
      return false;
    }
    acknowledged_ = end;
    if (!partition_->WriteDueSnapshot() || (random_.Chance(0.1) && !partition_->Snapshot())) {
      return false;
    }
    if (random_.Chance(0.15)) {
      const bool closed = partition_->Close().has_value();
      partition_.reset();
      return closed;
    }
    return true;
  }

  bool IsMade(size_t i) const {
    bool made = false;
    partition_->ReadCommitted([&](const Committed& committed) {
      made = committed.FindChange(std::get<Change>(oracle_.items[i]))->has_value();
    });
    return made;
  }

  // An event that is in the log gets its stored decision, any other the one that was due; a change
  // is made once.
  bool Send(size_t i) {
    if (const auto* change = std::get_if<Change>(&oracle_.items[i])) {
      const bool made = IsMade(i);
      Result<Applied> applied = partition_->Apply(*change);
      EXPECT_TRUE(applied.has_value());
      EXPECT_EQ(applied->repeated, made) << "change " << i;
      EXPECT_TRUE(made || i >= acknowledged_) << "change " << i;
      repeated_ += made;
      return true;
    }
    const Event& event = std::get<Event>(oracle_.items[i]);
    const auto stored = partition_->FindByEventKey(event.columns[0]);
    Result<Outcome> outcome = stored ? partition_->Decide(event) : Result<Outcome>(stored.error());
    if (!outcome) {
      EXPECT_EQ(outcome.error().code(), ErrorCode::kIo) << outcome.error().ToString();
      return false;
    }
    EXPECT_EQ(outcome->repeated, stored->has_value()) << "event " << i;
    EXPECT_TRUE(outcome->repeated || i >= acknowledged_) << "event " << i;
    EXPECT_EQ(Oracle::Body(outcome->decision), oracle_.bodies[i]) << "event " << i;
    repeated_ += outcome->repeated;
    return true;
  }

  void CheckThatNothingMoreIsDecided() {
    if (partition_ == nullptr || !commit_failed_) {
      return;
    }
    commit_failed_ = false;
    const Event other = Payment("other", kStartUs, "a", "x", 1);
    EXPECT_EQ(partition_->Decide(other).error().code(), ErrorCode::kUnavailable);
    EXPECT_EQ(partition_->Apply(ChangeOfList(100)).error().code(), ErrorCode::kUnavailable);
    EXPECT_EQ(partition_->Commit(partition_->TakeBatch()).error().code(), ErrorCode::kUnavailable);
    EXPECT_EQ(partition_->Close().error().code(), ErrorCode::kUnavailable);
  }

  void CheckBySecondReader() {
    const auto report = ledger::Verify(disk_, kDir, {});
    if (!report) {
      EXPECT_EQ(acknowledged_, 0u) << report.error().ToString();
    } else if (!report->ok()) {
      ADD_FAILURE() << report->problems[0].file << ": " << report->problems[0].detail.ToString();
    }
  }

  void Check() {
    ASSERT_NE(partition_, nullptr);
    disk_.LosePowerAtSync(0);  // what has not struck so far shall not
    disk_.FailSync(0);
    disk_.FailWrite(0);
    disk_.FailRead(0);
    disk_.LimitSpace(std::nullopt);
    EXPECT_EQ(partition_->core().StateDigest(), oracle_.state);
    EXPECT_EQ(partition_->core().committed().outbox().Count("desk").owed,
              oracle_.owed - oracle_.delivered);
    std::set<Digest> keys;
    std::set<std::string> changes;
    std::vector<Bytes> bodies;
    size_t standing = 0;
    auto visit = [&](const ledger::StoredRecord& record) -> Result<void> {
      if (record.type == ledger::RecordType::kEvent) {
        EXPECT_TRUE(keys.insert(DecodeEventCore(record)->key_hash).second) << "admitted twice";
      } else if (record.type == ledger::RecordType::kDecision) {
        bodies.push_back(Oracle::Body(
            *DecodeDecision(PackWithAList()->feature_schema(), 3, record, record.seq)));
      } else if (IsChange(record.type)) {
        const std::string id = HeadOf(*DecodeChange(record)).id;
        if (id.empty()) {
          ++standing;  // a decision made it
          return {};
        }
        EXPECT_TRUE(changes.insert(id).second) << "made twice";
        bodies.emplace_back();
      }
      return {};
    };
    ASSERT_TRUE(partition_->log().Scan(0, visit).has_value());
    EXPECT_EQ(keys.size(), kEvents);
    EXPECT_EQ(changes.size(), oracle_.items.size() - kEvents);
    EXPECT_EQ(standing, oracle_.set + oracle_.spent + oracle_.owed) << "each once";
    EXPECT_EQ(bodies, oracle_.bodies) << "each once, in order";
    EXPECT_TRUE(partition_->Close().has_value());
    CheckBySecondReader();
  }

  const Oracle& oracle_;
  SimulatedDisk disk_;
  SeededRandom random_;
  ManualClock clock_;
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
  size_t acknowledged_ = 0;
  bool commit_failed_ = false;
  uint64_t failures_ = 0;
  uint64_t repeated_ = 0;
};

TEST(PartitionCrash, KeepsWhatWasAcknowledgedWhereverPowerIsLost) {
  const Oracle oracle;
  uint64_t points = 0;
  uint64_t cuts = 0;
  uint64_t repeated = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, power lost at sync {}", seed, nth));
      SeededRun run(oracle, seed);
      run.disk().LosePowerAtSync(nth);
      run.UntilAllIsAcknowledged([&](SeededRun& cut) {
        ASSERT_TRUE(cut.disk().power_lost()) << "nothing else can have failed";
        cut.disk().Crash();
        // Power may be lost once more, in recovery or soon after it.
        cut.disk().LosePowerAtSync(cut.failures() == 1 && nth % 3 == 0 ? 1 + nth / 3 % 8 : 0);
      });
      if (testing::Test::HasFailure()) {
        return;
      }
      cuts += run.failures();
      repeated += run.repeated();
      if (run.failures() == 0) {
        break;  // the run has fewer sync points than that
      }
      ++points;
    }
  }
  fmt::print(
      "{} seeds, cut at each of their {} sync points, {} cuts in all; {} events and changes were "
      "sent again and answered from the log\n",
      kSeeds, points, cuts, repeated);
  EXPECT_GT(points, kSeeds * 15);
  EXPECT_GT(cuts, points);
  EXPECT_GT(repeated, points);
}

// Fails the n-th call of one kind in a run, for every n that the run has.
void FailEach(std::string_view what, const std::function<void(SimulatedDisk&, uint64_t)>& fail) {
  const Oracle oracle;
  uint64_t failures = 0;
  for (uint64_t seed = 0; seed < kFailureSeeds; ++seed) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, {} {} fails", seed, what, nth));
      SeededRun run(oracle, seed);
      fail(run.disk(), nth);
      run.UntilAllIsAcknowledged([&](SeededRun& failed) {
        ASSERT_EQ(failed.failures(), 1u) << "it fails once";
        // Whether the machine goes down with the process or not.
        if (nth % 2 == 0) {
          failed.disk().Crash();
        }
      });
      if (testing::Test::HasFailure()) {
        return;
      }
      failures += run.failures();
      if (run.failures() == 0) {
        break;
      }
    }
  }
  fmt::print("{} seeds, {} times a {} failed\n", kFailureSeeds, failures, what);
  EXPECT_GT(failures, kFailureSeeds * 10);
}

TEST(PartitionFailure, StopsAcknowledgingWhereASyncFails) {
  FailEach("sync", [](SimulatedDisk& disk, uint64_t nth) { disk.FailSync(nth); });
}

TEST(PartitionFailure, StopsAcknowledgingWhereAWriteFails) {
  FailEach("write", [](SimulatedDisk& disk, uint64_t nth) { disk.FailWrite(nth); });
}

TEST(PartitionFailure, TellsOfAReadThatFailsAndTakesNothingForLost) {
  FailEach("read", [](SimulatedDisk& disk, uint64_t nth) { disk.FailRead(nth); });
}

TEST(PartitionFailure, StopsAcknowledgingOnAFullDiskAndGoesOnWhenThereIsRoom) {
  const Oracle oracle;
  uint64_t failures = 0;
  for (uint64_t seed = 0; seed < kFailureSeeds; ++seed) {
    for (uint64_t room = 100;; room = room * 5 / 4) {
      SCOPED_TRACE(fmt::format("seed {}, room for {} bytes", seed, room));
      SeededRun run(oracle, seed);
      run.disk().LimitSpace(room);
      run.UntilAllIsAcknowledged([&](SeededRun& failed) {
        ASSERT_EQ(failed.failures(), 1u) << "there is room";
        failed.disk().LimitSpace(std::nullopt);
        if (seed % 2 == 0) {
          failed.disk().Crash();
        }
      });
      if (testing::Test::HasFailure()) {
        return;
      }
      failures += run.failures();
      if (run.failures() == 0) {
        break;
      }
    }
  }
  fmt::print("{} seeds, {} times the disk was full\n", kFailureSeeds, failures);
  EXPECT_GT(failures, kFailureSeeds * 10);
}

}  // namespace
}  // namespace fuqi::decide
