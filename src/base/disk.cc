#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace fuqi {

namespace {

// What the operating system said, placed at the path; the caller's text says what was tried.
Error SystemError(MessageTemplate message, const std::string& path, int error) {
  ErrorCode code = ErrorCode::kIo;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case EEXIST:
      code = ErrorCode::kAlreadyExists;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      code = ErrorCode::kDiskFull;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermissionDenied;
      break;
    default:
      break;
  }
  return Err(code, message, std::strerror(error)).At({.file = path});
}

// Repeats a call that a signal interrupted.
template <class Call>
auto Uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) {
      return result;
    }
  }
}

// Closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> OpenPath(const std::string& path, int flags) {
  const int fd = Uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0640); });
  if (fd < 0) {
    return SystemError("cannot be opened: {}", path, errno);
  }
  return Descriptor(fd);
}

class SystemFile final : public File {
 public:
  SystemFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> Write(uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = Uninterrupted([&] {
        return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (written < 0) {
        return SystemError("cannot be written: {}", path_, errno);
      }
      offset += static_cast<uint64_t>(written);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
  }

  Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const override {
    size_t total = 0;
    while (total < out.size()) {
      const ssize_t got = Uninterrupted([&] {
        return ::pread(fd_.get(), out.data() + total, out.size() - total,
                       static_cast<off_t>(offset + total));
      });
      if (got < 0) {
        return SystemError("cannot be read: {}", path_, errno);
      }
      if (got == 0) {
        break;
      }
      total += static_cast<size_t>(got);
    }
    return total;
  }

  Result<uint64_t> Size() const override {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0) {
      return SystemError("cannot be examined: {}", path_, errno);
    }
    return static_cast<uint64_t>(status.st_size);
  }

  Result<void> Truncate(uint64_t size) override {
    if (Uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return SystemError("cannot be cut or extended: {}", path_, errno);
    }
    return {};
  }

  Result<void> Sync() override {
    // Not repeated, not even on EINTR: a second call may report success for bytes that the first
    // one lost.
    if (::fdatasync(fd_.get()) != 0) {
      return SystemError("cannot be synced to disk: {}", path_, errno);
    }
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

Result<void> SyncDirectory(const std::string& dir) {
  FUQI_ASSIGN_OR_RETURN(Descriptor fd, OpenPath(dir, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) {
    return SystemError("cannot be synced to disk: {}", dir, errno);
  }
  return {};
}

// The directory that holds `path`.
std::string ParentOf(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = end == std::string::npos ? end : path.rfind('/', end);
  if (slash == std::string::npos) {
    return path.starts_with('/') ? "/" : ".";
  }
  const size_t last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    const int flags = mode == OpenMode::kRead        ? O_RDONLY
                      : mode == OpenMode::kReadWrite ? O_RDWR
                                                     : O_RDWR | O_CREAT | O_EXCL;
    FUQI_ASSIGN_OR_RETURN(Descriptor fd, OpenPath(path, flags));
    return std::unique_ptr<File>(std::make_unique<SystemFile>(std::move(fd), path));
  }

  Result<void> Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return SystemError("cannot be renamed: {}", from, errno);
    }
    return {};
  }

  Result<void> Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) {
      return SystemError("cannot be removed: {}", path, errno);
    }
    return {};
  }

  Result<void> SyncDir(const std::string& dir) override { return SyncDirectory(dir); }

  Result<void> MakeDirs(const std::string& dir) override {
    if (::mkdir(dir.c_str(), 0750) == 0) {
      return SyncDirectory(ParentOf(dir));
    }
    if (errno == ENOENT && ParentOf(dir) != dir) {
      FUQI_RETURN_IF_ERROR(MakeDirs(ParentOf(dir)));
      if (::mkdir(dir.c_str(), 0750) == 0) {
        return SyncDirectory(ParentOf(dir));
      }
    }
    const int error = errno;
    struct stat status{};
    if (error == EEXIST && ::stat(dir.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
      return {};
    }
    return SystemError("the directory cannot be created: {}", dir, error);
  }

  Result<std::vector<std::string>> List(const std::string& dir) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(dir.c_str()), ::closedir);
    if (!stream) {
      return SystemError("the directory cannot be listed: {}", dir, errno);
    }
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) {
        if (errno != 0) {
          return SystemError("the directory cannot be listed: {}", dir, errno);
        }
        break;
      }
      struct stat status{};
      if (::fstatat(::dirfd(stream.get()), entry->d_name, &status, 0) == 0 &&
          S_ISREG(status.st_mode)) {
        names.emplace_back(entry->d_name);
      }
    }
    std::ranges::sort(names);
    return names;
  }

  Result<std::shared_ptr<void>> Lock(const std::string& dir) override {
    // The directory itself is what is locked: no lock file that a copy or a restore could carry
    // along.
    FUQI_ASSIGN_OR_RETURN(Descriptor fd, OpenPath(dir, O_RDONLY | O_DIRECTORY));
    if (Uninterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno == EWOULDBLOCK) {
        return Err(ErrorCode::kUnavailable, "another process uses this directory")
            .At({.file = dir});
      }
      return SystemError("the directory cannot be locked: {}", dir, errno);
    }
    return std::shared_ptr<void>(std::make_shared<Descriptor>(std::move(fd)));
  }
};

}  // namespace

Disk& SystemDisk() {
  static PosixDisk disk;
  return disk;
}

Result<Bytes> ReadFile(Disk& disk, const std::string& path, uint64_t max_bytes) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(path, OpenMode::kRead));
  FUQI_ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size > max_bytes) {
    return Err(ErrorCode::kResourceExhausted, "the file has {} bytes; at most {} are read", size,
               max_bytes)
        .At({.file = path});
  }
  Bytes bytes(size);
  FUQI_ASSIGN_OR_RETURN(size_t got, file->Read(0, bytes));
  bytes.resize(got);
  return bytes;
}

Result<void> WriteFileAtomically(Disk& disk, const std::string& path, ByteView bytes) {
  const std::string temporary = path + ".tmp";
  // What an earlier attempt left behind.
  if (Result<void> removed = disk.Remove(temporary);
      !removed && removed.error().code() != ErrorCode::kNotFound) {
    return removed;
  }
  auto write = [&]() -> Result<void> {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(temporary, OpenMode::kCreate));
    FUQI_RETURN_IF_ERROR(file->Write(0, bytes));
    return file->Sync();
  };
  if (Result<void> written = write(); !written) {
    (void)disk.Remove(temporary);  // it may fill the disk
    return written;
  }
  FUQI_RETURN_IF_ERROR(disk.Rename(temporary, path));
  return disk.SyncDir(ParentOf(path));
}

}  // namespace fuqi
