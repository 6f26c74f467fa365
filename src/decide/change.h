#pragma once

// What changes the committed part of the state (committed.h): the records other than events whose
// effect is read from the log and never computed again. docs/formats/records.md gives their bytes.
//
// A new kind is a struct with a ChangeHead, a number in ledger::RecordType, an alternative of
// Change, its encoding here and its effect in Committed. Partition, recovery, snapshots, change of
// pack and re-performance then know it.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/list_entry.h"
#include "decide/records.h"
#include "ledger/record.h"

namespace fuqi::decide {

// Who changed it and when, for the evidence; none of it enters decisions.
struct ChangeHead {
  std::string by;        // name of the API key, or of the machine's user
  int64_t made_us = -1;  // by the node's clock
  // What the caller calls this change: a second one under the same id is the same change, or
  // refused. Empty: the change cannot be told from another of the same content.
  std::string id;
};

// Entries of a list put and taken away, as one.
struct ListChange {
  ChangeHead head;
  std::string list;
  std::vector<ListEntry> puts;
  std::vector<ListEntryId> removals;
};

using Change = std::variant<ListChange>;

// Bounds of one change.
inline constexpr size_t kChangeBytesMax = size_t{3} << 20;  // encoded
inline constexpr size_t kChangeNameBytesMax = 200;          // of `by` and `id`

bool IsChange(ledger::RecordType type);
ledger::RecordType TypeOf(const Change& change);
const ChangeHead& HeadOf(const Change& change);
void EncodeChange(const Change& change, EncodedRecord& out);
Result<Change> DecodeChange(const ledger::Record& record);

// SHA-256 of what the change does: of all but its head.
Digest ContentOf(const Change& change);

}  // namespace fuqi::decide
