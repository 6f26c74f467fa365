// Graphs of a pack: what it says of them, what is refused, and how their features reach rules,
// decisions, saved states and the batch form.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "decide/core.h"
#include "decide/diff.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

constexpr std::string_view kGraphs = R"toml(
[graph.money]
from = "substring(payer, 2)"
to = "substring(payee, 2)"
amount = "amount"
from_risk = "CASE WHEN amount > 1150 THEN 1.0::DOUBLE WHEN amount > 1100 THEN 0.0::DOUBLE END"
window = "1 day"
degree_max = 20
steps_max = 60

[graph.money.feature]
payers = { measure = "fan_in", of = "to", zh = "一日内付款人数", en = "payers within a day" }
payees = { measure = "fan_out", of = "from" }
partners = { measure = "counterparties", of = "from" }
mutual = { measure = "reciprocal", of = "to" }
mean = { measure = "amount_mean", of = "to", side = "in" }
variance = { measure = "amount_variance", of = "to", side = "out" }
skew = { measure = "amount_skew", of = "from", side = "out" }
age = { measure = "age_mean", of = "to", side = "in" }
turns = { measure = "gather_scatter", of = "from" }
middlemen = { measure = "scatter_gather", of = "to", side = "in" }
rounds = { measure = "cycles", length = 5, length_min = 3 }
distance = { measure = "hops", of = "from", side = "in", length = 3 }
taint = { measure = "risk", of = "to", side = "in", length = 3, decay = 0.9 }

[graph.people]
entity = "payer"
shared = ["substring(payee, 2)", "amount::BIGINT % 7"]
window = "6 hours"

[graph.people.feature]
ring = { measure = "ring", length = 2 }

[[rule]]
id = "round"
when = "rounds >= 1 OR payers_share > 3"
then = "hold"
reason = { zh = "资金回流", en = "money goes round" }

)toml";

std::string PackWithGraphs(std::string_view old_text = "", std::string_view new_text = "") {
  std::string text =
      SmallPackWith("[[rule]]\nid = \"burst\"", std::string(kGraphs) + "[[rule]]\nid = \"burst\"");
  text.replace(text.find("[feature]"), 9,
               "[feature]\npayers_share = \"payers / nullif(count_1d, 0)\"");
  if (!old_text.empty()) {
    const size_t at = text.find(old_text);
    EXPECT_NE(at, std::string::npos) << old_text;
    text.replace(at, old_text.size(), new_text);
  }
  return text;
}

const std::shared_ptr<const CompiledPack>& GraphPack() {
  static const std::shared_ptr<const CompiledPack> kPack = MustCompile(PackWithGraphs());
  return kPack;
}

