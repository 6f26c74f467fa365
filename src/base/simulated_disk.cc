#include "base/simulated_disk.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/random.h"
#include "base/thread_annotations.h"

namespace fuqi {

namespace {

constexpr uint64_t kSectorBytes = 512;

// "a//b/" and "./a/b" name what "a/b" names; "." is the directory without name.
std::string Normal(const std::string& path) {
  std::string normal = path.starts_with('/') ? "/" : "";
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") {
      normal += (normal.empty() || normal.ends_with('/') ? "" : "/") + part;
    }
    begin = end + 1;
  }
  return normal.empty() ? "." : normal;
}

struct Path {
  std::string dir;
  std::string name;
};

Path Split(const std::string& path) {
  const std::string normal = Normal(path);
  const size_t slash = normal.rfind('/');
  if (slash == std::string::npos) {
    return {".", normal};
  }
  return {slash == 0 ? "/" : normal.substr(0, slash), normal.substr(slash + 1)};
}

// A change of a file that no sync has made durable yet.
struct FileChange {
  uint64_t offset = 0;
  Bytes bytes;             // written at offset; or, if it is a truncation,
  bool truncates = false;  // the size becomes `offset`
  bool doomed = false;     // a failed sync lost it
};

void Apply(const FileChange& change, Bytes& content) {
  if (change.truncates) {
    content.resize(change.offset);
    return;
  }
  content.resize(std::max(content.size(), change.offset + change.bytes.size()));
  std::ranges::copy(change.bytes, content.begin() + static_cast<ptrdiff_t>(change.offset));
}

struct Inode {
  Bytes cached;   // what reads show
  Bytes durable;  // what was synced
  std::vector<FileChange> unsynced;
};

// A change of a directory: the entry `from` goes, the entry `to` comes; either may be empty.
struct DirChange {
  std::string from;
  std::string to;
  uint64_t inode = 0;  // of `to`
};

using Entries = std::map<std::string, uint64_t>;

void Apply(const DirChange& change, Entries& entries) {
  if (!change.from.empty()) {
    entries.erase(change.from);
  }
  if (!change.to.empty()) {
    entries[change.to] = change.inode;
  }
}

struct Directory {
  Entries cached;
  Entries durable;
  std::vector<DirChange> unsynced;

  void Change(DirChange change) {
    Apply(change, cached);
    unsynced.push_back(std::move(change));
  }
};

Error Failure(MessageTemplate message, ErrorCode code, const std::string& path) {
  return Err(code, message).At({.file = path});
}

// What power loss leaves of one unsynced change: nothing, all, its first sectors, any of its
// sectors, or only the file's new size.
void ApplyAsTorn(const FileChange& change, SeededRandom& random, Bytes& content) {
  enum Outcome { kLost, kWhole, kPrefix, kSectors, kSizeOnly, kOutcomes };
  const auto outcome = static_cast<Outcome>(random.Below(kOutcomes));
  if (outcome == kLost) {
    return;
  }
  if (outcome == kWhole || change.truncates) {
    Apply(change, content);
    return;
  }
  const uint64_t end = change.offset + change.bytes.size();
  const uint64_t first = change.offset / kSectorBytes;
  const uint64_t sectors = (end + kSectorBytes - 1) / kSectorBytes - first;
  const uint64_t prefix = random.Below(sectors + 1);
  if (outcome == kSizeOnly) {
    content.resize(std::max<uint64_t>(content.size(), end));
  }
  for (uint64_t i = 0; i < sectors; ++i) {
    const bool kept = outcome == kPrefix ? i < prefix : outcome == kSectors && random.Chance(0.5);
    if (!kept) {
      continue;
    }
    const uint64_t low = std::max(change.offset, (first + i) * kSectorBytes);
    const uint64_t high = std::min(end, (first + i + 1) * kSectorBytes);
    content.resize(std::max<uint64_t>(content.size(), high));
    std::copy(change.bytes.begin() + static_cast<ptrdiff_t>(low - change.offset),
              change.bytes.begin() + static_cast<ptrdiff_t>(high - change.offset),
              content.begin() + static_cast<ptrdiff_t>(low));
  }
}

}  // namespace

// All state, shared with the open files; public members are called with the mutex held.
struct SimulatedDisk::Impl {
  explicit Impl(uint64_t seed) : random(seed) {}

