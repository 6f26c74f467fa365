#include "decide/core.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>

#include "base/check.h"
#include "base/time.h"
#include "base/utf8.h"
#include "crypto/sha256.h"
#include "decide/graph.h"
#include "decide/half_space_trees.h"
#include "decide/records.h"
#include "sql/functions.h"
#include "sql/program.h"
#include "sql/window_state.h"

namespace fuqi::decide {
namespace {

using table::Datum;
using table::TypeId;

constexpr uint8_t kStateVersion = 4;
constexpr int64_t kTimeMinUs = -62'135'596'800'000'000;  // 0001-01-01
constexpr int64_t kTimeMaxUs = 253'402'300'800'000'000;  // 10000-01-01, exclusive
constexpr int32_t kDateMin = static_cast<int32_t>(kTimeMinUs / kDayUs);
constexpr int32_t kDateMax = static_cast<int32_t>(kTimeMaxUs / kDayUs);

// Key hash → sequence number of the Event record. Keys of one hash take the hash values that follow
// it: as improbable as they are, they cost one more look and are never lost.
class IdIndex {
 public:
  void Insert(uint64_t hash, uint64_t seq) {
    while (!seqs_.emplace(hash, seq).second) {
      ++hash;
    }
  }

  std::vector<uint64_t> Find(uint64_t hash) const {
    std::vector<uint64_t> found;
    for (auto it = seqs_.find(hash); it != seqs_.end(); it = seqs_.find(++hash)) {
      found.push_back(it->second);
    }
    return found;
  }

  // In order of sequence numbers, so that equal contents have one form whatever the table's layout.
  void Save(ByteWriter& writer) const {
    std::vector<std::pair<uint64_t, uint64_t>> entries;
    entries.reserve(seqs_.size());
    for (const auto& [hash, seq] : seqs_) {
      entries.emplace_back(seq, hash);
    }
    std::ranges::sort(entries);
    writer.Varint(entries.size());
    uint64_t previous = 0;
    for (const auto& [seq, hash] : entries) {
      writer.Varint(seq - previous);
      writer.Fixed(hash);
      previous = seq;
    }
  }

  // False unless it is what Save writes.
  bool Restore(ByteReader& reader) {
    constexpr uint64_t kEntryBytesMin = 9;
    const uint64_t count = reader.Varint();
    if (count > reader.remaining() / kEntryBytesMin) {
      return false;
    }
    seqs_.reserve(count);
    uint64_t seq = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t step = reader.Varint();
      if (!reader.ok() || (i > 0 && step == 0) || __builtin_add_overflow(seq, step, &seq) ||
          !seqs_.emplace(reader.Fixed<uint64_t>(), seq).second) {
        return false;
      }
    }
    return reader.ok();
  }

  size_t size() const { return seqs_.size(); }

 private:
  // The keys are uniform already: their own value is hash enough.
  struct Identity {
    using is_avalanching = void;
    size_t operator()(uint64_t value) const { return value; }
  };
  boost::unordered_flat_map<uint64_t, uint64_t, Identity> seqs_;
};

// Whether `value` is one that an event may have in this column.
Result<void> CheckValue(const table::Column& column, const Datum& value) {
  const table::Type type = column.type;
  if (value.is_null()) {
    if (!column.nullable) {
      return Err(ErrorCode::kInvalidArgument, "a value is missing, and the column needs one");
    }
    return {};
  }
  if (value.kind != table::KindOf(type)) {
    return Err(ErrorCode::kTypeMismatch, "the value is of another kind than {}", type.ToString());
  }
  switch (value.kind) {
    case Datum::Kind::kInt: {
      if (type.id == TypeId::kDate || type.id == TypeId::kTimestamp) {
        const bool is_date = type.id == TypeId::kDate;
        if (value.i < (is_date ? kDateMin : kTimeMinUs) ||
            value.i >= (is_date ? kDateMax : kTimeMaxUs)) {
          return Err(ErrorCode::kOutOfRange, "a time before the year 1 or after the year 9999");
        }
        return {};
      }
      const sql::Bounds bounds = sql::BoundsOf(type);
      if (value.i < bounds.low || value.i > bounds.high) {
        return Err(ErrorCode::kTypeMismatch, "the value does not fit {}", type.ToString());
      }
      return {};
    }
    case Datum::Kind::kDouble:
      if (!std::isfinite(value.d)) {
        return Err(ErrorCode::kOutOfRange, "the value is not a finite number");
      }
      return {};
    case Datum::Kind::kText:
      if (value.t.size > kEventTextBytesMax) {
        return Err(ErrorCode::kOutOfRange, "a text of {} bytes; a value may have {}", value.t.size,
                   kEventTextBytesMax);
      }
      if (!IsUtf8(value.text())) {
        return Err(ErrorCode::kParse, "the text is not UTF-8 from byte {} on",
                   *FirstBadUtf8(value.text()));
      }
      return {};
    case Datum::Kind::kNull:
    case Datum::Kind::kInterval:
      return {};
  }
  return {};
}

// A table's check is a cast that fails, which tells nobody what is wrong.
Error TwoRowsHold(const Feature& feature) {
  const std::string table = feature.name.substr(0, feature.name.rfind('_'));
  return Err(ErrorCode::kConflict,
             "two rows of decision table '{}' hold together: {}_first and {}_last say which", table,
             table, table);
}

uint64_t IndexHash(const Digest& key_hash) {
  uint64_t hash;
  std::memcpy(&hash, key_hash.data(), sizeof(hash));
  return hash;
}

}  // namespace

