#pragma once

// Named points at which a test, or an operator who rehearses, makes the program fail.
//
//   FUQI_FAULT("ledger.before_sync");   // in a function that returns Result
//
// A point does nothing (one relaxed load) until something is armed: by ArmFault in a test, or by
// the environment, FUQI_FAULTS="name=3,other=1": the third time `name` is reached and the first
// time `other` is reached give kIo, once each.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fuqi {

// The nth time (1 is the next) that `name` is reached fails. A later call for the same name
// replaces an earlier one.
void ArmFault(std::string_view name, uint64_t nth = 1);
void DisarmFaults();
// Arms from a text such as the environment's; kUsage if it does not follow "name=nth,…".
Result<void> ArmFaults(std::string_view text);
// Arms from FUQI_FAULTS where it is set; a program calls it once at its start.
Result<void> ArmFaultsFromEnvironment();
// How often `name` was reached since it was armed.
uint64_t FaultHits(std::string_view name);

// Arms in a scope of a test.
class ScopedFault {
 public:
  explicit ScopedFault(std::string_view name, uint64_t nth = 1) { ArmFault(name, nth); }
  ~ScopedFault() { DisarmFaults(); }
  ScopedFault(const ScopedFault&) = delete;
  ScopedFault& operator=(const ScopedFault&) = delete;
};

namespace internal {
extern std::atomic<bool> faults_armed;
Result<void> ReachFault(std::string_view name);
}  // namespace internal

}  // namespace fuqi

#define FUQI_FAULT(name)                                                               \
  do {                                                                                 \
    if (::fuqi::internal::faults_armed.load(std::memory_order_relaxed)) [[unlikely]] { \
      FUQI_RETURN_IF_ERROR(::fuqi::internal::ReachFault(name));                        \
    }                                                                                  \
  } while (false)
