// fuqi outbox: what a log that no node holds owes to systems outside, and changes of it.

#include <ostream>

#include "base/messages.h"
#include "decide/partition.h"
#include "govern/local_owner.h"
#include "node/cli.h"
#include "node/log_partition.h"
#include "node/outbox_json.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

struct OutboxArguments {
  std::string log;
  std::string topic;
  std::string decision;
  std::string reason;
  bool dead = false;
};

Result<int> List(const OutboxArguments& arguments, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  const std::string& pack = partition->core().pack().pack().name;
  const decide::OutboxState& outbox = partition->core().committed().outbox();
  OrderedJson json = {{"pack", pack}, {"messages", OrderedJson::array()}};
  std::vector<std::vector<std::string>> rows;
  for (const std::string& topic : outbox.topics()) {
    if (!arguments.topic.empty() && arguments.topic != topic) {
      continue;
    }
    for (const bool dead : {false, true}) {
      if (arguments.dead && !dead) {
        continue;
      }
      for (const auto& item : outbox.Page(topic, dead, 0, SIZE_MAX)) {
        json["messages"].push_back(OutboxJson(pack, topic, item));
        rows.push_back({topic, decide::DecisionId(pack, item.decision_seq),
                        std::string(decide::ActionName(item.action)),
                        dead ? std::to_string(item.attempts) : "", item.why});
      }
    }
  }
  if (context.json) {
    context.out << json.dump() << '\n';
    return 0;
  }
  const Language language = context.language;
  PrintTable({std::string(Tr("topic", language)), std::string(Tr("decision", language)),
              std::string(Tr("action", language)), std::string(Tr("attempts", language)),
              std::string(Tr("given up for", language))},
             rows, context.out);
  context.out << Say(language, "{} messages are owed or were given up", rows.size()) << '\n';
  return 0;
}

Result<int> Make(const OutboxArguments& arguments, decide::OutboxChange::Op op, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto partition, OpenPartitionOf(arguments.log));
  decide::OutboxChange change;
  change.head = {govern::CurrentUser(), SystemClock().NowUs(), ""};
  change.topic = arguments.topic;
  change.op = op;
  change.why = arguments.reason;
  if (!arguments.decision.empty()) {
    FUQI_ASSIGN_OR_RETURN(change.decision_seq,
                          DecisionOf(*partition, arguments.log, arguments.decision));
  }
  FUQI_ASSIGN_OR_RETURN(decide::Applied applied, partition->Apply(change));
  FUQI_RETURN_IF_ERROR(partition->Commit(partition->TakeBatch()));
  if (context.json) {
    context.out << OrderedJson{{"record", applied.seq}}.dump() << '\n';
  } else {
    context.out << Say(context.language, "made by record {}", applied.seq) << '\n';
  }
  FUQI_RETURN_IF_ERROR(partition->Close());
  return 0;
}

Result<int> Retry(const OutboxArguments& arguments, Context& context) {
  return Make(arguments, decide::OutboxChange::Op::kRetry, context);
}

Result<int> Drop(const OutboxArguments& arguments, Context& context) {
  return Make(arguments, decide::OutboxChange::Op::kDrop, context);
}

}  // namespace

void AddOutboxCommands(Cli& cli) {
  auto arguments = std::make_shared<OutboxArguments>();
  CLI::App* group = cli.Group(
      "outbox",
      cli.Text("What a log that no node holds owes to systems outside: list, retry, drop"));
  auto command = [&](const std::string& name, const std::string& help,
                     Result<int> (*run)(const OutboxArguments&, Context&)) {
    CLI::App* added = cli.Command(
        group, name, help, [arguments, run](Context& context) { return run(*arguments, context); });
    AddLogOption(cli, *added, arguments->log);
    return added;
  };
  CLI::App* list = command("list", cli.Text("Print what is owed and what was given up"), List);
  list->add_option("--topic", arguments->topic, cli.Text("Only this topic"))->type_name("TOPIC");
  list->add_flag("--dead", arguments->dead, cli.Text("Only what was given up"));
  CLI::App* retry = command("retry", cli.Text("Owe again what was given up"), Retry);
  CLI::App* drop = command("drop", cli.Text("Owe it no more"), Drop);
  for (CLI::App* each : {retry, drop}) {
    each->add_option("TOPIC", arguments->topic, cli.Text("Topic of the outbox"))->required();
    each->add_option("DECISION", arguments->decision,
                     cli.Text("Id of the decision (default: all that were given up)"));
    each->add_option("--reason", arguments->reason, cli.Text("Why"))->required()->type_name("TEXT");
  }
}

}  // namespace fuqi::node
