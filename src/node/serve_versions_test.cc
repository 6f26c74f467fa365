// Versions of a pack published on a running server by two persons, over TLS, by the API and by the
// commands that ask it.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/log.h"
#include "decide/reperform.h"
#include "decide/small_pack_test.h"
#include "node/cli.h"
#include "node/http.h"
#include "node/receiver_test.h"
#include "node/serve.h"
#include "node/test_client.h"

namespace fuqi::node {
namespace {

using Json = nlohmann::json;

constexpr const char* kDecisions = "/v1/packs/small/decisions";
constexpr const char* kVersions = "/v1/packs/small/versions";

std::string EventText(const std::string& id, const std::string& amount = "500",
                      const std::string& payer = "A") {
  return fmt::format(
      R"({{"id":"{}","ts":"2026-01-01T08:30:00Z","payer":"{}","payee":"B","amount":"{}"}})", id,
      payer, amount);
}

// Another threshold: 500 is large then.
std::string Stricter() { return decide::SmallPackWith("amount >= 1000", "amount >= 300"); }

std::string HashOf(const std::string& pack_toml) {
  return ToHex(decide::ContentHash({{"pack.toml", pack_toml}}));
}

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class ServeVersions : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog({.sink = [](std::string_view) {}});
    certificate_ = MakeTestCertificate(dir_.path());
    std::string lines;
    for (const auto& [name, roles] :
         std::map<std::string, std::vector<std::string>>{{"bank", {"decide"}},
                                                         {"lars", {"list"}},
                                                         {"stan", {"standing"}},
                                                         {"otto", {"outbox"}},
                                                         {"vera", {"approve"}},
                                                         {"anna", {"propose", "approve"}},
                                                         {"bert", {"propose", "approve"}},
                                                         {"carl", {"propose"}}}) {
      const Result<NewKey> made = MakeKey(name, roles);
      keys_[name] = made->key;
      dir_.Write(name, made->key + "\n");
      lines += made->line + "\n";
    }
    dir_.Write("keys", lines);
    dir_.Write("packs/small/pack.toml", decide::kSmallPack);
  }
  void TearDown() override {
    server_.reset();
    ConfigureLog({});
  }

