#include "decide/screened.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "decide/screening_list.h"

namespace fuqi::decide {
namespace {

constexpr int kPerPercent = kScreeningScoreMax / 100;

// The words of a text that has as many, each behind one space.
template <size_t kCount>
bool Split(std::string_view text, std::array<std::string_view, kCount>& words) {
  for (size_t i = 0; i < kCount; ++i) {
    const size_t end = i + 1 < kCount ? text.find(' ') : text.size();
    if (end == std::string_view::npos) {
      return false;
    }
    words[i] = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

}  // namespace

int PercentOf(int score) { return score / kPerPercent; }

std::string Screened::ToText() const {
  return percent == 0 ? "000"
                      : fmt::format("{:03} {} {} {}", percent, entry.ToText(), name, rarities);
}

Result<Screened> Screened::Parse(std::string_view text) {
  Screened out;
  std::array<std::string_view, 4> words;
  if (Split(text, words)) {
    std::from_chars(words[0].data(), words[0].data() + words[0].size(), out.percent);
    FUQI_ASSIGN_OR_RETURN(out.entry, EntryRef::Parse(words[1]));
    std::from_chars(words[2].data(), words[2].data() + words[2].size(), out.name);
    out.rarities = words[3];
  }
  if (out.percent < 0 || out.percent > 100 || out.ToText() != text) {
    return Err(ErrorCode::kParse, "'{}' is not what screening gives", text);
  }
  return out;
}

const std::string* Screened::NameOf(const ListEntry& of) const {
  if (name == 0) {
    return &of.value;
  }
  return name > of.aliases.size() ? nullptr : &of.aliases[name - 1];
}

std::string ScoreSql(std::string_view column) {
  return fmt::format("CAST(substring({}, 1, 3) AS INTEGER)", column);
}

std::string EntrySql(std::string_view column) {
  const std::string rest = fmt::format("substring({}, 5)", column);
  return fmt::format("substring({0}, 1, greatest(instr({0}, ' ') - 1, 0))", rest);
}

Screened Screen(ListState& list, ListState* cleared, std::string_view name, int64_t at_us,
                bool& truncated) {
  static const Clearances kNone;
  const ScreeningList::Answer answer =
      list.Screening().Screen(name, at_us, 1, cleared == nullptr ? kNone : cleared->Clearing());
  truncated = truncated || answer.truncated;
  const auto best = std::ranges::find(answer.hits, nullptr, &ScreeningList::Hit::clearance);
  if (best == answer.hits.end()) {
    return {};
  }
  const ListState::Held* held = list.Get(best->entry->id());
  FUQI_CHECK(held != nullptr);
  const std::vector<std::string>& aliases = held->entry.aliases;
  const auto alias = std::ranges::find(aliases, best->hit.name);
  return {.percent = PercentOf(best->hit.score),
          .entry = held->ref,
          .name = alias == aliases.end() ? 0 : static_cast<size_t>(alias - aliases.begin()) + 1,
          .rarities = best->hit.rarities};
}

}  // namespace fuqi::decide
