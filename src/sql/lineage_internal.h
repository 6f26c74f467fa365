#pragma once

// Sets of influences, as lineage gathers them. Not for others.

#include <set>

#include "sql/lineage.h"

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

}  // namespace fuqi::sql::internal
