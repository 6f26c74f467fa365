#pragma once

// Re-performance: an auditor's check that the decisions of a log are what its packs give on its
// events. From the log alone: packs are those of its Publish records.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "decide/decision.h"

namespace fuqi::table {
class Binder;
}

namespace fuqi::decide {

struct Reperformance {
  static constexpr size_t kListedMax = 100;

  uint64_t decisions = 0;  // compared
  uint64_t equal = 0;
  uint64_t different = 0;
  std::vector<uint64_t> different_seqs;  // of Decision records, the first kListedMax
  // Decisions taken under semantics that this program does not have: not compared.
  uint64_t other_semantics = 0;

  bool holds() const { return different == 0 && other_semantics == 0; }
};

// Folds all events of <dir>/log anew and compares each Decision record, and what the core of each
// Event record says, byte for byte. Where the log has several Publish records, each pack folds all
// events before its decisions. `progress` gets records done and to do; may be empty. kCorrupt where
// the log is not what a partition writes.
Result<Reperformance> Reperform(Disk& disk, const std::string& dir, table::Binder& binder,
                                const std::function<void(uint64_t, uint64_t)>& progress = {});

// One decision from its own record: the rules over the feature row that it recorded. Proves action
// and hits, not the features; takes no longer on a longer log but for reading it.
struct RulesReperformance {
  Decision stored;
  Decision computed;  // action and hits
  bool equal() const { return stored.action == computed.action && stored.hits == computed.hits; }
};
Result<RulesReperformance> ReperformOne(Disk& disk, const std::string& dir, table::Binder& binder,
                                        uint64_t decision_seq);

}  // namespace fuqi::decide
