#pragma once

// From fragments to a typed level: DuckDB's binder resolves names, overloads, casts and macros over
// an empty table of the level's input; its unoptimised plan becomes the typed tree (expr.h).
// Constant sub-expressions become the values that DuckDB gives them.
//
// Refused here, beside what the parser refuses (parsed_tree.h): a text that becomes another type
// without a CAST that the user wrote; a divisor that could be 0 where DuckDB would give infinity or
// NaN; types, overloads and casts that are not listed (constructs.h).

#include <span>
#include <vector>

#include "base/result.h"
#include "sql/expr.h"
#include "sql/fragment.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::sql {

// Columns of the input and items, at most: each item is bound over all of them.
inline constexpr size_t kMaxColumns = 2000;

// Binds `items`, the outputs of the level in this order. `time`: index of the time column, a
// TIMESTAMP; `windows`: the definitions that items may use by name. Windows of equal meaning are
// merged. Errors are placed in the item or definition at fault: kNotFound (a name), kAlreadyExists
// (an item named as a column or an earlier item), kTypeMismatch, kUnsupported, kParse, kOutOfRange,
// kResourceExhausted.
Result<Level> BindLevel(table::Binder& binder, const table::Schema& input, int time,
                        std::span<const Fragment> items, std::span<const Fragment> windows);

// The outputs of a level as columns.
table::Schema OutputSchema(const Level& level);

}  // namespace fuqi::sql
