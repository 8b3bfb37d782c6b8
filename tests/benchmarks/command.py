"""Options, loops over networks, and tables that benchmarks of networks share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jpegcompile.evaluation.benchmark.record import Record, parser_for


class Named(Protocol):
    """Something that an option selects by name."""

    @property
    def name(self) -> str:
        """Name in options and tables."""


Network = TypeVar("Network", bound=Named)
Result = dict[str, Any]


def network_parser(
    text: str | None, names: Sequence[str], *, chosen: Sequence[str] | None = None, rounds: int = 5
) -> argparse.ArgumentParser:
    """Return a parser with the options of benchmarks of networks.

    Args:
        text: docstring of the module; its first line describes the command.
        names: networks that the command knows.
        chosen: networks that it measures by default; all of them if not given.
        rounds: default of `--rounds`.
    """
    parser = parser_for(text, rounds=rounds)
    add_network_options(parser, names, chosen)
    return parser


def add_network_options(
    parser: argparse.ArgumentParser, names: Sequence[str], chosen: Sequence[str] | None = None
) -> None:
    """Add `CACHE` and `--network`; see `network_parser` for the arguments."""
    parser.add_argument("cache", type=Path, metavar="CACHE", help="folder for the networks")
    parser.add_argument("--network", type=names_among(names), default=list(chosen or names))


def add_timing_options(parser: argparse.ArgumentParser) -> None:
    """Add `--threads` and `--seconds`, as `jpegcompile bench` has them."""
    parser.add_argument("--threads", type=positive_numbers, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.25)


def measure_networks(
    benchmark: str,
    networks: Sequence[Network],
    measured: Callable[[Network, argparse.Namespace], Iterable[Result]],
    arguments: argparse.Namespace,
    rows_of: Callable[[Result], Iterable[Mapping[str, Any]]] = lambda result: [result],
) -> list[Result]:
    """Measure the selected networks, and write the record anew after each result.

    Args:
        benchmark: name of the benchmark, for the record.
        networks: networks that the command knows.
        measured: yields the results of one network.
        arguments: options of the command line.
        rows_of: returns the rows of a result in the record.
    """
    arguments.cache.mkdir(parents=True, exist_ok=True)
    settings = {
        name: getattr(arguments, name) for name in ("rounds", "seconds") if hasattr(arguments, name)
    }
    results: list[Result] = []
    rows: list[Mapping[str, Any]] = []
    for network in networks:
        if network.name not in arguments.network:
            continue
        for result in measured(network, arguments):
            results.append(result)
            rows += rows_of(result)
            if arguments.json is not None:
                Record(benchmark, rows, settings).write(arguments.json)
    return results


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def names_among(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return the type of an option with names out of `known`, separated by commas."""

    def convert(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is not one of {', '.join(known)}")
        return names

    return convert


def positive_numbers(text: str) -> list[int]:
    """Convert the text of an option with whole numbers from 1, separated by commas."""
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' contains a number below 1")
    return numbers
