#pragma once

// What a new version of a pack changes: for the person who approves it, and for the node, which
// refuses what running state could not follow.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decide/compiled_pack.h"

namespace fuqi::decide {

// One part of a pack that differs, in the pack's own words: `before` is empty for what is new,
// `after` for what is gone.
struct ChangedPart {
  enum class Kind : uint8_t {
    kRule,
    kFeature,
    kWindow,
    kColumn,
    kList,
    kReference,
    kStanding,
    kSetting,
    kFile,  // content that none of the above tells: a scenario, a source, entries of a list
  };
  Kind kind = Kind::kRule;
  std::string name;
  std::string before;
  std::string after;
};
// "rule", "feature", "window", "column", "list", "reference", "standing", "setting", "file"
std::string_view PartName(ChangedPart::Kind kind);

// By kind, then in the order of the new version, what is gone behind it. Files are named for every
// change of content, so that two versions of different hashes never look equal.
std::vector<ChangedPart> CompareVersions(const CompiledPack& from, const CompiledPack& to);

// kConflict, by name, where events that are under way, or what persons and decisions laid down,
// could not follow: another pack's name, key or time column; a column that is of another type or
// now needs a value; a list, reference or standing kind whose values are of another type; a
// standing kind that is gone, since what stands would no longer bind.
Result<void> CheckSuccessor(const CompiledPack& from, const CompiledPack& to);

}  // namespace fuqi::decide
