#include "ledger/verify.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

#include "crypto/sha256.h"

namespace fuqi::ledger {
namespace {

// The format, from docs/formats/log.md. Deliberately not from format_internal.h.
constexpr std::string_view kSegmentMagic = "FUQISEG\n";
constexpr std::string_view kCommitMagic = "FQCM";
constexpr uint64_t kSegmentHead = 44;
constexpr uint64_t kCommitHead = 40;
constexpr uint64_t kFrameHead = 8;
constexpr uint64_t kRecordHead = 16;
constexpr uint32_t kVersion = 1;
constexpr uint16_t kEventType = 2;
constexpr uint16_t kDecisionType = 3;
constexpr uint64_t kSegmentFileMax = uint64_t{1} << 31;

constexpr uint64_t kHash = 32;
constexpr uint64_t kTile = 256 * kHash;
constexpr uint64_t kHeadBytesMax = 4096;
constexpr uint64_t kNowhere = std::numeric_limits<uint64_t>::max();
// How many sequence numbers a commit's misplaced records are tried with.
constexpr uint64_t kTriesMax = uint64_t{1} << 20;

template <class T>
T Number(ByteView bytes, uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

template <class... Args>
Error Say(MessageTemplate text, const Args&... args) {
  return Err(ErrorCode::kCorrupt, text, args...);
}

bool StartsWith(ByteView bytes, std::string_view magic) { return AsText(bytes).starts_with(magic); }

// True if the four bytes at `end` are the crc of those before.
bool Sealed(ByteView bytes, uint64_t end) {
  return Number<uint32_t>(bytes, end) == Crc32c(bytes.first(end));
}

struct SegmentHead {
  uint32_t chain = 0;
  Bytes id;
  uint64_t first_seq = 0;
  uint32_t crc = 0;
};

Result<std::optional<SegmentHead>> ReadSegmentHead(ByteView bytes) {
  if (bytes.size() < kSegmentHead || !StartsWith(bytes, kSegmentMagic) || !Sealed(bytes, 40)) {
    return std::optional<SegmentHead>();
  }
  if (Number<uint32_t>(bytes, 8) != kVersion) {
    return Err(ErrorCode::kUnsupported,
               "the log is of format version {}; this program knows version {}",
               Number<uint32_t>(bytes, 8), kVersion);
  }
  return std::optional(SegmentHead{.chain = Number<uint32_t>(bytes, 12),
                                   .id = Bytes(bytes.begin() + 16, bytes.begin() + 32),
                                   .first_seq = Number<uint64_t>(bytes, 32),
                                   .crc = Number<uint32_t>(bytes, 40)});
}

struct CommitHead {
  uint64_t payload = 0;
  uint64_t first_seq = 0;
  uint64_t tag = 0;
  uint32_t count = 0;
  uint32_t chain = 0;
  uint32_t payload_crc = 0;
  uint32_t crc = 0;
};

std::optional<CommitHead> ReadCommitHead(ByteView bytes) {
  if (bytes.size() < kCommitHead || !StartsWith(bytes, kCommitMagic) || !Sealed(bytes, 36)) {
    return std::nullopt;
  }
  return CommitHead{.payload = Number<uint32_t>(bytes, 4),
                    .first_seq = Number<uint64_t>(bytes, 8),
                    .tag = Number<uint64_t>(bytes, 16),
                    .count = Number<uint32_t>(bytes, 24),
                    .chain = Number<uint32_t>(bytes, 28),
                    .payload_crc = Number<uint32_t>(bytes, 32),
                    .crc = Number<uint32_t>(bytes, 36)};
}

// The record in the frame that starts `bytes`; empty if the frame is not that of record `seq`.
std::optional<ByteView> ReadFrame(ByteView bytes, uint64_t seq) {
  const uint64_t length = Number<uint32_t>(bytes, 0);
  std::array<uint8_t, 8 + 4> covered;
  std::memcpy(covered.data(), &seq, 8);
  std::memcpy(covered.data() + 8, bytes.data(), 4);
  const ByteView record = bytes.subspan(kFrameHead, length);
  if (Number<uint32_t>(bytes, 4) != Crc32c(record, Crc32c(covered)) ||
      Number<uint32_t>(record, 4) > length - kRecordHead) {
    return std::nullopt;
  }
  return record;
}

// Whether a frame of a possible length starts `bytes`.
bool Delimited(ByteView bytes) {
  if (bytes.size() < kFrameHead) {
    return false;
  }
  const uint64_t length = Number<uint32_t>(bytes, 0);
  return length >= kRecordHead && length <= bytes.size() - kFrameHead;
}

Digest HashOf(uint8_t prefix, ByteView first, ByteView second = {}) {
  thread_local crypto::Sha256Stream stream;
  stream.Update({&prefix, 1});
  stream.Update(first);
  stream.Update(second);
  return stream.Finish();
}

// RFC 6962's tree head by its definition: subtrees of equal size are joined as they come, and what
// is left at the end is joined from the right.
class RootStack {
 public:
  struct Subtree {
    uint64_t leaves = 0;
    Digest hash{};
  };

  // Tells `joined` every complete subtree that the leaf completes, itself included.
  template <class Joined>
  void Push(const Digest& leaf, const Joined& joined) {
    Subtree subtree{1, leaf};
    ++size_;
    joined(subtree);
    while (!subtrees_.empty() && subtrees_.back().leaves == subtree.leaves) {
      subtree = {subtree.leaves * 2, HashOf(1, subtrees_.back().hash, subtree.hash)};
      subtrees_.pop_back();
      joined(subtree);
    }
    subtrees_.push_back(subtree);
  }
  uint64_t size() const { return size_; }
  Digest Root() const {
    if (subtrees_.empty()) {
      return crypto::Sha256({});
    }
    Digest root = subtrees_.back().hash;
    for (size_t i = subtrees_.size() - 1; i-- > 0;) {
      root = HashOf(1, subtrees_[i].hash, root);
    }
    return root;
  }

 private:
  std::vector<Subtree> subtrees_;
  uint64_t size_ = 0;
};

// A stored level of the tree, read tile by tile.
class StoredLevel {
 public:
  static Result<StoredLevel> Open(Disk& disk, const std::string& dir, uint64_t level) {
    StoredLevel stored;
    stored.name_ = fmt::format("tree/{}", level);
    Result<std::unique_ptr<File>> file = disk.Open(dir + "/" + stored.name_, OpenMode::kRead);
    if (!file) {
      if (file.error().code() == ErrorCode::kNotFound) {
        return stored;
      }
      return std::move(file).error();
    }
    stored.file_ = *std::move(file);
    FUQI_ASSIGN_OR_RETURN(const uint64_t bytes, stored.file_->Size());
    stored.size_ = bytes / kHash;
    return stored;
  }

  const std::string& name() const { return name_; }
  // As it was when the verification began; a node may have gone on since.
  uint64_t size() const { return size_; }
  // i < size().
  Result<Digest> At(uint64_t i) {
    const uint64_t start = i * kHash / kTile * kTile;
    if (start != start_ || tile_.empty()) {
      tile_.assign(kTile, 0);
      start_ = start;
      FUQI_RETURN_IF_ERROR(file_->Read(start, tile_));
    }
    Digest hash;
    std::memcpy(hash.data(), tile_.data() + (i * kHash - start), kHash);
    return hash;
  }

 private:
  std::string name_;
  std::unique_ptr<File> file_;
  uint64_t size_ = 0;
  uint64_t start_ = 0;
  Bytes tile_;
};

struct SegmentFile {
  std::string name;
  uint64_t number = 0;
  std::optional<SegmentHead> head;
};

// Commits that follow one another in a file with consecutive records.
struct CommitRun {
  uint64_t first = 0;
  uint64_t next = 0;
  std::string file;
  uint64_t offset = 0;
  bool after_damage = false;  // which has been reported
};

// Consecutive records whose leaf is not the stored one.
struct Disagreement {
  uint64_t first = 0;
  uint64_t next = 0;
  std::string file;  // of record `first`
  uint64_t offset = 0;
};

class Verifier {
 public:
  Verifier(Disk& disk, const std::string& dir,
           const std::function<void(uint64_t, uint64_t)>& progress)
      : disk_(disk), dir_(dir), progress_(progress) {}

  Result<VerifyReport> Run(std::span<const OutsideHead> outside_heads) {
    // Heads and tree first: a node that goes on writing makes the log longer than they say, never
    // shorter.
    FUQI_RETURN_IF_ERROR(ReadHeads(outside_heads));
    FUQI_RETURN_IF_ERROR(OpenTree());
    FUQI_RETURN_IF_ERROR(ListSegments());
    for (size_t i = 0; i < segments_.size(); ++i) {
      FUQI_RETURN_IF_ERROR(CheckSegment(segments_[i], i + 1 == segments_.size()));
    }
    JudgeOrder();
    JudgeEnd();
    FUQI_RETURN_IF_ERROR(JudgeHeads());
    FUQI_RETURN_IF_ERROR(JudgeTree());
    if (whole_) {
      report_.root = stack_.Root();
    }
    for (std::vector<Finding>* findings : {&report_.problems, &report_.notes}) {
      std::sort(findings->begin(), findings->end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.file, a.offset, a.seq, a.kind) <
               std::tie(b.file, b.offset, b.seq, b.kind);
      });
    }
    return std::move(report_);
  }

