// Names of events against lists: what a pack reads, what is refused, and what is left as evidence.

#include "decide/screened.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/simulated_disk.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/explain.h"
#include "decide/partition.h"
#include "decide/records.h"
#include "decide/reperform.h"
#include "decide/screened_pack_test.h"
#include "decide/screening.h"
#include "decide/source_files_test.h"
#include "ledger/log.h"

namespace fuqi::decide {
namespace {

using table::Datum;
using testing::HasSubstr;

constexpr std::string_view kSanctions =
    "value,aliases,valid_from,valid_to,source,reason\n"
    "\"DENG, Xiaoming\",Teng Hsiao-ming;邓小明,,,UN,arms\n"
    "Orient Pearl Shipping Ltd,,2023-11-15,2023-11-20,OFAC,oil\n";
constexpr std::string_view kCall = "screen('sanctions', payee, ts)";
constexpr int64_t kStart2023 = 1'699'920'000'000'000;  // 2023-11-14

std::shared_ptr<const CompiledPack> ScreeningPack(std::string text = PackWithScreening(),
                                                  PackFiles more = {}) {
  more.emplace_back("lists/sanctions.csv", std::string(kSanctions));
  return MustCompile(std::move(text), std::move(more));
}

Datum FeatureOf(const Decision& decision, const CompiledPack& pack, std::string_view name) {
  const int at = table::FindColumn(pack.feature_schema(), name);
  EXPECT_GE(at, 0) << name;
  return decision.features[at];
}

// A core that decides one payment after another.
struct Screener {
  explicit Screener(std::shared_ptr<const CompiledPack> of) : pack(std::move(of)), core(pack) {}

  // "92 pack.1 block": score, entry and action; "NULL NULL approve".
  std::string Pay(std::string_view payee, int64_t after_us = 0, std::string_view payer = "") {
    const std::string id = fmt::format("p{}", seq);  // pays but once, unless `payer` is given
    last =
        core.Decide(Payment(id, kStart2023 + after_us, payer.empty() ? id : payer, payee, 1), seq);
    seq += 2;
    return fmt::format(
        "{} {} {}",
        table::ToText(FeatureOf(last, *pack, "payee_sanctions"), {table::TypeId::kInteger}),
        table::ToText(FeatureOf(last, *pack, "payee_entry"), {table::TypeId::kVarchar}),
        ActionName(last.action));
  }
  void Put(std::string list, ListEntry entry) {
    ListChange change{{}, std::move(list), {std::move(entry)}, {}};
    const Result<void> applied = core.Apply(change, seq);
    EXPECT_TRUE(applied.has_value()) << applied.error().ToString();
    ++seq;
  }

