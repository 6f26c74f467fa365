#pragma once

// Decision tables [DMN 1.5 §8]: rows of tests on a few columns, and what they give.
//
// A table becomes SQL: a feature that says which row holds and one for each output, so that every
// executor runs a table as it runs any other expression, and DuckDB is its oracle. The SQL is a
// CASE of as many branches as there are rows; the streaming executor finds the branches that can
// hold by one search (sql/case_index_internal.h), so that thousands of rows cost what a few do.
//
// Tests are the unary tests of S-FEEL with SQL's values: - (anything), 5, "a", >= 5, [1..10),
// ]1..10], null, several with commas between them, not(…). NULL passes - and null alone.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "table/datum.h"
#include "table/type.h"

namespace fuqi::decide {

// A value in a cell.
struct CellValue {
  enum class Kind : uint8_t { kNumber, kText, kBoolean, kDate, kTimestamp };
  Kind kind = Kind::kNumber;
  int128 number = 0;  // scaled by 10^18; days, microseconds, 0 or 1
  std::string text;
  std::string sql;  // the literal
};

// What a cell asks of a column.
struct UnaryTests {
  // From `low` to `high`; a side that is not there is open without end. One value: both, closed.
  struct Range {
    std::optional<CellValue> low;
    std::optional<CellValue> high;
    bool low_closed = true;
    bool high_closed = true;
  };
  bool any = false;  // "-"
  bool negated = false;
  bool null = false;
  std::vector<Range> ranges;  // one of them, or null
};

// kConfig, without a place, for what is no test.
Result<UnaryTests> ParseUnaryTests(std::string_view cell);
// The condition on a column of this (quoted) name; empty for "-".
std::string ToSql(const UnaryTests& tests, std::string_view column);

// Which of the rows that hold gives the outputs.
enum class HitPolicy : uint8_t {
  kUnique,    // the one; an error where two hold
  kFirst,     // the first
  kPriority,  // that of the first output's greatest value, in an order that the table states
  kAny,       // any; an error where they give different outputs
  kCollect,   // all: their sum, min or max, or how many there are
};
enum class Collect : uint8_t { kSum, kMin, kMax, kCount };

struct DecisionTable {
  struct Input {
    std::string name;  // of a column or feature
    Where where;
  };
  struct Output {
    std::string name;
    table::Type type;
    std::string zh;  // may be empty, both
    std::string en;
  };
  struct Row {
    std::vector<UnaryTests> tests;  // of each input
    std::vector<Where> places;      // of each test
    table::Row outputs;
    Where where;
  };

  std::string name;
  HitPolicy hit = HitPolicy::kUnique;
  Collect collect = Collect::kSum;  // of kCollect
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Row> rows;
  std::optional<table::Row> otherwise;  // the outputs where no row holds; else NULL
  std::vector<table::Row> priority;     // of kPriority: values of the first output, greatest first
  Where where;
};

inline constexpr size_t kTableRowsMax = 5'000;
inline constexpr size_t kTableInputsMax = 50;
inline constexpr size_t kTableOutputsMax = 20;

// Whether the table has a column that says which row holds: "<name>_row".
bool HasRowColumn(const DecisionTable& table);

// A feature made of the table: a text and, by its offsets, the cells that it was made of.
struct TableFeature {
  std::string name;
  std::string sql;
  std::vector<std::pair<size_t, Where>> places;
  const DecisionTable::Output* output = nullptr;  // where it is one
  bool checks_overlap = false;                    // fails where two rows hold
};
std::vector<TableFeature> TableFeatures(const DecisionTable& table);

// What a careful reader would ask about: rows of a `unique` table that can hold together, and, of a
// table that does not say what holds otherwise, values for which no row holds. `types`: of the
// inputs. NULL is left out of account. Every finding is one that can come true if all values of the
// type can; where looking at all of them would take too long, that is said.
std::vector<Error> TableFindings(const DecisionTable& table, std::span<const table::Type> types);

}  // namespace fuqi::decide
