#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

#include "decide/screening_score_internal.h"

namespace fuqi::decide::internal {
namespace {

using Kind = NameToken::Kind;

constexpr int kJoinedPermille = 980;
constexpr size_t kJoinedLettersMin = 4;

// What a note leaves of a score, in hundredths.
constexpr int kOtherOrderLeaves = 75;
constexpr int kOtherPlaceLeaves = 80;
constexpr int kOtherNumberLeaves = 75;
constexpr int kOtherFormLeaves = 98;
constexpr int kLittleMost = 7000;   // one word of names that have several
constexpr int kNothingMost = 5000;  // words alone that many names have

// Digits, or a character that is a number: "第一" and "第二".
bool IsNumber(const NameToken& token) {
  static constexpr std::string_view kNumbers[] = {"一", "二", "三", "四", "五",
                                                  "六", "七", "八", "九", "十"};
  return token.kind == Kind::kNumber ||
         std::ranges::find(kNumbers, token.text) != std::end(kNumbers);
}

bool Reads(const TokenProfile& profile, size_t syllables) {
  return std::ranges::any_of(profile.runs,
                             [&](const SyllableRun& run) { return run.size() == syllables; });
}

// A word beside several that follow each other, syllable by syllable.
Similarity OneToSyllables(const TokenProfile& one, std::span<const WeighedToken> many) {
  Similarity best;
  for (const SyllableRun& run : one.runs) {
    if (run.size() != many.size()) {
      continue;
    }
    Similarity least{kWeightUnit, MatchWay::kPinyin};
    for (size_t i = 0; i < many.size() && least.permille > 0; ++i) {
      Similarity of_one;
      for (const SyllableRun& other : many[i].profile->runs) {
        if (other.size() == 1) {
          const Similarity found =
              SyllableSimilarity(run[i], one.is_han(), other[0], many[i].profile->is_han());
          of_one = found.permille > of_one.permille ? found : of_one;
        }
      }
      least = of_one.permille < least.permille ? of_one : least;
    }
    best = least.permille > best.permille ? least : best;
  }
  return best;
}

// Latin words whose letters, one after another, are those of `one`.
bool AreLettersOf(std::string_view one, std::span<const WeighedToken> many) {
  for (const WeighedToken& part : many) {
    const std::string& text = part.profile->token.text;
    if (part.profile->token.kind == Kind::kHan || !one.starts_with(text)) {
      return false;
    }
    one.remove_prefix(text.size());
  }
  return one.empty();
}

// The assignment of rows to columns of the greatest sum [Kuhn 1955; the form of Jonker & Volgenant
// 1987]. `worth` has rows * columns cells, none negative, and no more rows than columns.
std::vector<size_t> BestAssignment(const std::vector<int64_t>& worth, size_t rows, size_t columns) {
  constexpr int64_t kFar = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> row_price(rows + 1);
  std::vector<int64_t> column_price(columns + 1);
  std::vector<size_t> row_of(columns + 1);  // rows count from 1; column 0 is where a search begins
  std::vector<size_t> way(columns + 1);
  for (size_t row = 1; row <= rows; ++row) {
    row_of[0] = row;
    size_t column = 0;
    std::vector<int64_t> slack(columns + 1, kFar);
    std::vector<bool> used(columns + 1);
    do {
      used[column] = true;
      const size_t at = row_of[column];
      int64_t least = kFar;
      size_t next = 0;
      for (size_t k = 1; k <= columns; ++k) {
        if (used[k]) {
          continue;
        }
        const int64_t cost = -worth[(at - 1) * columns + k - 1] - row_price[at] - column_price[k];
        if (cost < slack[k]) {
          slack[k] = cost;
          way[k] = column;
        }
        if (slack[k] < least) {
          least = slack[k];
          next = k;
        }
      }
      for (size_t k = 0; k <= columns; ++k) {
        if (used[k]) {
          row_price[row_of[k]] += least;
          column_price[k] -= least;
        } else {
          slack[k] -= least;
        }
      }
      column = next;
    } while (row_of[column] != 0);
    while (column != 0) {
      row_of[column] = row_of[way[column]];
      column = way[column];
    }
  }
  std::vector<size_t> assigned(rows, columns);
  for (size_t k = 1; k <= columns; ++k) {
    if (row_of[k] != 0) {
      assigned[row_of[k] - 1] = k - 1;
    }
  }
  return assigned;
}

class Scorer {
 public:
  // Whichever of two names is asked for, it is the same one that is looked at first: so of equal
  // assignments the same is taken, and the score is the same from either side.
  Scorer(const WeighedName& query, const WeighedName& entry, SimilarityCache& cache)
      : turned_(std::ranges::lexicographical_compare(entry, query, {}, TextOf, TextOf)),
        query_(turned_ ? entry : query),
        entry_(turned_ ? query : entry),
        direct_(query.size() * entry.size()),
        query_used_(query_.size()),
        entry_used_(entry_.size()) {
    for (size_t i = 0; i < query.size(); ++i) {
      for (size_t k = 0; k < entry.size(); ++k) {
        direct_[turned_ ? k * query.size() + i : i * entry.size() + k] =
            cache.Of(static_cast<uint32_t>(i), *query[i].profile, entry[k].id, *entry[k].profile);
      }
    }
  }

