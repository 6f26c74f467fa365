#pragma once

// What Fuqi and its peers are measured on: payments among accounts, and a pack with 50 window
// features over three keys, a graph, and as many rules as wanted.
//
// A payer and a payee are drawn from [1, accounts] by Zipf's law with exponent 1 (the busiest
// account pays about every twentieth payment of a million accounts'), or all alike; a device
// belongs to a payer, one payment in fifty comes from another's. Everything follows from the seed.

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace fuqi::bench {

struct Payment {
  int64_t id = 0;
  int64_t ts_us = 0;
  uint64_t payer = 0;
  uint64_t payee = 0;
  uint64_t device = 0;
  int64_t amount_cents = 0;
};

struct Population {
  uint64_t accounts = 1'000'000;
  int per_day = 1;  // payments of an account on average, whatever the number of accounts
  bool alike = false;
};

class Payments {
 public:
  Payments(const Population& population, uint64_t seed) : of_(population), random_(seed) {}
  // The first `accounts` payments are one of each account, so that afterwards all are known.
  Payment Next();

 private:
  uint64_t Account(uint64_t salt);

  Population of_;
  SeededRandom random_;
  int64_t next_ = 0;
};

// "A00000042", of which every value is known by.
std::string AccountName(uint64_t account);
std::string DeviceName(uint64_t device);

// column op value, where op is ">=" or "<".
struct Predicate {
  std::string column;
  std::string op;
  int64_t value = 0;
};
using Conditions = std::vector<Predicate>;  // all must hold

struct WorkloadShape {
  int rules = 200;
  bool windows = true;
  bool graph = true;
  int longest_days = 3;  // of the three lengths of windows; the others are an hour and a day
};
// Four predicates each, of which each alone holds for some of the payments.
std::vector<Conditions> MakeRules(int rules, uint64_t seed);
// pack.toml
std::string MakePack(const WorkloadShape& shape, const std::vector<Conditions>& rules);

}  // namespace fuqi::bench
