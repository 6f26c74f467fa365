#include "decide/version_change.h"

#include <gtest/gtest.h>

#include <array>

#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

constexpr std::string_view kCommitted = R"toml(
[list.watched]
type = "VARCHAR"

[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }

[table.limit]
kind = "reference"
key = "payer"
time = "since"

[table.limit.column]
payer = { type = "VARCHAR", class = "业务-账户-账号" }
since = { type = "TIMESTAMP", class = "业务-交易-时间" }
tier = { type = "INTEGER", class = "业务-账户-等级" }
most = { type = "DECIMAL(18,2)", class = "业务-交易-金额" }
)toml";

std::shared_ptr<const CompiledPack> WithCommitted(std::string_view old_text = "",
                                                  std::string_view new_text = "") {
  std::string text = std::string(kSmallPack) + std::string(kCommitted);
  return MustCompile(old_text.empty() ? text : Replaced(std::move(text), old_text, new_text));
}

using Kind = ChangedPart::Kind;

TEST(VersionChange, NamesWhatIsNewGoneAndChangedInTheWordsOfThePack) {
  std::string text = SmallPackWith("amount >= 1000", "amount >= 2000");
  text.replace(text.find("previous = \"lag(amount) OVER payer_all\""), 39, "");
  text.replace(text.find("[window]"), 0, "note = { type = \"VARCHAR\", class = \"其他\" }\n");
  const std::vector<ChangedPart> parts =
      CompareVersions(SmallPack()->pack(), MustCompile(text)->pack());
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].kind, Kind::kRule);
  EXPECT_EQ(parts[0].name, "large");
  EXPECT_EQ(parts[0].before, "when: amount >= 1000");
  EXPECT_EQ(parts[0].after, "when: amount >= 2000");
  EXPECT_EQ(parts[1].kind, Kind::kFeature);
  EXPECT_EQ(parts[1].name, "previous");
  EXPECT_EQ(parts[1].before, "lag(amount) OVER payer_all");
  EXPECT_FALSE(parts[1].after) << "gone";
  EXPECT_EQ(parts[2].kind, Kind::kColumn);
  EXPECT_EQ(parts[2].name, "txn.note");
  EXPECT_FALSE(parts[2].before) << "new";
  EXPECT_EQ(parts[2].after, "type: VARCHAR · class: 其他");
  EXPECT_EQ(parts[3].kind, Kind::kFile);
  EXPECT_EQ(parts[3].name, "pack.toml");
}

// Everything that a pack may say beside rules, windows and features.
constexpr std::string_view kRich = R"toml(
[list.people]
type = "VARCHAR"
threshold = 85
[list.cleared]
type = "VARCHAR"
clears = "people"
[graph.money]
from = "payer"
to = "payee"
window = "30 days"
[graph.money.feature]
cycles = { measure = "cycles", length = 3, zh = "环", en = "cycles" }
[anomaly.odd]
window = 1000
[anomaly.odd.input]
amount = { sql = "amount", range = [0, 500] }
[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }
[outbox.desk]
actions = ["review", "block"]
[score.trust]
base = 600
points = [
  { id = "often", when = "count_1d > 3", add = -10, reason = { zh = "频繁", en = "often" } },
  { id = "rare", when = "count_1d < 1", add = 10, reason = { zh = "少", en = "rarely" } },
]
[decision_table.tier]
hit = "first"
input = ["amount"]
output = { tier = "VARCHAR" }
row = [['>= 500', 'high'], ['-', 'low']]
)toml";

