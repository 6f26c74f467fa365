#include "table/arrow.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/decimal.h"

namespace fuqi::table {
namespace {

std::string TextOf(const std::vector<Row>& rows, const Schema& schema) {
  std::string text;
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      text += (c == 0 ? "" : "|") + ToText(row[c], schema[c].type);
    }
    text += "\n";
  }
  return text;
}

// Arrow as a producer other than ours would lay it out: plain arrays, by hand.
struct HandMade : BatchSource {
  struct Column {
    std::string format;
    std::vector<const void*> buffers;
    int64_t length = 0;
    int64_t null_count = -1;
    int64_t offset = 0;
  };

  Result<OwnedSchema> ReadSchema() override {
    auto* children = new std::vector<ArrowSchema>(columns.size());
    auto* pointers = new std::vector<ArrowSchema*>;
    for (size_t i = 0; i < columns.size(); ++i) {
      (*children)[i].format = columns[i].format.c_str();
      (*children)[i].name = "c";
      (*children)[i].flags = ARROW_FLAG_NULLABLE;
      pointers->push_back(&(*children)[i]);
    }
    ArrowSchema raw{};
    raw.format = format.c_str();
    raw.n_children = static_cast<int64_t>(columns.size());
    raw.children = pointers->data();
    raw.private_data = new std::pair(children, pointers);
    raw.release = [](ArrowSchema* self) {
      auto* held = static_cast<std::pair<std::vector<ArrowSchema>*, std::vector<ArrowSchema*>*>*>(
          self->private_data);
      delete held->first;
      delete held->second;
      delete held;
      self->release = nullptr;
    };
    return OwnedSchema(raw);
  }
  Result<OwnedArray> NextBatch() override {
    if (batches-- == 0) {
      return OwnedArray();
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      arrays[i] = {};
      arrays[i].length = columns[i].length;
      arrays[i].null_count = columns[i].null_count;
      arrays[i].offset = columns[i].offset;
      arrays[i].n_buffers = static_cast<int64_t>(columns[i].buffers.size());
      arrays[i].buffers = columns[i].buffers.data();
      pointers[i] = &arrays[i];
    }
    ArrowArray raw{};
    raw.length = length;
    raw.offset = offset;
    raw.n_children = static_cast<int64_t>(columns.size());
    raw.children = pointers.data();
    raw.release = [](ArrowArray* self) { self->release = nullptr; };
    return OwnedArray(raw);
  }

  std::string format = "+s";
  std::vector<Column> columns;
  int64_t length = 0;
  int64_t offset = 0;
  int batches = 1;
  std::array<ArrowArray, 8> arrays{};
  std::array<ArrowArray*, 8> pointers{};
};

std::string Read(HandMade made) {
  auto stream = RowStream::Open(std::make_unique<HandMade>(std::move(made)));
  if (!stream.has_value()) {
    return std::string(ErrorCodeName(stream.error().code())) + ": " + stream.error().message();
  }
  auto rows = stream->ReadAll();
  if (!rows.has_value()) {
    return std::string(ErrorCodeName(rows.error().code())) + ": " + rows.error().message();
  }
  return TextOf(*rows, stream->schema());
}

TEST(RowStream, ReadsSlicesByTheirOffsets) {
  const std::array<int32_t, 6> ints = {0, 1, 2, 3, 4, 5};
  const uint8_t valid = 0b101110;  // 0 and 4 are NULL
  const uint8_t bits = 0b110010;
  HandMade made;
  made.columns = {{"i", {&valid, ints.data()}, 6}, {"b", {&valid, &bits}, 4, -1, 2}};
  made.length = 3;
  made.offset = 1;
  // The parent's offset is added to each child's own.
  EXPECT_EQ(Read(std::move(made)), "1|false\n2|NULL\n3|true\n");
}

TEST(RowStream, ReadsColumnsWithoutValidity) {
  const std::array<int64_t, 3> longs = {1, -1, INT64_MIN};
  const std::array<double, 3> doubles = {0.5, -0.0, INFINITY};
  HandMade made;
  made.columns = {
      {"l", {nullptr, longs.data()}, 3}, {"g", {nullptr, doubles.data()}, 3, 0}, {"n", {}, 3}};
  made.length = 3;
  made.batches = 2;
  EXPECT_EQ(Read(std::move(made)),
            "1|0.5|NULL\n-1|-0.0|NULL\n-9223372036854775808|inf|NULL\n"
            "1|0.5|NULL\n-1|-0.0|NULL\n-9223372036854775808|inf|NULL\n");
}

TEST(RowStream, PassesOverEmptyBatches) {
  HandMade made;
  made.columns = {{"l", {nullptr, nullptr}, 0}, {"u", {nullptr, nullptr, nullptr}, 0}};
  made.batches = 3;
  EXPECT_EQ(Read(std::move(made)), "");
  EXPECT_EQ(Read({}), "") << "no columns";
}