 private:
  using Kind = ProblemKind;

  void Problem(Kind kind, const std::string& file, uint64_t offset, std::optional<uint64_t> seq,
               Error detail) {
    report_.problems.push_back({kind, file, offset, seq, std::move(detail)});
  }
  void Note(Kind kind, const std::string& file, uint64_t offset, std::optional<uint64_t> seq,
            Error detail) {
    report_.notes.push_back({kind, file, offset, seq, std::move(detail)});
  }

  Result<void> ReadHeads(std::span<const OutsideHead> outside_heads) {
    for (const OutsideHead& outside : outside_heads) {
      report_.heads.push_back({.file = outside.file, .outside = true, .head = outside.head});
    }
    Result<Bytes> stored = ReadFile(disk_, dir_ + "/head", kHeadBytesMax);
    if (!stored) {
      return stored.error().code() == ErrorCode::kNotFound ? Result<void>()
                                                           : std::move(stored).error();
    }
    Result<Head> head = ParseHead(AsText(*stored));
    if (head) {
      report_.heads.push_back({.file = "head", .head = *std::move(head)});
    } else {
      Problem(Kind::kWrongHead, "head", 0, std::nullopt, std::move(head).error());
    }
    return {};
  }

  Result<void> OpenTree() {
    do {
      FUQI_ASSIGN_OR_RETURN(StoredLevel level, StoredLevel::Open(disk_, dir_, levels_.size()));
      levels_.push_back(std::move(level));
    } while (levels_.back().size() > 0);
    seen_ = levels_[0].size();
    for (const CheckedHead& checked : report_.heads) {
      seen_ = std::max(seen_, checked.head.size);
      vouched_ = std::max(vouched_, checked.head.size);
    }
    return {};
  }

