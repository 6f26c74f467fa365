// Texts: patterns, pieces, letter case. Lengths and positions count code points.

#include <re2/re2.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "sql/functions_internal.h"

namespace fuqi::sql::internal {
namespace {

using Children = const std::vector<Expr>&;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The code point at `at`, and its length in bytes; text is well formed, since everything that
// enters is.
int32_t CodePointAt(std::string_view text, size_t at, size_t& bytes) {
  utf8proc_int32_t code = 0;
  const auto read = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                     static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  bytes = read > 0 ? static_cast<size_t>(read) : 1;
  return read > 0 ? code : static_cast<unsigned char>(text[at]);
}

bool ExactTexts(const Operation& operation, size_t count) {
  return operation.args.size() == count &&
         std::all_of(operation.args.begin(), operation.args.end(), IsText);
}

// Letter case by Unicode's simple mappings.
template <auto kMap>
void MapCase(std::string_view text, Machine& machine, Datum& out) {
  // A mapped code point may be longer than it was, but is never longer than four bytes.
  char* mapped = machine.Allocate(text.size() * 4);
  size_t size = 0;
  size_t bytes = 0;
  for (size_t at = 0; at < text.size(); at += bytes) {
    const int32_t code = kMap(CodePointAt(text, at, bytes));
    size += static_cast<size_t>(
        utf8proc_encode_char(code, reinterpret_cast<utf8proc_uint8_t*>(mapped + size)));
  }
  out = Datum::Text({mapped, size});
}

// ---- LIKE.

// Iterative, with one point to go back to: linear in text times pattern at worst.
bool Like(std::string_view text, std::string_view pattern, int escape) {
  size_t t = 0;
  size_t p = 0;
  size_t retry_t = 0;
  size_t retry_p = std::string_view::npos;
  while (true) {
    if (p < pattern.size() && pattern[p] == '%' && escape != '%') {
      retry_p = ++p;
      retry_t = t;
      continue;
    }
    if (t == text.size()) {
      if (p == pattern.size()) {
        return true;
      }
    } else if (p < pattern.size()) {
      const bool escaped = escape >= 0 && static_cast<unsigned char>(pattern[p]) == escape;
      if (!escaped && pattern[p] == '_') {
        for (++t; t < text.size() && IsContinuation(text[t]);) {
          ++t;
        }
        ++p;
        continue;
      }
      const size_t literal = p + (escaped ? 1 : 0);
      if (literal < pattern.size() && pattern[literal] == text[t]) {
        ++t;
        p = literal + 1;
        continue;
      }
    }
    if (retry_p == std::string_view::npos || retry_t == text.size()) {
      return false;
    }
    t = ++retry_t;
    p = retry_p;
  }
}

// A constant pattern without _ and escape: literal pieces between %.
class LikeMatcher : public Matcher {
 public:
  explicit LikeMatcher(std::string_view pattern) : pattern_(pattern) {
    plain_ = pattern.find('_') == std::string_view::npos;
    for (size_t begin = 0; plain_ && begin <= pattern.size();) {
      const size_t end = std::min(pattern.find('%', begin), pattern.size());
      pieces_.emplace_back(pattern.substr(begin, end - begin));
      begin = end + 1;
    }
  }

  bool Matches(std::string_view text) const override {
    if (!plain_) {
      return Like(text, pattern_, -1);
    }
    if (pieces_.size() == 1) {
      return text == pieces_[0];
    }
    const std::string& first = pieces_.front();
    const std::string& last = pieces_.back();
    if (text.size() < first.size() + last.size() || !text.starts_with(first) ||
        !text.ends_with(last)) {
      return false;
    }
    text = text.substr(first.size(), text.size() - first.size() - last.size());
    for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
      const size_t found = text.find(pieces_[i]);
      if (found == std::string_view::npos) {
        return false;
      }
      text.remove_prefix(found + pieces_[i].size());
    }
    return true;
  }

 private:
  std::string pattern_;
  bool plain_ = false;
  std::vector<std::string> pieces_;
};

template <bool kPositive>
bool RunMatcher(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(operation.matcher->Matches(args[0]->text()) == kPositive), out);
}

template <bool kPositive>
bool RunLike(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(Like(args[0]->text(), args[1]->text(), -1) == kPositive), out);
}

