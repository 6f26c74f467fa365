#include "decide/mine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/random.h"
#include "decide/feed.h"
#include "decide/threshold.h"

namespace fuqi::decide {
namespace {

// Codes of one input: how many thresholds lie at or below the value.
constexpr uint8_t kNullCode = 255;
constexpr size_t kThresholdsMax = 40;

double NumberOf(const table::Datum& value, table::Type type) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : ToDouble(value, type);
}

bool IsMined(table::Type type) {
  return type.is_exact_number() || type.id == table::TypeId::kDouble ||
         type.id == table::TypeId::kBoolean;
}

// Wilson's lower bound of a share at 95 %.
double LowerBound(uint64_t bad, uint64_t hits) {
  constexpr double kZ2 = 1.96 * 1.96;
  if (hits == 0) {
    return 0;
  }
  const auto n = static_cast<double>(hits);
  const double p = static_cast<double>(bad) / n;
  const double margin = std::sqrt(kZ2 * (p * (1 - p) / n + kZ2 / (4 * n * n)));
  return (p + kZ2 / (2 * n) - margin) / (1 + kZ2 / n);
}

// One condition, by numbers: codes above `threshold`, or up to it.
struct Literal {
  uint32_t input = 0;
  uint8_t threshold = 0;
  bool at_least = true;
  auto operator<=>(const Literal&) const = default;
};

struct Conjunction {
  std::vector<Literal> literals;  // rising
  std::vector<uint32_t> hits;     // events, rising
  uint64_t bad = 0;
  double score = 0;
};

// What a conjunction and one more literal would hit.
struct Step {
  size_t parent = 0;
  Literal literal;
  uint64_t hits = 0;
  uint64_t bad = 0;
  double score = 0;
};

// Thresholds of the inputs and the codes of the events of training.
class Table {
 public:
  Table(const MineData& data, size_t train, const std::vector<bool>& bad)
      : thresholds_(data.inputs.size()), codes_(data.inputs.size()) {
    for (size_t i = 0; i < data.inputs.size(); ++i) {
      const MineData::Input& input = data.inputs[i];
      thresholds_[i] = ThresholdsOf(input, train, bad);
      codes_[i].resize(train);
      for (size_t e = 0; e < train; ++e) {
        codes_[i][e] = Code(i, input.values[e]);
      }
    }
  }

  size_t inputs() const { return codes_.size(); }
  const std::vector<double>& thresholds(size_t input) const { return thresholds_[input]; }
  const std::vector<uint8_t>& codes(size_t input) const { return codes_[input]; }
  uint8_t Code(size_t input, double value) const {
    if (std::isnan(value)) {
      return kNullCode;
    }
    const std::vector<double>& thresholds = thresholds_[input];
    return static_cast<uint8_t>(std::ranges::upper_bound(thresholds, value) - thresholds.begin());
  }
  static bool Holds(const Literal& literal, uint8_t code) {
    return code != kNullCode &&
           (literal.at_least ? code > literal.threshold : code <= literal.threshold);
  }

 private:
  // Readable values about quantiles of all and of the bad.
  static std::vector<double> ThresholdsOf(const MineData::Input& input, size_t train,
                                          const std::vector<bool>& bad) {
    if (input.type.id == table::TypeId::kBoolean) {
      return {1};
    }
    static constexpr std::array<double, 19> kShares = {0.001, 0.005, 0.01, 0.02,  0.05, 0.1, 0.2,
                                                       0.3,   0.4,   0.5,  0.6,   0.7,  0.8, 0.9,
                                                       0.95,  0.98,  0.99, 0.995, 0.999};
    std::set<double> chosen;
    for (bool of_bad : {false, true}) {
      std::vector<double> values;
      for (size_t e = 0; e < train; ++e) {
        if (!std::isnan(input.values[e]) && (!of_bad || bad[e])) {
          values.push_back(input.values[e]);
        }
      }
      std::ranges::sort(values);
      for (double share : kShares) {
        if (!values.empty()) {
          const auto at = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
          chosen.insert(Readable(values[at], input.type.is_integer()));
        }
      }
    }
    std::vector<double> thresholds(chosen.begin(), chosen.end());
    thresholds.resize(std::min(thresholds.size(), kThresholdsMax));
    return thresholds;
  }

  std::vector<std::vector<double>> thresholds_;
  std::vector<std::vector<uint8_t>> codes_;
};

class Search {
 public:
  Search(const Table& table, const std::vector<bool>& bad, const MineOptions& options,
         uint64_t support, uint64_t steps_max)
      : table_(table),
        bad_(bad.begin(), bad.end()),
        options_(options),
        support_(support),
        steps_max_(steps_max) {}

