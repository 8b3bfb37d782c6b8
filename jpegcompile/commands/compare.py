"""The verb `compare`: accuracy before and after, and the predictions that changed."""

from __future__ import annotations

from pathlib import Path

import click

from jpegcompile.commands.console import console, counted, progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    left_out_lines,
    require_reported,
    shard_lines,
    warn,
)
from jpegcompile.commands.options import (
    FROM_0,
    NOT_NEGATIVE,
    json_option,
    labelled_options,
    portable_option,
    provider_option,
)
from jpegcompile.commands.result_options import (
    markdown_option,
    refuse_two_forms,
    shard_option,
    show_result,
)
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation.compare import NO_LABELS
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.dataset import has_no_folders
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.results.merging import Shard
from jpegcompile.results.table import Page, Table, columns, number, percentage, text
from jpegcompile.results.terminal import print_page
from jpegcompile.runtime.providers import Choice


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@labelled_options(required=True)
@click.option(
    "--max-drop",
    type=NOT_NEGATIVE,
    metavar="POINTS",
    help="Fail (exit 1) if top-1 drops by more percentage points.",
)
@click.option(
    "--unlabelled",
    is_flag=True,
    help="Files have no labels, whatever folders they are in: compare predictions only.",
)
@click.option("--changes", type=FROM_0, default=10, show_default=True, help="Changes to list.")
@error_options
@fallback_option
@portable_option
@provider_option
@shard_option
@json_option
@markdown_option
def compare(
    original: Path,
    compiled: Path,
    images: Path,
    labels: Path | None,
    output_name: str | None,
    max_drop: float | None,
    unlabelled: bool,
    changes: int,
    on_error: OnError,
    tolerant: bool,
    fallback: Fallback,
    portable: bool,
    provider: Choice,
    shard: Shard | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Compare accuracy before (Pillow, ORIGINAL) and after (coefficients, COMPILED)."""
    if max_drop is not None and (
        unlabelled or (labels is None and has_no_folders(images, fallback))
    ):
        raise UsageError(NO_LABELS)
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    with progress_bar("comparing") as progress:
        result = comparison.compare(
            original,
            compiled,
            images,
            labels=labels,
            output=output_name,
            unlabelled=unlabelled,
            native=not portable,
            providers=provider,
            on_error=on_error,
            tolerant=tolerant,
            fallback=fallback,
            shard=shard,
            progress=progress,
        )
    show_result(
        result.to_json,
        lambda: comparison_page(result, changes),
        as_json=as_json,
        as_markdown=as_markdown,
    )
    warn(result.warning)
    if max_drop is not None:
        comparison.require_drop(result, max_drop)
    require_reported(on_error, result.skipped)


def show_comparison(result: Comparison, most_changes: int) -> None:
    """Print the page of `comparison_page`."""
    print_page(console(), comparison_page(result, most_changes))


def comparison_page(result: Comparison, most_changes: int) -> Page:
    """Return accuracy before and after, errors of the scores, and the predictions that changed.

    Args:
        result: of `compare`.
        most_changes: number of changed predictions to show.
    """
    parts: list[Table | str] = []
    if result.before is not None and result.exact is not None and result.after is not None:
        rows = (
            ("before: Pillow decode, original model", result.before),
            (f"        {result.decode} decode, original model", result.exact),
            ("after:  coefficients, compiled model", result.after),
        )
        shown = tuple((text(n), percentage(a.top1), percentage(a.top5)) for n, a in rows)
        parts.append(Table("", columns("pipeline", "top-1", "top-5", right=(1, 2)), shown))
    parts += [_agreement(result), _errors(result)]
    if result.unlabelled:
        count, folders = sum(result.unlabelled.values()), len(result.unlabelled)
        parts.append(f"{count} images in {counted(folders, 'folder')} without a class were skipped")
    parts += left_out_lines(result.skipped, result.ignored, result.pixel_fallbacks)
    parts += shard_lines(result.shards)
    if result.changes and most_changes:
        parts += ["", _changes(result, most_changes)]
        if len(result.changes) > most_changes:
            rest = len(result.changes) - most_changes
            parts.append(f"and {rest} more; --json lists all")
    return Page(tuple(parts))


def _agreement(result: Comparison) -> str:
    line = (
        f"{counted(result.images, 'image')}; the same prediction on {100 * result.agreement:.2f} %"
        f" (of the {result.decode} decode: {100 * result.agreement_exact:.2f} %)"
    )
    if result.drop is None:
        return line
    change = f"changes by {-result.drop:+.2f} points" if result.drop else "does not change"
    return f"{line}; top-1 {change}"


def _errors(result: Comparison) -> Table:
    rows = (
        (f"conversion: against the original, {result.decode} decode", result.conversion),
        (f"decoder: {result.decode} decode against Pillow's", result.decoder),
    )
    return Table(
        "",
        columns("error of the scores", "largest", "mean", right=(1, 2)),
        tuple((text(n), number(e.largest, ".2g"), number(e.mean, ".2g")) for n, e in rows),
    )


def _changes(result: Comparison, most: int) -> Table:
    headers = ("changed prediction", "label", "before", "after", "margin before")
    rows = tuple(
        (
            text(change.file),
            text("") if change.label is None else number(change.label),
            number(change.before),
            number(change.after),
            number(change.margin, ".3g"),
        )
        for change in result.changes[:most]
    )
    return Table("", columns(*headers, right=(1, 2, 3, 4)), rows)
