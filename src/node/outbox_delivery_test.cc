// What a decision owes reaches its target, signed, at least once and in order, whatever the target
// does; and a target that misbehaves harms nobody else.

#include "node/outbox_delivery.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <filesystem>
#include <fstream>

#include "node/receiver_test.h"
#include "node/serve_fixture_test.h"

namespace fuqi::node {
namespace {

constexpr const char* kFirst = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr const char* kSecond = "whsec_/////////////////////////////////////////////w==";
constexpr const char* kUnavailable = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kHere = "networks = [\"127.0.0.1/32\"]";

std::string Base64Of(const unsigned char* bytes, size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  text.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                  bytes, static_cast<int>(size))));
  return text;
}

// As a receiver computes it.
std::string Signed(const std::string& secret, const std::string& content) {
  std::string key(64, '\0');
  const std::string text = secret.substr(6);
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  key.resize(static_cast<size_t>(size) - std::count(text.begin(), text.end(), '='));
  std::array<unsigned char, 32> mac{};
  size_t mac_size = mac.size();
  EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(),
            reinterpret_cast<const unsigned char*>(content.data()), content.size(), mac.data(),
            mac.size(), &mac_size);
  return "v1," + Base64Of(mac.data(), mac_size);
}

// As a receiver checks a message: its time, and one of its signatures.
bool Verifies(const Received& message, const std::string& secret) {
  const std::string time = message.headers.at("webhook-timestamp");
  if (std::abs(SystemClock().NowUs() / 1'000'000 - std::stoll(time)) > 300) {
    return false;
  }
  const std::string due =
      Signed(secret, message.headers.at("webhook-id") + "." + time + "." + message.body);
  std::istringstream signatures(message.headers.at("webhook-signature"));
  bool found = false;
  for (std::string one; signatures >> one;) {
    found = found ||
            (one.size() == due.size() && CRYPTO_memcmp(one.data(), due.data(), due.size()) == 0);
  }
  return found;
}

class OutboxDeliveryTest : public Serve {
 protected:
  void SetUp() override {
    Serve::SetUp();
    dir_.Write("first", std::string(kFirst) + "\n");
    dir_.Write("second", kSecond);
    dir_.Write(
        "packs/small/pack.toml",
        std::string(decide::kSmallPack) +
            "\n[outbox.core]\nactions = [\"block\"]\n[outbox.desk]\nactions = [\"block\"]\n");
  }

  static std::string Target(const std::string& topic, uint16_t port, const std::string& more = "",
                            const std::string& networks = kHere) {
    return fmt::format(
        "[local.outbox.small.{}]\nurl = \"https://127.0.0.1:{}/hook\"\nca = \"cert.pem\"\n"
        "secrets = [\"first\", \"second\"]\npause = \"10 ms\"\npause_max = \"50 ms\"\n{}\n{}\n",
        topic, port, networks, more);
  }
  void StartWith(const std::string& targets) {
    server_.reset();
    Start("", targets);
  }
  // One that is blocked; gives its decision.
  Json Block(const std::string& id) {
    const TestResponse response = Decide(EventJsonText(id, "1500", id));
    EXPECT_EQ(response.status, 200) << response.body;
    Json decision = Json::parse(response.body);
    EXPECT_EQ(decision["action"], "block");
    return decision;
  }
  Json Outbox(const std::string& topic, bool dead = false) {
    return Json::parse(
        Get(fmt::format("/v1/packs/small/outbox?topic={}&dead={}", topic, dead)).body);
  }
  double Figure(const std::string& name, const std::string& topic) {
    return Metric(fmt::format("{}{{pack=\"small\",topic=\"{}\"}}", name, topic));
  }
  int Change(const std::string& body) { return Ask("POST", "/v1/packs/small/outbox", body).status; }
  static std::string DecisionOf(const Received& message) {
    const std::string id = message.headers.at("webhook-id");
    return id.substr(0, id.rfind('.'));
  }
};

