"""NumPy reference of JpegRelu, JpegAsmRelu and JpegApxRelu.

    y = DCT(max(0, inverse DCT(x)))                                    JpegRelu
    y = DCT(inverse DCT(x) where inverse DCT(band(x)) > 0, else 0)     JpegAsmRelu
    y = DCT(max(0, inverse DCT(band(x))))                              JpegApxRelu

band(x) contains the frequencies u + v < n of x (Ehrlich and Davis, ICCV 2019, section 4.2). With
all frequencies the three operators are equal.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import RELU, apx, asm


def jpeg_relu(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Rectify the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `block`.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] with block size `block`.
    """
    return to_jpeg(RELU(to_spatial(x, block)), block)


def jpeg_asm_relu(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Set exact pixels to zero where their approximation is not positive.

    `frequencies` is the number of frequencies of the approximation; otherwise like `jpeg_relu`.
    """
    return asm(x, RELU, block, frequencies)


def jpeg_apx_relu(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Rectify the approximation of pixels.

    `frequencies` is the number of frequencies of the approximation; otherwise like `jpeg_relu`.
    """
    return apx(x, RELU, block, frequencies)
