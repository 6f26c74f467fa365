#include "base/fault.h"

#include <charconv>
#include <cstdlib>
#include <map>

#include "base/thread_annotations.h"

namespace fuqi {

namespace internal {
std::atomic<bool> faults_armed = false;
}  // namespace internal

namespace {

struct Fault {
  uint64_t nth = 0;
  uint64_t hits = 0;
};

Mutex mutex;
std::map<std::string, Fault, std::less<>>& Faults() FUQI_REQUIRES(mutex) {
  static std::map<std::string, Fault, std::less<>> faults;
  return faults;
}

}  // namespace

void ArmFault(std::string_view name, uint64_t nth) {
  MutexLock lock(mutex);
  Faults().insert_or_assign(std::string(name), Fault{.nth = nth});
  internal::faults_armed = true;
}

void DisarmFaults() {
  MutexLock lock(mutex);
  Faults().clear();
  internal::faults_armed = false;
}

Result<void> ArmFaults(std::string_view text) {
  std::map<std::string, uint64_t> wanted;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
    const size_t equals = item.find('=');
    uint64_t nth = 0;
    const char* end = item.data() + item.size();
    if (equals == 0 || equals == std::string_view::npos ||
        std::from_chars(item.data() + equals + 1, end, nth).ptr != end || nth == 0) {
      return Err(ErrorCode::kUsage, "\"{}\" is no fault point: name=n is, with n from 1", item);
    }
    wanted[std::string(item.substr(0, equals))] = nth;
  }
  for (const auto& [name, nth] : wanted) {
    ArmFault(name, nth);
  }
  return {};
}

Result<void> ArmFaultsFromEnvironment() {
  const char* text = std::getenv("FUQI_FAULTS");
  return ArmFaults(text == nullptr ? "" : text);
}

uint64_t FaultHits(std::string_view name) {
  MutexLock lock(mutex);
  const auto found = Faults().find(name);
  return found == Faults().end() ? 0 : found->second.hits;
}

Result<void> internal::ReachFault(std::string_view name) {
  MutexLock lock(mutex);
  const auto found = Faults().find(name);
  if (found != Faults().end() && ++found->second.hits == found->second.nth) {
    return Err(ErrorCode::kIo, "fault injected at {}", name);
  }
  return {};
}

}  // namespace fuqi
