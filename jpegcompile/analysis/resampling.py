"""Scales, sizes and interpolation of a Resize or Upsample node in any opset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.shape_values import number_values, shape_values
from jpegcompile.dct.resize import COORDINATES, NEAREST, Sampling
from jpegcompile.ir.graph import Dim, input_at
from jpegcompile.messages import Message

# Since this opset, attributes select coordinates and rounding.
_RESIZE_WITH_MODES = 11
_UNKNOWN = Message("resize-size-unknown", "its scales or sizes are not known at compile time")
_OTHER_AXES = Message("resize-other-axes", "it resizes batch or channels")


@dataclass(frozen=True)
class Resampling:
    """How a map is resized; pairs are (along H, along W).

    Attributes:
        scales: ratio of new to old size.
        sizes: new sizes in pixels.
        by_sizes: whether the node specifies sizes, from which the scales follow.
    """

    scales: tuple[float, float]
    sizes: tuple[int, int]
    by_sizes: bool


def resampling_of(node: gs.Node) -> Resampling | Message:
    """Return how a node resizes a map of known size, or why it has no JPEG-domain form."""
    policy = _text(node, "keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        text = f"its keep_aspect_ratio_policy is {policy}, not stretch"
        return Message("resize-aspect-ratio", text)
    coordinates = _text(node, "coordinate_transformation_mode", "half_pixel")
    if coordinates not in COORDINATES:
        text = f"its coordinate_transformation_mode is {coordinates}"
        return Message("resize-coordinates", text)
    source = tuple(node.inputs[0].shape)
    axes = [int(a) % 4 for a in node.attrs.get("axes", range(4))]
    sizes, scales = sizes_of(node), scales_of(node)
    if sizes is not None:
        given = dict(zip(axes, sizes, strict=True))
        if any(given.get(axis, source[axis]) != source[axis] for axis in (0, 1)):
            return _OTHER_AXES
        targets = tuple(given.get(axis, source[axis]) for axis in (2, 3))
        if not all(isinstance(size, int) and size > 0 for size in targets):
            return _UNKNOWN
        factors = [float(t) / s for t, s in zip(targets, source[2:], strict=True)]
        return Resampling((factors[0], factors[1]), (targets[0], targets[1]), True)
    if scales is None or any(isinstance(scale, str) for scale in scales):
        return _UNKNOWN
    by_axis = dict(zip(axes, (float(scale) for scale in scales), strict=True))
    if any(by_axis.get(axis, 1.0) != 1.0 for axis in (0, 1)):
        return _OTHER_AXES
    high, wide = (by_axis.get(axis, 1.0) for axis in (2, 3))
    sides = (resized(source[2], high), resized(source[3], wide))
    return Resampling((high, wide), sides, False)


def resized(size: int, scale: float) -> int:
    """Product of size and scale, computed in float32 and rounded down as in ONNX Runtime."""
    return int(np.float32(size) * np.float32(scale))


def sizes_of(node: gs.Node) -> list[Dim] | None:
    """Entries of the input `sizes` of a Resize; None if they are absent or unknown."""
    operand = input_at(node, 3)
    values = None if operand is None else shape_values(operand)
    return values or None


def scales_of(node: gs.Node) -> list[Any] | None:
    """Entries of the scales of a Resize or Upsample; None if they are absent or unknown."""
    if "scales" in node.attrs:
        return list(node.attrs["scales"])
    operand = input_at(node, 2 if len(node.inputs) > 2 else 1)
    values = None if operand is None else number_values(operand)
    # With sizes, the scales are omitted, or empty below opset 13.
    return values or None


def sampling_of(node: gs.Node, opset: int) -> Sampling | Message:
    """Return how a node interpolates, or why that has no JPEG-domain form."""
    mode = _text(node, "mode", "nearest")
    if node.op == "Upsample" or opset < _RESIZE_WITH_MODES:
        return Sampling(mode, "asymmetric", "simple")
    coordinates = _text(node, "coordinate_transformation_mode", "half_pixel")
    nearest = _text(node, "nearest_mode", "round_prefer_floor")
    if node.attrs.get("antialias"):
        return Message("resize-antialias", "its attribute antialias is set")
    if nearest not in NEAREST:
        return Message("resize-nearest-mode", f"its nearest_mode is {nearest}")
    coefficient = float(node.attrs.get("cubic_coeff_a", -0.75))
    exclude = bool(node.attrs.get("exclude_outside", 0))
    return Sampling(mode, coordinates, nearest, coefficient, exclude)


def _text(node: gs.Node, name: str, default: str) -> str:
    value = node.attrs.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def inferred_size(size: int, scale: float) -> int:
    """Product of size and scale, computed in float64 and rounded down as in onnx's inference."""
    return int(size * float(np.float32(scale)))
