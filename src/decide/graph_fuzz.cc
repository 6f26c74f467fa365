// Any bytes as a stored graph: refused, or taken as Save would have written it, and then usable.

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "decide/graph.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr int64_t kLatenessUs = 4;

GraphShape Flows() {
  GraphShape shape{.window_us = 10, .lateness_us = kLatenessUs, .degree_max = 3, .steps_max = 9};
  for (int i = 0; i <= static_cast<int>(Measure::kRisk); ++i) {
    for (bool of_to : {false, true}) {
      shape.measures.push_back({.measure = static_cast<Measure>(i), .of_to = of_to, .length = 4});
    }
  }
  return shape;
}

GraphShape Sharing() {
  GraphShape shape = Flows();
  shape.shares = true;
  shape.values = 2;
  shape.measures = {{.measure = Measure::kRing, .length = 3},
                    {.measure = Measure::kHops, .side = Side::kAny, .length = 3}};
  return shape;
}

void TryState(const GraphShape& shape, ByteView bytes) {
  GraphState state(shape);
  if (!state.Restore(bytes)) {
    FUQI_CHECK(state.vertices() == 0 && state.edges() == 0);
    return;
  }
  Bytes saved;
  state.Save(saved);
  FUQI_CHECK(std::ranges::equal(saved, bytes));
  // Two more events, if time and arrival leave room: one at the newest time, one late.
  ByteReader in(bytes.subspan(2));
  const auto ts = in.Fixed<int64_t>();
  const auto arrival = in.Fixed<uint64_t>();
  if (arrival > std::numeric_limits<uint64_t>::max() - 2 ||
      ts < std::numeric_limits<int64_t>::min() + kLatenessUs) {
    return;
  }
  GraphEvent event{.ts_us = ts, .arrival = arrival + 1, .nodes = {"a", "b"}};
  event.nodes.resize(static_cast<size_t>(shape.values) + 1, "c");
  event.amount = Datum::Int(7);
  event.risks[0] = Datum::Double(0.5);
  std::vector<Datum> values;
  state.Push(event, values);
  event.ts_us -= kLatenessUs;
  ++event.arrival;
  state.Push(event, values);
  FUQI_CHECK(values.size() == shape.measures.size());
  Bytes again;
  state.Save(again);
  FUQI_CHECK(state.Restore(again).has_value());
}

}  // namespace
}  // namespace fuqi::decide

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuqi::decide::GraphShape kFlows = fuqi::decide::Flows();
  static const fuqi::decide::GraphShape kSharing = fuqi::decide::Sharing();
  fuqi::decide::TryState(kFlows, {data, size});
  fuqi::decide::TryState(kSharing, {data, size});
  return 0;
}
