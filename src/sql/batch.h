#pragma once

// The batch form of levels: one SELECT that DuckDB runs over a whole relation of events, in which
// the users' own words are evaluated by DuckDB and nothing that the streaming executor computed
// takes part. Only the windows' definitions are rewritten, from their text: rows are ordered by
//   fuqi_seq = epoch_us(time) * 2^32 + arrival,
// so that no two are peers, and a frame of an interval reaches back to the first arrival of
// `time - interval`; one that ends an interval before its row, to the last arrival there. (Frames
// of DuckDB's own intervals would merge rows of equal time.)

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "sql/expr.h"
#include "sql/fragment.h"

namespace fuqi::sql {

struct BatchLevel {
  const Level* level = nullptr;     // as BindLevel made it…
  std::span<const Fragment> items;  // …of these, in this order
};

struct Batch {
  std::string source;  // a SELECT that gives the columns of the first level's input, as they arrive
  std::vector<BatchLevel> levels;     // at least one
  std::span<const Fragment> windows;  // of all levels
  std::vector<std::string> columns;   // of the result, in this order: of the events or of any level
};

// DuckDB plans each level within the one above it.
inline constexpr size_t kMaxLevels = 64;

enum class Arrivals : uint8_t {
  kInOrder,   // times never go back: windows run as such
  kAnyOrder,  // a row sees what had arrived when it did: each row joined with its past, slow
};

// Rows come in the order of their arrival. A DOUBLE item that is not finite is an error that names
// it. Errors: kParse, kUnsupported, as the parser of windows gives them; kResourceExhausted beyond
// kMaxLevels.
Result<std::string> BatchSql(const Batch& batch, Arrivals arrivals);

}  // namespace fuqi::sql
