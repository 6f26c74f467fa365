// Search against scoring every name, and what a score must hold for any two names.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "base/seeds_for_test.h"
#include "decide/screening.h"
#include "decide/screening_names_for_test.h"
#include "decide/screening_score_internal.h"

namespace fuqi::decide {
namespace {

using internal::NameToken;
using internal::ParseName;
using internal::ProfileOf;
using internal::TokenProfile;
using internal::WeighedName;

struct Listed {
  std::string entry;
  std::string name;
};

// No index: how many names have a word is counted, and every name is scored.
class EveryName {
 public:
  explicit EveryName(const std::vector<Listed>& list) : list_(list) {
    for (const Listed& listed : list) {
      std::set<std::string> words;
      for (const NameToken& token : ParseName(listed.name).tokens) {
        words.insert(Key(token));
      }
      for (const std::string& word : words) {
        ++having_[word];
      }
    }
  }

  // entry → score, of all that reach the threshold.
  std::map<std::string, int> Search(const std::string& query, int threshold) const {
    std::map<std::string, int> found;
    for (const Listed& listed : list_) {
      std::vector<TokenProfile> profiles;
      profiles.reserve(2 * internal::kNameTokensMax);
      const WeighedName a = Weighed(query, profiles);
      const WeighedName b = Weighed(listed.name, profiles);
      internal::SimilarityCache cache;
      const int score = internal::ScoreNames(a, b, cache).score;
      if (score >= threshold) {
        int& best = found[listed.entry];
        best = std::max(best, score);
      }
    }
    return found;
  }

 private:
  static std::string Key(const NameToken& token) {
    return std::to_string(static_cast<int>(token.word)) + token.text;
  }

  WeighedName Weighed(const std::string& name, std::vector<TokenProfile>& profiles) const {
    WeighedName out;
    for (const NameToken& token : ParseName(name).tokens) {
      const auto found = having_.find(Key(token));
      const uint64_t having = found == having_.end() ? 0 : found->second;
      profiles.push_back(ProfileOf(token));
      out.push_back(
          {&profiles.back(), static_cast<uint32_t>(profiles.size()),
           internal::ClassWeight(token.word) * internal::Rarity(having, list_.size()) / 1000});
    }
    return out;
  }

