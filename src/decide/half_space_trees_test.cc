// Half-space trees against boxes and lists of points, and what they are for: what is strange scores
// high and is named, what is usual scores low, what is past is forgotten.

#include "decide/half_space_trees.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/random.h"
#include "decide/half_space_brute.h"

namespace fuqi::decide {
namespace {

using Limits = std::numeric_limits<double>;

HalfSpaceShape RandomShape(SeededRandom& random) {
  constexpr std::array<int64_t, 14> kWindows = {1, 2, 3, 7, 8, 9, 10, 11, 31, 32, 33, 63, 64, 65};
  HalfSpaceShape shape;
  const uint64_t inputs = 1 + random.Below(random.Chance(0.1) ? kHalfSpaceInputsMax : 4);
  for (uint64_t i = 0; i < inputs; ++i) {
    const double low = random.Chance(0.5) ? 0 : 10 * random.Normal();
    shape.inputs.push_back({low, low + (random.Chance(0.5) ? 1 : 0.1 + 20 * random.Unit())});
  }
  if (random.Chance(0.1)) {
    shape.inputs[0] = {-8e307, 8e307};
  }
  shape.trees = static_cast<int>(random.Between(1, 4));
  shape.depth = static_cast<int>(random.Between(1, random.Chance(0.1) ? kHalfSpaceDepthMax : 7));
  shape.window = kWindows[random.Below(kWindows.size())];
  shape.seed = random.Next();
  return shape;
}

// On the ends of the range and on even parts of it, anywhere in and about it, at the ends of what a
// DOUBLE can be, or NULL.
std::optional<double> RandomValue(const HalfSpaceShape::Range& range, SeededRandom& random) {
  constexpr std::array<double, 8> kExtremes = {
      Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min(), -0.0, 0.0, 1e17, -1e17};
  const double u = random.Unit();
  if (u < 0.1) {
    return std::nullopt;
  }
  if (u < 0.15) {
    return kExtremes[random.Below(kExtremes.size())];
  }
  const double share =
      u < 0.6 ? static_cast<double>(random.Between(-16, 32)) / 16 : 0.5 + 0.2 * random.Normal();
  return range.low + share * (range.high - range.low);
}

std::vector<HalfSpacePoint> RandomPoints(const HalfSpaceShape& shape, size_t count,
                                         SeededRandom& random) {
  // A few points come again and again; in some runs nothing else does.
  std::vector<HalfSpacePoint> points;
  const double again = random.Chance(0.2) ? 1 : random.Unit();
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && random.Chance(again)) {
      points.push_back(points[random.Below(std::min<size_t>(i, 5))]);
      continue;
    }
    HalfSpacePoint& point = points.emplace_back();
    for (const HalfSpaceShape::Range& range : shape.inputs) {
      point.push_back(RandomValue(range, random));
    }
  }
  return points;
}

// Around windows that are not begun, not full, full, and begun anew.
size_t RandomCount(const HalfSpaceShape& shape, SeededRandom& random) {
  const int64_t windows = random.Between(0, 4);
  return static_cast<size_t>(std::max<int64_t>(0, windows * shape.window + random.Between(-1, 1)));
}

