// Scores of pairs of names: lines "kind <tab> label <tab> name <tab> name" in, a score from 0 to
// 100 a line out, and the microseconds of all of them last.

#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "decide/screening.h"

int main() {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string line; std::getline(std::cin, line);) {
    size_t at = 0;
    std::vector<std::string> fields;
    for (size_t tab = 0; tab != std::string::npos; at = tab + 1) {
      tab = line.find('\t', at);
      fields.push_back(line.substr(at, tab - at));
    }
    if (fields.size() < 4) {
      std::fprintf(stderr, "a line has %zu fields, not kind, label and two names\n", fields.size());
      return 1;
    }
    pairs.emplace_back(fields[2], fields[3]);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<int> scores;
  scores.reserve(pairs.size());
  for (const auto& [a, b] : pairs) {
    scores.push_back(fuqi::decide::CompareNames(a, b).score);
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  for (int score : scores) {
    std::printf("%.2f\n", score / 100.0);
  }
  std::printf("%.0f\n", took.count());
}
