// What stands: what a pack may say of it, which events it binds, how it is set, released and
// undone, and what is refused. The oracle is a plain list of everything that was ever set.

#include "decide/standing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/simulated_disk.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr std::string_view kKind = R"toml(
[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }
)toml";

std::string StandingToml() {
  std::string text = SmallPackWith(
      "id = \"large\"",
      "id = \"large\"\nstanding = { kind = \"account\", subject = \"payer\", for = \"1 day\" }");
  const std::string_view spread = "id = \"spread\"";
  text.replace(text.find(spread), spread.size(),
               "id = \"spread\"\nstanding = { kind = \"account\", subject = \"payee\", above = "
               "\"50.00\" }");
  return text + std::string(kKind);
}

const std::shared_ptr<const CompiledPack>& StandingPack() {
  static const auto kPack = MustCompile(StandingToml());
  return kPack;
}

StandingChange Set(std::string subject, Action action, int64_t until_us = kForEver,
                   std::string limit = "") {
  StandingChange change;
  change.head.by = "officer";
  change.kind = "account";
  change.subject = std::move(subject);
  change.action = action;
  change.until_us = until_us;
  change.limit = std::move(limit);
  change.reason = {"核查", "looked into"};
  return change;
}
StandingChange Release(std::string subject, uint64_t record = 0) {
  StandingChange change = Set(std::move(subject), Action::kFreeze);
  change.op = StandingChange::Op::kRelease;
  change.record = record;
  return change;
}
StandingChange Undo(uint64_t decision_seq) {
  StandingChange change;
  change.head.by = "officer";
  change.op = StandingChange::Op::kUndo;
  change.decision_seq = decision_seq;
  change.reason = {"误报", "a false alarm"};
  return change;
}

class Standing : public testing::Test {
 protected:
  Standing() : core_(StandingPack()) {}

  Decision Pay(int64_t after_us, std::string_view payer, std::string_view payee, int64_t cents) {
    Decision decision = core_.DecideAndApply(
        Payment(fmt::format("p{}", seq_), kStartUs + after_us, payer, payee, cents), seq_);
    seq_ += 10;
    return decision;
  }
  Result<void> Change(const StandingChange& change) {
    FUQI_RETURN_IF_ERROR(core_.committed().Validate(change));
    return core_.Apply(change, seq_++);
  }
  ErrorCode Refused(const StandingChange& change) {
    const Result<void> valid = core_.committed().Validate(change);
    EXPECT_FALSE(valid.has_value());
    if (valid) {
      return ErrorCode::kInternal;
    }
    EXPECT_NE(valid.error().message(Language::kChinese), valid.error().message());
    return valid.error().code();
  }

  Core core_;
  uint64_t seq_ = 1;
};

