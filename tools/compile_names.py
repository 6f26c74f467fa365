#!/usr/bin/env python3
"""Compiles what screening knows of names into C++: compile_names.py OUTPUT.cc WORDS.toml UNIHAN_READINGS.bz2 UNIHAN_VARIANTS.bz2

Unihan (Unicode Standard Annex 38) gives each Han character its readings and its simplified form; the spellings of a syllable in
pinyin, in Wade-Giles and in the Cantonese of Hong Kong's government follow from rules below; WORDS.toml holds what was made by hand.
The tables' hash goes in too: it is part of what a decision depends on.
"""

import bz2
import hashlib
import re
import sys
import tomllib
import unicodedata

PINYIN, WADE_GILES, CANTONESE = 1, 2, 4  # as in screening_tables_internal.h
NO_NAME_HAS = {"biang", "cei", "din", "fiao", "wong"}  # sounds of dialects that Unihan calls Mandarin
CLASSES = ["legal", "title", "common", "place"]


def unihan(path, fields):
    """character → {field: value}, for the given fields."""
    found = {}
    with bz2.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("U+"):
                code, field, value = line.rstrip("\n").split("\t")
                if field in fields:
                    found.setdefault(chr(int(code[2:], 16)), {})[field] = value
    return found


def toneless(syllable):
    """"lǜ" → "lv": without its tone, ü written v."""
    marks = unicodedata.normalize("NFD", syllable)
    kept = "".join(c for c in marks if not unicodedata.combining(c) or c == "\u0308")
    return unicodedata.normalize("NFC", kept).replace("ü", "v").replace("ê", "e")


def pinyin_of(fields):
    """All Mandarin readings of a character. kHanyuPinyin holds readings of old books too: used where nothing else is given."""
    texts = [fields.get("kMandarin", "")]
    texts += re.findall(r"([^\s()]+)\(", fields.get("kHanyuPinlu", ""))
    for field in ["kTGHZ2013", "kXHC1983"]:
        texts += [part.split(":")[1] for part in fields.get(field, "").split() if ":" in part]
    if not any(texts):
        texts += [part.split(":")[1] for part in fields.get("kHanyuPinyin", "").split()]
    readings = {toneless(s) for text in texts for s in re.split(r"[\s,]+", text)}
    return {s for s in readings - NO_NAME_HAS if re.fullmatch(r"[a-z]{1,6}", s) and re.search("[aeiouv]", s)}


def cantonese_of(fields):
    return {re.sub(r"\d", "", s) for s in fields.get("kCantonese", "").split()}


def spellings_of_pinyin(s):
    """As passports write it: ü as u, v or yu."""
    return {s, s.replace("v", "u"), s.replace("v", "yu")} if "v" in s else {s}


# Wade-Giles without apostrophes and marks, as lists have it.
WG_INITIALS = {"b": ["p"], "p": ["p"], "d": ["t"], "t": ["t"], "g": ["k"], "k": ["k"], "j": ["ch"], "q": ["ch"], "x": ["hs"],
               "zh": ["ch"], "ch": ["ch"], "sh": ["sh"], "z": ["ts", "tz"], "c": ["ts", "tz"], "s": ["s"], "r": ["j"],
               "m": ["m"], "f": ["f"], "n": ["n"], "l": ["l"], "h": ["h"]}
WG_FINALS = {"ian": ["ien"], "ie": ["ieh"], "ue": ["ueh"], "ve": ["ueh"], "v": ["u"], "ong": ["ung"], "iong": ["iung"], "uo": ["o"],
             "er": ["erh"], "iu": ["iu"], "ui": ["ui"]}
WG_WHOLE = {"yan": ["yen"], "ye": ["yeh"], "you": ["yu"], "yong": ["yung"], "yi": ["i", "yi"], "yue": ["yueh"], "er": ["erh"], "ying": ["ying", "ing"], "de": ["te", "teh"],
            "gui": ["kuei"], "kui": ["kuei"], "guo": ["kuo"], "kuo": ["kuo"], "huo": ["huo"], "shuo": ["shuo"], "ge": ["ko", "ke"],
            "ke": ["ko", "ke"], "he": ["ho"], "e": ["o", "e"], "zi": ["tzu", "tze"], "ci": ["tzu", "tze"], "si": ["ssu", "szu", "sze"],
            "zhi": ["chih"], "chi": ["chih"], "shi": ["shih"], "ri": ["jih"], "rong": ["jung"], "xu": ["hsu"], "xuan": ["hsuan"],
            "xue": ["hsueh"], "xun": ["hsun"], "ju": ["chu"], "qu": ["chu"], "jue": ["chueh"], "que": ["chueh"]}


def spellings_of_wade_giles(s):
    if s in WG_WHOLE:
        return set(WG_WHOLE[s])
    initial = re.match(r"zh|ch|sh|[bpmfdtnlgkhjqxzcsr]?", s).group()
    final = s[len(initial):]
    if not initial:
        return {s}
    return {a + b for a in WG_INITIALS[initial] for b in WG_FINALS.get(final, [final])}


