"""NumPy reference of JpegClip, JpegAsmClip and JpegApxClip.

    y = DCT(clip(inverse DCT(x)))                              JpegClip
    y = DCT(the piece of each pixel of x by band(x))           JpegAsmClip
    y = DCT(clip(inverse DCT(band(x))))                        JpegApxClip

A pixel is on the upper piece if its approximation is above `high`, and on the lower piece if its
approximation is not above `low`. band(x) contains the frequencies u + v < n of x.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.masking import apx, asm, clip


def jpeg_clip(x: NDArray[Float], low: float, high: float, *, block: int) -> NDArray[Float]:
    """Clip the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `block`.
        low: bound, finite.
        high: bound, finite, not below `low`.
        block: block size of x and of the result.

    Returns:
        [N, C, H, W] at `block`.
    """
    return to_jpeg(clip(low, high)(to_spatial(x, block)), block)


def jpeg_asm_clip(
    x: NDArray[Float], low: float, high: float, *, block: int, frequencies: int
) -> NDArray[Float]:
    """Clip exact pixels on the pieces that their approximations select; see `jpeg_clip`."""
    return asm(x, clip(low, high), block, frequencies)


def jpeg_apx_clip(
    x: NDArray[Float], low: float, high: float, *, block: int, frequencies: int
) -> NDArray[Float]:
    """Clip the approximations of the pixels; see `jpeg_clip`."""
    return apx(x, clip(low, high), block, frequencies)
