#include "decide/backtest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/simulated_disk.h"
#include "decide/feed.h"
#include "decide/partition.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

// `large` asks for less and from 800 on, `burst` watches only, `spread` is gone, `sums` is new.
std::string NewerPack() {
  std::string text(kSmallPack);
  auto replace = [&](std::string_view old_text, std::string_view new_text) {
    const size_t at = text.find(old_text);
    ASSERT_NE(at, std::string::npos) << old_text;
    text.replace(at, old_text.size(), new_text);
  };
  replace("amount >= 1000", "amount >= 800");
  replace("then = \"block\"", "then = \"hold\"");
  replace("then = \"review\"", "then = \"review\"\nshadow = true");
  replace("id = \"spread\"", "id = \"sums\"");
  replace("payees_1d >= 3 AND sum_1d > 500", "sum_1d > 2000");
  return text;
}

struct Recount {
  uint64_t events = 0, before = 0, after = 0, both = 0;
  int64_t cents = 0, cents_before = 0, cents_after = 0;
  uint64_t bad = 0, known_before = 0, bad_before = 0, known_after = 0, bad_after = 0;

  void Add(bool b, bool a, int64_t amount, int known) {  // known: -1 nothing, 0 good, 1 bad
    ++events;
    cents += amount;
    before += b, after += a, both += b && a;
    cents_before += b ? amount : 0, cents_after += a ? amount : 0;
    bad += known == 1;
    known_before += b && known >= 0, bad_before += b && known == 1;
    known_after += a && known >= 0, bad_after += a && known == 1;
  }
  void ExpectSame(const BothAlerts& found, const std::string& of) const {
    SCOPED_TRACE(of);
    EXPECT_EQ(found.events, events);
    EXPECT_EQ(found.before.events, before);
    EXPECT_EQ(found.after.events, after);
    EXPECT_EQ(found.both, both);
    EXPECT_EQ(static_cast<int64_t>(found.amount), cents);
    EXPECT_EQ(static_cast<int64_t>(found.before.amount), cents_before);
    EXPECT_EQ(static_cast<int64_t>(found.after.amount), cents_after);
    EXPECT_EQ(found.before.detection.bad, bad);
    EXPECT_EQ(found.after.detection.bad, bad);
    EXPECT_EQ(found.before.detection.alerted, known_before);
    EXPECT_EQ(found.before.detection.bad_alerted, bad_before);
    EXPECT_EQ(found.after.detection.alerted, known_after);
    EXPECT_EQ(found.after.detection.bad_alerted, bad_after);
  }
};

class BacktestTest : public SourceFiles {
 protected:
  Result<Backtest> Run(const std::vector<Event>& events, BacktestOptions options = {}) {
    FUQI_ASSIGN_OR_RETURN(BacktestRun run,
                          BacktestRun::Start(before_, after_, TestBinder(), options));
    for (const Event& event : events) {
      FUQI_RETURN_IF_ERROR(run.Add(event));
    }
    return run.Finish();
  }
  ErrorCode Refusal(const std::shared_ptr<const CompiledPack>& after,
                    BacktestOptions options = {}) {
    const auto run = BacktestRun::Start(before_, after, TestBinder(), options);
    return run ? ErrorCode{} : run.error().code();
  }

  const std::shared_ptr<const CompiledPack> before_ = SmallPackWithSources();
  const std::shared_ptr<const CompiledPack> after_ = SmallPackWithSources(NewerPack());
};

