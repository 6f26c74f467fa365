// Any bytes as stored half-space trees: refused, or taken as Save would have written them, and then
// usable.

#include <algorithm>
#include <array>

#include "base/check.h"
#include "decide/half_space_trees.h"

namespace fuqi::decide {
namespace {

void TryState(ByteView bytes) {
  const HalfSpaceShape shape{.inputs = {{0, 1}, {-5, 5}}, .trees = 2, .depth = 3, .window = 7};
  HalfSpaceTrees trees(shape);
  Bytes saved;
  if (!trees.Restore(bytes)) {
    trees.Save(saved);
    Bytes empty;
    HalfSpaceTrees(shape).Save(empty);
    FUQI_CHECK(saved == empty);
    return;
  }
  trees.Save(saved);
  FUQI_CHECK(std::ranges::equal(saved, bytes));
  // On into the next window but one.
  for (int i = 0; i < 15; ++i) {
    const std::array<std::optional<double>, 2> point = {
        i / 10.0, i % 3 == 0 ? std::nullopt : std::optional<double>(i)};
    const std::optional<HalfSpaceScore> score = trees.Push(point);
    FUQI_CHECK(!score || (score->value > 0 && score->value <= 1));
  }
  Bytes again;
  trees.Save(again);
  FUQI_CHECK(trees.Restore(again).has_value());
}

}  // namespace
}  // namespace fuqi::decide

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuqi::decide::TryState({data, size});
  return 0;
}
