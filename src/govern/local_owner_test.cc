#include "govern/local_owner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/simulated_disk.h"
#include "crypto/sha256.h"
#include "ledger/log.h"
#include "table/binder.h"
#include "table/engine.h"

namespace fuqi::govern {
namespace {

// Keeps what it is given; refuses when told to.
class MemoryEvidence : public EvidenceSink {
 public:
  Result<void> Write(const ledger::Record& record) override {
    if (refuses) {
      return Err(ErrorCode::kDiskFull, "no space left");
    }
    Bytes encoded;
    ledger::EncodeRecord(record, encoded);
    records.push_back(std::move(encoded));
    return {};
  }
  bool refuses = false;
  std::vector<Bytes> records;
};

class LocalOwnerTest : public testing::Test {
 protected:
  LocalOwnerTest() {
    folder_ = std::filesystem::canonical(testing::TempDir()).string() + "/fuqi_govern_" +
              std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/data.csv";
    std::ofstream(file_) << "a\n1\n";
  }
  ~LocalOwnerTest() override { std::filesystem::remove_all(folder_); }

  ErrorCode Refused(const table::Plan& plan, std::string_view purpose,
                    const table::Limits& limits = {}) {
    auto permit = owner_.Mint(plan, purpose, limits);
    EXPECT_FALSE(permit.has_value());
    EXPECT_TRUE(evidence_.records.empty()) << "a refusal leaves no record of a permit";
    return permit.has_value() ? ErrorCode::kInternal : permit.error().code();
  }

