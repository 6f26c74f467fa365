// WindowState against a brute force over all rows that ever came.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>

#include "base/time.h"
#include "sql/window_state.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::Type;
using table::TypeId;

constexpr Type kText{TypeId::kVarchar};
constexpr Type kInteger{TypeId::kInteger};
constexpr Type kDouble{TypeId::kDouble};
constexpr Type kBoolean{TypeId::kBoolean};
constexpr Type kBigInt{TypeId::kBigInt};
constexpr Type kHugeInt{TypeId::kHugeInt};
constexpr Type kInterval{TypeId::kInterval};
constexpr Type kAmount = table::Decimal(18, 2);
constexpr Type kWide = table::Decimal(38, 4);

enum Column { kPayer, kPayee, kN, kSum, kRate, kNight, kBig, kSpan, kColumns };

table::Schema Input() {
  return {{"payer", kText},  {"payee", kText},    {"n", kInteger}, {"amount", kAmount},
          {"rate", kDouble}, {"night", kBoolean}, {"big", kWide},  {"span", kInterval}};
}

Expr ColumnOf(int column) {
  Expr expr;
  expr.kind = Expr::Kind::kColumn;
  expr.column = column;
  expr.type = Input()[column].type;
  return expr;
}

Expr ConstantOf(Type type, const Datum& value) {
  Expr expr;
  expr.type = type;
  expr.constant.Append(value);
  return expr;
}

constexpr int64_t kLeastTs = -9'223'372'022'400'000'000;  // of a TIMESTAMP

struct Event {
  std::vector<Datum> columns;
  int64_t ts = 0;
  uint64_t arrival = 0;
};

// ---- The oracle.

bool Before(const Event& a, const Event& b) {
  return a.ts != b.ts ? a.ts < b.ts : a.arrival < b.arrival;
}

bool SameKey(const Window& window, const Event& a, const Event& b) {
  return std::all_of(window.partitions.begin(), window.partitions.end(),
                     [&](const Expr& partition) {
                       return table::Same(a.columns[partition.column], b.columns[partition.column]);
                     });
}

// NaN is the greatest; texts by their bytes; an interval's month has 30 days.
bool Less(const Datum& a, const Datum& b) {
  switch (a.kind) {
    case Datum::Kind::kInt:
      return a.i < b.i;
    case Datum::Kind::kDouble:
      return !std::isnan(a.d) && (std::isnan(b.d) || a.d < b.d);
    case Datum::Kind::kText:
      return a.text() < b.text();
    default: {
      const auto us = [](const table::Interval& v) {
        return (static_cast<int128>(v.months) * 30 + v.days) * 86'400'000'000 + v.micros;
      };
      return us(a.interval) < us(b.interval);
    }
  }
}

// Wide enough for all that the columns hold, squared and summed.
using Wide = boost::multiprecision::number<
    boost::multiprecision::cpp_bin_float<600, boost::multiprecision::digit_base_2>>;
constexpr double kQuarter = 0.25;

bool SignBelow(const Datum& a, const Datum& b) {
  return a.kind == Datum::Kind::kDouble && std::signbit(a.d) && !std::signbit(b.d);
}

// A DECIMAL in its minor units, of which none is rounded.
Wide WideOf(const Datum& value) {
  return value.kind == Datum::Kind::kDouble ? Wide(value.d) : Wide(value.i);
}

