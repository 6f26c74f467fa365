#pragma once

// A list at work: its entries, found by value and time.
//
// An entry is asked for at a time, that of the event: it counts from valid_from up to, not with,
// valid_to. Its aliases are found as its value is. Entries of one value may overlap; of those that
// hold, the one that was put first is told.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/csv.h"
#include "base/result.h"
#include "decide/list_entry.h"
#include "decide/pack.h"
#include "table/datum.h"

namespace fuqi::decide {

class Clearances;     // screening_list.h
class ScreeningList;  // likewise

// Bounds of one entry.
inline constexpr size_t kListValueBytesMax = 1'000;  // of the value, and of each alias
inline constexpr size_t kListAliasesMax = 1'000;
inline constexpr size_t kListReasonBytesMax = 4'000;  // of reason, and of source

// Where an entry came from: the number of the record that put it and its place among the record's
// entries, from 1; record 0 stands for the pack's own file.
struct EntryRef {
  uint64_t record = 0;
  uint64_t number = 0;
  friend auto operator<=>(const EntryRef&, const EntryRef&) = default;
  // "17.3", or "pack.3".
  std::string ToText() const;
  // kParse where it is not what ToText writes.
  static Result<EntryRef> Parse(std::string_view text);
};

// kInvalidArgument, kTypeMismatch, kParse, kOutOfRange: what a list of this type cannot hold.
Result<void> CheckRemoval(table::Type type, const ListRemoval& removal);
Result<void> CheckEntry(table::Type type, const ListEntry& entry);
// The same, and what a list that clears another asks for: whose hits are ruled out, and why.
Result<void> CheckEntry(const List& list, const ListEntry& entry);

// The entries of a file: a header that names the columns value (required), aliases (separated by
// ;), valid_from, valid_to, source and reason in any order, then one entry a line. Times are
// YYYY-MM-DD or YYYY-MM-DD HH:MM:SS; nothing means no bound. kParse, kTypeMismatch, kAlreadyExists,
// kResourceExhausted, placed.
Result<std::vector<ListEntry>> ReadListCsv(CsvReader& reader, const List& list);

// As records and states keep it.
void WriteListEntry(const ListEntry& entry, ByteWriter& writer);
ListEntry ReadListEntry(ByteReader& reader);

class ListState {
 public:
  // With the entries of the pack's file.
  explicit ListState(const List& list);
  ListState(ListState&&) noexcept;
  ListState& operator=(ListState&&) noexcept;
  ListState(const ListState&) = delete;
  ~ListState();

  // kOutOfRange where the puts would break the list's bounds.
  Result<void> CheckRoom(const std::vector<ListEntry>& puts) const;
  // The entry must pass CheckEntry.
  void Put(const ListEntry& entry, EntryRef ref);
  // How many there were.
  size_t Remove(const ListRemoval& removal);

  struct Held {
    ListEntry entry;
    EntryRef ref;
  };
  // `value` is of the list's type. O(1), and the number of entries of this value.
  const Held* Find(const table::Datum& value, int64_t at_us) const;
  const Held* Get(const ListEntryId& id) const;
  // Up to `count` entries behind `after`, or from the first on, in order of their ids.
  std::vector<Held> Page(const std::optional<ListEntryId>& after, size_t count) const;
  // Those whose value or alias this is.
  std::vector<Held> Named(const table::Datum& value) const;
  void ForEach(const std::function<void(const Held&)>& visit) const;
  // Its names, to screen for, or what it rules out of another list's hits: each made when it is
  // first asked for, then kept as entries come and go. O(entries) once; a change costs what its own
  // names do.
  ScreeningList& Screening();
  const Clearances& Clearing();

  size_t size() const { return entries_.size(); }
  uint64_t bytes() const { return bytes_; }
  const List& list() const { return *list_; }

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  using Entries = std::map<ListEntryId, Held>;
  static std::string KeyOf(const table::Datum& value);
  void Index(const Held& held);
  void IndexNames(const ListEntry& entry);
  void Drop(Entries::iterator entry);

  const List* list_;
  Entries entries_;
  uint64_t bytes_ = 0;
  boost::unordered_flat_map<std::string, std::vector<const Held*>> index_;
  std::unique_ptr<ScreeningList> screening_;
  std::unique_ptr<Clearances> clearing_;
};

}  // namespace fuqi::decide
