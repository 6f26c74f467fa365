// [outbox.NAME] of a pack.

#include <algorithm>

#include "decide/pack_internal.h"

namespace fuqi::decide {

Result<void> internal::ReadOutbox(const TomlNode& root, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> topics, root.Optional<TomlNode>("outbox"));
  if (!topics) {
    return {};
  }
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, topics->Entries());
  if (entries.size() > kPackOutboxMax) {
    return topics->Fail("{} outbox topics; a pack may have {}", entries.size(), kPackOutboxMax);
  }
  for (const TomlNode::Entry& entry : entries) {
    FUQI_RETURN_IF_ERROR(CheckName(entry));
    OutboxTopic& topic = pack.outbox.emplace_back();
    topic.name = entry.key;
    FUQI_ASSIGN_OR_RETURN(TomlNode actions, entry.value.Required<TomlNode>("actions"));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, actions.As<std::vector<TomlNode>>());
    if (nodes.empty()) {
      return actions.Fail("no action is named: nothing would ever be owed");
    }
    for (const TomlNode& node : nodes) {
      FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
      Result<Action> action = ParseAction(name);
      if (!action) {
        return std::move(action).error().At(node.where());
      }
      if (topic.Tells(*action)) {
        return node.Fail("'{}' stands here a second time", name);
      }
      topic.actions.push_back(*action);
    }
  }
  return {};
}

}  // namespace fuqi::decide