  Result<void> ListSegments() {
    Result<std::vector<std::string>> names = disk_.List(dir_ + "/log");
    if (!names && (names.error().code() != ErrorCode::kNotFound || seen_ == 0)) {
      return std::move(names).error();
    }
    std::map<Bytes, int> ids;
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
      if (!name.ends_with(".seg")) {
        continue;
      }
      const std::string file = "log/" + name;
      if (name.size() != 24 || name.find_first_not_of("0123456789") != 20) {
        Problem(Kind::kReordered, file, 0, std::nullopt,
                Say("a segment is named by twenty digits, the number of its first record"));
        continue;
      }
      SegmentFile segment{.name = file, .number = std::strtoull(name.c_str(), nullptr, 10)};
      FUQI_ASSIGN_OR_RETURN(const auto opened, disk_.Open(dir_ + "/" + file, OpenMode::kRead));
      FUQI_ASSIGN_OR_RETURN(const uint64_t size, opened->Size());
      bytes_in_all_ += size;
      Bytes head(kSegmentHead);
      FUQI_ASSIGN_OR_RETURN(const size_t read, opened->Read(0, head));
      head.resize(read);
      FUQI_ASSIGN_OR_RETURN(segment.head, ReadSegmentHead(head).At({.file = file}));
      if (segment.head && ++ids[segment.head->id] > ids[id_]) {
        id_ = segment.head->id;  // a log's id is the one that most of its segments have
      }
      segments_.push_back(std::move(segment));
    }
    if (segments_.empty() && seen_ == 0) {
      return Err(ErrorCode::kNotFound, "there is no log here: the folder has no segment")
          .At({.file = dir_ + "/log"});
    }
    end_file_ = segments_.empty() ? "log" : segments_.back().name;
    return {};
  }

