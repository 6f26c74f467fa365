#include "node/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

namespace fuqi::node {
namespace {

// A reader of the exposition format that shares nothing with the writer: sample line → value, and
// the families in order.
struct Exposition {
  std::map<std::string, double> samples;
  std::map<std::string, std::string> types;
  bool families_stand_together = true;
};
Exposition ParseExposition(const std::string& text) {
  Exposition parsed;
  std::istringstream in(text);
  std::string family;
  std::set<std::string> closed;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# TYPE ")) {
      std::istringstream words(line.substr(7));
      std::string type;
      closed.insert(family);
      words >> family >> type;
      parsed.types[family] = type;
      parsed.families_stand_together &= !closed.contains(family);
      continue;
    }
    if (line.starts_with("#")) {
      continue;
    }
    const size_t space = line.rfind(' ');
    const std::string name = line.substr(0, space);
    EXPECT_TRUE(name.starts_with(family)) << line;
    EXPECT_TRUE(parsed.samples.emplace(name, std::stod(line.substr(space + 1))).second) << line;
  }
  return parsed;
}

TEST(Metrics, CountsRequestsByRouteAndCode) {
  Metrics metrics({"/a", "/b/{c}"});
  metrics.CountRequest(0, 200, 1'000'000);
  metrics.CountRequest(0, 200, 2'000'000);
  metrics.CountRequest(1, 503, 5);
  metrics.CountRequest(SIZE_MAX, 404, 5);
  metrics.CountRequest(0, 299, -5);
  const Exposition seen = ParseExposition(metrics.Render({}, "1.2.3"));
  EXPECT_TRUE(seen.families_stand_together);
  EXPECT_EQ(seen.samples.at("fuqi_build_info{version=\"1.2.3\"}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_http_requests_total{route=\"/a\",code=\"200\"}"), 2);
  EXPECT_EQ(seen.samples.at("fuqi_http_requests_total{route=\"/b/{c}\",code=\"503\"}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_http_requests_total{route=\"other\",code=\"404\"}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_http_requests_total{route=\"/a\",code=\"other\"}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_http_request_seconds_count{route=\"/a\"}"), 3);
  EXPECT_DOUBLE_EQ(seen.samples.at("fuqi_http_request_seconds_sum{route=\"/a\"}"), 0.003);
}

TEST(Metrics, HistogramsAreCumulativeAndInclusive) {
  static constexpr std::array<uint64_t, 3> kBounds = {10, 20, 30};
  Histogram histogram(kBounds, 10);
  for (uint64_t value : {0u, 10u, 11u, 20u, 30u, 31u, 1000u}) {
    histogram.Observe(value);
  }
  std::string text = "# TYPE h histogram\n";
  histogram.Render("h", "", text);
  const Exposition seen = ParseExposition(text);
  EXPECT_EQ(seen.samples.at("h_bucket{le=\"1\"}"), 2);
  EXPECT_EQ(seen.samples.at("h_bucket{le=\"2\"}"), 4);
  EXPECT_EQ(seen.samples.at("h_bucket{le=\"3\"}"), 5);
  EXPECT_EQ(seen.samples.at("h_bucket{le=\"+Inf\"}"), 7);
  EXPECT_EQ(seen.samples.at("h_count"), 7);
  EXPECT_DOUBLE_EQ(seen.samples.at("h_sum"), 110.2);
}

TEST(Metrics, TellsAPacksFigures) {
  Metrics metrics({});
  PackMetrics pack;
  pack.CountDecision(decide::Action::kFreeze);
  pack.shed[static_cast<size_t>(Shed::kDeadline)].Add(3);
  pack.commit_ns.Observe(2'000'000);
  decide::Pack rules;
  rules.rules = {{.id = "acts"}, {.id = "watches", .shadow = true}};
  decide::Decision decision;
  decision.hits = {0, 1};
  pack.shadow_hits.Add(rules, decision);
  pack.shadow_hits.Add(rules, decision);
  const std::string text = metrics.Render({{.pack = "a\"b\\c\n",
                                            .pack_hash = "00",
                                            .metrics = &pack,
                                            .queue_depth = 5,
                                            .log_bytes = 7,
                                            .log_records = 9,
                                            .ready = true}},
                                          "1");
  const Exposition seen = ParseExposition(text);
  EXPECT_TRUE(seen.families_stand_together);
  const std::string label = R"(pack="a\"b\\c\n")";
  EXPECT_EQ(seen.samples.at("fuqi_decisions_total{" + label + ",action=\"freeze\"}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_decisions_total{" + label + ",action=\"approve\"}"), 0);
  EXPECT_EQ(seen.samples.at("fuqi_shadow_hits_total{" + label + ",rule=\"watches\"}"), 2);
  EXPECT_EQ(text.find("rule=\"acts\""), std::string::npos);
  EXPECT_EQ(seen.samples.at("fuqi_shed_total{" + label + ",reason=\"deadline\"}"), 3);
  EXPECT_EQ(seen.samples.at("fuqi_queue_depth{" + label + "}"), 5);
  EXPECT_EQ(seen.samples.at("fuqi_log_bytes{" + label + "}"), 7);
  EXPECT_EQ(seen.samples.at("fuqi_pack_ready{" + label + "}"), 1);
  EXPECT_EQ(seen.samples.at("fuqi_commit_seconds_count{" + label + "}"), 1);
  EXPECT_EQ(seen.types.at("fuqi_commit_seconds"), "histogram");
}

}  // namespace
}  // namespace fuqi::node
