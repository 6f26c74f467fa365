#include "sql/window_state.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "base/decimal.h"
#include "base/utf8.h"
#include "sql/distinct_internal.h"
#include "sql/functions.h"
#include "sql/ring_internal.h"

namespace fuqi::sql {
namespace {

using internal::ArrivalOf;
using internal::BitOf;
using internal::DistinctKey;
using internal::DistinctTable;
using internal::EntryLayout;
using internal::EventPlace;
using internal::Ring;
using internal::TimeOf;
using internal::ValueOf;

constexpr uint8_t kFormat = 1;
// How many keys a push may drop: each push adds at most one, so the backlog of a burst shrinks and
// no push pays for all of it.
constexpr int kDropsPerPush = 2;

int64_t SaturatingSubtract(int64_t a, int64_t b) {
  int64_t difference;
  return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? INT64_MIN : INT64_MAX) : difference;
}

// An exact sum: 192 bits, so that only the result can be too large for its type, whatever came and
// went on the way.
class Sum {
 public:
  void Add(int128 value) {
    const uint128 sum = low_ + static_cast<uint128>(value);
    high_ += (sum < low_ ? 1 : 0) - (value < 0 ? 1 : 0);
    low_ = sum;
  }
  void Subtract(int128 value) {
    const uint128 difference = low_ - static_cast<uint128>(value);
    high_ -= (difference > low_ ? 1 : 0) - (value < 0 ? 1 : 0);
    low_ = difference;
  }
  std::optional<int128> Value() const {
    const auto value = static_cast<int128>(low_);
    return high_ == (value < 0 ? -1 : 0) ? std::optional(value) : std::nullopt;
  }
  void Save(ByteWriter& out) const {
    out.Fixed(low_);
    out.Fixed(high_);
  }
  void Restore(ByteReader& in) {
    low_ = in.Fixed<uint128>();
    high_ = in.Fixed<int64_t>();
  }

 private:
  uint128 low_ = 0;
  int64_t high_ = 0;
};

// One value with its own copy of a text.
class Held {
 public:
  const Datum& value() const { return value_; }
  void Set(const Datum& value) {
    value_ = value;
    text_.reset();
    if (value.kind == Datum::Kind::kText) {
      text_ = std::make_unique_for_overwrite<char[]>(value.t.size);
      std::copy_n(value.t.data, value.t.size, text_.get());
      value_.t.data = text_.get();
    }
  }
  uint64_t bytes() const { return text_ ? value_.t.size : 0; }

 private:
  Datum value_;
  std::unique_ptr<char[]> text_;
};

// What a window makes of its rows.
enum class Fold : uint8_t {
  kCount,
  kSum,
  kSumDouble,
  kAvg,
  kAvgDouble,
  kMin,
  kMax,
  kDistinct,
  kFirst,
  kLast,
  kLag
};

// What values added in the frame's order make: for frames that only grow, and for scans.
struct Summary {
  uint64_t count = 0;
  Sum sum;
  double real = 0;
  Held held;  // kMin, kMax, kFirst

  Summary() = default;
  Summary(const Summary& other) { *this = other; }
  Summary& operator=(const Summary& other) {
    count = other.count;
    sum = other.sum;
    real = other.real;
    held.Set(other.held.value());
    return *this;
  }
};

// The entries that are or may become the extreme of a frame, by index, best first.
struct Candidates {
  std::vector<uint64_t> indexes;
  size_t head = 0;

  bool empty() const { return head == indexes.size(); }
  void PopFront() {
    if (2 * ++head > indexes.size()) {
      indexes.erase(indexes.begin(), indexes.begin() + static_cast<ptrdiff_t>(head));
      head = 0;
    }
  }
};

// Running state of a window whose frame moves.
struct Moving {
  uint64_t count = 0;
  std::variant<Sum, Candidates, DistinctTable> state;

  uint64_t bytes() const {
    if (const auto* candidates = std::get_if<Candidates>(&state)) {
      return candidates->indexes.capacity() * sizeof(uint64_t);
    }
    const auto* table = std::get_if<DistinctTable>(&state);
    return table != nullptr ? table->bytes() : 0;
  }
};

// Running state of a window whose frame only grows. `base` has what is older than any event that
// may still come; `now` has all.
struct Growing {
  Summary base;
  Summary now;
  DistinctTable first{DistinctTable::Texts::kOwned};  // kDistinct: the first place of each value

