#pragma once

// Payments and log-ins that never happened, for trying packs where no real data may be used: a
// seeded population that earns, spends, pays its friends and looks at its accounts, with planted
// laundering, card fraud and account takeover and the labels to score against.
//
// The eight laundering patterns are those of AMLSim and AMLworld [Altman et al. 2023, "Realistic
// Synthetic Financial Transactions for Anti-Money Laundering Models", §4]: fan-out, fan-in, cycle,
// random walk, bipartite, stack, scatter-gather, gather-scatter. The same options give the same
// bytes.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fuqi::scene {

enum class Pattern : uint8_t {
  kFanOut,
  kFanIn,
  kCycle,
  kRandom,
  kBipartite,
  kStack,
  kScatterGather,
  kGatherScatter,
  kCardFraud,
  kTakeover,  // log-ins from a strange device, a changed password, large payments from it
};
inline constexpr int kPatterns = 10;
std::string_view PatternName(Pattern pattern);  // "fan_out", …
Result<Pattern> ParsePattern(std::string_view name);

struct GenerateOptions {
  uint64_t seed = 1;
  int accounts = 2'000;                      // 50 … 5,000,000
  int days = 60;                             // 7 … 3,650
  int64_t start_us = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z
  std::array<int, kPatterns> patterns = {2, 2, 2, 2, 2,
                                         2, 2, 2, 6, 4};  // how many of each are planted
};

enum class Channel : uint8_t {
  kTransfer,  // an account pays an account
  kCard,      // an account pays a merchant
  kPayroll,   // a merchant pays its staff
};

struct Transaction {
  int64_t ts_us = 0;
  int32_t payer = 0;       // index of an account, or accounts + index of a merchant
  int32_t payee = 0;       // likewise
  int64_t amount_fen = 0;  // > 0
  int32_t device = -1;     // -1: none
  int32_t planted = -1;    // which planted pattern it belongs to; -1: ordinary life
  Channel channel = Channel::kTransfer;
  bool abroad = false;
};

// A customer's log-in to the account, from a device.
struct Login {
  enum class Changed : uint8_t { kNothing, kPassword, kPhone };
  int64_t ts_us = 0;
  int32_t account = 0;
  int32_t device = 0;
  bool succeeded = true;
  Changed changed = Changed::kNothing;
};

struct Planted {
  Pattern pattern;
  std::vector<int32_t> accounts;  // each once, rising
};

struct Generated {
  int accounts = 0;
  std::vector<Transaction> transactions;  // by time; equal times in the order of creation
  std::vector<Login> logins;              // likewise
  std::vector<Planted> planted;
};

// kInvalidArgument names the option out of bounds, or says that the patterns need more accounts
// than there are.
Result<Generated> Generate(const GenerateOptions& options);

// txn_id,ts,payer,payee,amount,channel,country,device — accounts are "A…", merchants "M…".
std::string TransactionsCsv(const Generated& generated);
// login_id,ts,account,country,device,succeeded,changed — `changed` is "password", "phone" or
// nothing.
std::string LoginsCsv(const Generated& generated);
// account,pattern,planted — one row for each account of each planted pattern.
std::string LabelsCsv(const Generated& generated);

}  // namespace fuqi::scene
