"""What `compile --resolution auto` prints."""

from __future__ import annotations

import click

from jpegcompile.commands.console import change_text
from jpegcompile.commands.images import show_left_out
from jpegcompile.input_size import size_text
from jpegcompile.search.resolution import Measured, ResolutionSearch
from jpegcompile.search.splits import Verified


def show_resolution_search(search: ResolutionSearch) -> None:
    """Print the chosen size, the sizes tried, and the results of search and verification."""
    chosen, trained = size_text(search.plan.size), size_text(search.trained)
    if search.plan.size == search.trained:
        click.echo(f"resolution: {trained}, the trained size; no smaller size is within the budget")
    else:
        click.echo(
            f"resolution: {chosen} instead of the trained {trained}; the cost model predicts"
            f" {search.time:.2f} of the time"
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
    show_exceeded_budget(search)


def show_exceeded_budget(search: Verified) -> None:
    """Print a note if the verification exceeds the budget, but not significantly."""
    if -100 * search.verification.change > search.max_drop and not search.is_refuted:
        click.echo(
            f"note: the verification loses more than the allowed {search.max_drop:g} points; the"
            " excess is not significant, and more images would decide"
        )


def _text(measured: Measured) -> str:
    """Return a size with its preprocessing and its change of top-1."""
    resize = measured.preprocess.geometry.resize
    way = "" if resize is None else f" ({resize.filter.name}, crop ratio {resize.crop_ratio:.3g})"
    return f"{size_text(measured.size)}{way} {100 * measured.counts.change:+.2f} points"
