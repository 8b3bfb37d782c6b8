"""What several verbs share: their options, and how they print JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jpegcompile.cost.gpus import DEFAULT_GPU, GPUS
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import MASKINGS, FrequencyPlan, Masking, frequency_plan
from jpegcompile.operators.constants import LUMA_FACTORS
from jpegcompile.options import MOST_BATCH
from jpegcompile.precision import PRECISIONS
from jpegcompile.runtime.providers import CHOICES

Command = TypeVar("Command", bound=Callable[..., Any])


class NotNegative(click.FloatRange):
    """Finite numbers from 0 on."""

    def __init__(self) -> None:
        """Of a tolerance, a time, a budget."""
        super().__init__(min=0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number, or an error of usage."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


NOT_NEGATIVE = NotNegative()
FROM_0 = click.IntRange(min=0)
FROM_1 = click.IntRange(min=1)


def frequency_number(
    *words: str,
) -> Callable[[click.Context, click.Parameter, str | None], int | str | None]:
    """A callback for an option that takes a number of frequencies, or one of these words."""

    def convert(
        context: click.Context, option: click.Parameter, value: str | None
    ) -> int | str | None:
        if value is None or value in words:
            return value
        if not value.isdecimal() or not 1 <= int(value) <= ALL:
            choices = " or ".join([f"a whole number from 1 to {ALL}", *words])
            raise click.BadParameter(f"'{value}' is not {choices}.", context, option)
        return int(value)

    return convert


def numbers_option(
    flag: str, parameter: str, help: str, most: int, default: str | None = None
) -> Callable[[Command], Command]:
    """An option that takes whole numbers from 1 to `most`, with commas between, as a tuple."""

    def convert(
        context: click.Context, option: click.Parameter, value: str | None
    ) -> tuple[int, ...] | None:
        if value is None:
            return None
        parts = value.split(",")
        if not all(part.strip().isdecimal() and 1 <= int(part) <= most for part in parts):
            text = f"'{value}' is not a list of whole numbers from 1 to {most}, such as 1,8."
            raise click.BadParameter(text, context, option)
        return tuple(dict.fromkeys(int(part) for part in parts))

    return click.option(
        flag, parameter, callback=convert, default=default, metavar="N,N,...", help=help
    )


def json_option(command: Command) -> Command:
    """The flag --json, as the parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")(
        command
    )


def portable_option(command: Command) -> Command:
    """The flag --portable, as the parameter `portable`."""
    return click.option(
        "--portable",
        is_flag=True,
        help="Run by the function bodies in the file, without the native kernels.",
    )(command)


def provider_option(command: Command) -> Command:
    """The option --provider, as the parameter `provider`."""
    return click.option(
        "--provider",
        type=click.Choice(CHOICES),
        default="auto",
        show_default=True,
        help="What ONNX Runtime runs the compiled model on: cuda is an error where no GPU can be"
        " used, and auto takes the CPU there.",
    )(command)


def labelled_options(*, required: bool) -> Callable[[Command], Command]:
    """Labelled images, and the output that is right or wrong about them."""

    def add(command: Command) -> Command:
        for option in (
            click.option("--output-name", metavar="NAME", help="Which output holds the scores."),
            click.option(
                "--labels",
                type=click.Path(path_type=Path),
                help='JSON file that maps folder names to class indices, {"cat": 0, "dog": 1};'
                " without it classes are numbered in the sorted order of the names.",
            ),
            click.option(
                "--images",
                required=required,
                type=click.Path(path_type=Path),
                help="Folder with one folder of JPEG files a class; hidden folders are ignored."
                " compare also takes files without labels, in no folders.",
            ),
        ):
            command = option(command)
        return command

    return add


def input_size_option(command: Command) -> Command:
    """The size of an image input that leaves it open."""
    return click.option(
        "--input-size",
        metavar="HxW",
        help="Height and width of the image, where the model leaves them open.",
    )(command)


def resolution_option(*words: str, more: str = "") -> Callable[[Command], Command]:
    """The size that a network runs at, or one of these words, of which `more` tells the meaning."""
    return click.option(
        "--resolution",
        metavar="|".join(("HxW", *words)),
        help="Height and width at which the network runs, other than the ones that it was trained"
        f" at.{more}",
    )


