// How frames follow their events: rows come, values are taken, rows go.

#include <algorithm>
#include <array>
#include <cstring>

#include "sql/window_store_internal.h"

namespace fuqi::sql::internal {

namespace {

// A key of so few rows keeps no running states of frames that move, and a frame of so few no
// candidates and no table of different values: the rows are looked at one by one. Most keys are
// seldom seen, and what is kept for each of them is the better part of all state.
constexpr uint64_t kFewRows = 8;

}  // namespace

// ---- Rows come.

void Store::FillEntry(std::span<const Datum> values, const EventPlace& place) {
  std::fill(entry_.begin(), entry_.end(), 0);
  std::memcpy(entry_.data(), &place.ts, 8);
  std::memcpy(entry_.data() + 8, &place.arrival, 8);
  for (size_t i = 0; i < bits_.size(); ++i) {
    const Bit& bit = bits_[i];
    if ((bit.filter < 0 || values[bit.filter].is_true()) &&
        (bit.arg < 0 || !values[bit.arg].is_null()) && (bit.by < 0 || !values[bit.by].is_null())) {
      entry_[EntryLayout::kBitsOffset + i / 8] |= static_cast<uint8_t>(1U << (i % 8));
    }
  }
  for (size_t i = 0; i < slot_programs_.size(); ++i) {
    internal::SetValue(entry_.data(), layout_->slots[i], values[slot_programs_[i]]);
  }
}

void Store::Append(Entity& entity) {
  entity.ring.PushBack(entry_.data());
  ++steps_;
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    MoveTo(entity, frame, SpanOfNewest(entity, frame));
  }
  RunIfMany(entity);
}

void Store::RunIfMany(Entity& entity) {
  if (moving_ == 0 || !entity.moving.empty() ||
      entity.ring.end() - entity.ring.first() <= kFewRows) {
    return;
  }
  entity.moving.reserve(moving_);
  for (const WindowPlan& window : windows_) {
    if (window.state >= 0 && !window.grows) {
      entity.moving.push_back(NewMoving(window));
    }
  }
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    if (!frames_[frame].grows) {
      Rebuild(entity, frame, Span(entity.spans[frame]));
    }
  }
}

Span Store::SpanOfNewest(const Entity& entity, size_t frame) const {
  const FramePlan& plan = frames_[frame];
  const Ring& ring = entity.ring;
  const uint64_t newest = ring.end() - 1;
  if (plan.by_rows) {
    return SpanAt(entity, frame, newest);
  }
  // Times rise, so both ends go on from where they are; with months the begin may go back a little.
  Span span = entity.spans[frame];
  const int64_t ts = TimeOf(ring[newest]);
  if (!plan.grows) {
    const int64_t from = plan.Begin(ts);
    while (TimeOf(ring[span.begin]) < from) {
      ++span.begin;
    }
    while (plan.months != 0 && span.begin > ring.first() && TimeOf(ring[span.begin - 1]) >= from) {
      --span.begin;
    }
  }
  if (plan.gap_us == 0) {
    span.end = newest + 1;
    return span;
  }
  const int64_t to = plan.End(ts);
  while (span.end <= newest && TimeOf(ring[span.end]) <= to) {
    ++span.end;
  }
  span.end = std::max(span.begin, span.end);
  return span;
}

Span Store::SpanAt(const Entity& entity, size_t frame, uint64_t index) const {
  const FramePlan& plan = frames_[frame];
  const Ring& ring = entity.ring;
  const auto back = [&](uint64_t from, uint64_t rows) {
    return from - ring.first() >= rows ? from - rows : ring.first();
  };
  const int64_t ts = TimeOf(ring[index]);
  Span span{entity.spans[frame].begin, index + 1};
  if (plan.by_rows) {
    span.end = back(index + 1, plan.gap_rows);
  } else if (plan.gap_us > 0) {
    span.end = ring.UpperBound(plan.End(ts));
  }
  if (!plan.grows) {
    span.begin = plan.by_rows ? back(index, plan.rows) : ring.LowerBound(plan.Begin(ts));
  }
  span.end = std::max(span.begin, span.end);
  return span;
}

