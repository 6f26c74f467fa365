// fuqi standing: what stands in a log that no node holds, and changes of it.

#include <ostream>

#include "base/messages.h"
#include "base/time.h"
#include "decide/partition.h"
#include "govern/local_owner.h"
#include "node/cli.h"
#include "node/log_partition.h"
#include "node/print.h"
#include "node/standing_json.h"

namespace fuqi::node {
namespace {

using decide::StandingChange;

struct StandingArguments {
  std::string log;
  std::string kind;
  std::string subject;
  StandingTexts set;
  uint64_t record = 0;
  std::string decision;
  std::string reason;
  std::string id;
};

Result<int> Show(const StandingArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  const decide::Pack& pack = partition->core().pack().pack();
  const decide::Committed& committed = partition->core().committed();
  if (!arguments.kind.empty() && committed.FindStanding(arguments.kind) == nullptr) {
    return Err(ErrorCode::kNotFound, "the pack has no standing kind '{}'", arguments.kind);
  }
  OrderedJson json = {{"pack", pack.name}, {"standing", OrderedJson::array()}};
  for (const decide::StandingState& state : committed.standing()) {
    if (!arguments.kind.empty() && state.kind().name != arguments.kind) {
      continue;
    }
    for (const auto& [subject, entries] : state.Page("", state.size())) {
      if (arguments.subject.empty() || arguments.subject == subject) {
        for (const auto& entry : entries) {
          json["standing"].push_back(StandingJson(pack, state.kind(), subject, entry));
        }
      }
    }
  }
  if (context.json) {
    context.out << json.dump() << '\n';
    return 0;
  }
  const Language language = context.language;
  std::vector<std::vector<std::string>> rows;
  for (const OrderedJson& one : json["standing"]) {
    auto text = [&](const char* name) {
      const auto found = one.find(name);
      return found == one.end() ? std::string() : found->get<std::string>();
    };
    std::string limit = text("above");
    if (one.contains("allow")) {
      // What is used up last: events fall into it.
      const bool used = !one["used"].empty();
      limit = Say(language, "remains {} of {}",
                  used ? one["used"].back()["remains"].get<std::string>() : text("allow"),
                  text("allow"));
      limit += one.contains("per") ? " / " + text("per") : "";
    }
    rows.push_back({text("kind"), text("subject"), text("action"), limit, text("until"),
                    std::to_string(one["record"].get<uint64_t>()),
                    text(one.contains("decision_id") ? "decision_id" : "by"),
                    one["reason"][language == Language::kChinese ? "zh" : "en"]});
  }
  PrintTable({std::string(Tr("kind", language)), std::string(Tr("subject", language)),
              std::string(Tr("action", language)), std::string(Tr("above", language)),
              std::string(Tr("until", language)), std::string(Tr("record", language)),
              std::string(Tr("set by", language)), std::string(Tr("reason", language))},
             rows, context.out);
  context.out << Say(language, "{} actions stand", rows.size()) << '\n';
  return 0;
}

Result<int> Make(const StandingArguments& arguments, StandingChange change, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  change.head = {govern::CurrentUser(), SystemClock().NowUs(), arguments.id};
  change.reason = {arguments.reason, arguments.reason};
  if (change.op == StandingChange::Op::kUndo) {
    FUQI_ASSIGN_OR_RETURN(change.decision_seq,
                          DecisionOf(*partition, arguments.log, arguments.decision));
  }
  FUQI_ASSIGN_OR_RETURN(decide::Applied applied, partition->Apply(change));
  FUQI_RETURN_IF_ERROR(partition->Commit(partition->TakeBatch()));
  if (context.json) {
    context.out << OrderedJson{{"record", applied.seq}, {"repeated", applied.repeated}}.dump()
                << '\n';
  } else {
    const Language language = context.language;
    context.out << (applied.repeated ? Say(language, "made before, by record {}", applied.seq)
                                     : Say(language, "made by record {}", applied.seq))
                << '\n';
  }
  FUQI_RETURN_IF_ERROR(partition->Close());
  return 0;
}

Result<int> Set(const StandingArguments& arguments, Context& context) {
  StandingChange change;
  change.kind = arguments.kind;
  change.subject = arguments.subject;
  FUQI_RETURN_IF_ERROR(ReadStanding(arguments.set, change));
  return Make(arguments, std::move(change), context);
}

Result<int> Release(const StandingArguments& arguments, Context& context) {
  StandingChange change;
  change.op = StandingChange::Op::kRelease;
  change.kind = arguments.kind;
  change.subject = arguments.subject;
  change.record = arguments.record;
  return Make(arguments, std::move(change), context);
}

Result<int> Undo(const StandingArguments& arguments, Context& context) {
  StandingChange change;
  change.op = StandingChange::Op::kUndo;
  return Make(arguments, std::move(change), context);
}

}  // namespace

void AddStandingCommands(Cli& cli) {
  auto arguments = std::make_shared<StandingArguments>();
  CLI::App* group = cli.Group(
      "standing", cli.Text("Standing actions of a log that no node holds: look, set, release"));
  auto command = [&](const std::string& name, const std::string& help,
                     Result<int> (*run)(const StandingArguments&, Context&)) {
    CLI::App* added = cli.Command(
        group, name, help, [arguments, run](Context& context) { return run(*arguments, context); });
    AddLogOption(cli, *added, arguments->log);
    return added;
  };
  CLI::App* show = command("show", cli.Text("Print what stands"), Show);
  show->add_option("--kind", arguments->kind, cli.Text("Only this kind"))->type_name("KIND");
  show->add_option("--subject", arguments->subject, cli.Text("Only this account, card or person"))
      ->type_name("TEXT");
  CLI::App* set = command("set", cli.Text("Lay an action on a subject for later events"), Set);
  CLI::App* release = command("release", cli.Text("Take away what stands for a subject"), Release);
  for (CLI::App* each : {set, release}) {
    each->add_option("KIND", arguments->kind, cli.Text("Kind of the subject in its pack"))
        ->required();
    each->add_option("SUBJECT", arguments->subject, cli.Text("The account, card or person"))
        ->required();
  }
  set->add_option("ACTION", arguments->set.action,
                  cli.Text("review, step_up, limit, hold, block or freeze"))
      ->required();
  set->add_option("--above", arguments->set.above, cli.Text("Bind only amounts above this one"))
      ->type_name("AMOUNT");
  set->add_option("--allow", arguments->set.allow,
                  cli.Text("Bind what goes beyond this sum of what was approved"))
      ->type_name("AMOUNT");
  set->add_option("--per", arguments->set.per,
                  cli.Text("Length of the periods of --allow (default: all time is one)"))
      ->type_name("TIME");
  set->add_option("--from", arguments->set.from,
                  cli.Text("When one of these periods begins (default: 1970-01-01T00:00:00Z)"))
      ->type_name("TIME");
  set->add_option("--until", arguments->set.until,
                  cli.Text("When it ends, in the events' time (default: when it is released)"))
      ->type_name("TIME");
  release->add_option("--record", arguments->record, cli.Text("Only what this record set"))
      ->type_name("NUMBER");
  CLI::App* undo = command("undo", cli.Text("Take away all that one decision set"), Undo);
  undo->add_option("DECISION", arguments->decision, cli.Text("Id of the decision"))->required();
  for (CLI::App* each : {set, release, undo}) {
    each->add_option("--reason", arguments->reason, cli.Text("Why"))->required()->type_name("TEXT");
    each->add_option("--id", arguments->id,
                     cli.Text("Name of this change: made once, however often it is sent"))
        ->type_name("TEXT");
  }
}

}  // namespace fuqi::node
