#pragma once

// Exact numbers: 128-bit integers with checked arithmetic, DECIMAL as an unscaled integer and a
// scale, and money. No double anywhere. Rounding as DuckDB has it.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace fuqi {

inline constexpr int kDecimalWidthMax = 38;

// 10^0 … 10^38.
inline constexpr std::array<int128, kDecimalWidthMax + 1> kPowersOfTen = [] {
  std::array<int128, kDecimalWidthMax + 1> powers{};
  int128 power = 1;
  for (int i = 0;; power *= 10) {
    powers[i] = power;
    if (++i > kDecimalWidthMax) {
      return powers;
    }
  }
}();

inline constexpr int128 kInt128Max = static_cast<int128>(~uint128{0} >> 1);
inline constexpr int128 kInt128Min = -kInt128Max - 1;

// kOutOfRange on overflow, and on division by zero. Division truncates towards zero.
Result<int128> CheckedAdd(int128 a, int128 b);
Result<int128> CheckedSub(int128 a, int128 b);
Result<int128> CheckedMul(int128 a, int128 b);
Result<int128> CheckedDiv(int128 a, int128 b);
// value / divisor, rounded to the nearest, halves away from zero. divisor > 0.
int128 DivideRounded(int128 value, int128 divisor);

std::string ToText(int128 value);
// An optional sign and digits. kParse, kOutOfRange.
Result<int128> ParseInt128(std::string_view text);

// The value with `to` digits after the point in place of `from`; digits that go are rounded, halves
// away from zero. 0 ≤ from, to ≤ 38. kOutOfRange.
Result<int128> Rescale(int128 value, int from, int to);

// |value| < 10^width: whether an unscaled value is one of DECIMAL(width, …).
bool FitsWidth(int128 value, int width);

// unscaled 12345, scale 2 → "123.45"; 5, 2 → "0.05". (DuckDB prints a DECIMAL whose width is its
// scale without the 0.)
std::string DecimalToText(int128 unscaled, int scale);

// What to do with digits beyond the scale that are not zero.
enum class ExcessDigits : uint8_t { kRound, kRefuse };
// [+-]digits[.digits][e[+-]digits] as a value of DECIMAL(width, scale). kParse if it is no number,
// kOutOfRange if it does not fit.
Result<int128> ParseDecimal(std::string_view text, int width, int scale, ExcessDigits excess);

// An amount in minor units (分, cents) of some currency, scale digits after the point. Amounts of
// different scale do not mix: kTypeMismatch.
class Money {
 public:
  static constexpr int kScaleMax = 18;

  Money() = default;
  // 0 ≤ scale ≤ kScaleMax, here and below.
  Money(int64_t minor_units, int scale);
  // Refuses digits beyond the scale: an amount of money is never rounded on its way in.
  static Result<Money> Parse(std::string_view text, int scale);

  int64_t minor_units() const { return minor_units_; }
  int scale() const { return scale_; }
  std::string ToText() const { return DecimalToText(minor_units_, scale_); }

  Result<Money> Plus(const Money& other) const;
  Result<Money> Minus(const Money& other) const;
  Result<Money> Times(int64_t factor) const;
  // Rounded, halves away from zero, when digits go. kOutOfRange.
  Result<Money> Rescaled(int scale) const;
  // Exact, also across scales.
  friend std::strong_ordering operator<=>(const Money& a, const Money& b);
  friend bool operator==(const Money& a, const Money& b) { return (a <=> b) == 0; }

 private:
  static Result<Money> FromWide(int128 minor_units, int scale);
  Result<void> CheckSameScale(const Money& other) const;

  int64_t minor_units_ = 0;
  int scale_ = 2;
};

}  // namespace fuqi
