#include "table/binder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

namespace fuqi::table {
namespace {

const Schema kTxn = {{"txn id", {TypeId::kBigInt}},
                     {"amount", Decimal(18, 2)},
                     {"payee", {TypeId::kVarchar}},
                     {"ts", {TypeId::kTimestamp}}};

class BinderTest : public testing::Test {
 protected:
  void SetUp() override {
    auto binder = Binder::Open();
    ASSERT_TRUE(binder.has_value()) << binder.error().ToString();
    binder_ = std::move(*binder);
  }
  // Code and position of the error of binding.
  std::pair<ErrorCode, int64_t> Bind(std::string_view sql) {
    int64_t at = -2;
    auto plan = binder_->BoundPlan(kTxn, "txn", sql, &at);
    EXPECT_FALSE(plan.has_value()) << sql.substr(0, 100);
    return {plan.has_value() ? ErrorCode::kInternal : plan.error().code(), at};
  }
  std::string Describe(std::string_view sql) {
    auto schema = binder_->DescribeQuery(kTxn, "txn", sql);
    if (!schema.has_value()) {
      return schema.error().ToString();
    }
    std::string text;
    for (const Column& column : *schema) {
      text += column.name + " " + column.type.ToString() + "; ";
    }
    return text;
  }

  std::unique_ptr<Binder> binder_;
};

using Found = std::pair<ErrorCode, int64_t>;

TEST_F(BinderTest, ParsesWithoutKnowingAnyTable) {
  auto tree = binder_->ParseTree("SELECT a + 1 AS b FROM nowhere WHERE c IN (1, 2)");
  ASSERT_TRUE(tree.has_value()) << tree.error().ToString();
  const auto json = nlohmann::json::parse(*tree);
  const auto& node = json["statements"][0]["node"];
  EXPECT_EQ(node["type"], "SELECT_NODE");
  EXPECT_EQ(node["select_list"][0]["alias"], "b");
  EXPECT_EQ(node["from_table"]["table_name"], "nowhere");
}

TEST_F(BinderTest, BindsOverTheGivenColumns) {
  auto plan = binder_->BoundPlan(
      kTxn, "txn", "SELECT sum(amount) OVER (PARTITION BY payee) AS s, \"txn id\" FROM txn");
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  EXPECT_NE(plan->find("\"width\":38,\"scale\":2"), std::string::npos);
}

TEST_F(BinderTest, DescribesTheOutput) {
  EXPECT_EQ(
      Describe(
          "SELECT amount * 2 AS \"two \"\"x\"\"\", count(*), \"TXN ID\" FROM txn GROUP BY ALL"),
      "two \"x\" DECIMAL(18,2); count_star() BIGINT; txn id BIGINT; ");
  EXPECT_EQ(Describe("FROM txn"),
            "txn id BIGINT; amount DECIMAL(18,2); payee VARCHAR; ts TIMESTAMP; ");
  EXPECT_EQ(Describe("VALUES (1, 'a')"), "col0 INTEGER; col1 VARCHAR; ");
  EXPECT_EQ(Describe("SELECT date_trunc('day', ts) AS d, ts - ts AS i, amount > 1 AS b FROM txn"),
            "d DATE; i INTERVAL; b BOOLEAN; ");
}

TEST_F(BinderTest, GivesCodesAndBytePositions) {
  EXPECT_EQ(Bind("SELECT nope FROM txn"), Found(ErrorCode::kNotFound, 7));
  EXPECT_EQ(Bind("SELECT '中文' AS x, nope FROM txn"), Found(ErrorCode::kNotFound, 22));
  EXPECT_EQ(Bind("SELECT '中文' AS x, a b c"), Found(ErrorCode::kParse, 26));
  EXPECT_EQ(Bind("SELECT amount FROM nope"), Found(ErrorCode::kNotFound, 19));
  EXPECT_EQ(Bind("SELECT nofunction(1) FROM txn"), Found(ErrorCode::kNotFound, 7));
  EXPECT_EQ(Bind("SELECT sum(payee) FROM txn"), Found(ErrorCode::kTypeMismatch, 7));
  EXPECT_EQ(Bind("SELECT 1 FROM txn WHERE payee < 1"), Found(ErrorCode::kInvalidArgument, 30));
  EXPECT_EQ(Bind("SELECT 'a FROM txn"), Found(ErrorCode::kParse, 7));
  EXPECT_EQ(Bind("SELECT sum(amount) OVER nowindow FROM txn"), Found(ErrorCode::kParse, -1));
  EXPECT_EQ(Bind("SELECT amount FROM txn GROUP BY 3"), Found(ErrorCode::kInvalidArgument, -1));
}

TEST_F(BinderTest, TakesOneSelectAndNothingElse) {
  for (const char* sql : {"CREATE TABLE x (i INTEGER)", "INSERT INTO txn VALUES (1)",
                          "DELETE FROM txn", "COPY txn TO 'x'", "SET threads = 4", "PRAGMA version",
                          "INSTALL httpfs", "ATTACH 'x'", "DROP TABLE txn"}) {
    int64_t at = -2;
    for (const auto& answer :
         {binder_->ParseTree(sql, &at), binder_->BoundPlan(kTxn, "txn", sql, &at)}) {
      ASSERT_FALSE(answer.has_value()) << sql;
      EXPECT_EQ(answer.error().code(), ErrorCode::kUnsupported) << answer.error().ToString();
    }
    EXPECT_FALSE(binder_->DescribeQuery(kTxn, "txn", sql).has_value()) << sql;
  }
  EXPECT_EQ(Bind("").first, ErrorCode::kParse);
  EXPECT_EQ(Bind("  -- nothing\n").first, ErrorCode::kParse);
  EXPECT_EQ(Bind("SELECT 1; SELECT 2").first, ErrorCode::kParse);
  EXPECT_EQ(Bind("SELECT 1; DROP TABLE txn").first, ErrorCode::kUnsupported);
  EXPECT_EQ(Bind("SELECT amount, $1 FROM txn").first, ErrorCode::kUnsupported);
  EXPECT_EQ(Bind("SELECT ? FROM txn").first, ErrorCode::kUnsupported);
  EXPECT_EQ(Bind("SELECT 1e400").first, ErrorCode::kUnsupported);
  // The stub is still there, and a trailing semicolon is no second statement.
  EXPECT_EQ(Describe("SELECT amount FROM txn;"), "amount DECIMAL(18,2); ");
}

TEST_F(BinderTest, RefusesUnicodeSpacesOutsideQuotes) {
  EXPECT_EQ(Bind("SELECT\u3000amount FROM txn"), Found(ErrorCode::kParse, 6));
  EXPECT_EQ(Bind("SELECT '中' AS a,\u00a0amount FROM txn"), Found(ErrorCode::kParse, 18));
  EXPECT_EQ(Bind("SELECT amount\u2003FROM txn"), Found(ErrorCode::kParse, 13));
  EXPECT_EQ(Bind("\ufeffSELECT amount FROM txn"), Found(ErrorCode::kParse, 0));
  EXPECT_EQ(Bind("SELECT 1 /* \u3000 */"), Found(ErrorCode::kParse, 12));
  EXPECT_EQ(Bind("SELECT 1\u00a0"), Found(ErrorCode::kParse, 8));
  for (const char* sql :
       {"SELECT '\u3000' AS a", "SELECT 1 AS \"\u3000\"", "SELECT 'it''s\u3000' AS a",
        "SELECT $$\u3000$$ AS a", "SELECT $t$ ' \u3000 $t$ AS a", "SELECT 1 -- \u3000\n AS a",
        "SELECT 1 AS 金额"}) {
    EXPECT_TRUE(binder_->ParseTree(sql).has_value()) << sql;
  }
}

TEST_F(BinderTest, RefusesTextThatIsNoSql) {
  EXPECT_EQ(Bind("SELECT '\xff'"), Found(ErrorCode::kParse, 8));
  EXPECT_EQ(Bind(std::string("SELECT 1\0, 2", 12)), Found(ErrorCode::kParse, 8));
  EXPECT_EQ(Bind(std::string(Binder::kMaxSqlBytes + 1, ' ')).first, ErrorCode::kResourceExhausted);
}

TEST_F(BinderTest, SurvivesDeepNesting) {
  auto repeated = [](size_t n, std::string_view text) {
    std::string out;
    for (size_t i = 0; i < n; ++i) {
      out += text;
    }
    return out;
  };
  // Parentheses leave no node behind: 2000 of them are well, 20000 too many for the parser.
  EXPECT_EQ(Describe("SELECT " + repeated(2000, "(") + "1" + repeated(2000, ")") + " AS one"),
            "one INTEGER; ");
  for (size_t n : {20000, 200000}) {
    EXPECT_EQ(Bind("SELECT " + repeated(n, "(") + "1" + repeated(n, ")")).first,
              ErrorCode::kResourceExhausted);
  }
  for (size_t n : {2000, 20000, 200000}) {
    EXPECT_EQ(Bind("SELECT 1" + repeated(n, "+1")).first, ErrorCode::kResourceExhausted) << n;
    EXPECT_EQ(Bind("SELECT " + repeated(n, "abs(") + "1" + repeated(n, ")")).first,
              ErrorCode::kResourceExhausted)
        << n;
  }
  EXPECT_EQ(Describe("SELECT amount FROM txn"), "amount DECIMAL(18,2); ");
}

TEST_F(BinderTest, SeesNoFilesAndNoSettings) {
  EXPECT_EQ(Bind("SELECT * FROM read_csv('/etc/passwd')").first, ErrorCode::kPermissionDenied);
  EXPECT_EQ(Bind("SELECT * FROM '/etc/passwd'").first, ErrorCode::kNotFound);
  EXPECT_EQ(Bind("SELECT * FROM '/etc/passwd.csv'").first, ErrorCode::kPermissionDenied);
  EXPECT_EQ(Bind("SELECT * FROM read_parquet('http://127.0.0.1/x')").first,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(Bind("SELECT getenv('HOME')").first, ErrorCode::kNotFound);
}

TEST_F(BinderTest, ForgetsTheTableBefore) {
  EXPECT_TRUE(binder_->BoundPlan(kTxn, "first", "SELECT amount FROM first").has_value());
  EXPECT_TRUE(binder_->BoundPlan(kTxn, "second", "SELECT amount FROM second").has_value());
  EXPECT_FALSE(binder_->BoundPlan(kTxn, "second", "SELECT amount FROM first").has_value());
  // The same name with other columns.
  const Schema other = {{"born", {TypeId::kDate}}};
  EXPECT_TRUE(binder_->BoundPlan(other, "second", "SELECT born FROM second").has_value());
  EXPECT_FALSE(binder_->BoundPlan(other, "second", "SELECT amount FROM second").has_value());
}

TEST_F(BinderTest, TakesOddNamesAndEveryType) {
  Schema schema;
  for (int id = 0; id <= 16; ++id) {
    Type type{static_cast<TypeId>(id)};
    type = type.id == TypeId::kDecimal ? Decimal(38, 38) : type;
    schema.push_back({"a \"" + std::to_string(id) + "'; DROP TABLE x --", type});
  }
  auto described =
      binder_->DescribeQuery(schema, "the \"table\"", "SELECT * FROM \"the \"\"table\"\"\"");
  ASSERT_TRUE(described.has_value()) << described.error().ToString();
  ASSERT_EQ(described->size(), schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    EXPECT_EQ((*described)[i].name, schema[i].name);
    if (schema[i].type.id != TypeId::kNull) {  // a column of NULLs is an INTEGER to DuckDB
      EXPECT_EQ((*described)[i].type, schema[i].type);
    }
  }
  EXPECT_FALSE(binder_->BoundPlan({}, "t", "SELECT 1").has_value());
  EXPECT_FALSE(binder_->BoundPlan(kTxn, "", "SELECT 1").has_value());
  EXPECT_FALSE(binder_->BoundPlan({{"", {TypeId::kDate}}}, "t", "SELECT 1").has_value());
  EXPECT_FALSE(binder_->BoundPlan({kTxn[0], kTxn[0]}, "t", "SELECT 1").has_value());
  // And goes on after each.
  EXPECT_TRUE(binder_->BoundPlan(kTxn, "t", "SELECT 1").has_value());
}

TEST_F(BinderTest, NamesColumnsOfTypesThatAreNotOurs) {
  EXPECT_NE(Describe("SELECT [1] AS lst").find("lst"), std::string::npos);
  EXPECT_NE(Describe("SELECT ts::TIMESTAMPTZ AS tz FROM txn").find("TIMESTAMP WITH TIME ZONE"),
            std::string::npos);
}

TEST_F(BinderTest, ServesManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const Schema schema = {{"c" + std::to_string(t), {TypeId::kInteger}}};
      for (int i = 0; i < 20; ++i) {
        auto plan =
            binder_->BoundPlan(schema, "t" + std::to_string(t),
                               "SELECT c" + std::to_string(t) + " FROM t" + std::to_string(t));
        good += plan.has_value() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace fuqi::table
