// Any bytes as the records of a partition and as a core's saved state: refused, or of the one form.
// The first byte chooses which.

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "decide/change.h"
#include "decide/core.h"
#include "decide/records.h"
#include "table/binder.h"

namespace {

using namespace fuqi;
using namespace fuqi::decide;

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using ledger::RecordType;
  static const std::shared_ptr<const CompiledPack> kPack = MakePack();
  if (size == 0) {
    return 0;
  }
  const ByteView bytes(data + 1, size - 1);
  EncodedRecord encoded;
  switch (data[0] % 7) {
    case 0: {
      const ledger::Record record = Split(bytes, RecordType::kPublish);
      if (auto publish = DecodePublish(record)) {
        EncodePublish(*publish, encoded);
        CheckSame(encoded, record);
      }
      break;
    }
    case 1: {
      const ledger::Record record = Split(bytes, RecordType::kEvent);
      auto core = DecodeEventCore(record);
      auto row = DecodeEventRow(kPack->event_schema(), record);
      if (core && row) {
        EncodeEvent(*core, kPack->event_schema(), *row, encoded);
        CheckSame(encoded, record);
      }
      break;
    }
    case 2: {
      ledger::Record record = Split(bytes, RecordType::kDecision);
      record.payload = {};
      if (auto decision = DecodeDecision(kPack->feature_schema(), 1, record, 4)) {
        EncodeDecision(*DecodeDecisionPublish(record), kPack->feature_schema(), *decision, encoded);
        CheckSame(encoded, record);
      }
      break;
    }
    case 3: {
      ledger::Record record = Split(bytes, RecordType::kDefault);
      record.payload = {};
      if (auto noted = DecodeDefault(record)) {
        EncodeDefault(*noted, encoded);
        CheckSame(encoded, record);
      }
      break;
    }
    case 4: {
      const std::string_view text = AsText(bytes);
      if (auto ref = ParseDecisionId(text)) {
        FUQI_CHECK(DecisionId(ref->pack, ref->seq) == text);
      }
      break;
    }
    case 5: {
      constexpr std::array<RecordType, 3> kChanges = {
          RecordType::kListChange, RecordType::kReferenceChange, RecordType::kStandingChange};
      const ledger::Record record = Split(bytes, kChanges[data[0] / 7 % 3]);
      if (auto change = DecodeChange(record)) {
        EncodeChange(*change, encoded);
        CheckSame(encoded, record);
      }
      break;
    }
    default: {
      // A state of this kPack, of which the input replaces what follows its head.
      Bytes state;
      Core(kPack).Save(state);
      state.resize(1 + sizeof(Digest) + 1 + kSemantics.size());
      state.insert(state.end(), bytes.begin(), bytes.end());
      Core core(kPack);
      if (core.Restore(state)) {
        Bytes again;
        core.Save(again);
        FUQI_CHECK(again == state);
      }
      break;
    }
  }
  return 0;
}