  bool IsOwn(const CommitHead& head) const {
    // Where no segment's header can be read, every commit passes for one of this log.
    return id_.empty() || head.tag == Number<uint64_t>(id_, 0);
  }

  Result<void> CheckSegment(const SegmentFile& segment, bool last) {
    FUQI_ASSIGN_OR_RETURN(bytes_, ReadFile(disk_, dir_ + "/" + segment.name, kSegmentFileMax));
    file_ = segment.name;
    last_ = last;
    report_.bytes += bytes_.size();
    ++report_.segments;
    uint64_t at = CheckSegmentHead(segment);
    while (at < bytes_.size()) {
      at = CheckCommit(at);
      FUQI_RETURN_IF_ERROR(std::exchange(io_, {}));
      if (progress_) {
        progress_(report_.bytes - bytes_.size() + std::min<uint64_t>(at, bytes_.size()),
                  bytes_in_all_);
      }
    }
    return {};
  }

  // Gives where the first commit should stand.
  uint64_t CheckSegmentHead(const SegmentFile& segment) {
    chain_before_ = std::exchange(chain_, std::nullopt);
    foreign_ = false;
    if (!segment.head) {
      const uint64_t commit = FindOwnCommit(0);
      if (last_ && commit == kNowhere) {
        Tail(0, Say("the last segment was only begun: it holds {} bytes and no record",
                    bytes_.size()));
        return bytes_.size();
      }
      Problem(Kind::kChanged, file_, 0, segment.number, Say("the segment's header is damaged"));
      after_damage_ = true;
      return std::min<uint64_t>(commit, bytes_.size());
    }
    const SegmentHead& head = *segment.head;
    foreign_ = head.id != id_;
    if (foreign_) {
      Problem(Kind::kSpliced, file_, 16, head.first_seq, Say("the segment is of another log"));
    } else if (head.first_seq != segment.number) {
      Problem(Kind::kReordered, file_, 32, head.first_seq,
              Say("the segment is named for record {} but begins with record {}", segment.number,
                  head.first_seq));
    } else if (head.first_seq == next_ && head.chain != chain_before_.value_or(0) &&
               (chain_before_ || next_ == 0)) {
      Problem(Kind::kSpliced, file_, 12, head.first_seq,
              Say("the segment does not continue the one before it"));
    }
    chain_ = head.crc;
    end_file_ = file_;
    end_offset_ = kSegmentHead;
    return kSegmentHead;
  }

