#include "sql/window_state.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/time.h"
#include "sql/window_store_internal.h"

namespace fuqi::sql {

using internal::EventPlace;
using internal::Fold;
using internal::Horizon;
using internal::Malformed;
using internal::SaturatingSubtract;
using internal::Store;
using internal::WindowPlan;

namespace {

constexpr uint8_t kFormat = 2;

}  // namespace

struct WindowState::Impl {
  std::vector<Program> programs;
  std::vector<const Expr*> exprs;  // while compiling
  std::vector<Store> stores;
  std::vector<WindowPlan> lasts;  // the row's own value, whatever the frame
  size_t windows = 0;
  int64_t lateness_us = 0;
  uint32_t description = 0;  // of the level and lateness

  bool any = false;
  EventPlace newest;  // greatest time, last arrival
  // Of the programs, for the row at hand.
  std::vector<Datum> values;
  std::vector<bool> failed;

  Horizon horizon() const { return {any ? SaturatingSubtract(newest.ts, lateness_us) : INT64_MIN}; }
  Result<int> AddProgram(const Expr& expr, Position* error_at);
  Result<void> AddWindow(const Window& window, int time, size_t output, Position* error_at);
};

WindowState::WindowState(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WindowState::WindowState(WindowState&&) noexcept = default;
WindowState& WindowState::operator=(WindowState&&) noexcept = default;
WindowState::~WindowState() = default;

namespace {

struct Known {
  std::string_view name;
  Fold function;
};
constexpr Known kOfAny[] = {{"min", Fold::kMin},        {"max", Fold::kMax},
                            {"arg_min", Fold::kArgMin}, {"arg_max", Fold::kArgMax},
                            {"first", Fold::kFirst},    {"last", Fold::kLast},
                            {"lag", Fold::kLag}};
constexpr Known kOfNumbers[] = {
    {"var_samp", Fold::kVarSamp},
    {"var_pop", Fold::kVarPop},
    {"stddev_samp", Fold::kStddevSamp},
    {"stddev_pop", Fold::kStddevPop},
    {"corr", Fold::kCorr},
};

template <size_t n>
std::optional<Fold> FindIn(const Known (&known)[n], std::string_view name) {
  for (const Known& entry : known) {
    if (entry.name == name) {
      return entry.function;
    }
  }
  return std::nullopt;
}

bool IsExactNumber(Type type) { return type.is_exact_number(); }

std::optional<Fold> FunctionOf(const Window& window) {
  const std::string& name = window.function;
  const Type arg = window.args.empty() ? Type() : window.args[0].type;
  const bool real = arg.id == TypeId::kDouble;
  const bool exact = IsExactNumber(arg);
  const bool boolean = arg.id == TypeId::kBoolean;
  const bool time = arg.id == TypeId::kDate || arg.id == TypeId::kTimestamp;
  if (window.distinct) {
    return name == "count" ? std::optional(Fold::kDistinct)
           : name == "string_agg" && arg.id == TypeId::kVarchar && window.parameter
               ? std::optional(Fold::kJoin)
           : name == "min" || name == "max" ? std::optional(name == "min" ? Fold::kMin : Fold::kMax)
                                            : std::nullopt;
  }
  if (name == "count" || name == "count_star") {
    return Fold::kCount;
  }
  if (name == "sum" && (exact || real || boolean)) {
    return real ? Fold::kSumDouble : Fold::kSum;
  }
  if (name == "avg" && (real || exact)) {
    return real ? Fold::kAvgDouble : Fold::kAvg;
  }
  if ((name == "bool_and" || name == "bool_or") && boolean) {
    return name == "bool_and" ? Fold::kAnd : Fold::kOr;
  }
  if (name == "quantile_disc" && (exact || real || time) && window.parameter) {
    return Fold::kQuantile;
  }
  if (const auto of_numbers = FindIn(kOfNumbers, name)) {
    return real ? of_numbers : std::nullopt;
  }
  return FindIn(kOfAny, name);
}

size_t ArgsOf(Fold function, std::string_view name) {
  switch (function) {
    case Fold::kArgMin:
    case Fold::kArgMax:
    case Fold::kCorr:
      return 2;
    default:
      return name == "count_star" ? 0 : 1;
  }
}

// What variance and correlation are taken of: an exact number itself where the binder made a DOUBLE
// of it, so that nothing is rounded before the result is.
const Expr& Unrounded(const Expr& arg) {
  const bool made = arg.kind == Expr::Kind::kCast && !arg.try_cast &&
                    arg.type.id == TypeId::kDouble && IsExactNumber(arg.children[0].type);
  return made ? arg.children[0] : arg;
}

// The time column, as clocks somewhere tell it.
bool IsClock(const Expr& expr, int time) {
  return (expr.kind == Expr::Kind::kColumn && expr.column == time) ||
         (expr.kind == Expr::Kind::kCall && expr.name == "timezone" && expr.children.size() == 3 &&
          IsClock(expr.children[2], time));
}

// How long the part of the calendar lasts at most that the expression makes of an event's time, a
// day or more; 0 if it makes none. Clocks that are set add less than the two days of kSetUs.
int64_t CalendarUs(const Expr& expr, int time) {
  constexpr int64_t kSetUs = 2 * kDayUs;
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"day", 1}, {"week", 7}, {"month", 31}, {"quarter", 92}, {"year", 366}, {"isoyear", 371}};
  if (expr.kind == Expr::Kind::kCast && expr.type.id == TypeId::kDate &&
      IsClock(expr.children[0], time)) {
    return kDayUs + kSetUs;
  }
  if (expr.kind == Expr::Kind::kCast && expr.type.id == TypeId::kTimestamp) {
    return CalendarUs(expr.children[0], time);
  }
  if (expr.kind != Expr::Kind::kCall || expr.name != "date_trunc" || expr.children.size() != 2 ||
      expr.children[0].kind != Expr::Kind::kConstant ||
      expr.children[0].constant[0].kind != Datum::Kind::kText ||
      !(IsClock(expr.children[1], time) || CalendarUs(expr.children[1], time) > 0)) {
    return 0;
  }
  for (const auto& [unit, days] : kUnits) {
    if (expr.children[0].constant[0].text() == unit) {
      return days * kDayUs + kSetUs;
    }
  }
  return 0;
}

// The shortest, where a key has several such parts.
int64_t LifetimeUs(const std::vector<Expr>& partitions, int time) {
  int64_t shortest = 0;
  for (const Expr& partition : partitions) {
    const int64_t us = time < 0 ? 0 : CalendarUs(partition, time);
    shortest = us > 0 && (shortest == 0 || us < shortest) ? us : shortest;
  }
  return shortest;
}

// A text that two levels share only if they are the same.
std::string Describe(const Level& level, int64_t lateness_us) {
  std::string text = std::to_string(lateness_us);
  for (const Window& window : level.windows) {
    text += "\n" + window.type.ToString() + " " + ToSql(window, level.input, level.time);
    for (const auto* exprs : {&window.args, &window.partitions}) {
      for (const Expr& expr : *exprs) {
        text += " " + expr.type.ToString();
      }
    }
  }
  return text;
}

}  // namespace

