#include "base/csv.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace fuqi {

ByteSource MemorySource(std::string_view text) {
  return [text](std::span<uint8_t> out) mutable -> Result<size_t> {
    const size_t count = std::min(out.size(), text.size());
    std::memcpy(out.data(), text.data(), count);
    text.remove_prefix(count);
    return count;
  };
}

ByteSource FileSource(const File& file) {
  return [&file, offset = uint64_t{0}](std::span<uint8_t> out) mutable -> Result<size_t> {
    FUQI_ASSIGN_OR_RETURN(size_t count, file.Read(offset, out));
    offset += count;
    return count;
  };
}

// The next bytes of the source; false at its end.
Result<bool> CsvReader::Fill() {
  constexpr size_t kBufferBytes = size_t{64} << 10;
  constexpr std::array<uint8_t, 3> kMark = {0xef, 0xbb, 0xbf};
  buffer_.resize(kBufferBytes);
  position_ = 0;
  size_t filled = 0;
  do {
    const Result<size_t> count = source_(std::span(buffer_).subspan(filled));
    if (!count) {
      buffer_.clear();
      return Error(count.error()).At({.file = file_});
    }
    if (*count == 0) {
      break;
    }
    filled += *count;
  } while (!begun_ && filled < kMark.size());
  buffer_.resize(filled);
  if (!begun_ && filled >= kMark.size() &&
      std::equal(kMark.begin(), kMark.end(), buffer_.begin())) {
    position_ = kMark.size();
  }
  begun_ = true;
  return filled > 0;
}

// The next byte without taking it; kEnd at the end.
Result<int> CsvReader::Peek() {
  while (position_ == buffer_.size()) {
    FUQI_ASSIGN_OR_RETURN(const bool more, Fill());
    if (!more) {
      return kEnd;
    }
  }
  return buffer_[position_];
}

Result<int> CsvReader::Take() {
  FUQI_ASSIGN_OR_RETURN(int c, Peek());
  if (c == kEnd) {
    return c;
  }
  ++position_;
  line_ += c == '\n';
  if (++record_bytes_ > kRecordBytesMax) {
    return Fail(
        Err(ErrorCode::kResourceExhausted, "a record of more than {} bytes", kRecordBytesMax));
  }
  if (c == 0) {
    return Fail(Err(ErrorCode::kParse, "a NUL byte: this is no text"));
  }
  return c;
}

Result<bool> CsvReader::Next(std::vector<std::string>& fields) {
  fields.clear();
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(int c, Peek());
    if (c == kEnd) {
      return false;
    }
    if (c != '\n' && c != '\r') {
      break;
    }
    FUQI_RETURN_IF_ERROR(Take());
  }
  record_line_ = line_;
  record_bytes_ = 0;
  for (;;) {
    FUQI_RETURN_IF_ERROR(ReadField(fields.emplace_back()));
    FUQI_ASSIGN_OR_RETURN(int c, Take());
    if (c != ',') {
      return true;  // a line end or the end: ReadField stops at nothing else
    }
    if (fields.size() == kFieldsMax) {
      return Fail(
          Err(ErrorCode::kResourceExhausted, "a record of more than {} fields", kFieldsMax));
    }
  }
}

Result<void> CsvReader::ReadField(std::string& field) {
  FUQI_ASSIGN_OR_RETURN(int c, Peek());
  if (c == '"') {
    return ReadQuoted(field);
  }
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(c, Peek());
    if (c == kEnd || c == ',' || c == '\n') {
      return {};
    }
    FUQI_RETURN_IF_ERROR(Take());
    if (c == '"') {
      return Fail(Err(ErrorCode::kParse,
                      "a quote within a field: put the whole field in quotes and write it twice"));
    }
    if (c == '\r') {
      FUQI_ASSIGN_OR_RETURN(int next, Peek());
      if (next == '\n' || next == kEnd) {
        return {};
      }
    }
    field += static_cast<char>(c);
  }
}

Result<void> CsvReader::ReadQuoted(std::string& field) {
  const int begin = line_;
  FUQI_RETURN_IF_ERROR(Take());
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(int c, Take());
    if (c == kEnd) {
      return Err(ErrorCode::kParse, "a quote that is never closed")
          .At({.file = file_, .line = begin});
    }
    if (c != '"') {
      field += static_cast<char>(c);
      continue;
    }
    FUQI_ASSIGN_OR_RETURN(c, Peek());
    if (c == '"') {
      field += '"';
      FUQI_RETURN_IF_ERROR(Take());
      continue;
    }
    // OFAC's files put a space behind what ends here.
    while (c == ' ' || c == '\r') {
      FUQI_RETURN_IF_ERROR(Take());
      FUQI_ASSIGN_OR_RETURN(c, Peek());
    }
    if (c != kEnd && c != ',' && c != '\n') {
      return Fail(Err(ErrorCode::kParse, "something stands behind a closing quote"));
    }
    return {};
  }
}

}  // namespace fuqi
