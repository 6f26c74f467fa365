#pragma once

// What stands, said again from the words of the design: all that was ever set, looked through for
// each event. The oracle of standing.h where it is the rules of a pack that set: `fuqi pack diff`
// holds the stream's actions against it. Slow: each event looks at all that was set.

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/decision.h"

namespace fuqi::decide {

class BruteStanding {
 public:
  explicit BruteStanding(const CompiledPack& pack) : pack_(pack) {}

  // The action of an event within bounds whose rules gave these values: the greatest of theirs and
  // of what stands.
  Action Decide(const Event& event, std::span<const table::Datum> rules);
  // What the rules of an event out of bounds set.
  void DecideOutOfBounds(const Event& event, std::span<const table::Datum> rules);
  // What standing() is for a subject and a time; nothing for NULL.
  std::optional<bool> Stands(const Lookup& lookup, std::span<const table::Datum> args) const;

 private:
  struct Set {
    size_t kind;
    table::Row subject;
    Action action;
    std::optional<int128> limit;
    std::optional<Allowance> allowance;
    int128 until;
    std::vector<std::pair<int128, int128>> passed;  // when, how much
  };
  bool Names(const Set& set, const Event& event) const;
  table::Datum AmountFor(const Set& set, const Event& event) const;
  // Whether the limit lets the event pass.
  bool IsSmall(const Set& set, const Event& event, int128 ts) const;
  // The greatest action of the rules that hit, whose standing actions are noted.
  Action NoteRules(const Event& event, std::span<const table::Datum> rules, int128 ts);
  void Note(const Rule& rule, const Event& event, int128 ts);

  const CompiledPack& pack_;
  std::vector<Set> sets_;
  std::optional<int128> newest_;  // of the times within bounds
};

}  // namespace fuqi::decide
