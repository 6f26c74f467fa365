// fuqi backtest.

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "base/messages.h"
#include "decide/backtest.h"
#include "node/chart.h"
#include "node/cli.h"
#include "node/event_input.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

using decide::Alerts;
using decide::Backtest;
using decide::BothAlerts;

struct BacktestArguments {
  std::string before;
  std::string after;
  EventInput input;
  std::string amount;
  std::string segment;
  size_t examples = 20;
  std::string standing = "own";
  std::string chart;
};

// A finished backtest and what is needed to tell it.
struct Telling {
  const Backtest& result;
  const decide::CompiledPack& before;
  const decide::CompiledPack& after;
  bool labelled;
  Language language;

  std::string Amount(int128 amount) const {
    return table::ToText(table::Datum::Int(amount), result.amount_type);
  }
  bool has_amounts() const { return !result.amount_column.empty(); }
};

std::string Version(const decide::CompiledPack& pack) {
  return ToHex(pack.pack().hash).substr(0, 8);
}

std::string DayText(int32_t day) {
  return table::ToText(table::Datum::Int(day), {table::TypeId::kDate});
}

std::string PrecisionText(const decide::Detection& d) {
  return d.alerted == 0 ? "-" : Percent(d.precision());
}
std::string RecallText(const decide::Detection& d) {
  return d.bad == 0 ? "-" : Percent(d.recall());
}

OrderedJson DetectionJson(const decide::Detection& d) {
  return {{"alerted", d.alerted},
          {"bad_alerted", d.bad_alerted},
          {"bad", d.bad},
          {"precision", d.alerted == 0 ? OrderedJson(nullptr) : OrderedJson(d.precision())},
          {"recall", d.bad == 0 ? OrderedJson(nullptr) : OrderedJson(d.recall())}};
}

OrderedJson AlertsJson(const Telling& tell, const Alerts& alerts, std::string_view name) {
  OrderedJson json = {{std::string(name), alerts.events}};
  if (tell.has_amounts()) {
    json["amount"] = tell.Amount(alerts.amount);
  }
  if (tell.labelled) {
    json["detection"] = DetectionJson(alerts.detection);
  }
  return json;
}

// `name`: of what is counted, "alerts" or "hits".
OrderedJson BothJson(const Telling& tell, const BothAlerts& both, std::string_view name) {
  return {{"before", AlertsJson(tell, both.before, name)},
          {"after", AlertsJson(tell, both.after, name)},
          {"both", both.both},
          {"only_before", both.before.events - both.both},
          {"only_after", both.after.events - both.both}};
}

OrderedJson RulesJson(const Telling& tell) {
  OrderedJson rules = OrderedJson::array();
  for (const decide::RuleBacktest& rule : tell.result.rules) {
    OrderedJson entry = {{"id", rule.id},
                         {"in", rule.is_before && rule.is_after ? "both"
                                : rule.is_before                ? "before"
                                                                : "after"},
                         {"reworded", rule.reworded},
                         {"shadow_before", rule.shadow_before},
                         {"shadow_after", rule.shadow_after}};
    entry.update(BothJson(tell, rule.hits, "hits"));
    rules.push_back(std::move(entry));
  }
  return rules;
}

OrderedJson ExamplesJson(const Telling& tell) {
  OrderedJson examples = OrderedJson::array();
  for (const decide::ChangedEvent& change : tell.result.examples) {
    OrderedJson entry = {{"event_id", change.key},
                         {"time", TimestampToText(change.ts_us)},
                         {"before", decide::ActionName(change.before)},
                         {"after", decide::ActionName(change.after)},
                         {"rules_before", change.rules_before},
                         {"rules_after", change.rules_after}};
    if (!change.amount.is_null()) {
      entry["amount"] = tell.Amount(change.amount.i);
    }
    examples.push_back(std::move(entry));
  }
  return examples;
}

