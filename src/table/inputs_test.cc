#include "table/inputs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "table/engine.h"
#include "table/permit_for_test.h"
#include "table/test_files_test.h"

namespace fuqi::table {
namespace {

const Schema kColumns = {
    {"id", {TypeId::kInteger}}, {"name", {TypeId::kVarchar}}, {"amount", Decimal(18, 2)}};

class InputsTest : public testing::Test {
 protected:
  Result<InputRelation> Open(std::string format, const std::string& content,
                             const Schema& columns = kColumns, std::string delimiter = ",") {
    path_ = folder_.Write("input." + format, content);
    return OpenInput({.format = format, .path = path_, .delimiter = delimiter, .columns = columns});
  }
  // The rows as DuckDB reads them, one a line; the error's place and words on failure.
  std::string Read(const Result<InputRelation>& input) {
    if (!input.has_value()) {
      const Where where = input.error().where().value_or(Where{});
      EXPECT_EQ(where.file, path_);
      Error error = input.error();
      return std::to_string(where.line) + ":" + std::to_string(where.column) + ":" + where.field +
             " " + std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    auto rows = engine_->Run(PermitForTest::Make("SELECT * FROM " + input->sql, {input->path}));
    if (!rows.has_value()) {
      return "engine: " + rows.error().ToString();
    }
    std::string text;
    for (;;) {
      auto row = rows->Next();
      if (!row.has_value()) {
        return "engine: " + row.error().ToString();
      }
      if (!*row) {
        return text;
      }
      for (size_t c = 0; c < (*row)->size(); ++c) {
        text += (c == 0 ? "" : "|") + ToText((**row)[c], rows->schema()[c].type);
      }
      text += "\n";
    }
  }
  std::string Csv(const std::string& content, const Schema& columns = kColumns,
                  std::string delimiter = ",") {
    return Read(Open("csv", content, columns, std::move(delimiter)));
  }
  std::string JsonLines(const std::string& content, const Schema& columns = kColumns) {
    return Read(Open("jsonl", content, columns));
  }

  TestFolder folder_;
  std::string path_;
  ManualClock clock_{0};
  std::unique_ptr<Engine> engine_ = Engine::Embedded(clock_);
};

using CsvInput = InputsTest;
using JsonLinesInput = InputsTest;
using ParquetInput = InputsTest;
using AnyInput = InputsTest;

TEST_F(CsvInput, GivesTheDeclaredColumnsInTheFilesOrder) {
  EXPECT_EQ(Csv("id,name,amount\n2,b,0.10\n1,a,-5\n,,\n"), "2|b|0.10\n1|a|-5.00\nNULL|NULL|NULL\n");
  EXPECT_EQ(Csv("id,name,amount\n2,b,0.10"), "2|b|0.10\n") << "no newline at the end";
  EXPECT_EQ(Csv("id,name,amount\r\n2,b,0.10\r\n"), "2|b|0.10\n");
  EXPECT_EQ(Csv("id,name,amount\r2,b,0.10\r3,c,1\r"), "2|b|0.10\n3|c|1.00\n");
  EXPECT_EQ(Csv("\xef\xbb\xbfid,name,amount\n2,b,0.10\n"), "2|b|0.10\n") << "a byte order mark";
  EXPECT_EQ(Csv("ID,Name,AMOUNT\n2,b,1\n"), "2|b|1.00\n");
  EXPECT_EQ(Csv("id,name,amount\n"), "") << "a header alone is a table without rows";
}

TEST_F(CsvInput, ReadsQuotedHeadersAndFields) {
  EXPECT_EQ(Csv("\"id\";\"name\";\"amount\"\n1;\"a;b\";\"2.50\"\n2;\"\";3\n", kColumns, ";"),
            "1|a;b|2.50\n2|NULL|3.00\n");
  EXPECT_EQ(Csv("id,name,amount\n1,\"line 1\nline 2\r\nline 3\",2\n2,\"q\"\"q\",3\n"),
            "1|line 1\nline 2\r\nline 3|2.00\n2|q\"q|3.00\n");
  EXPECT_EQ(Csv("id\tname\tamount\n1\t'x'\t2\n", kColumns, "\t"), "1|'x'|2.00\n");
  EXPECT_EQ(Csv("id,name,amount\n1,5\" pipe,2\n"), "1|5\" pipe|2.00\n");
  EXPECT_EQ(Csv("id,name,amount\n1,中文字,2\n"), "1|中文字|2.00\n");
}

TEST_F(CsvInput, RefusesAnEmptyFile) {
  EXPECT_EQ(Csv(""), "0:0: parse: the file is empty: it needs a header at least");
  EXPECT_EQ(Csv("\xef\xbb\xbf"), "0:0: parse: the file is empty: it needs a header at least");
}

TEST_F(CsvInput, RefusesAWrongHeader) {
  EXPECT_EQ(Csv("id,nom,amount\n1,a,2\n"),
            "1:4: parse: column 2 of the header is \"nom\"; \"name\" is expected");
  EXPECT_EQ(Csv("name,id,amount\n"),
            "1:1: parse: column 1 of the header is \"name\"; \"id\" is expected");
  EXPECT_EQ(Csv("id,name\n1,a\n"), "1:8: parse: the header has 2 columns; 3 are expected");
  EXPECT_EQ(Csv("id,name,amount,more\n"), "1:20: parse: the header has 4 columns; 3 are expected");
  EXPECT_EQ(Csv("id;name;amount\n1;a;2\n"),
            "1:1: parse: column 1 of the header is \"id;name;amount\"; \"id\" is expected");
  EXPECT_EQ(Csv("\n1,a,2\n"), "1:1: parse: column 1 of the header is \"\"; \"id\" is expected");
}

TEST_F(CsvInput, RefusesMixedLineEnds) {
  EXPECT_EQ(Csv("id,name,amount\r\n1,a,2\n3,b,4\r\n"),
            "2:6: parse: the line ends with LF, the lines before it with CR LF");
  EXPECT_EQ(Csv("id,name,amount\n1,a,2\n3,b,4\r\n"),
            "3:6: parse: the line ends with CR LF, the lines before it with LF");
  EXPECT_EQ(Csv("id,name,amount\n1,a\rb,2\n"),
            "2:4: parse: the line ends with CR, the lines before it with LF");
}

TEST_F(CsvInput, RefusesARecordOfAnotherWidth) {
  EXPECT_EQ(Csv("id,name,amount\n1,a,2\n3,b\n"),
            "3:4: parse: the record has 2 fields; 3 are expected");
  EXPECT_EQ(Csv("id,name,amount\n1,\"a\nb\",2\n3,b,4,5\n"),
            "4:8: parse: the record has 4 fields; 3 are expected");
}

TEST_F(CsvInput, RefusesAnEmptyLine) {
  EXPECT_EQ(Csv("id,name,amount\n1,a,2\n\n3,b,4\n"), "3:0: parse: the line is empty");
  EXPECT_EQ(Csv("only\n1\n\n2\n", {{"only", {TypeId::kInteger}}}), "3:0: parse: the line is empty");
  EXPECT_EQ(Csv("only\n\"\"\n2\n", {{"only", {TypeId::kInteger}}}), "NULL\n2\n");
}

TEST_F(CsvInput, RefusesWrongQuotes) {
  EXPECT_EQ(Csv("id,name,amount\n1,\"a,2\n3,b,4\n"),
            "2:4: parse: a quoted field is not closed before the end of the file");
  EXPECT_EQ(Csv("id,name,amount\n1,\"a\"b,2\n"),
            "2:6: parse: after a closing quote comes a delimiter or the end of the line");
  EXPECT_EQ(Csv("id,name,amount\n1,\"a\" ,2\n"),
            "2:6: parse: after a closing quote comes a delimiter or the end of the line");
}

TEST_F(CsvInput, RefusesBadUtf8AndNulBytes) {
  EXPECT_EQ(Csv("id,name,amount\n1,中文\xff,2\n"), "2:3: parse: a field is not UTF-8");
  EXPECT_EQ(Csv("id,na\xc0\xafme,amount\n"), "1:4: parse: a field is not UTF-8");
  EXPECT_EQ(Csv(std::string("id,name,amount\n1,a\0b,2\n", 23)),
            "2:3: parse: a field holds a NUL byte");
  // UTF-16
  EXPECT_EQ(Csv(std::string("\xff\xfei\0d\0,\0", 8)), "1:1: parse: a field is not UTF-8");
}

TEST_F(CsvInput, RefusesAFieldThatIsNotOfItsType) {
  EXPECT_EQ(Csv("id,name,amount\n1,a,2\nfoo,b,4\n"), "3:1:id type_mismatch: \"foo\" is no INTEGER");
  EXPECT_EQ(Csv("id,name,amount\n1,\"a\nb\",2\n4,\"c\nd\",x\n"),
            "5:4:amount type_mismatch: \"x\" is no DECIMAL(18,2)");
  EXPECT_EQ(Csv("id,name,amount\n2147483648,a,2\n"),
            "2:1:id out_of_range: \"2147483648\" does not fit into INTEGER");
}

// Each of these DuckDB would read, as another value.
TEST_F(CsvInput, RefusesAFieldThatDuckDbWouldChange) {
  auto read = [&](Type type, const std::string& text) {
    return Csv("x\n" + text + "\n", {{"x", type}});
  };
  EXPECT_EQ(read({TypeId::kInteger}, "1.5"), "2:1:x type_mismatch: \"1.5\" is no INTEGER");
  EXPECT_EQ(read(Decimal(18, 2), "0.105"),
            "2:1:x out_of_range: \"0.105\" does not fit into DECIMAL(18,2)");
  EXPECT_EQ(read(Decimal(18, 2), "0.100"), "0.10\n");
  EXPECT_EQ(read({TypeId::kDouble}, "1e400"),
            "2:1:x out_of_range: \"1e400\" does not fit into DOUBLE");
  EXPECT_EQ(read({TypeId::kDouble}, "nan"), "2:1:x out_of_range: \"nan\" does not fit into DOUBLE");
  EXPECT_EQ(read({TypeId::kDate}, "2020-01-31 10:00:00"),
            "2:1:x type_mismatch: \"2020-01-31 10:00:00\" is no DATE");
  EXPECT_EQ(read({TypeId::kTimestamp}, "2020-01-31 10:00:00+08:00"),
            "2:1:x type_mismatch: \"2020-01-31 10:00:00+08:00\" is no TIMESTAMP");
}

TEST_F(CsvInput, RefusesAnEmptyFieldOfAColumnThatMayNotBeNull) {
  Schema columns = kColumns;
  columns[0].nullable = false;
  EXPECT_EQ(Csv("id,name,amount\n1,,\n,a,2\n", columns),
            "3:1:id type_mismatch: there is no value, but the column may not be NULL");
}

TEST_F(CsvInput, RefusesALongRecordWithoutReadingIt) {
  // A sparse file of two gigabytes, one line.
  path_ = folder_.Write("long.csv", "id,name,amount\n1,");
  std::filesystem::resize_file(path_, uint64_t{2} << 30);
  auto input = OpenInput({.format = "csv", .path = path_, .columns = kColumns});
  EXPECT_EQ(Read(input),
            "2:0: resource_exhausted: a record is longer than the 1048576 bytes it may have");
  // The same by newlines within quotes.
  std::string many = "id,name,amount\n1,\"";
  many.append(size_t{2} << 20, '\n');
  EXPECT_EQ(Csv(many + "\",2\n"),
            "2:0: resource_exhausted: a record is longer than the 1048576 bytes it may have");
  // Just within the bound.
  std::string text(size_t{1} << 20, 'x');
  text.resize(text.size() - 4);
  EXPECT_EQ(Csv("id,name,amount\n1," + text + ",2\n").size(), text.size() + 8);
}

TEST_F(CsvInput, ReadsPastTheBlocksOfItsReader) {
  // Record and field boundaries at every offset around a block's end.
  std::string content = "id,name,amount\r\n";
  std::string expected;
  for (int i = 0; i < 60000; ++i) {
    const std::string name(static_cast<size_t>(i % 23), static_cast<char>('a' + i % 26));
    content += std::to_string(i) + ",\"" + name + "\"\"\"," + std::to_string(i % 7) + "\r\n";
    expected += std::to_string(i) + "|" + name + "\"|" + std::to_string(i % 7) + ".00\n";
  }
  EXPECT_EQ(Csv(content), expected);
}

TEST_F(JsonLinesInput, GivesTheDeclaredColumns) {
  EXPECT_EQ(JsonLines("{\"id\":1,\"name\":\"a\",\"amount\":0.10}\n"
                      "{\"amount\":\"123456789012345.67\",\"id\":\"2\",\"more\":[{\"id\":3}]}\n"
                      "{\"id\":null,\"name\":\"中\\u6587\\n\",\"amount\":7}"),
            "1|a|0.10\n2|NULL|123456789012345.67\nNULL|中文\n|7.00\n");
  EXPECT_EQ(JsonLines("{\"id\":1}\r\n{\"id\":2}\r\n"), "1|NULL|NULL\n2|NULL|NULL\n");
  EXPECT_EQ(JsonLines("{}\n"), "NULL|NULL|NULL\n");
  EXPECT_EQ(JsonLines("{\"b\":true,\"t\":\"2020-01-31T10:00:00\",\"u\":18446744073709551615,"
                      "\"d\":1.5e3}\n",
                      {{"b", {TypeId::kBoolean}},
                       {"t", {TypeId::kTimestamp}},
                       {"u", {TypeId::kUBigInt}},
                       {"d", {TypeId::kDouble}}}),
            "true|2020-01-31 10:00:00|18446744073709551615|1500.0\n");
}

TEST_F(JsonLinesInput, RefusesWhatIsNoObjectPerLine) {
  EXPECT_EQ(JsonLines(""), "0:0: parse: the file is empty");
  EXPECT_EQ(JsonLines("{\"id\":1}\n{\"id\":,}\n"), "2:7: parse: the line is not JSON");
  EXPECT_EQ(JsonLines("{\"id\":1\n}\n"), "1:8: parse: the line is not JSON");
  EXPECT_EQ(JsonLines("{\"id\":1}{\"id\":2}\n"), "1:9: parse: the line is not JSON");
  EXPECT_EQ(JsonLines("[{\"id\":1}]\n"), "1:0: parse: the line holds no JSON object");
  EXPECT_EQ(JsonLines("5\n"), "1:0: parse: the line holds no JSON object");
  EXPECT_EQ(JsonLines("{\"id\":1}\n\n{\"id\":2}\n"), "2:0: parse: the line is empty");
  EXPECT_EQ(JsonLines("{\"id\":1}\r\n{\"id\":2}\n"),
            "2:0: parse: the line ends with LF, the lines before it with CR LF");
  EXPECT_EQ(JsonLines("{\"name\":\"\xff\"}\n"), "1:10: parse: the line is not UTF-8");
  EXPECT_EQ(JsonLines("{\"id\":1,\"id\":2}\n"), "1:0:id parse: the key stands in the object twice");
  std::string deep(100000, '[');
  EXPECT_EQ(JsonLines("{\"more\":" + deep + "\n"), "1:100009: parse: the line is not JSON");
}

TEST_F(JsonLinesInput, RefusesAValueThatIsNotOfItsTypeOrWouldChange) {
  EXPECT_EQ(JsonLines("{\"id\":\"foo\"}\n"), "1:0:id type_mismatch: \"foo\" is no INTEGER");
  EXPECT_EQ(JsonLines("{\"id\":1.5}\n"), "1:0:id type_mismatch: \"1.5\" is no INTEGER");
  EXPECT_EQ(JsonLines("{\"id\":2147483648}\n"),
            "1:0:id out_of_range: \"2147483648\" does not fit into INTEGER");
  EXPECT_EQ(JsonLines("{\"id\":true}\n"),
            "1:0:id type_mismatch: true or false stands where a value of type INTEGER is needed");
  EXPECT_EQ(JsonLines("{\"id\":{\"a\":1}}\n"),
            "1:0:id type_mismatch: an object or array stands where a value of type INTEGER is "
            "needed");
  EXPECT_EQ(JsonLines("{\"name\":1.50}\n"),
            "1:0:name type_mismatch: a number stands where a value of type VARCHAR is needed");
  EXPECT_EQ(JsonLines("{\"amount\":0.105}\n"),
            "1:0:amount out_of_range: \"0.105\" does not fit into DECIMAL(18,2)");
  EXPECT_EQ(JsonLines("{\"amount\":12345678901234.56}\n"),
            "1:0:amount out_of_range: 12345678901234.56 has more digits than a JSON number keeps: "
            "write it as a text in quotes");
  EXPECT_EQ(JsonLines("{\"amount\":1e400}\n"),
            "1:15: out_of_range: a number is beyond what a DOUBLE holds");
  Schema columns = kColumns;
  columns[1].nullable = false;
  EXPECT_EQ(JsonLines("{\"id\":1}\n", columns),
            "1:0:name type_mismatch: there is no value, but the column may not be NULL");
  EXPECT_EQ(JsonLines("{\"name\":null}\n", columns),
            "1:0:name type_mismatch: there is no value, but the column may not be NULL");
}

TEST_F(JsonLinesInput, RefusesALongLineWithoutReadingIt) {
  path_ = folder_.Write("long.jsonl", "{\"id\":1}\n{");
  std::filesystem::resize_file(path_, uint64_t{2} << 30);
  EXPECT_EQ(Read(OpenInput({.format = "jsonl", .path = path_, .columns = kColumns})),
            "2:0: resource_exhausted: a line is longer than the 1048576 bytes it may have");
}

class ParquetFile : public InputsTest {
 protected:
  void SetUp() override {
    // Written by DuckDB, through its ADBC driver: what a permit runs on cannot write.
    path_ = folder_.path() + "/input.parquet";
    auto writer = Engine::Driver(clock_, {FUQI_DUCKDB_LIBRARY, "duckdb_adbc_init", {}});
    ASSERT_TRUE(writer.has_value()) << writer.error().ToString();
    auto written = (*writer)->Run(PermitForTest::Make(
        "COPY (SELECT range::INTEGER AS id, 'n' || range AS name, (range / 100)::DECIMAL(18,2) AS "
        "amount, [range] AS more FROM range(3)) TO '" +
        path_ + "' (FORMAT parquet)"));
    ASSERT_TRUE(std::filesystem::exists(path_));
  }
};

TEST_F(ParquetFile, GivesTheDeclaredColumns) {
  EXPECT_EQ(Read(OpenInput({.format = "parquet", .path = path_, .columns = kColumns})),
            "0|n0|0.00\n1|n1|0.01\n2|n2|0.02\n");
  EXPECT_EQ(Read(OpenInput({.format = "parquet", .path = path_, .columns = {kColumns[2]}})),
            "0.00\n0.01\n0.02\n");
}

TEST_F(ParquetFile, RefusesOtherColumnsAndTypes) {
  EXPECT_EQ(
      Read(OpenInput({.format = "parquet", .path = path_, .columns = {{"id", {TypeId::kBigInt}}}})),
      "0:0:id type_mismatch: the column is of type INTEGER; BIGINT is expected");
  const std::string missing = Read(
      OpenInput({.format = "parquet", .path = path_, .columns = {{"nope", {TypeId::kBigInt}}}}));
  EXPECT_NE(missing.find("0:0:nope not_found"), std::string::npos) << missing;
  const std::string list = Read(
      OpenInput({.format = "parquet", .path = path_, .columns = {{"more", {TypeId::kBigInt}}}}));
  EXPECT_NE(list.find("0:0:more unsupported"), std::string::npos) << list;
}

TEST_F(ParquetFile, RefusesWhatIsNoParquet) {
  path_ = folder_.Write("no.parquet", "id,name,amount\n1,a,2\n");
  auto input = OpenInput({.format = "parquet", .path = path_, .columns = kColumns});
  EXPECT_FALSE(input.has_value());
  path_ = folder_.Write("empty.parquet", "");
  EXPECT_FALSE(OpenInput({.format = "parquet", .path = path_, .columns = kColumns}).has_value());
}

TEST_F(AnyInput, RefusesAWrongSpec) {
  path_ = folder_.Write("x.csv", "id,name,amount\n");
  auto code = [](const Result<InputRelation>& input) {
    EXPECT_FALSE(input.has_value());
    return input.has_value() ? ErrorCode::kInternal : input.error().code();
  };
  InputSpec good{.format = "csv", .path = path_, .columns = kColumns};
  EXPECT_TRUE(OpenInput(good).has_value());
  for (const char* delimiter : {"", ",,", "\"", "\n", " ", "a", "1", "\x80"}) {
    InputSpec spec = good;
    spec.delimiter = delimiter;
    EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kInvalidArgument) << delimiter;
  }
  InputSpec spec = good;
  spec.format = "xls";
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kUnsupported);
  spec = good;
  spec.columns = {};
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kInvalidArgument);
  spec.columns = {kColumns[0], kColumns[0]};
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kInvalidArgument);
  spec.columns = {{"i", {TypeId::kInterval}}};
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kUnsupported);
  spec = good;
  spec.path = folder_.path() + "/none.csv";
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kNotFound);
  spec.path = folder_.path();
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kInvalidArgument);
  spec.path = folder_.Write("a[1]*.csv", "id,name,amount\n");
  EXPECT_EQ(code(OpenInput(spec)), ErrorCode::kUnsupported);
}

