// Ten windows over three keys and 100,000 entities, and programs of a rule's size.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/check.h"
#include "base/random.h"
#include "sql/window_state.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::Type;
using table::TypeId;

constexpr int64_t kDayUs = 86'400'000'000;
constexpr uint64_t kEntities = 100'000;
constexpr size_t kEvents = 1'000'000;

const table::Schema& Input() {
  static const table::Schema kSchema = {{"payer", {TypeId::kVarchar}},
                                        {"payee", {TypeId::kVarchar}},
                                        {"device", {TypeId::kBigInt}},
                                        {"amount", table::Decimal(18, 2)},
                                        {"night", {TypeId::kBoolean}}};
  return kSchema;
}

Expr Column(int column) {
  Expr expr;
  expr.kind = Expr::Kind::kColumn;
  expr.column = column;
  expr.type = Input()[static_cast<size_t>(column)].type;
  return expr;
}

Window Over(const char* function, int arg, int key, int64_t days, bool distinct = false) {
  Window window;
  window.function = function;
  if (arg >= 0) {
    window.args.push_back(Column(arg));
  }
  window.partitions.push_back(Column(key));
  window.frame = Window::Frame::kRange;
  window.length_us = days * kDayUs;
  window.distinct = distinct;
  return window;
}

Level TenWindows() {
  Level level;
  level.input = Input();
  level.windows = {Over("count_star", -1, 0, 1), Over("sum", 3, 0, 1),
                   Over("sum", 3, 0, 7),         Over("max", 3, 0, 7),
                   Over("count", 1, 0, 1, true), Over("count_star", -1, 1, 1),
                   Over("sum", 3, 1, 7),         Over("count", 0, 1, 1, true),
                   Over("count_star", -1, 2, 1), Over("avg", 3, 2, 7)};
  return level;
}

// Few entities have most events, as with people: Zipf's law by a power of a uniform number.
uint64_t Skewed(SeededRandom& random) {
  const double u = random.Unit();
  return static_cast<uint64_t>(u * u * u * static_cast<double>(kEntities));
}

void PushTenWindowsOverThreeKeys(benchmark::State& bench) {
  auto state = WindowState::Compile(TenWindows(), 600'000'000);
  FUQI_CHECK(state.has_value());
  std::vector<std::string> names;
  for (uint64_t i = 0; i < kEntities; ++i) {
    names.push_back(fmt::format("C{:08}", i));
  }
  SeededRandom random(1);
  Scratch scratch;
  int64_t ts = 0;
  uint64_t arrival = 1;
  const auto push = [&] {
    scratch.Reset();
    ts += 30 * kDayUs / static_cast<int64_t>(kEvents);
    const Datum row[] = {Datum::Text(names[Skewed(random)]), Datum::Text(names[Skewed(random)]),
                         Datum::Int(Skewed(random)), Datum::Int(random.Between(1, 1'000'000)),
                         Datum::Bool(random.Chance(0.3))};
    benchmark::DoNotOptimize(state->Push(row, ts, arrival++, scratch));
  };
  // The state of a month; a short run measures a short history.
  const size_t history = bench.max_iterations < 1000 ? 1000 : kEvents;
  for (size_t i = 0; i < history; ++i) {
    push();
  }
  const uint64_t steps = state->steps();
  for (auto _ : bench) {
    push();
  }
  bench.counters["steps"] =
      static_cast<double>(state->steps() - steps) / static_cast<double>(bench.iterations());
  bench.counters["keys"] = static_cast<double>(state->keys());
  bench.counters["MB"] = static_cast<double>(state->state_bytes()) / 1e6;
}
BENCHMARK(PushTenWindowsOverThreeKeys);

Expr Node(Expr::Kind kind, Type type, std::vector<Expr> children, const char* name = "") {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.children = std::move(children);
  expr.name = name;
  return expr;
}
Expr Constant(Type type, const Datum& value) {
  Expr expr;
  expr.type = type;
  expr.constant.Append(value);
  return expr;
}

void RunRule(benchmark::State& bench) {
  // amount >= 9000 AND amount < 10000 AND night AND payer <> payee
  constexpr Type kBoolean{TypeId::kBoolean};
  const Type amount = Input()[3].type;
  const auto compare = [&](Expr a, const char* name, Expr b) {
    return Node(Expr::Kind::kCompare, kBoolean, {std::move(a), std::move(b)}, name);
  };
  auto program =
      Program::Compile(Node(Expr::Kind::kAnd, kBoolean,
                            {compare(Column(3), ">=", Constant(amount, Datum::Int(900'000))),
                             compare(Column(3), "<", Constant(amount, Datum::Int(1'000'000))),
                             Column(4), compare(Column(0), "<>", Column(1))}));
  FUQI_CHECK(program.has_value());
  const Datum row[] = {Datum::Text("C00000001"), Datum::Text("C00000002"), Datum::Int(7),
                       Datum::Int(950'000), Datum::Bool(true)};
  Scratch scratch;
  for (auto _ : bench) {
    scratch.Reset();
    benchmark::DoNotOptimize(program->Run(row, {}, scratch));
  }
  bench.counters["steps"] = program->steps_max();
}
BENCHMARK(RunRule);

void RunArithmetic(benchmark::State& bench) {
  // CAST((amount * 3 + amount) AS DOUBLE)
  const Type wide = table::Decimal(38, 2);
  auto program = Program::Compile(
      Node(Expr::Kind::kCast, {TypeId::kDouble},
           {Node(Expr::Kind::kCall, wide,
                 {Node(Expr::Kind::kCall, wide,
                       {Column(3), Constant({TypeId::kInteger}, Datum::Int(3))}, "*"),
                  Column(3)},
                 "+")}));
  FUQI_CHECK(program.has_value());
  const Datum row[] = {Datum::Null(), Datum::Null(), Datum::Int(7), Datum::Int(950'000),
                       Datum::Bool(true)};
  Scratch scratch;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(program->Run(row, {}, scratch));
  }
  bench.counters["steps"] = program->steps_max();
}
BENCHMARK(RunArithmetic);

}  // namespace
}  // namespace fuqi::sql
