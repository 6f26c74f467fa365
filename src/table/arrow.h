#pragma once

// Columns in memory by the Arrow C data and stream interfaces, the form in which engines hand over
// their results: owned structs, and a reader that turns batches into typed rows.
// [Arrow specification, "The Arrow C data interface" and "The Arrow C stream interface"]
//
// Threads: none of these types is for more than one thread at a time.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "table/datum.h"

// As the specification gives them, with its guards, so that any other header may define them too.
extern "C" {

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};

#endif  // ARROW_C_DATA_INTERFACE

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream*, struct ArrowSchema* out);
  int (*get_next)(struct ArrowArrayStream*, struct ArrowArray* out);
  const char* (*get_last_error)(struct ArrowArrayStream*);
  void (*release)(struct ArrowArrayStream*);
  void* private_data;
};

#endif  // ARROW_C_STREAM_INTERFACE

}  // extern "C"

namespace fuqi::table {

// One of the three structs, released when it dies; moved as the specification says (bytes copied,
// the source marked released).
template <class T>
class Owned {
 public:
  Owned() = default;
  // Takes over what a C function has filled in.
  explicit Owned(T raw) : raw_(raw) {}
  Owned(Owned&& other) noexcept : raw_(std::exchange(other.raw_, T{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Owned() {
    if (raw_.release != nullptr) {
      raw_.release(&raw_);
    }
  }

  bool empty() const { return raw_.release == nullptr; }
  T* get() { return &raw_; }
  const T* operator->() const { return &raw_; }
  // Hands the struct to a C function, which then owns it.
  T Take() { return std::exchange(raw_, T{}); }

 private:
  T raw_{};
};

using OwnedSchema = Owned<ArrowSchema>;
using OwnedArray = Owned<ArrowArray>;
using OwnedStream = Owned<ArrowArrayStream>;

// Where batches come from: an engine at work.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  // The columns' Arrow types; asked for once, first.
  virtual Result<OwnedSchema> ReadSchema() = 0;
  // The next batch, or an empty one at the end. After an error nothing more is asked.
  virtual Result<OwnedArray> NextBatch() = 0;
};

// Batches of any Arrow producer.
std::unique_ptr<BatchSource> SourceOf(OwnedStream stream);

// Typed rows out of batches.
//
// Arrow types read: null, boolean, (u)int8…64, float64, decimal128, utf8, large utf8, utf8 view,
// date32, timestamp[us] without zone, interval of months, days and nanoseconds (whole
// microseconds). decimal128(38, 0) is read as HUGEINT, which is how DuckDB exports that type; every
// DECIMAL(38, 0) is one. Batches may be empty, sliced (offset), and without a validity bitmap.
class RowStream {
 public:
  // kUnsupported names a column of another type. `declared`, if given, says which types the engine
  // itself gives its columns, and settles what Arrow cannot tell (DECIMAL(38,0) or HUGEINT).
  static Result<RowStream> Open(std::unique_ptr<BatchSource> source,
                                std::optional<Schema> declared = std::nullopt);
  RowStream(RowStream&&) noexcept;
  RowStream& operator=(RowStream&&) noexcept;
  ~RowStream();

  const Schema& schema() const;
  // The next row, nothing at the end. Its texts live until the next call; Row keeps them longer.
  // kCorrupt: a batch that does not follow its schema. kOutOfRange: a value that is not one of its
  // type, as text that is not UTF-8, or what DuckDB makes of '1.574e2' as DECIMAL(4,2). Otherwise
  // the engine's errors.
  Result<std::optional<std::span<const Datum>>> Next();
  // All rows that are left.
  Result<std::vector<Row>> ReadAll();

 private:
  struct Impl;
  explicit RowStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The other way: rows as an Arrow stream, in batches of kRowsPerBatch. Each value must be NULL or
// of its column's kind and range (FUQI_CHECK). HUGEINT goes out as decimal128(38, 0), text as large
// utf8.
inline constexpr size_t kRowsPerBatch = 2048;
OwnedStream StreamOfRows(Schema schema, std::vector<Row> rows);
// What such a stream gives as its schema.
OwnedSchema ArrowSchemaOf(const Schema& schema);

}  // namespace fuqi::table
