#pragma once

// Where commands over history take events from: a raw file through a pack's source, or a log.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decide/feed.h"
#include "node/cli.h"
#include "node/owner_query.h"

namespace fuqi::node {

// Raw files and what maps them: --source and --input, as often as there are files.
struct FileInput {
  std::vector<std::string> sources;
  std::vector<std::string> inputs;
};
// Both required.
void AddFileInput(Cli& cli, CLI::App& command, FileInput& files);
// The n-th --input is read by the n-th --source. kUsage: not as many of one as of the other.
Result<std::vector<decide::SourceFile>> SourceFiles(const FileInput& files);

struct EventInput {
  FileInput files;
  std::string labels;
  std::string log;
};

// --source, --input, --labels and --log.
void AddEventInput(Cli& cli, CLI::App& command, EventInput& input);
// kUsage unless the options name files with their sources or one log, and labels a source.
Result<void> CheckEventInput(const EventInput& input);

// A pack version: a folder, or the first digits of the hash of a version that the log in `log` had.
// kNotFound: neither; kConflict: several versions begin so.
Result<std::shared_ptr<const decide::CompiledPack>> FindVersion(const std::string& name,
                                                                const std::string& log,
                                                                table::Binder& binder);

// The labels in this file, if any: of the first of the sources that has labels.
Result<std::optional<decide::Labels>> ReadLabels(const std::string& labels,
                                                 const std::vector<std::string>& sources,
                                                 OwnerEngine& owner,
                                                 const decide::CompiledPack& pack,
                                                 table::Binder& binder);
// Every event of the input, as `pack`'s table has them, and what changed committed state between
// them; shows how many are done. CheckEventInput has passed.
Result<void> Feed(Context& context, const EventInput& input, OwnerEngine& owner,
                  const decide::CompiledPack& pack, table::Binder& binder,
                  const decide::TakeEvent& take, const decide::TakeChange& change);

}  // namespace fuqi::node
