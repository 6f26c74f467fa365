// Dates and times: parts, truncation, differences, intervals.

#include <algorithm>
#include <string>

#include "base/decimal.h"
#include "base/time.h"
#include "sql/functions_internal.h"

namespace fuqi::sql::internal {

bool DateToTimestamp(int128 days, int64_t& us) {
  if (!IsFiniteDate(days)) {
    us = days > 0 ? kTimestampInfinity : -kTimestampInfinity;
    return true;
  }
  return !__builtin_mul_overflow(static_cast<int64_t>(days), kDayUs, &us) && IsFiniteTimestamp(us);
}

int128 TimestampToDate(int64_t us) {
  return IsFiniteTimestamp(us) ? DayOf(us) : (us > 0 ? kDateInfinity : -kDateInfinity);
}

bool AddInterval(int64_t us, const table::Interval& interval, int64_t& out) {
  if (!IsFiniteTimestamp(us)) {
    out = us;
    return true;
  }
  int64_t day = DayOf(us);
  if (interval.months != 0) {
    auto shifted = AddMonthsToDate(static_cast<int32_t>(day), interval.months);
    if (!shifted) {
      return false;
    }
    day = *shifted;
  }
  // Days are added to the date first, so that their sum may not leave DATE; the time of day then
  // carries over.
  const int128 days = static_cast<int128>(day) + interval.days + interval.micros / kDayUs;
  const int128 sum = days * kDayUs + TimeOfDay(us) + interval.micros % kDayUs;
  out = static_cast<int64_t>(sum);
  return IsFiniteDate(days) && IsFiniteTimestamp(sum);
}

namespace {

constexpr int64_t kDayS = kDayUs / kSecondUs;

using Children = const std::vector<Expr>&;
using table::Interval;

enum class Part : uint8_t {
  kMicroseconds,
  kMilliseconds,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kDayOfWeek,
  kIsoDayOfWeek,
  kDayOfYear,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kIsoYear,
  kYearWeek,
  kDecade,
  kCentury,
  kMillennium,
  kEra,
  kEpoch,
};

struct PartName {
  std::string_view names;  // between spaces
  Part part;
};
constexpr PartName kPartNames[] = {
    {" year yr y years yrs ", Part::kYear},
    {" month mon months mons ", Part::kMonth},
    {" day days d dayofmonth ", Part::kDay},
    {" decade dec decades decs ", Part::kDecade},
    {" century cent centuries c ", Part::kCentury},
    {" millennium mil millenniums millennia mils millenium ", Part::kMillennium},
    {" microseconds microsecond us usec usecs usecond useconds ", Part::kMicroseconds},
    {" milliseconds millisecond ms msec msecs msecond mseconds ", Part::kMilliseconds},
    {" second sec seconds secs s ", Part::kSecond},
    {" minute min minutes mins m ", Part::kMinute},
    {" hour hr hours hrs h ", Part::kHour},
    {" epoch ", Part::kEpoch},
    {" dow dayofweek weekday ", Part::kDayOfWeek},
    {" isodow ", Part::kIsoDayOfWeek},
    {" week weeks w weekofyear ", Part::kWeek},
    {" doy dayofyear ", Part::kDayOfYear},
    {" quarter quarters ", Part::kQuarter},
    {" yearweek ", Part::kYearWeek},
    {" isoyear ", Part::kIsoYear},
    {" era ", Part::kEra},
};

Result<Part> FindPart(std::string_view name) {
  std::string padded = " ";
  for (char c : name) {
    padded += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  padded += ' ';
  for (const PartName& entry : kPartNames) {
    if (name.find(' ') == std::string_view::npos &&
        entry.names.find(padded) != std::string_view::npos) {
      return entry.part;
    }
  }
  return Err(ErrorCode::kUnsupported, "'{}' is no part of a date that can run as a stream", name);
}

// ---- Parts.

int IsoDayOfWeek(int64_t days) { return static_cast<int>(((days + 3) % 7 + 7) % 7) + 1; }

// ISO 8601: the week belongs to the year of its Thursday.
void IsoWeek(int64_t days, int32_t& year, int32_t& week) {
  const int64_t thursday = days + 4 - IsoDayOfWeek(days);
  year = CivilFromDays(thursday).year;
  week =
      static_cast<int32_t>((thursday - DaysFromCivil({.year = year, .month = 1, .day = 1})) / 7) +
      1;
}

int64_t PartOfDay(Part part, int64_t days) {
  const CivilDate date = CivilFromDays(days);
  int32_t iso_year = 0;
  int32_t week = 0;
  const auto number_since_one = [&](int64_t length) {
    return date.year > 0 ? (date.year - 1) / length + 1 : date.year / length - 1;
  };
  switch (part) {
    case Part::kDay:
      return date.day;
    case Part::kDayOfWeek:
      return IsoDayOfWeek(days) % 7;
    case Part::kIsoDayOfWeek:
      return IsoDayOfWeek(days);
    case Part::kDayOfYear:
      return days - DaysFromCivil({.year = date.year, .month = 1, .day = 1}) + 1;
    case Part::kMonth:
      return date.month;
    case Part::kQuarter:
      return (date.month - 1) / 3 + 1;
    case Part::kYear:
      return date.year;
    case Part::kDecade:
      return date.year / 10;
    case Part::kCentury:
      return number_since_one(100);
    case Part::kMillennium:
      return number_since_one(1000);
    case Part::kEra:
      return date.year > 0 ? 1 : 0;
    default:
      break;
  }
  IsoWeek(days, iso_year, week);
  if (part == Part::kWeek) {
    return week;
  }
  return part == Part::kIsoYear ? iso_year
                                : int64_t{iso_year} * 100 + (iso_year > 0 ? week : -week);
}

bool IsOfTime(Part part) { return part <= Part::kHour; }

int64_t PartOfTime(Part part, int64_t time) {
  switch (part) {
    case Part::kMicroseconds:
      return time % kMinuteUs;
    case Part::kMilliseconds:
      return time % kMinuteUs / 1000;
    case Part::kSecond:
      return time % kMinuteUs / kSecondUs;
    case Part::kMinute:
      return time % kHourUs / kMinuteUs;
    default:
      return time / kHourUs;
  }
}

// What all kernels here do first: a date or time as days and the time of day; false for an
// infinity.
bool Split(Type type, const Datum& value, int64_t& days, int64_t& time) {
  if (type.id == TypeId::kDate) {
    days = static_cast<int64_t>(value.i);
    time = 0;
    return IsFiniteDate(value.i);
  }
  const auto us = static_cast<int64_t>(value.i);
  days = DayOf(us);
  time = TimeOfDay(us);
  return IsFiniteTimestamp(us);
}

// args' last is the time; `parameter` the part. An infinity has no parts.
bool RunPart(const Operation& operation, Args args, Machine&, Datum& out) {
  const auto part = static_cast<Part>(static_cast<int>(operation.parameter));
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args.back(), *args.back(), days, time)) {
    return Give(Datum::Null(), out);
  }
  return Give(Datum::Int(IsOfTime(part) ? PartOfTime(part, time) : PartOfDay(part, days)), out);
}

bool RunEpoch(const Operation& operation, Args args, Machine&, Datum& out) {
  const Datum& value = *args.back();
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args.back(), value, days, time)) {
    return Give(Datum::Null(), out);
  }
  return Give(Datum::Double(operation.args.back().id == TypeId::kDate
                                ? static_cast<double>(days * kDayS)
                                : static_cast<double>(static_cast<int64_t>(value.i)) /
                                      static_cast<double>(kSecondUs)),
              out);
}

