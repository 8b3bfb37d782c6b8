"""The record of one option, from which its click option, its Python default and its docs follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

# What a value looks like on the command line:
#   text         any string
#   path         a file or folder
#   flag         present or absent; `--no-NAME` turns off a flag that is on by default
#   share        a number, or the path of images
#   optional     a path; without a value, the word of `choices`
#   choice       one of `choices`
#   integer      a whole number from `least` to `most`
#   number       a finite number from 0 on
#   points       any number; the function checks its range
#   integers     whole numbers from 1 to `most`, separated by commas
#   names        strings, separated by commas
#   frequencies  a whole number from 1 to 15, or one of `choices`
#   plan         the same, or a file of frequencies
Kind = Literal[
    "text",
    "path",
    "flag",
    "share",
    "optional",
    "choice",
    "integer",
    "number",
    "points",
    "integers",
    "names",
    "frequencies",
    "plan",
]
Place = Literal["both", "command", "python"]

# The first version without the earlier spellings.
REMOVED_IN = "0.3"


@dataclass(frozen=True)
class Option(Generic[T]):
    """An option of the command line and of a Python function.

    Attributes:
        name: Python parameter. The option on the command line is the same name with dashes.
        default: value if the user does not set the option.
        help: what the option means, in one or two sentences.
        kind: how the command line reads the value.
        choices: accepted words, for the kinds "choice", "frequencies" and "plan".
        least: smallest whole number.
        most: largest whole number; None for no limit.
        metavar: what the help shows for the value; empty to derive it from `kind`.
        default_text: what the default means, if the value itself does not say it.
        short: short form on the command line, such as "-o".
        is_required: whether the user must set the option.
        place: where the option exists: on the command line, in Python, or on both.
        earlier: earlier spellings on the command line, each with the present spelling.
        earlier_names: earlier names of the Python parameter.
        recorded: field of `CompiledInfo` that stores the value in a compiled file; empty if no
            field does.
    """

    name: str
    default: T
    help: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    least: int = 1
    most: int | None = None
    metavar: str = ""
    default_text: str = ""
    short: str = ""
    is_required: bool = False
    place: Place = "both"
    earlier: Mapping[str, str] = field(default_factory=dict)
    earlier_names: tuple[str, ...] = ()
    recorded: str = ""

    @property
    def flag(self) -> str:
        """The option as a user types it, such as "--input-size"."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def spelling(self) -> str:
        """The option in the help, with its off switch if the flag is on by default."""
        is_on = self.kind == "flag" and self.default is True
        return f"{self.flag}/--no-{self.flag[2:]}" if is_on else self.flag

    @property
    def default_words(self) -> str:
        """The default in words; empty if there is no default to show."""
        if self.default_text:
            return self.default_text
        if self.default is None or self.kind == "flag" or self.default == ():
            return ""
        if isinstance(self.default, tuple):
            return ",".join(map(str, self.default))
        return str(self.default)


@dataclass(frozen=True)
class Argument:
    """A positional argument of a verb.

    Attributes:
        name: Python parameter; the help shows it in capitals.
        is_required: whether the user must give it.
        is_many: whether it accepts several paths.
    """

    name: str
    is_required: bool = True
    is_many: bool = False


@dataclass(frozen=True)
class Section:
    """Related options under one heading of the help."""

    title: str
    options: tuple[Option[Any], ...]


@dataclass(frozen=True)
class Verb:
    """A command: its help, arguments and options.

    Attributes:
        name: name of the command, as a user types it.
        summary: first line of the help.
        arguments: positional arguments.
        sections: options, in the order of the help.
        functions: public Python functions that do the work, the main one first.
        details: further paragraphs of the help.
    """

    name: str
    summary: str
    arguments: tuple[Argument, ...]
    sections: tuple[Section, ...]
    functions: tuple[str, ...]
    details: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[Option[Any], ...]:
        """All options, in the order of the help."""
        return tuple(option for section in self.sections for option in section.options)
