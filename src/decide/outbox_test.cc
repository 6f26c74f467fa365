// What decisions owe: which of them, that records alone change it, and that it outlives restarts,
// snapshots and versions of the pack that know nothing of it.

#include "decide/outbox.h"

#include <gtest/gtest.h>

#include "base/simulated_disk.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

std::string OutboxToml() {
  return std::string(kSmallPack) + R"toml(
[outbox.core_banking]
actions = ["block", "freeze"]

[outbox.desk]
actions = ["review", "block"]
)toml";
}

OutboxChange Make(OutboxChange::Op op, const std::string& topic, uint64_t decision_seq) {
  OutboxChange change;
  change.head.by = "outbox";
  change.topic = topic;
  change.op = op;
  change.decision_seq = decision_seq;
  using Op = OutboxChange::Op;
  change.attempts = op == Op::kDelivered || op == Op::kGiveUp ? 3 : 0;
  change.why = op == Op::kOwe || op == Op::kDelivered ? "" : "because";
  return change;
}

class OutboxLog : public testing::Test {
 protected:
  OutboxLog() : disk_(5), clock_(kStartUs) {}

  void Open(const std::string& toml) {
    partition_.reset();
    auto opened = Partition::Open(disk_, clock_, "/small", MustCompile(toml), {});
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    partition_ = std::move(*opened);
  }
  uint64_t Pay(const std::string& id, int64_t cents) {
    const auto outcome = partition_->Decide(Payment(id, kStartUs, id, "b", cents));
    EXPECT_TRUE(outcome.has_value());
    return outcome->decision.seq();
  }
  Result<Applied> Apply(OutboxChange::Op op, const std::string& topic, uint64_t decision_seq) {
    return partition_->Apply(Make(op, topic, decision_seq));
  }
  void Commit() { ASSERT_TRUE(partition_->Commit(partition_->TakeBatch()).has_value()); }
  const OutboxState& outbox() const { return partition_->core().committed().outbox(); }
  // Decisions that a topic is owed, or that were given up.
  std::vector<uint64_t> Decisions(const std::string& topic, bool dead) const {
    std::vector<uint64_t> decisions;
    for (const OutboxState::Item& item : outbox().Page(topic, dead, 0, 100)) {
      decisions.push_back(item.decision_seq);
    }
    return decisions;
  }

  SimulatedDisk disk_;
  ManualClock clock_;
  std::unique_ptr<Partition> partition_;
};

using Seqs = std::vector<uint64_t>;

