#include "decide/pack.h"

#include <gtest/gtest.h>

#include "base/simulated_disk.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

Result<Pack> Parse(std::string pack_toml, PackFiles more = {}) {
  more.emplace_back("pack.toml", std::move(pack_toml));
  return ParsePack(std::move(more), "packs/small");
}

constexpr std::string_view kSources = R"toml([source.bank]
format = "csv"
delimiter = ";"
sql = "SELECT * FROM input"

[source.bank.columns]
zeta = "BIGINT"
alpha = "VARCHAR"

[label.bank]
entity = ["payer", "payee"]
format = "csv"
sql = "SELECT a AS entity, b AS bad FROM input"
columns = { a = "VARCHAR", b = "BOOLEAN" }
)toml";

TEST(Pack, HoldsWhatItsFilesSay) {
  Result<Pack> parsed = Parse(std::string(kSmallPack), {{"sources.toml", std::string(kSources)}});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  const Pack& pack = *parsed;
  EXPECT_EQ(pack.name, "small");
  EXPECT_EQ(pack.title.zh, "小包");
  EXPECT_EQ(pack.purpose, "testing");
  EXPECT_EQ(pack.partition, "payer");
  EXPECT_EQ(pack.lateness_us, kHourUs);
  EXPECT_EQ(pack.ahead_us, kDayUs);
  EXPECT_EQ(pack.gap_us, 366 * kDayUs);
  EXPECT_EQ(pack.default_action, Action::kReview);
  EXPECT_EQ(pack.event_table, "txn");

  ASSERT_EQ(pack.columns.size(), 5u);
  EXPECT_EQ(pack.columns[0].name, "id");
  EXPECT_FALSE(pack.columns[0].nullable) << "the key never is";
  EXPECT_FALSE(pack.columns[1].nullable) << "the time never is";
  EXPECT_TRUE(pack.columns[3].nullable);
  EXPECT_EQ(pack.columns[4].type, table::Decimal(18, 2));
  EXPECT_EQ(pack.columns[4].class_path, "业务-交易-金额");

  ASSERT_EQ(pack.features.size(), 7u);
  EXPECT_EQ(pack.features[0].name, "count_1d") << "features keep the order of the file";
  EXPECT_EQ(pack.features[0].title.en, "payments within a day");
  EXPECT_EQ(pack.features[6].name, "previous");
  EXPECT_TRUE(pack.features[6].title.empty());

  ASSERT_EQ(pack.rules.size(), 3u);
  EXPECT_EQ(pack.rules[1].id, "large");
  EXPECT_EQ(pack.rules[1].then, Action::kBlock);
  EXPECT_EQ(pack.rules[1].reason.zh, "大额");
  EXPECT_EQ(pack.rules[1].clause, "aml_law_2024#第三十五条");
  EXPECT_EQ(pack.rules[1].when.where.file, "packs/small/pack.toml");
  EXPECT_GT(pack.rules[1].when.where.line, 30);

  ASSERT_NE(pack.FindSource("bank"), nullptr);
  EXPECT_EQ(pack.FindSource("bank")->file.delimiter, ";");
  EXPECT_EQ(pack.FindSource("bank")->file.columns[0].name, "zeta") << "in the order of the file";
  ASSERT_NE(pack.FindLabel("bank"), nullptr);
  EXPECT_EQ(pack.FindLabel("bank")->entities, (std::vector<std::string>{"payer", "payee"}));
  EXPECT_FALSE(pack.FindLabel("bank")->complete);
  EXPECT_EQ(pack.FindSource("other"), nullptr);
}

TEST(Pack, HasTheSameHashWithOtherLineEndsAndInAnotherFolder) {
  std::string windows_text;
  for (char c : kSmallPack) {
    windows_text += c == '\n' ? "\r\n" : std::string(1, c);
  }
  const Pack unix_pack = *Parse(std::string(kSmallPack));
  EXPECT_EQ(ParsePack({{"pack.toml", windows_text}}, "elsewhere")->hash, unix_pack.hash);
  EXPECT_NE(Parse(std::string(kSmallPack) + "\n")->hash, unix_pack.hash);
  EXPECT_NE(Parse(std::string(kSmallPack), {{"scenarios/a.toml", ""}})->hash, unix_pack.hash);
  EXPECT_EQ(ParsePack(unix_pack.files)->hash, unix_pack.hash) << "what is kept gives it again";
}

TEST(Pack, HashTellsWherePathsAndContentsBegin) {
  EXPECT_NE(ContentHash({{"a", "bc"}}), ContentHash({{"ab", "c"}}));
  EXPECT_NE(ContentHash({{"a", ""}, {"b", ""}}), ContentHash({{"a", "b"}}));
}

struct BadPack {
  std::string name;
  std::string old_text;
  std::string new_text;
  std::string message;  // a part of it
  std::string at;       // the line in the file that the error must point to holds this
};

void PrintTo(const BadPack& bad, std::ostream* out) { *out << bad.name; }

