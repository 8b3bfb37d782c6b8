"""The verb `merge`: results of parts of a folder, or of a benchmark, as one result."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.bench_page import benchmark_page
from jpegcompile.commands.compare_page import comparison_page
from jpegcompile.commands.images import warn
from jpegcompile.commands.options import FROM_0, NOT_NEGATIVE, json_option
from jpegcompile.commands.result_options import markdown_option, refuse_two_forms, show_result
from jpegcompile.commands.verify_page import verification_page
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation import merge as merging
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.verification import Verification
from jpegcompile.messages import Message
from jpegcompile.results.table import Page


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
    result = merging.merge(results)
    if max_drop is not None and not isinstance(result, Comparison):
        text = "--max-drop is for results of compare; leave it out"
        raise UsageError(Message("drop-of-other-results", text))

    def page() -> Page:
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
