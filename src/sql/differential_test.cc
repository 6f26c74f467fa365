// Programs against DuckDB itself: random typed expressions over every listed construct, on rows of
// NULLs and extreme values. Equal to the bit where the construct is exact, error where DuckDB errs.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/clock.h"
#include "base/random.h"
#include "sql/fragments_for_test.h"
#include "sql/functions.h"
#include "sql/program.h"
#include "table/engine.h"
#include "table/permit_for_test.h"

namespace fuqi::sql {
namespace {

using table::Datum;
using table::Row;
using table::Type;
using table::TypeId;

constexpr size_t kTimesEach = 20;
constexpr size_t kAttemptsEach = 400;
constexpr size_t kRows = 48;

const table::Schema& Wide() {
  static const table::Schema kSchema = {{"txn_id", {TypeId::kBigInt}, false},
                                        {"payer", {TypeId::kVarchar}},
                                        {"payee", {TypeId::kVarchar}},
                                        {"amount", table::Decimal(18, 2)},
                                        {"ts", {TypeId::kTimestamp}, false},
                                        {"day", {TypeId::kDate}},
                                        {"n", {TypeId::kInteger}},
                                        {"rate", {TypeId::kDouble}},
                                        {"night", {TypeId::kBoolean}},
                                        {"tiny", {TypeId::kTinyInt}},
                                        {"big", {TypeId::kBigInt}},
                                        {"huge", {TypeId::kHugeInt}},
                                        {"byte", {TypeId::kUTinyInt}},
                                        {"ubig", {TypeId::kUBigInt}},
                                        {"cents", table::Decimal(4, 2)},
                                        {"precise", table::Decimal(38, 10)},
                                        {"fraction", table::Decimal(4, 4)},
                                        {"number_text", {TypeId::kVarchar}},
                                        {"time_text", {TypeId::kVarchar}}};
  return kSchema;
}

// ---- Rows.

// DuckDB's text of a value, so that the rows are written as a person would.
const std::vector<std::vector<const char*>>& Samples() {
  static const std::vector<std::vector<const char*>> kSamples = {
      {},
      {"", "a", "M1", "MERCHANT0", "中文字", "Ä é ß İ ǅ", " x ", "a%b_c", "aXbX",
       "\xe3\x80\x80y\xc2\xa0", "\xf0\x9f\x98\x80z", "a\nb", "e\xcc\x81",
       "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
       "o\xcc\x82\xcc\xa3x", "\xef\xac\x81 \xe0\xa4\x95\xe0\xa5\x8d\xe0\xa4\xb7"},
      {"", "abc", "ABC", "M10", "x", "中", "AA", "a%", "0012300", "MERMER", "é"},
      {"0.00", "0.01", "-0.01", "0.05", "1.00", "9999.99", "-123.45", "9999999999999999.99",
       "-9999999999999999.99", "12.50"},
      {"1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 12:34:56.789012",
       "2024-12-30 00:00:00", "2023-01-01 23:59:59", "0001-01-01 00:00:00",
       "9999-12-31 23:59:59.999999", "1900-03-01 05:06:07.000001", "0044-03-15 (BC) 01:00:00",
       "2020-01-31 00:00:00.5"},
      {"1970-01-01", "1969-12-31", "2024-02-29", "2024-12-30", "2023-01-01", "0001-01-01",
       "9999-12-31", "0044-03-15 (BC)", "2020-01-31", "2021-01-03", "infinity", "-infinity"},
      {"0", "1", "-1", "2", "7", "31", "100", "2147483647", "-2147483648"},
      {"0.0", "-0.0", "1.0", "-1.5", "2.5", "3.5", "0.1", "1e15", "9007199254740993", "1e308",
       "-1e308", "5e-324", "-2.675", "1e-5", "123456.789", "127.4"},
      {"true", "false"},
      {"0", "1", "-1", "127", "-128", "5"},
      {"0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993",
       "1000000"},
      {"0", "1", "-1", "170141183460469231731687303715884105727",
       "-170141183460469231731687303715884105728", "18446744073709551616", "-9223372036854775809",
       "12345678901234567890123"},
      {"0", "1", "255", "128"},
      {"0", "1", "18446744073709551615", "9223372036854775808"},
      {"0.00", "0.01", "-0.05", "99.99", "-99.99", "1.25", "1.50", "2.50"},
      {"0", "0.0000000001", "-1.5", "9999999999999999999999999999.9999999999",
       "-9999999999999999999999999999.9999999999", "123456789012345678.9876543210", "2.5000000000"},
      {"0", "0.5", "-0.0001", "0.9999", "-0.9999", "0.00005"},
      {"0",    "1",     " 12 ",   "-7",    "+5",
       "2.5",  "-2.5",  "1e3",    "1_000", "0x1F",
       ".5",   "5.",    "12.345", "1e400", "abc",
       "",     "-",     "1e-2",   "127.5", "99999999999999999999",
       "true", "yes",   "NO",     "t",     "1e",
       "1 2",  "0.005", "1__0",   "inf",   "9.995"},
      {"2024-02-29",
       "2024-2-9",
       " 2020/01/02 ",
       "2024-02-30",
       "2024-01-02 03:04:05",
       "2024-01-02T03:04:05.123456789Z",
       "2024-01-02 03:04:05+02",
       "2024-01-02 24:00:00",
       "infinity",
       "-infinity",
       "epoch",
       "0044-03-15 (BC)",
       "2024-01-02 3:4",
       "2024-01-02 10",
       "2024-13-01",
       "20240102",
       "",
       "2024-01-02x",
       "2024-01-02 03:04:05 UTC",
       "2024-01-02 03:04:60"}};
  return kSamples;
}

Result<std::vector<Row>> RunSql(const std::string& sql, std::vector<Row> rows,
                                const table::Schema& schema) {
  auto engine = table::Engine::Embedded(SystemClock());
  std::vector<table::Relation> given;
  given.push_back({"events", schema, std::move(rows)});
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream,
                        engine->Run(table::PermitForTest::Make(sql), std::move(given)));
  return stream.ReadAll();
}

// Rows in which every sample of every column occurs.
std::vector<Row> MakeRows(SeededRandom& random) {
  table::Schema texts;
  std::string sql = "SELECT CAST(txn_id AS BIGINT)";
  for (const table::Column& column : Wide()) {
    texts.push_back({column.name, {TypeId::kVarchar}});
    if (column.name != "txn_id") {
      sql += fmt::format(", CAST({} AS {})", column.name, column.type.ToString());
    }
  }
  std::vector<Row> rows;
  for (size_t r = 0; r < kRows; ++r) {
    Row row(Wide().size());
    row.Set(0, Datum::Text(std::to_string(r)));
    for (size_t c = 1; c < Wide().size(); ++c) {
      const auto& samples = Samples()[c];
      if (Wide()[c].nullable && random.Chance(0.12)) {
        continue;
      }
      row.Set(c, Datum::Text(samples[r < samples.size() ? r : random.Below(samples.size())]));
    }
    rows.push_back(std::move(row));
  }
  auto typed = RunSql(sql + " FROM events ORDER BY 1", std::move(rows), texts);
  FUQI_CHECK(typed.has_value());
  return *std::move(typed);
}

// ---- Expressions.

struct Sample {
  std::string text;
  Type type;
};

// Everything that has been bound so far, to build upon.
class Pool {
 public:
  explicit Pool(SeededRandom& random) : random_(random) {
    for (const table::Column& column : Wide()) {
      leaves_.push_back({column.name, column.type});
    }
    const std::pair<const char*, Type> constants[] = {
        {"0", {TypeId::kInteger}},
        {"1", {TypeId::kInteger}},
        {"-1", {TypeId::kInteger}},
        {"3", {TypeId::kInteger}},
        {"127", {TypeId::kInteger}},
        {"2147483647", {TypeId::kInteger}},
        {"9223372036854775807", {TypeId::kBigInt}},
        {"0.5", table::Decimal(2, 1)},
        {"100.005", table::Decimal(6, 3)},
        {"2.5::DOUBLE", {TypeId::kDouble}},
        {"1e10", {TypeId::kDouble}},
        {"'a'", {TypeId::kVarchar}},
        {"'中'", {TypeId::kVarchar}},
        {"''", {TypeId::kVarchar}},
        {"'ER'", {TypeId::kVarchar}},
        {"DATE '2024-01-31'", {TypeId::kDate}},
        {"DATE '1900-12-31'", {TypeId::kDate}},
        {"TIMESTAMP '2024-02-29 23:59:59.5'", {TypeId::kTimestamp}},
        {"TIMESTAMP '1969-07-20 20:17:40'", {TypeId::kTimestamp}},
        {"true", {TypeId::kBoolean}},
        {"false", {TypeId::kBoolean}},
        // No two of these compare equal: DuckDB takes equal ones in one SELECT for the same.
        {"INTERVAL 1 DAY", {TypeId::kInterval}},
        {"INTERVAL 1 MONTH", {TypeId::kInterval}},
        {"INTERVAL 36 HOURS", {TypeId::kInterval}},
        {"INTERVAL '-1 second'", {TypeId::kInterval}},
        {"INTERVAL 400 DAYS", {TypeId::kInterval}},
        {"INTERVAL 1 YEAR", {TypeId::kInterval}}};
    for (const auto& [text, type] : constants) {
      leaves_.push_back({text, type});
    }
  }

