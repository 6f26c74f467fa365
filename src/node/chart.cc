#include "node/chart.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/disk.h"
#include "table/format.h"

extern char** environ;

namespace fuqi::node {
namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 84;
constexpr double kRight = 24;
constexpr double kTop = 78;
constexpr double kPlot = 150;   // height of a panel's plot
constexpr double kPanel = 226;  // with its title and ticks
constexpr std::string_view kInk = "#1f2933";
constexpr std::string_view kSoftInk = "#5f6c7b";
constexpr std::string_view kGrid = "#e4e7eb";
constexpr std::string_view kFonts =
    "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei','WenQuanYi Micro "
    "Hei','Droid Sans Fallback','DejaVu Sans','Helvetica Neue',Arial,sans-serif";

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// 1234567 as "1,234,567"; fractions with as many digits as the step between ticks needs.
std::string NumberText(double value, double step) {
  const int digits = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  const std::string text = fmt::format("{:.{}f}", value, std::clamp(digits, 0, 6));
  const size_t end = std::min(text.find('.'), text.size());
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && i < end && (end - i) % 3 == 0 && text[i - 1] != '-') {
      out += ',';
    }
    out += text[i];
  }
  return out;
}

// One panel's axes, in pixels.
class Plot {
 public:
  Plot(const ChartPanel& panel, double top, std::string& out)
      : panel_(panel), top_(top), out_(out) {
    double low = 0;
    double high = 0;
    for (const ChartSeries& series : panel.series) {
      for (double value : series.values) {
        if (std::isfinite(value)) {
          low = std::min(low, value);
          high = std::max(high, value);
        }
      }
    }
    ticks_ = panel.percent ? std::vector<double>{0, 0.25, 0.5, 0.75, 1} : NiceTicks(low, high);
  }

  void Draw() {
    Label(kLeft, top_ - 14, 14, kInk, "start", panel_.title, true);
    Legend();
    Grid();
    for (const ChartMark& mark : panel_.marks) {
      Mark(mark);
    }
    for (const ChartSeries& series : panel_.series) {
      if (series.filled) {
        Fill(series);
      }
    }
    for (const ChartSeries& series : panel_.series) {
      Line(series);
    }
  }

 private:
  double X(double x) const {
    const double low = panel_.x.empty() ? 0 : panel_.x.front();
    const double span = panel_.x.empty() ? 0 : panel_.x.back() - low;
    const double width = kWidth - kLeft - kRight;
    return kLeft + (span <= 0 ? width / 2 : (x - low) / span * width);
  }
  double Y(double y) const {
    return top_ + kPlot * (ticks_.back() - y) / (ticks_.back() - ticks_.front());
  }

  void Label(double x, double y, int size, std::string_view colour, std::string_view anchor,
             std::string_view text, bool bold = false) {
    out_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" fill=\"{}\" text-anchor=\"{}\"{}>{}"
        "</text>\n",
        x, y, size, colour, anchor, bold ? " font-weight=\"600\"" : "", Escaped(text));
  }
  void Segment(double x1, double y1, double x2, double y2, std::string_view style) {
    out_ += fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" {}/>\n", x1, y1, x2, y2, style);
  }

  // From the right to the left, above the plot.
  void Legend() {
    double right = kWidth - kRight;
    for (auto series = panel_.series.rbegin(); series != panel_.series.rend(); ++series) {
      right -= 6.8 * static_cast<double>(table::DisplayWidth(series->name));
      Label(right, top_ - 14, 12, kSoftInk, "start", series->name);
      Segment(
          right - 26, top_ - 18, right - 8, top_ - 18,
          fmt::format("stroke=\"{}\" stroke-width=\"3\" stroke-linecap=\"round\"", series->colour));
      right -= 44;
    }
  }

  void Grid() {
    for (double tick : ticks_) {
      const bool is_zero = tick == 0;
      Segment(kLeft, Y(tick), kWidth - kRight, Y(tick),
              fmt::format("stroke=\"{}\" stroke-width=\"1\"", is_zero ? "#9aa5b1" : kGrid));
      Label(kLeft - 8, Y(tick) + 4, 11, kSoftInk, "end",
            panel_.percent ? fmt::format("{:.0f} %", tick * 100)
                           : NumberText(tick, ticks_[1] - ticks_[0]));
    }
    for (const auto& [x, text] : panel_.ticks) {
      Segment(X(x), top_ + kPlot, X(x), top_ + kPlot + 4, "stroke=\"#9aa5b1\"");
      Label(X(x), top_ + kPlot + 18, 11, kSoftInk, "middle", text);
    }
  }

  void Mark(const ChartMark& mark) {
    Segment(
        X(mark.x), top_, X(mark.x), top_ + kPlot,
        fmt::format("stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"", mark.colour));
    const bool at_right = X(mark.x) > kWidth * 0.75;
    Label(X(mark.x) + (at_right ? -5 : 5), top_ + 11, 11, mark.colour, at_right ? "end" : "start",
          mark.text);
  }

  // Runs of values that are there, each as [begin, end).
  static std::vector<std::pair<size_t, size_t>> Runs(const std::vector<double>& values) {
    std::vector<std::pair<size_t, size_t>> runs;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        continue;
      }
      if (!runs.empty() && runs.back().second == i) {
        ++runs.back().second;
      } else {
        runs.emplace_back(i, i + 1);
      }
    }
    return runs;
  }

  std::string Points(const ChartSeries& series, size_t begin, size_t end) const {
    std::string path;
    for (size_t i = begin; i < end; ++i) {
      path += fmt::format("{}{:.1f} {:.1f}", i == begin ? 'M' : 'L', X(panel_.x[i]),
                          Y(series.values[i]));
    }
    return path;
  }

  void Fill(const ChartSeries& series) {
    for (auto [begin, end] : Runs(series.values)) {
      out_ += fmt::format(
          "<path d=\"{}L{:.1f} {:.1f}L{:.1f} {:.1f}Z\" fill=\"{}\" fill-opacity=\"0.12\"/>\n",
          Points(series, begin, end), X(panel_.x[end - 1]), Y(0), X(panel_.x[begin]), Y(0),
          series.colour);
    }
  }

  void Line(const ChartSeries& series) {
    for (auto [begin, end] : Runs(series.values)) {
      if (end - begin == 1) {  // a lonely value
        out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n",
                            X(panel_.x[begin]), Y(series.values[begin]), series.colour);
        continue;
      }
      out_ += fmt::format(
          "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" "
          "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n",
          Points(series, begin, end), series.colour);
    }
  }

  const ChartPanel& panel_;
  const double top_;
  std::string& out_;
  std::vector<double> ticks_;
};

