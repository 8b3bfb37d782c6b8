"""Bring the pixels of an image to a network's size, step by step, in float64.

This is the reference for the composed operators of `dct/ingest.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.filters import taps_of
from jpegcompile.preprocessing.geometry import AxisPlacement, Placement

Doubles = NDArray[np.float64]


def resampled(pixels: Doubles, placement: Placement, fill: Sequence[float]) -> Doubles:
    """Return pixels at the network's size.

    Args:
        pixels: pixels of the stored image, [height, width, channels].
        placement: placement of the image.
        fill: value outside the image: one value, or one per channel.

    Returns:
        [rows, columns, channels] of the network's input.
    """
    return resampled_views(pixels, [placement], fill)[0]


def resampled_views(
    pixels: Doubles, placements: Sequence[Placement], fill: Sequence[float]
) -> list[Doubles]:
    """Return pixels at the network's size for each view of an image.

    The arguments are as for `resampled`. Views with the same rows share the resize of the rows.
    """
    if placements[0].is_transposed:
        pixels = pixels.swapaxes(0, 1)
    rows = {axis: _along_rows(pixels, axis) for axis in {each.rows for each in placements}}
    return [_behind_rows(*rows[each.rows], each, fill) for each in placements]


def _behind_rows(
    rows: Doubles, row_level: Doubles, placement: Placement, fill: Sequence[float]
) -> Doubles:
    columns, column_level = _along_rows(rows.swapaxes(0, 1), placement.columns)
    seen = columns.swapaxes(0, 1)
    if placement.is_inside:
        return seen
    level = np.outer(row_level, column_level)[..., None]
    return np.where(level > 0, seen, np.asarray(fill, np.float64))


def _along_rows(pixels: Doubles, axis: AxisPlacement) -> tuple[Doubles, Doubles]:
    taps = taps_of(axis)
    made = np.zeros((axis.length, *pixels.shape[1:]))
    for places, weights in zip(taps.places.T, taps.weights.T, strict=True):
        # Most windows are narrower than the widest.
        if weights.any():
            made += weights[:, None, None] * pixels[places]
    return made, taps.level
