#include "sql/bind.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sql/fragments_for_test.h"

namespace fuqi::sql {
namespace {

using table::TypeId;

const std::vector<Fragment>& Windows() {
  static const std::vector<Fragment> kWindows = {
      {"w", std::string(kExampleWindow), nullptr},
      {"w7",
       "PARTITION BY payee ORDER BY ts RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW",
       nullptr},
      {"since", "PARTITION BY payer, date_trunc('month', ts) ORDER BY ts", nullptr},
      {"everyone", "ORDER BY ts ROWS UNBOUNDED PRECEDING", nullptr},
      {"months", "ORDER BY ts RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND CURRENT ROW", nullptr},
      {"nothing", "ORDER BY ts RANGE BETWEEN INTERVAL 0 DAY PRECEDING AND CURRENT ROW", nullptr},
  };
  return kWindows;
}

Result<Level> Bind(std::vector<std::string> texts) {
  return BindLevel(TestBinder(), ExampleSchema(), kExampleTime, ItemsOf(std::move(texts)),
                   Windows());
}

// The bound item as SQL, or the error: "code line:column message".
std::string Bound(const std::string& text) {
  auto level = Bind({text});
  if (!level) {
    const Error& error = level.error();
    const Where where = error.where().value_or(Where{});
    return fmt::format("{} {}:{} {}", ErrorCodeName(error.code()), where.line, where.column,
                       error.message());
  }
  return ToSql(level->outputs[0].expr, level->input);
}

// What a fragment becomes: the typed tree as SQL.
struct Meaning {
  const char* text;
  const char* sql;
};

TEST(Bind, MakesEveryCastAndConstantExplicit) {
  constexpr Meaning kMeanings[] = {
      {"amount >= 100", R"(("amount" >= CAST('100.00' AS DECIMAL(18,2))))"},
      {"amount + n", R"(("amount" + CAST("n" AS DECIMAL(18,2))))"},
      {"AMOUNT * \"n\"", R"(("amount" * CAST("n" AS DECIMAL(18,0))))"},
      {"payee IN ('a', 'b')", R"(("payee" IN ('a', 'b')))"},
      {"n IN (1, 2.5)",
       R"((CAST("n" AS DECIMAL(11,1)) IN (CAST('1.0' AS DECIMAL(11,1)), CAST('2.5' AS DECIMAL(11,1)))))"},
      {"n NOT BETWEEN 1 AND 2",
       R"((NOT (("n" >= CAST('1' AS INTEGER)) AND ("n" <= CAST('2' AS INTEGER)))))"},
      {"payer IS NOT DISTINCT FROM payee", R"(("payer" IS NOT DISTINCT FROM "payee"))"},
      {"n IS TRUE", R"((CAST("n" AS BOOLEAN) IS NOT DISTINCT FROM CAST('true' AS BOOLEAN)))"},
      {"nullif(n, 0)",
       R"(CASE WHEN ("n" = CAST('0' AS INTEGER)) THEN CAST(NULL AS INTEGER) ELSE "n" END)"},
      {"if(night, 1, 2.5)",
       R"(CASE WHEN "night" THEN CAST('1.0' AS DECIMAL(11,1)) ELSE CAST('2.5' AS DECIMAL(11,1)) END)"},
      {"CASE n WHEN 1 THEN 'one' END",
       R"(CASE WHEN ("n" = CAST('1' AS INTEGER)) THEN 'one' ELSE CAST(NULL AS VARCHAR) END)"},
      {"ifnull(payee, '')", R"(COALESCE("payee", ''))"},
      {"TRY_CAST(payee AS INTEGER)", R"(TRY_CAST("payee" AS INTEGER))"},
      {"payee LIKE 'M%'", R"(("payee" LIKE 'M%'))"},
      {"len(payee) = char_length(payee)", R"((length("payee") = length("payee")))"},
      {"substr(payee, 2)", R"(substring("payee", CAST('2' AS BIGINT)))"},
      {"extract(dow FROM ts)", R"(date_part('dow', "ts"))"},
      {"n", R"("n")"},
      {"n -- the count\n", R"("n")"},
      {"/* a /* nested */ note */ n", R"("n")"},
  };
  for (const Meaning& meaning : kMeanings) {
    EXPECT_EQ(Bound(meaning.text), meaning.sql) << meaning.text;
  }
}

TEST(Bind, TakesConstantsAsDuckDbFoldsThem) {
  constexpr Meaning kMeanings[] = {
      {"1.5 + 2.25", "CAST('3.75' AS DECIMAL(4,2))"},
      {"DATE '2024-01-31' + INTERVAL 1 MONTH", "CAST('2024-02-29 00:00:00' AS TIMESTAMP)"},
      {"ts - INTERVAL '36 hours'",
       R"(("ts" - (to_months(0) + to_days(0) + to_microseconds(129600000000))))"},
      {"ts - INTERVAL (1.5) DAYS", R"(("ts" - (to_months(0) + to_days(1) + to_microseconds(0))))"},
      {"CAST('12' AS INTEGER) * 2", "CAST('24' AS INTEGER)"},
      {"-0.0::DOUBLE", "CAST('-0.0' AS DOUBLE)"},
      {"9223372036854775808", "CAST('9223372036854775808' AS HUGEINT)"},
      {"123456789012345678901234567890.12",
       "CAST('123456789012345678901234567890.12' AS DECIMAL(32,2))"},
      {"NULL::DATE", "CAST(NULL AS DATE)"},
      {"''", "''"},
      {"'it''s' || '中文'", "'it''s中文'"},
      {"TRUE AND NULL", "CAST(NULL AS BOOLEAN)"},
  };
  for (const Meaning& meaning : kMeanings) {
    EXPECT_EQ(Bound(meaning.text), meaning.sql) << meaning.text;
  }
}

// Code, line and column of what is refused; a part of the message.
struct Refusal {
  const char* text;
  const char* place;
  const char* message;
};

void ExpectRefused(std::span<const Refusal> refusals) {
  for (const Refusal& refusal : refusals) {
    const std::string said = Bound(refusal.text);
    EXPECT_TRUE(said.starts_with(refusal.place)) << refusal.text << "\n  " << said;
    EXPECT_NE(said.find(refusal.message), std::string::npos) << refusal.text << "\n  " << said;
  }
}

TEST(Bind, RefusesNamesThatAreNotThere) {
  const Refusal refusals[] = {
      {"n + amont", "not_found 1:5 ", "did you mean \"amount\"?"},
      {"n +\n  '中文' || zzzzzz", "not_found 2:11 ", "\"zzzzzz\""},
      {"rowid", "not_found 1:1 ", "\"rowid\""},
      {"fuqi_events", "not_found 1:1 ", "\"fuqi_events\""},
      {"f0 + 1", "not_found 1:1 ", "\"f0\""},
      {"count(*) OVER zz", "not_found 1:15 ", "\"zz\""},
      {"txn_id.x", "unsupported 1:1 ", "without a table"},
  };
  ExpectRefused(refusals);
}

TEST(Bind, RefusesTextThatWouldSilentlyBecomeAnotherType) {
  const Refusal refusals[] = {
      {"payer = 1", "type_mismatch 1:1 ", "INTEGER"},
      {"1 = payer", "type_mismatch 1:5 ", "INTEGER"},
      {"n = '1'", "type_mismatch 1:5 ", "INTEGER"},
      {"n IN (1, '2')", "type_mismatch 1:10 ", "INTEGER"},
      {"ts >= '2024-01-01'", "type_mismatch 1:7 ", "TIMESTAMP"},
      {"day = '2024-01-01 10:00:00'", "type_mismatch 1:7 ", "DATE"},
      {"night AND payee", "type_mismatch 1:11 ", "BOOLEAN"},
      {"payee IS TRUE", "type_mismatch 1:", "BOOLEAN"},
      {"CASE WHEN night THEN 1 ELSE 'x' END", "type_mismatch 1:29 ", "INTEGER"},
      {"coalesce(payee, 'x') = 5", "type_mismatch 1:", "INTEGER"},
      {"count(*) FILTER (WHERE payee) OVER w", "type_mismatch 1:24 ", "BOOLEAN"},
      {"lag(n, 1, '0') OVER w", "type_mismatch 1:11 ", "INTEGER"},
  };
  ExpectRefused(refusals);
  EXPECT_EQ(Bound("CAST(payer AS INTEGER) = 1"),
            R"((CAST("payer" AS INTEGER) = CAST('1' AS INTEGER)))");
  EXPECT_EQ(Bound("payer::INTEGER = 1"), R"((CAST("payer" AS INTEGER) = CAST('1' AS INTEGER)))");
  EXPECT_EQ(Bound("ts >= DATE '2024-01-01'"),
            R"(("ts" >= CAST('2024-01-01 00:00:00' AS TIMESTAMP)))");
  EXPECT_EQ(Bound("payer || n"), R"(("payer" || CAST("n" AS VARCHAR)))");
}

TEST(Bind, RefusesDivisorsThatCouldBeZero) {
  const Refusal refusals[] = {
      {"amount / n", "unsupported 1:8 ", "x / nullif(y, 0)"},
      {"amount / 0", "unsupported 1:8 ", "nullif"},
      {"amount / 0.0", "unsupported 1:8 ", "nullif"},
      {"rate % n", "unsupported 1:6 ", "x % nullif(y, 0)"},
      {"amount / nullif(n, 1)", "unsupported 1:8 ", "nullif"},
      {"amount / nullif(n + 1, 0) / n", "unsupported 1:27 ", "nullif"},
      {"amount / greatest(n, 0)", "unsupported 1:8 ", "nullif"},
      {"amount / least(n, 1)", "unsupported 1:8 ", "nullif"},
      {"amount / round(nullif(rate, 0))", "unsupported 1:8 ", "nullif"},
      {"amount / nullif(rate, 0)::INTEGER", "unsupported 1:8 ", "nullif"},
      {"amount / coalesce(nullif(n, 0), 0)", "unsupported 1:8 ", "nullif"},
      {"amount / CASE WHEN rate = 0 THEN NULL ELSE rate::INTEGER END", "unsupported 1:8 ",
       "nullif"},
      {"amount / CASE WHEN rate = 0 THEN 0 ELSE rate END", "unsupported 1:8 ", "nullif"},
      {"amount / CASE WHEN n = 0 THEN NULL ELSE rate END", "unsupported 1:8 ", "nullif"},
      {"amount / greatest(0.001, amount)::DECIMAL(18,2)", "unsupported 1:8 ", "nullif"},
      {"amount / count(payee) OVER w", "unsupported 1:8 ", "nullif"},
      {"amount / count(*) FILTER (WHERE night) OVER w", "unsupported 1:8 ", "nullif"},
      {"1 / 0", "unsupported 1:3 ", "finite"},
  };
  ExpectRefused(refusals);
  for (const char* text :
       {"amount / 2", "amount / -2.5", "amount / nullif(n, 0)", "amount / nullif(amount - n, 0)",
        "amount / greatest(n, 1)", "amount / greatest(0.01, rate)", "amount / count(*) OVER w",
        "amount / -nullif(n, 0)", "amount / abs(nullif(rate, 0))", "rate % nullif(n, 0)",
        "amount / coalesce(nullif(n, 0), 1)", "n // n", "n % n", "amount // n",
        "amount / nullif(n, 0)::DOUBLE",
        "amount / CASE WHEN rate::INTEGER = 0 THEN NULL ELSE rate END"}) {
    EXPECT_EQ(Bound(text).find("unsupported"), std::string::npos) << Bound(text);
  }
}

TEST(Bind, RefusesWhatIsNotListedByNameAndPlace) {
  const Refusal refusals[] = {
      {"1 + (SELECT 1)", "unsupported 1:5 ", "a subquery"},
      {"n IN (SELECT 1)", "unsupported 1:3 ", "a subquery"},
      {"EXISTS (SELECT 1)", "unsupported 1:1 ", "a subquery"},
      {"*", "unsupported 1:1 ", "*"},
      {"COLUMNS('n')", "unsupported 1:1 ", "*"},
      {"n + random()", "unsupported 1:5 ", "random"},
      {"now()", "unsupported 1:1 ", "now"},
      {"current_date", "unsupported 1:1 ", "current_date"},
      {"day = current_date", "unsupported 1:7 ", "current_date"},
      {"today()", "unsupported 1:1 ", "today"},
      {"nextval('s')", "unsupported 1:1 ", "nextval"},
      {"uuid()", "unsupported 1:1 ", "uuid"},
      {"hash(n)", "unsupported 1:1 ", "hash"},
      {"md5(payee)", "unsupported 1:1 ", "md5"},
      {"read_text('/etc/passwd')", "unsupported 1:1 ", "read_text"},
      {"getenv('HOME')", "unsupported 1:1 ", "getenv"},
      {"main.abs(n)", "", "abs(\"n\")"},
      {"other.abs(n)", "unsupported 1:1 ", "schema"},
      {"sum(n)", "unsupported 1:1 ", "OVER"},
      {"count(*)", "unsupported 1:1 ", "OVER"},
      {"abs(DISTINCT n)", "unsupported 1:1 ", "DISTINCT"},
      {"amount::FLOAT", "unsupported 1:7 ", "FLOAT"},
      {"n::INTEGER[]", "unsupported 1:11 ", "["},
      {"payee COLLATE NOCASE = payer", "unsupported 1:1 ", "COLLATE"},
      {"[n, n]", "unsupported 1:1 ", ""},
      {"TRY(n)", "unsupported 1:5 ", "TRY"},
      {"payee[1]", "unsupported 1:6 ", "["},
      {"regexp_matches(payee, payer)", "unsupported 1:1 ", "regexp_matches(VARCHAR, VARCHAR)"},
      {"date_trunc('fortnight', ts)", "", "fortnight"},
      {"date_part('days', ts)", "unsupported 1:1 ", "date_part"},
      {"date_part(payee, ts)", "unsupported 1:1 ", "date_part"},
      {"INTERVAL 1 DAY::VARCHAR = payee", "", ""},
      {"to_days(n)::VARCHAR", "unsupported 1:11 ", "INTERVAL"},
      {"row_number() OVER w", "unsupported 1:1 ", "row_number"},
      {"median(n) OVER w", "unsupported 1:1 ", "median"},
      {"sum(DISTINCT n) OVER w", "unsupported 1:1 ", "DISTINCT"},
      {"lag(n IGNORE NULLS) OVER w", "unsupported 1:1 ", "IGNORE NULLS"},
      {"first(n ORDER BY ts) OVER w", "unsupported 1:1 ", "ORDER BY"},
      {"sum(count(*) OVER w) OVER w", "unsupported 1:5 ", "a window function cannot stand here"},
      {"lag(n, n) OVER w", "unsupported 1:8 ", "constant"},
      {"lag(n, 0) OVER w", "unsupported 1:8 ", "constant"},
      {"lag(n, -1) OVER w", "unsupported 1:8 ", "constant"},
      {"lag(n, 1, n) OVER w", "unsupported 1:", "constant"},
      {"count(*) OVER (ORDER BY ts)", "unsupported 1:10 ", "OVER <name>"},
      {"count(*) OVER ()", "unsupported 1:10 ", "OVER <name>"},
      {"DATE '2024-13-01' = day", "out_of_range 1:19 ", "has no value"},
      {"127::TINYINT + 1::TINYINT", "out_of_range 1:14 ", "has no value"},
  };
  ExpectRefused(refusals);
}

TEST(Bind, RefusesWindowsWhoseDefinitionIsNotWithinTheRules) {
  const auto bind = [](const std::string& definition) {
    const std::vector<Fragment> windows = {{"x", definition, nullptr}};
    const std::vector<Fragment> items = {{"f", "count(*) OVER x", nullptr}};
    auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, items, windows);
    if (level) {
      return std::string("fine");
    }
    const Where where = *level.error().where();
    return fmt::format("{} {}:{} {}", where.field, where.line, where.column,
                       level.error().message());
  };
  const Refusal refusals[] = {
      {"ORDER BY amount", "x 1:10 ", "ts"},
      {"ORDER BY ts DESC", "x 1:13 ", "rising"},
      {"ORDER BY ts, n", "x 1:12 ", "rising"},
      {"PARTITION BY payer", "x 1:19 ", "ORDER BY"},
      {"", "x 1:1 ", "empty"},
      {"ORDER BY ts ROWS n PRECEDING", "x 1:18 ", "number of rows"},
      {"ORDER BY ts ROWS -1 PRECEDING", "x 1:18 ", "number of rows"},
      {"ORDER BY ts ROWS 1000001 PRECEDING", "x 1:18 ", "0 to 1000000"},
      {"ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 2 PRECEDING", "f 1:", "ends before it begins"},
      {"ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING", "x 1:42 ", "CURRENT ROW"},
      {"ORDER BY ts GROUPS UNBOUNDED PRECEDING", "x 1:13 ", "RANGE"},
      {"ORDER BY ts RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "x 1:27 ", "PRECEDING"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 25 HOURS PRECEDING",
       "f 1:", "ends before it begins"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND INTERVAL 29 DAYS PRECEDING",
       "f 1:", "ends before it begins"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 1 YEAR PRECEDING AND INTERVAL 1 MONTH PRECEDING",
       "f 1:", "months have none"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW",
       "x 1:68 ", "nothing may follow"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 2000 YEARS PRECEDING AND CURRENT ROW", "x 1:36 ",
       "12000"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL 0 DAY PRECEDING AND CURRENT ROW", "x 1:36 ", "zero"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL (-1) DAY PRECEDING AND CURRENT ROW", "x 1:", "zero"},
      {"ORDER BY ts RANGE BETWEEN INTERVAL (n) DAY PRECEDING AND CURRENT ROW",
       "x 1:", "constant INTERVAL"},
      {"ORDER BY ts RANGE BETWEEN '1 day' PRECEDING AND CURRENT ROW", "x 1:27 ", "INTERVAL"},
      {"PARTITION BY nobody ORDER BY ts", "x 1:14 ", "\"nobody\""},
      {"PARTITION BY random() ORDER BY ts", "x 1:14 ", "random"},
      {"PARTITION BY (SELECT 1) ORDER BY ts", "x 1:14 ", "subquery"},
      {"PARTITION BY sum(n) ORDER BY ts", "x 1:14 ", "OVER"},
      {"PARTITION BY ORDER BY ts", "x 1:", ""},
      {"ORDER BY ts) AS (SELECT 1", "x 1:12 ", "never opened"},
  };
  for (const Refusal& refusal : refusals) {
    const std::string said = bind(refusal.text);
    EXPECT_TRUE(said.starts_with(refusal.place)) << refusal.text << "\n  " << said;
    EXPECT_NE(said.find(refusal.message), std::string::npos) << refusal.text << "\n  " << said;
  }
  for (const char* definition :
       {"ORDER BY ts", "ORDER BY \"TS\" ASC", "partition by payer, n % 2 order by ts",
        "ORDER BY ts RANGE INTERVAL 1 DAY PRECEDING", "ORDER BY ts ROWS UNBOUNDED PRECEDING",
        "ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        "ORDER BY ts ROWS 3 PRECEDING",
        "ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
        "ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND INTERVAL 1 HOUR PRECEDING",
        "ORDER BY ts RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND INTERVAL 28 DAYS PRECEDING",
        "ORDER BY ts RANGE BETWEEN INTERVAL '1 year 2 days' PRECEDING AND CURRENT ROW",
        "PARTITION BY CASE WHEN night THEN 1 ELSE 2 END ORDER BY ts -- per half\n"}) {
    EXPECT_EQ(bind(definition), "fine") << definition;
  }
}

TEST(Bind, MergesWindowsOfOneMeaning) {
  auto level = Bind({"count(*) OVER w + sum(amount) OVER w", "sum(amount) OVER w",
                     "count(*) OVER w7 - count(*) OVER w",
                     "count(DISTINCT payee) FILTER (WHERE amount > 10) OVER w"});
  ASSERT_TRUE(level) << level.error().ToString();
  ASSERT_EQ(level->windows.size(), 4u);
  EXPECT_EQ(ToSql(level->outputs[0].expr, level->input), "(CAST(w0 AS DECIMAL(38,2)) + w1)");
  EXPECT_EQ(ToSql(level->outputs[1].expr, level->input), "w1");
  EXPECT_EQ(ToSql(level->outputs[2].expr, level->input), "(w2 - w0)");
  const Window& distinct = level->windows[3];
  EXPECT_EQ(distinct.function, "count");
  EXPECT_TRUE(distinct.distinct);
  ASSERT_TRUE(distinct.filter);
  EXPECT_EQ(ToSql(*distinct.filter, level->input),
            R"(("amount" > CAST('10.00' AS DECIMAL(18,2))))");
}

TEST(Bind, NormalisesFrames) {
  constexpr int64_t kDayUs = 86'400'000'000;
  auto level = Bind({"count(*) OVER w", "sum(n) OVER w7", "max(ts) OVER since",
                     "last_value(payee) OVER everyone", "lag(payee, 2, 'none') OVER w"});
  ASSERT_TRUE(level) << level.error().ToString();
  const auto& windows = level->windows;
  ASSERT_EQ(windows.size(), 5u);
  EXPECT_EQ(windows[0].function, "count_star");
  EXPECT_EQ(windows[0].frame, Window::Frame::kRange);
  EXPECT_EQ(windows[0].length_us, kDayUs);
  EXPECT_EQ(windows[1].length_us, 7 * kDayUs);
  EXPECT_EQ(windows[1].type.id, TypeId::kHugeInt);
  EXPECT_EQ(windows[2].frame, Window::Frame::kUnbounded);
  ASSERT_EQ(windows[2].partitions.size(), 2u);
  EXPECT_EQ(ToSql(windows[2].partitions[1], level->input), R"(date_trunc('month', "ts"))");
  EXPECT_EQ(windows[3].function, "last");
  EXPECT_TRUE(windows[3].partitions.empty());
  // lag goes back within the partition, whatever the frame.
  EXPECT_FALSE(windows[4].reach_us());
  EXPECT_EQ(windows[4].offset, 2);
  ASSERT_TRUE(windows[4].fallback);
  EXPECT_EQ(ToSql(*windows[4].fallback, level->input), "'none'");
}

TEST(Bind, BoundsWhatConstantsMayGrowTo) {
  const std::string many(4000, 'a');
  const std::string grown = fmt::format("replace('{0}', 'a', '{0}')", many);
  const std::string nested = fmt::format(
      "length(replace(replace('{0}', 'a', 'aaaaaaaaaaaa'), 'a', "
      "'bbbbbbbbbbbbbbb')) > n",
      many);
  for (const std::string& text : {grown, nested}) {
    EXPECT_TRUE(Bound(text.c_str()).starts_with("resource_exhausted 1:")) << Bound(text.c_str());
  }
  EXPECT_EQ(Bound("length(replace('aaa', 'a', 'bb')) > n"),
            "(CAST('6' AS BIGINT) > CAST(\"n\" AS BIGINT))");
  table::Schema wide = ExampleSchema();
  while (wide.size() < kMaxColumns) {
    wide.push_back({fmt::format("c{}", wide.size()), {TypeId::kInteger}});
  }
  auto level = BindLevel(TestBinder(), wide, kExampleTime, ItemsOf({"n"}), {});
  ASSERT_FALSE(level);
  EXPECT_EQ(level.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Bind, ReadsEachEdgeOfAFrame) {
  constexpr int64_t kDayUs = 86'400'000'000;
  const auto bind = [](const char* frame) {
    const std::vector<Fragment> windows = {{"x", std::string("ORDER BY ts ") + frame, nullptr}};
    const std::vector<Fragment> items = {{"f", "count(n) OVER x", nullptr}};
    auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, items, windows);
    FUQI_CHECK(level.has_value());
    return level->windows[0];
  };
  const Window months =
      bind("RANGE BETWEEN INTERVAL '14 months 3 days' PRECEDING AND INTERVAL 2 DAYS PRECEDING");
  EXPECT_EQ(months.frame, Window::Frame::kRange);
  EXPECT_EQ(months.length_months, 14);
  EXPECT_EQ(months.length_us, 3 * kDayUs);
  EXPECT_EQ(months.gap_us, 2 * kDayUs);
  EXPECT_EQ(months.reach_us(), (14 * 31 + 3) * kDayUs);
  const Window rows = bind("ROWS BETWEEN 7 PRECEDING AND 2 PRECEDING");
  EXPECT_EQ(rows.frame, Window::Frame::kRows);
  EXPECT_EQ(rows.rows, 7);
  EXPECT_EQ(rows.gap_rows, 2);
  EXPECT_FALSE(rows.reach_us());
  const Window before = bind("ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING");
  EXPECT_EQ(before.frame, Window::Frame::kUnbounded);
  EXPECT_EQ(before.gap_rows, 1);
  EXPECT_FALSE(before.ends_here());
}

TEST(Bind, ReadsWhatStandsBesideTheArguments) {
  auto level = Bind({"quantile_disc(amount, 0.95) OVER w",
                     "string_agg(DISTINCT payee, ';' ORDER BY payee) OVER w", "stddev(n) OVER w"});
  ASSERT_TRUE(level) << level.error().ToString();
  const auto& windows = level->windows;
  EXPECT_EQ(ToSql(*windows[0].parameter, level->input), "CAST('0.95' AS DECIMAL(3,2))");
  EXPECT_EQ(ToSql(*windows[1].parameter, level->input), "';'");
  EXPECT_EQ(windows[2].function, "stddev_samp");
  const Refusal refusals[] = {
      {"quantile_disc(amount, -0.5) OVER w", "unsupported 1:", "from 0 to 1"},
      {"quantile_disc(payee, 0.5) OVER w", "unsupported 1:", "quantile_disc"},
      {"string_agg(payee, ';') OVER w", "unsupported 1:", "ORDER BY x"},
      {"string_agg(DISTINCT payee, ';') OVER w", "unsupported 1:", "ORDER BY x"},
      {"string_agg(DISTINCT payee, ';' ORDER BY payer) OVER w", "unsupported 1:", "ORDER BY x"},
      {"string_agg(DISTINCT payee, ';' ORDER BY payee DESC) OVER w",
       "unsupported 1:", "ORDER BY x"},
      {"sum(n ORDER BY n) OVER w", "unsupported 1:", "ORDER BY"},
      {"ts AT TIME ZONE 'UTC' IS NULL", "unsupported 1:", "from one zone to another"},
  };
  ExpectRefused(refusals);
}

TEST(Bind, TakesTypesFromDuckDbAlone) {
  auto level =
      Bind({"amount + n", "amount * amount", "amount / 2", "sum(amount) OVER w", "avg(n) OVER w",
            "n // 2", "date_trunc('day', ts)", "ts - lag(ts) OVER w", "sum(rate) OVER w", "NULL"});
  ASSERT_TRUE(level) << level.error().ToString();
  std::string types;
  for (const table::Column& column : OutputSchema(*level)) {
    types += column.type.ToString() + " ";
  }
  EXPECT_EQ(types,
            "DECIMAL(18,2) DECIMAL(18,4) DOUBLE DECIMAL(38,2) DOUBLE INTEGER DATE INTERVAL DOUBLE "
            "INTEGER ");
}

TEST(Bind, RefusesAnItemNamedAsAColumnOrAnotherItem) {
  const std::vector<Fragment> items = {{"f", "n", nullptr}, {"F", "n + 1", nullptr}};
  auto twice = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, items, {});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(twice.error().where()->field, "F");
  const std::vector<Fragment> shadow = {{"Amount", "n", nullptr}};
  auto shadowed = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, shadow, {});
  ASSERT_FALSE(shadowed);
  EXPECT_EQ(shadowed.error().code(), ErrorCode::kAlreadyExists);
}

