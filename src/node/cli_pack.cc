// fuqi pack: check, test, diff.

#include <ostream>

#include "base/messages.h"
#include "base/time.h"
#include "decide/diff.h"
#include "decide/scenario.h"
#include "node/cli.h"
#include "node/event_input.h"
#include "node/owner_query.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

struct PackOptions {
  std::string dir;
  FileInput files;
  bool lineage = false;
  bool open_lineage = false;
};

// Whether the window stays exact when events are sharded by the pack's partition column.
bool ExactWhenSharded(const decide::CompiledPack& pack, const sql::Level& level,
                      const sql::Window& window) {
  const int column = table::FindColumn(level.input, pack.pack().partition);
  return column >= 0 &&
         std::any_of(window.partitions.begin(), window.partitions.end(), [&](const sql::Expr& e) {
           return e.kind == sql::Expr::Kind::kColumn && e.column == column;
         });
}

// The level that each feature belongs to, in the pack's order; -1: it is no SQL.
std::vector<int> LevelsOf(const decide::CompiledPack& pack) {
  std::vector<int> levels(pack.pack().features.size(), -1);
  for (size_t level = 0; level < pack.feature_outputs().size(); ++level) {
    for (const auto& output : pack.feature_outputs()[level]) {
      levels[output.index] = static_cast<int>(level);
    }
  }
  return levels;
}

const sql::ColumnLineage* LineageOf(const decide::CompiledPack& pack, std::string_view output) {
  for (const sql::ColumnLineage& lineage : pack.lineage()) {
    if (lineage.output == output) {
      return &lineage;
    }
  }
  return nullptr;
}

OrderedJson ColumnsJson(const decide::Pack& pack) {
  OrderedJson columns = OrderedJson::array();
  for (size_t i = 0; i < pack.columns.size(); ++i) {
    const decide::EventColumn& column = pack.columns[i];
    OrderedJson tables = OrderedJson::array();
    for (const decide::EventKind& kind : pack.kinds) {
      if (!kind.Lacks(i)) {
        tables.push_back(kind.name);
      }
    }
    columns.push_back({{"name", column.name},
                       {"type", column.type.ToString()},
                       {"nullable", column.nullable},
                       {"class", column.class_path},
                       {"tables", std::move(tables)}});
  }
  return columns;
}

OrderedJson ReferencesJson(const decide::Pack& pack) {
  OrderedJson references = OrderedJson::array();
  for (const decide::Reference& reference : pack.references) {
    OrderedJson columns = OrderedJson::array();
    for (size_t i = 0; i < reference.schema.size(); ++i) {
      const table::Column& column = reference.schema[i];
      columns.push_back({{"name", column.name},
                         {"type", column.type.ToString()},
                         {"key", i < reference.keys},
                         {"class", reference.class_paths[i]}});
    }
    references.push_back({{"name", reference.name}, {"columns", std::move(columns)}});
  }
  return references;
}

OrderedJson RulesJson(const decide::Pack& pack) {
  OrderedJson rules = OrderedJson::array();
  for (const decide::Rule& rule : pack.rules) {
    rules.push_back({{"id", rule.id},
                     {"then", decide::ActionName(rule.then)},
                     {"shadow", rule.shadow},
                     {"clause", rule.clause}});
    for (size_t kind : rule.on) {
      rules.back()["on"].push_back(pack.kinds[kind].name);
    }
    if (rule.standing) {
      OrderedJson standing = {{"kind", pack.standing[rule.standing->kind].name},
                              {"subject", pack.columns[rule.standing->column].name}};
      if (rule.standing->for_us > 0) {
        standing["for_us"] = rule.standing->for_us;
      }
      const std::optional<decide::Allowance>& allowance = rule.standing->allowance;
      if (!rule.standing->limit.empty()) {
        standing[allowance ? "allow" : "above"] = rule.standing->limit;
      }
      if (allowance && allowance->per_us > 0) {
        standing["per_us"] = allowance->per_us;
      }
      rules.back()["standing"] = std::move(standing);
    }
  }
  return rules;
}