  Result<void> TryStart(const std::string& more = "", const std::string& shared = "") {
    server_.reset();
    const std::string path = dir_.Write("serve.toml", fmt::format(R"([local]
listen = "127.0.0.1:0"
certificate = "cert.pem"
private_key = "key.pem"
keys = "keys"
data = "data"
{}
[local.packs]
small = "packs/small"
{})",
                                                                  more, shared));
    FUQI_ASSIGN_OR_RETURN(ServeConfig config, LoadServeConfig(SystemDisk(), path));
    FUQI_ASSIGN_OR_RETURN(server_, Server::Start(config, SystemDisk(), SystemClock()));
    return {};
  }
  void Start(const std::string& more = "") {
    const Result<void> started = TryStart(more);
    ASSERT_TRUE(started) << started.error().ToString();
  }

  std::optional<TestClient> Client() {
    return TestClient::Connect(server_->port(), TestTls{certificate_.certificate});
  }
  std::string HeadersOf(const std::string& who) const {
    return "Authorization: Bearer " + keys_.at(who) + "\r\nContent-Type: application/json\r\n";
  }
  TestResponse Ask(const std::string& who, const std::string& method, const std::string& path,
                   const std::string& body = "") {
    std::optional<TestResponse> response = Client()->Ask(method, path, body, HeadersOf(who));
    EXPECT_TRUE(response) << method << " " << path;
    return response.value_or(TestResponse{});
  }
  Json Status() { return Json::parse(Ask("bank", "GET", kVersions).body); }
  std::string State() { return Status()["proposal"]["state"]; }
  TestResponse Propose(const std::string& who, const std::string& pack_toml) {
    return Ask(who, "POST", kVersions,
               Json{{"files", {{"pack.toml", pack_toml}}}, {"reason", "case 17"}}.dump());
  }
  TestResponse Approve(const std::string& who, const std::string& hash) {
    return Ask(who, "POST", std::string(kVersions) + "/" + hash + "/approval", "{}");
  }
  TestResponse Withdraw(const std::string& who, const std::string& hash) {
    return Ask(who, "POST", std::string(kVersions) + "/" + hash + "/withdrawal",
               R"({"reason":"no"})");
  }
  std::string ActionOf(const std::string& event) {
    const TestResponse answer = Ask("bank", "POST", kDecisions, event);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body).value("action", "");
  }
  void Publish(const std::string& pack_toml) {
    ASSERT_EQ(Propose("anna", pack_toml).status, 200);
    ASSERT_EQ(Approve("bert", HashOf(pack_toml)).status, 200);
    ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  }
  // As if the node had died there.
  void StopRightBehindTheApprovalBy(const std::string& who) {
    server_.reset();
    auto pack = decide::MustCompile(std::string(decide::kSmallPack));
    auto partition =
        decide::Partition::Open(SystemDisk(), SystemClock(), dir_ / "data/small", pack, {});
    ASSERT_TRUE(partition) << partition.error().ToString();
    const uint64_t record = (*partition)->versions().newest()->record;
    ASSERT_TRUE((*partition)
                    ->Step({who, SystemClock().NowUs(), record,
                            decide::ProposalStep::Kind::kApproved, ""}));
    ASSERT_TRUE((*partition)->Commit((*partition)->TakeBatch()));
  }
  static std::string TypeOf(const TestResponse& response) {
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem.value("status", 0), response.status) << response.body;
    return problem.value("type", "").substr(std::string("urn:fuqi:problem:").size());
  }

  struct Ran {
    int code;
    std::string out;
    std::string err;
  };
  Ran Command(std::vector<std::string> arguments, const std::string& who = "",
              const std::string& language = "en") {
    if (!who.empty()) {
      for (const std::string& more :
           {std::string("--to"), server_->url(), std::string("--key-file"), dir_ / who,
            std::string("--ca"), certificate_.certificate}) {
        arguments.push_back(more);
      }
    }
    arguments.insert(arguments.begin(), {"--lang", language, "--home", dir_ / "home"});
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Context context{in, out, err};
    const int code = RunCli(arguments, context);
    return {code, out.str(), err.str()};
  }

  TestDir dir_;
  TestCertificate certificate_;
  std::map<std::string, std::string> keys_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServeVersions, ActForTheVeryNextEventOnceTwoPersonsHavePublishedThem) {
  Start();
  EXPECT_EQ(ActionOf(EventText("1")), "approve");
  const TestResponse proposed = Propose("anna", Stricter());
  ASSERT_EQ(proposed.status, 200) << proposed.body;
  const Json told = Json::parse(proposed.body);
  EXPECT_EQ(told["hash"], HashOf(std::string(decide::kSmallPack))) << "the old one decides";
  EXPECT_EQ(told["proposal"]["hash"], HashOf(Stricter()));
  EXPECT_EQ(told["proposal"]["proposed"]["by"], "anna");
  EXPECT_EQ(told["proposal"]["proposed"]["reason"], "case 17");
  EXPECT_EQ(told["changes"][0]["name"], "large");
  EXPECT_EQ(told["changes"][0]["after"], "when: amount >= 300");
  EXPECT_EQ(ActionOf(EventText("2")), "approve");

  EXPECT_EQ(TypeOf(Approve("anna", HashOf(Stricter()))), "own-proposal");
  EXPECT_EQ(TypeOf(Approve("carl", HashOf(Stricter()))), "forbidden");
  EXPECT_EQ(TypeOf(Approve("bert", HashOf("other"))), "no-such-version");
  const TestResponse approved = Approve("bert", HashOf(Stricter()));
  ASSERT_EQ(approved.status, 200) << approved.body;
  ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  EXPECT_EQ(ActionOf(EventText("3")), "block");
  const Json status = Status();
  EXPECT_EQ(status["hash"], HashOf(Stricter()));
  EXPECT_EQ(status["versions"].size(), 2u);
  EXPECT_EQ(status["proposal"]["approved"]["by"], "bert");
  EXPECT_EQ(status["proposal"]["publish"], status["record"]);

  const TestResponse repeated = Ask("bank", "POST", kDecisions, EventText("1"));
  EXPECT_EQ(repeated.headers.at("idempotent-replayed"), "true");
  EXPECT_EQ(Json::parse(repeated.body)["pack_hash"], HashOf(std::string(decide::kSmallPack)));
  const std::string metrics = Ask("bank", "GET", "/metrics").body;
  EXPECT_NE(metrics.find("fuqi_version_switches_total{pack=\"small\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("state=\"published\""), std::string::npos);
}

