#!/usr/bin/env python3
"""Makes pairs_zh.tsv, pairs of Chinese names that are or are not of one person or firm: make_pairs.py [SEED] > pairs_zh.tsv

Syllables and their spellings below were written by hand, apart from the tables that screening uses, so that neither copies the
other's mistakes. hard_cases.tsv is put first. Kind, label (1 the same, 0 not, - weak), one name, other name.
"""

import pathlib
import random
import sys

# simplified traditional pinyin Wade-Giles Cantonese
SURNAMES = """王 王 wang wang wong|李 李 li li lee|张 張 zhang chang cheung|刘 劉 liu liu lau|陈 陳 chen chen chan|杨 楊 yang yang yeung
赵 趙 zhao chao chiu|黄 黃 huang huang wong|周 周 zhou chou chow|吴 吳 wu wu ng|徐 徐 xu hsu tsui|孙 孫 sun sun suen
胡 胡 hu hu wu|朱 朱 zhu chu chu|高 高 gao kao ko|林 林 lin lin lam|何 何 he ho ho|郭 郭 guo kuo kwok
马 馬 ma ma ma|罗 羅 luo lo law|梁 梁 liang liang leung|宋 宋 song sung sung|郑 鄭 zheng cheng cheng|谢 謝 xie hsieh tse
韩 韓 han han hon|唐 唐 tang tang tong|冯 馮 feng feng fung|于 于 yu yu yu|董 董 dong tung tung|萧 蕭 xiao hsiao siu
程 程 cheng cheng ching|曹 曹 cao tsao tso|袁 袁 yuan yuan yuen|邓 鄧 deng teng tang|许 許 xu hsu hui|傅 傅 fu fu fu
沈 沈 shen shen shum|曾 曾 zeng tseng tsang|彭 彭 peng peng pang|苏 蘇 su su so|卢 盧 lu lu lo|蒋 蔣 jiang chiang cheung
蔡 蔡 cai tsai choi|叶 葉 ye yeh yip|欧阳 歐陽 ouyang ouyang auyeung|司徒 司徒 situ szutu szeto"""
GIVEN = """伟 偉 wei wei wai|芳 芳 fang fang fong|娜 娜 na na na|敏 敏 min min man|静 靜 jing ching ching|强 強 qiang chiang keung
磊 磊 lei lei lui|军 軍 jun chun kwan|洋 洋 yang yang yeung|勇 勇 yong yung yung|艳 艷 yan yen yim|杰 傑 jie chieh kit
涛 濤 tao tao to|明 明 ming ming ming|超 超 chao chao chiu|秀 秀 xiu hsiu sau|霞 霞 xia hsia ha|平 平 ping ping ping
刚 剛 gang kang kong|桂 桂 gui kuei kwai|国 國 guo kuo kwok|建 建 jian chien kin|志 志 zhi chih chi|文 文 wen wen man
华 華 hua hua wah|小 小 xiao hsiao siu|玉 玉 yu yu yuk|兰 蘭 lan lan lan|红 紅 hong hung hung|春 春 chun chun chun
海 海 hai hai hoi|燕 燕 yan yen yin|龙 龍 long lung lung|飞 飛 fei fei fei|成 成 cheng cheng shing|永 永 yong yung wing
忠 忠 zhong chung chung|学 學 xue hsueh hok|思 思 si ssu sze|佳 佳 jia chia kai|家 家 jia chia ka|俊 俊 jun chun chun
德 德 de te tak|福 福 fu fu fuk|光 光 guang kuang kwong|荣 榮 rong jung wing|金 金 jin chin kam|丽 麗 li li lai"""
CITIES = """广州 guangzhou|深圳 shenzhen|上海 shanghai|北京 beijing|天津 tianjin|大连 dalian|丹东 dandong|青岛 qingdao|宁波 ningbo|武汉 wuhan
成都 chengdu|南京 nanjing|厦门 xiamen|西安 xian"""
TRADES = """贸易 trading|科技 technology|实业 industrial|投资 investment|国际贸易 international trading|海运 shipping|机械 machinery|电子 electronics
化工 chemical|物流 logistics"""


def rows(text):
    return [row.split() for line in text.splitlines() for row in line.split("|")]


SURNAMES, GIVEN, CITIES, TRADES = rows(SURNAMES), rows(GIVEN), rows(CITIES), rows(TRADES)
HAN, TRADITIONAL, PINYIN, WADE_GILES, CANTONESE = range(5)


