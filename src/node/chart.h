#pragma once

// Charts of lines over a common axis, as SVG: what `fuqi backtest` and `fuqi tune` draw.
//
// The text depends on nothing but the chart. Fonts are named and not embedded: a viewer takes the
// first one that it has.

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace fuqi::node {

inline constexpr std::string_view kOldColour = "#8a94a6";
inline constexpr std::string_view kNewColour = "#1f6feb";
inline constexpr std::string_view kThirdColour = "#d9730d";

struct ChartSeries {
  std::string name;
  std::string_view colour;
  std::vector<double> values;  // at each x of the panel; NaN where there is none
  bool filled = false;
};

// Something to be seen at one x: a line across the panel.
struct ChartMark {
  double x = 0;
  std::string text;
  std::string_view colour;
};

struct ChartPanel {
  std::string title;
  std::vector<double> x;  // rising
  std::vector<std::pair<double, std::string>> ticks;
  std::vector<ChartSeries> series;
  std::vector<ChartMark> marks;
  bool percent = false;  // values lie in [0, 1]
};

struct Chart {
  std::string title;
  std::string subtitle;
  std::vector<ChartPanel> panels;  // one below the other
};

std::string ToSvg(const Chart& chart);

// Steps of 1, 2 or 5 times a power of ten from 0 or below to `high` or above: five or so.
std::vector<double> NiceTicks(double low, double high);

// Writes the chart to `path`: .svg, or .png by rsvg-convert (librsvg2-bin). kUsage: another ending;
// kUnavailable: there is no rsvg-convert, or it failed.
Result<void> WriteChart(const Chart& chart, const std::string& path);
// kUsage unless WriteChart knows the ending: to be asked before long work.
Result<void> CheckChartPath(const std::string& path);

}  // namespace fuqi::node
