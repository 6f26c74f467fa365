#include "ledger/merkle.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "crypto/sha256.h"
#include "ledger/proof.h"

namespace fuqi::ledger {
namespace {

constexpr size_t kLevels = 8;  // of 2^64 leaves
constexpr int kTileHeight = 8;
constexpr size_t kHashBytes = sizeof(Digest);
constexpr size_t kFollowLeaves = 4096;  // hashed before they are written together

// Nobody but us writes that file: a form that is not ours is damage.
Result<std::optional<Head>> ReadOwnHead(Disk& disk, const std::string& path) {
  Result<std::optional<Head>> head = ReadHead(disk, path);
  if (!head && head.error().code() == ErrorCode::kParse) {
    return head.error().WithCode(ErrorCode::kCorrupt);
  }
  return head;
}

// The largest power of two that is less than n; n > 1.
uint64_t SplitAt(uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

Digest LeafHash(ByteView encoded_record) {
  thread_local crypto::Sha256Stream stream;
  static constexpr std::array<uint8_t, 1> kLeaf = {0x00};
  stream.Update(kLeaf);
  stream.Update(encoded_record);
  return stream.Finish();
}

Digest NodeHash(const Digest& left, const Digest& right) {
  std::array<uint8_t, 1 + 2 * kHashBytes> node;
  node[0] = 0x01;
  std::copy(left.begin(), left.end(), node.begin() + 1);
  std::copy(right.begin(), right.end(), node.begin() + 1 + kHashBytes);
  return crypto::Sha256(node);
}

Digest EmptyRoot() { return crypto::Sha256({}); }

struct Tree::Impl {
  Impl(Disk& disk_in, std::string dir_in, std::string_view origin_in)
      : disk(disk_in), dir(std::move(dir_in)), origin(origin_in) {}

  std::string TreeDir() const { return dir + "/tree"; }
  std::string HeadPath() const { return dir + "/head"; }

  Result<void> OpenLevel(size_t level);
  Result<bool> Holds(const Head& head) const;
  Result<void> StartAt(uint64_t leaves);
  Result<void> Follow(const Log& log);
  Result<void> AppendLeaves(std::span<const Digest> leaves);
  Result<void> WriteLevels(const std::array<std::vector<Digest>, kLevels>& added);
  Result<void> SyncFiles();

  // Of complete subtree `index` of 2^height leaves.
  Result<Digest> Node(int height, uint64_t index) const;
  // Of the leaves [begin, end): a complete subtree, or one on the right edge of some tree.
  Result<Digest> Range(uint64_t begin, uint64_t end) const;
  Result<void> CheckSize(uint64_t wanted) const;
  Result<void> CheckAlive() const;

  Disk& disk;
  const std::string dir;
  const std::string origin;

  // Level L is opened by the committing thread before `size` says that it holds something.
  std::array<std::unique_ptr<File>, kLevels> levels;
  std::atomic<uint64_t> size = 0;

  // Of the committing thread: the complete subtrees that the leaves so far make up, largest first.
  std::vector<Digest> subtrees;
  std::optional<Error> failure;
};

Result<void> Tree::Impl::OpenLevel(size_t level) {
  const std::string path = fmt::format("{}/{}", TreeDir(), level);
  Result<std::unique_ptr<File>> file = disk.Open(path, OpenMode::kReadWrite);
  if (!file && file.error().code() == ErrorCode::kNotFound) {
    file = disk.Open(path, OpenMode::kCreate);
  }
  FUQI_ASSIGN_OR_RETURN(levels[level], std::move(file));
  return {};
}

// Whether the stored hashes lead to the head's root.
Result<bool> Tree::Impl::Holds(const Head& head) const {
  for (size_t level = 0; level < kLevels; ++level) {
    const uint64_t wanted = (head.size >> (kTileHeight * level)) * kHashBytes;
    uint64_t stored = 0;
    if (levels[level] != nullptr) {
      FUQI_ASSIGN_OR_RETURN(stored, levels[level]->Size());
    }
    if (stored < wanted) {
      return false;
    }
  }
  FUQI_ASSIGN_OR_RETURN(const Digest root, Range(0, head.size));
  return root == head.root;
}

// Keeps the first `leaves` leaves of what is stored.
Result<void> Tree::Impl::StartAt(uint64_t leaves) {
  for (size_t level = 0; level < kLevels; ++level) {
    if (levels[level] != nullptr) {
      FUQI_RETURN_IF_ERROR(levels[level]->Truncate((leaves >> (kTileHeight * level)) * kHashBytes));
    }
  }
  subtrees.clear();
  for (uint64_t begin = 0; begin < leaves;) {
    const uint64_t width = std::bit_floor(leaves - begin);
    FUQI_ASSIGN_OR_RETURN(subtrees.emplace_back(), Range(begin, begin + width));
    begin += width;
  }
  size.store(leaves, std::memory_order_release);
  return {};
}

Result<void> Tree::Impl::Follow(const Log& log) {
  std::vector<Digest> leaves;
  FUQI_RETURN_IF_ERROR(log.Scan(size.load(), [&](const StoredRecord& record) -> Result<void> {
    leaves.push_back(LeafHash(record.encoded));
    if (leaves.size() == kFollowLeaves) {
      FUQI_RETURN_IF_ERROR(AppendLeaves(leaves));
      leaves.clear();
    }
    return {};
  }));
  return AppendLeaves(leaves);
}

Result<void> Tree::Impl::AppendLeaves(std::span<const Digest> leaves) {
  std::array<std::vector<Digest>, kLevels> added;
  added[0].assign(leaves.begin(), leaves.end());
  uint64_t count = size.load(std::memory_order_relaxed);
  for (Digest hash : leaves) {
    int height = 0;
    for (uint64_t below = count; (below & 1) != 0; below >>= 1) {
      hash = NodeHash(subtrees.back(), hash);
      subtrees.pop_back();
      if (++height % kTileHeight == 0) {
        added[height / kTileHeight].push_back(hash);
      }
    }
    subtrees.push_back(hash);
    ++count;
  }
  FUQI_RETURN_IF_ERROR(WriteLevels(added));
  size.store(count, std::memory_order_release);
  return {};
}

Result<void> Tree::Impl::WriteLevels(const std::array<std::vector<Digest>, kLevels>& added) {
  const uint64_t count = size.load(std::memory_order_relaxed);
  for (size_t level = 0; level < kLevels; ++level) {
    if (added[level].empty()) {
      continue;
    }
    if (levels[level] == nullptr) {
      FUQI_RETURN_IF_ERROR(OpenLevel(level));
    }
    FUQI_RETURN_IF_ERROR(
        levels[level]->Write((count >> (kTileHeight * level)) * kHashBytes,
                             {added[level].front().data(), added[level].size() * kHashBytes}));
  }
  return {};
}

Result<void> Tree::Impl::SyncFiles() {
  for (const std::unique_ptr<File>& level : levels) {
    if (level != nullptr) {
      FUQI_RETURN_IF_ERROR(level->Sync());
    }
  }
  return disk.SyncDir(TreeDir());
}

Result<Digest> Tree::Impl::Node(int height, uint64_t index) const {
  const File& file = *levels[static_cast<size_t>(height / kTileHeight)];
  const int below = height % kTileHeight;
  std::array<Digest, size_t{1} << (kTileHeight - 1)> hashes;
  size_t count = size_t{1} << below;
  FUQI_ASSIGN_OR_RETURN(const size_t read, file.Read((index << below) * kHashBytes,
                                                     {hashes[0].data(), count * kHashBytes}));
  if (read < count * kHashBytes) {
    return Err(ErrorCode::kCorrupt, "the stored tree is shorter than its {} leaves",
               size.load(std::memory_order_relaxed))
        .At({.file = TreeDir()});
  }
  for (; count > 1; count /= 2) {
    for (size_t i = 0; i < count / 2; ++i) {
      hashes[i] = NodeHash(hashes[2 * i], hashes[2 * i + 1]);
    }
  }
  return hashes[0];
}

Result<Digest> Tree::Impl::Range(uint64_t begin, uint64_t end) const {
  const uint64_t width = end - begin;
  if (width == 0) {
    return EmptyRoot();
  }
  if (std::has_single_bit(width)) {
    const int height = std::countr_zero(width);
    return Node(height, begin >> height);
  }
  const uint64_t middle = begin + SplitAt(width);
  FUQI_ASSIGN_OR_RETURN(const Digest left, Range(begin, middle));
  FUQI_ASSIGN_OR_RETURN(const Digest right, Range(middle, end));
  return NodeHash(left, right);
}

Result<void> Tree::Impl::CheckSize(uint64_t wanted) const {
  if (const uint64_t present = size.load(std::memory_order_acquire); wanted > present) {
    return Err(ErrorCode::kOutOfRange, "the tree has {} leaves, not {}", present, wanted);
  }
  return {};
}

Result<void> Tree::Impl::CheckAlive() const {
  if (failure) {
    return Err(ErrorCode::kUnavailable,
               "the tree has failed and takes nothing more until it is opened again; the cause: {}",
               failure->ToString());
  }
  return {};
}

Tree::Tree(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tree::~Tree() = default;

Result<std::unique_ptr<Tree>> Tree::Open(Disk& disk, const std::string& dir, const Log& log,
                                         std::string_view origin) {
  auto impl = std::make_unique<Impl>(disk, dir, origin);
  FUQI_RETURN_IF_ERROR(disk.MakeDirs(impl->TreeDir()));
  FUQI_ASSIGN_OR_RETURN(const std::optional<Head> head, ReadOwnHead(disk, impl->HeadPath()));
  if (head && head->origin != origin) {
    return Err(ErrorCode::kConflict, "the head is of '{}', not of '{}'", head->origin, origin)
        .At({.file = impl->HeadPath()});
  }
  if (head && head->size > log.next_seq()) {
    return Err(ErrorCode::kCorrupt,
               "the log ends before record {}, but its head vouches for {} records", log.next_seq(),
               head->size)
        .At({.file = impl->HeadPath()});
  }
  FUQI_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk.List(impl->TreeDir()));
  for (size_t level = 0; level < kLevels; ++level) {
    if (std::find(names.begin(), names.end(), std::to_string(level)) != names.end()) {
      FUQI_RETURN_IF_ERROR(impl->OpenLevel(level));
    }
  }
  if (impl->levels[0] == nullptr) {
    FUQI_RETURN_IF_ERROR(impl->OpenLevel(0));
  }
  // Leaves are added only after their commit: more of them than records are records lost.
  FUQI_ASSIGN_OR_RETURN(const uint64_t leaf_bytes, impl->levels[0]->Size());
  if (log.options().sync && leaf_bytes / kHashBytes > log.next_seq()) {
    return Err(ErrorCode::kCorrupt, "the log ends before record {}, but its tree has {} leaves",
               log.next_seq(), leaf_bytes / kHashBytes)
        .At({.file = impl->TreeDir()});
  }
  bool trusted = false;
  if (head) {
    FUQI_ASSIGN_OR_RETURN(trusted, impl->Holds(*head));
  }
  FUQI_RETURN_IF_ERROR(impl->StartAt(trusted ? head->size : 0));
  FUQI_RETURN_IF_ERROR(impl->Follow(log));
  if (head && !trusted) {
    FUQI_ASSIGN_OR_RETURN(const Digest root, impl->Range(0, head->size));
    if (root != head->root) {
      return Err(ErrorCode::kCorrupt,
                 "the log's first {} records are not those that its head vouches for", head->size)
          .At({.file = impl->HeadPath()});
    }
  }
  return std::unique_ptr<Tree>(new Tree(std::move(impl)));
}

Result<void> Tree::Append(const Batch& batch) {
  FUQI_RETURN_IF_ERROR(impl_->CheckAlive());
  if (!batch.empty() && batch.first_seq() != size()) {
    return Err(ErrorCode::kInvalidArgument,
               "a batch begins with record {}, but the tree goes on with leaf {}",
               batch.first_seq(), size());
  }
  std::vector<Digest> leaves;
  leaves.reserve(batch.count());
  for (uint32_t i = 0; i < batch.count(); ++i) {
    leaves.push_back(LeafHash(batch.encoded(i)));
  }
  Result<void> appended = impl_->AppendLeaves(leaves);
  if (!appended) {
    impl_->failure = appended.error();
  }
  return appended;
}

uint64_t Tree::size() const { return impl_->size.load(std::memory_order_acquire); }

Result<Digest> Tree::Root(uint64_t size) const {
  FUQI_RETURN_IF_ERROR(impl_->CheckSize(size));
  return impl_->Range(0, size);
}

// RFC 9162 §2.1.3.1, from the root downwards.
Result<std::vector<Digest>> Tree::Inclusion(uint64_t index, uint64_t size) const {
  FUQI_RETURN_IF_ERROR(impl_->CheckSize(size));
  if (index >= size) {
    return Err(ErrorCode::kOutOfRange, "leaf {} is not one of a tree of {} leaves", index, size);
  }
  std::vector<Digest> path;
  for (uint64_t begin = 0, end = size; end - begin > 1;) {
    const uint64_t middle = begin + SplitAt(end - begin);
    const bool left = index < middle;
    FUQI_ASSIGN_OR_RETURN(path.emplace_back(),
                          left ? impl_->Range(middle, end) : impl_->Range(begin, middle));
    (left ? end : begin) = middle;
  }
  std::reverse(path.begin(), path.end());
  FUQI_ASSIGN_OR_RETURN(const Digest leaf, impl_->Node(0, index));
  FUQI_ASSIGN_OR_RETURN(const Digest root, Root(size));
  if (!VerifyInclusion(index, size, leaf, path, root)) {
    return Err(ErrorCode::kCorrupt, "a stored hash on the path of leaf {} is damaged", index)
        .At({.file = impl_->TreeDir()});
  }
  return path;
}

// RFC 9162 §2.1.4.1, from the root downwards.
Result<std::vector<Digest>> Tree::Consistency(uint64_t first, uint64_t second) const {
  FUQI_RETURN_IF_ERROR(impl_->CheckSize(second));
  if (first > second) {
    return Err(ErrorCode::kOutOfRange, "a tree of {} leaves does not continue one of {}", second,
               first);
  }
  std::vector<Digest> path;
  if (first > 0) {
    uint64_t begin = 0;
    uint64_t end = second;
    while (first < end) {
      const uint64_t middle = begin + SplitAt(end - begin);
      const bool left = first <= middle;
      FUQI_ASSIGN_OR_RETURN(path.emplace_back(),
                            left ? impl_->Range(middle, end) : impl_->Range(begin, middle));
      (left ? end : begin) = middle;
    }
    if (begin > 0) {  // otherwise the checker has this hash: it is the first root
      FUQI_ASSIGN_OR_RETURN(path.emplace_back(), impl_->Range(begin, end));
    }
    std::reverse(path.begin(), path.end());
  }
  FUQI_ASSIGN_OR_RETURN(const Digest first_root, Root(first));
  FUQI_ASSIGN_OR_RETURN(const Digest second_root, Root(second));
  if (!VerifyConsistency(first, second, path, first_root, second_root)) {
    return Err(ErrorCode::kCorrupt, "a stored hash between the trees of {} and {} is damaged",
               first, second)
        .At({.file = impl_->TreeDir()});
  }
  return path;
}

Result<Head> Tree::CurrentHead() const {
  const uint64_t present = size();
  FUQI_ASSIGN_OR_RETURN(const Digest root, impl_->Range(0, present));
  return Head{.origin = impl_->origin, .size = present, .root = root};
}

Result<Head> Tree::SaveHead() {
  FUQI_RETURN_IF_ERROR(impl_->CheckAlive());
  FUQI_ASSIGN_OR_RETURN(Head head, CurrentHead());
  if (Result<void> synced = impl_->SyncFiles(); !synced) {
    impl_->failure = synced.error();
    return std::move(synced).error();
  }
  FUQI_RETURN_IF_ERROR(WriteHead(impl_->disk, impl_->HeadPath(), head));
  return head;
}

}  // namespace fuqi::ledger
