#include "node/webhook.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "ledger/head.h"

namespace fuqi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr uint64_t kAnswerBytesMax = 64 << 10;
constexpr uint32_t kAnswerHeaderBytesMax = 16 << 10;
constexpr int kAnswerHeadsMax = 8;
constexpr std::string_view kSecretPrefix = "whsec_";
constexpr size_t kSecretBytesMin = 24;
constexpr size_t kSecretBytesMax = 64;
constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
// After so long a connection is left, so that a name that now means another address is followed.
constexpr auto kConnectionAge = std::chrono::seconds(30);
using Stream = asio::ssl::stream<beast::tcp_stream>;

// Special-purpose addresses (IANA registry) of the fourth version that are no public unicast.
constexpr std::array<std::pair<uint32_t, int>, 14> kSpecial4 = {
    {{0x00000000, 8},    // this network
     {0x0a000000, 8},    // private
     {0x64400000, 10},   // carrier-grade NAT
     {0x7f000000, 8},    // loopback
     {0xa9fe0000, 16},   // link-local
     {0xac100000, 12},   // private
     {0xc0000000, 24},   // protocol assignments
     {0xc0000200, 24},   // documentation
     {0xc0586300, 24},   // 6to4 relay
     {0xc0a80000, 16},   // private
     {0xc6120000, 15},   // benchmarks
     {0xc6336400, 24},   // documentation
     {0xcb007100, 24},   // documentation
     {0xe0000000, 3}}};  // multicast and reserved

// Global unicast is 2000::/3 without documentation, Teredo and 6to4, which hide an address of the
// fourth version.
bool IsPublic(const std::array<uint8_t, 16>& bytes) {
  const auto word = [&](size_t at) {
    return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 |
           uint32_t{bytes[at + 2]} << 8 | uint32_t{bytes[at + 3]};
  };
  if (std::ranges::equal(std::span(bytes).first(12), std::span(kMapped))) {
    return std::ranges::none_of(kSpecial4, [&](const auto& special) {
      return ((word(12) ^ special.first) >> (32 - special.second)) == 0;
    });
  }
  const uint32_t first = word(0);
  return first >> 29 == 1 && first != 0x20010db8 && first != 0x20010000 && first >> 16 != 0x2002;
}

std::array<uint8_t, 16> BytesOf(const asio::ip::address& address) {
  return address.is_v4()
             ? asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes()
             : address.to_v6().to_bytes();
}

bool IsIn(const std::array<uint8_t, 16>& bytes, const std::array<uint8_t, 16>& first, int bits) {
  for (size_t i = 0; bits > 0; ++i, bits -= 8) {
    if (((bytes[i] ^ first[i]) >> std::max(8 - bits, 0)) != 0) {
      return false;
    }
  }
  return true;
}

Error Failed(std::string_view what, const error_code& error) {
  return Err(ErrorCode::kUnavailable, "the target cannot be reached: {}: {}", what,
             error == beast::error::timeout ? "timed out" : error.message());
}

// The addresses of the host that may be connected to.
asio::awaitable<Result<std::vector<tcp::endpoint>>> Resolve(const WebhookTarget& target) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [error, found] = co_await resolver.async_resolve(
      target.url.host, std::to_string(target.url.port), tcp::resolver::numeric_service, kAwait);
  if (error) {
    co_return Failed("its name", error);
  }
  std::vector<tcp::endpoint> allowed;
  std::string refused;
  for (const auto& entry : found) {
    const tcp::endpoint endpoint = entry.endpoint();
    // SECURITY: the address that is checked is the one that is connected to:
    // OutboxDeliveryTest.NeverConnectsToAnAddressWhereTheTargetMayNotBe.
    if (IsAllowed(endpoint.address(), target.networks)) {
      allowed.push_back(endpoint);
    } else {
      refused = endpoint.address().to_string();
    }
  }
  if (allowed.empty()) {
    co_return Err(ErrorCode::kPermissionDenied,
                  "the target's address {} is none where it may be: a public one, or in one of its "
                  "'networks'",
                  refused);
  }
  co_return allowed;
}

Result<void> ResultOf(int status, std::string_view location) {
  if (status / 100 == 2) {
    return {};
  }
  if (status / 100 == 3) {
    return Err(ErrorCode::kPermissionDenied,
               "the target answered {} and points to '{}': redirects are not followed", status,
               location.substr(0, 200));
  }
  return Err(ErrorCode::kUnavailable, "the target answered {}", status);
}

using Request = http::request<http::string_body>;

Request RequestOf(const WebhookTarget& target, const WebhookMessage& message) {
  Request request(http::verb::post, target.url.target, 11);
  request.set(http::field::host, target.url.authority);
  request.set(http::field::content_type, "application/json");
  request.set(http::field::user_agent, "fuqi");
  request.set("webhook-id", message.id);
  request.set("webhook-timestamp", std::to_string(message.timestamp_s));
  request.set("webhook-signature", message.signature);
  request.body() = message.body;
  request.prepare_payload();
  return request;
}

