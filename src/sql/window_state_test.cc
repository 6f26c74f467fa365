#include "sql/window_state.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "sql/functions.h"

namespace fuqi::sql {
namespace {

constexpr Type kText{TypeId::kVarchar};
constexpr Type kDouble{TypeId::kDouble};
constexpr Type kHugeInt{TypeId::kHugeInt};
constexpr Type kAmount = table::Decimal(18, 2);

// Columns: a key, an amount, a double, a flag, a wide number.
table::Schema Input() {
  return {{"key", kText},
          {"amount", kAmount},
          {"rate", kDouble},
          {"flag", {TypeId::kBoolean}},
          {"wide", kHugeInt}};
}

Expr ColumnOf(const char* name) {
  Expr expr;
  expr.kind = Expr::Kind::kColumn;
  expr.column = table::FindColumn(Input(), name);
  expr.type = Input()[expr.column].type;
  return expr;
}

Window Over(std::string function, const char* arg, int64_t length_us, const char* key = "key") {
  Window window;
  window.function = std::move(function);
  if (arg != nullptr) {
    window.args.push_back(ColumnOf(arg));
    window.type = window.args[0].type;
  }
  if (key != nullptr) {
    window.partitions.push_back(ColumnOf(key));
  }
  window.frame = length_us > 0 ? Window::Frame::kRange : Window::Frame::kUnbounded;
  window.length_us = length_us;
  return window;
}

WindowState Compiled(std::vector<Window> windows, int64_t lateness_us = 0) {
  Level level;
  level.input = Input();
  level.windows = std::move(windows);
  auto state = WindowState::Compile(level, lateness_us);
  FUQI_CHECK(state.has_value());
  return *std::move(state);
}

class Feed {
 public:
  explicit Feed(WindowState& state) : state_(state) {}
  // The values for one row, as text; the error's code on failure.
  std::string Push(int64_t ts, const char* key, int128 amount, double rate = 0, int128 wide = 0,
                   bool flag = true) {
    scratch_.Reset();
    const Datum columns[] = {key == nullptr ? Datum::Null() : Datum::Text(key), Datum::Int(amount),
                             Datum::Double(rate), Datum::Bool(flag), Datum::Int(wide)};
    auto values = state_.Push(columns, ts, arrival_++, scratch_);
    if (!values) {
      return std::string(ErrorCodeName(values.error().code()));
    }
    std::string text;
    for (const Datum& value : *values) {
      text += (text.empty() ? "" : " ") +
              table::ToText(value, value.kind == Datum::Kind::kInt
                                       ? kHugeInt
                                       : (value.kind == Datum::Kind::kText ? kText : kDouble));
    }
    return text;
  }

