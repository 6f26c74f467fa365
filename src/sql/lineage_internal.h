#pragma once

// Sets of influences, as lineage gathers them. Not for others.

#include <optional>
#include <set>
#include <vector>

#include "sql/lineage.h"
#include "sql/statement_internal.h"

namespace fuqi::sql::internal {

using Inputs = std::set<ColumnLineage::Input>;

// The influence on a result of something that acts by `inner` on what acts by `outer` on the
// result.
inline Influence Through(Influence outer, Influence inner) {
  if (!IsDirect(outer)) {
    return outer;
  }
  return IsDirect(inner) ? std::max(outer, inner) : inner;
}

inline void Add(Inputs& to, const Inputs& from, Influence how) {
  for (const ColumnLineage::Input& input : from) {
    to.insert({input.table, input.column, Through(how, input.influence)});
  }
}

// What each output of DuckDB's unoptimised plan depends on; nothing where a part of the plan is not
// understood.
std::optional<std::vector<Inputs>> TracePlan(const Json& plan);

}  // namespace fuqi::sql::internal
