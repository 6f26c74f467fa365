// [anomaly.NAME] of a pack.

#include <fmt/format.h>

#include <cmath>

#include "crypto/sha256.h"
#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

constexpr std::string_view kCauses = "_causes";
constexpr std::string_view kChance = "fuqi half-space trees 1";

// Of the pack's and the anomaly's name: the same in every version of the pack, other for every
// other anomaly.
uint64_t SeedOf(const Pack& pack, const Anomaly& anomaly) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Text(kChance);
  writer.Text(pack.name);
  writer.Text(anomaly.name);
  const Digest digest = crypto::Sha256(bytes);
  return ByteReader(digest).Fixed<uint64_t>();
}

Result<HalfSpaceShape::Range> ReadRange(const TomlNode& input) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, input.Required<TomlNode>("range"));
  FUQI_ASSIGN_OR_RETURN(std::vector<double> ends, node.As<std::vector<double>>());
  if (ends.size() != 2 || !(ends[0] < ends[1]) || !std::isfinite(ends[1] - ends[0])) {
    return node.Fail("a range is two finite numbers, the smaller one first: [0, 24]");
  }
  return HalfSpaceShape::Range{ends[0], ends[1]};
}

Result<void> ReadInputs(const TomlNode& node, const Pack& pack, Anomaly& anomaly) {
  FUQI_ASSIGN_OR_RETURN(TomlNode table, node.Required<TomlNode>("input"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, table.Entries());
  if (entries.empty() || entries.size() > kHalfSpaceInputsMax) {
    return table.Fail("{} inputs; an anomaly has 1 to {}", entries.size(), kHalfSpaceInputsMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
    FUQI_ASSIGN_OR_RETURN(Fragment sql, internal::RequiredFragment(entry.value, "sql"));
    FUQI_ASSIGN_OR_RETURN(HalfSpaceShape::Range range, ReadRange(entry.value));
    if (!anomaly.on.empty()) {
      sql = internal::OnKinds(sql, pack, anomaly.on, "NULL");
    }
    anomaly.inputs.push_back({entry.key, std::move(sql)});
    anomaly.shape.inputs.push_back(range);
  }
  return {};
}

Feature FeatureOf(const Anomaly& anomaly, std::string name, std::string_view what,
                  const Where& where, int number) {
  std::vector<std::string_view> inputs;
  inputs.reserve(anomaly.inputs.size());
  for (const Anomaly::Input& input : anomaly.inputs) {
    inputs.push_back(input.name);
  }
  Feature feature;
  feature.name = std::move(name);
  feature.sql.text = fmt::format("{}.{}({})", anomaly.name, what, fmt::join(inputs, ", "));
  feature.sql.where = where;
  feature.anomaly = number;
  return feature;
}

Result<void> ReadAnomaly(const TomlNode::Entry& entry, Pack& pack) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  const TomlNode& node = entry.value;
  if (entry.key.size() + kCauses.size() > kNameBytesMax) {
    return Err(ErrorCode::kConfig, "'{}' is too long: with '{}' a name has at most {} bytes",
               entry.key, kCauses, kNameBytesMax)
        .At(entry.where);
  }
  Anomaly anomaly;
  anomaly.name = entry.key;
  FUQI_ASSIGN_OR_RETURN(anomaly.on, internal::ReadOn(node, pack));
  FUQI_RETURN_IF_ERROR(ReadInputs(node, pack, anomaly));
  HalfSpaceShape& shape = anomaly.shape;
  FUQI_RETURN_IF_ERROR(node.Required<int64_t>("window"));
  FUQI_ASSIGN_OR_RETURN(
      shape.window,
      internal::ReadWhole(node, "window", shape.window, kHalfSpaceWindowMin, kHalfSpaceWindowMax));
  FUQI_ASSIGN_OR_RETURN(const int64_t trees,
                        internal::ReadWhole(node, "trees", shape.trees, 1, kHalfSpaceTreesMax));
  FUQI_ASSIGN_OR_RETURN(const int64_t depth,
                        internal::ReadWhole(node, "depth", shape.depth, 1, kHalfSpaceDepthMax));
  shape.trees = static_cast<int>(trees);
  shape.depth = static_cast<int>(depth);
  shape.seed = SeedOf(pack, anomaly);

  const auto number = static_cast<int>(pack.anomalies.size());
  Feature score = FeatureOf(anomaly, anomaly.name, "score", entry.where, number);
  FUQI_ASSIGN_OR_RETURN(score.title, internal::ReadTitle(node));
  pack.features.push_back(std::move(score));
  pack.features.push_back(
      FeatureOf(anomaly, anomaly.name + std::string(kCauses), "causes", entry.where, number));
  pack.anomalies.push_back(std::move(anomaly));
  return {};
}

}  // namespace

Result<void> internal::ReadAnomalies(const TomlNode& root, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> anomalies, root.Optional<TomlNode>("anomaly"));
  if (!anomalies) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, anomalies->Entries());
  if (entries.size() > kPackAnomaliesMax ||
      pack.features.size() + 2 * entries.size() > kPackFeaturesMax) {
    return anomalies->Fail("{} anomalies; a pack may have {}, and {} features", entries.size(),
                           kPackAnomaliesMax, kPackFeaturesMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(ReadAnomaly(entry, pack));
  }
  return {};
}

}  // namespace fuqi::decide
