#include <functional>
#include <vector>

#include "sql/clash_internal.h"

namespace fuqi::sql::internal {
namespace {

using table::Datum;

// Equal as DuckDB compares, a month having 30 days, but not in months; or zeros of two signs.
bool Clash(const Datum& a, const Datum& b) {
  if (a.kind != b.kind) {
    return false;
  }
  if (a.kind == Datum::Kind::kDouble) {
    return a.d == b.d && !table::Identical(a, b);
  }
  if (a.kind != Datum::Kind::kInterval) {
    return false;
  }
  const auto length = [](const table::Interval& interval) {
    constexpr int128 kDayUs = 86'400'000'000;
    return (int128{interval.months} * 30 + interval.days) * kDayUs + interval.micros;
  };
  return length(a.interval) == length(b.interval) && a.interval.months != b.interval.months;
}

void Collect(const Expr& expr, const Level& level, std::vector<Datum>& constants) {
  // Constants of other kinds never clash, and a decision table has thousands.
  if (expr.kind == Expr::Kind::kConstant && (expr.constant[0].kind == Datum::Kind::kDouble ||
                                             expr.constant[0].kind == Datum::Kind::kInterval)) {
    constants.push_back(expr.constant[0]);
  }
  for (const Expr& child : expr.children) {
    Collect(child, level, constants);
  }
  if (expr.kind != Expr::Kind::kWindow) {
    return;
  }
  const Window& window = level.windows[expr.column];
  for (const auto* exprs : {&window.args, &window.partitions}) {
    for (const Expr& child : *exprs) {
      Collect(child, level, constants);
    }
  }
  for (const auto* one : {&window.filter, &window.fallback, &window.parameter}) {
    if (*one) {
      Collect(**one, level, constants);
    }
  }
  constants.push_back(Datum::Of({.months = window.length_months, .micros = window.length_us}));
  constants.push_back(Datum::Of({.micros = window.gap_us}));
}

}  // namespace

bool Clash(const Expr& a, const Level& a_level, const Expr& b, const Level& b_level) {
  std::vector<Datum> first;
  std::vector<Datum> second;
  Collect(a, a_level, first);
  Collect(b, b_level, second);
  for (const Datum& x : first) {
    for (const Datum& y : second) {
      if (Clash(x, y)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace fuqi::sql::internal
