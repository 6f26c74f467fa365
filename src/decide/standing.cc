#include "decide/standing.h"

#include <algorithm>

#include "base/decimal.h"
#include "crypto/sha256.h"

namespace fuqi::decide {
namespace {

using table::Datum;

void WriteEntry(const StandingState::Entry& entry, ByteWriter& writer) {
  writer.Varint(entry.record);
  writer.Fixed(static_cast<uint8_t>(entry.action));
  writer.Fixed(static_cast<uint8_t>(entry.allowance ? 2 : entry.limit ? 1 : 0));
  if (entry.limit) {
    writer.Text(ToText(*entry.limit));
  }
  if (entry.allowance) {
    writer.Fixed(entry.allowance->per_us);
    writer.Fixed(entry.allowance->from_us);
    writer.Varint(entry.used.size());
    for (const auto& [period, used] : entry.used) {
      writer.Fixed(period);
      writer.Fixed(used);
    }
  }
  writer.Fixed(entry.until_us);
  writer.Varint(entry.decision_seq);
  writer.Text(entry.rule);
  writer.Text(entry.by);
  writer.Text(entry.reason.zh);
  writer.Text(entry.reason.en);
}

bool ReadAllowance(ByteReader& reader, StandingState::Entry& entry) {
  entry.allowance.emplace();
  entry.allowance->per_us = reader.Fixed<int64_t>();
  entry.allowance->from_us = reader.Fixed<int64_t>();
  const uint64_t periods = reader.Varint();
  for (uint64_t i = 0; i < periods && reader.ok(); ++i) {
    const auto period = reader.Fixed<int64_t>();
    const auto used = reader.Fixed<int128>();
    if (used <= 0 || (i > 0 && entry.used.rbegin()->first >= period)) {
      return false;
    }
    entry.used.emplace_hint(entry.used.end(), period, used);
  }
  return reader.ok() && entry.allowance->per_us >= 0;
}

std::optional<StandingState::Entry> ReadEntry(ByteReader& reader) {
  StandingState::Entry entry;
  entry.record = reader.Varint();
  const auto action = reader.Fixed<uint8_t>();
  const auto limited = reader.Fixed<uint8_t>();
  if (!reader.ok() || action > static_cast<uint8_t>(Action::kFreeze) || limited > 2) {
    return std::nullopt;
  }
  entry.action = static_cast<Action>(action);
  if (limited > 0) {
    const std::string text(reader.Text());
    const Result<int128> limit = ParseInt128(text);
    if (!limit || ToText(*limit) != text) {
      return std::nullopt;
    }
    entry.limit = *limit;
  }
  if (limited == 2 && !ReadAllowance(reader, entry)) {
    return std::nullopt;
  }
  entry.until_us = reader.Fixed<int64_t>();
  entry.decision_seq = reader.Varint();
  entry.rule = reader.Text();
  entry.by = reader.Text();
  entry.reason.zh = reader.Text();
  entry.reason.en = reader.Text();
  return reader.ok() ? std::optional(std::move(entry)) : std::nullopt;
}

bool Binds(const StandingState::Entry& entry, int64_t ts_us, const Datum& amount, bool any_time) {
  if (!any_time && entry.until_us <= ts_us) {
    return false;
  }
  if (entry.allowance) {
    return any_time || amount.is_null() || (amount.i > 0 && amount.i > entry.RemainsAt(ts_us));
  }
  return !entry.limit || amount.is_null() || amount.i > *entry.limit;
}

}  // namespace

std::optional<std::string> SubjectOf(const Datum& value, table::Type type) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (value.kind != Datum::Kind::kText) {
    return table::ToText(value, type);
  }
  const std::string_view text = value.text();
  if (text.size() > kSubjectBytesMax || text.find('\0') != std::string_view::npos) {
    return "sha256:" + ToHex(crypto::Sha256(AsBytes(text)));
  }
  return std::string(text);
}

bool StandingState::Entry::Covers(const Entry& other) const {
  // What an allowance leaves is never more than it is, and one over all time leaves no more than
  // one over periods.
  const bool as_low =
      !limit ||
      (other.limit && *limit <= *other.limit &&
       (!allowance ? !other.allowance
                   : !other.allowance || allowance->per_us == 0 || *allowance == *other.allowance));
  return action >= other.action && until_us >= other.until_us && as_low;
}

