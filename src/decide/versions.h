#pragma once

// How a version of a pack becomes the one that decides by the will of two persons: one proposes it,
// another approves it by its hash, the node builds its state from history beside the version that
// decides (backfill.h), and a Publish record makes it the one that decides every later event. Each
// of these is a record of the log, docs/formats/records.md; Versions is the fold over them.
//
//   proposed ──→ approved ──→ published
//        └──────────┴──→ withdrawn, or (approved only) failed
//
// One proposal at a time: it must be published, withdrawn, failed or expired before the next. An
// approved proposal does not expire: it is carried out, after a restart too, unless it is
// withdrawn.
//
// The fold never asks a clock: whether a proposal has expired is judged where a person acts, by the
// time that the act's own record tells.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "decide/records.h"
#include "ledger/record.h"

namespace fuqi::decide {

// Bounds of what persons write.
inline constexpr size_t kVersionNameBytesMax = 200;
inline constexpr size_t kVersionReasonBytesMax = 4'000;

struct Proposal {
  std::string by;          // name of the API key
  int64_t made_us = 0;     // by the node's clock
  int64_t expires_us = 0;  // exclusive: when it can be approved no more
  std::string reason;
  bool shadow = false;  // until it is approved it watches: shadow.h
  Digest hash{};        // of the version's content
  // The Publish record that holds the content of a version that decided before; none: it is here.
  std::optional<uint64_t> published;
  PackFiles files;
};
void EncodeProposal(const Proposal& proposal, EncodedRecord& out);
// kCorrupt where the content does not have the hash that the core states.
Result<Proposal> DecodeProposal(const ledger::Record& record);

struct ProposalStep {
  enum class Kind : uint8_t { kApproved = 0, kWithdrawn = 1, kFailed = 2 };
  std::string by;         // of kFailed: the pack's name
  int64_t made_us = 0;    // by the node's clock
  uint64_t proposal = 0;  // its record
  Kind kind = Kind::kApproved;
  std::string reason;
};
void EncodeProposalStep(const ProposalStep& step, EncodedRecord& out);
Result<ProposalStep> DecodeProposalStep(const ledger::Record& record);

enum class ProposalState : uint8_t { kProposed, kApproved, kPublished, kWithdrawn, kFailed };
// "proposed", "approved", "published", "withdrawn", "failed"
std::string_view ProposalStateName(ProposalState state);

// What is known of a proposal without its files.
struct ProposalStatus {
  uint64_t record = 0;
  Proposal proposal;  // without files
  ProposalState state = ProposalState::kProposed;
  std::optional<ProposalStep> approval;
  std::optional<ProposalStep> end;      // withdrawn or failed
  std::optional<uint64_t> publish_seq;  // of the Publish record that carried it out

  bool is_open(int64_t now_us) const {
    return state == ProposalState::kApproved ||
           (state == ProposalState::kProposed && now_us < proposal.expires_us);
  }
};

class Versions {
 public:
  struct Published {
    uint64_t seq = 0;
    Digest hash{};
    friend bool operator==(const Published&, const Published&) = default;
  };

  // Whether the proposal may be made; gives the record of the open one that says the same already.
  // kConflict: another one is open, or the same under other terms; kAlreadyExists: the version
  // decides now; kNotFound: the record named is no Publish of that version; kOutOfRange,
  // kInvalidArgument: a text or time.
  Result<std::optional<uint64_t>> CheckProposal(const Proposal& proposal) const;
  // Whether the step may be made; true where it was made already, by the same person.
  // kNotFound: the newest proposal is another one; kConflict: it is not in a state for that;
  // kDeadlineExceeded: it has expired; kPermissionDenied: who proposed does not approve.
  Result<bool> CheckStep(const ProposalStep& step) const;

  // Folds a record of the log; does nothing for a record of another kind. kParse, kCorrupt.
  Result<void> Fold(const ledger::StoredRecord& record);
  // The same for records that are about to be written; they were checked.
  void NotePublished(uint64_t seq, const Digest& hash);
  void NoteProposal(uint64_t seq, Proposal proposal);
  void NoteStep(const ProposalStep& step);

  // In order of the log; not empty once the log is not.
  const std::vector<Published>& published() const { return published_; }
  // The Publish record in force at record `seq`; nullptr where none is before it.
  const Published* At(uint64_t seq) const;
  // The newest Publish record of a version; nullptr if it never decided.
  const Published* Find(const Digest& hash) const;
  const std::optional<ProposalStatus>& newest() const { return newest_; }
  // The newest proposal if it is not yet approved and watches; nullptr otherwise.
  const ProposalStatus* watching(int64_t now_us) const {
    return newest_ && newest_->proposal.shadow && newest_->is_open(now_us) && approved() == nullptr
               ? &*newest_
               : nullptr;
  }
  // The proposal that was approved and is not yet carried out; nullptr if there is none.
  const ProposalStatus* approved() const {
    return newest_ && newest_->state == ProposalState::kApproved ? &*newest_ : nullptr;
  }

  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  std::vector<Published> published_;
  std::optional<ProposalStatus> newest_;
};

}  // namespace fuqi::decide