def model_options(command: Command) -> Command:
    """What a source model is compiled for: its image input and what is fed there."""
    for option in (
        input_size_option,
        click.option(
            "--domain",
            type=click.Choice(["jpeg", "auto"]),
            help="Keep every map in the JPEG domain, or take the faster one: on CPUs the spatial"
            " domain for all maps behind the image; on GPUs, where auto is the default, what the"
            " cost model chooses for each map.",
        ),
        click.option("--image-input", metavar="NAME", help="Which input is the image."),
        click.option(
            "--subsampling",
            metavar="S",
            help="Chroma subsampling that the file is written for:"
            f" {', '.join(LUMA_FACTORS)} or gray; 4:2:0 if none is given.",
        ),
        click.option(
            "--preprocess",
            metavar="P",
            help="How images become the network's input: a preset (imagenet, cifar10, unit, ...), a"
            " JSON file, or the configuration of a timm or Hugging Face model;"
            " docs/preprocessing.md.",
        ),
        click.option(
            "--input",
            "input_mode",
            type=click.Choice(["coefficients", "jpeg", "tensor"]),
            default="coefficients",
            show_default=True,
            help="What the compiled model takes: DCT coefficients, the bytes of a file (by native"
            " kernels alone), or the original tensor.",
        ),
    ):
        command = option(command)
    return command


def kernel_options(command: Command) -> Command:
    """What native kernels are chosen for, as the parameters `lean` and `batch`."""
    for option in (
        click.option(
            "--batch",
            type=click.IntRange(1, MOST_BATCH),
            metavar="N",
            help="Images at a time to choose native kernels for, 1 if not given; a model that is"
            " bound to a batch has no other.",
        ),
        click.option(
            "--lean",
            is_flag=True,
            help="Native kernels that take little more memory than the model's weights; slower.",
        ),
    ):
        command = option(command)
    return command


def gpu_options(command: Command) -> Command:
    """What GPU kernels compute in and are chosen for, as `precision` and `gpu`."""
    for option in (
        click.option(
            "--gpu",
            type=click.Choice(list(GPUS)),
            help=f"GPU that layouts are chosen for, {DEFAULT_GPU} if none is given; for --target"
            " triton.",
        ),
        click.option(
            "--precision",
            type=click.Choice(list(PRECISIONS)),
            help="What maps and products are rounded to; sums are float32. tf32x3 is as exact as"
            " float32 and is the default for --target triton; other targets have float32.",
        ),
    ):
        command = option(command)
    return command


def truncate_option(*words: str, more: str = "") -> Callable[[Command], Command]:
    """How many frequencies are kept, or one of these words, of which `more` tells the meaning."""
    return click.option(
        "--truncate",
        callback=frequency_number(*words),
        metavar="|".join(("N", *words)),
        help="Frequencies, 1 to 15, that results of nonlinearities keep, whatever a file says; all"
        f" if not given.{more}",
    )


def frequency_options(command: Command) -> Command:
    """How many frequencies nonlinearities use; `plan_from` makes a plan of the parameters."""
    for option in (
        click.option(
            "--relu",
            type=click.Choice(MASKINGS),
            help="Mask the exact pixels (asm, the default) or take the approximated ones.",
        ),
        click.option(
            "--frequencies-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="JSON file with the frequencies of each node.",
        ),
    ):
        command = option(command)
    return command


def plan_from(
    frequencies: int | str | None, file: Path | None, relu: Masking | None, truncate: int | None
) -> FrequencyPlan:
    """The plan that the options describe.

    Raises:
        UsageError: if both a number and a file are given, or the file has another form.
        AccessError: if the file cannot be read.
    """
    if frequencies is not None and file is not None:
        raise UsageError(
            "--frequencies and --frequencies-file exclude each other; the file may say"
            ' "frequencies" for nodes that it does not name'
        )
    return frequency_plan(file or frequencies or ALL, relu, truncate)


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    click.echo(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(data: Any) -> Any:
    """Data with null for infinite numbers and NaN, which JSON does not know."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
