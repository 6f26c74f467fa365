#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "decide/screening_token_internal.h"

namespace fuqi::decide::internal {
namespace {

using Kind = NameToken::Kind;

// What a way of being alike is worth.
constexpr int kWholePermille = 1000;
constexpr int kWordPermille = 950;    // the same word in another language
constexpr int kPinyinPermille = 960;  // a character and its reading
constexpr int kWadeGilesPermille = 930;
constexpr int kCantonesePermille = 920;
constexpr int kTwoSpellingsPermille = 900;  // Wade-Giles beside pinyin
constexpr int kCognatePermille = 860;       // Cantonese beside Mandarin, both in Latin letters
constexpr int kSameSoundPermille = 500;     // two characters of one reading
constexpr int kInitialPermille = 700;
constexpr int kNearSyllablePermille = 550;  // "Wang" and "Weng": names of their own, or a slip

// Edit costs, in quarters of a letter.
constexpr int kLetterCost = 4;
constexpr int kVowelCost = 3;    // a vowel more or less
constexpr int kKindredCost = 2;  // a vowel for a vowel, b for p; an h more or less
constexpr int kDoubleCost = 1;   // a letter doubled

// Letters of one class are heard alike. 0: vowels and what is near them.
constexpr std::array<int8_t, 26> kClasses = {
    0, 1, 2, 3, 0, 4, 2, 0, 0, 5, 2, 6, 7, 8, 0, 1, 2, 9, 10, 3, 0, 4, 0, 11, 0, 10,
};
constexpr int kVowelClass = 0;

int ClassOf(char c) { return kClasses[static_cast<size_t>(c - 'a')]; }

int ReplaceCost(char a, char b) {
  if (a == b) {
    return 0;
  }
  return ClassOf(a) == ClassOf(b) ? kKindredCost : kLetterCost;
}

// Of a letter that only one word has.
int InsertCost(char c) {
  if (c == 'h') {
    return kKindredCost;
  }
  return ClassOf(c) == kVowelClass ? kVowelCost : kLetterCost;
}

// What two words may cost together to be alike, by the longer one's length: about a letter in five,
// and never three letters.
int CostMax(size_t length) {
  if (length < 4) {
    return 0;
  }
  const int least = length == 4 ? kLetterCost - 1 : kLetterCost;
  return std::clamp(static_cast<int>(length) * 3 / 4, least, 3 * kLetterCost - 1);
}

struct Edits {
  int cost = 0;
  uint8_t count = 0;
};

// Optimal string alignment; nothing beyond `cost_max`. A cell holds the cost, and below it in the
// number how many edits, so that the lesser number is the better way.
std::optional<Edits> EditDistance(std::string_view a, std::string_view b, int cost_max) {
  constexpr uint32_t kCost = 256;
  const auto edit = [](int cost) {
    return cost == 0 ? 0 : static_cast<uint32_t>(cost) * kCost + 1;
  };
  const uint32_t beyond = (static_cast<uint32_t>(cost_max) + 1) * kCost;
  std::array<std::array<uint32_t, kTokenBytesMax + 1>, 3> rows;
  std::array<uint32_t, kTokenBytesMax> inserts;
  rows[0][0] = 0;
  for (size_t k = 0; k < b.size(); ++k) {
    inserts[k] = edit(InsertCost(b[k]));
    rows[0][k + 1] = rows[0][k] + inserts[k];
  }
  uint32_t least_above = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto& above = rows[i % 3];
    auto& row = rows[(i + 1) % 3];
    const auto& before = rows[(i + 2) % 3];
    const uint32_t inserted = edit(InsertCost(a[i]));
    row[0] = above[0] + inserted;
    uint32_t least = row[0];
    for (size_t k = 0; k < b.size(); ++k) {
      uint32_t best = std::min(
          {above[k] + edit(ReplaceCost(a[i], b[k])), above[k + 1] + inserted, row[k] + inserts[k]});
      if (i > 0 && k > 0 && a[i] == b[k - 1] && a[i - 1] == b[k] && a[i] != b[k]) {
        best = std::min(best, before[k - 1] + edit(kLetterCost));
      }
      row[k + 1] = best;
      least = std::min(least, best);
    }
    // A swap looks two rows up.
    if (std::min(least, least_above) >= beyond) {
      return std::nullopt;
    }
    least_above = least;
  }
  const uint32_t found = rows[a.size() % 3][b.size()];
  if (found >= beyond) {
    return std::nullopt;
  }
  return Edits{static_cast<int>(found / kCost), static_cast<uint8_t>(found % kCost)};
}

// Every way to read `word` as up to kSyllablesMax syllables of one system.
void ReadAs(uint8_t system, std::string_view word, SyllableRun& sofar,
            std::vector<SyllableRun>& out) {
  constexpr size_t kRunsMax = 8;
  constexpr size_t kSyllableBytesMax = 7;
  if (word.empty()) {
    out.push_back(sofar);
    return;
  }
  if (sofar.size() == kSyllablesMax) {
    return;
  }
  for (size_t length = std::min(word.size(), kSyllableBytesMax); length > 0; --length) {
    Syllable syllable;
    for (SpelledSyllable use : FindSpelling(word.substr(0, length))) {
      use.systems &= system;
      if (use.systems != 0) {
        syllable.push_back(use);
      }
    }
    // Cantonese names are written a word a syllable, and its vowels alone are in every language.
    const bool is_vowel =
        system == kCantonese && length == 1 && !(sofar.empty() && word.size() == 1);
    if (!syllable.empty() && !is_vowel && out.size() < kRunsMax) {
      sofar.push_back(std::move(syllable));
      ReadAs(system, word.substr(length), sofar, out);
      sofar.pop_back();
    }
  }
}

std::vector<SyllableRun> RunsOf(const NameToken& token) {
  std::vector<SyllableRun> runs;
  if (token.kind == Kind::kHan) {
    SyllableRun run;
    for (char32_t code : CodePoints(token.text)) {
      Syllable& syllable = run.emplace_back();
      if (const HanRow* row = FindHan(code); row != nullptr) {
        for (uint16_t reading : ReadingsOf(*row)) {
          const bool mandarin = reading < Tables().pinyin_count;
          syllable.push_back({reading, static_cast<uint8_t>(mandarin ? kPinyin : kCantonese)});
        }
      }
      if (syllable.empty()) {
        return {};
      }
    }
    runs.push_back(std::move(run));
  } else if (token.kind == Kind::kLatin) {
    for (uint8_t system : {kPinyin, kWadeGiles, kCantonese}) {
      std::vector<SyllableRun> read;
      SyllableRun sofar;
      ReadAs(system, token.text, sofar, read);
      for (SyllableRun& run : read) {
        runs.push_back(std::move(run));
      }
    }
  }
  return runs;
}

bool Better(const Similarity& a, const Similarity& b) {
  return a.permille != b.permille ? a.permille > b.permille : a.way < b.way;
}

// The best of any two runs of equal length; a run is as alike as its least alike syllable.
Similarity RunSimilarity(const TokenProfile& a, const TokenProfile& b) {
  Similarity best;
  for (const SyllableRun& x : a.runs) {
    for (const SyllableRun& y : b.runs) {
      if (x.size() != y.size()) {
        continue;
      }
      Similarity least{kWholePermille, MatchWay::kPinyin};
      for (size_t i = 0; i < x.size() && least.permille > 0; ++i) {
        const Similarity one = SyllableSimilarity(x[i], a.is_han(), y[i], b.is_han());
        least = Better(least, one) ? one : least;
      }
      best = Better(least, best) ? least : best;
    }
  }
  return best;
}

bool IsOneSyllable(const TokenProfile& profile) {
  return std::ranges::any_of(profile.runs, [](const SyllableRun& run) { return run.size() == 1; });
}

// Known words of two meanings are two words; forms and titles are too short to tell slips.
bool MayBeSlips(WordClass a, WordClass b) {
  const auto is_small = [](WordClass word) {
    return word == WordClass::kLegal || word == WordClass::kTitle;
  };
  return !is_small(a) && !is_small(b) && (a == WordClass::kNone || b == WordClass::kNone);
}

// The letters that are doubled are compared apart from the others.
Similarity LetterSimilarity(const TokenProfile& a, const TokenProfile& b) {
  const std::string_view x = a.letters;
  const std::string_view y = b.letters;
  if (x.empty() || y.empty()) {
    return {};
  }
  const size_t longer = std::max(x.size(), y.size());
  if (std::min(a.token.text.size(), b.token.text.size()) == 1) {
    return x[0] == y[0] ? Similarity{kInitialPermille, MatchWay::kInitial} : Similarity{};
  }
  if (longer - std::min(x.size(), y.size()) > LengthSlack(longer)) {
    return {};
  }
  std::optional<Edits> edits = EditDistance(x, y, CostMax(longer));
  if (!edits) {
    return {};
  }
  if (a.token.text.size() - x.size() != b.token.text.size() - y.size() || edits->cost == 0) {
    edits->cost += kDoubleCost;
    ++edits->count;
  }
  int permille = kWholePermille - edits->cost * 1300 / (static_cast<int>(longer) * 4);
  if (IsOneSyllable(a) && IsOneSyllable(b)) {
    permille = std::min(permille, kNearSyllablePermille);
  }
  return {permille, MatchWay::kEdit, edits->count};
}

}  // namespace

