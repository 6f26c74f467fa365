// fuqi pack.

#include "node/cli.h"

namespace fuqi::node {

void AddPackCommands(Cli&) {}
void AddReplayCommands(Cli&) {}
void AddEvidenceCommands(Cli&) {}

}  // namespace fuqi::node
