// Power lost at every sync point of a run in which a version is proposed, approved, backfilled and
// switched to, and rolled back from, over many seeds of what the disk then keeps: an acknowledged
// step is never lost and none is made twice, the old version decides or the new one and never half
// of each, and every decision is the one due from the version in force at its place.

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <variant>

#include "base/seeds_for_test.h"
#include "base/simulated_disk.h"
#include "decide/feed.h"
#include "decide/partition.h"
#include "decide/small_pack_test.h"
#include "ledger/verify.h"

namespace fuqi::decide {
namespace {

using Kind = ProposalStep::Kind;

constexpr char kDir[] = "/node/small";
constexpr uint64_t kSeeds = SeedsForTest(100);

const std::shared_ptr<const CompiledPack>& Version(size_t i) {
  static const std::array<std::shared_ptr<const CompiledPack>, 2> kVersions = {
      SmallPack(), MustCompile(SmallPackWith("amount >= 1000", "amount >= 300"))};
  return kVersions[i];
}

// What is done, in this order: an event, or a step towards another version.
struct Act {
  enum Kind { kPropose, kApprove, kWithdraw, kBackfill, kCarryOut } kind;
  size_t version = 0;
  size_t number = 0;  // among those that write a record; of kBackfill, that of its kCarryOut
};
using Item = std::variant<Event, Act>;

struct Oracle {
  std::vector<Item> items;
  std::vector<Bytes> bodies;  // of the events' decisions, in order
  size_t acts = 0;
  Digest state{};

  Oracle() {
    const std::vector<Event> events = RandomPayments(77, 12);
    size_t next = 0;
    auto event = [&] { items.emplace_back(events[next++]); };
    auto act = [&](Act::Kind kind, size_t version = 0) {
      items.emplace_back(Act{kind, version, acts});
      acts += kind != Act::kBackfill;
    };
    event();
    event();
    act(Act::kPropose, 1);
    event();
    act(Act::kWithdraw);
    act(Act::kPropose, 1);
    act(Act::kApprove);
    event();
    act(Act::kBackfill, 1);
    event();  // what is decided meanwhile
    event();
    act(Act::kCarryOut, 1);
    event();
    act(Act::kPropose, 0);
    event();
    act(Act::kApprove);
    act(Act::kBackfill, 0);
    act(Act::kCarryOut, 0);
    while (next < events.size()) {
      event();
    }

    std::array<Core, 2> cores = {Core(Version(0)), Core(Version(1))};
    size_t in_force = 0;
    uint64_t seq = 1;
    for (const Item& item : items) {
      if (const auto* sent = std::get_if<Event>(&item)) {
        const std::array<Decision, 2> decisions = {cores[0].Decide(*sent, seq),
                                                   cores[1].Decide(*sent, seq)};
        bodies.push_back(Body(decisions[in_force]));
        seq += 2;
        continue;
      }
      const Act& act = std::get<Act>(item);
      in_force = act.kind == Act::kCarryOut ? act.version : in_force;
      seq += act.kind != Act::kBackfill;
    }
    state = cores[in_force].StateDigest();
  }
  static Bytes Body(const Decision& decision) {
    Bytes body;
    EncodeDecisionBody(SmallPack()->feature_schema(), decision, body);
    return body;
  }
};

class SeededRun {
 public:
  SeededRun(const Oracle& oracle, uint64_t seed) : oracle_(oracle), disk_(seed), random_(seed) {
    options_.log.new_log_id.emplace().fill(9);
    options_.log.segment_bytes = 8192;
    options_.snapshot_every = std::array<uint64_t, 3>{0, 1, 4}[seed % 3];
  }

  SimulatedDisk& disk() { return disk_; }
  uint64_t cuts() const { return cuts_; }
  uint64_t made_before() const { return made_before_; }

