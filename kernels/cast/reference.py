"""What ToJpeg and ToSpatial mean: the orthonormal DCT-II of each tile, and its inverse.

The mathematics is `jpegcompile.dct.blocks` (ITU-T T.81, A.3.3), which every other reference uses as
well; here it has the names and the arguments of the operators.
"""

from __future__ import annotations

from numpy.typing import NDArray

from jpegcompile.dct import blocks
from jpegcompile.dct.blocks import Float


def to_jpeg(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The jpeg-domain twin [N, C, H, W] at `block` of a spatial map x [N, C, H, W]."""
    return blocks.to_jpeg(x, block)


def to_spatial(x: NDArray[Float], *, block: int) -> NDArray[Float]:
    """The spatial twin [N, C, H, W] of a jpeg-domain map x [N, C, H, W] at `block`."""
    return blocks.to_spatial(x, block)
