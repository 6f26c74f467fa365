#include "node/event_json.h"

#include <gtest/gtest.h>

namespace fuqi::node {
namespace {

using table::TypeId;

const table::Schema kSchema = {
    {"id", {TypeId::kVarchar}},    {"ts", {TypeId::kTimestamp}},
    {"day", {TypeId::kDate}},      {"amount", table::Decimal(18, 2)},
    {"n", {TypeId::kInteger}},     {"big", {TypeId::kBigInt}},
    {"huge", {TypeId::kHugeInt}},  {"ratio", {TypeId::kDouble}},
    {"ok", {TypeId::kBoolean}},    {"tiny", {TypeId::kUTinyInt}},
    {"span", {TypeId::kInterval}}, {"wide", table::Decimal(38, 10)},
};

Result<EventJson::Events> Parse(std::string text, size_t items_max = 100) {
  EventJson parser;
  return parser.Parse(kSchema, text, items_max);
}

// The value of `column` as text, or the code of what is wrong.
std::string Value(const std::string& column, const std::string& json) {
  auto events = Parse(fmt::format(R"({{"{}":{}}})", column, json));
  if (!events) {
    return std::string(ErrorCodeName(events.error().code()));
  }
  const Result<table::Row>& row = events->rows.at(0);
  if (!row) {
    EXPECT_EQ(row.error().where()->field, column);
    return std::string(ErrorCodeName(row.error().code()));
  }
  const size_t i = static_cast<size_t>(table::FindColumn(kSchema, column));
  return table::ToText((*row)[i], kSchema[i].type);
}

TEST(EventJson, ReadsEveryTypeExactly) {
  EXPECT_EQ(Value("id", R"("a\"\u4e2d\n")"), "a\"中\n");
  EXPECT_EQ(Value("id", R"("")"), "");
  EXPECT_EQ(Value("ts", R"("2026-07-01T08:30:00.5Z")"), "2026-07-01 08:30:00.5");
  EXPECT_EQ(Value("ts", R"("2026-07-01T08:30:00+08:00")"), "2026-07-01 00:30:00");
  EXPECT_EQ(Value("ts", R"("2026-07-01 08:30:00")"), "2026-07-01 08:30:00");
  EXPECT_EQ(Value("ts", R"("0001-01-01T01:00:00+01:00")"), "0001-01-01 00:00:00");
  EXPECT_EQ(Value("day", R"("2024-02-29")"), "2024-02-29");
  EXPECT_EQ(Value("ok", "true"), "true");
  EXPECT_EQ(Value("ok", "false"), "false");
  EXPECT_EQ(Value("n", "-2147483648"), "-2147483648");
  EXPECT_EQ(Value("tiny", "255"), "255");
  EXPECT_EQ(Value("ratio", "1e-7"), "1e-07");
  EXPECT_EQ(Value("ratio", "0.1"), "0.1");
  for (const table::Column& column : kSchema) {
    EXPECT_EQ(Value(column.name, "null"), "NULL") << column.name;
  }
}

TEST(EventJson, NeverPassesMoneyThroughADouble) {
  EXPECT_EQ(Value("amount", "0.10"), "0.10");
  EXPECT_EQ(Value("amount", "9999999999999999.99"), "9999999999999999.99");  // no double has it
  EXPECT_EQ(Value("amount", "\"9999999999999999.99\""), "9999999999999999.99");
  EXPECT_EQ(Value("amount", "1e2"), "100.00");
  EXPECT_EQ(Value("amount", "1.50e1"), "15.00");
  EXPECT_EQ(Value("amount", "12.3400"), "12.34");
  EXPECT_EQ(Value("amount", "-0"), "0.00");
  EXPECT_EQ(Value("big", "9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(Value("big", "\"9223372036854775807\""), "9223372036854775807");
  EXPECT_EQ(Value("huge", "170141183460469231731687303715884105727"), "out_of_range");
  EXPECT_EQ(Value("huge", "17014118346046923173168730371588410572"),
            "17014118346046923173168730371588410572");
  EXPECT_EQ(Value("wide", "1234567890123456789012345678.0123456789"),
            "1234567890123456789012345678.0123456789");
}

TEST(EventJson, RefusesWhatItsTypeDoesNotHold) {
  EXPECT_EQ(Value("amount", "0.001"), "out_of_range");
  EXPECT_EQ(Value("amount", "10000000000000000.00"), "out_of_range");
  EXPECT_EQ(Value("amount", "1e400"), "out_of_range");
  EXPECT_EQ(Value("n", "1.5"), "out_of_range");
  EXPECT_EQ(Value("n", "2147483648"), "out_of_range");
  EXPECT_EQ(Value("tiny", "-1"), "out_of_range");
  EXPECT_EQ(Value("tiny", "256"), "out_of_range");
  EXPECT_EQ(Value("ratio", "1e999"), "out_of_range");
  EXPECT_EQ(Value("ts", "\"9999-12-31T23:59:59.9-01:00\""), "out_of_range");
  EXPECT_EQ(Value("ts", "\"0001-01-01T00:59:59+01:00\""), "out_of_range");
}

TEST(EventJson, ConvertsNothing) {
  EXPECT_EQ(Value("id", "17"), "type_mismatch");
  EXPECT_EQ(Value("id", "true"), "type_mismatch");
  EXPECT_EQ(Value("n", "\"17\""), "type_mismatch");
  EXPECT_EQ(Value("ok", "1"), "type_mismatch");
  EXPECT_EQ(Value("ok", "\"true\""), "type_mismatch");
  EXPECT_EQ(Value("ts", "1751358600"), "type_mismatch");
  EXPECT_EQ(Value("ts", "\"2026-07-01\""), "type_mismatch");
  EXPECT_EQ(Value("ts", "\"2026-02-30T00:00:00Z\""), "type_mismatch");
  EXPECT_EQ(Value("day", "\"2026-13-01\""), "type_mismatch");
  EXPECT_EQ(Value("amount", "\"12,50\""), "type_mismatch");
  EXPECT_EQ(Value("amount", "\" 12\""), "type_mismatch");
  EXPECT_EQ(Value("amount", "\"\""), "type_mismatch");
  EXPECT_EQ(Value("amount", "\"NaN\""), "type_mismatch");
  EXPECT_EQ(Value("ratio", "\"1\""), "type_mismatch");
  EXPECT_EQ(Value("span", "\"1 day\""), "type_mismatch");
  EXPECT_EQ(Value("id", "[\"a\"]"), "type_mismatch");
  EXPECT_EQ(Value("id", "{\"a\":{}}"), "type_mismatch");
}

TEST(EventJson, LeavesOutWhatIsNotGiven) {
  auto events = Parse("{}");
  ASSERT_TRUE(events && events->rows[0]);
  EXPECT_FALSE(events->array);
  for (size_t i = 0; i < kSchema.size(); ++i) {
    EXPECT_TRUE((*events->rows[0])[i].is_null());
  }
}

TEST(EventJson, RefusesUnknownAndRepeatedFields) {
  auto events = Parse(R"({"id":"a","amout":1})");
  ASSERT_TRUE(events);
  ASSERT_FALSE(events->rows[0]);
  EXPECT_EQ(events->rows[0].error().message(), "the event table has no column amout");
  events = Parse(R"({"id":"a","id":"b"})");
  ASSERT_FALSE(events->rows[0]);
  EXPECT_EQ(events->rows[0].error().where()->field, "id");
  events = Parse(R"({"ID":"a"})");  // names are compared exactly
  EXPECT_FALSE(events->rows[0]);
  events = Parse(R"({"i\u0064":"a"})");  // an escaped name is the same name
  EXPECT_TRUE(events->rows[0]);
}

TEST(EventJson, TellsNoValueOfTheInput) {
  for (const char* text :
       {R"({"6222 0211 0000 1234 567":1})", R"({"amount":"secret"})", R"({"ts":"secret"})",
        R"({"n":98765432109876})", R"({"amount":0.98765})", R"([{"id":"secret","id":"secret"}])",
        R"({"id":"secret" x})", R"("secret")"}) {
    auto events = Parse(text);
    const std::string said = events ? events->rows[0].error().ToString(Language::kEnglish)
                                    : events.error().ToString(Language::kEnglish);
    for (const char* secret : {"secret", "98765", "6222"}) {
      EXPECT_EQ(said.find(secret), std::string::npos) << text;
    }
  }
}

TEST(EventJson, ReadsAnArrayAndTellsWhichItemIsWrong) {
  auto events = Parse(R"([ {"id":"a"}, {"id":1}, {"n":7} , {"x":[1,{"y":2}]}])");
  ASSERT_TRUE(events);
  EXPECT_TRUE(events->array);
  ASSERT_EQ(events->rows.size(), 4u);
  EXPECT_TRUE(events->rows[0]);
  EXPECT_FALSE(events->rows[1]);
  ASSERT_TRUE(events->rows[2]);
  EXPECT_TRUE((*events->rows[2])[0].is_null()) << "a row keeps nothing of the one before";
  EXPECT_FALSE(events->rows[3]);
  EXPECT_EQ(Parse("[]")->rows.size(), 0u);
}

TEST(EventJson, BoundsTheItemsOfAnArray) {
  EXPECT_EQ(Parse("[{},{},{}]", 3)->rows.size(), 3u);
  EXPECT_EQ(Parse("[{},{},{},{}]", 3).error().code(), ErrorCode::kResourceExhausted);
}

TEST(EventJson, SaysWhereJsonStopsBeingWellFormed) {
  const auto place = [](std::string text) {
    const Error error = Parse(text).error();
    return error.where() ? fmt::format("{}:{}", error.where()->line, error.where()->column) : "";
  };
  EXPECT_EQ(place("{\"id\":}"), "1:7");
  EXPECT_EQ(place("{\"id\":\"a\",'ok':true}"), "1:11");
  EXPECT_EQ(place("{\"id\":\"\u4e8c\",\n \"n\":01}"), "2:6");
  EXPECT_EQ(place("{\"id\":\"a\"}}"), "1:11");
}

TEST(EventJson, RefusesMalformedJsonAsAWhole) {
  for (std::string text : std::initializer_list<std::string>{"",
                                                             " ",
                                                             "{",
                                                             "[",
                                                             "[{}",
                                                             "[{},",
                                                             "[{},]",
                                                             "{\"id\":}",
                                                             "{\"id\":\"a\"",
                                                             "{\"id\" \"a\"}",
                                                             "{\"id\":\"a\",}",
                                                             "{id:\"a\"}",
                                                             "{'id':'a'}",
                                                             "{\"n\":01}",
                                                             "{\"n\":1.}",
                                                             "{\"n\":.5}",
                                                             "{\"n\":+1}",
                                                             "{\"n\":1e}",
                                                             "{\"ratio\":NaN}",
                                                             "{\"ratio\":Infinity}",
                                                             "{\"ok\":tru}",
                                                             "{\"ok\":truee}",
                                                             "{\"id\":nul}",
                                                             "{\"id\":\"\x01\"}",
                                                             "{\"id\":\"\\x\"}",
                                                             "{\"id\":\"\\ud800\"}",
                                                             "{\"id\":\"\xff\"}",
                                                             "{\"id\":\"\xc0\x80\"}",
                                                             "{}{}",
                                                             "{} x",
                                                             "[{}]]",
                                                             "[{}] {}",
                                                             "\"text\"",
                                                             "17",
                                                             "null",
                                                             "true",
                                                             "[1]",
                                                             "[[{}]]",
                                                             "[null]",
                                                             "{\"id\":\"a\" \"n\":1}",
                                                             "{\"n\":1 2}",
                                                             std::string("{}\0", 3),
                                                             "\xef\xbb\xbf{"}) {
    auto events = Parse(text);
    ASSERT_FALSE(events) << text;
    EXPECT_EQ(events.error().code(), ErrorCode::kParse) << text;
  }
}

TEST(EventJson, SurvivesDeepNesting) {
  const std::string deep(100'000, '[');
  EXPECT_FALSE(Parse(deep));
  const std::string closed = "{\"id\":" + deep + std::string(100'000, ']') + "}";
  auto events = Parse(closed);
  EXPECT_TRUE(!events || !events->rows[0]);
  std::string objects;
  for (int i = 0; i < 50'000; ++i) {
    objects += "{\"id\":";
  }
  EXPECT_FALSE(Parse(objects));
}

TEST(EventJson, EveryTruncationOfAnEventIsRefused) {
  const std::string whole =
      R"({"id":"t1","ts":"2026-07-01T08:30:00Z","amount":12.50,"ok":true,"n":null})";
  ASSERT_TRUE(Parse(whole)->rows[0]);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Parse(whole.substr(0, size))) << size;
  }
}

TEST(EventJson, ReadsAPathsTextByTheSameRules) {
  EXPECT_EQ(ValueFromText("t 1", {TypeId::kVarchar})->text(), "t 1");
  EXPECT_TRUE(ValueFromText("17", {TypeId::kInteger})->i == 17);
  EXPECT_FALSE(ValueFromText("17x", {TypeId::kInteger}));
  EXPECT_FALSE(ValueFromText("", {TypeId::kBigInt}));
  EXPECT_TRUE(ValueFromText("2024-02-29", {TypeId::kDate}));
}

}  // namespace
}  // namespace fuqi::node