// By the definition: the sum of all first, then the distances from their mean, nothing rounded.
Datum SpreadOracle(const Window& window, const std::vector<const Event*>& rows) {
  const auto values = [&](const Expr& arg) {
    std::vector<Wide> all;
    for (const Event* row : rows) {
      all.push_back(WideOf(row->columns[arg.column]));
    }
    const Wide sum = std::accumulate(all.begin(), all.end(), Wide(0));
    for (Wide& value : all) {
      value = value * all.size() - sum;  // the deviation times the number of rows: not rounded
    }
    return all;
  };
  const auto product = [](const std::vector<Wide>& a, const std::vector<Wide>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), Wide(0));
  };
  const std::vector<Wide> x = values(window.args[0]);
  const Wide xx = product(x, x);
  if (window.function == "corr") {
    const std::vector<Wide> y = values(window.args[1]);
    const Wide yy = product(y, y);
    if (xx == 0 || yy == 0) {
      return Datum::Double(std::nan(""));
    }
    return Datum::Double((product(x, y) / sqrt(Wide(xx * yy))).convert_to<double>());
  }
  const bool sample = window.function.ends_with("samp");
  if (sample && rows.size() == 1) {
    return Datum::Null();
  }
  const Wide n = rows.size();
  const Wide unit = pow(Wide(10), Input()[window.args[0].column].type.scale);
  const Wide variance = xx / (n * n) / (sample ? Wide(n - 1) : n) / (unit * unit);
  return Datum::Double(
      (window.function.starts_with("var") ? variance : Wide(sqrt(variance))).convert_to<double>());
}

// A day of the month less some months, or the last day of that month.
int128 MonthsBefore(int64_t ts, int32_t months) {
  using std::chrono::days;
  using std::chrono::floor;
  const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds(ts)};
  const auto midnight = floor<days>(time);
  auto date = std::chrono::year_month_day(midnight) - std::chrono::months(months);
  if (!date.ok()) {
    date = date.year() / date.month() / std::chrono::last;
  }
  return (std::chrono::sys_time<std::chrono::microseconds>(std::chrono::sys_days(date)) +
          (time - midnight))
      .time_since_epoch()
      .count();
}

// `rows`: those of the key up to `now`, which is the last.
void KeepFrame(const Window& window, const Event& now, std::vector<const Event*>& rows) {
  if (window.frame == Window::Frame::kRange) {
    const int128 from =
        (window.length_months == 0 ? int128{now.ts} : MonthsBefore(now.ts, window.length_months)) -
        window.length_us;
    std::erase_if(rows, [&](const Event* row) { return int128{row->ts} < from; });
  }
  if (window.gap_us > 0) {
    const int128 to = int128{now.ts} - window.gap_us;
    std::erase_if(rows, [&](const Event* row) { return int128{row->ts} > to; });
  }
  if (window.frame == Window::Frame::kRows && rows.size() > static_cast<size_t>(window.rows) + 1) {
    rows.erase(rows.begin(), rows.end() - window.rows - 1);
  }
  if (window.gap_rows > 0) {
    rows.resize(rows.size() - std::min(rows.size(), static_cast<size_t>(window.gap_rows)));
  }
}

// Of rows that have the argument, at least one: a value that one of them has.
std::optional<Datum> Chosen(const Window& window, std::vector<const Event*> rows) {
  const auto arg = [&](const Event& event) { return event.columns[window.args[0].column]; };
  if (window.function == "arg_min" || window.function == "arg_max") {
    const int by = window.args[1].column;
    const Event* best = rows[0];
    for (const Event* row : rows) {
      const Datum& a = row->columns[by];
      const Datum& b = best->columns[by];
      best = (window.function == "arg_min" ? Less(a, b) : Less(b, a)) ? row : best;
    }
    return arg(*best);
  }
  if (window.function == "quantile_disc") {
    std::stable_sort(rows.begin(), rows.end(), [&](const Event* a, const Event* b) {
      return Less(arg(*a), arg(*b)) || (!Less(arg(*b), arg(*a)) && SignBelow(arg(*a), arg(*b)));
    });
    const double rank = std::ceil(static_cast<double>(rows.size()) * kQuarter);
    return arg(*rows[static_cast<size_t>(std::max(rank, 1.0)) - 1]);
  }
  if (window.function == "min" || window.function == "max") {
    Datum best = arg(*rows[0]);
    for (const Event* row : rows) {
      if (window.function == "min" ? Less(arg(*row), best) : Less(best, arg(*row))) {
        best = arg(*row);
      }
    }
    return best;
  }
  return std::nullopt;
}

