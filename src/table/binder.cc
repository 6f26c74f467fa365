#include "table/binder.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/utf8.h"
#include "table/embedded_internal.h"
#include "table/position.h"

namespace fuqi::table {
namespace {

// The binder never holds rows; plans of the longest statement take a few dozen megabytes.
constexpr Limits kBinderLimits = {.memory_bytes = uint64_t{256} << 20, .time_ms = 0, .threads = 1};

constexpr const char* kParse = "json_serialize_sql($1::VARCHAR)";
constexpr const char* kBind = "json_serialize_plan($1::VARCHAR)";
constexpr const char* kFold = "json_serialize_plan($1::VARCHAR, optimize := true)";

// Length in bytes of the Unicode space at `text[i]`, 0 if there is none: those that DuckDB turns
// into ASCII spaces, which moves every position after them.
size_t UnicodeSpaceAt(std::string_view text, size_t i) {
  for (std::string_view space : {"\u00a0", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"}) {
    if (text.substr(i).starts_with(space)) {
      return space.size();
    }
  }
  // U+2000 … U+200B
  if (text.substr(i).starts_with("\xe2\x80") && i + 2 < text.size() &&
      static_cast<unsigned char>(text[i + 2]) <= 0x8b) {
    return 3;
  }
  return 0;
}

// The first Unicode space that DuckDB would not take for a part of a quoted text, a quoted name or
// a comment to the end of the line. A block comment is no exception: DuckDB replaces there, too.
std::optional<size_t> FindUnicodeSpace(std::string_view sql) {
  auto is_tag = [](char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80 || (!first && c >= '0' && c <= '9');
  };
  auto skip_past = [&](std::string_view end, size_t from) {
    const size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  size_t i = 0;
  while (i < sql.size()) {
    const char c = sql[i];
    if (UnicodeSpaceAt(sql, i) > 0) {
      return i;
    }
    if (c == '\'' || c == '"') {
      i = skip_past(std::string_view(&c, 1), i + 1);
    } else if (sql.substr(i).starts_with("--")) {
      i = std::min(sql.find_first_of("\r\n", i), sql.size());
    } else if (c == '$') {
      size_t end = i + 1;
      while (end < sql.size() && is_tag(sql[end], end == i + 1)) {
        ++end;
      }
      if (end < sql.size() && sql[end] == '$') {
        i = skip_past(sql.substr(i, end + 1 - i), end + 1);
      } else {
        ++i;
      }
    } else {
      ++i;
    }
  }
  return std::nullopt;
}

// The position of a parameter ($1, ?) in json_serialize_sql's tree, -1 where DuckDB gives none.
std::optional<int64_t> FindParameter(const nlohmann::json& tree) {
  if (!tree.is_structured()) {
    return std::nullopt;
  }
  const auto cls = tree.is_object() ? tree.find("class") : tree.end();
  if (cls != tree.end() && *cls == "PARAMETER") {
    const auto at = tree.find("query_location");
    return at != tree.end() && at->is_number_unsigned() &&
                   at->get<uint64_t>() <= Binder::kMaxSqlBytes
               ? at->get<int64_t>()
               : -1;
  }
  for (const nlohmann::json& child : tree) {
    if (const auto found = FindParameter(child)) {
      return found;
    }
  }
  return std::nullopt;
}

Error Fail(Error error, int64_t position, int64_t* error_at) {
  if (error_at != nullptr) {
    *error_at = position;
  }
  return error;
}

Result<void> CheckText(std::string_view sql, int64_t* error_at) {
  if (sql.size() > Binder::kMaxSqlBytes) {
    return Fail(Err(ErrorCode::kResourceExhausted, "the SQL has {} bytes; at most {} are read",
                    sql.size(), Binder::kMaxSqlBytes),
                static_cast<int64_t>(Binder::kMaxSqlBytes), error_at);
  }
  if (const auto bad = FirstBadUtf8(sql)) {
    return Fail(Err(ErrorCode::kParse, "the SQL is not UTF-8"), static_cast<int64_t>(*bad),
                error_at);
  }
  if (const size_t nul = sql.find('\0'); nul != std::string_view::npos) {
    return Fail(Err(ErrorCode::kParse, "the SQL holds a NUL byte"), static_cast<int64_t>(nul),
                error_at);
  }
  if (const auto space = FindUnicodeSpace(sql)) {
    return Fail(Err(ErrorCode::kParse,
                    "a Unicode space (such as U+3000) stands outside quotes: use an ASCII space"),
                static_cast<int64_t>(*space), error_at);
  }
  return {};
}

}  // namespace

Binder::Binder() = default;
Binder::~Binder() = default;

Result<std::unique_ptr<Binder>> Binder::Open() {
  std::unique_ptr<Binder> binder(new Binder());
  FUQI_ASSIGN_OR_RETURN(binder->embedded_, Embedded::Open(kBinderLimits, {}));
  return binder;
}

Result<std::string> Binder::Serialise(const char* call, const char* list, std::string_view sql,
                                      int64_t* error_at) {
  auto answer = embedded_->Ask("SELECT CAST(" + std::string(call) + " AS VARCHAR)", sql);
  if (!answer.has_value()) {
    return Fail(std::move(answer).error(), -1, error_at);
  }
  // The failures of a statement come inside the JSON.
  const nlohmann::json json = nlohmann::json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Fail(Err(ErrorCode::kUnsupported, "the SQL holds a constant that is no finite number"),
                -1, error_at);
  }
  if (json.value("error", false)) {
    EngineFault fault = ReadEngineFault(*answer, sql);
    if (fault.error.message().find("Only SELECT statements") != std::string::npos) {
      fault.error = Err(ErrorCode::kUnsupported, "the statement is no SELECT");
    }
    return Fail(std::move(fault.error), fault.position, error_at);
  }
  const auto statements = json.find(list);
  const size_t count = statements == json.end() ? 0 : statements->size();
  if (count != 1) {
    return Fail(Err(ErrorCode::kParse, "one SELECT statement is needed, there are {}", count), -1,
                error_at);
  }
  if (const auto parameter = FindParameter(*statements)) {
    return Fail(Err(ErrorCode::kUnsupported, "the SQL has a parameter: write the value itself"),
                *parameter, error_at);
  }
  return answer;
}

Result<void> Binder::Stub(const Schema& schema, std::string_view table_name) {
  if (stub_name_ == table_name && stub_schema_ == schema) {
    return {};
  }
  if (!stub_name_.empty()) {
    FUQI_RETURN_IF_ERROR(embedded_->Execute("DROP TABLE " + QuoteName(stub_name_)));
    stub_name_.clear();
  }
  std::string name(table_name);
  FUQI_RETURN_IF_ERROR(embedded_->CreateTable(name, schema));
  stub_name_ = std::move(name);
  stub_schema_ = schema;
  return {};
}

Result<std::string> Binder::ParseTree(std::string_view sql, int64_t* error_at) {
  std::lock_guard lock(mutex_);
  FUQI_RETURN_IF_ERROR(CheckText(sql, error_at));
  return Serialise(kParse, "statements", sql, error_at);
}

Result<std::string> Binder::BoundPlan(const Schema& schema, std::string_view table_name,
                                      std::string_view sql, int64_t* error_at) {
  std::lock_guard lock(mutex_);
  FUQI_RETURN_IF_ERROR(CheckText(sql, error_at));
  if (auto stub = Stub(schema, table_name); !stub.has_value()) {
    return Fail(std::move(stub).error(), -1, error_at);
  }
  // json_serialize_plan would also plan DDL and DML; json_serialize_sql takes SELECT alone.
  FUQI_RETURN_IF_ERROR(Serialise(kParse, "statements", sql, error_at));
  return Serialise(kBind, "plans", sql, error_at);
}

Result<std::string> Binder::FoldedPlan(std::string_view sql, int64_t* error_at) {
  std::lock_guard lock(mutex_);
  FUQI_RETURN_IF_ERROR(CheckText(sql, error_at));
  FUQI_RETURN_IF_ERROR(Serialise(kParse, "statements", sql, error_at));
  return Serialise(kFold, "plans", sql, error_at);
}

Result<Schema> Binder::DescribeQuery(const Schema& schema, std::string_view table_name,
                                     std::string_view sql, int64_t* error_at) {
  std::lock_guard lock(mutex_);
  FUQI_RETURN_IF_ERROR(CheckText(sql, error_at));
  if (auto stub = Stub(schema, table_name); !stub.has_value()) {
    return Fail(std::move(stub).error(), -1, error_at);
  }
  FUQI_RETURN_IF_ERROR(Serialise(kParse, "statements", sql, error_at));

  int64_t position = -1;
  auto described = embedded_->Describe(std::string(sql), &position);
  return described.has_value() ? std::move(described)
                               : Fail(std::move(described).error(), position, error_at);
}

}  // namespace fuqi::table