  // Checks what stands at `at` and gives where the next commit should stand.
  uint64_t CheckCommit(uint64_t at) {
    const ByteView rest = ByteView(bytes_).subspan(at);
    const std::optional<CommitHead> head = ReadCommitHead(rest);
    if (!head) {
      return SkipDamage(at);
    }
    const uint64_t end = at + kCommitHead + head->payload;
    const bool whole = end <= bytes_.size() &&
                       Crc32c(rest.subspan(kCommitHead, head->payload)) == head->payload_crc;
    if (!IsOwn(*head)) {
      if (!foreign_) {  // otherwise it has been said of the segment
        Problem(Kind::kSpliced, file_, at, head->first_seq, Say("the commit is of another log"));
      }
      chain_.reset();
      return whole ? end : std::min<uint64_t>(FindOwnCommit(at + 1), bytes_.size());
    }
    const uint64_t later = whole ? kNowhere : FindOwnCommit(at + kCommitHead, head->first_seq);
    if (head->first_seq == next_) {
      if (chain_ && head->chain != *chain_) {
        Problem(Kind::kSpliced, file_, at, head->first_seq,
                Say("the commit does not continue the one before it"));
      } else if (!whole && later == kNowhere && last_ && (end > bytes_.size() || next_ >= seen_)) {
        Tail(at, Say("the last commit, of {} records, is not whole", head->count));
        return bytes_.size();
      }
    }
    chain_ = head->crc;
    AddToRun(*head, at);
    const uint64_t stop = std::min<uint64_t>({end, later, bytes_.size()});
    if (!CheckRecords(*head, at + kCommitHead, stop) && !whole) {
      Problem(Kind::kChanged, file_, at, head->first_seq,
              Say("the commit's payload is not what was written, though its records are"));
    }
    return later != kNowhere ? later : std::min<uint64_t>(end, bytes_.size());
  }

  // At `at` stands no commit.
  uint64_t SkipDamage(uint64_t at) {
    const uint64_t later = FindOwnCommit(at + 1);
    if (last_ && FindOwnCommit(at + 1, next_) == kNowhere) {
      Tail(at, Say("the log ends in {} bytes that are no commit", bytes_.size() - at));
      return bytes_.size();
    }
    const uint64_t end = std::min<uint64_t>(later, bytes_.size());
    Problem(Kind::kChanged, file_, at, next_, Say("{} bytes are no commit", end - at));
    after_damage_ = true;
    return end;
  }

  // What ends the log. Nobody was told of it, unless the tree or a head has seen its records.
  void Tail(uint64_t at, Error detail) {
    if (next_ < seen_) {
      lost_tail_ = true;
      whole_ = false;
      Problem(Kind::kTornTail, file_, at, next_, std::move(detail));
    } else {
      Note(Kind::kTornTail, file_, at, next_, std::move(detail));
    }
  }

  // Where at or after `from` a commit head of this log stands, of records from `least_seq` on.
  uint64_t FindOwnCommit(uint64_t from, uint64_t least_seq = 0) const {
    const std::string_view text = AsText(bytes_);
    for (size_t at = text.find(kCommitMagic, from); at != std::string_view::npos;
         at = text.find(kCommitMagic, at + 1)) {
      const std::optional<CommitHead> head = ReadCommitHead(ByteView(bytes_).subspan(at));
      if (head && IsOwn(*head) && head->first_seq >= least_seq) {
        return at;
      }
    }
    return kNowhere;
  }

  void AddToRun(const CommitHead& head, uint64_t at) {
    if (runs_.empty() || head.first_seq != next_) {
      runs_.push_back({.first = head.first_seq,
                       .next = head.first_seq,
                       .file = file_,
                       .offset = at,
                       .after_damage = after_damage_});
      whole_ = whole_ && runs_.size() == 1 && head.first_seq == 0;
    }
    after_damage_ = false;
    next_ = runs_.back().next = head.first_seq + head.count;
    end_file_ = file_;
    end_offset_ = at + kCommitHead + head.payload;
    end_seq_ = std::max(end_seq_, next_);
  }

