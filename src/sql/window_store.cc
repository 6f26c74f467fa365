#include <algorithm>
#include <cstring>
#include <set>

#include "base/utf8.h"
#include "sql/window_store_internal.h"

namespace fuqi::sql::internal {
namespace {

// How many keys a push may drop: each push adds at most one, so the backlog of a burst shrinks and
// no push pays for all of it.
constexpr int kDropsPerPush = 2;

}  // namespace

int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference;
  return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? INT64_MIN : INT64_MAX) : difference;
}

// ---- Compilation.

void Store::Add(WindowPlan window, const Window& source, int arg, int filter) {
  if (source.frame == Window::Frame::kRange && window.function != Fold::kLag) {
    const auto known = std::find(frames_.begin(), frames_.end(), source.length_us);
    window.frame = static_cast<int>(known - frames_.begin());
    if (known == frames_.end()) {
      frames_.push_back(source.length_us);
      frame_windows_.emplace_back();
    }
  }
  const bool aggregate = window.function != Fold::kFirst && window.function != Fold::kLag;
  if (filter >= 0 || (arg >= 0 && aggregate)) {
    window.bit = Bit(filter, arg);
  }
  if (arg >= 0 && window.function != Fold::kCount) {
    window.slot = Slot(arg, window.arg);
  }
  if (window.function == Fold::kLag) {
    lag_rows_ = std::max(lag_rows_, window.offset);
  }
  if (window.keeps_state()) {
    window.state = window.frame < 0 ? growing_++ : moving_++;
  }
  if (window.frame >= 0 && window.state >= 0) {
    frame_windows_[window.frame].push_back(windows_.size());
  }
  windows_.push_back(std::move(window));
}

void Store::Seal() {
  std::vector<int> present;
  for (int program : slot_programs_) {
    present.push_back(Bit(-1, program));
  }
  layout_ = std::make_unique<EntryLayout>(bits_.size(), slot_types_, present);
  entry_.resize(layout_->stride);
  longest_us_ = frames_.empty() ? 0 : *std::max_element(frames_.begin(), frames_.end());
}

// ---- One event.

bool Store::KeyFailed(const std::vector<bool>& failed) const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [&](int program) { return failed[program]; });
}

void Store::Push(std::span<const Datum> values, EventPlace place, const Horizon& horizon,
                 Scratch& scratch, std::vector<Datum>& out, std::optional<Error>& error) {
  EncodeKey(values, key_);
  Entity& entity = Touch();
  const uint64_t before = BytesOf(entity);
  Advance(entity, horizon);
  FillEntry(values, place);
  const auto give = [&](const WindowPlan& window, Result<Datum> value) {
    if (!value) {
      if (!error) {
        error = std::move(value).error();
      }
      return;
    }
    out[window.output] = Keep(*value, scratch);
  };
  if (entity.ring.empty() || TimeOf(entity.ring[entity.ring.end() - 1]) <= place.ts) {
    Append(entity, place.ts);
    Grow(entity);
    for (const WindowPlan& window : windows_) {
      give(window, ValueAtEnd(entity, window));
    }
  } else {
    const uint64_t index = Insert(entity, place.ts);
    for (const WindowPlan& window : windows_) {
      give(window, ValueAt(entity, window, index));
    }
  }
  bytes_ += BytesOf(entity) - before;
  DropExpired(horizon, kDropsPerPush);
}

// ---- Stored form.

void Store::Save(const Horizon& horizon, ByteWriter& out) {
  for (auto entity = entities_.begin(); entity != entities_.end();) {
    const uint64_t before = BytesOf(*entity);
    Advance(*entity, horizon);
    bytes_ += BytesOf(*entity) - before;
    auto next = std::next(entity);
    if (IsForgotten(*entity)) {
      Drop(entity);
    }
    entity = next;
  }
  std::vector<Entity*> sorted;
  for (Entity& entity : entities_) {
    sorted.push_back(&entity);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Entity* a, const Entity* b) { return a->key < b->key; });
  out.Varint(sorted.size());
  for (Entity* entity : sorted) {
    SaveEntity(*entity, horizon, out);
  }
}

void Store::Clear() {
  index_.clear();
  entities_.clear();
  bytes_ = 0;
}

