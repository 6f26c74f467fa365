#include "ledger/head.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/simulated_disk.h"

namespace fuqi::ledger {
namespace {

Head Sample() {
  Head head{.origin = "fuqi/aml/sha256", .size = 1042};
  for (size_t i = 0; i < head.root.size(); ++i) {
    head.root[i] = static_cast<uint8_t>(i * 7);
  }
  return head;
}

TEST(Head, IsThreeLines) {
  EXPECT_EQ(FormatHead(Sample()),
            "fuqi/aml/sha256\n1042\nAAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=\n");
}

TEST(Head, ReadsWhatItWrites) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1042}, ~uint64_t{0}}) {
    Head head = Sample();
    head.size = size;
    EXPECT_EQ(ParseHead(FormatHead(head)).value(), head);
  }
}

TEST(Head, RefusesAnyOtherFormAndNamesTheLine) {
  const std::string good = FormatHead(Sample());
  const auto line_at_fault = [&](std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    const Result<Head> head = ParseHead(changed);
    EXPECT_FALSE(head) << changed;
    EXPECT_EQ(head.error().code(), ErrorCode::kParse);
    return head.error().where()->line;
  };
  EXPECT_EQ(line_at_fault("fuqi/aml/sha256", ""), 1);
  EXPECT_EQ(line_at_fault("aml", "a ml"), 1);
  EXPECT_EQ(line_at_fault("aml", "反洗钱"), 1);
  EXPECT_EQ(line_at_fault("1042", ""), 2);
  EXPECT_EQ(line_at_fault("1042", "01042"), 2);
  EXPECT_EQ(line_at_fault("1042", "+1042"), 2);
  EXPECT_EQ(line_at_fault("1042", "1042 "), 2);
  EXPECT_EQ(line_at_fault("1042", "18446744073709551616"), 2);
  EXPECT_EQ(line_at_fault("1042\n", "1042\r\n"), 2);
  EXPECT_EQ(line_at_fault("AAcO", "AAc"), 3);
  EXPECT_EQ(line_at_fault("AAcO", "AAcOAAcO"), 3);
  EXPECT_EQ(line_at_fault("tk=", "tl="), 3) << "two forms of the same bytes";
  EXPECT_EQ(line_at_fault("tk=\n", "tk="), 3);
  EXPECT_EQ(line_at_fault("tk=\n", "tk=\n\n"), 4);
  EXPECT_FALSE(ParseHead(""));
}

TEST(Head, NamesAPartition) {
  EXPECT_EQ(HeadOrigin("aml").value(), "fuqi/aml/sha256");
  for (const char* name : {"", "a b", "a+b", "a\nb", "反洗钱"}) {
    EXPECT_EQ(HeadOrigin(name).error().code(), ErrorCode::kInvalidArgument) << name;
  }
}

TEST(Head, IsReplacedWhole) {
  SimulatedDisk disk(1);
  EXPECT_EQ(ReadHead(disk, "head").value(), std::nullopt);
  Head head = Sample();
  ASSERT_TRUE(WriteHead(disk, "head", head));
  EXPECT_EQ(ReadHead(disk, "head").value(), head);
  ++head.size;
  ASSERT_TRUE(WriteHead(disk, "head", head));
  disk.Crash();
  EXPECT_EQ(ReadHead(disk, "head").value(), head);
}

TEST(Base64, ReadsWhatItWritesAndNothingElse) {
  SeededRandom random(1);
  for (size_t size = 0; size < 70; ++size) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random.Next());
    }
    const std::string text = ToBase64(bytes);
    EXPECT_EQ(FromBase64(text).value(), bytes);
    EXPECT_FALSE(FromBase64(text + "=")) << text;
    EXPECT_FALSE(FromBase64(text + "\n"));
    EXPECT_FALSE(FromBase64(" " + text));
  }
  EXPECT_EQ(ToBase64(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(ToBase64(AsBytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(ToBase64(AsBytes("foob")), "Zm9vYg==");
  for (const char* bad :
       {"=", "==", "====", "Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm9v*m9v", "A=A="}) {
    EXPECT_EQ(FromBase64(bad).error().code(), ErrorCode::kParse) << bad;
  }
}

}  // namespace
}  // namespace fuqi::ledger
