// Recall: from words of a query to names of a list, with a bound for each name that its score
// cannot pass; then scoring, the highest bound first.

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "decide/screening.h"
#include "decide/screening_score_internal.h"

namespace fuqi::decide {

using namespace internal;  // NOLINT(google-build-using-namespace): the parts of this very thing

namespace {

using Kind = NameToken::Kind;

constexpr uint64_t kScoringSteps = 500;  // what scoring a name costs, beside looking at a place
constexpr int kInitialWorth = 700;  // of a letter alone, in thousandths: see MatchWay::kInitial

// A word of the list, and what of a query's weight names that have it can account for.
struct Meeting {
  uint32_t token = 0;
  int permille = 0;
  int weight = 0;
};

struct Candidate {
  int bound = 0;
  uint32_t name = 0;
};

// What a word of this weight accounts for. Rounded up: bounds must not pass below a score.
int Accounted(int weight, int permille) { return (weight * permille + 999) / 1000; }

std::string TokenKey(const NameToken& token) {
  return static_cast<char>('0' + static_cast<int>(token.word)) + token.text;
}

// FNV-1a of all letters of a name that is Latin throughout and has several words; 0 of another.
// Equal where the same letters are cut into words at other places; seldom elsewhere.
uint64_t LettersHash(const std::vector<NameToken>& tokens) {
  if (tokens.size() < 2) {
    return 0;
  }
  uint64_t hash = 14695981039346656037U;
  for (const NameToken& token : tokens) {
    if (token.kind != Kind::kLatin) {
      return 0;
    }
    for (char c : token.text) {
      hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211U;
    }
  }
  return hash;
}

}  // namespace

struct ScreeningIndex::Impl {
  struct Token {
    TokenProfile profile;
    std::vector<uint32_t> names;  // in no order
  };
  // What bounds ask of a token, beside each other.
  struct Frequency {
    uint32_t having = 0;
    int32_t class_weight = 0;
  };
  struct Name {
    uint32_t entry = 0;
    std::string text;
  };
  // Of a name's tokens in name_tokens.
  struct Place {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  // What the query's words found of a name.
  struct Tally {
    uint32_t weight = 0;
    uint32_t word = 0;  // the last that met it
  };
  // Latin words by the numbers of their ConsonantKeys.
  struct Link {
    uint32_t number = 0;
    uint32_t token = 0;
    uint32_t next = 0;    // of the newest links: the one before of the same number; 0 is none
    uint8_t length = 0;   // of the word's letters
    uint8_t without = 0;  // consonants
  };
  // `visit` takes every link of a number.
  template <class Visit>
  void ForEachLink(uint32_t number, Visit visit) const;
  void SettleLinks();

  class Search;

  uint32_t Enter(NameToken token);
  uint32_t EnterEntry(std::string_view entry);
  // An unused name of so many tokens.
  uint32_t NewName(size_t tokens);
  void Drop(uint32_t name);
  WeighedName Weighed(uint32_t name) const;
  int RarityOf(uint32_t token) const { return Rarity(frequencies[token].having, present); }
  int WeightOf(uint32_t token) const {
    return frequencies[token].class_weight * RarityOf(token) / 1000;
  }
  std::span<const uint32_t> TokensOf(uint32_t name) const {
    return std::span(name_tokens).subspan(places[name].first, places[name].count);
  }

  std::vector<Token> tokens;
  std::vector<Frequency> frequencies;  // of each token
  std::unordered_map<std::string, uint32_t> token_ids;
  std::vector<Name> names;
  std::vector<Place> places;  // of each name
  std::vector<uint32_t> name_tokens;
  std::array<std::vector<uint32_t>, kNameTokensMax + 1> unused_names;  // by their room for tokens
  std::vector<std::string> entries;
  std::vector<std::vector<uint32_t>> entry_names;
  std::vector<uint32_t> unused_entries;
  std::unordered_map<std::string, uint32_t> entry_ids;
  uint64_t present = 0;
  size_t tokens_unused = 0;  // that no name has any more