struct Core::Impl {
  explicit Impl(std::shared_ptr<const CompiledPack> compiled)
      : pack(std::move(compiled)), committed(pack->pack()) {
    Reset();
  }

  void Reset() {
    ids = IdIndex();
    newest_us.reset();
    events = 0;
    committed = Committed(pack->pack());
    windows.clear();
    // Compiled once before, when the pack was: it cannot fail.
    for (const sql::Level& level : pack->feature_levels()) {
      Result<sql::WindowState> state = sql::WindowState::Compile(level, pack->pack().lateness_us);
      FUQI_CHECK(state.has_value());
      windows.push_back(std::move(*state));
    }
    graphs.clear();
    for (const CompiledPack::BoundGraph& graph : pack->graphs()) {
      graphs.emplace_back(graph.shape);
    }
    anomalies.clear();
    for (const Anomaly& anomaly : pack->pack().anomalies) {
      anomalies.emplace_back(anomaly.shape);
    }
  }

  // The event enters the state; its flags and features, not yet its rules.
  Decision Admit(const Event& event, uint64_t event_seq);
  // What earlier decisions and persons laid on the event's subjects.
  void FindStanding(const Event& event, int64_t ts_us, Decision& decision) const;
  // What an approved event uses up of its subjects' allowances.
  void AddSpending(const Event& event, const Decision& decision,
                   std::vector<Change>& changes) const;
  uint32_t BoundsFlags(int64_t ts_us, int64_t received_us) const;
  // Give what is looked up, and the features of graphs, their cells; return the first cell behind.
  size_t EvaluateLookups(Decision& decision);
  size_t EvaluateGraphs(int64_t ts_us, Decision& decision);
  // Gives the features of the anomalies behind this level their cells, which begin at `first`, from
  // the cells before `next`.
  void EvaluateAnomalies(int after, size_t first, size_t next, const Event& event,
                         Decision& decision);
  void EvaluateFeatures(const Event& event, int64_t ts_us, Decision& decision);
  void EvaluateRules(sql::Scratch& memory, std::span<const Datum> row, Decision& decision,
                     std::vector<Datum>* values = nullptr) const;
  static void NoteError(Flag flag, std::string_view name, const Error& error, Decision& decision);
  // The event's columns, then room for the features in level order.
  std::vector<Datum> Cells(const Event& event) const;
  const table::Column& key_column() const { return pack->event_schema()[pack->key_column()]; }

  std::shared_ptr<const CompiledPack> pack;
  IdIndex ids;
  std::optional<int64_t> newest_us;
  uint64_t events = 0;
  Committed committed;
  std::vector<sql::WindowState> windows;  // of each feature level
  std::vector<GraphState> graphs;
  std::vector<HalfSpaceTrees> anomalies;

  // Memory of one evaluation, kept to be used again.
  sql::Scratch scratch;
  std::vector<Datum> cells;
  GraphEvent said;
};

