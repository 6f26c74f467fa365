#pragma once

// Clang's thread safety analysis (-Wthread-safety, an error in the clang presets); nothing under
// GCC. libstdc++'s mutexes carry no annotations, hence these thin ones.

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define FUQI_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define FUQI_THREAD_ATTRIBUTE(x)
#endif

#define FUQI_CAPABILITY(x) FUQI_THREAD_ATTRIBUTE(capability(x))
#define FUQI_SCOPED_CAPABILITY FUQI_THREAD_ATTRIBUTE(scoped_lockable)
#define FUQI_GUARDED_BY(x) FUQI_THREAD_ATTRIBUTE(guarded_by(x))
#define FUQI_REQUIRES(...) FUQI_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define FUQI_EXCLUDES(...) FUQI_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define FUQI_ACQUIRE(...) FUQI_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define FUQI_RELEASE(...) FUQI_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define FUQI_NO_THREAD_SAFETY_ANALYSIS FUQI_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace fuqi {

// BasicLockable in lower case, so that std::condition_variable_any takes it.
class FUQI_CAPABILITY("mutex") Mutex {
 public:
  void lock() FUQI_ACQUIRE() { mutex_.lock(); }
  void unlock() FUQI_RELEASE() { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds a Mutex for a scope, and waits on condition variables with it.
class FUQI_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) FUQI_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~MutexLock() FUQI_RELEASE() {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Wait(std::condition_variable& condition) { condition.wait(lock_); }
  // False once `deadline` has passed.
  template <class TimePoint>
  bool WaitUntil(std::condition_variable& condition, const TimePoint& deadline) {
    return condition.wait_until(lock_, deadline) == std::cv_status::no_timeout;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace fuqi
