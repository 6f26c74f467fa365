#include "base/time.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace fuqi {
namespace {

int64_t Us(std::string_view text) { return *ParseTimestamp(text); }

TEST(Duration, ReadsWholeNumbersWithAUnit) {
  EXPECT_EQ(ParseDuration("90 s")->us, 90 * kSecondUs);
  EXPECT_EQ(ParseDuration("10 minutes")->us, 10 * kMinuteUs);
  EXPECT_EQ(ParseDuration("1 day")->us, kDayUs);
  EXPECT_EQ(ParseDuration("2weeks")->us, 14 * kDayUs);
  EXPECT_EQ(ParseDuration("0 seconds")->us, 0);
  EXPECT_EQ(ParseDuration("250 ms")->us, 250'000);
  EXPECT_EQ(ParseDuration("7 us")->us, 7);
  for (const char* bad : {"", "10", "minutes", "-1 day", "1.5 hours", "1 month", "1 day ", " 1 day",
                          "1 da", "1 s sec", "1 Day", "1 day 2 hours"}) {
    EXPECT_EQ(ParseDuration(bad).error().code(), ErrorCode::kParse) << bad;
  }
  EXPECT_EQ(ParseDuration("99999999999999999999 s").error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(ParseDuration("9223372036855 s").error().code(), ErrorCode::kOutOfRange);
}

TEST(Duration, PrintsTheLargestUnitThatDividesIt) {
  for (const char* text : {"1 week", "10 days", "1 day", "36 hours", "90 minutes", "1 second",
                           "0 seconds", "1500 milliseconds", "1 microsecond"}) {
    EXPECT_EQ(DurationToText(*ParseDuration(text)), text);
  }
}

TEST(CivilDate, KnowsTheCalendar) {
  EXPECT_EQ(DaysFromCivil({1970, 1, 1}), 0);
  EXPECT_EQ(DaysFromCivil({2000, 3, 1}), 11'017);
  EXPECT_EQ(DaysFromCivil({0, 3, 1}), -719'468);
  EXPECT_EQ(CivilFromDays(-1), (CivilDate{1969, 12, 31}));
  EXPECT_TRUE(IsLeapYear(2000) && IsLeapYear(2024) && IsLeapYear(0) && IsLeapYear(-4));
  EXPECT_FALSE(IsLeapYear(1900) || IsLeapYear(2023) || IsLeapYear(-1));
}

TEST(ParseDate, TakesIsoOnly) {
  EXPECT_EQ(*ParseDate("1970-01-02"), 1);
  EXPECT_EQ(*ParseDate("2024-02-29"), 19'782);
  EXPECT_EQ(DateToText(*ParseDate("0001-01-01")), "0001-01-01");
  EXPECT_EQ(DateToText(*ParseDate("9999-12-31")), "9999-12-31");
  for (const char* bad :
       {"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-01-32", "2024-1-1",
        "24-01-01", "2024/01/01", "20240101", "2024-01-01 ", " 2024-01-01", "0000-01-01",
        "-2024-01-01", "12024-01-01", "2024-01-0x"}) {
    EXPECT_EQ(ParseDate(bad).error().code(), ErrorCode::kParse) << bad;
  }
}

TEST(ParseTimestamp, TakesIsoWithFractionAndOffset) {
  EXPECT_EQ(Us("1970-01-01 00:00:01"), kSecondUs);
  EXPECT_EQ(Us("1970-01-01T00:00:00.5"), 500'000);
  EXPECT_EQ(Us("1970-01-01 00:00:00.000001"), 1);
  EXPECT_EQ(Us("1970-01-01 08:00:00+08:00"), 0);
  EXPECT_EQ(Us("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Us("1969-12-31T19:00:00.25-05:00"), 250'000);
  EXPECT_EQ(Us("1969-12-31 23:59:59.999999"), -1);
  for (const char* bad :
       {"", "2024-01-01", "2024-01-01 24:00:00", "2024-01-01 23:60:00", "2024-06-30 23:59:60",
        "2024-01-01 10:00", "2024-01-01 10:00:00.", "2024-01-01 10:00:00.1234567",
        "2024-01-01 10:00:00z", "2024-01-01 10:00:00+8", "2024-01-01 10:00:00+0800",
        "2024-01-01 10:00:00+24:00", "2024-01-01 10:00:00 Z", "2024-01-01  10:00:00",
        "2024-01-01t10:00:00", "2024-01-01 10:00:00Zx", "2024-01-01 10:00:00+08:00x"}) {
    EXPECT_EQ(ParseTimestamp(bad).error().code(), ErrorCode::kParse) << bad;
  }
}

// Each text is what DuckDB 1.4.4 prints for the value.
TEST(TimeText, IsThatOfDuckDb) {
  EXPECT_EQ(DateToText(static_cast<int32_t>(DaysFromCivil({-43, 3, 15}))), "0044-03-15 (BC)");
  EXPECT_EQ(DateToText(static_cast<int32_t>(DaysFromCivil({12345, 1, 2}))), "12345-01-02");
  EXPECT_EQ(DateToText(kDateMax), "5881580-07-10");
  EXPECT_EQ(DateToText(kDateMin), "5877642-06-25 (BC)");
  EXPECT_EQ(DateToText(INT32_MAX), "infinity");
  EXPECT_EQ(DateToText(-INT32_MAX), "-infinity");
  EXPECT_EQ(TimestampToText(Us("2020-01-31 10:00:00.120")), "2020-01-31 10:00:00.12");
  EXPECT_EQ(TimestampToText(Us("2020-01-31 00:00:00")), "2020-01-31 00:00:00");
  EXPECT_EQ(TimestampToText(DaysFromCivil({-43, 3, 15}) * kDayUs + 10 * kHourUs + 500'000),
            "0044-03-15 (BC) 10:00:00.5");
  EXPECT_EQ(TimestampToText(kTimestampMax), "294247-01-10 04:00:54.775806");
  EXPECT_EQ(TimestampToText(kTimestampMin), "290309-12-22 (BC) 00:00:00");
  EXPECT_EQ(TimestampToText(INT64_MAX), "infinity");
  EXPECT_EQ(TimestampToText(-INT64_MAX), "-infinity");
}

TEST(Rfc3339, IsUtcWithSixDigitsOrNone) {
  EXPECT_EQ(Rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(Rfc3339(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(Rfc3339(Us("2026-07-01 08:30:00.5")), "2026-07-01T08:30:00.500000Z");
}

TEST(DayOf, FloorsBefore1970) {
  EXPECT_EQ(DayOf(-1), -1);
  EXPECT_EQ(TimeOfDay(-1), kDayUs - 1);
  EXPECT_EQ(DayOf(-kDayUs), -1);
  EXPECT_EQ(TimeOfDay(-kDayUs), 0);
  EXPECT_EQ(DayOf(kDayUs), 1);
  EXPECT_EQ(DayOf(INT64_MIN), -106'751'992);
  EXPECT_EQ(TimeOfDay(INT64_MIN), int128{INT64_MIN} + int128{106'751'992} * kDayUs);
}

TEST(AddMonths, TakesTheLastDayWhereTheMonthIsShorter) {
  const auto add = [](std::string_view date, int64_t months) {
    return DateToText(*AddMonthsToDate(*ParseDate(date), months));
  };
  EXPECT_EQ(add("2020-01-31", 1), "2020-02-29");
  EXPECT_EQ(add("2021-01-31", 1), "2021-02-28");
  EXPECT_EQ(add("2020-03-31", -1), "2020-02-29");
  EXPECT_EQ(add("2020-02-29", -12), "2019-02-28");
  EXPECT_EQ(add("2020-12-15", 1), "2021-01-15");
  EXPECT_EQ(add("2020-01-15", -1), "2019-12-15");
  EXPECT_EQ(add("2020-05-31", 0), "2020-05-31");
  EXPECT_EQ(TimestampToText(*AddMonths(Us("2020-01-31 10:20:30.5"), 13)), "2021-02-28 10:20:30.5");
  EXPECT_EQ(TimestampToText(*AddMonths(Us("1969-12-31 23:59:59"), -1)), "1969-11-30 23:59:59");
}

TEST(AddMonths, RefusesWhatTheTypeDoesNotHold) {
  EXPECT_EQ(AddMonthsToDate(kDateMax, 1).error().code(), ErrorCode::kOutOfRange);
  EXPECT_FALSE(AddMonthsToDate(kDateMin, -1));
  EXPECT_FALSE(AddMonthsToDate(0, INT64_MAX));
  EXPECT_FALSE(AddMonthsToDate(0, INT64_MIN));
  EXPECT_FALSE(AddMonths(kTimestampMax, 1));
  EXPECT_FALSE(AddMonths(kTimestampMin, -1));
  EXPECT_FALSE(AddMonths(0, INT64_MIN));
}

// Each line is what DuckDB 1.4.4 gives.
TEST(TruncateTime, IsThatOfDuckDb) {
  const auto truncate = [](std::string_view unit, int64_t us) {
    return TimestampToText(*TruncateTime(*ParseTimeUnit(unit), us));
  };
  const int64_t us = Us("2023-12-13 14:15:16.123456");
  EXPECT_EQ(truncate("usecs", us), "2023-12-13 14:15:16.123456");
  EXPECT_EQ(truncate("ms", us), "2023-12-13 14:15:16.123");
  EXPECT_EQ(truncate("Second", us), "2023-12-13 14:15:16");
  EXPECT_EQ(truncate("MINUTE", us), "2023-12-13 14:15:00");
  EXPECT_EQ(truncate("h", us), "2023-12-13 14:00:00");
  EXPECT_EQ(truncate("day", us), "2023-12-13 00:00:00");
  EXPECT_EQ(truncate("week", us), "2023-12-11 00:00:00");
  EXPECT_EQ(truncate("month", us), "2023-12-01 00:00:00");
  EXPECT_EQ(truncate("quarter", us), "2023-10-01 00:00:00");
  EXPECT_EQ(truncate("year", us), "2023-01-01 00:00:00");
  EXPECT_EQ(truncate("decades", us), "2020-01-01 00:00:00");
  EXPECT_EQ(truncate("century", us), "2000-01-01 00:00:00");
  EXPECT_EQ(truncate("millennia", us), "2000-01-01 00:00:00");
  EXPECT_EQ(truncate("week", Us("2023-01-01 10:00:00")), "2022-12-26 00:00:00");
  EXPECT_EQ(truncate("week", Us("1969-12-31 10:00:00")), "1969-12-29 00:00:00");
  EXPECT_EQ(truncate("hour", Us("1969-12-31 10:20:00")), "1969-12-31 10:00:00");
  const int64_t ides = DaysFromCivil({-43, 3, 15}) * kDayUs + 10 * kHourUs;
  EXPECT_EQ(truncate("decade", ides), "0041-01-01 (BC) 00:00:00");
  EXPECT_EQ(truncate("century", ides), "0001-01-01 (BC) 00:00:00");
  EXPECT_EQ(truncate("year", ides), "0044-01-01 (BC) 00:00:00");
  EXPECT_EQ(truncate("century", DaysFromCivil({-100, 3, 15}) * kDayUs), "0101-01-01 (BC) 00:00:00");
  EXPECT_EQ(truncate("decade", Us("0005-03-15 00:00:00")), "0001-01-01 (BC) 00:00:00");
}

TEST(TruncateTime, RefusesABeginningOutOfRange) {
  EXPECT_EQ(TruncateTime(TimeUnit::kYear, kTimestampMin).error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(*TruncateTime(TimeUnit::kDay, kTimestampMin), kTimestampMin);
  EXPECT_EQ(*TruncateTime(TimeUnit::kYear, INT64_MAX), INT64_MAX);
  for (const char* bad : {"", "fortnight", "day week", "month ", "epoch"}) {
    EXPECT_EQ(ParseTimeUnit(bad).error().code(), ErrorCode::kUnsupported) << bad;
  }
}

TEST(TimeZone, KnowsShanghaiAndItsSummerTimeOfThePast) {
  const TimeZone zone = *TimeZone::Find("Asia/Shanghai");
  EXPECT_EQ(*zone.OffsetUs(Us("2026-07-01 00:00:00")), 8 * kHourUs);
  EXPECT_EQ(*zone.OffsetUs(Us("1988-07-01 00:00:00")), 9 * kHourUs);
  EXPECT_EQ(*zone.ToLocal(Us("2026-06-30 16:00:00")), Us("2026-07-01 00:00:00"));
  // No clock changes are to come, so the far future is known too.
  EXPECT_EQ(*zone.OffsetUs(Us("2400-07-01 00:00:00")), 8 * kHourUs);
  EXPECT_EQ(*zone.OffsetUs(-1 - 0), 8 * kHourUs);
}

TEST(TimeZone, NamesTheRuleForATimeThatHappenedTwice) {
  const TimeZone zone = *TimeZone::Find("America/New_York");
  const int64_t twice = Us("2025-11-02 01:30:00");
  const auto to_utc = [&](TimeZone::Fold fold) {
    return zone.ToUtc(twice, fold, TimeZone::Gap::kRefuse);
  };
  EXPECT_EQ(*to_utc(TimeZone::Fold::kEarlier), Us("2025-11-02 05:30:00"));
  EXPECT_EQ(*to_utc(TimeZone::Fold::kLater), Us("2025-11-02 06:30:00"));
  EXPECT_EQ(to_utc(TimeZone::Fold::kRefuse).error().code(), ErrorCode::kOutOfRange);
}

TEST(TimeZone, NamesTheRuleForATimeThatNeverHappened) {
  const TimeZone zone = *TimeZone::Find("America/New_York");
  const int64_t never = Us("2025-03-09 02:30:00");
  const auto to_utc = [&](TimeZone::Gap gap) {
    return zone.ToUtc(never, TimeZone::Fold::kRefuse, gap);
  };
  EXPECT_EQ(*to_utc(TimeZone::Gap::kShift), Us("2025-03-09 07:30:00"));
  EXPECT_EQ(*zone.ToLocal(*to_utc(TimeZone::Gap::kShift)), Us("2025-03-09 03:30:00"));
  EXPECT_EQ(to_utc(TimeZone::Gap::kRefuse).error().code(), ErrorCode::kOutOfRange);
}

TEST(TimeZone, RefusesToGuessBeyondItsRules) {
  const TimeZone zone = *TimeZone::Find("America/New_York");
  EXPECT_EQ(*zone.OffsetUs(Us("2037-07-01 00:00:00")), -4 * kHourUs);
  EXPECT_EQ(zone.OffsetUs(Us("2038-07-01 00:00:00")).error().code(), ErrorCode::kOutOfRange);
  EXPECT_FALSE(zone.ToLocal(Us("2100-01-01 00:00:00")));
  EXPECT_FALSE(
      zone.ToUtc(Us("2100-07-01 00:00:00"), TimeZone::Fold::kEarlier, TimeZone::Gap::kShift));
}

TEST(TimeZone, SurvivesTheEndsOfTime) {
  const TimeZone zone = *TimeZone::Find("Asia/Shanghai");
  EXPECT_FALSE(zone.ToLocal(INT64_MAX));
  EXPECT_FALSE(zone.ToUtc(INT64_MIN, TimeZone::Fold::kEarlier, TimeZone::Gap::kShift));
  EXPECT_TRUE(zone.OffsetUs(INT64_MIN));
}

TEST(TimeZone, RefusesNamesThatAreNoZone) {
  for (const char* bad : {"", "Asia/Peking", "../../../etc/passwd", "/etc/localtime"}) {
    EXPECT_EQ(TimeZone::Find(bad).error().code(), ErrorCode::kNotFound) << bad;
  }
}

TEST(TimeZone, GivesTheRulesAsEvidence) {
  const TimeZone zone = *TimeZone::Find("Asia/Shanghai");
  EXPECT_TRUE(AsText(zone.rules()).starts_with("TZif"));
  const std::string version = *TimeZoneDataVersion();
  EXPECT_GE(version, "2022a");
  EXPECT_EQ(version.size(), 5u);
}

TEST(Clock, TheManualOneMovesByHand) {
  ManualClock clock(1000);
  clock.Advance(5);
  EXPECT_EQ(clock.NowUs(), 1005);
  EXPECT_EQ(clock.MonotonicNs(), 5000);
  clock.Jump(-10);
  EXPECT_EQ(clock.NowUs(), 995);
  EXPECT_EQ(clock.MonotonicNs(), 5000);
}

TEST(Clock, TheSystemsIsInOurEraAndItsMonotonicOneNeverGoesBack) {
  EXPECT_GT(SystemClock().NowUs(), Us("2025-01-01 00:00:00"));
  const int64_t before = SystemClock().MonotonicNs();
  EXPECT_GE(SystemClock().MonotonicNs(), before);
}

}  // namespace
}  // namespace fuqi
