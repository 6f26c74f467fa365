#include "decide/screening_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace fuqi::decide {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'000;

ListEntry Entry(std::string value, std::vector<std::string> aliases = {}) {
  ListEntry entry;
  entry.value = std::move(value);
  entry.aliases = std::move(aliases);
  return entry;
}

// Puts an entry that lives as long as the test.
void Put(ScreeningList& list, ListEntry entry) {
  static std::deque<ListEntry> entries;
  list.Put(entries.emplace_back(std::move(entry)));
}

Clearances Cleared(std::vector<Clearance> all) {
  Clearances out;
  for (Clearance& clearance : all) {
    out.Add(std::move(clearance));
  }
  return out;
}

std::vector<std::string> Found(ScreeningList& list, std::string_view name, int64_t at_us = kNow) {
  std::vector<std::string> values;
  for (const ScreeningList::Hit& hit : list.Screen(name, at_us, 10, {}).hits) {
    values.push_back(hit.entry->value);
  }
  return values;
}

TEST(ScreeningList, FindsAnEntryByItsAliases) {
  ScreeningList list("people", 8000);
  Put(list, Entry("DENG, Xiaoping", {"Teng Hsiao-p'ing"}));
  const ScreeningList::Answer answer = list.Screen("teng hsiaoping", kNow, 10, {});
  ASSERT_EQ(answer.hits.size(), 1u);
  EXPECT_EQ(answer.hits[0].entry->value, "DENG, Xiaoping");
  EXPECT_EQ(answer.hits[0].hit.name, "Teng Hsiao-p'ing");
  EXPECT_EQ(answer.best, answer.hits[0].hit.score);
}

TEST(ScreeningList, KeepsToItsThreshold) {
  ScreeningList strict("strict", 9700);
  ScreeningList loose("loose", 9000);
  for (ScreeningList* list : {&strict, &loose}) {
    Put(*list, Entry("Zhang Wei"));
  }
  EXPECT_THAT(Found(strict, "张伟"), IsEmpty());
  EXPECT_THAT(Found(loose, "张伟"), ElementsAre("Zhang Wei"));
}

TEST(ScreeningList, AsksForEntriesAtTheEventsTime) {
  ScreeningList list("people", 8000);
  ListEntry past = Entry("Li Na");
  past.valid_to_us = kNow;
  ListEntry now = Entry("Na Li");
  now.valid_from_us = kNow;
  Put(list, past);
  Put(list, now);
  EXPECT_THAT(Found(list, "Li Na", kNow - 1), ElementsAre("Li Na"));
  EXPECT_THAT(Found(list, "Li Na", kNow), ElementsAre("Na Li"));
}

TEST(ScreeningList, PutsAnEntryInThePlaceOfOneWithItsIdAndTakesItAway) {
  ScreeningList list("people", 8000);
  Put(list, Entry("Li Na", {"Lina Lee"}));
  Put(list, Entry("Li Na"));
  EXPECT_EQ(list.entries(), 1u);
  EXPECT_EQ(list.names(), 1u);
  list.Remove(Entry("Li Na").id());
  EXPECT_THAT(Found(list, "Li Na"), IsEmpty());
}

TEST(ScreeningList, ShowsAClearedHitAndDoesNotCountIt) {
  ScreeningList list("people", 8000);
  Put(list, Entry("LI, Na"));
  Put(list, Entry("LI, Nana"));
  const Clearances cleared =
      Cleared({{"Li  NA", "LI, Na", "another date of birth", "wang", kNow - 5, kNow}});
  const ScreeningList::Answer before = list.Screen("li na", kNow - 1, 1, cleared);
  ASSERT_EQ(before.hits.size(), 1u);
  ASSERT_NE(before.hits[0].clearance, nullptr);
  EXPECT_EQ(before.hits[0].clearance->by, "wang");
  EXPECT_EQ(before.best, 0);
  // It begins and ends at its time, and is for that name and entry alone.
  EXPECT_EQ(list.Screen("li na", kNow - 5, 1, cleared).best, 0);
  EXPECT_EQ(list.Screen("li na", kNow - 6, 1, cleared).best, kScreeningScoreMax);
  const ScreeningList::Answer after = list.Screen("li na", kNow, 1, cleared);
  ASSERT_EQ(after.hits.size(), 1u);
  EXPECT_EQ(after.hits[0].clearance, nullptr);
  EXPECT_EQ(after.best, kScreeningScoreMax);
  EXPECT_EQ(list.Screen("Li Nah", kNow - 1, 1, cleared).hits.at(0).clearance, nullptr);
}

TEST(ScreeningList, AClearedHitDoesNotTakeThePlaceOfOneThatCounts) {
  ScreeningList list("people", 8000);
  ListEntry other = Entry("LI, Na");
  other.source = "UN";
  Put(list, Entry("LI, Na"));
  Put(list, other);
  Put(list, Entry("LY, Na"));
  Put(list, Entry("Na Li"));
  Clearances cleared = Cleared({{"Li Na", "LI, Na", "known customer", "wang"}});
  const ScreeningList::Answer answer = list.Screen("Li Na", kNow, 1, cleared);
  ASSERT_EQ(answer.hits.size(), 3u);
  EXPECT_EQ(answer.best, kScreeningScoreMax);
  EXPECT_EQ(std::ranges::count(answer.hits, nullptr, &ScreeningList::Hit::clearance), 1);
  cleared.Remove({"LI NA", "LI, Na", "known customer", "wang"});
  EXPECT_EQ(list.Screen("Li Na", kNow, 1, cleared).hits.size(), 3u) << "it was put as 'Li Na'";
  cleared.Remove({"Li Na", "LI, Na", "known customer", "wang"});
  EXPECT_EQ(list.Screen("Li Na", kNow, 1, cleared).hits.size(), 1u);
}

Result<std::vector<Clearance>> Read(std::string_view csv) {
  CsvReader reader("cleared.csv", MemorySource(csv));
  return ReadClearancesCsv(reader);
}

TEST(ReadClearancesCsv, TakesColumnsInAnyOrder) {
  const auto read = Read("by,valid_to,entry,name,reason\nwang,2026-01-02,E,N,why\nli,,E,M,why\n");
  ASSERT_TRUE(read) << read.error().ToString();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].name, "N");
  EXPECT_EQ((*read)[0].valid_to_us, 1'767'312'000'000'000);
  EXPECT_EQ((*read)[1].valid_to_us, kForEver);
}

TEST(ReadClearancesCsv, RefusesByNameAndPlace) {
  for (const auto& [csv, said] : {std::pair{"", "column 'name'"},
                                  {"name,entry,reason\n", "column 'by'"},
                                  {"name,entry,reason,by,until\n", "'until' is no column"},
                                  {"name,entry,reason,by,by\n", "'by' twice"},
                                  {"name,entry,reason,by\nN,E,,w\n", "cleared.csv:2: a clearance"},
                                  {"name,entry,reason,by\nN,E,w\n", "3 fields"},
                                  {"name,entry,reason,by,valid_to\nN,E,r,w,soon\n", "valid_to"}}) {
    const auto read = Read(csv);
    ASSERT_FALSE(read) << csv;
    EXPECT_THAT(read.error().ToString(), HasSubstr(said));
  }
}

}  // namespace
}  // namespace fuqi::decide
