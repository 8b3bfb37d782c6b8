"""Piecewise linear functions of jpeg-domain maps, decided by few spatial frequencies.

y = a_k x + c_k on the pixels of a tile. Approximated Spatial Masking (ASM; Ehrlich and Davis, ICCV
2019, section 4.2) reads the piece k of each pixel from the inverse DCT of the frequencies
u + v < n only, and applies it to the exact pixel. APX, their baseline, applies the function to that
approximation itself. With all 2b - 1 frequencies both are the function itself.
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
    """A function y = slope x + intercept of pixels, by pieces.

    The piece of a value is the number of breakpoints below it.

    Attributes:
        breakpoints: ascending.
        pieces: (slope, intercept) of each piece, one more than breakpoints. A slope may be an array
            that broadcasts against the maps.
    """

    breakpoints: tuple[float, ...]
    pieces: tuple[tuple[Slope, float], ...]

    def piece(self, values: NDArray[Float]) -> NDArray[np.int8]:
        """Piece of every value."""
        index = np.zeros(values.shape, np.int8)
        for point in self.breakpoints:
            index += values > point
        return index

    def apply(self, values: NDArray[Float], piece: NDArray[np.int8]) -> NDArray[Float]:
        """The function where each value is taken to be on the piece that is given."""
        result = np.zeros_like(values)
        for index, (slope, intercept) in enumerate(self.pieces):
            line = np.broadcast_to(np.asarray(slope, values.dtype), values.shape) * values
            result = np.where(piece == index, line + values.dtype.type(intercept), result)
        return result

    def __call__(self, values: NDArray[Float]) -> NDArray[Float]:
        """The function itself."""
        return self.apply(values, self.piece(values))


RELU = PiecewiseLinear((0.0,), ((0.0, 0.0), (1.0, 0.0)))


def prelu(slope: Slope) -> PiecewiseLinear:
    """PReLU and, with one slope, LeakyReLU."""
    return PiecewiseLinear((0.0,), ((slope, 0.0), (1.0, 0.0)))


def clip(low: float, high: float) -> PiecewiseLinear:
    """Clip between finite bounds, the lower one first; ReLU6 has 0 and 6."""
    return PiecewiseLinear((low, high), ((0.0, low), (1.0, 0.0), (0.0, high)))


def approximation(maps: NDArray[Float], block: int, frequencies: int) -> NDArray[Float]:
    """Pixels [..., H, W] of jpeg-domain maps by the frequencies u + v < `frequencies` only."""
    return to_spatial(keep_band(maps, block, frequencies), block)


def asm(
    maps: NDArray[Float], function: PiecewiseLinear, block: int, frequencies: int
) -> NDArray[Float]:
    """Approximated Spatial Masking.

    Args:
        maps: jpeg-domain maps [..., H, W].
        function: of the pixels.
        block: block size of the maps and of the result.
        frequencies: that decide the piece, 1 to 2 * block - 1.

    Returns:
        Jpeg-domain maps of the same shape.

    Raises:
        ValueError: if the block size does not divide H and W, or has no such frequencies.
    """
    piece = function.piece(approximation(maps, block, frequencies))
    return to_jpeg(function.apply(to_spatial(maps, block), piece), block)


def apx(
    maps: NDArray[Float], function: PiecewiseLinear, block: int, frequencies: int
) -> NDArray[Float]:
    """The function applied to the approximation; arguments and errors as for `asm`."""
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
    """Max pooling whose positions come from few frequencies, and whose values are exact.

    Of equal approximations the first in row-major order counts; padding counts as minus infinity.

    Args:
        maps: jpeg-domain maps [N, C, H, W] at `input_block`.
        kernel_shape: taps of the window; no window may lie in the padding alone.
        input_block: block size of the maps; divides H and W.
        output_block: block size of the result; divides its sides.
        frequencies: that decide the position, 1 to 2 * input_block - 1.
        strides: as for ONNX MaxPool, and so are the next two; `ceil_mode` is resolved beforehand.
        pads: padding before and after.
        dilations: step of the taps.

    Returns:
        [N, C, H', W'] at `output_block`.

    Raises:
        ValueError: as for `asm`, and if the window exceeds the map.
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