  // Most links stand settled, in order of their numbers; those since then hang on by_consonants.
  std::vector<Link> settled;
  boost::unordered_flat_map<uint32_t, std::pair<uint32_t, uint32_t>> settled_at;  // first, count
  boost::unordered_flat_map<uint32_t, uint32_t> by_consonants;
  std::vector<Link> links = std::vector<Link>(1);
  std::unordered_map<uint32_t, std::vector<uint32_t>> by_meaning;
  // By how many syllables a word may be read as, and by each of these.
  using BySyllable =
      std::array<std::unordered_map<uint16_t, std::vector<uint32_t>>, kSyllablesMax + 1>;
  std::array<BySyllable, 2> by_syllable;  // of Latin and of Han words
  std::unordered_multimap<uint64_t, uint32_t> by_letters;

  // Working memory of a search; clean between searches.
  std::vector<Tally> tallies;  // of each name
  std::vector<uint16_t> best;  // of each token: how like a word of the query it can be
  std::vector<uint32_t> seen;  // of each token: the last query word that was compared with it
  uint32_t seen_last = 0;
  // A number that no token was marked with. Numbers run out after some hundred million queries of a
  // few words; the marks are then taken away, so that none of long ago passes for one of now.
  uint32_t NextSight() {
    if (seen_last == UINT32_MAX) {
      std::ranges::fill(seen, 0);
      seen_last = 0;
    }
    return ++seen_last;
  }
};

// One query. What it finds does not depend on the order in which names were added: wherever a bound
// may cut, meetings and candidates were put in an order of their own.
class ScreeningIndex::Impl::Search {
 public:
  Search(Impl& index, const ScreeningOptions& options) : index_(index), options_(options) {}

  ScreeningResult Run(std::string_view text) {
    ParsedName parsed = ParseName(text);
    result_.truncated = parsed.truncated;
    hash_ = LettersHash(parsed.tokens);
    profiles_.reserve(parsed.tokens.size());
    for (NameToken& token : parsed.tokens) {
      const auto id = index_.token_ids.find(TokenKey(token));
      const uint64_t having =
          id == index_.token_ids.end() ? 0 : index_.frequencies[id->second].having;
      const int rarity = Rarity(having, index_.present);
      rarities_ += RarityLetter(rarity);
      const int weight = ClassWeight(token.word) * rarity / 1000;
      profiles_.push_back(ProfileOf(std::move(token)));
      query_.push_back({&profiles_.back(), static_cast<uint32_t>(query_.size()), weight});
      total_ += weight;
    }
    if (total_ > 0) {
      Recall();
      Score();
    }
    Clean();
    return std::move(result_);
  }

 private:
  void Recall() {
    // A letter alone meets too many words to look at them: every name is credited with it.
    for (const WeighedToken& word : query_) {
      if (word.profile->token.kind == Kind::kLatin && word.profile->token.text.size() == 1) {
        anywhere_ += Accounted(word.weight, kInitialWorth);
        any_initial_ = true;
      }
    }
    for (size_t i = 0; i < query_.size(); ++i) {
      MeetSame(i);
      MeetSyllables(i);
      MeetLetters(i);
      MeetParts(i);
      MeetJoined(i);
      const bool is_essential = IsEssential(i);
      Count(Best(meetings_), static_cast<uint32_t>(i) + 1, is_essential);
      Count(Best(parts_), 0, is_essential);
      meetings_.clear();
      parts_.clear();
    }
  }

  // Words like "Ltd" and "Trading" are in so many names that these are not looked at: every name is
  // credited with them. One that has nothing else would not reach the threshold.
  bool IsEssential(size_t i) {
    if (query_[i].profile->token.word == WordClass::kNone) {
      return true;
    }
    const int64_t credited = anywhere_ + query_[i].weight;
    if (ScoreOfShares(credited * kScreeningScoreMax / total_, kScreeningScoreMax) >=
        options_.threshold) {
      return true;
    }
    anywhere_ = credited;
    return false;
  }

