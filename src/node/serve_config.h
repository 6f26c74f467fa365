#pragma once

// The configuration of `fuqi serve`: docs/operations/serve.md explains each key. Relative paths are
// relative to the file's directory.

#include <map>
#include <string>
#include <vector>

#include "base/disk.h"
#include "node/api.h"
#include "node/http.h"
#include "node/outbox_delivery.h"
#include "node/pack_runner.h"

namespace fuqi::node {

struct PackConfig {
  std::string name;
  std::string dir;
  std::optional<Digest> agreed_hash;  // [shared.pack_hash]: another pack is not served
  Where where;
};

// Which version decides after a start, where the folder and the log differ.
enum class StartVersion : uint8_t {
  kLog,     // the one that decided last: what two persons published stays published
  kFolder,  // the folder's: it is published by starting, without a second person
};

struct ServeConfig {
  HttpSettings http;
  std::string keys;
  std::string data;  // <data>/<pack> holds a pack's log, tree and snapshots
  std::vector<PackConfig> packs;
  std::vector<OutboxTarget> outbox;
  StartVersion start_version = StartVersion::kLog;
  RunnerBounds runner;
  ApiBounds api;
  AccessLog access_log = AccessLog::kErrors;
  int64_t drain_ms = 10'000;
  uint64_t snapshot_every = 200'000;
  uint64_t segment_bytes = uint64_t{256} << 20;
};

// kConfig with file, line, column and key.
Result<ServeConfig> LoadServeConfig(Disk& disk, const std::string& path);

}  // namespace fuqi::node
