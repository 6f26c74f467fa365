#pragma once

// The different values in a window: each with the place of one event that had it, the latest in a
// frame that moves, the first in one that only grows. A hash table with linear probing; starts at
// four places.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "table/datum.h"

namespace fuqi::sql::internal {

// Where an event stands in the order of its partition.
struct EventPlace {
  int64_t ts = 0;
  uint64_t arrival = 0;
  friend auto operator<=>(const EventPlace&, const EventPlace&) = default;
};

// A value in the form in which equal ones are equal to the bit: -0.0 is 0.0, NaN is NaN, an
// interval is its length.
struct DistinctKey {
  uint64_t low = 0;   // of a text its address
  uint64_t high = 0;  // of a text its length
  bool text = false;

  static DistinctKey Of(const table::Datum& value);
  std::string_view AsText() const {
    return {reinterpret_cast<const char*>(low), high};  // NOLINT(performance-no-int-to-ptr)
  }

  friend bool operator==(const DistinctKey& a, const DistinctKey& b) {
    return a.text ? a.AsText() == b.AsText() : a.low == b.low && a.high == b.high;
  }

  // The text, or the two words. FromBytes borrows a text; none where the length is wrong.
  std::string ToBytes() const;
  static std::optional<DistinctKey> FromBytes(std::string_view bytes, bool text);
};

class DistinctTable {
 public:
  enum class Texts : uint8_t { kBorrowed, kOwned };
  explicit DistinctTable(Texts texts) : texts_(texts) {}
  ~DistinctTable() { Clear(); }
  DistinctTable(DistinctTable&& other) noexcept
      : texts_(other.texts_),
        slots_(std::move(other.slots_)),
        capacity_(std::exchange(other.capacity_, 0)),
        size_(std::exchange(other.size_, 0)),
        text_bytes_(std::exchange(other.text_bytes_, 0)) {}
  DistinctTable& operator=(DistinctTable&&) = delete;

  uint64_t size() const { return size_; }
  uint64_t bytes() const { return capacity_ * sizeof(Slot) + text_bytes_; }

  // The place noted for the value; nullptr if the value is not here. Valid until the next Put or
  // Erase.
  EventPlace* Find(const DistinctKey& key);
  // Notes the place of a value, in place of one noted before. A borrowed text is the new one from
  // then on.
  void Put(const DistinctKey& key, const EventPlace& place);
  void Erase(const DistinctKey& key);
  void Clear();
  // In no order.
  template <class F>
  void ForEach(F f) const {
    for (uint64_t i = 0; i < capacity_; ++i) {
      if (slots_[i].used) {
        f(slots_[i].key, slots_[i].place);
      }
    }
  }

 private:
  struct Slot {
    DistinctKey key;
    bool used = false;
    EventPlace place;
  };
  static constexpr uint64_t kLeast = 4;

  // Where the key is, or the free slot where it would go. capacity_ > 0.
  uint64_t Probe(const DistinctKey& key) const;
  void Resize(uint64_t capacity);
  void FreeText(const DistinctKey& key);

  Texts texts_;
  std::unique_ptr<Slot[]> slots_;
  uint64_t capacity_ = 0;  // 0 or a power of two
  uint64_t size_ = 0;
  uint64_t text_bytes_ = 0;
};

}  // namespace fuqi::sql::internal