  const std::vector<Listed>& list_;
  std::map<std::string, uint64_t> having_;
};

std::map<std::string, int> ByEntry(const ScreeningResult& result) {
  std::map<std::string, int> found;
  for (const ScreeningHit& hit : result.hits) {
    found[hit.entry] = hit.score;
  }
  return found;
}

std::vector<Listed> MadeList(SeededRandom& random, size_t count) {
  std::vector<Listed> list;
  for (size_t i = 0; i < count; ++i) {
    list.push_back({std::to_string(random.Below(count)), MadeName(random)});
  }
  return list;
}

TEST(ScreeningIndexProperty, FindsWhatScoringEveryNameFinds) {
  uint64_t hits = 0;
  for (uint64_t seed = 0; seed < SeedsForTest(30); ++seed) {
    SeededRandom random(seed);
    const std::vector<Listed> list = MadeList(random, 1 + random.Below(300));
    ScreeningIndex index;
    for (const Listed& listed : list) {
      index.Add(listed.entry, listed.name);
    }
    const EveryName every(list);
    for (int i = 0; i < 20; ++i) {
      std::string query =
          random.Chance(0.3) ? MadeName(random) : list[random.Below(list.size())].name;
      query = random.Chance(0.6) ? Slipped(query, random) : query;
      ScreeningOptions options;
      options.threshold = static_cast<int>(random.Between(3000, 9500));
      options.top = list.size();
      options.steps_max = 100'000'000;
      const ScreeningResult result = index.Search(query, options);
      ASSERT_FALSE(result.truncated);
      ASSERT_EQ(ByEntry(result), every.Search(query, options.threshold))
          << "seed " << seed << ", query " << query << ", threshold " << options.threshold;
      hits += result.hits.size();
    }
  }
  EXPECT_GT(hits, SeedsForTest(30) * 20);  // or this compares nothing with nothing
}

TEST(ScreeningIndexProperty, FewerAreTheFirstOfMore) {
  SeededRandom random(1);
  const std::vector<Listed> list = MadeList(random, 500);
  ScreeningIndex index;
  for (const Listed& listed : list) {
    index.Add(listed.entry, listed.name);
  }
  for (int i = 0; i < 200; ++i) {
    const std::string query = Slipped(MadeName(random), random);
    ScreeningOptions all{.threshold = 4000, .top = 1000, .steps_max = 100'000'000};
    const ScreeningResult more = index.Search(query, all);
    all.top = 3;
    const ScreeningResult fewer = index.Search(query, all);
    ASSERT_EQ(fewer.hits.size(), std::min<size_t>(3, more.hits.size()));
    for (size_t k = 0; k < fewer.hits.size(); ++k) {
      EXPECT_EQ(fewer.hits[k].entry, more.hits[k].entry);
      EXPECT_EQ(fewer.hits[k].name, more.hits[k].name);
    }
  }
}

// Whatever was added and removed before, and in whichever order: also where the budget ends it.
TEST(ScreeningIndexProperty, DependsOnTheNamesOfTheListAlone) {
  for (uint64_t seed = 0; seed < SeedsForTest(20); ++seed) {
    SeededRandom random(seed);
    std::vector<Listed> list = MadeList(random, 200);
    ScreeningIndex one;
    for (const Listed& listed : list) {
      one.Add(listed.entry, listed.name);
    }
    ScreeningIndex other;
    for (int i = 0; i < 100; ++i) {
      other.Add("gone", MadeName(random));
    }
    for (size_t i = list.size(); i > 1; --i) {
      std::swap(list[i - 1], list[random.Below(i)]);
    }
    for (const Listed& listed : list) {
      other.Add(listed.entry, listed.name);
    }
    other.Remove("gone");
    for (int i = 0; i < 50; ++i) {
      const std::string query = Slipped(list[random.Below(list.size())].name, random);
      const ScreeningOptions options{
          .threshold = 5000, .top = 5, .steps_max = random.Chance(0.5) ? 5000U : 10'000'000U};
      const ScreeningResult a = one.Search(query, options);
      const ScreeningResult b = other.Search(query, options);
      ASSERT_EQ(ByEntry(a), ByEntry(b)) << query;
      ASSERT_EQ(a.truncated, b.truncated);
    }
  }
}

// A list whose entries change for years takes no more room than it needs at once.
TEST(ScreeningIndexProperty, ChangesOfEntriesDoNotMakeItGrow) {
  SeededRandom random(6);
  ScreeningIndex index;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    names.push_back(MadeName(random));
    index.Add(std::to_string(i), names.back());
  }
  const size_t words = index.words_held();
  for (int i = 0; i < 20'000; ++i) {
    const size_t at = random.Below(names.size());
    index.Remove(std::to_string(at));
    index.Add(std::to_string(at), names[at]);
  }
  EXPECT_EQ(index.names(), 300u);
  EXPECT_EQ(index.names_held(), 300u);
  EXPECT_EQ(index.words_held(), words);
  // Words that come once and go are given up when they outweigh those that stay.
  for (int i = 0; i < 200'000; ++i) {
    index.Remove("0");
    index.Add("0", "word" + std::to_string(i));
  }
  EXPECT_LT(index.words_held(), 70'000u);
  const std::string& query = names[7];
  EXPECT_EQ(index.Search(query, {}).hits.at(0).score, kScreeningScoreMax);
}

TEST(ScreeningIndexProperty, AHitIsFoundAgainFromItsNamesAndTheirRarities) {
  SeededRandom random(7);
  const std::vector<Listed> list = MadeList(random, 500);
  ScreeningIndex index;
  for (const Listed& listed : list) {
    index.Add(listed.entry, listed.name);
  }
  uint64_t found = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string query = Slipped(list[random.Below(list.size())].name, random);
    for (const ScreeningHit& hit : index.Search(query, {.threshold = 6000}).hits) {
      const auto again = CompareNames(query, hit.name, hit.rarities);
      ASSERT_TRUE(again.has_value()) << hit.rarities;
      EXPECT_EQ(again->score, hit.score);
      EXPECT_EQ(again->matches.size(), hit.matches.size());
      EXPECT_EQ(again->notes, hit.notes);
      ++found;
    }
  }
  EXPECT_GT(found, 300u);
  for (std::string_view rarities : {"", "/", "a", "a/", "aa/a", "a/aa", "A/a", "z/a", "a/`"}) {
    EXPECT_FALSE(CompareNames("one", "two", rarities).has_value()) << rarities;
  }
}

TEST(CompareNamesProperty, IsBetweenNothingAndAllAndTheSameBothWays) {
  SeededRandom random(2);
  for (uint64_t i = 0; i < SeedsForTest(20'000); ++i) {
    const std::string a = MadeName(random);
    const std::string b = random.Chance(0.5) ? Slipped(a, random) : MadeName(random);
    const int score = CompareNames(a, b).score;
    ASSERT_GE(score, 0);
    ASSERT_LE(score, kScreeningScoreMax);
    ASSERT_EQ(score, CompareNames(b, a).score) << a << " | " << b;
    ASSERT_EQ(CompareNames(a, a).score, kScreeningScoreMax) << a;
  }
}

std::string FullWidth(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c > ' ' && c < 0x7f) {
      const int code = 0xff01 + c - '!';
      out += static_cast<char>(0xe0 | code >> 12);
      out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      out += c;
    }
  }
  return out;
}

