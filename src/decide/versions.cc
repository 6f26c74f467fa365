#include "decide/versions.h"

#include <algorithm>
#include <array>

#include "base/time.h"
#include "base/utf8.h"
#include "decide/records_internal.h"

namespace fuqi::decide {
namespace {

using ledger::Record;
using ledger::RecordType;

void WriteHead(const Proposal& proposal, ByteWriter& core) {
  core.Text(proposal.by);
  core.Fixed(proposal.made_us);
  core.Fixed(proposal.expires_us);
  core.Text(proposal.reason);
  core.Raw(proposal.hash);
  core.Varint(proposal.published ? *proposal.published + 1 : 0);
  core.Fixed(static_cast<uint8_t>(proposal.shadow));
}

// Nothing where the last of it is neither 0 nor 1.
std::optional<Proposal> ReadHead(ByteReader& core) {
  Proposal proposal;
  proposal.by = core.Text();
  proposal.made_us = core.Fixed<int64_t>();
  proposal.expires_us = core.Fixed<int64_t>();
  proposal.reason = core.Text();
  proposal.hash = internal::ReadDigest(core);
  if (const uint64_t published = core.Varint(); published > 0) {
    proposal.published = published - 1;
  }
  const auto shadow = core.Fixed<uint8_t>();
  proposal.shadow = shadow == 1;
  return shadow > 1 ? std::nullopt : std::optional(std::move(proposal));
}

void WriteStep(const ProposalStep& step, ByteWriter& core) {
  core.Text(step.by);
  core.Fixed(step.made_us);
  core.Varint(step.proposal);
  core.Fixed(static_cast<uint8_t>(step.kind));
  core.Text(step.reason);
}

// Nothing where there is no such kind.
std::optional<ProposalStep> ReadStep(ByteReader& core) {
  ProposalStep step;
  step.by = core.Text();
  step.made_us = core.Fixed<int64_t>();
  step.proposal = core.Varint();
  const auto kind = core.Fixed<uint8_t>();
  step.reason = core.Text();
  if (kind > static_cast<uint8_t>(ProposalStep::Kind::kFailed)) {
    return std::nullopt;
  }
  step.kind = static_cast<ProposalStep::Kind>(kind);
  return step;
}

Result<void> CheckTexts(const std::string& by, const std::string& reason) {
  if (by.empty() || by.size() > kVersionNameBytesMax || !IsUtf8(by)) {
    return Err(ErrorCode::kInvalidArgument, "a name is 1 to {} bytes of UTF-8",
               kVersionNameBytesMax);
  }
  if (reason.size() > kVersionReasonBytesMax || !IsUtf8(reason)) {
    return Err(ErrorCode::kOutOfRange, "a reason is at most {} bytes of UTF-8",
               kVersionReasonBytesMax);
  }
  return {};
}

Error NotInState(const ProposalStatus& status) {
  switch (status.state) {
    case ProposalState::kPublished:
      return Err(ErrorCode::kConflict, "the proposal was carried out: its version decides");
    case ProposalState::kWithdrawn:
      return Err(ErrorCode::kConflict, "the proposal was withdrawn by {}", status.end->by);
    case ProposalState::kFailed:
      return Err(ErrorCode::kConflict, "the proposal could not be carried out: {}",
                 status.end->reason);
    default:
      break;
  }
  return Err(ErrorCode::kConflict, "the proposal was approved by {}", status.approval->by);
}

}  // namespace

std::string_view ProposalStateName(ProposalState state) {
  static constexpr std::array<std::string_view, 5> kNames = {"proposed", "approved", "published",
                                                             "withdrawn", "failed"};
  return kNames[static_cast<size_t>(state)];
}

void EncodeProposal(const Proposal& proposal, EncodedRecord& out) {
  ByteWriter core(out.core);
  WriteHead(proposal, core);
  ByteWriter payload(out.payload);
  internal::WriteFiles(proposal.files, payload);
}

Result<Proposal> DecodeProposal(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kProposal, "Proposal"));
  ByteReader core(record.core);
  std::optional<Proposal> head = ReadHead(core);
  FUQI_RETURN_IF_ERROR(core.Finish("the core of a Proposal record"));
  if (!head) {
    return Err(ErrorCode::kParse, "a Proposal record that neither watches nor does not");
  }
  Proposal proposal = *std::move(head);
  ByteReader payload(record.payload);
  proposal.files = internal::ReadFiles(payload);
  FUQI_RETURN_IF_ERROR(payload.Finish("the payload of a Proposal record"));
  if (proposal.published ? !proposal.files.empty() : ContentHash(proposal.files) != proposal.hash) {
    return Err(ErrorCode::kCorrupt,
               "the pack's content does not have the hash {} that its record states",
               ToHex(proposal.hash));
  }
  return proposal;
}

