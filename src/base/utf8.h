#pragma once

// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fuqi {

// The offset of the first byte that does not belong to a well-formed sequence (a sequence that ends
// too early: its first byte), or none.
std::optional<size_t> FirstBadUtf8(std::string_view text);
inline bool IsUtf8(std::string_view text) { return !FirstBadUtf8(text); }

// Code points of a well-formed text (elsewhere: bytes that do not continue a sequence).
size_t CountCodePoints(std::string_view text);

// A well-formed text as it stands within JSON's quotes.
std::string JsonText(std::string_view text);

}  // namespace fuqi
