"""The verb `gpu-kernels`: the compiled kernels that ONNX Runtime's CUDA provider runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from jpegcompile.commands.console import counted, progress_bar
from jpegcompile.commands.options import json_option, print_json
from jpegcompile.gpu.archs import ARCHITECTURES
from jpegcompile.gpu.library import build


@click.command("gpu-kernels")
@click.option(
    "--gpu",
    "gpus",
    metavar="ARCH,...",
    default=",".join(ARCHITECTURES),
    show_default=True,
    help="Architectures of GPUs.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write. Without it, a file for each architecture goes where every compiled model"
    " finds it.",
)
@json_option
def gpu_kernels(gpus: str, output: Path | None, as_json: bool) -> None:
    """Compile the GPU kernels that run compiled models on ONNX Runtime's CUDA provider.

    Triton compiles them, and no GPU is needed. It takes minutes.
    """
    names = [name.strip() for name in gpus.split(",")]
    with progress_bar("compiling kernels") as progress:
        files = build.gpu_kernels(names, output, progress=progress)
    if as_json:
        print_json({"files": [{**asdict(file), "path": str(file.path)} for file in files]})
        return
    for file in files:
        size = file.path.stat().st_size
        kernels = counted(file.kernels, "kernel")
        click.echo(f"{file.path}: {kernels} for {', '.join(file.gpus)}, {size:,} bytes")
