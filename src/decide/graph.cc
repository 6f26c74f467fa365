#include "decide/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "base/check.h"
#include "decide/graph_store_internal.h"

namespace fuqi::decide {
namespace {

using internal::Counted;
using internal::GraphStore;
using internal::Link;
using internal::Place;
using table::Datum;

using Frame = GraphStore::Frame;
using Range = GraphStore::Range;

constexpr uint8_t kStateVersion = 1;
constexpr double kSecondsPerMicrosecond = 1e-6;

constexpr std::array<std::string_view, 16> kMeasureNames = {
    "fan_in",      "fan_out",  "counterparties", "reciprocal", "amount_mean",    "amount_variance",
    "amount_skew", "age_mean", "age_variance",   "age_skew",   "gather_scatter", "scatter_gather",
    "cycles",      "hops",     "risk",           "ring"};

int64_t Back(int64_t ts, int64_t span) {
  int64_t result;
  return __builtin_sub_overflow(ts, span, &result) ? std::numeric_limits<int64_t>::min() : result;
}

GraphStore::Needs NeedsOf(const GraphShape& shape) {
  GraphStore::Needs needs;
  for (const GraphMeasure& measure : shape.measures) {
    needs.pairs = needs.pairs || measure.measure <= Measure::kReciprocal;
    needs.amounts = needs.amounts || (measure.measure >= Measure::kAmountMean &&
                                      measure.measure <= Measure::kAmountSkew);
    needs.times = needs.times ||
                  (measure.measure >= Measure::kAgeMean && measure.measure <= Measure::kAgeSkew);
  }
  return needs;
}

// The measure of a vertex without edges.
Datum MeasureOfNothing(Measure measure) {
  if (measure == Measure::kRisk) {
    return Datum::Double(0);
  }
  if (measure == Measure::kHops || MeasureType(measure).id == table::TypeId::kDouble) {
    return Datum::Null();
  }
  return Datum::Int(measure == Measure::kRing ? 1 : 0);
}

Datum Negated(const Datum& value) { return value.is_null() ? value : Datum::Double(0 - value.d); }

// A set of vertices that is emptied in no time.
class VertexSet {
 public:
  void Clear(uint32_t ids) {
    stamps_.resize(std::max<size_t>(stamps_.size(), ids));
    if (++stamp_ == 0) {
      std::ranges::fill(stamps_, 0);
      stamp_ = 1;
    }
  }
  // False if it was there.
  bool Insert(uint32_t vertex) { return std::exchange(stamps_[vertex], stamp_) != stamp_; }

 private:
  std::vector<uint32_t> stamps_;
  uint32_t stamp_ = 0;
};

// The measures that look at edges, one after the other, over one frame. Memory is kept to be used
// again.
class Search {
 public:
  Search(const GraphStore& store, const GraphShape& shape) : store_(store), shape_(shape) {}

  void Begin(Frame frame) { frame_ = frame; }

  Datum GatherScatter(uint32_t vertex);
  Datum ScatterGather(uint32_t vertex, Side side);
  Datum Cycles(uint32_t from, uint32_t to, int shortest, int longest);
  Datum Hops(uint32_t vertex, Side side, int length);
  Datum Risk(uint32_t vertex, Side side, int length, double decay);
  Datum Ring(uint32_t entity, int length);

  bool truncated() const { return truncated_; }
  void ClearTruncated() { truncated_ = false; }
  uint64_t steps() const { return all_steps_; }

 private:
  // An edge of a layer's vertex to a vertex of the next layer.
  struct Arc {
    uint32_t next;  // its number in that layer
    int64_t amount;
  };
  struct Layer {
    std::vector<uint32_t> vertices;
    std::vector<size_t> arcs_end;  // of each vertex
    std::vector<Arc> arcs;
  };
  struct Next {
    uint32_t vertex;
    Place place;
  };

