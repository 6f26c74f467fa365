#include "decide/explain.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/decimal.h"
#include "decide/fold.h"
#include "decide/records.h"
#include "decide/screened.h"

namespace fuqi::decide {
namespace {

using ledger::RecordType;

Result<ledger::OwnedRecord> ReadDecisionRecord(const ledger::Log& log, uint64_t seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(seq));
  if (record->type != RecordType::kDecision) {
    return Err(ErrorCode::kNotFound, "record {} is no decision", seq);
  }
  return record;
}

Result<PublishRecord> ReadPublish(const ledger::Log& log, uint64_t seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(seq));
  return DecodePublish(*record);
}

Result<ledger::RecordProof> Prove(const ledger::Tree& tree, const ledger::Head& head,
                                  const ledger::StoredRecord& record) {
  ledger::RecordProof proof;
  proof.origin = head.origin;
  proof.index = record.seq;
  proof.size = head.size;
  proof.root = head.root;
  proof.record.assign(record.encoded.begin(), record.encoded.end());
  FUQI_ASSIGN_OR_RETURN(proof.path, tree.Inclusion(record.seq, head.size));
  return proof;
}

void CollectColumns(const sql::Expr& expr, std::set<int>& columns) {
  if (expr.kind == sql::Expr::Kind::kColumn) {
    columns.insert(expr.column);
  }
  for (const sql::Expr& child : expr.children) {
    CollectColumns(child, columns);
  }
}

// Columns and features as the rules' level numbers them.
std::vector<Explanation::Value> RuleInputs(const CompiledPack& pack, const Event& event,
                                           const Decision& decision) {
  std::vector<Explanation::Value> inputs;
  for (size_t i = 0; i < pack.event_schema().size(); ++i) {
    const table::Column& column = pack.event_schema()[i];
    inputs.push_back({column.name, table::ToText(event.columns[i], column.type)});
  }
  for (size_t i : pack.features_by_level()) {
    const table::Column& column = pack.feature_schema()[i];
    inputs.push_back({column.name, table::ToText(decision.features[i], column.type)});
  }
  return inputs;
}

Explanation::FeatureValue ExplainFeature(const CompiledPack& pack, size_t i,
                                         const Decision& decision) {
  const Feature& feature = pack.pack().features[i];
  Explanation::FeatureValue value;
  value.name = feature.name;
  value.value = table::ToText(decision.features[i], pack.feature_schema()[i].type);
  value.title = feature.title;
  value.sql = feature.said();
  auto lineage = std::ranges::find(pack.lineage(), feature.name, &sql::ColumnLineage::output);
  FUQI_CHECK(lineage != pack.lineage().end());
  value.windows = lineage->windows;
  value.lineage = lineage->inputs;
  return value;
}

Explanation::Hit ExplainHit(const CompiledPack& pack, uint32_t hit, const Decision& decision,
                            const std::vector<Explanation::Value>& inputs) {
  const Rule& rule = pack.pack().rules[hit];
  Explanation::Hit explained{rule.id,     rule.then,      rule.shadow, rule.reason,
                             rule.clause, rule.when.text, {},          {}};
  std::set<int> columns;
  CollectColumns(pack.rule_level().outputs[hit].expr, columns);
  for (int column : columns) {
    explained.reads.push_back(inputs[column]);
  }
  for (const Score::Points* points : PointsGiven(pack.pack(), rule, decision.features)) {
    explained.points.push_back({points->id, points->add, points->reason});
  }
  return explained;
}

// The entry of this place, from the record that put it.
Result<void> FindMet(const ledger::Log& log, const List& list, EntryRef ref,
                     Explanation::Met& met) {
  met.list = list.name;
  met.ref = ref;
  const ListEntry* entry = nullptr;
  std::optional<Change> change;
  if (ref.record == 0) {
    entry = ref.number > list.entries.size() ? nullptr : &list.entries[ref.number - 1];
  } else {
    FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(ref.record));
    FUQI_ASSIGN_OR_RETURN(change, DecodeChange(*record));
    const auto* of_list = std::get_if<ListChange>(&*change);
    if (of_list != nullptr && ref.number <= of_list->puts.size()) {
      entry = &of_list->puts[ref.number - 1];
      met.by = of_list->head.by;
      met.made_us = of_list->head.made_us;
    }
  }
  if (entry == nullptr) {
    return Err(ErrorCode::kCorrupt, "the decision names entry {} of list '{}', which there is not",
               ref.ToText(), list.name);
  }
  met.entry = *entry;
  return {};
}

