#include "sql/lineage.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/disk.h"
#include "sql/fragments_for_test.h"

namespace fuqi::sql {
namespace {

std::string Text(const ColumnLineage& lineage) {
  std::string text = lineage.output + (lineage.resolved ? " <-" : " <- unresolved");
  for (const ColumnLineage::Input& input : lineage.inputs) {
    text += fmt::format(" {}{}{}:{}", input.table, input.table.empty() ? "" : ".", input.column,
                        InfluenceName(input.influence));
  }
  for (const std::string& window : lineage.windows) {
    text += "\n  over " + window;
  }
  return text;
}

std::string Text(const std::vector<ColumnLineage>& lineage) {
  std::string text;
  for (const ColumnLineage& column : lineage) {
    text += Text(column) + "\n";
  }
  return text;
}

// Levels one above the other; "name = expression".
std::vector<Level> Bind(
    const std::vector<std::vector<std::pair<std::string, std::string>>>& items) {
  const std::vector<Fragment> windows = {{"w", std::string(kExampleWindow), nullptr},
                                         {"ever", "PARTITION BY payee, n ORDER BY ts", nullptr}};
  table::Schema input = ExampleSchema();
  std::vector<Level> levels;
  for (const auto& level_items : items) {
    std::vector<Fragment> fragments;
    for (const auto& [name, text] : level_items) {
      fragments.push_back({name, text, nullptr});
    }
    auto level = BindLevel(TestBinder(), input, kExampleTime, fragments, windows);
    FUQI_CHECK(level.has_value());
    for (const table::Column& column : OutputSchema(*level)) {
      input.push_back(column);
    }
    levels.push_back(*std::move(level));
  }
  return levels;
}

TEST(LineageOf, TellsDirectFromIndirect) {
  const auto levels = Bind({{{"same", "amount"},
                             {"sum", "amount + n"},
                             {"choice", "CASE WHEN night THEN payer ELSE payee END"},
                             {"either", "coalesce(payer, payee)"},
                             {"none", "1"}}});
  EXPECT_EQ(Text(LineageOf(levels, ExampleSchema())),
            "same <- amount:IDENTITY\n"
            "sum <- amount:TRANSFORMATION n:TRANSFORMATION\n"
            "choice <- night:CONDITIONAL payee:TRANSFORMATION payer:TRANSFORMATION\n"
            "either <- payee:TRANSFORMATION payer:TRANSFORMATION payer:CONDITIONAL\n"
            "none <-\n");
}

TEST(LineageOf, FollowsWindows) {
  const auto levels = Bind({{{"paid", "sum(amount) FILTER (WHERE night) OVER w"},
                             {"before", "lag(rate) OVER ever"},
                             {"payments", "count(*) OVER w"}}});
  EXPECT_EQ(Text(LineageOf(levels, ExampleSchema())),
            "paid <- amount:AGGREGATION night:FILTER payer:WINDOW ts:WINDOW\n"
            "  over sum(\"amount\") FILTER (WHERE \"night\") OVER (PARTITION BY \"payer\" ORDER BY "
            "\"ts\" "
            "RANGE BETWEEN INTERVAL '1 days' PRECEDING AND CURRENT ROW)\n"
            "before <- n:WINDOW payee:WINDOW rate:TRANSFORMATION ts:WINDOW\n"
            "  over lag(\"rate\") OVER (PARTITION BY \"payee\", \"n\" ORDER BY \"ts\")\n"
            "payments <- payer:WINDOW ts:WINDOW\n"
            "  over count(*) OVER (PARTITION BY \"payer\" ORDER BY \"ts\" RANGE BETWEEN INTERVAL "
            "'1 days' "
            "PRECEDING AND CURRENT ROW)\n");
}

TEST(LineageOf, GoesThroughLevelsDownToTheEvent) {
  const auto levels =
      Bind({{{"large", "amount > 100"}, {"payments", "count(*) OVER ever"}},
            {{"larges", "count(*) FILTER (WHERE large) OVER w"}, {"peak", "max(payments) OVER w"}},
            {{"rule", "larges > 3 AND night"}}});
  const auto lineage = LineageOf(levels, ExampleSchema());
  ASSERT_EQ(lineage.size(), 5u);
  EXPECT_EQ(Text(lineage[2]).substr(0, Text(lineage[2]).find('\n')),
            "larges <- amount:FILTER payer:WINDOW ts:WINDOW");
  EXPECT_EQ(Text(lineage[3]).substr(0, Text(lineage[3]).find('\n')),
            "peak <- n:WINDOW payee:WINDOW payer:WINDOW ts:WINDOW");
  EXPECT_EQ(Text(lineage[4]).substr(0, Text(lineage[4]).find('\n')),
            "rule <- amount:FILTER night:TRANSFORMATION payer:WINDOW ts:WINDOW");
  EXPECT_EQ(lineage[4].windows.size(), 1u);
}

std::string OfSelect(const std::string& sql) {
  auto lineage = LineageOfSelect(TestBinder(), ExampleSchema(), "t", sql);
  return lineage ? Text(*lineage) : lineage.error().ToString();
}

TEST(LineageOfSelect, FollowsEachKindOfNode) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"SELECT payer AS a, amount * 2 AS b FROM t",
       "a <- t.payer:IDENTITY\nb <- t.amount:TRANSFORMATION\n"},
      {"SELECT n FROM t WHERE night", "n <- t.n:IDENTITY t.night:FILTER\n"},
      {"SELECT payer, sum(amount) FILTER (WHERE n > 1) AS s, count(*) AS c FROM t GROUP BY payer "
       "HAVING max(rate) > 1",
       "payer <- t.payer:IDENTITY t.payer:GROUP_BY t.rate:FILTER\n"
       "s <- t.amount:AGGREGATION t.n:FILTER t.payer:GROUP_BY t.rate:FILTER\n"
       "c <- t.payer:GROUP_BY t.rate:FILTER\n"},
      {"SELECT a.n, b.rate FROM t a JOIN t b ON a.txn_id = b.txn_id",
       "n <- t.n:IDENTITY t.txn_id:JOIN\nrate <- t.rate:IDENTITY t.txn_id:JOIN\n"},
      {"SELECT a.n FROM t a LEFT JOIN t b ON a.txn_id = b.txn_id AND a.rate < b.rate + a.n",
       "n <- t.n:IDENTITY t.n:JOIN t.rate:JOIN t.txn_id:JOIN\n"},
      {"SELECT a.n, b.rate FROM t a ASOF JOIN t b ON a.payer = b.payer AND a.ts >= b.ts",
       "n <- t.n:IDENTITY t.payer:JOIN t.ts:JOIN\nrate <- t.payer:JOIN t.rate:IDENTITY "
       "t.ts:JOIN\n"},
      {"SELECT n FROM t SEMI JOIN t b USING (payer)", "n <- t.n:IDENTITY t.payer:JOIN\n"},
      {"SELECT n, payer IN (SELECT payee FROM t WHERE night) AS m FROM t",
       "n <- t.n:IDENTITY t.night:FILTER\n"
       "m <- t.night:FILTER t.payee:JOIN t.payer:JOIN\n"},
      {"SELECT n, (SELECT max(rate) FROM t u WHERE u.payer = t.payer) AS m FROM t",
       "n <- t.n:IDENTITY t.payer:JOIN t.payer:GROUP_BY t.payer:FILTER\n"
       "m <- t.payer:JOIN t.payer:GROUP_BY t.payer:FILTER t.rate:AGGREGATION\n"},
      {"SELECT sum(n) OVER (PARTITION BY payer ORDER BY ts) AS s, lag(rate) OVER (ORDER BY day) AS "
       "l FROM t",
       "s <- t.n:AGGREGATION t.payer:WINDOW t.ts:WINDOW\n"
       "l <- t.day:WINDOW t.rate:TRANSFORMATION\n"},
      {"SELECT payer FROM t ORDER BY amount LIMIT 3", "payer <- t.amount:SORT t.payer:IDENTITY\n"},
      {"SELECT DISTINCT payer FROM t", "payer <- t.payer:IDENTITY t.payer:GROUP_BY\n"},
      {"SELECT payer AS p FROM t UNION ALL SELECT payee FROM t WHERE night",
       "p <- t.night:FILTER t.payee:IDENTITY t.payer:IDENTITY\n"},
      {"SELECT payer AS p FROM t EXCEPT SELECT payee FROM t",
       "p <- t.payee:IDENTITY t.payee:FILTER t.payer:IDENTITY t.payer:FILTER\n"},
      {"WITH c AS (SELECT n + 1 AS m FROM t WHERE night) SELECT m FROM c",
       "m <- t.n:TRANSFORMATION t.night:FILTER\n"},
      {"SELECT CASE WHEN night THEN n ELSE 0 END AS c FROM t",
       "c <- t.n:TRANSFORMATION t.night:CONDITIONAL\n"},
      {"SELECT x, n FROM t, (VALUES (1), (2)) v(x)", "x <-\nn <- t.n:IDENTITY\n"},
      {"SELECT unnest([n, 1]) AS u FROM t", "u <- t.n:TRANSFORMATION\n"},
      {"SELECT row_number() OVER () AS id, payer FROM t", "id <-\npayer <- t.payer:IDENTITY\n"},
      {"SELECT rowid AS r FROM t", "r <-\n"},
      {"SELECT 1 AS one", "one <-\n"},
  };
  for (const auto& [sql, lineage] : kCases) {
    EXPECT_EQ(OfSelect(sql), lineage) << sql;
  }
}

