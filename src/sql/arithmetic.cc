// Numbers: operators, rounding, elementary functions.

#include <cmath>
#include <numbers>
#include <string>

#include "base/decimal.h"
#include "base/time.h"
#include "sql/functions_internal.h"

namespace fuqi::sql::internal {
namespace {

using table::Interval;

// ---- Exact kinds: one path in 128 bits, then the bounds of the result's type.

template <auto kOverflows>
bool RunExact(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int128 value;
  if (kOverflows(args[0]->i, args[1]->i, &value)) [[unlikely]] {
    return FailRange(operation, machine);
  }
  return GiveExact(operation, value, machine, out);
}

constexpr auto kAdd = [](int128 a, int128 b, int128* out) {
  return __builtin_add_overflow(a, b, out);
};
constexpr auto kSubtract = [](int128 a, int128 b, int128* out) {
  return __builtin_sub_overflow(a, b, out);
};
constexpr auto kMultiply = [](int128 a, int128 b, int128* out) {
  return __builtin_mul_overflow(a, b, out);
};

// `low` over -1 is an overflow for a remainder too, as DuckDB has it. A zero divisor gives NULL.
template <bool kRemainder>
bool RunExactDivide(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const int128 a = args[0]->i;
  const int128 b = args[1]->i;
  if (b == 0) {
    return Give(Datum::Null(), out);
  }
  if (b == -1 && a == operation.low && IsInteger(operation.result)) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Int(kRemainder ? a % b : a / b), out);
}

bool RunExactNegate(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return args[0]->i == kInt128Min ? FailRange(operation, machine)
                                  : GiveExact(operation, -args[0]->i, machine, out);
}

bool RunExactAbs(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return args[0]->i < 0 ? RunExactNegate(operation, args, machine, out) : Give(*args[0], out);
}

bool RunSame(const Operation&, Args args, Machine&, Datum& out) { return Give(*args[0], out); }

// ---- DOUBLE: single IEEE operations.

template <auto kFunction>
bool RunDouble1(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return GiveDouble(operation, kFunction(args[0]->d), machine, out);
}

template <auto kFunction>
bool RunDouble2(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return GiveDouble(operation, kFunction(args[0]->d, args[1]->d), machine, out);
}

constexpr auto kAddDouble = [](double a, double b) { return a + b; };
constexpr auto kSubtractDouble = [](double a, double b) { return a - b; };
constexpr auto kMultiplyDouble = [](double a, double b) { return a * b; };
constexpr auto kDivideDouble = [](double a, double b) { return a / b; };
constexpr auto kFmod = [](double a, double b) { return std::fmod(a, b); };
constexpr auto kNegateDouble = [](double a) { return -a; };
constexpr auto kAbsDouble = [](double a) { return std::fabs(a); };
constexpr auto kCeil = [](double a) { return std::ceil(a); };
constexpr auto kFloor = [](double a) { return std::floor(a); };
constexpr auto kTrunc = [](double a) { return std::trunc(a); };
constexpr auto kRound = [](double a) { return std::round(a); };
// Outside their domain these give NaN, which is refused; DuckDB raises an error of its own there.
constexpr auto kSqrt = [](double a) { return std::sqrt(a); };
constexpr auto kCbrt = [](double a) { return std::cbrt(a); };
constexpr auto kExp = [](double a) { return std::exp(a); };
constexpr auto kLn = [](double a) { return std::log(a); };
constexpr auto kLog2 = [](double a) { return std::log2(a); };
constexpr auto kLog10 = [](double a) { return std::log10(a); };
constexpr auto kSin = [](double a) { return std::sin(a); };
constexpr auto kCos = [](double a) { return std::cos(a); };
constexpr auto kAsin = [](double a) { return std::asin(a); };
constexpr auto kRadians = [](double a) { return a * (std::numbers::pi / 180); };
constexpr auto kPow = [](double a, double b) { return std::pow(a, b); };

// `//` on DOUBLE is an ordinary division, but by zero NULL.
bool RunDoubleIntegerDivide(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return args[1]->d == 0 ? Give(Datum::Null(), out)
                         : RunDouble2<kDivideDouble>(operation, args, machine, out);
}

// round(DOUBLE, n) and trunc(DOUBLE, n), with DuckDB's power of ten.
template <auto kFunction>
bool RunDoublePrecision(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const double value = args[0]->d;
  const auto precision = static_cast<double>(args[1]->i);
  const double modifier = std::pow(10, std::fabs(precision));
  double rounded = precision < 0 ? kFunction(value / modifier) * modifier
                                 : kFunction(value * modifier) / modifier;
  if (!std::isfinite(rounded)) {
    rounded = precision < 0 && std::is_same_v<decltype(kFunction), decltype(kRound)> ? 0 : value;
  }
  return GiveDouble(operation, rounded, machine, out);
}

bool RunDoubleSign(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(args[0]->d > 0 ? 1 : (args[0]->d < 0 ? -1 : 0)), out);
}
bool RunExactSign(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(args[0]->i > 0 ? 1 : (args[0]->i < 0 ? -1 : 0)), out);
}