  void UntilAllIsAcknowledged() {
    while (!testing::Test::HasFailure()) {
      const bool good =
          partition_ == nullptr ? Open() : acknowledged_ == oracle_.items.size() || Step();
      if (good && partition_ != nullptr && acknowledged_ == oracle_.items.size()) {
        break;
      }
      if (!good) {
        ASSERT_TRUE(disk_.power_lost()) << "nothing else can have failed";
        ++cuts_;
        DropBackfill();
        partition_.reset();
        disk_.Crash();
        disk_.LosePowerAtSync(0);
      }
    }
    Check();
  }

 private:
  // As a node starts: with the version that the log says.
  bool Open() {
    std::shared_ptr<const CompiledPack> version = Version(0);
    if (const auto logged = VersionsInLog(disk_, kDir); logged && !logged->empty()) {
      version = logged->back().publish.hash == Version(1)->pack().hash ? Version(1) : Version(0);
    }
    auto opened = Partition::Open(disk_, clock_, kDir, version, options_);
    if (!opened) {
      return false;
    }
    partition_ = std::move(*opened);
    const std::optional<size_t> acts = ActsInLog();
    acts_ = acts.value_or(0);
    return acts.has_value();
  }

  // Records but events, decisions and the first Publish; nothing when the disk failed.
  std::optional<size_t> ActsInLog() const {
    size_t acts = 0;
    auto visit = [&](const ledger::StoredRecord& record) -> Result<void> {
      const bool is_decided =
          record.type == ledger::RecordType::kEvent || record.type == ledger::RecordType::kDecision;
      acts += is_decided || record.seq == 0 ? 0 : 1;
      return {};
    };
    return partition_->log().Scan(0, visit) ? std::optional(acts) : std::nullopt;
  }

  bool Step() {
    const size_t end = std::min(oracle_.items.size(), acknowledged_ + 1 + random_.Below(4));
    for (size_t i = acknowledged_; i < end; ++i) {
      if (!std::visit([&](const auto& item) { return Do(item); }, oracle_.items[i])) {
        return false;
      }
    }
    if (!partition_->Commit(partition_->TakeBatch())) {
      return false;
    }
    acknowledged_ = end;
    if (switched_) {
      const bool written = partition_->WriteSnapshotOf(saved_seq_, saved_).has_value();
      DropBackfill();
      if (!written) {
        return false;
      }
    }
    if (!partition_->WriteDueSnapshot()) {
      return false;
    }
    if (random_.Chance(0.15)) {
      DropBackfill();
      const bool closed = partition_->Close().has_value();
      partition_.reset();
      return closed;
    }
    return true;
  }

  bool Do(const Event& event) {
    const Result<Outcome> outcome = partition_->Decide(event);
    EXPECT_TRUE(outcome.has_value() || disk_.power_lost());
    made_before_ += outcome && outcome->repeated;
    return outcome.has_value();
  }
  // Of the acts in their order, so many are in the log or in the open batch.
  bool Do(const Act& act) {
    if (act.number < acts_) {
      ++made_before_;
      return true;
    }
    if (act.kind == Act::kBackfill) {
      return BeginBackfill(Version(act.version));
    }
    EXPECT_EQ(act.number, acts_++);
    switch (act.kind) {
      case Act::kPropose:
        return Propose(*Version(act.version));
      case Act::kApprove:
        return MakeStep(Kind::kApproved);
      case Act::kWithdraw:
        return MakeStep(Kind::kWithdrawn);
      case Act::kBackfill:
      case Act::kCarryOut:
        break;
    }
    return CarryOut(Version(act.version));
  }
  bool Propose(const CompiledPack& version) {
    const Versions versions = partition_->versions();
    Proposal proposal;
    proposal.by = "anna";
    proposal.made_us = 1;
    proposal.expires_us = 2;
    proposal.hash = version.pack().hash;
    if (const auto* published = versions.Find(proposal.hash)) {
      proposal.published = published->seq;
    } else {
      proposal.files = version.pack().files;
    }
    const Result<Applied> made = partition_->Propose(proposal);
    EXPECT_TRUE(made.has_value()) << made.error().ToString();
    return true;
  }
  bool MakeStep(Kind kind) {
    const uint64_t proposal = partition_->versions().newest()->record;
    const Result<Applied> made = partition_->Step({"bert", 1, proposal, kind, ""});
    EXPECT_TRUE(made.has_value()) << made.error().ToString();
    return true;
  }
  bool BeginBackfill(const std::shared_ptr<const CompiledPack>& version) {
    // What is proposed and approved must be on disk first, as a node waits for it.
    if (!partition_->Commit(partition_->TakeBatch())) {
      return false;
    }
    backfill_ = *partition_->BeginBackfill(version);
    if (!partition_->CatchUp(*backfill_)) {
      return false;
    }
    saved_ = backfill_->Save();
    saved_seq_ = backfill_->seq();
    return true;
  }
  bool CarryOut(const std::shared_ptr<const CompiledPack>& version) {
    if (backfill_ == nullptr && !BeginBackfill(version)) {
      return false;
    }
    const Result<Applied> switched = partition_->Switch(*backfill_);
    EXPECT_TRUE(switched.has_value()) << switched.error().ToString();
    switched_ = true;
    return true;
  }
  void DropBackfill() {
    backfill_.reset();
    switched_ = false;
  }

