#include "node/decision_json.h"

#include "node/json_text.h"

namespace fuqi::node {

PackView PackView::Of(std::shared_ptr<const decide::CompiledPack> pack) {
  const decide::Pack& source = pack->pack();
  PackView view;
  view.features = pack->feature_schema();
  view.key = pack->event_schema()[static_cast<size_t>(pack->key_column())].type;
  view.pack = std::shared_ptr<const decide::Pack>(std::move(pack), &source);
  return view;
}

Result<PackView> PackView::Of(const decide::PublishRecord& publish) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, decide::ParsePack(publish.files));
  PackView view;
  view.features = publish.features;
  view.key =
      publish.events[static_cast<size_t>(table::FindColumn(publish.events, publish.key))].type;
  view.pack = std::make_shared<const decide::Pack>(std::move(pack));
  return view;
}

namespace {

void AppendPoints(const std::vector<const decide::Score::Points*>& given, std::string& json) {
  for (size_t i = 0; i < given.size(); ++i) {
    json += fmt::format(R"({}{{"id":{},"add":{},"reason":{{"zh":{},"en":{}}}}}{})",
                        i == 0 ? ",\"points\":[" : ",", JsonString(given[i]->id), given[i]->add,
                        JsonString(given[i]->reason.zh), JsonString(given[i]->reason.en),
                        i + 1 == given.size() ? "]" : "");
  }
}

// What bound the event; nothing where nothing did.
void AppendStanding(const decide::Pack& pack, const decide::Decision& decision, std::string& json) {
  std::string_view before = "\"standing\":[";
  for (const decide::StandingHit& hit : decision.standing) {
    if (hit.kind >= pack.standing.size() || hit.column >= pack.columns.size()) {
      continue;  // of a record that is not this pack's
    }
    const decide::StandingKind& kind = pack.standing[hit.kind];
    json += fmt::format(
        R"({}{{"kind":{},"column":{},"action":"{}","reason":{{"zh":{},"en":{}}},"record":{}}})",
        before, JsonString(kind.name), JsonString(pack.columns[hit.column].name),
        decide::ActionName(hit.action), JsonString(kind.reason.zh), JsonString(kind.reason.en),
        hit.record);
    if (hit.remains) {
      json.insert(json.size() - 1,
                  fmt::format(R"(,"remains":"{}")",
                              table::ToText(table::Datum::Int(*hit.remains), kind.amount_type)));
    }
    before = ",";
  }
  json += before == "," ? "]," : "";
}

}  // namespace

std::string DecisionJson(const PackView& view, const table::Datum& event_key,
                         const decide::Decision& decision) {
  const decide::Pack& source = *view.pack;
  std::string json = fmt::format(
      R"({{"decision_id":{},"pack":{},"pack_hash":"{}","event_id":{},"action":"{}","hits":[)",
      JsonString(decide::DecisionId(source.name, decision.seq())), JsonString(source.name),
      ToHex(source.hash), JsonString(table::ToText(event_key, view.key)),
      decide::ActionName(decision.action));
  for (size_t i = 0; i < decision.hits.size(); ++i) {
    const decide::Rule& rule = source.rules[decision.hits[i]];
    json += fmt::format(R"({}{{"rule":{},"action":"{}","reason":{{"zh":{},"en":{}}})",
                        i == 0 ? "" : ",", JsonString(rule.id), decide::ActionName(rule.then),
                        JsonString(rule.reason.zh), JsonString(rule.reason.en));
    if (rule.shadow) {
      json += ",\"shadow\":true";
    }
    if (!rule.clause.empty()) {
      json += ",\"clause\":" + JsonString(rule.clause);
    }
    AppendPoints(decide::PointsGiven(source, rule, decision.features), json);
    json += '}';
  }
  json += "],";
  AppendStanding(source, decision, json);
  json += "\"flags\":[";
  for (std::string_view comma; std::string_view name : decide::FlagNames(decision.flags)) {
    json += fmt::format("{}\"{}\"", comma, name);
    comma = ",";
  }
  json += "],\"features\":";
  AppendJsonRow(view.features, decision.features.values(), json);
  if (!decision.error.empty()) {
    json += ",\"error\":" + JsonString(decision.error);
  }
  json += '}';
  return json;
}

}  // namespace fuqi::node
