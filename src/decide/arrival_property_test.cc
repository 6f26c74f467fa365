// The same events, arriving in other ways: which equality holds when. On the packs that we ship and
// a small one of anomalies, over random events with ties, repetitions, NULLs, late ones (at the
// very edge of the lateness, within and beyond it) and ones from the future.
//
// 1. One batch. Whatever the order of arrival, each admitted event has as its features and rules
// the
//    cells that DuckDB's batch form gives for the admitted events in that order of arrival: bit by
//    bit, DOUBLE within 1e-9. Events out of bounds have no features and at least the default
//    action.
// 2. Commits, restarts, repetitions. Decisions, sequence numbers and the state's digest are, bit by
//    bit, those of a core that took the events one by one: wherever commits and restarts fall, from
//    a snapshot or without. A repetition is answered with the stored decision and changes nothing.
// 3. Arrival shuffled within the lateness. Each event is decided on what has arrived, so decisions
//    differ, and stand; the digest of the state differs too, as it tells the order of arrival. But
//    once all have arrived, any later event has, bit by bit, the features that it has after arrival
//    in order of time. Three exceptions: a feature that counts, through a window, what another
//    feature said of past events counts what was said when they arrived; an anomaly learns events
//    as they arrive; and among events of equal time the order is that of arrival, which `lag` shows
//    of any other column than the time. So ties keep their order in one half of the runs, and in
//    the other such features are left out; so are cycles of payments, which rise in that order.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/simulated_disk.h"
#include "decide/anomaly_pack_test.h"
#include "decide/diff.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/small_pack_test.h"
#include "table/engine.h"
#include "table/permit_for_test.h"

