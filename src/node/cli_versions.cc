// fuqi pack propose, approve, withdraw, rollback, status: the versions of a pack on a running node.

#include <chrono>
#include <ostream>
#include <thread>

#include "base/messages.h"
#include "base/time.h"
#include "decide/pack.h"
#include "node/api_client.h"
#include "node/cli.h"
#include "node/print.h"
#include "node/version_json.h"

namespace fuqi::node {
namespace {

struct VersionOptions {
  ApiAccess access;
  std::string dir;
  std::string pack;
  std::string hash;
  std::string reason;
  std::string expires;
  bool wait = false;
  bool shadow = false;
};

constexpr size_t kHashDigitsMin = 8;

std::string VersionsPath(const std::string& pack) { return "/v1/packs/" + pack + "/versions"; }

// A word of the API in the user's language.
std::string_view StateIn(std::string_view state, Language language) {
  static constexpr std::array<std::string_view, 6> kStates = {
      UserText("proposed"),  UserText("approved"), UserText("published"),
      UserText("withdrawn"), UserText("failed"),   UserText("expired")};
  for (std::string_view known : kStates) {
    if (known == state) {
      return Translate(known, language);
    }
  }
  return state;
}

void PrintStep(const OrderedJson& proposal, const char* member, Context& context) {
  const auto step = proposal.find(member);
  if (step == proposal.end()) {
    return;
  }
  const std::string reason = (*step)["reason"];
  context.out << fmt::format("  {} {} {}{}\n", StateIn(member, context.language),
                             (*step)["at"].get<std::string>(), (*step)["by"].get<std::string>(),
                             reason.empty() ? "" : " · " + reason);
}

void PrintChanges(const OrderedJson& changes, Context& context) {
  static constexpr std::array<std::string_view, 14> kParts = {
      UserText("rule"),    UserText("feature"),   UserText("decision_table"), UserText("score"),
      UserText("window"),  UserText("graph"),     UserText("anomaly"),        UserText("column"),
      UserText("list"),    UserText("reference"), UserText("standing"),       UserText("outbox"),
      UserText("setting"), UserText("file")};
  for (const OrderedJson& change : changes) {
    const std::string part = change["part"];
    const auto known = std::ranges::find(kParts, part);
    context.out << fmt::format(
        "{} {} {}\n",
        !change.contains("before")  ? "+"
        : !change.contains("after") ? "-"
                                    : "~",
        known == kParts.end() ? std::string_view(part) : Translate(*known, context.language),
        change["name"].get<std::string>());
    if (part == "file") {
      continue;  // its hashes tell a person nothing
    }
    for (const auto& [member, sign] : {std::pair("before", '-'), std::pair("after", '+')}) {
      if (const std::string text = change.value(member, ""); !text.empty()) {
        context.out << fmt::format("    {} {}\n", sign, text);
      }
    }
  }
}

void PrintStatus(const OrderedJson& status, Context& context) {
  const Language language = context.language;
  context.out << Say(language, "{}: version {} decides since record {}",
                     status["pack"].get<std::string>(), status["hash"].get<std::string>(),
                     status["record"].get<uint64_t>())
              << '\n';
  const auto proposal = status.find("proposal");
  if (proposal == status.end()) {
    return;
  }
  context.out << Say(language, "newest proposal: version {}, {}",
                     (*proposal)["hash"].get<std::string>(),
                     StateIn((*proposal)["state"].get<std::string>(), language))
              << '\n';
  for (const char* member : {"proposed", "approved", "withdrawn", "failed"}) {
    PrintStep(*proposal, member, context);
  }
  const std::string state = (*proposal)["state"];
  if (state == "proposed") {
    context.out << Say(language, "  to be approved by another person until {}",
                       (*proposal)["expires"].get<std::string>())
                << '\n';
  }
  if (const auto failed = proposal->find("shadow_error"); failed != proposal->end()) {
    context.out << Say(language, "  it cannot watch: {}", failed->get<std::string>()) << '\n';
  }
  if (const auto backfill = proposal->find("backfill"); backfill != proposal->end()) {
    context.out << Say(language, "  built from history: {} of {} events",
                       (*backfill)["events"].get<uint64_t>(), (*backfill)["of"].get<uint64_t>())
                << '\n';
  }
}

// What a version that watches decides otherwise.
void PrintShadow(const OrderedJson& shadow, Context& context) {
  const Language language = context.language;
  context.out << '\n'
              << Say(language,
                     "watching: {} events decided by both, {} of them otherwise; {} failed",
                     shadow["events"].get<uint64_t>(), shadow["different"].get<uint64_t>(),
                     shadow["failed"].get<uint64_t>())
              << '\n';
  std::vector<std::vector<std::string>> rows;
  for (const OrderedJson& pair : shadow["actions"]) {
    rows.push_back({pair["decided"], pair["shadow"], pair["events"].dump()});
  }
  PrintTable({std::string(Tr("decided", language)), std::string(Tr("shadow", language)),
              std::string(Tr("events", language))},
             rows, context.out);
  rows.clear();
  for (const OrderedJson& rule : shadow["rules"]) {
    rows.push_back({rule["rule"], rule["decided"].dump(), rule["shadow"].dump()});
  }
  PrintTable({std::string(Tr("rule", language)), std::string(Tr("decided", language)),
              std::string(Tr("shadow", language))},
             rows, context.out);
  rows.clear();
  constexpr size_t kShown = 10;
  const OrderedJson& newest = shadow["newest"];
  for (size_t i = newest.size() - std::min(newest.size(), kShown); i < newest.size(); ++i) {
    rows.push_back({newest[i]["decision_id"], newest[i]["decided"], newest[i]["shadow"]});
  }
  PrintTable({std::string(Tr("decision", language)), std::string(Tr("decided", language)),
              std::string(Tr("shadow", language))},
             rows, context.out);
}

Result<int> Tell(const OrderedJson& answer, Context& context) {
  if (context.json) {
    context.out << answer.dump() << '\n';
    return 0;
  }
  PrintStatus(answer, context);
  if (const auto changes = answer.find("changes"); changes != answer.end()) {
    PrintChanges(*changes, context);
  }
  if (const auto shadow = answer.find("shadow"); shadow != answer.end()) {
    PrintShadow(*shadow, context);
  }
  return 0;
}

// The hash that begins with what the user wrote, of the newest proposal or of the versions.
Result<std::string> FullHash(const OrderedJson& status, const std::string& digits,
                             bool of_proposal) {
  if (digits.size() < kHashDigitsMin) {
    return Err(ErrorCode::kUsage, "write at least {} digits of the hash", kHashDigitsMin);
  }
  std::vector<std::string> hashes;
  if (const auto proposal = status.find("proposal"); of_proposal && proposal != status.end()) {
    hashes.push_back((*proposal)["hash"]);
  }
  for (const OrderedJson& version : of_proposal ? OrderedJson() : status["versions"]) {
    hashes.push_back(version["hash"]);
  }
  std::string found;
  for (const std::string& hash : hashes) {
    if (hash.starts_with(digits) && hash != found) {
      if (!found.empty()) {
        return Err(ErrorCode::kUsage, "several versions begin with {}", digits);
      }
      found = hash;
    }
  }
  if (found.empty()) {
    return of_proposal
               ? Err(ErrorCode::kNotFound, "the newest proposal is not of version {}", digits)
               : Err(ErrorCode::kNotFound, "the log has no version {}", digits);
  }
  return found;
}

OrderedJson WithReason(const VersionOptions& options) {
  OrderedJson body = OrderedJson::object();
  if (!options.reason.empty()) {
    body["reason"] = options.reason;
  }
  if (!options.expires.empty()) {
    body["expires_in"] = options.expires;
  }
  if (options.shadow) {
    body["shadow"] = true;
  }
  return body;
}

Result<int> Propose(const VersionOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, decide::LoadPack(SystemDisk(), options.dir));
  FUQI_ASSIGN_OR_RETURN(ApiClient client, ApiClient::Open(options.access, context.language));
  OrderedJson body = WithReason(options);
  body["files"] = OrderedJson::object();
  for (const auto& [path, content] : pack.files) {
    body["files"][path] = content;
  }
  FUQI_ASSIGN_OR_RETURN(OrderedJson answer, client.Post(VersionsPath(pack.name), body, IsLifeJson));
  return Tell(answer, context);
}

Result<int> RollBack(const VersionOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(ApiClient client, ApiClient::Open(options.access, context.language));
  FUQI_ASSIGN_OR_RETURN(OrderedJson status, client.Get(VersionsPath(options.pack), IsLifeJson));
  OrderedJson body = WithReason(options);
  FUQI_ASSIGN_OR_RETURN(body["hash"], FullHash(status, options.hash, false));
  FUQI_ASSIGN_OR_RETURN(OrderedJson answer,
                        client.Post(VersionsPath(options.pack), body, IsLifeJson));
  return Tell(answer, context);
}

// Of the newest proposal; empty where there is none.
std::string StateOf(const OrderedJson& status) {
  const auto proposal = status.find("proposal");
  return proposal == status.end() ? "" : (*proposal)["state"].get<std::string>();
}

// Until what was approved decides, or will not.
Result<OrderedJson> Wait(const ApiClient& client, const VersionOptions& options, OrderedJson status,
                         Context& context) {
  Progress progress(context, Tr("events of history folded", context.language));
  while (StateOf(status) == "approved") {
    if (const auto backfill = status["proposal"].find("backfill");
        backfill != status["proposal"].end()) {
      progress.Update((*backfill)["events"], (*backfill)["of"]);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    FUQI_ASSIGN_OR_RETURN(status, client.Get(VersionsPath(options.pack), IsLifeJson));
  }
  return status;
}

Result<int> MakeStep(const VersionOptions& options, const std::string& step, Context& context) {
  FUQI_ASSIGN_OR_RETURN(ApiClient client, ApiClient::Open(options.access, context.language));
  FUQI_ASSIGN_OR_RETURN(OrderedJson status, client.Get(VersionsPath(options.pack), IsLifeJson));
  FUQI_ASSIGN_OR_RETURN(std::string hash, FullHash(status, options.hash, true));
  FUQI_ASSIGN_OR_RETURN(status, client.Post(VersionsPath(options.pack) + "/" + hash + "/" + step,
                                            WithReason(options), IsLifeJson));
  if (options.wait) {
    FUQI_ASSIGN_OR_RETURN(status, Wait(client, options, std::move(status), context));
  }
  FUQI_RETURN_IF_ERROR(Tell(status, context));
  return options.wait && StateOf(status) != "published" ? 1 : 0;
}

Result<int> Status(const VersionOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(ApiClient client, ApiClient::Open(options.access, context.language));
  FUQI_ASSIGN_OR_RETURN(OrderedJson status, client.Get(VersionsPath(options.pack), IsLifeJson));
  const std::string state = StateOf(status);
  if (state == "proposed" || state == "approved") {
    const std::string hash = status["proposal"]["hash"];
    FUQI_ASSIGN_OR_RETURN(OrderedJson version,
                          client.Get(VersionsPath(options.pack) + "/" + hash, IsVersionJson));
    status.update(version);
  }
  return Tell(status, context);
}

}  // namespace

void AddVersionCommands(Cli& cli, CLI::App* group) {
  auto options = std::make_shared<VersionOptions>();
  auto command = [&](const std::string& name, const std::string& help, auto run) {
    CLI::App* added = cli.Command(
        group, name, help, [options, run](Context& context) { return run(*options, context); });
    added->add_option("--to", options->access.url, cli.Text("The node, as https://HOST:PORT"))
        ->required()
        ->type_name("URL");
    added->add_option("--key-file", options->access.key_file, cli.Text("File of your API key"))
        ->required()
        ->type_name("FILE");
    added
        ->add_option("--ca", options->access.authority,
                     cli.Text("Certificate of who vouches for the node (default: the machine's)"))
        ->type_name("FILE");
    return added;
  };
  auto reason = [&](CLI::App* added) {
    added->add_option("--reason", options->reason, cli.Text("Why, for the evidence"))
        ->type_name("TEXT");
    return added;
  };
  auto version = [&](CLI::App* added) {
    added->add_option("PACK", options->pack, cli.Text("Name of the pack"))->required();
    added->add_option("HASH", options->hash, cli.Text("First digits of the version's hash"))
        ->required();
    return reason(added);
  };
  auto proposes = [&](CLI::App* added) {
    added
        ->add_option("--expires", options->expires,
                     cli.Text("How long it can be approved (default: 7 days)"))
        ->type_name("TIME");
    added->add_flag("--shadow", options->shadow,
                    cli.Text("Until it is approved it decides every event without effect"));
  };
  CLI::App* propose = reason(command(
      "propose", cli.Text("Propose a version to a running node, for another to approve"), Propose));
  propose->add_option("DIR", options->dir, cli.Text("Folder of the pack"))->required();
  proposes(propose);
  proposes(version(
      command("rollback", cli.Text("Propose a version that decided before, for another to approve"),
              RollBack)));
  version(command("approve", cli.Text("Approve the version that another person proposed"),
                  [](const VersionOptions& given, Context& context) {
                    return MakeStep(given, "approval", context);
                  }))
      ->add_flag("--wait", options->wait, cli.Text("Wait until it decides"));
  version(command("withdraw", cli.Text("Withdraw a proposal, approved or not"),
                  [](const VersionOptions& given, Context& context) {
                    return MakeStep(given, "withdrawal", context);
                  }));
  command("status", cli.Text("What decides, what is proposed and what it would change"), Status)
      ->add_option("PACK", options->pack, cli.Text("Name of the pack"))
      ->required();
}

}  // namespace fuqi::node
