// Packs with several tables of events: their union as one stream.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "decide/backtest.h"
#include "decide/diff.h"
#include "decide/explain.h"
#include "decide/feed.h"
#include "decide/fold.h"
#include "decide/mine.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/replay.h"
#include "decide/scenario.h"
#include "decide/source_files_test.h"
#include "decide/tune.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr std::string_view kPaymentTable = R"toml([pack]
name = "kinds"
purpose = "testing"
partition = "customer"
lateness = "1 hour"

[table.payment]
kind = "event"
key = "id"
time = "ts"

[table.payment.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
customer = { type = "VARCHAR", class = "客户-标识", nullable = false }
amount = { type = "DECIMAL(18,2)", class = "业务-交易-金额", nullable = false }
payee = { type = "VARCHAR", class = "业务-账户-账号" }
device = { type = "VARCHAR", class = "客户-设备-设备标识" }
)toml";

constexpr std::string_view kLoginTable = R"toml(
[table.login]
kind = "event"
key = "id"
time = "ts"

[table.login.column]
id = { type = "VARCHAR", class = "业务-交易-流水号" }
ts = { type = "TIMESTAMP", class = "业务-交易-时间" }
customer = { type = "VARCHAR", class = "客户-标识", nullable = false }
device = { type = "VARCHAR", class = "客户-设备-设备标识", nullable = false }
succeeded = { type = "BOOLEAN", class = "业务-登录-结果", nullable = false }
changed = { type = "VARCHAR", class = "业务-登录-变更" }
)toml";

constexpr std::string_view kBody = R"toml(
[window]
own_1d = "PARTITION BY customer, kind ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW"
customer_3h = "PARTITION BY customer ORDER BY ts RANGE BETWEEN INTERVAL 3 HOURS PRECEDING AND CURRENT ROW"
customer_all = "PARTITION BY customer ORDER BY ts"
own_device = "PARTITION BY customer, kind, device ORDER BY ts"

[feature]
count_1d = "count(*) OVER own_1d"
amount_1d = "sum(amount) OVER own_1d"
failed_3h = "count(*) FILTER (WHERE kind = 'login' AND NOT succeeded) OVER customer_3h"
changes_3h = "count(changed) OVER customer_3h"
device_is_new = "count(*) OVER own_device = 1"
new_logins_3h = "count(*) FILTER (WHERE kind = 'login' AND device_is_new) OVER customer_3h"
previous_kind = "lag(kind) OVER customer_all"
kinds_3h = "count(DISTINCT kind) OVER customer_3h"

[list.watched]
type = "VARCHAR"
file = "lists/watched.csv"

[standing.customer]
columns = ["customer"]
on = "payment"
amount = "amount"
reason = { zh = "该客户已被限制", en = "the customer is limited" }

[decision_table.channel]
hit = "first"
input = ["kind", "count_1d"]
output = { tier = "VARCHAR" }
row = [["'login'", ">= 3", "often"], ["'payment'", "-", "paid"]]
otherwise = ["other"]

[score.trust]
base = 100
points = [
  { id = "paid", when = "kind = 'payment' AND amount > 300", add = -60, reason = { zh = "大额", en = "large" } },
  { id = "new", when = "device_is_new", add = -50, reason = { zh = "新设备", en = "a new device" } },
]
band = [
  { id = "weak", below = 20, on = "payment", then = "step_up", reason = { zh = "评分低", en = "a low score" } },
  { id = "sound" },
]

[graph.transfers]
from = "customer"
to = "payee"
amount = "amount"
window = "1 day"

[graph.transfers.feature]
fan_out_1d = { measure = "fan_out", of = "from" }

[[rule]]
id = "takeover"
on = "payment"
when = "new_logins_3h >= 1 AND amount >= 500 -- a comment ends here"
then = "hold"
standing = { kind = "customer", subject = "customer", for = "2 hours", above = "100.00" }
reason = { zh = "新设备登录后大额付款", en = "a large payment after a log-in from a new device" }

[[rule]]
id = "guessing"
on = ["login"]
when = "failed_3h >= 3"
then = "block"
reason = { zh = "多次登录失败", en = "many failed log-ins" }

[[rule]]
id = "busy"
when = "count_1d >= 6"
then = "review"
reason = { zh = "频繁", en = "busy" }

[[rule]]
id = "both"
on = ["login", "payment"]
when = "kinds_3h = 2"
then = "review"
shadow = true
reason = { zh = "两类", en = "of both kinds" }

# Devices of log-ins are numbers, those of payments are not: off its kind the cast must not be tried.
[[rule]]
id = "guarded"
on = "login"
when = "CAST(device AS INTEGER) > 7"
then = "review"
reason = { zh = "设备号", en = "a device's number" }

