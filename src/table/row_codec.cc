// docs/formats/row.md, written and read.

#include <cmath>
#include <limits>

#include "base/decimal.h"
#include "base/utf8.h"
#include "table/datum.h"

namespace fuqi::table {
namespace {

// Bytes of an exact value of this type.
int WidthOf(Type type) {
  switch (type.id) {
    case TypeId::kBoolean:
    case TypeId::kTinyInt:
    case TypeId::kUTinyInt:
      return 1;
    case TypeId::kSmallInt:
    case TypeId::kUSmallInt:
      return 2;
    case TypeId::kInteger:
    case TypeId::kUInteger:
    case TypeId::kDate:
      return 4;
    case TypeId::kBigInt:
    case TypeId::kUBigInt:
    case TypeId::kTimestamp:
      return 8;
    case TypeId::kDecimal:
      return type.width <= 4 ? 2 : type.width <= 9 ? 4 : type.width <= 18 ? 8 : 16;
    default:
      return 16;
  }
}

bool IsUnsigned(Type type) { return type.id >= TypeId::kUTinyInt && type.id <= TypeId::kUBigInt; }

void WriteInt(int128 value, int width, ByteWriter& writer) {
  switch (width) {
    case 1:
      writer.Fixed(static_cast<uint8_t>(value));
      break;
    case 2:
      writer.Fixed(static_cast<uint16_t>(value));
      break;
    case 4:
      writer.Fixed(static_cast<uint32_t>(value));
      break;
    case 8:
      writer.Fixed(static_cast<uint64_t>(value));
      break;
    default:
      writer.Fixed(value);
  }
}

int128 ReadInt(int width, bool is_unsigned, ByteReader& reader) {
  switch (width) {
    case 1:
      return is_unsigned ? int128{reader.Fixed<uint8_t>()} : reader.Fixed<int8_t>();
    case 2:
      return is_unsigned ? int128{reader.Fixed<uint16_t>()} : reader.Fixed<int16_t>();
    case 4:
      return is_unsigned ? int128{reader.Fixed<uint32_t>()} : reader.Fixed<int32_t>();
    case 8:
      return is_unsigned ? int128{reader.Fixed<uint64_t>()} : reader.Fixed<int64_t>();
    default:
      return reader.Fixed<int128>();
  }
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr uint64_t kNanBits = 0x7ff8000000000000;
static_assert(std::bit_cast<uint64_t>(kNan) == kNanBits);

}  // namespace

void EncodeRow(const Schema& schema, std::span<const Datum> row, Bytes& out) {
  FUQI_CHECK(row.size() == schema.size());
  ByteWriter writer(out);
  for (size_t i = 0; i < row.size(); i += 8) {
    uint8_t present = 0;
    for (size_t bit = 0; bit < 8 && i + bit < row.size(); ++bit) {
      present |= static_cast<uint8_t>(row[i + bit].is_null() ? 0 : 1u << bit);
    }
    writer.Fixed(present);
  }
  for (size_t i = 0; i < row.size(); ++i) {
    const Datum& datum = row[i];
    FUQI_CHECK(InRange(datum, schema[i].type));
    switch (datum.kind) {
      case Datum::Kind::kNull:
        break;
      case Datum::Kind::kInt:
        WriteInt(datum.i, WidthOf(schema[i].type), writer);
        break;
      case Datum::Kind::kDouble:
        writer.Fixed(std::isnan(datum.d) ? kNan : datum.d);
        break;
      case Datum::Kind::kText:
        writer.Text(datum.text());
        break;
      case Datum::Kind::kInterval:
        writer.Fixed(datum.interval.months);
        writer.Fixed(datum.interval.days);
        writer.Fixed(datum.interval.micros);
        break;
    }
  }
}

Result<Row> DecodeRow(const Schema& schema, ByteView bytes) {
  ByteReader reader(bytes);
  const ByteView present = reader.Raw((schema.size() + 7) / 8);
  if (!reader.ok()) {
    return Err(ErrorCode::kParse, "a stored row ends within its presence bits");
  }
  if (schema.size() % 8 != 0 && (present.back() >> (schema.size() % 8)) != 0) {
    return Err(ErrorCode::kParse, "a stored row has presence bits beyond its {} columns",
               schema.size());
  }
  Row row(schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    const Type type = schema[i].type;
    if ((present[i / 8] >> (i % 8) & 1) == 0) {
      if (!schema[i].nullable) {
        return Err(ErrorCode::kParse, "a stored row has no value for column {}", schema[i].name);
      }
      continue;
    }
    Datum datum;
    bool good = true;
    switch (KindOf(type)) {
      case Datum::Kind::kNull:
        good = false;
        break;
      case Datum::Kind::kInt:
        datum = Datum::Int(ReadInt(WidthOf(type), IsUnsigned(type), reader));
        good = InRange(datum, type);
        break;
      case Datum::Kind::kDouble:
        datum = Datum::Double(reader.Fixed<double>());
        good = !std::isnan(datum.d) || std::bit_cast<uint64_t>(datum.d) == kNanBits;
        break;
      case Datum::Kind::kText:
        datum = Datum::Text(reader.Text());
        good = IsUtf8(datum.text());
        break;
      case Datum::Kind::kInterval: {
        Interval interval;
        interval.months = reader.Fixed<int32_t>();
        interval.days = reader.Fixed<int32_t>();
        interval.micros = reader.Fixed<int64_t>();
        datum = Datum::Of(interval);
        break;
      }
    }
    if (!good) {
      return Err(ErrorCode::kParse, "a stored row's value for column {} is not one of type {}",
                 schema[i].name, type.ToString());
    }
    row.Set(i, datum);
  }
  FUQI_RETURN_IF_ERROR(reader.Finish("a stored row"));
  return row;
}

}  // namespace fuqi::table
