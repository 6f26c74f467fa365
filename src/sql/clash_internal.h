#pragma once

// DuckDB's optimiser takes constants that compare equal for one, though they mean different things:
// of `ts - INTERVAL 1 MONTH` and `ts - INTERVAL 30 DAYS` in one SELECT only one is evaluated,
// likewise of `x * 0.0` and `x * -0.0`. Such a pair clashes. Not for others.

#include "sql/expr.h"

namespace fuqi::sql::internal {

// Whether a constant of one expression clashes with one of the other, windows included.
bool Clash(const Expr& a, const Level& a_level, const Expr& b, const Level& b_level);

}  // namespace fuqi::sql::internal
