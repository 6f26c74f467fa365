#include "table/arrow.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "base/decimal.h"
#include "base/utf8.h"

namespace fuqi::table {
namespace {

class StreamSource : public BatchSource {
 public:
  explicit StreamSource(OwnedStream stream) : stream_(std::move(stream)) {}

  Result<OwnedSchema> ReadSchema() override {
    OwnedSchema schema;
    FUQI_RETURN_IF_ERROR(Check(stream_->get_schema(stream_.get(), schema.get())));
    return schema;
  }
  Result<OwnedArray> NextBatch() override {
    OwnedArray array;
    FUQI_RETURN_IF_ERROR(Check(stream_->get_next(stream_.get(), array.get())));
    return array;
  }

 private:
  Result<void> Check(int error) {
    if (error == 0) {
      return {};
    }
    const char* detail = stream_->get_last_error(stream_.get());
    const ErrorCode code = error == ECANCELED   ? ErrorCode::kCancelled
                           : error == ETIMEDOUT ? ErrorCode::kDeadlineExceeded
                           : error == ENOMEM    ? ErrorCode::kResourceExhausted
                                                : ErrorCode::kIo;
    return Err(code, "the engine's rows cannot be read: {}",
               detail != nullptr ? detail : std::strerror(error));
  }

  OwnedStream stream_;
};

// How the values of one column lie in memory.
enum class Layout : uint8_t {
  kNull,
  kBits,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kInt128,
  kDouble,
  kText32,
  kText64,
  kTextView,
  kInterval,
};

struct ColumnReader {
  Layout layout = Layout::kNull;
  Type type;
};

struct ArrowInterval {
  int32_t months;
  int32_t days;
  int64_t nanos;
};

// A string view of Arrow: 12 bytes in place, or a prefix and a place in a data buffer.
struct ArrowView {
  int32_t size;
  union {
    char in_place[12];
    struct {
      char prefix[4];
      int32_t buffer;
      int32_t offset;
    } far;
  };
};
static_assert(sizeof(ArrowView) == 16 && sizeof(ArrowInterval) == 16);

Result<ColumnReader> ReaderFor(const ArrowSchema& schema, std::string_view name) {
  const std::string_view format = schema.format;
  constexpr std::array<std::pair<std::string_view, ColumnReader>, 17> kSimple = {{
      {"n", {Layout::kNull, {TypeId::kNull}}},
      {"b", {Layout::kBits, {TypeId::kBoolean}}},
      {"c", {Layout::kInt8, {TypeId::kTinyInt}}},
      {"s", {Layout::kInt16, {TypeId::kSmallInt}}},
      {"i", {Layout::kInt32, {TypeId::kInteger}}},
      {"l", {Layout::kInt64, {TypeId::kBigInt}}},
      {"C", {Layout::kUInt8, {TypeId::kUTinyInt}}},
      {"S", {Layout::kUInt16, {TypeId::kUSmallInt}}},
      {"I", {Layout::kUInt32, {TypeId::kUInteger}}},
      {"L", {Layout::kUInt64, {TypeId::kUBigInt}}},
      {"g", {Layout::kDouble, {TypeId::kDouble}}},
      {"u", {Layout::kText32, {TypeId::kVarchar}}},
      {"U", {Layout::kText64, {TypeId::kVarchar}}},
      {"vu", {Layout::kTextView, {TypeId::kVarchar}}},
      {"tdD", {Layout::kInt32, {TypeId::kDate}}},
      {"tsu:", {Layout::kInt64, {TypeId::kTimestamp}}},
      {"tin", {Layout::kInterval, {TypeId::kInterval}}},
  }};
  if (schema.dictionary == nullptr) {
    for (const auto& [text, reader] : kSimple) {
      if (format == text) {
        return reader;
      }
    }
    int width = 0;
    int scale = 0;
    if (format.starts_with("d:")) {
      const char* end = format.data() + format.size();
      const auto [comma, bad_width] = std::from_chars(format.data() + 2, end, width);
      if (bad_width == std::errc() && comma != end && *comma == ',') {
        const auto [rest, bad_scale] = std::from_chars(comma + 1, end, scale);
        // "d:w,s" or "d:w,s,128"; other bit widths are other layouts.
        const std::string_view bits(rest, static_cast<size_t>(end - rest));
        if (bad_scale == std::errc() && (bits.empty() || bits == ",128") && width >= 1 &&
            width <= kMaxDecimalWidth && scale >= 0 && scale <= width) {
          const Type type = width == kMaxDecimalWidth && scale == 0
                                ? Type{TypeId::kHugeInt}
                                : Decimal(static_cast<uint8_t>(width), static_cast<uint8_t>(scale));
          return ColumnReader{Layout::kInt128, type};
        }
      }
    }
  }
  return Err(ErrorCode::kUnsupported,
             "column {} comes as Arrow type \"{}\", which is not supported: cast it", name, format);
}

bool BitAt(const void* bitmap, int64_t i) {
  return (static_cast<const uint8_t*>(bitmap)[i / 8] >> (i % 8) & 1) != 0;
}

template <class T>
T At(const void* values, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(values) + i * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

template <class Offset>
std::optional<std::string_view> TextAt(const ArrowArray& array, int64_t i) {
  const Offset begin = At<Offset>(array.buffers[1], i);
  const Offset end = At<Offset>(array.buffers[1], i + 1);
  if (begin < 0 || end < begin) {
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(array.buffers[2]) + begin,
                          static_cast<size_t>(end - begin));
}

std::optional<std::string_view> ViewAt(const ArrowArray& array, int64_t i) {
  const auto* view = static_cast<const ArrowView*>(array.buffers[1]) + i;
  if (view->size < 0) {
    return std::nullopt;
  }
  const auto size = static_cast<size_t>(view->size);
  if (size <= sizeof view->in_place) {
    return std::string_view(view->in_place, size);
  }
  // Buffers: validity, views, data…, and the data buffers' sizes as the last.
  const int64_t data_buffers = array.n_buffers - 3;
  if (view->far.buffer < 0 || view->far.buffer >= data_buffers || view->far.offset < 0) {
    return std::nullopt;
  }
  const auto total = At<int64_t>(array.buffers[array.n_buffers - 1], view->far.buffer);
  if (view->far.offset > total || view->size > total - view->far.offset) {
    return std::nullopt;
  }
  return std::string_view(
      static_cast<const char*>(array.buffers[2 + view->far.buffer]) + view->far.offset, size);
}

int64_t BuffersOf(Layout layout) {
  switch (layout) {
    case Layout::kNull:
      return 0;
    case Layout::kText32:
    case Layout::kText64:
    case Layout::kTextView:
      return 3;
    default:
      return 2;
  }
}

// The value at `i` counted from the array's buffers; nothing if the array does not follow its type.
std::optional<Datum> Value(const ColumnReader& column, const ArrowArray& array, int64_t i) {
  if (column.layout == Layout::kNull ||
      (array.null_count != 0 && array.buffers[0] != nullptr && !BitAt(array.buffers[0], i))) {
    return Datum::Null();
  }
  const void* values = array.buffers[1];
  auto text = [](std::optional<std::string_view> found) -> std::optional<Datum> {
    return found && IsUtf8(*found) ? std::optional(Datum::Text(*found)) : std::nullopt;
  };
  switch (column.layout) {
    case Layout::kNull:
      return Datum::Null();
    case Layout::kBits:
      return Datum::Bool(BitAt(values, i));
    case Layout::kInt8:
      return Datum::Int(At<int8_t>(values, i));
    case Layout::kInt16:
      return Datum::Int(At<int16_t>(values, i));
    case Layout::kInt32:
      return Datum::Int(At<int32_t>(values, i));
    case Layout::kInt64:
      return Datum::Int(At<int64_t>(values, i));
    case Layout::kUInt8:
      return Datum::Int(At<uint8_t>(values, i));
    case Layout::kUInt16:
      return Datum::Int(At<uint16_t>(values, i));
    case Layout::kUInt32:
      return Datum::Int(At<uint32_t>(values, i));
    case Layout::kUInt64:
      return Datum::Int(At<uint64_t>(values, i));
    case Layout::kInt128: {
      const Datum datum = Datum::Int(At<int128>(values, i));
      return InRange(datum, column.type) ? std::optional(datum) : std::nullopt;
    }
    case Layout::kDouble:
      return Datum::Double(At<double>(values, i));
    case Layout::kText32:
      return text(TextAt<int32_t>(array, i));
    case Layout::kText64:
      return text(TextAt<int64_t>(array, i));
    case Layout::kTextView:
      return text(ViewAt(array, i));
    case Layout::kInterval: {
      const auto raw = At<ArrowInterval>(values, i);
      if (raw.nanos % 1000 != 0) {
        return std::nullopt;
      }
      return Datum::Of(Interval{raw.months, raw.days, raw.nanos / 1000});
    }
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<BatchSource> SourceOf(OwnedStream stream) {
  return std::make_unique<StreamSource>(std::move(stream));
}

struct RowStream::Impl {
  std::unique_ptr<BatchSource> source;
  Schema schema;
  std::vector<ColumnReader> columns;
  OwnedArray batch;
  int64_t next = 0;  // row of the batch
  bool ended = false;
  std::vector<Datum> row;

  // Takes the next batch that has rows; false at the end.
  Result<bool> Advance() {
    while (!ended && (batch.empty() || next >= batch->length)) {
      batch = OwnedArray();
      next = 0;
      auto read = source->NextBatch();
      ended = !read.has_value() || read->empty();
      FUQI_ASSIGN_OR_RETURN(batch, std::move(read));
      if (!ended) {
        FUQI_RETURN_IF_ERROR(CheckBatch());
      }
    }
    return !ended;
  }

  Result<void> CheckBatch() {
    bool good = batch->n_children == static_cast<int64_t>(columns.size()) && batch->length >= 0 &&
                batch->offset >= 0 && batch->null_count <= 0;
    for (size_t i = 0; i < columns.size() && good; ++i) {
      const ArrowArray& child = *batch->children[i];
      const int64_t buffers = BuffersOf(columns[i].layout);
      good = child.offset >= 0 && child.length >= batch->offset + batch->length &&
             (columns[i].layout == Layout::kTextView ? child.n_buffers >= buffers
                                                     : child.n_buffers == buffers) &&
             (buffers == 0 || batch->length == 0 || child.buffers[1] != nullptr);
    }
    if (!good) {
      ended = true;
      return Err(ErrorCode::kCorrupt, "the engine gave a batch that does not follow its schema");
    }
    return {};
  }
};

RowStream::RowStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RowStream::RowStream(RowStream&&) noexcept = default;
RowStream& RowStream::operator=(RowStream&&) noexcept = default;
RowStream::~RowStream() = default;

const Schema& RowStream::schema() const { return impl_->schema; }

Result<RowStream> RowStream::Open(std::unique_ptr<BatchSource> source,
                                  std::optional<Schema> declared) {
  auto impl = std::make_unique<Impl>();
  FUQI_ASSIGN_OR_RETURN(OwnedSchema arrow, source->ReadSchema());
  if (arrow.empty() || std::string_view(arrow->format) != "+s") {
    return Err(ErrorCode::kCorrupt, "the engine's result is no table");
  }
  if (declared && static_cast<int64_t>(declared->size()) != arrow->n_children) {
    return Err(ErrorCode::kCorrupt, "the engine gave a batch that does not follow its schema");
  }
  for (int64_t i = 0; i < arrow->n_children; ++i) {
    const ArrowSchema& child = *arrow->children[i];
    const std::string name = child.name != nullptr ? child.name : "";
    if (!IsUtf8(name)) {
      return Err(ErrorCode::kCorrupt, "the engine gave a column whose name is not UTF-8");
    }
    FUQI_ASSIGN_OR_RETURN(ColumnReader reader, ReaderFor(child, name));
    if (declared) {
      const Type type = (*declared)[static_cast<size_t>(i)].type;
      if (reader.layout == Layout::kInt128 &&
          (type == Decimal(kMaxDecimalWidth, 0) || type.id == TypeId::kHugeInt)) {
        reader.type = type;
      }
      if (reader.type != type) {
        return Err(ErrorCode::kCorrupt, "the engine gave a batch that does not follow its schema");
      }
    }
    impl->columns.push_back(reader);
    impl->schema.push_back({name, reader.type, (child.flags & ARROW_FLAG_NULLABLE) != 0});
  }
  impl->row.resize(impl->columns.size());
  impl->source = std::move(source);
  return RowStream(std::move(impl));
}

Result<std::optional<std::span<const Datum>>> RowStream::Next() {
  FUQI_ASSIGN_OR_RETURN(const bool more, impl_->Advance());
  if (!more) {
    return std::optional<std::span<const Datum>>();
  }
  const int64_t i = impl_->batch->offset + impl_->next++;
  for (size_t c = 0; c < impl_->columns.size(); ++c) {
    const ArrowArray& child = *impl_->batch->children[c];
    const auto value = Value(impl_->columns[c], child, child.offset + i);
    if (!value) {
      impl_->ended = true;
      impl_->batch = OwnedArray();
      return Err(ErrorCode::kOutOfRange,
                 "the engine gave a value in column {} that is not one of {}",
                 impl_->schema[c].name, impl_->schema[c].type.ToString());
    }
    impl_->row[c] = *value;
  }
  return std::optional(std::span<const Datum>(impl_->row));
}

Result<std::vector<Row>> RowStream::ReadAll() {
  std::vector<Row> rows;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(const auto row, Next());
    if (!row) {
      return rows;
    }
    rows.emplace_back(*row);
  }
}

namespace {

// What an exported struct points to, deleted by its release. Each child has a holder of its own,
// since a consumer may move children out and let the parent die first.
struct SchemaHolder {
  std::string name;
  std::string format;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
};

struct ArrayHolder {
  std::vector<uint8_t> validity;
  std::vector<uint8_t> values;  // or offsets
  std::vector<char> text;
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
};

struct RowsHolder {
  Schema schema;
  std::vector<Row> rows;
  size_t next = 0;
  std::string error;
};

template <class T, class Holder>
void Release(T* raw) {
  auto* holder = static_cast<Holder*>(raw->private_data);
  for (T& child : holder->children) {
    if (child.release != nullptr) {
      child.release(&child);
    }
  }
  delete holder;
  raw->release = nullptr;
}

std::string FormatOf(Type type) {
  switch (type.id) {
    case TypeId::kNull:
      return "n";
    case TypeId::kBoolean:
      return "b";
    case TypeId::kTinyInt:
      return "c";
    case TypeId::kSmallInt:
      return "s";
    case TypeId::kInteger:
      return "i";
    case TypeId::kBigInt:
      return "l";
    case TypeId::kUTinyInt:
      return "C";
    case TypeId::kUSmallInt:
      return "S";
    case TypeId::kUInteger:
      return "I";
    case TypeId::kUBigInt:
      return "L";
    case TypeId::kHugeInt:
      return "d:38,0";
    case TypeId::kDecimal:
      return "d:" + std::to_string(type.width) + "," + std::to_string(type.scale);
    case TypeId::kDouble:
      return "g";
    case TypeId::kVarchar:
      return "U";
    case TypeId::kDate:
      return "tdD";
    case TypeId::kTimestamp:
      return "tsu:";
    case TypeId::kInterval:
      return "tin";
  }
  return "n";
}

template <class T>
void Append(std::vector<uint8_t>& out, T value) {
  const auto* p = reinterpret_cast<const uint8_t*>(&value);
  out.insert(out.end(), p, p + sizeof(T));
}

// False where Arrow's type cannot hold the value.
bool AppendValue(const Datum& datum, Type type, size_t i, ArrayHolder& out) {
  switch (type.id) {
    case TypeId::kNull:
      break;
    case TypeId::kBoolean:
      out.values.resize(i / 8 + 1);
      out.values[i / 8] |= static_cast<uint8_t>(datum.is_true() ? 1u << (i % 8) : 0);
      break;
    case TypeId::kTinyInt:
    case TypeId::kUTinyInt:
      Append(out.values, static_cast<uint8_t>(datum.i));
      break;
    case TypeId::kSmallInt:
    case TypeId::kUSmallInt:
      Append(out.values, static_cast<uint16_t>(datum.i));
      break;
    case TypeId::kInteger:
    case TypeId::kUInteger:
    case TypeId::kDate:
      Append(out.values, static_cast<uint32_t>(datum.i));
      break;
    case TypeId::kBigInt:
    case TypeId::kUBigInt:
    case TypeId::kTimestamp:
      Append(out.values, static_cast<uint64_t>(datum.i));
      break;
    case TypeId::kHugeInt:
    case TypeId::kDecimal:
      Append(out.values, datum.i);
      break;
    case TypeId::kDouble:
      Append(out.values, datum.is_null() ? 0.0 : datum.d);
      break;
    case TypeId::kVarchar:
      if (!datum.is_null()) {
        out.text.insert(out.text.end(), datum.t.data, datum.t.data + datum.t.size);
      }
      Append(out.values, static_cast<int64_t>(out.text.size()));
      break;
    case TypeId::kInterval: {
      ArrowInterval raw{};
      if (!datum.is_null()) {
        raw = {datum.interval.months, datum.interval.days, 0};
        if (__builtin_mul_overflow(datum.interval.micros, int64_t{1000}, &raw.nanos)) {
          return false;
        }
      }
      Append(out.values, raw);
      break;
    }
  }
  return true;
}

// A child array of column `c`; a released one where Arrow's type cannot hold a value.
ArrowArray ExportColumn(std::span<const Row> rows, size_t c, Type type) {
  auto holder = std::make_unique<ArrayHolder>();
  ArrowArray array{};
  array.length = static_cast<int64_t>(rows.size());
  holder->validity.resize((rows.size() + 7) / 8);
  if (type.id == TypeId::kVarchar) {
    Append(holder->values, int64_t{0});
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const Datum& datum = rows[i][c];
    FUQI_CHECK(InRange(datum, type));
    array.null_count += datum.is_null() ? 1 : 0;
    holder->validity[i / 8] |= static_cast<uint8_t>(datum.is_null() ? 0 : 1u << (i % 8));
    if (!AppendValue(datum, type, i, *holder)) {
      return {};
    }
  }
  holder->buffers = {holder->validity.data(), holder->values.data(), holder->text.data()};
  array.n_buffers = type.id == TypeId::kNull ? 0 : type.id == TypeId::kVarchar ? 3 : 2;
  array.buffers = holder->buffers.data();
  array.release = Release<ArrowArray, ArrayHolder>;
  array.private_data = holder.release();
  return array;
}

// False where Arrow's types cannot hold a value.
bool ExportBatch(const Schema& schema, std::span<const Row> rows, ArrowArray* out) {
  auto holder = std::make_unique<ArrayHolder>();
  ArrowArray array{};
  array.release = Release<ArrowArray, ArrayHolder>;
  array.length = static_cast<int64_t>(rows.size());
  array.n_buffers = 1;
  array.buffers = holder->buffers.data();
  array.n_children = static_cast<int64_t>(schema.size());
  bool good = true;
  for (size_t c = 0; c < schema.size(); ++c) {
    holder->children.push_back(ExportColumn(rows, c, schema[c].type));
    good = good && holder->children.back().release != nullptr;
  }
  for (ArrowArray& child : holder->children) {
    holder->pointers.push_back(&child);
  }
  array.children = holder->pointers.data();
  array.private_data = holder.release();
  Owned<ArrowArray> owned(array);
  if (good) {
    *out = owned.Take();
  }
  return good;
}

int NextExported(ArrowArrayStream* stream, ArrowArray* out) {
  auto* all = static_cast<RowsHolder*>(stream->private_data);
  const size_t count = std::min(kRowsPerBatch, all->rows.size() - all->next);
  *out = {};
  if (count == 0) {
    return 0;
  }
  if (!ExportBatch(all->schema, std::span(all->rows).subspan(all->next, count), out)) {
    all->error = "Arrow has no INTERVAL beyond 292 years of microseconds";
    return ERANGE;
  }
  all->next += count;
  return 0;
}

}  // namespace

OwnedSchema ArrowSchemaOf(const Schema& schema) {
  auto parent = std::make_unique<SchemaHolder>();
  for (const Column& column : schema) {
    auto holder = std::make_unique<SchemaHolder>();
    holder->name = column.name;
    holder->format = FormatOf(column.type);
    ArrowSchema child{};
    child.format = holder->format.c_str();
    child.name = holder->name.c_str();
    child.flags = column.nullable ? ARROW_FLAG_NULLABLE : 0;
    child.release = Release<ArrowSchema, SchemaHolder>;
    child.private_data = holder.release();
    parent->children.push_back(child);
  }
  for (ArrowSchema& child : parent->children) {
    parent->pointers.push_back(&child);
  }
  ArrowSchema raw{};
  raw.format = "+s";
  raw.name = "";
  raw.n_children = static_cast<int64_t>(schema.size());
  raw.children = parent->pointers.data();
  raw.release = Release<ArrowSchema, SchemaHolder>;
  raw.private_data = parent.release();
  return OwnedSchema(raw);
}

OwnedStream StreamOfRows(Schema schema, std::vector<Row> rows) {
  for (const Row& row : rows) {
    FUQI_CHECK(row.size() == schema.size());
  }
  ArrowArrayStream raw{};
  raw.get_schema = [](ArrowArrayStream* stream, ArrowSchema* out) {
    *out = ArrowSchemaOf(static_cast<RowsHolder*>(stream->private_data)->schema).Take();
    return 0;
  };
  raw.get_next = NextExported;
  raw.get_last_error = [](ArrowArrayStream* stream) -> const char* {
    return static_cast<RowsHolder*>(stream->private_data)->error.c_str();
  };
  raw.release = [](ArrowArrayStream* stream) {
    delete static_cast<RowsHolder*>(stream->private_data);
    stream->release = nullptr;
  };
  raw.private_data = new RowsHolder{std::move(schema), std::move(rows), 0, {}};
  return OwnedStream(raw);
}

}  // namespace fuqi::table
