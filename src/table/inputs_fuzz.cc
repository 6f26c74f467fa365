// Bytes as a CSV file, a file of JSON lines, and each kind of value.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "table/datum.h"
#include "table/inputs_internal.h"

namespace {

using namespace fuqi;         // NOLINT(google-build-using-namespace)
using namespace fuqi::table;  // NOLINT(google-build-using-namespace)

class MemoryFile : public File {
 public:
  explicit MemoryFile(ByteView bytes) : bytes_(bytes) {}
  Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const override {
    const size_t size = offset < bytes_.size() ? std::min(out.size(), bytes_.size() - offset) : 0;
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), size, out.begin());
    return size;
  }
  Result<uint64_t> Size() const override { return bytes_.size(); }
  Result<void> Write(uint64_t, ByteView) override { return Refused(); }
  Result<void> Truncate(uint64_t) override { return Refused(); }
  Result<void> Sync() override { return Refused(); }

 private:
  static Error Refused() { return Err(ErrorCode::kUnsupported, "read only"); }
  ByteView bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const MemoryFile file(bytes);
  const InputSpec spec = {.format = "",
                          .path = "",
                          .delimiter = ";",
                          .columns = {{"a", {TypeId::kInteger}},
                                      {"b", {TypeId::kVarchar}},
                                      {"c", Decimal(18, 2)},
                                      {"d", {TypeId::kTimestamp}, false}},
                          .line_bytes_max = 200};
  (void)CheckCsv(file, spec);
  (void)CheckJsonLines(file, spec);
  for (int id = 1; id <= 15; ++id) {
    const Type type =
        id == static_cast<int>(TypeId::kDecimal) ? Decimal(38, 10) : Type{static_cast<TypeId>(id)};
    if (const auto value = ParseText(AsText(bytes), type); value.has_value()) {
      // What was read is of its type, and its text reads as the same value.
      FUQI_CHECK(InRange(*value, type));
      const std::string text = ToText(*value, type);
      const auto again = ParseText(text, type);
      FUQI_CHECK(again.has_value() && Identical(*again, *value));
    }
  }
  return 0;
}
