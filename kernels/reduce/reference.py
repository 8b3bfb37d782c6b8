"""NumPy reference of JpegReduceMean, JpegReduceSum and the reductions over channels.

    y = DCT(mean or sum of inverse DCT(x) over height, width or both)
    y = DCT(mean, sum, maximum or minimum of inverse DCT(x) over channels)

Reduced dimensions keep size 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_reduce_mean(
    x: NDArray[Float], axes: tuple[int, ...], *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Compute the mean of a JPEG-domain map over height, width or both.

    Args:
        x: [N, C, H, W] with block size `input_block`.
        axes: 2 for height, 3 for width.
        input_block: block size of x; must divide H and W.
        output_block: block size of the result; must divide its height and width.

    Returns:
        [N, C, 1, W], [N, C, H, 1] or [N, C, 1, 1] with block size `output_block`.
    """
    mean = to_spatial(x, input_block).mean(axis=axes, keepdims=True)
    return to_jpeg(np.asarray(mean, x.dtype), output_block)


def jpeg_reduce_sum(
    x: NDArray[Float], axes: tuple[int, ...], *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Compute the sum over these axes; otherwise like `jpeg_reduce_mean`."""
    total = to_spatial(x, input_block).sum(axis=axes, keepdims=True)
    return to_jpeg(np.asarray(total, x.dtype), output_block)


def jpeg_channel_mean(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Compute the mean over channels. It is the same on coefficients and on pixels.

    Args:
        x: [N, C, H, W] with block size `block`.
        block: block size of x and of the result.

    Returns:
        [N, 1, H, W] with block size `block`.
    """
    return to_jpeg(np.asarray(to_spatial(x, block).mean(1, keepdims=True), x.dtype), block)


def jpeg_channel_sum(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Compute the sum over channels; otherwise like `jpeg_channel_mean`."""
    return to_jpeg(np.asarray(to_spatial(x, block).sum(1, keepdims=True), x.dtype), block)


def jpeg_channel_max(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Compute the maximum over channels, of pixels; otherwise like `jpeg_channel_mean`."""
    return to_jpeg(to_spatial(x, block).max(1, keepdims=True), block)


def jpeg_channel_min(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Compute the minimum over channels, of pixels; otherwise like `jpeg_channel_mean`."""
    return to_jpeg(to_spatial(x, block).min(1, keepdims=True), block)
