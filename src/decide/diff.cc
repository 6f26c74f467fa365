#include "decide/diff.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/decimal.h"
#include "decide/core.h"
#include "decide/graph_brute.h"
#include "decide/half_space_brute.h"
#include "decide/standing_brute.h"
#include "sql/constructs.h"

namespace fuqi::decide {
namespace {

using table::Datum;

// What admission does with each event, said again from the words of the design: the newest time so
// far, the lateness before it, the gap after it.
struct Admission {
  std::vector<uint64_t> refused;  // rows, from 1, rising
  bool in_order = true;           // times of the others never go back
};

Result<Admission> Admit(const DataAccess& access, const CompiledPack& pack,
                        const SourcePlan& plan) {
  const std::string sql =
      fmt::format("SELECT {} FROM (\n{}\n)", table::QuoteName(pack.pack().time), plan.sql);
  FUQI_ASSIGN_OR_RETURN(table::RowStream times, RunPlan(access, pack, plan, sql));
  Admission admission;
  std::optional<int128> newest;
  for (uint64_t row = 1;; ++row) {
    FUQI_ASSIGN_OR_RETURN(auto values, times.Next());
    if (!values) {
      return admission;
    }
    if ((*values)[0].is_null()) {
      continue;  // the reader of events refuses it
    }
    const int128 time = (*values)[0].i;
    if (newest &&
        (*newest - time > pack.pack().lateness_us || time - *newest > pack.pack().gap_us)) {
      admission.refused.push_back(row);
      continue;
    }
    admission.in_order = admission.in_order && (!newest || time >= *newest);
    newest = newest ? std::max(*newest, time) : time;
  }
}

// The plan's events without the refused rows.
std::string AdmittedSql(const CompiledPack& pack, const SourcePlan& plan) {
  std::string columns;
  for (const table::Column& column : pack.event_schema()) {
    columns += (columns.empty() ? "" : ", ") + table::QuoteName(column.name);
  }
  return fmt::format(
      "SELECT {} FROM (SELECT *, row_number() OVER () AS fuqi_row FROM (\n{}\n)) "
      "WHERE fuqi_row NOT IN (SELECT number FROM fuqi_refused) ORDER BY fuqi_row",
      columns, plan.sql);
}

// What AdmittedSql reads beside the events; nothing where no row was refused.
std::vector<table::Relation> RefusedTables(const std::vector<uint64_t>& refused) {
  if (refused.empty()) {
    return {};
  }
  table::Relation relation{"fuqi_refused", {{"number", {table::TypeId::kBigInt}, false}}, {}};
  for (uint64_t row : refused) {
    relation.rows.emplace_back(1).Set(0, Datum::Int(row));
  }
  std::vector<table::Relation> tables;
  tables.push_back(std::move(relation));
  return tables;
}

// Whether the expression, or a window or column that it reads, is made of a construct that
// executors may compute within a bound only. `columns`: which of the level's inputs are.
bool IsTolerant(const sql::Level& level, const sql::Expr& expr, const std::vector<bool>& columns) {
  using Kind = sql::Expr::Kind;
  auto any = [&](const std::vector<sql::Expr>& exprs) {
    return std::ranges::any_of(
        exprs, [&](const sql::Expr& child) { return IsTolerant(level, child, columns); });
  };
  auto is_tolerant = [](const sql::Construct* construct) {
    return construct != nullptr && construct->agreement == sql::Agreement::kTolerant;
  };
  if (expr.kind == Kind::kColumn) {
    return columns[expr.column];
  }
  if (expr.kind == Kind::kWindow) {
    const sql::Window& window = level.windows[expr.column];
    return any(window.args) ||
           is_tolerant(sql::FindCall(sql::Construct::Kind::kWindow, window.function, window.args));
  }
  if (expr.kind == Kind::kCall &&
      (is_tolerant(sql::FindCall(sql::Construct::Kind::kFunction, expr.name, expr.children)) ||
       is_tolerant(sql::FindCall(sql::Construct::Kind::kOperator, expr.name, expr.children)))) {
    return true;
  }
  return any(expr.children);
}

// For each feature, in the pack's order.
std::vector<bool> TolerantFeatures(const CompiledPack& pack) {
  std::vector<bool> tolerant(pack.feature_schema().size());
  std::vector<bool> columns(pack.event_schema().size());
  size_t next = pack.lookups().size();  // exact
  columns.resize(columns.size() + next);
  for (const CompiledPack::BoundGraph& graph : pack.graphs()) {
    for (const GraphMeasure& measure : graph.shape.measures) {
      columns.push_back(MeasureType(measure.measure).id == table::TypeId::kDouble);
      tolerant[pack.features_by_level()[next++]] = columns.back();
    }
  }
  // Exact, whatever the inputs: what differs in its last digit alone hardly ever stands on the
  // other side of a cut, and a bound on its score would not help where it does.
  columns.resize(columns.size() + 2 * pack.anomalies().size());
  next += 2 * pack.anomalies().size();
  for (const sql::Level& level : pack.feature_levels()) {
    std::vector<bool> outputs;
    for (const sql::Level::Output& output : level.outputs) {
      outputs.push_back(IsTolerant(level, output.expr, columns));
      tolerant[pack.features_by_level()[next++]] = outputs.back();
    }
    columns.insert(columns.end(), outputs.begin(), outputs.end());
  }
  return tolerant;
}

class Comparison {
 public:
  explicit Comparison(const CompiledPack& pack)
      : pack_(pack), tolerant_(TolerantFeatures(pack)), standing_(pack) {}