  std::shared_ptr<const CompiledPack> pack;
  Core core;
  uint64_t seq = 1;
  Decision last;
};

TEST(Screened, IsReadAsAScoreAndAnEntry) {
  const auto pack = ScreeningPack();
  ASSERT_EQ(pack->lookups().size(), 1u) << "score and entry are of one search";
  EXPECT_EQ(pack->pack().features.back().name, kCall);
  EXPECT_EQ(pack->feature_schema()[0].type.ToString(), "INTEGER");
  EXPECT_EQ(pack->feature_schema()[1].type.ToString(), "VARCHAR");
  Screener screener(pack);
  EXPECT_EQ(screener.Pay("Deng Xiaoming"), "100 pack.1 block");
  EXPECT_EQ(screener.Pay("邓小明"), "100 pack.1 block");
  EXPECT_EQ(FeatureOf(screener.last, *pack, kCall).text(), "100 pack.1 2 ---/---");
  EXPECT_EQ(screener.Pay("Chen Mei"), "0  approve");
  EXPECT_EQ(FeatureOf(screener.last, *pack, kCall).text(), "000");
  EXPECT_EQ(screener.Pay(""), "NULL NULL approve") << "no name";
  EXPECT_EQ(screener.Pay("?!"), "0  approve") << "a name without a letter";
  for (std::string_view name : {"Deng Xiaoming", "Chen Mei", "邓小明"}) {
    screener.Pay(name, 0, "a");
  }
  EXPECT_EQ(static_cast<int>(FeatureOf(screener.last, *pack, "near_1d").i), 2);
}

TEST(Screened, AScoreIsCutToAWholeNumberAndHeldAgainstTheListsThreshold) {
  const ScreeningHit near = CompareNames("Deng Xiaomin", "DENG, Xiaoming");
  ASSERT_EQ(near.score % 100 == 0, false) << near.score << ": pick a name whose score is cut";
  Screener screener(ScreeningPack());
  EXPECT_THAT(screener.Pay("Deng Xiaomin"), testing::StartsWith(std::to_string(near.score / 100)));
  const std::string above = fmt::format("threshold = {}", near.score / 100 + 1);
  Screener strict(ScreeningPack(PackWithScreening("threshold = 75", above)));
  EXPECT_EQ(strict.Pay("Deng Xiaomin"), "0  approve");
}

TEST(Screened, AnEntryCountsWhileItIsValid) {
  Screener screener(ScreeningPack());
  constexpr std::string_view kName = "ORIENT PEARL SHIPPING CO., LTD.";
  EXPECT_THAT(screener.Pay(kName, kDayUs), HasSubstr("pack.2 block"));
  EXPECT_EQ(screener.Pay(kName, kDayUs - 1), "0  approve");
  EXPECT_THAT(screener.Pay(kName, 6 * kDayUs - 1), HasSubstr("pack.2 block"));
  EXPECT_EQ(screener.Pay(kName, 6 * kDayUs), "0  approve");
}

TEST(Screened, AChangeActsOnTheNextEvent) {
  Screener screener(ScreeningPack());
  EXPECT_EQ(screener.Pay("Ivan Petrov"), "0  approve");
  screener.Put("sanctions", {.value = "PETROV, Ivan", .source = "UN"});
  EXPECT_EQ(screener.Pay("Ivan Petrov"), "100 3.1 block");
  screener.Put("sanctions", {.value = "PETROV, Ivan", .source = "UN", .reason = "again"});
  EXPECT_EQ(screener.Pay("Ivan Petrov"), "100 6.1 block");
  ASSERT_TRUE(screener.core.Apply(
      ListChange{{}, "sanctions", {}, {{"PETROV, Ivan", "UN", kSinceEver}}}, screener.seq++));
  EXPECT_EQ(screener.Pay("Ivan Petrov"), "0  approve");
}

TEST(Screened, WhatWasRuledOutDoesNotCountWhileItIs) {
  Screener screener(ScreeningPack());
  EXPECT_EQ(screener.Pay("Deng Xiaoming"), "100 pack.1 block");
  ListEntry cleared{.value = "deng xiaoming",
                    .aliases = {"Xiao Ming Deng"},
                    .valid_from_us = kStart2023,
                    .valid_to_us = kStart2023 + kDayUs,
                    .source = "DENG, Xiaoming",
                    .reason = "born in 1990"};
  screener.Put("ruled_out", cleared);
  EXPECT_EQ(screener.Pay("DENG XIAOMING"), "0  approve");
  EXPECT_EQ(screener.Pay("Xiao Ming Deng"), "0  approve");
  EXPECT_THAT(screener.Pay("Deng Xiaomin"), HasSubstr("pack.1")) << "another name";
  EXPECT_EQ(screener.Pay("Deng Xiaoming", -1), "100 pack.1 block") << "before it began";
  // Another entry of that name counts.
  screener.Put("sanctions", {.value = "Xiaoming Deng", .source = "OFAC"});
  EXPECT_THAT(screener.Pay("Deng Xiaoming", 1), HasSubstr(".1 block"));
  ASSERT_TRUE(screener.core.Apply(ListChange{{}, "ruled_out", {}, {{"deng xiaoming", {}, {}}}},
                                  screener.seq++));
  EXPECT_THAT(screener.Pay("Xiao Ming Deng", 1), HasSubstr("pack.1 block"));
  screener.Put("ruled_out", cleared);
  EXPECT_THAT(screener.Pay("Deng Xiaoming", kDayUs - 1), testing::Not(HasSubstr("pack.1")));
  EXPECT_EQ(screener.Pay("Deng Xiaoming", kDayUs), "100 pack.1 block") << "it has ended";
}

TEST(Screened, AClearanceNamesTheEntryAndSaysWhy) {
  Screener screener(ScreeningPack());
  const ListEntry whole{.value = "x", .source = "DENG, Xiaoming", .reason = "another person"};
  for (std::string ListEntry::* field : {&ListEntry::source, &ListEntry::reason}) {
    ListEntry entry = whole;
    (entry.*field).clear();
    const auto applied = screener.core.Apply(ListChange{{}, "ruled_out", {entry}, {}}, 1);
    ASSERT_FALSE(applied.has_value());
    EXPECT_EQ(applied.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(applied.error().ToString(), HasSubstr("a clearance needs"));
  }
  EXPECT_TRUE(screener.core.Apply(ListChange{{}, "ruled_out", {whole}, {}}, 1).has_value());
}

TEST(Screened, ANameBeyondItsBoundFlagsTheDecision) {
  Screener screener(ScreeningPack());
  std::string many;
  for (int i = 0; i < 100; ++i) {
    many += fmt::format("word{} ", i);
  }
  screener.Pay(many);
  EXPECT_EQ(screener.last.flags, uint32_t{kTruncated});
  EXPECT_EQ(screener.last.action, Action::kReview) << "the pack's truncated_action";
}

struct BadScreen {
  std::string_view call;
  ErrorCode code;
  std::string_view message;
};
class BadScreens : public testing::TestWithParam<BadScreen> {};

TEST_P(BadScreens, AreRefusedAtTheirPlace) {
  const auto& [call, code, message] = GetParam();
  const std::string text = PackWithScreening("payee_sanctions = \"screen('sanctions', payee, ts)\"",
                                             fmt::format("payee_sanctions = \"{}\"", call));
  const auto compiled = TryCompile(text, {{"lists/sanctions.csv", std::string(kSanctions)}});
  ASSERT_FALSE(compiled.has_value()) << call;
  EXPECT_EQ(compiled.error().code(), code) << compiled.error().ToString();
  EXPECT_THAT(compiled.error().ToString(), HasSubstr(std::string(message)));
  const size_t line = text.find("payee_sanctions =");
  EXPECT_EQ(compiled.error().where()->line,
            1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(line), '\n'));
}

INSTANTIATE_TEST_SUITE_P(
    Pack, BadScreens,
    testing::Values(
        BadScreen{"screen('sanction', payee, ts)", ErrorCode::kNotFound,
                  "did you mean 'sanctions'?"},
        BadScreen{"screen('cents', payee, ts)", ErrorCode::kTypeMismatch,
                  "names are screened against a list of VARCHAR; list 'cents' holds BIGINT"},
        BadScreen{"screen('ruled_out', payee, ts)", ErrorCode::kInvalidArgument,
                  "list 'ruled_out' clears hits of 'sanctions'"},
        BadScreen{"screen('sanctions', payee)", ErrorCode::kInvalidArgument,
                  "screen has three arguments"},
        BadScreen{"length(screen_entry('sanctions'))", ErrorCode::kInvalidArgument,
                  "screen_entry has three arguments"},
        BadScreen{"screen('sanctions', amount, ts)", ErrorCode::kTypeMismatch,
                  "list 'sanctions' holds values of VARCHAR; this one is DECIMAL(18,2)"},
        BadScreen{"screen('sanctions', payee, CAST(ts AS DATE))", ErrorCode::kTypeMismatch,
                  "this one is DATE"},
        BadScreen{"screen(payee, payee, ts)", ErrorCode::kInvalidArgument, "a constant text"}));

struct BadList {
  std::string_view old_text;
  std::string_view new_text;
  std::string_view message;
};
class BadScreenedLists : public testing::TestWithParam<BadList> {};

TEST_P(BadScreenedLists, AreRefused) {
  const auto& [old_text, new_text, message] = GetParam();
  const auto pack = ParsePack({{"lists/sanctions.csv", std::string(kSanctions)},
                               {"pack.toml", PackWithScreening(old_text, new_text)}});
  ASSERT_FALSE(pack.has_value());
  EXPECT_EQ(pack.error().code(), ErrorCode::kConfig);
  EXPECT_THAT(pack.error().ToString(), HasSubstr(std::string(message)));
}

INSTANTIATE_TEST_SUITE_P(
    Pack, BadScreenedLists,
    testing::Values(
        BadList{"threshold = 75", "threshold = 0", "threshold"},
        BadList{"threshold = 75", "threshold = 101", "threshold"},
        BadList{"type = \"BIGINT\"", "type = \"BIGINT\"\nthreshold = 80",
                "'threshold' is said of a list of names, VARCHAR, not of BIGINT"},
        BadList{"clears = \"sanctions\"", "clears = \"sanction\"", "which the pack does not have"},
        BadList{"clears = \"sanctions\"", "clears = \"cents\"", "no list of names"},
        BadList{"clears = \"sanctions\"", "clears = \"ruled_out\"", "no list of names"},
        BadList{"[list.cents]\ntype = \"BIGINT\"",
                "[list.cents]\ntype = \"VARCHAR\"\nclears = \"sanctions\"", "both clear hits"}));

TEST(Screened, ItsTextIsReadAsItIsWritten) {
  for (const Screened& screened :
       {Screened{}, Screened{.percent = 100, .entry = {0, 3}, .rarities = "-/-"},
        Screened{.percent = 7, .entry = {17, 1}, .name = 12, .rarities = "an/nb"}}) {
    const auto read = Screened::Parse(screened.ToText());
    ASSERT_TRUE(read.has_value()) << screened.ToText();
    EXPECT_EQ(*read, screened);
  }
  for (std::string_view text :
       {"", "0", "000 ", "000 pack.1 0 -/-", "101 pack.1 0 -/-", "92 pack.1 0 -/-",
        "092 pack.01 0 -/-", "092 pack.1 -1 -/-", "092 pack.1 00 -/-", "-92 pack.1 0 -/-",
        "092 pack.1 0", "092 1 0 -/-"}) {
    EXPECT_FALSE(Screened::Parse(text).has_value()) << text;
  }
}

// ---- evidence

TEST(ScreenedEvidence, TheRecordIsEnoughToWorkTheScoreOutAgain) {
  SimulatedDisk disk(3);
  ManualClock clock(kStartUs);
  const auto pack = ScreeningPack();
  std::unique_ptr<Partition> partition = *Partition::Open(disk, clock, "/n", pack, {});
  // Enough names that words have a rarity.
  ListChange change{{"ops", 77, "k"}, "sanctions", {}, {}};
  for (int i = 0; i < 100; ++i) {
    change.puts.push_back({.value = fmt::format("Name{} Petrov", i), .source = "UN"});
  }
  change.puts.push_back({"Ivan Petrov", {"Ivan Sidorov"}, kSinceEver, kForEver, "EU", "tanks"});
  const uint64_t record = partition->Apply(change)->seq;
  const Decision decided =
      partition->Decide(Payment("1", kStart2023, "a", "Ivan SIDOROW", 1))->decision;
  // What the list becomes later does not change what was.
  ListChange gone{{"ops", 78, "l"}, "sanctions", {}, {}};
  gone.removals.push_back({"Ivan Petrov", {}, {}});
  for (int i = 0; i < 60; ++i) {
    gone.puts.push_back({.value = fmt::format("Sidorov{} Iwan", i), .source = "UN"});
  }
  ASSERT_TRUE(partition->Apply(gone).has_value());
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());

