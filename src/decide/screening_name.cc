#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>

#include "base/utf8.h"
#include "decide/screening_name_internal.h"

namespace fuqi::decide::internal {
namespace {

using Kind = NameToken::Kind;

constexpr size_t kWordCharactersMax = 6;  // of a Han word in the tables
constexpr size_t kPersonCharactersMax = 4;

void AppendUtf8(char32_t code, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
}

std::string Utf8(std::u32string_view codes) {
  std::string out;
  for (char32_t code : codes) {
    AppendUtf8(code, out);
  }
  return out;
}

// `text` with a space for each byte that belongs to no well-formed sequence.
std::string WellFormed(std::string_view text) {
  std::string out(text);
  while (const auto bad = FirstBadUtf8(std::string_view(out))) {
    size_t at = *bad;
    do {
      out[at++] = ' ';
    } while (at < out.size() && (static_cast<uint8_t>(out[at]) & 0xc0) == 0x80);
  }
  return out;
}

// The folds that Unicode defines. What utf8proc refuses (nothing that is well-formed, as far as its
// documentation goes) stays as it is.
std::u32string Folded(const std::string& text) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                     UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE);
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  if (size < 0) {
    return CodePoints(text);
  }
  std::u32string out =
      CodePoints({reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)});
  std::free(mapped);  // NOLINT(cppcoreguidelines-no-malloc): utf8proc allocated it
  return out;
}

bool IsHan(char32_t code) {
  return (code >= 0x3400 && code <= 0x4dbf) || (code >= 0x4e00 && code <= 0x9fff) ||
         (code >= 0x20000 && code <= 0x3ffff) || code == 0x3005 || code == 0x3007;
}

bool IsLetterOrDigit(char32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO &&
          category != UTF8PROC_CATEGORY_LM) ||
         category == UTF8PROC_CATEGORY_ND;
}

// What stands within a word without parting it: the apostrophes of "O'Neil" and "p'ing", letters
// that modify others.
bool IsApostrophe(char32_t code) {
  return code == '\'' || code == '`' || code == 0xb4 || code == 0x2018 || code == 0x2019 ||
         utf8proc_category(static_cast<utf8proc_int32_t>(code)) == UTF8PROC_CATEGORY_LM;
}

bool IsAscii(char32_t code) { return code < 0x80; }

class Tokens {
 public:
  ParsedName Take() && {
    JoinPlaces();
    return std::move(name_);
  }

  void Word(std::u32string word) {
    const bool any_latin = std::ranges::any_of(word, IsAscii);
    std::u32string latin;
    for (char32_t code : word) {
      std::string_view written = FindLetter(Tables().letters, code);
      if (written.empty() && any_latin) {
        written = FindLetter(Tables().lookalikes, code);
      }
      if (written.empty()) {
        latin += code;
      } else {
        latin.append(written.begin(), written.end());
      }
    }
    Kind kind = Kind::kOther;
    if (std::ranges::all_of(latin, IsAscii)) {
      const bool digits =
          std::ranges::all_of(latin, [](char32_t c) { return c >= '0' && c <= '9'; });
      kind = digits ? Kind::kNumber : Kind::kLatin;
    }
    Add(Utf8(latin), kind);
  }

  // Letters with dots after each: a word if it is a known one ("S.A."), initials otherwise.
  void Dotted(const std::u32string& letters) {
    const WordRow* word = FindWord(Utf8(letters));
    if (word != nullptr &&
        (word->word_class == WordClass::kLegal || word->word_class == WordClass::kPlace)) {
      Word(letters);
      return;
    }
    for (char32_t letter : letters) {
      Word(std::u32string(1, letter));
    }
  }

  // A run of Han characters, simplified.
  void Han(std::u32string_view run) {
    if (const WordRow* whole = run.size() > 1 ? FindWord(Utf8(run)) : nullptr; whole != nullptr) {
      Add(Utf8(run), Kind::kHan, whole);
      return;
    }
    if (run.size() <= kPersonCharactersMax && !EndsAsFirm(run)) {
      for (char32_t code : run) {
        Add(Utf8({&code, 1}), Kind::kHan, nullptr);
      }
      return;
    }
    while (!run.empty()) {
      size_t length = std::min(kWordCharactersMax, run.size());
      const WordRow* word = nullptr;
      for (; word == nullptr && length > 0; --length) {
        word = FindWord(Utf8(run.substr(0, length)));
      }
      ++length;  // of the word, or of one character
      Add(Utf8(run.substr(0, length)), Kind::kHan, word);
      run.remove_prefix(length);
    }
  }

