#include "base/toml.h"

#include <gtest/gtest.h>

#include "base/simulated_disk.h"

namespace fuqi {
namespace {

TomlNode Parsed(std::string_view text) {
  Result<TomlNode> node = TomlNode::Parse(text, "pack.toml");
  EXPECT_TRUE(node) << node.error().ToString();
  return *node;
}

std::string ParseError(std::string_view text) {
  const Result<TomlNode> node = TomlNode::Parse(text, "f");
  if (node) {
    return "";
  }
  EXPECT_EQ(node.error().code(), ErrorCode::kConfig);
  return node.error().ToString();
}

TEST(Toml, GivesTypedValues) {
  const TomlNode root = Parsed(R"(
text = "a"
whole = -3
number = 2.5
yes = true
span = "10 minutes"
list = ["x", "y"]
numbers = [1, 2]
[table]
inner = 1
)");
  EXPECT_EQ(*root.Required<std::string>("text"), "a");
  EXPECT_EQ(*root.Required<int64_t>("whole"), -3);
  EXPECT_EQ(*root.Required<int>("whole"), -3);
  EXPECT_EQ(*root.Required<double>("number"), 2.5);
  EXPECT_EQ(*root.Required<double>("whole"), -3.0);
  EXPECT_EQ(*root.Required<bool>("yes"), true);
  EXPECT_EQ(root.Required<Duration>("span")->us, 600'000'000);
  EXPECT_EQ(*root.Required<std::vector<std::string>>("list"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(*root.Required<std::vector<int>>("numbers"), (std::vector<int>{1, 2}));
  EXPECT_EQ(*root.Required<TomlNode>("table")->Required<int>("inner"), 1);
  EXPECT_EQ(*root.Optional<int>("absent"), std::nullopt);
  EXPECT_EQ(*root.Optional<int>("whole"), -3);
  EXPECT_EQ(*root.Or<int>("absent", 9), 9);
  EXPECT_EQ(*root.Or<int>("whole", 9), -3);
  EXPECT_TRUE(root.CheckNoUnknownKeys());
}

TEST(Toml, AHandleOutlivesTheRootAndTheText) {
  const TomlNode inner = *Parsed(std::string("[a]\nb = 'kept'")).Required<TomlNode>("a");
  EXPECT_EQ(*inner.Required<std::string>("b"), "kept");
  EXPECT_EQ(inner.where().field, "a");
}

TEST(Toml, SaysWhatWasFoundAndWhatIsNeededAndWhere) {
  const TomlNode root = Parsed("[pack]\nname = 3\n'q k' = [1, 'x']\nbig = 3000000000\nnan = nan\n");
  const TomlNode pack = *root.Required<TomlNode>("pack");
  EXPECT_EQ(pack.Required<std::string>("name").error().ToString(),
            "pack.toml:2:8: pack.name: the value is of type integer, and string is needed");
  EXPECT_EQ(pack.Required<std::vector<int>>("q k").error().ToString(),
            "pack.toml:3:13: pack.\"q k\"[2]: the value is of type string, and integer is needed");
  EXPECT_EQ(pack.Required<int>("big").error().ToString(),
            "pack.toml:4:7: pack.big: 3000000000 does not fit in 32 bits");
  EXPECT_EQ(pack.Required<double>("nan").error().ToString(),
            "pack.toml:5:7: pack.nan: the number must be finite");
  EXPECT_EQ(pack.Required<int>("absent").error().ToString(),
            "pack.toml:1:1: pack.absent: this key is required and is not there");
  EXPECT_EQ(root.Required<std::string>("pack").error().message(),
            "the value is of type table, and string is needed");
  EXPECT_EQ(pack.Required<TomlNode>("name")->Required<int>("x").error().message(),
            "the value is of type integer, and table is needed");
  EXPECT_EQ(pack.Required<std::vector<int>>("name").error().message(),
            "the value is of type integer, and array is needed");
  EXPECT_EQ(pack.Optional<bool>("name").error().code(), ErrorCode::kConfig);
  EXPECT_FALSE(pack.Required<TomlNode>("name")->Entries());
}

TEST(Toml, ABadDurationIsAConfigurationErrorAtItsPlace) {
  const Error error = Parsed("lateness = '10 parsecs'").Required<Duration>("lateness").error();
  EXPECT_EQ(error.code(), ErrorCode::kConfig);
  EXPECT_TRUE(
      error.ToString().starts_with("pack.toml:1:12: lateness: \"10 parsecs\" is no duration"));
  EXPECT_FALSE(Parsed("lateness = 10").Required<Duration>("lateness"));
}

TEST(Toml, KeysComeInFileOrder) {
  const TomlNode root = Parsed("z = 1\na = 2\n[m.y]\n[b]\n[m.c]\n[[r]]\n[[r]]\n");
  const auto names = [](const TomlNode& table) {
    std::string all;
    for (const TomlNode::Entry& entry : *table.Entries()) {
      all += entry.key + " ";
    }
    return all;
  };
  EXPECT_EQ(names(root), "z a m b r ");
  EXPECT_EQ(names(*root.Required<TomlNode>("m")), "y c ");
  EXPECT_EQ(names(*Parsed("t = {z = 1, a = 2, 'é' = 3, b.x = 1}").Required<TomlNode>("t")),
            "z a é b ");
  const auto entries = *root.Entries();
  EXPECT_EQ(entries[1].where, (Where{.file = "pack.toml", .line = 2, .column = 1, .field = "a"}));
  EXPECT_EQ(entries[1].value.where().column, 5);
  EXPECT_EQ(root.Required<std::vector<TomlNode>>("r")->at(1).where().field, "r[2]");
}

TEST(Toml, NamesTheKeyThatNobodyAskedFor) {
  const TomlNode root = Parsed("[pack]\nname = 'a'\npurpsoe = 'b'\n");
  const TomlNode pack = *root.Required<TomlNode>("pack");
  (void)pack.Required<std::string>("name");
  (void)pack.Optional<std::string>("purpose");
  const Result<void> checked = root.CheckNoUnknownKeys();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code(), ErrorCode::kConfig);
  EXPECT_EQ(checked.error().ToString(),
            "pack.toml:3:1: pack.purpsoe: unknown key; did you mean \"purpose\"?");
}

TEST(Toml, LooksForUnknownKeysInArraysAndInTablesThatWereTakenWhole) {
  const TomlNode root = Parsed("[any.x]\nid = 1\n[any.y]\nid = 1\nextra = 2\n[[rule]]\nid = 1\n");
  for (const TomlNode::Entry& entry : *root.Required<TomlNode>("any")->Entries()) {
    (void)entry.value.Required<int>("id");
  }
  for (const TomlNode& rule : *root.Required<std::vector<TomlNode>>("rule")) {
    EXPECT_TRUE(rule.is_table());
  }
  EXPECT_EQ(root.CheckNoUnknownKeys().error().ToString(),
            "pack.toml:5:1: any.y.extra: unknown key");
  (void)root.Required<TomlNode>("any")->Required<TomlNode>("y")->Required<int>("extra");
  EXPECT_EQ(root.CheckNoUnknownKeys().error().ToString(), "pack.toml:7:1: rule[1].id: unknown key");
}

TEST(Toml, ATableNobodyAskedForIsUnknownByItsFirstKey) {
  EXPECT_EQ(Parsed("a.b.c = 1").CheckNoUnknownKeys().error().ToString(),
            "pack.toml:1:1: a: unknown key");
}

TEST(Toml, PlacesMalformedText) {
  EXPECT_EQ(
      ParseError("a = 1\na = 2\n"),
      "f:2:5: not well-formed TOML: Error while parsing key-value pair: cannot redefine existing "
      "integer 'a'");
  EXPECT_TRUE(ParseError("a = \n").starts_with("f:1:5: "));
  EXPECT_TRUE(ParseError("[a]\n[a]\n").starts_with("f:2:1: "));
  EXPECT_TRUE(ParseError("a = 'x\n").starts_with("f:1:"));
  EXPECT_TRUE(ParseError("a = 99999999999999999999").starts_with("f:1:"));
  EXPECT_TRUE(ParseError("a = {").starts_with("f:1:"));
  EXPECT_TRUE(ParseError("a = 1 b = 2").starts_with("f:1:"));
  EXPECT_FALSE(ParseError(std::string_view("a = 1\0", 6)).empty());
  EXPECT_TRUE(ParseError("").empty());
}

TEST(Toml, PlacesBytesThatAreNotUtf8) {
  EXPECT_EQ(ParseError("a = 1\nb = '符\xff'\n"),
            "f:2:7: the file is not UTF-8 text: byte 0xff does not belong here");
  EXPECT_EQ(ParseError("# ok\n\xe5"),
            "f:2:1: the file is not UTF-8 text: byte 0xe5 does not belong here");
}

TEST(Toml, AByteOrderMarkMovesNoColumn) {
  EXPECT_EQ(Parsed("\xef\xbb\xbf"
                   "a = 1")
                .Required<TomlNode>("a")
                ->where()
                .column,
            5);
}

TEST(Toml, RefusesAKeyWithTooManyParts) {
  std::string dotted;
  for (int i = 0; i < 200'000; ++i) {
    dotted += "a.";
  }
  EXPECT_EQ(ParseError(dotted + "a = 1"), "f:1:64: a key of more than 32 parts");
  EXPECT_NE(ParseError("x = [[{" + dotted + "a = 1}]]"), "");
  EXPECT_NE(ParseError("[" + dotted + "a]"), "");
  // Dots elsewhere are no parts.
  EXPECT_EQ(ParseError("x = '" + dotted + "'\ny = \"\"\"" + dotted + "\"\"\" # " + dotted), "");
}

TEST(Toml, RefusesValuesThatNestTooDeeply) {
  const auto nested = [](int depth) {
    return "a = " + std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(ParseError(nested(60)), "");
  EXPECT_NE(ParseError(nested(70)), "");
  EXPECT_NE(ParseError(nested(100'000)), "");
}

// Every byte of the value is looked for in the source, by line and column.
void ExpectPlaces(std::string_view text, std::string_view value,
                  std::vector<std::pair<int, int>> places) {
  const TomlNode node = *Parsed(text).Required<TomlNode>("s");
  ASSERT_EQ(*node.As<std::string>(), value);
  ASSERT_EQ(places.size(), value.size() + 1) << "one for each byte and one for the end";
  for (size_t i = 0; i < places.size(); ++i) {
    const Where where = node.At(i);
    EXPECT_EQ(std::pair(where.line, where.column), places[i]) << "byte " << i;
    EXPECT_EQ(where.field, "s");
  }
  EXPECT_EQ(node.At(value.size() + 1000), node.At(value.size()));
}

TEST(TomlAt, SingleLineStrings) {
  ExpectPlaces("s = 'ab'", "ab", {{1, 6}, {1, 7}, {1, 8}});
  ExpectPlaces("s = \"\"", "", {{1, 6}});
  ExpectPlaces("a = 1\n  s = \"é|\"", "é|", {{2, 8}, {2, 8}, {2, 9}, {2, 10}});
}

TEST(TomlAt, MultiLineStrings) {
  ExpectPlaces("s = '''\nab\nc'''", "ab\nc", {{2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 2}});
  ExpectPlaces("s = \"\"\"a\nb\"\"\"", "a\nb", {{1, 8}, {1, 9}, {2, 1}, {2, 2}});
  ExpectPlaces("s = '''\r\na\r\nb'''", "a\nb", {{2, 1}, {2, 2}, {3, 1}, {3, 2}});
  ExpectPlaces("s = ''''a'''''", "'a''", {{1, 8}, {1, 9}, {1, 10}, {1, 11}, {1, 12}});
}

TEST(TomlAt, Escapes) {
  ExpectPlaces(R"(s = "a\tb\u00e9c\U0001F600d")", "a\tbéc😀d",
               {{1, 6},
                {1, 7},
                {1, 9},
                {1, 10},
                {1, 10},
                {1, 16},
                {1, 17},
                {1, 17},
                {1, 17},
                {1, 17},
                {1, 27},
                {1, 28}});
  ExpectPlaces("s = '''\\n'''", "\\n", {{1, 8}, {1, 9}, {1, 10}});
  ExpectPlaces("s = \"\\\"\\\\\"", "\"\\", {{1, 6}, {1, 8}, {1, 10}});
}

TEST(TomlAt, LineContinuations) {
  ExpectPlaces("s = \"\"\"a \\\n\n   b\"\"\"", "a b", {{1, 8}, {1, 9}, {3, 4}, {3, 5}});
  ExpectPlaces("s = \"\"\"a\\   \n  \"\"\"", "a", {{1, 8}, {2, 3}});
}

TEST(TomlAt, AnotherTypeGivesItsBeginning) {
  EXPECT_EQ(Parsed("s = 12").Required<TomlNode>("s")->At(1).column, 5);
}

TEST(Toml, LoadsFromADiskWithinABound) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(WriteFileAtomically(disk, "a.toml", AsBytes("x = 'long enough'")));
  EXPECT_EQ(*TomlNode::Load(disk, "a.toml")->Required<std::string>("x"), "long enough");
  EXPECT_EQ(TomlNode::Load(disk, "a.toml", 5).error().code(), ErrorCode::kResourceExhausted);
  const Error missing = TomlNode::Load(disk, "b.toml").error();
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_EQ(missing.where()->file, "b.toml");
}

}  // namespace
}  // namespace fuqi
