// Decision tables and scores: cells, policies, what is refused, and how their columns reach rules,
// decisions and the batch form. The oracle of the policies reads the same rows as plain numbers.

#include "decide/decision_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "decide/core.h"
#include "decide/diff.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

std::string SqlOf(std::string_view cell) {
  const Result<UnaryTests> tests = ParseUnaryTests(cell);
  return tests ? ToSql(*tests, "x") : "refused";
}

TEST(UnaryTests, BecomeSql) {
  EXPECT_EQ(SqlOf("-"), "");
  EXPECT_EQ(SqlOf("5"), "x = 5");
  EXPECT_EQ(SqlOf("-5.25"), "x = -5.25");
  EXPECT_EQ(SqlOf("\"a\", 'b'"), "x IN ('a', 'b')");
  EXPECT_EQ(SqlOf("\"it's\""), "x = 'it''s'");
  EXPECT_EQ(SqlOf("'a''b'"), "x = 'a''b'");
  EXPECT_EQ(SqlOf(">= 8"), "x >= 8");
  EXPECT_EQ(SqlOf("<-1"), "x < -1");
  EXPECT_EQ(SqlOf("[10..20)"), "x >= 10 AND x < 20");
  EXPECT_EQ(SqlOf("]1.5..2["), "x > 1.5 AND x < 2");
  EXPECT_EQ(SqlOf("(1..2]"), "x > 1 AND x <= 2");
  EXPECT_EQ(SqlOf("null"), "x IS NULL");
  EXPECT_EQ(SqlOf("1, >= 5, null"), "(x = 1 OR x >= 5 OR x IS NULL)");
  EXPECT_EQ(SqlOf("not(\"a\", \"b\")"), "NOT (x IN ('a', 'b'))");
  EXPECT_EQ(SqlOf("not(null)"), "NOT (x IS NULL)");
  EXPECT_EQ(SqlOf("true"), "x = true");
  EXPECT_EQ(SqlOf(">= DATE '2024-02-29'"), "x >= DATE '2024-02-29'");
  EXPECT_EQ(SqlOf("TIMESTAMP '2024-01-01 10:00:00'"), "x = TIMESTAMP '2024-01-01 10:00:00'");
}

TEST(UnaryTests, RefuseWhatIsNone) {
  for (const char* cell : {"",
                           " ",
                           "a",
                           "= 5",
                           "5 6",
                           "5,",
                           ",5",
                           ">",
                           ">= >= 5",
                           "[1..2",
                           "[2..1]",
                           "[1..\"a\"]",
                           "\"a",
                           "not 5",
                           "not(",
                           "not(5",
                           "1..2",
                           "5.",
                           ".5",
                           "--5",
                           "1e5",
                           "DATE 5",
                           "DATE '2024-02-30'",
                           "nul",
                           "truely",
                           "x > 5",
                           "5) OR (true",
                           "5 -- comment",
                           "99999999999999999999999999"}) {
    EXPECT_EQ(SqlOf(cell), "refused") << cell;
  }
}

// A table over the payee (of few) and the amount, in front of the small pack's rules.
std::string PackWithTable(const std::string& table) {
  return SmallPackWith("[[rule]]\nid = \"burst\"", table + R"toml(
[[rule]]
id = "tiered"
when = "points >= 5"
then = "hold"
reason = { zh = "分级", en = "by its tier" }

[[rule]]
id = "burst")toml");
}

struct PlainRow {
  int64_t payee = -1;  // -1: any
  int64_t from = 0;
  int64_t to = 0;
  int64_t points = 0;
};

std::vector<PlainRow> RandomRows(uint64_t seed, size_t count) {
  SeededRandom random(seed);
  std::vector<PlainRow> rows;
  for (size_t i = 0; i < count; ++i) {
    const int64_t from = random.Between(-10, 1'000);
    rows.push_back({random.Chance(0.2) ? -1 : random.Between(0, 5), from,
                    from + random.Between(0, 300), random.Between(0, 9)});
  }
  return rows;
}

std::string TableToml(const std::vector<PlainRow>& rows, std::string_view policy) {
  std::string toml = fmt::format(
      "[decision_table.tier]\n{}\ninput = [\"payee\", \"amount\"]\n"
      "output = {{ points = \"BIGINT\" }}\nrow = [\n",
      policy);
  for (const PlainRow& row : rows) {
    toml += fmt::format("  ['{}', '[{}..{})', {}],\n",
                        row.payee < 0 ? "-" : fmt::format("\"b{}\"", row.payee), row.from, row.to,
                        row.points);
  }
  return toml + "]\n";
}

std::vector<size_t> Holding(const std::vector<PlainRow>& rows, const Event& event) {
  std::vector<size_t> holding;
  const Datum& payee = event.columns[3];
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool same = rows[i].payee < 0 ||
                      (!payee.is_null() && payee.text() == fmt::format("b{}", rows[i].payee));
    const auto cents = static_cast<int64_t>(event.columns[4].i);
    if (same && cents >= 100 * rows[i].from && cents < 100 * rows[i].to) {
      holding.push_back(i);
    }
  }
  return holding;
}

