#pragma once

// The small pack with sources, files for them in a folder of the test's own, and access to them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "decide/diff.h"
#include "decide/small_pack_test.h"
#include "decide/source.h"
#include "govern/evidence.h"

namespace fuqi::decide {

inline constexpr std::string_view kSmallSources = R"toml([source.bank]
format = "csv"
sql = "SELECT no AS id, moment AS ts, payer, payee, amount FROM input"

[source.bank.columns]
no = "VARCHAR"
moment = "TIMESTAMP"
payer = "VARCHAR"
payee = "VARCHAR"
amount = "DECIMAL(18,2)"

[label.bank]
entity = ["payer", "payee"]
format = "csv"
sql = "SELECT account AS entity, fraud = 1 AS bad FROM input"
columns = { account = "VARCHAR", fraud = "INTEGER" }
)toml";

inline std::shared_ptr<const CompiledPack> SmallPackWithSources(
    std::string pack_toml = std::string(kSmallPack),
    std::string sources_toml = std::string(kSmallSources)) {
  return MustCompile(std::move(pack_toml), {{"sources.toml", std::move(sources_toml)}});
}

// Keeps the evidence of permits.
class EvidenceInMemory : public govern::EvidenceSink {
 public:
  Result<void> Write(const ledger::Record& record) override {
    auto read = govern::ReadPermitEvidence(record);
    if (!read) {
      return std::move(read).error();
    }
    permits.push_back(std::move(*read));
    return {};
  }
  std::vector<govern::PermitEvidence> permits;
};

class SourceFiles : public testing::Test {
 protected:
  SourceFiles()
      : engine_(table::Engine::Embedded(SystemClock())),
        owner_(SystemClock(), evidence_),
        access_{*engine_, owner_, TestBinder()} {
    std::string pattern = testing::TempDir() + "fuqi_decide_XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = std::filesystem::canonical(pattern);
  }
  ~SourceFiles() override { std::filesystem::remove_all(dir_); }

  std::string Write(const std::string& name, std::string_view text) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
    return dir_ / name;
  }

  static std::string Csv(const std::vector<Event>& events) {
    std::string csv = "no,moment,payer,payee,amount\n";
    for (const Event& event : events) {
      const auto text = [&](size_t i) {
        return event.columns[i].is_null()
                   ? std::string()
                   : table::ToText(event.columns[i], SmallPack()->event_schema()[i].type);
      };
      csv += fmt::format("{},{},{},{},{}\n", text(0), text(1), text(2), text(3), text(4));
    }
    return csv;
  }

  // Batch and stream give the same in every cell over these events, in order of arrival.
  DiffResult ExpectNoDifference(const std::shared_ptr<const CompiledPack>& pack,
                                const std::vector<Event>& events) {
    Result<SourcePlan> plan = OpenSource(access_, *pack, "bank", Write("a.csv", Csv(events)));
    Result<DiffResult> diff = plan ? Diff(access_, pack, *plan) : Result<DiffResult>(plan.error());
    if (!diff) {
      ADD_FAILURE() << diff.error().ToString();
      return {};
    }
    EXPECT_EQ(diff->events, events.size());
    for (const Mismatch& found : diff->first) {
      ADD_FAILURE() << found.column << " of row " << found.row << ": " << found.batch << " against "
                    << found.stream;
    }
    EXPECT_EQ(diff->mismatches, 0u);
    return *std::move(diff);
  }

  std::filesystem::path dir_;
  EvidenceInMemory evidence_;
  std::unique_ptr<table::Engine> engine_;
  govern::LocalOwner owner_;
  DataAccess access_;
};

}  // namespace fuqi::decide
