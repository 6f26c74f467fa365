#pragma once

// Divisors that cannot be 0, for DuckDB divides by 0 and goes on with infinity or NaN. Not for
// others.

#include <span>

#include "sql/expr.h"

namespace fuqi::sql::internal {

// Whether the number is NULL or other than 0 on every row, as far as its form shows: a constant,
// nullif(x, 0), greatest(x, 1), count(*) OVER w, or made of these. `windows`: what kWindow refers
// to.
bool IsNeverZero(const Expr& expr, std::span<const Window> windows);

}  // namespace fuqi::sql::internal
