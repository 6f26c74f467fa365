// The whole server in this process, over TLS, on a real disk that can be held or made to fail.

#include "node/serve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "base/fault.h"
#include "base/log.h"
#include "decide/change.h"
#include "decide/records.h"
#include "decide/small_pack_test.h"
#include "ledger/proof.h"
#include "node/test_client.h"

namespace fuqi::node {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// The machine's disk, whose syncs wait while it is held, and whose writes fail while it is full.
class HeldDisk final : public Disk {
 public:
  void Hold() { Set(held_, true); }
  void Release() { Set(held_, false); }
  void Fill() { full_ = true; }
  int waiting() const { return waiting_; }

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, SystemDisk().Open(path, mode));
    return std::unique_ptr<File>(new HeldFile(*this, std::move(file)));
  }
  Result<void> Rename(const std::string& from, const std::string& to) override {
    return SystemDisk().Rename(from, to);
  }
  Result<void> Remove(const std::string& path) override { return SystemDisk().Remove(path); }
  Result<void> SyncDir(const std::string& dir) override { return SystemDisk().SyncDir(dir); }
  Result<void> MakeDirs(const std::string& dir) override { return SystemDisk().MakeDirs(dir); }
  Result<std::vector<std::string>> List(const std::string& dir) override {
    return SystemDisk().List(dir);
  }
  Result<std::shared_ptr<void>> Lock(const std::string& dir) override {
    return SystemDisk().Lock(dir);
  }

 private:
  class HeldFile final : public File {
   public:
    HeldFile(HeldDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    Result<void> Write(uint64_t offset, ByteView bytes) override {
      if (disk_.full_) {
        return Err(ErrorCode::kDiskFull, "no space is left");
      }
      return file_->Write(offset, bytes);
    }
    Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const override {
      return file_->Read(offset, out);
    }
    Result<uint64_t> Size() const override { return file_->Size(); }
    Result<void> Truncate(uint64_t size) override { return file_->Truncate(size); }
    Result<void> Sync() override {
      std::unique_lock lock(disk_.mutex_);
      ++disk_.waiting_;
      disk_.changed_.wait(lock, [&] { return !disk_.held_; });
      --disk_.waiting_;
      lock.unlock();
      return file_->Sync();
    }

   private:
    HeldDisk& disk_;
    std::unique_ptr<File> file_;
  };

  void Set(bool& flag, bool value) {
    std::lock_guard lock(mutex_);
    flag = value;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  std::atomic<bool> full_{false};
  std::atomic<int> waiting_{0};
};

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

std::string EventJsonText(const std::string& id, const std::string& amount = "12.50",
                          const std::string& payer = "A") {
  return fmt::format(
      R"({{"id":"{}","ts":"2026-01-01T08:30:00Z","payer":"{}","payee":"B","amount":"{}"}})", id,
      payer, amount);
}

class Serve : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog({.level = LogLevel::kDebug, .sink = [this](std::string_view line) {
                    std::lock_guard lock(log_mutex_);
                    log_ += std::string(line) + "\n";
                  }});
    certificate_ = MakeTestCertificate(dir_.path());
    Result<NewKey> made = MakeKey("tester");
    key_ = made->key;
    dir_.Write("keys", made->line + "\n");
    dir_.Write("packs/small/pack.toml", decide::kSmallPack);
  }
  void TearDown() override {
    disk_.Release();
    server_.reset();
    ConfigureLog({});
  }

  void Start(const std::string& bounds = "", const std::string& more = "") {
    const std::string path = dir_.Write("serve.toml", fmt::format(R"([local]
listen = "127.0.0.1:0"
certificate = "cert.pem"
private_key = "key.pem"
keys = "keys"
data = "data"
access_log = "all"
{}
[local.packs]
small = "packs/small"
[local.bounds]
{}
)",
                                                                  more, bounds));
    Result<ServeConfig> config = LoadServeConfig(SystemDisk(), path);
    ASSERT_TRUE(config) << config.error().ToString();
    Result<std::unique_ptr<Server>> started = Server::Start(*config, disk_, SystemClock());
    ASSERT_TRUE(started) << started.error().ToString();
    server_ = *std::move(started);
  }

  TestClient Client() {
    std::optional<TestClient> client =
        TestClient::Connect(server_->port(), TestTls{certificate_.certificate});
    EXPECT_TRUE(client);
    return *std::move(client);
  }
  std::string Headers(const std::string& more = "") const {
    return "Authorization: Bearer " + key_ + "\r\nContent-Type: application/json\r\n" + more;
  }
  TestResponse Ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& more = "") {
    std::optional<TestResponse> response = Client().Ask(method, path, body, Headers(more));
    EXPECT_TRUE(response) << method << " " << path;
    return response.value_or(TestResponse{});
  }
  TestResponse Get(const std::string& path) { return Ask("GET", path); }
  TestResponse Decide(const std::string& body) { return Ask("POST", kDecisions, body); }
  std::future<TestResponse> DecideLater(const std::string& body) {
    return std::async(std::launch::async, [this, body] { return Decide(body); });
  }
  double Metric(const std::string& name) {
    const std::string text = Get("/metrics").body;
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  std::string Log() {
    std::lock_guard lock(log_mutex_);
    return log_;
  }
  static std::string TypeOf(const TestResponse& response) {
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem.at("status"), response.status);
    return problem.at("type").get<std::string>().substr(std::string("urn:fuqi:problem:").size());
  }
  // Records of one type in the log, which no process may hold.
  size_t RecordsOf(ledger::RecordType type) {
    size_t count = 0;
    Result<ledger::ScanEnd> end = ledger::Scan(SystemDisk(), dir_ / "data/small/log", 0,
                                               [&](const ledger::StoredRecord& record) {
                                                 count += record.type == type ? 1 : 0;
                                                 return Result<void>();
                                               });
    EXPECT_TRUE(end);
    return count;
  }

  static constexpr const char* kDecisions = "/v1/packs/small/decisions";
  TestDir dir_;
  HeldDisk disk_;
  TestCertificate certificate_;
  std::string key_;
  std::unique_ptr<Server> server_;

 private:
  std::mutex log_mutex_;
  std::string log_;
};

