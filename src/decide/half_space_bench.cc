// Points scored and learned per second, by trees and depth: of eight inputs, most of them usual.

#include <benchmark/benchmark.h>

#include "base/random.h"
#include "decide/half_space_trees.h"

namespace fuqi::decide {
namespace {

constexpr size_t kInputs = 8;
constexpr size_t kPoints = 4'096;

void HalfSpacePush(benchmark::State& state) {
  SeededRandom random(7);
  HalfSpaceTrees trees({.inputs = std::vector<HalfSpaceShape::Range>(kInputs),
                        .trees = static_cast<int>(state.range(0)),
                        .depth = static_cast<int>(state.range(1)),
                        .window = 1'000,
                        .seed = 1});
  std::vector<std::optional<double>> values(kPoints * kInputs);
  for (std::optional<double>& value : values) {
    value = 0.5 + 0.1 * random.Normal();
  }
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(trees.Push(std::span(values).subspan(next * kInputs, kInputs)));
    next = (next + 1) % kPoints;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(HalfSpacePush)->Args({10, 8})->Args({25, 10})->Args({25, 15})->Args({100, 15});

}  // namespace
}  // namespace fuqi::decide
