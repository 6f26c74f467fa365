#include "decide/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/check.h"
#include "base/nearest.h"
#include "base/time.h"
#include "decide/check_text.h"
#include "decide/screening_list.h"

namespace fuqi::decide {
namespace {

using table::Datum;

Result<void> CheckValueText(table::Type type, const std::string& text, std::string_view field) {
  FUQI_RETURN_IF_ERROR(CheckText(text, kListValueBytesMax, field));
  Result<Datum> value = table::ParseText(text, type);
  if (!value || text.empty()) {
    return Err(ErrorCode::kTypeMismatch, "this is no value of a list of {}", type.ToString())
        .At({.field = std::string(field)});
  }
  if (table::ToText(*value, type) != text) {
    return Err(ErrorCode::kTypeMismatch, "a value of a list is written as SQL prints one of {}",
               type.ToString())
        .At({.field = std::string(field)});
  }
  return {};
}

uint64_t BytesOf(const ListEntry& entry) {
  uint64_t bytes = entry.value.size() + entry.source.size() + entry.reason.size();
  for (const std::string& alias : entry.aliases) {
    bytes += alias.size();
  }
  return bytes;
}

// The columns of a list's file.
constexpr std::array<std::string_view, 6> kColumns = {"value",    "aliases", "valid_from",
                                                      "valid_to", "source",  "reason"};

Result<int64_t> ReadTime(const std::string& text, int64_t open) {
  if (text.empty()) {
    return open;
  }
  if (Result<int32_t> day = ParseDate(text)) {
    return *day * kDayUs;
  }
  return ParseTimestamp(text);
}

std::vector<std::string> SplitAliases(std::string_view text) {
  std::vector<std::string> aliases;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    std::string_view alias = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    alias.remove_prefix(std::min(alias.find_first_not_of(' '), alias.size()));
    alias = alias.substr(0, alias.find_last_not_of(' ') + 1);
    if (!alias.empty()) {
      aliases.emplace_back(alias);
    }
  }
  return aliases;
}

// The header's columns, as indexes into kColumns.
Result<std::vector<size_t>> ReadHeader(const std::vector<std::string>& fields) {
  std::vector<size_t> columns;
  for (const std::string& field : fields) {
    const auto* found = std::ranges::find(kColumns, field);
    if (found == kColumns.end()) {
      return Err(ErrorCode::kParse, "'{}' is no column of a list's file: one of {}", field,
                 fmt::format("{}", fmt::join(kColumns, ", ")));
    }
    columns.push_back(found - kColumns.begin());
    if (std::ranges::count(columns, columns.back()) > 1) {
      return Err(ErrorCode::kAlreadyExists, "the column '{}' twice", field);
    }
  }
  if (std::ranges::find(columns, size_t{0}) == columns.end()) {
    return Err(ErrorCode::kParse, "a list's file needs a header that names the column 'value'");
  }
  return columns;
}

Result<ListEntry> ReadRow(std::vector<std::string>& fields, const std::vector<size_t>& columns) {
  if (fields.size() != columns.size()) {
    return Err(ErrorCode::kParse, "{} fields; the header names {}", fields.size(), columns.size());
  }
  std::array<std::string, kColumns.size()> by_column;
  for (size_t i = 0; i < columns.size(); ++i) {
    by_column[columns[i]] = std::move(fields[i]);
  }
  ListEntry entry;
  entry.value = std::move(by_column[0]);
  entry.aliases = SplitAliases(by_column[1]);
  FUQI_ASSIGN_OR_RETURN(entry.valid_from_us,
                        ReadTime(by_column[2], kSinceEver).At({.field = "valid_from"}));
  FUQI_ASSIGN_OR_RETURN(entry.valid_to_us,
                        ReadTime(by_column[3], kForEver).At({.field = "valid_to"}));
  entry.source = std::move(by_column[4]);
  entry.reason = std::move(by_column[5]);
  return entry;
}

}  // namespace

