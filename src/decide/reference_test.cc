// References: what a file may hold, what is found when, how features read it, and that the stream
// gives what DuckDB gives by a join as of the time, with rows that are put between events.

#include "decide/reference.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/simulated_disk.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/lookups.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

// The small pack with a reference, and what reads it.
std::string PackWithReference(std::string_view old_text = "", std::string_view new_text = "") {
  std::string text = SmallPackWith("[window]", R"toml([table.limit]
kind = "reference"
key = ["payer", "payee"]
time = "since"
file = "references/limit.csv"
zh = "限额"
en = "limits"

[table.limit.column]
payer = { type = "VARCHAR", class = "客户-账户-编号" }
payee = { type = "VARCHAR", class = "客户-账户-编号" }
since = { type = "TIMESTAMP", class = "参考-时间-生效" }
most = { type = "DECIMAL(18,2)", class = "参考-限额-金额" }
grade = { type = "VARCHAR", class = "参考-限额-等级" }

[window])toml");
  text.replace(text.find("[feature]"), 9, R"toml([feature]
most = "lookup('limit', 'most', payer, payee, ts)"
grade = "lookup('limit', 'grade', payer, payee, ts)"
most_yesterday = "lookup('limit', 'most', payer, payee, ts - INTERVAL 1 DAY)"
over_1d = "count(*) FILTER (WHERE amount > lookup('limit', 'most', payer, payee, ts)) OVER payer_1d"
)toml");
  if (!old_text.empty()) {
    const size_t at = text.find(old_text);
    EXPECT_NE(at, std::string::npos) << old_text;
    text.replace(at, old_text.size(), new_text);
  }
  return text + R"toml(
[[rule]]
id = "over_limit"
when = "amount > lookup('limit', 'most', payer, payee, ts)"
then = "hold"
reason = { zh = "超过限额", en = "above the limit" }
)toml";
}

constexpr std::string_view kLimits =
    "since,payer,payee,most,grade\n"
    "2023-11-14,a,x,500.00,low\n"
    "2023-11-16 12:00:00,a,x,5.00,\n"
    "2023-11-18,a,x,,none\n";

std::shared_ptr<const CompiledPack> LimitPack(PackFiles more = {}) {
  more.emplace_back("references/limit.csv", std::string(kLimits));
  return MustCompile(PackWithReference(), std::move(more));
}

constexpr int64_t kStart2023 = 1'699'920'000'000'000;  // 2023-11-14

std::string FeatureText(const Decision& decision, const CompiledPack& pack, std::string_view name) {
  const int at = table::FindColumn(pack.feature_schema(), name);
  return table::ToText(decision.features[at], pack.feature_schema()[at].type);
}

TEST(Reference, GivesTheRowThatHoldsAtTheTime) {
  const auto pack = LimitPack();
  Core core(pack);
  uint64_t seq = 1;
  auto decide = [&](std::string_view payee, int64_t after_us, int64_t cents = 100) {
    seq += 2;
    return core.Decide(Payment(fmt::format("p{}", seq), kStart2023 + after_us, "a", payee, cents),
                       seq);
  };
  EXPECT_EQ(FeatureText(decide("x", 0), *pack, "most"), "500.00");
  EXPECT_EQ(FeatureText(decide("x", 0), *pack, "grade"), "low");
  EXPECT_EQ(FeatureText(decide("x", 0), *pack, "most_yesterday"), "NULL") << "before the first";
  EXPECT_EQ(FeatureText(decide("y", 0), *pack, "most"), "NULL") << "no such key";
  EXPECT_EQ(FeatureText(decide("", 0), *pack, "most"), "NULL") << "a key that is NULL";
  EXPECT_EQ(FeatureText(decide("x", 60 * kHourUs - 1), *pack, "most"), "500.00");
  const Decision held = decide("x", 60 * kHourUs, 501);
  EXPECT_EQ(FeatureText(held, *pack, "most"), "5.00");
  EXPECT_EQ(FeatureText(held, *pack, "grade"), "NULL") << "as the row has it";
  EXPECT_EQ(held.action, Action::kHold);
  EXPECT_EQ(FeatureText(held, *pack, "over_1d"), "1");
  EXPECT_EQ(FeatureText(decide("x", 4 * kDayUs), *pack, "most"), "NULL");
  EXPECT_EQ(FeatureText(decide("x", 4 * kDayUs), *pack, "most_yesterday"), "5.00");
}

