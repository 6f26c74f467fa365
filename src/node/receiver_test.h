#pragma once

// A system outside that takes webhooks: one connection at a time, over TLS, each message answered
// as the test says. A connection is kept for the next message after kGood, and closed after all
// else.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "node/test_client.h"

namespace fuqi::node {

struct Received {
  std::string target;
  std::map<std::string, std::string> headers;  // names in small letters
  std::string body;
};

class Receiver {
 public:
  // What to answer, as bytes; nothing: the connection is closed without an answer.
  using Answer = std::function<std::string(const Received&)>;
  static constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  // The same, of one who closes the connection without having said so.
  static constexpr const char* kGoodAndGone =
      "HTTP/1.1 200 OK\r\nX: gone\r\nContent-Length: 2\r\n\r\nok";
  static constexpr const char* kHang = "hang";  // no answer as long as the receiver lives

  Receiver(const TestCertificate& certificate, Answer answer) : answer_(std::move(answer)) {
    signal(SIGPIPE, SIG_IGN);  // who sends may be gone before he is answered
    context_ = SSL_CTX_new(TLS_server_method());
    FUQI_CHECK(SSL_CTX_use_certificate_file(context_, certificate.certificate.c_str(),
                                            SSL_FILETYPE_PEM) == 1);
    FUQI_CHECK(SSL_CTX_use_PrivateKey_file(context_, certificate.private_key.c_str(),
                                           SSL_FILETYPE_PEM) == 1);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FUQI_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    FUQI_CHECK(listen(listener_, 64) == 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Receiver() {
    stopping_ = true;
    thread_.join();
    close(listener_);
    SSL_CTX_free(context_);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  uint16_t port() const { return port_; }
  size_t connections() const { return connections_; }
  std::vector<Received> received() const {
    std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  void Run() {
    while (!stopping_) {
      pollfd readable{listener_, POLLIN, 0};
      if (poll(&readable, 1, 20) == 1) {
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        ++connections_;
        const timeval patience{2, 0};
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        const int no_delay = 1;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
        SSL* ssl = SSL_new(context_);
        SSL_set_fd(ssl, connection);
        if (SSL_accept(ssl) == 1) {
          while (Waits(ssl, connection) && Serve(ssl)) {
          }
        }
        SSL_free(ssl);
        close(connection);
      }
    }
  }

  // Until something comes.
  bool Waits(SSL* ssl, int connection) {
    while (SSL_pending(ssl) == 0 && !stopping_) {
      pollfd readable{connection, POLLIN, 0};
      if (poll(&readable, 1, 20) == 1) {
        return true;
      }
    }
    return !stopping_;
  }

  // Whether the connection is kept.
  bool Serve(SSL* ssl) {
    std::string bytes;
    size_t head = std::string::npos;
    size_t length = 0;
    std::string chunk(4096, '\0');
    while (head == std::string::npos || bytes.size() < head + 4 + length) {
      const int got = SSL_read(ssl, chunk.data(), static_cast<int>(chunk.size()));
      if (got <= 0) {
        return false;
      }
      bytes.append(chunk, 0, static_cast<size_t>(got));
      head = bytes.find("\r\n\r\n");
      if (const size_t at = bytes.find("Content-Length: "); head != std::string::npos) {
        FUQI_CHECK(at < head);
        length = std::stoul(bytes.substr(at + 16));
      }
    }
    const Received request = Parse(bytes.substr(0, head), bytes.substr(head + 4));
    {
      std::lock_guard lock(mutex_);
      received_.push_back(request);
    }
    const std::string answer = answer_(request);
    while (answer == kHang && !stopping_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!answer.empty()) {
      SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
    }
    return answer == kGood;
  }

  static Received Parse(const std::string& head, std::string body) {
    Received request;
    request.body = std::move(body);
    request.target = head.substr(5, head.find(' ', 5) - 5);
    for (size_t at = head.find("\r\n"); at != std::string::npos;) {
      const size_t end = head.find("\r\n", at + 2);
      const std::string line = head.substr(at + 2, end - at - 2);
      std::string name = line.substr(0, line.find(':'));
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      request.headers[name] = line.substr(line.find(':') + 2);
      at = end;
    }
    return request;
  }

  const Answer answer_;
  SSL_CTX* context_ = nullptr;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> connections_{0};
  mutable std::mutex mutex_;
  std::vector<Received> received_;
  std::thread thread_;
};

}  // namespace fuqi::node
