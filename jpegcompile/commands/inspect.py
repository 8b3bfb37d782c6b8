"""The verb `inspect`: what is lowered, what is kept spatial and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.inspect_page import inspection_page
from jpegcompile.commands.options import (
    frequency_number,
    frequency_options,
    gpu_options,
    json_option,
    kernel_options,
    model_options,
    plan_from,
    resolution_option,
    truncate_option,
)
from jpegcompile.commands.result_options import markdown_option, refuse_two_forms, show_result
from jpegcompile.frequency_plan import Masking
from jpegcompile.inspection import inspect as inspect_model
from jpegcompile.target.registry import TARGETS


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@model_options
@resolution_option()
@click.option(
    "--frequencies",
    callback=frequency_number(),
    metavar="N",
    help="Spatial frequencies, 1 to 15, that decide masks, as for compile.",
)
@truncate_option()
@frequency_options
@kernel_options
@click.option(
    "--target", type=click.Choice(list(TARGETS)), help="As for compile; ort if not given."
)
@gpu_options
@json_option
@markdown_option
def inspect(
    model: Path,
    input_mode: Any,
    preprocess: str | None,
    subsampling: str | None,
    image_input: str | None,
    input_size: str | None,
    resolution: str | None,
    domain: Any,
    frequencies: int | None,
    frequencies_file: Path | None,
    relu: Masking | None,
    truncate: int | None,
    lean: bool,
    batch: int | None,
    target: str | None,
    precision: str | None,
    gpu: str | None,
    as_json: bool,
    as_markdown: bool,
) -> None:
    """Show what of MODEL is lowered, and what is kept spatial and why.

    MODEL is a source model, of which nothing is written, or a compiled one. What is lowered does
    not depend on --preprocess, so it may be left out here.
    """
    refuse_two_forms(as_json=as_json, as_markdown=as_markdown)
    result = inspect_model(
        model,
        input=input_mode,
        preprocess=preprocess or "none",
        subsampling=subsampling,
        image_input=image_input,
        input_size=input_size,
        resolution=resolution,
        frequencies=plan_from(frequencies, frequencies_file, relu, truncate),
        domain=domain,
        lean=lean,
        batch=batch,
        target=target,
        precision=precision,
        gpu=gpu,
    )
    show_result(
        result.to_json,
        lambda: inspection_page(result),
        as_json=as_json,
        as_markdown=as_markdown,
    )
