// Texts as values, strictly: what files and requests hold.

#include <charconv>
#include <cmath>
#include <system_error>

#include "base/decimal.h"
#include "base/time.h"
#include "base/utf8.h"
#include "table/datum.h"
#include "table/position.h"

namespace fuqi::table {
namespace {

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

// An error repeats as much of a text as it takes to recognise it.
constexpr size_t kExcerptBytes = 60;

Error NotOfType(std::string_view text, Type type) {
  return Err(ErrorCode::kTypeMismatch, "\"{}\" is no {}", Excerpt(text, kExcerptBytes),
             type.ToString());
}

Error BeyondRange(std::string_view text, Type type) {
  return Err(ErrorCode::kOutOfRange, "\"{}\" does not fit into {}", Excerpt(text, kExcerptBytes),
             type.ToString());
}

Result<Datum> ParseBoolean(std::string_view text, Type type) {
  for (std::string_view word : {"true", "t", "1"}) {
    if (SameName(text, word)) {
      return Datum::Bool(true);
    }
  }
  for (std::string_view word : {"false", "f", "0"}) {
    if (SameName(text, word)) {
      return Datum::Bool(false);
    }
  }
  return NotOfType(text, type);
}

Result<Datum> ParseExact(std::string_view text, Type type) {
  // HUGEINT's ends have 39 digits: more than any DECIMAL.
  const auto value = type.is_integer()
                         ? ParseInt128(text)
                         : ParseDecimal(text, type.width, type.scale, ExcessDigits::kRefuse);
  if (!value.has_value()) {
    return value.error().code() == ErrorCode::kOutOfRange ? BeyondRange(text, type)
                                                          : NotOfType(text, type);
  }
  const Datum datum = Datum::Int(*value);
  return InRange(datum, type) ? Result<Datum>(datum) : BeyondRange(text, type);
}

Result<Datum> ParseDouble(std::string_view text, Type type) {
  std::string_view digits = text;
  if (digits.starts_with('+') && !digits.starts_with("+-")) {
    digits.remove_prefix(1);
  }
  double value = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, value);
  if (rest != end || (error != std::errc() && error != std::errc::result_out_of_range)) {
    return NotOfType(text, type);
  }
  if (error == std::errc::result_out_of_range || !std::isfinite(value)) {
    return BeyondRange(text, type);
  }
  return Datum::Double(value);
}

Result<Datum> ParseMoment(std::string_view text, Type type) {
  if (type.id == TypeId::kDate) {
    const auto days = ParseDate(text);
    return days.has_value() ? Result<Datum>(Datum::Int(*days)) : NotOfType(text, type);
  }
  // After the date no sign and no letter but T: DuckDB would read past a zone without applying it.
  if (text.find_first_of("Zz+-", 10) != std::string_view::npos) {
    return NotOfType(text, type);
  }
  const auto us = ParseTimestamp(text);
  return us.has_value() ? Result<Datum>(Datum::Int(*us)) : NotOfType(text, type);
}

}  // namespace

Result<Datum> ParseText(std::string_view text, Type type) {
  const std::string_view trimmed = TrimSpaces(text);
  switch (type.id) {
    case TypeId::kNull:
    case TypeId::kInterval:
      return Err(ErrorCode::kUnsupported, "a value of type {} cannot be read from a text",
                 type.ToString());
    case TypeId::kVarchar:
      return IsUtf8(text) && text.find('\0') == std::string_view::npos
                 ? Result<Datum>(Datum::Text(text))
                 : Err(ErrorCode::kTypeMismatch, "a text is not UTF-8, or holds a NUL byte");
    case TypeId::kBoolean:
      return ParseBoolean(text, type);
    case TypeId::kDouble:
      return ParseDouble(trimmed, type);
    case TypeId::kDate:
    case TypeId::kTimestamp:
      return ParseMoment(trimmed, type);
    default:
      return ParseExact(trimmed, type);
  }
}

}  // namespace fuqi::table