void EncodeProposalStep(const ProposalStep& step, EncodedRecord& out) {
  ByteWriter core(out.core);
  WriteStep(step, core);
}

Result<ProposalStep> DecodeProposalStep(const Record& record) {
  FUQI_RETURN_IF_ERROR(internal::ExpectRecord(record, RecordType::kProposalStep, "ProposalStep"));
  ByteReader core(record.core);
  std::optional<ProposalStep> step = ReadStep(core);
  FUQI_RETURN_IF_ERROR(core.Finish("the core of a ProposalStep record"));
  if (!step || !record.payload.empty()) {
    return Err(ErrorCode::kParse, "a ProposalStep record of no kind that there is");
  }
  return *std::move(step);
}

Result<std::optional<uint64_t>> Versions::CheckProposal(const Proposal& proposal) const {
  FUQI_RETURN_IF_ERROR(CheckTexts(proposal.by, proposal.reason));
  if (proposal.expires_us <= proposal.made_us) {
    return Err(ErrorCode::kInvalidArgument, "the proposal would have expired when it is made");
  }
  if (newest_ && newest_->is_open(proposal.made_us)) {
    const Proposal& open = newest_->proposal;
    if (open.hash == proposal.hash && open.by == proposal.by) {
      const bool is_same = open.reason == proposal.reason && open.shadow == proposal.shadow &&
                           open.expires_us - open.made_us == proposal.expires_us - proposal.made_us;
      return is_same ? Result<std::optional<uint64_t>>(newest_->record)
                     : Err(ErrorCode::kConflict,
                           "you have proposed version {} already, otherwise: withdraw it first",
                           ToHex(open.hash));
    }
    return newest_->approval
               ? Err(ErrorCode::kConflict,
                     "version {}, approved by {}, is on its way: wait for it or withdraw it",
                     ToHex(open.hash), newest_->approval->by)
               : Err(ErrorCode::kConflict,
                     "version {}, proposed by {}, is open: publish it or withdraw it first",
                     ToHex(open.hash), open.by);
  }
  if (!published_.empty() && published_.back().hash == proposal.hash) {
    return Err(ErrorCode::kAlreadyExists, "version {} is the one that decides now",
               ToHex(proposal.hash));
  }
  if (proposal.published &&
      std::ranges::find(published_, Published{*proposal.published, proposal.hash}) ==
          published_.end()) {
    return Err(ErrorCode::kNotFound, "the log has no version {}", ToHex(proposal.hash));
  }
  return std::optional<uint64_t>();
}

Result<bool> Versions::CheckStep(const ProposalStep& step) const {
  FUQI_RETURN_IF_ERROR(CheckTexts(step.by, step.reason));
  if (!newest_ || newest_->record != step.proposal) {
    return Err(ErrorCode::kNotFound, "record {} is not the newest proposal", step.proposal);
  }
  const bool is_proposed = newest_->state == ProposalState::kProposed;
  const bool is_approved = newest_->state == ProposalState::kApproved;
  switch (step.kind) {
    case ProposalStep::Kind::kApproved:
      if (newest_->approval && newest_->approval->by == step.by &&
          (is_approved || newest_->state == ProposalState::kPublished)) {
        return true;
      }
      // SECURITY: two persons: Versions.WhoProposedDoesNotApprove.
      if (step.by == newest_->proposal.by) {
        return Err(ErrorCode::kPermissionDenied,
                   "{} proposed this version: another person approves it", step.by);
      }
      if (!is_proposed) {
        return NotInState(*newest_);
      }
      if (!newest_->is_open(step.made_us)) {
        return Err(ErrorCode::kDeadlineExceeded, "the proposal expired at {}",
                   TimestampToText(newest_->proposal.expires_us));
      }
      return false;
    case ProposalStep::Kind::kWithdrawn:
      if (newest_->state == ProposalState::kWithdrawn && newest_->end->by == step.by) {
        return true;
      }
      break;
    case ProposalStep::Kind::kFailed:
      break;
  }
  if (!is_approved && !(is_proposed && step.kind == ProposalStep::Kind::kWithdrawn)) {
    return NotInState(*newest_);
  }
  return false;
}

void Versions::NotePublished(uint64_t seq, const Digest& hash) {
  published_.push_back({seq, hash});
  if (newest_ && newest_->state == ProposalState::kApproved && newest_->proposal.hash == hash) {
    newest_->state = ProposalState::kPublished;
    newest_->publish_seq = seq;
  }
}

void Versions::NoteProposal(uint64_t seq, Proposal proposal) {
  newest_.emplace();
  newest_->record = seq;
  newest_->proposal = std::move(proposal);
  newest_->proposal.files.clear();
}

