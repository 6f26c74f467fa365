#pragma once

// DuckDB's parser and binder over empty tables: what gives SQL text its meaning. No permit is
// needed, since no data is ever seen: one in-memory database, locked down, that holds nothing but a
// stub of the table at hand.
//
// Every function takes one SELECT statement (VALUES, FROM-first and set operations included) of at
// most kMaxSqlBytes. On failure `*error_at`, if given, becomes the byte offset in `sql` at fault,
// or -1 where DuckDB does not say; the error itself carries no place, since the caller knows how
// `sql` was composed (table/position.h turns an offset into line and column).
//
// Codes: kParse (grammar; bad UTF-8; a Unicode space outside quotes, which would shift all of
// DuckDB's positions; no or several statements), kUnsupported (not a SELECT; a type Fuqi does not
// have), kNotFound (a column, table or function), kTypeMismatch (no such overload, a cast that
// cannot be), kInvalidArgument (other binder errors), kPermissionDenied (files, extensions),
// kResourceExhausted (text too long, nested too deeply).
//
// Threads: any; calls wait for one another.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "table/type.h"

namespace fuqi::table {

class Embedded;

class Binder {
 public:
  static constexpr size_t kMaxSqlBytes = size_t{4} << 20;

  static Result<std::unique_ptr<Binder>> Open();
  ~Binder();

  // json_serialize_sql of the statement: the parsed tree, names unresolved, positions known.
  Result<std::string> ParseTree(std::string_view sql, int64_t* error_at = nullptr);

  // json_serialize_plan, unoptimised, of the statement over an empty table `table_name` with the
  // columns of `schema`: names resolved, types and casts explicit, macros expanded.
  Result<std::string> BoundPlan(const Schema& schema, std::string_view table_name,
                                std::string_view sql, int64_t* error_at = nullptr);

  // The same for a statement that reads no table, optimised: constant expressions have become the
  // values that DuckDB gives them, except where their evaluation fails.
  Result<std::string> FoldedPlan(std::string_view sql, int64_t* error_at = nullptr);

  // Names and types of the statement's output over such a table.
  Result<Schema> DescribeQuery(const Schema& schema, std::string_view table_name,
                               std::string_view sql, int64_t* error_at = nullptr);

 private:
  Binder();
  Result<std::string> Serialise(const char* call, const char* list, std::string_view sql,
                                int64_t* error_at);
  Result<void> Stub(const Schema& schema, std::string_view table_name);

  std::mutex mutex_;
  std::unique_ptr<Embedded> embedded_;
  // The one table that exists now; empty if none does.
  std::string stub_name_;
  Schema stub_schema_;
};

}  // namespace fuqi::table