TEST_F(Serve, TellsADecisionInTheSameBytesHoweverItIsAskedFor) {
  Start();
  const TestResponse first = Decide(EventJsonText("t/1 é", "1500"));
  ASSERT_EQ(first.status, 200) << first.body;
  const Json decision = Json::parse(first.body);
  EXPECT_EQ(decision["action"], "block");
  EXPECT_EQ(decision["event_id"], "t/1 é");
  EXPECT_EQ(decision["hits"][0]["rule"], "large");
  EXPECT_EQ(decision["hits"][0]["reason"]["zh"], "大额");
  EXPECT_EQ(decision["features"]["sum_1d"], "1500.00");
  EXPECT_EQ(decision["features"]["count_1d"], 1);
  EXPECT_FALSE(first.headers.contains("idempotent-replayed"));

  const TestResponse again = Decide(EventJsonText("t/1 é", "1500"));
  EXPECT_EQ(again.headers.at("idempotent-replayed"), "true");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(Get("/v1/decisions/" + decision["decision_id"].get<std::string>()).body, first.body);
  EXPECT_EQ(Get("/v1/packs/small/events/t%2F1%20%C3%A9/decision").body, first.body);
}

TEST_F(Serve, RefusesAnIdThatIsTakenByAnotherContent) {
  Start();
  const TestResponse first = Decide(EventJsonText("t1"));
  EXPECT_EQ(TypeOf(Decide(EventJsonText("t1", "12.51"))), "event-id-taken");
  EXPECT_EQ(Decide(EventJsonText("t1")).body, first.body);
  EXPECT_EQ(Metric("fuqi_event_conflicts_total{pack=\"small\"}"), 1);
  EXPECT_EQ(Metric("fuqi_decisions_repeated_total{pack=\"small\"}"), 1);
}

constexpr const char* kWatched = "/v1/packs/small/lists/watched";

std::string PackWithList() {
  std::string text = decide::SmallPackWith("[[rule]]\nid = \"burst\"", R"toml([list.watched]
type = "VARCHAR"

[[rule]]
id = "listed"
when = "in_list('watched', payer, ts)"
then = "freeze"
reason = { zh = "在名单中", en = "listed" }

[[rule]]
id = "burst")toml");
  return text + '\n';
}

TEST_F(Serve, AChangeOfAListActsOnTheNextEventAndSurvivesARestart) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t1")).body)["action"], "approve");
  const std::string put =
      R"({"put":[{"value":"A","aliases":["A2"],"valid_from":"2025-12-31","source":"police","reason":"fraud"}]})";
  const TestResponse made = Ask("POST", kWatched, put, "Idempotency-Key: k1\r\n");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.body, R"({"record":3})");
  const Json frozen = Json::parse(Decide(EventJsonText("t2")).body);
  EXPECT_EQ(frozen["action"], "freeze");
  EXPECT_EQ(frozen["features"]["in_list('watched', payer, ts)"], "3.1") << "which entry";

  auto check = [&](const char* when) {
    const TestResponse again = Ask("POST", kWatched, put, "Idempotency-Key: k1\r\n");
    EXPECT_EQ(again.body, made.body) << when;
    EXPECT_EQ(again.headers.at("idempotent-replayed"), "true") << when;
    const std::string other = R"({"remove":[{"value":"A"}]})";
    EXPECT_EQ(TypeOf(Ask("POST", kWatched, other, "Idempotency-Key: k1\r\n")), "change-id-taken");
    const Json page = Json::parse(Get(kWatched).body);
    EXPECT_EQ(page["size"], 1) << when;
    EXPECT_EQ(page["entries"][0]["value"], "A");
    EXPECT_EQ(page["entries"][0]["entry"], "3.1");
    EXPECT_EQ(page["entries"][0]["valid_from"], "2025-12-31T00:00:00Z");
  };
  check("live");
  EXPECT_EQ(Metric("fuqi_changes_total{pack=\"small\"}"), 1);
  server_.reset();
  Start();
  check("after a restart");
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t3")).body)["action"], "freeze");
  EXPECT_EQ(Ask("POST", kWatched, R"({"remove":[{"value":"A","source":"police"}]})").status, 200);
  EXPECT_EQ(Json::parse(Decide(EventJsonText("t4")).body)["action"], "review")
      << "the fourth of the day, and listed no more";
  server_.reset();
  EXPECT_EQ(RecordsOf(ledger::RecordType::kListChange), 2u);
}