TEST_F(BacktestTest, ARuleThatLaysSomethingElseDownIsReworded) {
  constexpr std::string_view kAccount =
      "[standing.account]\ncolumns = [\"payer\", \"payee\"]\namount = \"amount\"\n"
      "reason = { zh = \"受限\", en = \"bound\" }\n";
  constexpr std::string_view kPerson =
      "[standing.person]\ncolumns = [\"payer\"]\nreason = { zh = \"受限\", en = \"bound\" }\n";
  const auto pack_with = [&](const std::string& standing, const std::string& kinds) {
    const std::string text =
        SmallPackWith("id = \"large\"", standing.empty() ? "id = \"large\""
                                                         : fmt::format("id = \"large\"\n"
                                                                       "standing = {{ {} }}",
                                                                       standing));
    return SmallPackWithSources(text + kinds);
  };
  const std::string both = fmt::format("{}{}", kAccount, kPerson);
  const std::string was = R"(kind = "account", subject = "payer", for = "1 day", above = "50.00")";
  const auto before = pack_with(was, both);
  const auto reworded = [&](const std::string& standing, const std::string& kinds) {
    const auto after = pack_with(standing, kinds);
    Result<BacktestRun> run = BacktestRun::Start(before, after, TestBinder(), {});
    EXPECT_TRUE(run.has_value()) << run.error().ToString();
    const Backtest result = run->Finish();
    EXPECT_FALSE(result.rules[0].reworded);
    return result.rules[1].reworded;
  };
  EXPECT_FALSE(reworded(was, both));
  EXPECT_FALSE(reworded(was, fmt::format("{}{}", kPerson, kAccount))) << "another number of it";
  for (const char* is :
       {"", R"(kind = "person", subject = "payer", for = "1 day")",
        R"(kind = "account", subject = "payee", for = "1 day", above = "50.00")",
        R"(kind = "account", subject = "payer", for = "2 days", above = "50.00")",
        R"(kind = "account", subject = "payer", above = "50.00")",
        R"(kind = "account", subject = "payer", for = "1 day", above = "51.00")",
        R"(kind = "account", subject = "payer", for = "1 day", allow = "50.00")"}) {
    EXPECT_TRUE(reworded(is, both)) << is;
  }
}

TEST_F(BacktestTest, GivesWhatARecountOfBothVersionsDecisionsGives) {
  const std::vector<Event> events = RandomPayments(11, 900);
  Labels labels;
  labels.columns = {2, 3};  // payer and payee
  labels.bad = {{"a1", true}, {"b3", true}, {"a0", false}, {"b0", false}, {"unseen", true}};
  Result<Backtest> result =
      Run(events, {.labels = &labels, .segment = "substr(payer, 2, 1) || coalesce(payee, '?')"});
  ASSERT_TRUE(result.has_value()) << result.error().ToString();

  Core old_core(before_);
  Core new_core(after_);
  Recount total;
  std::map<int64_t, Recount> days;
  std::map<std::string, Recount> segments;
  std::map<std::string, Recount> rules;
  uint64_t actions[7][7] = {};
  std::set<std::string> alerted_before, alerted_after;
  uint64_t seq = 1;
  for (const Event& event : events) {
    const Decision b = old_core.Decide(event, seq);
    const Decision a = new_core.Decide(event, seq);
    seq += 2;
    const std::string payer(event.columns[2].text());
    const std::string payee(event.columns[3].is_null() ? "?" : event.columns[3].text());
    int known = -1;
    for (const std::string& who : {payer, payee}) {
      if (who == "a1" || who == "b3") {
        known = 1;
      } else if ((who == "a0" || who == "b0") && known < 0) {
        known = 0;
      }
      if (b.action != Action::kApprove) {
        alerted_before.insert(who);
      }
      if (a.action != Action::kApprove) {
        alerted_after.insert(who);
      }
    }
    const bool was = b.action != Action::kApprove;
    const bool is = a.action != Action::kApprove;
    const auto cents = static_cast<int64_t>(event.columns[4].i);
    total.Add(was, is, cents, known);
    days[static_cast<int64_t>(event.columns[1].i) / kDayUs].Add(was, is, cents, known);
    segments[payer.substr(1) + payee].Add(was, is, cents, known);
    auto hit = [](const Decision& d, uint32_t rule) {
      return std::ranges::find(d.hits, rule) != d.hits.end();
    };
    rules["burst"].Add(hit(b, 0), hit(a, 0), cents, known);
    rules["large"].Add(hit(b, 1), hit(a, 1), cents, known);
    rules["spread"].Add(hit(b, 2), false, cents, known);
    rules["sums"].Add(false, hit(a, 2), cents, known);
    ++actions[static_cast<int>(b.action)][static_cast<int>(a.action)];
  }
  EXPECT_GT(total.before, total.both);
  EXPECT_GT(total.after, total.both);
  EXPECT_GT(total.both, 0u);
  total.ExpectSame(result->total, "total");
  ASSERT_EQ(result->days.size(), days.size());
  for (const auto& [day, counted] : days) {
    counted.ExpectSame(result->days.at(static_cast<int32_t>(day)), fmt::format("day {}", day));
  }
  ASSERT_EQ(result->segments.size(), segments.size());
  for (const auto& [segment, counted] : segments) {
    counted.ExpectSame(result->segments.at(segment), segment);
  }
  std::vector<std::string> ids;
  for (const RuleBacktest& rule : result->rules) {
    ids.push_back(rule.id);
    rules[rule.id].ExpectSame(rule.hits, rule.id);
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"burst", "large", "spread", "sums"}));
  EXPECT_TRUE(result->rules[0].reworded && result->rules[0].shadow_after);
  EXPECT_TRUE(result->rules[1].reworded && !result->rules[1].shadow_after);
  EXPECT_FALSE(result->rules[2].is_after);
  EXPECT_FALSE(result->rules[3].is_before);
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 7; ++j) {
      EXPECT_EQ(result->actions[i][j], actions[i][j]) << i << " → " << j;
    }
  }
  for (auto [found, alerted] : {std::pair(result->entities_before, alerted_before),
                                {result->entities_after, alerted_after}}) {
    EXPECT_EQ(found.bad, 3u) << "the one that no event shows is bad, too";
    EXPECT_EQ(found.bad_alerted, alerted.count("a1") + alerted.count("b3"));
    EXPECT_EQ(found.alerted, found.bad_alerted + alerted.count("a0") + alerted.count("b0"));
  }
  EXPECT_EQ(result->amount_column, "amount");
}

