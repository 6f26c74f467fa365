#pragma once

// How unlike an event is to the events before it, as a number that is learned from the stream alone
// and forgets: half-space trees [Tan, Ting, Liu 2011, "Fast Anomaly Detection for Streaming Data",
// IJCAI, pp. 1511–1516: BuildSingleHS-Tree, UpdateMass, Streaming HS-Trees].
//
// Trees. A tree halves a space of the inputs' values again and again, down to `depth`, by cuts
// drawn before any event is seen. Each input has a work range in each tree: where low and
// high of the input are 0 and 1 and s is drawn from [0, 1), the 4·max(s, 1 - s) around s. Each
// inner node cuts one input, drawn anew, in the middle of what is left of its range; values on the
// cut go up. What lies outside a range goes down or up at every cut. NULL goes down at every cut:
// it is a value below all others, usual where it is usual.
//
// Masses. Events are counted in windows of `window` events in order of arrival. A node's reference
// mass is how many events of the last full window lie in its half-space, its latest mass how many
// of the window that runs. With a window's last event the latest masses become the reference;
// here a node does that when it is next touched, so that no event waits for it.
//
// Score. In each tree the point goes down until its node has at most window / 10 of the reference
// mass (the paper's size limit, rounded down) or no children; there r · 2^k, for mass r at depth k,
// tells how dense its surroundings are. M, the sum over trees, is the paper's score,
// small where the point is alone. It is given as
//     trees · window / (trees · window + M),
// one division of two integers: 1 where no tree saw anything like the point, 1/2 where events are
// as dense as if they were spread evenly, towards 0 where they crowd. The order of points is the
// paper's. There is no score before a window is full. A point is scored before it is learned.
//
// Costs, our own addition: which inputs make a point stand out. A cut that keeps half of the
// reference mass beside the point says nothing of it; where r was and r' is left, its input costs
//     lg(r + 1) - lg(2r' + 1), where lg(n) is the greatest L with 2^L ≤ n^256,
// the halvings beyond that one, in 256ths, summed over the cuts that the score passes in all trees.
// A usual point has costs below 0 throughout. Logarithms, since the same loss in a crowd deep down
// would outweigh the cut that told the point from all others: planted values were named first for
// 74 to 82 of 100 points with differences of r · 2^k, for all with these.
//
// Chance is a function of the seed: draw(t, n) is the output of splitmix64 [Steele et al. 2014] for
// the state seed + (t · 2^16 + n + 1) · 0x9e3779b97f4a7c15. Of tree t, node n (the root is 1, the
// children of n are 2n and 2n + 1) cuts input (draw >> 32) · inputs >> 32, and s of input d is
// draw(t, 2^15 + d) >> 32 over 2^32. A value x stands at floor((x - low) / (high - low) · 2^32),
// held within -2 and 3; from there on all is integers, so that every machine gives the same.
//
// State: trees · 2^(depth + 1) nodes of 8 bytes, and 4 bytes for each event of a window (its
// logarithms), taken at once. Steps: trees · depth an event.
//
// Threads: one.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace fuqi::decide {

inline constexpr size_t kHalfSpaceInputsMax = 16;
inline constexpr int kHalfSpaceTreesMax = 100;
inline constexpr int kHalfSpaceDepthMax = 15;
inline constexpr int64_t kHalfSpaceWindowMin = 100;
inline constexpr int64_t kHalfSpaceWindowMax = 65'535;

struct HalfSpaceShape {
  // Both finite, and so is their difference; low < high.
  struct Range {
    double low = 0;
    double high = 1;
  };
  std::vector<Range> inputs;  // 1 … kHalfSpaceInputsMax
  int trees = 25;             // 1 … kHalfSpaceTreesMax
  int depth = 10;             // 1 … kHalfSpaceDepthMax
  // Events; at most kHalfSpaceWindowMax. A pack has at least kHalfSpaceWindowMin.
  int64_t window = 250;
  uint64_t seed = 0;
};

struct HalfSpaceScore {
  double value = 0;  // in (0, 1]
  // Of each input, the greater the stranger.
  std::array<int64_t, kHalfSpaceInputsMax> costs{};
};

class HalfSpaceTrees {
 public:
  explicit HalfSpaceTrees(HalfSpaceShape shape);

  // The score of a point of one value for each input, which is then learned. None before a window
  // was full. No value is NaN.
  std::optional<HalfSpaceScore> Push(std::span<const std::optional<double>> point);

  // The whole state in one form that depends only on the points pushed. Restore takes what Save
  // wrote for the same shape and refuses anything else (kParse; the state is then as new).
  void Save(Bytes& out) const;
  Result<void> Restore(ByteView bytes);

  uint64_t steps() const { return steps_; }  // cuts passed so far

 private:
  struct Node {
    uint32_t window = 0;     // the number of the window of `latest`
    uint16_t reference = 0;  // mass in the window before it
    uint16_t latest = 0;
  };
  // Of an input in a tree, on the scale on which low and high are 0 and 2^32.
  struct WorkRange {
    int64_t low;
    int64_t width;
  };

  void Reset();
  Node& At(int tree, uint32_t node) {
    return nodes_[(static_cast<size_t>(tree) << (shape_.depth + 1)) + node];
  }
  const Node& At(int tree, uint32_t node) const {
    return nodes_[(static_cast<size_t>(tree) << (shape_.depth + 1)) + node];
  }
  // Masses as of the window that runs.
  uint32_t Reference(const Node& node) const;
  uint32_t Latest(const Node& node) const { return node.window == window_ ? node.latest : 0; }
  void Learn(Node& node) const;
  size_t InputOf(int tree, uint32_t node) const;
  // Which of the 2^depth even parts of its work range the value lies in.
  uint32_t CellOf(int tree, size_t input, const std::optional<int64_t>& place) const;
  int64_t Lg(uint32_t n) const { return lgs_[n]; }
  // What one tree says of the point: r · 2^k, and the costs. Learns it.
  int64_t Pass(int tree, std::span<const std::optional<int64_t>> places, HalfSpaceScore& score);
  bool RestoreTree(ByteReader& in, int tree, bool has_reference);

  HalfSpaceShape shape_;
  std::vector<WorkRange> ranges_;  // of each tree's inputs
  std::vector<uint16_t> lgs_;      // of 0 … 2 · window + 1; of 0 there is none
  std::vector<Node> nodes_;
  uint32_t window_ = 1;  // the number of the window that runs; the reference is the one before
  bool has_reference_ = false;
  int64_t filled_ = 0;  // points in it
  uint64_t steps_ = 0;
};

// The inputs that make a point stand out: that of the greatest cost, and those that follow it with
// a cost above 0, of equal ones the first; at most kHalfSpaceCausesMax.
inline constexpr size_t kHalfSpaceCausesMax = 3;
std::vector<size_t> HalfSpaceCauses(std::span<const int64_t> costs);

// Memory, and cuts passed for one event.
uint64_t HalfSpaceBytes(const HalfSpaceShape& shape);
uint64_t HalfSpaceSteps(const HalfSpaceShape& shape);

}  // namespace fuqi::decide