OrderedJson AnomaliesJson(const decide::CompiledPack& compiled) {
  OrderedJson anomalies = OrderedJson::array();
  for (size_t a = 0; a < compiled.anomalies().size(); ++a) {
    const decide::Anomaly& anomaly = compiled.pack().anomalies[a];
    const decide::HalfSpaceShape& shape = anomaly.shape;
    anomalies.push_back({{"name", anomaly.name},
                         {"level", compiled.anomalies()[a].after + 1},
                         {"inputs", shape.inputs.size()},
                         {"window", shape.window},
                         {"trees", shape.trees},
                         {"depth", shape.depth},
                         {"steps_max", decide::HalfSpaceSteps(shape)},
                         {"bytes", decide::HalfSpaceBytes(shape)}});
  }
  return anomalies;
}

OrderedJson CheckJson(const decide::CompiledPack& compiled, bool lineage, Language language) {
  const decide::Pack& pack = compiled.pack();
  OrderedJson json = {{"pack", pack.name},
                      {"hash", ToHex(pack.hash)},
                      {"event_tables", OrderedJson::array()},
                      {"key", pack.key},
                      {"time", pack.time},
                      {"partition", pack.partition},
                      {"lateness_us", pack.lateness_us},
                      {"default_action", decide::ActionName(pack.default_action)},
                      {"truncated_action", decide::ActionName(pack.truncated_action)},
                      {"steps_max", compiled.steps_max()}};
  for (const decide::EventKind& kind : pack.kinds) {
    json["event_tables"].push_back(kind.name);
  }
  json["columns"] = ColumnsJson(pack);
  json["references"] = ReferencesJson(pack);
  const std::vector<int> levels = LevelsOf(compiled);
  json["features"] = OrderedJson::array();
  for (size_t i = 0; i < pack.features.size(); ++i) {
    const sql::ColumnLineage* own = LineageOf(compiled, pack.features[i].name);
    json["features"].push_back(
        {{"name", pack.features[i].name},
         {"type", compiled.feature_schema()[i].type.ToString()},
         {"level", levels[i] < 0 ? OrderedJson(nullptr) : OrderedJson(levels[i])},
         {"sql", pack.features[i].said()},
         {"windows", own == nullptr ? std::vector<std::string>() : own->windows}});
  }
  json["windows"] = OrderedJson::array();
  for (size_t level = 0; level < compiled.feature_levels().size(); ++level) {
    const sql::Level& l = compiled.feature_levels()[level];
    for (const sql::Window& window : l.windows) {
      json["windows"].push_back(
          {{"level", level},
           {"sql", sql::ToSql(window, l.input, l.time)},
           {"keeps_us", window.reach_us() ? OrderedJson(*window.reach_us() + pack.lateness_us)
                                          : OrderedJson(nullptr)},
           {"exact_when_sharded", ExactWhenSharded(compiled, l, window)}});
    }
  }
  json["graphs"] = OrderedJson::array();
  for (size_t g = 0; g < pack.graphs.size(); ++g) {
    const decide::GraphShape& shape = compiled.graphs()[g].shape;
    json["graphs"].push_back({{"name", pack.graphs[g].name},
                              {"keeps_us", shape.window_us + shape.lateness_us},
                              {"degree_max", shape.degree_max},
                              {"steps_max", decide::GraphStepsMax(shape)},
                              {"edge_bytes", decide::GraphEdgeBytes(shape)},
                              {"vertex_bytes", decide::GraphVertexBytes(shape)}});
  }
  json["anomalies"] = AnomaliesJson(compiled);
  json["rules"] = RulesJson(pack);
  json["findings"] = OrderedJson::array();
  for (const Error& finding : compiled.Findings()) {
    json["findings"].push_back(ErrorJson(finding, language));
  }
  if (lineage) {
    json["lineage"] = LineageJson(compiled.lineage());
  }
  return json;
}

