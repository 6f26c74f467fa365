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

Result<ScreeningList> ReadScreened(const std::string& path, int percent) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, SystemDisk().Open(path, OpenMode::kRead));
  CsvReader reader(path, FileSource(*file));
  const decide::List shape{.name = ListName(path),
                           .type = {table::TypeId::kVarchar},
                           .entries_max = kEntriesMax,
                           .bytes_max = kBytesMax};
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::ListEntry> entries, decide::ReadListCsv(reader, shape));
  ScreeningList list(shape.name, percent * (decide::kScreeningScoreMax / 100));
  for (decide::ListEntry& entry : entries) {
    list.Put(std::move(entry));
  }
  return list;
}

Result<std::vector<ScreeningList>> ReadAll(const ScreenCommand& command) {
  FUQI_ASSIGN_OR_RETURN(const auto thresholds, ReadThresholds(command));
  std::vector<ScreeningList> lists;
  for (const std::string& path : command.lists) {
    const std::string name = ListName(path);
    if (std::ranges::any_of(lists, [&](const ScreeningList& l) { return l.name() == name; })) {
      return Err(ErrorCode::kUsage, "two lists are called '{}'", name);
    }
    const auto own = thresholds.find(name);
    FUQI_ASSIGN_OR_RETURN(
        ScreeningList list,
        ReadScreened(path, own == thresholds.end() ? thresholds.at("") : own->second));
    lists.push_back(std::move(list));
  }
  if (!command.cleared.empty()) {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                          SystemDisk().Open(command.cleared, OpenMode::kRead));
    CsvReader reader(command.cleared, FileSource(*file));
    FUQI_ASSIGN_OR_RETURN(std::vector<decide::Clearance> clearances,
                          decide::ReadClearancesCsv(reader));
    for (ScreeningList& list : lists) {
      for (const decide::Clearance& clearance : clearances) {
        list.Clear(clearance);
      }
    }
  }
  return lists;
}

std::string ScoreText(int score) { return fmt::format("{}.{:02}", score / 100, score % 100); }

std::string_view WayIn(decide::MatchWay way, Language language) {
  switch (way) {
    case decide::MatchWay::kExact:
      return Tr("the same", language);
    case decide::MatchWay::kWord:
      return Tr("of the same meaning", language);
    case decide::MatchWay::kJoined:
      return Tr("the same letters", language);
    case decide::MatchWay::kPinyin:
      return Tr("by pinyin", language);
    case decide::MatchWay::kWadeGiles:
      return Tr("by Wade-Giles", language);
    case decide::MatchWay::kCantonese:
      return Tr("by Cantonese", language);
    case decide::MatchWay::kEdit:
      return Tr("some letters apart", language);
    case decide::MatchWay::kInitial:
      return Tr("by an initial", language);
    case decide::MatchWay::kSameSound:
      return Tr("of the same sound", language);
  }
  return "";
}

std::string_view NoteIn(decide::ScreeningNote note, Language language) {
  switch (note) {
    case decide::ScreeningNote::kOtherOrder:
      return Tr("in another order", language);
    case decide::ScreeningNote::kOtherPlace:
      return Tr("of another place", language);
    case decide::ScreeningNote::kOtherNumber:
      return Tr("with another number", language);
    case decide::ScreeningNote::kOtherForm:
      return Tr("of another legal form", language);
    case decide::ScreeningNote::kLittle:
      return Tr("too little agrees", language);
  }
  return "";
}

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// "张 = zhang (by pinyin), 伟 = wei (by pinyin); left: -/junior".
std::string ExplainedIn(const ScreeningList::Hit& hit, Language language) {
  std::string out;
  for (const decide::WordMatch& match : hit.hit.matches) {
    out += fmt::format("{}{} = {} ({})", out.empty() ? "" : ", ", match.query, match.entry,
                       WayIn(match.way, language));
  }
  if (!hit.hit.query_left.empty()) {
    out += "; " + Say(language, "only asked for: {}", Joined(hit.hit.query_left));
  }
  if (!hit.hit.entry_left.empty()) {
    out += "; " + Say(language, "only listed: {}", Joined(hit.hit.entry_left));
  }
  for (decide::ScreeningNote note : hit.hit.notes) {
    out += fmt::format("; {}", NoteIn(note, language));
  }
  if (hit.clearance != nullptr) {
    out += "; " + Say(language, "cleared by {}: {}", hit.clearance->by, hit.clearance->reason);
  }
  return out;
}

OrderedJson HitJson(const std::string& list, const ScreeningList::Hit& hit) {
  OrderedJson matches = OrderedJson::array();
  for (const decide::WordMatch& match : hit.hit.matches) {
    OrderedJson json = {{"query", match.query},
                        {"entry", match.entry},
                        {"way", decide::MatchWayName(match.way)},
                        {"permille", match.permille}};
    if (match.way == decide::MatchWay::kEdit) {
      json["edits"] = match.edits;
    }
    matches.push_back(std::move(json));
  }
  OrderedJson notes = OrderedJson::array();
  for (decide::ScreeningNote note : hit.hit.notes) {
    notes.push_back(decide::ScreeningNoteName(note));
  }
  OrderedJson json = {{"list", list},
                      {"entry", hit.entry->value},
                      {"source", hit.entry->source},
                      {"reason", hit.entry->reason},
                      {"name", hit.hit.name},
                      {"score", ScoreText(hit.hit.score)},
                      {"matches", std::move(matches)},
                      {"query_left", hit.hit.query_left},
                      {"entry_left", hit.hit.entry_left},
                      {"notes", std::move(notes)}};
  if (hit.clearance != nullptr) {
    json["cleared"] = {{"by", hit.clearance->by}, {"reason", hit.clearance->reason}};
  }
  return json;
}

class NameScreener {
 public:
  NameScreener(std::vector<ScreeningList> lists, int64_t at_us, size_t top, Context& context)
      : lists_(std::move(lists)), at_us_(at_us), top_(top), context_(context) {}

  void Screen(const std::string& name) {
    std::vector<std::vector<std::string>> rows;
    OrderedJson hits = OrderedJson::array();
    int best = 0;
    bool truncated = false;
    for (ScreeningList& list : lists_) {
      const ScreeningList::Answer answer = list.Screen(name, at_us_, top_);
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
  std::vector<ScreeningList> lists_;
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
  Result<std::vector<ScreeningList>> lists = [&] {
    Progress progress(context, Tr("reading lists", context.language));
    return ReadAll(command);
  }();
  if (!lists) {
    return std::move(lists).error();
  }
  NameScreener screener(*std::move(lists), at_us, command.top, context);
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