TEST_F(OutboxDeliveryTest, ADecisionReachesItsTargetSignedByEverySecret) {
  Receiver core(certificate_, [](const Received&) { return Receiver::kGood; });
  StartWith(Target("core", core.port()));
  EXPECT_EQ(Json::parse(Decide(EventJsonText("small", "5", "P")).body)["action"], "approve");
  const Json decision = Block("large");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  const std::vector<Received> received = core.received();
  ASSERT_EQ(received.size(), 1u) << "an approved event owes nothing";
  const Received& message = received[0];
  EXPECT_EQ(message.target, "/hook");
  EXPECT_EQ(message.headers.at("content-type"), "application/json");
  EXPECT_EQ(message.headers.at("webhook-id"), decision["decision_id"].get<std::string>() + ".core");
  const Json body = Json::parse(message.body);
  EXPECT_EQ(body["type"], "fuqi.decision");
  EXPECT_EQ(body["topic"], "core");
  EXPECT_EQ(body["data"], decision);
  EXPECT_TRUE(Verifies(message, kFirst));
  EXPECT_TRUE(Verifies(message, kSecond));
  EXPECT_FALSE(Verifies(message, "whsec_" + std::string(43, 'B') + "="));
  for (const char* header : {"webhook-id", "webhook-timestamp"}) {
    Received other = message;
    other.headers.at(header).back() ^= 1;
    EXPECT_FALSE(Verifies(other, kFirst)) << header;
  }
  Received other = message;
  other.body.back() = ' ';
  EXPECT_FALSE(Verifies(other, kFirst));
  EXPECT_EQ(Figure("fuqi_outbox_delivered_total", "core"), 1);
  EXPECT_EQ(Figure("fuqi_outbox_owed", "desk"), 1) << "which has no target";
  EXPECT_EQ(Metric("fuqi_changes_total{pack=\"small\"}"), 0) << "nobody changed a list";
}

TEST_F(OutboxDeliveryTest, WhatFailsIsTriedAgainUnderTheSameIdUntilItIsTaken) {
  Receiver inner(certificate_, [](const Received&) { return Receiver::kGood; });
  std::atomic<int> tries{0};
  Receiver core(certificate_, [&](const Received&) -> std::string {
    switch (tries++) {
      case 0:
        return "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
      case 1:
        return "";
      case 2:
        return "HTTP/1.1 307 There\r\nLocation: https://127.0.0.1:" + std::to_string(inner.port()) +
               "/\r\nContent-Length: 0\r\n\r\n";
      case 3:
        return "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n";
      case 4:
        return "SSH-2.0\r\n\r\n";
      default:
        // Taken; what it goes on to say is nobody's business.
        return "HTTP/1.1 202 OK\r\nContent-Length: 9000000\r\n\r\nhalf";
    }
  });
  StartWith(Target("core", core.port()));
  Block("large");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  const std::vector<Received> received = core.received();
  ASSERT_EQ(received.size(), 6u);
  for (const Received& one : received) {
    EXPECT_EQ(one.headers.at("webhook-id"), received[0].headers.at("webhook-id"));
    EXPECT_EQ(one.body, received[0].body);
  }
  EXPECT_EQ(inner.connections(), 0u) << "a redirect is not followed";
  EXPECT_EQ(Figure("fuqi_outbox_failed_total", "core"), 5);
  EXPECT_EQ(Figure("fuqi_outbox_delivered_total", "core"), 1);
  EXPECT_NE(Log().find("redirects are not followed"), std::string::npos);
}

TEST_F(OutboxDeliveryTest, MessagesOfATopicComeInTheOrderOfTheirDecisions) {
  std::atomic<int> tries{0};
  Receiver core(certificate_, [&](const Received&) -> std::string {
    return tries++ % 4 == 1 ? kUnavailable : Receiver::kGood;
  });
  StartWith(Target("core", core.port()));
  std::vector<std::string> decisions;
  decisions.reserve(20);
  for (int i = 0; i < 20; ++i) {
    decisions.push_back(Block(fmt::format("e{}", i))["decision_id"]);
  }
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  std::vector<std::string> told;
  for (const Received& message : core.received()) {
    told.push_back(DecisionOf(message));
  }
  EXPECT_GT(told.size(), decisions.size()) << "some were tried again";
  EXPECT_TRUE(std::ranges::is_sorted(told));
  told.erase(std::unique(told.begin(), told.end()), told.end());
  EXPECT_EQ(told, decisions);
}

