"""Random jpeg-domain maps of awkward shapes, and the matrices of the transforms around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.function_bodies import Array

from jpegcompile.dct.blocks import axis_dct, block_size

Doubles = NDArray[np.float64]

# Batch, channels, H, W: block sizes 8, 4, 2 and 1.
SHAPES = [(1, 3, 16, 24), (2, 1, 12, 8), (3, 2, 14, 6), (5, 4, 7, 9), (4, 2, 8, 8)]


def random_map(shape: tuple[int, ...]) -> Doubles:
    """Normal values, the same for the same shape; exactly representable in float32."""
    generator = np.random.default_rng(shape)
    return generator.normal(size=shape).astype(np.float32).astype(np.float64)


def forward(height: int, width: int) -> list[Array]:
    """Left and right matrix that take a map to the jpeg domain."""
    block = block_size(height, width)
    return [axis_dct(height, block), axis_dct(width, block).T]


def inverse(height: int, width: int) -> list[Array]:
    """Left and right matrix that take it back."""
    return [matrix.T for matrix in forward(height, width)]


def blocks_of(x: Doubles, size: Sequence[int]) -> dict[str, Any]:
    """Attributes of an operator from x to a map of that height and width."""
    height, width = x.shape[2:]
    return {"input_block": block_size(height, width), "output_block": block_size(*size)}