// What the policy makes of the rows; -1: NULL; -2: an error.
int64_t ByHand(std::string_view policy, const std::vector<PlainRow>& rows,
               const std::vector<size_t>& holding) {
  std::vector<int64_t> points;
  for (size_t row : holding) {
    points.push_back(rows[row].points);
  }
  if (policy.find("sum") != std::string_view::npos) {
    return std::accumulate(points.begin(), points.end(), int64_t{0});
  }
  if (points.empty()) {
    return -1;
  }
  if (policy.find("unique") != std::string_view::npos) {
    return points.size() == 1 ? points[0] : -2;
  }
  if (policy.find("any") != std::string_view::npos) {
    return std::ranges::count(points, points[0]) == std::ssize(points) ? points[0] : -2;
  }
  if (policy.find("min") != std::string_view::npos) {
    return *std::ranges::min_element(points);
  }
  if (policy.find("max") != std::string_view::npos ||
      policy.find("priority") != std::string_view::npos) {
    return *std::ranges::max_element(points);
  }
  return points[0];  // first
}

constexpr std::array<std::string_view, 7> kPolicies = {
    "hit = \"unique\"",
    "hit = \"first\"",
    "hit = \"any\"",
    "hit = \"collect\"\ncollect = \"sum\"",
    "hit = \"collect\"\ncollect = \"min\"",
    "hit = \"collect\"\ncollect = \"max\"",
    "hit = \"priority\"\npriority = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]"};

TEST(DecisionTable, GivesWhatItsPolicyMakesOfTheRowsThatHold) {
  size_t errors = 0;
  size_t nulls = 0;
  size_t several = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const std::vector<PlainRow> rows = RandomRows(seed, seed == 1 ? 5 : 25);
    for (std::string_view policy : kPolicies) {
      const auto pack = MustCompile(PackWithTable(TableToml(rows, policy)));
      ASSERT_NE(pack, nullptr);
      const int points = table::FindColumn(pack->feature_schema(), "points");
      Core core(pack);
      for (const Event& event : RandomPayments(seed + 50, 150)) {
        const std::vector<size_t> holding = Holding(rows, event);
        const Decision decision = core.Decide(event, 1 + 2 * core.events());
        if ((decision.flags & kOutOfBounds) != 0) {
          continue;
        }
        const int64_t expected = ByHand(policy, rows, holding);
        const Datum& value = decision.features[static_cast<size_t>(points)];
        ASSERT_EQ((decision.flags & kEvaluationError) != 0, expected == -2) << policy;
        if (expected == -2) {
          ++errors;
          EXPECT_NE(decision.error.find("two rows of decision table 'tier' hold together"),
                    std::string::npos)
              << decision.error;
          EXPECT_GE(decision.action, Action::kReview);
        }
        nulls += expected == -1 ? 1 : 0;
        several += holding.size() > 1 ? 1 : 0;
        ASSERT_EQ(value.is_null() ? -1 : static_cast<int64_t>(value.i),
                  std::max<int64_t>(expected, -1))
            << policy << " seed " << seed;
        const bool hit = std::ranges::find(decision.hits, 0u) != decision.hits.end();
        EXPECT_EQ(hit, expected >= 5);
      }
    }
  }
  EXPECT_GT(errors, 20u);
  EXPECT_GT(nulls, 20u);
  EXPECT_GT(several, 20u);
}

