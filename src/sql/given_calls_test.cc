#include "sql/given_calls.h"

#include <gtest/gtest.h>

#include <array>

namespace fuqi::sql {
namespace {

constexpr std::array<std::string_view, 2> kFunctions = {"in_list", "lookup"};

Fragment Of(std::string text) { return {.name = "f", .text = std::move(text)}; }

TEST(GivenCalls, AreFoundWithTheirArguments) {
  const Fragment fragment = Of(
      "a OR In_List( 'w''s' , coalesce(p, 'x,(y'),\n ts) AND lookup('fx', 'rate', abs(c), ts)>2");
  auto calls = FindGivenCalls(fragment, kFunctions);
  ASSERT_TRUE(calls.has_value()) << calls.error().ToString();
  ASSERT_EQ(calls->size(), 2u);
  EXPECT_EQ((*calls)[0].function, "in_list");
  ASSERT_EQ((*calls)[0].args.size(), 3u);
  EXPECT_EQ((*calls)[0].args[1].text, "coalesce(p, 'x,(y')");
  EXPECT_EQ((*calls)[0].args[2].text, "ts");
  EXPECT_EQ((*calls)[0].args[2].place(1), (Where{.line = 2, .column = 3}));
  EXPECT_EQ(GivenCall::TextOf((*calls)[0].args[0]), "w's");
  EXPECT_EQ(GivenCall::TextOf((*calls)[0].args[1]), std::nullopt);
  ASSERT_EQ((*calls)[1].args.size(), 4u);
  EXPECT_EQ((*calls)[1].args[2].text, "abs(c)");

  const std::vector<std::string> texts = {"A", "\"long name\""};
  const Fragment replaced = ReplaceCalls(fragment, *calls, texts);
  EXPECT_EQ(replaced.text, "a OR A AND \"long name\">2");
  EXPECT_EQ(replaced.place(0), (Where{.line = 1, .column = 1}));
  EXPECT_EQ(replaced.place(5), (Where{.line = 1, .column = 6}));
  EXPECT_EQ(replaced.place(7), (Where{.line = 2, .column = 6})) << "AND";
  EXPECT_EQ(replaced.place(15), (Where{.line = 2, .column = 10})) << "within the call: its name";
  EXPECT_EQ(replaced.place(22), (Where{.line = 2, .column = 42})) << ">";

  // The same in offsets, also through calls that were replaced in what came of others.
  EXPECT_EQ(fragment.InOrigin(22), 22);
  EXPECT_EQ(replaced.InOrigin(22), static_cast<Position>(fragment.text.find(">2")));
  EXPECT_EQ(replaced.InOrigin(15), static_cast<Position>(fragment.text.find("lookup")));
  EXPECT_EQ(replaced.InOrigin(-1), -1);
  const std::vector<GivenCall> name = {{.begin = 5, .end = 6}};
  const std::vector<std::string> longer = {"a longer text"};
  const Fragment again = ReplaceCalls(replaced, name, longer);
  EXPECT_EQ(again.InOrigin(static_cast<Position>(again.text.find(">2"))),
            static_cast<Position>(fragment.text.find(">2")));
}

TEST(GivenCalls, AreNeitherNamesNorTexts) {
  for (const char* text : {"in_list + 1", "'in_list(1)'", "\"in_list\"(1)", "in_lists(1)", "lookup",
                           "a /* in_list(1) */"}) {
    auto calls = FindGivenCalls(Of(text), kFunctions);
    ASSERT_TRUE(calls.has_value()) << text;
    EXPECT_TRUE(calls->empty()) << text;
  }
}

TEST(GivenCalls, HaveAnyNumberOfArguments) {
  EXPECT_TRUE(FindGivenCalls(Of("in_list()"), kFunctions)->front().args.empty());
  auto calls = FindGivenCalls(Of("in_list(a,)"), kFunctions);
  ASSERT_EQ(calls->front().args.size(), 2u);
  EXPECT_EQ(calls->front().args[1].text, "");
}

TEST(GivenCalls, CannotStandInOneAnother) {
  auto calls = FindGivenCalls(Of("in_list('w', lookup('a', b), ts)"), kFunctions);
  ASSERT_FALSE(calls.has_value());
  EXPECT_EQ(calls.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(calls.error().where()->column, 14);
}

TEST(GivenCalls, OfWordsThatDoNotCloseAreRefusedAsTheParserDoes) {
  EXPECT_EQ(FindGivenCalls(Of("in_list('w', a"), kFunctions).error().code(), ErrorCode::kParse);
}

}  // namespace
}  // namespace fuqi::sql
