// fuqi mine.

#include <ostream>

#include "base/messages.h"
#include "decide/mine.h"
#include "node/cli.h"
#include "node/event_input.h"
#include "node/json_text.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

using decide::MineData;
using decide::MinedRule;
using decide::MineResult;

struct MineArguments {
  std::string dir;
  EventInput input;
  std::string on;
  decide::MineOptions options;
};

// A rule's conditions in words, as a beginning for who writes the reason.
std::string ReasonStub(const MineData& data, const MinedRule& rule, Language language) {
  const bool zh = language == Language::kChinese;
  std::string text(Tr("mined", language));
  std::string_view separator = zh ? "：" : ": ";
  for (const decide::Condition& condition : rule.conditions) {
    const MineData::Input& input = data.inputs[condition.input];
    const std::string name = input.title.empty() ? input.name : input.title.In(language);
    text += separator;
    if (input.type.id == table::TypeId::kBoolean) {
      text += condition.at_least ? name : Say(language, "not: {}", name);
    } else if (condition.at_least) {
      text += Say(language, "{} at least {}", name, condition.threshold);
    } else {
      text += Say(language, "{} below {}", name, condition.threshold);
    }
    separator = zh ? "，且" : ", and ";
  }
  return text;
}

// "mined_1", past what the pack has.
std::vector<std::string> FreeIds(const decide::Pack& pack, size_t count) {
  std::vector<std::string> ids;
  for (size_t n = 1; ids.size() < count; ++n) {
    std::string id = fmt::format("mined_{}", n);
    if (std::ranges::find(pack.rules, id, &decide::Rule::id) == pack.rules.end()) {
      ids.push_back(std::move(id));
    }
  }
  return ids;
}

std::string RuleToml(const MineData& data, const MinedRule& rule, const std::string& id) {
  return fmt::format(
      "[[rule]]\nid = \"{}\"\n{}when = {}\nthen = \"review\"\nshadow = true\n"
      "reason = {{ zh = {}, en = {} }}\n",
      id, data.on.empty() ? "" : fmt::format("on = \"{}\"\n", data.on),
      JsonString(decide::ConditionsSql(data, rule)),
      JsonString(ReasonStub(data, rule, Language::kChinese)),
      JsonString(ReasonStub(data, rule, Language::kEnglish)));
}

OrderedJson FiguresJson(const MinedRule::Figures& figures) {
  return {{"hits", figures.hits},
          {"bad", figures.bad},
          {"precision", figures.precision},
          {"lift", figures.lift},
          {"recall", figures.recall}};
}

OrderedJson MineJson(const decide::Pack& pack, const MineData& data, const MineResult& result) {
  OrderedJson json = {{"pack", pack.name},
                      {"pack_hash", ToHex(pack.hash)},
                      {"train", {{"events", result.train_events}, {"bad", result.train_bad}}},
                      {"test", {{"events", result.test_events}, {"bad", result.test_bad}}},
                      {"support", result.support},
                      {"searched", result.searched},
                      {"truncated", result.truncated},
                      {"chance", {{"score", result.chance_score}, {"lift", result.chance_lift}}},
                      {"rules", OrderedJson::array()}};
  const std::vector<std::string> ids = FreeIds(pack, result.rules.size());
  for (size_t i = 0; i < result.rules.size(); ++i) {
    const MinedRule& rule = result.rules[i];
    json["rules"].push_back({{"id", ids[i]},
                             {"when", decide::ConditionsSql(data, rule)},
                             {"score", rule.score},
                             {"train", FiguresJson(rule.train)},
                             {"test", FiguresJson(rule.test)},
                             {"fold_lift_min", rule.fold_lift_min},
                             {"folds_hit", rule.folds_hit},
                             {"bad_not_alerted", rule.bad_not_alerted},
                             {"toml", RuleToml(data, rule, ids[i])}});
  }
  return json;
}

