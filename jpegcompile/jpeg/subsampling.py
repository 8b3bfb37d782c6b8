"""Chroma subsampling by name: what a compiled file is written for, and what a JPEG file has."""

from __future__ import annotations

from jpegcompile.dct.ingest import IngestGeometry
from jpegcompile.jpeg.coefficients import Coefficients, ColorSpace

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


def geometry_of(subsampling: str, height: int, width: int) -> IngestGeometry:
    """Geometry of a YCbCr or grey image of that size and subsampling."""
    if subsampling == GRAY:
        return IngestGeometry(height, width, ((1, 1),), "gray")
    return IngestGeometry(height, width, (_LUMA_FACTORS[subsampling], (1, 1), (1, 1)), "ycbcr")


def chroma_factors(subsampling: str) -> tuple[int, int] | None:
    """Pixels of luma to one of chroma, (vertical, horizontal); None where there is no chroma."""
    if subsampling == GRAY:
        return None
    horizontal, vertical = _LUMA_FACTORS[subsampling]
    return vertical, horizontal


def subsampling_of(coefficients: Coefficients) -> str | None:
    """Name of a file's subsampling; None where a compiled model cannot be written for it.

    Only ratios count: factors of 2x2, 2x2, 2x2 are 4:4:4.
    """
    color_space: ColorSpace = coefficients.color_space
    if color_space == "gray":
        return GRAY
    if color_space != "ycbcr":
        return None
    luma, *chroma = coefficients.sampling
    if chroma[0] != chroma[1] or luma[0] % chroma[0][0] or luma[1] % chroma[0][1]:
        return None
    ratio = (luma[0] // chroma[0][0], luma[1] // chroma[0][1])
    return next((name for name, factors in _LUMA_FACTORS.items() if factors == ratio), None)
