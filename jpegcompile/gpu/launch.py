"""A launch of a GPU kernel, before there are tensors: what runs, on how much, and how.

The same records launch kernels in PyTorch, compile them ahead of time, and predict their time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegcompile.precision import Precision

# Types of elements, as Triton writes them.
STORAGE = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


@dataclass(frozen=True)
class Tiling:
    """How a kernel divides its work.

    Attributes:
        rows: of a map that a program makes (BM), a multiple of 64.
        channels: that a program makes (BN).
        depth: input channels that a step sums over (BK).
        warps: of a program.
        stages: of the pipeline that loads what the next steps read.
    """

    rows: int = 64
    channels: int = 64
    depth: int = 32
    warps: int = 4
    stages: int = 3

    def to_json(self) -> dict[str, int]:
        """JSON-ready data, the arguments of `Tiling`."""
        return dict(vars(self))


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel.

    Attributes:
        kernel: MODULE:FUNCTION within `jpegcompile.kernels`.
        grid: numbers of programs.
        pointers: the types of the elements that each pointer leads to, by argument, such as "fp16".
        numbers: integers by name; a kernel takes those that it has as arguments, and so with
            constants.
        constants: of the compiled kernel.
        tiling: warps and stages.
    """

    kernel: str
    grid: tuple[int, int, int]
    pointers: Mapping[str, str]
    numbers: Mapping[str, int]
    constants: Mapping[str, Any]
    tiling: Tiling = field(default_factory=Tiling)


def is_aligned(argument: str) -> bool:
    """Whether an integer argument of kernels is a multiple of 16."""
    strides = ("_image", "_row", "_pixel", "_group")
    return argument in ("channels", "span", "last_start") or argument.endswith(strides)


def storage_type(precision: Precision) -> str:
    """What Triton calls the type of maps."""
    return STORAGE[precision.storage]


def programs(rows: int, channels: int, tiling: Tiling) -> tuple[int, int, int]:
    """The grid of a kernel that makes rows of a map."""
    return -(-rows // tiling.rows), -(-channels // tiling.channels), 1
