"""NumPy reference of JpegPRelu, JpegAsmPRelu and JpegApxPRelu.

They are defined like ReLU (see `kernels/relu/reference.py`), with slope * pixel instead of zero.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import apx, asm, prelu


def jpeg_prelu(x: NDArray[Float], slope: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Scale the negative pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `block`.
        slope: broadcasts to NCHW: one number, [C, 1, 1], or one number for each pixel.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    return to_jpeg(prelu(slope)(to_spatial(x, block)), block)


def jpeg_asm_prelu(
    x: NDArray[Float], slope: NDArray[Float], *, block: int, frequencies: int
) -> NDArray[Float]:
    """Scale exact pixels where their approximation is negative.

    `frequencies` is the number of frequencies of the approximation; otherwise like `jpeg_prelu`.
    """
    return asm(x, prelu(slope), block, frequencies)


def jpeg_apx_prelu(
    x: NDArray[Float], slope: NDArray[Float], *, block: int, frequencies: int
) -> NDArray[Float]:
    """Scale the approximation of pixels where it is negative.

    `frequencies` is the number of frequencies of the approximation; otherwise like `jpeg_prelu`.
    """
    return apx(x, prelu(slope), block, frequencies)