TEST(PackGraph, HoldsWhatThePackSays) {
  const Pack& pack = GraphPack()->pack();
  ASSERT_EQ(pack.graphs.size(), 2u);
  EXPECT_EQ(pack.graphs[0].window_us, kDayUs);
  EXPECT_EQ(pack.graphs[1].degree_max, 1'000);
  EXPECT_EQ(pack.graphs[1].steps_max, 20'000);
  ASSERT_EQ(pack.features.size(), 8u + 14u) << "features of SQL first";
  EXPECT_EQ(pack.features[8].name, "payers");
  EXPECT_EQ(pack.features[8].title.zh, "一日内付款人数");
  EXPECT_EQ(pack.features[8].sql.text, "money.fan_in(to)");
  EXPECT_EQ(pack.features[18].sql.text, "money.cycles(3–5)");
  EXPECT_EQ(pack.features[20].sql.text, "money.risk(to, in, 3, 0.9)");
  EXPECT_EQ(pack.features[21].sql.text, "people.ring(entity, 2)");
  EXPECT_EQ(GraphPack()->graphs()[0].shape.lateness_us, kHourUs);
  EXPECT_EQ(GraphPack()->graphs()[0].shape.amount_scale, 2);
  EXPECT_EQ(GraphPack()->feature_schema()[12].type.ToString(), "DOUBLE");
  EXPECT_EQ(pack.truncated_action, pack.default_action);
}

TEST(PackGraph, FeaturesOfGraphsAreColumnsToTheOthersAndKeepTheirLineage) {
  const CompiledPack& pack = *GraphPack();
  EXPECT_EQ(pack.features_by_level()[0], 8u) << "graphs stand before level 0";
  EXPECT_EQ(pack.feature_levels()[0].input.size(), 5u + 14u);
  auto columns_of = [&](std::string_view output) {
    std::set<std::string> columns;
    for (const sql::ColumnLineage& one : pack.lineage()) {
      if (one.output == output) {
        for (const auto& input : one.inputs) {
          columns.insert(input.column);
        }
      }
    }
    return columns;
  };
  const std::set<std::string> all = {"amount", "payee", "payer", "ts"};
  EXPECT_EQ(columns_of("payers"), all);
  EXPECT_EQ(columns_of("payers_share"), all);
  EXPECT_EQ(columns_of("rule:round"), all);
  const std::vector<std::string> across = pack.FeaturesAcrossShards();
  for (const char* name : {"payers", "ring", "payers_share"}) {
    EXPECT_NE(std::ranges::find(across, name), across.end()) << name;
  }
}

struct BadGraph {
  std::string_view old_text;
  std::string_view new_text;
  ErrorCode code;
  std::string_view message;  // part of it
  std::string_view at;       // the passage of the new text that the error points to
};

class BadGraphs : public testing::TestWithParam<BadGraph> {};

TEST_P(BadGraphs, AreRefusedWithTheirPlace) {
  const BadGraph& bad = GetParam();
  const std::string text = PackWithGraphs(bad.old_text, bad.new_text);
  auto compiled = TryCompile(text);
  ASSERT_FALSE(compiled.has_value());
  const Error& error = compiled.error();
  EXPECT_EQ(error.code(), bad.code) << error.ToString();
  EXPECT_NE(error.message().find(bad.message), std::string::npos) << error.ToString();
  EXPECT_NE(error.message(Language::kChinese), error.message()) << "no Chinese form";
  ASSERT_TRUE(error.where().has_value());
  const size_t at = text.find(bad.at);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(error.where()->line, 1 + std::count(text.begin(), text.begin() + at, '\n'))
      << error.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    PackGraph, BadGraphs,
    testing::Values(
        BadGraph{"measure = \"fan_in\"", "measure = \"fanin\"", ErrorCode::kConfig,
                 "'fanin' is no measure of this graph: one of fan_in, fan_out", "payers = {"},
        BadGraph{"measure = \"ring\"", "measure = \"cycles\"", ErrorCode::kConfig,
                 "one of hops, ring", "ring = {"},
        BadGraph{"measure = \"fan_in\", of = \"to\"", "measure = \"fan_in\", of = \"payee\"",
                 ErrorCode::kConfig, "'payee' is no end of an edge", "payers = {"},
        BadGraph{"measure = \"fan_in\", of = \"to\"", "measure = \"fan_in\"", ErrorCode::kConfig,
                 "this key is required", "payers = {"},
        BadGraph{"of = \"to\", side = \"out\"", "of = \"to\", side = \"any\"", ErrorCode::kConfig,
                 "'any' is no side of 'amount_variance': one of in, out", "variance = {"},
        BadGraph{"length = 5, length_min = 3", "length = 5, length_min = 6", ErrorCode::kConfig,
                 "6 is not within 2 and 5", "rounds = {"},
        BadGraph{"length = 5, length_min = 3", "length = 11", ErrorCode::kConfig,
                 "11 is not within 2 and 10", "rounds = {"},
        BadGraph{"decay = 0.9", "decay = 1.5", ErrorCode::kConfig, "decay", "taint = {"},
        BadGraph{"measure = \"fan_out\", of", "measure = \"fan_out\", side = \"in\", of",
                 ErrorCode::kConfig, "unknown key", "payees = {"},
        BadGraph{"amount = \"amount\"\nfrom_risk", "from_risk", ErrorCode::kConfig,
                 "'amount_mean' reads amounts", "mean = {"},
        BadGraph{"steps_max = 60", "steps_max = 0", ErrorCode::kConfig, "0 is not within 1",
                 "steps_max = 0"},
        BadGraph{"window = \"6 hours\"", "window = \"0 s\"", ErrorCode::kConfig, "window",
                 "window = \"0 s\""},
        BadGraph{"shared = [\"substring(payee, 2)\", \"amount::BIGINT % 7\"]", "shared = []",
                 ErrorCode::kConfig, "0 shared values", "shared = []"},
        BadGraph{"payees = { measure", "count_1d = { measure", ErrorCode::kAlreadyExists,
                 "'count_1d' is a feature already", "count_1d = { measure"},
        BadGraph{"payees = { measure", "payer = { measure", ErrorCode::kAlreadyExists,
                 "'payer' is a column", "payer = { measure"},
        BadGraph{"to = \"substring(payee, 2)\"", "to = \"substring(paye, 2)\"",
                 ErrorCode::kNotFound, "there is no column or feature 'paye'",
                 "to = \"substring(paye, 2)\""},
        BadGraph{"to = \"substring(payee, 2)\"", "to = \"payees_1d\"", ErrorCode::kUnsupported,
                 "'payees_1d' is a feature", "to = \"payees_1d\""},
        BadGraph{"to = \"substring(payee, 2)\"", "to = \"amount\"", ErrorCode::kTypeMismatch,
                 "here VARCHAR and DECIMAL(18,2)", "to = \"amount\""},
        BadGraph{"from = \"substring(payer, 2)\"", "from = \"amount::DOUBLE\"",
                 ErrorCode::kTypeMismatch, "this one is DOUBLE", "from = \"amount::DOUBLE\""},
        BadGraph{"amount = \"amount\"", "amount = \"payer\"", ErrorCode::kTypeMismatch,
                 "an amount is an exact number", "amount = \"payer\""},
        BadGraph{"THEN 0.0::DOUBLE END", "THEN 0.0::DOUBLE END > 0", ErrorCode::kTypeMismatch,
                 "a risk is a DOUBLE", "from_risk = "}));

TEST(PackGraph, MoneyThatComesBackIsHeld) {
  Core core(GraphPack());
  uint64_t seq = 1;
  const auto pay = [&](const char* id, int64_t after_us, const char* payer, const char* payee) {
    Decision decision = core.Decide(Payment(id, kStartUs + after_us, payer, payee, 5'000), seq);
    seq += 2;
    return decision;
  };
  EXPECT_EQ(pay("1", 0, "a1", "b2").action, Action::kApprove);
  EXPECT_EQ(pay("2", 1, "a2", "b3").action, Action::kApprove);
  const Decision closed = pay("3", 2, "a3", "b1");
  EXPECT_EQ(closed.action, Action::kHold);
  EXPECT_EQ(static_cast<int>(closed.features[18].i), 1);
  EXPECT_EQ(closed.flags, 0u);
}

TEST(PackGraph, ATruncatedSearchIsFlaggedAndThePackSaysWhatItMeans) {
  const auto hub = [](const std::shared_ptr<const CompiledPack>& pack) {
    Core core(pack);
    Decision last;
    for (int i = 0; i < 25; ++i) {  // account 1 pays more than degree_max others
      core.Decide(Payment(fmt::format("h{}", i), kStartUs + i * kHourUs / 2, "x1",
                          fmt::format("y{}", 100 + i), 10),
                  1 + 2 * core.events());
    }
    last =
        core.Decide(Payment("end", kStartUs + 13 * kHourUs, "z9", "w1", 10), 1 + 2 * core.events());
    Decision again;
    again.flags = last.flags;
    again.features = last.features;
    core.DecideFromFeatures(Payment("end", kStartUs + 13 * kHourUs, "z9", "w1", 10), again);
    EXPECT_EQ(again.action, last.action) << "the record is enough";
    return last;
  };
  const Decision by_default = hub(GraphPack());
  EXPECT_EQ(by_default.flags, uint32_t{kTruncated});
  EXPECT_EQ(by_default.action, Action::kReview);
  EXPECT_EQ(
      hub(MustCompile(PackWithGraphs("lateness = ", "truncated_action = \"approve\"\nlateness = ")))
          .action,
      Action::kApprove);
  EXPECT_EQ(
      hub(MustCompile(PackWithGraphs("lateness = ", "truncated_action = \"block\"\nlateness = ")))
          .action,
      Action::kBlock);
}

TEST(PackGraph, AnInputThatFailsIsNullAndTheEventEntersTheGraph) {
  Core core(MustCompile(PackWithGraphs("from_risk = \"CASE",
                                       "to_risk = \"CAST(payee AS DOUBLE)\"\nfrom_risk = \"CASE")));
  core.Decide(Payment("1", kStartUs, "a1", "b2", 10), 1);
  const Decision decision = core.Decide(Payment("2", kStartUs, "a3", "b2", 10), 3);
  EXPECT_EQ(decision.flags, uint32_t{kEvaluationError});
  EXPECT_EQ(decision.error.find("money.to_risk: "), 0u) << decision.error;
  EXPECT_EQ(static_cast<int>(decision.features[8].i), 2);
}

TEST(PackGraph, StateSavedAndRestoredDecidesOnAsBefore) {
  const std::vector<Event> events = RandomPayments(3, 400);
  Core straight(GraphPack());
  Core stopped(GraphPack());
  for (size_t i = 0; i < events.size(); ++i) {
    if (i % 37 == 0) {
      Bytes saved;
      stopped.Save(saved);
      stopped = Core(GraphPack());
      ASSERT_TRUE(stopped.Restore(saved).has_value());
    }
    const Decision a = straight.Decide(events[i], 1 + 2 * i);
    const Decision b = stopped.Decide(events[i], 1 + 2 * i);
    ASSERT_EQ(a.flags, b.flags);
    for (size_t f = 0; f < a.features.size(); ++f) {
      ASSERT_TRUE(table::Identical(a.features[f], b.features[f])) << "event " << i;
    }
  }
  EXPECT_EQ(straight.StateDigest(), stopped.StateDigest());
}

class GraphDiff : public SourceFiles {};

TEST_F(GraphDiff, BatchWithTheBruteForceGivesWhatTheStreamGives) {
  const auto pack = SmallPackWithSources(PackWithGraphs());
  uint64_t out_of_bounds = 0;
  for (uint64_t seed : {1, 2, 3, 4}) {
    std::vector<Event> events = RandomPayments(seed, 400);
    if (seed % 2 == 0) {
      std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
    }
    out_of_bounds += ExpectNoDifference(pack, events).out_of_bounds;
  }
  EXPECT_GT(out_of_bounds, 0u);
}

}  // namespace
}  // namespace fuqi::decide
