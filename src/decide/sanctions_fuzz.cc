// Any bytes as a sanctions file or a list's own: entries that a list can hold, or a placed error.

#include <set>
#include <string_view>

#include "base/check.h"
#include "decide/list.h"
#include "decide/sanctions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fuqi;
  using namespace fuqi::decide;
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 0: {
      CsvReader sdn("sdn.csv", MemorySource(text));
      CsvReader alt("alt.csv", MemorySource(text));
      if (const auto entries = ReadOfac(sdn, &alt); !entries) {
        FUQI_CHECK(entries.error().where().has_value());
      }
      break;
    }
    case 1: {
      if (const auto entries = ReadUn("un.xml", MemorySource(text)); !entries) {
        FUQI_CHECK(entries.error().where()->line >= 1);
      }
      break;
    }
    default: {
      List list;
      list.name = "l";
      list.type = {table::TypeId::kVarchar};
      CsvReader reader("l.csv", MemorySource(text));
      const auto entries = ReadListCsv(reader, list);
      if (!entries) {
        FUQI_CHECK(entries.error().where().has_value());
        break;
      }
      std::set<ListEntryId> ids;
      for (const ListEntry& entry : *entries) {
        FUQI_CHECK(CheckEntry(list.type, entry).has_value());
        FUQI_CHECK(ids.insert(entry.id()).second);
      }
    }
  }
  return 0;
}
