#pragma once

// The operator's log: one line on stderr for each event, as text or JSON. It is not the evidence
// (that is ledger/log.h), and nothing may depend on it.
//
// SECURITY: a line holds a literal and the fields that the caller lists one by one; a whole object
// cannot be logged, so that a key or a customer's data gets in only by being named. Bytes that
// could forge a line (control characters) are escaped. Test: Log.AValueCannotForgeALineOrAField.
//
// Threads: any.
//
//   LogInfo("ledger", "a torn tail was cut off", {{"file", path}, {"bytes", n}});
//   → 2026-07-01T08:30:00.123456Z info ledger: a torn tail was cut off file=000001.log bytes=17

#include <fmt/core.h>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fuqi {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t { kText, kJson };

// "debug", "info", "warn", "error"; "text", "json"; kUsage otherwise.
Result<LogLevel> ParseLogLevel(std::string_view name);
Result<LogFormat> ParseLogFormat(std::string_view name);

struct LogField {
  template <class T>
  LogField(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {
    if constexpr (std::floating_point<T>) {
      bare = std::isfinite(v);
    } else {
      bare = std::integral<T> && !std::same_as<T, char>;
    }
  }

  std::string_view key;
  std::string value;
  bool bare = false;  // a number or a truth value: JSON writes it without quotes
};
using LogFields = std::initializer_list<LogField>;

// A literal: nothing that a program puts together at run time is a message.
struct LogMessage {
  template <size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal should read as a literal.
  consteval LogMessage(const char (&literal)[N]) : text(literal, N - 1) {}

  std::string_view text;
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;  // lines below it are dropped
  LogFormat format = LogFormat::kText;
  // Takes the finished lines, without line end, in place of stderr; for tests.
  std::function<void(std::string_view)> sink;
};
void ConfigureLog(LogSettings settings);

void LogDebug(std::string_view module, LogMessage message, LogFields fields = {});
void LogInfo(std::string_view module, LogMessage message, LogFields fields = {});
void LogWarn(std::string_view module, LogMessage message, LogFields fields = {});
void LogError(std::string_view module, LogMessage message, LogFields fields = {});

}  // namespace fuqi
