"""OpenCV's `cv::resize` of float32 planes (modules/imgproc/src/resize.cpp)."""

from __future__ import annotations

import math

import numpy as np

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps, interpolated, nearest
from jpegcompile.preprocessing.geometry import AxisPlacement

# "area" leaves out a pixel if an output covers less than this part of it.
_SLIVER = 1e-3


def opencv(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps of outputs for the axis's interpolation; "lanczos" is INTER_LANCZOS4."""
    name = axis.filter.name
    scale = 1.0 / (axis.target / axis.source)
    if name == "nearest":
        return nearest(outputs * scale, axis)
    if name == "area":
        return _areas(outputs, scale, axis)
    if name == "area-enlarging":
        return _enlarged_areas(outputs, scale, axis)
    positions = (outputs + 0.5) * scale - 0.5
    if name == "lanczos":
        # Float32 positions have an error of 0.0001 pixels in an image of some thousand pixels.
        taps = interpolated(positions.astype(np.float32), axis, kernels.lanczos(4), 4)
        return Taps(taps.places, taps.weights / taps.weights.sum(axis=1, keepdims=True))
    # OpenCV for x86 uses Intel's primitives, which have float64 positions. OpenCV's own loops, for
    # other processors and images of less than 6 pixels, round positions to float32.
    kernel, reach = (kernels.triangle, 1) if name == "bilinear" else (kernels.keys(-0.75), 2)
    return interpolated(positions, axis, kernel, reach)


def _areas(outputs: Outputs, scale: float, axis: AxisPlacement) -> Taps:
    """Return the mean over the pixels that an output covers, except for slivers of pixels.

    If OpenCV leaves out a sliver, its weights do not quite sum to 1. Here they do.
    """
    begin = outputs * scale
    width = np.minimum(scale, axis.source - begin)
    end = begin + scale
    last = np.minimum(np.floor(end), axis.source - 1)
    whole = np.minimum(np.ceil(begin), last)
    places = np.floor(begin).astype(np.int64)[:, None] + np.arange(math.ceil(scale) + 1)
    is_whole = (places >= whole[:, None]) & (places < last[:, None])
    before = np.where(whole - begin > _SLIVER, whole - begin, 0.0)
    after = np.where(end - last > _SLIVER, np.minimum(np.minimum(end - last, 1.0), width), 0.0)
    weights = np.where(is_whole, 1.0, 0.0)
    weights += np.where(places == whole[:, None] - 1, before[:, None], 0.0)
    weights += np.where(places == last[:, None], after[:, None], 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.minimum(places, axis.source - 1), weights)


def _enlarged_areas(outputs: Outputs, scale: float, axis: AxisPlacement) -> Taps:
    """Return the taps of "area" on both axes if at least one of them grows."""
    below = np.floor(outputs * scale).astype(np.int64)
    part = (outputs + 1) - (below + 1) * (axis.target / axis.source)
    # Round before subtracting the whole part, so that values close to 1 become 0.
    part = part.astype(np.float32).astype(np.float64)
    part = np.where(part <= 0.0, 0.0, part - np.floor(part))
    return interpolated(below + part, axis, kernels.triangle, 1)
