"""What the command lines of benchmarks of networks share: options, networks in turn, tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """What options choose by its name."""

    @property
    def name(self) -> str:
        """For options and tables."""


Network = TypeVar("Network", bound=Named)


def parser_of(
    text: str | None, names: Sequence[str], *, chosen: Sequence[str] | None = None, repeats: int = 5
) -> argparse.ArgumentParser:
    """Options that benchmarks of networks have.

    Args:
        text: of the module; its first line describes the command.
        names: of the networks that it takes.
        chosen: those of them that are measured if none are given; all if not given.
        repeats: rounds that are measured if it is not given.
    """
    parser = argparse.ArgumentParser(description=(text or "").splitlines()[0])
    parser.add_argument("cache", type=Path, metavar="CACHE", help="folder for the networks")
    parser.add_argument("--network", type=names_of(names), default=list(chosen or names))
    parser.add_argument("--threads", type=numbers_of, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    return parser


def results_of(
    networks: Sequence[Network],
    measured: Callable[[Network, argparse.Namespace], Iterable[dict[str, Any]]],
    arguments: argparse.Namespace,
    to_json: Callable[[list[dict[str, Any]]], Any] = lambda results: results,
) -> list[dict[str, Any]]:
    """What is measured of the chosen networks; the file is written again after each result."""
    arguments.cache.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    for network in networks:
        if network.name not in arguments.network:
            continue
        for result in measured(network, arguments):
            results.append(result)
            if arguments.json is not None:
                text = json.dumps(to_json(results), indent=2)
                arguments.json.write_text(text, encoding="utf-8")
    return results


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """The type of an option that takes some of the names `known`, with commas between."""

    def convert(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return names

    return convert


def numbers_of(text: str) -> list[int]:
    """The type of an option that takes whole numbers from 1 on, with commas between."""
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' holds a number below 1")
    return numbers
