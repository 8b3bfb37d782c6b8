"""The search of `compile`: its options, how it is run, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.console import change_text, progress_bar
from jpegcompile.commands.images import show_left_out
from jpegcompile.commands.options import Command
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import Masking
from jpegcompile.jpeg.pixel_fallback import FALLBACKS
from jpegcompile.jpeg.unusable import ON_ERROR
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.progress import Progress
from jpegcompile.search.frequencies import FrequencySearch, choose_frequencies


def search_options(command: Command) -> Command:
    """Options of searches (--frequencies, --truncate, --resolution auto), None if not given."""
    for option in (
        click.option(
            "--tolerant",
            is_flag=True,
            default=None,
            help="auto: take what can be read of damaged files.",
        ),
        click.option(
            "--fallback",
            type=click.Choice(FALLBACKS),
            help="auto: what becomes of files of which no coefficients are read: they cannot be"
            " used (none, the default), or Pillow decodes them (pixels).",
        ),
        click.option(
            "--on-error",
            type=click.Choice(ON_ERROR),
            help="auto: what a file that cannot be used does: end the search (stop, the default),"
            " or be left out and listed (skip, report); report exits with 4 at the end.",
        ),
        click.option(
            "--cache",
            type=click.Path(path_type=Path),
            help="auto: folder of measurements, from which an interrupted search goes on.",
        ),
        click.option("--output-name", metavar="NAME", help="auto: which output holds the scores."),
        click.option(
            "--labels",
            type=click.Path(path_type=Path),
            help="auto: JSON file that maps folder names to class indices.",
        ),
        click.option(
            "--images",
            type=click.Path(path_type=Path),
            help="auto: folder with one folder of JPEG files a class; half of them verify."
            " Classes are numbered in the sorted order of the folder names, unless by --labels.",
        ),
        click.option(
            "--max-drop",
            type=float,
            metavar="POINTS",
            help="auto: top-1 that may be lost, in points.",
        ),
    ):
        command = option(command)
    return command


def require_search_options(
    asked: str, file: Path | None, preprocess: str | None, options: dict[str, Any]
) -> str:
    """The preprocessing, which a search cannot do without.

    Args:
        asked: the option that asks for a search.
        file: of --frequencies-file.
        preprocess: of --preprocess.
        options: those of `search_options`.

    Raises:
        UsageError: naming what is missing or too much.
    """
    if file is not None:
        raise UsageError(f"{asked} makes what --frequencies-file gives; leave one out")
    if options["max_drop"] is None or options["images"] is None:
        raise UsageError(
            f"{asked} needs --max-drop POINTS, the loss of top-1 that is allowed, and"
            " --images DIR, a folder with one folder of JPEG files a class"
        )
    if preprocess is None:
        raise UsageError(f"{asked} needs --preprocess, to run the model on JPEG files")
    return preprocess


def refuse_search_options(options: dict[str, Any]) -> None:
    """Refuse options of `search_options` where nothing is searched.

    Raises:
        UsageError: naming the first.
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        name = given[0].replace("_", "-")
        raise UsageError(
            f"--{name} is for --frequencies auto, --truncate auto and --resolution auto; leave it"
            " out"
        )


@contextmanager
def searching(title: str) -> Iterator[Progress]:
    """A progress bar for a search that keeps what it measures.

    Raises:
        KeyboardInterrupt: that says that nothing is lost.
    """
    try:
        with progress_bar(title) as progress:
            yield progress
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            "what was measured is kept, and the same command goes on from there"
        ) from stop


def shared_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """What every search takes of the options of `search_options`, besides the images."""
    return {
        "max_drop": options["max_drop"],
        "labels": options["labels"],
        "output": options["output_name"],
        "cache": options["cache"],
        "on_error": options["on_error"] or "stop",
        "tolerant": bool(options["tolerant"]),
        "fallback": options["fallback"] or "none",
    }


def run_search(
    model: Path,
    options: dict[str, Any],
    preprocess: Preprocess,
    *,
    relu: Masking | None,
    has_exact_masks: bool,
    truncate: int | None,
    image_input: str | None,
    input_size: str | None,
    resolution: str | None,
) -> FrequencySearch:
    """`choose_frequencies` with a progress bar, by the options of `search_options`.

    Raises:
        KeyboardInterrupt: that says that nothing is lost.
        UsageError, ImageError, AccessError, UnsupportedModelError: as `choose_frequencies`.
    """
    with searching("choosing frequencies") as progress:
        return choose_frequencies(
            model,
            options["images"],
            preprocess=preprocess,
            relu=relu or "asm",
            has_exact_masks=has_exact_masks,
            truncate=truncate,
            image_input=image_input,
            input_size=input_size,
            resolution=resolution,
            progress=progress,
            **shared_arguments(options),
        )


def show_search(search: FrequencySearch) -> None:
    """What was chosen on average, and what the search and the verification measured."""
    click.echo(
        f"frequencies: {search.mean_frequencies:.1f} of {ALL} decide a mask and"
        f" {search.mean_truncate:.1f} are kept behind it, on average"
    )
    for title, counts in (("search", search.search), ("verification", search.verification)):
        click.echo(f"{title}: {change_text(counts)}")
    show_left_out(search.skipped, search.ignored, search.pixel_fallbacks)
    if search.stability is not None:
        click.echo(f"stability: {search.stability.text()}")
    if search.refused is not None:
        click.echo(
            "note: fewer frequencies are within the budget, but their masks are chaotic:"
            f" {search.refused.text()}; so they were not taken"
        )
    if -100 * search.verification.change > search.max_drop and not search.is_refuted:
        click.echo(
            f"note: the verification drops by more than the {search.max_drop:g} points that are"
            " allowed, which chance may explain; more images would tell"
        )
