// fuqi explain, fuqi reperform, fuqi log.

#include <filesystem>
#include <ostream>

#include "base/messages.h"
#include "base/time.h"
#include "decide/explain.h"
#include "decide/feed.h"
#include "decide/reperform.h"
#include "node/cli.h"
#include "node/list_json.h"
#include "node/print.h"
#include "node/prove.h"
#include "node/screening_text.h"
#include "table/binder.h"

namespace fuqi::node {
namespace {

struct EvidenceOptions {
  std::string log;
  std::string decision;
};

// A partition's log and tree, for reading.
struct OpenedLog {
  std::unique_ptr<ledger::Log> log;
  std::unique_ptr<ledger::Tree> tree;
};

Result<void> CheckIsLog(const std::string& dir) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir + "/log", error)) {
    return Err(ErrorCode::kNotFound, "there is no log in {}", dir);
  }
  return {};
}

// A decision's number is one of its own pack's log; in another log it is that of something else.
Result<decide::DecisionRef> FindReference(const EvidenceOptions& options) {
  FUQI_ASSIGN_OR_RETURN(decide::DecisionRef reference, decide::ParseDecisionId(options.decision));
  FUQI_RETURN_IF_ERROR(CheckIsLog(options.log));
  FUQI_ASSIGN_OR_RETURN(std::string origin, ledger::HeadOrigin(reference.pack));
  FUQI_ASSIGN_OR_RETURN(std::optional<ledger::Head> head,
                        ledger::ReadHead(SystemDisk(), options.log + "/head"));
  if (head && head->origin != origin) {
    return Err(ErrorCode::kNotFound, "the log in {} is {}, and {} is a decision of {}", options.log,
               head->origin, options.decision, origin);
  }
  return reference;
}

Result<OpenedLog> OpenLog(const std::string& dir, std::string_view pack) {
  OpenedLog opened;
  Result<std::unique_ptr<ledger::Log>> log = ledger::Log::Open(SystemDisk(), dir + "/log", {});
  if (!log && log.error().code() == ErrorCode::kUnavailable) {
    return Err(ErrorCode::kUnavailable,
               "a running node holds the log in {}: ask that node, or name a copy of the folder",
               dir);
  }
  FUQI_ASSIGN_OR_RETURN(opened.log, std::move(log));
  FUQI_ASSIGN_OR_RETURN(std::string origin, ledger::HeadOrigin(pack));
  FUQI_ASSIGN_OR_RETURN(opened.tree, ledger::Tree::Open(SystemDisk(), dir, *opened.log, origin));
  return opened;
}

OrderedJson MetJson(const decide::Explanation::Met& met) {
  OrderedJson json = {{"lookup", met.lookup}, {"list", met.list}, {"entry", met.ref.ToText()}};
  json.update(EntryJson(met.entry));
  if (met.screened) {
    OrderedJson& screened = json["screened"];
    screened = {{"name", met.screened->name}, {"score", met.screened->percent}};
    if (met.screened->hit) {
      screened["met"] = met.screened->hit->name;
      AddWords(*met.screened->hit, screened);
    }
  }
  if (!met.by.empty()) {
    json["by"] = met.by;
  }
  if (met.made_us >= 0) {
    json["made"] = Rfc3339(met.made_us);
  }
  return json;
}

void PrintMet(const decide::Explanation& e, Language language, std::ostream& out) {
  for (const auto& met : e.met) {
    const decide::ListEntry& entry = met.entry;
    out << '\n'
        << Say(language, "list '{}', entry {}: {}", met.list, met.ref.ToText(), entry.value)
        << '\n';
    if (met.screened) {
      out << "  "
          << Say(language, "'{}' is {} % like it: {}", met.screened->name, met.screened->percent,
                 met.screened->hit ? WordsOf(*met.screened->hit, language)
                                   : Tr("another version of screening said so", language))
          << '\n';
    }
    if (!entry.source.empty() || !entry.reason.empty()) {
      out << "  "
          << Say(language, "source {}, reason {}", entry.source.empty() ? "-" : entry.source,
                 entry.reason.empty() ? "-" : entry.reason)
          << '\n';
    }
    out << "  " << ValidityText(entry, language) << '\n';
    if (!met.by.empty()) {
      out << "  "
          << Say(language, "entered by {} at {}", met.by,
                 met.made_us >= 0 ? Rfc3339(met.made_us) : "-")
          << '\n';
    }
  }
}

