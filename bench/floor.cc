// The machine's own floor, printed beside every figure: what a raw fdatasync takes, how long an
// idle thread is kept waiting, how fast memory is copied. A figure that is near it says nothing of
// Fuqi.
//
//   floor DIRECTORY

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"

namespace fuqi {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

// The value that a share of `sorted` does not exceed.
double Quantile(const std::vector<int64_t>& sorted, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[rank]) / 1000;
}

struct Spread {
  double p50_us, p99_us, max_us;
};
Spread SpreadOf(std::vector<int64_t> nanoseconds) {
  std::ranges::sort(nanoseconds);
  return {Quantile(nanoseconds, 0.5), Quantile(nanoseconds, 0.99), Quantile(nanoseconds, 1)};
}

// Appends 4 KiB and syncs, again and again.
Result<Spread> RawSync(const std::string& dir) {
  const std::string path = dir + "/floor.tmp";
  FUQI_ASSIGN_OR_RETURN(auto file, SystemDisk().Open(path, OpenMode::kCreate));
  const Bytes block(4096, 0x5a);
  std::vector<int64_t> took;
  for (int i = 0; i < 2000; ++i) {
    const int64_t begin = SystemClock().MonotonicNs();
    FUQI_RETURN_IF_ERROR(file->Write(i * block.size(), block));
    FUQI_RETURN_IF_ERROR(file->Sync());
    took.push_back(SystemClock().MonotonicNs() - begin);
  }
  FUQI_RETURN_IF_ERROR(SystemDisk().Remove(path));
  return SpreadOf(std::move(took));
}

// A thread that only looks at the clock, for two seconds: the gaps are what the machine took from
// it.
Spread IdleJitter() {
  std::vector<int64_t> gaps;
  const int64_t end = SystemClock().MonotonicNs() + 2 * kSecondNs;
  for (int64_t last = SystemClock().MonotonicNs(), now = last; now < end; last = now) {
    now = SystemClock().MonotonicNs();
    gaps.push_back(now - last);
  }
  return SpreadOf(std::move(gaps));
}

double MemoryCopyGbPerS() {
  const size_t size = size_t{256} << 20;
  std::vector<char> from(size, 1);
  std::vector<char> to(size);
  const int rounds = 8;
  const int64_t begin = SystemClock().MonotonicNs();
  for (int i = 0; i < rounds; ++i) {
    from[static_cast<size_t>(i)] = static_cast<char>(i);
    std::memcpy(to.data(), from.data(), size);
  }
  const auto took = static_cast<double>(SystemClock().MonotonicNs() - begin);
  return static_cast<double>(size) * rounds / took;
}

std::string Processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      return line.substr(line.find(": ") + 2);
    }
  }
  return "unknown";
}

int Run(const std::string& dir) {
  const auto sync = RawSync(dir);
  if (!sync) {
    fmt::print(stderr, "error: {}\n", sync.error().ToString());
    return sync.error().exit_code();
  }
  const Spread jitter = IdleJitter();
  const double copy = MemoryCopyGbPerS();
  fmt::print("machine            {}, {} cores\n", Processor(), std::thread::hardware_concurrency());
  fmt::print(
      "raw fdatasync      p50 {:.0f} µs   p99 {:.0f} µs   max {:.0f} µs   (4 KiB appended)\n",
      sync->p50_us, sync->p99_us, sync->max_us);
  fmt::print("idle jitter        p50 {:.2f} µs   p99 {:.2f} µs   max {:.0f} µs\n", jitter.p50_us,
             jitter.p99_us, jitter.max_us);
  fmt::print("memory copy        {:.1f} GB/s, one thread\n", copy);
  const nlohmann::json json = {{"name", "floor"},
                               {"processor", Processor()},
                               {"cores", std::thread::hardware_concurrency()},
                               {"fdatasync_p50_us", sync->p50_us},
                               {"fdatasync_p99_us", sync->p99_us},
                               {"jitter_p99_us", jitter.p99_us},
                               {"jitter_max_us", jitter.max_us},
                               {"memory_copy_gb_per_s", copy}};
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace
}  // namespace fuqi

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: floor DIRECTORY\n");
    return 2;
  }
  return fuqi::Run(argv[1]);
}