bool RunIsNan(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(std::isnan(args[0]->d)), out);
}
bool RunIsInf(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(std::isinf(args[0]->d)), out);
}
bool RunIsFinite(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(std::isfinite(args[0]->d)), out);
}

// ---- Rounding of DECIMAL and integers. `parameter` is the power of ten that goes.

bool RunDecimalCeil(const Operation& operation, Args args, Machine&, Datum& out) {
  const int128 quotient = args[0]->i / operation.parameter;
  return Give(Datum::Int(quotient + (args[0]->i % operation.parameter > 0 ? 1 : 0)), out);
}
bool RunDecimalFloor(const Operation& operation, Args args, Machine&, Datum& out) {
  const int128 quotient = args[0]->i / operation.parameter;
  return Give(Datum::Int(quotient - (args[0]->i % operation.parameter < 0 ? 1 : 0)), out);
}
bool RunDecimalTrunc(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(args[0]->i / operation.parameter), out);
}
bool RunDecimalRound(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(DivideRounded(args[0]->i, operation.parameter)), out);
}

// round(DECIMAL, -n): parameter is 10^n, `high` 10^(n + scale).
bool RunDecimalRoundBack(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(DivideRounded(args[0]->i, operation.high) * operation.parameter), out);
}
bool RunDecimalTruncBack(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(args[0]->i / operation.high * operation.parameter), out);
}

// All digits gone.
bool RunZero(const Operation&, Args, Machine&, Datum& out) { return Give(Datum::Int(0), out); }

// round(integer, n); beyond the type an error (DuckDB wraps around).
template <bool kRounds>
bool RunIntegerPrecision(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const int128 precision = args[1]->i;
  if (precision >= 0) {
    return Give(*args[0], out);
  }
  if (-precision > kDecimalWidthMax) {
    return Give(Datum::Int(0), out);
  }
  const int128 power = kPowersOfTen[static_cast<size_t>(-precision)];
  int128 value;
  if (__builtin_mul_overflow(kRounds ? DivideRounded(args[0]->i, power) : args[0]->i / power, power,
                             &value)) {
    return FailRange(operation, machine);
  }
  return GiveExact(operation, value, machine, out);
}

// ---- Bits, of signed integers.

template <auto kFunction>
bool RunBits(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(kFunction(args[0]->i, args[1]->i)), out);
}
constexpr auto kBitAnd = [](int128 a, int128 b) { return a & b; };
constexpr auto kBitOr = [](int128 a, int128 b) { return a | b; };
constexpr auto kBitXor = [](int128 a, int128 b) { return a ^ b; };

// ---- greatest, least: NULLs are skipped.

template <int kSign>
bool RunExtreme(const Operation&, Args args, Machine&, Datum& out) {
  const Datum* best = nullptr;
  for (const Datum* arg : args) {
    if (!arg->is_null() && (best == nullptr || Compare(*arg, *best) * kSign > 0)) {
      best = arg;
    }
  }
  return Give(best == nullptr ? Datum::Null() : *best, out);
}