  Mutex mutex;
  SeededRandom random FUQI_GUARDED_BY(mutex);
  std::map<uint64_t, Inode> inodes FUQI_GUARDED_BY(mutex);
  std::map<std::string, Directory> directories FUQI_GUARDED_BY(mutex) = {{".", {}}, {"/", {}}};
  std::set<std::string> locked FUQI_GUARDED_BY(mutex);
  uint64_t next_inode FUQI_GUARDED_BY(mutex) = 1;
  uint64_t boots FUQI_GUARDED_BY(mutex) = 0;  // crashes so far: handles of an earlier boot are dead
  bool power_lost FUQI_GUARDED_BY(mutex) = false;
  uint64_t syncs FUQI_GUARDED_BY(mutex) = 0;
  uint64_t writes FUQI_GUARDED_BY(mutex) = 0;
  uint64_t reads FUQI_GUARDED_BY(mutex) = 0;
  // Absolute counts at which something happens; 0 is never.
  uint64_t lose_power_at_sync FUQI_GUARDED_BY(mutex) = 0;
  uint64_t fail_sync_at FUQI_GUARDED_BY(mutex) = 0;
  uint64_t fail_write_at FUQI_GUARDED_BY(mutex) = 0;
  uint64_t fail_read_at FUQI_GUARDED_BY(mutex) = 0;
  std::optional<uint64_t> space_limit FUQI_GUARDED_BY(mutex);  // of all files together

  Result<void> CheckPower(const std::string& path) const FUQI_REQUIRES(mutex) {
    if (power_lost) {
      return Failure("simulated: the power is lost", ErrorCode::kIo, path);
    }
    return {};
  }

  uint64_t UsedBytes() const FUQI_REQUIRES(mutex) {
    uint64_t used = 0;
    for (const auto& [dir, directory] : directories) {
      for (const auto& [name, inode] : directory.cached) {
        used += inodes.at(inode).cached.size();
      }
    }
    return used;
  }

  Result<Directory*> FindDirectory(const std::string& dir) FUQI_REQUIRES(mutex) {
    const auto found = directories.find(Normal(dir));
    if (found == directories.end()) {
      return Failure("simulated: no such directory", ErrorCode::kNotFound, dir);
    }
    return &found->second;
  }

  // The inode behind a path; kNotFound.
  Result<uint64_t> FindFile(const std::string& path) FUQI_REQUIRES(mutex) {
    const Path split = Split(path);
    FUQI_ASSIGN_OR_RETURN(Directory * directory, FindDirectory(split.dir));
    const auto found = directory->cached.find(split.name);
    if (found == directory->cached.end()) {
      return Failure("simulated: no such file", ErrorCode::kNotFound, path);
    }
    return found->second;
  }

  // Counts a sync. `take_effect` makes everything durable, `fail` loses some of it.
  Result<void> Sync(const std::string& path, const std::function<void()>& take_effect,
                    const std::function<void(SeededRandom&)>& fail) FUQI_REQUIRES(mutex) {
    FUQI_RETURN_IF_ERROR(CheckPower(path));
    ++syncs;
    if (syncs == lose_power_at_sync) {
      power_lost = true;
      if (random.Chance(0.5)) {
        take_effect();
      }
      return CheckPower(path);
    }
    if (syncs == fail_sync_at) {
      fail(random);
      return Failure("simulated: the sync fails", ErrorCode::kIo, path);
    }
    take_effect();
    return {};
  }
};

