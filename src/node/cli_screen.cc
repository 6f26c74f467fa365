// fuqi screen: names against lists.

#include <fmt/format.h>

#include <filesystem>
#include <istream>
#include <ostream>

#include "base/clock.h"
#include "base/csv.h"
#include "base/disk.h"
#include "base/messages.h"
#include "base/time.h"
#include "base/utf8.h"
#include "decide/list.h"
#include "decide/screening_list.h"
#include "node/cli.h"
#include "node/print.h"
#include "node/screening_text.h"

namespace fuqi::node {
namespace {

using decide::ScreeningList;

constexpr int kThresholdPercent = 80;
constexpr int64_t kEntriesMax = 5'000'000;
constexpr int64_t kBytesMax = int64_t{4} << 30;

struct ScreenCommand {
  std::vector<std::string> names;
  std::vector<std::string> lists;       // FILE
  std::vector<std::string> thresholds;  // "85", or "LIST=85"
  std::string cleared;
  std::string at;
  size_t top = 10;
};

// "ofac" of "lists/ofac.csv".
std::string ListName(const std::string& file) {
  return std::filesystem::path(file).stem().string();
}

Result<int> Percentage(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 3 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  const int percent = digits ? std::stoi(text) : 0;
  if (percent < 1 || percent > 100) {
    return Err(ErrorCode::kUsage, "a threshold is a whole number from 1 to 100, not '{}'", text);
  }
  return percent;
}

// By list's name; under "" that of all others.
Result<std::map<std::string, int>> ReadThresholds(const ScreenCommand& command) {
  std::map<std::string, int> by_list = {{"", kThresholdPercent}};
  for (const std::string& text : command.thresholds) {
    const size_t equals = text.rfind('=');
    const std::string list = equals == std::string::npos ? "" : text.substr(0, equals);
    const bool known = list.empty() || std::ranges::any_of(command.lists, [&](const auto& file) {
                         return ListName(file) == list;
                       });
    if (!known) {
      return Err(ErrorCode::kUsage, "--threshold names the list '{}', and no --list is it", list);
    }
    FUQI_ASSIGN_OR_RETURN(by_list[list], Percentage(text.substr(equals + 1)));
  }
  return by_list;
}

// A file's entries, and the screening of them.
struct ScreenedFile {
  std::vector<decide::ListEntry> entries;
  ScreeningList list;
};

Result<ScreenedFile> ReadScreened(const std::string& path, int percent) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, SystemDisk().Open(path, OpenMode::kRead));
  CsvReader reader(path, FileSource(*file));
  const decide::List shape{.name = ListName(path),
                           .type = {table::TypeId::kVarchar},
                           .entries_max = kEntriesMax,
                           .bytes_max = kBytesMax};
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::ListEntry> entries, decide::ReadListCsv(reader, shape));
  ScreeningList list(shape.name, percent * (decide::kScreeningScoreMax / 100));
  for (const decide::ListEntry& entry : entries) {
    list.Put(entry);
  }
  return ScreenedFile{std::move(entries), std::move(list)};
}

struct AllScreened {
  std::vector<ScreenedFile> files;
  decide::Clearances cleared;
};

Result<AllScreened> ReadAll(const ScreenCommand& command) {
  FUQI_ASSIGN_OR_RETURN(const auto thresholds, ReadThresholds(command));
  AllScreened all;
  for (const std::string& path : command.lists) {
    const std::string name = ListName(path);
    if (std::ranges::any_of(all.files, [&](const auto& f) { return f.list.name() == name; })) {
      return Err(ErrorCode::kUsage, "two lists are called '{}'", name);
    }
    const auto own = thresholds.find(name);
    FUQI_ASSIGN_OR_RETURN(
        ScreenedFile file,
        ReadScreened(path, own == thresholds.end() ? thresholds.at("") : own->second));
    all.files.push_back(std::move(file));
  }
  if (!command.cleared.empty()) {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                          SystemDisk().Open(command.cleared, OpenMode::kRead));
    CsvReader reader(command.cleared, FileSource(*file));
    FUQI_ASSIGN_OR_RETURN(std::vector<decide::Clearance> clearances,
                          decide::ReadClearancesCsv(reader));
    for (decide::Clearance& clearance : clearances) {
      all.cleared.Add(std::move(clearance));
    }
  }
  return all;
}

std::string ScoreText(int score) { return fmt::format("{}.{:02}", score / 100, score % 100); }

std::string ExplainedIn(const ScreeningList::Hit& hit, Language language) {
  std::string out = WordsOf(hit.hit, language);
  if (hit.clearance != nullptr) {
    out += "; " + Say(language, "cleared by {}: {}", hit.clearance->by, hit.clearance->reason);
  }
  return out;
}

OrderedJson HitJson(const std::string& list, const ScreeningList::Hit& hit) {
  OrderedJson json = {{"list", list},
                      {"entry", hit.entry->value},
                      {"source", hit.entry->source},
                      {"reason", hit.entry->reason},
                      {"name", hit.hit.name},
                      {"score", ScoreText(hit.hit.score)}};
  AddWords(hit.hit, json);
  if (hit.clearance != nullptr) {
    json["cleared"] = {{"by", hit.clearance->by}, {"reason", hit.clearance->reason}};
  }
  return json;
}

