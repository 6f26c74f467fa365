#include "decide/tune.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

Labels SomeLabels() {
  Labels labels;
  labels.columns = {2};
  labels.bad = {{"a0", false}, {"a1", true}, {"a2", false}};  // of a3 nothing is known
  return labels;
}

Result<Tuning> Tune(const std::shared_ptr<const CompiledPack>& pack,
                    const std::vector<Event>& events, const TuneOptions& options) {
  const Labels labels = SomeLabels();
  FUQI_ASSIGN_OR_RETURN(Tuner tuner, Tuner::Start(pack, labels, options));
  for (const Event& event : events) {
    FUQI_RETURN_IF_ERROR(tuner.Add(event));
  }
  return tuner.Finish();
}

// Costs of a pack over the same events, from its decisions.
struct Costs {
  uint64_t hits = 0, false_alerts = 0, missed = 0, known = 0;
  double loss = 0;
};
Costs CostsOf(const CompiledPack& pack, const std::vector<Event>& events, uint32_t rule) {
  const std::shared_ptr<const CompiledPack> shared(std::shared_ptr<void>(), &pack);
  Core core(shared);
  Costs costs;
  uint64_t seq = 1;
  for (const Event& event : events) {
    const Decision decision = core.Decide(event, seq);
    seq += 2;
    const std::string_view payer = event.columns[2].text();
    if (payer == "a3") {
      continue;
    }
    ++costs.known;
    costs.hits +=
        std::find(decision.hits.begin(), decision.hits.end(), rule) != decision.hits.end();
    const bool alerted = decision.action != Action::kApprove;
    costs.false_alerts += alerted && payer != "a1";
    if (!alerted && payer == "a1") {
      ++costs.missed;
      costs.loss += static_cast<double>(static_cast<int64_t>(event.columns[4].i)) / 100;
    }
  }
  return costs;
}

