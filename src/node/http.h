#pragma once

// An HTTP/1.1 server, and nothing of what it serves: connections, TLS, framing and every bound on
// what a client can take of this process. What a request means is its HttpHandler's business
// (api.h).
//
// Each io thread has its own event loop and each connection belongs to one of them for life. One
// request of a connection is in hand at a time; pipelined ones wait in the socket. Time is bounded
// in every state: TLS handshake, idle, receiving one whole request (however slowly its bytes
// trickle), waiting for the handler's answer, sending. A sweep every 50 ms enforces it, so a bound
// may be overstepped by that much.
//
// Security: TLS 1.2 with forward-secret AEAD suites, or 1.3; no renegotiation, no compression, no
// tickets. A request is looked at by HttpHandler::Admit before its body is read, so an
// unauthenticated client costs at most one header. Plain HTTP is for loopback only; serve_config.h
// refuses anything else.
//
// Threads: Start, Stop and the destructor from one thread; the handler is called on io threads.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "node/metrics.h"

namespace fuqi::node {

struct HttpRequest {
  std::string method;
  std::string path;   // of the target, as sent: percent-encoded, without the query
  std::string query;  // without the question mark
  std::string content_type;
  std::string authorization;
  std::string idempotency_key;             // empty where there is none
  Language language = Language::kEnglish;  // by Accept-Language
  std::string body;                        // has spare capacity for simdjson's padding
  int64_t started_ns = 0;                  // MonotonicNs at its first byte
  size_t route = SIZE_MAX;                 // set by Admit: its number among the handler's routes
  std::string caller;                      // set by Admit: who authenticated
  uint64_t body_bytes_max = 0;             // set by Admit: a bound of its own; 0: the server's
  std::shared_ptr<void> admitted;          // set by Admit: lives as long as the request
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

// What the server itself finds wrong with a request.
enum class HttpFault : uint8_t {
  kMalformed,       // 400
  kTimeout,         // 408
  kBodyTooLarge,    // 413
  kHeaderTooLarge,  // 431
  kNoAnswer,        // 504: the handler did not answer in time; whether it acted is unknown
};

// Call it once, on any thread; `make` runs on the connection's own thread, or never if the
// connection is gone or was told kNoAnswer.
using Reply = std::function<void(std::function<HttpResponse()> make)>;

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // With everything but the body. An answer here refuses the request; the body is then not read.
  virtual std::optional<HttpResponse> Admit(HttpRequest& head) = 0;
  virtual void Handle(HttpRequest request, Reply reply) = 0;
  // `route`: SIZE_MAX where it is not known.
  virtual HttpResponse Refuse(HttpFault fault, size_t route, Language language) = 0;
  // An answer is about to be sent: for metrics and the access log.
  virtual void Answered(size_t route, const std::string& caller, int status,
                        int64_t elapsed_ns) = 0;
};

struct HttpBounds {
  uint64_t body_bytes = 1 << 20;
  uint32_t header_bytes = 8192;
  int64_t request_ms = 10'000;  // a handshake; a whole request; sending an answer
  int64_t idle_ms = 60'000;
  int64_t answer_ms = 5'000;
  int connections = 1024;
};

struct TlsSettings {
  std::string certificate;  // path of a PEM chain, leaf first
  std::string private_key;  // path of its PEM key
  bool allow_tls12 = false;
};

struct HttpSettings {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  std::optional<TlsSettings> tls;
  int io_threads = 1;
  HttpBounds bounds;
};

// The language that an Accept-Language header ranks first; English where it says nothing usable.
Language LanguageFromHeader(std::string_view accept_language);

// kConfig if the certificate or key of `settings` cannot be used.
Result<void> CheckTls(const HttpSettings& settings);
// kIo if nobody can listen where `settings` say, as when another process does.
Result<void> CheckPort(const HttpSettings& settings);

class HttpServer {
 public:
  // Listens when it returns. kConfig: address, certificate or key unusable. kIo: the port is taken.
  // `handler` and `metrics` must outlive the server, and the server whoever holds a Reply.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpSettings& settings,
                                                   HttpHandler& handler, Metrics& metrics);
  ~HttpServer();
  uint16_t port() const;
  // Takes no new connection, lets requests in hand finish for at most `drain_ms`, closes the rest,
  // ends the threads.
  void Stop(int64_t drain_ms);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::node