  // The best of each length, best first within one.
  std::vector<Conjunction> Run() {
    Conjunction all;
    all.hits.resize(bad_.size());
    for (uint32_t e = 0; e < all.hits.size(); ++e) {
      all.hits[e] = e;
      all.bad += bad_[e];
    }
    std::vector<Conjunction> found;
    std::vector<Conjunction> parents;
    parents.push_back(std::move(all));
    for (size_t length = 1; length <= options_.conditions && !parents.empty(); ++length) {
      std::vector<Step> candidates;
      for (size_t p = 0; p < parents.size(); ++p) {
        Expand(parents[p], p, candidates);
      }
      parents = Choose(parents, std::move(candidates), length);
      found.insert(found.end(), parents.begin(), parents.end());
    }
    return found;
  }

  uint64_t searched() const { return searched_; }
  bool truncated() const { return truncated_; }

 private:
  void Expand(const Conjunction& parent, size_t number, std::vector<Step>& out) {
    for (uint32_t input = 0; input < table_.inputs(); ++input) {
      const size_t thresholds = table_.thresholds(input).size();
      if (steps_ + parent.hits.size() > steps_max_) {
        truncated_ = true;
        return;
      }
      steps_ += parent.hits.size();
      std::array<uint64_t, 256> hits{};
      std::array<uint64_t, 256> bad{};
      const std::vector<uint8_t>& codes = table_.codes(input);
      for (uint32_t e : parent.hits) {
        ++hits[codes[e]];
        bad[codes[e]] += bad_[e];
      }
      uint64_t known = 0;
      uint64_t known_bad = 0;
      for (size_t code = 0; code <= thresholds; ++code) {
        known += hits[code];
        known_bad += bad[code];
      }
      uint64_t below = 0;
      uint64_t below_bad = 0;
      for (size_t t = 0; t < thresholds; ++t) {
        below += hits[t];
        below_bad += bad[t];
        const auto threshold = static_cast<uint8_t>(t);
        Weigh(parent, number, {input, threshold, false}, below, below_bad, out);
        Weigh(parent, number, {input, threshold, true}, known - below, known_bad - below_bad, out);
      }
    }
  }

  void Weigh(const Conjunction& parent, size_t number, Literal literal, uint64_t hits, uint64_t bad,
             std::vector<Step>& out) {
    // One bound of an input from each side at most; what excludes nothing says nothing.
    const bool repeats = std::ranges::any_of(parent.literals, [&](const Literal& has) {
      return has.input == literal.input && has.at_least == literal.at_least;
    });
    if (repeats || hits < support_ || hits == parent.hits.size()) {
      return;
    }
    ++searched_;
    out.push_back({number, literal, hits, bad, LowerBound(bad, hits)});
  }

  static std::vector<Literal> With(const Conjunction& parent, const Literal& literal) {
    std::vector<Literal> literals = parent.literals;
    literals.insert(std::ranges::upper_bound(literals, literal), literal);
    return literals;
  }

  std::vector<Conjunction> Choose(const std::vector<Conjunction>& parents,
                                  std::vector<Step> candidates, size_t length) {
    std::ranges::sort(candidates, [&](const Step& a, const Step& b) {
      if (a.score != b.score) {
        return a.score > b.score;
      }
      if (a.hits != b.hits) {
        return a.hits > b.hits;
      }
      return With(parents[a.parent], a.literal) < With(parents[b.parent], b.literal);
    });
    // Single conditions of one input must not fill the beam.
    const size_t of_one_max = length == 1 ? std::max<size_t>(1, options_.beam / 10) : SIZE_MAX;
    std::map<uint32_t, size_t> of_one;
    std::set<std::vector<Literal>> taken;
    std::set<std::vector<uint32_t>> same_hits;
    std::vector<Conjunction> chosen;
    for (const Step& step : candidates) {
      if (chosen.size() == options_.beam) {
        break;
      }
      if (of_one[step.literal.input] >= of_one_max) {
        continue;
      }
      Conjunction next;
      next.literals = With(parents[step.parent], step.literal);
      if (!taken.insert(next.literals).second) {
        continue;
      }
      const std::vector<uint8_t>& codes = table_.codes(step.literal.input);
      for (uint32_t e : parents[step.parent].hits) {
        if (Table::Holds(step.literal, codes[e])) {
          next.hits.push_back(e);
        }
      }
      steps_ += parents[step.parent].hits.size();
      next.bad = step.bad;
      next.score = step.score;
      if (same_hits.insert(next.hits).second) {
        ++of_one[step.literal.input];
        chosen.push_back(std::move(next));
      }
    }
    return chosen;
  }

