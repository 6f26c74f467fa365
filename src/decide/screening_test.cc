#include "decide/screening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decide/screening_name_internal.h"

namespace fuqi::decide {
namespace {

using internal::NameToken;
using internal::ParseName;
using internal::WordClass;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> WordsOf(std::string_view name) {
  std::vector<std::string> words;
  for (const NameToken& token : ParseName(name).tokens) {
    words.push_back(token.text);
  }
  return words;
}

int Score(std::string_view a, std::string_view b) { return CompareNames(a, b).score; }

// The way in which the words of two names met, in order of the first name's words.
std::vector<std::string> Ways(std::string_view a, std::string_view b) {
  std::vector<std::string> ways;
  for (const WordMatch& match : CompareNames(a, b).matches) {
    ways.emplace_back(MatchWayName(match.way));
  }
  return ways;
}

TEST(ParseName, FoldsCaseWidthAccentsAndTraditionalCharacters) {
  EXPECT_THAT(WordsOf("Ｊosé  MÜLLER-Østergård"), ElementsAre("jose", "muller", "ostergard"));
  EXPECT_THAT(WordsOf("張國榮"), ElementsAre("张", "国", "荣"));
  EXPECT_EQ(WordsOf("上海銀行"), WordsOf("上海银行"));
  EXPECT_THAT(WordsOf("Straße"), ElementsAre("strasse"));
}

TEST(ParseName, KeepsApostrophesWithinAWordAndPartsAtHyphens) {
  EXPECT_THAT(WordsOf("Hsiao-p'ing O’Neil"), ElementsAre("hsiao", "ping", "oneil"));
}

TEST(ParseName, TellsLegalFormsFromInitials) {
  EXPECT_THAT(WordsOf("Foo S.A."), ElementsAre("foo", "sa"));
  EXPECT_THAT(WordsOf("J.R.Smith"), ElementsAre("j", "r", "smith"));
  EXPECT_EQ(ParseName("Foo Co., Ltd.").tokens[2].word, WordClass::kLegal);
}

TEST(ParseName, CutsAFirmsCharactersAtKnownWordsAndAPersonsAtEach) {
  EXPECT_THAT(WordsOf("广州海格通信集团股份有限公司"),
              ElementsAre("广州", "海", "格", "通信", "集团", "股份有限公司"));
  EXPECT_THAT(WordsOf("李建设"), ElementsAre("李", "建", "设"));
  EXPECT_THAT(WordsOf("中国银行"), ElementsAre("中国", "银行"));
}

TEST(ParseName, ReadsLookalikesAmongLatinLettersAsThose) {
  EXPECT_THAT(WordsOf("Рutin"), ElementsAre("putin"));  // with a Cyrillic Р
  EXPECT_EQ(ParseName("Путин").tokens[0].kind, NameToken::Kind::kOther);
}

TEST(ParseName, TakesAnyBytes) {
  EXPECT_THAT(WordsOf(""), IsEmpty());
  EXPECT_THAT(WordsOf(" .,-'"), IsEmpty());
  EXPECT_THAT(WordsOf("a\xff\xed\xa0\x80z"), ElementsAre("a", "z"));  // a lone surrogate
  EXPECT_THAT(WordsOf(std::string("a\0b", 3)), ElementsAre("a", "b"));
  EXPECT_THAT(WordsOf("张\xe5\xbc"), ElementsAre("张"));  // cut within a character
}

TEST(ParseName, SaysThatItLeftOutWhatIsBeyondItsBounds) {
  EXPECT_FALSE(ParseName("Li Na").truncated);
  EXPECT_TRUE(ParseName(std::string(10'240, 'a')).truncated);
  const internal::ParsedName many = ParseName([] {
    std::string words;
    for (int i = 0; i < 100; ++i) {
      words += "ab ";
    }
    return words;
  }());
  EXPECT_TRUE(many.truncated);
  EXPECT_EQ(many.tokens.size(), internal::kNameTokensMax);
}

TEST(CompareNames, FindsACharacterByEveryReading) {
  EXPECT_THAT(Ways("曾国藩", "Zeng Guofan"), ElementsAre("pinyin", "pinyin"));
  EXPECT_THAT(Ways("曾国藩", "Ceng Guofan"), ElementsAre("pinyin", "pinyin"));
  for (const auto& [han, latin] : {std::pair{"单田芳", "Shan Tianfang"},
                                   {"解缙", "Xie Jin"},
                                   {"仇英", "Qiu Ying"},
                                   {"区寄", "Ou Ji"},
                                   {"朴树", "Pu Shu"},
                                   {"查良镛", "Zha Liangyong"},
                                   {"万俟卨", "Moqi Xie"},
                                   {"尉迟恭", "Yuchi Gong"},
                                   {"令狐冲", "Linghu Chong"},
                                   {"吕布", "Lyu Bu"},
                                   {"吕布", "Lv Bu"},
                                   {"吕布", "Lu Bu"}}) {
    EXPECT_GE(Score(han, latin), 9000) << han << " " << latin;
  }
}

TEST(CompareNames, FindsWadeGilesAndCantonese) {
  EXPECT_THAT(Ways("张三丰", "CHANG San-feng"), ElementsAre("wade_giles", "pinyin", "pinyin"));
  EXPECT_THAT(Ways("张三丰", "Cheung Sam Fung"),
              ElementsAre("cantonese", "cantonese", "cantonese"));
  EXPECT_GE(Score("Chang San-feng", "Cheung Sam Fung"), 8500);
  for (const auto& [han, latin] : {std::pair{"邓小平", "Teng Hsiao-p'ing"},
                                   {"曾荫权", "Tsang Yam-kuen"},
                                   {"谢长廷", "Hsieh Chang-ting"},
                                   {"吴彦祖", "NG Yin Cho"},
                                   {"黄光裕", "WONG Kwong Yu"},
                                   {"司徒华", "Szeto Wah"},
                                   {"周恩来", "Chou En-lai"},
                                   {"蔡英文", "Tsai Ing-wen"},
                                   {"区诺轩", "Au Nok-hin"}}) {
    EXPECT_GE(Score(han, latin), 8000) << han << " " << latin;
  }
}

TEST(CompareNames, TakesSyllablesJoinedOrApartAndTheSurnameFirstOrLast) {
  for (const char* name : {"DENG Xiaoping", "Deng Xiao Ping", "Xiao-ping Deng", "XIAOPING DENG"}) {
    EXPECT_EQ(Score("邓小平", name), 9600) << name;
  }
  EXPECT_EQ(Score("Ouyang Xiu", "Ou Yangxiu"), 9800);
  EXPECT_EQ(Score("HAIGE GUANGZHOU", "Guangzhou Haige"), 10000);
}

TEST(CompareNames, HoldsTheOrderOfAGivenName) {
  const ScreeningHit other = CompareNames("Wang Guo Jian", "Wang Jian Guo");
  EXPECT_THAT(other.notes, ElementsAre(ScreeningNote::kOtherOrder));
  EXPECT_LT(other.score, 8500);
}

TEST(CompareNames, TellsOtherPersonsApart) {
  EXPECT_LT(Score("张建国", "张建军"), 7000);
  EXPECT_LT(Score("张伟", "张三"), 6000);
  EXPECT_LT(Score("张伟", "王伟"), 6000);
  EXPECT_LT(Score("John Smith", "John Brown"), 6000);
  EXPECT_LT(Score("Wang Wei", "Weng Wei"), 8000);
}

TEST(CompareNames, CallsOtherCharactersOfOneSoundWeak) {
  EXPECT_THAT(Ways("张伟", "张玮"), ElementsAre("exact", "same_sound"));
  EXPECT_EQ(Score("张伟", "张玮"), 7500);
}

TEST(CompareNames, FindsAFirmAcrossLanguages) {
  EXPECT_GE(Score("丹东鸿祥实业发展有限公司", "DANDONG HONGXIANG INDUSTRIAL DEVELOPMENT CO LTD"),
            9300);
  EXPECT_GE(Score("中国银行", "Bank of China"), 8800);
}

TEST(CompareNames, WeighsWhatFirmsHaveInCommonLittle) {
  EXPECT_GE(Score("CNOOC ENERGY", "CNOOC Energy Technology & Services Limited"), 8000);
  EXPECT_GE(Score("Foo Ltd", "FOO LIMITED"), 9900);
  EXPECT_LE(Score("Alpha Trading Co Ltd", "Beta Trading Co Ltd"), 5000);
}

TEST(CompareNames, TellsFirmsOfOtherPlacesAndNumbersApart) {
  const ScreeningHit place = CompareNames("广州海格通信有限公司", "深圳海格通信有限公司");
  EXPECT_THAT(place.notes, ElementsAre(ScreeningNote::kOtherPlace));
  EXPECT_LT(place.score, 7000);
  const ScreeningHit number = CompareNames("Factory Alpha 5", "Factory Alpha 7");
  EXPECT_THAT(number.notes, ElementsAre(ScreeningNote::kOtherNumber));
  EXPECT_LT(number.score, 7000);
}

TEST(CompareNames, ForgivesLettersOfOneSound) {
  EXPECT_GE(Score("Osama bin Laden", "Usama bin Ladin"), 8500);
  EXPECT_GE(Score("Mohammed Hussein", "Muhammad Husayn"), 7700);
  const ScreeningHit slip = CompareNames("Gonzalez", "Gonsalez");
  ASSERT_EQ(slip.matches.size(), 1u);
  EXPECT_EQ(slip.matches[0].way, MatchWay::kEdit);
  EXPECT_EQ(slip.matches[0].edits, 1);
}

TEST(CompareNames, SaysWhatIsLeftOver) {
  const ScreeningHit hit = CompareNames("Ana Maria Gonzalez", "GONZALEZ, Ana");
  EXPECT_THAT(hit.query_left, ElementsAre("maria"));
  EXPECT_THAT(hit.entry_left, IsEmpty());
  EXPECT_EQ(hit.matches.size(), 2u);
}

TEST(CompareNames, IsNotSureOfOneWordOfAPersonsName) {
  const ScreeningHit hit = CompareNames("Gonzalez", "GONZALEZ, Ana");
  EXPECT_THAT(hit.notes, ElementsAre(ScreeningNote::kLittle));
  EXPECT_EQ(hit.score, 7000);
}

ScreeningIndex List(std::initializer_list<std::pair<const char*, const char*>> names) {
  ScreeningIndex index;
  for (const auto& [entry, name] : names) {
    index.Add(entry, name);
  }
  return index;
}

std::vector<std::string> Found(ScreeningIndex& index, std::string_view query) {
  std::vector<std::string> entries;
  for (const ScreeningHit& hit : index.Search(query, {}).hits) {
    entries.push_back(hit.entry);
  }
  return entries;
}

TEST(ScreeningIndex, GivesEachEntryOnceWithItsBestName) {
  ScreeningIndex index =
      List({{"1", "Deng Xiaoping"}, {"1", "Teng Hsiao-ping"}, {"2", "Deng Pufang"}});
  const ScreeningResult result = index.Search("Teng Hsiaoping", {});
  ASSERT_EQ(result.hits.size(), 1u);
  EXPECT_EQ(result.hits[0].entry, "1");
  EXPECT_EQ(result.hits[0].name, "Teng Hsiao-ping");
  EXPECT_FALSE(result.truncated);
}

TEST(ScreeningIndex, GivesEqualScoresInOrderOfTheirEntries) {
  ScreeningIndex index = List({{"b", "Li Na"}, {"c", "LI NA"}, {"a", "Na Li"}});
  EXPECT_THAT(Found(index, "李娜"), ElementsAre("a", "b", "c"));
  ScreeningOptions two;
  two.top = 2;
  EXPECT_EQ(index.Search("李娜", two).hits.back().entry, "b");
}

TEST(ScreeningIndex, ForgetsAnEntryThatIsRemoved) {
  ScreeningIndex index = List({{"a", "Li Na"}, {"a", "Lee Na"}, {"b", "Na Li"}});
  EXPECT_EQ(index.names(), 3u);
  index.Remove("a");
  index.Remove("nobody");
  EXPECT_EQ(index.names(), 1u);
  EXPECT_THAT(Found(index, "Li Na"), ElementsAre("b"));
  index.Add("a", "Li Na");
  EXPECT_THAT(Found(index, "Li Na"), ElementsAre("a", "b"));
}

TEST(ScreeningIndex, FindsWhatScoresTheVeryThreshold) {
  // "Sa" may be a legal form, which weighs so little that what it accounts for is a fraction.
  ScreeningIndex index = List({{"a", "Cheung Sam Fung"}});
  const int score = CompareNames("Sa", "Cheung Sam Fung").score;
  EXPECT_GT(score, 6000);
  EXPECT_EQ(index.Search("Sa", {.threshold = score}).hits.size(), 1u);
  EXPECT_TRUE(index.Search("Sa", {.threshold = score + 1}).hits.empty());
}

TEST(ScreeningIndex, FindsTheSameLettersCutIntoManyWords) {
  ScreeningIndex index = List({{"a", "O u ya n gxiu"}});
  EXPECT_THAT(Found(index, "Ou yangx iu"), ElementsAre("a"));
}

TEST(ScreeningIndex, SaysThatABudgetEndedIt) {
  ScreeningIndex index;
  for (int i = 0; i < 100; ++i) {
    index.Add(std::to_string(i), "Li Na");
  }
  ScreeningOptions options;
  options.steps_max = 3000;
  const ScreeningResult result = index.Search("Li Na", options);
  EXPECT_TRUE(result.truncated);
  EXPECT_LE(result.steps, options.steps_max);
  EXPECT_FALSE(index.Search("Li Na", {}).truncated);
}

TEST(ScreeningIndex, FindsNothingForNamesWithoutLetters) {
  ScreeningIndex index = List({{"a", ""}, {"b", "---"}, {"c", "Li Na"}});
  EXPECT_THAT(Found(index, ""), IsEmpty());
  EXPECT_THAT(Found(index, "?"), IsEmpty());
  EXPECT_THAT(Found(index, "x"), IsEmpty());
  EXPECT_THAT(Found(index, std::string(10'240, '\xff')), IsEmpty());
}

TEST(ScreeningIndex, WeighsWordsThatManyNamesHaveLess) {
  const std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
  ScreeningIndex index;
  for (int i = 0; i < 1000; ++i) {
    index.Add("m" + std::to_string(i), "Mohamed Xq" + std::string(3 + i % 5, letters[i % 26]));
  }
  index.Add("z", "Mohamed Zarqawi");
  ScreeningOptions all;
  all.threshold = 1;
  all.top = 2000;
  int frequent = 0;
  int rare = 0;
  for (const ScreeningHit& hit : index.Search("Mohamed Bakri", all).hits) {
    frequent = hit.entry == "z" ? hit.score : frequent;
  }
  for (const ScreeningHit& hit : index.Search("Karim Zarqawi", all).hits) {
    rare = hit.entry == "z" ? hit.score : rare;
  }
  EXPECT_GT(rare, frequent + 500);
}

TEST(Screening, NamesItsVersionByItsTables) {
  EXPECT_EQ(ScreeningVersion().substr(0, 2), "3-");
  EXPECT_NE(ScreeningVersion().find(internal::Tables().hash), std::string::npos);
}

}  // namespace
}  // namespace fuqi::decide