size_t LengthSlack(size_t length) { return std::max<size_t>(1, length / 3); }

uint8_t EditedConsonants(size_t longer) {
  return static_cast<uint8_t>(CostMax(longer) / kLetterCost);
}

std::vector<ConsonantKey> ConsonantKeys(std::string_view letters) {
  constexpr size_t kTwoFrom =
      8;  // may be beside one of 11 letters, where two consonants may differ
  std::string consonants;
  for (char c : letters) {
    if (const int of = ClassOf(c); of != kVowelClass) {
      consonants += static_cast<char>(of);
    }
  }
  std::vector<ConsonantKey> keys;
  const auto add = [&](size_t first, size_t second, uint8_t without) {
    uint32_t number = 2166136261U;  // FNV-1a
    for (size_t i = 0; i < consonants.size(); ++i) {
      if (i != first && i != second) {
        number = (number ^ static_cast<uint8_t>(consonants[i])) * 16777619U;
      }
    }
    keys.push_back({number, without});
  };
  const size_t none = consonants.size();
  add(none, none, 0);
  for (size_t i = 0; letters.size() >= 4 && i < consonants.size(); ++i) {
    add(i, none, 1);
    for (size_t k = i + 1; letters.size() >= kTwoFrom && k < consonants.size(); ++k) {
      add(i, k, 2);
    }
  }
  // Of one number the fewest without.
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys, {}, &ConsonantKey::number).begin(), keys.end());
  return keys;
}