class NameScreener {
 public:
  NameScreener(AllScreened all, int64_t at_us, size_t top, Context& context)
      : all_(std::move(all)), at_us_(at_us), top_(top), context_(context) {}

  void Screen(const std::string& name) {
    std::vector<std::vector<std::string>> rows;
    OrderedJson hits = OrderedJson::array();
    int best = 0;
    bool truncated = false;
    for (auto& [entries, list] : all_.files) {
      const ScreeningList::Answer answer = list.Screen(name, at_us_, top_, all_.cleared);
      best = std::max(best, answer.best);
      truncated = truncated || answer.truncated;
      for (const ScreeningList::Hit& hit : answer.hits) {
        if (context_.json) {
          hits.push_back(HitJson(list.name(), hit));
        } else {
          rows.push_back({ScoreText(hit.hit.score), list.name(), hit.hit.name,
                          ExplainedIn(hit, context_.language)});
        }
      }
    }
    if (context_.json) {
      context_.out << OrderedJson{{"name", name},
                                  {"score", ScoreText(best)},
                                  {"truncated", truncated},
                                  {"hits", std::move(hits)}}
                          .dump()
                   << '\n';
      return;
    }
    context_.out << name << '\n';
    if (rows.empty()) {
      context_.out << "  " << Tr("no hit", context_.language) << '\n';
    } else {
      PrintTable(
          {std::string(Tr("score", context_.language)), std::string(Tr("list", context_.language)),
           std::string(Tr("name", context_.language)), std::string(Tr("why", context_.language))},
          rows, context_.out);
    }
    if (truncated) {
      context_.out << Tr("a bound was reached: there may be more", context_.language) << '\n';
    }
  }

  // {"name": …} a line.
  Result<int> ScreenLines() {
    std::string line;
    bool failed = false;
    for (uint64_t number = 1; std::getline(context_.in, line); ++number) {
      if (line.empty()) {
        continue;
      }
      const OrderedJson json = OrderedJson::parse(line, nullptr, false);
      const auto name = json.is_object() ? json.find("name") : json.end();
      if (!json.is_object() || name == json.end() || !name->is_string()) {
        const Error error = Err(
            ErrorCode::kParse, "line {} is no JSON object with a text in its field 'name'", number);
        context_.err << error.ToString(context_.language) << '\n';
        failed = true;
        continue;
      }
      Screen(name->get<std::string>());
    }
    return failed ? 1 : 0;
  }

 private:
  AllScreened all_;
  int64_t at_us_;
  size_t top_;
  Context& context_;
};

Result<int> RunScreen(const ScreenCommand& command, Context& context) {
  int64_t at_us = SystemClock().NowUs();
  if (!command.at.empty()) {
    Result<int64_t> at = ParseTimestamp(command.at);
    if (!at) {
      return at.error().WithCode(ErrorCode::kUsage);
    }
    at_us = *at;
  }
  for (const std::string& name : command.names) {
    if (!IsUtf8(name)) {
      return Err(ErrorCode::kUsage, "a name is not well-formed UTF-8");
    }
  }
  Result<AllScreened> all = [&] {
    Progress progress(context, Tr("reading lists", context.language));
    return ReadAll(command);
  }();
  if (!all) {
    return std::move(all).error();
  }
  NameScreener screener(*std::move(all), at_us, command.top, context);
  if (command.names.empty()) {
    return screener.ScreenLines();
  }
  for (const std::string& name : command.names) {
    screener.Screen(name);
  }
  return 0;
}

}  // namespace

void AddScreenCommands(Cli& cli) {
  auto command = std::make_shared<ScreenCommand>();
  CLI::App* app = cli.Command(
      cli.root(), "screen",
      cli.Text("Look names up in lists of persons and firms, Latin and Chinese, and say why"),
      [command](Context& context) { return RunScreen(*command, context); });
  app->add_option(
      "NAME", command->names,
      cli.Text("Names; without any, JSON lines with a field 'name' from standard input"));
  app->add_option(
         "--list", command->lists,
         cli.Text("A list's file (CSV with columns value, aliases and others); may be repeated"))
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->required();
  app->add_option("--threshold", command->thresholds,
                  cli.Text("The least score of a hit, 1 to 100 (80), or LIST=SCORE; may be "
                           "repeated"))
      ->type_name("SCORE")
      ->allow_extra_args(false);
  app->add_option("--top", command->top, cli.Text("At most so many hits in each list"))
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--cleared", command->cleared,
                  cli.Text("Hits that were ruled out (CSV: name, entry, reason, by, valid_to)"))
      ->type_name("FILE");
  app->add_option("--at", command->at, cli.Text("The time, in UTC, that entries must hold at"))
      ->type_name("TIME");
}

}  // namespace fuqi::node
