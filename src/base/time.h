#pragma once

// Calendar time as SQL has it: DATE is days and TIMESTAMP microseconds since 1970-01-01, without
// zone, in the proleptic Gregorian calendar; texts as DuckDB 1.4 prints them. Zones come from the
// system's zone data, by name.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace date {
class time_zone;  // NOLINT(readability-identifier-naming): as the library names it
}

namespace fuqi {

inline constexpr int64_t kSecondUs = 1'000'000;
inline constexpr int64_t kMinuteUs = 60 * kSecondUs;
inline constexpr int64_t kHourUs = 60 * kMinuteUs;
inline constexpr int64_t kDayUs = 24 * kHourUs;

// A span of fixed length, as configuration gives it.
struct Duration {
  int64_t us = 0;
  friend auto operator<=>(const Duration&, const Duration&) = default;
};
// "90 s", "10 minutes", "1 day", "2 weeks": a whole number and a unit out of us, ms, s/second,
// min/minute, h/hour, d/day, week, each also in the plural. kParse, kOutOfRange.
Result<Duration> ParseDuration(std::string_view text);
// The same with the largest unit that divides it: "10 minutes".
std::string DurationToText(Duration duration);

struct CivilDate {
  int32_t year = 1970;  // 0 is 1 BC
  int32_t month = 1;    // 1…12
  int32_t day = 1;      // 1…31
  friend auto operator<=>(const CivilDate&, const CivilDate&) = default;
};
// [Hinnant, chrono-Compatible Low-Level Date Algorithms]; any int32 number of days. The date must
// exist.
int64_t DaysFromCivil(const CivilDate& date);
CivilDate CivilFromDays(int64_t days);
bool IsLeapYear(int64_t year);
int DaysInMonth(int64_t year, int month);

// DuckDB's finite range: DATE is 5877642-06-25 (BC) to 5881580-07-10, TIMESTAMP begins with the
// first whole day. What lies beyond on either side is its infinity.
inline constexpr int32_t kDateMax = INT32_MAX - 1;
inline constexpr int32_t kDateMin = -kDateMax;
inline constexpr int64_t kTimestampMax = INT64_MAX - 1;
inline constexpr int64_t kTimestampMin = -106'751'991 * kDayUs;

// Exactly YYYY-MM-DD, years 0001 to 9999. kParse says what is wrong.
Result<int32_t> ParseDate(std::string_view text);
// Exactly YYYY-MM-DD[ T]HH:MM:SS[.f…] with one to six digits of fraction, then nothing (taken as it
// stands) or Z or ±hh:mm (turned into UTC). A leap second is refused.
Result<int64_t> ParseTimestamp(std::string_view text);

// As DuckDB casts DATE and TIMESTAMP to VARCHAR: 2020-01-31, 2020-01-31 10:00:00.5, 0044-03-15
// (BC), infinity.
std::string DateToText(int32_t days);
std::string TimestampToText(int64_t us);
// RFC 3339 in UTC: 2020-01-31T10:00:00Z, with six digits of fraction where there is any. Years 0000
// to 9999.
std::string Rfc3339(int64_t us);

// Floor division: the day that holds the moment, and the microseconds since its midnight.
int64_t DayOf(int64_t us);
int64_t TimeOfDay(int64_t us);

// Adds months and keeps the day, or takes the month's last where it has no such day (31 January + 1
// month = 28 or 29 February). kOutOfRange beyond the type.
Result<int32_t> AddMonthsToDate(int32_t days, int64_t months);
Result<int64_t> AddMonths(int64_t us, int64_t months);

// date_trunc's units. A week begins on Monday; century, millennium and decade as DuckDB has them.
enum class TimeUnit : uint8_t {
  kMicrosecond,
  kMillisecond,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kDecade,
  kCentury,
  kMillennium,
};
// SQL's names in any letter case, singular or plural; kUnsupported otherwise.
Result<TimeUnit> ParseTimeUnit(std::string_view name);
// The beginning of the unit that holds the moment; kOutOfRange where that lies before the type's
// range.
Result<int64_t> TruncateTime(TimeUnit unit, int64_t us);

// A zone's rules. Cheap to copy; the rules live as long as the process.
//
// Where a zone still changes its clocks every year, the library that reads the rules knows them
// only as far as they are listed (to the end of 2037 in Debian's data): a moment after the last
// listed change is refused rather than given a wrong offset.
class TimeZone {
 public:
  // By IANA name, "Asia/Shanghai"; kNotFound.
  static Result<TimeZone> Find(const std::string& name);
  const std::string& name() const { return name_; }

  // Local − UTC at a moment. kOutOfRange beyond the known rules.
  Result<int64_t> OffsetUs(int64_t utc_us) const;
  Result<int64_t> ToLocal(int64_t utc_us) const;

  // A local time that happened twice (clocks set back), and one that never happened (clocks set
  // forward).
  enum class Fold : uint8_t { kEarlier, kLater, kRefuse };
  enum class Gap : uint8_t {
    kShift,  // read with the offset before the gap: 02:30 in a gap of one hour is the moment called
             // 03:30
    kRefuse,
  };
  // kOutOfRange for what is refused, and beyond the known rules.
  Result<int64_t> ToUtc(int64_t local_us, Fold fold, Gap gap) const;

  // The zone's compiled rules (TZif), whose hash is evidence of which rules were applied.
  ByteView rules() const { return *rules_; }

 private:
  TimeZone() = default;
  std::string name_;
  const date::time_zone* zone_ = nullptr;
  std::shared_ptr<const Bytes> rules_;
  int64_t end_us_ = 0;  // from here on the offset is not known
};

// "2026a": the release of the system's zone data. kNotFound where it is not installed.
Result<std::string> TimeZoneDataVersion();

}  // namespace fuqi