 private:
  WindowState& state_;
  Scratch scratch_;
  uint64_t arrival_ = 1;
};

// A month before the 30th at noon is the last of February at noon; before the 31st at midnight it
// is the last of February at midnight.
TEST(MonthFrame, TakesUpAgainWhatALaterRowReachesBackTo) {
  constexpr int64_t kHour = 3'600'000'000;
  constexpr int64_t kLastOfFebruary = 1'709'164'800'000'000;  // 2024-02-29
  constexpr int64_t kDay = 24 * kHour;
  for (const int more : {0, 10}) {  // few rows, and rows enough for a running state
    Window window = Over("sum", "amount", 0);
    window.frame = Window::Frame::kRange;
    window.length_months = 1;
    WindowState state = Compiled({window});
    Feed feed(state);
    for (int i = 0; i < more; ++i) {
      feed.Push(kLastOfFebruary + 6 * kHour, "a", 0);
    }
    EXPECT_EQ(feed.Push(kLastOfFebruary + 6 * kHour, "a", 1), "1");
    EXPECT_EQ(feed.Push(kLastOfFebruary + 30 * kDay + 12 * kHour, "a", 2), "2");
    EXPECT_EQ(feed.Push(kLastOfFebruary + 31 * kDay, "a", 4), "7");
    EXPECT_EQ(feed.Push(kLastOfFebruary + 32 * kDay, "a", 8), "14");
  }
}

// Rows enough for a running state: what leaves the frame is taken off it, exactly.
TEST(SlidingSum, EvictsExactlyAtTheFrameEdge) {
  WindowState state = Compiled({Over("sum", "amount", 100), Over("sum", "rate", 100)});
  Feed feed(state);
  for (int64_t i = 0; i < 10; ++i) {
    feed.Push(10 * i, "a", 1 << i, 0.5 * (1 << i));
  }
  EXPECT_EQ(feed.Push(100, "a", 1024, 512), "2047 1023.5");   // time - length is within
  EXPECT_EQ(feed.Push(101, "a", 2048, 1024), "4094 2047.0");  // one microsecond later it is not
  EXPECT_EQ(feed.Push(110, "a", 4096, 2048), "8190 4095.0");
  EXPECT_EQ(feed.Push(111, "a", 0, 0), "8188 4094.0");
}

// Keys of few rows keep no running state: the rows go beyond that, back, and beyond it again.
TEST(SlidingSum, IsTheSameOfFewRowsAndOfMany) {
  WindowState state = Compiled({Over("sum", "amount", 100), Over("max", "amount", 100)});
  Feed feed(state);
  std::vector<std::pair<int64_t, int64_t>> rows;
  int64_t ts = 0;
  for (int i = 0; i < 200; ++i) {
    ts += i / 40 % 2 == 0 ? 3 : 40;
    rows.emplace_back(ts, i % 7 * 11 - 30);
    int64_t sum = 0;
    int64_t max = INT64_MIN;
    for (const auto& [at, amount] : rows) {
      if (at >= ts - 100) {
        sum += amount;
        max = std::max(max, amount);
      }
    }
    EXPECT_EQ(feed.Push(ts, "a", rows.back().second), fmt::format("{} {}", sum, max)) << i;
  }
}

TEST(SlidingSum, KeepsKeysApartAndTakesNullForOneOfThem) {
  WindowState state = Compiled({Over("sum", "amount", 100), Over("sum", "amount", 100, nullptr)});
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 1), "1 1");
  EXPECT_EQ(feed.Push(1, nullptr, 10), "10 11");
  EXPECT_EQ(feed.Push(2, "", 100), "100 111");
  EXPECT_EQ(feed.Push(3, nullptr, 1000), "1010 1111");
  EXPECT_EQ(state.keys(), 4U);
}

TEST(SlidingSum, IsExactWhereARunningDoubleWouldDrift) {
  WindowState state = Compiled({Over("sum", "amount", 10), Over("sum", "rate", 10)});
  Feed feed(state);
  feed.Push(0, "a", int128{99'999'999'999'999'999}, 1e300);
  EXPECT_EQ(feed.Push(11, "a", 1, 0.1), "1 0.1");
}

TEST(SlidingSum, GoesBeyondItsTypeOnlyIfTheTotalDoes) {
  WindowState state =
      Compiled({Over("sum", "wide", 10), Over("count", "wide", 10), Over("sum", "wide", 0)});
  Feed feed(state);
  const int128 most = kInt128Max;
  const std::string text = fuqi::ToText(most);
  EXPECT_EQ(feed.Push(0, "a", 0, 0, most), text + " 1 " + text);
  EXPECT_EQ(feed.Push(1, "a", 0, 0, most), "out_of_range");
  // The row is in all the same, and the sum comes back when enough has left or been taken off.
  EXPECT_EQ(feed.Push(2, "a", 0, 0, -most), text + " 3 " + text);
  EXPECT_EQ(feed.Push(30, "a", 0, 0, -most), "-" + text + " 1 0");
}

TEST(SlidingSum, OfDoublesRefusesWhatIsNotFinite) {
  WindowState state = Compiled({Over("sum", "rate", 10), Over("avg", "rate", 0)});
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 0, 1e308), "1e+308 1e+308");
  EXPECT_EQ(feed.Push(1, "a", 0, 1e308), "out_of_range");
  EXPECT_EQ(feed.Push(50, "b", 0, 1), "1.0 1.0");
}

TEST(SlidingExtreme, TakesTheEarliestOfEqualOnesAndNanForTheGreatest) {
  WindowState state =
      Compiled({Over("max", "rate", 10), Over("min", "rate", 10), Over("min", "rate", 0)});
  Feed feed(state);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(feed.Push(0, "a", 0, -0.0), "-0.0 -0.0 -0.0");
  EXPECT_EQ(feed.Push(1, "a", 0, 0.0), "-0.0 -0.0 -0.0");
  EXPECT_EQ(feed.Push(2, "a", 0, nan), "nan -0.0 -0.0");
  EXPECT_EQ(feed.Push(11, "a", 0, 5), "nan 0.0 -0.0");
  EXPECT_EQ(feed.Push(13, "a", 0, 4), "5.0 4.0 -0.0");
}

