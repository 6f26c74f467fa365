#include "base/result.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"

namespace fuqi {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) {
    return Err(ErrorCode::kInvalidArgument, "{} is odd", n);
  }
  return n / 2;
}

Result<int> Quarter(int n) {
  FUQI_ASSIGN_OR_RETURN(int half, Half(n));
  FUQI_ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

Result<void> CheckEven(int n) {
  FUQI_RETURN_IF_ERROR(Half(n));
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  EXPECT_EQ(*Half(4), 2);
  EXPECT_TRUE(Half(4).has_value());
  const Result<int> odd = Half(3);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(odd.error().message(), "3 is odd");
  EXPECT_EQ(odd.value_or(7), 7);
  EXPECT_EQ(Half(4).value_or(7), 2);
}

TEST(Result, MacrosLeaveWithTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(3).error().message(), "3 is odd");
  EXPECT_EQ(Quarter(6).error().message(), "3 is odd");
  EXPECT_TRUE(CheckEven(2));
  EXPECT_FALSE(CheckEven(5));
}

TEST(Result, ReturnIfErrorInABranchWithoutBracesKeepsItsElse) {
  const auto check = [](bool first) -> Result<int> {
    if (first) {
      FUQI_RETURN_IF_ERROR(CheckEven(1));
    } else {
      return 5;
    }
    return 6;
  };
  EXPECT_FALSE(check(true));
  EXPECT_EQ(*check(false), 5);
}

TEST(Result, MovesWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(9); };
  const auto use = [&]() -> Result<int> {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<int> p, make());
    return *p;
  };
  EXPECT_EQ(*use(), 9);
}

TEST(Result, WhatATemporaryGaveOutlivesIt) {
  const auto make = []() -> Result<std::vector<int>> { return std::vector<int>{1, 2, 3}; };
  int sum = 0;
  for (int i : *make()) {
    sum += i;
  }
  EXPECT_EQ(sum, 6);
  const Error& error = Half(3).error();
  EXPECT_EQ(error.message(), "3 is odd");
}

TEST(Result, RemembersWhereInTheSourceItWasMade) {
  const Error error = Err(ErrorCode::kIo, "x");
  EXPECT_STREQ(error.source().file_name(), "src/base/result_test.cc");
  EXPECT_EQ(error.source().line(), static_cast<uint32_t>(__LINE__ - 2));
}

TEST(Error, SaysThePlaceBeforeTheMessage) {
  const auto text = [](const Where& where) {
    return Err(ErrorCode::kConfig, "bad").At(where).ToString();
  };
  EXPECT_EQ(text({.file = "a.toml", .line = 3, .column = 7, .field = "x.y"}),
            "a.toml:3:7: x.y: bad");
  EXPECT_EQ(text({.file = "a.toml", .line = 3}), "a.toml:3: bad");
  EXPECT_EQ(text({.file = "a.toml"}), "a.toml: bad");
  EXPECT_EQ(text({.field = "x"}), "x: bad");
  EXPECT_EQ(Err(ErrorCode::kConfig, "bad").ToString(), "bad");
}

TEST(Error, KeepsTheInnermostPlaceAndTakesWhatIsMissing) {
  const Error inner = Err(ErrorCode::kConfig, "bad").At({.field = "amount"});
  const Error outer = inner.At({.file = "f", .line = 2, .column = 4, .field = "ignored"});
  EXPECT_EQ(outer.where(), (Where{.file = "f", .line = 2, .column = 4, .field = "amount"}));
  const Error third = outer.At({.file = "g", .line = 9});
  EXPECT_EQ(third.where(), outer.where());
}

TEST(Error, ChangesItsCodeOnly) {
  const Error error = Err(ErrorCode::kParse, "bad {}", 1).At({.file = "f"});
  const Error changed = error.WithCode(ErrorCode::kConfig);
  EXPECT_EQ(changed.code(), ErrorCode::kConfig);
  EXPECT_EQ(changed.ToString(), error.ToString());
}

TEST(Error, ExitCodesAreThoseOfTheConventions) {
  const auto exit_code = [](ErrorCode code) { return Err(code, "x").exit_code(); };
  EXPECT_EQ(exit_code(ErrorCode::kUsage), 2);
  EXPECT_EQ(exit_code(ErrorCode::kConfig), 3);
  EXPECT_EQ(exit_code(ErrorCode::kCorrupt), 4);
  EXPECT_EQ(exit_code(ErrorCode::kIo), 1);
}

TEST(Error, EveryCodeHasANameOfItsOwn) {
  std::vector<std::string_view> names;
  for (int code = 1; code <= 20; ++code) {
    const std::string_view name = ErrorCodeName(static_cast<ErrorCode>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_EQ(std::ranges::count(names, name), 0) << name;
    names.push_back(name);
  }
  EXPECT_EQ(ErrorCodeName(static_cast<ErrorCode>(21)), "unknown");
}

TEST(ResultDeathTest, AskingAnErrorForItsValueEndsTheProcess) {
  EXPECT_DEATH((void)Half(3).value(), "3 is odd");
  EXPECT_DEATH((void)Half(4).error(), "broken invariant");
}

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  EXPECT_DEATH(FUQI_CHECK(1 + 1 == 3),
               "base/result_test.cc:[0-9]+: broken invariant: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace fuqi
