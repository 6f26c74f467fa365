// What is looked up in lists, by features, rules, windows and graphs; what is refused; and that the
// stream gives what DuckDB gives by a join, with lists that change between events.

#include "decide/lookups.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/simulated_disk.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/explain.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr std::string_view kWatched =
    "value,aliases,valid_from,valid_to,source,reason\n"
    "b0,b9,2023-11-14,2023-11-20,police,fraud\n"
    "b1,,,2023-11-16,court,debt\n"
    "b1,,2023-11-15,,police,fraud again\n"
    "b2,,2023-12-01,,police,later\n";

// The small pack with a list, and what reads it.
std::string PackWithList(std::string_view old_text = "", std::string_view new_text = "") {
  std::string text = SmallPackWith("[[rule]]\nid = \"burst\"", R"toml([list.watched]
type = "VARCHAR"
file = "lists/watched.csv"
zh = "关注名单"
en = "watched accounts"

[list.cents]
type = "BIGINT"

[[rule]]
id = "listed"
when = "payee_listed"
then = "freeze"
reason = { zh = "收款方在名单中", en = "the payee is listed" }

[[rule]]
id = "listed_cents"
when = "in_list('cents', CAST(amount * 100 AS INTEGER), ts)"
then = "hold"
reason = { zh = "金额在名单中", en = "the amount is listed" }

[[rule]]
id = "burst")toml");
  text.replace(text.find("[feature]"), 9, R"toml([feature]
payee_listed = "in_list('watched', payee, ts)"
listed_before = "in_list('watched', payee, ts - INTERVAL 5 DAYS) OR payee_listed"
to_listed_1d = "count(*) FILTER (WHERE in_list('watched', payee, ts)) OVER payer_1d"
)toml");
  return old_text.empty() ? text : Replaced(std::move(text), old_text, new_text);
}

std::shared_ptr<const CompiledPack> ListPack(std::string text = PackWithList(),
                                             PackFiles more = {}) {
  more.emplace_back("lists/watched.csv", std::string(kWatched));
  return MustCompile(std::move(text), std::move(more));
}

Datum FeatureOf(const Decision& decision, const CompiledPack& pack, std::string_view name) {
  const int at = table::FindColumn(pack.feature_schema(), name);
  EXPECT_GE(at, 0) << name;
  return decision.features[at];
}

constexpr int64_t kStart2023 = 1'699'920'000'000'000;  // 2023-11-14

TEST(Lookups, AreFeaturesUnderTheirOwnText) {
  const auto pack = ListPack();
  ASSERT_EQ(pack->lookups().size(), 3u) << "a call that stands twice is one";
  const std::vector<Feature>& features = pack->pack().features;
  EXPECT_EQ(features[features.size() - 3].name, "in_list('watched', payee, ts)");
  EXPECT_EQ(features[features.size() - 1].name,
            "in_list('cents', CAST(amount * 100 AS INTEGER), ts)");
  EXPECT_EQ(features[features.size() - 3].title.zh, "关注名单");
  EXPECT_EQ(pack->feature_schema()[pack->features_by_level()[0]].type.ToString(), "VARCHAR");
  const auto lineage =
      std::ranges::find(pack->lineage(), "rule:listed", &sql::ColumnLineage::output);
  ASSERT_NE(lineage, pack->lineage().end());
  std::vector<std::string> columns;
  for (const auto& input : lineage->inputs) {
    columns.push_back(input.column);
  }
  EXPECT_EQ(columns, (std::vector<std::string>{"payee", "ts"}));
}

TEST(Lookups, AnEntryCountsWhileItIsValidAndIsNamed) {
  const auto pack = ListPack();
  Core core(pack);
  uint64_t seq = 1;
  auto entry = [&](std::string_view payee, int64_t after_us) {
    const Decision decision =
        core.Decide(Payment(fmt::format("p{}", seq), kStart2023 + after_us, "a", payee, 1), seq);
    seq += 2;
    const Datum listed = FeatureOf(decision, *pack, "payee_listed");
    const Datum met = FeatureOf(decision, *pack, "in_list('watched', payee, ts)");
    EXPECT_EQ(listed.is_true(), met.kind == Datum::Kind::kText && met.t.size > 0);
    EXPECT_EQ(decision.action == Action::kFreeze, listed.is_true());
    return met.is_null() ? "NULL" : std::string(met.text());
  };
  EXPECT_EQ(entry("b0", 0), "pack.1");
  EXPECT_EQ(entry("b9", 0), "pack.1") << "by its alias";
  EXPECT_EQ(entry("b1", kDayUs), "pack.2") << "of two that hold, the one that was put first";
  EXPECT_EQ(entry("b1", 2 * kDayUs), "pack.3");
  EXPECT_EQ(entry("b0", 6 * kDayUs - 1), "pack.1");
  EXPECT_EQ(entry("b0", 6 * kDayUs), "");
  EXPECT_EQ(entry("b2", 6 * kDayUs), "");
  EXPECT_EQ(entry("x", 6 * kDayUs), "");
  EXPECT_EQ(entry("", 6 * kDayUs), "NULL");
}

