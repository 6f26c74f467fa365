#include "decide/list.h"

#include <gmock/gmock.h>

#include "base/time.h"
#include "decide/committed.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

List TextList(int64_t entries_max = 1000) {
  List list;
  list.name = "watched";
  list.type = {table::TypeId::kVarchar};
  list.entries_max = entries_max;
  return list;
}

Result<std::vector<ListEntry>> Read(std::string_view text, List list = TextList()) {
  CsvReader reader("watched.csv", MemorySource(text));
  return ReadListCsv(reader, list);
}

Error FaultOf(std::string_view text, List list = TextList()) {
  auto read = Read(text, std::move(list));
  EXPECT_FALSE(read.has_value()) << text;
  return read ? Err(ErrorCode::kInternal, "no error") : read.error();
}

TEST(ListFile, GivesEntriesWithAliasesAndValidity) {
  auto read = Read(
      "value,reason,source,valid_from,valid_to,aliases\n"
      "A1,\"fraud, twice\",police,2024-01-01,2025-06-30 12:00:00,A2; A3\n"
      "B1,,,,,\n");
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0], (ListEntry{"A1",
                                   {"A2", "A3"},
                                   *ParseTimestamp("2024-01-01 00:00:00"),
                                   *ParseTimestamp("2025-06-30 12:00:00"),
                                   "police",
                                   "fraud, twice"}));
  EXPECT_EQ((*read)[1], ListEntry{.value = "B1"});
}

TEST(ListFile, NamesTheLineAndColumnOfWhatIsWrong) {
  auto is = [](const Error& error, ErrorCode code, int line, std::string_view field) {
    EXPECT_EQ(error.code(), code) << error.ToString();
    EXPECT_EQ(error.where()->file, "watched.csv");
    EXPECT_EQ(error.where()->line, line) << error.ToString();
    EXPECT_EQ(error.where()->field, field) << error.ToString();
  };
  is(FaultOf(""), ErrorCode::kParse, 0, "");
  is(FaultOf("name\nx\n"), ErrorCode::kParse, 1, "");
  is(FaultOf("source\nx\n"), ErrorCode::kParse, 1, "");
  is(FaultOf("value,value\nx,y\n"), ErrorCode::kAlreadyExists, 1, "");
  is(FaultOf("value\nx\ny,z\n"), ErrorCode::kParse, 3, "");
  is(FaultOf("value,source\nx,\n,y\n"), ErrorCode::kTypeMismatch, 3, "value");
  is(FaultOf("value,valid_to\nx,tomorrow\n"), ErrorCode::kParse, 2, "valid_to");
  is(FaultOf("value,valid_from,valid_to\nx,2024-01-02,2024-01-02\n"), ErrorCode::kInvalidArgument,
     2, "valid_to");
  is(FaultOf("value,aliases\nx,y;x\n"), ErrorCode::kAlreadyExists, 2, "aliases");
  is(FaultOf("value\nx\n\nx\n"), ErrorCode::kAlreadyExists, 4, "");
  is(FaultOf("value\n\xff\n"), ErrorCode::kParse, 2, "value");
  is(FaultOf("value\na\nb\n", TextList(1)), ErrorCode::kOutOfRange, 3, "");
  List numbers = TextList();
  numbers.type = {table::TypeId::kBigInt};
  is(FaultOf("value\n12\nx\n", numbers), ErrorCode::kTypeMismatch, 3, "value");
  is(FaultOf("value\n007\n", numbers), ErrorCode::kTypeMismatch, 2, "value");
}

TEST(ListFile, TakesTwoEntriesOfOneValueFromTwoSourcesOrTimes) {
  EXPECT_TRUE(Read("value,source\nx,a\nx,b\n").has_value());
  EXPECT_TRUE(Read("value,valid_from,valid_to\nx,,2024-01-01\nx,2024-01-01,\n").has_value());
}

TEST(ListState, CountsFromItsBeginningUpToNotWithItsEnd) {
  const List list = TextList();
  ListState state(list);
  state.Put({"x", {"y"}, 100, 200, "", ""}, {5, 1});
  for (std::string_view name : {"x", "y"}) {
    EXPECT_EQ(state.Find(Datum::Text(name), 99), nullptr);
    EXPECT_NE(state.Find(Datum::Text(name), 100), nullptr);
    EXPECT_NE(state.Find(Datum::Text(name), 199), nullptr);
    EXPECT_EQ(state.Find(Datum::Text(name), 200), nullptr);
  }
  EXPECT_EQ(state.Find(Datum::Text("z"), 150), nullptr);
}

TEST(ListState, TellsTheEntryThatWasPutFirstOfThoseThatHold) {
  const List list = TextList();
  ListState state(list);
  state.Put({"x", {}, 0, 300, "late", ""}, {9, 1});
  state.Put({"x", {}, 100, 200, "early", ""}, {5, 2});
  EXPECT_EQ(state.Find(Datum::Text("x"), 150)->entry.source, "early");
  EXPECT_EQ(state.Find(Datum::Text("x"), 250)->entry.source, "late");
  EXPECT_EQ(state.Remove({"x", "early", 99}), 0u);
  EXPECT_EQ(state.Remove({"x", "early", 100}), 1u);
  EXPECT_EQ(state.Remove({"x", "early", 100}), 0u);
  EXPECT_EQ(state.Find(Datum::Text("x"), 150)->ref, (EntryRef{9, 1}));
  EXPECT_EQ(state.size(), 1u);
  EXPECT_EQ(state.bytes(), 5u);
}

