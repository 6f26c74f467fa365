#include "decide/compiled_pack.h"

#include <gtest/gtest.h>

#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

TEST(CompiledPack, PutsFeaturesIntoLevelsByWhatTheyRead) {
  const CompiledPack& pack = *SmallPack();
  ASSERT_EQ(pack.levels().size(), 4u) << "three of features, one of rules";
  // count_1d, sum_1d, payees_1d, payers_2h, previous; then share; then large_share_1d.
  EXPECT_EQ(pack.features_by_level(), (std::vector<size_t>{0, 1, 2, 5, 6, 3, 4}));
  EXPECT_EQ(pack.feature_levels()[1].outputs[0].name, "share");
  EXPECT_EQ(pack.feature_levels()[1].input.size(), 5u + 5u);
  EXPECT_EQ(pack.rule_level().input.size(), 5u + 7u);
  EXPECT_EQ(pack.key_column(), 0);
  EXPECT_EQ(pack.time_column(), 1);
  EXPECT_GT(pack.steps_max(), 0);
}

TEST(CompiledPack, GivesFeaturesTheTypesOfDuckDb) {
  const table::Schema& features = SmallPack()->feature_schema();
  ASSERT_EQ(features.size(), 7u);
  EXPECT_EQ(features[0].name, "count_1d");
  EXPECT_EQ(features[0].type.ToString(), "BIGINT");
  EXPECT_EQ(features[1].type.ToString(), "DECIMAL(38,2)");
  EXPECT_EQ(features[3].type.ToString(), "DOUBLE");
  EXPECT_EQ(features[6].type.ToString(), "DECIMAL(18,2)");
}

TEST(CompiledPack, TracesFeaturesAndRulesToTheEventsColumns) {
  const auto& lineage = SmallPack()->lineage();
  ASSERT_EQ(lineage.size(), 7u + 3u);
  auto columns_of = [&](std::string_view output) {
    std::set<std::string> columns;
    for (const sql::ColumnLineage& one : lineage) {
      if (one.output == output) {
        for (const auto& input : one.inputs) {
          columns.insert(input.column);
        }
      }
    }
    return columns;
  };
  EXPECT_EQ(columns_of("sum_1d"), (std::set<std::string>{"amount", "payer", "ts"}));
  EXPECT_EQ(columns_of("large_share_1d"), (std::set<std::string>{"amount", "payer", "ts"}));
  EXPECT_EQ(columns_of("rule:spread"), (std::set<std::string>{"amount", "payee", "payer", "ts"}));
}

TEST(CompiledPack, TellsWhatShardingWouldBreak) {
  EXPECT_EQ(SmallPack()->FeaturesAcrossShards(), (std::vector<std::string>{"payers_2h"}));
  auto by_payee = MustCompile(SmallPackWith("partition = \"payer\"", "partition = \"payee\""));
  EXPECT_EQ(by_payee->FeaturesAcrossShards(),
            (std::vector<std::string>{"count_1d", "sum_1d", "payees_1d", "previous", "share",
                                      "large_share_1d"}));
  auto by_none = MustCompile(SmallPackWith("partition = \"payer\"\n", ""));
  EXPECT_EQ(by_none->FeaturesAcrossShards().size(), 7u);
}

struct BadText {
  std::string name;
  std::string old_text;
  std::string new_text;
  ErrorCode code;
  std::string message;
  std::string at;  // the text in the file that the error must point at begins so
};

void PrintTo(const BadText& bad, std::ostream* out) { *out << bad.name; }

class BadFragments : public testing::TestWithParam<BadText> {};

