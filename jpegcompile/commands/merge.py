"""The verb `merge`: results of parts of a folder, or of a benchmark, as one result."""

from __future__ import annotations

from pathlib import Path

from jpegcompile.commands.bench_page import benchmark_page
from jpegcompile.commands.compare_page import comparison_page
from jpegcompile.commands.images import warn
from jpegcompile.commands.options import verb_command
from jpegcompile.commands.result_options import refuse_two_forms, show_result
from jpegcompile.commands.verify_page import verification_page
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation import merge as merging
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.verification import Verification
from jpegcompile.messages import Message
from jpegcompile.results.table import Page


@verb_command("merge")
def merge(
    results: tuple[Path, ...],
    nodes: int,
    changes: int,
    max_drop: float | None,
    json: bool,
    markdown: bool,
) -> None:
    """Merge the results, show them and fail if the check fails."""
    refuse_two_forms(as_json=json, as_markdown=markdown)
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

    show_result(result.to_json, page, as_json=json, as_markdown=markdown)
    if isinstance(result, Verification):
        verification.require_passed(result)
    elif isinstance(result, Comparison):
        warn(result.warning)
        if max_drop is not None:
            comparison.require_drop(result, max_drop)
