#include "decide/half_space_brute.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <limits>
#include <map>

namespace fuqi::decide {
namespace {

// Places are counted in 2^-32 of an input's span times 2^-depth, so that each middle is whole.
constexpr int64_t kBelowAll = std::numeric_limits<int64_t>::min();
constexpr int64_t kAboveAll = std::numeric_limits<int64_t>::max();

class SplitMix {
 public:
  explicit SplitMix(uint64_t state) : state_(state) {}
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// draw(t, n), its upper half.
uint64_t Drawn(uint64_t seed, uint64_t tree, uint64_t n) {
  return SplitMix(seed + (tree * 65'536 + n) * 0x9e3779b97f4a7c15).Next() / 4'294'967'296;
}

struct Side {
  int64_t from = kBelowAll;  // included, as far as points go
  int64_t to = kAboveAll;    // not included
  int64_t low = 0;           // of what is left of the work range
  int64_t high = 0;
};
using Place = std::vector<int64_t>;

class BruteForce {
 public:
  BruteForce(const HalfSpaceShape& shape, std::span<const HalfSpacePoint> points) : shape_(shape) {
    places_.reserve(points.size());
    for (const HalfSpacePoint& point : points) {
      Place& place = places_.emplace_back();
      for (size_t i = 0; i < point.size(); ++i) {
        place.push_back(point[i] ? PlaceOf(*point[i], shape.inputs[i]) : kBelowAll);
      }
    }
  }

  std::vector<std::optional<HalfSpaceFinding>> Run() {
    const auto window = static_cast<size_t>(shape_.window);
    std::vector<std::optional<HalfSpaceFinding>> all(places_.size());
    for (size_t i = window; i < places_.size(); ++i) {
      const size_t end = i - i % window;
      all[i] = Find(places_[i], std::span(places_).subspan(end - window, window));
    }
    return all;
  }

 private:
  int64_t PlaceOf(double value, const HalfSpaceShape::Range& range) const {
    double share = (value - range.low) / (range.high - range.low);
    share = share < -2 ? -2 : share > 3 ? 3 : share;
    return static_cast<int64_t>(std::floor(std::ldexp(share, 32))) * Fine();
  }
  int64_t Fine() const { return static_cast<int64_t>(std::ldexp(1, shape_.depth)); }

  static bool IsIn(const Place& place, const std::vector<Side>& box) {
    for (size_t i = 0; i < box.size(); ++i) {
      if (place[i] < box[i].from || place[i] >= box[i].to) {
        return false;
      }
    }
    return true;
  }

  std::vector<Side> RootOf(uint64_t tree) const {
    std::vector<Side> box(shape_.inputs.size());
    for (size_t i = 0; i < box.size(); ++i) {
      const auto s = static_cast<int64_t>(Drawn(shape_.seed, tree, 32'768 + i));
      const int64_t most = s > 2'147'483'648 ? s : 4'294'967'296 - s;
      box[i].low = (s - 2 * most) * Fine();
      box[i].high = (s + 2 * most) * Fine();
    }
    return box;
  }

  // By the power itself, written out.
  int64_t Lg(int64_t n) {
    const auto [known, is_new] = lgs_.try_emplace(n);
    if (is_new) {
      known->second = msb(pow(boost::multiprecision::cpp_int(n), 256));
    }
    return static_cast<int64_t>(known->second);
  }

  HalfSpaceFinding Find(const Place& place, std::span<const Place> reference) {
    HalfSpaceFinding finding;
    finding.costs.resize(place.size());
    int64_t total = 0;
    for (int tree = 0; tree < shape_.trees; ++tree) {
      total += FindIn(static_cast<uint64_t>(tree), place, reference, finding.costs);
    }
    const int64_t even = shape_.window * shape_.trees;
    finding.value = static_cast<double>(even) / static_cast<double>(even + total);
    for (size_t n = 0; n < 3; ++n) {
      std::optional<size_t> best;
      for (size_t i = 0; i < place.size(); ++i) {
        const bool is_new = std::ranges::find(finding.causes, i) == finding.causes.end();
        if (is_new && (!best || finding.costs[i] > finding.costs[*best])) {
          best = i;
        }
      }
      if (best && (n == 0 || finding.costs[*best] > 0)) {
        finding.causes.push_back(*best);
      }
    }
    return finding;
  }

  int64_t FindIn(uint64_t tree, const Place& place, std::span<const Place> reference,
                 std::vector<int64_t>& costs) {
    std::vector<Side> box = RootOf(tree);
    std::vector<const Place*> inside;
    for (const Place& other : reference) {
      inside.push_back(&other);
    }
    uint64_t node = 1;
    int64_t weight = 1;
    auto mass = static_cast<int64_t>(inside.size());
    for (int depth = 0; depth < shape_.depth && 10 * mass > shape_.window - shape_.window % 10;
         ++depth) {
      const size_t cut = Drawn(shape_.seed, tree, node) * place.size() / 4'294'967'296;
      const int64_t middle = box[cut].low + (box[cut].high - box[cut].low) / 2;
      const bool is_up = place[cut] >= middle;
      (is_up ? box[cut].from : box[cut].to) = middle;
      (is_up ? box[cut].low : box[cut].high) = middle;
      const int64_t before = mass;
      std::erase_if(inside, [&](const Place* other) { return !IsIn(*other, box); });
      mass = static_cast<int64_t>(inside.size());
      costs[cut] += Lg(before + 1) - Lg(2 * mass + 1);
      weight *= 2;
      node = 2 * node + (is_up ? 1 : 0);
    }
    return mass * weight;
  }

  const HalfSpaceShape& shape_;
  std::vector<Place> places_;
  std::map<int64_t, uint64_t> lgs_;
};

}  // namespace

std::vector<std::optional<HalfSpaceFinding>> BruteForceHalfSpaces(
    const HalfSpaceShape& shape, std::span<const HalfSpacePoint> points) {
  return BruteForce(shape, points).Run();
}

}  // namespace fuqi::decide
