#include "base/log.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/thread_annotations.h"
#include "base/utf8.h"

namespace fuqi {

namespace {

constexpr std::string_view kTextPattern = "%Y-%m-%dT%H:%M:%S.%fZ %l %n: %v";
constexpr std::string_view kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","module":"%n","message":%v})";

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

class CallbackSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit CallbackSink(std::function<void(std::string_view)> take) : take_(std::move(take)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    take_(std::string_view(line.data(), line.size() - 1));  // without the line end
  }
  void flush_() override {}

 private:
  std::function<void(std::string_view)> take_;
};

// A JSON string; bytes that are not UTF-8 become U+FFFD.
void AppendQuoted(std::string_view text, std::string& out) {
  std::string valid;
  while (const std::optional<size_t> bad = FirstBadUtf8(text)) {
    valid += text.substr(0, *bad);
    valid += "\xef\xbf\xbd";
    text.remove_prefix(*bad + 1);
  }
  valid += text;
  out += '"';
  out += JsonText(valid);
  out += '"';
}

bool NeedsQuotes(std::string_view value) {
  return value.empty() || FirstBadUtf8(value) ||
         value.find_first_of(" =\"\\\x7f") != std::string_view::npos ||
         std::ranges::any_of(value, [](char c) { return c >= 0 && c < 0x20; });
}

std::string Payload(LogFormat format, std::string_view message, LogFields fields) {
  std::string payload;
  if (format == LogFormat::kText) {
    payload = message;
    for (const LogField& field : fields) {
      payload += fmt::format(" {}=", field.key);
      NeedsQuotes(field.value) ? AppendQuoted(field.value, payload)
                               : static_cast<void>(payload += field.value);
    }
    return payload;
  }
  AppendQuoted(message, payload);
  for (const LogField& field : fields) {
    payload += ',';
    AppendQuoted(field.key, payload);
    payload += ':';
    field.bare ? static_cast<void>(payload += field.value) : AppendQuoted(field.value, payload);
  }
  return payload;
}

class Logger {
 public:
  Logger() { Configure({}); }

  void Configure(LogSettings settings) FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    level_ = settings.level;
    format_ = settings.format;
    if (settings.sink) {
      sink_ = std::make_unique<CallbackSink>(std::move(settings.sink));
    } else {
      sink_ = std::make_unique<spdlog::sinks::stderr_sink_mt>();
    }
    sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        std::string(format_ == LogFormat::kJson ? kJsonPattern : kTextPattern),
        spdlog::pattern_time_type::utc, "\n"));
  }

  void Write(LogLevel level, std::string_view module, std::string_view message, LogFields fields)
      FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (level < level_) {
      return;
    }
    const std::string payload = Payload(format_, message, fields);
    try {
      sink_->log(
          spdlog::details::log_msg(spdlog::source_loc{}, module, SpdlogLevel(level), payload));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      // stderr is closed or full; a log line is no reason to stop deciding.
    }
  }

 private:
  Mutex mutex_;
  LogLevel level_ FUQI_GUARDED_BY(mutex_);
  LogFormat format_ FUQI_GUARDED_BY(mutex_);
  std::unique_ptr<spdlog::sinks::sink> sink_ FUQI_GUARDED_BY(mutex_);
};

Logger& TheLogger() {
  static Logger logger;
  return logger;
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view name) {
  if (name == "debug") {
    return LogLevel::kDebug;
  }
  if (name == "info") {
    return LogLevel::kInfo;
  }
  if (name == "warn") {
    return LogLevel::kWarn;
  }
  if (name == "error") {
    return LogLevel::kError;
  }
  return Err(ErrorCode::kUsage, "\"{}\" is no log level: debug, info, warn and error are", name);
}

Result<LogFormat> ParseLogFormat(std::string_view name) {
  if (name == "text") {
    return LogFormat::kText;
  }
  if (name == "json") {
    return LogFormat::kJson;
  }
  return Err(ErrorCode::kUsage, "\"{}\" is no log format: text and json are", name);
}

void ConfigureLog(LogSettings settings) { TheLogger().Configure(std::move(settings)); }

void LogDebug(std::string_view module, LogMessage message, LogFields fields) {
  TheLogger().Write(LogLevel::kDebug, module, message.text, fields);
}
void LogInfo(std::string_view module, LogMessage message, LogFields fields) {
  TheLogger().Write(LogLevel::kInfo, module, message.text, fields);
}
void LogWarn(std::string_view module, LogMessage message, LogFields fields) {
  TheLogger().Write(LogLevel::kWarn, module, message.text, fields);
}
void LogError(std::string_view module, LogMessage message, LogFields fields) {
  TheLogger().Write(LogLevel::kError, module, message.text, fields);
}

}  // namespace fuqi
