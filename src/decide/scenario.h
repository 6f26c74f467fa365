#pragma once

// A pack's tests, written so that a compliance officer can read them: docs/formats/scenario.md.
//
// Each scenario is a short story of events with what must be decided at some of them, run from an
// empty state through the streaming core. Coverage asks for more than that all pass: each rule must
// be seen to hit, and be seen not to hit just on the other side of each of its thresholds.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/decision.h"

namespace fuqi::decide {

struct Expectation {
  std::optional<Action> action;
  std::vector<size_t> hits;  // indexes of rules
  std::vector<size_t> misses;
  std::vector<std::pair<size_t, table::Row>> features;  // index of the feature, its value
  std::optional<uint32_t> flags;
};

struct ScenarioEvent {
  Event event;
  std::optional<Expectation> expect;
  Where where;
};

struct Scenario {
  Bilingual name;
  std::vector<ScenarioEvent> events;
  Where where;
};

// All scenarios of the pack, in the order of its files. kConfig with the place.
Result<std::vector<Scenario>> ParseScenarios(const CompiledPack& pack);

struct ScenarioResult {
  Bilingual name;
  Where where;
  size_t events = 0;
  // What was decided at the events that expect something: number of the event from 1, decision.
  std::vector<std::pair<size_t, Decision>> checked;
  std::vector<Error> failures;  // each placed at the event
};

struct ScenarioReport {
  std::vector<ScenarioResult> scenarios;
  std::vector<Error> uncovered;  // each placed at the rule or comparison that lacks a scenario
  bool passed() const;
};

ScenarioReport RunScenarios(const CompiledPack& pack, const std::vector<Scenario>& scenarios);

// "eight payers to one account within a day: event 8 → review (many payers within one day)".
std::string ScenarioSentence(const CompiledPack& pack, const ScenarioResult& result,
                             Language language);

}  // namespace fuqi::decide
