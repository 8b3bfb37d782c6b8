"""Merge results of parts of a folder, or of a benchmark, into one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from os import PathLike
from pathlib import Path
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.results import KIND, Benchmark
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.verification import Verification
from jpegcompile.files import read_json
from jpegcompile.messages import Message
from jpegcompile.results.merging import require_different_inputs

Result = Verification | Comparison | Benchmark
_KINDS: dict[str, type[Verification] | type[Comparison] | type[Benchmark]] = {
    Verification.kind: Verification,
    Comparison.kind: Comparison,
    KIND: Benchmark,
}


def merge(results: Sequence[Result | str | PathLike[str]]) -> Result:
    """Merge results into one result.

    Args:
        results: at least one result; all must be of one kind. Results of `verify` or `compare` are
            for parts of the same images, results of `bench` for different batch sizes or numbers of
            threads. A path names a file with the --json output of such a verb.

    Raises:
        UsageError: if there are no results, the kinds differ, or the results cannot be merged.
        AccessError: if a file cannot be read.
    """
    read = [_read(Path(one)) if isinstance(one, str | PathLike) else one for one in results]
    if not read:
        text = "there are no results to merge; give at least one"
        raise UsageError(Message("merge-without-results", text))
    kinds = sorted({type(result).__name__.lower() for result in read})
    if len(kinds) > 1:
        text = (
            f"the results are of different kinds, {' and '.join(kinds)}; give results of one kind"
        )
        raise UsageError(Message("merge-kinds-differ", text))
    # The kinds are the same, so each result merges with the next.
    merge_two: Callable[[Any, Any], Result] = type(read[0]).merge
    merged = reduce(merge_two, read)
    # Neighbors were compared while merging; the first part may come again as the third.
    require_different_inputs(getattr(result, "inputs_digest", "") for result in read)
    return merged


def _read(path: Path) -> Result:
    """Read the --json output of verify, compare or bench.

    Args:
        path: path of the file.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if it contains something else.
    """
    data = read_json(path, "a result")
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        text = (
            f"{path}: is not a result of verify, compare or bench of this version; give their"
            " --json output"
        )
        raise UsageError(Message("result-of-no-kind", text))
    try:
        return _KINDS[kind].from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{path}: is not a {kind} of this version: {error}; run the command again"
        raise UsageError(Message("result-malformed", text)) from error
