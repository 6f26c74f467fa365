#include "decide/backtest.h"

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "decide/feed.h"
#include "decide/pack_internal.h"
#include "sql/bind.h"
#include "sql/parsed_tree.h"
#include "sql/program.h"

namespace fuqi::decide {
namespace {

// How a rule of one version is found among the rules of both.
std::vector<size_t> AddRules(const Pack& pack, bool after, std::vector<RuleBacktest>& rules) {
  std::vector<size_t> places;
  for (const Rule& rule : pack.rules) {
    auto found = std::ranges::find(rules, rule.id, &RuleBacktest::id);
    if (found == rules.end()) {
      rules.push_back({.id = rule.id});
      found = rules.end() - 1;
    }
    (after ? found->is_after : found->is_before) = true;
    (after ? found->shadow_after : found->shadow_before) = rule.shadow;
    places.push_back(static_cast<size_t>(found - rules.begin()));
  }
  return places;
}

// The one kind that the old version knows, where the new one knows others too.
const EventKind* SoleKind(const Pack& before, const Pack& after) {
  return before.kinds.size() == 1 && after.kinds.size() > 1 ? after.FindKind(before.event_table)
                                                            : nullptr;
}

Result<void> CheckSameTable(const CompiledPack& before, const CompiledPack& after) {
  const Pack& a = before.pack();
  const Pack& b = after.pack();
  if (a.name != b.name) {
    return Err(ErrorCode::kConflict, "'{}' and '{}' are different packs, not versions of one",
               a.name, b.name);
  }
  table::Schema old_columns = before.event_schema();
  table::Schema new_columns = after.event_schema();
  if (const EventKind* kind = SoleKind(a, b); kind != nullptr) {
    new_columns = internal::SchemaOf(b, *kind);
    std::ranges::sort(old_columns, {}, &table::Column::name);
    std::ranges::sort(new_columns, {}, &table::Column::name);
  }
  for (size_t i = 0; i < std::max(old_columns.size(), new_columns.size()); ++i) {
    if (i >= old_columns.size() || i >= new_columns.size() || old_columns[i] != new_columns[i]) {
      auto said = [i](const table::Schema& columns) {
        return i < columns.size()
                   ? fmt::format("{} {}{}", columns[i].name, columns[i].type.ToString(),
                                 columns[i].nullable ? "" : " NOT NULL")
                   : std::string("-");
      };
      return Err(ErrorCode::kConflict,
                 "the versions have different tables and cannot be compared: column {} is {} in "
                 "the old one and {} in the new one",
                 i + 1, said(old_columns), said(new_columns));
    }
  }
  if (a.key != b.key || a.time != b.time) {
    return Err(ErrorCode::kConflict,
               "the versions know events by different columns: '{}' at '{}' in the old one, '{}' "
               "at '{}' in the new one",
               a.key, a.time, b.key, b.time);
  }
  return {};
}

// Whether both rules lay the same on a subject. Versions number kinds and columns for themselves.
bool SameStanding(const Pack& before, const Rule& old_rule, const Pack& after, const Rule& rule) {
  const std::optional<RuleStanding>& a = old_rule.standing;
  const std::optional<RuleStanding>& b = rule.standing;
  if (!a || !b) {
    return !a && !b;
  }
  return before.standing[a->kind].name == after.standing[b->kind].name &&
         before.columns[a->column].name == after.columns[b->column].name &&
         a->for_us == b->for_us && a->limit == b->limit && a->allowance == b->allowance;
}

bool IsReworded(const Pack& before, const Pack& after, const Rule& rule) {
  const auto old = std::ranges::find(before.rules, rule.id, &Rule::id);
  return old != before.rules.end() &&
         (old->condition.text != rule.condition.text || old->then != rule.then ||
          old->shadow != rule.shadow || !SameStanding(before, *old, after, rule));
}

// Days since 1970-01-01, for times before it, too.
int32_t DayOf(int64_t ts_us) {
  return static_cast<int32_t>(ts_us / kDayUs - (ts_us % kDayUs < 0 ? 1 : 0));
}

// Greater changes of the action first, then larger amounts.
struct ByWeight {
  static int64_t Step(const ChangedEvent& e) {
    return std::abs(static_cast<int>(e.before) - static_cast<int>(e.after));
  }
  static int128 Size(const ChangedEvent& e) {
    return e.amount.is_null() ? 0 : e.amount.i < 0 ? -e.amount.i : e.amount.i;
  }
  bool operator()(const ChangedEvent& a, const ChangedEvent& b) const {
    return Step(a) != Step(b) ? Step(a) > Step(b) : Size(a) > Size(b);
  }
};

}  // namespace

struct BacktestRun::Impl {
  Impl(std::shared_ptr<const CompiledPack> before, std::shared_ptr<const CompiledPack> after,
       const BacktestOptions& options_in)
      : options(options_in), old_core(std::move(before)), new_core(std::move(after)) {}

