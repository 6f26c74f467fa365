#include "ledger/walk_internal.h"

#include <algorithm>
#include <limits>

namespace fuqi::ledger::internal {
namespace {

constexpr size_t kReadAhead = size_t{1} << 20;

template <class... Args>
Error Corrupt(const std::string& path, MessageTemplate message, const Args&... args) {
  return Err(ErrorCode::kCorrupt, message, args...).At({.file = path});
}

class Walker {
 public:
  Walker(Disk& disk, const std::string& dir, uint64_t limit_seq,
         const std::function<Result<void>(const WalkedCommit&)>& visit)
      : disk_(disk), dir_(dir), limit_seq_(limit_seq), visit_(visit) {
    end_.empty = true;
  }

  Result<WalkEnd> Walk(uint64_t from_seq) {
    FUQI_ASSIGN_OR_RETURN(const std::vector<uint64_t> segments, ListSegments(disk_, dir_));
    if (segments.empty()) {
      return end_;
    }
    if (segments.front() != 0) {
      return Corrupt(SegmentPath(dir_, segments.front()),
                     "the log begins with record {}: its first records are missing",
                     segments.front());
    }
    auto segment = std::prev(std::upper_bound(segments.begin(), segments.end(), from_seq));
    end_.next_seq = *segment;
    for (; segment != segments.end() && end_.next_seq < limit_seq_; ++segment) {
      FUQI_RETURN_IF_ERROR(WalkSegment(*segment, std::next(segment) == segments.end()));
    }
    return end_;
  }

 private:
  Result<void> WalkSegment(uint64_t first_seq, bool last) {
    path_ = SegmentPath(dir_, first_seq);
    if (first_seq != end_.next_seq) {
      return Corrupt(path_, "the segment begins with record {}, but record {} is next", first_seq,
                     end_.next_seq);
    }
    FUQI_ASSIGN_OR_RETURN(FileWindow window, FileWindow::Open(disk_, path_, kReadAhead));
    // What is written from here on is not looked at: a commit within this size was whole before any
    // later one within it was begun, even while a node writes.
    size_ = window.size();
    FUQI_ASSIGN_OR_RETURN(const ByteView head, window.View(0, kSegmentHeaderBytes));
    uint32_t crc = 0;
    FUQI_ASSIGN_OR_RETURN(const std::optional<SegmentHeader> header,
                          DecodeSegmentHeader(head, &crc).At({.file = path_}));
    if (!header) {
      FUQI_ASSIGN_OR_RETURN(const std::optional<uint64_t> commit, FindCommit(window, 0));
      if (last && !commit) {
        SetAside(end_, first_seq, size_);
        return {};
      }
      return Corrupt(path_, "the header of the segment that begins with record {} is damaged",
                     first_seq);
    }
    FUQI_RETURN_IF_ERROR(CheckSegmentHeader(*header, first_seq));
    WalkEnd before = end_;
    before.id = header->id;
    end_.empty = false;
    end_.id = header->id;
    end_.segment = first_seq;
    end_.chain = crc;
    end_.segment_end = end_.tail = kSegmentHeaderBytes;
    while (end_.segment_end < size_ && end_.next_seq < limit_seq_ && end_.torn_bytes == 0) {
      FUQI_RETURN_IF_ERROR(WalkCommit(window, last));
    }
    if (end_.next_seq == first_seq) {
      if (!last) {
        return Corrupt(path_, "the segment that begins with record {} holds none", first_seq);
      }
      SetAside(before, first_seq, end_.torn_bytes);
    }
    return {};
  }

  // Goes back to what was before the last segment, which was only begun.
  void SetAside(const WalkEnd& before, uint64_t first_seq, uint64_t torn_bytes) {
    end_ = before;
    end_.begun_segment = first_seq;
    end_.torn_bytes = torn_bytes;
  }

  Result<void> CheckSegmentHeader(const SegmentHeader& header, uint64_t first_seq) {
    if (header.first_seq != first_seq) {
      return Corrupt(path_, "the segment is named for record {} but begins with record {}",
                     first_seq, header.first_seq);
    }
    const bool unknown_before = end_.empty && first_seq > 0;  // the walk began here
    if (!end_.empty && header.id != end_.id) {
      return Corrupt(path_, "the segment that begins with record {} is of another log", first_seq);
    }
    if (!unknown_before && header.chain != end_.chain) {
      return Corrupt(path_,
                     "the segment that begins with record {} does not continue the one before it",
                     first_seq);
    }
    return {};
  }

