#include "decide/graph_brute.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

namespace fuqi::decide {
namespace {

using table::Datum;

using Name = const std::string*;  // of `names_`: equal names are one

struct Edge {
  int64_t ts;
  uint64_t arrival;
  Name from;
  Name to;
  std::optional<int64_t> amount;

  std::tuple<int64_t, uint64_t> place() const { return {ts, arrival}; }
};

class BruteForce {
 public:
  BruteForce(const GraphShape& shape, std::span<const GraphEvent> events)
      : shape_(shape), events_(events) {}

  std::vector<GraphValues> Run() {
    std::vector<GraphValues> all;
    for (const GraphEvent& event : events_) {
      Note(event);
      now_ = event.ts_us;
      from_ = event.nodes[0].empty() ? nullptr : NameOf(event.nodes[0]);
      to_ = event.nodes[1].empty() ? nullptr : NameOf(event.nodes[1]);
      GraphValues& row = all.emplace_back();
      truncated_ = false;
      for (const GraphMeasure& measure : shape_.measures) {
        steps_ = 0;
        over_ = false;
        const Name vertex = measure.of_to ? to_ : from_;
        const bool known = measure.measure == Measure::kCycles ? from_ != nullptr && to_ != nullptr
                                                               : vertex != nullptr;
        Datum value = known ? Value(measure, vertex) : Datum::Null();
        row.values.push_back(over_ ? Datum::Null() : value);
        truncated_ = truncated_ || over_;
      }
      row.truncated = truncated_;
    }
    return all;
  }

 private:
  struct Statement {
    int64_t ts;
    uint64_t arrival;
    double risk;
  };

  Name NameOf(const std::string& text) { return &*names_.insert(text).first; }

  void Note(const GraphEvent& event) {
    for (size_t i = 1; i < event.nodes.size(); ++i) {
      if (event.nodes[0].empty() || event.nodes[i].empty() || event.nodes[0] == event.nodes[i]) {
        continue;
      }
      Edge edge{event.ts_us, event.arrival, NameOf(event.nodes[0]), NameOf(event.nodes[i]), {}};
      if (!event.amount.is_null()) {
        edge.amount = static_cast<int64_t>(event.amount.i);
      }
      edges_[edge.from].push_back(edge);
      edges_[edge.to].push_back(edge);
    }
    for (size_t i : {0, 1}) {
      if (!event.risks[i].is_null() && !event.nodes[i].empty()) {
        risks_[NameOf(event.nodes[i])].push_back({event.ts_us, event.arrival, event.risks[i].d});
      }
    }
  }

  bool InFrame(int64_t ts) const {
    return ts <= now_ && static_cast<int128>(now_) - ts <= shape_.window_us;
  }

  // The edges on these sides of a vertex, in order.
  std::vector<Edge> EdgesOf(Name vertex, bool in, bool out) const {
    std::vector<Edge> found;
    if (const auto at = edges_.find(vertex); at != edges_.end()) {
      for (const Edge& edge : at->second) {
        if (InFrame(edge.ts) && ((in && edge.to == vertex) || (out && edge.from == vertex))) {
          found.push_back(edge);
        }
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Edge& a, const Edge& b) { return a.place() < b.place(); });
    return found;
  }
  std::vector<Edge> EdgesOf(Name vertex, Side side) const {
    return EdgesOf(vertex, side != Side::kOut, side != Side::kIn);
  }
  static Name Other(const Edge& edge, Name vertex) {
    return edge.from == vertex ? edge.to : edge.from;
  }
  // Those that a search may look at: none of a hub.
  std::vector<Edge> Passable(Name vertex, Side side) {
    std::vector<Edge> edges = EdgesOf(vertex, side);
    if (edges.size() > shape_.degree_max) {
      truncated_ = true;
      edges.clear();
    }
    return edges;
  }
  void Spend(uint64_t steps) {
    steps_ += steps;
    over_ = over_ || steps_ > shape_.steps_max;
  }

  double OwnRisk(Name vertex) const {
    const auto at = risks_.find(vertex);
    const Statement* newest = nullptr;
    if (at != risks_.end()) {
      for (const Statement& statement : at->second) {
        if (InFrame(statement.ts) &&
            (newest == nullptr ||
             std::tie(statement.ts, statement.arrival) >= std::tie(newest->ts, newest->arrival))) {
          newest = &statement;
        }
      }
    }
    return newest == nullptr ? 0 : newest->risk;
  }

