#include <duckdb.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "table/embedded_internal.h"
#include "table/position.h"

namespace fuqi::table {
namespace {

// Set when the database is opened. That the last ones are DuckDB's defaults today is no reason not
// to pin them: results must not change with a version's defaults.
Result<_duckdb_database*> OpenDatabase(const Limits& limits) {
  const std::pair<const char*, std::string> settings[] = {
      {"threads", std::to_string(limits.threads)},
      {"memory_limit", fmt::format("{}B", limits.memory_bytes)},
      {"temp_directory", ""},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"ieee_floating_point_ops", "true"},
      {"integer_division", "false"},
      {"old_implicit_casting", "false"},
      {"default_null_order", "nulls_last"},
      {"default_order", "asc"},
      {"preserve_insertion_order", "true"},
  };
  duckdb_config config = nullptr;
  FUQI_CHECK(duckdb_create_config(&config) == DuckDBSuccess);
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config, name, value.c_str()) != DuckDBSuccess) {
      duckdb_destroy_config(&config);
      return Err(ErrorCode::kInternal, "the embedded SQL engine does not know its setting {}",
                 name);
    }
  }
  duckdb_database database = nullptr;
  char* message = nullptr;
  const duckdb_state state = duckdb_open_ext(":memory:", &database, config, &message);
  duckdb_destroy_config(&config);
  if (state != DuckDBSuccess) {
    Error error = Err(ErrorCode::kUnavailable, "the embedded SQL engine does not start: {}",
                      message != nullptr ? message : "");
    duckdb_free(message);
    return error;
  }
  return database;
}

// By the names that DuckDB gives its exceptions, lower-cased.
ErrorCode CodeOf(std::string_view kind, std::string_view subtype) {
  constexpr std::pair<std::string_view, ErrorCode> kKinds[] = {
      {"parser", ErrorCode::kParse},
      {"syntax", ErrorCode::kParse},
      {"not implemented", ErrorCode::kUnsupported},
      {"missing extension", ErrorCode::kPermissionDenied},
      {"extension autoloading", ErrorCode::kPermissionDenied},
      {"permission", ErrorCode::kPermissionDenied},
      {"settings", ErrorCode::kPermissionDenied},
      {"conversion", ErrorCode::kTypeMismatch},
      {"mismatch type", ErrorCode::kTypeMismatch},
      {"invalid type", ErrorCode::kTypeMismatch},
      {"out of range", ErrorCode::kOutOfRange},
      {"decimal", ErrorCode::kOutOfRange},
      {"out of memory", ErrorCode::kResourceExhausted},
      {"object size", ErrorCode::kResourceExhausted},
      {"interrupt", ErrorCode::kCancelled},
      {"io", ErrorCode::kIo},
      {"internal", ErrorCode::kInternal},
      {"fatal", ErrorCode::kInternal},
  };
  if (subtype == "COLUMN_NOT_FOUND" || subtype == "MISSING_ENTRY") {
    return ErrorCode::kNotFound;
  }
  if (subtype == "NO_MATCHING_FUNCTION") {
    return ErrorCode::kTypeMismatch;
  }
  for (const auto& [name, code] : kKinds) {
    if (kind == name) {
      return code;
    }
  }
  return ErrorCode::kInvalidArgument;
}

Error Worded(ErrorCode code, const std::string& detail) {
  switch (code) {
    case ErrorCode::kParse:
      return Err(code, "the SQL cannot be read: {}", detail);
    case ErrorCode::kNotFound:
      return Err(code, "a name in the SQL is not known: {}", detail);
    case ErrorCode::kTypeMismatch:
      return Err(code, "the SQL meets a value of the wrong type: {}", detail);
    case ErrorCode::kOutOfRange:
      return Err(code, "the SQL gives a value beyond its type's range: {}", detail);
    case ErrorCode::kUnsupported:
      return Err(code, "the SQL engine cannot do this: {}", detail);
    case ErrorCode::kPermissionDenied:
      return Err(code, "the permit does not let the SQL do this: {}", detail);
    case ErrorCode::kResourceExhausted:
      return Err(code, "the SQL needs more than it may use: {}", detail);
    case ErrorCode::kCancelled:
      return Err(code, "the query was cancelled");
    case ErrorCode::kIo:
      return Err(code, "a file that the SQL reads cannot be read: {}", detail);
    case ErrorCode::kInternal:
      return Err(code, "the SQL engine failed: {}", detail);
    default:
      return Err(code, "the SQL is not right: {}", detail);
  }
}

// DuckDB adds lists of overloads, links and advice on settings that are locked: one line is enough.
std::string Shorten(std::string_view message) {
  constexpr size_t kMaxBytes = 400;
  for (std::string_view tail :
       {"\n\tCandidate functions:", "\nDatabase is launched", "\nPossible ",
        "\n\n  file = ", "\n\nColumn ", "\n\nFor more info", " Use \"SET"}) {
    message = message.substr(0, message.find(tail));
  }
  std::string text(message);
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return Excerpt(text, kMaxBytes);
}