[[rule]]
id = "listed"
on = "payment"
when = "in_list('watched', device, ts)"
then = "freeze"
reason = { zh = "名单内设备", en = "a device on a list" }
)toml";

constexpr std::string_view kSources = R"toml([source.payments]
table = "payment"
format = "csv"
sql = "SELECT * FROM input"
columns = { id = "VARCHAR", ts = "TIMESTAMP", customer = "VARCHAR", amount = "DECIMAL(18,2)", payee = "VARCHAR", device = "VARCHAR" }

[source.logins]
table = "login"
format = "csv"
sql = "SELECT changed, id, ts, customer, device, succeeded FROM input"
columns = { id = "VARCHAR", ts = "TIMESTAMP", customer = "VARCHAR", device = "VARCHAR", succeeded = "BOOLEAN", changed = "VARCHAR" }

[label.logins]
entity = ["customer"]
format = "csv"
sql = "SELECT name AS entity, fraud = 1 AS bad FROM input"
columns = { name = "VARCHAR", fraud = "INTEGER" }
)toml";

std::string KindsToml() {
  return std::string(kPaymentTable) + std::string(kLoginTable) + std::string(kBody);
}

// The pack with one passage replaced, which must be there.
std::string KindsWith(std::string_view old_text, std::string_view new_text) {
  std::string text = KindsToml();
  const size_t at = text.find(old_text);
  EXPECT_NE(at, std::string::npos) << old_text;
  return at == std::string::npos ? text : text.replace(at, old_text.size(), new_text);
}

PackFiles MoreFiles() {
  return {{"sources.toml", std::string(kSources)},
          {"lists/watched.csv", "value,source\nphone 3,police\n"}};
}

const std::shared_ptr<const CompiledPack>& KindsPack() {
  static const std::shared_ptr<const CompiledPack> kPack = MustCompile(KindsToml(), MoreFiles());
  return kPack;
}

Datum TextOrNull(std::string_view text) { return text.empty() ? Datum::Null() : Datum::Text(text); }

// kind, id, ts, customer, amount, payee, device, succeeded, changed; empty texts are NULL.
Event Pay(std::string_view id, int64_t ts_us, std::string_view customer, int64_t cents,
          std::string_view payee, std::string_view device) {
  Event event;
  for (const Datum& value :
       {Datum::Text("payment"), Datum::Text(id), Datum::Int(ts_us), Datum::Text(customer),
        Datum::Int(cents), TextOrNull(payee), TextOrNull(device), Datum::Null(), Datum::Null()}) {
    event.columns.Append(value);
  }
  return event;
}
Event Login(std::string_view id, int64_t ts_us, std::string_view customer, std::string_view device,
            bool succeeded, std::string_view changed) {
  Event event;
  for (const Datum& value : {Datum::Text("login"), Datum::Text(id), Datum::Int(ts_us),
                             Datum::Text(customer), Datum::Null(), Datum::Null(),
                             Datum::Text(device), Datum::Bool(succeeded), TextOrNull(changed)}) {
    event.columns.Append(value);
  }
  return event;
}

int64_t TimeOf(const Event& event) { return static_cast<int64_t>(event.columns[2].i); }
bool IsLogin(const Event& event) { return event.columns[0].text() == "login"; }

// Events of few customers, many at equal times. `late`: some within the lateness, some beyond.
std::vector<Event> RandomEvents(uint64_t seed, size_t count, bool late) {
  SeededRandom random(seed);
  std::vector<Event> events;
  int64_t now = kStartUs;
  for (size_t i = 0; i < count; ++i) {
    now += random.Chance(0.4) ? 0 : random.Between(0, 12) * 5 * kMinuteUs;
    const int64_t back = random.Chance(0.2) ? 3 * kHourUs : kHourUs;
    const int64_t ts = late && random.Chance(0.2) ? now - random.Between(0, back) : now;
    const std::string customer = fmt::format("c{}", random.Below(5));
    if (random.Chance(0.5)) {
      events.push_back(Pay(fmt::format("p{}", i), ts, customer, random.Between(-500, 90'000),
                           random.Chance(0.2) ? "" : fmt::format("shop {}", random.Below(4)),
                           random.Chance(0.3) ? "" : fmt::format("phone {}", random.Below(4))));
    } else {
      events.push_back(Login(fmt::format("l{}", i), ts, customer,
                             fmt::format("{}", random.Below(12)), random.Chance(0.6),
                             random.Chance(0.7) ? "" : "password"));
    }
  }
  return events;
}

// What comes when two senders are merged: the one with the earlier event next, the first of equals.
std::vector<Event> Merged(const std::vector<Event>& events) {
  std::deque<Event> payments;
  std::deque<Event> logins;
  for (const Event& event : events) {
    (IsLogin(event) ? logins : payments).push_back(event);
  }
  std::vector<Event> merged;
  while (!payments.empty() || !logins.empty()) {
    const bool login =
        payments.empty() || (!logins.empty() && TimeOf(logins.front()) < TimeOf(payments.front()));
    std::deque<Event>& from = login ? logins : payments;
    merged.push_back(std::move(from.front()));
    from.pop_front();
  }
  return merged;
}

class KindsTest : public SourceFiles {
 protected:
  // Both files of the events, the payments first.
  std::vector<SourceFile> Files(const std::vector<Event>& events) {
    std::string payments = "id,ts,customer,amount,payee,device\n";
    std::string logins = "id,ts,customer,device,succeeded,changed\n";
    for (const Event& event : events) {
      auto text = [&](size_t i) {
        return event.columns[i].is_null()
                   ? std::string()
                   : table::ToText(event.columns[i], KindsPack()->event_schema()[i].type);
      };
      if (IsLogin(event)) {
        logins += fmt::format("{},{},{},{},{},{}\n", text(1), text(2), text(3), text(6), text(7),
                              text(8));
      } else {
        payments += fmt::format("{},{},{},{},{},{}\n", text(1), text(2), text(3), text(4), text(5),
                                text(6));
      }
    }
    return {{"payments", Write("payments.csv", payments)}, {"logins", Write("logins.csv", logins)}};
  }
  Result<SourceReader> Read(const std::vector<SourceFile>& files) {
    FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenSources(access_, *KindsPack(), files));
    return SourceReader::Open(access_, *KindsPack(), plan);
  }
};

