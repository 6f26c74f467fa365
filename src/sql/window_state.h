#pragma once

// The windows of one level, kept up to date one event at a time.
//
// Events come in arrival order, each with its own time. A row's frame holds the rows that arrived
// no later and whose time lies in [time - length, time]; rows of equal time come in arrival order.
// So the value for a late row is taken as of its own time, the row is then seen by later rows at
// its own time, and values given before stand. In time order this equals DuckDB's
//   ORDER BY seq_time RANGE BETWEEN (seq_time - (ts - length) * 2^32) PRECEDING AND CURRENT ROW,
//   seq_time = ts * 2^32 + arrival.
//
// A frame may also begin some months or rows back, and end some time or rows before its row.
//
// Windows with the same partition expressions share one store: per key one time-ordered ring of
// events, per frame a span of it with running aggregates. Sums are kept without rounding, of DOUBLE
// too, so that what leaves a frame is subtracted and the value depends on the frame's rows alone.
// Rows that no frame of an event to come can reach are dropped, and keys with them: also those of a
// day or month (a partition by date_trunc of the time) that is past. Of a frame without beginning
// what no event can come before any more is folded into one base value; only the rows within
// lateness remain.
//
// An event in time order costs amortised O(1) steps for each window; for quantile_disc a walk over
// blocks of different values, for string_agg over the different texts. Where a month's frame
// reaches further back for a later row it takes up again at most a day's rows. An event that is
// late for its key costs the rows of its frames.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sql/expr.h"
#include "sql/program.h"

namespace fuqi::sql {

class WindowState {
 public:
  // kUnsupported names the window function, or a construct in its argument; `*error_at`, if given,
  // becomes its place in the fragment, or -1. `lateness_us` ≥ 0.
  static Result<WindowState> Compile(const Level& level, int64_t lateness_us,
                                     Position* error_at = nullptr);
  WindowState(WindowState&&) noexcept;
  WindowState& operator=(WindowState&&) noexcept;
  ~WindowState();

  // Adds the row and gives the value of each of the level's windows for it, in their order. `ts_us`
  // ≥ the greatest so far minus lateness; `arrival` greater than all before (FUQI_CHECK). On error
  // (a program's, or a sum beyond its type: the first) the row HAS been added: every admitted event
  // enters the windows. An argument that failed counts as NULL, a filter as not true; only a failed
  // partition expression keeps the row out of its windows. Texts in the results live in `scratch`.
  Result<std::vector<table::Datum>> Push(std::span<const table::Datum> columns, int64_t ts_us,
                                         uint64_t arrival, Scratch& scratch);

  // The whole state in one form that depends only on the rows pushed. Restore takes what Save wrote
  // for the same definitions and lateness and refuses anything else (kParse; the state is then
  // empty).
  void Save(Bytes& out) const;
  Result<void> Restore(ByteView bytes);

  uint64_t keys() const;  // partition keys held now; those that no longer matter may be among them
  uint64_t state_bytes() const;  // memory held now, estimated
  uint64_t steps() const;        // entries touched so far: evictions, insertions, recomputations

 private:
  struct Impl;
  explicit WindowState(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::sql
