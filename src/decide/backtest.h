#pragma once

// Two versions of a pack over the same events: what the new one would have decided otherwise, and
// whether that is better.
//
// Both fold every event in one pass, each with windows of its own, exactly as live would. An event
// is alerted where a version decides otherwise than to approve. What labels say of an event is what
// they say of its entities: it is bad if one of them is.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/detection.h"

namespace fuqi::decide {

struct BacktestOptions {
  const Labels* labels = nullptr;
  // The event's column of money; empty: the first of class 业务-交易-金额, or none.
  std::string amount;
  // An SQL expression over the event's columns: figures are also given for each of its values.
  std::string segment;
  size_t examples = 20;
  // Which standing actions bind events: those that each version's own decisions lay, with what
  // persons laid and released by the log, or all as they stood by the log.
  enum class Standing : uint8_t { kOwn, kLogged };
  Standing standing = Standing::kOwn;
};

inline constexpr size_t kBacktestSegmentsMax = 1'000;

// What one version alerts, or one of its rules hits.
struct Alerts {
  uint64_t events = 0;
  int128 amount = 0;    // in units of the amount's scale
  Detection detection;  // of events
};

// Both versions over some of the events.
struct BothAlerts {
  uint64_t events = 0;
  int128 amount = 0;
  Alerts before;
  Alerts after;
  uint64_t both = 0;  // alerted, or hit, in either
};

struct RuleBacktest {
  std::string id;
  bool is_before = false;  // a rule of the old version
  bool is_after = false;
  bool shadow_before = false;
  bool shadow_after = false;
  bool reworded = false;  // condition, action, shadow or what it lays down differ
  BothAlerts hits;
};

struct ChangedEvent {
  std::string key;
  int64_t ts_us = 0;
  Action before = Action::kApprove;
  Action after = Action::kApprove;
  table::Datum amount;  // no text
  std::vector<std::string> rules_before;
  std::vector<std::string> rules_after;
};

struct Backtest {
  BothAlerts total;
  std::array<std::array<uint64_t, 7>, 7> actions{};  // events by action before and after
  Detection entities_before;                         // alerted if one of its events is
  Detection entities_after;
  std::vector<RuleBacktest> rules;     // the old version's in its order, then those that are new
  std::map<int32_t, BothAlerts> days;  // by the event's own day, counted from 1970-01-01
  std::map<std::string, BothAlerts> segments;
  uint64_t changed = 0;                // events whose action differs
  std::vector<ChangedEvent> examples;  // the greatest changes of action, large amounts first
  std::string amount_column;           // empty: none
  table::Type amount_type;             // of sums
};

class BacktestRun {
 public:
  // kConflict: the versions are of different packs or have different tables; the new one may have
  // more kinds of events than the one of the old, which alerts none of these. kNotFound: no such
  // amount column; kTypeMismatch: it holds no money. What is wrong with the segment's expression
  // as BindLevel and Program::Compile say it.
  static Result<BacktestRun> Start(const std::shared_ptr<const CompiledPack>& before,
                                   const std::shared_ptr<const CompiledPack>& after,
                                   table::Binder& binder, const BacktestOptions& options);
  BacktestRun(BacktestRun&&) noexcept;
  ~BacktestRun();

  // An event of the new version, valid, and of a key not added before. kResourceExhausted:
  // more segments than kBacktestSegmentsMax; what the segment's expression fails with; kOutOfRange:
  // a sum beyond 128 bits.
  Result<void> Add(const Event& event);
  // A change of the committed state that a log holds, to both versions; `seq` of its record.
  Result<void> Apply(const Change& change, uint64_t seq);
  Backtest Finish();

 private:
  struct Impl;
  explicit BacktestRun(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::decide
