#pragma once

// The Merkle tree that follows the log: RFC 6962 §2.1, RFC 9162 §2.1, over SHA-256. Leaf i is
// record i: SHA-256(0x00 ‖ EncodeRecord); a node is SHA-256(0x01 ‖ left ‖ right); the empty tree's
// root is SHA-256 of nothing. docs/formats/proofs.md.
//
// Tree stores hashes, so that proofs need no record: file tree/0 holds all leaf hashes in order,
// tree/1 the hashes of complete subtrees of height 8, tree/2 of height 16, and so on: tile (L, N)
// of C2SP tlog-tiles is the byte range [N × 8192, (N + 1) × 8192) of file L. All of it is derived
// from the log and not synced with each commit. A head (head.h) vouches for the hashes before it:
// on opening what lies behind it is computed from the log anew, and if the hashes before it do not
// lead to the head's root, everything is. A log that cannot give the head's root has been changed.
//
// Security: a proof convinces whoever holds the head from elsewhere. The head file beside the log
// only finds what happened to the log by accident, or by a hand that did not know of it.
//
// Threads: Append and SaveHead from the committing thread; everything else from any, without
// waiting.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/head.h"
#include "ledger/log.h"

namespace fuqi::ledger {

Digest LeafHash(ByteView encoded_record);
Digest NodeHash(const Digest& left, const Digest& right);
// The root of the tree without leaves.
Digest EmptyRoot();

class Tree {
 public:
  // The tree of `log` in <dir>/tree, with the head in <dir>/head; follows the log to its end.
  // `origin` names the tree in heads: "fuqi/<partition>/sha256". kCorrupt: the log has fewer
  // records than the tree or the head has seen, or other ones; kConflict: the head is of another
  // origin.
  static Result<std::unique_ptr<Tree>> Open(Disk& disk, const std::string& dir, const Log& log,
                                            std::string_view origin);
  ~Tree();

  // Adds the records of a committed batch, which must start at size(). After an error the tree
  // refuses further ones (kUnavailable) until it is opened again; the log is not concerned.
  Result<void> Append(const Batch& batch);

  uint64_t size() const;

  // Of the first `size` leaves; kOutOfRange beyond size(). Proofs are checked before they are
  // given: kCorrupt if a stored hash is damaged (remove <dir>/tree; it is computed anew).
  Result<Digest> Root(uint64_t size) const;
  // RFC 9162 §2.1.3.1: index < size.
  Result<std::vector<Digest>> Inclusion(uint64_t index, uint64_t size) const;
  // RFC 9162 §2.1.4.1: first ≤ second; empty for first = 0 and for first = second.
  Result<std::vector<Digest>> Consistency(uint64_t first, uint64_t second) const;

  // The head of the present size.
  Result<Head> CurrentHead() const;
  // Syncs the tree's files and then replaces the head file; gives the head. The more often, the
  // less is computed anew on opening, and the fewer records could vanish unseen.
  Result<Head> SaveHead();

 private:
  struct Impl;
  explicit Tree(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fuqi::ledger
