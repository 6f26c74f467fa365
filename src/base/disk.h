#pragma once

// The disk behind an interface, so that a test can lose, tear and reorder what was not synced, and
// fail any call.
//
// The promise that callers rely on, and no more: after File::Sync returns without error, the file's
// bytes written before it survive a crash; after Disk::SyncDir, so do creations, renames and
// removals in that directory. Anything else may be lost, torn at any byte, or kept in any order. A
// failed Sync may have lost the bytes for ever: do not retry it, stop (PostgreSQL learnt this in
// 2018).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace fuqi {

class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at `offset`; kDiskFull, kIo. On error any prefix may have been written.
  virtual Result<void> Write(uint64_t offset, ByteView bytes) = 0;
  // Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  virtual Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const = 0;
  virtual Result<uint64_t> Size() const = 0;
  virtual Result<void> Truncate(uint64_t size) = 0;
  // fdatasync: the bytes and what is needed to read them back.
  virtual Result<void> Sync() = 0;
};

enum class OpenMode : uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist; created empty
};

class Disk {
 public:
  virtual ~Disk() = default;
  // kNotFound, kAlreadyExists (kCreate on an existing file), kIo.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to` if it exists; atomic for whoever opens `to`, durable only after SyncDir.
  virtual Result<void> Rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> Remove(const std::string& path) = 0;
  virtual Result<void> SyncDir(const std::string& dir) = 0;
  // Creates the directory and its parents, durably; no error if it exists.
  virtual Result<void> MakeDirs(const std::string& dir) = 0;
  // Names of the regular files in `dir`, sorted bytewise.
  virtual Result<std::vector<std::string>> List(const std::string& dir) = 0;
  // Holds the directory for one process until the lock object dies; kUnavailable if another process
  // holds it.
  virtual Result<std::shared_ptr<void>> Lock(const std::string& dir) = 0;
};

// The machine's disk; one instance, any thread.
Disk& SystemDisk();

// Whole-file helpers, for small files.
Result<Bytes> ReadFile(Disk& disk, const std::string& path, uint64_t max_bytes);
// Writes path.tmp, syncs it, renames it over `path`, syncs the directory: after it returns the new
// content is what a crash leaves.
Result<void> WriteFileAtomically(Disk& disk, const std::string& path, ByteView bytes);

}  // namespace fuqi
