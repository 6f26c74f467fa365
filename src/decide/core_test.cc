#include "decide/core.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

// Of the small pack: amounts in cents.
int64_t IntFeature(const Decision& decision, std::string_view name) {
  const int index = table::FindColumn(SmallPack()->feature_schema(), name);
  EXPECT_FALSE(decision.features[index].is_null()) << name;
  return static_cast<int64_t>(decision.features[index].i);
}

TEST(Core, DecidesByTheGreatestActionOfAllRulesThatHit) {
  Core core(SmallPack());
  EXPECT_EQ(core.Decide(Payment("1", kStartUs, "a", "x", 20'000), 1).action, Action::kApprove);
  EXPECT_EQ(core.Decide(Payment("2", kStartUs + 1, "a", "y", 20'000), 3).action, Action::kApprove);
  const Decision third = core.Decide(Payment("3", kStartUs + 2, "a", "z", 100'000), 5);
  EXPECT_EQ(third.hits, (std::vector<uint32_t>{0, 1, 2})) << "all are evaluated";
  EXPECT_EQ(third.action, Action::kBlock);
  EXPECT_EQ(third.flags, 0u);
  EXPECT_EQ(third.event_seq, 5u);
  EXPECT_EQ(IntFeature(third, "count_1d"), 3);
  EXPECT_EQ(IntFeature(third, "sum_1d"), 140'000);
  EXPECT_EQ(IntFeature(third, "payees_1d"), 3);
  EXPECT_EQ(IntFeature(third, "previous"), 20'000);
  EXPECT_EQ(IntFeature(third, "large_share_1d"), 3);
  EXPECT_EQ(core.events(), 3u);
}

TEST(Core, RecordsTheHitsOfAShadowRuleAndDoesNotFollowThem) {
  const auto pack =
      MustCompile(SmallPackWith("then = \"block\"", "then = \"block\"\nshadow = true"));
  Core core(pack);
  const Decision watched = core.Decide(Payment("1", kStartUs, "a", "x", 100'000), 1);
  EXPECT_EQ(watched.hits, (std::vector<uint32_t>{1}));
  EXPECT_EQ(watched.action, Action::kApprove);
  core.Decide(Payment("2", kStartUs + 1, "a", "x", 100), 3);
  const Decision both = core.Decide(Payment("3", kStartUs + 2, "a", "x", 100'000), 5);
  EXPECT_EQ(both.hits, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(both.action, Action::kReview) << "as if the shadow rule were not there";
}

TEST(Core, AShadowRuleThatFailsIsNamedAndChangesNothing) {
  auto with = [&](std::string_view more) {
    return MustCompile(
        SmallPackWith("when = \"amount >= 1000\"\nthen = \"block\"",
                      fmt::format("when = \"payee::INTEGER > 3\"\nthen = \"block\"{}", more)));
  };
  Core acting(with(""));
  const Decision failed = acting.Decide(Payment("1", kStartUs, "a", "x", 100), 1);
  EXPECT_EQ(failed.flags, uint32_t{kEvaluationError});
  EXPECT_EQ(failed.action, Action::kReview) << "the pack's default action";
  Core watching(with("\nshadow = true"));
  const Decision watched = watching.Decide(Payment("1", kStartUs, "a", "x", 100), 1);
  EXPECT_EQ(watched.flags, uint32_t{kShadowError});
  EXPECT_EQ(watched.action, Action::kApprove);
  EXPECT_TRUE(watched.error.starts_with("large: ")) << watched.error;
  Decision again = watched;
  watching.DecideFromFeatures(Payment("1", kStartUs, "a", "x", 100), again);
  EXPECT_EQ(again.action, Action::kApprove);
  EXPECT_EQ(again.error, watched.error);
}

TEST(Core, PutsALateEventAtItsOwnTime) {
  Core core(SmallPack());
  core.Decide(Payment("1", kStartUs, "a", "x", 100), 1);
  core.Decide(Payment("2", kStartUs + kHourUs, "a", "x", 100), 3);
  const Decision late = core.Decide(Payment("3", kStartUs + kMinuteUs, "a", "x", 100), 5);
  EXPECT_EQ(late.flags, 0u);
  EXPECT_EQ(IntFeature(late, "count_1d"), 2) << "what lies after its own time is not seen";
  const Decision next = core.Decide(Payment("4", kStartUs + kHourUs, "a", "x", 100), 7);
  EXPECT_EQ(IntFeature(next, "count_1d"), 4);
}

TEST(Core, KeepsAnEventBeyondTheLatenessOutOfWindows) {
  Core core(SmallPack());
  core.Decide(Payment("1", kStartUs + kHourUs, "a", "x", 100), 1);
  EXPECT_EQ(core.Decide(Payment("2", kStartUs, "a", "x", 100), 3).flags, 0u) << "just in time";
  const Decision late = core.Decide(Payment("3", kStartUs - 1, "a", "x", 200'000), 5);
  EXPECT_EQ(late.flags, kLate);
  for (size_t i = 0; i < late.features.size(); ++i) {
    EXPECT_TRUE(late.features[i].is_null());
  }
  EXPECT_EQ(late.hits, (std::vector<uint32_t>{1})) << "rules see the event's own columns";
  EXPECT_EQ(late.action, Action::kBlock) << "a rule may ask for more than the default";
  EXPECT_EQ(core.Decide(Payment("4", kStartUs - 2, "a", "x", 1), 7).action, Action::kReview)
      << "the pack's default action";
  const Decision next = core.Decide(Payment("5", kStartUs + kHourUs, "a", "x", 100), 9);
  EXPECT_EQ(IntFeature(next, "count_1d"), 3) << "neither of the two late ones counts";
}

TEST(Core, KeepsAnEventFromTheFutureOutOfWindows) {
  Core core(SmallPack());
  const int64_t received = kStartUs;
  auto at = [&](std::string_view id, int64_t ts, uint64_t seq) {
    return core.Decide(Payment(id, ts, "a", "x", 100, received), seq);
  };
  EXPECT_EQ(at("1", kStartUs, 1).flags, 0u);
  EXPECT_EQ(at("2", kStartUs + kDayUs, 3).flags, 0u) << "as far ahead as allowed";
  const Decision far = at("3", 4'070'908'800'000'000, 5);
  EXPECT_EQ(far.flags, kFuture) << "2099";
  EXPECT_EQ(far.action, Action::kReview);
  EXPECT_EQ(at("4", kStartUs + kDayUs, 7).flags, 0u) << "the future one is not the newest";
}

TEST(Core, BoundsTheFutureByTheNewestEventWhereNoReceiptIsKnown) {
  Core core(SmallPack());
  EXPECT_EQ(core.Decide(Payment("1", kStartUs, "a", "x", 1), 1).flags, 0u);
  EXPECT_EQ(core.Decide(Payment("2", kStartUs + 366 * kDayUs + 1, "a", "x", 1), 3).flags, kFuture);
  EXPECT_EQ(core.Decide(Payment("3", kStartUs + 366 * kDayUs, "a", "x", 1), 5).flags, 0u);
}

TEST(Core, GoesOnAfterALongSilenceWhenReceiptsAreKnown) {
  Core core(SmallPack());
  const int64_t later = kStartUs + 800 * kDayUs;
  core.Decide(Payment("1", kStartUs, "a", "x", 1, kStartUs), 1);
  EXPECT_EQ(core.Decide(Payment("2", later, "a", "x", 1, later), 3).flags, 0u);
}

TEST(Core, SurvivesTimesAtTheEndsOfTheCalendar) {
  const int64_t first = -62'135'596'800'000'000;
  const int64_t last = 253'402'300'799'999'999;
  Core core(SmallPack());
  EXPECT_TRUE(core.Validate(Payment("1", first, "a", "x", 1)).has_value());
  EXPECT_TRUE(core.Validate(Payment("2", last, "a", "x", 1)).has_value());
  EXPECT_EQ(core.Validate(Payment("1", first - 1, "a", "x", 1)).error().code(),
            ErrorCode::kOutOfRange);
  EXPECT_EQ(core.Validate(Payment("1", last + 1, "a", "x", 1)).error().code(),
            ErrorCode::kOutOfRange);
  EXPECT_EQ(core.Decide(Payment("1", first, "a", "x", 1), 1).flags, 0u);
  EXPECT_EQ(core.Decide(Payment("2", last, "a", "x", 1), 3).flags, kFuture);
}

TEST(Core, TakesTheDefaultActionWhenAFeatureFailsAndGoesOn) {
  auto pack = MustCompile(SmallPackWith("payers_2h = \"count(DISTINCT payer) OVER payee_2h\"",
                                        "payers_2h = \"CAST(payee AS INTEGER)\""));
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  EXPECT_EQ(core.Decide(Payment("1", kStartUs, "a", "7", 100), 1).flags, 0u);
  const Decision failed = core.Decide(Payment("2", kStartUs, "a", "seven", 100), 3);
  EXPECT_EQ(failed.flags, kEvaluationError);
  EXPECT_EQ(failed.action, Action::kReview);
  EXPECT_TRUE(failed.error.starts_with("payers_2h: ")) << failed.error;
  EXPECT_TRUE(failed.features[5].is_null());
  EXPECT_EQ(IntFeature(failed, "count_1d"), 2) << "the rest is complete";
  const Decision third = core.Decide(Payment("3", kStartUs, "a", "x", 100'000), 5);
  EXPECT_EQ(third.action, Action::kBlock);
  EXPECT_EQ(IntFeature(third, "count_1d"), 3) << "what failed entered the windows all the same";
}

TEST(Core, NamesARuleThatFails) {
  auto pack = MustCompile(SmallPackWith("\"amount >= 1000\"", "\"CAST(payee AS INTEGER) > 3\""));
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  const Decision failed = core.Decide(Payment("1", kStartUs, "a", "x", 100), 1);
  EXPECT_EQ(failed.flags, kEvaluationError);
  EXPECT_TRUE(failed.error.starts_with("large: ")) << failed.error;
  EXPECT_EQ(failed.action, Action::kReview);
}

TEST(Core, SumsBeyondTheTypeFailTheFeatureAndNotTheEvents) {
  std::string text(kSmallPack);
  text.replace(text.find("DECIMAL(18,2)"), 13, "DECIMAL(38,2)");
  auto pack = MustCompile(text);
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  int128 huge = 1;
  for (int i = 0; i < 38; ++i) {
    huge *= 10;
  }
  auto payment = [&](std::string_view id, int128 amount) {
    Event event = Payment(id, kStartUs, "a", "x", 0);
    event.columns.Set(4, Datum::Int(amount));
    return event;
  };
  ASSERT_TRUE(core.Validate(payment("1", huge - 1)).has_value());
  EXPECT_EQ(core.Validate(payment("1", huge)).error().code(), ErrorCode::kTypeMismatch);
  EXPECT_EQ(core.Decide(payment("1", huge - 1), 1).flags, 0u);
  EXPECT_EQ(core.Decide(payment("2", huge - 1), 3).flags, kEvaluationError);
  const Decision after = core.Decide(payment("3", 1 - huge), 5);
  EXPECT_EQ(after.flags, 0u) << "the sum fits again: " << after.error;
}

TEST(Core, RefusesEventsThatAreNotOfTheTable) {
  Core core(SmallPack());
  auto code_of = [&](size_t column, const Datum& value) {
    Event event = Payment("1", kStartUs, "a", "x", 1);
    event.columns.Set(column, value);
    Result<void> valid = core.Validate(event);
    EXPECT_FALSE(valid.has_value());
    EXPECT_EQ(valid.error().where()->field, SmallPack()->event_schema()[column].name);
    return valid.error().code();
  };
  EXPECT_EQ(code_of(0, Datum::Null()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(1, Datum::Null()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(2, Datum::Int(3)), ErrorCode::kTypeMismatch);
  EXPECT_EQ(code_of(2, Datum::Text("a\xff")), ErrorCode::kParse);
  EXPECT_EQ(code_of(2, Datum::Text(std::string(kEventTextBytesMax + 1, 'a'))),
            ErrorCode::kOutOfRange);
  EXPECT_EQ(code_of(4, Datum::Int(int128{1'000'000'000'000'000'000})), ErrorCode::kTypeMismatch);
  EXPECT_EQ(code_of(4, Datum::Double(1.5)), ErrorCode::kTypeMismatch);
  Event short_event;
  short_event.columns.Append(Datum::Text("1"));
  EXPECT_EQ(core.Validate(short_event).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(core.Validate(Payment("1", kStartUs, "a", "", 1)).has_value());
}

TEST(Core, BoundsTheTextsOfAFeatureRow) {
  std::string many = "payer";
  for (int i = 1; i < 20; ++i) {
    many += " || payer";
  }
  auto pack = MustCompile(SmallPackWith("lag(amount) OVER payer_all", many));
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  EXPECT_EQ(core.Decide(Payment("1", kStartUs, "a", "x", 1), 1).flags, 0u);
  const Decision failed = core.Decide(Payment("2", kStartUs, std::string(60'000, 'a'), "x", 1), 3);
  EXPECT_EQ(failed.flags, kEvaluationError);
  EXPECT_TRUE(failed.error.starts_with("previous: texts of 1200000 bytes")) << failed.error;
}

TEST(Core, RefusesNumbersThatAreNotFinite) {
  std::string text(kSmallPack);
  text.replace(text.find("payee = { type = \"VARCHAR\""), 26, "payee = { type = \"DOUBLE\" ");
  auto pack = MustCompile(text);
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  for (double value : {std::nan(""), std::numeric_limits<double>::infinity(),
                       -std::numeric_limits<double>::infinity()}) {
    Event event = Payment("1", kStartUs, "a", "", 1);
    event.columns.Set(3, Datum::Double(value));
    EXPECT_EQ(core.Validate(event).error().code(), ErrorCode::kOutOfRange);
  }
}

TEST(Core, FindsEventsByTheirKeys) {
  Core core(SmallPack());
  const std::vector<Event> events = RandomPayments(3, 1000);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_TRUE(core.FindEvent(events[i].columns[0]).empty());
    core.Decide(events[i], 1 + 2 * i);
  }
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(core.FindEvent(events[i].columns[0]), (std::vector<uint64_t>{1 + 2 * i}));
  }
  EXPECT_EQ(core.FindEvent(Datum::Text("P1")), std::vector<uint64_t>());
}

TEST(Core, StateSavedAndRestoredAnywhereDecidesOnAsBefore) {
  const std::vector<Event> events = RandomPayments(11, 600);
  Core whole(SmallPack());
  Core stepwise(SmallPack());
  for (size_t i = 0; i < events.size(); ++i) {
    const Decision expected = whole.Decide(events[i], 1 + 2 * i);
    if (i % 37 == 0) {
      Bytes state;
      stepwise.Save(state);
      stepwise = Core(SmallPack());
      ASSERT_TRUE(stepwise.Restore(state).has_value());
    }
    const Decision found = stepwise.Decide(events[i], 1 + 2 * i);
    ASSERT_EQ(found.hits, expected.hits);
    ASSERT_EQ(found.flags, expected.flags);
    for (size_t k = 0; k < expected.features.size(); ++k) {
      ASSERT_TRUE(table::Identical(found.features[k], expected.features[k])) << i << " " << k;
    }
  }
  EXPECT_EQ(stepwise.StateDigest(), whole.StateDigest());
}

TEST(Core, FoldLeavesTheStateThatDecidingLeaves) {
  // With rules that fail, events that are late, and NULLs.
  auto pack = MustCompile(SmallPackWith("\"amount >= 1000\"", "\"CAST(payee AS INTEGER) > 3\""));
  ASSERT_NE(pack, nullptr);
  Core decided(pack);
  Core folded(pack);
  uint64_t seq = 1;
  for (const Event& event : RandomPayments(12, 500)) {
    decided.Decide(event, seq);
    folded.Fold(event, seq);
    seq += 2;
  }
  EXPECT_EQ(folded.StateDigest(), decided.StateDigest());
  EXPECT_EQ(folded.events(), 500u);
}

TEST(Core, StateDigestTellsStatesApart) {
  Core a(SmallPack());
  Core b(SmallPack());
  EXPECT_EQ(a.StateDigest(), b.StateDigest());
  a.Decide(Payment("1", kStartUs, "a", "x", 1), 1);
  b.Decide(Payment("1", kStartUs, "a", "x", 2), 1);
  EXPECT_NE(a.StateDigest(), b.StateDigest());
}

TEST(Core, RefusesAStateThatIsNotItsOwn) {
  Core core(SmallPack());
  for (const Event& event : RandomPayments(1, 50)) {
    core.Decide(event, 1 + 2 * core.events());
  }
  Bytes state;
  core.Save(state);
  const Digest fresh = Core(SmallPack()).StateDigest();
  for (size_t size = 0; size < state.size(); size += 1 + state.size() / 97) {
    Core other(SmallPack());
    EXPECT_FALSE(other.Restore(ByteView(state).first(size)).has_value()) << size;
    EXPECT_EQ(other.StateDigest(), fresh) << "half a state is none";
  }
  auto other_pack = MustCompile(SmallPackWith("amount >= 1000", "amount >= 1001"));
  Core other(other_pack);
  EXPECT_EQ(other.Restore(state).error().code(), ErrorCode::kParse);
}

TEST(Core, RulesAloneGiveTheSameFromARecordedFeatureRow) {
  Core core(SmallPack());
  uint64_t seq = 1;
  for (const Event& event : RandomPayments(5, 300)) {
    const Decision decided = core.Decide(event, seq);
    Decision again = decided;
    again.action = Action::kFreeze;
    again.hits = {7};
    std::vector<Datum> values;
    core.DecideFromFeatures(event, again, &values);
    EXPECT_EQ(again.action, decided.action);
    EXPECT_EQ(again.hits, decided.hits);
    EXPECT_EQ(values.size(), 3u);
    seq += 2;
  }
}

TEST(Core, RulesAloneLeaveTheRecordedErrorAsItIs) {
  auto pack = MustCompile(SmallPackWith("\"amount >= 1000\"", "\"CAST(payee AS INTEGER) > 3\""));
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  const Event event = Payment("1", kStartUs, "a", "x", 100);
  const Decision decided = core.Decide(event, 1);
  ASSERT_EQ(decided.flags, kEvaluationError);
  Decision again = decided;
  core.DecideFromFeatures(event, again);
  EXPECT_EQ(again.error, decided.error) << "the rule that fails is not named twice";
  EXPECT_EQ(again.flags, decided.flags);
  EXPECT_EQ(again.action, decided.action);
}

}  // namespace
}  // namespace fuqi::decide
