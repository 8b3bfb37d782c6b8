"""Calls of operators that see all channels of an image, or two maps, at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from support.function_bodies import Array, BodyCase, terms_of
from support.maps import SHAPES, forward, inverse, random_map

from jpegcompile.dct.blocks import block_size, dc_map
from jpegcompile.kernels.group_normalization.reference import jpeg_group_normalization
from jpegcompile.kernels.product.reference import jpeg_max, jpeg_min, jpeg_mul
from jpegcompile.kernels.reduce.reference import (
    jpeg_channel_max,
    jpeg_channel_mean,
    jpeg_channel_min,
    jpeg_channel_sum,
)

# Large enough that a change of a hundredth is seen.
EPSILON = 1.0


def normalization_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, (channels, height, width) = random_map(shape), shape[1:]
        scale, shift = random_map((channels, 1, 1)), random_map((channels, 1, 1)) + 1.0
        for groups in sorted({1, channels, 2 if channels % 2 == 0 else 1}):
            for is_spatial in (False, True):
                block = 1 if is_spatial else block_size(height, width)
                pixels = 1 if is_spatial else -1
                rows = np.asarray([0, groups, pixels, -1 if is_spatial else height * width])
                operands: list[Array] = [x, scale, shift, np.asarray([EPSILON]), rows]
                attributes = {"groups": groups}
                if not is_spatial:
                    operands.append(dc_map(height, width, block))
                    attributes["block"] = block
                yield BodyCase(
                    f"{shape}-{groups}",
                    f"{'Spatial' if is_spatial else 'Jpeg'}GroupNormalization",
                    tuple(operands),
                    attributes,
                    jpeg_group_normalization(
                        x, scale, shift, groups=groups, epsilon=EPSILON, block=block
                    ),
                    # Two sums over all pixels of a group, and the steps between.
                    2 * x[0].size // groups + 8,
                )


def product_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, block = random_map(shape), block_size(*shape[2:])
        others = [random_map(shape)[::-1].copy() + 0.25]
        matrices = inverse(*shape[2:]) + forward(*shape[2:])
        attributes, terms = {"block": block}, 2 * terms_of(matrices)
        for op, meaning in (("JpegMul", jpeg_mul), ("JpegMax", jpeg_max), ("JpegMin", jpeg_min)):
            shared = [random_map((shape[0], 1, *shape[2:]))] if op == "JpegMul" else []
            for other in (*others, *shared):
                operands = (x, other, *matrices)
                name = f"{shape}-{other.shape[1]}"
                yield BodyCase(
                    name, op, operands, attributes, meaning(x, other, block=block), terms
                )


def channel_reduction_cases() -> Iterator[BodyCase]:
    for shape in SHAPES:
        x, block = random_map(shape), block_size(*shape[2:])
        matrices = inverse(*shape[2:]) + forward(*shape[2:])
        attributes = {"block": block}
        for op, linear in (
            ("JpegChannelMean", jpeg_channel_mean),
            ("JpegChannelSum", jpeg_channel_sum),
        ):
            expected = linear(x, block=block)
            yield BodyCase(f"{shape}", op, (x,), attributes, expected, shape[1])
        for op, extreme in (
            ("JpegChannelMax", jpeg_channel_max),
            ("JpegChannelMin", jpeg_channel_min),
        ):
            expected = extreme(x, block=block)
            operands = (x, *matrices)
            yield BodyCase(f"{shape}", op, operands, attributes, expected, terms_of(matrices))
