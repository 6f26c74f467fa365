"""Rules about the text of the tree that no compiler knows.

    tools/tidy.py [ROOT]

 - no mark of a thing left to do: that is an issue, not a comment
 - a file of code has at most 900 lines
 - no path of somebody's machine, no host of a package registry
 - nothing of ours throws
 - a mark SECURITY names the tests that notice if its line goes, and they exist
 - a document uses the words of docs/glossary.md, and not the synonyms banned there
"""

import re
import subprocess
import sys
from pathlib import Path

LINES_MAX = 900
CODE = {".cc", ".h", ".py", ".sh", ".cmake", ".txt", ".toml", ".sql", ""}
# Written so that this file does not hold what it looks for.
EVERYWHERE = [
    (re.compile(r"\b(?:FIX" + r"ME|TO" + r"DO)\b"), "what is not done is an issue, not a comment"),
    (re.compile(r"(?<![\w.])/(?:home|root|work|Users)" + r"/\w"), "a path of somebody's machine"),
    (re.compile(r"\b[\w-]+\.(?:npm" + r"js|pypi|python" + r"hosted|debian|maven|golang|crates)\.(?:org|com|io)\b"
                r"|\b(?:pypi\.org|crates\.io)\b"), "the host of a package registry"),
]
MARK = re.compile(r"^[ \t]*//.*\bSECURITY:.*(?:\n[ \t]*//.*)*", re.MULTILINE)
TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
NAMED = re.compile(r"\b[A-Z]\w*\.[A-Z]\w*\b")
THROW = re.compile(r"^(?!\s*//)[^\"/]*\bthrow\b(?!\(\))")


def files_of(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=True).stdout.decode().split("\0")
    return [root / name for name in sorted(listed) if name and (root / name).is_file()]


def text_of(path: Path) -> str | None:
    """The file's text, None where it is not text."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None


def banned_words(root: Path) -> dict[str, str]:
    """Banned synonym, in lower case → the glossary's word, from the table's third and first column."""
    words = {}
    glossary = root / "docs" / "glossary.md"
    for line in glossary.read_text().splitlines() if glossary.is_file() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not cells[0].startswith(("-", "word")):
            for word in cells[2].split(","):
                if word.strip():
                    words[word.strip().lower()] = cells[0]
    return words


def unkept_marks(texts: dict[Path, str]) -> list[str]:
    """Marks SECURITY in the code that name no test, or one that does not exist."""
    problems = []
    tests = {f"{suite}.{name}" for text in texts.values() for suite, name in TEST.findall(text)}
    for place, text in texts.items():
        for mark in MARK.finditer(text):
            named = NAMED.findall(mark[0])
            number = text.count("\n", 0, mark.start()) + 1
            problems += [f"{place}:{number}: there is no test {name}" for name in named if name not in tests]
            if not named:
                problems.append(f"{place}:{number}: a mark SECURITY names its test")
    return problems


def check(root: Path) -> list[str]:
    problems = []
    code = {}
    banned = banned_words(root)
    for path in files_of(root):
        place = path.relative_to(root)
        text = text_of(path)
        if text is None or "corpus" in place.parts:
            continue
        lines = text.splitlines()
        if path.suffix in (".cc", ".h"):
            code[place] = text
        if path.suffix in CODE and place.parts[0] != "packs" and place.name != "LICENSE" and len(lines) > LINES_MAX:
            problems.append(f"{place}: {len(lines)} lines; split what has more than {LINES_MAX}")
        document = path.suffix == ".md" and place.name != "glossary.md"
        for number, line in enumerate(lines, 1):
            for pattern, why in EVERYWHERE:
                if found := pattern.search(line):
                    problems.append(f"{place}:{number}: “{found[0]}”: {why}")
            if path.suffix in (".cc", ".h") and THROW.search(line):
                problems.append(f"{place}:{number}: nothing of ours throws; give a Result")
            for word, instead in banned.items() if document else ():
                if re.search(rf"\b{re.escape(word)}\b", line.lower()):
                    problems.append(f"{place}:{number}: “{word}”; the glossary's word is “{instead}”")
    return problems + unkept_marks(code)


if __name__ == "__main__":
    found = check(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    print("\n".join(found) or "tidy")
    sys.exit(1 if found else 0)