ReferenceChange Put(const CompiledPack& pack, std::vector<std::string> values) {
  ReferenceChange change{{}, "limit", pack.pack().references[0].schema, {}};
  table::Row& row = change.rows.emplace_back();
  for (size_t i = 0; i < values.size(); ++i) {
    row.Append(values[i].empty() ? Datum::Null()
                                 : *table::ParseText(values[i], change.schema[i].type));
  }
  return change;
}

TEST(Reference, ARowThatIsPutActsOnTheNextEventAndReplacesTheOneOfItsTime) {
  SimulatedDisk disk(3);
  ManualClock clock(kStartUs);
  const auto pack = LimitPack();
  auto partition = *Partition::Open(disk, clock, "/n", pack, {});
  auto most = [&](std::string_view id) {
    return FeatureText(partition->Decide(Payment(id, kStart2023, "a", "x", 1))->decision, *pack,
                       "most");
  };
  EXPECT_EQ(most("1"), "500.00");
  ASSERT_TRUE(partition->Apply(Put(*pack, {"a", "x", "2023-11-14 00:00:00", "7.00", "new"})));
  EXPECT_EQ(most("2"), "7.00");
  EXPECT_EQ(partition->core().committed().FindReference("limit")->size(), 3u);
  ReferenceChange change = Put(*pack, {"a", "x", "2023-11-14 00:00:00", "", ""});
  change.rows.push_back(change.rows[0]);
  EXPECT_EQ(partition->Apply(change).error().code(), ErrorCode::kAlreadyExists);
  change = Put(*pack, {"", "x", "2023-11-14 00:00:00", "", ""});
  change.schema[0].nullable = true;
  EXPECT_EQ(partition->Apply(change).error().code(), ErrorCode::kConflict);
  change = Put(*pack, {"a", "x", "2023-11-14 00:00:00", "", ""});
  change.reference = "limits";
  EXPECT_EQ(partition->Apply(change).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()));
  const Digest state = partition->core().StateDigest();
  ASSERT_TRUE(partition->Snapshot());
  for (const bool by_snapshot : {true, false}) {
    partition.reset();
    if (!by_snapshot) {
      for (const std::string& name : *disk.List("/n/snapshots")) {
        ASSERT_TRUE(disk.Remove("/n/snapshots/" + name));
      }
    }
    partition = *Partition::Open(disk, clock, "/n", pack, {});
    EXPECT_EQ(partition->core().StateDigest(), state);
  }
  partition.reset();
  const auto report = Reperform(disk, "/n", TestBinder());
  ASSERT_TRUE(report.has_value()) << report.error().ToString();
  EXPECT_TRUE(report->holds());
}

