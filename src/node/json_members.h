#pragma once

// Bodies of requests as JSON, and their members by name.
//
// Security: what a body can cost is bounded by its size, whatever is in it: values, members of one
// object and depth have bounds; members are found in a tree; nothing here recurses.

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fuqi::node {

using BodyJson = nlohmann::json;

inline constexpr size_t kBodyDepthMax = 16;
inline constexpr size_t kBodyMembersMax = 2'000;           // of one object
inline constexpr size_t kBodyValuesMax = size_t{1} << 20;  // in all

// An object. kParse: not well-formed, no object, or two members of one name in an object;
// kResourceExhausted: beyond a bound.
Result<BodyJson> ParseBody(std::string_view text);

// All below: kInvalidArgument, placed by the member's name.

// That it is an object whose members are among `names`.
Result<void> CheckMembers(const BodyJson& json, std::initializer_list<std::string_view> names);
// Nothing where it is missing.
Result<std::optional<std::string>> TextMember(const BodyJson& object, const char* name);
// The same; a whole number or a boolean by its own digits or letters: a pack's types decide whether
// it is a value.
Result<std::optional<std::string>> ValueMember(const BodyJson& object, const char* name);
// A date or a time.
Result<std::optional<int64_t>> TimeMember(const BodyJson& object, const char* name);
// What one of the above gave, which must not be nothing.
template <class T>
Result<T> Required(Result<std::optional<T>> member, const char* name) {
  FUQI_ASSIGN_OR_RETURN(std::optional<T> given, std::move(member));
  if (!given) {
    return Err(ErrorCode::kInvalidArgument, "the member is missing").At({.field = name});
  }
  return *std::move(given);
}
// An empty one where it is missing.
Result<const BodyJson*> ArrayMember(const BodyJson& object, const char* name);

}  // namespace fuqi::node