  void Meet(uint32_t token, int permille, int weight) {
    if (permille > 0) {
      meetings_.push_back({token, permille, Accounted(weight, permille)});
    }
  }

  void MeetAlone(size_t i, uint32_t token) {
    Meet(token, TokenSimilarity(*query_[i].profile, index_.tokens[token].profile).permille,
         query_[i].weight);
  }

  void MeetSame(size_t i) {
    const NameToken& token = query_[i].profile->token;
    // The same text under another class is the same word too.
    for (WordClass word : {WordClass::kNone, WordClass::kLegal, WordClass::kTitle,
                           WordClass::kCommon, WordClass::kPlace}) {
      NameToken same = token;
      same.word = word;
      MeetKey(i, TokenKey(same));
    }
    if (token.word != WordClass::kNone) {
      if (const auto found = index_.by_meaning.find(token.meaning);
          found != index_.by_meaning.end()) {
        for (uint32_t id : found->second) {
          MeetAlone(i, id);
        }
      }
    }
    if (token.kind == Kind::kLatin) {
      MeetKey(i, TokenKey({token.text.substr(0, 1), Kind::kLatin}));
    }
  }

  void MeetKey(size_t i, const std::string& key) {
    if (const auto found = index_.token_ids.find(key); found != index_.token_ids.end()) {
      MeetAlone(i, found->second);
    }
  }

  // Words that may be read as `count` syllables, one of them like `syllable` of a word of the
  // query.
  std::vector<uint32_t> LikeSyllable(const Syllable& syllable, bool is_han, size_t count) const {
    std::vector<uint32_t> tokens;
    const auto take = [&](uint16_t one, bool of_han) {
      const auto& by_syllable = index_.by_syllable[of_han ? 1 : 0][count];
      if (const auto found = by_syllable.find(one); found != by_syllable.end()) {
        tokens.insert(tokens.end(), found->second.begin(), found->second.end());
      }
    };
    const uint16_t pinyin = Tables().pinyin_count;
    const auto all = static_cast<uint16_t>(Tables().syllables.size());
    for (const SpelledSyllable& use : syllable) {
      const bool mandarin = use.syllable < pinyin;
      take(use.syllable, true);
      take(use.syllable, false);
      // Cantonese beside Mandarin, where both are in Latin letters.
      for (uint16_t other = mandarin ? pinyin : 0; !is_han && other < (mandarin ? all : pinyin);
           ++other) {
        if (AreCognate(mandarin ? use.syllable : other, mandarin ? other : use.syllable)) {
          take(other, false);
        }
      }
    }
    std::ranges::sort(tokens);
    tokens.erase(std::ranges::unique(tokens).begin(), tokens.end());
    return tokens;
  }

  // True once for each token after `seen` was given by NextSight.
  bool IsFirstSight(uint32_t token, uint32_t seen) {
    return std::exchange(index_.seen[token], seen) != seen;
  }

  void MeetSyllables(size_t i) {
    const uint32_t seen = index_.NextSight();
    for (const SyllableRun& run : query_[i].profile->runs) {
      for (uint32_t token : LikeSyllable(run[0], query_[i].profile->is_han(), run.size())) {
        if (IsFirstSight(token, seen)) {
          MeetAlone(i, token);
        }
      }
    }
  }

  void MeetLetters(size_t i) {
    const TokenProfile& profile = *query_[i].profile;
    const WordClass word = profile.token.word;
    if (profile.letters.empty() || word == WordClass::kLegal || word == WordClass::kTitle) {
      return;
    }
    const uint32_t seen = index_.NextSight();
    const size_t size = profile.letters.size();
    for (const ConsonantKey& key : ConsonantKeys(profile.letters)) {
      index_.ForEachLink(key.number, [&](const Link& link) {
        const size_t longer = std::max<size_t>(size, link.length);
        const size_t shorter = std::min<size_t>(size, link.length);
        if (std::max(key.without, link.without) <= EditedConsonants(longer) &&
            longer - shorter <= LengthSlack(longer) && IsFirstSight(link.token, seen)) {
          Meet(link.token, SlipSimilarity(profile, index_.tokens[link.token].profile).permille,
               query_[i].weight);
        }
      });
    }
  }

