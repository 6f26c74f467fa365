#pragma once

// The values of a frame in their order, each with how often it is there, for a rank to be found:
// blocks of at most kBlock values, so that one comes or goes without moving all others.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "table/datum.h"

namespace fuqi::sql::internal {

class RankList {
 public:
  // A number, date or time as a key that orders as it does, and back. -0.0 lies below 0.0.
  using Key = int128;
  static Key KeyOf(const table::Datum& value);
  static table::Datum ValueOf(Key key, bool real);

  void Insert(Key key, uint64_t count = 1);
  // Once; it must be there.
  void Erase(Key key);
  // The value with so many before it; rank < size().
  Key At(uint64_t rank) const;

  uint64_t size() const { return size_; }
  // What At walks over at most.
  uint64_t steps() const { return blocks_.size() + kBlock; }
  uint64_t bytes() const;
  // f(key, count), rising.
  template <class F>
  void ForEach(F f) const {
    for (const Block& block : blocks_) {
      for (const Item& item : block.items) {
        f(item.key, item.count);
      }
    }
  }

 private:
  static constexpr size_t kBlock = 128;

  struct Item {
    Key key = 0;
    uint64_t count = 0;
  };
  struct Block {
    uint64_t count = 0;
    std::vector<Item> items;  // not empty
  };
  // The block that has the key, or where it belongs; the last one for a key above all.
  std::vector<Block>::iterator FindBlock(Key key);

  std::vector<Block> blocks_;
  uint64_t size_ = 0;
};

}  // namespace fuqi::sql::internal
