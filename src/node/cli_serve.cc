// fuqi serve, fuqi key.

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <ostream>

#include "base/log.h"
#include "base/messages.h"
#include "node/cli.h"
#include "node/json_text.h"
#include "node/keys.h"
#include "node/serve.h"

namespace fuqi::node {
namespace {

// SECURITY: a core dump would hold keys and customers' data. Test:
// ServeKill.EndsInOrderOnSigtermAndLeavesNoCoreDump.
void ForbidCoreDumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

struct ServeOptions {
  std::string config;
  bool check = false;
};

Result<int> Serve(const ServeOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(ServeConfig config, LoadServeConfig(SystemDisk(), options.config));
  if (options.check) {
    FUQI_RETURN_IF_ERROR(CheckServeConfig(config, SystemDisk()));
    context.out << (context.json ? std::string(R"({"ok":true})")
                                 : std::string(Tr("the configuration is usable", context.language)))
                << '\n';
    return 0;
  }
  ForbidCoreDumps();
  // Blocked before any thread exists, so that the signals come to this one alone.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
                        Server::Start(config, SystemDisk(), SystemClock()));
  context.out << (context.json ? fmt::format(R"({{"url":"{}"}})", server->url()) : server->url())
              << '\n'
              << std::flush;  // whoever waits for it reads a pipe

  int signal = 0;
  sigwait(&ends, &signal);
  LogInfo("node", "stopping; another signal ends it at once", {{"signal", signal}});
  pthread_sigmask(SIG_UNBLOCK, &ends, nullptr);
  FUQI_RETURN_IF_ERROR(server->Stop());
  LogInfo("node", "stopped");
  return 0;
}

Result<int> PrintNewKey(const std::string& name, const std::vector<std::string>& roles,
                        Context& context) {
  FUQI_ASSIGN_OR_RETURN(NewKey made, MakeKey(name, roles));
  if (context.json) {
    context.out << fmt::format(R"({{"key":{},"line":{}}})", JsonString(made.key),
                               JsonString(made.line))
                << '\n';
    return 0;
  }
  context.out << Tr("key, for the caller; it is not stored and cannot be had again:",
                    context.language)
              << "\n  " << made.key << '\n'
              << Tr("line for the server's key file:", context.language) << "\n  " << made.line
              << '\n';
  return 0;
}

}  // namespace

void AddServeCommands(Cli& cli) {
  auto serve = std::make_shared<ServeOptions>();
  CLI::App* command =
      cli.Command(cli.root(), "serve", cli.Text("Answer over HTTPS: decide events, durably"),
                  [serve](Context& context) { return Serve(*serve, context); });
  command->add_option("--config", serve->config, cli.Text("Configuration file (TOML)"))
      ->required()
      ->type_name("FILE");
  command->add_flag("--check-config", serve->check,
                    cli.Text("Check the configuration, certificate, keys and packs, and end"));

  auto name = std::make_shared<std::string>();
  auto roles = std::make_shared<std::vector<std::string>>();
  CLI::App* key = cli.Group("key", cli.Text("API keys of the server"));
  CLI::App* make =
      cli.Command(key, "new", cli.Text("Make a key for a caller"),
                  [name, roles](Context& context) { return PrintNewKey(*name, *roles, context); });
  make->add_option("NAME", *name, cli.Text("Name of the caller"))->required();
  make->add_option("--role", *roles,
                   cli.Text("What it may do beside asking (default: decide and list)"))
      ->type_name("decide|list|standing|propose|approve");
}

}  // namespace fuqi::node
