#include "node/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fuqi::node {
namespace {

TEST(Chart, TicksAreRoundAndCoverTheValues) {
  EXPECT_EQ(NiceTicks(0, 10), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(NiceTicks(0, 7), (std::vector<double>{0, 2, 4, 6, 8}));
  EXPECT_EQ(NiceTicks(-3, 9), (std::vector<double>{-5, 0, 5, 10}));
  for (double high : {1e-7, 0.3, 1.0, 99.0, 12'345.0, 9.99e12}) {
    const std::vector<double> ticks = NiceTicks(0, high);
    EXPECT_EQ(ticks.front(), 0);
    EXPECT_GE(ticks.back(), high * (1 - 1e-9));
    EXPECT_GE(ticks.size(), 3u);
    EXPECT_LE(ticks.size(), 7u);
  }
  EXPECT_GE(NiceTicks(0, 0).size(), 2u)
      << "where all values are equal there is an axis all the same";
}

TEST(Chart, SaysTextsAsXml) {
  Chart chart{.title = "a < b & \"c\"", .subtitle = "中文", .panels = {}};
  const std::string svg = ToSvg(chart);
  EXPECT_NE(svg.find("a &lt; b &amp; &quot;c&quot;"), std::string::npos);
  EXPECT_NE(svg.find("中文"), std::string::npos);
  EXPECT_EQ(svg.find("a < b"), std::string::npos);
}

TEST(Chart, ALineBreaksWhereNothingIsKnown) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  ChartPanel panel{.title = "t", .x = {0, 1, 2, 3, 4}};
  panel.series.push_back({"s", kNewColour, {1, 2, none, 4, none}, true});
  const std::string svg = ToSvg({.title = "", .subtitle = "", .panels = {panel}});
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_NE(svg.find("<circle"), std::string::npos) << "a value alone is a point";
  // An empty panel and one of a single x are drawn too.
  EXPECT_FALSE(ToSvg({.title = "", .subtitle = "", .panels = {ChartPanel{}}}).empty());
  panel.x = {7};
  panel.series[0].values = {0};
  EXPECT_EQ(ToSvg({.title = "", .subtitle = "", .panels = {panel}}).find("nan"), std::string::npos);
}

TEST(Chart, RefusesAnEndingThatItCannotWrite) {
  EXPECT_EQ(WriteChart({}, "chart.pdf").error().code(), ErrorCode::kUsage);
}

}  // namespace
}  // namespace fuqi::node
