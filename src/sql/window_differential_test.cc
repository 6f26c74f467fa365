// Random windows of every listed function against DuckDB: over NULLs, ties of time, duplicates,
// empty frames and extreme values, in order of time and out of it. FUQI_ROUNDS asks for more rounds
// than the usual ones, FUQI_SEED for others.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "sql/executors_for_test.h"

namespace fuqi::sql {
namespace {

constexpr uint64_t kRounds = 20;
constexpr size_t kItems = 28;
constexpr size_t kWindows = 8;
constexpr size_t kTimesEach = 20;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// One function of the list in the words of a pack, and what it agrees to.
struct Asked {
  const Construct* construct;
  std::string text;
};

class Writer {
 public:
  explicit Writer(SeededRandom& random) : random_(random) {}

  Fragment Window(size_t number) {
    const std::string partition = Any(
        {"", "PARTITION BY payer ", "PARTITION BY payer ", "PARTITION BY payee, n % 3 ",
         "PARTITION BY n, night ", "PARTITION BY payer, date_trunc('month', ts) ",
         "PARTITION BY date_trunc('day', ts AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Shanghai') "});
    return {fmt::format("w{}", number), partition + "ORDER BY ts" + Frame(), nullptr};
  }

  Asked Item(const Construct& construct) {
    const std::string over = fmt::format(" OVER w{}", random_.Below(kWindows));
    const std::string filter = random_.Chance(0.3)
                                   ? Any({" FILTER (WHERE night)", " FILTER (WHERE amount > 0)",
                                          " FILTER (WHERE n % 2 = 0 OR payee IS NULL)"})
                                   : "";
    const std::string_view name = construct.name;
    if (name == "count_star") {
      return {&construct, "count(*)" + filter + over};
    }
    if (name == "string_agg") {
      const std::string text = Any({"payer", "payee", "left(payee, 1)", "n::VARCHAR"});
      return {&construct, fmt::format("string_agg(DISTINCT {}, {} ORDER BY {}){}{}", text,
                                      Any({"','", "''", "'中'"}), text, filter, over)};
    }
    std::string args;
    std::string_view kinds = construct.args;
    while (!kinds.empty()) {
      const size_t comma = std::min(kinds.find(", "), kinds.size());
      args += (args.empty() ? "" : ", ") + Argument(kinds.substr(0, comma), name);
      kinds.remove_prefix(std::min(comma + 2, kinds.size()));
    }
    if (name == "quantile_disc") {
      args += ", " + Any({"0", "1", "0.5", "0.25", "0.9", "0.999", "0.1::DOUBLE"});
    }
    if (name == "first" || name == "last") {
      return {&construct, fmt::format("{}({}){}", name, args, over)};
    }
    if (name == "lag") {
      return {&construct, fmt::format("lag({}{}){}", args, Any({"", ", 2", ", 7", ", 1"}), over)};
    }
    const char* distinct = name == "count" && random_.Chance(0.5) ? "DISTINCT " : "";
    const std::string call = fmt::format("{}({}{}){}{}", name, distinct, args, filter, over);
    return {&construct, name == "corr"
                            ? fmt::format("CASE WHEN isnan({0}) THEN NULL ELSE {0} END", call)
                            : call};
  }

 private:
  template <size_t N>
  std::string Any(const char* const (&words)[N]) {
    return words[random_.Below(N)];
  }

  std::string Frame() {
    // No two that DuckDB would take for one: a month is 30 days to it.
    return Any({"", " RANGE INTERVAL 1 DAY PRECEDING", " RANGE INTERVAL 90 MINUTES PRECEDING",
                " RANGE BETWEEN INTERVAL 5 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING",
                " RANGE BETWEEN INTERVAL 36 HOURS PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING",
                " RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 12 HOURS PRECEDING",
                " RANGE INTERVAL 1 MONTH PRECEDING", " RANGE INTERVAL 1 YEAR PRECEDING",
                " RANGE BETWEEN INTERVAL 3 MONTHS PRECEDING AND INTERVAL 20 DAYS PRECEDING",
                " RANGE INTERVAL 5 SECONDS PRECEDING", " ROWS 3 PRECEDING", " ROWS 0 PRECEDING",
                " ROWS BETWEEN 20 PRECEDING AND 1 PRECEDING",
                " ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING",
                " ROWS BETWEEN 4 PRECEDING AND 4 PRECEDING"});
  }

  std::string Argument(std::string_view kind, std::string_view function) {
    // Where DuckDB's own rounding would drown what is asked of it: no numbers of all sizes.
    const bool spread =
        function.starts_with("var") || function.starts_with("stddev") || function == "corr";
    if (kind == "integer") {
      return Any({"n", "txn_id", "n * 100000000000000", "n::HUGEINT", "n::TINYINT"});
    }
    if (kind == "decimal") {
      return Any({"amount", "amount::DECIMAL(38,4)", "amount::DECIMAL(9,2)", "n::DECIMAL(4,1)"});
    }
    if (kind == "double") {
      return spread ? Any({"amount", "rate", "n", "txn_id", "amount / 100"})
                    : Any({"rate", "rate * 1e15"});
    }
    if (kind == "number") {
      return Any({"amount", "n", "rate", "txn_id", "n::HUGEINT * 1000000000000"});
    }
    if (kind == "text") {
      return Any({"payer", "payee"});
    }
    if (kind == "date") {
      return "day";
    }
    if (kind == "timestamp") {
      return "ts";
    }
    if (kind == "boolean") {
      return Any({"night", "amount > 500", "n > 0"});
    }
    return Any({"amount", "n", "payer", "payee", "day", "ts", "night", "rate + 0.0", "to_days(n)"});
  }

