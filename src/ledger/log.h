#pragma once

// The durable log of one partition: the only truth; everything else is folded from it.
// docs/formats/log.md gives its bytes.
//
// Records are written in commits. A commit is the unit of durability: after a crash either all of
// its records are there or none. One thread writes; a commit is encoded by whoever decides (Batch)
// and written by whoever may wait (Log::Commit), so that deciding goes on while the disk syncs.
//
// Recovery trusts nothing: every record has a CRC-32C, every commit a header with its first
// sequence number, its length and the checksum of the commit before it. Commit n + 1 is begun only
// after commit n was synced, and a segment is used only after its header and its name were,
// therefore:
//   - an invalid last commit, nothing valid after it, was never acknowledged: it is cut off (a torn
//     tail);
//   - an invalid commit with a valid one, or a further segment, after it was acknowledged and has
//     been damaged: kCorrupt with file, offset and sequence number, and nothing is cut.
// The log alone cannot tell an acknowledged last commit that was damaged from a torn one; the tree
// and the head (merkle.h) can, and do; what a head vouches for is not cut off. The tail that is
// kept is written and synced once more on opening, since a sync that failed before may have left it
// only in the page cache.
//
// After a failed write or sync the log is dead for this process: every later Commit gives
// kUnavailable, and the first cause.
//
// Security: CRCs find decay, crashes and careless hands. Whoever can write the files can compute
// CRCs anew: that is found only against a head that others hold (fuqi-verify --head).
//
// Threads: Commit from one thread at a time. Everything else from any thread, and without waiting:
// readers see what was committed, by one atomic number.
//
//   FUQI_ASSIGN_OR_RETURN(auto log, Log::Open(SystemDisk(), dir, {}));
//   Batch batch(log->next_seq());
//   FUQI_RETURN_IF_ERROR(batch.Add({.type = RecordType::kEvent, .core = bytes}));
//   FUQI_RETURN_IF_ERROR(log->Commit(batch));  // now it survives a crash

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "ledger/record.h"

namespace fuqi::ledger {

// Tells one log from every other; random, given at its creation, in the header of each segment.
using LogId = std::array<uint8_t, 16>;

// Bounds what a reader may have to hold in memory.
constexpr uint32_t kSegmentBytesMax = uint32_t{1} << 30;

struct LogOptions {
  // A segment is closed when the next commit would pass this; at most kSegmentBytesMax.
  uint64_t segment_bytes = uint64_t{256} << 20;
  // Batch::Add refuses beyond; at most kSegmentBytesMax.
  uint32_t commit_bytes_max = 64u << 20;
  // false: for measuring and for throw-away logs; a crash may then leave anything.
  bool sync = true;
  // What a head vouches for. A log that holds fewer records has lost some; Open then gives kCorrupt
  // before it cuts anything off, as the torn tail may be what is left of them.
  uint64_t vouched_records = 0;
  // Of a log that Open creates; random if absent. Seeded runs give one.
  std::optional<LogId> new_log_id;
};

// The records of one commit, encoded as they are added.
class Batch {
 public:
  explicit Batch(uint64_t first_seq, const LogOptions& options = {});
  // Gives the record's sequence number; kResourceExhausted beyond commit_bytes_max, the batch is
  // then as before.
  Result<uint64_t> Add(const Record& record);
  uint64_t first_seq() const { return first_seq_; }
  uint64_t next_seq() const { return first_seq_ + offsets_.size(); }
  uint32_t count() const { return static_cast<uint32_t>(offsets_.size()); }
  bool empty() const { return offsets_.empty(); }
  // Of all its records as framed in the log.
  size_t bytes() const { return bytes_.size(); }
  // Hash input of record i (EncodeRecord's bytes).
  ByteView encoded(uint32_t i) const;

 private:
  friend class Log;
  uint64_t first_seq_;
  uint32_t bytes_max_;
  Bytes bytes_;                  // framed records
  std::vector<size_t> offsets_;  // of each record's frame
};

class Log {
 public:
  // Opens or creates the log in `dir`, recovers the tail, takes the directory's lock. Reads the
  // whole log. kCorrupt (with place), kUnsupported (a later format), kIo, kUnavailable (locked).
  static Result<std::unique_ptr<Log>> Open(Disk& disk, const std::string& dir,
                                           const LogOptions& options);
  ~Log();

  // Writes the batch and syncs. On return every record of it survives a crash. An empty batch does
  // nothing. kInvalidArgument if the batch does not start at next_seq(); kIo, kDiskFull the first
  // time that the disk refuses, kUnavailable from then on.
  Result<void> Commit(const Batch& batch);

  uint64_t next_seq() const;
  const LogId& id() const;
  const LogOptions& options() const;
  // Bytes of a torn tail that opening cut off, 0 if there was none.
  uint64_t recovered_cut_bytes() const;

  // Record `seq` of those committed; kNotFound beyond, kCorrupt if it has been damaged meanwhile.
  Result<OwnedRecord> Read(uint64_t seq) const;
  // Visits the records from `from_seq` to the last one committed when it was called. The view of a
  // record is valid until `visit` returns; an error of `visit` ends the scan with that error.
  Result<void> Scan(uint64_t from_seq,
                    const std::function<Result<void>(const StoredRecord&)>& visit) const;

 private:
  struct Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads a log's records in order, without the lock: for followers in other processes and for
// re-performance. While a node writes, the last commit seen may not be synced yet. kNotFound if
// there is no log, kCorrupt as Log::Open.
struct ScanEnd {
  uint64_t next_seq = 0;
  uint64_t torn_bytes = 0;  // an incomplete or invalid last commit, not part of the log
};
Result<ScanEnd> Scan(Disk& disk, const std::string& dir, uint64_t from_seq,
                     const std::function<Result<void>(const StoredRecord&)>& visit);

}  // namespace fuqi::ledger