  void Note(uint64_t row, const Event& event, std::string_view column, std::string batch,
            std::string stream) {
    ++result_.mismatches;
    if (result_.first.size() < DiffResult::kListedMax) {
      result_.first.push_back(
          {row, KeyText(event), std::string(column), std::move(batch), std::move(stream)});
    }
  }

  void CompareFlag(uint64_t row, const Event& event, std::string_view flag, bool batch,
                   bool stream) {
    if (batch != stream) {
      Note(row, event, flag, batch ? "true" : "false", stream ? "true" : "false");
    }
  }

  void Compare(uint64_t row, const Event& event, const Decision& decision,
               const std::vector<Datum>& rules, std::span<const Datum> batch) {
    const table::Schema& features = pack_.feature_schema();
    for (size_t i = 0; i < features.size(); ++i) {
      ++result_.cells;
      const Datum& streamed = decision.features[i];
      const Datum& batched = batch[1 + i];
      if (table::Identical(streamed, batched)) {
        continue;
      }
      if (tolerant_[i] && Close(streamed, batched)) {
        ++result_.tolerated;
        continue;
      }
      Note(row, event, features[i].name, table::ToText(batched, features[i].type),
           table::ToText(streamed, features[i].type));
    }
    for (size_t i = 0; i < rules.size(); ++i) {
      ++result_.cells;
      const Datum& batched = batch[1 + features.size() + i];
      if (!table::Identical(rules[i], batched)) {
        const table::Type boolean{table::TypeId::kBoolean};
        Note(row, event, RuleColumn(pack_.pack().rules[i]), table::ToText(batched, boolean),
             table::ToText(rules[i], boolean));
      }
    }
  }

  // What standing() gave the rules, which the batch was told.
  void CompareLookedUp(uint64_t row, const Event& event, const Decision& decision) {
    for (const Lookup& lookup : pack_.lookups()) {
      if (!lookup.standing) {
        continue;
      }
      scratch_.Reset();
      std::vector<Datum> args;
      args.reserve(lookup.args.size());
      for (const sql::Program& arg : lookup.args) {
        Result<Datum> value = arg.Run(event.columns.values(), {}, scratch_);
        args.push_back(value ? *value : Datum::Null());
      }
      const std::optional<bool> expected = standing_.Stands(lookup, args);
      const Datum& streamed = decision.features[lookup.feature];
      ++result_.cells;
      if (expected.has_value() == streamed.is_null() ||
          (expected && *expected == streamed.text().empty())) {
        Note(row, event, pack_.feature_schema()[lookup.feature].name,
             !expected   ? "NULL"
             : *expected ? "stands"
                         : "",
             table::ToText(streamed, pack_.feature_schema()[lookup.feature].type));
      }
    }
  }

  // Of an event that the batch does not have: no feature, and its rules act all the same.
  void CompareOutOfBounds(uint64_t row, const Event& event, const Decision& decision,
                          std::span<const Datum> rules) {
    const table::Schema& features = pack_.feature_schema();
    ++result_.out_of_bounds;
    result_.cells += features.size();
    for (size_t i = 0; i < decision.features.size(); ++i) {
      if (!decision.features[i].is_null()) {
        Note(row, event, features[i].name, "NULL",
             table::ToText(decision.features[i], features[i].type));
      }
    }
    standing_.DecideOutOfBounds(event, rules);
  }

