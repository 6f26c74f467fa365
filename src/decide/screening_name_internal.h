#pragma once

// A name taken apart for screening: any bytes become tokens that differ in what tells names apart,
// and in nothing else.
//
// Unicode NFKC and case fold, without accents and other marks; traditional characters simplified;
// letters that no decomposition reaches (ø, ł, þ) as passports write them; look-alikes of other
// scripts read as the Latin letters they stand among. Words that say little (legal forms, titles,
// what a firm does, where it is) are marked as such, in English and in Chinese. A run of Han
// characters that is a person's name becomes one token a character; a firm's is cut at known words.
// Bytes that are no UTF-8 separate words. Never fails: what is beyond the bounds is left out, and
// said to be.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decide/screening_tables_internal.h"

namespace fuqi::decide::internal {

inline constexpr size_t kNameBytesMax = 1024;
inline constexpr size_t kNameTokensMax = 32;
inline constexpr size_t kTokenBytesMax = 48;

struct NameToken {
  enum class Kind : uint8_t {
    kLatin,   // letters a to z, and digits
    kNumber,  // digits alone
    kHan,     // one character, or a known word
    kOther,   // another script
  };
  std::string text;
  Kind kind = Kind::kLatin;
  WordClass word = WordClass::kNone;
  uint16_t meaning = 0;  // of a word: the same for all that mean the same

  friend bool operator==(const NameToken&, const NameToken&) = default;
};

struct ParsedName {
  std::vector<NameToken> tokens;
  bool truncated = false;  // beyond a bound
};
ParsedName ParseName(std::string_view text);

// The tokens that are not legal forms, joined: equal for names that differ in writing alone.
std::string NameKey(const ParsedName& name);

// Code points of well-formed UTF-8.
std::u32string CodePoints(std::string_view utf8);

}  // namespace fuqi::decide::internal
