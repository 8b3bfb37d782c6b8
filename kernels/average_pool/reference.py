"""NumPy reference of JpegAveragePool and JpegGlobalAveragePool.

    y = DCT(average pooling of inverse DCT(x))

The mean of a whole map is the mean of its DC coefficients, divided by the block size (Ehrlich and
Davis, ICCV 2019, section 4.5). This reference computes it from pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.windows import NO_PADS, Pads, Pair, taps


def jpeg_average_pool(
    x: NDArray[Float],
    *,
    kernel_shape: Pair,
    input_block: int,
    output_block: int,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
    count_include_pad: bool = False,
) -> NDArray[Float]:
    """Pool a JPEG-domain map by the mean of each window.

    Args:
        x: [N, C, H, W] at `input_block`.
        kernel_shape: taps of the window; no window may contain only padding.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.
        strides: as for ONNX AveragePool; the next three, too. `ceil_mode` is already resolved.
        pads: zero padding.
        dilations: step of the taps.
        count_include_pad: whether padding counts in the divisor.

    Returns:
        [N, C, H', W'] at `output_block`.

    Raises:
        ValueError: if block sizes do not divide the sides, or the window exceeds the map.
    """
    spatial = to_spatial(x, input_block)
    counted = np.ones(spatial.shape[-2:], spatial.dtype)
    divisor = sum(
        seen for _, seen in taps(counted, kernel_shape, strides, pads, dilations, count_include_pad)
    )
    total = sum(seen for _, seen in taps(spatial, kernel_shape, strides, pads, dilations))
    return to_jpeg(np.asarray(total / divisor, x.dtype), output_block)


def jpeg_global_average_pool(x: NDArray[Float], *, input_block: int) -> NDArray[Float]:
    """Return the mean of each channel of x [N, C, H, W]: [N, C, 1, 1] at block size 1."""
    mean = to_spatial(x, input_block).mean(axis=(-2, -1), keepdims=True)
    return np.asarray(mean, x.dtype)