Similarity SyllableSimilarity(const Syllable& a, bool a_is_han, const Syllable& b, bool b_is_han) {
  Similarity best;
  const auto take = [&](int permille, MatchWay way) {
    const Similarity found{permille, way};
    best = Better(found, best) ? found : best;
  };
  for (const SpelledSyllable& x : a) {
    for (const SpelledSyllable& y : b) {
      const bool x_mandarin = x.syllable < Tables().pinyin_count;
      const bool y_mandarin = y.syllable < Tables().pinyin_count;
      if (x.syllable == y.syllable) {
        if (a_is_han && b_is_han) {
          if (x_mandarin) {
            take(kSameSoundPermille, MatchWay::kSameSound);
          }
        } else if (!x_mandarin) {
          take(a_is_han || b_is_han ? kCantonesePermille : kCognatePermille, MatchWay::kCantonese);
        } else if ((x.systems & y.systems & kPinyin) != 0) {
          take(kPinyinPermille, MatchWay::kPinyin);
        } else {
          take(a_is_han || b_is_han ? kWadeGilesPermille : kTwoSpellingsPermille,
               MatchWay::kWadeGiles);
        }
      } else if (!a_is_han && !b_is_han && x_mandarin != y_mandarin &&
                 AreCognate(x_mandarin ? x.syllable : y.syllable,
                            x_mandarin ? y.syllable : x.syllable)) {
        take(kCognatePermille, MatchWay::kCantonese);
      }
    }
  }
  return best;
}

Similarity SlipSimilarity(const TokenProfile& a, const TokenProfile& b) {
  return MayBeSlips(a.token.word, b.token.word) ? LetterSimilarity(a, b) : Similarity{};
}

TokenProfile ProfileOf(NameToken token) {
  TokenProfile profile;
  profile.runs = RunsOf(token);
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (token.kind == Kind::kLatin && std::ranges::all_of(token.text, is_letter)) {
    std::ranges::unique_copy(token.text, std::back_inserter(profile.letters));
  }
  profile.token = std::move(token);
  return profile;
}

Similarity TokenSimilarity(const TokenProfile& a, const TokenProfile& b) {
  if (a.token.text == b.token.text) {
    return {kWholePermille, MatchWay::kExact};
  }
  if (a.token.word != WordClass::kNone && a.token.word == b.token.word &&
      a.token.meaning == b.token.meaning) {
    return {kWordPermille, MatchWay::kWord};
  }
  Similarity best = RunSimilarity(a, b);
  const Similarity slip = SlipSimilarity(a, b);
  return Better(slip, best) ? slip : best;
}

}  // namespace fuqi::decide::internal