Result<void> Store::Restore(ByteReader& in, const Horizon& horizon, const EventPlace& newest) {
  const uint64_t count = in.Varint();
  std::string previous;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    key_ = std::string(in.Text());
    if (!IsKey(key_) || (i > 0 && key_ <= previous)) {
      return Malformed();
    }
    previous = key_;
    Entity& entity = Touch();
    const uint64_t before = BytesOf(entity);
    FUQI_RETURN_IF_ERROR(RestoreEntity(entity, in, horizon, newest));
    bytes_ += BytesOf(entity) - before;
  }
  return in.ok() ? Result<void>() : Malformed();
}

// ---- Compilation.

int Store::Bit(int filter, int arg) {
  const std::pair wanted(filter, arg);
  const auto known = std::find(bits_.begin(), bits_.end(), wanted);
  const auto bit = static_cast<int>(known - bits_.begin());
  if (known == bits_.end()) {
    bits_.push_back(wanted);
  }
  return bit;
}

int Store::Slot(int program, Type type) {
  const auto known = std::find(slot_programs_.begin(), slot_programs_.end(), program);
  const auto slot = static_cast<int>(known - slot_programs_.begin());
  if (known == slot_programs_.end()) {
    slot_programs_.push_back(program);
    slot_types_.push_back(type);
  }
  return slot;
}

// ---- Keys.

void Store::EncodeKey(std::span<const Datum> values, std::string& key) {
  key_bytes_.clear();
  ByteWriter out(key_bytes_);
  for (int program : partitions_) {
    const Datum& value = values[program];
    if (value.is_null()) {
      out.Fixed(static_cast<uint8_t>(KeyPart::kNull));
      continue;
    }
    const DistinctKey part = DistinctKey::Of(value);
    if (part.text) {
      out.Fixed(static_cast<uint8_t>(KeyPart::kText));
      out.Text(part.AsText());
    } else if (part.high == (static_cast<int64_t>(part.low) < 0 ? ~uint64_t{0} : 0)) {
      out.Fixed(static_cast<uint8_t>(KeyPart::kShort));
      out.Fixed(part.low);
    } else {
      out.Fixed(static_cast<uint8_t>(KeyPart::kLong));
      out.Fixed(part.low);
      out.Fixed(part.high);
    }
  }
  key.assign(AsText(key_bytes_));
}

bool Store::IsKey(std::string_view key) const {
  ByteReader in(AsBytes(key));
  for (const Type& type : partition_types_) {
    const auto part = static_cast<KeyPart>(in.Fixed<uint8_t>());
    const bool text = type.id == TypeId::kVarchar;
    if (part == KeyPart::kNull) {
      continue;
    }
    if (part == KeyPart::kText) {
      if (!text || !IsUtf8(in.Text())) {
        return false;
      }
      continue;
    }
    if (text || part > KeyPart::kLong) {
      return false;
    }
    const auto low = in.Fixed<uint64_t>();
    if (part == KeyPart::kLong &&
        in.Fixed<uint64_t>() == (static_cast<int64_t>(low) < 0 ? ~uint64_t{0} : 0)) {
      return false;
    }
  }
  return in.ok() && in.at_end();
}

Entity& Store::Touch() {
  if (const auto known = index_.find(std::string_view(key_)); known != index_.end()) {
    entities_.splice(entities_.end(), entities_, known->second);
    return entities_.back();
  }
  Entity& entity = entities_.emplace_back(*layout_);
  entity.key = key_;
  entity.begins.resize(frames_.size());
  entity.moving.reserve(moving_);
  entity.growing = std::vector<Growing>(growing_);
  for (const WindowPlan& window : windows_) {
    if (window.frame >= 0 && window.state >= 0) {
      entity.moving.push_back(NewMoving(window));
    }
  }
  index_.emplace(entity.key, std::prev(entities_.end()));
  bytes_ += BytesOf(entity);
  return entity;
}

bool Store::IsForgotten(const Entity& entity) {
  return entity.ring.empty() &&
         std::all_of(entity.growing.begin(), entity.growing.end(), [](const Growing& growing) {
           return growing.base.count == 0 && growing.first.size() == 0;
         });
}

void Store::Drop(Entities::iterator entity) {
  bytes_ -= BytesOf(*entity);
  index_.erase(std::string_view(entity->key));
  entities_.erase(entity);
}

