// fuqi tune.

#include <charconv>
#include <ostream>

#include "base/messages.h"
#include "decide/tune.h"
#include "node/chart.h"
#include "node/cli.h"
#include "node/event_input.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

using decide::TunedThreshold;
using decide::TunePoint;
using decide::Tuning;

struct TuneArguments {
  std::string dir;
  EventInput input;
  decide::TuneOptions options;
  std::string missed = "amount";
  std::string chart;
};

OrderedJson PointJson(const TunePoint& point) {
  const decide::Detection& d = point.detection;
  return {{"threshold", point.threshold},
          {"hits", point.hits},
          {"alerts", d.alerted},
          {"precision", d.alerted == 0 ? OrderedJson(nullptr) : OrderedJson(d.precision())},
          {"recall", d.bad == 0 ? OrderedJson(nullptr) : OrderedJson(d.recall())},
          {"cost", point.cost}};
}

OrderedJson TuningJson(const std::string& rule, const Tuning& tuning) {
  OrderedJson json = {{"rule", rule},
                      {"events", tuning.events},
                      {"bad", tuning.bad},
                      {"thresholds", OrderedJson::array()}};
  for (const TunedThreshold& tuned : tuning.thresholds) {
    OrderedJson points = OrderedJson::array();
    for (const TunePoint& point : tuned.points) {
      points.push_back(PointJson(point));
    }
    json["thresholds"].push_back(
        {{"comparison", tuned.comparison},
         {"current", PointJson(tuned.points[tuned.now])},
         {"best", PointJson(tuned.points[tuned.best])},
         {"flat_from", tuned.points[tuned.flat_from].threshold},
         {"flat_to", tuned.points[tuned.flat_to].threshold},
         {"when",
          tuned.better_when.empty() ? OrderedJson(nullptr) : OrderedJson(tuned.better_when)},
         {"points", std::move(points)}});
  }
  return json;
}

// About as many points as a screen takes, the ones that matter among them.
std::vector<size_t> Shown(const TunedThreshold& tuned) {
  constexpr size_t kRows = 18;
  const size_t step = std::max<size_t>(1, tuned.points.size() / kRows);
  std::vector<size_t> shown;
  for (size_t i = 0; i < tuned.points.size(); ++i) {
    if (i % step == 0 || i == tuned.best || i == tuned.now) {
      shown.push_back(i);
    }
  }
  return shown;
}

void PrintAdvice(const TunedThreshold& tuned, Language language, std::ostream& out) {
  const TunePoint& best = tuned.points[tuned.best];
  const TunePoint& now = tuned.points[tuned.now];
  if (tuned.best == tuned.now) {
    out << Say(language, "{} costs least already: {:.2f}", tuned.current, now.cost) << '\n';
  } else {
    out << Say(language, "{} costs least: {:.2f}, against {:.2f} with {} now", best.threshold,
               best.cost, now.cost, tuned.current)
        << '\n';
  }
  if (tuned.flat_from == tuned.flat_to) {
    out << Tr("a knife-edge: the values beside it cost more than 5 % more", language) << '\n';
  } else {
    out << Say(language, "flat: from {} to {} it costs at most 5 % more",
               tuned.points[tuned.flat_from].threshold, tuned.points[tuned.flat_to].threshold)
        << '\n';
  }
  if (!tuned.better_when.empty()) {
    out << Tr("the line to change:", language) << "\n  when = \"" << tuned.better_when << "\"\n";
  }
}

void PrintTuning(const std::string& rule, const Tuning& tuning, Context& context) {
  const Language language = context.language;
  std::ostream& out = context.out;
  out << Say(language, "rule {}: {} events of which something is known, {} of them bad", rule,
             tuning.events, tuning.bad)
      << '\n';
  for (const TunedThreshold& tuned : tuning.thresholds) {
    out << '\n' << tuned.comparison << '\n';
    std::vector<std::vector<std::string>> rows;
    for (size_t i : Shown(tuned)) {
      const TunePoint& point = tuned.points[i];
      const decide::Detection& d = point.detection;
      std::string note(i == tuned.now ? Tr("current", language) : "");
      if (i == tuned.best) {
        note += fmt::format("{}{}", note.empty() ? "" : ", ", Tr("least", language));
      }
      rows.push_back({fmt::format("{}", point.threshold), std::to_string(point.hits),
                      std::to_string(d.alerted), d.alerted == 0 ? "-" : Percent(d.precision()),
                      d.bad == 0 ? "-" : Percent(d.recall()), fmt::format("{:.2f}", point.cost),
                      std::move(note)});
    }
    PrintTable(
        {std::string(Tr("threshold", language)), std::string(Tr("hits", language)),
         std::string(Tr("alerts of the pack", language)), std::string(Tr("precision", language)),
         std::string(Tr("recall", language)), std::string(Tr("cost", language)), " "},
        rows, out);
    PrintAdvice(tuned, language, out);
  }
}

