#pragma once

// A small pack for tests, and events for it.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "decide/compiled_pack.h"
#include "decide/core.h"
#include "decide/pack.h"
#include "table/binder.h"

namespace fuqi::decide {

inline constexpr std::string_view kSmallPack = R"toml([pack]
name = "small"
title = { zh = "小包", en = "A small pack" }
purpose = "testing"
partition = "payer"
lateness = "1 hour"

[table.txn]
kind = "event"
key = "id"
time = "ts"

[table.txn.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
payer = { type = "VARCHAR", class = "业务-账户-账号", nullable = false }
payee = { type = "VARCHAR", class = "业务-账户-账号" }
amount = { type = "DECIMAL(18,2)", class = "业务-交易-金额", nullable = false }

[window]
payer_1d = "PARTITION BY payer ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW"
payee_2h = "PARTITION BY payee ORDER BY ts RANGE BETWEEN INTERVAL 2 HOURS PRECEDING AND CURRENT ROW"
payer_all = "PARTITION BY payer ORDER BY ts"

[feature]
count_1d = { sql = "count(*) OVER payer_1d", zh = "一日内笔数", en = "payments within a day" }
sum_1d = "sum(amount) OVER payer_1d"
payees_1d = "count(DISTINCT payee) OVER payer_1d"
share = "amount / nullif(sum_1d, 0)"
large_share_1d = "count(*) FILTER (WHERE share >= 0.5) OVER payer_1d"
payers_2h = "count(DISTINCT payer) OVER payee_2h"
previous = "lag(amount) OVER payer_all"

[[rule]]
id = "burst"
when = "count_1d >= 3"
then = "review"
reason = { zh = "一日内多笔", en = "many payments within a day" }

[[rule]]
id = "large"
when = "amount >= 1000"
then = "block"
reason = { zh = "大额", en = "a large amount" }
clause = "aml_law_2024#第三十五条"

[[rule]]
id = "spread"
when = "payees_1d >= 3 AND sum_1d > 500"
then = "hold"
reason = { zh = "分散付款", en = "payments spread over many payees" }
)toml";

// A text with one passage replaced, which must be there.
inline std::string Replaced(std::string text, std::string_view old_text,
                            std::string_view new_text) {
  const size_t at = text.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  if (at != std::string::npos) {
    text.replace(at, old_text.size(), new_text);
  }
  return text;
}
inline std::string SmallPackWith(std::string_view old_text, std::string_view new_text) {
  return Replaced(std::string(kSmallPack), old_text, new_text);
}

inline table::Binder& TestBinder() {
  static const std::unique_ptr<table::Binder> kBinder = *table::Binder::Open();
  return *kBinder;
}

inline Result<std::shared_ptr<const CompiledPack>> TryCompile(std::string pack_toml,
                                                              PackFiles more = {}) {
  more.emplace_back("pack.toml", std::move(pack_toml));
  FUQI_ASSIGN_OR_RETURN(Pack pack, ParsePack(std::move(more)));
  return CompiledPack::Compile(std::move(pack), TestBinder());
}

// nullptr, and a failed test, where the pack is wrong.
inline std::shared_ptr<const CompiledPack> MustCompile(std::string pack_toml, PackFiles more = {}) {
  auto compiled = TryCompile(std::move(pack_toml), std::move(more));
  EXPECT_TRUE(compiled.has_value()) << compiled.error().ToString();
  return compiled ? *compiled : nullptr;
}

inline const std::shared_ptr<const CompiledPack>& SmallPack() {
  static const std::shared_ptr<const CompiledPack> kPack = MustCompile(std::string(kSmallPack));
  return kPack;
}

inline constexpr int64_t kStartUs = 1'700'000'000'000'000;

// An event of the small pack; an empty payee is NULL.
inline Event Payment(std::string_view id, int64_t ts_us, std::string_view payer,
                     std::string_view payee, int64_t cents, int64_t received_us = -1) {
  Event event;
  event.received_us = received_us;
  event.columns.Append(table::Datum::Text(id));
  event.columns.Append(table::Datum::Int(ts_us));
  event.columns.Append(table::Datum::Text(payer));
  event.columns.Append(payee.empty() ? table::Datum::Null() : table::Datum::Text(payee));
  event.columns.Append(table::Datum::Int(cents));
  return event;
}

// Payments among few accounts, some at the same time, some late (within the pack's hour and
// beyond), with NULLs and a rare value that overflows nothing but a threshold.
inline std::vector<Event> RandomPayments(uint64_t seed, size_t count) {
  SeededRandom random(seed);
  std::vector<Event> events;
  int64_t now = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    now += random.Chance(0.3) ? 0 : random.Between(0, 4 * kHourUs);
    int64_t ts = now;
    if (random.Chance(0.2)) {
      ts -= random.Between(0, random.Chance(0.2) ? 3 * kHourUs : kHourUs);
    }
    events.push_back(Payment(fmt::format("p{}", i), ts, fmt::format("a{}", random.Below(4)),
                             random.Chance(0.1) ? "" : fmt::format("b{}", random.Below(5)),
                             random.Between(-500, 120'000)));
  }
  return events;
}

}  // namespace fuqi::decide
