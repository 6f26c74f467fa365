#include "base/decimal.h"

#include <algorithm>

namespace fuqi {

namespace {

uint128 Magnitude(int128 value) {
  return value < 0 ? uint128{0} - static_cast<uint128>(value) : static_cast<uint128>(value);
}

std::string MagnitudeToText(uint128 value) {
  char digits[40];
  char* const end = digits + sizeof(digits);
  char* begin = end;
  do {
    *--begin = static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  return {begin, end};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes a sign, if there is one, off the front; true if it was a minus.
bool TakeSign(std::string_view& text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) {
    return false;
  }
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  return negative;
}

// The value of digits, negative if asked so that the least value needs no larger type; nothing on
// overflow.
bool AppendDigit(int128& value, char digit, bool negative) {
  const int128 step = negative ? '0' - digit : digit - '0';
  return !__builtin_mul_overflow(value, int128{10}, &value) &&
         !__builtin_add_overflow(value, step, &value);
}

Error Overflow() { return Err(ErrorCode::kOutOfRange, "the result does not fit in 128 bits"); }

}  // namespace

Result<int128> CheckedAdd(int128 a, int128 b) {
  int128 result;
  if (__builtin_add_overflow(a, b, &result)) {
    return Overflow();
  }
  return result;
}

Result<int128> CheckedSub(int128 a, int128 b) {
  int128 result;
  if (__builtin_sub_overflow(a, b, &result)) {
    return Overflow();
  }
  return result;
}

Result<int128> CheckedMul(int128 a, int128 b) {
  int128 result;
  if (__builtin_mul_overflow(a, b, &result)) {
    return Overflow();
  }
  return result;
}

Result<int128> CheckedDiv(int128 a, int128 b) {
  if (b == 0) {
    return Err(ErrorCode::kOutOfRange, "division by zero");
  }
  if (a == kInt128Min && b == -1) {
    return Overflow();
  }
  return a / b;
}

int128 DivideRounded(int128 value, int128 divisor) {
  FUQI_CHECK(divisor > 0);
  const int128 quotient = value / divisor;
  const uint128 rest = Magnitude(value % divisor);
  if (rest < static_cast<uint128>(divisor) - rest) {
    return quotient;
  }
  return value < 0 ? quotient - 1 : quotient + 1;
}

std::string ToText(int128 value) {
  return (value < 0 ? "-" : "") + MagnitudeToText(Magnitude(value));
}

Result<int128> ParseInt128(std::string_view text) {
  std::string_view digits = text;
  const bool negative = TakeSign(digits);
  if (digits.empty() || !std::ranges::all_of(digits, IsDigit)) {
    return Err(ErrorCode::kParse, "\"{}\" is no whole number", text);
  }
  int128 value = 0;
  for (char digit : digits) {
    if (!AppendDigit(value, digit, negative)) {
      return Err(ErrorCode::kOutOfRange, "{} does not fit in 128 bits", text);
    }
  }
  return value;
}

Result<int128> Rescale(int128 value, int from, int to) {
  FUQI_CHECK(from >= 0 && from <= kDecimalWidthMax && to >= 0 && to <= kDecimalWidthMax);
  if (to >= from) {
    return CheckedMul(value, kPowersOfTen[to - from]);
  }
  return DivideRounded(value, kPowersOfTen[from - to]);
}

bool FitsWidth(int128 value, int width) {
  FUQI_CHECK(width >= 0 && width <= kDecimalWidthMax);
  return Magnitude(value) < static_cast<uint128>(kPowersOfTen[width]);
}

std::string DecimalToText(int128 unscaled, int scale) {
  FUQI_CHECK(scale >= 0 && scale <= kDecimalWidthMax);
  std::string digits = MagnitudeToText(Magnitude(unscaled));
  if (scale > 0) {
    if (digits.size() <= static_cast<size_t>(scale)) {
      digits.insert(0, scale + 1 - digits.size(), '0');
    }
    digits.insert(digits.size() - scale, ".");
  }
  return (unscaled < 0 ? "-" : "") + digits;
}

Result<int128> ParseDecimal(std::string_view text, int width, int scale, ExcessDigits excess) {
  FUQI_CHECK(width >= 1 && width <= kDecimalWidthMax && scale >= 0 && scale <= width);
  const auto no_number = [&] {
    return Err(ErrorCode::kParse, "\"{}\" is no decimal number", text);
  };
  const auto too_large = [&] {
    return Err(ErrorCode::kOutOfRange, "{} does not fit in DECIMAL({},{})", text, width, scale);
  };
  // Beyond any exponent that a text of digits could bring back into range.
  constexpr int64_t kExponentMax = int64_t{1} << 40;

  std::string_view rest = text;
  const bool negative = TakeSign(rest);
  const size_t e = rest.find_first_of("eE");
  int64_t exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = rest.substr(e + 1);
    const bool negative_exponent = TakeSign(digits);
    if (digits.empty() || !std::ranges::all_of(digits, IsDigit)) {
      return no_number();
    }
    for (char digit : digits) {
      exponent = std::min(exponent * 10 + (digit - '0'), kExponentMax);
    }
    exponent = negative_exponent ? -exponent : exponent;
    rest = rest.substr(0, e);
  }
  const size_t point = rest.find('.');
  std::string digits(rest.substr(0, point));
  const int64_t whole = static_cast<int64_t>(digits.size());
  if (point != std::string_view::npos) {
    digits += rest.substr(point + 1);
  }
  if (digits.empty() || !std::ranges::all_of(digits, IsDigit)) {
    return no_number();
  }

