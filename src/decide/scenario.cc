#include "decide/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/decimal.h"
#include "base/messages.h"
#include "base/nearest.h"
#include "base/time.h"
#include "decide/core.h"
#include "decide/threshold.h"

namespace fuqi::decide {
namespace {

using table::Datum;
using table::TypeId;

constexpr size_t kEventsMax = 10'000;  // of one scenario
constexpr std::string_view kStart = "2024-01-01 00:00:00";

// The value that a scenario gives for a column, `{n}` in texts replaced by `n`.
Result<Datum> ReadValue(const TomlNode& node, const table::Type& type, uint64_t n,
                        std::string& text) {
  const bool is_integer_node = node.kind() == TomlNode::Kind::kInteger;
  if (type.id == TypeId::kBoolean) {
    if (node.is_string()) {
      FUQI_ASSIGN_OR_RETURN(text, node.As<std::string>());
      if (text != "true" && text != "false") {
        return node.Fail("'{}' is no value of type {}", text, type.ToString());
      }
      return Datum::Bool(text == "true");
    }
    FUQI_ASSIGN_OR_RETURN(bool value, node.As<bool>());
    return Datum::Bool(value);
  }
  if (type.id == TypeId::kDouble) {
    if (!node.is_string()) {
      FUQI_ASSIGN_OR_RETURN(double value, node.As<double>());
      return Datum::Double(value);
    }
    FUQI_ASSIGN_OR_RETURN(text, node.As<std::string>());
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [parsed, failure] = std::from_chars(text.data(), end, value);
    if (failure != std::errc() || parsed != end) {
      return node.Fail("'{}' is no value of type {}", text, type.ToString());
    }
    return Datum::Double(value);
  }
  if (is_integer_node && type.is_exact_number()) {
    FUQI_ASSIGN_OR_RETURN(int64_t value, node.As<int64_t>());
    text = std::to_string(value);
  } else {
    FUQI_ASSIGN_OR_RETURN(text, node.As<std::string>());
  }
  for (size_t at = 0; (at = text.find("{n}", at)) != std::string::npos;) {
    text.replace(at, 3, std::to_string(n));
  }
  auto placed = [&](auto result) -> Result<Datum> {
    if (!result) {
      return node.Fail("'{}' is no value of type {}", text, type.ToString());
    }
    return Datum::Int(*result);
  };
  switch (type.id) {
    case TypeId::kVarchar:
      return Datum::Text(text);
    case TypeId::kDate:
      return placed(ParseDate(text));
    case TypeId::kTimestamp:
      return placed(ParseTimestamp(text));
    case TypeId::kDecimal:
      return placed(ParseDecimal(text, type.width, type.scale, ExcessDigits::kRefuse));
    default:
      break;
  }
  if (!type.is_integer()) {
    return node.Fail("a scenario cannot give a value of type {}", type.ToString());
  }
  return placed(ParseInt128(text));
}

std::string FlagText(uint32_t flags) {
  return flags == 0 ? "-" : fmt::format("{}", fmt::join(FlagNames(flags), ", "));
}

// Reads one scenario.
class Reader {
 public:
  explicit Reader(const CompiledPack& pack) : pack_(pack) {}

  Result<Scenario> Read(const TomlNode& node);

 private:
  using Values = std::map<size_t, TomlNode>;  // by column

  Result<void> ReadEvent(const TomlNode& node);
  Result<Expectation> ReadExpectation(const TomlNode& node) const;
  Result<void> SetValue(const TomlNode::Entry& entry, Values& values) const;
  // The scenario's defaults where the event says nothing, as far as its kind has such columns.
  Result<void> AddDefaults(Values& values) const;
  Result<std::vector<size_t>> RuleIndexes(const TomlNode& node) const;
  Result<table::Row> MakeRow(const TomlNode& node, const Values& values, uint64_t n) const;
  // Moves the clock by "+3 h", "-2 days", or to a time.
  Result<void> MoveTo(const TomlNode& at);

