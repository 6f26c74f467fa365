#include "base/messages.h"

#include <gtest/gtest.h>

#include "base/messages_internal.h"

namespace fuqi {
namespace {

TEST(Messages, TheCompiledTableIsSortedAndEachTextIsThereOnce) {
  const auto table = internal::ChineseMessages();
  ASSERT_GT(table.size(), 0u);
  for (size_t i = 1; i < table.size(); ++i) {
    EXPECT_LT(table[i - 1].english, table[i].english);
  }
}

TEST(Messages, EveryEntryIsFound) {
  for (const internal::Message& message : internal::ChineseMessages()) {
    EXPECT_EQ(Translate(message.english, Language::kChinese), message.translated);
    EXPECT_EQ(Translate(message.english, Language::kEnglish), message.english);
  }
}

TEST(Messages, ATextWithoutChineseFormStaysEnglish) {
  EXPECT_EQ(Translate("no such text", Language::kChinese), "no such text");
  EXPECT_EQ(Translate("", Language::kChinese), "");
  EXPECT_EQ(Tr("zzzz no such text", Language::kChinese), "zzzz no such text");
}

TEST(Messages, AnErrorIsToldInBothLanguages) {
  const Error error = Err(ErrorCode::kOutOfRange, "division by zero").At({.file = "f", .line = 2});
  EXPECT_EQ(error.ToString(), "f:2: division by zero");
  EXPECT_EQ(error.ToString(Language::kChinese), "f:2: 除数为零");
}

TEST(Messages, ArgumentsMayStandInAnotherOrder) {
  const Error error =
      Err(ErrorCode::kResourceExhausted, "the file has {} bytes; at most {} are read", 9, 5);
  EXPECT_EQ(error.message(Language::kChinese), "文件有 9 字节，最多读取 5 字节");
}

TEST(Messages, KnowsTheTagsOfChinese) {
  for (const char* tag : {"zh", "zh_CN.UTF-8", "zh-Hans", "ZH-cn", "zh.UTF-8"}) {
    EXPECT_EQ(LanguageFromTag(tag), Language::kChinese) << tag;
  }
  for (const char* tag : {"", "z", "C", "en_US.UTF-8", "zha", "POSIX"}) {
    EXPECT_EQ(LanguageFromTag(tag), Language::kEnglish) << tag;
  }
}

}  // namespace
}  // namespace fuqi
