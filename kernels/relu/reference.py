"""What JpegRelu, JpegAsmRelu and JpegApxRelu mean.

    y = DCT(max(0, inverse DCT(x)))                                    JpegRelu
    y = DCT(inverse DCT(x) where inverse DCT(band(x)) > 0, else 0)     JpegAsmRelu
    y = DCT(max(0, inverse DCT(band(x))))                              JpegApxRelu

band(x) holds the frequencies u + v < n of x (Ehrlich and Davis, ICCV 2019, section 4.2). With all
of them the three are the same.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import RELU, apx, asm


def jpeg_relu(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Rectify the pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] at `block`.
    """
    return to_jpeg(RELU(to_spatial(x, block)), block)


def jpeg_asm_relu(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Rectify exact pixels by the sign of their approximation; else as `jpeg_relu`."""
    return asm(x, RELU, block, frequencies)


def jpeg_apx_relu(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Rectify the approximation of the pixels; else as `jpeg_relu`."""
    return apx(x, RELU, block, frequencies)
