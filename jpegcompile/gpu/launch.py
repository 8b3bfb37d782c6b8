"""Launches of GPU kernels, without tensors: kernel, grid, arguments and tiling.

The same records are used to launch kernels in PyTorch, to compile them ahead of time, and to
predict their time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegcompile.precision import Precision

# Triton element types by storage type.
STORAGE = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


@dataclass(frozen=True)
class Tiling:
    """Division of a kernel's work into programs.

    Attributes:
        rows: rows of the output that a program computes (BM), a multiple of 64.
        channels: output channels that a program computes (BN).
        depth: input channels in one step of the sum (BK).
        warps: warps of a program.
        stages: stages of the software pipeline that loads operands of later steps.
    """

    rows: int = 64
    channels: int = 64
    depth: int = 32
    warps: int = 4
    stages: int = 3

    def to_json(self) -> dict[str, int]:
        """Return JSON-ready data: the arguments of `Tiling`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel.

    Attributes:
        kernel: MODULE:FUNCTION within `jpegcompile.kernels`.
        grid: number of programs along each axis.
        pointers: element type of each pointer argument, such as "fp16".
        numbers: integers by name. The kernel receives only the ones that it has as arguments.
        constants: compile-time constants by name. The kernel receives only the ones that it has as
            arguments.
        tiling: warps and stages.
    """

    kernel: str
    grid: tuple[int, int, int]
    pointers: Mapping[str, str]
    numbers: Mapping[str, int]
    constants: Mapping[str, Any]
    tiling: Tiling = field(default_factory=Tiling)


def is_aligned(argument: str) -> bool:
    """Whether an integer argument of kernels is always a multiple of 16."""
    strides = ("_image", "_row", "_pixel", "_group")
    return argument in ("channels", "span", "last_start") or argument.endswith(strides)


def storage_type(precision: Precision) -> str:
    """Return the Triton element type of maps."""
    return STORAGE[precision.storage]


def programs(rows: int, channels: int, tiling: Tiling) -> tuple[int, int, int]:
    """Return the grid of a kernel that computes rows of a map.

    Args:
        rows: number of rows of the output matrix.
        channels: number of output channels.
        tiling: division of the output into programs.
    """
    return -(-rows // tiling.rows), -(-channels // tiling.channels), 1
