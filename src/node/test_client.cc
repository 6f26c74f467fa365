#include "node/test_client.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/check.h"

namespace fuqi::node {
namespace {

template <class Write>
void WriteTo(const std::string& path, Write write) {
  FILE* file = std::fopen(path.c_str(), "w");
  FUQI_CHECK(file != nullptr);
  const bool written = write(file) == 1;
  FUQI_CHECK(std::fclose(file) == 0 && written);
}

}  // namespace

TestCertificate MakeTestCertificate(const std::string& dir) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  FUQI_CHECK(key != nullptr && certificate != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* san = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, san, -1);
  X509_EXTENSION_free(san);
  X509_sign(certificate, key, EVP_sha256());

  TestCertificate made{dir + "/cert.pem", dir + "/key.pem"};
  WriteTo(made.certificate, [&](FILE* file) { return PEM_write_X509(file, certificate); });
  WriteTo(made.private_key, [&](FILE* file) {
    return PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

TestDir::TestDir() {
  std::string name = (std::filesystem::temp_directory_path() / "fuqi-XXXXXX").string();
  FUQI_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TestDir::~TestDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TestDir::Write(std::string_view name, std::string_view content) const {
  const std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

void TestClient::Closer::operator()(int* fd) const {
  close(*fd);
  delete fd;
}

std::optional<TestClient> TestClient::Connect(uint16_t port, const std::optional<TestTls>& tls) {
  TestClient client;
  client.fd_.reset(new int(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  const timeval patience{10, 0};
  setsockopt(*client.fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(*client.fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const int on = 1;
  setsockopt(*client.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(*client.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return std::nullopt;
  }
  if (!tls) {
    return client;
  }
  client.context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(client.context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_load_verify_locations(client.context_.get(), tls->certificate.c_str(), nullptr);
  if (tls->max_version != 0) {
    SSL_CTX_set_security_level(client.context_.get(), 0);  // old versions are to be offered
    SSL_CTX_set_max_proto_version(client.context_.get(), tls->max_version);
  }
  client.ssl_.reset(SSL_new(client.context_.get()));
  if (!tls->alpn.empty()) {
    const std::string wire = static_cast<char>(tls->alpn.size()) + tls->alpn;
    SSL_set_alpn_protos(client.ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  SSL_set_fd(client.ssl_.get(), *client.fd_);
  if (SSL_connect(client.ssl_.get()) != 1) {
    return std::nullopt;
  }
  return client;
}

bool TestClient::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const long sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : send(*fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

long TestClient::ReadSome(char* out, size_t size) {
  return ssl_ ? SSL_read(ssl_.get(), out, static_cast<int>(size)) : recv(*fd_, out, size, 0);
}

std::optional<TestResponse> TestClient::Read(bool head_only) {
  char chunk[16384];
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    const long got = ReadSome(chunk, sizeof(chunk));
    if (got <= 0) {
      return std::nullopt;
    }
    buffer_.append(chunk, static_cast<size_t>(got));
  }
  TestResponse response;
  std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  response.status = std::stoi(head.substr(9, 3));
  for (size_t line = head.find("\r\n") + 2; line < head.size();) {
    const size_t stop = head.find("\r\n", line);
    const size_t colon = head.find(':', line);
    std::string name = head.substr(line, colon - line);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response.headers[name] = head.substr(colon + 2, stop - colon - 2);
    line = stop + 2;
  }
  const auto length = response.headers.find("content-length");
  const size_t size =
      length == response.headers.end() || head_only ? 0 : std::stoul(length->second);
  while (buffer_.size() < size) {
    const long got = ReadSome(chunk, sizeof(chunk));
    if (got <= 0) {
      return std::nullopt;
    }
    buffer_.append(chunk, static_cast<size_t>(got));
  }
  response.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return response;
}

bool TestClient::ReadsEnd() {
  char byte = 0;
  return buffer_.empty() && ReadSome(&byte, 1) <= 0 && errno != EAGAIN;
}

std::string TestClient::Format(std::string_view method, std::string_view path,
                               std::string_view body, std::string_view headers) {
  return fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n{}\r\n{}", method,
                     path, body.size(), headers, body);
}

std::optional<TestResponse> TestClient::Ask(std::string_view method, std::string_view path,
                                            std::string_view body, std::string_view headers) {
  if (!Write(Format(method, path, body, headers))) {
    return std::nullopt;
  }
  return Read(method == "HEAD");
}

}  // namespace fuqi::node