// "10.1.2.0/24"
Result<Network> ParseNetwork(std::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view digits = text.substr(std::min(slash + 1, text.size()));
  error_code error;
  const auto address = asio::ip::make_address(std::string(text.substr(0, slash)), error);
  int bits = -1;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error || bad != std::errc() || end != digits.data() + digits.size() || bits < 0 ||
      bits > (address.is_v4() ? 32 : 128)) {
    return Err(ErrorCode::kConfig, "a network is written as 10.1.2.0/24 or fd00:1::/48");
  }
  const Network network{BytesOf(address), bits + (address.is_v4() ? 96 : 0)};
  for (int bit = network.bits; bit < 128; ++bit) {
    if ((network.first[static_cast<size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) {
      return Err(ErrorCode::kConfig, "{} is one address in a network: all bits behind / must be 0",
                 text);
    }
  }
  return network;
}

}  // namespace

WebhookSecret::~WebhookSecret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

Result<WebhookSecret> WebhookSecret::Parse(std::string_view text) {
  const bool has_prefix = text.starts_with(kSecretPrefix);
  Result<Bytes> bytes =
      ledger::FromBase64(has_prefix ? text.substr(kSecretPrefix.size()) : std::string_view());
  if (!bytes || bytes->size() < kSecretBytesMin || bytes->size() > kSecretBytesMax) {
    return Err(ErrorCode::kParse, "a webhook secret is whsec_ and the base64 of {} to {} bytes",
               kSecretBytesMin, kSecretBytesMax);
  }
  return WebhookSecret(*std::move(bytes));
}

Result<WebhookUrl> ParseWebhookUrl(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  const auto fail = [] {
    return Err(ErrorCode::kConfig,
               "a target is written as https://HOST, https://HOST:PORT/PATH or "
               "https://[::1]:PORT/PATH");
  };
  const bool visible =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '@'; });
  if (!text.starts_with(kScheme) || !visible) {
    return fail();
  }
  text.remove_prefix(kScheme.size());
  WebhookUrl url;
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  url.authority = text.substr(0, end);
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) {
    url.target.insert(0, "/");
  }
  url.host = url.authority;
  const size_t colon = url.host.rfind(':');
  if (colon != std::string::npos && url.host.find(']', colon) == std::string::npos) {
    const std::string digits = url.host.substr(colon + 1);
    const bool is_number = !digits.empty() && digits.size() <= 5 &&
                           digits.find_first_not_of("0123456789") == std::string::npos;
    const int port = is_number ? std::stoi(digits) : 0;
    if (port < 1 || port > 65535) {
      return fail();
    }
    url.port = static_cast<uint16_t>(port);
    url.host.resize(colon);
  }
  if (url.host.starts_with('[') && url.host.ends_with(']')) {
    url.host = url.host.substr(1, url.host.size() - 2);
  } else if (url.host.find_first_of(":[]") != std::string::npos) {
    return fail();
  }
  return url.host.empty() ? Result<WebhookUrl>(fail()) : std::move(url);
}

std::string WebhookSignature(std::span<const WebhookSecret> secrets, std::string_view id,
                             int64_t timestamp_s, std::string_view body) {
  const std::string content = fmt::format("{}.{}.{}", id, timestamp_s, body);
  std::string signature;
  for (const WebhookSecret& secret : secrets) {
    Digest mac{};
    unsigned size = mac.size();
    HMAC(EVP_sha256(), secret.bytes().data(), static_cast<int>(secret.bytes().size()),
         AsBytes(content).data(), content.size(), mac.data(), &size);
    signature += fmt::format("{}v1,{}", signature.empty() ? "" : " ", ledger::ToBase64(mac));
  }
  return signature;
}

bool Network::Contains(const asio::ip::address& address) const {
  return IsIn(BytesOf(address), first, bits);
}

Result<Network> ParseHouseNetwork(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kHouse = {
      "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12",
      "192.168.0.0/16", "::1/128",       "fc00::/7"};
  FUQI_ASSIGN_OR_RETURN(Network network, ParseNetwork(text));
  for (const std::string_view house : kHouse) {
    const Network outer = *ParseNetwork(house);
    if (outer.bits <= network.bits && IsIn(network.first, outer.first, outer.bits)) {
      return network;
    }
  }
  return Err(ErrorCode::kConfig,
             "{} is no network of the house: it lies in none of 10.0.0.0/8, 100.64.0.0/10, "
             "127.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, ::1/128 and fc00::/7",
             text);
}

bool IsAllowed(const asio::ip::address& address, std::span<const Network> networks) {
  return networks.empty() ? IsPublic(BytesOf(address))
                          : std::ranges::any_of(networks, [&](const Network& network) {
                              return network.Contains(address);
                            });
}

