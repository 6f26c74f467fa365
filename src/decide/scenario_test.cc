#include "decide/scenario.h"

#include <gtest/gtest.h>

#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

// Both sides of every threshold of the small pack.
constexpr std::string_view kScenarios = R"toml([[scenario]]
name = { zh = "一日内三笔", en = "three payments within a day" }
default = { payer = "a", payee = "x", amount = "10.00" }
event = [
  { repeat = 2, every = "1 h" },
  { at = "+1 h", expect = { action = "review", hits = ["burst"], misses = ["large"], features = { count_1d = 3, sum_1d = "30.00", previous = "10" }, flags = [] } },
]

[[scenario]]
name = { zh = "两笔不报", en = "two payments raise nothing" }
default = { payer = "a", payee = "x", amount = "10.00" }
event = [
  { },
  { at = "+1 h", expect = { action = "approve", misses = ["burst"] } },
]

[[scenario]]
name = { zh = "大额", en = "large amounts" }
event = [
  { payer = "a", amount = "999.99", expect = { misses = ["large"], features = { previous = "NULL", share = 1.0 } } },
  { payer = "b", amount = 1000, expect = { action = "block", hits = ["large"] } },
]

[[scenario]]
name = { zh = "分散", en = "spread over payees" }
default = { payer = "a" }
event = [
  { repeat = 2, payee = "p{n}", amount = "200.00" },
  { payee = "p2", amount = "150.00", expect = { misses = ["spread"] } },
  { payee = "p3", amount = "1.00", expect = { action = "hold", hits = ["spread"] } },
]

[[scenario]]
name = { zh = "分散但不足五百", en = "spread, but no more than five hundred" }
default = { payer = "a" }
event = [
  { repeat = 2, payee = "p{n}", amount = "200.00" },
  { payee = "p3", amount = "100.00", expect = { misses = ["spread"], hits = ["burst"] } },
]

[[scenario]]
name = { zh = "迟到", en = "too late" }
default = { payer = "a", amount = "1.00" }
start = "2024-05-01 12:00:00"
event = [
  { },
  { at = "-61 min", expect = { action = "review", flags = ["late"] } },
  { at = "2024-05-01 13:00:00", id = "mine", expect = { features = { count_1d = 2 } } },
]
)toml";

std::shared_ptr<const CompiledPack> PackWith(std::string scenarios) {
  return MustCompile(std::string(kSmallPack), {{"scenarios/a.toml", std::move(scenarios)}});
}

std::string Changed(std::string_view old_text, std::string_view new_text) {
  std::string text(kScenarios);
  EXPECT_NE(text.find(old_text), std::string::npos) << old_text;
  text.replace(text.find(old_text), old_text.size(), new_text);
  return text;
}

ScenarioReport Report(const CompiledPack& pack) {
  Result<std::vector<Scenario>> scenarios = ParseScenarios(pack);
  EXPECT_TRUE(scenarios.has_value()) << scenarios.error().ToString();
  return scenarios ? RunScenarios(pack, *scenarios) : ScenarioReport();
}

TEST(Scenario, PassesAndCoversEveryThreshold) {
  const auto pack = PackWith(std::string(kScenarios));
  const ScenarioReport report = Report(*pack);
  ASSERT_EQ(report.scenarios.size(), 6u);
  for (const ScenarioResult& result : report.scenarios) {
    for (const Error& failure : result.failures) {
      ADD_FAILURE() << failure.ToString();
    }
  }
  for (const Error& missing : report.uncovered) {
    ADD_FAILURE() << missing.ToString();
  }
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report.scenarios[0].events, 3u);
}

TEST(Scenario, ReadsAsASentence) {
  const auto pack = PackWith(std::string(kScenarios));
  const ScenarioReport report = Report(*pack);
  EXPECT_EQ(ScenarioSentence(*pack, report.scenarios[0], Language::kEnglish),
            "three payments within a day: event 3 → review (many payments within a day)");
  EXPECT_TRUE(ScenarioSentence(*pack, report.scenarios[0], Language::kChinese)
                  .starts_with("一日内三笔：第 3 笔 → review（一日内多笔）"));
}

