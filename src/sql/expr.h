#pragma once

// The typed tree of one SELECT level: what DuckDB's binder made of the text, in the few node kinds
// that an executor needs. All names are resolved, all casts explicit, macros expanded; types are
// DuckDB's and never inferred here.

#include <optional>
#include <string>
#include <vector>

#include "sql/fragment.h"
#include "table/datum.h"
#include "table/type.h"

namespace fuqi::sql {

struct Expr {
  enum class Kind : uint8_t {
    kConstant,  // `constant`
    kColumn,    // input column `column`
    kWindow,    // result of window `column` of the same level
    kCast,      // children[0] to `type`; `try_cast`: NULL instead of an error
    kCall,      // function or operator `name` (DuckDB's: "+", "~~", "date_trunc") on children
    kCompare,   // `name` is one of = <> < <= > >= "IS DISTINCT FROM" "IS NOT DISTINCT FROM"
    kAnd,       // n-ary
    kOr,        // n-ary
    kNot,
    kIsNull,
    kIsNotNull,
    kIn,  // children[0] among the others
    kNotIn,
    kCase,  // when, then, when, then, …, else
    kCoalesce,
  };

  Kind kind = Kind::kConstant;
  table::Type type;
  std::vector<Expr> children;
  std::string name;
  int column = -1;
  bool try_cast = false;
  // kConstant: one value, which may be NULL; the row owns its text.
  table::Row constant;
  Position position = -1;  // in the fragment that the node came from
};

// One window function. Frames are over the event's time and, for equal times, its arrival: `ORDER
// BY <time> RANGE …` of a pack means ordering by (time, arrival), so that no two rows are peers.
struct Window {
  // Where the frame begins.
  enum class Frame : uint8_t {
    kRange,      // time - length_months - length_us, inclusive
    kUnbounded,  // the first row
    kRows,       // `rows` rows back
  };

  std::string
      function;  // "count_star", "count", "sum", "avg", "min", "max", "lag", "first", "last", …
  std::vector<Expr> args;      // over the input columns
  std::optional<Expr> filter;  // rows for which it is not true do not count
  bool distinct = false;
  std::vector<Expr> partitions;  // over the input columns
  Frame frame = Frame::kUnbounded;
  int64_t length_us = 0;      // kRange; > 0 unless there are months
  int32_t length_months = 0;  // kRange; ≥ 0
  int64_t rows = 0;           // kRows; ≥ 0
  // Where it ends: with this row, or that much before it. One of them is 0.
  int64_t gap_us = 0;
  int64_t gap_rows = 0;
  int64_t offset = 1;             // lag: how many rows back
  std::optional<Expr> fallback;   // lag: the value when there is no such row; constant
  std::optional<Expr> parameter;  // quantile_disc: which; string_agg: what stands between; constant
  table::Type type;               // of the result
  Position position = -1;

  bool ends_here() const { return gap_us == 0 && gap_rows == 0; }
  // How far back its rows lie at most; none where time does not bound it.
  std::optional<int64_t> reach_us() const;
};

// Equal but for positions.
bool SameExpr(const Expr& a, const Expr& b);
bool SameWindow(const Window& a, const Window& b);

// The expression as SQL that means exactly this tree: every cast written out. kColumn i reads as
// input[i]; a kWindow as w0, w1, ….
std::string ToSql(const Expr& expr, const table::Schema& input);
// The window with its OVER clause; `time`: index of the time column, -1 if it is not known.
std::string ToSql(const Window& window, const table::Schema& input, int time);

// One level: columns in, the same columns and the outputs out. Column i < input.size() is an input;
// kWindow refers to windows[i].
struct Level {
  table::Schema input;
  int time = -1;  // index of the time column in the input
  std::vector<Window> windows;
  struct Output {
    std::string name;
    Expr expr;
  };
  std::vector<Output> outputs;
};

}  // namespace fuqi::sql
