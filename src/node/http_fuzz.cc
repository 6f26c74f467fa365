// Any bytes on a connection: the server answers with HTTP or closes, and goes on serving others.
// Routes, keys and problems are the real ones; there is no pack behind them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "crypto/sha256.h"
#include "node/api.h"

namespace {

using namespace fuqi;

struct Served {
  Served()
      : api({}, *node::ApiKeys::Parse("fuzzer:" + ToHex(crypto::Sha256(AsBytes("key"))), "keys"),
            {}, node::AccessLog::kOff, SystemClock(), metrics) {
    node::HttpSettings settings;
    settings.bounds.body_bytes = 4096;
    settings.bounds.header_bytes = 2048;
    auto started = node::HttpServer::Start(settings, api, metrics);
    FUQI_CHECK(started.has_value());
    server = *std::move(started);
  }

  // What the server sends back to these bytes, followed by the end of our half.
  std::string Send(std::string_view bytes) const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    // From one address after another: those of connections that have ended stay taken for a while.
    static uint32_t from = 0;
    address.sin_addr.s_addr = htonl(0x7f010000 + ++from % 0x10000);
    FUQI_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    address.sin_port = htons(server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FUQI_CHECK(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        break;
      }
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    shutdown(fd, SHUT_WR);
    std::string answer;
    char chunk[4096];
    for (ssize_t got = 0; (got = recv(fd, chunk, sizeof(chunk), 0)) > 0;) {
      answer.append(chunk, static_cast<size_t>(got));
    }
    close(fd);
    return answer;
  }

  node::Metrics metrics{node::RoutePaths()};
  node::Api api;
  std::unique_ptr<node::HttpServer> server;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Served kServed;
  const std::string answer = kServed.Send({reinterpret_cast<const char*>(data), size});
  FUQI_CHECK(answer.empty() || answer.starts_with("HTTP/1.1 "));
  FUQI_CHECK(kServed.Send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 200 "));
  return 0;
}
