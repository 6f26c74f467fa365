#include "decide/shadow.h"

namespace fuqi::decide {

void ShadowReport::Add(const Decision& decided, const std::vector<std::string>& decided_rules,
                       const Decision& shadow, const Pack& shadow_pack) {
  ++events;
  failed += (shadow.flags & kEvaluationError) != 0 ? 1 : 0;
  ++actions[static_cast<size_t>(decided.action)][static_cast<size_t>(shadow.action)];
  for (uint32_t hit : decided.hits) {
    ++rules[decided_rules[hit]].first;
  }
  for (uint32_t hit : shadow.hits) {
    ++rules[shadow_pack.rules[hit].id].second;
  }
  if (decided.action == shadow.action) {
    return;
  }
  ++different;
  Difference& difference = newest.emplace_back();
  difference.decision_seq = decided.seq();
  difference.decided = decided.action;
  difference.shadow = shadow.action;
  for (uint32_t hit : shadow.hits) {
    difference.rules.push_back(shadow_pack.rules[hit].id);
  }
  if (newest.size() > kExamplesMax) {
    newest.pop_front();
  }
}

}  // namespace fuqi::decide
