#pragma once

// What screening knows of characters, syllables and words: tables that tools/compile_names.py makes
// at build time from Unihan and from screening_words.toml.

#include <cstdint>
#include <span>
#include <string_view>

namespace fuqi::decide::internal {

// Ways of spelling a Chinese syllable in Latin letters; a set of bits.
inline constexpr uint8_t kPinyin = 1;
inline constexpr uint8_t kWadeGiles = 2;
inline constexpr uint8_t kCantonese = 4;

enum class WordClass : uint8_t { kNone, kLegal, kTitle, kCommon, kPlace };

// A Han character: what it is simplified to, and its readings, syllables of pinyin and of Jyutping.
struct HanRow {
  char32_t code;
  char32_t folded;
  uint32_t first;
  uint8_t count;
};

// A syllable that a spelling may stand for, in which ways of spelling.
struct SpelledSyllable {
  uint16_t syllable;
  uint8_t systems;

  friend bool operator==(const SpelledSyllable&, const SpelledSyllable&) = default;
};

struct SpellingRow {
  std::string_view text;
  uint32_t first;
  uint8_t count;
};

struct WordRow {
  std::string_view text;
  WordClass word_class;
  uint16_t meaning;
};

struct LetterRow {
  char32_t code;
  std::string_view latin;
};

// Rows stand in the order of what they are looked up by (texts: of their bytes).
struct NameTables {
  std::span<const HanRow> han;
  std::span<const uint16_t> readings;
  std::span<const char* const> syllables;  // pinyin first, then Jyutping
  uint16_t pinyin_count;
  std::span<const SpellingRow> spellings;
  std::span<const SpelledSyllable> spelled;
  std::span<const uint32_t>
      cognates;  // pinyin << 16 | Jyutping: a character in common use has both
  std::span<const WordRow> words;
  std::span<const LetterRow> letters;
  std::span<const LetterRow> lookalikes;
  std::string_view hash;
};
const NameTables& Tables();

// Each null or empty where the tables have nothing.
const HanRow* FindHan(char32_t code);
std::span<const uint16_t> ReadingsOf(const HanRow& row);
std::span<const SpelledSyllable> FindSpelling(std::string_view latin);
const WordRow* FindWord(std::string_view folded);
std::string_view FindLetter(std::span<const LetterRow> table, char32_t code);
// A character in common use is read `pinyin` in Mandarin and `jyutping` in Cantonese.
bool AreCognate(uint16_t pinyin, uint16_t jyutping);

}  // namespace fuqi::decide::internal
