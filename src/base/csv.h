#pragma once

// Comma-separated values as RFC 4180 has them, read from a stream of bytes, a record at a time: a
// field is bare or in double quotes (two within them are one), a record ends with \n, \r\n or the
// end. Empty lines are passed over, and so is a byte-order mark at the beginning. Bytes need not be
// UTF-8: that is for the reader of the fields.
//
//   CsvReader reader("list.csv", MemorySource(text));
//   while (true) {
//     FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
//     if (!more) break;
//     … reader.where()
//   }

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/result.h"

namespace fuqi {

// Puts the next bytes into the buffer, as many as there are at hand; none only at the end.
using ByteSource = std::function<Result<size_t>(std::span<uint8_t>)>;
// `text` must live as long as the source.
ByteSource MemorySource(std::string_view text);
// From the file's beginning.
ByteSource FileSource(const File& file);

class CsvReader {
 public:
  static constexpr size_t kRecordBytesMax = size_t{1} << 20;
  static constexpr size_t kFieldsMax = 1000;

  CsvReader(std::string file, ByteSource source)
      : file_(std::move(file)), source_(std::move(source)) {}

  // False at the end. kParse: a quote within a bare field, something behind a closing quote, a
  // quote that is never closed, a NUL byte; kResourceExhausted beyond the bounds; what the source
  // says. Errors are placed.
  Result<bool> Next(std::vector<std::string>& fields);

  // Where the record that Next gave last begins.
  Where where() const { return {.file = file_, .line = record_line_}; }

 private:
  static constexpr int kEnd = -1;

  Result<bool> Fill();
  Result<int> Peek();
  Result<int> Take();
  Result<void> ReadField(std::string& field);
  Result<void> ReadQuoted(std::string& field);
  Error Fail(Error error) const { return std::move(error).At({.file = file_, .line = line_}); }

  std::string file_;
  ByteSource source_;
  std::vector<uint8_t> buffer_;
  size_t position_ = 0;
  bool begun_ = false;
  int line_ = 1;
  int record_line_ = 0;
  size_t record_bytes_ = 0;
};

}  // namespace fuqi