template <bool kPositive>
Result<void> BindLike(Children children, Operation& operation) {
  if (!ExactTexts(operation, 2)) {
    return NoSuchOverload(operation);
  }
  if (auto pattern = ConstantText(children, 1, operation)) {
    operation.matcher = std::make_shared<LikeMatcher>(*pattern);
    operation.kernel = RunMatcher<kPositive>;
  } else {
    operation.kernel = RunLike<kPositive>;
  }
  return {};
}

template <bool kPositive>
bool RunLikeEscape(const Operation& operation, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(Like(args[0]->text(), args[1]->text(),
                               static_cast<int>(operation.parameter)) == kPositive),
              out);
}

// ILIKE: LIKE between the lower forms.
template <bool kPositive>
bool RunILike(const Operation&, Args args, Machine& machine, Datum& out) {
  Datum text;
  Datum pattern;
  MapCase<utf8proc_tolower>(args[0]->text(), machine, text);
  MapCase<utf8proc_tolower>(args[1]->text(), machine, pattern);
  return Give(Datum::Bool(Like(text.text(), pattern.text(), -1) == kPositive), out);
}

template <bool kPositive>
Result<void> BindILike(Children, Operation& operation) {
  operation.kernel = RunILike<kPositive>;
  return ExactTexts(operation, 2) ? Result<void>() : Result<void>(NoSuchOverload(operation));
}

template <bool kPositive>
Result<void> BindLikeEscape(Children children, Operation& operation) {
  if (!ExactTexts(operation, 3)) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view pattern, ConstantText(children, 1, operation));
  FUQI_ASSIGN_OR_RETURN(const std::string_view escape, ConstantText(children, 2, operation));
  if (escape.size() != 1) {
    return NoSuchOverload(operation);
  }
  operation.parameter = static_cast<unsigned char>(escape[0]);
  // DuckDB would raise this at the first text that gets as far.
  bool open = false;
  for (char c : pattern) {
    open = !open && c == escape[0];
  }
  if (open) {
    return Err(ErrorCode::kInvalidArgument, "a LIKE pattern may not end with its escape character");
  }
  operation.kernel = RunLikeEscape<kPositive>;
  return {};
}

// ---- Regular expressions: RE2, linear in the text, memory bounded.

constexpr int64_t kRegexBytes = int64_t{8} << 20;

class RegexMatcher : public Matcher {
 public:
  RegexMatcher(std::string_view pattern, const re2::RE2::Options& options, bool whole)
      : regex_(re2::StringPiece(pattern.data(), pattern.size()), options), whole_(whole) {}
  bool Matches(std::string_view text) const override {
    const re2::StringPiece piece(text.data(), text.size());
    return whole_ ? re2::RE2::FullMatch(piece, regex_) : re2::RE2::PartialMatch(piece, regex_);
  }
  const re2::RE2& regex() const { return regex_; }

 private:
  re2::RE2 regex_;
  bool whole_;
};

template <bool kWhole>
Result<void> BindRegex(Children children, Operation& operation) {
  if (!ExactTexts(operation, 2) && !ExactTexts(operation, 3)) {
    return NoSuchOverload(operation);
  }
  FUQI_ASSIGN_OR_RETURN(const std::string_view pattern, ConstantText(children, 1, operation));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexBytes);
  if (children.size() == 3) {
    FUQI_ASSIGN_OR_RETURN(const std::string_view letters, ConstantText(children, 2, operation));
    for (char letter : letters) {
      switch (letter) {
        case 'c':
          options.set_case_sensitive(true);
          break;
        case 'i':
          options.set_case_sensitive(false);
          break;
        case 'l':
          options.set_literal(true);
          break;
        case 'm':
        case 'n':
        case 'p':
          options.set_dot_nl(false);
          break;
        case 's':
          options.set_dot_nl(true);
          break;
        case ' ':
        case '\t':
        case '\n':
          break;
        default:
          return Err(ErrorCode::kInvalidArgument,
                     "'{}' is no option of a regular expression: c, i, l, m, n, p, s are", letter);
      }
    }
  }
  auto matcher = std::make_shared<RegexMatcher>(pattern, options, kWhole);
  if (!matcher->regex().ok()) {
    return Err(ErrorCode::kInvalidArgument, "the regular expression is not one RE2 takes: {}",
               matcher->regex().error());
  }
  operation.matcher = std::move(matcher);
  operation.kernel = RunMatcher<true>;
  return {};
}

// ---- Pieces.