Result<int> WindowState::Impl::AddProgram(const Expr& expr, Position* error_at) {
  const auto known =
      std::find_if(exprs.begin(), exprs.end(), [&](const Expr* e) { return SameExpr(*e, expr); });
  if (known == exprs.end()) {
    FUQI_ASSIGN_OR_RETURN(Program program, Program::Compile(expr, error_at));
    programs.push_back(std::move(program));
    exprs.push_back(&expr);
    return static_cast<int>(programs.size()) - 1;
  }
  return static_cast<int>(known - exprs.begin());
}

namespace {

Result<void> CheckWindow(const Window& window, std::optional<Fold> function) {
  const bool takes_filter =
      function != Fold::kFirst && function != Fold::kLast && function != Fold::kLag;
  if (!function || window.args.size() != ArgsOf(*function, window.function) ||
      (window.filter && !takes_filter)) {
    return Err(ErrorCode::kUnsupported,
               "the window function '{}' in this form cannot run as a stream", window.function);
  }
  const bool empty =
      window.frame == Window::Frame::kRange && window.length_us <= 0 && window.length_months == 0;
  if (empty || window.length_us < 0 || window.length_months < 0 || window.rows < 0 ||
      window.gap_us < 0 || window.gap_rows < 0) {
    return Err(ErrorCode::kInvalidArgument, "the frame of a window must be longer than nothing");
  }
  const bool constant = !window.fallback || window.fallback->kind == Expr::Kind::kConstant;
  if (*function == Fold::kLag && (window.offset < 0 || window.offset > INT32_MAX || !constant)) {
    return Err(ErrorCode::kUnsupported,
               "lag takes constants: a number of rows back from 0 to {}, and what stands for a row "
               "that is not there",
               INT32_MAX);
  }
  return {};
}

}  // namespace

