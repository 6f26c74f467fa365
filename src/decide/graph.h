#pragma once

// A graph over the last span of an event stream, kept up to date one event at a time: who paid
// whom, or who shares a device with whom, as features of each event.
//
// Edges. In a graph of flows an event whose `from` and `to` are known and differ is one edge from
// → to. In a graph of sharing it is an edge between its entity and each of its values (device,
// phone) that is not NULL. Edges are ordered by (time, arrival): no two flows stand at one place.
//
// Frame. An event at time t sees the edges that arrived no later than itself, its own among them,
// with times in [t - window, t]. Every measure is a function of this frame alone. So a late event
// sees the graph as of its own time, is seen by later events at its own time, and values given
// before stand.
//
// Measures, of the vertex v that the event names as `of`; in = edges into v, out = edges out of v.
//   fan_in, fan_out     different vertices on the other end of v's edges
//   counterparties      different vertices with an edge to or from v
//   reciprocal          different vertices with an edge to and one from v
//   amount_mean, amount_variance, amount_skew    of the edges on the side, those without amount
//                       left out: avg, var_samp, skewness as DuckDB has them; NULL for less than 1,
//                       2, 3 edges, the skew also where the variance is 0
//   age_mean, age_variance, age_skew    the same of the seconds between the edge and the event
//   gather_scatter      the greatest k so that v was paid by k different vertices at or before some
//                       place in the order of edges and paid k different vertices after it
//   scatter_gather      side in: the most middlemen m of one u ≠ v, with an edge u → m before an
//                       edge m → v. side out: of one w ≠ v, with v → m before m → w
//   cycles              different vertex sequences to → … → from, of edges in rising order, that
//                       the event's own edge closes to a cycle of length_min to `length` edges, no
//                       vertex twice
//   hops                least number of edges, at most `length`, from v against (in), along (out)
//                       or without regard to (any) their direction to a vertex of a risk above 0;
//                       0 where v is one; NULL where there is none
//   risk                R(v, length), where R(v, 0) is v's own risk and R(v, k) the greater of it
//                       and decay × Σ share(u) × R(u, k - 1) over u that paid v (in), or that v
//                       paid (out); share(u): of the positive amounts on that side of v
//   ring                different entities, v among them, reached over at most `length` values
// A vertex's own risk is that of the newest event in the frame that states one; 0 where none does.
// The measures of a vertex that is NULL are NULL, cycles if either end is.
//
// Bounds. A search (gather_scatter and below) looks at the edges of vertices. A vertex with more
// than `degree_max` edges in the frame on the sides that the search would go is a hub: a search
// does not pass it (its edges are not looked at, in `risk` it has only its own), and the event is
// `truncated`. gather_scatter, which passes nothing, knows no hubs. Each edge looked at is a step;
// a measure that takes more than `steps_max` is NULL and the event truncated. Steps are a matter of
// the graph, not of chance: gather_scatter: v's edges; scatter_gather: those and those of all
// middlemen; hops, ring: those of all vertices at each distance that is gone through; risk: at each
// k those of all vertices that k edges with a positive amount lead to; cycles: for each simple
// sequence from `to` of at most length - 2 edges, each the earliest that fits, the later edges of
// its last vertex.
// Other measures follow the frame's two ends: amortised O(1) an event in order, the edges passed
// over for a late one.
//
// Threads: one.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "table/datum.h"
#include "table/type.h"

namespace fuqi::decide {

enum class Measure : uint8_t {
  kFanIn,
  kFanOut,
  kCounterparties,
  kReciprocal,
  kAmountMean,
  kAmountVariance,
  kAmountSkew,
  kAgeMean,
  kAgeVariance,
  kAgeSkew,
  kGatherScatter,
  kScatterGather,
  kCycles,
  kHops,
  kRisk,
  kRing,
};
enum class Side : uint8_t { kIn, kOut, kAny };

// One feature of a graph; keys that its measure does not use keep their defaults.
struct GraphMeasure {
  Measure measure = Measure::kFanIn;
  bool of_to = false;  // of the event's `to`, not of its `from` or entity
  Side side = Side::kIn;
  int length = 0;
  int length_min = 2;
  double decay = 1;
};

// The greatest `length` of a measure.
inline constexpr int kGraphLengthMax = 10;

struct GraphShape {
  bool shares = false;      // entity and values, not from and to
  int values = 1;           // of a graph that shares: how many
  int64_t window_us = 0;    // > 0
  int64_t lateness_us = 0;  // ≥ 0
  int amount_scale = 0;     // digits after the point of an amount
  uint64_t degree_max = 1000;
  uint64_t steps_max = 20'000;
  std::vector<GraphMeasure> measures;
};

// What an event says to a graph. Vertices are kept by value: `nodes` holds from and to, or the
// entity and its values, in a form in which equal values have equal bytes; empty is NULL.
struct GraphEvent {
  int64_t ts_us = 0;
  uint64_t arrival = 0;
  std::vector<std::string> nodes;
  table::Datum amount;    // NULL, or an integer of 64 bits
  table::Datum risks[2];  // NULL, or a DOUBLE: of from or the entity, of to
};

class GraphState {
 public:
  explicit GraphState(GraphShape shape);
  GraphState(GraphState&&) noexcept;
  GraphState& operator=(GraphState&&) noexcept;
  ~GraphState();

  // Adds the event and gives each measure's value into `out`, in order. `ts_us` ≥ the greatest so
  // far minus lateness; `arrival` greater than all before (FUQI_CHECK). True: truncated.
  bool Push(const GraphEvent& event, std::vector<table::Datum>& out);

  // The whole state in one form that depends only on the events pushed. Restore takes what Save
  // wrote for the same shape and refuses anything else (kParse; the state is then empty).
  void Save(Bytes& out) const;
  Result<void> Restore(ByteView bytes);

  uint64_t vertices() const;
  uint64_t edges() const;        // held now; those that no longer matter may be among them
  uint64_t state_bytes() const;  // memory held now, estimated
  uint64_t steps() const;        // edges touched so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Edges that the searches of one event look at, at most.
uint64_t GraphStepsMax(const GraphShape& shape);
// Memory of one edge and of one vertex, estimated.
uint64_t GraphEdgeBytes(const GraphShape& shape);
uint64_t GraphVertexBytes(const GraphShape& shape);

// BIGINT or DOUBLE.
table::Type MeasureType(Measure measure);
// "fan_in"
std::string_view MeasureName(Measure measure);

}  // namespace fuqi::decide
