#pragma once

#include <cstdint>

namespace fuqi {

// How many seeds a test takes: under a sanitizer, which is some ten times slower, one in ten.
constexpr uint64_t SeedsForTest(uint64_t seeds) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return seeds / 10;
#else
  return seeds;
#endif
}

}  // namespace fuqi
