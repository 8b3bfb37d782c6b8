"""What JpegReduceMean, JpegReduceSum and the reductions over channels mean.

y = DCT(mean or sum of inverse DCT(x) over axes of the plane), which stay with size 1
y = DCT(mean, sum, maximum or minimum of inverse DCT(x) over channels), of which one is left
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_reduce_mean(
    x: NDArray[Float], axes: tuple[int, ...], *, input_block: int, output_block: int
) -> NDArray[Float]:
    """The mean of rows, of columns, or of the whole plane of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        axes: of 2 (height) and 3 (width).
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.

    Returns:
        [N, C, 1, W], [N, C, H, 1] or [N, C, 1, 1] at `output_block`.
    """
    mean = to_spatial(x, input_block).mean(axis=axes, keepdims=True)
    return to_jpeg(np.asarray(mean, x.dtype), output_block)


def jpeg_reduce_sum(
    x: NDArray[Float], axes: tuple[int, ...], *, input_block: int, output_block: int
) -> NDArray[Float]:
    """The sum over those axes; else as `jpeg_reduce_mean`."""
    total = to_spatial(x, input_block).sum(axis=axes, keepdims=True)
    return to_jpeg(np.asarray(total, x.dtype), output_block)


def jpeg_channel_mean(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The mean of all channels, of coefficients as of pixels.

    Args:
        x: [N, C, H, W] at `block`.
        block: block size of x and of the result.

    Returns:
        [N, 1, H, W] at `block`.
    """
    return to_jpeg(np.asarray(to_spatial(x, block).mean(1, keepdims=True), x.dtype), block)


def jpeg_channel_sum(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The sum of all channels; else as `jpeg_channel_mean`."""
    return to_jpeg(np.asarray(to_spatial(x, block).sum(1, keepdims=True), x.dtype), block)


def jpeg_channel_max(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The largest pixel of all channels at each place; else as `jpeg_channel_mean`."""
    return to_jpeg(to_spatial(x, block).max(1, keepdims=True), block)


def jpeg_channel_min(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The smallest pixel of all channels at each place; else as `jpeg_channel_mean`."""
    return to_jpeg(to_spatial(x, block).min(1, keepdims=True), block)
