#pragma once

// The frame of the `fuqi` command: global options, languages, exit codes, how data and errors are
// printed. Each group of commands has a file of its own, cli_<group>.cc, and enters itself here.
//
// Data goes to `out`, everything else (errors, logs, progress) to `err`. Exit codes: 0 done, 1
// failed, 2 usage, 3 configuration, 4 evidence does not verify.

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.h"

namespace fuqi::node {

// What a command has of the world.
struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // `err` is one
  Language language = Language::kEnglish;
  bool json = false;
  std::string home;  // where the owner's evidence is kept
};

// Gives the exit code.
using CommandRun = std::function<Result<int>(Context&)>;

class Cli {
 public:
  explicit Cli(Context& context);

  // Adds a group of commands, and a command under `parent`. `help` comes from Text; what `run`
  // captures lives as long as the Cli.
  CLI::App* Group(const std::string& name, const std::string& help);
  CLI::App* Command(CLI::App* parent, const std::string& name, const std::string& help,
                    CommandRun run);
  CLI::App* root() { return &app_; }
  // A help text in the user's language.
  std::string Text(MessageTemplate text) const;

  int Run(std::vector<std::string> arguments);

 private:
  CLI::App* Add(CLI::App* parent, const std::string& name, const std::string& help);
  int Fail(const Error& error);
  Error NotUnderstood() const;
  Error UsageError(const CLI::ParseError& error);

  Context& context_;
  CLI::App app_;
  std::string lang_;
  std::string log_format_ = "text";
  CommandRun chosen_;
};

// The groups.
void AddSqlCommands(Cli& cli);        // sql
void AddPackCommands(Cli& cli);       // pack check, pack test, pack diff, and those below
void AddReplayCommands(Cli& cli);     // replay
void AddBacktestCommand(Cli& cli);    // backtest
void AddMineCommand(Cli& cli);        // mine
void AddTuneCommand(Cli& cli);        // tune
void AddDecideCommands(Cli& cli);     // decide
void AddOutboxCommands(Cli& cli);     // outbox list, outbox retry, outbox drop
void AddStandingCommands(Cli& cli);   // standing show, standing set, standing release, undo
void AddListCommands(Cli& cli);       // list show, list add, list remove, list import
void AddReferenceCommands(Cli& cli);  // reference show, reference import
void AddEvidenceCommands(Cli& cli);   // explain, reperform, log head, log versions, log proof
void AddServeCommands(Cli& cli);      // serve, key new
void AddScreenCommands(Cli& cli);     // screen
void AddGenerateCommands(Cli& cli);   // generate

// pack propose, approve, withdraw, rollback, status: of the group `pack`.
void AddVersionCommands(Cli& cli, CLI::App* group);

// --log, by which a command over one log names its folder.
void AddLogOption(Cli& cli, CLI::App& command, std::string& dir);

// Runs one command line, without the program's name. Looks at --lang and the environment first, so
// that everything printed, help included, is in one language.
int RunCli(const std::vector<std::string>& arguments, Context& context);

// How far something has come, on `err`: nothing for two seconds; then on a terminal a bar,
// elsewhere a line every five seconds.
class Progress {
 public:
  // `what` comes from Tr.
  Progress(Context& context, std::string_view what);
  ~Progress() { Finish(); }
  // `total` 0: not known.
  void Update(uint64_t done, uint64_t total);
  // Takes the bar away, before results are printed.
  void Finish();

 private:
  using Time = std::chrono::steady_clock::time_point;
  Context& context_;
  std::string what_;
  Time begin_;
  Time next_;
  bool drawn_ = false;
};

}  // namespace fuqi::node
