#pragma once

// Names that nobody has, for tests and benches of screening: persons and firms, Latin and Chinese.

#include <array>
#include <string>
#include <string_view>

#include "base/random.h"

namespace fuqi::decide {

// A Chinese syllable as it is written.
struct MadeSyllable {
  std::string_view han;
  std::string_view traditional;
  std::string_view pinyin;
  std::string_view wade_giles;
  std::string_view cantonese;
};

inline constexpr MadeSyllable kMadeSurnames[] = {
    {"王", "王", "wang", "wang", "wong"},      {"李", "李", "li", "li", "lee"},
    {"张", "張", "zhang", "chang", "cheung"},  {"刘", "劉", "liu", "liu", "lau"},
    {"陈", "陳", "chen", "chen", "chan"},      {"杨", "楊", "yang", "yang", "yeung"},
    {"赵", "趙", "zhao", "chao", "chiu"},      {"黄", "黃", "huang", "huang", "wong"},
    {"周", "周", "zhou", "chou", "chow"},      {"吴", "吳", "wu", "wu", "ng"},
    {"徐", "徐", "xu", "hsu", "tsui"},         {"曾", "曾", "zeng", "tseng", "tsang"},
    {"谢", "謝", "xie", "hsieh", "tse"},       {"邓", "鄧", "deng", "teng", "tang"},
    {"叶", "葉", "ye", "yeh", "yip"},          {"欧阳", "歐陽", "ouyang", "ouyang", "auyeung"},
    {"司徒", "司徒", "situ", "szutu", "szeto"}};

inline constexpr MadeSyllable kMadeGiven[] = {
    {"伟", "偉", "wei", "wei", "wai"},      {"芳", "芳", "fang", "fang", "fong"},
    {"娜", "娜", "na", "na", "na"},         {"敏", "敏", "min", "min", "man"},
    {"静", "靜", "jing", "ching", "ching"}, {"强", "強", "qiang", "chiang", "keung"},
    {"磊", "磊", "lei", "lei", "lui"},      {"军", "軍", "jun", "chun", "kwan"},
    {"洋", "洋", "yang", "yang", "yeung"},  {"勇", "勇", "yong", "yung", "yung"},
    {"艳", "艷", "yan", "yen", "yim"},      {"杰", "傑", "jie", "chieh", "kit"},
    {"涛", "濤", "tao", "tao", "to"},       {"明", "明", "ming", "ming", "ming"},
    {"超", "超", "chao", "chao", "chiu"},   {"秀", "秀", "xiu", "hsiu", "sau"},
    {"霞", "霞", "xia", "hsia", "ha"},      {"平", "平", "ping", "ping", "ping"},
    {"刚", "剛", "gang", "kang", "kong"},   {"桂", "桂", "gui", "kuei", "kwai"},
    {"国", "國", "guo", "kuo", "kwok"},     {"建", "建", "jian", "chien", "kin"},
    {"志", "志", "zhi", "chih", "chi"},     {"文", "文", "wen", "wen", "man"},
    {"华", "華", "hua", "hua", "wah"},      {"小", "小", "xiao", "hsiao", "siu"}};

inline constexpr std::string_view kMadeFirst[] = {
    "Ana",   "Maria",   "John",  "Mohammed", "Ali",    "Fatima", "Ivan",  "Olga",  "Carlos",
    "Jose",  "Ahmed",   "Omar",  "Hassan",   "Pedro",  "Luis",   "Elena", "Igor",  "Abdul",
    "Yusuf", "Ibrahim", "Sofia", "David",    "Robert", "Kim",    "Min",   "Boris", "Hussein"};

// What words are made of, so that a long list has many words.
inline constexpr std::string_view kMadeParts[] = {
    "al",  "bar", "ced", "dor", "el",   "fin", "gar", "hol", "ist", "jan", "kor", "lem",
    "mar", "nov", "os",  "pet", "qa",   "rus", "sal", "tor", "um",  "ver", "wol", "yar",
    "zan", "ski", "ez",  "ov",  "ian",  "son", "ber", "di",  "mo",  "ha",  "ri",  "to",
    "na",  "chi", "gre", "pla", "stro", "bul", "dze", "kha", "lvi", "mbe", "nko", "phi",
    "que", "rdo", "sve", "tch", "uri",  "vla", "wis", "xen", "yev", "zhu"};

inline constexpr std::string_view kMadeTrades[] = {"Trading",  "Shipping", "Industrial", "Energy",
                                                   "Holdings", "Bank",     "Technology", "Import"};
inline constexpr std::string_view kMadeForms[] = {"Ltd", "Co., Ltd.", "Inc", "S.A.", "LLC"};
inline constexpr std::string_view kMadePlaces[] = {"广州", "深圳", "上海", "北京", "丹东"};
inline constexpr std::string_view kMadeHanTrades[] = {"贸易", "海运", "科技", "实业", "投资"};

template <class T, size_t kCount>
const T& PickFrom(SeededRandom& random, const T (&of)[kCount]) {
  return of[random.Below(kCount)];
}

inline std::string Capital(std::string_view word) {
  std::string out(word);
  out[0] = static_cast<char>(out[0] >= 'a' && out[0] <= 'z' ? out[0] - 'a' + 'A' : out[0]);
  return out;
}

inline std::string MadeWord(SeededRandom& random) {
  std::string word;
  for (auto parts = random.Between(2, 4); parts > 0; --parts) {
    word += PickFrom(random, kMadeParts);
  }
  return Capital(word);
}

// A Chinese person, each time in one of the ways to write the name.
inline std::string MadeChinese(SeededRandom& random) {
  const MadeSyllable& surname = PickFrom(random, kMadeSurnames);
  std::array<const MadeSyllable*, 2> given{};
  const size_t count = random.Chance(0.3) ? 1 : 2;
  for (size_t i = 0; i < count; ++i) {
    given[i] = &PickFrom(random, kMadeGiven);
  }
  const auto write = [&](std::string_view MadeSyllable::* form, std::string_view between,
                         std::string_view after) {
    std::string out = std::string(surname.*form) + std::string(after);
    for (size_t i = 0; i < count; ++i) {
      out += i > 0 ? between : "";
      out += given[i]->*form;
    }
    return out;
  };
  switch (random.Below(6)) {
    case 0:
      return write(&MadeSyllable::han, "", "");
    case 1:
      return write(&MadeSyllable::traditional, "", "");
    case 2:
      return write(&MadeSyllable::wade_giles, "-", " ");
    case 3:
      return write(&MadeSyllable::cantonese, " ", " ");
    case 4:
      return write(&MadeSyllable::pinyin, " ", ", ");
    default:
      return write(&MadeSyllable::pinyin, "", " ");
  }
}

inline std::string MadeFirm(SeededRandom& random) {
  if (random.Chance(0.3)) {
    std::string out(PickFrom(random, kMadePlaces));
    out += PickFrom(random, kMadeGiven).han;
    out += PickFrom(random, kMadeGiven).han;
    out += PickFrom(random, kMadeHanTrades);
    return out + "有限公司";
  }
  std::string out = MadeWord(random) + " ";
  out += random.Chance(0.5) ? MadeWord(random) + " " : "";
  out += PickFrom(random, kMadeTrades);
  return out + " " + std::string(PickFrom(random, kMadeForms));
}

inline std::string MadeName(SeededRandom& random) {
  const uint64_t kind = random.Below(10);
  if (kind < 4) {
    return MadeChinese(random);
  }
  if (kind < 7) {
    return MadeFirm(random);
  }
  std::string out = kind < 9 ? std::string(PickFrom(random, kMadeFirst)) : MadeWord(random);
  out += random.Chance(0.2) ? " " + MadeWord(random) : "";
  return out + " " + MadeWord(random);
}

// With a slip: a letter replaced, left out or doubled, two words swapped, case changed.
inline std::string Slipped(std::string name, SeededRandom& random) {
  const size_t at = random.Below(name.size());
  const bool ascii = static_cast<unsigned char>(name[at]) < 0x80;
  switch (random.Below(5)) {
    case 0:
      name[at] = ascii ? static_cast<char>('a' + random.Below(26)) : name[at];
      break;
    case 1:
      name.erase(at, ascii && name.size() > 1 ? 1 : 0);
      break;
    case 2:
      name.insert(at, ascii ? 1 : 0, name[at]);
      break;
    case 3:
      if (const size_t space = name.find(' '); space != std::string::npos) {
        name = name.substr(space + 1) + " " + name.substr(0, space);
      }
      break;
    default:
      for (char& c : name) {
        c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      }
  }
  return name;
}

}  // namespace fuqi::decide
