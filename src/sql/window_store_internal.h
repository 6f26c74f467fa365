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
  void Add(WindowPlan window, const Window& source, int arg, int filter);
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

  // ---- Compilation.

  // The bit that is set where the filter (if any) is true and the argument (if any) is not NULL.
  int Bit(int filter, int arg);
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
  void Drop(Entities::iterator entity);
  // The keys not touched for longest come first; a key touched later but with an earlier event
  // waits at most for them.
  void DropExpired(const Horizon& horizon, int most);

  uint64_t BytesOf(const Entity& entity) const;

  // ---- Rows come.

  void FillEntry(std::span<const Datum> values, const EventPlace& place);

  Datum Value(const uint8_t* entry, const WindowPlan& window) const;

  // entry_ is the newest of its key: it enters the frames that move.
  void Append(Entity& entity, int64_t ts);

  // Counts the newest entry in the frames that only grow.
  void Grow(Entity& entity);

  void Admit(Entity& entity, const WindowPlan& window, uint64_t index);

  // Takes the frame's first entry out of its windows.
  void Evict(Entity& entity, size_t frame);

  // The event is late for its key: it takes its place in time, and every running state that it
  // concerns is made anew.
  uint64_t Insert(Entity& entity, int64_t ts);

  void ShiftCandidates(Entity& entity, size_t frame);

  // Makes the frame's running states from its entries.
  void Rebuild(Entity& entity, size_t frame);

  void NoteFirst(Entity& entity, const WindowPlan& window, const uint8_t* entry);

  void Scan(Summary& summary, const Entity& entity, const WindowPlan& window, uint64_t from,
            uint64_t to);

  // ---- Values.

  static Datum Keep(const Datum& value, Scratch& scratch);

  Datum Lag(const Entity& entity, const WindowPlan& window, uint64_t index) const;

  // For the newest entry: from the running states, or, of DOUBLE, from the frame in its order.
  Result<Datum> ValueAtEnd(Entity& entity, const WindowPlan& window);

  // For an entry that others follow: by a scan of its own frame.
  Result<Datum> ValueAt(Entity& entity, const WindowPlan& window, uint64_t index);

  uint64_t FrameBegin(const Entity& entity, const WindowPlan& window, uint64_t index) const;

  // A text in the result lives until the next scan.
  Result<Datum> Scanned(const Entity& entity, const WindowPlan& window, uint64_t from, uint64_t to);

  uint64_t DistinctIn(const Entity& entity, const WindowPlan& window, uint64_t index);

  // All values but those that came first after the entry.
  uint64_t DistinctUntil(Entity& entity, const WindowPlan& window, uint64_t index);

  // ---- Rows go.

  // Settles what no event can come before any more, and lets go of what no frame can reach.
  void Advance(Entity& entity, const Horizon& horizon);

  // ---- Stored form.

  void SaveEntity(Entity& entity, const Horizon& horizon, ByteWriter& out) const;

  Result<void> RestoreEntity(Entity& entity, ByteReader& in, const Horizon& horizon,
                             const EventPlace& newest);

  // Whether the bases can hold the entries that are settled.
  bool BasesHold(Entity& entity);

  // Reads into entry_; its texts are the reader's.
  Result<void> RestoreEntry(ByteReader& in);

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

}  // namespace fuqi::sql::internal