TEST_F(ServeVersions, AreRefusedWithTheirPlaceAndNothingChanges) {
  Start();
  const TestResponse broken =
      Propose("anna", decide::SmallPackWith("amount >= 1000", "amounts >= 1000"));
  EXPECT_EQ(broken.status, 422);
  EXPECT_EQ(TypeOf(broken), "invalid-version");
  const std::string detail = Json::parse(broken.body)["detail"];
  EXPECT_NE(detail.find("pack.toml:"), std::string::npos) << detail;
  EXPECT_NE(detail.find("amounts"), std::string::npos) << detail;

  const TestResponse other_key = Propose(
      "anna", decide::SmallPackWith("id = { type = \"VARCHAR\"", "id = { type = \"BIGINT\""));
  EXPECT_EQ(TypeOf(other_key), "invalid-version");
  EXPECT_NE(other_key.body.find("'id'"), std::string::npos) << other_key.body;
  EXPECT_EQ(TypeOf(Propose("anna", decide::SmallPackWith("name = \"small\"", "name = \"other\""))),
            "invalid-version");
  EXPECT_EQ(TypeOf(Propose("anna", std::string(decide::kSmallPack))), "proposal-conflict")
      << "it decides now";
  EXPECT_EQ(TypeOf(Propose("bank", Stricter())), "forbidden");
  EXPECT_EQ(TypeOf(Ask("anna", "POST", kVersions, R"({"reason":"x"})")), "invalid-version");
  EXPECT_EQ(TypeOf(Ask("anna", "POST", kVersions, "{")), "malformed-json");
  EXPECT_EQ(TypeOf(Ask("anna", "POST", kVersions, Json{{"hash", std::string(64, 'a')}}.dump())),
            "no-such-version");
  EXPECT_EQ(TypeOf(Ask("anna", "POST", kDecisions, EventText("1"))), "forbidden");
  EXPECT_FALSE(Status().contains("proposal"));
}

TEST_F(ServeVersions, EachRouteIsForbiddenToAKeyWithoutItsRole) {
  Start();
  const std::string of_one = std::string(kVersions) + "/" + HashOf(Stricter());
  struct Case {
    std::string path;
    std::vector<std::string> who;
  };
  const std::vector<Case> cases = {
      {kDecisions, {"bank"}},
      {"/v1/packs/small/lists/l", {"lars"}},
      {"/v1/packs/small/references/r", {"lars"}},
      {"/v1/packs/small/standing", {"stan"}},
      {"/v1/packs/small/outbox", {"otto"}},
      {kVersions, {"anna", "bert", "carl"}},
      {of_one + "/approval", {"anna", "bert", "vera"}},
      {of_one + "/withdrawal", {"anna", "bert", "carl", "vera"}},
  };
  size_t with_role = 0;
  for (const Route& route : kRoutes) {
    with_role += route.roles != 0 ? 1 : 0;
  }
  ASSERT_EQ(cases.size(), with_role) << "all of them";
  for (const Case& c : cases) {
    for (const auto& [name, key] : keys_) {
      const TestResponse response = Ask(name, "POST", c.path, "{}");
      const bool may = std::ranges::find(c.who, name) != c.who.end();
      EXPECT_EQ(TypeOf(response) != "forbidden", may) << name << " " << c.path << response.body;
    }
  }
}

// The files of a pack with so many bytes of lists, which nobody minds but the log.
Json FilesOf(size_t bytes) {
  Json files = Json::object();
  std::string lists;
  for (size_t i = 0, written = 0; written < bytes; ++i) {
    std::string csv = "value\n";
    while (csv.size() < 1'000'000 && written + csv.size() < bytes) {
      csv += fmt::format("a value of this list and number {}\n", csv.size());
    }
    written += csv.size();
    files[fmt::format("lists/l{}.csv", i)] = csv;
    lists += fmt::format("\n[list.l{}]\ntype = \"VARCHAR\"\nfile = \"lists/l{}.csv\"\n", i, i);
  }
  files["pack.toml"] = Stricter() + lists;
  return files;
}

TEST_F(ServeVersions, MayBeLargerThanOtherRequestsUpToABoundOfTheirOwn) {
  Start();
  const Json files = FilesOf(3 << 20);
  const std::string body = Json{{"files", files}}.dump();
  ASSERT_GT(body.size(), size_t{3} << 20);
  const TestResponse proposed = Ask("anna", "POST", kVersions, body);
  ASSERT_EQ(proposed.status, 200) << proposed.body.substr(0, 1000);
  const std::string hash = Json::parse(proposed.body)["proposal"]["hash"];
  ASSERT_EQ(Approve("bert", hash).status, 200);
  ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  EXPECT_EQ(ActionOf(EventText("1")), "block");

  // What is too large is refused by what it says of itself, before any of it is sent.
  auto announced = [&](const std::string& who, const std::string& path, size_t bytes) {
    std::optional<TestClient> client = Client();
    EXPECT_TRUE(
        client->Write(fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n",
                                  path, HeadersOf(who), bytes)));
    return client->Read().value_or(TestResponse{});
  };
  const TestResponse refused = announced("anna", kVersions, (16 << 20) + 1);
  EXPECT_EQ(refused.status, 413);
  EXPECT_NE(refused.body.find("proposal_bytes"), std::string::npos) << refused.body;
  const TestResponse other =
      announced("vera", std::string(kVersions) + "/" + hash + "/approval", (1 << 20) + 1);
  EXPECT_EQ(other.status, 413);
  EXPECT_NE(other.body.find("body_bytes"), std::string::npos) << other.body;
  EXPECT_EQ(announced("bank", kVersions, body.size()).status, 403);
  Start("[local.bounds]\nproposal_bytes = 2048");
  const std::string small = "{\"reason\":\"" + std::string(2048, 'x') + "\"}";
  EXPECT_EQ(Ask("anna", "POST", kVersions, small).status, 413);

  // So the command is told, too, however much it would send.
  for (const auto& [path, content] : files.items()) {
    dir_.Write("large/" + path, content.get<std::string>());
  }
  const Ran told = Command({"pack", "propose", dir_ / "large"}, "anna");
  EXPECT_EQ(told.code, 1);
  EXPECT_NE(told.err.find("413"), std::string::npos) << told.err;
  EXPECT_NE(told.err.find("proposal_bytes"), std::string::npos) << told.err;
  Start();
  const Ran again = Command({"pack", "propose", dir_ / "large"}, "anna");
  EXPECT_NE(again.err.find("409"), std::string::npos)
      << "taken whole; it decides already: " << again.err;
}