struct Wrong {
  std::string name;
  std::string old_text;
  std::string new_text;
  std::string message;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class FailingScenarios : public testing::TestWithParam<Wrong> {};

TEST_P(FailingScenarios, SayWhatWasDecidedInstead) {
  const ScenarioReport report =
      Report(*PackWith(Changed(GetParam().old_text, GetParam().new_text)));
  EXPECT_FALSE(report.passed());
  std::string all;
  for (const ScenarioResult& result : report.scenarios) {
    for (const Error& failure : result.failures) {
      all += failure.ToString() + "\n";
      EXPECT_EQ(failure.where()->file, "scenarios/a.toml");
      EXPECT_GT(failure.where()->line, 1);
    }
  }
  EXPECT_NE(all.find(GetParam().message), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(
    Scenario, FailingScenarios,
    testing::Values(Wrong{"action", "action = \"review\", hits", "action = \"hold\", hits",
                          "expected the action hold, decided was review"},
                    Wrong{"hit", "hits = [\"burst\"], misses", "hits = [\"large\"], misses",
                          "rule 'large' should hit and does not"},
                    Wrong{"miss", "misses = [\"large\"], features",
                          "misses = [\"burst\"], features", "rule 'burst' should not hit and does"},
                    Wrong{"feature", "sum_1d = \"30.00\"", "sum_1d = \"30.01\"",
                          "expected sum_1d = 30.01, it is 30.00"},
                    Wrong{"null", "previous = \"NULL\"", "previous = \"1.00\"",
                          "expected previous = 1.00, it is NULL"},
                    Wrong{"flags", "flags = [\"late\"]", "flags = [\"future\"]",
                          "expected the flags future, they are late"},
                    Wrong{"not_of_the_table", "{ payer = \"a\", amount = \"999.99\"",
                          "{ amount = \"999.99\"", "payer"}),
    [](const auto& info) { return info.param.name; });

class BadScenarios : public testing::TestWithParam<Wrong> {};

TEST_P(BadScenarios, AreRefusedWithTheirPlace) {
  const auto pack = PackWith(Changed(GetParam().old_text, GetParam().new_text));
  Result<std::vector<Scenario>> scenarios = ParseScenarios(*pack);
  ASSERT_FALSE(scenarios.has_value());
  EXPECT_EQ(scenarios.error().exit_code(), 3) << scenarios.error().ToString();
  EXPECT_EQ(scenarios.error().where()->file, "scenarios/a.toml");
  EXPECT_GT(scenarios.error().where()->line, 0);
  EXPECT_NE(scenarios.error().ToString().find(GetParam().message), std::string::npos)
      << scenarios.error().ToString();
}

INSTANTIATE_TEST_SUITE_P(
    Scenario, BadScenarios,
    testing::Values(
        Wrong{"column", "payer = \"a\", payee = \"x\"", "payr = \"a\", payee = \"x\"",
              "did you mean 'payer'"},
        Wrong{"rule", "hits = [\"burst\"], misses", "hits = [\"brust\"], misses",
              "did you mean 'burst'"},
        Wrong{"feature", "count_1d = 3", "count_2d = 3", "no feature 'count_2d'"},
        Wrong{"value", "amount = \"999.99\"", "amount = \"999.999\"", "no value of type DECIMAL"},
        Wrong{"span", "\"+1 h\"", "\"+1 moon\"", "moon"},
        Wrong{"time", "\"2024-05-01 13:00:00\"", "\"tomorrow\"", "is no time"},
        Wrong{"time_column", "{ payer = \"a\", amount = \"999.99\"",
              "{ ts = \"2024-01-01 00:00:00\", payer = \"a\", amount = \"999.99\"", "'at'"},
        Wrong{"repeat", "repeat = 2, every", "repeat = 0, every", "0 repetitions"},
        Wrong{"flag", "[\"late\"]", "[\"early\"]", "no flag"},
        Wrong{"action", "action = \"hold\"", "action = \"held\"", "no action"},
        Wrong{"unknown_key", "default = { payer = \"a\" }", "defaults = { payer = \"a\" }",
              "defaults"},
        Wrong{"half_name", "{ zh = \"大额\", en = \"large amounts\" }", "{ zh = \"大额\" }", "en"},
        Wrong{"nothing_expected",
              "{ at = \"+1 h\", expect = { action = \"approve\", misses = [\"burst\"] } }",
              "{ at = \"+1 h\" }", "cannot fail"}),
    [](const auto& info) { return info.param.name; });

TEST(ScenarioCoverage, AsksForAHitOfEachRule) {
  const ScenarioReport report = Report(*PackWith(Changed(
      "{ payer = \"b\", amount = 1000, expect = { action = \"block\", hits = [\"large\"] } },",
      "")));
  ASSERT_EQ(report.uncovered.size(), 1u);
  EXPECT_NE(report.uncovered[0].ToString().find("rule 'large': no scenario expects it to hit"),
            std::string::npos);
  EXPECT_EQ(report.uncovered[0].where()->file, "pack.toml");
}

TEST(ScenarioCoverage, AsksNothingOfAShadowRule) {
  const std::string scenarios = Changed(
      "{ payer = \"b\", amount = 1000, expect = { action = \"block\", hits = [\"large\"] } },", "");
  const auto pack =
      MustCompile(SmallPackWith("then = \"block\"", "then = \"block\"\nshadow = true"),
                  {{"scenarios/small.toml", scenarios}});
  EXPECT_TRUE(Report(*pack).uncovered.empty());
}

TEST(ScenarioCoverage, AsksForAMissJustBeyondEachThreshold) {
  // 800 is more than a tenth away from 1000.
  ScenarioReport report = Report(*PackWith(Changed("999.99", "800.00")));
  ASSERT_EQ(report.uncovered.size(), 1u) << "large";
  EXPECT_NE(report.uncovered[0].ToString().find("rule 'large'"), std::string::npos);

  // Two payees are one less than three, but then the sum must speak for the rule.
  std::string text =
      Changed("{ payee = \"p2\", amount = \"150.00\"", "{ payee = \"p2\", amount = \"1.00\"");
  const std::string_view hit = "{ payee = \"p3\", amount = \"1.00\"";
  text.replace(text.find(hit), hit.size(), "{ payee = \"p3\", amount = \"300.00\"");
  report = Report(*PackWith(text));
  ASSERT_EQ(report.uncovered.size(), 1u) << "spread by its first comparison";
  EXPECT_NE(report.uncovered[0].ToString().find("(>=)"), std::string::npos)
      << report.uncovered[0].ToString();

  // A miss that nobody expects does not count.
  report = Report(*PackWith(Changed("expect = { action = \"approve\", misses = [\"burst\"] }",
                                    "expect = { action = \"approve\" }")));
  ASSERT_EQ(report.uncovered.size(), 1u) << "burst";
}

TEST(ScenarioCoverage, PlacesAComparisonWhereItStandsBehindALookupOrHelper) {
  const std::string text = Changed("999.99", "800.00");
  for (const std::string call :
       {"in_list('watched', payee, ts)", "haversine_km(amount, 2, 3, 4) IS NULL",
        "(haversine_km(1, 2, 3, 4) IS NULL OR in_list('watched', payee, ts))"}) {
    const std::string pack = SmallPackWith("amount >= 1000", call + " OR amount >= 1000") +
                             "[list.watched]\ntype = \"VARCHAR\"\n";
    const ScenarioReport report = Report(*MustCompile(pack, {{"scenarios/a.toml", text}}));
    ASSERT_EQ(report.uncovered.size(), 1u) << call;
    const size_t line = pack.find("when = \"" + call);
    EXPECT_EQ(report.uncovered[0].where()->line,
              1 + std::count(pack.begin(), pack.begin() + static_cast<ptrdiff_t>(line), '\n'));
    EXPECT_EQ(report.uncovered[0].where()->column,
              static_cast<int>(pack.find(">= 1000", line) - line) + 1)
        << call;
  }
}

}  // namespace
}  // namespace fuqi::decide
