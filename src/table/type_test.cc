#include "table/type.h"

#include <gtest/gtest.h>

#include "table/position.h"

namespace fuqi::table {
namespace {

TEST(ParseType, ReadsWhatToStringWrites) {
  for (int id = 0; id <= 16; ++id) {
    Type type{static_cast<TypeId>(id)};
    if (type.id == TypeId::kDecimal) {
      type = Decimal(18, 2);
    }
    auto read = ParseType(type.ToString());
    ASSERT_TRUE(read.has_value()) << type.ToString();
    EXPECT_EQ(*read, type);
  }
}

TEST(ParseType, ReadsAliasesInAnyCase) {
  auto name = [](std::string_view text) {
    auto type = ParseType(text);
    return type.has_value() ? type->ToString() : type.error().message();
  };
  EXPECT_EQ(name("int"), "INTEGER");
  EXPECT_EQ(name("Int8"), "BIGINT");
  EXPECT_EQ(name("  TEXT "), "VARCHAR");
  EXPECT_EQ(name("numeric( 10 , 2 )"), "DECIMAL(10,2)");
  EXPECT_EQ(name("dec(38)"), "DECIMAL(38,0)");
  EXPECT_EQ(name("DECIMAL"), "DECIMAL(18,3)");
  EXPECT_EQ(name("double precision"), "DOUBLE");
  EXPECT_EQ(name("DATETIME"), "TIMESTAMP");
}

TEST(ParseType, RefusesWhatItDoesNotKnow) {
  auto code = [](std::string_view text) {
    auto type = ParseType(text);
    EXPECT_FALSE(type.has_value()) << text;
    return type.has_value() ? ErrorCode::kInternal : type.error().code();
  };
  EXPECT_EQ(code(""), ErrorCode::kParse);
  EXPECT_EQ(code("(1)"), ErrorCode::kParse);
  EXPECT_EQ(code("FLOAT"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("INTEGER[]"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("TIMESTAMPTZ"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("VARCHAR(10)"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("DECIMAL(0,0)"), ErrorCode::kOutOfRange);
  EXPECT_EQ(code("DECIMAL(39,0)"), ErrorCode::kOutOfRange);
  EXPECT_EQ(code("DECIMAL(4,5)"), ErrorCode::kOutOfRange);
  for (const char* text : {"DECIMAL(", "DECIMAL()", "DECIMAL(4,2", "DECIMAL(4,)", "DECIMAL(,2)",
                           "DECIMAL(4,2,1)", "DECIMAL(-4)", "DECIMAL(99999999999999)"}) {
    EXPECT_EQ(code(text), ErrorCode::kParse) << text;
  }
}

TEST(FindColumn, ComparesAsciiLettersWithoutCaseAndOthersToTheByte) {
  const Schema schema = {{"Payer", {}}, {"ÜNÏ", {}}, {"金额", {}}};
  EXPECT_EQ(FindColumn(schema, "PAYER"), 0);
  EXPECT_EQ(FindColumn(schema, "ÜNÏ"), 1);
  EXPECT_EQ(FindColumn(schema, "ünï"), -1);
  EXPECT_EQ(FindColumn(schema, "金额"), 2);
  EXPECT_EQ(FindColumn(schema, ""), -1);
  EXPECT_EQ(FindColumn({}, "a"), -1);
}

TEST(Quote, DoublesTheQuote) {
  EXPECT_EQ(QuoteName("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(QuoteText("it's"), "'it''s'");
  EXPECT_EQ(QuoteText(""), "''");
}

TEST(PlaceIn, CountsLinesOfAnyKindAndCodePoints) {
  const std::string_view text = "a\n中文b\r\nc\rd";
  auto place = [&](size_t offset) {
    const Where where = PlaceIn(text, offset);
    return std::to_string(where.line) + ":" + std::to_string(where.column);
  };
  EXPECT_EQ(place(0), "1:1");
  EXPECT_EQ(place(1), "1:2");
  EXPECT_EQ(place(2), "2:1");
  EXPECT_EQ(place(5), "2:2");
  EXPECT_EQ(place(8), "2:3");
  EXPECT_EQ(place(11), "3:1");
  EXPECT_EQ(place(13), "4:1");
  EXPECT_EQ(place(99), "4:2");
  EXPECT_EQ(PlaceIn("", 0).column, 1);
}

TEST(ByteOfCodePoint, FindsTheByte) {
  EXPECT_EQ(ByteOfCodePoint("a中b", 0), 0u);
  EXPECT_EQ(ByteOfCodePoint("a中b", 1), 1u);
  EXPECT_EQ(ByteOfCodePoint("a中b", 2), 4u);
  EXPECT_EQ(ByteOfCodePoint("a中b", 3), 5u);
  EXPECT_EQ(ByteOfCodePoint("a中b", 9), 5u);
}

TEST(Excerpt, CutsBetweenCodePoints) {
  EXPECT_EQ(Excerpt("abc", 3), "abc");
  EXPECT_EQ(Excerpt("abcd", 3), "abc…");
  EXPECT_EQ(Excerpt("a中文", 4), "a中…");
  EXPECT_EQ(Excerpt("a中文", 3), "a…");
  EXPECT_EQ(Excerpt("", 0), "");
}

}  // namespace
}  // namespace fuqi::table
