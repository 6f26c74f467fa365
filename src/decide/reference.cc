#include "decide/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "decide/check_text.h"

namespace fuqi::decide {
namespace {

using table::Datum;

constexpr size_t kTextBytesMax = 1'000;  // of one value
constexpr uint64_t kValueBytes = 32;     // that one takes in memory, beside its text

uint64_t BytesOf(const table::Row& row) {
  uint64_t bytes = row.size() * kValueBytes;
  for (const Datum& value : row.values()) {
    bytes += value.kind == Datum::Kind::kText ? value.t.size : 0;
  }
  return bytes;
}

Result<void> CheckBounds(const Reference& reference, uint64_t rows, uint64_t bytes) {
  if (rows > static_cast<uint64_t>(reference.rows_max) ||
      bytes > static_cast<uint64_t>(reference.bytes_max)) {
    return Err(ErrorCode::kOutOfRange,
               "table '{}' would have {} rows of {} bytes; the pack allows {} of {}",
               reference.name, rows, bytes, reference.rows_max, reference.bytes_max);
  }
  return {};
}

Result<void> CheckValue(const table::Column& column, const Datum& value) {
  if (value.is_null()) {
    return column.nullable
               ? Result<void>()
               : Err(ErrorCode::kInvalidArgument, "a value is missing, and the column needs one");
  }
  if (value.kind != table::KindOf(column.type) || !table::InRange(value, column.type)) {
    return Err(ErrorCode::kTypeMismatch, "the value is none of {}", column.type.ToString());
  }
  return value.kind == Datum::Kind::kText ? CheckText(value.text(), kTextBytesMax, column.name)
                                          : Result<void>();
}

// The header's columns, as indexes into the schema.
Result<std::vector<size_t>> ReadHeader(const table::Schema& schema,
                                       const std::vector<std::string>& fields) {
  std::vector<std::string> names;
  for (const table::Column& column : schema) {
    names.push_back(column.name);
  }
  std::vector<size_t> columns;
  for (const std::string& field : fields) {
    const auto found = std::ranges::find(names, field);
    if (found == names.end() ||
        std::ranges::find(columns, size_t(found - names.begin())) != columns.end()) {
      return Err(ErrorCode::kParse, "the header must name each of these columns once: {}",
                 fmt::format("{}", fmt::join(names, ", ")));
    }
    columns.push_back(found - names.begin());
  }
  if (columns.size() != names.size()) {
    return Err(ErrorCode::kParse, "the header must name each of these columns once: {}",
               fmt::format("{}", fmt::join(names, ", ")));
  }
  return columns;
}

Result<table::Row> ReadRow(const table::Schema& schema, const std::vector<std::string>& fields,
                           const std::vector<size_t>& columns) {
  if (fields.size() != columns.size()) {
    return Err(ErrorCode::kParse, "{} fields; the header names {}", fields.size(), columns.size());
  }
  table::Row row(schema.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    const table::Column& column = schema[columns[i]];
    if (fields[i].empty()) {
      continue;
    }
    std::string text = fields[i];
    if (column.type.id == table::TypeId::kTimestamp && text.size() == 10) {
      text += " 00:00:00";  // a day is its beginning
    }
    Result<Datum> value = table::ParseText(text, column.type);
    if (!value) {
      return Err(ErrorCode::kTypeMismatch, "the value is none of {}", column.type.ToString())
          .At({.field = column.name});
    }
    row.Set(columns[i], *value);
  }
  return row;
}

}  // namespace

Result<void> CheckRow(const Reference& reference, const table::Row& row) {
  if (row.size() != reference.schema.size()) {
    return Err(ErrorCode::kInvalidArgument, "a row of {} values; table '{}' has {} columns",
               row.size(), reference.name, reference.schema.size());
  }
  for (size_t i = 0; i < row.size(); ++i) {
    FUQI_RETURN_IF_ERROR(
        CheckValue(reference.schema[i], row[i]).At({.field = reference.schema[i].name}));
  }
  return {};
}

Result<std::vector<table::Row>> ReadReferenceCsv(CsvReader& reader, const Reference& reference) {
  std::vector<std::string> fields;
  FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
  Result<std::vector<size_t>> columns = ReadHeader(reference.schema, fields);
  if (!columns) {
    return std::move(columns).error().At(reader.where());
  }
  std::vector<table::Row> rows;
  std::set<Bytes> seen;
  uint64_t bytes = 0;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(more, reader.Next(fields));
    if (!more) {
      return rows;
    }
    FUQI_ASSIGN_OR_RETURN(table::Row row,
                          ReadRow(reference.schema, fields, *columns).At(reader.where()));
    FUQI_RETURN_IF_ERROR(CheckRow(reference, row).At(reader.where()));
    Bytes id;
    table::EncodeRow(reference.key_schema(), row.values().first(reference.keys + 1), id);
    if (!seen.insert(std::move(id)).second) {
      return Err(ErrorCode::kAlreadyExists, "a second row of this key and time").At(reader.where());
    }
    bytes += BytesOf(row);
    rows.push_back(std::move(row));
    FUQI_RETURN_IF_ERROR(CheckBounds(reference, rows.size(), bytes).At(reader.where()));
  }
}