  void Add(Sample sample) {
    if (sample.text.size() < 120) {
      made_.push_back(std::move(sample));
    }
  }

  std::string Pick(std::string_view kind) {
    const bool made = random_.Chance(0.35);
    for (const auto* from : made ? std::array{&made_, &leaves_} : std::array{&leaves_, &made_}) {
      std::vector<const Sample*> fitting;
      for (const Sample& sample : *from) {
        if (IsKind(kind, sample.type)) {
          fitting.push_back(&sample);
        }
      }
      if (!fitting.empty()) {
        return fitting[random_.Below(fitting.size())]->text;
      }
    }
    FUQI_CHECK(false);
  }

 private:
  static bool IsKind(std::string_view kind, Type type) {
    const bool integer = type.is_exact_number() && type.id != TypeId::kDecimal;
    return kind == "any" ||
           (kind == "number" && (type.is_exact_number() || type.id == TypeId::kDouble)) ||
           (kind == "signed" && (type.id == TypeId::kDecimal || BoundsOf(type).low < 0) &&
            type.is_exact_number()) ||
           (kind == "integer" && integer) || (kind == "small" && type.id == TypeId::kInteger) ||
           (kind == "double" && (type.is_exact_number() || type.id == TypeId::kDouble)) ||
           (kind == "boolean" && type.id == TypeId::kBoolean) ||
           (kind == "text" && type.id == TypeId::kVarchar) ||
           (kind == "date" && type.id == TypeId::kDate) ||
           (kind == "timestamp" && type.id == TypeId::kTimestamp) ||
           (kind == "interval" && type.id == TypeId::kInterval);
  }

