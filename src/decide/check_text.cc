#include "decide/check_text.h"

#include <string>

#include "base/utf8.h"

namespace fuqi::decide {

Result<void> CheckText(std::string_view text, size_t bytes_max, std::string_view field) {
  if (text.size() > bytes_max) {
    return Err(ErrorCode::kOutOfRange, "{} bytes; it may have {}", text.size(), bytes_max)
        .At({.field = std::string(field)});
  }
  if (!IsUtf8(text) || text.find('\0') != std::string_view::npos) {
    return Err(ErrorCode::kParse, "the text is not UTF-8 without NUL")
        .At({.field = std::string(field)});
  }
  return {};
}

}  // namespace fuqi::decide
