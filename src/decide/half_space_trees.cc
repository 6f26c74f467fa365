#include "decide/half_space_trees.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace fuqi::decide {
namespace {

constexpr int64_t kUnit = int64_t{1} << 32;  // from low to high of an input
constexpr uint32_t kFirstRange = 1u << 15;   // the draws of a tree's work ranges follow its nodes'

uint64_t Draw(uint64_t seed, int tree, uint32_t number) {
  uint64_t x =
      seed + ((static_cast<uint64_t>(tree) << 16) + number + 1) * uint64_t{0x9e3779b97f4a7c15};
  x = (x ^ (x >> 30)) * uint64_t{0xbf58476d1ce4e5b9};
  x = (x ^ (x >> 27)) * uint64_t{0x94d049bb133111eb};
  return x ^ (x >> 31);
}

// Where the value stands between low and high, held within what any work range reaches.
int64_t PlaceOf(double value, const HalfSpaceShape::Range& range) {
  constexpr double kLeast = -2;
  constexpr double kMost = 3;
  const double place = (value - range.low) / (range.high - range.low);
  const double held = place > kLeast ? std::min(place, kMost) : kLeast;
  return static_cast<int64_t>(std::floor(held * static_cast<double>(kUnit)));
}

}  // namespace

HalfSpaceTrees::HalfSpaceTrees(HalfSpaceShape shape) : shape_(std::move(shape)) {
  FUQI_CHECK(!shape_.inputs.empty() && shape_.inputs.size() <= kHalfSpaceInputsMax);
  FUQI_CHECK(shape_.trees >= 1 && shape_.trees <= kHalfSpaceTreesMax);
  FUQI_CHECK(shape_.depth >= 1 && shape_.depth <= kHalfSpaceDepthMax);
  FUQI_CHECK(shape_.window >= 1 && shape_.window <= kHalfSpaceWindowMax);
  ranges_.reserve(static_cast<size_t>(shape_.trees) * shape_.inputs.size());
  for (int tree = 0; tree < shape_.trees; ++tree) {
    for (uint32_t input = 0; input < shape_.inputs.size(); ++input) {
      const auto centre = static_cast<int64_t>(Draw(shape_.seed, tree, kFirstRange + input) >> 32);
      const int64_t reach = 2 * std::max(centre, kUnit - centre);
      ranges_.push_back({centre - reach, 2 * reach});
    }
  }
  // No power of these n but that of a power of two is so near one of two that the little added
  // could lift it.
  lgs_.resize(2 * static_cast<size_t>(shape_.window) + 2);
  for (size_t n = 1; n < lgs_.size(); ++n) {
    lgs_[n] = static_cast<uint16_t>(256 * std::log2(static_cast<double>(n)) + 1e-9);
  }
  Reset();
}

void HalfSpaceTrees::Reset() {
  nodes_.assign(static_cast<size_t>(shape_.trees) << (shape_.depth + 1), Node());
  window_ = 1;
  has_reference_ = false;
  filled_ = 0;
}

uint32_t HalfSpaceTrees::Reference(const Node& node) const {
  return node.window == window_ ? node.reference : node.window + 1 == window_ ? node.latest : 0;
}

void HalfSpaceTrees::Learn(Node& node) const {
  node = {window_, static_cast<uint16_t>(Reference(node)), static_cast<uint16_t>(Latest(node) + 1)};
}

size_t HalfSpaceTrees::InputOf(int tree, uint32_t node) const {
  return static_cast<size_t>(
      (Draw(shape_.seed, tree, node) >> 32) * static_cast<uint64_t>(shape_.inputs.size()) >> 32);
}

uint32_t HalfSpaceTrees::CellOf(int tree, size_t input, const std::optional<int64_t>& place) const {
  const WorkRange& range = ranges_[static_cast<size_t>(tree) * shape_.inputs.size() + input];
  if (!place || *place < range.low) {
    return 0;
  }
  const int64_t cell = ((*place - range.low) << shape_.depth) / range.width;
  return static_cast<uint32_t>(std::min(cell, (int64_t{1} << shape_.depth) - 1));
}

int64_t HalfSpaceTrees::Pass(int tree, std::span<const std::optional<int64_t>> places,
                             HalfSpaceScore& score) {
  std::array<uint32_t, kHalfSpaceInputsMax> cells{};
  std::array<int, kHalfSpaceInputsMax> cuts{};  // made so far
  for (size_t i = 0; i < places.size(); ++i) {
    cells[i] = CellOf(tree, i, places[i]);
  }
  const int64_t enough = shape_.window / 10;
  uint32_t at = 1;
  uint32_t mass = Reference(At(tree, at));
  int found_at = mass <= enough ? 0 : shape_.depth;
  Learn(At(tree, at));
  for (int k = 1; k <= shape_.depth; ++k) {
    const size_t input = InputOf(tree, at);
    // A cell's bits are the halves of its input's range that lead to it.
    ++cuts[input];
    at = 2 * at + ((cells[input] >> (shape_.depth - cuts[input])) & 1);
    Node& node = At(tree, at);
    if (k <= found_at) {
      const uint32_t left = Reference(node);
      score.costs[input] += Lg(mass + 1) - Lg(2 * left + 1);
      mass = left;
      found_at = mass <= enough ? k : found_at;
    }
    Learn(node);
    ++steps_;
  }
  return int64_t{mass} << found_at;
}

