#pragma once

// The records that a partition writes to its log, docs/formats/records.md: Publish, Event, Decision
// and Default.
//
// Reading is total: any bytes give a record or kParse, and one record has one form.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "decide/decision.h"
#include "decide/pack.h"
#include "ledger/record.h"
#include "table/datum.h"

namespace fuqi::decide {

// The owned bytes of a record's two parts; reuse one object for many records.
struct EncodedRecord {
  Bytes core;
  Bytes payload;

  void Clear() {
    core.clear();
    payload.clear();
  }
  ledger::Record As(ledger::RecordType type) const {
    ledger::Record record;
    record.type = type;
    record.core = core;
    record.payload = payload;
    return record;
  }
};

// A pack becomes the one that decides, from this record until the next of its kind.
struct PublishRecord {
  std::string pack;       // its name
  Digest hash{};          // of its canonical content
  std::string semantics;  // version of what expressions and windows mean: see kSemantics
  std::string zones;      // release of the time-zone data; empty where there is none
  std::string key;        // the event table's key column
  // Schemas that Event and Decision records under this one follow, so that they can be read without
  // compiling the pack.
  table::Schema events;
  table::Schema features;
  std::vector<std::string> rules;  // ids
  PackFiles files;
  std::string sole_table;  // SoleEventTable(files); not written
};
void EncodePublish(const PublishRecord& publish, EncodedRecord& out);
// kCorrupt where the content does not have the hash that the core states.
Result<PublishRecord> DecodePublish(const ledger::Record& record);

// What this build's evaluator means by a pack's text. Changes whenever an expression or window
// gives another value than before on some input; a log written under another version is not
// re-performed silently.
inline constexpr std::string_view kSemantics = "fuqi-sql-1";
// What it means by a compiled pack: kSemantics, and where the pack screens names the version of
// that (ScreeningVersion) behind it.
std::string SemanticsOf(const Pack& pack);
// What this build has in the place of these: the same, or they are another's.
std::string OwnSemantics(std::string_view semantics);

// What stays of an event when its payload has been destroyed.
struct EventCore {
  uint64_t publish_seq = 0;  // of the Publish record whose event table the payload follows
  Digest key_hash{};         // KeyHash of the event's key
  int64_t ts_us = 0;
  int64_t received_us = -1;
  uint32_t flags = 0;  // kOutOfBounds bits only
};
void EncodeEvent(const EventCore& core, const table::Schema& schema, const table::Row& columns,
                 EncodedRecord& out);
Result<EventCore> DecodeEventCore(const ledger::Record& record);
Result<table::Row> DecodeEventRow(const table::Schema& schema, const ledger::Record& record);

void EncodeDecision(uint64_t publish_seq, const table::Schema& features, const Decision& decision,
                    EncodedRecord& out);
// The part of a decision that depends on nothing but the pack and the events: no sequence numbers.
// What replay digests are taken of.
void EncodeDecisionBody(const table::Schema& features, const Decision& decision, Bytes& out);
// The Publish record that a Decision record belongs to, without reading the rest.
Result<uint64_t> DecodeDecisionPublish(const ledger::Record& record);
// `seq` is the record's; `rules` the number of the pack's rules.
Result<Decision> DecodeDecision(const table::Schema& features, size_t rules,
                                const ledger::Record& record, uint64_t seq);

// The pack's default action was answered, no decision made.
struct DefaultRecord {
  uint64_t publish_seq = 0;
  Digest key_hash{};
  int64_t answered_us = 0;
  Action action = Action::kReview;
  std::string why;  // "shed", "timeout", …
};
void EncodeDefault(const DefaultRecord& record, EncodedRecord& out);
Result<DefaultRecord> DecodeDefault(const ledger::Record& record);

// SHA-256 of the key's stored form as a row of one column.
Digest KeyHash(const table::Column& column, const table::Datum& key);

}  // namespace fuqi::decide
