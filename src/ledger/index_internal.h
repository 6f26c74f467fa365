#pragma once

// Where records stand, sparsely: one writer adds, any thread finds, nobody waits.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace fuqi::ledger::internal {

// A record's frame, from which the ones after it in its segment can be reached.
struct Place {
  uint64_t seq = 0;
  uint64_t segment = 0;     // first sequence number of the segment
  uint64_t offset = 0;      // of the record's frame in it
  uint64_t commit_end = 0;  // sequence number behind its commit: there stands a commit header
};

// Grows by blocks that never move, each twice as large as the one before.
class PlaceIndex {
 public:
  void Add(const Place& place) {
    const uint64_t i = size_.load(std::memory_order_relaxed);
    const auto [block, at] = Locate(i);
    if (blocks_[block] == nullptr) {
      blocks_[block] = std::make_unique<Place[]>(kFirstBlock << block);
    }
    blocks_[block][at] = place;
    size_.store(i + 1, std::memory_order_release);
  }

  // The last place at or before `seq`. The index must hold one.
  const Place& Find(uint64_t seq) const {
    uint64_t low = 0;
    uint64_t high = size_.load(std::memory_order_acquire);
    while (high - low > 1) {
      const uint64_t middle = low + (high - low) / 2;
      (At(middle).seq <= seq ? low : high) = middle;
    }
    return At(low);
  }

 private:
  static constexpr uint64_t kFirstBlock = 64;

  static std::pair<size_t, uint64_t> Locate(uint64_t i) {
    const auto block = static_cast<size_t>(std::bit_width(i / kFirstBlock + 1) - 1);
    return {block, i - kFirstBlock * ((uint64_t{1} << block) - 1)};
  }
  const Place& At(uint64_t i) const {
    const auto [block, at] = Locate(i);
    return blocks_[block][at];
  }

  // A block is in place before size_ says that it holds something: readers need no more than that.
  std::array<std::unique_ptr<Place[]>, 48> blocks_;
  std::atomic<uint64_t> size_ = 0;
};

}  // namespace fuqi::ledger::internal
