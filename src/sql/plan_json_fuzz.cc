// Any JSON as DuckDB's plan: read or refused, never believed.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "sql/fragments_for_test.h"
#include "sql/lineage_internal.h"
#include "sql/plan_internal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fuqi::sql;            // NOLINT(google-build-using-namespace)
  using namespace fuqi::sql::internal;  // NOLINT(google-build-using-namespace)
  const auto json = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!json) {
    return 0;
  }
  const Fragment item = {"f", "n", nullptr};
  Statement statement(item);
  statement << "SELECT *, " << item << " AS f";
  const PlanContext context{TestBinder(), statement, ExampleSchema(), kExampleTime, {}};
  if (auto read = ReadPlan(context, *json)) {
    Level level;
    level.input = ExampleSchema();
    level.time = kExampleTime;
    level.windows = read->windows;
    level.outputs.push_back({"f", read->expr});
    FUQI_CHECK(LineageOf({&level, 1}, ExampleSchema()).size() == 1);
    FUQI_CHECK(!ToSql(read->expr, level.input).empty());
  }
  for (const Json& plan : ItemsOf(*json, "plans")) {
    TracePlan(plan);
  }
  return 0;
}
