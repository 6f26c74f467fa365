#pragma once

// What a window makes of rows, and the running states that make it: WindowState's arithmetic.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "sql/distinct_internal.h"
#include "sql/exact_sum_internal.h"
#include "sql/functions.h"
#include "sql/rank_list_internal.h"
#include "sql/ring_internal.h"

namespace fuqi::sql::internal {

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
  kAnd,
  kOr,
  kMin,
  kMax,
  kArgMin,
  kArgMax,
  kDistinct,
  kJoin,  // of distinct texts, in their order
  kVarSamp,
  kVarPop,
  kStddevSamp,
  kStddevPop,
  kCorr,
  kQuantile,
  kFirst,
  kLast,
  kLag
};

// What has to be known of the rows for it.
enum class Needs : uint8_t {
  kNothing,    // but their number and place
  kSum,        // an exact sum
  kSums,       // several, of values and products
  kExtreme,    // the rows that are or may become the extreme
  kDifferent,  // the different values
  kOrder,      // all values in their order
};
Needs NeedsOf(Fold function);

// Sums of the values and products that variance (x, xx) and correlation (x, y, xx, yy, xy) take; of
// a DOUBLE sum the one.
using Sums = std::vector<ExactSum>;

// The extreme of rows: its value, and what it was chosen by where that is another one.
struct Best {
  Held value;
  Held by;
};

// What values added in the frame's order make: for frames that only grow, and for scans.
struct Summary {
  uint64_t count = 0;
  std::variant<std::monostate, Sum, Sums, std::unique_ptr<Best>, RankList> state;

  Summary() = default;
  Summary(const Summary& other) { *this = other; }
  Summary& operator=(const Summary& other);
  Summary(Summary&&) = default;
  Summary& operator=(Summary&&) = default;
  ~Summary() = default;
  uint64_t bytes() const;
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
  void PushFront(uint64_t index) {
    if (head > 0) {
      indexes[--head] = index;
    } else {
      indexes.insert(indexes.begin(), index);
    }
  }
};

// Running state of a window whose frame moves.
struct Moving {
  uint64_t count = 0;
  std::variant<std::monostate, Sum, Sums, Candidates, DistinctTable, RankList> state;

  uint64_t bytes() const;
};

// Running state of a window whose frame only grows. `base` has what is older than any event that
// may still come; `now` has all.
struct Growing {
  Summary base;
  Summary now;
  DistinctTable first{DistinctTable::Texts::kOwned};  // kDifferent: the first place of each value

  uint64_t bytes() const { return base.bytes() + now.bytes() + first.bytes(); }
};

// A window as compiled: what it folds, and where its parts stand in entries and entities.
struct WindowPlan {
  Fold function = Fold::kCount;
  std::string name;
  int bit = -1;      // of the entries that count; -1: all do
  int slot = -1;     // of the argument
  int by = -1;       // slot of the second argument
  int program = -1;  // kLast: of the argument
  int frame = -1;    // of the store's frames; -1: kLag
  int state = -1;    // of the entity's `moving` or `growing`
  bool grows = false;
  uint64_t offset = 0;
  table::Row fallback;
  table::Row parameter;  // kQuantile, kJoin
  Type parameter_type;
  Type arg;
  Type by_type;
  size_t output = 0;

  bool keeps_state() const {
    return function != Fold::kLag && (grows || NeedsOf(function) != Needs::kNothing ||
                                      (function == Fold::kCount && bit >= 0));
  }
  bool counts(const uint8_t* entry) const { return bit < 0 || BitOf(entry, bit); }
  Datum Value(const EntryLayout& layout, const uint8_t* entry) const {
    return ValueOf(entry, layout.slots[slot]);
  }
  // What an extreme is chosen by.
  Datum By(const EntryLayout& layout, const uint8_t* entry) const {
    return ValueOf(entry, layout.slots[by >= 0 ? by : slot]);
  }
};

// True if `a` takes the place of `b` as the extreme.
bool Beats(Fold function, const Datum& a, const Datum& b);
// True if an entry with `later` makes one before it with `earlier` needless: it will never be the
// extreme while both are in the frame.
bool Supersedes(const WindowPlan& window, const Datum& later, const Datum& earlier);

// The state of a window over no row.
Moving NewMoving(const WindowPlan& window);
// Takes an entry that counts into sums or order, or out of it.
void AddTo(Sums& sums, const WindowPlan& window, const EntryLayout& layout, const uint8_t* entry,
           ExactSum::Sign sign);
// Adds an entry that counts.
void AddTo(Summary& summary, const WindowPlan& window, const EntryLayout& layout,
           const uint8_t* entry);

// The window's value. kOutOfRange.
Result<Datum> Finish(const WindowPlan& window, const Summary& summary);
Result<Datum> FinishExact(const WindowPlan& window, uint64_t count, const Sum& sum);
Result<Datum> FinishSums(const WindowPlan& window, uint64_t count, const Sums& sums);
Datum FinishOrder(const WindowPlan& window, const RankList& values);
// The texts, joined in their order into `text`. kResourceExhausted beyond kJoinedMax bytes.
inline constexpr size_t kJoinedMax = 65'536;
Result<Datum> FinishJoin(const WindowPlan& window, std::vector<std::string_view> texts,
                         std::string& text);

// ---- Stored form.

Error Malformed();
// The value alone: its type is known, and that it is not NULL.
void SaveValue(const Datum& value, ByteWriter& out);
// False if it is none of the type; a text is borrowed.
bool RestoreValue(Type type, ByteReader& in, Datum& value);
// What came before `begin`; the entries have the rest.
void SaveGrowing(const Growing& growing, const WindowPlan& window, const EventPlace& begin,
                 ByteWriter& out);
Result<void> RestoreGrowing(Growing& growing, const WindowPlan& window, ByteReader& in);

}  // namespace fuqi::sql::internal