  // Checks the frames in [at, stop) one by one; true if it reported something.
  bool CheckRecords(const CommitHead& head, uint64_t at, uint64_t stop) {
    bool reported = false;
    uint64_t tries = 0;
    const uint64_t end = head.first_seq + head.count;
    if (end <= head.first_seq) {
      Problem(Kind::kChanged, file_, at - kCommitHead, head.first_seq,
              Say("the commit announces {} records from record {} on", head.count, head.first_seq));
      whole_ = false;
      return true;
    }
    for (uint64_t seq = head.first_seq; seq < end; ++seq) {
      const ByteView rest = ByteView(bytes_).subspan(at, stop - at);
      if (!Delimited(rest)) {
        Problem(Kind::kChanged, file_, at, seq,
                Say("the records from {} to {} cannot be told apart", seq, end - 1));
        whole_ = false;
        return true;
      }
      if (const std::optional<ByteView> record = ReadFrame(rest, seq)) {
        CheckRecord(seq, *record, at);
      } else {
        reported = true;
        whole_ = false;
        std::optional<uint64_t> own;
        for (uint64_t other = head.first_seq; other < end && !own && tries < kTriesMax; ++other) {
          ++tries;
          own = ReadFrame(rest, other) ? std::optional(other) : std::nullopt;
        }
        if (own) {
          Problem(Kind::kReordered, file_, at, seq, Say("here stands record {}", *own));
        } else {
          Problem(Kind::kChanged, file_, at, seq, Say("the record is not what was written"));
        }
      }
      at += kFrameHead + Number<uint32_t>(rest, 0);
    }
    if (at != stop) {
      Problem(Kind::kChanged, file_, at, end, Say("{} bytes are no record", stop - at));
      reported = true;
    }
    return reported;
  }

  void CheckRecord(uint64_t seq, ByteView record, uint64_t at) {
    ++report_.entries;
    const auto type = Number<uint16_t>(record, 0);
    if (type == kDecisionType &&
        (seq == 0 || (previous_seq_ == seq - 1 && previous_type_ != kEventType))) {
      Problem(Kind::kMissing, file_, at, seq, Say("a decision has no event just before it"));
    }
    previous_seq_ = seq;
    previous_type_ = type;
    const Digest leaf = HashOf(0, record);
    CheckLeaf(seq, leaf, at);
    if (whole_ && stack_.size() == seq) {
      Push(leaf);
    }
  }

  void CheckLeaf(uint64_t seq, const Digest& leaf, uint64_t at) {
    if (seq >= levels_[0].size()) {
      return;
    }
    const Result<Digest> stored = levels_[0].At(seq);
    if (!stored) {
      io_ = stored.error();
    } else if (*stored != leaf) {
      if (disagreements_.empty() || disagreements_.back().next != seq) {
        disagreements_.push_back({.first = seq, .next = seq, .file = file_, .offset = at});
      }
      disagreements_.back().next = seq + 1;
    }
  }

  // Lets the leaf into the recomputed tree, and compares the subtrees that it completes with the
  // stored ones and the roots on the way with the heads.
  void Push(const Digest& leaf) {
    CheckHeadsAt(stack_.size());
    stack_.Push(leaf, [this](const RootStack::Subtree& subtree) {
      const int height = std::countr_zero(subtree.leaves);
      const auto level = static_cast<size_t>(height / 8);
      const uint64_t index = stack_.size() / subtree.leaves - 1;
      if (level == 0 || height % 8 != 0 || level >= levels_.size() ||
          index >= levels_[level].size()) {
        return;
      }
      const Result<Digest> stored = levels_[level].At(index);
      if (!stored) {
        io_ = stored.error();
        return;
      }
      const uint64_t begin = index * subtree.leaves;
      const bool leaves_agree = disagreements_.empty() || disagreements_.back().next <= begin;
      if (*stored != subtree.hash && leaves_agree) {
        TreeFinding(begin + subtree.leaves, levels_[level].name(), index * kHash, begin,
                    Say("the stored hash of the leaves from {} to {} is not theirs", begin,
                        begin + subtree.leaves - 1));
      }
    });
  }

