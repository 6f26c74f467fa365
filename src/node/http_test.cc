#include "node/http.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "node/test_client.h"

namespace fuqi::node {
namespace {

using std::chrono::milliseconds;

// Answers with what it was asked; /hold waits for Release, /large gives a megabyte, /forbidden is
// refused before its body.
class Echo final : public HttpHandler {
 public:
  std::optional<HttpResponse> Admit(HttpRequest& head) override {
    if (head.path == "/forbidden") {
      HttpResponse response;
      response.status = 401;
      return response;
    }
    return std::nullopt;
  }
  void Handle(HttpRequest request, Reply reply) override {
    HttpResponse response;
    response.body = request.method + " " + request.path + "?" + request.query + " " + request.body;
    if (request.path == "/large") {
      response.body.assign(1 << 20, 'x');
    }
    if (request.path == "/hold") {
      std::lock_guard lock(mutex_);
      held_.push_back([reply, response] { reply([response] { return response; }); });
      ++holding;
      return;
    }
    reply([response] { return response; });
  }
  HttpResponse Refuse(HttpFault fault, size_t, Language) override {
    static constexpr int kStatus[] = {400, 408, 413, 431, 504};
    HttpResponse response;
    response.status = kStatus[static_cast<size_t>(fault)];
    return response;
  }
  void Answered(size_t, const std::string&, int, int64_t) override { ++answered; }

  void Release() {
    std::lock_guard lock(mutex_);
    for (auto& answer : held_) {
      answer();
    }
    held_.clear();
  }

  std::atomic<int> answered{0};
  std::atomic<int> holding{0};

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> held_;
};

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

class Http : public testing::Test {
 protected:
  void StartWith(const HttpSettings& settings) {
    Result<std::unique_ptr<HttpServer>> started = HttpServer::Start(settings, echo_, metrics_);
    ASSERT_TRUE(started.has_value()) << started.error().ToString();
    server_ = *std::move(started);
  }
  TestClient Client(const std::optional<TestTls>& tls = {}) {
    std::optional<TestClient> client = TestClient::Connect(server_->port(), tls);
    EXPECT_TRUE(client.has_value());
    return *std::move(client);
  }

  TestDir dir_;
  Echo echo_;
  Metrics metrics_{{}};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Http, AnswersManyRequestsOnOneConnection) {
  StartWith({});
  TestClient client = Client();
  for (int i = 0; i < 50; ++i) {
    auto response = client.Ask("POST", "/a/b?c=d", std::to_string(i));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "POST /a/b?c=d " + std::to_string(i));
    EXPECT_EQ(response->headers.at("connection"), "keep-alive");
    EXPECT_EQ(response->headers.at("date").size(), 29u);
  }
}

TEST_F(Http, AnswersPipelinedRequestsInTheirOrder) {
  StartWith({.io_threads = 2});
  TestClient client = Client();
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += TestClient::Format("POST", "/p", std::to_string(i), "");
  }
  ASSERT_TRUE(client.Write(all));
  for (int i = 0; i < 20; ++i) {
    auto response = client.Read();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "POST /p? " + std::to_string(i));
  }
}

TEST_F(Http, TakesARequestByteForByte) {
  StartWith({});
  TestClient client = Client();
  for (char c : TestClient::Format("POST", "/slow", "body", "")) {
    ASSERT_TRUE(client.Write({&c, 1}));
  }
  auto response = client.Read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /slow? body");
}

TEST_F(Http, TakesAChunkedBody) {
  StartWith({});
  TestClient client = Client();
  ASSERT_TRUE(
      client.Write("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"));
  auto response = client.Read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /c? abcd");
}

TEST_F(Http, AnswersHeadWithoutABody) {
  StartWith({});
  TestClient client = Client();
  auto response = client.Ask("HEAD", "/x");
  ASSERT_TRUE(response);
  EXPECT_NE(response->headers.at("content-length"), "0");
  response = client.Ask("GET", "/y");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "GET /y? ");
}