TEST(VersionChange, TellsEveryValueOfThePackThatIsAnother) {
  struct Case {
    const char* old_text;
    const char* new_text;
    Kind kind;
    const char* name;
    const char* before;
    const char* after;
  };
  const std::array<Case, 16> cases = {{
      {"threshold = 85", "threshold = 100", Kind::kList, "people", "threshold: 85",
       "threshold: 100"},
      {"threshold = 85\n", "", Kind::kList, "people", "threshold: 85", ""},
      {"clears = \"people\"", "entries_max = 7", Kind::kList, "cleared", "clears: people",
       "entries_max: 7"},
      {"window = \"30 days\"", "window = \"30 days\"\nsteps_max = 500", Kind::kGraph, "money", "",
       "steps_max: 500"},
      {"length = 3", "length = 4", Kind::kGraph, "money", "feature.cycles.length: 3",
       "feature.cycles.length: 4"},
      {"window = 1000", "window = 2000", Kind::kAnomaly, "odd", "window: 1000", "window: 2000"},
      {"range = [0, 500]", "range = [0, 900]", Kind::kAnomaly, "odd", "input.amount.range.2: 500",
       "input.amount.range.2: 900"},
      {"[\"payer\", \"payee\"]", "[\"payer\"]", Kind::kStanding, "account", "columns.2: payee", ""},
      {"the account is bound", "bound", Kind::kStanding, "account",
       "reason.en: the account is bound", "reason.en: bound"},
      {"[\"review\", \"block\"]", "[\"block\"]", Kind::kOutbox, "desk", nullptr, nullptr},
      {"add = -10", "add = -100", Kind::kScore, "trust", "points.often.add: -10",
       "points.often.add: -100"},
      {"['>= 500', 'high']", "['>= 900', 'high']", Kind::kDecisionTable, "tier", "row.1.1: >= 500",
       "row.1.1: >= 900"},
      {"lateness = \"1 hour\"", "lateness = \"2 hours\"", Kind::kSetting, "pack.lateness", "1 hour",
       "2 hours"},
      {"payments spread over many payees", "spread", Kind::kRule, "spread",
       "reason.en: payments spread over many payees", "reason.en: spread"},
      {"then = \"block\"", "then = \"block\"\nshadow = true", Kind::kRule, "large", "",
       "shadow: true"},
      {"INTERVAL 1 DAY", "INTERVAL 2 DAYS", Kind::kWindow, "payer_1d", nullptr, nullptr},
  }};
  const std::string text = std::string(kSmallPack) + std::string(kRich);
  const auto from = MustCompile(text);
  ASSERT_NE(from, nullptr);
  for (const Case& each : cases) {
    SCOPED_TRACE(each.new_text);
    const auto to = MustCompile(Replaced(text, each.old_text, each.new_text));
    ASSERT_NE(to, nullptr);
    const std::vector<ChangedPart> parts = CompareVersions(from->pack(), to->pack());
    ASSERT_EQ(parts.size(), 2u) << "the part, and the file";
    EXPECT_EQ(parts[0].kind, each.kind) << PartName(parts[0].kind);
    EXPECT_EQ(parts[0].name, each.name);
    if (each.before != nullptr) {
      EXPECT_EQ(parts[0].before, each.before);
      EXPECT_EQ(parts[0].after, each.after);
    }
    EXPECT_EQ(PartName(parts[1].kind), "file");
  }
}

TEST(VersionChange, IsNeverEmptyWhereTheHashesDiffer) {
  EXPECT_TRUE(CompareVersions(SmallPack()->pack(), SmallPack()->pack()).empty());
  // What no value says: a comment.
  const auto other = MustCompile(std::string(kSmallPack) + "# checked\n");
  const std::vector<ChangedPart> parts = CompareVersions(SmallPack()->pack(), other->pack());
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(PartName(parts[0].kind), "file");
  EXPECT_EQ(parts[0].name, "pack.toml");
}

TEST(VersionChange, RefusesByNameWhatRunningStateCouldNotFollow) {
  struct Case {
    std::string_view old_text;
    std::string_view new_text;
    std::string_view said;
  };
  const std::array<Case, 11> cases = {{
      {"name = \"small\"", "name = \"other\"", "'small'"},
      {"key = \"id\"", "key = \"payer\"", "known by 'id'"},
      {"id = { type = \"VARCHAR\"", "id = { type = \"BIGINT\"", "a new key"},
      {"amount = { type = \"DECIMAL(18,2)\"", "amount = { type = \"DECIMAL(18,3)\"",
       "column 'amount'"},
      {"payee = { type = \"VARCHAR\",", "payee = { nullable = false, type = \"VARCHAR\",",
       "column 'payee'"},
      {"[window]", "note = { type = \"VARCHAR\", class = \"其他\", nullable = false }\n[window]",
       "column 'note'"},
      {"[list.watched]\ntype = \"VARCHAR\"", "[list.watched]\ntype = \"BIGINT\"", "list 'watched'"},
      {"[standing.account]", "[standing.card]", "standing 'account'"},
      {"amount = \"amount\"\nreason", "reason", "no amount of DECIMAL(18,2)"},
      {"most = { type = \"DECIMAL(18,2)\"", "most = { type = \"BIGINT\"", "column 'most'"},
      {"key = \"payer\"\ntime = \"since\"", "key = [\"payer\", \"tier\"]\ntime = \"since\"",
       "reference 'limit'"},
  }};
  const auto from = WithCommitted();
  for (const Case& each : cases) {
    const auto to = WithCommitted(each.old_text, each.new_text);
    ASSERT_NE(to, nullptr) << each.new_text;
    const Result<void> checked = CheckSuccessor(*from, *to);
    ASSERT_FALSE(checked.has_value()) << each.new_text;
    EXPECT_EQ(checked.error().code(), ErrorCode::kConflict) << each.new_text;
    EXPECT_NE(checked.error().ToString().find(each.said), std::string::npos)
        << checked.error().ToString();
  }
}