  uint64_t bytes() const { return base.held.bytes() + now.held.bytes() + first.bytes(); }
};

struct WindowPlan {
  Fold function = Fold::kCount;
  std::string name;
  int bit = -1;      // of the entries that count; -1: all do
  int slot = -1;     // of the argument
  int program = -1;  // kLast: of the argument
  int frame = -1;    // of the store's frames; -1: from the first row on
  int state = -1;    // of the entity's `moving` or `growing`
  uint64_t offset = 0;
  table::Row fallback;
  Type arg;
  Type type;
  size_t output = 0;

  bool keeps_state() const {
    switch (function) {
      case Fold::kLast:
      case Fold::kLag:
        return false;
      case Fold::kFirst:
      case Fold::kSumDouble:
      case Fold::kAvgDouble:
        return frame < 0;
      case Fold::kCount:
        return frame < 0 || bit >= 0;
      default:
        return true;
    }
  }
  bool counts(const uint8_t* entry) const { return bit < 0 || BitOf(entry, bit); }
};

// True if `a` takes the place of `b` as the extreme.
bool Beats(Fold function, const Datum& a, const Datum& b) {
  return function == Fold::kMin ? Compare(a, b) < 0 : Compare(a, b) > 0;
}

Result<Datum> FiniteDouble(const WindowPlan& window, double value) {
  if (!std::isfinite(value)) {
    return Err(ErrorCode::kOutOfRange, "'{}' over a window is not a finite number", window.name);
  }
  return Datum::Double(value);
}

Result<Datum> FinishExact(const WindowPlan& window, uint64_t count, const Sum& sum) {
  const auto total = sum.Value();
  if (!total) {
    return Err(ErrorCode::kOutOfRange, "'{}' over a window goes beyond 128 bits", window.name);
  }
  if (window.function == Fold::kSum) {
    return Datum::Int(*total);
  }
  // As DuckDB: in 80 bits, but in 64 where the argument is kept in 16 bits.
  const double scale = HugeToReal<double>(kPowersOfTen[window.arg.scale]);
  const bool narrow = window.arg.id == TypeId::kDecimal ? window.arg.width <= 4
                                                        : window.arg.id == TypeId::kSmallInt;
  if (narrow) {
    return Datum::Double(static_cast<double>(static_cast<int64_t>(*total)) /
                         (static_cast<double>(count) * scale));
  }
  const long double divisor = static_cast<long double>(count) * scale;
  return Datum::Double(static_cast<double>(HugeToReal<long double>(*total) / divisor));
}

Result<Datum> Finish(const WindowPlan& window, const Summary& summary) {
  if (window.function == Fold::kCount) {
    return Datum::Int(summary.count);
  }
  if (summary.count == 0) {
    return Datum::Null();
  }
  switch (window.function) {
    case Fold::kSum:
    case Fold::kAvg:
      return FinishExact(window, summary.count, summary.sum);
    case Fold::kSumDouble:
      return FiniteDouble(window, summary.real);
    case Fold::kAvgDouble:
      return FiniteDouble(window, summary.real / static_cast<double>(summary.count));
    default:
      return summary.held.value();
  }
}

// One partition key and its events.
struct Entity {
  explicit Entity(const EntryLayout& layout) : ring(layout) {}

  std::string key;
  Ring ring;
  uint64_t settled = 0;          // first entry that is not older than any event that may still come
  std::vector<uint64_t> begins;  // per frame: its first entry
  std::vector<Moving> moving;
  std::vector<Growing> growing;
};

// What decides when rows may go: all of it follows from the rows pushed.
struct Horizon {
  int64_t open = INT64_MIN;  // events from here on may still come
  int64_t Back(int64_t length_us) const { return SaturatingSubtract(open, length_us); }
};

// The windows of one list of partition expressions.
class Store {
 public:
  Store(std::vector<int> partitions, std::vector<Type> partition_types)
      : partitions_(std::move(partitions)), partition_types_(std::move(partition_types)) {}

  // ---- Compilation.

