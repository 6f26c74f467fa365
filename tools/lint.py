"""Runs clang-tidy-19 over the files of a compile database, in parallel, skipping what passed before.

    tools/lint.py BUILD_DIR [FILE…]

A pass is remembered under a hash of everything that decides it: the linter's version, .clang-tidy, the compile command, the file and
all headers of the tree that it includes, directly or not. The memory is build/lint, or $FUQI_LINT_CACHE.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
# Where a copy too many costs nobody anything, a file is all of its program, and the sanitizers see every path that there is.
TEST = re.compile(r"_(test|bench|fuzz)\.cc$")
TEST_CHECKS = "--checks=-performance-*,-clang-analyzer-*,-google-build-using-namespace"
PLACE = r"^(?=/[^:\n]+:\d+:\d+: (?:error|warning): )"  # what a finding begins with
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def headers(path: Path, seen: set[Path]) -> None:
    """Adds `path` and every file of the tree that it includes to `seen`."""
    if path in seen:
        return
    seen.add(path)
    for name in INCLUDE.findall(path.read_bytes()):
        for folder in (path.parent, ROOT / "src"):
            header = folder / name.decode()
            if header.is_file():
                headers(header, seen)
                break


def key(entry: dict, version: bytes) -> str:
    seen: set[Path] = set()
    headers(Path(entry["file"]), seen)
    state = hashlib.sha256(version + (ROOT / ".clang-tidy").read_bytes() + Path(__file__).read_bytes())
    state.update(entry["command"].replace(str(ROOT), "").encode())
    for path in sorted(seen):
        state.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def lint(build: Path, file: str) -> list[str]:
    """Gives the linter's findings, each with its place first."""
    checks = [TEST_CHECKS] if TEST.search(file) else []
    run = subprocess.run(
        [TIDY, "--quiet", "-p", str(build), "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wthread-safety", *checks, file],
        capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return []
    said = [finding for finding in re.split(PLACE, run.stdout, flags=re.MULTILINE) if finding.strip()]
    if not said:
        return [f"{file}: {TIDY} ended with {run.returncode}\n{run.stderr}"]
    # The analyzer follows calls into libraries' headers, which are not ours to mend; what Clang cannot parse there it has not looked at.
    return [finding for finding in said
            if not finding.startswith("/") or finding.startswith(f"{ROOT}/") or "[clang-diagnostic-error]" in finding]


def main() -> int:
    build = Path(sys.argv[1])
    wanted = {str(Path(name).resolve()) for name in sys.argv[2:]}
    memory = Path(os.environ.get("FUQI_LINT_CACHE", ROOT / "build" / "lint"))
    memory.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        entry["command"] = shlex.join(entry["arguments"]) if "arguments" in entry else entry["command"]
        path = Path(entry["file"])
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build") and (not wanted or str(path) in wanted):
            entries[str(path)] = entry
    unknown = wanted - entries.keys()
    if unknown:
        print("no compile command for", *sorted(unknown), file=sys.stderr)
        return 2
    todo = [(file, memory / key(entry, version)) for file, entry in sorted(entries.items())]
    todo = [(file, stamp) for file, stamp in todo if not stamp.exists()]
    started = time.monotonic()
    told: set[str] = set()  # a finding in a header is made once for each file that includes it
    bad = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (_, stamp), findings in zip(todo, pool.map(lambda item: lint(build, item[0]), todo)):
            if not findings:
                stamp.touch()
                continue
            bad += 1
            for finding in findings:
                if finding not in told:
                    told.add(finding)
                    print(finding, end="", flush=True)
    print(f"lint: {len(entries)} files, {len(todo)} looked at in {time.monotonic() - started:.0f} s, {bad} with findings",
          file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
