#include "base/log.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/time.h"

namespace fuqi {
namespace {

class Log : public ::testing::Test {
 protected:
  void Configure(LogLevel level, LogFormat format) {
    ConfigureLog({.level = level, .format = format, .sink = [this](std::string_view line) {
                    lines_.emplace_back(line);
                  }});
  }
  void TearDown() override { ConfigureLog({}); }

  std::vector<std::string> lines_;
};

TEST_F(Log, WritesTimeLevelModuleMessageAndFields) {
  Configure(LogLevel::kInfo, LogFormat::kText);
  LogWarn("ledger", "a torn tail was cut off",
          {{"file", "a b.log"}, {"bytes", 17}, {"last", true}});
  ASSERT_EQ(lines_.size(), 1u);
  const size_t space = lines_[0].find(' ');
  const std::string time = lines_[0].substr(0, space);
  EXPECT_EQ(time.size(), std::string_view("2026-07-01T08:30:00.123456Z").size());
  EXPECT_NEAR(static_cast<double>(*ParseTimestamp(time)),
              static_cast<double>(SystemClock().NowUs()), 60.0 * kSecondUs);
  EXPECT_EQ(lines_[0].substr(space + 1),
            "warning ledger: a torn tail was cut off file=\"a b.log\" bytes=17 last=true");
}

TEST_F(Log, DropsWhatLiesBelowItsLevel) {
  Configure(LogLevel::kWarn, LogFormat::kText);
  LogDebug("m", "no");
  LogInfo("m", "no");
  LogWarn("m", "yes");
  LogError("m", "yes");
  EXPECT_EQ(lines_.size(), 2u);
}

TEST_F(Log, JsonIsOneObjectWhateverTheFieldsHold) {
  Configure(LogLevel::kDebug, LogFormat::kJson);
  const std::string nasty = "quote\" backslash\\ line\nend\x01 bad\xff 符契";
  LogDebug("node", "say \"hi\"",
           {{"text", nasty},
            {"count", 42},
            {"ok", false},
            {"ratio", 0.5},
            {"none", std::numeric_limits<double>::quiet_NaN()},
            {"char", 'x'}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(lines_[0]);
  EXPECT_EQ(json["level"], "debug");
  EXPECT_EQ(json["module"], "node");
  EXPECT_EQ(json["message"], "say \"hi\"");
  EXPECT_EQ(json["text"], "quote\" backslash\\ line\nend\x01 bad\xef\xbf\xbd 符契");
  EXPECT_EQ(json["count"], 42);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["ratio"], 0.5);
  EXPECT_EQ(json["none"], "nan");
  EXPECT_EQ(json["char"], "x");
}

TEST_F(Log, AValueCannotForgeALineOrAField) {
  Configure(LogLevel::kInfo, LogFormat::kText);
  LogInfo("m", "x", {{"a", "1\n2026-01-01 forged"}, {"b", "c=d"}, {"e", ""}, {"f", "\x1b[31m"}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_TRUE(lines_[0].ends_with(R"(m: x a="1\n2026-01-01 forged" b="c=d" e="" f="\u001b[31m")"))
      << lines_[0];
}

TEST_F(Log, LinesOfManyThreadsStayWhole) {
  Configure(LogLevel::kInfo, LogFormat::kText);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 250; ++i) {
        LogInfo("m", "line", {{"i", i}});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(lines_.size(), 1000u);
}

TEST_F(Log, GoesToStandardErrorByDefault) {
  ConfigureLog({});
  ::testing::internal::CaptureStderr();
  LogError("m", "to stderr");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.ends_with("error m: to stderr\n")) << text;
}

TEST_F(Log, ReadsItsSettingsByName) {
  EXPECT_EQ(*ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_EQ(*ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(ParseLogLevel("loud").error().code(), ErrorCode::kUsage);
  EXPECT_EQ(ParseLogFormat("xml").error().code(), ErrorCode::kUsage);
}

}  // namespace
}  // namespace fuqi
