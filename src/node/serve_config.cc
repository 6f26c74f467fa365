#include "node/serve_config.h"

#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <functional>

#include "base/toml.h"
#include "node/as_config.h"

namespace fuqi::node {
namespace {

struct Address {
  std::string host;
  uint16_t port = 0;
  bool loopback = false;
};

// "127.0.0.1:8443", "[::1]:8443"
Result<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  int port = -1;
  if (colon != std::string::npos) {
    address.host = text.substr(0, colon);
    const std::string digits = text.substr(colon + 1);
    if (!digits.empty() && digits.size() <= 5 &&
        digits.find_first_not_of("0123456789") == std::string::npos) {
      port = std::stoi(digits);
    }
  }
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address.host, error);
  if (error || port < 0 || port > 65535) {
    return Err(ErrorCode::kConfig,
               "an address to listen on is an IP and a port such as 127.0.0.1:8443 or [::1]:8443");
  }
  address.port = static_cast<uint16_t>(port);
  address.loopback = ip.is_loopback();
  return address;
}

// One of `names`, by its place.
Result<size_t> Choice(const TomlNode& table, std::string_view key, std::string_view fallback,
                      std::initializer_list<std::string_view> names) {
  FUQI_ASSIGN_OR_RETURN(std::string name, table.Or(key, std::string(fallback)));
  std::string all;
  for (size_t i = 0; std::string_view candidate : names) {
    if (candidate == name) {
      return i;
    }
    all += fmt::format("{}\"{}\"", i++ == 0 ? "" : ", ", candidate);
  }
  FUQI_ASSIGN_OR_RETURN(TomlNode node, table.Required<TomlNode>(key));
  return node.Fail("the value must be one of {}", all);
}

// Reads the bounds, each within the range in which the server works.
class Bounds {
 public:
  explicit Bounds(std::optional<TomlNode> table) : table_(std::move(table)) {}

  template <class T>
  Result<void> Count(std::string_view key, int64_t low, int64_t high, T& value) const {
    if (!table_) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, table_->Optional<TomlNode>(key));
    if (!node) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(int64_t number, node->As<int64_t>());
    if (number < low || number > high) {
      return node->Fail("the bound must lie between {} and {}", low, high);
    }
    value = static_cast<T>(number);
    return {};
  }

  Result<void> Time(std::string_view key, Duration low, Duration high, int64_t& ms) const {
    if (!table_) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, table_->Optional<TomlNode>(key));
    if (!node) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(Duration time, node->As<Duration>());
    if (time < low || time > high) {
      return node->Fail("the bound must lie between {} and {}", DurationToText(low),
                        DurationToText(high));
    }
    ms = time.us / 1000;
    return {};
  }

 private:
  std::optional<TomlNode> table_;
};

