"""NumPy reference of JpegMul, JpegMax and JpegMin.

    y = DCT(f(inverse DCT(x), inverse DCT(other)))         f a product, a maximum or a minimum

The product of two maps is not linear, so it cannot be computed coefficient by coefficient, and both
maps are transformed to pixels. If `other` has one channel, the product is spatial attention (Woo et
al., CBAM, ECCV 2018; Roy et al., scSE, MICCAI 2018).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_mul(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Multiply two maps pixel by pixel.

    Args:
        x: [N, C, H, W] with block size `block`.
        other: [N, C, H, W] or [N, 1, H, W], with block size `block`.
        block: block size of both maps and of the result; 1 is the spatial domain.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    return to_jpeg(to_spatial(x, block) * to_spatial(other, block), block)


def jpeg_max(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Return the larger of two pixels. Like `jpeg_mul`, for maps of equal shapes."""
    return to_jpeg(np.maximum(to_spatial(x, block), to_spatial(other, block)), block)


def jpeg_min(x: NDArray[Float], other: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Return the smaller of two pixels. Like `jpeg_mul`, for maps of equal shapes."""
    return to_jpeg(np.minimum(to_spatial(x, block), to_spatial(other, block)), block)
