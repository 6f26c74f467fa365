#include <algorithm>
#include <cstring>
#include <set>

#include "base/time.h"
#include "base/utf8.h"
#include "sql/functions_internal.h"
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

FramePlan FramePlan::Of(const Window& window) {
  FramePlan plan;
  plan.grows = window.frame == Window::Frame::kUnbounded;
  plan.by_rows = window.frame == Window::Frame::kRows || window.gap_rows > 0;
  plan.gap_us = window.gap_us;
  plan.gap_rows = static_cast<uint64_t>(window.gap_rows);
  if (window.frame == Window::Frame::kRange) {
    plan.length_us = window.length_us;
    plan.months = window.length_months;
  } else if (window.frame == Window::Frame::kRows) {
    plan.rows = static_cast<uint64_t>(window.rows);
  }
  return plan;
}

int64_t FramePlan::Begin(int64_t ts) const {
  if (months != 0 && !AddInterval(ts, {.months = -months}, ts)) {
    return INT64_MIN;
  }
  return SaturatingSubtract(ts, length_us);
}

int64_t FramePlan::EarliestBegin(int64_t ts) const {
  if (months != 0) {
    if (!IsFiniteTimestamp(ts) || !AddInterval(ts, {.months = -months}, ts)) {
      return INT64_MIN;
    }
    ts = SaturatingSubtract(ts, TimeOfDay(ts));
  }
  return SaturatingSubtract(ts, length_us);
}

void Store::Add(WindowPlan window, const Window& source, int arg, int by, int filter) {
  if (window.function == Fold::kLag) {
    rows_back_ = std::max(rows_back_, window.offset);
  } else {
    const FramePlan plan = FramePlan::Of(source);
    const auto known = std::find(frames_.begin(), frames_.end(), plan);
    window.frame = static_cast<int>(known - frames_.begin());
    window.grows = plan.grows;
    if (known == frames_.end()) {
      frames_.push_back(plan);
      frame_windows_.emplace_back();
      rows_back_ = std::max(rows_back_, plan.rows);
      by_time_ = by_time_ || (!plan.grows && !plan.by_rows);
    }
  }
  const bool any_row = window.function == Fold::kFirst || window.function == Fold::kLast ||
                       window.function == Fold::kLag;
  if (filter >= 0 || (arg >= 0 && !any_row)) {
    window.bit = BitOfPrograms({filter, arg, by});
  }
  if (arg >= 0 && window.function != Fold::kCount) {
    window.slot = Slot(arg, window.arg);
  }
  if (by >= 0) {
    window.by = Slot(by, window.by_type);
  }
  if (window.keeps_state()) {
    window.state = window.grows ? growing_++ : moving_++;
    frame_windows_[window.frame].push_back(windows_.size());
  }
  windows_.push_back(std::move(window));
}

void Store::Seal() {
  std::vector<int> present;
  present.reserve(slot_programs_.size());
  for (int program : slot_programs_) {
    present.push_back(BitOfPrograms({.arg = program}));
  }
  layout_ = std::make_unique<EntryLayout>(bits_.size(), slot_types_, present);
  entry_.resize(layout_->stride);
}

// ---- One event.

bool Store::KeyFailed(const std::vector<bool>& failed) const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [&](int program) { return failed[program]; });
}

