// Decisions, lookups, bounds and failures through the whole server.

#include "node/serve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>

#include "base/fault.h"
#include "decide/records.h"
#include "ledger/proof.h"
#include "node/serve_fixture_test.h"

namespace fuqi::node {
namespace {

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

TEST_F(Serve, TouchesNoLogWhereItsPortIsTaken) {
  Start();
  Result<ServeConfig> config = LoadServeConfig(SystemDisk(), dir_ / "serve.toml");
  ASSERT_TRUE(config) << config.error().ToString();
  config->http.port = server_->port();
  config->data = dir_ / "other";
  const auto second = Server::Start(*config, disk_, SystemClock());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(std::filesystem::exists(config->data));
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
  Start("", "start_version = \"folder\"");
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
