// The `fuqi` command.

#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/fault.h"
#include "node/cli.h"

int main(int argc, char** argv) {
  // A peer or pipe that goes away, and a file that may not grow, is an error of one write, never
  // the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::ios::sync_with_stdio(false);
  if (fuqi::Result<void> armed = fuqi::ArmFaultsFromEnvironment(); !armed) {
    std::cerr << "fuqi: " << armed.error().ToString() << '\n';
    return armed.error().exit_code();
  }
  fuqi::node::Context context{std::cin, std::cout, std::cerr};
  context.terminal = isatty(STDERR_FILENO) == 1;
  return fuqi::node::RunCli({argv + 1, argv + argc}, context);
}
