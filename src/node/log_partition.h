#pragma once

// A log in a folder that no node holds, opened under the pack that decided last: for commands that
// look at committed state or change it.

#include <memory>
#include <string>
#include <string_view>

#include "decide/partition.h"

namespace fuqi::node {

// Nothing is published anew. kNotFound: there is no log; kUnavailable: a running node holds it.
Result<std::unique_ptr<decide::Partition>> OpenPartitionOf(const std::string& dir);

// The number of a decision in that log. kParse: no decision id; kNotFound: one of another pack.
Result<uint64_t> DecisionOf(const decide::Partition& partition, const std::string& dir,
                            std::string_view decision_id);

}  // namespace fuqi::node
