#include <algorithm>

#include "sql/divisor_internal.h"

namespace fuqi::sql::internal {
namespace {

using table::Datum;
using table::Type;
using table::TypeId;
using Kind = Expr::Kind;

bool IsZero(const Expr& expr) {
  if (expr.kind != Kind::kConstant) {
    return false;
  }
  const Datum& value = expr.constant[0];
  return value.kind == Datum::Kind::kInt ? value.i == 0
                                         : value.kind == Datum::Kind::kDouble && value.d == 0;
}

// CASE WHEN x = 0 THEN NULL ELSE x END, which is what nullif(x, 0) means. The x that is compared
// may be cast: zero stays zero. The other may not: 0.3 becomes zero.
bool IsNullIfZero(const Expr& expr) {
  if (expr.kind != Kind::kCase || expr.children.size() != 3) {
    return false;
  }
  const Expr& when = expr.children[0];
  const Expr& then = expr.children[1];
  if (when.kind != Kind::kCompare || when.name != "=" || !IsZero(when.children[1]) ||
      then.kind != Kind::kConstant || !then.constant[0].is_null()) {
    return false;
  }
  const Expr* compared = &when.children[0];
  while (compared->kind == Kind::kCast && !SameExpr(*compared, expr.children[2])) {
    compared = &compared->children[0];
  }
  return SameExpr(*compared, expr.children[2]);
}

// Casts to another type of number that cannot make a value zero that was not.
bool KeepsNonZero(Type from, Type to) {
  const bool number = from.is_exact_number() || from.id == TypeId::kDouble;
  return (number && to.id == TypeId::kDouble) || (from.is_integer() && to.is_exact_number()) ||
         (from.id == TypeId::kDecimal && to.id == TypeId::kDecimal && to.scale >= from.scale);
}

// NULL or above 0, whatever the row.
bool IsPositive(const Expr& expr, std::span<const Window> windows) {
  const auto positive = [&](const Expr& e) { return IsPositive(e, windows); };
  switch (expr.kind) {
    case Kind::kConstant: {
      const Datum& value = expr.constant[0];
      return value.kind == Datum::Kind::kInt ? value.i > 0
                                             : value.kind == Datum::Kind::kDouble && value.d > 0;
    }
    case Kind::kWindow: {
      const Window& window = windows[expr.column];
      return window.function == "count_star" && !window.filter && window.ends_here();
    }
    case Kind::kCast:
      return KeepsNonZero(expr.children[0].type, expr.type) && positive(expr.children[0]);
    case Kind::kCall:
      return expr.name == "greatest" &&
             std::any_of(expr.children.begin(), expr.children.end(), positive);
    default:
      return false;
  }
}

}  // namespace

bool IsNeverZero(const Expr& expr, std::span<const Window> windows) {
  const auto never = [&](const Expr& e) { return IsNeverZero(e, windows); };
  if (IsPositive(expr, windows) || IsNullIfZero(expr)) {
    return true;
  }
  switch (expr.kind) {
    case Kind::kConstant:
      return !IsZero(expr);
    case Kind::kCast:
      return KeepsNonZero(expr.children[0].type, expr.type) && never(expr.children[0]);
    case Kind::kCall:
      return (expr.name == "abs" || (expr.name == "-" && expr.children.size() == 1)) &&
             never(expr.children[0]);
    case Kind::kCoalesce:
      return std::all_of(expr.children.begin(), expr.children.end(), never);
    default:
      return false;
  }
}

}  // namespace fuqi::sql::internal
