"""How far what a GPU kernel makes may be from a float64 reference."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import numpy as np
from support.gpu_maps import Doubles, stored

from jpegcompile.evaluation.gpu_check.maps import FLOAT32_ERROR, spread
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.matrices import TileMatrix
from jpegcompile.precision import Precision


def allowed(pixels: Doubles, layout: MapLayout, precision: Precision) -> Doubles:
    """The largest error [N, *layout.shape] that what memory holds of a map may have.

    Sums are float32 at every precision and may err by FLOAT32_ERROR. Half precision rounds three
    times, each by a relative error of at most u, the roundoff: the entries of the matrix that
    transforms a tile, the pixels that it multiplies, and what is stored. So with y = M p a number
    errs by at most u (2 |M| |p| + |y|) up to terms of u^2, and by u |y| if nothing is transformed.
    """
    expected = stored(pixels, layout)
    bound = np.full_like(expected, FLOAT32_ERROR * np.abs(expected).max())
    if precision.storage == "float32":
        return bound
    bound += precision.roundoff * np.abs(expected)
    if TileMatrix.from_pixels(layout) is not None:
        bound += 2 * precision.roundoff * spread(pixels, layout)
    return bound


def excess(made: Doubles, pixels: Doubles, layout: MapLayout, precision: Precision) -> float:
    """The largest error as a fraction of what is allowed: a right result has at most 1.

    Args:
        made: what the kernel wrote [N, *layout.shape]; NaN, and anything but zero in the padding
            of channels, is an error.
        pixels: of the map that it should be [N, C, H, W], in float64.
        layout: of the map.
        precision: that the kernel ran at.
    """
    errors = np.abs(made - stored(pixels, layout)) / allowed(pixels, layout, precision)
    return float(np.where(np.isnan(errors), np.inf, errors).max())


def name_of(case: Any) -> str:
    """A short name of a case, a dataclass: its fields that differ from their defaults."""
    parts = []
    for field in fields(case):
        value = getattr(case, field.name)
        if field.default is MISSING or value != field.default:
            shown = getattr(
                value, "name", type(value).__name__ if hasattr(value, "steps") else value
            )
            parts.append(f"{field.name}={shown}".replace(" ", ""))
    return ",".join(parts)