bool RunConcat(const Operation& operation, Args args, Machine& machine, Datum& out) {
  size_t size = 0;
  for (const Datum* arg : args) {
    size += arg->is_null() ? 0 : arg->t.size;
  }
  if (size > kMaxTextBytes) {
    return FailLength(operation, machine);
  }
  char* text = machine.Allocate(size);
  size_t at = 0;
  for (const Datum* arg : args) {
    if (!arg->is_null()) {
      std::copy_n(arg->t.data, arg->t.size, text + at);
      at += arg->t.size;
    }
  }
  return Give(Datum::Text({text, size}), out);
}

bool RunLength(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(static_cast<int128>(CountCodePoints(args[0]->text()))), out);
}
bool RunByteLength(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Int(static_cast<int128>(args[0]->t.size)), out);
}

// Code points [begin, end) of a text that has `count` of them.
std::string_view Slice(std::string_view text, int128 begin, int128 end) {
  size_t from = 0;
  int128 at = 0;
  const auto skip_to = [&](int128 target) {
    while (at < target && from < text.size()) {
      for (++from; from < text.size() && IsContinuation(text[from]);) {
        ++from;
      }
      ++at;
    }
  };
  skip_to(begin);
  const size_t first = from;
  skip_to(end);
  return text.substr(first, from - first);
}

// substring(text, offset[, length]): offsets count from 1, negative ones from behind the last code
// point; a negative length reaches backwards. What lies outside the text is not there.
bool RunSubstring(const Operation& operation, Args args, Machine& machine, Datum& out) {
  constexpr int128 kReach = UINT32_MAX;
  const std::string_view text = args[0]->text();
  const int128 offset = args[1]->i;
  const int128 length = args.size() == 3 ? args[2]->i : kReach;
  if (offset > kReach || offset < -kReach - 1 || length > kReach || length < -kReach - 1) {
    return FailRange(operation, machine);
  }
  int128 begin = offset < 0 ? static_cast<int128>(CountCodePoints(text)) + offset : offset - 1;
  int128 end = begin + length;
  if (length < 0) {
    std::swap(begin, end);
  }
  begin = std::max<int128>(begin, 0);
  return Give(Datum::Text(end <= begin ? std::string_view() : Slice(text, begin, end)), out);
}

template <bool kLeft>
bool RunLeftRight(const Operation&, Args args, Machine&, Datum& out) {
  const std::string_view text = args[0]->text();
  const auto count = static_cast<int128>(CountCodePoints(text));
  const int128 wanted = args[1]->i;
  const int128 kept = std::clamp<int128>(wanted < 0 ? count + wanted : wanted, 0, count);
  return Give(Datum::Text(kLeft ? Slice(text, 0, kept) : Slice(text, count - kept, count)), out);
}

bool IsTrimmed(const Operation&, Args args, int32_t code) {
  if (args.size() == 1) {
    return utf8proc_category(code) == UTF8PROC_CATEGORY_ZS;
  }
  const std::string_view set = args[1]->text();
  size_t bytes = 0;
  for (size_t at = 0; at < set.size(); at += bytes) {
    if (CodePointAt(set, at, bytes) == code) {
      return true;
    }
  }
  return false;
}

template <bool kLeft, bool kRight>
bool RunTrim(const Operation& operation, Args args, Machine&, Datum& out) {
  std::string_view text = args[0]->text();
  size_t bytes = 0;
  while (kLeft && !text.empty() && IsTrimmed(operation, args, CodePointAt(text, 0, bytes))) {
    text.remove_prefix(bytes);
  }
  while (kRight && !text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && IsContinuation(text[last])) {
      --last;
    }
    if (!IsTrimmed(operation, args, CodePointAt(text, last, bytes))) {
      break;
    }
    text = text.substr(0, last);
  }
  return Give(Datum::Text(text), out);
}

bool RunReplace(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const std::string_view text = args[0]->text();
  const std::string_view from = args[1]->text();
  const std::string_view to = args[2]->text();
  if (from.empty()) {
    return Give(*args[0], out);
  }
  std::string replaced;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string_view::npos;
       at = found + from.size()) {
    replaced.append(text, at, found - at).append(to);
    if (replaced.size() > kMaxTextBytes) {
      return FailLength(operation, machine);
    }
  }
  return Give(machine.Keep(replaced.append(text, at)), out);
}

bool RunStartsWith(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(args[0]->text().starts_with(args[1]->text())), out);
}
bool RunEndsWith(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(args[0]->text().ends_with(args[1]->text())), out);
}
bool RunContains(const Operation&, Args args, Machine&, Datum& out) {
  return Give(Datum::Bool(args[0]->text().find(args[1]->text()) != std::string_view::npos), out);
}
// The place of the first occurrence in code points, from 1; 0 if there is none.
bool RunInstr(const Operation&, Args args, Machine&, Datum& out) {
  const std::string_view text = args[0]->text();
  const size_t found = text.find(args[1]->text());
  return Give(Datum::Int(found == std::string_view::npos
                             ? int128{0}
                             : static_cast<int128>(CountCodePoints(text.substr(0, found))) + 1),
              out);
}

