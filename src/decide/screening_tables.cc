#include <algorithm>
#include <vector>

#include "decide/screening_tables_internal.h"

namespace fuqi::decide::internal {
namespace {

// The row whose `key` is `wanted`, or null.
template <class Row, class Key, class Member>
const Row* Find(std::span<const Row> rows, const Key& wanted, Member key) {
  const auto found = std::ranges::lower_bound(rows, wanted, {}, key);
  return found != rows.end() && (*found).*key == wanted ? &*found : nullptr;
}

}  // namespace

const HanRow* FindHan(char32_t code) { return Find(Tables().han, code, &HanRow::code); }

std::span<const uint16_t> ReadingsOf(const HanRow& row) {
  return Tables().readings.subspan(row.first, row.count);
}

std::span<const SpelledSyllable> FindSpelling(std::string_view latin) {
  const SpellingRow* row = Find(Tables().spellings, latin, &SpellingRow::text);
  return row == nullptr ? std::span<const SpelledSyllable>{}
                        : Tables().spelled.subspan(row->first, row->count);
}

const WordRow* FindWord(std::string_view folded) {
  return Find(Tables().words, folded, &WordRow::text);
}

std::string_view FindLetter(std::span<const LetterRow> table, char32_t code) {
  const LetterRow* row = Find(table, code, &LetterRow::code);
  return row == nullptr ? std::string_view{} : row->latin;
}

bool AreCognate(uint16_t pinyin, uint16_t jyutping) {
  static const std::vector<bool> kMatrix = [] {
    std::vector<bool> matrix(Tables().pinyin_count * Tables().syllables.size());
    for (uint32_t pair : Tables().cognates) {
      matrix[(pair >> 16) * Tables().syllables.size() + (pair & 0xffff)] = true;
    }
    return matrix;
  }();
  return kMatrix[pinyin * Tables().syllables.size() + jyutping];
}

}  // namespace fuqi::decide::internal
