"""Calls of the transposed convolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support.function_bodies import BodyCase, terms_of
from support.maps import blocks_of, forward, inverse, random_map

from jpegcompile.dct.windows import Pads, Pair
from jpegcompile.kernels.conv_transpose.reference import jpeg_conv_transpose

# Shape, kernel, strides, pads, dilations, output padding, group and channels that result. Block
# sizes on the two sides: 8-8, 4-8, 1-2, 8-1, 2-1, 4-4, 1-1, 8-8, 2-8.
TRANSPOSED: list[tuple[tuple[int, ...], Pair, Pair, Pads, Pair, Pair, int, int]] = [
    ((1, 3, 8, 16), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1), (0, 0), 1, 4),
    ((2, 4, 4, 12), (4, 4), (2, 2), (1, 1, 1, 1), (1, 1), (0, 0), 2, 6),
    ((3, 2, 7, 5), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (1, 1), 1, 3),
    ((1, 6, 8, 8), (3, 3), (1, 1), (0, 1, 1, 2), (1, 1), (0, 0), 3, 3),
    ((2, 2, 6, 10), (1, 1), (3, 2), (0, 0, 1, 0), (1, 1), (0, 0), 1, 2),
    ((1, 2, 4, 12), (5, 3), (3, 1), (2, 0, 0, 2), (1, 2), (0, 0), 1, 3),
    ((2, 4, 3, 7), (2, 3), (1, 4), (1, 2, 0, 0), (2, 3), (0, 2), 4, 4),
    ((1, 2, 8, 8), (4, 4), (4, 4), (4, 8, 4, 0), (1, 1), (0, 0), 2, 2),
    ((2, 3, 2, 6), (3, 2), (5, 3), (0, 0, 0, 1), (2, 1), (1, 2), 1, 2),
]


def transposed_size(
    size: tuple[int, ...], kernel: Pair, strides: Pair, pads: Pads, dilations: Pair, spare: Pair
) -> Pair:
    """Height and width that a transposed convolution gives."""
    high, wide = (
        (size[a] - 1) * strides[a]
        + (kernel[a] - 1) * dilations[a]
        + (1 + spare[a] - pads[a] - pads[a + 2])
        for a in (0, 1)
    )
    return high, wide


def conv_transpose_cases() -> Iterator[BodyCase]:
    for shape, kernel, strides, pads, dilations, spare, group, made in TRANSPOSED:
        size = transposed_size(shape[2:], kernel, strides, pads, dilations, spare)
        x, weight = random_map(shape), random_map((shape[1], made // group, *kernel))
        bias = random_map((made,))
        attributes: dict[str, Any] = {
            "strides": strides,
            "pads": pads,
            "dilations": dilations,
            "output_padding": spare,
            "group": group,
            **blocks_of(x, size),
        }
        matrices = inverse(*shape[2:]) + forward(*size)
        yield BodyCase(
            f"{shape}-{kernel}-{strides}-{pads}-{dilations}-{spare}-{group}",
            "JpegConvTranspose",
            (x, weight, bias, *matrices),
            attributes,
            jpeg_conv_transpose(x, weight, bias, **attributes),
            terms_of(matrices) + shape[1] // group * kernel[0] * kernel[1] + 1,
        )
