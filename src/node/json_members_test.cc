#include "node/json_members.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "node/list_json.h"
#include "node/standing_json.h"
#include "node/version_json.h"

namespace fuqi::node {
namespace {

std::string Repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

ErrorCode CodeOf(const std::string& text) {
  const Result<BodyJson> json = ParseBody(text);
  EXPECT_FALSE(json) << text.substr(0, 80);
  return json ? ErrorCode::kInternal : json.error().code();
}

TEST(JsonMembers, AreRefusedWhereTheyAreNinetyThousandOfOneObject) {
  std::string body = "{";
  for (int i = 0; i < 90'000; ++i) {
    body += fmt::format(R"({}"{:06}":1)", i == 0 ? "" : ",", i);
  }
  body += "}";
  ASSERT_GT(body.size(), 900'000u);
  EXPECT_EQ(CodeOf(body), ErrorCode::kResourceExhausted);
  EXPECT_EQ(CodeOf(R"({"put":[)" + body + "]}"), ErrorCode::kResourceExhausted);
  decide::ListChange list;
  EXPECT_FALSE(ParseListChange(body, list));
  decide::StandingChange standing;
  EXPECT_FALSE(ParseStandingChange(body, "aml", standing));
  Proposing proposing;
  EXPECT_FALSE(ParseProposing(body, proposing));
  EXPECT_FALSE(ParseProposing(R"({"files":)" + body + "}", proposing));
}

TEST(JsonMembers, AreReadFromSeventyFiveThousandEntriesOfOneMegabyte) {
  const size_t count = 75'000;
  const std::string body =
      R"({"put":[)" + Repeated(R"({"value":"a"},)", count - 1) + R"({"value":"a"}]})";
  decide::ListChange change;
  const Result<void> parsed = ParseListChange(body, change);
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(change.puts.size(), count);
}

TEST(JsonMembers, AreNotReadBeyondADepth) {
  for (const char* open : {"[", R"({"a":)", R"([{"a":)"}) {
    EXPECT_EQ(CodeOf(R"({"a":)" + Repeated(open, 100'000)), ErrorCode::kResourceExhausted) << open;
  }
  auto nested = [](size_t depth) {
    return R"({"a":)" + Repeated("[", depth - 1) + Repeated("]", depth - 1) + "}";
  };
  EXPECT_TRUE(ParseBody(nested(kBodyDepthMax)));
  EXPECT_EQ(CodeOf(nested(kBodyDepthMax + 1)), ErrorCode::kResourceExhausted);
}

TEST(JsonMembers, AreNotReadBeyondANumberOfValues) {
  auto zeros = [](size_t count) { return R"({"a":[)" + Repeated("0,", count - 1) + "0]}"; };
  EXPECT_TRUE(ParseBody(zeros(kBodyValuesMax - 2)));
  EXPECT_EQ(CodeOf(zeros(kBodyValuesMax - 1)), ErrorCode::kResourceExhausted);
}

TEST(JsonMembers, OfOneNameAreRefusedInOneObjectOnly) {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":1,"b":{},"a":2})",
                           R"({"b":[{"a":1},{"a":1,"a":2}]})", R"({"a":1,"\u0061":2})"}) {
    const Result<BodyJson> json = ParseBody(text);
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().code(), ErrorCode::kParse);
    EXPECT_EQ(json.error().where()->field, "a") << text;
  }
  EXPECT_TRUE(ParseBody(R"({"a":{"a":[{"a":1},{"a":1}]},"b":{"a":1}})"));
}

TEST(JsonMembers, AreThoseOfAnObjectThatIsWellFormed) {
  for (const char* text : {"", "[]", "1", "null", "{", R"({"a":1}x)", "{\"a\":\"\xff\"}",
                           R"({"a":1e999})", R"({"a":1,})"}) {
    EXPECT_EQ(CodeOf(text), ErrorCode::kParse) << text;
  }
}

TEST(JsonMembers, AreTextsAndValuesAndTimesAsAsked) {
  const BodyJson json = *ParseBody(
      R"({"text":"t","number":170,"minus":-1,"large":123456789012345678901234567890,"yes":true,)"
      R"("half":1.5,"none":null,"day":"2024-01-31","time":"2024-01-31T00:00:01Z","list":[1]})");
  EXPECT_EQ(*TextMember(json, "text"), "t");
  EXPECT_EQ(*TextMember(json, "missing"), std::nullopt);
  EXPECT_EQ(*ValueMember(json, "number"), "170");
  EXPECT_EQ(*ValueMember(json, "minus"), "-1");
  EXPECT_EQ(*ValueMember(json, "yes"), "true");
  EXPECT_EQ(*ValueMember(json, "missing"), std::nullopt);
  for (const char* name : {"number", "yes", "none", "list"}) {
    EXPECT_EQ(TextMember(json, name).error().where()->field, name);
  }
  for (const char* name : {"large", "half", "none", "list"}) {
    EXPECT_FALSE(ValueMember(json, name)) << name << ": it would be rounded, or is none";
  }
  EXPECT_EQ(**TimeMember(json, "time") - **TimeMember(json, "day"), 1'000'000);
  EXPECT_EQ(TimeMember(json, "text").error().where()->field, "text");
  EXPECT_EQ(Required(TextMember(json, "missing"), "missing").error().where()->field, "missing");
  EXPECT_EQ((*ArrayMember(json, "list"))->size(), 1u);
  EXPECT_TRUE((*ArrayMember(json, "missing"))->empty());
  EXPECT_FALSE(ArrayMember(json, "text"));
  EXPECT_FALSE(CheckMembers(json, {"text", "number"}));
  EXPECT_FALSE(CheckMembers(json["list"], {}));
  EXPECT_TRUE(CheckMembers(*ParseBody(R"({"a":1})"), {"a", "b"}));
}

}  // namespace
}  // namespace fuqi::node