std::optional<HalfSpaceScore> HalfSpaceTrees::Push(std::span<const std::optional<double>> point) {
  FUQI_CHECK(point.size() == shape_.inputs.size());
  std::array<std::optional<int64_t>, kHalfSpaceInputsMax> places;
  for (size_t i = 0; i < point.size(); ++i) {
    if (point[i]) {
      places[i] = PlaceOf(*point[i], shape_.inputs[i]);
    }
  }
  HalfSpaceScore score;
  int64_t density = 0;
  for (int tree = 0; tree < shape_.trees; ++tree) {
    density += Pass(tree, std::span(places).first(point.size()), score);
  }
  const bool is_scored = has_reference_;
  const int64_t even = shape_.trees * shape_.window;
  score.value = static_cast<double>(even) / static_cast<double>(even + density);
  ++filled_;
  if (filled_ == shape_.window) {
    // A node that says nothing for 2^32 windows would be taken for a new one; no core keeps the ids
    // of so many events.
    FUQI_CHECK(window_ < std::numeric_limits<uint32_t>::max());
    ++window_;
    filled_ = 0;
    has_reference_ = true;
  }
  return is_scored ? std::optional(score) : std::nullopt;
}

// Leaves with mass alone, by rising number: inner nodes are their sums.
void HalfSpaceTrees::Save(Bytes& out) const {
  ByteWriter writer(out);
  writer.Fixed(static_cast<uint8_t>(has_reference_));
  writer.Varint(static_cast<uint64_t>(filled_));
  const uint32_t leaves = 1u << shape_.depth;
  for (int tree = 0; tree < shape_.trees; ++tree) {
    std::vector<uint32_t> used;
    for (uint32_t leaf = 0; leaf < leaves; ++leaf) {
      const Node& node = At(tree, leaves + leaf);
      if (Reference(node) + Latest(node) > 0) {
        used.push_back(leaf);
      }
    }
    writer.Varint(used.size());
    uint32_t next = 0;
    for (uint32_t leaf : used) {
      const Node& node = At(tree, leaves + leaf);
      writer.Varint(leaf - next);
      writer.Varint(Reference(node));
      writer.Varint(Latest(node));
      next = leaf + 1;
    }
  }
}

bool HalfSpaceTrees::RestoreTree(ByteReader& in, int tree, bool has_reference) {
  const uint32_t leaves = 1u << shape_.depth;
  const auto window = static_cast<uint64_t>(shape_.window);
  const uint64_t count = in.Varint();
  uint64_t next = 0;
  uint64_t references = 0;
  uint64_t latests = 0;
  if (!in.ok() || count > leaves) {
    return false;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t gap = in.Varint();
    const uint64_t reference = in.Varint();
    const uint64_t latest = in.Varint();
    if (!in.ok() || gap >= leaves - next || reference > window || latest > window ||
        reference + latest == 0) {
      return false;
    }
    const uint64_t leaf = next + gap;
    next = leaf + 1;
    references += reference;
    latests += latest;
    At(tree, leaves + static_cast<uint32_t>(leaf)) = {window_, static_cast<uint16_t>(reference),
                                                      static_cast<uint16_t>(latest)};
  }
  if (references != (has_reference ? window : 0) || latests != static_cast<uint64_t>(filled_)) {
    return false;
  }
  for (uint32_t at = leaves - 1; at >= 1; --at) {
    const Node& down = At(tree, 2 * at);
    const Node& up = At(tree, 2 * at + 1);
    At(tree, at) = {window_, static_cast<uint16_t>(down.reference + up.reference),
                    static_cast<uint16_t>(down.latest + up.latest)};
  }
  return true;
}

Result<void> HalfSpaceTrees::Restore(ByteView bytes) {
  Reset();
  ByteReader in(bytes);
  const auto has_reference = in.Fixed<uint8_t>();
  const uint64_t filled = in.Varint();
  bool is_whole = in.ok() && has_reference <= 1 && filled < static_cast<uint64_t>(shape_.window);
  if (is_whole) {
    filled_ = static_cast<int64_t>(filled);
    has_reference_ = has_reference == 1;
    window_ = has_reference_ ? 2 : 1;
  }
  for (int tree = 0; is_whole && tree < shape_.trees; ++tree) {
    is_whole = RestoreTree(in, tree, has_reference_);
  }
  if (!is_whole || !in.at_end()) {
    Reset();
    return Err(ErrorCode::kParse, "the saved half-space trees are not of this shape");
  }
  return {};
}

std::vector<size_t> HalfSpaceCauses(std::span<const int64_t> costs) {
  std::vector<size_t> causes(costs.size());
  std::iota(causes.begin(), causes.end(), size_t{0});
  std::ranges::stable_sort(causes, std::greater(), [&](size_t i) { return costs[i]; });
  const auto above = std::ranges::count_if(costs, [](int64_t cost) { return cost > 0; });
  causes.resize(std::clamp(static_cast<size_t>(above), std::min(costs.size(), size_t{1}),
                           kHalfSpaceCausesMax));
  return causes;
}

uint64_t HalfSpaceBytes(const HalfSpaceShape& shape) {
  constexpr uint64_t kNodeBytes = 8;
  constexpr uint64_t kEventBytes = 4;
  return (static_cast<uint64_t>(shape.trees) << (shape.depth + 1)) * kNodeBytes +
         static_cast<uint64_t>(shape.window) * kEventBytes;
}

uint64_t HalfSpaceSteps(const HalfSpaceShape& shape) {
  return static_cast<uint64_t>(shape.trees) * static_cast<uint64_t>(shape.depth);
}

}  // namespace fuqi::decide
