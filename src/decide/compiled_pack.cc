#include "decide/compiled_pack.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/check.h"
#include "base/nearest.h"
#include "sql/bind.h"
#include "sql/functions.h"
#include "sql/helpers.h"
#include "sql/parsed_tree.h"
#include "sql/window_state.h"
#include "table/binder.h"

namespace fuqi::decide {
namespace {

sql::Fragment ToSqlFragment(std::string name, const Fragment& fragment) {
  return {.name = std::move(name),
          .text = fragment.text,
          .place = [fragment](size_t offset) { return fragment.At(static_cast<int64_t>(offset)); },
          .generated = !fragment.parts.empty()};
}

void ForEachWindow(const sql::Expr& expr, const std::function<void(int)>& visit) {
  if (expr.kind == sql::Expr::Kind::kWindow) {
    visit(expr.column);
  }
  for (const sql::Expr& child : expr.children) {
    ForEachWindow(child, visit);
  }
}

// Whether the expression itself, not a window in it, reads one of the columns marked.
bool ReadsAny(const sql::Expr& expr, const std::vector<bool>& columns) {
  return (expr.kind == sql::Expr::Kind::kColumn && columns[expr.column]) ||
         std::ranges::any_of(expr.children,
                             [&](const sql::Expr& child) { return ReadsAny(child, columns); });
}

// Whether every value of the type fits 64 bits.
bool FitsInt64(table::Type type) {
  if (!type.is_exact_number()) {
    return false;
  }
  const sql::Bounds bounds = sql::BoundsOf(type);
  return bounds.low >= INT64_MIN && bounds.high <= INT64_MAX;
}

bool ReadsWindows(const sql::Expr& expr) {
  bool reads = false;
  ForEachWindow(expr, [&](int) { reads = true; });
  return reads;
}

}  // namespace

std::string RuleColumn(const Rule& rule) { return "rule:" + rule.id; }

// Levels of features that have none.
constexpr int kGiven = -1;  // of a lookup or a graph, or of an anomaly that reads no other
constexpr int kUnplaced = -2;

// One run of CompiledPack::Compile.
class PackCompiler {
 public:
  PackCompiler(CompiledPack& out, table::Binder& binder)
      : out_(out),
        pack_(out.pack_),
        binder_(binder),
        lookups_(pack_, binder),
        windows_(out.windows_) {}

  Result<void> Run() {
    FUQI_RETURN_IF_ERROR(CheckNames());
    FUQI_RETURN_IF_ERROR(BindLookups());
    FUQI_RETURN_IF_ERROR(ParseWindows());
    FUQI_RETURN_IF_ERROR(CheckMade());
    FUQI_RETURN_IF_ERROR(ParseAnomalies());
    FUQI_RETURN_IF_ERROR(ParseFeatures());
    FUQI_RETURN_IF_ERROR(OrderFeatures());
    FUQI_RETURN_IF_ERROR(BindGraphs());
    PlaceAnomalies();
    FUQI_RETURN_IF_ERROR(BindFeatures());
    FUQI_RETURN_IF_ERROR(BindRules());
    TraceLineage();
    return {};
  }

 private:
  // What a feature or window reads, by index.
  struct Reads {
    std::vector<size_t> features;
    std::vector<size_t> windows;
  };

  Result<void> CheckNames();
  // Gathers what any fragment looks up, and makes features of it.
  Result<void> BindLookups();
  // The fragment with helpers written out, and what it looks up as columns.
  Result<sql::Fragment> Read(std::string name, const Fragment& fragment) {
    FUQI_ASSIGN_OR_RETURN(const sql::Fragment written,
                          sql::WriteOutHelpers(ToSqlFragment(std::move(name), fragment)));
    return lookups_.Replace(written);
  }
  Result<void> ParseWindows();
  // What features and conditions are made of, before it is part of them.
  Result<void> CheckMade();
  Result<void> ParseAnomalies();
  Result<void> ParseFeatures();
  Result<void> OrderFeatures();
  Result<void> BindGraphs();
  Result<CompiledPack::BoundGraph> BindGraph(size_t number);
  static Result<void> CheckGraphInput(const Graph& graph, const CompiledPack::BoundGraph& bound,
                                      size_t i, size_t nodes, const sql::Fragment& item);
  // Their features become columns to all levels.
  void PlaceAnomalies();
  // Those that are filled in behind this level.
  Result<void> BindAnomalies(int after);
  Result<void> BindFeatures();
  Result<void> BindRules();
  void TraceLineage();
  void TraceAnomalies(table::Schema& known, std::vector<sql::ColumnLineage>& given) const;

