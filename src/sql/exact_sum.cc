#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>

#include "sql/exact_sum_internal.h"

namespace fuqi::sql::internal {
namespace {

using boost::multiprecision::cpp_int;
using table::Datum;

constexpr int kDigitBits = 32;
constexpr int64_t kDigit = int64_t{1} << kDigitBits;
// Each piece adds less than 2^32 to a digit of 63 bits.
constexpr uint32_t kPendingMax = 1U << 30;
// Products of doubles reach from 2^-2148 to 2^2048, sums of 2^64 of them a little further.
constexpr int64_t kDigitsMax = 160;

bool IsFinite(const Datum& value) {
  return value.kind != Datum::Kind::kDouble || std::isfinite(value.d);
}

int FloorDivide(int a, int b) { return a / b - (a % b < 0 ? 1 : 0); }

// A whole number and the power of two that it is to be multiplied by.
struct Big {
  cpp_int number;
  int64_t exponent = 0;
};

Big ToBig(const ExactSum::Whole& value) {
  Big big;
  if (value.digits.empty()) {
    return big;
  }
  boost::multiprecision::import_bits(big.number, value.digits.begin(), value.digits.end(),
                                     kDigitBits, /*msv_first=*/false);
  big.exponent = kDigitBits * value.low;
  if (value.negative) {
    big.number = -big.number;
  }
  return big;
}

// The 64 leading bits, the last of them set too if anything is lost, so that rounding them further
// is as rounding the number itself.
long double ToReal(const Big& big) {
  if (big.number == 0) {
    return 0;
  }
  cpp_int magnitude = abs(big.number);
  const auto bits = static_cast<int64_t>(msb(magnitude)) + 1;
  const int64_t lost = std::max<int64_t>(bits - 64, 0);
  bool more = false;
  if (lost > 0) {
    more = lsb(magnitude) < static_cast<uint64_t>(lost);
    magnitude >>= static_cast<unsigned>(lost);
  }
  const auto leading = static_cast<uint64_t>(magnitude) | (more ? 1U : 0U);
  const long double real =
      std::ldexp(static_cast<long double>(leading), static_cast<int>(big.exponent + lost));
  return big.number < 0 ? -real : real;
}

Big Subtract(Big a, Big b) {
  const int64_t exponent = std::min(a.exponent, b.exponent);
  a.number <<= static_cast<unsigned>(a.exponent - exponent);
  b.number <<= static_cast<unsigned>(b.exponent - exponent);
  return {a.number - b.number, exponent};
}

}  // namespace

Scaled Scaled::Of(const Datum& value) {
  if (value.kind == Datum::Kind::kInt) {
    const bool negative = value.i < 0;
    const auto bits = static_cast<uint128>(value.i);
    return {negative ? -bits : bits, 0, negative};
  }
  constexpr int kFraction = 52;
  constexpr int kLeastExponent = -1074;
  const auto bits = std::bit_cast<uint64_t>(value.d);
  const auto exponent = static_cast<int>((bits >> kFraction) & 0x7ff);
  const uint64_t fraction = bits & ((uint64_t{1} << kFraction) - 1);
  const bool negative = (bits >> 63) != 0;
  if (exponent == 0) {
    return {fraction, kLeastExponent, negative};
  }
  return {fraction | uint64_t{1} << kFraction, kLeastExponent + exponent - 1, negative};
}

void ExactSum::Add(const Datum& value, Sign sign) {
  if (!IsFinite(value)) {
    not_finite_ += sign == Sign::kPlus ? 1 : -1;
    return;
  }
  const Scaled scaled = Scaled::Of(value);
  AddScaled(scaled, scaled.negative != (sign == Sign::kMinus));
}

void ExactSum::AddProduct(const Datum& a, const Datum& b, Sign sign) {
  if (!IsFinite(a) || !IsFinite(b)) {
    not_finite_ += sign == Sign::kPlus ? 1 : -1;
    return;
  }
  const Scaled x = Scaled::Of(a);
  const Scaled y = Scaled::Of(b);
  const bool negative = (x.negative != y.negative) != (sign == Sign::kMinus);
  const int exponent = x.exponent + y.exponent;
  for (int i : {0, 64}) {
    for (int k : {0, 64}) {
      const uint128 product = static_cast<uint128>(static_cast<uint64_t>(x.magnitude >> i)) *
                              static_cast<uint64_t>(y.magnitude >> k);
      AddScaled({product, exponent + i + k, negative}, negative);
    }
  }
}

void ExactSum::AddScaled(const Scaled& value, bool negative) {
  AddPiece(static_cast<uint64_t>(value.magnitude), value.exponent, negative);
  AddPiece(static_cast<uint64_t>(value.magnitude >> 64), value.exponent + 64, negative);
}

void ExactSum::AddPiece(uint64_t magnitude, int exponent, bool negative) {
  if (magnitude == 0) {
    return;
  }
  const int at = FloorDivide(exponent, kDigitBits);
  uint128 shifted = static_cast<uint128>(magnitude) << (exponent - at * kDigitBits);
  if (digits_.empty()) {
    low_ = at;
  } else if (at < low_) {
    digits_.insert(digits_.begin(), low_ - at, 0);
    low_ = at;
  }
  for (auto i = static_cast<size_t>(at - low_); shifted != 0; ++i, shifted >>= kDigitBits) {
    if (i >= digits_.size()) {
      digits_.resize(i + 1);
    }
    const auto digit = static_cast<int64_t>(static_cast<uint64_t>(shifted) & (kDigit - 1));
    digits_[i] += negative ? -digit : digit;
  }
  if (++pending_ == kPendingMax) {
    Carry();
  }
}

// Every digit but the last, which has the sign, into 0 … 2^32 - 1.
void ExactSum::Carry() {
  pending_ = 0;
  for (size_t i = 0; i < digits_.size(); ++i) {
    const int64_t carry = digits_[i] >> kDigitBits;
    if (i + 1 == digits_.size()) {
      if (carry == 0 || carry == -1) {
        break;
      }
      digits_.push_back(0);
    }
    digits_[i] -= carry * kDigit;
    digits_[i + 1] += carry;
  }
}

ExactSum::Whole ExactSum::Value() const {
  ExactSum carried;
  carried.digits_ = digits_;
  carried.Carry();
  std::vector<int64_t>& digits = carried.digits_;
  Whole value{.finite = not_finite_ == 0, .low = low_};
  while (!digits.empty() && digits.back() == 0) {
    digits.pop_back();
  }
  value.negative = !digits.empty() && digits.back() < 0;
  if (value.negative) {
    std::transform(digits.begin(), digits.end(), digits.begin(), std::negate<>());
    carried.Carry();
  }
  while (!digits.empty() && digits.back() == 0) {
    digits.pop_back();
  }
  const auto begin = std::find_if(digits.begin(), digits.end(), [](int64_t d) { return d != 0; });
  value.low = digits.empty() ? 0 : value.low + (begin - digits.begin());
  value.digits.assign(begin, digits.end());
  return value;
}

void ExactSum::Save(ByteWriter& out) const {
  const Whole value = Value();
  out.Varint(not_finite_);
  out.Fixed(static_cast<uint8_t>(value.negative ? 1 : 0));
  out.Fixed(static_cast<int32_t>(value.low));
  out.Varint(value.digits.size());
  for (uint32_t digit : value.digits) {
    out.Fixed(digit);
  }
}

bool ExactSum::Restore(ByteReader& in) {
  *this = {};
  not_finite_ = in.Varint();
  const auto negative = in.Fixed<uint8_t>();
  low_ = in.Fixed<int32_t>();
  const uint64_t count = in.Varint();
  if (!in.ok() || negative > 1 || count > kDigitsMax || low_ < -kDigitsMax || low_ > kDigitsMax ||
      (count == 0 && (negative != 0 || low_ != 0))) {
    return false;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const auto digit = static_cast<int64_t>(in.Fixed<uint32_t>());
    digits_.push_back(negative == 1 ? -digit : digit);
  }
  return in.ok() && (count == 0 || (digits_.front() != 0 && digits_.back() != 0));
}

long double ToReal(const ExactSum::Whole& value) {
  return value.finite ? ToReal(ToBig(value)) : std::numeric_limits<long double>::infinity();
}

long double Spread(uint64_t n, const ExactSum& a, const ExactSum& b, const ExactSum& product) {
  const ExactSum::Whole of_a = a.Value();
  const ExactSum::Whole of_b = b.Value();
  const ExactSum::Whole of_product = product.Value();
  if (!of_a.finite || !of_b.finite || !of_product.finite) {
    return std::numeric_limits<long double>::infinity();
  }
  Big products = ToBig(of_product);
  products.number *= n;
  const Big x = ToBig(of_a);
  const Big y = ToBig(of_b);
  return ToReal(Subtract(std::move(products), {x.number * y.number, x.exponent + y.exponent}));
}

}  // namespace fuqi::sql::internal
