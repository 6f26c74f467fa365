#include "sql/functions.h"

#include <algorithm>
#include <cstring>

#include "base/decimal.h"
#include "base/time.h"
#include "sql/functions_internal.h"

namespace fuqi::sql {

using namespace internal;  // NOLINT(google-build-using-namespace): the kernels' own helpers

Datum Machine::Keep(std::string_view text) {
  char* copy = Allocate(text.size());
  std::copy_n(text.data(), text.size(), copy);
  return Datum::Text({copy, text.size()});
}

Bounds BoundsOf(Type type) {
  switch (type.id) {
    case TypeId::kBoolean:
      return {0, 1};
    case TypeId::kTinyInt:
      return {INT8_MIN, INT8_MAX};
    case TypeId::kSmallInt:
      return {INT16_MIN, INT16_MAX};
    case TypeId::kInteger:
      return {INT32_MIN, INT32_MAX};
    case TypeId::kBigInt:
      return {INT64_MIN, INT64_MAX};
    case TypeId::kUTinyInt:
      return {0, UINT8_MAX};
    case TypeId::kUSmallInt:
      return {0, UINT16_MAX};
    case TypeId::kUInteger:
      return {0, UINT32_MAX};
    case TypeId::kUBigInt:
      return {0, UINT64_MAX};
    case TypeId::kDecimal:
      return {1 - kPowersOfTen[type.width], kPowersOfTen[type.width] - 1};
    case TypeId::kDate:  // with both infinities
      return {-INT32_MAX, INT32_MAX};
    case TypeId::kTimestamp:
      return {-INT64_MAX, INT64_MAX};
    default:
      return {kInt128Min, kInt128Max};
  }
}

namespace {

template <class T>
int Order(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

int128 IntervalUs(const table::Interval& interval) {
  return (static_cast<int128>(interval.months) * 30 + interval.days) * kDayUs + interval.micros;
}

int OrderDoubles(double a, double b) {
  const bool a_nan = a != a;
  const bool b_nan = b != b;
  return a_nan || b_nan ? static_cast<int>(a_nan) - static_cast<int>(b_nan) : Order(a, b);
}

int OrderTexts(std::string_view a, std::string_view b) {
  const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  return order != 0 ? (order < 0 ? -1 : 1) : Order(a.size(), b.size());
}

}  // namespace

int Compare(const Datum& a, const Datum& b) {
  FUQI_CHECK(a.kind == b.kind);
  switch (a.kind) {
    case Datum::Kind::kInt:
      return Order(a.i, b.i);
    case Datum::Kind::kDouble:
      return OrderDoubles(a.d, b.d);
    case Datum::Kind::kText:
      return OrderTexts(a.text(), b.text());
    case Datum::Kind::kInterval:
      return Order(IntervalUs(a.interval), IntervalUs(b.interval));
    case Datum::Kind::kNull:
      break;
  }
  return 0;
}

namespace internal {

std::string TypeNames(std::span<const Type> types) {
  std::string names;
  for (const Type& type : types) {
    names += (names.empty() ? "" : ", ") + type.ToString();
  }
  return names;
}

Error NoSuchOverload(const Operation& operation) {
  return Err(ErrorCode::kUnsupported, "'{}' on ({}) cannot run as a stream", operation.name,
             TypeNames(operation.args));
}

bool FailRange(const Operation& operation, Machine& machine) {
  return machine.Fail(Err(ErrorCode::kOutOfRange, "the result of '{}' on ({}) goes beyond {}",
                          operation.name, TypeNames(operation.args), operation.result.ToString()));
}

bool FailLength(const Operation& operation, Machine& machine) {
  return machine.Fail(Err(ErrorCode::kResourceExhausted,
                          "the result of '{}' would be longer than {} bytes", operation.name,
                          kMaxTextBytes));
}

bool FailNotFinite(const Operation& operation, Machine& machine) {
  return machine.Fail(Err(ErrorCode::kOutOfRange,
                          "the result of '{}' on ({}) is not a finite number", operation.name,
                          TypeNames(operation.args)));
}

Result<std::string_view> ConstantText(const std::vector<Expr>& children, size_t index,
                                      const Operation& operation) {
  if (index < children.size() && children[index].kind == Expr::Kind::kConstant &&
      children[index].constant.size() == 1 &&
      children[index].constant[0].kind == Datum::Kind::kText) {
    return children[index].constant[0].text();
  }
  return Err(ErrorCode::kUnsupported, "argument {} of '{}' must be a constant text here", index + 1,
             operation.name);
}

bool IsInteger(Type type) { return type.is_exact_number() && type.id != TypeId::kDecimal; }

}  // namespace internal

namespace {

using Kind = Expr::Kind;

// ---- Logic. AND and OR are instructions of a Program.

bool RunNot(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(!args[0]->is_true()), out);
}

bool RunIsNull(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(args[0]->is_null() == (operation.parameter != 0)), out);
}

bool RunIn(const Operation& operation, Args args, Machine&, Datum& out) {
  if (args[0]->is_null()) {
    return Give(Datum::Null(), out);
  }
  bool unknown = false;
  for (const Datum* arg : args.subspan(1)) {
    if (arg->is_null()) {
      unknown = true;
    } else if (Compare(*args[0], *arg) == 0) {
      return Give(Datum::Bool(operation.parameter != 0), out);
    }
  }
  return Give(unknown ? Datum::Null() : Datum::Bool(operation.parameter == 0), out);
}

// ---- Comparison.

// The results that make the comparison true, as bits: 1 less, 2 equal, 4 greater.
constexpr int kLess = 1;
constexpr int kEqual = 2;
constexpr int kGreater = 4;

template <int kTrueFor>
bool RunCompare(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool((kTrueFor & (1 << (Compare(*args[0], *args[1]) + 1))) != 0), out);
}