  const auto evidence = Screened::Parse(FeatureOf(decided, *pack, kCall).text());
  ASSERT_TRUE(evidence.has_value());
  EXPECT_EQ(evidence->entry, (EntryRef{record, 101}));
  EXPECT_EQ(evidence->name, 1u) << "by the alias";
  EXPECT_EQ(evidence->rarities.find('-'), std::string::npos) << evidence->rarities;
  const auto explained = Explain(partition->log(), partition->tree(), *pack, decided.seq());
  ASSERT_TRUE(explained.has_value()) << explained.error().ToString();
  ASSERT_EQ(explained->met.size(), 1u);
  const Explanation::Met& met = explained->met[0];
  EXPECT_EQ(met.lookup, kCall);
  EXPECT_EQ(met.entry.reason, "tanks");
  EXPECT_EQ(met.by, "ops");
  ASSERT_TRUE(met.screened && met.screened->hit);
  EXPECT_EQ(met.screened->name, "Ivan SIDOROW");
  EXPECT_EQ(met.screened->percent, evidence->percent);
  EXPECT_EQ(met.screened->hit->name, "Ivan Sidorov");
  ASSERT_EQ(met.screened->hit->matches.size(), 2u);
  EXPECT_EQ(met.screened->hit->matches[0].way, MatchWay::kExact);
  EXPECT_EQ(met.screened->hit->matches[1].way, MatchWay::kEdit);
  EXPECT_EQ(explained->semantics, "fuqi-sql-1+screening-" + ScreeningVersion());
  partition.reset();

