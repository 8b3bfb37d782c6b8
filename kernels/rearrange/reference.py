"""What JpegSpaceToDepth and JpegDepthToSpace mean.

    y = DCT(SpaceToDepth(inverse DCT(x))),  DCT(DepthToSpace(inverse DCT(x)))

Tiles of the result have nothing to do with tiles of the input. DepthToSpace takes channels in the
order of mode DCR of ONNX.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.rearrange import depth_to_space, space_to_depth


def jpeg_space_to_depth(
    x: NDArray[Float], *, blocksize: int, input_block: int, output_block: int
) -> NDArray[Float]:
    """Make channels of the pixels of square tiles.

    Args:
        x: [N, C, H, W] at `input_block`.
        blocksize: side b of the tiles; divides H and W.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.

    Returns:
        [N, b^2 C, H / b, W / b] at `output_block`.
    """
    moved = space_to_depth(to_spatial(x, input_block), blocksize)
    return to_jpeg(np.ascontiguousarray(moved), output_block)


def jpeg_depth_to_space(
    x: NDArray[Float], *, blocksize: int, input_block: int, output_block: int
) -> NDArray[Float]:
    """The inverse: [N, C / b^2, b H, b W] at `output_block`, of x [N, C, H, W]."""
    moved = depth_to_space(to_spatial(x, input_block), blocksize)
    return to_jpeg(np.ascontiguousarray(moved), output_block)