// A second table of events.
constexpr std::string_view kLogins = R"toml(
[table.login]
kind = "event"
key = "id"
time = "ts"

[table.login.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
payer = { type = "VARCHAR", class = "业务-账户-账号", nullable = false }
payee = { type = "VARCHAR", class = "业务-账户-账号" }
device = { type = "VARCHAR", class = "业务-设备-标识" }
)toml";

TEST(VersionChange, RefusesAVersionWithoutATableOfEventsOrWithASecondOne) {
  const auto one = SmallPack();
  const auto two = MustCompile(std::string(kSmallPack) + std::string(kLogins));
  std::string renamed = std::string(kSmallPack) + std::string(kLogins);
  for (size_t at = renamed.find("table.login"); at != std::string::npos;
       at = renamed.find("table.login")) {
    renamed.replace(at, 11, "table.entry");
  }
  for (const auto& [from, to] :
       {std::pair(one, two), std::pair(two, one), std::pair(two, MustCompile(renamed))}) {
    ASSERT_NE(to, nullptr);
    EXPECT_EQ(CheckSuccessor(*from, *to).error().code(), ErrorCode::kConflict);
  }
  EXPECT_TRUE(CheckSuccessor(*two, *two).has_value());
}

TEST(VersionChange, RefusesWhatEventsOfOneKindCouldNotFollow) {
  const std::string text = std::string(kSmallPack) + std::string(kLogins);
  const std::string payee = "payee = { type = \"VARCHAR\", class = \"业务-账户-账号\" }\n";
  const std::string device = "device = { type = \"VARCHAR\", class = \"业务-设备-标识\" }\n";
  const auto from = MustCompile(text);
  ASSERT_NE(from, nullptr);
  const size_t login = text.find("[table.login.column]");
  auto with = [&](const std::string& old_text, const std::string& new_text) {
    std::string changed = text;
    changed.replace(changed.find(old_text, login), old_text.size(), new_text);
    return MustCompile(changed);
  };
  for (const auto& [to, said] :
       {std::pair(with(payee, ""), "table 'login' has no column 'payee'"),
        std::pair(with(payee, payee.substr(0, payee.size() - 3) + ", nullable = false }\n"),
                  "column 'payee' needs a value")}) {
    ASSERT_NE(to, nullptr) << said;
    const Result<void> checked = CheckSuccessor(*from, *to);
    ASSERT_FALSE(checked) << said;
    EXPECT_EQ(checked.error().code(), ErrorCode::kConflict);
    EXPECT_NE(checked.error().ToString().find(said), std::string::npos)
        << checked.error().ToString();
  }
  EXPECT_TRUE(CheckSuccessor(*from, *with(device, ""))) << "gone from every table";
  EXPECT_TRUE(CheckSuccessor(*with(device, ""), *from)) << "new";
}

TEST(VersionChange, RefusesAListThatClearsAnotherAllAtOnce) {
  const std::string text = std::string(kSmallPack) + std::string(kRich);
  const auto from = MustCompile(Replaced(text, "clears = \"people\"\n", ""));
  const auto to = MustCompile(text);
  ASSERT_TRUE(from != nullptr && to != nullptr);
  EXPECT_EQ(CheckSuccessor(*from, *to).error().code(), ErrorCode::kConflict);
  EXPECT_TRUE(CheckSuccessor(*to, *from)) << "what it holds are entries still";
}

TEST(VersionChange, AllowsRulesWindowsAndColumnsThatMayBeMissing) {
  const auto from = WithCommitted();
  EXPECT_TRUE(CheckSuccessor(*from, *from).has_value());
  for (const auto& [old_text, new_text] : std::vector<std::pair<const char*, const char*>>{
           {"amount >= 1000", "amount >= 2000"},
           {"INTERVAL 1 DAY", "INTERVAL 2 DAYS"},
           {"[window]", "note = { type = \"VARCHAR\", class = \"其他\" }\n[window]"},
           {"[list.watched]\ntype = \"VARCHAR\"\n", ""},
           {"lateness = \"1 hour\"", "lateness = \"2 hours\""}}) {
    EXPECT_TRUE(CheckSuccessor(*from, *WithCommitted(old_text, new_text)).has_value()) << new_text;
  }
}

}  // namespace
}  // namespace fuqi::decide
