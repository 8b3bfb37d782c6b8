"""Chroma subsampling by name: what a compiled file is written for, and what a JPEG file has."""

from __future__ import annotations

from jpegcompile.jpeg.frame import Frame
from jpegcompile.operators.constants import LUMA_FACTORS

GRAY = "gray"

SUBSAMPLINGS = (*LUMA_FACTORS, GRAY)


def frame_of(subsampling: str, height: int, width: int) -> Frame:
    """Frame of a YCbCr or grey image of that size and subsampling."""
    if subsampling == GRAY:
        return Frame(height, width, ((1, 1),), "gray")
    return Frame(height, width, (LUMA_FACTORS[subsampling], (1, 1), (1, 1)), "ycbcr")


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
    return next((name for name, factors in LUMA_FACTORS.items() if factors == ratio), None)