void Store::DropExpired(const Horizon& horizon, int most) {
  if (growing_ > 0 || lag_rows_ > 0) {
    return;
  }
  for (; most > 0 && !entities_.empty(); --most) {
    const Ring& ring = entities_.front().ring;
    if (TimeOf(ring[ring.end() - 1]) >= horizon.Back(longest_us_)) {
      return;
    }
    steps_ += ring.end() - ring.first();
    Drop(entities_.begin());
  }
}

uint64_t Store::BytesOf(const Entity& entity) const {
  constexpr uint64_t kNode = sizeof(Entity) + 6 * sizeof(void*);  // in the list, in the index
  uint64_t bytes = kNode + entity.key.capacity() + entity.ring.bytes() +
                   frames_.size() * sizeof(uint64_t) + moving_ * sizeof(Moving) +
                   growing_ * sizeof(Growing);
  for (const Moving& moving : entity.moving) {
    bytes += moving.bytes();
  }
  for (const Growing& growing : entity.growing) {
    bytes += growing.bytes();
  }
  return bytes;
}

// ---- Rows come.

void Store::FillEntry(std::span<const Datum> values, const EventPlace& place) {
  std::fill(entry_.begin(), entry_.end(), 0);
  std::memcpy(entry_.data(), &place.ts, 8);
  std::memcpy(entry_.data() + 8, &place.arrival, 8);
  for (size_t i = 0; i < bits_.size(); ++i) {
    const auto [filter, arg] = bits_[i];
    if ((filter < 0 || values[filter].is_true()) && (arg < 0 || !values[arg].is_null())) {
      entry_[EntryLayout::kBitsOffset + i / 8] |= static_cast<uint8_t>(1U << (i % 8));
    }
  }
  for (size_t i = 0; i < slot_programs_.size(); ++i) {
    internal::SetValue(entry_.data(), layout_->slots[i], values[slot_programs_[i]]);
  }
}

Datum Store::Value(const uint8_t* entry, const WindowPlan& window) const {
  return ValueOf(entry, layout_->slots[window.slot]);
}

void Store::Append(Entity& entity, int64_t ts) {
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    const int64_t from = SaturatingSubtract(ts, frames_[frame]);
    while (entity.begins[frame] < entity.ring.end() &&
           TimeOf(entity.ring[entity.begins[frame]]) < from) {
      Evict(entity, frame);
    }
  }
  entity.ring.PushBack(entry_.data());
  ++steps_;
  const uint64_t index = entity.ring.end() - 1;
  for (const WindowPlan& window : windows_) {
    if (window.frame >= 0 && window.state >= 0 && window.counts(entity.ring[index])) {
      Admit(entity, window, index);
    }
  }
}

void Store::Grow(Entity& entity) {
  const uint8_t* entry = entity.ring[entity.ring.end() - 1];
  for (const WindowPlan& window : windows_) {
    if (window.frame >= 0 || window.state < 0 || !window.counts(entry)) {
      continue;
    }
    if (window.function == Fold::kDistinct) {
      NoteFirst(entity, window, entry);
    } else {
      AddTo(entity.growing[window.state].now, window, *layout_, entry);
    }
  }
}

void Store::Admit(Entity& entity, const WindowPlan& window, uint64_t index) {
  const uint8_t* entry = entity.ring[index];
  Moving& moving = entity.moving[window.state];
  ++moving.count;
  if (window.function == Fold::kCount) {
    return;
  }
  const Datum value = Value(entry, window);
  if (auto* sum = std::get_if<Sum>(&moving.state)) {
    sum->Add(value.i);
  } else if (auto* table = std::get_if<DistinctTable>(&moving.state)) {
    table->Put(DistinctKey::Of(value), {TimeOf(entry), ArrivalOf(entry)});
  } else {
    // An entry behind which a better or an identical one stands will never be the extreme.
    auto& candidates = std::get<Candidates>(moving.state);
    while (!candidates.empty()) {
      const Datum last = Value(entity.ring[candidates.indexes.back()], window);
      if (!Beats(window.function, value, last) && !table::Identical(value, last)) {
        break;
      }
      candidates.indexes.pop_back();
      ++steps_;
    }
    candidates.indexes.push_back(index);
  }
}

