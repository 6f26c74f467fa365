#pragma once

// Messages to one system outside, by the Standard Webhooks specification (standardwebhooks.com):
// POST of JSON over TLS with the headers webhook-id (the idempotency key, the same at every
// attempt), webhook-timestamp and webhook-signature: "v1," and the base64 of HMAC-SHA256 over
// "ID.TIMESTAMP.BODY", one for each secret, so that a receiver may change over from one to the
// next.
//
// Security: TLS 1.2 or 1.3, the certificate checked against the target's CA and name. A redirect
// is never followed. The host's name is resolved for each connection, each address is checked, and
// the connection goes to the very address that was checked: what a name resolves to cannot lead
// into the house, or anywhere in it but where the target may be (IsAllowed). An answer is bounded
// in size and time.

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace fuqi::node {

// A shared secret; overwritten when it goes, never printed.
class WebhookSecret {
 public:
  // "whsec_" and the base64 of 24 to 64 bytes. kParse without a word of it.
  static Result<WebhookSecret> Parse(std::string_view text);
  WebhookSecret(WebhookSecret&&) noexcept = default;
  WebhookSecret& operator=(WebhookSecret&&) noexcept = default;
  ~WebhookSecret();
  ByteView bytes() const { return bytes_; }

 private:
  explicit WebhookSecret(Bytes bytes) : bytes_(std::move(bytes)) {}
  Bytes bytes_;
};

struct WebhookUrl {
  std::string host;  // a name or an address, without brackets
  uint16_t port = 443;
  std::string target;     // path and query
  std::string authority;  // as the Host header has it
};
// kConfig for all but https://HOST[:PORT][/PATH][?QUERY].
Result<WebhookUrl> ParseWebhookUrl(std::string_view text);

// Addresses that begin with the same bits. One of the fourth version stands here as ::ffff:a.b.c.d,
// so that an address is the same in whichever form it comes.
struct Network {
  std::array<uint8_t, 16> first{};
  int bits = 0;

  bool Contains(const boost::asio::ip::address& address) const;
};
// A network of the house: "10.1.2.0/24", "127.0.0.1/32", "fd00:1::/48". kConfig: no network, or
// none within the private, carrier's, loopback or unique local addresses. So link-local ones, where
// clouds keep their keys, can be no target's.
Result<Network> ParseHouseNetwork(std::string_view text);

// Whether a target may be at this address: in one of its networks, or, where it has none, at a
// public one.
bool IsAllowed(const boost::asio::ip::address& address, std::span<const Network> networks);

struct WebhookTarget {
  WebhookUrl url;
  std::string ca;                 // file of certificates in PEM; empty: the system's
  std::vector<Network> networks;  // of the house, where it is; empty: it is outside
  int64_t timeout_ms = 10'000;
};

// The value of webhook-signature.
std::string WebhookSignature(std::span<const WebhookSecret> secrets, std::string_view id,
                             int64_t timestamp_s, std::string_view body);

// TLS for connections to the target. kConfig: its CA file.
Result<boost::asio::ssl::context> WebhookTls(const WebhookTarget& target);

struct WebhookMessage {
  std::string id;
  int64_t timestamp_s = 0;
  std::string signature;
  std::string body;
};

// Sends messages one after another, over one connection for as long as the target keeps it open and
// it is not old: so a change of the target's address is followed within a minute.
//
// One thread; the target and `tls` must outlive it.
class WebhookSender {
 public:
  WebhookSender(const WebhookTarget& target, boost::asio::ssl::context& tls);
  ~WebhookSender();

  // Sends it once, or twice where the target closed a connection that had been kept; good if the
  // target answered 2xx in time: what follows the answer's head changes nothing.
  // kPermissionDenied: no address of the target is allowed, or it answered with a redirect;
  // kUnavailable: anything else.
  boost::asio::awaitable<Result<void>> Send(const WebhookMessage& message);

 private:
  struct Connection;
  boost::asio::awaitable<Result<void>> Connect();
  boost::asio::awaitable<Result<void>> Exchange(const WebhookMessage& message, bool& stale);

  const WebhookTarget& target_;
  boost::asio::ssl::context& tls_;
  std::unique_ptr<Connection> connection_;  // nullptr: none
};

}  // namespace fuqi::node