ReferenceState::ReferenceState(const Reference& reference) : reference_(&reference) {
  for (const table::Row& row : reference.rows) {
    Put(row);
  }
}

std::string ReferenceState::KeyOf(std::span<const Datum> keys) const {
  // Exact values by their own bytes, texts with their length: no two keys have one form.
  std::string key;
  for (const Datum& value : keys) {
    if (value.kind == Datum::Kind::kText) {
      key += fmt::format("{}:", value.t.size);
      key += value.text();
    } else {
      FUQI_CHECK(value.kind == Datum::Kind::kInt);
      key.append(reinterpret_cast<const char*>(&value.i), sizeof(value.i));
    }
  }
  return key;
}

int64_t ReferenceState::TimeOf(const table::Row& row) const {
  return static_cast<int64_t>(row[reference_->keys].i);
}

Result<void> ReferenceState::CheckRoom(const std::vector<table::Row>& rows) const {
  uint64_t size = size_;
  uint64_t bytes = bytes_;
  for (const table::Row& row : rows) {
    const table::Row* held = Get(row);
    size += held == nullptr;
    bytes += BytesOf(row) - (held == nullptr ? 0 : BytesOf(*held));
  }
  return CheckBounds(*reference_, size, bytes);
}

const table::Row* ReferenceState::Get(const table::Row& row) const {
  const auto found = rows_.find(KeyOf(row.values().first(reference_->keys)));
  if (found == rows_.end()) {
    return nullptr;
  }
  const auto version = found->second.find(TimeOf(row));
  return version == found->second.end() ? nullptr : &version->second;
}

void ReferenceState::Put(const table::Row& row) {
  if (const table::Row* held = Get(row)) {
    bytes_ -= BytesOf(*held);
    --size_;
  }
  bytes_ += BytesOf(row);
  ++size_;
  rows_[KeyOf(row.values().first(reference_->keys))].insert_or_assign(TimeOf(row), row);
}

const table::Row* ReferenceState::Find(std::span<const Datum> keys, int64_t at_us) const {
  const auto found = rows_.find(KeyOf(keys));
  if (found == rows_.end()) {
    return nullptr;
  }
  const auto behind = found->second.upper_bound(at_us);
  return behind == found->second.begin() ? nullptr : &std::prev(behind)->second;
}

std::vector<table::Row> ReferenceState::Rows() const {
  std::map<std::string, const std::map<int64_t, table::Row>*> sorted;
  for (const auto& [key, versions] : rows_) {
    sorted.emplace(key, &versions);
  }
  std::vector<table::Row> rows;
  for (const auto& [key, versions] : sorted) {
    for (const auto& [from, row] : *versions) {
      rows.push_back(row);
    }
  }
  return rows;
}

void ReferenceState::Save(ByteWriter& writer) const {
  writer.Varint(size_);
  Bytes encoded;
  for (const table::Row& row : Rows()) {
    encoded.clear();
    table::EncodeRow(reference_->schema, row.values(), encoded);
    writer.Blob(encoded);
  }
}

bool ReferenceState::Restore(ByteReader& reader) {
  rows_.clear();
  size_ = 0;
  bytes_ = 0;
  const uint64_t count = reader.Varint();
  std::optional<std::pair<std::string, int64_t>> last;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    const Result<table::Row> row = table::DecodeRow(reference_->schema, reader.Blob());
    if (!reader.ok() || !row || !CheckRow(*reference_, *row)) {
      return false;
    }
    const std::pair id(KeyOf(row->values().first(reference_->keys)), TimeOf(*row));
    if (last && id <= *last) {
      return false;
    }
    Put(*row);
    last = id;
  }
  return reader.ok();
}

}  // namespace fuqi::decide