class BadPacks : public testing::TestWithParam<BadPack> {};

TEST_P(BadPacks, AreRefusedWithTheirPlace) {
  const std::string text = SmallPackWith(GetParam().old_text, GetParam().new_text);
  Result<Pack> pack = Parse(text);
  ASSERT_FALSE(pack.has_value());
  const Error& error = pack.error();
  EXPECT_EQ(error.code(), ErrorCode::kConfig) << error.ToString();
  EXPECT_NE(error.ToString().find(GetParam().message), std::string::npos) << error.ToString();
  ASSERT_TRUE(error.where().has_value());
  EXPECT_EQ(error.where()->file, "packs/small/pack.toml");
  EXPECT_GT(error.where()->column, 0) << error.ToString();
  // The line that the error names.
  size_t begin = 0;
  for (int line = 1; line < error.where()->line; ++line) {
    begin = text.find('\n', begin) + 1;
  }
  const std::string line = text.substr(begin, text.find('\n', begin) - begin);
  EXPECT_NE(line.find(GetParam().at), std::string::npos) << error.ToString() << "\nline: " << line;
}

INSTANTIATE_TEST_SUITE_P(
    Pack, BadPacks,
    testing::Values(
        BadPack{"malformed", "kind = \"event\"", "kind = event\"", "", "kind"},
        BadPack{"unknown_key", "lateness =", "latenes =", "did you mean \"lateness\"", "latenes"},
        BadPack{"unknown_section", "[window]", "[windows]", "windows", "[windows]"},
        BadPack{"bad_name", "name = \"small\"", "name = \"Small!\"", "is no name", "Small!"},
        BadPack{"long_name", "count_1d = {", std::string(64, 'a') + " = {", "is no name", "aaaa"},
        BadPack{"no_purpose", "purpose = \"testing\"\n", "", "purpose", "[pack]"},
        BadPack{"empty_purpose", "\"testing\"", "\" \"", "an empty text", "purpose"},
        BadPack{"bad_span", "\"1 hour\"", "\"1 moon\"", "moon", "lateness"},
        BadPack{"negative_span", "\"1 hour\"", "\"-1 hour\"", "", "lateness"},
        BadPack{"zero_gap", "lateness = \"1 hour\"", "gap = \"0 s\"", "longer than", "gap"},
        BadPack{"bad_default", "lateness = \"1 hour\"", "default_action = \"shrug\"",
                "'shrug' is no action", "default_action"},
        BadPack{"other_kind", "\"event\"", "\"stream\"", "no kind of table", "kind"},
        BadPack{"unknown_key_column", "key = \"id\"", "key = \"idd\"", "did you mean 'id'", "idd"},
        BadPack{"unknown_time", "time = \"ts\"", "time = \"when\"", "has no column 'when'", "when"},
        BadPack{"time_is_text", "ts = { type = \"TIMESTAMP\"", "ts = { type = \"VARCHAR\"",
                "must be TIMESTAMP, not VARCHAR", "ts ="},
        BadPack{"nullable_key", "id = { type = \"VARCHAR\",",
                "id = { nullable = true, type = \"VARCHAR\",", "cannot be nullable", "id ="},
        BadPack{"unknown_partition", "partition = \"payer\"", "partition = \"payr\"",
                "did you mean 'payer'", "payr"},
        BadPack{"bad_type", "DECIMAL(18,2)", "MONEY", "is no type that Fuqi has", "MONEY"},
        BadPack{"no_class", ", class = \"业务-交易-金额\"", "", "class", "amount"},
        BadPack{"column_key", "nullable = false }\npayee", "nulable = false }\npayee", "nullable",
                "nulable"},
        BadPack{"column_twice", "payee = {", "payer = {", "", "payer"},
        BadPack{"window_is_number", "payer_all = \"PARTITION BY payer ORDER BY ts\"",
                "payer_all = 3", "", "payer_all"},
        BadPack{"half_title", ", en = \"payments within a day\"", "", "en", "count_1d"},
        BadPack{"empty_feature", "\"sum(amount) OVER payer_1d\"", "\"\"", "an empty text",
                "sum_1d"},
        BadPack{"no_rules", "[[rule]]\nid = \"burst\"", "[[rules]]\nid = \"burst\"", "rule", ""},
        BadPack{"rule_twice", "id = \"large\"", "id = \"burst\"", "a second rule of the id 'burst'",
                ""},
        BadPack{"rule_without_when", "when = \"amount >= 1000\"\n", "", "when", "[[rule]]"},
        BadPack{"rule_action", "then = \"block\"", "then = \"blok\"", "'blok' is no action",
                "blok"},
        BadPack{"rule_that_approves", "then = \"block\"", "then = \"approve\"", "shadow = true",
                "\"approve\""},
        BadPack{"shadow_of_a_text", "then = \"block\"", "then = \"block\"\nshadow = \"yes\"", "",
                "shadow"},
        BadPack{"reason_in_one_language", "{ zh = \"大额\", en = \"a large amount\" }",
                "{ en = \"a large amount\" }", "zh", "reason"},
        BadPack{"reason_as_text", "{ zh = \"大额\", en = \"a large amount\" }",
                "\"a large amount\"", "", "reason"}),
    [](const auto& info) { return info.param.name; });

