#include "table/engine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "table/embedded_internal.h"
#include "table/permit_for_test.h"
#include "table/test_files_test.h"

namespace fuqi::table {
namespace {

class EngineTest : public testing::Test {
 protected:
  Result<RowStream> Run(std::string sql, std::vector<std::string> paths = {}, Limits limits = {},
                        std::vector<Relation> given = {}) {
    return engine_->Run(PermitForTest::Make(std::move(sql), std::move(paths), limits),
                        std::move(given));
  }
  // All rows as text; the error's words on failure.
  std::string Text(Result<RowStream> stream) {
    if (!stream.has_value()) {
      return stream.error().ToString();
    }
    auto rows = stream->ReadAll();
    if (!rows.has_value()) {
      return rows.error().ToString();
    }
    std::string text;
    for (const Row& row : *rows) {
      for (size_t c = 0; c < row.size(); ++c) {
        text += (c == 0 ? "" : "|") + ToText(row[c], stream->schema()[c].type);
      }
      text += "\n";
    }
    return text;
  }
  // The code of the error that a run or its stream ends with.
  ErrorCode Code(Result<RowStream> stream) {
    if (stream.has_value()) {
      auto rows = stream->ReadAll();
      EXPECT_FALSE(rows.has_value()) << "the run should have failed";
      return rows.has_value() ? ErrorCode::kInternal : rows.error().code();
    }
    return stream.error().code();
  }