Result<void> ReadBounds(const TomlNode& local, ServeConfig& config) {
  static constexpr Duration kShort{100'000};
  static constexpr Duration kLong{kHourUs};
  static constexpr int64_t kGiB = int64_t{1} << 30;
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> table, local.Optional<TomlNode>("bounds"));
  const Bounds bounds(table);
  HttpBounds& http = config.http.bounds;
  FUQI_RETURN_IF_ERROR(bounds.Count("body_bytes", 1024, kGiB, http.body_bytes));
  FUQI_RETURN_IF_ERROR(bounds.Count("proposal_bytes", 1024, kGiB, config.api.proposal_bytes));
  FUQI_RETURN_IF_ERROR(bounds.Count("header_bytes", 1024, 1 << 20, http.header_bytes));
  FUQI_RETURN_IF_ERROR(bounds.Count("connections", 1, 100'000, http.connections));
  FUQI_RETURN_IF_ERROR(bounds.Time("request_time", kShort, kLong, http.request_ms));
  FUQI_RETURN_IF_ERROR(bounds.Time("idle_time", kShort, kLong, http.idle_ms));
  FUQI_RETURN_IF_ERROR(bounds.Time("decide_time", Duration{1000}, kLong, config.api.decide_ms));
  FUQI_RETURN_IF_ERROR(bounds.Time("answer_time", kShort, kLong, http.answer_ms));
  FUQI_RETURN_IF_ERROR(bounds.Time("drain_time", Duration{0}, kLong, config.drain_ms));
  FUQI_RETURN_IF_ERROR(bounds.Count("items", 1, 100'000, config.api.items));
  FUQI_RETURN_IF_ERROR(bounds.Count("queue", 1, 10'000'000, config.runner.queue));
  FUQI_RETURN_IF_ERROR(bounds.Count("shed_queue", 1, 10'000'000, config.runner.shed_queue));
  FUQI_RETURN_IF_ERROR(bounds.Count("batch", 1, 100'000, config.runner.batch));
  FUQI_RETURN_IF_ERROR(bounds.Count("snapshot_every", 1, INT64_MAX, config.snapshot_every));
  FUQI_RETURN_IF_ERROR(bounds.Count("segment_bytes", 1 << 20, 16 * kGiB, config.segment_bytes));
  if (http.answer_ms <= config.api.decide_ms) {
    return (table ? *table : local)
        .Fail("answer_time must be longer than decide_time: after it an answer may still come");
  }
  return {};
}

Result<Digest> HashOf(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::string hex, node.As<std::string>());
  Result<Bytes> bytes = FromHex(hex);
  Digest digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return node.Fail("a pack's hash is 64 hexadecimal digits, as `fuqi pack check` prints it");
  }
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

// As a file of configuration names others: relative to its own folder.
using Resolve = std::function<std::string(const std::string&)>;

Result<void> ReadTransport(const TomlNode& local, const Resolve& resolve, HttpSettings& http) {
  FUQI_ASSIGN_OR_RETURN(TomlNode listen, local.Required<TomlNode>("listen"));
  FUQI_ASSIGN_OR_RETURN(std::string address_text, listen.As<std::string>());
  Result<Address> address = ParseAddress(address_text);
  if (!address) {
    return std::move(address).error().At(listen.where());
  }
  http.address = address->host;
  http.port = address->port;

  FUQI_ASSIGN_OR_RETURN(size_t tls_off, Choice(local, "tls", "on", {"on", "off"}));
  if (tls_off == 0) {
    TlsSettings tls;
    FUQI_ASSIGN_OR_RETURN(tls.certificate, local.Required<std::string>("certificate"));
    FUQI_ASSIGN_OR_RETURN(tls.private_key, local.Required<std::string>("private_key"));
    FUQI_ASSIGN_OR_RETURN(size_t tls12, Choice(local, "tls_min", "1.3", {"1.3", "1.2"}));
    tls.certificate = resolve(tls.certificate);
    tls.private_key = resolve(tls.private_key);
    tls.allow_tls12 = tls12 == 1;
    http.tls = std::move(tls);
  } else if (!address->loopback) {
    // SECURITY: keys and events in the clear beyond this machine:
    // ServeConfigFile.RefusesPlainHttpBeyondLoopback.
    return listen.Fail("without TLS the server listens on a loopback address only");
  }
  for (std::string_view key : {"certificate", "private_key", "tls_min"}) {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> given, local.Optional<TomlNode>(key));
    if (tls_off == 1 && given) {
      return given->Fail("this is of no use with tls = \"off\"");
    }
  }
  return {};
}

Result<void> ReadPacks(const TomlNode& local, const Resolve& resolve, ServeConfig& config) {
  FUQI_ASSIGN_OR_RETURN(TomlNode packs, local.Required<TomlNode>("packs"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, packs.Entries());
  if (entries.empty()) {
    return packs.Fail("no pack is named: there is nothing to serve");
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(std::string dir, entry.value.As<std::string>());
    config.packs.push_back({entry.key, resolve(dir), std::nullopt, entry.where});
  }
  return {};
}

Result<void> ReadNetworks(const TomlNode& node, WebhookTarget& target) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> networks, node.Optional<TomlNode>("networks"));
  if (!networks) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> texts, networks->As<std::vector<TomlNode>>());
  if (texts.empty() || texts.size() > 16) {
    return networks->Fail("a target has 1 to 16 networks; here are {}", texts.size());
  }
  for (const TomlNode& one : texts) {
    FUQI_ASSIGN_OR_RETURN(std::string text, one.As<std::string>());
    Result<Network> network = ParseHouseNetwork(text);
    if (!network) {
      return std::move(network).At(one.where()).error();
    }
    target.networks.push_back(*network);
  }
  return {};
}

Result<OutboxTarget> ReadTarget(const TomlNode& node, const Resolve& resolve) {
  static constexpr Duration kShort{100'000};
  static constexpr Duration kLong{kHourUs};
  OutboxTarget target;
  FUQI_ASSIGN_OR_RETURN(TomlNode url, node.Required<TomlNode>("url"));
  FUQI_ASSIGN_OR_RETURN(std::string text, url.As<std::string>());
  Result<WebhookUrl> parsed = ParseWebhookUrl(text);
  if (!parsed) {
    return std::move(parsed).At(url.where()).error();
  }
  target.webhook.url = *std::move(parsed);
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> ca, node.Optional<std::string>("ca"));
  target.webhook.ca = ca ? resolve(*ca) : "";
  FUQI_RETURN_IF_ERROR(ReadNetworks(node, target.webhook));
  FUQI_ASSIGN_OR_RETURN(TomlNode secrets, node.Required<TomlNode>("secrets"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> paths, secrets.As<std::vector<TomlNode>>());
  if (paths.empty() || paths.size() > 4) {
    return secrets.Fail("a target has 1 to 4 secrets; here are {}", paths.size());
  }
  for (const TomlNode& path : paths) {
    FUQI_ASSIGN_OR_RETURN(std::string name, path.As<std::string>());
    target.secrets.push_back(resolve(name));
  }
  const Bounds bounds(node);
  FUQI_RETURN_IF_ERROR(bounds.Time("timeout", kShort, kLong, target.webhook.timeout_ms));
  FUQI_RETURN_IF_ERROR(bounds.Count("attempts", 1, 1'000'000, target.attempts));
  FUQI_RETURN_IF_ERROR(bounds.Time("give_up", kShort, Duration{365 * kDayUs}, target.give_up_ms));
  FUQI_RETURN_IF_ERROR(bounds.Time("pause", Duration{1'000}, kLong, target.pause_ms));
  FUQI_RETURN_IF_ERROR(
      bounds.Time("pause_max", Duration{1'000}, Duration{kDayUs}, target.pause_max_ms));
  if (target.pause_ms > target.pause_max_ms) {
    return node.Fail("pause must not be longer than pause_max");
  }
  return target;
}

// [local.outbox.PACK.TOPIC]
Result<void> ReadOutbox(const TomlNode& local, const Resolve& resolve, ServeConfig& config) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> outbox, local.Optional<TomlNode>("outbox"));
  if (!outbox) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> packs, outbox->Entries());
  for (const TomlNode::Entry& pack : packs) {
    if (std::ranges::find(config.packs, pack.key, &PackConfig::name) == config.packs.end()) {
      return pack.value.Fail("no pack {} is served here", pack.key);
    }
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> topics, pack.value.Entries());
    for (const TomlNode::Entry& topic : topics) {
      FUQI_ASSIGN_OR_RETURN(OutboxTarget target, ReadTarget(topic.value, resolve));
      target.pack = pack.key;
      target.topic = topic.key;
      config.outbox.push_back(std::move(target));
    }
  }
  return {};
}

// The versions that the parties agreed to.
Result<void> ReadAgreed(const TomlNode& root, ServeConfig& config) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> shared, root.Optional<TomlNode>("shared"));
  if (!shared) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> hashes, shared->Optional<TomlNode>("pack_hash"));
  if (!hashes) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> agreed, hashes->Entries());
  for (const TomlNode::Entry& entry : agreed) {
    FUQI_ASSIGN_OR_RETURN(Digest digest, HashOf(entry.value));
    auto pack = std::find_if(config.packs.begin(), config.packs.end(),
                             [&](const PackConfig& p) { return p.name == entry.key; });
    if (pack == config.packs.end()) {
      return entry.value.Fail("no pack {} is served here", entry.key);
    }
    pack->agreed_hash = digest;
  }
  return {};
}

}  // namespace