int64_t StandingState::Entry::PeriodOf(int64_t ts_us) const {
  if (allowance->per_us == 0) {
    return 0;
  }
  const int128 after = int128{ts_us} - allowance->from_us;
  const int128 period = after / allowance->per_us - (after % allowance->per_us < 0 ? 1 : 0);
  return static_cast<int64_t>(std::clamp<int128>(period, INT64_MIN, INT64_MAX));
}

int128 StandingState::Entry::RemainsAt(int64_t ts_us) const {
  const auto found = used.find(PeriodOf(ts_us));
  return found == used.end() || *limit < 0 ? *limit : *limit - found->second;
}

const StandingState::Entry* StandingState::Find(const std::string& subject, int64_t ts_us,
                                                const Datum& amount, bool any_time) const {
  const auto found = subjects_.find(subject);
  if (found == subjects_.end()) {
    return nullptr;
  }
  const Entry* strictest = nullptr;
  for (const Entry& entry : found->second) {
    if (Binds(entry, ts_us, amount, any_time) &&
        (strictest == nullptr || entry.action > strictest->action)) {
      strictest = &entry;
    }
  }
  return strictest;
}

std::vector<StandingState::Entry> StandingState::Of(const std::string& subject) const {
  const auto found = subjects_.find(subject);
  return found == subjects_.end() ? std::vector<Entry>() : found->second;
}

std::vector<std::pair<std::string, std::vector<StandingState::Entry>>> StandingState::Page(
    const std::string& after, size_t count) const {
  std::vector<std::pair<std::string, std::vector<Entry>>> page;
  for (auto it = subjects_.upper_bound(after); it != subjects_.end() && page.size() < count; ++it) {
    page.emplace_back(*it);
  }
  return page;
}

template <class Pick>
bool StandingState::Erase(Subjects::iterator subject, const Pick& pick) {
  std::vector<Entry>& entries = subject->second;
  const size_t before = entries.size();
  for (const Entry& entry : entries) {
    if (pick(entry) && entry.until_us != kForEver) {
      auto [begin, end] = ends_.equal_range(entry.until_us);
      ends_.erase(
          std::find_if(begin, end, [&](const auto& one) { return one.second == subject->first; }));
    }
  }
  allowances_ -= static_cast<size_t>(std::ranges::count_if(
      entries, [&](const Entry& entry) { return entry.allowance && pick(entry); }));
  std::erase_if(entries, pick);
  const size_t gone = before - entries.size();
  entries_ -= gone;
  if (entries.empty()) {
    subjects_.erase(subject);
  }
  return gone > 0;
}

void StandingState::Forget(int64_t at_us) {
  while (!ends_.empty() && int128{ends_.begin()->first} < int128{at_us} - lateness_us_) {
    const int64_t end = ends_.begin()->first;
    Erase(subjects_.find(ends_.begin()->second),
          [&](const Entry& entry) { return entry.until_us == end; });
  }
}

void StandingState::Set(const std::string& subject, Entry entry, int64_t at_us) {
  if (at_us != kSinceEver) {
    Forget(at_us);
  }
  const auto found = subjects_.try_emplace(subject).first;
  if (found->second.size() == kStandingMax) {
    // Most often one that the new entry covers; if none is, the earliest to end goes into it.
    const auto goes = std::ranges::min_element(found->second, [&](const Entry& a, const Entry& b) {
      const bool a_covered = entry.Covers(a);
      const bool b_covered = entry.Covers(b);
      return a_covered != b_covered ? a_covered : a.until_us < b.until_us;
    });
    entry.action = std::max(entry.action, goes->action);
    entry.until_us = std::max(entry.until_us, goes->until_us);
    // Of one allowance what was used up goes on; of different ones nobody can say it.
    const bool is_same = entry.allowance == goes->allowance;
    if (entry.Covers(*goes) && (is_same || !entry.allowance || !goes->allowance)) {
      entry.used = is_same ? goes->used : std::map<int64_t, int128>();
    } else {
      const bool both = entry.limit && goes->limit && !entry.allowance && !goes->allowance;
      entry.limit = both ? std::optional(std::min(*entry.limit, *goes->limit)) : std::nullopt;
      entry.allowance.reset();
    }
    const uint64_t record = goes->record;
    Erase(found, [&](const Entry& one) { return one.record == record; });
  }
  if (entry.until_us != kForEver) {
    ends_.emplace(entry.until_us, subject);
  }
  ++entries_;
  allowances_ += entry.allowance ? 1 : 0;
  found->second.push_back(std::move(entry));
}