  // The most that a syllable of one word is like a word that is one syllable.
  static int PartSimilarity(const Syllable& syllable, const TokenProfile& word,
                            const TokenProfile& part) {
    int best = 0;
    for (const SyllableRun& run : part.runs) {
      if (run.size() == 1) {
        best = std::max(
            best, SyllableSimilarity(syllable, word.is_han(), run[0], part.is_han()).permille);
      }
    }
    return best;
  }

  // Words of the list of which this one may be made: "sanfeng" of "三" and "丰".
  void MeetParts(size_t i) {
    const WeighedToken& word = query_[i];
    for (const SyllableRun& run : word.profile->runs) {
      for (size_t k = 0; k < run.size() && run.size() > 1; ++k) {
        for (uint32_t token : LikeSyllable(run[k], word.profile->is_han(), 1)) {
          const int permille = PartSimilarity(run[k], *word.profile, index_.tokens[token].profile);
          if (permille > 0) {
            parts_.push_back({token, permille,
                              word.weight * permille / (1000 * static_cast<int>(run.size())) + 1});
          }
        }
      }
    }
    const std::string& text = word.profile->token.text;
    if (word.profile->token.kind == Kind::kLatin && text.size() >= 4) {
      std::vector<std::pair<uint32_t, size_t>> sofar;
      CutLetters(text, 0, word.weight, sofar);
    }
  }

  // Every way to cut the letters into two to four words of the list.
  void CutLetters(std::string_view text, size_t from, int weight,
                  std::vector<std::pair<uint32_t, size_t>>& sofar) {
    if (from == text.size()) {
      for (const auto& [token, letters] : sofar) {
        parts_.push_back(
            {token, 1000, weight * static_cast<int>(letters) / static_cast<int>(text.size()) + 1});
      }
      return;
    }
    for (size_t n = 1; sofar.size() < kSyllablesMax && from + n <= text.size(); ++n) {
      if (n == text.size()) {
        continue;
      }
      for (char word : {'0', '1', '2', '3', '4'}) {
        const auto found = index_.token_ids.find(word + std::string(text.substr(from, n)));
        if (found != index_.token_ids.end()) {
          sofar.emplace_back(found->second, n);
          CutLetters(text, from + n, weight, sofar);
          sofar.pop_back();
        }
      }
    }
  }

  // Words of the list that this one and those after it make together: "san feng" of "sanfeng".
  void MeetJoined(size_t i) {
    std::string letters = query_[i].profile->token.text;
    int weight = query_[i].weight;
    for (size_t n = 2; n <= kSyllablesMax && i + n <= query_.size(); ++n) {
      letters += query_[i + n - 1].profile->token.text;
      weight += query_[i + n - 1].weight;
      const std::span<const WeighedToken> many = std::span(query_).subspan(i, n);
      const uint32_t seen = index_.NextSight();
      const auto meet = [&](uint32_t token) {
        if (!IsFirstSight(token, seen)) {
          return;
        }
        const Similarity found = OneToMany(index_.tokens[token].profile, many);
        if (found.permille > 0) {
          parts_.push_back({token, found.permille, Accounted(weight, found.permille)});
        }
      };
      for (char word : {'0', '1', '2', '3', '4'}) {
        if (const auto found = index_.token_ids.find(word + letters);
            found != index_.token_ids.end()) {
          meet(found->second);
        }
      }
      for (const SyllableRun& run : query_[i].profile->runs) {
        if (run.size() == 1) {
          for (uint32_t token : LikeSyllable(run[0], query_[i].profile->is_han(), n)) {
            meet(token);
          }
        }
      }
    }
  }

