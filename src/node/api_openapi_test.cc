// The document and the code hold each other: every route is described, every description has a
// route, every problem and metric is named.

#include "node/api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "node/problem.h"

namespace fuqi::node {
namespace {

using Json = nlohmann::json;

Json Document() { return Json::parse(OpenApiJson()); }

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  std::set<std::string> in_code;
  for (const Route& route : kRoutes) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(), ::tolower);
    in_code.insert(method + " " + std::string(route.path));
  }
  std::set<std::string> in_document;
  const Json document = Document();
  for (const auto& [path, methods] : document.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) {
      in_document.insert(method + " " + path);
    }
  }
  EXPECT_EQ(in_code, in_document);
}

TEST(OpenApi, SaysWhichRoutesNeedAKey) {
  const Json document = Document();
  for (const Route& route : kRoutes) {
    const Json& path = document.at("paths").at(std::string(route.path));
    const Json& operation = path.begin().value();
    const Json security = operation.value("security", document.at("security"));
    EXPECT_EQ(!security.empty(), route.needs_key) << route.path;
    EXPECT_EQ(operation.at("responses").contains("401"), route.needs_key) << route.path;
  }
}

TEST(OpenApi, NamesEveryProblemWithItsStatus) {
  const Json document = Document();
  std::set<std::string> named;
  for (const Json& type : document.at("components")
                              .at("schemas")
                              .at("Problem")
                              .at("properties")
                              .at("type")
                              .at("enum")) {
    named.insert(type);
  }
  std::map<std::string, int> statuses;
  for (const auto& [name, response] : document.at("components").at("responses").items()) {
    for (const auto& [key, example] :
         response.at("content").at("application/problem+json").at("examples").items()) {
      statuses[example.at("value").at("type")] = example.at("value").at("status");
    }
  }
  std::set<std::string> in_code;
  for (int i = 0; i < kProblemTypes; ++i) {
    const auto type = static_cast<ProblemType>(i);
    const std::string uri = "urn:fuqi:problem:" + std::string(ProblemName(type));
    in_code.insert(uri);
    EXPECT_EQ(statuses[uri], ProblemStatus(type)) << uri;
    const std::string title = Json::parse(ProblemJson({.type = type}, Language::kEnglish))["title"];
    EXPECT_NE(document.dump().find(title), std::string::npos) << title;
  }
  EXPECT_EQ(named, in_code);
}

// Follows every $ref and reports those that lead nowhere.
void CheckReferences(const Json& node, const Json& document) {
  if (node.is_object()) {
    if (auto reference = node.find("$ref"); reference != node.end()) {
      const std::string target = reference->get<std::string>();
      ASSERT_TRUE(target.starts_with("#/")) << target;
      EXPECT_TRUE(document.contains(Json::json_pointer(target.substr(1)))) << target;
    }
  }
  for (const Json& child : node) {
    if (child.is_structured()) {
      CheckReferences(child, document);
    }
  }
}

TEST(OpenApi, RefersOnlyToWhatItHolds) {
  const Json document = Document();
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  CheckReferences(document, document);
}

}  // namespace
}  // namespace fuqi::node
