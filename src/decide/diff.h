#pragma once

// A pack on the same events in batch and as a stream, cell by cell: DuckDB runs the pack's text as
// one statement, the core decides event by event, and every feature and rule of every event must
// agree. Where a pack has standing actions, so must every action: it is made anew of the batch's
// rules and of a plain list of all that was ever set.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "decide/source.h"

namespace fuqi::decide {

struct Mismatch {
  uint64_t row = 0;  // of the source, from 1
  std::string key;
  std::string column;
  std::string batch;
  std::string stream;
};

struct DiffResult {
  static constexpr size_t kListedMax = 20;

  uint64_t events = 0;
  uint64_t cells = 0;       // compared: features and rules of each event
  uint64_t mismatches = 0;  // of these
  // Not identical and within the bound of docs/sql.md for constructs that are tolerant.
  uint64_t tolerated = 0;
  // Events too late or too far ahead: the batch leaves them out, the stream must flag just these
  // and give them no features.
  uint64_t out_of_bounds = 0;
  std::vector<Mismatch> first;  // at most kListedMax
};

// What the pack's graphs give each of these events: the table that its batch form reads, by the
// brute force (graph_brute.h) over what DuckDB makes of the graphs' inputs. `events` as BatchSql
// takes it; `run` gives a statement's rows.
struct GivenGraphs {
  table::Relation relation;
  std::vector<bool> truncated;  // of each event
};
Result<GivenGraphs> GiveGraphs(
    const CompiledPack& pack, const std::string& events,
    const std::function<Result<table::RowStream>(const std::string& sql)>& run);

// What the pack's anomalies give each event of a SELECT, as the table that BatchSql needs: by the
// brute force (half_space_brute.h) over what DuckDB makes of their inputs, in order of arrival,
// those first that others may read. `run` gives the rows of a statement that reads the table as it
// is so far, beside all else that BatchSql reads.
Result<table::Relation> GiveAnomalies(
    const CompiledPack& pack, const std::string& events, sql::Arrivals arrivals,
    const std::function<Result<table::RowStream>(const std::string& sql,
                                                 const table::Relation& so_far)>& run);

// Reads the source three times, and once for each graph and anomaly. Where times go back, the batch
// form joins each row with its past: its cost grows with the square of a partition's rows. An error
// in the batch statement (a failed cast, an overflow) is the result's error; a stream keeps
// deciding there.
Result<DiffResult> Diff(const DataAccess& access, const std::shared_ptr<const CompiledPack>& pack,
                        const SourcePlan& plan, const std::function<void(uint64_t)>& progress = {});

}  // namespace fuqi::decide
