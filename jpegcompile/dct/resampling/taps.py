"""What each pixel of a resized axis takes of the pixels of an image."""

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
    """Each of L outputs is the sum of T pixels by their weights.

    Attributes:
        places: int64 [L, T], pixels of the axis as the file stores it; of weight 0 where there is
            none.
        weights: float64 [L, T]. They sum to 1, or to 0 where an output shows the fill.
    """

    places: NDArray[np.int64]
    weights: Doubles

    @property
    def level(self) -> Doubles:
        """[L], 1 where an output shows the image and 0 where it shows the fill."""
        return np.asarray(self.weights.any(axis=1), np.float64)


# From outputs [L], pixels of the resized axis, to what they take of the image.
Resampler = Callable[[Outputs, AxisPlacement], Taps]


def nearest(positions: NDArray[np.floating[Any]], axis: AxisPlacement) -> Taps:
    """One pixel each, that which holds the position."""
    places = np.clip(np.floor(positions).astype(np.int64), 0, axis.source - 1)
    return Taps(places[:, None], np.ones((len(places), 1)))


def interpolated(
    positions: NDArray[np.floating[Any]], axis: AxisPlacement, kernel: Kernel, reach: int
) -> Taps:
    """Unantialiased: the 2 * reach nearest pixels, edge pixels repeated; 0 is a pixel's middle."""
    below = np.floor(positions).astype(np.int64)
    places = below[:, None] + np.arange(1 - reach, 1 + reach)
    weights = kernel(places - positions[:, None].astype(np.float64))
    return Taps(np.clip(places, 0, axis.source - 1), weights)
