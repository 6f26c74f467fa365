#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/multiprecision/cpp_int.hpp>

#include "base/decimal.h"

namespace fuqi {
namespace {

using Big = boost::multiprecision::cpp_int;

// The oracle works in integers without bound, through decimal text.
Big ToBig(int128 value) { return Big(ToText(value)); }

int128 AnyInt128() {
  const auto high = *rc::gen::arbitrary<int64_t>();
  const auto low = *rc::gen::arbitrary<uint64_t>();
  const auto shift = *rc::gen::inRange(0, 127);
  const int128 value = static_cast<int128>((static_cast<uint128>(high) << 64) | low);
  return value >> shift;
}

const Big kMax = (Big(1) << 127) - 1;
const Big kMin = -(Big(1) << 127);

void ExpectSame(const Result<int128>& result, const Big& exact) {
  const bool fits = exact >= kMin && exact <= kMax;
  RC_ASSERT(result.has_value() == fits);
  if (fits) {
    RC_ASSERT(ToBig(*result) == exact);
  }
}

// exact / 10^digits, halves away from zero.
Big Rounded(const Big& exact, int digits) {
  const Big divisor = boost::multiprecision::pow(Big(10), digits);
  const Big magnitude = (2 * abs(exact) + divisor) / (2 * divisor);
  return exact < 0 ? Big(-magnitude) : magnitude;
}

TEST(DecimalProperty, ArithmeticIsExactOrRefused) {
  ASSERT_TRUE(rc::check([] {
    const int128 a = AnyInt128();
    const int128 b = AnyInt128();
    ExpectSame(CheckedAdd(a, b), ToBig(a) + ToBig(b));
    ExpectSame(CheckedSub(a, b), ToBig(a) - ToBig(b));
    ExpectSame(CheckedMul(a, b), ToBig(a) * ToBig(b));
    if (b != 0) {
      ExpectSame(CheckedDiv(a, b), ToBig(a) / ToBig(b));
    }
  }));
}

TEST(DecimalProperty, RescaleRoundsTheExactQuotient) {
  ASSERT_TRUE(rc::check([] {
    const int128 value = AnyInt128();
    const int from = *rc::gen::inRange(0, 39);
    const int to = *rc::gen::inRange(0, 39);
    const Big exact = to >= from
                          ? Big(ToBig(value) * boost::multiprecision::pow(Big(10), to - from))
                          : Rounded(ToBig(value), from - to);
    ExpectSame(Rescale(value, from, to), exact);
  }));
}

TEST(DecimalProperty, TextReadsBack) {
  ASSERT_TRUE(rc::check([] {
    const int128 value = AnyInt128();
    RC_ASSERT(*ParseInt128(ToText(value)) == value);
    const int scale = *rc::gen::inRange(0, 39);
    if (FitsWidth(value, 38)) {
      RC_ASSERT(*ParseDecimal(DecimalToText(value, scale), 38, scale, ExcessDigits::kRefuse) ==
                value);
    }
  }));
}

TEST(DecimalProperty, ParsingRoundsTheExactNumber) {
  ASSERT_TRUE(rc::check([] {
    const auto digits = rc::gen::container<std::string>(rc::gen::inRange<char>('0', '9' + 1));
    const std::string whole = *digits;
    const std::string fraction = *digits;
    RC_PRE(!whole.empty() || !fraction.empty());
    const int exponent = *rc::gen::inRange(-60, 60);
    const bool negative = *rc::gen::arbitrary<bool>();
    const int scale = *rc::gen::inRange(0, 39);
    const std::string text =
        fmt::format("{}{}.{}e{}", negative ? "-" : "", whole, fraction, exponent);
    // A leading 0 would make Boost read octal digits.
    const size_t first = (whole + fraction).find_first_not_of('0');
    const Big all = first == std::string::npos ? Big(0) : Big((whole + fraction).substr(first));
    const int power = exponent + scale - static_cast<int>(fraction.size());
    const Big magnitude =
        power >= 0 ? Big(all * boost::multiprecision::pow(Big(10), power)) : Rounded(all, -power);
    const Result<int128> result = ParseDecimal(text, 38, scale, ExcessDigits::kRound);
    RC_ASSERT(result.has_value() == (magnitude < boost::multiprecision::pow(Big(10), 38)));
    if (result) {
      RC_ASSERT(ToBig(*result) == (negative ? Big(-magnitude) : magnitude));
    }
  }));
}

}  // namespace
}  // namespace fuqi