Decision Core::Impl::Admit(const Event& event, uint64_t event_seq) {
  Decision decision;
  decision.event_seq = event_seq;
  decision.features = table::Row(pack->feature_schema().size());
  const auto ts_us = static_cast<int64_t>(event.columns[pack->time_column()].i);
  decision.flags = BoundsFlags(ts_us, event.received_us);

  FindStanding(event, ts_us, decision);
  scratch.Reset();
  cells = Cells(event);
  if ((decision.flags & kOutOfBounds) == 0) {
    EvaluateFeatures(event, ts_us, decision);
    newest_us = std::max(newest_us.value_or(ts_us), ts_us);
  }
  ids.Insert(IndexHash(KeyHash(key_column(), event.columns[pack->key_column()])), event_seq);
  ++events;
  return decision;
}

void Core::Impl::FindStanding(const Event& event, int64_t ts_us, Decision& decision) const {
  const bool any_time = (decision.flags & kOutOfBounds) != 0;
  for (uint32_t k = 0; k < committed.standing().size(); ++k) {
    const StandingState& state = committed.standing()[k];
    const StandingKind& kind = state.kind();
    if (state.size() == 0 || !pack->pack().IsOn(kind.on, event.columns)) {
      continue;
    }
    const Datum amount =
        kind.amount >= 0 ? event.columns[static_cast<size_t>(kind.amount)] : Datum::Null();
    std::vector<size_t> columns = kind.columns;
    std::ranges::sort(columns);
    for (size_t column : columns) {
      const auto subject = SubjectOf(event.columns[column], kind.type);
      const StandingState::Entry* entry =
          subject ? state.Find(*subject, ts_us, amount, any_time) : nullptr;
      if (entry != nullptr) {
        decision.standing.push_back(
            {k, static_cast<uint32_t>(column), entry->action, entry->record, std::nullopt});
        if (entry->allowance && !any_time) {
          decision.standing.back().remains = entry->RemainsAt(ts_us);
        }
      }
    }
  }
}

uint32_t Core::Impl::BoundsFlags(int64_t ts_us, int64_t received_us) const {
  const Pack& p = pack->pack();
  if (newest_us && int128{ts_us} < int128{*newest_us} - p.lateness_us) {
    return kLate;
  }
  const bool ahead = received_us >= 0 ? int128{ts_us} > int128{received_us} + p.ahead_us
                                      : newest_us && int128{ts_us} > int128{*newest_us} + p.gap_us;
  return ahead ? uint32_t{kFuture} : 0;
}

void Core::Impl::NoteError(Flag flag, std::string_view name, const Error& error,
                           Decision& decision) {
  // All that failed are named, the first with its reason: one bad value must not fill the log.
  constexpr size_t kErrorBytesMax = 1000;
  decision.flags |= flag;
  if (decision.error.empty()) {
    decision.error = fmt::format("{}: {}", name, error.message(Language::kEnglish));
    if (decision.error.size() > kErrorBytesMax) {
      size_t end = kErrorBytesMax;
      while ((static_cast<uint8_t>(decision.error[end]) & 0xc0) == 0x80) {
        --end;
      }
      decision.error.resize(end);
    }
  } else if (decision.error.size() + name.size() < kErrorBytesMax) {
    decision.error += fmt::format("; {}", name);
  }
}

std::vector<Datum> Core::Impl::Cells(const Event& event) const {
  std::vector<Datum> row(event.columns.values().begin(), event.columns.values().end());
  row.resize(row.size() + pack->feature_schema().size());
  return row;
}

size_t Core::Impl::EvaluateLookups(Decision& decision) {
  const size_t columns = pack->event_schema().size();
  size_t next = columns;
  std::vector<Datum> values;
  for (const Lookup& lookup : pack->lookups()) {
    values.clear();
    std::optional<Error> failed;
    for (const sql::Program& arg : lookup.args) {
      Result<Datum> value = arg.Run(std::span(cells).first(columns), {}, scratch);
      values.push_back(value ? *value : Datum::Null());
      if (!value && !failed) {
        failed = value.error();
      }
    }
    if (failed) {
      NoteError(kEvaluationError, pack->feature_schema()[lookup.feature].name, *failed, decision);
    } else {
      bool truncated = false;
      cells[next] = lookup.Find(committed, values, scratch, truncated);
      decision.flags |= truncated ? uint32_t{kTruncated} : 0;
      decision.features.Set(lookup.feature, cells[next]);
    }
    ++next;
  }
  return next;
}

