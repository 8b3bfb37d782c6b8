"""Names of chroma subsamplings, such as "4:2:0"."""

from __future__ import annotations

from jpegcompile.jpeg.frame import Frame
from jpegcompile.operators.constants import LUMA_FACTORS

GRAY = "gray"

SUBSAMPLINGS = (*LUMA_FACTORS, GRAY)


def frame_of(subsampling: str, height: int, width: int) -> Frame:
    """Return the frame of a YCbCr or grayscale image.

    Args:
        subsampling: a name from `SUBSAMPLINGS`.
        height: height in pixels.
        width: width in pixels.
    """
    if subsampling == GRAY:
        return Frame(height, width, ((1, 1),), "gray")
    return Frame(height, width, (LUMA_FACTORS[subsampling], (1, 1), (1, 1)), "ycbcr")


def subsampling_of(frame: Frame) -> str | None:
    """Return the name of a frame's subsampling; None if no model can be compiled for it.

    Only ratios matter: the factors 2x2, 2x2, 2x2 are 4:4:4.
    """
    if frame.color_space == "gray":
        return GRAY
    if frame.color_space != "ycbcr":
        return None
    luma, *chroma = frame.sampling
    if chroma[0] != chroma[1] or luma[0] % chroma[0][0] or luma[1] % chroma[0][1]:
        return None
    ratio = (luma[0] // chroma[0][0], luma[1] // chroma[0][1])
    return next((name for name, factors in LUMA_FACTORS.items() if factors == ratio), None)