// ---- Times and intervals.

template <int kSign>
bool RunDatePlusDays(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const Datum& date = operation.args[0].id == TypeId::kDate ? *args[0] : *args[1];
  const Datum& days = operation.args[0].id == TypeId::kDate ? *args[1] : *args[0];
  if (!IsFiniteDate(date.i)) {
    return Give(date, out);
  }
  const int128 sum = date.i + kSign * days.i;
  return IsFiniteDate(sum) ? Give(Datum::Int(sum), out) : FailRange(operation, machine);
}

bool RunDateMinusDate(const Operation& operation, Args args, Machine& machine, Datum& out) {
  return GiveExact(operation, args[0]->i - args[1]->i, machine, out);
}

bool Negate(const Interval& in, Interval& out) {
  return !__builtin_sub_overflow(0, in.months, &out.months) &&
         !__builtin_sub_overflow(0, in.days, &out.days) &&
         !__builtin_sub_overflow(int64_t{0}, in.micros, &out.micros);
}

template <bool kNegated>
bool RunTimePlusInterval(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const bool first = operation.args[1].id == TypeId::kInterval;
  const Datum& time = first ? *args[0] : *args[1];
  Interval interval = first ? args[1]->interval : args[0]->interval;
  const bool date = operation.args[first ? 0 : 1].id == TypeId::kDate;
  auto us = static_cast<int64_t>(time.i);
  if (date && !DateToTimestamp(time.i, us)) {
    return FailRange(operation, machine);
  }
  if ((kNegated && !Negate(interval, interval)) || !AddInterval(us, interval, us)) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Int(us), out);
}

bool RunTimestampDifference(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const int128 difference = args[0]->i - args[1]->i;
  if (!IsFiniteTimestamp(args[0]->i) || !IsFiniteTimestamp(args[1]->i) || difference > INT64_MAX ||
      difference < INT64_MIN) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Of(Interval{.days = static_cast<int32_t>(difference / kDayUs),
                                 .micros = static_cast<int64_t>(difference % kDayUs)}),
              out);
}

template <bool kNegated>
bool RunIntervalPlusInterval(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const Interval& a = args[0]->interval;
  Interval b = args[1]->interval;
  Interval sum;
  if ((kNegated && !Negate(b, b)) || __builtin_add_overflow(a.months, b.months, &sum.months) ||
      __builtin_add_overflow(a.days, b.days, &sum.days) ||
      __builtin_add_overflow(a.micros, b.micros, &sum.micros)) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Of(sum), out);
}

bool RunIntervalNegate(const Operation& operation, Args args, Machine& machine, Datum& out) {
  Interval negated;
  return Negate(args[0]->interval, negated) ? Give(Datum::Of(negated), out)
                                            : FailRange(operation, machine);
}

bool RunIntervalTimes(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const bool first = operation.args[0].id == TypeId::kInterval;
  const Interval& interval = first ? args[0]->interval : args[1]->interval;
  const int128 factor = first ? args[1]->i : args[0]->i;
  Interval product;
  if (factor > INT32_MAX || factor < INT32_MIN ||
      __builtin_mul_overflow(interval.months, static_cast<int32_t>(factor), &product.months) ||
      __builtin_mul_overflow(interval.days, static_cast<int32_t>(factor), &product.days) ||
      __builtin_mul_overflow(interval.micros, static_cast<int64_t>(factor), &product.micros)) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Of(product), out);
}

// ---- Binding.

Result<void> Use(Operation& operation, Operation::Kernel kernel) {
  operation.kernel = kernel;
  return kernel == nullptr ? Result<void>(NoSuchOverload(operation)) : Result<void>();
}

bool Is(const Operation& operation, std::initializer_list<TypeId> ids) {
  if (operation.args.size() != ids.size()) {
    return false;
  }
  size_t i = 0;
  for (TypeId id : ids) {
    if (operation.args[i++].id != id) {
      return false;
    }
  }
  return true;
}