  Datum Value(const GraphMeasure& measure, Name vertex) {
    switch (measure.measure) {
      case Measure::kFanIn:
        return Datum::Int(Others(vertex, Side::kIn).size());
      case Measure::kFanOut:
        return Datum::Int(Others(vertex, Side::kOut).size());
      case Measure::kCounterparties:
        return Datum::Int(Others(vertex, Side::kAny).size());
      case Measure::kReciprocal: {
        const std::set<Name> out = Others(vertex, Side::kOut);
        return Datum::Int(std::ranges::count_if(Others(vertex, Side::kIn),
                                                [&](Name name) { return out.contains(name); }));
      }
      case Measure::kAmountMean:
      case Measure::kAmountVariance:
      case Measure::kAmountSkew:
        return Moment(Amounts(vertex, measure.side), Order(measure.measure, Measure::kAmountMean),
                      std::pow(10.0L, -shape_.amount_scale));
      case Measure::kAgeMean:
      case Measure::kAgeVariance:
      case Measure::kAgeSkew:
        return Moment(Ages(vertex, measure.side), Order(measure.measure, Measure::kAgeMean), 1e-6L);
      case Measure::kGatherScatter:
        return GatherScatter(vertex);
      case Measure::kScatterGather:
        return ScatterGather(vertex, measure.side);
      case Measure::kCycles:
        return Cycles(measure.length_min, measure.length);
      case Measure::kHops:
        return Hops(vertex, measure.side, measure.length);
      case Measure::kRisk:
        CountRiskSteps(vertex, measure.side, measure.length);
        known_.clear();
        return over_ ? Datum::Null()
                     : Datum::Double(Risk(vertex, measure.side, measure.length, measure.decay));
      case Measure::kRing:
        return Ring(vertex, measure.length);
    }
    return Datum::Null();
  }

  static int Order(Measure measure, Measure mean) {
    return static_cast<int>(measure) - static_cast<int>(mean) + 1;
  }

  std::set<Name> Others(Name vertex, Side side) const {
    std::set<Name> others;
    for (const Edge& edge : EdgesOf(vertex, side)) {
      others.insert(Other(edge, vertex));
    }
    return others;
  }

  std::vector<int64_t> Amounts(Name vertex, Side side) const {
    std::vector<int64_t> values;
    for (const Edge& edge : EdgesOf(vertex, side)) {
      if (edge.amount) {
        values.push_back(*edge.amount);
      }
    }
    return values;
  }
  std::vector<int64_t> Ages(Name vertex, Side side) const {
    std::vector<int64_t> values;
    for (const Edge& edge : EdgesOf(vertex, side)) {
      values.push_back(now_ - edge.ts);
    }
    return values;
  }
  // 1: mean, 2: variance, 3: skewness, of values in this unit. By deviations from the mean, times
  // the number of values, so that they are whole and a sum of them may be 0.
  static Datum Moment(const std::vector<int64_t>& values, int order, long double unit) {
    using Whole = boost::multiprecision::cpp_int;
    if (values.size() < static_cast<size_t>(order)) {
      return Datum::Null();
    }
    const auto n = static_cast<long double>(values.size());
    const Whole sum = std::accumulate(values.begin(), values.end(), Whole(0));
    if (order == 1) {
      return Datum::Double(static_cast<double>(static_cast<long double>(sum) / n * unit));
    }
    Whole squares = 0;
    Whole cubes = 0;
    for (int64_t value : values) {
      const Whole deviation = Whole(value) * values.size() - sum;
      squares += deviation * deviation;
      cubes += deviation * deviation * deviation;
    }
    const long double variance = static_cast<long double>(squares) / (n * n * n);
    if (order == 2) {
      return Datum::Double(static_cast<double>(variance * n / (n - 1) * unit * unit));
    }
    if (squares == 0) {
      return Datum::Null();
    }
    const long double moment = static_cast<long double>(cubes) / (n * n * n * n);
    return Datum::Double(
        static_cast<double>(moment / std::pow(variance, 1.5L) * std::sqrt(n * (n - 1)) / (n - 2)));
  }

  Datum GatherScatter(Name vertex) {
    const std::vector<Edge> edges = EdgesOf(vertex, Side::kAny);
    Spend(edges.size());
    size_t best = 0;
    for (size_t split = 0; split < edges.size() && !over_; ++split) {
      std::set<Name> payers;
      std::set<Name> payees;
      for (size_t i = 0; i < edges.size(); ++i) {
        if (i <= split && edges[i].to == vertex) {
          payers.insert(edges[i].from);
        } else if (i > split && edges[i].from == vertex) {
          payees.insert(edges[i].to);
        }
      }
      best = std::max(best, std::min(payers.size(), payees.size()));
    }
    return Datum::Int(best);
  }

  Datum ScatterGather(Name vertex, Side side) {
    const std::vector<Edge> near = Passable(vertex, side);
    Spend(near.size());
    std::map<Name, std::vector<Edge>> far;
    for (const Edge& edge : near) {
      far.emplace(Other(edge, vertex), std::vector<Edge>());
    }
    for (auto& [middleman, edges] : far) {
      edges = Passable(middleman, side);
      Spend(edges.size());
    }
    std::map<Name, std::set<Name>> middlemen;  // of each far end
    for (const Edge& edge : near) {
      const Name middleman = Other(edge, vertex);
      for (const Edge& other : far[middleman]) {
        const bool in_order =
            side == Side::kIn ? other.place() < edge.place() : edge.place() < other.place();
        if (in_order && Other(other, middleman) != vertex) {
          middlemen[Other(other, middleman)].insert(middleman);
        }
      }
    }
    size_t best = 0;
    for (const auto& [end, through] : middlemen) {
      best = std::max(best, through.size());
    }
    return Datum::Int(best);
  }