TEST_F(Serve, RecordsWhoChangedAList) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  ASSERT_EQ(Ask("POST", kWatched, R"({"put":[{"value":"A"}]})").status, 200);
  server_.reset();
  std::string by;
  ASSERT_TRUE(ledger::Scan(SystemDisk(), dir_ / "data/small/log", 0,
                           [&](const ledger::StoredRecord& record) -> Result<void> {
                             if (decide::IsChange(record.type)) {
                               by = decide::HeadOf(*decide::DecodeChange(record)).by;
                             }
                             return {};
                           }));
  EXPECT_EQ(by, "tester");
}

TEST_F(Serve, RefusesAChangeThatAListCannotTakeAndMakesNoneOfIt) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  auto refused = [&](const std::string& body, int status, const std::string& type,
                     const std::string& field) {
    const TestResponse response = Ask("POST", kWatched, body);
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(TypeOf(response), type) << body;
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem.value("field", ""), field) << response.body;
  };
  refused("{", 400, "malformed-json", "");
  refused("[]", 422, "invalid-change", "");
  refused("{}", 422, "invalid-change", "");
  refused(R"({"put":{}})", 422, "invalid-change", "put");
  refused(R"({"put":[{"value":"x"},{"source":"s"}]})", 422, "invalid-change", "put[2].value");
  refused(R"({"put":[{"value":"x","why":"y"}]})", 422, "invalid-change", "put[1]");
  refused(R"({"put":[{"value":"x","valid_to":"soon"}]})", 422, "invalid-change", "put[1].valid_to");
  refused(R"({"put":[{"value":"x","valid_from":"2024-01-02","valid_to":"2024-01-02"}]})", 422,
          "invalid-change", "valid_to");
  refused(R"({"put":[{"value":"x"},{"value":"x"}]})", 422, "invalid-change", "");
  EXPECT_EQ(TypeOf(Ask("POST", "/v1/packs/small/lists/wached", R"({"put":[{"value":"x"}]})")),
            "no-such-list");
  EXPECT_EQ(TypeOf(Get("/v1/packs/small/lists/wached")), "no-such-list");
  EXPECT_EQ(Json::parse(Get(kWatched).body)["size"], 0);
  const TestResponse method = Ask("DELETE", kWatched);
  EXPECT_EQ(method.headers.at("allow"), "POST, GET, HEAD");
  std::optional<TestResponse> stranger = Client().Ask("GET", kWatched, "", "");
  EXPECT_EQ(stranger->status, 401);
}

constexpr const char* kStanding = "/v1/packs/small/standing";

std::string PackWithStanding() {
  return decide::SmallPackWith("id = \"large\"",
                               "id = \"large\"\nstanding = { kind = \"account\", subject = "
                               "\"payer\", for = \"1 day\" }") +
         R"toml(
[standing.account]
columns = ["payer", "payee"]
amount = "amount"
reason = { zh = "账户受限", en = "the account is bound" }
)toml";
}

TEST_F(Serve, WhatAPersonSetsBindsTheNextEventAndSurvivesARestart) {
  dir_.Write("packs/small/pack.toml", PackWithStanding());
  Start();
  auto action = [&](const std::string& id, const std::string& payer, const std::string& amount) {
    return Json::parse(Decide(EventJsonText(id, amount, payer)).body)["action"];
  };
  EXPECT_EQ(action("t1", "A", "1.00"), "approve");
  const std::string freeze =
      R"({"op":"set","kind":"account","subject":"A","action":"freeze","reason":{"zh":"法院裁定","en":"court order 17"}})";
  const TestResponse made = Ask("POST", kStanding, freeze, "Idempotency-Key: k1\r\n");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.body, R"({"record":3})");
  EXPECT_EQ(action("t2", "A", "1.00"), "freeze");
  const std::string allow =
      R"({"op":"set","kind":"account","subject":"C","action":"hold","allow":"50.00","per":"1 day","from":"2025-12-31T16:00:00Z","reason":"a limit"})";
  ASSERT_EQ(Ask("POST", kStanding, allow).status, 200);
  EXPECT_EQ(action("t3", "C", "38.00"), "approve");

  auto check = [&](const char* when) {
    const TestResponse again = Ask("POST", kStanding, freeze, "Idempotency-Key: k1\r\n");
    EXPECT_EQ(again.body, made.body) << when;
    EXPECT_EQ(again.headers.at("idempotent-replayed"), "true") << when;
    const Json frozen = Json::parse(Get(std::string(kStanding) + "?kind=account&subject=A").body);
    ASSERT_EQ(frozen["standing"].size(), 1u) << when;
    EXPECT_EQ(frozen["standing"][0]["action"], "freeze");
    EXPECT_EQ(frozen["standing"][0]["by"], "tester");
    EXPECT_EQ(frozen["standing"][0]["reason"]["zh"], "法院裁定");
    EXPECT_EQ(frozen["standing"][0]["record"], 3);
    const Json page =
        Json::parse(Get(std::string(kStanding) + "?kind=account&limit=1&after=A").body);
    EXPECT_EQ(page["next"], "C") << when;
    const Json& limited = page["standing"][0];
    EXPECT_EQ(limited["allow"], "50.00");
    EXPECT_EQ(limited["used"], Json::parse(R"([{"begins":"2025-12-31T16:00:00Z","used":"38.00",
                                                "remains":"12.00"}])"))
        << when;
  };
  check("live");
  server_.reset();
  Start();
  check("after a restart");
  const Json bound = Json::parse(Decide(EventJsonText("t4", "12.01", "C")).body);
  EXPECT_EQ(bound["action"], "hold");
  EXPECT_EQ(bound["standing"][0]["remains"], "12.00");
  EXPECT_EQ(action("t5", "C", "12.00"), "review") << "the third of the day, and not bound";
  EXPECT_EQ(action("t6", "D", "1500.00"), "block");
  const Json of_rule = Json::parse(Get(std::string(kStanding) + "?kind=account&subject=D").body);
  const std::string decision = of_rule["standing"][0]["decision_id"];
  EXPECT_EQ(of_rule["standing"][0]["rule"], "large");
  EXPECT_EQ(action("t7", "D", "1.00"), "block");
  ASSERT_EQ(Ask("POST", kStanding,
                R"({"op":"undo","decision_id":")" + decision + R"(","reason":"a false alarm"})")
                .status,
            200);
  EXPECT_EQ(action("t8", "E", "1.00"), "approve");
  EXPECT_EQ(Ask("POST", kStanding,
                R"({"op":"release","kind":"account","subject":"A","record":3,"reason":"lifted"})")
                .status,
            200);
  EXPECT_EQ(action("t9", "F", "1.00"), "approve");
  EXPECT_EQ(Json::parse(Get(std::string(kStanding) + "?kind=account&subject=A").body)["standing"],
            Json::array());
}

