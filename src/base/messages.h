#pragma once

// The catalogue of texts that a person reads. The English text is the key: code writes it as a
// literal, i18n/zh/*.toml gives its Chinese form, the build compiles those files in, and
// tools/check_messages.py (a test) fails when a text of the code has no Chinese form or a catalogue
// entry has no text in the code. Placeholders are {} in order, or {0}, {1}… where Chinese wants
// another order.

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace fuqi {

// The form of `english` in `language`; `english` itself where the catalogue has none.
std::string_view Translate(std::string_view english, Language language);

// Marks a literal in a table that Translate gets later, so that tools/check_messages.py finds it.
template <size_t N>
constexpr std::string_view UserText(const char (&english)[N]) {
  return {english, N - 1};
}

// Translate for a literal that is no error: the marker by which tools/check_messages.py finds texts
// of help, reasons and output.
template <size_t N>
std::string_view Tr(const char (&english)[N], Language language) {
  return Translate(std::string_view(english, N - 1), language);
}

// "zh", "zh_CN.UTF-8", "zh-Hans" → Chinese; everything else → English.
Language LanguageFromTag(std::string_view tag);

}  // namespace fuqi