namespace fuqi::decide {
namespace {

using table::Datum;

struct Scene {
  std::string name;
  std::map<std::string, std::vector<std::string>> words;  // of each text column; "" is NULL
  std::set<std::string> of_past_features;    // tell what was said of past events as they arrived
  std::set<std::string> of_tie_order;        // look at events by their place
  std::shared_ptr<const CompiledPack> pack;  // none: the shipped one of this name
};

std::vector<Scene> Scenes() {
  const std::vector<std::string> accounts = {"a", "b", "c", "账户丁"};
  std::vector<Scene> scenes = {
      {.name = "aml",
       .words = {{"payer", accounts}, {"payee", accounts}},
       .of_past_features = {"payer_new_payees_7d", "payee_new_payers_7d", "payee_new_share_7d"},
       .of_tie_order = {"cycles_14d"}},
      {.name = "account",
       .words = {{"account", accounts},
                 {"direction", {"credit", "debit"}},
                 {"kind", {"cash_out", "card_cash_out", "cash_in", "interest", "transfer"}},
                 {"use", {"", "", "fee", "loan", "household", "penalty_interest"}},
                 {"counter_bank", {"", "AB"}},
                 {"counter_account", {"", "x", "y", "z"}}},
       .of_past_features = {"turned_negative_90d"},
       .of_tie_order = {"previous_balance"}},
      {.name = "card",
       .words = {{"card", accounts},
                 {"merchant", {"m1", "m2", "m3", "m4", "m5"}},
                 {"country", {"CN", "CN", "SG", "FR"}},
                 {"device", {"", "d1", "d2"}},
                 {"changed", {"", "", "password", "phone"}},
                 {"latitude", {"", "39.9", "31.2", "-33.9"}},
                 {"longitude", {"", "116.4", "121.5", "18.4"}},
                 {"verification", {"", "29", "30", "90"}}},
       .of_past_features = {"new_merchants_1h", "strange_logins_1h"},
       .of_tie_order = {"previous_country", "km_since_previous", "km_per_hour"}},
      {.name = "anomalies",
       .words = {{"payer", accounts}, {"payee", {"", "a", "b", "c"}}},
       .of_past_features = {"large_share_1d", "plain", "odd", "odd_causes", "odd_often", "later"},
       .of_tie_order = {"previous"},
       .pack = AnomalyPack()},
  };
  for (Scene& scene : scenes) {
    if (scene.pack != nullptr) {
      continue;
    }
    Result<Pack> pack = LoadPack(SystemDisk(), FUQI_SOURCE_DIR "/packs/" + scene.name);
    EXPECT_TRUE(pack.has_value()) << pack.error().ToString();
    auto compiled = CompiledPack::Compile(*std::move(pack), TestBinder());
    EXPECT_TRUE(compiled.has_value()) << compiled.error().ToString();
    scene.pack = *compiled;
  }
  return scenes;
}

const std::vector<Scene>& AllScenes() {
  static const std::vector<Scene> kScenes = Scenes();
  return kScenes;
}

Event MakeEvent(const Scene& scene, std::string_view id, int64_t ts_us, SeededRandom& random) {
  constexpr std::array<int64_t, 8> kCents = {0, 1, 999, 5'000, 10'000, 49'999, 50'000, 120'000};
  Event event;
  const Pack& pack = scene.pack->pack();
  const EventKind& kind = pack.kinds[pack.kinds.size() > 1 ? random.Below(pack.kinds.size()) : 0];
  const table::Schema& schema = scene.pack->event_schema();
  for (int i = 0; i < static_cast<int>(schema.size()); ++i) {
    if (i == pack.kind_column()) {
      event.columns.Append(Datum::Text(kind.name));
    } else if (kind.Lacks(static_cast<size_t>(i))) {
      event.columns.Append(Datum::Null());
    } else if (i == scene.pack->key_column()) {
      event.columns.Append(Datum::Text(id));
    } else if (i == scene.pack->time_column()) {
      event.columns.Append(Datum::Int(ts_us));
    } else if (schema[i].type.id == table::TypeId::kDecimal) {
      const bool negative = schema[i].name == "balance" && random.Chance(0.3);
      const int64_t cents =
          random.Chance(0.5) ? kCents[random.Below(kCents.size())] : random.Between(0, 5'000'000);
      event.columns.Append(Datum::Int(negative ? -cents : cents));
    } else if (schema[i].type.id == table::TypeId::kBoolean) {
      event.columns.Append(Datum::Bool(random.Chance(0.5)));
    } else {
      const std::vector<std::string>& words = scene.words.at(schema[i].name);
      const std::string& drawn = words[random.Below(words.size())];
      const bool needed = kind.columns[static_cast<size_t>(i)] == EventKind::Has::kValue;
      const std::string& word = drawn.empty() && needed ? words.back() : drawn;
      event.columns.Append(word.empty() ? Datum::Null() : *table::ParseText(word, schema[i].type));
    }
  }
  return event;
}

int64_t TimeOf(const Scene& scene, const Event& event) {
  return static_cast<int64_t>(event.columns[scene.pack->time_column()].i);
}

// Who is let into windows, in the words of the design.
class Admission {
 public:
  explicit Admission(const Pack& pack) : pack_(pack) {}

  uint32_t FlagsOf(int64_t ts_us, int64_t received_us) {
    if (any_ && newest_us_ - ts_us > pack_.lateness_us) {
      return kLate;
    }
    if (received_us >= 0 ? ts_us - received_us > pack_.ahead_us
                         : any_ && ts_us - newest_us_ > pack_.gap_us) {
      return kFuture;
    }
    newest_us_ = any_ ? std::max(newest_us_, ts_us) : ts_us;
    any_ = true;
    return 0;
  }

 private:
  const Pack& pack_;
  bool any_ = false;
  int64_t newest_us_ = 0;  // of those let in
};

// How far the clock goes on between two events: often not at all, sometimes for months.
int64_t NextStep(const Pack& pack, SeededRandom& random) {
  return random.Chance(0.35)   ? 0
         : random.Chance(0.6)  ? random.Between(0, pack.lateness_us / 4)
         : random.Chance(0.95) ? random.Between(0, 3 * kDayUs)
                               : random.Between(0, 100 * kDayUs);
}

std::vector<Event> RandomArrivals(const Scene& scene, size_t count, SeededRandom& random) {
  const Pack& pack = scene.pack->pack();
  std::vector<Event> events;
  int64_t now = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    now += NextStep(pack, random);
    const bool has_receipt = random.Chance(0.5);
    int64_t ts = now;
    if (const double u = random.Unit(); u < 0.2) {
      ts -= random.Between(0, pack.lateness_us);
    } else if (u < 0.24) {
      ts -= pack.lateness_us;
    } else if (u < 0.28) {
      ts -= pack.lateness_us + 1;
    } else if (u < 0.31) {
      ts -= pack.lateness_us + random.Between(1, 10 * kDayUs);
    } else if (u < 0.34) {
      ts += (has_receipt ? pack.ahead_us : pack.gap_us) + random.Between(0, 2);
    }
    events.push_back(MakeEvent(scene, fmt::format("e{}", i), ts, random));
    events.back().received_us = has_receipt ? now : -1;
    if (ts > now && (has_receipt ? ts - now <= pack.ahead_us : ts - now <= pack.gap_us)) {
      now = ts;  // it is let in
    }
  }
  return events;
}

std::vector<Event> InOrderOfTime(const Scene& scene, size_t count, SeededRandom& random) {
  std::vector<Event> events;
  int64_t now = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    now += NextStep(scene.pack->pack(), random);
    events.push_back(MakeEvent(scene, fmt::format("e{}", i), now, random));
  }
  return events;
}

Bytes Body(const Scene& scene, const Decision& decision) {
  Bytes body;
  EncodeDecisionBody(scene.pack->feature_schema(), decision, body);
  return body;
}

// ---- 1. one batch

// The rows of the pack's batch form over these events: key, features, rules.
std::vector<table::Row> Batch(const Scene& scene, const std::vector<Event>& events,
                              sql::Arrivals arrivals) {
  static const std::unique_ptr<table::Engine> kEngine = table::Engine::Embedded(SystemClock());
  const table::Schema& schema = scene.pack->event_schema();
  table::Relation relation{"e", {{"arrived", {table::TypeId::kBigInt}, false}}, {}};
  relation.schema.insert(relation.schema.end(), schema.begin(), schema.end());
  for (const Event& event : events) {
    const auto arrived = static_cast<int64_t>(relation.rows.size());
    table::Row& row = relation.rows.emplace_back();
    row.Append(Datum::Int(arrived));
    for (const Datum& value : event.columns.values()) {
      row.Append(value);
    }
  }
  const std::string select = "SELECT * EXCLUDE (arrived) FROM e ORDER BY arrived";
  const Result<std::string> sql = scene.pack->BatchSql(select, arrivals);
  EXPECT_TRUE(sql.has_value()) << sql.error().ToString();
  std::vector<table::Relation> given = OwnTables(scene.pack->pack(), scene.pack->lookups());
  given.push_back(relation);
  const std::vector<table::Relation> read = given;
  if (!scene.pack->graphs().empty()) {
    Result<GivenGraphs> graphs = GiveGraphs(*scene.pack, select, [&](const std::string& inputs) {
      return kEngine->Run(table::PermitForTest::Make(inputs), read);
    });
    EXPECT_TRUE(graphs.has_value()) << graphs.error().ToString();
    given.push_back(std::move(graphs->relation));
  }
  if (!scene.pack->anomalies().empty()) {
    Result<table::Relation> anomalies =
        GiveAnomalies(*scene.pack, select, arrivals,
                      [&](const std::string& inputs, const table::Relation& so_far) {
                        std::vector<table::Relation> beside = given;
                        beside.push_back(so_far);
                        return kEngine->Run(table::PermitForTest::Make(inputs), std::move(beside));
                      });
    EXPECT_TRUE(anomalies.has_value()) << anomalies.error().ToString();
    given.push_back(*std::move(anomalies));
  }
  auto stream = kEngine->Run(table::PermitForTest::Make(*sql), std::move(given));
  EXPECT_TRUE(stream.has_value()) << stream.error().ToString();
  std::vector<table::Row> rows;
  for (;;) {
    auto values = stream->Next();
    EXPECT_TRUE(values.has_value()) << values.error().ToString();
    if (!values || !*values) {
      return rows;
    }
    table::Row& row = rows.emplace_back();
    for (const Datum& value : **values) {
      row.Append(value);
    }
  }
}

bool Agree(const Datum& a, const Datum& b) {
  return table::Identical(a, b) ||
         (a.kind == Datum::Kind::kDouble && b.kind == Datum::Kind::kDouble &&
          std::abs(a.d - b.d) <= 1e-9 * std::max(std::abs(a.d), std::abs(b.d)));
}

void ExpectTheBatchs(const Scene& scene, const Event& event, const Decision& decision,
                     const table::Row& row) {
  const table::Schema& features = scene.pack->feature_schema();
  ASSERT_TRUE(table::Identical(row[0], event.columns[scene.pack->key_column()]));
  for (size_t i = 0; i < features.size(); ++i) {
    ASSERT_TRUE(Agree(decision.features[i], row[1 + i]))
        << features[i].name << " of " << event.columns[scene.pack->key_column()].text() << ": "
        << table::ToText(decision.features[i], features[i].type) << " streamed, "
        << table::ToText(row[1 + i], features[i].type) << " in one batch";
  }
  std::vector<uint32_t> hits;
  for (uint32_t i = 0; i < scene.pack->pack().rules.size(); ++i) {
    if (row[1 + features.size() + i].is_true()) {
      hits.push_back(i);
    }
  }
  ASSERT_EQ(decision.hits, hits) << event.columns[scene.pack->key_column()].text();
}

TEST(Arrival, InAnyOrderGivesTheCellsOfOneBatch) {
  constexpr uint64_t kSeeds = 12;
  uint64_t compared = 0;
  uint64_t late = 0;
  uint64_t future = 0;
  uint64_t went_back = 0;
  for (const Scene& scene : AllScenes()) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(fmt::format("pack {}, seed {}", scene.name, seed));
      SeededRandom random(seed);
      Admission admission(scene.pack->pack());
      Core core(scene.pack);
      std::vector<Event> admitted;
      std::vector<Decision> decisions;
      for (const Event& event : RandomArrivals(scene, 150, random)) {
        ASSERT_TRUE(core.Validate(event).has_value());
        const Decision decision = core.Decide(event, 1 + 2 * core.events());
        const int64_t ts = TimeOf(scene, event);
        ASSERT_EQ(decision.flags, admission.FlagsOf(ts, event.received_us)) << core.events();
        if (decision.flags == 0) {
          went_back += !admitted.empty() && ts < TimeOf(scene, admitted.back());
          admitted.push_back(event);
          decisions.push_back(decision);
          continue;
        }
        ++(decision.flags == kLate ? late : future);
        ASSERT_GE(decision.action, scene.pack->pack().default_action);
        for (size_t i = 0; i < decision.features.size(); ++i) {
          ASSERT_TRUE(decision.features[i].is_null());
        }
      }
      const std::vector<table::Row> rows = Batch(scene, admitted, sql::Arrivals::kAnyOrder);
      ASSERT_EQ(rows.size(), admitted.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        ASSERT_NO_FATAL_FAILURE(ExpectTheBatchs(scene, admitted[i], decisions[i], rows[i]));
        ++compared;
      }
    }
  }
  fmt::print("{} events of {} packs compared, {} arrived behind a later one; {} late, {} future\n",
             compared, AllScenes().size(), went_back, late, future);
  EXPECT_GT(went_back, 500u);
  EXPECT_GT(late, 100u);
  EXPECT_GT(future, 20u);
}