TEST_F(Serve, RefusesContradictoryStandingByNameAndLeavesWhatStands) {
  dir_.Write("packs/small/pack.toml", PackWithStanding());
  Start();
  auto set = [](const std::string& more) {
    return R"({"op":"set","kind":"account","subject":"A","reason":"r",)" + more + "}";
  };
  ASSERT_EQ(Ask("POST", kStanding, set(R"("action":"hold")")).status, 200);
  auto refused = [&](const std::string& body, int status, const std::string& type,
                     const std::string& field) {
    const TestResponse response = Ask("POST", kStanding, body, "Accept-Language: zh\r\n");
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(TypeOf(response), type) << body;
    EXPECT_EQ(Json::parse(response.body).value("field", ""), field) << response.body;
  };
  refused(set(R"("action":"review")"), 409, "stands-already", "");
  refused(set(R"("action":"hold","above":"5.00")"), 409, "stands-already", "");
  refused(set(R"("action":"freeze","above":"5.00","allow":"6.00")"), 422, "invalid-change",
          "allow");
  refused(set(R"("action":"freeze","per":"1 day")"), 422, "invalid-change", "per");
  refused(set(R"("action":"freeze","allow":"6.00","per":"1 minute")"), 422, "invalid-change",
          "per");
  refused(set(R"("action":"freeze","allow":"6.00","from":"2026-01-01T00:00:00Z")"), 422,
          "invalid-change", "from");
  refused(set(R"("action":"freeze","allow":"-6.00")"), 422, "invalid-change", "allow");
  refused(set(R"("action":"freeze","until":"soon")"), 422, "invalid-change", "until");
  refused(set(R"("action":"approve")"), 422, "invalid-change", "action");
  refused(set(R"("action":"halt")"), 422, "invalid-change", "action");
  refused(set(R"("action":"freeze","why":1)"), 422, "invalid-change", "");
  refused(R"({"op":"set","kind":"account","subject":"A","action":"freeze"})", 422, "invalid-change",
          "reason");
  refused(R"({"op":"set","kind":"card","subject":"A","action":"hold","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"release","kind":"account","subject":"B","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"release","kind":"account","subject":"A","record":77,"reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"undo","decision_id":"small-00000000000000000002","reason":"r"})", 404,
          "no-such-standing", "");
  refused(R"({"op":"undo","decision_id":"other-00000000000000000002","reason":"r"})", 422,
          "invalid-change", "decision_id");
  refused(R"({"op":"thaw","reason":"r"})", 422, "invalid-change", "op");
  refused("[]", 400, "malformed-json", "");
  EXPECT_EQ(TypeOf(Get(std::string(kStanding) + "?kind=card")), "no-such-standing");
  EXPECT_EQ(TypeOf(Get(kStanding)), "invalid-change") << "which kind?";
  EXPECT_EQ(TypeOf(Get(std::string(kStanding) + "?kind=account&limit=0")), "invalid-change");
  const Json left = Json::parse(Get(std::string(kStanding) + "?kind=account").body);
  ASSERT_EQ(left["standing"].size(), 1u) << left;
  EXPECT_EQ(left["standing"][0]["action"], "hold");
  EXPECT_EQ(Client().Ask("GET", std::string(kStanding) + "?kind=account", "", "")->status, 401);
}

TEST_F(Serve, GivesAListInPages) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  std::string put;
  for (int i = 0; i < 25; ++i) {
    put += fmt::format(R"({}{{"value":"v{:02}","aliases":["α{}"]}})", i == 0 ? "" : ",", i, i);
  }
  ASSERT_EQ(Ask("POST", kWatched, "{\"put\":[" + put + "]}").status, 200);
  std::vector<std::string> values;
  std::string after;
  for (int pages = 0; pages < 10; ++pages) {
    const Json page = Json::parse(Get(kWatched + ("?limit=10" + after)).body);
    for (const Json& entry : page["entries"]) {
      values.push_back(entry["value"]);
    }
    if (!page.contains("next")) {
      break;
    }
    after = "&after=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(values.size(), 25u);
  EXPECT_TRUE(std::ranges::is_sorted(values));
  const Json named = Json::parse(Get(std::string(kWatched) + "?value=%CE%B17").body);
  ASSERT_EQ(named["entries"].size(), 1u);
  EXPECT_EQ(named["entries"][0]["value"], "v07");
  for (const char* query :
       {"?limit=0", "?limit=1001", "?limit=x", "?page=2", "?after=zz", "?value"}) {
    EXPECT_EQ(TypeOf(Get(std::string(kWatched) + query)), "invalid-change") << query;
  }
}