// sum and avg of at least one row.
Datum SumOracle(const Window& window, const std::vector<const Event*>& rows) {
  const auto arg = [&](const Event& event) { return event.columns[window.args[0].column]; };
  const bool average = window.function == "avg";
  if (window.args[0].type.id == TypeId::kDouble) {
    Wide sum = 0;
    for (const Event* row : rows) {
      sum += Wide(arg(*row).d);
    }
    return Datum::Double((average ? sum / rows.size() : sum).convert_to<double>());
  }
  int128 sum = 0;
  for (const Event* row : rows) {
    sum += arg(*row).i;
  }
  if (!average) {
    return Datum::Int(sum);
  }
  long double scale = 1;
  for (int i = 0; i < window.args[0].type.scale; ++i) {
    scale *= 10;
  }
  return Datum::Double(static_cast<double>(static_cast<long double>(sum) /
                                           (static_cast<long double>(rows.size()) * scale)));
}

Datum Oracle(const Window& window, const std::vector<Event>& events, const Event& now) {
  std::vector<const Event*> rows;
  for (const Event& event : events) {
    if (event.arrival <= now.arrival && SameKey(window, event, now) && !Before(now, event)) {
      rows.push_back(&event);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const Event* a, const Event* b) { return Before(*a, *b); });
  const auto arg = [&](const Event& event) { return event.columns[window.args[0].column]; };
  if (window.function == "lag") {
    const auto offset = static_cast<size_t>(window.offset);
    return rows.size() > offset ? arg(*rows[rows.size() - 1 - offset])
                                : (window.fallback ? window.fallback->constant[0] : Datum::Null());
  }
  KeepFrame(window, now, rows);
  if (window.function == "first" || window.function == "last") {
    return rows.empty() ? Datum::Null()
                        : arg(window.function == "first" ? *rows.front() : *rows.back());
  }
  std::erase_if(rows, [&](const Event* row) {
    return (window.filter && !row->columns[window.filter->column].is_true()) ||
           std::any_of(window.args.begin(), window.args.end(),
                       [&](const Expr& a) { return row->columns[a.column].is_null(); });
  });
  if (window.function == "count" && window.distinct) {
    std::vector<Datum> seen;
    for (const Event* row : rows) {
      if (std::none_of(seen.begin(), seen.end(),
                       [&](const Datum& d) { return table::Same(d, arg(*row)); })) {
        seen.push_back(arg(*row));
      }
    }
    return Datum::Int(static_cast<int128>(seen.size()));
  }
  if (window.function.starts_with("count")) {
    return Datum::Int(static_cast<int128>(rows.size()));
  }
  if (rows.empty()) {
    return Datum::Null();
  }
  if (const std::optional<Datum> chosen = Chosen(window, rows)) {
    return *chosen;
  }
  if (window.function == "bool_and" || window.function == "bool_or") {
    const auto is_true = [&](const Event* row) { return arg(*row).is_true(); };
    return Datum::Bool(window.function == "bool_and"
                           ? std::all_of(rows.begin(), rows.end(), is_true)
                           : std::any_of(rows.begin(), rows.end(), is_true));
  }
  if (window.function == "string_agg") {
    std::set<std::string> texts;
    for (const Event* row : rows) {
      texts.emplace(arg(*row).text());
    }
    static std::string joined;
    joined.clear();
    for (const std::string& text : texts) {
      joined += (&text == &*texts.begin() ? "" : "; ") + text;
    }
    return Datum::Text(joined);
  }
  if (window.function.starts_with("var") || window.function.starts_with("stddev") ||
      window.function == "corr") {
    return SpreadOracle(window, rows);
  }
  return SumOracle(window, rows);
}

// ---- Generators.

// As widely as it can, however early in the run: ranges begin small, and a frame is none of them.
template <class Make>
auto Widely(Make make) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::exec(std::move(make)));
}

