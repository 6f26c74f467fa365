#pragma once

// Sums without rounding, of doubles as well as of integers: digits of 32 bits with carries put off.
// So what enters a frame can leave it again, in any order, and the state depends on the rows alone;
// only the result is rounded. [Neal 2015, Fast Exact Summation Using Small and Large
// Superaccumulators], the digits kept only where there are some.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "table/datum.h"

namespace fuqi::sql::internal {

// magnitude × 2^exponent, with a sign.
struct Scaled {
  uint128 magnitude = 0;
  int exponent = 0;
  bool negative = false;

  // A number; finite.
  static Scaled Of(const table::Datum& value);
};

class ExactSum {
 public:
  enum class Sign : uint8_t { kPlus, kMinus };

  // A value that is not finite is counted apart; while one is in, so is the sum.
  void Add(const table::Datum& value, Sign sign);
  void AddProduct(const table::Datum& a, const table::Datum& b, Sign sign);

  // digits × 2^(32·low), the least digit first; the first and the last are not 0. Zero has none.
  struct Whole {
    bool negative = false;
    bool finite = true;
    int64_t low = 0;
    std::vector<uint32_t> digits;
  };
  Whole Value() const;

  uint64_t bytes() const { return digits_.capacity() * sizeof(digits_[0]); }
  // One form for each value.
  void Save(ByteWriter& out) const;
  // False if it is not what Save writes.
  bool Restore(ByteReader& in);

 private:
  void AddPiece(uint64_t magnitude, int exponent, bool negative);
  void AddScaled(const Scaled& value, bool negative);
  void Carry();

  std::vector<int64_t> digits_;  // of 32 bits each once carried
  int32_t low_ = 0;              // the first stands for 2^(32·low_)
  uint32_t pending_ = 0;         // pieces added since the last carry
  uint64_t not_finite_ = 0;
};

// Nearest to the value; infinite where it is beyond the type or not finite.
long double ToReal(const ExactSum::Whole& value);

// What sums of n values and of their products tell: n·Σab − Σa·Σb, rounded once. 0 means just that.
long double Spread(uint64_t n, const ExactSum& a, const ExactSum& b, const ExactSum& product);

}  // namespace fuqi::sql::internal