void Store::MoveTo(Entity& entity, size_t frame, const Span& to) {
  Span& span = entity.spans[frame];
  if (frames_[frame].grows) {
    while (span.end < to.end) {
      Grow(entity, frame, span.end++);
    }
    return;
  }
  if (entity.moving.empty()) {
    span = to;
    return;
  }
  while (span.begin < std::min(to.begin, span.end)) {
    Evict(entity, frame, span.begin++);
  }
  if (span.begin < to.begin) {
    span = {to.begin, to.begin};
  }
  while (span.begin > to.begin) {
    Readmit(entity, frame, --span.begin);
  }
  while (span.end < to.end) {
    Admit(entity, frame, span.end++);
  }
  SuitToSize(entity, frame);
}

void Store::SuitToSize(Entity& entity, size_t frame) {
  const Span& span = entity.spans[frame];
  const uint64_t rows = span.end - span.begin;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    const Needs needs = NeedsOf(window.function);
    if (needs != Needs::kExtreme && needs != Needs::kDifferent) {
      continue;
    }
    Moving& moving = entity.moving[window.state];
    const bool few = std::holds_alternative<std::monostate>(moving.state);
    if (few && rows > kFewRows) {
      if (needs == Needs::kExtreme) {
        moving.state.emplace<Candidates>();
      } else {
        moving.state.emplace<DistinctTable>(DistinctTable::Texts::kBorrowed);
      }
      for (uint64_t i = span.begin; i < span.end; ++i) {
        if (window.counts(entity.ring[i])) {
          Note(entity, window, i);
        }
      }
    } else if (!few && rows <= kFewRows / 2) {  // not at once: a frame that sways would pay often
      moving.state.emplace<std::monostate>();
    }
  }
}

void Store::Count(const WindowPlan& window, const uint8_t* entry, Moving& moving) const {
  ++moving.count;
  if (auto* sum = std::get_if<Sum>(&moving.state)) {
    sum->Add(window.Value(*layout_, entry).i);
  } else if (auto* sums = std::get_if<Sums>(&moving.state)) {
    AddTo(*sums, window, *layout_, entry, ExactSum::Sign::kPlus);
  } else if (auto* values = std::get_if<RankList>(&moving.state)) {
    values->Insert(RankList::KeyOf(window.Value(*layout_, entry)));
  }
}

void Store::Admit(Entity& entity, size_t frame, uint64_t index) {
  const uint8_t* entry = entity.ring[index];
  steps_ += index + 1 == entity.ring.end() ? 0 : 1;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (!window.counts(entry)) {
      continue;
    }
    Count(window, entry, entity.moving[window.state]);
    Note(entity, window, index);
  }
}

void Store::Note(Entity& entity, const WindowPlan& window, uint64_t index) {
  Moving& moving = entity.moving[window.state];
  const uint8_t* entry = entity.ring[index];
  if (auto* table = std::get_if<DistinctTable>(&moving.state)) {
    table->Put(DistinctKey::Of(window.Value(*layout_, entry)), {TimeOf(entry), ArrivalOf(entry)});
  } else if (auto* candidates = std::get_if<Candidates>(&moving.state)) {
    const Datum by = window.By(*layout_, entry);
    while (!candidates->empty() &&
           Supersedes(window, by, window.By(*layout_, entity.ring[candidates->indexes.back()]))) {
      candidates->indexes.pop_back();
      ++steps_;
    }
    candidates->indexes.push_back(index);
  }
}