Window MakeWindow(std::string function, int arg, Type type) {
  Window window;
  window.function = std::move(function);
  window.type = type;
  if (arg >= 0) {
    window.args.push_back(ColumnOf(arg));
  }
  return window;
}

Type SumType(Type arg) {
  return arg.id == TypeId::kDouble
             ? kDouble
             : (arg.id == TypeId::kDecimal ? table::Decimal(38, arg.scale) : kHugeInt);
}

// What the binder makes of a number where a DOUBLE is needed.
Expr RealOf(int column) {
  Expr arg = ColumnOf(column);
  if (arg.type == kDouble) {
    return arg;
  }
  Expr cast;
  cast.kind = Expr::Kind::kCast;
  cast.type = kDouble;
  cast.column = column;  // for the oracle
  cast.children.push_back(std::move(arg));
  return cast;
}

Window WithTwo(Window window, Expr second) {
  window.args.push_back(std::move(second));
  return window;
}

Window WithReal(const char* function, int column) {
  Window window = MakeWindow(function, -1, kDouble);
  window.args.push_back(RealOf(column));
  return window;
}

Window WithParameter(Window window, Expr parameter) {
  window.parameter = std::move(parameter);
  return window;
}

Window AnyFunction() {
  const int any = *rc::gen::inRange(0, static_cast<int>(kColumns));
  const int other = *rc::gen::inRange(0, static_cast<int>(kColumns));
  const int number = *rc::gen::element<int>(kN, kSum, kRate, kBig);
  const int small = *rc::gen::element<int>(kN, kSum, kRate);
  const int text = *rc::gen::element<int>(kPayer, kPayee);
  const char* spread =
      *rc::gen::element<const char*>("var_samp", "var_pop", "stddev_samp", "stddev_pop");
  const Type number_type = Input()[number].type;
  return *rc::gen::elementOf(std::vector<Window>{
      MakeWindow("count_star", -1, kBigInt),
      MakeWindow("count", any, kBigInt),
      MakeWindow("count", any, kBigInt),  // distinct, below
      MakeWindow("sum", number, SumType(number_type)),
      MakeWindow("avg", number, kDouble),
      MakeWindow("min", any, Input()[any].type),
      MakeWindow("max", any, Input()[any].type),
      MakeWindow("first", any, Input()[any].type),
      MakeWindow("last", any, Input()[any].type),
      MakeWindow("lag", any, Input()[any].type),
      WithTwo(MakeWindow("arg_min", any, Input()[any].type), ColumnOf(other)),
      WithTwo(MakeWindow("arg_max", any, Input()[any].type), ColumnOf(other)),
      MakeWindow(*rc::gen::arbitrary<bool>() ? "bool_and" : "bool_or", kNight, kBoolean),
      WithParameter(MakeWindow("quantile_disc", number, number_type),
                    ConstantOf(table::Decimal(3, 2), Datum::Int(25))),
      WithParameter(MakeWindow("string_agg", text, kText), ConstantOf(kText, Datum::Text("; "))),
      WithReal(spread, number),
      WithTwo(WithReal("corr", small), RealOf(*rc::gen::element<int>(kN, kSum, kRate))),
  });
}

void AddFrame(Window& window) {
  const int frame = *rc::gen::inRange(0, 8);
  if (frame < 3) {
    window.frame = Window::Frame::kRange;
    window.length_us = *rc::gen::element<int64_t>(1, 2, 7, 64, 65, 1000, INT64_MAX);
  } else if (frame == 3) {
    window.frame = Window::Frame::kRows;
    window.rows = *rc::gen::element<int64_t>(0, 1, 2, 5, 70);
  } else if (frame == 4) {
    window.frame = Window::Frame::kRange;
    window.length_us = *rc::gen::element<int64_t>(7, 64, 1000);
    window.gap_us = *rc::gen::element<int64_t>(1, 2, 7);
  } else if (frame == 5) {
    window.gap_us = *rc::gen::element<int64_t>(1, 3, 60);
  } else if (frame == 6) {
    window.gap_rows = *rc::gen::element<int64_t>(1, 2, 9);
    if (*rc::gen::arbitrary<bool>()) {
      window.frame = Window::Frame::kRows;
      window.rows = window.gap_rows + *rc::gen::inRange<int64_t>(0, 4);
    }
  }
}