  Result<void> WalkCommit(FileWindow& window, bool last) {
    const uint64_t offset = end_.segment_end;
    FUQI_ASSIGN_OR_RETURN(const ByteView head, window.View(offset, kCommitHeaderBytes));
    uint32_t crc = 0;
    const std::optional<CommitHeader> header = DecodeCommitHeader(head, &crc);
    if (!header) {
      return Damaged(window, last);
    }
    if (header->tag != LogTag(end_.id) || header->chain != end_.chain) {
      return Corrupt(path_, "the commit at byte {} does not continue the log at record {}", offset,
                     end_.next_seq);
    }
    if (header->first_seq != end_.next_seq) {
      return Corrupt(path_, "the commit at byte {} begins with record {}, but record {} is next",
                     offset, header->first_seq, end_.next_seq);
    }
    const uint64_t commit_end = offset + kCommitHeaderBytes + header->payload_bytes;
    if (commit_end > size_) {
      return Damaged(window, last);
    }
    FUQI_ASSIGN_OR_RETURN(const ByteView payload,
                          window.View(offset + kCommitHeaderBytes, header->payload_bytes));
    if (payload.size() != header->payload_bytes || Crc32c(payload) != header->payload_crc) {
      return Damaged(window, last);
    }
    if (!DecodeFrames(*header, payload)) {
      return Corrupt(path_,
                     "the commit at byte {} (record {}) does not hold the records it announces",
                     offset, header->first_seq);
    }
    FUQI_RETURN_IF_ERROR(visit_({.segment = end_.segment,
                                 .offset = offset,
                                 .header = *header,
                                 .payload = payload,
                                 .records = records_}));
    end_.next_seq += header->count;
    end_.tail = offset;
    end_.segment_end = commit_end;
    end_.chain = crc;
    return {};
  }

  // At segment_end stands no valid commit. Either it was never acknowledged, then it is the torn
  // tail, or something that follows it proves that it was.
  Result<void> Damaged(FileWindow& window, bool last) {
    const uint64_t offset = end_.segment_end;
    if (!last) {
      return Corrupt(path_,
                     "the commit at byte {} (record {}) is damaged: a further segment follows it",
                     offset, end_.next_seq);
    }
    FUQI_ASSIGN_OR_RETURN(const std::optional<uint64_t> later, FindCommit(window, offset + 1));
    if (later) {
      return Corrupt(path_,
                     "the commit at byte {} (record {}) is damaged: a later one follows it at byte "
                     "{}",
                     offset, end_.next_seq, *later);
    }
    end_.torn_bytes = size_ - offset;
    return {};
  }

  // Where, at or after `from`, the header of a later commit of this log stands. The tag keeps bytes
  // that someone sent as content of a record from being taken for one.
  Result<std::optional<uint64_t>> FindCommit(FileWindow& window, uint64_t from) {
    while (from + kCommitHeaderBytes <= size_) {
      const uint64_t block = std::min<uint64_t>(kReadAhead, size_ - from);
      FUQI_ASSIGN_OR_RETURN(const ByteView view, window.View(from, block));
      if (view.size() < kCommitHeaderBytes) {
        break;
      }
      const auto stop =
          view.end() - static_cast<ptrdiff_t>(kCommitHeaderBytes - kCommitMagic.size());
      for (auto at = view.begin();; ++at) {
        at = std::search(at, stop, kCommitMagic.begin(), kCommitMagic.end());
        if (at == stop) {
          break;
        }
        uint32_t crc = 0;
        const auto header = DecodeCommitHeader({at, view.end()}, &crc);
        if (header && header->first_seq >= end_.next_seq &&
            (end_.empty || header->tag == LogTag(end_.id))) {
          return std::optional(from + static_cast<uint64_t>(at - view.begin()));
        }
      }
      from += view.size() - kCommitHeaderBytes + 1;
    }
    return std::optional<uint64_t>();
  }

  // Fills records_; false unless the payload is exactly the announced records.
  bool DecodeFrames(const CommitHeader& header, ByteView payload) {
    records_.clear();
    for (uint64_t seq = header.first_seq; !payload.empty(); ++seq) {
      const std::optional<StoredRecord> record = DecodeFrame(seq, payload);
      if (!record) {
        return false;
      }
      records_.push_back(*record);
      payload = payload.subspan(kFrameHeadBytes + record->encoded.size());
    }
    return !records_.empty() && records_.size() == header.count;
  }

  Disk& disk_;
  const std::string& dir_;
  const uint64_t limit_seq_;
  const std::function<Result<void>(const WalkedCommit&)>& visit_;
  WalkEnd end_;
  std::string path_;                   // of the present segment
  uint64_t size_ = 0;                  // of the present segment
  std::vector<StoredRecord> records_;  // of the present commit
};

}  // namespace

Result<FileWindow> FileWindow::Open(Disk& disk, const std::string& path, size_t read_ahead) {
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(path, OpenMode::kRead));
  FUQI_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  return FileWindow(std::move(file), size, read_ahead);
}

Result<ByteView> FileWindow::View(uint64_t offset, uint64_t size) {
  const uint64_t left = size_ - std::min(offset, size_);
  size = std::min(size, left);  // it may be a length that was read, and damaged
  if (offset < start_ || offset + size > start_ + buffer_.size()) {
    buffer_.resize(std::min(std::max<uint64_t>(size, read_ahead_), left));
    start_ = offset;
    Result<size_t> read = file_->Read(offset, buffer_);
    buffer_.resize(read.value_or(0));
    FUQI_RETURN_IF_ERROR(read);
    size = std::min<uint64_t>(size, buffer_.size());
  }
  return size == 0 ? ByteView() : ByteView(buffer_).subspan(offset - start_, size);
}

Result<WalkEnd> WalkCommits(Disk& disk, const std::string& dir, uint64_t from_seq,
                            uint64_t limit_seq,
                            const std::function<Result<void>(const WalkedCommit&)>& visit) {
  return Walker(disk, dir, limit_seq, visit).Walk(from_seq);
}

}  // namespace fuqi::ledger::internal