  SeededRandom& random_;
  std::vector<Sample> leaves_;
  std::vector<Sample> made_;
};

class Writer {
 public:
  Writer(SeededRandom& random, Pool& pool) : random_(random), pool_(pool) {}

  std::string Write(const Construct& construct) {
    if (construct.kind == Construct::Kind::kSyntax) {
      return Syntax(construct.name);
    }
    const std::string name(construct.name);
    const std::vector<std::string> args = Arguments(construct);
    if (name == "timezone") {
      return fmt::format("({} AT TIME ZONE {} AT TIME ZONE {})", args[2], args[0], args[1]);
    }
    if (construct.kind == Construct::Kind::kFunction) {
      return fmt::format("{}({})", name, fmt::join(args, ", "));
    }
    if (args.size() == 1) {
      return fmt::format("({} {})", name, args[0]);
    }
    static const std::map<std::string, std::string> kWords = {
        {"~~", "LIKE"}, {"!~~", "NOT LIKE"}, {"~~*", "ILIKE"}, {"!~~*", "NOT ILIKE"}};
    const auto word = kWords.find(name);
    return fmt::format("({} {} {})", args[0], word == kWords.end() ? name : word->second, args[1]);
  }

 private:
  template <size_t N>
  std::string Any(const char* const (&words)[N]) {
    return words[random_.Below(N)];
  }