std::string EntryRef::ToText() const {
  return record == 0 ? fmt::format("pack.{}", number) : fmt::format("{}.{}", record, number);
}

Result<EntryRef> EntryRef::Parse(std::string_view text) {
  EntryRef ref;
  const size_t dot = text.find('.');
  const std::string_view record = text.substr(0, dot);
  const std::string_view number = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  if (record != "pack") {
    std::from_chars(record.data(), record.data() + record.size(), ref.record);
  }
  std::from_chars(number.data(), number.data() + number.size(), ref.number);
  if (ref.ToText() != text) {
    return Err(ErrorCode::kParse, "'{}' names no entry of a list", text);
  }
  return ref;
}

Result<void> CheckRemoval(table::Type type, const ListRemoval& removal) {
  FUQI_RETURN_IF_ERROR(CheckValueText(type, removal.value, "value"));
  return CheckText(removal.source.value_or(""), kListReasonBytesMax, "source");
}

Result<void> CheckEntry(table::Type type, const ListEntry& entry) {
  FUQI_RETURN_IF_ERROR(CheckValueText(type, entry.value, "value"));
  FUQI_RETURN_IF_ERROR(CheckText(entry.source, kListReasonBytesMax, "source"));
  FUQI_RETURN_IF_ERROR(CheckText(entry.reason, kListReasonBytesMax, "reason"));
  if (entry.aliases.size() > kListAliasesMax) {
    return Err(ErrorCode::kOutOfRange, "{} aliases; an entry may have {}", entry.aliases.size(),
               kListAliasesMax)
        .At({.field = "aliases"});
  }
  std::set<std::string_view> names = {entry.value};
  for (const std::string& alias : entry.aliases) {
    FUQI_RETURN_IF_ERROR(CheckValueText(type, alias, "aliases"));
    if (!names.insert(alias).second) {
      return Err(ErrorCode::kAlreadyExists, "an alias or value of the entry is given twice")
          .At({.field = "aliases"});
    }
  }
  if (entry.valid_to_us <= entry.valid_from_us) {
    return Err(ErrorCode::kInvalidArgument, "the entry does not end after its start")
        .At({.field = "valid_to"});
  }
  return {};
}

Result<void> CheckEntry(const List& list, const ListEntry& entry) {
  FUQI_RETURN_IF_ERROR(CheckEntry(list.type, entry));
  if (list.clears.empty()) {
    return {};
  }
  for (const auto& [text, field] :
       {std::pair(&entry.source, "source"), {&entry.reason, "reason"}}) {
    if (text->empty()) {
      return Err(ErrorCode::kInvalidArgument,
                 "a clearance needs the entry that was ruled out as its source, and a reason")
          .At({.field = field});
    }
  }
  return {};
}

Result<std::vector<ListEntry>> ReadListCsv(CsvReader& reader, const List& list) {
  std::vector<std::string> fields;
  FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
  Result<std::vector<size_t>> columns =
      more ? ReadHeader(fields)
           : Err(ErrorCode::kParse, "a list's file needs a header that names the column 'value'");
  if (!columns) {
    return std::move(columns).error().At(reader.where());
  }
  std::vector<ListEntry> entries;
  std::set<ListEntryId> ids;
  int64_t bytes = 0;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(more, reader.Next(fields));
    if (!more) {
      return entries;
    }
    FUQI_ASSIGN_OR_RETURN(ListEntry entry, ReadRow(fields, *columns).At(reader.where()));
    FUQI_RETURN_IF_ERROR(CheckEntry(list, entry).At(reader.where()));
    if (!ids.insert(entry.id()).second) {
      return Err(ErrorCode::kAlreadyExists,
                 "two entries of one value, one source and one beginning: which of them holds?")
          .At(reader.where());
    }
    bytes += static_cast<int64_t>(BytesOf(entry));
    entries.push_back(std::move(entry));
    if (std::ssize(entries) > list.entries_max || bytes > list.bytes_max) {
      return Err(ErrorCode::kOutOfRange,
                 "list '{}' would have {} entries of {} bytes; the pack allows {} of {}", list.name,
                 entries.size(), bytes, list.entries_max, list.bytes_max)
          .At(reader.where());
    }
  }
}