  const CompiledPack& pack_;
  Scenario scenario_;
  Values defaults_;
  int64_t now_us_ = 0;
};

Result<void> Reader::SetValue(const TomlNode::Entry& entry, Values& values) const {
  const int column = table::FindColumn(pack_.event_schema(), entry.key);
  if (column < 0) {
    std::vector<std::string> known = {"at", "repeat", "every", "set", "expect"};
    for (const table::Column& c : pack_.event_schema()) {
      known.push_back(c.name);
    }
    if (std::optional<std::string> near = NearestName(entry.key, known)) {
      return Err(ErrorCode::kConfig, "an event has no column '{}'; did you mean '{}'?", entry.key,
                 *near)
          .At(entry.where);
    }
    return Err(ErrorCode::kConfig, "an event has no column '{}'", entry.key).At(entry.where);
  }
  if (column == pack_.time_column()) {
    return Err(ErrorCode::kConfig, "the time of an event is given by 'at'").At(entry.where);
  }
  values.insert_or_assign(column, entry.value);
  return {};
}

Result<std::vector<size_t>> Reader::RuleIndexes(const TomlNode& node) const {
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> items, node.As<std::vector<TomlNode>>());
  std::vector<size_t> indexes;
  for (const TomlNode& item : items) {
    FUQI_ASSIGN_OR_RETURN(std::string id, item.As<std::string>());
    const std::vector<Rule>& rules = pack_.pack().rules;
    auto found = std::ranges::find(rules, id, &Rule::id);
    if (found == rules.end()) {
      if (std::optional<std::string> near = NearestName(id, rules, &Rule::id)) {
        return item.Fail("the pack has no rule '{}'; did you mean '{}'?", id, *near);
      }
      return item.Fail("the pack has no rule '{}'", id);
    }
    indexes.push_back(found - rules.begin());
  }
  return indexes;
}

Result<Expectation> Reader::ReadExpectation(const TomlNode& node) const {
  Expectation expect;
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> action, node.Optional<TomlNode>("action"));
  if (action) {
    FUQI_ASSIGN_OR_RETURN(std::string name, action->As<std::string>());
    Result<Action> parsed = ParseAction(name);
    if (!parsed) {
      return action->Fail("'{}' is no action: one of {}", name, ActionNames());
    }
    expect.action = *parsed;
  }
  for (auto [key, out] : {std::pair("hits", &expect.hits), std::pair("misses", &expect.misses)}) {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> rules, node.Optional<TomlNode>(key));
    if (rules) {
      FUQI_ASSIGN_OR_RETURN(*out, RuleIndexes(*rules));
    }
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> features, node.Optional<TomlNode>("features"));
  if (features) {
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, features->Entries());
    for (const TomlNode::Entry& entry : entries) {
      const int index = table::FindColumn(pack_.feature_schema(), entry.key);
      if (index < 0) {
        return Err(ErrorCode::kConfig, "the pack has no feature '{}'", entry.key).At(entry.where);
      }
      table::Row value(1);
      const bool is_null = entry.value.is_string() && *entry.value.As<std::string>() == "NULL";
      if (!is_null) {
        std::string text;
        FUQI_ASSIGN_OR_RETURN(Datum datum,
                              ReadValue(entry.value, pack_.feature_schema()[index].type, 0, text));
        value.Set(0, datum);
      }
      expect.features.emplace_back(index, std::move(value));
    }
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> flags, node.Optional<TomlNode>("flags"));
  if (flags) {
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> items, flags->As<std::vector<TomlNode>>());
    expect.flags = 0;
    for (const TomlNode& item : items) {
      FUQI_ASSIGN_OR_RETURN(std::string name, item.As<std::string>());
      uint32_t bit = 1;
      while (bit <= kLastFlag && name != FlagName(static_cast<Flag>(bit))) {
        bit <<= 1;
      }
      if (bit > kLastFlag) {
        return item.Fail("'{}' is no flag: one of {}", name, FlagText(kAllFlags));
      }
      *expect.flags |= bit;
    }
  }
  return expect;
}

