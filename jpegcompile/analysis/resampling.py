"""What a Resize or Upsample node does to height and width, whichever opset spells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.shape_values import number_values, shape_values
from jpegcompile.dct.resize import COORDINATES, NEAREST, Sampling
from jpegcompile.ir.graph import Dim, input_at

# Coordinates and roundings have attributes from this opset on.
_RESIZE_WITH_MODES = 11
_UNKNOWN = "its scales or sizes are not known at compile time"


@dataclass(frozen=True)
class Resampling:
    """How a map is resized; pairs are (along H, along W).

    Attributes:
        scales: new elements for each old one.
        sizes: new sizes.
        by_sizes: whether the node gives sizes, from which the scales follow.
    """

    scales: tuple[float, float]
    sizes: tuple[int, int]
    by_sizes: bool


def resampling_of(node: gs.Node) -> Resampling | str:
    """What a node does to a map of known height and width, or why that has no jpeg-domain form."""
    policy = _text(node, "keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        return f"its policy for the aspect ratio is {policy}, not stretch"
    coordinates = _text(node, "coordinate_transformation_mode", "half_pixel")
    if coordinates not in COORDINATES:
        return f"its coordinate transformation is {coordinates}"
    source = tuple(node.inputs[0].shape)
    axes = [int(a) % 4 for a in node.attrs.get("axes", range(4))]
    sizes, scales = sizes_of(node), scales_of(node)
    if sizes is not None:
        given = dict(zip(axes, sizes, strict=True))
        if any(given.get(axis, source[axis]) != source[axis] for axis in (0, 1)):
            return "it resizes batch or channels"
        targets = tuple(given.get(axis, source[axis]) for axis in (2, 3))
        if not all(isinstance(size, int) and size > 0 for size in targets):
            return _UNKNOWN
        factors = [float(t) / s for t, s in zip(targets, source[2:], strict=True)]
        return Resampling((factors[0], factors[1]), (targets[0], targets[1]), True)
    if scales is None or any(isinstance(scale, str) for scale in scales):
        return _UNKNOWN
    by_axis = dict(zip(axes, (float(scale) for scale in scales), strict=True))
    if any(by_axis.get(axis, 1.0) != 1.0 for axis in (0, 1)):
        return "it resizes batch or channels"
    high, wide = (by_axis.get(axis, 1.0) for axis in (2, 3))
    sides = (resized(source[2], high), resized(source[3], wide))
    return Resampling((high, wide), sides, False)


def resized(size: int, scale: float) -> int:
    """A size times a scale as ONNX Runtime rounds it: the product is float32."""
    return int(np.float32(size) * np.float32(scale))


def sizes_of(node: gs.Node) -> list[Dim] | None:
    """Entries of the `sizes` of a Resize; None where it has none, or they are not known."""
    operand = input_at(node, 3)
    values = None if operand is None else shape_values(operand)
    return values or None


def scales_of(node: gs.Node) -> list[Any] | None:
    """Entries of the scales of a Resize or Upsample; None where it has none, or not known ones."""
    if "scales" in node.attrs:
        return list(node.attrs["scales"])
    operand = input_at(node, 2 if len(node.inputs) > 2 else 1)
    values = None if operand is None else number_values(operand)
    # Where sizes are given, scales are left out, or empty below opset 13.
    return values or None


def sampling_of(node: gs.Node, opset: int) -> Sampling | str:
    """How a node interpolates, or why that has no jpeg-domain form."""
    mode = _text(node, "mode", "nearest")
    if node.op == "Upsample" or opset < _RESIZE_WITH_MODES:
        return Sampling(mode, "asymmetric", "simple")
    coordinates = _text(node, "coordinate_transformation_mode", "half_pixel")
    nearest = _text(node, "nearest_mode", "round_prefer_floor")
    if node.attrs.get("antialias"):
        return "it filters against aliasing"
    if nearest not in NEAREST:
        return f"its rounding to the nearest element is {nearest}"
    coefficient = float(node.attrs.get("cubic_coeff_a", -0.75))
    exclude = bool(node.attrs.get("exclude_outside", 0))
    return Sampling(mode, coordinates, nearest, coefficient, exclude)


def _text(node: gs.Node, name: str, default: str) -> str:
    value = node.attrs.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def inferred_size(size: int, scale: float) -> int:
    """A size times a scale as shape inference of ONNX rounds it: the product is float64."""
    return int(size * float(np.float32(scale)))
