// The stream against scoring every name of every entry: lists and clearances that change between
// events, states that are saved and restored.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "decide/core.h"
#include "decide/screened.h"
#include "decide/screened_pack_test.h"
#include "decide/screening_name_internal.h"
#include "decide/screening_names_for_test.h"
#include "decide/screening_score_internal.h"

namespace fuqi::decide {
namespace {

using internal::NameToken;
using internal::ParseName;
using internal::TokenProfile;
using internal::WeighedName;

struct Kept {
  ListEntry entry;
  EntryRef ref;
};

// A list as a plain vector; how rare words are is counted anew for every question.
struct Everything {
  std::vector<Kept> entries;
  std::vector<ListEntry> cleared;

  static void Put(std::vector<Kept>& all, const ListEntry& entry, EntryRef ref) {
    std::erase_if(all, [&](const Kept& each) { return each.entry.id() == entry.id(); });
    all.push_back({entry, ref});
  }

  static std::vector<std::string> NamesOf(const ListEntry& entry) {
    std::vector<std::string> names = {entry.value};
    names.insert(names.end(), entry.aliases.begin(), entry.aliases.end());
    return names;
  }

  bool IsCleared(const std::string& name, const ListEntry& entry, int64_t at_us) const {
    const std::string key = internal::NameKey(ParseName(name));
    return std::ranges::any_of(cleared, [&](const ListEntry& each) {
      return each.source == entry.value && each.valid_at(at_us) &&
             std::ranges::any_of(NamesOf(each), [&](const std::string& other) {
               return internal::NameKey(ParseName(other)) == key;
             });
    });
  }

  // The best by score; of equal ones by the entry's id, then the name.
  Screened Best(const std::string& query, int64_t at_us, int threshold) const {
    std::map<std::string, uint64_t> having;
    uint64_t names = 0;
    for (const Kept& kept : entries) {
      for (const std::string& name : NamesOf(kept.entry)) {
        std::set<std::string> words;
        for (const NameToken& token : ParseName(name).tokens) {
          words.insert(Key(token));
        }
        for (const std::string& word : words) {
          ++having[word];
        }
        ++names;
      }
    }
    Screened best;
    int best_score = 0;
    std::tuple<std::string, std::string, std::string, std::string> best_of;
    for (const Kept& kept : entries) {
      if (!kept.entry.valid_at(at_us) || IsCleared(query, kept.entry, at_us)) {
        continue;
      }
      const std::vector<std::string> all = NamesOf(kept.entry);
      for (size_t i = 0; i < all.size(); ++i) {
        std::vector<TokenProfile> profiles;
        profiles.reserve(2 * internal::kNameTokensMax);
        internal::SimilarityCache cache;
        const WeighedName a = Weighed(query, having, names, profiles);
        const WeighedName b = Weighed(all[i], having, names, profiles);
        const int score = internal::ScoreNames(a, b, cache).score;
        const std::tuple of{kept.entry.value, kept.entry.source,
                            std::to_string(kept.entry.valid_from_us), all[i]};
        if (score >= threshold * 100 &&
            (score > best_score || (score == best_score && of < best_of))) {
          best = {.percent = score / 100, .entry = kept.ref, .name = i};
          best_score = score;
          best_of = of;
        }
      }
    }
    return best;
  }

 private:
  static std::string Key(const NameToken& token) {
    return std::to_string(static_cast<int>(token.word)) + token.text;
  }
  static WeighedName Weighed(const std::string& name, std::map<std::string, uint64_t>& having,
                             uint64_t names, std::vector<TokenProfile>& profiles) {
    WeighedName out;
    for (const NameToken& token : ParseName(name).tokens) {
      const int rarity = internal::Rarity(having[Key(token)], names);
      profiles.push_back(internal::ProfileOf(token));
      out.push_back({&profiles.back(), static_cast<uint32_t>(profiles.size()),
                     internal::ClassWeight(token.word) * rarity / 1000});
    }
    return out;
  }
};

ListEntry RandomEntry(SeededRandom& random, int64_t around_us) {
  ListEntry entry;
  entry.value = MadeName(random);
  entry.source = random.Chance(0.5) ? "UN" : "OFAC";
  for (auto n = random.Below(3); n > 0; --n) {
    std::string alias = Slipped(entry.value, random);
    if (alias != entry.value && std::ranges::count(entry.aliases, alias) == 0) {
      entry.aliases.push_back(std::move(alias));
    }
  }
  if (random.Chance(0.4)) {
    entry.valid_from_us = around_us + random.Between(-3, 3) * kDayUs;
  }
  if (random.Chance(0.4)) {
    entry.valid_to_us =
        std::max(entry.valid_from_us, around_us - 3 * kDayUs) + random.Between(1, 6 * kDayUs);
  }
  return entry;
}

// The small pack's payee beside the list; what it does to both.
class Scene {
 public:
  explicit Scene(uint64_t seed)
      : random_(seed),
        pack_(MustCompile(PackWithScreening("file = \"lists/sanctions.csv\"\n", ""))),
        core_(pack_) {
    for (int i = 0; i < 90; ++i) {
      Put(RandomEntry(random_, now_));
    }
  }

