"""ONNX Resize of float32 tensors, as ONNX Runtime's CPU provider computes it.

Sources: onnxruntime/core/providers/cpu/tensor/upsample.cc and upsample_antialias.h, for
coordinate_transformation_mode half_pixel.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.resampling import kernels
from jpegcompile.dct.resampling.taps import Outputs, Taps
from jpegcompile.preprocessing.geometry import AxisPlacement

# This suffix of a name means exclude_outside. cubic_coeff_a is -0.75 for "bicubic" and -0.5 for
# "catmull-rom".
_INSIDE = "-inside"
# Each kernel, and half its width in pixels of the smaller image.
_KERNELS: Mapping[str, tuple[kernels.Kernel, int]] = {
    "bilinear": (kernels.triangle, 1),
    "bicubic": (kernels.keys(-0.75), 2),
    "catmull-rom": (kernels.keys(-0.5), 2),
}


def onnxruntime(outputs: Outputs, axis: AxisPlacement) -> Taps:
    """Return the taps of outputs for the axis's mode, with ONNX Runtime's float32 positions."""
    name = axis.filter.name
    kernel, half_width = _KERNELS[name.removesuffix(_INSIDE)]
    growth = np.float32(axis.target) / np.float32(axis.source)
    positions = (outputs.astype(np.float32) + np.float32(0.5)) / growth - np.float32(0.5)
    if axis.filter.antialias:
        first, weights = _windows(positions, np.float32(1.0) / growth, kernel, half_width)
    else:
        first = np.floor(positions).astype(np.int64) + 1 - half_width
        places = first[:, None] + np.arange(2 * half_width)
        weights = kernel(places - positions[:, None].astype(np.float64))
    places = first[:, None] + np.arange(weights.shape[1])
    if name.endswith(_INSIDE):
        weights = np.where((places >= 0) & (places < axis.source), weights, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.clip(places, 0, axis.source - 1), weights)


def _windows(
    positions: NDArray[np.float32], shrinkage: np.float32, kernel: kernels.Kernel, half_width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return antialiased windows, which grow as the image shrinks and may exceed the image.

    Returns:
        The first pixel of each window, and weights that are not yet normalized.
    """
    stretch = max(shrinkage, np.float32(1.0))
    reach = np.float32(half_width) * stretch
    centers = np.float32(0.5) + positions
    first, last = (
        np.floor(ends + np.float32(0.5)).astype(np.int64)
        for ends in (centers - reach, centers + reach)
    )
    places = first[:, None] + np.arange(int((last - first).max()))
    distances = places - centers[:, None].astype(np.float64) + 0.5
    weights = kernel(distances * (1.0 / float(stretch)))
    return first, np.where(places < last[:, None], weights, 0.0)
