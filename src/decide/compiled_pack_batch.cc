// The batch form of a pack, and what events say to its graphs and anomalies.

#include <fmt/format.h>

#include <utility>

#include "decide/compiled_pack.h"

namespace fuqi::decide {

Result<std::string> CompiledPack::BatchSql(const std::string& events,
                                           sql::Arrivals arrivals) const {
  sql::Batch batch;
  batch.source = WithGiven(events);
  batch.windows = windows_;
  for (size_t k = 0; k < levels_.size(); ++k) {
    batch.levels.push_back({&levels_[k], items_[k]});
  }
  batch.columns.push_back(pack_.key);
  for (const Feature& feature : pack_.features) {
    batch.columns.push_back(feature.name);
  }
  for (const Rule& rule : pack_.rules) {
    batch.columns.push_back(RuleColumn(rule));
  }
  return sql::BatchSql(batch, arrivals);
}

std::string CompiledPack::WithLookedUp(const std::string& events) const {
  return lookups_.empty() ? events : WithLookups(pack_, event_schema_, lookups_, events);
}

std::string CompiledPack::WithGivenGraphs(const std::string& events) const {
  std::string columns;
  auto add = [&](std::string_view table, const std::string& name) {
    columns += fmt::format("{}{}.{}", columns.empty() ? "" : ", ", table, table::QuoteName(name));
  };
  for (const table::Column& column : event_schema_) {
    add("event", column.name);
  }
  for (const Lookup& lookup : lookups_) {
    add("event", pack_.features[lookup.feature].name);
  }
  for (const BoundGraph& graph : graphs_) {
    for (size_t feature : graph.features) {
      add("given", pack_.features[feature].name);
    }
  }
  return fmt::format(
      "SELECT {} FROM (SELECT *, row_number() OVER () AS fuqi_number FROM (\n{}\n)) event "
      "JOIN {} given ON given.number = event.fuqi_number ORDER BY given.number",
      columns, events, kGivenGraphs);
}

Result<std::string> CompiledPack::GraphInputSql(size_t graph, const std::string& events) const {
  sql::Batch batch;
  batch.source = WithLookedUp(events);
  batch.levels.push_back({&graphs_[graph].level, graph_items_[graph]});
  batch.columns.push_back(pack_.time);
  for (const sql::Level::Output& output : graphs_[graph].level.outputs) {
    batch.columns.push_back(output.name);
  }
  return sql::BatchSql(batch, sql::Arrivals::kInOrder);
}

void CompiledPack::BoundGraph::Read(std::span<const table::Datum> values, int64_t ts_us,
                                    uint64_t arrival, GraphEvent& event) const {
  event.ts_us = ts_us;
  event.arrival = arrival;
  event.nodes.resize(vertices.size());
  Bytes bytes;
  for (size_t i = 0; i < vertices.size(); ++i) {
    bytes.clear();
    if (!values[i].is_null()) {
      // Values of different columns that are shared are never one vertex.
      bytes.push_back(shape.shares ? static_cast<uint8_t>(i) : 0);
      table::EncodeRow(vertices[i], values.subspan(i, 1), bytes);
    }
    event.nodes[i] = AsText(bytes);
  }
  event.amount = amount >= 0 ? values[amount] : table::Datum::Null();
  for (int i : {0, 1}) {
    event.risks[i] = risks[i] >= 0 ? values[risks[i]] : table::Datum::Null();
  }
}

std::string CompiledPack::WithGiven(const std::string& events) const {
  std::string source = WithLookedUp(events);
  if (!graphs_.empty()) {
    source = WithGivenGraphs(source);
  }
  if (anomalies_.empty()) {
    return source;
  }
  std::string columns;
  for (const BoundAnomaly& anomaly : anomalies_) {
    for (size_t feature : {anomaly.score, anomaly.causes}) {
      columns += ", given." + table::QuoteName(pack_.features[feature].name);
    }
  }
  return fmt::format(
      "SELECT event.* EXCLUDE (fuqi_number){} FROM (SELECT *, row_number() OVER () AS fuqi_number "
      "FROM (\n{}\n)) event LEFT JOIN {} given ON given.number = event.fuqi_number ORDER BY "
      "event.fuqi_number",
      columns, source, kGivenAnomalies);
}

Result<std::string> CompiledPack::AnomalyInputSql(size_t anomaly, const std::string& events,
                                                  sql::Arrivals arrivals) const {
  const BoundAnomaly& bound = anomalies_[anomaly];
  sql::Batch batch;
  batch.source = WithGiven(events);
  batch.windows = windows_;
  for (size_t k = 0; std::cmp_less_equal(k, bound.after); ++k) {
    batch.levels.push_back({&levels_[k], items_[k]});
  }
  batch.levels.push_back({&bound.level, anomaly_items_[anomaly]});
  if (pack_.kind_column() >= 0) {
    batch.columns.emplace_back(kKindColumn);
  }
  for (const sql::Level::Output& output : bound.level.outputs) {
    batch.columns.push_back(output.name);
  }
  return sql::BatchSql(batch, arrivals);
}

std::vector<std::optional<double>> CompiledPack::BoundAnomaly::Read(
    std::span<const table::Datum> values) const {
  std::vector<std::optional<double>> point(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const table::Datum& value = values[i];
    if (value.kind == table::Datum::Kind::kDouble) {
      point[i] = value.d;
    } else if (!value.is_null()) {
      double unit = 1;
      for (int digits = level.outputs[i].expr.type.scale; digits > 0; --digits) {
        unit *= 10;
      }
      point[i] = static_cast<double>(value.i) / unit;
    }
  }
  return point;
}

}  // namespace fuqi::decide