TEST_F(ServeVersions, OnlySoManyProposalsAreReceivedAtATime) {
  Start();
  const std::string head =
      fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: 1000\r\n\r\n{{", kVersions,
                  HeadersOf("anna"));
  std::vector<TestClient> slow;
  for (int i = 0; i < kProposalsAtOnce; ++i) {
    slow.push_back(*Client());
    ASSERT_TRUE(slow.back().Write(head));
  }
  TestResponse refused;
  EXPECT_TRUE(Eventually([&] {
    refused = Ask("carl", "POST", kVersions, "{");
    return refused.status == 429;
  }));
  EXPECT_EQ(TypeOf(refused), "overloaded");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(ActionOf(EventText("1")), "approve") << "others are not kept waiting";
  slow.pop_back();
  EXPECT_TRUE(Eventually([&] { return Ask("carl", "POST", kVersions, "{").status == 400; }));
}

TEST_F(ServeVersions, ASecondPublisherGetsANamedConflictUntilTheFirstWithdraws) {
  Start();
  ASSERT_EQ(Propose("anna", Stricter()).status, 200);
  const std::string other = decide::SmallPackWith("amount >= 1000", "amount >= 7");
  const TestResponse second = Propose("carl", other);
  EXPECT_EQ(TypeOf(second), "proposal-conflict");
  EXPECT_NE(second.body.find("anna"), std::string::npos) << second.body;
  const TestResponse again = Propose("anna", Stricter());
  EXPECT_EQ(again.status, 200) << "sent again, made once";
  EXPECT_EQ(again.headers.at("idempotent-replayed"), "true");
  EXPECT_EQ(Withdraw("carl", HashOf(Stricter())).status, 200);
  EXPECT_EQ(State(), "withdrawn");
  EXPECT_EQ(TypeOf(Approve("bert", HashOf(Stricter()))), "proposal-conflict");
  EXPECT_EQ(Propose("carl", other).status, 200);
  EXPECT_EQ(ActionOf(EventText("1")), "approve");
}

TEST_F(ServeVersions, LoseAndDoubleNothingWhenTheyAreSwitchedUnderLoad) {
  Start();
  constexpr int kThreads = 4;
  std::atomic<bool> ends{false};
  std::atomic<int> wrong{0};
  std::array<int, kThreads> sent{};
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&, t] {
      std::optional<TestClient> client = Client();
      bool strict = false;
      while (!ends) {
        const std::string event =
            EventText(fmt::format("{}-{}", t, sent[t]++), "500", fmt::format("P{}-{}", t, sent[t]));
        const auto answer = client->Ask("POST", kDecisions, event, HeadersOf("bank"));
        const Json decision = answer ? Json::parse(answer->body) : Json();
        const bool is_strict = decision.value("action", "") == "block";
        const std::string due = HashOf(is_strict ? Stricter() : std::string(decide::kSmallPack));
        // The answer is wholly of one version, and never of the old one after the new one.
        wrong += !answer || answer->status != 200 || decision["pack_hash"] != due ||
                 (strict && !is_strict);
        strict = is_strict;
      }
      wrong += !strict;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Publish(Stricter());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ends = true;
  for (std::thread& sender : senders) {
    sender.join();
  }
  EXPECT_EQ(wrong, 0);
  const std::string metrics = Ask("bank", "GET", "/metrics").body;
  const std::string name = "fuqi_version_switch_seconds_sum{pack=\"small\"} ";
  const size_t at = metrics.find(name);
  ASSERT_NE(at, std::string::npos);
  fmt::print("{} events sent; deciding waited {:.6f} s for the switch\n",
             sent[0] + sent[1] + sent[2] + sent[3], std::stod(metrics.substr(at + name.size())));
  ASSERT_TRUE(server_->Stop());
  server_.reset();
  const auto again = decide::Reperform(SystemDisk(), dir_ / "data/small", decide::TestBinder());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(again->holds());
  EXPECT_EQ(again->decisions, static_cast<uint64_t>(sent[0] + sent[1] + sent[2] + sent[3]));
}

TEST_F(ServeVersions, ARestartWithAnotherFolderGoesOnWithTheVersionThatDecided) {
  Start();
  Publish(Stricter());
  Start();
  EXPECT_EQ(Status()["hash"], HashOf(Stricter())) << "the folder is older";
  EXPECT_EQ(ActionOf(EventText("1")), "block");
  Start("start_version = \"folder\"");
  EXPECT_EQ(Status()["hash"], HashOf(std::string(decide::kSmallPack))) << "as was asked for";
  EXPECT_EQ(Status()["versions"].size(), 3u);
  const Result<void> refused =
      TryStart("", "[shared.pack_hash]\nsmall = \"" + HashOf(Stricter()) + "\"");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kConfig) << "another version was agreed on";
}