TEST(Pack, RefusesBytesThatAreNotUtf8) {
  Result<Pack> pack = Parse(SmallPackWith("testing", "test\xff"));
  ASSERT_FALSE(pack.has_value());
  EXPECT_EQ(pack.error().code(), ErrorCode::kConfig);
}

TEST(Pack, RefusesFilesThatAreNoneOfIts) {
  for (const char* path :
       {"source.toml", "scenarios.toml", "scenarios/deep/a.toml", "../pack.toml"}) {
    Result<Pack> pack = Parse(std::string(kSmallPack), {{path, ""}});
    ASSERT_FALSE(pack.has_value()) << path;
    EXPECT_EQ(pack.error().where()->file, std::string("packs/small/") + path);
  }
  EXPECT_FALSE(ParsePack({}).has_value());
  EXPECT_FALSE(
      Parse(std::string(kSmallPack), {{"pack.toml", std::string(kSmallPack)}}).has_value());
}

TEST(Pack, RefusesMoreThanItsBounds) {
  EXPECT_FALSE(Parse(std::string(kSmallPack) + std::string(kPackFileBytesMax, '\n')).has_value());
  std::string many(kSmallPack);
  for (size_t i = 0; i <= kPackRulesMax; ++i) {
    many += fmt::format(
        "[[rule]]\nid='r{}'\nwhen='true'\nthen='review'\nreason={{zh='a',en='b'}}\n", i);
  }
  Result<Pack> pack = Parse(many);
  ASSERT_FALSE(pack.has_value());
  EXPECT_NE(pack.error().ToString().find("2004 rules"), std::string::npos)
      << pack.error().ToString();
}

TEST(Pack, ReadsItsFolderAndLeavesOtherFilesAlone) {
  SimulatedDisk disk(1);
  auto write = [&](const std::string& path, std::string_view text) {
    ASSERT_TRUE(WriteFileAtomically(disk, path, AsBytes(text)).has_value());
  };
  ASSERT_TRUE(disk.MakeDirs("/p/scenarios").has_value());
  write("/p/pack.toml", kSmallPack);
  write("/p/README.md", "read me");
  write("/p/scenarios/a.toml", "");
  Result<Pack> pack = LoadPack(disk, "/p");
  ASSERT_TRUE(pack.has_value()) << pack.error().ToString();
  EXPECT_EQ(pack->files.size(), 2u);
  EXPECT_EQ(pack->rules[0].when.where.file, "/p/pack.toml");

  write("/p/source.toml", "");
  EXPECT_FALSE(LoadPack(disk, "/p").has_value()) << "a slip for sources.toml";
  EXPECT_EQ(LoadPack(disk, "/none").error().code(), ErrorCode::kNotFound);
}

TEST(Pack, RefusesLabelsOfNoSourceAndUnknownFormats) {
  auto with = [](std::string_view old_text, std::string_view new_text) {
    std::string text(kSources);
    text.replace(text.find(old_text), old_text.size(), new_text);
    return Parse(std::string(kSmallPack), {{"sources.toml", text}});
  };
  EXPECT_EQ(with("[label.bank]", "[label.bnak]").error().where()->file, "packs/small/sources.toml");
  EXPECT_FALSE(with("\"payee\"]", "\"pay\"]").has_value());
  EXPECT_FALSE(with("\"csv\"", "\"xls\"").has_value());
  EXPECT_FALSE(with("\";\"", "\";;\"").has_value());
  EXPECT_FALSE(with("\"BIGINT\"", "\"BIGGEST\"").has_value());
  EXPECT_FALSE(with("format = \"csv\"\ndelimiter", "format = \"parquet\"\ndelimiter").has_value());
}

TEST(Action, NamesGoBothWays) {
  for (int i = 0; i <= static_cast<int>(Action::kFreeze); ++i) {
    const auto action = static_cast<Action>(i);
    EXPECT_EQ(*ParseAction(ActionName(action)), action);
  }
  EXPECT_EQ(ParseAction("Review").error().code(), ErrorCode::kInvalidArgument);
}

TEST(Fragment, PointsIntoTheFile) {
  const Pack pack = *Parse(std::string(kSmallPack));
  const Fragment& when = pack.rules[2].when;
  const Where where = when.At(static_cast<int64_t>(when.text.find("sum_1d")));
  EXPECT_EQ(where.line, when.where.line);
  EXPECT_EQ(where.column, when.where.column + 1 + static_cast<int>(when.text.find("sum_1d")));
  EXPECT_EQ(when.At(-1), when.where);
}

}  // namespace
}  // namespace fuqi::decide
