"""The verbs of the command line: one for each Python function."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jpegcompile import console
from jpegcompile.compile import compile as compile_model
from jpegcompile.demo.tour import demo as take_tour
from jpegcompile.errors import UsageError
from jpegcompile.evaluation import compare as comparison
from jpegcompile.evaluation import verify as verification
from jpegcompile.evaluation.dataset import read_labels
from jpegcompile.evaluation.predict import run as predict
from jpegcompile.inspection import inspect as inspect_model

Command = TypeVar("Command", bound=Callable[..., Any])


def _json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")(
        command
    )


def _model_options(command: Command) -> Command:
    for option in (
        click.option("--image-input", metavar="NAME", help="Which input is the image."),
        click.option(
            "--subsampling",
            metavar="S",
            help="Chroma subsampling that the file is written for: 4:4:4, 4:2:2, 4:4:0, 4:2:0"
            " (default), 4:1:1 or gray.",
        ),
        click.option(
            "--preprocess",
            metavar="P",
            help="Preset (imagenet, cifar10, unit, none) or JSON file (scale, mean, std, color).",
        ),
        click.option(
            "--input",
            "input_mode",
            type=click.Choice(["coefficients", "tensor"]),
            default="coefficients",
            show_default=True,
            help="What the compiled model takes.",
        ),
    ):
        command = option(command)
    return command


def _print_json(data: Any) -> None:
    click.echo(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(data: Any) -> Any:
    """Data with null for infinite numbers and NaN, which JSON does not know."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@_model_options
@_json_option
def inspect(
    model: Path,
    input_mode: Any,
    preprocess: str | None,
    subsampling: str | None,
    image_input: str | None,
    as_json: bool,
) -> None:
    """Show what of MODEL is lowered, and what is kept spatial and why.

    MODEL is a source model, of which nothing is written, or a compiled one. What is lowered does
    not depend on --preprocess, so it may be left out here.
    """
    result = inspect_model(
        model,
        input=input_mode,
        preprocess=preprocess or "none",
        subsampling=subsampling,
        image_input=image_input,
    )
    if as_json:
        _print_json(result.to_json())
    else:
        console.show_inspection(result)


@click.command(name="compile")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write."
)
@click.option(
    "--target",
    type=click.Choice(["ort", "onnx"]),
    default="ort",
    show_default=True,
    help="jpegcompile operators with function bodies, or standard operators only.",
)
@click.option("--strict", is_flag=True, help="Fail (exit 3) if anything would be kept spatial.")
@_model_options
@_json_option
def compile_command(
    model: Path,
    output: Path,
    target: Any,
    strict: bool,
    input_mode: Any,
    preprocess: str | None,
    subsampling: str | None,
    image_input: str | None,
    as_json: bool,
) -> None:
    """Compile MODEL into the JPEG transform domain."""
    if output.exists() and model.exists() and output.samefile(model):
        raise UsageError(f"{output}: is the model itself; give another --output")
    with console.progress_bar("compiling") as progress:
        compiled = compile_model(
            model,
            input=input_mode,
            target=target,
            preprocess=preprocess,
            subsampling=subsampling,
            image_input=image_input,
            strict=strict,
            progress=progress,
        )
    compiled.save(output)
    report = compiled.report
    if as_json:
        _print_json({"output": str(output), "report": report.to_json()})
        return
    size = output.stat().st_size
    click.echo(
        f"{output}: {console.counted(len(report.lowered), 'node')} lowered,"
        f" {len(report.kept)} kept spatial, {console.counted(report.casts, 'cast')}, {size:,} bytes"
    )
    for node in report.kept:
        click.echo(f"kept spatial: {node.op} '{node.name}': {node.reason}")
    for note in report.notes:
        click.echo(f"note: {note}")


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@click.option("--images", type=click.Path(path_type=Path), help="Folder of JPEG files.")
@click.option(
    "--samples",
    type=int,
    help="Random tensors, where no images are given; 64 if not said.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random tensors.")
@click.option(
    "--absolute", type=float, default=2e-4, show_default=True, help="Error allowed at an output,"
)
@click.option(
    "--relative",
    type=float,
    default=1e-5,
    show_default=True,
    help="or this fraction of its largest magnitude, if that is larger.",
)
@click.option("--nodes", type=int, default=10, show_default=True, help="Worst nodes to list.")
@_json_option
def verify(
    original: Path,
    compiled: Path,
    images: Path | None,
    samples: int | None,
    seed: int,
    absolute: float,
    relative: float,
    nodes: int,
    as_json: bool,
) -> None:
    """Check that COMPILED gives the answers of ORIGINAL, at the outputs and at every lowered node.

    The conversion error (against the float decode) must be within tolerance and every top-1 the
    same, or the exit code is 1. The decoder difference (against Pillow's 8-bit decode) is shown
    beside it.
    """
    if images is not None and samples is not None:
        raise UsageError("--samples is for random tensors; leave it or --images out")
    with console.progress_bar("verifying") as progress:
        result = verification.verify(
            original,
            compiled,
            images,
            samples=64 if samples is None else samples,
            seed=seed,
            absolute=absolute,
            relative=relative,
            progress=progress,
        )
    if as_json:
        _print_json(result.to_json())
    else:
        console.show_verification(result, nodes)
    verification.require_passed(result)


@click.command()
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("compiled", type=click.Path(path_type=Path))
@click.option(
    "--images",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with one folder of JPEG files a class.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help='JSON file that maps folder names to class indices, {"cat": 0, "dog": 1}.',
)
@click.option("--output-name", metavar="NAME", help="Which output holds the scores.")
@click.option(
    "--max-drop",
    type=float,
    metavar="POINTS",
    help="Fail (exit 1) if top-1 drops by more percentage points.",
)
@click.option("--changes", type=int, default=10, show_default=True, help="Changes to list.")
@_json_option
def compare(
    original: Path,
    compiled: Path,
    images: Path,
    labels: Path | None,
    output_name: str | None,
    max_drop: float | None,
    changes: int,
    as_json: bool,
) -> None:
    """Compare accuracy before (Pillow, ORIGINAL) and after (coefficients, COMPILED)."""
    with console.progress_bar("comparing") as progress:
        result = comparison.compare(
            original, compiled, images, labels=labels, output=output_name, progress=progress
        )
    if as_json:
        _print_json(result.to_json())
    else:
        console.show_comparison(result, changes)
    if max_drop is not None:
        comparison.require_drop(result, max_drop)


@click.command()
@click.argument("compiled", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=int, default=5, show_default=True, help="Classes for each image.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help='JSON file that maps names to class indices, {"cat": 0}; names are printed.',
)
@_json_option
def run(
    compiled: Path, images: tuple[Path, ...], top: int, labels: Path | None, as_json: bool
) -> None:
    """Print the best classes of IMAGES (files or folders) by the COMPILED model."""
    names = {} if labels is None else {i: name for name, i in read_labels(labels).items()}
    with console.progress_bar("running") as progress:
        predictions = predict(compiled, images, top=top, progress=progress)
    if as_json:
        _print_json([p.to_json() for p in predictions])
    else:
        console.show_predictions(predictions, names)


@click.command()
@_json_option
def demo(as_json: bool) -> None:
    """Compile a small network that comes with jpegcompile and compare it on real JPEG files."""
    with console.progress_bar("demo") as progress:
        result = take_tour(progress=progress)
    if as_json:
        _print_json(result.to_json())
    else:
        console.show_demo(result)


COMMANDS = (inspect, compile_command, verify, compare, run, demo)
