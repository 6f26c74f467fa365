#include "decide/mine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "decide/feed.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

// Small whole numbers, every one a threshold; entities of whom every third or so is bad.
MineData RandomData(uint64_t seed, size_t events, size_t inputs) {
  SeededRandom random(seed);
  MineData data;
  for (size_t entity = 0; entity < 40; ++entity) {
    data.entity_bad.push_back(random.Chance(0.3));
  }
  for (size_t i = 0; i < inputs; ++i) {
    data.inputs.push_back({fmt::format("f{}", i), {}, {table::TypeId::kBigInt}, {}});
  }
  for (size_t e = 0; e < events; ++e) {
    data.entities.push_back({static_cast<uint32_t>(random.Below(40))});
    data.alerted.push_back(random.Chance(0.1));
    const bool bad = data.entity_bad[data.entities[e][0]];
    for (size_t i = 0; i < inputs; ++i) {
      const auto value =
          static_cast<double>(random.Below(6) + (bad && i < 2 ? random.Below(3) : 0));
      data.inputs[i].values.push_back(random.Chance(0.1) ? std::nan("") : value);
    }
  }
  return data;
}

// Wilson's bound, solved from its definition: the least share that is within 1.96 of its own
// standard deviations of what was seen.
double BoundBySearch(double bad, double hits) {
  const double seen = bad / hits;
  double low = 0;
  double high = seen;
  for (int i = 0; i < 200; ++i) {
    const double p = (low + high) / 2;
    (seen - p > 1.96 * std::sqrt(p * (1 - p) / hits) ? low : high) = p;
  }
  return high;
}

bool Holds(const MineData& data, const std::vector<Condition>& conditions, size_t event) {
  for (const Condition& c : conditions) {
    const double value = data.inputs[c.input].values[event];
    if (std::isnan(value) || (c.at_least ? value < c.threshold : value >= c.threshold)) {
      return false;
    }
  }
  return true;
}

TEST(Mine, FindsTheBestOfAllConjunctions) {
  for (uint64_t seed : {1, 2, 3, 4}) {
    const MineData data = RandomData(seed, 300, 3);
    std::vector<Condition> literals;
    for (size_t input = 0; input < 3; ++input) {
      for (double threshold = 0; threshold <= 8; ++threshold) {
        literals.push_back({input, true, threshold});
        literals.push_back({input, false, threshold});
      }
    }
    constexpr size_t kTrain = 240;
    constexpr uint64_t kSupport = 8;
    double best = 0;
    auto weigh = [&](const std::vector<Condition>& conditions) {
      uint64_t hits = 0;
      uint64_t bad = 0;
      for (size_t e = 0; e < kTrain; ++e) {
        const bool hit = Holds(data, conditions, e);
        hits += hit;
        bad += hit && data.entity_bad[data.entities[e][0]];
      }
      if (hits >= kSupport) {
        best = std::max(best, BoundBySearch(static_cast<double>(bad), static_cast<double>(hits)));
      }
    };
    for (const Condition& a : literals) {
      weigh({a});
      for (const Condition& b : literals) {
        weigh({a, b});
        for (const Condition& c : literals) {
          weigh({a, b, c});
        }
      }
    }
    const MineResult result = *Mine(data, {.train = 0.8,
                                           .rules = 1,
                                           .support = kSupport,
                                           .lift = 0,
                                           .folds = 1,
                                           .shuffles = 0,
                                           .beam = 1'000'000});
    ASSERT_EQ(result.rules.size(), 1u);
    EXPECT_NEAR(result.rules[0].score, best, 1e-9) << ConditionsSql(data, result.rules[0]);
    EXPECT_EQ(result.train_events, kTrain);
  }
}