  std::string Argument(std::string_view kind, const Construct& construct) {
    if (kind == "unit") {
      return Any({"'year'", "'quarter'", "'month'", "'week'", "'day'", "'dow'", "'isodow'", "'doy'",
                  "'isoyear'", "'hour'", "'minute'", "'second'", "'millisecond'", "'microsecond'"});
    }
    if (kind == "zone") {
      return Any({"'UTC'", "'Asia/Shanghai'", "'America/New_York'", "'Europe/London'",
                  "'Asia/Kolkata'", "'Pacific/Apia'", "'America/Havana'"});
    }
    if (kind == "constant") {
      return Any({"0", "1", "2", "5"});
    }
    if (construct.args.find("date") != std::string_view::npos && kind == "small") {
      // DuckDB has one date below its -infinity, which a sum can reach.
      return fmt::format("least(greatest({}, -2147000000), 2147000000)", pool_.Pick(kind));
    }
    if (kind == "pattern") {
      return construct.name.find("escape") != std::string_view::npos
                 ? Any({"'a$%%'", "'%$_c'", "'M_'", "'$$%'", "'%'", "''", "'a$%b$_c'"})
                 : Any({"'^M[0-9]+'", "'[a-z]'", "'.'", "'^$'", "'A+'", "'(a|中).*'", "'\\w+'",
                        "'\\pL'", "'b$'", "'a.b'"});
    }
    if (construct.name == "-" && construct.args == "number") {
      return pool_.Pick("signed");  // DuckDB makes 255 of -(1::UTINYINT); programs refuse that
    }
    if (construct.name.ends_with("~~") || construct.name.ends_with("~~*")) {
      return random_.Chance(0.4)
                 ? pool_.Pick("text")
                 : Any({"'M%'", "'%0'", "'%ER%'", "'_'", "'__%'", "''", "'%'", "'a%b_c'", "'%a%b%'",
                        "'A%A'", "'中%'", "'%文%'", "'%%X%%'"});
    }
    return pool_.Pick(kind);
  }