  // Where nothing but rules and what stands makes the action.
  void CompareAction(uint64_t row, const Event& event, const Decision& decision,
                     std::span<const Datum> batch) {
    const Action action = standing_.Decide(event, batch.subspan(1 + pack_.feature_schema().size()));
    if (decision.flags == 0) {
      ++result_.cells;
      if (action != decision.action) {
        Note(row, event, "action", std::string(ActionName(action)),
             std::string(ActionName(decision.action)));
      }
    }
  }

  DiffResult& result() { return result_; }

 private:
  static bool Close(const Datum& a, const Datum& b) {
    return a.kind == Datum::Kind::kDouble && b.kind == Datum::Kind::kDouble &&
           std::abs(a.d - b.d) <= 1e-9 * std::max(std::abs(a.d), std::abs(b.d));
  }

  std::string KeyText(const Event& event) const {
    const int key = pack_.key_column();
    return table::ToText(event.columns[key], pack_.event_schema()[key].type);
  }

  const CompiledPack& pack_;
  const std::vector<bool> tolerant_;
  BruteStanding standing_;
  sql::Scratch scratch_;
  DiffResult result_;
};

// What standing() gives each event within bounds, as the stream has it; nothing where no fragment
// asks. That it is right is shown event by event: what stands before the first event is nothing,
// and before each other what a plain list of all that was set says, by the batch's rules
// (CompareLookedUp).
Result<std::optional<table::Relation>> GiveStanding(const DataAccess& access,
                                                    const std::shared_ptr<const CompiledPack>& pack,
                                                    const SourcePlan& plan) {
  table::Relation relation{
      std::string(kGivenStanding), GivenStandingSchema(pack->lookups(), pack->pack()), {}};
  if (relation.schema.size() == 1) {
    return std::optional<table::Relation>();
  }
  FUQI_ASSIGN_OR_RETURN(SourceReader reader, SourceReader::Open(access, *pack, plan));
  Core core(pack);
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(std::optional<Event> event, reader.Next());
    if (!event) {
      return std::optional(std::move(relation));
    }
    const Decision decision = core.DecideAndApply(*event, 1 + 2 * core.events());
    if ((decision.flags & kOutOfBounds) != 0) {
      continue;
    }
    const auto number = static_cast<int64_t>(relation.rows.size() + 1);
    table::Row& row = relation.rows.emplace_back();
    row.Append(Datum::Int(number));
    for (const Lookup& lookup : pack->lookups()) {
      if (lookup.standing) {
        row.Append(decision.features[lookup.feature]);
      }
    }
  }
}

}  // namespace

Result<GivenGraphs> GiveGraphs(
    const CompiledPack& pack, const std::string& events,
    const std::function<Result<table::RowStream>(const std::string&)>& run) {
  GivenGraphs given;
  given.relation = {
      std::string(CompiledPack::kGivenGraphs), {{"number", {table::TypeId::kBigInt}, false}}, {}};
  std::vector<table::Row>& rows = given.relation.rows;
  for (size_t g = 0; g < pack.graphs().size(); ++g) {
    const CompiledPack::BoundGraph& graph = pack.graphs()[g];
    FUQI_ASSIGN_OR_RETURN(std::string sql, pack.GraphInputSql(g, events));
    FUQI_ASSIGN_OR_RETURN(table::RowStream inputs, run(sql));
    std::vector<GraphEvent> said;
    for (;;) {
      FUQI_ASSIGN_OR_RETURN(auto values, inputs.Next());
      if (!values) {
        break;
      }
      const auto ts_us = static_cast<int64_t>((*values)[0].i);
      const uint64_t arrival = said.size();
      graph.Read(std::span(*values).subspan(1), ts_us, arrival, said.emplace_back());
    }
    const std::vector<GraphValues> found = BruteForceGraph(graph.shape, said);
    for (size_t i = 0; i < found.size(); ++i) {
      if (g == 0) {
        rows.emplace_back().Append(Datum::Int(i + 1));
        given.truncated.push_back(false);
      }
      for (const Datum& value : found[i].values) {
        rows[i].Append(value);
      }
      given.truncated[i] = given.truncated[i] || found[i].truncated;
    }
    for (size_t feature : graph.features) {
      given.relation.schema.push_back(pack.feature_schema()[feature]);
    }
  }
  return given;
}

