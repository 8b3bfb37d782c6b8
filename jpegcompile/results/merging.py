"""Shared parts of merging results: shards, the order of files, and errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.results.record import Record


@dataclass(frozen=True)
class Models(Record):
    """The two models of a result.

    Attributes:
        source_sha256: SHA-256 of the source model's file.
        compiled_sha256: SHA-256 of the compiled model's metadata.
    """

    source_sha256: str
    compiled_sha256: str

    @classmethod
    def of(cls, info: CompiledInfo) -> Models:
        """Return the models for the metadata of a compiled model."""
        text = dumps(info.to_json(), sort_keys=True)
        return cls(info.source_sha256, sha256(text.encode()).hexdigest())


@dataclass(frozen=True, order=True)
class Shard(Record):
    """One of several equal parts of the sorted files of a folder.

    Attributes:
        index: number of the part, from 1 on.
        count: number of parts.
    """

    index: int
    count: int

    @classmethod
    def of(cls, given: Shard | str | tuple[int, int]) -> Shard:
        """Read a shard from "I/N" or a pair.

        Raises:
            UsageError: if `given` is not two whole numbers with 1 <= I <= N.
        """
        if isinstance(given, Shard):
            given = (given.index, given.count)
        parts = given.split("/") if isinstance(given, str) else [str(part) for part in given]
        if len(parts) == 2 and all(part.strip().isdecimal() for part in parts):
            index, count = map(int, parts)
            if 1 <= index <= count:
                return cls(index, count)
        raise UsageError(
            Message(
                "shard-malformed",
                f"shard is '{'/'.join(parts)}'; give I/N, two whole numbers with I from 1 to N",
            )
        )

    def __str__(self) -> str:
        """Return the form that users type."""
        return f"{self.index}/{self.count}"


def file_order(file: str | Path) -> tuple[str, ...]:
    """Return a key that sorts files folder by folder, as in listings."""
    return Path(file).parts


def selected(
    found: Sequence[Path], files: Iterable[str | Path] | None, shard: Shard | None
) -> frozenset[Path]:
    """Return some of the files of a folder.

    Args:
        found: all image files of the folder.
        files: files to choose; None for all files.
        shard: shard of the chosen files, sorted by path; None for all of them. Shard I of N
            contains the files number I, I + N, I + 2 N and so on.

    Raises:
        UsageError: if one of `files` is not in `found`, or the result is empty.
    """
    wanted = sorted(found, key=file_order)
    if files is not None:
        named = {Path(file) for file in files}
        other = sorted(named - set(found), key=file_order)
        if other:
            text = f"{other[0]}: is not a file of the folder; give files that are in it"
            raise UsageError(Message("file-outside-folder", text))
        wanted = [file for file in wanted if file in named]
    if shard is not None:
        total = len(wanted)
        wanted = wanted[shard.index - 1 :: shard.count]
        if not wanted:
            text = f"shard {shard} is empty: there are {total} files; use fewer shards"
            raise UsageError(Message("shard-empty", text))
    if not wanted:
        raise UsageError(Message("no-files-named", "no files are named; give at least one"))
    return frozenset(wanted)


def merged_shards(first: Sequence[Shard], second: Sequence[Shard]) -> tuple[Shard, ...]:
    """Return the shards of two results; an empty tuple if they cover the whole folder.

    Raises:
        UsageError: if a shard is in both results, or the results are parts of different splits.
    """
    if bool(first) != bool(second):
        text = "one result is a shard and the other is not; merge the shards of one split"
        raise UsageError(Message("merge-shard-with-whole", text))
    if len({shard.count for shard in (*first, *second)}) > 1:
        text = f"shards {first[0]} and {second[0]} are parts of different splits; use the same N"
        raise UsageError(Message("merge-shard-counts-differ", text))
    twice = set(first) & set(second)
    if twice:
        text = f"shard {min(twice)} is in both results; give each shard once"
        raise UsageError(Message("merge-shard-twice", text))
    both = tuple(sorted((*first, *second)))
    return () if both and len(both) == both[0].count else both


def require_same(what: str, first: Any, second: Any) -> None:
    """Raise an error if two results differ in a property that all parts must share.

    Args:
        what: name of the property in messages.
        first: property of the first result.
        second: property of the second result.

    Raises:
        UsageError: if the properties differ.
    """
    # `repr` also treats NaN as equal to NaN.
    if first != second and repr(first) != repr(second):
        text = (
            f"the results differ in {what} ({_short(first)} and {_short(second)}), so they cannot"
            " be merged; create all parts with the same models and options"
        )
        raise UsageError(Message("merge-results-differ", text))


def evidence_lacks() -> UsageError:
    """Return the error for a result without the evidence that merging needs."""
    text = "a result lacks its evidence, which merging needs; run the command again to get it"
    return UsageError(Message("merge-without-evidence", text))


def merged_skipped(first: Sequence[Skipped], second: Sequence[Skipped]) -> tuple[Skipped, ...]:
    """Return the skipped files of both results in file order."""
    return tuple(sorted((*first, *second), key=lambda skipped: file_order(skipped.file)))


def merged_ignored(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Return the ignored folders of both results."""
    return {**first, **second}


def exact_sum(parts: Iterable[float]) -> tuple[float, ...]:
    """Return a few floats whose exact sum is the sum of `parts`.

    The first float is the rounded sum, the second is the rounded rest, and so on until the rest is
    zero. So sums of sums are exact, and do not depend on the grouping of the terms. The result is
    (inf,) if the sum is infinite or NaN.
    """
    rest = list(parts)
    total: list[float] = []
    while True:
        try:
            step = math.fsum(rest)
        except (OverflowError, ValueError):
            return (math.inf,)
        if not math.isfinite(step):
            return (math.inf,)
        if step == 0.0:
            return tuple(total)
        total.append(step)
        rest.append(-step)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
