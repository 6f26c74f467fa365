#include "table/permit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <type_traits>

#include "table/engine.h"

namespace fuqi::table {
namespace {

static_assert(!std::is_default_constructible_v<Permit>);
static_assert(!std::is_copy_constructible_v<Permit>);
static_assert(!std::is_copy_assignable_v<Permit>);
static_assert(std::is_nothrow_move_constructible_v<Permit>);
static_assert(!std::is_aggregate_v<Permit>);
static_assert(!std::is_constructible_v<Permit, Plan>);
static_assert(!std::is_constructible_v<Permit, std::string>);
// An engine runs a permit that is given away, and nothing else.
static_assert(
    std::is_invocable_v<decltype(&Engine::Run), Engine&, Permit&&, std::vector<Relation>>);
static_assert(
    !std::is_invocable_v<decltype(&Engine::Run), Engine&, Permit&, std::vector<Relation>>);
static_assert(
    !std::is_invocable_v<decltype(&Engine::Run), Engine&, std::string, std::vector<Relation>>);

// What the tests may do with a permit, nothing that ships may.
TEST(Permit, IsMadeByGovernAlone) {
  const std::filesystem::path source = FUQI_SOURCE_DIR "/src";
  int readers = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    const bool is_test = name.ends_with("_test.cc") || name.ends_with("_test.h") ||
                         name.ends_with("_fuzz.cc") || name.ends_with("_bench.cc");
    if (!name.ends_with(".cc") && !name.ends_with(".h")) {
      continue;
    }
    std::ifstream in(entry.path());
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const bool includes = text.find("#include \"table/permit_for_test.h\"") != std::string::npos;
    readers += includes ? 1 : 0;
    EXPECT_TRUE(is_test || !includes) << entry.path();
    // DuckDB's headers stay within this module's .cc files.
    const bool knows_duckdb = text.find("#include <duckdb.h>") != std::string::npos ||
                              text.find("#include \"duckdb.h\"") != std::string::npos ||
                              text.find("#include <adbc.h>") != std::string::npos ||
                              text.find("#include \"adbc.h\"") != std::string::npos;
    EXPECT_TRUE(!knows_duckdb || name == "permit_test.cc" ||
                (name.ends_with(".cc") && entry.path().parent_path().filename() == "table"))
        << entry.path();
  }
  EXPECT_GT(readers, 0) << "the search found nothing: it is broken";
}

}  // namespace
}  // namespace fuqi::table
