#include "sql/expr.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::TypeId;

bool SameAll(const std::vector<Expr>& a, const std::vector<Expr>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameExpr);
}

bool SameOptional(const std::optional<Expr>& a, const std::optional<Expr>& b) {
  return a.has_value() == b.has_value() && (!a || SameExpr(*a, *b));
}

bool SameConstant(const table::Row& a, const table::Row& b) {
  return std::equal(a.values().begin(), a.values().end(), b.values().begin(), b.values().end(),
                    [](const Datum& x, const Datum& y) { return table::Identical(x, y); });
}

std::string ConstantSql(const Datum& value, table::Type type) {
  if (value.is_null()) {
    return fmt::format("CAST(NULL AS {})", type.ToString());
  }
  if (value.kind == Datum::Kind::kInterval) {
    const table::Interval& interval = value.interval;
    return fmt::format("(to_months({}) + to_days({}) + to_microseconds({}))", interval.months,
                       interval.days, interval.micros);
  }
  const std::string text = table::QuoteText(table::ToText(value, type));
  return type.id == TypeId::kVarchar ? text : fmt::format("CAST({} AS {})", text, type.ToString());
}

std::string Join(const std::vector<Expr>& children, size_t from, std::string_view separator,
                 const table::Schema& input) {
  std::string joined;
  for (size_t i = from; i < children.size(); ++i) {
    joined += (i == from ? "" : std::string(separator)) + ToSql(children[i], input);
  }
  return joined;
}

bool IsOperator(std::string_view name) {
  return name.find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string_view::npos;
}

std::string CallSql(const Expr& expr, const table::Schema& input) {
  std::string_view name = expr.name;
  if (name == "timezone" && expr.children.size() == 3) {
    return fmt::format("timezone({}, timezone({}, {}))", ToSql(expr.children[0], input),
                       ToSql(expr.children[1], input), ToSql(expr.children[2], input));
  }
  if (!IsOperator(name)) {
    return fmt::format("{}({})", name, Join(expr.children, 0, ", ", input));
  }
  if (expr.children.size() == 1) {
    return fmt::format("({} {})", name, ToSql(expr.children[0], input));
  }
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"~~", "LIKE"}, {"!~~", "NOT LIKE"}, {"~~*", "ILIKE"}, {"!~~*", "NOT ILIKE"}};
  for (const auto& [sign, word] : kWords) {
    name = name == sign ? word : name;
  }
  return fmt::format("({})", Join(expr.children, 0, fmt::format(" {} ", name), input));
}

std::string CaseSql(const Expr& expr, const table::Schema& input) {
  std::string text = "CASE";
  const size_t branches = expr.children.size() / 2;
  for (size_t i = 0; i < branches; ++i) {
    text += fmt::format(" WHEN {} THEN {}", ToSql(expr.children[2 * i], input),
                        ToSql(expr.children[2 * i + 1], input));
  }
  return fmt::format("{} ELSE {} END", text, ToSql(expr.children.back(), input));
}