TEST(LateRow, TakesItsPlaceForLaterRowsAndSeesOnlyWhatCameBefore) {
  WindowState state =
      Compiled({Over("sum", "amount", 10), Over("sum", "amount", 0), Over("lag", "amount", 0)}, 20);
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 1), "1 1 NULL");
  EXPECT_EQ(feed.Push(20, "a", 10), "10 11 1");
  EXPECT_EQ(feed.Push(8, "a", 100), "101 101 1");        // sees the row of time 0, not that of 20
  EXPECT_EQ(feed.Push(18, "a", 1000), "1100 1101 100");  // sees the late one
  EXPECT_EQ(feed.Push(20, "a", 10000), "11010 11111 10");
}

TEST(LateRow, StillFindsItsFrameWhenItIsAsLateAsItMayBe) {
  WindowState state = Compiled({Over("count_star", nullptr, 10)}, 20);
  Feed feed(state);
  feed.Push(0, "a", 0);
  feed.Push(30, "b", 0);  // another key moves time on: what is before 0 may go
  EXPECT_EQ(feed.Push(10, "a", 0), "2");
  feed.Push(31, "b", 0);
  EXPECT_EQ(feed.Push(11, "a", 0), "2");
}

TEST(LateRow, CountsDistinctValuesAsOfItsTime) {
  Window distinct = Over("count", "amount", 0);
  distinct.distinct = true;
  WindowState state = Compiled({distinct}, 100);
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 1), "1");
  EXPECT_EQ(feed.Push(50, "a", 2), "2");
  EXPECT_EQ(feed.Push(60, "a", 3), "3");
  EXPECT_EQ(feed.Push(40, "a", 3), "2");  // 3 came first at 60, now at 40
  EXPECT_EQ(feed.Push(55, "a", 1), "3");
}

TEST(Filter, LeavesOutRowsThatAreNotTrue) {
  Window filtered = Over("count_star", nullptr, 10);
  filtered.filter = ColumnOf("flag");
  WindowState state = Compiled({filtered, Over("count_star", nullptr, 10)});
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 0, 0, 0, true), "1 1");
  EXPECT_EQ(feed.Push(1, "a", 0, 0, 0, false), "1 2");
}

TEST(WindowState, AdmitsARowWhoseArgumentFails) {
  // A cast that fails: DECIMAL(18,2) to DECIMAL(4,2).
  Window narrow = Over("sum", "amount", 10);
  Expr cast;
  cast.kind = Expr::Kind::kCast;
  cast.type = table::Decimal(4, 2);
  cast.children.push_back(narrow.args[0]);
  narrow.args[0] = cast;
  WindowState state = Compiled({narrow, Over("count_star", nullptr, 10)});
  Feed feed(state);
  EXPECT_EQ(feed.Push(0, "a", 5), "5 1");
  EXPECT_EQ(feed.Push(1, "a", 1'000'000), "out_of_range");
  EXPECT_EQ(feed.Push(2, "a", 7), "12 3");
}

