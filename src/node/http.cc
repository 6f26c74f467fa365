#include "node/http.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/messages.h"

namespace fuqi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kSweep = std::chrono::milliseconds(50);
constexpr int64_t kMsNs = 1'000'000;
// After an answer to a request whose body was not read: how long and how much of the rest is taken
// in, so that the answer is not lost to a reset.
constexpr int64_t kLingerMs = 1000;
constexpr size_t kLingerBytes = 256 << 10;
// How long a client may take to say goodbye in TLS.
constexpr int64_t kGoodbyeMs = 200;

int64_t NowNs() { return SystemClock().MonotonicNs(); }

// What the sweep sees of a connection.
struct Session {
  enum class Phase : uint8_t { kHandshake, kIdle, kReading, kAnswering, kWriting, kClosing };

  Session(asio::io_context& context, tcp::socket& s) : socket(s), wake(context) {
    wake.expires_at(asio::steady_timer::time_point::max());
  }
  void Enter(Phase next, int64_t ms) {
    phase = next;
    deadline_ns = NowNs() + ms * kMsNs;
    expired = false;
  }
  void Expire() {
    expired = true;
    if (phase == Phase::kAnswering) {
      wake.cancel();
    } else {
      error_code ignored;
      socket.cancel(ignored);
    }
  }

  tcp::socket& socket;
  asio::steady_timer wake;  // ends the wait for an answer
  Phase phase = Phase::kHandshake;
  int64_t deadline_ns = 0;
  bool expired = false;
  // Number of the request in hand: a late answer to an earlier one is dropped.
  uint64_t exchange = 0;
  std::optional<HttpResponse> answer;
};

// One io thread.
struct Shard {
  std::list<Session*> sessions;
  asio::io_context context{1};
  asio::steady_timer sweep{context};
  std::string date;  // of the Date header; renewed by the sweep
  std::thread thread;
};

// "Sun, 06 Nov 1994 08:49:37 GMT" [RFC 9110 §5.6.7].
std::string HttpDate() {
  const time_t now = SystemClock().NowUs() / 1'000'000;
  tm parts{};
  gmtime_r(&now, &parts);
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

std::string Serialize(const HttpResponse& response, std::string_view date, bool keep_alive,
                      bool with_body) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status,
                  std::string_view(http::obsolete_reason(http::int_to_status(response.status))));
  out.reserve(out.size() + 256 + response.body.size());
  out += fmt::format("Date: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", date,
                     response.content_type, response.body.size());
  out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) {
    out += fmt::format("{}: {}\r\n", name, value);
  }
  out += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (with_body) {
    out += response.body;
  }
  return out;
}

HttpFault FaultOf(error_code error) {
  if (error == http::error::body_limit) {
    return HttpFault::kBodyTooLarge;
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return HttpFault::kHeaderTooLarge;
  }
  return HttpFault::kMalformed;
}

bool IsProtocolError(error_code error) {
  return error.category() == make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

// Takes the server's ALPN choice: HTTP/1.1, or a refusal for a client that offers only other
// protocols.
int ChooseAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned in_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11) - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> ConfigureTls(asio::ssl::context& context, const TlsSettings& settings) {
  SSL_CTX* ssl = context.native_handle();
  SSL_CTX_set_min_proto_version(ssl, settings.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_alpn_select_cb(ssl, &ChooseAlpn, nullptr);
  error_code error;
  context.use_certificate_chain_file(settings.certificate, error);
  if (error) {
    return Err(ErrorCode::kConfig, "the certificate cannot be used: {}", error.message())
        .At({.file = settings.certificate});
  }
  context.use_private_key_file(settings.private_key, asio::ssl::context::pem, error);
  const bool other =
      ERR_GET_LIB(static_cast<unsigned long>(error.value())) == ERR_LIB_X509 &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH;
  if (error && !other) {
    return Err(ErrorCode::kConfig, "the private key cannot be used: {}", error.message())
        .At({.file = settings.private_key});
  }
  if (other || SSL_CTX_check_private_key(ssl) != 1) {
    return Err(ErrorCode::kConfig, "the private key is not that of the certificate {}",
               settings.certificate)
        .At({.file = settings.private_key});
  }
  return {};
}

Result<void> ListenOn(const HttpSettings& settings, tcp::acceptor& acceptor) {
  error_code error;
  auto address = asio::ip::make_address(settings.address, error);
  if (error) {
    return Err(ErrorCode::kConfig, "{} is no IP address to listen on", settings.address);
  }
  const tcp::endpoint endpoint(address, settings.port);
  if (acceptor.open(endpoint.protocol(), error) ||
      acceptor.set_option(tcp::acceptor::reuse_address(true), error) ||
      acceptor.bind(endpoint, error) || acceptor.listen(1024, error)) {
    return Err(ErrorCode::kIo, "cannot listen on {} port {}: {}", settings.address, settings.port,
               error.message());
  }
  return {};
}

}  // namespace

