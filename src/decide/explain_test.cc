#include "decide/explain.h"

#include <gtest/gtest.h>

#include "base/simulated_disk.h"
#include "decide/partition.h"
#include "decide/reperform.h"
#include "decide/small_pack_test.h"

namespace fuqi::decide {
namespace {

constexpr char kDir[] = "/node/small";

class EvidenceTest : public testing::Test {
 protected:
  EvidenceTest() : disk_(3), clock_(kStartUs) {}

  std::unique_ptr<Partition> Open(std::shared_ptr<const CompiledPack> pack = SmallPack()) {
    auto opened = Partition::Open(disk_, clock_, kDir, std::move(pack), {});
    EXPECT_TRUE(opened.has_value()) << opened.error().ToString();
    return opened ? std::move(*opened) : nullptr;
  }
  static void DecideAll(Partition& partition, const std::vector<Event>& events) {
    for (const Event& event : events) {
      ASSERT_TRUE(partition.Decide(event).has_value());
    }
    ASSERT_TRUE(partition.Commit(partition.TakeBatch()).has_value());
  }
  // Rewrites a record of the log, checksums and tree and all, as someone would who owns the
  // machine.
  void Forge(uint64_t seq, const std::function<void(EncodedRecord&)>& change) {
    SimulatedDisk forged(4);
    ledger::LogOptions options;
    options.sync = false;
    auto log = *ledger::Log::Open(forged, std::string(kDir) + "/log", options);
    ASSERT_TRUE(ledger::Scan(disk_, std::string(kDir) + "/log", 0,
                             [&](const ledger::StoredRecord& record) -> Result<void> {
                               EncodedRecord encoded{
                                   Bytes(record.core.begin(), record.core.end()),
                                   Bytes(record.payload.begin(), record.payload.end())};
                               if (record.seq == seq) {
                                 change(encoded);
                               }
                               ledger::Batch batch(record.seq);
                               FUQI_RETURN_IF_ERROR(batch.Add(encoded.As(record.type)));
                               return log->Commit(batch);
                             })
                    .has_value());
    log.reset();
    forged_ = std::make_unique<SimulatedDisk>(5);
    Copy(forged, *forged_);
  }
  static void Copy(Disk& from, Disk& to) {
    const std::string dir = std::string(kDir) + "/log";
    ASSERT_TRUE(to.MakeDirs(dir).has_value());
    for (const std::string& name : *from.List(dir)) {
      Result<Bytes> bytes = ReadFile(from, dir + "/" + name, 1u << 30);
      ASSERT_TRUE(bytes.has_value());
      ASSERT_TRUE(WriteFileAtomically(to, dir + "/" + name, *bytes).has_value());
    }
  }

