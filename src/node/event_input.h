#pragma once

// Where commands over history take events from: a raw file through a pack's source, or a log.

#include <memory>
#include <optional>
#include <string>

#include "decide/feed.h"
#include "node/cli.h"
#include "node/owner_query.h"

namespace fuqi::node {

struct EventInput {
  std::string source;
  std::string input;
  std::string labels;
  std::string log;
};

// --source, --input, --labels and --log.
void AddEventInput(Cli& cli, CLI::App& command, EventInput& input);
// kUsage unless the options name one file or one log, and labels a source.
Result<void> CheckEventInput(const EventInput& input);

// A pack version: a folder, or the first digits of the hash of a version that the log in `log` had.
// kNotFound: neither; kConflict: several versions begin so.
Result<std::shared_ptr<const decide::CompiledPack>> FindVersion(const std::string& name,
                                                                const std::string& log,
                                                                table::Binder& binder);

// The labels that the input names, if any.
Result<std::optional<decide::Labels>> ReadLabels(const EventInput& input, OwnerEngine& owner,
                                                 const decide::CompiledPack& pack,
                                                 table::Binder& binder);
// Every event of the input, as `pack`'s table has them, and what changed committed state between
// them. CheckEventInput has passed.
Result<void> Feed(const EventInput& input, OwnerEngine& owner, const decide::CompiledPack& pack,
                  table::Binder& binder, const decide::TakeEvent& take,
                  const decide::TakeChange& change);

}  // namespace fuqi::node