  NameScore Run() && {
    JoinedWords();
    WholeNames();
    SingleWords();
    std::ranges::sort(out_.matches, {}, &SpanMatch::query);
    Weigh();
    if (turned_) {
      for (SpanMatch& match : out_.matches) {
        std::swap(match.query, match.entry);
        std::swap(match.query_count, match.entry_count);
      }
      std::ranges::sort(out_.matches, {}, &SpanMatch::query);
    }
    return std::move(out_);
  }

 private:
  static const std::string& TextOf(const WeighedToken& token) { return token.profile->token.text; }

  const Similarity& direct(size_t i, size_t k) const { return direct_[i * entry_.size() + k]; }

  bool Free(const std::vector<bool>& used, size_t first, size_t count) const {
    return std::none_of(used.begin() + static_cast<ptrdiff_t>(first),
                        used.begin() + static_cast<ptrdiff_t>(first + count),
                        [](bool taken) { return taken; });
  }

  void Take(const SpanMatch& match) {
    std::fill_n(query_used_.begin() + static_cast<ptrdiff_t>(match.query), match.query_count, true);
    std::fill_n(entry_used_.begin() + static_cast<ptrdiff_t>(match.entry), match.entry_count, true);
    out_.matches.push_back(match);
  }

  // One word of one name that is several of the other's: the surest and longest first.
  void JoinedWords() {
    std::vector<SpanMatch> found;
    for (bool of_query : {true, false}) {
      const WeighedName& ones = of_query ? query_ : entry_;
      const WeighedName& others = of_query ? entry_ : query_;
      for (size_t i = 0; i < ones.size(); ++i) {
        const TokenProfile& one = *ones[i].profile;
        if (one.token.text.size() < kJoinedLettersMin || one.token.kind == Kind::kOther) {
          continue;
        }
        for (size_t k = 0; k + 1 < others.size(); ++k) {
          for (size_t n = 2; n <= kSyllablesMax && k + n <= others.size(); ++n) {
            const Similarity similarity = OneToMany(one, std::span(others).subspan(k, n));
            if (similarity.permille > 0) {
              found.push_back(of_query ? SpanMatch{i, 1, k, n, similarity}
                                       : SpanMatch{k, n, i, 1, similarity});
            }
          }
        }
      }
    }
    std::ranges::stable_sort(found, [](const SpanMatch& a, const SpanMatch& b) {
      const size_t a_size = a.query_count + a.entry_count;
      const size_t b_size = b.query_count + b.entry_count;
      return a.similarity.permille != b.similarity.permille
                 ? a.similarity.permille > b.similarity.permille
                 : a_size > b_size;
    });
    for (const SpanMatch& match : found) {
      if (Free(query_used_, match.query, match.query_count) &&
          Free(entry_used_, match.entry, match.entry_count) && !HasExactPart(match)) {
        Take(match);
      }
    }
  }