Result<void> Reader::MoveTo(const TomlNode& at) {
  FUQI_ASSIGN_OR_RETURN(std::string text, at.As<std::string>());
  const bool back = text.starts_with('-');
  if (back || text.starts_with('+')) {
    Result<Duration> span = ParseDuration(std::string_view(text).substr(1));
    if (!span) {
      return at.Fail("'{}' is no time: write \"+3 h\" after the event before, or \"{}\"", text,
                     kStart);
    }
    if (__builtin_add_overflow(now_us_, back ? -span->us : span->us, &now_us_)) {
      return at.Fail("a time beyond what can be told");
    }
    return {};
  }
  Result<int64_t> time = ParseTimestamp(text);
  if (!time) {
    return at.Fail("'{}' is no time: write \"+3 h\" after the event before, or \"{}\"", text,
                   kStart);
  }
  now_us_ = *time;
  return {};
}

Result<table::Row> Reader::MakeRow(const TomlNode& node, const Values& values, uint64_t n) const {
  const table::Schema& schema = pack_.event_schema();
  table::Row row(schema.size());
  std::string text;
  for (const auto& [column, value] : values) {
    FUQI_ASSIGN_OR_RETURN(Datum datum, ReadValue(value, schema[column].type, n, text));
    row.Set(column, datum);
  }
  row.Set(pack_.time_column(), Datum::Int(now_us_));
  if (const int key = pack_.key_column(); row[key].is_null()) {
    const size_t number = scenario_.events.size() + 1;
    if (schema[key].type.id == TypeId::kVarchar) {
      row.Set(key, Datum::Text(fmt::format("e{}", number)));
    } else if (schema[key].type.is_integer()) {
      row.Set(key, Datum::Int(number));
    } else {
      return node.Fail("an event needs a value of its key '{}'", schema[key].name);
    }
  }
  return row;
}

Result<void> Reader::AddDefaults(Values& values) const {
  const EventKind* kind = nullptr;
  if (const int column = pack_.pack().kind_column(); column >= 0) {
    const Values& given = values.contains(static_cast<size_t>(column)) ? values : defaults_;
    if (const auto named = given.find(static_cast<size_t>(column)); named != given.end()) {
      FUQI_ASSIGN_OR_RETURN(std::string name, named->second.As<std::string>());
      kind = pack_.pack().FindKind(name);
    }
  }
  for (const auto& [column, value] : defaults_) {
    if (kind == nullptr || !kind->Lacks(column)) {
      values.try_emplace(column, value);
    }
  }
  return {};
}

Result<void> Reader::ReadEvent(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, node.Entries());
  Values values;
  std::optional<TomlNode> at;
  int64_t repeat = 1;
  Duration every;
  std::optional<Expectation> expect;
  for (const TomlNode::Entry& entry : entries) {
    if (entry.key == "at") {
      at = entry.value;
    } else if (entry.key == "repeat") {
      FUQI_ASSIGN_OR_RETURN(repeat, entry.value.As<int64_t>());
      if (repeat < 1 || repeat > static_cast<int64_t>(kEventsMax)) {
        return entry.value.Fail("{} repetitions; 1 to {} can be", repeat, kEventsMax);
      }
    } else if (entry.key == "every") {
      FUQI_ASSIGN_OR_RETURN(every, entry.value.As<Duration>());
    } else if (entry.key == "set") {
      FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> more, entry.value.Entries());
      for (const TomlNode::Entry& value : more) {
        FUQI_RETURN_IF_ERROR(SetValue(value, values));
      }
    } else if (entry.key == "expect") {
      FUQI_ASSIGN_OR_RETURN(expect, ReadExpectation(entry.value));
    } else {
      FUQI_RETURN_IF_ERROR(SetValue(entry, values));
    }
  }
  FUQI_RETURN_IF_ERROR(AddDefaults(values));
  if (at) {
    FUQI_RETURN_IF_ERROR(MoveTo(*at));
  }
  for (int64_t n = 1; n <= repeat; ++n) {
    if (scenario_.events.size() == kEventsMax) {
      return node.Fail("more than {} events in one scenario", kEventsMax);
    }
    if (n > 1 && __builtin_add_overflow(now_us_, every.us, &now_us_)) {
      return node.Fail("a time beyond what can be told");
    }
    ScenarioEvent event;
    FUQI_ASSIGN_OR_RETURN(event.event.columns, MakeRow(node, values, n));
    event.where = node.where();
    scenario_.events.push_back(std::move(event));
  }
  scenario_.events.back().expect = std::move(expect);
  return {};
}

