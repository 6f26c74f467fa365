// Decisions per second in process: a pack over seeded payments, without a log, and with one that is
// not synced, in commits of 256 events.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "base/check.h"
#include "base/random.h"
#include "base/time.h"
#include "decide/core.h"
#include "decide/partition.h"
#include "table/binder.h"

namespace fuqi::decide {
namespace {

// Twelve features over six windows of payer, payee and pair, six rules: what a small production
// pack has.
constexpr std::string_view kPack = R"toml([pack]
name = "bench"
purpose = "measuring"
[table.txn]
kind = "event"
key = "id"
time = "ts"
[table.txn.column]
id = { type = "BIGINT", class = "a" }
ts = { type = "TIMESTAMP", class = "a" }
payer = { type = "BIGINT", class = "a", nullable = false }
payee = { type = "BIGINT", class = "a", nullable = false }
amount = { type = "DECIMAL(18,2)", class = "a", nullable = false }
[window]
payer_1d = "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW"
payer_7d = "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW"
payer_30d = "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 30 DAYS PRECEDING AND CURRENT ROW"
payee_1d = "PARTITION BY payee ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW"
payee_7d = "PARTITION BY payee ORDER BY ts RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND CURRENT ROW"
pair = "PARTITION BY payer, payee ORDER BY ts"
[feature]
count_1d = "count(*) OVER payer_1d"
sum_1d = "sum(amount) OVER payer_1d"
count_7d = "count(*) OVER payer_7d"
sum_7d = "sum(amount) OVER payer_7d"
avg_30d = "avg(amount) OVER payer_30d"
max_30d = "max(amount) OVER payer_30d"
payees_7d = "count(DISTINCT payee) OVER payer_7d"
payers_1d = "count(DISTINCT payer) OVER payee_1d"
in_7d = "sum(amount) OVER payee_7d"
small_in_7d = "count(*) FILTER (WHERE amount < 100) OVER payee_7d"
new_pair = "count(*) OVER pair = 1"
to_average = "amount / nullif(avg_30d, 0)"
[[rule]]
id = "fan_in"
when = "payers_1d >= 8"
then = "review"
reason = { zh = "a", en = "a" }
[[rule]]
id = "fan_out"
when = "payees_7d >= 10 AND count_7d >= 12"
then = "review"
reason = { zh = "a", en = "a" }
[[rule]]
id = "burst"
when = "count_1d >= 6 AND sum_1d > 5000"
then = "hold"
reason = { zh = "a", en = "a" }
[[rule]]
id = "unusual"
when = "to_average >= 5 AND new_pair"
then = "step_up"
reason = { zh = "a", en = "a" }
[[rule]]
id = "collector"
when = "small_in_7d >= 10 AND in_7d < 1500"
then = "review"
reason = { zh = "a", en = "a" }
[[rule]]
id = "large"
when = "amount >= 50000 OR amount > 3 * max_30d"
then = "block"
reason = { zh = "a", en = "a" }
)toml";

std::shared_ptr<const CompiledPack> BenchPack() {
  static const std::shared_ptr<const CompiledPack> kCompiled = [] {
    const auto binder = *table::Binder::Open();
    Result<std::shared_ptr<const CompiledPack>> compiled =
        CompiledPack::Compile(*ParsePack({{"pack.toml", std::string(kPack)}}), *binder);
    FUQI_CHECK(compiled.has_value());
    return *compiled;
  }();
  return kCompiled;
}

// 20,000 accounts of which few pay often, one payment every two seconds.
class Payments {
 public:
  Event Next() {
    Event event;
    const auto account = [&] {
      const double u = random_.Unit();
      return static_cast<int64_t>(20'000 * u * u * u);
    };
    event.columns.Append(table::Datum::Int(next_));
    event.columns.Append(table::Datum::Int(1'700'000'000'000'000 + next_ * 2'000'000));
    event.columns.Append(table::Datum::Int(account()));
    event.columns.Append(table::Datum::Int(account()));
    event.columns.Append(table::Datum::Int(random_.Between(100, 200'000)));
    ++next_;
    return event;
  }

 private:
  SeededRandom random_{1};
  int64_t next_ = 0;
};

void DecideInMemory(benchmark::State& state) {
  Core core(BenchPack());
  Payments payments;
  uint64_t seq = 1;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Event> events;
    for (int i = 0; i < 4096; ++i) {
      events.push_back(payments.Next());
    }
    state.ResumeTiming();
    for (const Event& event : events) {
      benchmark::DoNotOptimize(core.Decide(event, seq));
      seq += 2;
    }
  }
  state.SetItemsProcessed(state.iterations() * 4096);
}
BENCHMARK(DecideInMemory)->Unit(benchmark::kMillisecond);

void DecideWithLog(benchmark::State& state) {
  std::string dir = (std::filesystem::temp_directory_path() / "fuqi_bench_XXXXXX").string();
  FUQI_CHECK(mkdtemp(dir.data()) != nullptr);
  {
    PartitionOptions options;
    options.log.sync = false;
    options.snapshot_every = 0;
    auto partition = *Partition::Open(SystemDisk(), SystemClock(), dir, BenchPack(), options);
    Payments payments;
    for (auto _ : state) {
      state.PauseTiming();
      std::vector<Event> events;
      for (int i = 0; i < 4096; ++i) {
        events.push_back(payments.Next());
      }
      state.ResumeTiming();
      for (size_t i = 0; i < events.size(); ++i) {
        FUQI_CHECK(partition->Decide(events[i]).has_value());
        if (i % 256 == 255) {
          FUQI_CHECK(partition->Commit(partition->TakeBatch()).has_value());
        }
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * 4096);
  std::filesystem::remove_all(dir);
}
BENCHMARK(DecideWithLog)->Unit(benchmark::kMillisecond);

// Opening a log of a hundred thousand events without a snapshot: the log is checked, its tree's
// hashes are read, and all events are folded.
void RecoverFromLog(benchmark::State& state) {
  constexpr int kEvents = 100'000;
  std::string dir = (std::filesystem::temp_directory_path() / "fuqi_bench_XXXXXX").string();
  FUQI_CHECK(mkdtemp(dir.data()) != nullptr);
  PartitionOptions options;
  options.log.sync = false;
  options.snapshot_every = 0;
  const auto open = [&] {
    return *Partition::Open(SystemDisk(), SystemClock(), dir, BenchPack(), options);
  };
  {
    auto partition = open();
    Payments payments;
    for (int i = 0; i < kEvents; ++i) {
      FUQI_CHECK(partition->Decide(payments.Next()).has_value());
      if (i % 256 == 255 || i + 1 == kEvents) {
        FUQI_CHECK(partition->Commit(partition->TakeBatch()).has_value());
      }
    }
  }
  for (auto _ : state) {
    const auto partition = open();
    FUQI_CHECK(partition->recovery().folded_events == kEvents);
  }
  state.SetItemsProcessed(state.iterations() * kEvents);
  std::filesystem::remove_all(dir);
}
BENCHMARK(RecoverFromLog)->Unit(benchmark::kMillisecond);

// Copying the state of a hundred thousand events for a snapshot.
void CaptureState(benchmark::State& state) {
  Core core(BenchPack());
  Payments payments;
  for (int i = 0; i < 100'000; ++i) {
    core.Decide(payments.Next(), 1 + 2 * static_cast<uint64_t>(i));
  }
  Bytes bytes;
  for (auto _ : state) {
    bytes.clear();
    core.Save(bytes);
  }
  state.counters["state_bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(CaptureState)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fuqi::decide