TEST_P(BadFragments, AreRefusedWithTheirPlace) {
  const std::string text = SmallPackWith(GetParam().old_text, GetParam().new_text);
  auto compiled = TryCompile(text);
  ASSERT_FALSE(compiled.has_value());
  const Error& error = compiled.error();
  EXPECT_EQ(ErrorCodeName(error.code()), ErrorCodeName(GetParam().code)) << error.ToString();
  EXPECT_NE(error.message().find(GetParam().message), std::string::npos) << error.ToString();
  ASSERT_TRUE(error.where().has_value()) << error.ToString();
  EXPECT_EQ(error.where()->file, "pack.toml");
  // Columns count code points; what stands before the faults here is ASCII.
  size_t begin = 0;
  for (int line = 1; line < error.where()->line; ++line) {
    begin = text.find('\n', begin) + 1;
  }
  EXPECT_EQ(text.substr(begin + error.where()->column - 1, GetParam().at.size()), GetParam().at)
      << error.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    CompiledPack, BadFragments,
    testing::Values(
        BadText{"unknown_column", "sum(amount) OVER", "sum(amuont) OVER", ErrorCode::kNotFound,
                "did you mean 'amount'", "amuont"},
        BadText{"rule_reads_missing_column", "amount >= 1000", "2 > 1 AND balance >= 1000",
                ErrorCode::kNotFound, "no column or feature 'balance'", "balance"},
        BadText{"unknown_window", "payees_1d = \"count(DISTINCT payee) OVER payer_1d\"",
                "payees_1d = \"count(DISTINCT payee) OVER payer_2d\"", ErrorCode::kNotFound,
                "payer_2d", "payer_2d"},
        BadText{"unknown_in_window", "PARTITION BY payee ORDER", "PARTITION BY payees ORDER",
                ErrorCode::kNotFound, "did you mean", "payees"},
        BadText{"window_by_other_time", "PARTITION BY payer ORDER BY ts\"",
                "PARTITION BY payer ORDER BY amount\"", ErrorCode::kUnsupported, "", "amount"},
        BadText{"feature_shadows_column", "previous = \"lag", "payee = \"lag",
                ErrorCode::kAlreadyExists, "'payee' is a column of the table already", "\"lag"},
        BadText{"feature_shadows_window", "previous = \"lag", "payer_1d = \"lag",
                ErrorCode::kAlreadyExists, "'payer_1d' is a window already", "\"lag"},
        BadText{"window_shadows_column", "payer_all = \"PARTITION", "amount = \"PARTITION",
                ErrorCode::kAlreadyExists, "'amount' is a column of the table already",
                "\"PARTITION BY payer ORDER BY ts\""},
        BadText{"reads_itself", "amount / nullif(sum_1d, 0)", "share / nullif(sum_1d, 0)",
                ErrorCode::kInvalidArgument, "share (", "\"share"},
        BadText{"rule_is_number", "\"amount >= 1000\"", "\"amount + 1000\"",
                ErrorCode::kTypeMismatch, "BOOLEAN", "amount + 1000"},
        BadText{"rule_with_window", "count_1d >= 3", "count(*) OVER payer_1d >= 3",
                ErrorCode::kUnsupported, "make a feature", "payer_1d"},
        BadText{"implicit_cast", "amount >= 1000", "amount >= '1000'", ErrorCode::kTypeMismatch, "",
                "'1000'"},
        BadText{"text_against_number", "amount >= 1000", "payer >= 1000",
                ErrorCode::kInvalidArgument, "explicit cast", ">="},
        BadText{"subquery", "amount >= 1000", "amount >= (SELECT 1)", ErrorCode::kUnsupported, "",
                "(SELECT"},
        BadText{"volatile", "amount >= 1000", "amount >= random()", ErrorCode::kUnsupported,
                "random", "random"},
        BadText{"refused_window", "count(*) OVER payer_1d\", zh", "mode(payee) OVER payer_1d\", zh",
                ErrorCode::kUnsupported, "mode", "mode"},
        BadText{"division_that_may_be_infinite", "amount / nullif(sum_1d, 0)", "amount / sum_1d",
                ErrorCode::kUnsupported, "", ""},
        BadText{"syntax", "amount >= 1000", "amount >= >= 1000", ErrorCode::kParse, "", ""}),
    [](const auto& info) { return info.param.name; });

TEST(CompiledPack, NamesEveryFeatureOfACircleWithItsPlace) {
  auto compiled = TryCompile(SmallPackWith("previous = \"lag(amount) OVER payer_all\"",
                                           "first = \"second + 1\"\nsecond = \"third + 1\"\n"
                                           "third = \"first + 1\""));
  ASSERT_FALSE(compiled.has_value());
  const std::string message = compiled.error().message();
  for (const char* part : {"first (", "second (", "third (", "→ first"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(CompiledPack, NamesACircleThroughAWindow) {
  auto compiled =
      TryCompile(SmallPackWith("PARTITION BY payee ORDER", "PARTITION BY payers_2h ORDER"));
  ASSERT_FALSE(compiled.has_value());
  EXPECT_NE(compiled.error().message().find("payers_2h"), std::string::npos);
  EXPECT_NE(compiled.error().message().find("circle"), std::string::npos);
}

TEST(CompiledPack, BoundsTheDepthOfFeatures) {
  std::string chain = "f0 = \"amount\"\n";
  for (int i = 1; i <= 60; ++i) {
    chain += fmt::format("f{} = \"f{} + 1\"\n", i, i - 1);
  }
  auto compiled = TryCompile(SmallPackWith("previous = \"lag(amount) OVER payer_all\"", chain));
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().code(), ErrorCode::kUnsupported);
}

TEST(CompiledPack, TakesAPackWithoutFeatures) {
  const std::string text(kSmallPack);
  const size_t windows = text.find("[window]");
  const size_t rules = text.find("[[rule]]\nid = \"large\"");
  const size_t spread = text.find("[[rule]]\nid = \"spread\"");
  auto pack = MustCompile(text.substr(0, windows) + text.substr(rules, spread - rules));
  ASSERT_NE(pack, nullptr);
  EXPECT_TRUE(pack->feature_schema().empty());
  Core core(pack);
  EXPECT_EQ(core.Decide(Payment("1", kStartUs, "a", "b", 100'000), 1).action, Action::kBlock);
  EXPECT_EQ(core.Decide(Payment("2", kStartUs, "a", "b", 99'999), 3).action, Action::kApprove);
}

}  // namespace
}  // namespace fuqi::decide