bool AllExact(const Operation& operation, size_t count) {
  return operation.args.size() == count && IsExact(operation.result) &&
         std::all_of(operation.args.begin(), operation.args.end(), IsExact);
}
bool AllDouble(const Operation& operation, size_t count) {
  return operation.args.size() == count && IsDouble(operation.result) &&
         std::all_of(operation.args.begin(), operation.args.end(), IsDouble);
}
// DECIMAL values of one scale, which is also the result's.
bool OneScale(const Operation& operation) {
  return std::all_of(operation.args.begin(), operation.args.end(),
                     [&](Type type) { return type.scale == operation.result.scale; });
}
bool IsTimeInterval(const Operation& operation, size_t time, size_t interval) {
  return operation.args.size() == 2 && IsTime(operation.args[time]) &&
         operation.args[interval].id == TypeId::kInterval &&
         operation.result.id == TypeId::kTimestamp;
}

using Children = const std::vector<Expr>&;

Result<void> BindAdd(Children, Operation& operation) {
  if (AllExact(operation, 1) || AllDouble(operation, 1)) {
    return Use(operation, RunSame);
  }
  if (AllExact(operation, 2) && OneScale(operation)) {
    return Use(operation, RunExact<kAdd>);
  }
  if (AllDouble(operation, 2)) {
    return Use(operation, RunDouble2<kAddDouble>);
  }
  if (Is(operation, {TypeId::kDate, TypeId::kInteger}) ||
      Is(operation, {TypeId::kInteger, TypeId::kDate})) {
    return Use(operation, RunDatePlusDays<1>);
  }
  if (IsTimeInterval(operation, 0, 1) || IsTimeInterval(operation, 1, 0)) {
    return Use(operation, RunTimePlusInterval<false>);
  }
  return Use(operation, Is(operation, {TypeId::kInterval, TypeId::kInterval})
                            ? RunIntervalPlusInterval<false>
                            : nullptr);
}

Result<void> BindSubtract(Children, Operation& operation) {
  if (AllExact(operation, 1)) {
    // DuckDB makes 255 of -(1::UTINYINT).
    return Use(operation, operation.low < 0 ? RunExactNegate : nullptr);
  }
  if (AllDouble(operation, 1)) {
    return Use(operation, RunDouble1<kNegateDouble>);
  }
  if (Is(operation, {TypeId::kInterval})) {
    return Use(operation, RunIntervalNegate);
  }
  if (AllExact(operation, 2) && OneScale(operation)) {
    return Use(operation, RunExact<kSubtract>);
  }
  if (AllDouble(operation, 2)) {
    return Use(operation, RunDouble2<kSubtractDouble>);
  }
  if (Is(operation, {TypeId::kDate, TypeId::kInteger})) {
    return Use(operation, RunDatePlusDays<-1>);
  }
  if (Is(operation, {TypeId::kDate, TypeId::kDate})) {
    return Use(operation, RunDateMinusDate);
  }
  if (Is(operation, {TypeId::kTimestamp, TypeId::kTimestamp})) {
    return Use(operation, RunTimestampDifference);
  }
  if (IsTimeInterval(operation, 0, 1)) {
    return Use(operation, RunTimePlusInterval<true>);
  }
  return Use(operation, Is(operation, {TypeId::kInterval, TypeId::kInterval})
                            ? RunIntervalPlusInterval<true>
                            : nullptr);
}

Result<void> BindMultiply(Children, Operation& operation) {
  if (AllExact(operation, 2) &&
      operation.args[0].scale + operation.args[1].scale == operation.result.scale) {
    return Use(operation, RunExact<kMultiply>);
  }
  if (AllDouble(operation, 2)) {
    return Use(operation, RunDouble2<kMultiplyDouble>);
  }
  const bool interval = Is(operation, {TypeId::kInterval, TypeId::kBigInt}) ||
                        Is(operation, {TypeId::kBigInt, TypeId::kInterval});
  return Use(operation, interval ? RunIntervalTimes : nullptr);
}

