// The shipped packs over the real files: every feature and every rule of every event, in batch by
// DuckDB and as a stream by the core, without a mismatch.

#include <fmt/format.h>
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
  bool exact = true;  // no feature is a moment, which is DOUBLE and may differ in its last bits
};
void PrintTo(const RealFile& file, std::ostream* out) { *out << file.name; }

std::string SourceDir() { return FUQI_SOURCE_DIR; }

std::filesystem::path DataDir() {
  const char* given = std::getenv("FUQI_DATA");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(SourceDir()) / "../shared/data";
}

std::shared_ptr<const CompiledPack> Compile(const std::string& name) {
  static const auto kBinder = *table::Binder::Open();
  Result<Pack> pack = LoadPack(SystemDisk(), SourceDir() + "/packs/" + name);
  EXPECT_TRUE(pack.has_value()) << pack.error().ToString();
  if (!pack) {
    return nullptr;
  }
  auto compiled = CompiledPack::Compile(std::move(*pack), *kBinder);
  EXPECT_TRUE(compiled.has_value()) << compiled.error().ToString();
  return compiled ? *compiled : nullptr;
}

class PackDiff : public testing::TestWithParam<RealFile> {
 protected:
  PackDiff()
      : binder_(*table::Binder::Open()),
        engine_(table::Engine::Embedded(SystemClock())),
        owner_(SystemClock(), evidence_),
        access_{*engine_, owner_, *binder_} {}

  void SetUp() override {
    if (!std::filesystem::exists(path_)) {
      std::printf("skipped: no data\n");
      GTEST_SKIP() << "no file " << path_;
    }
  }

  const std::filesystem::path path_ = DataDir() / GetParam().path;
  NoEvidence evidence_;
  std::unique_ptr<table::Binder> binder_;
  std::unique_ptr<table::Engine> engine_;
  govern::LocalOwner owner_;
  DataAccess access_;
};

TEST_P(PackDiff, FindsEveryCellEqual) {
  const auto pack = Compile(GetParam().pack);
  ASSERT_NE(pack, nullptr);
  Result<SourcePlan> plan =
      OpenSource(access_, *pack, GetParam().source, std::filesystem::canonical(path_));
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  Result<DiffResult> diff = Diff(access_, pack, *plan);
  ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
  for (const Mismatch& mismatch : diff->first) {
    ADD_FAILURE() << "row " << mismatch.row << ", " << mismatch.column << ": batch "
                  << mismatch.batch << ", stream " << mismatch.stream;
  }
  EXPECT_EQ(diff->mismatches, 0u);
  if (GetParam().exact) {
    EXPECT_EQ(diff->tolerated, 0u) << "money is exact";
  }
  EXPECT_EQ(diff->out_of_bounds, 0u);
  EXPECT_EQ(diff->events, GetParam().events);
  EXPECT_EQ(diff->cells, diff->events * (pack->pack().features.size() + pack->pack().rules.size()));
}