TEST_F(Serve, RowsOfAReferenceActOnTheNextEvent) {
  std::string text = decide::SmallPackWith("[window]", R"toml([table.limit]
kind = "reference"
key = "payer"
time = "since"
[table.limit.column]
payer = { type = "VARCHAR", class = "客户-账户-编号" }
since = { type = "TIMESTAMP", class = "参考-时间-生效" }
most = { type = "DECIMAL(18,2)", class = "参考-限额-金额" }
[window])toml");
  text.replace(text.find("[feature]"), 9,
               "[feature]\nmost = \"lookup('limit', 'most', payer, ts)\"");
  dir_.Write("packs/small/pack.toml", text);
  Start();
  constexpr const char* kLimit = "/v1/packs/small/references/limit";
  auto most = [&](const char* id) {
    return Json::parse(Decide(EventJsonText(id)).body)["features"]["most"];
  };
  EXPECT_TRUE(most("t1").is_null());
  const TestResponse made =
      Ask("POST", kLimit, R"([{"payer":"A","since":"2025-01-01T00:00:00Z","most":"5.00"}])");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(most("t2"), "5.00");
  const TestResponse bad = Ask(
      "POST", kLimit, R"([{"payer":"B","since":"2025-01-01T00:00:00Z"},{"payer":"B","most":1}])");
  EXPECT_EQ(TypeOf(bad), "invalid-change");
  EXPECT_EQ(Json::parse(bad.body)["field"], "[2].since");
  EXPECT_EQ(TypeOf(Ask("POST", "/v1/packs/small/references/limits", "[]")), "no-such-list");
  server_.reset();
  Start();
  EXPECT_EQ(most("t3"), "5.00") << "after a restart";
}

TEST_F(Serve, AnswersAChangeOnlyWhenItIsOnDisk) {
  dir_.Write("packs/small/pack.toml", PackWithList());
  Start();
  disk_.Hold();
  auto later = std::async(std::launch::async,
                          [&] { return Ask("POST", kWatched, R"({"put":[{"value":"A"}]})"); });
  EXPECT_TRUE(Eventually([&] { return disk_.waiting() > 0; }));
  EXPECT_EQ(later.wait_for(milliseconds(100)), std::future_status::timeout);
  disk_.Release();
  EXPECT_EQ(later.get().status, 200);
}

TEST_F(Serve, AnswersAnArrayItemForItemInOrder) {
  Start("items = 6");
  const TestResponse response =
      Decide("[" + EventJsonText("a") + "," + EventJsonText("b") + "," + EventJsonText("a") + "," +
             EventJsonText("a", "9") + R"(,{"id":"c"},{"id":1}])");
  ASSERT_EQ(response.status, 200) << response.body;
  const Json results = Json::parse(response.body)["results"];
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[0]["decision"]["features"]["count_1d"], 1);
  EXPECT_EQ(results[1]["decision"]["features"]["count_1d"], 2);
  EXPECT_EQ(results[2]["repeated"], true);
  EXPECT_EQ(results[2]["decision"], results[0]["decision"]);
  EXPECT_EQ(results[3]["status"], 409);
  EXPECT_EQ(results[4]["status"], 422);
  EXPECT_EQ(results[5]["problem"]["field"], "id");
  EXPECT_EQ(Decide("[]").body, R"({"results":[]})");
  EXPECT_EQ(TypeOf(Decide("[{},{},{},{},{},{},{}]")), "body-too-large");
}

TEST_F(Serve, DecidesNothingOfABodyThatIsMalformedAnywhere) {
  Start();
  for (const std::string& body :
       {"[" + EventJsonText("a") + ",{]", "[" + EventJsonText("a") + "] x",
        EventJsonText("a").substr(0, 40), "[" + EventJsonText("a") + ",1]", std::string("NaN"),
        std::string(5000, '['), std::string("\xff\xfe"), std::string()}) {
    EXPECT_EQ(TypeOf(Decide(body)), "malformed-json") << body;
  }
  EXPECT_EQ(TypeOf(Get("/v1/packs/small/events/a/decision")), "no-such-event");
}

TEST_F(Serve, SaysWhichFieldDoesNotFit) {
  Start();
  auto field = [&](const std::string& body) {
    const TestResponse response = Decide(body);
    EXPECT_EQ(TypeOf(response), "invalid-event") << body;
    return Json::parse(response.body).value("field", "");
  };
  EXPECT_EQ(field(EventJsonText("a", "1.005")), "amount");
  EXPECT_EQ(field(R"({"id":"a","ts":"2026-01-01T08:30:00Z","payer":"A"})"), "amount");
  EXPECT_EQ(field(R"({"id":"a","ts":"yesterday","payer":"A","amount":1})"), "ts");
  EXPECT_EQ(field(R"({"id":"a","id":"b"})"), "id");
  EXPECT_EQ(field(R"({"id":"a","iban":"x"})"), "");
  EXPECT_EQ(field("{}"), "id");
}

