#include "decide/screening.h"

#include <fmt/format.h>
#include <utf8proc.h>

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

ScreeningHit CompareNames(std::string_view query, std::string_view name) {
  std::vector<TokenProfile> profiles;
  profiles.reserve(2 * kNameTokensMax);
  const auto weighed = [&](std::string_view text) {
    WeighedName out;
    for (NameToken& token : ParseName(text).tokens) {
      const int weight = ClassWeight(token.word);
      profiles.push_back(ProfileOf(std::move(token)));
      out.push_back({&profiles.back(), static_cast<uint32_t>(out.size()), weight});
    }
    return out;
  };
  const WeighedName a = weighed(query);
  const WeighedName b = weighed(name);
  SimilarityCache cache;
  ScreeningHit hit = Explained(ScoreNames(a, b, cache), a, b);
  hit.name = name;
  return hit;
}

std::string ScreeningVersion() {
  constexpr int kAlgorithm = 1;  // raise it with every change that may change a score
  return fmt::format("{}-{}-{}", kAlgorithm, Tables().hash, utf8proc_unicode_version());
}

}  // namespace fuqi::decide
