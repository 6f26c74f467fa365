#pragma once

// What a fragment may be made of: one table that the parser and the binder check against, that the
// streaming executor must be able to run whole (a test compiles every example), and that
// docs/sql.md and docs/sql.zh.md are printed from. What is not listed is refused by name and
// position.

#include <span>
#include <string>
#include <string_view>

#include "table/type.h"

namespace fuqi::sql {

struct Expr;

enum class Agreement : uint8_t {
  kExact,     // every executor gives the same bits
  kTolerant,  // DOUBLE: equal within the stated bound
};

// The kind stands first, as in every line of the list.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct Construct {
  enum class Kind : uint8_t {
    kSyntax,    // not called by a name: AND, CASE…; nothing to look up
    kOperator,  // called as a function by DuckDB's tree: "+", "~~"
    kFunction,
    kWindow,  // over a named window
  };

  Kind kind;
  std::string_view name;     // DuckDB's; the typed tree has this one…
  std::string_view aliases;  // …also where the user wrote one of these, comma-separated
  // The kinds of its arguments, comma-separated; "…" after the last: that one or more times. A kind
  // is boolean, number, integer, double, text, date, timestamp, interval, any; unit: a constant
  // text that names a part of a date; zone: a constant text that names a time zone; pattern: a
  // constant text; constant: an integer that is written out.
  std::string_view args;
  std::string_view example;  // over ExampleSchema()
  Agreement agreement = Agreement::kExact;
  std::string_view note;  // English; may be empty
  std::string_view note_zh;
};

std::span<const Construct> Constructs();
// What may stand for a unit of a date.
std::span<const std::string_view> DateUnits();

// The columns that examples use, and the window w over them.
const table::Schema& ExampleSchema();
inline constexpr std::string_view kExampleWindow =
    "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW";

// The one name of those that mean the same; `name` itself if it is not listed.
std::string CanonicalName(std::string_view name);
// Whether a scalar function or operator, or a window function, of this name is listed.
bool IsScalar(std::string_view name);
bool IsWindow(std::string_view name);
// Gives another value on each call, on each day or to each user: refused with a word of its own.
bool IsVolatile(std::string_view name);

// The row for these arguments; nullptr if none fits.
const Construct* FindCall(Construct::Kind kind, std::string_view name, std::span<const Expr> args);

// Casts between numbers, BOOLEAN, VARCHAR, DATE and TIMESTAMP that executors run on a value.
bool IsCast(table::Type from, table::Type to);

// docs/sql.md and docs/sql.zh.md.
std::string SqlDoc(Language language);

}  // namespace fuqi::sql
