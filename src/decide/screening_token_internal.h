#pragma once

// One word of a name beside another: how alike they are, and by which way. What a token sounds like
// is worked out once (TokenProfile), so that a list's words are compared with a query's quickly.
//
// A Latin word may be a run of Chinese syllables in pinyin, in Wade-Giles or in the Cantonese
// spelling of Hong Kong; a Han character has all its readings. Two such runs are alike where their
// syllables agree one by one. Other Latin words are alike up to an edit distance [Damerau 1964]
// that costs less where one sound has several letters: doubled letters, vowels, b and p, c and k.
//
// Similarities are integers of a thousandth, so that a score is the same on every machine.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decide/screening.h"
#include "decide/screening_name_internal.h"

namespace fuqi::decide::internal {

// What one syllable may be, in order of the syllable's number.
using Syllable = std::vector<SpelledSyllable>;
// A word read as syllables.
using SyllableRun = std::vector<Syllable>;

inline constexpr size_t kSyllablesMax = 4;  // of one word

struct TokenProfile {
  NameToken token;
  std::vector<SyllableRun> runs;
  std::string letters;  // of a Latin word without digits, doubled ones once

  bool is_han() const { return token.kind == NameToken::Kind::kHan; }
};
TokenProfile ProfileOf(NameToken token);

struct Similarity {
  int permille = 0;
  MatchWay way = MatchWay::kExact;
  uint8_t edits = 0;  // of kEdit: letters inserted, left out, replaced or swapped
};
// Symmetric.
Similarity TokenSimilarity(const TokenProfile& a, const TokenProfile& b);

// Of words that may differ by slips; the part of TokenSimilarity that looks at letters alone.
Similarity SlipSimilarity(const TokenProfile& a, const TokenProfile& b);

// Two syllables of names whose scripts are as given.
Similarity SyllableSimilarity(const Syllable& a, bool a_is_han, const Syllable& b, bool b_is_han);

// Words whose lengths, doubled letters once, differ by more are not alike by letters.
size_t LengthSlack(size_t length);

// A word's consonants, by class, as a number; and these without one of them, in long words without
// two. Words that are alike by letters share a number, both without as many as EditedConsonants
// says at most: an edit of a consonant costs a whole letter [after the deletions of Mor & Fraenkel
// 1982].
struct ConsonantKey {
  uint32_t number = 0;
  uint8_t without = 0;
  friend auto operator<=>(const ConsonantKey&, const ConsonantKey&) = default;
};
std::vector<ConsonantKey> ConsonantKeys(std::string_view letters);
uint8_t EditedConsonants(size_t longer);

}  // namespace fuqi::decide::internal
