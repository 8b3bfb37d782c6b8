"""Maps as GPU kernels store them, and kernels run on NumPy arrays by Triton's interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jpegcompile.evaluation.gpu_check.maps import Doubles, pixels_of, stored
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.launching import DTYPES, run

__all__ = ["Doubles", "largest_error", "pixels_of", "rounded", "run_kernel", "stored"]


def rounded(values: Doubles, precision: Precision) -> Doubles:
    """Values as they are stored at a precision."""
    kind = DTYPES[precision.storage]
    result: Doubles = torch.from_numpy(values).to(kind).double().numpy()
    return result


def run_kernel(
    launch: Launch,
    arrays: Mapping[str, NDArray[Any]],
    matrices: Mapping[str, TileMatrix],
    result: tuple[int, ...],
) -> Doubles:
    """What a kernel makes: the arrays and matrices rounded to the types that the launch says.

    The result is NaN where the kernel writes nothing.
    """
    types = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    given = {**arrays, **{name: matrix.values().copy() for name, matrix in matrices.items()}}
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(values)).to(types[launch.pointers[name]])
        if launch.pointers[name] in types
        else torch.from_numpy(np.ascontiguousarray(values))
        for name, values in given.items()
    }
    tensors["y"] = torch.full(result, float("nan"), dtype=types[launch.pointers["y"]])
    # Lanes that are masked may divide by zero.
    with np.errstate(all="ignore"):
        run(launch, tensors)
    made: Doubles = tensors["y"].double().numpy()
    return made


def largest_error(made: Doubles, expected: Doubles) -> float:
    """The largest error as a fraction of the largest expected value."""
    return float(np.abs(made - expected).max() / np.abs(expected).max())