Result<Scenario> Reader::Read(const TomlNode& node) {
  scenario_.where = node.where();
  FUQI_ASSIGN_OR_RETURN(TomlNode name, node.Required<TomlNode>("name"));
  FUQI_ASSIGN_OR_RETURN(scenario_.name.zh, name.Required<std::string>("zh"));
  FUQI_ASSIGN_OR_RETURN(scenario_.name.en, name.Required<std::string>("en"));
  now_us_ = *ParseTimestamp(kStart);
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> start, node.Optional<TomlNode>("start"));
  if (start) {
    FUQI_RETURN_IF_ERROR(MoveTo(*start));
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> defaults, node.Optional<TomlNode>("default"));
  if (defaults) {
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, defaults->Entries());
    for (const TomlNode::Entry& entry : entries) {
      FUQI_RETURN_IF_ERROR(SetValue(entry, defaults_));
    }
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> events,
                        node.Required<std::vector<TomlNode>>("event"));
  for (const TomlNode& event : events) {
    FUQI_RETURN_IF_ERROR(ReadEvent(event));
  }
  auto expects = [](const ScenarioEvent& event) { return event.expect.has_value(); };
  if (std::ranges::none_of(scenario_.events, expects)) {
    return node.Fail("a scenario that expects nothing cannot fail; write an 'expect'");
  }
  return std::move(scenario_);
}

// A comparison of a number with a constant in a rule's condition, and whether a scenario stands
// just on the other side of it.
struct Threshold {
  ExprPath path;
  bool covered = false;
};

Datum Evaluate(const sql::Expr& expr, std::span<const Datum> row, sql::Scratch& scratch) {
  Result<sql::Program> program = sql::Program::Compile(expr);
  FUQI_CHECK(program.has_value());  // a part of what was compiled
  Result<Datum> value = program->Run(row, {}, scratch);
  return value && value->kind != Datum::Kind::kText ? *value : Datum::Null();
}

// Whether the comparison is all that keeps the rule from hitting, and only just.
bool MissesOnlyJust(const sql::Expr& rule, const ExprPath& path, std::span<const Datum> row) {
  sql::Scratch scratch;
  const sql::Expr& comparison = At(rule, path);
  const Datum now = Evaluate(comparison, row, scratch);
  if (now.is_null()) {
    return false;
  }
  if (!Evaluate(Replaced(rule, path, TruthValue(!now.is_true())), row, scratch).is_true()) {
    return false;
  }
  const sql::Expr& bound = BoundOf(comparison);
  const sql::Expr& value = ValueOf(comparison);
  const Datum bound_now = Evaluate(bound, row, scratch);
  const Datum value_now = Evaluate(value, row, scratch);
  if (bound_now.is_null() || value_now.is_null()) {
    return false;
  }
  const double limit = ToDouble(bound_now, bound.type);
  const double distance = std::abs(ToDouble(value_now, value.type) - limit);
  const bool is_integer = WithoutCasts(value).type.is_integer();
  return distance <= (is_integer || limit == 0 ? 1.0 : 0.1 * std::abs(limit));
}

