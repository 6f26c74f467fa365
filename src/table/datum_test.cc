#include "table/datum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/decimal.h"

namespace fuqi::table {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

TEST(Same, IsSqlsNotDistinct) {
  EXPECT_TRUE(Same(Datum::Null(), Datum::Null()));
  EXPECT_FALSE(Same(Datum::Null(), Datum::Int(0)));
  EXPECT_FALSE(Same(Datum::Int(1), Datum::Double(1)));
  EXPECT_TRUE(Same(Datum::Double(kNan), Datum::Double(-kNan)));
  EXPECT_TRUE(Same(Datum::Double(0.0), Datum::Double(-0.0)));
  EXPECT_FALSE(Same(Datum::Double(kInf), Datum::Double(-kInf)));
  EXPECT_TRUE(Same(Datum::Text("a"), Datum::Text(std::string("a"))));
  EXPECT_FALSE(Same(Datum::Text("a"), Datum::Text("")));
  EXPECT_TRUE(Same(Datum::Of({1, 0, 0}), Datum::Of({0, 30, 0})));
  EXPECT_TRUE(Same(Datum::Of({0, 1, 0}), Datum::Of({0, 0, 86'400'000'000})));
  EXPECT_FALSE(Same(Datum::Of({1, 0, 0}), Datum::Of({0, 31, 0})));
  // The longest intervals do not overflow.
  EXPECT_TRUE(Same(Datum::Of({INT32_MIN, INT32_MIN, INT64_MIN}),
                   Datum::Of({INT32_MIN, INT32_MIN, INT64_MIN})));
}

TEST(Identical, ToldFromSameByZerosSignAndIntervalsParts) {
  EXPECT_FALSE(Identical(Datum::Double(0.0), Datum::Double(-0.0)));
  EXPECT_TRUE(Identical(Datum::Double(-0.0), Datum::Double(-0.0)));
  EXPECT_TRUE(Identical(Datum::Double(kNan), Datum::Double(-kNan)));
  EXPECT_FALSE(Identical(Datum::Of({1, 0, 0}), Datum::Of({0, 30, 0})));
  EXPECT_TRUE(Identical(Datum::Of({1, 2, 3}), Datum::Of({1, 2, 3})));
  EXPECT_TRUE(Identical(Datum::Text("a"), Datum::Text("a")));
  EXPECT_FALSE(Identical(Datum::Int(1), Datum::Int(2)));
}

TEST(InRange, HoldsEachTypeToItsEnds) {
  auto ends = [](Type type, int128 low, int128 high) {
    EXPECT_TRUE(InRange(Datum::Int(low), type)) << type.ToString();
    EXPECT_TRUE(InRange(Datum::Int(high), type)) << type.ToString();
    if (low > kInt128Min) {
      EXPECT_FALSE(InRange(Datum::Int(low - 1), type)) << type.ToString();
    }
    if (high < kInt128Max) {
      EXPECT_FALSE(InRange(Datum::Int(high + 1), type)) << type.ToString();
    }
    EXPECT_TRUE(InRange(Datum::Null(), type));
    EXPECT_FALSE(InRange(Datum::Double(0), type));
  };
  ends({TypeId::kBoolean}, 0, 1);
  ends({TypeId::kTinyInt}, -128, 127);
  ends({TypeId::kSmallInt}, -32768, 32767);
  ends({TypeId::kInteger}, INT32_MIN, INT32_MAX);
  ends({TypeId::kDate}, INT32_MIN, INT32_MAX);
  ends({TypeId::kBigInt}, INT64_MIN, INT64_MAX);
  ends({TypeId::kTimestamp}, INT64_MIN, INT64_MAX);
  ends({TypeId::kHugeInt}, kInt128Min, kInt128Max);
  ends({TypeId::kUTinyInt}, 0, 255);
  ends({TypeId::kUSmallInt}, 0, 65535);
  ends({TypeId::kUInteger}, 0, UINT32_MAX);
  ends({TypeId::kUBigInt}, 0, UINT64_MAX);
  ends(Decimal(1, 0), -9, 9);
  ends(Decimal(4, 2), -9999, 9999);
  ends(Decimal(38, 0), -kPowersOfTen[38] + 1, kPowersOfTen[38] - 1);
  EXPECT_FALSE(InRange(Datum::Int(0), {TypeId::kNull}));
  EXPECT_FALSE(InRange(Datum::Int(0), {TypeId::kVarchar}));
}

TEST(Row, OwnsItsTexts) {
  std::string text = "borrowed";
  Row row(2);
  row.Set(0, Datum::Text(text));
  row.Append(Datum::Text(text));
  text.assign("changed.");
  EXPECT_EQ(row[0].text(), "borrowed");
  EXPECT_EQ(row[2].text(), "borrowed");
  EXPECT_TRUE(row[1].is_null());

  Row copy = row;
  row.Set(0, Datum::Text("other"));
  EXPECT_EQ(copy[0].text(), "borrowed");
  EXPECT_EQ(row[0].text(), "other");

  const char* data = copy[0].t.data;
  Row moved = std::move(copy);
  EXPECT_EQ(moved[0].t.data, data) << "moving keeps the texts where they are";

  // From itself: the text is copied before the old one goes.
  moved.Set(0, Datum::Text(moved[0].text().substr(1)));
  EXPECT_EQ(moved[0].text(), "orrowed");
  moved = *&moved;
  EXPECT_EQ(moved[0].text(), "orrowed");
  moved.Set(0, Datum::Text(""));
  EXPECT_EQ(moved[0].text(), "");
  moved.Set(0, Datum::Int(1));
  EXPECT_EQ(moved[0].i, 1);
}

TEST(ParseText, IsStrict) {
  auto text = [](std::string_view input, Type type) {
    auto value = ParseText(input, type);
    return value.has_value() ? ToText(*value, type)
                             : std::string(ErrorCodeName(value.error().code()));
  };
  EXPECT_EQ(text(" 7 ", {TypeId::kInteger}), "7");
  EXPECT_EQ(text("+7", {TypeId::kInteger}), "7");
  EXPECT_EQ(text("", {TypeId::kInteger}), "type_mismatch");
  EXPECT_EQ(text("1e2", {TypeId::kInteger}), "type_mismatch");
  EXPECT_EQ(text("7\n", {TypeId::kInteger}), "type_mismatch");
  EXPECT_EQ(text("128", {TypeId::kTinyInt}), "out_of_range");
  EXPECT_EQ(text("-1", {TypeId::kUTinyInt}), "out_of_range");
  EXPECT_EQ(text("170141183460469231731687303715884105727", {TypeId::kHugeInt}),
            "170141183460469231731687303715884105727");
  EXPECT_EQ(text("170141183460469231731687303715884105728", {TypeId::kHugeInt}), "out_of_range");
  EXPECT_EQ(text("1e2", Decimal(18, 2)), "100.00");
  EXPECT_EQ(text("0.10000", Decimal(18, 2)), "0.10");
  EXPECT_EQ(text("0.101", Decimal(18, 2)), "out_of_range");
  EXPECT_EQ(text("100", Decimal(4, 2)), "out_of_range");
  EXPECT_EQ(text("1.5x", Decimal(18, 2)), "type_mismatch");
  EXPECT_EQ(text("+1.5", {TypeId::kDouble}), "1.5");
  EXPECT_EQ(text("+-1.5", {TypeId::kDouble}), "type_mismatch");
  EXPECT_EQ(text("-inf", {TypeId::kDouble}), "out_of_range");
  EXPECT_EQ(text("1e-400", {TypeId::kDouble}), "out_of_range");
  EXPECT_EQ(text("0x1p3", {TypeId::kDouble}), "type_mismatch");
  EXPECT_EQ(text("TRUE", {TypeId::kBoolean}), "true");
  EXPECT_EQ(text("f", {TypeId::kBoolean}), "false");
  EXPECT_EQ(text("yes", {TypeId::kBoolean}), "type_mismatch");
  EXPECT_EQ(text("2020-02-29", {TypeId::kDate}), "2020-02-29");
  EXPECT_EQ(text("2021-02-29", {TypeId::kDate}), "type_mismatch");
  EXPECT_EQ(text("2020-02-29T10:00:00.25", {TypeId::kTimestamp}), "2020-02-29 10:00:00.25");
  EXPECT_EQ(text("2020-02-29T10:00:00Z", {TypeId::kTimestamp}), "type_mismatch");
  EXPECT_EQ(text("2020", {TypeId::kTimestamp}), "type_mismatch");
  EXPECT_EQ(text(" a ", {TypeId::kVarchar}), " a ");
  EXPECT_EQ(text(std::string_view("\0", 1), {TypeId::kVarchar}), "type_mismatch");
  EXPECT_EQ(text("\xff", {TypeId::kVarchar}), "type_mismatch");
  EXPECT_EQ(text("1 day", {TypeId::kInterval}), "unsupported");
  // A long text is not repeated whole in the error.
  EXPECT_LT(ParseText(std::string(100000, '9'), {TypeId::kInteger}).error().ToString().size(),
            200u);
}

}  // namespace
}  // namespace fuqi::table
