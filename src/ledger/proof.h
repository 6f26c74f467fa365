#pragma once

// Checking what a tree claims, with nothing but hashes: RFC 9162 §2.1.3.2 and §2.1.4.2. Pure
// functions.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/head.h"

namespace fuqi::ledger {

// True if `leaf` is leaf `index` of the tree of `size` leaves with this root.
bool VerifyInclusion(uint64_t index, uint64_t size, const Digest& leaf,
                     std::span<const Digest> path, const Digest& root);
// True if the tree (second, second_root) begins with the leaves of the tree (first, first_root).
bool VerifyConsistency(uint64_t first, uint64_t second, std::span<const Digest> path,
                       const Digest& first_root, const Digest& second_root);

// A record with the proof that it is in a log: what an outsider is given.
struct RecordProof {
  std::string origin;
  uint64_t index = 0;  // the record's sequence number
  uint64_t size = 0;
  Digest root{};
  Bytes record;  // EncodeRecord's bytes
  std::vector<Digest> path;

  friend bool operator==(const RecordProof&, const RecordProof&) = default;
};

// One JSON object, docs/formats/proofs.md.
std::string ToJson(const RecordProof& proof);
// kParse with the field; an unknown, missing or repeated key is an error.
Result<RecordProof> ParseRecordProof(std::string_view json);

// kCorrupt unless the record is in the tree that the proof names. With `head`, which the checker
// must have from elsewhere, also unless that tree is the head's; without it the proof only agrees
// with itself.
Result<void> CheckRecordProof(const RecordProof& proof, const std::optional<Head>& head);

}  // namespace fuqi::ledger