Result<void> UsePart(Part part, Operation& operation) {
  operation.parameter = static_cast<int>(part);
  operation.kernel = part == Part::kEpoch ? RunEpoch : RunPart;
  return {};
}

Result<void> BindDatePart(Children children, Operation& operation) {
  if (operation.args.size() != 2 || !IsTime(operation.args[1])) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view name, ConstantText(children, 0, operation));
  FUQI_ASSIGN_OR_RETURN(const Part part, FindPart(name));
  if ((part == Part::kEpoch) != IsDouble(operation.result)) {
    return NoSuchOverload(operation);
  }
  return UsePart(part, operation);
}

template <Part kPart>
Result<void> BindPart(Children, Operation& operation) {
  if (operation.args.size() != 1 || !IsTime(operation.args[0])) {
    return NoSuchOverload(operation);
  }
  return UsePart(kPart, operation);
}

// epoch_us and the like: `parameter` microseconds each. Of an earlier time the part is cut off
// towards zero.
bool RunEpochUnits(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args[0], *args[0], days, time)) {
    return Give(Datum::Null(), out);
  }
  return GiveExact(operation, (static_cast<int128>(days) * kDayUs + time) / operation.parameter,
                   machine, out);
}

template <int64_t kUs>
Result<void> BindEpochUnits(Children, Operation& operation) {
  if (operation.args.size() != 1 || !IsTime(operation.args[0]) || !IsInteger(operation.result)) {
    return NoSuchOverload(operation);
  }
  operation.parameter = kUs;
  operation.kernel = RunEpochUnits;
  return {};
}