Result<void> BindDivide(Children, Operation& operation) {
  return Use(operation, AllDouble(operation, 2) ? RunDouble2<kDivideDouble> : nullptr);
}

Result<void> BindIntegerDivide(Children, Operation& operation) {
  if (AllExact(operation, 2) && IsInteger(operation.result)) {
    return Use(operation, RunExactDivide<false>);
  }
  return Use(operation, AllDouble(operation, 2) ? RunDoubleIntegerDivide : nullptr);
}

Result<void> BindRemainder(Children, Operation& operation) {
  if (AllExact(operation, 2) && OneScale(operation)) {
    return Use(operation, RunExactDivide<true>);
  }
  return Use(operation, AllDouble(operation, 2) ? RunDouble2<kFmod> : nullptr);
}

Result<void> BindAbs(Children, Operation& operation) {
  return Use(operation, AllExact(operation, 1)
                            ? RunExactAbs
                            : (AllDouble(operation, 1) ? RunDouble1<kAbsDouble> : nullptr));
}

Result<void> BindSign(Children, Operation& operation) {
  if (operation.args.size() != 1) {
    return NoSuchOverload(operation);
  }
  return Use(operation, IsDouble(operation.args[0])
                            ? RunDoubleSign
                            : (IsExact(operation.args[0]) ? RunExactSign : nullptr));
}

template <auto kFunction>
Result<void> BindDouble1(Children, Operation& operation) {
  return Use(operation, AllDouble(operation, 1) ? RunDouble1<kFunction> : nullptr);
}
template <auto kFunction>
Result<void> BindDouble2(Children, Operation& operation) {
  return Use(operation, AllDouble(operation, 2) ? RunDouble2<kFunction> : nullptr);
}

// A function on DOUBLE that takes DECIMAL to whole numbers.
Result<void> BindWhole(Operation& operation, Operation::Kernel on_double,
                       Operation::Kernel on_decimal) {
  if (operation.args.size() == 1 && operation.args[0].id == TypeId::kDecimal &&
      operation.result.scale == 0) {
    operation.parameter = kPowersOfTen[operation.args[0].scale];
    return Use(operation, on_decimal);
  }
  if (operation.args.size() == 1 && IsInteger(operation.args[0])) {
    return Use(operation, RunSame);
  }
  return Use(operation, AllDouble(operation, 1) ? on_double : nullptr);
}

Result<void> BindCeil(Children, Operation& operation) {
  return BindWhole(operation, RunDouble1<kCeil>, RunDecimalCeil);
}
Result<void> BindFloor(Children, Operation& operation) {
  return BindWhole(operation, RunDouble1<kFloor>, RunDecimalFloor);
}

// round and trunc, with or without a precision.
struct Rounding {
  Operation::Kernel on_double;
  Operation::Kernel on_double_precision;
  Operation::Kernel on_decimal;
  Operation::Kernel on_decimal_back;
  Operation::Kernel on_integer_precision;
};

Result<void> BindDecimalPrecision(Children children, Operation& operation,
                                  const Rounding& rounding) {
  // The binder knows the precision, since the type depends on it; it stands there as a constant,
  // perhaps cast or negated.
  const Type from = operation.args[0];
  auto precision = Program::Compile(children[1]);
  if (!precision) {
    return std::move(precision).error();
  }
  Scratch scratch;
  auto value = precision->Run({}, {}, scratch);
  if (!value || value->kind != Datum::Kind::kInt) {
    return NoSuchOverload(operation);
  }
  if (value->i >= from.scale) {
    return Use(operation, RunSame);
  }
  if (value->i >= 0) {
    operation.parameter = kPowersOfTen[from.scale - static_cast<int>(value->i)];
    return Use(operation, rounding.on_decimal);
  }
  if (-value->i >= from.width - from.scale) {
    operation.strict = false;  // 0 of NULL too
    return Use(operation, RunZero);
  }
  operation.parameter = kPowersOfTen[static_cast<size_t>(-value->i)];
  operation.high = kPowersOfTen[static_cast<size_t>(-value->i) + from.scale];
  return Use(operation, rounding.on_decimal_back);
}

