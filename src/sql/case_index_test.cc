// A long CASE found by its index gives what looking at branch after branch gives.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "sql/case_index_internal.h"
#include "sql/program.h"

namespace fuqi::sql {
namespace {

using Kind = Expr::Kind;
using table::Datum;
using table::Type;
using table::TypeId;

constexpr Type kBigInt{TypeId::kBigInt};
constexpr Type kText{TypeId::kVarchar};
constexpr Type kBoolean{TypeId::kBoolean};

Expr Node(Kind kind, Type type, std::vector<Expr> children, std::string name = "") {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  expr.children = std::move(children);
  expr.name = std::move(name);
  return expr;
}
Expr Constant(Type type, const Datum& value) {
  Expr expr;
  expr.type = type;
  expr.constant.Append(value);
  return expr;
}
Expr Int(int64_t value) { return Constant(kBigInt, Datum::Int(value)); }
Expr Text(int64_t value) { return Constant(kText, Datum::Text(fmt::format("k{}", value))); }
Expr Column(int column) {
  Expr expr = Node(Kind::kColumn, column == 0 ? kBigInt : kText, {});
  expr.column = column;
  return expr;
}

// Conditions as people write them, on a number, a text or both; some that no index knows.
class RandomCases {
 public:
  explicit RandomCases(uint64_t seed) : random_(seed) {}

  Expr Make() {
    std::vector<Expr> children;
    const int64_t branches = random_.Between(6, 40);
    for (int64_t i = 0; i < branches; ++i) {
      children.push_back(Condition(2));
      children.push_back(Int(i));
    }
    children.push_back(Int(-1));
    return Node(Kind::kCase, kBigInt, std::move(children));
  }

  std::vector<Datum> Row() {
    text_ = fmt::format("k{}", random_.Between(-1, 12));
    return {random_.Chance(0.1) ? Datum::Null() : Datum::Int(random_.Between(-1, 12)),
            random_.Chance(0.1) ? Datum::Null() : Datum::Text(text_)};
  }

 private:
  Expr Condition(int depth) {
    const int64_t kind = random_.Between(0, depth > 0 ? 7 : 5);
    const int column = static_cast<int>(random_.Between(0, 1));
    auto value = [&] {
      return column == 0 ? Int(random_.Between(0, 10)) : Text(random_.Between(0, 10));
    };
    if (kind == 0) {
      return Node(Kind::kIsNull, kBoolean, {Column(column)});
    }
    if (kind == 1) {
      return Node(Kind::kIn, kBoolean, {Column(column), value(), value()});
    }
    if (kind == 2) {  // no index knows it
      return Node(Kind::kNot, kBoolean,
                  {Node(Kind::kCompare, kBoolean, {Column(column), value()}, "=")});
    }
    if (kind <= 5) {
      static constexpr std::array<const char*, 8> kNames = {
          "=", "<", "<=", ">", ">=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"};
      std::vector<Expr> sides = {Column(column), value()};
      if (random_.Chance(0.3)) {
        std::swap(sides[0], sides[1]);
      }
      return Node(Kind::kCompare, kBoolean, std::move(sides),
                  kNames[static_cast<size_t>(random_.Between(0, 7))]);
    }
    std::vector<Expr> parts;
    const int64_t count = random_.Between(2, 3);
    for (int64_t i = 0; i < count; ++i) {
      parts.push_back(Condition(depth - 1));
    }
    return Node(kind == 6 ? Kind::kAnd : Kind::kOr, kBoolean, std::move(parts));
  }

  SeededRandom random_;
  std::string text_;
};

// The oracle: each condition run alone, in order.
int64_t ByHand(const Expr& expr, std::span<const Datum> row) {
  Scratch scratch;
  for (size_t i = 0; i + 1 < expr.children.size(); i += 2) {
    if (Program::Compile(expr.children[i])->Run(row, {}, scratch)->is_true()) {
      return static_cast<int64_t>(expr.children[i + 1].constant[0].i);
    }
  }
  return -1;
}

TEST(CaseIndex, GivesTheFirstBranchThatHolds) {
  size_t indexed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    RandomCases random(seed);
    const Expr expr = random.Make();
    indexed += internal::IndexCase(expr).has_value() ? 1 : 0;
    const Result<Program> program = Program::Compile(expr);
    ASSERT_TRUE(program.has_value());
    Scratch scratch;
    for (int i = 0; i < 60; ++i) {
      const std::vector<Datum> row = random.Row();
      ASSERT_EQ(static_cast<int64_t>(program->Run(row, {}, scratch)->i), ByHand(expr, row))
          << "seed " << seed << ", " << ToSql(expr, {{"n", kBigInt}, {"t", kText}});
    }
  }
  EXPECT_GT(indexed, 200u);
}

Expr Keys(int64_t count) {
  std::vector<Expr> children;
  for (int64_t i = 0; i < count; ++i) {
    children.push_back(Node(Kind::kCompare, kBoolean, {Column(1), Text(i)}, "="));
    children.push_back(Int(i));
  }
  children.push_back(Int(-1));
  return Node(Kind::kCase, kBigInt, std::move(children));
}

TEST(CaseIndex, LooksAtAsManyBranchesOfALongCaseAsOfAShortOne) {
  EXPECT_EQ(Program::Compile(Keys(5'000))->steps_max(), Program::Compile(Keys(20))->steps_max());
}

TEST(CaseIndex, NoBranchBehindOneThatMayFailIsDecidedWithoutIt) {
  // CAST(t AS BIGINT) = i AND n = i: where n differs the cast must fail all the same.
  std::vector<Expr> children;
  for (int64_t i = 0; i < 20; ++i) {
    Expr cast = Node(Kind::kCast, kBigInt, {Column(1)});
    children.push_back(Node(Kind::kAnd, kBoolean,
                            {Node(Kind::kCompare, kBoolean, {std::move(cast), Int(i)}, "="),
                             Node(Kind::kCompare, kBoolean, {Column(0), Int(i)}, "=")}));
    children.push_back(Int(i));
  }
  children.push_back(Int(-1));
  const Expr expr = Node(Kind::kCase, kBigInt, std::move(children));
  EXPECT_FALSE(internal::IndexCase(expr).has_value());
  Scratch scratch;
  const std::vector<Datum> row = {Datum::Int(99), Datum::Text("no number")};
  EXPECT_FALSE(Program::Compile(expr)->Run(row, {}, scratch).has_value());
}

}  // namespace
}  // namespace fuqi::sql
