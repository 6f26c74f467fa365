// Any bytes as an event or an array of them: no crash, and what is taken as a row can be told as
// JSON and read back to the same row.

#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "node/event_json.h"
#include "node/json_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fuqi;
  static const table::Schema kSchema = {
      {"id", {table::TypeId::kVarchar}},   {"ts", {table::TypeId::kTimestamp}},
      {"amount", table::Decimal(18, 2)},   {"n", {table::TypeId::kInteger}},
      {"huge", {table::TypeId::kHugeInt}}, {"ratio", {table::TypeId::kDouble}},
      {"ok", {table::TypeId::kBoolean}},   {"day", {table::TypeId::kDate}}};
  static node::EventJson parser;
  std::string text(reinterpret_cast<const char*>(data), size);
  auto events = parser.Parse(kSchema, text, 50);
  if (!events) {
    return 0;
  }
  FUQI_CHECK(events->rows.size() <= 50);
  for (const Result<table::Row>& row : events->rows) {
    if (!row) {
      FUQI_CHECK(IsUtf8(row.error().ToString(Language::kEnglish)));
      continue;
    }
    std::string told;
    node::AppendJsonRow(kSchema, row->values(), told);
    node::EventJson second;
    auto again = second.Parse(kSchema, told, 1);
    FUQI_CHECK(again.has_value() && again->rows[0].has_value());
    for (size_t i = 0; i < kSchema.size(); ++i) {
      FUQI_CHECK(table::Same((*row)[i], (*again->rows[0])[i]));
    }
  }
  return 0;
}
