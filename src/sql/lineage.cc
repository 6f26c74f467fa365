#include "sql/lineage.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "sql/lineage_internal.h"

namespace fuqi::sql {
namespace {

using internal::Add;
using internal::Inputs;
using internal::Through;
using Kind = Expr::Kind;

// What is known of a column of a level's input.
struct Known {
  Inputs inputs;
  std::vector<std::string> windows;
};

class Tracer {
 public:
  Tracer(const Level& level, const std::vector<const Known*>& columns)
      : level_(level), columns_(columns) {}

  Known Trace(const Expr& expr) {
    Walk(expr, Influence::kIdentity);
    return std::move(out_);
  }

 private:
  void Walk(const Expr& expr, Influence how) {
    if (expr.kind == Kind::kColumn) {
      AddColumn(expr.column, how);
    } else if (expr.kind == Kind::kWindow) {
      WalkWindow(level_.windows[expr.column], how);
    } else {
      for (size_t i = 0; i < expr.children.size(); ++i) {
        if (Decides(expr, i)) {
          Walk(expr.children[i], Through(how, Influence::kConditional));
        }
        if (!IsCondition(expr, i)) {
          Walk(expr.children[i], Through(how, Influence::kTransformation));
        }
      }
    }
  }

  // The conditions of CASE, which give no value of their own.
  static bool IsCondition(const Expr& expr, size_t child) {
    return expr.kind == Kind::kCase && child % 2 == 0 && child + 1 < expr.children.size();
  }
  // Conditions, and the arguments of COALESCE that may keep a later one from counting.
  static bool Decides(const Expr& expr, size_t child) {
    return IsCondition(expr, child) ||
           (expr.kind == Kind::kCoalesce && child + 1 < expr.children.size());
  }

  void WalkWindow(const Window& window, Influence how) {
    const bool by = window.function == "arg_max" || window.function == "arg_min";
    const bool picks =
        by || window.function == "lag" || window.function == "first" || window.function == "last";
    for (size_t i = 0; i < window.args.size(); ++i) {
      Walk(window.args[i], Through(how, by && i == 1 ? Influence::kSort
                                                     : (picks ? Influence::kTransformation
                                                              : Influence::kAggregation)));
    }
    if (window.filter) {
      Walk(*window.filter, Through(how, Influence::kFilter));
    }
    for (const Expr& partition : window.partitions) {
      Walk(partition, Through(how, Influence::kWindow));
    }
    AddColumn(level_.time, Through(how, Influence::kWindow));
    AddWindow(ToSql(window, level_.input, level_.time));
  }

  void AddColumn(int column, Influence how) {
    Add(out_.inputs, columns_[column]->inputs, how);
    for (const std::string& window : columns_[column]->windows) {
      AddWindow(window);
    }
  }

  void AddWindow(std::string sql) {
    if (std::find(out_.windows.begin(), out_.windows.end(), sql) == out_.windows.end()) {
      out_.windows.push_back(std::move(sql));
    }
  }

  const Level& level_;
  const std::vector<const Known*>& columns_;
  Known out_;
};

}  // namespace

std::string_view InfluenceName(Influence influence) {
  constexpr std::string_view kNames[] = {"IDENTITY", "TRANSFORMATION", "AGGREGATION",
                                         "JOIN",     "GROUP_BY",       "FILTER",
                                         "SORT",     "WINDOW",         "CONDITIONAL"};
  return kNames[static_cast<size_t>(influence)];
}

std::vector<ColumnLineage> LineageOf(std::span<const Level> levels, const table::Schema& events) {
  std::map<std::string, Known> known;
  for (const table::Column& column : events) {
    known[column.name] = {{{"", column.name, Influence::kIdentity}}, {}};
  }
  std::vector<ColumnLineage> lineage;
  for (const Level& level : levels) {
    std::vector<const Known*> columns;
    for (const table::Column& column : level.input) {
      const auto found = known.find(column.name);
      FUQI_CHECK(found != known.end());
      columns.push_back(&found->second);
    }
    for (const Level::Output& output : level.outputs) {
      const Known& traced = known[output.name] = Tracer(level, columns).Trace(output.expr);
      lineage.push_back(
          {output.name, {traced.inputs.begin(), traced.inputs.end()}, traced.windows, true});
    }
  }
  return lineage;
}

std::string ToOpenLineage(std::span<const ColumnLineage> lineage, std::string_view name_space,
                          std::string_view events) {
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
  for (const ColumnLineage& column : lineage) {
    nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
    const ColumnLineage::Input* last = nullptr;
    for (const ColumnLineage::Input& input : column.inputs) {
      if (last == nullptr || last->table != input.table || last->column != input.column) {
        inputs.push_back({{"namespace", name_space},
                          {"name", input.table.empty() ? events : std::string_view(input.table)},
                          {"field", input.column},
                          {"transformations", nlohmann::ordered_json::array()}});
      }
      last = &input;
      inputs.back()["transformations"].push_back(
          {{"type", IsDirect(input.influence) ? "DIRECT" : "INDIRECT"},
           {"subtype", InfluenceName(input.influence)},
           {"description", column.resolved ? "" : "unresolved: every column in reach counts"},
           {"masking", false}});
    }
    fields[column.output] = {{"inputFields", std::move(inputs)}};
  }
  const nlohmann::ordered_json facet = {
      {"_producer", "urn:fuqi:sql"},
      {"_schemaURL",
       "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/"
       "ColumnLineageDatasetFacet"},
      {"fields", std::move(fields)}};
  return nlohmann::ordered_json{{"columnLineage", facet}}.dump(2);
}

}  // namespace fuqi::sql
