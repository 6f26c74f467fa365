#include "sql/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "sql/clash_internal.h"
#include "sql/window_text_internal.h"
#include "table/type.h"

namespace fuqi::sql {
namespace {

using table::QuoteName;

constexpr std::string_view kArrivalsPerMicrosecond = "4294967296";  // 2^32
constexpr std::string_view kLastArrival = " - 4294967295";

// In parentheses, with line breaks so that a comment within cannot swallow them.
std::string Enclosed(std::string_view text) { return fmt::format("(\n{}\n)", text); }

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

// An item with the windows that it uses, as indexes into the batch's.
struct Item {
  const Fragment* fragment;
  const Expr* expr;
  const Level* level;
  std::vector<size_t> windows;

  std::string Select() const {
    return fmt::format("{} AS {}", Enclosed(fragment->text), QuoteName(fragment->name));
  }
};

class Writer {
 public:
  explicit Writer(const Batch& batch, Arrivals arrivals) : batch_(batch), arrivals_(arrivals) {}

  Result<std::string> Write() {
    if (batch_.levels.size() > kMaxLevels) {
      return Err(ErrorCode::kResourceExhausted,
                 "there are {} levels of features upon features; at most {} are supported",
                 batch_.levels.size(), kMaxLevels);
    }
    const Level& first = *batch_.levels.front().level;
    time_name_ = first.input[first.time].name;
    time_ = QuoteName(time_name_);
    FUQI_RETURN_IF_ERROR(ReadWindows());
    AddCte("SELECT *, row_number() OVER () AS fuqi_arrival FROM " + Enclosed(batch_.source));
    AddCte(fmt::format("SELECT *, epoch_us({})::HUGEINT * {} + fuqi_arrival AS fuqi_seq FROM {}",
                       time_, kArrivalsPerMicrosecond, last_));
    for (const BatchLevel& level : batch_.levels) {
      FUQI_RETURN_IF_ERROR(AddLevel(level));
    }
    std::vector<std::string> columns;
    for (const std::string& column : batch_.columns) {
      columns.push_back(QuoteName(column));
    }
    return fmt::format("WITH {}\nSELECT {} FROM {} ORDER BY fuqi_arrival", ctes_,
                       Join(columns, ", "), last_);
  }

 private:
  // Joins read a relation several times; in order each is read once, by the next.
  void AddCte(const std::string& select) {
    last_ = fmt::format("fuqi_{}", count_++);
    ctes_ += fmt::format("{}{} AS {}(\n{})", ctes_.empty() ? "" : ",\n", last_,
                         arrivals_ == Arrivals::kInOrder ? "" : "MATERIALIZED ", select);
  }

  Result<void> ReadWindows() {
    for (const Fragment& window : batch_.windows) {
      FUQI_ASSIGN_OR_RETURN(internal::WindowText text,
                            internal::ReadWindowText(window, time_name_));
      texts_.push_back(std::move(text));
      names_.push_back(window.name);
    }
    return {};
  }

  Result<void> AddLevel(const BatchLevel& level) {
    std::vector<Item> items;
    for (size_t i = 0; i < level.items.size(); ++i) {
      FUQI_ASSIGN_OR_RETURN(std::vector<size_t> windows, WindowsOf(level.items[i]));
      items.push_back(
          {&level.items[i], &level.level->outputs[i].expr, level.level, std::move(windows)});
    }
    for (const std::vector<Item>& step : WithoutClashes(items)) {
      if (arrivals_ == Arrivals::kInOrder) {
        AddStep(step);
      } else {
        AddStepByJoin(step);
      }
      AddFiniteCheck(step);
    }
    return {};
  }

  Result<std::vector<size_t>> WindowsOf(const Fragment& item) const {
    FUQI_ASSIGN_OR_RETURN(const std::vector<Reference> used, internal::FindWindows(item, names_));
    std::vector<size_t> windows;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (std::any_of(used.begin(), used.end(),
                      [&](const Reference& use) { return table::SameName(use.name, names_[i]); })) {
        windows.push_back(i);
      }
    }
    return windows;
  }

