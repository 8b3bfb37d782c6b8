"""The verb `run`: the best classes of each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jpegcompile.commands.console import console, progress_bar
from jpegcompile.commands.images import require_reported, show_left_out
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.evaluation.dataset import read_labels
from jpegcompile.evaluation.predict import Prediction
from jpegcompile.evaluation.predict import run as predict
from jpegcompile.jpeg.read import source_name
from jpegcompile.jpeg.unusable import OnError
from jpegcompile.runtime.opened import opened
from jpegcompile.runtime.providers import Choice


@verb_command("run")
def run(
    compiled: Path,
    images: tuple[Path, ...],
    labels: Path | None,
    native: bool,
    providers: Choice,
    on_error: OnError,
    json: bool,
    **options: Any,
) -> None:
    """Run the model on the images and print the best classes."""
    names = {} if labels is None else {i: name for name, i in read_labels(labels).items()}
    with progress_bar("compiling kernels") as progress:
        session = opened(compiled, native=native, providers=providers, progress=progress)
    with progress_bar("running") as progress:
        predictions = predict(session, images, on_error=on_error, progress=progress, **options)
    if json:
        print_json({"execution": session.execution.to_json(), **predictions.to_json()})
    else:
        show_predictions(predictions, names)
        show_left_out(predictions.skipped, predictions.ignored, predictions.pixel_fallbacks)
        console().print(str(session.execution), markup=False)
    require_reported(on_error, predictions.skipped)


def show_predictions(predictions: Sequence[Prediction], names: dict[int, str]) -> None:
    """Print one line per file: classes with scores, best first."""
    out = console()
    for prediction in predictions:
        pairs = zip(prediction.classes, prediction.scores, strict=True)
        text = "  ".join(f"{names.get(index, index)} {score:.3f}" for index, score in pairs)
        file = source_name([prediction.file], 0)
        out.print(f"{file}: {text}", markup=False, soft_wrap=True)