TEST_F(OutboxDeliveryTest, OneConnectionServesManyMessagesAndOneThatWasClosedIsOpenedAnew) {
  std::atomic<int> taken{0};
  Receiver core(certificate_, [&](const Received&) -> std::string {
    return ++taken % 5 == 0 ? Receiver::kGoodAndGone : Receiver::kGood;
  });
  StartWith(Target("core", core.port()));
  for (int i = 0; i < 20; ++i) {
    Block(fmt::format("e{}", i));
  }
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  EXPECT_EQ(core.received().size(), 20u);
  EXPECT_EQ(core.connections(), 4u);
  EXPECT_EQ(Figure("fuqi_outbox_failed_total", "core"), 0)
      << "it had been kept too long, that is all";
}

TEST_F(OutboxDeliveryTest, ATargetThatNeverAnswersStallsNeitherDecisionsNorOthers) {
  Receiver dead(certificate_, [](const Received&) { return Receiver::kHang; });
  Receiver desk(certificate_, [](const Received&) { return Receiver::kGood; });
  StartWith(Target("core", dead.port(), "timeout = \"1 minute\"") + Target("desk", desk.port()));
  for (int i = 0; i < 20; ++i) {
    Block(fmt::format("e{}", i));
  }
  ASSERT_TRUE(Eventually([&] { return Outbox("desk")["owed"] == 0; }));
  EXPECT_EQ(desk.received().size(), 20u);
  EXPECT_EQ(Outbox("core")["owed"], 20);
  EXPECT_EQ(dead.received().size(), 1u);
}

TEST_F(OutboxDeliveryTest, AnAnswerThatDoesNotComeInTimeIsNone) {
  std::atomic<int> taken{0};
  Receiver core(certificate_, [&](const Received&) -> std::string {
    return taken++ == 0 ? Receiver::kGood : Receiver::kHang;
  });
  StartWith(Target("core", core.port(), "timeout = \"200 ms\"\nattempts = 2"));
  Block("x");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  Block("y");  // over the same connection
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["dead"] == 1; }));
  const std::string why = Outbox("core", true)["messages"][0]["why"];
  EXPECT_NE(why.find("timed out"), std::string::npos) << why;
}

TEST_F(OutboxDeliveryTest, WhatIsTriedForTooLongIsGivenUp) {
  Receiver core(certificate_, [](const Received&) { return kUnavailable; });
  StartWith(Target("core", core.port(), "give_up = \"100 ms\""));
  Block("x");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["dead"] == 1; }));
  EXPECT_LT(Outbox("core", true)["messages"][0]["attempts"], 50);
}

TEST_F(OutboxDeliveryTest, AnInterimAnswerIsNotTheAnswer) {
  constexpr const char* kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  std::atomic<int> tries{0};
  Receiver core(certificate_, [&](const Received&) {
    const bool is_first = tries++ == 0;
    return std::string(kContinue) + (is_first ? kUnavailable : Receiver::kGood);
  });
  StartWith(Target("core", core.port()));
  Block("x");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  EXPECT_EQ(core.received().size(), 2u);
  EXPECT_EQ(Figure("fuqi_outbox_failed_total", "core"), 1);
}

TEST_F(OutboxDeliveryTest, NobodyIsToldOfADecisionThatIsNotOnDisk) {
  Receiver core(certificate_, [](const Received&) { return Receiver::kGood; });
  StartWith(Target("core", core.port()));
  disk_.Hold();
  std::future<TestResponse> answer = DecideLater(EventJsonText("x", "1500", "x"));
  ASSERT_TRUE(Eventually([&] { return disk_.waiting() > 0; }));
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(core.connections(), 0u);
  disk_.Release();
  EXPECT_EQ(answer.get().status, 200);
  EXPECT_TRUE(Eventually([&] { return core.received().size() == 1; }));
}

