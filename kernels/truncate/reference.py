"""What JpegTruncate means: coefficients of frequencies u + v >= n become zero."""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float
from jpegcompile.dct.frequencies import keep_band


def jpeg_truncate(x: NDArray[Float], *, block: int, frequencies: int) -> NDArray[Float]:
    """Keep the low frequencies of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        block: block size of x and of the result.
        frequencies: to keep, 1 to 2 * block - 1.

    Returns:
        [N, C, H, W] at `block`.
    """
    return keep_band(x, block, frequencies)
