#include "sql/parsed_tree.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sql/fragments_for_test.h"

namespace fuqi::sql {
namespace {

std::string Text(const std::vector<Reference>& references) {
  std::string text;
  for (const Reference& reference : references) {
    text += fmt::format("{}@{} ", reference.name, reference.position);
  }
  return text;
}

Result<ParsedExpression> Parse(const std::string& text) {
  static const std::vector<std::string> kWindows = {"w", "Wide", "odd \"name\""};
  return ParseExpression(TestBinder(), {"f", text, nullptr}, kWindows);
}

// "line:column message", or "fine".
std::string Refusal(const std::string& text) {
  auto parsed = Parse(text);
  if (parsed) {
    return "fine";
  }
  const Where where = parsed.error().where().value_or(Where{});
  return fmt::format("{}:{} {}", where.line, where.column, parsed.error().message());
}

TEST(ParseExpression, FindsColumnsAndWindowsWhereTheyStand) {
  auto parsed = Parse(
      "sum(amount) FILTER (WHERE \"Night\") OVER w + \"a \"\"b\"\"\" * count(*) over WIDE\n"
      "  -- OVER nothing\n"
      "  - lag(n) OVER \"odd \"\"name\"\"\" + n");
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(Text(parsed->columns), "amount@4 Night@26 a \"b\"@44 n@101 n@126 ");
  EXPECT_EQ(Text(parsed->windows), "w@40 WIDE@70 odd \"name\"@109 ");
}

TEST(ParseExpression, CountsPositionsInBytes) {
  auto parsed = Parse("'中文' || payer");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(Text(parsed->columns), "payer@12 ");
}

TEST(ParseExpression, KnowsWhereTheUserWroteACast) {
  auto parsed = Parse("CAST(n AS DOUBLE) + n::DOUBLE + (DATE '2024-01-31' = day)::INTEGER");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->casts, (std::vector<Position>{0, 21, 57, 38}));
}

TEST(ParseExpression, SeesAColumnThatIsCalledOver) {
  auto parsed = Parse("over + 1");
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(Text(parsed->columns), "over@0 ");
}

struct Said {
  const char* text;
  const char* refusal;
};

TEST(ParseExpression, RefusesWhatDoesNotMeanWhatItLooksLike) {
  constexpr Said kSaid[] = {
      {"n + 0xFF", "1:5 0xFF is no number here"},
      {"n = 1_000", "1:5 1_000 is no number here"},
      {"n = 1e5x", "1:5 1e5x is no number here"},
      {"payer = X'41'", "1:9 quotes with a prefix"},
      {"payer = b'1'", "1:9 quotes with a prefix"},
      {"payer = E'\\n'", "1:9 quotes with a prefix"},
      {"payer = n'a'", "1:9 quotes with a prefix"},
      {"payer = U&'a'", "1:9 quotes with a prefix"},
      {"7%-2", "1:2 the operator %- is not allowed"},
      {"n <=> 1", "1:3 the operator <=> is not allowed"},
      {"n -> 1", "1:3 the operator -> is not allowed"},
      {"n = ?", "1:5 the operator ? is not allowed"},
      {"n = $1", "1:5 parameters"},
      {"$$text$$", "1:1 parameters"},
      {"n = :n", "1:5 \":\" has no meaning"},
      {"#1", "1:1 the operator # is not allowed"},
      {"n\u00a0+ 1", "1:2 a Unicode space"},
      {"n +\n\u30001", "2:1 a Unicode space"},
      {"n /* \u3000 */", "1:6 a Unicode space"},
      {"1e999 > n", "1:1 1e999 is beyond"},
      {"[1, 2]", "1:1 \"[\" has no meaning"},
      {"{'a': 1}", "1:1 \"{\" has no meaning"},
  };
  for (const Said& said : kSaid) {
    EXPECT_TRUE(Refusal(said.text).starts_with(said.refusal))
        << said.text << "\n  " << Refusal(said.text);
  }
  EXPECT_EQ(Refusal("payer = '\u3000'"), "fine");
  EXPECT_EQ(Refusal("7 % -2"), "fine");
  EXPECT_EQ(Refusal("n>-1 AND n=-1 OR n<>-1 OR n*-1=+n"), "fine");
  EXPECT_EQ(Refusal("date'2024-01-31'=day"), "fine");
}

TEST(ParseExpression, StaysWithinItsParentheses) {
  constexpr Said kSaid[] = {
      {"n) FROM secrets --", "1:2 this parenthesis was never opened"},
      {"n) AS a, (n", "1:2 this parenthesis was never opened"},
      {"(n", "1:1 this parenthesis is never closed"},
      {"n /* (", "1:3 this comment is never closed"},
      {"'n", "1:1 this quote is never closed"},
      {"\"n", "1:1 this quote is never closed"},
      {"n; DROP TABLE t", "1:2 an expression holds no ;"},
      {"", "1:1 the expression is empty"},
      {" -- nothing", "1:1 the expression is empty"},
      {"n, n", "1:1 the function or operator row is not supported"},
      {"n AS m", "1:3 "},
      {"n m", "1:3 "},
      {"n FROM t", "1:3 "},
      {"SELECT n", ""},
      {"n WHERE TRUE", "1:3 "},
      {"n UNION SELECT 1", "1:3 "},
      {"n +", "1:4 "},
      {"'中文' n", "1:6 "},
      {"+", "1:2 "},
  };
  for (const Said& said : kSaid) {
    EXPECT_TRUE(Refusal(said.text).starts_with(said.refusal) && Refusal(said.text) != "fine")
        << said.text << "\n  " << Refusal(said.text);
  }
  EXPECT_EQ(Refusal("n -- )"), "fine");
  EXPECT_EQ(Refusal("n = ')' OR \"(\" = 1"), "fine");
  EXPECT_EQ(Refusal("/* ; ' */ n"), "fine");
}

TEST(ParseExpression, RefusesBytesThatAreNoText) {
  EXPECT_EQ(Refusal("n + '\xff'"), "1:6 the expression is not UTF-8");
  EXPECT_TRUE(Refusal(std::string("n\0n", 3)).starts_with("1:2 "));
  EXPECT_TRUE(Refusal(std::string("'\0'", 3)).starts_with("1:1 "));
}

TEST(ParseExpression, BoundsWhatItReads) {
  EXPECT_EQ(Refusal(std::string(100, '(') + "n" + std::string(100, ')')), "fine");
  EXPECT_TRUE(Refusal(std::string(101, '(') + "n" + std::string(101, ')')).starts_with("1:101 "));
  std::string sum = "n";
  while (sum.size() < 500) {
    sum += "+n";
  }
  EXPECT_EQ(Refusal(sum), "fine");
  std::string minus;
  for (int i = 0; i < 700; ++i) {
    minus += "- ";
  }
  EXPECT_NE(Refusal(minus + "n"), "fine");
  EXPECT_EQ(Refusal(std::string((16 << 10) - 1, ' ') + "n"), "fine");
  EXPECT_NE(Refusal(std::string(16 << 10, ' ') + "n"), "fine");
}

TEST(ParseWindow, FindsTheColumnsOfPartitions) {
  const Fragment window = {"w",
                           "PARTITION BY payer, date_trunc('month', ts) ORDER BY ts RANGE BETWEEN "
                           "INTERVAL (n) DAYS PRECEDING AND CURRENT ROW",
                           nullptr};
  auto parsed = ParseWindow(TestBinder(), window, "TS");
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(Text(parsed->expression.columns), "payer@13 ts@40 n@80 ");
}

}  // namespace
}  // namespace fuqi::sql
