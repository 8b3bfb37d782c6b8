"""Pillow's `Image.resize` (src/libImaging/Resample.c and, for "nearest", Geometry.c)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps, nearest
from jpegcompile.dct.resampling.windowed import windowed
from jpegcompile.preprocessing.geometry import AxisPlacement

# Each kernel, and half its width in pixels of the smaller image.
_WINDOWS: Mapping[str, tuple[kernels.Kernel, float]] = {
    "box": (kernels.box, 0.5),
    "bilinear": (kernels.triangle, 1.0),
    "hamming": (kernels.hamming, 1.0),
    "bicubic": (kernels.keys(-0.5), 2.0),
    "lanczos": (kernels.lanczos(3), 3.0),
}


def pillow(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps of outputs for the axis's filter."""
    scale = np.float64(axis.source) / axis.target
    if axis.filter.name != "nearest":
        return windowed((outputs + 0.5) * scale, scale, axis, *_WINDOWS[axis.filter.name])
    # Pillow adds up the scale. The rounding of the sum decides between equally near neighbors.
    steps = np.full(axis.target, scale)
    steps[0] *= 0.5
    return nearest(np.cumsum(steps)[outputs], axis)
