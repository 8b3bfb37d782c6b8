"""Chroma upsampling as libjpeg-turbo does it by default ("fancy"), in real arithmetic.

Factor 2 along an axis is a triangle filter: out[2i] = 3/4 p[i] + 1/4 p[i-1] and
out[2i+1] = 3/4 p[i] + 1/4 p[i+1], edge samples replicated. Other integer factors replicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.frame import Frame

# The factor pairs (horizontal, vertical) that libjpeg-turbo has a triangle filter for.
_TRIANGLE_FACTORS = {(2, 1), (2, 2), (1, 2)}


@dataclass(frozen=True)
class Upsampling:
    """How one component is upsampled to the image's resolution.

    Attributes:
        vertical: vertical factor.
        horizontal: horizontal factor.
        triangle: whether factors of 2 interpolate; otherwise they replicate.
    """

    vertical: int
    horizontal: int
    triangle: bool

    @classmethod
    def of(cls, frame: Frame, index: int) -> Upsampling:
        """Return the upsampling of component `index` of a file.

        libjpeg-turbo replicates on both axes if a horizontally subsampled component is at most two
        samples wide.

        Raises:
            ImageError: if a factor is not an integer.
        """
        vertical, horizontal = frame.upsampling_factors(index)
        narrow = horizontal == 2 and frame.component_size(index)[1] <= 2
        triangle = (horizontal, vertical) in _TRIANGLE_FACTORS and not narrow
        return cls(vertical, horizontal, triangle)

    def taps(
        self, factor: int, true_size: int, pixels: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], float]]:
        """Return the samples and weights that pixels of an axis are computed from.

        Args:
            factor: factor of this axis, in pixels per sample.
            true_size: true size of the axis in samples; the last sample is repeated after it.
            pixels: indices of the pixels.

        Returns:
            A pair of samples per pixel, and their weights.
        """
        near = np.minimum(pixels // factor, true_size - 1)
        if factor != 2 or not self.triangle:
            return [(near, 1.0)]
        far = np.clip(pixels // 2 + 2 * (pixels % 2) - 1, 0, true_size - 1)
        return [(near, 0.75), (far, 0.25)]


def upsample_axis(samples: NDArray[np.float64], factor: int, triangle: bool) -> NDArray[np.float64]:
    """Upsample axis 0 of `samples`.

    Args:
        samples: samples [size, ...].
        factor: number of output samples for each sample.
        triangle: whether to use the triangle filter. It applies to a factor of 2 only; other
            factors repeat each sample.
    """
    if factor != 2 or not triangle:
        return np.repeat(samples, factor, axis=0)
    before = np.concatenate([samples[:1], samples[:-1]])
    after = np.concatenate([samples[1:], samples[-1:]])
    doubled = np.stack([0.75 * samples + 0.25 * before, 0.75 * samples + 0.25 * after], axis=1)
    return doubled.reshape(2 * samples.shape[0], *samples.shape[1:])