  // A word of the span has a partner of its own that is the same: what is the same stays together.
  bool HasExactPart(const SpanMatch& match) const {
    for (size_t i = match.query; i < match.query + match.query_count; ++i) {
      for (size_t k = 0; k < entry_.size(); ++k) {
        if (direct(i, k).permille == kWeightUnit && !entry_used_[k]) {
          return true;
        }
      }
    }
    for (size_t k = match.entry; k < match.entry + match.entry_count; ++k) {
      for (size_t i = 0; i < query_.size(); ++i) {
        if (direct(i, k).permille == kWeightUnit && !query_used_[i]) {
          return true;
        }
      }
    }
    return false;
  }

  // The same letters, cut into words at other places: "Ou Yangxiu", "Ouyang Xiu".
  void WholeNames() {
    if (!out_.matches.empty() || query_.size() < 2 || entry_.size() < 2) {
      return;
    }
    const std::optional<std::string> query = Letters(query_);
    if (query && query->size() >= kJoinedLettersMin && query == Letters(entry_) && !SameWords()) {
      Take({0, query_.size(), 0, entry_.size(), {kJoinedPermille, MatchWay::kJoined}});
    }
  }

  static std::optional<std::string> Letters(const WeighedName& name) {
    std::string letters;
    for (const WeighedToken& token : name) {
      if (token.profile->token.kind != Kind::kLatin) {
        return std::nullopt;
      }
      letters += token.profile->token.text;
    }
    return letters;
  }

  bool SameWords() const {
    return std::ranges::equal(query_, entry_, [](const WeighedToken& a, const WeighedToken& b) {
      return a.profile->token.text == b.profile->token.text;
    });
  }