TEST(RowStream, ReadsTextInItsThreeLayouts) {
  const std::array<int32_t, 4> small = {2, 2, 5, 6};
  const std::array<int64_t, 4> large = {2, 2, 5, 6};
  const char* data = "xx中y";
  struct View {
    int32_t size;
    char bytes[12];
  };
  const std::string far = "a text of more than twelve bytes";
  std::array<View, 3> views{};
  views[1] = {3, "\xe4\xb8\xad"};
  views[2].size = static_cast<int32_t>(far.size() - 2);
  const std::array<int32_t, 3> place = {0, 0, 2};
  std::memcpy(views[2].bytes, place.data(), 12);
  const int64_t far_size = static_cast<int64_t>(far.size());
  HandMade made;
  made.columns = {{"u", {nullptr, small.data(), data}, 3},
                  {"U", {nullptr, large.data(), data}, 3},
                  {"vu", {nullptr, views.data(), far.data(), &far_size}, 3}};
  made.length = 3;
  EXPECT_EQ(Read(made), "||\n中|中|中\ny|y|text of more than twelve bytes\n");

  const int64_t short_size = 5;
  made.columns[2].buffers[3] = &short_size;
  EXPECT_NE(Read(made).find("out_of_range"), std::string::npos) << "beyond its buffer";
}

TEST(RowStream, NamesAColumnThatItDoesNotRead) {
  for (const char* format : {"f",     "e",      "z",          "+l",   "+s",  "tdm",
                             "tss:",  "tsn:",   "tsu:UTC",    "ttu",  "tiM", "tiD",
                             "w:16",  "d:39,0", "d:10,2,256", "d:10", "d:,", "d:0,0",
                             "d:4,5", "d:4,-1", "",           "?"}) {
    HandMade made;
    made.columns = {{format, {}, 0}};
    EXPECT_EQ(Read(std::move(made)), std::string("unsupported: column c comes as Arrow type \"") +
                                         format + "\", which is not supported: cast it")
        << format;
  }
}

TEST(RowStream, RefusesABatchThatDoesNotFollowItsSchema) {
  const std::array<int32_t, 4> ints = {1, 2, 3, 4};
  auto refused = [&](const std::function<void(HandMade&)>& spoil) {
    HandMade made;
    made.columns = {{"i", {nullptr, ints.data()}, 4}};
    made.length = 4;
    spoil(made);
    return Read(std::move(made));
  };
  EXPECT_EQ(refused([](HandMade&) {}), "1\n2\n3\n4\n");
  const std::string words = "corrupt: the engine gave a batch that does not follow its schema";
  EXPECT_EQ(refused([](HandMade& made) { made.length = 5; }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.offset = 1; }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.length = -1; }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.columns[0].offset = -1; }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.columns[0].buffers.pop_back(); }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.columns[0].buffers[1] = nullptr; }), words);
  EXPECT_EQ(refused([](HandMade& made) { made.format = "i"; }),
            "corrupt: the engine's result is no table");
}

TEST(RowStream, RefusesValuesThatAreNotOfTheirType) {
  const std::array<int32_t, 2> offsets = {0, 1};
  HandMade text;
  text.columns = {{"u", {nullptr, offsets.data(), "\xff"}, 1}};
  text.length = 1;
  EXPECT_EQ(Read(text),
            "out_of_range: the engine gave a value in column c that is not one of VARCHAR");
  const std::array<int32_t, 2> falling = {1, 0};
  text.columns[0].buffers[1] = falling.data();
  EXPECT_NE(Read(text).find("out_of_range"), std::string::npos);

  const int128 big = 10000;
  HandMade decimal;
  decimal.columns = {{"d:4,2", {nullptr, &big}, 1}};
  decimal.length = 1;
  EXPECT_NE(Read(decimal).find("DECIMAL(4,2)"), std::string::npos);

  struct {
    int32_t months = 1;
    int32_t days = 2;
    int64_t nanos = 3001;
  } interval;
  HandMade odd;
  odd.columns = {{"tin", {nullptr, &interval}, 1}};
  odd.length = 1;
  EXPECT_NE(Read(odd).find("INTERVAL"), std::string::npos) << "nanoseconds would be lost";
  interval.nanos = 3000;
  EXPECT_EQ(Read(odd), "1 month 2 days 00:00:00.000003\n");
}

TEST(RowStream, ReadsDecimal38AsHugeIntUnlessTheEngineSaysOtherwise) {
  const int128 value = kInt128Max;
  HandMade made;
  made.columns = {{"d:38,0", {nullptr, &value}, 1}};
  made.length = 1;
  EXPECT_EQ(Read(made), "170141183460469231731687303715884105727\n");
  auto declared = RowStream::Open(std::make_unique<HandMade>(made), Schema{{"c", Decimal(38, 0)}});
  ASSERT_TRUE(declared.has_value());
  EXPECT_EQ(declared->schema()[0].type, Decimal(38, 0));
  auto other = RowStream::Open(std::make_unique<HandMade>(made), Schema{{"c", {TypeId::kBigInt}}});
  EXPECT_FALSE(other.has_value());
  auto more = RowStream::Open(std::make_unique<HandMade>(made),
                              Schema{{"c", Decimal(38, 0)}, {"d", Decimal(38, 0)}});
  EXPECT_FALSE(more.has_value());
}

