#include "decide/threshold.h"

#include "base/decimal.h"

namespace fuqi::decide {
namespace {

using Kind = sql::Expr::Kind;

bool IsConstant(const sql::Expr& expr) { return WithoutCasts(expr).kind == Kind::kConstant; }

bool IsThreshold(const sql::Expr& expr) {
  const bool is_number =
      !expr.children.empty() && (expr.children[0].type.is_exact_number() ||
                                 expr.children[0].type.id == table::TypeId::kDouble);
  return expr.kind == Kind::kCompare && is_number &&
         IsConstant(expr.children[0]) != IsConstant(expr.children[1]);
}

void Find(const sql::Expr& expr, ExprPath& path, std::vector<ExprPath>& out) {
  if (IsThreshold(expr)) {
    out.push_back(path);
    return;
  }
  const bool is_case = expr.kind == Kind::kCase;
  if (expr.kind == Kind::kAnd || expr.kind == Kind::kOr || expr.kind == Kind::kNot || is_case) {
    for (size_t i = 0; i < expr.children.size(); ++i) {
      const bool is_test = is_case && i % 2 == 0 && i + 1 < expr.children.size();
      if (!is_test) {
        path.push_back(i);
        Find(expr.children[i], path, out);
        path.pop_back();
      }
    }
  }
}

}  // namespace

std::vector<ExprPath> FindThresholds(const sql::Expr& rule) {
  std::vector<ExprPath> found;
  ExprPath path;
  Find(rule, path, found);
  return found;
}

const sql::Expr& At(const sql::Expr& root, const ExprPath& path) {
  const sql::Expr* expr = &root;
  for (size_t child : path) {
    expr = &expr->children[child];
  }
  return *expr;
}

sql::Expr Replaced(sql::Expr root, const ExprPath& path, sql::Expr expr) {
  sql::Expr* place = &root;
  for (size_t child : path) {
    place = &place->children[child];
  }
  *place = std::move(expr);
  return root;
}

sql::Expr TruthValue(bool value) {
  sql::Expr constant;
  constant.type = {table::TypeId::kBoolean};
  constant.constant.Append(table::Datum::Bool(value));
  return constant;
}

const sql::Expr& WithoutCasts(const sql::Expr& expr) {
  return expr.kind == Kind::kCast ? WithoutCasts(expr.children[0]) : expr;
}

bool ConstantFirst(const sql::Expr& comparison) { return IsConstant(comparison.children[0]); }
const sql::Expr& BoundOf(const sql::Expr& comparison) {
  return comparison.children[ConstantFirst(comparison) ? 0 : 1];
}
const sql::Expr& ValueOf(const sql::Expr& comparison) {
  return comparison.children[ConstantFirst(comparison) ? 1 : 0];
}

double ToDouble(const table::Datum& value, const table::Type& type) {
  if (value.kind == table::Datum::Kind::kDouble) {
    return value.d;
  }
  return static_cast<double>(value.i) /
         static_cast<double>(kPowersOfTen[type.id == table::TypeId::kDecimal ? type.scale : 0]);
}

}  // namespace fuqi::decide
