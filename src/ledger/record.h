#pragma once

// What the durable log holds. docs/formats/log.md gives the bytes.

#include <cstdint>

#include "base/bytes.h"

namespace fuqi::ledger {

// Numbers are stored: never reuse one.
enum class RecordType : uint16_t {
  kPublish = 1,   // a pack becomes the one that decides: its whole text, hashes of engine semantics
                  // and time-zone data
  kEvent = 2,     // an admitted event
  kDecision = 3,  // what was decided on the event just before it
  kDefault = 4,   // a pack's default action was answered without a decision
  kPermit = 5,    // a permit to read was given
  kListChange = 6,       // entries of a list were put or taken away
  kReferenceChange = 7,  // rows were put into a reference table
  kStandingChange = 8,   // an action was laid on a subject for later events, or taken from it
  kOutboxChange = 9,     // a decision owes a message, or the message was delivered, given up, …
  kProposal = 12,        // a person wants a version of the pack to become the one that decides
  kProposalStep = 13,    // a proposal was approved or withdrawn, or could not be carried out
};

// A record is split so that a part of it can be destroyed later without breaking the evidence of
// its neighbours: `core` stays in the clear (ids, tokens, amounts, times), `payload` may be
// encrypted under the key of `bucket` (0: not encrypted). The tree's leaf covers both as stored.
struct Record {
  RecordType type{};
  uint16_t version = 1;  // of this type's layout
  uint64_t bucket = 0;
  ByteView core;
  ByteView payload;
};

struct StoredRecord : Record {
  uint64_t seq = 0;  // from 0, without gaps, for the life of the log
  ByteView encoded;  // the record as stored: EncodeRecord's bytes
};

// The bytes that a leaf of the Merkle tree hashes, and that the log stores: type, version, core
// length, bucket, core and payload. No two records have the same bytes. They hold no sequence
// number: the leaf's index is the record's sequence number.
constexpr size_t kRecordHeadBytes = 16;
size_t EncodedSize(const Record& record);
void EncodeRecord(const Record& record, Bytes& out);
// The record whose encoding `encoded` is; it views `encoded`. kParse.
Result<Record> DecodeRecord(ByteView encoded);

// A record together with the bytes that it views. It moves but is not copied: a copy would view
// another's bytes.
class OwnedRecord {
 public:
  // `encoded` must decode.
  OwnedRecord(uint64_t seq, Bytes encoded);
  OwnedRecord(OwnedRecord&&) = default;
  OwnedRecord& operator=(OwnedRecord&&) = default;
  OwnedRecord(const OwnedRecord&) = delete;
  OwnedRecord& operator=(const OwnedRecord&) = delete;

  const StoredRecord& operator*() const { return record_; }
  const StoredRecord* operator->() const { return &record_; }

 private:
  Bytes bytes_;
  StoredRecord record_;
};

}  // namespace fuqi::ledger
