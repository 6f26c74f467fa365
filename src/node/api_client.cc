#include "node/api_client.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <optional>

#include "base/disk.h"
#include "node/as_config.h"

namespace fuqi::node {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using HttpAsk = http::request<http::string_body>;
using HttpAnswer = http::response<http::string_body>;

constexpr auto kTimeout = std::chrono::seconds(30);
constexpr uint64_t kAnswerBytesMax = uint64_t{64} << 20;
constexpr uint64_t kKeyBytesMax = 4096;
constexpr size_t kLargeBytes = size_t{64} << 10;

// Runs what `start` starts, until it has ended or the time is over.
template <class Start>
Result<void> Await(asio::io_context& io, std::string_view what, Start start) {
  error_code error = asio::error::timed_out;
  bool ended = false;
  start([&](error_code ec, auto&&...) {
    error = ec;
    ended = true;
  });
  io.restart();
  io.run_for(kTimeout);
  if (!ended || error) {
    // What still runs must not write to what is left here.
    io.stop();
    return Err(ErrorCode::kIo, "{}: {}", what, ended ? error.message() : "timeout");
  }
  return {};
}

template <class Stream>
Result<HttpAnswer> Receive(asio::io_context& io, Stream& stream, beast::flat_buffer& buffer) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  FUQI_RETURN_IF_ERROR(Await(io, "receive", [&](auto done) {
    http::async_read(stream, buffer, parser, std::move(done));
  }));
  return parser.release();
}

template <class Stream>
Result<HttpAnswer> Exchange(asio::io_context& io, Stream& stream, const HttpAsk& ask) {
  http::request_serializer<http::string_body> serializer(ask);
  beast::flat_buffer buffer;
  // A large body is sent when the node has said that it takes it: a refusal would be lost behind
  // it.
  if (ask.count(http::field::expect) > 0) {
    FUQI_RETURN_IF_ERROR(Await(io, "send", [&](auto done) {
      http::async_write_header(stream, serializer, std::move(done));
    }));
    Result<HttpAnswer> first = Receive(io, stream, buffer);
    if (!first || first->result() != http::status::continue_) {
      return first;
    }
  }
  FUQI_RETURN_IF_ERROR(Await(
      io, "send", [&](auto done) { http::async_write(stream, serializer, std::move(done)); }));
  return Receive(io, stream, buffer);
}

Result<HttpAnswer> ExchangeTls(asio::io_context& io, beast::tcp_stream tcp_stream,
                               const std::string& host, const std::string& authority,
                               const HttpAsk& ask) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  error_code error;
  if (authority.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(authority, error);
  }
  if (error) {
    return Err(ErrorCode::kConfig, "the file holds no certificate that can be used")
        .At({.file = authority});
  }
  beast::ssl_stream<beast::tcp_stream> stream(std::move(tcp_stream), context);
  // SECURITY: the key goes to nobody else:
  // ServeVersions.TheCommandsSendTheirKeyToNobodyWhoIsNotVerified.
  stream.set_verify_mode(asio::ssl::verify_peer, error);
  stream.set_verify_callback(asio::ssl::host_name_verification(host), error);
  error_code is_name;
  asio::ip::make_address(host, is_name);
  if (is_name) {
    SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
  }
  FUQI_RETURN_IF_ERROR(Await(io, "TLS", [&](auto done) {
    stream.async_handshake(asio::ssl::stream_base::client, std::move(done));
  }));
  return Exchange(io, stream, ask);
}

ErrorCode CodeOf(unsigned status) {
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 429:
    case 503:
    case 504:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

// `node`: who answered.
Result<OrderedJson> ReadAnswer(const HttpAnswer& answer, const std::string& node,
                               ApiClient::Shape is_ours) {
  OrderedJson json = OrderedJson::parse(answer.body(), nullptr, false);
  if (answer.result_int() == 200) {
    if (json.is_discarded() || !is_ours(json)) {
      return Err(ErrorCode::kUnsupported, "what answers at {} is no Fuqi node of this version",
                 node);
    }
    return json;
  }
  std::string said = fmt::format("{}", answer.result_int());
  if (json.is_object()) {
    for (const char* member : {"title", "detail"}) {
      if (const auto found = json.find(member); found != json.end() && found->is_string()) {
        said += ": " + found->get<std::string>();
      }
    }
  }
  return Err(CodeOf(answer.result_int()), "the node answered {}", said);
}

}  // namespace