  // Items that may stand in one SELECT, each in the first step that has room for it.
  static std::vector<std::vector<Item>> WithoutClashes(const std::vector<Item>& items) {
    std::vector<std::vector<Item>> steps;
    for (const Item& item : items) {
      const auto step =
          std::find_if(steps.begin(), steps.end(), [&](const std::vector<Item>& others) {
            return std::none_of(others.begin(), others.end(), [&](const Item& other) {
              return internal::Clash(*item.expr, *item.level, *other.expr, *other.level);
            });
          });
      if (step == steps.end()) {
        steps.push_back({item});
      } else {
        step->push_back(item);
      }
    }
    return steps;
  }

  // The definitions of these windows; `first` is partitioned by before all else, if not empty.
  std::string WindowClause(const std::vector<size_t>& windows, std::string_view first) const {
    std::vector<std::string> definitions;
    for (size_t i : windows) {
      const internal::WindowText& text = texts_[i];
      std::vector<std::string> partitions;
      if (!first.empty()) {
        partitions.emplace_back(first);
      }
      for (std::string_view partition : text.partitions) {
        partitions.push_back(Enclosed(partition));
      }
      std::string definition;
      if (!partitions.empty()) {
        definition = fmt::format("PARTITION BY {} ", Join(partitions, ", "));
      }
      definition += "ORDER BY fuqi_seq" + FrameSql(text);
      definitions.push_back(fmt::format("{} AS ({})", QuoteName(names_[i]), definition));
    }
    return definitions.empty() ? "" : "\nWINDOW " + Join(definitions, ",\n");
  }

  // The frame over fuqi_seq. It begins at the least number of its first microsecond and ends at the
  // greatest of its last, or with the row itself.
  std::string FrameSql(const internal::WindowText& text) const {
    if (text.length.empty() && text.gap.empty()) {
      return "";
    }
    const auto bound = [&](std::string_view length, std::string_view more) {
      return text.by_rows ? fmt::format("{} PRECEDING", Enclosed(length))
                          : fmt::format("(fuqi_seq - epoch_us({} - {})::HUGEINT * {}{}) PRECEDING",
                                        time_, Enclosed(length), kArrivalsPerMicrosecond, more);
    };
    return fmt::format(" {} BETWEEN {} AND {}", text.by_rows ? "ROWS" : "RANGE",
                       text.length.empty() ? "UNBOUNDED PRECEDING" : bound(text.length, ""),
                       text.gap.empty() ? "CURRENT ROW" : bound(text.gap, kLastArrival));
  }

  void AddStep(const std::vector<Item>& items) {
    std::vector<std::string> selects = {"*"};
    std::vector<size_t> windows;
    for (const Item& item : items) {
      selects.push_back(item.Select());
      windows.insert(windows.end(), item.windows.begin(), item.windows.end());
    }
    std::sort(windows.begin(), windows.end());
    windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
    AddCte(
        fmt::format("SELECT {} FROM {}{}", Join(selects, ", "), last_, WindowClause(windows, "")));
  }

  // Items of the same windows are evaluated over each row's past, the rest on the row itself; the
  // results are put side by side.
  void AddStepByJoin(const std::vector<Item>& items) {
    const std::string base = last_;
    std::map<std::vector<size_t>, std::vector<Item>> groups;
    for (const Item& item : items) {
      groups[item.windows].push_back(item);
    }
    std::vector<std::string> selects = {"b.*"};
    std::string joins;
    for (const auto& [windows, group] : groups) {
      if (windows.empty()) {
        for (const Item& item : group) {
          selects.push_back(item.Select());
        }
        continue;
      }
      AddPast(base, windows, group);
      for (const Item& item : group) {
        selects.push_back(fmt::format("{}.{}", last_, QuoteName(item.fragment->name)));
      }
      joins += fmt::format("\nJOIN {0} ON {0}.fuqi_arrival = b.fuqi_arrival", last_);
    }
    AddCte(fmt::format("SELECT {} FROM {} AS b{}", Join(selects, ", "), base, joins));
  }

