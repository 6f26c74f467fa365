#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/utf8.h"
#include "sql/scan_internal.h"
#include "table/type.h"

namespace fuqi::sql::internal {
namespace {

constexpr std::string_view kOperatorSigns = "+-*/<>=~!@#%^&|`?";
constexpr std::array<std::string_view, 21> kOperators = {
    "+",  "-", "*",  "/",  "//", "%", "=", "==", "<>", "!=", "<",
    "<=", ">", ">=", "||", "**", "^", "&", "|",  "@",  "^@"};
// Spaces that DuckDB turns into ASCII ones before it parses, U+2000 … U+200B apart.
constexpr std::array<std::string_view, 6> kUnicodeSpaces = {"\u00a0", "\u202f", "\u205f",
                                                            "\u2060", "\u3000", "\ufeff"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c); }
bool IsUnicodeSpace(std::string_view text) {
  if (text.size() >= 3 && text.starts_with("\xe2\x80") &&
      static_cast<unsigned char>(text[2]) <= 0x8b) {
    return true;
  }
  return std::any_of(kUnicodeSpaces.begin(), kUnicodeSpaces.end(),
                     [&](std::string_view space) { return text.starts_with(space); });
}

class Scanner {
 public:
  explicit Scanner(const Fragment& fragment) : fragment_(fragment), text_(fragment.text) {}

  Result<std::vector<Token>> Run() {
    const size_t bytes_max = fragment_.generated ? kMaxGeneratedBytes : kMaxFragmentBytes;
    if (text_.size() > bytes_max) {
      return Fail(
          0, Err(ErrorCode::kResourceExhausted, "the expression has {} bytes; at most {} are read",
                 text_.size(), bytes_max));
    }
    if (const auto bad = FirstBadUtf8(text_)) {
      return Fail(*bad, Err(ErrorCode::kParse, "the expression is not UTF-8"));
    }
    while (true) {
      FUQI_RETURN_IF_ERROR(SkipBlanks());
      if (at_ == text_.size()) {
        break;
      }
      FUQI_RETURN_IF_ERROR(Next());
    }
    if (!open_.empty()) {
      return Fail(open_.back(), Err(ErrorCode::kParse, "this parenthesis is never closed"));
    }
    if (tokens_.empty()) {
      return Fail(0, Err(ErrorCode::kParse, "the expression is empty"));
    }
    return std::move(tokens_);
  }

 private:
  Error Fail(size_t position, Error error) const {
    return fragment_.At(static_cast<Position>(position), std::move(error));
  }

  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Sees(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void Add(Token::Kind kind, size_t begin) {
    tokens_.push_back({kind, static_cast<Position>(begin), text_.substr(begin, at_ - begin)});
  }

  Result<void> SkipBlanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
        ++at_;
      } else if (Sees("--")) {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else if (Sees("/*")) {
        FUQI_RETURN_IF_ERROR(SkipBlockComment());
      } else {
        break;
      }
    }
    return {};
  }

