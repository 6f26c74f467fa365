// Any bytes on a connection: the server answers with HTTP or closes, and goes on serving others.
// Routes, keys and problems are the real ones; there is no pack behind them.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
    const int fd = Connect();
    while (!bytes.empty()) {
      const ssize_t sent = TEMP_FAILURE_RETRY(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (sent <= 0) {
        break;
      }
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    shutdown(fd, SHUT_WR);
    std::string answer;
    char chunk[4096];
    for (ssize_t got = 1; got > 0;) {
      got = TEMP_FAILURE_RETRY(recv(fd, chunk, sizeof(chunk), 0));
      answer.append(chunk, static_cast<size_t>(std::max<ssize_t>(got, 0)));
    }
    close(fd);
    return answer;
  }

  // Calls are interrupted by the fuzzer's clock.
  int Connect() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
        return fd;
      }
      FUQI_CHECK(errno == EINTR);
      close(fd);
    }
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