// ---- Truncation.

int64_t TruncateDay(Part part, int64_t days) {
  const CivilDate date = CivilFromDays(days);
  const auto first_of = [](int32_t year, int32_t month) {
    return DaysFromCivil({.year = year, .month = month, .day = 1});
  };
  int32_t iso_year = 0;
  int32_t week = 0;
  switch (part) {
    case Part::kWeek:
      return days - (IsoDayOfWeek(days) - 1);
    case Part::kIsoYear:
      IsoWeek(days, iso_year, week);
      return days - (IsoDayOfWeek(days) - 1) - int64_t{week - 1} * 7;
    case Part::kMonth:
      return first_of(date.year, date.month);
    case Part::kQuarter:
      return first_of(date.year, (date.month - 1) / 3 * 3 + 1);
    case Part::kYear:
      return first_of(date.year, 1);
    case Part::kDecade:
      return first_of(date.year / 10 * 10, 1);
    case Part::kCentury:
      return first_of(date.year / 100 * 100, 1);
    case Part::kMillennium:
      return first_of(date.year / 1000 * 1000, 1);
    default:
      return days;
  }
}

int64_t UnitUs(Part part) {
  switch (part) {
    case Part::kMilliseconds:
      return 1000;
    case Part::kSecond:
      return kSecondUs;
    case Part::kMinute:
      return kMinuteUs;
    case Part::kHour:
      return kHourUs;
    default:
      return 1;
  }
}

bool RunTruncate(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const auto part = static_cast<Part>(static_cast<int>(operation.parameter));
  const Type from = operation.args[1];
  int64_t days = 0;
  int64_t time = 0;
  int64_t us = 0;
  const bool finite = Split(from, *args[1], days, time);
  if (!finite) {
    days = args[1]->i > 0 ? kDateInfinity : -kDateInfinity;
  } else if (IsOfTime(part)) {
    time -= time % UnitUs(part);
  } else {
    days = TruncateDay(part, days);
    time = 0;
    if (!IsFiniteDate(days)) {
      return FailRange(operation, machine);
    }
  }
  if (operation.result.id == TypeId::kDate) {
    return Give(Datum::Int(days), out);
  }
  if (!DateToTimestamp(days, us)) {
    return FailRange(operation, machine);
  }
  return Give(Datum::Int(finite ? us + time : us), out);
}

Result<void> BindTruncate(Children children, Operation& operation) {
  if (operation.args.size() != 2 || !IsTime(operation.args[1]) || !IsTime(operation.result)) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view name, ConstantText(children, 0, operation));
  FUQI_ASSIGN_OR_RETURN(Part part, FindPart(name));
  switch (part) {
    case Part::kDayOfWeek:
    case Part::kIsoDayOfWeek:
    case Part::kDayOfYear:
      part = Part::kDay;
      break;
    case Part::kYearWeek:
      part = Part::kWeek;
      break;
    case Part::kEpoch:
      part = Part::kSecond;
      break;
    case Part::kEra:
      return NoSuchOverload(operation);
    default:
      break;
  }
  operation.parameter = static_cast<int>(part);
  operation.kernel = RunTruncate;
  return {};
}

