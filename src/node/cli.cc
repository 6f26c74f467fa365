#include "node/cli.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "base/log.h"
#include "base/messages.h"
#include "node/print.h"
#include "node/version.h"
#include "table/format.h"

namespace fuqi::node {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// The value of `--name value` or `--name=value` before the command line is parsed.
std::string Peek(const std::vector<std::string>& arguments, std::string_view name) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == name && i + 1 < arguments.size()) {
      return arguments[i + 1];
    }
    if (argument.starts_with(name) && argument.substr(name.size()).starts_with('=')) {
      return std::string(argument.substr(name.size() + 1));
    }
  }
  return "";
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Language ChooseLanguage(const std::vector<std::string>& arguments) {
  for (const std::string& tag :
       {Peek(arguments, "--lang"), Environment("LC_ALL"), Environment("LANG")}) {
    if (!tag.empty()) {
      return LanguageFromTag(tag);
    }
  }
  return Language::kEnglish;
}

// Help in columns, by how wide text is shown: CLI11's own counts bytes. Says behind a text what
// CLI11 puts before it.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter(std::string required, std::string default_is)
      : required_(std::move(required)), default_is_(std::move(default_is)) {}

  std::string make_option(const CLI::Option* option, bool positional) const override {
    std::string name = make_option_name(option, positional);
    if (!positional && option->get_type_size() != 0) {
      name += ' ' + option->get_type_name();
    }
    std::string text = option->get_description();
    if (option->get_required() && !positional) {
      text += required_;
    }
    if (!option->get_default_str().empty()) {
      text += fmt::format(fmt::runtime(default_is_), option->get_default_str());
    }
    return Line(name, text);
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return Line(command->get_name(), command->get_description());
  }

 private:
  static std::string Line(const std::string& name, const std::string& text) {
    constexpr size_t kColumn = 28;
    const size_t width = 2 + table::DisplayWidth(name);
    const std::string gap =
        width + 2 > kColumn ? '\n' + std::string(kColumn, ' ') : std::string(kColumn - width, ' ');
    return "  " + name + gap + text + '\n';
  }

  std::string required_;
  std::string default_is_;
};

std::string DefaultHome() {
  std::string home = Environment("FUQI_HOME");
  return home.empty() ? Environment("HOME") + "/.fuqi" : home;
}

}  // namespace

Cli::Cli(Context& context) : context_(context) {
  app_.name("fuqi");
  app_.description(Text("Decides every transaction by rules in SQL, durably, and proves it"));
  auto formatter = std::make_shared<HelpFormatter>(Text(" (required)"), Text(" (default {})"));
  formatter->label("Usage", Text("Usage"));
  formatter->label("Positionals", Text("Arguments"));
  formatter->label("OPTIONS", Text("options"));
  formatter->label("SUBCOMMAND", Text("command"));
  formatter->label("SUBCOMMANDS", Text("commands"));
  app_.formatter(formatter);
  app_.option_defaults()->group(Text("Options"));
  app_.set_help_flag("-h,--help", Text("Print this help and end"));
  app_.footer(
      Text("Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 evidence does not "
           "verify"));
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.add_option("--lang", lang_, Text("Language of texts: zh or en"))->type_name("zh|en");
  app_.add_option("--log-format", log_format_, Text("Form of log lines: text or json"))
      ->type_name("text|json");
  app_.add_flag("--json", context_.json, Text("Print results as JSON"));
  app_.add_option("--home", context_.home,
                  Text("Folder of this user's evidence log (default $FUQI_HOME, else ~/.fuqi)"))
      ->type_name("DIR");
}

std::string Cli::Text(MessageTemplate text) const {
  return std::string(Translate(text.text, context_.language));
}

CLI::App* Cli::Add(CLI::App* parent, const std::string& name, const std::string& help) {
  CLI::App* command = parent->add_subcommand(name, help);
  command->group(Text("Commands"));
  command->get_help_ptr()->group(Text("Options"));
  command->footer(Text("Options of every command, such as --json: see `fuqi --help`"));
  command->fallthrough();
  return command;
}

CLI::App* Cli::Group(const std::string& name, const std::string& help) {
  CLI::App* group = Add(&app_, name, help);
  group->require_subcommand(1);
  return group;
}

CLI::App* Cli::Command(CLI::App* parent, const std::string& name, const std::string& help,
                       CommandRun run) {
  CLI::App* command = Add(parent, name, help);
  command->callback([this, run = std::move(run)] { chosen_ = run; });
  return command;
}