OrderedJson StandingJson(const decide::Explanation::Standing& standing) {
  OrderedJson one = {{"kind", standing.kind},
                     {standing.lookup.empty() ? "column" : "lookup",
                      standing.lookup.empty() ? standing.column : standing.lookup},
                     {"subject", standing.subject},
                     {"action", decide::ActionName(standing.action)},
                     {"reason", {{"zh", standing.reason.zh}, {"en", standing.reason.en}}},
                     {"record", standing.record},
                     {"by", standing.by},
                     {"set_for", {{"zh", standing.set_for.zh}, {"en", standing.set_for.en}}}};
  if (!standing.decision_id.empty()) {
    one["decision_id"] = standing.decision_id;
    one["rule"] = standing.rule;
  }
  if (standing.until_us != decide::kForEver) {
    one["until"] = Rfc3339(standing.until_us);
  }
  if (!standing.allowed.empty()) {
    one["allow"] = standing.allowed;
    if (standing.per_us > 0) {
      one["per"] = DurationToText(Duration{standing.per_us});
    }
    if (!standing.remains.empty()) {
      one["remains"] = standing.remains;
    }
  }
  return one;
}

OrderedJson ExplanationJson(const decide::Explanation& e) {
  OrderedJson json = {{"decision_id", e.decision_id},
                      {"pack", e.pack},
                      {"pack_hash", ToHex(e.pack_hash)},
                      {"semantics", e.semantics},
                      {"action", decide::ActionName(e.action)},
                      {"flags", e.flags},
                      {"event_seq", e.event_seq},
                      {"decision_seq", e.decision_seq},
                      {"publish_seq", e.publish_seq},
                      {"event", OrderedJson::array()},
                      {"hits", OrderedJson::array()},
                      {"features", OrderedJson::array()}};
  if (e.received_us >= 0) {
    json["received"] = Rfc3339(e.received_us);
  }
  if (!e.error.empty()) {
    json["error"] = e.error;
  }
  for (const auto& value : e.event) {
    json["event"].push_back(
        {{"name", value.name}, {"value", value.value}, {"class", value.class_path}});
  }
  for (const auto& hit : e.hits) {
    OrderedJson reads = OrderedJson::array();
    for (const auto& read : hit.reads) {
      reads.push_back({{"name", read.name}, {"value", read.value}});
    }
    json["hits"].push_back({{"rule", hit.rule},
                            {"action", decide::ActionName(hit.then)},
                            {"shadow", hit.shadow},
                            {"reason", {{"zh", hit.reason.zh}, {"en", hit.reason.en}}},
                            {"clause", hit.clause},
                            {"when", hit.when},
                            {"reads", std::move(reads)},
                            {"points", OrderedJson::array()}});
    for (const auto& points : hit.points) {
      json["hits"].back()["points"].push_back(
          {{"id", points.id},
           {"add", points.add},
           {"reason", {{"zh", points.reason.zh}, {"en", points.reason.en}}}});
    }
  }
  if (!e.met.empty()) {
    json["entries"] = OrderedJson::array();
  }
  for (const auto& met : e.met) {
    json["entries"].push_back(MetJson(met));
  }
  json["standing"] = OrderedJson::array();
  for (const auto& standing : e.standing) {
    json["standing"].push_back(StandingJson(standing));
  }
  for (const auto& feature : e.features) {
    OrderedJson lineage = OrderedJson::array();
    for (const auto& input : feature.lineage) {
      lineage.push_back(
          {{"column", input.column}, {"influence", sql::InfluenceName(input.influence)}});
    }
    json["features"].push_back({{"name", feature.name},
                                {"value", feature.value},
                                {"title", {{"zh", feature.title.zh}, {"en", feature.title.en}}},
                                {"sql", feature.sql},
                                {"windows", feature.windows},
                                {"lineage", std::move(lineage)}});
  }
  json["decision_proof"] = OrderedJson::parse(ledger::ToJson(e.decision_proof));
  json["event_proof"] = OrderedJson::parse(ledger::ToJson(e.event_proof));
  return json;
}

