"""NumPy reference of ToJpeg and ToSpatial: the orthonormal DCT-II of each tile, and its inverse.

The computation is in `jpegcompile.dct.blocks` (ITU-T T.81, A.3.3), which every other reference uses
as well. The functions here have the names and arguments of the operators.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct import blocks
from jpegcompile.dct.blocks import Float


def to_jpeg(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Convert a spatial-domain map [N, C, H, W] to the JPEG domain at `block`."""
    return blocks.to_jpeg(x, block)


def to_spatial(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """Convert a JPEG-domain map [N, C, H, W] at `block` to the spatial domain."""
    return blocks.to_spatial(x, block)
