#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "ledger/log.h"
#include "ledger/merkle.h"
#include "ledger/test_records.h"
#include "ledger/verify.h"

namespace fuqi::ledger {
namespace {

// How many records a commit has, and how large they are: around the powers of two.
rc::Gen<uint64_t> EdgeSize(int power_max) {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0, power_max + 1), rc::gen::inRange(-1, 2)),
                      [](std::pair<int, int> edge) {
                        const int64_t size = (int64_t{1} << edge.first) + edge.second;
                        return static_cast<uint64_t>(size);
                      });
}

RC_GTEST_PROP(LogProperty, IsTheVectorOfItsRecords, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  SimulatedDisk disk(seed);
  SeededRandom random(seed);
  LogOptions options;
  options.segment_bytes = *EdgeSize(14);
  std::vector<Bytes> model;
  std::unique_ptr<Log> log;
  std::unique_ptr<Tree> tree;
  const int steps = *rc::gen::inRange(1, 12);
  for (int step = 0; step < steps; ++step) {
    if (log == nullptr || random.Chance(0.3)) {
      tree.reset();
      log.reset();
      auto opened = Log::Open(disk, "p/log", options);
      RC_ASSERT(opened.has_value());
      log = *std::move(opened);
      auto tree_opened = Tree::Open(disk, "p", *log, "fuqi/p/sha256");
      RC_ASSERT(tree_opened.has_value());
      tree = *std::move(tree_opened);
      RC_ASSERT(log->recovered_cut_bytes() == 0u);
    }
    Batch batch(log->next_seq());
    const uint64_t count = *EdgeSize(5);
    for (uint64_t i = 0; i < count; ++i) {
      const TestRecord record{.type = RecordType::kEvent,
                              .bucket = random.Next(),
                              .core = RandomBytes(random, *EdgeSize(11)),
                              .payload = RandomBytes(random, random.Below(5))};
      RC_ASSERT(batch.Add(record.View()).value() == model.size());
      model.push_back(record.Encoded());
    }
    RC_ASSERT(log->Commit(batch).has_value());
    RC_ASSERT(tree->Append(batch).has_value());
    if (random.Chance(0.3)) {
      RC_ASSERT(tree->SaveHead().has_value());
    }
    RC_ASSERT(log->next_seq() == model.size());
    for (int read = 0; read < 5 && !model.empty(); ++read) {
      const uint64_t seq = random.Below(model.size());
      const auto record = log->Read(seq);
      RC_ASSERT(record.has_value());
      RC_ASSERT(std::ranges::equal((*record)->encoded, model[seq]));
    }
  }
  RC_ASSERT(ScanAll(disk, "p/log") == model);
  RC_ASSERT(tree->CurrentHead()->root == NaiveRoot(model));
  const auto report = Verify(disk, "p", {});
  RC_ASSERT(report.has_value());
  RC_ASSERT(report->ok());
  RC_ASSERT(report->notes.empty());
  RC_ASSERT(report->entries == model.size());
  RC_ASSERT(report->root == NaiveRoot(model));
}

}  // namespace
}  // namespace fuqi::ledger