def written(surname, given, form, between="", after=" "):
    return surname[form] + after + between.join(one[form] for one in given)


def forms(surname, given):
    """kind → the name so written."""
    pinyin = written(surname, given, PINYIN)
    return {
        "simplified": written(surname, given, HAN, after=""),
        "traditional": written(surname, given, TRADITIONAL, after=""),
        "pinyin": pinyin.title(),
        "pinyin_upper": f"{surname[PINYIN].upper()}, {''.join(g[PINYIN] for g in given).title()}",
        "pinyin_reversed": " ".join(reversed(pinyin.title().split(" "))),
        "pinyin_apart": written(surname, given, PINYIN, " ").title(),
        "wade_giles": written(surname, given, WADE_GILES, "-").capitalize(),
        "cantonese": written(surname, given, CANTONESE, " ").title(),
    }


def slip(word, chance):
    """A letter doubled, left out or swapped with its neighbour, not the first."""
    at = chance.randrange(1, len(word) - 1)
    if word[at] == " " or word[at + 1] == " ":
        return word + word[-1]
    return chance.choice([word[:at] + word[at] + word[at:], word[:at] + word[at + 1:],
                          word[:at] + word[at + 1] + word[at] + word[at + 2:]])


def other_than(choices, taken, chance):
    """One that differs in character and in every spelling."""
    return chance.choice([one for one in choices if not set(one) & {form for row in taken for form in row}])


def person_pairs(chance):
    surname = chance.choice(SURNAMES)
    given = chance.sample(GIVEN, 2 if chance.random() < 0.75 else 1)
    ways = forms(surname, given)
    han = ways["simplified"]
    for kind in ["traditional", "pinyin", "pinyin_upper", "pinyin_reversed", "pinyin_apart", "wade_giles", "cantonese"]:
        yield kind, "1", han, ways[kind]
    yield "pinyin_wade_giles", "1", ways["pinyin_upper"], ways["wade_giles"]
    yield "wade_giles_cantonese", "1", ways["wade_giles"], ways["cantonese"]
    if len(given) == 2:
        yield "slip", "1", ways["pinyin"], slip(ways["pinyin"], chance)
    # Others.
    changed = given[:-1] + [other_than(GIVEN, given, chance)]
    kind = "one_character" if len(given) == 2 else "other_given"
    for form in ["simplified", "pinyin"]:
        yield kind, "0", ways[form], forms(surname, changed)[form]
    yield f"{kind}_across", "0", han, forms(surname, changed)["pinyin"]
    stranger = other_than(SURNAMES, [surname], chance)
    yield "other_surname", "0", han, forms(stranger, given)["simplified"]
    yield "other_surname", "0", ways["pinyin"], forms(stranger, given)["pinyin"]


def firm_pairs(chance):
    city, other_city = chance.sample(CITIES, 2)
    trade = chance.choice(TRADES)
    name = chance.sample(GIVEN, 2)
    han = "".join(one[HAN] for one in name)
    latin = "".join(one[PINYIN] for one in name).title()
    full = f"{city[0]}{han}{trade[0]}有限公司"
    english = f"{city[1].title()} {latin} {' '.join(trade[1:]).title()} Co., Ltd."
    yield "firm_form", "1", full, f"{city[0]}{han}{trade[0]}公司"
    yield "firm_traditional", "1", full, f"{city[0]}{''.join(one[TRADITIONAL] for one in name)}{trade[0]}有限公司"
    yield "firm_english", "1", full, english
    yield "firm_order", "1", english, f"{latin} {city[1].title()} {' '.join(trade[1:]).title()} Limited"
    yield "firm_city", "0", full, f"{other_city[0]}{han}{trade[0]}有限公司"
    yield "firm_city", "0", english, english.replace(city[1].title(), other_city[1].title())
    stranger = [other_than(GIVEN, name, chance), other_than(GIVEN, name, chance)]
    yield "firm_other", "0", full, f"{city[0]}{''.join(one[HAN] for one in stranger)}{trade[0]}有限公司"
    yield "firm_other", "0", english, english.replace(latin, "".join(one[PINYIN] for one in stranger).title())


def main(seed):
    chance = random.Random(seed)
    lines = (pathlib.Path(__file__).parent / "hard_cases.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split("\t")[:4]) for line in lines if line and not line.startswith("#")]
    for _ in range(40):
        pairs += person_pairs(chance)
    for _ in range(20):
        pairs += firm_pairs(chance)
    for pair in dict.fromkeys(pairs):
        print("\t".join(pair))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
