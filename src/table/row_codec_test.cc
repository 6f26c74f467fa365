#include <gtest/gtest.h>

#include <cmath>

#include "table/datum.h"

namespace fuqi::table {
namespace {

Bytes Encode(const Schema& schema, const std::vector<Datum>& values) {
  Bytes bytes;
  EncodeRow(schema, values, bytes);
  return bytes;
}

Bytes Hex(std::string_view hex) { return FromHex(hex).value(); }

const Schema kExample = {{"id", {TypeId::kInteger}},
                         {"amount", Decimal(18, 2)},
                         {"note", {TypeId::kVarchar}},
                         {"flag", {TypeId::kBoolean}}};

TEST(RowCodec, WritesTheDocumentsExample) {
  const Bytes bytes =
      Encode(kExample, {Datum::Int(7), Datum::Null(), Datum::Text("中"), Datum::Bool(true)});
  EXPECT_EQ(ToHex(bytes), "0d0700000003e4b8ad01");
  auto row = DecodeRow(kExample, bytes);
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ((*row)[0].i, 7);
  EXPECT_TRUE((*row)[1].is_null());
  EXPECT_EQ((*row)[2].text(), "中");
  EXPECT_TRUE((*row)[3].is_true());
}

TEST(RowCodec, WritesEachTypeInItsWidth) {
  auto hex = [](Type type, const Datum& value) { return ToHex(Encode({{"c", type}}, {value})); };
  EXPECT_EQ(hex({TypeId::kTinyInt}, Datum::Int(-1)), "01ff");
  EXPECT_EQ(hex({TypeId::kUTinyInt}, Datum::Int(255)), "01ff");
  EXPECT_EQ(hex({TypeId::kSmallInt}, Datum::Int(-2)), "01feff");
  EXPECT_EQ(hex({TypeId::kUInteger}, Datum::Int(4294967295)), "01ffffffff");
  EXPECT_EQ(hex({TypeId::kBigInt}, Datum::Int(-1)), "01ffffffffffffffff");
  EXPECT_EQ(hex({TypeId::kHugeInt}, Datum::Int(1)), "0101000000000000000000000000000000");
  EXPECT_EQ(hex(Decimal(4, 2), Datum::Int(-1)), "01ffff");
  EXPECT_EQ(hex(Decimal(9, 2), Datum::Int(1)), "0101000000");
  EXPECT_EQ(hex(Decimal(18, 2), Datum::Int(1)), "010100000000000000");
  EXPECT_EQ(hex(Decimal(19, 2), Datum::Int(1)), "0101000000000000000000000000000000");
  EXPECT_EQ(hex({TypeId::kDouble}, Datum::Double(-0.0)), "010000000000000080");
  EXPECT_EQ(hex({TypeId::kDouble}, Datum::Double(-std::nan("7"))), "01000000000000f87f");
  EXPECT_EQ(hex({TypeId::kVarchar}, Datum::Text("")), "0100");
  EXPECT_EQ(hex({TypeId::kDate}, Datum::Int(-1)), "01ffffffff");
  EXPECT_EQ(hex({TypeId::kTimestamp}, Datum::Int(256)), "010001000000000000");
  EXPECT_EQ(hex({TypeId::kInterval}, Datum::Of({1, -1, 2})), "0101000000ffffffff0200000000000000");
  EXPECT_EQ(hex({TypeId::kNull}, Datum::Null()), "00");
}

TEST(RowCodec, HasPresenceBitsForAnyNumberOfColumns) {
  for (size_t columns : {0, 1, 7, 8, 9, 16, 17, 1000}) {
    const Schema schema(columns, {"c", {TypeId::kBoolean}});
    std::vector<Datum> values;
    for (size_t i = 0; i < columns; ++i) {
      values.push_back(i % 3 == 0 ? Datum::Null() : Datum::Bool(i % 2 == 0));
    }
    const Bytes bytes = Encode(schema, values);
    auto row = DecodeRow(schema, bytes);
    ASSERT_TRUE(row.has_value()) << columns;
    for (size_t i = 0; i < columns; ++i) {
      EXPECT_TRUE(Identical((*row)[i], values[i]));
    }
  }
}

TEST(RowCodec, RefusesEveryOtherForm) {
  auto refused = [](const Schema& schema, std::string_view hex) {
    auto row = DecodeRow(schema, Hex(hex));
    if (row.has_value()) {
      return std::string("accepted");
    }
    EXPECT_EQ(row.error().code(), ErrorCode::kParse);
    return row.error().message();
  };
  const Schema boolean = {{"b", {TypeId::kBoolean}}};
  EXPECT_NE(refused(boolean, ""), "accepted");
  EXPECT_NE(refused(boolean, "01"), "accepted");
  EXPECT_NE(refused(boolean, "0102"), "accepted");
  EXPECT_NE(refused(boolean, "010100"), "accepted");
  EXPECT_NE(refused(boolean, "02"), "accepted") << "a presence bit beyond the columns";
  EXPECT_NE(refused({{"n", {TypeId::kNull}}}, "01"), "accepted");
  EXPECT_NE(refused({{"d", Decimal(4, 2)}}, "011027"), "accepted") << "10000 of width 4";
  EXPECT_NE(refused({{"d", {TypeId::kDouble}}}, "01010000000000f87f"), "accepted") << "another NaN";
  EXPECT_NE(refused({{"d", {TypeId::kDouble}}}, "01000000000000f8ff"), "accepted") << "minus NaN";
  EXPECT_NE(refused({{"s", {TypeId::kVarchar}}}, "0101ff"), "accepted") << "no UTF-8";
  EXPECT_NE(refused({{"s", {TypeId::kVarchar}}}, "018000"), "accepted") << "a long zero";
  EXPECT_NE(refused({{"s", {TypeId::kVarchar}}}, "01ffffffffffffffffff01"), "accepted");
  EXPECT_EQ(refused({{"must", {TypeId::kInteger}, false}}, "00"),
            "a stored row has no value for column must");
  EXPECT_NE(refused({}, "00"), "accepted");
}

TEST(RowCodecDeathTest, HoldsTheCallerToTheSchema) {
  EXPECT_DEATH(Encode({{"c", {TypeId::kTinyInt}}}, {Datum::Int(128)}), "broken invariant");
  EXPECT_DEATH(Encode({{"c", {TypeId::kTinyInt}}}, {Datum::Text("a")}), "broken invariant");
  EXPECT_DEATH(Encode({{"c", {TypeId::kTinyInt}}}, {}), "broken invariant");
}

}  // namespace
}  // namespace fuqi::table
