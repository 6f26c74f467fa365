// Any bytes as a stored state: refused, or taken as Save would have written it, and then usable.

#include "base/check.h"
#include "sql/window_state.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::Type;
using table::TypeId;

Level MakeLevel() {
  Level level;
  level.input = {{"key", {TypeId::kVarchar}},
                 {"n", {TypeId::kBigInt}},
                 {"rate", {TypeId::kDouble}},
                 {"flag", {TypeId::kBoolean}}};
  const auto column = [&](int i) {
    Expr expr;
    expr.kind = Expr::Kind::kColumn;
    expr.column = i;
    expr.type = level.input[static_cast<size_t>(i)].type;
    return expr;
  };
  const auto add = [&](const char* function, int arg, int64_t length_us, int key,
                       bool distinct = false) {
    Window window;
    window.function = function;
    if (arg >= 0) {
      window.args.push_back(column(arg));
      window.type = window.args[0].type;
    }
    if (key >= 0) {
      window.partitions.push_back(column(key));
    }
    window.frame = length_us > 0 ? Window::Frame::kRange : Window::Frame::kUnbounded;
    window.length_us = length_us;
    window.distinct = distinct;
    if (arg == 2) {
      window.filter = column(3);
    }
    level.windows.push_back(std::move(window));
  };
  add("sum", 1, 10, 0);
  add("max", 0, 5, 0);
  add("count", 0, 10, 0, true);
  add("sum", 2, 0, 1);
  add("min", 0, 0, 1);
  add("count", 0, 0, 1, true);
  add("lag", 0, 0, 1);
  add("first", 1, 0, -1);
  add("avg", 1, 3, 2);
  return level;
}

void TryState(ByteView bytes) {
  static const Level kLevel = MakeLevel();
  auto state = WindowState::Compile(kLevel, 4);
  FUQI_CHECK(state.has_value());
  if (!state->Restore(bytes)) {
    FUQI_CHECK(state->keys() == 0);
    return;
  }
  Bytes saved;
  state->Save(saved);
  FUQI_CHECK(std::equal(saved.begin(), saved.end(), bytes.begin(), bytes.end()));
  if (bytes.size() < 22) {
    return;
  }
  // Two more rows, if time and arrival leave room: one at the newest time, one late.
  ByteReader in(bytes.subspan(6));
  const auto ts = in.Fixed<int64_t>();
  const auto arrival = in.Fixed<uint64_t>();
  if (arrival > UINT64_MAX - 2 || ts < INT64_MIN + 4) {
    return;
  }
  Scratch scratch;
  const Datum row[] = {Datum::Text("k"), Datum::Int(1), Datum::Double(0.5), Datum::Bool(true)};
  (void)state->Push(row, ts, arrival + 1, scratch).has_value();
  (void)state->Push(row, ts - 4, arrival + 2, scratch).has_value();
  Bytes again;
  state->Save(again);
  FUQI_CHECK(state->Restore(again).has_value());
}

}  // namespace
}  // namespace fuqi::sql

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuqi::sql::TryState({data, size});
  return 0;
}
