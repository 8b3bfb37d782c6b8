"""Launch Triton kernels on tensors of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import triton
from torch.library import wrap_triton
from triton.runtime.interpreter import InterpretedFunction

from jpegcompile.gpu.kernels import arguments_of, kernel_of
from jpegcompile.gpu.launch import Launch

DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def is_interpreted() -> bool:
    """Whether kernels run by Triton's interpreter, on the CPU (TRITON_INTERPRET=1)."""
    return bool(triton.knobs.runtime.interpret)


def run(launch: Launch, tensors: Mapping[str, torch.Tensor]) -> None:
    """Launch a kernel on the current stream.

    Args:
        launch: what to run.
        tensors: by argument; an argument that the kernel does not read in this launch may be
            missing.
    """
    kernel = kernel_of(launch.kernel)
    unused = tensors["y"]
    given: dict[str, Any] = {}
    for name in arguments_of(launch.kernel):
        if name in launch.constants:
            given[name] = launch.constants[name]
        elif name in launch.numbers:
            given[name] = launch.numbers[name]
        else:
            given[name] = tensors.get(name, unused)
    if isinstance(kernel, InterpretedFunction):
        kernel[launch.grid](**given)
        return
    tiling = launch.tiling
    wrap_triton(kernel)[launch.grid](**given, num_warps=tiling.warps, num_stages=tiling.stages)
