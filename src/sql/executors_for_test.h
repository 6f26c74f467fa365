#pragma once

// The two executors on one history, for tests: a level or two of fragments through DuckDB in batch
// and through windows and programs one event at a time.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "sql/batch.h"
#include "sql/fragments_for_test.h"
#include "sql/functions.h"
#include "sql/program.h"
#include "sql/window_state.h"
#include "table/engine.h"
#include "table/permit_for_test.h"

namespace fuqi::sql {

using table::Row;

inline constexpr int64_t kDayUs = 86'400'000'000;
inline constexpr int64_t kStartUs = 1'704'067'200'000'000;  // 2024-01-01

// Fragments by level, bound; what a pack compiles to.
struct Features {
  std::vector<std::vector<Fragment>> items;
  std::vector<Fragment> windows;
  std::vector<Level> levels;
  std::vector<std::string> names;
  table::Schema outputs;
};

inline Features Compile(std::vector<std::vector<Fragment>> items, std::vector<Fragment> windows) {
  Features features{std::move(items), std::move(windows), {}, {}, {}};
  table::Schema input = ExampleSchema();
  for (const auto& level_items : features.items) {
    auto level = BindLevel(TestBinder(), input, kExampleTime, level_items, features.windows);
    FUQI_CHECK(level.has_value());
    for (const table::Column& column : OutputSchema(*level)) {
      input.push_back(column);
      features.names.push_back(column.name);
      features.outputs.push_back(column);
    }
    features.levels.push_back(*std::move(level));
  }
  return features;
}

inline Result<std::string> SqlOf(const Features& features, const std::string& source,
                                 Arrivals arrivals) {
  Batch batch{.source = source, .levels = {}, .windows = features.windows, .columns = {}};
  for (size_t i = 0; i < features.levels.size(); ++i) {
    batch.levels.push_back({&features.levels[i], features.items[i]});
  }
  batch.columns = features.names;
  return BatchSql(batch, arrivals);
}

inline Result<std::vector<Row>> RunOnDuckDb(const std::string& sql, std::vector<Row> events) {
  auto engine = table::Engine::Embedded(SystemClock());
  std::vector<table::Relation> given;
  given.push_back({"events", ExampleSchema(), std::move(events)});
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream,
                        engine->Run(table::PermitForTest::Make(sql), std::move(given)));
  return stream.ReadAll();
}

inline Result<std::vector<Row>> RunAsStream(const Features& features,
                                            const std::vector<Row>& events) {
  constexpr int64_t kEver = int64_t{1} << 60;
  std::vector<WindowState> windows;
  std::vector<std::vector<Program>> programs;
  for (const Level& level : features.levels) {
    FUQI_ASSIGN_OR_RETURN(WindowState state, WindowState::Compile(level, kEver));
    windows.push_back(std::move(state));
    programs.emplace_back();
    for (const Level::Output& output : level.outputs) {
      FUQI_ASSIGN_OR_RETURN(Program program, Program::Compile(output.expr));
      programs.back().push_back(std::move(program));
    }
  }
  Scratch scratch;
  std::vector<Row> results;
  for (size_t arrival = 0; arrival < events.size(); ++arrival) {
    scratch.Reset();
    Row row = events[arrival];
    Row result;
    for (size_t k = 0; k < windows.size(); ++k) {
      FUQI_ASSIGN_OR_RETURN(const std::vector<Datum> values,
                            windows[k].Push(row.values(), static_cast<int64_t>(row[kExampleTime].i),
                                            arrival, scratch));
      Row wider = row;
      for (const Program& program : programs[k]) {
        FUQI_ASSIGN_OR_RETURN(const Datum value, program.Run(row.values(), values, scratch));
        wider.Append(value);
        result.Append(value);
      }
      row = std::move(wider);
    }
    results.push_back(std::move(result));
  }
  return results;
}

// Equal to the bit, or for DOUBLE within the bound that the conventions state.
inline bool Agree(const Datum& a, const Datum& b, Agreement agreement) {
  if (agreement == Agreement::kTolerant && a.kind == Datum::Kind::kDouble &&
      b.kind == Datum::Kind::kDouble) {
    return std::fabs(a.d - b.d) <= 1e-9 * std::max(1.0, std::fabs(a.d));
  }
  return table::Identical(a, b);
}

// `agreements`: of each column; all tolerant if there are none.
inline void ExpectAgreement(const Features& features, const std::vector<Row>& batch,
                            const std::vector<Row>& stream,
                            std::span<const Agreement> agreements = {}) {
  ASSERT_EQ(batch.size(), stream.size());
  std::set<size_t> told;
  for (size_t r = 0; r < batch.size(); ++r) {
    for (size_t c = 0; c < features.names.size(); ++c) {
      const table::Type type = features.outputs[c].type;
      const Agreement agreement = agreements.empty() ? Agreement::kTolerant : agreements[c];
      if (!Agree(batch[r][c], stream[r][c], agreement) && told.insert(c).second) {
        ADD_FAILURE() << features.names[c] << " in row " << r << ": DuckDB gives "
                      << table::ToText(batch[r][c], type) << ", the stream "
                      << table::ToText(stream[r][c], type);
      }
    }
  }
}

// Events with ties of time, NULLs, few keys; times rise unless shuffled.
inline std::vector<Row> MakeEvents(SeededRandom& random, size_t count, bool in_order) {
  constexpr std::string_view kTexts[] = {"M1", "MERCHANT0", "", "中文 Ä", " padded ", "A$%x-0"};
  std::vector<Row> events;
  int64_t ts = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    if (random.Chance(0.7)) {
      ts += random.Chance(0.5) ? random.Between(1, 1'000'000) : random.Between(1, kDayUs / 2);
    }
    const int64_t when = in_order ? ts : kStartUs + random.Between(0, 8) * kDayUs / 2;
    auto null_or = [&](const Datum& value) { return random.Chance(0.1) ? Datum::Null() : value; };
    Row row(ExampleSchema().size());
    row.Set(0, Datum::Int(static_cast<int64_t>(i)));
    row.Set(1, null_or(Datum::Text(kTexts[random.Below(3)])));
    row.Set(2, null_or(Datum::Text(kTexts[random.Below(std::size(kTexts))])));
    row.Set(3, null_or(Datum::Int(random.Between(-100'000, 2'000'000))));
    row.Set(4, Datum::Int(when));
    row.Set(5, null_or(Datum::Int(random.Between(-800, 20'000))));
    row.Set(6, null_or(Datum::Int(random.Between(-3, 40))));
    row.Set(7, null_or(Datum::Double(random.Chance(0.1) ? -0.0 : random.Normal() * 20)));
    row.Set(8, null_or(Datum::Bool(random.Chance(0.5))));
    events.push_back(std::move(row));
  }
  return events;
}

}  // namespace fuqi::sql