TEST_F(BacktestTest, ShowsTheGreatestChangesFirst) {
  const std::vector<Event> events = RandomPayments(12, 900);
  const Backtest all = *Run(events, {.examples = 1000});
  ASSERT_EQ(all.examples.size(), all.changed);
  ASSERT_GT(all.changed, 120u);
  const Backtest few = *Run(events, {.examples = 7});
  EXPECT_EQ(few.changed, all.changed);
  ASSERT_EQ(few.examples.size(), 7u);
  auto weight = [](const ChangedEvent& e) {
    return std::pair(std::abs(static_cast<int>(e.before) - static_cast<int>(e.after)),
                     static_cast<int64_t>(e.amount.i < 0 ? -e.amount.i : e.amount.i));
  };
  for (size_t i = 0; i < few.examples.size(); ++i) {
    EXPECT_EQ(few.examples[i].key, all.examples[i].key);
    EXPECT_NE(few.examples[i].before, few.examples[i].after);
    if (i > 0) {
      EXPECT_GE(weight(all.examples[i - 1]), weight(all.examples[i]));
    }
  }
}

TEST_F(BacktestTest, AVersionAgainstItselfChangesNothing) {
  auto run = BacktestRun::Start(before_, before_, TestBinder(), {});
  ASSERT_TRUE(run.has_value());
  for (const Event& event : RandomPayments(13, 300)) {
    ASSERT_TRUE(run->Add(event).has_value());
  }
  const Backtest same = run->Finish();
  EXPECT_EQ(same.changed, 0u);
  EXPECT_GT(same.total.both, 0u);
  EXPECT_EQ(same.total.before.events, same.total.both);
  EXPECT_EQ(same.total.after.events, same.total.both);
}

TEST_F(BacktestTest, RefusesVersionsOfDifferentTables) {
  EXPECT_EQ(Refusal(MustCompile(SmallPackWith("name = \"small\"", "name = \"other\""))),
            ErrorCode::kConflict);
  EXPECT_EQ(Refusal(MustCompile(SmallPackWith("DECIMAL(18,2)", "DECIMAL(18,3)"))),
            ErrorCode::kConflict);
  EXPECT_EQ(Refusal(MustCompile(SmallPackWith(
                "[window]", "more = { type = \"BIGINT\", class = \"x\" }\n\n[window]"))),
            ErrorCode::kConflict);
}

