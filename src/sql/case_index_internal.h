#pragma once

// Which branches of a long CASE can hold at all, found by one binary search: a decision table of
// thousands of rows is one CASE, and looking at row after row would cost as much as they are many.
//
// One input column is chosen whose comparisons with constants tell the branches apart best. Its
// constants cut the column's values into points and the gaps between them; each of these, and NULL,
// has the list of branches whose condition it may make true. The branches on the list are then
// evaluated as they stand, in their order: what is left out could not have been true, and could not
// have failed before it was known not to be. Not for others.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sql/expr.h"
#include "table/datum.h"

namespace fuqi::sql::internal {

// Shorter ones are faster without.
inline constexpr size_t kIndexedBranches = 8;

struct CaseIndex {
  int column = -1;
  table::Row points;               // rising constants of the column
  std::vector<uint32_t> lists;     // where each segment's list begins in `branches`
  std::vector<uint32_t> branches;  // lists one after another, each ended by the number of branches
  std::vector<bool> decided;       // of each branch: to be on a value's list is to hold

  // Where the list of branches for this value begins.
  uint32_t Find(const table::Datum& value) const;
};

// Of a kCase; none where no column tells its branches apart.
std::optional<CaseIndex> IndexCase(const Expr& expr);

}  // namespace fuqi::sql::internal