TEST(RowStream, GivesAProducersError) {
  ArrowArrayStream raw{};
  raw.get_schema = [](ArrowArrayStream*, ArrowSchema* out) {
    *out = ArrowSchemaOf({{"c", {TypeId::kInteger}}}).Take();
    return 0;
  };
  raw.get_next = [](ArrowArrayStream*, ArrowArray*) { return ETIMEDOUT; };
  raw.get_last_error = [](ArrowArrayStream*) { return "the network is gone"; };
  raw.release = [](ArrowArrayStream* self) { self->release = nullptr; };
  auto stream = RowStream::Open(SourceOf(OwnedStream(raw)));
  ASSERT_TRUE(stream.has_value());
  auto row = stream->Next();
  ASSERT_FALSE(row.has_value());
  EXPECT_EQ(row.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_NE(row.error().message().find("the network is gone"), std::string::npos);
  auto after = stream->Next();
  ASSERT_TRUE(after.has_value()) << "after its error a stream is at its end";
  EXPECT_FALSE(after->has_value());
}

Schema EveryType() {
  Schema schema;
  for (int id = 0; id <= 16; ++id) {
    const Type type{static_cast<TypeId>(id)};
    schema.push_back(
        {"c" + std::to_string(id), type.id == TypeId::kDecimal ? Decimal(18, 2) : type});
  }
  return schema;
}

TEST(StreamOfRows, ReadsBackAsItWasGiven) {
  const Schema schema = EveryType();
  for (size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{9}, kRowsPerBatch - 1,
                       kRowsPerBatch, kRowsPerBatch + 1, 3 * kRowsPerBatch}) {
    std::vector<Row> rows;
    for (size_t i = 0; i < count; ++i) {
      Row row(schema.size());
      for (size_t c = 1; c < schema.size(); ++c) {
        if ((i + c) % 5 == 0) {
          continue;
        }
        const auto n = static_cast<int64_t>(i);
        switch (KindOf(schema[c].type)) {
          case Datum::Kind::kInt:
            row.Set(c, Datum::Int(n % 2));
            break;
          case Datum::Kind::kDouble:
            row.Set(c, Datum::Double(n % 3 == 0 ? NAN : -0.0));
            break;
          case Datum::Kind::kText:
            row.Set(c, Datum::Text(std::string(i % 20, 'x')));
            break;
          case Datum::Kind::kInterval:
            row.Set(c, Datum::Of({-1, 2, n}));
            break;
          case Datum::Kind::kNull:
            break;
        }
      }
      rows.push_back(std::move(row));
    }
    auto stream = RowStream::Open(SourceOf(StreamOfRows(schema, rows)));
    ASSERT_TRUE(stream.has_value()) << stream.error().ToString();
    EXPECT_EQ(stream->schema(), schema);
    auto read = stream->ReadAll();
    ASSERT_TRUE(read.has_value()) << read.error().ToString();
    ASSERT_EQ(read->size(), count);
    for (size_t i = 0; i < count; ++i) {
      for (size_t c = 0; c < schema.size(); ++c) {
        ASSERT_TRUE(Identical((*read)[i][c], rows[i][c])) << i << " " << c;
      }
    }
  }
}

TEST(StreamOfRows, LetsChildrenOutliveTheirParent) {
  std::vector<Row> rows(1, Row(1));
  rows[0].Set(0, Datum::Text("kept"));
  OwnedStream stream = StreamOfRows({{"name", {TypeId::kVarchar}}}, rows);
  Owned<ArrowArray> child;
  Owned<ArrowSchema> child_schema;
  {
    OwnedArray batch;
    ASSERT_EQ(stream->get_next(stream.get(), batch.get()), 0);
    child = Owned<ArrowArray>(std::exchange(*batch->children[0], {}));
    OwnedSchema schema = ArrowSchemaOf({{"name", {TypeId::kVarchar}}});
    child_schema = Owned<ArrowSchema>(std::exchange(*schema->children[0], {}));
  }
  EXPECT_EQ(std::string_view(static_cast<const char*>(child->buffers[2]), 4), "kept");
  EXPECT_STREQ(child_schema->name, "name");
}

TEST(StreamOfRows, RefusesAnIntervalThatArrowCannotHold) {
  std::vector<Row> rows(2, Row(1));
  rows[1].Set(0, Datum::Of({0, 0, INT64_MAX / 1000 + 1}));
  auto stream = RowStream::Open(SourceOf(StreamOfRows({{"i", {TypeId::kInterval}}}, rows)));
  ASSERT_TRUE(stream.has_value());
  EXPECT_FALSE(stream->ReadAll().has_value());
}

}  // namespace
}  // namespace fuqi::table
