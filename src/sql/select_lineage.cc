#include <map>
#include <optional>

#include "sql/lineage_internal.h"
#include "sql/statement_internal.h"
#include "table/binder.h"

namespace fuqi::sql {
namespace {

using internal::Add;
using internal::Inputs;
using internal::IsTrue;
using internal::ItemsOf;
using internal::Json;
using internal::Member;
using internal::NumberOf;
using internal::TextOf;
using internal::Through;

constexpr int kMaxDepth = 600;

// What a node of the plan gives: the inputs of each column, and those that decide about its rows.
struct Relation {
  std::vector<Inputs> columns;
  Inputs rows;
};

// Walks DuckDB's unoptimised logical plan upwards from its scans. Gives nothing as soon as anything
// is not understood.
class PlanTracer {
 public:
  std::optional<Relation> Trace(const Json& node) {
    if (++depth_ > kMaxDepth) {
      return std::nullopt;
    }
    std::optional<Relation> relation = Dispatch(node);
    --depth_;
    return relation;
  }

 private:
  using Maybe = std::optional<Relation>;

  Maybe Dispatch(const Json& node) {
    const std::string type = TextOf(node, "type");
    // Without the optimiser none is pruned; one that is would shift columns.
    for (const char* map :
         {"projection_map", "left_projection_map", "right_projection_map", "projections"}) {
      if (!ItemsOf(node, map).empty()) {
        return std::nullopt;
      }
    }
    using Handler = Maybe (PlanTracer::*)(const Json&);
    static const std::map<std::string_view, Handler> kHandlers = {
        {"LOGICAL_GET", &PlanTracer::Get},
        {"LOGICAL_DUMMY_SCAN", &PlanTracer::Dummy},
        {"LOGICAL_EXPRESSION_GET", &PlanTracer::Values},
        {"LOGICAL_PROJECTION", &PlanTracer::Projection},
        {"LOGICAL_FILTER", &PlanTracer::Filter},
        {"LOGICAL_AGGREGATE_AND_GROUP_BY", &PlanTracer::Aggregate},
        {"LOGICAL_WINDOW", &PlanTracer::Appending},
        {"LOGICAL_UNNEST", &PlanTracer::Appending},
        {"LOGICAL_ORDER_BY", &PlanTracer::Order},
        {"LOGICAL_LIMIT", &PlanTracer::Limit},
        {"LOGICAL_DISTINCT", &PlanTracer::Distinct},
        {"LOGICAL_COMPARISON_JOIN", &PlanTracer::Join},
        {"LOGICAL_ASOF_JOIN", &PlanTracer::Join},
        {"LOGICAL_ANY_JOIN", &PlanTracer::Join},
        {"LOGICAL_CROSS_PRODUCT", &PlanTracer::Join},
        {"LOGICAL_DELIM_JOIN", &PlanTracer::Join},
        {"LOGICAL_DELIM_GET", &PlanTracer::DelimGet},
        {"LOGICAL_UNION", &PlanTracer::SetOperation},
        {"LOGICAL_EXCEPT", &PlanTracer::SetOperation},
        {"LOGICAL_INTERSECT", &PlanTracer::SetOperation},
        {"LOGICAL_MATERIALIZED_CTE", &PlanTracer::Cte},
        {"LOGICAL_CTE_REF", &PlanTracer::CteReference},
    };
    const auto handler = kHandlers.find(type);
    return handler == kHandlers.end() ? std::nullopt : (this->*handler->second)(node);
  }

  Maybe Child(const Json& node, size_t index, size_t count) {
    const Json::array_t& children = ItemsOf(node, "children");
    return children.size() == count ? Trace(children[index]) : std::nullopt;
  }

  // ---- Expressions over the columns of `from`.

  // False where one refers to what is not there.
  bool Walk(const Json& expr, const std::vector<Inputs>& from, Influence how, Inputs& out) {
    if (++depth_ > kMaxDepth) {
      return false;
    }
    const bool walked = WalkClass(expr, from, how, out);
    --depth_;
    return walked;
  }

