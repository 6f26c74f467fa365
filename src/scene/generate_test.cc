#include "scene/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace fuqi::scene {
namespace {

GenerateOptions Small() {
  GenerateOptions options;
  options.accounts = 1'200;
  options.days = 30;
  return options;
}

Generated Make(const GenerateOptions& options) {
  Result<Generated> generated = Generate(options);
  EXPECT_TRUE(generated.has_value());
  return *std::move(generated);
}

// Who pays whom inside one planted pattern, in time order.
struct Flow {
  std::map<int32_t, std::set<int32_t>> payees;
  std::map<int32_t, std::set<int32_t>> payers;
  std::vector<Transaction> moves;
};

Flow FlowOf(const Generated& generated, size_t planted) {
  Flow flow;
  for (const Transaction& t : generated.transactions) {
    if (t.planted == static_cast<int32_t>(planted)) {
      flow.payees[t.payer].insert(t.payee);
      flow.payers[t.payee].insert(t.payer);
      flow.moves.push_back(t);
    }
  }
  return flow;
}

void ForEach(Pattern pattern, const std::function<void(const Planted&, const Flow&)>& check) {
  int seen = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    GenerateOptions options = Small();
    options.seed = seed;
    const Generated generated = Make(options);
    for (size_t i = 0; i < generated.planted.size(); ++i) {
      if (generated.planted[i].pattern == pattern) {
        check(generated.planted[i], FlowOf(generated, i));
        ++seen;
      }
    }
  }
  EXPECT_GE(seen, 10);
}

TEST(Generate, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const Generated a = Make(Small());
  EXPECT_EQ(TransactionsCsv(a), TransactionsCsv(Make(Small())));
  EXPECT_EQ(LabelsCsv(a), LabelsCsv(Make(Small())));
  EXPECT_EQ(LoginsCsv(a), LoginsCsv(Make(Small())));
  GenerateOptions other = Small();
  other.seed = 2;
  EXPECT_NE(TransactionsCsv(a), TransactionsCsv(Make(other)));
  EXPECT_NE(LoginsCsv(a), LoginsCsv(Make(other)));
}

