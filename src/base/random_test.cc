#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace fuqi {
namespace {

// Computed by a transcription of the published xoshiro256** and splitmix64 in another language; the
// first number of seed 0 is also that of the rand_xoshiro crate's test.
TEST(SeededRandom, GivesThePublishedSequence) {
  SeededRandom zero(0);
  for (uint64_t expected :
       {0x99ec5f36cb75f2b4u, 0xbf6e1f784956452au, 0x1a5f849d4933e6e0u, 0x6aa594f1262d2d2cu}) {
    EXPECT_EQ(zero.Next(), expected);
  }
  SeededRandom forty_two(42);
  for (uint64_t expected : {0x15780b2e0c2ec716u, 0x6104d9866d113a7eu, 0xae17533239e499a1u}) {
    EXPECT_EQ(forty_two.Next(), expected);
  }
}

TEST(SeededRandom, StaysWithinItsBounds) {
  SeededRandom random(1);
  for (uint64_t bound :
       {uint64_t{1}, uint64_t{2}, uint64_t{3}, UINT64_MAX, (uint64_t{1} << 63) + 1}) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_LT(random.Below(bound), bound);
    }
  }
  for (int i = 0; i < 1000; ++i) {
    const int64_t value = random.Between(-3, 3);
    ASSERT_TRUE(value >= -3 && value <= 3);
    const double unit = random.Unit();
    ASSERT_TRUE(unit >= 0 && unit < 1);
  }
  EXPECT_EQ(random.Between(INT64_MIN, INT64_MIN), INT64_MIN);
  (void)random.Between(INT64_MIN, INT64_MAX);
}

// χ² with 6 degrees of freedom; 22.5 is passed by chance once in 1,000 seeds, and the seed is
// fixed.
TEST(SeededRandom, IsUniform) {
  SeededRandom random(7);
  constexpr int kDraws = 70'000;
  std::vector<int> counts(7);
  for (int i = 0; i < kDraws; ++i) {
    ++counts[random.Below(7)];
  }
  double chi_squared = 0;
  for (int count : counts) {
    chi_squared += std::pow(count - kDraws / 7.0, 2) / (kDraws / 7.0);
  }
  EXPECT_LT(chi_squared, 22.5);
}

TEST(SeededRandom, NormalHasMeanZeroAndVarianceOne) {
  SeededRandom random(3);
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 4 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws, 1, 4 * std::sqrt(2.0 / kDraws));
}

TEST(SeededRandom, ForksGiveOtherNumbers) {
  SeededRandom parent(5);
  SeededRandom a = parent.Fork();
  SeededRandom b = parent.Fork();
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert({a.Next(), b.Next(), parent.Next()});
  }
  EXPECT_EQ(seen.size(), 300u);
}

TEST(SecureRandom, FillsTheWholeSpanWithNewBytes) {
  std::vector<uint8_t> a(64);
  std::vector<uint8_t> b(64);
  ASSERT_TRUE(SecureRandom(a));
  ASSERT_TRUE(SecureRandom(b));
  EXPECT_NE(a, b);
  EXPECT_NE(std::vector<uint8_t>(a.end() - 16, a.end()), std::vector<uint8_t>(16));
  EXPECT_TRUE(SecureRandom({}));
}

}  // namespace
}  // namespace fuqi
