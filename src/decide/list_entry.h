#pragma once

// One entry of a list: a watched account, a sanctioned person. What files and interfaces give,
// records keep, and screening reads.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fuqi::decide {

inline constexpr int64_t kSinceEver = INT64_MIN;
inline constexpr int64_t kForEver = INT64_MAX;

// What tells an entry from the others of its list: what is put under the id of another takes its
// place.
struct ListEntryId {
  std::string value;  // as SQL prints a value of the list's type
  std::string source;
  int64_t valid_from_us = kSinceEver;
  friend auto operator<=>(const ListEntryId&, const ListEntryId&) = default;
};

struct ListEntry {
  std::string value;                   // as SQL prints a value of the list's type
  std::vector<std::string> aliases;    // other values of the same meaning: a person's other names
  int64_t valid_from_us = kSinceEver;  // inclusive
  int64_t valid_to_us = kForEver;      // exclusive
  std::string source;                  // who lists it: "OFAC SDN"
  std::string reason;                  // why: "CUBA"

  ListEntryId id() const { return {value, source, valid_from_us}; }
  bool valid_at(int64_t us) const { return valid_from_us <= us && us < valid_to_us; }
  friend bool operator==(const ListEntry&, const ListEntry&) = default;
};

// Entries to be taken away: all of this value, or those of them that this source lists, or that
// begin at this time.
struct ListRemoval {
  std::string value;
  std::optional<std::string> source;
  std::optional<int64_t> valid_from_us;

  bool Matches(const ListEntryId& id) const {
    return id.value == value && (!source || id.source == *source) &&
           (!valid_from_us || id.valid_from_us == *valid_from_us);
  }
  friend bool operator==(const ListRemoval&, const ListRemoval&) = default;
};

}  // namespace fuqi::decide
