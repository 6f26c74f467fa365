#include "node/event_json.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "base/time.h"
#include "table/position.h"

namespace fuqi::node {
namespace {

namespace ondemand = simdjson::ondemand;
using table::Datum;
using table::TypeId;

// JSON's own grammar of numbers [RFC 8259 §6]: narrower than ParseDecimal's.
bool IsJsonNumber(std::string_view text) {
  size_t i = 0;
  auto digits = [&] {
    size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') {
      ++i;
    }
    return i - begin;
  };
  if (i < text.size() && text[i] == '-') {
    ++i;
  }
  const bool zero_first = i < text.size() && text[i] == '0';
  size_t whole = digits();
  if (whole == 0 || (zero_first && whole > 1)) {
    return false;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) {
      return false;
    }
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) {
      ++i;
    }
    if (digits() == 0) {
      return false;
    }
  }
  return i == text.size();
}

std::string_view Trimmed(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\t' || token.back() == '\n' ||
                            token.back() == '\r')) {
    token.remove_suffix(1);
  }
  return token;
}

struct Range {
  int128 low;
  int128 high;
};

template <class T>
constexpr Range RangeOf() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

Range IntegerRange(TypeId id) {
  switch (id) {
    case TypeId::kTinyInt:
      return RangeOf<int8_t>();
    case TypeId::kSmallInt:
      return RangeOf<int16_t>();
    case TypeId::kInteger:
      return RangeOf<int32_t>();
    case TypeId::kBigInt:
      return RangeOf<int64_t>();
    case TypeId::kUTinyInt:
      return RangeOf<uint8_t>();
    case TypeId::kUSmallInt:
      return RangeOf<uint16_t>();
    case TypeId::kUInteger:
      return RangeOf<uint32_t>();
    case TypeId::kUBigInt:
      return RangeOf<uint64_t>();
    default:
      return {kInt128Min, kInt128Max};
  }
}

bool IsInteger(TypeId id) { return id >= TypeId::kTinyInt && id <= TypeId::kUBigInt; }

// Types whose values a double may not hold: these may be given as strings.
bool MayBeQuoted(TypeId id) {
  return id == TypeId::kDecimal || id == TypeId::kBigInt || id == TypeId::kUBigInt ||
         id == TypeId::kHugeInt;
}

Error WrongType(table::Type type) {
  return Err(ErrorCode::kTypeMismatch, "the value is not one of {}", type.ToString());
}

Result<Datum> NumberOf(std::string_view text, table::Type type) {
  if (!IsJsonNumber(text)) {
    return WrongType(type);
  }
  if (type.id == TypeId::kDouble) {
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
      return Err(ErrorCode::kOutOfRange, "the number is beyond the range of {}", type.ToString());
    }
    return Datum::Double(value);
  }
  const bool decimal = type.id == TypeId::kDecimal;
  Result<int128> exact = ParseDecimal(text, decimal ? type.width : kDecimalWidthMax,
                                      decimal ? type.scale : 0, ExcessDigits::kRefuse);
  if (!exact) {
    return Err(ErrorCode::kOutOfRange, "the number is not exactly one of {}", type.ToString());
  }
  if (Range range = IntegerRange(type.id);
      !decimal && (*exact < range.low || *exact > range.high)) {
    return Err(ErrorCode::kOutOfRange, "the number is beyond the range of {}", type.ToString());
  }
  return Datum::Int(*exact);
}

// `text` is unescaped; a VARCHAR's datum borrows it.
Result<Datum> TextOf(std::string_view text, table::Type type) {
  if (type.id == TypeId::kVarchar) {
    return Datum::Text(text);
  }
  if (MayBeQuoted(type.id)) {
    return NumberOf(text, type);
  }
  if (type.id == TypeId::kDate) {
    Result<int32_t> days = ParseDate(text);
    return days ? Result<Datum>(Datum::Int(*days))
                : Err(ErrorCode::kTypeMismatch, "the text is no date such as 2026-01-31");
  }
  if (type.id == TypeId::kTimestamp) {
    Result<int64_t> us = ParseTimestamp(text);
    if (!us) {
      return Err(ErrorCode::kTypeMismatch,
                 "the text is no time such as 2026-01-31T10:00:00.123456Z");
    }
    // An offset may lead out of the years that a time can be told in.
    if (const int32_t year = CivilFromDays(DayOf(*us)).year; year < 1 || year > 9999) {
      return Err(ErrorCode::kOutOfRange, "the time is not in the years 0001 to 9999 in UTC");
    }
    return Datum::Int(*us);
  }
  return WrongType(type);
}

