#pragma once

// Checking a partition's folder for the evidence it claims to be: what fuqi-verify does.
//
// A second reader, written from docs/formats/log.md and sharing no code with the log, its recovery
// or the tree (only base and SHA-256). It reads everything, stops at nothing, and reports every
// problem with its place. It changes nothing and takes no lock: a node may go on writing.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ledger/head.h"

namespace fuqi::ledger {

enum class ProblemKind : uint8_t {
  kTornTail,   // the log ends in a commit that is not whole
  kChanged,    // bytes are not what was written
  kMissing,    // records are not there, others follow
  kReordered,  // records stand elsewhere than where they belong
  kSpliced,    // of another log, or not continuing what stands before, or there twice
  kTruncated,  // the log ends before records that the tree or a head has seen
  kWrongHead,  // the records do not give the head's root
};

// "kTornTail" → "torn_tail".
std::string_view ProblemKindName(ProblemKind kind);

struct Finding {
  ProblemKind kind{};
  std::string file;     // within the partition's folder, or a head's path
  uint64_t offset = 0;  // in bytes
  std::optional<uint64_t> seq;
  Error detail;
};

enum class HeadResult : uint8_t {
  kMatched,
  kMismatched,
  kBeyond,     // it is of more records than the log has
  kUnchecked,  // records before its size are damaged or missing: its root cannot be computed
};

std::string_view HeadResultName(HeadResult result);

struct CheckedHead {
  std::string file;
  bool outside = false;  // given by the caller: not from the partition's folder
  Head head;
  HeadResult result{};
};

struct VerifyReport {
  uint64_t entries = 0;   // records that could be read
  uint64_t segments = 0;  // and the files they stand in
  uint64_t bytes = 0;
  std::optional<Digest> root;  // of all records, if none is damaged or missing
  std::vector<CheckedHead> heads;
  std::vector<Finding> problems;
  std::vector<Finding>
      notes;  // what is no fault of the evidence: a torn tail, a tree not yet synced

  bool ok() const { return problems.empty(); }
  // Someone outside the folder vouches for the records.
  bool attested() const;
};

struct OutsideHead {
  std::string file;
  Head head;
};

// Verifies the partition in `dir`. `progress`, if given, is told bytes done and bytes in all.
// kNotFound, kIo: the folder cannot be read; kUnsupported: a format of a later version. Damage is
// no error but a finding.
Result<VerifyReport> Verify(Disk& disk, const std::string& dir,
                            std::span<const OutsideHead> outside_heads,
                            const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace fuqi::ledger
