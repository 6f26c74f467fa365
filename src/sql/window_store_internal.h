#pragma once

// The windows of one level that share their partition expressions: the keys seen, each with its
// events and running states.

#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sql/fold_internal.h"

namespace fuqi::sql::internal {

// a - b, at most as far as the type reaches.
int64_t SaturatingSubtract(int64_t a, int64_t b);

// A frame of several windows.
struct FramePlan {
  bool grows = false;  // from the first row on
  bool by_rows = false;
  // By time: from time - months - length_us to time - gap_us. By rows: from `rows` back to
  // `gap_rows` back.
  int64_t length_us = 0;
  int32_t months = 0;
  int64_t gap_us = 0;
  uint64_t rows = 0;
  uint64_t gap_rows = 0;
  friend bool operator==(const FramePlan&, const FramePlan&) = default;

  static FramePlan Of(const Window& window);
  int64_t Begin(int64_t ts) const;
  // Where no frame of a row at `ts` or later begins before. Of months it is not Begin(ts): the 30th
  // at midnight reaches further back than the 29th at noon, both of them to the last of February.
  int64_t EarliestBegin(int64_t ts) const;
  int64_t End(int64_t ts) const { return SaturatingSubtract(ts, gap_us); }
};

// The entries [begin, end) of a ring. Of a frame that moves: those of the newest entry's frame, in
// its running states. Of one that grows: those that are in `now` and not yet in `base`.
struct Span {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// One partition key and its events.
struct Entity {
  explicit Entity(const EntryLayout& layout) : ring(layout) {}

  std::string key;
  Ring ring;
  int64_t newest_ts = INT64_MIN;  // of all its events
  uint64_t settled = 0;        // first entry that is not older than any event that may still come
  std::vector<Span> spans;     // of each frame
  std::vector<Moving> moving;  // none while the rows are few
  std::vector<Growing> growing;
};

// What decides when rows may go: all of it follows from the rows pushed.
struct Horizon {
  int64_t open = INT64_MIN;  // events from here on may still come
};

// The windows of one list of partition expressions.
class Store {
 public:
  // `lifetime_us`: how long after an event its key may come again, where the key has a part of the
  // calendar (a day, a month); 0: for ever.
  Store(std::vector<int> partitions, std::vector<Type> partition_types, int64_t lifetime_us)
      : partitions_(std::move(partitions)),
        partition_types_(std::move(partition_types)),
        lifetime_us_(lifetime_us) {}

  // ---- Compilation.

  bool IsOver(const std::vector<int>& partitions) const { return partitions_ == partitions; }
  // Adds a window with its argument, second argument and filter programs (-1: none).
  void Add(WindowPlan window, const Window& source, int arg, int by, int filter);
  void Seal();

  // ---- One event.

  bool KeyFailed(const std::vector<bool>& failed) const;

  // `values`: of the level's programs. Gives the windows' values into `out`; the first error into
  // `error`.
  void Push(std::span<const Datum> values, EventPlace place, const Horizon& horizon,
            Scratch& scratch, std::vector<Datum>& out, std::optional<Error>& error);

  // ---- Stored form.

  void Save(const Horizon& horizon, ByteWriter& out);
  void Clear();
  Result<void> Restore(ByteReader& in, const Horizon& horizon, const EventPlace& newest);

