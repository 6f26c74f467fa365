#include <algorithm>
#include <initializer_list>

#include "sql/scan_internal.h"
#include "sql/window_text_internal.h"
#include "table/type.h"

namespace fuqi::sql::internal {
namespace {

// Whether `tokens` has these words from `at` on.
bool Words(std::span<const Token> tokens, size_t at, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (at >= tokens.size() || !tokens[at].Is(word)) {
      return false;
    }
    ++at;
  }
  return true;
}

bool IsName(const Token& token) {
  return token.kind == Token::Kind::kWord || token.kind == Token::Kind::kQuotedName;
}

// Reads a window's definition word by word; DuckDB's tree is then held against it.
class WindowGrammar {
 public:
  WindowGrammar(const Fragment& fragment, std::span<const Token> tokens, std::string_view time)
      : fragment_(fragment), tokens_(tokens), time_(time) {}

  Result<WindowText> Read() {
    WindowText window;
    if (Words(tokens_, at_, {"partition", "by"})) {
      ++at_;  // at BY, which is before an expression as a comma is
      do {
        ++at_;
        window.partitions.push_back(TextUntil("order", ","));
        if (window.partitions.back().empty()) {
          return Fail("an expression to partition by is needed here");
        }
      } while (Words(tokens_, at_, {","}));
    }
    if (!Words(tokens_, at_, {"order", "by"})) {
      return Fail("ORDER BY the time column is needed here");
    }
    at_ += 2;
    if (at_ == tokens_.size() || !IsName(tokens_[at_]) ||
        !table::SameName(NameOf(tokens_[at_]), time_)) {
      return fragment_.At(Here(), Err(ErrorCode::kUnsupported,
                                      "a window is ordered by the time column, {}, alone", time_));
    }
    ++at_;
    if (Words(tokens_, at_, {"asc"})) {
      ++at_;
    }
    if (at_ < tokens_.size()) {
      FUQI_RETURN_IF_ERROR(Frame(window));
    }
    return window;
  }

 private:
  Position Here() const {
    return at_ < tokens_.size() ? tokens_[at_].position
                                : static_cast<Position>(fragment_.text.size());
  }
  Error Fail(MessageTemplate message) const {
    return fragment_.At(Here(), Err(ErrorCode::kUnsupported, message));
  }

  // The text from here up to one of the words outside parentheses, or to the end; at_ moves there.
  std::string_view TextUntil(const char* word, const char* other = "") {
    const Position begin = Here();
    int depth = 0;
    Position end = begin;
    for (; at_ < tokens_.size(); ++at_) {
      const Token& token = tokens_[at_];
      if (depth == 0 && (token.Is(word) || token.Is(other))) {
        break;
      }
      depth += token.Is("(") ? 1 : token.Is(")") ? -1 : 0;
      end = token.position + static_cast<Position>(token.text.size());
    }
    return std::string_view(fragment_.text).substr(begin, end - begin);
  }

  Result<void> Frame(WindowText& window) {
    window.by_rows = Words(tokens_, at_, {"rows"});
    if (!window.by_rows && !Words(tokens_, at_, {"range"})) {
      return Fail(
          "a window may only be ordered by time, rising, and have a frame of RANGE or ROWS");
    }
    ++at_;
    const bool between = Words(tokens_, at_, {"between"});
    at_ += between ? 1 : 0;
    if (Words(tokens_, at_, {"unbounded", "preceding"})) {
      at_ += 2;
    } else {
      FUQI_ASSIGN_OR_RETURN(window.length, Bound(window.by_rows));
    }
    if (between) {
      if (!Words(tokens_, at_, {"and"})) {
        return Fail("AND and the end of the frame are needed here");
      }
      ++at_;
      if (Words(tokens_, at_, {"current", "row"})) {
        at_ += 2;
      } else {
        FUQI_ASSIGN_OR_RETURN(window.gap, Bound(window.by_rows));
      }
    }
    if (at_ < tokens_.size()) {
      return Fail("nothing may follow the frame");
    }
    return {};
  }

  // INTERVAL … PRECEDING, or a number PRECEDING.
  Result<std::string_view> Bound(bool by_rows) {
    const bool begins = by_rows ? at_ < tokens_.size() && tokens_[at_].kind == Token::Kind::kNumber
                                : Words(tokens_, at_, {"interval"});
    const Error error =
        by_rows ? Fail(
                      "a frame of ROWS begins at UNBOUNDED PRECEDING or a number of rows "
                      "PRECEDING, and ends at CURRENT ROW or such a number PRECEDING")
                : Fail(
                      "a frame of RANGE begins at UNBOUNDED PRECEDING or INTERVAL … PRECEDING, and "
                      "ends at CURRENT ROW or INTERVAL … PRECEDING");
    if (!begins) {
      return error;
    }
    const std::string_view text = TextUntil("preceding");
    if (!Words(tokens_, at_, {"preceding"})) {
      return error;
    }
    ++at_;
    return text;
  }

  const Fragment& fragment_;
  std::span<const Token> tokens_;
  std::string_view time_;
  size_t at_ = 0;
};

}  // namespace

Result<WindowText> ReadWindowText(const Fragment& fragment, std::string_view time) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<Token> tokens, Scan(fragment));
  return WindowGrammar(fragment, tokens, time).Read();
}

Result<std::vector<Reference>> FindWindows(const Fragment& fragment,
                                           std::span<const std::string> known) {
  FUQI_ASSIGN_OR_RETURN(const std::vector<Token> tokens, Scan(fragment));
  std::vector<Reference> found;
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (!tokens[i].Is("over") || !tokens[i - 1].Is(")")) {
      continue;
    }
    if (i + 1 == tokens.size() || !IsName(tokens[i + 1])) {
      return fragment.At(
          tokens[i].position,
          Err(ErrorCode::kUnsupported,
              "a window is defined under a name of its own and used by it: OVER <name>"));
    }
    const Token& token = tokens[i + 1];
    std::string name = NameOf(token);
    if (std::none_of(known.begin(), known.end(),
                     [&](const std::string& k) { return table::SameName(k, name); })) {
      return fragment.At(token.position,
                         Err(ErrorCode::kNotFound, "there is no window \"{}\"", name));
    }
    found.push_back({std::move(name), token.position});
  }
  return found;
}

}  // namespace fuqi::sql::internal