Result<ApiClient> ApiClient::Open(const ApiAccess& access, Language language) {
  ApiClient client;
  client.language_ = language;
  client.authority_ = access.authority;
  std::string_view rest = access.url;
  client.tls_ = rest.starts_with("https://");
  if (!client.tls_ && !rest.starts_with("http://")) {
    return Err(ErrorCode::kUsage, "a node is named as https://HOST:PORT");
  }
  rest.remove_prefix(rest.find("//") + 2);
  if (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  const size_t bracket = rest.find(']');
  const size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  client.port_ = colon == std::string_view::npos ? (client.tls_ ? "443" : "80")
                                                 : std::string(rest.substr(colon + 1));
  client.host_ = rest.substr(0, colon);
  if (client.host_.starts_with('[') && client.host_.ends_with(']')) {
    client.host_ = client.host_.substr(1, client.host_.size() - 2);
  }
  const bool is_port = !client.port_.empty() && client.port_.size() <= 5 &&
                       client.port_.find_first_not_of("0123456789") == std::string::npos;
  if (client.host_.empty() || !is_port || client.host_.find('/') != std::string::npos) {
    return Err(ErrorCode::kUsage, "a node is named as https://HOST:PORT");
  }
  error_code is_name;
  const auto address = asio::ip::make_address(client.host_, is_name);
  if (!client.tls_ && (is_name || !address.is_loopback())) {
    return Err(ErrorCode::kUsage,
               "without TLS a key goes to this machine only: 127.0.0.1 or [::1]");
  }
  FUQI_ASSIGN_OR_RETURN(Bytes key, AsConfig(ReadFile(SystemDisk(), access.key_file, kKeyBytesMax)));
  client.key_ = AsText(key);
  while (!client.key_.empty() && (client.key_.back() == '\n' || client.key_.back() == '\r')) {
    client.key_.pop_back();
  }
  if (client.key_.empty() ||
      std::ranges::any_of(client.key_, [](char c) { return c <= ' ' || c > '~'; })) {
    return Err(ErrorCode::kConfig,
               "the file holds no API key: one line, as `fuqi key new` printed it")
        .At({.file = access.key_file});
  }
  return client;
}

Result<OrderedJson> ApiClient::Ask(std::string_view method, std::string_view path,
                                   const std::string& body, Shape is_ours) const {
  HttpAsk ask;
  ask.method_string({method.data(), method.size()});
  ask.target({path.data(), path.size()});
  ask.version(11);
  ask.set(http::field::host, host_);
  ask.set(http::field::authorization, "Bearer " + key_);
  ask.set(http::field::accept_language, language_ == Language::kChinese ? "zh" : "en");
  ask.set(http::field::connection, "close");
  if (!body.empty()) {
    ask.set(http::field::content_type, "application/json");
    ask.body() = body;
    if (body.size() > kLargeBytes) {
      ask.set(http::field::expect, "100-continue");
    }
    ask.prepare_payload();
  }
  asio::io_context io;
  tcp::resolver resolver(io);
  error_code error;
  const auto endpoints = resolver.resolve(host_, port_, error);
  if (error) {
    return Err(ErrorCode::kIo, "{}: {}", host_, error.message());
  }
  beast::tcp_stream stream(io);
  const std::string node = fmt::format("{}:{}", host_, port_);
  FUQI_RETURN_IF_ERROR(
      Await(io, node, [&](auto done) { stream.async_connect(endpoints, std::move(done)); }));
  Result<HttpAnswer> answer =
      tls_ ? ExchangeTls(io, std::move(stream), host_, authority_, ask) : Exchange(io, stream, ask);
  if (!answer) {
    return std::move(answer).error();
  }
  return ReadAnswer(*answer, node, is_ours);
}

}  // namespace fuqi::node
