"""NumPy reference of JpegIngestConv and related operators: a convolution of the float decode.

    y = DCT(conv(scale * pixels + shift, weight) + bias)

Except for the constants, this is linear in the quantized coefficients. So the result is the sum of
the responses to the single coefficients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.kernels.conv.reference import jpeg_conv
from jpegcompile.kernels.ingest.reference import jpeg_ingest


def jpeg_ingest_conv(
    luma: NDArray[np.int16],
    chroma: NDArray[np.int16] | None,
    quantization: NDArray[np.uint16],
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    *,
    ingest: dict[str, Any],
    window: dict[str, Any],
    output_block: int,
) -> NDArray[np.float64]:
    """Compute the first convolution of a network for a batch of files with one frame.

    Args:
        luma: quantized coefficients, as for `jpeg_ingest`.
        chroma: quantized coefficients, as for `jpeg_ingest`; None for grayscale files.
        quantization: tables, as for `jpeg_ingest`.
        weight: spatial kernel [M, channels, kh, kw].
        bias: [M].
        ingest: keyword arguments of `jpeg_ingest`: frame, color and affine map.
        window: keyword arguments of `jpeg_conv`: strides, pads and dilations.
        output_block: block size of the result; 1 for pixels.

    Returns:
        [N, M, H', W'] at `output_block`.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
        ValueError: if the block size does not divide the sides, or the window exceeds the image.
    """
    image = jpeg_ingest(luma, chroma, quantization, **ingest, block=1)
    return jpeg_conv(image, weight, bias, input_block=1, output_block=output_block, **window)
