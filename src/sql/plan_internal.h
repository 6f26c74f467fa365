#pragma once

// Reads DuckDB's bound plan of one item into the typed tree. Not for others.

#include <utility>
#include <vector>

#include "sql/expr.h"
#include "sql/statement_internal.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::sql::internal {

// The statement `SELECT *, <item> AS … FROM <events> [WINDOW …]` whose plan is read.
struct PlanContext {
  table::Binder& binder;  // folds constants
  const Statement& statement;
  const table::Schema& input;
  int time;
  // Where users wrote casts.
  std::vector<std::pair<const Fragment*, Position>> casts;
};

struct BoundItem {
  Expr expr;
  std::vector<Window> windows;  // as kWindow nodes count them
};

// Total: a plan of another shape gives kUnsupported. Errors are placed.
Result<BoundItem> ReadPlan(const PlanContext& context, const Json& plans);

// A bound or parsed constant's type and value.
Result<table::Type> ReadType(const Json* type);
Result<Expr> ReadConstant(const Json& node);

}  // namespace fuqi::sql::internal
