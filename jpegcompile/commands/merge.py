"""The verb `merge`: results of parts of a folder, or of a benchmark, as one result."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.bench_page import benchmark_page
from jpegcompile.commands.compare import comparison_page
from jpegcompile.commands.images import warn
from jpegcompile.commands.options import FROM_0, NOT_NEGATIVE, json_option
from jpegcompile.commands.result_options import markdown_option, refuse_two_forms, show_result
from jpegcompile.commands.verify import verification_page
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.benchmark.results import KIND, Benchmark
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.verification import Verification
from jpegcompile.files import read_json
from jpegcompile.messages import Message

Result = Verification | Comparison | Benchmark
_KINDS: dict[str, type[Verification] | type[Comparison] | type[Benchmark]] = {
    Verification.kind: Verification,
    Comparison.kind: Comparison,
    KIND: Benchmark,
}


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--nodes", type=FROM_0, default=10, show_default=True, help="Worst nodes to list.")
@click.option("--changes", type=FROM_0, default=10, show_default=True, help="Changes to list.")
@click.option(
    "--max-drop",
    type=NOT_NEGATIVE,
    metavar="POINTS",
    help="Fail (exit 1) if top-1 drops by more percentage points; for results of compare.",
)
@json_option
@markdown_option
def merge(
    results: tuple[Path, ...],
    nodes: int,
    changes: int,
    max_drop: float | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Merge RESULTS, the --json outputs of verify, compare or bench, into one result.

    Results of verify and compare are of parts of the same images, as --shard makes them; the merged
    result is the result of all images. Results of bench are of different batch sizes or numbers of
    threads. The exit code is the exit code that the verb itself would have.
    """
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    result = merged([read_result(path) for path in results])
    if max_drop is not None and not isinstance(result, Comparison):
        text = "--max-drop is for results of compare; leave it out"
        raise UsageError(Message("drop-of-other-results", text))

    def page() -> Any:
        if isinstance(result, Verification):
            return verification_page(result, nodes)
        if isinstance(result, Comparison):
            return comparison_page(result, changes)
        return benchmark_page(result)

    show_result(result.to_json, page, as_json=as_json, as_markdown=as_markdown)
    if isinstance(result, Verification):
        verification.require_passed(result)
    elif isinstance(result, Comparison):
        warn(result.warning)
        if max_drop is not None:
            comparison.require_drop(result, max_drop)


def read_result(path: Path) -> Result:
    """Read the --json output of verify, compare or bench.

    Args:
        path: of the file.

    Raises:
        AccessError: if the file cannot be read.
        UsageError: if it contains something else.
    """
    data = read_json(path, "a result")
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in _KINDS:
        text = f"{path}: is not a result of verify, compare or bench; give their --json output"
        raise UsageError(Message("result-of-no-kind", text))
    try:
        return _KINDS[kind].from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{path}: is not a {kind} of this version: {error}; run the command again"
        raise UsageError(Message("result-malformed", text)) from error


def merged(results: list[Result]) -> Result:
    """Return all results as one.

    Args:
        results: of one kind, one at least.

    Raises:
        UsageError: if the kinds differ, or the results cannot be merged.
    """
    kinds = sorted({type(result).__name__.lower() for result in results})
    if len(kinds) > 1:
        text = f"the results are of different kinds, {' and '.join(kinds)}; give results of one"
        raise UsageError(Message("merge-kinds-differ", text))
    # The kinds are the same, so each result merges with the next.
    merge_two: Callable[[Any, Any], Result] = type(results[0]).merge
    return reduce(merge_two, results)