  const Table& table_;
  const std::vector<uint8_t> bad_;
  const MineOptions& options_;
  const uint64_t support_;
  const uint64_t steps_max_;
  uint64_t steps_ = 0;
  uint64_t searched_ = 0;
  bool truncated_ = false;
};

std::vector<bool> BadEvents(const MineData& data, const std::vector<bool>& entity_bad, size_t from,
                            size_t to) {
  std::vector<bool> bad;
  for (size_t e = from; e < to; ++e) {
    bad.push_back(
        std::ranges::any_of(data.entities[e], [&](uint32_t entity) { return entity_bad[entity]; }));
  }
  return bad;
}

MinedRule::Figures FiguresOf(uint64_t hits, uint64_t bad, uint64_t events, uint64_t all_bad) {
  MinedRule::Figures figures{.hits = hits, .bad = bad};
  auto share = [](uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  figures.precision = share(bad, hits);
  figures.recall = share(bad, all_bad);
  const double base = share(all_bad, events);
  figures.lift = base == 0 ? 0 : figures.precision / base;
  return figures;
}

// Turns what the search found into rules and judges them.
class Judge {
 public:
  Judge(const MineData& data, const Table& table, const MineOptions& options, size_t train,
        const std::vector<bool>& train_bad, const std::vector<bool>& test_bad)
      : data_(data),
        table_(table),
        options_(options),
        train_(train),
        train_bad_(train_bad),
        test_bad_(test_bad),
        all_train_bad_(static_cast<uint64_t>(std::ranges::count(train_bad, true))),
        all_test_bad_(static_cast<uint64_t>(std::ranges::count(test_bad, true))) {
    for (size_t i = 0; i < options.folds; ++i) {
      Fold fold{i * train / options.folds, (i + 1) * train / options.folds};
      fold.bad = static_cast<uint64_t>(
          std::count(train_bad.begin() + static_cast<ptrdiff_t>(fold.begin),
                     train_bad.begin() + static_cast<ptrdiff_t>(fold.end), true));
      if (fold.bad > 0) {
        folds_.push_back(fold);
      }
    }
  }

  std::vector<MinedRule> Pick(std::vector<Conjunction> found, double chance_score) const {
    std::ranges::stable_sort(found, [](const Conjunction& a, const Conjunction& b) {
      return a.score != b.score ? a.score > b.score : a.literals.size() < b.literals.size();
    });
    std::vector<MinedRule> rules;
    std::vector<const Conjunction*> better;
    std::vector<bool> covered(train_);
    for (const Conjunction& c : found) {
      if (rules.size() == options_.rules) {
        break;
      }
      const bool adds = !IsLongerForNothing(c, better);
      better.push_back(&c);
      MinedRule rule = Weigh(c);
      // Half of the folds that can tell at least, and nowhere worse than blind.
      if (!adds || c.score <= chance_score || rule.train.lift < options_.lift ||
          rule.folds_hit * 2 < folds_.size() || rule.fold_lift_min < 1 || !FindsMore(c, covered)) {
        continue;
      }
      for (uint32_t e : c.hits) {
        covered[e] = true;
      }
      rules.push_back(std::move(rule));
    }
    return rules;
  }

 private:
  // Whether a part of it, or itself in other words, is as good.
  static bool IsLongerForNothing(const Conjunction& c,
                                 const std::vector<const Conjunction*>& better) {
    return std::ranges::any_of(better, [&](const Conjunction* other) {
      return std::ranges::includes(c.literals, other->literals);
    });
  }

  // Near-equals of a better rule, and rules that lie within others: a fifth must be new.
  static bool FindsMore(const Conjunction& c, const std::vector<bool>& covered) {
    const auto old = std::ranges::count_if(c.hits, [&](uint32_t e) { return covered[e]; });
    return static_cast<size_t>(old) * 5 <= c.hits.size() * 4;
  }

  MinedRule Weigh(const Conjunction& c) const {
    MinedRule rule;
    for (const Literal& literal : c.literals) {
      rule.conditions.push_back(
          {literal.input, literal.at_least, table_.thresholds(literal.input)[literal.threshold]});
    }
    rule.score = c.score;
    rule.train = FiguresOf(c.hits.size(), c.bad, train_, all_train_bad_);
    uint64_t hits = 0;
    uint64_t bad = 0;
    for (size_t e = 0; e < test_bad_.size(); ++e) {
      const bool hit = std::ranges::all_of(c.literals, [&](const Literal& literal) {
        const double value = data_.inputs[literal.input].values[train_ + e];
        return Table::Holds(literal, table_.Code(literal.input, value));
      });
      hits += hit;
      bad += hit && test_bad_[e];
    }
    rule.test = FiguresOf(hits, bad, test_bad_.size(), all_test_bad_);
    rule.fold_lift_min = std::numeric_limits<double>::infinity();
    for (const Fold& fold : folds_) {
      const auto from = std::ranges::lower_bound(c.hits, fold.begin);
      const auto to = std::ranges::lower_bound(c.hits, fold.end);
      if (from < to) {
        const auto fold_hits = static_cast<uint64_t>(to - from);
        const auto fold_bad = static_cast<uint64_t>(
            std::count_if(from, to, [&](uint32_t e) { return train_bad_[e]; }));
        ++rule.folds_hit;
        rule.fold_lift_min =
            std::min(rule.fold_lift_min,
                     FiguresOf(fold_hits, fold_bad, fold.end - fold.begin, fold.bad).lift);
      }
    }
    for (uint32_t e : c.hits) {
      rule.bad_not_alerted += train_bad_[e] && !data_.alerted[e];
    }
    return rule;
  }

  const MineData& data_;
  const Table& table_;
  const MineOptions& options_;
  const size_t train_;
  const std::vector<bool>& train_bad_;
  const std::vector<bool>& test_bad_;
  const uint64_t all_train_bad_;
  const uint64_t all_test_bad_;
  // A consecutive part of training. One without bad events has no lift and tells nothing.
  struct Fold {
    size_t begin = 0;
    size_t end = 0;
    uint64_t bad = 0;
  };
  std::vector<Fold> folds_;
};

Result<void> CheckOptions(const MineOptions& options) {
  if (!(options.train > 0 && options.train < 1) || options.conditions == 0 || options.folds == 0 ||
      options.beam == 0 || options.rules == 0) {
    return Err(ErrorCode::kInvalidArgument,
               "a share of training within 0 and 1, and at least one condition, fold, rule and "
               "place in the beam are needed");
  }
  return {};
}

// A number as SQL and a person write it.
std::string NumberText(double value) { return fmt::format("{}", value); }

}  // namespace

double Readable(double value, bool is_integer) {
  static constexpr std::array<double, 13> kSteps = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10};
  constexpr double kCountable = 20;  // integers up to here are readable as they are
  const double size = std::abs(value);
  if (is_integer && size <= kCountable) {
    return value;
  }
  if (size == 0 || !std::isfinite(value)) {
    return value;
  }
  const double power = std::pow(10, std::floor(std::log10(size)));
  double best = 0;
  for (double step : kSteps) {
    if (std::abs(step * power - size) < std::abs(best - size)) {
      best = step * power;
    }
  }
  // As its digits say it: 3 * 0.1 is not 0.3.
  best = std::strtod(fmt::format("{:.12g}", is_integer ? std::round(best) : best).c_str(), nullptr);
  return value < 0 ? -best : best;
}

