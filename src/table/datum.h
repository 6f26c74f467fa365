#pragma once

// One SQL value in memory, and a row of them.
//
// Every exact kind lives in one 128-bit integer, so that arithmetic, comparison, hashing and
// windows have one path for all of them: BOOLEAN 0/1, integers, DECIMAL as unscaled integer, DATE
// as days and TIMESTAMP as microseconds since 1970-01-01. The type stands in the schema or program,
// never in the value.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "table/type.h"

namespace fuqi::table {

struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// Trivially copyable, 32 bytes. Text is borrowed: it lives in a Row, an arena or a program's
// constants.
struct Datum {
  enum class Kind : uint8_t { kNull, kInt, kDouble, kText, kInterval };

  union {
    int128 i;
    double d;
    struct {
      const char* data;
      size_t size;
    } t;
    Interval interval;
  };
  Kind kind = Kind::kNull;

  constexpr Datum() : i(0) {}
  static Datum Null() { return {}; }
  static Datum Int(int128 value) {
    Datum datum;
    datum.i = value;
    datum.kind = Kind::kInt;
    return datum;
  }
  static Datum Bool(bool value) { return Int(value ? 1 : 0); }
  static Datum Double(double value) {
    Datum datum;
    datum.d = value;
    datum.kind = Kind::kDouble;
    return datum;
  }
  static Datum Text(std::string_view text) {
    Datum datum;
    datum.t = {text.data(), text.size()};
    datum.kind = Kind::kText;
    return datum;
  }
  static Datum Of(const Interval& value) {
    Datum datum;
    datum.interval = value;
    datum.kind = Kind::kInterval;
    return datum;
  }

  bool is_null() const { return kind == Kind::kNull; }
  bool is_true() const { return kind == Kind::kInt && i != 0; }
  std::string_view text() const { return {t.data, t.size}; }
};

static_assert(sizeof(Datum) == 32 && std::is_trivially_copyable_v<Datum>);

// The kind in which values of a type are kept; kNull for TypeId::kNull.
Datum::Kind KindOf(Type type);

// Whether the value, NULL or of the type's kind, lies in the type's range: TINYINT -128…127,
// DECIMAL(4,2) within ±99.99, BOOLEAN 0 or 1. Text is not looked into.
bool InRange(const Datum& datum, Type type);

// Equal in value and kind; NULL equals NULL, NaN equals NaN, -0.0 equals 0.0, 1 month equals 30
// days (DuckDB's IS NOT DISTINCT FROM).
bool Same(const Datum& a, const Datum& b);
// Equal to the bit: as Same, but -0.0 is not 0.0 and 1 month not 30 days. What "cell for cell"
// means in a comparison of executors. All NaN are one.
bool Identical(const Datum& a, const Datum& b);

// As DuckDB casts the value to VARCHAR: 0.10, 2020-01-31, 1e+16, true. NULL gives "NULL".
std::string ToText(const Datum& datum, Type type);

// Reads a text as a value of the type, where DuckDB's cast gives that very value without changing
// or dropping anything: no digits beyond the scale, no infinity or NaN, no time zone, a DATE only
// as YYYY-MM-DD, a TIMESTAMP only as YYYY-MM-DD[ T]HH:MM:SS[.ffffff]; a BOOLEAN as true, false, t,
// f, 1 or 0 in any letter case. Spaces around numbers and dates are passed over. VARCHAR
// borrows the text, which must be UTF-8 without NUL. kTypeMismatch, kOutOfRange; kUnsupported for
// INTERVAL.
Result<Datum> ParseText(std::string_view text, Type type);

// Values of one schema, owning its texts. Moving a Row keeps its texts valid; copying copies them.
class Row {
 public:
  Row() = default;
  explicit Row(size_t columns) : values_(columns) {}
  // Copies the values and their texts.
  explicit Row(std::span<const Datum> values);
  Row(const Row& other) : Row(other.values()) {}
  Row& operator=(const Row& other) { return *this = Row(other); }
  Row(Row&&) = default;
  Row& operator=(Row&&) = default;

  size_t size() const { return values_.size(); }
  const Datum& operator[](size_t i) const { return values_[i]; }
  std::span<const Datum> values() const { return values_; }
  // Copies a text into the row; other kinds are stored as they are.
  void Set(size_t i, const Datum& value);
  void Append(const Datum& value) {
    values_.emplace_back();
    Set(values_.size() - 1, value);
  }

 private:
  std::vector<Datum> values_;
  std::vector<std::unique_ptr<char[]>> texts_;  // of column i; may be shorter than values_
};

// The stored form of a row, docs/formats/row.md: presence bits, then each present value by its
// type. One row has one form. Each value must be NULL or of its column's kind and range
// (FUQI_CHECK), texts must be UTF-8.
void EncodeRow(const Schema& schema, std::span<const Datum> row, Bytes& out);
// Reads what EncodeRow wrote; kParse on anything else (wrong length, text that is not UTF-8, a
// value beyond its type's range, an absent value of a column that is not nullable).
Result<Row> DecodeRow(const Schema& schema, ByteView bytes);

}  // namespace fuqi::table
