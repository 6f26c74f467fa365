// Any text as a fragment, and as a window's definition: refused with a place within it, or bound;
// and what is bound has a batch form that DuckDB binds to the same type.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "sql/batch.h"
#include "sql/fragments_for_test.h"
#include "sql/lineage.h"

namespace {

using namespace fuqi;       // NOLINT(google-build-using-namespace): a program of its own
using namespace fuqi::sql;  // NOLINT(google-build-using-namespace)

void Check(const Fragment& item, const Fragment& window) {
  const std::vector<Fragment> items = {item};
  const std::vector<Fragment> windows = {window};
  auto level = BindLevel(TestBinder(), ExampleSchema(), kExampleTime, items, windows);
  if (!level) {
    FUQI_CHECK(level.error().where().has_value() && level.error().where()->line >= 1);
    return;
  }
  for (Arrivals arrivals : {Arrivals::kInOrder, Arrivals::kAnyOrder}) {
    auto sql = BatchSql({.source = "SELECT * FROM events",
                         .levels = {{&*level, items}},
                         .windows = windows,
                         .columns = {item.name}},
                        arrivals);
    FUQI_CHECK(sql.has_value());
    auto described = TestBinder().DescribeQuery(ExampleSchema(), "events", *sql);
    FUQI_CHECK(described.has_value() && *described == OutputSchema(*level));
  }
  LineageOf({&*level, 1}, ExampleSchema());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Check({"f", text, nullptr}, {"w", std::string(kExampleWindow), nullptr});
  Check({"f", "count(*) OVER w", nullptr}, {"w", text, nullptr});
  return 0;
}
