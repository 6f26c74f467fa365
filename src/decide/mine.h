#pragma once

// Candidate rules from labels: conjunctions of few conditions on a pack's features that hit many
// bad events and few good ones, at thresholds that a person would write.
//
// Beam search over conjunctions, in the manner of subgroup discovery: from the best of each length
// to the next, by the lower bound of precision (Wilson, 95 %), which trusts few hits less than
// many. Learned on the first part of history alone and judged on the rest, which the search never
// sees. What chance gives is found by the same search with the labels of entities exchanged at
// random.
//
// Deterministic: ties have an order, shuffles a seed, and the bound on work counts steps.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/detection.h"

namespace fuqi::decide {

inline constexpr size_t kMineEventsMax = 2'000'000;

// Events of which something is known, in order of arrival.
struct MineData {
  struct Input {
    std::string name;
    Bilingual title;  // may be empty
    table::Type type;
    std::vector<double> values;  // of each event; NaN is NULL; BOOLEAN 0 and 1
  };
  std::vector<Input> inputs;
  std::vector<bool> entity_bad;
  std::vector<std::vector<uint32_t>> entities;  // of each event; it is bad if one of them is
  std::vector<bool> alerted;                    // by the pack as it is
  std::string on;  // the event kind of all of them; empty where they may be of any
  size_t events() const { return entities.size(); }
};

// Folds a pack over events and keeps what MineData holds: numbers and truth values among the
// event's columns and the features.
class MineCollector {
 public:
  // `on`: events of this kind alone are kept, though all are folded; none: all are.
  MineCollector(std::shared_ptr<const CompiledPack> pack, const Labels& labels,
                const EventKind* on = nullptr);
  // kResourceExhausted: more than kMineEventsMax events of which something is known.
  Result<void> Add(const Event& event);
  Result<void> Apply(const Change& change, uint64_t seq);
  MineData Finish();

 private:
  struct Source {
    bool is_feature;
    size_t index;
  };
  const std::shared_ptr<const CompiledPack> pack_;
  Core core_;
  LabelLookup lookup_;
  std::vector<Source> sources_;
  MineData data_;
  uint64_t events_ = 0;
};

struct MineOptions {
  double train = 0.7;     // share of the events that is learned from
  size_t conditions = 3;  // of one rule, at most
  size_t rules = 10;      // given at most
  uint64_t support = 0;   // least hits in training; 0: 20, or one in 5,000 if that is more
  double lift = 2;        // least lift in training
  size_t folds = 5;       // consecutive parts of training; those with bad events judge
  size_t shuffles = 10;   // searches with exchanged labels
  size_t beam = 100;      // rules of one length that are made longer
  uint64_t seed = 1;      // of the shuffles
  // Events looked at, at most, over all searches, each of which may look at as many.
  uint64_t steps = 20'000'000'000;
  // Searches done and in all. May be empty.
  std::function<void(uint64_t, uint64_t)> progress;
};

struct Condition {
  size_t input = 0;
  bool at_least = true;  // else below
  double threshold = 0;  // 1 for a BOOLEAN
};

struct MinedRule {
  std::vector<Condition> conditions;  // by rising input
  struct Figures {
    uint64_t hits = 0;
    uint64_t bad = 0;
    double precision = 0;
    double lift = 0;    // precision over the share of bad events
    double recall = 0;  // share of the bad events that are hit
  };
  Figures train;
  Figures test;
  double score = 0;              // lower bound of precision in training
  double fold_lift_min = 0;      // over the folds with hits and bad events
  size_t folds_hit = 0;          // of these
  uint64_t bad_not_alerted = 0;  // of the bad hits in training: what the pack does not alert yet
};

struct MineResult {
  std::vector<MinedRule> rules;
  uint64_t train_events = 0;
  uint64_t train_bad = 0;
  uint64_t test_events = 0;
  uint64_t test_bad = 0;
  uint64_t support = 0;     // that was asked for
  uint64_t searched = 0;    // conjunctions weighed
  double chance_score = 0;  // the best that exchanged labels gave
  double chance_lift = 0;   // of that one
  bool truncated = false;   // the bound on steps was met
};

// kInvalidArgument: nothing bad, or nothing good, to learn from, or options without sense.
Result<MineResult> Mine(const MineData& data, const MineOptions& options);

// "payee_small_7d >= 5 AND amount < 100".
std::string ConditionsSql(const MineData& data, const MinedRule& rule);

// The nearest number that a person would write: of two digits at most.
double Readable(double value, bool is_integer);

}  // namespace fuqi::decide
