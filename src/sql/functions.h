#pragma once

// What one instruction of a Program does: the functions, operators and casts that can run one event
// at a time, by DuckDB's names.
//
// An Operation is a kernel bound to its argument types. A kernel never throws and never allocates
// but from the Machine's scratch; it gives false after Machine::Fail. Operations whose `strict` is
// set are not called when an argument is NULL: their result is NULL.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/expr.h"
#include "sql/program.h"
#include "table/datum.h"

namespace fuqi::sql {

using table::Datum;
using table::Type;
using table::TypeId;

// The longest text that an operation makes: expressions upon expressions could double one without
// end.
inline constexpr size_t kMaxTextBytes = size_t{16} << 20;

// One evaluation under way: where texts go, and the error that ended it.
class Machine {
 public:
  explicit Machine(Scratch& scratch) : scratch_(scratch) {}

  bool Fail(Error error) {
    error_ = std::move(error);
    return false;
  }
  std::optional<Error>& error() { return error_; }

  char* Allocate(size_t size) { return scratch_.Allocate(size); }
  // A text that lives in the scratch.
  Datum Keep(std::string_view text);
  Scratch& scratch() { return scratch_; }

 private:
  Scratch& scratch_;
  std::optional<Error> error_;
};

// A pattern compiled from a constant.
class Matcher {
 public:
  virtual ~Matcher() = default;
  virtual bool Matches(std::string_view text) const = 0;
};

struct ZoneChange;  // zones.cc

struct Operation {
  using Kernel = bool (*)(const Operation&, std::span<const Datum* const> args, Machine&,
                          Datum& out);

  Kernel kernel = nullptr;
  bool strict = true;
  // kCast: a failure gives NULL.
  bool try_cast = false;
  std::string name;  // as an error tells it
  std::vector<Type> args;
  Type result;
  // Of an exact result: what its type can hold.
  int128 low = 0;
  int128 high = 0;
  // The kernel's own constant: a power of ten, a time unit, a flag.
  int128 parameter = 0;
  std::shared_ptr<const Matcher> matcher;
  std::shared_ptr<const ZoneChange> zones;
};

// Fills in kernel and constants for a kCall of this name and these argument types (already in
// `operation`); kUnsupported otherwise. `children` are the call's arguments, for those that must be
// constant.
using Binder = Result<void> (*)(const std::vector<Expr>& children, Operation& operation);

struct Function {
  std::string_view name;  // DuckDB's, in lower case
  Binder bind;
};

// Every function and operator a Program runs, ordered by name.
std::span<const Function> Functions();

// The operation of a kCall, kCast, kCompare, kNot, kIsNull, kIsNotNull, kIn or kNotIn node.
Result<Operation> Bind(const Expr& expr);

// The values that an exact type can hold.
struct Bounds {
  int128 low;
  int128 high;
};
Bounds BoundsOf(Type type);

// As SQL orders them: -1, 0 or 1. Both present and of one kind; NaN is equal to itself and above
// everything, intervals count a month as 30 days.
int Compare(const Datum& a, const Datum& b);

// A HUGEINT as DuckDB turns it into a floating number: not always the nearest.
template <class Real>
Real HugeToReal(int128 value) {
  constexpr Real kTwoTo64 = 18446744073709551616.0;
  const auto upper = static_cast<int64_t>(value >> 64);
  const auto lower = static_cast<uint64_t>(value);
  return upper == -1 ? -static_cast<Real>(~lower) - 1
                     : static_cast<Real>(lower) + static_cast<Real>(upper) * kTwoTo64;
}

}  // namespace fuqi::sql