void PrintGraphs(const decide::CompiledPack& compiled, Language language, std::ostream& out) {
  if (compiled.graphs().empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (size_t g = 0; g < compiled.graphs().size(); ++g) {
    const decide::GraphShape& shape = compiled.graphs()[g].shape;
    rows.push_back({compiled.pack().graphs[g].name,
                    DurationToText(Duration{shape.window_us + shape.lateness_us}),
                    std::to_string(shape.degree_max), std::to_string(decide::GraphStepsMax(shape)),
                    std::to_string(decide::GraphEdgeBytes(shape)),
                    std::to_string(decide::GraphVertexBytes(shape))});
  }
  out << '\n';
  PrintTable(
      {std::string(Tr("graph", language)), std::string(Tr("state kept", language)),
       std::string(Tr("hub beyond", language)), std::string(Tr("steps an event", language)),
       std::string(Tr("bytes an edge", language)), std::string(Tr("bytes a vertex", language))},
      rows, out);
}

void PrintAnomalies(const decide::Pack& pack, Language language, std::ostream& out) {
  if (pack.anomalies.empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(pack.anomalies.size());
  for (const decide::Anomaly& anomaly : pack.anomalies) {
    const decide::HalfSpaceShape& shape = anomaly.shape;
    rows.push_back({anomaly.name, std::to_string(shape.inputs.size()), std::to_string(shape.window),
                    std::to_string(shape.trees), std::to_string(shape.depth),
                    std::to_string(decide::HalfSpaceSteps(shape)),
                    std::to_string(decide::HalfSpaceBytes(shape))});
  }
  out << '\n';
  PrintTable({std::string(Tr("anomaly", language)), std::string(Tr("inputs", language)),
              std::string(Tr("events a window", language)), std::string(Tr("trees", language)),
              std::string(Tr("depth", language)), std::string(Tr("steps an event", language)),
              std::string(Tr("bytes", language))},
             rows, out);
}

void PrintRules(const decide::Pack& pack, Language language, std::ostream& out) {
  out << '\n';
  std::vector<std::vector<std::string>> rows;
  rows.reserve(pack.rules.size());
  for (const decide::Rule& rule : pack.rules) {
    std::string action(decide::ActionName(rule.then));
    for (size_t i = 0; i < rule.on.size(); ++i) {
      action += fmt::format("{}{}", i == 0 ? " @ " : ", ", pack.kinds[rule.on[i]].name);
    }
    if (rule.shadow) {
      action += fmt::format(" ({})", Tr("shadow", language));
    }
    if (rule.standing) {
      action += fmt::format(" · {}", pack.columns[rule.standing->column].name);
      if (rule.standing->for_us > 0) {
        action += " " + DurationIn(Duration{rule.standing->for_us}, language);
      }
      const std::optional<decide::Allowance>& allowance = rule.standing->allowance;
      if (!rule.standing->limit.empty()) {
        action += (allowance ? " Σ > " : " > ") + rule.standing->limit;
      }
      if (allowance && allowance->per_us > 0) {
        action += " / " + DurationIn(Duration{allowance->per_us}, language);
      }
    }
    rows.push_back({rule.id, std::move(action), rule.reason.In(language), rule.clause});
  }
  PrintTable({std::string(Tr("rule", language)), std::string(Tr("action", language)),
              std::string(Tr("reason", language)), std::string(Tr("clause", language))},
             rows, out);
}

void PrintCheck(const decide::CompiledPack& compiled, const PackOptions& options,
                Context& context) {
  const decide::Pack& pack = compiled.pack();
  const Language language = context.language;
  std::ostream& out = context.out;
  out << fmt::format("{} · {}\n{} {}\n", pack.name, pack.title.In(language), Tr("hash", language),
                     ToHex(pack.hash));
  out << Say(language, "table {}: key {}, time {}, partition {}, lateness {}", pack.event_table,
             pack.key, pack.time, pack.partition, DurationIn(Duration{pack.lateness_us}, language))
      << "\n\n";
  std::vector<std::vector<std::string>> rows;
  rows.reserve(pack.features.size());
  const std::vector<int> levels = LevelsOf(compiled);
  for (size_t i = 0; i < pack.features.size(); ++i) {
    rows.push_back({pack.features[i].name, compiled.feature_schema()[i].type.ToString(),
                    levels[i] < 0 ? pack.features[i].said() : std::to_string(levels[i]),
                    pack.features[i].title.In(language)});
  }
  PrintTable({std::string(Tr("feature", language)), std::string(Tr("type", language)),
              std::string(Tr("level", language)), std::string(Tr("meaning", language))},
             rows, out);
  out << '\n';
  rows.clear();
  for (size_t level = 0; level < compiled.feature_levels().size(); ++level) {
    const sql::Level& l = compiled.feature_levels()[level];
    for (const sql::Window& window : l.windows) {
      const auto reach_us = window.reach_us();
      rows.push_back({std::to_string(level),
                      reach_us ? DurationIn(Duration{*reach_us + pack.lateness_us}, language)
                               : std::string(Tr("from the first event on", language)),
                      std::string(ExactWhenSharded(compiled, l, window) ? Tr("yes", language)
                                                                        : Tr("no", language)),
                      sql::ToSql(window, l.input, l.time)});
    }
  }
  PrintTable({std::string(Tr("level", language)), std::string(Tr("state kept", language)),
              std::string(Tr("exact when sharded", language)), std::string(Tr("window", language))},
             rows, out);
  PrintGraphs(compiled, language, out);
  PrintAnomalies(pack, language, out);
  PrintRules(pack, language, out);
  if (options.lineage) {
    out << '\n';
    PrintLineage(compiled.lineage(), language, out);
  }
  out << '\n'
      << Say(language,
             "an event takes at most {} instructions beside its windows, graphs and anomalies",
             compiled.steps_max())
      << '\n';
  for (const Error& finding : compiled.Findings()) {
    out << "⚠ " << finding.ToString(language) << '\n';
  }
}

Result<int> Check(const PackOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, CompilePackIn(options.dir, *binder));
  if (options.open_lineage) {
    context.out << sql::ToOpenLineage(compiled->lineage(), "fuqi:" + compiled->pack().name,
                                      compiled->pack().event_table)
                << '\n';
  } else if (context.json) {
    context.out << CheckJson(*compiled, options.lineage, context.language).dump() << '\n';
  } else {
    PrintCheck(*compiled, options, context);
  }
  return 0;
}

OrderedJson TestJson(const decide::ScenarioReport& report, Language language) {
  OrderedJson json = {{"passed", report.passed()}, {"scenarios", OrderedJson::array()}};
  for (const decide::ScenarioResult& result : report.scenarios) {
    OrderedJson failures = OrderedJson::array();
    for (const Error& failure : result.failures) {
      failures.push_back(ErrorJson(failure, language));
    }
    json["scenarios"].push_back({{"name", {{"zh", result.name.zh}, {"en", result.name.en}}},
                                 {"file", result.where.file},
                                 {"line", result.where.line},
                                 {"events", result.events},
                                 {"checked", result.checked.size()},
                                 {"failures", std::move(failures)}});
  }
  json["uncovered"] = OrderedJson::array();
  for (const Error& missing : report.uncovered) {
    json["uncovered"].push_back(ErrorJson(missing, language));
  }
  return json;
}

Result<int> Test(const PackOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, CompilePackIn(options.dir, *binder));
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::Scenario> scenarios, decide::ParseScenarios(*compiled));
  const decide::ScenarioReport report = decide::RunScenarios(*compiled, scenarios);
  const Language language = context.language;
  if (context.json) {
    context.out << TestJson(report, language).dump() << '\n';
    return report.passed() ? 0 : 1;
  }
  size_t failed = 0;
  for (const decide::ScenarioResult& result : report.scenarios) {
    failed += result.failures.empty() ? 0 : 1;
    context.out << (result.failures.empty() ? "✓ " : "✗ ")
                << decide::ScenarioSentence(*compiled, result, language) << '\n';
    for (const Error& failure : result.failures) {
      context.out << "    " << failure.ToString(language) << '\n';
    }
  }
  for (const Error& missing : report.uncovered) {
    context.out << "✗ " << missing.ToString(language) << '\n';
  }
  context.out << Say(language, "{} scenarios, {} failed; {} conditions without one",
                     report.scenarios.size(), failed, report.uncovered.size())
              << '\n';
  return report.passed() ? 0 : 1;
}

