// fuqi generate.

#include <fmt/format.h>

#include <ostream>

#include "base/disk.h"
#include "base/messages.h"
#include "base/time.h"
#include "node/cli.h"
#include "node/json_text.h"
#include "scene/generate.h"

namespace fuqi::node {
namespace {

struct GenerateCommand {
  scene::GenerateOptions options;
  std::string start = "2026-01-01 00:00:00";
  std::vector<std::string> patterns;  // "cycle=3"
  std::string out;
};

// What is wrong with a value given on the command line.
template <class T>
Result<T> AsUsage(Result<T> result) {
  return result ? std::move(result) : Result<T>(result.error().WithCode(ErrorCode::kUsage));
}

Result<void> ReadPatterns(const std::vector<std::string>& texts, scene::GenerateOptions& options) {
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string_view number =
        equals == std::string::npos ? "" : std::string_view(text).substr(equals + 1);
    if (number.empty() || number.size() > 6 ||
        number.find_first_not_of("0123456789") != std::string_view::npos) {
      return Err(ErrorCode::kUsage, "'{}' is not of the form pattern=count, as in cycle=3", text);
    }
    FUQI_ASSIGN_OR_RETURN(const scene::Pattern pattern,
                          scene::ParsePattern(std::string_view(text).substr(0, equals)));
    options.patterns[static_cast<size_t>(pattern)] = std::stoi(std::string(number));
  }
  return {};
}

Result<int> RunGenerate(GenerateCommand command, Context& context) {
  FUQI_RETURN_IF_ERROR(AsUsage(ReadPatterns(command.patterns, command.options)));
  FUQI_ASSIGN_OR_RETURN(command.options.start_us, AsUsage(ParseTimestamp(command.start)));
  FUQI_ASSIGN_OR_RETURN(const scene::Generated generated,
                        AsUsage(scene::Generate(command.options)));

  Disk& disk = SystemDisk();
  FUQI_RETURN_IF_ERROR(disk.MakeDirs(command.out));
  const std::string transactions = command.out + "/transactions.csv";
  const std::string logins = command.out + "/logins.csv";
  const std::string labels = command.out + "/labels.csv";
  FUQI_RETURN_IF_ERROR(
      WriteFileAtomically(disk, transactions, AsBytes(scene::TransactionsCsv(generated))));
  FUQI_RETURN_IF_ERROR(WriteFileAtomically(disk, logins, AsBytes(scene::LoginsCsv(generated))));
  FUQI_RETURN_IF_ERROR(WriteFileAtomically(disk, labels, AsBytes(scene::LabelsCsv(generated))));

  if (context.json) {
    context.out
        << fmt::format(
               R"({{"transactions":{},"logins":{},"planted":{},"seed":{},"files":[{},{},{}]}})",
               generated.transactions.size(), generated.logins.size(), generated.planted.size(),
               command.options.seed, JsonString(transactions), JsonString(logins),
               JsonString(labels))
        << '\n';
    return 0;
  }
  context.out << fmt::format(
                     fmt::runtime(
                         Tr("{} transactions and {} log-ins of {} accounts, {} patterns planted",
                            context.language)),
                     generated.transactions.size(), generated.logins.size(), generated.accounts,
                     generated.planted.size())
              << "\n  " << transactions << "\n  " << logins << "\n  " << labels << '\n';
  return 0;
}

}  // namespace

void AddGenerateCommands(Cli& cli) {
  auto command = std::make_shared<GenerateCommand>();
  CLI::App* app = cli.Command(
      cli.root(), "generate",
      cli.Text(
          "Make payments and log-ins that never happened, with planted laundering, card fraud and "
          "takeover"),
      [command](Context& context) { return RunGenerate(*command, context); });
  app->add_option("DIR", command->out,
                  cli.Text("Folder for transactions.csv, logins.csv and labels.csv"))
      ->required();
  app->add_option("--seed", command->options.seed, cli.Text("The same seed gives the same files"))
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--accounts", command->options.accounts, cli.Text("How many accounts"))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--days", command->options.days, cli.Text("How many days"))
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--start", command->start, cli.Text("The first day's beginning, in UTC"))
      ->type_name("TIME")
      ->capture_default_str();
  app->add_option("--pattern", command->patterns,
                  cli.Text("How many of a pattern are planted, as in cycle=3; may be repeated"))
      ->type_name("NAME=N");
}

}  // namespace fuqi::node
