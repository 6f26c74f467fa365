#include "node/event_input.h"

#include <algorithm>
#include <filesystem>

namespace fuqi::node {
namespace {

// As many digits as a person copies; fewer name too much.
constexpr size_t kHashDigitsMin = 8;

bool IsHashBeginning(const std::string& name) {
  return name.size() >= kHashDigitsMin && name.size() <= 2 * sizeof(Digest) &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

void AddEventInput(Cli& cli, CLI::App& command, EventInput& input) {
  command
      .add_option("--source", input.source,
                  cli.Text("Name of the pack's source that maps the file, and of its labels"))
      ->type_name("NAME");
  command.add_option("--input", input.input, cli.Text("The raw file"))->type_name("FILE");
  command.add_option("--labels", input.labels, cli.Text("File of what is known to be bad"))
      ->type_name("FILE");
  command
      .add_option("--log", input.log,
                  cli.Text("Folder of a log whose events are taken in place of a file's"))
      ->type_name("DIR");
}

Result<void> CheckEventInput(const EventInput& input) {
  if (input.input.empty() && input.log.empty()) {
    return Err(ErrorCode::kUsage, "events come from --source and --input, or from --log");
  }
  if (!input.input.empty() && input.source.empty()) {
    return Err(ErrorCode::kUsage, "--input needs --source, which says how the file is read");
  }
  if (!input.labels.empty() && input.source.empty()) {
    return Err(ErrorCode::kUsage, "--labels needs --source, which says how the labels are read");
  }
  return {};
}

Result<std::shared_ptr<const decide::CompiledPack>> FindVersion(const std::string& name,
                                                                const std::string& log,
                                                                table::Binder& binder) {
  std::error_code error;
  if (std::filesystem::is_directory(name, error) || !IsHashBeginning(name)) {
    return CompilePackIn(name, binder);
  }
  if (log.empty()) {
    return Err(ErrorCode::kUsage, "there is no folder '{}'; a version by its hash needs --log",
               name);
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::LoggedVersion> versions,
                        decide::VersionsInLog(SystemDisk(), log));
  std::string known;
  const decide::PublishRecord* found = nullptr;
  for (const decide::LoggedVersion& version : versions) {
    const std::string hash = ToHex(version.publish.hash);
    known += (known.empty() ? "" : ", ") + hash.substr(0, 2 * kHashDigitsMin);
    if (!hash.starts_with(name)) {
      continue;
    }
    if (found != nullptr && found->hash != version.publish.hash) {
      return Err(ErrorCode::kConflict, "several versions of the log begin with '{}'", name);
    }
    found = &version.publish;
  }
  if (found == nullptr) {
    return Err(ErrorCode::kNotFound, "the log in {} has no version '{}'; there are: {}", log, name,
               known);
  }
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, decide::ParsePack(found->files));
  return decide::CompiledPack::Compile(std::move(pack), binder);
}

Result<std::optional<decide::Labels>> ReadLabels(const EventInput& input, OwnerEngine& owner,
                                                 const decide::CompiledPack& pack,
                                                 table::Binder& binder) {
  if (input.labels.empty()) {
    return std::optional<decide::Labels>();
  }
  FUQI_ASSIGN_OR_RETURN(decide::Labels labels,
                        decide::ReadLabels(owner.Access(binder), pack, input.source, input.labels));
  return std::optional<decide::Labels>(std::move(labels));
}

Result<void> Feed(const EventInput& input, OwnerEngine& owner, const decide::CompiledPack& pack,
                  table::Binder& binder, const decide::TakeEvent& take,
                  const decide::TakeChange& change) {
  if (input.input.empty()) {
    return decide::FeedLog(SystemDisk(), input.log, pack, take, change);
  }
  const decide::DataAccess access = owner.Access(binder);
  FUQI_ASSIGN_OR_RETURN(decide::SourcePlan plan,
                        decide::OpenSource(access, pack, input.source, input.input));
  FUQI_ASSIGN_OR_RETURN(decide::SourceReader reader,
                        decide::SourceReader::Open(access, pack, plan));
  FUQI_RETURN_IF_ERROR(decide::FeedSource(reader, pack, take));
  return {};
}

}  // namespace fuqi::node