std::string LengthSql(int32_t months, int64_t us) {
  constexpr std::pair<int64_t, std::string_view> kUnits[] = {{86'400'000'000, "days"},
                                                             {3'600'000'000, "hours"},
                                                             {60'000'000, "minutes"},
                                                             {1'000'000, "seconds"},
                                                             {1, "microseconds"}};
  const auto* unit = kUnits;
  while (us % unit->first != 0) {
    ++unit;
  }
  if (months == 0) {
    return fmt::format("INTERVAL '{} {}'", us / unit->first, unit->second);
  }
  return us == 0
             ? fmt::format("INTERVAL '{} months'", months)
             : fmt::format("INTERVAL '{} months {} {}'", months, us / unit->first, unit->second);
}

std::string FrameSql(const Window& window) {
  const bool rows = window.frame == Window::Frame::kRows || window.gap_rows > 0;
  if (window.frame == Window::Frame::kUnbounded && window.ends_here()) {
    return "";
  }
  const std::string start = window.frame == Window::Frame::kUnbounded
                                ? "UNBOUNDED"
                                : (rows ? fmt::format("{}", window.rows)
                                        : LengthSql(window.length_months, window.length_us));
  const std::string end = window.ends_here() ? "CURRENT ROW"
                                             : (rows ? fmt::format("{}", window.gap_rows)
                                                     : LengthSql(0, window.gap_us)) +
                                                   " PRECEDING";
  return fmt::format(" {} BETWEEN {} PRECEDING AND {}", rows ? "ROWS" : "RANGE", start, end);
}

// The arguments as they stand between the parentheses.
std::string ArgsSql(const Window& window, const table::Schema& input) {
  if (window.function == "count_star") {
    return "*";
  }
  std::string args = (window.distinct ? "DISTINCT " : "") + Join(window.args, 0, ", ", input);
  if (window.function == "lag" && (window.offset != 1 || window.fallback)) {
    args += fmt::format(", {}", window.offset);
  }
  for (const auto* more : {&window.fallback, &window.parameter}) {
    if (*more) {
      args += ", " + ToSql(**more, input);
    }
  }
  if (window.function == "string_agg") {
    args += " ORDER BY " + ToSql(window.args[0], input);
  }
  return args;
}

}  // namespace

bool SameExpr(const Expr& a, const Expr& b) {
  return a.kind == b.kind && a.type == b.type && a.name == b.name && a.column == b.column &&
         a.try_cast == b.try_cast && SameConstant(a.constant, b.constant) &&
         SameAll(a.children, b.children);
}

bool SameWindow(const Window& a, const Window& b) {
  return a.function == b.function && a.distinct == b.distinct && a.frame == b.frame &&
         a.length_us == b.length_us && a.length_months == b.length_months && a.rows == b.rows &&
         a.gap_us == b.gap_us && a.gap_rows == b.gap_rows && a.offset == b.offset &&
         a.type == b.type && SameAll(a.args, b.args) && SameAll(a.partitions, b.partitions) &&
         SameOptional(a.filter, b.filter) && SameOptional(a.fallback, b.fallback) &&
         SameOptional(a.parameter, b.parameter);
}

std::optional<int64_t> Window::reach_us() const {
  constexpr int64_t kLongestMonthUs = 31 * int64_t{86'400'000'000};
  int64_t reach = 0;
  if (frame != Frame::kRange || function == "lag") {
    return std::nullopt;
  }
  return __builtin_add_overflow(length_months * kLongestMonthUs, length_us, &reach) ? INT64_MAX
                                                                                    : reach;
}

std::string ToSql(const Expr& expr, const table::Schema& input) {
  const auto child = [&](size_t i) { return ToSql(expr.children[i], input); };
  switch (expr.kind) {
    case Expr::Kind::kConstant:
      return ConstantSql(expr.constant[0], expr.type);
    case Expr::Kind::kColumn:
      return table::QuoteName(input[expr.column].name);
    case Expr::Kind::kWindow:
      return fmt::format("w{}", expr.column);
    case Expr::Kind::kCast:
      return fmt::format("{}({} AS {})", expr.try_cast ? "TRY_CAST" : "CAST", child(0),
                         expr.type.ToString());
    case Expr::Kind::kCall:
      return CallSql(expr, input);
    case Expr::Kind::kCompare:
      return fmt::format("({} {} {})", child(0), expr.name, child(1));
    case Expr::Kind::kAnd:
      return fmt::format("({})", Join(expr.children, 0, " AND ", input));
    case Expr::Kind::kOr:
      return fmt::format("({})", Join(expr.children, 0, " OR ", input));
    case Expr::Kind::kNot:
      return fmt::format("(NOT {})", child(0));
    case Expr::Kind::kIsNull:
      return fmt::format("({} IS NULL)", child(0));
    case Expr::Kind::kIsNotNull:
      return fmt::format("({} IS NOT NULL)", child(0));
    case Expr::Kind::kIn:
      return fmt::format("({} IN ({}))", child(0), Join(expr.children, 1, ", ", input));
    case Expr::Kind::kNotIn:
      return fmt::format("({} NOT IN ({}))", child(0), Join(expr.children, 1, ", ", input));
    case Expr::Kind::kCase:
      return CaseSql(expr, input);
    case Expr::Kind::kCoalesce:
      return fmt::format("COALESCE({})", Join(expr.children, 0, ", ", input));
  }
  FUQI_CHECK(false);
  return {};
}

std::string ToSql(const Window& window, const table::Schema& input, int time) {
  std::string sql = fmt::format(
      "{}({})", window.function == "count_star" ? "count" : std::string_view(window.function),
      ArgsSql(window, input));
  if (window.filter) {
    sql += fmt::format(" FILTER (WHERE {})", ToSql(*window.filter, input));
  }
  sql += " OVER (";
  if (!window.partitions.empty()) {
    sql += fmt::format("PARTITION BY {} ", Join(window.partitions, 0, ", ", input));
  }
  const std::string by = time < 0 ? "" : " BY " + table::QuoteName(input[time].name);
  return sql + fmt::format("ORDER{}{})", by, FrameSql(window));
}

}  // namespace fuqi::sql
