// Any rows, and a stored state of theirs that was tampered with. The state as Save wrote it gives
// the same state again; a changed one is refused, or is one that Save would have written, and then
// usable.

#include <algorithm>
#include <string>

#include "base/check.h"
#include "sql/window_state.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::TypeId;

constexpr int64_t kLatenessUs = 4;
constexpr size_t kRowsMax = 200;

constexpr int kKey = 0;
constexpr int kNumber = 1;
constexpr int kRate = 2;
constexpr int kFlag = 3;

Expr Column(const table::Schema& schema, int i) {
  Expr expr;
  expr.kind = Expr::Kind::kColumn;
  expr.column = i;
  expr.type = schema[static_cast<size_t>(i)].type;
  return expr;
}

Expr Constant(table::Type type, const Datum& value) {
  Expr expr;
  expr.type = type;
  expr.constant = table::Row(1);
  expr.constant.Set(0, value);
  return expr;
}

Window Over(const table::Schema& schema, const char* function, const std::vector<int>& args,
            int key = -1) {
  Window window;
  window.function = function;
  for (int arg : args) {
    window.args.push_back(Column(schema, arg));
  }
  window.type = args.empty() ? table::Type{TypeId::kBigInt} : window.args[0].type;
  if (key >= 0) {
    window.partitions.push_back(Column(schema, key));
  }
  return window;
}

Window Lately(Window window, int64_t length_us, int64_t gap_us = 0) {
  window.frame = Window::Frame::kRange;
  window.length_us = length_us;
  window.gap_us = gap_us;
  return window;
}

Window Rows(Window window, int64_t rows, int64_t gap_rows = 0) {
  window.frame = Window::Frame::kRows;
  window.rows = rows;
  window.gap_rows = gap_rows;
  return window;
}

Window OfType(Window window, TypeId type) {
  window.type = {type};
  return window;
}

Window Distinct(Window window) {
  window.distinct = true;
  return window;
}

Window With(Window window, Expr parameter) {
  window.parameter = std::move(parameter);
  return window;
}

Level MakeLevel() {
  Level level;
  level.input = {{"key", {TypeId::kVarchar}},
                 {"n", {TypeId::kBigInt}},
                 {"rate", {TypeId::kDouble}},
                 {"flag", {TypeId::kBoolean}}};
  const auto over = [&](const char* function, const std::vector<int>& args, int key = -1) {
    return Over(level.input, function, args, key);
  };
  Window filtered = over("sum", {kRate}, kNumber);
  filtered.filter = Column(level.input, kFlag);
  level.windows = {
      Lately(over("sum", {kNumber}, kKey), 10),
      Lately(over("max", {kKey}, kKey), 5),
      Lately(Distinct(OfType(over("count", {kKey}, kKey), TypeId::kBigInt)), 10),
      std::move(filtered),
      over("min", {kKey}, kNumber),
      Distinct(OfType(over("count", {kKey}, kNumber), TypeId::kBigInt)),
      over("lag", {kKey}, kNumber),
      over("first", {kNumber}),
      Lately(OfType(over("avg", {kNumber}, kRate), TypeId::kDouble), 3),
      Lately(OfType(over("stddev_samp", {kRate}, kKey), TypeId::kDouble), 7),
      OfType(over("corr", {kRate, kRate}, kKey), TypeId::kDouble),
      Rows(over("arg_max", {kKey, kNumber}, kKey), 3),
      Rows(over("sum", {kNumber}, kKey), 2, 1),
      Lately(over("bool_or", {kFlag}, kKey), 6, 2),
      Lately(With(over("quantile_disc", {kNumber}, kKey),
                  Constant({TypeId::kDouble}, Datum::Double(0.5))),
             9),
      Lately(With(Distinct(over("string_agg", {kKey}, kNumber)),
                  Constant({TypeId::kVarchar}, Datum::Text(";"))),
             8),
  };
  return level;
}

WindowState Empty() {
  static const Level kLevel = MakeLevel();
  auto state = WindowState::Compile(kLevel, kLatenessUs);
  FUQI_CHECK(state.has_value());
  return *std::move(state);
}

// Where the rows so far stand in time and in the order of arrival.
struct Clock {
  int64_t newest_us = 0;
  uint64_t arrival = 0;
};

void PushRow(WindowState& state, Clock& clock, int64_t ts_us, std::span<const Datum> row) {
  Scratch scratch;
  clock.newest_us = std::max(clock.newest_us, ts_us);
  (void)state.Push(row, ts_us, clock.arrival++, scratch).has_value();
}

Bytes Saved(const WindowState& state) {
  Bytes bytes;
  state.Save(bytes);
  return bytes;
}

// Five bytes a row.
void PushRows(WindowState& state, Clock& clock, ByteReader& in) {
  constexpr size_t kRowBytes = 5;
  const size_t rows = std::min<size_t>(in.Fixed<uint8_t>(), kRowsMax);
  for (size_t i = 0; i < rows && in.remaining() >= kRowBytes; ++i) {
    const auto key = in.Fixed<uint8_t>();
    const auto step = in.Fixed<int8_t>();
    const auto number = in.Fixed<int8_t>();
    const auto rate = in.Fixed<int8_t>();
    const auto flags = in.Fixed<uint8_t>();
    const std::string text(1 + key / 32, static_cast<char>('a' + key % 4));
    const Datum row[] = {(flags & 1) != 0 ? Datum::Null() : Datum::Text(text),
                         (flags & 2) != 0 ? Datum::Null() : Datum::Int(number),
                         (flags & 4) != 0 ? Datum::Null() : Datum::Double(rate * 0.25),
                         (flags & 8) != 0 ? Datum::Null() : Datum::Bool((flags & 16) != 0)};
    const int64_t late = std::max<int64_t>(step, -kLatenessUs);
    PushRow(state, clock, clock.newest_us + late, row);
  }
}

void TryRows(ByteView bytes) {
  ByteReader in(bytes);
  WindowState state = Empty();
  Clock clock;
  PushRows(state, clock, in);

  Bytes saved = Saved(state);
  WindowState restored = Empty();
  FUQI_CHECK(restored.Restore(saved).has_value());
  FUQI_CHECK(Saved(restored) == saved);

  constexpr size_t kEditBytes = 3;
  while (in.remaining() >= kEditBytes) {
    const auto place = in.Fixed<uint16_t>();
    saved[place % saved.size()] ^= in.Fixed<uint8_t>();
  }
  saved.insert(saved.end(), bytes.end() - static_cast<ptrdiff_t>(in.remaining()), bytes.end());
  if (!restored.Restore(saved)) {
    FUQI_CHECK(restored.keys() == 0);
    return;
  }
  FUQI_CHECK(Saved(restored) == saved);

  // Two more rows, if time and arrival leave room: one at the newest time, one late.
  constexpr size_t kBeforeNewest = 6;
  ByteReader head(ByteView(saved).subspan(kBeforeNewest));
  clock.newest_us = head.Fixed<int64_t>();
  clock.arrival = head.Fixed<uint64_t>();
  if (clock.arrival > UINT64_MAX - 3 || clock.newest_us < INT64_MIN + kLatenessUs) {
    return;
  }
  ++clock.arrival;
  const Datum row[] = {Datum::Text("k"), Datum::Int(1), Datum::Double(0.5), Datum::Bool(true)};
  PushRow(restored, clock, clock.newest_us, row);
  PushRow(restored, clock, clock.newest_us - kLatenessUs, row);
  FUQI_CHECK(restored.Restore(Saved(restored)).has_value());
}

}  // namespace
}  // namespace fuqi::sql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuqi::sql::TryRows({data, size});
  return 0;
}