  uint64_t keys() const { return entities_.size(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t steps() const { return steps_; }

 private:
  using Entities = std::list<Entity>;

  // What makes an entry count for a window.
  struct Bit {
    int filter = -1;  // is true
    int arg = -1;     // is not NULL
    int by = -1;      // is not NULL
    friend bool operator==(const Bit&, const Bit&) = default;
  };

  // ---- Compilation.

  int BitOfPrograms(const Bit& wanted);
  int Slot(int program, Type type);

  // ---- Keys.

  enum class KeyPart : uint8_t { kNull, kShort, kLong, kText };

  void EncodeKey(std::span<const Datum> values, std::string& key);
  // Whether EncodeKey may have written this.
  bool IsKey(std::string_view key) const;
  // The entity of key_, made if there is none, as the one touched last.
  Entity& Touch();
  // A key without any row that could still matter: a new one would be as good.
  static bool IsForgotten(const Entity& entity);
  // A key that no event can have any more.
  bool IsPast(const Entity& entity, const Horizon& horizon) const;
  void Drop(Entities::iterator entity);
  // The keys not touched for longest come first; a key touched later but with an earlier event
  // waits at most for them.
  void DropExpired(const Horizon& horizon, int most);
  uint64_t BytesOf(const Entity& entity) const;

  // ---- Rows come (window_frames.cc).

  void FillEntry(std::span<const Datum> values, const EventPlace& place);
  // entry_ is the newest of its key.
  void Append(Entity& entity);
  Span SpanOfNewest(const Entity& entity, size_t frame) const;
  // The frame of the entry at `index`; of a frame that grows only the end.
  Span SpanAt(const Entity& entity, size_t frame, uint64_t index) const;
  // Brings the frame and its running states there.
  void MoveTo(Entity& entity, size_t frame, const Span& to);

  // What an entry adds to a running state wherever in the frame it stands.
  void Count(const WindowPlan& window, const uint8_t* entry, Moving& moving) const;
  // The entry comes into the frame behind all others, leaves it as the first, or comes back there.
  void Admit(Entity& entity, size_t frame, uint64_t index);
  // Makes the key's running states of frames that move once it has many rows.
  void RunIfMany(Entity& entity);
  // The part of it that concerns candidates and tables, where the frame keeps them.
  void Note(Entity& entity, const WindowPlan& window, uint64_t index);
  // Makes or drops them as the frame's rows are many or few.
  void SuitToSize(Entity& entity, size_t frame);
  void Evict(Entity& entity, size_t frame, uint64_t index);
  void Readmit(Entity& entity, size_t frame, uint64_t index);
  // Counts the entry in a frame that grows.
  void Grow(Entity& entity, size_t frame, uint64_t index);

  // The event is late for its key: it takes its place in time, and every running state that it
  // concerns is made anew.
  uint64_t Insert(Entity& entity, int64_t ts);
  void InsertInto(Entity& entity, size_t frame, uint64_t index);
  void ShiftCandidates(Entity& entity, size_t frame);
  // Makes the frame's running states from these entries.
  void Rebuild(Entity& entity, size_t frame, const Span& span);
  void RegrowFromBase(Entity& entity, size_t frame);
  void NoteFirst(Entity& entity, const WindowPlan& window, const uint8_t* entry);
  void Scan(Summary& summary, const Entity& entity, const WindowPlan& window, uint64_t from,
            uint64_t to);

  // ---- Values (window_frames.cc).

  static Datum Keep(const Datum& value, Scratch& scratch);
  Datum Lag(const Entity& entity, const WindowPlan& window, uint64_t index) const;
  // For the newest entry: from the running states.
  Result<Datum> ValueAtEnd(Entity& entity, const WindowPlan& window);
  Result<Datum> ValueOfMoving(const Entity& entity, const WindowPlan& window);
  // Where the rows are so few that nothing is kept of them.
  Result<Datum> ValueAmongFew(const Entity& entity, const WindowPlan& window, const Span& span);
  Datum ExtremeAmongFew(const Entity& entity, const WindowPlan& window, const Span& span);
  Datum DifferentAmongFew(const Entity& entity, const WindowPlan& window, const Span& span);
  // For an entry that others follow: by a scan of its own frame.
  Result<Datum> ValueAt(Entity& entity, const WindowPlan& window, uint64_t index);
  // A text in the result lives until the next one.
  Result<Datum> Different(const WindowPlan& window, const DistinctTable& table);
  Result<Datum> DifferentIn(const Entity& entity, const WindowPlan& window, const Span& span);
  // All values but those that came first in an entry from `to` on.
  Result<Datum> DifferentUntil(Entity& entity, const WindowPlan& window, uint64_t to);

  // ---- Rows go (window_frames.cc).

  // Settles what no event can come before any more, and lets go of what no frame can reach.
  void Advance(Entity& entity, const Horizon& horizon);
  // Up to where a frame that grows has nothing that may still change.
  uint64_t BaseEnd(const Entity& entity, size_t frame, const Horizon& horizon) const;
  // Whether no row that may still come sees the first entry.
  bool FirstMayGo(const Entity& entity) const;

  // ---- Stored form.

  void SaveEntity(Entity& entity, ByteWriter& out) const;
  Result<void> RestoreEntity(Entity& entity, ByteReader& in, const Horizon& horizon,
                             const EventPlace& newest);
  // Frames and running states from the entries and the bases.
  void Resume(Entity& entity, const Horizon& horizon);
  // Whether the bases can hold the entries that are in them.
  bool BasesHold(Entity& entity);
  // Reads into entry_; its texts are the reader's.
  Result<void> RestoreEntry(ByteReader& in);

  // Of the level's programs.
  std::vector<int> partitions_;
  std::vector<Type> partition_types_;
  int64_t lifetime_us_;
  std::vector<Bit> bits_;
  std::vector<int> slot_programs_;
  std::vector<Type> slot_types_;

  std::vector<WindowPlan> windows_;
  std::vector<FramePlan> frames_;
  std::vector<std::vector<size_t>> frame_windows_;  // with running state
  int moving_ = 0;
  int growing_ = 0;
  uint64_t rows_back_ = 0;  // that lag and frames by rows reach
  bool by_time_ = false;    // some frame goes back by time
  std::unique_ptr<EntryLayout> layout_;

  // Least recently touched first.
  Entities entities_;
  boost::unordered_flat_map<std::string_view, Entities::iterator, std::hash<std::string_view>>
      index_;
  uint64_t bytes_ = 0;
  uint64_t steps_ = 0;
  int64_t reach_ = INT64_MIN;  // no row that may still come sees one before, by time

  // Finds reach_.
  void Look(const Horizon& horizon);

  // Used again by each push.
  std::vector<uint8_t> entry_;
  std::string key_;
  Bytes key_bytes_;
  std::string joined_;
  Summary scanned_;
};

}  // namespace fuqi::sql::internal
