// How alike two texts are, byte by byte as DuckDB has it.

#include <algorithm>
#include <array>
#include <vector>

#include "sql/functions_internal.h"

namespace fuqi::sql::internal {
namespace {

using Children = const std::vector<Expr>&;

// What one call may cost: the product of the lengths, which distances fill in.
constexpr uint64_t kCellsMax = uint64_t{1} << 22;

bool FailTooLong(const Operation& operation, Machine& machine) {
  return machine.Fail(Err(ErrorCode::kResourceExhausted,
                          "the texts of '{}' are too long: the product of their bytes may be {}",
                          operation.name, kCellsMax));
}

using Distance = uint64_t (*)(std::string_view, std::string_view);

// [Wagner & Fischer 1974], two rows.
uint64_t Levenshtein(std::string_view a, std::string_view b) {
  std::vector<uint32_t> row(b.size() + 1);
  for (size_t k = 0; k <= b.size(); ++k) {
    row[k] = static_cast<uint32_t>(k);
  }
  for (size_t i = 0; i < a.size(); ++i) {
    uint32_t diagonal = row[0];
    row[0] = static_cast<uint32_t>(i + 1);
    for (size_t k = 0; k < b.size(); ++k) {
      const uint32_t replaced = diagonal + (a[i] == b[k] ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// [Lowrance & Wagner 1975]: with neighbours changing places, and edits between them.
uint64_t DamerauLevenshtein(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 2;
  const auto far = static_cast<uint32_t>(a.size() + b.size() + 1);
  std::vector<uint32_t> cells((a.size() + 2) * width, far);
  const auto cell = [&](size_t i, size_t k) -> uint32_t& { return cells[i * width + k]; };
  for (size_t i = 0; i <= a.size(); ++i) {
    cell(i + 1, 1) = static_cast<uint32_t>(i);
  }
  for (size_t k = 0; k <= b.size(); ++k) {
    cell(1, k + 1) = static_cast<uint32_t>(k);
  }
  std::array<size_t, 256> last_in_a{};  // 1 + where the byte stood last
  for (size_t i = 0; i < a.size(); ++i) {
    size_t last_in_b = 0;
    for (size_t k = 0; k < b.size(); ++k) {
      const size_t from_a = last_in_a[static_cast<unsigned char>(b[k])];
      const size_t from_b = last_in_b;
      const bool same = a[i] == b[k];
      if (same) {
        last_in_b = k + 1;
      }
      const auto swapped =
          static_cast<uint32_t>(cell(from_a, from_b) + (i - from_a) + 1 + (k - from_b));
      cell(i + 2, k + 2) = std::min({cell(i + 1, k + 1) + (same ? 0 : 1), cell(i + 2, k + 1) + 1,
                                     cell(i + 1, k + 2) + 1, swapped});
    }
    last_in_a[static_cast<unsigned char>(a[i])] = i + 1;
  }
  return cell(a.size() + 1, b.size() + 1);
}

template <Distance kDistance>
bool RunDistance(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const std::string_view a = args[0]->text();
  const std::string_view b = args[1]->text();
  if (a.size() > kCellsMax || b.size() > kCellsMax || a.size() * b.size() > kCellsMax) {
    return FailTooLong(operation, machine);
  }
  return Give(Datum::Int(static_cast<int128>(kDistance(a, b))), out);
}

bool RunHamming(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const std::string_view a = args[0]->text();
  const std::string_view b = args[1]->text();
  if (a.size() != b.size() || a.empty()) {
    return machine.Fail(Err(ErrorCode::kInvalidArgument,
                            "the texts of '{}' must have as many bytes, and at least one",
                            operation.name));
  }
  int64_t differ = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    differ += a[i] == b[i] ? 0 : 1;
  }
  return Give(Datum::Int(differ), out);
}

// Bytes that both have, over bytes that either has.
bool RunJaccard(const Operation& operation, Args args, Machine& machine, Datum& out) {
  std::array<unsigned, 256> seen{};
  for (unsigned i = 0; i < 2; ++i) {
    if (args[i]->t.size == 0) {
      return machine.Fail(
          Err(ErrorCode::kInvalidArgument, "a text of '{}' is empty", operation.name));
    }
    for (char c : args[i]->text()) {
      seen[static_cast<unsigned char>(c)] |= 1U << i;
    }
  }
  const auto both = std::count(seen.begin(), seen.end(), 3U);
  const auto none = std::count(seen.begin(), seen.end(), 0U);
  return Give(Datum::Double(static_cast<double>(both) / static_cast<double>(256 - none)), out);
}

// [Jaro 1989]: bytes that both have within half the longer length, less half of those that stand in
// another order.
double Jaro(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) {
    return 0;
  }
  if (a.size() == 1 && b.size() == 1) {
    return a == b ? 1 : 0;
  }
  const size_t half = std::max(a.size(), b.size()) / 2;
  const size_t bound = half > 0 ? half - 1 : 0;
  std::vector<bool> used(a.size());
  std::string in_b;
  for (size_t k = 0; k < b.size(); ++k) {
    const size_t from = k > bound ? k - bound : 0;
    const size_t to = std::min(k + bound + 1, a.size());
    for (size_t i = from; i < to; ++i) {
      if (!used[i] && a[i] == b[k]) {
        used[i] = true;
        in_b += b[k];
        break;
      }
    }
  }
  if (in_b.empty()) {
    return 0;
  }
  int64_t displaced = 0;
  size_t next = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (used[i]) {
      displaced += a[i] == in_b[next++] ? 0 : 1;
    }
  }
  const auto common = static_cast<double>(in_b.size());
  double similarity = common / static_cast<double>(a.size());
  similarity += common / static_cast<double>(b.size());
  const size_t transpositions = displaced / 2;
  similarity += (common - static_cast<double>(transpositions)) / common;
  return similarity / 3.0;
}

// [Winkler 1990]: raised for a common prefix of up to four bytes, above 0.7.
template <bool kWinkler>
bool RunJaro(const Operation& operation, Args args, Machine& machine, Datum& out) {
  const std::string_view a = args[0]->text();
  const std::string_view b = args[1]->text();
  if (a.size() > kCellsMax || b.size() > kCellsMax || a.size() * b.size() > kCellsMax) {
    return FailTooLong(operation, machine);
  }
  double similarity = Jaro(a, b);
  if (kWinkler && similarity > 0.7) {
    size_t prefix = 0;
    while (prefix < std::min({a.size(), b.size(), size_t{4}}) && a[prefix] == b[prefix]) {
      ++prefix;
    }
    similarity += static_cast<double>(prefix) * 0.1 * (1.0 - similarity);
  }
  return Give(Datum::Double(similarity), out);
}

template <auto kKernel>
Result<void> BindTwoTexts(Children, Operation& operation) {
  if (operation.args.size() != 2 || !IsText(operation.args[0]) || !IsText(operation.args[1])) {
    return NoSuchOverload(operation);
  }
  operation.kernel = kKernel;
  return {};
}

}  // namespace

std::span<const Function> SimilarityFunctions() {
  static constexpr Function kFunctions[] = {
      {"damerau_levenshtein", BindTwoTexts<RunDistance<DamerauLevenshtein>>},
      {"hamming", BindTwoTexts<RunHamming>},
      {"jaccard", BindTwoTexts<RunJaccard>},
      {"jaro_similarity", BindTwoTexts<RunJaro<false>>},
      {"jaro_winkler_similarity", BindTwoTexts<RunJaro<true>>},
      {"levenshtein", BindTwoTexts<RunDistance<Levenshtein>>},
  };
  return kFunctions;
}

}  // namespace fuqi::sql::internal
