#pragma once

// What a version that watches would have decided otherwise: a fold over the decisions of a log and
// its own, from the record of its proposal on. It depends on nothing but the log, so that a restart
// gives the same, and an auditor too: it needs no record of its own.
//
// A watching version sees what stands as the log has it: the actions that the deciding version's
// decisions and persons laid down, and none of its own.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "decide/decision.h"

namespace fuqi::decide {

struct ShadowReport {
  static constexpr size_t kExamplesMax = 100;
  static constexpr size_t kActions = 7;

  // One decision that differs.
  struct Difference {
    uint64_t decision_seq = 0;
    Action decided = Action::kApprove;
    Action shadow = Action::kApprove;
    std::vector<std::string> rules;  // that hit in the version that watches
  };

  uint64_t events = 0;     // compared
  uint64_t different = 0;  // in their action
  uint64_t failed = 0;     // a feature or rule of the watching version could not be evaluated
  std::array<std::array<uint64_t, kActions>, kActions> actions{};  // [decided][shadow]
  std::map<std::string, std::pair<uint64_t, uint64_t>> rules;      // hits: decided, shadow
  std::deque<Difference> newest;                                   // at most kExamplesMax

  // `decided_rules`: ids of the version that decided.
  void Add(const Decision& decided, const std::vector<std::string>& decided_rules,
           const Decision& shadow, const Pack& shadow_pack);
};

}  // namespace fuqi::decide
