#pragma once

// Cancels an engine that works longer than it may. Only the time inside calls to the engine counts:
// a consumer that takes its time over the rows does not use up the statement's.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace fuqi::table {

class Watchdog {
 public:
  // `cancel` is called from the watchdog's own thread, again and again until the call that is under
  // way returns: an engine may forget a cancellation that comes between two of its steps.
  Watchdog(int64_t time_ms, std::function<void()> cancel);
  ~Watchdog();

  // Stands around each call to the engine.
  class Inside {
   public:
    explicit Inside(Watchdog& watchdog);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    Watchdog& watchdog_;
  };

  // Whether the time was used up; then whatever the engine gives is to be thrown away for TimeUp().
  bool barked() const;
  Error TimeUp() const;

 private:
  using SteadyClock = std::chrono::steady_clock;

  void Watch();

  const int64_t time_ms_;
  const std::function<void()> cancel_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SteadyClock::duration left_;
  SteadyClock::time_point entered_;
  bool inside_ = false;
  bool barked_ = false;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace fuqi::table