Result<asio::ssl::context> WebhookTls(const WebhookTarget& target) {
  asio::ssl::context tls(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(tls.native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  tls.set_verify_mode(asio::ssl::verify_peer);
  error_code error;
  if (target.ca.empty()) {
    tls.set_default_verify_paths(error);
  } else {
    tls.load_verify_file(target.ca, error);
  }
  if (error) {
    return Err(ErrorCode::kConfig, "the CA's certificates cannot be used: {}", error.message())
        .At({.file = target.ca});
  }
  return tls;
}

struct WebhookSender::Connection {
  Connection(const asio::any_io_executor& executor, asio::ssl::context& tls)
      : stream(executor, tls) {}
  Stream stream;
  std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
};

WebhookSender::WebhookSender(const WebhookTarget& target, asio::ssl::context& tls)
    : target_(target), tls_(tls) {}
WebhookSender::~WebhookSender() = default;

asio::awaitable<Result<void>> WebhookSender::Connect() {
  Result<std::vector<tcp::endpoint>> endpoints = co_await Resolve(target_);
  if (!endpoints) {
    co_return std::move(endpoints).error();
  }
  auto connection = std::make_unique<Connection>(co_await asio::this_coro::executor, tls_);
  Stream& stream = connection->stream;
  // SECURITY: OutboxDeliveryTest.TellsNothingToATargetWhoseCertificateIsNotTheOne.
  stream.set_verify_callback(asio::ssl::host_name_verification(target_.url.host));
  error_code is_name;
  asio::ip::make_address(target_.url.host, is_name);
  if (is_name && SSL_set_tlsext_host_name(stream.native_handle(), target_.url.host.c_str()) != 1) {
    co_return Err(ErrorCode::kUnavailable, "the target's name cannot be sent");
  }
  // One deadline for all up to the answer.
  stream.next_layer().expires_after(std::chrono::milliseconds(target_.timeout_ms));
  auto [unconnected, at] = co_await stream.next_layer().async_connect(*endpoints, kAwait);
  if (unconnected) {
    co_return Failed("connecting", unconnected);
  }
  auto [unshaken] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAwait);
  if (unshaken) {
    co_return Failed("TLS", unshaken);
  }
  connection_ = std::move(connection);
  co_return Result<void>();
}

// `stale`: it failed before anything was answered, other than by time.
asio::awaitable<Result<void>> WebhookSender::Exchange(const WebhookMessage& message, bool& stale) {
  std::unique_ptr<Connection> connection = std::move(connection_);
  Stream& stream = connection->stream;
  Request request = RequestOf(target_, message);
  auto [unsent, sent] = co_await http::async_write(stream, request, kAwait);
  if (unsent) {
    stale = unsent != beast::error::timeout;
    co_return Failed("sending", unsent);
  }
  beast::flat_buffer buffer;
  std::optional<http::response_parser<http::string_body>> parser;
  int status = 0;
  // Answers of 1xx announce the one that counts (RFC 9110, section 15.2).
  for (int heads = 0; heads < kAnswerHeadsMax && status / 100 <= 1; ++heads) {
    parser.emplace();
    parser->body_limit(boost::none);  // it is read where its length is known and small
    parser->header_limit(kAnswerHeaderBytesMax);
    auto [unread, got] = co_await http::async_read_header(stream, buffer, *parser, kAwait);
    if (unread) {
      stale = heads == 0 && unread != beast::error::timeout && !parser->got_some();
      co_return Failed("its answer", unread);
    }
    status = static_cast<int>(parser->get().result_int());
  }
  const std::string location(parser->get()[http::field::location]);
  // The connection is kept if nothing is left on it.
  const auto length = parser->content_length();
  const bool is_short = parser->is_done() || (length && *length <= kAnswerBytesMax);
  if (status >= 200 && parser->keep_alive() && is_short) {
    error_code rest;
    if (!parser->is_done()) {
      auto [error, read] = co_await http::async_read(stream, buffer, *parser, kAwait);
      rest = error;
    }
    if (!rest && buffer.size() == 0) {
      connection_ = std::move(connection);
    }
  }
  co_return ResultOf(status, location);
}

asio::awaitable<Result<void>> WebhookSender::Send(const WebhookMessage& message) {
  bool stale = false;
  if (connection_ && std::chrono::steady_clock::now() - connection_->opened < kConnectionAge) {
    connection_->stream.next_layer().expires_after(std::chrono::milliseconds(target_.timeout_ms));
    Result<void> sent = co_await Exchange(message, stale);
    if (!stale) {
      co_return sent;
    }
  }
  connection_.reset();
  Result<void> connected = co_await Connect();
  if (!connected) {
    co_return connected;
  }
  co_return co_await Exchange(message, stale);
}

}  // namespace fuqi::node
