#include "node/problem.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "node/api_change.h"

namespace fuqi::node {
namespace {

using Json = nlohmann::json;

class Problems : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog({.sink = [this](std::string_view line) { log_ += line; }});
  }
  void TearDown() override { ConfigureLog({}); }
  std::string log_;
};

TEST_F(Problems, OfTheServerStayInItsLog) {
  const Error error = Err(ErrorCode::kIo, "the disk said {}", 17).At({.field = "f"});
  auto body = [](const Error& e, Language language) { return BodyRefusal(e, language, Refusal); };
  for (Refuse refuse : {Refuse(Refusal), Refuse(ChangeRefusal), Refuse(body)}) {
    log_.clear();
    const HttpResponse response = refuse(error, Language::kEnglish);
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("disk"), std::string::npos) << response.body;
    EXPECT_FALSE(Json::parse(response.body).contains("field"));
    EXPECT_NE(log_.find("the disk said 17"), std::string::npos) << log_;
  }
}

TEST_F(Problems, OfTheClientAreToldAndNotLogged) {
  const Error error = Err(ErrorCode::kNotFound, "the pack has no list '{}'", "x")
                          .At({.line = 3, .column = 4, .field = "f"});
  const HttpResponse response = ChangeRefusal(error, Language::kEnglish);
  EXPECT_EQ(response.status, 404);
  const Json told = Json::parse(response.body);
  EXPECT_EQ(told["detail"], "the pack has no list 'x' (line 3, column 4)");
  EXPECT_EQ(told["field"], "f");
  EXPECT_EQ(log_, "");
}

TEST_F(Problems, OfABodyThatIsTooLargeAreNoneOfAQueueThatIsFull) {
  const Error error = Err(ErrorCode::kResourceExhausted, "a bound");
  for (Refuse refuse : {Refuse(Refusal), Refuse(ChangeRefusal)}) {
    const HttpResponse queue = refuse(error, Language::kEnglish);
    EXPECT_EQ(queue.status, 429) << "send it again";
    const HttpResponse body = BodyRefusal(error, Language::kEnglish, refuse);
    EXPECT_EQ(body.status, 413) << "that would help nobody";
    EXPECT_EQ(Json::parse(body.body)["detail"], "a bound");
  }
}

}  // namespace
}  // namespace fuqi::node