void PrintHits(const decide::Explanation& e, Language language, std::ostream& out) {
  const auto shadows = std::ranges::count_if(e.hits, [](const auto& hit) { return hit.shadow; });
  const size_t acting = e.hits.size() - static_cast<size_t>(shadows);
  out << '\n'
      << (acting == 0
              ? std::string(Tr("no rule held", language))
              : Say(language, "{} rules held; the greatest of their actions is taken", acting))
      << '\n';
  if (shadows > 0) {
    out << Say(language, "{} shadow rules held; they are watched and do not act", shadows) << '\n';
  }
  for (const auto& hit : e.hits) {
    out << fmt::format("  {}{} → {}\n    {}{}\n    {}\n", hit.rule,
                       hit.shadow ? fmt::format(" ({})", Tr("shadow", language)) : "",
                       ActionIn(hit.then, language), hit.reason.In(language),
                       hit.clause.empty() ? "" : fmt::format(" [{}]", hit.clause), hit.when);
    for (const auto& read : hit.reads) {
      out << fmt::format("      {} = {}\n", read.name, read.value);
    }
    for (const auto& points : hit.points) {
      out << fmt::format("      {:+} {}\n", points.add, points.reason.In(language));
    }
  }
  for (const auto& standing : e.standing) {
    if (standing.lookup.empty()) {
      out << fmt::format("  {} {} = {} → {}\n    {}\n    ", standing.kind, standing.column,
                         standing.subject, ActionIn(standing.action, language),
                         standing.reason.In(language));
    } else {
      out << fmt::format("  {}: {} {}\n    ", standing.lookup, standing.subject,
                         ActionIn(standing.action, language));
    }
    if (!standing.remains.empty()) {
      out << Say(language, "remains {} of {}", standing.remains, standing.allowed);
      out << (standing.per_us == 0
                  ? ""
                  : Say(language, ", per {}", DurationIn(Duration{standing.per_us}, language)))
          << "\n    ";
    }
    out << (standing.decision_id.empty()
                ? Say(language, "set by {}, record {}: {}", standing.by, standing.record,
                      standing.set_for.In(language))
                : Say(language, "set by {}, record {}: {}", standing.decision_id, standing.record,
                      standing.set_for.In(language)))
        << '\n';
  }
  if (!e.error.empty()) {
    out << "  " << e.error << '\n';
  }
}

// For who has to rely on it: what is proven, and how somebody else checks it.
void PrintProof(const decide::Explanation& e, const std::string& dir, Language language,
                std::ostream& out) {
  const ledger::RecordProof& proof = e.decision_proof;
  out << '\n'
      << Tr("proof", language) << '\n'
      << "  "
      << Say(language, "The event is record {} and the decision record {} of the log {}.",
             e.event_seq, e.decision_seq, proof.origin)
      << "\n  "
      << Say(language,
             "Hashed up the log's tree in {} and {} steps, both give the root of its head over "
             "all {} records:",
             e.event_proof.path.size(), proof.path.size(), proof.size)
      << "\n    " << ledger::ToBase64(proof.root) << "\n  "
      << Tr("The proof holds: these records stand in that head, unchanged and in their places.",
            language)
      << "\n  " << Tr("Who keeps a copy of the head can check it without this node:", language)
      << fmt::format(
             "\n    fuqi log proof {} --log {} > proof.json\n"
             "    fuqi-verify --proof proof.json --head HEAD\n",
             e.decision_id, dir);
}

void PrintExplanation(const decide::Explanation& e, const std::string& dir, Context& context) {
  const Language language = context.language;
  std::ostream& out = context.out;
  out << e.decision_id << ": " << ActionIn(e.action, language);
  for (const std::string& flag : e.flags) {
    out << "  [" << flag << ']';
  }
  out << '\n' << Say(language, "pack {}, hash {}", e.pack, ToHex(e.pack_hash)) << '\n';
  if (e.received_us >= 0) {
    out << Say(language, "received {}", Rfc3339(e.received_us)) << '\n';
  }
  out << '\n' << Tr("the event", language) << '\n';
  std::vector<std::vector<std::string>> rows;
  rows.reserve(e.event.size());
  for (const auto& value : e.event) {
    rows.push_back({"  " + value.name, value.value, value.class_path});
  }
  PrintTable({"", "", ""}, rows, out);
  PrintHits(e, language, out);
  PrintMet(e, language, out);
  out << '\n' << Tr("the features that were read", language) << '\n';
  rows.clear();
  for (const auto& feature : e.features) {
    rows.push_back({"  " + feature.name, feature.value, feature.title.In(language)});
  }
  PrintTable({"", "", ""}, rows, out);
  PrintProof(e, dir, language, out);
}