  void Check() {
    ASSERT_NE(partition_, nullptr);
    disk_.LosePowerAtSync(0);  // what has not struck so far shall not
    EXPECT_EQ(partition_->core().StateDigest(), oracle_.state);
    EXPECT_EQ(partition_->pack()->pack().hash, Version(0)->pack().hash) << "rolled back";
    std::vector<Bytes> bodies;
    auto visit = [&](const ledger::StoredRecord& record) -> Result<void> {
      if (record.type == ledger::RecordType::kDecision) {
        bodies.push_back(
            Oracle::Body(*DecodeDecision(SmallPack()->feature_schema(), 3, record, record.seq)));
      }
      return {};
    };
    ASSERT_TRUE(partition_->log().Scan(0, visit).has_value());
    EXPECT_EQ(bodies, oracle_.bodies) << "each once, in order, by the version in force";
    EXPECT_EQ(ActsInLog(), oracle_.acts) << "each step once";
    EXPECT_TRUE(partition_->Close().has_value());
    const auto report = ledger::Verify(disk_, kDir, {});
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->ok());
  }

  const Oracle& oracle_;
  SimulatedDisk disk_;
  SeededRandom random_;
  ManualClock clock_{kStartUs};
  PartitionOptions options_;
  std::unique_ptr<Partition> partition_;
  std::unique_ptr<Backfill> backfill_;  // of the version on its way
  bool switched_ = false;               // to it, in the open batch
  Bytes saved_;                         // its state, before the records from saved_seq_ on
  uint64_t saved_seq_ = 0;
  size_t acknowledged_ = 0;
  size_t acts_ = 0;
  uint64_t cuts_ = 0;
  uint64_t made_before_ = 0;
};

TEST(PublishCrash, IsTheOldVersionOrTheNewOneWhereverPowerIsLost) {
  const Oracle oracle;
  uint64_t points = 0;
  uint64_t made_before = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(fmt::format("seed {}, power lost at sync {}", seed, nth));
      SeededRun run(oracle, seed);
      run.disk().LosePowerAtSync(nth);
      run.UntilAllIsAcknowledged();
      if (testing::Test::HasFailure()) {
        return;
      }
      made_before += run.made_before();
      if (run.cuts() == 0) {
        break;  // the run has fewer sync points than that
      }
      ++points;
    }
  }
  fmt::print("{} seeds, cut at each of their {} sync points; {} steps and events were there\n",
             kSeeds, points, made_before);
  EXPECT_GT(points, kSeeds * 15);
  EXPECT_GT(made_before, points / 4);
}

}  // namespace
}  // namespace fuqi::decide
