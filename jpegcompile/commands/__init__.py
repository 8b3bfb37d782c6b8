"""The verbs of the command line: one for each Python function, a file each."""

from __future__ import annotations

from importlib import import_module

import click

from jpegcompile.errors import AccessError
from jpegcompile.installed import require_installed

# Each verb, and the first sentence of its help: listing them all imports none of them.
COMMANDS = {
    "bench": "Time ORIGINAL behind Pillow and NumPy (spatial) against COMPILED.",
    "compare": "Compare accuracy before (Pillow, ORIGINAL) and after (coefficients, COMPILED).",
    "compile": "Compile MODEL into the JPEG transform domain.",
    "demo": (
        "Compile a small network that comes with jpegcompile and compare it on real JPEG files."
    ),
    "gpu-check": (
        "Check on the GPU at hand that kernels and models are right, and measure how fast they are."
    ),
    "gpu-kernels": (
        "Compile the GPU kernels that run compiled models on ONNX Runtime's CUDA provider."
    ),
    "inspect": "Show what of MODEL is lowered, and what is kept spatial and why.",
    "merge": ("Merge RESULTS, the --json outputs of verify, compare or bench, into one result."),
    "paper": "Regenerate the experiments of the paper, as tables, JSON and plots.",
    "run": "Print the best classes of IMAGES (files or folders) by the COMPILED model.",
    "tune": ("Measure tilings of the GPU kernels of MODEL and keep the fastest."),
    "verify": (
        "Check that COMPILED gives the answers of ORIGINAL, at the outputs and at every lowered"
        " node."
    ),
}


def command_of(verb: str) -> click.Command:
    """The command of a verb; imports what it needs.

    Raises:
        AccessError: if this is not the installed package.
    """
    try:
        require_installed()
    except ImportError as error:
        raise AccessError(str(error)) from error
    name = verb.replace("-", "_")
    command = getattr(import_module(f"{__name__}.{name}"), name)
    assert isinstance(command, click.Command)
    return command