  std::vector<std::string> Arguments(const Construct& construct) {
    std::vector<std::string> args;
    std::string_view kinds = construct.args;
    // DATE takes an INTEGER alone, and a text function a small place now and then.
    const bool small = construct.args.find("date") != std::string_view::npos ||
                       construct.name == "substring" || construct.name == "left" ||
                       construct.name == "right";
    while (!kinds.empty()) {
      const size_t comma = std::min(kinds.find(", "), kinds.size());
      std::string_view kind = kinds.substr(0, comma);
      const bool more = kind.ends_with("…");
      if (more) {
        kind.remove_suffix(std::string_view("…").size());
      }
      const size_t times = more ? 1 + random_.Below(3) : 1;
      for (size_t i = 0; i < times; ++i) {
        args.push_back(Argument(small && kind == "integer" ? "small" : kind, construct));
      }
      kinds.remove_prefix(std::min(comma + 2, kinds.size()));
    }
    if (construct.name == "round" && args.size() == 2 && random_.Chance(0.5)) {
      // Of numbers far from the end of their type: beyond it DuckDB wraps around.
      args = {Any({"amount", "cents", "precise", "rate", "txn_id"}), Any({"-1", "-2"})};
    }
    if (construct.name.starts_with("regexp") && args.size() == 3) {
      args[2] = Any({"'i'", "'s'", "'il'", "'c'", "'m'", "'n i'", "''", "'sci'"});
    }
    if (construct.name == "hamming" && random_.Chance(0.7)) {
      args[1] = Any({"payer", "payee", "'a'", "'MM'"});
      args[0] = fmt::format("left('xx' || {}, {})", args[0], 2);
      args[1] = fmt::format("right({} || 'yy', {})", args[1], 2);
    }
    if (construct.name.ends_with("like_escape")) {
      args[2] = "'$'";
    }
    if (construct.name == "substring" && args.size() == 3) {
      // What lies before the text, DuckDB counts in two ways, by whether a column has ever held a
      // character beyond ASCII.
      args[1] = fmt::format("greatest({}, 1)", args[1]);
      args[2] = fmt::format("greatest({}, 0)", args[2]);
    }
    if (construct.name == "date_diff" && args[0] == "'week'") {
      // DuckDB subtracts days in 32 bits there.
      args[1] = args[2] = construct.args.ends_with("date") ? "day" : "ts";
      args[random_.Chance(0.5) ? 1 : 2] = construct.args.ends_with("date")
                                              ? "DATE '2024-01-31'"
                                              : "TIMESTAMP '1969-07-20 20:17:40'";
    }
    const bool divides = construct.name == "/" || construct.name == "%";
    if (divides && args.size() == 2) {
      args[1] = random_.Chance(0.6) ? fmt::format("nullif({}, 0)", args[1])
                                    : Any({"7", "-2", "0.5", "1e10", "3.0"});
    }
    return args;
  }

