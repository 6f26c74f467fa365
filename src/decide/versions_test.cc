#include "decide/versions.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace fuqi::decide {
namespace {

using Kind = ProposalStep::Kind;

const PackFiles kFiles = {{"pack.toml", "name = \"甲\"\n"}, {"scenarios/a.toml", ""}};

Digest HashOf(uint8_t byte) {
  Digest digest{};
  digest.fill(byte);
  return digest;
}

Proposal ProposalOf(uint8_t hash, std::string by = "anna", int64_t made = 100,
                    int64_t expires = 200) {
  Proposal proposal;
  proposal.by = std::move(by);
  proposal.made_us = made;
  proposal.expires_us = expires;
  proposal.reason = "因为";
  proposal.hash = HashOf(hash);
  return proposal;
}

ProposalStep StepOf(Kind kind, std::string by = "bert", uint64_t proposal = 5, int64_t made = 150) {
  return {std::move(by), made, proposal, kind, "seen"};
}

// Version 1 decides; version 2 is proposed by anna in record 5.
Versions Proposed() {
  Versions versions;
  versions.NotePublished(0, HashOf(1));
  versions.NoteProposal(5, ProposalOf(2));
  return versions;
}

TEST(VersionRecords, AreReadAsTheyWereWritten) {
  Proposal proposal = ProposalOf(0);
  proposal.files = kFiles;
  proposal.hash = ContentHash(kFiles);
  for (bool published : {false, true}) {
    if (published) {
      proposal.published = 0;
      proposal.shadow = true;
      proposal.files.clear();
    }
    EncodedRecord encoded;
    EncodeProposal(proposal, encoded);
    const auto read = DecodeProposal(encoded.As(ledger::RecordType::kProposal));
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    EXPECT_EQ(read->by, "anna");
    EXPECT_EQ(read->made_us, 100);
    EXPECT_EQ(read->expires_us, 200);
    EXPECT_EQ(read->reason, "因为");
    EXPECT_EQ(read->hash, proposal.hash);
    EXPECT_EQ(read->shadow, published);
    EXPECT_EQ(read->published, proposal.published);
    EXPECT_EQ(read->files, proposal.files);
    encoded.payload.push_back(0);
    EXPECT_FALSE(DecodeProposal(encoded.As(ledger::RecordType::kProposal)).has_value());
  }
  EncodedRecord encoded;
  EncodeProposalStep(StepOf(Kind::kWithdrawn), encoded);
  const auto step = DecodeProposalStep(encoded.As(ledger::RecordType::kProposalStep));
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->by, "bert");
  EXPECT_EQ(step->made_us, 150);
  EXPECT_EQ(step->proposal, 5u);
  EXPECT_EQ(step->kind, Kind::kWithdrawn);
  EXPECT_EQ(step->reason, "seen");
  encoded.core.pop_back();
  EXPECT_FALSE(DecodeProposalStep(encoded.As(ledger::RecordType::kProposalStep)).has_value());
}

TEST(VersionRecords, AProposalWhoseFilesAreNotThoseOfItsHashIsCorrupt) {
  Proposal proposal = ProposalOf(7);
  proposal.files = kFiles;
  EncodedRecord encoded;
  EncodeProposal(proposal, encoded);
  EXPECT_EQ(DecodeProposal(encoded.As(ledger::RecordType::kProposal)).error().code(),
            ErrorCode::kCorrupt);
}

TEST(Versions, WhoProposedDoesNotApprove) {
  Versions versions = Proposed();
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kApproved, "anna")).error().code(),
            ErrorCode::kPermissionDenied);
  ASSERT_FALSE(*versions.CheckStep(StepOf(Kind::kApproved, "bert")));
  versions.NoteStep(StepOf(Kind::kApproved, "bert"));
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kApproved, "anna")).error().code(),
            ErrorCode::kPermissionDenied);
  EXPECT_TRUE(*versions.CheckStep(StepOf(Kind::kApproved, "bert"))) << "asked twice, made once";
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kApproved, "carl")).error().code(),
            ErrorCode::kConflict);
}

TEST(Versions, OneProposalIsOpenAtATime) {
  Versions versions = Proposed();
  EXPECT_EQ(versions.CheckProposal(ProposalOf(3, "carl", 199)).error().code(),
            ErrorCode::kConflict);
  EXPECT_EQ(versions.CheckProposal(ProposalOf(2, "carl", 199)).error().code(),
            ErrorCode::kConflict);
  EXPECT_EQ(**versions.CheckProposal(ProposalOf(2, "anna", 199, 299)), 5u)
      << "the same, sent again";
  Proposal watching = ProposalOf(2, "anna", 199, 299);
  watching.shadow = true;
  Proposal otherwise = ProposalOf(2, "anna", 199, 299);
  otherwise.reason = "另因";
  for (const Proposal& other : {watching, otherwise, ProposalOf(2, "anna", 199, 300)}) {
    EXPECT_EQ(versions.CheckProposal(other).error().code(), ErrorCode::kConflict)
        << "not what was proposed";
  }
  EXPECT_TRUE(versions.CheckProposal(ProposalOf(3, "carl", 200, 300)).has_value())
      << "the first has expired";
  versions.NoteStep(StepOf(Kind::kApproved));
  EXPECT_EQ(versions.CheckProposal(ProposalOf(3, "carl", 200, 300)).error().code(),
            ErrorCode::kConflict)
      << "what is approved does not expire";
  versions.NotePublished(9, HashOf(2));
  EXPECT_TRUE(*versions.CheckStep(StepOf(Kind::kApproved))) << "asked again after it was done";
  EXPECT_TRUE(versions.CheckProposal(ProposalOf(3, "carl", 200, 300)).has_value());
  EXPECT_EQ(versions.CheckProposal(ProposalOf(2, "carl", 200, 300)).error().code(),
            ErrorCode::kAlreadyExists)
      << "it decides now";
}