Language LanguageFromHeader(std::string_view accept_language) {
  double best = 0;
  Language language = Language::kEnglish;
  while (!accept_language.empty()) {
    std::string_view item = accept_language.substr(0, accept_language.find(','));
    accept_language.remove_prefix(std::min(accept_language.size(), item.size() + 1));
    item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
    std::string_view tag = item.substr(0, item.find_first_of("; \t"));
    double quality = 1;
    if (size_t q = item.find("q="); q != std::string_view::npos) {
      quality = std::strtod(std::string(item.substr(q + 2, 5)).c_str(), nullptr);
    }
    bool known = tag.starts_with("zh") || tag.starts_with("en");
    if (known && quality > best) {
      best = quality;
      language = LanguageFromTag(tag);
    }
  }
  return language;
}

Result<void> CheckTls(const HttpSettings& settings) {
  if (!settings.tls) {
    return {};
  }
  asio::ssl::context context(asio::ssl::context::tls_server);
  return ConfigureTls(context, *settings.tls);
}

Result<void> CheckPort(const HttpSettings& settings) {
  asio::io_context context;
  tcp::acceptor acceptor(context);
  return ListenOn(settings, acceptor);
}

struct HttpServer::Impl {
  Impl(const HttpSettings& s, HttpHandler& h, Metrics& m)
      : bounds(s.bounds), handler(h), metrics(m), shards(static_cast<size_t>(s.io_threads)) {
    for (auto& shard : shards) {
      shard = std::make_unique<Shard>();
    }
  }

  Result<void> Listen(const HttpSettings& settings);
  asio::awaitable<void> Accept();
  asio::awaitable<void> Connection(Shard& shard, tcp::socket socket);
  // A request as it was read.
  struct Received {
    HttpRequest request;
    std::optional<HttpResponse> response;  // given already: the handler is not asked
    bool gone = false;                     // the client is
    bool whole = false;  // nothing of it is left unread, to be taken for the next request
    bool keep_alive = false;
  };
  template <class Stream>
  asio::awaitable<Received> Receive(Session& session, Stream& stream, beast::flat_buffer& buffer);
  asio::awaitable<HttpResponse> Answer(Shard& shard, std::shared_ptr<Session> session,
                                       HttpRequest request);
  template <class Stream>
  asio::awaitable<void> Converse(Shard& shard, const std::shared_ptr<Session>& session,
                                 Stream& stream);
  template <class Stream>
  asio::awaitable<bool> Send(Shard& shard, Session& session, Stream& stream,
                             const HttpResponse& response, bool keep_alive, bool with_body);
  template <class Stream>
  asio::awaitable<void> Linger(Session& session, Stream& stream);
  asio::awaitable<void> Sweep(Shard& shard);
  Reply ReplyTo(Shard& shard, const std::shared_ptr<Session>& session);

  const HttpBounds bounds;
  HttpHandler& handler;
  Metrics& metrics;
  std::atomic<bool> draining{false};
  std::optional<asio::ssl::context> tls;
  std::vector<std::unique_ptr<Shard>> shards;
  std::optional<tcp::acceptor> acceptor;
  uint16_t port = 0;
};

Result<void> HttpServer::Impl::Listen(const HttpSettings& settings) {
  if (settings.tls) {
    tls.emplace(asio::ssl::context::tls_server);
    FUQI_RETURN_IF_ERROR(ConfigureTls(*tls, *settings.tls));
  }
  acceptor.emplace(shards[0]->context);
  FUQI_RETURN_IF_ERROR(ListenOn(settings, *acceptor));
  error_code error;
  port = acceptor->local_endpoint(error).port();  // asked for later while a thread closes
  return {};
}

