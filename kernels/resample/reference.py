"""NumPy reference of JpegSlice, JpegPad and JpegResize.

    y = DCT(inverse DCT(x)[..., rows, columns])     JpegSlice
    y = DCT(pad(inverse DCT(x)))                    JpegPad
    y = DCT(R inverse DCT(x) C^T)                   JpegResize; R and C interpolate rows and columns

All three are linear and separable. Shortcuts of residual networks without projection are such
slices and pads. Tiles of the result do not correspond to tiles of the input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.windows import Pads


def jpeg_slice(
    x: NDArray[Float], rows: slice, columns: slice, *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Select rows and columns of pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `input_block`.
        rows: rows to select; any step is supported, negative ones included.
        columns: columns to select.
        input_block: block size of x; must divide H and W.
        output_block: block size of the result; must divide its height and width.

    Returns:
        [N, C, H', W'] with block size `output_block`.
    """
    taken = to_spatial(x, input_block)[..., rows, columns]
    return to_jpeg(np.ascontiguousarray(taken), output_block)


def jpeg_pad(
    x: NDArray[Float], pads: Pads, *, input_block: int, output_block: int
) -> NDArray[Float]:
    """Pad the pixels of a JPEG-domain map with zeros.

    Args:
        x: [N, C, H, W] with block size `input_block`.
        pads: top, left, bottom, right; negative amounts crop, as in ONNX.
        input_block: block size of x; must divide H and W.
        output_block: block size of the result; must divide its height and width.

    Returns:
        [N, C, H', W'] with block size `output_block`.
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
    """Interpolate the pixels of a JPEG-domain map.

    Args:
        x: [N, C, H, W] with block size `input_block`.
        rows: [H', H], weights of input rows for output rows; see `dct/resize.py`.
        columns: [W', W], weights of input columns for output columns.
        input_block: block size of x; must divide H and W.
        output_block: block size of the result; must divide its height and width.

    Returns:
        [N, C, H', W'] with block size `output_block`.
    """
    resized = np.einsum("ph,nchw,qw->ncpq", rows, to_spatial(x, input_block), columns)
    return to_jpeg(np.asarray(resized, x.dtype), output_block)