OrderedJson ResultJson(const Telling& tell) {
  const Backtest& result = tell.result;
  OrderedJson json = {{"pack", tell.after.pack().name},
                      {"hash_before", ToHex(tell.before.pack().hash)},
                      {"hash_after", ToHex(tell.after.pack().hash)},
                      {"events", result.total.events}};
  if (tell.has_amounts()) {
    json["amount_column"] = result.amount_column;
    json["amount"] = tell.Amount(result.total.amount);
  }
  json["total"] = BothJson(tell, result.total, "alerts");
  if (tell.labelled) {
    json["entities"] = {{"before", DetectionJson(result.entities_before)},
                        {"after", DetectionJson(result.entities_after)}};
  }
  json["changed"] = result.changed;
  json["actions"] = OrderedJson::array();
  for (size_t i = 0; i < result.actions.size(); ++i) {
    for (size_t j = 0; j < result.actions.size(); ++j) {
      if (result.actions[i][j] > 0) {
        json["actions"].push_back({{"before", decide::ActionName(decide::Action(i))},
                                   {"after", decide::ActionName(decide::Action(j))},
                                   {"events", result.actions[i][j]}});
      }
    }
  }
  json["rules"] = RulesJson(tell);
  json["days"] = OrderedJson::array();
  for (const auto& [day, both] : result.days) {
    OrderedJson entry = {{"day", DayText(day)}, {"events", both.events}};
    entry.update(BothJson(tell, both, "alerts"));
    json["days"].push_back(std::move(entry));
  }
  json["segments"] = OrderedJson::array();
  for (const auto& [segment, both] : result.segments) {
    OrderedJson entry = {{"segment", segment}, {"events", both.events}};
    entry.update(BothJson(tell, both, "alerts"));
    json["segments"].push_back(std::move(entry));
  }
  json["examples"] = ExamplesJson(tell);
  return json;
}

// The columns that tell BothAlerts in a table, and their cells.
std::vector<std::string> BothHeader(const Telling& tell, std::vector<std::string> header) {
  const Language language = tell.language;
  for (std::string_view name : {Tr("before", language), Tr("now", language), Tr("both", language),
                                Tr("only before", language), Tr("only now", language)}) {
    header.emplace_back(name);
  }
  if (tell.has_amounts()) {
    header.emplace_back(Tr("amount before", language));
    header.emplace_back(Tr("amount now", language));
  }
  if (tell.labelled) {
    header.emplace_back(Tr("precision", language));
    header.emplace_back(Tr("recall", language));
  }
  return header;
}

std::vector<std::string> BothCells(const Telling& tell, const BothAlerts& both,
                                   std::vector<std::string> cells) {
  for (uint64_t n : {both.before.events, both.after.events, both.both,
                     both.before.events - both.both, both.after.events - both.both}) {
    cells.push_back(std::to_string(n));
  }
  if (tell.has_amounts()) {
    cells.push_back(tell.Amount(both.before.amount));
    cells.push_back(tell.Amount(both.after.amount));
  }
  if (tell.labelled) {
    const decide::Detection& before = both.before.detection;
    const decide::Detection& after = both.after.detection;
    cells.push_back(fmt::format("{} → {}", PrecisionText(before), PrecisionText(after)));
    cells.push_back(fmt::format("{} → {}", RecallText(before), RecallText(after)));
  }
  return cells;
}

void PrintTotals(const Telling& tell, std::ostream& out) {
  const Backtest& result = tell.result;
  const Language language = tell.language;
  const BothAlerts& total = result.total;
  auto share = [&](const Alerts& alerts) {
    return Percent(total.events == 0
                       ? 0
                       : static_cast<double>(alerts.events) / static_cast<double>(total.events));
  };
  out << Say(language, "{}: version {} before, {} now; {} events", tell.after.pack().name,
             Version(tell.before), Version(tell.after), total.events)
      << '\n';
  out << Say(language, "alerts: {} ({}) → {} ({}); {} in both, {} only before, {} only now",
             total.before.events, share(total.before), total.after.events, share(total.after),
             total.both, total.before.events - total.both, total.after.events - total.both)
      << '\n';
  if (tell.has_amounts()) {
    out << Say(language, "{} of alerted events: {} → {}, of {} in all", result.amount_column,
               tell.Amount(total.before.amount), tell.Amount(total.after.amount),
               tell.Amount(total.amount))
        << '\n';
  }
  if (tell.labelled) {
    for (auto [of, before, after] :
         {std::tuple(Tr("events", language), total.before.detection, total.after.detection),
          {Tr("entities", language), result.entities_before, result.entities_after}}) {
      out << Say(language, "{}: precision {} → {}, recall {} → {}", of, PrecisionText(before),
                 PrecisionText(after), RecallText(before), RecallText(after))
          << '\n';
    }
  }
}

