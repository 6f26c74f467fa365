"""Draws what script/bench charts measured: microseconds a decision against accounts, rules and length of windows.

    charts.py MEASURED DIR
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "fuqi", "font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot  # noqa: E402  the back end is chosen before

measured, out = Path(sys.argv[1]), Path(sys.argv[2])
for name, title in [("accounts", "accounts"), ("rules", "rules"), ("longest_days", "days of the longest windows")]:
    runs = [json.loads(line) for line in (measured / name).read_text().splitlines()]
    at = [run[name] for run in runs]
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for column, label, colour in [("p50_us", "p50", "#1f6f8b"), ("p99_us", "p99", "#e07a3f"), ("p999_us", "p99.9", "#8b1f4a")]:
        axes.plot(at, [run[column] for run in runs], marker="o", label=label, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(title)
    axes.set_ylabel("µs a decision")
    axes.set_xticks(at, [f"{value:,}" for value in at])
    axes.minorticks_off()
    axes.grid(True, alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(out / f"{name}.svg", metadata={"Date": None})
    for run in runs:
        print(f'| {run[name]:,} | {run["per_s"]:,.0f} | {run["p50_us"]:.0f} | {run["p99_us"]:.0f} | {run["p999_us"]:.0f} | {run["state_bytes"] / 1e6:,.0f} |')