// A name that may be told back: letters, digits, '_', '-', '.' and what is beyond ASCII.
bool LooksLikeAName(std::string_view text) {
  if (text.empty() || text.size() > 64) {
    return false;
  }
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 c == '_' || c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
    if (!plain) {
      return false;
    }
  }
  return true;
}

Error Malformed(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return Err(ErrorCode::kParse, "the text is not UTF-8");
    case simdjson::EMPTY:
      return Err(ErrorCode::kParse, "there is no JSON text");
    case simdjson::DEPTH_ERROR:
      return Err(ErrorCode::kParse, "the JSON text is nested too deeply");
    default:
      return Err(ErrorCode::kParse, "the text is not well-formed JSON");
  }
}

// One parsed text: rows as they are read, and the first error of the text as a whole.
class Reader {
 public:
  explicit Reader(const table::Schema& schema) : schema_(schema), seen_(schema.size()) {}

  // The row of `object`. An error of the outer Result is one of the text, of the inner one of this
  // row.
  Result<Result<table::Row>> ReadObject(ondemand::object object) {
    table::Row row(schema_.size());
    seen_.assign(schema_.size(), false);
    std::optional<Error> fault;  // the first; the rest of the object is read all the same
    auto note = [&](Error error, std::string_view field) {
      if (!fault) {
        fault = std::move(error).At({.field = std::string(field)});
      }
    };
    size_t expected = 0;
    for (simdjson::simdjson_result<ondemand::field> entry : object) {
      ondemand::field field;
      if (auto error = std::move(entry).get(field)) {
        return Malformed(error);
      }
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) {
        return Malformed(error);
      }
      const size_t column = ColumnOf(key, expected);
      if (column == schema_.size()) {
        note(LooksLikeAName(key)
                 ? Err(ErrorCode::kInvalidArgument, "the event table has no column {}", key)
                 : Err(ErrorCode::kInvalidArgument, "a field's name is no column's"),
             "");
        FUQI_RETURN_IF_ERROR(Skip(field.value()));
        continue;
      }
      expected = column + 1;
      if (seen_[column]) {
        note(Err(ErrorCode::kInvalidArgument, "the field is given twice"), schema_[column].name);
      }
      seen_[column] = true;
      FUQI_ASSIGN_OR_RETURN(Result<Datum> value, ReadValue(field.value(), schema_[column].type));
      if (value) {
        row.Set(column, *value);
      } else {
        note(std::move(value).error(), schema_[column].name);
      }
    }
    if (fault) {
      return Result<table::Row>(*std::move(fault));
    }
    return Result<table::Row>(std::move(row));
  }

 private:
  // Fields mostly come in the order of the columns.
  size_t ColumnOf(std::string_view key, size_t expected) const {
    if (expected < schema_.size() && schema_[expected].name == key) {
      return expected;
    }
    size_t i = 0;
    while (i < schema_.size() && schema_[i].name != key) {
      ++i;
    }
    return i;
  }

  // Reads a value to its end, so that its own faults are found.
  static Result<void> Skip(ondemand::value value) {
    FUQI_ASSIGN_OR_RETURN(Result<Datum> ignored, ReadValue(value, {TypeId::kNull}));
    return {};
  }

  static Result<Result<Datum>> ReadValue(ondemand::value value, table::Type type) {
    ondemand::json_type kind;
    if (auto error = value.type().get(kind)) {
      return Malformed(error);
    }
    switch (kind) {
      case ondemand::json_type::null: {
        bool null = false;
        if (auto error = value.is_null().get(null); error || !null) {
          return Malformed(error);
        }
        return Result<Datum>(Datum::Null());
      }
      case ondemand::json_type::boolean: {
        bool truth = false;
        if (auto error = value.get_bool().get(truth)) {
          return Malformed(error);
        }
        return type.id == TypeId::kBoolean ? Result<Datum>(Datum::Bool(truth)) : WrongType(type);
      }
      case ondemand::json_type::string: {
        std::string_view text;
        if (auto error = value.get_string().get(text)) {
          return Malformed(error);
        }
        return TextOf(text, type);
      }
      case ondemand::json_type::number: {
        std::string_view token = Trimmed(value.raw_json_token());
        if (!IsJsonNumber(token)) {
          return Malformed(simdjson::NUMBER_ERROR);
        }
        return IsInteger(type.id) || type.id == TypeId::kDecimal || type.id == TypeId::kDouble
                   ? NumberOf(token, type)
                   : WrongType(type);
      }
      case ondemand::json_type::array:
      case ondemand::json_type::object:
        return Result<Datum>(WrongType(type));
    }
    return Malformed(simdjson::TAPE_ERROR);
  }

  const table::Schema& schema_;
  std::vector<bool> seen_;
};

}  // namespace

