#pragma once

// Time as the world shows it. State never depends on it: what the fold needs of the clock (an
// event's receipt) is written into a record.

#include <cstdint>

namespace fuqi {

class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since 1970-01-01T00:00:00Z.
  virtual int64_t NowUs() = 0;
  // Nanoseconds since some moment in the past; never goes back. For durations and timeouts only.
  virtual int64_t MonotonicNs() = 0;
};

// The machine's clock; one instance, any thread.
Clock& SystemClock();

// A clock that a test moves by hand.
class ManualClock : public Clock {
 public:
  explicit ManualClock(int64_t now_us) : now_us_(now_us) {}
  int64_t NowUs() override { return now_us_; }
  int64_t MonotonicNs() override { return monotonic_ns_; }
  void Advance(int64_t us) {
    now_us_ += us;
    monotonic_ns_ += us * 1000;
  }
  void Jump(int64_t us) { now_us_ += us; }

 private:
  int64_t now_us_;
  int64_t monotonic_ns_ = 0;
};

}  // namespace fuqi
