#!/usr/bin/env python3
"""Precision, recall and F1 of scores of names, ours and the peer's, on the same pairs: judge.py PROGRAM [PAIRS.tsv…]

PROGRAM is screening_pairs. The peers are nomenklatura's logic-v1 and logic-v2, the scorers behind yente; they run where the Python that
runs this has them, and the ratios are to the one with the better F1.
Pairs labelled - count for neither side and are told apart. With FUQI_DATA, pairs of OFAC's list are made too: a primary name beside an
alias of the same entry (1), beside a name of another entry that shares a word with it (0), and beside any other (0).
"""

import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import time

THRESHOLDS = range(50, 100, 5)


def read_pairs(path):
    return [tuple(line.split("\t")[:4]) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")]


def ofac_pairs(folder, seed=1, count=2000):
    chance = random.Random(seed)
    primary, alias, is_person = {}, [], {}
    with open(folder / "sdn.csv", newline="", encoding="latin-1") as file:
        for row in csv.reader(file):
            if len(row) > 2:
                primary[row[0]] = row[1]
                is_person[row[0]] = row[2].strip() == "individual"
    with open(folder / "alt.csv", newline="", encoding="latin-1") as file:
        alias = [(row[0], row[3]) for row in csv.reader(file) if len(row) > 3 and row[0] in primary]
    by_word = {}
    for entry, name in primary.items():
        for word in set(name.upper().replace(",", " ").split()):
            by_word.setdefault(word, []).append(entry)
    for entry, name in chance.sample(alias, count):
        kind = "person" if is_person[entry] else "other"
        yield f"ofac_alias_{kind}", "1", primary[entry], name
        words = [w for w in name.upper().replace(",", " ").split() if 1 < len(by_word.get(w, [])) < 200]
        near = [e for w in words for e in by_word[w] if e != entry]
        if near:
            yield f"ofac_shared_word_{kind}", "0", primary[chance.choice(near)], name
        yield f"ofac_stranger_{kind}", "0", primary[chance.choice([e for e in chance.sample(list(primary), 5) if e != entry])], name


def ours(program, pairs):
    lines = "".join("\t".join(pair) + "\n" for pair in pairs)
    *scores, took_us = subprocess.run([program], input=lines, capture_output=True, check=True, text=True).stdout.split()
    return [float(score) for score in scores], float(took_us) / 1e6


def peers(pairs, is_person):
    """(name, scores, seconds) of nomenklatura's two scorers, which also learn what we do not: whether a name is a person's."""
    try:
        from followthemoney import model
        from nomenklatura.matching import get_algorithm
        from nomenklatura.matching.types import ScoringConfig
    except ImportError:
        print("the peer is not installed (script/bench --install)")
        return

    def entity(number, name, person):
        return model.get_proxy({"id": f"n{number}", "schema": "Person" if person else "Company", "properties": {"name": [name]}})

    entities = [(entity(2 * i, a, person), entity(2 * i + 1, b, person))
                for i, ((_, _, a, b), person) in enumerate(zip(pairs, is_person))]
    config = ScoringConfig.defaults()
    for name in ["logic-v1", "logic-v2"]:
        algorithm = get_algorithm(name)
        for a, b in entities[:50]:  # loads its tables
            algorithm.compare(a, b, config)
        begin = time.perf_counter()
        scores = [100 * algorithm.compare(a, b, config).score for a, b in entities]
        yield f"nomenklatura {name}", scores, time.perf_counter() - begin


def measures(pairs, scores, threshold):
    hit = [score >= threshold for score in scores]
    found = sum(h for h, pair in zip(hit, pairs) if pair[1] == "1")
    false = sum(h for h, pair in zip(hit, pairs) if pair[1] == "0")
    real = sum(pair[1] == "1" for pair in pairs)
    precision = found / (found + false) if found + false else 0.0
    recall = found / real if real else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if found else 0.0


def tell(name, who, pairs, scores, took_s):
    print(f"\n{name}, {who}: {len(pairs)} pairs, {took_s / len(pairs) * 1e6:.1f} µs a pair")
    print("  threshold  precision  recall     F1")
    results = {t: measures(pairs, scores, t) for t in THRESHOLDS}
    for threshold, (precision, recall, f1) in results.items():
        print(f"  {threshold:9}  {precision:9.3f}  {recall:6.3f}  {f1:5.3f}")
    best = max(results, key=lambda t: results[t][2])
    kinds = {}
    for pair, score in zip(pairs, scores):
        right = None if pair[1] == "-" else (score >= best) == (pair[1] == "1")
        kinds.setdefault(f"{pair[0]} ({pair[1]})", []).append((right, score))
    print(f"  at {best}, by kind: right of all, mean score")
    for kind, judged in sorted(kinds.items()):
        right = "     -" if judged[0][0] is None else f"{sum(r for r, _ in judged):4}/{len(judged)}"
        print(f"    {kind:28} {right:>9}  {sum(s for _, s in judged) / len(judged):5.1f}")
    return {"threshold": best, "precision": round(results[best][0], 4), "recall": round(results[best][1], 4),
            "f1": round(results[best][2], 4), "f1_at_80": round(results[80][2], 4), "us_per_pair": round(took_s / len(pairs) * 1e6, 1)}


def main(program, *paths):
    sets = {pathlib.Path(path).stem: read_pairs(path) for path in paths}
    data = os.environ.get("FUQI_DATA")
    if data and (pathlib.Path(data) / "sanctions" / "sdn.csv").is_file():
        sets["ofac"] = list(ofac_pairs(pathlib.Path(data) / "sanctions"))
    else:
        print("ofac: skipped: no data")
    for name, pairs in sets.items():
        own = tell(name, "ours", pairs, *ours(program, pairs))
        result = {"name": f"screening_{name}", "ours": own}
        is_person = [not kind.startswith("firm") and not kind.endswith("_other") for kind, *_ in pairs]
        others = {who: tell(name, who, pairs, scores, took_s) for who, scores, took_s in peers(pairs, is_person)}
        if others:
            best = max(others, key=lambda who: others[who]["f1"])
            result |= {"peers": others, "ratio_f1": round(own["f1"] / others[best]["f1"], 2),
                       "ratio_speed": round(others[best]["us_per_pair"] / own["us_per_pair"], 1)}
        print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