TEST(Tune, EachPointCostsWhatThePackWithThatNumberCosts) {
  const std::vector<Event> events = RandomPayments(31, 1'500);
  // The rule is watched only: tuning asks what it would do if it acted.
  const std::string watched = SmallPackWith("then = \"block\"", "then = \"block\"\nshadow = true");
  const Tuning by_count =
      *Tune(MustCompile(watched), events, {.rule = "large", .false_alert = 2, .missed = 5});
  const Tuning by_amount = *Tune(SmallPack(), events, {.rule = "large", .false_alert = 3});
  ASSERT_EQ(by_count.thresholds.size(), 1u);
  const TunedThreshold& tuned = by_count.thresholds[0];
  EXPECT_EQ(tuned.current, 1000);
  EXPECT_EQ(tuned.points[tuned.now].threshold, 1000);
  ASSERT_EQ(tuned.points.size(), by_amount.thresholds[0].points.size());
  EXPECT_GT(tuned.points.size(), 10u);
  for (size_t i = 0; i < tuned.points.size(); i += 3) {
    const TunePoint& point = tuned.points[i];
    const auto pack =
        MustCompile(SmallPackWith("amount >= 1000", fmt::format("amount >= {}", point.threshold)));
    ASSERT_NE(pack, nullptr);
    const Costs costs = CostsOf(*pack, events, 1);
    EXPECT_EQ(by_count.events, costs.known);
    EXPECT_EQ(point.hits, costs.hits) << point.threshold;
    EXPECT_DOUBLE_EQ(point.cost, 2.0 * double(costs.false_alerts) + 5.0 * double(costs.missed));
    EXPECT_NEAR(by_amount.thresholds[0].points[i].cost,
                3.0 * double(costs.false_alerts) + costs.loss, 1e-6);
  }
  for (const TunePoint& point : tuned.points) {
    EXPECT_GE(point.cost, tuned.points[tuned.best].cost);
  }
  for (size_t i = tuned.flat_from; i <= tuned.flat_to; ++i) {
    EXPECT_LE(tuned.points[i].cost, 1.05 * tuned.points[tuned.best].cost);
  }
}

TEST(Tune, MovesOneThresholdAtATimeAndGivesTheLineToChange) {
  const std::vector<Event> events = RandomPayments(32, 1'500);
  // The other rules only watch, so that this one's alerts are the pack's.
  std::string alone = SmallPackWith("then = \"review\"", "then = \"review\"\nshadow = true");
  alone.replace(alone.find("then = \"block\""), 14, "then = \"block\"\nshadow = true");
  const std::string condition = "payees_1d >= 3 AND sum_1d > 500";
  const Tuning tuning =
      *Tune(MustCompile(alone), events, {.rule = "spread", .false_alert = 1, .missed = 0});
  ASSERT_EQ(tuning.thresholds.size(), 2u);
  EXPECT_EQ(tuning.thresholds[0].current, 3);
  EXPECT_EQ(tuning.thresholds[0].comparison, "payees_1d >= 3");
  EXPECT_EQ(tuning.thresholds[1].current, 500);
  // Where missing costs nothing, the cheapest number is one that alerts less.
  for (size_t i : {0, 1}) {
    const TunedThreshold& tuned = tuning.thresholds[i];
    const double best = tuned.points[tuned.best].threshold;
    EXPECT_GT(best, tuned.current);
    ASSERT_EQ(tuned.better_when, i == 0 ? fmt::format("payees_1d >= {} AND sum_1d > 500", best)
                                        : fmt::format("payees_1d >= 3 AND sum_1d > {}", best));
    std::string changed = alone;
    const auto pack =
        MustCompile(changed.replace(changed.find(condition), condition.size(), tuned.better_when));
    ASSERT_NE(pack, nullptr);
    EXPECT_EQ(static_cast<double>(CostsOf(*pack, events, 2).false_alerts),
              tuned.points[tuned.best].cost);
  }
}

TEST(Tune, SeesWhereAComparisonOfNothingLeavesTheRule) {
  const std::vector<Event> events = RandomPayments(33, 800);
  const std::string with_null = SmallPackWith("amount >= 1000", "200 < previous OR amount < 50");
  const auto pack = MustCompile(with_null);
  const Tuning tuning = *Tune(pack, events, {.rule = "large", .missed = 1});
  ASSERT_EQ(tuning.thresholds.size(), 2u);
  for (const TunedThreshold& tuned : tuning.thresholds) {
    EXPECT_EQ(tuned.points[tuned.now].hits, CostsOf(*pack, events, 1).hits) << tuned.comparison;
  }
  const TunedThreshold& first = tuning.thresholds[0];
  for (size_t i = 0; i < first.points.size(); i += 5) {
    const auto changed = MustCompile(SmallPackWith(
        "amount >= 1000", fmt::format("{} < previous OR amount < 50", first.points[i].threshold)));
    EXPECT_EQ(first.points[i].hits, CostsOf(*changed, events, 1).hits) << first.points[i].threshold;
  }
}

TEST(Tune, GivesTheLineToChangeWhereTheConditionHasLookupsAndHelpers) {
  const std::vector<Event> events = RandomPayments(34, 1'500);
  // What stands for a call while it is evaluated is longer than it, or shorter.
  for (const std::string call :
       {"in_list('watched', payee, ts)", "haversine_km(amount, 2, 3, 4) < 0",
        "haversine_km(1, 2, 3, 4) < 0 OR in_list('watched', payee, ts)"}) {
    const std::string condition = call + " OR amount >= 900";
    const auto pack_of = [](const std::string& when) {
      return SmallPackWith("amount >= 1000", when) + "[list.watched]\ntype = \"VARCHAR\"\n";
    };
    const auto pack = MustCompile(pack_of(condition));
    ASSERT_NE(pack, nullptr);
    const Tuning tuning = *Tune(pack, events, {.rule = "large", .false_alert = 1, .missed = 0});
    const TunedThreshold& tuned = tuning.thresholds.back();
    ASSERT_EQ(tuned.comparison, "amount >= 900") << call;
    const double best = tuned.points[tuned.best].threshold;
    EXPECT_GT(best, 900);
    EXPECT_EQ(tuned.better_when, fmt::format("{} OR amount >= {}", call, best));
    EXPECT_NE(MustCompile(pack_of(tuned.better_when)), nullptr);
  }
  const auto by_power = MustCompile(SmallPackWith("amount >= 1000", "amount >= 9e2"));
  const Tuning tuning = *Tune(by_power, events, {.rule = "large", .false_alert = 1, .missed = 0});
  EXPECT_NE(tuning.thresholds[0].best, tuning.thresholds[0].now);
  EXPECT_EQ(tuning.thresholds[0].better_when, "") << "no plain number to put another for";
}

TEST(Tune, RefusesRulesAndCostsThatAreNone) {
  const Labels labels = SomeLabels();
  auto refusal = [&](const std::string& when, const TuneOptions& options) {
    const auto pack = MustCompile(SmallPackWith("amount >= 1000", when));
    const auto tuner = Tuner::Start(pack, labels, options);
    return tuner ? ErrorCode{} : tuner.error().code();
  };
  EXPECT_EQ(refusal("amount >= 1", {.rule = "lerge"}), ErrorCode::kNotFound);
  EXPECT_EQ(refusal("payer = payee", {.rule = "large"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("amount = 7", {.rule = "large"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("amount >= 1", {.rule = "large", .false_alert = -1}),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(refusal("amount >= 1", {.rule = "large", .amount = "payer"}), ErrorCode::kTypeMismatch);
}

}  // namespace
}  // namespace fuqi::decide
