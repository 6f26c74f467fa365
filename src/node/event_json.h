#pragma once

// Events as clients send them: JSON objects whose fields are the columns of a pack's event table.
//
// Strict: a field that is no column, a field given twice and a value of another type are refused;
// nothing is converted that could lose something. A number reaches an exact column by its digits,
// never through a double; DECIMAL, BIGINT, UBIGINT and HUGEINT may be given as strings too, for
// writers whose numbers are doubles. TIMESTAMP is RFC 3339 or DuckDB's text and becomes UTC. A
// column that is not given is NULL; whether that is allowed is the pack's matter
// (decide::Core::Validate).
//
// Security: a message never holds a value of the input; the name of an unknown field only if it
// looks like one.
//
// Threads: one EventJson per thread; it keeps simdjson's buffers.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/datum.h"
#include "table/type.h"

namespace fuqi::node {

// A value that a path or a command line gives as text, under the rules above; a VARCHAR's datum
// borrows `text`.
Result<table::Datum> ValueFromText(std::string_view text, table::Type type);

class EventJson {
 public:
  EventJson();
  ~EventJson();
  EventJson(EventJson&&) noexcept;
  EventJson& operator=(EventJson&&) noexcept;

  struct Events {
    bool array = false;  // the text was an array, not one object
    std::vector<Result<table::Row>>
        rows;  // of each object: a row of the schema, or what is wrong with it (with the field)
  };
  // `text` is one object, or an array of at most `items_max` of them; it gets spare capacity.
  // kParse: the text as a whole is no such JSON, and nothing of it may be used; kResourceExhausted:
  // more items. Errors of a row: kInvalidArgument, kTypeMismatch, kOutOfRange.
  Result<Events> Parse(const table::Schema& schema, std::string& text, size_t items_max);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::node