  // Each word once, with the most it can account for; what accounts for most first, then what
  // fewest names have.
  std::vector<Meeting> Best(std::vector<Meeting>& met) const {
    std::ranges::sort(met, [](const Meeting& a, const Meeting& b) {
      return std::tie(a.token, b.weight) < std::tie(b.token, a.weight);
    });
    std::vector<Meeting> out;
    for (const Meeting& meeting : met) {
      if (out.empty() || out.back().token != meeting.token) {
        out.push_back(meeting);
      }
    }
    std::ranges::sort(out, [&](const Meeting& a, const Meeting& b) {
      const Token& x = index_.tokens[a.token];
      const Token& y = index_.tokens[b.token];
      return std::tie(b.weight, index_.frequencies[a.token].having, x.profile.token.text,
                      x.profile.token.word) < std::tie(a.weight, index_.frequencies[b.token].having,
                                                       y.profile.token.text, y.profile.token.word);
    });
    return out;
  }

  // `word` is not 0 where a name is credited once for all these, with the first. Names are looked
  // at for an essential word only.
  void Count(const std::vector<Meeting>& met, uint32_t word, bool is_essential) {
    for (const Meeting& meeting : met) {
      const Token& token = index_.tokens[meeting.token];
      uint16_t& best = index_.best[meeting.token];
      if (best == 0) {
        met_.push_back(meeting.token);
      }
      best = std::max(best, static_cast<uint16_t>(meeting.permille));
      const uint64_t having = index_.frequencies[meeting.token].having;
      if (!is_essential) {
        continue;
      }
      if (result_.steps + having > options_.steps_max) {
        result_.truncated = true;
        continue;
      }
      result_.steps += having;
      for (uint32_t name : token.names) {
        Tally& tally = index_.tallies[name];
        if (tally.weight == 0) {
          touched_.push_back(name);
        }
        if (word == 0 || tally.word != word) {
          tally.word = word == 0 ? tally.word : word;
          tally.weight += static_cast<uint32_t>(meeting.weight);
        }
      }
    }
  }

  int BoundOf(uint32_t id) const {
    const int64_t query =
        std::min<int64_t>(kScreeningScoreMax, int64_t{index_.tallies[id].weight + anywhere_} *
                                                  kScreeningScoreMax / total_);
    if (ScoreOfShares(query, kScreeningScoreMax) < options_.threshold) {
      return 0;
    }
    int64_t found = 0;
    int64_t all = 0;
    for (uint32_t token : index_.TokensOf(id)) {
      const int64_t weight = index_.WeightOf(token);
      all += weight;
      found += weight * std::max<int64_t>(index_.best[token], any_initial_ ? kInitialWorth : 0);
    }
    const int64_t entry = all == 0 ? 0 : found * (kScreeningScoreMax / 1000) / all;
    return ScoreOfShares(query, std::min<int64_t>(entry, kScreeningScoreMax));
  }

  // In the order of being scored: the highest bound first, then by entry and name.
  bool IsBefore(const Candidate& a, const Candidate& b) const {
    const Name& x = index_.names[a.name];
    const Name& y = index_.names[b.name];
    return a.bound != b.bound ? a.bound > b.bound
                              : std::tie(index_.entries[x.entry], x.text) <
                                    std::tie(index_.entries[y.entry], y.text);
  }

  std::vector<Candidate> Candidates() const {
    std::vector<Candidate> out;
    for (uint32_t name : touched_) {
      // The bound first: most names stop there, and are not looked at.
      if (const int bound = BoundOf(name); bound >= options_.threshold) {
        out.push_back({bound, name});
      }
    }
    if (hash_ != 0) {
      const auto [first, last] = index_.by_letters.equal_range(hash_);
      for (auto it = first; it != last; ++it) {
        out.push_back({kScreeningScoreMax, it->second});
      }
    }
    return out;
  }