  // Each row `e` beside the rows `o` that had arrived with it or before and can be in one of its
  // frames; of each past, what it means to `e` is kept.
  void AddPast(const std::string& base, const std::vector<size_t>& windows,
               const std::vector<Item>& items) {
    std::vector<std::string> keys = {"*"};
    std::vector<std::string> reaches;
    std::vector<std::string> matches;
    bool since_ever = std::any_of(items.begin(), items.end(), ReachesBackForEver);
    for (size_t i : windows) {
      std::vector<std::string> match = {"TRUE"};
      for (std::string_view partition : texts_[i].partitions) {
        const std::string key = fmt::format("fuqi_key_{}", keys.size());
        keys.push_back(fmt::format("{} AS {}", Enclosed(partition), key));
        match.push_back(fmt::format("o.{0} IS NOT DISTINCT FROM e.{0}", key));
      }
      matches.push_back(fmt::format("({})", Join(match, " AND ")));
      if (texts_[i].length.empty() || texts_[i].by_rows) {
        since_ever = true;
      } else {
        reaches.push_back(fmt::format("{} - {}", time_, Enclosed(texts_[i].length)));
      }
    }
    std::string past = "o.fuqi_arrival <= e.fuqi_arrival AND o.fuqi_seq <= e.fuqi_seq";
    if (!since_ever) {
      keys.push_back(fmt::format("least({}) AS fuqi_from", Join(reaches, ", ")));
      past += fmt::format(" AND o.{} >= e.fuqi_from", time_);
    }
    AddCte(fmt::format("SELECT {} FROM {}", Join(keys, ", "), base));
    std::vector<std::string> selects = {"fuqi_arrival"};
    for (const Item& item : items) {
      selects.push_back(item.Select());
    }
    AddCte(fmt::format(
        "SELECT {0} FROM (SELECT o.*, e.fuqi_arrival AS fuqi_as_of FROM {1} AS e JOIN {1} AS o ON "
        "{2} AND ({3})){4}\nQUALIFY fuqi_arrival = fuqi_as_of",
        Join(selects, ", "), last_, past, Join(matches, " OR "),
        WindowClause(windows, "fuqi_as_of")));
  }

  // lag does, whatever its frame.
  static bool ReachesBackForEver(const Item& item) {
    const std::function<bool(const Expr&)> walk = [&](const Expr& expr) {
      return (expr.kind == Expr::Kind::kWindow &&
              !item.level->windows[expr.column].reach_us().has_value()) ||
             std::any_of(expr.children.begin(), expr.children.end(), walk);
    };
    return walk(*item.expr);
  }

  void AddFiniteCheck(const std::vector<Item>& items) {
    std::vector<std::string> checked;
    for (const Item& item : items) {
      if (item.expr->type.id == table::TypeId::kDouble) {
        const std::string name = QuoteName(item.fragment->name);
        checked.push_back(fmt::format(
            "CASE WHEN NOT isfinite({0}) THEN error({1} || fuqi_arrival) ELSE {0} END AS {0}", name,
            table::QuoteText(item.fragment->name + " is not a finite number for event ")));
      }
    }
    if (!checked.empty()) {
      AddCte(fmt::format("SELECT * REPLACE ({}) FROM {}", Join(checked, ", "), last_));
    }
  }

  const Batch& batch_;
  const Arrivals arrivals_;
  std::string time_name_;
  std::string time_;  // quoted
  std::vector<internal::WindowText> texts_;
  std::vector<std::string> names_;
  std::string ctes_;
  std::string last_;  // the relation made last
  int count_ = 0;
};

}  // namespace

Result<std::string> BatchSql(const Batch& batch, Arrivals arrivals) {
  return Writer(batch, arrivals).Write();
}

}  // namespace fuqi::sql
