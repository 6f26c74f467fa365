#include "decide/tune.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/check.h"
#include "base/nearest.h"
#include "decide/feed.h"
#include "decide/mine.h"

namespace fuqi::decide {
namespace {

using table::Datum;

// What one threshold makes of one event: what it compares, and whether the rule hits with the
// comparison true and with it false.
struct Seen {
  double value = 0;  // NaN: the threshold decides nothing here, `if_false` tells
  bool if_true = false;
  bool if_false = false;
};

// What a threshold needs to see of an event.
struct Watch {
  sql::Program value;
  sql::Program if_true;
  sql::Program if_false;
  table::Type value_type;
  bool is_integer = false;
  std::string op;  // with the value on its left
  std::vector<Seen> seen;
};

std::string Mirrored(const std::string& op) {
  if (op == "<" || op == "<=") {
    return op == "<" ? ">" : ">=";
  }
  if (op == ">" || op == ">=") {
    return op == ">" ? "<" : "<=";
  }
  return op;
}

bool Compare(double value, const std::string& op, double threshold) {
  return op == "<"    ? value < threshold
         : op == "<=" ? value <= threshold
         : op == ">"  ? value > threshold
         : op == ">=" ? value >= threshold
         : op == "="  ? value == threshold
                      : value != threshold;
}

bool IsOrdered(const sql::Expr& comparison) {
  return comparison.name == "<" || comparison.name == "<=" || comparison.name == ">" ||
         comparison.name == ">=";
}

// The condition's text with the number at `position` replaced, if one of plain digits stands there.
std::string WithNumber(const std::string& text, int64_t position, double number) {
  if (position < 0 || static_cast<size_t>(position) >= text.size()) {
    return "";
  }
  const auto begin = static_cast<size_t>(position);
  size_t end = begin + (text[begin] == '-' ? 1 : 0);
  const size_t digits = end;
  while (end < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == '.')) {
    ++end;
  }
  const bool goes_on =
      end < text.size() &&  // 1e5, 1_000
      (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_');
  if (end == digits || goes_on) {
    return "";
  }
  return text.substr(0, begin) + fmt::format("{}", number) + text.substr(end);
}

const sql::Expr& Literal(const sql::Expr& comparison) { return WithoutCasts(BoundOf(comparison)); }

}  // namespace

struct Tuner::Impl {
  Impl(std::shared_ptr<const CompiledPack> pack, const Labels& labels, TuneOptions options_in)
      : options(std::move(options_in)), core(std::move(pack)), lookup(labels, core.pack()) {}

  bool AlertedByOthers(const Decision& decision) const;
  TunedThreshold Tune(const Watch& watch, const ExprPath& path) const;
  TunePoint PointAt(const Watch& watch, double threshold) const;
  std::vector<double> Candidates(const Watch& watch, double current) const;

  const TuneOptions options;
  Core core;
  LabelLookup lookup;
  size_t rule = 0;
  int amount = -1;
  std::vector<ExprPath> paths;
  std::vector<Watch> watches;  // of each path
  // Of each event of which something is known.
  std::vector<bool> bad;
  std::vector<bool> others;    // alerted whatever the rule does
  std::vector<double> losses;  // if it is bad and not alerted
  sql::Scratch scratch;
  uint64_t events = 0;
};

Tuner::Tuner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tuner::Tuner(Tuner&&) noexcept = default;
Tuner::~Tuner() = default;

Result<Tuner> Tuner::Start(const std::shared_ptr<const CompiledPack>& pack, const Labels& labels,
                           const TuneOptions& options) {
  const std::vector<Rule>& rules = pack->pack().rules;
  const auto found = std::ranges::find(rules, options.rule, &Rule::id);
  if (found == rules.end()) {
    const std::optional<std::string> near = NearestName(options.rule, rules, &Rule::id);
    return near ? Err(ErrorCode::kNotFound, "the pack has no rule '{}'; did you mean '{}'?",
                      options.rule, *near)
                : Err(ErrorCode::kNotFound, "the pack has no rule '{}'", options.rule);
  }
  if (!(options.false_alert >= 0) || !(options.missed.value_or(0) >= 0)) {
    return Err(ErrorCode::kInvalidArgument, "a cost is a number that is not negative");
  }
  auto impl = std::make_unique<Impl>(pack, labels, options);
  impl->rule = static_cast<size_t>(found - rules.begin());
  FUQI_ASSIGN_OR_RETURN(impl->amount, AmountColumn(*pack, options.amount));
  if (!options.missed && impl->amount < 0) {
    return Err(ErrorCode::kNotFound,
               "the pack has no column of money: say what a missed event costs");
  }
  const sql::Expr& condition = pack->rule_level().outputs[impl->rule].expr;
  for (ExprPath& path : FindThresholds(condition)) {
    const sql::Expr& comparison = At(condition, path);
    if (!IsOrdered(comparison)) {
      continue;
    }
    auto compile = [](const sql::Expr& expr) {
      Result<sql::Program> program = sql::Program::Compile(expr);
      FUQI_CHECK(program.has_value());  // a part of what was compiled
      return *std::move(program);
    };
    const sql::Expr& value = ValueOf(comparison);
    impl->watches.push_back(
        {compile(value),
         compile(Replaced(condition, path, TruthValue(true))),
         compile(Replaced(condition, path, TruthValue(false))),
         value.type,
         WithoutCasts(value).type.is_integer(),
         ConstantFirst(comparison) ? Mirrored(comparison.name) : comparison.name,
         {}});
    impl->paths.push_back(std::move(path));
  }
  if (impl->watches.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "rule '{}' has no threshold: no number is held against a constant by <, <=, > or >=",
               options.rule)
        .At(found->when.where);
  }
  return Tuner(std::move(impl));
}

