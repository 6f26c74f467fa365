#pragma once

// Rows printed for people and programs: aligned text, CSV (RFC 4180), JSON lines' elder sister (one array of objects), Markdown.

#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "table/datum.h"
#include "table/type.h"

namespace fuqi::node {

enum class PrintFormat : uint8_t { kTable, kCsv, kJson, kMarkdown };
// "table", "csv", "json", "markdown"; kUsage otherwise.
Result<PrintFormat> ParsePrintFormat(std::string_view name);

// Columns that a terminal needs for `text`: 2 for wide characters, 0 for combining ones.
size_t DisplayWidth(std::string_view text);

// Takes rows as they come. Aligned text takes its widths from the first kSampleRows rows; the other forms keep nothing back.
class RowPrinter {
 public:
  static constexpr size_t kSampleRows = 1000;

  RowPrinter(PrintFormat format, table::Schema schema, std::ostream& out);
  void Add(std::span<const table::Datum> row);
  void Finish();
  size_t rows() const { return rows_; }

 private:
  void PrintHeader();
  void PrintAligned(const std::vector<std::string>& cells);

  const PrintFormat format_;
  const table::Schema schema_;
  std::ostream& out_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> held_;  // aligned text: rows before the widths are known
  bool header_printed_ = false;
  size_t rows_ = 0;
};

// A small table of texts, aligned; columns whose cells are all numbers stand right.
void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows, std::ostream& out);

}  // namespace fuqi::node