  struct Found {
    int score = 0;
    uint32_t name = 0;
  };

  // In the order of the result.
  bool IsBetter(const Found& a, const Found& b) const {
    const Name& x = index_.names[a.name];
    const Name& y = index_.names[b.name];
    return a.score != b.score ? a.score > b.score
                              : std::tie(index_.entries[x.entry], x.text) <
                                    std::tie(index_.entries[y.entry], y.text);
  }

  // Keeps the best name of each entry, and of these the best.
  void Keep(const Found& found) {
    const uint32_t entry = index_.names[found.name].entry;
    const auto same = std::ranges::find_if(
        found_, [&](const Found& held) { return index_.names[held.name].entry == entry; });
    if (same != found_.end()) {
      if (!IsBetter(found, *same)) {
        return;
      }
      found_.erase(same);
    }
    found_.insert(std::ranges::upper_bound(
                      found_, found, [&](const auto& a, const auto& b) { return IsBetter(a, b); }),
                  found);
    found_.resize(std::min(found_.size(), options_.top));
  }

  void Score() {
    SimilarityCache cache;
    std::vector<Candidate> heap = Candidates();
    const auto is_after = [&](const Candidate& a, const Candidate& b) { return IsBefore(b, a); };
    std::ranges::make_heap(heap, is_after);
    while (!heap.empty()) {
      std::ranges::pop_heap(heap, is_after);
      const Candidate candidate = heap.back();
      heap.pop_back();
      // At best it scores its bound; those after it have no higher bound, and of an equal one come
      // later in the result.
      if (found_.size() == options_.top &&
          (found_.empty() || !IsBetter({candidate.bound, candidate.name}, found_.back()))) {
        break;
      }
      const Name& name = index_.names[candidate.name];
      if (options_.counts && !options_.counts(index_.entries[name.entry])) {
        continue;
      }
      if (result_.steps + kScoringSteps > options_.steps_max) {
        result_.truncated = true;
        break;
      }
      result_.steps += kScoringSteps;
      const int score = ScoreNames(query_, index_.Weighed(candidate.name), cache).score;
      if (score >= options_.threshold) {
        Keep({score, candidate.name});
      }
    }
    for (const Found& found : found_) {
      const Name& name = index_.names[found.name];
      const WeighedName entry = index_.Weighed(found.name);
      ScreeningHit& hit =
          result_.hits.emplace_back(Explained(ScoreNames(query_, entry, cache), query_, entry));
      hit.entry = index_.entries[name.entry];
      hit.name = name.text;
      hit.rarities = rarities_ + '/';
      for (uint32_t token : index_.TokensOf(found.name)) {
        hit.rarities += RarityLetter(index_.RarityOf(token));
      }
    }
  }

  void Clean() {
    for (uint32_t name : touched_) {
      index_.tallies[name] = {};
    }
    for (uint32_t token : met_) {
      index_.best[token] = 0;
    }
  }

