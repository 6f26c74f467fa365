#pragma once

// Calls whose value no expression can compute from its row, such as in_list('watched', payee, ts):
// found in the words of a fragment before DuckDB sees them, and replaced by the names of columns
// that the executor is given.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/fragment.h"

namespace fuqi::sql {

struct GivenCall {
  std::string function;        // as listed
  Position begin = 0;          // in the fragment's text
  Position end = 0;            // behind the closing parenthesis
  std::vector<Fragment> args;  // placed where the user wrote them

  // The text of a constant that stands as an argument; nothing if it is anything else.
  static std::optional<std::string> TextOf(const Fragment& arg);
};

// The calls of these functions, in order. Errors as the parser's of the fragment's words;
// kUnsupported: one inside another.
Result<std::vector<GivenCall>> FindGivenCalls(const Fragment& fragment,
                                              std::span<const std::string_view> functions);

// The fragment with texts[i] in the place of calls[i]. What is wrong in it is placed in the words
// that the user wrote.
Fragment ReplaceCalls(const Fragment& fragment, std::span<const GivenCall> calls,
                      std::span<const std::string> texts);

}  // namespace fuqi::sql