size_t Core::Impl::EvaluateGraphs(int64_t ts_us, Decision& decision) {
  size_t next = EvaluateLookups(decision);
  const std::span<const Datum> columns(cells.data(), next);
  std::vector<Datum> values;
  for (size_t g = 0; g < graphs.size(); ++g) {
    const CompiledPack::BoundGraph& graph = pack->graphs()[g];
    values.clear();
    for (const CompiledPack::Output& input : graph.inputs) {
      Result<Datum> value = input.program.Run(columns, {}, scratch);
      values.push_back(value ? *value : Datum::Null());
      if (!value) {
        NoteError(kEvaluationError, graph.level.outputs[input.index].name, value.error(), decision);
      }
    }
    graph.Read(values, ts_us, events, said);
    if (graphs[g].Push(said, values)) {
      decision.flags |= kTruncated;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      cells[next++] = values[i];
      decision.features.Set(graph.features[i], values[i]);
    }
  }
  return next;
}

void Core::Impl::EvaluateAnomalies(int after, size_t first, size_t next, const Event& event,
                                   Decision& decision) {
  const std::vector<Anomaly>& parts = pack->pack().anomalies;
  std::vector<Datum> values;
  for (size_t a = 0; a < anomalies.size(); ++a) {
    const CompiledPack::BoundAnomaly& anomaly = pack->anomalies()[a];
    if (anomaly.after != after || !pack->pack().IsOn(parts[a].on, event.columns)) {
      continue;
    }
    values.clear();
    for (const CompiledPack::Output& input : anomaly.inputs) {
      Result<Datum> value = input.program.Run(std::span(cells).first(next), {}, scratch);
      values.push_back(value ? *value : Datum::Null());
      if (!value) {
        NoteError(kEvaluationError, anomaly.level.outputs[input.index].name, value.error(),
                  decision);
      }
    }
    const std::optional<HalfSpaceScore> score = anomalies[a].Push(anomaly.Read(values));
    if (!score) {
      continue;
    }
    std::string causes;
    for (size_t input : HalfSpaceCauses(std::span(score->costs).first(values.size()))) {
      causes += (causes.empty() ? "" : ", ") + parts[a].inputs[input].name;
    }
    char* text = scratch.Allocate(causes.size());
    std::ranges::copy(causes, text);
    cells[first + 2 * a] = Datum::Double(score->value);
    cells[first + 2 * a + 1] = Datum::Text({text, causes.size()});
    decision.features.Set(anomaly.score, cells[first + 2 * a]);
    decision.features.Set(anomaly.causes, cells[first + 2 * a + 1]);
  }
}

void Core::Impl::EvaluateFeatures(const Event& event, int64_t ts_us, Decision& decision) {
  const size_t first_anomaly = EvaluateGraphs(ts_us, decision);
  size_t next = first_anomaly + 2 * anomalies.size();
  size_t text_bytes = 0;
  EvaluateAnomalies(-1, first_anomaly, next, event, decision);
  for (size_t k = 0; k < pack->feature_levels().size(); ++k) {
    const std::span<const Datum> columns(cells.data(), next);
    Result<std::vector<Datum>> pushed = windows[k].Push(columns, ts_us, events, scratch);
    const std::span<const Datum> values =
        pushed ? std::span<const Datum>(*pushed) : std::span<const Datum>();
    for (const CompiledPack::Output& output : pack->feature_outputs()[k]) {
      // Without its windows a feature has no value: it fails with them.
      Result<Datum> value = !pushed && output.reads_windows
                                ? Result<Datum>(pushed.error())
                                : output.program.Run(columns, values, scratch);
      if (value && value->kind == Datum::Kind::kText) {
        text_bytes += value->t.size;
        if (text_bytes > kRowTextBytesMax) {
          value = Err(ErrorCode::kOutOfRange, "texts of {} bytes in all; a feature row may have {}",
                      text_bytes, kRowTextBytesMax);
        }
      }
      if (value) {
        cells[next] = *value;
        decision.features.Set(output.index, *value);
      } else {
        const Feature& feature = pack->pack().features[output.index];
        NoteError(kEvaluationError, feature.name,
                  feature.checks_overlap ? TwoRowsHold(feature) : value.error(), decision);
      }
      ++next;
    }
    EvaluateAnomalies(static_cast<int>(k), first_anomaly, next, event, decision);
  }
}

