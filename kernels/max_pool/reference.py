"""NumPy reference of JpegMaxPool, JpegGlobalMaxPool and JpegAsmMaxPool.

    y = DCT(max pooling of inverse DCT(x))                                       JpegMaxPool
    y = max(inverse DCT(x)) of each channel                                      JpegGlobalMaxPool
    y = DCT(pixels of x where inverse DCT(band(x)) has the window's maximum)     JpegAsmMaxPool

JpegDilatedMaxPool and JpegAsmDilatedMaxPool are the same with dilated windows.

The maximum compares pixels, so the operator works between an inverse and a forward transform.
Padding is minus infinity and is never selected. band(x) contains the frequencies u + v < n of x.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import asm_max_pool as jpeg_asm_max_pool
from jpegcompile.dct.windows import NO_PADS, Pads, Pair, taps

__all__ = ["jpeg_asm_max_pool", "jpeg_global_max_pool", "jpeg_max_pool"]


def jpeg_max_pool(
    x: NDArray[Float],
    *,
    kernel_shape: Pair,
    input_block: int,
    output_block: int,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
) -> NDArray[Float]:
    """Apply max pooling to the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        kernel_shape: taps of the window; no window may contain only padding.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.
        strides: as for ONNX MaxPool; the next two, too. `ceil_mode` is already resolved.
        pads: padding with minus infinity.
        dilations: step of the taps.

    Returns:
        [N, C, H', W'] at `output_block`.

    Raises:
        ValueError: if block sizes do not divide the sides, or the window exceeds the map.
    """
    spatial = to_spatial(x, input_block)
    seen = taps(spatial, kernel_shape, strides, pads, dilations, fill=-np.inf)
    largest = reduce(np.maximum, (values for _, values in seen))
    return to_jpeg(largest, output_block)


def jpeg_global_max_pool(x: NDArray[Float], *, input_block: int) -> NDArray[Float]:
    """Return the largest pixel of each channel of x [N, C, H, W]: [N, C, 1, 1] at block size 1."""
    return np.asarray(to_spatial(x, input_block).max(axis=(-2, -1), keepdims=True))
