"""Pillow's `Image.resize` (src/libImaging/Resample.c and, for "nearest", Geometry.c)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps, nearest
from jpegcompile.dct.resampling.windowed import windowed
from jpegcompile.preprocessing.geometry import AxisPlacement

# Kernel and its half width, in pixels of the smaller of the two images.
_WINDOWS: Mapping[str, tuple[kernels.Kernel, float]] = {
    "box": (kernels.box, 0.5),
    "bilinear": (kernels.triangle, 1.0),
    "hamming": (kernels.hamming, 1.0),
    "bicubic": (kernels.keys(-0.5), 2.0),
    "lanczos": (kernels.lanczos(3), 3.0),
}


def pillow(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """What outputs take by Pillow's filter of that name."""
    scale = np.float64(axis.source) / axis.target
    if axis.filter.name != "nearest":
        return windowed((outputs + 0.5) * scale, scale, axis, *_WINDOWS[axis.filter.name])
    # Pillow adds the scale up, and its rounding decides between two neighbours that are as near.
    steps = np.full(axis.target, scale)
    steps[0] *= 0.5
    return nearest(np.cumsum(steps)[outputs], axis)
