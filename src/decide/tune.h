#pragma once

// A rule's thresholds against what wrong answers cost: which value of each would have been cheapest
// over known history.
//
// An event is alerted where the pack, with the rule acting at that threshold, decides otherwise
// than to approve. A good event that is alerted costs `false_alert`; a bad one that is not costs
// `missed`, or its amount. One threshold moves at a time, the others stay, and so does what
// decisions laid on accounts for later events. Nothing is changed.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/detection.h"
#include "decide/threshold.h"

namespace fuqi::decide {

struct TuneOptions {
  std::string rule;
  double false_alert = 1;
  std::optional<double> missed;  // none: the event's amount
  std::string amount;            // as BacktestOptions::amount
};

struct TunePoint {
  double threshold = 0;
  uint64_t hits = 0;    // of the rule
  Detection detection;  // of the pack's alerts
  double cost = 0;
};

struct TunedThreshold {
  std::string comparison;  // "sum_1d > 500"
  double current = 0;
  std::vector<TunePoint> points;  // by rising threshold, the current one among them
  size_t best = 0;                // of the points of least cost, the nearest to the current one
  size_t now = 0;
  // The points about the best one that cost at most a twentieth more: [flat_from, flat_to].
  size_t flat_from = 0;
  size_t flat_to = 0;
  // The condition with the best value in it; empty where the number stands in it in no plain form.
  std::string better_when;
};

struct Tuning {
  uint64_t events = 0;  // of which something is known
  uint64_t bad = 0;
  std::vector<TunedThreshold> thresholds;  // in the order of the condition
};

class Tuner {
 public:
  // kNotFound: the pack has no such rule, or no such amount; kInvalidArgument: the rule compares no
  // number with a constant, or a cost is no cost; kTypeMismatch as AmountColumn.
  static Result<Tuner> Start(const std::shared_ptr<const CompiledPack>& pack, const Labels& labels,
                             const TuneOptions& options);
  Tuner(Tuner&&) noexcept;
  ~Tuner();

  Result<void> Add(const Event& event);
  Result<void> Apply(const Change& change, uint64_t seq);
  Tuning Finish();

 private:
  struct Impl;
  explicit Tuner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