  // Resolves names of columns and features; kNotFound for others.
  Result<void> Resolve(const sql::Fragment& fragment, const std::vector<sql::Reference>& names,
                       Reads& reads) const;
  Result<void> Place(size_t feature, std::vector<size_t>& path);
  // Binds the fragments over the event's columns and the features placed so far.
  Result<sql::Level> Bind(const std::vector<sql::Fragment>& items,
                          const std::vector<sql::Fragment>& windows);
  Result<void> CheckStreams(const sql::Level& level, const std::vector<size_t>& members) const;
  Result<CompiledPack::Output> CompileOutput(const sql::Fragment& fragment,
                                             const sql::Level::Output& output, size_t index) const;

  CompiledPack& out_;
  const Pack& pack_;
  table::Binder& binder_;
  LookupCompiler lookups_;
  std::vector<sql::Fragment>& windows_;
  std::vector<std::string> window_names_;
  std::vector<Reads> window_reads_;
  std::vector<sql::Fragment> features_;
  std::vector<Reads> feature_reads_;
  std::vector<Reads> anomaly_reads_;
  std::vector<int> levels_;  // of each feature; kGiven or kUnplaced
  table::Schema input_;      // of the level at hand
};

Result<void> PackCompiler::CheckNames() {
  out_.event_schema_ = pack_.schema();
  out_.key_column_ = table::FindColumn(out_.event_schema_, pack_.key);
  out_.time_column_ = table::FindColumn(out_.event_schema_, pack_.time);
  auto is_column = [&](const std::string& name) {
    return table::FindColumn(out_.event_schema_, name) >= 0;
  };
  auto shadows_column = [&](const std::string& name) {
    return Err(ErrorCode::kAlreadyExists,
               "'{}' is a column of the table already and would be shadowed", name);
  };
  for (const auto& [name, fragment] : pack_.windows) {
    if (is_column(name)) {
      return shadows_column(name).At(fragment.where);
    }
    window_names_.push_back(name);
  }
  for (const Feature& feature : pack_.features) {
    if (is_column(feature.name)) {
      return shadows_column(feature.name).At(feature.sql.where);
    }
    const auto first = std::ranges::find(pack_.features, feature.name, &Feature::name);
    if (&*first != &feature) {
      return Err(ErrorCode::kAlreadyExists, "'{}' is a feature already and would be shadowed",
                 feature.name)
          .At(feature.sql.where);
    }
    if (std::ranges::find(window_names_, feature.name) != window_names_.end()) {
      return Err(ErrorCode::kAlreadyExists, "'{}' is a window already and would be shadowed",
                 feature.name)
          .At(feature.sql.where);
    }
  }
  return {};
}

Result<void> PackCompiler::Resolve(const sql::Fragment& fragment,
                                   const std::vector<sql::Reference>& names, Reads& reads) const {
  for (const sql::Reference& reference : names) {
    if (table::FindColumn(out_.event_schema_, reference.name) >= 0) {
      continue;
    }
    auto found = std::ranges::find_if(pack_.features, [&](const Feature& feature) {
      return table::SameName(feature.name, reference.name);
    });
    if (found != pack_.features.end()) {
      reads.features.push_back(found - pack_.features.begin());
      continue;
    }
    std::vector<std::string> known;
    for (const table::Column& column : out_.event_schema_) {
      known.push_back(column.name);
    }
    for (const Feature& feature : pack_.features) {
      known.push_back(feature.name);
    }
    if (std::optional<std::string> near = NearestName(reference.name, known)) {
      return fragment.At(
          reference.position,
          Err(ErrorCode::kNotFound, "there is no column or feature '{}'; did you mean '{}'?",
              reference.name, *near));
    }
    return fragment.At(
        reference.position,
        Err(ErrorCode::kNotFound, "there is no column or feature '{}'", reference.name));
  }
  return {};
}

Result<void> PackCompiler::BindLookups() {
  std::vector<const Fragment*> fragments;
  fragments.reserve(pack_.windows.size() + pack_.features.size() + pack_.rules.size());
  for (const auto& [name, fragment] : pack_.windows) {
    fragments.push_back(&fragment);
  }
  for (const Feature& feature : pack_.features) {
    if (feature.is_sql()) {
      fragments.push_back(&feature.sql);
    }
  }
  for (const Anomaly& anomaly : pack_.anomalies) {
    for (const Anomaly::Input& input : anomaly.inputs) {
      fragments.push_back(&input.sql);
    }
  }
  for (const Graph& graph : pack_.graphs) {
    fragments.push_back(&graph.from);
    for (const Fragment& to : graph.to) {
      fragments.push_back(&to);
    }
    for (const std::optional<Fragment>* each : {&graph.amount, &graph.from_risk, &graph.to_risk}) {
      if (*each) {
        fragments.push_back(&**each);
      }
    }
  }
  for (const Rule& rule : pack_.rules) {
    fragments.push_back(&rule.condition);
  }
  for (const Fragment* fragment : fragments) {
    FUQI_RETURN_IF_ERROR(Read("", *fragment));
  }
  input_ = out_.event_schema_;
  FUQI_ASSIGN_OR_RETURN(out_.lookups_,
                        lookups_.Bind(input_, out_.time_column_, pack_.features.size()));
  std::ranges::move(lookups_.Features(), std::back_inserter(out_.pack_.features));
  out_.feature_schema_.resize(pack_.features.size());
  for (const Lookup& lookup : out_.lookups_) {
    if (lookup.screens) {
      out_.pack_.lists[*lookup.list].is_screened = true;
    }
    out_.features_by_level_.push_back(lookup.feature);
    out_.feature_schema_[lookup.feature] = {pack_.features[lookup.feature].name, lookup.type, true};
    input_.push_back(out_.feature_schema_[lookup.feature]);
  }
  return {};
}

Result<void> PackCompiler::ParseWindows() {
  for (const auto& [name, fragment] : pack_.windows) {
    FUQI_ASSIGN_OR_RETURN(windows_.emplace_back(), Read(name, fragment));
    FUQI_ASSIGN_OR_RETURN(sql::ParsedWindow parsed,
                          sql::ParseWindow(binder_, windows_.back(), pack_.time));
    FUQI_RETURN_IF_ERROR(
        Resolve(windows_.back(), parsed.expression.columns, window_reads_.emplace_back()));
  }
  return {};
}

Result<void> PackCompiler::CheckMade() {
  for (const DecisionTable& table : pack_.tables) {
    for (const DecisionTable::Input& input : table.inputs) {
      const sql::Fragment fragment{
          .name = table.name, .text = input.name, .place = [&](size_t) { return input.where; }};
      Reads unused;
      FUQI_RETURN_IF_ERROR(Resolve(fragment, {{input.name, 0}}, unused));
    }
  }
  for (const Rule& rule : pack_.rules) {
    if (!rule.on.empty()) {
      FUQI_ASSIGN_OR_RETURN(const sql::Fragment when, Read(RuleColumn(rule), rule.when));
      FUQI_RETURN_IF_ERROR(sql::ParseExpression(binder_, when, window_names_));
    }
  }
  for (const Score& score : pack_.scores) {
    for (const Score::Points& points : score.points) {
      FUQI_ASSIGN_OR_RETURN(const sql::Fragment when,
                            Read(fmt::format("{}.{}", score.name, points.id), points.when));
      FUQI_RETURN_IF_ERROR(sql::ParseExpression(binder_, when, window_names_));
    }
  }
  return {};
}

Result<void> PackCompiler::ParseAnomalies() {
  for (const Anomaly& anomaly : pack_.anomalies) {
    std::vector<sql::Fragment>& items = out_.anomaly_items_.emplace_back();
    Reads& reads = anomaly_reads_.emplace_back();
    for (const Anomaly::Input& input : anomaly.inputs) {
      FUQI_ASSIGN_OR_RETURN(items.emplace_back(),
                            Read(fmt::format("{}.{}", anomaly.name, input.name), input.sql));
      FUQI_ASSIGN_OR_RETURN(sql::ParsedExpression parsed,
                            sql::ParseExpression(binder_, items.back(), window_names_));
      if (!parsed.windows.empty()) {
        return items.back().At(
            parsed.windows[0].position,
            Err(ErrorCode::kUnsupported,
                "an anomaly reads columns and features; make a feature of what it counts over '{}'",
                parsed.windows[0].name));
      }
      FUQI_RETURN_IF_ERROR(Resolve(items.back(), parsed.columns, reads));
      for (const sql::Reference& reference : parsed.columns) {
        if (std::ranges::any_of(pack_.features, [&](const Feature& feature) {
              return feature.anomaly >= 0 && table::SameName(feature.name, reference.name);
            })) {
          return items.back().At(
              reference.position,
              Err(ErrorCode::kUnsupported,
                  "an anomaly reads no other's score; make a feature of '{}'", reference.name));
        }
      }
    }
  }
  return {};
}

Result<void> PackCompiler::ParseFeatures() {
  for (const Feature& feature : pack_.features) {
    if (!feature.is_sql()) {
      features_.emplace_back();
      feature_reads_.push_back(feature.anomaly < 0 ? Reads() : anomaly_reads_[feature.anomaly]);
      continue;
    }
    FUQI_ASSIGN_OR_RETURN(features_.emplace_back(), Read(feature.name, feature.sql));
    FUQI_ASSIGN_OR_RETURN(sql::ParsedExpression parsed,
                          sql::ParseExpression(binder_, features_.back(), window_names_));
    Reads& reads = feature_reads_.emplace_back();
    FUQI_RETURN_IF_ERROR(Resolve(features_.back(), parsed.columns, reads));
    for (const sql::Reference& window : parsed.windows) {
      auto found = std::ranges::find_if(window_names_, [&](const std::string& name) {
        return table::SameName(name, window.name);
      });
      FUQI_CHECK(found != window_names_.end());  // ParseExpression refuses unknown windows
      const size_t index = found - window_names_.begin();
      reads.windows.push_back(index);
      const std::vector<size_t>& through = window_reads_[index].features;
      reads.features.insert(reads.features.end(), through.begin(), through.end());
    }
  }
  return {};
}

Result<void> PackCompiler::OrderFeatures() {
  for (const Feature& feature : pack_.features) {
    levels_.push_back(feature.is_sql() || feature.anomaly >= 0 ? kUnplaced : kGiven);
  }
  for (size_t i = 0; i < pack_.features.size(); ++i) {
    std::vector<size_t> path;
    FUQI_RETURN_IF_ERROR(Place(i, path));
  }
  return {};
}

// Depth first; `path` holds the features that led here.
Result<void> PackCompiler::Place(size_t feature, std::vector<size_t>& path) {
  if (levels_[feature] != kUnplaced) {
    return {};
  }
  if (auto begin = std::ranges::find(path, feature); begin != path.end()) {
    std::string circle;
    for (auto it = begin; it != path.end(); ++it) {
      const Where& where = pack_.features[*it].sql.where;
      circle += fmt::format("{} ({}:{}) → ", pack_.features[*it].name, where.line, where.column);
    }
    return Err(ErrorCode::kInvalidArgument, "features read each other in a circle: {}{}", circle,
               pack_.features[feature].name)
        .At(pack_.features[feature].sql.where);
  }
  // A chain of dependencies becomes a chain of levels: bounded, so that neither the stack here nor
  // the batch statement grows without end.
  constexpr int kLevelsMax = 50;
  const Error too_deep =
      Err(ErrorCode::kUnsupported, "features read each other over more than {} levels", kLevelsMax)
          .At(pack_.features[feature].sql.where);
  if (path.size() >= kLevelsMax) {
    return too_deep;
  }
  path.push_back(feature);
  int level = kGiven;
  for (size_t other : feature_reads_[feature].features) {
    FUQI_RETURN_IF_ERROR(Place(other, path));
    level = std::max(level, levels_[other]);
  }
  path.pop_back();
  level += pack_.features[feature].anomaly < 0 ? 1 : 0;
  if (level >= kLevelsMax) {
    return too_deep;
  }
  levels_[feature] = level;
  return {};
}

Result<sql::Level> PackCompiler::Bind(const std::vector<sql::Fragment>& items,
                                      const std::vector<sql::Fragment>& windows) {
  FUQI_ASSIGN_OR_RETURN(sql::Level level,
                        sql::BindLevel(binder_, input_, out_.time_column_, items, windows));
  FUQI_CHECK(level.outputs.size() == items.size());
  return level;
}

Result<CompiledPack::Output> PackCompiler::CompileOutput(const sql::Fragment& fragment,
                                                         const sql::Level::Output& output,
                                                         size_t index) const {
  sql::Position at = -1;
  Result<sql::Program> program = sql::Program::Compile(output.expr, &at);
  if (!program) {
    return fragment.At(at, std::move(program).error());
  }
  return CompiledPack::Output{std::move(*program), index, ReadsWindows(output.expr)};
}

// Whether the streaming executor runs the level's windows.
Result<void> PackCompiler::CheckStreams(const sql::Level& level,
                                        const std::vector<size_t>& members) const {
  sql::Position at = -1;
  Result<sql::WindowState> state = sql::WindowState::Compile(level, pack_.lateness_us, &at);
  if (state) {
    return {};
  }
  // The feature whose expression holds the window at fault.
  for (size_t i = 0; i < members.size(); ++i) {
    bool holds = false;
    ForEachWindow(level.outputs[i].expr,
                  [&](int window) { holds = holds || level.windows[window].position == at; });
    if (holds) {
      return features_[members[i]].At(at, std::move(state).error());
    }
  }
  return features_[members[0]].At(-1, std::move(state).error());
}

Result<void> PackCompiler::BindGraphs() {
  for (size_t g = 0; g < pack_.graphs.size(); ++g) {
    FUQI_ASSIGN_OR_RETURN(CompiledPack::BoundGraph bound, BindGraph(g));
    out_.graphs_.push_back(std::move(bound));
  }
  for (const CompiledPack::BoundGraph& graph : out_.graphs_) {
    for (size_t feature : graph.features) {
      out_.features_by_level_.push_back(feature);
      const Feature& source = pack_.features[feature];
      const table::Column column{source.name, MeasureType(source.measure.measure), true};
      out_.feature_schema_[feature] = column;
      input_.push_back(column);
    }
  }
  return {};
}

// Over the event's columns and what is looked up, to which graphs' features are added only later.
Result<CompiledPack::BoundGraph> PackCompiler::BindGraph(size_t number) {
  const Graph& graph = pack_.graphs[number];
  CompiledPack::BoundGraph bound;
  bound.shape = {.shares = graph.shares,
                 .values = static_cast<int>(graph.to.size()),
                 .window_us = graph.window_us,
                 .lateness_us = pack_.lateness_us,
                 .degree_max = static_cast<uint64_t>(graph.degree_max),
                 .steps_max = static_cast<uint64_t>(graph.steps_max)};
  for (size_t i = 0; i < pack_.features.size(); ++i) {
    if (pack_.features[i].graph == static_cast<int>(number)) {
      bound.features.push_back(i);
      bound.shape.measures.push_back(pack_.features[i].measure);
    }
  }
  std::vector<sql::Fragment>& items = out_.graph_items_.emplace_back();
  auto add = [&](std::string_view key, const Fragment& fragment) {
    Result<sql::Fragment> item = Read(fmt::format("{}.{}", graph.name, key), fragment);
    FUQI_CHECK(item.has_value());  // BindLookups has read it
    items.push_back(*std::move(item));
    return static_cast<int>(items.size()) - 1;
  };
  add(graph.shares ? "entity" : "from", graph.from);
  for (size_t i = 0; i < graph.to.size(); ++i) {
    add(graph.shares ? fmt::format("shared[{}]", i + 1) : "to", graph.to[i]);
  }
  const size_t nodes = items.size();
  bound.amount = graph.amount ? add("amount", *graph.amount) : -1;
  bound.risks[0] =
      graph.from_risk ? add(graph.shares ? "risk" : "from_risk", *graph.from_risk) : -1;
  bound.risks[1] = graph.to_risk ? add("to_risk", *graph.to_risk) : -1;

  for (const sql::Fragment& item : items) {
    FUQI_ASSIGN_OR_RETURN(sql::ParsedExpression parsed, sql::ParseExpression(binder_, item, {}));
    for (const sql::Reference& reference : parsed.columns) {
      if (std::ranges::any_of(pack_.features, [&](const Feature& feature) {
            return !feature.is_lookup && table::SameName(feature.name, reference.name);
          })) {
        return item.At(
            reference.position,
            Err(ErrorCode::kUnsupported, "a graph reads columns of the event; '{}' is a feature",
                reference.name));
      }
    }
    Reads reads;
    FUQI_RETURN_IF_ERROR(Resolve(item, parsed.columns, reads));
  }
  FUQI_ASSIGN_OR_RETURN(bound.level, Bind(items, {}));
  for (size_t i = 0; i < items.size(); ++i) {
    const sql::Level::Output& output = bound.level.outputs[i];
    FUQI_RETURN_IF_ERROR(CheckGraphInput(graph, bound, i, nodes, items[i]));
    FUQI_ASSIGN_OR_RETURN(CompiledPack::Output compiled, CompileOutput(items[i], output, i));
    bound.inputs.push_back(std::move(compiled));
    if (i < nodes) {
      bound.vertices.push_back({{output.name, output.expr.type, true}});
    }
  }
  if (bound.amount >= 0) {
    bound.shape.amount_scale = bound.level.outputs[bound.amount].expr.type.scale;
  }
  return bound;
}

// Of input i; the first `nodes` are vertices.
Result<void> PackCompiler::CheckGraphInput(const Graph& graph,
                                           const CompiledPack::BoundGraph& bound, size_t i,
                                           size_t nodes, const sql::Fragment& item) {
  const table::Type type = bound.level.outputs[i].expr.type;
  const table::Datum::Kind kind = table::KindOf(type);
  if (i < nodes) {
    if (kind != table::Datum::Kind::kInt && kind != table::Datum::Kind::kText) {
      return item.At(
          -1, Err(ErrorCode::kTypeMismatch,
                  "a vertex is told by an exact value or a text; this one is {}", type.ToString()));
    }
    const table::Type first = bound.level.outputs[0].expr.type;
    if (i == 1 && !graph.shares && type != first) {
      return item.At(
          -1, Err(ErrorCode::kTypeMismatch, "both ends of an edge are of one type; here {} and {}",
                  first.ToString(), type.ToString()));
    }
    return {};
  }
  if (static_cast<int>(i) == bound.amount) {
    if (!FitsInt64(type)) {
      return item.At(-1, Err(ErrorCode::kTypeMismatch,
                             "an amount is an exact number of at most 18 digits or BIGINT; this "
                             "one is {}",
                             type.ToString()));
    }
    return {};
  }
  if (type.id != table::TypeId::kDouble) {
    return item.At(
        -1, Err(ErrorCode::kTypeMismatch, "a risk is a DOUBLE; this one is {}", type.ToString()));
  }
  return {};
}

void PackCompiler::PlaceAnomalies() {
  out_.anomalies_.resize(pack_.anomalies.size());
  for (size_t i = 0; i < pack_.features.size(); ++i) {
    const Feature& feature = pack_.features[i];
    if (feature.anomaly < 0) {
      continue;
    }
    CompiledPack::BoundAnomaly& anomaly = out_.anomalies_[feature.anomaly];
    const bool is_score = feature.name == pack_.anomalies[feature.anomaly].name;
    (is_score ? anomaly.score : anomaly.causes) = i;
    anomaly.after = levels_[i];
    const table::Column column{
        feature.name, {is_score ? table::TypeId::kDouble : table::TypeId::kVarchar}, true};
    out_.features_by_level_.push_back(i);
    out_.feature_schema_[i] = column;
    input_.push_back(column);
  }
}

Result<void> PackCompiler::BindAnomalies(int after) {
  for (size_t a = 0; a < out_.anomalies_.size(); ++a) {
    CompiledPack::BoundAnomaly& anomaly = out_.anomalies_[a];
    if (anomaly.after != after) {
      continue;
    }
    const std::vector<sql::Fragment>& items = out_.anomaly_items_[a];
    FUQI_ASSIGN_OR_RETURN(anomaly.level, Bind(items, {}));
    for (size_t i = 0; i < items.size(); ++i) {
      const table::Type type = anomaly.level.outputs[i].expr.type;
      if (!type.is_exact_number() && type.id != table::TypeId::kDouble &&
          type.id != table::TypeId::kBoolean) {
        return items[i].At(
            -1, Err(ErrorCode::kTypeMismatch, "an input is a number, or BOOLEAN; this one is {}",
                    type.ToString()));
      }
      FUQI_ASSIGN_OR_RETURN(CompiledPack::Output compiled,
                            CompileOutput(items[i], anomaly.level.outputs[i], i));
      anomaly.inputs.push_back(std::move(compiled));
    }
  }
  return {};
}

Result<void> PackCompiler::BindFeatures() {
  const int levels = levels_.empty() ? 0 : *std::ranges::max_element(levels_) + 1;
  FUQI_RETURN_IF_ERROR(BindAnomalies(kGiven));
  for (int k = 0; k < levels; ++k) {
    std::vector<size_t> members;
    std::set<size_t> used;
    std::vector<sql::Fragment> items;
    for (size_t i = 0; i < levels_.size(); ++i) {
      if (levels_[i] == k && pack_.features[i].is_sql()) {
        members.push_back(i);
        items.push_back(features_[i]);
        used.insert(feature_reads_[i].windows.begin(), feature_reads_[i].windows.end());
      }
    }
    std::vector<sql::Fragment> windows;
    windows.reserve(used.size());
    for (size_t i : used) {
      windows.push_back(windows_[i]);
    }
    FUQI_ASSIGN_OR_RETURN(sql::Level level, Bind(items, windows));
    FUQI_RETURN_IF_ERROR(CheckStreams(level, members));
    std::vector<CompiledPack::Output>& outputs = out_.feature_outputs_.emplace_back();
    for (size_t i = 0; i < members.size(); ++i) {
      const sql::Level::Output& output = level.outputs[i];
      FUQI_ASSIGN_OR_RETURN(CompiledPack::Output compiled,
                            CompileOutput(items[i], output, members[i]));
      outputs.push_back(std::move(compiled));
      out_.features_by_level_.push_back(members[i]);
      const table::Column column{pack_.features[members[i]].name, output.expr.type, true};
      out_.feature_schema_[members[i]] = column;
      input_.push_back(column);
    }
    out_.levels_.push_back(std::move(level));
    out_.items_.push_back(std::move(items));
    FUQI_RETURN_IF_ERROR(BindAnomalies(k));
  }
  return {};
}

Result<void> PackCompiler::BindRules() {
  std::vector<sql::Fragment> items;
  for (const Rule& rule : pack_.rules) {
    FUQI_ASSIGN_OR_RETURN(items.emplace_back(), Read(RuleColumn(rule), rule.condition));
    FUQI_ASSIGN_OR_RETURN(sql::ParsedExpression parsed,
                          sql::ParseExpression(binder_, items.back(), window_names_));
    if (!parsed.windows.empty()) {
      return items.back().At(
          parsed.windows[0].position,
          Err(ErrorCode::kUnsupported,
              "a rule reads columns and features; make a feature of what it counts over '{}'",
              parsed.windows[0].name));
    }
    Reads reads;
    FUQI_RETURN_IF_ERROR(Resolve(items.back(), parsed.columns, reads));
  }
  FUQI_ASSIGN_OR_RETURN(sql::Level level, Bind(items, {}));
  for (size_t i = 0; i < items.size(); ++i) {
    const sql::Level::Output& output = level.outputs[i];
    if (output.expr.type.id != table::TypeId::kBoolean) {
      return items[i].At(
          -1, Err(ErrorCode::kTypeMismatch, "a rule is a condition, BOOLEAN; this one is {}",
                  output.expr.type.ToString()));
    }
    FUQI_ASSIGN_OR_RETURN(CompiledPack::Output compiled, CompileOutput(items[i], output, i));
    out_.rule_outputs_.push_back(std::move(compiled));
  }
  out_.levels_.push_back(std::move(level));
  out_.items_.push_back(std::move(items));
  return {};
}

// `lineage` with the inputs of what is given in its place.
void TraceThrough(const std::vector<sql::ColumnLineage>& given, sql::ColumnLineage& lineage) {
  std::set<sql::ColumnLineage::Input> inputs;
  for (const sql::ColumnLineage::Input& input : lineage.inputs) {
    const auto found = std::ranges::find(given, input.column, &sql::ColumnLineage::output);
    if (found == given.end()) {
      inputs.insert(input);
      continue;
    }
    for (sql::ColumnLineage::Input each : found->inputs) {
      // A condition on what is given is a condition on all that it read.
      each.influence = sql::IsDirect(input.influence) ? each.influence : input.influence;
      inputs.insert(std::move(each));
    }
  }
  lineage.inputs.assign(inputs.begin(), inputs.end());
}

// What the features of anomalies are made of; those of the lower levels first, since others may
// read them.
void PackCompiler::TraceAnomalies(table::Schema& known,
                                  std::vector<sql::ColumnLineage>& given) const {
  using sql::ColumnLineage;
  for (const CompiledPack::BoundAnomaly& anomaly : out_.anomalies_) {
    known.push_back(out_.feature_schema_[anomaly.score]);
    known.push_back(out_.feature_schema_[anomaly.causes]);
  }
  const int levels = static_cast<int>(out_.feature_levels().size());
  for (int after = kGiven; after < levels; ++after) {
    for (size_t a = 0; a < out_.anomalies_.size(); ++a) {
      const CompiledPack::BoundAnomaly& anomaly = out_.anomalies_[a];
      if (anomaly.after != after) {
        continue;
      }
      std::set<ColumnLineage::Input> inputs;
      if (!pack_.anomalies[a].on.empty()) {
        inputs.insert({"", std::string(kKindColumn), sql::Influence::kFilter});
      }
      std::vector<sql::Level> levels_read(out_.levels_.begin(), out_.levels_.begin() + after + 1);
      levels_read.push_back(anomaly.level);
      std::vector<ColumnLineage> traced = sql::LineageOf(levels_read, known);
      for (ColumnLineage& input : std::span(traced).last(anomaly.inputs.size())) {
        TraceThrough(given, input);
        for (ColumnLineage::Input each : input.inputs) {
          each.influence =
              sql::IsDirect(each.influence) ? sql::Influence::kAggregation : each.influence;
          inputs.insert(std::move(each));
        }
      }
      for (size_t feature : {anomaly.score, anomaly.causes}) {
        given.push_back({pack_.features[feature].name, {inputs.begin(), inputs.end()}, {}, true});
      }
    }
  }
}

// Down to columns of the event: through what is looked up, and through the features of graphs,
// which depend on all that their graph reads.
void PackCompiler::TraceLineage() {
  using sql::ColumnLineage;
  std::vector<ColumnLineage> given;
  std::vector<std::vector<ColumnLineage::Input>> of_graphs;
  table::Schema known = out_.event_schema_;
  for (const Lookup& lookup : out_.lookups_) {
    std::set<ColumnLineage::Input> inputs;
    for (const ColumnLineage& arg : sql::LineageOf({&lookup.level, 1}, out_.event_schema_)) {
      for (ColumnLineage::Input each : arg.inputs) {
        each.influence = sql::Influence::kJoin;
        inputs.insert(std::move(each));
      }
    }
    given.push_back(
        {pack_.features[lookup.feature].name, {inputs.begin(), inputs.end()}, {}, true});
    known.push_back(out_.feature_schema_[lookup.feature]);
  }
  for (const CompiledPack::BoundGraph& graph : out_.graphs_) {
    std::set<ColumnLineage::Input> inputs = {{"", pack_.time, sql::Influence::kWindow}};
    for (ColumnLineage& input : sql::LineageOf({&graph.level, 1}, known)) {
      TraceThrough(given, input);
      for (ColumnLineage::Input each : input.inputs) {
        each.influence =
            sql::IsDirect(each.influence) ? sql::Influence::kAggregation : each.influence;
        inputs.insert(std::move(each));
      }
    }
    of_graphs.emplace_back(inputs.begin(), inputs.end());
  }
  for (size_t g = 0; g < of_graphs.size(); ++g) {
    for (size_t feature : out_.graphs_[g].features) {
      given.push_back({pack_.features[feature].name, of_graphs[g], {}, true});
      known.push_back(out_.feature_schema_[feature]);
    }
  }
  TraceAnomalies(known, given);
  out_.lineage_ = sql::LineageOf(out_.levels_, known);
  for (ColumnLineage& lineage : out_.lineage_) {
    TraceThrough(given, lineage);
  }
  out_.lineage_.insert(out_.lineage_.begin(), given.begin(), given.end());
}

Result<std::shared_ptr<const CompiledPack>> CompiledPack::Compile(Pack pack,
                                                                  table::Binder& binder) {
  std::shared_ptr<CompiledPack> compiled(new CompiledPack());
  compiled->pack_ = std::move(pack);
  FUQI_RETURN_IF_ERROR(PackCompiler(*compiled, binder).Run());
  return std::shared_ptr<const CompiledPack>(std::move(compiled));
}

std::vector<std::string> CompiledPack::FeaturesAcrossShards() const {
  const int shard =
      pack_.partition.empty() ? -1 : table::FindColumn(event_schema_, pack_.partition);
  std::vector<bool> across(event_schema_.size());  // of each input of the level at hand
  std::vector<std::string> names;
  for (const Lookup& lookup : lookups_) {
    // Every shard holds the lists and references; what stands, the decisions of other shards set.
    across.push_back(lookup.standing.has_value());
    if (lookup.standing) {
      names.push_back(pack_.features[lookup.feature].name);
    }
  }
  for (const BoundGraph& graph : graphs_) {
    for (size_t feature : graph.features) {
      across.push_back(true);  // other shards hold edges of the same vertices
      names.push_back(pack_.features[feature].name);
    }
  }
  for (const BoundAnomaly& anomaly : anomalies_) {
    for (size_t feature : {anomaly.score, anomaly.causes}) {
      across.push_back(true);  // other shards learn from other events
      names.push_back(pack_.features[feature].name);
    }
  }
  for (const sql::Level& level : feature_levels()) {
    std::vector<bool> outputs;
    for (const sql::Level::Output& output : level.outputs) {
      bool is_across = ReadsAny(output.expr, across);
      ForEachWindow(output.expr, [&](int index) {
        const sql::Window& window = level.windows[index];
        const bool stays = std::ranges::any_of(window.partitions, [&](const sql::Expr& expr) {
          return expr.kind == sql::Expr::Kind::kColumn && expr.column == shard;
        });
        auto reads = [&](const sql::Expr& expr) { return ReadsAny(expr, across); };
        is_across = is_across || !stays || std::ranges::any_of(window.args, reads) ||
                    std::ranges::any_of(window.partitions, reads) ||
                    (window.filter && reads(*window.filter));
      });
      outputs.push_back(is_across);
      if (is_across) {
        names.push_back(output.name);
      }
    }
    across.insert(across.end(), outputs.begin(), outputs.end());
  }
  return names;
}

std::vector<Error> CompiledPack::Findings() const {
  std::vector<Error> findings;
  for (const DecisionTable& table : pack_.tables) {
    std::vector<table::Type> types;
    for (const DecisionTable::Input& input : table.inputs) {
      const int column = table::FindColumn(event_schema_, input.name);
      types.push_back(column >= 0
                          ? event_schema_[column].type
                          : feature_schema_[table::FindColumn(feature_schema_, input.name)].type);
    }
    std::ranges::move(TableFindings(table, types), std::back_inserter(findings));
  }
  return findings;
}

int CompiledPack::steps_max() const {
  int steps = 0;
  for (const Lookup& lookup : lookups_) {
    for (const sql::Program& arg : lookup.args) {
      steps += arg.steps_max();
    }
  }
  for (const BoundGraph& graph : graphs_) {
    for (const Output& input : graph.inputs) {
      steps += input.program.steps_max();
    }
  }
  for (const BoundAnomaly& anomaly : anomalies_) {
    for (const Output& input : anomaly.inputs) {
      steps += input.program.steps_max();
    }
  }
  for (const std::vector<Output>& outputs : feature_outputs_) {
    for (const Output& output : outputs) {
      steps += output.program.steps_max();
    }
  }
  for (const Output& output : rule_outputs_) {
    steps += output.program.steps_max();
  }
  return steps;
}

}  // namespace fuqi::decide