  bool WalkClass(const Json& expr, const std::vector<Inputs>& from, Influence how, Inputs& out) {
    const std::string cls = TextOf(expr, "expression_class");
    if (cls == "BOUND_REF") {
      const int64_t index = NumberOf(expr, "index", -1);
      if (index < 0 || index >= static_cast<int64_t>(from.size())) {
        return false;
      }
      Add(out, from[index], how);
      return true;
    }
    if (cls == "BOUND_COLUMN_REF" || cls == "BOUND_SUBQUERY") {
      return false;
    }
    const bool aggregates = cls == "BOUND_AGGREGATE" ||
                            (cls == "BOUND_WINDOW" && TextOf(expr, "type") == "WINDOW_AGGREGATE");
    const Influence value = aggregates ? Influence::kAggregation : Influence::kTransformation;
    const bool coalesce = TextOf(expr, "type") == "OPERATOR_COALESCE";
    // Every expression beneath this one, by the member that it stands in.
    for (const auto& [key, member] : expr.items()) {
      Influence inner = value;
      if (key == "filter" || key == "filters") {
        inner = Influence::kFilter;
      } else if (key == "partitions" || key == "orders" || key == "start_expr" ||
                 key == "end_expr" || key == "offset_expr") {
        inner = Influence::kWindow;
      } else if (key == "order_bys" || key == "arg_orders") {
        inner = Influence::kSort;
      }
      if (!WalkMember(member, from, Through(how, inner), out) ||
          (coalesce && key == "children" &&
           !WalkMember(member, from, Through(how, Influence::kConditional), out))) {
        return false;
      }
    }
    return true;
  }

  // Expressions at any depth of lists and plain objects (CASE branches, ORDER BY terms).
  bool WalkMember(const Json& member, const std::vector<Inputs>& from, Influence how, Inputs& out) {
    if (member.is_object() && member.contains("expression_class")) {
      return Walk(member, from, how, out);
    }
    if (!member.is_object() && !member.is_array()) {
      return true;
    }
    if (++depth_ > kMaxDepth) {
      return false;
    }
    for (const auto& [key, item] : member.items()) {
      const Influence inner = key == "when_expr" ? Influence::kConditional : Influence::kIdentity;
      if (!WalkMember(item, from, Through(how, inner), out)) {
        return false;
      }
    }
    --depth_;
    return true;
  }

  bool WalkAll(const Json& node, const char* key, const std::vector<Inputs>& from, Influence how,
               Inputs& out) {
    const Json* member = Member(node, key);
    return member == nullptr || WalkMember(*member, from, how, out);
  }

  // Each of the expressions as a column of its own.
  bool Append(const Json& node, const char* key, const std::vector<Inputs>& from,
              std::vector<Inputs>& to) {
    for (const Json& expr : ItemsOf(node, key)) {
      Inputs inputs;
      if (!Walk(expr, from, Influence::kIdentity, inputs)) {
        return false;
      }
      to.push_back(std::move(inputs));
    }
    return true;
  }

  // ---- Nodes.

  Maybe Get(const Json& node) {
    const Json* data = Member(node, "function_data");
    std::string table = data == nullptr ? std::string() : TextOf(*data, "table");
    if (table.empty()) {
      table = TextOf(node, "name");
    }
    const Json::array_t& names = ItemsOf(node, "names");
    if (!ItemsOf(node, "children").empty() || !ItemsOf(node, "projection_ids").empty()) {
      return std::nullopt;
    }
    Relation relation;
    for (const Json& index : ItemsOf(node, "column_indexes")) {
      const int64_t i = NumberOf(index, "index", -1);
      Inputs inputs;
      // Anything else is the row's number.
      if (i >= 0 && i < static_cast<int64_t>(names.size()) && names[i].is_string()) {
        inputs.insert({table, names[i].get<std::string>(), Influence::kIdentity});
      }
      relation.columns.push_back(std::move(inputs));
    }
    return relation;
  }

  Maybe Dummy(const Json&) { return Relation{{Inputs()}, {}}; }

