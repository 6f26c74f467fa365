#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace fuqi {
namespace {

TEST(NearestName, FindsASlipOfTheFingers) {
  const std::vector<std::string> known = {"purpose", "partition", "lateness", "id"};
  EXPECT_EQ(NearestName("purpsoe", known), "purpose");
  EXPECT_EQ(NearestName("Latenes", known), "lateness");
  EXPECT_EQ(NearestName("partitions", known), "partition");
  EXPECT_EQ(NearestName("di", known), "id");
}

TEST(NearestName, FindsNothingWhereNothingIsNear) {
  EXPECT_EQ(NearestName("colour", std::vector<std::string>{"purpose", "id"}), std::nullopt);
  EXPECT_EQ(NearestName("x", std::vector<std::string>{}), std::nullopt);
  EXPECT_EQ(NearestName("", std::vector<std::string>{"a", ""}), "");
  EXPECT_EQ(
      NearestName(std::string(10'000, 'a'), std::vector<std::string>(1, std::string(9'999, 'a'))),
      std::nullopt);
}

TEST(NearestName, TakesTheFirstOfSeveral) {
  EXPECT_EQ(NearestName("cat", std::vector<std::string>{"bat", "rat"}), "bat");
  EXPECT_EQ(NearestName("cat", std::vector<std::string>{"bats", "rat"}), "rat");
}

}  // namespace
}  // namespace fuqi
