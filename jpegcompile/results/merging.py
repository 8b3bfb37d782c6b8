"""Shared parts of merging results: shards, the order of files, and errors."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any, get_args

from jpegcompile.errors import UsageError
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError, Skipped
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.results.record import Record
from jpegcompile.whole_numbers import whole_number


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


@dataclass(frozen=True)
class RunOptions(Record):
    """Options that decide which files count, how they run, and what skipped files mean.

    Attributes:
        native: whether native kernels ran.
        tolerant: whether damaged files were read as far as possible.
        fallback: what was done with files that have no usable coefficients.
        on_error: what was done with unusable files. In a merged result, the last of "stop", "skip"
            and "report" that a part has.
    """

    native: bool
    tolerant: bool
    fallback: Fallback
    on_error: OnError


def merged_options(first: RunOptions | None, second: RunOptions | None) -> RunOptions | None:
    """Return the options of both results.

    Raises:
        UsageError: if they differ in more than in `on_error`.
    """
    if first is None or second is None:
        require_same("the options", first, second)
        return None
    given = {first.on_error, second.on_error}
    on_error = max(given, key=get_args(OnError).index)
    one, other = (replace(options, on_error=on_error) for options in (first, second))
    require_same("the options", one, other)
    return one


@dataclass(frozen=True, order=True)
class Shard(Record):
    """One of several equal parts of the sorted files of a folder.

    Attributes:
        index: number of the part, from 1 on.
        count: number of parts.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: unless 1 <= index <= count.
        """
        if not 1 <= self.index <= self.count:
            raise ValueError(f"there is no shard {self.index}/{self.count}")

    @classmethod
    def of(cls, given: Shard | str | tuple[int, int]) -> Shard:
        """Read a shard from "I/N" or a pair.

        Raises:
            UsageError: if `given` is not two whole numbers with 1 <= I <= N.
        """
        if isinstance(given, Shard):
            return given
        named = given if isinstance(given, str) else "/".join(map(str, given))
        numbers = [whole_number(part.strip()) for part in named.split("/")]
        match numbers:
            case [int(index), int(count)] if 1 <= index <= count:
                return cls(index, count)
        text = f"shard is '{_short(named)}'; give I/N, two whole numbers with I from 1 to N"
        raise UsageError(Message("shard-malformed", text))

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


def digest_of(names: Iterable[str | Path]) -> str:
    """Return a number in hexadecimal that identifies a set of inputs by their names.

    It is the sum of the SHA-256 of the absolute paths, so the digest of two disjoint sets together
    is the sum of their digests.
    """
    paths = (os.path.abspath(name).encode(errors="surrogateescape") for name in names)
    return _hexadecimal(sum(int(sha256(path).hexdigest(), 16) for path in paths))


def require_digest(text: str) -> None:
    """Check what a file has in place of a digest.

    Raises:
        ValueError: if it is neither 64 hexadecimal digits nor empty.
    """
    if text and not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("inputs_digest is no digest")


def merged_digests(first: str, second: str) -> str:
    """Return the digest of the inputs of two results; empty if one has none.

    Raises:
        UsageError: if they are the same inputs.
    """
    require_different_inputs([first, second])
    if not first or not second:
        return ""
    return _hexadecimal(int(first, 16) + int(second, 16))


def require_different_inputs(digests: Iterable[str]) -> None:
    """Refuse results of the same inputs.

    Args:
        digests: of the inputs of each result; empty where they are unknown.

    Raises:
        UsageError: if two digests are equal.
    """
    counts = Counter(digest for digest in digests if digest)
    if any(count > 1 for count in counts.values()):
        text = "two results are of the same inputs; give the result of each part once"
        raise UsageError(Message("merge-inputs-twice", text))


def _hexadecimal(number: int) -> str:
    return f"{number % 2**256:064x}"


def require_same(what: str, first: Any, second: Any) -> None:
    """Raise an error if two results differ in a property that all parts must share.

    Args:
        what: name of the property in messages.
        first: property of the first result.
        second: property of the second result.

    Args:
        what: they must not differ in.
        first: of one result; of records, the first field that differs is named.
        second: of the other result.

    Raises:
        UsageError: if the properties differ.
    """
    # `repr` also treats NaN as equal to NaN.
    if first != second and repr(first) != repr(second):
        if is_dataclass(first) and type(first) is type(second):
            for field in fields(first):
                pair = (getattr(one, field.name) for one in (first, second))
                require_same(f"{what}, {field.name}", *pair)
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
