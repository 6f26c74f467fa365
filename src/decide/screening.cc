#include "decide/screening.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "decide/screening_score_internal.h"

namespace fuqi::decide {

using namespace internal;  // NOLINT(google-build-using-namespace): the parts of this very thing

std::string_view MatchWayName(MatchWay way) {
  switch (way) {
    case MatchWay::kExact:
      return "exact";
    case MatchWay::kWord:
      return "word";
    case MatchWay::kJoined:
      return "joined";
    case MatchWay::kPinyin:
      return "pinyin";
    case MatchWay::kWadeGiles:
      return "wade_giles";
    case MatchWay::kCantonese:
      return "cantonese";
    case MatchWay::kEdit:
      return "edit";
    case MatchWay::kInitial:
      return "initial";
    case MatchWay::kSameSound:
      return "same_sound";
  }
  return "";
}

std::string_view ScreeningNoteName(ScreeningNote note) {
  switch (note) {
    case ScreeningNote::kOtherOrder:
      return "other_order";
    case ScreeningNote::kOtherPlace:
      return "other_place";
    case ScreeningNote::kOtherNumber:
      return "other_number";
    case ScreeningNote::kOtherForm:
      return "other_form";
    case ScreeningNote::kLittle:
      return "little";
  }
  return "";
}

std::optional<ScreeningHit> CompareNames(std::string_view query, std::string_view name,
                                         std::string_view rarities) {
  std::vector<TokenProfile> profiles;
  profiles.reserve(2 * kNameTokensMax);
  bool fits = true;
  const auto weighed = [&](std::string_view text, std::string_view letters) {
    WeighedName out;
    std::vector<NameToken> tokens = ParseName(text).tokens;
    fits = fits && letters.size() == tokens.size();
    for (size_t i = 0; fits && i < tokens.size(); ++i) {
      const std::optional<int> rarity = RarityOfLetter(letters[i]);
      fits = rarity.has_value();
      const int weight = ClassWeight(tokens[i].word) * rarity.value_or(0) / 1000;
      profiles.push_back(ProfileOf(std::move(tokens[i])));
      out.push_back({&profiles.back(), static_cast<uint32_t>(i), weight});
    }
    return out;
  };
  const size_t middle = std::min(rarities.find('/'), rarities.size());
  const WeighedName a = weighed(query, rarities.substr(0, middle));
  const WeighedName b = weighed(name, rarities.substr(std::min(middle + 1, rarities.size())));
  if (!fits || middle == rarities.size()) {
    return std::nullopt;
  }
  SimilarityCache cache;
  ScreeningHit hit = Explained(ScoreNames(a, b, cache), a, b);
  hit.name = name;
  hit.rarities = rarities;
  return hit;
}

ScreeningHit CompareNames(std::string_view query, std::string_view name) {
  const auto none_known = [](std::string_view text) {
    return std::string(ParseName(text).tokens.size(), RarityLetter(kWeightUnit));
  };
  return *CompareNames(query, name, none_known(query) + '/' + none_known(name));
}

std::string ScreeningVersion() {
  constexpr int kAlgorithm = 3;  // raise it with every change to a score or to what is found
  return fmt::format("{}-{}-{}", kAlgorithm, Tables().hash, utf8proc_unicode_version());
}

}  // namespace fuqi::decide
