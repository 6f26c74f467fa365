// The two executors against each other: DuckDB in batch, and programs over windows one event at a
// time, on every listed construct and on random histories in and out of order.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "sql/executors_for_test.h"

namespace fuqi::sql {
namespace {

std::vector<Fragment> ExampleWindows() {
  return {{"w", std::string(kExampleWindow), nullptr},
          {"w7",
           "PARTITION BY payee, n % 2 ORDER BY ts RANGE BETWEEN INTERVAL '7 days' PRECEDING "
           "AND CURRENT ROW",
           nullptr},
          {"since", "PARTITION BY payer, date_trunc('month', ts) ORDER BY ts", nullptr},
          {"everyone", "ORDER BY ts RANGE INTERVAL 36 HOURS PRECEDING", nullptr},
          {"three", "PARTITION BY payer ORDER BY ts ROWS 2 PRECEDING", nullptr},
          {"yesterday",
           "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 2 DAYS PRECEDING AND INTERVAL 1 "
           "DAY PRECEDING",
           nullptr},
          {"month", "PARTITION BY payer ORDER BY ts RANGE INTERVAL 1 MONTH PRECEDING", nullptr},
          {"beijing_day",
           "PARTITION BY payer, date_trunc('day', ts AT TIME ZONE 'UTC' AT TIME ZONE "
           "'Asia/Shanghai') ORDER BY ts",
           nullptr}};
}

TEST(Executors, BothRunEveryListedConstructAlike) {
  std::vector<Fragment> items;
  std::vector<Agreement> agreements;
  for (const Construct& construct : Constructs()) {
    agreements.push_back(construct.agreement);
    items.push_back({fmt::format("{} #{}", construct.example, items.size()),
                     std::string(construct.example), nullptr});
  }
  const Features features = Compile({items}, ExampleWindows());
  SeededRandom random(7);
  const std::vector<Row> events = MakeEvents(random, 300, /*in_order=*/true);
  auto stream = RunAsStream(features, events);
  ASSERT_TRUE(stream) << stream.error().ToString();
  auto sql = SqlOf(features, "SELECT * FROM events", Arrivals::kInOrder);
  ASSERT_TRUE(sql) << sql.error().ToString();
  auto batch = RunOnDuckDb(*sql, events);
  ASSERT_TRUE(batch) << batch.error().ToString() << "\n" << *sql;
  ExpectAgreement(features, *batch, *stream, agreements);
}

TEST(Executors, TheListNamesJustTheFunctionsThatProgramsRun) {
  std::set<std::string> listed;
  for (const Construct& construct : Constructs()) {
    if (construct.kind == Construct::Kind::kOperator ||
        construct.kind == Construct::Kind::kFunction) {
      listed.insert(std::string(construct.name));
    }
  }
  std::set<std::string> run;
  for (const Function& function : Functions()) {
    run.insert(CanonicalName(function.name));
  }
  EXPECT_EQ(listed, run);
}

// Two levels of features over windows of every kind of frame and partition.
Features SomeFeatures() {
  const auto fragment = [](const char* name, const char* text) {
    return Fragment{name, text, nullptr};
  };
  return Compile(
      {{fragment("in_count", "count(*) OVER w"),
        fragment("in_sum", "sum(amount) FILTER (WHERE amount > 100) OVER w -- large ones\n"),
        fragment("payees", "count(DISTINCT payee) OVER w"),
        fragment("share", "sum(rate) OVER w / greatest(count(rate) OVER w, 1)"),
        fragment("previous", "date_diff('second', lag(ts) OVER since, ts)"),
        fragment("second_last", "lag(payee, 2, 'none') OVER w7"),
        fragment("first_seen", "first(payee) OVER since"),
        fragment("latest", "last(amount) OVER w7"),
        fragment("mixed", "count(*) OVER w7 * 1000 + count(*) OVER everyone"),
        fragment("last_three", "sum(amount) OVER three"),
        fragment("before", "max(amount) OVER yesterday"),
        fragment("best", "arg_max(payee, amount) OVER month"),
        fragment("names", "string_agg(DISTINCT payee, '|' ORDER BY payee) OVER month"),
        fragment("high", "quantile_disc(amount, 0.9) OVER month"),
        fragment("spread", "stddev_samp(amount) OVER w7"),
        fragment("local_day",
                 "count(*) OVER beijing_day + date_part('hour', ts AT TIME ZONE 'UTC' AT TIME ZONE "
                 "'Asia/Shanghai')"),
        fragment("month_before", "ts - INTERVAL 1 MONTH"),
        fragment("thirty_before", "ts - INTERVAL 30 DAYS"), fragment("plain", "amount * 2 + n")},
       {fragment("peak", "max(in_count) OVER w7"),
        fragment("mean_sum", "avg(in_sum) OVER everyone"),
        fragment("flag", "in_count > 3 AND payees > 1"),
        fragment("gap", "previous - lag(previous) OVER w")}},
      ExampleWindows());
}

constexpr uint64_t kSeeds = 30;

TEST(Executors, AgreeOnHistoriesInOrder) {
  const Features features = SomeFeatures();
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const std::vector<Row> events = MakeEvents(random, random.Below(120), /*in_order=*/true);
    auto stream = RunAsStream(features, events);
    ASSERT_TRUE(stream) << stream.error().ToString();
    for (Arrivals arrivals : {Arrivals::kInOrder, Arrivals::kAnyOrder}) {
      auto batch = RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", arrivals), events);
      ASSERT_TRUE(batch) << batch.error().ToString();
      ExpectAgreement(features, *batch, *stream);
    }
  }
}

TEST(Executors, AgreeOnHistoriesThatArriveInAnyOrder) {
  const Features features = SomeFeatures();
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const std::vector<Row> events = MakeEvents(random, random.Below(120), /*in_order=*/false);
    auto stream = RunAsStream(features, events);
    ASSERT_TRUE(stream) << stream.error().ToString();
    auto batch = RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", Arrivals::kAnyOrder), events);
    ASSERT_TRUE(batch) << batch.error().ToString();
    ExpectAgreement(features, *batch, *stream);
  }
}

