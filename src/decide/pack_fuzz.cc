// Any bytes as the files of a pack: an error with its place or a pack, and whatever passes is
// compiled, its scenarios read and run. Files are separated by a NUL byte: pack.toml, then
// sources.toml, then scenarios/a.toml, then tables/a.csv.

#include <cstdlib>
#include <string>

#include "base/check.h"
#include "decide/compiled_pack.h"
#include "decide/scenario.h"
#include "table/binder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fuqi;
  using namespace fuqi::decide;
  static const auto kBinder = *table::Binder::Open();
  PackFiles files;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* path : {"pack.toml", "sources.toml", "scenarios/a.toml", "tables/a.csv"}) {
    const size_t end = text.find('\0');
    files.emplace_back(path, text.substr(0, end));
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + 1);
  }
  Result<Pack> pack = ParsePack(std::move(files));
  if (!pack) {
    FUQI_CHECK(pack.error().where().has_value() && !pack.error().where()->file.empty());
    return 0;
  }
  FUQI_CHECK(ParsePack(pack->files)->hash == pack->hash);
  auto compiled = CompiledPack::Compile(std::move(*pack), *kBinder);
  if (!compiled) {
    FUQI_CHECK(compiled.error().where().has_value() && compiled.error().where()->line > 0);
    return 0;
  }
  if (auto scenarios = ParseScenarios(**compiled)) {
    RunScenarios(**compiled, *scenarios);
  }
  return 0;
}