// Works the score out again, from the name asked for, the entry's name and what the record tells
// of how rare their words were.
Result<void> ExplainScreened(const Lookup& lookup, const Event& event, const Screened& screened,
                             bool is_own_version, Explanation::Met& met) {
  sql::Scratch scratch;
  FUQI_ASSIGN_OR_RETURN(const table::Datum asked,
                        lookup.args[0].Run(event.columns.values(), {}, scratch));
  const std::string* name = screened.NameOf(met.entry);
  if (asked.kind != table::Datum::Kind::kText || name == nullptr) {
    return Err(ErrorCode::kCorrupt, "the decision's screening does not fit its event and entry");
  }
  met.screened = {.name = std::string(asked.text()), .percent = screened.percent};
  if (is_own_version) {
    met.screened->hit = CompareNames(asked.text(), *name, screened.rarities);
    if (!met.screened->hit || PercentOf(met.screened->hit->score) != screened.percent) {
      return Err(ErrorCode::kCorrupt, "the decision's screening does not fit its event and entry");
    }
  }
  return {};
}

// The entries that the decision's lookups met.
Result<std::vector<Explanation::Met>> ExplainMet(const ledger::Log& log, const CompiledPack& pack,
                                                 const Event& event, const Decision& decision,
                                                 bool is_own_version) {
  std::vector<Explanation::Met> all;
  for (const Lookup& lookup : pack.lookups()) {
    const table::Datum& found = decision.features[lookup.feature];
    if (!lookup.list || found.is_null() || found.text().empty()) {
      continue;
    }
    const List& list = pack.pack().lists[*lookup.list];
    Explanation::Met met{.lookup = pack.feature_schema()[lookup.feature].name};
    if (!lookup.screens) {
      FUQI_ASSIGN_OR_RETURN(const EntryRef ref, EntryRef::Parse(found.text()));
      FUQI_RETURN_IF_ERROR(FindMet(log, list, ref, met));
    } else {
      FUQI_ASSIGN_OR_RETURN(const Screened screened, Screened::Parse(found.text()));
      if (screened.percent == 0) {
        continue;
      }
      FUQI_RETURN_IF_ERROR(FindMet(log, list, screened.entry, met));
      FUQI_RETURN_IF_ERROR(ExplainScreened(lookup, event, screened, is_own_version, met));
    }
    all.push_back(std::move(met));
  }
  return all;
}

// The parts that the decision, its event and the pack tell.
void ExplainParts(const CompiledPack& pack, const Event& event, const Decision& decision,
                  Explanation& out) {
  const std::vector<Explanation::Value> inputs = RuleInputs(pack, event, decision);
  const int named = pack.pack().kind_column();
  const EventKind* kind =
      named < 0 ? nullptr : pack.pack().FindKind(event.columns[static_cast<size_t>(named)].text());
  for (size_t i = 0; i < pack.pack().columns.size(); ++i) {
    if (kind == nullptr || !kind->Lacks(i)) {
      out.event.push_back({inputs[i], pack.pack().columns[i].class_path});
    }
  }
  for (size_t i = 0; i < pack.pack().features.size(); ++i) {
    out.features.push_back(ExplainFeature(pack, i, decision));
  }
  for (uint32_t hit : decision.hits) {
    out.hits.push_back(ExplainHit(pack, hit, decision, inputs));
  }
  for (std::string_view flag : FlagNames(decision.flags)) {
    out.flags.emplace_back(flag);
  }
}

// What the record set, which is of this kind.
Result<Explanation::Standing> StandingOf(const ledger::Log& log, const std::string& pack,
                                         const StandingKind& kind, uint64_t record_seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(record_seq));
  FUQI_ASSIGN_OR_RETURN(Change change, DecodeChange(*record));
  const auto* set = std::get_if<StandingChange>(&change);
  if (set == nullptr || set->op != StandingChange::Op::kSet) {
    return Err(ErrorCode::kCorrupt, "record {} sets no standing action", record_seq);
  }
  Explanation::Standing out;
  out.kind = kind.name;
  out.subject = set->subject;
  out.action = set->action;
  out.reason = kind.reason;
  out.record = record_seq;
  out.decision_id = set->decision_seq == 0 ? "" : DecisionId(pack, set->decision_seq);
  out.by = set->head.by;
  out.rule = set->rule;
  out.set_for = set->reason;
  out.until_us = set->until_us;
  if (set->allowance) {
    out.allowed = set->limit;
    out.per_us = set->allowance->per_us;
  }
  return out;
}

