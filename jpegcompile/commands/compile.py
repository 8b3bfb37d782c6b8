"""The verb `compile`: write a compiled model and say what became of its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jpegcompile.commands.console import counted, progress_bar
from jpegcompile.commands.options import json_option, model_options, print_json
from jpegcompile.compile import compile as compile_model
from jpegcompile.errors import UsageError


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
@model_options
@json_option
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
    with progress_bar("compiling") as progress:
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
        print_json({"output": str(output), "report": report.to_json()})
        return
    size = output.stat().st_size
    click.echo(
        f"{output}: {counted(len(report.lowered), 'node')} lowered,"
        f" {len(report.kept)} kept spatial, {counted(report.casts, 'cast')}, {size:,} bytes"
    )
    for node in report.kept:
        click.echo(f"kept spatial: {node.op} '{node.name}': {node.reason}")
    for note in report.notes:
        click.echo(f"note: {note}")
