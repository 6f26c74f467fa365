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
  if (!old_text.empty()) {
    const size_t at = text.find(old_text);
    EXPECT_NE(at, std::string::npos) << old_text;
    text.replace(at, old_text.size(), new_text);
  }
  return MustCompile(text);
}

using Kind = ChangedPart::Kind;

TEST(VersionChange, NamesWhatIsNewGoneAndChangedInTheWordsOfThePack) {
  std::string text = SmallPackWith("amount >= 1000", "amount >= 2000");
  text.replace(text.find("previous = \"lag(amount) OVER payer_all\""), 39, "");
  text.replace(text.find("[window]"), 0, "note = { type = \"VARCHAR\", class = \"其他\" }\n");
  const std::vector<ChangedPart> parts = CompareVersions(*SmallPack(), *MustCompile(text));
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].kind, Kind::kRule);
  EXPECT_EQ(parts[0].name, "large");
  EXPECT_EQ(parts[0].before, "amount >= 1000 → block · aml_law_2024#第三十五条");
  EXPECT_EQ(parts[0].after, "amount >= 2000 → block · aml_law_2024#第三十五条");
  EXPECT_EQ(parts[1].kind, Kind::kFeature);
  EXPECT_EQ(parts[1].name, "previous");
  EXPECT_EQ(parts[1].after, "") << "gone";
  EXPECT_EQ(parts[2].kind, Kind::kColumn);
  EXPECT_EQ(parts[2].name, "note");
  EXPECT_EQ(parts[2].before, "") << "new";
  EXPECT_EQ(parts[3].kind, Kind::kFile);
  EXPECT_EQ(parts[3].name, "pack.toml");
}

TEST(VersionChange, IsNeverEmptyWhereTheHashesDiffer) {
  EXPECT_TRUE(CompareVersions(*SmallPack(), *SmallPack()).empty());
  const auto other = MustCompile(SmallPackWith("小包", "大包"));
  const std::vector<ChangedPart> parts = CompareVersions(*SmallPack(), *other);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(PartName(parts[0].kind), "file");
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

TEST(VersionChange, RefusesAVersionWithoutATableOfEventsOrWithASecondOne) {
  const std::string logins = R"toml(
[table.login]
kind = "event"
key = "id"
time = "ts"

[table.login.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
payer = { type = "VARCHAR", class = "业务-账户-账号", nullable = false }
)toml";
  const auto one = SmallPack();
  const auto two = MustCompile(std::string(kSmallPack) + logins);
  std::string renamed = std::string(kSmallPack) + logins;
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
