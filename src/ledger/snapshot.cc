#include "ledger/snapshot.h"

#include <algorithm>

#include "crypto/sha256.h"
#include "ledger/format_internal.h"

namespace fuqi::ledger {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'F', 'U', 'Q', 'I', 'S', 'N', 'P', '\n'};
constexpr uint32_t kVersion = 1;
constexpr size_t kSealedBytes = 44;  // of the header, before the digest
constexpr size_t kHeaderBytes = kSealedBytes + sizeof(Digest);
constexpr std::string_view kSuffix = ".snap";
constexpr std::string_view kBegunSuffix = ".snap.tmp";

std::string Path(const std::string& dir, uint64_t seq, std::string_view suffix = kSuffix) {
  return fmt::format("{}/{:020}{}", dir, seq, suffix);
}

Bytes EncodeHeader(uint64_t seq, const LogId& id, ByteView bytes) {
  Bytes header;
  ByteWriter writer(header);
  writer.Raw(kMagic);
  writer.Fixed(kVersion);
  writer.Raw(id);
  writer.Fixed(seq);
  writer.Fixed(uint64_t{bytes.size()});
  crypto::Sha256Stream stream;
  stream.Update(header);
  stream.Update(bytes);
  writer.Raw(stream.Finish());
  return header;
}

Result<Snapshot> ReadSnapshot(Disk& disk, const std::string& dir, uint64_t seq, const LogId& id) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(Path(dir, seq), OpenMode::kRead));
  FUQI_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  Bytes header(kHeaderBytes);
  FUQI_ASSIGN_OR_RETURN(const size_t header_read, file->Read(0, header));
  Snapshot snapshot{.seq = seq};
  if (header_read == kHeaderBytes) {
    snapshot.bytes.resize(size - kHeaderBytes);
    FUQI_ASSIGN_OR_RETURN(const size_t read, file->Read(kHeaderBytes, snapshot.bytes));
    snapshot.bytes.resize(read);
  }
  // The header is a function of what it describes: there is nothing in it to be parsed.
  if (header != EncodeHeader(seq, id, snapshot.bytes)) {
    return Err(ErrorCode::kCorrupt,
               "the snapshot at record {} is damaged, or of another log or format", seq)
        .At({.file = Path(dir, seq)});
  }
  return snapshot;
}

Result<void> RemoveIfThere(Disk& disk, const std::string& path) {
  Result<void> removed = disk.Remove(path);
  if (!removed && removed.error().code() == ErrorCode::kNotFound) {
    return {};
  }
  return removed;
}

}  // namespace

Result<SnapshotStore> SnapshotStore::Open(Disk& disk, const std::string& dir, const LogId& id) {
  FUQI_RETURN_IF_ERROR(disk.MakeDirs(dir));
  std::vector<std::string> strange;
  FUQI_ASSIGN_OR_RETURN(const std::vector<uint64_t> begun,
                        internal::ListNumbered(disk, dir, kBegunSuffix, &strange));
  for (const uint64_t seq : begun) {
    FUQI_RETURN_IF_ERROR(disk.Remove(Path(dir, seq, kBegunSuffix)));
  }
  return SnapshotStore(disk, dir, id);
}

Result<void> SnapshotStore::Write(uint64_t seq, ByteView bytes) {
  const std::string begun = Path(dir_, seq, kBegunSuffix);
  FUQI_RETURN_IF_ERROR(RemoveIfThere(*disk_, begun));
  {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk_->Open(begun, OpenMode::kCreate));
    FUQI_RETURN_IF_ERROR(file->Write(0, EncodeHeader(seq, id_, bytes)));
    FUQI_RETURN_IF_ERROR(file->Write(kHeaderBytes, bytes));
    FUQI_RETURN_IF_ERROR(file->Sync());
  }
  FUQI_RETURN_IF_ERROR(disk_->Rename(begun, Path(dir_, seq)));
  FUQI_RETURN_IF_ERROR(disk_->SyncDir(dir_));
  std::vector<std::string> strange;
  FUQI_ASSIGN_OR_RETURN(const std::vector<uint64_t> stored,
                        internal::ListNumbered(*disk_, dir_, kSuffix, &strange));
  const auto written = std::lower_bound(stored.begin(), stored.end(), seq);
  for (auto other = stored.begin(); other != stored.end(); ++other) {
    if (other != written && other + 1 != written) {
      FUQI_RETURN_IF_ERROR(disk_->Remove(Path(dir_, *other)));
    }
  }
  return {};
}

Result<LatestSnapshot> SnapshotStore::Latest() const {
  std::vector<std::string> strange;
  FUQI_ASSIGN_OR_RETURN(std::vector<uint64_t> stored,
                        internal::ListNumbered(*disk_, dir_, kSuffix, &strange));
  LatestSnapshot latest;
  for (auto seq = stored.rbegin(); seq != stored.rend() && !latest.snapshot; ++seq) {
    Result<Snapshot> snapshot = ReadSnapshot(*disk_, dir_, *seq, id_);
    if (snapshot) {
      latest.snapshot = *std::move(snapshot);
    } else if (snapshot.error().code() == ErrorCode::kCorrupt) {
      latest.damaged.push_back(std::move(snapshot).error());
    } else {
      return std::move(snapshot).error();
    }
  }
  return latest;
}

}  // namespace fuqi::ledger