// A partition on a simulated disk.
class KindsPartition : public testing::Test {
 protected:
  void Open(std::shared_ptr<const CompiledPack> pack) {
    partition_.reset();
    auto opened = Partition::Open(disk_, clock_, "/p", std::move(pack), {});
    ASSERT_TRUE(opened.has_value()) << opened.error().ToString();
    partition_ = std::move(*opened);
  }
  Decision Decide(const Event& event) {
    Result<Outcome> outcome = partition_->Decide(event);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().ToString();
    return outcome ? std::move(outcome->decision) : Decision();
  }
  void Commit() { ASSERT_TRUE(partition_->Commit(partition_->TakeBatch()).has_value()); }

  SimulatedDisk disk_{3};
  ManualClock clock_{kStartUs};
  std::unique_ptr<Partition> partition_;
};

TEST(Kinds, TheUnionHasTheKindAndThenTheColumnsInOrderOfDeclaration) {
  ASSERT_NE(KindsPack(), nullptr);
  const Pack& pack = KindsPack()->pack();
  std::string columns;
  for (const table::Column& column : KindsPack()->event_schema()) {
    columns += fmt::format("{} {}{}\n", column.name, column.type.ToString(),
                           column.nullable ? "" : " NOT NULL");
  }
  EXPECT_EQ(columns,
            "kind VARCHAR NOT NULL\nid VARCHAR NOT NULL\nts TIMESTAMP NOT NULL\n"
            "customer VARCHAR NOT NULL\namount DECIMAL(18,2)\npayee VARCHAR\ndevice VARCHAR\n"
            "succeeded BOOLEAN\nchanged VARCHAR\n");
  EXPECT_EQ(pack.event_table, "payment, login");
  EXPECT_EQ(SoleEventTable(pack.files), "");
  EXPECT_EQ(SoleEventTable(SmallPack()->pack().files), "txn");
  EXPECT_EQ(SmallPack()->pack().kind_column(), -1);
  EXPECT_EQ(table::FindColumn(SmallPack()->event_schema(), kKindColumn), -1)
      << "a pack of one table is as it ever was";
}

