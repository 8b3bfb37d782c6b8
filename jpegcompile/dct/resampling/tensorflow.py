"""`tf.image.resize` without antialias (tensorflow/core/kernels/image/resize_*_op.cc)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps, interpolated, nearest
from jpegcompile.preprocessing.geometry import AxisPlacement

# Number of positions per pixel in TensorFlow's table of bicubic weights.
_TABLE_STEPS = 1024


def tensorflow(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps of outputs for the axis's method, with TensorFlow's float32 positions."""
    scale = np.float32(axis.source) / np.float32(axis.target)
    if axis.filter.name == "area":
        return _areas(outputs, scale, axis)
    middles = (outputs.astype(np.float32) + np.float32(0.5)) * scale
    if axis.filter.name == "nearest":
        return nearest(middles, axis)
    positions = middles - np.float32(0.5)
    if axis.filter.name == "bicubic":
        return _bicubic(positions, axis)
    return interpolated(positions, axis, kernels.triangle, 1)


def _bicubic(positions: NDArray[np.float32], axis: AxisPlacement) -> Taps:
    """Return bicubic taps. Pixels outside the image have weight 0."""
    below = np.floor(positions)
    part = np.rint((positions - below).astype(np.float64) * _TABLE_STEPS) / _TABLE_STEPS
    places = below.astype(np.int64)[:, None] + np.arange(-1, 3)
    weights = kernels.keys(-0.5)(np.arange(-1.0, 3.0) - part[:, None])
    weights = np.where((places >= 0) & (places < axis.source), weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(places, 0, axis.source - 1), weights)


def _areas(outputs: Outputs, scale: np.float32, axis: AxisPlacement) -> Taps:
    """Return the mean over the pixels that an output covers.

    TensorFlow divides by `scale`, which differs from the sum of the weights by rounding.
    """
    begin, end = (
        (edges.astype(np.float32) * scale).astype(np.float64)[:, None]
        for edges in (outputs, outputs + 1)
    )
    places = np.floor(begin).astype(np.int64) + np.arange(math.ceil(scale) + 2)
    ends_behind = places + 1 > end
    weights = np.where(
        places < begin,
        np.where(ends_behind, float(scale), places + 1 - begin),
        np.where(ends_behind, end - places, 1.0),
    )
    weights = np.where(places < end, weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.minimum(places, axis.source - 1), weights)
