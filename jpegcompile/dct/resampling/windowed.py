"""Antialiased resizing as Pillow and torch do it: the window grows as the image shrinks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.resampling.kernels import Kernel
from jpegcompile.dct.resampling.taps import Taps
from jpegcompile.preprocessing.geometry import AxisPlacement


def windowed(
    centers: NDArray[np.floating[Any]],
    scale: np.floating[Any],
    axis: AxisPlacement,
    kernel: Kernel,
    support: float,
) -> Taps:
    """Return the taps of outputs from the positions of their middles.

    Args:
        centers: middle of each output [L], in pixels from the edge of the image. Their type is used
            to round the ends of the windows.
        scale: pixels of the image per output, of the same type.
        axis: placement of the axis; its source is the number of pixels.
        kernel: weight of a pixel by its distance.
        support: half the width of the window, in pixels of the smaller image.
    """
    stretch = max(scale, type(scale)(1.0))
    reach = stretch * type(scale)(support)
    first = np.maximum(_rounded(centers - reach), 0)
    last = np.minimum(_rounded(centers + reach), axis.source)
    places = first[:, None] + np.arange(math.ceil(reach) * 2 + 1)
    middles = centers[:, None].astype(np.float64)
    weights = kernel((places - middles + 0.5) * (1.0 / float(stretch)))
    weights = np.where(places < last[:, None], weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.minimum(places, axis.source - 1), weights)


def _rounded(ends: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    return (ends.astype(np.float64) + 0.5).astype(np.int64)
