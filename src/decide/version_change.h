#pragma once

// What a new version of a pack changes: for the person who approves it, and for the node, which
// refuses what running state could not follow.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decide/compiled_pack.h"

namespace fuqi::decide {

// One named part of a pack that differs. `before` and `after` are what the one version says of it
// and the other does not, in the pack's own words: "threshold: 80 · zh: 名单". No `before`: it is
// new; no `after`: it is gone. All that it says is then told.
struct ChangedPart {
  enum class Kind : uint8_t {
    kRule,
    kFeature,
    kDecisionTable,
    kScore,
    kWindow,
    kGraph,
    kAnomaly,
    kColumn,  // of a table of events, as TABLE.COLUMN
    kList,
    kReference,
    kStanding,
    kOutbox,
    kSetting,  // whatever else stands in pack.toml
    kFile,     // every file, by the hash of its content
  };
  Kind kind = Kind::kRule;
  std::string name;
  std::optional<std::string> before;
  std::optional<std::string> after;
};
// "rule", "feature", "decision_table", …
std::string_view PartName(ChangedPart::Kind kind);

// By kind, then in the order of the new version, what is gone behind it. Every value of pack.toml
// that differs is told, and every file is named, so that two versions of different hashes never
// look equal.
std::vector<ChangedPart> CompareVersions(const Pack& from, const Pack& to);

// kConflict, by name, where events that are under way, or what persons and decisions laid down,
// could not follow: another pack's name, key or time column; a column that is of another type or
// now needs a value; a table of several that is gone, or has lost a column that another keeps; a
// list, reference or standing kind whose values are of another type; a list that now clears
// another; a standing kind that is gone, since what stands would no longer bind. A topic of the
// outbox may come and go: a version owes what it decides itself, and what was owed before stays
// owed (outbox.h).
Result<void> CheckSuccessor(const CompiledPack& from, const CompiledPack& to);

}  // namespace fuqi::decide
