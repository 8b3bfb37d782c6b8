"""The verb `run`: the best classes of each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from jpegcompile.commands.console import console, progress_bar
from jpegcompile.commands.images import (
    error_options,
    fallback_option,
    require_reported,
    show_left_out,
)
from jpegcompile.commands.options import (
    FROM_1,
    json_option,
    portable_option,
    print_json,
    provider_option,
)
from jpegcompile.evaluation.dataset import read_labels
from jpegcompile.evaluation.predict import Prediction
from jpegcompile.evaluation.predict import run as predict
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.providers import Choice


@click.command()
@click.argument("compiled", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=FROM_1, default=5, show_default=True, help="Classes for each image.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help='JSON file that maps names to class indices, {"cat": 0}; names are printed.',
)
@error_options
@fallback_option
@portable_option
@provider_option
@json_option
def run(
    compiled: Path,
    images: tuple[Path, ...],
    top: int,
    labels: Path | None,
    on_error: OnError,
    tolerant: bool,
    fallback: Fallback,
    portable: bool,
    provider: Choice,
    as_json: bool,
) -> None:
    """Print the best classes of IMAGES (files or folders) by the COMPILED model."""
    names = {} if labels is None else {i: name for name, i in read_labels(labels).items()}
    with progress_bar("compiling kernels") as progress:
        session = opened(compiled, native=not portable, providers=provider, progress=progress)
    with progress_bar("running") as progress:
        predictions = predict(
            session,
            images,
            top=top,
            tolerant=tolerant,
            on_error=on_error,
            fallback=fallback,
            progress=progress,
        )
    if as_json:
        print_json({"execution": session.execution.to_json(), **predictions.to_json()})
    else:
        show_predictions(predictions, names)
        show_left_out(predictions.skipped, predictions.ignored, predictions.pixel_fallbacks)
        console().print(str(session.execution), markup=False)
    require_reported(on_error, predictions.skipped)


def show_predictions(predictions: Sequence[Prediction], names: dict[int, str]) -> None:
    """One line a file: classes with scores, best first."""
    out = console()
    for prediction in predictions:
        pairs = zip(prediction.classes, prediction.scores, strict=True)
        text = "  ".join(f"{names.get(index, index)} {score:.3f}" for index, score in pairs)
        file = source_name([prediction.file], 0)
        out.print(f"{file}: {text}", markup=False, soft_wrap=True)
