// GraphState against a brute force over all edges that ever came, on random graphs.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "decide/graph.h"
#include "decide/graph_brute.h"

namespace fuqi::decide {
namespace {

using table::Datum;

GraphShape EveryMeasure(SeededRandom& random) {
  GraphShape shape;
  shape.window_us = random.Between(1, 60);
  shape.lateness_us = random.Chance(0.5) ? random.Between(0, 30) : 0;
  shape.amount_scale = 2;
  shape.degree_max = random.Chance(0.4) ? random.Between(1, 8) : 1000;
  shape.steps_max = random.Chance(0.4) ? random.Between(1, 40) : 20'000;
  const auto decay = 0.25 * static_cast<double>(random.Between(1, 4));
  for (bool of_to : {false, true}) {
    for (int i = 0; i <= static_cast<int>(Measure::kRisk); ++i) {
      for (Side side : {Side::kIn, Side::kOut, Side::kAny}) {
        const auto measure = static_cast<Measure>(i);
        if ((side != Side::kAny || measure == Measure::kHops) &&
            (side == Side::kIn || measure > Measure::kReciprocal)) {
          const auto length = static_cast<int>(random.Between(2, 6));
          shape.measures.push_back(
              {measure, of_to, side, length, static_cast<int>(random.Between(2, length)), decay});
        }
      }
    }
  }
  return shape;
}

GraphShape Sharing(SeededRandom& random) {
  GraphShape shape = EveryMeasure(random);
  shape.shares = true;
  shape.values = 3;
  shape.measures = {{.measure = Measure::kRing, .length = 1},
                    {.measure = Measure::kRing, .length = 3},
                    {.measure = Measure::kHops, .side = Side::kAny, .length = 4}};
  return shape;
}

// Times stand still, go on, jump beyond the window, and go back within the lateness; vertices are
// few; some are NULL, some pay themselves.
std::vector<GraphEvent> RandomEvents(SeededRandom& random, const GraphShape& shape, size_t count) {
  std::vector<GraphEvent> events;
  const uint64_t names = 2 + random.Below(12);
  const double null_chance = random.Chance(0.5) ? 0.1 : 0;
  int64_t newest = random.Between(-100, 100);
  for (size_t i = 0; i < count; ++i) {
    newest += random.Chance(0.4) ? 0 : random.Between(0, random.Chance(0.02) ? 200 : 6);
    GraphEvent& event = events.emplace_back();
    event.ts_us = random.Chance(0.25) ? newest - random.Between(0, shape.lateness_us) : newest;
    event.arrival = i;
    for (int node = 0; node <= shape.values; ++node) {
      const char space = shape.shares ? static_cast<char>('A' + node) : 'A';
      event.nodes.push_back(random.Chance(null_chance)
                                ? ""
                                : std::string(1, space) + std::to_string(random.Below(names)));
    }
    if (!random.Chance(0.1)) {
      event.amount = Datum::Int(random.Between(-50, 400));
    }
    for (Datum& risk : event.risks) {
      if (random.Chance(0.1) && !(shape.shares && &risk == &event.risks[1])) {
        risk = Datum::Double(0.25 * static_cast<double>(random.Between(0, 3)));
      }
    }
  }
  return events;
}

bool Agree(const Datum& a, const Datum& b) {
  if (a.kind == Datum::Kind::kDouble && b.kind == Datum::Kind::kDouble) {
    return std::abs(a.d - b.d) <= 1e-9 * std::max({std::abs(a.d), std::abs(b.d), 1e-3});
  }
  return table::Identical(a, b);
}

struct Seen {
  uint64_t truncated = 0;
  uint64_t whole = 0;
  uint64_t late = 0;
  uint64_t ties = 0;
  std::vector<uint64_t> valued;  // events in which the measure was neither NULL nor 0
};

void CompareAll(const GraphShape& shape, const std::vector<GraphEvent>& events, size_t saved_at,
                Seen& seen) {
  const std::vector<GraphValues> expected = BruteForceGraph(shape, events);
  GraphState state(shape);
  std::vector<Datum> values;
  seen.valued.resize(std::max(seen.valued.size(), shape.measures.size()));
  int64_t newest = INT64_MIN;
  for (size_t i = 0; i < events.size(); ++i) {
    if (i == saved_at) {
      Bytes saved;
      state.Save(saved);
      GraphState restored(shape);
      ASSERT_TRUE(restored.Restore(saved).has_value());
      Bytes again;
      restored.Save(again);
      ASSERT_EQ(saved, again);
      state = std::move(restored);
    }
    const bool truncated = state.Push(events[i], values);
    ASSERT_EQ(truncated, expected[i].truncated) << "event " << i;
    for (size_t m = 0; m < values.size(); ++m) {
      const GraphMeasure& measure = shape.measures[m];
      const table::Type type = MeasureType(measure.measure);
      ASSERT_TRUE(Agree(values[m], expected[i].values[m]))
          << "event " << i << " " << MeasureName(measure.measure) << " of_to " << measure.of_to
          << " side " << static_cast<int>(measure.side) << " length " << measure.length << ": "
          << table::ToText(values[m], type) << " against "
          << table::ToText(expected[i].values[m], type);
      seen.valued[m] += !values[m].is_null() && (values[m].is_true() || values[m].d != 0);
    }
    (truncated ? seen.truncated : seen.whole) += 1;
    seen.late += events[i].ts_us < newest;
    seen.ties += events[i].ts_us == newest;
    newest = std::max(newest, events[i].ts_us);
  }
}

// Random graphs of such shapes, enough of each kind of event among them.
Seen CompareRandomGraphs(GraphShape (*make_shape)(SeededRandom&)) {
  Seen seen;
  for (uint64_t seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const GraphShape shape = make_shape(random);
    const std::vector<GraphEvent> events = RandomEvents(random, shape, 120);
    CompareAll(shape, events, random.Below(240), seen);
  }
  EXPECT_GT(seen.truncated, 5'000u);
  EXPECT_GT(seen.whole, 5'000u);
  EXPECT_GT(seen.late, 1'000u);
  EXPECT_GT(seen.ties, 5'000u);
  return seen;
}

TEST(GraphProperty, EveryMeasureOfFlowsEqualsTheBruteForce) {
  const Seen seen = CompareRandomGraphs(EveryMeasure);
  EXPECT_GT(*std::ranges::min_element(seen.valued), 500u);
}

TEST(GraphProperty, RingsOfSharedValuesEqualTheBruteForce) { CompareRandomGraphs(Sharing); }

TEST(GraphProperty, TheStoredFormDependsOnTheEventsAlone) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    const GraphShape shape = EveryMeasure(random);
    const std::vector<GraphEvent> events = RandomEvents(random, shape, 150);
    GraphState straight(shape);
    GraphState stopped(shape);
    std::vector<Datum> values;
    for (const GraphEvent& event : events) {
      straight.Push(event, values);
      if (random.Chance(0.2)) {
        Bytes saved;
        stopped.Save(saved);
        ASSERT_TRUE(stopped.Restore(saved).has_value());
      }
      stopped.Push(event, values);
      Bytes a;
      straight.Save(a);
      Bytes b;
      stopped.Save(b);
      ASSERT_EQ(a, b) << "seed " << seed << " event " << event.arrival;
    }
  }
}

}  // namespace
}  // namespace fuqi::decide
