// Any bytes as names: the first line is asked for in a list of the others. Scores are in range, the
// same from either side, and what the index finds is what comparing finds where no word is rare and
// more than initials of the first line agrees.

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "decide/screening.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using fuqi::decide::CompareNames;
  constexpr size_t kNamesMax = 20;  // fewer than make a word rare
  std::vector<std::string_view> lines;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (lines.size() < kNamesMax) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    lines.push_back(rest.substr(0, end));
    if (end == rest.size()) {
      break;
    }
    rest.remove_prefix(end + 1);
  }
  constexpr int kThreshold = 6000;
  fuqi::decide::ScreeningIndex index;
  size_t alike = 0;
  size_t certain = 0;  // to be found
  for (size_t i = 1; i < lines.size(); ++i) {
    index.Add(std::to_string(i), lines[i]);
    const auto hit = CompareNames(lines[0], lines[i]);
    FUQI_CHECK(hit.score >= 0 && hit.score <= fuqi::decide::kScreeningScoreMax);
    FUQI_CHECK(hit.score == CompareNames(lines[i], lines[0]).score);
    const bool more_than_initials = std::ranges::any_of(hit.matches, [](const auto& match) {
      return match.way != fuqi::decide::MatchWay::kInitial || match.query.size() > 1;
    });
    alike += hit.score >= kThreshold ? 1 : 0;
    certain += hit.score >= kThreshold && more_than_initials ? 1 : 0;
  }
  const auto found =
      index.Search(lines[0], {.threshold = kThreshold, .top = kNamesMax, .steps_max = 1U << 30});
  FUQI_CHECK(certain <= found.hits.size() && found.hits.size() <= alike);
  index.Remove("1");
  for (const auto& hit : index.Search(lines[0], {}).hits) {
    FUQI_CHECK(hit.entry != "1");
  }
  return 0;
}