  // Both versions' say on one event, or on one rule of it.
  struct Said {
    bool before = false;
    bool after = false;
    std::optional<bool> bad;
    int128 amount = 0;
  };
  // What the old version decides on the event; where it does not know its kind, nothing.
  Decision DecideBefore(const Event& event, uint64_t seq);
  Decision Decide(Core& core, const Event& event, uint64_t seq) const {
    return options.standing == BacktestOptions::Standing::kOwn ? core.DecideAndApply(event, seq)
                                                               : core.Decide(event, seq);
  }
  static Result<void> Count(const Said& said, BothAlerts& out);
  Result<void> CountRules(Said said, const Decision& before, const Decision& after);
  Result<void> CountSegment(const Event& event, const Said& said);
  void CountEntities(const Said& said, const LabelLookup::Known& known);
  void NoteChange(const Event& event, const Decision& before, const Decision& after);
  void KeepTheGreatest();

  const BacktestOptions options;
  Core old_core;
  Core new_core;
  std::vector<size_t> old_rules;  // of each rule of the version, its place in out.rules
  std::vector<size_t> new_rules;
  int amount = -1;
  std::optional<sql::Program> segment;
  std::optional<LabelLookup> lookup;
  struct Alerted {
    bool before = false;
    bool after = false;
  };
  std::vector<Alerted> entities;  // as the lookup numbers them
  std::vector<Alerted> rule_hits;
  sql::Scratch scratch;
  uint64_t events = 0;
  Backtest out;
};

BacktestRun::BacktestRun(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BacktestRun::BacktestRun(BacktestRun&&) noexcept = default;
BacktestRun::~BacktestRun() = default;

Result<BacktestRun> BacktestRun::Start(const std::shared_ptr<const CompiledPack>& before,
                                       const std::shared_ptr<const CompiledPack>& after,
                                       table::Binder& binder, const BacktestOptions& options) {
  FUQI_RETURN_IF_ERROR(CheckSameTable(*before, *after));
  auto impl = std::make_unique<Impl>(before, after, options);
  Backtest& out = impl->out;
  impl->old_rules = AddRules(before->pack(), false, out.rules);
  impl->new_rules = AddRules(after->pack(), true, out.rules);
  for (size_t i = 0; i < impl->new_rules.size(); ++i) {
    out.rules[impl->new_rules[i]].reworded =
        IsReworded(before->pack(), after->pack(), after->pack().rules[i]);
  }
  FUQI_ASSIGN_OR_RETURN(impl->amount, AmountColumn(*after, options.amount));
  if (impl->amount >= 0) {
    const table::Column& column = after->event_schema()[impl->amount];
    out.amount_column = column.name;
    out.amount_type = {table::TypeId::kDecimal, table::kMaxDecimalWidth, column.type.scale};
  }
  if (!options.segment.empty()) {
    const sql::Fragment fragment{.name = "segment", .text = options.segment};
    FUQI_RETURN_IF_ERROR(sql::ParseExpression(binder, fragment, {}));
    FUQI_ASSIGN_OR_RETURN(
        sql::Level level,
        sql::BindLevel(binder, after->event_schema(), after->time_column(), {&fragment, 1}, {}));
    sql::Position at = -1;
    Result<sql::Program> program = sql::Program::Compile(level.outputs[0].expr, &at);
    if (!program) {
      return fragment.At(at, std::move(program).error());
    }
    impl->segment = std::move(*program);
  }
  if (options.labels != nullptr) {
    impl->lookup.emplace(*options.labels, *after);
  }
  impl->rule_hits.resize(out.rules.size());
  return BacktestRun(std::move(impl));
}

Decision BacktestRun::Impl::DecideBefore(const Event& event, uint64_t seq) {
  const Pack& after = new_core.pack().pack();
  const EventKind* kind = SoleKind(old_core.pack().pack(), after);
  if (kind == nullptr) {
    return Decide(old_core, event, seq);
  }
  if (event.columns[static_cast<size_t>(after.kind_column())].text() != kind->name) {
    return {};
  }
  Event known{{}, event.received_us};
  for (const table::Column& column : old_core.pack().event_schema()) {
    const int at = table::FindColumn(new_core.pack().event_schema(), column.name);
    known.columns.Append(event.columns[static_cast<size_t>(at)]);
  }
  return Decide(old_core, known, seq);
}

Result<void> BacktestRun::Impl::Count(const Said& said, BothAlerts& out) {
  auto add = [&](int128& sum) { return !__builtin_add_overflow(sum, said.amount, &sum); };
  bool fits = add(out.amount);
  ++out.events;
  out.both += said.before && said.after;
  for (auto [alerted, alerts] : {std::pair(said.before, &out.before), {said.after, &out.after}}) {
    if (alerted) {
      ++alerts->events;
      fits = add(alerts->amount) && fits;
    }
    if (said.bad) {
      alerts->detection.Count(*said.bad, alerted);
    }
  }
  if (!fits) {
    return Err(ErrorCode::kOutOfRange, "a sum of amounts is beyond 128 bits");
  }
  return {};
}

Result<void> BacktestRun::Impl::CountRules(Said said, const Decision& before,
                                           const Decision& after) {
  std::ranges::fill(rule_hits, Alerted{});
  for (uint32_t hit : before.hits) {
    rule_hits[old_rules[hit]].before = true;
  }
  for (uint32_t hit : after.hits) {
    rule_hits[new_rules[hit]].after = true;
  }
  for (size_t i = 0; i < rule_hits.size(); ++i) {
    said.before = rule_hits[i].before;
    said.after = rule_hits[i].after;
    FUQI_RETURN_IF_ERROR(Count(said, out.rules[i].hits));
  }
  return {};
}

Result<void> BacktestRun::Impl::CountSegment(const Event& event, const Said& said) {
  scratch.Reset();
  FUQI_ASSIGN_OR_RETURN(table::Datum value,
                        segment->Run(event.columns.values(), {}, scratch).At({.field = "segment"}));
  BothAlerts& counted = out.segments[table::ToText(value, segment->type())];
  if (out.segments.size() > kBacktestSegmentsMax) {
    return Err(ErrorCode::kResourceExhausted,
               "the segment takes more than {} values; group them by an expression of fewer",
               kBacktestSegmentsMax);
  }
  return Count(said, counted);
}

void BacktestRun::Impl::CountEntities(const Said& said, const LabelLookup::Known& known) {
  entities.resize(lookup->entities().size());
  for (size_t entity : known.entities) {
    entities[entity].before = entities[entity].before || said.before;
    entities[entity].after = entities[entity].after || said.after;
  }
}

void BacktestRun::Impl::NoteChange(const Event& event, const Decision& before,
                                   const Decision& after) {
  const CompiledPack& pack = new_core.pack();
  ChangedEvent change;
  change.key =
      table::ToText(event.columns[pack.key_column()], pack.event_schema()[pack.key_column()].type);
  change.ts_us = static_cast<int64_t>(event.columns[pack.time_column()].i);
  change.before = before.action;
  change.after = after.action;
  change.amount = amount >= 0 ? event.columns[amount] : table::Datum::Null();
  for (uint32_t hit : before.hits) {
    change.rules_before.push_back(out.rules[old_rules[hit]].id);
  }
  for (uint32_t hit : after.hits) {
    change.rules_after.push_back(out.rules[new_rules[hit]].id);
  }
  ++out.changed;
  out.examples.push_back(std::move(change));
  if (out.examples.size() >= 2 * options.examples + 100) {
    KeepTheGreatest();
  }
}

void BacktestRun::Impl::KeepTheGreatest() {
  std::ranges::stable_sort(out.examples, ByWeight());
  out.examples.resize(std::min(out.examples.size(), options.examples));
}

Result<void> BacktestRun::Add(const Event& event) {
  Impl& impl = *impl_;
  const uint64_t seq = 1 + 2 * impl.events++;
  const Decision before = impl.DecideBefore(event, seq);
  const Decision after = impl.Decide(impl.new_core, event, seq);

  Impl::Said said{.before = before.action != Action::kApprove,
                  .after = after.action != Action::kApprove};
  if (impl.amount >= 0 && !event.columns[impl.amount].is_null()) {
    said.amount = event.columns[impl.amount].i;
  }
  if (impl.lookup) {
    const LabelLookup::Known& known = impl.lookup->Look(event);
    said.bad = known.bad;
    impl.CountEntities(said, known);
  }
  FUQI_RETURN_IF_ERROR(Impl::Count(said, impl.out.total));
  const int64_t ts_us = static_cast<int64_t>(event.columns[impl.new_core.pack().time_column()].i);
  FUQI_RETURN_IF_ERROR(Impl::Count(said, impl.out.days[DayOf(ts_us)]));
  if (impl.segment) {
    FUQI_RETURN_IF_ERROR(impl.CountSegment(event, said));
  }
  FUQI_RETURN_IF_ERROR(impl.CountRules(said, before, after));
  ++impl.out.actions[static_cast<size_t>(before.action)][static_cast<size_t>(after.action)];
  if (before.action != after.action) {
    impl.NoteChange(event, before, after);
  }
  return {};
}

Result<void> BacktestRun::Apply(const Change& change, uint64_t seq) {
  const std::optional<Change> made = impl_->options.standing == BacktestOptions::Standing::kOwn
                                         ? WithoutLoggedStanding(change)
                                         : std::optional(change);
  if (!made) {
    return {};
  }
  FUQI_RETURN_IF_ERROR(impl_->old_core.Apply(*made, seq));
  return impl_->new_core.Apply(*made, seq);
}

Backtest BacktestRun::Finish() {
  Impl& impl = *impl_;
  impl.KeepTheGreatest();
  if (impl.lookup) {
    impl.lookup->LookAtAll();
    impl.entities.resize(impl.lookup->entities().size());
    for (size_t i = 0; i < impl.entities.size(); ++i) {
      const bool bad = impl.lookup->entities()[i].bad;
      impl.out.entities_before.Count(bad, impl.entities[i].before);
      impl.out.entities_after.Count(bad, impl.entities[i].after);
    }
  }
  return std::move(impl.out);
}

}  // namespace fuqi::decide