Result<void> WindowState::Impl::AddWindow(const Window& window, int time, size_t output,
                                          Position* error_at) {
  const auto function = FunctionOf(window);
  if (auto checked = CheckWindow(window, function); !checked) {
    if (error_at != nullptr) {
      *error_at = window.position;
    }
    return checked;
  }
  WindowPlan plan;
  plan.function = *function;
  plan.name = window.function;
  plan.output = output;
  plan.offset = static_cast<uint64_t>(window.offset);
  plan.fallback = window.fallback ? window.fallback->constant : table::Row(1);
  if (window.parameter) {
    plan.parameter = window.parameter->constant;
    plan.parameter_type = window.parameter->type;
  }
  const bool of_numbers = FindIn(kOfNumbers, window.function).has_value();
  int programs[] = {-1, -1};
  Type* const types[] = {&plan.arg, &plan.by_type};
  for (size_t i = 0; i < window.args.size(); ++i) {
    const Expr& arg = of_numbers ? Unrounded(window.args[i]) : window.args[i];
    FUQI_ASSIGN_OR_RETURN(programs[i], AddProgram(arg, error_at));
    *types[i] = arg.type;
  }
  plan.program = programs[0];
  int filter = -1;
  if (window.filter) {
    FUQI_ASSIGN_OR_RETURN(filter, AddProgram(*window.filter, error_at));
  }
  if (*function == Fold::kLast && window.ends_here()) {
    lasts.push_back(std::move(plan));
    return {};
  }
  std::vector<int> partitions;
  std::vector<Type> partition_types;
  for (const Expr& partition : window.partitions) {
    FUQI_ASSIGN_OR_RETURN(const int program, AddProgram(partition, error_at));
    partitions.push_back(program);
    partition_types.push_back(partition.type);
  }
  auto store = std::find_if(stores.begin(), stores.end(),
                            [&](const Store& s) { return s.IsOver(partitions); });
  if (store == stores.end()) {
    stores.emplace_back(partitions, partition_types, LifetimeUs(window.partitions, time));
    store = std::prev(stores.end());
  }
  store->Add(std::move(plan), window, programs[0], programs[1], filter);
  return {};
}

Result<WindowState> WindowState::Compile(const Level& level, int64_t lateness_us,
                                         Position* error_at) {
  FUQI_CHECK(lateness_us >= 0);
  auto impl = std::make_unique<Impl>();
  impl->lateness_us = lateness_us;
  impl->windows = level.windows.size();
  for (size_t i = 0; i < level.windows.size(); ++i) {
    FUQI_RETURN_IF_ERROR(impl->AddWindow(level.windows[i], level.time, i, error_at));
  }
  impl->exprs.clear();
  for (Store& store : impl->stores) {
    store.Seal();
  }
  impl->values.resize(impl->programs.size());
  impl->failed.resize(impl->programs.size());
  impl->description = Crc32c(AsBytes(Describe(level, lateness_us)));
  return WindowState(std::move(impl));
}