  // The digits that stay are those before `end`; the one at `end` rounds.
  const int64_t end = whole + exponent + scale;
  const int64_t size = static_cast<int64_t>(digits.size());
  int128 value = 0;
  for (int64_t i = 0; i < std::min(end, size); ++i) {
    if (!AppendDigit(value, digits[i], negative)) {
      return too_large();
    }
  }
  for (int64_t i = size; i < end && value != 0; ++i) {
    if (!AppendDigit(value, '0', negative)) {
      return too_large();
    }
  }
  const size_t excess_from = static_cast<size_t>(std::clamp<int64_t>(end, 0, size));
  if (excess == ExcessDigits::kRefuse &&
      digits.find_first_not_of('0', excess_from) != std::string::npos) {
    return Err(ErrorCode::kOutOfRange, "{} has more than {} digits after the point", text, scale);
  }
  if (!FitsWidth(value, width)) {
    return too_large();
  }
  if (end >= 0 && end < size && digits[end] >= '5') {
    value += negative ? -1 : 1;
    if (!FitsWidth(value, width)) {
      return too_large();
    }
  }
  return value;
}

Money::Money(int64_t minor_units, int scale) : minor_units_(minor_units), scale_(scale) {
  FUQI_CHECK(scale >= 0 && scale <= kScaleMax);
}

Result<Money> Money::FromWide(int128 minor_units, int scale) {
  if (minor_units < INT64_MIN || minor_units > INT64_MAX) {
    return Err(ErrorCode::kOutOfRange, "the amount {} is beyond what money can hold",
               DecimalToText(minor_units, scale));
  }
  return Money(static_cast<int64_t>(minor_units), scale);
}

Result<Money> Money::Parse(std::string_view text, int scale) {
  FUQI_CHECK(scale >= 0 && scale <= kScaleMax);
  FUQI_ASSIGN_OR_RETURN(int128 value,
                        ParseDecimal(text, kDecimalWidthMax, scale, ExcessDigits::kRefuse));
  return FromWide(value, scale);
}

Result<Money> Money::Plus(const Money& other) const {
  FUQI_RETURN_IF_ERROR(CheckSameScale(other));
  return FromWide(int128{minor_units_} + other.minor_units_, scale_);
}

Result<Money> Money::Minus(const Money& other) const {
  FUQI_RETURN_IF_ERROR(CheckSameScale(other));
  return FromWide(int128{minor_units_} - other.minor_units_, scale_);
}

Result<Money> Money::Times(int64_t factor) const {
  return FromWide(int128{minor_units_} * factor, scale_);
}

Result<Money> Money::Rescaled(int scale) const {
  FUQI_CHECK(scale >= 0 && scale <= kScaleMax);
  FUQI_ASSIGN_OR_RETURN(int128 value, Rescale(minor_units_, scale_, scale));
  return FromWide(value, scale);
}

Result<void> Money::CheckSameScale(const Money& other) const {
  if (scale_ != other.scale_) {
    return Err(ErrorCode::kTypeMismatch,
               "amounts with {} and with {} digits after the point do not mix", scale_,
               other.scale_);
  }
  return {};
}

std::strong_ordering operator<=>(const Money& a, const Money& b) {
  // |int64| × 10^18 fits in 128 bits.
  const int scale = std::max(a.scale_, b.scale_);
  return a.minor_units_ * kPowersOfTen[scale - a.scale_] <=>
         b.minor_units_ * kPowersOfTen[scale - b.scale_];
}

}  // namespace fuqi
