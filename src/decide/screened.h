#pragma once

// What screening a name of an event gave, as the feature row keeps it: enough, with the event and
// the record that put the entry, to work the score out again and to say why (explain.h).

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "decide/list.h"

namespace fuqi::decide {

struct Screened {
  int percent = 0;  // the best score, cut to a whole number from 1 to 100; 0: no hit, and no entry
  EntryRef entry;
  size_t name = 0;       // which of the entry's names: 0 its value, then its aliases
  std::string rarities;  // as ScreeningHit has them

  // "092 17.3 1 nna/nnc", or "000".
  std::string ToText() const;
  // kParse where it is not what ToText writes.
  static Result<Screened> Parse(std::string_view text);
  // The entry's name; nothing where it has not so many.
  const std::string* NameOf(const ListEntry& of) const;

  friend bool operator==(const Screened&, const Screened&) = default;
};

// A score of kScreeningScoreMax as a whole number of 100, cut.
int PercentOf(int score);

// SQL over a text of ToText: the score, INTEGER, and the entry's EntryRef as VARCHAR, '' where
// there is no hit. NULL of NULL.
std::string ScoreSql(std::string_view column);
std::string EntrySql(std::string_view column);

// The best hit among the list's entries that hold at the time and were not ruled out then by what
// `cleared` lists; null: nothing is. `truncated` is set where a bound ended the search.
Screened Screen(ListState& list, ListState* cleared, std::string_view name, int64_t at_us,
                bool& truncated);

}  // namespace fuqi::decide
