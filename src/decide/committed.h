#pragma once

// The committed part of a core's state: what changes (change.h) said, read from their records and
// never computed again. One pack's lists, and which changes were made lately.
//
// A change acts on every event behind it in the log and on none before. What a pack does not have
// any more (a list that it dropped) is passed over when an older log is folded.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/change.h"
#include "decide/list.h"
#include "decide/pack.h"

namespace fuqi::decide {

// The ids of as many changes, the newest, are known again.
inline constexpr size_t kChangeIdsMax = 10'000;

class Committed {
 public:
  // `pack` must outlive it.
  explicit Committed(const Pack& pack);

  // Whether the change can be applied now. kNotFound: the pack has no such list; kAlreadyExists:
  // one entry twice; kInvalidArgument, kTypeMismatch, kParse, kOutOfRange: what cannot be in it;
  // kResourceExhausted: beyond a bound.
  Result<void> Validate(const Change& change) const;
  // Makes the change, whose record is `seq`. Errors as Validate, and nothing has changed then; a
  // change to what the pack does not have is passed over.
  Result<void> Apply(const Change& change, uint64_t seq);

  // The record of the change that had this one's id already, if one had; kConflict if that one did
  // something else.
  Result<std::optional<uint64_t>> FindChange(const Change& change) const;

  // nullptr if the pack has none of this name.
  const ListState* FindList(std::string_view name) const;
  const std::vector<ListState>& lists() const { return lists_; }

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  struct Known {
    std::string id;
    uint64_t seq;
    Digest content;
  };
  Result<void> Check(const ListChange& change) const;
  void Make(const ListChange& change, uint64_t seq);
  void Remember(Known known);

  const Pack* pack_;
  std::vector<ListState> lists_;  // in the pack's order
  std::deque<Known> known_;       // oldest first
  boost::unordered_flat_map<std::string, std::pair<uint64_t, Digest>> by_id_;
};

}  // namespace fuqi::decide