void Core::Impl::EvaluateRules(sql::Scratch& memory, std::span<const Datum> row, Decision& decision,
                               std::vector<Datum>* values) const {
  const std::vector<Rule>& rules = pack->pack().rules;
  for (const CompiledPack::Output& output : pack->rule_outputs()) {
    Result<Datum> value = output.program.Run(row, {}, memory);
    if (values != nullptr) {
      values->push_back(value ? *value : Datum::Null());
    }
    const Rule& rule = rules[output.index];
    if (!value) {
      NoteError(rule.shadow ? kShadowError : kEvaluationError, rule.id, value.error(), decision);
    } else if (value->is_true()) {
      decision.hits.push_back(static_cast<uint32_t>(output.index));
      decision.action = rule.shadow ? decision.action : std::max(decision.action, rule.then);
    }
  }
  for (const StandingHit& hit : decision.standing) {
    decision.action = std::max(decision.action, hit.action);
  }
  if ((decision.flags & (kOutOfBounds | kEvaluationError)) != 0) {
    decision.action = std::max(decision.action, pack->pack().default_action);
  }
  if ((decision.flags & kTruncated) != 0) {
    decision.action = std::max(decision.action, pack->pack().truncated_action);
  }
}

Core::Core(std::shared_ptr<const CompiledPack> pack)
    : impl_(std::make_unique<Impl>(std::move(pack))) {}
Core::~Core() = default;
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;

Result<void> ValidateEvent(const CompiledPack& pack, const Event& event) {
  const table::Schema& schema = pack.event_schema();
  if (event.columns.size() != schema.size()) {
    return Err(ErrorCode::kInvalidArgument, "an event of {} values; table '{}' has {} columns",
               event.columns.size(), pack.pack().event_table, schema.size());
  }
  FUQI_RETURN_IF_ERROR(CheckKind(pack.pack(), event.columns));
  size_t text_bytes = 0;
  for (size_t i = 0; i < schema.size(); ++i) {
    const Datum& value = event.columns[i];
    FUQI_RETURN_IF_ERROR(CheckValue(schema[i], value).At({.field = schema[i].name}));
    text_bytes += value.kind == Datum::Kind::kText ? value.t.size : 0;
  }
  if (text_bytes > kRowTextBytesMax) {
    return Err(ErrorCode::kOutOfRange, "texts of {} bytes in all; an event may have {}", text_bytes,
               kRowTextBytesMax);
  }
  return {};
}

Result<void> Core::Validate(const Event& event) const { return ValidateEvent(pack(), event); }

Result<void> ValidateKey(const CompiledPack& pack, const Datum& key) {
  const table::Column& column = pack.event_schema()[pack.key_column()];
  return CheckValue(column, key).At({.field = column.name});
}

std::vector<uint64_t> Core::FindEvent(const Datum& key) const {
  return impl_->ids.Find(IndexHash(KeyHash(impl_->key_column(), key)));
}

Decision Core::Decide(const Event& event, uint64_t event_seq) {
  Decision decision = impl_->Admit(event, event_seq);
  impl_->EvaluateRules(impl_->scratch, impl_->cells, decision);
  return decision;
}

void Core::Impl::AddSpending(const Event& event, const Decision& decision,
                             std::vector<Change>& changes) const {
  if (decision.action != Action::kApprove || (decision.flags & kOutOfBounds) != 0) {
    return;
  }
  const auto ts_us = static_cast<int64_t>(event.columns[pack->time_column()].i);
  for (const StandingState& state : committed.standing()) {
    const StandingKind& kind = state.kind();
    const Datum amount =
        kind.amount >= 0 ? event.columns[static_cast<size_t>(kind.amount)] : Datum::Null();
    if (amount.is_null() || amount.i <= 0 || !pack->pack().IsOn(kind.on, event.columns)) {
      continue;
    }
    std::set<std::string> subjects;  // who pays himself uses it up once
    for (size_t column : kind.columns) {
      const auto subject = SubjectOf(event.columns[column], kind.type);
      if (subject && state.HasAllowance(*subject, ts_us)) {
        subjects.insert(*subject);
      }
    }
    for (const std::string& subject : subjects) {
      StandingChange change;
      change.head.by = pack->pack().name;
      change.kind = kind.name;
      change.op = StandingChange::Op::kSpend;
      change.subject = subject;
      change.action = Action::kApprove;
      change.limit = table::ToText(amount, kind.amount_type);
      change.decision_seq = decision.seq();
      change.at_us = ts_us;
      changes.emplace_back(std::move(change));
    }
  }
}

