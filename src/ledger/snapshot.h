#pragma once

// Snapshots of folded state, so that recovery need not fold the whole log. A snapshot is only ever
// an abbreviation: without one, or with a damaged one, the log gives the same state.
// docs/formats/log.md gives its bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/log.h"

namespace fuqi::ledger {

struct Snapshot {
  uint64_t seq = 0;  // the state after the records [0, seq)
  Bytes bytes;
};

struct LatestSnapshot {
  std::optional<Snapshot> snapshot;  // the newest valid one
  std::vector<Error> damaged;        // newer ones that could not be used, and why
};

// Threads: one at a time.
class SnapshotStore {
 public:
  // Snapshots in `dir` of the log `id`; those of another log are refused. Creates the directory.
  static Result<SnapshotStore> Open(Disk& disk, const std::string& dir, const LogId& id);

  // On return the snapshot survives a crash; all but it and the newest before it are then removed.
  // The records [0, seq) must be committed: one that is newer than the log would be proof of a
  // loss.
  Result<void> Write(uint64_t seq, ByteView bytes);
  // kIo only; damage is told in LatestSnapshot.
  Result<LatestSnapshot> Latest() const;

 private:
  SnapshotStore(Disk& disk, std::string dir, const LogId& id)
      : disk_(&disk), dir_(std::move(dir)), id_(id) {}
  Disk* disk_;
  std::string dir_;
  LogId id_;
};

}  // namespace fuqi::ledger
