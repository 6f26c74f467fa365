#pragma once

// A running server: the packs of a configuration, opened and recovered, behind their API.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "node/serve_config.h"

namespace fuqi::node {

class Server {
 public:
  // Compiles the packs, recovers their logs and listens. kConfig: configuration, keys or a pack;
  // kCorrupt: a log; kIo: the port. `disk` and `clock` must outlive the server.
  static Result<std::unique_ptr<Server>> Start(const ServeConfig& config, Disk& disk, Clock& clock);
  ~Server();

  // "https://127.0.0.1:8443"
  const std::string& url() const { return url_; }
  uint16_t port() const { return http_->port(); }

  // Takes nothing new, answers what is in hand within the configured time, commits and snapshots.
  // kUnavailable if a log had failed.
  Result<void> Stop();

 private:
  explicit Server(std::vector<std::string_view> routes) : metrics_(std::move(routes)) {}

  Metrics metrics_;
  // The API tells their counts: destroyed after it, and stopped before the packs.
  std::vector<std::unique_ptr<OutboxDelivery>> outbox_;
  // A Reply that a pack's threads hold needs the server's event loops: http_ is destroyed after the
  // packs are stopped.
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> http_;
  std::string url_;
  int64_t drain_ms_ = 0;
};

// Checks everything that Start would refuse, without opening a log or a port.
Result<void> CheckServeConfig(const ServeConfig& config, Disk& disk);

}  // namespace fuqi::node
