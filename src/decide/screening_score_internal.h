#pragma once

// The score of two names, and what it is made of.

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "decide/screening.h"
#include "decide/screening_token_internal.h"

namespace fuqi::decide::internal {

inline constexpr int kWeightUnit = 1000;
inline constexpr int kRarityMin = 700;  // permille
inline constexpr int kRarityMax = 1200;

// What a word weighs by its class alone.
int ClassWeight(WordClass word);
// How much more a word weighs that `having` of `names` names have: permille.
int Rarity(uint64_t having, uint64_t names);
// What Rarity gives as one letter, and back: '-' where nothing is known, 'a' the most frequent.
char RarityLetter(int rarity);
std::optional<int> RarityOfLetter(char letter);

struct WeighedToken {
  const TokenProfile* profile = nullptr;
  uint32_t id = 0;  // the same for equal tokens of one side
  int weight = 0;
};
using WeighedName = std::vector<WeighedToken>;

// Similarities of a query's tokens and a list's, each worked out once.
class SimilarityCache {
 public:
  const Similarity& Of(uint32_t query_index, const TokenProfile& query, uint32_t entry_id,
                       const TokenProfile& entry);

 private:
  std::unordered_map<uint64_t, Similarity> known_;
};

// Words of the query, one after another, and words of the entry that they met.
struct SpanMatch {
  size_t query = 0;
  size_t query_count = 1;
  size_t entry = 0;
  size_t entry_count = 1;
  Similarity similarity;
};

struct NameScore {
  int score = 0;
  std::vector<SpanMatch> matches;  // in order of the query
  std::vector<ScreeningNote> notes;
};
NameScore ScoreNames(const WeighedName& query, const WeighedName& entry, SimilarityCache& cache);

// A word beside several of another name that follow each other: the same letters or syllables.
Similarity OneToMany(const TokenProfile& one, std::span<const WeighedToken> many);

// The score that shares of `query` and `entry` weights give, each in ten-thousandths.
int ScoreOfShares(int64_t query_share, int64_t entry_share);

// In words.
ScreeningHit Explained(const NameScore& score, const WeighedName& query, const WeighedName& entry);

}  // namespace fuqi::decide::internal
