"""Resampling of one axis to another size as a matrix: nearest, linear and cubic interpolation.

Coordinates and taps are as in ONNX Resize (opsets 10 to 19). Where ONNX Runtime differs from the
standard, this module follows ONNX Runtime, because the original model runs there:

- At scale 1 an axis does not change in any mode. By the standard, tf_half_pixel_for_nn would shift
  it.
- Positions are float32. This matters for "nearest" if two neighbors are about equally near, so this
  module uses float32 for "nearest" as well. The other modes are continuous and use float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[Any]

# ONNX Runtime treats positions this close to the middle between two neighbors as the middle.
_TIE = 1e-6


@dataclass(frozen=True)
class Sampling:
    """How an axis is resampled, with the names and values of ONNX Resize.

    Attributes:
        mode: "nearest", "linear" or "cubic".
        coordinates: `coordinate_transformation_mode`, a key of `COORDINATES`.
        nearest: `nearest_mode`, a key of `NEAREST`; "simple" is the mode of opset 10 and Upsample.
        cubic_coefficient: `cubic_coeff_a`.
        exclude_outside: whether cubic taps outside the axis have weight 0. Otherwise they read the
            element at the edge.
    """

    mode: str = "nearest"
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic_coefficient: float = -0.75
    exclude_outside: bool = False


@dataclass(frozen=True)
class Axis:
    """Sizes of an axis before and after resampling, and the scale between positions on them."""

    source: int
    target: int
    scale: Any


def _half_pixel(x: Positions, axis: Axis) -> Positions:
    return np.asarray((x + 0.5) / axis.scale - 0.5)


def _half_pixel_symmetric(x: Positions, axis: Axis) -> Positions:
    """Like half_pixel, but symmetric about the middle of the axis, whatever the rounded size."""
    number = x.dtype.type
    adjustment = number(axis.target) / (axis.scale * number(axis.source))
    offset = number(axis.source / 2) * (number(1) - adjustment)
    # ONNX Runtime uses float64 for intermediate values in this mode only.
    wide = np.float64(offset) + _half_pixel(x.astype(np.float64), axis)
    return np.asarray(wide, x.dtype)


def _pytorch_half_pixel(x: Positions, axis: Axis) -> Positions:
    return _half_pixel(x, axis) if axis.target > 1 else np.zeros_like(x)


def _align_corners(x: Positions, axis: Axis) -> Positions:
    return x * (axis.source - 1) / (axis.target - 1) if axis.target > 1 else np.zeros_like(x)


COORDINATES: Mapping[str, Callable[[Positions, Axis], Positions]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": lambda x, axis: x / axis.scale,
    "tf_half_pixel_for_nn": lambda x, axis: (x + 0.5) / axis.scale,
}


def _simple(x: Positions, axis: Axis) -> Positions:
    return np.ceil(x) if axis.scale < 1 else np.floor(x)


NEAREST: Mapping[str, Callable[[Positions, Axis], Positions]] = {
    "round_prefer_floor": lambda x, axis: np.floor(x) + (x - np.floor(x) > 0.5 + _TIE),
    "round_prefer_ceil": lambda x, axis: np.floor(x) + (x - np.floor(x) > 0.5 - _TIE),
    "floor": lambda x, axis: np.floor(x),
    "ceil": lambda x, axis: np.ceil(x),
    "simple": _simple,
}


def resize_matrix(
    source: int, target: int, scale: float, sampling: Sampling
) -> NDArray[np.float64]:
    """Return the weights [target, source] of the source elements in each target element.

    Args:
        source: size of the axis.
        target: new size of the axis.
        scale: new elements per old element; about target / source.
        sampling: how to interpolate.

    Raises:
        KeyError: if `sampling` contains an unknown mode, coordinate transformation or nearest mode.
    """
    number: Any = np.float32 if sampling.mode == "nearest" else np.float64
    steps, axis = np.arange(target, dtype=number), Axis(source, target, number(scale))
    unchanged = np.float32(scale) == 1
    positions = steps if unchanged else COORDINATES[sampling.coordinates](steps, axis)
    matrix = np.zeros((target, source))
    for place, weights in _TAPS[sampling.mode](positions, axis, sampling):
        columns = np.clip(place, 0, source - 1).astype(np.int64)
        # Several taps outside the axis may read the same edge element, so weights are added.
        np.add.at(matrix, (np.arange(target), columns), weights)
    return matrix


Taps = list[tuple[Positions, Positions]]


def _nearest(positions: Positions, axis: Axis, sampling: Sampling) -> Taps:
    return [(NEAREST[sampling.nearest](positions, axis), np.ones(axis.target))]


def _linear(positions: Positions, axis: Axis, sampling: Sampling) -> Taps:
    inside = np.clip(positions, 0, axis.source - 1)
    below = np.floor(inside)
    return [(below, below + 1 - inside), (below + 1, inside - below)]


def _cubic(positions: Positions, axis: Axis, sampling: Sampling) -> Taps:
    """Weights of the four nearest elements by Keys' kernel (IEEE Trans. ASSP 29, 1981)."""
    below, a = np.floor(positions), sampling.cubic_coefficient
    taps = []
    for place in (below - 1, below, below + 1, below + 2):
        distance = np.abs(positions - place)
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        weights = np.where(distance <= 1, near, far)
        if sampling.exclude_outside:
            weights = np.where((place >= 0) & (place < axis.source), weights, 0.0)
        taps.append((place, weights))
    total = np.sum([weights for _, weights in taps], axis=0)
    return [(place, weights / total) for place, weights in taps]


_TAPS: Mapping[str, Callable[[Positions, Axis, Sampling], Taps]] = {
    "nearest": _nearest,
    "linear": _linear,
    "cubic": _cubic,
}