INSTANTIATE_TEST_SUITE_P(
    RealFiles, PackDiff,
    testing::Values(RealFile{"aml_fan_in", "aml", "amlsim", "amlsim/20K_fanin200/transactions.csv",
                             118'250, false},
                    RealFile{"aml_cycle", "aml", "amlsim", "amlsim/20K_cycle200/transactions.csv",
                             117'805, false},
                    RealFile{"account_berka", "account", "berka", "berka/trans.asc", 49'102}),
    [](const auto& info) { return info.param.name; });

// A pack of every measure of a graph, over the first days of the file.
std::string EveryMeasure() {
  std::string pack = R"toml([pack]
name = "measures"
purpose = "testing"
[table.txn]
kind = "event"
key = "id"
time = "ts"
[table.txn.column]
id = { type = "BIGINT", class = "业务-交易-编号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
payer = { type = "BIGINT", class = "业务-账户-账号" }
payee = { type = "BIGINT", class = "业务-账户-账号" }
amount = { type = "DECIMAL(18,2)", class = "业务-交易-金额" }
[[rule]]
id = "many"
when = "m1 > 5"
then = "review"
reason = { zh = "多", en = "many" }
[graph.sharing]
entity = "payer % 1000"
shared = ["payee % 500", "amount"]
risk = "CASE WHEN payer = 77 THEN 1.0::DOUBLE END"
window = "3 days"
degree_max = 20
[graph.sharing.feature]
ring = { measure = "ring", length = 2 }
apart = { measure = "hops", length = 3 }
[graph.money]
from = "payer"
to = "payee"
amount = "amount"
from_risk = "CASE WHEN payer % 100 = 7 THEN 0.5::DOUBLE END"
to_risk = "CASE WHEN payee % 100 = 8 THEN 1.0::DOUBLE END"
window = "20 days"
degree_max = 30
steps_max = 1000
[graph.money.feature]
)toml";
  int number = 0;
  const auto add = [&](const std::string& keys) {
    pack += fmt::format("m{} = {{ measure = {} }}\n", ++number, keys);
  };
  for (const char* end : {"from", "to"}) {
    for (const char* measure :
         {"fan_in", "fan_out", "counterparties", "reciprocal", "gather_scatter"}) {
      add(fmt::format(R"("{}", of = "{}")", measure, end));
    }
    for (const char* side : {"in", "out"}) {
      const std::string of_side = fmt::format(R"(of = "{}", side = "{}")", end, side);
      for (const char* measure : {"amount_mean", "amount_variance", "amount_skew", "age_mean",
                                  "age_variance", "age_skew", "scatter_gather"}) {
        add(fmt::format(R"("{}", {})", measure, of_side));
      }
      add(fmt::format(R"("hops", {}, length = 4)", of_side));
      add(fmt::format(R"("risk", {}, length = 4, decay = 0.8)", of_side));
    }
  }
  add(R"("cycles", length = 4)");
  add(R"("cycles", length = 8, length_min = 3)");
  return pack;
}

constexpr std::string_view kFirstDays = R"toml([source.amlsim]
format = "csv"
columns = { sourceNodeId = "BIGINT", targetNodeId = "BIGINT", value = "DECIMAL(18,2)", time = "INTEGER" }
sql = """
SELECT row_number() OVER () AS id, TIMESTAMP '2017-01-01 00:00:00' + to_days("time") AS ts,
       sourceNodeId AS payer, targetNodeId AS payee, value AS amount
FROM input WHERE "time" <= 40
"""
)toml";

class GraphDiff : public PackDiff {};

TEST_P(GraphDiff, EveryMeasureEqualsTheBruteForce) {
  Result<Pack> read =
      ParsePack({{"pack.toml", EveryMeasure()}, {"sources.toml", std::string(kFirstDays)}});
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  auto pack = CompiledPack::Compile(std::move(*read), *binder_);
  ASSERT_TRUE(pack.has_value()) << pack.error().ToString();
  Result<SourcePlan> plan =
      OpenSource(access_, **pack, "amlsim", std::filesystem::canonical(path_));
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  Result<DiffResult> diff = Diff(access_, *pack, *plan);
  ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
  for (const Mismatch& mismatch : diff->first) {
    ADD_FAILURE() << "row " << mismatch.row << ", " << mismatch.column << ": batch "
                  << mismatch.batch << ", stream " << mismatch.stream;
  }
  EXPECT_GT(diff->events, 15'000u);
}

INSTANTIATE_TEST_SUITE_P(
    RealFiles, GraphDiff,
    testing::Values(RealFile{"fan_in", "", "", "amlsim/20K_fanin200/transactions.csv", 0},
                    RealFile{"cycle", "", "", "amlsim/20K_cycle200/transactions.csv", 0}),
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

INSTANTIATE_TEST_SUITE_P(Packs, ShippedPack,
                         testing::Values("aml", "account", "card", "remittance"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace fuqi::decide
