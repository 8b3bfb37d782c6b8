"""What JpegReduceMean and JpegReduceSum mean.

y = DCT(mean or sum of inverse DCT(x) over axes of the plane), which stay with size 1
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