  // Block comments nest, as in DuckDB.
  Result<void> SkipBlockComment() {
    const size_t begin = at_;
    int depth = 0;
    do {
      if (at_ >= text_.size()) {
        return Fail(begin, Err(ErrorCode::kParse, "this comment is never closed"));
      }
      if (IsUnicodeSpace(text_.substr(at_))) {
        return UnicodeSpace();
      }
      if (Sees("/*")) {
        ++depth;
        at_ += 2;
      } else if (Sees("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0);
    return {};
  }

  Error UnicodeSpace() const {
    return Fail(at_, Err(ErrorCode::kParse,
                         "a Unicode space (such as U+3000) stands outside quotes: use an ASCII "
                         "space"));
  }

  Result<void> Next() {
    const size_t begin = at_;
    const char c = text_[at_];
    if (IsUnicodeSpace(text_.substr(at_))) {
      return UnicodeSpace();
    }
    if (c == '\'' || c == '"') {
      return Quoted(c);
    }
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      return Number();
    }
    if (IsNameStart(c)) {
      return Word();
    }
    if (kOperatorSigns.find(c) != std::string_view::npos) {
      return Operator();
    }
    if (Sees("::")) {
      at_ += 2;
      Add(Token::Kind::kPunctuation, begin);
      return {};
    }
    ++at_;
    switch (c) {
      case '(':
        open_.push_back(begin);
        if (open_.size() > kMaxParentheses) {
          return Fail(begin, Err(ErrorCode::kResourceExhausted,
                                 "more than {} parentheses are open here", kMaxParentheses));
        }
        break;
      case ')':
        if (open_.empty()) {
          return Fail(begin, Err(ErrorCode::kParse, "this parenthesis was never opened"));
        }
        open_.pop_back();
        break;
      case ',':
      case '.':
        break;
      case ';':
        return Fail(begin, Err(ErrorCode::kParse, "an expression holds no ;"));
      case '$':
        return Fail(begin, Err(ErrorCode::kUnsupported,
                               "parameters and $-quotes are not allowed; write the value itself"));
      default:
        return Fail(begin, Err(ErrorCode::kUnsupported, "{} has no meaning in an expression",
                               "\"" + std::string(1, c) + "\""));
    }
    Add(Token::Kind::kPunctuation, begin);
    return {};
  }

  // '…' or "…", a doubled quote standing for itself.
  Result<void> Quoted(char quote) {
    const size_t begin = at_++;
    while (true) {
      const size_t end = text_.find(quote, at_);
      if (end == std::string_view::npos) {
        return Fail(begin, Err(ErrorCode::kParse, "this quote is never closed"));
      }
      at_ = end + 1;
      if (Peek() != quote) {
        break;
      }
      ++at_;
    }
    if (text_.substr(begin, at_ - begin).find('\0') != std::string_view::npos) {
      return Fail(begin, Err(ErrorCode::kParse, "the quoted text holds a NUL byte"));
    }
    Add(quote == '"' ? Token::Kind::kQuotedName : Token::Kind::kText, begin);
    return {};
  }

  Result<void> Number() {
    const size_t begin = at_;
    auto digits = [this] {
      while (IsDigit(Peek())) {
        ++at_;
      }
    };
    digits();
    if (Peek() == '.') {
      ++at_;
      digits();
    }
    if ((Peek() == 'e' || Peek() == 'E') &&
        (IsDigit(Peek(1)) || ((Peek(1) == '+' || Peek(1) == '-') && IsDigit(Peek(2))))) {
      at_ += 2;
      digits();
    }
    if (IsNamePart(Peek())) {
      while (IsNamePart(Peek())) {
        ++at_;
      }
      return Fail(begin,
                  Err(ErrorCode::kUnsupported, "{} is no number here; write it in decimal digits",
                      text_.substr(begin, at_ - begin)));
    }
    const std::string number(text_.substr(begin, at_ - begin));
    if (std::strtod(number.c_str(), nullptr) > 1.7976931348623157e308) {
      return Fail(begin, Err(ErrorCode::kOutOfRange, "{} is beyond what a DOUBLE holds", number));
    }
    Add(Token::Kind::kNumber, begin);
    return {};
  }

  Result<void> Word() {
    const size_t begin = at_;
    while (IsNamePart(Peek()) && !IsUnicodeSpace(text_.substr(at_))) {
      ++at_;
    }
    Add(Token::Kind::kWord, begin);
    const Token& word = tokens_.back();
    const bool prefixes = word.Is("x") || word.Is("b") || word.Is("e") || word.Is("n");
    if ((Peek() == '\'' && prefixes) || (Sees("&'") && word.Is("u"))) {
      return Fail(begin, Err(ErrorCode::kUnsupported,
                             "quotes with a prefix such as {}'…' are not allowed", word.text));
    }
    return {};
  }

  Result<void> Operator() {
    const size_t begin = at_;
    while (at_ < text_.size() && kOperatorSigns.find(text_[at_]) != std::string_view::npos &&
           !Sees("--") && !Sees("/*")) {
      ++at_;
    }
    // As in PostgreSQL, + or - ends a longer operator only if it has one of these signs.
    if (text_.substr(begin, at_ - begin).find_first_of("~!@#%^&|`?") == std::string_view::npos) {
      while (at_ - begin > 1 && (text_[at_ - 1] == '+' || text_[at_ - 1] == '-')) {
        --at_;
      }
    }
    const std::string_view sign = text_.substr(begin, at_ - begin);
    if (std::find(kOperators.begin(), kOperators.end(), sign) == kOperators.end()) {
      return Fail(begin,
                  Err(ErrorCode::kUnsupported,
                      "the operator {} is not allowed (put a space between two operators)", sign));
    }
    Add(Token::Kind::kOperator, begin);
    return {};
  }

  const Fragment& fragment_;
  std::string_view text_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
  std::vector<size_t> open_;
};

}  // namespace

bool Token::Is(std::string_view word) const {
  return kind != Kind::kQuotedName && kind != Kind::kText && table::SameName(text, word);
}

std::string NameOf(const Token& token) {
  if (token.kind != Token::Kind::kQuotedName) {
    return std::string(token.text);
  }
  std::string name;
  for (size_t i = 1; i + 1 < token.text.size(); ++i) {
    name += token.text[i];
    i += token.text[i] == '"' ? 1 : 0;
  }
  return name;
}

Result<std::vector<Token>> Scan(const Fragment& fragment) { return Scanner(fragment).Run(); }

}  // namespace fuqi::sql::internal
