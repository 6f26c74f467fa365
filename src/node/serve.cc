#include "node/serve.h"

#include "base/log.h"
#include "node/as_config.h"
#include "table/binder.h"

namespace fuqi::node {
namespace {

Result<std::shared_ptr<const decide::CompiledPack>> CompileServed(const PackConfig& config,
                                                                  Disk& disk,
                                                                  table::Binder& binder) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, AsConfig(decide::LoadPack(disk, config.dir)));
  if (pack.name != config.name) {
    return Err(ErrorCode::kConfig, "the folder holds the pack {}, not {}", pack.name, config.name)
        .At(config.where);
  }
  if (config.agreed_hash && *config.agreed_hash != pack.hash) {
    return Err(ErrorCode::kConfig, "the pack {} has the hash {}, not the one agreed on", pack.name,
               ToHex(pack.hash))
        .At(config.where);
  }
  return AsConfig(decide::CompiledPack::Compile(std::move(pack), binder));
}

}  // namespace

Result<void> CheckServeConfig(const ServeConfig& config, Disk& disk) {
  FUQI_RETURN_IF_ERROR(ApiKeys::Load(disk, config.keys));
  FUQI_RETURN_IF_ERROR(CheckTls(config.http));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  for (const PackConfig& pack : config.packs) {
    FUQI_RETURN_IF_ERROR(CompileServed(pack, disk, *binder));
  }
  return {};
}

Result<std::unique_ptr<Server>> Server::Start(const ServeConfig& config, Disk& disk, Clock& clock) {
  FUQI_ASSIGN_OR_RETURN(ApiKeys keys, ApiKeys::Load(disk, config.keys));
  FUQI_RETURN_IF_ERROR(CheckTls(config.http));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  std::vector<ServedPack> packs;
  for (const PackConfig& pack : config.packs) {
    ServedPack served;
    FUQI_ASSIGN_OR_RETURN(served.pack, CompileServed(pack, disk, *binder));
    const std::string dir = config.data + "/" + pack.name;
    decide::PartitionOptions options;
    options.log.segment_bytes = config.segment_bytes;
    options.snapshot_every = config.snapshot_every;
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<decide::Partition> partition,
                          decide::Partition::Open(disk, clock, dir, served.pack, options));
    LogInfo("node", "a pack is ready",
            {{"pack", pack.name},
             {"hash", ToHex(served.pack->pack().hash)},
             {"records", partition->committed()}});
    served.view = PackView::Of(served.pack);
    served.log_dir = dir + "/log";
    served.runner = std::make_unique<PackRunner>(std::move(partition), config.runner);
    packs.push_back(std::move(served));
  }
  std::unique_ptr<Server> server(new Server(RoutePaths()));
  server->drain_ms_ = config.drain_ms;
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
  return api_->Stop();
}

Server::~Server() {
  if (http_ != nullptr) {
    http_->Stop(0);
  }
  // The packs' threads may still hold replies to connections: they end first.
  if (api_ != nullptr) {
    if (Result<void> stopped = api_->Stop(); !stopped) {
      LogWarn("node", "a pack did not stop cleanly", {{"error", stopped.error().ToString()}});
    }
  }
}

}  // namespace fuqi::node
