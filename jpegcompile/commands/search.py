"""The searches of `compile`: when they run, with which options, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click

from jpegcompile.commands.console import change_text, progress_bar
from jpegcompile.commands.images import show_left_out
from jpegcompile.commands.options import chosen, first_given
from jpegcompile.commands.resolution import show_exceeded_budget, show_resolution_search
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.options.compiling import AUTO, FREQUENCIES, IMAGE_INPUT, INPUT_SIZE
from jpegcompile.options.requested import SPATIAL_HAS_NO_FREQUENCIES
from jpegcompile.options.searching import SEARCH
from jpegcompile.preprocessing.reading import with_decoder
from jpegcompile.progress import Progress
from jpegcompile.search.frequencies import choose_frequencies
from jpegcompile.search.frequency_search import FrequencySearch
from jpegcompile.search.resolution import ResolutionSearch, choose_resolution

Search = FrequencySearch | ResolutionSearch
Kind = Literal["frequencies", "resolution"]


def asked_search(given: Mapping[str, Any]) -> Kind | None:
    """Return the search that the options of `compile` ask for; None if they ask for none.

    Raises:
        UsageError: if an option conflicts with the search, or is missing. The message names it.
    """
    frequencies, truncate = given["frequencies"], given["truncate"]
    of_frequencies = AUTO in (frequencies, truncate)
    if given["resolution"] == AUTO:
        if of_frequencies:
            raise UsageError(
                Message(
                    "two-searches",
                    "--resolution auto and a search of frequencies are two searches; run the first"
                    " one, and give its result as --resolution HxW to the other",
                )
            )
        _require_search_options("--resolution auto", given)
        return "resolution"
    if not of_frequencies:
        return None
    if given["domain"] == "auto":
        raise UsageError(SPATIAL_HAS_NO_FREQUENCIES)
    if frequencies not in (AUTO, FREQUENCIES.default, ALL):
        raise UsageError(
            Message(
                "truncate-auto-with-frequencies",
                f"--truncate auto keeps all masks exact; leave --frequencies {frequencies} out, or"
                " use --frequencies auto to search for both",
            )
        )
    asked = "--frequencies auto" if frequencies == AUTO else "--truncate auto"
    _require_search_options(asked, given)
    return "frequencies"


def _require_search_options(asked: str, given: Mapping[str, Any]) -> None:
    if given["max_drop"] is None or given["images"] is None:
        raise UsageError(
            Message(
                "search-budget-missing",
                f"{asked} needs --max-drop and --images; give the accepted loss of top-1 accuracy"
                " in points, and a folder of JPEG files with one folder for each class",
            )
        )
    if given["preprocess"] is None:
        raise UsageError(
            Message(
                "search-preprocess-missing",
                f"{asked} needs --preprocess; give the normalization that the model was trained"
                " with",
            )
        )


def refuse_search_options() -> None:
    """Refuse options of a search in a command without one.

    Raises:
        UsageError: if such an option is given. The message names the first one.
    """
    option = first_given(SEARCH)
    if option is not None:
        raise UsageError(
            Message(
                "search-option-without-search",
                f"{option.flag} applies to --frequencies auto, --truncate auto and --resolution"
                " auto; leave it out",
            )
        )


def exact_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of `compile` that replace the options to search for: an exact model."""
    resolution = None if given["resolution"] == AUTO else given["resolution"]
    return {"frequencies": ALL, "relu": None, "truncate": None, "resolution": resolution}


def found_options(search: Search | None) -> dict[str, Any]:
    """Return options of `compile` that a search chose."""
    if search is None:
        return {}
    if isinstance(search, ResolutionSearch):
        return {"preprocess": search.preprocess, "resolution": search.plan}
    return {"frequencies": search.plan}


def run_search(kind: Kind, model: Path, given: Mapping[str, Any]) -> Search:
    """Run a search with a progress bar.

    Raises:
        KeyboardInterrupt: if the user interrupts. Its text says that measurements are kept.
        UsageError, ImageError, AccessError, UnsupportedModelError: as `choose_frequencies` and
            `choose_resolution`.
    """
    options = {
        **chosen((*SEARCH, IMAGE_INPUT, INPUT_SIZE), given),
        "preprocess": with_decoder(given["preprocess"], given["decoder"]),
    }
    if kind == "resolution":
        with _searching("choosing a resolution") as progress:
            return choose_resolution(model, **options, progress=progress)
    truncate = given["truncate"]
    with _searching("choosing frequencies") as progress:
        return choose_frequencies(
            model,
            **options,
            relu=given["relu"] or "asm",
            has_exact_masks=given["frequencies"] != AUTO,
            truncate=None if truncate == AUTO else truncate,
            resolution=given["resolution"],
            progress=progress,
        )


@contextmanager
def _searching(title: str) -> Iterator[Progress]:
    """Show the progress of a search; an interruption says that nothing is lost."""
    try:
        with progress_bar(title) as progress:
            yield progress
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            "measurements are kept, and the same command continues from them"
        ) from stop


def show_found(search: Search | None) -> None:
    """Print what a search chose and measured."""
    if isinstance(search, ResolutionSearch):
        show_resolution_search(search)
    elif search is not None:
        show_search(search)


def show_search(search: FrequencySearch) -> None:
    """Print the mean numbers of frequencies, and the results of search and verification."""
    click.echo(
        f"frequencies: {search.mean_frequencies:.1f} of {ALL} decide a mask and"
        f" {search.mean_truncate:.1f} are kept, on average"
    )
    for title, counts in (("search", search.search), ("verification", search.verification)):
        click.echo(f"{title}: {change_text(counts)}")
    show_left_out(search.skipped, search.ignored, search.pixel_fallbacks)
    if search.stability is not None:
        click.echo(f"stability: {search.stability.text()}")
    if search.refused is not None:
        click.echo(
            "note: a plan with fewer frequencies is within the budget but was rejected, because its"
            f" masks are chaotic: {search.refused.text()}"
        )
    show_exceeded_budget(search)