TEST(Kinds, MalformedPacksAreRefusedByNameAndPlace) {
  const auto refused = [](std::string_view old_text, std::string_view new_text,
                          std::string_view message, int line = 0) {
    const auto pack = TryCompile(KindsWith(old_text, new_text), MoreFiles());
    ASSERT_FALSE(pack.has_value()) << new_text;
    const std::string said = pack.error().ToString();
    EXPECT_NE(said.find(message), std::string::npos) << said;
    ASSERT_TRUE(pack.error().where().has_value()) << said;
    EXPECT_GT(pack.error().where()->line, line) << said;
  };
  constexpr std::string_view kKey = "[table.login]\nkind = \"event\"\nkey = \"id\"\ntime = \"ts\"";
  refused(kKey, "[table.login]\nkind = \"event\"\nkey = \"device\"\ntime = \"ts\"",
          "the 'key' of table 'login' is 'device', that of table 'payment' is 'id'", 20);
  refused("changed = { type = \"VARCHAR\"", "changed = { typ = \"VARCHAR\"", "type", 20);
  constexpr std::string_view kChanged =
      "changed = { type = \"VARCHAR\", class = \"业务-登录-变更\" }";
  refused(kChanged, "amount = { type = \"DECIMAL(18,3)\", class = \"业务-交易-金额\" }",
          "column 'amount' is DECIMAL(18,3)", 20);
  refused(kChanged, "amount = { type = \"DECIMAL(18,2)\", class = \"业务\" }",
          "of the class 业务 here, and DECIMAL(18,2) of the class 业务-交易-金额", 20);
  refused(kChanged, "kind = { type = \"VARCHAR\", class = \"业务\" }", "'kind' tells them apart",
          20);
  refused("changes_3h = \"count(changed) OVER customer_3h\"", "kind = \"1 + 1\"",
          "'kind' is a column", 30);
  refused("partition = \"customer\"", "partition = \"amount\"",
          "table 'login' has no column 'amount': events of all kinds", 3);
  refused("on = \"payment\"\nwhen = \"new", "on = \"paymnt\"\nwhen = \"new",
          "no table of events 'paymnt'; there are: payment, login", 60);
  refused("on = [\"login\"]", "on = []", "no table of events is named", 60);
  refused("on = [\"login\"]", "on = [\"login\", \"login\"]", "a second time", 60);
  refused("on = [\"login\"]", "on = 7", "on", 60);
  refused("when = \"failed_3h >= 3\"", "when = \"failed_3h >= oops\"", "'oops'", 60);
  refused("when = \"failed_3h >= 3\"", "when = \"failed_3h\"", "BOOLEAN", 60);

  auto one = TryCompile(SmallPackWith("id = \"burst\"", "id = \"burst\"\non = \"txn\""));
  ASSERT_FALSE(one.has_value());
  EXPECT_NE(one.error().ToString().find("leave 'on' out"), std::string::npos);
  auto sources = [](std::string_view old_text, std::string_view new_text) {
    std::string text(kSources);
    text.replace(text.find(old_text), old_text.size(), new_text);
    const auto pack = TryCompile(
        KindsToml(), {{"sources.toml", text}, {"lists/watched.csv", "value\nphone 3\n"}});
    return pack ? "" : pack.error().ToString();
  };
  EXPECT_NE(sources("table = \"login\"\n", "").find("to which of them source 'logins' maps"),
            std::string::npos);
  EXPECT_NE(sources("table = \"login\"", "table = \"logon\"").find("no table of events 'logon'"),
            std::string::npos);
}

TEST(Kinds, MalformedEventsAreRefusedByTheirColumn) {
  const Event payment = Pay("p", kStartUs, "c", 100, "", "");
  const Event login = Login("l", kStartUs, "c", "1", true, "");
  EXPECT_TRUE(ValidateEvent(*KindsPack(), payment).has_value());
  EXPECT_TRUE(ValidateEvent(*KindsPack(), login).has_value());
  const auto refused = [](Event event, size_t column, const Datum& value,
                          std::string_view message) {
    event.columns.Set(column, value);
    const Result<void> valid = ValidateEvent(*KindsPack(), event);
    ASSERT_FALSE(valid.has_value());
    EXPECT_EQ(valid.error().where()->field, KindsPack()->event_schema()[column].name);
    EXPECT_NE(valid.error().ToString().find(message), std::string::npos)
        << valid.error().ToString();
  };
  refused(payment, 0, Datum::Null(), "which kind it is, one of: payment, login");
  refused(payment, 0, Datum::Text("Payment"), "does not have; there are: payment, login");
  refused(payment, 0, Datum::Int(1), "VARCHAR");
  refused(payment, 4, Datum::Null(), "events of the kind 'payment' need one");
  refused(payment, 7, Datum::Bool(true), "events of the kind 'payment' have no such column");
  refused(login, 4, Datum::Int(1), "events of the kind 'login' have no such column");
  refused(login, 6, Datum::Null(), "events of the kind 'login' need one");
}

