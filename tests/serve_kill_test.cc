// The real server, killed without warning under load, again and again: what it answered is what it
// knows afterwards.
//
// kill -9 does not show that a sync took place (the page cache survives the process);
// ledger/log_crash_test.cc and decide/partition_crash_test.cc do that on a disk that forgets. This
// shows that the whole program, with its threads and sockets, answers nothing that its log does not
// hold, and comes back every time.

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "decide/small_pack_test.h"
#include "node/keys.h"
#include "node/receiver_test.h"
#include "node/test_client.h"

namespace fuqi::node {
namespace {

constexpr int kKills = 50;
constexpr int kClients = 4;

// A `fuqi serve` of its own.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& config) {
    int out[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      execl(FUQI_BINARY, "fuqi", "serve", "--config", config.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    // "https://127.0.0.1:port", once it listens.
    std::string line;
    char c = 0;
    pollfd readable{out[0], POLLIN, 0};
    while (poll(&readable, 1, 60'000) == 1 && read(out[0], &c, 1) == 1 && c != '\n') {
      line += c;
    }
    close(out[0]);
    if (const size_t colon = line.rfind(':'); colon != std::string::npos) {
      port_ = static_cast<uint16_t>(std::stoi(line.substr(colon + 1)));
    }
  }
  ~ServerProcess() { End(SIGKILL); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Sends the signal and waits; gives the exit status as waitpid does, -1 if it has ended before.
  int End(int signal) {
    if (pid_ <= 0) {
      return -1;
    }
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  uint16_t port() const { return port_; }

 private:
  pid_t pid_ = 0;
  uint16_t port_ = 0;
};

class ServeKill : public testing::Test {
 protected:
  void SetUp() override {
    // The test's own end of a connection whose server was just killed.
    ::signal(SIGPIPE, SIG_IGN);
    certificate_ = MakeTestCertificate(dir_.path());
    Result<NewKey> made = MakeKey("tester", {"decide", "standing"});
    headers_ = "Authorization: Bearer " + made->key + "\r\nContent-Type: application/json\r\n";
    dir_.Write("keys", made->line);
    dir_.Write("packs/small/pack.toml", decide::kSmallPack);
    config_ = dir_.Write("serve.toml", R"([local]
listen = "127.0.0.1:0"
certificate = "cert.pem"
private_key = "key.pem"
keys = "keys"
data = "data"
access_log = "off"
[local.packs]
small = "packs/small"
[local.bounds]
segment_bytes = 1048576
snapshot_every = 500
)");
  }
  std::optional<TestClient> Connect(const ServerProcess& server) const {
    return TestClient::Connect(server.port(), TestTls{certificate_.certificate});
  }
  static std::string Event(const std::string& id) {
    return fmt::format(
        R"({{"id":"{}","ts":"2026-01-01T08:30:00Z","payer":"P{}","payee":"B","amount":"12.50"}})",
        id, id.size() % 7);
  }

  static std::string Payment(const std::string& id, const std::string& payer) {
    return fmt::format(
        R"({{"id":"{}","ts":"2026-01-01T08:30:00Z","payer":"{}","payee":"B","amount":"1.00"}})", id,
        payer);
  }
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  TestDir dir_;
  TestCertificate certificate_;
  std::string headers_;
  std::string config_;
};

TEST_F(ServeKill, WhatWasAnsweredIsKnownInTheSameBytesAfterEveryKill) {
  SeededRandom random(20260101);
  std::mutex mutex;
  std::unordered_map<std::string, std::string> answered;  // event id → body of its 200
  std::unordered_map<std::string, std::string> by_id;     // decision id → event id
  std::vector<std::string> unknown;                       // sent, and no answer came
  uint64_t checked = 0;
  for (int round = 0; round <= kKills; ++round) {
    ServerProcess server(config_);
    ASSERT_NE(server.port(), 0) << "round " << round;

    // Everything of the round before, and a sample of all earlier ones.
    std::optional<TestClient> client = Connect(server);
    ASSERT_TRUE(client);
    for (const auto& [id, body] : answered) {
      const bool recent = id.starts_with(fmt::format("{}-", round - 1));
      if (!recent && round != kKills && !random.Chance(0.02)) {
        continue;
      }
      auto known = client->Ask("GET", "/v1/packs/small/events/" + id + "/decision", "", headers_);
      ASSERT_TRUE(known) << id;
      ASSERT_EQ(known->status, 200) << id << " was answered and is lost: " << known->body;
      ASSERT_EQ(known->body, body) << id;
      ++checked;
    }
    // What got no answer may have been decided or not; sent again it is decided once.
    for (const std::string& id : unknown) {
      auto before = client->Ask("GET", "/v1/packs/small/events/" + id + "/decision", "", headers_);
      auto again = client->Ask("POST", "/v1/packs/small/decisions", Event(id), headers_);
      ASSERT_TRUE(before && again);
      ASSERT_EQ(again->status, 200) << again->body;
      if (before->status == 200) {
        ASSERT_EQ(again->body, before->body);
      }
      answered[id] = again->body;
    }
    unknown.clear();
    if (round == kKills) {
      break;
    }

    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([&, c] {
        std::optional<TestClient> connection = Connect(server);
        for (int i = 0; connection; ++i) {
          const std::string id = fmt::format("{}-{}-{}", round, c, i);
          auto response = connection->Ask("POST", "/v1/packs/small/decisions", Event(id), headers_);
          std::lock_guard lock(mutex);
          if (!response) {
            unknown.push_back(id);
            return;
          }
          if (response->status == 200) {
            answered[id] = response->body;
          }
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random.Between(20, 200)));
    const int status = server.End(SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(status));
    for (std::thread& thread : clients) {
      thread.join();
    }
  }
  EXPECT_GT(answered.size(), static_cast<size_t>(kKills));
  // No event was decided twice.
  for (const auto& [id, body] : answered) {
    const std::string decision = body.substr(0, body.find(','));
    EXPECT_TRUE(by_id.emplace(decision, id).second) << decision;
  }
  fmt::print("{} kills, {} events answered, {} answers looked up afterwards\n", kKills,
             answered.size(), checked);
}

TEST_F(ServeKill, AFreezeThatWasAnsweredHoldsAndABlockIsToldHoweverOftenTheServerIsKilled) {
  constexpr int kRounds = 12;
  SeededRandom random(20260102);
  Receiver desk(certificate_, [](const Received&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return Receiver::kGood;
  });
  dir_.Write("packs/small/pack.toml", std::string(decide::kSmallPack) + R"toml(
[standing.account]
columns = ["payer", "payee"]
reason = { zh = "账户受限", en = "the account is bound" }
[outbox.desk]
actions = ["freeze"]
)toml");
  dir_.Write("secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  {
    std::ofstream more(config_, std::ios::app);
    more << fmt::format(
        "[local.outbox.small.desk]\nurl = \"https://127.0.0.1:{}/\"\nca = \"cert.pem\"\n"
        "secrets = [\"secret\"]\nnetworks = [\"127.0.0.0/8\"]\npause = \"10 ms\"\n",
        desk.port());
  }
  std::vector<std::string> frozen;  // accounts, of which the server said so
  std::set<std::string> told;       // decisions that it answered and owes
  for (int round = 0; round <= kRounds; ++round) {
    ServerProcess server(config_);
    ASSERT_NE(server.port(), 0) << "round " << round;
    std::optional<TestClient> client = Connect(server);
    ASSERT_TRUE(client);
    for (size_t i = 0; i < frozen.size(); ++i) {
      auto decided = client->Ask("POST", "/v1/packs/small/decisions",
                                 Payment(fmt::format("{}-{}", round, i), frozen[i]), headers_);
      ASSERT_TRUE(decided);
      EXPECT_NE(decided->body.find("\"action\":\"freeze\""), std::string::npos) << decided->body;
      const size_t at = decided->body.find("small-");
      told.insert(decided->body.substr(at, decided->body.find('"', at) - at));
    }
    if (round == kRounds) {
      EXPECT_TRUE(Eventually([&] {
        auto owed = client->Ask("GET", "/v1/packs/small/outbox?topic=desk", "", headers_);
        return owed && owed->body.find("\"owed\":0,") != std::string::npos;
      }));
      break;
    }
    std::thread freezing([&] {
      for (int i = 0; client; ++i) {
        const std::string account = fmt::format("A{}-{}", round, i);
        auto set = client->Ask("POST", "/v1/packs/small/standing",
                               R"({"op":"set","kind":"account","subject":")" + account +
                                   R"(","action":"freeze","reason":"r"})",
                               headers_);
        if (!set || i == 10) {
          return;
        }
        ASSERT_EQ(set->status, 200) << set->body;
        frozen.push_back(account);
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(random.Between(5, 60)));
    server.End(SIGKILL);
    freezing.join();
  }
  EXPECT_GT(frozen.size(), 10u);
  std::vector<std::string> in_order;
  for (const Received& message : desk.received()) {
    const std::string id = message.headers.at("webhook-id");
    in_order.push_back(id.substr(0, id.find('.')));
  }
  EXPECT_TRUE(std::ranges::is_sorted(in_order));
  const std::set<std::string> received(in_order.begin(), in_order.end());
  EXPECT_LE(in_order.size(), received.size() + kRounds) << "a kill repeats one message at most";
  for (const std::string& decision : told) {
    EXPECT_TRUE(received.contains(decision)) << decision << " was answered and nobody was told";
  }
  fmt::print("{} accounts frozen, {} decisions told in {} messages\n", frozen.size(), told.size(),
             in_order.size());
}

TEST_F(ServeKill, EndsInOrderOnSigtermAndLeavesNoCoreDump) {
  ServerProcess server(config_);
  ASSERT_NE(server.port(), 0);
  std::optional<TestClient> client = Connect(server);
  ASSERT_TRUE(client);
  EXPECT_EQ(client->Ask("POST", "/v1/packs/small/decisions", Event("a"), headers_)->status, 200);
  const int status = server.End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;

  ServerProcess second(config_);
  ASSERT_NE(second.port(), 0);
  client = Connect(second);
  EXPECT_EQ(client->Ask("GET", "/v1/packs/small/events/a/decision", "", headers_)->status, 200);
  const int aborted = second.End(SIGABRT);
  EXPECT_TRUE(WIFSIGNALED(aborted));
  EXPECT_FALSE(WCOREDUMP(aborted));
}

TEST_F(ServeKill, SaysSoWhenTheFileSystemTakesNoMore) {
  // A process that may write no file beyond 64 KiB meets EFBIG as another meets a full disk.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{64 << 10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  ServerProcess server(config_);
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_NE(server.port(), 0);
  std::optional<TestClient> client = Connect(server);
  ASSERT_TRUE(client);
  EXPECT_EQ(client->Ask("GET", "/readyz", "", "")->status, 200);
  std::vector<std::pair<std::string, std::string>> answered;
  int status = 200;
  for (int i = 0; i < 2000 && status == 200; ++i) {
    const std::string id = "t" + std::to_string(i);
    auto response = client->Ask("POST", "/v1/packs/small/decisions", Event(id), headers_);
    ASSERT_TRUE(response);
    status = response->status;
    if (status == 200) {
      answered.emplace_back(id, response->body);
    }
  }
  EXPECT_EQ(status, 503);
  EXPECT_GT(answered.size(), 10u);
  EXPECT_EQ(client->Ask("GET", "/readyz", "", "")->status, 503);
  server.End(SIGKILL);

  ServerProcess again(config_);
  ASSERT_NE(again.port(), 0);
  client = Connect(again);
  ASSERT_TRUE(client);
  for (const auto& [id, body] : answered) {
    EXPECT_EQ(client->Ask("GET", "/v1/packs/small/events/" + id + "/decision", "", headers_)->body,
              body);
  }
}

}  // namespace
}  // namespace fuqi::node
