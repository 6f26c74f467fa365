#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>

#include "base/decimal.h"
#include "base/utf8.h"
#include "table/datum.h"

namespace fuqi::table {
namespace {

Type AnyType() {
  const auto id = static_cast<TypeId>(*rc::gen::inRange(0, 17));
  if (id != TypeId::kDecimal) {
    return {id};
  }
  const int width = *rc::gen::inRange(1, kMaxDecimalWidth + 1);
  return Decimal(static_cast<uint8_t>(width),
                 static_cast<uint8_t>(*rc::gen::inRange(0, width + 1)));
}

int128 AnyInt128() {
  const int128 high = *rc::gen::arbitrary<int64_t>();
  const auto low = *rc::gen::arbitrary<uint64_t>();
  return (high << 64 | low) >> *rc::gen::inRange(0, 128);
}

// A value of the type; `text` keeps what it borrows.
Datum AnyValue(Type type, std::string& text) {
  switch (KindOf(type)) {
    case Datum::Kind::kNull:
      return Datum::Null();
    case Datum::Kind::kDouble:
      return Datum::Double(std::bit_cast<double>(*rc::gen::arbitrary<uint64_t>()));
    case Datum::Kind::kText:
      text = *rc::gen::container<std::string>(rc::gen::inRange('\x01', '\x7f')) +
             *rc::gen::element<std::string>("", "中文", "é", "\xf0\x9f\x98\x80",
                                            std::string(200, 'x'));
      return Datum::Text(text);
    case Datum::Kind::kInterval:
      return Datum::Of({*rc::gen::arbitrary<int32_t>(), *rc::gen::arbitrary<int32_t>(),
                        *rc::gen::arbitrary<int64_t>()});
    case Datum::Kind::kInt:
      break;
  }
  for (int128 value = AnyInt128();; value /= 2) {
    if (const Datum datum = Datum::Int(
            value < 0 && type.id >= TypeId::kUTinyInt && type.id <= TypeId::kUBigInt ? -(value + 1)
                                                                                     : value);
        InRange(datum, type)) {
      return datum;
    }
  }
}

struct AnyRow {
  Schema schema;
  std::vector<Datum> values;
  std::vector<std::unique_ptr<std::string>> texts;
};

AnyRow MakeRow() {
  AnyRow row;
  const int columns = *rc::gen::inRange(0, 20);
  for (int i = 0; i < columns; ++i) {
    const Type type = AnyType();
    row.schema.push_back({"c" + std::to_string(i), type});
    row.texts.push_back(std::make_unique<std::string>());
    row.values.push_back(*rc::gen::weightedElement<bool>({{1, true}, {4, false}})
                             ? Datum::Null()
                             : AnyValue(type, *row.texts.back()));
  }
  return row;
}

TEST(RowCodecProperty, ReadsBackWhatItWrote) {
  EXPECT_TRUE(rc::check([] {
    const AnyRow row = MakeRow();
    Bytes bytes;
    EncodeRow(row.schema, row.values, bytes);
    auto read = DecodeRow(row.schema, bytes);
    RC_ASSERT(read.has_value());
    for (size_t i = 0; i < row.values.size(); ++i) {
      RC_ASSERT(Identical((*read)[i], row.values[i]));
    }
  }));
}

TEST(RowCodecProperty, HasOneFormForARow) {
  EXPECT_TRUE(rc::check([] {
    const AnyRow row = MakeRow();
    Bytes bytes;
    EncodeRow(row.schema, row.values, bytes);
    // Any change of a byte gives another row or none, never the same.
    if (bytes.empty()) {
      return;
    }
    Bytes changed = bytes;
    const size_t at = *rc::gen::inRange<size_t>(0, bytes.size());
    changed[at] ^= static_cast<uint8_t>(*rc::gen::inRange(1, 256));
    if (auto read = DecodeRow(row.schema, changed); read.has_value()) {
      Bytes again;
      EncodeRow(row.schema, read->values(), again);
      RC_ASSERT(again == changed);
    }
    // So does any other length.
    changed = bytes;
    changed.resize(*rc::gen::inRange<size_t>(0, bytes.size()));
    RC_ASSERT(!DecodeRow(row.schema, changed).has_value());
    changed = bytes;
    changed.push_back(0);
    RC_ASSERT(!DecodeRow(row.schema, changed).has_value());
  }));
}

}  // namespace
}  // namespace fuqi::table