TEST(Reference, HoldsNoMoreRowsAndBytesThanItMay) {
  // 32 bytes for each of five values, and the texts: the file's rows are of 165, 162 and 166.
  constexpr int kFileBytes = 165 + 162 + 166;
  const auto fault_of = [](const std::string& bounds) {
    const auto compiled = TryCompile(PackWithReference("zh = \"限额\"", bounds + "\nzh = \"限额\""),
                                     {{"references/limit.csv", std::string(kLimits)}});
    return compiled ? std::string() : compiled.error().ToString();
  };
  EXPECT_EQ(fault_of(fmt::format("bytes_max = {}", kFileBytes)), "");
  EXPECT_THAT(fault_of(fmt::format("bytes_max = {}", kFileBytes - 1)),
              testing::HasSubstr("references/limit.csv:4: table 'limit' would have 3 rows of 493 "
                                 "bytes; the pack allows 100000 of 492"));
  EXPECT_EQ(fault_of("rows_max = 3"), "");
  EXPECT_THAT(fault_of("rows_max = 2"), testing::HasSubstr("references/limit.csv:4"));

  const auto pack =
      MustCompile(PackWithReference("zh = \"限额\"",
                                    fmt::format("bytes_max = {}\nzh = \"限额\"", kFileBytes + 164)),
                  {{"references/limit.csv", std::string(kLimits)}});
  Committed committed(pack->pack());
  const ReferenceChange fits = Put(*pack, {"b", "x", "2023-11-14 00:00:00", "7.00", "ab"});
  const ReferenceChange beyond = Put(*pack, {"b", "x", "2023-11-14 00:00:00", "7.00", "abc"});
  EXPECT_EQ(committed.Validate(beyond).error().code(), ErrorCode::kOutOfRange);
  ASSERT_TRUE(committed.Validate(fits).has_value());
  ASSERT_TRUE(committed.Apply(fits, 17).has_value());
  EXPECT_TRUE(committed.Validate(fits).has_value()) << "in the place of itself";
  EXPECT_EQ(committed.Validate(beyond).error().code(), ErrorCode::kOutOfRange);
  // Of a row that is replaced nothing counts any more, and a restored table counts the same.
  ASSERT_TRUE(committed.Apply(Put(*pack, {"a", "x", "2023-11-14 00:00:00", "7.00", "lo"}), 21));
  Bytes saved;
  ByteWriter writer(saved);
  committed.Save(writer);
  Committed restored(pack->pack());
  ByteReader reader(saved);
  ASSERT_TRUE(restored.Restore(reader) && reader.at_end());
  for (const Committed* each : {&committed, &restored}) {
    EXPECT_TRUE(each->Validate(beyond).has_value());
    EXPECT_EQ(each->Validate(Put(*pack, {"b", "x", "2023-11-14 00:00:00", "7.00", "abcd"}))
                  .error()
                  .code(),
              ErrorCode::kOutOfRange);
  }
  // As history is folded by a version with a lower bound.
  const ReferenceChange early = Put(*pack, {"b", "x", "2023-11-14 00:00:00", "7.00", "abcd"});
  ASSERT_TRUE(committed.Apply(early, 23).has_value());
  EXPECT_EQ(committed.Validate(early).error().code(), ErrorCode::kOutOfRange) << "no more of it";
}

