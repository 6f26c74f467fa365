// CSV as RFC 4180 has it, checked in one pass.

#include <fmt/core.h>

#include <vector>

#include "base/utf8.h"
#include "table/datum.h"
#include "table/inputs_internal.h"
#include "table/position.h"

namespace fuqi::table {
namespace {

// Where a field's content lies in its record: without its quotes, doubled quotes still doubled.
struct Field {
  size_t begin = 0;
  size_t end = 0;
  bool has_doubled_quotes = false;
};

class CsvReader {
 public:
  CsvReader(const File& file, char delimiter, uint64_t record_bytes_max)
      : source_(file), delimiter_(delimiter), record_bytes_max_(record_bytes_max) {}

  // Reads the next record; false at the end of the file.
  Result<bool> Next();

  size_t size() const { return fields_.size(); }
  bool empty() const { return record_.empty(); }
  // Of the record's first byte.
  int line() const { return line_; }
  // A field's content; valid until the next call of either.
  std::string_view Text(size_t i);
  // Where a field begins.
  Where PlaceOf(size_t i) const { return PlaceAt(fields_[i].begin); }
  Where PlaceOfEnd() const { return PlaceAt(record_.size()); }

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kAfterQuote };

  Where PlaceAt(size_t offset) const {
    Where where = PlaceIn(record_, offset);
    where.line += line_ - 1;
    return where;
  }
  // Ends the record at a line end that begins with `byte`; takes the rest of it.
  Result<void> EndLine(int byte);

