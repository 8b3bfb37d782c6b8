"""NumPy reference of JpegAdd, JpegSub, JpegScale and JpegScaleAddRelu.

    y = DCT(inverse DCT(x) + value),  DCT(inverse DCT(x) - value),  DCT(inverse DCT(x) * scale)
    y = DCT(max(scale * inverse DCT(x) + inverse DCT(residual), 0))

A constant c over a tile has the DC coefficient c * block, so JpegAdd and JpegSub change only DC
coefficients. Two maps are added by the standard operators (Ehrlich and Davis, ICCV 2019, section
4.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial


def jpeg_add(x: NDArray[Float], value: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Add a constant to the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        value: a scalar, or an array that broadcasts against NCHW with 1 for H and W.
        block: block size of x and of the result.

    Returns:
        The shape of x broadcast with `value`, at `block`.
    """
    return to_jpeg(np.asarray(to_spatial(x, block) + value, x.dtype), block)


def jpeg_sub(x: NDArray[Float], value: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Subtract a constant from the pixels of a JPEG-domain map; see `jpeg_add`."""
    return to_jpeg(np.asarray(to_spatial(x, block) - value, x.dtype), block)


def jpeg_scale(x: NDArray[Float], scale: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Multiply the pixels of each channel by one number.

    Args:
        x: [N, C, H, W] at `block`.
        scale: a scalar, or an array that broadcasts against NCHW with 1 for H and W.
        block: block size of x and of the result.

    Returns:
        The shape of x, at `block`.
    """
    return to_jpeg(np.asarray(to_spatial(x, block) * scale, x.dtype), block)


def jpeg_scale_add_relu(
    x: NDArray[Float], scale: NDArray[Float], residual: NDArray[Float], *, block: int
) -> NDArray[Float]:
    """Compute the end of a squeeze-and-excitation block (Hu et al., CVPR 2018).

    Args:
        x: [N, C, H, W] at `block`.
        scale: [N, C, 1, 1] or [1, C, 1, 1].
        residual: same shape as x, at `block`.
        block: block size of x, of the residual and of the result; 1 is the spatial domain.

    Returns:
        The shape of x, at `block`.
    """
    pixels = to_spatial(x, block) * scale + to_spatial(residual, block)
    return to_jpeg(np.asarray(np.maximum(pixels, 0), x.dtype), block)