  void SingleWords() {
    std::vector<size_t> rows;
    std::vector<size_t> columns;
    for (size_t i = 0; i < query_.size(); ++i) {
      bool any = false;
      for (size_t k = 0; k < entry_.size() && !query_used_[i]; ++k) {
        any = any || (!entry_used_[k] && direct(i, k).permille > 0);
      }
      if (any) {
        rows.push_back(i);
      }
    }
    for (size_t k = 0; k < entry_.size(); ++k) {
      if (!entry_used_[k]) {
        columns.push_back(k);
      }
    }
    // Columns of no worth make room for every row.
    const size_t width = std::max(rows.size(), columns.size());
    std::vector<int64_t> worth(rows.size() * width);
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t k = 0; k < columns.size(); ++k) {
        worth[i * width + k] = WorthOf(rows[i], columns[k]);
      }
    }
    const std::vector<size_t> assigned = BestAssignment(worth, rows.size(), width);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (assigned[i] < columns.size() && worth[i * width + assigned[i]] > 0) {
        const size_t k = columns[assigned[i]];
        Take({rows[i], 1, k, 1, direct(rows[i], k)});
      }
    }
  }

  // Of equal assignments the one that keeps the order.
  int64_t WorthOf(size_t i, size_t k) const {
    constexpr int64_t kOrder = int64_t{kNameTokensMax} * kNameTokensMax;
    const int64_t worth =
        int64_t{direct(i, k).permille} * (query_[i].weight + entry_[k].weight) * kOrder;
    const int64_t apart = static_cast<int64_t>(i) - static_cast<int64_t>(k);
    return worth > 0 ? worth + kOrder - apart * apart : 0;
  }

  static int64_t WeightOf(const WeighedName& name, size_t first, size_t count) {
    int64_t sum = 0;
    for (size_t i = first; i < first + count; ++i) {
      sum += name[i].weight;
    }
    return sum;
  }

  static int64_t Share(int64_t matched, int64_t total) {
    return total == 0 ? 0 : matched * (kScreeningScoreMax / kWeightUnit) / total;
  }

  void Weigh() {
    int64_t query = 0;
    int64_t entry = 0;
    for (const SpanMatch& match : out_.matches) {
      query += match.similarity.permille * WeightOf(query_, match.query, match.query_count);
      entry += match.similarity.permille * WeightOf(entry_, match.entry, match.entry_count);
    }
    out_.score = ScoreOfShares(Share(query, WeightOf(query_, 0, query_.size())),
                               Share(entry, WeightOf(entry_, 0, entry_.size())));
    if (IsOtherOrder()) {
      Lower(ScreeningNote::kOtherOrder, kOtherOrderLeaves);
    }
    const auto both_left = [&](auto is) {
      return IsLeft(query_, query_used_, is) && IsLeft(entry_, entry_used_, is);
    };
    if (both_left([](const NameToken& token) { return token.word == WordClass::kPlace; })) {
      Lower(ScreeningNote::kOtherPlace, kOtherPlaceLeaves);
    }
    if (both_left(IsNumber)) {
      Lower(ScreeningNote::kOtherNumber, kOtherNumberLeaves);
    }
    if (both_left([](const NameToken& token) { return token.word == WordClass::kLegal; })) {
      Lower(ScreeningNote::kOtherForm, kOtherFormLeaves);
    }
    BoundLittle();
  }

  void Lower(ScreeningNote note, int leaves) {
    out_.notes.push_back(note);
    out_.score = out_.score * leaves / 100;
  }

  template <class Is>
  static bool IsLeft(const WeighedName& name, const std::vector<bool>& used, Is is) {
    for (size_t i = 0; i < name.size(); ++i) {
      if (!used[i] && is(name[i].profile->token)) {
        return true;
      }
    }
    return false;
  }

  // A Chinese name may have its surname first or last; its syllables keep their order otherwise.
  bool IsOtherOrder() const {
    const auto is_syllable = [](const WeighedToken& token) { return Reads(*token.profile, 1); };
    if (!std::ranges::all_of(query_, is_syllable) || !std::ranges::all_of(entry_, is_syllable)) {
      return false;
    }
    size_t drops = 0;
    for (size_t i = 0; i < out_.matches.size(); ++i) {
      const SpanMatch& next = out_.matches[(i + 1) % out_.matches.size()];
      drops += next.entry < out_.matches[i].entry ? 1 : 0;
    }
    return drops > 1;
  }

  static size_t Telling(const WeighedName& name) {
    return static_cast<size_t>(std::ranges::count_if(
        name, [](const WeighedToken& t) { return t.profile->token.word == WordClass::kNone; }));
  }

  void BoundLittle() {
    const size_t query = Telling(query_);
    const size_t entry = Telling(entry_);
    size_t matched = 0;
    for (const SpanMatch& match : out_.matches) {
      for (size_t i = match.query; i < match.query + match.query_count; ++i) {
        for (size_t k = match.entry; k < match.entry + match.entry_count; ++k) {
          const bool telling = query_[i].profile->token.word == WordClass::kNone &&
                               entry_[k].profile->token.word == WordClass::kNone;
          matched += telling ? 1 : 0;
        }
      }
    }
    int most = kScreeningScoreMax;
    if (matched == 0 && query > 0 && entry > 0) {
      most = kNothingMost;
    } else if (matched == 1 && std::max(query, entry) > 1) {
      most = kLittleMost;
    }
    if (out_.score > most) {
      out_.score = most;
      out_.notes.push_back(ScreeningNote::kLittle);
    }
  }

  const bool turned_;  // query_ is the entry, and entry_ the query
  const WeighedName& query_;
  const WeighedName& entry_;
  std::vector<Similarity> direct_;
  std::vector<bool> query_used_;
  std::vector<bool> entry_used_;
  NameScore out_;
};

std::string Words(const WeighedName& name, size_t first, size_t count) {
  std::string words;
  for (size_t i = first; i < first + count; ++i) {
    const NameToken& token = name[i].profile->token;
    words += i > first && token.kind != Kind::kHan ? " " : "";
    words += token.text;
  }
  return words;
}

