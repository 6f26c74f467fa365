#pragma once

// Places in a text and excerpts of it, for telling a person where an error stands.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fuqi::table {

// Line and column (both from 1, columns in code points) of byte `offset` of `text`; an offset past
// the end gives the end. A line ends with \n, \r\n or \r.
Where PlaceIn(std::string_view text, size_t offset);

// Byte offset of the code point with this index; text.size() past the end.
size_t ByteOfCodePoint(std::string_view text, size_t index);

// The text, or its beginning of at most `max_bytes`, cut between code points, with … after it.
std::string Excerpt(std::string_view text, size_t max_bytes);

}  // namespace fuqi::table