int Cli::Fail(const Error& error) {
  if (context_.json) {
    context_.err << OrderedJson{{"error", ErrorJson(error, context_.language)}}.dump() << '\n';
  } else {
    context_.err << "fuqi: " << error.ToString(context_.language) << '\n';
  }
  return error.exit_code();
}

Error Cli::NotUnderstood() const {
  return Err(ErrorCode::kUsage, "not understood: {}; see `fuqi --help`",
             fmt::format("{}", fmt::join(app_.remaining(true), " ")));
}

// CLI11's findings in our words: its own texts exist in English only.
Error Cli::UsageError(const CLI::ParseError& error) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    return NotUnderstood();
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const size_t end = what.find(" is required");
    if (what.find("subcommand") != std::string::npos) {
      if (!app_.remaining(true).empty()) {
        return NotUnderstood();
      }
      return Err(ErrorCode::kUsage, "a command is needed; see `fuqi --help`");
    }
    return Err(ErrorCode::kUsage, "{} is needed", what.substr(0, end));
  }
  // "Could not convert: --seed = x", "--seed: …".
  std::string_view name = what;
  if (constexpr std::string_view kConvert = "Could not convert: "; name.starts_with(kConvert)) {
    name.remove_prefix(kConvert.size());
  }
  return Err(ErrorCode::kUsage, "the value given to {} is not usable",
             name.substr(0, name.find_first_of(": ")));
}

int Cli::Run(std::vector<std::string> arguments) {
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app_.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    context_.out << app_.help();
    return 0;
  } catch (const CLI::ParseError& error) {
    return Fail(UsageError(error));
  }
  if (!lang_.empty() && lang_ != "zh" && lang_ != "en") {
    return Fail(Err(ErrorCode::kUsage, "--lang takes zh or en"));
  }
  Result<LogFormat> format = ParseLogFormat(log_format_);
  if (!format) {
    return Fail(format.error());
  }
  ConfigureLog({.format = *format});
  Result<int> code = chosen_(context_);
  context_.out.flush();
  if (!code) {
    return Fail(code.error());
  }
  if (!context_.out) {
    return Fail(Err(ErrorCode::kIo, "the output could not be written"));
  }
  return *code;
}

void AddLogOption(Cli& cli, CLI::App& command, std::string& dir) {
  command.add_option("--log", dir, cli.Text("Folder of the partition: its log, tree and head"))
      ->required()
      ->type_name("DIR");
}

int RunCli(const std::vector<std::string>& arguments, Context& context) {
  context.language = ChooseLanguage(arguments);
  context.home = DefaultHome();
  Cli cli(context);
  AddSqlCommands(cli);
  AddPackCommands(cli);
  AddReplayCommands(cli);
  AddBacktestCommand(cli);
  AddMineCommand(cli);
  AddTuneCommand(cli);
  AddDecideCommands(cli);
  AddStandingCommands(cli);
  AddOutboxCommands(cli);
  AddEvidenceCommands(cli);
  AddListCommands(cli);
  AddReferenceCommands(cli);
  AddServeCommands(cli);
  AddScreenCommands(cli);
  AddGenerateCommands(cli);
  cli.Command(cli.root(), "version", cli.Text("Print the version"), [](Context& c) -> Result<int> {
    c.out << (c.json ? fmt::format(R"({{"version":"{}"}})", Version())
                     : fmt::format("fuqi {}", Version()))
          << '\n';
    return 0;
  });
  return cli.Run(arguments);
}

Progress::Progress(Context& context, std::string_view what)
    : context_(context), what_(what), begin_(steady_clock::now()), next_(begin_ + seconds(2)) {}

void Progress::Finish() {
  if (drawn_) {
    context_.err << "\r\033[K" << std::flush;
    drawn_ = false;
  }
}

void Progress::Update(uint64_t done, uint64_t total) {
  const Time now = steady_clock::now();
  if (now < next_) {
    return;
  }
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double share = total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
  const std::string count = total == 0
                                ? fmt::format("{}", done)
                                : fmt::format("{} / {} ({:.0f} %)", done, total, share * 100);
  if (!context_.terminal) {
    context_.err << fmt::format("{}: {}, {:.0f} s\n", what_, count, elapsed) << std::flush;
    next_ = now + seconds(5);
    return;
  }
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(std::min(share, 1.0) * kWidth);
  context_.err << fmt::format("\r\033[K{} [{}{}] {}  {:.0f} s", what_, std::string(filled, '#'),
                              std::string(kWidth - filled, '.'), count, elapsed)
               << std::flush;
  drawn_ = true;
  next_ = now + std::chrono::milliseconds(100);
}

}  // namespace fuqi::node
