#pragma once

// Raw files as relations of a permit's SQL.
//
// DuckDB reads a file well but trusts it: with declared columns it does not look at the header's
// names, passes over empty lines, rounds 1.5 into an INTEGER, drops a time zone, counts records
// instead of lines. OpenInput therefore reads the file once from end to end before DuckDB does, in
// constant memory, and refuses what DuckDB would change or misread; each error has file, line and
// column.
//
//   csv      UTF-8, a byte order mark is passed over; a header with the declared names in their
//   order
//            (ASCII letters without case); one kind of line end; fields quoted by "" as RFC 4180
//            has it, with newlines in them; an empty field, quoted or not, is NULL
//   jsonl    one JSON object a line; keys that are not declared are passed over, a missing one is
//   NULL parquet  columns that are not declared are passed over; types must be the declared ones
//
// Nothing of the content is given back but the words of an error. The file must not change until
// the permit's run has read it.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/result.h"
#include "table/type.h"

namespace fuqi::table {

struct InputSpec {
  std::string format;  // "csv", "jsonl", "parquet"
  std::string path;
  std::string delimiter = ",";                  // csv: one byte
  Schema columns;                               // nullable = false refuses a NULL
  uint64_t line_bytes_max = uint64_t{1} << 20;  // csv: of a record, with the newlines in its fields
};

struct InputRelation {
  std::string sql;   // "(SELECT … FROM read_csv(…))": stands after FROM, gives the declared columns
                     // in their order, rows in the file's order
  std::string path;  // canonical: goes into the permit
};

// kInvalidArgument, kUnsupported: the spec. kNotFound, kIo, kPermissionDenied: the file. kParse,
// kTypeMismatch, kOutOfRange, kResourceExhausted (a line beyond line_bytes_max): what it holds.
Result<InputRelation> OpenInput(const InputSpec& spec);

}  // namespace fuqi::table