TEST_F(OutboxLog, ADecisionOwesItsTopicsUntilItIsDeliveredGivenUpOrDropped) {
  Open(OutboxToml());
  EXPECT_EQ(Decisions("desk", false), Seqs());
  Pay("small", 100);
  const uint64_t first = Pay("x", 100'000);
  const uint64_t second = Pay("y", 200'000);
  EXPECT_EQ(Decisions("core_banking", false), (Seqs{first, second}));
  EXPECT_EQ(Decisions("desk", false), (Seqs{first, second}));
  EXPECT_EQ(outbox().Find("desk", first)->action, Action::kBlock);
  EXPECT_EQ(outbox().Find("desk", first)->record, first + 2) << "behind that of core_banking";

  using Op = OutboxChange::Op;
  ASSERT_TRUE(Apply(Op::kDelivered, "desk", first).has_value());
  EXPECT_EQ(Apply(Op::kDelivered, "desk", first).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(Apply(Op::kGiveUp, "desk", second).has_value());
  EXPECT_EQ(Decisions("desk", false), Seqs());
  EXPECT_EQ(Decisions("desk", true), Seqs{second});
  EXPECT_EQ(outbox().Find("desk", second)->why, "because");
  EXPECT_EQ(outbox().Find("desk", second)->attempts, 3u);
  EXPECT_EQ(Decisions("core_banking", false), (Seqs{first, second})) << "each topic for itself";

  EXPECT_EQ(Apply(Op::kRetry, "core_banking", 0).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(Apply(Op::kRetry, "desk", 0).has_value());
  EXPECT_EQ(Decisions("desk", false), Seqs{second});
  EXPECT_EQ(Apply(Op::kRetry, "desk", second).error().code(), ErrorCode::kAlreadyExists);
  ASSERT_TRUE(Apply(Op::kDrop, "desk", second).has_value());
  EXPECT_EQ(outbox().topics(), std::vector<std::string>{"core_banking"});
  EXPECT_EQ(Apply(Op::kOwe, "desk", first).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Apply(Op::kDrop, "No Topic", first).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(OutboxLog, WhatIsOwedOutlivesRestartSnapshotAndAPackThatKnowsNothingOfIt) {
  using Op = OutboxChange::Op;
  Open(OutboxToml());
  const uint64_t first = Pay("x", 100'000);
  const uint64_t second = Pay("y", 200'000);
  const uint64_t third = Pay("z", 300'000);
  ASSERT_TRUE(Apply(Op::kDelivered, "desk", first).has_value());
  ASSERT_TRUE(Apply(Op::kGiveUp, "desk", second).has_value());
  Commit();
  // From the log, from a snapshot, and by another version.
  for (const std::string& toml :
       {OutboxToml(), OutboxToml(), std::string(kSmallPack), OutboxToml()}) {
    Open(toml);
    EXPECT_EQ(Decisions("desk", false), Seqs{third});
    EXPECT_EQ(Decisions("desk", true), Seqs{second});
    EXPECT_EQ(Decisions("core_banking", false), (Seqs{first, second, third}));
    ASSERT_TRUE(partition_->Snapshot().has_value());
  }
  // Not by a new version that asks for more: it owes what it decides itself.
  std::string more = OutboxToml();
  more.replace(more.find("[outbox.desk]"), 13, "[outbox.more]");
  Open(more);
  EXPECT_EQ(Decisions("more", false), Seqs());
  EXPECT_EQ(Decisions("desk", false), Seqs{third});
  partition_.reset();
  const auto reperformed = Reperform(disk_, "/small", TestBinder(), {});
  ASSERT_TRUE(reperformed.has_value()) << reperformed.error().ToString();
  EXPECT_EQ(reperformed->different, 0u);
  EXPECT_EQ(reperformed->equal, 3u);
}

TEST_F(OutboxLog, ADecisionOwesWhatIsInTheLogAndNothingThatWasNotCommitted) {
  Open(OutboxToml());
  Pay("x", 100'000);
  EXPECT_EQ(Decisions("desk", false).size(), 1u);
  Open(OutboxToml());  // as after a crash before the commit
  EXPECT_EQ(Decisions("desk", false), Seqs());
  const uint64_t again = Pay("x", 100'000);
  Commit();
  Pay("x", 100'000);  // the same event, answered from its decision
  EXPECT_EQ(Decisions("desk", false), Seqs{again});
}

TEST(OutboxRecord, HasOneFormAndNoOther) {
  using Op = OutboxChange::Op;
  for (const Op op : {Op::kOwe, Op::kDelivered, Op::kGiveUp, Op::kRetry, Op::kDrop}) {
    OutboxChange change = Make(op, "desk", 300);
    change.head = {"someone", 5, "id"};
    change.action = op == Op::kOwe ? Action::kFreeze : Action::kApprove;
    EncodedRecord encoded;
    EncodeChange(change, encoded);
    const Result<Change> read = DecodeChange(encoded.As(ledger::RecordType::kOutboxChange));
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    EncodedRecord again;
    EncodeChange(*read, again);
    EXPECT_EQ(again.core, encoded.core);
    EXPECT_EQ(again.payload, encoded.payload);
    EXPECT_EQ(std::get<OutboxChange>(*read).decision_seq, 300u);
    EXPECT_EQ(std::get<OutboxChange>(*read).why, change.why);

    auto refused = [&](OutboxChange other) {
      EncodedRecord bad;
      EncodeChange(other, bad);
      return !DecodeChange(bad.As(ledger::RecordType::kOutboxChange)).has_value();
    };
    OutboxChange other = change;
    other.attempts = change.attempts == 0 ? 1 : 0;
    EXPECT_TRUE(refused(other));
    other = change;
    other.why = change.why.empty() ? "why" : "";
    EXPECT_TRUE(refused(other));
    other = change;
    other.decision_seq = 0;
    EXPECT_EQ(refused(other), op != Op::kRetry && op != Op::kDrop);
    other = change;
    other.action = Action::kHold;
    EXPECT_EQ(refused(other), op != Op::kOwe);
    other = change;
    other.op = static_cast<Op>(5);
    EXPECT_TRUE(refused(other));
  }
}

// A node that decides, tells a system outside and says so, on a disk that loses power at any sync.
class Teller {
 public:
  explicit Teller(uint64_t seed) : disk_(seed), random_(seed), clock_(kStartUs) {
    options_.log.segment_bytes = 2048;
    options_.snapshot_every = std::array<uint64_t, 3>{0, 1, 4}[seed % 3];
  }

  void Run() {
    while (!is_done() && !testing::Test::HasFailure()) {
      if (!disk_.power_lost() && random_.Chance(0.7)) {
        disk_.LosePowerAtSync(1 + random_.Below(20));
      }
      while (Open() && !is_done() && Step()) {
      }
      if (disk_.power_lost()) {
        partition_.reset();
        disk_.Crash();
        ++crashes_;
      }
    }
    Check();
  }
  size_t crashes() const { return crashes_; }
  size_t repeated() const { return repeated_; }

 private:
  static constexpr size_t kEvents = 12;

  bool is_done() const {
    return acknowledged_.size() == kEvents && partition_ != nullptr &&
           !partition_->NextOwed("desk");
  }
  bool Open() {
    static const std::shared_ptr<const CompiledPack> kPack = MustCompile(OutboxToml());
    if (partition_ == nullptr) {
      auto opened = Partition::Open(disk_, clock_, "/small", kPack, options_);
      EXPECT_TRUE(opened.has_value() || disk_.power_lost()) << opened.error().ToString();
      partition_ = opened ? std::move(*opened) : nullptr;
    }
    return partition_ != nullptr;
  }
  // False when the disk failed.
  bool Step() {
    const bool decides = acknowledged_.size() < kEvents && random_.Chance(0.6);
    return (decides ? DecideSome() : Tell()) && partition_->WriteDueSnapshot().has_value();
  }
  bool DecideSome() {
    const size_t end = std::min(kEvents, acknowledged_.size() + 1 + random_.Below(3));
    std::vector<uint64_t> decided;
    for (size_t i = acknowledged_.size(); i < end; ++i) {
      const std::string id = fmt::format("e{}", i);
      auto outcome = partition_->Decide(Payment(id, kStartUs, id, "b", 150'000));
      if (!outcome) {
        return false;
      }
      decided.push_back(outcome->decision.seq());
      // Whoever delivers looks at any time.
      if (random_.Chance(0.5) && !Tell()) {
        return false;
      }
    }
    if (!partition_->Commit(partition_->TakeBatch())) {
      return false;
    }
    acknowledged_.insert(acknowledged_.end(), decided.begin(), decided.end());
    return true;
  }
  bool Tell() {
    const auto next = partition_->NextOwed("desk");
    if (!next) {
      return true;
    }
    const auto decision = partition_->FindBySeq(next->decision_seq);
    const auto event =
        decision ? partition_->ReadEvent(decision->event_seq) : Result<Event>(decision.error());
    if (!event) {
      EXPECT_TRUE(disk_.power_lost()) << "what is owed can be read: " << event.error().ToString();
      return false;
    }
    const std::pair one(next->decision_seq, std::string(event->columns[0].text()));
    repeated_ += !told_.empty() && told_.back() == one;
    told_.push_back(one);
    return random_.Chance(0.2) ||  // it says nothing of it before the next
           (partition_->Apply(Make(OutboxChange::Op::kDelivered, "desk", next->decision_seq))
                .has_value() &&
            partition_->Commit(partition_->TakeBatch()).has_value());
  }
  void Check() {
    ASSERT_NE(partition_, nullptr);
    EXPECT_TRUE(std::ranges::is_sorted(told_)) << "in order";
    for (size_t i = 0; i < kEvents; ++i) {
      EXPECT_TRUE(
          std::ranges::binary_search(told_, std::pair(acknowledged_[i], fmt::format("e{}", i))))
          << "event " << i << " was answered and nobody was told";
    }
    for (const auto& [decision_seq, id] : told_) {
      const auto event = partition_->ReadEvent(decision_seq - 1);
      ASSERT_TRUE(event.has_value()) << "power took back what was told";
      EXPECT_EQ(event->columns[0].text(), id) << "power took back what was told";
    }
  }

  SimulatedDisk disk_;
  SeededRandom random_;
  ManualClock clock_;
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
  std::vector<uint64_t> acknowledged_;                  // decisions of the events, in order
  std::vector<std::pair<uint64_t, std::string>> told_;  // decision and event
  size_t crashes_ = 0;
  size_t repeated_ = 0;
};

TEST(OutboxCrash, AllThatWasAcknowledgedIsToldInOrderAndNothingThatPowerTookBack) {
  size_t crashes = 0;
  size_t repeated = 0;
  for (uint64_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Teller teller(seed);
    teller.Run();
    crashes += teller.crashes();
    repeated += teller.repeated();
  }
  EXPECT_GT(crashes, 60u);
  EXPECT_GT(repeated, 0u) << "at least once is what is promised";
  fmt::print("power was lost {} times, {} messages were repeated\n", crashes, repeated);
}

TEST(OutboxReplay, OwesNothingWhereNobodyIsTold) {
  Core core(MustCompile(OutboxToml()));
  EXPECT_EQ(core.DecideAndApply(Payment("x", kStartUs, "x", "b", 150'000), 1).action,
            Action::kBlock);
  EXPECT_TRUE(core.committed().outbox().topics().empty());
}

TEST(PackOutbox, WhatIsWrongIsRefusedWithItsPlace) {
  struct Bad {
    std::string_view toml;
    std::string_view message;
  };
  for (const Bad& bad :
       {Bad{"[outbox.a]\nactions = []\n", "no action is named"},
        Bad{"[outbox.a]\nactions = [\"stop\"]\n", "stop"},
        Bad{"[outbox.a]\nactions = [\"hold\", \"hold\"]\n", "a second time"},
        Bad{"[outbox.A]\nactions = [\"hold\"]\n", "is no name"},
        Bad{"[outbox.a]\nurl = \"https://x\"\nactions = [\"hold\"]\n", "unknown key"}}) {
    const auto compiled = TryCompile(std::string(kSmallPack) + std::string(bad.toml));
    ASSERT_FALSE(compiled.has_value()) << bad.toml;
    EXPECT_NE(compiled.error().message().find(bad.message), std::string::npos)
        << compiled.error().ToString();
    EXPECT_GT(compiled.error().where()->line, 0);
  }
}

}  // namespace
}  // namespace fuqi::decide
