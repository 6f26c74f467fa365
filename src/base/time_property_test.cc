#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <ctime>

#include "base/time.h"

namespace fuqi {
namespace {

// The oracle is the C library's calendar.
TEST(TimeProperty, CivilDatesAreThoseOfTheCLibrary) {
  ASSERT_TRUE(rc::check([] {
    const auto days = int64_t{*rc::gen::arbitrary<int32_t>()} >> *rc::gen::inRange(0, 20);
    const time_t seconds = days * 86'400;
    std::tm tm{};
    RC_ASSERT(gmtime_r(&seconds, &tm) != nullptr);
    const CivilDate date = CivilFromDays(days);
    RC_ASSERT(date == (CivilDate{tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday}));
    RC_ASSERT(DaysFromCivil(date) == days);
    RC_ASSERT(date.day <= DaysInMonth(date.year, date.month));
  }));
}

TEST(TimeProperty, EveryDayOf800YearsFollowsTheOneBefore) {
  CivilDate date{1600, 1, 1};
  const int64_t first = DaysFromCivil(date);
  for (int64_t day = first; day < first + 2 * 146'097; ++day) {
    ASSERT_EQ(CivilFromDays(day), date);
    ASSERT_EQ(DaysFromCivil(date), day);
    if (++date.day > DaysInMonth(date.year, date.month)) {
      date.day = 1;
      if (++date.month > 12) {
        date.month = 1;
        ++date.year;
      }
    }
  }
  EXPECT_EQ(date, (CivilDate{2400, 1, 1}));
}

TEST(TimeProperty, TextReadsBack) {
  ASSERT_TRUE(rc::check([] {
    const int64_t us = *rc::gen::inRange<int64_t>(DaysFromCivil({1, 1, 1}) * kDayUs,
                                                  DaysFromCivil({10000, 1, 1}) * kDayUs);
    RC_ASSERT(*ParseTimestamp(TimestampToText(us)) == us);
    RC_ASSERT(*ParseTimestamp(Rfc3339(us)) == us);
    RC_ASSERT(*ParseDate(DateToText(static_cast<int32_t>(DayOf(us)))) == DayOf(us));
  }));
}

TEST(TimeProperty, AddingMonthsMovesTheMonthAndNeverRaisesTheDay) {
  ASSERT_TRUE(rc::check([] {
    const int32_t days = *rc::gen::inRange(-1'000'000, 1'000'000);
    const int64_t months = *rc::gen::inRange(-5000, 5000);
    const CivilDate from = CivilFromDays(days);
    const CivilDate to = CivilFromDays(*AddMonthsToDate(days, months));
    RC_ASSERT(int64_t{to.year} * 12 + to.month == int64_t{from.year} * 12 + from.month + months);
    RC_ASSERT(to.day == from.day ||
              (to.day < from.day && to.day == DaysInMonth(to.year, to.month)));
  }));
}

TEST(TimeProperty, TruncationIsTheLastBeginningNotAfterTheMoment) {
  ASSERT_TRUE(rc::check([] {
    const auto unit = static_cast<TimeUnit>(*rc::gen::inRange(0, 13));
    const int64_t us = *rc::gen::inRange<int64_t>(0, DaysFromCivil({4000, 1, 1}) * kDayUs);
    const int64_t start = *TruncateTime(unit, us);
    RC_ASSERT(start <= us);
    RC_ASSERT(*TruncateTime(unit, start) == start);
    RC_ASSERT(start == us || *TruncateTime(unit, start + (us - start) / 2) == start);
  }));
}

TEST(TimeProperty, LocalTimeGoesThereAndBack) {
  const TimeZone zone = *TimeZone::Find("Europe/Prague");
  ASSERT_TRUE(rc::check([&] {
    const int64_t utc = *rc::gen::inRange<int64_t>(0, DaysFromCivil({2037, 1, 1}) * kDayUs);
    const int64_t local = *zone.ToLocal(utc);
    const int64_t earlier = *zone.ToUtc(local, TimeZone::Fold::kEarlier, TimeZone::Gap::kRefuse);
    const int64_t later = *zone.ToUtc(local, TimeZone::Fold::kLater, TimeZone::Gap::kRefuse);
    RC_ASSERT(earlier <= later);
    RC_ASSERT(earlier == utc || later == utc);
  }));
}

TEST(TimeProperty, AnyTextIsReadOrRefused) {
  ASSERT_TRUE(rc::check([](const std::string& text) {
    RC_CLASSIFY(ParseDate(text).has_value());
    (void)ParseTimestamp(text);
    (void)ParseDuration(text);
    (void)ParseTimeUnit(text);
  }));
}

}  // namespace
}  // namespace fuqi