// ---- Differences: boundaries crossed.

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

bool RunDifference(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const auto part = static_cast<Part>(static_cast<int>(operation.parameter));
  int64_t days[2];
  int64_t times[2];
  for (int i = 0; i < 2; ++i) {
    if (!Split(operation.args[1], *args[1 + i], days[i], times[i])) {
      return Give(Datum::Null(), out);
    }
    // DuckDB counts these in microseconds first.
    int64_t us = 0;
    if (part <= Part::kMilliseconds && operation.args[1].id == TypeId::kDate &&
        !DateToTimestamp(days[i], us)) {
      return FailRange(operation, machine);
    }
  }
  const auto count = [&](int i) -> int128 {
    const CivilDate date = CivilFromDays(days[i]);
    const int64_t month = int64_t{date.year} * 12 + date.month - 1;
    switch (part) {
      case Part::kMonth:
        return month;
      case Part::kQuarter:
        return month / 3;
      case Part::kYear:
      case Part::kIsoYear:
      case Part::kDecade:
      case Part::kCentury:
      case Part::kMillennium:
        return PartOfDay(part == Part::kIsoYear ? part : Part::kYear, days[i]) /
               (part == Part::kDecade       ? 10
                : part == Part::kCentury    ? 100
                : part == Part::kMillennium ? 1000
                                            : 1);
      case Part::kMicroseconds:
        return static_cast<int128>(days[i]) * kDayUs + times[i];
      case Part::kMilliseconds:
      case Part::kSecond:
      case Part::kMinute:
      case Part::kHour:
        return static_cast<int128>(days[i]) * (kDayUs / UnitUs(part)) +
               FloorDivide(times[i], UnitUs(part));
      default:
        return days[i];
    }
  };
  // Weeks count distance, not Mondays.
  return GiveExact(operation,
                   part == Part::kWeek ? (int128{days[1]} - days[0]) / 7 : count(1) - count(0),
                   machine, out);
}

Result<void> BindDifference(Children children, Operation& operation) {
  if (operation.args.size() != 3 || !IsTime(operation.args[1]) ||
      operation.args[1] != operation.args[2]) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view name, ConstantText(children, 0, operation));
  FUQI_ASSIGN_OR_RETURN(Part part, FindPart(name));
  switch (part) {
    case Part::kYearWeek:
      part = Part::kWeek;
      break;
    case Part::kEpoch:
      part = Part::kSecond;
      break;
    case Part::kEra:
      return NoSuchOverload(operation);
    default:
      break;
  }
  operation.parameter = static_cast<int>(part);
  operation.kernel = RunDifference;
  return {};
}

// ---- Intervals, names, last day.

enum class Field : uint8_t { kMonths, kDays, kMicros };

// `parameter` is how much of the field one unit is.
template <Field kField>
bool RunToInterval(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int128 amount;
  if (__builtin_mul_overflow(args[0]->i, operation.parameter, &amount)) {
    return FailRange(operation, machine);
  }
  Interval interval;
  if (kField == Field::kMicros ? amount > INT64_MAX || amount < INT64_MIN
                               : amount > INT32_MAX || amount < INT32_MIN) {
    return FailRange(operation, machine);
  }
  if (kField == Field::kMonths) {
    interval.months = static_cast<int32_t>(amount);
  } else if (kField == Field::kDays) {
    interval.days = static_cast<int32_t>(amount);
  } else {
    interval.micros = static_cast<int64_t>(amount);
  }
  return Give(Datum::Of(interval), out);
}

template <Field kField, int64_t kUnit>
Result<void> BindToInterval(Children, Operation& operation) {
  if (operation.args.size() != 1 || !IsInteger(operation.args[0])) {
    return NoSuchOverload(operation);
  }
  operation.parameter = kUnit;
  operation.kernel = RunToInterval<kField>;
  return {};
}

