// Any bytes as the records of a partition and as a core's saved state: refused, or of the one form.
// The first byte chooses which.

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "decide/change.h"
#include "decide/core.h"
#include "decide/records.h"
#include "decide/versions.h"
#include "table/binder.h"

namespace {

using namespace fuqi;
using namespace fuqi::decide;
using ledger::RecordType;

std::shared_ptr<const CompiledPack> MakePack() {
  Pack pack = *ParsePack({{"pack.toml", R"toml([pack]
name = "fuzzed"
purpose = "testing"
[table.t]
kind = "event"
key = "id"
time = "ts"
[table.t.column]
id = { type = "VARCHAR", class = "a" }
ts = { type = "TIMESTAMP", class = "a" }
amount = { type = "DECIMAL(18,2)", class = "a" }
[window]
w = "PARTITION BY id ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW"
[feature]
n = "count(*) OVER w"
s = "sum(amount) OVER w"
[list.l]
type = "VARCHAR"
[standing.k]
columns = ["id"]
amount = "amount"
reason = { zh = "甲", en = "a" }
[table.r]
kind = "reference"
key = "k"
time = "since"
[table.r.column]
k = { type = "VARCHAR", class = "a" }
since = { type = "TIMESTAMP", class = "a" }
v = { type = "BIGINT", class = "a" }
[[rule]]
id = "r"
when = "n > 3 OR s > 9"
then = "review"
reason = { zh = "甲", en = "a" }
)toml"}});
  const auto binder = *table::Binder::Open();
  return *CompiledPack::Compile(std::move(pack), *binder);
}

// The input's core and payload: a byte of length, so many bytes, the rest.
ledger::Record Split(ByteView bytes, ledger::RecordType type) {
  ledger::Record record;
  record.type = type;
  const size_t core = bytes.empty() ? 0 : std::min<size_t>(bytes[0], bytes.size() - 1);
  record.core = bytes.empty() ? bytes : bytes.subspan(1, core);
  record.payload = bytes.empty() ? bytes : bytes.subspan(1 + core);
  return record;
}

void CheckSame(const EncodedRecord& encoded, const ledger::Record& record) {
  FUQI_CHECK(std::ranges::equal(encoded.core, record.core));
  FUQI_CHECK(std::ranges::equal(encoded.payload, record.payload));
}

const std::shared_ptr<const CompiledPack>& OurPack() {
  static const std::shared_ptr<const CompiledPack> kPack = MakePack();
  return kPack;
}

// ---- What is read is written again as it was.

void TryPublish(ByteView bytes) {
  const ledger::Record record = Split(bytes, RecordType::kPublish);
  EncodedRecord encoded;
  if (auto publish = DecodePublish(record)) {
    EncodePublish(*publish, encoded);
    CheckSame(encoded, record);
  }
}

void TryEvent(ByteView bytes) {
  const ledger::Record record = Split(bytes, RecordType::kEvent);
  const table::Schema& schema = OurPack()->event_schema();
  EncodedRecord encoded;
  auto core = DecodeEventCore(record);
  auto row = DecodeEventRow(schema, record);
  if (core && row) {
    EncodeEvent(*core, schema, *row, encoded);
    CheckSame(encoded, record);
  }
}

void TryDecision(ByteView bytes) {
  ledger::Record record = Split(bytes, RecordType::kDecision);
  record.payload = {};
  const table::Schema& features = OurPack()->feature_schema();
  EncodedRecord encoded;
  if (auto decision = DecodeDecision(features, 1, record, 4)) {
    EncodeDecision(*DecodeDecisionPublish(record), features, *decision, encoded);
    CheckSame(encoded, record);
  }
}

void TryDefault(ByteView bytes) {
  ledger::Record record = Split(bytes, RecordType::kDefault);
  record.payload = {};
  EncodedRecord encoded;
  if (auto noted = DecodeDefault(record)) {
    EncodeDefault(*noted, encoded);
    CheckSame(encoded, record);
  }
}

void TryDecisionId(ByteView bytes) {
  const std::string_view text = AsText(bytes);
  if (auto ref = ParseDecisionId(text)) {
    FUQI_CHECK(DecisionId(ref->pack, ref->seq) == text);
  }
}

void TryProposal(ByteView bytes) {
  const ledger::Record record = Split(bytes, RecordType::kProposal);
  EncodedRecord encoded;
  if (auto proposal = DecodeProposal(record)) {
    EncodeProposal(*proposal, encoded);
    CheckSame(encoded, record);
  }
}

void TryProposalStep(ByteView bytes) {
  const ledger::Record record = Split(bytes, RecordType::kProposalStep);
  EncodedRecord encoded;
  if (auto step = DecodeProposalStep(record)) {
    EncodeProposalStep(*step, encoded);
    CheckSame(encoded, record);
  }
}

void TryChange(ByteView bytes, RecordType type) {
  const ledger::Record record = Split(bytes, type);
  EncodedRecord encoded;
  if (auto change = DecodeChange(record)) {
    EncodeChange(*change, encoded);
    CheckSame(encoded, record);
  }
}

// Replaces what follows the head of a state.
void TryState(ByteView bytes) {
  Bytes state;
  Core(OurPack()).Save(state);
  state.resize(1 + sizeof(Digest) + 1 + kSemantics.size());
  state.insert(state.end(), bytes.begin(), bytes.end());
  Core core(OurPack());
  if (core.Restore(state)) {
    Bytes again;
    core.Save(again);
    FUQI_CHECK(again == state);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView bytes(data + 1, size - 1);
  constexpr std::array kChanges = {RecordType::kListChange, RecordType::kReferenceChange,
                                   RecordType::kStandingChange, RecordType::kOutboxChange};
  constexpr std::array kOthers = {TryDecisionId, TryProposal, TryProposalStep};
  switch (data[0] % 7) {
    case 0:
      TryPublish(bytes);
      break;
    case 1:
      TryEvent(bytes);
      break;
    case 2:
      TryDecision(bytes);
      break;
    case 3:
      TryDefault(bytes);
      break;
    case 4:
      kOthers[data[0] / 7 % kOthers.size()](bytes);
      break;
    case 5:
      TryChange(bytes, kChanges[data[0] / 7 % kChanges.size()]);
      break;
    default:
      TryState(bytes);
  }
  return 0;
}