TEST(Arrival, InOrderOfTimeGivesTheCellsOfOneBatchOfWindowsThatJustRun) {
  for (const Scene& scene : AllScenes()) {
    for (uint64_t seed = 100; seed < 106; ++seed) {
      SCOPED_TRACE(fmt::format("pack {}, seed {}", scene.name, seed));
      SeededRandom random(seed);
      const std::vector<Event> events = InOrderOfTime(scene, 400, random);
      const std::vector<table::Row> rows = Batch(scene, events, sql::Arrivals::kInOrder);
      ASSERT_EQ(rows.size(), events.size());
      Core core(scene.pack);
      for (size_t i = 0; i < rows.size(); ++i) {
        const Decision decision = core.Decide(events[i], 1 + 2 * i);
        ASSERT_EQ(decision.flags, 0u);
        ASSERT_NO_FATAL_FAILURE(ExpectTheBatchs(scene, events[i], decision, rows[i]));
      }
    }
  }
}

// ---- 2. commits, restarts, repetitions

TEST(Arrival, CommitsRestartsAndRepetitionsChangeNoBit) {
  constexpr uint64_t kSeeds = 12;
  uint64_t restarts = 0;
  uint64_t from_snapshot = 0;
  uint64_t repetitions = 0;
  for (const Scene& scene : AllScenes()) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(fmt::format("pack {}, seed {}", scene.name, seed));
      SeededRandom random(seed);
      const std::vector<Event> events = RandomArrivals(scene, 150, random);
      Core core(scene.pack);
      std::vector<Bytes> bodies;
      std::vector<uint64_t> seqs;
      uint64_t next_seq = 1;
      SimulatedDisk disk(seed);
      ManualClock clock(kStartUs);
      PartitionOptions options;
      options.snapshot_every = seed % 3 == 0 ? 0 : 40;
      std::unique_ptr<Partition> partition;
      const auto open = [&] {
        partition.reset();
        auto opened = Partition::Open(disk, clock, "/p", scene.pack, options);
        ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
        partition = *std::move(opened);
        ASSERT_EQ(partition->core().StateDigest(), core.StateDigest());
      };
      ASSERT_NO_FATAL_FAILURE(open());
      for (size_t i = 0; i < events.size(); ++i) {
        seqs.push_back(next_seq);
        const Decision decision = core.Decide(events[i], next_seq);
        bodies.push_back(Body(scene, decision));
        next_seq += 2;
        for (const Change& change : core.ChangesOf(events[i], decision)) {
          ASSERT_TRUE(core.Apply(change, next_seq++).has_value());
        }
        const Result<Outcome> outcome = partition->Decide(events[i]);
        ASSERT_TRUE(outcome.has_value()) << outcome.error().ToString();
        ASSERT_FALSE(outcome->repeated);
        ASSERT_EQ(outcome->decision.event_seq, seqs[i]);
        ASSERT_EQ(Body(scene, outcome->decision), bodies[i]) << i;
        if (random.Chance(0.3)) {
          const size_t old = random.Below(i + 1);
          Event again = events[old];
          again.received_us = random.Chance(0.5) ? -1 : kStartUs;
          const Result<Outcome> repeated = partition->Decide(again);
          ASSERT_TRUE(repeated.has_value() && repeated->repeated);
          ASSERT_EQ(repeated->decision.event_seq, seqs[old]);
          ASSERT_EQ(Body(scene, repeated->decision), bodies[old]);
          ++repetitions;
          again.columns.Set(scene.pack->time_column(), Datum::Int(TimeOf(scene, again) + 1));
          ASSERT_EQ(partition->Decide(again).error().code(), ErrorCode::kConflict);
        }
        if (random.Chance(0.2)) {
          ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
          ASSERT_TRUE(partition->WriteDueSnapshot().has_value());
          if (random.Chance(0.3)) {
            ASSERT_NO_FATAL_FAILURE(open());
            ++restarts;
            from_snapshot += partition->recovery().snapshot_seq > 0;
          }
        }
      }
      ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
      ASSERT_NO_FATAL_FAILURE(open());
      ASSERT_EQ(partition->committed(), next_seq);
      partition.reset();
      const Result<Reperformance> again = Reperform(disk, "/p", TestBinder());
      ASSERT_TRUE(again.has_value()) << again.error().ToString();
      ASSERT_TRUE(again->holds());
      ASSERT_EQ(again->equal, events.size());
    }
  }
  fmt::print("{} restarts, {} of them from a snapshot; {} repetitions\n", restarts, from_snapshot,
             repetitions);
  EXPECT_GT(restarts - from_snapshot, 20u);
  EXPECT_GT(from_snapshot, 20u);
  EXPECT_GT(repetitions, 1000u);
}