# Jyutping → what Hong Kong's registry of persons writes. It follows no standard: several spellings for one sound.
HK_INITIALS = {"b": ["p"], "p": ["p"], "m": ["m"], "f": ["f"], "d": ["t"], "t": ["t"], "n": ["n"], "l": ["l"], "g": ["k"], "k": ["k"],
               "ng": ["ng", ""], "h": ["h"], "gw": ["kw", "kwo", "gw"], "kw": ["kw"], "w": ["w"], "z": ["ch", "ts", "j"],
               "c": ["ch", "ts"], "s": ["s", "sh"], "j": ["y", ""], "": ["", "ng"]}
HK_FINALS = {"aa": ["a", "ah"], "aai": ["ai", "aai"], "aau": ["au", "aau"], "aam": ["am"], "aan": ["an"], "aang": ["ang"], "aap": ["ap"],
             "aat": ["at"], "aak": ["ak"], "ai": ["ai"], "au": ["au", "ow"], "am": ["am", "um"], "an": ["an", "un"], "ang": ["ang"],
             "ap": ["ap", "up"], "at": ["at", "ut"], "ak": ["ak", "uk"], "e": ["e", "eh"], "ei": ["ei", "i", "ee", "ay"],
             "eng": ["eng", "ing"], "ek": ["ek", "ik"], "i": ["i", "ee", "ie"], "iu": ["iu"], "im": ["im"], "in": ["in"],
             "ing": ["ing"], "ip": ["ip"], "it": ["it"], "ik": ["ik", "ick"], "o": ["o", "or", "oh"], "oi": ["oi", "oy"],
             "ou": ["o", "ou", "oe", "u"], "on": ["on"], "ong": ["ong"], "ot": ["ot"], "ok": ["ok", "ock"], "u": ["u", "oo"],
             "ui": ["ui", "oy"], "un": ["un", "oon"], "ung": ["ung"], "ut": ["ut"], "uk": ["uk", "ook"], "oe": ["oe"],
             "oeng": ["eung", "eong", "ung"], "oek": ["euk", "eok", "ok"], "eoi": ["ui", "oi", "eui", "ee"], "eon": ["un", "on", "eun"],
             "eot": ["ut", "eut"], "yu": ["yu", "u", "yue", "ue"], "yun": ["yuen", "uen", "un", "yun"], "yut": ["yut", "uet", "ut"]}
HK_WHOLE = {"m": ["ng", "m"], "ng": ["ng"], "zi": ["chi", "tze", "tsz", "chee", "tsi"], "ci": ["chi", "tsz", "tze", "tsi"],
            "si": ["sze", "sz", "see", "si"], "jyu": ["yu", "yue", "yee"], "jyun": ["yuen", "yun"], "jyut": ["yuet"],
            "lo": ["lo", "law"], "zang": ["tsang", "tseng", "jang", "chang"],
            "ji": ["yi", "yee", "i", "ye"], "jing": ["ying"], "gwok": ["kwok", "kok"], "gwong": ["kwong", "kong"], "fo": ["fo", "for"]}


def spellings_of_cantonese(s):
    if s in HK_WHOLE:
        return set(HK_WHOLE[s]) | {s}
    initial = re.match(r"(?:ng|gw|kw|[bpmfdtnlgkhwzcsj])?", s).group()
    final = s[len(initial):]
    if final not in HK_FINALS:
        return {s}
    spelled = {a + b for a in HK_INITIALS[initial] for b in HK_FINALS[final]}
    return {s} | {t.replace("kwoo", "kwo") for t in spelled if re.search("[aeiou]", t)}


def fold_of(variants):
    """Traditional → simplified, and forms of one character that differ in shape alone → one of them."""
    step = {}
    for c, fields in variants.items():
        simplified = [chr(int(code[2:], 16)) for code in fields.get("kSimplifiedVariant", "").split()]
        if simplified and c not in simplified:
            step[c] = simplified[0]
    return {c: step.get(to, to) for c, to in step.items()}


def literal(text):
    plain = lambda byte: 0x20 <= byte < 0x7F and byte not in b'"\\?'
    return '"' + "".join(chr(b) if plain(b) else f"\\{b:03o}" for b in text.encode()) + '"'


