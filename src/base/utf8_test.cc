#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace fuqi {
namespace {

std::string Encode(uint32_t code) {
  if (code < 0x80) {
    return {static_cast<char>(code)};
  }
  std::string text;
  int shift = code < 0x800 ? 6 : code < 0x10000 ? 12 : 18;
  text += static_cast<char>((code < 0x800 ? 0xc0 : code < 0x10000 ? 0xe0 : 0xf0) | (code >> shift));
  while (shift > 0) {
    shift -= 6;
    text += static_cast<char>(0x80 | ((code >> shift) & 0x3f));
  }
  return text;
}

TEST(Utf8, TakesEveryCodePointAndNoSurrogate) {
  for (uint32_t code = 0; code <= 0x10ffff; ++code) {
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    ASSERT_EQ(IsUtf8(Encode(code)), !surrogate) << code;
  }
  EXPECT_FALSE(IsUtf8(Encode(0x110000)));
}

TEST(Utf8, RefusesOverlongForms) {
  for (std::string_view bad : {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
                               "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(FirstBadUtf8(bad), 0u);
  }
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_EQ(FirstBadUtf8("ab\xff"), 2u);
  EXPECT_EQ(FirstBadUtf8("符\x80"), 3u);
  EXPECT_EQ(FirstBadUtf8("符\xe5\xa5"), 3u);  // ends too early
  EXPECT_EQ(FirstBadUtf8("\xe5"
                         "a"),
            0u);
  EXPECT_EQ(FirstBadUtf8("\xf4\x90\x80\x80"), 0u);
  EXPECT_EQ(FirstBadUtf8("\xf5\x80\x80\x80"), 0u);
  EXPECT_EQ(FirstBadUtf8(std::string_view("a\0b", 3)), std::nullopt);
  EXPECT_EQ(FirstBadUtf8(""), std::nullopt);
}

TEST(Utf8, AnyTruncationOfASequenceIsBad) {
  for (const std::string& whole : {Encode(0x7ff), Encode(0xffff), Encode(0x10ffff)}) {
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_EQ(FirstBadUtf8("x" + whole.substr(0, size)), 1u);
    }
  }
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("aé符😀"), 4u);
}

TEST(JsonText, EscapesQuotesAndControlCharacters) {
  EXPECT_EQ(JsonText("\"\\\n\r\t\x01\x1f中"), "\\\"\\\\\\n\\r\\t\\u0001\\u001f中");
  EXPECT_EQ(JsonText("a\x7f/"), "a\\u007f/");
  EXPECT_EQ(JsonText(""), "");
}

}  // namespace
}  // namespace fuqi