void Versions::NoteStep(const ProposalStep& step) {
  switch (step.kind) {
    case ProposalStep::Kind::kApproved:
      newest_->state = ProposalState::kApproved;
      newest_->approval = step;
      return;
    case ProposalStep::Kind::kWithdrawn:
      newest_->state = ProposalState::kWithdrawn;
      break;
    case ProposalStep::Kind::kFailed:
      newest_->state = ProposalState::kFailed;
      break;
  }
  newest_->end = step;
}

Result<void> Versions::Fold(const ledger::StoredRecord& record) {
  const auto corrupt = [](const Error& why) {
    return Err(ErrorCode::kCorrupt, "a step of a proposal that could not be made: {}",
               why.message(Language::kEnglish));
  };
  if (record.type == RecordType::kPublish) {
    FUQI_ASSIGN_OR_RETURN(PublishRecord publish, DecodePublish(record));
    NotePublished(record.seq, publish.hash);
  } else if (record.type == RecordType::kProposal) {
    FUQI_ASSIGN_OR_RETURN(Proposal proposal, DecodeProposal(record));
    Result<std::optional<uint64_t>> good = CheckProposal(proposal);
    if (!good) {
      return corrupt(good.error());
    }
    NoteProposal(record.seq, std::move(proposal));
  } else if (record.type == RecordType::kProposalStep) {
    FUQI_ASSIGN_OR_RETURN(ProposalStep step, DecodeProposalStep(record));
    Result<bool> good = CheckStep(step);
    if (!good) {
      return corrupt(good.error());
    }
    NoteStep(step);
  }
  return {};
}

const Versions::Published* Versions::At(uint64_t seq) const {
  auto behind = std::ranges::upper_bound(published_, seq, {}, &Published::seq);
  return behind == published_.begin() ? nullptr : &*std::prev(behind);
}

const Versions::Published* Versions::Find(const Digest& hash) const {
  for (auto it = published_.rbegin(); it != published_.rend(); ++it) {
    if (it->hash == hash) {
      return &*it;
    }
  }
  return nullptr;
}

void Versions::Save(ByteWriter& writer) const {
  writer.Varint(published_.size());
  for (const Published& published : published_) {
    writer.Varint(published.seq);
    writer.Raw(published.hash);
  }
  writer.Fixed(static_cast<uint8_t>(newest_.has_value()));
  if (!newest_) {
    return;
  }
  writer.Varint(newest_->record);
  WriteHead(newest_->proposal, writer);
  writer.Fixed(static_cast<uint8_t>(newest_->state));
  writer.Varint(newest_->publish_seq ? *newest_->publish_seq + 1 : 0);
  for (const std::optional<ProposalStep>& step : {newest_->approval, newest_->end}) {
    writer.Fixed(static_cast<uint8_t>(step.has_value()));
    if (step) {
      WriteStep(*step, writer);
    }
  }
}

bool Versions::Restore(ByteReader& reader) {
  *this = {};
  const uint64_t count = reader.Varint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const uint64_t seq = reader.Varint();
    if (i > 0 && seq <= published_.back().seq) {
      return false;
    }
    published_.push_back({seq, internal::ReadDigest(reader)});
  }
  const auto has_newest = reader.Fixed<uint8_t>();
  if (!reader.ok() || has_newest > 1) {
    return false;
  }
  if (has_newest == 0) {
    return true;
  }
  newest_.emplace();
  newest_->record = reader.Varint();
  std::optional<Proposal> head = ReadHead(reader);
  if (!head) {
    return false;
  }
  newest_->proposal = *std::move(head);
  const auto state = reader.Fixed<uint8_t>();
  if (state > static_cast<uint8_t>(ProposalState::kFailed)) {
    return false;
  }
  newest_->state = static_cast<ProposalState>(state);
  if (const uint64_t publish = reader.Varint(); publish > 0) {
    newest_->publish_seq = publish - 1;
  }
  for (std::optional<ProposalStep>* step : {&newest_->approval, &newest_->end}) {
    const auto has_step = reader.Fixed<uint8_t>();
    if (has_step > 1) {
      return false;
    }
    if (has_step == 1) {
      *step = ReadStep(reader);
      if (!*step) {
        return false;
      }
    }
  }
  const bool is_over =
      newest_->state == ProposalState::kWithdrawn || newest_->state == ProposalState::kFailed;
  const bool was_approved =
      newest_->state == ProposalState::kApproved || newest_->state == ProposalState::kPublished;
  return reader.ok() && is_over == newest_->end.has_value() &&
         (!was_approved || newest_->approval.has_value());
}

}  // namespace fuqi::decide
