#include "decide/graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>

namespace fuqi::decide {
namespace {

using table::Datum;

// A graph whose times are small numbers, with one measure or a few.
class Graph {
 public:
  explicit Graph(std::vector<GraphMeasure> measures, GraphShape shape = {.window_us = 100}) {
    shape.measures = std::move(measures);
    shape_ = shape;
    state_ = std::make_unique<GraphState>(shape_);
  }

  Graph& Pay(int64_t ts, std::string from, std::string to, int64_t amount = 10) {
    return Push(
        {.ts_us = ts, .nodes = {std::move(from), std::move(to)}, .amount = Datum::Int(amount)});
  }
  Graph& Push(GraphEvent event) {
    event.arrival = arrival_++;
    truncated_ = state_->Push(event, values_);
    return *this;
  }

  // Of the last event.
  int64_t value(size_t measure = 0) const { return static_cast<int64_t>(values_[measure].i); }
  double real(size_t measure = 0) const { return values_[measure].d; }
  bool is_null(size_t measure = 0) const { return values_[measure].is_null(); }
  bool truncated() const { return truncated_; }
  GraphState& state() { return *state_; }
  const GraphShape& shape() const { return shape_; }

 private:
  GraphShape shape_;
  std::unique_ptr<GraphState> state_;
  std::vector<Datum> values_;
  uint64_t arrival_ = 0;
  bool truncated_ = false;
};

GraphMeasure OfTo(Measure measure, Side side = Side::kIn, int length = 0) {
  return {.measure = measure, .of_to = true, .side = side, .length = length};
}

TEST(GraphState, FanInCountsEachPayerOnceAndTheEventsOwnEdge) {
  Graph graph({OfTo(Measure::kFanIn)});
  EXPECT_EQ(graph.Pay(1, "a", "x").value(), 1);
  EXPECT_EQ(graph.Pay(2, "a", "x").value(), 1);
  EXPECT_EQ(graph.Pay(3, "b", "x").value(), 2);
}

TEST(GraphState, AnEdgeCountsUntilExactlyTheWindowIsOver) {
  Graph graph({OfTo(Measure::kFanIn)});
  graph.Pay(0, "a", "x");
  EXPECT_EQ(graph.Pay(100, "b", "x").value(), 2);
  EXPECT_EQ(graph.Pay(101, "b", "x").value(), 1);
}

TEST(GraphState, APayerStaysUntilHisLastEdgeIsGone) {
  Graph graph({OfTo(Measure::kFanIn)});
  graph.Pay(0, "a", "x").Pay(50, "a", "x");
  EXPECT_EQ(graph.Pay(120, "b", "x").value(), 2);
  EXPECT_EQ(graph.Pay(151, "b", "x").value(), 1);
}

TEST(GraphState, ALateEventSeesItsOwnTimeAndIsSeenAtIt) {
  Graph graph({OfTo(Measure::kFanIn)}, {.window_us = 10, .lateness_us = 20});
  graph.Pay(0, "old", "x").Pay(15, "new", "x");
  EXPECT_EQ(graph.Pay(8, "late", "x").value(), 2);    // old and itself, not new
  EXPECT_EQ(graph.Pay(18, "next", "x").value(), 3);   // late, new and itself
  EXPECT_EQ(graph.Pay(19, "again", "x").value(), 3);  // new, next and itself
}

TEST(GraphState, APaymentToOneselfIsNoEdge) {
  Graph graph({OfTo(Measure::kFanIn), OfTo(Measure::kCycles, Side::kIn, 4)});
  graph.Pay(1, "a", "x").Pay(2, "x", "x");
  EXPECT_EQ(graph.value(0), 1);
  EXPECT_EQ(graph.value(1), 0);
  EXPECT_EQ(graph.Pay(3, "stranger", "stranger").value(0), 0);
  EXPECT_EQ(graph.state().edges(), 1u);
}

TEST(GraphState, WhereAnEndIsNullItsMeasuresAre) {
  Graph graph({OfTo(Measure::kFanIn),
               {.measure = Measure::kFanOut},
               {.measure = Measure::kCycles, .length = 3}});
  graph.Pay(1, "a", "");
  EXPECT_TRUE(graph.is_null(0));
  EXPECT_FALSE(graph.is_null(1));
  EXPECT_EQ(graph.value(1), 0);
  EXPECT_TRUE(graph.is_null(2));
}

TEST(GraphState, CounterpartiesAndReciprocalPairsLookBothWays) {
  Graph graph({{.measure = Measure::kCounterparties}, {.measure = Measure::kReciprocal}});
  graph.Pay(1, "a", "b").Pay(2, "c", "a").Pay(3, "b", "a").Pay(4, "a", "d");
  EXPECT_EQ(graph.value(0), 3);
  EXPECT_EQ(graph.value(1), 1);
}

TEST(GraphState, MomentsAreThoseOfDuckDB) {
  // SELECT avg(v), var_samp(v), skewness(v) FROM (VALUES (1.5), (2), (4), (10.25)) t(v)
  Graph graph(
      {OfTo(Measure::kAmountMean), OfTo(Measure::kAmountVariance), OfTo(Measure::kAmountSkew)},
      {.window_us = 100, .amount_scale = 2});
  graph.Pay(1, "a", "x", 150);
  EXPECT_DOUBLE_EQ(graph.real(0), 1.5);
  EXPECT_TRUE(graph.is_null(1));
  graph.Pay(2, "a", "x", 200).Pay(3, "b", "x", 400).Pay(4, "c", "x", 1025);
  EXPECT_DOUBLE_EQ(graph.real(0), 4.4375);
  EXPECT_NEAR(graph.real(1), 16.182291666666668, 1e-12);
  EXPECT_NEAR(graph.real(2), 1.6023598471314087, 1e-12);
}

TEST(GraphState, MomentsForgetExactlyWhatLeftTheWindow) {
  Graph graph({OfTo(Measure::kAmountMean), OfTo(Measure::kAmountVariance)});
  graph.Pay(0, "a", "x", INT64_MAX).Pay(1, "a", "x", -INT64_MAX).Pay(50, "b", "x", 3);
  graph.Pay(102, "c", "x", 5);
  EXPECT_EQ(graph.real(0), 4.0);
  EXPECT_EQ(graph.real(1), 2.0);
}

TEST(GraphState, AgesAreSecondsBeforeTheEvent) {
  constexpr int64_t kSecond = 1'000'000;
  Graph graph({OfTo(Measure::kAgeMean), OfTo(Measure::kAgeVariance), OfTo(Measure::kAgeSkew)},
              {.window_us = 100 * kSecond});
  graph.Pay(0, "a", "x").Pay(6 * kSecond, "a", "x").Pay(9 * kSecond, "a", "x");
  EXPECT_DOUBLE_EQ(graph.real(0), 4.0);   // 9, 3, 0
  EXPECT_DOUBLE_EQ(graph.real(1), 21.0);  // 25 + 1 + 16 over 2
  EXPECT_GT(graph.real(2), 0);            // the old one is far off
}

TEST(GraphState, ACycleRisesInTimeAndIsClosedByItsLastEdge) {
  Graph graph({{.measure = Measure::kCycles, .length = 4}});
  graph.Pay(1, "a", "b").Pay(2, "b", "c");
  EXPECT_EQ(graph.value(), 0);
  EXPECT_EQ(graph.Pay(3, "c", "a").value(), 1);
  // The other way round in time there is none.
  Graph falling({{.measure = Measure::kCycles, .length = 4}});
  EXPECT_EQ(falling.Pay(1, "b", "c").Pay(2, "a", "b").Pay(3, "c", "a").value(), 0);
}

TEST(GraphState, EqualTimesRiseInTheOrderOfArrival) {
  Graph graph({{.measure = Measure::kCycles, .length = 3}});
  EXPECT_EQ(graph.Pay(1, "a", "b").Pay(1, "b", "c").Pay(1, "c", "a").value(), 1);
  Graph wrong({{.measure = Measure::kCycles, .length = 3}});
  EXPECT_EQ(wrong.Pay(1, "b", "c").Pay(1, "a", "b").Pay(1, "c", "a").value(), 0);
}

TEST(GraphState, CyclesAreCountedByTheirVerticesAndLength) {
  Graph graph({{.measure = Measure::kCycles, .length = 3},
               {.measure = Measure::kCycles, .length = 4, .length_min = 4}});
  graph.Pay(1, "a", "b").Pay(2, "a", "b").Pay(3, "b", "c").Pay(4, "b", "c").Pay(5, "b", "d");
  graph.Pay(6, "d", "c").Pay(7, "c", "a");
  EXPECT_EQ(graph.value(0), 1);  // a b c, whatever the parallel edges
  EXPECT_EQ(graph.value(1), 1);  // a b d c
}

TEST(GraphState, GatherThenScatterTakesTheBestTurningPoint) {
  Graph graph({{.measure = Measure::kGatherScatter}});
  graph.Pay(1, "v", "y1").Pay(2, "a", "v").Pay(3, "b", "v").Pay(4, "v", "y2");
  EXPECT_EQ(graph.value(), 1);
  EXPECT_EQ(graph.Pay(5, "v", "y3").value(), 2);  // a, b before; y2, y3 after
  graph.Pay(6, "c", "v");
  EXPECT_EQ(graph.Pay(7, "v", "y3").value(), 2);  // a, b, c before, but y3 alone after
}

TEST(GraphState, ScatterGatherCountsMiddlemenOfOneSource) {
  Graph graph({OfTo(Measure::kScatterGather)});
  graph.Pay(1, "u", "m1").Pay(2, "u", "m2").Pay(3, "other", "m3");
  EXPECT_EQ(graph.Pay(4, "m1", "w").value(), 1);
  EXPECT_EQ(graph.Pay(5, "m2", "w").value(), 2);
  EXPECT_EQ(graph.Pay(6, "m3", "w").value(), 2);
  graph.Pay(7, "m4", "w").Pay(8, "u", "m4");  // paid before it was paid: no middleman
  EXPECT_EQ(graph.Pay(9, "m1", "w").value(), 2);
}

TEST(GraphState, HopsFindTheNearestVertexOfRisk) {
  Graph graph({{.measure = Measure::kHops, .side = Side::kIn, .length = 2},
               {.measure = Measure::kHops, .side = Side::kOut, .length = 2}});
  graph.Push({.ts_us = 1, .nodes = {"listed", "a"}, .risks = {Datum::Double(1), {}}});
  EXPECT_EQ(graph.value(0), 0);
  EXPECT_EQ(graph.Pay(2, "a", "b").value(0), 1);
  EXPECT_EQ(graph.Pay(3, "b", "c").value(0), 2);
  EXPECT_TRUE(graph.Pay(4, "c", "d").is_null(0));  // three away
  EXPECT_TRUE(graph.is_null(1));
  // What is said later counts: the listing is withdrawn.
  graph.Push({.ts_us = 5, .nodes = {"listed", ""}, .risks = {Datum::Double(0), {}}});
  EXPECT_TRUE(graph.Pay(6, "a", "b").is_null(0));
  EXPECT_FALSE(graph.truncated());
}

TEST(GraphState, RiskFollowsTheShareOfWhatWasPaid) {
  Graph graph({{.measure = Measure::kRisk, .of_to = true, .length = 2, .decay = 0.5}});
  graph.Push({.ts_us = 1,
              .nodes = {"bad", "m"},
              .amount = Datum::Int(30),
              .risks = {Datum::Double(0.8), {}}});
  EXPECT_DOUBLE_EQ(graph.real(), 0.4);
  graph.Pay(2, "good", "m", 90);
  EXPECT_DOUBLE_EQ(graph.real(), 0.1);  // a quarter of it is bad
  graph.Pay(3, "m", "x", 5);
  EXPECT_DOUBLE_EQ(graph.real(), 0.05);
  graph.Pay(4, "x", "y", 5);
  EXPECT_DOUBLE_EQ(graph.real(), 0);  // three edges away
}

TEST(GraphState, ARingIsReachedOverSharedValues) {
  GraphShape shape{.shares = true, .values = 2, .window_us = 100};
  Graph graph({{.measure = Measure::kRing, .length = 1}, {.measure = Measure::kRing, .length = 3}},
              shape);
  const auto uses = [&](int64_t ts, const char* who, const char* device, const char* phone) {
    graph.Push({.ts_us = ts, .nodes = {who, device, phone}});
  };
  uses(1, "a", "d1", "p1");
  EXPECT_EQ(graph.value(0), 1);
  uses(2, "b", "d1", "");
  uses(3, "c", "d2", "p1");
  EXPECT_EQ(graph.value(0), 2);  // a, by the phone
  EXPECT_EQ(graph.value(1), 3);  // and b, by a's device
  uses(4, "e", "", "");
  EXPECT_EQ(graph.value(1), 1);
}

TEST(GraphState, ASearchDoesNotPassAHubAndSaysSo) {
  Graph graph({{.measure = Measure::kCycles, .length = 3}}, {.window_us = 100, .degree_max = 2});
  graph.Pay(1, "b", "c").Pay(2, "b", "d").Pay(3, "c", "a");
  EXPECT_EQ(graph.Pay(4, "a", "b").value(), 1);
  EXPECT_FALSE(graph.truncated());
  graph.Pay(5, "b", "e");
  EXPECT_EQ(graph.Pay(6, "a", "b").value(), 0);
  EXPECT_TRUE(graph.truncated());
  EXPECT_FALSE(graph.Pay(7, "e", "f").truncated());
}

TEST(GraphState, BeyondItsStepsAMeasureIsNullAndTheOthersStand) {
  Graph graph({{.measure = Measure::kCycles, .length = 3}, OfTo(Measure::kFanIn)},
              {.window_us = 100, .steps_max = 2});
  graph.Pay(1, "b", "c").Pay(2, "b", "d");
  graph.Pay(3, "a", "b");
  EXPECT_EQ(graph.value(0), 0);
  EXPECT_FALSE(graph.truncated());
  graph.Pay(4, "b", "e").Pay(5, "a", "b");
  EXPECT_TRUE(graph.is_null(0));
  EXPECT_TRUE(graph.truncated());
  EXPECT_EQ(graph.value(1), 1);
}

TEST(GraphState, WhatNoFrameCanReachIsLetGo) {
  Graph graph({OfTo(Measure::kFanIn)}, {.window_us = 10, .lateness_us = 5});
  for (int64_t ts = 0; ts < 2000; ++ts) {
    graph.Pay(ts, "a" + std::to_string(ts), "x");
    ASSERT_LE(graph.state().edges(), 17u);
    ASSERT_LE(graph.state().vertices(), 18u);
  }
  EXPECT_EQ(graph.value(), 11);
}

TEST(GraphState, AnEventInOrderCostsStepsThatDoNotGrowWithTheDegree) {
  Graph graph({OfTo(Measure::kFanIn), OfTo(Measure::kReciprocal), OfTo(Measure::kAmountSkew)},
              {.window_us = 1'000'000});
  uint64_t last = 0;
  for (int64_t ts = 0; ts < 20'000; ++ts) {
    graph.Pay(ts, "a" + std::to_string(ts % 777), "hot");
    ASSERT_LE(graph.state().steps() - last, 8u);
    last = graph.state().steps();
  }
}

TEST(GraphState, RestoreRefusesWhatSaveDidNotWrite) {
  Graph graph({OfTo(Measure::kFanIn)});
  graph.Pay(1, "a", "b").Pay(2, "b", "c");
  Bytes saved;
  graph.state().Save(saved);
  GraphState other(graph.shape());
  ASSERT_TRUE(other.Restore(saved).has_value());
  EXPECT_EQ(other.edges(), 2u);
  for (size_t size = 0; size < saved.size(); ++size) {
    Result<void> restored = other.Restore(ByteView(saved).first(size));
    ASSERT_FALSE(restored.has_value()) << size;
    EXPECT_EQ(restored.error().code(), ErrorCode::kParse);
    EXPECT_EQ(other.vertices(), 0u);
  }
  saved.push_back(0);
  EXPECT_FALSE(other.Restore(saved).has_value());
}

TEST(GraphState, RestoreRefusesWhatNoFrameCanReach) {
  Graph graph({OfTo(Measure::kFanIn)}, {.window_us = 100});
  graph.Pay(1, "a", "b").Pay(50, "b", "c");
  Bytes saved;
  graph.state().Save(saved);
  GraphShape shape = graph.shape();
  shape.window_us = 49;
  EXPECT_TRUE(GraphState(shape).Restore(saved).has_value());
  shape.window_us = 48;
  EXPECT_FALSE(GraphState(shape).Restore(saved).has_value());
}

}  // namespace
}  // namespace fuqi::decide
