"""Scaled decoding for decoders: set the coefficients to zero that `dct/axis_operator.py` drops.

The result is the same as dropping columns of the operators. Decoders that compute pixels step by
step use this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

import numpy as np

from jpegcompile.dct.axis_operator import used_frequencies
from jpegcompile.dct.color import Color, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.preprocessing.geometry import Placement

# (component index, (rows, columns) used in each block) for each component.
Used: TypeAlias = tuple[tuple[int, tuple[int, int]], ...]


def used_coefficients(image: Coefficients, placement: Placement, color: Color) -> Coefficients:
    """Set coefficients to zero that the network's input does not use.

    The arguments are as for `used_in`.

    Raises:
        ImageError: if a sampling factor is not an integer.
    """
    return with_used(image, used_in(image, placement, color))


def used_in(image: Coefficients, placement: Placement, color: Color) -> Used:
    """Return the number of frequencies of each component that a network's input uses.

    Args:
        image: coefficients of a file.
        placement: placement of the image.
        color: color of the network's input. Components that it does not need are left out.

    Raises:
        ImageError: if a sampling factor is not an integer.
    """
    down, across = placement.rows, placement.columns
    if placement.is_transposed:
        down, across = across, down
    if not (down.is_scaled or across.is_scaled):
        return ()
    used = []
    for index in np.flatnonzero(mixing_matrix(image.color_space, color).any(axis=0)).tolist():
        upsampling = Upsampling.of(image.frame, index)
        height, width = image.component_size(index)
        rows, columns = (
            used_frequencies(axis, true_size, factor, upsampling.triangle and factor == 2)
            for axis, true_size, factor in (
                (down, height, upsampling.vertical),
                (across, width, upsampling.horizontal),
            )
        )
        used.append((index, (rows, columns)))
    return tuple(used)


def with_used(image: Coefficients, used: Used) -> Coefficients:
    """Set unused coefficients to zero.

    Args:
        image: coefficients of a file.
        used: result of `used_in`. Other components do not change.
    """
    planes = list(image.planes)
    for index, (rows, columns) in used:
        planes[index] = np.zeros_like(image.planes[index])
        planes[index][..., :rows, :columns] = image.planes[index][..., :rows, :columns]
    return replace(image, planes=tuple(planes))
