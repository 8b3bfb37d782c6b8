"""What JpegMul, JpegMax and JpegMin mean.

    y = DCT(f(inverse DCT(x), inverse DCT(other)))         f a product, a maximum or a minimum

The product of two maps is no linear function of either in the jpeg domain's sense: its coefficients
are a convolution of theirs. Both are transformed back. `other` of one channel is spatial attention
(Woo et al., CBAM, ECCV 2018; Roy et al., scSE, MICCAI 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_mul(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The product of pixels at the same place.

    Args:
        x: [N, C, H, W] at `block`.
        other: of the shape of x, or [N, 1, H, W], at `block`.
        block: block size of both and of the result; 1 is the spatial domain.

    Returns:
        The shape of x, at `block`.
    """
    return to_jpeg(to_spatial(x, block) * to_spatial(other, block), block)


def jpeg_max(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The larger of pixels at the same place; else as `jpeg_mul`, of equal shapes."""
    return to_jpeg(np.maximum(to_spatial(x, block), to_spatial(other, block)), block)


def jpeg_min(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The smaller of pixels at the same place; else as `jpeg_mul`, of equal shapes."""
    return to_jpeg(np.minimum(to_spatial(x, block), to_spatial(other, block)), block)