TEST(Generate, TransactionsStandInTimeOrderWithPositiveAmountsAndNoSelfPayment) {
  const GenerateOptions options = Small();
  const Generated generated = Make(options);
  EXPECT_GT(generated.transactions.size(), 10'000u);
  for (size_t i = 0; i < generated.transactions.size(); ++i) {
    const Transaction& t = generated.transactions[i];
    EXPECT_GT(t.amount_fen, 0);
    EXPECT_NE(t.payer, t.payee);
    EXPECT_EQ(t.channel == Channel::kPayroll, t.payer >= options.accounts);
    EXPECT_EQ(t.channel == Channel::kCard, t.payee >= options.accounts);
    if (i > 0) {
      EXPECT_GE(t.ts_us, generated.transactions[i - 1].ts_us);
    }
  }
}

TEST(Generate, EachAccountBelongsToOnePatternAtMostAndLabelsNameJustThose) {
  const Generated generated = Make(Small());
  std::set<int32_t> seen;
  size_t rows = 0;
  for (const Planted& planted : generated.planted) {
    for (int32_t account : planted.accounts) {
      EXPECT_TRUE(seen.insert(account).second);
      ++rows;
    }
  }
  for (const Transaction& t : generated.transactions) {
    if (t.planted >= 0) {
      EXPECT_TRUE(seen.contains(t.payer));
    }
  }
  const std::string labels = LabelsCsv(generated);
  EXPECT_EQ(static_cast<size_t>(std::count(labels.begin(), labels.end(), '\n')), rows + 1);
}

TEST(FanOut, OnePaysMany) {
  ForEach(Pattern::kFanOut, [](const Planted& planted, const Flow& flow) {
    EXPECT_EQ(flow.payees.size(), 1u);
    EXPECT_EQ(flow.payers.size(), planted.accounts.size() - 1);
  });
}

TEST(FanIn, ManyPayOne) {
  ForEach(Pattern::kFanIn, [](const Planted& planted, const Flow& flow) {
    EXPECT_EQ(flow.payers.size(), 1u);
    EXPECT_EQ(flow.payees.size(), planted.accounts.size() - 1);
  });
}

TEST(Cycle, MoneyComesBackLessThanItLeft) {
  ForEach(Pattern::kCycle, [](const Planted& planted, const Flow& flow) {
    ASSERT_EQ(flow.moves.size(), planted.accounts.size());
    EXPECT_EQ(flow.moves.back().payee, flow.moves.front().payer);
    for (size_t i = 1; i < flow.moves.size(); ++i) {
      EXPECT_EQ(flow.moves[i].payer, flow.moves[i - 1].payee);
      EXPECT_LT(flow.moves[i].amount_fen, flow.moves[i - 1].amount_fen);
    }
  });
}

TEST(RandomWalk, EveryAccountPaysSomebodyOfThePattern) {
  ForEach(Pattern::kRandom, [](const Planted& planted, const Flow& flow) {
    EXPECT_EQ(flow.payees.size(), planted.accounts.size());
    EXPECT_EQ(flow.moves.size(), 2 * planted.accounts.size());
  });
}

TEST(Bipartite, EachOfOneSidePaysEachOfTheOther) {
  ForEach(Pattern::kBipartite, [](const Planted& planted, const Flow& flow) {
    EXPECT_EQ(flow.payees.size() + flow.payers.size(), planted.accounts.size());
    EXPECT_EQ(flow.moves.size(), flow.payees.size() * flow.payers.size());
  });
}

TEST(Stack, TheMiddleLayerPaysOnlyAfterItWasPaid) {
  ForEach(Pattern::kStack, [](const Planted&, const Flow& flow) {
    int middle = 0;
    for (const auto& [account, payees] : flow.payees) {
      const bool receives = flow.payers.contains(account);
      middle += receives ? 1 : 0;
      if (receives) {
        int64_t last_in = 0;
        int64_t first_out = INT64_MAX;
        for (const Transaction& t : flow.moves) {
          last_in = t.payee == account ? std::max(last_in, t.ts_us) : last_in;
          first_out = t.payer == account ? std::min(first_out, t.ts_us) : first_out;
        }
        EXPECT_LE(last_in, first_out);
      }
    }
    EXPECT_GE(middle, 2);
  });
}

TEST(ScatterGather, OneSourceOneSinkAndManyBetween) {
  ForEach(Pattern::kScatterGather, [](const Planted& planted, const Flow& flow) {
    const size_t between = planted.accounts.size() - 2;
    EXPECT_EQ(flow.payees.size(), between + 1);
    EXPECT_EQ(flow.payers.size(), between + 1);
    EXPECT_EQ(flow.moves.size(), 2 * between);
  });
}

TEST(GatherScatter, ManySourcesOneMiddleManySinks) {
  ForEach(Pattern::kGatherScatter, [](const Planted& planted, const Flow& flow) {
    EXPECT_EQ(flow.moves.size(), planted.accounts.size() - 1);
    int both = 0;
    for (const auto& [account, payees] : flow.payees) {
      both += flow.payers.contains(account) ? 1 : 0;
    }
    EXPECT_EQ(both, 1);
  });
}

TEST(CardFraud, SmallPaymentsComeBeforeLargeOnesFromOneStrangeDevice) {
  ForEach(Pattern::kCardFraud, [](const Planted& planted, const Flow& flow) {
    ASSERT_EQ(planted.accounts.size(), 1u);
    ASSERT_GE(flow.moves.size(), 6u);
    EXPECT_LT(flow.moves.front().amount_fen, 1'000);
    EXPECT_GE(flow.moves.back().amount_fen, 80'000);
    for (const Transaction& t : flow.moves) {
      EXPECT_EQ(t.device, flow.moves.front().device);
      EXPECT_NE(t.device, t.payer);
      EXPECT_EQ(t.channel, Channel::kCard);
    }
  });
}

TEST(Takeover, LargePaymentsFollowALogInFromTheSameStrangeDevice) {
  int seen = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    GenerateOptions options = Small();
    options.seed = seed;
    const Generated generated = Make(options);
    for (size_t i = 0; i < generated.planted.size(); ++i) {
      if (generated.planted[i].pattern != Pattern::kTakeover) {
        continue;
      }
      ++seen;
      const Flow flow = FlowOf(generated, i);
      ASSERT_FALSE(flow.moves.empty());
      const Transaction& first = flow.moves.front();
      EXPECT_NE(first.device, first.payer);
      bool changed = false;
      int failed = 0;
      for (const Login& login : generated.logins) {
        if (login.device == first.device) {
          EXPECT_EQ(login.account, first.payer);
          EXPECT_LT(login.ts_us, first.ts_us);
          EXPECT_GE(login.ts_us, first.ts_us - 3'600'000'000);
          changed = changed || login.changed == Login::Changed::kPassword;
          failed += login.succeeded ? 0 : 1;
        }
      }
      EXPECT_TRUE(changed);
      EXPECT_GE(failed, 2);
      for (const Transaction& t : flow.moves) {
        EXPECT_EQ(t.device, first.device);
        EXPECT_GE(t.amount_fen, 150'000);
        EXPECT_FALSE(t.abroad);
      }
    }
  }
  EXPECT_GE(seen, 10);
}

TEST(Generate, LogInsStandInTimeOrderAndMostSucceedFromTheAccountsOwnDevice) {
  const Generated generated = Make(Small());
  int own = 0;
  int failed = 0;
  for (size_t i = 0; i < generated.logins.size(); ++i) {
    const Login& login = generated.logins[i];
    EXPECT_LT(login.account, generated.accounts);
    own += login.device == login.account ? 1 : 0;
    failed += login.succeeded ? 0 : 1;
    if (i > 0) {
      EXPECT_GE(login.ts_us, generated.logins[i - 1].ts_us);
    }
  }
  const auto all = static_cast<double>(generated.logins.size());
  EXPECT_GT(all, 5'000);
  EXPECT_GT(own / all, 0.95);
  EXPECT_LT(own / all, 1.0) << "some have a new phone";
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed / all, 0.1);
}

TEST(Generate, RefusesOptionsOutOfBounds) {
  const auto refused = [](const std::function<void(GenerateOptions&)>& change) {
    GenerateOptions options = Small();
    change(options);
    const Result<Generated> generated = Generate(options);
    return !generated.has_value() && generated.error().code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.accounts = 49; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.accounts = 5'000'001; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.days = 6; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.days = 3'651; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.start_us = 253'402'300'799'000'000; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.start_us = -o.start_us * 2; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.patterns[0] = -1; }));
  EXPECT_TRUE(refused([](GenerateOptions& o) { o.patterns[0] = 1'000; }));
}

TEST(Generate, NoPatternMeansNoLabel) {
  GenerateOptions options = Small();
  options.patterns.fill(0);
  EXPECT_EQ(LabelsCsv(Make(options)), "account,pattern,planted\n");
}

TEST(Pattern, NamesReadBack) {
  for (int i = 0; i < kPatterns; ++i) {
    const auto pattern = static_cast<Pattern>(i);
    EXPECT_EQ(*ParsePattern(PatternName(pattern)), pattern);
  }
  EXPECT_FALSE(ParsePattern("fan").has_value());
}

}  // namespace
}  // namespace fuqi::scene
