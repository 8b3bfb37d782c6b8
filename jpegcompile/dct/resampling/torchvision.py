"""`torch.nn.functional.interpolate` of float32, which torchvision uses to resize tensors.

Sources: aten/src/ATen/native/cpu/UpSampleKernel.cpp and UpSample.h.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps, interpolated, nearest
from jpegcompile.dct.resampling.windowed import windowed
from jpegcompile.preprocessing.geometry import AxisPlacement

# Each kernel, and half its width in pixels of the smaller image.
_WINDOWS: Mapping[str, tuple[kernels.Kernel, float]] = {
    "bilinear": (kernels.triangle, 1.0),
    "bicubic": (kernels.keys(-0.5), 2.0),
}
_KERNELS: Mapping[str, tuple[kernels.Kernel, int]] = {
    "bilinear": (kernels.triangle, 1),
    "bicubic": (kernels.keys(-0.75), 2),
}


def torchvision(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps of outputs for the axis's mode, with torch's float32 positions."""
    name = axis.filter.name
    scale = np.float32(axis.source) / np.float32(axis.target)
    # These products are exact in float64, so each position below is rounded only once.
    before, middles = outputs * np.float64(scale), (outputs + 0.5) * np.float64(scale)
    if name == "nearest":
        return nearest(before.astype(np.float32), axis)
    if name == "nearest-exact":
        return nearest(middles.astype(np.float32), axis)
    if axis.filter.antialias:
        return windowed(middles.astype(np.float32), scale, axis, *_WINDOWS[name])
    return interpolated((middles - 0.5).astype(np.float32), axis, *_KERNELS[name])