// DuckDB's type as ours; kUnsupported names it otherwise, at `column`.
Result<Type> FromDuckDbType(duckdb_logical_type type, std::string_view column) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_SQLNULL:
      return Type{TypeId::kNull};
    case DUCKDB_TYPE_BOOLEAN:
      return Type{TypeId::kBoolean};
    case DUCKDB_TYPE_TINYINT:
      return Type{TypeId::kTinyInt};
    case DUCKDB_TYPE_SMALLINT:
      return Type{TypeId::kSmallInt};
    case DUCKDB_TYPE_INTEGER:
      return Type{TypeId::kInteger};
    case DUCKDB_TYPE_BIGINT:
      return Type{TypeId::kBigInt};
    case DUCKDB_TYPE_HUGEINT:
      return Type{TypeId::kHugeInt};
    case DUCKDB_TYPE_UTINYINT:
      return Type{TypeId::kUTinyInt};
    case DUCKDB_TYPE_USMALLINT:
      return Type{TypeId::kUSmallInt};
    case DUCKDB_TYPE_UINTEGER:
      return Type{TypeId::kUInteger};
    case DUCKDB_TYPE_UBIGINT:
      return Type{TypeId::kUBigInt};
    case DUCKDB_TYPE_DECIMAL:
      return Decimal(duckdb_decimal_width(type), duckdb_decimal_scale(type));
    case DUCKDB_TYPE_DOUBLE:
      return Type{TypeId::kDouble};
    case DUCKDB_TYPE_VARCHAR:
      return Type{TypeId::kVarchar};
    case DUCKDB_TYPE_DATE:
      return Type{TypeId::kDate};
    case DUCKDB_TYPE_TIMESTAMP:
      return Type{TypeId::kTimestamp};
    case DUCKDB_TYPE_INTERVAL:
      return Type{TypeId::kInterval};
    case DUCKDB_TYPE_FLOAT:
      return Err(ErrorCode::kUnsupported,
                 "column {} is of type {}, which is not supported: cast it to {}", column, "FLOAT",
                 "DOUBLE");
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return Err(ErrorCode::kUnsupported,
                 "column {} is of type {}, which is not supported: cast it to {}", column,
                 "TIMESTAMP WITH TIME ZONE", "TIMESTAMP");
    default:
      return Err(ErrorCode::kUnsupported,
                 "column {} is of a type that is not supported: cast it to {}", column, "VARCHAR");
  }
}

// The first of these fields that is there and a text.
std::string Field(const nlohmann::json& json, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto it = json.find(name); it != json.end() && it->is_string()) {
      return it->get<std::string>();
    }
  }
  return {};
}

}  // namespace

EngineFault ReadEngineFault(std::string_view raw, std::string_view sql) {
  std::string kind;
  std::string subtype;
  std::string message(raw);
  int64_t position = -1;
  const size_t brace = raw.find('{');
  const nlohmann::json json =
      brace == std::string_view::npos
          ? nlohmann::json()
          : nlohmann::json::parse(raw.substr(brace), nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    kind = Field(json, {"exception_type", "error_type"});
    message = Field(json, {"exception_message", "error_message"});
    subtype = Field(json, {"error_subtype"});
    const std::string digits = Field(json, {"position"});
    // Longer than 18 digits is DuckDB's "unknown", 2^64 - 1.
    if (!digits.empty() && digits.size() <= 18 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      position = std::stoll(digits);
    }
  } else if (const size_t end = raw.find(" Error: "); end != std::string_view::npos && end < 30) {
    kind = raw.substr(0, end);
    message = raw.substr(end + 8);
  }
  std::transform(kind.begin(), kind.end(), kind.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  ErrorCode code = CodeOf(kind, subtype);
  if (message.find("expression depth limit") != std::string::npos ||
      (kind == "parser" && message.find("memory exhausted") != std::string::npos)) {
    code = ErrorCode::kResourceExhausted;
  } else if (message.find("configuration has been locked") != std::string::npos ||
             message.find("disabled by configuration") != std::string::npos ||
             message.find("disabled through configuration") != std::string::npos) {
    code = ErrorCode::kPermissionDenied;
  }
  if (position >= 0 && kind == "parser") {
    // The parser counts code points, everything after it bytes.
    position = static_cast<int64_t>(ByteOfCodePoint(sql, static_cast<size_t>(position)));
  }
  if (position > static_cast<int64_t>(sql.size())) {
    position = -1;
  }
  return {Worded(code, Shorten(message)), position};
}

Result<std::unique_ptr<Embedded>> Embedded::Open(const Limits& limits,
                                                 std::span<const std::string> read_paths) {
  std::unique_ptr<Embedded> embedded(new Embedded());
  FUQI_ASSIGN_OR_RETURN(embedded->database_, OpenDatabase(limits));
  if (duckdb_connect(embedded->database_, &embedded->connection_) != DuckDBSuccess) {
    return Err(ErrorCode::kUnavailable, "the embedded SQL engine gives no connection");
  }
  std::string paths;
  for (const std::string& path : read_paths) {
    paths += (paths.empty() ? "" : ", ") + QuoteText(path);
  }
  // SECURITY: the order matters. Paths cannot be set once external access is off, nothing can be
  // set once the configuration is locked. Tests: EngineTest.RefusesFilesBeyondThePermit,
  // Embedded.RefusesToBeUnlocked.
  const std::string statements[] = {
      "SET TimeZone = 'UTC'",
      "SET errors_as_json = true",
      "SET allowed_paths = [" + paths + "]",
      "SET enable_external_access = false",
      "SET lock_configuration = true",
  };
  for (const std::string& sql : statements) {
    FUQI_RETURN_IF_ERROR(embedded->Execute(sql));
  }
  return embedded;
}

Embedded::~Embedded() {
  if (connection_ != nullptr) {
    duckdb_disconnect(&connection_);
  }
  if (database_ != nullptr) {
    duckdb_close(&database_);
  }
}

Result<void> Embedded::CreateTable(const std::string& name, const Schema& schema) {
  if (name.empty() || name.find('\0') != std::string::npos || schema.empty()) {
    return Err(ErrorCode::kInvalidArgument, "a table needs a name and at least one column");
  }
  std::string columns;
  for (const Column& column : schema) {
    if (column.name.empty() || column.name.find('\0') != std::string::npos) {
      return Err(ErrorCode::kInvalidArgument, "a column's name is empty or holds a NUL byte");
    }
    columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", QuoteName(column.name),
                           column.type.ToString());
  }
  return Execute(fmt::format("CREATE TABLE {} ({})", QuoteName(name), columns));
}

