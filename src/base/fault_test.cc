#include "base/fault.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace fuqi {
namespace {

Result<int> Step() {
  FUQI_FAULT("test.step");
  return 1;
}

TEST(Fault, DoesNothingUntilArmed) {
  DisarmFaults();
  EXPECT_TRUE(Step());
  EXPECT_FALSE(internal::faults_armed);
}

TEST(Fault, FailsTheNthTimeOnce) {
  ScopedFault fault("test.step", 3);
  EXPECT_TRUE(Step());
  EXPECT_TRUE(Step());
  const Result<int> third = Step();
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::kIo);
  EXPECT_NE(third.error().message().find("test.step"), std::string::npos);
  EXPECT_TRUE(Step());
  EXPECT_EQ(FaultHits("test.step"), 4u);
}

TEST(Fault, AnotherNameIsNotTouched) {
  ScopedFault fault("test.other");
  EXPECT_TRUE(Step());
  EXPECT_EQ(FaultHits("test.other"), 0u);
}

TEST(Fault, ArmsFromTheEnvironmentsText) {
  ASSERT_TRUE(ArmFaults("test.step=1,test.other=2"));
  EXPECT_FALSE(Step());
  EXPECT_TRUE(Step());
  DisarmFaults();
  ASSERT_EQ(setenv("FUQI_FAULTS", "test.step=2", 1), 0);
  ASSERT_TRUE(ArmFaultsFromEnvironment());
  EXPECT_TRUE(Step());
  EXPECT_FALSE(Step());
  unsetenv("FUQI_FAULTS");
  DisarmFaults();
  ASSERT_TRUE(ArmFaultsFromEnvironment());
  EXPECT_FALSE(internal::faults_armed);
}

TEST(Fault, RefusesATextThatArmsNothingAndArmsNoneOfIt) {
  for (const char* bad : {"test.step", "=1", "test.step=", "test.step=0", "test.step=x",
                          "test.step=1x", "test.step=-1", "test.step=1,,", "test.step=1,other"}) {
    EXPECT_EQ(ArmFaults(bad).error().code(), ErrorCode::kUsage) << bad;
    EXPECT_TRUE(Step()) << bad;
  }
}

}  // namespace
}  // namespace fuqi