Result<std::vector<Datum>> WindowState::Push(std::span<const Datum> columns, int64_t ts_us,
                                             uint64_t arrival, Scratch& scratch) {
  Impl& impl = *impl_;
  FUQI_CHECK(!impl.any || (ts_us >= impl.horizon().open && arrival > impl.newest.arrival));
  impl.newest = {impl.any ? std::max(impl.newest.ts, ts_us) : ts_us, arrival};
  impl.any = true;

  std::optional<Error> error;
  for (size_t i = 0; i < impl.programs.size(); ++i) {
    auto value = impl.programs[i].Run(columns, {}, scratch);
    impl.failed[i] = !value.has_value();
    impl.values[i] = value ? *value : Datum::Null();
    if (!value && !error) {
      error = std::move(value).error();
    }
  }
  std::vector<Datum> out(impl.windows);
  for (const WindowPlan& last : impl.lasts) {
    out[last.output] = impl.values[last.program];
  }
  for (Store& store : impl.stores) {
    if (!store.KeyFailed(impl.failed)) {
      store.Push(impl.values, {ts_us, arrival}, impl.horizon(), scratch, out, error);
    }
  }
  if (error) {
    return *std::move(error);
  }
  return out;
}

void WindowState::Save(Bytes& out) const {
  ByteWriter writer(out);
  writer.Fixed(kFormat);
  writer.Fixed(impl_->description);
  writer.Fixed(static_cast<uint8_t>(impl_->any ? 1 : 0));
  writer.Fixed(impl_->newest.ts);
  writer.Fixed(impl_->newest.arrival);
  for (Store& store : impl_->stores) {
    store.Save(impl_->horizon(), writer);
  }
}

Result<void> WindowState::Restore(ByteView bytes) {
  Impl& impl = *impl_;
  const auto clear = [&] {
    impl.any = false;
    impl.newest = {};
    std::for_each(impl.stores.begin(), impl.stores.end(), [](Store& store) { store.Clear(); });
  };
  const auto read = [&]() -> Result<void> {
    ByteReader in(bytes);
    const auto format = in.Fixed<uint8_t>();
    const auto description = in.Fixed<uint32_t>();
    const auto any = in.Fixed<uint8_t>();
    impl.newest.ts = in.Fixed<int64_t>();
    impl.newest.arrival = in.Fixed<uint64_t>();
    if (!in.ok() || format != kFormat || any > 1 || (any == 0 && impl.newest != EventPlace{})) {
      return Malformed();
    }
    if (description != impl.description) {
      return Err(ErrorCode::kParse, "the stored windows are those of other definitions");
    }
    impl.any = any == 1;
    for (Store& store : impl.stores) {
      FUQI_RETURN_IF_ERROR(store.Restore(in, impl.horizon(), impl.newest));
      if (!impl.any && store.keys() > 0) {
        return Malformed();
      }
    }
    return in.Finish("the stored windows");
  };
  clear();
  auto result = read();
  if (!result) {
    clear();
  }
  return result;
}

uint64_t WindowState::keys() const {
  uint64_t keys = 0;
  for (const Store& store : impl_->stores) {
    keys += store.keys();
  }
  return keys;
}
uint64_t WindowState::state_bytes() const {
  uint64_t bytes = 0;
  for (const Store& store : impl_->stores) {
    bytes += store.bytes();
  }
  return bytes;
}
uint64_t WindowState::steps() const {
  uint64_t steps = 0;
  for (const Store& store : impl_->stores) {
    steps += store.steps();
  }
  return steps;
}

}  // namespace fuqi::sql
