// Texts of values, and values of texts, against DuckDB's own casts.

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/decimal.h"
#include "base/random.h"
#include "table/datum.h"
#include "table/engine.h"
#include "table/permit_for_test.h"

namespace fuqi::table {
namespace {

class CastsOfDuckDb : public testing::Test {
 protected:
  // The column's values cast to `to`; an empty result says that the cast failed.
  std::vector<Row> Cast(const Column& column, const std::vector<Datum>& values, Type to) {
    Relation relation{"t", {{"i", {TypeId::kBigInt}}, column}, {}};
    for (size_t i = 0; i < values.size(); ++i) {
      Row row(2);
      row.Set(0, Datum::Int(static_cast<int64_t>(i)));
      row.Set(1, values[i]);
      relation.rows.push_back(std::move(row));
    }
    auto rows = engine_->Run(PermitForTest::Make("SELECT TRY_CAST(" + QuoteName(column.name) +
                                                 " AS " + to.ToString() + ") FROM t ORDER BY i"),
                             {relation});
    EXPECT_TRUE(rows.has_value()) << rows.error().ToString();
    auto all = rows->ReadAll();
    EXPECT_TRUE(all.has_value()) << all.error().ToString();
    EXPECT_EQ(all->size(), values.size());
    return std::move(*all);
  }

  void ExpectTextsAsDuckDb(Type type, const std::vector<Datum>& values) {
    const auto texts = Cast({"v", type}, values, {TypeId::kVarchar});
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(ToText(values[i], type), ToText(texts[i][0], {TypeId::kVarchar}))
          << type.ToString();
    }
  }

  ManualClock clock_{0};
  std::unique_ptr<Engine> engine_ = Engine::Embedded(clock_);
  SeededRandom random_{20260101};
};

TEST_F(CastsOfDuckDb, TextsOfDoublesAreEqual) {
  std::vector<Datum> values;
  for (double d : {0.0,
                   -0.0,
                   1.0,
                   -1.0,
                   0.1,
                   1e15,
                   1e16,
                   1e17,
                   123456789012345680.0,
                   1e-4,
                   1e-5,
                   9.999e-5,
                   5e-324,
                   1.7976931348623157e308,
                   2.2250738585072014e-308,
                   1e22,
                   1e23,
                   9007199254740993.0,
                   0.30000000000000004,
                   double{INFINITY},
                   -double{INFINITY},
                   double{NAN},
                   123456.789}) {
    values.push_back(Datum::Double(d));
    if (!std::isnan(d)) {  // DuckDB writes -nan by a sign that means nothing
      values.push_back(Datum::Double(-d));
    }
  }
  for (int i = 0; i < 20000; ++i) {
    if (const auto any = std::bit_cast<double>(random_.Next()); !std::isnan(any)) {
      values.push_back(Datum::Double(any));
    }
    values.push_back(
        Datum::Double(static_cast<double>(random_.Between(-1'000'000, 1'000'000)) / 100));
    values.push_back(Datum::Double(std::pow(10.0, static_cast<double>(random_.Between(-20, 20)))));
  }
  values.push_back(Datum::Null());
  ExpectTextsAsDuckDb({TypeId::kDouble}, values);
}

TEST_F(CastsOfDuckDb, TextsOfIntervalsAreEqual) {
  std::vector<Datum> values;
  const int64_t parts[] = {0, 1, -1, 11, 12, 13, -12, -13, 25, 1000, -1000};
  for (int64_t months : parts) {
    for (int64_t days : parts) {
      for (int64_t micros : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{60'000'000},
                             int64_t{-3'600'000'000}, int64_t{86'400'000'000}, int64_t{1'500'000},
                             int64_t{9'000'000'000'000'000}, int64_t{-1'234'567'890}}) {
        values.push_back(
            Datum::Of({static_cast<int32_t>(months), static_cast<int32_t>(days), micros}));
      }
    }
  }
  values.push_back(Datum::Of({INT32_MAX, INT32_MAX, INT64_MAX / 1000}));
  values.push_back(Datum::Of({INT32_MIN + 1, INT32_MIN, INT64_MIN / 1000}));
  ExpectTextsAsDuckDb({TypeId::kInterval}, values);
}

