#include <fmt/format.h>

#include <array>

#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

// Which keys a measure has.
struct MeasureKeys {
  Measure measure;
  bool flows = true;    // in a graph of flows
  bool shares = false;  // in a graph of sharing
  bool has_of = true;
  bool has_side = false;
  bool any_side = false;
  bool has_length = false;
  bool reads_amount = false;
  bool reads_risk = false;
};
constexpr std::array<MeasureKeys, 16> kMeasures = {{
    {.measure = Measure::kFanIn},
    {.measure = Measure::kFanOut},
    {.measure = Measure::kCounterparties},
    {.measure = Measure::kReciprocal},
    {.measure = Measure::kAmountMean, .has_side = true, .reads_amount = true},
    {.measure = Measure::kAmountVariance, .has_side = true, .reads_amount = true},
    {.measure = Measure::kAmountSkew, .has_side = true, .reads_amount = true},
    {.measure = Measure::kAgeMean, .has_side = true},
    {.measure = Measure::kAgeVariance, .has_side = true},
    {.measure = Measure::kAgeSkew, .has_side = true},
    {.measure = Measure::kGatherScatter},
    {.measure = Measure::kScatterGather, .has_side = true},
    {.measure = Measure::kCycles, .has_of = false, .has_length = true},
    {.measure = Measure::kHops,
     .shares = true,
     .has_side = true,
     .any_side = true,
     .has_length = true,
     .reads_risk = true},
    {.measure = Measure::kRisk,
     .has_side = true,
     .has_length = true,
     .reads_amount = true,
     .reads_risk = true},
    {.measure = Measure::kRing, .flows = false, .shares = true, .has_length = true},
}};

constexpr int64_t kDegreeMost = 1'000'000;
constexpr int64_t kStepsMost = 10'000'000;

Result<const MeasureKeys*> ReadMeasure(const TomlNode& table, bool shares) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>("measure"));
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  std::vector<std::string> names;
  for (const MeasureKeys& keys : kMeasures) {
    if (shares ? !keys.shares : !keys.flows) {
      continue;
    }
    names.emplace_back(MeasureName(keys.measure));
    if (names.back() == name) {
      return &keys;
    }
  }
  return node.Fail("'{}' is no measure of this graph: one of {}", name,
                   fmt::format("{}", fmt::join(names, ", ")));
}

Result<Side> ReadSide(const TomlNode& table, const MeasureKeys& keys) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>("side"));
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  if (name == "in") {
    return Side::kIn;
  }
  if (name == "out") {
    return Side::kOut;
  }
  if (name == "any" && keys.any_side) {
    return Side::kAny;
  }
  return node.Fail("'{}' is no side of '{}': one of {}", name, MeasureName(keys.measure),
                   keys.any_side ? "in, out, any" : "in, out");
}

// What the measure reads, as its keys say it: "hops(to, in, 3)".
std::string Describe(const GraphMeasure& measure, const MeasureKeys& keys, bool shares) {
  std::vector<std::string> parts;
  if (keys.has_of) {
    parts.emplace_back(shares ? "entity" : measure.of_to ? "to" : "from");
  }
  if (keys.has_side) {
    parts.emplace_back(measure.side == Side::kIn    ? "in"
                       : measure.side == Side::kOut ? "out"
                                                    : "any");
  }
  if (keys.has_length) {
    parts.push_back(measure.measure == Measure::kCycles
                        ? fmt::format("{}–{}", measure.length_min, measure.length)
                        : std::to_string(measure.length));
  }
  if (measure.measure == Measure::kRisk) {
    parts.push_back(fmt::format("{}", measure.decay));
  }
  return fmt::format("{}({})", MeasureName(measure.measure), fmt::join(parts, ", "));
}

