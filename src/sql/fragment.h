#pragma once

// A piece of SQL that a user wrote somewhere: a feature, a rule, a window definition.

#include <functional>
#include <string>

#include "base/result.h"

namespace fuqi::sql {

// Where something stands in a fragment: a byte offset; -1 where nobody knows.
using Position = int64_t;

struct Fragment {
  std::string name;  // of the feature, rule or window; errors carry it as their field
  std::string text;
  // Where the byte at an offset of `text` stands in the user's file. Without it an error says line
  // and column within the text itself.
  std::function<Where(size_t)> place;
  // Which offset of the text that the user wrote an offset of `text` stands for, where calls were
  // replaced (given_calls.h); without it `text` is that text.
  std::function<size_t(size_t)> origin;
  // Made by us from a table of the user's: as long as a statement may be.
  bool generated = false;

  // `error` with the place of `position`, or of the fragment's beginning if nobody knows better.
  Error At(Position position, Error error) const;
  // Where `position` stands in the text that the user wrote.
  Position InOrigin(Position position) const;
};

}  // namespace fuqi::sql
