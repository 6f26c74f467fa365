// Updates per second of each measure, on payments among 10^4 to 10^6 vertices: four edges of a
// vertex in the window, a few vertices with most of them.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "base/random.h"
#include "decide/graph.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr uint64_t kEdgesPerVertex = 2;  // in the window, as seen from one end

// As many as a window holds. Where values are shared, three entities have one device, and each its
// own phone.
std::vector<GraphEvent> Payments(uint64_t vertices, bool shares) {
  SeededRandom random(7);
  std::vector<GraphEvent> events(vertices * kEdgesPerVertex);
  for (GraphEvent& event : events) {
    const double u = random.Unit();
    const auto from = static_cast<uint64_t>(u * u * static_cast<double>(vertices));
    event.nodes = {fmt::format("C{:08}", from)};
    if (shares) {
      event.nodes.push_back(fmt::format("D{:08}", from / 3));
      event.nodes.push_back(fmt::format("P{:08}", from));
    } else {
      event.nodes.push_back(fmt::format("C{:08}", random.Below(vertices)));
    }
    event.amount = Datum::Int(random.Between(1, 1'000'000));
    if (random.Chance(0.001)) {
      event.risks[0] = Datum::Double(1);
    }
  }
  return events;
}

// A graph with a full window, kept while the library looks for a number of iterations.
struct Filled {
  Filled(std::vector<GraphMeasure> measures, uint64_t vertices, bool shares)
      : events(Payments(vertices, shares)),
        // One event a microsecond: the window holds kEdgesPerVertex for each vertex.
        state({.shares = shares,
               .values = shares ? 2 : 1,
               .window_us = static_cast<int64_t>(vertices * kEdgesPerVertex),
               .lateness_us = 1000,
               .measures = std::move(measures)}) {
    while (arrival < events.size()) {
      Push();
    }
  }

  bool Push() {
    GraphEvent& event = events[arrival % events.size()];
    event.arrival = arrival;
    event.ts_us = static_cast<int64_t>(arrival++);
    return state.Push(event, values);
  }

  std::vector<GraphEvent> events;
  GraphState state;
  std::vector<Datum> values;
  uint64_t arrival = 0;
};

void Run(benchmark::State& bench, const std::string& name, std::vector<GraphMeasure> measures,
         bool shares = false) {
  static std::string filled_name;
  static std::unique_ptr<Filled> filled;
  const auto vertices = static_cast<uint64_t>(bench.range(0));
  if (const std::string wanted = fmt::format("{}/{}", name, vertices); wanted != filled_name) {
    filled.reset();
    filled = std::make_unique<Filled>(std::move(measures), vertices, shares);
    filled_name = wanted;
  }
  const uint64_t steps = filled->state.steps();
  const uint64_t first = filled->arrival;
  uint64_t truncated = 0;
  for (auto _ : bench) {
    truncated += filled->Push() ? 1 : 0;
  }
  const auto pushed = static_cast<double>(filled->arrival - first);
  bench.SetItemsProcessed(static_cast<int64_t>(filled->arrival - first));
  bench.counters["steps"] = static_cast<double>(filled->state.steps() - steps) / pushed;
  bench.counters["truncated"] = static_cast<double>(truncated) / pushed;
  bench.counters["bytes"] = static_cast<double>(filled->state.state_bytes());
}

void Small(benchmark::internal::Benchmark* bench) { bench->Arg(10'000)->Arg(100'000); }
void Large(benchmark::internal::Benchmark* bench) { bench->Arg(10'000)->Arg(1'000'000); }

#define GRAPH_BENCH(NAME, SIZES, ...)                                      \
  void NAME(benchmark::State& bench) { Run(bench, #NAME, {__VA_ARGS__}); } \
  BENCHMARK(NAME)->Apply(SIZES)

GRAPH_BENCH(GraphFans, Large, {.measure = Measure::kFanIn, .of_to = true},
            {.measure = Measure::kFanOut});
GRAPH_BENCH(GraphCounterparties, Small, {.measure = Measure::kCounterparties, .of_to = true},
            {.measure = Measure::kReciprocal, .of_to = true});
GRAPH_BENCH(GraphAmountMoments, Small, {.measure = Measure::kAmountMean, .of_to = true},
            {.measure = Measure::kAmountVariance, .of_to = true},
            {.measure = Measure::kAmountSkew, .of_to = true});
GRAPH_BENCH(GraphAgeMoments, Small, {.measure = Measure::kAgeMean, .of_to = true},
            {.measure = Measure::kAgeVariance, .of_to = true},
            {.measure = Measure::kAgeSkew, .of_to = true});
GRAPH_BENCH(GraphGatherScatter, Small, {.measure = Measure::kGatherScatter});
GRAPH_BENCH(GraphScatterGather, Small, {.measure = Measure::kScatterGather, .of_to = true});
GRAPH_BENCH(GraphCyclesTo4, Small, {.measure = Measure::kCycles, .length = 4});
GRAPH_BENCH(GraphCyclesTo6, Large, {.measure = Measure::kCycles, .length = 6});
GRAPH_BENCH(GraphHops3, Small, {.measure = Measure::kHops, .length = 3});
GRAPH_BENCH(GraphRisk3, Small, {.measure = Measure::kRisk, .of_to = true, .length = 3});

void GraphRing3(benchmark::State& bench) {
  Run(bench, "GraphRing3", {{.measure = Measure::kRing, .length = 3}}, true);
}
BENCHMARK(GraphRing3)->Apply(Small);

}  // namespace
}  // namespace fuqi::decide
