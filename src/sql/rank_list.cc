#include <algorithm>
#include <bit>
#include <iterator>

#include "base/check.h"
#include "sql/rank_list_internal.h"

namespace fuqi::sql::internal {

using table::Datum;

RankList::Key RankList::KeyOf(const Datum& value) {
  if (value.kind != Datum::Kind::kDouble) {
    return value.i;
  }
  // The bits of a double rise with it; below zero they fall.
  const auto bits = std::bit_cast<int64_t>(value.d);
  return bits >= 0 ? bits : bits ^ INT64_MAX;
}

Datum RankList::ValueOf(Key key, bool real) {
  if (!real) {
    return Datum::Int(key);
  }
  const auto bits = static_cast<int64_t>(key);
  return Datum::Double(std::bit_cast<double>(bits >= 0 ? bits : bits ^ INT64_MAX));
}

std::vector<RankList::Block>::iterator RankList::FindBlock(Key key) {
  const auto block = std::lower_bound(blocks_.begin(), blocks_.end(), key,
                                      [](const Block& b, Key k) { return b.items.back().key < k; });
  return block == blocks_.end() && !blocks_.empty() ? std::prev(block) : block;
}

void RankList::Insert(Key key, uint64_t count) {
  size_ += count;
  if (blocks_.empty()) {
    blocks_.emplace_back();
  }
  const auto block = blocks_.size() == 1 ? blocks_.begin() : FindBlock(key);
  std::vector<Item>& items = block->items;
  block->count += count;
  const auto place = std::lower_bound(items.begin(), items.end(), key,
                                      [](const Item& item, Key k) { return item.key < k; });
  if (place != items.end() && place->key == key) {
    place->count += count;
    return;
  }
  items.insert(place, {key, count});
  if (items.size() > kBlock) {
    Block upper;
    upper.items.assign(items.begin() + kBlock / 2, items.end());
    for (const Item& item : upper.items) {
      upper.count += item.count;
    }
    block->count -= upper.count;
    items.resize(kBlock / 2);
    items.shrink_to_fit();
    blocks_.insert(std::next(block), std::move(upper));
  }
}

void RankList::Erase(Key key) {
  const auto block = FindBlock(key);
  FUQI_CHECK(block != blocks_.end());
  std::vector<Item>& items = block->items;
  const auto place = std::lower_bound(items.begin(), items.end(), key,
                                      [](const Item& item, Key k) { return item.key < k; });
  FUQI_CHECK(place != items.end() && place->key == key);
  --size_;
  --block->count;
  if (--place->count > 0) {
    return;
  }
  items.erase(place);
  if (items.empty()) {
    blocks_.erase(block);
  } else if (const auto next = std::next(block);
             next != blocks_.end() && items.size() + next->items.size() <= kBlock / 2) {
    next->items.insert(next->items.begin(), items.begin(), items.end());
    next->count += block->count;
    blocks_.erase(block);
  }
}

RankList::Key RankList::At(uint64_t rank) const {
  FUQI_CHECK(rank < size_);
  auto block = blocks_.begin();
  for (; rank >= block->count; ++block) {
    rank -= block->count;
  }
  auto item = block->items.begin();
  for (; rank >= item->count; ++item) {
    rank -= item->count;
  }
  return item->key;
}

uint64_t RankList::bytes() const {
  uint64_t bytes = blocks_.capacity() * sizeof(Block);
  for (const Block& block : blocks_) {
    bytes += block.items.capacity() * sizeof(Item);
  }
  return bytes;
}

}  // namespace fuqi::sql::internal