bool RunLastDay(const Operation& operation, Args args, Machine& machine, Datum& out) {
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args[0], *args[0], days, time)) {
    return Give(Datum::Null(), out);
  }
  const CivilDate date = CivilFromDays(days);
  const int64_t last = days + DaysInMonth(date.year, date.month) - date.day;
  // To DuckDB it is the day before the first of the next month, which must be a date too.
  return IsFiniteDate(last + 1) ? Give(Datum::Int(last), out) : FailRange(operation, machine);
}

bool RunDayName(const Operation& operation, Args args, Machine&, Datum& out) {
  static constexpr std::string_view kNames[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args[0], *args[0], days, time)) {
    return Give(Datum::Null(), out);
  }
  return Give(Datum::Text(kNames[IsoDayOfWeek(days) % 7]), out);
}

bool RunMonthName(const Operation& operation, Args args, Machine&, Datum& out) {
  static constexpr std::string_view kNames[] = {"January",   "February", "March",    "April",
                                                "May",       "June",     "July",     "August",
                                                "September", "October",  "November", "December"};
  int64_t days = 0;
  int64_t time = 0;
  if (!Split(operation.args[0], *args[0], days, time)) {
    return Give(Datum::Null(), out);
  }
  return Give(Datum::Text(kNames[CivilFromDays(days).month - 1]), out);
}

template <auto kKernel>
Result<void> BindOfTime(Children, Operation& operation) {
  if (operation.args.size() != 1 || !IsTime(operation.args[0])) {
    return NoSuchOverload(operation);
  }
  operation.kernel = kKernel;
  return {};
}

}  // namespace

std::span<const Function> TimeFunctions() {
  static constexpr Function kFunctions[] = {
      {"century", BindPart<Part::kCentury>},
      {"date_diff", BindDifference},
      {"date_part", BindDatePart},
      {"date_trunc", BindTruncate},
      {"day", BindPart<Part::kDay>},
      {"dayname", BindOfTime<RunDayName>},
      {"dayofweek", BindPart<Part::kDayOfWeek>},
      {"dayofyear", BindPart<Part::kDayOfYear>},
      {"decade", BindPart<Part::kDecade>},
      {"epoch", BindPart<Part::kEpoch>},
      {"epoch_ms", BindEpochUnits<1000>},
      {"epoch_us", BindEpochUnits<1>},
      {"era", BindPart<Part::kEra>},
      {"hour", BindPart<Part::kHour>},
      {"isodow", BindPart<Part::kIsoDayOfWeek>},
      {"isoyear", BindPart<Part::kIsoYear>},
      {"last_day", BindOfTime<RunLastDay>},
      {"microsecond", BindPart<Part::kMicroseconds>},
      {"millennium", BindPart<Part::kMillennium>},
      {"millisecond", BindPart<Part::kMilliseconds>},
      {"minute", BindPart<Part::kMinute>},
      {"month", BindPart<Part::kMonth>},
      {"monthname", BindOfTime<RunMonthName>},
      {"quarter", BindPart<Part::kQuarter>},
      {"second", BindPart<Part::kSecond>},
      {"to_centuries", BindToInterval<Field::kMonths, 1200>},
      {"to_days", BindToInterval<Field::kDays, 1>},
      {"to_decades", BindToInterval<Field::kMonths, 120>},
      {"to_hours", BindToInterval<Field::kMicros, kHourUs>},
      {"to_microseconds", BindToInterval<Field::kMicros, 1>},
      {"to_minutes", BindToInterval<Field::kMicros, kMinuteUs>},
      {"to_months", BindToInterval<Field::kMonths, 1>},
      {"to_quarters", BindToInterval<Field::kMonths, 3>},
      {"to_weeks", BindToInterval<Field::kDays, 7>},
      {"to_years", BindToInterval<Field::kMonths, 12>},
      {"week", BindPart<Part::kWeek>},
      {"year", BindPart<Part::kYear>},
      {"yearweek", BindPart<Part::kYearWeek>},
  };
  return kFunctions;
}

}  // namespace fuqi::sql::internal
