#pragma once

// A pack whose fragments are bound and compiled: shared, read-only, any thread.

#include <memory>
#include <string>
#include <vector>

#include "decide/pack.h"
#include "sql/expr.h"
#include "sql/lineage.h"

namespace fuqi::table {
class Binder;  // table/binder.h: DuckDB's parser and binder over empty tables
}

namespace fuqi::decide {

class CompiledPack {
 public:
  // Every error carries the file, line and column of the fragment: unknown or shadowing names, cycles, implicit casts, constructs that
  // the streaming executor refuses, a rule that is no BOOLEAN.
  static Result<std::shared_ptr<const CompiledPack>> Compile(Pack pack, table::Binder& binder);

  const Pack& pack() const { return pack_; }
  const table::Schema& event_schema() const { return event_schema_; }
  const table::Schema& feature_schema() const { return feature_schema_; }  // in the pack's feature order
  int key_column() const { return key_column_; }
  int time_column() const { return time_column_; }

  // Features by dependency level, then one level whose outputs are the rules. Level k reads the event's columns and all features of the
  // levels before it.
  const std::vector<sql::Level>& levels() const { return levels_; }

  // The batch form: one SELECT over a relation `event_source` (SQL text giving the event table's columns in arrival order), with the key,
  // every feature and every rule ("rule:<id>") as columns, ordered by arrival. `late_arrivals` gives the form whose frames respect
  // arrival order for any order of times (a join); false the faster one, right when times never go back.
  std::string BatchSql(const std::string& event_source, bool late_arrivals) const;

  // Column lineage of features and rules down to event columns.
  const std::vector<sql::ColumnLineage>& lineage() const { return lineage_; }

 private:
  CompiledPack() = default;
  Pack pack_;
  table::Schema event_schema_;
  table::Schema feature_schema_;
  int key_column_ = -1;
  int time_column_ = -1;
  std::vector<sql::Level> levels_;
  std::vector<sql::ColumnLineage> lineage_;
};

}  // namespace fuqi::decide