  TestFolder folder_;
  ManualClock clock_{1'000'000};
  std::unique_ptr<Engine> engine_ = Engine::Embedded(clock_);
};

TEST_F(EngineTest, GivesTypedRows) {
  auto stream = Run(
      "SELECT true AS b, (-1)::TINYINT AS i1, 300::SMALLINT AS i2, 70000 AS i4, 5000000000 AS i8, "
      "170141183460469231731687303715884105727::HUGEINT AS i16, 255::UTINYINT AS u1, "
      "65535::USMALLINT AS u2, 4294967295::UINTEGER AS u4, 18446744073709551615::UBIGINT AS u8, "
      "0.10::DECIMAL(4,2) AS d2, 12345.678::DECIMAL(9,3) AS d4, 1.5::DECIMAL(18,2) AS d8, "
      "1.25::DECIMAL(38,2) AS d16, 1e16 AS f, '中文' AS s, DATE '2020-01-31' AS dt, "
      "TIMESTAMP '2020-01-31 10:00:00.5' AS ts, INTERVAL '1 year 2 months -3 days 04:05:06.7' AS "
      "iv, "
      "NULL AS n, CAST(1 AS DECIMAL(38,0)) AS big");
  ASSERT_TRUE(stream.has_value()) << stream.error().ToString();
  std::string types;
  for (const Column& column : stream->schema()) {
    types += column.type.ToString() + " ";
  }
  EXPECT_EQ(types,
            "BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT "
            "DECIMAL(4,2) DECIMAL(9,3) DECIMAL(18,2) DECIMAL(38,2) DOUBLE VARCHAR DATE TIMESTAMP "
            "INTERVAL INTEGER DECIMAL(38,0) ");
  EXPECT_EQ(Text(std::move(stream)),
            "true|-1|300|70000|5000000000|170141183460469231731687303715884105727|255|65535|"
            "4294967295|18446744073709551615|0.10|12345.678|1.50|1.25|1e+16|中文|2020-01-31|"
            "2020-01-31 10:00:00.5|1 year 2 months -3 days 04:05:06.7|NULL|1\n");
}

TEST_F(EngineTest, GivesNoRowsAndManyRows) {
  EXPECT_EQ(Text(Run("SELECT 1 AS a WHERE false")), "");
  auto stream =
      Run("SELECT range AS i, CASE WHEN range % 3 = 0 THEN NULL ELSE 't' || range END AS t "
          "FROM range(100001)");
  ASSERT_TRUE(stream.has_value()) << stream.error().ToString();
  int64_t i = 0;
  for (;; ++i) {
    auto row = stream->Next();
    ASSERT_TRUE(row.has_value()) << row.error().ToString();
    if (!*row) {
      break;
    }
    ASSERT_EQ((**row)[0].i, i);
    ASSERT_EQ((**row)[1].is_null(), i % 3 == 0);
    if (i % 3 != 0) {
      ASSERT_EQ((**row)[1].text(), "t" + std::to_string(i));
    }
  }
  EXPECT_EQ(i, 100001);
  // The end stays the end.
  auto after = stream->Next();
  ASSERT_TRUE(after.has_value());
  EXPECT_FALSE(after->has_value());
}

TEST_F(EngineTest, ReadsRelationsThatTheCallerGives) {
  Relation relation{
      "in put",
      {{"k", {TypeId::kBigInt}}, {"a \"b\"", Decimal(18, 2)}, {"s", {TypeId::kVarchar}}},
      {}};
  for (int i = 0; i < 5000; ++i) {
    Row row(3);
    row.Set(0, Datum::Int(i));
    row.Set(1, i % 7 == 0 ? Datum::Null() : Datum::Int(i * 100 + 1));
    row.Set(2, Datum::Text("t" + std::to_string(i % 10)));
    relation.rows.push_back(row);
  }
  EXPECT_EQ(
      Text(Run("SELECT count(*), count(\"a \"\"b\"\"\"), sum(\"a \"\"b\"\"\"), count(DISTINCT s), "
               "max(k) FROM \"in put\"",
               {}, {}, {relation})),
      "5000|4285|10710757.85|10|4999\n");
  EXPECT_EQ(Text(Run("SELECT count(*) FROM e", {}, {}, {{"e", relation.schema, {}}})), "0\n");
}

TEST_F(EngineTest, RefusesAnExpiredPermit) {
  clock_.Advance(10);
  EXPECT_EQ(Code(engine_->Run(PermitForTest::Make("SELECT 1", {}, {}, 1'000'009))),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(Text(engine_->Run(PermitForTest::Make("SELECT 1", {}, {}, 1'000'010))), "1\n");
}

TEST_F(EngineTest, RefusesFilesBeyondThePermit) {
  const std::string allowed = folder_.Write("allowed.csv", "a\n1\n");
  const std::string other = folder_.Write("other.csv", "a\n2\n");
  EXPECT_EQ(Text(Run("SELECT * FROM read_csv('" + allowed + "')", {allowed})), "1\n");
  for (const std::string& from :
       {"read_csv('" + other + "')", "'" + other + "'", "read_text('" + other + "')",
        "read_blob('" + other + "')", "glob('" + folder_.path() + "/*')",
        "read_csv(['" + allowed + "', '" + other + "'])",
        "read_csv('" + folder_.path() + "/*.csv')", "read_csv('" + allowed + "/../other.csv')",
        "read_json('" + other + "')", "read_parquet('" + other + "')",
        "(SELECT Delimiter FROM sniff_csv('" + other + "'))",
        std::string("read_csv('/etc/passwd')"), std::string("'/proc/self/environ'"),
        std::string("read_csv('http://127.0.0.1:1/x.csv')")}) {
    auto stream = Run("SELECT * FROM " + from, {allowed});
    const std::string text = Text(std::move(stream));
    EXPECT_TRUE(text.find("permit") != std::string::npos ||
                text.find("not known") != std::string::npos)
        << from << ": " << text;
    EXPECT_EQ(text.find("2\n"), std::string::npos) << from;
  }
}

TEST_F(EngineTest, RefusesEveryStatementThatIsNoSelect) {
  const std::string path = folder_.path() + "/out";
  for (const std::string& sql : {
           std::string("INSTALL httpfs"),
           std::string("LOAD httpfs"),
           "ATTACH '" + path + "'",
           "COPY (SELECT 1) TO '" + path + "'",
           std::string("CREATE TABLE t (i INTEGER)"),
           std::string("CREATE TABLE t AS SELECT 1"),
           std::string("EXPLAIN ANALYZE SELECT 1"),
           std::string("PREPARE p AS SELECT 1"),
           std::string("CHECKPOINT"),
           "EXPORT DATABASE '" + path + "'",
           std::string("SET threads = 2"),
           std::string("RESET memory_limit"),
           std::string("PRAGMA memory_limit='1GB'"),
           std::string("CALL pragma_version(); DROP TABLE t"),
           std::string("SELECT 1; SELECT 2"),
           std::string("BEGIN"),
           std::string(""),
           std::string("SELECT $1"),
       }) {
    auto stream = Run(sql);
    ASSERT_FALSE(stream.has_value()) << sql;
    const ErrorCode code = stream.error().code();
    EXPECT_TRUE(code == ErrorCode::kPermissionDenied || code == ErrorCode::kInvalidArgument ||
                code == ErrorCode::kParse || code == ErrorCode::kNotFound ||
                code == ErrorCode::kUnsupported)
        << sql << ": " << stream.error().ToString();
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(EngineTest, StopsAtTheMemoryLimitAndLives) {
  Limits limits{.memory_bytes = 32u << 20};
  EXPECT_EQ(Code(Run("SELECT count(*) FROM (SELECT DISTINCT range AS i, range::VARCHAR FROM "
                     "range(20000000))",
                     {}, limits)),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(Text(Run("SELECT 1")), "1\n");
}

TEST_F(EngineTest, StopsWithinASecondOfItsTime) {
  Limits limits{.time_ms = 300};
  for (const char* sql : {
           // before the first row
           "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = "
           "8",
           // between rows
           "SELECT a.range FROM range(10000000000) a WHERE a.range % 100000 = 0",
           // sorting
           "SELECT a.range FROM range(500000000) a ORDER BY hash(a.range)",
       }) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(Code(Run(sql, {}, limits)), ErrorCode::kDeadlineExceeded) << sql;
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(std::chrono::duration<double>(took).count(), 1.3) << sql;
  }
}

TEST_F(EngineTest, DoesNotCountTheTimeOfTheConsumer) {
  auto stream = Run("SELECT range FROM range(3000)", {}, Limits{.time_ms = 150});
  ASSERT_TRUE(stream.has_value());
  ASSERT_TRUE(stream->Next().has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  auto rows = stream->ReadAll();
  ASSERT_TRUE(rows.has_value()) << rows.error().ToString();
  EXPECT_EQ(rows->size(), 2999u);
}

TEST_F(EngineTest, SaysWhereInTheStatementTheErrorIs) {
  auto stream = Run("SELECT '中文' AS x,\n       nope\nFROM range(3)");
  ASSERT_FALSE(stream.has_value());
  EXPECT_EQ(stream.error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(stream.error().where().has_value());
  EXPECT_EQ(stream.error().where()->line, 2);
  EXPECT_EQ(stream.error().where()->column, 8);
}

TEST_F(EngineTest, GivesTheErrorOfALateRowAfterTheRowsBeforeIt) {
  auto stream = Run("SELECT range::INTEGER + 2142483648::INTEGER AS i FROM range(6000000)");
  ASSERT_TRUE(stream.has_value()) << stream.error().ToString();
  int before = 0;
  for (;; ++before) {
    auto row = stream->Next();
    if (!row.has_value()) {
      EXPECT_EQ(row.error().code(), ErrorCode::kOutOfRange) << row.error().ToString();
      break;
    }
    ASSERT_TRUE(row->has_value()) << "the stream ended without its error";
  }
  EXPECT_GT(before, 0);
  EXPECT_LE(before, 5000000);
}

TEST_F(EngineTest, NamesAColumnOfAnUnsupportedType) {
  for (const char* sql : {"SELECT 1 AS a, [1] AS lst", "SELECT 1::FLOAT AS lst",
                          "SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00' AS lst",
                          "SELECT TIME '10:00:00' AS lst", "SELECT 'a'::BLOB AS lst"}) {
    auto stream = Run(sql);
    ASSERT_FALSE(stream.has_value()) << sql;
    EXPECT_EQ(stream.error().code(), ErrorCode::kUnsupported) << sql;
    EXPECT_NE(stream.error().ToString().find("lst"), std::string::npos);
  }
}

TEST_F(EngineTest, TellsAnErrorOfAFileInOneLine) {
  const std::string path = folder_.Write("bad.csv", "a\n1\nfoo\n");
  EXPECT_EQ(
      Text(Run("SELECT * FROM read_csv('" + path +
                   "', auto_detect = false, header = true, columns = {'a': 'INTEGER'})",
               {path})),
      "the SQL meets a value of the wrong type: CSV Error on Line: 3 Original Line: foo Error "
      "when converting column \"a\". Could not convert string \"foo\" to 'INTEGER'");
}

TEST_F(EngineTest, RefusesAValueBeyondItsType) {
  // DuckDB 1.4.4 gives 157.40 here, which is no DECIMAL(4,2).
  EXPECT_EQ(Code(Run("SELECT '1.574e2'::DECIMAL(4,2) AS d")), ErrorCode::kOutOfRange);
}

TEST_F(EngineTest, RunsInUtc) {
  EXPECT_EQ(Text(Run("SELECT CAST(TIMESTAMPTZ '2020-01-01 00:00:00+08' AS VARCHAR)")),
            "2019-12-31 16:00:00+00\n");
}

TEST_F(EngineTest, DropsAStreamThatIsNotReadToItsEnd) {
  auto stream = Run("SELECT range FROM range(100000000)");
  ASSERT_TRUE(stream.has_value());
  ASSERT_TRUE(stream->Next().has_value());
}

// Behind the check that a statement is a SELECT stands DuckDB's own lock.
TEST(Embedded, RefusesToBeUnlocked) {
  TestFolder folder;
  const std::string allowed = folder.Write("allowed.csv", "a\n1\n");
  auto embedded = table::Embedded::Open({.memory_bytes = 64u << 20}, {&allowed, 1});
  ASSERT_TRUE(embedded.has_value()) << embedded.error().ToString();
  for (const std::string& sql :
       {std::string("SET enable_external_access = true"),
        std::string("SET allowed_paths = ['/etc/passwd']"),
        std::string("SET allowed_directories = ['/']"), std::string("SET memory_limit = '8GB'"),
        std::string("SET temp_directory = '/tmp'"), std::string("SET TimeZone = 'Asia/Shanghai'"),
        std::string("RESET lock_configuration"), std::string("PRAGMA threads = 8"),
        std::string("INSTALL httpfs"), std::string("LOAD httpfs"),
        "ATTACH '" + folder.path() + "/new.db'", "COPY (SELECT 1) TO '" + folder.path() + "/new'",
        "EXPORT DATABASE '" + folder.path() + "/new'"}) {
    auto done = (*embedded)->Execute(sql);
    ASSERT_FALSE(done.has_value()) << sql;
    EXPECT_EQ(done.error().code(), ErrorCode::kPermissionDenied)
        << sql << ": " << done.error().ToString();
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()),
                          std::filesystem::directory_iterator()),
            1);
}

// The same through DuckDB's ADBC driver, loaded as any other driver is.
class AdbcTest : public EngineTest {
 protected:
  void SetUp() override {
    auto engine = Engine::Driver(clock_, {FUQI_DUCKDB_LIBRARY,
                                          "duckdb_adbc_init",
                                          {{"path", ":memory:"},
                                           {"threads", "1"},
                                           {"enable_external_access", "false"},
                                           {"lock_configuration", "true"}}});
    ASSERT_TRUE(engine.has_value()) << engine.error().ToString();
    engine_ = std::move(*engine);
  }
};

TEST_F(AdbcTest, GivesTypedRows) {
  EXPECT_EQ(Text(Run("SELECT true, 1, 0.10::DECIMAL(4,2), '中文', DATE '2020-01-31', NULL, 1e300, "
                     "TIMESTAMP '2020-01-31 10:00:00.5', INTERVAL 1 MONTH, 7::HUGEINT")),
            "true|1|0.10|中文|2020-01-31|NULL|1e+300|2020-01-31 10:00:00.5|1 month|7\n");
  EXPECT_EQ(Text(Run("SELECT count(*), sum(range) FROM range(1000000)")), "1000000|499999500000\n");
  EXPECT_EQ(Text(Run("SELECT 1 WHERE false")), "");
}

TEST_F(AdbcTest, ReadsRelationsThatTheCallerGives) {
  Relation relation{"input", {{"k", {TypeId::kBigInt}}, {"s", {TypeId::kVarchar}}}, {}};
  for (int i = 0; i < 5000; ++i) {
    Row row(2);
    row.Set(0, Datum::Int(i));
    row.Set(1, i % 5 == 0 ? Datum::Null() : Datum::Text("t"));
    relation.rows.push_back(row);
  }
  EXPECT_EQ(Text(Run("SELECT count(*), count(s), sum(k) FROM input", {}, {}, {relation})),
            "5000|4000|12497500\n");
}

TEST_F(AdbcTest, RefusesFilesInThePermitAndExpiredPermits) {
  EXPECT_EQ(Code(Run("SELECT 1", {"/tmp/x"})), ErrorCode::kUnsupported);
  EXPECT_EQ(Code(engine_->Run(PermitForTest::Make("SELECT 1", {}, {}, 0))),
            ErrorCode::kPermissionDenied);
}

TEST_F(AdbcTest, GivesTheDriversErrors) {
  EXPECT_NE(Text(Run("SELECT nope")).find("nope"), std::string::npos);
  EXPECT_NE(Text(Run("SELEC")).find("SELEC"), std::string::npos);
  EXPECT_FALSE(Run("SELECT * FROM read_csv('/etc/passwd')").has_value());
}

TEST_F(AdbcTest, RefusesAnAnswerThatComesTooLate) {
  // DuckDB's driver cannot be cancelled: the answer comes after its time and is refused.
  EXPECT_EQ(Code(Run("SELECT count(*) FROM range(100000000) t WHERE hash(range) % 7 = 1", {},
                     Limits{.time_ms = 20})),
            ErrorCode::kDeadlineExceeded);
}

TEST(AdbcDriver, IsCancelledAtItsTime) {
  ManualClock clock(0);
  auto engine = Engine::Driver(clock, {FUQI_TEST_DRIVER, "", {{"any", "option"}}});
  ASSERT_TRUE(engine.has_value()) << engine.error().ToString();
  auto rows = (*engine)->Run(PermitForTest::Make("SELECT 1", {}, Limits{.time_ms = 100}));
  ASSERT_TRUE(rows.has_value()) << rows.error().ToString();
  const auto begin = std::chrono::steady_clock::now();
  auto row = rows->Next();
  ASSERT_FALSE(row.has_value());
  EXPECT_EQ(row.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1100));
}

TEST(AdbcDriver, MayBeOfTheFirstVersion) {
  ManualClock clock(0);
  auto engine = Engine::Driver(clock, {FUQI_TEST_DRIVER, "OldDriverInit", {}});
  ASSERT_TRUE(engine.has_value()) << engine.error().ToString();
  EXPECT_TRUE((*engine)->Run(PermitForTest::Make("SELECT 1")).has_value());
}

TEST(AdbcDriver, SaysWhatIsWrongWithADriver) {
  ManualClock clock(0);
  auto empty = Engine::Driver(clock, {FUQI_TEST_DRIVER, "EmptyDriverInit", {}});
  ASSERT_FALSE(empty.has_value());
  EXPECT_EQ(empty.error().code(), ErrorCode::kUnsupported);
  auto missing = Engine::Driver(clock, {"/nowhere/libnone.so", "", {}});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.error().ToString().find("/nowhere/libnone.so"), std::string::npos);

  auto no_function = Engine::Driver(clock, {FUQI_DUCKDB_LIBRARY, "no_such_function", {}});
  ASSERT_FALSE(no_function.has_value());
  EXPECT_EQ(no_function.error().code(), ErrorCode::kUnsupported);

  auto bad_option = Engine::Driver(
      clock, {FUQI_DUCKDB_LIBRARY, "duckdb_adbc_init", {{"path", ""}, {"no_such_option", "1"}}});
  ASSERT_FALSE(bad_option.has_value());
}

}  // namespace
}  // namespace fuqi::table