// In a SELECT of their own DuckDB takes the two for one (seen in 1.4.4): 2024-03-01 less a month is
// the 1st of February, less 30 days the 31st of January.
TEST(Batch, KeepsApartConstantsThatDuckDbWouldTakeForOne) {
  const Features features = SomeFeatures();
  Row row(ExampleSchema().size());
  row.Set(0, Datum::Int(0));
  row.Set(4, Datum::Int(kStartUs + 60 * kDayUs));
  std::vector<Row> events;
  events.push_back(row);
  auto batch =
      RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", Arrivals::kInOrder), std::move(events));
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_EQ(table::ToText((*batch)[0][16], features.outputs[16].type), "2024-02-01 00:00:00");
  EXPECT_EQ(table::ToText((*batch)[0][17], features.outputs[17].type), "2024-01-31 00:00:00");
}

TEST(Batch, NamesAnItemThatIsNotFinite) {
  const Features features =
      Compile({{{"too_much", "exp(rate * 1000)", nullptr}}}, ExampleWindows());
  for (Arrivals arrivals : {Arrivals::kInOrder, Arrivals::kAnyOrder}) {
    Row row(ExampleSchema().size());
    row.Set(0, Datum::Int(0));
    row.Set(4, Datum::Int(kStartUs));
    std::vector<Row> events = {row, row};
    EXPECT_TRUE(RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", arrivals), events));
    events[1].Set(7, Datum::Double(9.0));
    auto batch = RunOnDuckDb(*SqlOf(features, "SELECT * FROM events", arrivals), events);
    ASSERT_FALSE(batch);
    EXPECT_NE(batch.error().message().find("too_much is not a finite number for event 2"),
              std::string::npos)
        << batch.error().message();
    EXPECT_FALSE(RunAsStream(features, events));
  }
}

TEST(Batch, TakesTheRowsOfAFileInTheirOrder) {
  constexpr int kRows = 200'000;
  const auto path = std::filesystem::temp_directory_path() / "fuqi_batch_order_test.csv";
  {
    std::ofstream file(path);
    file << "id\n";
    for (int i = 0; i < kRows; ++i) {
      file << (i * 7919LL) % kRows << "\n";
    }
  }
  const Features features = Compile({{{"seen", "count(*) OVER everyone", nullptr}}},
                                    {{"everyone", "ORDER BY ts", nullptr}});
  const std::string source = fmt::format(
      "SELECT id AS txn_id, NULL::VARCHAR AS payer, NULL::VARCHAR AS payee, NULL::DECIMAL(18,2) AS "
      "amount, TIMESTAMP '2024-01-01' AS ts, NULL::DATE AS day, id::INTEGER AS n, NULL::DOUBLE AS "
      "rate, NULL::BOOLEAN AS night FROM read_csv({}, columns = {{'id': 'BIGINT'}})",
      table::QuoteText(path.string()));
  Batch batch{.source = source,
              .levels = {{&features.levels[0], features.items[0]}},
              .windows = features.windows,
              .columns = {"txn_id", "seen"}};
  auto sql = BatchSql(batch, Arrivals::kInOrder);
  ASSERT_TRUE(sql);
  table::Limits limits;
  limits.threads = 2;
  auto engine = table::Engine::Embedded(SystemClock());
  auto stream = engine->Run(table::PermitForTest::Make(*sql, {path.string()}, limits));
  ASSERT_TRUE(stream) << stream.error().ToString();
  auto rows = stream->ReadAll();
  std::filesystem::remove(path);
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), static_cast<size_t>(kRows));
  for (int i = 0; i < kRows; ++i) {
    ASSERT_EQ(static_cast<int64_t>((*rows)[i][0].i), (i * 7919LL) % kRows);
    ASSERT_EQ(static_cast<int64_t>((*rows)[i][1].i), i + 1);
  }
}

TEST(Batch, GivesTheTypesThatTheLevelsHave) {
  const Features features = SomeFeatures();
  for (Arrivals arrivals : {Arrivals::kInOrder, Arrivals::kAnyOrder}) {
    auto sql = SqlOf(features, "SELECT * FROM events", arrivals);
    ASSERT_TRUE(sql);
    auto described = TestBinder().DescribeQuery(ExampleSchema(), "events", *sql);
    ASSERT_TRUE(described) << described.error().ToString() << *sql;
    EXPECT_EQ(*described, features.outputs);
  }
}

}  // namespace
}  // namespace fuqi::sql
