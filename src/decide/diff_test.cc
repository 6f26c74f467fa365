#include "decide/diff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "decide/source_files_test.h"
#include "table/permit_for_test.h"

namespace fuqi::decide {
namespace {

class DiffTest : public SourceFiles {
 protected:
  Result<DiffResult> Run(const std::shared_ptr<const CompiledPack>& pack, const std::string& path) {
    FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenSource(access_, *pack, "bank", path));
    return Diff(access_, pack, plan);
  }
};

std::vector<Event> InOrder(std::vector<Event> events) {
  std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
  return events;
}

TEST_F(DiffTest, FindsNoDifferenceInTimeOrderWithTies) {
  const auto pack = SmallPackWithSources();
  for (uint64_t seed : {1, 2, 3}) {
    Result<DiffResult> diff = Run(pack, Write("a.csv", Csv(InOrder(RandomPayments(seed, 800)))));
    ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
    EXPECT_EQ(diff->events, 800u);
    EXPECT_EQ(diff->cells, 800u * 10);
    EXPECT_EQ(diff->mismatches, 0u);
    EXPECT_EQ(diff->tolerated, 0u);
  }
}

TEST_F(DiffTest, FindsNoDifferenceInShuffledArrivalWithLateEventsAndBeyond) {
  const auto pack = SmallPackWithSources();
  uint64_t out_of_bounds = 0;
  for (uint64_t seed : {4, 5, 6}) {
    Result<DiffResult> diff = Run(pack, Write("a.csv", Csv(RandomPayments(seed, 500))));
    ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
    EXPECT_EQ(diff->mismatches, 0u) << diff->first[0].column << " of row " << diff->first[0].row;
    out_of_bounds += diff->out_of_bounds;
  }
  EXPECT_GT(out_of_bounds, 0u);
}

TEST_F(DiffTest, TakesOneEventAndNone) {
  const auto pack = SmallPackWithSources();
  EXPECT_EQ(Run(pack, Write("a.csv", Csv({})))->events, 0u);
  EXPECT_EQ(Run(pack, Write("a.csv", Csv(RandomPayments(1, 1))))->cells, 10u);
}

TEST_F(DiffTest, OverflowInBatchIsAnErrorAndInStreamADecision) {
  std::string text(kSmallPack);
  text.replace(text.find("previous = \"lag(amount) OVER payer_all\""), 39,
               "previous = \"CAST(amount AS TINYINT)\"");
  const auto pack = SmallPackWithSources(text);
  Result<DiffResult> diff = Run(pack, Write("a.csv", Csv(RandomPayments(1, 50))));
  ASSERT_FALSE(diff.has_value());
}

// Late arrivals against an oracle that shares no code with either side: the join of the design.
TEST_F(DiffTest, LateArrivalsSeeWhatHadArrivedByTheirOwnTime) {
  std::vector<Event> events;
  Core probe(SmallPack());
  for (Event& event : RandomPayments(9, 600)) {
    if ((probe.Decide(event, 1 + 2 * probe.events()).flags & kOutOfBounds) == 0) {
      events.push_back(std::move(event));
    }
  }
  table::Relation relation{"e", {{"n", {table::TypeId::kBigInt}, false}}, {}};
  const table::Schema schema = SmallPack()->event_schema();
  relation.schema.insert(relation.schema.end(), schema.begin(), schema.end());
  for (size_t i = 0; i < events.size(); ++i) {
    table::Row& row = relation.rows.emplace_back();
    row.Append(table::Datum::Int(i));
    for (const table::Datum& value : events[i].columns.values()) {
      row.Append(value);
    }
  }
  std::vector<table::Relation> given;
  given.push_back(std::move(relation));
  auto stream = engine_->Run(
      table::PermitForTest::Make(
          "SELECT a.n, count(b.n), sum(b.amount), count(DISTINCT b.payee) FROM e a JOIN e b "
          "ON b.payer = a.payer AND b.n <= a.n AND b.ts BETWEEN a.ts - INTERVAL 1 DAY AND a.ts "
          "GROUP BY a.n ORDER BY a.n"),
      std::move(given));
  ASSERT_TRUE(stream.has_value()) << stream.error().ToString();
  Core core(SmallPack());
  uint64_t went_back = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const Decision decision = core.Decide(events[i], 1 + 2 * i);
    ASSERT_EQ(decision.flags, 0u);
    went_back += i > 0 && events[i].columns[1].i < events[i - 1].columns[1].i;
    auto row = stream->Next();
    ASSERT_TRUE(row.has_value() && row->has_value());
    for (size_t k = 0; k < 3; ++k) {
      ASSERT_EQ(static_cast<int64_t>((**row)[1 + k].i),
                static_cast<int64_t>(decision.features[k].i))
          << "event " << i << " feature " << k;
    }
  }
  EXPECT_GT(went_back, 30u);
}

}  // namespace
}  // namespace fuqi::decide