TEST(Versions, AProposalThatExpiredIsNotApproved) {
  Versions versions = Proposed();
  EXPECT_TRUE(versions.CheckStep(StepOf(Kind::kApproved, "bert", 5, 199)).has_value());
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kApproved, "bert", 5, 200)).error().code(),
            ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(versions.CheckStep(StepOf(Kind::kWithdrawn, "bert", 5, 200)).has_value());
}

TEST(Versions, AStepIsOfTheNewestProposalAndInItsOrder) {
  Versions versions = Proposed();
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kApproved, "bert", 4)).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(versions.CheckStep(StepOf(Kind::kFailed)).error().code(), ErrorCode::kConflict)
      << "nobody has begun";
  EXPECT_EQ(versions.approved(), nullptr);
  versions.NoteStep(StepOf(Kind::kApproved));
  ASSERT_NE(versions.approved(), nullptr);
  EXPECT_TRUE(versions.CheckStep(StepOf(Kind::kFailed)).has_value());
  EXPECT_TRUE(versions.CheckStep(StepOf(Kind::kWithdrawn, "anna")).has_value());
  versions.NoteStep(StepOf(Kind::kWithdrawn, "anna"));
  EXPECT_EQ(versions.approved(), nullptr);
  EXPECT_TRUE(*versions.CheckStep(StepOf(Kind::kWithdrawn, "anna")));
  for (Kind kind : {Kind::kApproved, Kind::kWithdrawn, Kind::kFailed}) {
    EXPECT_EQ(versions.CheckStep(StepOf(kind, "carl")).error().code(), ErrorCode::kConflict);
  }
  versions.NotePublished(9, HashOf(2));
  EXPECT_EQ(versions.newest()->state, ProposalState::kWithdrawn)
      << "published at a start, not by this proposal";
}

TEST(Versions, AVersionOfTheLogIsProposedByItsPublishRecord) {
  Versions versions;
  versions.NotePublished(0, HashOf(1));
  versions.NotePublished(7, HashOf(2));
  Proposal back = ProposalOf(1);
  back.published = 0;
  EXPECT_TRUE(versions.CheckProposal(back).has_value());
  back.published = 7;
  EXPECT_EQ(versions.CheckProposal(back).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(versions.Find(HashOf(1))->seq, 0u);
  EXPECT_EQ(versions.Find(HashOf(3)), nullptr);
  EXPECT_EQ(versions.At(6)->seq, 0u);
  EXPECT_EQ(versions.At(7)->seq, 7u);
}

TEST(Versions, TextsAndTimesAreBounded) {
  const Versions versions = Proposed();
  EXPECT_EQ(versions.CheckProposal(ProposalOf(3, "")).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(versions.CheckProposal(ProposalOf(3, "a", 300, 300)).error().code(),
            ErrorCode::kInvalidArgument);
  ProposalStep step = StepOf(Kind::kApproved);
  step.reason = std::string(kVersionReasonBytesMax + 1, 'a');
  EXPECT_EQ(versions.CheckStep(step).error().code(), ErrorCode::kOutOfRange);
}

TEST(Versions, AreRestoredAsTheyWereSavedInEveryState) {
  Versions versions;
  auto check = [&] {
    Bytes saved;
    ByteWriter writer(saved);
    versions.Save(writer);
    ByteReader reader(saved);
    Versions restored;
    ASSERT_TRUE(restored.Restore(reader) && reader.remaining() == 0);
    EXPECT_EQ(restored.published(), versions.published());
    Bytes again;
    ByteWriter writer_again(again);
    restored.Save(writer_again);
    EXPECT_EQ(again, saved);
    for (size_t size = 0; size < saved.size(); ++size) {
      ByteReader cut(ByteView(saved).first(size));
      EXPECT_FALSE(Versions().Restore(cut)) << size;
    }
  };
  check();
  versions.NotePublished(0, HashOf(1));
  check();
  versions.NoteProposal(5, ProposalOf(2));
  check();
  versions.NoteStep(StepOf(Kind::kApproved));
  check();
  versions.NotePublished(9, HashOf(2));
  check();
  versions.NoteProposal(15, ProposalOf(3));
  versions.NoteStep(StepOf(Kind::kApproved, "bert", 15));
  versions.NoteStep(StepOf(Kind::kFailed, "small", 15));
  check();
  EXPECT_EQ(versions.newest()->state, ProposalState::kFailed);
}

}  // namespace
}  // namespace fuqi::decide