void Store::Evict(Entity& entity, size_t frame) {
  const uint64_t index = entity.begins[frame]++;
  const uint8_t* entry = entity.ring[index];
  ++steps_;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (!window.counts(entry)) {
      continue;
    }
    Moving& moving = entity.moving[window.state];
    --moving.count;
    if (window.function == Fold::kCount) {
      continue;
    }
    if (auto* sum = std::get_if<Sum>(&moving.state)) {
      sum->Subtract(Value(entry, window).i);
    } else if (auto* table = std::get_if<DistinctTable>(&moving.state)) {
      const DistinctKey key = DistinctKey::Of(Value(entry, window));
      if (const EventPlace* latest = table->Find(key);
          latest != nullptr && latest->arrival == ArrivalOf(entry)) {
        table->Erase(key);
      }
    } else if (auto& candidates = std::get<Candidates>(moving.state);
               candidates.indexes[candidates.head] == index) {
      candidates.PopFront();
    }
  }
}

uint64_t Store::Insert(Entity& entity, int64_t ts) {
  Ring& ring = entity.ring;
  const int64_t newest = TimeOf(ring[ring.end() - 1]);
  const uint64_t index = ring.UpperBound(ts);
  ring.Insert(index, entry_.data());
  steps_ += ring.end() - index;
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    if (ts < SaturatingSubtract(newest, frames_[frame])) {
      ++entity.begins[frame];
      ShiftCandidates(entity, frame);
    } else {
      Rebuild(entity, frame);
    }
  }
  const uint8_t* entry = ring[index];
  for (const WindowPlan& window : windows_) {
    if (window.frame < 0 && window.function == Fold::kDistinct && window.counts(entry)) {
      NoteFirst(entity, window, entry);
    } else if (window.frame < 0 && window.state >= 0 && window.counts(entry)) {
      Growing& growing = entity.growing[window.state];
      growing.now = growing.base;
      Scan(growing.now, entity, window, entity.settled, ring.end());
    }
  }
  return index;
}

void Store::ShiftCandidates(Entity& entity, size_t frame) {
  for (size_t w : frame_windows_[frame]) {
    if (auto* candidates = std::get_if<Candidates>(&entity.moving[windows_[w].state].state)) {
      for (uint64_t& index : candidates->indexes) {
        ++index;
      }
      steps_ += candidates->indexes.size();
    }
  }
}

void Store::Rebuild(Entity& entity, size_t frame) {
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    Moving& moving = entity.moving[window.state];
    moving.~Moving();
    new (&moving) Moving(NewMoving(window));
    for (uint64_t i = entity.begins[frame]; i < entity.ring.end(); ++i) {
      ++steps_;
      if (window.counts(entity.ring[i])) {
        Admit(entity, window, i);
      }
    }
  }
}

void Store::NoteFirst(Entity& entity, const WindowPlan& window, const uint8_t* entry) {
  DistinctTable& table = entity.growing[window.state].first;
  const DistinctKey key = DistinctKey::Of(Value(entry, window));
  const EventPlace place{TimeOf(entry), ArrivalOf(entry)};
  if (EventPlace* first = table.Find(key); first == nullptr) {
    table.Put(key, place);
  } else if (place < *first) {
    *first = place;
  }
}

void Store::Scan(Summary& summary, const Entity& entity, const WindowPlan& window, uint64_t from,
                 uint64_t to) {
  steps_ += to - from;
  for (uint64_t i = from; i < to; ++i) {
    if (window.counts(entity.ring[i])) {
      AddTo(summary, window, *layout_, entity.ring[i]);
    }
  }
}

// ---- Values.

Datum Store::Keep(const Datum& value, Scratch& scratch) {
  return value.kind == Datum::Kind::kText ? Machine(scratch).Keep(value.text()) : value;
}

Datum Store::Lag(const Entity& entity, const WindowPlan& window, uint64_t index) const {
  return index - entity.ring.first() >= window.offset
             ? Value(entity.ring[index - window.offset], window)
             : window.fallback[0];
}

