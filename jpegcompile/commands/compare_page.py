"""What `compare` prints: accuracy before and after, and the predictions that changed."""

from __future__ import annotations

from jpegcompile.commands.console import console, counted
from jpegcompile.commands.images import left_out_lines, shard_lines
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.results.table import Page, Table, columns, number, percentage, text
from jpegcompile.results.terminal import print_page


def show_comparison(result: Comparison, most_changes: int) -> None:
    """Print the page of `comparison_page`."""
    print_page(console(), comparison_page(result, most_changes))


def comparison_page(result: Comparison, most_changes: int) -> Page:
    """Return accuracy before and after, errors of the scores, and the predictions that changed.

    Args:
        result: result of `compare`.
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