std::string ConditionsSql(const MineData& data, const MinedRule& rule) {
  std::string sql;
  for (const Condition& condition : rule.conditions) {
    const MineData::Input& input = data.inputs[condition.input];
    sql += sql.empty() ? "" : " AND ";
    if (input.type.id == table::TypeId::kBoolean) {
      sql += condition.at_least ? input.name : "NOT " + input.name;
    } else {
      sql += fmt::format("{} {} {}", input.name, condition.at_least ? ">=" : "<",
                         NumberText(condition.threshold));
    }
  }
  return sql;
}

MineCollector::MineCollector(std::shared_ptr<const CompiledPack> pack, const Labels& labels,
                             const EventKind* on)
    : pack_(std::move(pack)), core_(pack_), lookup_(labels, *pack_) {
  data_.on = on != nullptr && pack_->pack().kind_column() >= 0 ? on->name : "";
  const table::Schema& events = pack_->event_schema();
  for (size_t i = 0; i < events.size(); ++i) {
    if (IsMined(events[i].type) && static_cast<int>(i) != pack_->key_column()) {
      sources_.push_back({false, i});
      data_.inputs.push_back({events[i].name, {}, events[i].type, {}});
    }
  }
  for (size_t i = 0; i < pack_->feature_schema().size(); ++i) {
    const table::Column& column = pack_->feature_schema()[i];
    if (IsMined(column.type)) {
      sources_.push_back({true, i});
      data_.inputs.push_back({column.name, pack_->pack().features[i].title, column.type, {}});
    }
  }
}

