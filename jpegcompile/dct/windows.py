"""Sliding windows over spatial maps, one tap at a time: for convolution and pooling.

Attributes of a window are pairs (along H, along W), and pads are in ONNX's order: begin of H and W,
then end of H and W.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import Float

Pair = tuple[int, int]
Pads = tuple[int, int, int, int]

NO_PADS: Pads = (0, 0, 0, 0)


def taps(
    maps: NDArray[Float],
    kernel: Pair,
    strides: Pair = (1, 1),
    pads: Pads = NO_PADS,
    dilations: Pair = (1, 1),
    fill: float = 0.0,
) -> Iterator[tuple[Pair, NDArray[Float]]]:
    """Yield (row, column) and values [..., H', W'] of each tap of a window.

    Args:
        maps: [..., H, W].
        kernel: taps of the window.
        strides: step of the window.
        pads: padding; not negative.
        dilations: step of the taps.
        fill: value of the padding.

    Raises:
        ValueError: if the window is larger than the padded map.
    """
    top, left, bottom, right = pads
    amounts: list[Pair] = [(0, 0)] * (maps.ndim - 2) + [(top, bottom), (left, right)]
    padded: NDArray[Float] = np.pad(maps, amounts, constant_values=fill)
    spare = [
        size - dilation * (taps_of_axis - 1) - 1
        for size, dilation, taps_of_axis in zip(padded.shape[-2:], dilations, kernel, strict=True)
    ]
    if min(spare) < 0:
        raise ValueError(f"a window of {kernel} by {dilations} exceeds a map of {padded.shape}")
    for row, column in np.ndindex(*kernel):
        first_row, first_column = row * dilations[0], column * dilations[1]
        yield (
            (row, column),
            padded[
                ...,
                first_row : first_row + spare[0] + 1 : strides[0],
                first_column : first_column + spare[1] + 1 : strides[1],
            ],
        )
