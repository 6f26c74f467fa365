"""IBM's Graph Feature Preprocessor (snapml) on the payments of `decide_load export`: fan-in and fan-out, scatter-gather and temporal
cycles within a day, one thread. Parsing is outside the time.

    graph.py payments.csv WARM_UP BATCH
"""

import csv
import json
import sys
import time

import numpy
from snapml import GraphFeaturePreprocessor

path, warm_up, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, newline="", encoding="utf-8") as file:
    rows = csv.DictReader(file)
    # The preprocessor takes whole numbers for vertices and seconds.
    edges = numpy.array(
        [(i, int(row["payer"][1:]), int(row["payee"][1:]), int(row["ts_us"]) // 1_000_000, int(row["amount_cents"]) / 100)
         for i, row in enumerate(rows)])
DAY = 86_400
graph = GraphFeaturePreprocessor()
graph.set_params({
    "num_threads": 1, "time_window": DAY, "max_no_edges": -1, "vertex_stats": False,
    "fan": True, "fan_tw": DAY, "fan_bins": [1, 2, 3, 4, 8, 16],
    "degree": False,
    "scatter-gather": True, "scatter-gather_tw": DAY, "scatter-gather_bins": [1, 2, 3, 4, 8, 16],
    "temp-cycle": True, "temp-cycle_tw": DAY, "temp-cycle_bins": [2, 3, 4, 5, 6],
    "lc-cycle": False, "lc-cycle_tw": DAY, "lc-cycle_bins": [2, 3], "lc-cycle_len": 6,
})
for first in range(0, warm_up, 4096):
    graph.partial_fit(edges[first:min(first + 4096, warm_up)])
took = 0.0
sums = None
for first in range(warm_up, len(edges), batch):
    part = edges[first:first + batch]
    begin = time.perf_counter()
    out = graph.transform(part)
    took += time.perf_counter() - begin
    found = out[:, part.shape[1]:].sum(axis=0)
    sums = found if sums is None else sums + found
timed = len(edges) - warm_up
print(json.dumps({"name": "graph", "peer": "snapml GraphFeaturePreprocessor", "batch": batch, "steps": timed,
                  "per_s": timed / took, "sums": sums.tolist()}))