Result<Feature> ReadFeature(const TomlNode::Entry& entry, const Graph& graph, int number) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  const TomlNode& node = entry.value;
  FUQI_ASSIGN_OR_RETURN(const MeasureKeys* keys, ReadMeasure(node, graph.shares));
  Feature feature;
  feature.name = entry.key;
  feature.graph = number;
  GraphMeasure& measure = feature.measure;
  measure.measure = keys->measure;
  if (keys->has_of && !graph.shares) {
    FUQI_ASSIGN_OR_RETURN(TomlNode of, node.Required<TomlNode>("of"));
    FUQI_ASSIGN_OR_RETURN(std::string end, of.As<std::string>());
    if (end != "from" && end != "to") {
      return of.Fail("'{}' is no end of an edge: from or to", end);
    }
    measure.of_to = end == "to";
  }
  measure.side = Side::kAny;
  if (keys->has_side && !graph.shares) {
    FUQI_ASSIGN_OR_RETURN(measure.side, ReadSide(node, *keys));
  }
  if (keys->has_length) {
    FUQI_RETURN_IF_ERROR(node.Required<int64_t>("length"));
    const int64_t least = keys->measure == Measure::kCycles ? 2 : 1;
    FUQI_ASSIGN_OR_RETURN(int64_t length,
                          internal::ReadWhole(node, "length", 0, least, kGraphLengthMax));
    measure.length = static_cast<int>(length);
  }
  if (keys->measure == Measure::kCycles) {
    FUQI_ASSIGN_OR_RETURN(int64_t least,
                          internal::ReadWhole(node, "length_min", 2, 2, measure.length));
    measure.length_min = static_cast<int>(least);
  }
  if (keys->measure == Measure::kRisk) {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> decay, node.Optional<TomlNode>("decay"));
    if (decay) {
      FUQI_ASSIGN_OR_RETURN(measure.decay, decay->As<double>());
      if (!(measure.decay > 0 && measure.decay <= 1)) {
        return decay->Fail("a decay is greater than 0 and at most 1");
      }
    }
  }
  if (keys->reads_amount && !graph.amount) {
    return node.Fail("'{}' reads amounts: the graph names none by 'amount'",
                     MeasureName(keys->measure));
  }
  if (keys->reads_risk && !graph.from_risk && !graph.to_risk) {
    return node.Fail("'{}' reads risks: the graph names none by {}", MeasureName(keys->measure),
                     graph.shares ? "'risk'" : "'from_risk' or 'to_risk'");
  }
  FUQI_ASSIGN_OR_RETURN(feature.title, internal::ReadTitle(node));
  feature.sql.text = fmt::format("{}.{}", graph.name, Describe(measure, *keys, graph.shares));
  feature.sql.where = node.where();
  return feature;
}

Result<void> ReadOptional(const TomlNode& table, std::string_view key,
                          std::optional<Fragment>& out) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, table.Optional<TomlNode>(key));
  if (node) {
    FUQI_ASSIGN_OR_RETURN(out, internal::ReadFragment(*node));
  }
  return {};
}

Result<void> ReadEnds(const TomlNode& table, Graph& graph) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> entity, table.Optional<TomlNode>("entity"));
  graph.shares = entity.has_value();
  if (!graph.shares) {
    FUQI_ASSIGN_OR_RETURN(graph.from, internal::RequiredFragment(table, "from"));
    FUQI_ASSIGN_OR_RETURN(Fragment to, internal::RequiredFragment(table, "to"));
    graph.to.push_back(std::move(to));
    FUQI_RETURN_IF_ERROR(ReadOptional(table, "amount", graph.amount));
    FUQI_RETURN_IF_ERROR(ReadOptional(table, "from_risk", graph.from_risk));
    return ReadOptional(table, "to_risk", graph.to_risk);
  }
  FUQI_ASSIGN_OR_RETURN(graph.from, internal::ReadFragment(*entity));
  FUQI_ASSIGN_OR_RETURN(TomlNode shared, table.Required<TomlNode>("shared"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> values, shared.As<std::vector<TomlNode>>());
  if (values.empty() || values.size() > kGraphValuesMax) {
    return shared.Fail("{} shared values; a graph has 1 to {}", values.size(), kGraphValuesMax);
  }
  for (const TomlNode& value : values) {
    FUQI_ASSIGN_OR_RETURN(Fragment fragment, internal::ReadFragment(value));
    graph.to.push_back(std::move(fragment));
  }
  return ReadOptional(table, "risk", graph.from_risk);
}

}  // namespace

Result<void> internal::ReadGraphs(const TomlNode& root, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> graphs, root.Optional<TomlNode>("graph"));
  if (!graphs) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, graphs->Entries());
  if (entries.size() > kPackGraphsMax) {
    return graphs->Fail("{} graphs; a pack may have {}", entries.size(), kPackGraphsMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(CheckName(entry));
    Graph graph;
    graph.name = entry.key;
    FUQI_RETURN_IF_ERROR(ReadEnds(entry.value, graph));
    FUQI_RETURN_IF_ERROR(entry.value.Required<Duration>("window"));
    FUQI_RETURN_IF_ERROR(ReadSpan(entry.value, "window", 0, graph.window_us));
    FUQI_ASSIGN_OR_RETURN(graph.degree_max, internal::ReadWhole(entry.value, "degree_max",
                                                                graph.degree_max, 1, kDegreeMost));
    FUQI_ASSIGN_OR_RETURN(graph.steps_max, internal::ReadWhole(entry.value, "steps_max",
                                                               graph.steps_max, 1, kStepsMost));
    FUQI_ASSIGN_OR_RETURN(TomlNode features, entry.value.Required<TomlNode>("feature"));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> feature_entries, features.Entries());
    if (feature_entries.empty() ||
        feature_entries.size() > kPackFeaturesMax - pack.features.size()) {
      return features.Fail("{} features; a graph has at least one, a pack at most {}",
                           feature_entries.size(), kPackFeaturesMax);
    }
    for (const TomlNode::Entry& feature : feature_entries) {
      FUQI_ASSIGN_OR_RETURN(Feature read,
                            ReadFeature(feature, graph, static_cast<int>(pack.graphs.size())));
      pack.features.push_back(std::move(read));
    }
    pack.graphs.push_back(std::move(graph));
  }
  return {};
}

}  // namespace fuqi::decide
