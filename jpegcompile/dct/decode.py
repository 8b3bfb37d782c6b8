"""The float decode: the definition of exact pixels of a JPEG file.

The float decode is an affine chain in floating point, without rounding or clamping: dequantize,
inverse DCT, level shift, chroma upsampling, color transform, crop. This implementation computes the
chain step by step. It is the reference for all other implementations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import planes_in_place, to_spatial
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling, upsample_axis
from jpegcompile.jpeg.coefficients import Coefficients


def component_samples(coefficients: Coefficients, index: int) -> NDArray[np.float64]:
    """Return the samples [true height, true width] of one component, relative to 128."""
    table = coefficients.quantization[index].astype(np.float64)
    dequantized = coefficients.planes[index].astype(np.float64) * table
    samples = to_spatial(planes_in_place(dequantized), 8)
    height, width = coefficients.component_size(index)
    return samples[:height, :width]


def decode(coefficients: Coefficients, color: Color = "RGB") -> NDArray[np.float64]:
    """Decode a file to pixels [height, width, channels] on the 0..255 scale, without rounding.

    Args:
        coefficients: coefficients of the file.
        color: "RGB", "BGR" or "L" (luma).

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    check_chroma_sampling(coefficients.frame)
    mixing = mixing_matrix(coefficients.color_space, color)
    height, width = coefficients.height, coefficients.width
    pixels = np.full((height, width, mixing.shape[0]), 128.0)
    for index in np.flatnonzero(mixing.any(axis=0)):
        samples = component_samples(coefficients, int(index))
        upsampling = Upsampling.of(coefficients.frame, int(index))
        tall = upsample_axis(samples, upsampling.vertical, upsampling.triangle)
        wide = upsample_axis(tall.T, upsampling.horizontal, upsampling.triangle).T
        pixels += wide[:height, :width, None] * mixing[:, index]
    return pixels
