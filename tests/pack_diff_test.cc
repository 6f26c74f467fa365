// The shipped packs over the real files: every feature and every rule of every event, in batch by
// DuckDB and as a stream by the core, without a mismatch.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "base/disk.h"
#include "decide/diff.h"
#include "decide/replay.h"
#include "decide/scenario.h"
#include "table/binder.h"

namespace fuqi::decide {
namespace {

class NoEvidence : public govern::EvidenceSink {
 public:
  Result<void> Write(const ledger::Record&) override { return {}; }
};

struct RealFile {
  std::string name;
  std::string pack;
  std::string source;
  std::string path;  // under the data folder
  uint64_t events;
};
void PrintTo(const RealFile& file, std::ostream* out) { *out << file.name; }

std::string SourceDir() { return FUQI_SOURCE_DIR; }

std::filesystem::path DataDir() {
  const char* given = std::getenv("FUQI_DATA");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(SourceDir()) / "../shared/data";
}

std::shared_ptr<const CompiledPack> Compile(const std::string& name) {
  static const auto binder = std::move(*table::Binder::Open());
  Result<Pack> pack = LoadPack(SystemDisk(), SourceDir() + "/packs/" + name);
  EXPECT_TRUE(pack.has_value()) << pack.error().ToString();
  if (!pack) {
    return nullptr;
  }
  auto compiled = CompiledPack::Compile(std::move(*pack), *binder);
  EXPECT_TRUE(compiled.has_value()) << compiled.error().ToString();
  return compiled ? *compiled : nullptr;
}

class PackDiff : public testing::TestWithParam<RealFile> {
 protected:
  PackDiff()
      : binder_(std::move(*table::Binder::Open())),
        engine_(table::Engine::Embedded(SystemClock())),
        owner_(SystemClock(), evidence_),
        access_{*engine_, owner_, *binder_} {}

  NoEvidence evidence_;
  std::unique_ptr<table::Binder> binder_;
  std::unique_ptr<table::Engine> engine_;
  govern::LocalOwner owner_;
  DataAccess access_;
};

TEST_P(PackDiff, FindsEveryCellEqual) {
  const std::filesystem::path path = DataDir() / GetParam().path;
  if (!std::filesystem::exists(path)) {
    std::printf("skipped: no data\n");
    GTEST_SKIP();
  }
  const auto pack = Compile(GetParam().pack);
  ASSERT_NE(pack, nullptr);
  Result<SourcePlan> plan =
      OpenSource(access_, *pack, GetParam().source, std::filesystem::canonical(path));
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  Result<DiffResult> diff = Diff(access_, pack, *plan);
  ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
  for (const Mismatch& mismatch : diff->first) {
    ADD_FAILURE() << "row " << mismatch.row << ", " << mismatch.column << ": batch "
                  << mismatch.batch << ", stream " << mismatch.stream;
  }
  EXPECT_EQ(diff->mismatches, 0u);
  EXPECT_EQ(diff->tolerated, 0u) << "money is exact";
  EXPECT_EQ(diff->out_of_bounds, 0u);
  EXPECT_EQ(diff->events, GetParam().events);
  EXPECT_EQ(diff->cells, diff->events * (pack->pack().features.size() + pack->pack().rules.size()));
}

INSTANTIATE_TEST_SUITE_P(RealFiles, PackDiff,
                         testing::Values(RealFile{"aml_fan_in", "aml", "amlsim",
                                                  "amlsim/20K_fanin200/transactions.csv", 118'250},
                                         RealFile{"aml_cycle", "aml", "amlsim",
                                                  "amlsim/20K_cycle200/transactions.csv", 117'805},
                                         RealFile{"account_berka", "account", "berka",
                                                  "berka/trans.asc", 49'102}),
                         [](const auto& info) { return info.param.name; });

class ShippedPack : public testing::TestWithParam<std::string> {};

TEST_P(ShippedPack, PassesItsScenariosOnBothSidesOfEveryThreshold) {
  const auto pack = Compile(GetParam());
  ASSERT_NE(pack, nullptr);
  Result<std::vector<Scenario>> scenarios = ParseScenarios(*pack);
  ASSERT_TRUE(scenarios.has_value()) << scenarios.error().ToString();
  const ScenarioReport report = RunScenarios(*pack, *scenarios);
  for (const ScenarioResult& result : report.scenarios) {
    for (const Error& failure : result.failures) {
      ADD_FAILURE() << failure.ToString();
    }
  }
  for (const Error& missing : report.uncovered) {
    ADD_FAILURE() << missing.ToString();
  }
  EXPECT_TRUE(report.passed());
}

INSTANTIATE_TEST_SUITE_P(Packs, ShippedPack, testing::Values("aml", "account", "card"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace fuqi::decide
