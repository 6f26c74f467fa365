#pragma once

// For tests: a plain HTTP client that can also misbehave, and a certificate made on the spot.

#include <openssl/ssl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fuqi::node {

// A self-signed certificate for 127.0.0.1 and its key as PEM files in `dir`.
struct TestCertificate {
  std::string certificate;
  std::string private_key;
};
TestCertificate MakeTestCertificate(const std::string& dir);

// A folder of its own, removed with everything in it.
class TestDir {
 public:
  TestDir();
  ~TestDir();
  TestDir(const TestDir&) = delete;
  TestDir& operator=(const TestDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  // Writes a file into it; gives its path.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

struct TestResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct TestTls {
  std::string certificate;  // the only one trusted
  int max_version = 0;      // TLS1_2_VERSION…; 0: the newest
  std::string alpn;         // one protocol to offer
};

// One connection to 127.0.0.1. Every wait ends after ten seconds.
class TestClient {
 public:
  static std::optional<TestClient> Connect(uint16_t port, const std::optional<TestTls>& tls = {});
  TestClient(TestClient&&) = default;
  TestClient& operator=(TestClient&&) = default;

  // False when the peer has closed.
  bool Write(std::string_view bytes);
  // Nothing when the peer closes before a whole response.
  std::optional<TestResponse> Read(bool head_only = false);
  // True if the peer closes without sending anything more.
  bool ReadsEnd();

  std::optional<TestResponse> Ask(std::string_view method, std::string_view path,
                                  std::string_view body = "", std::string_view headers = "");

  static std::string Format(std::string_view method, std::string_view path, std::string_view body,
                            std::string_view headers);

 private:
  struct Closer {
    void operator()(int* fd) const;
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  TestClient() = default;
  long ReadSome(char* out, size_t size);

  std::unique_ptr<int, Closer> fd_;
  std::unique_ptr<SSL_CTX, Closer> context_;
  std::unique_ptr<SSL, Closer> ssl_;
  std::string buffer_;
};

}  // namespace fuqi::node
