#include "decide/source.h"

#include <gtest/gtest.h>

#include "decide/source_files_test.h"

namespace fuqi::decide {
namespace {

class SourceTest : public SourceFiles {
 protected:
  Result<std::vector<Event>> ReadAll(const CompiledPack& pack, const std::string& path) {
    FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenSource(access_, pack, "bank", path));
    FUQI_ASSIGN_OR_RETURN(SourceReader reader, SourceReader::Open(access_, pack, plan));
    std::vector<Event> events;
    for (;;) {
      FUQI_ASSIGN_OR_RETURN(std::optional<Event> event, reader.Next());
      if (!event) {
        return events;
      }
      events.push_back(std::move(*event));
    }
  }
};

TEST_F(SourceTest, GivesTheEventsInTheFilesOrder) {
  const auto pack = SmallPackWithSources();
  const std::vector<Event> events = RandomPayments(1, 5000);
  Result<std::vector<Event>> read = ReadAll(*pack, Write("a.csv", Csv(events)));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  ASSERT_EQ(read->size(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ((*read)[i].received_us, -1);
    for (size_t c = 0; c < 5; ++c) {
      ASSERT_TRUE(table::Identical((*read)[i].columns[c], events[i].columns[c])) << i << " " << c;
    }
  }
}

TEST_F(SourceTest, ReadsByAPermitForThePacksPurpose) {
  const auto pack = SmallPackWithSources();
  const std::string path = Write("a.csv", Csv(RandomPayments(1, 3)));
  ASSERT_TRUE(ReadAll(*pack, path).has_value());
  ASSERT_EQ(evidence_.permits.size(), 1u);
  EXPECT_EQ(evidence_.permits[0].purpose, "testing");
  EXPECT_EQ(evidence_.permits[0].description, "events of source bank for pack small");
  EXPECT_EQ(evidence_.permits[0].plan.read_paths, std::vector<std::string>{path});
}

TEST_F(SourceTest, TakesAFileWithoutEvents) {
  const auto pack = SmallPackWithSources();
  Result<std::vector<Event>> read = ReadAll(*pack, Write("a.csv", Csv({})));
  ASSERT_TRUE(read.has_value()) << read.error().ToString();
  EXPECT_TRUE(read->empty());
}

TEST_F(SourceTest, RefusesWhatTheFileIsNot) {
  const auto pack = SmallPackWithSources();
  const std::string header = "no,moment,payer,payee,amount\n";
  auto code_of = [&](std::string_view text) {
    Result<std::vector<Event>> read = ReadAll(*pack, Write("a.csv", text));
    EXPECT_FALSE(read.has_value()) << text;
    return read ? ErrorCode::kInternal : read.error().code();
  };
  EXPECT_EQ(code_of(""), ErrorCode::kParse) << "an empty file";
  EXPECT_EQ(code_of("no,moment,payer,amount,payee\n"), ErrorCode::kParse) << "another header";
  EXPECT_EQ(code_of(header + "1,2024-01-01 00:00:00,a,b,1\r\n"), ErrorCode::kParse)
      << "mixed line ends";
  EXPECT_EQ(code_of(header + "1,2024-01-01 00:00:00,a\xff,b,1\n"), ErrorCode::kParse);
  EXPECT_EQ(code_of(header + "1,2024-01-01 00:00:00,a,b,abc\n"), ErrorCode::kTypeMismatch);
  Result<std::vector<Event>> read =
      ReadAll(*pack, Write("a.csv", header + "1,2024-01-01 00:00:00,a,b,1\n"
                                             "2,2024-01-01 00:00:00,,b,1\n"));
  ASSERT_FALSE(read.has_value()) << "a payer is needed";
  EXPECT_EQ(read.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(read.error().ToString().find("a.csv#2: payer: "), std::string::npos)
      << read.error().ToString();
  EXPECT_EQ(OpenSource(access_, *pack, "bank", dir_ / "none.csv").error().code(),
            ErrorCode::kNotFound);
}

TEST_F(SourceTest, NamesTheSourcesThatThereAre) {
  const auto pack = SmallPackWithSources();
  Result<SourcePlan> plan = OpenSource(access_, *pack, "bnak", "/none");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(plan.error().ToString().find("bank"), std::string::npos);
}

TEST_F(SourceTest, RefusesAMappingThatDoesNotGiveTheTable) {
  const std::string path = Write("a.csv", Csv(RandomPayments(1, 3)));
  auto error_of = [&](std::string_view mapping) {
    std::string sources(kSmallSources);
    const std::string_view old_text =
        "SELECT no AS id, moment AS ts, payer, payee, amount FROM input";
    sources.replace(sources.find(old_text), old_text.size(), mapping);
    const auto pack = SmallPackWithSources(std::string(kSmallPack), sources);
    Result<SourcePlan> plan = OpenSource(access_, *pack, "bank", path);
    EXPECT_FALSE(plan.has_value()) << mapping;
    EXPECT_EQ(plan.error().where()->file, "sources.toml") << plan.error().ToString();
    EXPECT_EQ(plan.error().where()->line, 3) << plan.error().ToString();
    return plan.error();
  };
  EXPECT_NE(
      error_of("SELECT no AS id, moment AS ts, payer, payee FROM input").message().find("amount"),
      std::string::npos);
  EXPECT_NE(
      error_of("SELECT no AS id, moment AS ts, payer, payee, amount::DOUBLE AS amount FROM input")
          .message()
          .find("write the cast out"),
      std::string::npos);
  EXPECT_NE(error_of("SELECT no AS id, moment AS ts, payer, payee, amount, 1 AS more FROM input")
                .message()
                .find("more"),
            std::string::npos);
  EXPECT_GT(error_of("SELECT no AS id, moment AS ts, payer, payee, amuont AS amount FROM input")
                .where()
                ->column,
            40)
      << "points at the name";
  EXPECT_EQ(
      error_of("SELECT no AS id, moment AS ts, payer, payee, amount FROM read_csv('/etc/passwd')")
          .code(),
      ErrorCode::kPermissionDenied);
  EXPECT_EQ(error_of("DROP TABLE input").code(), ErrorCode::kUnsupported);
  EXPECT_EQ(
      error_of("SELECT no AS id, moment AS ts, payer, payee, amount FROM input) UNION (SELECT 1")
          .code(),
      ErrorCode::kParse);
}

TEST_F(SourceTest, ReadsWhoIsKnownToBeBad) {
  const auto pack = SmallPackWithSources();
  Result<Labels> labels =
      ReadLabels(access_, *pack, "bank", Write("l.csv", "account,fraud\na0,1\nb0,0\na0,0\n"));
  ASSERT_TRUE(labels.has_value()) << labels.error().ToString();
  EXPECT_EQ(labels->columns, (std::vector<int>{2, 3}));
  EXPECT_EQ(labels->Find("a0"), std::optional(true)) << "one row is enough";
  EXPECT_EQ(labels->Find("b0"), std::optional(false));
  EXPECT_EQ(labels->Find("c0"), std::nullopt);
  labels->complete = true;
  EXPECT_EQ(labels->Find("c0"), std::optional(false));
  EXPECT_FALSE(
      ReadLabels(access_, *pack, "bank", Write("l.csv", "account,fraud\n,1\n")).has_value());
  EXPECT_EQ(ReadLabels(access_, *pack, "none", "/x").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace fuqi::decide