Result<void> MineCollector::Add(const Event& event) {
  const Decision decision = core_.DecideAndApply(event, 1 + 2 * events_++);
  const int kind = pack_->pack().kind_column();
  if (!data_.on.empty() && event.columns[static_cast<size_t>(kind)].text() != data_.on) {
    return {};
  }
  const LabelLookup::Known& known = lookup_.Look(event);
  if (!known.bad) {
    return {};
  }
  if (data_.events() == kMineEventsMax) {
    return Err(ErrorCode::kResourceExhausted,
               "more than {} labelled events; mine a part of the history", kMineEventsMax);
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    const auto [is_feature, index] = sources_[i];
    data_.inputs[i].values.push_back(NumberOf(
        is_feature ? decision.features[index] : event.columns[index], data_.inputs[i].type));
  }
  data_.entities.emplace_back(known.entities.begin(), known.entities.end());
  data_.alerted.push_back(decision.action != Action::kApprove);
  return {};
}

Result<void> MineCollector::Apply(const Change& change, uint64_t seq) {
  const std::optional<Change> made = WithoutLoggedStanding(change);
  return made ? core_.Apply(*made, seq) : Result<void>();
}

MineData MineCollector::Finish() {
  for (const LabelLookup::Entity& entity : lookup_.entities()) {
    data_.entity_bad.push_back(entity.bad);
  }
  return std::move(data_);
}

Result<MineResult> Mine(const MineData& data, const MineOptions& options) {
  FUQI_RETURN_IF_ERROR(CheckOptions(options));
  const auto train = static_cast<size_t>(options.train * static_cast<double>(data.events()));
  const std::vector<bool> train_bad = BadEvents(data, data.entity_bad, 0, train);
  const std::vector<bool> test_bad = BadEvents(data, data.entity_bad, train, data.events());
  MineResult result;
  result.train_events = train;
  result.train_bad = static_cast<uint64_t>(std::ranges::count(train_bad, true));
  result.test_events = test_bad.size();
  result.test_bad = static_cast<uint64_t>(std::ranges::count(test_bad, true));
  if (result.train_bad == 0 || result.train_bad == train) {
    return Err(ErrorCode::kInvalidArgument,
               "of the {} events to learn from {} are bad: both kinds are needed", train,
               result.train_bad);
  }
  result.support = options.support > 0 ? options.support : std::max<uint64_t>(20, train / 5'000);

  // An equal share for each: what chance gives is told by searches as thorough as the first.
  const uint64_t steps =
      options.shuffles < options.steps ? options.steps / (options.shuffles + 1) : 0;
  auto report = [&, done = uint64_t{0}]() mutable {
    if (options.progress) {
      options.progress(++done, 1 + options.shuffles);
    }
  };
  const Table table(data, train, train_bad);
  Search search(table, train_bad, options, result.support, steps);
  std::vector<Conjunction> found = search.Run();
  result.searched = search.searched();
  result.truncated = search.truncated();
  report();

  SeededRandom random(options.seed);
  std::vector<bool> entity_bad = data.entity_bad;
  for (size_t i = 0; i < options.shuffles; ++i) {
    for (size_t n = entity_bad.size(); n > 1; --n) {
      const size_t other = random.Below(n);
      const bool held = entity_bad[n - 1];
      entity_bad[n - 1] = entity_bad[other];
      entity_bad[other] = held;
    }
    const std::vector<bool> bad = BadEvents(data, entity_bad, 0, train);
    const auto all_bad = static_cast<uint64_t>(std::ranges::count(bad, true));
    Search shuffled(table, bad, options, result.support, steps);
    for (const Conjunction& c : shuffled.Run()) {
      if (c.score > result.chance_score) {
        result.chance_score = c.score;
        result.chance_lift = FiguresOf(c.hits.size(), c.bad, train, all_bad).lift;
      }
    }
    result.truncated = result.truncated || shuffled.truncated();
    report();
  }
  result.rules = Judge(data, table, options, train, train_bad, test_bad)
                     .Pick(std::move(found), result.chance_score);
  return result;
}

}  // namespace fuqi::decide
