#pragma once

// The texts that changes of committed state carry.

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace fuqi::decide {

// kOutOfRange beyond `bytes_max`; kParse unless it is UTF-8 without NUL. Errors are placed at
// `field`.
Result<void> CheckText(std::string_view text, size_t bytes_max, std::string_view field);

}  // namespace fuqi::decide
