#include "table/format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "table/inputs_internal.h"

namespace fuqi::table {
namespace {

const Schema kColumns = {{"id", {TypeId::kInteger}},
                         {"户名", {TypeId::kVarchar}},
                         {"amount", Decimal(18, 2)},
                         {"ok", {TypeId::kBoolean}}};

Row MakeRow(std::initializer_list<Datum> values) {
  return Row(std::span<const Datum>(values.begin(), values.size()));
}

std::vector<Row> Rows() {
  return {MakeRow({Datum::Int(1), Datum::Text("张三"), Datum::Int(1050), Datum::Bool(true)}),
          MakeRow({Datum::Int(-20), Datum::Text("a, \"b\"\n|c"), Datum::Null(), Datum::Null()}),
          MakeRow({Datum::Null(), Datum::Text(""), Datum::Int(5), Datum::Bool(false)})};
}

std::string Written(const Schema& schema, std::vector<Row> rows, OutputFormat format) {
  auto stream = RowStream::Open(SourceOf(StreamOfRows(schema, std::move(rows))));
  EXPECT_TRUE(stream.has_value());
  std::string text;
  auto count = WriteRows(*stream, format, [&](std::string_view piece) -> Result<void> {
    text += piece;
    return {};
  });
  return count.has_value() ? text : "error: " + count.error().message();
}

TEST(Format, AlignsTablesByDisplayWidth) {
  EXPECT_EQ(Written(kColumns, Rows(), OutputFormat::kTable),
            "   id │ 户名       │ amount │ ok\n"
            "──────┼────────────┼────────┼───────\n"
            "    1 │ 张三       │  10.50 │ true\n"
            "  -20 │ a, \"b\"\\n|c │   NULL │ NULL\n"
            " NULL │            │   0.05 │ false\n");
}

TEST(Format, ShowsControlCharactersInTables) {
  const Schema schema = {{"t\x1b[2J", {TypeId::kVarchar}}};
  EXPECT_EQ(
      Written(schema, {MakeRow({Datum::Text("a\x1b[31mb\t\r\x7f\xc2\x9b")})}, OutputFormat::kTable),
      " t\\x1b[2J\n"
      "────────────────────────\n"
      " a\\x1b[31mb\\t\\r\\x7f\\x9b\n");
}

TEST(Format, WritesCsvOfRfc4180) {
  EXPECT_EQ(Written(kColumns, Rows(), OutputFormat::kCsv),
            "id,户名,amount,ok\r\n"
            "1,张三,10.50,true\r\n"
            "-20,\"a, \"\"b\"\"\n|c\",,\r\n"
            ",\"\",0.05,false\r\n");
}

TEST(Format, WritesJson) {
  EXPECT_EQ(Written(kColumns, Rows(), OutputFormat::kJsonLines),
            "{\"id\":1,\"户名\":\"张三\",\"amount\":\"10.50\",\"ok\":true}\n"
            "{\"id\":-20,\"户名\":\"a, \\\"b\\\"\\n|c\",\"amount\":null,\"ok\":null}\n"
            "{\"id\":null,\"户名\":\"\",\"amount\":\"0.05\",\"ok\":false}\n");
  EXPECT_EQ(Written({kColumns[0]}, {MakeRow({Datum::Int(1)}), MakeRow({Datum::Int(2)})},
                    OutputFormat::kJson),
            "[\n{\"id\":1},\n{\"id\":2}\n]\n");
  EXPECT_EQ(Written({kColumns[0]}, {}, OutputFormat::kJson), "[]\n");
  EXPECT_EQ(Written({{"a", {TypeId::kDouble}},
                     {"b", {TypeId::kHugeInt}},
                     {"c", Decimal(15, 2)},
                     {"d", Decimal(2, 2)},
                     {"e", {TypeId::kUBigInt}}},
                    {MakeRow({Datum::Double(1e16), Datum::Int(7), Datum::Int(-150), Datum::Int(-5),
                              Datum::Int(UINT64_MAX)}),
                     MakeRow({Datum::Double(INFINITY), Datum::Null(), Datum::Null(), Datum::Null(),
                              Datum::Null()})},
                    OutputFormat::kJsonLines),
            "{\"a\":1e+16,\"b\":\"7\",\"c\":-1.50,\"d\":-0.05,\"e\":18446744073709551615}\n"
            "{\"a\":\"inf\",\"b\":null,\"c\":null,\"d\":null,\"e\":null}\n");
  EXPECT_EQ(Written({kColumns[0], kColumns[0]}, {}, OutputFormat::kJson),
            "error: two columns are named id: JSON needs different names");
}

// What is written as JSON lines, OpenInput's check reads.
TEST(Format, WritesJsonThatItsReaderTakes) {
  const std::string lines = Written(kColumns, Rows(), OutputFormat::kJsonLines);
  size_t begin = 0;
  int count = 0;
  for (size_t end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1, ++count) {
    auto checked = CheckJsonObject(lines.substr(begin, end - begin), kColumns);
    EXPECT_TRUE(checked.has_value()) << checked.error().ToString();
  }
  EXPECT_EQ(count, 3);
}

TEST(Format, WritesMarkdown) {
  EXPECT_EQ(Written({kColumns[0], kColumns[1]},
                    {MakeRow({Datum::Int(1), Datum::Text("a|b*c\n<d>")})}, OutputFormat::kMarkdown),
            "| id | 户名 |\n"
            "| ---: | --- |\n"
            "| 1 | a\\|b\\*c\\\\n\\<d\\> |\n");
}

TEST(Format, KeepsNoMoreThanASampleOfATable) {
  std::vector<Row> rows;
  for (size_t i = 0; i < kTableSample; ++i) {
    rows.push_back(MakeRow({Datum::Text("x")}));
  }
  rows.push_back(MakeRow({Datum::Text("a longer one")}));
  const std::string text = Written({{"t", {TypeId::kVarchar}}}, rows, OutputFormat::kTable);
  EXPECT_TRUE(text.starts_with(" t\n───\n x\n"));
  EXPECT_TRUE(text.ends_with(" x\n a longer one\n"));
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), kTableSample + 3);
}

TEST(Format, PassesOnTheWritersError) {
  auto stream = RowStream::Open(SourceOf(StreamOfRows(kColumns, Rows())));
  ASSERT_TRUE(stream.has_value());
  auto count = WriteRows(*stream, OutputFormat::kCsv, [](std::string_view) -> Result<void> {
    return Err(ErrorCode::kDiskFull, "full");
  });
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code(), ErrorCode::kDiskFull);
}

TEST(DisplayWidth, CountsColumnsOfATerminal) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("中文，"), 6u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("한글カナ"), 8u);
  EXPECT_EQ(DisplayWidth("ｱ"), 1u) << "half width";
  EXPECT_EQ(DisplayWidth("\U0001f600"), 2u);
  EXPECT_EQ(DisplayWidth("\U00020000"), 2u);
  EXPECT_EQ(DisplayWidth("é–“”"), 4u);
}

TEST(ParseOutputFormat, NamesWhatItTakes) {
  EXPECT_EQ(ParseOutputFormat("jsonl").value(), OutputFormat::kJsonLines);
  EXPECT_EQ(ParseOutputFormat("yaml").error().code(), ErrorCode::kUsage);
}

}  // namespace
}  // namespace fuqi::table
