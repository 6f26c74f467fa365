#pragma once

// A fragment as DuckDB's parser reads it, held against the list of what a fragment may be made of
// (constructs.h). Names are not resolved yet; positions are exact. Types, and everything that hangs
// on them, are the binder's (bind.h).

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/fragment.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::sql {

// A name where the fragment uses it, as it is written there without quotes.
struct Reference {
  std::string name;
  Position position = -1;
};

struct ParsedExpression {
  std::vector<Reference> columns;
  std::vector<Reference> windows;  // OVER <name>
  // Where the user, not the binder, wrote a cast: its own offset, or, for DATE '…' and TRUE, that
  // of the constant under it.
  std::vector<Position> casts;
};

// One scalar expression. Windows are named ones alone: `windows` lists the names there are. kParse:
// no or another grammar; kUnsupported: what is not listed; kNotFound: an unknown window. Errors are
// placed.
Result<ParsedExpression> ParseExpression(table::Binder& binder, const Fragment& fragment,
                                         std::span<const std::string> windows);

// A window's definition:
//   [PARTITION BY <expressions>] ORDER BY <time>
//   [RANGE BETWEEN INTERVAL … PRECEDING AND CURRENT ROW]
// or with UNBOUNDED PRECEDING as RANGE or ROWS, or without AND CURRENT ROW.
struct ParsedWindow {
  ParsedExpression expression;  // of what it is partitioned by, and its length
};

// `time`: the column that ORDER BY must name.
Result<ParsedWindow> ParseWindow(table::Binder& binder, const Fragment& fragment,
                                 std::string_view time);

}  // namespace fuqi::sql