// By another rule that acts, by what stands, or by what the pack takes where it cannot decide.
bool Tuner::Impl::AlertedByOthers(const Decision& decision) const {
  const Pack& pack = core.pack().pack();
  const bool by_default = (decision.flags & (kOutOfBounds | kEvaluationError)) != 0 &&
                          pack.default_action != Action::kApprove;
  const bool by_truncation =
      (decision.flags & kTruncated) != 0 && pack.truncated_action != Action::kApprove;
  return by_default || by_truncation || !decision.standing.empty() ||
         std::ranges::any_of(decision.hits,
                             [&](uint32_t hit) { return hit != rule && !pack.rules[hit].shadow; });
}

Result<void> Tuner::Add(const Event& event) {
  Impl& impl = *impl_;
  const Decision decision = impl.core.DecideAndApply(event, 1 + 2 * impl.events++);
  const LabelLookup::Known& known = impl.lookup.Look(event);
  if (!known.bad) {
    return {};
  }
  if (impl.bad.size() == kMineEventsMax) {
    return Err(ErrorCode::kResourceExhausted,
               "more than {} labelled events; tune on a part of the history", kMineEventsMax);
  }
  impl.bad.push_back(*known.bad);
  impl.others.push_back(impl.AlertedByOthers(decision));
  double loss = impl.options.missed.value_or(0);
  if (!impl.options.missed && !event.columns[impl.amount].is_null()) {
    loss = ToDouble(event.columns[impl.amount], impl.core.pack().event_schema()[impl.amount].type);
  }
  impl.losses.push_back(loss);

  std::vector<Datum> row(event.columns.values().begin(), event.columns.values().end());
  for (size_t feature : impl.core.pack().features_by_level()) {
    row.push_back(decision.features[feature]);
  }
  for (Watch& watch : impl.watches) {
    impl.scratch.Reset();
    auto hits = [&](const sql::Program& program) {
      const Result<Datum> value = program.Run(row, {}, impl.scratch);
      return value && value->is_true();
    };
    Seen seen{.if_true = hits(watch.if_true), .if_false = hits(watch.if_false)};
    const Result<Datum> value = watch.value.Run(row, {}, impl.scratch);
    if (value && !value->is_null()) {
      seen.value = ToDouble(*value, watch.value_type);
    } else {
      // Neither true nor false: the rule hits if it does without regard to the comparison.
      seen.value = std::numeric_limits<double>::quiet_NaN();
      seen.if_false = std::ranges::binary_search(decision.hits, impl.rule);
    }
    watch.seen.push_back(seen);
  }
  return {};
}

Result<void> Tuner::Apply(const Change& change, uint64_t seq) {
  const std::optional<Change> made = WithoutLoggedStanding(change);
  return made ? impl_->core.Apply(*made, seq) : Result<void>();
}

TunePoint Tuner::Impl::PointAt(const Watch& watch, double threshold) const {
  TunePoint point{.threshold = threshold};
  for (size_t e = 0; e < bad.size(); ++e) {
    const Seen& seen = watch.seen[e];
    const bool holds = !std::isnan(seen.value) && Compare(seen.value, watch.op, threshold);
    const bool hit = holds ? seen.if_true : seen.if_false;
    const bool alerted = hit || others[e];
    point.hits += hit;
    point.detection.Count(bad[e], alerted);
    if (alerted && !bad[e]) {
      point.cost += options.false_alert;
    } else if (!alerted && bad[e]) {
      point.cost += losses[e];
    }
  }
  return point;
}

