#pragma once

// The embedded DuckDB: one in-memory database with one connection, bounded and locked down, without
// DuckDB's own headers, which only this module's .cc files include.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "table/permit.h"
#include "table/type.h"

// DuckDB's own names for what its handles point to.
// NOLINTBEGIN(bugprone-reserved-identifier)
struct _duckdb_connection;
struct _duckdb_database;
struct _duckdb_prepared_statement;
// NOLINTEND(bugprone-reserved-identifier)

namespace fuqi::table {

class Embedded {
 public:
  // No files but `read_paths`, no extensions, no temporary files, UTC, settings locked; errors of
  // the engine come as JSON so that their kind and position can be read.
  static Result<std::unique_ptr<Embedded>> Open(const Limits& limits,
                                                std::span<const std::string> read_paths);
  ~Embedded();
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  // An empty table; kInvalidArgument names what is wrong with its names.
  Result<void> CreateTable(const std::string& name, const Schema& schema);
  // Runs a statement of our own for its effect.
  Result<void> Execute(const std::string& sql);
  // Runs a query of our own with one VARCHAR parameter that gives one VARCHAR.
  Result<std::string> Ask(const std::string& sql, std::string_view parameter);

  // Names and types of a query's output, without running it.
  Result<Schema> Describe(const std::string& sql, int64_t* error_at = nullptr);

  _duckdb_connection* connection() const { return connection_; }

 private:
  Embedded() = default;

  _duckdb_database* database_ = nullptr;
  _duckdb_connection* connection_ = nullptr;
};

// Names and types of a prepared query's output; kUnsupported names a column of a type that Fuqi
// does not have.
Result<Schema> OutputOf(_duckdb_prepared_statement* statement);

// An error of DuckDB: its kind as a code, its text cut to what helps, and where in `sql` it stands
// (byte offset, -1 if unknown). `raw` is plain text or the JSON of errors_as_json and
// json_serialize_*.
struct EngineFault {
  Error error;
  int64_t position = -1;
};
EngineFault ReadEngineFault(std::string_view raw, std::string_view sql);

}  // namespace fuqi::table
