#include "base/decimal.h"

#include <gtest/gtest.h>

namespace fuqi {
namespace {

constexpr int128 k10To38 = kPowersOfTen[38];

TEST(Int128, PrintsAndReadsItsEnds) {
  EXPECT_EQ(ToText(int128{0}), "0");
  EXPECT_EQ(ToText(kInt128Max), "170141183460469231731687303715884105727");
  EXPECT_EQ(ToText(kInt128Min), "-170141183460469231731687303715884105728");
  EXPECT_EQ(*ParseInt128("170141183460469231731687303715884105727"), kInt128Max);
  EXPECT_EQ(*ParseInt128("-170141183460469231731687303715884105728"), kInt128Min);
  EXPECT_EQ(*ParseInt128("+007"), 7);
  EXPECT_EQ(ParseInt128("170141183460469231731687303715884105728").error().code(),
            ErrorCode::kOutOfRange);
  EXPECT_EQ(ParseInt128("-170141183460469231731687303715884105729").error().code(),
            ErrorCode::kOutOfRange);
  for (const char* bad : {"", "-", "+", "1.0", " 1", "1 ", "0x1", "--1", "1e3", "१"}) {
    EXPECT_EQ(ParseInt128(bad).error().code(), ErrorCode::kParse) << bad;
  }
}

TEST(CheckedArithmetic, RefusesWhatDoesNotFit) {
  EXPECT_EQ(*CheckedAdd(kInt128Max - 1, 1), kInt128Max);
  EXPECT_FALSE(CheckedAdd(kInt128Max, 1));
  EXPECT_FALSE(CheckedSub(kInt128Min, 1));
  EXPECT_EQ(*CheckedSub(-1, kInt128Max), kInt128Min);
  EXPECT_FALSE(CheckedMul(kInt128Min, -1));
  EXPECT_FALSE(CheckedMul(k10To38, 10));
  EXPECT_FALSE(CheckedDiv(1, 0));
  EXPECT_FALSE(CheckedDiv(kInt128Min, -1));
  EXPECT_EQ(*CheckedDiv(-7, 2), -3);
  EXPECT_EQ(CheckedDiv(1, 0).error().code(), ErrorCode::kOutOfRange);
}

TEST(Rescale, RoundsHalvesAwayFromZero) {
  EXPECT_EQ(*Rescale(149, 2, 0), 1);
  EXPECT_EQ(*Rescale(150, 2, 0), 2);
  EXPECT_EQ(*Rescale(-149, 2, 0), -1);
  EXPECT_EQ(*Rescale(-150, 2, 0), -2);
  EXPECT_EQ(*Rescale(5, 1, 0), 1);
  EXPECT_EQ(*Rescale(-5, 1, 0), -1);
  EXPECT_EQ(*Rescale(49, 2, 0), 0);
  EXPECT_EQ(*Rescale(12, 1, 3), 1200);
  EXPECT_EQ(*Rescale(kInt128Min, 0, 0), kInt128Min);
  EXPECT_EQ(*Rescale(kInt128Min, 38, 0), -2);  // 1.70… rounds to 2
  EXPECT_EQ(*Rescale(kInt128Max, 38, 0), 2);
  EXPECT_FALSE(Rescale(2, 0, 38));
  EXPECT_EQ(*Rescale(1, 0, 38), k10To38);
}

TEST(FitsWidth, IsTheOpenIntervalOfAPowerOfTen) {
  EXPECT_TRUE(FitsWidth(99, 2));
  EXPECT_FALSE(FitsWidth(100, 2));
  EXPECT_TRUE(FitsWidth(-99, 2));
  EXPECT_FALSE(FitsWidth(-100, 2));
  EXPECT_TRUE(FitsWidth(k10To38 - 1, 38));
  EXPECT_FALSE(FitsWidth(k10To38, 38));
  EXPECT_FALSE(FitsWidth(kInt128Min, 38));
}

TEST(DecimalToText, KeepsAllDigitsOfTheScale) {
  EXPECT_EQ(DecimalToText(12345, 2), "123.45");
  EXPECT_EQ(DecimalToText(5, 2), "0.05");
  EXPECT_EQ(DecimalToText(-5, 2), "-0.05");
  EXPECT_EQ(DecimalToText(0, 2), "0.00");
  EXPECT_EQ(DecimalToText(-100, 2), "-1.00");
  EXPECT_EQ(DecimalToText(7, 0), "7");
  EXPECT_EQ(DecimalToText(1, 38), "0.00000000000000000000000000000000000001");
  EXPECT_EQ(DecimalToText(kInt128Min, 38), "-1.70141183460469231731687303715884105728");
}

TEST(ParseDecimal, RoundsWhatIsTooFineOrRefusesIt) {
  const auto parse = [](std::string_view text) {
    return ParseDecimal(text, 18, 2, ExcessDigits::kRound);
  };
  EXPECT_EQ(*parse("123.45"), 12345);
  EXPECT_EQ(*parse("1.005"), 101);
  EXPECT_EQ(*parse("-1.005"), -101);
  EXPECT_EQ(*parse("1.00499999999999999999999999999999999999999999999"), 100);
  EXPECT_EQ(*parse("-0.005"), -1);
  EXPECT_EQ(*parse(".5"), 50);
  EXPECT_EQ(*parse("5."), 500);
  EXPECT_EQ(*parse("+5"), 500);
  EXPECT_EQ(*parse("1e3"), 100000);
  EXPECT_EQ(*parse("1E-2"), 1);
  EXPECT_EQ(*parse("1e-3"), 0);
  EXPECT_EQ(*parse("5e-3"), 1);
  EXPECT_EQ(*parse("4e-3"), 0);
  EXPECT_EQ(*parse("99e-4"), 1);
  EXPECT_EQ(*parse("123456e-4"), 1235);
  EXPECT_EQ(*parse("0e999999999999999999999"), 0);
  EXPECT_EQ(*parse("9e-999999999999999999999"), 0);
  EXPECT_EQ(*parse("0000000000000000000000000000000000000000000000001"), 100);
  const auto refuse = [](std::string_view text) {
    return ParseDecimal(text, 18, 2, ExcessDigits::kRefuse);
  };
  EXPECT_EQ(*refuse("1.00000"), 100);
  EXPECT_EQ(*refuse("100e-2"), 100);
  EXPECT_EQ(refuse("1.001").error().code(), ErrorCode::kOutOfRange);
  EXPECT_FALSE(refuse("1e-3"));
}

TEST(ParseDecimal, RefusesWhatIsNoNumber) {
  for (const char* bad : {"", ".", "-", "-.", "e5", "1e", "1e+", "1.2.3", "1_000", " 1", "1 ",
                          "NaN", "inf", "1,5", "1e5.0", "--1", "0x10"}) {
    const Result<int128> result = ParseDecimal(bad, 18, 2, ExcessDigits::kRound);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code(), ErrorCode::kParse) << bad;
  }
}

TEST(ParseDecimal, RefusesWhatItsWidthDoesNotHold) {
  EXPECT_EQ(*ParseDecimal("9.99", 3, 2, ExcessDigits::kRound), 999);
  EXPECT_EQ(ParseDecimal("10", 3, 2, ExcessDigits::kRound).error().code(), ErrorCode::kOutOfRange);
  EXPECT_FALSE(ParseDecimal("9.995", 3, 2, ExcessDigits::kRound));
  EXPECT_EQ(*ParseDecimal("99999999999999999999999999999999999999", 38, 0, ExcessDigits::kRound),
            k10To38 - 1);
  EXPECT_FALSE(
      ParseDecimal("99999999999999999999999999999999999999.5", 38, 0, ExcessDigits::kRound));
  EXPECT_FALSE(
      ParseDecimal("170141183460469231731687303715884105727.9", 38, 0, ExcessDigits::kRound));
  EXPECT_FALSE(ParseDecimal("1e38", 38, 0, ExcessDigits::kRound));
  EXPECT_FALSE(ParseDecimal("1e999999999999999999999", 38, 0, ExcessDigits::kRound));
  EXPECT_FALSE(ParseDecimal(std::string(100'000, '9'), 38, 0, ExcessDigits::kRound));
}

TEST(Money, AddsExactlyAndRefusesToMixScales) {
  const Money a = *Money::Parse("0.10", 2);
  const Money b = *Money::Parse("0.20", 2);
  EXPECT_EQ(a.Plus(b)->ToText(), "0.30");
  EXPECT_EQ(a.Minus(b)->ToText(), "-0.10");
  EXPECT_EQ(a.Times(-3)->minor_units(), -30);
  EXPECT_EQ(a.Plus(Money(1, 3)).error().code(), ErrorCode::kTypeMismatch);
  EXPECT_EQ(a.Minus(Money(1, 0)).error().code(), ErrorCode::kTypeMismatch);
  EXPECT_FALSE(Money::Parse("0.105", 2));
  EXPECT_EQ(Money::Parse("0.100", 2)->minor_units(), 10);
}

TEST(Money, RefusesToOverflow) {
  const Money largest(INT64_MAX, 2);
  EXPECT_EQ(largest.Plus(Money(1, 2)).error().code(), ErrorCode::kOutOfRange);
  EXPECT_FALSE(Money(INT64_MIN, 2).Minus(Money(1, 2)));
  EXPECT_FALSE(Money(INT64_MIN, 2).Times(-1));
  EXPECT_FALSE(largest.Rescaled(3));
  EXPECT_FALSE(Money::Parse("92233720368547758.08", 2));
  EXPECT_EQ(Money::Parse("-92233720368547758.08", 2)->minor_units(), INT64_MIN);
}

TEST(Money, ComparesAcrossScales) {
  EXPECT_EQ(Money(10, 1), Money(100, 2));
  EXPECT_LT(Money(INT64_MIN, 0), Money(INT64_MIN, 18));
  EXPECT_GT(Money(INT64_MAX, 0), Money(INT64_MAX, 18));
  EXPECT_EQ(Money(105, 2).Rescaled(1)->minor_units(), 11);
}

}  // namespace
}  // namespace fuqi
