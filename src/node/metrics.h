#pragma once

// What the server counts of itself, and its Prometheus text form (exposition format 0.0.4).
//
// Every metric is declared here, with a bounded set of labels: a label never holds what a client
// chose. Counting is one relaxed atomic addition; the text is put together when it is asked for.
// Figures of one text are not a snapshot of one moment.
//
// Threads: any.

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_annotations.h"
#include "decide/decision.h"
#include "decide/shadow.h"

namespace fuqi::node {

class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Counts of observations up to each bound, given in the metric's unit divided by `unit`: observing
// nanoseconds with unit 1e9 gives seconds.
class Histogram {
 public:
  // `bounds` rise and have static life.
  Histogram(std::span<const uint64_t> bounds, double unit)
      : bounds_(bounds), unit_(unit), counts_(bounds.size() + 1) {}
  void Observe(uint64_t value);
  // Appends name_bucket, name_sum and name_count lines; `labels` is "" or `route="x"`.
  void Render(std::string_view name, std::string_view labels, std::string& out) const;
  uint64_t count() const;

 private:
  std::span<const uint64_t> bounds_;
  double unit_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<uint64_t> sum_{0};
};

// Why an event got the pack's default action without a decision.
enum class Shed : uint8_t { kQueueFull, kDeadline };
inline constexpr std::array<std::string_view, 2> kShedNames = {"queue_full", "deadline"};

// Hits of rules that are watched only. They are few: a lock serves.
class ShadowHits {
 public:
  void Add(const decide::Pack& pack, const decide::Decision& decision) FUQI_EXCLUDES(mutex_);
  // By rule id.
  std::map<std::string, uint64_t> counts() const FUQI_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<std::string, uint64_t> counts_ FUQI_GUARDED_BY(mutex_);
};

// Figures of one pack.
struct PackMetrics {
  PackMetrics();
  void CountDecision(decide::Action action) { decisions[static_cast<size_t>(action)].Add(); }

  std::array<Counter, 7> decisions;  // by Action
  ShadowHits shadow_hits;            // of new decisions
  Counter changes;                   // of committed state, made durable
  Counter switches;                  // to another version of the pack
  Histogram switch_ns;               // how long deciding waited for one
  Counter repeated;                  // answered from a decision taken before
  Counter conflicts;                 // refused: the id is taken by another content
  std::array<Counter, 2> shed;       // by Shed
  Counter refused;                   // neither decided nor recorded: both queues were full
  Histogram decision_ns;             // from the first byte of the request to the synced record
  Histogram commit_ns;               // one write and sync of a batch
  Histogram batch_events;            // events of one commit
};

// Of one topic of a pack's outbox.
struct OutboxGauge {
  std::string topic;
  uint64_t owed = 0;
  uint64_t dead = 0;
  uint64_t delivered = 0;
  uint64_t failed = 0;
  double oldest_s = 0;  // age of what is owed longest
};

// What is known only at the moment of asking.
struct PackGauges {
  std::string pack;
  std::string pack_hash;
  const PackMetrics* metrics = nullptr;
  uint64_t queue_depth = 0;
  uint64_t log_bytes = 0;
  uint64_t log_records = 0;
  bool ready = false;
  std::vector<OutboxGauge> outbox = {};
  std::string proposal;  // state of the newest proposal; empty: there was none
  std::optional<decide::ShadowReport> shadow;  // of a version that watches
  uint64_t backfill_events = 0;                // folded so far by a version on its way; 0: none is
};

inline constexpr std::array<int, 19> kStatusCodes = {
    200, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 417, 422, 429, 431, 500, 503, 504, 0};

class Metrics {
 public:
  // `routes`: templates such as "/v1/packs/{pack}/decisions", in the order of their numbers; static
  // life.
  explicit Metrics(std::vector<std::string_view> routes);

  // `route` ≥ the number of routes: "other".
  void CountRequest(size_t route, int status, int64_t elapsed_ns);

  Counter connections_accepted;
  Counter connections_refused;  // beyond the bound on connections
  Counter tls_failures;
  std::atomic<int64_t> connections{0};

  std::string Render(const std::vector<PackGauges>& packs, std::string_view version) const;

 private:
  struct Route {
    std::string_view path;
    std::array<Counter, kStatusCodes.size()> codes;
    Histogram request_ns;
  };
  void RenderRequests(std::string& out) const;
  void RenderConnections(std::string& out) const;

  std::vector<std::unique_ptr<Route>> routes_;  // the last is "other"
};

}  // namespace fuqi::node