std::vector<std::string> WordsLeft(const WeighedName& name, std::vector<bool> used) {
  std::vector<std::string> left;
  for (size_t i = 0; i < name.size(); ++i) {
    if (!used[i]) {
      left.push_back(name[i].profile->token.text);
    }
  }
  return left;
}

}  // namespace

int ClassWeight(WordClass word) {
  switch (word) {
    case WordClass::kNone:
      return kWeightUnit;
    case WordClass::kPlace:
      return 600;
    case WordClass::kCommon:
      return 350;
    case WordClass::kTitle:
      return 150;
    case WordClass::kLegal:
      return 60;
  }
  return kWeightUnit;
}

namespace {
constexpr int kPerDoubling = 40;  // permille
}  // namespace

int Rarity(uint64_t having, uint64_t names) {
  constexpr uint64_t kNamesMin = 64;  // of fewer, none is known to be frequent
  if (names < kNamesMin) {
    return kWeightUnit;
  }
  const int doublings = static_cast<int>(std::bit_width(names)) -
                        static_cast<int>(std::bit_width(std::max<uint64_t>(having, 1)));
  return std::clamp(kRarityMin + kPerDoubling * doublings, kRarityMin, kRarityMax);
}

char RarityLetter(int rarity) {
  return rarity == kWeightUnit
             ? '-'
             : static_cast<char>('a' + (rarity - kRarityMin + kPerDoubling - 1) / kPerDoubling);
}

std::optional<int> RarityOfLetter(char letter) {
  const int rarity = letter == '-'
                         ? kWeightUnit
                         : std::min(kRarityMin + (letter - 'a') * kPerDoubling, kRarityMax);
  return RarityLetter(rarity) == letter ? std::optional(rarity) : std::nullopt;
}

const Similarity& SimilarityCache::Of(uint32_t query_index, const TokenProfile& query,
                                      uint32_t entry_id, const TokenProfile& entry) {
  const auto [found, is_new] = known_.try_emplace(uint64_t{query_index} << 32 | entry_id);
  if (is_new) {
    found->second = TokenSimilarity(query, entry);
  }
  return found->second;
}

// The name that is found whole says more than what the other has beside it.
int ScoreOfShares(int64_t query_share, int64_t entry_share) {
  const int64_t more = std::max(query_share, entry_share);
  const int64_t less = std::min(query_share, entry_share);
  return static_cast<int>((more * 55 + less * 45) / 100);
}

Similarity OneToMany(const TokenProfile& one, std::span<const WeighedToken> many) {
  const std::string& text = one.token.text;
  if (text.size() >= kJoinedLettersMin && AreLettersOf(text, many)) {
    return {kJoinedPermille, MatchWay::kJoined};
  }
  return Reads(one, many.size()) ? OneToSyllables(one, many) : Similarity{};
}

NameScore ScoreNames(const WeighedName& query, const WeighedName& entry, SimilarityCache& cache) {
  return Scorer(query, entry, cache).Run();
}

ScreeningHit Explained(const NameScore& score, const WeighedName& query, const WeighedName& entry) {
  ScreeningHit hit;
  hit.score = score.score;
  hit.notes = score.notes;
  std::vector<bool> query_used(query.size());
  std::vector<bool> entry_used(entry.size());
  for (const SpanMatch& match : score.matches) {
    hit.matches.push_back({Words(query, match.query, match.query_count),
                           Words(entry, match.entry, match.entry_count), match.similarity.way,
                           match.similarity.permille, match.similarity.edits});
    std::fill_n(query_used.begin() + static_cast<ptrdiff_t>(match.query), match.query_count, true);
    std::fill_n(entry_used.begin() + static_cast<ptrdiff_t>(match.entry), match.entry_count, true);
  }
  hit.query_left = WordsLeft(query, std::move(query_used));
  hit.entry_left = WordsLeft(entry, std::move(entry_used));
  return hit;
}

}  // namespace fuqi::decide::internal