asio::awaitable<void> HttpServer::Impl::Accept() {
  asio::steady_timer pause(shards[0]->context);
  for (size_t next = 0;; next = (next + 1) % shards.size()) {
    Shard& shard = *shards[next];
    tcp::socket socket(shard.context);
    auto [error] = co_await acceptor->async_accept(socket, kAwait);
    if (error == asio::error::operation_aborted || draining) {
      co_return;
    }
    if (error) {  // no file descriptors left, most likely: others may be closed meanwhile
      LogWarn("node", "a connection could not be accepted", {{"error", error.message()}});
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(kAwait);
      continue;
    }
    metrics.connections_accepted.Add();
    if (metrics.connections.load(std::memory_order_relaxed) >= bounds.connections) {
      metrics.connections_refused.Add();
      continue;  // closed by its destructor
    }
    metrics.connections.fetch_add(1);
    asio::co_spawn(shard.context, Connection(shard, std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> HttpServer::Impl::Connection(Shard& shard, tcp::socket socket) {
  auto session = std::make_shared<Session>(shard.context, socket);
  auto place = shard.sessions.insert(shard.sessions.end(), session.get());
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!tls) {
    co_await Converse(shard, session, socket);
  } else {
    asio::ssl::stream<tcp::socket&> stream(socket, *tls);
    session->Enter(Session::Phase::kHandshake, bounds.request_ms);
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
    if (error) {
      metrics.tls_failures.Add();
    } else {
      co_await Converse(shard, session, stream);
      session->Enter(Session::Phase::kClosing, kGoodbyeMs);
      co_await stream.async_shutdown(kAwait);
    }
  }
  shard.sessions.erase(place);
  metrics.connections.fetch_sub(1);
}

Reply HttpServer::Impl::ReplyTo(Shard& shard, const std::shared_ptr<Session>& session) {
  return [&shard, weak = std::weak_ptr<Session>(session),
          exchange = session->exchange](std::function<HttpResponse()> make) {
    asio::dispatch(shard.context, [weak, exchange, make = std::move(make)] {
      auto session = weak.lock();
      if (session && session->exchange == exchange && !session->answer) {
        session->answer = make();
        session->wake.cancel();
      }
    });
  };
}

// Reads one request. What is wrong with its head, by the handler's word, ends it before its body.
template <class Stream>
asio::awaitable<HttpServer::Impl::Received> HttpServer::Impl::Receive(Session& session,
                                                                      Stream& stream,
                                                                      beast::flat_buffer& buffer) {
  Received received;
  HttpRequest& request = received.request;
  request.started_ns = NowNs();
  session.Enter(Session::Phase::kReading, bounds.request_ms);
  http::request_parser<http::string_body> parser;
  parser.header_limit(bounds.header_bytes);
  parser.body_limit(boost::none);  // who asks, and for what, is looked at first
  auto [error, size] = co_await http::async_read_header(stream, buffer, parser, kAwait);
  if (!error) {
    const auto& head = parser.get();
    request.method = std::string_view(head.method_string());
    std::string_view target = head.target();
    size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    request.query = target.substr(std::min(question + 1, target.size()));
    request.content_type = std::string_view(head[http::field::content_type]);
    request.authorization = std::string_view(head[http::field::authorization]);
    request.idempotency_key = std::string_view(head["Idempotency-Key"]);
    request.language = LanguageFromHeader(head[http::field::accept_language]);
    received.response = handler.Admit(request);
    const uint64_t body_bytes =
        request.body_bytes_max > 0 ? request.body_bytes_max : bounds.body_bytes;
    parser.body_limit(body_bytes);
    const bool body_follows = !received.response && !parser.is_done();
    if (body_follows && parser.content_length().value_or(0) > body_bytes) {
      error = http::error::body_limit;
    } else if (body_follows) {
      if (beast::iequals(head[http::field::expect], "100-continue")) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(kContinue), kAwait);
      }
      std::tie(error, size) = co_await http::async_read(stream, buffer, parser, kAwait);
    }
  }
  received.gone = error && !session.expired && !IsProtocolError(error);
  if (error) {
    received.response = handler.Refuse(session.expired ? HttpFault::kTimeout : FaultOf(error),
                                       request.route, request.language);
  }
  received.whole = !error && parser.is_done();
  received.keep_alive = received.whole && parser.keep_alive();
  request.body = std::move(parser.get().body());
  co_return received;
}

// What the handler makes of a request, or that it did not answer in time.
asio::awaitable<HttpResponse> HttpServer::Impl::Answer(Shard& shard,
                                                       std::shared_ptr<Session> session,
                                                       HttpRequest request) {
  session->Enter(Session::Phase::kAnswering, bounds.answer_ms);
  ++session->exchange;
  session->answer.reset();
  const Language language = request.language;
  const size_t route = request.route;
  handler.Handle(std::move(request), ReplyTo(shard, session));
  while (!session->answer && !session->expired) {
    co_await session->wake.async_wait(kAwait);
  }
  ++session->exchange;
  co_return session->answer ? *std::exchange(session->answer, std::nullopt)
                            : handler.Refuse(HttpFault::kNoAnswer, route, language);
}

// One request after another, until the client or a bound ends it.
template <class Stream>
asio::awaitable<void> HttpServer::Impl::Converse(Shard& shard,
                                                 const std::shared_ptr<Session>& session,
                                                 Stream& stream) {
  beast::flat_buffer buffer(bounds.header_bytes + (64 << 10));
  for (bool keep_alive = true; keep_alive && !draining;) {
    if (buffer.size() == 0) {
      session->Enter(Session::Phase::kIdle, bounds.idle_ms);
      auto [error, size] = co_await stream.async_read_some(buffer.prepare(2048), kAwait);
      if (error) {
        co_return;
      }
      buffer.commit(size);
    }
    Received received = co_await Receive(*session, stream, buffer);
    if (received.gone) {
      co_return;
    }
    const bool is_head = received.request.method == "HEAD";
    const size_t route = received.request.route;
    const int64_t started_ns = received.request.started_ns;
    const std::string caller = received.request.caller;
    if (!received.response) {
      received.response = co_await Answer(shard, session, std::move(received.request));
    }
    const HttpResponse& response = *received.response;
    handler.Answered(route, caller, response.status, NowNs() - started_ns);
    keep_alive = received.keep_alive && !draining;
    if (!co_await Send(shard, *session, stream, response, keep_alive, !is_head)) {
      co_return;
    }
    if (!received.whole) {
      co_await Linger(*session, stream);
    }
  }
}

template <class Stream>
asio::awaitable<bool> HttpServer::Impl::Send(Shard& shard, Session& session, Stream& stream,
                                             const HttpResponse& response, bool keep_alive,
                                             bool with_body) {
  session.Enter(Session::Phase::kWriting, bounds.request_ms);
  std::string bytes = Serialize(response, shard.date, keep_alive, with_body);
  auto [error, size] = co_await asio::async_write(stream, asio::buffer(bytes), kAwait);
  co_return !error;
}

// Takes in what the client still sends: closing at once would send a reset that can overtake the
// answer.
template <class Stream>
asio::awaitable<void> HttpServer::Impl::Linger(Session& session, Stream& stream) {
  session.Enter(Session::Phase::kClosing, kLingerMs);
  std::array<char, 4096> discarded;
  for (size_t total = 0; total < kLingerBytes && !session.expired;) {
    auto [error, size] = co_await stream.async_read_some(asio::buffer(discarded), kAwait);
    if (error) {
      break;
    }
    total += size;
  }
}

asio::awaitable<void> HttpServer::Impl::Sweep(Shard& shard) {
  for (;;) {
    shard.date = HttpDate();
    shard.sweep.expires_after(kSweep);
    co_await shard.sweep.async_wait(kAwait);
    const int64_t now = NowNs();
    for (Session* session : shard.sessions) {
      if (now >= session->deadline_ns || (draining && session->phase == Session::Phase::kIdle)) {
        session->Expire();
      }
    }
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpSettings& settings,
                                                      HttpHandler& handler, Metrics& metrics) {
  auto impl = std::make_unique<Impl>(settings, handler, metrics);
  FUQI_RETURN_IF_ERROR(impl->Listen(settings));
  asio::co_spawn(impl->shards[0]->context, impl->Accept(), asio::detached);
  for (auto& shard : impl->shards) {
    shard->date = HttpDate();
    asio::co_spawn(shard->context, impl->Sweep(*shard), asio::detached);
    shard->thread = std::thread([&context = shard->context] { context.run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

uint16_t HttpServer::port() const { return impl_->port; }

void HttpServer::Stop(int64_t drain_ms) {
  if (impl_->draining.exchange(true)) {
    return;
  }
  asio::post(impl_->shards[0]->context, [this] {
    error_code ignored;
    impl_->acceptor->close(ignored);
  });
  const int64_t deadline = NowNs() + drain_ms * kMsNs;
  while (impl_->metrics.connections.load() > 0 && NowNs() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (auto& shard : impl_->shards) {
    shard->context.stop();
    shard->thread.join();
    for (Session* session : shard->sessions) {  // those that did not end in time
      error_code ignored;
      session->socket.close(ignored);
    }
  }
}

HttpServer::~HttpServer() { Stop(0); }

}  // namespace fuqi::node