Result<Datum> Store::ValueAtEnd(Entity& entity, const WindowPlan& window) {
  const uint64_t end = entity.ring.end();
  if (window.function == Fold::kLag) {
    return Lag(entity, window, end - 1);
  }
  if (window.frame < 0) {
    const Growing& growing = entity.growing[window.state];
    return window.function == Fold::kDistinct ? Datum::Int(growing.first.size())
                                              : Finish(window, growing.now);
  }
  const uint64_t begin = entity.begins[window.frame];
  if (window.state < 0) {
    switch (window.function) {
      case Fold::kCount:
        return Datum::Int(end - begin);
      case Fold::kFirst:
        return Value(entity.ring[begin], window);
      default:
        return Scanned(entity, window, begin, end);
    }
  }
  const Moving& moving = entity.moving[window.state];
  if (window.function == Fold::kCount) {
    return Datum::Int(moving.count);
  }
  if (const auto* table = std::get_if<DistinctTable>(&moving.state)) {
    return Datum::Int(table->size());
  }
  if (moving.count == 0) {
    return Datum::Null();
  }
  if (const auto* sum = std::get_if<Sum>(&moving.state)) {
    return FinishExact(window, moving.count, *sum);
  }
  const auto& candidates = std::get<Candidates>(moving.state);
  return Value(entity.ring[candidates.indexes[candidates.head]], window);
}

Result<Datum> Store::ValueAt(Entity& entity, const WindowPlan& window, uint64_t index) {
  if (window.function == Fold::kLag) {
    return Lag(entity, window, index);
  }
  if (window.function == Fold::kDistinct) {
    return Datum::Int(window.frame < 0 ? DistinctUntil(entity, window, index)
                                       : DistinctIn(entity, window, index));
  }
  if (window.frame < 0) {
    scanned_ = entity.growing[window.state].base;
    Scan(scanned_, entity, window, entity.settled, index + 1);
    return Finish(window, scanned_);
  }
  return Scanned(entity, window, FrameBegin(entity, window, index), index + 1);
}

uint64_t Store::FrameBegin(const Entity& entity, const WindowPlan& window, uint64_t index) const {
  return entity.ring.LowerBound(
      SaturatingSubtract(TimeOf(entity.ring[index]), frames_[window.frame]));
}

Result<Datum> Store::Scanned(const Entity& entity, const WindowPlan& window, uint64_t from,
                             uint64_t to) {
  scanned_ = Summary();
  Scan(scanned_, entity, window, from, to);
  return Finish(window, scanned_);
}

uint64_t Store::DistinctIn(const Entity& entity, const WindowPlan& window, uint64_t index) {
  DistinctTable table(DistinctTable::Texts::kBorrowed);
  for (uint64_t i = FrameBegin(entity, window, index); i <= index; ++i) {
    ++steps_;
    if (window.counts(entity.ring[i])) {
      table.Put(DistinctKey::Of(Value(entity.ring[i], window)), {});
    }
  }
  return table.size();
}

uint64_t Store::DistinctUntil(Entity& entity, const WindowPlan& window, uint64_t index) {
  DistinctTable& table = entity.growing[window.state].first;
  uint64_t later = 0;
  for (uint64_t i = index + 1; i < entity.ring.end(); ++i) {
    ++steps_;
    const uint8_t* entry = entity.ring[i];
    const EventPlace place{TimeOf(entry), ArrivalOf(entry)};
    if (window.counts(entry) && *table.Find(DistinctKey::Of(Value(entry, window))) == place) {
      ++later;
    }
  }
  return table.size() - later;
}

// ---- Rows go.

void Store::Advance(Entity& entity, const Horizon& horizon) {
  Ring& ring = entity.ring;
  for (; entity.settled < ring.end() && TimeOf(ring[entity.settled]) < horizon.open;
       ++entity.settled) {
    ++steps_;
    for (const WindowPlan& window : windows_) {
      if (window.frame < 0 && window.state >= 0 && window.function != Fold::kDistinct &&
          window.counts(ring[entity.settled])) {
        AddTo(entity.growing[window.state].base, window, *layout_, ring[entity.settled]);
      }
    }
  }
  const int64_t reach = horizon.Back(longest_us_);
  while (!ring.empty() && TimeOf(ring[ring.first()]) < reach &&
         entity.settled - ring.first() > lag_rows_) {
    for (size_t frame = 0; frame < frames_.size(); ++frame) {
      if (entity.begins[frame] == ring.first()) {
        Evict(entity, frame);
      }
    }
    ring.PopFront();
    ++steps_;
  }
}

// ---- Stored form.

