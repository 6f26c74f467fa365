#include "node/event_input.h"

#include <algorithm>
#include <filesystem>

#include "base/messages.h"

namespace fuqi::node {
namespace {

// As many digits as a person copies; fewer name too much.
constexpr size_t kHashDigitsMin = 8;

bool IsHashBeginning(const std::string& name) {
  return name.size() >= kHashDigitsMin && name.size() <= 2 * sizeof(Digest) &&
         name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void AddFiles(Cli& cli, CLI::App& command, FileInput& files, bool required) {
  command
      .add_option("--source", files.sources,
                  cli.Text("Name of the pack's source that maps the file; may be repeated, each "
                           "with its --input: the events come by time"))
      ->allow_extra_args(false)
      ->required(required)
      ->type_name("NAME");
  command.add_option("--input", files.inputs, cli.Text("The raw file"))
      ->allow_extra_args(false)
      ->required(required)
      ->type_name("FILE");
}

}  // namespace

void AddFileInput(Cli& cli, CLI::App& command, FileInput& files) {
  AddFiles(cli, command, files, true);
}

Result<std::vector<decide::SourceFile>> SourceFiles(const FileInput& files) {
  if (files.sources.size() != files.inputs.size()) {
    return Err(ErrorCode::kUsage,
               "{} times --source and {} times --input: each file is read by a source of its own",
               files.sources.size(), files.inputs.size());
  }
  std::vector<decide::SourceFile> pairs;
  pairs.reserve(files.inputs.size());
  for (size_t i = 0; i < files.inputs.size(); ++i) {
    pairs.push_back({files.sources[i], files.inputs[i]});
  }
  return pairs;
}

void AddEventInput(Cli& cli, CLI::App& command, EventInput& input) {
  AddFiles(cli, command, input.files, false);
  command.add_option("--labels", input.labels, cli.Text("File of what is known to be bad"))
      ->type_name("FILE");
  command
      .add_option("--log", input.log,
                  cli.Text("Folder of a log whose events are taken in place of a file's"))
      ->type_name("DIR");
}

Result<void> CheckEventInput(const EventInput& input) {
  const auto& [sources, inputs] = input.files;
  if (inputs.empty() && input.log.empty()) {
    return Err(ErrorCode::kUsage, "events come from --source and --input, or from --log");
  }
  if (!inputs.empty() && sources.empty()) {
    return Err(ErrorCode::kUsage, "--input needs --source, which says how the file is read");
  }
  if (!inputs.empty()) {
    FUQI_RETURN_IF_ERROR(SourceFiles(input.files));
  }
  if (!input.labels.empty() && sources.empty()) {
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

Result<std::optional<decide::Labels>> ReadLabels(const std::string& labels,
                                                 const std::vector<std::string>& sources,
                                                 OwnerEngine& owner,
                                                 const decide::CompiledPack& pack,
                                                 table::Binder& binder) {
  if (labels.empty()) {
    return std::optional<decide::Labels>();
  }
  FUQI_ASSIGN_OR_RETURN(decide::Labels read,
                        decide::ReadLabels(owner.Access(binder), pack,
                                           decide::LabelledSource(pack.pack(), sources), labels));
  return std::optional<decide::Labels>(std::move(read));
}

Result<void> Feed(Context& context, const EventInput& input, OwnerEngine& owner,
                  const decide::CompiledPack& pack, table::Binder& binder,
                  const decide::TakeEvent& take, const decide::TakeChange& change) {
  Progress progress(context, Tr("events decided", context.language));
  auto counted = [&, events = uint64_t{0}](const decide::Event& event) mutable {
    progress.Update(++events, 0);
    return take(event);
  };
  if (input.files.inputs.empty()) {
    return decide::FeedLog(SystemDisk(), input.log, pack, counted, change);
  }
  const decide::DataAccess access = owner.Access(binder);
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::SourceFile> files, SourceFiles(input.files));
  FUQI_ASSIGN_OR_RETURN(decide::SourcePlan plan, decide::OpenSources(access, pack, files));
  FUQI_ASSIGN_OR_RETURN(decide::SourceReader reader,
                        decide::SourceReader::Open(access, pack, plan));
  FUQI_RETURN_IF_ERROR(decide::FeedSource(reader, pack, counted));
  return {};
}

}  // namespace fuqi::node
