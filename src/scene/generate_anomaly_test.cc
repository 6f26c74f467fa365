// What half-space trees make of generated card payments, of which they know no label: the planted
// frauds score higher than ordinary life.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>

#include "base/time.h"
#include "decide/half_space_trees.h"
#include "scene/generate.h"

namespace fuqi::scene {
namespace {

// Of a card's payments so far.
struct Past {
  std::deque<int64_t> last_hour;
  int64_t last_us = -1;
};

std::array<std::optional<double>, 5> PointOf(const Transaction& payment, Past& past) {
  const bool is_first = past.last_us < 0;
  const int64_t since_us = payment.ts_us - past.last_us;
  past.last_us = payment.ts_us;
  past.last_hour.push_back(payment.ts_us);
  while (past.last_hour.front() < payment.ts_us - kHourUs) {
    past.last_hour.pop_front();
  }
  const int64_t minutes = since_us / kMinuteUs;  // whole ones
  return {std::log(1 + static_cast<double>(payment.amount_fen) / 100),
          static_cast<double>(payment.ts_us % kDayUs) / kHourUs, payment.abroad ? 1.0 : 0.0,
          std::log(1 + static_cast<double>(past.last_hour.size())),
          is_first ? std::nullopt : std::optional(std::log(1 + static_cast<double>(minutes)))};
}

// The share of pairs of one of each in which the planted one scores higher; equal ones count half.
double AreaUnderCurve(const std::vector<double>& planted, std::vector<double> ordinary) {
  std::ranges::sort(ordinary);
  double won = 0;
  for (double score : planted) {
    const auto [from, to] = std::ranges::equal_range(ordinary, score);
    won += static_cast<double>(from - ordinary.begin()) + 0.5 * static_cast<double>(to - from);
  }
  return won / (static_cast<double>(planted.size()) * static_cast<double>(ordinary.size()));
}

TEST(GeneratedAnomalies, PlantedCardFraudScoresHigherThanOrdinaryLife) {
  for (uint64_t seed : {1, 2, 3}) {
    Result<Generated> generated = Generate({.seed = seed});
    ASSERT_TRUE(generated.has_value());
    decide::HalfSpaceTrees trees({.inputs = {{0, 10}, {0, 24}, {0, 1}, {0, 3}, {0, 10}},
                                  .trees = 25,
                                  .depth = 10,
                                  .window = 1'000,
                                  .seed = seed});
    std::map<int32_t, Past> pasts;
    std::vector<double> planted;
    std::vector<double> ordinary;
    for (const Transaction& payment : generated->transactions) {
      if (payment.channel != Channel::kCard) {
        continue;
      }
      const auto point = PointOf(payment, pasts[payment.payer]);
      if (const std::optional<decide::HalfSpaceScore> score = trees.Push(point)) {
        (payment.planted >= 0 ? planted : ordinary).push_back(score->value);
      }
    }
    ASSERT_GT(planted.size(), 20u);
    const double area = AreaUnderCurve(planted, ordinary);
    fmt::print("seed {}: area under the curve {:.4f}, {} planted payments among {} others\n", seed,
               area, planted.size(), ordinary.size());
    EXPECT_GE(area, 0.95);
  }
}

}  // namespace
}  // namespace fuqi::scene
