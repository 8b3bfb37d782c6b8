"""The decode contract as a linear operator on coefficients, with no pixel in between.

Component k of a file becomes rows_k @ C_k @ columns_k^T, C_k being its dequantised coefficients in
place; each one-dimensional operator is inverse DCT, crop to the true size, upsampling, crop to the
image and forward DCT at the network's block size, composed. Colour and normalisation then mix
channels, and constants touch the DC coefficients only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jpegcompile.dct.blocks import axis_dct, block_size, dc_map, planes_in_place
from jpegcompile.dct.color import Color, check_chroma_sampling, mixing_matrix
from jpegcompile.dct.upsampling import Upsampling
from jpegcompile.jpeg.coefficients import Coefficients, ColorSpace, ceil_div


@dataclass(frozen=True)
class ChannelAffine:
    """y = scale * x + shift for each channel: float64 [channels] each."""

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    def then(self, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> ChannelAffine:
        """This map followed by y = scale * x + shift."""
        return ChannelAffine(self.scale * scale, self.shift * scale + shift)


@dataclass(frozen=True)
class IngestGeometry:
    """What the ingest must know of a file: everything but its coefficients and tables."""

    height: int
    width: int
    sampling: tuple[tuple[int, int], ...]
    color_space: ColorSpace

    @classmethod
    def of(cls, coefficients: Coefficients) -> IngestGeometry:
        """The geometry of one file."""
        return cls(
            coefficients.height,
            coefficients.width,
            coefficients.sampling,
            coefficients.color_space,
        )


@dataclass(frozen=True)
class IngestOperators:
    """The operators of one geometry; see the module's text.

    Attributes:
        rows, columns: for each component [H, 8*block rows] and [W, 8*block columns]; float64.
        mixing: [channels, components], colour and normalisation together.
        offset: [channels], the level shift and the normalisation's constant, in pixel units.
        block: block size of the result.
    """

    rows: tuple[NDArray[np.float64], ...]
    columns: tuple[NDArray[np.float64], ...]
    mixing: NDArray[np.float64]
    offset: NDArray[np.float64]
    block: int


def ingest_operators(
    geometry: IngestGeometry, color: Color, affine: ChannelAffine
) -> IngestOperators:
    """Operators that take the dequantised coefficients of a file to a network's input.

    Args:
        geometry: image size, sampling and colour space of the file.
        color: channels that the network takes.
        affine: from pixels on the 0..255 scale to the network's input, for each channel.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    check_chroma_sampling(geometry.sampling, geometry.color_space)
    block = block_size(geometry.height, geometry.width)
    most_horizontal = max(h for h, _ in geometry.sampling)
    most_vertical = max(v for _, v in geometry.sampling)
    rows, columns = [], []
    for index, (horizontal, vertical) in enumerate(geometry.sampling):
        true_height = ceil_div(geometry.height * vertical, most_vertical)
        true_width = ceil_div(geometry.width * horizontal, most_horizontal)
        upsampling = Upsampling.of(geometry.sampling, index, true_width)
        rows.append(
            _axis_operator(
                geometry.height, true_height, upsampling.vertical, upsampling.triangle, block
            )
        )
        columns.append(
            _axis_operator(
                geometry.width, true_width, upsampling.horizontal, upsampling.triangle, block
            )
        )
    mixing = mixing_matrix(geometry.color_space, color)
    return IngestOperators(
        tuple(rows),
        tuple(columns),
        mixing * affine.scale[:, None],
        128.0 * affine.scale + affine.shift,
        block,
    )


@lru_cache(maxsize=64)
def _axis_operator(
    size: int, true_size: int, factor: int, triangle: bool, block: int
) -> NDArray[np.float64]:
    """[size, 8*ceil(true_size/8)]: coefficients of a component's axis to those of the result."""
    padded = 8 * ceil_div(true_size, 8)
    samples = axis_dct(padded, 8).T[:true_size]
    upsampled = Upsampling(factor, factor, triangle).axis_matrix(factor, true_size, size) @ samples
    operator = axis_dct(size, block) @ upsampled
    operator.setflags(write=False)
    return np.asarray(operator, np.float64)


def ingest(coefficients: Coefficients, color: Color, affine: ChannelAffine) -> NDArray[np.float64]:
    """The network's input [channels, H, W] in the jpeg domain at `block_size(H, W)`, in float64.

    Raises:
        ImageError: if sampling factors are fractional, or differ between Cb and Cr.
    """
    operators = ingest_operators(IngestGeometry.of(coefficients), color, affine)
    constant = dc_map(coefficients.height, coefficients.width, operators.block)
    result = operators.offset[:, None, None] * constant
    for index in np.flatnonzero(operators.mixing.any(axis=0)):
        table = coefficients.quantization[index].astype(np.float64)
        plane = planes_in_place(coefficients.planes[index].astype(np.float64) * table)
        component = operators.rows[index] @ plane @ operators.columns[index].T
        result += operators.mixing[:, index, None, None] * component
    return result