  bool IsOver(const std::vector<int>& partitions) const { return partitions_ == partitions; }
  // Adds a window with its argument and filter programs (-1: none).
  void Add(WindowPlan window, const Window& source, int arg, int filter) {
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
  void Seal() {
    std::vector<int> present;
    for (int program : slot_programs_) {
      present.push_back(Bit(-1, program));
    }
    layout_ = std::make_unique<EntryLayout>(bits_.size(), slot_types_, present);
    entry_.resize(layout_->stride);
    longest_us_ = frames_.empty() ? 0 : *std::max_element(frames_.begin(), frames_.end());
  }
  std::span<const WindowPlan> windows() const { return windows_; }

  // ---- One event.

  bool KeyFailed(const std::vector<bool>& failed) const {
    return std::any_of(partitions_.begin(), partitions_.end(),
                       [&](int program) { return failed[program]; });
  }

  // `values`: of the level's programs. Gives the windows' values into `out`; the first error into
  // `error`.
  void Push(std::span<const Datum> values, EventPlace place, const Horizon& horizon,
            Scratch& scratch, std::vector<Datum>& out, std::optional<Error>& error) {
    EncodeKey(values, key_);
    Entity& entity = Touch();
    const uint64_t before = BytesOf(entity);
    Advance(entity, horizon);
    FillEntry(values, place);
    const auto give = [&](const WindowPlan& window, Result<Datum> value) {
      if (!value) {
        error = error ? std::move(error) : std::move(value).error();
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

  void Save(const Horizon& horizon, ByteWriter& out) {
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

  void Clear() {
    index_.clear();
    entities_.clear();
    bytes_ = 0;
  }

  Result<void> Restore(ByteReader& in, const Horizon& horizon, const EventPlace& newest) {
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

  uint64_t keys() const { return entities_.size(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t steps() const { return steps_; }

 private:
  using Entities = std::list<Entity>;

  static Error Malformed() {
    return Err(ErrorCode::kParse, "the stored windows are not well formed");
  }

  // ---- Compilation.

  // The bit that is set where the filter (if any) is true and the argument (if any) is not NULL.
  int Bit(int filter, int arg) {
    const std::pair wanted(filter, arg);
    const auto known = std::find(bits_.begin(), bits_.end(), wanted);
    const auto bit = static_cast<int>(known - bits_.begin());
    if (known == bits_.end()) {
      bits_.push_back(wanted);
    }
    return bit;
  }
  int Slot(int program, Type type) {
    const auto known = std::find(slot_programs_.begin(), slot_programs_.end(), program);
    const auto slot = static_cast<int>(known - slot_programs_.begin());
    if (known == slot_programs_.end()) {
      slot_programs_.push_back(program);
      slot_types_.push_back(type);
    }
    return slot;
  }

  // ---- Keys.

  enum class KeyPart : uint8_t { kNull, kShort, kLong, kText };

  void EncodeKey(std::span<const Datum> values, std::string& key) {
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

  // Whether EncodeKey may have written this.
  bool IsKey(std::string_view key) const {
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

  // The entity of key_, made if there is none, as the one touched last.
  Entity& Touch() {
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

  static Moving NewMoving(const WindowPlan& window) {
    switch (window.function) {
      case Fold::kMin:
      case Fold::kMax:
        return {.state = Candidates()};
      case Fold::kDistinct:
        return {.state = DistinctTable(DistinctTable::Texts::kBorrowed)};
      default:
        return {.state = Sum()};
    }
  }

  // A key without any row that could still matter: a new one would be as good.
  static bool IsForgotten(const Entity& entity) {
    return entity.ring.empty() &&
           std::all_of(entity.growing.begin(), entity.growing.end(), [](const Growing& growing) {
             return growing.base.count == 0 && growing.first.size() == 0;
           });
  }
  void Drop(Entities::iterator entity) {
    bytes_ -= BytesOf(*entity);
    index_.erase(std::string_view(entity->key));
    entities_.erase(entity);
  }
  // The keys not touched for longest come first; a key touched later but with an earlier event
  // waits at most for them.
  void DropExpired(const Horizon& horizon, int most) {
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

  uint64_t BytesOf(const Entity& entity) const {
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

  void FillEntry(std::span<const Datum> values, const EventPlace& place) {
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

  Datum Value(const uint8_t* entry, const WindowPlan& window) const {
    return ValueOf(entry, layout_->slots[window.slot]);
  }

  // entry_ is the newest of its key: it enters the frames that move.
  void Append(Entity& entity, int64_t ts) {
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

  // Counts the newest entry in the frames that only grow.
  void Grow(Entity& entity) {
    const uint8_t* entry = entity.ring[entity.ring.end() - 1];
    for (const WindowPlan& window : windows_) {
      if (window.frame >= 0 || window.state < 0 || !window.counts(entry)) {
        continue;
      }
      if (window.function == Fold::kDistinct) {
        NoteFirst(entity, window, entry);
      } else {
        AddTo(entity.growing[window.state].now, window, entry);
      }
    }
  }

  void Admit(Entity& entity, const WindowPlan& window, uint64_t index) {
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

  // Takes the frame's first entry out of its windows.
  void Evict(Entity& entity, size_t frame) {
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

  // The event is late for its key: it takes its place in time, and every running state that it
  // concerns is made anew.
  uint64_t Insert(Entity& entity, int64_t ts) {
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

  void ShiftCandidates(Entity& entity, size_t frame) {
    for (size_t w : frame_windows_[frame]) {
      if (auto* candidates = std::get_if<Candidates>(&entity.moving[windows_[w].state].state)) {
        for (uint64_t& index : candidates->indexes) {
          ++index;
        }
        steps_ += candidates->indexes.size();
      }
    }
  }

  // Makes the frame's running states from its entries.
  void Rebuild(Entity& entity, size_t frame) {
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

  void NoteFirst(Entity& entity, const WindowPlan& window, const uint8_t* entry) {
    DistinctTable& table = entity.growing[window.state].first;
    const DistinctKey key = DistinctKey::Of(Value(entry, window));
    const EventPlace place{TimeOf(entry), ArrivalOf(entry)};
    if (EventPlace* first = table.Find(key); first == nullptr) {
      table.Put(key, place);
    } else if (place < *first) {
      *first = place;
    }
  }

  void AddTo(Summary& summary, const WindowPlan& window, const uint8_t* entry) const {
    ++summary.count;
    switch (window.function) {
      case Fold::kSum:
      case Fold::kAvg:
        summary.sum.Add(Value(entry, window).i);
        break;
      case Fold::kSumDouble:
      case Fold::kAvgDouble:
        summary.real += Value(entry, window).d;
        break;
      case Fold::kMin:
      case Fold::kMax:
        if (summary.count == 1 ||
            Beats(window.function, Value(entry, window), summary.held.value())) {
          summary.held.Set(Value(entry, window));
        }
        break;
      case Fold::kFirst:
        if (summary.count == 1) {
          summary.held.Set(Value(entry, window));
        }
        break;
      default:
        break;
    }
  }

  void Scan(Summary& summary, const Entity& entity, const WindowPlan& window, uint64_t from,
            uint64_t to) {
    steps_ += to - from;
    for (uint64_t i = from; i < to; ++i) {
      if (window.counts(entity.ring[i])) {
        AddTo(summary, window, entity.ring[i]);
      }
    }
  }

  // ---- Values.

  static Datum Keep(const Datum& value, Scratch& scratch) {
    return value.kind == Datum::Kind::kText ? Machine(scratch).Keep(value.text()) : value;
  }

  Datum Lag(const Entity& entity, const WindowPlan& window, uint64_t index) const {
    return index - entity.ring.first() >= window.offset
               ? Value(entity.ring[index - window.offset], window)
               : window.fallback[0];
  }

  // For the newest entry: from the running states, or, of DOUBLE, from the frame in its order.
  Result<Datum> ValueAtEnd(Entity& entity, const WindowPlan& window) {
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

  // For an entry that others follow: by a scan of its own frame.
  Result<Datum> ValueAt(Entity& entity, const WindowPlan& window, uint64_t index) {
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

  uint64_t FrameBegin(const Entity& entity, const WindowPlan& window, uint64_t index) const {
    return entity.ring.LowerBound(
        SaturatingSubtract(TimeOf(entity.ring[index]), frames_[window.frame]));
  }

  // A text in the result lives until the next scan.
  Result<Datum> Scanned(const Entity& entity, const WindowPlan& window, uint64_t from,
                        uint64_t to) {
    scanned_ = Summary();
    Scan(scanned_, entity, window, from, to);
    return Finish(window, scanned_);
  }

  uint64_t DistinctIn(const Entity& entity, const WindowPlan& window, uint64_t index) {
    DistinctTable table(DistinctTable::Texts::kBorrowed);
    for (uint64_t i = FrameBegin(entity, window, index); i <= index; ++i) {
      ++steps_;
      if (window.counts(entity.ring[i])) {
        table.Put(DistinctKey::Of(Value(entity.ring[i], window)), {});
      }
    }
    return table.size();
  }

  // All values but those that came first after the entry.
  uint64_t DistinctUntil(Entity& entity, const WindowPlan& window, uint64_t index) {
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

  // Settles what no event can come before any more, and lets go of what no frame can reach.
  void Advance(Entity& entity, const Horizon& horizon) {
    Ring& ring = entity.ring;
    for (; entity.settled < ring.end() && TimeOf(ring[entity.settled]) < horizon.open;
         ++entity.settled) {
      ++steps_;
      for (const WindowPlan& window : windows_) {
        if (window.frame < 0 && window.state >= 0 && window.function != Fold::kDistinct &&
            window.counts(ring[entity.settled])) {
          AddTo(entity.growing[window.state].base, window, ring[entity.settled]);
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

  void SaveEntity(Entity& entity, const Horizon& horizon, ByteWriter& out) const {
    out.Text(entity.key);
    for (const WindowPlan& window : windows_) {
      if (window.frame < 0 && window.state >= 0) {
        SaveGrowing(entity.growing[window.state], window, horizon, out);
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

  static void SaveValue(const Datum& value, ByteWriter& out) {
    switch (value.kind) {
      case Datum::Kind::kNull:
        break;
      case Datum::Kind::kInt:
        out.Fixed(value.i);
        break;
      case Datum::Kind::kDouble:
        out.Fixed(value.d);
        break;
      case Datum::Kind::kText:
        out.Text(value.text());
        break;
      case Datum::Kind::kInterval:
        out.Fixed(value.interval.months);
        out.Fixed(value.interval.days);
        out.Fixed(value.interval.micros);
        break;
    }
  }

  static bool RestoreValue(Type type, ByteReader& in, Datum& value) {
    switch (table::KindOf(type)) {
      case Datum::Kind::kNull:
        return false;
      case Datum::Kind::kInt: {
        value = Datum::Int(in.Fixed<int128>());
        const Bounds bounds = BoundsOf(type);
        // A sum of a level below may be wider than its DECIMAL(38, s).
        const bool wide = type.id == TypeId::kDecimal && type.width == kDecimalWidthMax;
        return wide || (value.i >= bounds.low && value.i <= bounds.high);
      }
      case Datum::Kind::kDouble:
        value = Datum::Double(in.Fixed<double>());
        return true;
      case Datum::Kind::kText:
        value = Datum::Text(in.Text());
        return IsUtf8(value.text());
      case Datum::Kind::kInterval: {
        table::Interval interval;
        interval.months = in.Fixed<int32_t>();
        interval.days = in.Fixed<int32_t>();
        interval.micros = in.Fixed<int64_t>();
        value = Datum::Of(interval);
        return true;
      }
    }
    return false;
  }

  static void SaveGrowing(const Growing& growing, const WindowPlan& window, const Horizon& horizon,
                          ByteWriter& out) {
    if (window.function == Fold::kDistinct) {
      // What came first before the horizon; the entries have the rest.
      std::set<std::string> values;
      growing.first.ForEach([&](const DistinctKey& key, const EventPlace& place) {
        if (place.ts < horizon.open) {
          values.insert(key.ToBytes());
        }
      });
      out.Varint(values.size());
      for (const std::string& value : values) {
        out.Text(value);
      }
      return;
    }
    const Summary& base = growing.base;
    out.Varint(base.count);
    if (base.count == 0) {
      return;
    }
    switch (window.function) {
      case Fold::kSum:
      case Fold::kAvg:
        base.sum.Save(out);
        break;
      case Fold::kSumDouble:
      case Fold::kAvgDouble:
        out.Fixed(base.real);
        break;
      case Fold::kMin:
      case Fold::kMax:
      case Fold::kFirst:
        out.Fixed(static_cast<uint8_t>(base.held.value().is_null() ? 0 : 1));
        SaveValue(base.held.value(), out);
        break;
      default:
        break;
    }
  }

  Result<void> RestoreGrowing(Growing& growing, const WindowPlan& window, ByteReader& in) {
    if (window.function == Fold::kDistinct) {
      return RestoreDistinct(growing.first, window, in);
    }
    Summary& base = growing.base;
    base.count = in.Varint();
    if (base.count > INT64_MAX) {
      return Malformed();
    }
    if (base.count == 0) {
      return {};
    }
    switch (window.function) {
      case Fold::kSum:
      case Fold::kAvg:
        base.sum.Restore(in);
        break;
      case Fold::kSumDouble:
      case Fold::kAvgDouble:
        base.real = in.Fixed<double>();
        break;
      case Fold::kMin:
      case Fold::kMax:
      case Fold::kFirst: {
        const auto present = in.Fixed<uint8_t>();
        Datum value;
        if (present > 1 || (present == 0 && window.function != Fold::kFirst) ||
            (present == 1 && !RestoreValue(window.arg, in, value)) || !in.ok()) {
          return Malformed();
        }
        base.held.Set(value);
        break;
      }
      default:
        break;
    }
    growing.now = base;
    return {};
  }

  Result<void> RestoreDistinct(DistinctTable& table, const WindowPlan& window, ByteReader& in) {
    const bool text = window.arg.id == TypeId::kVarchar;
    const uint64_t count = in.Varint();
    std::string_view previous;
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      const std::string_view value = in.Text();
      const auto key = DistinctKey::FromBytes(value, text);
      if ((i > 0 && value <= previous) || !key || (text && !IsUtf8(value))) {
        return Malformed();
      }
      previous = value;
      table.Put(*key, {.ts = INT64_MIN});
    }
    return {};
  }

  Result<void> RestoreEntity(Entity& entity, ByteReader& in, const Horizon& horizon,
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
    return stale || IsForgotten(entity) || !in.ok() || !BasesHold(entity)
               ? Result<void>(Malformed())
               : Result<void>();
  }

  // Whether the bases can hold the entries that are settled.
  bool BasesHold(Entity& entity) {
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

  // Reads into entry_; its texts are the reader's.
  Result<void> RestoreEntry(ByteReader& in) {
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

  // Of the level's programs.
  std::vector<int> partitions_;
  std::vector<Type> partition_types_;
  std::vector<std::pair<int, int>> bits_;  // filter, argument
  std::vector<int> slot_programs_;
  std::vector<Type> slot_types_;

  std::vector<WindowPlan> windows_;
  std::vector<int64_t> frames_;                     // lengths
  std::vector<std::vector<size_t>> frame_windows_;  // with running state
  int moving_ = 0;
  int growing_ = 0;
  uint64_t lag_rows_ = 0;
  int64_t longest_us_ = 0;
  std::unique_ptr<EntryLayout> layout_;

  // Least recently touched first.
  Entities entities_;
  boost::unordered_flat_map<std::string_view, Entities::iterator, std::hash<std::string_view>>
      index_;
  uint64_t bytes_ = 0;
  uint64_t steps_ = 0;

  // Used again by each push.
  std::vector<uint8_t> entry_;
  std::string key_;
  Bytes key_bytes_;
  Summary scanned_;
};

}  // namespace

struct WindowState::Impl {
  std::vector<Program> programs;
  std::vector<const Expr*> exprs;  // while compiling
  std::vector<Store> stores;
  std::vector<WindowPlan> lasts;  // the row's own value, whatever the frame
  size_t windows = 0;
  int64_t lateness_us = 0;
  uint32_t description = 0;  // of the level and lateness

  bool any = false;
  EventPlace newest;  // greatest time, last arrival
  std::vector<Datum> values;

  Horizon horizon() const { return {any ? SaturatingSubtract(newest.ts, lateness_us) : INT64_MIN}; }
  Result<int> AddProgram(const Expr& expr, Position* error_at);
  Result<void> AddWindow(const Window& window, size_t output, Position* error_at);
};

WindowState::WindowState(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WindowState::WindowState(WindowState&&) noexcept = default;
WindowState& WindowState::operator=(WindowState&&) noexcept = default;
WindowState::~WindowState() = default;

namespace {

std::optional<Fold> FunctionOf(const Window& window) {
  const std::string& name = window.function;
  const bool real = !window.args.empty() && window.args[0].type.id == TypeId::kDouble;
  const bool exact = !window.args.empty() && (window.args[0].type.is_exact_number() ||
                                              window.args[0].type.id == TypeId::kBoolean);
  if (window.distinct) {
    return name == "count"                  ? std::optional(Fold::kDistinct)
           : name == "min" || name == "max" ? std::optional(name == "min" ? Fold::kMin : Fold::kMax)
                                            : std::nullopt;
  }
  if (name == "count" || name == "count_star") {
    return Fold::kCount;
  }
  if (name == "sum" && (exact || real)) {
    return exact ? Fold::kSum : Fold::kSumDouble;
  }
  if (name == "avg" && (real || (exact && window.args[0].type.id != TypeId::kBoolean))) {
    return exact ? Fold::kAvg : Fold::kAvgDouble;
  }
  const std::pair<std::string_view, Fold> others[] = {
      {"min", Fold::kMin},   {"max", Fold::kMax},           {"first", Fold::kFirst},
      {"last", Fold::kLast}, {"first_value", Fold::kFirst}, {"last_value", Fold::kLast},
      {"lag", Fold::kLag},
  };
  for (const auto& [known, function] : others) {
    if (name == known) {
      return function;
    }
  }
  return std::nullopt;
}

// A text that two levels share only if they are the same.
std::string Describe(const Level& level, int64_t lateness_us) {
  std::string text = std::to_string(lateness_us);
  const auto add = [&](const Expr& expr) {
    text += "\n" + expr.type.ToString() + " " + ToSql(expr, level.input);
  };
  for (const Window& window : level.windows) {
    text += "\n" + window.function + " " + window.type.ToString() +
            (window.distinct ? " distinct " : " ") +
            (window.frame == Window::Frame::kRange ? std::to_string(window.length_us) : "all") +
            " " + std::to_string(window.offset);
    std::for_each(window.args.begin(), window.args.end(), add);
    text += "\nby";
    std::for_each(window.partitions.begin(), window.partitions.end(), add);
    for (const auto* part : {&window.filter, &window.fallback}) {
      text += "\n";
      if (*part) {
        add(**part);
      }
    }
  }
  return text;
}

}  // namespace

Result<int> WindowState::Impl::AddProgram(const Expr& expr, Position* error_at) {
  const auto known =
      std::find_if(exprs.begin(), exprs.end(), [&](const Expr* e) { return SameExpr(*e, expr); });
  if (known == exprs.end()) {
    FUQI_ASSIGN_OR_RETURN(Program program, Program::Compile(expr, error_at));
    programs.push_back(std::move(program));
    exprs.push_back(&expr);
    return static_cast<int>(programs.size()) - 1;
  }
  return static_cast<int>(known - exprs.begin());
}

Result<void> WindowState::Impl::AddWindow(const Window& window, size_t output, Position* error_at) {
  const auto refuse = [&](Error error) {
    if (error_at != nullptr) {
      *error_at = window.position;
    }
    return error;
  };
  const auto function = FunctionOf(window);
  const bool takes_filter =
      function != Fold::kFirst && function != Fold::kLast && function != Fold::kLag;
  const size_t args = window.function == "count_star" ? 0 : 1;
  if (!function || window.args.size() != args || (window.filter && !takes_filter)) {
    return refuse(Err(ErrorCode::kUnsupported,
                      "the window function '{}' in this form cannot run as a stream",
                      window.function));
  }
  if (window.frame == Window::Frame::kRange && window.length_us <= 0) {
    return refuse(
        Err(ErrorCode::kInvalidArgument, "the frame of a window must be longer than nothing"));
  }
  WindowPlan plan;
  plan.function = *function;
  plan.name = window.function;
  plan.type = window.type;
  plan.output = output;
  if (*function == Fold::kLag) {
    const bool constant = !window.fallback || window.fallback->kind == Expr::Kind::kConstant;
    if (window.offset < 0 || window.offset > INT32_MAX || !constant) {
      return refuse(Err(ErrorCode::kUnsupported,
                        "lag takes a constant, a number of rows back from 0 to {}", INT32_MAX));
    }
    plan.offset = static_cast<uint64_t>(window.offset);
    plan.fallback = window.fallback ? window.fallback->constant : table::Row(1);
  }
  int arg = -1;
  int filter = -1;
  if (args == 1) {
    FUQI_ASSIGN_OR_RETURN(arg, AddProgram(window.args[0], error_at));
    plan.arg = window.args[0].type;
    plan.program = arg;
  }
  if (window.filter) {
    FUQI_ASSIGN_OR_RETURN(filter, AddProgram(*window.filter, error_at));
  }
  if (*function == Fold::kLast) {
    lasts.push_back(std::move(plan));
    return {};
  }
  std::vector<int> partitions;
  std::vector<Type> types;
  for (const Expr& partition : window.partitions) {
    FUQI_ASSIGN_OR_RETURN(const int program, AddProgram(partition, error_at));
    partitions.push_back(program);
    types.push_back(partition.type);
  }
  auto store = std::find_if(stores.begin(), stores.end(),
                            [&](const Store& s) { return s.IsOver(partitions); });
  if (store == stores.end()) {
    stores.emplace_back(partitions, types);
    store = std::prev(stores.end());
  }
  store->Add(std::move(plan), window, arg, filter);
  return {};
}

Result<WindowState> WindowState::Compile(const Level& level, int64_t lateness_us,
                                         Position* error_at) {
  FUQI_CHECK(lateness_us >= 0);
  auto impl = std::make_unique<Impl>();
  impl->lateness_us = lateness_us;
  impl->windows = level.windows.size();
  for (size_t i = 0; i < level.windows.size(); ++i) {
    FUQI_RETURN_IF_ERROR(impl->AddWindow(level.windows[i], i, error_at));
  }
  impl->exprs.clear();
  for (Store& store : impl->stores) {
    store.Seal();
  }
  impl->values.resize(impl->programs.size());
  impl->description = Crc32c(AsBytes(Describe(level, lateness_us)));
  return WindowState(std::move(impl));
}

Result<std::vector<Datum>> WindowState::Push(std::span<const Datum> columns, int64_t ts_us,
                                             uint64_t arrival, Scratch& scratch) {
  Impl& impl = *impl_;
  FUQI_CHECK(!impl.any || (ts_us >= impl.horizon().open && arrival > impl.newest.arrival));
  impl.newest = {impl.any ? std::max(impl.newest.ts, ts_us) : ts_us, arrival};
  impl.any = true;

  std::optional<Error> error;
  std::vector<bool> failed(impl.programs.size());
  for (size_t i = 0; i < impl.programs.size(); ++i) {
    auto value = impl.programs[i].Run(columns, {}, scratch);
    failed[i] = !value.has_value();
    impl.values[i] = value ? *value : Datum::Null();
    if (!value && !error) {
      error = std::move(value).error();
    }
  }
  std::vector<Datum> out(impl.windows);
  for (const WindowPlan& last : impl.lasts) {
    out[last.output] = impl.values[last.program];
  }
  for (Store& store : impl.stores) {
    if (!store.KeyFailed(failed)) {
      store.Push(impl.values, {ts_us, arrival}, impl.horizon(), scratch, out, error);
    }
  }
  if (error) {
    return *std::move(error);
  }
  return out;
}

void WindowState::Save(Bytes& out) const {
  ByteWriter writer(out);
  writer.Fixed(kFormat);
  writer.Fixed(impl_->description);
  writer.Fixed(static_cast<uint8_t>(impl_->any ? 1 : 0));
  writer.Fixed(impl_->newest.ts);
  writer.Fixed(impl_->newest.arrival);
  for (Store& store : impl_->stores) {
    store.Save(impl_->horizon(), writer);
  }
}

Result<void> WindowState::Restore(ByteView bytes) {
  Impl& impl = *impl_;
  const auto clear = [&] {
    impl.any = false;
    impl.newest = {};
    std::for_each(impl.stores.begin(), impl.stores.end(), [](Store& store) { store.Clear(); });
  };
  const auto read = [&]() -> Result<void> {
    ByteReader in(bytes);
    const auto format = in.Fixed<uint8_t>();
    const auto description = in.Fixed<uint32_t>();
    const auto any = in.Fixed<uint8_t>();
    impl.newest.ts = in.Fixed<int64_t>();
    impl.newest.arrival = in.Fixed<uint64_t>();
    if (!in.ok() || format != kFormat || any > 1 || (any == 0 && impl.newest != EventPlace{})) {
      return Err(ErrorCode::kParse, "the stored windows are not well formed");
    }
    if (description != impl.description) {
      return Err(ErrorCode::kParse, "the stored windows are those of other definitions");
    }
    impl.any = any == 1;
    for (Store& store : impl.stores) {
      FUQI_RETURN_IF_ERROR(store.Restore(in, impl.horizon(), impl.newest));
      if (!impl.any && store.keys() > 0) {
        return Err(ErrorCode::kParse, "the stored windows are not well formed");
      }
    }
    return in.Finish("the stored windows");
  };
  clear();
  auto result = read();
  if (!result) {
    clear();
  }
  return result;
}

uint64_t WindowState::keys() const {
  uint64_t keys = 0;
  for (const Store& store : impl_->stores) {
    keys += store.keys();
  }
  return keys;
}
uint64_t WindowState::state_bytes() const {
  uint64_t bytes = 0;
  for (const Store& store : impl_->stores) {
    bytes += store.bytes();
  }
  return bytes;
}
uint64_t WindowState::steps() const {
  uint64_t steps = 0;
  for (const Store& store : impl_->stores) {
    steps += store.steps();
  }
  return steps;
}

}  // namespace fuqi::sql
