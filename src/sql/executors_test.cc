// The two executors against each other: DuckDB in batch, and programs over windows one event at a
// time, on every listed construct and on random histories in and out of order.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/clock.h"
#include "base/random.h"
#include "sql/batch.h"
#include "sql/fragments_for_test.h"
#include "sql/functions.h"
#include "sql/program.h"
#include "sql/window_state.h"
#include "table/engine.h"
#include "table/permit_for_test.h"

namespace fuqi::sql {
namespace {

using table::Row;

constexpr int64_t kDayUs = 86'400'000'000;
constexpr int64_t kStartUs = 1'704'067'200'000'000;  // 2024-01-01

// Fragments by level, bound; what a pack compiles to.
struct Features {
  std::vector<std::vector<Fragment>> items;
  std::vector<Fragment> windows;
  std::vector<Level> levels;
  std::vector<std::string> names;
  table::Schema outputs;
};

Features Compile(std::vector<std::vector<Fragment>> items, std::vector<Fragment> windows) {
  Features features{std::move(items), std::move(windows), {}, {}, {}};
  table::Schema input = ExampleSchema();
  for (const auto& level_items : features.items) {
    auto level = BindLevel(TestBinder(), input, kExampleTime, level_items, features.windows);
    FUQI_CHECK(level.has_value());
    for (const table::Column& column : OutputSchema(*level)) {
      input.push_back(column);
      features.names.push_back(column.name);
      features.outputs.push_back(column);
    }
    features.levels.push_back(*std::move(level));
  }
  return features;
}

Result<std::string> SqlOf(const Features& features, const std::string& source, Arrivals arrivals) {
  Batch batch{.source = source, .levels = {}, .windows = features.windows, .columns = {}};
  for (size_t i = 0; i < features.levels.size(); ++i) {
    batch.levels.push_back({&features.levels[i], features.items[i]});
  }
  batch.columns = features.names;
  return BatchSql(batch, arrivals);
}

Result<std::vector<Row>> RunOnDuckDb(const std::string& sql, std::vector<Row> events) {
  auto engine = table::Engine::Embedded(SystemClock());
  std::vector<table::Relation> given;
  given.push_back({"events", ExampleSchema(), std::move(events)});
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream,
                        engine->Run(table::PermitForTest::Make(sql), std::move(given)));
  return stream.ReadAll();
}

Result<std::vector<Row>> RunAsStream(const Features& features, const std::vector<Row>& events) {
  constexpr int64_t kEver = int64_t{1} << 60;
  std::vector<WindowState> windows;
  std::vector<std::vector<Program>> programs;
  for (const Level& level : features.levels) {
    FUQI_ASSIGN_OR_RETURN(WindowState state, WindowState::Compile(level, kEver));
    windows.push_back(std::move(state));
    programs.emplace_back();
    for (const Level::Output& output : level.outputs) {
      FUQI_ASSIGN_OR_RETURN(Program program, Program::Compile(output.expr));
      programs.back().push_back(std::move(program));
    }
  }
  Scratch scratch;
  std::vector<Row> results;
  for (size_t arrival = 0; arrival < events.size(); ++arrival) {
    scratch.Reset();
    Row row = events[arrival];
    Row result;
    for (size_t k = 0; k < windows.size(); ++k) {
      FUQI_ASSIGN_OR_RETURN(const std::vector<Datum> values,
                            windows[k].Push(row.values(), static_cast<int64_t>(row[kExampleTime].i),
                                            arrival, scratch));
      Row wider = row;
      for (const Program& program : programs[k]) {
        FUQI_ASSIGN_OR_RETURN(const Datum value, program.Run(row.values(), values, scratch));
        wider.Append(value);
        result.Append(value);
      }
      row = std::move(wider);
    }
    results.push_back(std::move(result));
  }
  return results;
}

// Equal to the bit, or for DOUBLE within the bound that the conventions state.
bool Agree(const Datum& a, const Datum& b, Agreement agreement) {
  if (agreement == Agreement::kTolerant && a.kind == Datum::Kind::kDouble &&
      b.kind == Datum::Kind::kDouble) {
    return std::fabs(a.d - b.d) <= 1e-9 * std::max(1.0, std::fabs(a.d));
  }
  return table::Identical(a, b);
}

// `agreements`: of each column; all tolerant if there are none.
void ExpectAgreement(const Features& features, const std::vector<Row>& batch,
                     const std::vector<Row>& stream, std::span<const Agreement> agreements = {}) {
  ASSERT_EQ(batch.size(), stream.size());
  std::set<size_t> told;
  for (size_t r = 0; r < batch.size(); ++r) {
    for (size_t c = 0; c < features.names.size(); ++c) {
      const table::Type type = features.outputs[c].type;
      const Agreement agreement = agreements.empty() ? Agreement::kTolerant : agreements[c];
      if (!Agree(batch[r][c], stream[r][c], agreement) && told.insert(c).second) {
        ADD_FAILURE() << features.names[c] << " in row " << r << ": DuckDB gives "
                      << table::ToText(batch[r][c], type) << ", the stream "
                      << table::ToText(stream[r][c], type);
      }
    }
  }
}

// Events with ties of time, NULLs, few keys; times rise unless shuffled.
std::vector<Row> MakeEvents(SeededRandom& random, size_t count, bool in_order) {
  constexpr std::string_view kTexts[] = {"M1", "MERCHANT0", "", "中文 Ä", " padded ", "A$%x-0"};
  std::vector<Row> events;
  int64_t ts = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    if (random.Chance(0.7)) {
      ts += random.Chance(0.5) ? random.Between(1, 1'000'000) : random.Between(1, kDayUs / 2);
    }
    const int64_t when = in_order ? ts : kStartUs + random.Between(0, 8) * kDayUs / 2;
    auto null_or = [&](const Datum& value) { return random.Chance(0.1) ? Datum::Null() : value; };
    Row row(ExampleSchema().size());
    row.Set(0, Datum::Int(static_cast<int64_t>(i)));
    row.Set(1, null_or(Datum::Text(kTexts[random.Below(3)])));
    row.Set(2, null_or(Datum::Text(kTexts[random.Below(std::size(kTexts))])));
    row.Set(3, null_or(Datum::Int(random.Between(-100'000, 2'000'000))));
    row.Set(4, Datum::Int(when));
    row.Set(5, null_or(Datum::Int(random.Between(-800, 20'000))));
    row.Set(6, null_or(Datum::Int(random.Between(-3, 40))));
    row.Set(7, null_or(Datum::Double(random.Chance(0.1) ? -0.0 : random.Normal() * 20)));
    row.Set(8, null_or(Datum::Bool(random.Chance(0.5))));
    events.push_back(std::move(row));
  }
  return events;
}

std::vector<Fragment> ExampleWindows() {
  return {{"w", std::string(kExampleWindow), nullptr},
          {"w7",
           "PARTITION BY payee, n % 2 ORDER BY ts RANGE BETWEEN INTERVAL '7 days' PRECEDING "
           "AND CURRENT ROW",
           nullptr},
          {"since", "PARTITION BY payer, date_trunc('month', ts) ORDER BY ts", nullptr},
          {"everyone", "ORDER BY ts RANGE INTERVAL 36 HOURS PRECEDING", nullptr}};
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
  EXPECT_EQ(table::ToText((*batch)[0][9], features.outputs[9].type), "2024-02-01 00:00:00");
  EXPECT_EQ(table::ToText((*batch)[0][10], features.outputs[10].type), "2024-01-31 00:00:00");
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