void PrintActions(const Telling& tell, std::ostream& out) {
  const Language language = tell.language;
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < tell.result.actions.size(); ++i) {
    for (size_t j = 0; j < tell.result.actions.size(); ++j) {
      if (tell.result.actions[i][j] > 0 && i != j) {
        rows.push_back({std::string(decide::ActionName(decide::Action(i))),
                        std::string(decide::ActionName(decide::Action(j))),
                        std::to_string(tell.result.actions[i][j])});
      }
    }
  }
  out << '\n' << Say(language, "{} events get another action", tell.result.changed) << '\n';
  if (!rows.empty()) {
    PrintTable({std::string(Tr("before", language)), std::string(Tr("now", language)),
                std::string(Tr("events", language))},
               rows, out);
  }
}

void PrintRules(const Telling& tell, std::ostream& out) {
  const Language language = tell.language;
  std::vector<std::vector<std::string>> rows;
  for (const decide::RuleBacktest& rule : tell.result.rules) {
    const std::string_view note = !rule.is_after    ? Tr("gone", language)
                                  : !rule.is_before ? Tr("new", language)
                                  : rule.reworded   ? Tr("changed", language)
                                                    : "";
    std::string name(note.empty() ? rule.id : fmt::format("{} ({})", rule.id, note));
    if (rule.is_after ? rule.shadow_after : rule.shadow_before) {
      name += fmt::format(" ({})", Tr("shadow", language));
    }
    rows.push_back(BothCells(tell, rule.hits, {std::move(name)}));
  }
  out << '\n';
  PrintTable(BothHeader(tell, {std::string(Tr("rule", language))}), rows, out);
}

// The days on which the versions differ most, in their order: a year is too long to print.
void PrintDays(const Telling& tell, std::ostream& out) {
  constexpr size_t kShown = 14;
  const Language language = tell.language;
  auto difference = [](const BothAlerts& both) {
    return both.before.events + both.after.events - 2 * both.both;
  };
  std::vector<std::pair<int32_t, const BothAlerts*>> days;
  for (const auto& [day, both] : tell.result.days) {
    days.emplace_back(day, &both);
  }
  if (days.size() > kShown) {
    std::ranges::stable_sort(days, std::greater<>(),
                             [&](const auto& day) { return difference(*day.second); });
    days.resize(kShown);
    std::ranges::sort(days);
    out << '\n'
        << Say(language, "the {} of {} days on which the versions differ most (--json has all)",
               days.size(), tell.result.days.size())
        << '\n';
  } else {
    out << '\n';
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [day, both] : days) {
    rows.push_back(BothCells(tell, *both, {DayText(day), std::to_string(both->events)}));
  }
  PrintTable(
      BothHeader(tell, {std::string(Tr("day", language)), std::string(Tr("events", language))}),
      rows, out);
}

void PrintSegments(const Telling& tell, std::ostream& out) {
  if (tell.result.segments.empty()) {
    return;
  }
  const Language language = tell.language;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [segment, both] : tell.result.segments) {
    rows.push_back(BothCells(tell, both, {segment, std::to_string(both.events)}));
  }
  out << '\n';
  PrintTable(
      BothHeader(tell, {std::string(Tr("segment", language)), std::string(Tr("events", language))}),
      rows, out);
}

void PrintExamples(const Telling& tell, std::ostream& out) {
  if (tell.result.examples.empty()) {
    return;
  }
  const Language language = tell.language;
  std::vector<std::vector<std::string>> rows;
  for (const decide::ChangedEvent& change : tell.result.examples) {
    rows.push_back({change.key, TimestampToText(change.ts_us),
                    std::string(decide::ActionName(change.before)),
                    std::string(decide::ActionName(change.after)),
                    change.amount.is_null() ? "-" : tell.Amount(change.amount.i),
                    fmt::format("{}", fmt::join(change.rules_before, " ")),
                    fmt::format("{}", fmt::join(change.rules_after, " "))});
  }
  out << '\n'
      << Say(language, "the greatest changes, {} of {}", rows.size(), tell.result.changed) << '\n';
  PrintTable({std::string(Tr("event", language)), std::string(Tr("time", language)),
              std::string(Tr("before", language)), std::string(Tr("now", language)),
              tell.has_amounts() ? tell.result.amount_column : std::string(Tr("amount", language)),
              std::string(Tr("rules before", language)), std::string(Tr("rules now", language))},
             rows, out);
}

