#pragma once

#include "ledger/log.h"
#include "ledger/merkle.h"
#include "ledger/proof.h"

namespace fuqi::node {

// The proof that record `seq` is in the tree as it is now. kNotFound, kOutOfRange: it is not
// committed.
Result<ledger::RecordProof> ProveRecord(const ledger::Log& log, const ledger::Tree& tree,
                                        uint64_t seq);

}  // namespace fuqi::node
