#include "node/serve.h"

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "decide/feed.h"
#include "node/as_config.h"
#include "table/binder.h"

namespace fuqi::node {
namespace {

std::string DirOf(const ServeConfig& config, const PackConfig& pack) {
  return config.data + "/" + pack.name;
}

// The version that decided last; nothing where there is no log yet.
Result<std::optional<decide::PublishRecord>> LastPublished(Disk& disk, const std::string& dir) {
  Result<std::vector<decide::LoggedVersion>> versions = decide::VersionsInLog(disk, dir);
  if (!versions && versions.error().code() != ErrorCode::kNotFound) {
    return std::move(versions).error();
  }
  return versions && !versions->empty() ? std::optional(std::move(versions->back().publish))
                                        : std::nullopt;
}

Result<decide::Pack> PackToServe(const ServeConfig& config, const PackConfig& served, Disk& disk) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, AsConfig(decide::LoadPack(disk, served.dir)));
  if (pack.name != served.name) {
    return Err(ErrorCode::kConfig, "the folder holds the pack {}, not {}", pack.name, served.name)
        .At(served.where);
  }
  if (config.start_version == StartVersion::kFolder) {
    return pack;
  }
  FUQI_ASSIGN_OR_RETURN(std::optional<decide::PublishRecord> last,
                        LastPublished(disk, DirOf(config, served)));
  if (!last || last->hash == pack.hash) {
    return pack;
  }
  // A folder that was not brought up to date, or that somebody changed, publishes nothing:
  // ServeVersions.ARestartWithAnotherFolderGoesOnWithTheVersionThatDecided.
  LogWarn("node",
          "the folder holds another version than the one that decided last, which goes on; to "
          "publish the folder's: fuqi pack propose",
          {{"pack", served.name}, {"folder", ToHex(pack.hash)}, {"decides", ToHex(last->hash)}});
  return decide::ParsePack(std::move(last->files));
}

Result<std::shared_ptr<const decide::CompiledPack>> CompileServed(const ServeConfig& config,
                                                                  const PackConfig& served,
                                                                  Disk& disk,
                                                                  table::Binder& binder) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, PackToServe(config, served, disk));
  if (served.agreed_hash && *served.agreed_hash != pack.hash) {
    return Err(ErrorCode::kConfig, "the pack {} has the hash {}, not the one agreed on", pack.name,
               ToHex(pack.hash))
        .At(served.where);
  }
  return AsConfig(decide::CompiledPack::Compile(std::move(pack), binder));
}

// A topic without a target waits, and a target without a topic may be that of a version that has
// gone, or is to come: neither stops a start.
void TellUnmatched(const ServeConfig& config, const decide::Pack& pack) {
  for (const decide::OutboxTopic& topic : pack.outbox) {
    if (std::ranges::none_of(config.outbox, [&](const OutboxTarget& target) {
          return target.pack == pack.name && target.topic == topic.name;
        })) {
      LogWarn("node", "a topic has no target: what it is owed waits",
              {{"pack", pack.name}, {"topic", topic.name}});
    }
  }
  for (const OutboxTarget& target : config.outbox) {
    if (target.pack == pack.name &&
        std::ranges::find(pack.outbox, target.topic, &decide::OutboxTopic::name) ==
            pack.outbox.end()) {
      LogWarn("node",
              "the version that decides has no such topic: the target is told only what earlier or "
              "later versions owe it",
              {{"pack", pack.name}, {"topic", target.topic}});
    }
  }
}

