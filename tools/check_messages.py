#!/usr/bin/env python3
"""Holds the texts of the code against the Chinese catalogues: check_messages.py [ROOT]

A text is the first string literal given to Tr, to UserText, or to a function that takes a MessageTemplate (Err and its wrappers; found
by their declarations). Fails when a text has no Chinese form, when a catalogue entry is used nowhere, when two catalogues differ on an
entry, and when the placeholders of the two forms differ.
"""

import pathlib
import re
import sys
import tomllib

# Order matters: comments and raw strings before what they may contain.
TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<raw>     (?:u8)?R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)" )
  | (?P<string>  (?:u8)?"(?:[^"\\\n]|\\.)*" )
  | (?P<char>    (?<![0-9a-zA-Z_])'(?:[^'\\\n]|\\.)+' )
  | (?P<name>    [A-Za-z_]\w* )
  | (?P<number>  \d[\w.']* )
  | (?P<space>   \s+ )
  | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", '"': '"', "'": "'", "\\": "\\", "?": "?"}
MARKERS = {"Tr", "UserText"}
NOT_SHIPPED = re.compile(r"_(test|property_test|stat_test|fuzz|bench)\.(cc|h)$")


def literal_text(token):
    kind, text = token
    if kind == "raw":
        mark = text[text.index('"') + 1 : text.index("(")]
        return text[text.index("(") + 1 : -len(mark) - 2]

    def unescape(match):
        body = match.group(1)
        if body[0] in "xuU":
            return bytes([int(body[1:], 16)]).decode() if body[0] == "x" else chr(int(body[1:], 16))
        return ESCAPES[body]

    return re.sub(
        r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", unescape, text[text.index('"') + 1 : -1]
    )


def tokens_of(path):
    """(kind, text, line) of everything but space and comments."""
    source = path.read_text(encoding="utf-8")
    line = 1
    for match in TOKEN.finditer(source):
        if match.lastgroup not in ("comment", "space") and match.group("mark") is None:
            yield match.lastgroup, match.group(), line
        elif match.group("raw") is not None:
            yield "raw", match.group(), line
        line += match.group().count("\n")


def arguments(tokens, at):
    """The tokens of each argument of the call whose "(" is at `at`, and the index after its ")"."""
    found, depth = [[]], 0
    for i in range(at, len(tokens)):
        text = tokens[i][1] if tokens[i][0] == "other" else ""
        if text in ("(", "[", "{") and text:
            depth += 1
            if depth == 1:
                continue
        elif text in (")", "]", "}") and text:
            depth -= 1
            if depth == 0:
                return found, i + 1
        if depth == 1 and text == ",":
            found.append([])
        else:
            found[-1].append(tokens[i])
    return found, len(tokens)


def calls(tokens, names):
    """(argument tokens, line) of every call of one of `names`."""
    for i, (kind, text, line) in enumerate(tokens[:-1]):
        if kind == "name" and text in names and tokens[i + 1][1] == "(":
            yield arguments(tokens, i + 1)[0], line


def declared_wrappers(tokens):
    """Names of functions declared with a MessageTemplate parameter."""
    for i, (kind, text, _) in enumerate(tokens[:-1]):
        if kind == "name" and tokens[i + 1][1] == "(" and text != "MessageTemplate":
            for argument in arguments(tokens, i + 1)[0]:
                if [t[1] for t in argument[:2] if t[0] == "name"][:1] == ["MessageTemplate"] and len(argument) == 2:
                    yield text


def texts_of(files):
    """Text → "file:line" of its first use."""
    streams = {path: list(tokens_of(path)) for path in files}
    names = set(MARKERS)
    for tokens in streams.values():
        names.update(declared_wrappers(tokens))
    texts = {}
    for path, tokens in streams.items():
        for args, line in calls(tokens, names):
            for argument in args:
                if argument and all(kind in ("string", "raw") for kind, _, _ in argument):
                    text = "".join(literal_text(token[:2]) for token in argument)
                    texts.setdefault(text, f"{path}:{line}")
                    break
    return texts


def placeholders(template):
    """Indices of the arguments that a template shows."""
    shown, following = set(), 0
    for index in re.findall(r"\{(\d*)[^{}]*\}", template.replace("{{", "").replace("}}", "")):
        shown.add(int(index) if index else following)
        following += 0 if index else 1
    return shown


def check(root):
    files = sorted(p for p in (root / "src").rglob("*") if p.suffix in (".h", ".cc") and not NOT_SHIPPED.search(p.name))
    texts = texts_of(files)
    problems = []
    chinese = {}
    for catalogue in sorted((root / "i18n" / "zh").glob("*.toml")):
        for english, translated in tomllib.loads(catalogue.read_text(encoding="utf-8")).items():
            name = catalogue.relative_to(root)
            if not isinstance(translated, str):
                problems.append(f"{name}: {english!r} is no text: a key with dots must be quoted")
            elif english in chinese and chinese[english] != translated:
                problems.append(f"{name}: {english!r} differs from another catalogue's form")
            elif english not in texts:
                problems.append(f"{name}: {english!r} is used nowhere")
            elif placeholders(english) != placeholders(translated):
                problems.append(f"{name}: {english!r}: the placeholders of the two forms differ")
            chinese[english] = translated
    for english, place in texts.items():
        if english not in chinese:
            problems.append(f"{pathlib.Path(place).relative_to(root)}: no Chinese form of {english!r}")
    return problems, len(texts)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    problems, count = check(root)
    print("\n".join(problems + [f"{count} texts, {len(problems)} problems"]))
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