TEST(Lookups, AChangeActsOnTheNextEvent) {
  const auto pack = ListPack();
  Core core(pack);
  auto action = [&](std::string_view id, uint64_t seq) {
    return core.Decide(Payment(id, kStart2023, "a", "x", 700), seq).action;
  };
  EXPECT_EQ(action("1", 1), Action::kApprove);
  ASSERT_TRUE(core.Apply(ListChange{{}, "cents", {{.value = "700"}}, {}}, 3).has_value());
  EXPECT_EQ(action("2", 4), Action::kHold);
  ASSERT_TRUE(core.Apply(ListChange{{}, "watched", {{.value = "x"}}, {}}, 6).has_value());
  EXPECT_EQ(action("3", 7), Action::kFreeze);
  ASSERT_TRUE(core.Apply(ListChange{{}, "watched", {}, {{"x", "", kSinceEver}}}, 9).has_value());
  EXPECT_EQ(action("4", 10), Action::kHold);
}

TEST(Lookups, AreReadByWindowsAndGraphs) {
  const auto pack = ListPack(PackWithList("[list.cents]", R"toml([graph.flows]
from = "payer"
to = "payee"
to_risk = "CASE WHEN in_list('watched', payee, ts) THEN 1.0::DOUBLE END"
window = "1 day"
[graph.flows.feature]
to_listed = { measure = "hops", of = "from", side = "out", length = 3 }
[list.cents])toml"));
  Core core(pack);
  core.Decide(Payment("1", kStart2023, "a", "b0", 1), 1);
  core.Decide(Payment("2", kStart2023, "a", "x", 1), 3);
  const Decision decision = core.Decide(Payment("3", kStart2023, "a", "b0", 1), 5);
  EXPECT_EQ(static_cast<int>(FeatureOf(decision, *pack, "to_listed_1d").i), 2);
  EXPECT_EQ(static_cast<int>(FeatureOf(decision, *pack, "to_listed").i), 1);
  EXPECT_FALSE(decision.flags & kEvaluationError) << decision.error;
}

struct BadLookup {
  std::string_view call;
  ErrorCode code;
  std::string_view message;
  std::string_view at;  // where in the pack's text
};
class BadLookups : public testing::TestWithParam<BadLookup> {};

TEST_P(BadLookups, AreRefusedAtTheirPlace) {
  const auto& [call, code, message, at] = GetParam();
  const std::string text = PackWithList("payee_listed = \"in_list('watched', payee, ts)\"",
                                        fmt::format("payee_listed = \"TRUE AND {}\"", call));
  auto compiled = TryCompile(text, {{"lists/watched.csv", std::string(kWatched)}});
  ASSERT_FALSE(compiled.has_value()) << call;
  EXPECT_EQ(compiled.error().code(), code) << compiled.error().ToString();
  EXPECT_THAT(compiled.error().ToString(), testing::HasSubstr(std::string(message)));
  const size_t offset = text.find(at);
  const Where& where = *compiled.error().where();
  EXPECT_EQ(where.line, 1 + std::count(text.begin(), text.begin() + offset, '\n'));
  EXPECT_EQ(where.column, static_cast<int>(offset - text.rfind('\n', offset)));
}

INSTANTIATE_TEST_SUITE_P(
    Pack, BadLookups,
    testing::Values(BadLookup{"in_list('wached', payee, ts)", ErrorCode::kNotFound,
                              "did you mean 'watched'?", "'wached'"},
                    BadLookup{"in_list(payee, payee, ts)", ErrorCode::kInvalidArgument,
                              "a constant text", "payee, payee"},
                    BadLookup{"in_list('watched', payee)", ErrorCode::kInvalidArgument,
                              "here are 2", "in_list('watched', payee)"},
                    BadLookup{"in_list('watched', amount, ts)", ErrorCode::kTypeMismatch,
                              "list 'watched' holds values of VARCHAR; this one is DECIMAL(18,2)",
                              "amount, ts)"},
                    BadLookup{"in_list('cents', payee, ts)", ErrorCode::kTypeMismatch,
                              "list 'cents' holds values of BIGINT; this one is VARCHAR",
                              "payee, ts)\"\nlisted"},
                    BadLookup{"in_list('watched', payee, CAST(ts AS DATE))",
                              ErrorCode::kTypeMismatch, "this one is DATE", "CAST(ts AS DATE)"},
                    BadLookup{"in_list('watched', previous, ts)", ErrorCode::kUnsupported,
                              "'previous' is a feature", "previous, ts)"},
                    BadLookup{"in_list('watched', paye, ts)", ErrorCode::kNotFound, "paye",
                              "paye, ts"},
                    BadLookup{"in_list('watched', count(*) OVER payer_1d, ts)",
                              ErrorCode::kNotFound, "payer_1d", "payer_1d, ts)"}));

TEST(Lookups, AValueThatCannotBeEvaluatedIsNamedAndNull) {
  const auto pack =
      ListPack(PackWithList("CAST(amount * 100 AS INTEGER)", "CAST(payee AS BIGINT)"));
  Core core(pack);
  const Decision decision = core.Decide(Payment("1", kStart2023, "a", "x", 1), 1);
  EXPECT_EQ(decision.flags, uint32_t{kEvaluationError});
  EXPECT_THAT(decision.error, testing::StartsWith("in_list('cents', CAST(payee AS BIGINT), ts): "));
}

// ---- evidence

TEST(LookupEvidence, TellsWhoListedItWhyAndWhoEnteredIt) {
  SimulatedDisk disk(3);
  ManualClock clock(kStartUs);
  const auto pack = ListPack();
  auto partition = *Partition::Open(disk, clock, "/n", pack, {});
  ListChange change{{"ops", 77, "k"}, "watched", {{.value = "x", .source = "hotline"}}, {}};
  change.puts.push_back({"y", {"z"}, kSinceEver, kForEver, "court", "debt"});
  const uint64_t record = partition->Apply(change)->seq;
  const uint64_t by_change =
      partition->Decide(Payment("1", kStart2023, "a", "z", 1))->decision.seq();
  const uint64_t by_file =
      partition->Decide(Payment("2", kStart2023, "a", "b9", 1))->decision.seq();
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());

  auto met = [&](uint64_t seq) {
    auto explained = Explain(partition->log(), partition->tree(), *pack, seq);
    EXPECT_TRUE(explained.has_value()) << explained.error().ToString();
    EXPECT_FALSE(explained->met.empty());
    return explained->met[0];
  };
  const Explanation::Met changed = met(by_change);
  EXPECT_EQ(changed.lookup, "in_list('watched', payee, ts)");
  EXPECT_EQ(changed.list, "watched");
  EXPECT_EQ(changed.ref, (EntryRef{record, 2}));
  EXPECT_EQ(changed.entry, change.puts[1]);
  EXPECT_EQ(changed.by, "ops");
  EXPECT_EQ(changed.made_us, 77);
  const Explanation::Met own = met(by_file);
  EXPECT_EQ(own.ref, (EntryRef{0, 1}));
  EXPECT_EQ(own.entry.reason, "fraud");
  EXPECT_EQ(own.by, "");
  partition.reset();

  const auto report = Reperform(disk, "/n", TestBinder());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();
  EXPECT_TRUE(report->holds());
  EXPECT_EQ(report->decisions, 2u);
  const auto one = ReperformOne(disk, "/n", TestBinder(), by_change);
  ASSERT_TRUE(one.has_value() && one->equal()) << "its own record is enough";
  EXPECT_EQ(one->computed.action, Action::kFreeze);
}