void WriteListEntry(const ListEntry& entry, ByteWriter& writer) {
  writer.Text(entry.value);
  writer.Varint(entry.aliases.size());
  for (const std::string& alias : entry.aliases) {
    writer.Text(alias);
  }
  writer.Fixed(entry.valid_from_us);
  writer.Fixed(entry.valid_to_us);
  writer.Text(entry.source);
  writer.Text(entry.reason);
}

ListEntry ReadListEntry(ByteReader& reader) {
  ListEntry entry;
  entry.value = reader.Text();
  const uint64_t aliases = reader.Varint();
  for (uint64_t i = 0; i < aliases && reader.ok(); ++i) {
    entry.aliases.emplace_back(reader.Text());
  }
  entry.valid_from_us = reader.Fixed<int64_t>();
  entry.valid_to_us = reader.Fixed<int64_t>();
  entry.source = reader.Text();
  entry.reason = reader.Text();
  return entry;
}

namespace {

// What an entry of a list of clearances says, for each of its names.
template <class Visit>
void ForEachClearance(const ListEntry& entry, Visit visit) {
  Clearance clearance{entry.value, entry.source,        entry.reason,
                      "",          entry.valid_from_us, entry.valid_to_us};
  visit(clearance);
  for (const std::string& alias : entry.aliases) {
    clearance.name = alias;
    visit(clearance);
  }
}

}  // namespace

ListState::ListState(ListState&&) noexcept = default;
ListState& ListState::operator=(ListState&&) noexcept = default;
ListState::~ListState() = default;

ListState::ListState(const List& list) : list_(&list) {
  for (size_t i = 0; i < list.entries.size(); ++i) {
    Put(list.entries[i], {0, i + 1});
  }
}

// Values of one list are all of one kind.
std::string ListState::KeyOf(const Datum& value) {
  if (value.kind == Datum::Kind::kText) {
    return std::string(value.text());
  }
  FUQI_CHECK(value.kind == Datum::Kind::kInt);
  return {reinterpret_cast<const char*>(&value.i), sizeof(value.i)};
}

Result<void> ListState::CheckRoom(const std::vector<ListEntry>& puts) const {
  uint64_t size = entries_.size();
  uint64_t bytes = bytes_;
  for (const ListEntry& entry : puts) {
    const Held* held = Get(entry.id());
    size += held == nullptr;
    bytes += BytesOf(entry) - (held == nullptr ? 0 : BytesOf(held->entry));
  }
  if (size > static_cast<uint64_t>(list_->entries_max) ||
      bytes > static_cast<uint64_t>(list_->bytes_max)) {
    return Err(ErrorCode::kOutOfRange,
               "list '{}' would have {} entries of {} bytes; the pack allows {} of {}", list_->name,
               size, bytes, list_->entries_max, list_->bytes_max);
  }
  return {};
}

void ListState::Index(const Held& held) {
  auto add = [&](const std::string& name) {
    Result<Datum> value = table::ParseText(name, list_->type);
    FUQI_CHECK(value.has_value());  // CheckEntry
    std::vector<const Held*>& found = index_[KeyOf(*value)];
    // By where they came from, so that the first that holds is the one to tell.
    found.insert(
        std::ranges::upper_bound(found, held.ref, {}, [](const Held* each) { return each->ref; }),
        &held);
  };
  add(held.entry.value);
  std::ranges::for_each(held.entry.aliases, add);
  IndexNames(held.entry);
}

void ListState::IndexNames(const ListEntry& entry) {
  if (screening_) {
    screening_->Put(entry);
  }
  if (clearing_) {
    ForEachClearance(entry, [&](const Clearance& each) { clearing_->Add(each); });
  }
}