TEST(Mine, SaysOfEachRuleWhatACountSays) {
  const MineData data = RandomData(9, 4'000, 4);
  const MineResult result = *Mine(data, {.support = 15, .lift = 1.1, .shuffles = 0});
  ASSERT_FALSE(result.rules.empty());
  const size_t train = result.train_events;
  EXPECT_EQ(train, 2'800u);
  const size_t fold = train / 5;
  for (const MinedRule& rule : result.rules) {
    SCOPED_TRACE(ConditionsSql(data, rule));
    EXPECT_LE(rule.conditions.size(), 3u);
    uint64_t hits[2] = {}, bad[2] = {}, all_bad[2] = {}, fresh = 0;
    double least = INFINITY;
    uint64_t fold_hits = 0, fold_bad = 0, fold_all = 0;
    for (size_t e = 0; e < data.events(); ++e) {
      const int part = e < train ? 0 : 1;
      const bool is_bad = data.entity_bad[data.entities[e][0]];
      const bool hit = Holds(data, rule.conditions, e);
      hits[part] += hit, bad[part] += hit && is_bad, all_bad[part] += is_bad;
      fresh += part == 0 && hit && is_bad && !data.alerted[e];
      fold_hits += hit, fold_bad += hit && is_bad, fold_all += is_bad;
      if (e < train && (e + 1) % fold == 0) {
        if (fold_hits > 0) {
          least = std::min(
              least, double(fold_bad) / double(fold_hits) / (double(fold_all) / double(fold)));
        }
        fold_hits = fold_bad = fold_all = 0;
      }
    }
    EXPECT_EQ(rule.train.hits, hits[0]);
    EXPECT_EQ(rule.train.bad, bad[0]);
    EXPECT_EQ(rule.test.hits, hits[1]);
    EXPECT_EQ(rule.test.bad, bad[1]);
    EXPECT_EQ(rule.bad_not_alerted, fresh);
    EXPECT_DOUBLE_EQ(rule.train.recall, double(bad[0]) / double(all_bad[0]));
    EXPECT_NEAR(rule.test.lift,
                double(bad[1]) / double(hits[1]) / (double(all_bad[1]) / double(4'000 - train)),
                1e-9);
    EXPECT_NEAR(rule.fold_lift_min, least, 1e-9);
    EXPECT_GE(rule.train.lift, 1.1);
    EXPECT_GE(rule.fold_lift_min, 1);
  }
}

TEST(Mine, PartsOfTheTimeWithoutBadEventsTellNothing) {
  MineData data = RandomData(9, 4'000, 4);
  const auto good =
      static_cast<uint32_t>(std::ranges::find(data.entity_bad, false) - data.entity_bad.begin());
  // The first of five parts of training, and some of the second.
  for (size_t e = 0; e < 600; ++e) {
    data.entities[e] = {good};
  }
  const MineResult result = *Mine(data, {.support = 15, .lift = 1.1, .shuffles = 0});
  ASSERT_FALSE(result.rules.empty());
  for (const MinedRule& rule : result.rules) {
    EXPECT_LE(rule.folds_hit, 4u);
    EXPECT_GE(rule.fold_lift_min, 1);
    EXPECT_TRUE(std::isfinite(rule.fold_lift_min));
  }
  // Three of the five: the two that are left are enough.
  for (size_t e = 0; e < 1'700; ++e) {
    data.entities[e] = {good};
  }
  EXPECT_FALSE(Mine(data, {.support = 15, .lift = 1.1, .shuffles = 0})->rules.empty());
}

// Labels that say nothing of the values.
MineData DataWithoutMeaning() {
  MineData data = RandomData(5, 3'000, 5);
  SeededRandom random(77);
  for (size_t i = 0; i < data.entity_bad.size(); ++i) {
    data.entity_bad[i] = i % 3 == 0;
  }
  for (auto& input : data.inputs) {
    for (double& value : input.values) {
      value = static_cast<double>(random.Below(7));
    }
  }
  return data;
}

TEST(Mine, FindsNothingInLabelsWithoutMeaning) {
  const MineData data = DataWithoutMeaning();
  const MineOptions blind{.lift = 1, .shuffles = 0};
  EXPECT_FALSE(Mine(data, blind)->rules.empty()) << "without the baseline chance looks like a find";
  const MineResult judged = *Mine(data, {.lift = 1, .shuffles = 20});
  EXPECT_TRUE(judged.rules.empty()) << ConditionsSql(data, judged.rules[0]);
  EXPECT_GT(judged.chance_score, 0);
}

TEST(Mine, TellsWhatChanceGivesHoweverFewItsSteps) {
  const MineData data = DataWithoutMeaning();
  const MineResult whole = *Mine(data, {.lift = 1, .shuffles = 20});
  ASSERT_FALSE(whole.truncated);
  bool any_short = false;
  for (uint64_t steps = 500'000; steps < 50'000'000; steps *= 2) {
    const MineResult judged = *Mine(data, {.lift = 1, .shuffles = 20, .steps = steps});
    any_short = any_short || judged.truncated;
    EXPECT_GT(judged.chance_score, 0) << steps;
    EXPECT_TRUE(judged.rules.empty()) << steps;
  }
  EXPECT_TRUE(any_short);
}

TEST(Mine, GivesTheSameEveryTimeAndKeepsToItsSteps) {
  const MineData data = RandomData(6, 3'000, 6);
  const MineOptions options{.lift = 1, .shuffles = 3};
  const MineResult first = *Mine(data, options);
  const MineResult second = *Mine(data, options);
  ASSERT_EQ(first.rules.size(), second.rules.size());
  EXPECT_EQ(first.chance_score, second.chance_score);
  for (size_t i = 0; i < first.rules.size(); ++i) {
    EXPECT_EQ(ConditionsSql(data, first.rules[i]), ConditionsSql(data, second.rules[i]));
  }
  EXPECT_FALSE(first.truncated);
  MineOptions few = options;
  few.steps = 20'000;
  EXPECT_TRUE(Mine(data, few)->truncated);
}

TEST(Mine, RefusesWhatCannotBeLearnedFrom) {
  MineData data = RandomData(6, 100, 1);
  EXPECT_EQ(Mine(data, {.train = 1}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Mine(data, {.conditions = 0}).error().code(), ErrorCode::kInvalidArgument);
  std::fill(data.entity_bad.begin(), data.entity_bad.end(), false);
  EXPECT_EQ(Mine(data, {}).error().code(), ErrorCode::kInvalidArgument);
  std::fill(data.entity_bad.begin(), data.entity_bad.end(), true);
  EXPECT_EQ(Mine(data, {}).error().code(), ErrorCode::kInvalidArgument);
}

TEST(Mine, ARuleHitsInAPackWhatItWasSaidToHit) {
  const std::vector<Event> events = RandomPayments(21, 3'000);
  Labels labels;
  labels.columns = {2};
  labels.complete = true;
  labels.bad = {{"a1", true}, {"a3", true}};
  MineCollector collector(SmallPack(), labels);
  for (const Event& event : events) {
    ASSERT_TRUE(collector.Add(event).has_value());
  }
  const MineData data = collector.Finish();
  ASSERT_EQ(data.events(), events.size());
  const MineResult result = *Mine(data, {.lift = 0, .folds = 1, .shuffles = 0});
  ASSERT_FALSE(result.rules.empty());
  for (const MinedRule& rule : result.rules) {
    const std::string when = ConditionsSql(data, rule);
    const auto pack = MustCompile(SmallPackWith("amount >= 1000", when));
    ASSERT_NE(pack, nullptr) << when;
    Core core(pack);
    uint64_t hits = 0;
    for (size_t i = 0; i < events.size(); ++i) {
      const Decision decision = core.Decide(events[i], 1 + 2 * i);
      hits += std::find(decision.hits.begin(), decision.hits.end(), 1u) != decision.hits.end();
    }
    EXPECT_EQ(hits, rule.train.hits + rule.test.hits) << when;
  }
}

class MineRealData : public SourceFiles {};

TEST_F(MineRealData, RulesLearnedOnTheFirstPartHoldOnTheRest) {
  const char* folder = std::getenv("FUQI_DATA");
  const std::string data = folder != nullptr ? folder : FUQI_SOURCE_DIR "/../shared/data";
  if (!std::filesystem::is_directory(data)) {
    std::puts("skipped: no data");
    GTEST_SKIP();
  }
  Result<Pack> loaded = LoadPack(SystemDisk(), FUQI_SOURCE_DIR "/packs/aml");
  ASSERT_TRUE(loaded.has_value());
  const auto pack = *CompiledPack::Compile(std::move(*loaded), TestBinder());
  for (const char* name : {"20K_fanin200", "20K_cycle200"}) {
    const std::string dir = fmt::format("{}/amlsim/{}", data, name);
    const Labels labels = *ReadLabels(access_, *pack, "amlsim", dir + "/nodes.csv");
    const SourcePlan plan = *OpenSource(access_, *pack, "amlsim", dir + "/transactions.csv");
    SourceReader reader = *SourceReader::Open(access_, *pack, plan);
    MineCollector collector(pack, labels);
    ASSERT_TRUE(FeedSource(reader, *pack, [&](const Event& e) { return collector.Add(e); }));
    const MineData mined = collector.Finish();
    const MineResult result = *Mine(mined, {.shuffles = 0, .beam = 30});
    ASSERT_FALSE(result.rules.empty()) << name;
    for (const MinedRule& rule : result.rules) {
      std::printf("%s: %s: train %llu hits, lift %.1f; later %llu hits, lift %.1f\n", name,
                  ConditionsSql(mined, rule).c_str(),
                  static_cast<unsigned long long>(rule.train.hits), rule.train.lift,
                  static_cast<unsigned long long>(rule.test.hits), rule.test.lift);
    }
    // The best ones at least: fewer hits mean less.
    for (size_t i = 0; i < std::min<size_t>(3, result.rules.size()); ++i) {
      EXPECT_GT(result.rules[i].test.hits, 0u) << ConditionsSql(mined, result.rules[i]);
      EXPECT_GE(result.rules[i].test.lift, 2) << ConditionsSql(mined, result.rules[i]);
    }
  }
}

TEST(Mine, ThresholdsAreNumbersThatAPersonWrites) {
  EXPECT_EQ(Readable(17, true), 17);
  EXPECT_EQ(Readable(47, true), 50);
  EXPECT_EQ(Readable(1'234, true), 1'200);
  EXPECT_EQ(Readable(97.3, false), 100);
  EXPECT_EQ(Readable(0.3371, false), 0.3);
  EXPECT_EQ(Readable(-0.0261, false), -0.025);
  EXPECT_EQ(Readable(0, false), 0);
  EXPECT_EQ(fmt::format("{}", Readable(0.0000297, false)), "3e-05");
}

}  // namespace
}  // namespace fuqi::decide