TEST_F(Serve, LetsNobodyInWithoutAKnownKey) {
  Start();
  for (const Route& route : kRoutes) {
    std::string path(route.path);
    path = std::regex_replace(path, std::regex("\\{pack\\}"), "small");
    path = std::regex_replace(path, std::regex("\\{[a-z_]+\\}"), "x");
    for (const std::string& header :
         {std::string(), std::string("Authorization: Bearer wrong\r\n"),
          "Authorization: Basic " + key_ + "\r\n", "Authorization: Bearer " + key_ + "x\r\n",
          "X-Api-Key: " + key_ + "\r\n"}) {
      auto response =
          Client().Ask(route.method, path, "", header + "Content-Type: application/json\r\n");
      ASSERT_TRUE(response);
      if (route.needs_key) {
        EXPECT_EQ(response->status, 401) << path;
        EXPECT_EQ(response->headers.at("www-authenticate"), "Bearer");
      } else {
        EXPECT_EQ(response->status, 200) << path;
      }
    }
  }
}

TEST_F(Serve, AnswersEveryOtherRequestWithItsProblem) {
  Start("body_bytes = 2048");
  EXPECT_EQ(TypeOf(Get("/")), "no-such-route");
  EXPECT_EQ(TypeOf(Get("/v1/packs/small/decisions/")), "no-such-route");
  EXPECT_EQ(TypeOf(Get("/v1/packs//events/a/decision")), "no-such-route");
  EXPECT_EQ(TypeOf(Get("/v1/packs/small/events/%zz/decision")), "no-such-route");
  EXPECT_EQ(TypeOf(Get("/v1/packs/other/events/a/decision")), "no-such-pack");
  EXPECT_EQ(TypeOf(Ask("POST", "/v1/packs/other/decisions", "{}")), "no-such-pack");
  EXPECT_EQ(TypeOf(Get("/v1/decisions/small-00000000000000000099")), "no-such-decision");
  EXPECT_EQ(TypeOf(Get("/v1/decisions/small-00000000000000000000")), "no-such-decision");
  EXPECT_EQ(TypeOf(Get("/v1/decisions/nonsense/proof")), "no-such-decision");
  const TestResponse wrong_method = Ask("PUT", kDecisions, "{}");
  EXPECT_EQ(TypeOf(wrong_method), "method-not-allowed");
  EXPECT_EQ(wrong_method.headers.at("allow"), "POST");
  EXPECT_EQ(Ask("POST", "/healthz", "").headers.at("allow"), "GET, HEAD");
  EXPECT_EQ(Ask("HEAD", "/healthz").status, 200);
  EXPECT_EQ(TypeOf(Decide("[" + std::string(3000, ' ') + "]")), "body-too-large");
  for (const char* type :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonp\r\n"}) {
    auto response = Client().Ask("POST", kDecisions, EventJsonText("a"),
                                 "Authorization: Bearer " + key_ + "\r\n" + type);
    EXPECT_EQ(TypeOf(*response), "unsupported-media-type");
  }
  auto charset = Client().Ask(
      "POST", kDecisions, EventJsonText("a"),
      "Authorization: Bearer " + key_ + "\r\nContent-Type: Application/JSON; charset=utf-8\r\n");
  EXPECT_EQ(charset->status, 200);
}

TEST_F(Serve, SpeaksTheClientsLanguage) {
  Start();
  const TestResponse zh = Ask("GET", "/nope", "", "Accept-Language: zh-CN,en;q=0.5\r\n");
  EXPECT_EQ(zh.headers.at("content-language"), "zh");
  EXPECT_NE(zh.body.find("路径"), std::string::npos) << zh.body;
  const TestResponse en = Ask("GET", "/nope", "", "Accept-Language: de\r\n");
  EXPECT_EQ(en.headers.at("content-language"), "en");
  EXPECT_NE(en.body.find("nothing at this path"), std::string::npos);
}

TEST_F(Serve, AnswersNothingBeforeItIsOnDisk) {
  Start();
  const TestResponse known = Decide(EventJsonText("known"));
  disk_.Hold();
  auto fresh = DecideLater(EventJsonText("t1"));
  ASSERT_TRUE(Eventually([&] { return disk_.waiting() == 1; }));
  auto repeated = DecideLater(EventJsonText("t1"));
  auto conflict = DecideLater(EventJsonText("t1", "99"));
  EXPECT_EQ(fresh.wait_for(milliseconds(200)), std::future_status::timeout);
  EXPECT_EQ(repeated.wait_for(milliseconds(0)), std::future_status::timeout);
  EXPECT_EQ(conflict.wait_for(milliseconds(0)), std::future_status::timeout);
  // What is not safe is not there for others either; what was safe before is.
  EXPECT_EQ(Get("/v1/packs/small/events/t1/decision").status, 404);
  EXPECT_EQ(Get("/v1/packs/small/events/known/decision").body, known.body);
  disk_.Release();
  EXPECT_EQ(fresh.get().status, 200);
  EXPECT_EQ(repeated.get().headers.at("idempotent-replayed"), "true");
  EXPECT_EQ(conflict.get().status, 409);
}