  SimulatedDisk disk_;
  std::unique_ptr<SimulatedDisk> forged_;
  ManualClock clock_;
};

TEST_F(EvidenceTest, ExplanationSaysEverythingAndProvesIt) {
  auto partition = Open();
  DecideAll(*partition,
            {Payment("1", kStartUs, "a", "x", 20'000), Payment("2", kStartUs + 1, "a", "y", 20'000),
             Payment("3", kStartUs + 2, "a", "z", 100'000)});
  Result<Explanation> explained = Explain(partition->log(), partition->tree(), *SmallPack(), 6);
  ASSERT_TRUE(explained.has_value()) << explained.error().ToString();
  EXPECT_EQ(explained->decision_id, "small-00000000000000000006");
  EXPECT_EQ(explained->action, Action::kBlock);
  EXPECT_EQ(explained->pack_hash, SmallPack()->pack().hash);
  EXPECT_TRUE(explained->flags.empty());
  ASSERT_EQ(explained->event.size(), 5u);
  EXPECT_EQ(explained->event[2].value, "a");
  EXPECT_EQ(explained->event[4].value, "1000.00");
  EXPECT_EQ(explained->event[4].class_path, "业务-交易-金额");
  ASSERT_EQ(explained->features.size(), 7u);
  EXPECT_EQ(explained->features[0].name, "count_1d");
  EXPECT_EQ(explained->features[0].value, "3");
  EXPECT_EQ(explained->features[0].title.zh, "一日内笔数");
  EXPECT_EQ(explained->features[0].windows.size(), 1u);
  EXPECT_FALSE(explained->features[0].lineage.empty());
  ASSERT_EQ(explained->hits.size(), 3u);
  const Explanation::Hit& spread = explained->hits[2];
  EXPECT_EQ(spread.rule, "spread");
  EXPECT_EQ(spread.when, "payees_1d >= 3 AND sum_1d > 500");
  ASSERT_EQ(spread.reads.size(), 2u);
  EXPECT_EQ(spread.reads[0].name, "sum_1d");
  EXPECT_EQ(spread.reads[0].value, "1400.00");
  EXPECT_EQ(spread.reads[1].name, "payees_1d");
  EXPECT_EQ(spread.reads[1].value, "3");
  EXPECT_EQ(explained->hits[1].clause, "aml_law_2024#第三十五条");

  const ledger::Head head = *partition->tree().CurrentHead();
  EXPECT_TRUE(ledger::CheckRecordProof(explained->decision_proof, head).has_value());
  EXPECT_TRUE(ledger::CheckRecordProof(explained->event_proof, head).has_value());
  ledger::RecordProof tampered = explained->decision_proof;
  tampered.record.back() ^= 1;
  EXPECT_FALSE(ledger::CheckRecordProof(tampered, head).has_value());
}

TEST_F(EvidenceTest, ExplainsADecisionOfAnEarlierPackVersion) {
  {
    auto partition = Open();
    DecideAll(*partition, {Payment("1", kStartUs, "a", "x", 99'999)});
  }
  auto newer = MustCompile(SmallPackWith("amount >= 1000", "amount >= 500"));
  auto partition = Open(newer);
  EXPECT_EQ(Explain(partition->log(), partition->tree(), *newer, 2).error().code(),
            ErrorCode::kInvalidArgument);
  auto pack = PackOfDecision(partition->log(), TestBinder(), 2);
  ASSERT_TRUE(pack.has_value()) << pack.error().ToString();
  Result<Explanation> explained = Explain(partition->log(), partition->tree(), **pack, 2);
  ASSERT_TRUE(explained.has_value()) << explained.error().ToString();
  EXPECT_EQ(explained->action, Action::kApprove);
  EXPECT_EQ(Explain(partition->log(), partition->tree(), **pack, 1).error().code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(Explain(partition->log(), partition->tree(), **pack, 99).error().code(),
            ErrorCode::kNotFound);
}

TEST_F(EvidenceTest, ReperformanceFindsAllDecisionsEqual) {
  {
    auto partition = Open();
    DecideAll(*partition, RandomPayments(31, 150));
  }
  {
    auto partition = Open(MustCompile(SmallPackWith("amount >= 1000", "amount >= 500")));
    const std::vector<Event> events = RandomPayments(31, 300);
    DecideAll(*partition, {events.begin() + 150, events.end()});
    ASSERT_TRUE(partition->NoteDefault(table::Datum::Text("d"), "shed").has_value());
    ASSERT_TRUE(partition->Commit(partition->TakeBatch()).has_value());
  }
  uint64_t told = 0;
  Result<Reperformance> again =
      Reperform(disk_, kDir, TestBinder(), [&](uint64_t done, uint64_t to_do) {
        EXPECT_LE(done, to_do);
        ++told;
      });
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again->decisions, 300u);
  EXPECT_EQ(again->equal, 300u);
  EXPECT_TRUE(again->holds());
  EXPECT_GT(told, 0u);
  for (uint64_t seq : {2, 200, 400}) {
    Result<RulesReperformance> one = ReperformOne(disk_, kDir, TestBinder(), seq + (seq > 300));
    ASSERT_TRUE(one.has_value()) << one.error().ToString();
    EXPECT_TRUE(one->equal());
  }
  EXPECT_EQ(ReperformOne(disk_, kDir, TestBinder(), 1).error().code(), ErrorCode::kParse);
  EXPECT_EQ(ReperformOne(disk_, kDir, TestBinder(), 99'999).error().code(), ErrorCode::kNotFound);
}

TEST_F(EvidenceTest, ReperformanceFindsAForgedAction) {
  {
    auto partition = Open();
    DecideAll(*partition,
              {Payment("1", kStartUs, "a", "x", 200'000), Payment("2", kStartUs, "a", "x", 100)});
  }
  // The blocked payment is made to look approved, and its hit is taken out.
  Forge(2, [](EncodedRecord& record) {
    ASSERT_EQ(record.core[1], 0) << "nothing stood";
    ASSERT_EQ(record.core[2], static_cast<uint8_t>(Action::kBlock));
    record.core[2] = static_cast<uint8_t>(Action::kApprove);
    ASSERT_EQ(record.core[4], 1) << "one hit";
    record.core[4] = 0;
    record.core.erase(record.core.begin() + 5);
  });
  Result<Reperformance> again = Reperform(*forged_, kDir, TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again->decisions, 2u);
  EXPECT_EQ(again->different, 1u);
  EXPECT_EQ(again->different_seqs, std::vector<uint64_t>{2});
  EXPECT_FALSE(again->holds());
  Result<RulesReperformance> one = ReperformOne(*forged_, kDir, TestBinder(), 2);
  ASSERT_TRUE(one.has_value()) << one.error().ToString();
  EXPECT_FALSE(one->equal());
  EXPECT_EQ(one->computed.action, Action::kBlock);
}

TEST_F(EvidenceTest, ReperformanceFindsAnEventWhoseHeadDoesNotFitItsRow) {
  {
    auto partition = Open();
    DecideAll(*partition, {Payment("1", kStartUs, "a", "x", 100)});
  }
  Forge(1, [](EncodedRecord& record) { record.core[5] ^= 1; });  // the key's hash
  Result<Reperformance> again = Reperform(*forged_, kDir, TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again->different, 1u);
}

TEST_F(EvidenceTest, ReperformanceDoesNotPassDecisionsOfOtherSemantics) {
  {
    auto partition = Open();
    DecideAll(*partition, {Payment("1", kStartUs, "a", "x", 100)});
  }
  Forge(0, [](EncodedRecord& record) {
    ledger::Record view = record.As(ledger::RecordType::kPublish);
    PublishRecord publish = *DecodePublish(view);
    publish.semantics = "fuqi-sql-0";
    record.Clear();
    EncodePublish(publish, record);
  });
  Result<Reperformance> again = Reperform(*forged_, kDir, TestBinder());
  ASSERT_TRUE(again.has_value()) << again.error().ToString();
  EXPECT_EQ(again->other_semantics, 1u);
  EXPECT_EQ(again->decisions, 0u);
  EXPECT_FALSE(again->holds());
  EXPECT_EQ(ReperformOne(*forged_, kDir, TestBinder(), 2).error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace fuqi::decide