TEST_F(OutboxDeliveryTest, WhatIsGivenUpWaitsForAPersonWhoRetriesOrDropsItAndHoldsUpNothing) {
  std::atomic<bool> good{false};
  Receiver core(certificate_, [&](const Received& message) -> std::string {
    return good || message.body.find("\"event_id\":\"z\"") != std::string::npos ? Receiver::kGood
                                                                                : kUnavailable;
  });
  StartWith(Target("core", core.port(), "attempts = 3"));
  const std::string first = Block("x")["decision_id"];
  const std::string second = Block("y")["decision_id"];
  Block("z");
  ASSERT_TRUE(Eventually([&] { return Figure("fuqi_outbox_delivered_total", "core") == 1; }));
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  EXPECT_EQ(Figure("fuqi_outbox_dead", "core"), 2);
  const Json dead = Outbox("core", true)["messages"];
  EXPECT_EQ(dead[0]["decision_id"], first);
  EXPECT_EQ(dead[0]["attempts"], 3);
  EXPECT_EQ(dead[0]["why"], "the target answered 503");
  EXPECT_EQ(core.received().size(), 7u);
  EXPECT_EQ(Change(R"({"op":"drop","topic":"core","decision_id":")" + second +
                   R"(","reason":"told by hand"})"),
            200);
  good = true;
  EXPECT_EQ(Change(R"({"op":"retry","topic":"core","reason":"it is up again"})"), 200);
  ASSERT_TRUE(Eventually([&] {
    const Json now = Outbox("core");
    return now["owed"] == 0 && now["dead"] == 0;
  }));
  ASSERT_EQ(core.received().size(), 8u) << "the first alone";
  EXPECT_EQ(DecisionOf(core.received().back()), first);
  EXPECT_EQ(Change(R"({"op":"retry","topic":"core","reason":"again"})"), 404);
  EXPECT_EQ(
      Change(R"({"op":"drop","topic":"core","decision_id":")" + first + R"(","reason":"again"})"),
      404);
  EXPECT_EQ(Change(R"({"op":"retry","topic":"core"})"), 422) << "a person says why";
}

TEST_F(OutboxDeliveryTest, NeverConnectsToAnAddressWhereTheTargetMayNotBe) {
  Receiver core(certificate_, [](const Received&) { return Receiver::kGood; });
  for (const std::string networks : {"", "networks = [\"10.0.0.0/8\", \"127.0.0.2/32\"]"}) {
    SCOPED_TRACE(networks);
    StartWith(Target("core", core.port(), "attempts = 2", networks));
    Block(networks.empty() ? "outside" : "elsewhere");
    ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
    EXPECT_EQ(core.connections(), 0u);
    const std::string why = Outbox("core", true)["messages"].back()["why"];
    EXPECT_NE(why.find("127.0.0.1"), std::string::npos) << why;
  }
}

TEST_F(OutboxDeliveryTest, TellsNothingToATargetWhoseCertificateIsNotTheOne) {
  const TestDir other;
  const TestCertificate forged = MakeTestCertificate(other.path());
  Receiver core(forged, [](const Received&) { return Receiver::kGood; });
  Receiver desk(certificate_, [](const Received&) { return Receiver::kGood; });
  std::string by_name = Target("desk", desk.port(), "attempts = 2");
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");  // the certificate has the address
  StartWith(Target("core", core.port(), "attempts = 2") + by_name);
  Block("x");
  for (const char* topic : {"core", "desk"}) {
    ASSERT_TRUE(Eventually([&] { return Outbox(topic)["dead"] == 1; })) << topic;
    const std::string why = Outbox(topic, true)["messages"][0]["why"];
    EXPECT_NE(why.find("TLS"), std::string::npos) << why;
  }
  EXPECT_EQ(core.connections(), 2u);
  EXPECT_EQ(desk.connections(), 2u);
  EXPECT_TRUE(core.received().empty());
  EXPECT_TRUE(desk.received().empty());
}

TEST_F(OutboxDeliveryTest, AMessageThatNobodyRecordedAsDeliveredIsSentAgainAfterARestart) {
  Receiver core(certificate_, [](const Received&) { return Receiver::kHang; });
  StartWith(Target("core", core.port(), "timeout = \"200 ms\""));
  Block("x");
  ASSERT_TRUE(Eventually([&] { return !core.received().empty(); }));
  Receiver again(certificate_, [](const Received&) { return Receiver::kGood; });
  StartWith(Target("core", again.port()));
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["owed"] == 0; }));
  ASSERT_EQ(again.received().size(), 1u);
  EXPECT_EQ(again.received()[0].headers.at("webhook-id"),
            core.received()[0].headers.at("webhook-id"));
}