// ---- 3. shuffled within the lateness

enum class Ties : uint8_t { kKept, kShuffled };

// Each event arrives at most the lateness behind the newest one.
std::vector<Event> Shuffled(const Scene& scene, const std::vector<Event>& in_order, Ties ties,
                            SeededRandom& random) {
  const int64_t lateness = scene.pack->pack().lateness_us;
  std::vector<std::pair<int64_t, size_t>> arrivals;  // when, and which
  for (size_t i = 0; i < in_order.size(); ++i) {
    arrivals.emplace_back(TimeOf(scene, in_order[i]) + random.Between(0, lateness), i);
  }
  std::ranges::sort(arrivals);
  std::map<int64_t, std::vector<size_t>> places;  // that events of one time take, rising
  for (size_t place = 0; place < arrivals.size(); ++place) {
    places[TimeOf(scene, in_order[arrivals[place].second])].push_back(place);
  }
  std::vector<Event> shuffled(in_order.size());
  std::map<int64_t, size_t> taken;
  for (size_t i = 0; i < in_order.size(); ++i) {
    const int64_t ts = TimeOf(scene, in_order[i]);
    const size_t place = places[ts][taken[ts]++];
    shuffled[place] = in_order[ties == Ties::kKept ? i : arrivals[place].second];
  }
  return shuffled;
}

