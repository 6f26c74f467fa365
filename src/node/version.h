#pragma once

#include <string_view>

namespace fuqi::node {

// The project's version, as CMake has it.
std::string_view Version();

}  // namespace fuqi::node