void Store::Push(std::span<const Datum> values, EventPlace place, const Horizon& horizon,
                 Scratch& scratch, std::vector<Datum>& out, std::optional<Error>& error) {
  Look(horizon);
  EncodeKey(values, key_);
  Entity& entity = Touch();
  const uint64_t before = BytesOf(entity);
  Advance(entity, horizon);
  entity.newest_ts = std::max(entity.newest_ts, place.ts);
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
    Append(entity);
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

void Store::Look(const Horizon& horizon) {
  reach_ = INT64_MAX;
  for (const FramePlan& plan : frames_) {
    if (!plan.grows && !plan.by_rows) {
      reach_ = std::min(reach_, plan.EarliestBegin(horizon.open));
    }
  }
}

void Store::Save(const Horizon& horizon, ByteWriter& out) {
  Look(horizon);
  for (auto entity = entities_.begin(); entity != entities_.end();) {
    const uint64_t before = BytesOf(*entity);
    Advance(*entity, horizon);
    bytes_ += BytesOf(*entity) - before;
    auto next = std::next(entity);
    if (IsForgotten(*entity) || IsPast(*entity, horizon)) {
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
    SaveEntity(*entity, out);
  }
}

void Store::Clear() {
  index_.clear();
  entities_.clear();
  bytes_ = 0;
}

Result<void> Store::Restore(ByteReader& in, const Horizon& horizon, const EventPlace& newest) {
  Look(horizon);
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

int Store::BitOfPrograms(const Bit& wanted) {
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
  entity.spans.resize(frames_.size());
  entity.growing = std::vector<Growing>(growing_);
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

bool Store::IsPast(const Entity& entity, const Horizon& horizon) const {
  return lifetime_us_ > 0 && entity.newest_ts < SaturatingSubtract(horizon.open, lifetime_us_);
}

void Store::DropExpired(const Horizon& horizon, int most) {
  const bool by_reach = growing_ == 0 && rows_back_ == 0 && by_time_;
  for (; most > 0 && !entities_.empty(); --most) {
    const Entity& oldest = entities_.front();
    if (!IsPast(oldest, horizon) && (!by_reach || oldest.newest_ts >= reach_)) {
      return;
    }
    steps_ += oldest.ring.end() - oldest.ring.first();
    Drop(entities_.begin());
  }
}

uint64_t Store::BytesOf(const Entity& entity) const {
  constexpr uint64_t kNode = sizeof(Entity) + 6 * sizeof(void*);  // in the list, in the index
  uint64_t bytes = kNode + entity.key.capacity() + entity.ring.bytes() +
                   frames_.size() * sizeof(Span) + entity.moving.capacity() * sizeof(Moving) +
                   growing_ * sizeof(Growing);
  for (const Moving& moving : entity.moving) {
    bytes += moving.bytes();
  }
  for (const Growing& growing : entity.growing) {
    bytes += growing.bytes();
  }
  return bytes;
}

// ---- Stored form.

void Store::SaveEntity(Entity& entity, ByteWriter& out) const {
  const Ring& ring = entity.ring;
  out.Text(entity.key);
  out.Fixed(entity.newest_ts);
  for (const WindowPlan& window : windows_) {
    if (window.grows && window.state >= 0) {
      const uint64_t begin = entity.spans[window.frame].begin;
      EventPlace place{INT64_MAX, UINT64_MAX};
      if (begin < ring.end()) {
        place = {TimeOf(ring[begin]), ArrivalOf(ring[begin])};
      }
      SaveGrowing(entity.growing[window.state], window, place, out);
    }
  }
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
  entity.newest_ts = in.Fixed<int64_t>();
  for (const WindowPlan& window : windows_) {
    if (window.grows && window.state >= 0) {
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
    entity.ring.PushBack(entry_.data());
  }
  const bool newer =
      entity.ring.empty() ? entity.newest_ts >= horizon.open : entity.newest_ts != previous.ts;
  if (!in.ok() || newer || entity.newest_ts > newest.ts || IsPast(entity, horizon)) {
    return Malformed();
  }
  Resume(entity, horizon);
  // Nothing that Advance would have let go, and a key only where it is needed.
  return FirstMayGo(entity) || IsForgotten(entity) || !BasesHold(entity) ? Result<void>(Malformed())
                                                                         : Result<void>();
}

void Store::Resume(Entity& entity, const Horizon& horizon) {
  const Ring& ring = entity.ring;
  entity.settled = ring.LowerBound(horizon.open);
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    Span& span = entity.spans[frame];
    span = {ring.first(), ring.first()};
    if (ring.empty()) {
      continue;
    }
    const Span newest = SpanAt(entity, frame, ring.end() - 1);
    if (!frames_[frame].grows) {
      Rebuild(entity, frame, newest);
      continue;
    }
    span.begin = BaseEnd(entity, frame, horizon);
    span.end = span.begin;
    while (span.end < newest.end) {
      Grow(entity, frame, span.end++);
    }
  }
  RunIfMany(entity);
}

bool Store::BasesHold(Entity& entity) {
  for (const WindowPlan& window : windows_) {
    if (!window.grows || window.state < 0) {
      continue;
    }
    const bool different = NeedsOf(window.function) == Needs::kDifferent;
    Growing& growing = entity.growing[window.state];
    uint64_t settled = 0;
    for (uint64_t i = entity.ring.first(); i < entity.spans[window.frame].begin; ++i) {
      const uint8_t* entry = entity.ring[i];
      if (!window.counts(entry)) {
        continue;
      }
      ++settled;
      if (different &&
          growing.first.Find(DistinctKey::Of(window.Value(*layout_, entry))) == nullptr) {
        return false;
      }
    }
    if (!different && settled > growing.base.count) {
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
  for (size_t bit = bits_.size(); bit < size_t{64} * layout_->words; ++bit) {
    if (BitOf(entry_.data(), static_cast<int>(bit))) {
      return Malformed();
    }
  }
  // What counts has a value.
  for (size_t bit = 0; bit < bits_.size(); ++bit) {
    for (int program : {bits_[bit].arg, bits_[bit].by}) {
      const auto slot = std::find(slot_programs_.begin(), slot_programs_.end(), program);
      if (slot != slot_programs_.end() && BitOf(entry_.data(), static_cast<int>(bit)) &&
          !BitOf(entry_.data(), layout_->slots[slot - slot_programs_.begin()].present)) {
        return Malformed();
      }
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