TEST(HalfSpaceTrees, ScoreAndBlameAsBoxesOverTheLastFullWindowDo) {
  uint64_t scored = 0;
  uint64_t none = 0;
  uint64_t causes = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const HalfSpaceShape shape = RandomShape(random);
    const std::vector<HalfSpacePoint> points =
        RandomPoints(shape, RandomCount(shape, random), random);
    const auto expected = BruteForceHalfSpaces(shape, points);
    ASSERT_EQ(expected.size(), points.size());
    HalfSpaceTrees trees(shape);
    for (size_t i = 0; i < points.size(); ++i) {
      const std::optional<HalfSpaceScore> found = trees.Push(points[i]);
      ASSERT_EQ(found.has_value(), expected[i].has_value()) << i;
      if (!found) {
        ++none;
        continue;
      }
      ++scored;
      const auto costs = std::span(found->costs).first(shape.inputs.size());
      ASSERT_EQ(found->value, expected[i]->value) << i;
      ASSERT_TRUE(std::ranges::equal(costs, expected[i]->costs)) << i;
      ASSERT_EQ(HalfSpaceCauses(costs), expected[i]->causes) << i;
      causes += expected[i]->causes.size();
    }
    ASSERT_EQ(trees.steps(), points.size() * HalfSpaceSteps(shape));
  }
  fmt::print("{} scores with {} causes compared, {} points before the first\n", scored, causes,
             none);
  EXPECT_GT(scored, 5'000u);
  EXPECT_GT(causes, 1'000u);
}

// Worked out by a third program, in another language, from the header's words.
TEST(HalfSpaceTrees, GiveTheNumbersThatTheHeaderDefines) {
  struct Known {
    int64_t density;  // M
    std::array<int64_t, 2> costs;
  };
  constexpr std::array<Known, 16> kKnown = {{{64, {8, -611}},
                                             {80, {-641, -435}},
                                             {64, {-648, 92}},
                                             {48, {8, -57}},
                                             {96, {-830, -435}},
                                             {64, {-766, -57}},
                                             {48, {91, -504}},
                                             {32, {-830, 753}},
                                             {32, {-498, 552}},
                                             {80, {-601, -505}},
                                             {80, {-584, -505}},
                                             {0, {-45, 1362}},
                                             {32, {-477, 634}},
                                             {32, {-609, 485}},
                                             {80, {-390, -263}},
                                             {96, {-790, -505}}}};
  HalfSpaceTrees trees(
      {.inputs = {{0, 1}, {0, 1}}, .trees = 3, .depth = 4, .window = 8, .seed = 7});
  for (int i = 0; i < 24; ++i) {
    HalfSpacePoint point = {i * 7 % 11 / 10.0, i * i % 13 / 4.0 - 1};
    if (i % 5 == 3) {
      point[1].reset();
    }
    const std::optional<HalfSpaceScore> score = trees.Push(point);
    ASSERT_EQ(score.has_value(), i >= 8) << i;
    if (score) {
      const Known& known = kKnown[static_cast<size_t>(i) - 8];
      EXPECT_EQ(score->value, 24.0 / static_cast<double>(24 + known.density)) << i;
      EXPECT_EQ(score->costs[0], known.costs[0]) << i;
      EXPECT_EQ(score->costs[1], known.costs[1]) << i;
    }
  }
}

TEST(HalfSpaceTrees, WhatIsAlwaysTheSameIsUsualAndAllElseIsStrange) {
  const HalfSpaceShape shape{
      .inputs = {{0, 1}, {-3, 7}}, .trees = 25, .depth = 10, .window = 100, .seed = 5};
  HalfSpaceTrees trees(shape);
  const HalfSpacePoint usual = {0.5, 2.0};
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(trees.Push(usual).has_value()) << i;
  }
  EXPECT_EQ(trees.Push(usual)->value, 1.0 / 1025) << "all of the mass in each tree's one leaf";
  EXPECT_EQ(trees.Push(HalfSpacePoint{Limits::max(), Limits::max()})->value, 1);
  EXPECT_EQ(trees.Push(HalfSpacePoint{Limits::lowest(), Limits::max()})->value, 1);
  EXPECT_EQ(trees.Push(HalfSpacePoint{std::nullopt, std::nullopt})->value, 1);
}

TEST(HalfSpaceTrees, ANullThatIsUsualIsUsual) {
  const HalfSpaceShape shape{
      .inputs = {{0, 1}}, .trees = 25, .depth = 10, .window = 100, .seed = 5};
  HalfSpaceTrees trees(shape);
  for (int i = 0; i < 200; ++i) {
    trees.Push(i % 2 == 0 ? HalfSpacePoint{std::nullopt} : HalfSpacePoint{0.5});
  }
  EXPECT_LT(trees.Push(HalfSpacePoint{std::nullopt})->value, 0.01);
  EXPECT_LT(trees.Push(HalfSpacePoint{0.5})->value, 0.01);
  EXPECT_GT(trees.Push(HalfSpacePoint{Limits::max()})->value, 0.9);
}

TEST(HalfSpaceTrees, ForgetWhatIsNoLongerSeen) {
  const HalfSpaceShape shape{
      .inputs = {{0, 1}, {0, 1}}, .trees = 10, .depth = 6, .window = 100, .seed = 9};
  HalfSpaceTrees trees(shape);
  const HalfSpacePoint old = {0.0, 0.0};
  const HalfSpacePoint now = {1.0, 1.0};
  const auto push = [&](const HalfSpacePoint& point, int times) {
    for (int i = 0; i < times; ++i) {
      trees.Push(point);
    }
  };
  push(old, 199);
  EXPECT_LT(trees.Push(old)->value, 0.1);
  push(now, 99);
  EXPECT_GT(trees.Push(now)->value, 0.9) << "scored by the window before";
  EXPECT_LT(trees.Push(now)->value, 0.1);
  EXPECT_GT(trees.Push(old)->value, 0.9) << "of it nothing is left";
}

