#include "decide/screening_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/time.h"
#include "base/utf8.h"
#include "decide/screening_name_internal.h"

namespace fuqi::decide {
namespace {

constexpr std::array<std::string_view, 5> kColumns = {"name", "entry", "reason", "by", "valid_to"};
constexpr size_t kRequired = 4;

constexpr char kBetween = '\0';  // which neither value nor source has

// What the index calls an entry: sorts by value, then source and beginning.
std::string IndexEntry(const ListEntryId& id) {
  return fmt::format("{}{}{}{}{}", id.value, kBetween, id.source, kBetween, id.valid_from_us);
}

std::string KeyOf(std::string_view name) { return internal::NameKey(internal::ParseName(name)); }

// For each of kColumns its place in the file; the number of fields where it is not there.
Result<std::array<size_t, kColumns.size()>> ReadHeader(const std::vector<std::string>& fields) {
  std::array<size_t, kColumns.size()> places{};
  places.fill(fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto found = std::ranges::find(kColumns, fields[i]);
    if (found == kColumns.end()) {
      return Err(ErrorCode::kParse,
                 "'{}' is no column of clearances: name, entry, reason, by, valid_to", fields[i]);
    }
    size_t& place = places[static_cast<size_t>(found - kColumns.begin())];
    if (place != fields.size()) {
      return Err(ErrorCode::kParse, "the column '{}' twice", fields[i]);
    }
    place = i;
  }
  for (size_t k = 0; k < kRequired; ++k) {
    if (places[k] == fields.size()) {
      return Err(ErrorCode::kParse, "clearances need the column '{}'", kColumns[k]);
    }
  }
  return places;
}

Result<Clearance> ReadRow(const std::vector<std::string>& fields,
                          const std::array<size_t, kColumns.size()>& places, size_t columns) {
  if (fields.size() != columns) {
    return Err(ErrorCode::kParse, "{} fields; the header names {}", fields.size(), columns);
  }
  for (size_t k = 0; k < kRequired; ++k) {
    const std::string& field = fields[places[k]];
    if (field.empty() || !IsUtf8(field)) {
      return Err(ErrorCode::kParse, "a clearance needs text in the column '{}'", kColumns[k]);
    }
  }
  Clearance out{fields[places[0]], fields[places[1]], fields[places[2]], fields[places[3]]};
  if (places[4] < columns && !fields[places[4]].empty()) {
    const std::string& text = fields[places[4]];
    if (Result<int32_t> day = ParseDate(text)) {
      out.valid_to_us = *day * kDayUs;
    } else {
      FUQI_ASSIGN_OR_RETURN(out.valid_to_us, ParseTimestamp(text).At({.field = "valid_to"}));
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Clearance>> ReadClearancesCsv(CsvReader& reader) {
  std::vector<std::string> fields;
  FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
  const size_t columns = more ? fields.size() : 0;
  if (!more) {
    fields.clear();
  }
  FUQI_ASSIGN_OR_RETURN(const auto places, ReadHeader(fields).At(reader.where()));
  std::vector<Clearance> out;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(more, reader.Next(fields));
    if (!more) {
      return out;
    }
    FUQI_ASSIGN_OR_RETURN(Clearance row, ReadRow(fields, places, columns).At(reader.where()));
    out.push_back(std::move(row));
  }
}

void Clearances::Add(Clearance clearance) {
  std::vector<Clearance>& same = all_[{KeyOf(clearance.name), clearance.entry}];
  same.push_back(std::move(clearance));
}

void Clearances::Remove(const Clearance& clearance) {
  const auto found = all_.find({KeyOf(clearance.name), clearance.entry});
  if (found == all_.end()) {
    return;
  }
  std::vector<Clearance>& same = found->second;
  if (const auto equal = std::ranges::find(same, clearance); equal != same.end()) {
    same.erase(equal);
  }
  if (same.empty()) {
    all_.erase(found);
  }
}

const Clearance* Clearances::Find(std::string_view key, std::string_view entry,
                                  int64_t at_us) const {
  const auto found = all_.find({std::string(key), std::string(entry)});
  if (found == all_.end()) {
    return nullptr;
  }
  const auto holds = std::ranges::find_if(found->second, [&](const Clearance& clearance) {
    return clearance.valid_from_us <= at_us && at_us < clearance.valid_to_us;
  });
  return holds == found->second.end() ? nullptr : &*holds;
}

void ScreeningList::Put(const ListEntry& entry) {
  const std::string key = IndexEntry(entry.id());
  index_.Remove(key);
  index_.Add(key, entry.value);
  for (const std::string& alias : entry.aliases) {
    index_.Add(key, alias);
  }
  entries_.insert_or_assign(key, &entry);
}

void ScreeningList::Remove(const ListEntryId& id) {
  const std::string key = IndexEntry(id);
  index_.Remove(key);
  entries_.erase(key);
}

ScreeningList::Answer ScreeningList::Screen(std::string_view name, int64_t at_us, size_t top,
                                            const Clearances& clearances) {
  const std::string key = KeyOf(name);
  // As many more as may be cleared.
  size_t cleared = 0;
  for (auto it = clearances.all_.lower_bound({key, ""});
       it != clearances.all_.end() && it->first.first == key; ++it) {
    const std::string of_value = it->first.second + kBetween;
    for (auto held = entries_.lower_bound(of_value);
         held != entries_.end() && held->first.starts_with(of_value); ++held) {
      ++cleared;
    }
  }
  ScreeningOptions options{.threshold = threshold_, .top = top + cleared};
  options.counts = [&](std::string_view entry) {
    return entries_.find(std::string(entry))->second->valid_at(at_us);
  };
  ScreeningResult found = index_.Search(name, options);
  Answer answer{.truncated = found.truncated, .steps = found.steps};
  size_t counting = 0;
  for (ScreeningHit& hit : found.hits) {
    const ListEntry& entry = *entries_.find(hit.entry)->second;
    const Clearance* clearance = clearances.Find(key, entry.value, at_us);
    if (clearance == nullptr && counting++ == 0) {
      answer.best = hit.score;
    }
    if (clearance != nullptr || counting <= top) {
      answer.hits.push_back({std::move(hit), &entry, clearance});
    }
  }
  return answer;
}

}  // namespace fuqi::decide
