#include "node/print.h"

#include <utf8proc.h>

#include <algorithm>
#include <ostream>

#include "node/json_text.h"

namespace fuqi::node {
namespace {

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos && !text.empty()) {
    return text;
  }
  std::string out = "\"";
  for (char c : text) {
    out += c;
    if (c == '"') {
      out += '"';
    }
  }
  return out + '"';
}

std::string MarkdownCell(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '|' || c == '\\') {
      out += '\\';
    }
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

// Control characters would break the lines of an aligned table, or drive the terminal.
std::string PlainCell(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string Padded(const std::string& text, size_t width, bool right) {
  const size_t own = DisplayWidth(text);
  const std::string space(width > own ? width - own : 0, ' ');
  return right ? space + text : text + space;
}

bool IsNumber(table::Type type) {
  return type.is_exact_number() || type.id == table::TypeId::kDouble;
}

bool LooksNumeric(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+%e ") == std::string::npos;
}

}  // namespace

Result<PrintFormat> ParsePrintFormat(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kNames = {"table", "csv", "json", "markdown"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    return Err(ErrorCode::kUsage, "--format takes table, csv, json or markdown");
  }
  return static_cast<PrintFormat>(found - kNames.begin());
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t size =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                         static_cast<utf8proc_ssize_t>(text.size()), &point);
    if (size <= 0) {
      return width + text.size();
    }
    width += static_cast<size_t>(std::max(0, utf8proc_charwidth(point)));
    text.remove_prefix(static_cast<size_t>(size));
  }
  return width;
}

RowPrinter::RowPrinter(PrintFormat format, table::Schema schema, std::ostream& out)
    : format_(format), schema_(std::move(schema)), out_(out) {
  for (const table::Column& column : schema_) {
    widths_.push_back(DisplayWidth(PlainCell(column.name)));
  }
}

void RowPrinter::PrintAligned(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += (i == 0 ? "" : "  ") + Padded(cells[i], widths_[i], IsNumber(schema_[i].type));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out_ << line << '\n';
}

void RowPrinter::PrintHeader() {
  header_printed_ = true;
  std::vector<std::string> names;
  for (const table::Column& column : schema_) {
    names.push_back(PlainCell(column.name));
  }
  switch (format_) {
    case PrintFormat::kTable: {
      PrintAligned(names);
      std::string rule;
      for (size_t i = 0; i < widths_.size(); ++i) {
        rule += (i == 0 ? "" : "  ") + std::string(widths_[i], '-');
      }
      out_ << rule << '\n';
      return;
    }
    case PrintFormat::kCsv:
      for (size_t i = 0; i < schema_.size(); ++i) {
        out_ << (i == 0 ? "" : ",") << CsvCell(schema_[i].name);
      }
      out_ << "\r\n";
      return;
    case PrintFormat::kMarkdown: {
      std::string rule;
      for (size_t i = 0; i < schema_.size(); ++i) {
        out_ << "| " << MarkdownCell(schema_[i].name) << ' ';
        rule += IsNumber(schema_[i].type) ? "|---:" : "|---";
      }
      out_ << "|\n" << rule << "|\n";
      return;
    }
    case PrintFormat::kJson: out_ << '['; return;
  }
}

void RowPrinter::Add(std::span<const table::Datum> row) {
  if (format_ != PrintFormat::kTable && !header_printed_) {
    PrintHeader();
  }
  ++rows_;
  if (format_ == PrintFormat::kJson) {
    std::string json = rows_ == 1 ? "\n" : ",\n";
    AppendJsonRow(schema_, row, json);
    out_ << json;
    return;
  }
  std::vector<std::string> cells;
  for (size_t i = 0; i < row.size(); ++i) {
    // As DuckDB's CSV writer, an empty cell is NULL and "" the empty text.
    const bool null_as_nothing = row[i].is_null() && format_ == PrintFormat::kCsv;
    cells.push_back(null_as_nothing ? "" : table::ToText(row[i], schema_[i].type));
  }
  if (format_ == PrintFormat::kCsv) {
    for (size_t i = 0; i < cells.size(); ++i) {
      out_ << (i == 0 ? "" : ",") << (row[i].is_null() ? "" : CsvCell(cells[i]));
    }
    out_ << "\r\n";
    return;
  }
  if (format_ == PrintFormat::kMarkdown) {
    for (const std::string& cell : cells) {
      out_ << "| " << MarkdownCell(cell) << ' ';
    }
    out_ << "|\n";
    return;
  }
  for (std::string& cell : cells) {
    cell = PlainCell(cell);
  }
  if (header_printed_) {
    return PrintAligned(cells);
  }
  for (size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
  held_.push_back(std::move(cells));
  if (held_.size() == kSampleRows) {
    Finish();
  }
}

void RowPrinter::Finish() {
  if (!header_printed_) {
    PrintHeader();
  }
  for (const auto& cells : std::exchange(held_, {})) {
    PrintAligned(cells);
  }
  if (format_ == PrintFormat::kJson) {
    out_ << (rows_ == 0 ? "]\n" : "\n]\n");
  }
}

void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows, std::ostream& out) {
  std::vector<size_t> widths;
  std::vector<bool> right(header.size(), !rows.empty());
  for (const std::string& name : header) {
    widths.push_back(DisplayWidth(name));
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
      right[i] = right[i] && LooksNumeric(row[i]);
    }
  }
  auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += (i == 0 ? "" : "  ") + Padded(cells[i], widths[i], right[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print(header);
  for (const auto& row : rows) {
    print(row);
  }
}

}  // namespace fuqi::node