TEST(LineageOfSelect, CountsEverythingWhereItCannotTell) {
  const std::string said = OfSelect(
      "WITH RECURSIVE r AS (SELECT n AS i FROM t UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT "
      "i "
      "FROM r");
  EXPECT_TRUE(said.starts_with("i <- unresolved")) << said;
  for (const table::Column& column : ExampleSchema()) {
    EXPECT_NE(said.find(" t." + column.name + ":TRANSFORMATION"), std::string::npos) << said;
  }
}

TEST(LineageOfSelect, TellsWhereTheStatementIsWrong) {
  int64_t at = -1;
  auto lineage = LineageOfSelect(TestBinder(), ExampleSchema(), "t", "SELECT nothing FROM t", &at);
  ASSERT_FALSE(lineage);
  EXPECT_EQ(lineage.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(at, 7);
}

TEST(ToOpenLineage, IsTheFacetThatIsKept) {
  const auto levels = Bind({{{"paid", "sum(amount) FILTER (WHERE night) OVER w"}},
                            {{"much", "coalesce(paid, 0) > 100"}}});
  const std::string json =
      ToOpenLineage(LineageOf(levels, ExampleSchema()), "bank", "transactions");
  EXPECT_FALSE(nlohmann::json::parse(json).is_discarded());
  auto kept = ReadFile(SystemDisk(),
                       std::string(FUQI_SOURCE_DIR) + "/src/sql/golden/open_lineage.json", 1 << 20);
  ASSERT_TRUE(kept) << kept.error().ToString();
  EXPECT_EQ(json + "\n", AsText(*kept));
}

}  // namespace
}  // namespace fuqi::sql