// Days gathered into so many that a line through them can be read.
struct Buckets {
  int32_t width = 1;  // in days
  std::vector<double> x;
  std::vector<BothAlerts> sums;
};

void AddTo(const Alerts& more, Alerts& sum) {
  sum.events += more.events;
  sum.amount += more.amount;  // of the same events as the total, which fits
  sum.detection.alerted += more.detection.alerted;
  sum.detection.bad_alerted += more.detection.bad_alerted;
  sum.detection.bad += more.detection.bad;
}

Buckets Gather(const std::map<int32_t, BothAlerts>& days) {
  constexpr int32_t kBucketsMax = 130;
  Buckets buckets;
  if (days.empty()) {
    return buckets;
  }
  const int32_t first = days.begin()->first;
  const int64_t span = int64_t{days.rbegin()->first} - first + 1;
  while (span / buckets.width > kBucketsMax) {
    buckets.width = buckets.width == 1 ? 7 : buckets.width * 2;
  }
  // Every bucket is there, those without events with zeros.
  for (int64_t at = 0; at < span; at += buckets.width) {
    buckets.x.push_back(static_cast<double>(first + at));
    buckets.sums.emplace_back();
  }
  for (const auto& [day, both] : days) {
    BothAlerts& sum = buckets.sums[static_cast<size_t>((day - first) / buckets.width)];
    sum.events += both.events;
    AddTo(both.before, sum.before);
    AddTo(both.after, sum.after);
  }
  return buckets;
}

// Of dates: at most seven, at the beginning of buckets.
std::vector<std::pair<double, std::string>> DateTicks(const std::vector<double>& x) {
  constexpr size_t kTicks = 7;
  std::vector<std::pair<double, std::string>> ticks;
  const size_t step = std::max<size_t>(1, (x.size() + kTicks - 2) / (kTicks - 1));
  for (size_t i = 0; i < x.size(); i += step) {
    ticks.emplace_back(x[i], DayText(static_cast<int32_t>(x[i])));
  }
  return ticks;
}

Chart DrawBacktest(const Telling& tell) {
  const Language language = tell.language;
  const Buckets buckets = Gather(tell.result.days);
  Chart chart;
  chart.title = Say(language, "Backtest of {}",
                    tell.after.pack().title.empty() ? tell.after.pack().name
                                                    : tell.after.pack().title.In(language));
  chart.subtitle = Say(language, "version {} before, {} now; {} events; alerts {} → {}",
                       Version(tell.before), Version(tell.after), tell.result.total.events,
                       tell.result.total.before.events, tell.result.total.after.events);
  const std::string by = buckets.width == 1   ? std::string(Tr("by day", language))
                         : buckets.width == 7 ? std::string(Tr("by week", language))
                                              : Say(language, "by {} days", buckets.width);
  auto panel = [&](std::string_view title, bool percent, const auto& of) {
    ChartPanel drawn{.title = fmt::format("{} {}", title, by),
                     .x = buckets.x,
                     .ticks = DateTicks(buckets.x),
                     .percent = percent};
    ChartSeries before{std::string(Tr("before", language)), kOldColour, {}, !percent};
    ChartSeries after{std::string(Tr("now", language)), kNewColour, {}, !percent};
    for (const BothAlerts& sum : buckets.sums) {
      before.values.push_back(of(sum.before));
      after.values.push_back(of(sum.after));
    }
    drawn.series = {std::move(before), std::move(after)};
    chart.panels.push_back(std::move(drawn));
  };
  panel(Tr("alerts", language), false,
        [](const Alerts& alerts) { return static_cast<double>(alerts.events); });
  if (tell.has_amounts()) {
    const double unit = std::pow(10.0, tell.result.amount_type.scale);
    panel(Say(language, "{} of alerted events", tell.result.amount_column), false,
          [&](const Alerts& alerts) { return static_cast<double>(alerts.amount) / unit; });
  }
  if (tell.labelled) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    panel(Tr("precision", language), true, [&](const Alerts& alerts) {
      return alerts.detection.alerted == 0 ? none : alerts.detection.precision();
    });
    panel(Tr("recall", language), true, [&](const Alerts& alerts) {
      return alerts.detection.bad == 0 ? none : alerts.detection.recall();
    });
  }
  return chart;
}

