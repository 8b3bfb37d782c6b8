"""The page docs/options.md, from the record of the options.

    python -m jpegcompile.options.table [PATH]

writes the page to PATH, by default to `docs/options.md` below the current folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jpegcompile.options.functions import FUNCTIONS
from jpegcompile.options.option import REMOVED_IN, Option, Verb
from jpegcompile.options.verbs import VERBS

_HEAD = """# Options

`python -m jpegcompile.options.table` writes this page from the record in `jpegcompile/options/`,
which also defines the command line and the defaults of the Python functions.

An option of the command line is the Python parameter with dashes: `--input-size` is `input_size=`.
The column *Python* names the parameter. It is empty if only the command line has the option.
"""
_COLUMNS = "| option | Python | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, *(_verb(verb) for verb in VERBS.values()), _functions(), _earlier()]
    return "\n".join(parts)


def _verb(verb: Verb) -> str:
    arguments = " ".join(
        f"{one.name.upper()}..." if one.is_many else one.name.upper() for one in verb.arguments
    )
    line = " ".join(filter(None, ("jpegcompile", verb.name, arguments)))
    rows = "".join(_row(option) for option in verb.options)
    text = "\n\n".join(map(_cell, (verb.summary, *verb.details)))
    return f"## {verb.name}\n\n    {line}\n\n{text}\n\n{_COLUMNS}{rows}"


def _row(option: Option[Any]) -> str:
    flag = f"`{option.spelling}`" if option.place != "python" else ""
    if option.short:
        flag = f"`{option.short}`, {flag}"
    if option.kind == "choice":
        flag += " " + r"\|".join(option.choices)
    elif option.kind != "flag" and flag:
        flag += f" {_cell(option.metavar or 'PATH')}"
    python = f"`{option.name}`" if option.place != "command" else ""
    default = "required" if option.is_required else option.default_words
    return f"| {flag} | {python} | {_cell(default)} | {_cell(option.help)} |\n"


def _functions() -> str:
    """Return the parameters of functions that no verb has."""
    of_verbs = {option.name for verb in VERBS.values() for option in verb.options}
    rows = "".join(
        f"| `{name}` | `{option.name}` | {_cell(option.default_words or str(option.default))} |"
        f" {_cell(option.help)} |\n"
        for name, (_, options) in FUNCTIONS.items()
        for option in options
        if (option.place == "python" and option.name not in {*of_verbs, "progress"})
        or (name == "Session" and option.name == "threads")
    )
    return (
        "## Python only\n\nMost functions also have `progress`, a callback that is called with"
        " (done, total).\n\n| function | parameter | default | meaning |\n|---|---|---|---|\n"
        f"{rows}"
    )


def _earlier() -> str:
    """Return the table of earlier spellings."""
    rows = "".join(f"| {verb} | `{old}` | `{now}` |\n" for verb, old, now in _renamed())
    return (
        f"## Earlier spellings\n\nThese spellings work until version {REMOVED_IN}, with a notice on"
        f" stderr or a `RenamedWarning`.\n\n| where | earlier | now |\n|---|---|---|\n{rows}"
    )


def _renamed() -> Iterator[tuple[str, str, str]]:
    for verb in VERBS.values():
        for option in verb.options:
            for old, now in option.earlier.items():
                yield f"`jpegcompile {verb.name}`", old, now
    for name, (_, options) in FUNCTIONS.items():
        for option in options:
            for old in option.earlier_names:
                yield f"`jpegcompile.{name}`", f"{old}=", f"{option.name}="


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/options.md")
    target.write_text(page(), encoding="utf-8")
