#include <algorithm>

#include "base/check.h"
#include "sql/ring_internal.h"

namespace fuqi::sql::internal {

using table::Datum;
using table::Type;
using table::TypeId;
using Slot = EntryLayout::Slot;

namespace {

Slot::Form FormOf(Type type) {
  switch (type.id) {
    case TypeId::kDouble:
      return Slot::Form::kDouble;
    case TypeId::kInterval:
      return Slot::Form::kInterval;
    case TypeId::kVarchar:
      return Slot::Form::kText;
    case TypeId::kUBigInt:
      return Slot::Form::kUnsigned;
    case TypeId::kHugeInt:
      return Slot::Form::kWide;
    case TypeId::kDecimal:
      return type.width > 18 ? Slot::Form::kWide : Slot::Form::kSigned;
    default:
      return Slot::Form::kSigned;
  }
}

bool TakesTwoWords(Slot::Form form) {
  return form == Slot::Form::kWide || form == Slot::Form::kInterval || form == Slot::Form::kText;
}

template <class T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(static_cast<void*>(&value), from, sizeof(T));
  return value;
}
template <class T>
void Keep(uint8_t* to, T value) {
  std::memcpy(to, static_cast<const void*>(&value), sizeof(T));
}

}  // namespace

EntryLayout::EntryLayout(size_t bits, const std::vector<Type>& types,
                         const std::vector<int>& present)
    : words(static_cast<uint32_t>((bits + 63) / 64)) {
  stride = kBitsOffset + words * 8;
  for (size_t i = 0; i < types.size(); ++i) {
    slots.push_back({FormOf(types[i]), stride, present[i]});
    if (slots[i].form == Slot::Form::kText) {
      texts.push_back(static_cast<uint32_t>(i));
    }
    stride += TakesTwoWords(slots[i].form) ? 16 : 8;
  }
}

Datum ValueOf(const uint8_t* entry, const Slot& slot) {
  if (!BitOf(entry, slot.present)) {
    return Datum::Null();
  }
  const uint8_t* from = entry + slot.offset;
  switch (slot.form) {
    case Slot::Form::kSigned:
      return Datum::Int(Load<int64_t>(from));
    case Slot::Form::kUnsigned:
      return Datum::Int(Load<uint64_t>(from));
    case Slot::Form::kWide:
      return Datum::Int(Load<int128>(from));
    case Slot::Form::kDouble:
      return Datum::Double(Load<double>(from));
    case Slot::Form::kInterval:
      return Datum::Of(Load<table::Interval>(from));
    case Slot::Form::kText:
      return Datum::Text({Load<const char*>(from), Load<size_t>(from + 8)});
  }
  return Datum::Null();
}

void SetValue(uint8_t* entry, const Slot& slot, const Datum& value) {
  uint8_t* to = entry + slot.offset;
  switch (value.kind) {
    case Datum::Kind::kNull:
      std::memset(to, 0, TakesTwoWords(slot.form) ? 16 : 8);
      return;
    case Datum::Kind::kInt:
      if (slot.form == Slot::Form::kWide) {
        return Keep(to, value.i);
      }
      return Keep(to, static_cast<uint64_t>(value.i));
    case Datum::Kind::kDouble:
      return Keep(to, value.d);
    case Datum::Kind::kInterval:
      return Keep(to, value.interval);
    case Datum::Kind::kText:
      Keep(to, value.t.data);
      return Keep(to + 8, value.t.size);
  }
}

Ring::~Ring() {
  while (!empty()) {
    PopFront();
  }
}

void Ring::OwnTexts(uint8_t* entry) {
  for (uint32_t i : layout_->texts) {
    const Datum text = ValueOf(entry, layout_->slots[i]);
    if (!text.is_null()) {
      char* copy = new char[text.t.size];
      std::copy_n(text.t.data, text.t.size, copy);
      Keep<const char*>(entry + layout_->slots[i].offset, copy);
      text_bytes_ += text.t.size;
    }
  }
}

void Ring::FreeTexts(uint8_t* entry) {
  for (uint32_t i : layout_->texts) {
    const Datum text = ValueOf(entry, layout_->slots[i]);
    if (!text.is_null()) {
      delete[] text.t.data;
      text_bytes_ -= text.t.size;
    }
  }
}

// Makes a place behind the last entry.
void Ring::Reserve() {
  if (end_ - base_ < capacity_) {
    return;
  }
  const size_t stride = layout_->stride;
  const uint64_t count = end_ - first_;
  if (chunks_.size() - head_ != 1 || (capacity_ == kChunk && 2 * count > kChunk)) {
    const uint64_t capacity = chunks_.size() == head_ ? kFirstCapacity : kChunk;
    chunks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(capacity * stride));
    capacity_ += capacity;
    return;
  }
  // One chunk alone: what has gone at its front makes room, or it doubles.
  std::unique_ptr<uint8_t[]>& chunk = chunks_[head_];
  const uint8_t* entries = chunk.get() + (first_ - base_) * stride;
  if (2 * count <= capacity_) {
    std::memmove(chunk.get(), entries, count * stride);
  } else {
    capacity_ = std::min(2 * capacity_, kChunk);
    auto larger = std::make_unique_for_overwrite<uint8_t[]>(capacity_ * stride);
    std::memcpy(larger.get(), entries, count * stride);
    chunk = std::move(larger);
  }
  base_ = first_;
}

void Ring::PushBack(const uint8_t* entry) {
  Reserve();
  uint8_t* place = Mutable(end_++);
  std::memcpy(place, entry, layout_->stride);
  OwnTexts(place);
}

void Ring::Insert(uint64_t index, const uint8_t* entry) {
  Reserve();
  for (uint64_t i = end_++; i > index; --i) {
    std::memcpy(Mutable(i), (*this)[i - 1], layout_->stride);
  }
  uint8_t* place = Mutable(index);
  std::memcpy(place, entry, layout_->stride);
  OwnTexts(place);
}

void Ring::PopFront() {
  FUQI_CHECK(!empty());
  FreeTexts(Mutable(first_));
  ++first_;
  // The last chunk stays: another event is likely.
  if (first_ - base_ == kChunk && chunks_.size() - head_ > 1) {
    chunks_[head_++].reset();
    base_ += kChunk;
    capacity_ -= kChunk;
    if (2 * head_ > chunks_.size()) {
      chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<ptrdiff_t>(head_));
      head_ = 0;
    }
  } else if (empty()) {
    base_ = first_;
  }
}

uint64_t Ring::LowerBound(int64_t ts) const {
  uint64_t low = first_;
  for (uint64_t count = end_ - first_; count > 0;) {
    const uint64_t half = count / 2;
    if (TimeOf((*this)[low + half]) < ts) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

uint64_t Ring::UpperBound(int64_t ts) const { return ts == INT64_MAX ? end_ : LowerBound(ts + 1); }

uint64_t Ring::bytes() const {
  return capacity_ * layout_->stride + chunks_.capacity() * sizeof(chunks_[0]) + text_bytes_;
}

}  // namespace fuqi::sql::internal
