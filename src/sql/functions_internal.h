#pragma once

// Between the files that hold the kernels. Not for others.

#include <array>

#include "base/time.h"
#include "sql/functions.h"

namespace fuqi::sql::internal {

using Args = std::span<const Datum* const>;

std::span<const Function> ArithmeticFunctions();
std::span<const Function> SimilarityFunctions();
std::span<const Function> TextFunctions();
std::span<const Function> TimeFunctions();
std::span<const Function> ZoneFunctions();

// kUnsupported: no kernel for these argument types.
Error NoSuchOverload(const Operation& operation);
// "DECIMAL(18,2), INTEGER"
std::string TypeNames(std::span<const Type> types);
// The value goes beyond the result's type.
bool FailRange(const Operation& operation, Machine& machine);
// A text result of more than kMaxTextBytes.
bool FailLength(const Operation& operation, Machine& machine);
// A DOUBLE result that is not finite.
bool FailNotFinite(const Operation& operation, Machine& machine);

// The text of an argument that must be a constant one; kUnsupported otherwise.
Result<std::string_view> ConstantText(const std::vector<Expr>& children, size_t index,
                                      const Operation& operation);

Result<void> BindCast(Operation& operation);

bool IsInteger(Type type);
inline bool IsExact(Type type) { return type.is_exact_number(); }
inline bool IsDouble(Type type) { return type.id == TypeId::kDouble; }
inline bool IsText(Type type) { return type.id == TypeId::kVarchar; }
inline bool IsTime(Type type) { return type.id == TypeId::kDate || type.id == TypeId::kTimestamp; }

inline bool Give(Datum value, Datum& out) {
  out = value;
  return true;
}
inline bool GiveExact(const Operation& operation, int128 value, Machine& machine, Datum& out) {
  if (value < operation.low || value > operation.high) [[unlikely]] {
    return FailRange(operation, machine);
  }
  out = Datum::Int(value);
  return true;
}
inline bool GiveDouble(const Operation& operation, double value, Machine& machine, Datum& out) {
  if (!(value - value == 0)) [[unlikely]] {  // an infinity or NaN
    return FailNotFinite(operation, machine);
  }
  out = Datum::Double(value);
  return true;
}

// A sum of date or time and an interval, microseconds; false where it leaves the type. TIMESTAMP's
// infinities stay.
bool AddInterval(int64_t us, const table::Interval& interval, int64_t& out);
// DuckDB's infinities lie one beyond its greatest values.
inline constexpr int64_t kDateInfinity = int64_t{kDateMax} + 1;
inline constexpr int64_t kTimestampInfinity = kTimestampMax + 1;
inline bool IsFiniteDate(int128 days) { return days >= kDateMin && days <= kDateMax; }
inline bool IsFiniteTimestamp(int128 us) { return us >= kTimestampMin && us <= kTimestampMax; }
// DATE as TIMESTAMP: midnight; infinities stay infinities. False where it leaves the type.
bool DateToTimestamp(int128 days, int64_t& us);
int128 TimestampToDate(int64_t us);

}  // namespace fuqi::sql::internal