Result<void> ConvertToPng(const std::string& svg, const std::string& path) {
  const int input = memfd_create("fuqi-chart", MFD_CLOEXEC);
  if (input < 0 || write(input, svg.data(), svg.size()) != static_cast<ssize_t>(svg.size()) ||
      lseek(input, 0, SEEK_SET) != 0) {
    close(input);
    return Err(ErrorCode::kIo, "the chart could not be kept in memory");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::string program = "rsvg-convert";
  std::string option = "--output=" + path;
  char* arguments[] = {program.data(), option.data(), nullptr};
  pid_t child = 0;
  const int spawned = posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input);
  int status = 0;
  if (spawned != 0) {
    return Err(ErrorCode::kUnavailable,
               "a PNG needs the program rsvg-convert (Debian: librsvg2-bin); it is not there. Name "
               "a file that ends in .svg");
  }
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Err(ErrorCode::kUnavailable, "rsvg-convert could not write {}", path);
  }
  return {};
}

}  // namespace

std::vector<double> NiceTicks(double low, double high) {
  constexpr double kWanted = 5;
  high = high <= low ? low + 1 : high;
  const double rough = (high - low) / kWanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  for (double n = std::floor(low / step + 1e-9); ticks.empty() || ticks.back() < high - step * 1e-9;
       ++n) {
    ticks.push_back(n * step);
  }
  return ticks;
}

std::string ToSvg(const Chart& chart) {
  const double height = kTop + kPanel * static_cast<double>(chart.panels.size());
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"{2}\">\n"
      "<title>{3}</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text x=\"24\" y=\"30\" font-size=\"18\" font-weight=\"600\" fill=\"{5}\">{3}</text>\n"
      "<text x=\"24\" y=\"50\" font-size=\"12\" fill=\"{6}\">{4}</text>\n",
      kWidth, height, kFonts, Escaped(chart.title), Escaped(chart.subtitle), kInk, kSoftInk);
  double top = kTop + 30;
  for (const ChartPanel& panel : chart.panels) {
    Plot(panel, top, out).Draw();
    top += kPanel;
  }
  return out + "</svg>\n";
}

Result<void> CheckChartPath(const std::string& path) {
  if (!path.ends_with(".svg") && !path.ends_with(".png")) {
    return Err(ErrorCode::kUsage, "a chart's file ends in .svg or .png, not '{}'", path);
  }
  return {};
}

Result<void> WriteChart(const Chart& chart, const std::string& path) {
  FUQI_RETURN_IF_ERROR(CheckChartPath(path));
  const std::string svg = ToSvg(chart);
  return path.ends_with(".png") ? ConvertToPng(svg, path)
                                : WriteFileAtomically(SystemDisk(), path, AsBytes(svg));
}

}  // namespace fuqi::node