Result<int> Explain(const EvidenceOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(decide::DecisionRef reference, FindReference(options));
  FUQI_ASSIGN_OR_RETURN(OpenedLog opened, OpenLog(options.log, reference.pack));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto pack, decide::PackOfDecision(*opened.log, *binder, reference.seq));
  FUQI_ASSIGN_OR_RETURN(decide::Explanation explanation,
                        decide::Explain(*opened.log, *opened.tree, *pack, reference.seq));
  for (const ledger::RecordProof* proof : {&explanation.decision_proof, &explanation.event_proof}) {
    FUQI_RETURN_IF_ERROR(ledger::CheckRecordProof(*proof, std::nullopt));
  }
  if (context.json) {
    context.out << ExplanationJson(explanation).dump() << '\n';
  } else {
    PrintExplanation(explanation, options.log, context);
  }
  return 0;
}

constexpr int kDoesNotVerify = 4;

Result<int> ReperformOne(const EvidenceOptions& options, table::Binder& binder, Context& context) {
  FUQI_ASSIGN_OR_RETURN(decide::DecisionRef reference, FindReference(options));
  FUQI_ASSIGN_OR_RETURN(decide::RulesReperformance one,
                        decide::ReperformOne(SystemDisk(), options.log, binder, reference.seq));
  if (context.json) {
    context.out << OrderedJson{{"decision_id", options.decision},
                               {"stored",
                                {{"action", decide::ActionName(one.stored.action)},
                                 {"hits", one.stored.hits}}},
                               {"computed",
                                {{"action", decide::ActionName(one.computed.action)},
                                 {"hits", one.computed.hits}}},
                               {"equal", one.equal()}}
                       .dump()
                << '\n';
  } else {
    context.out << (one.equal()
                        ? Say(context.language,
                              "the rules over the recorded features give the recorded decision: {}",
                              decide::ActionName(one.stored.action))
                        : Say(context.language,
                              "the rules over the recorded features give {}, the record says {}",
                              decide::ActionName(one.computed.action),
                              decide::ActionName(one.stored.action)))
                << '\n';
  }
  return one.equal() ? 0 : kDoesNotVerify;
}

Result<int> Reperform(const EvidenceOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  if (!options.decision.empty()) {
    return ReperformOne(options, *binder, context);
  }
  FUQI_RETURN_IF_ERROR(CheckIsLog(options.log));
  Progress progress(context, Tr("records re-performed", context.language));
  FUQI_ASSIGN_OR_RETURN(
      decide::Reperformance all,
      decide::Reperform(SystemDisk(), options.log, *binder,
                        [&](uint64_t done, uint64_t total) { progress.Update(done, total); }));
  progress.Finish();
  if (context.json) {
    context.out << OrderedJson{{"decisions", all.decisions},
                               {"equal", all.equal},
                               {"different", all.different},
                               {"different_seqs", all.different_seqs},
                               {"other_semantics", all.other_semantics}}
                       .dump()
                << '\n';
  } else {
    context.out << Say(context.language,
                       "{} decisions re-performed: {} equal, {} different; {} of another version's "
                       "semantics",
                       all.decisions, all.equal, all.different, all.other_semantics)
                << '\n';
    for (uint64_t seq : all.different_seqs) {
      context.out << "  " << Say(context.language, "record {} differs", seq) << '\n';
    }
  }
  return all.holds() ? 0 : kDoesNotVerify;
}

