"""Taps: the pixels of an image and their weights in each pixel of a resized axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.resampling.kernels import Doubles, Kernel
from jpegcompile.preprocessing.geometry import AxisPlacement

Outputs = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taps:
    """Each of L outputs is a weighted sum of T pixels.

    Attributes:
        places: indices of pixels of the stored axis, int64 [L, T]. Unused taps have weight 0.
        weights: float64 [L, T]. Weights of an output sum to 1, or to 0 if it shows the fill.
    """

    places: NDArray[np.int64]
    weights: Doubles

    @property
    def level(self) -> Doubles:
        """[L]; 1 for outputs that show the image, 0 for outputs that show the fill."""
        return np.asarray(self.weights.any(axis=1), np.float64)


# Returns the taps of outputs [L]. Outputs are pixels of the resized axis.
Resampler = Callable[[Outputs, AxisPlacement], Taps]


def nearest(positions: NDArray[np.floating[Any]], axis: AxisPlacement) -> Taps:
    """Return one tap per output: the pixel that contains the position."""
    places = np.clip(np.floor(positions).astype(np.int64), 0, axis.source - 1)
    return Taps(places[:, None], np.ones((len(places), 1)))


def interpolated(
    positions: NDArray[np.floating[Any]], axis: AxisPlacement, kernel: Kernel, reach: int
) -> Taps:
    """Return taps on the nearest pixels, without antialiasing; edge pixels are repeated.

    Args:
        positions: [L], where 0 is the middle of the first pixel.
        axis: placement of the axis.
        kernel: weight of a pixel by its distance.
        reach: number of pixels on each side of a position.
    """
    below = np.floor(positions).astype(np.int64)
    places = below[:, None] + np.arange(1 - reach, 1 + reach)
    weights = kernel(places - positions[:, None].astype(np.float64))
    return Taps(np.clip(places, 0, axis.source - 1), weights)
