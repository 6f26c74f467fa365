// What stands: what a pack may say of it, which events it binds, how it is set, released and
// undone, and what is refused. The oracle is a plain list of everything that was ever set.

#include "decide/standing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/simulated_disk.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/explain.h"
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
StandingChange Allow(std::string subject, std::string amount, int64_t per_us = 0,
                     int64_t from_us = 0) {
  StandingChange change = Set(std::move(subject), Action::kLimit, kForEver, std::move(amount));
  change.allowance = {per_us, from_us};
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
  EXPECT_EQ(pays.standing[0], (StandingHit{0, 2, Action::kBlock, large.seq() + 1, {}}));
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
  EXPECT_EQ(Refused(Set("a", Action::kReview)), ErrorCode::kAlreadyExists)
      << "less than what stands";
  EXPECT_EQ(Refused(Set("a", Action::kHold, kStartUs)), ErrorCode::kAlreadyExists);
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
  change.reason = {"核查", {"looked\0into", 11}};
  EXPECT_EQ(Refused(change), ErrorCode::kParse);
}

TEST_F(Standing, AnAllowanceBindsWhatGoesBeyondWhatRemainsOfIt) {
  ASSERT_TRUE(Change(Allow("b", "50.00")).has_value());
  EXPECT_EQ(Pay(0, "p", "b", 3'000).action, Action::kApprove);
  const Decision beyond = Pay(0, "q", "b", 2'001);
  EXPECT_EQ(beyond.action, Action::kLimit);
  EXPECT_EQ(beyond.standing.at(0).remains, int128{2'000});
  EXPECT_EQ(Pay(0, "r", "b", 2'000).action, Action::kApprove) << "what was bound used up nothing";
  EXPECT_EQ(Pay(0, "s", "b", 1).standing.at(0).remains, int128{0});
  EXPECT_EQ(Pay(0, "t", "b", 0).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "u", "b", -4'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "v", "b", 1).action, Action::kLimit) << "nothing is given back";
  EXPECT_EQ(Pay(200 * kDayUs, "w", "b", 1).action, Action::kLimit) << "all time is one";
  ASSERT_TRUE(Change(Release("b")).has_value());
  EXPECT_EQ(Pay(200 * kDayUs, "x", "b", 1).action, Action::kApprove);
}

TEST_F(Standing, AnAllowanceBeginsAnewInEachPeriodOfTheEventsTime) {
  // A day that begins half an hour behind the first event.
  constexpr int64_t kFrom = kStartUs + kHourUs / 2;
  ASSERT_TRUE(Change(Allow("b", "50.00", kDayUs, kFrom + 3 * kDayUs)).has_value());
  EXPECT_EQ(Pay(0, "p", "b", 5'000).action, Action::kApprove);
  EXPECT_EQ(Pay(kHourUs / 2 - 1, "q", "b", 1).action, Action::kLimit);
  EXPECT_EQ(Pay(kHourUs / 2, "r", "b", 4'000).action, Action::kApprove) << "the next day";
  // Late, but let in: held against its own day, and counted there.
  EXPECT_EQ(Pay(kHourUs / 3, "s", "b", 1).action, Action::kLimit);
  EXPECT_EQ(Pay(kHourUs, "t", "b", 1'001).standing.at(0).remains, int128{1'000});
  EXPECT_EQ(Pay(30 * kHourUs, "u", "b", 5'000).action, Action::kApprove);
  const std::vector<StandingState::Entry> entries = core_.committed().standing()[0].Of("b");
  EXPECT_EQ(entries.at(0).used.size(), 1u) << "no event falls into the days before any more";
}

TEST_F(Standing, OnlyWhatWasApprovedUsesUpAnAllowanceAndWhoPaysHimselfOnce) {
  ASSERT_TRUE(Change(Allow("a", "60.00")).has_value());
  EXPECT_EQ(Pay(0, "a", "a", 1'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "a", "c", 1'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "a", "d", 1'000).action, Action::kReview) << "the third of the day";
  const Decision late = Pay(-9 * kHourUs, "x", "a", 1);
  EXPECT_EQ(late.flags, uint32_t{kLate});
  EXPECT_EQ(late.action, Action::kLimit) << "at a time that is not to be trusted nothing remains";
  EXPECT_FALSE(late.standing.at(0).remains.has_value());
  EXPECT_EQ(Pay(0, "y", "a", 4'001).standing.at(0).remains, int128{4'000});
}

TEST_F(Standing, AnAllowanceStandsBesideOthersAndIsNeverLoosenedByASecondOne) {
  ASSERT_TRUE(Change(Allow("b", "50.00")).has_value());
  EXPECT_EQ(Pay(0, "p", "b", 3'000).action, Action::kApprove);
  EXPECT_EQ(Refused(Allow("b", "50.00")), ErrorCode::kAlreadyExists) << "nothing begins anew";
  EXPECT_EQ(Refused(Allow("b", "60.00", kDayUs)), ErrorCode::kAlreadyExists) << "less strict";
  EXPECT_EQ(Refused(Set("b", Action::kLimit, kForEver, "70.00")), ErrorCode::kAlreadyExists);
  ASSERT_TRUE(Change(Set("b", Action::kLimit, kForEver, "10.00")).has_value());
  ASSERT_TRUE(Change(Allow("b", "40.00", kDayUs)).has_value());
  EXPECT_EQ(Pay(0, "q", "b", 1'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "r", "b", 1'001).action, Action::kLimit) << "above what each may be";
  EXPECT_EQ(Pay(0, "s", "b", 1'000).action, Action::kApprove);
  EXPECT_EQ(Pay(0, "t", "b", 1).action, Action::kLimit) << "of the first nothing remains";
  EXPECT_EQ(Refused(Allow("b", "40.00", kDayUs)), ErrorCode::kAlreadyExists) << "nor of its day";
  // However many there are.
  for (int i = 0; i < 200; ++i) {
    StandingChange by_rule = Allow("b", "1000.00", kDayUs, i);
    by_rule.decision_seq = 7;
    by_rule.at_us = kStartUs;
    ASSERT_TRUE(core_.Apply(by_rule, seq_++).has_value());
  }
  EXPECT_EQ(core_.committed().standing()[0].Of("b").size(), kStandingMax);
  EXPECT_NE(Pay(0, "u", "b", 1).action, Action::kApprove);
}

TEST_F(Standing, WhatContradictsItselfIsRefusedAndChangesNothing) {
  EXPECT_EQ(Refused(Allow("b", "")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(Allow("b", "-0.01")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(Allow("b", "much")), ErrorCode::kTypeMismatch);
  EXPECT_EQ(Refused(Allow("b", "50.00", kHourUs - 1)), ErrorCode::kInvalidArgument)
      << "shorter than the lateness";
  StandingChange spend = Set("b", Action::kApprove, kForEver, "1.00");
  spend.op = StandingChange::Op::kSpend;
  EXPECT_EQ(Refused(spend), ErrorCode::kInvalidArgument) << "a person uses up nothing";
  EXPECT_EQ(core_.committed().standing()[0].size(), 0u);
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
  std::optional<Allowance> allowance = std::nullopt;
  bool gone = false;
  std::vector<std::pair<int64_t, int64_t>> passed = {};  // when, how many cents
};

bool Names(const Laid& one, const Event& event) {
  return std::ranges::any_of(std::vector<size_t>{2, 3}, [&](size_t column) {
    const Datum& value = event.columns[column];
    return !value.is_null() && value.text() == one.subject;
  });
}

// Whether its limit, if it has one, lets the event pass.
bool Passes(const Laid& one, int64_t ts_us, int64_t cents) {
  if (!one.limit_cents) {
    return false;
  }
  if (!one.allowance) {
    return cents <= *one.limit_cents;
  }
  int64_t left = *one.limit_cents;
  for (const auto& [when, how_many] : one.passed) {
    // All the tests' times lie behind the beginning of the first period.
    const int64_t per = one.allowance->per_us == 0 ? INT64_MAX : one.allowance->per_us;
    left -= when / per == ts_us / per ? how_many : 0;
  }
  return cents <= 0 || cents <= left;
}

Action BoundBy(const std::vector<Laid>& all, const Event& event) {
  Action action = Action::kApprove;
  const auto ts_us = static_cast<int64_t>(event.columns[1].i);
  for (const Laid& one : all) {
    if (!one.gone && Names(one, event) && ts_us < one.until_us &&
        !Passes(one, ts_us, static_cast<int64_t>(event.columns[4].i))) {
      action = std::max(action, one.action);
    }
  }
  return action;
}

StandingChange RandomChange(SeededRandom& random, const std::vector<Laid>& all) {
  const std::string subject = fmt::format("{}{}", random.Chance(0.5) ? 'a' : 'b', random.Below(5));
  const auto kind = random.Below(3);
  if (kind == 1) {
    return Release(subject);
  }
  if (kind == 2) {
    return Undo(all.empty() ? 7 : all[random.Below(all.size())].decision);
  }
  const bool limited = random.Chance(0.6);
  StandingChange change =
      Set(subject, static_cast<Action>(random.Between(1, 6)),
          random.Chance(0.5) ? kForEver : kStartUs + random.Between(0, 20) * kDayUs,
          limited ? "900.00" : "");
  if (limited && random.Chance(0.7)) {
    change.allowance = {random.Between(0, 2) * kDayUs, 0};
  }
  return change;
}

// What a person's change does to the plain list.
void Note(const StandingChange& change, std::vector<Laid>& all) {
  using Op = StandingChange::Op;
  for (Laid& one : all) {
    one.gone = one.gone || (change.op == Op::kRelease && one.subject == change.subject) ||
               (change.op == Op::kUndo && one.decision == change.decision_seq);
  }
  if (change.op == Op::kSet) {
    all.push_back({change.subject, change.action,
                   change.limit.empty() ? std::nullopt : std::optional<int64_t>(90'000),
                   change.until_us, 0, change.allowance});
  }
}

TEST(StandingProperty, BindsWhatAPlainListOfAllThatWasSetBinds) {
  size_t bound = 0;
  size_t undone = 0;
  size_t counted = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SeededRandom random(seed);
    Core core(StandingPack());
    std::vector<Laid> all;
    uint64_t seq = 1;
    for (const Event& event : RandomPayments(seed, 150)) {
      if (random.Chance(0.2)) {
        // A person does something; what is refused changes nothing.
        const StandingChange change = RandomChange(random, all);
        if (core.committed().Validate(change)) {
          ASSERT_TRUE(core.Apply(change, seq++).has_value());
          undone += change.op == StandingChange::Op::kUndo ? 1 : 0;
          Note(change, all);
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
      for (Laid& one : all) {
        const auto cents = static_cast<int64_t>(event.columns[4].i);
        if (decision.action == Action::kApprove && (decision.flags & kOutOfBounds) == 0 &&
            !one.gone && Names(one, event) && event.columns[1].i < one.until_us && cents > 0) {
          one.passed.emplace_back(static_cast<int64_t>(event.columns[1].i), cents);
          counted += one.allowance ? 1 : 0;
        }
      }
      for (const auto& change : core.ChangesOf(event, decision)) {
        const auto& set = std::get<StandingChange>(change);
        ASSERT_TRUE(core.Apply(change, seq + 2).has_value());
        if (set.op == StandingChange::Op::kSpend) {
          ++seq;
          continue;
        }
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
  EXPECT_GT(counted, 100u) << "approved under an allowance";
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
  // From the log, from a snapshot, and by another version.
  for (const auto& pack : {StandingPack(), StandingPack(), other, StandingPack()}) {
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
  EXPECT_EQ(reperformed->equal, 9u);
}

TEST_F(StandingLog, WhatRemainsIsReadFromTheLogAndNotComputedAgain) {
  uint64_t allowed = 0;
  {
    auto partition = Open(StandingPack());
    allowed = partition->Apply(Allow("b", "50.00", kDayUs))->seq;
    EXPECT_EQ(partition->Decide(Payment("1", kStartUs, "p", "b", 1'000))->decision.action,
              Action::kApprove);
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  }
  // Of a pack whose rules would have reviewed that payment.
  const auto stricter = MustCompile(
      StandingToml().replace(StandingToml().find("amount >= 1000"),
                             std::string_view("amount >= 1000").size(), "amount >= 10"));
  int number = 10;
  int128 remains = 4'000;
  for (const auto& pack : {StandingPack(), stricter, StandingPack()}) {
    auto partition = Open(pack);
    const auto beyond = partition->Decide(
        Payment(fmt::format("{}", ++number), kStartUs, fmt::format("q{}", number), "b", 5'000));
    ASSERT_EQ(beyond->decision.standing.size(), 1u);
    EXPECT_EQ(beyond->decision.standing[0].record, allowed);
    EXPECT_EQ(beyond->decision.standing[0].remains, remains);
    const auto passes = partition->Decide(
        Payment(fmt::format("{}", ++number), kStartUs, fmt::format("q{}", number), "b", 500));
    EXPECT_EQ(passes->decision.action, Action::kApprove);
    remains -= 500;
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
    ASSERT_TRUE(partition->Snapshot().has_value());
    EXPECT_EQ(partition->FindBySeq(beyond->decision.seq())->standing, beyond->decision.standing);
    const auto explained =
        Explain(partition->log(), partition->tree(), *pack, beyond->decision.seq());
    ASSERT_TRUE(explained.has_value()) << explained.error().ToString();
    ASSERT_EQ(explained->standing.size(), 1u);
    EXPECT_EQ(explained->standing[0].allowed, "50.00");
    EXPECT_EQ(explained->standing[0].remains, fmt::format("{}.00", 40 - (number - 12) / 2 * 5));
    EXPECT_EQ(explained->standing[0].per_us, kDayUs);
  }
  const auto reperformed = Reperform(disk_, "/small", TestBinder(), {});
  ASSERT_TRUE(reperformed.has_value()) << reperformed.error().ToString();
  EXPECT_EQ(reperformed->different, 0u);
  EXPECT_EQ(reperformed->equal, 7u);
}

std::string ReadingToml() {
  std::string text = StandingToml();
  const std::string_view share = "share = ";
  text.replace(text.find(share), share.size(),
               "to_held = \"standing('account', 'hold', payee, ts)\"\nshare = ");
  return text + R"toml(
[[rule]]
id = "to_bound"
when = "to_held AND NOT standing('account', 'freeze', payee, ts) AND amount > 1"
then = "step_up"
reason = { zh = "收款方受限", en = "the payee is bound" }
)toml";
}

TEST_F(StandingLog, ARuleReadsWhatStandsOnAnySubjectAndTheExplanationSaysSince) {
  const auto pack = MustCompile(ReadingToml());
  auto partition = Open(pack);
  auto to_b = [&](std::string_view id, int64_t after_us) {
    return partition->Decide(Payment(id, kStartUs + after_us, id, "b", 101))->decision;
  };
  const auto hits = [](const Decision& decision) { return decision.hits; };
  EXPECT_TRUE(hits(to_b("1", 0)).empty());
  // Only above so much: it stands, and does not bind.
  const uint64_t held =
      partition->Apply(Set("b", Action::kHold, kStartUs + kHourUs, "1000.00"))->seq;
  const Decision reads = to_b("2", 0);
  EXPECT_EQ(reads.action, Action::kStepUp);
  EXPECT_TRUE(reads.standing.empty());
  EXPECT_TRUE(hits(to_b("3", kHourUs)).empty()) << "it has ended";
  EXPECT_EQ(to_b("4", kHourUs / 2).action, Action::kStepUp) << "late, before its end";
  ASSERT_TRUE(partition->Apply(Set("b", Action::kReview))->seq > 0);
  EXPECT_EQ(to_b("5", kHourUs).action, Action::kReview) << "less than asked for";
  ASSERT_TRUE(partition->Apply(Set("b", Action::kFreeze))->seq > 0);
  EXPECT_TRUE(hits(to_b("6", kHourUs)).empty()) << "frozen";
  const Decision nobody = partition->Decide(Payment("7", kStartUs + kHourUs, "z", "", 1))->decision;
  EXPECT_TRUE(
      nobody.features[static_cast<size_t>(table::FindColumn(pack->feature_schema(), "to_held"))]
          .is_null());
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  const auto explained = Explain(partition->log(), partition->tree(), *pack, reads.seq());
  ASSERT_TRUE(explained.has_value()) << explained.error().ToString();
  ASSERT_EQ(explained->standing.size(), 1u);
  EXPECT_EQ(explained->standing[0].lookup, "standing('account', 'hold', payee, ts)");
  EXPECT_EQ(explained->standing[0].record, held);
  EXPECT_EQ(explained->standing[0].by, "officer");
  partition.reset();
  const auto reperformed = Reperform(disk_, "/small", TestBinder(), {});
  EXPECT_EQ(reperformed->different, 0u);
  EXPECT_EQ(reperformed->equal, 7u);
  const auto one = ReperformOne(disk_, "/small", TestBinder(), reads.seq());
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->computed.hits, reads.hits);
}

class StandingDiff : public SourceFiles {};

TEST_F(StandingDiff, WhatRulesReadAndWhatRemainsIsWhatAPlainListOfAllThatWasSetSays) {
  std::string text = ReadingToml();
  const std::string_view burst = "id = \"burst\"";
  text.replace(text.find(burst), burst.size(),
               "id = \"burst\"\nstanding = { kind = \"account\", subject = \"payee\", allow = "
               "\"900.00\", per = \"2 days\", from = \"2023-11-01T16:00:00Z\" }");
  const auto pack = SmallPackWithSources(text);
  uint64_t out_of_bounds = 0;
  for (uint64_t seed : {3, 4, 5, 6}) {
    out_of_bounds += ExpectNoDifference(pack, RandomPayments(seed, 400)).out_of_bounds;
  }
  EXPECT_GT(out_of_bounds, 0u);
}

TEST_F(StandingDiff, ActionsAreWhatTheBatchAndAPlainListGive) {
  const auto pack = SmallPackWithSources(StandingToml());
  for (uint64_t seed : {1, 2}) {
    ExpectNoDifference(pack, RandomPayments(seed, 300));
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
           Bad{"above = \"50.00\"", "above = \"50.00\", allow = \"60.00\"", "contradict"},
           Bad{"above = \"50.00\"", "allow = \"-0.01\"", "nothing or more"},
           Bad{"above = \"50.00\"", "allow = \"60.00\", per = \"59 minutes\"",
               "no shorter than the pack's lateness"},
           Bad{"above = \"50.00\"", "per = \"1 day\"", "which is missing"},
           Bad{"above = \"50.00\"", "allow = \"60.00\", from = \"2024-01-01T00:00:00Z\"",
               "which is missing"},
           Bad{"above = \"50.00\"", "allow = \"60.00\", per = \"1 day\", from = \"noon\"",
               "write a time as"},
           Bad{"amount >= 1000", "standing('acount', 'hold', payer, ts)", "did you mean 'account'"},
           Bad{"amount >= 1000", "standing('account', 'halt', payer, ts)", "halt"},
           Bad{"amount >= 1000", "standing('account', 'approve', payer, ts)", "never stands"},
           Bad{"amount >= 1000", "standing('account', id, payer, ts)", "constant text"},
           Bad{"amount >= 1000", "standing('account', payer, ts)", "four arguments"},
           Bad{"amount >= 1000", "standing('account', 'hold', amount, ts)",
               "subjects of the standing kind 'account' are VARCHAR"},
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