TEST_F(Serve, GathersTheNextBatchWhileOneIsSynced) {
  Start();
  const double before = Metric("fuqi_commit_events_count{pack=\"small\"}");
  disk_.Hold();
  auto first = DecideLater(EventJsonText("first"));
  ASSERT_TRUE(Eventually([&] { return disk_.waiting() == 1; }));
  std::vector<std::future<TestResponse>> rest;
  for (int i = 0; i < 20; ++i) {
    rest.push_back(DecideLater(EventJsonText("r" + std::to_string(i))));
  }
  std::this_thread::sleep_for(milliseconds(300));
  disk_.Release();
  EXPECT_EQ(first.get().status, 200);
  for (auto& answer : rest) {
    EXPECT_EQ(answer.get().status, 200);
  }
  EXPECT_LE(Metric("fuqi_commit_events_count{pack=\"small\"}") - before, 4);
  EXPECT_EQ(Metric("fuqi_commit_events_sum{pack=\"small\"}"), 21);
}

TEST_F(Serve, ShedsWhatItCannotQueueWithTheDefaultActionAndRecordsIt) {
  Start("queue = 2\nshed_queue = 2\nbatch = 1\ndecide_time = \"20 s\"\nanswer_time = \"30 s\"");
  disk_.Hold();
  std::vector<std::future<TestResponse>> answers;
  // One is being synced, one decided and waiting for the committer, two queued, two shed.
  for (int i = 0; i < 6; ++i) {
    answers.push_back(DecideLater(EventJsonText("t" + std::to_string(i))));
    ASSERT_TRUE(Eventually([&] {
      return Metric("fuqi_queue_depth{pack=\"small\"}") == std::max(0, i - 1);
    })) << i;
  }
  const TestResponse refused = Decide(EventJsonText("t6"));
  EXPECT_EQ(TypeOf(refused), "overloaded");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_FALSE(Json::parse(refused.body).contains("action"));
  for (auto& answer : answers) {
    EXPECT_EQ(answer.wait_for(milliseconds(0)), std::future_status::timeout);
  }
  disk_.Release();
  int decided = 0;
  std::vector<std::string> shed;
  for (int i = 0; i < 6; ++i) {
    const TestResponse response = answers[static_cast<size_t>(i)].get();
    if (response.status == 200) {
      ++decided;
      continue;
    }
    EXPECT_EQ(TypeOf(response), "default-action");
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem["action"], "review");
    EXPECT_EQ(problem["default"], true);
    EXPECT_FALSE(problem.contains("decision_id"));
    EXPECT_EQ(response.headers.at("retry-after"), "1");
    shed.push_back("t" + std::to_string(i));
  }
  EXPECT_EQ(decided, 4);
  ASSERT_EQ(shed.size(), 2u);
  EXPECT_EQ(Metric("fuqi_shed_total{pack=\"small\",reason=\"queue_full\"}"), 2);
  EXPECT_EQ(Metric("fuqi_refused_total{pack=\"small\"}"), 1);
  EXPECT_EQ(Get("/v1/packs/small/events/" + shed[0] + "/decision").status, 404);
  EXPECT_EQ(Decide(EventJsonText(shed[0])).status, 200) << "sent again, it is decided";
  ASSERT_TRUE(server_->Stop());
  server_.reset();
  EXPECT_EQ(RecordsOf(ledger::RecordType::kDefault), 2u);
  EXPECT_EQ(RecordsOf(ledger::RecordType::kDecision), 5u);
}

TEST_F(Serve, ShedsWhatWaitedPastItsDeadline) {
  Start("batch = 1\ndecide_time = \"100 ms\"");
  disk_.Hold();
  std::vector<std::future<TestResponse>> answers;
  for (int i = 0; i < 4; ++i) {
    answers.push_back(DecideLater(EventJsonText("t" + std::to_string(i))));
  }
  ASSERT_TRUE(Eventually([&] { return Metric("fuqi_queue_depth{pack=\"small\"}") == 2; }));
  std::this_thread::sleep_for(milliseconds(150));
  disk_.Release();
  int shed = 0;
  for (auto& answer : answers) {
    const TestResponse response = answer.get();
    shed += response.status == 503 && TypeOf(response) == "default-action" ? 1 : 0;
  }
  EXPECT_EQ(shed, 2);
  EXPECT_EQ(Metric("fuqi_shed_total{pack=\"small\",reason=\"deadline\"}"), 2);
}

TEST_F(Serve, SaysTheOutcomeIsUnknownAndTellsItLater) {
  Start("decide_time = \"100 ms\"\nanswer_time = \"300 ms\"");
  disk_.Hold();
  EXPECT_EQ(TypeOf(Decide(EventJsonText("t1"))), "outcome-unknown");
  disk_.Release();
  ASSERT_TRUE(Eventually([&] { return Get("/v1/packs/small/events/t1/decision").status == 200; }));
  EXPECT_EQ(Decide(EventJsonText("t1")).headers.at("idempotent-replayed"), "true");
}

TEST_F(Serve, StaysDeadOnceASyncHasFailed) {
  Start();
  const TestResponse known = Decide(EventJsonText("known"));
  {
    ScopedFault fault("ledger.commit.before_sync");
    EXPECT_EQ(TypeOf(Decide(EventJsonText("t1"))), "unavailable");
  }
  EXPECT_EQ(TypeOf(Decide(EventJsonText("t2"))), "unavailable");
  EXPECT_EQ(TypeOf(Decide(EventJsonText("known"))), "unavailable");
  EXPECT_EQ(TypeOf(Get("/readyz")), "unavailable");
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Metric("fuqi_pack_ready{pack=\"small\"}"), 0);
  EXPECT_FALSE(server_->Stop());
  server_.reset();
  Start();
  EXPECT_EQ(Get("/v1/packs/small/events/known/decision").body, known.body);
  EXPECT_EQ(Get("/v1/packs/small/events/t2/decision").status, 404);
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Decide(EventJsonText("t2")).status, 200);
}