TEST(ListState, TakesAwayAllOfAValueOrThoseOfASource) {
  const List list = TextList();
  ListState state(list);
  for (const char* source : {"a", "b", "c"}) {
    state.Put({"x", {"y"}, 0, kForEver, source, ""}, {1, 1});
  }
  state.Put({"xx", {}, 0, kForEver, "a", ""}, {1, 2});
  EXPECT_EQ(state.Remove({"x", "b", {}}), 1u);
  EXPECT_NE(state.Find(Datum::Text("y"), 5), nullptr);
  EXPECT_EQ(state.Remove({"x", {}, {}}), 2u);
  EXPECT_EQ(state.Find(Datum::Text("y"), 5), nullptr);
  EXPECT_EQ(state.Remove({"w", {}, {}}), 0u);
  EXPECT_EQ(state.size(), 1u);
}

TEST(ListState, PutsAnEntryInThePlaceOfTheOneOfItsId) {
  const List list = TextList();
  ListState state(list);
  state.Put({"x", {"old"}, 0, kForEver, "s", "first"}, {1, 1});
  state.Put({"x", {"new"}, 0, 500, "s", "second"}, {2, 1});
  EXPECT_EQ(state.size(), 1u);
  EXPECT_EQ(state.Find(Datum::Text("old"), 10), nullptr);
  EXPECT_EQ(state.Find(Datum::Text("new"), 10)->entry.reason, "second");
  EXPECT_EQ(state.Find(Datum::Text("x"), 500), nullptr);
}

TEST(EntryRef, IsATextAndBack) {
  for (const EntryRef ref : {EntryRef{0, 3}, EntryRef{17, 1}, EntryRef{UINT64_MAX, UINT64_MAX}}) {
    EXPECT_EQ(*EntryRef::Parse(ref.ToText()), ref);
  }
  EXPECT_EQ((EntryRef{0, 3}).ToText(), "pack.3");
  for (std::string_view text : {"", "17", "0.3", "017.3", "17.", "pack", "17.3 ", "pack.03"}) {
    EXPECT_FALSE(EntryRef::Parse(text).has_value()) << text;
  }
}

Pack PackWithLists() {
  auto pack = ParsePack({{"pack.toml", std::string(kSmallPack) + R"toml(
[list.watched]
type = "VARCHAR"
file = "lists/watched.csv"
entries_max = 3

[list.numbers]
type = "BIGINT"
)toml"},
                         {"lists/watched.csv", "value,source\nx,police\ny,police\n"}});
  EXPECT_TRUE(pack.has_value()) << pack.error().ToString();
  return *std::move(pack);
}

ListChange Put(std::string value, std::string id = "") {
  return {{"officer", 5, std::move(id)}, "watched", {{.value = std::move(value)}}, {}};
}

TEST(Committed, BeginsWithThePacksOwnEntriesAndChangesThem) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  const ListState& list = *committed.FindList("watched");
  EXPECT_EQ(list.Find(Datum::Text("y"), 0)->ref, (EntryRef{0, 2}));
  ListChange change = Put("z");
  change.removals.push_back({"x", "police", kSinceEver});
  ASSERT_TRUE(committed.Apply(change, 17).has_value());
  EXPECT_EQ(list.Find(Datum::Text("x"), 0), nullptr);
  EXPECT_EQ(list.Find(Datum::Text("z"), 0)->ref, (EntryRef{17, 1}));
}

TEST(Committed, RefusesWhatAListCannotHoldAndChangesNothing) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  Bytes before;
  ByteWriter writer(before);
  committed.Save(writer);
  auto refuses = [&](const ListChange& change, ErrorCode code) {
    EXPECT_EQ(committed.Validate(change).error().code(), code);
    Bytes after;
    ByteWriter again(after);
    committed.Save(again);
    EXPECT_EQ(before, after);
  };
  ListChange change = Put("z");
  change.list = "wached";
  refuses(change, ErrorCode::kNotFound);
  change = Put("twelve");
  change.list = "numbers";
  refuses(change, ErrorCode::kTypeMismatch);
  change = Put("z");
  change.puts.push_back(change.puts[0]);
  refuses(change, ErrorCode::kAlreadyExists);
  change = Put("z");
  change.removals.push_back({"", {}, {}});
  refuses(change, ErrorCode::kTypeMismatch);
  change = Put("z");
  change.puts[0].valid_to_us = change.puts[0].valid_from_us = 7;
  refuses(change, ErrorCode::kInvalidArgument);
  change = Put("z");
  change.puts.push_back({.value = "w"});
  refuses(change, ErrorCode::kOutOfRange);
  change = Put("z", std::string(kChangeNameBytesMax + 1, 'i'));
  refuses(change, ErrorCode::kOutOfRange);
  refuses(Put("z", {"i\0d", 3}), ErrorCode::kParse);
  change = Put("z");
  change.head.by = "\xff";
  refuses(change, ErrorCode::kParse);
  refuses(Put({"z\0", 2}), ErrorCode::kParse);
}

