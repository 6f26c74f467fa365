// fuqi generate.

#include <filesystem>
#include <ostream>

#include "base/disk.h"
#include "base/messages.h"
#include "base/time.h"
#include "node/cli.h"
#include "node/print.h"
#include "scene/generate.h"

namespace fuqi::node {
namespace {

struct GenerateArguments {
  std::string dir;
  scene::GenerateOptions options;
  std::string start;
  std::vector<std::string> patterns;
};

// "fan_in=3"
Result<void> SetPattern(const std::string& text, scene::GenerateOptions& options) {
  const size_t equals = text.find('=');
  FUQI_ASSIGN_OR_RETURN(scene::Pattern pattern, scene::ParsePattern(text.substr(0, equals)));
  const std::string digits = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (digits.empty() || digits.size() > 6 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return Err(ErrorCode::kUsage, "--pattern takes name=count, such as fan_in=3");
  }
  options.patterns[static_cast<size_t>(pattern)] = std::stoi(digits);
  return {};
}

Result<int> Generate(GenerateArguments arguments, Context& context) {
  if (!arguments.start.empty()) {
    FUQI_ASSIGN_OR_RETURN(int32_t days, ParseDate(arguments.start));
    arguments.options.start_us = days * kDayUs;
  }
  for (const std::string& pattern : arguments.patterns) {
    FUQI_RETURN_IF_ERROR(SetPattern(pattern, arguments.options));
  }
  FUQI_ASSIGN_OR_RETURN(scene::Generated generated, scene::Generate(arguments.options));
  const std::string transactions = arguments.dir + "/transactions.csv";
  const std::string labels = arguments.dir + "/labels.csv";
  FUQI_RETURN_IF_ERROR(SystemDisk().MakeDirs(arguments.dir));
  FUQI_RETURN_IF_ERROR(
      WriteFileAtomically(SystemDisk(), transactions, AsBytes(scene::TransactionsCsv(generated))));
  FUQI_RETURN_IF_ERROR(
      WriteFileAtomically(SystemDisk(), labels, AsBytes(scene::LabelsCsv(generated))));
  if (context.json) {
    context.out << OrderedJson{{"seed", arguments.options.seed},
                               {"accounts", generated.accounts},
                               {"transactions", generated.transactions.size()},
                               {"planted", generated.planted.size()},
                               {"files", {transactions, labels}}}
                       .dump()
                << '\n';
  } else {
    context.out << Say(context.language,
                       "{} payments of {} accounts with {} planted patterns: {} and {}",
                       generated.transactions.size(), generated.accounts, generated.planted.size(),
                       transactions, labels)
                << '\n';
  }
  return 0;
}

}  // namespace

void AddGenerateCommands(Cli& cli) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = cli.Command(
      cli.root(), "generate", cli.Text("Make payments that never happened, with planted patterns"),
      [arguments](Context& context) { return Generate(*arguments, context); });
  command->add_option("DIR", arguments->dir, cli.Text("Folder to write the files into"))
      ->required();
  command->add_option("--seed", arguments->options.seed, cli.Text("The same seed, the same files"))
      ->capture_default_str();
  command->add_option("--accounts", arguments->options.accounts, cli.Text("Number of accounts"))
      ->capture_default_str();
  command->add_option("--days", arguments->options.days, cli.Text("Number of days"))
      ->capture_default_str();
  command->add_option("--start", arguments->start, cli.Text("First day (default 2026-01-01)"))
      ->type_name("YYYY-MM-DD");
  command
      ->add_option("--pattern", arguments->patterns,
                   cli.Text("How many of a pattern to plant; may be given for each"))
      ->type_name("NAME=COUNT")
      ->allow_extra_args(false);
}

}  // namespace fuqi::node
