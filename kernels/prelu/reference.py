"""What JpegPRelu, JpegAsmPRelu and JpegApxPRelu mean.

As for ReLU (see `kernels/relu/reference.py`), with slope * pixel where that has zero.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import apx, asm, prelu


def jpeg_prelu(x: NDArray[Float], slope: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Scale the negative pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        slope: broadcasts against NCHW: one number, [C, 1, 1], or one for each pixel.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] at `block`.
    """
    return to_jpeg(prelu(slope)(to_spatial(x, block)), block)


def jpeg_asm_prelu(
    x: NDArray[Float], slope: NDArray[Float], *, block: int, frequencies: int
) -> NDArray[Float]:
    """Scale exact pixels by the sign of their approximation; else as `jpeg_prelu`."""
    return asm(x, prelu(slope), block, frequencies)


def jpeg_apx_prelu(
    x: NDArray[Float], slope: NDArray[Float], *, block: int, frequencies: int
) -> NDArray[Float]:
    """The function of the approximation of the pixels; else as `jpeg_prelu`."""
    return apx(x, prelu(slope), block, frequencies)