TEST_F(BacktestTest, RefusesAmountsAndSegmentsThatAreNone) {
  EXPECT_EQ(Refusal(after_, {.amount = "amuont"}), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal(after_, {.amount = "payer"}), ErrorCode::kTypeMismatch);
  EXPECT_EQ(Refusal(after_, {.segment = "nobody"}), ErrorCode::kNotFound);
  EXPECT_EQ(Refusal(after_, {.segment = "payer +"}), ErrorCode::kParse);
  EXPECT_EQ(Run(RandomPayments(1, 2'000), {.segment = "id"}).error().code(),
            ErrorCode::kResourceExhausted);
}

TEST_F(BacktestTest, ALogFeedsTheEventsThatItsFileFed) {
  std::vector<Event> events = RandomPayments(14, 400);
  events.push_back(events[7]);  // a repetition
  ManualClock clock(kStartUs);
  SimulatedDisk disk(1);
  auto partition = *Partition::Open(disk, clock, "/p", before_, {});
  for (const Event& event : events) {
    ASSERT_TRUE(partition->Decide(event).has_value());
  }
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());

  auto from_file = *BacktestRun::Start(before_, after_, TestBinder(), {});
  const SourcePlan plan = *OpenSource(access_, *after_, "bank", Write("events.csv", Csv(events)));
  SourceReader reader = *SourceReader::Open(access_, *after_, plan);
  Result<uint64_t> repeated =
      FeedSource(reader, *after_, [&](const Event& event) { return from_file.Add(event); });
  ASSERT_TRUE(repeated.has_value()) << repeated.error().ToString();
  EXPECT_EQ(*repeated, 1u);

  auto from_log = *BacktestRun::Start(before_, after_, TestBinder(), {});
  auto no_change = [](const Change&, uint64_t) { return Result<void>(); };
  Result<void> fed =
      FeedLog(disk, "/p", *after_, [&](const Event& e) { return from_log.Add(e); }, no_change);
  ASSERT_TRUE(fed.has_value()) << fed.error().ToString();
  const Backtest a = from_file.Finish();
  const Backtest b = from_log.Finish();
  EXPECT_EQ(a.total.events, 400u);
  EXPECT_EQ(a.total.events, b.total.events);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.changed, b.changed);

  const auto other = MustCompile(SmallPackWith("name = \"small\"", "name = \"other\""));
  EXPECT_EQ(FeedLog(
                disk, "/p", *other, [](const Event&) { return Result<void>(); }, no_change)
                .error()
                .code(),
            ErrorCode::kConflict);
  const auto versions = *VersionsInLog(disk, "/p");
  ASSERT_EQ(versions.size(), 1u);
  EXPECT_EQ(versions[0].publish.hash, before_->pack().hash);
  EXPECT_EQ(versions[0].decisions, 400u);
}

TEST_F(BacktestTest, StandingIsOwnOrAsItStood) {
  std::string freezing = SmallPackWith(
      "id = \"large\"",
      "id = \"large\"\nstanding = { kind = \"account\", subject = \"payer\", for = \"1 day\" }");
  freezing +=
      "\n[standing.account]\ncolumns = [\"payer\"]\nreason = { zh = \"受限\", en = \"bound\" }\n";
  const auto pack = MustCompile(freezing);
  const auto milder = MustCompile(
      std::string(freezing).replace(freezing.find("amount >= 1000"), 14, "amount >= 9000"));
  ManualClock clock(kStartUs);
  SimulatedDisk disk(1);
  auto partition = *Partition::Open(disk, clock, "/p", pack, {});
  uint64_t alerts = 0;
  for (const Event& event : RandomPayments(15, 400)) {
    alerts += partition->Decide(event)->decision.action != Action::kApprove;
  }
  ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  auto run = [&](BacktestOptions::Standing standing) {
    auto backtest = *BacktestRun::Start(pack, milder, TestBinder(), {.standing = standing});
    EXPECT_TRUE(FeedLog(
        disk, "/p", *pack, [&](const Event& e) { return backtest.Add(e); },
        [&](const Change& c, uint64_t seq) { return backtest.Apply(c, seq); }));
    return backtest.Finish();
  };
  const Backtest own = run(BacktestOptions::Standing::kOwn);
  const Backtest logged = run(BacktestOptions::Standing::kLogged);
  EXPECT_EQ(own.total.before.events, alerts) << "its own standing is what the log had";
  EXPECT_EQ(logged.total.before.events, alerts);
  EXPECT_LT(own.total.after.events, logged.total.after.events)
      << "the milder version does not lay what the log's laid";
}

}  // namespace
}  // namespace fuqi::decide