TEST(Arrival, ShuffledWithinTheLatenessLeavesTheSameWindowsBehind) {
  constexpr uint64_t kSeeds = 600;
  for (const Scene& scene : AllScenes()) {
    const table::Schema& features = scene.pack->feature_schema();
    uint64_t compared = 0;
    std::map<std::string, uint64_t> differing;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(fmt::format("pack {}, seed {}", scene.name, seed));
      SeededRandom random(seed);
      const Ties ties = seed % 2 == 0 ? Ties::kKept : Ties::kShuffled;
      // Few events show what is new, many what is old.
      const std::vector<Event> events = InOrderOfTime(scene, 2 + random.Below(1 + seed), random);
      const std::vector<Event> shuffled = Shuffled(scene, events, ties, random);
      Core in_order(scene.pack);
      Core late(scene.pack);
      for (size_t i = 0; i < events.size(); ++i) {
        ASSERT_EQ(in_order.Decide(events[i], 1 + 2 * i).flags, 0u);
        ASSERT_EQ(late.Decide(shuffled[i], 1 + 2 * i).flags, 0u) << "none is out of bounds";
      }
      const auto key_of = [&](const Event& event) {
        return event.columns[scene.pack->key_column()].text();
      };
      const bool same_order = std::ranges::equal(events, shuffled, {}, key_of, key_of);
      ASSERT_EQ(late.StateDigest() == in_order.StateDigest(), same_order);
      int64_t ts = TimeOf(scene, events.back());
      for (size_t i = 0; i < 40; ++i) {
        const Event event = MakeEvent(scene, fmt::format("later{}", i), ts, random);
        const Decision expected = in_order.Decide(event, 1001 + 2 * i);
        const Decision found = late.Decide(event, 1001 + 2 * i);
        for (size_t k = 0; k < features.size(); ++k) {
          const std::string& name = features[k].name;
          const bool equal = table::Identical(found.features[k], expected.features[k]);
          if (scene.of_past_features.contains(name) ||
              (ties == Ties::kShuffled && scene.of_tie_order.contains(name))) {
            differing[name] += !equal;
            continue;
          }
          ASSERT_TRUE(equal) << name << ": " << table::ToText(found.features[k], features[k].type)
                             << " after shuffled arrival, "
                             << table::ToText(expected.features[k], features[k].type);
          ++compared;
        }
        ts += random.Chance(0.3) ? 0 : NextStep(scene.pack->pack(), random);
      }
    }
    fmt::print("{}: {} features equal after shuffled arrival\n", scene.name, compared);
    for (const auto& names : {scene.of_past_features, scene.of_tie_order}) {
      for (const std::string& name : names) {
        EXPECT_GT(differing[name], 0u) << name << " is no exception";
      }
    }
  }
}

}  // namespace
}  // namespace fuqi::decide