bool RunDistinct(const Operation& operation, Args args, Machine&, Datum& out) {
  const bool null = args[0]->is_null() || args[1]->is_null();
  const bool same =
      null ? args[0]->is_null() == args[1]->is_null() : Compare(*args[0], *args[1]) == 0;
  return Give(Datum::Bool(same == (operation.parameter != 0)), out);
}

Result<void> BindCompare(Operation& operation) {
  const auto kind = table::KindOf(operation.args[0]);
  if (operation.args.size() != 2 ||
      (kind != table::KindOf(operation.args[1]) && operation.args[0].id != TypeId::kNull &&
       operation.args[1].id != TypeId::kNull)) {
    return NoSuchOverload(operation);
  }
  const std::pair<std::string_view, Operation::Kernel> kernels[] = {
      {"=", RunCompare<kEqual>},   {"<>", RunCompare < kLess | kGreater > },
      {"<", RunCompare<kLess>},    {"<=", RunCompare < kLess | kEqual > },
      {">", RunCompare<kGreater>}, {">=", RunCompare < kGreater | kEqual > },
  };
  for (const auto& [name, kernel] : kernels) {
    if (operation.name == name) {
      operation.kernel = kernel;
      return {};
    }
  }
  operation.strict = false;
  operation.kernel = RunDistinct;
  operation.parameter = operation.name == "IS NOT DISTINCT FROM" ? 1 : 0;
  if (operation.parameter == 0 && operation.name != "IS DISTINCT FROM") {
    return NoSuchOverload(operation);
  }
  return {};
}

Result<void> BindIn(Operation& operation, bool positive) {
  for (const Type& type : operation.args) {
    if (type.id != TypeId::kNull && operation.args[0].id != TypeId::kNull &&
        table::KindOf(type) != table::KindOf(operation.args[0])) {
      return NoSuchOverload(operation);
    }
  }
  operation.strict = false;
  operation.kernel = RunIn;
  operation.parameter = positive ? 1 : 0;
  return {};
}

void BindLogic(Operation& operation, std::string_view name, Operation::Kernel kernel, bool strict,
               int parameter) {
  operation.name = name;
  operation.kernel = kernel;
  operation.strict = strict;
  operation.parameter = parameter;
}

Result<void> BindByKind(const Expr& expr, Operation& operation) {
  switch (expr.kind) {
    case Kind::kCall: {
      const auto functions = Functions();
      const auto found = std::lower_bound(
          functions.begin(), functions.end(), expr.name,
          [](const Function& f, const std::string& name) { return f.name < name; });
      if (found == functions.end() || found->name != expr.name) {
        return Err(ErrorCode::kUnsupported, "'{}' cannot run as a stream", expr.name);
      }
      return found->bind(expr.children, operation);
    }
    case Kind::kCast:
      operation.name = "CAST";
      operation.try_cast = expr.try_cast;
      return BindCast(operation);
    case Kind::kCompare:
      return BindCompare(operation);
    case Kind::kNot:
      BindLogic(operation, "NOT", RunNot, true, 0);
      return {};
    case Kind::kIsNull:
      BindLogic(operation, "IS NULL", RunIsNull, false, 1);
      return {};
    case Kind::kIsNotNull:
      BindLogic(operation, "IS NOT NULL", RunIsNull, false, 0);
      return {};
    case Kind::kIn:
      operation.name = "IN";
      return BindIn(operation, true);
    case Kind::kNotIn:
      operation.name = "NOT IN";
      return BindIn(operation, false);
    case Kind::kConstant:
    case Kind::kColumn:
    case Kind::kWindow:
    case Kind::kAnd:
    case Kind::kOr:
    case Kind::kCase:
    case Kind::kCoalesce:
      break;
  }
  FUQI_CHECK(false);
}

}  // namespace

std::span<const Function> Functions() {
  static const std::vector<Function> kAll = [] {
    std::vector<Function> all;
    for (auto part : {ArithmeticFunctions(), TextFunctions(), SimilarityFunctions(),
                      TimeFunctions(), ZoneFunctions()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    std::sort(all.begin(), all.end(),
              [](const Function& a, const Function& b) { return a.name < b.name; });
    for (size_t i = 1; i < all.size(); ++i) {
      FUQI_CHECK(all[i - 1].name != all[i].name);
    }
    return all;
  }();
  return kAll;
}

Result<Operation> Bind(const Expr& expr) {
  Operation operation;
  operation.name = expr.name;
  for (const Expr& child : expr.children) {
    operation.args.push_back(child.type);
  }
  operation.result = expr.type;
  const Bounds bounds = BoundsOf(expr.type);
  operation.low = bounds.low;
  operation.high = bounds.high;
  FUQI_RETURN_IF_ERROR(BindByKind(expr, operation));
  return operation;
}

}  // namespace fuqi::sql