def tables(words, readings, variants):
    """The tables as C++ text, one definition after another."""
    fold = fold_of(variants)
    surname = {c: set(r) for c, r in words["surname"].items()}
    # A simplified character has the readings of all that are folded into it.
    forms = {}
    for c in sorted(set(readings) | set(fold)):
        forms.setdefault(fold.get(c, c), {fold.get(c, c)}).add(c)
    han = {}
    for target, same in forms.items():
        mandarin = set(surname.get(target, ())).union(*(pinyin_of(readings.get(c, {})) for c in same))
        cantonese = set(words["cantonese"].get(target, ())).union(*(cantonese_of(readings.get(c, {})) for c in same))
        for c in same:
            if mandarin or cantonese or target != c:
                han[c] = (target, sorted(mandarin), sorted(cantonese))
    han = dict(sorted(han.items()))
    pinyin = sorted({s for _, m, _ in han.values() for s in m})
    jyutping = sorted({s for _, _, j in han.values() for s in j})
    syllables = pinyin + jyutping  # a syllable's number is its place here
    number = {("p", s): i for i, s in enumerate(pinyin)} | {("j", s): len(pinyin) + i for i, s in enumerate(jyutping)}

    spelled = {}  # spelling → {(system, syllable)}
    for s in pinyin:
        for text in spellings_of_pinyin(s):
            spelled.setdefault(text, set()).add((PINYIN, number["p", s]))
        for text in spellings_of_wade_giles(s) | spellings_of_wade_giles(s.replace("v", "u")):
            spelled.setdefault(text, set()).add((WADE_GILES, number["p", s]))
    for s in jyutping:
        for text in spellings_of_cantonese(s):
            spelled.setdefault(text, set()).add((CANTONESE, number["j", s]))
    # Systems that give one spelling the same syllable are told as one entry.
    merged = {text: {n: sum(sys for sys, m in uses if m == n) for n in {m for _, m in uses}} for text, uses in spelled.items()}

    # What the characters in common use (kTGHZ2013) say in both languages.
    common = {fold.get(c, c) for c, fields in readings.items() if "kTGHZ2013" in fields}
    cognates = sorted({(number["p", m], number["j", j]) for c in common for m in han[c][1] for j in han[c][2]})

    out = []
    out.append(f"constexpr std::uint16_t kPinyinCount = {len(pinyin)};")
    out.append("constexpr const char* kSyllables[] = {" + ",".join(literal(s) for s in syllables) + "};")
    flat, rows = [], []
    for c, (target, mandarin, cantonese) in han.items():
        ids = [number["p", s] for s in mandarin] + [number["j", s] for s in cantonese]
        rows.append(f"{{{ord(c)},{ord(target)},{len(flat)},{len(ids)}}}")
        flat += ids
    out.append("constexpr std::uint16_t kReadings[] = {" + ",".join(map(str, flat)) + "};")
    out.append("constexpr HanRow kHan[] = {" + ",".join(rows) + "};")
    flat, rows = [], []
    for text in sorted(merged):
        uses = sorted(merged[text].items())
        rows.append(f"{{{literal(text)},{len(flat)},{len(uses)}}}")
        flat += [f"{{{n},{systems}}}" for n, systems in uses]
    out.append("constexpr SpelledSyllable kSpelled[] = {" + ",".join(flat) + "};")
    out.append("constexpr SpellingRow kSpellings[] = {" + ",".join(rows) + "};")
    out.append("constexpr std::uint32_t kCognates[] = {" + ",".join(str(p << 16 | j) for p, j in cognates) + "};")

    entries, labels = {}, []
    for kind, name in enumerate(CLASSES):
        for label, forms in words[name].items():
            for form in forms:
                if form in entries:
                    sys.exit(f"'{form}' is a word of {labels[entries[form][1]]} and of {label}")
                entries[form] = (kind, len(labels))
            labels.append(label)
    out.append("constexpr WordRow kWords[] = {" +
               ",".join(f"{{{literal(form)},WordClass({kind + 1}),{meaning}}}"
                        for form, (kind, meaning) in sorted(entries.items(), key=lambda e: e[0].encode())) + "};")
    for name, table in [("kLetters", "letter"), ("kLookalikes", "lookalike")]:
        out.append(f"constexpr LetterRow {name}[] = {{" +
                   ",".join(f"{{{ord(c)},{literal(to)}}}" for c, to in sorted(words[table].items())) + "};")
    return "\n".join(out)


def main(output, words_path, readings_path, variants_path):
    with open(words_path, "rb") as file:
        words = tomllib.load(file)
    readings = unihan(readings_path, {"kMandarin", "kHanyuPinlu", "kHanyuPinyin", "kXHC1983", "kTGHZ2013", "kCantonese"})
    variants = unihan(variants_path, {"kSimplifiedVariant"})
    body = tables(words, readings, variants)
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    with open(output, "w", encoding="ascii") as file:
        file.write("// Generated by tools/compile_names.py; do not edit.\n"
                   '#include "decide/screening_tables_internal.h"\n\n'
                   "namespace fuqi::decide::internal {\nnamespace {\n\n" + body + "\n\n}  // namespace\n\n"
                   "const NameTables& Tables() {\n"
                   "  static constexpr NameTables kTables{kHan, kReadings, kSyllables, kPinyinCount, kSpellings, kSpelled,\n"
                   "                                      kCognates, kWords, kLetters, kLookalikes,\n"
                   f'                                      "{digest}"}};\n'
                   "  return kTables;\n}\n\n}  // namespace fuqi::decide::internal\n")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
