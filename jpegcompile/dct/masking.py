"""Piecewise linear functions of maps in the JPEG domain, approximated with few frequencies.

On piece k, the function of a pixel x is y = a_k x + c_k. Approximated Spatial Masking (ASM; Ehrlich
and Davis, ICCV 2019, section 4.2) chooses the piece k of each pixel by an approximation of the
pixel: the inverse DCT of the frequencies u + v < n. It applies that piece to the exact pixel. APX,
the baseline of Ehrlich and Davis, applies the function to the approximation. With all 2b - 1
frequencies both compute the exact function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import keep_band
from jpegcompile.dct.windows import NO_PADS, Pads, Pair, taps

Slope = float | NDArray[Any]


@dataclass(frozen=True)
class PiecewiseLinear:
    """A piecewise linear function of pixels: y = slope x + intercept on each piece.

    The piece of a value is the number of breakpoints below it.

    Attributes:
        breakpoints: breakpoints in ascending order.
        pieces: (slope, intercept) of each piece, one more than breakpoints. A slope may be an array
            that broadcasts against the maps.
    """

    breakpoints: tuple[float, ...]
    pieces: tuple[tuple[Slope, float], ...]

    def piece(self, values: NDArray[Float]) -> NDArray[np.int8]:
        """Return the index of the piece of every value."""
        index = np.zeros(values.shape, np.int8)
        for point in self.breakpoints:
            index += values > point
        return index

    def apply(self, values: NDArray[Float], piece: NDArray[np.int8]) -> NDArray[Float]:
        """Apply the given piece to each value.

        Args:
            values: pixels.
            piece: index of the piece to apply to each value, of the same shape.
        """
        result = np.zeros_like(values)
        for index, (slope, intercept) in enumerate(self.pieces):
            line = np.broadcast_to(np.asarray(slope, values.dtype), values.shape) * values
            result = np.where(piece == index, line + values.dtype.type(intercept), result)
        return result

    def __call__(self, values: NDArray[Float]) -> NDArray[Float]:
        """Compute the function of every value."""
        return self.apply(values, self.piece(values))


RELU = PiecewiseLinear((0.0,), ((0.0, 0.0), (1.0, 0.0)))


def prelu(slope: Slope) -> PiecewiseLinear:
    """Return PReLU; with a single slope, LeakyReLU."""
    return PiecewiseLinear((0.0,), ((slope, 0.0), (1.0, 0.0)))


def clip(low: float, high: float) -> PiecewiseLinear:
    """Return Clip with finite bounds; ReLU6 is `clip(0, 6)`."""
    return PiecewiseLinear((low, high), ((0.0, low), (1.0, 0.0), (0.0, high)))


def approximation(maps: NDArray[Float], block: int, frequencies: int) -> NDArray[Float]:
    """Return pixels [..., H, W] of maps in the JPEG domain, from u + v < `frequencies` only."""
    return to_spatial(keep_band(maps, block, frequencies), block)


def asm(
    maps: NDArray[Float], function: PiecewiseLinear, block: int, frequencies: int
) -> NDArray[Float]:
    """Apply a function by Approximated Spatial Masking.

    Args:
        maps: maps [..., H, W] in the JPEG domain.
        function: function of the pixels.
        block: block size of the maps and of the result.
        frequencies: number of mask frequencies, 1 to 2 * block - 1. They choose the piece.

    Returns:
        Maps of the same shape in the JPEG domain.

    Raises:
        ValueError: if the block size does not divide H and W, or a block does not have that number
            of frequencies.
    """
    piece = function.piece(approximation(maps, block, frequencies))
    return to_jpeg(function.apply(to_spatial(maps, block), piece), block)


def apx(
    maps: NDArray[Float], function: PiecewiseLinear, block: int, frequencies: int
) -> NDArray[Float]:
    """Apply a function to the approximation of the pixels; arguments and errors as for `asm`."""
    return to_jpeg(function(approximation(maps, block, frequencies)), block)


def asm_max_pool(
    maps: NDArray[Float],
    *,
    kernel_shape: Pair,
    input_block: int,
    output_block: int,
    frequencies: int,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
) -> NDArray[Float]:
    """Compute max pooling with approximated positions and exact values.

    The approximation of the pixels chooses the position of the maximum in each window. Of equal
    approximations the first in row-major order counts. Padding counts as minus infinity.

    Args:
        maps: maps [N, C, H, W] in the JPEG domain, with block size `input_block`.
        kernel_shape: taps of the window. Every window must contain a pixel of the map.
        input_block: block size of the maps; divides H and W.
        output_block: block size of the result; divides H' and W'.
        frequencies: number of mask frequencies, 1 to 2 * input_block - 1. They choose the position.
        strides: strides of ONNX MaxPool. The caller has already resolved `ceil_mode`.
        pads: padding before and after, as for ONNX MaxPool.
        dilations: step of the taps, as for ONNX MaxPool.

    Returns:
        Maps [N, C, H', W'] in the JPEG domain, with block size `output_block`.

    Raises:
        ValueError: as for `asm`, or if the window is larger than the padded map.
    """
    window = (kernel_shape, strides, pads, dilations, -np.inf)
    rough = taps(approximation(maps, input_block, frequencies), *window)
    exact = taps(to_spatial(maps, input_block), *window)
    largest: NDArray[Float] | None = None
    values: NDArray[Float] | None = None
    for (_, guess), (_, value) in zip(rough, exact, strict=True):
        if largest is None or values is None:
            largest, values = guess, value
            continue
        better = guess > largest
        largest, values = np.where(better, guess, largest), np.where(better, value, values)
    assert values is not None
    return to_jpeg(values, output_block)
