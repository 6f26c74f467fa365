#include "node/serve_config.h"

#include <gtest/gtest.h>

#include "node/serve.h"
#include "node/test_client.h"

namespace fuqi::node {
namespace {

class ServeConfigFile : public testing::Test {
 protected:
  Result<ServeConfig> Load(const std::string& text) {
    return LoadServeConfig(SystemDisk(), dir_.Write("serve.toml", text));
  }
  static std::string With(const std::string& local, const std::string& rest = "") {
    return "[local]\nlisten = \"127.0.0.1:8443\"\ncertificate = \"c.pem\"\nprivate_key = "
           "\"/k.pem\"\nkeys = \"keys\"\ndata = \"../data\"\n" +
           local + "\n[local.packs]\naml = \"packs/aml\"\n" + rest;
  }
  // The place and words of what is wrong.
  std::string Fault(const std::string& text) {
    Result<ServeConfig> config = Load(text);
    if (config) {
      return "nothing";
    }
    EXPECT_EQ(config.error().code(), ErrorCode::kConfig) << config.error().ToString();
    EXPECT_EQ(config.error().exit_code(), 3);
    return config.error().ToString();
  }
  static void Has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  TestDir dir_;
};

TEST_F(ServeConfigFile, ReadsEveryKey) {
  Result<ServeConfig> config = Load(With(
      "tls_min = \"1.2\"\nio_threads = 2\naccess_log = \"all\"",
      "[local.bounds]\nbody_bytes = 4096\nproposal_bytes = 8192\nheader_bytes = 2048\nconnections "
      "= 7\nrequest_time = \"2 "
      "s\"\nidle_time = \"3 s\"\ndecide_time = \"40 ms\"\nanswer_time = \"5 s\"\ndrain_time = \"6 "
      "s\"\nitems = 8\nqueue = 9\nshed_queue = 10\nbatch = 11\nsnapshot_every = 12\nsegment_bytes "
      "= "
      "2097152\n[shared.pack_hash]\naml = \"" +
          std::string(64, 'a') + "\"\n"));
  ASSERT_TRUE(config) << config.error().ToString();
  EXPECT_EQ(config->http.address, "127.0.0.1");
  EXPECT_EQ(config->http.port, 8443);
  EXPECT_EQ(config->http.tls->certificate, dir_ / "c.pem");
  EXPECT_EQ(config->http.tls->private_key, "/k.pem");
  EXPECT_TRUE(config->http.tls->allow_tls12);
  EXPECT_EQ(config->http.io_threads, 2);
  EXPECT_EQ(config->http.bounds.body_bytes, 4096u);
  EXPECT_EQ(config->api.proposal_bytes, 8192u);
  EXPECT_EQ(config->http.bounds.header_bytes, 2048u);
  EXPECT_EQ(config->http.bounds.connections, 7);
  EXPECT_EQ(config->http.bounds.request_ms, 2000);
  EXPECT_EQ(config->http.bounds.idle_ms, 3000);
  EXPECT_EQ(config->http.bounds.answer_ms, 5000);
  EXPECT_EQ(config->api.decide_ms, 40);
  EXPECT_EQ(config->api.items, 8u);
  EXPECT_EQ(config->drain_ms, 6000);
  EXPECT_EQ(config->runner.queue, 9u);
  EXPECT_EQ(config->runner.shed_queue, 10u);
  EXPECT_EQ(config->runner.batch, 11u);
  EXPECT_EQ(config->snapshot_every, 12u);
  EXPECT_EQ(config->segment_bytes, 2097152u);
  EXPECT_EQ(config->access_log, AccessLog::kAll);
  ASSERT_EQ(config->packs.size(), 1u);
  EXPECT_EQ(config->packs[0].dir, dir_ / "packs/aml");
  EXPECT_EQ((*config->packs[0].agreed_hash)[0], 0xaa);
}

TEST_F(ServeConfigFile, TakesTlsForGranted) {
  Result<ServeConfig> config = Load(With(""));
  ASSERT_TRUE(config);
  ASSERT_TRUE(config->http.tls);
  EXPECT_FALSE(config->http.tls->allow_tls12);
}

TEST_F(ServeConfigFile, RefusesPlainHttpBeyondLoopback) {
  auto plain = [](const std::string& address) {
    return "[local]\nlisten = \"" + address +
           ":80\"\ntls = \"off\"\nkeys = \"k\"\ndata = \"d\"\n[local.packs]\na = \"p\"\n";
  };
  EXPECT_EQ(Fault(plain("127.0.0.1")), "nothing");
  EXPECT_EQ(Fault(plain("[::1]")), "nothing");
  Has(Fault(plain("0.0.0.0")), "serve.toml:2:10: local.listen: without TLS");
  Has(Fault(plain("192.0.2.1")), "loopback");
  Has(Fault(plain("[::]")), "loopback");
  Has(Fault(With("tls = \"off\"")), "local.certificate: this is of no use");
}

TEST_F(ServeConfigFile, RefusesUnknownKeysWhereverTheyStand) {
  Has(Fault(With("lissten = 1")), "lissten");
  Has(Fault(With("", "[local.bounds]\nbodybytes = 1\n")), "bodybytes");
  Has(Fault(With("", "[shared]\nx = 1\n")), "x");
  Has(Fault(With("", "[other]\n")), "other");
}

TEST_F(ServeConfigFile, RefusesBoundsOutsideTheirRange) {
  for (const char* bound :
       {"body_bytes = 0", "header_bytes = 99999999", "connections = 0", "queue = 0", "batch = -1",
        "request_time = \"1 ms\"", "idle_time = \"2 weeks\"", "decide_time = \"10 s\"",
        "items = \"many\"", "drain_time = 5"}) {
    Has(Fault(With("", std::string("[local.bounds]\n") + bound + "\n")), "local.bounds");
  }
}

TEST_F(ServeConfigFile, ReadsTargetsOfTheOutbox) {
  Result<ServeConfig> config =
      Load(With("",
                "[local.outbox.aml.core]\nurl = \"https://core.example/hook\"\nsecrets = [\"a\"]\n"
                "[local.outbox.aml.desk]\nurl = \"https://10.1.2.3:8443\"\nca = \"ca.pem\"\n"
                "networks = [\"10.1.0.0/16\"]\nsecrets = [\"a\", \"/b\"]\ntimeout = \"2 s\"\n"
                "attempts = 3\ngive_up = \"1 hour\"\npause = \"2 s\"\npause_max = \"4 s\"\n"));
  ASSERT_TRUE(config) << config.error().ToString();
  ASSERT_EQ(config->outbox.size(), 2u);
  const OutboxTarget& core = config->outbox[0];
  EXPECT_EQ(core.pack, "aml");
  EXPECT_EQ(core.topic, "core");
  EXPECT_EQ(core.webhook.url.host, "core.example");
  EXPECT_TRUE(core.webhook.networks.empty());
  EXPECT_EQ(core.webhook.ca, "");
  EXPECT_EQ(core.secrets, std::vector<std::string>{dir_ / "a"});
  const OutboxTarget& desk = config->outbox[1];
  EXPECT_EQ(desk.webhook.url.port, 8443);
  EXPECT_EQ(desk.webhook.ca, dir_ / "ca.pem");
  EXPECT_EQ(desk.webhook.networks.size(), 1u);
  EXPECT_EQ(desk.secrets, (std::vector<std::string>{dir_ / "a", "/b"}));
  EXPECT_EQ(desk.webhook.timeout_ms, 2'000);
  EXPECT_EQ(desk.attempts, 3u);
  EXPECT_EQ(desk.give_up_ms, 3'600'000);
  EXPECT_EQ(desk.pause_ms, 2'000);
  EXPECT_EQ(desk.pause_max_ms, 4'000);
}

TEST_F(ServeConfigFile, RefusesTargetsOfTheOutboxThatCannotBeWithTheirPlace) {
  const std::string good = "url = \"https://x\"\nsecrets = [\"a\"]\n";
  auto target = [&](const std::string& lines) {
    return Fault(With("", "[local.outbox.aml.core]\n" + lines));
  };
  EXPECT_EQ(target(good), "nothing");
  Has(target("secrets = [\"a\"]\n"), "url");
  Has(target("url = \"https://x\"\n"), "secrets");
  Has(target("url = \"http://x\"\nsecrets = [\"a\"]\n"),
      "serve.toml:11:7: local.outbox.aml.core.url");
  Has(target("url = \"https://x\"\nsecrets = []\n"), "1 to 4 secrets");
  Has(target(good + "networks = []\n"), "1 to 16 networks");
  Has(target(good + "networks = [\"8.8.8.0/24\"]\n"),
      "serve.toml:13:13: local.outbox.aml.core.networks");
  Has(target(good + "timeout = \"1 ms\"\n"), "timeout");
  Has(target(good + "attempts = 0\n"), "attempts");
  Has(target(good + "pause = \"10 s\"\npause_max = \"1 s\"\n"), "pause must not be longer");
  Has(target(good + "in_flight = 8\n"), "in_flight");
  Has(Fault(With("", "[local.outbox.other.core]\n" + good)), "no pack other is served here");
}

TEST_F(ServeConfigFile, RefusesWhatIsMissingOrMalformed) {
  Has(Fault(""), "local");
  Has(Fault("[local]\n"), "listen");
  for (const char* listen : {"8443", "localhost:8443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                             "127.0.0.1:-1", "127.0.0.1:1x", "[::1]", ":443"}) {
    std::string text = With("");
    text.replace(text.find("127.0.0.1:8443"), 14, listen);
    Has(Fault(text), "local.listen");
  }
  Has(Fault(With("tls = \"maybe\"")), "\"on\", \"off\"");
  Has(Fault(With("", "[shared.pack_hash]\naml = \"12\"\n")), "64 hexadecimal digits");
  Has(Fault(With("", "[shared.pack_hash]\nother = \"" + std::string(64, 'a') + "\"\n")), "other");
  std::string none = With("");
  none.erase(none.find("aml ="));
  Has(Fault(none), "nothing to serve");
}

TEST_F(ServeConfigFile, ServesNoOtherPackThanTheOneAgreedOn) {
  MakeTestCertificate(dir_.path());
  dir_.Write("keys", MakeKey("a")->line);
  auto check = [&](const std::string& rest) {
    Result<ServeConfig> config = Load(
        "[local]\nlisten = \"127.0.0.1:0\"\ncertificate = \"cert.pem\"\nprivate_key = "
        "\"key.pem\"\nkeys = \"keys\"\ndata = \"data\"\n[local.packs]\naml = \"" FUQI_SOURCE_DIR
        "/packs/aml\"\n" +
        rest);
    EXPECT_TRUE(config);
    return CheckServeConfig(*config, SystemDisk());
  };
  EXPECT_TRUE(check(""));
  Result<void> other = check("[shared.pack_hash]\naml = \"" + std::string(64, 'a') + "\"\n");
  ASSERT_FALSE(other);
  Has(other.error().ToString(), "not the one agreed on");
}

}  // namespace
}  // namespace fuqi::node