rc::Gen<Window> AnyWindow() {
  return Widely([] {
    Window window = AnyFunction();
    window.distinct = window.function == "string_agg" ||
                      (window.function == "count" && *rc::gen::arbitrary<bool>());
    const bool aggregate =
        window.function != "first" && window.function != "last" && window.function != "lag";
    if (aggregate && *rc::gen::weightedElement<bool>({{3, false}, {1, true}})) {
      window.filter = ColumnOf(kNight);
    }
    for (int key : *rc::gen::elementOf(
             std::vector<std::vector<int>>{{}, {kPayer}, {kPayer}, {kN}, {kPayer, kRate}})) {
      window.partitions.push_back(ColumnOf(key));
    }
    AddFrame(window);
    window.offset = *rc::gen::inRange(0, 4);
    if (window.function == "lag" && window.args[0].type.id == TypeId::kInteger &&
        *rc::gen::arbitrary<bool>()) {
      window.fallback = ConstantOf(kInteger, Datum::Int(-7));
    }
    return window;
  });
}

constexpr std::string_view kNames[] = {"",   "a",    "b",
                                       "bb", "中文", "a name that is no short one at all"};

// Of half the columns NULL now and then, and few values, so that they repeat.
std::vector<Datum> AnyColumns() {
  const auto text = [] {
    const int i = *rc::gen::inRange(0, 8);
    return i < 6 ? Datum::Text(kNames[i]) : (i == 6 ? Datum::Text("a") : Datum::Null());
  };
  std::vector<Datum> columns(kColumns);
  columns[kPayer] = text();
  columns[kPayee] = text();
  columns[kN] = *rc::gen::weightedOneOf<Datum>(
      {{6, rc::gen::map(rc::gen::inRange(0, 3), [](int n) { return Datum::Int(n); })},
       {1, rc::gen::just(Datum::Int(INT32_MAX))},
       {1, rc::gen::just(Datum::Int(INT32_MIN))},
       {1, rc::gen::just(Datum::Null())}});
  columns[kSum] = *rc::gen::weightedOneOf<Datum>(
      {{6, rc::gen::map(rc::gen::inRange<int64_t>(-500, 500),
                        [](int64_t n) { return Datum::Int(n); })},
       {1, rc::gen::just(Datum::Int(int128{999'999'999'999'999'999}))},
       {1, rc::gen::just(Datum::Null())}});
  columns[kRate] = *rc::gen::element(Datum::Double(0.0), Datum::Double(-0.0), Datum::Double(0.1),
                                     Datum::Double(-2.5), Datum::Double(1e15), Datum::Null());
  columns[kNight] = *rc::gen::element(Datum::Bool(true), Datum::Bool(false), Datum::Null());
  const int128 wide = (int128{1} << 110) + 1;
  columns[kBig] =
      *rc::gen::element(Datum::Int(wide), Datum::Int(-wide), Datum::Int(0), Datum::Null());
  columns[kSpan] = *rc::gen::element(Datum::Of({.months = 1}), Datum::Of({.days = 30}),
                                     Datum::Of({.micros = -1}), Datum::Null());
  return columns;
}

// Times that never go back beyond `lateness`; ties are frequent, jumps leave frames empty.
std::vector<Event> AnyEvents(int64_t lateness, int64_t start) {
  const int count = *rc::gen::inRange(1, 80);
  std::vector<Event> events;
  int64_t newest = start;
  uint64_t arrival = *rc::gen::inRange<uint64_t>(0, 3);
  for (int i = 0; i < count; ++i) {
    Event event;
    event.columns = *Widely(AnyColumns);
    const auto move = *rc::gen::weightedElement<int>({{4, 0}, {6, 1}, {1, 2}, {5, 3}});
    int64_t ts = newest;
    if (move == 1) {
      ts += *rc::gen::inRange<int64_t>(1, 4);
    } else if (move == 2) {
      ts += *rc::gen::inRange<int64_t>(50, 3000);
    } else if (move == 3 && i > 0) {
      const auto late = *rc::gen::inRange<int64_t>(0, lateness + 1);
      ts -= late;
    }
    event.ts = ts;
    newest = std::max(newest, ts);
    event.arrival = arrival;
    arrival += *rc::gen::inRange<uint64_t>(1, 3);
    events.push_back(std::move(event));
  }
  return events;
}

Level AnyLevel() {
  Level level;
  level.input = Input();
  const auto count = *rc::gen::inRange<size_t>(1, 12);
  level.windows = *rc::gen::container<std::vector<Window>>(count, AnyWindow());
  return level;
}

std::string Show(const Window& window, const Datum& value) {
  return table::ToText(value, window.type) + " of " + ToSql(window, Input(), -1);
}

// To the bit, but for the last steps of a variance: a division and a root.
bool Agrees(const Window& window, const Datum& value, const Datum& wanted) {
  const bool rounds = window.function.starts_with("var") || window.function.starts_with("std") ||
                      window.function == "corr" || window.function == "avg";
  if (rounds && value.kind == Datum::Kind::kDouble && wanted.kind == Datum::Kind::kDouble &&
      !std::isnan(wanted.d)) {
    return std::fabs(value.d - wanted.d) <= 1e-15 * std::fabs(wanted.d);
  }
  return table::Identical(value, wanted);
}

Bytes Saved(const WindowState& state) {
  Bytes bytes;
  state.Save(bytes);
  return bytes;
}

// Each window of each event against the oracle.
void Compare(const Level& level, int64_t lateness, const std::vector<Event>& events) {
  auto state = WindowState::Compile(level, lateness);
  RC_ASSERT(state.has_value());
  Scratch scratch;
  for (const Event& event : events) {
    scratch.Reset();
    auto values = state->Push(event.columns, event.ts, event.arrival, scratch);
    RC_ASSERT(values.has_value());
    RC_ASSERT(values->size() == level.windows.size());
    for (size_t w = 0; w < level.windows.size(); ++w) {
      const Datum wanted = Oracle(level.windows[w], events, event);
      if (!Agrees(level.windows[w], (*values)[w], wanted)) {
        RC_FAIL("at arrival " + std::to_string(event.arrival) + ": " +
                Show(level.windows[w], (*values)[w]) + ", but by brute force " +
                Show(level.windows[w], wanted));
      }
    }
  }
}

RC_GTEST_PROP(WindowStateProperty, GivesWhatABruteForceGives, ()) {
  for (int stream = 0; stream < 20; ++stream) {
    const Level level = AnyLevel();
    const int64_t lateness = *rc::gen::element<int64_t>(0, 1, 5, 100);
    const int64_t start =
        *rc::gen::element<int64_t>(0, 1'700'000'000'000'000, kLeastTs + 100, INT64_MAX - 300'000);
    Compare(level, lateness, AnyEvents(lateness, start));
  }
}

// Months, whose frames may begin a little earlier for a later row: over the ends of months.
RC_GTEST_PROP(WindowStateProperty, GivesWhatABruteForceGivesOverMonths, ()) {
  constexpr int64_t kHourUs = 3'600'000'000;
  constexpr int64_t kEndOfJanuary = 1'706'400'000'000'000;  // 2024-01-28
  Level level = AnyLevel();
  for (Window& window : level.windows) {
    if (window.gap_rows == 0) {
      window.frame = Window::Frame::kRange;
      window.length_months = *rc::gen::element(1, 1, 2, 3, 12, 13);
      window.length_us = *rc::gen::element<int64_t>(0, 0, kHourUs);
      window.gap_us *= *rc::gen::element<int64_t>(0, 1, kHourUs);
    }
    if (*rc::gen::arbitrary<bool>()) {
      window.partitions.clear();  // many rows of one key
    }
  }
  const int64_t lateness = *rc::gen::element<int64_t>(0, 1, 100 * kHourUs);
  std::vector<Event> events;
  int64_t newest = kEndOfJanuary;
  const int count = *Widely([] { return *rc::gen::inRange(60, 240); });
  for (int i = 0; i < count; ++i) {
    // Some hours about the end of a month, then on to the next.
    newest += *rc::gen::weightedElement<int64_t>(
        {{2, 0}, {3, kHourUs}, {3, 5 * kHourUs}, {3, 17 * kHourUs}, {1, 27 * 24 * kHourUs}});
    Event event;
    event.columns = *Widely(AnyColumns);
    event.ts = std::max(newest - *rc::gen::element<int64_t>(0, 0, 9 * kHourUs, 70 * kHourUs),
                        newest - lateness);
    event.arrival = static_cast<uint64_t>(i);
    events.push_back(std::move(event));
  }
  Compare(level, lateness, events);
}

RC_GTEST_PROP(WindowStateProperty, GoesOnTheSameAfterSaveAndRestore, ()) {
  const Level level = AnyLevel();
  const int64_t lateness = *rc::gen::element<int64_t>(0, 3, 100);
  const auto events = AnyEvents(lateness, 0);
  auto plain = WindowState::Compile(level, lateness);  // never saved
  auto saved = WindowState::Compile(level, lateness);  // saved now and then
  auto moved = WindowState::Compile(level, lateness);  // goes on in another object
  Scratch scratch;
  for (const Event& event : events) {
    auto wanted = plain->Push(event.columns, event.ts, event.arrival, scratch);
    for (auto* state : {&saved, &moved}) {
      auto values = (*state)->Push(event.columns, event.ts, event.arrival, scratch);
      RC_ASSERT(values.has_value());
      RC_ASSERT(std::equal(values->begin(), values->end(), wanted->begin(), wanted->end(),
                           table::Identical));
    }
    if (*rc::gen::inRange(0, 4) == 0) {
      const Bytes bytes = Saved(*saved);
      auto other = WindowState::Compile(level, lateness);
      RC_ASSERT(other->Restore(bytes).has_value());
      RC_ASSERT(Saved(*other) == bytes);
      RC_ASSERT(Saved(*moved) == bytes);
      moved = std::move(other);
    }
  }
  RC_ASSERT(Saved(*plain) == Saved(*moved));
}

RC_GTEST_PROP(WindowStateProperty, RefusesAShortenedOrFlippedState, ()) {
  const Level level = AnyLevel();
  auto state = WindowState::Compile(level, 5);
  Scratch scratch;
  for (const Event& event : AnyEvents(5, 0)) {
    RC_ASSERT(state->Push(event.columns, event.ts, event.arrival, scratch).has_value());
  }
  const Bytes bytes = Saved(*state);
  auto other = WindowState::Compile(level, 5);
  const size_t cut = *rc::gen::inRange<size_t>(0, bytes.size());
  const auto shortened = other->Restore(ByteView(bytes).first(cut));
  RC_ASSERT(!shortened.has_value());
  RC_ASSERT(shortened.error().code() == ErrorCode::kParse);
  RC_ASSERT(other->keys() == 0u);
  // A flipped bit is refused, or is another state that was written as Save writes it.
  Bytes flipped = bytes;
  flipped[cut] ^= static_cast<uint8_t>(1U << *rc::gen::inRange(0, 8));
  if (other->Restore(flipped)) {
    RC_ASSERT(Saved(*other) == flipped);
  }
}

}  // namespace
}  // namespace fuqi::sql
