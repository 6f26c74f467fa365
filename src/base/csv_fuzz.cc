// Any bytes as comma-separated values, in pieces of any size: records or a placed error, the same
// whatever the pieces.

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/csv.h"

namespace {

using namespace fuqi;

std::vector<std::vector<std::string>> ReadAll(ByteSource source) {
  CsvReader reader("fuzz", std::move(source));
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> fields;
  for (;;) {
    const Result<bool> more = reader.Next(fields);
    if (!more) {
      FUQI_CHECK(more.error().where()->line >= 1);
      records.push_back({"error", more.error().ToString()});
      return records;
    }
    if (!*more) {
      return records;
    }
    records.push_back(fields);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto whole = ReadAll(MemorySource(text));
  const size_t piece = 1 + data[0] % 8;
  const auto pieces = ReadAll([&, rest = text](std::span<uint8_t> out) mutable -> Result<size_t> {
    const size_t count = std::min({out.size(), rest.size(), piece});
    std::memcpy(out.data(), rest.data(), count);
    rest.remove_prefix(count);
    return count;
  });
  FUQI_CHECK(whole == pieces);
  return 0;
}