  const auto report = Reperform(disk, "/n", TestBinder());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();
  EXPECT_TRUE(report->holds());
  EXPECT_EQ(report->decisions, 1u);
  const auto one = ReperformOne(disk, "/n", TestBinder(), decided.seq());
  ASSERT_TRUE(one.has_value() && one->equal());
}

TEST(ScreenedEvidence, AnotherVersionOfScreeningIsNoneOfOurs) {
  EXPECT_EQ(SemanticsOf(SmallPack()->pack()), kSemantics) << "a pack that does not screen";
  const std::string own = SemanticsOf(ScreeningPack()->pack());
  EXPECT_EQ(own, fmt::format("{}+screening-{}", kSemantics, ScreeningVersion()));
  EXPECT_EQ(OwnSemantics(own), own);
  EXPECT_EQ(OwnSemantics(kSemantics), kSemantics);
  EXPECT_EQ(OwnSemantics("fuqi-sql-1+screening-0-abc"), own);
  EXPECT_EQ(OwnSemantics("fuqi-sql-0"), kSemantics);
}

TEST(ScreenedEvidence, AStateSavedGoesOnScreeningAsTheOneThatWasSaved) {
  Screener one(ScreeningPack());
  one.Put("sanctions", {.value = "PETROV, Ivan", .source = "UN"});
  one.Put("ruled_out", {.value = "deng xiaoming", .source = "DENG, Xiaoming", .reason = "no"});
  one.Pay("Ivan Petrov");
  Bytes saved;
  one.core.Save(saved);
  Screener other(one.pack);
  ASSERT_TRUE(other.core.Restore(saved).has_value());
  other.seq = one.seq;
  EXPECT_EQ(other.core.StateDigest(), one.core.StateDigest());
  for (std::string_view name : {"Ivan Petrov", "Deng Xiaoming", "Deng Xiaomin"}) {
    EXPECT_EQ(other.Pay(name), one.Pay(name));
  }
}

class ScreenedBatch : public SourceFiles {};

TEST_F(ScreenedBatch, DiffScreensAsTheStreamDoes) {
  const auto pack =
      ScreeningPack(PackWithScreening(), {{"sources.toml", std::string(kSmallSources)}});
  constexpr std::string_view kNames[] = {
      "Deng Xiaoming",         "Teng Hsiao ming", "Chen Mei",    "",
      "Orient Pearl Shipping", "邓小明",          "Denk Xiaomin"};
  for (const bool in_order : {true, false}) {
    std::vector<Event> events = RandomPayments(4, 200);
    for (size_t i = 0; i < events.size(); ++i) {
      const std::string_view name = kNames[i % std::size(kNames)];
      events[i].columns.Set(3, name.empty() ? Datum::Null() : Datum::Text(name));
    }
    if (in_order) {
      std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
    }
    ExpectNoDifference(pack, events);
  }
}

}  // namespace
}  // namespace fuqi::decide