Result<int> LogHead(const EvidenceOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::optional<ledger::Head> head,
                        ledger::ReadHead(SystemDisk(), options.log + "/head"));
  if (!head) {
    return Err(ErrorCode::kNotFound, "no head has been saved in {}", options.log);
  }
  if (context.json) {
    context.out << OrderedJson{{"origin", head->origin},
                               {"size", head->size},
                               {"root", ledger::ToBase64(head->root)}}
                       .dump()
                << '\n';
  } else {
    context.out << ledger::FormatHead(*head);
  }
  return 0;
}

Result<int> LogVersions(const EvidenceOptions& options, Context& context) {
  FUQI_RETURN_IF_ERROR(CheckIsLog(options.log));
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::LoggedVersion> versions,
                        decide::VersionsInLog(SystemDisk(), options.log));
  OrderedJson json = OrderedJson::array();
  std::vector<std::vector<std::string>> rows;
  for (const decide::LoggedVersion& version : versions) {
    const std::string hash = ToHex(version.publish.hash);
    json.push_back({{"seq", version.seq},
                    {"pack", version.publish.pack},
                    {"pack_hash", hash},
                    {"rules", version.publish.rules.size()},
                    {"decisions", version.decisions}});
    std::string proposed_by;
    std::string approved_by;
    if (version.proposal) {
      proposed_by = version.proposal->proposal.by;
      approved_by = version.proposal->approval->by;
      json.back()["proposed_by"] = proposed_by;
      json.back()["approved_by"] = approved_by;
    }
    rows.push_back({std::to_string(version.seq), version.publish.pack, hash,
                    std::to_string(version.publish.rules.size()), std::to_string(version.decisions),
                    std::move(proposed_by), std::move(approved_by)});
  }
  const Language language = context.language;
  if (context.json) {
    context.out << json.dump() << '\n';
  } else {
    PrintTable({std::string(Tr("record", language)), std::string(Tr("pack", language)),
                std::string(Tr("hash", language)), std::string(Tr("rules", language)),
                std::string(Tr("decisions", language)), std::string(Tr("proposed by", language)),
                std::string(Tr("approved by", language))},
               rows, context.out);
  }
  return 0;
}

Result<int> LogProof(const EvidenceOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(decide::DecisionRef reference, FindReference(options));
  FUQI_ASSIGN_OR_RETURN(OpenedLog opened, OpenLog(options.log, reference.pack));
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, opened.log->Read(reference.seq));
  if (record->type != ledger::RecordType::kDecision) {
    return Err(ErrorCode::kNotFound, "record {} is no decision", reference.seq);
  }
  FUQI_ASSIGN_OR_RETURN(ledger::RecordProof proof,
                        ProveRecord(*opened.log, *opened.tree, reference.seq));
  context.out << ledger::ToJson(proof) << '\n';
  return 0;
}

}  // namespace

void AddEvidenceCommands(Cli& cli) {
  auto options = std::make_shared<EvidenceOptions>();
  auto log = [&](CLI::App* command) {
    AddLogOption(cli, *command, options->log);
    return command;
  };
  CLI::App* explain =
      log(cli.Command(cli.root(), "explain", cli.Text("Say why an event was decided as it was"),
                      [options](Context& context) { return Explain(*options, context); }));
  const std::string id_help = cli.Text("Id of the decision, as its answer gave it");
  explain->add_option("DECISION_ID", options->decision, id_help)->required();
  log(cli.Command(cli.root(), "reperform",
                  cli.Text("Decide the recorded events again and compare with the records"),
                  [options](Context& context) { return Reperform(*options, context); }))
      ->add_option("--decision", options->decision,
                   cli.Text("Only this one, from its own record: the rules over its features"))
      ->type_name("DECISION_ID");
  CLI::App* group = cli.Group("log", cli.Text("Versions, heads and proofs of a log"));
  log(cli.Command(group, "head", cli.Text("Print the head saved last"),
                  [options](Context& context) { return LogHead(*options, context); }));
  log(cli.Command(group, "versions", cli.Text("List the pack versions that decided"),
                  [options](Context& context) { return LogVersions(*options, context); }));
  log(cli.Command(group, "proof", cli.Text("Print the proof that a decision is in the log"),
                  [options](Context& context) { return LogProof(*options, context); }))
      ->add_option("DECISION_ID", options->decision, id_help)
      ->required();
}

}  // namespace fuqi::node
