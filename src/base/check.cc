#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fuqi::internal {

void CheckFailed(std::string_view what, std::string_view detail, std::source_location where) {
  // stdio, not the logger: the invariant that broke may be the logger's.
  std::fprintf(stderr, "fuqi: %s:%u: %.*s%.*s\n", where.file_name(), where.line(),
               static_cast<int>(what.size()), what.data(), static_cast<int>(detail.size()),
               detail.data());
  std::abort();
}

}  // namespace fuqi::internal
