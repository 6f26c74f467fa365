#pragma once

// A reference table at work: rows that hold for a key from a time on, until the next of that key:
// rates of exchange, segments of customers, days of a calendar. Looked up as of the event's time.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/result.h"
#include "decide/pack.h"
#include "table/datum.h"

namespace fuqi::decide {

// Whether the row is one of the table: kInvalidArgument: other columns, a missing key or time;
// kTypeMismatch, kOutOfRange, kParse: a value that is none of its column's type.
Result<void> CheckRow(const Reference& reference, const table::Row& row);

// The rows of a file: a header that names the table's columns in any order, then one row a line;
// nothing in a field is NULL. Placed errors as CheckRow, kAlreadyExists: two rows of one key and
// time.
Result<std::vector<table::Row>> ReadReferenceCsv(CsvReader& reader, const Reference& reference);

class ReferenceState {
 public:
  // With the rows of the pack's file.
  explicit ReferenceState(const Reference& reference);
  ReferenceState(ReferenceState&&) = default;
  ReferenceState& operator=(ReferenceState&&) = default;
  ReferenceState(const ReferenceState&) = delete;

  // kOutOfRange where the table would have more rows or bytes than it may. No two rows are of one
  // key and time.
  Result<void> CheckRoom(const std::vector<table::Row>& rows) const;
  // The row must pass CheckRow. It takes the place of the row of its key and time.
  void Put(const table::Row& row);

  // The row that holds for this key at this time; nullptr if none does. `keys` are of the key's
  // types and not NULL.
  const table::Row* Find(std::span<const table::Datum> keys, int64_t at_us) const;
  // Every row, by key and time.
  std::vector<table::Row> Rows() const;

  size_t size() const { return size_; }
  const Reference& reference() const { return *reference_; }

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  std::string KeyOf(std::span<const table::Datum> keys) const;
  int64_t TimeOf(const table::Row& row) const;
  // The row of this one's key and time; nullptr if there is none.
  const table::Row* Get(const table::Row& row) const;

  const Reference* reference_;
  boost::unordered_flat_map<std::string, std::map<int64_t, table::Row>> rows_;
  size_t size_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace fuqi::decide
