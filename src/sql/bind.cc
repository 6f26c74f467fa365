#include "sql/bind.h"

#include <algorithm>
#include <string>

#include "base/nearest.h"
#include "sql/clash_internal.h"
#include "sql/parsed_tree.h"
#include "sql/plan_internal.h"
#include "sql/statement_internal.h"
#include "table/binder.h"

namespace fuqi::sql {
namespace {

using internal::BoundItem;
using internal::Statement;

Result<void> CheckColumns(const Fragment& fragment, const std::vector<Reference>& columns,
                          const table::Schema& input) {
  for (const Reference& column : columns) {
    if (table::FindColumn(input, column.name) >= 0) {
      continue;
    }
    const auto nearest = NearestName(column.name, input, &table::Column::name);
    return fragment.At(
        column.position,
        nearest ? Err(ErrorCode::kNotFound,
                      "there is no column or feature \"{}\"; did you mean \"{}\"?", column.name,
                      *nearest)
                : Err(ErrorCode::kNotFound, "there is no column or feature \"{}\"", column.name));
  }
  return {};
}

// Names that batch forms give to columns of their own.
bool IsReserved(std::string_view name) { return table::SameName(name.substr(0, 5), "fuqi_"); }

void Renumber(Expr& expr, const std::vector<int>& windows) {
  if (expr.kind == Expr::Kind::kWindow) {
    expr.column = windows[expr.column];
  }
  for (Expr& child : expr.children) {
    Renumber(child, windows);
  }
}

// Adds the item's windows to the level's, each meaning once.
void AddItem(BoundItem item, const std::string& name, Level& level) {
  std::vector<int> numbers;
  for (Window& window : item.windows) {
    const auto same = std::find_if(level.windows.begin(), level.windows.end(),
                                   [&](const Window& known) { return SameWindow(known, window); });
    numbers.push_back(static_cast<int>(same - level.windows.begin()));
    if (same == level.windows.end()) {
      level.windows.push_back(std::move(window));
    }
  }
  Renumber(item.expr, numbers);
  level.outputs.push_back({name, std::move(item.expr)});
}

Result<BoundItem> BindItem(table::Binder& binder, const table::Schema& input, int time,
                           const Fragment& item, std::span<const Fragment> windows,
                           std::span<const std::string> window_names) {
  FUQI_ASSIGN_OR_RETURN(const ParsedExpression parsed, ParseExpression(binder, item, window_names));
  FUQI_RETURN_IF_ERROR(CheckColumns(item, parsed.columns, input));

  Statement statement(item);
  internal::PlanContext context{binder, statement, input, time, {}};
  for (Position cast : parsed.casts) {
    context.casts.emplace_back(&item, cast);
  }
  statement << "SELECT *, " << item << " AS " << table::QuoteName(item.name) << " FROM "
            << internal::kEvents;
  bool first = true;
  for (const Fragment& window : windows) {
    const bool used =
        std::any_of(parsed.windows.begin(), parsed.windows.end(),
                    [&](const Reference& use) { return table::SameName(use.name, window.name); });
    if (!used) {
      continue;
    }
    FUQI_ASSIGN_OR_RETURN(const ParsedWindow definition,
                          ParseWindow(binder, window, input[time].name));
    FUQI_RETURN_IF_ERROR(CheckColumns(window, definition.expression.columns, input));
    for (Position cast : definition.expression.casts) {
      context.casts.emplace_back(&window, cast);
    }
    statement << (first ? " WINDOW " : ", ") << table::QuoteName(window.name) << " AS " << window;
    first = false;
  }

  int64_t at = -1;
  Result<std::string> plan = binder.BoundPlan(input, internal::kEvents, statement.sql(), &at);
  if (!plan.has_value()) {
    return statement.At(at, std::move(plan).error());
  }
  Result<internal::Json> json = internal::ParseJson(*plan);
  if (!json.has_value()) {
    return statement.At(-1, std::move(json).error());
  }
  return internal::ReadPlan(context, *json);
}

}  // namespace

Result<Level> BindLevel(table::Binder& binder, const table::Schema& input, int time,
                        std::span<const Fragment> items, std::span<const Fragment> windows) {
  if (time < 0 || time >= static_cast<int>(input.size()) ||
      input[time].type.id != table::TypeId::kTimestamp) {
    return Err(ErrorCode::kTypeMismatch, "the time column of events is a TIMESTAMP");
  }
  std::vector<std::string> window_names;
  for (const Fragment& window : windows) {
    window_names.push_back(window.name);
  }
  for (const table::Column& column : input) {
    if (IsReserved(column.name)) {
      return Err(ErrorCode::kInvalidArgument, "the name \"{}\" begins as Fuqi's own do, fuqi_",
                 column.name);
    }
  }
  if (input.size() + items.size() > kMaxColumns) {
    return Err(ErrorCode::kResourceExhausted,
               "there are {} columns and expressions; at most {} are bound",
               input.size() + items.size(), kMaxColumns);
  }
  Level level;
  level.input = input;
  level.time = time;
  for (const Fragment& item : items) {
    if (IsReserved(item.name)) {
      return item.At(-1, Err(ErrorCode::kInvalidArgument,
                             "the name \"{}\" begins as Fuqi's own do, fuqi_", item.name));
    }
    const bool taken =
        table::FindColumn(input, item.name) >= 0 ||
        std::any_of(level.outputs.begin(), level.outputs.end(), [&](const Level::Output& output) {
          return table::SameName(output.name, item.name);
        });
    if (taken) {
      return item.At(
          -1, Err(ErrorCode::kAlreadyExists,
                  "the name \"{}\" is taken: a column or an earlier expression has it", item.name));
    }
    FUQI_ASSIGN_OR_RETURN(BoundItem bound,
                          BindItem(binder, input, time, item, windows, window_names));
    AddItem(std::move(bound), item.name, level);
    const Expr& expr = level.outputs.back().expr;
    if (internal::Clash(expr, level, expr, level)) {
      return item.At(-1,
                     Err(ErrorCode::kUnsupported,
                         "DuckDB takes constants that compare equal for one, such as INTERVAL 1 "
                         "MONTH and INTERVAL 30 DAYS: write two expressions"));
    }
  }
  return level;
}

table::Schema OutputSchema(const Level& level) {
  table::Schema schema;
  for (const Level::Output& output : level.outputs) {
    schema.push_back({output.name, output.expr.type});
  }
  return schema;
}

}  // namespace fuqi::sql
