"""The messages of the native reader of JPEG files, from its C++ sources.

A failure of the reader is created from its kind and its text, and sometimes from advice:

    throw ReadError(FailureKind::damaged, "a text with " + std::to_string(number), advice);

Values appear in braces. Texts that other functions return are looked up in these functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

JPEG = Path(__file__).resolve().parents[2] / "jpegcompile" / "jpeg"
_STRING = r'"(?:[^"\\]|\\.)*"'
_FAILURE = re.compile(r"(?:return|ReadError|refuse)\s*[({]\s*(?:FailureKind::)?(\w+),")
_CONSTANT = re.compile(rf"constexpr [\w:* ]+ (\w+) =\s*((?:{_STRING}(?:sv)?\s*)+);")
_FUNCTION = r"^std::string (?:\w+::)?{}\([^\n]*\{{\n(.*?)^\}}"


@cache
def _sources() -> str:
    files = sorted(JPEG.glob("*.cc"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return re.sub(r"^\s*//.*\n", "", text, flags=re.MULTILINE)


def reader_texts(kind: str) -> list[str]:
    """Return the texts of all failures of a kind, as templates.

    Args:
        kind: a value of `FailureKind`.
    """
    source = _sources()
    found = []
    for match in _FAILURE.finditer(source):
        if match[1] == kind:
            cause, *option = _arguments(source[match.end() :])
            advice = [f"; {text}" for part in option for text in _texts(part)] or [""]
            found += [text + end for text in _texts(cause) for end in advice]
    return list(dict.fromkeys(found))


def _arguments(source: str) -> list[str]:
    """Return the arguments up to the bracket that ends the call."""
    return list(_parts(source, ",", is_call=True))


def _parts(source: str, separator: str, *, is_call: bool = False) -> Iterator[str]:
    """Split an expression at a separator outside strings and brackets."""
    depth, start = 0, 0
    for match in re.finditer(rf"{_STRING}|'[^']*'|[(){{}}\[\]]|{re.escape(separator)}", source):
        token = match[0]
        if token in "({[":
            depth += 1
        elif token in ")}]":
            depth -= 1
            if is_call and depth < 0:
                yield source[start : match.start()].strip()
                return
        elif token == separator and depth == 0:
            yield source[start : match.start()].strip()
            start = match.end()
    yield source[start:].strip()


def _texts(expression: str) -> list[str]:
    """Return the possible texts of an expression."""
    if " ? " in expression:
        branches = expression.split(" ? ", 1)[1]
        return [text for part in _parts(branches, ":") for text in _texts(part)]
    texts = [""]
    for term in _parts(expression, "+"):
        texts = [text + more for text in texts for more in _term(term)]
    return texts


def _term(term: str) -> list[str]:
    if term.startswith('"'):
        return ["".join(part[1:-1] for part in re.findall(_STRING, term))]
    name = re.sub(r"^std::string\((.*)\)$", r"\1", term)
    if name.startswith('"'):
        return _term(name)
    variable = re.search(rf"const std::string {re.escape(term)} = (\w[^;]*\));", _sources())
    if variable is not None and not variable[1].endswith(".data()"):
        return _term(variable[1])
    constant = next((m for m in _CONSTANT.finditer(_sources()) if m[1] == name), None)
    if constant is not None:
        return _term(constant[2])
    number = re.fullmatch(r"std::to_string\((.*)\)", name, re.DOTALL)
    if number is not None:
        return _term(number[1])
    call = re.fullmatch(r"(?:\w+\.)?(\w+)\(.*\)", name, re.DOTALL)
    if call is not None and call[1] not in ("data", "message"):
        return _returned(call[1]) or [f"{{{call[1].removesuffix('_of')}}}"]
    words = re.findall(r"[a-z]\w*", name.removesuffix(".data()"))
    return [f"{{{words[-1].strip('_')}}}"] if words else ["{...}"]


def _returned(name: str) -> list[str]:
    """Return the texts that a function returns; none if it is not among the sources."""
    body = re.search(_FUNCTION.format(name), _sources(), re.MULTILINE | re.DOTALL)
    if body is None:
        return []
    values = re.findall(rf"return ((?:{_STRING}|[^;{{}}\"])*);", body[1])
    texts = [text for value in values for text in _texts(value.strip())]
    return [text for text in texts if re.search(r"\w \w", text)]