TEST_F(Standing, WhatADecisionSetBindsPayerAndPayeeUntilItExpiresInEventTime) {
  const Decision large = Pay(0, "a", "b", 100'000);
  EXPECT_EQ(large.action, Action::kBlock);
  EXPECT_TRUE(large.standing.empty());
  const Decision pays = Pay(kHourUs, "a", "c", 100);
  EXPECT_EQ(pays.action, Action::kBlock);
  ASSERT_EQ(pays.standing.size(), 1u);
  EXPECT_EQ(pays.standing[0], (StandingHit{0, 2, Action::kBlock, large.seq() + 1}));
  const Decision is_paid = Pay(2 * kHourUs, "d", "a", 100);
  EXPECT_EQ(is_paid.action, Action::kBlock);
  EXPECT_EQ(is_paid.standing[0].column, 3u);
  EXPECT_EQ(Pay(2 * kHourUs, "d", "e", 100).action, Action::kApprove);
  EXPECT_EQ(Pay(kDayUs - 1, "d", "a", 100).action, Action::kBlock);
  EXPECT_EQ(Pay(kDayUs, "z", "a", 100).action, Action::kApprove) << "the end is exclusive";
}

TEST_F(Standing, ALimitBindsWhatLiesAboveItAndAnUnknownTime) {
  ASSERT_TRUE(Change(Set("a", Action::kLimit, kForEver, "50.00")).has_value());
  EXPECT_EQ(Pay(0, "a", "b", 5'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "a", "b", 5'001).action, Action::kLimit);
  ASSERT_TRUE(Change(Set("z", Action::kHold, kStartUs + 1)).has_value());
  EXPECT_EQ(Pay(1, "z", "b", 100).action, Action::kApprove) << "expired";
  const Decision future = Pay(400 * kDayUs, "z", "b", 100);
  EXPECT_EQ(future.flags, uint32_t{kFuture});
  EXPECT_EQ(future.action, Action::kHold) << "a time that is not to be trusted ends nothing";
}

TEST_F(Standing, TheStricterHoldsAndEachIsReleasedForItself) {
  ASSERT_TRUE(Change(Set("a", Action::kHold)).has_value());
  ASSERT_TRUE(Change(Set("a", Action::kFreeze, kStartUs + kDayUs)).has_value());
  EXPECT_EQ(Pay(0, "a", "b", 1).action, Action::kFreeze);
  EXPECT_EQ(Refused(Set("a", Action::kReview)), ErrorCode::kConflict) << "less than what stands";
  EXPECT_EQ(Refused(Set("a", Action::kHold, kStartUs)), ErrorCode::kConflict);
  ASSERT_TRUE(Change(Release("a", 2)).has_value());
  EXPECT_EQ(Pay(0, "a", "b", 1).action, Action::kHold);
  EXPECT_EQ(Refused(Release("a", 2)), ErrorCode::kNotFound);
  ASSERT_TRUE(Change(Release("a")).has_value());
  EXPECT_EQ(Pay(0, "z", "a", 1).action, Action::kApprove);
  EXPECT_EQ(Refused(Release("a")), ErrorCode::kNotFound);
}

TEST_F(Standing, UndoTakesAwayJustWhatThatDecisionSet) {
  const Decision first = Pay(0, "a", "b", 100'000);
  const Decision second = Pay(kHourUs, "a", "b", 100'000);
  ASSERT_TRUE(Change(Undo(second.seq())).has_value());
  EXPECT_EQ(Pay(2 * kHourUs, "a", "c", 100).action, Action::kBlock) << "the first still stands";
  ASSERT_TRUE(Change(Undo(first.seq())).has_value());
  EXPECT_EQ(Pay(2 * kHourUs, "a", "c", 100).action, Action::kReview) << "the rule of many payments";
  EXPECT_EQ(Refused(Undo(first.seq())), ErrorCode::kNotFound) << "a second time";
  EXPECT_EQ(Refused(Undo(12'345)), ErrorCode::kNotFound);
}

TEST_F(Standing, WhatCannotBeIsRefusedByName) {
  StandingChange change = Set("a", Action::kFreeze);
  change.kind = "acount";
  EXPECT_EQ(Refused(change), ErrorCode::kNotFound);
  EXPECT_EQ(Refused(Set("a", Action::kApprove)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(Set("a", Action::kLimit, kForEver, "much")), ErrorCode::kTypeMismatch);
  EXPECT_EQ(Refused(Set(std::string(2'000, 'a'), Action::kHold)), ErrorCode::kOutOfRange);
  change = Set("a", Action::kFreeze);
  change.reason = {};
  EXPECT_EQ(Refused(change), ErrorCode::kInvalidArgument) << "a person says why";
}

TEST_F(Standing, ALongSubjectIsBoundByItsHash) {
  const std::string payer(60'000, 'x');
  EXPECT_EQ(Pay(0, payer, "b", 100'000).action, Action::kBlock);
  EXPECT_EQ(Pay(1, payer, "c", 100).action, Action::kBlock);
  EXPECT_EQ(Pay(1, payer + "x", "c", 100).action, Action::kApprove);
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(Pay(2, with_nul, "b", 100'000).action, Action::kBlock);
  EXPECT_EQ(Pay(3, with_nul, "c", 100).action, Action::kBlock);
}

TEST_F(Standing, NothingOfManyHitsGrowsWithoutEnd) {
  for (int i = 0; i < 500; ++i) {
    Pay(i * kHourUs / 10, "a", "b", 100'000);
  }
  const StandingState& state = core_.committed().standing()[0];
  EXPECT_LE(state.Of("a").size(), kStandingMax);
  EXPECT_EQ(Pay(50 * kHourUs, "a", "c", 1).action, Action::kBlock);
  Pay(400 * kDayUs / 2, "x", "y", 100'000);
  EXPECT_TRUE(state.Of("a").empty()) << "what ended long ago is forgotten";
}

// The oracle.
struct Laid {
  std::string subject;
  Action action;
  std::optional<int64_t> limit_cents;
  int64_t until_us;
  uint64_t decision;
  bool gone = false;
};

Action BoundBy(const std::vector<Laid>& all, const Event& event) {
  Action action = Action::kApprove;
  for (const Laid& one : all) {
    for (size_t column : {size_t{2}, size_t{3}}) {
      const Datum& value = event.columns[column];
      if (!one.gone && !value.is_null() && value.text() == one.subject &&
          event.columns[1].i < one.until_us &&
          (!one.limit_cents || event.columns[4].i > *one.limit_cents)) {
        action = std::max(action, one.action);
      }
    }
  }
  return action;
}

TEST(StandingProperty, BindsWhatAPlainListOfAllThatWasSetBinds) {
  size_t bound = 0;
  size_t undone = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SeededRandom random(seed);
    Core core(StandingPack());
    std::vector<Laid> all;
    uint64_t seq = 1;
    for (const Event& event : RandomPayments(seed, 150)) {
      if (random.Chance(0.2)) {
        // A person does something; what is refused changes nothing.
        StandingChange change;
        const std::string subject =
            fmt::format("{}{}", random.Chance(0.5) ? 'a' : 'b', random.Below(5));
        const auto kind = random.Below(3);
        if (kind == 0) {
          const bool limited = random.Chance(0.3);
          change = Set(subject, static_cast<Action>(random.Between(1, 6)),
                       random.Chance(0.5) ? kForEver : kStartUs + random.Between(0, 20) * kDayUs,
                       limited ? "300.00" : "");
        } else if (kind == 1) {
          change = Release(subject);
        } else {
          change = Undo(all.empty() ? 7 : all[random.Below(all.size())].decision);
        }
        if (core.committed().Validate(change)) {
          ASSERT_TRUE(core.Apply(change, seq++).has_value());
          for (Laid& one : all) {
            one.gone = one.gone || (kind == 1 && one.subject == subject) ||
                       (kind == 2 && one.decision == change.decision_seq);
          }
          undone += kind == 2 ? 1 : 0;
          if (kind == 0) {
            all.push_back({subject, change.action,
                           change.limit.empty() ? std::nullopt : std::optional<int64_t>(30'000),
                           change.until_us, 0});
          }
        }
      }
      if (random.Chance(0.05)) {
        Bytes saved;
        core.Save(saved);
        core = Core(StandingPack());
        ASSERT_TRUE(core.Restore(saved).has_value());
      }
      const Action expected = BoundBy(all, event);
      const Decision decision = core.Decide(event, seq);
      Action standing = Action::kApprove;
      for (const StandingHit& hit : decision.standing) {
        standing = std::max(standing, hit.action);
      }
      if ((decision.flags & kOutOfBounds) == 0) {
        ASSERT_EQ(standing, expected) << "seed " << seed << ", event " << core.events();
      }
      bound += standing != Action::kApprove ? 1 : 0;
      for (const auto& change : core.ChangesOf(event, decision)) {
        const auto& set = std::get<StandingChange>(change);
        ASSERT_TRUE(core.Apply(change, seq + 2).has_value());
        all.push_back({set.subject, set.action,
                       set.limit.empty() ? std::nullopt : std::optional<int64_t>(5'000),
                       set.until_us, decision.seq()});
        ++seq;
      }
      seq += 2;
    }
  }
  EXPECT_GT(bound, 500u);
  EXPECT_GT(undone, 20u);
}

// A log on which decisions and persons set, release and undo.
class StandingLog : public testing::Test {
 protected:
  StandingLog() : disk_(5), clock_(kStartUs) {}

  std::unique_ptr<Partition> Open(const std::shared_ptr<const CompiledPack>& pack) {
    auto opened = Partition::Open(disk_, clock_, "/small", pack, {});
    EXPECT_TRUE(opened.has_value()) << opened.error().ToString();
    return std::move(*opened);
  }

  SimulatedDisk disk_;
  ManualClock clock_;
};

TEST_F(StandingLog, AFrozenAccountStaysFrozenOverRestartSnapshotAndChangeOfPack) {
  uint64_t first_seq = 0;
  {
    auto partition = Open(StandingPack());
    const auto outcome = partition->Decide(Payment("1", kStartUs, "a", "b", 100'000));
    ASSERT_TRUE(outcome.has_value());
    first_seq = outcome->decision.seq();
    ASSERT_TRUE(partition->Apply(Set("z", Action::kFreeze)).has_value());
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  }
  const auto other = MustCompile(StandingToml().replace(0, 0, "# another version\n"));
  size_t number = 10;
  for (const auto& pack : {StandingPack(), other, StandingPack()}) {
    auto partition = Open(pack);
    const auto outcome =
        partition->Decide(Payment(fmt::format("{}", ++number), kStartUs + 1, "a", "c", 1));
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->decision.action, Action::kBlock);
    ASSERT_EQ(outcome->decision.standing.size(), 1u);
    EXPECT_EQ(outcome->decision.standing[0].record, first_seq + 1);
    const auto by_person =
        partition->Decide(Payment(fmt::format("{}z", number), kStartUs + 1, "d", "z", 1));
    EXPECT_EQ(by_person->decision.action, Action::kFreeze);
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
    ASSERT_TRUE(partition->Snapshot().has_value());
    const auto read = partition->FindBySeq(outcome->decision.seq());
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->standing, outcome->decision.standing);
  }
  const auto reperformed = Reperform(disk_, "/small", TestBinder(), {});
  ASSERT_TRUE(reperformed.has_value()) << reperformed.error().ToString();
  EXPECT_EQ(reperformed->different, 0u);
  EXPECT_EQ(reperformed->equal, 7u);
}

class StandingDiff : public SourceFiles {};

TEST_F(StandingDiff, ActionsAreWhatTheBatchAndAPlainListGive) {
  const auto pack = SmallPackWithSources(StandingToml());
  for (uint64_t seed : {1, 2}) {
    const std::string path = Write("a.csv", Csv(RandomPayments(seed, 300)));
    Result<SourcePlan> plan = OpenSource(access_, *pack, "bank", path);
    ASSERT_TRUE(plan.has_value());
    Result<DiffResult> diff = Diff(access_, pack, *plan);
    ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
    EXPECT_EQ(diff->mismatches, 0u)
        << diff->first[0].column << " of row " << diff->first[0].row << ": " << diff->first[0].batch
        << " against " << diff->first[0].stream;
  }
}

TEST(PackStanding, WhatIsWrongIsRefusedWithItsPlace) {
  struct Bad {
    std::string_view old_text;
    std::string_view new_text;
    std::string_view message;
  };
  for (const Bad& bad : {
           Bad{"columns = [\"payer\", \"payee\"]", "columns = []", "no event column is named"},
           Bad{"columns = [\"payer\", \"payee\"]", "columns = [\"payer\", \"amount\"]",
               "columns of one kind are of one type"},
           Bad{"columns = [\"payer\", \"payee\"]", "columns = [\"payer\", \"payer\"]",
               "a second time"},
           Bad{"amount = \"amount\"", "amount = \"payee\"", "an amount is an exact number"},
           Bad{"amount = \"amount\"\nreason", "reason", "names no 'amount'"},
           Bad{"kind = \"account\"", "kind = \"card\"", "the pack has no [standing.card]"},
           Bad{"subject = \"payer\"", "subject = \"id\"", "none of the columns"},
           Bad{"for = \"1 day\"", "for = \"0 s\"", "must be longer"},
           Bad{"above = \"50.00\"", "above = \"50.001\"", "no value of type DECIMAL"},
       }) {
    std::string text = StandingToml();
    const size_t at = text.find(bad.old_text);
    ASSERT_NE(at, std::string::npos) << bad.old_text;
    text.replace(at, bad.old_text.size(), bad.new_text);
    const auto compiled = TryCompile(text);
    ASSERT_FALSE(compiled.has_value()) << bad.new_text;
    EXPECT_NE(compiled.error().message().find(bad.message), std::string::npos)
        << compiled.error().ToString();
    EXPECT_NE(compiled.error().message(Language::kChinese), compiled.error().message());
    EXPECT_GT(compiled.error().where()->line, 0);
  }
}

}  // namespace
}  // namespace fuqi::decide