TEST_F(OutboxDeliveryTest, WhatIsOwedIsToldPageByPageAndAskedForInOneForm) {
  StartWith("");
  std::vector<std::string> decisions;
  decisions.reserve(5);
  for (int i = 0; i < 5; ++i) {
    decisions.push_back(Block(fmt::format("e{}", i))["decision_id"]);
  }
  std::vector<std::string> paged;
  std::string after;
  for (bool more = true; more;) {
    const Json page = Json::parse(Get("/v1/packs/small/outbox?topic=desk&limit=2" + after).body);
    EXPECT_EQ(page["owed"], 5);
    for (const Json& message : page["messages"]) {
      paged.push_back(message["decision_id"]);
    }
    more = page.contains("next");
    after = more ? fmt::format("&after={}", page["next"].get<uint64_t>()) : "";
  }
  EXPECT_EQ(paged, decisions);
  EXPECT_EQ(Json::parse(Get("/v1/packs/small/outbox?topic=none").body)["owed"], 0);
  for (const char* bad : {"", "?dead=true", "?topic=desk&dead=yes", "?topic=desk&limit=0",
                          "?topic=desk&limit=1001", "?topic=desk&after=x", "?topic=desk&x=1"}) {
    EXPECT_EQ(Get(std::string("/v1/packs/small/outbox") + bad).status, 422) << bad;
  }
  for (
      const char* bad :
      {R"({"op":"send","topic":"desk","reason":"r"})", R"({"op":"drop","topic":1,"reason":"r"})",
       R"({"op":"drop","topic":"desk","reason":"r","x":"y"})", R"({"op":"drop","reason":"r"})",
       R"({"op":"drop","topic":"desk","decision_id":"other-00000000000000000002","reason":"r"})"}) {
    EXPECT_EQ(Change(bad), 422) << bad;
  }
  EXPECT_EQ(Change("["), 400);
  EXPECT_EQ(Change(R"({"op":"drop","topic":"desk","reason":"r"})"), 404) << "nothing was given up";
  EXPECT_EQ(Change(R"({"op":"drop","topic":"desk","decision_id":")" + decisions[0] +
                   R"(","reason":"told by hand"})"),
            200);
  EXPECT_EQ(Outbox("desk")["owed"], 4);
}

TEST_F(OutboxDeliveryTest, AKeyWithoutTheRoleChangesNothing) {
  const Result<NewKey> reader = MakeKey("reader", {"decide"});
  dir_.Write("keys", reader->line + "\n");
  key_ = reader->key;
  StartWith("");
  const std::string decision = Block("x")["decision_id"];
  EXPECT_EQ(Change(R"({"op":"drop","topic":"desk","decision_id":")" + decision +
                   R"(","reason":"told by hand"})"),
            403);
  EXPECT_EQ(Outbox("desk")["owed"], 1);
}

