#pragma once

// What changes the committed part of the state (committed.h): the records other than events whose
// effect is read from the log and never computed again. docs/formats/records.md gives their bytes.
//
// A new kind is a struct with a ChangeHead, a number in ledger::RecordType, an alternative of
// Change, its encoding here and its effect in Committed. Partition, recovery, snapshots, change of
// pack and re-performance then know it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/list_entry.h"
#include "decide/records.h"
#include "ledger/record.h"
#include "table/datum.h"

namespace fuqi::decide {

// Who changed it and when, for the evidence; none of it enters decisions.
struct ChangeHead {
  std::string by;        // name of the API key, or of the machine's user
  int64_t made_us = -1;  // by the node's clock
  // What the caller calls this change: a second one under the same id is the same change, or
  // refused. Empty: the change cannot be told from another of the same content.
  std::string id;
};

// Entries of a list taken away, then entries put, as one.
struct ListChange {
  ChangeHead head;
  std::string list;
  std::vector<ListEntry> puts;
  std::vector<ListRemoval> removals;
};

// Rows put into a reference, as one: each takes the place of the row of its key and time.
struct ReferenceChange {
  ChangeHead head;
  std::string reference;
  table::Schema schema;  // of the rows, as the pack had it then
  std::vector<table::Row> rows;
};

// An action laid on a subject for later events, or taken from it (standing.h).
struct StandingChange {
  enum class Op : uint8_t {
    kSet,
    kRelease,  // what stands for the subject: all of it, or what `record` set
    kUndo,     // what the decision set, of all kinds and subjects
    kSpend,    // an approved event used up of the subject's allowances
  };
  ChangeHead head;   // by: the pack's name where a decision sets it
  std::string kind;  // empty for kUndo
  Op op = Op::kSet;
  std::string subject;  // as SQL prints the column's value
  Action action = Action::kFreeze;
  std::string limit;                   // binds amounts above it; empty: all. Of kSpend: the amount
  std::optional<Allowance> allowance;  // `limit` is held against sums, not single amounts
  int64_t until_us = kForEver;         // exclusive, in event time
  uint64_t decision_seq = 0;           // that sets or spends it, or that is undone; 0: a person's
  uint64_t record = 0;                 // of kRelease: which one; 0: all
  std::string rule;                    // that asked for it
  int64_t at_us = kSinceEver;          // the event's time; kSinceEver: a person's
  Bilingual reason;
};

// What a decision owes to a topic of the outbox, and what became of it (outbox.h).
struct OutboxChange {
  enum class Op : uint8_t {
    kOwe = 0,
    kDelivered = 1,
    kGiveUp = 2,  // after so many attempts
    kRetry = 3,   // by a person: what was given up is owed again
    kDrop = 4,    // by a person: it is owed no more
  };
  ChangeHead head;  // by: the pack's name where a decision owes, "outbox" where it was sent
  std::string topic;
  Op op = Op::kOwe;
  uint64_t decision_seq = 0;         // 0, of kRetry and kDrop: all of the topic that were given up
  Action action = Action::kApprove;  // of kOwe
  uint64_t attempts = 0;             // of kDelivered and kGiveUp
  std::string why;                   // of kGiveUp the last error; of a person's the reason

  // Whether it says what its operation takes, and nothing else: a record has one form.
  bool is_well_formed() const;
};

using Change = std::variant<ListChange, ReferenceChange, StandingChange, OutboxChange>;

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