TEST_F(AnyInput, TakesOddNamesAsNames) {
  const std::string odd = "it's \"odd\"; DROP--";
  path_ = folder_.Write("it's a=1.csv", "\"it's \"\"odd\"\"; DROP--\"\n1\n");
  EXPECT_EQ(
      Read(OpenInput({.format = "csv", .path = path_, .columns = {{odd, {TypeId::kInteger}}}})),
      "1\n");
}

TEST_F(AnyInput, NamesTheFileByItsRealPath) {
  const std::string real = folder_.Write("real.csv", "id,name,amount\n1,a,2\n");
  const std::string link = folder_.path() + "/link.csv";
  std::filesystem::create_symlink(real, link);
  path_ = link;
  auto input = OpenInput({.format = "csv", .path = link, .columns = kColumns});
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->path, real);
  EXPECT_EQ(Read(input), "1|a|2.00\n");
}

class RealData : public InputsTest {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("FUQI_DATA");
    data_ = folder != nullptr ? folder : FUQI_SOURCE_DIR "/../shared/data";
    if (!std::filesystem::is_directory(data_)) {
      std::puts("skipped: no data");
      GTEST_SKIP();
    }
  }
  size_t Rows(const InputSpec& spec) {
    auto input = OpenInput(spec);
    EXPECT_TRUE(input.has_value()) << input.error().ToString();
    auto rows =
        engine_->Run(PermitForTest::Make("SELECT count(*) FROM " + input->sql, {input->path}));
    EXPECT_TRUE(rows.has_value()) << rows.error().ToString();
    auto all = rows->ReadAll();
    EXPECT_TRUE(all.has_value()) << all.error().ToString();
    return static_cast<size_t>((*all)[0][0].i);
  }
  std::string data_;
};

