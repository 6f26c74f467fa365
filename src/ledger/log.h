#pragma once

// The durable log of one partition: the only truth; everything else is folded from it.
//
// Records are written in commits. A commit is the unit of durability: after a crash either all of its records are there or none. One
// thread writes; a commit is encoded by whoever decides (Batch) and written by whoever may wait (Log::Commit), so that deciding goes on
// while the disk syncs.
//
// Recovery trusts nothing: every record has a CRC-32C, every commit a header with its first sequence number, its length and the checksum
// of the commit before it. Commit n + 1 is begun only after commit n was synced, therefore:
//   - an invalid last commit, nothing valid after it, was never acknowledged: it is cut off (a torn tail);
//   - an invalid commit with a valid one after it was acknowledged and has been damaged: kCorrupt with file and offset, nothing is cut.
// The tail that is kept is written and synced once more on opening, since a sync that failed before the crash may have left it only in
// the page cache.
//
// After a failed write or sync the log is dead for this process: every later Commit gives kUnavailable.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "ledger/record.h"

namespace fuqi::ledger {

struct LogOptions {
  uint64_t segment_bytes = uint64_t{256} << 20;  // a segment is closed when the next commit would pass this
  uint32_t commit_bytes_max = 64u << 20;         // Batch::Add refuses beyond; the reader refuses such a length
  bool sync = true;                              // false: for measuring and for throw-away logs
};

// The records of one commit, encoded as they are added.
class Batch {
 public:
  explicit Batch(uint64_t first_seq, const LogOptions& options = {});
  // Gives the record's sequence number; kResourceExhausted beyond commit_bytes_max.
  Result<uint64_t> Add(const Record& record);
  uint64_t first_seq() const { return first_seq_; }
  uint64_t next_seq() const { return first_seq_ + count_; }
  uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Hash input of record i (EncodeRecord's bytes).
  ByteView encoded(uint32_t i) const;

 private:
  friend class Log;
  uint64_t first_seq_;
  uint32_t count_ = 0;
  uint32_t bytes_max_;
  Bytes bytes_;                    // framed records
  std::vector<size_t> offsets_;    // of each record's frame
};

class Log {
 public:
  // Opens or creates the log in `dir`, recovers the tail, takes the directory's lock. kCorrupt (with place), kIo, kUnavailable (locked).
  static Result<std::unique_ptr<Log>> Open(Disk& disk, const std::string& dir, const LogOptions& options);
  ~Log();

  // Writes the batch and syncs. On return every record of it survives a crash. The batch must start at next_seq().
  Result<void> Commit(const Batch& batch);

  uint64_t next_seq() const;
  // Bytes of a torn tail that opening cut off, 0 if there was none.
  uint64_t recovered_cut_bytes() const;

  // Reads record `seq` of those committed; kNotFound beyond. Any thread.
  Result<Bytes> Read(uint64_t seq, StoredRecord* out) const;

 private:
  struct Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads a log's records in order, without the lock: for followers, verifiers and re-performance. The view of a record is valid until the
// next call. `visit` returning an error ends the scan with that error.
struct ScanEnd {
  uint64_t next_seq = 0;
  uint64_t torn_bytes = 0;  // an incomplete or invalid last commit, not part of the log
};
Result<ScanEnd> Scan(Disk& disk, const std::string& dir, uint64_t from_seq,
                     const std::function<Result<void>(const StoredRecord&)>& visit);

}  // namespace fuqi::ledger
