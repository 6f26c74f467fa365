#include "table/format.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/decimal.h"
#include "base/utf8.h"

namespace fuqi::table {
namespace {

using Write = std::function<Result<void>(std::string_view)>;
using Values = std::span<const Datum>;

struct CodeRange {
  char32_t first;
  char32_t last;
};

constexpr CodeRange kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2e80, 0x303e},
    {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

constexpr CodeRange kZeroWidth[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064},   {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};

bool IsIn(std::span<const CodeRange> ranges, char32_t code) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), code,
                                      [](char32_t c, const CodeRange& r) { return c < r.first; });
  return after != ranges.begin() && code <= (after - 1)->last;
}

// Calls `visit` with each code point of a well-formed text and its bytes.
template <class Visit>
void EachCodePoint(std::string_view text, Visit visit) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const std::string_view bytes = text.substr(i, length);
    char32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (char c : bytes.substr(1)) {
      code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
    }
    visit(code, bytes);
    i += length;
  }
}

// SECURITY: a cell must not move the cursor or recolour the terminal of who reads it.
// Test: Format.ShowsControlCharactersInTables.
std::string Visible(std::string_view text) {
  std::string out;
  EachCodePoint(text, [&out](char32_t code, std::string_view bytes) {
    if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(code));
    } else {
      out += bytes;
    }
  });
  return out;
}

bool IsNumber(Type type) { return type.is_exact_number() || type.id == TypeId::kDouble; }

// Writes one format: what stands before the rows, each row, and after them.
class Writer {
 public:
  Writer(const Schema& schema, const Write& write) : schema_(schema), write_(write) {}
  virtual ~Writer() = default;
  virtual Result<void> Begin() = 0;
  virtual Result<void> Add(Values row) = 0;
  virtual Result<void> End() { return {}; }

 protected:
  const Schema& schema_;
  const Write& write_;
};

class TableWriter : public Writer {
 public:
  using Writer::Writer;

  Result<void> Begin() override {
    std::vector<std::string> names;
    for (const Column& column : schema_) {
      names.push_back(Visible(column.name));
      widths_.push_back(DisplayWidth(names.back()));
    }
    sample_.push_back(std::move(names));
    return {};
  }
  Result<void> Add(Values row) override {
    std::vector<std::string> cells;
    cells.reserve(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(Visible(ToText(row[i], schema_[i].type)));
    }
    if (sampled_) {
      return write_(Line(cells));
    }
    for (size_t i = 0; i < cells.size(); ++i) {
      widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
    }
    sample_.push_back(std::move(cells));
    return sample_.size() > kTableSample ? Flush() : Result<void>();
  }
  Result<void> End() override { return sampled_ ? Result<void>() : Flush(); }

 private:
  Result<void> Flush() {
    std::string text;
    for (size_t i = 0; i < sample_.size(); ++i) {
      text += Line(sample_[i]);
      if (i == 0) {
        text += Rule();
      }
    }
    sample_.clear();
    sampled_ = true;
    return write_(text);
  }
  std::string Rule() const {
    std::string text;
    for (size_t i = 0; i < widths_.size(); ++i) {
      text += i == 0 ? "" : "┼";
      for (size_t k = 0; k < widths_[i] + 2; ++k) {
        text += "─";
      }
    }
    return text + "\n";
  }
  std::string Line(const std::vector<std::string>& cells) const {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t width = DisplayWidth(cells[i]);
      const std::string pad(widths_[i] > width ? widths_[i] - width : 0, ' ');
      const bool right = IsNumber(schema_[i].type);
      text += (i == 0 ? " " : "│ ") + (right ? pad + cells[i] : cells[i] + pad) + " ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  }

  std::vector<std::vector<std::string>> sample_;  // the names first
  std::vector<size_t> widths_;
  bool sampled_ = false;
};

class CsvWriter : public Writer {
 public:
  using Writer::Writer;

  Result<void> Begin() override {
    std::string line;
    for (size_t i = 0; i < schema_.size(); ++i) {
      line += (i == 0 ? "" : ",") + Quoted(schema_[i].name);
    }
    return write_(line + "\r\n");
  }
  Result<void> Add(Values row) override {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += i == 0 ? "" : ",";
      line += row[i].is_null() ? "" : Quoted(ToText(row[i], schema_[i].type));
    }
    return write_(line + "\r\n");
  }

 private:
  static std::string Quoted(const std::string& text) {
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) {
      return text;
    }
    std::string quoted = "\"";
    for (char c : text) {
      quoted += c;
      quoted += c == '"' ? "\"" : "";
    }
    return quoted + "\"";
  }
};

class JsonWriter : public Writer {
 public:
  JsonWriter(const Schema& schema, const Write& write, bool lines)
      : Writer(schema, write), lines_(lines) {}

