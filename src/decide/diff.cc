#include "decide/diff.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "decide/core.h"
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

table::Relation RefusedRelation(const std::vector<uint64_t>& refused) {
  table::Relation relation{"fuqi_refused", {{"number", {table::TypeId::kBigInt}, false}}, {}};
  for (uint64_t row : refused) {
    relation.rows.emplace_back(1).Set(0, Datum::Int(row));
  }
  return relation;
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
  size_t next = 0;
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
  explicit Comparison(const CompiledPack& pack) : pack_(pack), tolerant_(TolerantFeatures(pack)) {}

  void Note(uint64_t row, const Event& event, std::string_view column, std::string batch,
            std::string stream) {
    ++result_.mismatches;
    if (result_.first.size() < DiffResult::kListedMax) {
      result_.first.push_back(
          {row, KeyText(event), std::string(column), std::move(batch), std::move(stream)});
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
  DiffResult result_;
};

}  // namespace

Result<DiffResult> Diff(const DataAccess& access, std::shared_ptr<const CompiledPack> pack,
                        const SourcePlan& plan, const std::function<void(uint64_t)>& progress) {
  FUQI_ASSIGN_OR_RETURN(Admission admission, Admit(access, *pack, plan));
  const std::string events = admission.refused.empty() ? plan.sql : AdmittedSql(*pack, plan);
  FUQI_ASSIGN_OR_RETURN(std::string sql,
                        pack->BatchSql(events, admission.in_order ? sql::Arrivals::kInOrder
                                                                  : sql::Arrivals::kAnyOrder));
  std::vector<table::Relation> given;
  if (!admission.refused.empty()) {
    given.push_back(RefusedRelation(admission.refused));
  }
  FUQI_ASSIGN_OR_RETURN(table::RowStream batch,
                        RunPlan(access, *pack, plan, sql, std::move(given)));
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
    Decision decision = core.Decide(*event, 1 + 2 * result.events);
    ++result.events;
    const uint64_t row = reader.rows();
    const bool refused = std::ranges::binary_search(admission.refused, row);
    const bool flagged = (decision.flags & kOutOfBounds) != 0;
    if (refused != flagged) {
      comparison.Note(row, *event, "out of bounds", refused ? "true" : "false",
                      flagged ? "true" : "false");
    }
    if (!refused) {
      FUQI_ASSIGN_OR_RETURN(auto batch_row, batch.Next());
      if (!batch_row || !table::Identical((*batch_row)[0], event->columns[pack->key_column()])) {
        return Err(ErrorCode::kInternal, "the batch form lost the order of the events at row {}",
                   row);
      }
      rules.clear();
      core.DecideFromFeatures(*event, decision, &rules);
      comparison.Compare(row, *event, decision, rules, *batch_row);
    } else {
      ++result.out_of_bounds;
      result.cells += pack->feature_schema().size();
      for (size_t i = 0; i < decision.features.size(); ++i) {
        if (!decision.features[i].is_null()) {
          comparison.Note(row, *event, pack->feature_schema()[i].name, "NULL",
                          table::ToText(decision.features[i], pack->feature_schema()[i].type));
        }
      }
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
