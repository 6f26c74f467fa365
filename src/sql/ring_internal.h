#pragma once

// The events of one partition key in time order, as WindowState keeps them: packed entries in
// chunks, so that a key with one event costs little and a key with millions never copies them to
// grow.

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "table/datum.h"

namespace fuqi::sql::internal {

// Where the parts of an entry stand: time, arrival, words of bits, then a fixed place for each
// value. A text's bytes are on the heap and belong to the entry.
struct EntryLayout {
  struct Slot {
    enum class Form : uint8_t { kSigned, kUnsigned, kWide, kDouble, kInterval, kText };
    Form form = Form::kSigned;
    uint32_t offset = 0;
    int present = 0;  // the bit that is set if the value is not NULL
  };
  static constexpr uint32_t kBitsOffset = 16;

  uint32_t stride = kBitsOffset;
  uint32_t words = 0;
  std::vector<Slot> slots;
  std::vector<uint32_t> texts;  // the slots that are texts

  // Lays out `bits` bits and a value of each type; present[i] is the bit of value i.
  EntryLayout(size_t bits, const std::vector<table::Type>& types, const std::vector<int>& present);
};

inline int64_t TimeOf(const uint8_t* entry) {
  int64_t ts;
  std::memcpy(&ts, entry, sizeof(ts));
  return ts;
}
inline uint64_t ArrivalOf(const uint8_t* entry) {
  uint64_t arrival;
  std::memcpy(&arrival, entry + 8, sizeof(arrival));
  return arrival;
}
inline bool BitOf(const uint8_t* entry, int bit) {
  return ((entry[EntryLayout::kBitsOffset + bit / 8] >> (bit % 8)) & 1) != 0;
}
table::Datum ValueOf(const uint8_t* entry, const EntryLayout::Slot& slot);
// The caller sets the bits. A text is borrowed until the entry is in a ring.
void SetValue(uint8_t* entry, const EntryLayout::Slot& slot, const table::Datum& value);

// A double-ended queue of entries. Each has an index that stays the same while others come and go
// at the ends.
class Ring {
 public:
  explicit Ring(const EntryLayout& layout) : layout_(&layout) {}
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool empty() const { return first_ == end_; }
  uint64_t first() const { return first_; }
  uint64_t end() const { return end_; }
  const uint8_t* operator[](uint64_t index) const {
    const uint64_t at = index - base_;
    return chunks_[head_ + at / kChunk].get() + at % kChunk * layout_->stride;
  }

  // Copies the entry, with its texts, to the end.
  void PushBack(const uint8_t* entry);
  // Copies the entry to `index` ≤ end(); later entries move up by one. Linear in their number.
  void Insert(uint64_t index, const uint8_t* entry);
  void PopFront();
  // First entry whose time is not less, or greater, than `ts`.
  uint64_t LowerBound(int64_t ts) const;
  uint64_t UpperBound(int64_t ts) const;
  uint64_t bytes() const;

 private:
  static constexpr uint64_t kChunk = 64;
  static constexpr uint64_t kFirstCapacity = 2;

  uint8_t* Mutable(uint64_t index) { return const_cast<uint8_t*>((*this)[index]); }
  void Reserve();
  void OwnTexts(uint8_t* entry);
  void FreeTexts(uint8_t* entry);

  const EntryLayout* layout_;
  // Chunks of kChunk entries; a chunk that is alone may be smaller. Those before head_ are gone.
  std::vector<std::unique_ptr<uint8_t[]>> chunks_;
  size_t head_ = 0;
  uint64_t capacity_ = 0;  // of the chunks from head_ on
  uint64_t base_ = 0;      // index of the first place of chunk head_
  uint64_t first_ = 0;
  uint64_t end_ = 0;
  uint64_t text_bytes_ = 0;
};

}  // namespace fuqi::sql::internal
