#include "table/type.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace fuqi::table {
namespace {

constexpr std::array<std::string_view, 17> kNames = {
    "\"NULL\"", "BOOLEAN",  "TINYINT",   "SMALLINT",  "INTEGER", "BIGINT",
    "HUGEINT",  "UTINYINT", "USMALLINT", "UINTEGER",  "UBIGINT", "DECIMAL",
    "DOUBLE",   "VARCHAR",  "DATE",      "TIMESTAMP", "INTERVAL"};

constexpr std::pair<std::string_view, TypeId> kAliases[] = {
    {"NULL", TypeId::kNull},
    {"BOOL", TypeId::kBoolean},
    {"LOGICAL", TypeId::kBoolean},
    {"INT1", TypeId::kTinyInt},
    {"INT2", TypeId::kSmallInt},
    {"INT16", TypeId::kSmallInt},
    {"SHORT", TypeId::kSmallInt},
    {"INT", TypeId::kInteger},
    {"INT4", TypeId::kInteger},
    {"INT32", TypeId::kInteger},
    {"INTEGRAL", TypeId::kInteger},
    {"SIGNED", TypeId::kInteger},
    {"INT8", TypeId::kBigInt},
    {"INT64", TypeId::kBigInt},
    {"LONG", TypeId::kBigInt},
    {"INT128", TypeId::kHugeInt},
    {"UINT8", TypeId::kUTinyInt},
    {"UINT16", TypeId::kUSmallInt},
    {"UINT32", TypeId::kUInteger},
    {"UINT64", TypeId::kUBigInt},
    {"NUMERIC", TypeId::kDecimal},
    {"DEC", TypeId::kDecimal},
    {"FLOAT8", TypeId::kDouble},
    {"DOUBLE PRECISION", TypeId::kDouble},
    {"TEXT", TypeId::kVarchar},
    {"STRING", TypeId::kVarchar},
    {"CHAR", TypeId::kVarchar},
    {"BPCHAR", TypeId::kVarchar},
    {"NVARCHAR", TypeId::kVarchar},
    {"DATETIME", TypeId::kTimestamp},
    {"TIMESTAMP_US", TypeId::kTimestamp},
    {"TIMESTAMP WITHOUT TIME ZONE", TypeId::kTimestamp},
};

constexpr Type kDefaultDecimal = Decimal(18, 3);

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "18,2" → {18, 2}; -1 in the first where it is no list of one or two numbers.
std::pair<int, int> ParseWidthAndScale(std::string_view text) {
  auto number = [](std::string_view digits) {
    int value = -1;
    digits = Trim(digits);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() ? value : -1;
  };
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) {
    return {number(text), 0};
  }
  const int scale = number(text.substr(comma + 1));
  return {scale < 0 ? -1 : number(text.substr(0, comma)), scale};
}

std::string Quote(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (char c : text) {
    quoted += c;
    if (c == quote) {
      quoted += c;
    }
  }
  return quoted + quote;
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string Type::ToString() const {
  if (id == TypeId::kDecimal) {
    return fmt::format("DECIMAL({},{})", width, scale);
  }
  return std::string(kNames[static_cast<size_t>(id)]);
}

Result<Type> ParseType(std::string_view text) {
  const std::string_view whole = Trim(text);
  const size_t open = whole.find('(');
  const std::string_view name = Trim(whole.substr(0, open));
  if (name.empty()) {
    return Err(ErrorCode::kParse, "\"{}\" is no type name", text);
  }
  Type type;
  bool known = false;
  for (size_t i = 0; i < kNames.size() && !known; ++i) {
    if (SameName(name, kNames[i])) {
      type.id = static_cast<TypeId>(i);
      known = true;
    }
  }
  for (size_t i = 0; i < std::size(kAliases) && !known; ++i) {
    if (SameName(name, kAliases[i].first)) {
      type.id = kAliases[i].second;
      known = true;
    }
  }
  if (!known) {
    return Err(ErrorCode::kUnsupported, "type {} is not supported", whole);
  }
  if (type.id == TypeId::kDecimal && open == std::string_view::npos) {
    return kDefaultDecimal;
  }
  if (open == std::string_view::npos) {
    return type;
  }
  if (type.id != TypeId::kDecimal) {
    return Err(ErrorCode::kUnsupported, "type {} takes nothing in parentheses: {}", name, whole);
  }
  if (whole.back() != ')') {
    return Err(ErrorCode::kParse, "\"{}\" is no type name", text);
  }
  const auto [width, scale] = ParseWidthAndScale(whole.substr(open + 1, whole.size() - open - 2));
  if (width < 0) {
    return Err(ErrorCode::kParse, "\"{}\" is no type name", text);
  }
  if (width < 1 || width > kMaxDecimalWidth || scale > width) {
    return Err(ErrorCode::kOutOfRange,
               "{}: the digits in all must be 1 to 38, those after the point no more than that",
               whole);
  }
  return Decimal(static_cast<uint8_t>(width), static_cast<uint8_t>(scale));
}

int FindColumn(const Schema& schema, std::string_view name) {
  for (size_t i = 0; i < schema.size(); ++i) {
    if (SameName(schema[i].name, name)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::string QuoteName(std::string_view name) { return Quote(name, '"'); }
std::string QuoteText(std::string_view text) { return Quote(text, '\''); }

}  // namespace fuqi::table
