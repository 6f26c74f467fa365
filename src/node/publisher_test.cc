#include "node/publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/simulated_disk.h"
#include "decide/small_pack_test.h"

namespace fuqi::node {
namespace {

TEST(Publisher, RefusesAtOnceWhatIsAskedBeyondItsBoundAndAnswersTheRest) {
  SimulatedDisk disk(1);
  ManualClock clock(decide::kStartUs);
  auto partition = decide::Partition::Open(disk, clock, "/node/small", decide::SmallPack(), {});
  ASSERT_TRUE(partition) << partition.error().ToString();
  PackRunner runner(*std::move(partition), {});
  Publisher publisher(runner, std::nullopt, clock);

  std::promise<void> busy;
  std::promise<void> goes_on;
  publisher.Compare({}, [&](const auto&) {
    busy.set_value();
    goes_on.get_future().wait();
  });
  busy.get_future().wait();
  std::atomic<size_t> refused{0};
  std::atomic<size_t> answered{0};
  for (size_t i = 0; i < kPublisherTasksMax + 2; ++i) {
    publisher.Compare({}, [&](const auto& changes) {
      const ErrorCode code = changes.error().code();
      refused += code == ErrorCode::kResourceExhausted ? 1 : 0;
      answered += code == ErrorCode::kNotFound ? 1 : 0;
    });
  }
  EXPECT_EQ(refused, 2u);
  EXPECT_EQ(answered, 0u);
  goes_on.set_value();
  publisher.Stop();
  EXPECT_EQ(answered, kPublisherTasksMax);
  EXPECT_TRUE(runner.Stop());
}

}  // namespace
}  // namespace fuqi::node