  // A stored hash that a head vouches for is evidence; what comes later is computed anew on
  // opening.
  void TreeFinding(uint64_t end, const std::string& file, uint64_t offset, uint64_t seq,
                   Error detail) {
    if (end <= vouched_) {
      Problem(Kind::kChanged, file, offset, seq, std::move(detail));
    } else {
      Note(Kind::kChanged, file, offset, seq, std::move(detail));
    }
  }

  void CheckHeadsAt(uint64_t size) {
    for (CheckedHead& checked : report_.heads) {
      if (checked.head.size == size) {
        computed_.insert_or_assign(size, stack_.Root());
      }
    }
  }

  // Gaps, exchanges and doubles, from the runs as they stand in the files.
  void JudgeOrder() {
    // First record → next after the last, of the runs before and behind the one looked at.
    std::multimap<uint64_t, uint64_t> before;
    std::multimap<uint64_t, uint64_t> behind;
    for (const CommitRun& run : runs_) {
      behind.emplace(run.first, run.next);
    }
    const auto holds_some_of = [](const auto& runs, uint64_t first, uint64_t next) {
      const auto after = runs.lower_bound(next);
      return after != runs.begin() && std::prev(after)->second > first;
    };
    uint64_t due = 0;
    for (const CommitRun& run : runs_) {
      behind.erase(behind.find(run.first));
      if (run.first > due) {
        if (holds_some_of(behind, due, run.first)) {
          Problem(Kind::kReordered, run.file, run.offset, run.first,
                  Say("record {} stands before record {}", run.first, due));
        } else if (!run.after_damage) {
          Problem(
              Kind::kMissing, run.file, run.offset, due,
              Say("the records from {} to {} are missing before this place", due, run.first - 1));
        }
      } else if (run.first < due) {
        if (holds_some_of(before, run.first, run.next)) {
          Problem(Kind::kSpliced, run.file, run.offset, run.first,
                  Say("the records from {} on stand in the log twice", run.first));
        } else {
          Problem(Kind::kReordered, run.file, run.offset, run.first,
                  Say("record {} stands behind record {}", run.first, due - 1));
        }
      }
      before.emplace(run.first, run.next);
      due = std::max(due, run.next);
    }
  }

  void JudgeEnd() {
    if (end_seq_ < seen_ && !lost_tail_) {
      Problem(Kind::kTruncated, end_file_, end_offset_, end_seq_,
              Say("the log ends before record {}, but the tree or a head has seen {} records",
                  end_seq_, seen_));
    }
  }

  Result<void> JudgeHeads() {
    if (whole_) {
      CheckHeadsAt(stack_.size());
    }
    const CheckedHead* own = nullptr;
    for (CheckedHead& checked : report_.heads) {
      const Head& head = checked.head;
      const auto computed = computed_.find(head.size);
      if (computed != computed_.end()) {
        checked.result =
            computed->second == head.root ? HeadResult::kMatched : HeadResult::kMismatched;
      } else {
        checked.result = head.size > end_seq_ ? HeadResult::kBeyond : HeadResult::kUnchecked;
      }
      if (checked.result == HeadResult::kMismatched) {
        Problem(Kind::kWrongHead, checked.file, 0, std::nullopt,
                Say("the log's first {} records do not give the head's root", head.size));
      }
      if (!checked.outside) {
        own = &checked;
      }
    }
    for (CheckedHead& checked : report_.heads) {
      if (own != nullptr && checked.head.origin != own->head.origin) {
        checked.result = HeadResult::kMismatched;
        Problem(Kind::kWrongHead, checked.file, 0, std::nullopt,
                Say("the head is of '{}', not of '{}'", checked.head.origin, own->head.origin));
      }
    }
    return {};
  }

