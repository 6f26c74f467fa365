#include "workload.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

namespace fuqi::bench {
namespace {

constexpr int64_t kBeginUs = 1'700'000'000'000'000;
constexpr int64_t kDayUs = 86'400'000'000;

struct Key {
  const char* column;
  const char* other;  // of which distinct ones are counted
};
constexpr std::array kKeys = {Key{"payer", "payee"}, Key{"payee", "payer"}, Key{"device", "payer"}};
constexpr std::array kLengths = {"short", "day", "long"};

}  // namespace

std::string AccountName(uint64_t account) { return fmt::format("A{:08}", account); }
std::string DeviceName(uint64_t device) { return fmt::format("D{:08}", device); }

uint64_t Payments::Account(uint64_t salt) {
  if (of_.alike) {
    return random_.Below(of_.accounts) + 1;
  }
  // The inverse of a log-uniform distribution gives ranks by Zipf's law; the multiplier, which is
  // coprime to any number of accounts below it, spreads neighbouring ranks over them.
  const auto rank = static_cast<uint64_t>(
      std::exp(random_.Unit() * std::log(static_cast<double>(of_.accounts) + 1)) - 1);
  return (rank * 2'147'483'647 + salt) % of_.accounts + 1;
}

Payment Payments::Next() {
  Payment payment;
  payment.id = next_;
  // Not a round number, so that no two payments lie exactly a window apart.
  const int64_t interval_us = kDayUs / (static_cast<int64_t>(of_.accounts) * of_.per_day) + 1;
  payment.ts_us = kBeginUs + next_ * interval_us + random_.Between(0, interval_us / 2);
  const auto index = static_cast<uint64_t>(next_);
  payment.payer = index < of_.accounts ? index + 1 : Account(0);
  payment.payee = index < of_.accounts ? of_.accounts - index : Account(of_.accounts / 2);
  payment.device = random_.Chance(0.02) ? Account(of_.accounts / 3) : payment.payer;
  payment.amount_cents = static_cast<int64_t>(std::exp(6 + 7 * random_.Unit()));
  ++next_;
  return payment;
}

std::vector<Conditions> MakeRules(int rules, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<Conditions> made(static_cast<size_t>(rules));
  for (Conditions& conditions : made) {
    for (int i = 0; i < 4; ++i) {
      const Key key = kKeys[random.Below(kKeys.size())];
      const char* length = kLengths[random.Below(kLengths.size())];
      const std::string op = random.Chance(0.7) ? ">=" : "<";
      switch (random.Below(5)) {
        case 0:
          conditions.push_back(
              {fmt::format("{}_count_{}", key.column, length), op, random.Between(2, 40)});
          break;
        case 1:
          conditions.push_back(
              {fmt::format("{}_sum_{}", key.column, length), op, random.Between(100, 20'000)});
          break;
        case 2:
          conditions.push_back(
              {fmt::format("{}_max_{}", key.column, length), op, random.Between(100, 4'000)});
          break;
        case 3:
          conditions.push_back(
              {fmt::format("{}_{}s_{}", key.column, key.other, length), op, random.Between(2, 20)});
          break;
        default:
          conditions.push_back({"amount", op, random.Between(10, 4'000)});
      }
    }
  }
  return made;
}

namespace {

void AppendWindows(int longest_days, std::string& text) {
  const auto out = std::back_inserter(text);
  const std::array spans = {std::string("1 HOUR"), std::string("1 DAY"),
                            fmt::format("{} DAYS", longest_days)};
  text += "[window]\n";
  for (const Key key : kKeys) {
    for (size_t i = 0; i < spans.size(); ++i) {
      fmt::format_to(out,
                     "{0}_{1} = \"PARTITION BY {0} ORDER BY ts RANGE BETWEEN INTERVAL {2} "
                     "PRECEDING AND CURRENT ROW\"\n",
                     key.column, kLengths[i], spans[i]);
    }
  }
  text += "payer_all = \"PARTITION BY payer ORDER BY ts\"\n[feature]\n";
  for (const Key key : kKeys) {
    for (const char* length : kLengths) {
      fmt::format_to(out,
                     "{0}_count_{1} = \"count(*) OVER {0}_{1}\"\n"
                     "{0}_sum_{1} = \"sum(amount) OVER {0}_{1}\"\n"
                     "{0}_avg_{1} = \"avg(amount) OVER {0}_{1}\"\n"
                     "{0}_max_{1} = \"max(amount) OVER {0}_{1}\"\n"
                     "{0}_{2}s_{1} = \"count(DISTINCT {2}) OVER {0}_{1}\"\n",
                     key.column, length, key.other);
    }
  }
  text +=
      "payee_small_day = \"count(*) FILTER (WHERE amount < 100) OVER payee_day\"\n"
      "payee_smallest_day = \"min(amount) OVER payee_day\"\n"
      "payer_spread_day = \"stddev_samp(amount) OVER payer_day\"\n"
      "payer_first = \"first(ts) OVER payer_all\"\n"
      "payer_previous = \"lag(ts) OVER payer_all\"\n";
}

}  // namespace

std::string MakePack(const WorkloadShape& shape, const std::vector<Conditions>& rules) {
  std::string text = R"toml([pack]
name = "bench"
purpose = "measuring"
[table.payment]
kind = "event"
key = "id"
time = "ts"
[table.payment.column]
id = { type = "BIGINT", class = "a", nullable = false }
ts = { type = "TIMESTAMP", class = "a", nullable = false }
payer = { type = "VARCHAR", class = "a", nullable = false }
payee = { type = "VARCHAR", class = "a", nullable = false }
device = { type = "VARCHAR", class = "a", nullable = false }
amount = { type = "DECIMAL(18,2)", class = "a", nullable = false }
)toml";
  const auto out = std::back_inserter(text);
  if (shape.windows) {
    AppendWindows(shape.longest_days, text);
  }
  if (shape.graph) {
    text += R"toml([graph.money]
from = "payer"
to = "payee"
amount = "amount"
window = "1 day"
degree_max = 200
steps_max = 2000
[graph.money.feature]
fan_in = { measure = "fan_in", of = "to" }
fan_out = { measure = "fan_out", of = "from" }
both_ways = { measure = "reciprocal", of = "to" }
cycles = { measure = "cycles", length = 4 }
)toml";
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    std::string when;
    for (const Predicate& predicate : rules[i]) {
      fmt::format_to(std::back_inserter(when), "{}{} {} {}", when.empty() ? "" : " AND ",
                     predicate.column, predicate.op, predicate.value);
    }
    fmt::format_to(out,
                   "[[rule]]\nid = \"rule_{}\"\nwhen = \"{}\"\nthen = \"review\"\n"
                   "reason = {{ zh = \"a\", en = \"a\" }}\n",
                   i, when);
  }
  return text;
}

}  // namespace fuqi::bench