std::vector<Change> Core::ChangesOf(const Event& event, const Decision& decision) const {
  std::vector<Change> changes;
  impl_->AddSpending(event, decision, changes);
  const Pack& pack = impl_->pack->pack();
  for (uint32_t hit : decision.hits) {
    const Rule& rule = pack.rules[hit];
    if (!rule.standing || rule.shadow) {
      continue;
    }
    const RuleStanding& standing = *rule.standing;
    const StandingKind& kind = pack.standing[standing.kind];
    std::optional<std::string> subject = SubjectOf(event.columns[standing.column], kind.type);
    if (!subject) {
      continue;
    }
    StandingChange change;
    change.head.by = pack.name;
    change.kind = kind.name;
    change.subject = *std::move(subject);
    change.action = rule.then;
    change.limit = standing.limit;
    change.allowance = standing.allowance;
    change.decision_seq = decision.seq();
    change.rule = rule.id;
    change.reason = rule.reason;
    // A time in the future would reach too far: the newest there is stands for it.
    const auto ts_us = static_cast<int64_t>(event.columns[impl_->pack->time_column()].i);
    change.at_us = (decision.flags & kFuture) != 0
                       ? impl_->newest_us.value_or(std::min(ts_us, event.received_us))
                       : ts_us;
    const int128 until = int128{change.at_us} + standing.for_us;
    change.until_us = standing.for_us == 0
                          ? kForEver
                          : static_cast<int64_t>(std::min<int128>(until, kForEver - 1));
    // What stands for ever by the same rule need not be said again on every later event.
    const std::vector<StandingState::Entry> entries =
        impl_->committed.standing()[standing.kind].Of(change.subject);
    const StandingState::Entry entry = *EntryOf(kind, change, 0);
    const bool stands = std::ranges::any_of(entries, [&](const StandingState::Entry& other) {
      return other.rule == rule.id && other.Covers(entry);
    });
    if (!stands) {
      changes.emplace_back(std::move(change));
    }
  }
  for (const OutboxTopic& topic : pack.outbox) {
    if (topic.Tells(decision.action)) {
      OutboxChange change;
      change.head.by = pack.name;
      change.topic = topic.name;
      change.decision_seq = decision.seq();
      change.action = decision.action;
      changes.emplace_back(std::move(change));
    }
  }
  return changes;
}

Decision Core::DecideAndApply(const Event& event, uint64_t event_seq) {
  Decision decision = Decide(event, event_seq);
  uint64_t seq = decision.seq();
  for (const Change& change : ChangesOf(event, decision)) {
    if (!std::holds_alternative<OutboxChange>(change)) {
      FUQI_CHECK(Apply(change, ++seq).has_value());
    }
  }
  return decision;
}

void Core::Fold(const Event& event, uint64_t event_seq) { impl_->Admit(event, event_seq); }

void Core::PrepareScreening() {
  std::vector<ListState>& lists = impl_->committed.screened_lists();
  for (ListState& list : lists) {
    if (!list.list().is_screened) {
      continue;
    }
    list.Screening();
    if (const int cleared_by = list.list().cleared_by; cleared_by >= 0) {
      lists[static_cast<size_t>(cleared_by)].Clearing();
    }
  }
}

Result<void> Core::Apply(const Change& change, uint64_t seq) {
  return impl_->committed.Apply(change, seq);
}
const Committed& Core::committed() const { return impl_->committed; }

void Core::DecideFromFeatures(const Event& event, Decision& decision,
                              std::vector<Datum>* rule_values) const {
  const CompiledPack& pack = *impl_->pack;
  std::vector<Datum> cells = impl_->Cells(event);
  const size_t first = pack.event_schema().size();
  for (size_t i = 0; i < pack.features_by_level().size(); ++i) {
    cells[first + i] = decision.features[pack.features_by_level()[i]];
  }
  decision.action = Action::kApprove;
  decision.hits.clear();
  const std::string error = decision.error;  // names what failed, rules included, already
  sql::Scratch scratch;
  impl_->EvaluateRules(scratch, cells, decision, rule_values);
  decision.error = error;
}

