"""Chroma upsampling as libjpeg-turbo does it by default ("fancy"), in real arithmetic.

Factor 2 along an axis is a triangle filter: out[2i] = 3/4 p[i] + 1/4 p[i-1] and
out[2i+1] = 3/4 p[i] + 1/4 p[i+1], edge samples replicated. Other integer factors replicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import ImageError

# The factor pairs (horizontal, vertical) that libjpeg-turbo has a triangle filter for.
_TRIANGLE_FACTORS = {(2, 1), (2, 2), (1, 2)}


@dataclass(frozen=True)
class Upsampling:
    """How one component reaches the image's resolution.

    Attributes:
        vertical, horizontal: integer factors.
        triangle: whether factors of 2 interpolate (else they replicate).
    """

    vertical: int
    horizontal: int
    triangle: bool

    @classmethod
    def of(
        cls, sampling: tuple[tuple[int, int], ...], index: int, component_width: int
    ) -> Upsampling:
        """Upsampling of component `index`, from the factors of the frame header.

        libjpeg-turbo replicates on both axes where a horizontally subsampled component is two
        samples wide or less.

        Raises:
            ImageError: if a factor is not an integer.
        """
        horizontal, vertical = sampling[index]
        most_horizontal = max(h for h, _ in sampling)
        most_vertical = max(v for _, v in sampling)
        if most_horizontal % horizontal or most_vertical % vertical:
            raise ImageError(
                f"component {index} is subsampled by a fraction"
                f" ({most_horizontal}/{horizontal} x {most_vertical}/{vertical});"
                " save the image with whole sampling factors"
            )
        factors = (most_horizontal // horizontal, most_vertical // vertical)
        narrow = factors[0] == 2 and component_width <= 2
        return cls(factors[1], factors[0], factors in _TRIANGLE_FACTORS and not narrow)

    def axis_matrix(self, factor: int, true_size: int, size: int) -> NDArray[np.float64]:
        """Matrix [size, true_size] that upsamples one axis by `factor` and crops to `size`."""
        identity = np.eye(true_size)
        return upsample_axis(identity, factor, self.triangle)[:size]


def upsample_axis(samples: NDArray[np.float64], factor: int, triangle: bool) -> NDArray[np.float64]:
    """Upsample axis 0 of `samples` by `factor`, with the triangle filter where it applies."""
    if factor != 2 or not triangle:
        return np.repeat(samples, factor, axis=0)
    before = np.concatenate([samples[:1], samples[:-1]])
    after = np.concatenate([samples[1:], samples[-1:]])
    doubled = np.stack([0.75 * samples + 0.25 * before, 0.75 * samples + 0.25 * after], axis=1)
    return doubled.reshape(2 * samples.shape[0], *samples.shape[1:])