Result<int> RunBacktest(const BacktestArguments& arguments, Context& context) {
  FUQI_RETURN_IF_ERROR(CheckEventInput(arguments.input));
  if (arguments.standing != "own" && arguments.standing != "log") {
    return Err(ErrorCode::kUsage, "--standing takes own or log, not '{}'", arguments.standing);
  }
  if (arguments.standing == "log" && !arguments.input.files.inputs.empty()) {
    return Err(ErrorCode::kUsage, "--standing log needs the events of a log");
  }
  if (!arguments.chart.empty()) {
    FUQI_RETURN_IF_ERROR(CheckChartPath(arguments.chart));
  }
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto before, FindVersion(arguments.before, arguments.input.log, *binder));
  FUQI_ASSIGN_OR_RETURN(auto after, FindVersion(arguments.after, arguments.input.log, *binder));
  OwnerEngine owner(context.home);
  FUQI_ASSIGN_OR_RETURN(
      std::optional<decide::Labels> labels,
      ReadLabels(arguments.input.labels, arguments.input.files.sources, owner, *after, *binder));
  const decide::BacktestOptions options{
      .labels = labels ? &*labels : nullptr,
      .amount = arguments.amount,
      .segment = arguments.segment,
      .examples = arguments.examples,
      .standing = arguments.standing == "own" ? decide::BacktestOptions::Standing::kOwn
                                              : decide::BacktestOptions::Standing::kLogged};
  FUQI_ASSIGN_OR_RETURN(decide::BacktestRun run,
                        decide::BacktestRun::Start(before, after, *binder, options));
  FUQI_RETURN_IF_ERROR(Feed(
      context, arguments.input, owner, *after, *binder,
      [&](const decide::Event& event) { return run.Add(event); },
      [&](const decide::Change& change, uint64_t seq) { return run.Apply(change, seq); }));
  const Backtest result = run.Finish();
  const Telling tell{result, *before, *after, labels.has_value(), context.language};
  if (!arguments.chart.empty()) {
    FUQI_RETURN_IF_ERROR(WriteChart(DrawBacktest(tell), arguments.chart));
  }
  if (context.json) {
    context.out << ResultJson(tell).dump() << '\n';
    return 0;
  }
  PrintTotals(tell, context.out);
  PrintActions(tell, context.out);
  PrintRules(tell, context.out);
  PrintDays(tell, context.out);
  PrintSegments(tell, context.out);
  PrintExamples(tell, context.out);
  return 0;
}

}  // namespace

void AddBacktestCommand(Cli& cli) {
  auto arguments = std::make_shared<BacktestArguments>();
  CLI::App* command = cli.Command(
      cli.root(), "backtest", cli.Text("Compare two versions of a pack over a file or a log"),
      [arguments](Context& context) { return RunBacktest(*arguments, context); });
  command
      ->add_option("OLD", arguments->before,
                   cli.Text("The version before: its folder, or a hash in the log"))
      ->required();
  command
      ->add_option("NEW", arguments->after,
                   cli.Text("The version to judge: its folder, or a hash in the log"))
      ->required();
  AddEventInput(cli, *command, arguments->input);
  command
      ->add_option("--amount", arguments->amount,
                   cli.Text("Column of money (default: the first of class 业务-交易-金额)"))
      ->type_name("COLUMN");
  command
      ->add_option("--segment", arguments->segment,
                   cli.Text("SQL expression over the event's columns to tell figures apart by"))
      ->type_name("SQL");
  command
      ->add_option("--examples", arguments->examples,
                   cli.Text("How many events of another action to list"))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--standing", arguments->standing,
                   cli.Text("What binds accounts: what each version's own decisions lay, or what "
                            "stood by the log"))
      ->type_name("own|log")
      ->capture_default_str();
  command->add_option("--chart", arguments->chart, cli.Text("Draw charts into this .svg or .png"))
      ->type_name("FILE");
}

}  // namespace fuqi::node