TEST_F(Serve, SaysSoWhenTheDiskIsFull) {
  Start();
  EXPECT_EQ(Decide(EventJsonText("t1")).status, 200);
  disk_.Fill();
  EXPECT_EQ(TypeOf(Decide(EventJsonText("t2"))), "unavailable");
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_NE(Log().find("the log has failed"), std::string::npos);
}

TEST_F(Serve, KeepsDecisionsAcrossARestartAndAChangeOfThePack) {
  Start();
  const TestResponse first = Decide(EventJsonText("t1", "1500"));
  ASSERT_TRUE(server_->Stop());
  server_.reset();
  // Another reason and one rule less: the old decision must still be told in the old words.
  std::string changed = decide::SmallPackWith("a large amount", "quite another reason");
  changed = changed.substr(0, changed.find("[[rule]]\nid = \"spread\""));
  dir_.Write("packs/small/pack.toml", changed);
  Start();
  const std::string id = Json::parse(first.body)["decision_id"];
  EXPECT_EQ(Get("/v1/decisions/" + id).body, first.body);
  EXPECT_EQ(Get("/v1/packs/small/events/t1/decision").body, first.body);
  EXPECT_EQ(Decide(EventJsonText("t1", "1500")).body, first.body);
  const TestResponse second = Decide(EventJsonText("t2", "1500"));
  EXPECT_NE(second.body.find("quite another reason"), std::string::npos);
  EXPECT_NE(Json::parse(second.body)["pack_hash"], Json::parse(first.body)["pack_hash"]);
}

TEST_F(Serve, ProvesADecisionToAnOutsider) {
  Start();
  for (int i = 0; i < 5; ++i) {
    Decide(EventJsonText("t" + std::to_string(i)));
  }
  const std::string id = Json::parse(Decide(EventJsonText("t2")).body)["decision_id"];
  const TestResponse response = Get("/v1/decisions/" + id + "/proof");
  ASSERT_EQ(response.status, 200) << response.body;
  Result<ledger::RecordProof> proof = ledger::ParseRecordProof(response.body);
  ASSERT_TRUE(proof) << proof.error().ToString();
  EXPECT_TRUE(ledger::CheckRecordProof(*proof, std::nullopt));
  EXPECT_EQ(proof->origin, "fuqi/small/sha256");
  EXPECT_EQ(proof->size, 11u);
  ledger::RecordProof forged = *proof;
  forged.record[0] ^= 1;
  EXPECT_FALSE(ledger::CheckRecordProof(forged, std::nullopt));
}

TEST_F(Serve, AnswersWhatIsInHandWhenItStops) {
  Start();
  disk_.Hold();
  auto answer = DecideLater(EventJsonText("t1"));
  ASSERT_TRUE(Eventually([&] { return disk_.waiting() == 1; }));
  auto stopped = std::async(std::launch::async, [&] { return server_->Stop(); });
  std::this_thread::sleep_for(milliseconds(50));
  disk_.Release();
  EXPECT_EQ(answer.get().status, 200);
  EXPECT_TRUE(stopped.get());
  server_.reset();
  Start();
  EXPECT_EQ(Get("/v1/packs/small/events/t1/decision").status, 200);
}

TEST_F(Serve, LeaksNoDataAndNoKey) {
  Start();
  const std::string canary = "canary-6222021100001234567";
  std::string answers;
  Decide(EventJsonText(canary, "1500", canary));
  for (const std::string& body :
       {EventJsonText(canary, "1.005", canary), EventJsonText(canary, canary, canary),
        R"({"id":")" + canary + R"(","ts":")" + canary + "\"}", R"({"id":")" + canary,
        R"({")" + canary + R"( x":1})", "[\"" + canary + "\"]",
        EventJsonText(canary, "1", canary)}) {
    const TestResponse response = Decide(body);
    EXPECT_GE(response.status, 400) << body;
    answers += response.body;
  }
  answers += Get("/v1/packs/" + canary + "/events/a/decision").body;
  answers += Get("/v1/decisions/" + canary).body;
  answers += Get("/" + canary).body;
  answers += Get("/metrics").body;
  answers += Client().Ask("GET", "/metrics", "", "Authorization: Bearer " + canary + "\r\n")->body;
  EXPECT_EQ(answers.find("canary"), std::string::npos) << answers;
  EXPECT_NE(Log().find("caller=tester"), std::string::npos);
  EXPECT_EQ(Log().find("canary"), std::string::npos) << Log();
  EXPECT_EQ(Log().find(key_), std::string::npos);
}

TEST_F(Serve, DecidesWhatComesFromManyConnectionsAtOnce) {
  Start("", "io_threads = 2");
  constexpr int kClients = 8;
  constexpr int kEach = 50;
  std::vector<std::thread> threads;
  std::atomic<int> decided{0};
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      TestClient client = Client();
      for (int i = 0; i < kEach; ++i) {
        auto response = client.Ask("POST", kDecisions,
                                   EventJsonText(fmt::format("{}-{}", c, i), "1", "P"), Headers());
        decided += response && response->status == 200 ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(decided, kClients * kEach);
  // Decided one after another: the last one saw all of them.
  const Json last = Json::parse(Decide(EventJsonText("last", "1", "P")).body);
  EXPECT_EQ(last["features"]["count_1d"], kClients * kEach + 1);
}

}  // namespace
}  // namespace fuqi::node