const CompiledPack& Core::pack() const { return *impl_->pack; }
const std::shared_ptr<const CompiledPack>& Core::shared_pack() const { return impl_->pack; }
uint64_t Core::events() const { return impl_->events; }

uint64_t Core::state_bytes() const {
  uint64_t bytes = 0;
  for (const sql::WindowState& state : impl_->windows) {
    bytes += state.state_bytes();
  }
  for (const GraphState& graph : impl_->graphs) {
    bytes += graph.state_bytes();
  }
  for (const Anomaly& anomaly : impl_->pack->pack().anomalies) {
    bytes += HalfSpaceBytes(anomaly.shape);
  }
  return bytes;
}

uint64_t Core::window_steps() const {
  uint64_t steps = 0;
  for (const sql::WindowState& state : impl_->windows) {
    steps += state.steps();
  }
  for (const GraphState& graph : impl_->graphs) {
    steps += graph.steps();
  }
  for (const HalfSpaceTrees& anomaly : impl_->anomalies) {
    steps += anomaly.steps();
  }
  return steps;
}

void Core::Save(Bytes& out) const {
  ByteWriter writer(out);
  writer.Fixed(kStateVersion);
  writer.Raw(pack().pack().hash);
  writer.Text(SemanticsOf(pack().pack()));
  writer.Varint(impl_->events);
  writer.Fixed(static_cast<uint8_t>(impl_->newest_us.has_value()));
  writer.Fixed(impl_->newest_us.value_or(0));
  impl_->ids.Save(writer);
  impl_->committed.Save(writer);
  Bytes part;
  for (const sql::WindowState& state : impl_->windows) {
    part.clear();
    state.Save(part);
    writer.Blob(part);
  }
  for (const GraphState& graph : impl_->graphs) {
    part.clear();
    graph.Save(part);
    writer.Blob(part);
  }
  for (const HalfSpaceTrees& anomaly : impl_->anomalies) {
    part.clear();
    anomaly.Save(part);
    writer.Blob(part);
  }
}

Result<void> Core::Restore(ByteView bytes) {
  Impl& impl = *impl_;
  impl.Reset();
  auto restore = [&]() -> Result<void> {
    ByteReader reader(bytes);
    const auto version = reader.Fixed<uint8_t>();
    const ByteView hash = reader.Raw(sizeof(Digest));
    const std::string_view semantics = reader.Text();
    if (!reader.ok() || version != kStateVersion || semantics != SemanticsOf(pack().pack()) ||
        !std::ranges::equal(hash, pack().pack().hash)) {
      return Err(ErrorCode::kParse, "the state is not one of this pack and of this program");
    }
    impl.events = reader.Varint();
    const auto has_newest = reader.Fixed<uint8_t>();
    const auto newest = reader.Fixed<int64_t>();
    if (has_newest == 1) {
      impl.newest_us = newest;
    }
    const bool has_ids = impl.ids.Restore(reader) && impl.committed.Restore(reader);
    for (sql::WindowState& state : impl.windows) {
      const ByteView blob = reader.Blob();
      if (!reader.ok()) {
        break;
      }
      FUQI_RETURN_IF_ERROR(state.Restore(blob));
    }
    for (GraphState& graph : impl.graphs) {
      const ByteView blob = reader.Blob();
      if (!reader.ok()) {
        break;
      }
      FUQI_RETURN_IF_ERROR(graph.Restore(blob));
    }
    for (HalfSpaceTrees& anomaly : impl.anomalies) {
      const ByteView blob = reader.Blob();
      if (!reader.ok()) {
        break;
      }
      FUQI_RETURN_IF_ERROR(anomaly.Restore(blob));
    }
    FUQI_RETURN_IF_ERROR(reader.Finish("a saved state"));
    if (!has_ids || has_newest > 1 || (has_newest == 0 && newest != 0) ||
        impl.ids.size() != impl.events) {
      return Err(ErrorCode::kParse, "the saved state contradicts itself");
    }
    return {};
  };
  Result<void> restored = restore();
  if (!restored) {
    impl.Reset();
  }
  return restored;
}

Digest Core::StateDigest() const {
  Bytes bytes;
  Save(bytes);
  return crypto::Sha256(bytes);
}

}  // namespace fuqi::decide
