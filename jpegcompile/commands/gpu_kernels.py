"""The verb `gpu-kernels`: the compiled kernels that ONNX Runtime's CUDA provider runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from jpegcompile.commands.console import counted, progress_bar
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.gpu.library import build


@verb_command("gpu-kernels")
def gpu_kernels(json: bool, **options: Any) -> None:
    """Compile the kernels and list the files."""
    with progress_bar("compiling kernels") as progress:
        files = build.gpu_kernels(progress=progress, **options)
    if json:
        print_json({"files": [{**asdict(file), "path": str(file.path)} for file in files]})
        return
    for file in files:
        size = file.path.stat().st_size
        kernels = counted(file.kernels, "kernel")
        click.echo(f"{file.path}: {kernels} for {', '.join(file.gpus)}, {size:,} bytes")