// Readable values about quantiles of what is compared where the comparison matters, and some about
// the current one.
std::vector<double> Tuner::Impl::Candidates(const Watch& watch, double current) const {
  std::vector<double> values;
  for (const Seen& seen : watch.seen) {
    if (!std::isnan(seen.value) && seen.if_true != seen.if_false) {
      values.push_back(seen.value);
    }
  }
  std::ranges::sort(values);
  std::set<double> chosen = {current};
  constexpr int kParts = 50;
  for (int part = 0; part <= kParts && !values.empty(); ++part) {
    const size_t at = (values.size() - 1) * static_cast<size_t>(part) / kParts;
    chosen.insert(Readable(values[at], watch.is_integer));
  }
  for (double factor : {0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0}) {
    chosen.insert(Readable(current * factor, watch.is_integer));
  }
  for (int step = -3; step <= 3 && watch.is_integer; ++step) {
    chosen.insert(current + step);
  }
  if (watch.is_integer) {
    std::erase_if(chosen,
                  [&](double value) { return value != std::round(value) && value != current; });
  }
  return {chosen.begin(), chosen.end()};
}

TunedThreshold Tuner::Impl::Tune(const Watch& watch, const ExprPath& path) const {
  const sql::Level::Output& output = core.pack().rule_level().outputs[rule];
  const sql::Expr& comparison = At(output.expr, path);
  const sql::Expr& bound = BoundOf(comparison);
  sql::Scratch memory;
  TunedThreshold tuned;
  const Result<Datum> now = sql::Program::Compile(bound)->Run({}, {}, memory);
  tuned.current = now && !now->is_null() ? ToDouble(*now, bound.type) : 0;
  const sql::Expr& value = WithoutCasts(ValueOf(comparison));
  const table::Schema& input = core.pack().rule_level().input;
  tuned.comparison = fmt::format("{} {} {}",
                                 value.kind == sql::Expr::Kind::kColumn
                                     ? input[static_cast<size_t>(value.column)].name
                                     : sql::ToSql(value, input),
                                 watch.op, tuned.current);
  for (double candidate : Candidates(watch, tuned.current)) {
    if (candidate == tuned.current) {
      tuned.now = tuned.points.size();
    }
    tuned.points.push_back(PointAt(watch, candidate));
  }
  auto distance = [&](size_t i) { return i > tuned.now ? i - tuned.now : tuned.now - i; };
  tuned.best = tuned.now;
  for (size_t i = 0; i < tuned.points.size(); ++i) {
    const double cost = tuned.points[i].cost;
    const double least = tuned.points[tuned.best].cost;
    if (cost < least || (cost == least && distance(i) < distance(tuned.best))) {
      tuned.best = i;
    }
  }
  auto is_flat = [&](size_t i) {
    return tuned.points[i].cost <= tuned.points[tuned.best].cost * 1.05;
  };
  tuned.flat_from = tuned.flat_to = tuned.best;
  while (tuned.flat_from > 0 && is_flat(tuned.flat_from - 1)) {
    --tuned.flat_from;
  }
  while (tuned.flat_to + 1 < tuned.points.size() && is_flat(tuned.flat_to + 1)) {
    ++tuned.flat_to;
  }
  // The condition of a score's band is ours, not a line of the pack.
  const Rule& tuned_rule = core.pack().pack().rules[rule];
  if (tuned.best != tuned.now && tuned_rule.score < 0) {
    const int64_t at = core.pack().rule_text(rule).InOrigin(Literal(comparison).position) -
                       static_cast<int64_t>(tuned_rule.when_begin);
    tuned.better_when = WithNumber(tuned_rule.when.text, at, tuned.points[tuned.best].threshold);
  }
  return tuned;
}

Tuning Tuner::Finish() {
  const Impl& impl = *impl_;
  Tuning tuning;
  tuning.events = impl.bad.size();
  tuning.bad = static_cast<uint64_t>(std::ranges::count(impl.bad, true));
  for (size_t i = 0; i < impl.watches.size(); ++i) {
    tuning.thresholds.push_back(impl.Tune(impl.watches[i], impl.paths[i]));
  }
  return tuning;
}

}  // namespace fuqi::decide