class SimulatedDisk::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<Impl> disk, std::string path, uint64_t inode, uint64_t boot,
           bool writable)
      : disk_(std::move(disk)),
        path_(std::move(path)),
        inode_(inode),
        boot_(boot),
        writable_(writable) {}

  Result<void> Write(uint64_t offset, ByteView bytes) override {
    MutexLock lock(disk_->mutex);
    FUQI_ASSIGN_OR_RETURN(Inode * inode, Writable());
    ++disk_->writes;
    uint64_t kept = bytes.size();
    std::optional<Error> error;
    if (disk_->space_limit) {
      // What the file may grow to; overwriting needs no space.
      const uint64_t used = disk_->UsedBytes();
      const uint64_t free = *disk_->space_limit > used ? *disk_->space_limit - used : 0;
      const uint64_t end_max = inode->cached.size() + free;
      if (offset + bytes.size() > end_max) {
        kept = end_max > offset ? end_max - offset : 0;
        error = Failure("simulated: the disk is full", ErrorCode::kDiskFull, path_);
      }
    }
    if (disk_->writes == disk_->fail_write_at) {
      kept = disk_->random.Below(kept + 1);
      error = Failure("simulated: the write fails", ErrorCode::kIo, path_);
    }
    if (kept > 0) {
      Change(*inode, {.offset = offset, .bytes = Bytes(bytes.begin(), bytes.begin() + kept)});
    }
    if (error) {
      return *std::move(error);
    }
    return {};
  }

  Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const override {
    MutexLock lock(disk_->mutex);
    FUQI_ASSIGN_OR_RETURN(Inode * inode, Alive());
    if (++disk_->reads == disk_->fail_read_at) {
      return Failure("simulated: the read fails", ErrorCode::kIo, path_);
    }
    const Bytes& content = inode->cached;
    if (offset >= content.size()) {
      return size_t{0};
    }
    const size_t size = std::min<uint64_t>(out.size(), content.size() - offset);
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(offset), size, out.begin());
    return size;
  }

  Result<uint64_t> Size() const override {
    MutexLock lock(disk_->mutex);
    FUQI_ASSIGN_OR_RETURN(Inode * inode, Alive());
    return uint64_t{inode->cached.size()};
  }

  Result<void> Truncate(uint64_t size) override {
    MutexLock lock(disk_->mutex);
    FUQI_ASSIGN_OR_RETURN(Inode * inode, Writable());
    Change(*inode, {.offset = size, .truncates = true});
    return {};
  }

  Result<void> Sync() override {
    MutexLock lock(disk_->mutex);
    FUQI_ASSIGN_OR_RETURN(Inode * inode, Alive());
    return disk_->Sync(
        path_,
        [inode] {
          for (const FileChange& change : inode->unsynced) {
            if (!change.doomed) {
              Apply(change, inode->durable);
            }
          }
          inode->unsynced.clear();
        },
        [inode](SeededRandom& random) {
          for (FileChange& change : inode->unsynced) {
            change.doomed = change.doomed || random.Chance(0.5);
          }
        });
  }

 private:
  Result<Inode*> Alive() const FUQI_REQUIRES(disk_->mutex) {
    FUQI_RETURN_IF_ERROR(disk_->CheckPower(path_));
    if (boot_ != disk_->boots) {
      return Failure("simulated: the file was open when the power was lost", ErrorCode::kIo, path_);
    }
    return &disk_->inodes.at(inode_);
  }
  Result<Inode*> Writable() const FUQI_REQUIRES(disk_->mutex) {
    if (!writable_) {
      return Failure("simulated: the file is open for reading only", ErrorCode::kIo, path_);
    }
    return Alive();
  }
  static void Change(Inode& inode, FileChange change) {
    Apply(change, inode.cached);
    inode.unsynced.push_back(std::move(change));
  }

  std::shared_ptr<Impl> disk_;
  std::string path_;
  uint64_t inode_;
  uint64_t boot_;
  bool writable_;
};

SimulatedDisk::SimulatedDisk(uint64_t seed) : impl_(std::make_shared<Impl>(seed)) {}
SimulatedDisk::~SimulatedDisk() = default;

Result<std::unique_ptr<File>> SimulatedDisk::Open(const std::string& path, OpenMode mode) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(path));
  Result<uint64_t> inode = disk.FindFile(path);
  if (mode == OpenMode::kCreate) {
    if (inode) {
      return Failure("simulated: the file exists", ErrorCode::kAlreadyExists, path);
    }
    const Path split = Split(path);
    FUQI_ASSIGN_OR_RETURN(Directory * directory, disk.FindDirectory(split.dir));
    inode = disk.next_inode++;
    disk.inodes[*inode];
    directory->Change({.to = split.name, .inode = *inode});
  }
  FUQI_RETURN_IF_ERROR(inode);
  return std::unique_ptr<File>(
      std::make_unique<OpenFile>(impl_, path, *inode, disk.boots, mode != OpenMode::kRead));
}

Result<void> SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(from));
  FUQI_ASSIGN_OR_RETURN(uint64_t inode, disk.FindFile(from));
  const Path source = Split(from);
  const Path target = Split(to);
  FUQI_ASSIGN_OR_RETURN(Directory * source_dir, disk.FindDirectory(source.dir));
  FUQI_ASSIGN_OR_RETURN(Directory * target_dir, disk.FindDirectory(target.dir));
  if (source_dir == target_dir) {
    source_dir->Change({.from = source.name, .to = target.name, .inode = inode});
  } else {
    // Two directories, two changes that power loss may part.
    target_dir->Change({.to = target.name, .inode = inode});
    source_dir->Change({.from = source.name});
  }
  return {};
}

Result<void> SimulatedDisk::Remove(const std::string& path) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(path));
  FUQI_RETURN_IF_ERROR(disk.FindFile(path));
  const Path split = Split(path);
  FUQI_ASSIGN_OR_RETURN(Directory * directory, disk.FindDirectory(split.dir));
  directory->Change({.from = split.name});
  return {};
}

Result<void> SimulatedDisk::SyncDir(const std::string& dir) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(dir));
  FUQI_ASSIGN_OR_RETURN(Directory * directory, disk.FindDirectory(dir));
  return disk.Sync(
      dir,
      [directory] {
        for (const DirChange& change : directory->unsynced) {
          Apply(change, directory->durable);
        }
        directory->unsynced.clear();
      },
      [directory](SeededRandom& random) {
        std::erase_if(directory->unsynced, [&](const DirChange&) { return random.Chance(0.5); });
      });
}