TEST(WindowState, RefusesWhatItCannotRunByName) {
  struct Refused {
    Window window;
    const char* words;
  };
  Window filtered = Over("first", "amount", 10);
  filtered.filter = ColumnOf("flag");
  Window distinct = Over("sum", "amount", 10);
  distinct.distinct = true;
  Window leads = Over("lag", "amount", 0);
  leads.offset = -1;
  Window changing = Over("lag", "amount", 0);
  changing.fallback = ColumnOf("amount");
  const Refused refusals[] = {
      {Over("median", "amount", 10), "'median'"},
      {Over("sum", "key", 10), "'sum'"},
      {Over("avg", "flag", 10), "'avg'"},
      {Over("row_number", nullptr, 0), "'row_number'"},
      {filtered, "'first'"},
      {distinct, "'sum'"},
      {leads, "lag"},
      {changing, "lag"},
  };
  for (const Refused& refused : refusals) {
    Level level;
    level.input = Input();
    level.windows = {Over("count_star", nullptr, 1), refused.window};
    level.windows[1].position = 42;
    Position at = -1;
    auto state = WindowState::Compile(level, 0, &at);
    ASSERT_FALSE(state.has_value()) << refused.words;
    EXPECT_EQ(state.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(state.error().message().find(refused.words), std::string::npos)
        << state.error().message();
    EXPECT_EQ(at, 42);
  }
}

TEST(WindowState, KeepsLittleOfAKeyThatIsSeldomSeen) {
  std::vector<Window> windows;
  for (const int64_t length : {100, 1000, 10'000}) {
    for (const char* function : {"sum", "avg", "min", "max"}) {
      windows.push_back(Over(function, "amount", length));
    }
  }
  WindowState state = Compiled(std::move(windows));
  Feed feed(state);
  for (int i = 0; i < 1000; ++i) {
    feed.Push(0, fmt::format("key {}", i).c_str(), 1);
  }
  EXPECT_LT(state.state_bytes(), 1000 * 500);
}

TEST(WindowState, LetsGoOfKeysThatNoLongerMatter) {
  WindowState state = Compiled({Over("sum", "amount", 100)}, 10);
  Feed feed(state);
  for (int i = 0; i < 1000; ++i) {
    feed.Push(0, fmt::format("key {}", i).c_str(), 1);
  }
  const uint64_t peak = state.state_bytes();
  EXPECT_EQ(state.keys(), 1000U);
  for (int i = 0; i < 1100; ++i) {
    feed.Push(1000 + i, "hot", 1);
  }
  EXPECT_EQ(state.keys(), 1U);
  EXPECT_LT(state.state_bytes(), peak / 10);
}

TEST(WindowState, LetsGoOfKeysOfDaysThatArePast) {
  // PARTITION BY key, date_trunc('day', ts AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai')
  const auto text = [](const char* value) {
    Expr expr;
    expr.type = kText;
    expr.constant.Append(Datum::Text(value));
    return expr;
  };
  const auto call = [](const char* name, Type type, std::vector<Expr> children) {
    Expr expr;
    expr.kind = Expr::Kind::kCall;
    expr.name = name;
    expr.type = type;
    expr.children = std::move(children);
    return expr;
  };
  constexpr Type kTimestamp{TypeId::kTimestamp};
  constexpr int64_t kHourUs = 3'600'000'000;
  Level level;
  level.input = {{"key", kText}, {"ts", kTimestamp}};
  level.time = 1;
  Expr ts;
  ts.kind = Expr::Kind::kColumn;
  ts.column = 1;
  ts.type = kTimestamp;
  Window count;
  count.function = "count_star";
  count.partitions = {
      ColumnOf("key"),
      call("date_trunc", {TypeId::kDate},
           {text("day"), call("timezone", kTimestamp, {text("Asia/Shanghai"), text("UTC"), ts})})};
  level.windows = {count};
  auto state = WindowState::Compile(level, 0);
  ASSERT_TRUE(state.has_value()) << state.error().ToString();
  Scratch scratch;
  uint64_t most = 0;
  int64_t today = 0;
  constexpr int64_t kDays = 200;
  for (int64_t hour = 0; hour < 24 * kDays; ++hour) {
    const int64_t us = hour * kHourUs;
    const Datum row[] = {Datum::Text("a"), Datum::Int(us)};
    auto values = state->Push(row, us, static_cast<uint64_t>(hour) + 1, scratch);
    ASSERT_TRUE(values.has_value()) << values.error().ToString();
    today = (hour + 8) % 24 == 0 ? 1 : today + 1;  // midnight in Shanghai is 16:00 UTC
    EXPECT_EQ(static_cast<int64_t>((*values)[0].i), today);
    most = std::max(most, state->keys());
  }
  EXPECT_LE(most, 6U);
  Bytes saved;
  state->Save(saved);
  auto other = WindowState::Compile(level, 0);
  ASSERT_TRUE(other->Restore(saved).has_value());
  Bytes again;
  other->Save(again);
  EXPECT_EQ(saved, again);
}

TEST(WindowState, HoldsTheRecentRowsOnlyWhereTheFrameHasNoBeginning) {
  WindowState state =
      Compiled({Over("sum", "amount", 0), Over("min", "key", 0), Over("lag", "amount", 0)}, 10);
  Feed feed(state);
  for (int i = 0; i < 100; ++i) {
    feed.Push(i, "a key of some length", 1);
  }
  const uint64_t early = state.state_bytes();
  for (int i = 100; i < 20'000; ++i) {
    feed.Push(i, "a key of some length", 1);
  }
  EXPECT_LE(state.state_bytes(), 2 * early);
}

TEST(WindowState, SaveDoesNotDependOnWhenOldRowsWereLetGo) {
  auto make = [] { return Compiled({Over("sum", "amount", 100), Over("max", "key", 100)}, 10); };
  WindowState all = make();
  WindowState young = make();
  Feed feed_all(all);
  Feed feed_young(young);
  for (int i = 0; i < 50; ++i) {
    feed_all.Push(i, fmt::format("old {}", i).c_str(), 1);
    feed_young.Push(0, "one", 1);
  }
  feed_all.Push(10'000, "new", 5);
  feed_young.Push(10'000, "new", 5);
  Bytes a;
  Bytes b;
  all.Save(a);
  young.Save(b);
  EXPECT_EQ(a, b);
}

TEST(WindowState, RefusesTheStateOfOtherDefinitions) {
  WindowState ten = Compiled({Over("sum", "amount", 10)});
  WindowState eleven = Compiled({Over("sum", "amount", 11)});
  WindowState late = Compiled({Over("sum", "amount", 10)}, 1);
  Bytes bytes;
  ten.Save(bytes);
  EXPECT_TRUE(ten.Restore(bytes).has_value());
  EXPECT_EQ(eleven.Restore(bytes).error().code(), ErrorCode::kParse);
  EXPECT_EQ(late.Restore(bytes).error().code(), ErrorCode::kParse);
}

TEST(WindowStateDeathTest, EndsOnARowThatIsLaterThanAllowed) {
  WindowState state = Compiled({Over("sum", "amount", 10)}, 5);
  Feed feed(state);
  feed.Push(100, "a", 1);
  feed.Push(95, "a", 1);
  EXPECT_DEATH(feed.Push(94, "a", 1), "broken invariant");
}

// A bound on time as a bound on steps: rows in time order cost the same whatever the frames hold.
// One row in two is of one hot key, whose frames grow to tens of thousands of rows.
TEST(WindowState, TakesAConstantNumberOfStepsForARowInOrder) {
  Window distinct = Over("count", "amount", 40'000);
  distinct.distinct = true;
  Window before = Over("sum", "amount", 40'000);
  before.gap_us = 500;
  Window rows = Over("max", "amount", 0);
  rows.frame = Window::Frame::kRows;
  rows.rows = 10'000;
  const std::vector<Window> windows = {before,
                                       rows,
                                       Over("sum", "rate", 40'000),
                                       Over("sum", "amount", 1000),
                                       Over("avg", "amount", 40'000),
                                       Over("max", "amount", 40'000),
                                       Over("min", "amount", 1000),
                                       Over("count_star", nullptr, 1),
                                       Over("first", "key", 40'000),
                                       Over("sum", "amount", 0),
                                       Over("lag", "amount", 0),
                                       distinct,
                                       Over("max", "amount", 1000, nullptr)};
  WindowState state = Compiled(windows, 50);
  Feed feed(state);
  constexpr uint64_t kRows = 100'000;
  const auto key = [&](uint64_t i) { return i % 2 == 0 ? "hot" : (i % 3 == 0 ? "warm" : "mild"); };
  for (uint64_t i = 0; i < kRows; ++i) {
    // A long rise, so that the deques fill and empty at once.
    feed.Push(static_cast<int64_t>(i), key(i), static_cast<int64_t>(i % 5000));
  }
  // Each row, in each of two stores: comes, is settled, goes; leaves each of its frames, and comes
  // into one later than itself; is pushed off each deque once.
  constexpr uint64_t kPerRow = (3 + 5 + 1 + 3) + (3 + 1 + 1);
  EXPECT_LE(state.steps(), kPerRow * kRows);
  EXPECT_GT(state.steps(), kRows);
  fmt::print("{:.1f} steps a row\n", static_cast<double>(state.steps()) / kRows);
}

}  // namespace
}  // namespace fuqi::sql
