// Anomalies of a pack: what it says of them, what is refused, and how their features reach rules,
// decisions, saved states and the batch form.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "decide/anomaly_pack_test.h"
#include "decide/core.h"
#include "decide/diff.h"
#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

size_t FeatureIndex(const CompiledPack& pack, std::string_view name) {
  const int found = table::FindColumn(pack.feature_schema(), name);
  EXPECT_GE(found, 0) << name;
  return static_cast<size_t>(found);
}

TEST(PackAnomaly, HoldsWhatThePackSays) {
  const Pack& pack = AnomalyPack()->pack();
  ASSERT_EQ(pack.anomalies.size(), 3u);
  const HalfSpaceShape& odd = pack.anomalies[1].shape;
  EXPECT_EQ(odd.window, 100);
  EXPECT_EQ(odd.trees, 6);
  EXPECT_EQ(odd.depth, 7);
  ASSERT_EQ(odd.inputs.size(), 5u);
  EXPECT_EQ(odd.inputs[3].low, -0.5);
  EXPECT_EQ(odd.inputs[3].high, 1);
  EXPECT_EQ(pack.anomalies[2].shape.trees, 25);
  EXPECT_EQ(pack.anomalies[2].shape.depth, 10);
  ASSERT_EQ(pack.features.size(), 8u + 6u) << "features of SQL first";
  EXPECT_EQ(pack.features[10].name, "odd");
  EXPECT_EQ(pack.features[10].title.en, "how unlike the others");
  EXPECT_EQ(pack.features[10].sql.text, "odd.score(amount, count, previous, share, nobody)");
  EXPECT_EQ(pack.features[11].name, "odd_causes");
  EXPECT_EQ(AnomalyPack()->feature_schema()[10].type.ToString(), "DOUBLE");
  EXPECT_EQ(AnomalyPack()->feature_schema()[11].type.ToString(), "VARCHAR");
}

TEST(PackAnomaly, ChanceIsThatOfItsNameInEveryVersionOfThePack) {
  const auto seeds = [](const std::string& text) {
    const auto pack = MustCompile(text);
    std::vector<uint64_t> out;
    for (const Anomaly& anomaly : pack->pack().anomalies) {
      out.push_back(anomaly.shape.seed);
    }
    return out;
  };
  const std::vector<uint64_t> first = seeds(PackWithAnomalies());
  EXPECT_EQ(std::set<uint64_t>(first.begin(), first.end()).size(), 3u);
  EXPECT_EQ(seeds(PackWithAnomalies("odd >= 0.3", "odd >= 0.4")), first);
  const std::vector<uint64_t> other = seeds(PackWithAnomalies("\"small\"", "\"other\""));
  EXPECT_NE(other[0], first[0]);
}

TEST(PackAnomaly, IsFilledInBehindWhatItReadsAndBeforeWhatReadsIt) {
  const CompiledPack& pack = *AnomalyPack();
  EXPECT_EQ(pack.anomalies()[0].after, -1);
  EXPECT_EQ(pack.anomalies()[1].after, 1) << "share reads sum_1d";
  EXPECT_EQ(pack.anomalies()[2].after, 2) << "odd_often reads odd";
  EXPECT_EQ(pack.features_by_level()[0], 8u) << "anomalies stand before level 0";
  EXPECT_EQ(pack.feature_levels()[0].input.size(), 5u + 6u);
}