bool StandingState::Release(const std::string& subject, uint64_t record) {
  const auto found = subjects_.find(subject);
  return found != subjects_.end() &&
         Erase(found, [&](const Entry& entry) { return record == 0 || entry.record == record; });
}

bool StandingState::Undo(uint64_t decision_seq) {
  bool any = false;
  for (auto it = subjects_.begin(); it != subjects_.end();) {
    const auto here = it++;
    any = Erase(here, [&](const Entry& e) { return e.decision_seq == decision_seq; }) || any;
  }
  return any;
}

bool StandingState::Stands(uint64_t decision_seq) const {
  return std::ranges::any_of(subjects_, [&](const auto& subject) {
    return std::ranges::find(subject.second, decision_seq, &Entry::decision_seq) !=
           subject.second.end();
  });
}

bool StandingState::HasAllowance(const std::string& subject, int64_t ts_us) const {
  const auto found = allowances_ == 0 ? subjects_.end() : subjects_.find(subject);
  return found != subjects_.end() && std::ranges::any_of(found->second, [&](const Entry& entry) {
           return entry.allowance && entry.until_us > ts_us;
         });
}

void StandingState::Spend(const std::string& subject, int128 amount, int64_t ts_us) {
  const auto found = subjects_.find(subject);
  if (found == subjects_.end()) {
    return;
  }
  for (Entry& entry : found->second) {
    if (!entry.allowance || entry.until_us <= ts_us) {
      continue;
    }
    int128& used = entry.used[entry.PeriodOf(ts_us)];
    used += std::min(amount, kInt128Max - used);
    // Events older than this one by more than the lateness are out of bounds from now on.
    const int128 oldest = int128{ts_us} - lateness_us_;
    entry.used.erase(entry.used.begin(), entry.used.lower_bound(entry.PeriodOf(static_cast<int64_t>(
                                             std::max<int128>(oldest, INT64_MIN)))));
  }
}

void StandingState::Save(ByteWriter& writer) const {
  writer.Varint(subjects_.size());
  for (const auto& [subject, entries] : subjects_) {
    writer.Text(subject);
    writer.Varint(entries.size());
    for (const Entry& entry : entries) {
      WriteEntry(entry, writer);
    }
  }
}

bool StandingState::Restore(ByteReader& reader) {
  subjects_.clear();
  ends_.clear();
  entries_ = 0;
  allowances_ = 0;
  const uint64_t subjects = reader.Varint();
  for (uint64_t i = 0; i < subjects && reader.ok(); ++i) {
    const std::string subject(reader.Text());
    const uint64_t count = reader.Varint();
    if (!reader.ok() || count == 0 || count > kStandingMax ||
        (!subjects_.empty() && subjects_.rbegin()->first >= subject)) {
      return false;
    }
    std::vector<Entry>& entries = subjects_[subject];
    for (uint64_t k = 0; k < count; ++k) {
      std::optional<Entry> entry = ReadEntry(reader);
      if (!entry) {
        return false;
      }
      if (entry->until_us != kForEver) {
        ends_.emplace(entry->until_us, subject);
      }
      allowances_ += entry->allowance ? 1 : 0;
      entries.push_back(*std::move(entry));
      ++entries_;
    }
  }
  return reader.ok();
}

Result<int128> AmountOf(const StandingKind& kind, const StandingChange& change) {
  if (kind.amount < 0) {
    return Err(ErrorCode::kInvalidArgument, "a limit, and the standing kind '{}' names no 'amount'",
               kind.name);
  }
  Result<Datum> amount = table::ParseText(change.limit, kind.amount_type);
  if (!amount || amount->is_null()) {
    return Err(ErrorCode::kTypeMismatch, "the amount is no value of type {}",
               kind.amount_type.ToString());
  }
  return amount->i;
}

Result<StandingState::Entry> EntryOf(const StandingKind& kind, const StandingChange& change,
                                     uint64_t record) {
  StandingState::Entry entry{.record = record,
                             .action = change.action,
                             .limit = std::nullopt,
                             .allowance = change.allowance,
                             .until_us = change.until_us,
                             .decision_seq = change.decision_seq,
                             .rule = change.rule,
                             .by = change.head.by,
                             .reason = change.reason};
  if (!change.limit.empty()) {
    FUQI_ASSIGN_OR_RETURN(entry.limit, AmountOf(kind, change));
  } else if (change.allowance) {
    return Err(ErrorCode::kInvalidArgument, "an allowance needs an amount");
  }
  return entry;
}

}  // namespace fuqi::decide