class Coverage {
 public:
  explicit Coverage(const CompiledPack& pack) : pack_(pack), hit_(pack.pack().rules.size()) {
    for (const sql::Level::Output& rule : pack.rule_level().outputs) {
      std::vector<Threshold>& thresholds = thresholds_.emplace_back();
      for (ExprPath& path : FindThresholds(rule.expr)) {
        thresholds.push_back({std::move(path)});
      }
    }
  }

  void Add(const Event& event, const Expectation& expect, const Decision& decision) {
    for (size_t rule : expect.hits) {
      hit_[rule] = hit_[rule] || std::ranges::binary_search(decision.hits, rule);
    }
    std::vector<Datum> row(event.columns.values().begin(), event.columns.values().end());
    for (size_t feature : pack_.features_by_level()) {
      row.push_back(decision.features[feature]);
    }
    for (size_t rule : expect.misses) {
      for (Threshold& threshold : thresholds_[rule]) {
        threshold.covered =
            threshold.covered ||
            MissesOnlyJust(pack_.rule_level().outputs[rule].expr, threshold.path, row);
      }
    }
  }

  std::vector<Error> Missing() const {
    std::vector<Error> missing;
    for (size_t i = 0; i < hit_.size(); ++i) {
      const Rule& rule = pack_.pack().rules[i];
      if (rule.shadow) {
        continue;  // owes a scenario from the day on which it acts
      }
      if (!hit_[i]) {
        missing.push_back(
            Err(ErrorCode::kInvalidArgument, "rule '{}': no scenario expects it to hit", rule.id)
                .At(rule.when.where));
      }
      for (const Threshold& threshold : thresholds_[i]) {
        if (!threshold.covered) {
          const sql::Expr& comparison = At(pack_.rule_level().outputs[i].expr, threshold.path);
          missing.push_back(pack_.rule_text(i).At(
              comparison.position,
              Err(ErrorCode::kInvalidArgument,
                  "rule '{}': no scenario misses it by this comparison ({}) alone, and only just",
                  rule.id, comparison.name)));
        }
      }
    }
    return missing;
  }

 private:
  const CompiledPack& pack_;
  std::vector<bool> hit_;
  std::vector<std::vector<Threshold>> thresholds_;  // of each rule
};

bool SameFeature(const Datum& expected, const Datum& found) {
  if (expected.kind == Datum::Kind::kDouble && found.kind == Datum::Kind::kDouble) {
    return std::abs(expected.d - found.d) <= 1e-9 * std::abs(expected.d);
  }
  return table::Same(expected, found);
}

std::vector<Error> Check(const CompiledPack& pack, const Expectation& expect,
                         const Decision& decision) {
  std::vector<Error> failures;
  auto fail = [&](Error error) { failures.push_back(std::move(error)); };
  if (expect.action && *expect.action != decision.action) {
    fail(Err(ErrorCode::kInvalidArgument, "expected the action {}, decided was {}",
             ActionName(*expect.action), ActionName(decision.action)));
  }
  for (size_t rule : expect.hits) {
    if (!std::ranges::binary_search(decision.hits, rule)) {
      fail(Err(ErrorCode::kInvalidArgument, "rule '{}' should hit and does not",
               pack.pack().rules[rule].id));
    }
  }
  for (size_t rule : expect.misses) {
    if (std::ranges::binary_search(decision.hits, rule)) {
      fail(Err(ErrorCode::kInvalidArgument, "rule '{}' should not hit and does",
               pack.pack().rules[rule].id));
    }
  }
  for (const auto& [index, value] : expect.features) {
    const table::Column& column = pack.feature_schema()[index];
    if (!SameFeature(value[0], decision.features[index])) {
      fail(Err(ErrorCode::kInvalidArgument, "expected {} = {}, it is {}", column.name,
               table::ToText(value[0], column.type),
               table::ToText(decision.features[index], column.type)));
    }
  }
  if (expect.flags && *expect.flags != decision.flags) {
    fail(Err(ErrorCode::kInvalidArgument, "expected the flags {}, they are {}",
             FlagText(*expect.flags), FlagText(decision.flags)));
  }
  if (!decision.error.empty() && !expect.flags) {
    fail(Err(ErrorCode::kInvalidArgument, "could not be evaluated: {}", decision.error));
  }
  return failures;
}

}  // namespace