  Maybe Values(const Json& node) {
    Relation relation;
    relation.columns.resize(ItemsOf(node, "expr_types").size());
    for (const Json& row : ItemsOf(node, "expressions")) {
      size_t i = 0;
      for (const Json& expr : row) {
        if (i == relation.columns.size() ||
            !Walk(expr, {Inputs()}, Influence::kIdentity, relation.columns[i])) {
          return std::nullopt;
        }
        ++i;
      }
    }
    return relation;
  }

  Maybe Projection(const Json& node) {
    Maybe child = Child(node, 0, 1);
    Relation relation;
    if (!child || !Append(node, "expressions", child->columns, relation.columns)) {
      return std::nullopt;
    }
    relation.rows = std::move(child->rows);
    return relation;
  }

  // Keeps the child's columns; the expressions under `key` decide about rows.
  Maybe Deciding(const Json& node, const char* key, Influence how) {
    Maybe child = Child(node, 0, 1);
    if (!child || !WalkAll(node, key, child->columns, how, child->rows)) {
      return std::nullopt;
    }
    return child;
  }
  Maybe Filter(const Json& node) { return Deciding(node, "expressions", Influence::kFilter); }
  Maybe Order(const Json& node) { return Deciding(node, "orders", Influence::kSort); }

  Maybe Limit(const Json& node) {
    Maybe child = Child(node, 0, 1);
    for (const char* key : {"limit_val", "offset_val"}) {
      if (!child || !WalkAll(node, key, child->columns, Influence::kFilter, child->rows)) {
        return std::nullopt;
      }
    }
    return child;
  }

  Maybe Distinct(const Json& node) {
    Maybe child = Child(node, 0, 1);
    if (!child ||
        !WalkAll(node, "distinct_targets", child->columns, Influence::kGroupBy, child->rows) ||
        !WalkAll(node, "order_by", child->columns, Influence::kSort, child->rows)) {
      return std::nullopt;
    }
    return child;
  }

  Maybe Aggregate(const Json& node) {
    Maybe child = Child(node, 0, 1);
    Relation relation;
    if (!child || !Append(node, "groups", child->columns, relation.columns) ||
        !WalkAll(node, "groups", child->columns, Influence::kGroupBy, child->rows) ||
        !Append(node, "expressions", child->columns, relation.columns)) {
      return std::nullopt;
    }
    relation.columns.resize(relation.columns.size() + ItemsOf(node, "grouping_functions").size());
    relation.rows = std::move(child->rows);
    return relation;
  }

  Maybe Appending(const Json& node) {
    Maybe child = Child(node, 0, 1);
    if (!child) {
      return std::nullopt;
    }
    const std::vector<Inputs> from = child->columns;
    return Append(node, "expressions", from, child->columns) ? std::move(child) : std::nullopt;
  }

  Maybe Join(const Json& node) {
    const std::string type = TextOf(node, "join_type");
    const bool delim = TextOf(node, "type") == "LOGICAL_DELIM_JOIN";
    Maybe left = Child(node, 0, 2);
    if (!left || IsTrue(node, "delim_flipped")) {
      return std::nullopt;
    }
    if (delim) {
      delims_.emplace_back();
      if (!Append(node, "duplicate_eliminated_columns", left->columns, delims_.back())) {
        return std::nullopt;
      }
    }
    Maybe right = Child(node, 1, 2);
    if (!right) {
      return std::nullopt;
    }
    if (delim) {
      delims_.pop_back();
    }
    std::vector<Inputs> both = left->columns;
    both.insert(both.end(), right->columns.begin(), right->columns.end());
    Inputs conditions;
    for (const Json& condition : ItemsOf(node, "conditions")) {
      if (!WalkAll(condition, "left", left->columns, Influence::kJoin, conditions) ||
          !WalkAll(condition, "right", right->columns, Influence::kJoin, conditions)) {
        return std::nullopt;
      }
    }
    for (const char* key : {"condition", "predicate"}) {
      if (!WalkAll(node, key, both, Influence::kJoin, conditions)) {
        return std::nullopt;
      }
    }
    Relation relation;
    relation.rows = std::move(left->rows);
    Add(relation.rows, right->rows, Influence::kIdentity);
    if (type == "MARK") {
      // One more column says whether there was a match.
      relation.columns = std::move(left->columns);
      relation.columns.push_back(std::move(conditions));
      return relation;
    }
    Add(relation.rows, conditions, Influence::kIdentity);
    if (type == "SEMI" || type == "ANTI") {
      relation.columns = std::move(left->columns);
    } else if (type.empty() || type == "INNER" || type == "LEFT" || type == "RIGHT" ||
               type == "OUTER" || type == "SINGLE") {
      relation.columns = std::move(both);
    } else {
      return std::nullopt;
    }
    return relation;
  }