Result<void> Embedded::Execute(const std::string& sql) {
  duckdb_result result;
  const duckdb_state state = duckdb_query(connection_, sql.c_str(), &result);
  Result<void> answer;
  if (state != DuckDBSuccess) {
    answer = ReadEngineFault(duckdb_result_error(&result), sql).error;
  }
  duckdb_destroy_result(&result);
  return answer;
}

Result<std::string> Embedded::Ask(const std::string& sql, std::string_view parameter) {
  duckdb_prepared_statement statement = nullptr;
  duckdb_result result{};
  auto answer = [&]() -> Result<std::string> {
    if (duckdb_prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) {
      return ReadEngineFault(duckdb_prepare_error(statement), sql).error;
    }
    if (duckdb_bind_varchar_length(statement, 1, parameter.data(), parameter.size()) !=
        DuckDBSuccess) {
      return Err(ErrorCode::kParse, "the text given to the SQL engine is not UTF-8");
    }
    if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess) {
      return ReadEngineFault(duckdb_result_error(&result), parameter).error;
    }
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result);
    if (chunk == nullptr || duckdb_data_chunk_get_size(chunk) != 1) {
      duckdb_destroy_data_chunk(&chunk);
      return Err(ErrorCode::kInternal, "the SQL engine failed: {}", "one row was expected");
    }
    auto* cell = static_cast<duckdb_string_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)));
    std::string text(duckdb_string_t_data(cell), duckdb_string_t_length(*cell));
    duckdb_destroy_data_chunk(&chunk);
    return text;
  }();
  duckdb_destroy_result(&result);
  duckdb_destroy_prepare(&statement);
  return answer;
}

Result<Schema> OutputOf(_duckdb_prepared_statement* statement) {
  Schema schema;
  const idx_t columns = duckdb_prepared_statement_column_count(statement);
  for (idx_t i = 0; i < columns; ++i) {
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    duckdb_logical_type logical = duckdb_prepared_statement_column_logical_type(statement, i);
    Result<Type> type = FromDuckDbType(logical, name);
    schema.push_back({name, type.value_or(Type{})});
    duckdb_destroy_logical_type(&logical);
    duckdb_free(const_cast<char*>(name));
    FUQI_RETURN_IF_ERROR(std::move(type));
  }
  return schema;
}

Result<Schema> Embedded::Describe(const std::string& sql, int64_t* error_at) {
  duckdb_prepared_statement statement = nullptr;
  auto described = [&]() -> Result<Schema> {
    if (duckdb_prepare(connection_, sql.c_str(), &statement) != DuckDBSuccess) {
      EngineFault fault = ReadEngineFault(duckdb_prepare_error(statement), sql);
      if (error_at != nullptr) {
        *error_at = fault.position;
      }
      return std::move(fault.error);
    }
    return OutputOf(statement);
  }();
  duckdb_destroy_prepare(&statement);
  return described;
}

}  // namespace fuqi::table
