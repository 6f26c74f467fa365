#pragma once

// The thresholds of a rule: comparisons of a number with a constant, joined by AND, OR, NOT and as
// what a CASE gives.

#include <vector>

#include "sql/expr.h"
#include "sql/program.h"
#include "table/datum.h"

namespace fuqi::decide {

// Child indexes from a rule's root to one of its comparisons.
using ExprPath = std::vector<size_t>;

std::vector<ExprPath> FindThresholds(const sql::Expr& rule);

const sql::Expr& At(const sql::Expr& root, const ExprPath& path);
// `root` with `expr` in the place of what stands at `path`.
sql::Expr Replaced(sql::Expr root, const ExprPath& path, sql::Expr expr);
// A BOOLEAN constant.
sql::Expr TruthValue(bool value);

// The two sides of a threshold's comparison.
bool ConstantFirst(const sql::Expr& comparison);
const sql::Expr& BoundOf(const sql::Expr& comparison);
const sql::Expr& ValueOf(const sql::Expr& comparison);
// What a cast is made of, through all of them.
const sql::Expr& WithoutCasts(const sql::Expr& expr);

// Of an exact number or a DOUBLE.
double ToDouble(const table::Datum& value, const table::Type& type);

}  // namespace fuqi::decide
