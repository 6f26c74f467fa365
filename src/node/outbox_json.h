#pragma once

// What is owed to a topic and changes of it, as people and programs write and read them.

#include <string>
#include <string_view>

#include "decide/change.h"
#include "decide/outbox.h"
#include "node/print.h"

namespace fuqi::node {

// {"topic","decision_id","action","dead","attempts","why","record"}; the middle three of what was
// given up alone.
OrderedJson OutboxJson(const std::string& pack, const std::string& topic,
                       const decide::OutboxState::Item& item);

// {"op":"retry" or "drop","topic","decision_id","reason"}; without "decision_id": all of the topic
// that were given up. Errors as ParseBody and its members; kInvalidArgument: another operation, a
// decision of another pack. `head` is left as it is.
Result<void> ParseOutboxChange(std::string_view json, std::string_view pack,
                               decide::OutboxChange& change);

}  // namespace fuqi::node
