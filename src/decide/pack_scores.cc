// [score.NAME] of a pack.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

constexpr size_t kPointsMax = 500;
constexpr size_t kBandsMax = 50;
constexpr int64_t kPointsMost = 1'000'000'000;

Result<int64_t> ReadPoints(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(int64_t value, node.As<int64_t>());
  if (value < -kPointsMost || value > kPointsMost) {
    return node.Fail("{} is not within {} and {}", value, -kPointsMost, kPointsMost);
  }
  return value;
}

Result<std::string> ReadId(const TomlNode& table, std::string_view key,
                           std::set<std::string>& taken) {
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>(key));
  FUQI_ASSIGN_OR_RETURN(std::string id, node.As<std::string>());
  FUQI_RETURN_IF_ERROR(internal::CheckName({id, node.where(), node}));
  if (!taken.insert(id).second) {
    return node.Fail("'{}' stands here a second time", id);
  }
  return id;
}

// Of one score: reads it and adds its features and rules to the pack.
class ScoreReader {
 public:
  ScoreReader(const TomlNode::Entry& entry, Pack& pack)
      : node_(entry.value), where_(entry.where), pack_(pack) {
    score_.name = entry.key;
  }

  Result<void> Run() {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> base, node_.Optional<TomlNode>("base"));
    int64_t start = 0;
    if (base) {
      FUQI_ASSIGN_OR_RETURN(start, ReadPoints(*base));
    }
    FUQI_ASSIGN_OR_RETURN(Bilingual title, internal::ReadTitle(node_));
    FUQI_RETURN_IF_ERROR(ReadAllPoints());
    std::string sum = fmt::format("CAST({} AS BIGINT)", start);
    for (const Score::Points& points : score_.points) {
      sum += " + " + table::QuoteName(pack_.features[points.feature].name);
    }
    AddFeature(score_.name, std::move(sum)).title = std::move(title);
    FUQI_RETURN_IF_ERROR(ReadBands());
    pack_.scores.push_back(std::move(score_));
    return {};
  }

 private:
  Feature& AddFeature(std::string name, std::string sql) {
    Feature& feature = pack_.features.emplace_back();
    feature.name = std::move(name);
    feature.sql.text = std::move(sql);
    feature.sql.where = where_;
    feature.sql.parts.push_back({0, where_, {}});
    feature.origin = "score." + score_.name;
    return feature;
  }

  Result<void> ReadAllPoints() {
    FUQI_ASSIGN_OR_RETURN(TomlNode array, node_.Required<TomlNode>("points"));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, array.As<std::vector<TomlNode>>());
    if (nodes.empty() || nodes.size() > kPointsMax) {
      return array.Fail("{} conditions; a score has 1 to {}", nodes.size(), kPointsMax);
    }
    std::set<std::string> taken;
    for (const TomlNode& node : nodes) {
      Score::Points points;
      FUQI_ASSIGN_OR_RETURN(points.id, ReadId(node, "id", taken));
      FUQI_ASSIGN_OR_RETURN(points.when, internal::RequiredFragment(node, "when"));
      FUQI_ASSIGN_OR_RETURN(TomlNode add, node.Required<TomlNode>("add"));
      FUQI_ASSIGN_OR_RETURN(points.add, ReadPoints(add));
      FUQI_ASSIGN_OR_RETURN(TomlNode reason, node.Required<TomlNode>("reason"));
      FUQI_ASSIGN_OR_RETURN(points.reason, internal::ReadBilingual(reason));
      // A line break keeps a comment at the condition's end from swallowing what follows.
      const std::string begin = "CASE WHEN (";
      points.feature = pack_.features.size();
      Feature& feature =
          AddFeature(fmt::format("{}_{}", score_.name, points.id),
                     fmt::format("{}{}\n) THEN CAST({} AS BIGINT) ELSE CAST(0 AS BIGINT) END",
                                 begin, points.when.text, points.add));
      feature.sql.where = points.when.where;
      feature.sql.parts.push_back({begin.size(), points.when.where, points.when.node});
      feature.sql.parts.push_back({begin.size() + points.when.text.size(), points.when.where, {}});
      feature.title = points.reason;
      score_.points.push_back(std::move(points));
    }
    return {};
  }

  // In rising order, each but the last with the bound that it lies below, so that every score is in
  // just one.
  Result<void> ReadBands() {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> array, node_.Optional<TomlNode>("band"));
    if (!array) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, array->As<std::vector<TomlNode>>());
    if (nodes.size() < 2 || nodes.size() > kBandsMax) {
      return array->Fail("{} bands; a score has 2 to {}, or none", nodes.size(), kBandsMax);
    }
    const std::string column = score_.name + "_band";
    std::string sql = "CASE";
    std::set<std::string> taken;
    std::optional<int64_t> before;
    for (size_t i = 0; i < nodes.size(); ++i) {
      FUQI_ASSIGN_OR_RETURN(std::string id, ReadId(nodes[i], "id", taken));
      FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> below, nodes[i].Optional<TomlNode>("below"));
      if (below.has_value() != (i + 1 < nodes.size())) {
        return nodes[i].Fail("every band but the last says what it lies 'below'");
      }
      if (below) {
        FUQI_ASSIGN_OR_RETURN(int64_t bound, ReadPoints(*below));
        if (before && bound <= *before) {
          return below->Fail("bands rise: {} does not lie above {}", bound, *before);
        }
        before = bound;
        sql += fmt::format(" WHEN {} < {} THEN '{}'", table::QuoteName(score_.name), bound, id);
      } else {
        sql +=
            fmt::format(" WHEN {} >= {} THEN '{}' END", table::QuoteName(score_.name), *before, id);
      }
      FUQI_RETURN_IF_ERROR(ReadAction(nodes[i], column, id));
    }
    AddFeature(column, std::move(sql));
    return {};
  }

  // A band that asks for an action is a rule.
  Result<void> ReadAction(const TomlNode& band, const std::string& column, const std::string& id) {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> then, band.Optional<TomlNode>("then"));
    if (!then) {
      return {};
    }
    Rule rule;
    rule.where = band.where();
    rule.id = fmt::format("{}_{}", score_.name, id);
    if (std::ranges::find(pack_.rules, rule.id, &Rule::id) != pack_.rules.end()) {
      return band.Fail("a second rule of the id '{}'", rule.id);
    }
    rule.score = static_cast<int>(pack_.scores.size());
    rule.when.text = fmt::format("{} = '{}'", column, id);
    rule.when.where = band.where();
    FUQI_RETURN_IF_ERROR(internal::ReadRuleBody(band, pack_, rule));
    pack_.rules.push_back(std::move(rule));
    return {};
  }

  const TomlNode& node_;
  const Where where_;
  Pack& pack_;
  Score score_;
};

}  // namespace

Result<void> internal::ReadScores(const TomlNode& root, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> scores, root.Optional<TomlNode>("score"));
  if (!scores) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, scores->Entries());
  if (entries.size() > kPackScoresMax) {
    return scores->Fail("{} scores; a pack may have {}", entries.size(), kPackScoresMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(CheckName(entry));
    FUQI_RETURN_IF_ERROR(ScoreReader(entry, pack).Run());
  }
  if (pack.features.size() > kPackFeaturesMax) {
    return scores->Fail("{} features; a pack may have {}", pack.features.size(), kPackFeaturesMax);
  }
  return {};
}

}  // namespace fuqi::decide