TEST_F(RealData, OpensAmlSim) {
  const Schema columns = {{"sourceNodeId", {TypeId::kBigInt}, false},
                          {"targetNodeId", {TypeId::kBigInt}, false},
                          {"value", Decimal(18, 2), false},
                          {"time", {TypeId::kInteger}, false}};
  EXPECT_EQ(Rows({.format = "csv",
                  .path = data_ + "/amlsim/20K_fanin200/transactions.csv",
                  .columns = columns}),
            118250u);
  EXPECT_EQ(Rows({.format = "csv",
                  .path = data_ + "/amlsim/20K_cycle200/transactions.csv",
                  .columns = columns}),
            117805u);
}

TEST_F(RealData, OpensBerka) {
  EXPECT_EQ(Rows({.format = "csv",
                  .path = data_ + "/berka/trans.asc",
                  .delimiter = ";",
                  .columns = {{"trans_id", {TypeId::kBigInt}, false},
                              {"account_id", {TypeId::kBigInt}, false},
                              {"date", {TypeId::kVarchar}, false},
                              {"type", {TypeId::kVarchar}},
                              {"operation", {TypeId::kVarchar}},
                              {"amount", Decimal(18, 2), false},
                              {"balance", Decimal(18, 2), false},
                              {"k_symbol", {TypeId::kVarchar}},
                              {"bank", {TypeId::kVarchar}},
                              {"account", {TypeId::kVarchar}}}}),
            49102u);
}

}  // namespace
}  // namespace fuqi::table
