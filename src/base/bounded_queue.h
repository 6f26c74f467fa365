#pragma once

// A queue with a fixed bound between threads: any number of producers and consumers. When it is
// full a producer is told at once (TryPush), so that overload is shed where it enters and memory
// stays bounded.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/thread_annotations.h"

namespace fuqi {

template <class T>
class BoundedQueue {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  enum class PushResult : uint8_t { kPushed, kFull, kClosed };

  explicit BoundedQueue(size_t capacity) : capacity_(capacity) { FUQI_CHECK(capacity > 0); }

  // Never blocks. `item` is moved from only when pushed.
  PushResult TryPush(T&& item) FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (closed_) {
      return PushResult::kClosed;
    }
    if (items_.size() >= capacity_) {
      return PushResult::kFull;
    }
    items_.push_back(std::move(item));
    not_empty_.notify_one();
    return PushResult::kPushed;
  }

  // Waits for an item until `deadline`, then takes what is there, oldest first, at most `count`.
  // Empty: the deadline passed, or the queue is closed and drained.
  std::vector<T> Pop(size_t count, Deadline deadline) FUQI_EXCLUDES(mutex_) {
    std::vector<T> batch;
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) {
      if (!lock.WaitUntil(not_empty_, deadline)) {
        break;
      }
    }
    while (!items_.empty() && batch.size() < count) {
      batch.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    if (!items_.empty()) {
      not_empty_.notify_one();  // a wake-up that another consumer is owed
    }
    return batch;
  }
  // Waits without a deadline; empty only when closed and drained.
  std::vector<T> Pop(size_t count) { return Pop(count, Deadline::max()); }

  // No more pushes; consumers drain what is there and then get nothing.
  void Close() FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    closed_ = true;
    not_empty_.notify_all();
  }

  bool closed() const FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return closed_;
  }
  size_t size() const FUQI_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return items_.size();
  }
  size_t capacity() const { return capacity_; }

 private:
  const size_t capacity_;
  mutable Mutex mutex_;
  std::condition_variable not_empty_;
  std::deque<T> items_ FUQI_GUARDED_BY(mutex_);
  bool closed_ FUQI_GUARDED_BY(mutex_) = false;
};

}  // namespace fuqi