TEST_F(CastsOfDuckDb, TextsOfExactValuesAreEqual) {
  for (Type type : {Type{TypeId::kBoolean}, Type{TypeId::kTinyInt}, Type{TypeId::kBigInt},
                    Type{TypeId::kHugeInt}, Type{TypeId::kUBigInt}, Type{TypeId::kDate},
                    Type{TypeId::kTimestamp}, Decimal(4, 0), Decimal(4, 4), Decimal(9, 3),
                    Decimal(18, 2), Decimal(38, 38), Decimal(38, 0)}) {
    std::vector<Datum> values;
    for (int i = 0; i < 3000; ++i) {
      int128 value = static_cast<int128>(random_.Next()) << 64 | random_.Next();
      value >>= random_.Below(128);
      // Dates beyond DuckDB's calendar have no text.
      if (type.id == TypeId::kDate) {
        value %= 3'000'000;
      } else if (type.id == TypeId::kTimestamp) {
        value %= int128{250'000'000'000'000'000};
      }
      if (const Datum datum = Datum::Int(value); InRange(datum, type)) {
        values.push_back(datum);
      }
    }
    for (int128 value : {int128{0}, int128{1}, int128{-1}, int128{5}, int128{127}}) {
      if (const Datum datum = Datum::Int(value); InRange(datum, type)) {
        values.push_back(datum);
      }
    }
    ExpectTextsAsDuckDb(type, values);
  }
}

// What ParseText takes, DuckDB's cast gives too, to the bit.
TEST_F(CastsOfDuckDb, TakeEveryTextThatParseTextTakes) {
  constexpr std::string_view kSigns = "0123456789+-.eE Tt:tf";
  for (Type type : {Type{TypeId::kBoolean}, Type{TypeId::kTinyInt}, Type{TypeId::kInteger},
                    Type{TypeId::kBigInt}, Type{TypeId::kHugeInt}, Type{TypeId::kUInteger},
                    Type{TypeId::kDouble}, Type{TypeId::kDate}, Type{TypeId::kTimestamp},
                    Decimal(4, 2), Decimal(18, 2), Decimal(38, 10)}) {
    std::vector<std::string> texts;
    std::vector<Datum> values;
    while (texts.size() < 40000) {
      std::string text;
      switch (random_.Below(4)) {
        case 0:
          for (uint64_t n = random_.Below(7); n > 0; --n) {
            text += kSigns[random_.Below(kSigns.size())];
          }
          break;
        case 1:
          text = std::to_string(random_.Between(-3'000'000'000, 3'000'000'000));
          break;
        case 2:
          text = std::to_string(random_.Between(-99, 99)) + "." +
                 std::to_string(random_.Below(1000)) +
                 (random_.Chance(0.3) ? "e" + std::to_string(random_.Between(-5, 5)) : "");
          break;
        default:
          text = ToText(Datum::Int(random_.Between(-719'000, 2'900'000)), {TypeId::kDate});
          if (random_.Chance(0.7)) {
            text += random_.Chance(0.5) ? " 10:59:0" : "T23:00:5";
            text += std::to_string(random_.Below(10));
            text += random_.Chance(0.5) ? "." + std::to_string(random_.Below(10'000'000)) : "";
          }
      }
      texts.push_back(std::move(text));
    }
    std::erase_if(texts,
                  [&](const std::string& text) { return !ParseText(text, type).has_value(); });
    EXPECT_GT(texts.size(), 100u) << type.ToString();
    for (const std::string& text : texts) {
      values.push_back(Datum::Text(text));
    }
    const auto cast = Cast({"v", {TypeId::kVarchar}}, values, type);
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto mine = ParseText(texts[i], type);
      ASSERT_TRUE(Identical(*mine, cast[i][0]))
          << type.ToString() << " \"" << texts[i] << "\": " << ToText(*mine, type) << " and "
          << ToText(cast[i][0], type);
    }
  }
}

}  // namespace
}  // namespace fuqi::table
