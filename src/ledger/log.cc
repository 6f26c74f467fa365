#include "ledger/log.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "base/fault.h"
#include "base/random.h"
#include "ledger/format_internal.h"
#include "ledger/index_internal.h"
#include "ledger/walk_internal.h"

namespace fuqi::ledger {
namespace {

using internal::CommitHeader;
using internal::FileWindow;
using internal::kCommitHeaderBytes;
using internal::kSegmentHeaderBytes;
using internal::Place;
using internal::SegmentPath;
using internal::WalkedCommit;
using internal::WalkEnd;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// Reading a record passes over at most about this many bytes before it.
constexpr uint64_t kIndexEveryBytes = 64 << 10;

std::function<Result<void>(const WalkedCommit&)> VisitRecords(
    uint64_t from_seq, uint64_t limit_seq,
    const std::function<Result<void>(const StoredRecord&)>& visit) {
  return [=, &visit](const WalkedCommit& commit) -> Result<void> {
    for (const StoredRecord& record : commit.records) {
      if (record.seq >= from_seq && record.seq < limit_seq) {
        FUQI_RETURN_IF_ERROR(visit(record));
      }
    }
    return {};
  };
}

}  // namespace

Batch::Batch(uint64_t first_seq, const LogOptions& options)
    : first_seq_(first_seq), bytes_max_(std::min(options.commit_bytes_max, kSegmentBytesMax)) {}

Result<uint64_t> Batch::Add(const Record& record) {
  const uint64_t frame = internal::kFrameHeadBytes + EncodedSize(record);
  if (frame > bytes_max_ || bytes_.size() > bytes_max_ - frame) {
    return Err(ErrorCode::kResourceExhausted,
               "a record of {} bytes does not fit into a commit that holds {} of at most {} bytes",
               frame, bytes_.size(), bytes_max_);
  }
  const uint64_t seq = next_seq();
  offsets_.push_back(bytes_.size());
  internal::EncodeFrame(seq, record, bytes_);
  return seq;
}

ByteView Batch::encoded(uint32_t i) const {
  FUQI_CHECK(i < count());
  const size_t end = i + 1 < count() ? offsets_[i + 1] : bytes_.size();
  const size_t begin = offsets_[i] + internal::kFrameHeadBytes;
  return ByteView(bytes_).subspan(begin, end - begin);
}

struct Log::Impl {
  Impl(Disk& disk_in, std::string dir_in, const LogOptions& options_in)
      : disk(disk_in), dir(std::move(dir_in)), options(options_in) {}

  Result<void> Recover();
  Result<void> RewriteTail(const WalkEnd& end);
  Result<void> StartSegment(uint64_t first_seq);
  Result<void> Write(const Batch& batch);
  void Index(uint64_t offset, uint64_t first_seq, std::span<const size_t> frames);
  Result<void> Sync(File& synced) { return options.sync ? synced.Sync() : Result<void>(); }
  Result<void> SyncDir() { return options.sync ? disk.SyncDir(dir) : Result<void>(); }

  Disk& disk;
  const std::string dir;
  const LogOptions options;
  std::shared_ptr<void> lock;
  LogId id{};
  uint64_t cut_bytes = 0;

  // Of the committing thread.
  std::unique_ptr<File> file;
  uint64_t segment = 0;
  uint64_t end = 0;    // where the next commit will stand
  uint32_t chain = 0;  // the CRC of the last header
  Bytes commit;        // header and payload, as one write
  uint64_t indexed_segment = kNoLimit;
  uint64_t indexed_offset = 0;
  std::optional<Error> failure;

