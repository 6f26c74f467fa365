// What the ledger costs, records of 256 bytes of core. Files lie in the temporary folder: durable
// figures are of its disk; RawFdatasync beside them is that disk's floor.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "ledger/log.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"
#include "ledger/verify.h"

namespace fuqi::ledger {
namespace {

constexpr size_t kCoreBytes = 256;
constexpr std::string_view kOrigin = "fuqi/bench/sha256";

class Folder {
 public:
  explicit Folder(std::string_view name)
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("fuqi_ledger_bench_{}_{}", getpid(), name)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

LogOptions Sync(bool sync) {
  LogOptions options;
  options.sync = sync;
  return options;
}

Batch MakeBatch(uint64_t first_seq, uint64_t records) {
  static const Bytes kCore(kCoreBytes, 0x5a);
  Batch batch(first_seq);
  for (uint64_t i = 0; i < records; ++i) {
    FUQI_CHECK(batch.Add({.type = RecordType::kEvent, .core = kCore}).has_value());
  }
  return batch;
}

void CountRecords(benchmark::State& state, int64_t records) {
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(records * static_cast<int64_t>(kCoreBytes));
}

// Encodes and commits; nothing is synced.
void LogAppend(benchmark::State& state) {
  const Folder folder("append");
  const auto log = Log::Open(SystemDisk(), folder.path(), Sync(false)).value();
  for (auto _ : state) {
    const Batch batch = MakeBatch(log->next_seq(), static_cast<uint64_t>(state.range(0)));
    FUQI_CHECK(log->Commit(batch).has_value());
  }
  CountRecords(state, static_cast<int64_t>(log->next_seq()));
}
BENCHMARK(LogAppend)->Arg(1)->Arg(16)->Arg(256);

void DurableCommit(benchmark::State& state) {
  const Folder folder("commit");
  const auto log = Log::Open(SystemDisk(), folder.path(), Sync(true)).value();
  for (auto _ : state) {
    const Batch batch = MakeBatch(log->next_seq(), static_cast<uint64_t>(state.range(0)));
    FUQI_CHECK(log->Commit(batch).has_value());
  }
  CountRecords(state, static_cast<int64_t>(log->next_seq()));
}
BENCHMARK(DurableCommit)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// The same bytes appended to a plain file, with fdatasync after each.
void RawFdatasync(benchmark::State& state) {
  const Folder folder("raw");
  const auto file = SystemDisk().Open(folder.path() + "/file", OpenMode::kCreate).value();
  const Bytes bytes(40 + MakeBatch(0, static_cast<uint64_t>(state.range(0))).bytes());
  uint64_t end = 0;
  for (auto _ : state) {
    FUQI_CHECK(file->Write(end, bytes).has_value());
    FUQI_CHECK(file->Sync().has_value());
    end += bytes.size();
  }
  CountRecords(state, static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(RawFdatasync)->Arg(1)->Arg(16)->Arg(256)->UseRealTime();

// The tree alone: leaf hashes, nodes, and the files.
void TreeAppend(benchmark::State& state) {
  const Folder folder("tree");
  const auto log = Log::Open(SystemDisk(), folder.path() + "/log", Sync(false)).value();
  const auto tree = Tree::Open(SystemDisk(), folder.path(), *log, kOrigin).value();
  for (auto _ : state) {
    state.PauseTiming();
    const Batch batch = MakeBatch(tree->size(), static_cast<uint64_t>(state.range(0)));
    state.ResumeTiming();
    FUQI_CHECK(tree->Append(batch).has_value());
  }
  CountRecords(state, static_cast<int64_t>(tree->size()));
}
BENCHMARK(TreeAppend)->Arg(256)->Arg(4096);

// A partition of a million records, written once.
struct Million {
  static constexpr uint64_t kRecords = 1'000'000;

  Million() {
    log = Log::Open(SystemDisk(), folder.path() + "/log", Sync(false)).value();
    tree = Tree::Open(SystemDisk(), folder.path(), *log, kOrigin).value();
    while (log->next_seq() < kRecords) {
      const Batch batch = MakeBatch(log->next_seq(), 1000);
      FUQI_CHECK(log->Commit(batch).has_value() && tree->Append(batch).has_value());
    }
    FUQI_CHECK(tree->SaveHead().has_value());
  }
  static Million& Get() {
    static Million million;
    return million;
  }

  Folder folder{"million"};
  std::unique_ptr<Log> log;
  std::unique_ptr<Tree> tree;
};

void InclusionProofOfAMillion(benchmark::State& state) {
  const Million& million = Million::Get();
  uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 618'033) % Million::kRecords;
    FUQI_CHECK(million.tree->Inclusion(index, Million::kRecords).has_value());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(InclusionProofOfAMillion);

void CheckInclusionOfAMillion(benchmark::State& state) {
  const Million& million = Million::Get();
  const Digest root = million.tree->Root(Million::kRecords).value();
  const Digest leaf = LeafHash(million.log->Read(618'033).value()->encoded);
  const auto path = million.tree->Inclusion(618'033, Million::kRecords).value();
  for (auto _ : state) {
    FUQI_CHECK(VerifyInclusion(618'033, Million::kRecords, leaf, path, root));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(CheckInclusionOfAMillion);

void HeadOfAMillion(benchmark::State& state) {
  for (auto _ : state) {
    FUQI_CHECK(Million::Get().tree->CurrentHead().has_value());
  }
}
BENCHMARK(HeadOfAMillion);

void ReadOneOfAMillion(benchmark::State& state) {
  const Million& million = Million::Get();
  uint64_t seq = 0;
  for (auto _ : state) {
    seq = (seq + 618'033) % Million::kRecords;
    FUQI_CHECK(million.log->Read(seq).has_value());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(ReadOneOfAMillion);

void ScanAMillion(benchmark::State& state) {
  for (auto _ : state) {
    FUQI_CHECK(
        Scan(SystemDisk(), Million::Get().folder.path() + "/log", 0, [](const StoredRecord&) {
          return Result<void>();
        }).has_value());
  }
  CountRecords(state, static_cast<int64_t>(state.iterations() * Million::kRecords));
}
BENCHMARK(ScanAMillion)->Unit(benchmark::kMillisecond);

// Opening: the whole log is read and checked, and the tail made durable.
void OpenAMillion(benchmark::State& state) {
  Million& million = Million::Get();
  million.log.reset();
  for (auto _ : state) {
    FUQI_CHECK(Log::Open(SystemDisk(), million.folder.path() + "/log", Sync(true)).has_value());
  }
  million.log = Log::Open(SystemDisk(), million.folder.path() + "/log", Sync(false)).value();
  CountRecords(state, static_cast<int64_t>(state.iterations() * Million::kRecords));
}
BENCHMARK(OpenAMillion)->Unit(benchmark::kMillisecond);

void VerifyAMillion(benchmark::State& state) {
  for (auto _ : state) {
    const VerifyReport report = Verify(SystemDisk(), Million::Get().folder.path(), {}).value();
    FUQI_CHECK(report.ok() && report.entries == Million::kRecords);
  }
  CountRecords(state, static_cast<int64_t>(state.iterations() * Million::kRecords));
}
BENCHMARK(VerifyAMillion)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fuqi::ledger