// ---- Letter case and marks.

template <auto kMap>
bool RunCase(const Operation&, Args args, Machine& machine, Datum& out) {
  MapCase<kMap>(args[0]->text(), machine, out);
  return true;
}

bool RunStripAccents(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const std::string_view text = args[0]->text();
  if (std::all_of(text.begin(), text.end(),
                  [](char c) { return static_cast<signed char>(c) >= 0; })) {
    return Give(*args[0], out);
  }
  utf8proc_uint8_t* stripped = nullptr;
  const auto size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &stripped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_STRIPMARK));
  if (size < 0) {
    return FailRange(operation, machine);
  }
  out = machine.Keep({reinterpret_cast<char*>(stripped), static_cast<size_t>(size)});
  std::free(stripped);  // NOLINT(cppcoreguidelines-no-malloc): utf8proc allocated it
  return true;
}

// ---- Binding.

template <auto kKernel, size_t kCount>
Result<void> BindTexts(Children, Operation& operation) {
  if (!ExactTexts(operation, kCount)) {
    return NoSuchOverload(operation);
  }
  operation.kernel = kKernel;
  return {};
}

template <auto kKernel>
Result<void> BindTrim(Children, Operation& operation) {
  if (!ExactTexts(operation, 1) && !ExactTexts(operation, 2)) {
    return NoSuchOverload(operation);
  }
  operation.kernel = kKernel;
  return {};
}

Result<void> BindConcat(Children, Operation& operation) {
  for (const Type& type : operation.args) {
    if (!IsText(type) && type.id != TypeId::kNull) {
      return NoSuchOverload(operation);
    }
  }
  operation.strict = operation.name == "||";
  operation.kernel = RunConcat;
  return {};
}

Result<void> BindTextNumber(Operation& operation, size_t least, size_t most,
                            Operation::Kernel kernel) {
  const size_t count = operation.args.size();
  if (count < least || count > most || !IsText(operation.args[0]) ||
      !std::all_of(operation.args.begin() + 1, operation.args.end(), IsInteger)) {
    return NoSuchOverload(operation);
  }
  operation.kernel = kernel;
  return {};
}
Result<void> BindSubstring(Children, Operation& operation) {
  return BindTextNumber(operation, 2, 3, RunSubstring);
}
template <bool kLeft>
Result<void> BindLeftRight(Children, Operation& operation) {
  return BindTextNumber(operation, 2, 2, RunLeftRight<kLeft>);
}

}  // namespace

std::span<const Function> TextFunctions() {
  static constexpr Function kFunctions[] = {
      {"!~~", BindLike<false>},
      {"!~~*", BindILike<false>},
      {"concat", BindConcat},
      {"contains", BindTexts<RunContains, 2>},
      {"instr", BindTexts<RunInstr, 2>},
      {"left", BindLeftRight<true>},
      {"length", BindTexts<RunLength, 1>},
      {"like_escape", BindLikeEscape<true>},
      {"lower", BindTexts<RunCase<utf8proc_tolower>, 1>},
      {"ltrim", BindTrim<RunTrim<true, false>>},
      {"not_like_escape", BindLikeEscape<false>},
      {"prefix", BindTexts<RunStartsWith, 2>},
      {"regexp_full_match", BindRegex<true>},
      {"regexp_matches", BindRegex<false>},
      {"replace", BindTexts<RunReplace, 3>},
      {"right", BindLeftRight<false>},
      {"rtrim", BindTrim<RunTrim<false, true>>},
      {"starts_with", BindTexts<RunStartsWith, 2>},
      {"strip_accents", BindTexts<RunStripAccents, 1>},
      {"strlen", BindTexts<RunByteLength, 1>},
      {"substring", BindSubstring},
      {"suffix", BindTexts<RunEndsWith, 2>},
      {"trim", BindTrim<RunTrim<true, true>>},
      {"upper", BindTexts<RunCase<utf8proc_toupper>, 1>},
      {"||", BindConcat},
      {"~~", BindLike<true>},
      {"~~*", BindILike<true>},
  };
  return kFunctions;
}

}  // namespace fuqi::sql::internal