void Store::SaveEntity(Entity& entity, const Horizon& horizon, ByteWriter& out) const {
  out.Text(entity.key);
  for (const WindowPlan& window : windows_) {
    if (window.frame < 0 && window.state >= 0) {
      SaveGrowing(entity.growing[window.state], window, horizon.open, out);
    }
  }
  const Ring& ring = entity.ring;
  out.Varint(ring.end() - ring.first());
  for (uint64_t i = ring.first(); i < ring.end(); ++i) {
    out.Raw({ring[i], EntryLayout::kBitsOffset + layout_->words * 8});
    for (size_t slot = 0; slot < layout_->slots.size(); ++slot) {
      SaveValue(ValueOf(ring[i], layout_->slots[slot]), out);
    }
  }
}

Result<void> Store::RestoreEntity(Entity& entity, ByteReader& in, const Horizon& horizon,
                                  const EventPlace& newest) {
  for (const WindowPlan& window : windows_) {
    if (window.frame < 0 && window.state >= 0) {
      FUQI_RETURN_IF_ERROR(RestoreGrowing(entity.growing[window.state], window, in));
    }
  }
  const uint64_t count = in.Varint();
  std::set<uint64_t> arrivals;
  EventPlace previous{INT64_MIN, 0};
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    FUQI_RETURN_IF_ERROR(RestoreEntry(in));
    const EventPlace place{TimeOf(entry_.data()), ArrivalOf(entry_.data())};
    if ((i > 0 && place <= previous) || place.ts > newest.ts || place.arrival > newest.arrival ||
        !arrivals.insert(place.arrival).second) {
      return Malformed();
    }
    previous = place;
    Append(entity, place.ts);
    if (place.ts < horizon.open) {
      ++entity.settled;
    } else {
      Grow(entity);
    }
  }
  // Nothing that Advance would have let go, and a key only where it is needed.
  const Ring& ring = entity.ring;
  const bool stale = !ring.empty() && TimeOf(ring[ring.first()]) < horizon.Back(longest_us_) &&
                     entity.settled - ring.first() > lag_rows_;
  return stale || IsForgotten(entity) || !in.ok() || !BasesHold(entity) ? Result<void>(Malformed())
                                                                        : Result<void>();
}

bool Store::BasesHold(Entity& entity) {
  for (const WindowPlan& window : windows_) {
    if (window.frame >= 0 || window.state < 0) {
      continue;
    }
    Growing& growing = entity.growing[window.state];
    uint64_t settled = 0;
    for (uint64_t i = entity.ring.first(); i < entity.settled; ++i) {
      const uint8_t* entry = entity.ring[i];
      if (!window.counts(entry)) {
        continue;
      }
      ++settled;
      if (window.function == Fold::kDistinct &&
          growing.first.Find(DistinctKey::Of(Value(entry, window))) == nullptr) {
        return false;
      }
    }
    if (window.function != Fold::kDistinct && settled > growing.base.count) {
      return false;
    }
  }
  return true;
}

Result<void> Store::RestoreEntry(ByteReader& in) {
  std::fill(entry_.begin(), entry_.end(), 0);
  const ByteView head = in.Raw(EntryLayout::kBitsOffset + layout_->words * 8);
  if (!in.ok()) {
    return Malformed();
  }
  std::copy(head.begin(), head.end(), entry_.begin());
  for (size_t bit = bits_.size(); bit < layout_->words * 64; ++bit) {
    if (BitOf(entry_.data(), static_cast<int>(bit))) {
      return Malformed();
    }
  }
  // What counts has a value.
  for (size_t bit = 0; bit < bits_.size(); ++bit) {
    const auto [filter, arg] = bits_[bit];
    const auto slot = std::find(slot_programs_.begin(), slot_programs_.end(), arg);
    if (slot != slot_programs_.end() && BitOf(entry_.data(), static_cast<int>(bit)) &&
        !BitOf(entry_.data(), layout_->slots[slot - slot_programs_.begin()].present)) {
      return Malformed();
    }
  }
  for (size_t i = 0; i < layout_->slots.size(); ++i) {
    Datum value;
    if (BitOf(entry_.data(), layout_->slots[i].present) &&
        !RestoreValue(slot_types_[i], in, value)) {
      return Malformed();
    }
    internal::SetValue(entry_.data(), layout_->slots[i], value);
  }
  return in.ok() ? Result<void>() : Malformed();
}

}  // namespace fuqi::sql::internal
