#pragma once

// Screening: is this the name of somebody on a list? Names of persons and firms, Latin and Chinese.
//
//   ScreeningIndex list;
//   list.Add("ofac-18660", "PENG, Bo");
//   list.Search("彭波", {}).hits[0].score;   // 9600 of 10000, by pinyin
//
// Two stages. Recall finds the names of which enough words are like words of the query, through an
// index from words to names; each name gets a bound that its score cannot pass. Then names are
// scored, the highest bound first, until no bound left can enter the result. So the result is what
// scoring every name would give, unless a budget of steps ends it: then `truncated` says so. (One
// thing recall may leave out: a name that agrees with nothing but initials of the query.)
//
// The score is the weight of the words that found a partner, best assigned and in any order, as a
// share of either name's weight: rare words weigh more than frequent ones, and legal forms, titles
// and words like "trading" little. It is a whole number of ten-thousandths and depends on nothing
// but the two names, the names on the list, and ScreeningVersion(): no floating point, no order in
// which names were added.
//
// Threads: one at a time, Search included (it keeps its working memory).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fuqi::decide {

inline constexpr int kScreeningScoreMax = 10000;

// How a word of the query met one of the entry, the surest first.
enum class MatchWay : uint8_t {
  kExact,      // the same, but for case, width, accents and traditional characters
  kWord,       // a word of the same meaning: "bank" and "银行"
  kJoined,     // the same letters, written as more or fewer words
  kPinyin,     // the same syllables
  kWadeGiles,  // the same syllables, one of them spelled in Wade-Giles
  kCantonese,  // the same syllables, one of them spelled in Cantonese
  kEdit,       // some letters apart
  kInitial,    // a first letter
  kSameSound,  // other characters that sound the same
};
std::string_view MatchWayName(MatchWay way);  // "exact", "wade_giles"

// What lowered a score beside words left over.
enum class ScreeningNote : uint8_t {
  kOtherOrder,   // Chinese syllables in an order that no way of writing gives
  kOtherPlace,   // both name a place, and not the same
  kOtherNumber,  // both have a number, and not the same
  kOtherForm,    // legal forms that differ
  kLittle,       // nothing but one word, or words that many names have, agree
};
std::string_view ScreeningNoteName(ScreeningNote note);

struct WordMatch {
  std::string query;  // words as compared, folded
  std::string entry;
  MatchWay way = MatchWay::kExact;
  int permille = 0;
  int edits = 0;  // of kEdit: letters that differ
};

struct ScreeningHit {
  std::string entry;
  std::string name;  // the entry's name that is most like the query
  // How rare the words of either name are on the list: with the two names, all that the score is
  // made of (CompareNames). A letter a word, "nna/nnc".
  std::string rarities;
  int score = 0;  // of kScreeningScoreMax
  std::vector<WordMatch> matches;
  std::vector<std::string> query_left;
  std::vector<std::string> entry_left;
  std::vector<ScreeningNote> notes;
};

struct ScreeningOptions {
  int threshold = 8000;  // of kScreeningScoreMax; at least 1
  size_t top = 10;       // entries, each once
  // Entries that do not count are not found; null: all count.
  std::function<bool(std::string_view entry)> counts;
  uint64_t steps_max = 4'000'000;  // places in the index looked at, and scorings at their price
};

struct ScreeningResult {
  std::vector<ScreeningHit> hits;  // highest score first; of equal ones by entry
  bool truncated = false;          // a bound was reached: of the query's length, or of steps
  uint64_t steps = 0;
};

class ScreeningIndex {
 public:
  ScreeningIndex();
  ~ScreeningIndex();
  ScreeningIndex(ScreeningIndex&&) noexcept;
  ScreeningIndex& operator=(ScreeningIndex&&) noexcept;

  // A name of an entry, which may have many. Any bytes; one without a letter is never found.
  void Add(std::string_view entry, std::string_view name);
  // All names of an entry.
  void Remove(std::string_view entry);

  size_t names() const;
  // With room that is free to be used again: these grow with what is there at once, not with what
  // ever was.
  size_t names_held() const;
  size_t words_held() const;
  ScreeningResult Search(std::string_view query, const ScreeningOptions& options);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One name beside another, where no list says which words are rare: `entry` of the hit is empty.
ScreeningHit CompareNames(std::string_view query, std::string_view name);
// The same where a list said it: the hit that Search found. Nothing where the rarities are not of
// these names.
std::optional<ScreeningHit> CompareNames(std::string_view query, std::string_view name,
                                         std::string_view rarities);

// Changes whenever any score may: the algorithm's number, the tables' hash and the Unicode folds.
std::string ScreeningVersion();

}  // namespace fuqi::decide