Result<std::vector<std::unique_ptr<OutboxDelivery>>> StartOutbox(const ServeConfig& config,
                                                                 std::vector<ServedPack>& packs,
                                                                 Disk& disk, Clock& clock) {
  std::vector<std::unique_ptr<OutboxDelivery>> deliveries;
  for (ServedPack& served : packs) {
    TellUnmatched(config, served.runner->version()->pack->pack());
    for (const OutboxTarget& target : config.outbox) {
      if (target.pack == served.name) {
        FUQI_ASSIGN_OR_RETURN(std::unique_ptr<OutboxDelivery> delivery,
                              OutboxDelivery::Start(target, *served.runner, disk, clock));
        served.deliveries.push_back(delivery.get());
        deliveries.push_back(std::move(delivery));
      }
    }
  }
  return deliveries;
}

}  // namespace

Result<void> CheckServeConfig(const ServeConfig& config, Disk& disk) {
  FUQI_RETURN_IF_ERROR(ApiKeys::Load(disk, config.keys));
  FUQI_RETURN_IF_ERROR(CheckTls(config.http));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  for (const PackConfig& pack : config.packs) {
    FUQI_RETURN_IF_ERROR(CompileServed(config, pack, disk, *binder));
  }
  for (const OutboxTarget& target : config.outbox) {
    FUQI_RETURN_IF_ERROR(CheckOutboxTarget(target, disk));
  }
  return {};
}

Result<std::unique_ptr<Server>> Server::Start(const ServeConfig& config, Disk& disk, Clock& clock) {
  FUQI_ASSIGN_OR_RETURN(ApiKeys keys, ApiKeys::Load(disk, config.keys));
  FUQI_RETURN_IF_ERROR(CheckTls(config.http));
  FUQI_RETURN_IF_ERROR(CheckPort(config.http));  // before logs are recovered, which may take long
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  std::vector<ServedPack> packs;
  for (const PackConfig& pack : config.packs) {
    ServedPack served;
    FUQI_ASSIGN_OR_RETURN(auto version, CompileServed(config, pack, disk, *binder));
    const std::string dir = DirOf(config, pack);
    decide::PartitionOptions options;
    options.log.segment_bytes = config.segment_bytes;
    options.snapshot_every = config.snapshot_every;
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<decide::Partition> partition,
                          decide::Partition::Open(disk, clock, dir, version, options));
    LogInfo("node", "a pack is ready",
            {{"pack", pack.name},
             {"hash", ToHex(version->pack().hash)},
             {"records", partition->committed()}});
    served.name = pack.name;
    served.log_dir = dir + "/log";
    served.runner = std::make_unique<PackRunner>(std::move(partition), config.runner);
    served.publisher = std::make_unique<Publisher>(*served.runner, pack.agreed_hash, clock);
    packs.push_back(std::move(served));
  }
  std::unique_ptr<Server> server(new Server(RoutePaths()));
  server->drain_ms_ = config.drain_ms;
  FUQI_ASSIGN_OR_RETURN(server->outbox_, StartOutbox(config, packs, disk, clock));
  server->api_ = std::make_unique<Api>(std::move(packs), std::move(keys), config.api,
                                       config.access_log, clock, server->metrics_);
  FUQI_ASSIGN_OR_RETURN(server->http_,
                        HttpServer::Start(config.http, *server->api_, server->metrics_));
  const bool v6 = config.http.address.find(':') != std::string::npos;
  server->url_ = fmt::format("{}://{}{}{}:{}", config.http.tls ? "https" : "http", v6 ? "[" : "",
                             config.http.address, v6 ? "]" : "", server->http_->port());
  return server;
}

Result<void> Server::Stop() {
  http_->Stop(drain_ms_);
  for (const auto& delivery : outbox_) {
    delivery->Stop();
  }
  return api_->Stop();
}

Server::~Server() {
  if (http_ != nullptr) {
    http_->Stop(0);
  }
  for (const auto& delivery : outbox_) {
    delivery->Stop();
  }
  // The packs' threads may still hold replies to connections: they end first.
  if (api_ != nullptr) {
    if (Result<void> stopped = api_->Stop(); !stopped) {
      LogWarn("node", "a pack did not stop cleanly", {{"error", stopped.error().ToString()}});
    }
  }
}

}  // namespace fuqi::node