  void Reset() { steps_ = 0; }
  // Counts `edges` to be looked at; false beyond the budget.
  bool Spend(uint64_t edges) {
    if (edges > shape_.steps_max - steps_) {
      truncated_ = true;
      return false;
    }
    steps_ += edges;
    all_steps_ += edges;
    return true;
  }
  uint64_t Degree(uint32_t vertex, Side side) const;
  // Whether a search may pass the vertex; notes that it may not.
  bool Passes(uint64_t degree) {
    truncated_ = truncated_ || degree > shape_.degree_max;
    return degree <= shape_.degree_max;
  }
  // Spends the edges of all vertices that may be passed; the others leave the list.
  bool SpendLevel(std::vector<uint32_t>& level, Side side);
  template <class Visit>
  void ForEachLink(uint32_t vertex, Side side, const Visit& visit) const;

  bool ExtendWalk(uint32_t from, Place after, int closing, int longest);
  bool BuildLayer(Layer& layer, Layer& next, Side side);

  const GraphStore& store_;
  const GraphShape& shape_;
  Frame frame_;
  uint64_t steps_ = 0;
  uint64_t all_steps_ = 0;
  bool truncated_ = false;

  VertexSet seen_;
  VertexSet counted_;
  std::vector<uint32_t> counts_;  // of the vertices counted
  std::vector<uint32_t> level_;
  std::vector<uint32_t> next_level_;
  std::vector<Place> firsts_;
  std::vector<Place> lasts_;
  std::vector<Next> middlemen_;
  std::vector<Next> branches_;  // of all vertices of the walk
  std::vector<uint32_t> walk_;
  uint64_t closed_ = 0;
  int shortest_ = 0;
  std::vector<Layer> layers_;
  std::vector<uint32_t> numbers_;  // of the vertices seen, in their layer
  std::vector<double> values_;
  std::vector<double> next_values_;
};

uint64_t Search::Degree(uint32_t vertex, Side side) const {
  uint64_t degree = 0;
  for (Side one : {Side::kIn, Side::kOut}) {
    if (side == one || side == Side::kAny) {
      degree += store_.Links(vertex, one, frame_).size();
    }
  }
  return degree;
}

template <class Visit>
void Search::ForEachLink(uint32_t vertex, Side side, const Visit& visit) const {
  for (Side one : {Side::kIn, Side::kOut}) {
    if (side == one || side == Side::kAny) {
      const Range links = store_.Links(vertex, one, frame_);
      for (uint64_t i = 0; i < links.size(); ++i) {
        visit(links[i]);
      }
    }
  }
}

bool Search::SpendLevel(std::vector<uint32_t>& level, Side side) {
  uint64_t edges = 0;
  std::erase_if(level, [&](uint32_t vertex) {
    const uint64_t degree = Degree(vertex, side);
    const bool passes = Passes(degree);
    edges += passes ? degree : 0;
    return !passes;
  });
  return Spend(edges);
}

Datum Search::GatherScatter(uint32_t vertex) {
  Reset();
  const Range in = store_.Links(vertex, Side::kIn, frame_);
  const Range out = store_.Links(vertex, Side::kOut, frame_);
  if (!Spend(in.size() + out.size())) {
    return Datum::Null();
  }
  // When each payer was first seen, rising, and each payee last, falling.
  seen_.Clear(store_.ids());
  firsts_.clear();
  for (uint64_t i = 0; i < in.size(); ++i) {
    if (seen_.Insert(in[i].other)) {
      firsts_.push_back(in[i].place);
    }
  }
  seen_.Clear(store_.ids());
  lasts_.clear();
  for (uint64_t i = out.size(); i-- > 0;) {
    if (seen_.Insert(out[i].other)) {
      lasts_.push_back(out[i].place);
    }
  }
  uint64_t best = 0;
  size_t after = lasts_.size();
  for (size_t gathered = 1; gathered <= firsts_.size(); ++gathered) {
    while (after > 0 && lasts_[after - 1] <= firsts_[gathered - 1]) {
      --after;
    }
    best = std::max<uint64_t>(best, std::min(gathered, after));
  }
  return Datum::Int(best);
}

Datum Search::ScatterGather(uint32_t vertex, Side side) {
  Reset();
  level_ = {vertex};
  if (!SpendLevel(level_, side)) {
    return Datum::Null();
  }
  // Of each middleman the edge that leaves most room for the other.
  seen_.Clear(store_.ids());
  middlemen_.clear();
  next_level_.clear();
  if (!level_.empty()) {
    const Range links = store_.Links(vertex, side, frame_);
    for (uint64_t i = 0; i < links.size(); ++i) {
      const Link& link = links[side == Side::kIn ? links.size() - 1 - i : i];
      if (seen_.Insert(link.other)) {
        middlemen_.push_back({link.other, link.place});
        next_level_.push_back(link.other);
      }
    }
  }
  if (!SpendLevel(next_level_, side)) {
    return Datum::Null();
  }
  uint64_t best = 0;
  counted_.Clear(store_.ids());
  counts_.resize(store_.ids());
  size_t passed = 0;
  for (const Next& middleman : middlemen_) {
    if (passed == next_level_.size() || next_level_[passed] != middleman.vertex) {
      continue;  // a hub
    }
    ++passed;
    seen_.Clear(store_.ids());
    seen_.Insert(vertex);
    ForEachLink(middleman.vertex, side, [&](const Link& link) {
      const bool in_order =
          side == Side::kIn ? link.place < middleman.place : middleman.place < link.place;
      if (in_order && seen_.Insert(link.other)) {
        if (counted_.Insert(link.other)) {
          counts_[link.other] = 0;
        }
        best = std::max<uint64_t>(best, ++counts_[link.other]);
      }
    });
  }
  return Datum::Int(best);
}

Datum Search::Cycles(uint32_t from, uint32_t to, int shortest, int longest) {
  Reset();
  walk_ = {to};
  branches_.clear();
  closed_ = 0;
  shortest_ = shortest;
  const Place beginning{std::numeric_limits<int64_t>::min(), 0};
  if (from != to && !ExtendWalk(from, beginning, 2, longest)) {
    return Datum::Null();
  }
  return Datum::Int(closed_);
}

// An edge from the walk's end to `from` closes a cycle of `closing` edges. False beyond the budget.
bool Search::ExtendWalk(uint32_t from, Place after, int closing, int longest) {
  Range links = store_.Links(walk_.back(), Side::kOut, frame_);
  if (!Passes(links.size())) {
    return true;
  }
  if (after.ts >= frame_.from) {
    links.begin = std::max(links.begin, links.line->After(after));
  }
  if (!Spend(links.size())) {
    return false;
  }
  // Vertices come with their earliest edge.
  const size_t first = branches_.size();
  seen_.Clear(store_.ids());
  for (uint32_t vertex : walk_) {
    seen_.Insert(vertex);
  }
  for (uint64_t i = 0; i < links.size(); ++i) {
    const Link& link = links[i];
    if (!seen_.Insert(link.other)) {
      continue;
    }
    if (link.other == from) {
      closed_ += closing >= shortest_ ? 1 : 0;
    } else if (closing < longest) {
      branches_.push_back({link.other, link.place});
    }
  }
  for (size_t i = first; i < branches_.size(); ++i) {
    const Next next = branches_[i];
    const size_t end = branches_.size();
    walk_.push_back(next.vertex);
    const bool within = ExtendWalk(from, next.place, closing + 1, longest);
    walk_.pop_back();
    branches_.resize(end);
    if (!within) {
      return false;
    }
  }
  return true;
}

Datum Search::Hops(uint32_t vertex, Side side, int length) {
  Reset();
  if (store_.Risk(vertex, frame_) > 0) {
    return Datum::Int(0);
  }
  seen_.Clear(store_.ids());
  seen_.Insert(vertex);
  level_ = {vertex};
  for (int hops = 1; hops <= length && !level_.empty(); ++hops) {
    if (!SpendLevel(level_, side)) {
      return Datum::Null();
    }
    bool found = false;
    next_level_.clear();
    for (uint32_t passed : level_) {
      ForEachLink(passed, side, [&](const Link& link) {
        if (seen_.Insert(link.other)) {
          found = found || store_.Risk(link.other, frame_) > 0;
          next_level_.push_back(link.other);
        }
      });
    }
    if (found) {
      return Datum::Int(hops);
    }
    std::swap(level_, next_level_);
  }
  return Datum::Null();
}

Datum Search::Ring(uint32_t entity, int length) {
  Reset();
  seen_.Clear(store_.ids());
  seen_.Insert(entity);
  level_ = {entity};
  uint64_t entities = 1;
  for (int half = 0; half < 2 * length && !level_.empty(); ++half) {
    const Side side = half % 2 == 0 ? Side::kOut : Side::kIn;
    if (!SpendLevel(level_, side)) {
      return Datum::Null();
    }
    next_level_.clear();
    for (uint32_t passed : level_) {
      ForEachLink(passed, side, [&](const Link& link) {
        if (seen_.Insert(link.other)) {
          next_level_.push_back(link.other);
        }
      });
    }
    entities += side == Side::kIn ? next_level_.size() : 0;
    std::swap(level_, next_level_);
  }
  return Datum::Int(entities);
}

// The edges of a layer's vertices, and the vertices that they lead to. False beyond the budget.
bool Search::BuildLayer(Layer& layer, Layer& next, Side side) {
  level_ = layer.vertices;
  if (!SpendLevel(level_, side)) {
    return false;
  }
  layer.arcs.clear();
  layer.arcs_end.clear();
  next.vertices.clear();
  seen_.Clear(store_.ids());
  numbers_.resize(store_.ids());
  size_t passed = 0;
  for (uint32_t vertex : layer.vertices) {
    if (passed < level_.size() && level_[passed] == vertex) {
      ++passed;
      ForEachLink(vertex, side, [&](const Link& link) {
        if (!link.has_amount || link.amount <= 0) {
          return;
        }
        if (seen_.Insert(link.other)) {
          numbers_[link.other] = static_cast<uint32_t>(next.vertices.size());
          next.vertices.push_back(link.other);
        }
        layer.arcs.push_back({numbers_[link.other], link.amount});
      });
    }
    layer.arcs_end.push_back(layer.arcs.size());
  }
  return true;
}

Datum Search::Risk(uint32_t vertex, Side side, int length, double decay) {
  Reset();
  layers_.resize(std::max<size_t>(layers_.size(), static_cast<size_t>(length) + 1));
  layers_[0].vertices = {vertex};
  size_t last = 0;
  for (; last < static_cast<size_t>(length) && !layers_[last].vertices.empty(); ++last) {
    if (!BuildLayer(layers_[last], layers_[last + 1], side)) {
      return Datum::Null();
    }
  }
  const auto own = [&](size_t layer) {
    values_.clear();
    for (uint32_t v : layers_[layer].vertices) {
      values_.push_back(store_.Risk(v, frame_));
    }
  };
  own(last);
  while (last > 0) {
    const Layer& layer = layers_[--last];
    std::swap(values_, next_values_);
    own(last);
    size_t arc = 0;
    for (size_t i = 0; i < layer.vertices.size(); ++i) {
      int128 total = 0;
      double carried = 0;
      for (; arc < layer.arcs_end[i]; ++arc) {
        total += layer.arcs[arc].amount;
        carried += static_cast<double>(layer.arcs[arc].amount) * next_values_[layer.arcs[arc].next];
      }
      if (total > 0) {
        values_[i] = std::max(values_[i], decay * (carried / static_cast<double>(total)));
      }
    }
  }
  return Datum::Double(values_[0]);
}

}  // namespace

std::string_view MeasureName(Measure measure) {
  return kMeasureNames[static_cast<size_t>(measure)];
}

table::Type MeasureType(Measure measure) {
  const bool is_double = (measure >= Measure::kAmountMean && measure <= Measure::kAgeSkew) ||
                         measure == Measure::kRisk;
  return {is_double ? table::TypeId::kDouble : table::TypeId::kBigInt};
}

struct GraphState::Impl {
  explicit Impl(GraphShape s) : shape(std::move(s)), store(NeedsOf(shape)), search(store, shape) {
    amount_unit = std::pow(10.0, -shape.amount_scale);
  }