TEST(CompareNamesProperty, DoesNotSeeCaseWidthOrTraditionalCharacters) {
  SeededRandom random(3);
  for (uint64_t i = 0; i < SeedsForTest(3000); ++i) {
    const std::string a = MadeName(random);
    const std::string b = Slipped(a, random);
    std::string upper = b;
    for (char& c : upper) {
      c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    EXPECT_EQ(CompareNames(a, b).score, CompareNames(a, upper).score) << a << " | " << b;
    EXPECT_EQ(CompareNames(a, b).score, CompareNames(a, FullWidth(b)).score) << a << " | " << b;
  }
  for (const MadeSyllable& one : kMadeSurnames) {
    for (const MadeSyllable& given : kMadeGiven) {
      const std::string simplified = std::string(one.han) + std::string(given.han);
      const std::string traditional = std::string(one.traditional) + std::string(given.traditional);
      EXPECT_EQ(CompareNames(simplified, traditional).score, kScreeningScoreMax) << traditional;
    }
  }
}

TEST(CompareNamesProperty, KnowsTheMadeSpellings) {
  for (std::span<const MadeSyllable> made :
       {std::span<const MadeSyllable>(kMadeSurnames), std::span<const MadeSyllable>(kMadeGiven)}) {
    for (const MadeSyllable& one : made) {
      const std::string other = std::string(one.han) + "磊";
      EXPECT_GE(CompareNames(other, std::string(one.pinyin) + " lei").score, 9500) << one.pinyin;
      EXPECT_GE(CompareNames(other, std::string(one.wade_giles) + " lei").score, 9200)
          << one.wade_giles;
      EXPECT_GE(CompareNames(other, std::string(one.cantonese) + " lei").score, 9200)
          << one.cantonese;
    }
  }
}

// Words that no key brings together are not alike.
TEST(TokenSimilarityProperty, AlikeWordsShareAKeyOfTheirConsonants) {
  SeededRandom random(4);
  const auto latin = [](std::string text) {
    return ProfileOf({std::move(text), NameToken::Kind::kLatin});
  };
  uint64_t alike = 0;
  for (uint64_t i = 0; i < SeedsForTest(200'000); ++i) {
    std::string word;
    for (auto n = random.Between(2, 14); n > 0; --n) {
      word += "abeghiknst"[random.Below(10)];
    }
    std::string other = word;
    for (auto n = random.Between(1, 3); n > 0; --n) {
      const size_t at = random.Below(other.size());
      switch (random.Below(4)) {
        case 0:
          other[at] = "abeghiknst"[random.Below(10)];
          break;
        case 1:
          other.insert(at, 1, "abeghiknst"[random.Below(10)]);
          break;
        case 2:
          other.erase(at, other.size() > 2 ? 1 : 0);
          break;
        default:
          std::swap(other[at], other[at == 0 ? other.size() - 1 : at - 1]);
      }
    }
    const TokenProfile a = latin(word);
    const TokenProfile b = latin(other);
    if (const internal::Similarity found = internal::TokenSimilarity(a, b);
        found.permille > 0 && found.way == MatchWay::kEdit) {
      const uint8_t most = internal::EditedConsonants(std::max(a.letters.size(), b.letters.size()));
      bool shared = false;
      for (const internal::ConsonantKey& x : internal::ConsonantKeys(a.letters)) {
        for (const internal::ConsonantKey& y : internal::ConsonantKeys(b.letters)) {
          shared = shared || (x.number == y.number && std::max(x.without, y.without) <= most);
        }
      }
      ASSERT_TRUE(shared) << word << " " << other;
      ++alike;
    }
  }
  EXPECT_GT(alike, SeedsForTest(20'000));
}

TEST(CompareNamesProperty, TakesAnyBytes) {
  SeededRandom random(5);
  for (uint64_t i = 0; i < SeedsForTest(20'000); ++i) {
    std::string a = MadeName(random);
    for (auto n = random.Between(1, 6); n > 0; --n) {
      a[random.Below(a.size())] = static_cast<char>(random.Below(256));
    }
    const int score = CompareNames(a, MadeName(random)).score;
    ASSERT_GE(score, 0);
    ASSERT_LE(score, kScreeningScoreMax);
  }
}

}  // namespace
}  // namespace fuqi::decide