  SeededRandom& random_;
};

struct Tally {
  std::map<std::string, size_t> items;  // by function and kinds
  std::map<std::string, size_t> refused;
  size_t cells = 0;
  size_t nulls = 0;
  size_t events = 0;
};

// To the bit, or within the list's bound: of a sum by what its rows may add up to, of a spread
// relative.
bool AgreeOn(const Asked& asked, size_t rows, const Datum& batch, const Datum& stream) {
  if (asked.construct->agreement == Agreement::kExact) {
    return table::Identical(batch, stream);
  }
  if (batch.kind != Datum::Kind::kDouble || stream.kind != Datum::Kind::kDouble) {
    return batch.kind == stream.kind;
  }
  const std::string_view name = asked.construct->name;
  constexpr double kRateMost = 200;  // MakeEvents: ten deviations of 20
  const double unit = asked.text.find("1e15") != std::string::npos ? 1e15 : 1;
  const double bound = name == "sum" || name == "avg"
                           ? 1e-12 * kRateMost * unit * static_cast<double>(rows)
                           : 1e-9 * std::max(1.0, std::fabs(batch.d));
  return std::fabs(batch.d - stream.d) <= bound;
}

void Compare(const std::vector<Asked>& asked, const Features& features,
             const std::vector<Row>& batch, const std::vector<Row>& stream, Tally& tally) {
  ASSERT_EQ(batch.size(), stream.size());
  for (size_t c = 0; c < asked.size(); ++c) {
    ++tally.items[fmt::format("{}({})", asked[c].construct->name, asked[c].construct->args)];
    for (size_t r = 0; r < batch.size(); ++r) {
      ++tally.cells;
      tally.nulls += batch[r][c].is_null() ? 1 : 0;
      if (!AgreeOn(asked[c], batch.size(), batch[r][c], stream[r][c])) {
        const table::Type type = features.outputs[c].type;
        ADD_FAILURE() << asked[c].text << " in row " << r << ": DuckDB gives "
                      << table::ToText(batch[r][c], type) << ", the stream "
                      << table::ToText(stream[r][c], type);
        break;
      }
    }
  }
}

TEST(Windows, GiveWhatDuckDbGivesForRandomOnes) {
  const uint64_t rounds = FromEnvironment("FUQI_ROUNDS", kRounds);
  SeededRandom random(FromEnvironment("FUQI_SEED", 20240131));
  std::vector<const Construct*> listed;
  for (const Construct& construct : Constructs()) {
    if (construct.kind == Construct::Kind::kWindow) {
      listed.push_back(&construct);
    }
  }
  Tally tally;
  size_t next = 0;
  for (uint64_t round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    Writer writer(random);
    std::vector<Fragment> windows;
    for (size_t i = 0; i < kWindows; ++i) {
      windows.push_back(writer.Window(i));
    }
    std::vector<Asked> asked;
    std::vector<Fragment> items;
    while (items.size() < kItems) {
      Asked one = writer.Item(*listed[next++ % listed.size()]);
      const std::vector<Fragment> alone = {{"f", one.text, nullptr}};
      if (auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, alone, windows);
          !level) {
        ++tally.refused[std::string(ErrorCodeName(level.error().code()))];
        continue;
      }
      items.push_back({fmt::format("f{}", items.size()), one.text, nullptr});
      asked.push_back(std::move(one));
    }
    const Features features = Compile({items}, windows);
    const bool in_order = random.Chance(0.6);
    const std::vector<Row> events =
        MakeEvents(random, random.Below(in_order ? 400 : 120), in_order);
    tally.events += events.size();
    auto stream = RunAsStream(features, events);
    ASSERT_TRUE(stream) << stream.error().ToString();
    auto sql = SqlOf(features, "SELECT * FROM events",
                     in_order ? Arrivals::kInOrder : Arrivals::kAnyOrder);
    ASSERT_TRUE(sql) << sql.error().ToString();
    auto batch = RunOnDuckDb(*sql, events);
    ASSERT_TRUE(batch) << batch.error().ToString() << "\n" << *sql;
    std::string definitions = fmt::format("round {}", round);
    for (const Fragment& window : windows) {
      definitions += "\n" + window.name + ": " + window.text;
    }
    SCOPED_TRACE(definitions);
    Compare(asked, features, *batch, *stream, tally);
  }
  for (const Construct* construct : listed) {
    const std::string name = fmt::format("{}({})", construct->name, construct->args);
    EXPECT_GE(tally.items[name], std::min<size_t>(kTimesEach, rounds)) << name;
    fmt::print("{} {}\n", tally.items[name], name);
  }
  fmt::print("{} events, {} cells compared ({} NULL)\n", tally.events, tally.cells, tally.nulls);
  for (const auto& [code, count] : tally.refused) {
    fmt::print("refused: {} {}\n", count, code);
  }
}

}  // namespace
}  // namespace fuqi::sql
