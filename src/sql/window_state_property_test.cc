// WindowState against a brute force over all rows that ever came.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
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
  if (window.frame == Window::Frame::kRange) {
    std::erase_if(rows, [&](const Event* row) {
      return static_cast<int128>(row->ts) < static_cast<int128>(now.ts) - window.length_us;
    });
  }
  if (window.function == "first" || window.function == "last") {
    return arg(window.function == "first" ? *rows.front() : *rows.back());
  }
  std::erase_if(rows, [&](const Event* row) {
    return (window.filter && !row->columns[window.filter->column].is_true()) ||
           (!window.args.empty() && arg(*row).is_null());
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
  if (window.function == "min" || window.function == "max") {
    Datum best = arg(*rows[0]);
    for (const Event* row : rows) {
      if (window.function == "min" ? Less(arg(*row), best) : Less(best, arg(*row))) {
        best = arg(*row);
      }
    }
    return best;
  }
  const bool average = window.function == "avg";
  if (window.args[0].type.id == TypeId::kDouble) {
    double sum = 0;
    for (const Event* row : rows) {
      sum += arg(*row).d;
    }
    return Datum::Double(average ? sum / static_cast<double>(rows.size()) : sum);
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

// ---- Generators.

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

rc::Gen<Window> AnyWindow() {
  return rc::gen::exec([] {
    const int any = *rc::gen::inRange(0, static_cast<int>(kColumns));
    const int number = *rc::gen::element<int>(kN, kSum, kRate, kBig);
    const Type number_type = Input()[number].type;
    Window window = *rc::gen::elementOf(std::vector<Window>{
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
    });
    window.distinct = window.function == "count" && *rc::gen::arbitrary<bool>();
    const bool aggregate =
        window.function != "first" && window.function != "last" && window.function != "lag";
    if (aggregate && *rc::gen::weightedElement<bool>({{3, false}, {1, true}})) {
      window.filter = ColumnOf(kNight);
    }
    for (int key : *rc::gen::elementOf(
             std::vector<std::vector<int>>{{}, {kPayer}, {kPayer}, {kN}, {kPayer, kRate}})) {
      window.partitions.push_back(ColumnOf(key));
    }
    if (*rc::gen::weightedElement<bool>({{1, false}, {2, true}})) {
      window.frame = Window::Frame::kRange;
      window.length_us = *rc::gen::element<int64_t>(1, 2, 7, 64, 65, 1000, INT64_MAX);
    }
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
    event.columns = AnyColumns();
    const auto move = *rc::gen::weightedElement<int>({{4, 0}, {6, 1}, {1, 2}, {5, 3}});
    int64_t ts = newest;
    if (move == 1) {
      ts += *rc::gen::inRange<int64_t>(1, 4);
    } else if (move == 2) {
      ts += *rc::gen::inRange<int64_t>(50, 3000);
    } else if (move == 3 && i > 0) {
      const auto late = *rc::gen::inRange<int64_t>(0, lateness + 1);
      ts = newest < INT64_MIN + late ? INT64_MIN : newest - late;
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
  level.windows =
      *rc::gen::resize(12, rc::gen::nonEmpty(rc::gen::container<std::vector<Window>>(AnyWindow())));
  return level;
}

std::string Show(const Window& window, const Datum& value) {
  return table::ToText(value, window.type) + " of " + window.function +
         (window.args.empty() ? "" : "(" + ToSql(window.args[0], Input()) + ")") +
         (window.frame == Window::Frame::kRange ? " over " + std::to_string(window.length_us)
                                                : " over all");
}

Bytes Saved(const WindowState& state) {
  Bytes bytes;
  state.Save(bytes);
  return bytes;
}

RC_GTEST_PROP(WindowStateProperty, GivesWhatABruteForceGives, ()) {
  const Level level = AnyLevel();
  const int64_t lateness = *rc::gen::element<int64_t>(0, 1, 5, 100);
  const auto events = AnyEvents(
      lateness,
      *rc::gen::element<int64_t>(0, 1'700'000'000'000'000, INT64_MIN, INT64_MAX - 300'000));
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
      if (!table::Identical((*values)[w], wanted)) {
        RC_FAIL("at arrival " + std::to_string(event.arrival) + ": " +
                Show(level.windows[w], (*values)[w]) + ", but by brute force " +
                Show(level.windows[w], wanted));
      }
    }
  }
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