  Result<void> Begin() override {
    for (size_t i = 0; i < schema_.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        if (schema_[i].name == schema_[k].name) {
          return Err(ErrorCode::kInvalidArgument,
                     "two columns are named {}: JSON needs different names", schema_[i].name);
        }
      }
    }
    return lines_ ? Result<void>() : write_("[");
  }
  Result<void> Add(Values row) override {
    std::string text = lines_ ? "{" : first_ ? "\n{" : ",\n{";
    first_ = false;
    for (size_t i = 0; i < row.size(); ++i) {
      text += (i == 0 ? "\"" : ",\"") + JsonText(schema_[i].name) +
              "\":" + Value(row[i], schema_[i].type);
    }
    return write_(text + (lines_ ? "}\n" : "}"));
  }
  Result<void> End() override { return lines_ ? Result<void>() : write_(first_ ? "]\n" : "\n]\n"); }

 private:
  static std::string Value(const Datum& datum, Type type) {
    if (datum.is_null()) {
      return "null";
    }
    // JSON wants a digit before the point.
    const std::string text =
        type.id == TypeId::kDecimal ? DecimalToText(datum.i, type.scale) : ToText(datum, type);
    constexpr int kDoubleDigits = 15;
    const bool bare = type.id == TypeId::kBoolean ||
                      (type.is_integer() && type.id != TypeId::kHugeInt) ||
                      (type.id == TypeId::kDecimal && type.width <= kDoubleDigits) ||
                      (type.id == TypeId::kDouble && std::isfinite(datum.d));
    return bare ? text : "\"" + JsonText(text) + "\"";
  }

  const bool lines_;
  bool first_ = true;
};

class MarkdownWriter : public Writer {
 public:
  using Writer::Writer;

  Result<void> Begin() override {
    std::string names = "|";
    std::string rule = "|";
    for (const Column& column : schema_) {
      names += " " + Escaped(column.name) + " |";
      rule += IsNumber(column.type) ? " ---: |" : " --- |";
    }
    return write_(names + "\n" + rule + "\n");
  }
  Result<void> Add(Values row) override {
    std::string line = "|";
    for (size_t i = 0; i < row.size(); ++i) {
      line += " " + Escaped(ToText(row[i], schema_[i].type)) + " |";
    }
    return write_(line + "\n");
  }

 private:
  static std::string Escaped(std::string_view text) {
    std::string out;
    for (char c : Visible(text)) {
      if (std::string_view("\\`*_{}[]<>#|").find(c) != std::string_view::npos) {
        out += '\\';
      }
      out += c;
    }
    return out;
  }
};

std::unique_ptr<Writer> WriterFor(OutputFormat format, const Schema& schema, const Write& write) {
  switch (format) {
    case OutputFormat::kTable:
      return std::make_unique<TableWriter>(schema, write);
    case OutputFormat::kCsv:
      return std::make_unique<CsvWriter>(schema, write);
    case OutputFormat::kJson:
      return std::make_unique<JsonWriter>(schema, write, false);
    case OutputFormat::kJsonLines:
      return std::make_unique<JsonWriter>(schema, write, true);
    case OutputFormat::kMarkdown:
      return std::make_unique<MarkdownWriter>(schema, write);
  }
  return nullptr;
}

}  // namespace

Result<OutputFormat> ParseOutputFormat(std::string_view name) {
  constexpr std::pair<std::string_view, OutputFormat> kNames[] = {
      {"table", OutputFormat::kTable},       {"csv", OutputFormat::kCsv},
      {"json", OutputFormat::kJson},         {"jsonl", OutputFormat::kJsonLines},
      {"markdown", OutputFormat::kMarkdown},
  };
  for (const auto& [known, format] : kNames) {
    if (name == known) {
      return format;
    }
  }
  return Err(ErrorCode::kUsage,
             "output format \"{}\" is not one of table, csv, json, jsonl, markdown", name);
}

Result<uint64_t> WriteRows(RowStream& rows, OutputFormat format, const Write& write) {
  const auto writer = WriterFor(format, rows.schema(), write);
  FUQI_RETURN_IF_ERROR(writer->Begin());
  for (uint64_t count = 0;; ++count) {
    FUQI_ASSIGN_OR_RETURN(const auto row, rows.Next());
    if (!row) {
      FUQI_RETURN_IF_ERROR(writer->End());
      return count;
    }
    FUQI_RETURN_IF_ERROR(writer->Add(*row));
  }
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  EachCodePoint(text, [&width](char32_t code, std::string_view) {
    width += IsIn(kZeroWidth, code) ? 0 : IsIn(kWide, code) ? 2 : 1;
  });
  return width;
}

}  // namespace fuqi::table
