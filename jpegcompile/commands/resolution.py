"""What `compile --resolution auto` prints."""

from __future__ import annotations

import click

from jpegcompile.commands.console import change_text
from jpegcompile.commands.images import show_left_out
from jpegcompile.input_size import size_text
from jpegcompile.search.resolution import Measured, ResolutionSearch


def show_resolution_search(search: ResolutionSearch) -> None:
    """What was chosen, what was tried, and what the search and the verification measured."""
    chosen, trained = size_text(search.plan.size), size_text(search.trained)
    if search.plan.size == search.trained:
        click.echo(f"resolution: {trained}, as trained: nothing smaller is within the budget")
    else:
        click.echo(
            f"resolution: {chosen} for the {trained} that it was trained at;"
            f" {search.time:.2f} of its time by the cost model"
        )
    tried = ", ".join(map(_text, search.measured[1:]))
    if tried:
        click.echo(f"measured: {tried}")
    for candidate in search.candidates:
        if candidate.refused:
            click.echo(f"not tried: {size_text(candidate.size)} {candidate.refused}")
    for title, counts in (("search", search.search), ("verification", search.verification)):
        click.echo(f"{title}: {change_text(counts)}")
    show_left_out(search.skipped, search.ignored, search.pixel_fallbacks)
    if -100 * search.verification.change > search.max_drop and not search.is_refuted:
        click.echo(
            f"note: the verification drops by more than the {search.max_drop:g} points that are"
            " allowed, which chance may explain; more images would tell"
        )


def _text(measured: Measured) -> str:
    """A size with its change of top-1 and the way to it."""
    resize = measured.preprocess.geometry.resize
    way = "" if resize is None else f" ({resize.filter.name}, crop ratio {resize.crop_ratio:.3g})"
    return f"{size_text(measured.size)}{way} {100 * measured.counts.change:+.2f} points"