TEST(PackAnomaly, KeepsTheLineageOfItsInputsAndIsOfNoShard) {
  const CompiledPack& pack = *AnomalyPack();
  const auto columns_of = [&](std::string_view output) {
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
  EXPECT_EQ(columns_of("plain"), std::set<std::string>{"amount"});
  for (const char* name : {"odd", "odd_causes", "odd_often", "later", "rule:strange"}) {
    EXPECT_EQ(columns_of(name), all) << name;
  }
  const std::vector<std::string> across = pack.FeaturesAcrossShards();
  for (const char* name : {"plain", "odd", "odd_causes", "odd_often", "later"}) {
    EXPECT_NE(std::ranges::find(across, name), across.end()) << name;
  }
  EXPECT_EQ(std::ranges::find(across, "count_1d"), across.end());
}

struct BadAnomaly {
  std::string_view old_text;
  std::string_view new_text;
  ErrorCode code;
  std::string_view message;  // part of it
  std::string_view at;       // the passage of the new text that the error points to
};

class BadAnomalies : public testing::TestWithParam<BadAnomaly> {};

TEST_P(BadAnomalies, AreRefusedWithTheirPlace) {
  const BadAnomaly& bad = GetParam();
  const std::string text = PackWithAnomalies(bad.old_text, bad.new_text);
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
    PackAnomaly, BadAnomalies,
    testing::Values(
        BadAnomaly{"window = 120", "window = 99", ErrorCode::kConfig,
                   "99 is not within 100 and 65535", "window = 99"},
        BadAnomaly{"window = 120", "window = 65536", ErrorCode::kConfig, "65536 is not within",
                   "window = 65536"},
        BadAnomaly{"window = 120\n", "", ErrorCode::kConfig, "this key is required",
                   "[anomaly.plain]"},
        BadAnomaly{"trees = 4", "trees = 101", ErrorCode::kConfig, "101 is not within 1 and 100",
                   "trees = 101"},
        BadAnomaly{"depth = 5", "depth = 0", ErrorCode::kConfig, "0 is not within 1 and 15",
                   "depth = 0"},
        BadAnomaly{"depth = 5", "depht = 5", ErrorCode::kConfig, "unknown key", "depht = 5"},
        BadAnomaly{"depth = 5", "on = \"txn\"", ErrorCode::kConfig, "leave 'on' out",
                   "on = \"txn\""},
        BadAnomaly{"range = [0, 1200] }\n\n[anomaly.odd]", "range = [0] }\n\n[anomaly.odd]",
                   ErrorCode::kConfig, "a range is two finite numbers", "range = [0] }"},
        BadAnomaly{"range = [0, 10]", "range = [10, 10]", ErrorCode::kConfig,
                   "a range is two finite numbers", "range = [10, 10]"},
        BadAnomaly{"range = [0, 10]", "range = [-1.7e308, 1.7e308]", ErrorCode::kConfig,
                   "a range is two finite numbers", "range = [-1.7e308"},
        BadAnomaly{"range = [0, 10]", "range = [0, inf]", ErrorCode::kConfig,
                   "the number must be finite", "range = [0, inf]"},
        BadAnomaly{"sql = \"count_1d\"", "sql = \"kount_1d\"", ErrorCode::kNotFound,
                   "there is no column or feature 'kount_1d'", "kount_1d"},
        BadAnomaly{"sql = \"count_1d\"", "sql = \"payee\"", ErrorCode::kTypeMismatch,
                   "an input is a number, or BOOLEAN; this one is VARCHAR", "sql = \"payee\""},
        BadAnomaly{"sql = \"count_1d\"", "sql = \"plain\"", ErrorCode::kUnsupported,
                   "an anomaly reads no other's score; make a feature of 'plain'",
                   "sql = \"plain\""},
        BadAnomaly{"sql = \"count_1d\"", "sql = \"count(*) OVER payer_1d\"",
                   ErrorCode::kUnsupported, "make a feature of what it counts over 'payer_1d'",
                   "count = { sql"},
        BadAnomaly{"sql = \"count_1d\"", "sql = \"odd_often\"", ErrorCode::kInvalidArgument,
                   "features read each other in a circle", "odd_often = "},
        BadAnomaly{"[anomaly.plain]", "[anomaly.share]", ErrorCode::kConfig, "this key is required",
                   "[anomaly.share]"},
        BadAnomaly{"[feature]", "[feature]\nodd_causes = \"amount\"", ErrorCode::kAlreadyExists,
                   "'odd_causes' is a feature already", "[anomaly.odd]"}));

TEST(PackAnomaly, HasASectionOfInputsThatIsNeitherEmptyNorTooLong) {
  std::string many;
  for (size_t i = 0; i <= kHalfSpaceInputsMax; ++i) {
    many += fmt::format("more_{} = {{ sql = \"amount\", range = [0, 1] }}\n", i);
  }
  const auto refused = [](const std::string& text) {
    auto compiled = TryCompile(text);
    EXPECT_FALSE(compiled.has_value());
    return compiled.has_value() ? std::string() : compiled.error().message();
  };
  const std::string inputs = "often = { sql = \"odd_often\", range = [0, 5] }\n";
  EXPECT_EQ(refused(PackWithAnomalies(inputs, many)), "17 inputs; an anomaly has 1 to 16");
  EXPECT_EQ(refused(PackWithAnomalies(inputs, "")), "0 inputs; an anomaly has 1 to 16");
  std::string anomalies;
  for (size_t i = 0; i <= kPackAnomaliesMax; ++i) {
    anomalies += fmt::format(
        "[anomaly.a{0}]\nwindow = 100\n[anomaly.a{0}.input]\nx = {{ sql = \"1\", range = [0, 1] "
        "}}\n",
        i);
  }
  EXPECT_EQ(refused(std::string(kSmallPack) + anomalies),
            "9 anomalies; a pack may have 8, and 2000 features");
  const std::string longest(kNameBytesMax - 6, 'a');
  EXPECT_EQ(refused(PackWithAnomalies("[anomaly.later]", fmt::format("[anomaly.{}]", longest))),
            fmt::format("'{}' is too long: with '_causes' a name has at most 63 bytes", longest));
}

TEST(PackAnomaly, ScoresFromTheSecondWindowOnAndNamesWhatIsStrange) {
  const CompiledPack& pack = *AnomalyPack();
  const size_t odd = FeatureIndex(pack, "odd");
  const size_t causes = FeatureIndex(pack, "odd_causes");
  Core core(AnomalyPack());
  const auto pay = [&](int i, int64_t cents, std::string_view payee) {
    return core.Decide(
        Payment(fmt::format("p{}", i), kStartUs + i * (25 * kHourUs), "a1", payee, cents),
        1 + 2 * core.events());
  };
  for (int i = 0; i < 100; ++i) {
    const Decision decision = pay(i, 10'000, "b1");
    EXPECT_TRUE(decision.features[odd].is_null()) << i;
    EXPECT_TRUE(decision.features[causes].is_null()) << i;
  }
  const Decision usual = pay(100, 10'000, "b1");
  ASSERT_FALSE(usual.features[odd].is_null());
  EXPECT_LT(usual.features[odd].d, 0.05);
  EXPECT_EQ(usual.action, Action::kApprove);
  const Decision nobody = pay(101, 10'000, "");
  EXPECT_GT(nobody.features[odd].d, usual.features[odd].d);
  EXPECT_TRUE(nobody.features[causes].text().starts_with("nobody"));
  const Decision large = pay(102, 10'000'000, "b1");
  EXPECT_GT(large.features[odd].d, usual.features[odd].d);
  EXPECT_TRUE(large.features[causes].text().starts_with("amount"));
  EXPECT_EQ(large.flags, 0u);
}

TEST(PackAnomaly, AnInputThatFailsIsNullAndTheEventIsLearned) {
  const auto pack =
      MustCompile(PackWithAnomalies("sql = \"payee IS NULL\"", "sql = \"CAST(payee AS INTEGER)\""));
  Core core(pack);
  for (int i = 0; i < 101; ++i) {
    const Decision decision = core.Decide(Payment(fmt::format("p{}", i), kStartUs, "a1", "b1", 10),
                                          1 + 2 * core.events());
    EXPECT_EQ(decision.flags, uint32_t{kEvaluationError});
    EXPECT_EQ(decision.error.find("odd.nobody: "), 0u) << decision.error;
    EXPECT_EQ(decision.features[FeatureIndex(*pack, "odd")].is_null(), i < 100);
  }
}

TEST(PackAnomaly, EventsOutOfBoundsAreNeitherScoredNorLearned) {
  const size_t odd = FeatureIndex(*AnomalyPack(), "odd");
  Core core(AnomalyPack());
  const auto pay = [&](int i, int64_t ts) {
    return core.Decide(Payment(fmt::format("p{}", i), ts, "a1", "b1", 10), 1 + 2 * core.events());
  };
  pay(0, kStartUs);
  for (int i = 1; i < 100; ++i) {
    EXPECT_EQ(pay(i, kStartUs - 2 * kHourUs).flags, uint32_t{kLate});
  }
  EXPECT_TRUE(pay(100, kStartUs).features[odd].is_null()) << "the second that counts";
  for (int i = 101; i < 199; ++i) {
    EXPECT_TRUE(pay(i, kStartUs - kHourUs).features[odd].is_null()) << "late and admitted";
  }
  EXPECT_FALSE(pay(199, kStartUs).features[odd].is_null());
}

TEST(PackAnomaly, StateSavedAndRestoredDecidesOnAsBefore) {
  const std::vector<Event> events = RandomPayments(3, 500);
  Core straight(AnomalyPack());
  Core stopped(AnomalyPack());
  for (size_t i = 0; i < events.size(); ++i) {
    if (i % 37 == 0) {
      Bytes saved;
      stopped.Save(saved);
      stopped = Core(AnomalyPack());
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
  Bytes saved;
  straight.Save(saved);
  EXPECT_FALSE(stopped.Restore(ByteView(saved).first(saved.size() - 1)).has_value());
}

TEST(PackAnomaly, EventsFoldedLeaveTheStateOfEventsDecided) {
  const std::vector<Event> events = RandomPayments(5, 300);
  Core decided(AnomalyPack());
  Core folded(AnomalyPack());
  for (size_t i = 0; i < events.size(); ++i) {
    decided.Decide(events[i], 1 + 2 * i);
    folded.Fold(events[i], 1 + 2 * i);
  }
  EXPECT_EQ(decided.StateDigest(), folded.StateDigest());
  EXPECT_EQ(decided.window_steps(), folded.window_steps());
}

constexpr std::string_view kKinds = R"toml([pack]
name = "kinds"
purpose = "testing"

[table.payment]
kind = "event"
key = "id"
time = "ts"
[table.payment.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
amount = { type = "DECIMAL(18,2)", class = "业务-交易-金额", nullable = false }

[table.login]
kind = "event"
key = "id"
time = "ts"
[table.login.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }

[anomaly.odd]
on = "payment"
window = 100
[anomaly.odd.input]
number = { sql = "CAST(substring(id, 2) AS INTEGER) % 7 -- no log-in has one", range = [0, 7] }

[[rule]]
id = "strange"
when = "odd > 0.5"
then = "review"
reason = { zh = "异于以往", en = "unlike the others" }
)toml";

TEST(PackAnomaly, EventsOfOtherKindsAreNeitherScoredNorLearned) {
  const auto pack = MustCompile(std::string(kKinds));
  const size_t odd = FeatureIndex(*pack, "odd");
  EXPECT_EQ(pack->pack().anomalies[0].on, std::vector<size_t>{0});
  Core core(pack);
  const auto decide = [&](std::string_view kind) {
    Event event;
    event.columns = table::Row(pack->event_schema().size());
    const auto set = [&](std::string_view column, const table::Datum& value) {
      event.columns.Set(static_cast<size_t>(table::FindColumn(pack->event_schema(), column)),
                        value);
    };
    set("kind", table::Datum::Text(kind));
    set("id",
        table::Datum::Text(fmt::format("{}{}", kind == "payment" ? "e" : "l-x", core.events())));
    set("ts", table::Datum::Int(kStartUs));
    if (kind == "payment") {
      set("amount", table::Datum::Int(500));
    }
    EXPECT_TRUE(core.Validate(event).has_value());
    return core.Decide(event, 1 + 2 * core.events());
  };
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(decide("payment").features[odd].is_null());
    EXPECT_TRUE(decide("login").features[odd].is_null());
  }
  EXPECT_FALSE(decide("payment").features[odd].is_null());
  const Decision login = decide("login");
  EXPECT_TRUE(login.features[odd].is_null());
  EXPECT_EQ(login.flags, 0u);
}

constexpr std::string_view kKindsSources = R"toml([source.payments]
table = "payment"
format = "csv"
sql = "SELECT id, ts, amount FROM input"
columns = { id = "VARCHAR", ts = "TIMESTAMP", amount = "DECIMAL(18,2)" }

[source.logins]
table = "login"
format = "csv"
sql = "SELECT id, ts FROM input"
columns = { id = "VARCHAR", ts = "TIMESTAMP" }
)toml";

class AnomalyDiff : public SourceFiles {};

TEST_F(AnomalyDiff, EventsOfOtherKindsStandBetweenInBatchToo) {
  const auto pack =
      MustCompile(std::string(kKinds), {{"sources.toml", std::string(kKindsSources)}});
  std::string payments = "id,ts,amount\n";
  std::string logins = "id,ts\n";
  for (int i = 0; i < 400; ++i) {
    const std::string ts =
        table::ToText(table::Datum::Int(kStartUs + i * kMinuteUs), {table::TypeId::kTimestamp});
    if (i % 3 == 1) {
      logins += fmt::format("l-x{},{}\n", i, ts);
    } else {
      payments += fmt::format("e{},{},{}.50\n", i, ts, i % 17);
    }
  }
  const std::vector<SourceFile> files = {{"payments", Write("payments.csv", payments)},
                                         {"logins", Write("logins.csv", logins)}};
  Result<SourcePlan> plan = OpenSources(access_, *pack, files);
  ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
  Result<DiffResult> diff = Diff(access_, pack, *plan);
  ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
  EXPECT_EQ(diff->events, 400u);
  for (const Mismatch& found : diff->first) {
    ADD_FAILURE() << found.column << " of row " << found.row << ": " << found.batch << " against "
                  << found.stream;
  }
}

TEST_F(AnomalyDiff, BatchWithTheBruteForceGivesWhatTheStreamGives) {
  const auto pack = SmallPackWithSources(PackWithAnomalies());
  uint64_t out_of_bounds = 0;
  for (uint64_t seed : {1, 2, 3, 4}) {
    std::vector<Event> events = RandomPayments(seed, 450);
    if (seed % 2 == 0) {
      std::ranges::stable_sort(events, {}, [](const Event& e) { return e.columns[1].i; });
    }
    out_of_bounds += ExpectNoDifference(pack, events).out_of_bounds;
  }
  EXPECT_GT(out_of_bounds, 0u);
}

TEST_F(AnomalyDiff, SizesAroundAWindowGiveTheSame) {
  const auto pack = SmallPackWithSources(PackWithAnomalies());
  for (size_t count : {1, 99, 100, 101, 199, 200, 201}) {
    SCOPED_TRACE(count);
    ExpectNoDifference(pack, RandomPayments(7, count));
  }
}

}  // namespace
}  // namespace fuqi::decide
