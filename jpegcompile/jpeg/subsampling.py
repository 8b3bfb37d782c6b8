"""Chroma subsampling by name: what a compiled file is written for, and what a JPEG file has."""

from __future__ import annotations

from jpegcompile.jpeg.frame import Frame

GRAY = "gray"

# Sampling factors (horizontal, vertical) of luma; chroma has (1, 1). ITU-T T.81, B.2.2.
_LUMA_FACTORS = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:4:0": (1, 2),
    "4:2:0": (2, 2),
    "4:1:1": (4, 1),
}
SUBSAMPLINGS = (*_LUMA_FACTORS, GRAY)


def frame_of(subsampling: str, height: int, width: int) -> Frame:
    """Frame of a YCbCr or grey image of that size and subsampling."""
    if subsampling == GRAY:
        return Frame(height, width, ((1, 1),), "gray")
    return Frame(height, width, (_LUMA_FACTORS[subsampling], (1, 1), (1, 1)), "ycbcr")


def subsampling_of(frame: Frame) -> str | None:
    """Name of a frame's subsampling; None where a compiled model cannot be written for it.

    Only ratios count: factors of 2x2, 2x2, 2x2 are 4:4:4.
    """
    if frame.color_space == "gray":
        return GRAY
    if frame.color_space != "ycbcr":
        return None
    luma, *chroma = frame.sampling
    if chroma[0] != chroma[1] or luma[0] % chroma[0][0] or luma[1] % chroma[0][1]:
        return None
    ratio = (luma[0] // chroma[0][0], luma[1] // chroma[0][1])
    return next((name for name, factors in _LUMA_FACTORS.items() if factors == ratio), None)
