#pragma once

// Which columns a result depends on, and how: directly (its value is made of theirs) or indirectly
// (they decide which rows count, or which branch is taken). Unsure means yes: what cannot be
// resolved depends on every column in reach and says so.
//
// The kinds of influence and the JSON are those of OpenLineage's column lineage facet 1-2-0.

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/expr.h"
#include "table/type.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::sql {

enum class Influence : uint8_t {
  // Direct, the stronger change later.
  kIdentity,
  kTransformation,
  kAggregation,
  // Indirect.
  kJoin,
  kGroupBy,
  kFilter,
  kSort,
  kWindow,
  kConditional,
};
inline bool IsDirect(Influence influence) { return influence <= Influence::kAggregation; }
// "AGGREGATION"
std::string_view InfluenceName(Influence influence);

struct ColumnLineage {
  struct Input {
    std::string table;  // empty: the event table
    std::string column;
    Influence influence;
    friend auto operator<=>(const Input&, const Input&) = default;
  };

  std::string output;
  std::vector<Input> inputs;         // each once, in order
  std::vector<std::string> windows;  // that it looks through, as SQL
  bool resolved = true;              // false: depends on everything, since nobody knows better
};

// Of every output of the levels, down to the columns of `events`. A level's input is columns of
// `events` and outputs of the levels before it.
std::vector<ColumnLineage> LineageOf(std::span<const Level> levels, const table::Schema& events);

// Of the outputs of a SELECT over `table_name`. Errors as Binder::BoundPlan's.
Result<std::vector<ColumnLineage>> LineageOfSelect(table::Binder& binder,
                                                   const table::Schema& schema,
                                                   std::string_view table_name,
                                                   std::string_view sql,
                                                   int64_t* error_at = nullptr);

// The columnLineage facet, JSON. `events`: the name of the table that has none.
std::string ToOpenLineage(std::span<const ColumnLineage> lineage, std::string_view name_space,
                          std::string_view events);

}  // namespace fuqi::sql