  // Where the log's leaves differ from the stored ones, a head tells which of them were changed.
  Result<void> JudgeTree() {
    if (disagreements_.empty()) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(const bool tree_is_right, StoredLeavesGiveAHead());
    for (const Disagreement& part : disagreements_) {
      if (tree_is_right && part.first < vouched_) {
        Problem(Kind::kChanged, part.file, part.offset, part.first,
                Say("the records from {} to {} are not those that the head vouches for", part.first,
                    part.next - 1));
      } else {
        TreeFinding(part.first + 1, levels_[0].name(), part.first * kHash, part.first,
                    Say("the stored hashes of the leaves from {} to {} are not those of the log",
                        part.first, part.next - 1));
      }
    }
    return {};
  }

  // Whether the stored leaves give the root of a head that the log's records do not give.
  Result<bool> StoredLeavesGiveAHead() {
    for (const CheckedHead& checked : report_.heads) {
      if (checked.result == HeadResult::kMatched || checked.head.size > levels_[0].size()) {
        continue;
      }
      RootStack stack;
      for (uint64_t i = 0; i < checked.head.size; ++i) {
        FUQI_ASSIGN_OR_RETURN(const Digest leaf, levels_[0].At(i));
        stack.Push(leaf, [](const RootStack::Subtree&) {});
      }
      if (stack.Root() == checked.head.root) {
        return true;
      }
    }
    return false;
  }

  Disk& disk_;
  const std::string& dir_;
  const std::function<void(uint64_t, uint64_t)>& progress_;
  VerifyReport report_;
  Result<void> io_;  // of reading a stored hash, where no result can be returned

  std::vector<StoredLevel> levels_;
  uint64_t seen_ = 0;     // records that the tree or a head has seen
  uint64_t vouched_ = 0;  // records that a head has seen
  std::vector<SegmentFile> segments_;
  Bytes id_;
  uint64_t bytes_in_all_ = 0;

  // The segment that is being read.
  std::string file_;
  Bytes bytes_;
  bool last_ = false;
  bool foreign_ = false;

  // What the records so far lead to.
  uint64_t next_ = 0;
  std::optional<uint32_t> chain_;
  std::optional<uint32_t> chain_before_;
  bool after_damage_ = false;
  std::vector<CommitRun> runs_;
  std::optional<uint64_t> previous_seq_;
  uint16_t previous_type_ = 0;
  std::string end_file_;
  uint64_t end_offset_ = 0;
  uint64_t end_seq_ = 0;
  bool lost_tail_ = false;
  bool whole_ = true;  // every record so far is there, in order and undamaged
  RootStack stack_;
  std::map<uint64_t, Digest> computed_;  // roots at the heads' sizes
  std::vector<Disagreement> disagreements_;
};

}  // namespace

std::string_view ProblemKindName(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kTornTail:
      return "torn_tail";
    case ProblemKind::kChanged:
      return "changed";
    case ProblemKind::kMissing:
      return "missing";
    case ProblemKind::kReordered:
      return "reordered";
    case ProblemKind::kSpliced:
      return "spliced";
    case ProblemKind::kTruncated:
      return "truncated";
    case ProblemKind::kWrongHead:
      return "wrong_head";
  }
  return "unknown";
}

std::string_view HeadResultName(HeadResult result) {
  switch (result) {
    case HeadResult::kMatched:
      return "matched";
    case HeadResult::kMismatched:
      return "mismatched";
    case HeadResult::kBeyond:
      return "beyond";
    case HeadResult::kUnchecked:
      return "unchecked";
  }
  return "unknown";
}

bool VerifyReport::attested() const {
  return std::any_of(heads.begin(), heads.end(), [](const CheckedHead& checked) {
    return checked.outside && checked.result == HeadResult::kMatched;
  });
}

Result<VerifyReport> Verify(Disk& disk, const std::string& dir,
                            std::span<const OutsideHead> outside_heads,
                            const std::function<void(uint64_t, uint64_t)>& progress) {
  return Verifier(disk, dir, progress).Run(outside_heads);
}

}  // namespace fuqi::ledger
