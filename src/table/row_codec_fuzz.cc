// Bytes as a stored row of a schema that the first bytes choose: whatever is read must be written
// back as the same bytes.

#include <cstddef>
#include <cstdint>

#include "table/datum.h"

using fuqi::table::Schema;
using fuqi::table::Type;
using fuqi::table::TypeId;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuqi::ByteView input(data, size);
  if (input.empty()) {
    return 0;
  }
  const size_t columns = input[0] % 24;
  input = input.subspan(1);
  Schema schema;
  for (size_t i = 0; i < columns && !input.empty(); ++i) {
    Type type{static_cast<TypeId>(input[0] % 17)};
    if (type.id == TypeId::kDecimal) {
      type = fuqi::table::Decimal(static_cast<uint8_t>(1 + input[0] / 17 % 38), 0);
    }
    schema.push_back({"c", type, input[0] < 128});
    input = input.subspan(1);
  }
  if (auto row = fuqi::table::DecodeRow(schema, input); row.has_value()) {
    fuqi::Bytes again;
    fuqi::table::EncodeRow(schema, row->values(), again);
    FUQI_CHECK(fuqi::AsText(again) == fuqi::AsText(input));
  }
  return 0;
}
