#pragma once

// The one error model: a function that can fail returns Result<T>; nothing of ours throws.
//
// Result<T> has the member names of std::expected, so that it can become an alias once the shipping
// compiler has it. Error carries a closed code, a message template with its arguments (so that it
// can be told in Chinese and in English), the place in the user's input that is at fault, and the
// place in our source that noticed. A message never holds a secret or another party's data.
//
//   Result<int> Parse(std::string_view s) {
//     if (s.empty()) return Err(ErrorCode::kParse, "an empty text is no number");
//     …
//   }
//   FUQI_ASSIGN_OR_RETURN(int n, Parse(text));

#include <fmt/core.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"

namespace fuqi {

// Numbers are evidence (they are stored in records): never reuse one.
enum class ErrorCode : uint16_t {
  kInvalidArgument = 1,  // a value that the caller chose is not usable
  kUsage = 2,            // the command line is wrong                        (exit 2)
  kConfig = 3,           // a configuration file or pack is wrong            (exit 3)
  kParse = 4,            // text or bytes do not follow their grammar
  kTypeMismatch = 5,     // a value or expression is of another type than needed
  kOutOfRange = 6,       // overflow, or beyond a stated bound
  kUnsupported = 7,      // a construct this executor refuses, by name
  kNotFound = 8,
  kAlreadyExists = 9,
  kConflict = 10,  // the same id with other content
  kPermissionDenied = 11,
  kUnauthenticated = 12,
  kIo = 13,  // the operating system refused or failed
  kDiskFull = 14,
  kCorrupt = 15,      // stored bytes are not what was stored, or evidence does not verify (exit 4)
  kUnavailable = 16,  // not now: shutting down, or the log has failed
  kDeadlineExceeded = 17,
  kResourceExhausted = 18,  // a bound on memory, queue or size was reached
  kCancelled = 19,
  kInternal = 20,
};

// "kConfig" → "config"; stable, used in JSON and in metrics.
std::string_view ErrorCodeName(ErrorCode code);

enum class Language : uint8_t { kEnglish, kChinese };

// Where in the user's input the fault lies. Lines and columns count from 1; columns count code
// points; 0 is "unknown".
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
  std::string field;  // a configuration key, an event's field, a feature's name

  friend bool operator==(const Where&, const Where&) = default;
};

// A template text that a call to Err wrote as a literal, with the place of that call.
struct MessageTemplate {
  template <size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal should read as a literal.
  constexpr MessageTemplate(const char (&literal)[N],
                            std::source_location where = std::source_location::current())
      : text(literal, N - 1), source(where) {}

  std::string_view text;
  std::source_location source;
};

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string_view message_template, std::vector<std::string> args,
        std::source_location source)
      : code_(code), template_(message_template), args_(std::move(args)), source_(source) {}

  ErrorCode code() const { return code_; }
  const std::optional<Where>& where() const { return where_; }
  const std::source_location& source() const { return source_; }

  // "file:line:column: field: message", in English or, where i18n/zh has the template, in Chinese.
  std::string ToString(Language language = Language::kEnglish) const;
  // The message alone, without the place.
  std::string message(Language language = Language::kEnglish) const;

  // Fills in what is not known yet of the place: the innermost caller that knows a part of it wins.
  Error&& At(Where where) &&;
  Error At(Where where) const&;

  // The same under the code that fits the caller: text that does not parse is kConfig in a
  // configuration file, kUsage on a command line.
  Error WithCode(ErrorCode code) const& {
    Error error = *this;
    error.code_ = code;
    return error;
  }

  // The same at another place, which replaces what was known of it.
  Error WithPlace(Where where) const& {
    Error error = *this;
    error.where_ = std::move(where);
    return error;
  }

  // Process exit code by the conventions: 1 failed, 2 usage, 3 configuration, 4 evidence does not
  // verify.
  int exit_code() const;

 private:
  ErrorCode code_;
  std::string_view template_;  // always a literal, or a text with static life
  std::vector<std::string> args_;
  std::optional<Where> where_;
  std::source_location source_;
};

template <class... Args>
Error Err(ErrorCode code, MessageTemplate message, const Args&... args) {
  std::vector<std::string> texts;
  texts.reserve(sizeof...(args));
  (texts.push_back(fmt::format("{}", args)), ...);
  return Error(code, message.text, std::move(texts), message.source);
}

template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_reference_v<T>);
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  using value_type = T;

  Result()
    requires std::is_void_v<T>
      : state_(std::in_place_index<0>) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  template <class U = T>
    requires(!std::is_void_v<T> && std::constructible_from<Stored, U> &&
             !std::same_as<std::remove_cvref_t<U>, Result> &&
             !std::same_as<std::remove_cvref_t<U>, Error>)
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  decltype(auto) value() & { return Get(*this); }
  decltype(auto) value() const& { return Get(*this); }
  // By value, unlike std::expected's: `for (auto& x : *F())` and `const auto& x = *F()` would
  // dangle in C++20.
  T value() && { return Get(std::move(*this)); }
  decltype(auto) operator*() & { return Get(*this); }
  decltype(auto) operator*() const& { return Get(*this); }
  T operator*() && { return Get(std::move(*this)); }
  auto* operator->()
    requires(!std::is_void_v<T>)
  {
    return &Get(*this);
  }
  const auto* operator->() const
    requires(!std::is_void_v<T>)
  {
    return &Get(*this);
  }

  const Error& error() const& {
    FUQI_CHECK(!has_value());
    return std::get<1>(state_);
  }
  Error error() && {
    FUQI_CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

  template <class U>
  Stored value_or(U&& fallback) const&
    requires(!std::is_void_v<T>)
  {
    return has_value() ? std::get<0>(state_) : static_cast<Stored>(std::forward<U>(fallback));
  }

  // Adds what the caller knows of the place to an error; does nothing to a value.
  Result At(Where where) && {
    if (!has_value()) {
      return std::get<1>(std::move(state_)).At(std::move(where));
    }
    return std::move(*this);
  }

 private:
  template <class Self>
  static decltype(auto) Get(Self&& self) {
    if (!self.has_value()) {
      internal::CheckFailed("Result::value() on an error: ", self.error().ToString());
    }
    if constexpr (!std::is_void_v<T>) {
      return std::get<0>(std::forward<Self>(self).state_);
    }
  }

  std::variant<Stored, Error> state_;
};

}  // namespace fuqi

#define FUQI_CONCAT_(a, b) a##b
#define FUQI_CONCAT(a, b) FUQI_CONCAT_(a, b)

// Leaves the function with the error of `expr`, a Result, if it holds one.
#define FUQI_RETURN_IF_ERROR(expr)                               \
  do {                                                           \
    if (auto fuqi_result_ = (expr); !fuqi_result_.has_value()) { \
      return std::move(fuqi_result_).error();                    \
    }                                                            \
  } while (false)

// FUQI_ASSIGN_OR_RETURN(auto x, F()) binds x to F's value or leaves the function with F's error.
#define FUQI_ASSIGN_OR_RETURN(lhs, expr) \
  FUQI_ASSIGN_OR_RETURN_(FUQI_CONCAT(fuqi_result_, __COUNTER__), lhs, expr)
#define FUQI_ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                           \
  if (!tmp.has_value()) {                      \
    return std::move(tmp).error();             \
  }                                            \
  lhs = *std::move(tmp)