  Maybe DelimGet(const Json& node) {
    if (delims_.empty() || ItemsOf(node, "chunk_types").size() != delims_.back().size()) {
      return std::nullopt;
    }
    return Relation{delims_.back(), {}};
  }

  Maybe SetOperation(const Json& node) {
    Relation relation;
    const bool is_union = TextOf(node, "type") == "LOGICAL_UNION";
    const Json::array_t& children = ItemsOf(node, "children");
    for (size_t i = 0; i < children.size(); ++i) {
      Maybe child = Trace(children[i]);
      if (!child || (i > 0 && child->columns.size() != relation.columns.size())) {
        return std::nullopt;
      }
      relation.columns.resize(child->columns.size());
      Add(relation.rows, child->rows, Influence::kIdentity);
      for (size_t k = 0; k < child->columns.size(); ++k) {
        Add(relation.columns[k], child->columns[k], Influence::kIdentity);
        if (!is_union || !IsTrue(node, "setop_all")) {
          Add(relation.rows, child->columns[k], Influence::kFilter);
        }
      }
    }
    return relation;
  }

  Maybe Cte(const Json& node) {
    Maybe definition = Child(node, 0, 2);
    if (!definition) {
      return std::nullopt;
    }
    ctes_[NumberOf(node, "table_index", -1)] = *std::move(definition);
    return Child(node, 1, 2);
  }

  Maybe CteReference(const Json& node) {
    const auto found = ctes_.find(NumberOf(node, "cte_index", -1));
    return found == ctes_.end() || IsTrue(node, "is_recurring") ? std::nullopt
                                                                : Maybe(found->second);
  }

  std::map<int64_t, Relation> ctes_;
  std::vector<std::vector<Inputs>> delims_;
  int depth_ = 0;
};

}  // namespace

std::optional<std::vector<Inputs>> internal::TracePlan(const Json& plan) {
  std::optional<Relation> relation = PlanTracer().Trace(plan);
  if (!relation) {
    return std::nullopt;
  }
  for (Inputs& column : relation->columns) {
    Add(column, relation->rows, Influence::kIdentity);
  }
  return std::move(relation->columns);
}

Result<std::vector<ColumnLineage>> LineageOfSelect(table::Binder& binder,
                                                   const table::Schema& schema,
                                                   std::string_view table_name,
                                                   std::string_view sql, int64_t* error_at) {
  FUQI_ASSIGN_OR_RETURN(const table::Schema outputs,
                        binder.DescribeQuery(schema, table_name, sql, error_at));
  FUQI_ASSIGN_OR_RETURN(const std::string plan,
                        binder.BoundPlan(schema, table_name, sql, error_at));
  FUQI_ASSIGN_OR_RETURN(const Json json, internal::ParseJson(plan));
  const Json::array_t& plans = ItemsOf(json, "plans");
  std::optional<std::vector<Inputs>> traced;
  if (plans.size() == 1) {
    traced = internal::TracePlan(plans[0]);
  }
  const bool resolved = traced && traced->size() == outputs.size();

  Inputs everything;
  for (const table::Column& column : schema) {
    everything.insert({std::string(table_name), column.name, Influence::kTransformation});
  }
  std::vector<ColumnLineage> lineage;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Inputs& inputs = resolved ? (*traced)[i] : everything;
    lineage.push_back({outputs[i].name, {inputs.begin(), inputs.end()}, {}, resolved});
  }
  return lineage;
}

}  // namespace fuqi::sql
