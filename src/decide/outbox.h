#pragma once

// The outbox: which decisions a node still owes to systems outside, as records say it.
//
// A pack names topics and the actions that each is to be told of ([outbox.NAME]). A decision of
// such an action owes its topic a message from the moment when it is durable: a change of its own
// (OutboxChange::kOwe) stands right behind it, so that nothing but the log tells what is owed, and
// no later version of the pack changes it. Who delivers says so by a change, too: a message is owed
// until it was delivered, given up, or dropped by a person. So each is delivered at least once,
// however often the node dies between sending and saying so.
//
// What is owed to a topic that the pack has no more stays owed.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "decide/pack.h"

namespace fuqi::decide {

// Of OutboxChange: what was the matter, or why a person did it.
inline constexpr size_t kOutboxWhyBytesMax = 1'000;

class OutboxState {
 public:
  struct Item {
    uint64_t decision_seq = 0;
    uint64_t record = 0;  // of the OutboxChange that made it what it is
    Action action = Action::kBlock;
    bool dead = false;      // given up
    uint64_t attempts = 0;  // that were made before it was
    std::string why;        // what was the matter with the last of them
  };
  struct Counts {
    uint64_t owed = 0;
    uint64_t dead = 0;
    uint64_t oldest = 0;  // decision that is owed longest; 0: none
  };

  std::vector<std::string> topics() const;
  Counts Count(const std::string& topic) const;
  // nullptr where the topic is not owed it.
  const Item* Find(const std::string& topic, uint64_t decision_seq) const;
  // Up to `count` items behind the decision `after`, in order of their decisions: those owed, or
  // those given up.
  std::vector<Item> Page(const std::string& topic, bool dead, uint64_t after, size_t count) const;

  void Owe(const std::string& topic, uint64_t decision_seq, Action action, uint64_t record);
  // Each does nothing where there is no such item.
  void Remove(const std::string& topic, uint64_t decision_seq);
  void GiveUp(const std::string& topic, uint64_t decision_seq, uint64_t attempts, std::string why,
              uint64_t record);
  void OweAgain(const std::string& topic, uint64_t decision_seq, uint64_t record);
  void Save(ByteWriter& writer) const;
  // False unless it is what Save writes.
  bool Restore(ByteReader& reader);

 private:
  using Items = std::map<uint64_t, Item>;  // by decision
  struct Topic {
    Items owed;
    Items dead;
  };
  std::map<std::string, Topic> topics_;  // those that anything is owed to, or was given up of
};

}  // namespace fuqi::decide