namespace {

// Fills in what one anomaly gives: one row for each event of its inputs.
Result<void> GiveAnomaly(const CompiledPack& pack, size_t number, table::RowStream& inputs,
                         table::Relation& given) {
  const Anomaly& anomaly = pack.pack().anomalies[number];
  const CompiledPack::BoundAnomaly& bound = pack.anomalies()[number];
  const size_t kinds = pack.pack().kind_column() >= 0 ? 1 : 0;
  std::vector<size_t> rows;  // of the events that it is for
  std::vector<HalfSpacePoint> points;
  for (size_t row = 0;; ++row) {
    FUQI_ASSIGN_OR_RETURN(auto values, inputs.Next());
    if (!values) {
      break;
    }
    if (row == given.rows.size()) {
      given.rows.emplace_back(given.schema.size()).Set(0, Datum::Int(row + 1));
    }
    const bool is_on = anomaly.on.empty() || std::ranges::any_of(anomaly.on, [&](size_t kind) {
                         return pack.pack().kinds[kind].name == (*values)[0].text();
                       });
    if (is_on) {
      rows.push_back(row);
      points.push_back(bound.Read(std::span(*values).subspan(kinds)));
    }
  }
  const auto findings = BruteForceHalfSpaces(anomaly.shape, points);
  for (size_t i = 0; i < findings.size(); ++i) {
    if (findings[i]) {
      std::string causes;
      for (size_t input : findings[i]->causes) {
        causes += (causes.empty() ? "" : ", ") + anomaly.inputs[input].name;
      }
      table::Row& row = given.rows[rows[i]];
      row.Set(1 + 2 * number, Datum::Double(findings[i]->value));
      row.Set(2 + 2 * number, Datum::Text(causes));
    }
  }
  return {};
}

}  // namespace

Result<table::Relation> GiveAnomalies(
    const CompiledPack& pack, const std::string& events, sql::Arrivals arrivals,
    const std::function<Result<table::RowStream>(const std::string&, const table::Relation&)>&
        run) {
  table::Relation given{std::string(CompiledPack::kGivenAnomalies),
                        {{"number", {table::TypeId::kBigInt}, false}},
                        {}};
  for (const CompiledPack::BoundAnomaly& anomaly : pack.anomalies()) {
    given.schema.push_back(pack.feature_schema()[anomaly.score]);
    given.schema.push_back(pack.feature_schema()[anomaly.causes]);
  }
  std::vector<size_t> order(pack.anomalies().size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t a) { return pack.anomalies()[a].after; });
  for (size_t a : order) {
    FUQI_ASSIGN_OR_RETURN(const std::string sql, pack.AnomalyInputSql(a, events, arrivals));
    FUQI_ASSIGN_OR_RETURN(table::RowStream inputs, run(sql, given));
    FUQI_RETURN_IF_ERROR(GiveAnomaly(pack, a, inputs, given));
  }
  return given;
}