TEST(Kinds, ARuleIsFalseForEventsOfOtherKindsAndNotEvaluated) {
  Core core(KindsPack());
  auto values = [&](const Event& event) {
    Decision decision = core.DecideAndApply(event, 1 + 2 * core.events());
    EXPECT_EQ(decision.flags, 0u) << decision.error;
    std::vector<Datum> rules;
    core.DecideFromFeatures(event, decision, &rules);
    return rules;
  };
  const auto login = values(Login("1", kStartUs, "c", "9", true, ""));
  EXPECT_TRUE(login[0].kind == Datum::Kind::kInt && !login[0].is_true()) << "takeover: a payment's";
  EXPECT_TRUE(login[4].is_true()) << "guarded";
  const auto payment = values(Pay("2", kStartUs, "c", 50'000, "", "phone 3"));
  EXPECT_TRUE(payment[0].is_true()) << "takeover";
  EXPECT_TRUE(payment[3].is_true()) << "both";
  EXPECT_TRUE(payment[4].kind == Datum::Kind::kInt && !payment[4].is_true())
      << "no number to cast, and not tried";
  EXPECT_TRUE(payment[5].is_true()) << "listed";
}

TEST(Kinds, ACommentOrAParenthesisInAConditionStaysWithinIt) {
  const auto pack = TryCompile(
      KindsWith("when = \"failed_3h >= 3\"", "when = \"failed_3h >= 3) OR (TRUE\""), MoreFiles());
  ASSERT_FALSE(pack.has_value());
  EXPECT_GT(pack.error().where()->line, 60) << pack.error().ToString();
}

TEST_F(KindsTest, DiffFindsNoDifferenceInOrderWithTiesAndNulls) {
  for (uint64_t seed : {1, 2}) {
    const auto files = Files(RandomEvents(seed, 3'000, false));
    Result<SourcePlan> plan = OpenSources(access_, *KindsPack(), files);
    ASSERT_TRUE(plan.has_value()) << plan.error().ToString();
    Result<DiffResult> diff = Diff(access_, KindsPack(), *plan);
    ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
    for (const Mismatch& mismatch : diff->first) {
      ADD_FAILURE() << mismatch.row << " " << mismatch.column << ": " << mismatch.batch << ", "
                    << mismatch.stream;
    }
    EXPECT_EQ(diff->events, 3'000u);
    EXPECT_EQ(diff->tolerated, 0u);
  }
}

TEST_F(KindsTest, DiffFindsNoDifferenceWhereEventsAreLateAndDoubled) {
  std::vector<Event> events = RandomEvents(3, 600, true);
  events.insert(events.begin() + 100, events[90]);
  Result<SourcePlan> plan = OpenSources(access_, *KindsPack(), Files(events));
  Result<DiffResult> diff = Diff(access_, KindsPack(), *plan);
  ASSERT_TRUE(diff.has_value()) << diff.error().ToString();
  EXPECT_EQ(diff->mismatches, 0u) << diff->first[0].column << " of row " << diff->first[0].row;
  EXPECT_EQ(diff->events, 601u);
  EXPECT_GT(diff->out_of_bounds, 0u);
}

TEST_F(KindsTest, SeveralFilesComeAsIfEachWereOneWhoSends) {
  for (uint64_t seed : {4, 5, 6}) {
    const std::vector<Event> events = RandomEvents(seed, 400, true);
    Result<SourceReader> reader = Read(Files(events));
    ASSERT_TRUE(reader.has_value()) << reader.error().ToString();
    for (const Event& expected : Merged(events)) {
      Result<std::optional<Event>> event = reader->Next();
      ASSERT_TRUE(event.has_value() && *event) << event.error().ToString();
      for (size_t i = 0; i < expected.columns.size(); ++i) {
        ASSERT_TRUE(table::Identical((*event)->columns[i], expected.columns[i]))
            << reader->rows() << " " << i;
      }
    }
    EXPECT_FALSE(*reader->Next()) << "and nothing more";
  }
}

TEST_F(KindsTest, AnErrorNamesTheFileAndItsOwnRow) {
  const std::vector<SourceFile> files = {
      {"payments", Write("p.csv",
                         "id,ts,customer,amount,payee,device\n"
                         "p1,2024-01-01 10:00:00,c,1.00,,\n"
                         "p2,2024-01-03 10:00:00,c,1.00,,\n")},
      {"logins", Write("l.csv",
                       "id,ts,customer,device,succeeded,changed\n"
                       "l1,2024-01-01 09:00:00,c,1,true,\n"
                       "l2,2024-01-02 09:00:00,c,,true,\n")}};
  Result<SourceReader> reader = Read(files);
  ASSERT_TRUE(reader.has_value());
  ASSERT_TRUE(reader->Next().has_value());
  ASSERT_TRUE(reader->Next().has_value());
  Result<std::optional<Event>> bad = reader->Next();
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().where()->file, files[1].path + "#2");
  EXPECT_EQ(bad.error().where()->field, "device");
}

TEST_F(KindsTest, OneFileOfOneKindIsAStreamToo) {
  const std::vector<SourceFile> files = Files(RandomEvents(7, 50, false));
  Result<SourceReader> reader = Read({files[1]});
  ASSERT_TRUE(reader.has_value()) << reader.error().ToString();
  Result<std::optional<Event>> event = reader->Next();
  ASSERT_TRUE(event.has_value() && *event);
  EXPECT_EQ((*event)->columns[0].text(), "login");
}

TEST_F(KindsTest, ReplayOfFilesGivesTheDigestOfTheEventsOneByOne) {
  std::vector<Event> events = RandomEvents(8, 500, true);
  const std::vector<Event> merged = Merged(events);
  events.push_back(events[3]);  // a repetition, at the end of its file
  Result<SourceReader> reader = Read(Files(events));
  ASSERT_TRUE(reader.has_value());
  Result<ReplaySummary> summary = Replay(*reader, KindsPack(), {});
  ASSERT_TRUE(summary.has_value()) << summary.error().ToString();
  EXPECT_EQ(summary->events, 500u);
  EXPECT_EQ(summary->repeated, 1u);

  SimulatedDisk disk(2);
  ManualClock clock(kStartUs);
  auto partition = *Partition::Open(disk, clock, "/p", KindsPack(), {});
  crypto::Sha256Stream digest;
  for (const Event& event : merged) {
    Result<Outcome> outcome = partition->Decide(event);
    ASSERT_TRUE(outcome.has_value());
    Bytes body;
    EncodeDecisionBody(KindsPack()->feature_schema(), outcome->decision, body);
    Bytes size;
    ByteWriter(size).Varint(body.size());
    digest.Update(KeyHash(KindsPack()->event_schema()[1], event.columns[1]));
    digest.Update(size);
    digest.Update(body);
  }
  EXPECT_EQ(digest.Finish(), summary->digest);
}

TEST_F(KindsTest, AKeyIsOneOverAllKinds) {
  const std::vector<Event> events = {Pay("same", kStartUs, "c", 100, "", ""),
                                     Login("same", kStartUs, "c", "1", true, "")};
  Result<SourceReader> reader = Read(Files(events));
  Result<ReplaySummary> summary = Replay(*reader, KindsPack(), {});
  ASSERT_FALSE(summary.has_value());
  EXPECT_EQ(summary.error().code(), ErrorCode::kConflict);
}

TEST_F(KindsTest, LabelsAreThoseOfTheFirstSourceThatHasSome) {
  const std::vector<std::string> sources = {"payments", "logins"};
  EXPECT_EQ(LabelledSource(KindsPack()->pack(), sources), "logins");
  EXPECT_EQ(LabelledSource(KindsPack()->pack(), std::span(sources).first(1)), "payments");
}

TEST_F(KindsPartition, RecoversReperformsAndExplains) {
  const std::vector<Event> events = RandomEvents(9, 300, true);
  Open(KindsPack());
  Core oracle(KindsPack());
  std::vector<Decision> decided;
  for (size_t i = 0; i < events.size(); ++i) {
    decided.push_back(Decide(events[i]));
    if (i == 100) {
      Commit();
      ASSERT_TRUE(partition_->Snapshot().has_value());
    }
    if (i == 200) {
      Commit();
      Open(KindsPack());
      EXPECT_GT(partition_->recovery().snapshot_seq, 0u);
    }
  }
  Commit();
  const Digest state = partition_->core().StateDigest();
  Open(KindsPack());
  EXPECT_EQ(partition_->core().StateDigest(), state);
  for (size_t i = 0; i < events.size(); i += 7) {
    Result<Outcome> again = partition_->Decide(events[i]);
    ASSERT_TRUE(again.has_value() && again->repeated);
    ASSERT_EQ(again->decision.hits, decided[i].hits);
  }
  Event other = events[0];
  other.columns.Set(0, Datum::Text(IsLogin(other) ? "payment" : "login"));
  EXPECT_FALSE(partition_->Decide(other).has_value()) << "an event is of its kind for good";

  const auto held = std::ranges::find_if(decided, [](const Decision& decision) {
    return !decision.hits.empty() && decision.hits[0] == 0;  // takeover
  });
  ASSERT_NE(held, decided.end());
  Result<Explanation> told =
      Explain(partition_->log(), partition_->tree(), *KindsPack(), held->seq());
  ASSERT_TRUE(told.has_value()) << told.error().ToString();
  const Explanation::Hit& hit = told->hits.at(0);
  EXPECT_EQ(hit.when, KindsPack()->pack().rules[0].when.text) << "as the pack has it";
  EXPECT_EQ(hit.reads.at(0).name, "kind");
  EXPECT_EQ(hit.reads.at(0).value, "payment");
  EXPECT_EQ(told->event.size(), 7u) << "what log-ins alone have is none of a payment";
  partition_.reset();
  Result<Reperformance> again = Reperform(disk_, "/p", TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_TRUE(again->holds());
  EXPECT_EQ(again->decisions, events.size());
}

// The pack as it was before it knew log-ins.
std::string PaymentsOnly() {
  return std::string(kPaymentTable) + R"toml(
[[rule]]
id = "large"
when = "amount >= 500"
then = "review"
reason = { zh = "大额", en = "a large amount" }
)toml";
}

Event WithoutKind(const Event& payment) {
  Event event;
  for (size_t i = 1; i <= 6; ++i) {
    event.columns.Append(payment.columns[i]);
  }
  return event;
}

TEST_F(KindsPartition, EventsOfAVersionWithOneTableAreOfItsKind) {
  const auto old_pack = MustCompile(PaymentsOnly());
  Open(old_pack);
  std::vector<Event> payments = RandomEvents(10, 200, false);
  std::erase_if(payments, IsLogin);
  for (const Event& payment : payments) {
    Decide(WithoutKind(payment));
  }
  Commit();
  // Declared second, so that it is the name that counts and not the place.
  const std::string text(KindsToml());
  const size_t body = text.find("\n[window]");
  const size_t table = text.find("[table.payment]");
  const std::string swapped = text.substr(0, table) + std::string(kLoginTable) +
                              text.substr(table, kPaymentTable.size() - table) + text.substr(body);
  const auto pack = MustCompile(swapped, MoreFiles());
  ASSERT_NE(pack, nullptr);
  EXPECT_EQ(pack->pack().event_table, "login, payment");
  Open(pack);
  EXPECT_EQ(partition_->recovery().folded_events, payments.size());
  Event same{table::Row(9), -1};
  for (size_t i = 0; i < 9; ++i) {
    const std::string& name = pack->event_schema()[i].name;
    same.columns.Set(
        i, payments[5]
               .columns[static_cast<size_t>(table::FindColumn(KindsPack()->event_schema(), name))]);
  }
  Result<Outcome> again = partition_->Decide(same);
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_TRUE(again->repeated) << "the same event, now with its kind";
  Result<void> fed = FeedLog(
      disk_, "/p", *pack,
      [&](const Event& event) {
        EXPECT_EQ(event.columns[0].text(), "payment");
        return Result<void>();
      },
      [](const Change&, uint64_t) { return Result<void>(); });
  EXPECT_TRUE(fed.has_value()) << fed.error().ToString();
  partition_.reset();
  EXPECT_TRUE(Reperform(disk_, "/p", TestBinder())->holds());
}

TEST_F(KindsPartition, APackWithoutAKindOfTheLogIsRefused) {
  Open(KindsPack());
  Decide(Pay("p", kStartUs, "c", 100, "", ""));
  Commit();
  partition_.reset();
  // Nothing is missing but the kind: by its columns the log-in below could be such a payment.
  std::string text = PaymentsOnly();
  text.replace(text.find("amount = {"), text.find("payee = {") - text.find("amount = {"), "");
  text.replace(text.find("amount >= 500"), 13, "payee = 'x'");
  const auto narrow = MustCompile(text);
  EXPECT_TRUE(Partition::Open(disk_, clock_, "/p", narrow, {}).has_value())
      << "payments alone are payments";
  Open(KindsPack());
  Decide(Login("l", kStartUs, "c", "1", true, ""));
  Commit();
  partition_.reset();
  const auto refused = Partition::Open(disk_, clock_, "/p", narrow, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kConflict);
  EXPECT_NE(refused.error().ToString().find("'login'"), std::string::npos)
      << refused.error().ToString();
}

TEST(KindsScenario, DefaultsAreForTheKindsThatHaveThem) {
  constexpr std::string_view kScenario = R"toml([[scenario]]
name = { zh = "新设备登录后付款", en = "paying after a log-in" }
default = { kind = "payment", customer = "c", amount = "500.00", device = "1" }
event = [
  { kind = "login", succeeded = true, expect = { action = "approve", misses = ["takeover"], features = { new_logins_3h = 1 } } },
  { at = "+3 h", amount = "499.99", expect = { misses = ["takeover"] } },
  { expect = { action = "hold", hits = ["takeover"] } },
]
)toml";
  PackFiles files = MoreFiles();
  files.emplace_back("scenarios/a.toml", std::string(kScenario));
  const auto pack = MustCompile(KindsToml(), files);
  Result<std::vector<Scenario>> scenarios = ParseScenarios(*pack);
  ASSERT_TRUE(scenarios.has_value()) << scenarios.error().ToString();
  const ScenarioReport report = RunScenarios(*pack, *scenarios);
  for (const Error& failure : report.scenarios[0].failures) {
    ADD_FAILURE() << failure.ToString();
  }
  // Of takeover, the amount's threshold is covered; that of the log-ins is not.
  size_t missing = 0;
  for (const Error& each : report.uncovered) {
    missing += each.ToString().find("'takeover'") != std::string::npos ? 1 : 0;
    EXPECT_GT(each.where()->column, 0) << each.ToString();
  }
  EXPECT_EQ(missing, 1u);
}

TEST(KindsTune, TheLineToChangeIsThePacksOwn) {
  Labels labels;
  labels.columns = {3};
  labels.complete = true;
  labels.bad = {{"c1", true}};
  TuneOptions options;
  options.rule = "takeover";
  options.missed = 1;
  options.false_alert = 100;
  Result<Tuner> tuner = Tuner::Start(KindsPack(), labels, options);
  ASSERT_TRUE(tuner.has_value()) << tuner.error().ToString();
  for (const Event& event : RandomEvents(11, 800, false)) {
    ASSERT_TRUE(tuner->Add(event).has_value());
  }
  const Tuning tuning = tuner->Finish();
  ASSERT_EQ(tuning.thresholds.size(), 2u);
  for (const TunedThreshold& tuned : tuning.thresholds) {
    if (tuned.better_when.empty()) {
      continue;
    }
    EXPECT_TRUE(tuned.better_when.starts_with("new_logins_3h >= ")) << tuned.better_when;
    EXPECT_TRUE(tuned.better_when.ends_with(" -- a comment ends here")) << tuned.better_when;
  }
  EXPECT_NE(tuning.thresholds[0].better_when + tuning.thresholds[1].better_when, "")
      << "alerts cost a hundred times what they save";
}

TEST(KindsMine, LooksAtEventsOfOneKindAndFoldsAll) {
  Labels labels;
  labels.columns = {3};
  labels.complete = true;
  const std::vector<Event> events = RandomEvents(13, 400, false);
  MineCollector all(KindsPack(), labels);
  MineCollector logins(KindsPack(), labels, KindsPack()->pack().FindKind("login"));
  for (const Event& event : events) {
    ASSERT_TRUE(all.Add(event).has_value() && logins.Add(event).has_value());
  }
  const MineData every = all.Finish();
  const MineData some = logins.Finish();
  EXPECT_EQ(every.on, "");
  EXPECT_EQ(some.on, "login");
  EXPECT_EQ(every.events(), events.size());
  size_t next = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    if (IsLogin(events[i])) {
      for (size_t input = 0; input < every.inputs.size(); ++input) {
        const double value = every.inputs[input].values[i];
        const double found = some.inputs[input].values[next];
        EXPECT_TRUE(value == found || (std::isnan(value) && std::isnan(found)));
      }
      ++next;
    }
  }
  EXPECT_EQ(some.events(), next);
}

TEST(KindsBacktest, ARuleOnAnotherKindIsReworded) {
  const auto after = MustCompile(
      KindsWith("id = \"guessing\"\non = [\"login\"]", "id = \"guessing\""), MoreFiles());
  Result<BacktestRun> run = BacktestRun::Start(KindsPack(), after, TestBinder(), {});
  ASSERT_TRUE(run.has_value()) << run.error().ToString();
  for (const Event& event : RandomEvents(12, 300, false)) {
    ASSERT_TRUE(run->Add(event).has_value());
  }
  const Backtest backtest = run->Finish();
  for (const RuleBacktest& rule : backtest.rules) {
    EXPECT_EQ(rule.reworded, rule.id == "guessing") << rule.id;
    if (rule.id == "guessing") {
      EXPECT_GT(rule.hits.after.events, rule.hits.before.events);
    } else {
      EXPECT_EQ(rule.hits.after.events, rule.hits.before.events) << rule.id;
    }
  }
}

TEST(KindsBacktest, AVersionThatKnewOneKindIsComparedOnItsEvents) {
  const auto before = MustCompile(PaymentsOnly());
  Result<BacktestRun> run = BacktestRun::Start(before, KindsPack(), TestBinder(), {});
  ASSERT_TRUE(run.has_value()) << run.error().ToString();
  Core old_core(before);
  Core new_core(KindsPack());
  uint64_t old_alerts = 0;
  uint64_t new_alerts = 0;
  uint64_t seq = 1;
  for (const Event& event : RandomEvents(14, 500, true)) {
    ASSERT_TRUE(run->Add(event).has_value());
    if (!IsLogin(event)) {
      const Decision decision = old_core.DecideAndApply(WithoutKind(event), seq);
      old_alerts += decision.action != Action::kApprove ? 1 : 0;
    }
    new_alerts += new_core.DecideAndApply(event, seq).action != Action::kApprove ? 1 : 0;
    seq += 2;
  }
  const Backtest backtest = run->Finish();
  EXPECT_EQ(backtest.total.events, 500u);
  EXPECT_EQ(backtest.total.before.events, old_alerts);
  EXPECT_EQ(backtest.total.after.events, new_alerts);
  EXPECT_GT(old_alerts, 0u);

  std::string other = PaymentsOnly();
  other.replace(other.find("DECIMAL(18,2)"), 13, "DECIMAL(18,3)");
  EXPECT_EQ(BacktestRun::Start(MustCompile(other), KindsPack(), TestBinder(), {}).error().code(),
            ErrorCode::kConflict);
  EXPECT_EQ(BacktestRun::Start(KindsPack(), before, TestBinder(), {}).error().code(),
            ErrorCode::kConflict)
      << "the other way round there is nothing to decide log-ins with";
}

}  // namespace
}  // namespace fuqi::decide