Chart DrawTuning(const std::string& rule, const Tuning& tuning, Language language) {
  Chart chart;
  chart.title = Say(language, "What thresholds of {} cost", rule);
  chart.subtitle = Say(language, "rule {}: {} events of which something is known, {} of them bad",
                       rule, tuning.events, tuning.bad);
  for (const TunedThreshold& tuned : tuning.thresholds) {
    ChartPanel cost{.title = fmt::format("{} · {}", tuned.comparison, Tr("cost", language))};
    ChartPanel quality{.title = fmt::format("{} · {}", tuned.comparison, Tr("quality", language)),
                       .percent = true};
    ChartSeries costs{std::string(Tr("cost", language)), kNewColour, {}, true};
    ChartSeries precision{std::string(Tr("precision", language)), kNewColour, {}, false};
    ChartSeries recall{std::string(Tr("recall", language)), kThirdColour, {}, false};
    for (const TunePoint& point : tuned.points) {
      cost.x.push_back(point.threshold);
      costs.values.push_back(point.cost);
      precision.values.push_back(point.detection.precision());
      recall.values.push_back(point.detection.recall());
    }
    for (double tick : NiceTicks(cost.x.front(), cost.x.back())) {
      if (tick >= cost.x.front() && tick <= cost.x.back()) {
        cost.ticks.emplace_back(tick, fmt::format("{:.6g}", tick));
      }
    }
    cost.marks.push_back({tuned.current, std::string(Tr("current", language)), kOldColour});
    if (tuned.best != tuned.now) {
      cost.marks.push_back(
          {tuned.points[tuned.best].threshold, std::string(Tr("least", language)), kThirdColour});
    }
    quality.x = cost.x;
    quality.ticks = cost.ticks;
    quality.marks = cost.marks;
    cost.series = {std::move(costs)};
    quality.series = {std::move(precision), std::move(recall)};
    chart.panels.push_back(std::move(cost));
    chart.panels.push_back(std::move(quality));
  }
  return chart;
}

Result<std::optional<double>> ReadMissed(const std::string& text) {
  if (text == "amount") {
    return std::optional<double>();
  }
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) {
    return Err(ErrorCode::kUsage, "--cost-fn takes a number or the word amount, not '{}'", text);
  }
  return std::optional<double>(value);
}

Result<int> RunTune(TuneArguments arguments, Context& context) {
  FUQI_RETURN_IF_ERROR(CheckEventInput(arguments.input));
  if (arguments.input.labels.empty()) {
    return Err(ErrorCode::kUsage, "--labels is needed: costs are those of known history");
  }
  if (!arguments.chart.empty()) {
    FUQI_RETURN_IF_ERROR(CheckChartPath(arguments.chart));
  }
  FUQI_ASSIGN_OR_RETURN(arguments.options.missed, ReadMissed(arguments.missed));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto pack, FindVersion(arguments.dir, arguments.input.log, *binder));
  OwnerEngine owner(context.home);
  FUQI_ASSIGN_OR_RETURN(
      std::optional<decide::Labels> labels,
      ReadLabels(arguments.input.labels, arguments.input.files.sources, owner, *pack, *binder));
  FUQI_ASSIGN_OR_RETURN(decide::Tuner tuner,
                        decide::Tuner::Start(pack, *labels, arguments.options));
  FUQI_RETURN_IF_ERROR(Feed(
      context, arguments.input, owner, *pack, *binder,
      [&](const decide::Event& event) { return tuner.Add(event); },
      [&](const decide::Change& change, uint64_t seq) { return tuner.Apply(change, seq); }));
  const Tuning tuning = tuner.Finish();
  const std::string& rule = arguments.options.rule;
  if (!arguments.chart.empty()) {
    FUQI_RETURN_IF_ERROR(WriteChart(DrawTuning(rule, tuning, context.language), arguments.chart));
  }
  if (context.json) {
    context.out << TuningJson(rule, tuning).dump() << '\n';
  } else {
    PrintTuning(rule, tuning, context);
  }
  return 0;
}

}  // namespace

void AddTuneCommand(Cli& cli) {
  auto arguments = std::make_shared<TuneArguments>();
  CLI::App* command =
      cli.Command(cli.root(), "tune", cli.Text("Weigh the thresholds of a rule by what they cost"),
                  [arguments](Context& context) { return RunTune(*arguments, context); });
  command->add_option("DIR", arguments->dir, cli.Text("Folder of the pack"))->required();
  AddEventInput(cli, *command, arguments->input);
  command->add_option("--rule", arguments->options.rule, cli.Text("The rule's id"))
      ->required()
      ->type_name("ID");
  command
      ->add_option("--cost-fp", arguments->options.false_alert,
                   cli.Text("What alerting a good event costs"))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--cost-fn", arguments->missed,
                   cli.Text("What missing a bad event costs: a number, or its amount"))
      ->type_name("N|amount")
      ->capture_default_str();
  command
      ->add_option("--amount", arguments->options.amount,
                   cli.Text("Column of money (default: the first of class 业务-交易-金额)"))
      ->type_name("COLUMN");
  command->add_option("--chart", arguments->chart, cli.Text("Draw charts into this .svg or .png"))
      ->type_name("FILE");
}

}  // namespace fuqi::node