void Store::Evict(Entity& entity, size_t frame, uint64_t index) {
  if (entity.moving.empty()) {
    return;
  }
  const uint8_t* entry = entity.ring[index];
  ++steps_;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (!window.counts(entry)) {
      continue;
    }
    Moving& moving = entity.moving[window.state];
    --moving.count;
    if (auto* sum = std::get_if<Sum>(&moving.state)) {
      sum->Subtract(window.Value(*layout_, entry).i);
    } else if (auto* sums = std::get_if<Sums>(&moving.state)) {
      AddTo(*sums, window, *layout_, entry, ExactSum::Sign::kMinus);
    } else if (auto* table = std::get_if<DistinctTable>(&moving.state)) {
      const DistinctKey key = DistinctKey::Of(window.Value(*layout_, entry));
      if (const EventPlace* latest = table->Find(key);
          latest != nullptr && latest->arrival == ArrivalOf(entry)) {
        table->Erase(key);
      }
    } else if (auto* values = std::get_if<RankList>(&moving.state)) {
      values->Erase(RankList::KeyOf(window.Value(*layout_, entry)));
    } else if (auto* candidates = std::get_if<Candidates>(&moving.state);
               candidates != nullptr && candidates->indexes[candidates->head] == index) {
      candidates->PopFront();
    }
  }
}

void Store::Readmit(Entity& entity, size_t frame, uint64_t index) {
  const uint8_t* entry = entity.ring[index];
  ++steps_;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (!window.counts(entry)) {
      continue;
    }
    Moving& moving = entity.moving[window.state];
    Count(window, entry, moving);
    if (auto* table = std::get_if<DistinctTable>(&moving.state)) {
      const DistinctKey key = DistinctKey::Of(window.Value(*layout_, entry));
      if (table->Find(key) == nullptr) {
        table->Put(key, {TimeOf(entry), ArrivalOf(entry)});
      }
    } else if (auto* candidates = std::get_if<Candidates>(&moving.state)) {
      const bool needless =
          !candidates->empty() &&
          Supersedes(window,
                     window.By(*layout_, entity.ring[candidates->indexes[candidates->head]]),
                     window.By(*layout_, entry));
      if (!needless) {
        candidates->PushFront(index);
      }
    }
  }
}

void Store::Grow(Entity& entity, size_t frame, uint64_t index) {
  const uint8_t* entry = entity.ring[index];
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (!window.counts(entry)) {
      continue;
    }
    if (NeedsOf(window.function) == Needs::kDifferent) {
      NoteFirst(entity, window, entry);
    } else {
      AddTo(entity.growing[window.state].now, window, *layout_, entry);
    }
  }
}

uint64_t Store::Insert(Entity& entity, int64_t ts) {
  Ring& ring = entity.ring;
  const uint64_t index = ring.UpperBound(ts);
  ring.Insert(index, entry_.data());
  steps_ += ring.end() - index;
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    InsertInto(entity, frame, index);
  }
  RunIfMany(entity);
  return index;
}

void Store::InsertInto(Entity& entity, size_t frame, uint64_t index) {
  const FramePlan& plan = frames_[frame];
  const Ring& ring = entity.ring;
  const uint64_t newest = ring.end() - 1;
  Span& span = entity.spans[frame];
  if (plan.by_rows && !plan.grows) {
    return Rebuild(entity, frame, SpanAt(entity, frame, newest));
  }
  const int64_t ts = TimeOf(ring[index]);
  const int64_t newest_ts = TimeOf(ring[newest]);
  if (!plan.grows && ts < plan.Begin(newest_ts)) {
    ++span.begin;
    ++span.end;
    return ShiftCandidates(entity, frame);
  }
  if (plan.gap_us > 0 && ts > plan.End(newest_ts)) {
    return;
  }
  if (!plan.grows) {
    return Rebuild(entity, frame, {span.begin, span.end + 1});
  }
  const uint64_t end = plan.by_rows ? SpanAt(entity, frame, newest).end : span.end + 1;
  if (end == span.end) {
    return;
  }
  // By rows it is the row at the end that comes in, unless the late one does.
  const uint8_t* entry = ring[std::min(index, span.end)];
  span.end = end;
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (NeedsOf(window.function) == Needs::kDifferent && window.counts(entry)) {
      NoteFirst(entity, window, entry);
    }
  }
  RegrowFromBase(entity, frame);
}