  std::string Syntax(std::string_view name) {
    const auto boolean = [&] { return pool_.Pick("boolean"); };
    const std::string kind =
        Any({"number", "text", "date", "timestamp", "boolean", "interval", "small", "integer"});
    const auto value = [&] { return pool_.Pick(kind); };
    if (name == "= <> < <= > >=") {
      return fmt::format("({} {} {})", value(), Any({"=", "<>", "<", "<=", ">", ">="}), value());
    }
    if (name == "IS [NOT] DISTINCT FROM") {
      return fmt::format("({} IS {}DISTINCT FROM {})", value(), Any({"", "NOT "}), value());
    }
    if (name == "AND, OR, NOT") {
      return random_.Chance(0.3) ? fmt::format("(NOT {})", boolean())
                                 : fmt::format("({} {} {} AND {})", boolean(), Any({"AND", "OR"}),
                                               boolean(), boolean());
    }
    if (name == "IS [NOT] NULL") {
      return fmt::format("({} IS {}NULL)", value(), Any({"", "NOT "}));
    }
    if (name.starts_with("IS [NOT] TRUE")) {
      return fmt::format("({} IS {}{})", boolean(), Any({"", "NOT "}), Any({"TRUE", "FALSE"}));
    }
    if (name == "[NOT] IN") {
      return fmt::format("({} {}IN ({}, {}, {}))", value(), Any({"", "NOT "}), value(), value(),
                         value());
    }
    if (name == "[NOT] BETWEEN") {
      return fmt::format("({} {}BETWEEN {} AND {})", value(), Any({"", "NOT "}), value(), value());
    }
    if (name == "CASE") {
      return random_.Chance(0.3)
                 ? fmt::format("CASE {} WHEN {} THEN {} ELSE {} END", value(), value(), value(),
                               value())
                 : fmt::format("CASE WHEN {} {} {} THEN {} WHEN {} THEN {} END", boolean(),
                               Any({"AND", "OR"}), boolean(), value(), boolean(), value());
    }
    if (name == "COALESCE") {
      return fmt::format("coalesce({}, {}, {})", value(), value(), value());
    }
    if (name == "CAST") {
      const std::string from = Any({"number", "number", "boolean", "date", "timestamp", "text"});
      const std::string what = from == "text"
                                   ? Any({"number_text", "number_text", "time_text", "payer"})
                                   : pool_.Pick(from);
      return fmt::format(
          "{}({} AS {})", Any({"CAST", "TRY_CAST"}), what,
          Any({"TINYINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "UBIGINT", "DECIMAL(4,2)",
               "DECIMAL(18,3)", "DECIMAL(38,10)", "DECIMAL(2,1)", "DECIMAL(5,0)", "DOUBLE",
               "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "DATE", "TIMESTAMP"}));
    }
    if (name == "nullif") {
      return fmt::format("nullif({}, {})", value(), value());
    }
    ADD_FAILURE() << "the test knows no way to write " << name;
    return "1";
  }

  SeededRandom& random_;
  Pool& pool_;
};

// ---- Comparison.

struct Case {
  const Construct* construct = nullptr;
  std::string text;
  Expr expr;
  bool tolerant = false;
  // Per row: the value, or the error's words.
  std::vector<Row> values;
  std::vector<std::string> errors;
};

struct Tally {
  size_t compared = 0;
  size_t nulls = 0;
  size_t errors = 0;
  size_t not_finite = 0;
  size_t too_late = 0;
  size_t mismatches = 0;
};

bool Agree(const Datum& ours, const Datum& theirs, bool tolerant) {
  if (tolerant && ours.kind == Datum::Kind::kDouble && theirs.kind == Datum::Kind::kDouble) {
    return std::fabs(ours.d - theirs.d) <= 1e-9 * std::max(std::fabs(ours.d), std::fabs(theirs.d));
  }
  return table::Identical(ours, theirs);
}

std::string RowText(const Row& row, const std::string& text) {
  std::string shown;
  for (size_t c = 0; c < row.size(); ++c) {
    if (text.find(Wide()[c].name) != std::string::npos) {
      shown += fmt::format(" {}={}", Wide()[c].name, table::ToText(row[c], Wide()[c].type));
    }
  }
  return shown;
}

// How a value is fetched: an INTERVAL as text, since Arrow's nanoseconds do not hold all of
// DuckDB's.
std::string Fetched(const Case& one) {
  return one.expr.type.id == TypeId::kInterval ? fmt::format("CAST(({}) AS VARCHAR)", one.text)
                                               : fmt::format("({})", one.text);
}

bool Agree(const Case& one, const Datum& ours, const Datum& theirs) {
  if (one.expr.type.id == TypeId::kInterval && !ours.is_null()) {
    return theirs.kind == Datum::Kind::kText && table::ToText(ours, one.expr.type) == theirs.text();
  }
  return Agree(ours, theirs, one.tolerant);
}

void Tell(const Case& one, const Row& row, const std::string& theirs, const std::string& ours,
          Tally& tally) {
  if (++tally.mismatches <= 40) {
    ADD_FAILURE() << one.text << " for" << RowText(row, one.text) << "\n  DuckDB: " << theirs
                  << "\n  ours:   " << ours;
  }
}

// Where we have values, so has DuckDB, and the same. All cases in one SELECT, each on its own rows.
void CompareValues(std::span<const Case> cases, const std::vector<Row>& rows, Tally& tally) {
  table::Schema schema = Wide();
  std::vector<Row> guarded = rows;
  std::string sql = "SELECT txn_id";
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string guard = fmt::format("guard{}", i);
    schema.push_back({guard, {TypeId::kBoolean}, false});
    sql += fmt::format(", CASE WHEN {} THEN {} END", guard, Fetched(cases[i]));
    for (size_t r = 0; r < rows.size(); ++r) {
      guarded[r].Append(Datum::Bool(cases[i].errors[r].empty()));
    }
  }
  auto theirs = RunSql(sql + " FROM events ORDER BY txn_id", std::move(guarded), schema);
  if (!theirs && cases.size() > 1) {
    CompareValues(cases.first(cases.size() / 2), rows, tally);
    CompareValues(cases.subspan(cases.size() / 2), rows, tally);
    return;
  }
  if (!theirs) {
    Tell(cases[0], Row(), theirs.error().ToString(), "values", tally);
    return;
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& one = cases[i];
    for (size_t r = 0; r < rows.size(); ++r) {
      if (!one.errors[r].empty()) {
        continue;
      }
      const Datum& ours = one.values[r][0];
      const Datum& value = (*theirs)[r][1 + i];
      ++tally.compared;
      tally.nulls += value.is_null() ? 1 : 0;
      if (!Agree(one, ours, value)) {
        const bool text = one.expr.type.id == TypeId::kInterval;
        Tell(one, rows[r], table::ToText(value, text ? Type{TypeId::kVarchar} : one.expr.type),
             table::ToText(ours, one.expr.type), tally);
        break;
      }
    }
  }
}

// Where we have an error, so has DuckDB, but for a number that is not finite and a time beyond a
// zone's known rules: there it goes on. One such row of each case.
void CompareErrors(const Case& one, const std::vector<Row>& rows, SeededRandom& random,
                   Tally& tally) {
  std::vector<size_t> failed;
  for (size_t r = 0; r < rows.size(); ++r) {
    const bool not_finite = one.errors[r].find("not a finite number") != std::string::npos;
    // DuckDB takes a zone's last rule for ever.
    const bool too_late = one.errors[r].find("are not known at") != std::string::npos;
    tally.not_finite += not_finite ? 1 : 0;
    tally.too_late += too_late ? 1 : 0;
    if (!one.errors[r].empty() && !not_finite && !too_late) {
      failed.push_back(r);
    }
  }
  if (failed.empty()) {
    return;
  }
  ++tally.errors;
  const size_t r = failed[random.Below(failed.size())];
  auto theirs = RunSql(fmt::format("SELECT {} FROM events", Fetched(one)), {rows[r]}, Wide());
  if (theirs) {
    Tell(one, rows[r], table::ToText((*theirs)[0][0], one.expr.type), one.errors[r], tally);
  }
}

std::string Utf8Of(int code) {
  const auto rest = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    return {static_cast<char>(code)};
  }
  if (code < 0x800) {
    return {static_cast<char>(0xc0 | (code >> 6)), rest(0)};
  }
  if (code < 0x10000) {
    return {static_cast<char>(0xe0 | (code >> 12)), rest(6), rest(0)};
  }
  return {static_cast<char>(0xf0 | (code >> 18)), rest(12), rest(6), rest(0)};
}

TEST(Program, GivesWhatDuckDbGivesForRandomExpressions) {
  // Another seed than the usual one, to look for more.
  const char* chosen = std::getenv("FUQI_SEED");
  SeededRandom random(chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 20240229);
  const std::vector<Row> rows = MakeRows(random);
  Pool pool(random);
  Writer writer(random, pool);
  std::map<std::string, size_t> refusals;
  std::vector<Case> cases;
  Tally tally;
  Scratch scratch;
  size_t constructs = 0;
  // The lightest constructs come first, so that there is something to build upon.
  for (const Construct& construct : Constructs()) {
    if (construct.kind == Construct::Kind::kWindow) {
      continue;
    }
    ++constructs;
    size_t times = 0;
    for (size_t attempt = 0; attempt < kAttemptsEach && times < kTimesEach; ++attempt) {
      Case one;
      one.construct = &construct;
      one.text = writer.Write(construct);
      one.tolerant = construct.agreement == Agreement::kTolerant;
      auto level = BindLevel(TestBinder(), Wide(), kExampleTime, ItemsOf({one.text}), {});
      if (!level) {
        ++refusals[std::string(ErrorCodeName(level.error().code()))];
        continue;
      }
      one.expr = level->outputs[0].expr;
      auto program = Program::Compile(one.expr);
      if (!program) {
        if (program.error().code() == ErrorCode::kUnsupported) {
          ADD_FAILURE() << one.text << " is listed but: " << program.error().ToString();
        }
        ++refusals[std::string(ErrorCodeName(program.error().code()))];
        continue;
      }
      EXPECT_EQ(program->type(), one.expr.type);
      EXPECT_GE(program->steps_max(), 0);
      bool useful = false;
      for (const Row& row : rows) {
        scratch.Reset();
        auto value = program->Run(row.values(), {}, scratch);
        one.values.emplace_back(1);
        one.values.back().Set(0, value ? *value : Datum::Null());
        one.errors.push_back(value ? "" : value.error().ToString());
        useful |= value && !value->is_null();
      }
      if (useful && !one.tolerant) {
        pool.Add({one.text, one.expr.type});
      }
      ++times;
      cases.push_back(std::move(one));
    }
    EXPECT_GE(times, kTimesEach) << construct.name << " (" << construct.args
                                 << "): too few were bound";
  }
  constexpr size_t kBatch = 50;
  for (size_t i = 0; i < cases.size(); i += kBatch) {
    CompareValues(std::span(cases).subspan(i, std::min(kBatch, cases.size() - i)), rows, tally);
  }
  for (const Case& one : cases) {
    CompareErrors(one, rows, random, tally);
  }
  fmt::print(
      "{} constructs, {} expressions, {} values compared ({} NULL), {} errors; {} cells not "
      "finite, {} beyond a zone's rules, {} mismatches\n",
      constructs, cases.size(), tally.compared, tally.nulls, tally.errors, tally.not_finite,
      tally.too_late, tally.mismatches);
  for (const auto& [code, count] : refusals) {
    fmt::print("refused: {} {}\n", count, code);
  }
}

// Letter case, marks and spaces of every code point there is.
TEST(Program, KnowsEveryCodePointAsDuckDbDoes) {
  constexpr int kPerRow = 32;
  std::vector<Row> rows;
  std::string text;
  for (int code = 1; code <= 0x10ffff; ++code) {
    if (code < 0xd800 || code > 0xdfff) {
      fmt::format_to(std::back_inserter(text), "{}x", Utf8Of(code));
    }
    if (code % kPerRow == 0 || code == 0x10ffff) {
      Row row(Wide().size());
      row.Set(0, Datum::Int(static_cast<int64_t>(rows.size())));
      row.Set(1, Datum::Text(text));
      rows.push_back(std::move(row));
      text.clear();
    }
  }
  std::vector<Case> cases;
  Scratch scratch;
  for (const char* function :
       {"lower(payer)", "upper(payer)", "strip_accents(payer)", "length(payer)", "trim(payer)"}) {
    Case one;
    one.text = function;
    auto level = BindLevel(TestBinder(), Wide(), kExampleTime, ItemsOf({one.text}), {});
    ASSERT_TRUE(level.has_value()) << level.error().ToString();
    one.expr = level->outputs[0].expr;
    auto program = Program::Compile(one.expr);
    ASSERT_TRUE(program.has_value());
    for (const Row& row : rows) {
      scratch.Reset();
      auto value = program->Run(row.values(), {}, scratch);
      ASSERT_TRUE(value.has_value());
      one.values.emplace_back(1);
      one.values.back().Set(0, *value);
      one.errors.emplace_back();
    }
    cases.push_back(std::move(one));
  }
  Tally tally;
  CompareValues(cases, rows, tally);
  EXPECT_GT(tally.compared, 5U * 30'000U);
}

}  // namespace
}  // namespace fuqi::sql