  // Of all threads.
  internal::PlaceIndex index;
  std::atomic<uint64_t> committed = 0;
};

Result<void> Log::Impl::Recover() {
  std::vector<size_t> frames;
  FUQI_ASSIGN_OR_RETURN(
      const WalkEnd found,
      internal::WalkCommits(disk, dir, 0, kNoLimit, [this, &frames](const WalkedCommit& walked) {
        segment = walked.segment;
        frames.clear();
        for (const StoredRecord& record : walked.records) {
          const ptrdiff_t encoded_at = record.encoded.data() - walked.payload.data();
          frames.push_back(static_cast<size_t>(encoded_at) - internal::kFrameHeadBytes);
        }
        Index(walked.offset, walked.header.first_seq, frames);
        return Result<void>();
      }));
  if (found.next_seq < options.vouched_records) {
    return Err(ErrorCode::kCorrupt,
               "the log ends before record {}, but its head vouches for {} records", found.next_seq,
               options.vouched_records)
        .At({.file = found.empty ? dir : SegmentPath(dir, found.segment)});
  }
  cut_bytes = found.torn_bytes;
  if (found.begun_segment) {
    FUQI_RETURN_IF_ERROR(disk.Remove(SegmentPath(dir, *found.begun_segment)));
  }
  if (found.empty) {
    if (found.id != LogId{}) {
      id = found.id;  // it may have been told to someone
    } else if (options.new_log_id) {
      id = *options.new_log_id;
    } else {
      FUQI_RETURN_IF_ERROR(SecureRandom(id));
    }
    return StartSegment(0);
  }
  id = found.id;
  segment = found.segment;
  end = found.segment_end;
  chain = found.chain;
  FUQI_RETURN_IF_ERROR(RewriteTail(found));
  committed.store(found.next_seq, std::memory_order_release);
  return {};
}

// Cuts the torn tail off and makes durable what is kept: it may be there only because the page
// cache still shows what an earlier sync failed to keep.
Result<void> Log::Impl::RewriteTail(const WalkEnd& found) {
  const std::string path = SegmentPath(dir, segment);
  FUQI_ASSIGN_OR_RETURN(file, disk.Open(path, OpenMode::kReadWrite));
  FUQI_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size > end) {
    FUQI_RETURN_IF_ERROR(file->Truncate(end));
  }
  const auto rewrite = [this, &path](uint64_t from, uint64_t to) -> Result<void> {
    FUQI_ASSIGN_OR_RETURN(FileWindow window, FileWindow::Open(disk, path, 0));
    FUQI_ASSIGN_OR_RETURN(const ByteView kept, window.View(from, to - from));
    return file->Write(from, kept);
  };
  FUQI_RETURN_IF_ERROR(rewrite(0, kSegmentHeaderBytes));
  if (found.tail < end) {
    FUQI_RETURN_IF_ERROR(rewrite(found.tail, end));
  }
  FUQI_RETURN_IF_ERROR(Sync(*file));
  return SyncDir();
}

Result<void> Log::Impl::StartSegment(uint64_t first_seq) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> created,
                        disk.Open(SegmentPath(dir, first_seq), OpenMode::kCreate));
  Bytes header;
  const uint32_t crc = internal::EncodeSegmentHeader(
      {.chain = first_seq == 0 ? 0 : chain, .id = id, .first_seq = first_seq}, header);
  FUQI_RETURN_IF_ERROR(created->Write(0, header));
  FUQI_FAULT("ledger.segment.before_sync");
  FUQI_RETURN_IF_ERROR(Sync(*created));
  // Without this a crash could take the whole file away, and with it commits that were synced.
  FUQI_RETURN_IF_ERROR(SyncDir());
  file = std::move(created);
  segment = first_seq;
  end = header.size();
  chain = crc;
  return {};
}

Result<void> Log::Impl::Write(const Batch& batch) {
  const uint64_t size = kCommitHeaderBytes + batch.bytes_.size();
  if (end > kSegmentHeaderBytes && end + size > options.segment_bytes) {
    FUQI_RETURN_IF_ERROR(StartSegment(batch.first_seq()));
  }
  commit.clear();
  const uint32_t crc =
      internal::EncodeCommitHeader({.payload_bytes = static_cast<uint32_t>(batch.bytes_.size()),
                                    .first_seq = batch.first_seq(),
                                    .tag = internal::LogTag(id),
                                    .count = batch.count(),
                                    .chain = chain,
                                    .payload_crc = Crc32c(batch.bytes_)},
                                   commit);
  ByteWriter(commit).Raw(batch.bytes_);
  FUQI_FAULT("ledger.commit.before_write");
  FUQI_RETURN_IF_ERROR(file->Write(end, commit));
  FUQI_FAULT("ledger.commit.before_sync");
  FUQI_RETURN_IF_ERROR(Sync(*file));
  FUQI_FAULT("ledger.commit.after_sync");
  Index(end, batch.first_seq(), batch.offsets_);
  end += size;
  chain = crc;
  return {};
}