TEST(Reference, ATextIsUtf8WithoutNulAndOfBoundedLength) {
  const auto pack = LimitPack();
  Committed committed(pack->pack());
  const auto refusal = [&](std::string text) {
    ReferenceChange change = Put(*pack, {"a", "x", "2023-11-14 00:00:00", "", ""});
    change.rows[0].Set(4, Datum::Text(text));
    const auto valid = committed.Validate(change);
    return valid ? std::string() : valid.error().ToString();
  };
  EXPECT_EQ(refusal(std::string(1'000, 'g')), "");
  EXPECT_THAT(refusal(std::string(1'001, 'g')), testing::HasSubstr("grade: 1001 bytes"));
  EXPECT_THAT(refusal({"a\0b", 3}), testing::HasSubstr("grade: the text is not UTF-8"));
  EXPECT_THAT(refusal("\xff"), testing::HasSubstr("grade: the text is not UTF-8"));
}

TEST(Reference, KeepsTheClassOfEachColumn) {
  const auto pack = LimitPack();
  EXPECT_EQ(pack->pack().references[0].class_paths,
            (std::vector<std::string>{"客户-账户-编号", "客户-账户-编号", "参考-时间-生效",
                                      "参考-限额-金额", "参考-限额-等级"}));
}

TEST(Reference, ChangeGoesBothWaysAsARecord) {
  const ReferenceChange change = Put(*LimitPack(), {"a", "x", "2023-11-14 00:00:00", "7.00", ""});
  EncodedRecord encoded;
  EncodeChange(change, encoded);
  auto read = DecodeChange(encoded.As(ledger::RecordType::kReferenceChange));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  const auto& same = std::get<ReferenceChange>(*read);
  EXPECT_EQ(same.reference, "limit");
  EXPECT_EQ(same.schema, change.schema);
  ASSERT_EQ(same.rows.size(), 1u);
  EXPECT_EQ(ContentOf(*read), ContentOf(change));
  for (size_t cut = 0; cut < encoded.payload.size(); ++cut) {
    ledger::Record shorter = encoded.As(ledger::RecordType::kReferenceChange);
    shorter.payload = shorter.payload.first(cut);
    EXPECT_EQ(DecodeChange(shorter).error().code(), ErrorCode::kParse) << cut;
  }
}

TEST(Reference, NamesWhatIsWrong) {
  auto fault = [](std::string text, std::string_view csv = kLimits) {
    auto compiled = TryCompile(std::move(text), {{"references/limit.csv", std::string(csv)}});
    EXPECT_FALSE(compiled.has_value());
    return compiled ? std::string() : compiled.error().ToString();
  };
  using testing::HasSubstr;
  EXPECT_THAT(fault(PackWithReference("'most', payer, payee, ts)\"\ngrade",
                                      "'mots', payer, payee, ts)\"\ngrade")),
              HasSubstr("no value 'mots'; did you mean 'most'?"));
  EXPECT_THAT(fault(PackWithReference("lookup('limit', 'most', payer, payee, ts)\"\ngrade",
                                      "lookup('limt', 'most', payer, payee, ts)\"\ngrade")),
              HasSubstr("no reference 'limt'; did you mean 'limit'?"));
  EXPECT_THAT(fault(PackWithReference("payer, payee, ts)\"\ngrade", "payer, ts)\"\ngrade")),
              HasSubstr("known by 2 keys and the time; here are 2 arguments"));
  EXPECT_THAT(fault(PackWithReference("payer, payee, ts)\"\ngrade", "amount, payee, ts)\"\ngrade")),
              HasSubstr("known by a VARCHAR here; this one is DECIMAL(18,2)"));
  EXPECT_THAT(fault(PackWithReference("key = [\"payer\", \"payee\"]", "key = [\"payer\", \"x\"]")),
              HasSubstr("table 'limit' has no column 'x'"));
  EXPECT_THAT(fault(PackWithReference("time = \"since\"", "time = \"grade\"")),
              HasSubstr("the time is a TIMESTAMP"));
  EXPECT_THAT(fault(PackWithReference("class = \"参考-限额-金额\"", "class = \"\"")),
              HasSubstr("table.limit.column.most.class"));
  std::string many;
  for (size_t i = 0; i <= kPackColumnsMax - 5; ++i) {
    many += fmt::format("c{} = {{ type = \"INTEGER\", class = \"参考-限额-金额\" }}\n", i);
  }
  EXPECT_THAT(fault(PackWithReference("most = { type", many + "most = { type")),
              HasSubstr("501 columns; a table may have 500"));
  EXPECT_THAT(fault(PackWithReference(), "since,payer,payee,most\n"),
              HasSubstr("references/limit.csv:1: the header must name"));
  EXPECT_THAT(fault(PackWithReference(), "since,payer,payee,most,grade\n2023-11-14,a,x,1.001,\n"),
              HasSubstr("references/limit.csv:2: most: the value is none of DECIMAL(18,2)"));
  EXPECT_THAT(fault(PackWithReference(), "since,payer,payee,most,grade\n2023-11-14,,x,1,\n"),
              HasSubstr("references/limit.csv:2: payer: a value is missing"));
  EXPECT_THAT(fault(PackWithReference(),
                    "since,payer,payee,most,grade\n2023-11-14,a,x,1,\n2023-11-14,a,x,2,\n"),
              HasSubstr("references/limit.csv:3: a second row of this key and time"));
  EXPECT_THAT(fault(PackWithReference("file = \"references/limit.csv\"\n", "")),
              HasSubstr("no reference of the pack names this file"));
  EXPECT_THAT(fault(PackWithReference("kind = \"reference\"", "kind = \"event\"")),
              HasSubstr("table.limit.key: the value is of type array"));
}

class ReferenceBatch : public SourceFiles {};

TEST_F(ReferenceBatch, StreamGivesWhatAJoinAsOfTheTimeGives) {
  uint64_t found = 0;
  for (uint64_t seed = 0; seed < 15; ++seed) {
    SeededRandom random(seed);
    const auto pack = MustCompile(PackWithReference(),
                                  {{"references/limit.csv", "since,payer,payee,most,grade\n"},
                                   {"sources.toml", std::string(kSmallSources)}});
    const Reference& reference = pack->pack().references[0];
    std::vector<Event> events = RandomPayments(seed, 120);
    std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
    Core core(pack);
    std::vector<BatchRow> rows;
    std::vector<Decision> decisions;
    uint64_t seq = 1;
    for (size_t i = 0; i < events.size(); ++i) {
      const auto number = static_cast<int64_t>(i + 1);
      if (random.Chance(0.5)) {
        const int64_t since =
            static_cast<int64_t>(events[i].columns[1].i) + random.Between(-3, 1) * (kDayUs / 2);
        const ReferenceChange change = Put(
            *pack, {fmt::format("a{}", random.Below(3)), fmt::format("b{}", random.Below(3)),
                    table::ToText(Datum::Int(since - since % kDayUs), {table::TypeId::kTimestamp}),
                    random.Chance(0.2) ? "" : fmt::format("{}.00", random.Below(1000)),
                    random.Chance(0.3) ? "" : "g"});
        ASSERT_TRUE(core.Apply(change, seq++).has_value());
        for (BatchRow& row : rows) {
          bool same = row.until == INT64_MAX;
          for (size_t k = 0; k <= reference.keys; ++k) {
            same = same && table::Identical(row.row[k], change.rows[0][k]);
          }
          row.until = same ? number : row.until;
        }
        rows.push_back({.row = change.rows[0], .since = number});
      }
      decisions.push_back(core.Decide(events[i], seq));
      seq += 2;
    }
    Result<SourcePlan> plan = OpenSource(access_, *pack, "bank", Write("a.csv", Csv(events)));
    ASSERT_TRUE(plan.has_value());
    auto sql = pack->BatchSql(plan->sql, sql::Arrivals::kInOrder);
    ASSERT_TRUE(sql.has_value());
    std::vector<table::Relation> given;
    given.push_back(ReferenceTable(reference, rows));
    auto batch = RunPlan(access_, *pack, *plan, *sql, std::move(given));
    ASSERT_TRUE(batch.has_value()) << batch.error().ToString();
    for (size_t i = 0; i < events.size(); ++i) {
      auto row = batch->Next();
      ASSERT_TRUE(row.has_value() && row->has_value()) << row.error().ToString();
      for (size_t f = 0; f < pack->feature_schema().size(); ++f) {
        ASSERT_TRUE(table::Identical(decisions[i].features[f], (**row)[1 + f]))
            << "seed " << seed << ", event " << i << ", " << pack->feature_schema()[f].name;
      }
      found += FeatureText(decisions[i], *pack, "most") != "NULL";
    }
  }
  fmt::print("{} limits found\n", found);
  EXPECT_GT(found, 200u);
}

TEST_F(ReferenceBatch, DiffReadsThePacksOwnRows) {
  const auto pack = MustCompile(
      PackWithReference(),
      {{"references/limit.csv", "since,payer,payee,most,grade\n2020-01-01,a1,b1,300.00,x\n"},
       {"sources.toml", std::string(kSmallSources)}});
  ExpectNoDifference(pack, RandomPayments(4, 200));
}

}  // namespace
}  // namespace fuqi::decide
