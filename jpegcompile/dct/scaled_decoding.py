"""Scaled decoding on coefficients: those that `dct/axis_operator.py` leaves out become zero.

The same as leaving columns of the operators out, for what decodes files to pixels step by step.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jpegcompile.dct.axis_operator import used_frequencies
from jpegcompile.dct.color import Color, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.preprocessing.geometry import Placement


def used_coefficients(image: Coefficients, placement: Placement, color: Color) -> Coefficients:
    """The coefficients that reach a network's input, and zero in place of the others.

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
        return image
    planes = list(image.planes)
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
        planes[index] = np.zeros_like(image.planes[index])
        planes[index][..., :rows, :columns] = image.planes[index][..., :rows, :columns]
    return replace(image, planes=tuple(planes))