void Store::ShiftCandidates(Entity& entity, size_t frame) {
  if (entity.moving.empty()) {
    return;
  }
  for (size_t w : frame_windows_[frame]) {
    if (auto* candidates = std::get_if<Candidates>(&entity.moving[windows_[w].state].state)) {
      for (uint64_t& index : candidates->indexes) {
        ++index;
      }
      steps_ += candidates->indexes.size();
    }
  }
}

void Store::Rebuild(Entity& entity, size_t frame, const Span& span) {
  if (entity.moving.empty()) {
    entity.spans[frame] = span;
    return;
  }
  for (size_t w : frame_windows_[frame]) {
    Moving& moving = entity.moving[windows_[w].state];
    moving.~Moving();
    new (&moving) Moving(NewMoving(windows_[w]));
  }
  entity.spans[frame] = {span.begin, span.begin};
  MoveTo(entity, frame, span);
}

void Store::RegrowFromBase(Entity& entity, size_t frame) {
  const Span& span = entity.spans[frame];
  for (size_t w : frame_windows_[frame]) {
    const WindowPlan& window = windows_[w];
    if (NeedsOf(window.function) != Needs::kDifferent) {
      Growing& growing = entity.growing[window.state];
      growing.now = growing.base;
      Scan(growing.now, entity, window, span.begin, span.end);
    }
  }
}

void Store::NoteFirst(Entity& entity, const WindowPlan& window, const uint8_t* entry) {
  DistinctTable& table = entity.growing[window.state].first;
  const DistinctKey key = DistinctKey::Of(window.Value(*layout_, entry));
  const EventPlace place{TimeOf(entry), ArrivalOf(entry)};
  if (EventPlace* first = table.Find(key); first == nullptr) {
    table.Put(key, place);
  } else if (place < *first) {
    *first = place;
  }
}