void Log::Impl::Index(uint64_t offset, uint64_t first_seq, std::span<const size_t> frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    const uint64_t at = offset + kCommitHeaderBytes + frames[i];
    if (segment == indexed_segment && at < indexed_offset + kIndexEveryBytes) {
      continue;
    }
    index.Add({.seq = first_seq + i,
               .segment = segment,
               .offset = at,
               .commit_end = first_seq + frames.size()});
    indexed_segment = segment;
    indexed_offset = at;
  }
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::Open(Disk& disk, const std::string& dir,
                                       const LogOptions& options) {
  if (options.segment_bytes > kSegmentBytesMax) {
    return Err(ErrorCode::kInvalidArgument, "a segment of {} bytes is too large; at most {}",
               options.segment_bytes, kSegmentBytesMax);
  }
  FUQI_RETURN_IF_ERROR(disk.MakeDirs(dir));
  auto impl = std::make_unique<Impl>(disk, dir, options);
  FUQI_ASSIGN_OR_RETURN(impl->lock, disk.Lock(dir));
  FUQI_RETURN_IF_ERROR(impl->Recover());
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

Result<void> Log::Commit(const Batch& batch) {
  if (impl_->failure) {
    return Err(ErrorCode::kUnavailable,
               "the log has failed and takes nothing more until it is opened again; the cause: {}",
               impl_->failure->ToString());
  }
  if (batch.empty()) {
    return {};
  }
  if (batch.first_seq() != next_seq()) {
    return Err(ErrorCode::kInvalidArgument,
               "a commit begins with record {}, but the log goes on with record {}",
               batch.first_seq(), next_seq());
  }
  if (Result<void> written = impl_->Write(batch); !written) {
    // A failed sync must not be tried again: the kernel may have dropped the bytes and then report
    // success.
    impl_->failure = written.error();
    return written;
  }
  impl_->committed.store(batch.next_seq(), std::memory_order_release);
  return {};
}

uint64_t Log::next_seq() const { return impl_->committed.load(std::memory_order_acquire); }
const LogId& Log::id() const { return impl_->id; }
const LogOptions& Log::options() const { return impl_->options; }
uint64_t Log::recovered_cut_bytes() const { return impl_->cut_bytes; }

Result<OwnedRecord> Log::Read(uint64_t seq) const {
  if (seq >= next_seq()) {
    return Err(ErrorCode::kNotFound, "record {} is not in the log; its next one will be {}", seq,
               next_seq());
  }
  Place place = impl_->index.Find(seq);
  const std::string path = SegmentPath(impl_->dir, place.segment);
  FUQI_ASSIGN_OR_RETURN(FileWindow window, FileWindow::Open(impl_->disk, path, kIndexEveryBytes));
  for (;;) {
    if (place.seq == place.commit_end) {
      FUQI_ASSIGN_OR_RETURN(const ByteView head, window.View(place.offset, kCommitHeaderBytes));
      uint32_t crc = 0;
      const std::optional<CommitHeader> header = internal::DecodeCommitHeader(head, &crc);
      if (!header || header->first_seq != place.seq) {
        break;
      }
      place.commit_end += header->count;
      place.offset += kCommitHeaderBytes;
    }
    FUQI_ASSIGN_OR_RETURN(ByteView frame, window.View(place.offset, internal::kFrameHeadBytes));
    const uint64_t size = internal::kFrameHeadBytes + uint64_t{ByteReader(frame).Fixed<uint32_t>()};
    if (place.seq == seq) {
      FUQI_ASSIGN_OR_RETURN(frame, window.View(place.offset, size));
      const std::optional<StoredRecord> record = internal::DecodeFrame(seq, frame);
      if (!record) {
        break;
      }
      return OwnedRecord(seq, Bytes(record->encoded.begin(), record->encoded.end()));
    }
    place.offset += size;
    ++place.seq;
  }
  return Err(ErrorCode::kCorrupt, "record {} at byte {} has been damaged since the log was opened",
             place.seq, place.offset)
      .At({.file = path});
}

Result<void> Log::Scan(uint64_t from_seq,
                       const std::function<Result<void>(const StoredRecord&)>& visit) const {
  const uint64_t limit_seq = next_seq();
  if (from_seq >= limit_seq) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(const WalkEnd end,
                        internal::WalkCommits(impl_->disk, impl_->dir, from_seq, limit_seq,
                                              VisitRecords(from_seq, limit_seq, visit)));
  if (end.next_seq < limit_seq) {
    return Err(ErrorCode::kCorrupt,
               "the log ends before record {}, which was committed since it was opened",
               end.next_seq)
        .At({.file = impl_->dir});
  }
  return {};
}

Result<ScanEnd> Scan(Disk& disk, const std::string& dir, uint64_t from_seq,
                     const std::function<Result<void>(const StoredRecord&)>& visit) {
  FUQI_ASSIGN_OR_RETURN(const WalkEnd end,
                        internal::WalkCommits(disk, dir, from_seq, kNoLimit,
                                              VisitRecords(from_seq, kNoLimit, visit)));
  if (end.empty && !end.begun_segment) {
    return Err(ErrorCode::kNotFound, "there is no log here: the folder has no segment")
        .At({.file = dir});
  }
  return ScanEnd{.next_seq = end.next_seq, .torn_bytes = end.torn_bytes};
}

}  // namespace fuqi::ledger
