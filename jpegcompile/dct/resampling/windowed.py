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
    """What outputs take whose middles are `centers`, 0 being the edge of the image.

    Args:
        centers: [L], in pixels of the image. Windows end where their type's rounding says.
        scale: pixels of the image to an output, of the same type.
        axis: whose source says how many pixels there are.
        kernel: the window.
        support: half its width, in pixels of the smaller of the two images.
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
