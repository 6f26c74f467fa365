#include "decide/standing_brute.h"

#include <algorithm>

#include "base/decimal.h"

namespace fuqi::decide {

using table::Datum;

namespace {

// The first moment of the period that holds `ts`.
int128 PeriodBegin(const Allowance& allowance, int128 ts) {
  int128 into = (ts - allowance.from_us) % allowance.per_us;
  into += into < 0 ? allowance.per_us : 0;
  return ts - into;
}

}  // namespace

bool BruteStanding::Names(const Set& set, const Event& event) const {
  const StandingKind& kind = pack_.pack().standing[set.kind];
  const bool is_on = kind.on.empty() || std::ranges::any_of(kind.on, [&](size_t k) {
                       return event.columns[0].text() == pack_.pack().kinds[k].name;
                     });
  return is_on && std::ranges::any_of(kind.columns, [&](size_t column) {
           const Datum& value = event.columns[column];
           return !value.is_null() && table::Same(value, set.subject[0]);
         });
}

Datum BruteStanding::AmountFor(const Set& set, const Event& event) const {
  const int amount = pack_.pack().standing[set.kind].amount;
  return amount < 0 ? Datum::Null() : event.columns[static_cast<size_t>(amount)];
}

bool BruteStanding::IsSmall(const Set& set, const Event& event, int128 ts) const {
  const Datum amount = AmountFor(set, event);
  if (!set.limit || amount.is_null()) {
    return false;
  }
  if (!set.allowance || amount.i <= 0) {
    return set.allowance || amount.i <= *set.limit;
  }
  int128 sum = amount.i;
  for (const auto& [when, how_much] : set.passed) {
    const bool counts = set.allowance->per_us == 0 ||
                        PeriodBegin(*set.allowance, when) == PeriodBegin(*set.allowance, ts);
    sum += counts ? how_much : 0;
  }
  return sum <= *set.limit;
}

Action BruteStanding::Decide(const Event& event, std::span<const Datum> rules) {
  const int128 ts = event.columns[static_cast<size_t>(pack_.time_column())].i;
  newest_ = newest_ ? std::max(*newest_, ts) : ts;
  Action action = Action::kApprove;
  for (const Set& set : sets_) {
    if (Names(set, event) && ts < set.until && !IsSmall(set, event, ts)) {
      action = std::max(action, set.action);
    }
  }
  action = std::max(action, NoteRules(event, rules, ts));
  if (action == Action::kApprove) {
    for (Set& set : sets_) {
      const Datum amount = AmountFor(set, event);
      if (Names(set, event) && ts < set.until && !amount.is_null() && amount.i > 0) {
        set.passed.emplace_back(ts, amount.i);
      }
    }
  }
  return action;
}

void BruteStanding::DecideOutOfBounds(const Event& event, std::span<const Datum> rules) {
  // A time in the future would reach too far: the newest there is stands for it.
  const int128 ts = event.columns[static_cast<size_t>(pack_.time_column())].i;
  NoteRules(event, rules, newest_ ? std::min(*newest_, ts) : ts);
}

std::optional<bool> BruteStanding::Stands(const Lookup& lookup, std::span<const Datum> args) const {
  if (args[0].is_null() || args[1].is_null()) {
    return std::nullopt;
  }
  return std::ranges::any_of(sets_, [&](const Set& set) {
    return set.kind == *lookup.standing && table::Same(args[0], set.subject[0]) &&
           args[1].i < set.until && set.action >= lookup.at_least;
  });
}

Action BruteStanding::NoteRules(const Event& event, std::span<const Datum> rules, int128 ts) {
  Action action = Action::kApprove;
  for (size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = pack_.pack().rules[i];
    if (rules[i].is_true() && !rule.shadow) {
      action = std::max(action, rule.then);
      Note(rule, event, ts);
    }
  }
  return action;
}

void BruteStanding::Note(const Rule& rule, const Event& event, int128 ts) {
  if (!rule.standing || event.columns[rule.standing->column].is_null()) {
    return;
  }
  const StandingKind& kind = pack_.pack().standing[rule.standing->kind];
  Set& set = sets_.emplace_back();
  set.kind = rule.standing->kind;
  set.subject.Append(event.columns[rule.standing->column]);
  set.action = rule.then;
  set.allowance = rule.standing->allowance;
  if (!rule.standing->limit.empty()) {
    set.limit = table::ParseText(rule.standing->limit, kind.amount_type)->i;
  }
  set.until = rule.standing->for_us == 0 ? kInt128Max : ts + rule.standing->for_us;
}

}  // namespace fuqi::decide