  ByteSource source_;
  const char delimiter_;
  const uint64_t record_bytes_max_;
  LineEnds line_ends_;
  std::string record_;
  std::vector<Field> fields_;
  std::string unquoted_;
  int line_ = 0;       // of the record
  int next_line_ = 1;  // of what follows it
};

Result<void> CsvReader::EndLine(int byte) {
  std::string_view end = "\n";
  if (byte == '\r') {
    end = source_.Peek() == '\n' ? "\r\n" : "\r";
    if (end == "\r\n") {
      source_.Next();
    }
  }
  ++next_line_;
  auto checked = line_ends_.Check(end);
  return checked.has_value() ? Result<void>() : std::move(checked).error().At(PlaceOfEnd());
}

Result<bool> CsvReader::Next() {
  record_.clear();
  fields_.assign(1, {});
  line_ = next_line_;
  State state = State::kFieldStart;
  for (;;) {
    const int byte = source_.Next();
    const bool at_end = byte == ByteSource::kEnd;
    if (at_end) {
      FUQI_RETURN_IF_ERROR(source_.Check());
      if (state == State::kQuoted) {
        return Err(ErrorCode::kParse, "a quoted field is not closed before the end of the file")
            .At(PlaceOf(fields_.size() - 1));
      }
    }
    // Where the record or the field ends.
    if (state != State::kQuoted && (at_end || byte == '\n' || byte == '\r' || byte == delimiter_)) {
      if (state != State::kAfterQuote) {
        fields_.back().end = record_.size();
      }
      if (at_end) {
        return !record_.empty();
      }
      if (byte != delimiter_) {
        FUQI_RETURN_IF_ERROR(EndLine(byte));
        return true;
      }
    }
    if (record_.size() >= record_bytes_max_) {
      return Err(ErrorCode::kResourceExhausted, "a record is longer than the {} bytes it may have",
                 record_bytes_max_)
          .At({.line = line_});
    }
    switch (state) {
      case State::kQuoted:
        if (byte == '"') {
          fields_.back().end = record_.size();
          state = State::kAfterQuote;
        } else if (byte == '\n' || (byte == '\r' && source_.Peek() != '\n')) {
          ++next_line_;
        }
        break;
      case State::kAfterQuote:
        if (byte == '"') {
          fields_.back().has_doubled_quotes = true;
          state = State::kQuoted;
        } else if (byte != delimiter_) {
          return Err(ErrorCode::kParse,
                     "after a closing quote comes a delimiter or the end of the line")
              .At(PlaceOfEnd());
        }
        break;
      case State::kFieldStart:
      case State::kPlain:
        if (byte == '"' && state == State::kFieldStart) {
          fields_.back().begin = record_.size() + 1;
          state = State::kQuoted;
        } else {
          state = State::kPlain;
        }
        break;
    }
    record_ += static_cast<char>(byte);
    if (state != State::kQuoted && byte == delimiter_) {
      fields_.push_back({record_.size(), record_.size(), false});
      state = State::kFieldStart;
    }
  }
}

std::string_view CsvReader::Text(size_t i) {
  const Field& field = fields_[i];
  const std::string_view raw =
      std::string_view(record_).substr(field.begin, field.end - field.begin);
  if (!field.has_doubled_quotes) {
    return raw;
  }
  unquoted_.clear();
  for (size_t k = 0; k < raw.size(); ++k) {
    unquoted_ += raw[k];
    k += raw[k] == '"' ? 1 : 0;
  }
  return unquoted_;
}

Result<void> CheckText(std::string_view text, Type type) {
  FUQI_RETURN_IF_ERROR(ParseText(text, type));
  return {};
}

Result<void> CheckUtf8(CsvReader& csv) {
  for (size_t i = 0; i < csv.size(); ++i) {
    const std::string_view text = csv.Text(i);
    if (!IsUtf8(text)) {
      return Err(ErrorCode::kParse, "a field is not UTF-8").At(csv.PlaceOf(i));
    }
    if (text.find('\0') != std::string_view::npos) {
      return Err(ErrorCode::kParse, "a field holds a NUL byte").At(csv.PlaceOf(i));
    }
  }
  return {};
}

Result<void> CheckHeader(CsvReader& csv, const Schema& columns) {
  FUQI_RETURN_IF_ERROR(CheckUtf8(csv));
  for (size_t i = 0; i < csv.size() && i < columns.size(); ++i) {
    if (const std::string_view found = csv.Text(i); !SameName(found, columns[i].name)) {
      return Err(ErrorCode::kParse, "column {} of the header is \"{}\"; \"{}\" is expected", i + 1,
                 found, columns[i].name)
          .At(csv.PlaceOf(i));
    }
  }
  if (csv.size() != columns.size()) {
    return Err(ErrorCode::kParse, "the header has {} columns; {} are expected", csv.size(),
               columns.size())
        .At(csv.PlaceOfEnd());
  }
  return {};
}

Result<void> CheckRecord(CsvReader& csv, const Schema& columns) {
  if (csv.empty()) {
    return Err(ErrorCode::kParse, "the line is empty").At({.line = csv.line()});
  }
  FUQI_RETURN_IF_ERROR(CheckUtf8(csv));
  if (csv.size() != columns.size()) {
    return Err(ErrorCode::kParse, "the record has {} fields; {} are expected", csv.size(),
               columns.size())
        .At(csv.PlaceOfEnd());
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string_view text = csv.Text(i);
    Result<void> checked;
    if (!text.empty()) {
      checked = CheckText(text, columns[i].type);
    } else if (!columns[i].nullable) {
      checked = Err(ErrorCode::kTypeMismatch, "there is no value, but the column may not be NULL");
    }
    if (!checked.has_value()) {
      return std::move(checked).error().At(csv.PlaceOf(i)).At({.field = columns[i].name});
    }
  }
  return {};
}

}  // namespace

Result<void> CheckCsv(const File& file, const InputSpec& spec) {
  CsvReader csv(file, spec.delimiter[0], spec.line_bytes_max);
  FUQI_ASSIGN_OR_RETURN(const bool has_header, csv.Next());
  if (!has_header) {
    return Err(ErrorCode::kParse, "the file is empty: it needs a header at least");
  }
  FUQI_RETURN_IF_ERROR(CheckHeader(csv, spec.columns));
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(const bool more, csv.Next());
    if (!more) {
      return {};
    }
    FUQI_RETURN_IF_ERROR(CheckRecord(csv, spec.columns));
  }
}

}  // namespace fuqi::table