TEST_F(Http, SendsContinueToWhoWaitsForIt) {
  StartWith({});
  TestClient client = Client();
  ASSERT_TRUE(client.Write(
      "POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
  auto interim = client.Read();
  ASSERT_TRUE(interim);
  EXPECT_EQ(interim->status, 100);
  ASSERT_TRUE(client.Write("late"));
  auto response = client.Read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /e? late");
}

TEST_F(Http, RefusesBeforeTheBodyIsReadAndCloses) {
  StartWith({});
  TestClient client = Client();
  ASSERT_TRUE(client.Write("POST /forbidden HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"));
  auto response = client.Read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 401);
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_TRUE(client.ReadsEnd());
}

TEST_F(Http, KeepsTheConnectionAfterRefusingARequestWithoutABody) {
  StartWith({});
  TestClient client = Client();
  EXPECT_EQ(client.Ask("GET", "/forbidden")->status, 401);
  EXPECT_EQ(client.Ask("GET", "/fine")->status, 200);
}

TEST_F(Http, RefusesABodyBeyondTheBound) {
  StartWith({.bounds = {.body_bytes = 100}});
  EXPECT_EQ(Client().Ask("POST", "/", std::string(100, 'x'))->status, 200);
  TestClient client = Client();
  EXPECT_EQ(client.Ask("POST", "/", std::string(101, 'x'))->status, 413);
  EXPECT_TRUE(client.ReadsEnd());
  TestClient chunked = Client();
  ASSERT_TRUE(
      chunked.Write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                    std::string(101, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_EQ(chunked.Read()->status, 413);
}

TEST_F(Http, LooksAtWhoAsksBeforeAtHowMuchHeSends) {
  StartWith({.bounds = {.body_bytes = 100}});
  EXPECT_EQ(Client().Ask("POST", "/forbidden", std::string(101, 'x'))->status, 401);
}

TEST_F(Http, RefusesABodyTooLargeToBeTrueWithoutWaitingForIt) {
  StartWith({});
  TestClient client = Client();
  ASSERT_TRUE(
      client.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\n"));
  EXPECT_EQ(client.Read()->status, 413);
}

TEST_F(Http, RefusesAHeaderBeyondTheBound) {
  StartWith({.bounds = {.header_bytes = 1024}});
  TestClient client = Client();
  EXPECT_EQ(client.Ask("GET", "/", "", "X: " + std::string(2000, 'x') + "\r\n")->status, 431);
  EXPECT_EQ(Client().Ask("GET", "/" + std::string(2000, 'x'))->status, 431);
}

TEST_F(Http, RefusesWhatIsNoHttp) {
  StartWith({});
  constexpr std::string_view kBad[] = {
      "\r\n\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01",
      "GET / HTTP/1.1\r\nNo colon\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"};
  for (std::string_view bad : kBad) {
    TestClient client = Client();
    ASSERT_TRUE(client.Write(bad));
    auto response = client.Read();
    ASSERT_TRUE(response) << bad;
    EXPECT_EQ(response->status, 400) << bad;
  }
}

TEST_F(Http, BoundsTheTimeInWhichARequestMustArrive) {
  StartWith({.bounds = {.request_ms = 150, .idle_ms = 60'000}});
  TestClient header = Client();
  TestClient body = Client();
  ASSERT_TRUE(header.Write("GET / HT"));
  ASSERT_TRUE(body.Write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab"));
  // Bytes that keep trickling in buy no time.
  std::atomic<bool> stop{false};
  std::thread trickle([&] {
    while (!stop && body.Write("c")) {
      std::this_thread::sleep_for(milliseconds(60));
    }
  });
  EXPECT_EQ(header.Read()->status, 408);
  EXPECT_EQ(body.Read()->status, 408);
  stop = true;
  trickle.join();
}

TEST_F(Http, ClosesAnIdleConnectionSilently) {
  StartWith({.bounds = {.idle_ms = 100}});
  TestClient client = Client();
  EXPECT_EQ(client.Ask("GET", "/")->status, 200);
  EXPECT_TRUE(client.ReadsEnd());
  EXPECT_TRUE(Eventually([&] { return metrics_.connections == 0; }));
}

TEST_F(Http, BoundsTheTimeAClientMayTakeToReadItsAnswer) {
  StartWith({.bounds = {.request_ms = 150}});
  TestClient client = Client();
  std::string many;
  for (int i = 0; i < 64; ++i) {  // more than the sockets' buffers hold
    many += TestClient::Format("GET", "/large", "", "");
  }
  ASSERT_TRUE(client.Write(many));
  EXPECT_TRUE(Eventually([&] { return echo_.answered > 0; }));
  EXPECT_TRUE(Eventually([&] { return metrics_.connections == 0; }));
  EXPECT_LT(echo_.answered, 64);
}

TEST_F(Http, SaysTheOutcomeIsUnknownWhenTheHandlerDoesNotAnswerInTime) {
  StartWith({.bounds = {.answer_ms = 100}});
  TestClient client = Client();
  EXPECT_EQ(client.Ask("GET", "/hold")->status, 504);
  echo_.Release();  // too late: must not become the answer to the next request
  auto next = client.Ask("GET", "/next");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "GET /next? ");
}

TEST_F(Http, SurvivesAClientThatLeavesBeforeItsAnswer) {
  StartWith({});
  {
    TestClient client = Client();
    ASSERT_TRUE(client.Write(TestClient::Format("GET", "/hold", "", "")));
    ASSERT_TRUE(Eventually([&] { return echo_.holding == 1; }));
  }
  echo_.Release();
  EXPECT_TRUE(Eventually([&] { return metrics_.connections == 0; }));
  EXPECT_EQ(Client().Ask("GET", "/")->status, 200);
}

TEST_F(Http, ClosesConnectionsBeyondTheBoundAtOnce) {
  StartWith({.bounds = {.connections = 2}});
  TestClient first = Client();
  TestClient second = Client();
  EXPECT_EQ(first.Ask("GET", "/")->status, 200);
  EXPECT_EQ(second.Ask("GET", "/")->status, 200);
  TestClient third = Client();
  EXPECT_TRUE(third.ReadsEnd());
  EXPECT_EQ(metrics_.connections_refused.value(), 1u);
  EXPECT_EQ(first.Ask("GET", "/")->status, 200);
}

TEST_F(Http, FinishesWhatIsInHandWhenItStops) {
  StartWith({});
  TestClient busy = Client();
  TestClient idle = Client();
  ASSERT_TRUE(busy.Write(TestClient::Format("GET", "/hold", "", "")));
  ASSERT_TRUE(Eventually([&] { return echo_.holding == 1; }));
  std::thread release([&] {
    EXPECT_TRUE(idle.ReadsEnd());  // closed at once
    EXPECT_FALSE(TestClient::Connect(server_->port()) &&
                 Client().Ask("GET", "/"));  // nobody is taken any more
    echo_.Release();
  });
  server_->Stop(10'000);
  release.join();
  auto response = busy.Read();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_TRUE(busy.ReadsEnd());
}

TEST_F(Http, StopsInBoundedTimeWhateverIsInHand) {
  StartWith({.bounds = {.answer_ms = 60'000}});
  TestClient client = Client();
  ASSERT_TRUE(client.Write(TestClient::Format("GET", "/hold", "", "")));
  ASSERT_TRUE(Eventually([&] { return echo_.holding == 1; }));
  server_->Stop(50);
  EXPECT_TRUE(client.ReadsEnd());
  echo_.Release();
}

class Tls : public Http {
 protected:
  void StartTls(bool allow_tls12) {
    certificate_ = MakeTestCertificate(dir_.path());
    StartWith(
        {.tls = TlsSettings{certificate_.certificate, certificate_.private_key, allow_tls12}});
  }
  bool Connects(int max_version, const std::string& alpn = "") {
    return TestClient::Connect(server_->port(),
                               TestTls{certificate_.certificate, max_version, alpn})
        .has_value();
  }
  TestCertificate certificate_;
};

TEST_F(Tls, AnswersOverTls13) {
  StartTls(false);
  TestClient client = Client(TestTls{certificate_.certificate});
  EXPECT_EQ(client.Ask("POST", "/", std::string(100'000, 'x'))->body.size(), 100'000u + 8);
  EXPECT_EQ(client.Ask("GET", "/large")->body.size(), 1u << 20);
}

TEST_F(Tls, Takes12OnlyWhereAllowedAndNothingOlderEver) {
  StartTls(false);
  EXPECT_FALSE(Connects(TLS1_2_VERSION));
  StartTls(true);
  EXPECT_TRUE(Connects(TLS1_2_VERSION));
  EXPECT_FALSE(Connects(TLS1_1_VERSION));
}

TEST_F(Tls, SpeaksHttp11AlonByAlpn) {
  StartTls(false);
  EXPECT_TRUE(Connects(0, "http/1.1"));
  EXPECT_FALSE(Connects(0, "h2"));
}

TEST_F(Tls, ClosesAClientThatSpeaksInTheClearOrNotAtAll) {
  StartTls(false);
  TestClient clear = Client();
  clear.Write("GET / HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(clear.Read());
  server_.reset();
  StartWith({.tls = TlsSettings{certificate_.certificate, certificate_.private_key},
             .bounds = {.request_ms = 100}});
  TestClient silent = Client();
  EXPECT_TRUE(silent.ReadsEnd());
  EXPECT_TRUE(Eventually([&] { return metrics_.tls_failures.value() >= 2; }));
}

TEST_F(Tls, RefusesUnusableFilesByName) {
  certificate_ = MakeTestCertificate(dir_.path());
  TestDir other;
  const TestCertificate stranger = MakeTestCertificate(other.path());
  auto refuses = [&](const TlsSettings& tls) {
    Result<void> checked = CheckTls({.tls = tls});
    return !checked && checked.error().code() == ErrorCode::kConfig && checked.error().where();
  };
  EXPECT_TRUE(refuses({dir_ / "none.pem", certificate_.private_key}));
  EXPECT_TRUE(refuses({certificate_.certificate, dir_ / "none.pem"}));
  EXPECT_TRUE(refuses({certificate_.certificate, stranger.private_key}));
  EXPECT_TRUE(refuses({certificate_.private_key, certificate_.private_key}));
  EXPECT_FALSE(refuses({certificate_.certificate, certificate_.private_key}));
}

TEST(AcceptLanguage, TakesTheHighestRankedOfTheTwo) {
  EXPECT_EQ(LanguageFromHeader(""), Language::kEnglish);
  EXPECT_EQ(LanguageFromHeader("zh"), Language::kChinese);
  EXPECT_EQ(LanguageFromHeader("zh-CN,zh;q=0.9,en;q=0.8"), Language::kChinese);
  EXPECT_EQ(LanguageFromHeader("en;q=0.9, zh;q=0.8"), Language::kEnglish);
  EXPECT_EQ(LanguageFromHeader("en;q=0.2, fr, zh;q=0.8"), Language::kChinese);
  EXPECT_EQ(LanguageFromHeader("zh;q=0"), Language::kEnglish);
  EXPECT_EQ(LanguageFromHeader(",,;q=,q=q=;;"), Language::kEnglish);
}

}  // namespace
}  // namespace fuqi::node
