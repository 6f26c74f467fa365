#pragma once

// A log that no node holds, opened under the pack that decided last: for commands that look at
// committed state or change it.

#include <memory>
#include <string>

#include "decide/partition.h"

namespace fuqi::node {

// Nothing is published anew. kNotFound: there is no log; kUnavailable: a running node holds it.
Result<std::unique_ptr<decide::Partition>> OpenPartitionOf(const std::string& dir);

}  // namespace fuqi::node