// A version with a lower bound than the one under which the list was filled.
TEST(Committed, FoldsWhatWasPutBeforeTheBoundWasLoweredAndTakesNoMore) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  ListChange change = Put("z");
  change.puts.push_back({.value = "w"});
  EXPECT_EQ(committed.Validate(change).error().code(), ErrorCode::kOutOfRange);
  ASSERT_TRUE(committed.Apply(change, 17).has_value());
  EXPECT_EQ(committed.FindList("watched")->size(), 4u);
  EXPECT_EQ(committed.Validate(Put("v")).error().code(), ErrorCode::kOutOfRange);
  Bytes saved;
  ByteWriter writer(saved);
  committed.Save(writer);
  Committed restored(pack);
  ByteReader reader(saved);
  EXPECT_TRUE(restored.Restore(reader));
  EXPECT_EQ(restored.FindList("watched")->size(), 4u);
}

TEST(Committed, PassesOverAListThatThePackHasNotAnyMore) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  ListChange change = Put("z");
  change.list = "dropped";
  EXPECT_TRUE(committed.Apply(change, 3).has_value());
}

TEST(Committed, KnowsAChangeByItsIdAgain) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  ASSERT_TRUE(committed.Apply(Put("z", "key 1"), 17).has_value());
  ListChange again = Put("z", "key 1");
  again.head.by = "another officer";
  again.head.made_us = 99;
  EXPECT_EQ(*committed.FindChange(again), std::optional<uint64_t>(17));
  EXPECT_EQ(committed.FindChange(Put("w", "key 1")).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(*committed.FindChange(Put("z", "key 2")), std::nullopt);
  EXPECT_EQ(*committed.FindChange(Put("z")), std::nullopt) << "without an id it is another change";
}

TEST(Committed, ForgetsTheOldestIdsBeyondItsBound) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  for (size_t i = 0; i <= kChangeIdsMax; ++i) {
    ASSERT_TRUE(committed.Apply(Put("z", std::to_string(i)), i + 1).has_value());
  }
  EXPECT_EQ(*committed.FindChange(Put("z", "0")), std::nullopt);
  EXPECT_EQ(*committed.FindChange(Put("z", "1")), std::optional<uint64_t>(2));
}

TEST(Committed, IsRestoredFromWhatItSaved) {
  const Pack pack = PackWithLists();
  Committed committed(pack);
  ASSERT_TRUE(committed.Apply(Put("z", "key"), 17).has_value());
  Bytes saved;
  ByteWriter writer(saved);
  committed.Save(writer);
  Committed other(pack);
  ByteReader reader(saved);
  ASSERT_TRUE(other.Restore(reader) && reader.at_end());
  Bytes again;
  ByteWriter second(again);
  other.Save(second);
  EXPECT_EQ(saved, again);
  EXPECT_EQ(other.FindList("watched")->Find(Datum::Text("z"), 0)->ref, (EntryRef{17, 1}));
  EXPECT_EQ(*other.FindChange(Put("z", "key")), std::optional<uint64_t>(17));
}

TEST(PackList, NamesWhatIsWrong) {
  auto fault = [](std::string_view section, PackFiles more = {}) {
    more.emplace_back("pack.toml", std::string(kSmallPack) + std::string(section));
    auto pack = ParsePack(std::move(more), "p");
    EXPECT_FALSE(pack.has_value()) << section;
    return pack ? std::string() : pack.error().ToString();
  };
  EXPECT_THAT(fault("[list.l]\n"), testing::HasSubstr("type"));
  EXPECT_THAT(fault("[list.l]\ntype = \"DOUBLE\"\n"),
              testing::HasSubstr("a list holds exact values or texts, not DOUBLE"));
  EXPECT_THAT(fault("[list.L]\ntype = \"DATE\"\n"), testing::HasSubstr("'L' is no name"));
  EXPECT_THAT(fault("[list.l]\ntype = \"DATE\"\nfile = \"l.csv\"\n"),
              testing::HasSubstr("the pack has no file 'l.csv'"));
  EXPECT_THAT(fault("[list.l]\ntype = \"DATE\"\nfile = \"lists/l.csv\"\n",
                    {{"lists/l.csv", "value\n2024-01-01\n2024-02-30\n"}}),
              testing::HasSubstr("p/lists/l.csv:3"));
  EXPECT_THAT(fault("", {{"lists/l.csv", "value\n"}}),
              testing::HasSubstr("p/lists/l.csv: no list of the pack names this file"));
  EXPECT_THAT(fault("[list.l]\ntype = \"DATE\"\nentries_max = 0\n"),
              testing::HasSubstr("0 is not within 1 and 5000000"));
}

}  // namespace
}  // namespace fuqi::decide