TEST_F(ServeVersions, TopicsOfTheOutboxComeAndGoAndWhatWasOwedIsDelivered) {
  std::atomic<bool> good{false};
  Receiver desk(certificate_,
                [&](const Received&) -> std::string { return good ? Receiver::kGood : ""; });
  Receiver core(certificate_, [](const Received&) { return Receiver::kGood; });
  auto with = [](const std::string& topic, const std::string& pack) {
    return pack + "\n[outbox." + topic + "]\nactions = [\"block\"]\n";
  };
  dir_.Write("packs/small/pack.toml", with("desk", std::string(decide::kSmallPack)));
  dir_.Write("secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  std::string targets;
  for (const auto& [topic, port] :
       {std::pair("desk", desk.port()), std::pair("core", core.port())}) {
    targets += fmt::format(
        "[local.outbox.small.{}]\nurl = \"https://127.0.0.1:{}\"\nca = \"cert.pem\"\n"
        "secrets = [\"secret\"]\nnetworks = [\"127.0.0.0/8\"]\npause = \"10 ms\"\n"
        "pause_max = \"20 ms\"\nattempts = 1000000\n",
        topic, port);
  }
  Start(targets);
  EXPECT_EQ(ActionOf(EventText("1", "1500")), "block");
  const std::string newer = with("core", Stricter());
  const Json changes = Json::parse(Propose("anna", newer).body)["changes"];
  EXPECT_EQ(std::ranges::count(changes, "outbox", [](const Json& c) { return c["part"]; }), 2);
  ASSERT_EQ(Approve("bert", HashOf(newer)).status, 200);
  ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  EXPECT_EQ(ActionOf(EventText("2", "1500")), "block");
  EXPECT_TRUE(Eventually([&] { return core.received().size() == 1; })) << "without a restart";

  Start(targets);  // whose version has no topic 'desk' any more
  auto owed = [&] {
    return Json::parse(Ask("bank", "GET", "/v1/packs/small/outbox?topic=desk").body)["owed"];
  };
  EXPECT_EQ(owed(), 1) << "of the first event alone";
  good = true;
  EXPECT_TRUE(Eventually([&] { return owed() == 0; }));
  EXPECT_EQ(core.received().size(), 1u);
  const std::string body = desk.received().back().body;
  EXPECT_EQ(Json::parse(body)["data"]["pack_hash"],
            HashOf(with("desk", std::string(decide::kSmallPack))))
      << "told as it was decided";
}

TEST_F(ServeVersions, OnlyTheVersionAgreedOnIsProposed) {
  ASSERT_TRUE(TryStart(
      "", "[shared.pack_hash]\nsmall = \"" + HashOf(std::string(decide::kSmallPack)) + "\""));
  EXPECT_EQ(TypeOf(Propose("anna", Stricter())), "invalid-version");
}

TEST_F(ServeVersions, AnApprovalThatANodeDidNotCarryOutIsCarriedOutAfterItsStart) {
  Start();
  ASSERT_EQ(Propose("anna", Stricter()).status, 200);
  StopRightBehindTheApprovalBy("bert");
  Start();
  ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  EXPECT_EQ(ActionOf(EventText("1")), "block");
}

TEST_F(ServeVersions, WhatWasApprovedAndIsNotTheVersionAgreedOnFails) {
  Start();
  ASSERT_EQ(Propose("anna", Stricter()).status, 200);
  StopRightBehindTheApprovalBy("bert");
  const std::string agreed = HashOf(std::string(decide::kSmallPack));
  ASSERT_TRUE(TryStart("", "[shared.pack_hash]\nsmall = \"" + agreed + "\""));
  ASSERT_TRUE(Eventually([&] { return State() == "failed"; }));
  EXPECT_EQ(Status()["hash"], agreed);
  EXPECT_NE(Status()["proposal"]["failed"]["reason"].get<std::string>().find("agreed"),
            std::string::npos);
  EXPECT_EQ(ActionOf(EventText("1")), "approve");
}

// A column that comes back with another type: the log has events of the first.
TEST_F(ServeVersions, AVersionThatHistoryDoesNotFitSaysSoWhenItWatchesAndFailsWhenItIsApproved) {
  const auto with_note = [](const std::string& type) {
    return decide::SmallPackWith("[window]",
                                 "note = { type = \"" + type + "\", class = \"其他\" }\n[window]");
  };
  dir_.Write("packs/small/pack.toml", with_note("VARCHAR"));
  Start();
  EXPECT_EQ(ActionOf(EventText("1")), "approve");
  Publish(std::string(decide::kSmallPack));
  const std::string again = with_note("BIGINT");
  const TestResponse proposed = Ask(
      "anna", "POST", kVersions, Json{{"files", {{"pack.toml", again}}}, {"shadow", true}}.dump());
  ASSERT_EQ(proposed.status, 200) << proposed.body;
  ASSERT_TRUE(Eventually([&] { return Status()["proposal"].contains("shadow_error"); }));
  const std::string why = Status()["proposal"]["shadow_error"];
  EXPECT_NE(why.find("column 'note' was VARCHAR"), std::string::npos) << why;
  const Ran told = Command({"pack", "status", "small"}, "carl");
  EXPECT_NE(told.out.find("it cannot watch: "), std::string::npos) << told.out;

  ASSERT_EQ(Approve("bert", HashOf(again)).status, 200);
  ASSERT_TRUE(Eventually([&] { return State() == "failed"; }));
  EXPECT_EQ(Status()["hash"], HashOf(std::string(decide::kSmallPack))) << "goes on deciding";
  const std::string reason = Status()["proposal"]["failed"]["reason"];
  EXPECT_NE(reason.find("column 'note' was VARCHAR"), std::string::npos) << reason;
  EXPECT_EQ(ActionOf(EventText("2")), "approve");
  EXPECT_EQ(Propose("carl", Stricter()).status, 200) << "the next may be proposed";
}

TEST_F(ServeVersions, AreProposedApprovedWatchedAndRolledBackByCommands) {
  Start();
  const std::string old_hash = HashOf(std::string(decide::kSmallPack));
  const std::string new_hash = HashOf(Stricter());
  dir_.Write("try/pack.toml", Stricter());
  const Ran proposed = Command({"pack", "propose", dir_ / "try", "--reason", "too lax"}, "anna");
  ASSERT_EQ(proposed.code, 0) << proposed.err;
  EXPECT_NE(
      proposed.out.find("~ rule large\n    - when: amount >= 1000\n    + when: amount >= 300"),
      std::string::npos)
      << proposed.out;
  const Ran own = Command({"pack", "approve", "small", new_hash.substr(0, 8)}, "anna");
  EXPECT_EQ(own.code, 1);
  EXPECT_NE(own.err.find("another person approves it"), std::string::npos) << own.err;
  EXPECT_EQ(Command({"pack", "approve", "small", new_hash.substr(0, 7)}, "bert").code, 2);
  EXPECT_EQ(Command({"pack", "approve", "small", old_hash}, "bert").code, 1);
  const Ran status = Command({"pack", "status", "small"}, "carl", "zh");
  EXPECT_NE(status.out.find("too lax"), std::string::npos) << status.out;
  EXPECT_NE(status.out.find("amount >= 300"), std::string::npos) << status.out;

  const Ran approved =
      Command({"pack", "approve", "small", new_hash.substr(0, 12), "--wait", "--json"}, "bert");
  ASSERT_EQ(approved.code, 0) << approved.err;
  EXPECT_EQ(Json::parse(approved.out)["hash"], new_hash);
  EXPECT_EQ(ActionOf(EventText("1")), "block");

  const Ran back = Command({"pack", "rollback", "small", old_hash.substr(0, 8)}, "bert");
  ASSERT_EQ(back.code, 0) << back.err;
  const Ran withdrawn =
      Command({"pack", "withdraw", "small", old_hash.substr(0, 8), "--reason", "no"}, "anna");
  ASSERT_EQ(withdrawn.code, 0) << withdrawn.err;
  ASSERT_EQ(Command({"pack", "rollback", "small", old_hash.substr(0, 8)}, "bert").code, 0);
  ASSERT_EQ(Command({"pack", "approve", "small", old_hash.substr(0, 8), "--wait"}, "anna").code, 0);
  EXPECT_EQ(ActionOf(EventText("2")), "approve");

  ASSERT_TRUE(server_->Stop());
  server_.reset();
  const Ran versions = Command({"log", "versions", "--log", dir_ / "data/small", "--json"});
  const Json logged = Json::parse(versions.out);
  ASSERT_EQ(logged.size(), 3u);
  EXPECT_FALSE(logged[0].contains("proposed_by")) << "published by the first start";
  EXPECT_EQ(logged[1]["proposed_by"], "anna");
  EXPECT_EQ(logged[1]["approved_by"], "bert");
  EXPECT_EQ(logged[2]["pack_hash"], old_hash);
  EXPECT_EQ(logged[2]["proposed_by"], "bert");
  EXPECT_EQ(logged[2]["approved_by"], "anna");
}

TEST_F(ServeVersions, AProposalMayWatchUntilItIsApprovedAndAfterARestartTellsTheSame) {
  Start();
  ActionOf(EventText("0"));
  dir_.Write("try/pack.toml", Stricter());
  const Ran proposed = Command({"pack", "propose", dir_ / "try", "--shadow"}, "anna");
  ASSERT_EQ(proposed.code, 0) << proposed.err;
  EXPECT_EQ(ActionOf(EventText("1", "500", "P1")), "approve") << "it does not act";
  EXPECT_EQ(ActionOf(EventText("2", "5", "P2")), "approve");
  EXPECT_EQ(ActionOf(EventText("3", "1500", "P3")), "block");
  const std::string path = std::string(kVersions) + "/" + HashOf(Stricter());
  Json report;
  auto has_seen = [&](uint64_t events) {
    return Eventually([&] {
      report = Json::parse(Ask("carl", "GET", path).body).value("shadow", Json::object());
      return report.value("events", 0u) == events;
    });
  };
  ASSERT_TRUE(has_seen(3)) << "from the proposal on: " << report.dump();
  EXPECT_EQ(report["different"], 1);
  EXPECT_EQ(report["actions"][1],
            (Json{{"decided", "approve"}, {"shadow", "block"}, {"events", 1}}));
  EXPECT_EQ(report["newest"][0]["rules"], Json({"large"}));
  EXPECT_EQ(report["rules"][0], (Json{{"rule", "large"}, {"decided", 1}, {"shadow", 2}}));
  const std::string metrics = Ask("bank", "GET", "/metrics").body;
  EXPECT_NE(metrics.find("fuqi_version_shadow_events{pack=\"small\",decided=\"approve\","
                         "shadow=\"block\"} 1\n"),
            std::string::npos);
  const Json before = report;
  Start();
  ASSERT_TRUE(has_seen(3));
  EXPECT_EQ(report, before);
  const Ran status = Command({"pack", "status", "small"}, "carl");
  EXPECT_NE(status.out.find("3 events decided by both, 1 of them otherwise"), std::string::npos)
      << status.out;
  ASSERT_EQ(Approve("bert", HashOf(Stricter())).status, 200);
  ASSERT_TRUE(Eventually([&] { return State() == "published"; }));
  EXPECT_EQ(ActionOf(EventText("4", "500", "P4")), "block");

  // One that is withdrawn ends.
  const std::string other = decide::SmallPackWith("amount >= 1000", "amount >= 7");
  ASSERT_EQ(Ask("anna", "POST", kVersions,
                Json{{"files", {{"pack.toml", other}}}, {"shadow", true}}.dump())
                .status,
            200);
  ASSERT_TRUE(Eventually([&] { return Status()["proposal"].contains("backfill"); }));
  EXPECT_EQ(Withdraw("anna", HashOf(other)).status, 200);
  EXPECT_TRUE(Eventually([&] { return !Status()["proposal"].contains("backfill"); }));
}

// Answers each route with one text of its own, or the text of all.
class Impostor final : public HttpHandler {
 public:
  std::optional<HttpResponse> Admit(HttpRequest&) override { return std::nullopt; }
  void Handle(HttpRequest request, Reply reply) override {
    HttpResponse response;
    response.body = request.path == kVersions ? status : other;
    reply([response] { return response; });
  }
  HttpResponse Refuse(HttpFault, size_t, Language) override { return {}; }
  void Answered(size_t, const std::string&, int, int64_t) override {}

  std::string status;
  std::string other;
};

TEST_F(ServeVersions, TheCommandsSayWhereWhatAnswersIsNoFuqiNode) {
  Start();
  ASSERT_EQ(Propose("anna", Stricter()).status, 200);
  const std::string hash = HashOf(Stricter());
  const Json life = Status();
  const Json version = Json::parse(Ask("bank", "GET", std::string(kVersions) + "/" + hash).body);
  ASSERT_TRUE(life["proposal"].is_object() && version["changes"].is_array());

  Impostor impostor;
  Metrics metrics{{}};
  auto server = HttpServer::Start({}, impostor, metrics);
  ASSERT_TRUE(server);
  const std::string url = fmt::format("http://127.0.0.1:{}", (*server)->port());
  dir_.Write("try/pack.toml", Stricter());
  const std::vector<std::vector<std::string>> commands = {
      {"pack", "status", "small"},
      {"pack", "propose", dir_ / "try"},
      {"pack", "approve", "small", hash, "--wait"},
      {"pack", "withdraw", "small", hash},
      {"pack", "rollback", "small", life["hash"].get<std::string>()}};
  auto run = [&](std::vector<std::string> command) {
    command.insert(command.end(), {"--to", url, "--key-file", dir_ / "anna"});
    return Command(command);
  };
  auto all_refuse = [&](const std::string& text) {
    impostor.status = text;
    impostor.other = text;
    for (const auto& command : commands) {
      const Ran ran = run(command);
      EXPECT_EQ(ran.code, 1) << command[1] << " " << text;
      EXPECT_NE(ran.err.find("is no Fuqi node of this version"), std::string::npos)
          << command[1] << " " << text << ran.err;
      EXPECT_NE(ran.err.find(url.substr(7)), std::string::npos) << ran.err;
    }
  };
  for (const char* text : {"", "{", "{}", "[]", "null", "1", "\"x\"", "<html></html>"}) {
    all_refuse(text);
  }
  // An honest answer with any one member gone or of another kind does no harm.
  for (const char* name :
       {"/pack", "/hash", "/record", "/versions", "/versions/0/hash", "/proposal/hash",
        "/proposal/state", "/proposal/expires", "/proposal/proposed", "/proposal/proposed/by"}) {
    const Json::json_pointer place(name);
    for (const Json& instead : {Json(), Json(-1), Json::array({1}), Json{{"a", 1}}}) {
      Json broken = life;
      broken[place] = instead;
      all_refuse(broken.dump());
    }
    Json without = life;
    without[place.parent_pointer()].erase(place.back());
    all_refuse(without.dump());
  }
  impostor.status = life.dump();
  for (const char* place : {"/changes", "/hash", "/changes/0/name", "/changes/0/after"}) {
    Json broken = version;
    broken[Json::json_pointer(place)] = 7;
    impostor.other = broken.dump();
    EXPECT_NE(run(commands[0]).err.find("is no Fuqi node"), std::string::npos) << place;
  }
  // Nothing is proposed, and nothing is made up.
  Json none = life;
  none.erase("proposal");
  impostor.status = none.dump();
  EXPECT_EQ(run(commands[0]).code, 0);
  EXPECT_EQ(run(commands[2]).code, 1);
  impostor.status = life.dump();
  impostor.other = none.dump();
  EXPECT_EQ(run(commands[2]).code, 1) << "approved, and there is no proposal";
  impostor.other = version.dump();
  EXPECT_EQ(run(commands[0]).code, 0);
}

TEST_F(ServeVersions, TheCommandsSendTheirKeyToNobodyWhoIsNotVerified) {
  Start();
  TestDir elsewhere;
  const TestCertificate other = MakeTestCertificate(elsewhere.path());
  const std::vector<std::string> status = {"pack", "status", "small", "--key-file", dir_ / "anna"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), status.begin(), status.end());
    return Command(more);
  };
  EXPECT_EQ(with({"--to", server_->url(), "--ca", certificate_.certificate}).code, 0);
  const Ran refused = with({"--to", server_->url(), "--ca", other.certificate});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("TLS"), std::string::npos) << refused.err;
  const std::string by_name = fmt::format("https://localhost:{}", server_->port());
  EXPECT_EQ(with({"--to", by_name, "--ca", certificate_.certificate}).code, 1)
      << "the certificate is for 127.0.0.1";
  for (const char* url : {"http://bank.example:80", "ftp://127.0.0.1", "127.0.0.1:1", "https://",
                          "https://a:b", "https://a/b"}) {
    EXPECT_EQ(with({"--to", url}).code, 2) << url;
  }
  dir_.Write("empty", "\n");
  EXPECT_EQ(
      Command({"pack", "status", "small", "--to", server_->url(), "--key-file", dir_ / "empty"})
          .code,
      3);
}

}  // namespace
}  // namespace fuqi::node