  // All walks of one length, then all of the next.
  Datum Cycles(int shortest, int longest) {
    if (from_ == to_) {
      return Datum::Int(0);
    }
    struct Walk {
      std::vector<Name> vertices;
      std::optional<std::tuple<int64_t, uint64_t>> last;
    };
    std::vector<Walk> walks = {{{to_}, {}}};
    uint64_t closed = 0;
    for (int length = 2; length <= longest && !over_; ++length) {
      std::vector<Walk> longer;
      for (const Walk& walk : walks) {
        std::map<Name, std::tuple<int64_t, uint64_t>> earliest;
        uint64_t looked = 0;
        for (const Edge& edge : Passable(walk.vertices.back(), Side::kOut)) {
          if (!walk.last || edge.place() > *walk.last) {
            ++looked;
            earliest.emplace(edge.to, edge.place());
          }
        }
        Spend(looked);
        if (over_) {
          break;
        }
        for (const auto& [vertex, place] : earliest) {
          if (vertex == from_) {
            closed += length >= shortest ? 1 : 0;
          } else if (length < longest &&
                     std::ranges::find(walk.vertices, vertex) == walk.vertices.end()) {
            longer.push_back(walk);
            longer.back().vertices.push_back(vertex);
            longer.back().last = place;
          }
        }
      }
      walks = std::move(longer);
    }
    return Datum::Int(closed);
  }

  // Vertices by their distance.
  Datum Hops(Name vertex, Side side, int length) {
    std::set<Name> reached = {vertex};
    std::set<Name> level = {vertex};
    for (int hops = 0;; ++hops) {
      if (std::ranges::any_of(level, [&](Name name) { return OwnRisk(name) > 0; })) {
        return Datum::Int(hops);
      }
      if (hops == length || over_) {
        return Datum::Null();
      }
      std::set<Name> next;
      for (Name name : level) {
        const std::vector<Edge> edges = Passable(name, side);
        Spend(edges.size());
        for (const Edge& edge : edges) {
          if (!reached.contains(Other(edge, name))) {
            next.insert(Other(edge, name));
          }
        }
      }
      reached.insert(next.begin(), next.end());
      level = std::move(next);
    }
  }

  static bool Carries(const Edge& edge) { return edge.amount.value_or(0) > 0; }

  void CountRiskSteps(Name vertex, Side side, int length) {
    std::set<Name> level = {vertex};
    for (int k = 0; k < length && !over_; ++k) {
      std::set<Name> next;
      for (Name name : level) {
        const std::vector<Edge> edges = Passable(name, side);
        Spend(edges.size());
        for (const Edge& edge : edges) {
          if (Carries(edge)) {
            next.insert(Other(edge, name));
          }
        }
      }
      level = std::move(next);
    }
  }

  // As the definition recurs.
  double Risk(Name vertex, Side side, int length, double decay) {
    const double own = OwnRisk(vertex);
    if (length == 0) {
      return own;
    }
    const auto known = known_.find({vertex, length});
    if (known != known_.end()) {
      return known->second;
    }
    long double total = 0;
    std::map<Name, long double> amounts;
    for (const Edge& edge : Passable(vertex, side)) {
      if (Carries(edge)) {
        amounts[Other(edge, vertex)] += *edge.amount;
        total += *edge.amount;
      }
    }
    long double carried = 0;
    for (const auto& [other, amount] : amounts) {
      carried += amount / total * Risk(other, side, length - 1, decay);
    }
    const double risk = total > 0 ? std::max(own, static_cast<double>(decay * carried)) : own;
    known_[{vertex, length}] = risk;
    return risk;
  }

  Datum Ring(Name entity, int length) {
    std::set<Name> entities = {entity};
    std::set<Name> values;
    std::set<Name> new_entities = entities;
    for (int i = 0; i < length && !over_; ++i) {
      std::set<Name> new_values;
      Spread(new_entities, Side::kOut, values, new_values);
      new_entities.clear();
      Spread(new_values, Side::kIn, entities, new_entities);
    }
    return Datum::Int(entities.size());
  }
  void Spread(const std::set<Name>& level, Side side, std::set<Name>& all, std::set<Name>& added) {
    for (Name name : level) {
      const std::vector<Edge> edges = Passable(name, side);
      Spend(edges.size());
      for (const Edge& edge : edges) {
        if (all.insert(Other(edge, name)).second) {
          added.insert(Other(edge, name));
        }
      }
    }
  }

  const GraphShape& shape_;
  std::span<const GraphEvent> events_;
  std::set<std::string> names_;
  std::unordered_map<Name, std::vector<Edge>> edges_;
  std::unordered_map<Name, std::vector<Statement>> risks_;
  std::map<std::pair<Name, int>, double> known_;

  int64_t now_ = 0;
  Name from_ = nullptr;
  Name to_ = nullptr;
  uint64_t steps_ = 0;
  bool over_ = false;
  bool truncated_ = false;
};

}  // namespace

std::vector<GraphValues> BruteForceGraph(const GraphShape& shape,
                                         std::span<const GraphEvent> events) {
  return BruteForce(shape, events).Run();
}

}  // namespace fuqi::decide
