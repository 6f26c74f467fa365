#pragma once

// The checks behind OpenInput, one for each kind of text file, and what they share.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/result.h"
#include "table/inputs.h"

namespace fuqi::table {

// The bytes of a text file one by one, after its byte order mark, in blocks.
class ByteSource {
 public:
  static constexpr int kEnd = -1;

  explicit ByteSource(const File& file) : file_(file), block_(kBlockBytes) {}

  // The next byte; kEnd after the last, and when the file cannot be read: ask Check() then.
  int Next() {
    if (at_ == size_) [[unlikely]] {
      Fill();
      if (size_ == 0) {
        return kEnd;
      }
    }
    return block_[at_++];
  }
  // The same without taking it.
  int Peek() {
    const int byte = Next();
    at_ -= byte == kEnd ? 0 : 1;
    return byte;
  }
  Result<void> Check() const { return error_ ? Result<void>(*error_) : Result<void>(); }

 private:
  static constexpr size_t kBlockBytes = size_t{1} << 16;

  void Fill();

  const File& file_;
  Bytes block_;
  size_t at_ = 0;
  size_t size_ = 0;
  uint64_t offset_ = 0;
  std::optional<Error> error_;
};

// Sees to it that all lines of a file end in one way.
class LineEnds {
 public:
  // `end` is "\n", "\r\n" or "\r".
  Result<void> Check(std::string_view end) {
    if (first_.empty()) {
      first_ = end;
    }
    return first_ == end ? Result<void>() : Mixed(end);
  }

 private:
  Error Mixed(std::string_view end) const;

  std::string_view first_;
};

// Errors carry line and column; OpenInput adds the file.
Result<void> CheckCsv(const File& file, const InputSpec& spec);
Result<void> CheckJsonLines(const File& file, const InputSpec& spec);

// One JSON object: every declared column has a value that DuckDB reads without changing it. The
// column of an error is of the line.
Result<void> CheckJsonObject(std::string_view line, const Schema& columns);

}  // namespace fuqi::table
