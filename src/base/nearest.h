#pragma once

// "did you mean …": the known name nearest to a mistyped one.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fuqi {

// The candidate with the fewest single-character edits (insert, delete, replace, swap of
// neighbours; ASCII letters without case), the first of several; none if even that needs more edits
// than a third of the longer name, rounded up.
std::optional<std::string> NearestName(std::string_view name,
                                       std::span<const std::string> candidates);

}  // namespace fuqi
