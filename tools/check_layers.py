"""Holds every #include of src/ against the layers that src/*/CMakeLists.txt declare. There is no list of exceptions.

    tools/check_layers.py [ROOT]

A module may include itself and the modules that its DEPS reach; DEPS name strictly lower layers. Tests may also include what TEST_LINK
names. Beyond that some things are absent on purpose (docs/ARCHITECTURE.md, "Absences"): those are checked by name below.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

CALL = re.compile(r"fuqi_module\(\s*(\w+)([^)]*)\)")
KEYWORDS = {"LAYER", "DEPS", "LINK", "SOURCES", "TESTS", "FUZZ", "BENCH", "TEST_LINK"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
IS_TEST = re.compile(r"_(test|fuzz|bench)\.cc$|_test_util\.(h|cc)$")
# fuqi-verify proves integrity with nothing of the node in it.
VERIFIER = ("ledger/verify_main.cc", {"base", "crypto", "ledger"})


@dataclass
class Module:
    layer: int
    deps: set[str]
    test_link: set[str]
    linked: set[str]  # every fuqi_<name> that its CMakeLists.txt speaks of


def read_modules(root: Path) -> dict[str, Module]:
    modules = {}
    for path in sorted((root / "src").glob("*/CMakeLists.txt")):
        text = re.sub(r"#.*", "", path.read_text())
        for name, body in CALL.findall(text):
            words: dict[str, list[str]] = {}
            keyword = ""
            for word in body.split():
                if word in KEYWORDS:
                    keyword = word
                else:
                    words.setdefault(keyword, []).append(word)
            test_link = {word.removeprefix("fuqi_") for word in words.get("TEST_LINK", []) if word.startswith("fuqi_")}
            linked = set(re.findall(r"\bfuqi_(\w+)", text))
            modules[name] = Module(int(words["LAYER"][0]), set(words.get("DEPS", [])), test_link, linked)
    return modules


def reach(name: str, modules: dict[str, Module]) -> set[str]:
    """The modules that `name` may include: itself and all that its DEPS lead to."""
    seen = {name}
    todo = [name]
    while todo:
        for dep in modules[todo.pop()].deps - seen:
            if dep in modules:
                seen.add(dep)
                todo.append(dep)
    return seen


def includes(path: Path) -> list[tuple[int, str, str]]:
    text = path.read_text()
    return [(text.count("\n", 0, match.start(1)) + 1, match[1], match[2]) for match in INCLUDE.finditer(text)]


def check_includes(root: Path, modules: dict[str, Module]) -> list[str]:
    problems = []
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        place, folder = path.relative_to(root), path.relative_to(root / "src").parts[0]
        if folder not in modules:
            problems.append(f"{place}: src/{folder} declares no fuqi_module")
            continue
        allowed = reach(folder, modules)
        if IS_TEST.search(path.name):
            for extra in modules[folder].test_link & modules.keys():
                allowed |= reach(extra, modules)
        for line, quote, name in includes(path):
            module = name.split("/")[0]
            if quote == '"' and "/" not in name:
                problems.append(f'{place}:{line}: includes "{name}"; write "{folder}/{name}"')
            elif quote == '"' and module not in allowed:
                problems.append(f'{place}:{line}: {folder} may not include "{name}": its DEPS do not reach {module}')
            elif Path(name).name in ("duckdb.h", "adbc.h") and folder != "table":
                problems.append(f"{place}:{line}: includes {name}; only src/table may")
            elif re.match(r"boost/(beast|asio)", name) and folder != "node":
                problems.append(f"{place}:{line}: includes {name}; nothing below node knows HTTP")
    return problems


def check_verifier(root: Path) -> list[str]:
    """Follows every include of fuqi-verify's main program, and of the sources beside the headers it reaches."""
    main, allowed = VERIFIER
    source = root / "src"
    if not (source / main).is_file():
        return [f"src/{main}: the program fuqi-verify is gone"]
    problems, seen, todo = [], set(), [source / main]
    while todo:
        path = todo.pop()
        for line, quote, name in includes(path):
            module = name.split("/")[0]
            if quote == '"' and module not in allowed:
                problems.append(f'{path.relative_to(root)}:{line}: fuqi-verify reaches "{name}"')
            for file in (source / name, (source / name).with_suffix(".cc")):
                if quote == '"' and file.is_file() and file not in seen:
                    seen.add(file)
                    todo.append(file)
    return problems


def check(root: Path) -> list[str]:
    modules = read_modules(root)
    problems = []
    for name, module in modules.items():
        for dep in sorted(module.deps):
            if dep not in modules:
                problems.append(f"src/{name}/CMakeLists.txt: depends on {dep}, which is no module")
            elif modules[dep].layer >= module.layer:
                problems.append(f"src/{name}/CMakeLists.txt: layer {module.layer} depends on {dep}, layer {modules[dep].layer}")
        for linked in sorted((module.linked & modules.keys()) - reach(name, modules) - module.test_link):
            problems.append(f"src/{name}/CMakeLists.txt: links fuqi_{linked}, which its DEPS do not reach")
    for name in ("decide", "ledger"):
        if name in modules and "net" in reach(name, modules):
            problems.append(f"src/{name}/CMakeLists.txt: {name} reaches net")
    return problems + check_includes(root, modules) + check_verifier(root)


if __name__ == "__main__":
    found = check(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    print("\n".join(found) or "layers hold")
    sys.exit(1 if found else 0)