Result<void> SimulatedDisk::MakeDirs(const std::string& dir) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(dir));
  const std::string normal = Normal(dir);
  for (size_t slash = normal.find('/', 1);; slash = normal.find('/', slash + 1)) {
    const std::string parent = normal.substr(0, slash);
    if (disk.FindFile(parent)) {
      return Failure("simulated: a file is in the way", ErrorCode::kAlreadyExists, parent);
    }
    disk.directories[parent];
    if (slash == std::string::npos) {
      return {};
    }
  }
}

Result<std::vector<std::string>> SimulatedDisk::List(const std::string& dir) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(dir));
  FUQI_ASSIGN_OR_RETURN(Directory * directory, disk.FindDirectory(dir));
  std::vector<std::string> names;
  for (const auto& [name, inode] : directory->cached) {
    names.push_back(name);
  }
  return names;
}

Result<std::shared_ptr<void>> SimulatedDisk::Lock(const std::string& dir) {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  FUQI_RETURN_IF_ERROR(disk.CheckPower(dir));
  FUQI_RETURN_IF_ERROR(disk.FindDirectory(dir));
  const std::string normal = Normal(dir);
  if (!disk.locked.insert(normal).second) {
    return Failure("another process uses this directory", ErrorCode::kUnavailable, dir);
  }
  // The deleter needs an object to delete: a copy of the name.
  return std::shared_ptr<void>(new std::string(normal),
                               [impl = impl_, boot = disk.boots](std::string* name) {
                                 {
                                   MutexLock held(impl->mutex);
                                   if (impl->boots == boot) {
                                     impl->locked.erase(*name);
                                   }
                                 }
                                 delete name;
                               });
}

void SimulatedDisk::Crash() {
  Impl& disk = *impl_;
  MutexLock lock(disk.mutex);
  for (auto& [id, inode] : disk.inodes) {
    for (const FileChange& change : inode.unsynced) {
      if (!change.doomed) {
        ApplyAsTorn(change, disk.random, inode.durable);
      }
    }
    inode.unsynced.clear();
    inode.cached = inode.durable;
  }
  std::set<uint64_t> reachable;
  for (auto& [name, directory] : disk.directories) {
    for (const DirChange& change : directory.unsynced) {
      if (disk.random.Chance(0.5)) {
        Apply(change, directory.durable);
      }
    }
    directory.unsynced.clear();
    directory.cached = directory.durable;
    for (const auto& [entry, inode] : directory.durable) {
      reachable.insert(inode);
    }
  }
  std::erase_if(disk.inodes, [&](const auto& inode) { return !reachable.contains(inode.first); });
  disk.locked.clear();
  disk.power_lost = false;
  ++disk.boots;
}

void SimulatedDisk::LosePowerAtSync(uint64_t n) {
  MutexLock lock(impl_->mutex);
  impl_->lose_power_at_sync = impl_->syncs + n;
}

bool SimulatedDisk::power_lost() const {
  MutexLock lock(impl_->mutex);
  return impl_->power_lost;
}

void SimulatedDisk::FailWrite(uint64_t n) {
  MutexLock lock(impl_->mutex);
  impl_->fail_write_at = impl_->writes + n;
}

void SimulatedDisk::FailSync(uint64_t n) {
  MutexLock lock(impl_->mutex);
  impl_->fail_sync_at = impl_->syncs + n;
}

void SimulatedDisk::FailRead(uint64_t n) {
  MutexLock lock(impl_->mutex);
  impl_->fail_read_at = impl_->reads + n;
}

void SimulatedDisk::LimitSpace(std::optional<uint64_t> bytes) {
  MutexLock lock(impl_->mutex);
  impl_->space_limit = bytes;
  if (bytes) {
    *impl_->space_limit += impl_->UsedBytes();
  }
}

Result<void> SimulatedDisk::FlipByte(const std::string& path, uint64_t offset, uint8_t mask) {
  MutexLock lock(impl_->mutex);
  FUQI_ASSIGN_OR_RETURN(uint64_t id, impl_->FindFile(path));
  Inode& inode = impl_->inodes.at(id);
  if (offset >= inode.cached.size()) {
    return Err(ErrorCode::kOutOfRange, "simulated: the file has only {} bytes", inode.cached.size())
        .At({.file = path});
  }
  inode.cached[offset] ^= mask;
  if (offset < inode.durable.size()) {
    inode.durable[offset] ^= mask;
  }
  return {};
}

uint64_t SimulatedDisk::syncs() const {
  MutexLock lock(impl_->mutex);
  return impl_->syncs;
}

uint64_t SimulatedDisk::writes() const {
  MutexLock lock(impl_->mutex);
  return impl_->writes;
}

uint64_t SimulatedDisk::reads() const {
  MutexLock lock(impl_->mutex);
  return impl_->reads;
}

}  // namespace fuqi
