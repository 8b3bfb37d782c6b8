"""Calls of the functions of each pixel, and bounds on how they pass errors on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import onnx
from support.function_bodies import BodyCase, terms_of
from support.maps import SHAPES, forward, inverse, random_map

from jpegcompile.dct.blocks import block_size, to_spatial
from jpegcompile.kernels.pixelwise.reference import FUNCTIONS as REFERENCES
from jpegcompile.kernels.pixelwise.reference import jpeg_pixelwise
from jpegcompile.operators.pixelwise import FUNCTIONS

# Implementations of exp and erf in float32 may be a few units off.
_UNITS = 16


def variants(op: str) -> list[dict[str, Any]]:
    """Attributes: the defaults, and others; numbers as float32 has them, which files hold."""
    defaults = dict(FUNCTIONS.get(op.removeprefix("Jpeg"), {}))
    if "approximate" in defaults:
        return [{"approximate": "none"}, {"approximate": "tanh"}]
    if not defaults:
        return [{}]
    return [_narrow(defaults, 1.0), _narrow(defaults, 0.5)]


def _narrow(attributes: Mapping[str, float | str], factor: float) -> dict[str, float]:
    return {name: float(np.float32(factor * float(v))) for name, v in attributes.items()}


@cache
def since(op: str) -> int:
    """The oldest opset from 7 on that has the operator that the body calls."""
    name = "Sigmoid" if op == "JpegSilu" else op.removeprefix("Jpeg")
    versions = (
        schema.since_version
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.name == name and schema.domain == ""
    )
    return max(7, min(versions))


def slope(op: str, attributes: Mapping[str, Any], largest: float) -> float:
    """By how much a function enlarges an error, where it has no step, and its size, up to there."""
    grid = np.linspace(-largest, largest, 24001)
    values = REFERENCES[op](grid, **attributes)
    steps = np.abs(np.diff(values)) / np.diff(grid)
    steepest = steps[np.abs(np.diff(values)) < 0.25].max()
    return float(max(steepest, 1.0) + np.abs(values).max())


def pixelwise_cases() -> Iterator[BodyCase]:
    for op in REFERENCES:
        for shape in SHAPES if op in ("JpegSilu", "JpegGelu") else SHAPES[::3]:
            x, block = random_map(shape), block_size(*shape[2:])
            largest = float(np.abs(to_spatial(x, block)).max())
            matrices = inverse(*shape[2:]) + forward(*shape[2:])
            for attributes in variants(op):
                yield BodyCase(
                    f"{shape}-{'-'.join(map(str, attributes.values()))}",
                    op,
                    (x, *matrices),
                    {**attributes, "block": block},
                    jpeg_pixelwise(x, op, block=block, **attributes),
                    terms_of(matrices) + _UNITS,
                    since(op),
                    slope(op, attributes, largest),
                )