  std::string folder_;
  std::string file_;
  ManualClock clock_{1'700'000'000'000'000};
  MemoryEvidence evidence_;
  LocalOwner owner_{clock_, evidence_};
};

TEST_F(LocalOwnerTest, MintsAPermitThatAnEngineRuns) {
  auto permit = owner_.Mint({"SELECT a + 1 FROM read_csv('" + file_ + "')", {file_}, "column a"},
                            "a test", {.memory_bytes = 64u << 20, .time_ms = 5000, .threads = 1});
  ASSERT_TRUE(permit.has_value()) << permit.error().ToString();
  EXPECT_EQ(permit->purpose(), "a test");
  EXPECT_EQ(permit->subject(), owner_.subject());
  EXPECT_FALSE(owner_.subject().empty());
  EXPECT_EQ(permit->expires_us(), clock_.NowUs() + LocalOwner::kPermitLifeUs);
  EXPECT_EQ(permit->plan_hash(), PlanHash(permit->plan()));
  auto rows = table::Engine::Embedded(clock_)->Run(*std::move(permit));
  ASSERT_TRUE(rows.has_value()) << rows.error().ToString();
  auto all = rows->ReadAll();
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ((*all)[0][0].i, 2);
}

TEST_F(LocalOwnerTest, WritesWhatThePermitSays) {
  ASSERT_TRUE(owner_.Mint({"SELECT 1", {file_}, "nothing"}, "audit, 审计").has_value());
  ASSERT_EQ(evidence_.records.size(), 1u);
  auto record = ledger::DecodeRecord(evidence_.records[0]);
  ASSERT_TRUE(record.has_value());
  auto read = ReadPermitEvidence(*record);
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_EQ(read->subject, owner_.subject());
  EXPECT_EQ(read->purpose, "audit, 审计");
  EXPECT_EQ(read->description, "nothing");
  EXPECT_EQ(read->given_us, clock_.NowUs());
  EXPECT_EQ(read->expires_us, clock_.NowUs() + LocalOwner::kPermitLifeUs);
  EXPECT_EQ(read->limits.memory_bytes, table::Limits().memory_bytes);
  EXPECT_EQ(read->limits.time_ms, table::Limits().time_ms);
  EXPECT_EQ(read->limits.threads, table::Limits().threads);
  EXPECT_EQ(read->plan.sql, "SELECT 1");
  EXPECT_EQ(read->plan.read_paths, std::vector<std::string>{file_});
  EXPECT_EQ(read->plan_hash, PlanHash(read->plan));
}

TEST_F(LocalOwnerTest, GivesNoPermitWithoutEvidence) {
  evidence_.refuses = true;
  auto permit = owner_.Mint({"SELECT 1", {}, ""}, "a test");
  ASSERT_FALSE(permit.has_value());
  EXPECT_EQ(permit.error().code(), ErrorCode::kDiskFull);
}

TEST_F(LocalOwnerTest, RefusesARequestThatSaysTooLittleOrTooMuch) {
  const table::Plan plan = {"SELECT 1", {}, ""};
  EXPECT_EQ(Refused(plan, ""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, " \n\t"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, "\xff"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, std::string(1025, 'x')), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused({"", {}, ""}, "a test"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused({"SELECT '\xff'", {}, ""}, "a test"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused({std::string(table::Binder::kMaxSqlBytes, ' ') + "x", {}, ""}, "a test"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused({"SELECT 1", {}, "\xff"}, "a test"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, "a test", {.memory_bytes = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, "a test", {.time_ms = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Refused(plan, "a test", {.threads = 0}), ErrorCode::kInvalidArgument);
}

TEST_F(LocalOwnerTest, RefusesPathsThatAreNotCanonicalFiles) {
  const std::string link = folder_ + "/link.csv";
  std::filesystem::create_symlink(file_, link);
  auto refused = [&](const std::string& path) {
    return Refused({"SELECT 1", {file_, path}, ""}, "a test");
  };
  EXPECT_EQ(refused(link), ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      refused(folder_ + "/../" + std::filesystem::path(folder_).filename().string() + "/data.csv"),
      ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(folder_ + "//data.csv"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(folder_), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused("/dev/null"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused(folder_ + "/none.csv"), ErrorCode::kNotFound);
  EXPECT_EQ(refused(""), ErrorCode::kNotFound);
}

TEST(PlanHash, CoversSqlAndTheSetOfPaths) {
  const table::Plan plan = {"SELECT 1", {"/b", "/a"}, "words"};
  EXPECT_EQ(PlanHash(plan), PlanHash({"SELECT 1", {"/a", "/b", "/a"}, "other words"}));
  EXPECT_NE(PlanHash(plan), PlanHash({"SELECT 2", {"/b", "/a"}, "words"}));
  EXPECT_NE(PlanHash(plan), PlanHash({"SELECT 1", {"/b"}, "words"}));
  EXPECT_NE(PlanHash({"ab", {"c"}, ""}), PlanHash({"a", {"bc"}, ""}));
  EXPECT_NE(PlanHash({"a", {"b", "c"}, ""}), PlanHash({"a", {"b,c"}, ""}));
  // docs/formats/permit.md, computed by hand.
  const std::string bytes("fuqi plan 1\n\x08SELECT 1\x02\x02/a\x02/b", 12 + 9 + 1 + 3 + 3);
  EXPECT_EQ(PlanHash(plan), crypto::Sha256(AsBytes(bytes)));
}

TEST(ReadPermitEvidence, RefusesWhatIsNoPermitsRecord) {
  ManualClock clock(0);
  MemoryEvidence evidence;
  LocalOwner owner(clock, evidence);
  ASSERT_TRUE(owner.Mint({"SELECT 1", {}, "w"}, "p").has_value());
  const Bytes good = evidence.records[0];
  auto record = ledger::DecodeRecord(good).value();
  EXPECT_TRUE(ReadPermitEvidence(record).has_value());
  auto changed = record;
  changed.type = ledger::RecordType::kEvent;
  EXPECT_EQ(ReadPermitEvidence(changed).error().code(), ErrorCode::kCorrupt);
  changed = record;
  changed.version = 2;
  EXPECT_EQ(ReadPermitEvidence(changed).error().code(), ErrorCode::kCorrupt);
  for (size_t size = 0; size < record.core.size(); ++size) {
    changed = record;
    changed.core = record.core.first(size);
    EXPECT_FALSE(ReadPermitEvidence(changed).has_value()) << size;
  }
  for (size_t size = 0; size < record.payload.size(); ++size) {
    changed = record;
    changed.payload = record.payload.first(size);
    EXPECT_FALSE(ReadPermitEvidence(changed).has_value()) << size;
  }
  Bytes payload(record.payload.begin(), record.payload.end());
  payload[3] ^= 1;
  changed = record;
  changed.payload = payload;
  EXPECT_EQ(ReadPermitEvidence(changed).error().code(), ErrorCode::kCorrupt);
  // A number of paths that cannot be.
  payload.assign(record.payload.begin(), record.payload.end());
  payload.back() = 0x7f;
  EXPECT_EQ(ReadPermitEvidence(changed).error().code(), ErrorCode::kParse);
}

class LedgerEvidenceTest : public testing::Test {
 protected:
  // The SQL of every permit that the log holds.
  std::vector<std::string> Held() {
    std::vector<std::string> sql;
    auto end = ledger::Scan(disk_, "home/owner", 0,
                            [&](const ledger::StoredRecord& record) -> Result<void> {
                              FUQI_ASSIGN_OR_RETURN(auto evidence, ReadPermitEvidence(record));
                              sql.push_back(evidence.plan.sql);
                              return {};
                            });
    EXPECT_TRUE(end.has_value()) << end.error().ToString();
    return sql;
  }
  bool Mint(const std::string& sql) { return owner_.Mint({sql, {}, ""}, "a test").has_value(); }

  ManualClock clock_{0};
  SimulatedDisk disk_{7};
  LedgerEvidence evidence_{disk_, "home/owner"};
  LocalOwner owner_{clock_, evidence_};
};

TEST_F(LedgerEvidenceTest, SurvivesACrashRightAfterThePermit) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Mint("SELECT " + std::to_string(i)));
    disk_.Crash();
    EXPECT_EQ(Held().size(), static_cast<size_t>(i + 1));
    EXPECT_EQ(Held().back(), "SELECT " + std::to_string(i));
  }
}

TEST_F(LedgerEvidenceTest, GivesNoPermitWhenTheDiskFails) {
  ASSERT_TRUE(Mint("SELECT 1"));
  disk_.LimitSpace(0);
  EXPECT_FALSE(Mint("SELECT 2"));
  disk_.LimitSpace(std::nullopt);
  // Every sync that one permit needs, failed in turn.
  int failed = 0;
  for (uint64_t n = 1; n <= 8; ++n) {
    SimulatedDisk disk(n);
    LedgerEvidence evidence(disk, "home/owner");
    LocalOwner owner(clock_, evidence);
    disk.LosePowerAtSync(n);
    const bool given = owner.Mint({"SELECT 1", {}, ""}, "a test").has_value();
    failed += given ? 0 : 1;
    EXPECT_TRUE(!given || !disk.power_lost()) << "a permit whose evidence was not synced: " << n;
  }
  EXPECT_GT(failed, 0);
  EXPECT_TRUE(Mint("SELECT 3"));
  EXPECT_EQ(Held().back(), "SELECT 3");
}

TEST_F(LedgerEvidenceTest, ServesSeveralAtATime) {
  std::vector<std::thread> threads;
  std::atomic<int> given = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        given += Mint("SELECT 1") ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(given, 20);
  EXPECT_EQ(Held().size(), 20u);
}

TEST_F(LedgerEvidenceTest, GivesUpOnALogThatIsHeld) {
  ASSERT_TRUE(Mint("SELECT 1"));
  auto held = ledger::Log::Open(disk_, "home/owner", {});
  ASSERT_TRUE(held.has_value());
  auto permit = owner_.Mint({"SELECT 2", {}, ""}, "a test");
  ASSERT_FALSE(permit.has_value());
  EXPECT_EQ(permit.error().code(), ErrorCode::kUnavailable);
}

TEST_F(LedgerEvidenceTest, RefusesALogThatIsDamaged) {
  ASSERT_TRUE(Mint("SELECT 1"));
  ASSERT_TRUE(Mint("SELECT 2"));
  auto names = disk_.List("home/owner");
  ASSERT_TRUE(names.has_value());
  for (const std::string& name : *names) {
    if (name.ends_with(".seg")) {
      ASSERT_TRUE(disk_.FlipByte("home/owner/" + name, 120).has_value());
    }
  }
  EXPECT_FALSE(Mint("SELECT 3"));
}

}  // namespace
}  // namespace fuqi::govern