TEST(Bind, PlacesErrorsInTheUsersFile) {
  const auto place = [](size_t offset) {
    return Where{.file = "pack.toml", .line = 40, .column = static_cast<int>(offset) + 7};
  };
  const std::vector<Fragment> items = {{"fan_in", "n + nope", place}};
  auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, items, {});
  ASSERT_FALSE(level);
  EXPECT_EQ(*level.error().where(), (Where{"pack.toml", 40, 11, "fan_in"}));
}

TEST(Bind, NeedsATimestampAsTime) {
  auto level = BindLevel(TestBinder(), ExampleSchema(), 5, {}, {});
  ASSERT_FALSE(level);
  EXPECT_EQ(level.error().code(), ErrorCode::kTypeMismatch);
}

// What was bound, printed and bound again means the same: nothing is left to the binder's choice.
TEST(ToSql, MeansTheTreeThatItPrints) {
  for (const Construct& construct : Constructs()) {
    if (construct.kind == Construct::Kind::kWindow) {
      continue;
    }
    auto once = Bind({std::string(construct.example)});
    ASSERT_TRUE(once) << construct.example << ": " << once.error().ToString();
    auto twice = Bind({ToSql(once->outputs[0].expr, once->input)});
    ASSERT_TRUE(twice) << ToSql(once->outputs[0].expr, once->input) << ": "
                       << twice.error().ToString();
    EXPECT_TRUE(SameExpr(once->outputs[0].expr, twice->outputs[0].expr))
        << ToSql(once->outputs[0].expr, once->input);
  }
}

}  // namespace
}  // namespace fuqi::sql
