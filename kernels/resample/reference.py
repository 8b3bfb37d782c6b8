"""What JpegSlice, JpegPad and JpegResize mean.

    y = DCT(inverse DCT(x)[..., rows, columns]),  DCT(pad(inverse DCT(x))),
    y = DCT(R inverse DCT(x) C^T), R and C interpolating rows and columns

All are linear and separable (the shortcuts of residual networks without projection are such
slices and pads). Tiles of the result have nothing to do with tiles of the input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.windows import Pads


def jpeg_slice(
    x: NDArray[Float], rows: slice, columns: slice, *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Take rows and columns of pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        rows: which rows; steps other than 1, negative ones included, are taken.
        columns: which columns, likewise.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.

    Returns:
        [N, C, H', W'] at `output_block`.
    """
    taken = to_spatial(x, input_block)[..., rows, columns]
    return to_jpeg(np.ascontiguousarray(taken), output_block)


def jpeg_pad(
    x: NDArray[Float], pads: Pads, *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Pad the pixels of a jpeg-domain map with zeros.

    Args:
        x: [N, C, H, W] at `input_block`.
        pads: begin of H and W, then end of H and W; negative amounts crop, as in ONNX.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.

    Returns:
        [N, C, H', W'] at `output_block`.
    """
    spatial = to_spatial(x, input_block)
    height, width = spatial.shape[-2:]
    top, left, bottom, right = pads
    kept = spatial[
        ..., max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)
    ]
    amounts = [(0, 0), (0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    return to_jpeg(np.pad(kept, amounts), output_block)


def jpeg_resize(
    x: NDArray[Float],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    *,
    input_block: int,
    output_block: int,
) -> NDArray[Float]:
    """Interpolate the pixels of a jpeg-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        rows: [H', H], what new rows take of old ones; see `dct/resize.py`.
        columns: [W', W], likewise.
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.

    Returns:
        [N, C, H', W'] at `output_block`.
    """
    resized = np.einsum("ph,nchw,qw->ncpq", rows, to_spatial(x, input_block), columns)
    return to_jpeg(np.asarray(resized, x.dtype), output_block)