OrderedJson DiffJson(const decide::DiffResult& diff) {
  OrderedJson first = OrderedJson::array();
  for (const decide::Mismatch& mismatch : diff.first) {
    first.push_back({{"row", mismatch.row},
                     {"key", mismatch.key},
                     {"column", mismatch.column},
                     {"batch", mismatch.batch},
                     {"stream", mismatch.stream}});
  }
  return {{"events", diff.events},
          {"cells", diff.cells},
          {"mismatches", diff.mismatches},
          {"tolerated", diff.tolerated},
          {"out_of_bounds", diff.out_of_bounds},
          {"first", std::move(first)}};
}

Result<int> Diff(const PackOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(auto compiled, CompilePackIn(options.dir, *binder));
  OwnerEngine owner(context.home);
  const decide::DataAccess access = owner.Access(*binder);
  FUQI_ASSIGN_OR_RETURN(std::vector<decide::SourceFile> files, SourceFiles(options.files));
  FUQI_ASSIGN_OR_RETURN(decide::SourcePlan plan, decide::OpenSources(access, *compiled, files));
  Progress progress(context, Tr("events compared", context.language));
  FUQI_ASSIGN_OR_RETURN(
      decide::DiffResult diff,
      decide::Diff(access, compiled, plan, [&](uint64_t done) { progress.Update(done, 0); }));
  progress.Finish();
  const Language language = context.language;
  if (context.json) {
    context.out << DiffJson(diff).dump() << '\n';
  } else {
    context.out << Say(language,
                       "{} events, {} cells compared: {} mismatches, {} within the "
                       "stated bound; {} events out of time bounds",
                       diff.events, diff.cells, diff.mismatches, diff.tolerated, diff.out_of_bounds)
                << '\n';
    if (!diff.first.empty()) {
      std::vector<std::vector<std::string>> rows;
      rows.reserve(diff.first.size());
      for (const decide::Mismatch& m : diff.first) {
        rows.push_back({std::to_string(m.row), m.key, m.column, m.batch, m.stream});
      }
      PrintTable({std::string(Tr("row", language)), std::string(Tr("key", language)),
                  std::string(Tr("column", language)), std::string(Tr("batch", language)),
                  std::string(Tr("stream", language))},
                 rows, context.out);
    }
  }
  return diff.mismatches == 0 ? 0 : 1;
}

}  // namespace

void AddPackCommands(Cli& cli) {
  CLI::App* group =
      cli.Group("pack", cli.Text("Check, test and compare packs; publish them on a running node"));
  auto options = std::make_shared<PackOptions>();
  auto dir = [&](CLI::App* command) {
    command->add_option("DIR", options->dir, cli.Text("Folder of the pack"))->required();
    return command;
  };
  CLI::App* check =
      dir(cli.Command(group, "check", cli.Text("Compile a pack and say what it consists of"),
                      [options](Context& context) { return Check(*options, context); }));
  check->add_flag("--lineage", options->lineage,
                  cli.Text("Print which columns each feature and rule depends on"));
  check->add_flag("--openlineage", options->open_lineage,
                  cli.Text("Print the lineage as an OpenLineage facet"));
  dir(cli.Command(group, "test", cli.Text("Run a pack's scenarios"),
                  [options](Context& context) { return Test(*options, context); }));
  CLI::App* diff =
      dir(cli.Command(group, "diff", cli.Text("Compare batch and stream on a file, cell by cell"),
                      [options](Context& context) { return Diff(*options, context); }));
  AddFileInput(cli, *diff, options->files);
  AddVersionCommands(cli, group);
}

}  // namespace fuqi::node
