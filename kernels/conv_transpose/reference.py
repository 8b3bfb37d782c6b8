"""NumPy reference of JpegConvTranspose.

    y = DCT(transposed conv(inverse DCT(x), weight) + bias)

Every input pixel adds the kernel, multiplied by its value, to the outputs that begin at `stride`
times its position (ONNX ConvTranspose). Pads are cut off the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float, to_jpeg, to_spatial
from jpegcompile.dct.windows import NO_PADS, Pads, Pair


def jpeg_conv_transpose(
    x: NDArray[Float],
    weight: NDArray[Float],
    bias: NDArray[Float],
    *,
    input_block: int,
    output_block: int,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
    output_padding: Pair = (0, 0),
    group: int = 1,
) -> NDArray[Float]:
    """Apply a transposed convolution to a JPEG-domain map.

    Args:
        x: [N, C, H, W] at `input_block`.
        weight: spatial kernel [C, M / group, kh, kw].
        bias: [M].
        input_block: block size of x; divides H and W.
        output_block: block size of the result; divides its sides.
        strides: as for ONNX ConvTranspose; the next four, too.
        pads: rows and columns to cut off: begin of H and W, end of H and W.
        dilations: step of the taps.
        output_padding: additional rows and columns at the end.
        group: number of groups of channels.

    Returns:
        [N, M, H', W'] at `output_block`, H' = (H - 1) stride + (kh - 1) dilation + 1 +
        output padding - pads.

    Raises:
        ValueError: if block sizes do not divide the sides.
    """
    pixels = to_spatial(x, input_block)
    batch, _, *sizes = pixels.shape
    taps = weight.shape[2:]
    steps = zip(sizes, strides, taps, dilations, output_padding, strict=True)
    height, width = ((n - 1) * s + (k - 1) * d + 1 + p for n, s, k, d, p in steps)
    grouped = np.stack(np.split(pixels, group, axis=1))
    filters = np.stack(np.split(weight, group))
    whole = np.zeros((group, batch, weight.shape[1], height, width), x.dtype)
    for row, column in np.ndindex(*taps):
        places = tuple(
            slice(tap * d, tap * d + (n - 1) * s + 1, s)
            for tap, d, n, s in zip((row, column), dilations, sizes, strides, strict=True)
        )
        product = np.einsum("gnchw,gcm->gnmhw", grouped, filters[..., row, column])
        whole[:, :, :, places[0], places[1]] += product
    merged = np.moveaxis(whole, 0, 1).reshape(batch, -1, height, width)
    top, left, bottom, right = pads
    cut = merged[:, :, top : height - bottom, left : width - right]
    return to_jpeg(cut + bias[:, None, None], output_block)