void Store::Scan(Summary& summary, const Entity& entity, const WindowPlan& window, uint64_t from,
                 uint64_t to) {
  for (uint64_t i = from; i < to; ++i) {
    ++steps_;
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
             ? window.Value(*layout_, entity.ring[index - window.offset])
             : window.fallback[0];
}

Result<Datum> Store::ValueAtEnd(Entity& entity, const WindowPlan& window) {
  if (window.function == Fold::kLag) {
    return Lag(entity, window, entity.ring.end() - 1);
  }
  if (!window.grows) {
    return ValueOfMoving(entity, window);
  }
  const Growing& growing = entity.growing[window.state];
  return NeedsOf(window.function) == Needs::kDifferent ? Different(window, growing.first)
                                                       : Finish(window, growing.now);
}

Result<Datum> Store::ValueOfMoving(const Entity& entity, const WindowPlan& window) {
  const Span& span = entity.spans[window.frame];
  if (window.state < 0) {
    if (window.function == Fold::kCount) {
      return Datum::Int(span.end - span.begin);
    }
    const uint64_t index = window.function == Fold::kFirst ? span.begin : span.end - 1;
    return span.begin == span.end ? Datum::Null() : window.Value(*layout_, entity.ring[index]);
  }
  if (entity.moving.empty()) {
    return ValueAmongFew(entity, window, span);
  }
  const Moving& moving = entity.moving[window.state];
  if (window.function == Fold::kCount) {
    return Datum::Int(moving.count);
  }
  if (const auto* table = std::get_if<DistinctTable>(&moving.state)) {
    return Different(window, *table);
  }
  if (std::holds_alternative<std::monostate>(moving.state)) {
    return ValueAmongFew(entity, window, span);
  }
  if (moving.count == 0) {
    return Datum::Null();
  }
  if (const auto* sum = std::get_if<Sum>(&moving.state)) {
    return FinishExact(window, moving.count, *sum);
  }
  if (const auto* sums = std::get_if<Sums>(&moving.state)) {
    return FinishSums(window, moving.count, *sums);
  }
  if (const auto* values = std::get_if<RankList>(&moving.state)) {
    steps_ += values->steps();
    return FinishOrder(window, *values);
  }
  const auto& candidates = std::get<Candidates>(moving.state);
  return window.Value(*layout_, entity.ring[candidates.indexes[candidates.head]]);
}

Result<Datum> Store::ValueAmongFew(const Entity& entity, const WindowPlan& window,
                                   const Span& span) {
  switch (NeedsOf(window.function)) {
    case Needs::kExtreme:
      return ExtremeAmongFew(entity, window, span);
    case Needs::kDifferent:
      return window.function == Fold::kDistinct ? DifferentAmongFew(entity, window, span)
                                                : DifferentIn(entity, window, span);
    default:
      scanned_ = {};
      Scan(scanned_, entity, window, span.begin, span.end);
      return Finish(window, scanned_);
  }
}

Datum Store::ExtremeAmongFew(const Entity& entity, const WindowPlan& window, const Span& span) {
  uint64_t best = span.end;
  for (uint64_t i = span.begin; i < span.end; ++i) {
    ++steps_;
    const uint8_t* entry = entity.ring[i];
    if (window.counts(entry) &&
        (best == span.end ||
         Supersedes(window, window.By(*layout_, entry), window.By(*layout_, entity.ring[best])))) {
      best = i;
    }
  }
  return best == span.end ? Datum::Null() : window.Value(*layout_, entity.ring[best]);
}

Datum Store::DifferentAmongFew(const Entity& entity, const WindowPlan& window, const Span& span) {
  std::array<DistinctKey, kFewRows> seen;
  size_t size = 0;
  for (uint64_t i = span.begin; i < span.end; ++i) {
    ++steps_;
    const uint8_t* entry = entity.ring[i];
    if (!window.counts(entry)) {
      continue;
    }
    const DistinctKey key = DistinctKey::Of(window.Value(*layout_, entry));
    const auto end = seen.begin() + static_cast<ptrdiff_t>(size);
    if (std::find(seen.begin(), end, key) == end) {
      seen[size++] = key;
    }
  }
  return Datum::Int(size);
}

Result<Datum> Store::ValueAt(Entity& entity, const WindowPlan& window, uint64_t index) {
  if (window.function == Fold::kLag) {
    return Lag(entity, window, index);
  }
  const Span span = SpanAt(entity, window.frame, index);
  if (NeedsOf(window.function) == Needs::kDifferent) {
    return window.grows ? DifferentUntil(entity, window, span.end)
                        : DifferentIn(entity, window, span);
  }
  if (window.state < 0 && window.function != Fold::kCount) {
    const uint64_t chosen = window.function == Fold::kFirst ? span.begin : span.end - 1;
    return span.begin == span.end ? Datum::Null() : window.Value(*layout_, entity.ring[chosen]);
  }
  Summary summary;
  if (window.grows) {
    summary = entity.growing[window.state].base;
  }
  Scan(summary, entity, window, span.begin, span.end);
  scanned_ = std::move(summary);
  return Finish(window, scanned_);
}

Result<Datum> Store::Different(const WindowPlan& window, const DistinctTable& table) {
  if (window.function == Fold::kDistinct) {
    return Datum::Int(table.size());
  }
  std::vector<std::string_view> texts;
  table.ForEach([&](const DistinctKey& key, const EventPlace&) { texts.push_back(key.AsText()); });
  steps_ += texts.size();
  return FinishJoin(window, std::move(texts), joined_);
}

Result<Datum> Store::DifferentIn(const Entity& entity, const WindowPlan& window, const Span& span) {
  DistinctTable table(DistinctTable::Texts::kBorrowed);
  for (uint64_t i = span.begin; i < span.end; ++i) {
    ++steps_;
    if (window.counts(entity.ring[i])) {
      table.Put(DistinctKey::Of(window.Value(*layout_, entity.ring[i])), {});
    }
  }
  return Different(window, table);
}

Result<Datum> Store::DifferentUntil(Entity& entity, const WindowPlan& window, uint64_t to) {
  DistinctTable& table = entity.growing[window.state].first;
  const Ring& ring = entity.ring;
  EventPlace end{INT64_MAX, UINT64_MAX};
  if (to < ring.end()) {
    end = {TimeOf(ring[to]), ArrivalOf(ring[to])};
  }
  if (window.function == Fold::kJoin) {
    std::vector<std::string_view> texts;
    table.ForEach([&](const DistinctKey& key, const EventPlace& first) {
      if (first < end) {
        texts.push_back(key.AsText());
      }
    });
    steps_ += table.size();
    return FinishJoin(window, std::move(texts), joined_);
  }
  uint64_t later = 0;
  for (uint64_t i = to; i < entity.spans[window.frame].end; ++i) {
    ++steps_;
    const uint8_t* entry = ring[i];
    const EventPlace place{TimeOf(entry), ArrivalOf(entry)};
    if (window.counts(entry) &&
        *table.Find(DistinctKey::Of(window.Value(*layout_, entry))) == place) {
      ++later;
    }
  }
  return Datum::Int(table.size() - later);
}

// ---- Rows go.

uint64_t Store::BaseEnd(const Entity& entity, size_t frame, const Horizon& horizon) const {
  const FramePlan& plan = frames_[frame];
  const Ring& ring = entity.ring;
  if (plan.by_rows) {
    // A row that comes will stand at settled or behind; it sees what lies gap_rows before it.
    const uint64_t seen = entity.settled + 1 - ring.first();
    return std::max(entity.spans[frame].begin,
                    ring.first() + (seen > plan.gap_rows ? seen - plan.gap_rows : 0));
  }
  if (plan.gap_us == 0) {
    return entity.settled;
  }
  uint64_t end = entity.spans[frame].begin;
  while (end < entity.settled && TimeOf(ring[end]) <= plan.End(horizon.open)) {
    ++end;
  }
  return end;
}

bool Store::FirstMayGo(const Entity& entity) const {
  const Ring& ring = entity.ring;
  if (ring.empty() || TimeOf(ring[ring.first()]) >= reach_ || entity.settled < ring.first() ||
      entity.settled - ring.first() <= rows_back_) {
    return false;
  }
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    if (frames_[frame].grows && entity.spans[frame].begin == ring.first()) {
      return false;
    }
  }
  return true;
}

