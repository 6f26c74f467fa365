#pragma once

// The committed part of a core's state: what changes (change.h) said, read from their records and
// never computed again. One pack's lists and references, its standing actions, and which changes
// were made lately.
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
#include "decide/outbox.h"
#include "decide/pack.h"
#include "decide/reference.h"
#include "decide/standing.h"

namespace fuqi::decide {

// The ids of as many changes, the newest, are known again.
inline constexpr size_t kChangeIdsMax = 10'000;

class Committed {
 public:
  // `pack` must outlive it.
  explicit Committed(const Pack& pack);

  // Whether the change can be applied now. kNotFound: the pack has no such list or reference;
  // kAlreadyExists: one entry twice, or what stands already; kInvalidArgument, kTypeMismatch,
  // kParse, kOutOfRange: what cannot be in it, or goes beyond a bound.
  Result<void> Validate(const Change& change) const;
  // Makes the change, whose record is `seq`. Errors of form as Validate, and nothing has changed
  // then; a change to what the pack does not have is passed over.
  Result<void> Apply(const Change& change, uint64_t seq);

  // The record of the change that had this one's id already, if one had; kConflict if that one did
  // something else.
  Result<std::optional<uint64_t>> FindChange(const Change& change) const;

  // nullptr if the pack has none of this name.
  const ListState* FindList(std::string_view name) const;
  const std::vector<ListState>& lists() const { return lists_; }
  // The same to screen against: screening keeps its working memory there, and nothing else changes.
  std::vector<ListState>& screened_lists() { return lists_; }
  const ReferenceState* FindReference(std::string_view name) const;
  const std::vector<ReferenceState>& references() const { return references_; }
  const StandingState* FindStanding(std::string_view kind) const;
  const std::vector<StandingState>& standing() const { return standing_; }
  const OutboxState& outbox() const { return outbox_; }

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  struct Known {
    std::string id;
    uint64_t seq;
    Digest content;
  };
  // Whether the pack has what the change is about, whether what it says can be, and whether it goes
  // with what there is now: the last is asked once, when the change is made.
  bool Has(const ListChange& change) const { return FindList(change.list) != nullptr; }
  bool Has(const ReferenceChange& change) const {
    return FindReference(change.reference) != nullptr;
  }
  bool Has(const StandingChange& change) const;
  static bool Has(const OutboxChange&) { return true; }
  Result<void> CheckForm(const ListChange& change) const;
  Result<void> CheckForm(const ReferenceChange& change) const;
  Result<void> CheckForm(const StandingChange& change) const;
  static Result<void> CheckForm(const OutboxChange& change);
  // Of lists and references: whether there is room. A version with lower bounds folds what was put
  // before it all the same, and takes no more.
  Result<void> CheckFits(const ListChange& change) const;
  Result<void> CheckFits(const ReferenceChange& change) const;
  Result<void> CheckFits(const StandingChange& change) const;
  Result<void> CheckFits(const OutboxChange& change) const;
  Result<void> CheckAllowance(const StandingChange& change) const;
  void Make(const ListChange& change, uint64_t seq);
  void Make(const ReferenceChange& change, uint64_t seq);
  void Make(const StandingChange& change, uint64_t seq);
  void Make(const OutboxChange& change, uint64_t seq);
  void Remember(Known known);

  const Pack* pack_;
  std::vector<ListState> lists_;            // in the pack's order
  std::vector<ReferenceState> references_;  // likewise
  std::vector<StandingState> standing_;     // likewise
  OutboxState outbox_;
  std::deque<Known> known_;  // oldest first
  boost::unordered_flat_map<std::string, std::pair<uint64_t, Digest>> by_id_;
};

}  // namespace fuqi::decide
