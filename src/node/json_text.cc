#include "node/json_text.h"

#include <cmath>

#include "base/decimal.h"
#include "base/time.h"
#include "base/utf8.h"
#include "table/format.h"

namespace fuqi::node {

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  out += JsonText(text);
  out += '"';
}

std::string JsonString(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

void AppendJsonValue(const table::Datum& value, table::Type type, std::string& out) {
  using Kind = table::Datum::Kind;
  switch (value.kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kText:
      AppendJsonString(value.text(), out);
      return;
    case Kind::kDouble:
      // JSON has no infinities; state holds none either, since a result that is not finite is an
      // error.
      out += std::isfinite(value.d) ? fmt::format("{}", value.d) : "null";
      return;
    case Kind::kInterval:
      AppendJsonString(table::ToText(value, type), out);
      return;
    case Kind::kInt:
      break;
  }
  switch (type.id) {
    case table::TypeId::kBoolean:
      out += value.i != 0 ? "true" : "false";
      return;
    case table::TypeId::kDecimal:
      out += '"' + DecimalToText(value.i, type.scale) + '"';
      return;
    case table::TypeId::kHugeInt:
      out += '"' + ToText(value.i) + '"';
      return;
    case table::TypeId::kDate:
      AppendJsonString(DateToText(static_cast<int32_t>(value.i)), out);
      return;
    case table::TypeId::kTimestamp:
      AppendJsonString(Rfc3339(static_cast<int64_t>(value.i)), out);
      return;
    case table::TypeId::kUBigInt:
      out += fmt::format("{}", static_cast<uint64_t>(value.i));
      return;
    default:
      out += fmt::format("{}", static_cast<int64_t>(value.i));
      return;
  }
}

void AppendJsonRow(const table::Schema& schema, std::span<const table::Datum> row,
                   std::string& out) {
  out += '{';
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) {
      out += ',';
    }
    AppendJsonString(schema[i].name, out);
    out += ':';
    AppendJsonValue(row[i], schema[i].type, out);
  }
  out += '}';
}

}  // namespace fuqi::node