namespace {

// What the batch form reads beside the events, and what is no SQL gives it.
struct Given {
  std::vector<table::Relation> tables;
  std::vector<bool> truncated;  // of each admitted event; empty: none is
};
Result<Given> Give(const DataAccess& access, const std::shared_ptr<const CompiledPack>& pack,
                   const SourcePlan& plan, const std::string& events, sql::Arrivals arrivals,
                   const std::vector<uint64_t>& refused) {
  FUQI_ASSIGN_OR_RETURN(const std::optional<table::Relation> standing,
                        GiveStanding(access, pack, plan));
  GivenScreens screens;
  if (Screens(pack->lookups())) {
    FUQI_ASSIGN_OR_RETURN(table::RowStream inputs,
                          RunPlan(access, *pack, plan, ScreenInputSql(pack->lookups(), events),
                                  RefusedTables(refused)));
    FUQI_ASSIGN_OR_RETURN(screens, GiveScreens(pack->pack(), pack->lookups(), std::move(inputs)));
  }
  auto tables = [&] {
    std::vector<table::Relation> beside = OwnTables(pack->pack(), pack->lookups());
    if (standing) {
      beside.push_back(*standing);
    }
    if (!screens.relation.schema.empty()) {
      beside.push_back(screens.relation);
    }
    std::ranges::move(RefusedTables(refused), std::back_inserter(beside));
    return beside;
  };
  Given given{.tables = tables(), .truncated = std::move(screens.truncated)};
  if (!pack->graphs().empty()) {
    FUQI_ASSIGN_OR_RETURN(GivenGraphs graphs,
                          GiveGraphs(*pack, events, [&](const std::string& inputs) {
                            return RunPlan(access, *pack, plan, inputs, tables());
                          }));
    given.tables.push_back(std::move(graphs.relation));
    given.truncated.resize(graphs.truncated.size());
    for (size_t i = 0; i < graphs.truncated.size(); ++i) {
      given.truncated[i] = given.truncated[i] || graphs.truncated[i];
    }
  }
  if (!pack->anomalies().empty()) {
    FUQI_ASSIGN_OR_RETURN(
        table::Relation anomalies,
        GiveAnomalies(*pack, events, arrivals,
                      [&](const std::string& inputs, const table::Relation& so_far) {
                        std::vector<table::Relation> beside = given.tables;
                        beside.push_back(so_far);
                        return RunPlan(access, *pack, plan, inputs, std::move(beside));
                      }));
    given.tables.push_back(std::move(anomalies));
  }
  return given;
}

}  // namespace

Result<DiffResult> Diff(const DataAccess& access, const std::shared_ptr<const CompiledPack>& pack,
                        const SourcePlan& plan, const std::function<void(uint64_t)>& progress) {
  FUQI_ASSIGN_OR_RETURN(Admission admission, Admit(access, *pack, plan));
  const std::string events = admission.refused.empty() ? plan.sql : AdmittedSql(*pack, plan);
  const sql::Arrivals arrivals =
      admission.in_order ? sql::Arrivals::kInOrder : sql::Arrivals::kAnyOrder;
  FUQI_ASSIGN_OR_RETURN(std::string sql, pack->BatchSql(events, arrivals));
  FUQI_ASSIGN_OR_RETURN(Given given, Give(access, pack, plan, events, arrivals, admission.refused));
  FUQI_ASSIGN_OR_RETURN(table::RowStream batch,
                        RunPlan(access, *pack, plan, sql, std::move(given.tables)));
  FUQI_ASSIGN_OR_RETURN(SourceReader reader, SourceReader::Open(access, *pack, plan));

  Core core(pack);
  Comparison comparison(*pack);
  DiffResult& result = comparison.result();
  std::vector<Datum> rules;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(std::optional<Event> event, reader.Next());
    if (!event) {
      break;
    }
    Decision decision = core.DecideAndApply(*event, 1 + 2 * result.events);
    ++result.events;
    const uint64_t row = reader.rows();
    const bool refused = std::ranges::binary_search(admission.refused, row);
    const bool flagged = (decision.flags & kOutOfBounds) != 0;
    comparison.CompareFlag(row, *event, "out of bounds", refused, flagged);
    if (!refused) {
      FUQI_ASSIGN_OR_RETURN(auto batch_row, batch.Next());
      if (!batch_row || !table::Identical((*batch_row)[0], event->columns[pack->key_column()])) {
        return Err(ErrorCode::kInternal, "the batch form lost the order of the events at row {}",
                   row);
      }
      const size_t admitted = result.events - 1 - result.out_of_bounds;
      comparison.CompareFlag(row, *event, FlagName(kTruncated),
                             !given.truncated.empty() && given.truncated[admitted],
                             (decision.flags & kTruncated) != 0);
      rules.clear();
      core.DecideFromFeatures(*event, decision, &rules);
      comparison.Compare(row, *event, decision, rules, *batch_row);
      if (!pack->pack().standing.empty()) {
        comparison.CompareLookedUp(row, *event, decision);
        comparison.CompareAction(row, *event, decision, *batch_row);
      }
    } else {
      rules.clear();
      core.DecideFromFeatures(*event, decision, &rules);
      comparison.CompareOutOfBounds(row, *event, decision, rules);
    }
    if (progress && result.events % 4096 == 0) {
      progress(result.events);
    }
  }
  FUQI_ASSIGN_OR_RETURN(auto left_over, batch.Next());
  if (left_over) {
    return Err(ErrorCode::kInternal, "the batch form has more rows than the source has events");
  }
  return result;
}

}  // namespace fuqi::decide
