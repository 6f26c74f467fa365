#pragma once

// Rows as a person or a program wants to read them: aligned tables, CSV, JSON, Markdown.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "table/arrow.h"

namespace fuqi::table {

enum class OutputFormat : uint8_t {
  kTable,      // aligned; NULL as NULL, control characters as \n, \t, \xNN
  kCsv,        // RFC 4180: CR LF, a NULL empty, an empty text as ""
  kJson,       // one array of objects
  kJsonLines,  // one object a line
  kMarkdown,
};

// "table", "csv", "json", "jsonl", "markdown"; kUsage otherwise.
Result<OutputFormat> ParseOutputFormat(std::string_view name);

// Writes all rows that are left, piece by piece, and gives their number. Memory does not grow with
// the rows: a table's columns are as wide as its first kTableSample rows need, and a longer cell
// pushes its line to the right. In JSON numbers that a DOUBLE cannot hold (HUGEINT, DECIMAL beyond
// 15 digits, infinity) are texts, so that nothing is lost on the way through another program.
// kInvalidArgument: two columns of one name, in JSON. Otherwise errors of `rows` and `write`.
inline constexpr size_t kTableSample = 1000;
Result<uint64_t> WriteRows(RowStream& rows, OutputFormat format,
                           const std::function<Result<void>(std::string_view)>& write);

// Columns that a terminal needs for a well-formed text: two for East Asian wide characters and
// emoji, none for combining marks. [Unicode Standard Annex #11]
size_t DisplayWidth(std::string_view text);

}  // namespace fuqi::table
