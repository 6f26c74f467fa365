#pragma once

// FUQI_CHECK(condition): a broken invariant ends the process, in release builds too. A decision
// made on corrupt state is worse than no decision; what a user or a peer can cause is an Error
// (base/result.h), never a failed check.

#include <source_location>
#include <string_view>

namespace fuqi::internal {

[[noreturn]] void CheckFailed(std::string_view what, std::string_view detail,
                              std::source_location where = std::source_location::current());

}  // namespace fuqi::internal

#define FUQI_CHECK(condition)                                          \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::fuqi::internal::CheckFailed("broken invariant: ", #condition); \
    }                                                                  \
  } while (false)