// ---- against DuckDB

// A random list: values that events have, overlapping validity, aliases.
ListEntry RandomEntry(SeededRandom& random, int64_t around_us) {
  ListEntry entry;
  entry.value = fmt::format("b{}", random.Below(5));
  entry.source = fmt::format("s{}", random.Below(3));
  if (random.Chance(0.3)) {
    entry.aliases.push_back(fmt::format("a{}", random.Below(4)));
  }
  if (random.Chance(0.7)) {
    entry.valid_from_us = around_us + random.Between(-3, 3) * kDayUs;
  }
  if (random.Chance(0.7)) {
    entry.valid_to_us =
        std::max(entry.valid_from_us, around_us - 3 * kDayUs) + random.Between(1, 4 * kDayUs);
  }
  return entry;
}

class LookupsBatch : public SourceFiles {};

// Changes come between events; each is noted by the number of the first event that saw it.
TEST_F(LookupsBatch, StreamGivesWhatAJoinByValidityAndArrivalGives) {
  uint64_t met = 0;
  uint64_t missed = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    std::string csv = "value,aliases,valid_from,valid_to,source\n";
    std::set<ListEntryId> ids;
    auto time = [](int64_t us, int64_t open) {
      return us == open ? "" : table::ToText(Datum::Int(us), {table::TypeId::kTimestamp});
    };
    for (int i = 0; i < 6; ++i) {
      const ListEntry entry = RandomEntry(random, kStartUs);
      if (ids.insert(entry.id()).second) {
        csv += fmt::format(
            "{},{},{},{},{}\n", entry.value, entry.aliases.empty() ? "" : entry.aliases[0],
            time(entry.valid_from_us, kSinceEver), time(entry.valid_to_us, kForEver), entry.source);
      }
    }
    const auto pack = MustCompile(
        PackWithList(), {{"lists/watched.csv", csv}, {"sources.toml", std::string(kSmallSources)}});
    std::vector<Event> events = RandomPayments(seed, 120);
    std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });

    Core core(pack);
    std::vector<BatchEntry> entries;
    for (size_t i = 0; i < pack->pack().lists[0].entries.size(); ++i) {
      entries.push_back({.entry = pack->pack().lists[0].entries[i], .ref = {0, i + 1}});
    }
    auto end = [&](const ListEntryId& id, int64_t number) {
      for (BatchEntry& each : entries) {
        each.until = each.entry.id() == id ? std::min(each.until, number) : each.until;
      }
    };
    std::vector<Decision> decisions;
    uint64_t seq = 1;
    for (size_t i = 0; i < events.size(); ++i) {
      const auto number = static_cast<int64_t>(i + 1);
      if (random.Chance(0.2)) {
        ListChange change{{}, "watched", {}, {}};
        const auto now = static_cast<int64_t>(events[i].columns[1].i);
        change.puts.push_back(RandomEntry(random, now));
        if (random.Chance(0.5) && !entries.empty()) {
          const ListEntryId id = entries[random.Below(entries.size())].entry.id();
          change.removals.push_back({id.value, id.source, id.valid_from_us});
        }
        if (core.Apply(change, seq)) {
          for (const ListRemoval& gone : change.removals) {
            end({gone.value, *gone.source, *gone.valid_from_us}, number);
          }
          end(change.puts[0].id(), number);
          entries.push_back({.entry = change.puts[0], .ref = {seq, 1}, .since = number});
          ++seq;
        }
      }
      decisions.push_back(core.Decide(events[i], seq));
      seq += 2;
    }

    Result<SourcePlan> plan = OpenSource(access_, *pack, "bank", Write("a.csv", Csv(events)));
    ASSERT_TRUE(plan.has_value());
    auto sql = pack->BatchSql(plan->sql, sql::Arrivals::kInOrder);
    ASSERT_TRUE(sql.has_value());
    std::vector<table::Relation> given;
    given.push_back(ListTable(pack->pack().lists[0], entries));
    given.push_back(ListTable(pack->pack().lists[1], {}));
    auto rows = RunPlan(access_, *pack, *plan, *sql, std::move(given));
    ASSERT_TRUE(rows.has_value()) << rows.error().ToString();
    for (size_t i = 0; i < events.size(); ++i) {
      auto row = rows->Next();
      ASSERT_TRUE(row.has_value() && row->has_value()) << row.error().ToString();
      for (size_t f = 0; f < pack->feature_schema().size(); ++f) {
        const Datum& streamed = decisions[i].features[f];
        const Datum& batched = (**row)[1 + f];
        const std::string& name = pack->feature_schema()[f].name;
        if (name.starts_with("in_list('w") || name.find("listed") != std::string::npos) {
          ASSERT_TRUE(table::Identical(streamed, batched))
              << "seed " << seed << ", event " << i << ", " << name << ": "
              << table::ToText(batched, pack->feature_schema()[f].type) << " in batch, "
              << table::ToText(streamed, pack->feature_schema()[f].type) << " streamed";
        }
      }
      const Datum listed = FeatureOf(decisions[i], *pack, "payee_listed");
      met += listed.is_true();
      missed += !listed.is_null() && !listed.is_true();
    }
  }
  fmt::print("20 lists, {} payees met, {} not\n", met, missed);
  EXPECT_GT(met, 200u);
  EXPECT_GT(missed, 200u);
}

TEST_F(LookupsBatch, DiffReadsThePacksOwnEntries) {
  const auto pack = ListPack(PackWithList(), {{"sources.toml", std::string(kSmallSources)}});
  for (const bool in_order : {true, false}) {
    std::vector<Event> events = RandomPayments(4, 200);
    if (in_order) {
      std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
    }
    ExpectNoDifference(pack, events);
  }
}

}  // namespace
}  // namespace fuqi::decide
