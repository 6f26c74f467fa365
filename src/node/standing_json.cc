#include "node/standing_json.h"

#include "base/time.h"
#include "decide/decision.h"

namespace fuqi::node {

OrderedJson StandingJson(const decide::Pack& pack, const decide::StandingKind& kind,
                         const std::string& subject, const decide::StandingState::Entry& entry) {
  OrderedJson json = {
      {"kind", kind.name}, {"subject", subject}, {"action", decide::ActionName(entry.action)}};
  if (entry.limit) {
    json["above"] = table::ToText(table::Datum::Int(*entry.limit), kind.amount_type);
  }
  if (entry.until_us != decide::kForEver) {
    json["until"] = Rfc3339(entry.until_us);
  }
  json["record"] = entry.record;
  if (entry.decision_seq != 0) {
    json["decision_id"] = decide::DecisionId(pack.name, entry.decision_seq);
    json["rule"] = entry.rule;
  }
  json["by"] = entry.by;
  json["reason"] = {{"zh", entry.reason.zh}, {"en", entry.reason.en}};
  return json;
}

}  // namespace fuqi::node
