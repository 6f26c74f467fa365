#include "decide/outbox.h"

#include <algorithm>

namespace fuqi::decide {
namespace {

void WriteItems(const std::map<uint64_t, OutboxState::Item>& items, ByteWriter& writer) {
  writer.Varint(items.size());
  for (const auto& [decision_seq, item] : items) {
    writer.Varint(decision_seq);
    writer.Varint(item.record);
    writer.Fixed(static_cast<uint8_t>(item.action));
    if (item.dead) {
      writer.Varint(item.attempts);
      writer.Text(item.why);
    }
  }
}

// False unless it is what WriteItems writes.
bool ReadItems(ByteReader& reader, bool dead, std::map<uint64_t, OutboxState::Item>& items) {
  const uint64_t count = reader.Varint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    OutboxState::Item item;
    item.decision_seq = reader.Varint();
    item.record = reader.Varint();
    const auto action = reader.Fixed<uint8_t>();
    if (action > static_cast<uint8_t>(Action::kFreeze) ||
        (i > 0 && items.rbegin()->first >= item.decision_seq)) {
      return false;
    }
    item.action = static_cast<Action>(action);
    item.dead = dead;
    if (dead) {
      item.attempts = reader.Varint();
      item.why = reader.Text();
    }
    items.emplace_hint(items.end(), item.decision_seq, std::move(item));
  }
  return reader.ok();
}

}  // namespace

std::vector<std::string> OutboxState::topics() const {
  std::vector<std::string> names;
  names.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) {
    names.push_back(name);
  }
  return names;
}

OutboxState::Counts OutboxState::Count(const std::string& topic) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) {
    return {};
  }
  const auto& [owed, dead] = found->second;
  return {owed.size(), dead.size(), owed.empty() ? 0 : owed.begin()->first};
}

const OutboxState::Item* OutboxState::Find(const std::string& topic, uint64_t decision_seq) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) {
    return nullptr;
  }
  for (const Items* items : {&found->second.owed, &found->second.dead}) {
    if (const auto item = items->find(decision_seq); item != items->end()) {
      return &item->second;
    }
  }
  return nullptr;
}

std::vector<OutboxState::Item> OutboxState::Page(const std::string& topic, bool dead,
                                                 uint64_t after, size_t count) const {
  std::vector<Item> page;
  if (const auto found = topics_.find(topic); found != topics_.end()) {
    const Items& items = dead ? found->second.dead : found->second.owed;
    for (auto it = items.upper_bound(after); it != items.end() && page.size() < count; ++it) {
      page.push_back(it->second);
    }
  }
  return page;
}

void OutboxState::Owe(const std::string& topic, uint64_t decision_seq, Action action,
                      uint64_t record) {
  topics_[topic].owed.try_emplace(
      decision_seq, Item{.decision_seq = decision_seq, .record = record, .action = action});
}

void OutboxState::Remove(const std::string& topic, uint64_t decision_seq) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) {
    return;
  }
  found->second.owed.erase(decision_seq);
  found->second.dead.erase(decision_seq);
  if (found->second.owed.empty() && found->second.dead.empty()) {
    topics_.erase(found);
  }
}

void OutboxState::GiveUp(const std::string& topic, uint64_t decision_seq, uint64_t attempts,
                         std::string why, uint64_t record) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !found->second.owed.contains(decision_seq)) {
    return;
  }
  auto moved = found->second.owed.extract(decision_seq);
  moved.mapped().dead = true;
  moved.mapped().attempts = attempts;
  moved.mapped().why = std::move(why);
  moved.mapped().record = record;
  found->second.dead.insert(std::move(moved));
}

void OutboxState::OweAgain(const std::string& topic, uint64_t decision_seq, uint64_t record) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !found->second.dead.contains(decision_seq)) {
    return;
  }
  auto moved = found->second.dead.extract(decision_seq);
  moved.mapped() = {
      .decision_seq = decision_seq, .record = record, .action = moved.mapped().action};
  found->second.owed.insert(std::move(moved));
}

void OutboxState::Save(ByteWriter& writer) const {
  writer.Varint(topics_.size());
  for (const auto& [name, topic] : topics_) {
    writer.Text(name);
    WriteItems(topic.owed, writer);
    WriteItems(topic.dead, writer);
  }
}

bool OutboxState::Restore(ByteReader& reader) {
  topics_.clear();
  const uint64_t topics = reader.Varint();
  for (uint64_t i = 0; i < topics && reader.ok(); ++i) {
    const std::string name(reader.Text());
    if (!reader.ok() || (!topics_.empty() && topics_.rbegin()->first >= name)) {
      return false;
    }
    Topic& topic = topics_[name];
    if (!ReadItems(reader, false, topic.owed) || !ReadItems(reader, true, topic.dead) ||
        (topic.owed.empty() && topic.dead.empty())) {
      return false;
    }
  }
  return reader.ok();
}

}  // namespace fuqi::decide