// What the decision's lookups met.
Result<void> ExplainLookedUp(const ledger::Log& log, const CompiledPack& pack,
                             const Decision& decision, Explanation& out) {
  for (const Lookup& lookup : pack.lookups()) {
    const table::Datum& found = decision.features[lookup.feature];
    if (!lookup.standing || found.is_null() || found.text().empty()) {
      continue;
    }
    const std::string text(found.text());
    const Result<int128> record = ParseInt128(text);
    if (!record || *record <= 0 || *record >= int128{decision.event_seq}) {
      return Err(ErrorCode::kCorrupt, "record {} sets no standing action", text);
    }
    FUQI_ASSIGN_OR_RETURN(Explanation::Standing met,
                          StandingOf(log, out.pack, pack.pack().standing[*lookup.standing],
                                     static_cast<uint64_t>(*record)));
    met.lookup = pack.feature_schema()[lookup.feature].name;
    out.standing.push_back(std::move(met));
  }
  return {};
}

Result<void> ExplainStanding(const ledger::Log& log, const CompiledPack& pack, const Event& event,
                             const Decision& decision, Explanation& out) {
  for (const StandingHit& hit : decision.standing) {
    if (hit.kind >= pack.pack().standing.size() || hit.column >= pack.event_schema().size()) {
      return Err(ErrorCode::kCorrupt, "{} and {} are no standing kind and column", hit.kind,
                 hit.column);
    }
    const StandingKind& kind = pack.pack().standing[hit.kind];
    const table::Column& column = pack.event_schema()[hit.column];
    FUQI_ASSIGN_OR_RETURN(Explanation::Standing bound, StandingOf(log, out.pack, kind, hit.record));
    bound.column = column.name;
    bound.subject = table::ToText(event.columns[hit.column], column.type);
    bound.action = hit.action;
    if (hit.remains) {
      bound.remains = table::ToText(table::Datum::Int(*hit.remains), kind.amount_type);
    }
    out.standing.push_back(std::move(bound));
  }
  return ExplainLookedUp(log, pack, decision, out);
}

}  // namespace

Result<std::shared_ptr<const CompiledPack>> PackOfDecision(const ledger::Log& log,
                                                           table::Binder& binder,
                                                           uint64_t decision_seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, ReadDecisionRecord(log, decision_seq));
  FUQI_ASSIGN_OR_RETURN(uint64_t publish_seq, DecodeDecisionPublish(*record));
  FUQI_ASSIGN_OR_RETURN(PublishRecord publish, ReadPublish(log, publish_seq));
  FUQI_ASSIGN_OR_RETURN(Pack pack, ParsePack(std::move(publish.files)));
  return CompiledPack::Compile(std::move(pack), binder);
}

Result<Explanation> Explain(const ledger::Log& log, const ledger::Tree& tree,
                            const CompiledPack& pack, uint64_t decision_seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, ReadDecisionRecord(log, decision_seq));
  Explanation out;
  FUQI_ASSIGN_OR_RETURN(out.publish_seq, DecodeDecisionPublish(*record));
  FUQI_ASSIGN_OR_RETURN(PublishRecord publish, ReadPublish(log, out.publish_seq));
  if (publish.hash != pack.pack().hash) {
    return Err(ErrorCode::kInvalidArgument,
               "decision {} was taken by version {} of the pack, not by {}", decision_seq,
               ToHex(publish.hash), ToHex(pack.pack().hash));
  }
  FUQI_ASSIGN_OR_RETURN(Decision decision, DecodeDecision(publish.features, publish.rules.size(),
                                                          *record, decision_seq));
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord event_record, log.Read(decision.event_seq));
  FUQI_ASSIGN_OR_RETURN(EventCore event_core, DecodeEventCore(*event_record));
  FUQI_ASSIGN_OR_RETURN(PublishRecord event_publish, ReadPublish(log, event_core.publish_seq));
  FUQI_ASSIGN_OR_RETURN(Event event, EventOf(*event_record, event_publish, pack));

  out.decision_id = DecisionId(publish.pack, decision_seq);
  out.event_seq = decision.event_seq;
  out.decision_seq = decision_seq;
  out.pack = publish.pack;
  out.pack_hash = publish.hash;
  out.semantics = publish.semantics;
  out.action = decision.action;
  out.error = decision.error;
  out.received_us = event.received_us;
  ExplainParts(pack, event, decision, out);
  const bool is_own_version = publish.semantics == OwnSemantics(publish.semantics);
  FUQI_ASSIGN_OR_RETURN(out.met, ExplainMet(log, pack, event, decision, is_own_version));
  FUQI_RETURN_IF_ERROR(ExplainStanding(log, pack, event, decision, out));

  FUQI_ASSIGN_OR_RETURN(ledger::Head head, tree.CurrentHead());
  FUQI_ASSIGN_OR_RETURN(out.decision_proof, Prove(tree, head, *record));
  FUQI_ASSIGN_OR_RETURN(out.event_proof, Prove(tree, head, *event_record));
  return out;
}

}  // namespace fuqi::decide
