"""NumPy reference of JpegSpaceToDepth and JpegDepthToSpace.

    y = DCT(SpaceToDepth(inverse DCT(x))),  DCT(DepthToSpace(inverse DCT(x)))

Tiles of the result do not correspond to tiles of the input. DepthToSpace reads channels in the
order of ONNX's mode DCR.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.rearrange import depth_to_space, space_to_depth


def jpeg_space_to_depth(
    x: NDArray[Float], *, blocksize: int, input_block: int, output_block: int
) -> NDArray[Float]:
    """Convert the pixels of square tiles to channels.

    Args:
        x: [N, C, H, W] with block size `input_block`.
        blocksize: side b of the tiles; must divide H and W.
        input_block: block size of x; must divide H and W.
        output_block: block size of the result; must divide its height and width.

    Returns:
        [N, b^2 C, H / b, W / b] with block size `output_block`.
    """
    moved = space_to_depth(to_spatial(x, input_block), blocksize)
    return to_jpeg(np.ascontiguousarray(moved), output_block)


def jpeg_depth_to_space(
    x: NDArray[Float], *, blocksize: int, input_block: int, output_block: int
) -> NDArray[Float]:
    """Convert channels to the pixels of square tiles; the inverse of `jpeg_space_to_depth`.

    Returns:
        [N, C / b^2, b H, b W] with block size `output_block`, for x [N, C, H, W].
    """
    moved = depth_to_space(to_spatial(x, input_block), blocksize)
    return to_jpeg(np.ascontiguousarray(moved), output_block)