 private:
  // "中国银行": four characters of which the last two are a known word, which ends no person's
  // name.
  static bool EndsAsFirm(std::u32string_view run) {
    const WordRow* word = run.size() == 4 ? FindWord(Utf8(run.substr(2))) : nullptr;
    return word != nullptr && word->word_class != WordClass::kPlace;
  }

  void Add(std::string text, Kind kind) {
    const WordRow* word = kind == Kind::kLatin ? FindWord(text) : nullptr;
    Add(std::move(text), kind, word);
  }

  void Add(std::string text, Kind kind, const WordRow* word) {
    if (name_.tokens.size() == kNameTokensMax) {
      name_.truncated = true;
      return;
    }
    if (text.size() > kTokenBytesMax) {
      size_t cut = kTokenBytesMax;
      while ((static_cast<uint8_t>(text[cut]) & 0xc0) == 0x80) {
        --cut;
      }
      text.resize(cut);
      name_.truncated = true;
    }
    NameToken& token = name_.tokens.emplace_back();
    token.text = std::move(text);
    token.kind = kind;
    if (word != nullptr) {
      token.word = word->word_class;
      token.meaning = word->meaning;
    }
  }

  // "Hong Kong" and "Hongkong" are one place.
  void JoinPlaces() {
    std::vector<NameToken>& tokens = name_.tokens;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      if (tokens[i].kind != Kind::kLatin || tokens[i + 1].kind != Kind::kLatin ||
          tokens[i].word == WordClass::kPlace || tokens[i + 1].word == WordClass::kPlace) {
        continue;
      }
      const std::string joined = tokens[i].text + tokens[i + 1].text;
      const WordRow* word = FindWord(joined);
      if (word != nullptr && word->word_class == WordClass::kPlace) {
        tokens[i] = {joined, Kind::kLatin, word->word_class, word->meaning};
        tokens.erase(tokens.begin() + static_cast<ptrdiff_t>(i) + 1);
      }
    }
  }

  ParsedName name_;
};

}  // namespace

std::u32string CodePoints(std::string_view utf8) {
  std::u32string out;
  size_t at = 0;
  while (at < utf8.size()) {
    utf8proc_int32_t code = 0;
    const auto read = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()) + at,
                                       static_cast<utf8proc_ssize_t>(utf8.size() - at), &code);
    if (read <= 0) {
      break;
    }
    out += static_cast<char32_t>(code);
    at += static_cast<size_t>(read);
  }
  return out;
}

ParsedName ParseName(std::string_view text) {
  const bool cut = text.size() > kNameBytesMax;
  const std::u32string codes = Folded(WellFormed(text.substr(0, kNameBytesMax)));
  Tokens tokens;
  size_t i = 0;
  const auto at = [&](size_t k) { return k < codes.size() ? codes[k] : U' '; };
  while (i < codes.size()) {
    if (IsHan(codes[i])) {
      std::u32string run;
      for (; IsHan(at(i)); ++i) {
        const HanRow* row = FindHan(codes[i]);
        run += row == nullptr ? codes[i] : row->folded;
      }
      tokens.Han(run);
      continue;
    }
    if (!IsLetterOrDigit(codes[i])) {
      if (codes[i] == '&') {
        tokens.Word(U"and");
      }
      ++i;
      continue;
    }
    std::u32string word;
    bool dotted = false;
    while (i < codes.size() && !IsHan(codes[i])) {
      if (IsLetterOrDigit(codes[i])) {
        // A letter after "S.A." that is followed by another begins a word of its own.
        if (dotted && at(i + 1) != '.' && IsLetterOrDigit(at(i + 1))) {
          break;
        }
        word += codes[i++];
      } else if (IsApostrophe(codes[i])) {
        ++i;
      } else if (codes[i] == '.' && (dotted || word.size() == 1) && IsLetterOrDigit(at(i + 1))) {
        dotted = true;
        ++i;
      } else {
        break;
      }
    }
    if (dotted) {
      tokens.Dotted(word);
    } else {
      tokens.Word(std::move(word));
    }
  }
  ParsedName name = std::move(tokens).Take();
  name.truncated = name.truncated || cut;
  return name;
}

std::string NameKey(const ParsedName& name) {
  const bool only_forms = std::ranges::all_of(
      name.tokens, [](const NameToken& token) { return token.word == WordClass::kLegal; });
  std::string key;
  for (const NameToken& token : name.tokens) {
    if (only_forms || token.word != WordClass::kLegal) {
      key += key.empty() ? "" : " ";
      key += token.text;
    }
  }
  return key;
}

}  // namespace fuqi::decide::internal
