// JSON lines, checked in one pass.
//
// DuckDB reads a number with a fraction, and any beyond 64 bits, through a DOUBLE: what would not
// survive that must be written as a text.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "table/datum.h"
#include "table/inputs_internal.h"
#include "table/position.h"

namespace fuqi::table {
namespace {

using Json = nlohmann::json;

// The digits of a number that count towards a DOUBLE's precision.
size_t SignificantDigits(std::string_view number) {
  size_t digits = 0;
  for (char c : number.substr(0, number.find_first_of("eE"))) {
    digits += c >= '0' && c <= '9' && (digits > 0 || c != '0') ? 1 : 0;
  }
  return digits;
}

// Follows one object by nlohmann's events; keeps the first error.
class ObjectCheck : public nlohmann::json_sax<Json> {
 public:
  ObjectCheck(std::string_view line, const Schema& columns)
      : line_(line), columns_(columns), seen_(columns.size()) {}

  Result<void> Finish() {
    if (!error_ && !was_object_) {
      error_ = Err(ErrorCode::kParse, "the line holds no JSON object");
    }
    for (size_t i = 0; i < columns_.size() && !error_; ++i) {
      if (!seen_[i] && !columns_[i].nullable) {
        error_ = Err(ErrorCode::kTypeMismatch, "there is no value, but the column may not be NULL")
                     .At({.field = columns_[i].name});
      }
    }
    return error_ ? Result<void>(*error_) : Result<void>();
  }

  bool null() override {
    const Column* column = Current();
    return column == nullptr || column->nullable ||
           Fail(Err(ErrorCode::kTypeMismatch, "there is no value, but the column may not be NULL"));
  }
  bool boolean(bool) override {
    const Column* column = Current();
    return column == nullptr || column->type.id == TypeId::kBoolean ||
           Mismatch("true or false stands where a value of type {} is needed");
  }
  bool number_integer(number_integer_t value) override {
    return Number(std::to_string(value), /*through_double=*/false);
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Number(std::to_string(value), /*through_double=*/false);
  }
  bool number_float(number_float_t, const string_t& raw) override {
    return Number(raw, /*through_double=*/true);
  }
  bool string(string_t& text) override {
    const Column* column = Current();
    if (column == nullptr) {
      return true;
    }
    const auto value = ParseText(text, column->type);
    return value.has_value() || Fail(value.error());
  }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override {
    was_object_ = was_object_ || depth_ == 0;
    return Enter();
  }
  bool end_object() override { return Leave(); }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    if (depth_ != 1) {
      return true;
    }
    current_ = -1;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == name) {
        current_ = static_cast<int>(i);
      }
    }
    if (current_ < 0) {
      return true;
    }
    if (seen_[static_cast<size_t>(current_)]) {
      return Fail(Err(ErrorCode::kParse, "the key stands in the object twice"));
    }
    seen_[static_cast<size_t>(current_)] = true;
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    constexpr int kNumberOverflow = 406;
    error_ = exception.id == kNumberOverflow
                 ? Err(ErrorCode::kOutOfRange, "a number is beyond what a DOUBLE holds")
                 : Err(ErrorCode::kParse, "the line is not JSON");
    // The position is that of the last byte read, from 1.
    error_ =
        std::move(*error_).At({.column = PlaceIn(line_, position > 0 ? position - 1 : 0).column});
    return false;
  }

 private:
  // The declared column whose value comes now; none for others and inside of them.
  const Column* Current() const {
    return depth_ == 1 && current_ >= 0 ? &columns_[static_cast<size_t>(current_)] : nullptr;
  }
  bool Fail(Error error) {
    error_ = std::move(error).At({.field = columns_[static_cast<size_t>(current_)].name});
    return false;
  }
  bool Mismatch(MessageTemplate text) {
    return Fail(Err(ErrorCode::kTypeMismatch, text, Current()->type.ToString()));
  }
  bool Enter() {
    if (Current() != nullptr) {
      return Mismatch("an object or array stands where a value of type {} is needed");
    }
    ++depth_;
    return true;
  }
  bool Leave() {
    --depth_;
    return true;
  }
  bool Number(std::string_view raw, bool through_double) {
    constexpr size_t kDoubleDigits = 15;
    const Column* column = Current();
    if (column == nullptr) {
      return true;
    }
    if (!column->type.is_exact_number() && column->type.id != TypeId::kDouble) {
      return Mismatch("a number stands where a value of type {} is needed");
    }
    const auto value = ParseText(raw, column->type);
    if (!value.has_value()) {
      return Fail(value.error());
    }
    if (column->type.id != TypeId::kDouble && through_double &&
        SignificantDigits(raw) > kDoubleDigits) {
      return Fail(Err(ErrorCode::kOutOfRange,
                      "{} has more digits than a JSON number keeps: write it as a text in quotes",
                      raw));
    }
    return true;
  }

  const std::string_view line_;
  const Schema& columns_;
  std::vector<bool> seen_;
  int current_ = -1;
  int depth_ = 0;
  bool was_object_ = false;
  std::optional<Error> error_;
};

}  // namespace

Result<void> CheckJsonObject(std::string_view line, const Schema& columns) {
  if (const auto bad = FirstBadUtf8(line)) {
    return Err(ErrorCode::kParse, "the line is not UTF-8")
        .At({.column = PlaceIn(line, *bad).column});
  }
  ObjectCheck check(line, columns);
  Json::sax_parse(line, &check);
  return check.Finish();
}

Result<void> CheckJsonLines(const File& file, const InputSpec& spec) {
  ByteSource source(file);
  LineEnds line_ends;
  std::string line;
  for (int number = 1;; ++number) {
    line.clear();
    int byte = ByteSource::kEnd;
    std::string_view end;
    while (end.empty()) {
      byte = source.Next();
      if (byte == ByteSource::kEnd) {
        FUQI_RETURN_IF_ERROR(source.Check());
        break;
      }
      if (byte == '\n') {
        end = line.ends_with('\r') ? "\r\n" : "\n";
      } else if (line.size() >= spec.line_bytes_max) {
        return Err(ErrorCode::kResourceExhausted, "a line is longer than the {} bytes it may have",
                   spec.line_bytes_max)
            .At({.line = number});
      } else {
        line += static_cast<char>(byte);
      }
    }
    if (byte == ByteSource::kEnd && line.empty()) {
      return number > 1 ? Result<void>() : Err(ErrorCode::kParse, "the file is empty");
    }
    if (!end.empty()) {
      FUQI_RETURN_IF_ERROR(line_ends.Check(end).At({.line = number}));
      line.resize(line.size() - (end.size() - 1));
    }
    if (line.empty()) {
      return Err(ErrorCode::kParse, "the line is empty").At({.line = number});
    }
    auto checked = CheckJsonObject(line, spec.columns);
    if (!checked.has_value()) {
      const int column = checked.error().where() ? checked.error().where()->column : 0;
      return std::move(checked).error().At({.line = number, .column = column});
    }
  }
}

}  // namespace fuqi::table
