#pragma once

// What graph.h defines, computed for every event from all events that came before it: no window
// that moves, no counts that follow it, no order kept. The oracle of GraphState, for `fuqi pack
// diff` and the tests; shares nothing with it but the definitions.

#include <span>
#include <vector>

#include "decide/graph.h"

namespace fuqi::decide {

struct GraphValues {
  std::vector<table::Datum> values;  // of the shape's measures
  bool truncated = false;
};

// In the order of the events, which is that of their arrival. Costs, for each event and vertex
// looked at, all edges that vertex ever had.
std::vector<GraphValues> BruteForceGraph(const GraphShape& shape,
                                         std::span<const GraphEvent> events);

}  // namespace fuqi::decide