TEST_F(OutboxDeliveryTest, SecretsStandInNoLogRecordOrAnswer) {
  Receiver core(certificate_, [](const Received&) -> std::string { return kUnavailable; });
  StartWith(Target("core", core.port(), "attempts = 2"));
  Block("x");
  ASSERT_TRUE(Eventually([&] { return Outbox("core")["dead"] == 1; }));
  std::string all = Log() + Outbox("core", true).dump() + Get("/metrics").body;
  const size_t said = all.size();
  ASSERT_TRUE(server_->Stop());
  server_.reset();
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir_ / "data")) {
    if (file.is_regular_file()) {
      std::ifstream in(file.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
  }
  EXPECT_NE(all.find("answered 503", said), std::string::npos) << "the records are in it";
  EXPECT_EQ(all.find("AAECAwQF"), std::string::npos);
  EXPECT_EQ(all.find("\x01\x02\x03\x04\x05\x06\x07\x08\x09"), std::string::npos);

  dir_.Write("first", "whsec_c2hvcnQ=");
  const Result<ServeConfig> config = LoadServeConfig(SystemDisk(), dir_ / "serve.toml");
  ASSERT_TRUE(config);
  const Result<void> refused = CheckServeConfig(*config, SystemDisk());
  ASSERT_FALSE(refused) << "too short";
  EXPECT_NE(refused.error().ToString().find("/first"), std::string::npos);
  EXPECT_EQ(refused.error().ToString().find("c2hvcnQ"), std::string::npos);
}

Network House(std::string_view text) {
  const Result<Network> network = ParseHouseNetwork(text);
  EXPECT_TRUE(network) << text;
  return network.value_or(Network{});
}

TEST(Webhook, KnowsWhereATargetMayBe) {
  using boost::asio::ip::make_address;
  const std::vector<Network> house = {House("10.1.0.0/16"), House("127.0.0.1/32"),
                                      House("172.16.0.0/13"), House("fd00:1::/32"),
                                      House("::1/128")};
  for (const char* one : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "192.169.0.1",
                          "2606:4700::1", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(IsAllowed(make_address(one), {})) << one;
    EXPECT_FALSE(IsAllowed(make_address(one), house)) << one;
  }
  for (const char* one : {"10.1.2.3", "127.0.0.1", "172.16.0.1", "172.23.255.255", "::1",
                          "fd00:1::1", "::ffff:10.1.255.255"}) {
    EXPECT_FALSE(IsAllowed(make_address(one), {})) << one;
    EXPECT_TRUE(IsAllowed(make_address(one), house)) << one;
  }
  for (const char* one :
       {"10.2.0.0",       "127.0.0.2", "172.24.0.0",  "192.168.0.1",     "100.64.0.1",
        "0.0.0.0",        "192.0.2.1", "224.0.0.1",   "255.255.255.255", "169.254.169.254",
        "240.0.0.1",      "::",        "fe80::1",     "fd00:3::1",       "ff02::1",
        "2002:7f00:1::",  "2001::1",   "2001:db8::1", "64:ff9b::a00:1",  "::ffff:169.254.169.254",
        "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsAllowed(make_address(one), {})) << one;
    EXPECT_FALSE(IsAllowed(make_address(one), house)) << one;
  }
  for (const char* bad :
       {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.1.2.3/8",
        "0.0.0.0/0", "169.254.0.0/16", "8.8.8.0/24", "10.0.0.0/7", "::/0", "10.0.0.0/2147483647",
        "fe80::/10", "::ffff:0.0.0.0/96", "house/8", "fd00::/129"}) {
    EXPECT_FALSE(ParseHouseNetwork(bad)) << bad;
  }
}

TEST(Webhook, SignsAsTheSpecificationsOwnExample) {
  // The example of the Standard Webhooks reference libraries.
  std::vector<WebhookSecret> secrets;
  secrets.push_back(*WebhookSecret::Parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
  EXPECT_EQ(WebhookSignature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                             R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhook, TakesHttpsAlone) {
  const auto url = ParseWebhookUrl("https://hook.example:8443/a/b?c=d");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "hook.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->target, "/a/b?c=d");
  EXPECT_EQ(url->authority, "hook.example:8443");
  EXPECT_EQ(ParseWebhookUrl("https://[::1]/")->host, "::1");
  EXPECT_EQ(ParseWebhookUrl("https://[::1]:9/")->port, 9);
  EXPECT_EQ(ParseWebhookUrl("https://x")->target, "/");
  for (const char* bad :
       {"http://x", "https://", "https://x:0", "https://x:99999", "https://x:y", "https://a@b",
        "https://x/#f", "https://x y", "https://a:b:c", "x", "https://x/\r\nHost: y"}) {
    EXPECT_FALSE(ParseWebhookUrl(bad).has_value()) << bad;
  }
}

TEST(Webhook, PausesDoubleUpToABoundAndAreShortenedByChance) {
  OutboxTarget target;
  target.pause_ms = 100;
  target.pause_max_ms = 1'000;
  EXPECT_EQ(OutboxPauseMs(target, 1, 0), 100);
  EXPECT_EQ(OutboxPauseMs(target, 2, 0), 200);
  EXPECT_EQ(OutboxPauseMs(target, 4, 0), 800);
  EXPECT_EQ(OutboxPauseMs(target, 5, 0), 1'000);
  EXPECT_EQ(OutboxPauseMs(target, 1'000'000, 0), 1'000);
  EXPECT_EQ(OutboxPauseMs(target, 2, 0.5), 150);
}

}  // namespace
}  // namespace fuqi::node
