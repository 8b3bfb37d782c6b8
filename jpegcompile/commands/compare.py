"""The verb `compare`: accuracy before and after, and the predictions that changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jpegcompile.commands.console import console, counted, new_table, plain, progress_bar
from jpegcompile.commands.images import require_reported, show_left_out, warn
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation.compare import NO_LABELS
from jpegcompile.evaluation.comparison import Accuracy, Comparison, ScoreError
from jpegcompile.evaluation.dataset import has_no_folders
from jpegcompile.jpeg.unusable import OnError


@verb_command("compare")
def compare(
    original: Path,
    compiled: Path,
    images: Path,
    max_drop: float | None,
    changes: int,
    on_error: OnError,
    json: bool,
    **options: Any,
) -> None:
    """Compare, show the result and fail if accuracy drops too far."""
    if max_drop is not None and (
        options["unlabelled"]
        or (options["labels"] is None and has_no_folders(images, options["fallback"]))
    ):
        raise UsageError(NO_LABELS)
    with progress_bar("comparing") as progress:
        result = comparison.compare(
            original, compiled, images, on_error=on_error, progress=progress, **options
        )
    if json:
        print_json(result.to_json())
    else:
        show_comparison(result, changes)
    warn(result.warning)
    if max_drop is not None:
        comparison.require_drop(result, max_drop)
    require_reported(on_error, result.skipped)


def show_comparison(result: Comparison, most_changes: int) -> None:
    """The before/after table and the predictions that changed."""
    out = console()
    if result.before is not None and result.exact is not None and result.after is not None:
        table = new_table("pipeline", "top-1", "top-5", right=(1, 2))
        table.add_row("before: Pillow decode, original model", *_percent(result.before))
        table.add_row(f"        {result.decode} decode, original model", *_percent(result.exact))
        table.add_row("after:  coefficients, compiled model", *_percent(result.after))
        out.print(table)
    agreement = (
        f"{counted(result.images, 'image')}; the same prediction on {100 * result.agreement:.2f} %"
        f" (of the {result.decode} decode: {100 * result.agreement_exact:.2f} %)"
    )
    if result.drop is not None:
        agreement += f"; top-1 {_points(-result.drop)}"
    out.print(agreement)
    errors = new_table("error of the scores", "largest", "mean", right=(1, 2))
    errors.add_row(
        f"conversion: against the original, {result.decode} decode", *_error(result.conversion)
    )
    errors.add_row(f"decoder: {result.decode} decode against Pillow's", *_error(result.decoder))
    out.print(errors)
    if result.unlabelled:
        count, folders = sum(result.unlabelled.values()), len(result.unlabelled)
        out.print(f"{count} images in {counted(folders, 'folder')} without a class were skipped")
    show_left_out(result.skipped, result.ignored, result.pixel_fallbacks)
    if result.changes and most_changes:
        columns = ("label", "before", "after", "margin before")
        changes = new_table("changed prediction", *columns, right=(1, 2, 3, 4))
        for change in result.changes[:most_changes]:
            label = "" if change.label is None else str(change.label)
            classes = (str(change.before), str(change.after))
            changes.add_row(plain(change.file), label, *classes, f"{change.margin:.3g}")
        out.print()
        out.print(changes)
        if len(result.changes) > most_changes:
            rest = len(result.changes) - most_changes
            out.print(f"and {rest} more; --json lists all")


def _points(change: float) -> str:
    return f"changes by {change:+.2f} points" if change else "does not change"


def _error(error: ScoreError) -> tuple[str, str]:
    return f"{error.largest:.2g}", f"{error.mean:.2g}"


def _percent(accuracy: Accuracy) -> tuple[str, str]:
    return f"{100 * accuracy.top1:.2f} %", f"{100 * accuracy.top5:.2f} %"
