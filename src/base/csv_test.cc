#include "base/csv.h"

#include <gtest/gtest.h>

namespace fuqi {
namespace {

using Records = std::vector<std::vector<std::string>>;

Result<Records> ReadAll(std::string_view text) {
  CsvReader reader("a.csv", MemorySource(text));
  Records records;
  std::vector<std::string> fields;
  for (;;) {
    FUQI_ASSIGN_OR_RETURN(bool more, reader.Next(fields));
    if (!more) {
      return records;
    }
    records.push_back(fields);
  }
}

TEST(Csv, ReadsFieldsBareAndQuoted) {
  EXPECT_EQ(*ReadAll("a,b\nc,\"d,\"\"e\"\"\nf\"\n"), (Records{{"a", "b"}, {"c", "d,\"e\"\nf"}}));
  EXPECT_EQ(*ReadAll("\xef\xbb\xbf值,\r\n\r\n\n\"\",x"), (Records{{"值", ""}, {"", "x"}}));
  EXPECT_EQ(*ReadAll(""), Records{});
  EXPECT_EQ(*ReadAll("a,"), (Records{{"a", ""}}));
  EXPECT_EQ(*ReadAll("a\rb"), (Records{{"a\rb"}})) << "a lone carriage return is text";
  EXPECT_EQ(*ReadAll("36,\"X\",-0- ,\"Y\" \r\n"), (Records{{"36", "X", "-0- ", "Y"}}));
}

TEST(Csv, NamesTheLineOfWhatIsWrong) {
  auto line_of = [](std::string_view text) {
    auto read = ReadAll(text);
    EXPECT_FALSE(read.has_value()) << text;
    return read ? 0 : read.error().where()->line;
  };
  EXPECT_EQ(line_of("a\nb\"c\n"), 2);
  EXPECT_EQ(line_of("a\n\"b\nc\n"), 2) << "where the quote began";
  EXPECT_EQ(line_of("\"a\nb\"c"), 2);
  EXPECT_EQ(line_of(std::string_view("a\nb\0", 4)), 2);
}

TEST(Csv, BoundsRecordsAndFields) {
  EXPECT_EQ(ReadAll(std::string(CsvReader::kRecordBytesMax + 1, 'x')).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_TRUE(ReadAll(std::string(CsvReader::kRecordBytesMax, 'x')).has_value());
  EXPECT_EQ(ReadAll(std::string(CsvReader::kFieldsMax, ',')).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_TRUE(ReadAll(std::string(CsvReader::kFieldsMax - 1, ',')).has_value());
}

TEST(Csv, KnowsWhereARecordBegan) {
  CsvReader reader("a.csv", MemorySource("\n\"x\ny\"\nz\n"));
  std::vector<std::string> fields;
  ASSERT_TRUE(*reader.Next(fields));
  EXPECT_EQ(reader.where(), (Where{.file = "a.csv", .line = 2}));
  ASSERT_TRUE(*reader.Next(fields));
  EXPECT_EQ(reader.where().line, 4);
}

}  // namespace
}  // namespace fuqi
