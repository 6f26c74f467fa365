#pragma once

// A list whose entries are screened for: the names of each, from when to when it counts, the score
// from which on a name is a hit, and the hits that somebody looked into and ruled out.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/csv.h"
#include "base/result.h"
#include "decide/list_entry.h"
#include "decide/screening.h"

namespace fuqi::decide {

// "This customer is not that person": hits of a name on an entry that do not count. The name is
// compared as screening folds it, without legal forms, so that case, width, accents and traditional
// characters do not bring the hit back; anything else does.
struct Clearance {
  std::string name;   // as it was asked for
  std::string entry;  // the entry's value
  std::string reason;
  std::string by;                      // who ruled it out
  int64_t valid_from_us = kSinceEver;  // inclusive, in the time of what is screened
  int64_t valid_to_us = kForEver;      // exclusive

  friend bool operator==(const Clearance&, const Clearance&) = default;
};

// A file with a header that names the columns name, entry, reason and by, each of them filled, and
// maybe valid_to, in any order. kParse, placed.
Result<std::vector<Clearance>> ReadClearancesCsv(CsvReader& reader);

class Clearances {
 public:
  void Add(Clearance clearance);
  // One of these that is equal; nothing where there is none.
  void Remove(const Clearance& clearance);

 private:
  friend class ScreeningList;
  const Clearance* Find(std::string_view key, std::string_view entry, int64_t at_us) const;

  // By the name's key and the entry's value.
  std::map<std::pair<std::string, std::string>, std::vector<Clearance>> all_;
};

class ScreeningList {
 public:
  // `threshold` of kScreeningScoreMax.
  ScreeningList(std::string name, int threshold) : name_(std::move(name)), threshold_(threshold) {}

  // An entry under the id of another takes its place. It stays where it is until it is removed.
  void Put(const ListEntry& entry);
  void Remove(const ListEntryId& id);

  struct Hit {
    ScreeningHit hit;
    const ListEntry* entry = nullptr;
    const Clearance* clearance = nullptr;  // null: the hit counts
  };
  struct Answer {
    std::vector<Hit> hits;  // highest score first, at most `top` that count; cleared ones beside
    int best = 0;           // of those that count
    bool truncated = false;
    uint64_t steps = 0;
  };
  // At the time of the event. Pointers live until the next change.
  Answer Screen(std::string_view name, int64_t at_us, size_t top, const Clearances& clearances);

  const std::string& name() const { return name_; }
  int threshold() const { return threshold_; }
  size_t entries() const { return entries_.size(); }
  size_t names() const { return index_.names(); }

 private:
  std::string name_;
  int threshold_;
  ScreeningIndex index_;
  std::map<std::string, const ListEntry*> entries_;  // by the index's entry
};

}  // namespace fuqi::decide