Result<ServeConfig> LoadServeConfig(Disk& disk, const std::string& path) {
  FUQI_ASSIGN_OR_RETURN(TomlNode root, AsConfig(TomlNode::Load(disk, path)));
  FUQI_ASSIGN_OR_RETURN(TomlNode local, root.Required<TomlNode>("local"));
  const std::filesystem::path base = std::filesystem::absolute(path).parent_path();
  const Resolve resolve = [&](const std::string& name) {
    return (base / name).lexically_normal().string();
  };

  ServeConfig config;
  FUQI_RETURN_IF_ERROR(ReadTransport(local, resolve, config.http));
  FUQI_ASSIGN_OR_RETURN(config.keys, local.Required<std::string>("keys"));
  FUQI_ASSIGN_OR_RETURN(config.data, local.Required<std::string>("data"));
  config.keys = resolve(config.keys);
  config.data = resolve(config.data);
  FUQI_ASSIGN_OR_RETURN(size_t access,
                        Choice(local, "access_log", "errors", {"off", "errors", "all"}));
  config.access_log = static_cast<AccessLog>(access);
  FUQI_ASSIGN_OR_RETURN(size_t start, Choice(local, "start_version", "log", {"log", "folder"}));
  config.start_version = static_cast<StartVersion>(start);
  FUQI_RETURN_IF_ERROR(Bounds(local).Count("io_threads", 1, 64, config.http.io_threads));
  FUQI_RETURN_IF_ERROR(ReadBounds(local, config));
  FUQI_RETURN_IF_ERROR(ReadPacks(local, resolve, config));
  FUQI_RETURN_IF_ERROR(ReadOutbox(local, resolve, config));
  FUQI_RETURN_IF_ERROR(ReadAgreed(root, config));
  FUQI_RETURN_IF_ERROR(root.CheckNoUnknownKeys());
  return config;
}

}  // namespace fuqi::node
