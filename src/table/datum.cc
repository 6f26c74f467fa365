#include "table/datum.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "base/time.h"

namespace fuqi::table {
namespace {

template <class T>
bool Fits(int128 value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

// DuckDB compares intervals with months of 30 days and days of 24 hours.
int128 IntervalUs(const Interval& interval) {
  return (static_cast<int128>(interval.months) * 30 + interval.days) * kDayUs + interval.micros;
}

std::string DoubleToText(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) {
    text += ".0";  // DuckDB marks a whole DOUBLE as such
  }
  // The sign of a NaN means nothing and differs between machines.
  return std::isnan(value) ? "nan" : text;
}

// A DECIMAL that has no digit before the point, DuckDB writes without one: -.05.
std::string DecimalText(int128 value, Type type) {
  std::string text = DecimalToText(value, type.scale);
  if (type.width == type.scale) {
    text.erase(text.find('0'), 1);
  }
  return text;
}

// "1 year 2 months -3 days 04:05:06.7", as DuckDB's IntervalToStringCast lays it out.
std::string IntervalToText(const Interval& interval) {
  std::string text;
  auto part = [&text](int64_t value, const char* unit) {
    if (value != 0) {
      text += fmt::format("{}{} {}{}", text.empty() ? "" : " ", value, unit,
                          value == 1 || value == -1 ? "" : "s");
    }
  };
  part(interval.months / 12, "year");
  part(interval.months % 12, "month");
  part(interval.days, "day");
  if (interval.micros == 0) {
    return text.empty() ? "00:00:00" : text;
  }
  // Negated as unsigned: the least int64 has no positive counterpart.
  uint64_t us = static_cast<uint64_t>(interval.micros);
  if (interval.micros < 0) {
    us = -us;
  }
  text +=
      fmt::format("{}{}{:02}:{:02}:{:02}", text.empty() ? "" : " ", interval.micros < 0 ? "-" : "",
                  us / kHourUs, us / kMinuteUs % 60, us / kSecondUs % 60);
  if (us % kSecondUs != 0) {
    std::string fraction = fmt::format(".{:06}", us % kSecondUs);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text;
}

}  // namespace

Datum::Kind KindOf(Type type) {
  switch (type.id) {
    case TypeId::kNull:
      return Datum::Kind::kNull;
    case TypeId::kDouble:
      return Datum::Kind::kDouble;
    case TypeId::kVarchar:
      return Datum::Kind::kText;
    case TypeId::kInterval:
      return Datum::Kind::kInterval;
    default:
      return Datum::Kind::kInt;
  }
}

bool InRange(const Datum& datum, Type type) {
  if (datum.is_null()) {
    return true;
  }
  if (datum.kind != KindOf(type)) {
    return false;
  }
  switch (type.id) {
    case TypeId::kBoolean:
      return datum.i == 0 || datum.i == 1;
    case TypeId::kTinyInt:
      return Fits<int8_t>(datum.i);
    case TypeId::kSmallInt:
      return Fits<int16_t>(datum.i);
    case TypeId::kInteger:
    case TypeId::kDate:
      return Fits<int32_t>(datum.i);
    case TypeId::kBigInt:
    case TypeId::kTimestamp:
      return Fits<int64_t>(datum.i);
    case TypeId::kUTinyInt:
      return Fits<uint8_t>(datum.i);
    case TypeId::kUSmallInt:
      return Fits<uint16_t>(datum.i);
    case TypeId::kUInteger:
      return Fits<uint32_t>(datum.i);
    case TypeId::kUBigInt:
      return Fits<uint64_t>(datum.i);
    case TypeId::kDecimal:
      return FitsWidth(datum.i, type.width);
    default:
      return true;
  }
}

bool Same(const Datum& a, const Datum& b) {
  if (a.kind != b.kind) {
    return false;
  }
  switch (a.kind) {
    case Datum::Kind::kNull:
      return true;
    case Datum::Kind::kInt:
      return a.i == b.i;
    case Datum::Kind::kDouble:
      return a.d == b.d || (std::isnan(a.d) && std::isnan(b.d));
    case Datum::Kind::kText:
      return a.text() == b.text();
    case Datum::Kind::kInterval:
      return IntervalUs(a.interval) == IntervalUs(b.interval);
  }
  return false;
}

bool Identical(const Datum& a, const Datum& b) {
  if (!Same(a, b)) {
    return false;
  }
  if (a.kind == Datum::Kind::kDouble) {
    return std::isnan(a.d) || std::signbit(a.d) == std::signbit(b.d);
  }
  return a.kind != Datum::Kind::kInterval || a.interval == b.interval;
}

std::string ToText(const Datum& datum, Type type) {
  switch (datum.kind) {
    case Datum::Kind::kNull:
      return "NULL";
    case Datum::Kind::kDouble:
      return DoubleToText(datum.d);
    case Datum::Kind::kText:
      return std::string(datum.text());
    case Datum::Kind::kInterval:
      return IntervalToText(datum.interval);
    case Datum::Kind::kInt:
      break;
  }
  switch (type.id) {
    case TypeId::kBoolean:
      return datum.i != 0 ? "true" : "false";
    case TypeId::kDecimal:
      return DecimalText(datum.i, type);
    case TypeId::kDate:
      return DateToText(static_cast<int32_t>(datum.i));
    case TypeId::kTimestamp:
      return TimestampToText(static_cast<int64_t>(datum.i));
    default:
      return fuqi::ToText(datum.i);
  }
}

Row::Row(std::span<const Datum> values) : values_(values.size()) {
  for (size_t i = 0; i < values.size(); ++i) {
    Set(i, values[i]);
  }
}

void Row::Set(size_t i, const Datum& value) {
  FUQI_CHECK(i < values_.size());
  if (value.kind != Datum::Kind::kText) {
    values_[i] = value;
    return;
  }
  // Copied before the old text goes: `value` may be this very cell.
  auto copy = std::make_unique_for_overwrite<char[]>(value.t.size);
  std::copy_n(value.t.data, value.t.size, copy.get());
  values_[i] = Datum::Text({copy.get(), value.t.size});
  if (texts_.size() <= i) {
    texts_.resize(i + 1);
  }
  texts_[i] = std::move(copy);
}

}  // namespace fuqi::table
