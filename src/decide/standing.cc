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
  writer.Fixed(static_cast<uint8_t>(entry.limit.has_value()));
  if (entry.limit) {
    writer.Text(ToText(*entry.limit));
  }
  writer.Fixed(entry.until_us);
  writer.Varint(entry.decision_seq);
  writer.Text(entry.rule);
  writer.Text(entry.by);
  writer.Text(entry.reason.zh);
  writer.Text(entry.reason.en);
}

std::optional<StandingState::Entry> ReadEntry(ByteReader& reader) {
  StandingState::Entry entry;
  entry.record = reader.Varint();
  const auto action = reader.Fixed<uint8_t>();
  const auto has_limit = reader.Fixed<uint8_t>();
  if (!reader.ok() || action > static_cast<uint8_t>(Action::kFreeze) || has_limit > 1) {
    return std::nullopt;
  }
  entry.action = static_cast<Action>(action);
  if (has_limit == 1) {
    const std::string text(reader.Text());
    const Result<int128> limit = ParseInt128(text);
    if (!limit || ToText(*limit) != text) {
      return std::nullopt;
    }
    entry.limit = *limit;
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
  return (any_time || entry.until_us > ts_us) &&
         (!entry.limit || amount.is_null() || amount.i > *entry.limit);
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
  const bool as_low = !limit || (other.limit && *limit <= *other.limit);
  return action >= other.action && until_us >= other.until_us && as_low;
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
    entry.limit = entry.limit && goes->limit ? std::optional(std::min(*entry.limit, *goes->limit))
                                             : std::nullopt;
    const uint64_t record = goes->record;
    Erase(found, [&](const Entry& one) { return one.record == record; });
  }
  if (entry.until_us != kForEver) {
    ends_.emplace(entry.until_us, subject);
  }
  ++entries_;
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
      entries.push_back(*std::move(entry));
      ++entries_;
    }
  }
  return reader.ok();
}

Result<StandingState::Entry> EntryOf(const StandingKind& kind, const StandingChange& change,
                                     uint64_t record) {
  StandingState::Entry entry{.record = record,
                             .action = change.action,
                             .limit = std::nullopt,
                             .until_us = change.until_us,
                             .decision_seq = change.decision_seq,
                             .rule = change.rule,
                             .by = change.head.by,
                             .reason = change.reason};
  if (!change.limit.empty()) {
    if (kind.amount < 0) {
      return Err(ErrorCode::kInvalidArgument,
                 "a limit, and the standing kind '{}' names no 'amount'", kind.name);
    }
    Result<Datum> limit = table::ParseText(change.limit, kind.amount_type);
    if (!limit) {
      return Err(ErrorCode::kTypeMismatch, "'{}' is no value of type {}", change.limit,
                 kind.amount_type.ToString());
    }
    entry.limit = limit->i;
  }
  return entry;
}

}  // namespace fuqi::decide
