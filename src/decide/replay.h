#pragma once

// A source folded through a pack: what would have been decided, and how well where it is known who
// was bad.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "decide/detection.h"
#include "decide/partition.h"

namespace fuqi::decide {

struct ReplayOptions {
  // Decide through a partition and its log; without one, in memory. Events that the log holds
  // already get their stored decisions: those must be of this pack version.
  Partition* partition = nullptr;
  size_t events_per_commit = 256;
  const Labels* labels = nullptr;
  // Events so far; every few thousand. May be empty.
  std::function<void(uint64_t)> progress;
};

struct RuleSummary {
  std::string id;
  bool shadow = false;
  uint64_t hits = 0;
  Detection events;    // an event is bad if one of its entities is
  Detection entities;  // alerted if the rule hit on one of its events
};

struct ReplaySummary {
  uint64_t events = 0;
  uint64_t alerts = 0;  // decided otherwise than to approve
  uint64_t late = 0;
  uint64_t future = 0;
  uint64_t failed = 0;    // with an evaluation error
  uint64_t repeated = 0;  // rows that repeat an earlier row of the source: not counted as events
  double elapsed_s = 0;   // reading and committing included
  double decisions_per_s = 0;
  double p50_us = 0;  // of one decision, without reading and committing
  double p99_us = 0;
  Digest digest{};  // over all decisions in order of arrival, docs/formats/records.md
  std::vector<RuleSummary> rules;

  // Where labels are given: entities ranked by the weight of their hits (each hit weighs as its
  // rule's action does, approve 0 to freeze 6, plus 1; of a shadow rule nothing), the first
  // hundredth of those known alerted.
  struct Ranking {
    uint64_t known = 0;  // entities of which something is known
    Detection first_percent;
    double base_rate() const { return known == 0 ? 0 : double(first_percent.bad) / double(known); }
  };
  std::optional<Ranking> ranking;
};

// Reads `reader` to its end. kConflict: a row that has an earlier one's key and another content.
Result<ReplaySummary> Replay(SourceReader& reader, const std::shared_ptr<const CompiledPack>& pack,
                             const ReplayOptions& options);

}  // namespace fuqi::decide
