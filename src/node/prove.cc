#include "node/prove.h"

namespace fuqi::node {

Result<ledger::RecordProof> ProveRecord(const ledger::Log& log, const ledger::Tree& tree,
                                        uint64_t seq) {
  FUQI_ASSIGN_OR_RETURN(ledger::Head head, tree.CurrentHead());
  FUQI_ASSIGN_OR_RETURN(ledger::OwnedRecord record, log.Read(seq));
  ledger::RecordProof proof;
  proof.origin = head.origin;
  proof.index = seq;
  proof.size = head.size;
  proof.root = head.root;
  ledger::EncodeRecord(*record, proof.record);
  FUQI_ASSIGN_OR_RETURN(proof.path, tree.Inclusion(seq, head.size));
  return proof;
}

}  // namespace fuqi::node