ScreeningList& ListState::Screening() {
  if (!screening_) {
    screening_ =
        std::make_unique<ScreeningList>(list_->name, list_->threshold * (kScreeningScoreMax / 100));
    for (const auto& [id, held] : entries_) {
      screening_->Put(held.entry);
    }
  }
  return *screening_;
}

const Clearances& ListState::Clearing() {
  if (!clearing_) {
    clearing_ = std::make_unique<Clearances>();
    for (const auto& [id, held] : entries_) {
      ForEachClearance(held.entry, [&](const Clearance& each) { clearing_->Add(each); });
    }
  }
  return *clearing_;
}

void ListState::Put(const ListEntry& entry, EntryRef ref) {
  if (auto found = entries_.find(entry.id()); found != entries_.end()) {
    Drop(found);
  }
  const Held& held = entries_.emplace(entry.id(), Held{entry, ref}).first->second;
  bytes_ += BytesOf(entry);
  Index(held);
}

size_t ListState::Remove(const ListRemoval& removal) {
  size_t removed = 0;
  auto it = entries_.lower_bound({.value = removal.value});
  while (it != entries_.end() && it->first.value == removal.value) {
    const auto entry = it++;
    if (removal.Matches(entry->first)) {
      Drop(entry);
      ++removed;
    }
  }
  return removed;
}

void ListState::Drop(Entries::iterator entry) {
  const Held& held = entry->second;
  auto drop = [&](const std::string& name) {
    auto named = index_.find(KeyOf(*table::ParseText(name, list_->type)));
    std::erase(named->second, &held);
    if (named->second.empty()) {
      index_.erase(named);
    }
  };
  drop(held.entry.value);
  std::ranges::for_each(held.entry.aliases, drop);
  if (screening_) {
    screening_->Remove(entry->first);
  }
  if (clearing_) {
    ForEachClearance(held.entry, [&](const Clearance& each) { clearing_->Remove(each); });
  }
  bytes_ -= BytesOf(held.entry);
  entries_.erase(entry);
}

const ListState::Held* ListState::Find(const Datum& value, int64_t at_us) const {
  auto found = index_.find(KeyOf(value));
  if (found == index_.end()) {
    return nullptr;
  }
  for (const Held* held : found->second) {
    if (held->entry.valid_at(at_us)) {
      return held;
    }
  }
  return nullptr;
}

const ListState::Held* ListState::Get(const ListEntryId& id) const {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<ListState::Held> ListState::Page(const std::optional<ListEntryId>& after,
                                             size_t count) const {
  std::vector<Held> page;
  for (auto it = after ? entries_.upper_bound(*after) : entries_.begin();
       it != entries_.end() && page.size() < count; ++it) {
    page.push_back(it->second);
  }
  return page;
}

std::vector<ListState::Held> ListState::Named(const Datum& value) const {
  std::vector<Held> named;
  if (auto found = index_.find(KeyOf(value)); found != index_.end()) {
    for (const Held* held : found->second) {
      named.push_back(*held);
    }
  }
  return named;
}

void ListState::ForEach(const std::function<void(const Held&)>& visit) const {
  for (const auto& [id, held] : entries_) {
    visit(held);
  }
}

void ListState::Save(ByteWriter& writer) const {
  writer.Varint(entries_.size());
  for (const auto& [id, held] : entries_) {
    WriteListEntry(held.entry, writer);
    writer.Varint(held.ref.record);
    writer.Varint(held.ref.number);
  }
}

bool ListState::Restore(ByteReader& reader) {
  screening_.reset();
  clearing_.reset();
  entries_.clear();
  index_.clear();
  bytes_ = 0;
  const uint64_t count = reader.Varint();
  std::optional<ListEntryId> last;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const ListEntry entry = ReadListEntry(reader);
    const uint64_t record = reader.Varint();
    const uint64_t number = reader.Varint();
    if (!reader.ok() || !CheckEntry(*list_, entry) || (last && entry.id() <= *last)) {
      return false;
    }
    Put(entry, {record, number});
    last = entry.id();
  }
  return reader.ok();
}

}  // namespace fuqi::decide
