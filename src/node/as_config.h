#pragma once

#include "base/result.h"

namespace fuqi::node {

// What makes a configuration or a pack unusable is kConfig, whatever its kind: exit code 3 says to
// a script that a file must be mended. A failure of ours stays what it is.
template <class T>
Result<T> AsConfig(Result<T> result) {
  if (result || result.error().code() == ErrorCode::kInternal) {
    return result;
  }
  return result.error().WithCode(ErrorCode::kConfig);
}

}  // namespace fuqi::node
