#pragma once

// The words of a fragment, before DuckDB sees it: refuses by name and position what DuckDB's parser
// would read as something else than it looks like, and what could leave the parentheses that a
// fragment is put into. Not for others.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/fragment.h"

namespace fuqi::sql::internal {

struct Token {
  enum class Kind : uint8_t { kWord, kQuotedName, kText, kNumber, kOperator, kPunctuation };

  Kind kind;
  Position position;
  std::string_view text;  // as written

  bool Is(std::string_view word) const;  // a bare word or sign, ASCII letters without case
};

inline constexpr size_t kMaxFragmentBytes = 16 << 10;
inline constexpr size_t kMaxGeneratedBytes = 1 << 20;
inline constexpr int kMaxParentheses = 100;

// kParse: quotes, comments or parentheses that do not close, `;`, bad UTF-8, a Unicode space
// outside quotes; kUnsupported: 0xFF, 1_000, X'41' and its like, 7%-2, <=>, parameters, dollar
// quotes; kResourceExhausted: too long or too many nested parentheses. The error is placed.
Result<std::vector<Token>> Scan(const Fragment& fragment);

// The name that a kWord or kQuotedName token stands for.
std::string NameOf(const Token& token);

}  // namespace fuqi::sql::internal
