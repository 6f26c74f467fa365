#pragma once

// What half_space_trees.h defines, computed for every point from the list of all points before it:
// boxes with sides, and which points of a window lie in them; no node, no mass that is kept. The
// oracle of HalfSpaceTrees, for `fuqi pack diff` and the tests; shares nothing with it but the
// definitions.

#include <optional>
#include <span>
#include <vector>

#include "decide/half_space_trees.h"

namespace fuqi::decide {

using HalfSpacePoint = std::vector<std::optional<double>>;

struct HalfSpaceFinding {
  double value = 0;
  std::vector<int64_t> costs;
  std::vector<size_t> causes;
};

// Of each point, in the order given; none where there is no score. Costs, for each point and tree,
// the points of a window.
std::vector<std::optional<HalfSpaceFinding>> BruteForceHalfSpaces(
    const HalfSpaceShape& shape, std::span<const HalfSpacePoint> points);

}  // namespace fuqi::decide
