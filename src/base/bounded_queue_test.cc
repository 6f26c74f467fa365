#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>

namespace fuqi {
namespace {

using Queue = BoundedQueue<int>;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(BoundedQueue, GivesBackInOrderInBatches) {
  Queue queue(5);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(queue.TryPush(int{i}), Queue::PushResult::kPushed);
  }
  EXPECT_EQ(queue.Pop(3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(queue.Pop(9), (std::vector<int>{3, 4}));
  EXPECT_EQ(queue.size(), 0u);
}

TEST(BoundedQueue, RefusesAtItsBoundAndKeepsTheItemWithTheCaller) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  using PushResult = BoundedQueue<std::unique_ptr<int>>::PushResult;
  auto item = std::make_unique<int>(1);
  EXPECT_EQ(queue.TryPush(std::move(item)), PushResult::kPushed);
  auto second = std::make_unique<int>(2);
  EXPECT_EQ(queue.TryPush(std::move(second)), PushResult::kFull);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*queue.Pop(1)[0], 1);
  EXPECT_EQ(queue.TryPush(std::move(second)), PushResult::kPushed);
}

TEST(BoundedQueue, AfterCloseDrainsAndThenGivesNothing) {
  Queue queue(4);
  queue.TryPush(1);
  queue.Close();
  EXPECT_TRUE(queue.closed());
  EXPECT_EQ(queue.TryPush(2), Queue::PushResult::kClosed);
  EXPECT_EQ(queue.Pop(4), std::vector<int>{1});
  EXPECT_TRUE(queue.Pop(4).empty());
}

TEST(BoundedQueue, WaitsUntilTheDeadlineAndNoLonger) {
  Queue queue(4);
  EXPECT_TRUE(queue.Pop(1, steady_clock::now() - milliseconds(1)).empty());
  const auto deadline = steady_clock::now() + milliseconds(20);
  EXPECT_TRUE(queue.Pop(1, deadline).empty());
  EXPECT_GE(steady_clock::now(), deadline);
}

TEST(BoundedQueue, AnItemThatIsThereIsGivenEvenAfterTheDeadline) {
  Queue queue(4);
  queue.TryPush(7);
  EXPECT_EQ(queue.Pop(1, steady_clock::now() - milliseconds(1)), std::vector<int>{7});
}

TEST(BoundedQueue, CloseWakesEveryWaitingConsumer) {
  Queue queue(1);
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] { EXPECT_TRUE(queue.Pop(1).empty()); });
  }
  std::this_thread::sleep_for(milliseconds(5));
  queue.Close();
  for (std::thread& consumer : consumers) {
    consumer.join();
  }
}

TEST(BoundedQueue, LosesAndDoublesNothingBetweenManyThreads) {
  constexpr int kProducers = 3;
  constexpr int kConsumers = 3;
  constexpr int kItems = 20'000;
  Queue queue(17);
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&queue, p] {
      for (int i = 0; i < kItems; ++i) {
        const int item = p * kItems + i;
        while (queue.TryPush(int{item}) == Queue::PushResult::kFull) {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<std::vector<int>> taken(kConsumers);
  std::vector<std::thread> consumers;
  for (int c = 0; c < kConsumers; ++c) {
    consumers.emplace_back([&queue, &mine = taken[c], c] {
      for (;;) {
        const size_t most = 1 + size_t{7} * c;
        const std::vector<int> batch = queue.Pop(most);
        if (batch.empty()) {
          return;
        }
        EXPECT_LE(batch.size(), most);
        mine.insert(mine.end(), batch.begin(), batch.end());
      }
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  queue.Close();
  std::vector<int> all;
  for (int c = 0; c < kConsumers; ++c) {
    consumers[c].join();
    // What one producer pushed, one consumer sees in its order.
    for (int p = 0; p < kProducers; ++p) {
      std::vector<int> own;
      std::ranges::copy_if(taken[c], std::back_inserter(own),
                           [p](int i) { return i / kItems == p; });
      EXPECT_TRUE(std::ranges::is_sorted(own));
    }
    all.insert(all.end(), taken[c].begin(), taken[c].end());
  }
  std::ranges::sort(all);
  std::vector<int> expected(kProducers * kItems);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace fuqi