TEST(DecisionTable, CountsTheRowsThatHoldAndNamesTheOneThatDecides) {
  const auto pack = MustCompile(PackWithTable(
      "[decision_table.n]\nhit = \"collect\"\ncollect = \"count\"\ninput = [\"amount\"]\n"
      "output = { points = \"BIGINT\" }\nrow = [['>= 1'], ['>= 2'], ['not(2)']]\n"
      "[decision_table.named]\nhit = \"first\"\ninput = [\"amount\"]\notherwise = [\"none\"]\n"
      "output = { tier = { type = \"VARCHAR\", zh = \"档\", en = \"tier\" } }\n"
      "row = [['< 1', 'low'], ['< 2', \"it's\"], ['< 3', '']]\n"));
  ASSERT_NE(pack, nullptr);
  auto column = [&](std::string_view name) {
    return static_cast<size_t>(table::FindColumn(pack->feature_schema(), name));
  };
  Core core(pack);
  auto decide = [&](int64_t cents) {
    return core.Decide(Payment(fmt::format("{}", cents), kStartUs, "a", "b", cents),
                       1 + 2 * core.events());
  };
  Decision low = decide(50);
  EXPECT_EQ(static_cast<int>(low.features[column("points")].i), 1);
  EXPECT_EQ(low.features[column("tier")].text(), "low");
  EXPECT_EQ(static_cast<int>(low.features[column("named_row")].i), 1);
  Decision two = decide(200);
  EXPECT_EQ(static_cast<int>(two.features[column("points")].i), 2);
  EXPECT_TRUE(two.features[column("tier")].is_null()) << "an empty cell is NULL";
  EXPECT_EQ(static_cast<int>(two.features[column("named_row")].i), 3);
  Decision more = decide(300);
  EXPECT_EQ(static_cast<int>(more.features[column("points")].i), 3);
  EXPECT_EQ(more.features[column("tier")].text(), "none");
  EXPECT_TRUE(more.features[column("named_row")].is_null());
  EXPECT_EQ(decide(150).features[column("tier")].text(), "it's");
  EXPECT_EQ(pack->pack().features[column("tier")].title.zh, "档");
  EXPECT_EQ(pack->pack().features[column("tier")].said(), "decision_table.named");
}

struct BadTable {
  std::string_view old_text;
  std::string_view new_text;
  std::string_view message;
  std::string_view at;
};
class BadTables : public testing::TestWithParam<BadTable> {};

TEST_P(BadTables, AreRefusedAtTheirCell) {
  const BadTable& bad = GetParam();
  std::string text = PackWithTable(
      "[decision_table.tier]\ninput = [\"payee\", \"amount\"]\noutput = { points = \"BIGINT\" }\n"
      "row = [\n  ['\"b1\"', '>= 5', 1],\n  ['-', '< 5', 2],\n]\n");
  const size_t place = text.find(bad.old_text);
  ASSERT_NE(place, std::string::npos) << bad.old_text;
  text.replace(place, bad.old_text.size(), bad.new_text);
  const auto compiled = TryCompile(text);
  ASSERT_FALSE(compiled.has_value());
  const Error& error = compiled.error();
  EXPECT_NE(error.message().find(bad.message), std::string::npos) << error.ToString();
  EXPECT_NE(error.message(Language::kChinese), error.message()) << "no Chinese form";
  const size_t at = text.find(bad.at);
  ASSERT_NE(at, std::string::npos);
  ASSERT_TRUE(error.where().has_value());
  const auto begin = text.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(at);
  EXPECT_EQ(error.where()->line, 1 + std::count(begin, end, '\n')) << error.ToString();
  const size_t line = text.rfind('\n', at);
  EXPECT_EQ(error.where()->column, static_cast<int>(at - line)) << error.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    DecisionTable, BadTables,
    testing::Values(
        BadTable{"'< 5'", "'<> 5'", "'<> 5' is no test", "'<> 5'"},
        BadTable{"'< 5'", "'< \"a\"'", "text would silently become", "'< \"a\"'"},
        BadTable{"'\"b1\"'", "'1'", "", "'1'"},
        BadTable{", 2],", ", 'two'],", "'two' is no value of type BIGINT", "'two'"},
        BadTable{"'< 5', 2]", "'< 5']", "a row of 2 cells; the table has 3 columns", "['-', '< 5'"},
        BadTable{"\"amount\"]", "\"amunt\"]", "there is no column or feature 'amunt'", "\"amunt\""},
        BadTable{"\"amount\"]", "\"amount * 2\"]", "give the expression", "\"amount * 2\""},
        BadTable{"input =", "hit = \"best\"\ninput =", "'best' is none of unique", "\"best\""},
        BadTable{"input =", "file = \"tables/no.csv\"\ninput =", "the pack has no file",
                 "\"tables/no.csv\""},
        BadTable{"{ points =", "{ count_1d =", "'count_1d' is a feature already", "tier]"}));

