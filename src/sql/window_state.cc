#include "sql/window_state.h"

#include <algorithm>
#include <optional>
#include <string>

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

constexpr uint8_t kFormat = 1;

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
  Result<void> AddWindow(const Window& window, size_t output, Position* error_at);
};

WindowState::WindowState(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WindowState::WindowState(WindowState&&) noexcept = default;
WindowState& WindowState::operator=(WindowState&&) noexcept = default;
WindowState::~WindowState() = default;

namespace {

std::optional<Fold> FunctionOf(const Window& window) {
  const std::string& name = window.function;
  const bool real = !window.args.empty() && window.args[0].type.id == TypeId::kDouble;
  const bool exact = !window.args.empty() && (window.args[0].type.is_exact_number() ||
                                              window.args[0].type.id == TypeId::kBoolean);
  if (window.distinct) {
    return name == "count"                  ? std::optional(Fold::kDistinct)
           : name == "min" || name == "max" ? std::optional(name == "min" ? Fold::kMin : Fold::kMax)
                                            : std::nullopt;
  }
  if (name == "count" || name == "count_star") {
    return Fold::kCount;
  }
  if (name == "sum" && (exact || real)) {
    return exact ? Fold::kSum : Fold::kSumDouble;
  }
  if (name == "avg" && (real || (exact && window.args[0].type.id != TypeId::kBoolean))) {
    return exact ? Fold::kAvg : Fold::kAvgDouble;
  }
  const std::pair<std::string_view, Fold> others[] = {
      {"min", Fold::kMin},   {"max", Fold::kMax},           {"first", Fold::kFirst},
      {"last", Fold::kLast}, {"first_value", Fold::kFirst}, {"last_value", Fold::kLast},
      {"lag", Fold::kLag},
  };
  for (const auto& [known, function] : others) {
    if (name == known) {
      return function;
    }
  }
  return std::nullopt;
}

// A text that two levels share only if they are the same.
std::string Describe(const Level& level, int64_t lateness_us) {
  std::string text = std::to_string(lateness_us);
  const auto add = [&](const Expr& expr) {
    text += "\n" + expr.type.ToString() + " " + ToSql(expr, level.input);
  };
  for (const Window& window : level.windows) {
    text += "\n" + window.function + " " + window.type.ToString() +
            (window.distinct ? " distinct " : " ") +
            (window.frame == Window::Frame::kRange ? std::to_string(window.length_us) : "all") +
            " " + std::to_string(window.offset);
    std::for_each(window.args.begin(), window.args.end(), add);
    text += "\nby";
    std::for_each(window.partitions.begin(), window.partitions.end(), add);
    for (const auto* part : {&window.filter, &window.fallback}) {
      text += "\n";
      if (*part) {
        add(**part);
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

Result<void> WindowState::Impl::AddWindow(const Window& window, size_t output, Position* error_at) {
  const auto refuse = [&](Error error) {
    if (error_at != nullptr) {
      *error_at = window.position;
    }
    return error;
  };
  const auto function = FunctionOf(window);
  const bool takes_filter =
      function != Fold::kFirst && function != Fold::kLast && function != Fold::kLag;
  const size_t args = window.function == "count_star" ? 0 : 1;
  if (!function || window.args.size() != args || (window.filter && !takes_filter)) {
    return refuse(Err(ErrorCode::kUnsupported,
                      "the window function '{}' in this form cannot run as a stream",
                      window.function));
  }
  if (window.frame == Window::Frame::kRange && window.length_us <= 0) {
    return refuse(
        Err(ErrorCode::kInvalidArgument, "the frame of a window must be longer than nothing"));
  }
  WindowPlan plan;
  plan.function = *function;
  plan.name = window.function;
  plan.output = output;
  if (*function == Fold::kLag) {
    const bool constant = !window.fallback || window.fallback->kind == Expr::Kind::kConstant;
    if (window.offset < 0 || window.offset > INT32_MAX || !constant) {
      return refuse(Err(ErrorCode::kUnsupported,
                        "lag takes constants: a number of rows back from 0 to {}, and what "
                        "stands for a row that is not there",
                        INT32_MAX));
    }
    plan.offset = static_cast<uint64_t>(window.offset);
    plan.fallback = window.fallback ? window.fallback->constant : table::Row(1);
  }
  int arg = -1;
  int filter = -1;
  if (args == 1) {
    FUQI_ASSIGN_OR_RETURN(arg, AddProgram(window.args[0], error_at));
    plan.arg = window.args[0].type;
    plan.program = arg;
  }
  if (window.filter) {
    FUQI_ASSIGN_OR_RETURN(filter, AddProgram(*window.filter, error_at));
  }
  if (*function == Fold::kLast) {
    lasts.push_back(std::move(plan));
    return {};
  }
  std::vector<int> partitions;
  std::vector<Type> types;
  for (const Expr& partition : window.partitions) {
    FUQI_ASSIGN_OR_RETURN(const int program, AddProgram(partition, error_at));
    partitions.push_back(program);
    types.push_back(partition.type);
  }
  auto store = std::find_if(stores.begin(), stores.end(),
                            [&](const Store& s) { return s.IsOver(partitions); });
  if (store == stores.end()) {
    stores.emplace_back(partitions, types);
    store = std::prev(stores.end());
  }
  store->Add(std::move(plan), window, arg, filter);
  return {};
}

Result<WindowState> WindowState::Compile(const Level& level, int64_t lateness_us,
                                         Position* error_at) {
  FUQI_CHECK(lateness_us >= 0);
  auto impl = std::make_unique<Impl>();
  impl->lateness_us = lateness_us;
  impl->windows = level.windows.size();
  for (size_t i = 0; i < level.windows.size(); ++i) {
    FUQI_RETURN_IF_ERROR(impl->AddWindow(level.windows[i], i, error_at));
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
