// Any text as a proof and as a head: what is taken has one form, and checking it never fails in
// another way than by saying no.

#include "ledger/proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fuqi;          // NOLINT
  using namespace fuqi::ledger;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const Result<RecordProof> proof = ParseRecordProof(text)) {
    const Result<RecordProof> again = ParseRecordProof(ToJson(*proof));
    FUQI_CHECK(again.has_value() && *again == *proof);
    const Result<void> checked = CheckRecordProof(*proof, std::nullopt);
    FUQI_CHECK(checked.has_value() || checked.error().code() == ErrorCode::kCorrupt);
    const Head head{.origin = proof->origin, .size = proof->size, .root = proof->root};
    FUQI_CHECK(CheckRecordProof(*proof, head).has_value() == checked.has_value());
  }
  if (const Result<Head> head = ParseHead(text)) {
    FUQI_CHECK(FormatHead(*head) == text);
  }
  return 0;
}
