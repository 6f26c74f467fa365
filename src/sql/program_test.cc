#include "sql/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "base/decimal.h"
#include "sql/functions.h"

namespace fuqi::sql {
namespace {

using Kind = Expr::Kind;

constexpr Type kText{TypeId::kVarchar};
constexpr Type kInteger{TypeId::kInteger};
constexpr Type kBigInt{TypeId::kBigInt};
constexpr Type kBoolean{TypeId::kBoolean};
constexpr Type kDouble{TypeId::kDouble};
constexpr Type kDate{TypeId::kDate};
constexpr Type kTimestamp{TypeId::kTimestamp};
constexpr Type kTinyInt{TypeId::kTinyInt};

Expr Constant(Type type, const Datum& value) {
  Expr expr;
  expr.type = type;
  expr.constant.Append(value);
  return expr;
}
Expr Text(std::string_view text) { return Constant(kText, Datum::Text(text)); }
Expr Int(int128 value) { return Constant(kInteger, Datum::Int(value)); }

Expr Column(int column, Type type) {
  Expr expr;
  expr.kind = Kind::kColumn;
  expr.column = column;
  expr.type = type;
  return expr;
}

Expr Node(Kind kind, Type type, std::vector<Expr> children, std::string name = "",
          Position position = -1) {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.children = std::move(children);
  expr.name = std::move(name);
  expr.position = position;
  return expr;
}
Expr Call(std::string name, Type type, std::vector<Expr> children, Position position = -1) {
  return Node(Kind::kCall, type, std::move(children), std::move(name), position);
}
Expr Cast(Expr child, Type type, bool try_cast = false) {
  Expr expr = Node(Kind::kCast, type, {std::move(child)});
  expr.try_cast = try_cast;
  return expr;
}

// The value as text, or the error's message.
std::string Value(const Expr& expr, std::vector<Datum> columns = {}) {
  auto program = Program::Compile(expr);
  if (!program) {
    return program.error().message();
  }
  Scratch scratch;
  auto value = program->Run(columns, {}, scratch);
  return value ? table::ToText(*value, expr.type) : value.error().message();
}

// `text = 'bad' OR CAST(text AS INTEGER) = 1`, and with AND.
Expr Guarded(Kind junction, const char* comparison) {
  return Node(junction, kBoolean,
              {Node(Kind::kCompare, kBoolean, {Column(0, kText), Text("bad")}, comparison),
               Node(Kind::kCompare, kBoolean, {Cast(Column(0, kText), kInteger), Int(1)}, "=")});
}

TEST(Program, EvaluatesBothSidesOfAndAndOr) {
  const std::vector<Datum> bad = {Datum::Text("bad")};
  EXPECT_NE(Value(Guarded(Kind::kOr, "="), bad).find("cannot be cast to INTEGER"),
            std::string::npos);
  EXPECT_NE(Value(Guarded(Kind::kAnd, "<>"), bad).find("cannot be cast to INTEGER"),
            std::string::npos);
  EXPECT_EQ(Value(Guarded(Kind::kOr, "="), {Datum::Text("1")}), "true");
}

TEST(Program, GuardsABranchThatIsNotTaken) {
  const std::vector<Datum> bad = {Datum::Text("bad")};
  const auto choose = [](Expr when) {
    return Node(Kind::kCase, kInteger,
                {std::move(when), Cast(Column(0, kText), kInteger), Int(-1)});
  };
  EXPECT_EQ(
      Value(choose(Node(Kind::kCompare, kBoolean, {Column(0, kText), Text("bad")}, "<>")), bad),
      "-1");
  // A condition stops where it is decided.
  EXPECT_EQ(Value(choose(Guarded(Kind::kAnd, "<>")), bad), "-1");
  EXPECT_EQ(Value(choose(Guarded(Kind::kAnd, "<>")), {Datum::Text("1")}), "1");
  EXPECT_EQ(Value(choose(Guarded(Kind::kOr, "=")), {Datum::Text("2")}), "-1");
  EXPECT_EQ(Value(choose(Guarded(Kind::kOr, "=")), {Datum::Text("1")}), "1");
  // …and so does COALESCE.
  const Expr coalesce =
      Node(Kind::kCoalesce, kInteger, {Column(0, kInteger), Cast(Text("bad"), kInteger)});
  EXPECT_EQ(Value(coalesce, {Datum::Int(7)}), "7");
  EXPECT_NE(Value(coalesce, {Datum::Null()}).find("cannot be cast"), std::string::npos);
}

TEST(Program, NamesOperationAndTypesOfAnOverflowButNoValue) {
  const Type amount = table::Decimal(18, 2);
  const Expr sum = Call("+", amount, {Column(0, amount), Column(1, amount)}, 7);
  const Datum most = Datum::Int(kPowersOfTen[18] - 1);
  EXPECT_EQ(Value(sum, {most, Datum::Int(1)}),
            "the result of '+' on (DECIMAL(18,2), DECIMAL(18,2)) goes beyond DECIMAL(18,2)");
  EXPECT_EQ(Value(sum, {most, Datum::Int(0)}), "9999999999999999.99");
  auto program = Program::Compile(sum);
  ASSERT_TRUE(program.has_value());
  Scratch scratch;
  Position at = -1;
  const std::vector<Datum> columns = {most, most};
  auto value = program->Run(columns, {}, scratch, &at);
  EXPECT_EQ(value.error().code(), ErrorCode::kOutOfRange);
  EXPECT_EQ(at, 7);
}

TEST(Program, EndsATextThatWouldGrowWithoutEnd) {
  Expr doubled = Column(0, kText);
  for (int i = 0; i < 30; ++i) {
    doubled = Call("||", kText, {doubled, Column(0, kText)});
  }
  const std::string most(kMaxTextBytes / 16, 'a');
  EXPECT_EQ(Value(Call("||", kText, {Column(0, kText), Column(0, kText)}), {Datum::Text(most)}),
            most + most);
  EXPECT_NE(Value(doubled, {Datum::Text(most)}).find("would be longer"), std::string::npos);
  const Expr replaced = Call("replace", kText, {Column(0, kText), Text("a"), Column(0, kText)});
  EXPECT_NE(Value(replaced, {Datum::Text(most)}).find("would be longer"), std::string::npos);
}

TEST(Program, HasTheBoundsOfEachType) {
  struct Bound {
    Type type;
    int128 most;
  };
  constexpr Bound kBounds[] = {{kTinyInt, 127},
                               {{TypeId::kSmallInt}, INT16_MAX},
                               {kInteger, INT32_MAX},
                               {kBigInt, INT64_MAX},
                               {{TypeId::kHugeInt}, kInt128Max},
                               {{TypeId::kUTinyInt}, 255},
                               {{TypeId::kUBigInt}, UINT64_MAX},
                               {table::Decimal(4, 2), 9999},
                               {table::Decimal(38, 0), kPowersOfTen[38] - 1}};
  for (const Bound& bound : kBounds) {
    const Expr sum = Call("+", bound.type, {Column(0, bound.type), Column(1, bound.type)});
    EXPECT_EQ(Value(sum, {Datum::Int(bound.most - 1), Datum::Int(1)}),
              table::ToText(Datum::Int(bound.most), bound.type));
    EXPECT_NE(Value(sum, {Datum::Int(bound.most), Datum::Int(1)}).find("goes beyond"),
              std::string::npos)
        << bound.type.ToString();
  }
}

TEST(Program, RefusesWhatIsNotFinite) {
  const Expr quotient = Call("/", kDouble, {Column(0, kDouble), Column(1, kDouble)});
  EXPECT_EQ(Value(quotient, {Datum::Double(1), Datum::Double(4)}), "0.25");
  for (double numerator : {0.0, 1.0}) {
    EXPECT_EQ(Value(quotient, {Datum::Double(numerator), Datum::Double(0)}),
              "the result of '/' on (DOUBLE, DOUBLE) is not a finite number");
  }
  EXPECT_EQ(Value(Call("//", kDouble, {Column(0, kDouble), Column(1, kDouble)}),
                  {Datum::Double(1), Datum::Double(0)}),
            "NULL");
}

TEST(Program, TakesNanForEqualToItselfAndAboveEverything) {
  const Datum nan = Datum::Double(__builtin_nan(""));
  const auto compare = [&](const char* name, double other) {
    return Value(Node(Kind::kCompare, kBoolean, {Column(0, kDouble), Column(1, kDouble)}, name),
                 {nan, Datum::Double(other)});
  };
  EXPECT_EQ(compare("=", __builtin_nan("")), "true");
  EXPECT_EQ(compare(">", __builtin_inf()), "true");
  EXPECT_EQ(compare("<>", 1), "true");
  EXPECT_EQ(compare("<=", 1), "false");
}

TEST(Program, FollowsThreeValuedLogic) {
  const auto logic = [](Kind kind, std::vector<Datum> values) {
    std::vector<Expr> children;
    for (size_t i = 0; i < values.size(); ++i) {
      children.push_back(Column(static_cast<int>(i), kBoolean));
    }
    return Value(Node(kind, kBoolean, std::move(children)), std::move(values));
  };
  const Datum yes = Datum::Bool(true);
  const Datum no = Datum::Bool(false);
  const Datum unknown = Datum::Null();
  EXPECT_EQ(logic(Kind::kAnd, {yes, unknown}), "NULL");
  EXPECT_EQ(logic(Kind::kAnd, {unknown, no}), "false");
  EXPECT_EQ(logic(Kind::kOr, {unknown, yes}), "true");
  EXPECT_EQ(logic(Kind::kOr, {unknown, no, no}), "NULL");
  EXPECT_EQ(logic(Kind::kNot, {unknown}), "NULL");
  EXPECT_EQ(Value(Node(Kind::kNotIn, kBoolean, {Int(1), Int(2), Constant(kInteger, unknown)})),
            "NULL");
  EXPECT_EQ(Value(Node(Kind::kNotIn, kBoolean, {Int(1), Int(1), Constant(kInteger, unknown)})),
            "false");
  EXPECT_EQ(Value(Node(Kind::kIn, kBoolean, {Int(1), Constant(kInteger, unknown), Int(1)})),
            "true");
  EXPECT_EQ(Value(Node(Kind::kCompare, kBoolean, {Int(1), Constant(kInteger, unknown)},
                       "IS DISTINCT FROM")),
            "true");
}

// Comparisons of whole numbers have instructions of their own.
TEST(Program, FollowsThreeValuedLogicAmongComparisonsAlone) {
  std::vector<Expr> each;
  for (int column = 0; column < 3; ++column) {
    each.push_back(Node(Kind::kCompare, kBoolean, {Column(column, kInteger), Int(1)}, "="));
  }
  const std::array<Datum, 3> values = {Datum::Int(1), Datum::Int(2), Datum::Null()};
  for (int i = 0; i < 27; ++i) {
    const std::vector<Datum> row = {values[i % 3], values[i / 3 % 3], values[i / 9]};
    const auto any = [&](auto is) { return std::ranges::any_of(row, is); };
    const bool yes = any([](const Datum& d) { return !d.is_null() && d.i == 1; });
    const bool no = any([](const Datum& d) { return !d.is_null() && d.i == 2; });
    const bool unknown = any([](const Datum& d) { return d.is_null(); });
    EXPECT_EQ(Value(Node(Kind::kAnd, kBoolean, each), row),
              no ? "false" : (unknown ? "NULL" : "true"))
        << i;
    EXPECT_EQ(Value(Node(Kind::kOr, kBoolean, each), row),
              yes ? "true" : (unknown ? "NULL" : "false"))
        << i;
  }
}

struct TextCast {
  const char* text;
  Type type;
  const char* value;  // nullptr: an error
};

TEST(Cast, ReadsTextsAsDuckDbDoes) {
  constexpr TextCast kCasts[] = {
      {" 12 ", kInteger, "12"},
      {"+5", kInteger, "5"},
      {"1e3", kInteger, "1000"},
      {"1_000", kInteger, "1000"},
      {"1__0", kInteger, nullptr},
      {"2.5", kInteger, "3"},
      {"-2.5", kInteger, "-3"},
      {".5", kInteger, "1"},
      {"5.", kInteger, "5"},
      {".", kInteger, nullptr},
      {"", kInteger, nullptr},
      {"1 2", kInteger, nullptr},
      {"12abc", kInteger, nullptr},
      {"0x1F", kInteger, "31"},
      {"0b101", kInteger, "5"},
      {"-0x1", kInteger, nullptr},
      {"2147483648", kInteger, nullptr},
      {"-2147483648", kInteger, "-2147483648"},
      {"128", kTinyInt, nullptr},
      {"-0", {TypeId::kUTinyInt}, "0"},
      {"-1", {TypeId::kUTinyInt}, nullptr},
      {"12.345", table::Decimal(4, 2), "12.35"},
      {"-12.345", table::Decimal(4, 2), "-12.35"},
      {"99.995", table::Decimal(4, 2), nullptr},
      {"1e-2", table::Decimal(4, 2), "0.01"},
      {"1e99999", table::Decimal(4, 2), nullptr},
      {"1e400", kDouble, nullptr},
      {"1e-400", kDouble, "0.0"},
      {"12abc", kDouble, nullptr},
      {"nan", kDouble, nullptr},
      {" 1e5 ", kDouble, "100000.0"},
      {"T", kBoolean, "true"},
      {"No", kBoolean, "false"},
      {"on", kBoolean, nullptr},
      {" true", kBoolean, nullptr},
      {"2024-2-9", kDate, "2024-02-09"},
      {"2024-02-30", kDate, nullptr},
      {"0044-03-15 (BC)", kDate, "0044-03-15 (BC)"},
      {"2024-02-29 23:59", kTimestamp, "2024-02-29 23:59:00"},
      {"2024-02-29T01:02:03.1234567Z", kTimestamp, "2024-02-29 01:02:03.123456"},
      {"2024-02-29 24:00:00", kTimestamp, "2024-03-01 00:00:00"},
      {"2024-02-29 10", kTimestamp, nullptr},
      {"2024-02-29 10:00:00+02:30", kTimestamp, "2024-02-29 10:00:00"},
      {"2024-02-29 10:00:00 CET", kTimestamp, nullptr}};
  for (const TextCast& cast : kCasts) {
    const Expr plain = Cast(Column(0, kText), cast.type);
    const Expr tried = Cast(Column(0, kText), cast.type, true);
    const std::vector<Datum> row = {Datum::Text(cast.text)};
    if (cast.value != nullptr) {
      EXPECT_EQ(Value(plain, row), cast.value) << cast.text;
      EXPECT_EQ(Value(tried, row), cast.value) << cast.text;
    } else {
      auto program = Program::Compile(plain);
      Scratch scratch;
      EXPECT_FALSE(program->Run(row, {}, scratch).has_value())
          << cast.text << " as " << cast.type.ToString();
    }
  }
  EXPECT_EQ(Value(Cast(Column(0, kText), kInteger, true), {Datum::Text("x")}), "NULL");
}

TEST(Cast, RoundsHalvesAsDuckDbDoes) {
  EXPECT_EQ(Value(Cast(Column(0, table::Decimal(3, 1)), kInteger), {Datum::Int(25)}), "3");
  EXPECT_EQ(Value(Cast(Column(0, kDouble), kInteger), {Datum::Double(2.5)}), "2");
  EXPECT_EQ(Value(Cast(Column(0, kDouble), kInteger), {Datum::Double(3.5)}), "4");
  EXPECT_EQ(Value(Cast(Column(0, kDouble), table::Decimal(4, 2)), {Datum::Double(1.005)}), "1.00");
  EXPECT_EQ(Value(Cast(Column(0, table::Decimal(4, 3)), table::Decimal(4, 2)), {Datum::Int(-1005)}),
            "-1.01");
}

TEST(Cast, RefusesTheDoubleThatDuckDbWrapsAround) {
  EXPECT_NE(Value(Cast(Column(0, kDouble), kTinyInt), {Datum::Double(127.6)}).find("beyond"),
            std::string::npos);
  EXPECT_EQ(Value(Cast(Column(0, kDouble), kTinyInt), {Datum::Double(127.4)}), "127");
}

TEST(Cast, TakesAnIntegerBeyondTheDoublesToTheNearest) {
  EXPECT_EQ(Value(Cast(Column(0, kBigInt), kDouble), {Datum::Int(-9'999'999'999'999'998)}),
            "-9999999999999998.0");
  EXPECT_EQ(Value(Cast(Column(0, table::Decimal(18, 2)), kDouble),
                  {Datum::Int(-999'999'999'999'999'899)}),
            "-9999999999999998.0");
}

TEST(Like, MatchesCodePointsNotBytes) {
  const auto like = [](const char* text, const char* pattern) {
    const std::string constant =
        Value(Call("~~", kBoolean, {Column(0, kText), Text(pattern)}), {Datum::Text(text)});
    const std::string column = Value(Call("~~", kBoolean, {Column(0, kText), Column(1, kText)}),
                                     {Datum::Text(text), Datum::Text(pattern)});
    EXPECT_EQ(constant, column) << text << " LIKE " << pattern;
    return constant == "true";
  };
  EXPECT_TRUE(like("中文", "__"));
  EXPECT_FALSE(like("中", "__"));
  EXPECT_TRUE(like("MERCHANT", "MER%"));
  EXPECT_TRUE(like("MERCHANT", "%ANT"));
  EXPECT_TRUE(like("MERCHANT", "M%C%T"));
  EXPECT_FALSE(like("MERCHANT", "M%T%C"));
  EXPECT_FALSE(like("aa", "a"));
  EXPECT_FALSE(like("a", "a%a"));  // the two ends may not share a letter
  EXPECT_TRUE(like("", "%%"));
  EXPECT_FALSE(like("", "_"));
  EXPECT_TRUE(like("a%", "a%"));
  // Quadratic at worst, where plain recursion would be exponential.
  EXPECT_FALSE(like(std::string(2000, 'a').c_str(), "%a%a%a%a%a%a%a%a%a%a%a%a%b_"));
}

TEST(Regex, IsCompiledOnceAndRefusedIfItIsNone) {
  const auto matches = [](const char* text, const char* pattern) {
    return Value(Call("regexp_matches", kBoolean, {Column(0, kText), Text(pattern)}),
                 {Datum::Text(text)});
  };
  EXPECT_EQ(matches("M12", "^M[0-9]+$"), "true");
  EXPECT_EQ(matches("a\nb", "a.b"), "false");
  EXPECT_NE(matches("x", "(").find("regular expression"), std::string::npos);
  EXPECT_NE(matches("x", "(?=x)").find("regular expression"), std::string::npos);
  const Expr changing = Call("regexp_matches", kBoolean, {Column(0, kText), Column(1, kText)});
  EXPECT_NE(Value(changing).find("must be a constant text"), std::string::npos);
}

TEST(Substring, CountsCodePointsFromEitherEnd) {
  const auto part = [](std::vector<Expr> args) {
    args.insert(args.begin(), Text("é中bc"));
    return Value(Call("substring", kText, std::move(args)));
  };
  EXPECT_EQ(part({Int(2)}), "中bc");
  EXPECT_EQ(part({Int(-2)}), "bc");
  EXPECT_EQ(part({Int(0), Int(2)}), "é");
  EXPECT_EQ(part({Int(-5), Int(3)}), "é中");  // what lies before the text is not there
  EXPECT_EQ(part({Int(2), Int(-1)}), "é");
  EXPECT_EQ(part({Int(9), Int(3)}), "");
}

TEST(Time, ClampsToTheLastDayOfTheMonth) {
  const auto later = [](int64_t day, int32_t months) {
    return Value(
        Call("+", kTimestamp,
             {Column(0, kDate), Constant({TypeId::kInterval}, Datum::Of({.months = months}))}),
        {Datum::Int(day)});
  };
  EXPECT_EQ(later(18292, 1), "2020-02-29 00:00:00");  // from 2020-01-31
  EXPECT_EQ(later(18292, -2), "2019-11-30 00:00:00");
  EXPECT_NE(later(2'147'483'646, 1).find("goes beyond"), std::string::npos);
}

TEST(Time, FindsTheIsoWeek) {
  const auto part = [](const char* name, int64_t day) {
    return Value(Call("date_part", kBigInt, {Text(name), Column(0, kDate)}), {Datum::Int(day)});
  };
  EXPECT_EQ(part("week", 18995), "1");   // 2022-01-03, a Monday
  EXPECT_EQ(part("week", 18628), "53");  // 2021-01-01
  EXPECT_EQ(part("isoyear", 18628), "2020");
  EXPECT_EQ(part("dow", 18630), "0");  // a Sunday
  EXPECT_EQ(part("isodow", 18630), "7");
  EXPECT_EQ(part("dow", -4), "0");  // 1969-12-28
}

TEST(Program, RefusesByNameAndPlace) {
  struct Refused {
    Expr expr;
    const char* words;
  };
  const Refused refusals[] = {
      {Call("hash", kBigInt, {Column(0, kText)}, 3), "'hash'"},
      {Call("+", kText, {Column(0, kText), Column(1, kText)}, 3), "'+' on (VARCHAR, VARCHAR)"},
      {Call("-", {TypeId::kUTinyInt}, {Column(0, {TypeId::kUTinyInt})}, 3), "'-' on (UTINYINT)"},
      {Call("date_part", kBigInt, {Text("timezone"), Column(0, kTimestamp)}, 3), "'timezone'"},
      {Node(Kind::kCast, kTimestamp, {Column(0, kInteger)}, "", 3),
       "a cast from INTEGER to TIMESTAMP"},
  };
  for (const Refused& refused : refusals) {
    Position at = -1;
    auto program = Program::Compile(Node(Kind::kIsNull, kBoolean, {refused.expr}), &at);
    ASSERT_FALSE(program.has_value()) << refused.words;
    EXPECT_EQ(program.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(program.error().message().find(refused.words), std::string::npos)
        << program.error().message();
    EXPECT_EQ(at, 3);
  }
}

TEST(Program, CountsTheStepsOfItsLongestWay) {
  EXPECT_EQ(Program::Compile(Column(0, kInteger))->steps_max(), 0);
  const Expr sum = Call("+", kInteger, {Column(0, kInteger), Int(1)});
  EXPECT_EQ(Program::Compile(sum)->steps_max(), 1);
  // Test, sum, move, jump; the other branch is shorter.
  const Expr choice = Node(Kind::kCase, kInteger, {Column(1, kBoolean), sum, Int(0)});
  EXPECT_EQ(Program::Compile(choice)->steps_max(), 4);
}

TEST(Scratch, KeepsTextsUntilReset) {
  Scratch scratch;
  const Expr doubled = Call("||", kText, {Column(0, kText), Column(0, kText)});
  auto program = Program::Compile(doubled);
  std::vector<std::string> texts;
  std::vector<Datum> values;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(std::string(static_cast<size_t>(i) * 7, static_cast<char>('a' + i % 26)));
    values.push_back(*program->Run(std::vector<Datum>{Datum::Text(texts.back())}, {}, scratch));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].text(), texts[i] + texts[i]);
  }
  scratch.Reset();
}

TEST(Functions, AreSortedAndNamedOnce) {
  for (size_t i = 1; i < Functions().size(); ++i) {
    EXPECT_LT(Functions()[i - 1].name, Functions()[i].name);
  }
}

}  // namespace
}  // namespace fuqi::sql
