"""Launch Triton kernels as an operator of PyTorch.

`torch.compile` and CUDA graphs see the operator `jpegcompile::launch` with tensors and a launch as
text. Text has the same meaning in another process, which the caches of `torch.compile` require.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import torch
import triton
from torch.library import custom_op, triton_op, wrap_triton
from triton.runtime.interpreter import InterpretedFunction

from jpegcompile.gpu.kernels import arguments_of, kernel_of
from jpegcompile.gpu.launch import Launch, Tiling

DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
ELEMENTS = {
    "fp32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "i16": torch.int16,
    "i32": torch.int32,
}
_RESULT = "y"


def is_interpreted() -> bool:
    """Whether Triton interprets kernels on the CPU (TRITON_INTERPRET=1)."""
    return bool(triton.knobs.runtime.interpret)


def run(launch: Launch, tensors: Mapping[str, torch.Tensor]) -> None:
    """Launch a kernel on the current stream.

    Args:
        launch: the launch.
        tensors: tensors by argument. Arguments that this launch does not read may be missing.
    """
    kernel = kernel_of(launch.kernel)
    unused = tensors[_RESULT]
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
    wrap_triton(kernel)[launch.grid](
        **given, num_warps=tiling.warps, num_stages=tiling.stages, enable_fp_fusion=True
    )


def launch_text(launch: Launch) -> str:
    """Return a launch as text."""
    return json.dumps(asdict(launch), sort_keys=True, separators=(",", ":"))


@cache
def _launch_of(text: str) -> Launch:
    data = json.loads(text)
    constants = {name: _with_tuples(value) for name, value in data["constants"].items()}
    return Launch(
        **{
            **data,
            "grid": tuple(data["grid"]),
            "constants": constants,
            "tiling": Tiling(**data["tiling"]),
        }
    )


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def inputs_of(launch: Launch) -> list[str]:
    """Return the names of the tensor arguments without the result, in the operator's order."""
    return sorted(name for name in launch.pointers if name != _RESULT)


def _empty(tensors: Sequence[torch.Tensor], launch: Launch, shape: Sequence[int]) -> torch.Tensor:
    return tensors[0].new_empty(tuple(shape), dtype=ELEMENTS[launch.pointers[_RESULT]])


def _launched(tensors: Sequence[torch.Tensor], text: str, shape: Sequence[int]) -> torch.Tensor:
    launch = _launch_of(text)
    made = _empty(tensors, launch, shape)
    named = dict(zip(inputs_of(launch), tensors, strict=True))
    run(launch, {**named, _RESULT: made})
    return made


if is_interpreted():
    # The interpreter reads values, so it cannot be traced like a compiled kernel.
    @custom_op("jpegcompile::launch", mutates_args=())
    def launch_op(tensors: Sequence[torch.Tensor], text: str, shape: Sequence[int]) -> torch.Tensor:
        """Launch a kernel and return its result."""
        return _launched(tensors, text, shape)

    @launch_op.register_fake
    def _(tensors: Sequence[torch.Tensor], text: str, shape: Sequence[int]) -> torch.Tensor:
        return _empty(tensors, _launch_of(text), shape)
else:

    @triton_op("jpegcompile::launch", mutates_args=())
    def launch_op(tensors: Sequence[torch.Tensor], text: str, shape: Sequence[int]) -> torch.Tensor:
        """Launch a kernel and return its result."""
        return _launched(tensors, text, shape)