bool ReadsNothing(const Expr& expr) {
  return expr.kind != Expr::Kind::kColumn && expr.kind != Expr::Kind::kWindow &&
         std::all_of(expr.children.begin(), expr.children.end(), ReadsNothing);
}

Result<void> BindRounding(Children children, Operation& operation, const Rounding& rounding) {
  if (operation.args.size() != 2 || operation.args[1].id != TypeId::kInteger) {
    return BindWhole(operation, rounding.on_double, rounding.on_decimal);
  }
  if (operation.args[0].id == TypeId::kDecimal && ReadsNothing(children[1])) {
    return BindDecimalPrecision(children, operation, rounding);
  }
  if (IsInteger(operation.args[0])) {
    return Use(operation, rounding.on_integer_precision);
  }
  return Use(operation, IsDouble(operation.args[0]) ? rounding.on_double_precision : nullptr);
}

Result<void> BindRound(Children children, Operation& operation) {
  return BindRounding(children, operation,
                      {RunDouble1<kRound>, RunDoublePrecision<kRound>, RunDecimalRound,
                       RunDecimalRoundBack, RunIntegerPrecision<true>});
}
Result<void> BindTrunc(Children children, Operation& operation) {
  return BindRounding(children, operation,
                      {RunDouble1<kTrunc>, RunDoublePrecision<kTrunc>, RunDecimalTrunc,
                       RunDecimalTruncBack, RunIntegerPrecision<false>});
}

template <auto kKernel>
Result<void> BindDoubleTest(Children, Operation& operation) {
  return Use(operation, Is(operation, {TypeId::kDouble}) ? kKernel : nullptr);
}

template <auto kFunction>
Result<void> BindBits(Children, Operation& operation) {
  return Use(operation,
             AllExact(operation, 2) && IsInteger(operation.result) ? RunBits<kFunction> : nullptr);
}

template <int kSign>
Result<void> BindExtreme(Children, Operation& operation) {
  for (const Type& type : operation.args) {
    if (type.id != TypeId::kNull && table::KindOf(type) != table::KindOf(operation.result)) {
      return NoSuchOverload(operation);
    }
  }
  operation.strict = false;
  return Use(operation, RunExtreme<kSign>);
}

}  // namespace

std::span<const Function> ArithmeticFunctions() {
  static constexpr Function kFunctions[] = {
      {"%", BindRemainder},
      {"&", BindBits<kBitAnd>},
      {"*", BindMultiply},
      {"**", BindDouble2<kPow>},
      {"+", BindAdd},
      {"-", BindSubtract},
      {"/", BindDivide},
      {"//", BindIntegerDivide},
      {"abs", BindAbs},
      {"asin", BindDouble1<kAsin>},
      {"cbrt", BindDouble1<kCbrt>},
      {"ceil", BindCeil},
      {"cos", BindDouble1<kCos>},
      {"exp", BindDouble1<kExp>},
      {"floor", BindFloor},
      {"greatest", BindExtreme<1>},
      {"isfinite", BindDoubleTest<RunIsFinite>},
      {"isinf", BindDoubleTest<RunIsInf>},
      {"isnan", BindDoubleTest<RunIsNan>},
      {"least", BindExtreme<-1>},
      {"ln", BindDouble1<kLn>},
      {"log10", BindDouble1<kLog10>},
      {"log2", BindDouble1<kLog2>},
      {"radians", BindDouble1<kRadians>},
      {"round", BindRound},
      {"sign", BindSign},
      {"sin", BindDouble1<kSin>},
      {"sqrt", BindDouble1<kSqrt>},
      {"trunc", BindTrunc},
      {"xor", BindBits<kBitXor>},
      {"|", BindBits<kBitOr>},
  };
  return kFunctions;
}

}  // namespace fuqi::sql::internal
