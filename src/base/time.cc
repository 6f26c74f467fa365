#include "base/time.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/disk.h"

namespace fuqi {

namespace {

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
int64_t FloorMod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower;
}

// Whether `names`, each between spaces, hold `name`.
bool AmongNames(std::string_view name, std::string_view names) {
  return !name.empty() && name.find(' ') == std::string_view::npos &&
         names.find(fmt::format(" {} ", name)) != std::string_view::npos;
}

struct DurationUnit {
  int64_t us;
  std::string_view name;  // as DurationToText writes one of it
  std::string_view plural;
  std::string_view others;  // further names, each between spaces
};
constexpr std::array kDurationUnits = {
    DurationUnit{7 * kDayUs, "week", "weeks", " w "},
    DurationUnit{kDayUs, "day", "days", " d "},
    DurationUnit{kHourUs, "hour", "hours", " h "},
    DurationUnit{kMinuteUs, "minute", "minutes", " min mins "},
    DurationUnit{kSecondUs, "second", "seconds", " s sec secs "},
    DurationUnit{1000, "millisecond", "milliseconds", " ms "},
    DurationUnit{1, "microsecond", "microseconds", " us "},
};

// Reads fixed fields of a text from the front.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  bool Literal(char c) {
    if (rest_.empty() || rest_[0] != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `digits` digits, with a value in [low, high].
  bool Number(size_t digits, int low, int high, int& value) {
    if (rest_.size() < digits) {
      return false;
    }
    value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') {
        return false;
      }
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value >= low && value <= high;
  }
  // One to six digits after the point, as microseconds.
  bool Fraction(int& us) {
    us = 0;
    int scale = 1'000'000;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9' && scale > 1) {
      scale /= 10;
      us += (rest_[0] - '0') * scale;
      rest_.remove_prefix(1);
    }
    return scale < 1'000'000;
  }
  bool Date(int64_t& days) {
    CivilDate date;
    if (!Number(4, 1, 9999, date.year) || !Literal('-') || !Number(2, 1, 12, date.month) ||
        !Literal('-') || !Number(2, 1, DaysInMonth(date.year, date.month), date.day)) {
      return false;
    }
    days = DaysFromCivil(date);
    return true;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool ReadTimestamp(FieldReader& in, int64_t& us) {
  int64_t days = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int fraction = 0;
  if (!in.Date(days) || !(in.Literal(' ') || in.Literal('T')) || !in.Number(2, 0, 23, hour) ||
      !in.Literal(':') || !in.Number(2, 0, 59, minute) || !in.Literal(':') ||
      !in.Number(2, 0, 59, second) || (in.Literal('.') && !in.Fraction(fraction))) {
    return false;
  }
  us = days * kDayUs + hour * kHourUs + minute * kMinuteUs + second * kSecondUs + fraction;
  if (in.Literal('Z')) {
    return in.at_end();
  }
  const bool east = in.Literal('+');
  if (east || in.Literal('-')) {
    if (!in.Number(2, 0, 23, hour) || !in.Literal(':') || !in.Number(2, 0, 59, minute)) {
      return false;
    }
    const int64_t offset = hour * kHourUs + minute * kMinuteUs;
    us -= east ? offset : -offset;
  }
  return in.at_end();
}

// The time of day without trailing zeros in the fraction.
std::string TimeToText(int64_t us) {
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", us / kHourUs, us / kMinuteUs % 60, us / kSecondUs % 60);
  if (const int64_t fraction = us % kSecondUs; fraction != 0) {
    text += fmt::format(".{:06}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

std::string CivilToText(const CivilDate& date) {
  return fmt::format("{:04}-{:02}-{:02}{}", date.year > 0 ? date.year : 1 - date.year, date.month,
                     date.day, date.year > 0 ? "" : " (BC)");
}

// The day `months` later, clamped to its month's last.
CivilDate AddMonthsToCivil(const CivilDate& date, int64_t months) {
  const int64_t month0 = int64_t{date.year} * 12 + date.month - 1 + months;
  CivilDate sum{.year = static_cast<int32_t>(FloorDiv(month0, 12)),
                .month = static_cast<int32_t>(FloorMod(month0, 12)) + 1};
  sum.day = std::min(date.day, DaysInMonth(sum.year, sum.month));
  return sum;
}

// More months than any two dates lie apart.
constexpr int64_t kMonthsMax = int64_t{12} * 12'000'000;

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  const auto wrong = [&] {
    return Err(ErrorCode::kParse,
               "\"{}\" is no duration: write a whole number and a unit, "
               "such as \"90 seconds\", \"10 minutes\" or \"1 day\"",
               text);
  };
  int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc::result_out_of_range) {
    return Err(ErrorCode::kOutOfRange, "the duration \"{}\" is too long", text);
  }
  if (error != std::errc() || count < 0) {
    return wrong();
  }
  std::string_view unit(after, static_cast<size_t>(end - after));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  for (const DurationUnit& known : kDurationUnits) {
    if (unit == known.name || unit == known.plural || AmongNames(unit, known.others)) {
      int64_t us = 0;
      if (__builtin_mul_overflow(count, known.us, &us)) {
        return Err(ErrorCode::kOutOfRange, "the duration \"{}\" is too long", text);
      }
      return Duration{us};
    }
  }
  return wrong();
}

std::string DurationToText(Duration duration) {
  const DurationUnit* unit = &kDurationUnits.back();
  if (duration.us == 0) {
    unit = &kDurationUnits[4];  // "0 seconds"
  }
  for (const DurationUnit& larger : kDurationUnits) {
    if (duration.us != 0 && duration.us % larger.us == 0) {
      unit = &larger;
      break;
    }
  }
  const int64_t count = duration.us / unit->us;
  return fmt::format("{} {}", count, count == 1 ? unit->name : unit->plural);
}

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int64_t year, int month) {
  FUQI_CHECK(month >= 1 && month <= 12);
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

// A year that begins on 1 March puts the leap day last; 400 such years are an era of 146,097 days.
int64_t DaysFromCivil(const CivilDate& date) {
  const int64_t year = int64_t{date.year} - (date.month <= 2 ? 1 : 0);
  const int64_t era = FloorDiv(year, 400);
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year =
      (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

CivilDate CivilFromDays(int64_t days) {
  days += 719'468;  // since 0000-03-01
  const int64_t era = FloorDiv(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month0 = (5 * day_of_year + 2) / 153;  // 0 is March
  const int32_t month = static_cast<int32_t>(month0 < 10 ? month0 + 3 : month0 - 9);
  return {.year = static_cast<int32_t>(year_of_era + era * 400 + (month <= 2 ? 1 : 0)),
          .month = month,
          .day = static_cast<int32_t>(day_of_year - (153 * month0 + 2) / 5 + 1)};
}

Result<int32_t> ParseDate(std::string_view text) {
  FieldReader in(text);
  int64_t days = 0;
  if (!in.Date(days) || !in.at_end()) {
    return Err(ErrorCode::kParse, "\"{}\" is no date of the form YYYY-MM-DD", text);
  }
  return static_cast<int32_t>(days);
}

Result<int64_t> ParseTimestamp(std::string_view text) {
  FieldReader in(text);
  int64_t us = 0;
  if (!ReadTimestamp(in, us)) {
    return Err(ErrorCode::kParse,
               "\"{}\" is no time of the form YYYY-MM-DD HH:MM:SS, with .ffffff, Z or +hh:mm if "
               "needed",
               text);
  }
  return us;
}

std::string DateToText(int32_t days) {
  if (days < kDateMin || days > kDateMax) {
    return days < 0 ? "-infinity" : "infinity";
  }
  return CivilToText(CivilFromDays(days));
}

std::string TimestampToText(int64_t us) {
  if (us < kTimestampMin || us > kTimestampMax) {
    return us < 0 ? "-infinity" : "infinity";
  }
  return CivilToText(CivilFromDays(DayOf(us))) + " " + TimeToText(TimeOfDay(us));
}

std::string Rfc3339(int64_t us) {
  const CivilDate date = CivilFromDays(DayOf(us));
  const int64_t time = TimeOfDay(us);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", date.year, date.month, date.day,
                     time / kHourUs, time / kMinuteUs % 60, time / kSecondUs % 60,
                     time % kSecondUs == 0 ? "" : fmt::format(".{:06}", time % kSecondUs));
}

int64_t DayOf(int64_t us) { return FloorDiv(us, kDayUs); }
int64_t TimeOfDay(int64_t us) { return FloorMod(us, kDayUs); }

Result<int32_t> AddMonthsToDate(int32_t days, int64_t months) {
  if (months >= -kMonthsMax && months <= kMonthsMax) {
    const int64_t sum = DaysFromCivil(AddMonthsToCivil(CivilFromDays(days), months));
    if (sum >= kDateMin && sum <= kDateMax) {
      return static_cast<int32_t>(sum);
    }
  }
  return Err(ErrorCode::kOutOfRange, "{} and {} months is no date in range", DateToText(days),
             months);
}

Result<int64_t> AddMonths(int64_t us, int64_t months) {
  if (months >= -kMonthsMax && months <= kMonthsMax) {
    const int64_t day = DaysFromCivil(AddMonthsToCivil(CivilFromDays(DayOf(us)), months));
    int64_t sum = 0;
    if (!__builtin_mul_overflow(day, kDayUs, &sum) &&
        !__builtin_add_overflow(sum, TimeOfDay(us), &sum) && sum >= kTimestampMin &&
        sum <= kTimestampMax) {
      return sum;
    }
  }
  return Err(ErrorCode::kOutOfRange, "{} and {} months is no time in range", TimestampToText(us),
             months);
}

Result<TimeUnit> ParseTimeUnit(std::string_view name) {
  // DuckDB's date part specifiers, those that name a span of time.
  static constexpr std::array<std::pair<TimeUnit, std::string_view>, 13> kNames = {{
      {TimeUnit::kMicrosecond, " microsecond microseconds us usec usecs usecond useconds "},
      {TimeUnit::kMillisecond, " millisecond milliseconds ms msec msecs msecond mseconds "},
      {TimeUnit::kSecond, " second seconds s sec secs "},
      {TimeUnit::kMinute, " minute minutes m min mins "},
      {TimeUnit::kHour, " hour hours h hr hrs "},
      {TimeUnit::kDay, " day days d "},
      {TimeUnit::kWeek, " week weeks w "},
      {TimeUnit::kMonth, " month months mon mons "},
      {TimeUnit::kQuarter, " quarter quarters "},
      {TimeUnit::kYear, " year years y yr yrs "},
      {TimeUnit::kDecade, " decade decades dec decs "},
      {TimeUnit::kCentury, " century centuries c cent "},
      {TimeUnit::kMillennium, " millennium millenniums millennia mil mils millenium "},
  }};
  for (const auto& [unit, names] : kNames) {
    if (AmongNames(Lower(name), names)) {
      return unit;
    }
  }
  return Err(ErrorCode::kUnsupported, "\"{}\" is no unit of time", name);
}

Result<int64_t> TruncateTime(TimeUnit unit, int64_t us) {
  if (us < kTimestampMin || us > kTimestampMax) {
    return us;  // an infinity stays one
  }
  CivilDate date = CivilFromDays(DayOf(us));
  date.day = 1;
  switch (unit) {
    case TimeUnit::kMicrosecond:
      return us;
    case TimeUnit::kMillisecond:
      return us - FloorMod(us, 1000);
    case TimeUnit::kSecond:
      return us - FloorMod(us, kSecondUs);
    case TimeUnit::kMinute:
      return us - FloorMod(us, kMinuteUs);
    case TimeUnit::kHour:
      return us - FloorMod(us, kHourUs);
    case TimeUnit::kDay:
      return us - TimeOfDay(us);
    case TimeUnit::kWeek: {
      constexpr int64_t kThursday = 3;  // what 1970-01-01 was, counted from Monday
      date = CivilFromDays(DayOf(us) - FloorMod(DayOf(us) + kThursday, 7));
      break;
    }
    case TimeUnit::kMonth:
      break;
    case TimeUnit::kQuarter:
      date.month -= (date.month - 1) % 3;
      break;
    case TimeUnit::kYear:
      date.month = 1;
      break;
    // Towards year 0 on both sides of it, and centuries from the round year, as DuckDB has them.
    case TimeUnit::kDecade:
      date = {date.year - date.year % 10, 1, 1};
      break;
    case TimeUnit::kCentury:
      date = {date.year - date.year % 100, 1, 1};
      break;
    case TimeUnit::kMillennium:
      date = {date.year - date.year % 1000, 1, 1};
      break;
  }
  const int64_t day = DaysFromCivil(date);
  if (day < DayOf(kTimestampMin)) {
    return Err(ErrorCode::kOutOfRange, "the unit of time that holds {} begins out of range",
               TimestampToText(us));
  }
  return day * kDayUs;
}

namespace {

using Micros = std::chrono::microseconds;

constexpr std::string_view kZoneFolder = "/usr/share/zoneinfo/";

// TZif ends with a line that holds the rule for all later years; one with a comma changes the
// clocks [RFC 8536 §3.3].
bool ChangesClocksForEver(ByteView tzif) {
  std::string_view text = AsText(tzif);
  if (!text.ends_with('\n')) {
    return false;
  }
  text.remove_suffix(1);
  return text.substr(text.rfind('\n') + 1).find(',') != std::string_view::npos;
}

}  // namespace

Result<TimeZone> TimeZone::Find(const std::string& name) {
  TimeZone zone;
  zone.name_ = name;
  try {
    zone.zone_ = date::locate_zone(name);
    // The last listed change is where the period that holds the far future begins.
    const date::sys_seconds far = date::sys_days(date::year(9999) / 1 / 1);
    const date::sys_info last = zone.zone_->get_info(far);
    zone.end_us_ = Micros(last.begin.time_since_epoch()).count();
  } catch (const std::exception&) {
    return Err(ErrorCode::kNotFound, "there is no time zone \"{}\" in the system's zone data",
               name);
  }
  FUQI_ASSIGN_OR_RETURN(Bytes rules,
                        ReadFile(SystemDisk(), std::string(kZoneFolder) + name, 1u << 20));
  if (!ChangesClocksForEver(rules)) {
    zone.end_us_ = INT64_MAX;
  }
  zone.rules_ = std::make_shared<const Bytes>(std::move(rules));
  return zone;
}

Result<int64_t> TimeZone::OffsetUs(int64_t utc_us) const {
  if (utc_us >= end_us_) {
    return Err(ErrorCode::kOutOfRange, "the rules of time zone {} are not known at {}", name_,
               Rfc3339(utc_us));
  }
  const date::sys_seconds moment(std::chrono::seconds(FloorDiv(utc_us, kSecondUs)));
  return Micros(zone_->get_info(moment).offset).count();
}

Result<int64_t> TimeZone::ToLocal(int64_t utc_us) const {
  FUQI_ASSIGN_OR_RETURN(int64_t offset_us, OffsetUs(utc_us));
  int64_t local = 0;
  if (__builtin_add_overflow(utc_us, offset_us, &local)) {
    return Err(ErrorCode::kOutOfRange, "{} has no local time in range", Rfc3339(utc_us));
  }
  return local;
}

Result<int64_t> TimeZone::ToUtc(int64_t local_us, Fold fold, Gap gap) const {
  const date::local_seconds local(std::chrono::seconds(FloorDiv(local_us, kSecondUs)));
  const date::local_info info = zone_->get_info(local);
  if (info.result == date::local_info::ambiguous && fold == Fold::kRefuse) {
    return Err(ErrorCode::kOutOfRange, "{} happened twice in {}", TimestampToText(local_us), name_);
  }
  if (info.result == date::local_info::nonexistent && gap == Gap::kRefuse) {
    return Err(ErrorCode::kOutOfRange, "{} never happened in {}", TimestampToText(local_us), name_);
  }
  const bool later = info.result == date::local_info::ambiguous && fold == Fold::kLater;
  const int64_t offset_us = Micros(later ? info.second.offset : info.first.offset).count();
  int64_t utc_us = 0;
  if (__builtin_sub_overflow(local_us, offset_us, &utc_us) || utc_us >= end_us_) {
    return Err(ErrorCode::kOutOfRange, "the rules of time zone {} are not known at {}", name_,
               TimestampToText(local_us));
  }
  return utc_us;
}

Result<std::string> TimeZoneDataVersion() {
  // Debian keeps the release in the first line of the source form: "# version 2026a".
  constexpr std::string_view kMark = "# version ";
  FUQI_ASSIGN_OR_RETURN(Bytes source,
                        ReadFile(SystemDisk(), std::string(kZoneFolder) + "tzdata.zi", 4u << 20));
  std::string_view line = AsText(source);
  line = line.substr(0, line.find('\n'));
  if (!line.starts_with(kMark)) {
    return Err(ErrorCode::kNotFound, "the system's zone data does not say which release it is");
  }
  return std::string(line.substr(kMark.size()));
}

}  // namespace fuqi