void Store::Advance(Entity& entity, const Horizon& horizon) {
  Ring& ring = entity.ring;
  for (; entity.settled < ring.end() && TimeOf(ring[entity.settled]) < horizon.open;
       ++entity.settled) {
    ++steps_;
  }
  for (size_t frame = 0; frame < frames_.size(); ++frame) {
    Span& span = entity.spans[frame];
    if (!frames_[frame].grows) {
      continue;
    }
    for (const uint64_t end = BaseEnd(entity, frame, horizon); span.begin < end; ++span.begin) {
      if (span.begin == span.end) {
        Grow(entity, frame, span.end++);
      }
      for (size_t w : frame_windows_[frame]) {
        const WindowPlan& window = windows_[w];
        if (NeedsOf(window.function) != Needs::kDifferent && window.counts(ring[span.begin])) {
          AddTo(entity.growing[window.state].base, window, *layout_, ring[span.begin]);
        }
      }
    }
  }
  while (FirstMayGo(entity)) {
    for (size_t frame = 0; frame < frames_.size(); ++frame) {
      Span& span = entity.spans[frame];
      if (frames_[frame].grows || span.begin > ring.first()) {
        continue;
      }
      if (span.end > span.begin) {
        Evict(entity, frame, span.begin++);
      } else {
        ++span.begin;
        ++span.end;
      }
    }
    ring.PopFront();
    ++steps_;
  }
  if (ring.end() - ring.first() <= kFewRows / 2) {  // not at once: a key that sways would pay often
    entity.moving = std::vector<Moving>();
  }
}

}  // namespace fuqi::sql::internal
