"""Scaled decoding on coefficients: those that `dct/axis_operator.py` leaves out become zero.

The same as leaving columns of the operators out, for what decodes files to pixels step by step.
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

# Component, and (rows, columns) of each of its blocks that are used.
Used: TypeAlias = tuple[tuple[int, tuple[int, int]], ...]


def used_coefficients(image: Coefficients, placement: Placement, color: Color) -> Coefficients:
    """The coefficients that reach a network's input, and zero in place of the others.

    The arguments are those of `used_in`.

    Raises:
        ImageError: if a sampling factor is not an integer.
    """
    return with_used(image, used_in(image, placement, color))


def used_in(image: Coefficients, placement: Placement, color: Color) -> Used:
    """How many frequencies of each component reach a network's input.

    Args:
        image: of a file.
        placement: where it comes to stand.
        color: that the network takes; components which it does not need stay as they are.

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
    """The coefficients that are used, and zero in place of the others.

    Args:
        image: of a file.
        used: as `used_in` tells; components that are not named stay as they are.
    """
    planes = list(image.planes)
    for index, (rows, columns) in used:
        planes[index] = np.zeros_like(image.planes[index])
        planes[index][..., :rows, :columns] = image.planes[index][..., :rows, :columns]
    return replace(image, planes=tuple(planes))
