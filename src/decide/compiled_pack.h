#pragma once

// A pack whose fragments are bound and compiled: shared, read-only, any thread.
//
// Features fall into levels: one that reads no other feature is of level 0, any other stands one
// above the highest that it reads. Level k reads the event's columns and all features of the levels
// before it, in level order; its windows hold rows of just these. The features of graphs, which
// read the event alone, stand before level 0 and are columns to all levels; before them, and
// columns to graphs too, stand those of lookups (lookups.h). Behind them stand those of anomalies
// (half_space_trees.h), as columns that are filled in behind the last level that the anomaly reads:
// what reads them is of a level beyond. The rules are the last level, without windows, so that an
// event and its feature row are all that they need.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/lookups.h"
#include "decide/pack.h"
#include "sql/batch.h"
#include "sql/expr.h"
#include "sql/fragment.h"
#include "sql/lineage.h"
#include "sql/program.h"
#include "table/type.h"

namespace fuqi::table {
class Binder;  // table/binder.h: DuckDB's parser and binder over empty tables
}

namespace fuqi::decide {

class CompiledPack {
 public:
  // Every error carries the file, line and column of the fragment at fault. kNotFound: an unknown
  // name; kAlreadyExists: a name that shadows another; kInvalidArgument: features that read each
  // other in a circle; kTypeMismatch: a rule that is no BOOLEAN, a cast that nobody wrote;
  // kUnsupported: what the streaming executor does not run.
  static Result<std::shared_ptr<const CompiledPack>> Compile(Pack pack, table::Binder& binder);

  const Pack& pack() const { return pack_; }
  const table::Schema& event_schema() const { return event_schema_; }
  const table::Schema& feature_schema() const { return feature_schema_; }  // in the pack's order
  int key_column() const { return key_column_; }
  int time_column() const { return time_column_; }

  // The levels of features, then that of the rules.
  const std::vector<sql::Level>& levels() const { return levels_; }
  std::span<const sql::Level> feature_levels() const {
    return std::span(levels_).first(levels_.size() - 1);
  }
  const sql::Level& rule_level() const { return levels_.back(); }
  // What the rule's expression was bound from: its positions are offsets in this text.
  const sql::Fragment& rule_text(size_t rule) const { return items_.back()[rule]; }

  // What the streaming core runs.
  struct Output {
    sql::Program program;
    size_t index;  // of the feature or rule in the pack
    bool reads_windows;
  };

  // A graph of the pack, and what an event says to it.
  struct BoundGraph {
    GraphShape shape;              // its measures are the graph's features, in the pack's order
    std::vector<size_t> features;  // pack index of each
    sql::Level level;              // without windows: the inputs below, in this order
    std::vector<Output> inputs;  // from and to, or the entity and its values; then those there are
    int amount = -1;             // index in the inputs
    int risks[2] = {-1, -1};     // of from or the entity, of to
    // Makes `event` what the values of the inputs say.
    void Read(std::span<const table::Datum> values, int64_t ts_us, uint64_t arrival,
              GraphEvent& event) const;
    std::vector<table::Schema> vertices;  // how each vertex is encoded: one column
  };
  const std::vector<BoundGraph>& graphs() const { return graphs_; }

  // An anomaly of the pack, and what an event says to it.
  struct BoundAnomaly {
    size_t score = 0;  // pack index of its features
    size_t causes = 0;
    int after = -1;    // the level of features behind which it is filled in; -1: none
    sql::Level level;  // without windows: the inputs, in the shape's order
    std::vector<Output> inputs;
    // The point that the values of the inputs are.
    std::vector<std::optional<double>> Read(std::span<const table::Datum> values) const;
  };
  const std::vector<BoundAnomaly>& anomalies() const { return anomalies_; }
  const std::vector<Lookup>& lookups() const { return lookups_; }

  const std::vector<std::vector<Output>>& feature_outputs() const { return feature_outputs_; }
  const std::vector<Output>& rule_outputs() const { return rule_outputs_; }
  // Pack indexes of the features, lookups, those of graphs, of anomalies, then the others in level
  // order: where a level's input keeps feature columns.
  const std::vector<size_t>& features_by_level() const { return features_by_level_; }
  // Instructions that the programs of one event execute at most.
  int steps_max() const;

  // What a careful reader would ask about the pack's decision tables (TableFindings).
  std::vector<Error> Findings() const;

  // Names of the features that would not be exact if events were sharded by the pack's partition
  // column: those that look, themselves or through a feature that they read, through a window whose
  // rows lie in several shards. All that look through a window if the pack names no such column.
  std::vector<std::string> FeaturesAcrossShards() const;

  // The batch form: one SELECT over `events`, a SELECT that gives the event table's columns as they
  // arrive, with the key, every feature and every rule (RuleColumn) as columns, ordered by arrival.
  // DuckDB evaluates the pack's own text; nothing of the streaming executor takes part. All events
  // of `events` enter windows: the caller leaves out those that are out of bounds. What is looked
  // up is read from tables that are given (OwnTables). Where the pack has graphs, their features
  // are given: as columns of a table kGivenGraphs, beside `number`, the event's row from 1 on.
  // So are those of anomalies (kGivenAnomalies), and what standing() gives (kGivenStanding).
  Result<std::string> BatchSql(const std::string& events, sql::Arrivals arrivals) const;
  static constexpr std::string_view kGivenGraphs = "fuqi_graphs";
  // What the events of a SELECT say to a graph: the time, then its inputs, in order of arrival.
  Result<std::string> GraphInputSql(size_t graph, const std::string& events) const;
  static constexpr std::string_view kGivenAnomalies = "fuqi_anomalies";
  // What they say to an anomaly, likewise: the kind, where the pack has several, then its inputs.
  // kGivenAnomalies must have the columns of all, and the values of those filled in before it.
  Result<std::string> AnomalyInputSql(size_t anomaly, const std::string& events,
                                      sql::Arrivals arrivals) const;

  // Column lineage of features and rules down to event columns.
  const std::vector<sql::ColumnLineage>& lineage() const { return lineage_; }

 private:
  friend class PackCompiler;
  CompiledPack() = default;
  CompiledPack(const CompiledPack&) = delete;

  std::string WithLookedUp(const std::string& events) const;
  std::string WithGivenGraphs(const std::string& events) const;
  // With all that is no SQL.
  std::string WithGiven(const std::string& events) const;

  Pack pack_;
  table::Schema event_schema_;
  table::Schema feature_schema_;
  int key_column_ = -1;
  int time_column_ = -1;
  std::vector<sql::Level> levels_;
  std::vector<std::vector<Output>> feature_outputs_;
  std::vector<Output> rule_outputs_;
  std::vector<size_t> features_by_level_;
  std::vector<Lookup> lookups_;
  std::vector<BoundGraph> graphs_;
  std::vector<std::vector<sql::Fragment>> graph_items_;
  std::vector<BoundAnomaly> anomalies_;
  std::vector<std::vector<sql::Fragment>> anomaly_items_;
  std::vector<sql::ColumnLineage> lineage_;
  // The text of each level's outputs, and of all windows, as the batch form needs them. They point
  // into pack_, which does not move once compiled.
  std::vector<std::vector<sql::Fragment>> items_;
  std::vector<sql::Fragment> windows_;
};

// "rule:<id>": the column of a rule in batch forms and lineage.
std::string RuleColumn(const Rule& rule);

}  // namespace fuqi::decide