  void Step() {
    now_ += random_.Between(0, kDayUs / 4);
    if (random_.Chance(0.3)) {
      Put(RandomEntry(random_, now_));
    }
    if (random_.Chance(0.2)) {
      const ListEntryId id = Any().entry.id();
      Apply({{}, "sanctions", {}, {{id.value, id.source, id.valid_from_us}}});
      std::erase_if(all_.entries, [&](const Kept& each) { return each.entry.id() == id; });
      Compare(id.value);
    }
    if (random_.Chance(0.15)) {
      Bytes saved;
      core_.Save(saved);
      Core other(pack_);
      ASSERT_TRUE(other.Restore(saved).has_value());
      core_ = std::move(other);
    }
    const std::string any = Everything::NamesOf(Any().entry)[0];
    const std::string name = random_.Chance(0.5) ? any : Slipped(any, random_);
    if (random_.Chance(0.4)) {
      Clear(name);
    }
    Compare(name);
  }

  uint64_t hits = 0;
  uint64_t cleared = 0;

 private:
  const Kept& Any() { return all_.entries[random_.Below(all_.entries.size())]; }

  void Apply(const ListChange& change) {
    const Result<void> applied = core_.Apply(change, seq_++);
    ASSERT_TRUE(applied.has_value()) << applied.error().ToString();
  }
  void Put(const ListEntry& entry) {
    Everything::Put(all_.entries, entry, {seq_, 1});
    Apply({{}, "sanctions", {entry}, {}});
  }
  // Somebody looks into what this name meets.
  void Clear(const std::string& name) {
    const Screened met = all_.Best(name, now_, 75);
    const auto kept = std::ranges::find(all_.entries, met.entry, &Kept::ref);
    if (kept == all_.entries.end()) {
      return;
    }
    ListEntry clearance{.value = name, .source = kept->entry.value, .reason = "looked into"};
    clearance.valid_from_us = random_.Chance(0.3) ? now_ + random_.Between(-1, 1) : kSinceEver;
    clearance.valid_to_us = random_.Chance(0.5) ? now_ + random_.Between(2, kDayUs) : kForEver;
    std::erase_if(all_.cleared, [&](const ListEntry& each) { return each.id() == clearance.id(); });
    all_.cleared.push_back(clearance);
    Apply({{}, "ruled_out", {clearance}, {}});
    ++cleared;
  }
  void Compare(const std::string& name) {
    const Decision decision =
        core_.Decide(Payment(fmt::format("p{}", seq_), now_, "a", name, 1), seq_);
    seq_ += 2;
    const int at = table::FindColumn(pack_->feature_schema(), "screen('sanctions', payee, ts)");
    Result<Screened> given = Screened::Parse(decision.features[static_cast<size_t>(at)].text());
    ASSERT_TRUE(given.has_value());
    given->rarities.clear();
    const Screened wanted = all_.Best(name, now_, 75);
    ASSERT_EQ(given->ToText(), wanted.ToText()) << name << " at " << now_;
    hits += wanted.percent > 0 ? 1 : 0;
  }

  SeededRandom random_;
  std::shared_ptr<const CompiledPack> pack_;
  Core core_;
  Everything all_;
  int64_t now_ = kStartUs;
  uint64_t seq_ = 1;
};

TEST(ScreenedProperty, IsTheBestOfScoringEveryEntryThatCounts) {
  uint64_t hits = 0;
  uint64_t cleared = 0;
  uint64_t steps = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Scene scene(seed);
    for (int i = 0; i < 60; ++i) {
      scene.Step();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << ", step " << i;
      ++steps;
    }
    hits += scene.hits;
    cleared += scene.cleared;
  }
  EXPECT_GT(hits, steps / 4);
  EXPECT_LT(hits, steps) << "some names meet nothing";
  EXPECT_GT(cleared, steps / 10);
}

}  // namespace
}  // namespace fuqi::decide
