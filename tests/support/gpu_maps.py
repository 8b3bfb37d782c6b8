"""Maps as GPU kernels store them, and kernels run on NumPy arrays by Triton's interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from jpegcompile.dct.blocks import to_jpeg, to_spatial
from jpegcompile.dct.frequencies import band, keep_band
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision
from jpegcompile.runtime.triton.launching import DTYPES, run

Doubles = NDArray[np.float64]


def stored(pixels: Doubles, layout: MapLayout) -> Doubles:
    """What memory holds [N, *layout.shape] of a map with the given pixels [N, C, H, W]."""
    images, channels = pixels.shape[:2]
    block = layout.block
    coefficients = keep_band(to_jpeg(pixels, block), block, layout.frequencies)
    if layout.is_rows:
        rows, columns = layout.tiles
        tiles = coefficients.reshape(images, channels, rows, block, columns, block)
        tiles = tiles.transpose(0, 2, 4, 3, 5, 1).reshape(images, rows * columns, -1, channels)
        values = tiles[:, :, band(block, layout.frequencies).reshape(-1)]
    else:
        values = to_spatial(coefficients, block).transpose(0, 2, 3, 1)
    result = np.zeros((images, *layout.shape))
    result[..., :channels] = values
    return result


def pixels_of(values: Doubles, layout: MapLayout) -> Doubles:
    """The pixels [N, C, H, W] of what `stored` gives."""
    if not layout.is_rows:
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2)[:, : layout.channels])
    images, block = len(values), layout.block
    rows, columns = layout.tiles
    tiles = np.zeros((images, rows * columns, block * block, values.shape[-1]))
    tiles[:, :, band(block, layout.frequencies).reshape(-1)] = values
    tiles = tiles.reshape(images, rows, columns, block, block, -1).transpose(0, 5, 1, 3, 2, 4)
    coefficients = tiles.reshape(images, -1, layout.height, layout.width)
    return to_spatial(np.ascontiguousarray(coefficients), block)[:, : layout.channels]


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
    run(launch, tensors)
    made: Doubles = tensors["y"].double().numpy()
    return made


def largest_error(made: Doubles, expected: Doubles) -> float:
    """The largest error as a fraction of the largest expected value."""
    return float(np.abs(made - expected).max() / np.abs(expected).max())