struct EventJson::Impl {
  ondemand::parser parser;
};

Result<Datum> ValueFromText(std::string_view text, table::Type type) {
  const bool number =
      IsInteger(type.id) || type.id == TypeId::kDecimal || type.id == TypeId::kDouble;
  return number ? NumberOf(text, type) : TextOf(text, type);
}

EventJson::EventJson() : impl_(std::make_unique<Impl>()) {}
EventJson::~EventJson() = default;
EventJson::EventJson(EventJson&&) noexcept = default;
EventJson& EventJson::operator=(EventJson&&) noexcept = default;

namespace {

Result<EventJson::Events> ReadEvents(ondemand::document& document, const table::Schema& schema,
                                     size_t items_max) {
  ondemand::json_type kind;
  if (auto error = document.type().get(kind)) {
    return Malformed(error);
  }
  EventJson::Events events;
  Reader reader(schema);
  if (kind == ondemand::json_type::object) {
    ondemand::object object;
    if (auto error = document.get_object().get(object)) {
      return Malformed(error);
    }
    FUQI_ASSIGN_OR_RETURN(Result<table::Row> row, reader.ReadObject(object));
    events.rows.push_back(std::move(row));
  } else if (kind == ondemand::json_type::array) {
    events.array = true;
    ondemand::array array;
    if (auto error = document.get_array().get(array)) {
      return Malformed(error);
    }
    for (simdjson::simdjson_result<ondemand::value> element : array) {
      ondemand::object object;
      ondemand::value value;
      if (auto error = std::move(element).get(value)) {
        return Malformed(error);
      }
      if (events.rows.size() == items_max) {
        return Err(ErrorCode::kResourceExhausted, "an array may hold at most {} events", items_max);
      }
      if (auto error = value.get_object().get(object)) {
        if (error != simdjson::INCORRECT_TYPE) {
          return Malformed(error);
        }
        return Err(ErrorCode::kParse, "an array of events must hold objects only");
      }
      FUQI_ASSIGN_OR_RETURN(Result<table::Row> row, reader.ReadObject(object));
      events.rows.push_back(std::move(row));
    }
  } else {
    return Err(ErrorCode::kParse, "an event is a JSON object");
  }
  if (const char* rest = nullptr;
      document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) {
    return Err(ErrorCode::kParse, "there is text after the end of the JSON value");
  }
  return events;
}

}  // namespace

Result<EventJson::Events> EventJson::Parse(const table::Schema& schema, std::string& text,
                                           size_t items_max) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  if (auto error =
          impl_->parser
              .iterate(simdjson::padded_string_view(text.data(), text.size(), text.capacity()))
              .get(document)) {
    return Malformed(error);
  }
  Result<Events> events = ReadEvents(document, schema, items_max);
  if (const char* at = nullptr; !events && events.error().code() == ErrorCode::kParse &&
                                document.current_location().get(at) == simdjson::SUCCESS) {
    return std::move(events).At(table::PlaceIn(text, static_cast<size_t>(at - text.data())));
  }
  return events;
}

}  // namespace fuqi::node