  int64_t Horizon() const { return Back(Back(newest.ts, shape.window_us), shape.lateness_us); }
  void Admit(const GraphEvent& event);
  void Reset();
  // `vertex` may be kNone: one without edges.
  Datum Value(const GraphMeasure& measure, uint32_t vertex, uint32_t from, uint32_t to,
              const GraphEvent& event);
  Datum Counts(const GraphMeasure& measure, uint32_t vertex, int64_t ts) const;

  GraphShape shape;
  GraphStore store;
  Search search;
  double amount_unit = 1;
  bool has_events = false;
  Place newest;  // the greatest time, the latest arrival
};

// ---- One event.

void GraphState::Impl::Admit(const GraphEvent& event) {
  const Place place{event.ts_us, event.arrival};
  newest.ts = has_events ? std::max(newest.ts, event.ts_us) : event.ts_us;
  newest.arrival = event.arrival;
  has_events = true;
  // More than an event brings.
  store.Expire(Horizon(), 2 * shape.values + 4);
  const std::string& first = event.nodes[0];
  if (!first.empty()) {
    for (size_t i = 1; i < event.nodes.size(); ++i) {
      if (!event.nodes[i].empty() && event.nodes[i] != first) {
        const uint32_t from = store.Intern(first);
        store.AddEdge(place, from, store.Intern(event.nodes[i]), !event.amount.is_null(),
                      event.amount.is_null() ? 0 : static_cast<int64_t>(event.amount.i));
      }
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    const bool overruled = i == 0 && event.nodes[1] == first && !event.risks[1].is_null();
    if (!event.risks[i].is_null() && !event.nodes[i].empty() && !overruled) {
      store.AddMark(place, store.Intern(event.nodes[i]), event.risks[i].d);
    }
  }
}

bool GraphState::Push(const GraphEvent& event, std::vector<Datum>& out) {
  Impl& impl = *impl_;
  FUQI_CHECK(!impl.has_events || (event.arrival > impl.newest.arrival &&
                                  event.ts_us >= Back(impl.newest.ts, impl.shape.lateness_us)));
  FUQI_CHECK(event.nodes.size() == static_cast<size_t>(impl.shape.values) + 1);
  impl.Admit(event);

  const Frame frame{Back(event.ts_us, impl.shape.window_us), event.ts_us};
  impl.search.Begin(frame);
  impl.search.ClearTruncated();
  const auto find = [&](size_t node) {
    return event.nodes[node].empty() ? GraphStore::kNone : impl.store.Find(event.nodes[node]);
  };
  const uint32_t from = find(0);
  const uint32_t to = find(1);
  for (uint32_t vertex : {from, to}) {
    if (vertex != GraphStore::kNone) {
      impl.store.Move(vertex, frame);
    }
  }
  out.clear();
  for (const GraphMeasure& measure : impl.shape.measures) {
    const bool is_null = measure.measure == Measure::kCycles
                             ? event.nodes[0].empty() || event.nodes[1].empty()
                             : event.nodes[measure.of_to ? 1 : 0].empty();
    out.push_back(is_null ? Datum::Null()
                          : impl.Value(measure, measure.of_to ? to : from, from, to, event));
  }
  return impl.search.truncated();
}

Datum GraphState::Impl::Value(const GraphMeasure& measure, uint32_t vertex, uint32_t from,
                              uint32_t to, const GraphEvent& event) {
  if (measure.measure == Measure::kCycles) {
    return from == GraphStore::kNone || to == GraphStore::kNone
               ? Datum::Int(0)
               : search.Cycles(from, to, measure.length_min, measure.length);
  }
  if (vertex == GraphStore::kNone) {
    return MeasureOfNothing(measure.measure);
  }
  switch (measure.measure) {
    case Measure::kGatherScatter:
      return search.GatherScatter(vertex);
    case Measure::kScatterGather:
      return search.ScatterGather(vertex, measure.side);
    case Measure::kHops:
      return search.Hops(vertex, measure.side, measure.length);
    case Measure::kRisk:
      return search.Risk(vertex, measure.side, measure.length, measure.decay);
    case Measure::kRing:
      return search.Ring(vertex, measure.length);
    default:
      return Counts(measure, vertex, event.ts_us);
  }
}

Datum GraphState::Impl::Counts(const GraphMeasure& measure, uint32_t vertex, int64_t ts) const {
  const uint32_t in = store.Fan(vertex, Side::kIn);
  const uint32_t out = store.Fan(vertex, Side::kOut);
  const auto sums = [&](Counted counted) -> const internal::PowerSums& {
    return store.Sums(vertex, measure.side, counted);
  };
  switch (measure.measure) {
    case Measure::kFanIn:
      return Datum::Int(in);
    case Measure::kFanOut:
      return Datum::Int(out);
    case Measure::kCounterparties:
      return Datum::Int(uint64_t{in} + out - store.Reciprocal(vertex));
    case Measure::kReciprocal:
      return Datum::Int(store.Reciprocal(vertex));
    case Measure::kAmountMean:
      return sums(Counted::kAmount).Mean(0, amount_unit);
    case Measure::kAmountVariance:
      return sums(Counted::kAmount).Variance(amount_unit);
    case Measure::kAmountSkew:
      return sums(Counted::kAmount).Skew();
    case Measure::kAgeMean:
      return Negated(sums(Counted::kTime).Mean(ts, kSecondsPerMicrosecond));
    case Measure::kAgeVariance:
      return sums(Counted::kTime).Variance(kSecondsPerMicrosecond);
    case Measure::kAgeSkew:
      return Negated(sums(Counted::kTime).Skew());
    default:
      FUQI_CHECK(false);
      return Datum::Null();
  }
}

// ---- Stored form.

void GraphState::Impl::Reset() {
  store = GraphStore(NeedsOf(shape));
  has_events = false;
  newest = {};
}

void GraphState::Save(Bytes& out) const {
  const Impl& impl = *impl_;
  ByteWriter writer(out);
  writer.Fixed(kStateVersion);
  writer.Fixed(static_cast<uint8_t>(impl.has_events));
  writer.Fixed(impl.newest.ts);
  writer.Fixed(impl.newest.arrival);
  impl.store.Save(impl.Horizon(), writer);
}

Result<void> GraphState::Restore(ByteView bytes) {
  Impl& impl = *impl_;
  impl.Reset();
  ByteReader reader(bytes);
  const auto version = reader.Fixed<uint8_t>();
  const auto has_events = reader.Fixed<uint8_t>();
  impl.newest.ts = reader.Fixed<int64_t>();
  impl.newest.arrival = reader.Fixed<uint64_t>();
  impl.has_events = has_events == 1;
  const bool restored =
      version == kStateVersion && has_events <= 1 &&
      impl.store.Restore(reader, impl.Horizon(), impl.newest, impl.shape.shares) &&
      (has_events == 1 || (impl.newest == Place() && impl.store.vertices() == 0)) &&
      reader.at_end();
  if (!restored) {
    impl.Reset();
    return Err(ErrorCode::kParse, "the saved graph is not one of this shape");
  }
  return {};
}

GraphState::GraphState(GraphShape shape) : impl_(std::make_unique<Impl>(std::move(shape))) {}
GraphState::GraphState(GraphState&&) noexcept = default;
GraphState& GraphState::operator=(GraphState&&) noexcept = default;
GraphState::~GraphState() = default;

uint64_t GraphState::vertices() const { return impl_->store.vertices(); }
uint64_t GraphState::edges() const { return impl_->store.edges(); }
uint64_t GraphState::state_bytes() const { return impl_->store.bytes(); }
uint64_t GraphState::steps() const { return impl_->store.steps() + impl_->search.steps(); }

uint64_t GraphStepsMax(const GraphShape& shape) {
  const auto searches = std::ranges::count_if(shape.measures, [](const GraphMeasure& measure) {
    return measure.measure >= Measure::kGatherScatter;
  });
  return static_cast<uint64_t>(searches) * shape.steps_max;
}

uint64_t GraphEdgeBytes(const GraphShape& shape) { return GraphStore::EdgeBytes(NeedsOf(shape)); }
uint64_t GraphVertexBytes(const GraphShape& shape) {
  return GraphStore::VertexBytes(NeedsOf(shape));
}

}  // namespace fuqi::decide
