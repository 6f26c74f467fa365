#include "table/inputs.h"

#include <fmt/core.h>

#include <filesystem>

#include "base/utf8.h"
#include "table/embedded_internal.h"
#include "table/inputs_internal.h"

namespace fuqi::table {
namespace {

// The file's real path. DuckDB takes *, ? and [ in it for a pattern, whatever is quoted.
Result<std::string> CanonicalPath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(path, error);
  if (error) {
    return Err(ErrorCode::kNotFound, "the file cannot be found: {}", error.message());
  }
  if (!std::filesystem::is_regular_file(canonical, error)) {
    return Err(ErrorCode::kInvalidArgument, "this is no file");
  }
  if (canonical.string().find_first_of("*?[") != std::string::npos || !IsUtf8(canonical.string())) {
    return Err(ErrorCode::kUnsupported,
               "the path is not UTF-8, or holds one of * ? [: rename the file");
  }
  return canonical.string();
}

Result<void> CheckSpec(const InputSpec& spec) {
  if (spec.columns.empty()) {
    return Err(ErrorCode::kInvalidArgument, "a source needs at least one column");
  }
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const Column& column = spec.columns[i];
    if (column.name.empty() || column.name.find('\0') != std::string::npos) {
      return Err(ErrorCode::kInvalidArgument, "a column's name is empty or holds a NUL byte");
    }
    if (FindColumn(spec.columns, column.name) != static_cast<int>(i)) {
      return Err(ErrorCode::kInvalidArgument, "two columns are named {}", column.name);
    }
    if (spec.format != "parquet" &&
        (column.type.id == TypeId::kInterval || column.type.id == TypeId::kNull)) {
      return Err(ErrorCode::kUnsupported, "a value of type {} cannot be read from a text",
                 column.type.ToString())
          .At({.field = column.name});
    }
  }
  constexpr std::string_view kSigns = "\t!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
  if (spec.format == "csv" &&
      (spec.delimiter.size() != 1 || kSigns.find(spec.delimiter) == std::string_view::npos)) {
    return Err(ErrorCode::kInvalidArgument,
               "the delimiter must be one ASCII sign such as , ; | or a tab, not \"{}\"",
               spec.delimiter);
  }
  return {};
}

// {'a': 'INTEGER', …}
std::string ColumnTypes(const Schema& columns) {
  std::string text;
  for (const Column& column : columns) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", QuoteText(column.name),
                        QuoteText(column.type.ToString()));
  }
  return "{" + text + "}";
}

std::string SelectFrom(const Schema& columns, const std::string& source) {
  std::string names;
  for (const Column& column : columns) {
    names += (names.empty() ? "" : ", ") + QuoteName(column.name);
  }
  return "(SELECT " + names + " FROM " + source + ")";
}

// Twice what our own check lets through, so that ours is the one that speaks.
uint64_t DuckDbLineBytes(const InputSpec& spec) { return 2 * spec.line_bytes_max; }

std::string CsvSource(const InputSpec& spec, const std::string& path) {
  return fmt::format(
      "read_csv({}, auto_detect = false, header = true, delim = {}, quote = '\"', escape = '\"', "
      "nullstr = '', strict_mode = true, null_padding = false, ignore_errors = false, "
      "compression = 'none', encoding = 'utf-8', hive_partitioning = false, filename = false, "
      "max_line_size = {}, columns = {})",
      QuoteText(path), QuoteText(spec.delimiter), DuckDbLineBytes(spec), ColumnTypes(spec.columns));
}

std::string JsonSource(const InputSpec& spec, const std::string& path) {
  return fmt::format(
      "read_json({}, auto_detect = false, format = 'newline_delimited', records = true, "
      "ignore_errors = false, compression = 'uncompressed', hive_partitioning = false, "
      "filename = false, maximum_object_size = {}, columns = {})",
      QuoteText(path), DuckDbLineBytes(spec), ColumnTypes(spec.columns));
}

std::string ParquetSource(const std::string& path) {
  return fmt::format("read_parquet({}, hive_partitioning = false, filename = false)",
                     QuoteText(path));
}

// Checks a Parquet file's columns by its footer. The values' own types hold them: there is no text
// to be misread.
Result<void> CheckParquet(const std::string& path, const Schema& expected) {
  constexpr Limits kFooterLimits = {
      .memory_bytes = uint64_t{256} << 20, .time_ms = 0, .threads = 1};
  FUQI_ASSIGN_OR_RETURN(auto embedded, Embedded::Open(kFooterLimits, {&path, 1}));
  for (const Column& column : expected) {
    const auto found =
        embedded->Describe("SELECT " + QuoteName(column.name) + " FROM " + ParquetSource(path));
    if (found.has_value() && (*found)[0].type == column.type) {
      continue;
    }
    const ErrorCode code = found.has_value() ? ErrorCode::kTypeMismatch : found.error().code();
    Error error = found.has_value() ? Err(code, "the column is of type {}; {} is expected",
                                          (*found)[0].type.ToString(), column.type.ToString())
                  : code == ErrorCode::kNotFound ? Err(code, "the file has no column of this name")
                  : code == ErrorCode::kUnsupported
                      ? found.error()
                      : Err(ErrorCode::kParse, "the file cannot be read as Parquet: {}",
                            found.error().message());
    return std::move(error).At({.field = column.name});
  }
  return {};
}

Result<void> CheckText(const InputSpec& spec, const std::string& path) {
  FUQI_ASSIGN_OR_RETURN(const auto file, SystemDisk().Open(path, OpenMode::kRead));
  return spec.format == "csv" ? CheckCsv(*file, spec) : CheckJsonLines(*file, spec);
}

}  // namespace

void ByteSource::Fill() {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  at_ = size_ = 0;
  auto read = file_.Read(offset_, block_);
  if (!read.has_value()) {
    error_ = std::move(read).error();
    return;
  }
  size_ = *read;
  if (offset_ == 0 && AsText(ByteView(block_).first(size_)).starts_with(kByteOrderMark)) {
    at_ = kByteOrderMark.size();
  }
  offset_ += *read;
  if (at_ == size_) {
    at_ = size_ = 0;  // a file of nothing but the mark
  }
}

Error LineEnds::Mixed(std::string_view end) const {
  auto name = [](std::string_view bytes) {
    return bytes == "\n" ? "LF" : bytes == "\r" ? "CR" : "CR LF";
  };
  return Err(ErrorCode::kParse, "the line ends with {}, the lines before it with {}", name(end),
             name(first_));
}

Result<InputRelation> OpenInput(const InputSpec& spec) {
  FUQI_RETURN_IF_ERROR(CheckSpec(spec));
  const Where file{.file = spec.path};
  FUQI_ASSIGN_OR_RETURN(const std::string path, CanonicalPath(spec.path).At(file));
  if (spec.format == "csv") {
    FUQI_RETURN_IF_ERROR(CheckText(spec, path).At(file));
    return InputRelation{SelectFrom(spec.columns, CsvSource(spec, path)), path};
  }
  if (spec.format == "jsonl") {
    FUQI_RETURN_IF_ERROR(CheckText(spec, path).At(file));
    return InputRelation{SelectFrom(spec.columns, JsonSource(spec, path)), path};
  }
  if (spec.format == "parquet") {
    FUQI_RETURN_IF_ERROR(CheckParquet(path, spec.columns).At(file));
    return InputRelation{SelectFrom(spec.columns, ParquetSource(path)), path};
  }
  return Err(ErrorCode::kUnsupported, "format \"{}\" is not one of csv, jsonl, parquet",
             spec.format);
}

}  // namespace fuqi::table
