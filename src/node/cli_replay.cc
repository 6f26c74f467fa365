// fuqi replay.

#include <filesystem>
#include <ostream>

#include "base/messages.h"
#include "decide/replay.h"
#include "node/cli.h"
#include "node/event_input.h"
#include "node/owner_query.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

struct ReplayArguments {
  std::string dir;
  FileInput files;
  std::string labels;
  std::string log;
  bool no_sync = false;
};

// Where nothing was alerted there is no precision, and no recall where nothing is bad.
OrderedJson DetectionJson(const decide::Detection& d) {
  return {{"alerted", d.alerted},
          {"bad_alerted", d.bad_alerted},
          {"bad", d.bad},
          {"precision", d.alerted == 0 ? OrderedJson(nullptr) : OrderedJson(d.precision())},
          {"recall", d.bad == 0 ? OrderedJson(nullptr) : OrderedJson(d.recall())}};
}
std::string PrecisionText(const decide::Detection& d) {
  return d.alerted == 0 ? "-" : Percent(d.precision());
}
std::string RecallText(const decide::Detection& d) {
  return d.bad == 0 ? "-" : Percent(d.recall());
}

OrderedJson SummaryJson(const decide::CompiledPack& pack, const decide::ReplaySummary& summary,
                        bool labelled) {
  OrderedJson json = {{"pack", pack.pack().name},
                      {"pack_hash", ToHex(pack.pack().hash)},
                      {"events", summary.events},
                      {"alerts", summary.alerts},
                      {"decisions_per_s", summary.decisions_per_s},
                      {"p50_us", summary.p50_us},
                      {"p99_us", summary.p99_us},
                      {"digest", ToHex(summary.digest)},
                      {"late", summary.late},
                      {"future", summary.future},
                      {"failed", summary.failed},
                      {"repeated", summary.repeated},
                      {"elapsed_s", summary.elapsed_s},
                      {"rules", OrderedJson::array()}};
  for (const decide::RuleSummary& rule : summary.rules) {
    OrderedJson entry = {{"id", rule.id}, {"shadow", rule.shadow}, {"hits", rule.hits}};
    if (labelled) {
      entry["events"] = DetectionJson(rule.events);
      entry["entities"] = DetectionJson(rule.entities);
    }
    json["rules"].push_back(std::move(entry));
  }
  if (summary.ranking) {
    json["ranking"] = {{"known", summary.ranking->known},
                       {"base_rate", summary.ranking->base_rate()},
                       {"first_percent", DetectionJson(summary.ranking->first_percent)}};
  }
  return json;
}

void PrintSummary(const decide::ReplaySummary& summary, bool labelled, Context& context) {
  const Language language = context.language;
  std::ostream& out = context.out;
  out << Say(language, "{} events, {} alerts ({}); late {}, future {}, failed {}, repeated {}",
             summary.events, summary.alerts,
             Percent(summary.events == 0 ? 0
                                         : static_cast<double>(summary.alerts) /
                                               static_cast<double>(summary.events)),
             summary.late, summary.future, summary.failed, summary.repeated)
      << '\n';
  out << Say(language, "{:.0f} decisions/s in {:.1f} s; one decision p50 {:.1f} µs, p99 {:.1f} µs",
             summary.decisions_per_s, summary.elapsed_s, summary.p50_us, summary.p99_us)
      << '\n';
  out << Say(language, "digest of all decisions {}", ToHex(summary.digest)) << "\n\n";
  std::vector<std::string> header = {std::string(Tr("rule", language)),
                                     std::string(Tr("hits", language))};
  if (labelled) {
    for (std::string_view name : {Tr("events: precision", language), Tr("recall", language),
                                  Tr("entities: precision", language), Tr("recall", language)}) {
      header.emplace_back(name);
    }
  }
  std::vector<std::vector<std::string>> rows;
  for (const decide::RuleSummary& rule : summary.rules) {
    rows.push_back({rule.shadow ? fmt::format("{} ({})", rule.id, Tr("shadow", language)) : rule.id,
                    std::to_string(rule.hits)});
    if (labelled) {
      for (const decide::Detection* detection : {&rule.events, &rule.entities}) {
        rows.back().push_back(PrecisionText(*detection));
        rows.back().push_back(RecallText(*detection));
      }
    }
  }
  PrintTable(header, rows, out);
  if (summary.ranking) {
    const decide::Detection& first = summary.ranking->first_percent;
    out << '\n'
        << Say(language,
               "the 1 % of entities with the heaviest hits, {} of {}: precision {}, recall {}; "
               "base rate {}",
               first.alerted, summary.ranking->known, PrecisionText(first), RecallText(first),
               Percent(summary.ranking->base_rate()))
        << '\n';
  }
}

Result<int> Replay(const ReplayArguments& arguments, Context& context) {
  if (arguments.no_sync && arguments.log.empty()) {
    return Err(ErrorCode::kUsage, "--no-sync needs --log: without a log nothing is synced");
  }
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, CompilePackIn(arguments.dir, *binder));
  OwnerEngine owner(context.home);
  const decide::DataAccess access = owner.Access(*binder);
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::SourceFile> files, SourceFiles(arguments.files));
  FUQI_ASSIGN_OR_RETURN(decide::SourcePlan plan, decide::OpenSources(access, *compiled, files));
  decide::ReplayOptions options;
  FUQI_ASSIGN_OR_RETURN(
      std::optional<decide::Labels> labels,
      ReadLabels(arguments.labels, arguments.files.sources, owner, *compiled, *binder));
  options.labels = labels ? &*labels : nullptr;
  std::unique_ptr<decide::Partition> partition;
  if (!arguments.log.empty()) {
    decide::PartitionOptions partition_options;
    partition_options.log.sync = !arguments.no_sync;
    FUQI_ASSIGN_OR_RETURN(
        partition, decide::Partition::Open(SystemDisk(), SystemClock(), arguments.log, compiled,
                                           partition_options));
    options.partition = partition.get();
  }
  FUQI_ASSIGN_OR_RETURN(decide::SourceReader reader,
                        decide::SourceReader::Open(access, *compiled, plan));
  Progress progress(context, Tr("events decided", context.language));
  options.progress = [&](uint64_t done) { progress.Update(done, 0); };
  FUQI_ASSIGN_OR_RETURN(decide::ReplaySummary summary, decide::Replay(reader, compiled, options));
  if (partition != nullptr) {
    FUQI_RETURN_IF_ERROR(partition->Close());
    FUQI_RETURN_IF_ERROR(partition->Snapshot());
  }
  progress.Finish();
  if (context.json) {
    context.out << SummaryJson(*compiled, summary, labels.has_value()).dump() << '\n';
  } else {
    PrintSummary(summary, labels.has_value(), context);
  }
  return 0;
}

}  // namespace

void AddReplayCommands(Cli& cli) {
  auto arguments = std::make_shared<ReplayArguments>();
  CLI::App* command =
      cli.Command(cli.root(), "replay", cli.Text("Decide the events of a file as a stream"),
                  [arguments](Context& context) { return Replay(*arguments, context); });
  command->add_option("DIR", arguments->dir, cli.Text("Folder of the pack"))->required();
  AddFileInput(cli, *command, arguments->files);
  command->add_option("--labels", arguments->labels, cli.Text("File of what is known to be bad"))
      ->type_name("FILE");
  command
      ->add_option("--log", arguments->log,
                   cli.Text("Folder of the log to decide into (default: in memory)"))
      ->type_name("DIR");
  command->add_flag("--no-sync", arguments->no_sync,
                    cli.Text("Do not sync the log: for measuring only"));
}

}  // namespace fuqi::node
