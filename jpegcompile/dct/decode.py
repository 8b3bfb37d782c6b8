"""The decode contract: what "exact" means for the pixels of a JPEG file.

Coefficients to float pixels as one affine chain in real arithmetic, with neither rounding nor
clamping: dequantise, inverse DCT, level shift, chroma upsampling, colour, crop. This is the
reference that everything else is measured against; it follows the chain step by step, on samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import planes_in_place, to_spatial
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling, upsample_axis
from jpegcompile.jpeg.coefficients import Coefficients


def component_samples(coefficients: Coefficients, index: int) -> NDArray[np.float64]:
    """Samples [true height, true width] of one component, relative to 128."""
    table = coefficients.quantization[index].astype(np.float64)
    dequantized = coefficients.planes[index].astype(np.float64) * table
    samples = to_spatial(planes_in_place(dequantized), 8)
    height, width = coefficients.component_size(index)
    return samples[:height, :width]


def decode(coefficients: Coefficients, color: Color = "RGB") -> NDArray[np.float64]:
    """Pixels [height, width, channels] on the 0..255 scale, neither rounded nor clamped.

    Args:
        coefficients: as `jpegcompile.read_coefficients` returns them.
        color: "RGB", "BGR" or "L" (the luma of a colour file).

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
