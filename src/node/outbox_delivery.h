#pragma once

// Delivers what a pack's outbox owes (decide/outbox.h) to its targets: each message at least once,
// and those of one topic in the order of their decisions.
//
// Each target has a thread and an event loop of its own, so that one that never answers, or whose
// name takes long to resolve, stalls neither decisions nor the others. The loop takes the oldest
// message that is owed and durable, sends it, tells the partition by a change, which is a record
// before it is state, and only then takes the next: when the node dies, at most one message is sent
// twice. What fails is tried again after a pause that doubles and is shortened by chance, and is
// given up after `attempts` or `give_up`, whichever comes first, counted since the node started, a
// person retried it, or one that goes before it was sent: a dead letter, which waits for a person
// and no longer holds up the rest. One that a person retries goes before what is younger.
//
// Nothing is kept here but the one message: what is owed is the partition's state, and a topic that
// is gone from the pack is delivered as long as anything is owed to it.
//
// Threads: Start, Stop and the destructor from one thread; counts from any.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "node/metrics.h"
#include "node/pack_runner.h"
#include "node/webhook.h"

namespace fuqi::node {

struct OutboxTarget {
  std::string pack;
  std::string topic;
  WebhookTarget webhook;
  std::vector<std::string> secrets;  // files, each of one secret
  uint64_t attempts = 50;
  int64_t give_up_ms = 86'400'000;
  int64_t pause_ms = 1'000;  // before the second attempt
  int64_t pause_max_ms = 300'000;
};

// What one target's deliveries came to.
struct OutboxCounters {
  Counter delivered;
  Counter failed;  // attempts
};

class OutboxDelivery {
 public:
  // kConfig: a secret or CA file. `runner` and `clock` must outlive it, but for what the runner has
  // yet to answer.
  static Result<std::unique_ptr<OutboxDelivery>> Start(const OutboxTarget& target,
                                                       PackRunner& runner, Disk& disk,
                                                       Clock& clock);
  ~OutboxDelivery();

  // Sends nothing more. What is under way stays owed.
  void Stop();

  const OutboxTarget& target() const;
  const OutboxCounters& counters() const;

 private:
  struct Impl;
  explicit OutboxDelivery(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Checks what Start would refuse, without sending anything.
Result<void> CheckOutboxTarget(const OutboxTarget& target, Disk& disk);

// How long to wait after so many attempts: doubling from pause_ms to pause_max_ms, and between half
// and all of that by `chance` in [0, 1).
int64_t OutboxPauseMs(const OutboxTarget& target, uint64_t attempts, double chance);

}  // namespace fuqi::node