  Impl& index_;
  const ScreeningOptions& options_;
  std::vector<TokenProfile> profiles_;
  WeighedName query_;
  std::string rarities_;  // of the query's words
  int64_t total_ = 0;
  int64_t anywhere_ = 0;  // weight that any name may account for
  bool any_initial_ = false;
  uint64_t hash_ = 0;
  std::vector<Meeting> meetings_;  // of one word of the query with one of a name
  std::vector<Meeting> parts_;     // where one of them is several words of the other
  std::vector<uint32_t> touched_;
  std::vector<uint32_t> met_;
  std::vector<Found> found_;  // the best so far
  ScreeningResult result_;
};

uint32_t ScreeningIndex::Impl::Enter(NameToken token) {
  const auto [found, is_new] =
      token_ids.try_emplace(TokenKey(token), static_cast<uint32_t>(tokens.size()));
  if (!is_new) {
    return found->second;
  }
  const uint32_t id = found->second;
  const TokenProfile& profile = tokens.emplace_back(Token{ProfileOf(std::move(token)), {}}).profile;
  best.push_back(0);
  ++tokens_unused;  // until a name is entered under it
  frequencies.push_back({0, ClassWeight(profile.token.word)});
  if (profile.token.word != WordClass::kNone) {
    by_meaning[profile.token.meaning].push_back(id);
  }
  seen.push_back(0);
  if (profile.token.text.size() > 1 && !profile.letters.empty()) {
    for (const ConsonantKey& key : ConsonantKeys(profile.letters)) {
      uint32_t& head = by_consonants[key.number];
      links.push_back(
          {key.number, id, head, static_cast<uint8_t>(profile.letters.size()), key.without});
      head = static_cast<uint32_t>(links.size() - 1);
    }
  }
  for (const SyllableRun& run : profile.runs) {
    for (const Syllable& syllable : run) {
      for (const SpelledSyllable& use : syllable) {
        std::vector<uint32_t>& ids =
            by_syllable[profile.is_han() ? 1 : 0][run.size()][use.syllable];
        if (ids.empty() || ids.back() != id) {
          ids.push_back(id);
        }
      }
    }
  }
  return id;
}

template <class Visit>
void ScreeningIndex::Impl::ForEachLink(uint32_t number, Visit visit) const {
  if (const auto found = settled_at.find(number); found != settled_at.end()) {
    const auto [first, count] = found->second;
    for (uint32_t i = first; i < first + count; ++i) {
      visit(settled[i]);
    }
  }
  const auto newest = by_consonants.find(number);
  for (uint32_t at = newest == by_consonants.end() ? 0 : newest->second; at != 0;
       at = links[at].next) {
    visit(links[at]);
  }
}

// Where many links are new, as after a list was read.
void ScreeningIndex::Impl::SettleLinks() {
  constexpr size_t kNewMin = 4096;
  const auto by_number = [](const Link& a, const Link& b) { return a.number < b.number; };
  if (links.size() < kNewMin || links.size() * 2 < settled.size()) {
    return;
  }
  const auto middle = static_cast<ptrdiff_t>(settled.size());
  std::stable_sort(links.begin() + 1, links.end(), by_number);
  settled.insert(settled.end(), links.begin() + 1, links.end());
  std::inplace_merge(settled.begin(), settled.begin() + middle, settled.end(), by_number);
  links.resize(1);
  links.shrink_to_fit();
  by_consonants = {};
  settled_at = {};
  for (size_t i = 0; i < settled.size(); ++i) {
    auto& [first, count] = settled_at[settled[i].number];
    first = count == 0 ? static_cast<uint32_t>(i) : first;
    ++count;
  }
}

WeighedName ScreeningIndex::Impl::Weighed(uint32_t name) const {
  WeighedName out;
  for (uint32_t token : TokensOf(name)) {
    out.push_back({&tokens[token].profile, token, WeightOf(token)});
  }
  return out;
}

ScreeningIndex::ScreeningIndex() : impl_(std::make_unique<Impl>()) {}
ScreeningIndex::~ScreeningIndex() = default;
ScreeningIndex::ScreeningIndex(ScreeningIndex&&) noexcept = default;
ScreeningIndex& ScreeningIndex::operator=(ScreeningIndex&&) noexcept = default;

uint32_t ScreeningIndex::Impl::EnterEntry(std::string_view entry) {
  const auto [found, is_new] = entry_ids.try_emplace(std::string(entry), 0);
  if (is_new && unused_entries.empty()) {
    found->second = static_cast<uint32_t>(entries.size());
    entries.emplace_back(entry);
    entry_names.emplace_back();
  } else if (is_new) {
    found->second = unused_entries.back();
    unused_entries.pop_back();
    entries[found->second] = entry;
  }
  return found->second;
}

uint32_t ScreeningIndex::Impl::NewName(size_t count) {
  if (std::vector<uint32_t>& unused = unused_names[count]; !unused.empty()) {
    const uint32_t id = unused.back();
    unused.pop_back();
    return id;
  }
  places.push_back({static_cast<uint32_t>(name_tokens.size()), static_cast<uint32_t>(count)});
  name_tokens.resize(name_tokens.size() + count);
  names.emplace_back();
  tallies.emplace_back();
  return static_cast<uint32_t>(names.size() - 1);
}

void ScreeningIndex::Impl::Drop(uint32_t name) {
  std::vector<uint32_t> words(TokensOf(name).begin(), TokensOf(name).end());
  std::vector<NameToken> in_order;
  in_order.reserve(words.size());
  for (uint32_t word : words) {
    in_order.push_back(tokens[word].profile.token);
  }
  if (const uint64_t hash = LettersHash(in_order); hash != 0) {
    const auto [first, last] = by_letters.equal_range(hash);
    by_letters.erase(std::find_if(first, last, [&](const auto& e) { return e.second == name; }));
  }
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  for (uint32_t word : words) {
    std::vector<uint32_t>& having = tokens[word].names;
    *std::ranges::find(having, name) = having.back();
    having.pop_back();
    --frequencies[word].having;
    tokens_unused += having.empty() ? 1 : 0;
  }
  names[name] = {};
  unused_names[places[name].count].push_back(name);
  --present;
}

void ScreeningIndex::Add(std::string_view entry, std::string_view name) {
  Impl& impl = *impl_;
  const uint32_t of = impl.EnterEntry(entry);
  ParsedName parsed = ParseName(name);
  const uint32_t id = impl.NewName(parsed.tokens.size());
  impl.names[id] = {of, std::string(name)};
  if (const uint64_t hash = LettersHash(parsed.tokens); hash != 0) {
    impl.by_letters.emplace(hash, id);
  }
  uint32_t at = impl.places[id].first;
  for (NameToken& token : parsed.tokens) {
    const uint32_t word = impl.Enter(std::move(token));
    impl.name_tokens[at] = word;
    ++at;
    Impl::Token& entered = impl.tokens[word];
    if (entered.names.empty() || entered.names.back() != id) {
      impl.tokens_unused -= entered.names.empty() ? 1 : 0;
      entered.names.push_back(id);
      ++impl.frequencies[word].having;
    }
  }
  impl.SettleLinks();
  impl.entry_names[of].push_back(id);
  ++impl.present;
}

void ScreeningIndex::Remove(std::string_view entry) {
  // Words are kept when no name has them any more, for they mostly come again, until they are many.
  constexpr size_t kTokensUnusedMin = 65'536;
  Impl& impl = *impl_;
  const auto found = impl.entry_ids.find(std::string(entry));
  if (found == impl.entry_ids.end()) {
    return;
  }
  const uint32_t gone = found->second;
  for (uint32_t id : impl.entry_names[gone]) {
    impl.Drop(id);
  }
  impl.entry_names[gone].clear();
  impl.entries[gone].clear();
  impl.unused_entries.push_back(gone);
  impl.entry_ids.erase(found);
  if (impl.tokens_unused > kTokensUnusedMin && impl.tokens_unused > impl.tokens.size() / 2) {
    ScreeningIndex fresh;
    for (const auto& [key, of] : impl.entry_ids) {
      for (uint32_t id : impl.entry_names[of]) {
        fresh.Add(key, impl.names[id].text);
      }
    }
    *this = std::move(fresh);
  }
}

size_t ScreeningIndex::names() const { return impl_->present; }
size_t ScreeningIndex::names_held() const { return impl_->names.size(); }
size_t ScreeningIndex::words_held() const { return impl_->tokens.size(); }

ScreeningResult ScreeningIndex::Search(std::string_view query, const ScreeningOptions& options) {
  return Impl::Search(*impl_, options).Run(query);
}

}  // namespace fuqi::decide