// TOML to be pasted: all else stands in comments.
void PrintMined(const decide::Pack& pack, const MineData& data, const MineResult& result,
                const decide::MineOptions& options, Context& context) {
  const Language language = context.language;
  std::ostream& out = context.out;
  auto base = [](uint64_t bad, uint64_t events) {
    return Percent(events == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(events));
  };
  auto figures = [&](const MinedRule::Figures& f) {
    return Say(language, "{} hits, precision {}, lift {:.1f}, recall {}", f.hits,
               Percent(f.precision), f.lift, Percent(f.recall));
  };
  out << "# "
      << Say(language, "{} {}: learned from {} events ({} bad), judged on {} later ones ({} bad)",
             pack.name, ToHex(pack.hash).substr(0, 8), result.train_events,
             base(result.train_bad, result.train_events), result.test_events,
             base(result.test_bad, result.test_events))
      << '\n';
  out << "# "
      << Say(language,
             "{} conjunctions weighed; {} rules hold; at least {} hits and a lift of {} were asked "
             "for",
             result.searched, result.rules.size(), result.support, options.lift)
      << '\n';
  if (options.shuffles > 0) {
    out << "# "
        << Say(language,
               "what chance gives: a precision of {} at least, lift {:.1f}, in the best of {} "
               "searches with labels exchanged at random",
               Percent(result.chance_score), result.chance_lift, options.shuffles)
        << '\n';
  }
  if (result.truncated) {
    out << "# " << Tr("the bound on steps was met: not all was searched", language) << '\n';
  }
  const std::vector<std::string> ids = FreeIds(pack, result.rules.size());
  for (size_t i = 0; i < result.rules.size(); ++i) {
    const MinedRule& rule = result.rules[i];
    out << "\n# " << Tr("learned", language) << ": " << figures(rule.train) << "; "
        << Say(language, "least lift of {} parts of the time {:.1f}; {} bad not alerted so far",
               rule.folds_hit, rule.fold_lift_min, rule.bad_not_alerted)
        << "\n# " << Tr("later", language) << ": " << figures(rule.test) << '\n'
        << RuleToml(data, rule, ids[i]);
  }
}

Result<int> RunMine(const MineArguments& arguments, Context& context) {
  FUQI_RETURN_IF_ERROR(CheckEventInput(arguments.input));
  if (arguments.input.labels.empty()) {
    return Err(ErrorCode::kUsage, "--labels is needed: rules are learned from what is known");
  }
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto pack, FindVersion(arguments.dir, arguments.input.log, *binder));
  OwnerEngine owner(context.home);
  FUQI_ASSIGN_OR_RETURN(
      std::optional<decide::Labels> labels,
      ReadLabels(arguments.input.labels, arguments.input.files.sources, owner, *pack, *binder));
  const decide::EventKind* on = pack->pack().FindKind(arguments.on);
  if (on == nullptr && !arguments.on.empty()) {
    return Err(ErrorCode::kUsage, "the pack has no table of events '{}'; there are: {}",
               arguments.on, pack->pack().event_table);
  }
  decide::MineCollector collector(pack, *labels, on);
  FUQI_RETURN_IF_ERROR(Feed(
      context, arguments.input, owner, *pack, *binder,
      [&](const decide::Event& event) { return collector.Add(event); },
      [&](const decide::Change& change, uint64_t seq) { return collector.Apply(change, seq); }));
  const MineData data = collector.Finish();
  Progress progress(context, Tr("searches", context.language));
  decide::MineOptions options = arguments.options;
  options.progress = [&](uint64_t done, uint64_t total) { progress.Update(done, total); };
  FUQI_ASSIGN_OR_RETURN(const MineResult result, decide::Mine(data, options));
  progress.Finish();
  if (context.json) {
    context.out << MineJson(pack->pack(), data, result).dump() << '\n';
  } else {
    PrintMined(pack->pack(), data, result, options, context);
  }
  return 0;
}

}  // namespace

void AddMineCommand(Cli& cli) {
  auto arguments = std::make_shared<MineArguments>();
  CLI::App* command =
      cli.Command(cli.root(), "mine", cli.Text("Find candidate rules from labels"),
                  [arguments](Context& context) { return RunMine(*arguments, context); });
  command->add_option("DIR", arguments->dir, cli.Text("Folder of the pack"))->required();
  AddEventInput(cli, *command, arguments->input);
  command
      ->add_option("--on", arguments->on,
                   cli.Text("Table of events that the rules are for (default: all of the pack's)"))
      ->type_name("TABLE");
  auto number = [&](const char* name, auto& value, const std::string& help) {
    command->add_option(name, value, help)->type_name("N")->capture_default_str();
  };
  decide::MineOptions& options = arguments->options;
  number("--train", options.train, cli.Text("Share of the events to learn from; the rest judges"));
  number("--conditions", options.conditions, cli.Text("Conditions of one rule, at most"));
  number("--rules", options.rules, cli.Text("Rules to give, at most"));
  number("--support", options.support,
         cli.Text("Least hits of a rule; 0: 20, or one in 5,000 events if that is more"));
  number("--lift", options.lift, cli.Text("Least precision over the share of bad events"));
  number("--shuffles", options.shuffles,
         cli.Text("Searches with labels exchanged at random, which tell what chance gives"));
  number("--seed", options.seed, cli.Text("Seed of the exchange"));
}

}  // namespace fuqi::node
