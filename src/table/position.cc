#include "table/position.h"

#include <algorithm>

namespace fuqi::table {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Where PlaceIn(std::string_view text, size_t offset) {
  Where where{.line = 1, .column = 1};
  const size_t end = std::min(offset, text.size());
  for (size_t i = 0; i < end; ++i) {
    if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))) {
      ++where.line;
      where.column = 1;
    } else if (text[i] != '\r' && !IsContinuation(text[i])) {
      ++where.column;
    }
  }
  return where;
}

size_t ByteOfCodePoint(std::string_view text, size_t index) {
  size_t byte = 0;
  for (; byte < text.size(); ++byte) {
    if (!IsContinuation(text[byte]) && index-- == 0) {
      break;
    }
  }
  return byte;
}

std::string Excerpt(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return std::string(text);
  }
  size_t end = max_bytes;
  while (end > 0 && IsContinuation(text[end])) {
    --end;
  }
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace fuqi::table
