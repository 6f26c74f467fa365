#pragma once

// The SQL types that Fuqi moves between engines, executors and the log, with DuckDB's names and
// meanings.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fuqi::table {

// Stored in records: never reuse a number.
enum class TypeId : uint8_t {
  kNull = 0,  // the type of a bare NULL
  kBoolean = 1,
  kTinyInt = 2,
  kSmallInt = 3,
  kInteger = 4,
  kBigInt = 5,
  kHugeInt = 6,
  kUTinyInt = 7,
  kUSmallInt = 8,
  kUInteger = 9,
  kUBigInt = 10,
  kDecimal = 11,
  kDouble = 12,
  kVarchar = 13,
  kDate = 14,
  kTimestamp = 15,  // microseconds, no zone
  kInterval = 16,
};

inline constexpr int kMaxDecimalWidth = 38;

struct Type {
  TypeId id = TypeId::kNull;
  uint8_t width = 0;  // DECIMAL only: digits in all, 1…38
  uint8_t scale = 0;  // DECIMAL only: digits after the point, ≤ width

  friend bool operator==(const Type&, const Type&) = default;

  bool is_integer() const { return id >= TypeId::kTinyInt && id <= TypeId::kUBigInt; }
  bool is_exact_number() const { return is_integer() || id == TypeId::kDecimal; }
  // "DECIMAL(18,2)", "BIGINT"…
  std::string ToString() const;
};

inline constexpr Type Decimal(uint8_t width, uint8_t scale) {
  return {TypeId::kDecimal, width, scale};
}

// Reads DuckDB's name of a type, with its usual aliases (INT, TEXT, NUMERIC(10,2)…), in any letter
// case; DECIMAL alone is DECIMAL(18,3). kUnsupported names any other type, kOutOfRange a DECIMAL
// beyond 38 digits, kParse what is no type name at all.
Result<Type> ParseType(std::string_view text);

struct Column {
  std::string name;
  Type type;
  bool nullable = true;

  friend bool operator==(const Column&, const Column&) = default;
};

using Schema = std::vector<Column>;

// Index of the column, compared as SQL does (ASCII letters without case); -1 if there is none.
int FindColumn(const Schema& schema, std::string_view name);

// Equal as SQL compares names: ASCII letters without case, everything else to the byte.
bool SameName(std::string_view a, std::string_view b);

// An identifier and a text as SQL literals: "a ""b""", 'it''s'. A NUL byte cannot stand in either
// (the caller checks names that come from outside).
std::string QuoteName(std::string_view name);
std::string QuoteText(std::string_view text);

}  // namespace fuqi::table