TEST(DecisionTable, ReadsItsRowsFromAFile) {
  const std::string toml = PackWithTable(
      "[decision_table.tier]\ninput = [\"payee\", \"amount\"]\noutput = { points = \"BIGINT\" }\n"
      "file = \"tables/tier.csv\"\n");
  const auto pack = MustCompile(
      toml, {{"tables/tier.csv", "payee,amount,points\n\"'b1','b2'\",>= 5,7\n-,< 5,2\n"}});
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  const Decision decision = core.Decide(Payment("1", kStartUs, "a", "b2", 500), 1);
  EXPECT_EQ(decision.hits, std::vector<uint32_t>{0});
  auto refused = [&](PackFiles files) {
    const auto compiled = TryCompile(toml, std::move(files));
    return compiled ? "" : compiled.error().ToString();
  };
  EXPECT_NE(refused({{"tables/tier.csv", "payee,points,amount\n"}}).find("tables/tier.csv:1"),
            std::string::npos);
  EXPECT_NE(refused({{"tables/tier.csv", "payee,amount,points\n-,-,1\n-,=5,1\n"}})
                .find("tables/tier.csv:3"),
            std::string::npos);
  EXPECT_NE(
      refused({{"tables/tier.csv", "payee,amount,points\n-,<'a',1\n"}}).find("tables/tier.csv:2"),
      std::string::npos);
  EXPECT_NE(refused({{"tables/tier.csv", "payee,amount,points\n"}}).find("without rows"),
            std::string::npos);
  EXPECT_NE(refused({{"tables/tier.csv", "payee,amount,points\n-,-,1\n"}, {"tables/x.csv", ""}})
                .find("no decision table reads this file"),
            std::string::npos);
}

std::vector<std::string> FindingsOf(const std::string& rows, std::string_view more = "") {
  const auto pack = MustCompile(PackWithTable(
      fmt::format("[decision_table.tier]\n{}\ninput = [\"payee\", \"amount\"]\noutput = {{ points "
                  "= \"BIGINT\" }}\nrow = [{}]\n",
                  more, rows)));
  std::vector<std::string> texts;
  for (const Error& finding : pack->Findings()) {
    texts.push_back(finding.message(Language::kEnglish));
  }
  return texts;
}

TEST(DecisionTable, OverlapsAndGapsAreFound) {
  EXPECT_EQ(FindingsOf("['-', '< 5', 1], ['-', '>= 5', 2]"), std::vector<std::string>{});
  EXPECT_EQ(FindingsOf("['-', '<= 5', 1], ['-', '>= 5', 2]"),
            std::vector<std::string>{
                "rows 1 and 2 of decision table 'tier' can hold together: amount = 5"});
  EXPECT_EQ(FindingsOf("['-', '<= 5', 1], ['-', '>= 5', 2]", "hit = \"first\""),
            std::vector<std::string>{});
  EXPECT_EQ(FindingsOf("['-', '< 5', 1], ['-', '> 5', 2]"),
            std::vector<std::string>{"no row of decision table 'tier' holds for amount = 5, and it "
                                     "has no 'otherwise'"});
  EXPECT_EQ(FindingsOf("['-', '< 5', 1], ['-', '> 5', 2]", "otherwise = [0]"),
            std::vector<std::string>{});
  EXPECT_EQ(FindingsOf("['\"a\"', '-', 1], ['not(\"a\")', '< 5', 2], ['not(\"a\")', '>= 5', 2]"),
            std::vector<std::string>{});
  EXPECT_EQ(FindingsOf("['\"a\"', '-', 1], ['-', '> 5', 2]").size(), 2u);
}

class TableDiff : public SourceFiles {};

TEST_F(TableDiff, BatchGivesWhatTheStreamGives) {
  const std::vector<PlainRow> rows = RandomRows(9, 60);
  std::string tables;
  size_t number = 0;
  for (std::string_view policy : {kPolicies[1], kPolicies[3], kPolicies[4], kPolicies[6]}) {
    std::string one = TableToml(rows, policy);
    ++number;
    one.replace(one.find("tier]"), 4, fmt::format("tier{}", number));
    one.replace(one.find("{ points"), 8, number == 1 ? "{ points" : fmt::format("{{ p{}", number));
    tables += one;
  }
  const auto pack = SmallPackWithSources(PackWithTable(tables));
  ExpectNoDifference(pack, RandomPayments(4, 400));
}

constexpr std::string_view kScore = R"toml([score.trust]
base = 100
points = [
  { id = "busy", when = "count_1d >= 2 -- a comment", add = -30, reason = { zh = "频繁", en = "often" } },
  { id = "large", when = "amount > 500", add = -50, reason = { zh = "大额", en = "much" } },
  { id = "known", when = "payee = 'b1'", add = 10, reason = { zh = "熟人", en = "known" } },
]
band = [
  { id = "low", below = 50, then = "freeze", reason = { zh = "分低", en = "a low score" }, clause = "x#1" },
  { id = "middle", below = 80, then = "review", reason = { zh = "分中", en = "a middling score" } },
  { id = "high" },
]

)toml";

