"""The ingest: a linear operator from a file's coefficients to a network's input.

Let C_k be the dequantized coefficients of component k. The ingest computes
rows_k @ C_k @ columns_k^T, where each operator composes all steps of an axis
(`dct/axis_operator.py`). Color transform and normalization then mix channels. Constants change the
DC coefficients only, unless the network sees the fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.axis_operator import axis_operator
from jpegcompile.dct.banded import BandedOperator
from jpegcompile.dct.blocks import axis_dct, block_size, planes_in_place
from jpegcompile.dct.color import check_chroma_sampling, mixing_matrix
from jpegcompile.dct.filters import taps_of
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.geometry import Placement


@dataclass(frozen=True)
class IngestOperators:
    """The operators from one frame to one network's input; see the module docstring.

    Attributes:
        rows: for each component [H, 8*block rows]; if transposed, [H, 8*block columns].
        columns: for each component [W, 8*block columns]; if transposed, [W, 8*block rows].
        is_transposed: whether the operators apply to the transposed coefficients C_k^T.
        mixing: color transform and normalization, [channels, components].
        offset: addend of every pixel in pixel units, [channels].
        level: another addend for the fill, [channels, H, W] in the JPEG domain; None if the network
            sees only the image.
        block: block size of the result.
    """

    rows: tuple[BandedOperator, ...]
    columns: tuple[BandedOperator, ...]
    is_transposed: bool
    mixing: NDArray[np.float64]
    offset: NDArray[np.float64]
    level: NDArray[np.float64] | None
    block: int


def ingest_operators(
    frame: Frame, taken: NetworkInput, block: int | None = None
) -> IngestOperators:
    """Return the operators from the dequantized coefficients of a file to a network's input.

    Args:
        frame: frame of the file.
        taken: image input of the network.
        block: block size of the result; 1 for pixels. Default: the largest for the network's size.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr, or if the
            resized image does not have the network's size.
        UsageError: if the network was compiled for tensors.
    """
    color, affine = taken.from_pixels
    placement = taken.geometry.place(frame, taken.size)
    check_chroma_sampling(frame)
    block = block_size(*taken.size) if block is None else block
    rows: list[BandedOperator] = []
    columns: list[BandedOperator] = []
    for index in range(len(frame.sampling)):
        upsampling = Upsampling.of(frame, index)
        factors = (upsampling.vertical, upsampling.horizontal)
        stored = list(zip(frame.component_size(index), factors, strict=True))
        sides = zip(
            (rows, columns),
            (placement.rows, placement.columns),
            reversed(stored) if placement.is_transposed else stored,
            strict=True,
        )
        for operators, axis, (true_size, factor) in sides:
            triangle = upsampling.triangle and factor == 2
            operators.append(axis_operator(axis, true_size, factor, triangle, block))
    offset, level = _constants(placement, taken.geometry.fill, affine, block)
    return IngestOperators(
        tuple(rows),
        tuple(columns),
        placement.is_transposed,
        mixing_matrix(frame.color_space, color) * affine.scale[:, None],
        offset,
        level,
        block,
    )


def _constants(
    placement: Placement, fill: tuple[float, ...], affine: ChannelAffine, block: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the addend of every pixel, and the addend of pixels that show the image."""
    if placement.is_inside:
        return 128.0 * affine.scale + affine.shift, None
    return _shown(fill, affine), level_of(placement, fill, affine, block)


def _shown(fill: tuple[float, ...], affine: ChannelAffine) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(fill), affine.scale.shape) * affine.scale + affine.shift


def fill_offset(taken: NetworkInput) -> NDArray[np.float64]:
    """Return the network's input outside the image, [channels].

    Raises:
        UsageError: if the network was compiled for tensors.
    """
    return _shown(taken.geometry.fill, taken.from_pixels[1])


def level_of(
    placement: Placement, fill: tuple[float, ...], affine: ChannelAffine, block: int
) -> NDArray[np.float64]:
    """Return the addend that replaces the fill by the level 128 where the image is.

    Args:
        placement: placement of the image.
        fill: pixel value outside the image, by channel.
        affine: map from pixels to the network's input.
        block: block size of the result.

    Returns:
        [channels, rows, columns] in the JPEG domain.
    """
    rows, columns = (
        axis_dct(axis.length, block) @ taps_of(axis).level
        for axis in (placement.rows, placement.columns)
    )
    strength = (128.0 - np.broadcast_to(np.asarray(fill), affine.scale.shape)) * affine.scale
    return np.asarray(strength[:, None, None] * np.outer(rows, columns))


def ingest(
    coefficients: Coefficients, taken: NetworkInput, block: int | None = None
) -> NDArray[np.float64]:
    """Return the network's input for a file, [channels, H, W] in the JPEG domain, in float64.

    Args:
        coefficients: coefficients of the file.
        taken: image input of the network.
        block: block size of the result; 1 for pixels. Default: `block_size(H, W)`.

    Raises:
        ImageError, UsageError: as `ingest_operators`.
    """
    operators = ingest_operators(coefficients.frame, taken, block)
    used = np.flatnonzero(operators.mixing.any(axis=0))
    components = np.empty((len(used), *taken.size))
    for place, index in enumerate(used):
        table = coefficients.quantization[index].astype(np.float64)
        plane = planes_in_place(coefficients.planes[index] * table)
        if operators.is_transposed:
            plane = np.ascontiguousarray(plane.T)
        components[place] = operators.columns[index].columns(operators.rows[index].rows(plane))
    mixed = operators.mixing[:, used] @ components.reshape(len(used), -1)
    result = mixed.reshape(-1, *taken.size)
    size = operators.block
    result[:, ::size, ::size] += size * operators.offset[:, None, None]
    return result if operators.level is None else result + operators.level
