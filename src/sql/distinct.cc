#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

#include "base/time.h"
#include "sql/distinct_internal.h"

namespace fuqi::sql::internal {
namespace {

uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t HashOf(const DistinctKey& key) {
  return key.text ? std::hash<std::string_view>()(key.AsText())
                  : Mix(key.low + 0x9e3779b97f4a7c15 * (key.high + 1));
}

}  // namespace

DistinctKey DistinctKey::Of(const table::Datum& value) {
  using Kind = table::Datum::Kind;
  if (value.kind == Kind::kText) {
    return {reinterpret_cast<uint64_t>(value.t.data), value.t.size, true};
  }
  int128 whole = value.i;
  if (value.kind == Kind::kDouble) {
    const double normal =
        value.d != value.d ? std::numeric_limits<double>::quiet_NaN() : value.d + 0.0;
    whole = std::bit_cast<uint64_t>(normal);
  } else if (value.kind == Kind::kInterval) {
    const table::Interval& interval = value.interval;
    whole = (static_cast<int128>(interval.months) * 30 + interval.days) * kDayUs + interval.micros;
  }
  return {static_cast<uint64_t>(whole), static_cast<uint64_t>(whole >> 64), false};
}

std::string DistinctKey::ToBytes() const {
  if (text) {
    return std::string(AsText());
  }
  std::string bytes(sizeof(low) + sizeof(high), '\0');
  std::memcpy(bytes.data(), &low, sizeof(low));
  std::memcpy(bytes.data() + sizeof(low), &high, sizeof(high));
  return bytes;
}

std::optional<DistinctKey> DistinctKey::FromBytes(std::string_view bytes, bool text) {
  if (text) {
    return Of(table::Datum::Text(bytes));
  }
  DistinctKey key;
  if (bytes.size() != sizeof(key.low) + sizeof(key.high)) {
    return std::nullopt;
  }
  std::memcpy(&key.low, bytes.data(), sizeof(key.low));
  std::memcpy(&key.high, bytes.data() + sizeof(key.low), sizeof(key.high));
  return key;
}

uint64_t DistinctTable::Probe(const DistinctKey& key) const {
  uint64_t at = HashOf(key) & (capacity_ - 1);
  while (slots_[at].used && !(slots_[at].key == key)) {
    at = (at + 1) & (capacity_ - 1);
  }
  return at;
}

EventPlace* DistinctTable::Find(const DistinctKey& key) {
  if (size_ == 0) {
    return nullptr;
  }
  Slot& slot = slots_[Probe(key)];
  return slot.used ? &slot.place : nullptr;
}

void DistinctTable::Put(const DistinctKey& key, const EventPlace& place) {
  if (4 * (size_ + 1) > 3 * capacity_) {
    Resize(std::max(2 * capacity_, kLeast));
  }
  Slot& slot = slots_[Probe(key)];
  slot.place = place;
  if (slot.used && texts_ == Texts::kOwned) {
    return;
  }
  size_ += slot.used ? 0 : 1;
  slot.used = true;
  slot.key = key;
  if (key.text && texts_ == Texts::kOwned) {
    char* copy = new char[key.high];
    const std::string_view text = key.AsText();
    std::ranges::copy(text, copy);
    slot.key.low = reinterpret_cast<uint64_t>(copy);
    text_bytes_ += key.high;
  }
}

void DistinctTable::Erase(const DistinctKey& key) {
  if (size_ == 0) {
    return;
  }
  uint64_t hole = Probe(key);
  if (!slots_[hole].used) {
    return;
  }
  FreeText(slots_[hole].key);
  slots_[hole].used = false;
  --size_;
  // What follows moves back if its search would otherwise end at the hole.
  for (uint64_t at = (hole + 1) & (capacity_ - 1); slots_[at].used;
       at = (at + 1) & (capacity_ - 1)) {
    const uint64_t home = HashOf(slots_[at].key) & (capacity_ - 1);
    if (((at - home) & (capacity_ - 1)) >= ((at - hole) & (capacity_ - 1))) {
      slots_[hole] = slots_[at];
      slots_[at].used = false;
      hole = at;
    }
  }
  if (capacity_ > kLeast && 8 * size_ < capacity_) {
    Resize(capacity_ / 2);
  }
}

void DistinctTable::Resize(uint64_t capacity) {
  auto old = std::move(slots_);
  const uint64_t old_capacity = capacity_;
  slots_ = std::make_unique<Slot[]>(capacity);
  capacity_ = capacity;
  for (uint64_t i = 0; i < old_capacity; ++i) {
    if (old[i].used) {
      slots_[Probe(old[i].key)] = old[i];
    }
  }
}

void DistinctTable::FreeText(const DistinctKey& key) {
  if (key.text && texts_ == Texts::kOwned) {
    text_bytes_ -= key.high;
    delete[] key.AsText().data();
  }
}

void DistinctTable::Clear() {
  ForEach([this](const DistinctKey& key, const EventPlace&) { FreeText(key); });
  slots_.reset();
  capacity_ = 0;
  size_ = 0;
}

}  // namespace fuqi::sql::internal