std::string PackWithScore(std::string_view old_text = "", std::string_view new_text = "") {
  std::string score(kScore);
  if (!old_text.empty()) {
    score.replace(score.find(old_text), old_text.size(), new_text);
  }
  return SmallPackWith("[[rule]]\nid = \"burst\"", score + "[[rule]]\nid = \"burst\"");
}

TEST(Score, AddsPointsAndItsBandDecides) {
  const auto pack = MustCompile(PackWithScore());
  ASSERT_NE(pack, nullptr);
  Core core(pack);
  auto decide = [&](std::string_view payee, int64_t cents) {
    return core.Decide(Payment(fmt::format("e{}", core.events()), kStartUs, "a", payee, cents),
                       1 + 2 * core.events());
  };
  auto value = [&](const Decision& decision, std::string_view name) {
    const int column = table::FindColumn(pack->feature_schema(), name);
    return table::ToText(decision.features[static_cast<size_t>(column)],
                         pack->feature_schema()[static_cast<size_t>(column)].type);
  };
  const Decision first = decide("b1", 100);
  EXPECT_EQ(value(first, "trust"), "110");
  EXPECT_EQ(value(first, "trust_band"), "high");
  EXPECT_EQ(first.action, Action::kApprove);
  const Decision second = decide("", 100);
  EXPECT_EQ(value(second, "trust"), "70") << "a condition that is NULL gives nothing";
  EXPECT_EQ(second.action, Action::kReview);
  ASSERT_EQ(second.hits.size(), 1u);
  const Rule& middle = pack->pack().rules[second.hits[0]];
  EXPECT_EQ(middle.id, "trust_middle");
  const Decision third = decide("b1", 60'000);
  EXPECT_EQ(value(third, "trust"), "30");
  EXPECT_EQ(third.action, Action::kFreeze);
  const Rule& low = pack->pack().rules[third.hits.back()];
  EXPECT_EQ(low.clause, "x#1");
  std::vector<std::pair<std::string, int64_t>> given;
  for (const Score::Points* points : PointsGiven(pack->pack(), low, third.features)) {
    given.emplace_back(points->id, points->add);
  }
  EXPECT_EQ(given, (std::vector<std::pair<std::string, int64_t>>{
                       {"busy", -30}, {"large", -50}, {"known", 10}}));
  EXPECT_TRUE(PointsGiven(pack->pack(), pack->pack().rules[0], third.features).empty());
}

TEST(Score, WhatIsWrongIsRefusedWithItsPlace) {
  auto refused = [](std::string_view old_text, std::string_view new_text) {
    const std::string text = PackWithScore(old_text, new_text);
    const auto compiled = TryCompile(text);
    EXPECT_FALSE(compiled.has_value()) << new_text;
    if (compiled) {
      return std::string();
    }
    EXPECT_NE(compiled.error().message(Language::kChinese), compiled.error().message());
    const size_t at = text.find(new_text);
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
    EXPECT_EQ(compiled.error().where()->line, 1 + std::count(text.begin(), end, '\n'))
        << compiled.error().ToString();
    return std::string(compiled.error().message());
  };
  EXPECT_NE(refused("amount > 500", "amount > 'x'").find("text"), std::string::npos);
  EXPECT_NE(refused("amount > 500", "amunt > 500").find("'amunt'"), std::string::npos);
  EXPECT_NE(refused("amount > 500", "true) THEN 1 WHEN (true"), "") << "no way out of the brackets";
}

TEST(Score, BandsRiseAndTheLastIsOpen) {
  for (auto [old_text, new_text] :
       {std::pair("below = 80", "below = 50"), std::pair("below = 80, ", ""),
        std::pair("id = \"high\"", "id = \"high\", below = 200"),
        std::pair("id = \"middle\"", "id = \"low\""),
        std::pair("id = \"large\"", "id = \"busy\"")}) {
    EXPECT_FALSE(TryCompile(PackWithScore(old_text, new_text)).has_value()) << new_text;
  }
}

class ScoreDiff : public SourceFiles {};

TEST_F(ScoreDiff, BatchGivesWhatTheStreamGives) {
  ExpectNoDifference(SmallPackWithSources(PackWithScore()), RandomPayments(5, 300));
}

}  // namespace
}  // namespace fuqi::decide