TEST(HalfSpaceTrees, NameTheInputThatIsStrange) {
  SeededRandom random(11);
  const HalfSpaceShape shape{.inputs = std::vector<HalfSpaceShape::Range>(5),
                             .trees = 25,
                             .depth = 10,
                             .window = 250,
                             .seed = 1};
  HalfSpaceTrees trees(shape);
  int planted = 0;
  int named = 0;
  for (int i = 0; i < 2'000; ++i) {
    HalfSpacePoint point;
    for (int input = 0; input < 5; ++input) {
      point.emplace_back(0.4 + 0.2 * random.Unit());
    }
    const size_t strange = random.Below(5);
    const bool is_planted = i >= shape.window && i % 10 == 9;
    if (is_planted) {
      point[strange] = 0.95;
    }
    const std::optional<HalfSpaceScore> score = trees.Push(point);
    if (is_planted) {
      ++planted;
      named += HalfSpaceCauses(std::span(score->costs).first(5))[0] == strange;
    }
  }
  fmt::print("{} of {} planted inputs are named first\n", named, planted);
  EXPECT_GE(named, planted * 9 / 10);
}

TEST(HalfSpaceTrees, CausesAreTheGreatestCostAndOthersAboveNothing) {
  using Causes = std::vector<size_t>;
  EXPECT_EQ(HalfSpaceCauses({}), Causes());
  EXPECT_EQ(HalfSpaceCauses(std::vector<int64_t>{-3, -1, -1}), Causes({1}));
  EXPECT_EQ(HalfSpaceCauses(std::vector<int64_t>{0, 0, -1}), Causes({0}));
  EXPECT_EQ(HalfSpaceCauses(std::vector<int64_t>{-5, 1}), Causes({1}));
  EXPECT_EQ(HalfSpaceCauses(std::vector<int64_t>{1, 0, 1}), Causes({0, 2}));
  EXPECT_EQ(HalfSpaceCauses(std::vector<int64_t>{5, -9, 5, 7, 0, 6, 5}), Causes({3, 5, 0}));
}

TEST(HalfSpaceTrees, SavedAndRestoredGoOnAsBefore) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const HalfSpaceShape shape = RandomShape(random);
    HalfSpaceTrees straight(shape);
    HalfSpaceTrees stopped(shape);
    for (const HalfSpacePoint& point : RandomPoints(shape, 150, random)) {
      if (random.Chance(0.1)) {
        Bytes saved;
        stopped.Save(saved);
        stopped = HalfSpaceTrees(shape);
        ASSERT_TRUE(stopped.Restore(saved).has_value());
        Bytes again;
        stopped.Save(again);
        ASSERT_EQ(again, saved);
        Bytes expected;
        straight.Save(expected);
        ASSERT_EQ(saved, expected) << "restarts leave no trace";
      }
      const auto a = straight.Push(point);
      const auto b = stopped.Push(point);
      ASSERT_EQ(a.has_value(), b.has_value());
      if (a) {
        ASSERT_EQ(a->value, b->value);
        ASSERT_EQ(a->costs, b->costs);
      }
    }
  }
}

TEST(HalfSpaceTrees, RefuseBytesThatSaveDidNotWrite) {
  SeededRandom random(4);
  const HalfSpaceShape shape{
      .inputs = {{0, 1}, {0, 1}}, .trees = 3, .depth = 4, .window = 20, .seed = 1};
  HalfSpaceTrees trees(shape);
  for (const HalfSpacePoint& point : RandomPoints(shape, 47, random)) {
    trees.Push(point);
  }
  Bytes saved;
  trees.Save(saved);
  Bytes fresh;
  HalfSpaceTrees(shape).Save(fresh);
  HalfSpaceTrees other(shape);
  const auto refuses = [&](const Bytes& bytes) {
    ASSERT_TRUE(other.Restore(saved).has_value());
    const Result<void> restored = other.Restore(bytes);
    ASSERT_FALSE(restored.has_value());
    EXPECT_EQ(restored.error().code(), ErrorCode::kParse);
    Bytes left;
    other.Save(left);
    EXPECT_EQ(left, fresh);
  };
  for (size_t size = 0; size < saved.size(); ++size) {
    SCOPED_TRACE(size);
    refuses(Bytes(saved.begin(), saved.begin() + static_cast<ptrdiff_t>(size)));
  }
  Bytes longer = saved;
  longer.push_back(0);
  refuses(longer);
  for (size_t i = 0; i < saved.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = saved;
      changed[i] ^= static_cast<uint8_t>(1u << bit);
      if (other.Restore(changed).has_value()) {
        Bytes again;
        other.Save(again);
        EXPECT_EQ(again, changed) << "a state of its own";
      }
    }
  }
}

TEST(HalfSpaceTrees, TakeTheMemoryAndTheStepsThatAreTold) {
  const HalfSpaceShape shape{.inputs = {{0, 1}}, .trees = 3, .depth = 5, .window = 10};
  EXPECT_EQ(HalfSpaceBytes(shape), 3u * 64 * 8 + 10 * 4);
  EXPECT_EQ(HalfSpaceSteps(shape), 15u);
}

}  // namespace
}  // namespace fuqi::decide
