#include <utility>

#include "table/watchdog_internal.h"

namespace fuqi::table {

Watchdog::Watchdog(int64_t time_ms, std::function<void()> cancel)
    : time_ms_(time_ms),
      cancel_(std::move(cancel)),
      left_(std::chrono::milliseconds(time_ms)),
      thread_([this] { Watch(); }) {}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Watchdog::Inside::Inside(Watchdog& watchdog) : watchdog_(watchdog) {
  {
    std::lock_guard lock(watchdog_.mutex_);
    watchdog_.entered_ = SteadyClock::now();
    watchdog_.inside_ = true;
  }
  watchdog_.changed_.notify_one();
}

Watchdog::Inside::~Inside() {
  std::lock_guard lock(watchdog_.mutex_);
  watchdog_.left_ -= SteadyClock::now() - watchdog_.entered_;
  watchdog_.inside_ = false;
}

bool Watchdog::barked() const {
  std::lock_guard lock(mutex_);
  return barked_;
}

Error Watchdog::TimeUp() const {
  return Err(ErrorCode::kDeadlineExceeded, "the query took more than the {} ms it may take",
             time_ms_);
}

void Watchdog::Watch() {
  constexpr auto kAgain = std::chrono::milliseconds(20);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!inside_) {
      changed_.wait(lock);
      continue;
    }
    const auto until = barked_ ? SteadyClock::now() + kAgain : entered_ + left_;
    changed_.wait_until(lock, until);
    if (!stopping_ && inside_ && SteadyClock::now() >= entered_ + left_) {
      barked_ = true;
      cancel_();
    }
  }
}

}  // namespace fuqi::table