Result<std::vector<Scenario>> ParseScenarios(const CompiledPack& pack) {
  std::vector<Scenario> scenarios;
  for (const auto& [path, content] : pack.pack().files) {
    if (!path.starts_with("scenarios/")) {
      continue;
    }
    const std::string& dir = pack.pack().dir;
    FUQI_ASSIGN_OR_RETURN(
        TomlNode root,
        TomlNode::Parse(content, dir.empty() ? path : fmt::format("{}/{}", dir, path)));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes,
                          root.Required<std::vector<TomlNode>>("scenario"));
    for (const TomlNode& node : nodes) {
      FUQI_ASSIGN_OR_RETURN(Scenario scenario, Reader(pack).Read(node));
      scenarios.push_back(std::move(scenario));
    }
    FUQI_RETURN_IF_ERROR(root.CheckNoUnknownKeys());
  }
  return scenarios;
}

bool ScenarioReport::passed() const {
  return uncovered.empty() &&
         std::ranges::all_of(scenarios, [](const auto& result) { return result.failures.empty(); });
}

ScenarioReport RunScenarios(const CompiledPack& pack, const std::vector<Scenario>& scenarios) {
  ScenarioReport report;
  Coverage coverage(pack);
  // Not owned: the pack outlives the cores.
  const std::shared_ptr<const CompiledPack> shared(std::shared_ptr<void>(), &pack);
  for (const Scenario& scenario : scenarios) {
    ScenarioResult& result = report.scenarios.emplace_back();
    result.name = scenario.name;
    result.where = scenario.where;
    result.events = scenario.events.size();
    Core core(shared);
    uint64_t seq = 1;
    for (size_t i = 0; i < scenario.events.size(); ++i, seq += 2) {
      const ScenarioEvent& step = scenario.events[i];
      if (Result<void> valid = core.Validate(step.event); !valid) {
        result.failures.push_back(std::move(valid).error().At(step.where));
        break;
      }
      const Decision decision = core.DecideAndApply(step.event, seq);
      if (!step.expect) {
        continue;
      }
      for (Error& failure : Check(pack, *step.expect, decision)) {
        result.failures.push_back(std::move(failure).At(step.where));
      }
      coverage.Add(step.event, *step.expect, decision);
      result.checked.emplace_back(i + 1, decision);
    }
  }
  report.uncovered = coverage.Missing();
  return report;
}

std::string ScenarioSentence(const CompiledPack& pack, const ScenarioResult& result,
                             Language language) {
  std::string sentence = result.name.In(language);
  const bool zh = language == Language::kChinese;
  std::string_view separator = zh ? "：" : ": ";
  for (const auto& [number, decision] : result.checked) {
    sentence += separator;
    sentence += fmt::format(fmt::runtime(Tr("event {} → {}", language)), number,
                            ActionName(decision.action));
    std::string reasons;
    for (uint32_t hit : decision.hits) {
      if (const Rule& rule = pack.pack().rules[hit]; !rule.shadow) {
        reasons += reasons.empty() ? "" : zh ? "；" : "; ";
        reasons += rule.reason.In(language);
      }
    }
    if (!reasons.empty()) {
      sentence += zh ? "（" + reasons + "）" : " (" + reasons + ")";
    }
    separator = zh ? "，" : ", ";
  }
  return sentence;
}

}  // namespace fuqi::decide
