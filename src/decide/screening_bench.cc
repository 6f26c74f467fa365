// Queries per second against lists of 10^4 and 10^6 names, scored and explained: half of them names
// of the list with a slip, half other names. Words and characters come as often as in life: few of
// them often, most of them seldom.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "decide/screening.h"
#include "decide/screening_names_for_test.h"
#include "decide/screening_tables_internal.h"

namespace fuqi::decide {
namespace {

constexpr uint64_t kWords = 400'000;

// One of `count`, the first ones far more often.
uint64_t Often(SeededRandom& random, uint64_t count) {
  const double u = random.Unit();
  return static_cast<uint64_t>(u * u * u * static_cast<double>(count));
}

std::string Word(SeededRandom& random) {
  SeededRandom word(Often(random, kWords));
  return MadeWord(word);
}

// Characters with a reading, in an order that says nothing of them.
const std::vector<const internal::HanRow*>& Characters() {
  static const std::vector<const internal::HanRow*> kRows = [] {
    std::vector<const internal::HanRow*> rows;
    for (const internal::HanRow& row : internal::Tables().han) {
      const bool has_pinyin =
          row.count > 0 && internal::ReadingsOf(row)[0] < internal::Tables().pinyin_count;
      if (row.code >= 0x4e00 && row.code < 0x9fa5 && row.code == row.folded && has_pinyin) {
        rows.push_back(&row);
      }
    }
    SeededRandom random(1);
    for (size_t i = rows.size(); i > 1; --i) {
      std::swap(rows[i - 1], rows[random.Below(i)]);
    }
    return rows;
  }();
  return kRows;
}

std::string Han(char32_t code) {
  return {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3f)),
          static_cast<char>(0x80 | (code & 0x3f))};
}

std::string Person(SeededRandom& random) {
  const uint64_t surname = Often(random, 400);
  const bool is_han = random.Chance(0.5);
  const int given = random.Chance(0.2) ? 1 : 2;
  std::string out;
  for (int i = 0; i <= given; ++i) {
    const internal::HanRow& row = *Characters()[i == 0 ? surname : 400 + Often(random, 3000)];
    const std::string_view pinyin = internal::Tables().syllables[internal::ReadingsOf(row)[0]];
    out += is_han ? Han(row.code) : std::string(pinyin);
    out += i == 0 && !is_han ? " " : "";
  }
  return out;
}

std::string Name(SeededRandom& random) {
  const uint64_t kind = random.Below(10);
  if (kind < 4) {
    return Person(random);
  }
  std::string out = Word(random) + " " + Word(random);
  if (kind < 7) {
    out += " " + std::string(PickFrom(random, kMadeTrades));
    return out + " " + std::string(PickFrom(random, kMadeForms));
  }
  return random.Chance(0.3) ? out + " " + Word(random) : out;
}

struct Filled {
  explicit Filled(uint64_t names) {
    SeededRandom random(7);
    for (uint64_t i = 0; i < names; ++i) {
      const std::string name = Name(random);
      index.Add(std::to_string(i), name);
      queries.push_back(i % 2 == 0 ? Slipped(name, random) : Name(random));
    }
  }

  ScreeningIndex index;
  std::vector<std::string> queries;
};

void ScreeningQueries(benchmark::State& bench) {
  static std::unique_ptr<Filled> filled;
  const auto names = static_cast<uint64_t>(bench.range(0));
  if (filled == nullptr || filled->queries.size() != names) {
    filled.reset();
    filled = std::make_unique<Filled>(names);
  }
  SeededRandom random(8);
  uint64_t hits = 0;
  uint64_t steps = 0;
  uint64_t truncated = 0;
  for (auto _ : bench) {
    const ScreeningResult result = filled->index.Search(filled->queries[random.Below(names)], {});
    hits += result.hits.size();
    steps += result.steps;
    truncated += result.truncated ? 1 : 0;
  }
  const auto queries = static_cast<double>(bench.iterations());
  bench.SetItemsProcessed(bench.iterations());
  bench.counters["hits"] = static_cast<double>(hits) / queries;
  bench.counters["steps"] = static_cast<double>(steps) / queries;
  bench.counters["truncated"] = static_cast<double>(truncated) / queries;
}
BENCHMARK(ScreeningQueries)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

// An entry taken away and put again, where events are screened between changes.
void ScreeningChanges(benchmark::State& bench) {
  static std::unique_ptr<Filled> filled;
  const auto names = static_cast<uint64_t>(bench.range(0));
  if (filled == nullptr || filled->queries.size() != names) {
    filled.reset();
    filled = std::make_unique<Filled>(names);
  }
  SeededRandom random(10);
  for (auto _ : bench) {
    const uint64_t at = random.Below(names);
    filled->index.Remove(std::to_string(at));
    filled->index.Add(std::to_string(at), filled->queries[at]);
  }
  bench.SetItemsProcessed(bench.iterations());
}
BENCHMARK(ScreeningChanges)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

void ScreeningPairs(benchmark::State& bench) {
  SeededRandom random(9);
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.push_back(Name(random));
  }
  size_t i = 0;
  for (auto _ : bench) {
    benchmark::DoNotOptimize(CompareNames(names[i % 1000], names[(i * 7 + 1) % 1000]));
    ++i;
  }
  bench.SetItemsProcessed(bench.iterations());
}
BENCHMARK(ScreeningPairs);

}  // namespace
}  // namespace fuqi::decide
