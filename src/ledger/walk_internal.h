#pragma once

// Walking a log's commits from the disk: what recovery and Scan share.

#include <functional>
#include <span>

#include "ledger/format_internal.h"

namespace fuqi::ledger::internal {

// A file, as long as it was when it was opened, seen through a buffer that reads ahead.
class FileWindow {
 public:
  static Result<FileWindow> Open(Disk& disk, const std::string& path, size_t read_ahead);
  // The bytes [offset, offset + size), fewer at the end; valid until the next call.
  Result<ByteView> View(uint64_t offset, uint64_t size);
  uint64_t size() const { return size_; }

 private:
  FileWindow(std::unique_ptr<File> file, uint64_t size, size_t read_ahead)
      : file_(std::move(file)), size_(size), read_ahead_(read_ahead) {}
  std::unique_ptr<File> file_;
  uint64_t size_;
  size_t read_ahead_;
  uint64_t start_ = 0;
  Bytes buffer_;
};

struct WalkedCommit {
  uint64_t segment = 0;  // first sequence number of its segment
  uint64_t offset = 0;   // of its header
  CommitHeader header;
  ByteView payload;
  std::span<const StoredRecord> records;
};

struct WalkEnd {
  LogId id{};
  uint64_t next_seq = 0;
  uint64_t segment = 0;      // the last one with a commit
  uint64_t segment_end = 0;  // offset behind its last valid commit
  uint32_t chain = 0;        // what the next commit chains to
  uint64_t tail = 0;         // offset of its last commit
  uint64_t torn_bytes = 0;
  // A last segment without a commit: nobody relies on it, and perhaps its name was never synced.
  std::optional<uint64_t> begun_segment;
  bool empty = false;  // no segment has a commit; if segment 0 was begun, `id` may be its id
};

// Visits the commits from the segment that holds `from_seq` on, until the end or until the record
// limit_seq - 1 has been passed. `visit` sees valid commits only.
Result<WalkEnd> WalkCommits(Disk& disk, const std::string& dir, uint64_t from_seq,
                            uint64_t limit_seq,
                            const std::function<Result<void>(const WalkedCommit&)>& visit);

}  // namespace fuqi::ledger::internal
