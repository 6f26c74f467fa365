#pragma once

// "did you mean …": the known name nearest to a mistyped one.

#include <functional>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fuqi {

// The candidate with the fewest single-character edits (insert, delete, replace, swap of
// neighbours; ASCII letters without case), the first of several; none if even that needs more edits
// than a third of the longer name, rounded up.
std::optional<std::string> NearestName(std::string_view name,
                                       std::span<const std::string> candidates);

// The same among the names that things have: NearestName(name, rules, &Rule::id).
template <std::ranges::input_range Things, typename NameOf>
std::optional<std::string> NearestName(std::string_view name, const Things& things,
                                       NameOf name_of) {
  std::vector<std::string> names;
  for (const auto& thing : things) {
    names.push_back(std::invoke(name_of, thing));
  }
  return NearestName(name, names);
}

}  // namespace fuqi
